//go:build linux && amd64

package kvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"g86/cpu"
)

// Probe is what a small guest found out about a host.
type Probe struct {
	InsnsPerSecond uint64 // in ring 0
	ExitNS         uint64 // nanoseconds for an OUT, there and back
}

// The guest, in 64-bit mode. It counts down in ring 0, where some hosts emulate every
// instruction, then writes to a port.
var probeCode = []byte{
	0x48, 0x01, 0xc8, // loop: add rax, rcx
	0x48, 0x31, 0xc2, // xor rdx, rax
	0x48, 0xff, 0xc9, // dec rcx
	0x75, 0xf5, // jnz loop
	0xb9, probeOuts, 0, 0, 0, // mov ecx, probeOuts
	0xe6, 0x80, // out: out 80h, al
	0xff, 0xc9, // dec ecx
	0x75, 0xfa, // jnz out
	0xf4, // hlt
}

const (
	probeLoops = 200_000
	probeOuts  = 50
	probeOut   = 16                   // offset of the port write
	probeTime  = 5 * time.Millisecond // for the loop
	probeTotal = 100 * time.Millisecond
)

// Probe runs a small guest and measures it, in a few milliseconds. The error says what
// the guest did wrong.
func (h *Host) Probe() (p Probe, err error) {
	ram := pages(64 << 10)
	const tables, code = 0x1000, 0x8000
	put := func(at, v uint64) { binary.LittleEndian.PutUint64(ram[at:], v) }
	put(tables, tables+0x1000|7)        // PML4
	put(tables+0x1000, tables+0x2000|7) // page-directory pointers
	put(tables+0x2000, 0x83)            // 2 MiB at 0
	copy(ram[code:], probeCode)

	model, err := cpu.NewModel("x86-64")
	if err != nil {
		return p, err
	}
	board := &probeBoard{}
	c := cpu.New(0, model, board, cpu.NewCodeCache())
	board.cpu = c
	vm, err := New(h, Config{CPUs: []*cpu.CPU{c}, PsPerInsn: func() uint64 { return 1000 }, TSCHz: 1_000_000_000,
		Memory: func() []Memory { return []Memory{{Host: ram}} }})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	s := &c.State
	s.CR0, s.CR3, s.CR4 = cpu.CR0PE|cpu.CR0PG|cpu.CR0NE|cpu.CR0ET, tables, cpu.CR4PAE
	s.EFER = cpu.EFERLME | cpu.EFERLMA
	s.Seg[cpu.CS] = cpu.Segment{Sel: 8, Attr: 0xa09b, Limit: 0xffffffff}
	for _, i := range []int{cpu.SS, cpu.DS, cpu.ES, cpu.FS, cpu.GS} {
		s.Seg[i] = cpu.Segment{Sel: 16, Attr: 0xc093, Limit: 0xffffffff}
	}
	s.GPR = [32]uint64{cpu.RCX: probeLoops}
	s.RIP, s.RFLAGS = code, cpu.Flag1
	c.Refresh()

	vm.Idle()
	start := time.Now()
	if _, err := vm.vcpus[0].Run(c.ICount + uint64(probeTime)); err != nil {
		return p, err
	}
	if err := vm.Pull(); err != nil {
		return p, err
	}
	spent := time.Since(start)
	if board.first.IsZero() { // still in the loop
		done := probeLoops - s.GPR[cpu.RCX]
		p.InsnsPerSecond = 4 * done * uint64(time.Second) / uint64(spent)
		if s.RIP < code || s.RIP >= code+uint64(len(probeCode)) {
			return p, fmt.Errorf("the probe guest went astray, to %#x", s.RIP)
		}
		s.GPR[cpu.RCX], s.RIP = probeOuts, code+probeOut // the rest of it all the same
	} else {
		p.InsnsPerSecond = 4 * probeLoops * uint64(time.Second) / uint64(max(board.first.Sub(start), 1))
	}
	if _, err := vm.vcpus[0].Run(c.ICount + uint64(probeTotal)); err != nil {
		return p, err
	}
	if err := vm.Pull(); err != nil {
		return p, err
	}
	if !s.Halted || board.outs != probeOuts || s.GPR[cpu.RAX]&0xff != board.al {
		return p, fmt.Errorf("the probe guest went wrong: %d of %d port writes, then at %#x", board.outs, probeOuts, s.RIP)
	}
	p.ExitNS = uint64(board.last.Sub(board.first)) / (probeOuts - 1)
	return p, nil
}

// probeBoard is nothing but a port.
type probeBoard struct {
	cpu         *cpu.CPU
	outs        int
	al          uint64
	first, last time.Time
}

func (b *probeBoard) Out(_ uint16, _ int, v uint32) {
	b.last, b.al = time.Now(), uint64(v)
	if b.outs == 0 {
		b.first = b.last
	}
	b.outs++
}

func (*probeBoard) In(uint16, int) uint32           { return 0xffffffff }
func (*probeBoard) Read(uint64, int) uint64         { return 0 }
func (*probeBoard) Write(uint64, int, uint64)       {}
func (*probeBoard) Page(uint64) ([]byte, bool)      { return nil, false }
func (b *probeBoard) TSC() uint64                   { return b.cpu.ICount }
func (*probeBoard) TSCRate() uint64                 { return 1 }
func (*probeBoard) TSCChanged()                     {}
func (*probeBoard) Random() uint64                  { return 0 }
func (*probeBoard) Interrupt() bool                 { return false }
func (*probeBoard) Ack() int                        { return -1 }
func (*probeBoard) TPR() uint8                      { return 0 }
func (*probeBoard) SetTPR(uint8)                    {}
func (*probeBoard) ReadMSR(n uint32) (uint64, bool) { return 0xfee00900, n == msrAPICBase }
func (*probeBoard) WriteMSR(uint32, uint64) bool    { return false }
func (*probeBoard) FERR(bool)                       {}
