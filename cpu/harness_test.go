package cpu

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
)

// The test rig: one processor on a board of flat memory, in real mode, or flat
// 32-bit or 64-bit ring 0 with every exception vector leading to a HLT.

const (
	rigCode    = 0x4000  // where Exec puts instructions
	rigData    = 0x8000  // free for tests
	rigHandler = 0x3000  // HLT
	rigIDT     = 0x10000 // protected and long mode
	rigGDT     = 0x12000
	rigPages   = 0x20000 // long mode page tables: the first GiB, identity
	rigStack   = 0x60000
	rigRAM     = 1 << 20
)

type testBoard struct {
	ram   []byte
	ferr  bool
	edges int // of FERR#
	ports map[uint16]uint32
	rom   [2]uint64 // first and last read-only address
}

func (b *testBoard) In(port uint16, size int) uint32      { return b.ports[port] }
func (b *testBoard) Out(port uint16, size int, v uint32)  { b.ports[port] = v }
func (b *testBoard) Read(pa uint64, size int) uint64      { return ^uint64(0) >> (64 - 8*size) }
func (b *testBoard) Write(pa uint64, size int, v uint64)  {}
func (b *testBoard) TSC() uint64                          { return 0 }
func (b *testBoard) Random() uint64                       { return 0x1234 }
func (b *testBoard) Interrupt() bool                      { return false }
func (b *testBoard) Ack() int                             { return -1 }
func (b *testBoard) TPR() uint8                           { return 0 }
func (b *testBoard) SetTPR(uint8)                         {}
func (b *testBoard) ReadMSR(n uint32) (v uint64, ok bool) { return 0, false }
func (b *testBoard) WriteMSR(n uint32, v uint64) bool     { return false }

func (b *testBoard) TSCRate() uint64 { return 0 }
func (b *testBoard) TSCChanged()     {}
func (b *testBoard) FERR(level bool) {
	b.ferr = level
	b.edges++
}

func (b *testBoard) Page(pa uint64) ([]byte, bool) {
	if pa >= uint64(len(b.ram)) {
		return nil, false
	}
	return b.ram[pa : pa+0x1000], b.rom[1] == 0 || pa < b.rom[0] || pa > b.rom[1]
}

type rig struct {
	*CPU
	t       testing.TB
	board   *testBoard
	vectors []uint8 // exceptions delivered since the last Exec
	errCode uint32  // of the last one
}

// newRig makes a rig with code size 16 (real mode), 32 or 64.
func newRig(t testing.TB, model string, bits int) *rig {
	m, err := NewModel(model)
	require.NoError(t, err)
	b := &testBoard{ram: make([]byte, rigRAM), ports: map[uint16]uint32{}}
	r := &rig{CPU: New(0, m, b, NewCodeCache()), t: t, board: b}
	r.OnException = func(_ *CPU, vector uint8, _ string, code uint32) {
		r.vectors = append(r.vectors, vector)
		r.errCode = code
	}
	b.ram[rigHandler] = 0xf4
	data := Segment{Sel: 0x10, Limit: 0xffffffff, Attr: attrP | attrS | attrWrite | attrAccessed | attrDB | attrG}
	switch bits {
	case 16:
		for i := range 256 {
			binary.LittleEndian.PutUint16(b.ram[4*i:], rigHandler)
		}
		data = Segment{Limit: 0xffff, Attr: attrP | attrS | attrWrite | attrAccessed}
	case 32:
		r.CR0 = CR0PE
		r.IDT(8)
	case 64:
		r.CR0, r.CR4, r.CR3, r.EFER = CR0PE|CR0PG, CR4PAE, rigPages, EFERLME|EFERLMA
		r.put(rigPages, rigPages+0x1000|3)
		r.put(rigPages+0x1000, rigPages+0x2000|3)
		for i := range uint64(512) {
			r.put(rigPages+0x2000+8*i, i<<21|0x83)
		}
		r.IDT(16)
	}
	r.CR0 |= CR0ET | CR0NE
	if bits != 16 {
		r.put(rigGDT+8, 0x00cf9b000000ffff)
		if bits == 64 {
			r.put(rigGDT+8, 0x00af9b000000ffff)
		}
		r.put(rigGDT+16, 0x00cf93000000ffff)
		r.GDTR = Table{Base: rigGDT, Limit: 0x17}
	}
	for i := range 6 {
		r.Seg[i] = data
	}
	r.Seg[CS].Attr |= attrCode
	if bits != 16 {
		r.Seg[CS].Sel = 8
	}
	if bits == 64 {
		r.Seg[CS].Attr = r.Seg[CS].Attr&^attrDB | attrL
	}
	if m.Has(isa.SSE) {
		r.CR4 |= CR4OSFXSR | CR4OSXMMEXCPT
	}
	r.GPR[RSP] = rigStack
	if bits == 16 {
		r.GPR[RSP] = 0x2000
	}
	r.FPU.CW, r.FPU.Tag = cwInit, 0
	r.Refresh()
	return r
}

// IDT fills the interrupt descriptor table with gates of n bytes.
func (r *rig) IDT(n int) {
	for i := range 32 {
		r.put(uint64(rigIDT+n*i), rigHandler|8<<16|0x8e00<<32)
	}
	r.IDTR = Table{Base: rigIDT, Limit: uint16(32*n - 1)}
}

func (r *rig) put(pa, v uint64)     { binary.LittleEndian.PutUint64(r.board.ram[pa:], v) }
func (r *rig) get(pa uint64) uint64 { return binary.LittleEndian.Uint64(r.board.ram[pa:]) }

// Exec runs the instructions given as hexadecimal digits, spaces ignored, and
// then HLT; it returns the vector of the exception raised, or -1.
func (r *rig) Exec(code string) int {
	r.t.Helper()
	b, err := hex.DecodeString(strings.Map(func(c rune) rune {
		if c == ' ' {
			return -1
		}
		return c
	}, code))
	require.NoError(r.t, err, code)
	copy(r.board.ram[rigCode:], append(b, 0xf4))
	r.code.Written(rigCode, len(b)+1)
	r.RIP = rigCode
	r.Halted = false
	r.vectors = nil
	r.Refresh()
	require.Equal(r.t, ExitHalt, r.Run(r.ICount+1000), "%s: %v", code, r.vectors)
	r.Pull()
	if len(r.vectors) == 0 {
		return -1
	}
	require.Len(r.t, r.vectors, 1, code)
	if r.RIP > rigHandler && r.RIP < rigCode { // the handler ran; a fault left the state as it was
		return int(r.vectors[0])
	}
	r.t.Fatalf("%s: exception %d without its handler, at %#x", code, r.vectors[0], r.RIP)
	return -1
}

// decode64 is the disassembly of one instruction in 64-bit mode.
func decode64(code []byte) (string, error) {
	var in isa.Inst
	if err := isa.Decode(code, 64, &in); err != nil {
		return "", err
	}
	return isa.Forms[in.Form].Mnemonic + " " + isa.Forms[in.Form].Args, nil
}
