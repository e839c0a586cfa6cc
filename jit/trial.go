//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"g86/cpu"
	"g86/cpu/isa"
)

// What the manual leaves undefined must be on the host what it is in the interpreter, or
// what package jit makes of it. Makers' processors differ, and so do emulators that g86 may run under. A
// trial runs every kind of instruction with undefined flags or results on both; it takes some
// 15 milliseconds, which are not spent where the processor is known.

// trialCode are such instructions, on RAX, RCX and RDX.
var trialCode = []string{
	"21c8", "09c8", "31c8", "85c8", "20c8", "4821c8", // AND, OR, XOR, TEST
	"c1e005", "c1e805", "c1f805", "c1c005", "c1c805", "d3e0", "d3e8", "d3f8", "d3c0", "d3c8", // shifts and rotations
	"c0e003", "d2e8", "66c1e005", "48c1e011", "48d3c0", "48d3f8", "d1d0", "d1d8",
	"0fa4d005", "0facd005", "0fa5d0", "0fadd0", // SHLD, SHRD
	"0fa3c8", "0fabc8", "0fb3c8", "0fbbc8", "0fbae007", "480fa3c8", // BT, BTS, BTR, BTC
	"0fbcc1", "0fbdc1", "480fbcc1", "480fbdc1", "f30fbcc1", "f30fbdc1", "f30fb8c1", // BSF, BSR, TZCNT, LZCNT, POPCNT
	"f7e1", "f7e9", "f6e1", "48f7e1", "0fafc1", "480fafc1", "6bc105", // MUL, IMUL
}

// trialValues are what RAX, RCX and RDX hold.
var trialValues = [][3]uint64{
	{0xdeadbeefcafe8001, 5, 0x123456789abcdef0},
	{0x0000000180000001, 0, 1},
	{0x7fff7fff7fff7fff, 0x21, 0x8000000000000000},
	{0, 1, ^uint64(0)},
	{^uint64(0), ^uint64(2), 0x55},
}

// trialFlags are the status flags before.
var trialFlags = []uint32{0, isa.StatusFlags}

const (
	trialRAM    = 256 << 10
	trialTables = 0x1000 // of the first 2 MiB, in three pages
	trialStart  = 0x4000
	trialStack  = trialRAM
	trialPushed = 24 // bytes a case: RFLAGS, RAX, RDX
)

// trialBoard is memory and nothing else.
type trialBoard struct {
	cpu.Board // nil: nobody asks for what is missing
	ram       []byte
}

func (b *trialBoard) Interrupt() bool { return false }
func (b *trialBoard) TSCRate() uint64 { return 0 }
func (b *trialBoard) Page(pa uint64) ([]byte, bool) {
	if pa >= trialRAM {
		return nil, false
	}
	return b.ram[pa : pa+0x1000], true
}

// trialProgram runs all cases and halts.
func trialProgram() (code []byte, names []string) {
	for _, h := range trialCode {
		insn, err := hex.DecodeString(h)
		if err != nil {
			panic(err)
		}
		var in isa.Inst
		if err := isa.Decode(insn, 64, &in); err != nil {
			panic(h + ": " + err.Error())
		}
		for _, v := range trialValues {
			for _, fl := range trialFlags {
				for i, op := range []byte{0xb8, 0xb9, 0xba} { // MOV r64,imm64
					code = binary.LittleEndian.AppendUint64(append(code, 0x48, op), v[i])
				}
				code = binary.LittleEndian.AppendUint32(append(code, 0x68), fl) // PUSH imm32; POPFQ
				code = append(code, 0x9d)
				code = append(code, insn...)
				code = append(code, 0x9c, 0x50, 0x52) // PUSHFQ; PUSH RAX; PUSH RDX
				names = append(names, fmt.Sprintf("%s with %#x, %#x, %#x and flags %#x", isa.Disasm(&in, 0, 64), v[0], v[1], v[2], fl))
			}
		}
	}
	return append(code, 0xf4), names
}

// trialRun runs the program, by the interpreter unless attach gives the processor another
// engine, and returns what it has left on its stack.
func trialRun(code []byte, attach func(*cpu.CodeCache) error) ([]byte, error) {
	m, err := cpu.NewModel("max")
	if err != nil {
		return nil, err
	}
	b := &trialBoard{ram: make([]byte, trialRAM)}
	copy(b.ram[trialStart:], code)
	const present = 3 // and writable
	for i, v := range []uint64{trialTables + 0x1000 | present, trialTables + 0x2000 | present, 1<<7 | present} {
		binary.LittleEndian.PutUint64(b.ram[trialTables+i*0x1000:], v)
	}
	k := cpu.NewCodeCache()
	c := cpu.New(0, m, b, k)
	if err := attach(k); err != nil {
		return nil, err
	}
	c.CR0, c.CR3, c.CR4, c.EFER = cpu.CR0PE|cpu.CR0PG|cpu.CR0ET, trialTables, cpu.CR4PAE, cpu.EFERLME|cpu.EFERLMA
	for i := range c.Seg[:6] {
		c.Seg[i] = cpu.Segment{Sel: 0x10, Attr: 0xc093, Limit: ^uint32(0)}
	}
	c.Seg[cpu.CS] = cpu.Segment{Sel: 8, Attr: 0xa09b, Limit: ^uint32(0)}
	c.RIP, c.GPR[cpu.RSP] = trialStart, trialStack
	c.Refresh()
	if exit := c.Run(1 << 20); exit != cpu.ExitHalt || c.GPR[cpu.RSP] != trialStack-uint64(len(trialCode)*len(trialValues)*len(trialFlags)*trialPushed) {
		return nil, fmt.Errorf("the program of the trial has not come to its end: %v at %#x", exit, c.RIP)
	}
	return b.ram[c.GPR[cpu.RSP]:trialStack], nil
}

// Trial finds out how the host's processor does what may differ, or that it does something in
// a way that is not known.
var Trial = sync.OnceValue(func() error {
	if err := hostLacks(); err != nil {
		return err
	}
	code, names := trialProgram()
	want, err := trialRun(code, func(*cpu.CodeCache) error { return nil })
	if err != nil {
		return err
	}
	var first error
	for range 2 {
		var e *Engine
		got, err := trialRun(code, func(k *cpu.CodeCache) (err error) {
			if e, err = attach(k, 0); err == nil {
				e.Hold()
			}
			return err
		})
		if e != nil {
			e.Release()
			err = errors.Join(err, e.Close())
		}
		if err != nil {
			return err
		}
		if string(got) == string(want) {
			return nil
		}
		if first == nil {
			for i := range names {
				at := len(want) - (i+1)*trialPushed
				if g, w := got[at:at+trialPushed], want[at:at+trialPushed]; string(g) != string(w) {
					first = fmt.Errorf("the host's processor gives another result for %s: RDX, RAX, RFLAGS %x instead of %x", names[i], g, w)
					break
				}
			}
		}
		hostStepsOF = !hostStepsOF // what processors are known to differ in
	}
	return first
})
