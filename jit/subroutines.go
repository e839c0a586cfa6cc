//go:build linux && amd64

package jit

import (
	"unsafe"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Subroutines of host code: what takes too much code to be in line, and goes on behind it. They are
// written like ring crossings, and likewise do the usual case or nothing. Their argument is in R10;
// RCX is 0 afterwards if they have done it, and all else as before.

// ask calls a subroutine; what it does not do is the interpreter's. Flags have to be in the host's.
func (t *trans) ask(routine int) {
	t.Patch(t.Call(), routine)
	t.needZero()
}

// Where subroutines put what they use: the words of ring crossings.
var subroutineSaves = func() (s [6]amd64.Mem) {
	for i := range s {
		s[i] = native(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.CS) + 8*uintptr(i))
	}
	return s
}()

var subroutineUses = [len(subroutineSaves)]amd64.Reg{amd64.RAX, amd64.RBX, amd64.RDX, amd64.RSI, amd64.RDI, amd64.R13}

func (e *Engine) emitSubroutines(kind cpu.CodeKind) {
	g := &e.glue[kind]
	x := &crossing{Asm: &e.asm, e: e, kind: kind, long: kind&cpu.CodeLong != 0}
	for _, i := range [...]int{isa.ES, isa.DS, isa.FS, isa.GS} {
		g.loadSeg[i] = x.subroutine(func() { x.loadSeg(i) })
	}
	g.popf = x.subroutine(x.popf)
}

// subroutine writes one and returns its offset.
func (x *crossing) subroutine(body func()) int {
	x.bails = x.bails[:0]
	at := x.N
	for i, r := range subroutineUses {
		x.Store(subroutineSaves[i], r, 8)
	}
	x.e.getFlags()
	x.Store(natFlags, amd64.RAX, 2)
	x.Load(crossCPU, natSelf, 8)
	body()
	x.MovImm(amd64.RCX, 0)
	done := x.Jmp()
	for _, pos := range x.bails {
		x.Patch(pos, x.N)
	}
	x.MovImm(amd64.RCX, 1)
	x.Patch(done, x.N)
	x.Load(amd64.RAX, natFlags, 4)
	x.e.setFlags()
	for i, r := range subroutineUses {
		x.Load(r, subroutineSaves[i], 8)
	}
	x.Ret()
	return at
}

// protected checks that 32-bit code is that of protected mode.
func (x *crossing) protected() {
	x.TestMem(state(cpu.NativeOffsets.CR0), cpu.CR0PE)
	x.bail(amd64.Equal)
	x.OpMemImm(amd64.Cmp, state(cpu.CrossingOffsets.Long), 0, 1) // not compatibility mode
	x.bail(amd64.NotEqual)
}

// lowerPopf is POPF of status flags and IF.
func lowerPopf(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	t.settle() // the subroutine may leave them as they are
	t.Load(tmpA, t.access(amd64.At(guestSP, 0), size, read), size)
	t.ask(t.glue().popf)
	t.addSP(int32(size))
	return true
}

// popf takes the flags in R10 where the current privilege may change IF, which lets no interrupt in that
// waits, and of the others only status flags differ.
func (x *crossing) popf() {
	const same = cpu.FlagTF | cpu.FlagIOPL | cpu.FlagDF | cpu.FlagNT | cpu.FlagRF | cpu.FlagVM | cpu.FlagAC | cpu.FlagVIF | cpu.FlagVIP | cpu.FlagID
	x.OpMemImm(amd64.Cmp, of(natNoCLI), 0, 8)
	x.bail(amd64.NotEqual)
	x.OpMemImm(amd64.Cmp, of(natAC), 0, 8)
	x.bail(amd64.NotEqual)
	x.TestMem(plus(state(cpu.CrossingOffsets.RFLAGS), 2), cpu.FlagRF>>16)
	x.bail(amd64.NotEqual)
	x.Load(amd64.RDX, of(natSysOff), 8)
	x.Mov(amd64.RAX, amd64.R10, 4)
	x.Op(amd64.Xor, amd64.RAX, amd64.RDX, 4)
	x.TestImm(amd64.RAX, same)
	x.bail(amd64.NotEqual)
	x.TestImm(amd64.R10, cpu.FlagIF)
	off := x.Jcc(amd64.Equal)
	x.OpMemImm(amd64.Cmp, of(natNoSTI), 0, 8)
	x.bail(amd64.NotEqual)
	x.Load(amd64.RDX, of(natSysOn), 8)
	x.Patch(off, x.N)
	x.Store(of(natSysFlags), amd64.RDX, 8)
	x.Mov(amd64.RAX, amd64.R10, 4) // LAHF's byte in AH, OF in AL
	x.Shl(amd64.RAX, 8, 4)
	x.OpImm(amd64.And, amd64.RAX, int32(isa.StatusFlags&0xff)<<8, 4)
	x.Mov(amd64.RCX, amd64.R10, 4)
	x.Shr(amd64.RCX, 11, 4)
	x.OpImm(amd64.And, amd64.RCX, 1, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.Store(of(natFlags), amd64.RAX, 4)
}
