//go:build linux && amd64

package jit

import (
	"unsafe"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Ring crossings: SYSCALL, SYSRET, SYSENTER, SYSEXIT, INT n and IRET lead from one ring to
// another, or to elsewhere in the same, without leaving host code. The glue does here what
// the interpreter's functions (package cpu's fastcall.go, interrupt.go, farxfer.go) do in the case
// that is all there is once an operating system is up: code and stack segments are flat, the code
// size stays, descriptors are in the GDT and have been accessed before, everything that is read or
// written is in the TLB, nothing is traced and no interrupt waits. Whatever else there is, faults
// above all, it has noticed before it changes anything, and leaves the instruction to them.
//
// While it is at it all of the guest's registers and flags are in memory, as on the way back to
// Go: RBX is the processor's address and flags are free. It reads what the interpreter reads (the
// tables of descriptors, the TSS), by the same TLB, and keeps nothing from one crossing to the next.
const crossCPU = amd64.RBX

// crossingOp is one of the instructions.
type crossingOp uint8

const (
	crossSyscall crossingOp = iota
	crossSysret
	crossSysenter
	crossSysexit
	crossInt
	crossIret
	crossingOps
)

// lowerCrossing leads an instruction to the glue: tmpA is the address of the next one, tmpB the
// number of its exit, and RCX the vector.
func lowerCrossing(what crossingOp) func(*trans, *cpu.Op, *lowering) bool {
	return func(t *trans, op *cpu.Op, _ *lowering) bool {
		switch what {
		case crossSyscall:
			if !t.long {
				return false
			}
		case crossSysret:
			if op.OpSize != 8 {
				return false // to compatibility mode
			}
		case crossSysexit, crossIret:
			if int(op.OpSize) != t.width() {
				return false
			}
		}
		t.settle()
		t.giveBack()
		t.MovImm(tmpB, uint64(t.newExit(cpu.NativeExit{Kind: cpu.NativeOp, Op: uint8(t.i)})))
		t.newExit(cpu.NativeExit{Kind: cpu.NativeCrossed}) // the next number
		t.MovImm(tmpA, op.Next)
		if what == crossInt {
			vector := uint64(uint8(op.Imm))
			if isa.Forms[op.Form].Mnemonic == "INT3" {
				vector = 3
			}
			t.MovImm(tmpC, vector)
		}
		t.JmpTo(t.glue().cross[what])
		t.island(false)
		t.done = true
		return true
	}
}

// crossing writes the glue of one kind of code.
type crossing struct {
	*amd64.Asm
	e     *Engine
	kind  cpu.CodeKind
	long  bool
	bails []int // jumps to where the interpreter's function takes over
}

// state is the operand of a field of the processor.
func state(off uintptr) amd64.Mem { return amd64.At(crossCPU, int32(off)) }

// of is likewise the operand of a field that m has as other code addresses it.
func of(m amd64.Mem) amd64.Mem { return amd64.At(crossCPU, m.Disp+cpuBias) }

func crossGPR(i uint8) amd64.Mem { return state(cpu.NativeOffsets.GPR + 8*uintptr(i)) }

func segment(i int) amd64.Mem {
	return state(cpu.NativeOffsets.SegReg + uintptr(i)*cpu.NativeOffsets.SegRegSize)
}

// plus moves an operand.
func plus(m amd64.Mem, n uintptr) amd64.Mem {
	m.Disp += int32(n)
	return m
}

func crossNative(off uintptr) amd64.Mem { return state(cpu.NativeOffsets.Native + off) }

var crossAt = unsafe.Offsetof(cpu.NativeState{}.Crossing)

var (
	natSelf      = native(unsafe.Offsetof(cpu.NativeState{}.Self))
	crossArrived = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.Arrived))
	crossCount   = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.Count))
	crossCS      = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.CS))
	crossSS      = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.SS))
	crossRIP     = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.RIP))
	crossRSP     = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.RSP))
	crossFlags   = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.Flags))
	crossSel     = crossNative(crossAt + unsafe.Offsetof(cpu.NativeCrossing{}.Sel))
)

// emitCrossings writes the crossings of one kind of code. Arrivals are those of both kinds
// of its size.
func (e *Engine) emitCrossings(kind cpu.CodeKind) {
	g := &e.glue[kind]
	x := &crossing{Asm: &e.asm, e: e, kind: kind, long: kind&cpu.CodeLong != 0}
	for what := range crossingOps {
		g.cross[what] = x.N
		x.bails = x.bails[:0]
		x.enter()
		switch what {
		case crossSyscall:
			x.syscall()
		case crossSysret:
			x.sysret()
		case crossSysenter:
			x.sysenter()
		case crossSysexit:
			x.sysexit()
		case crossInt:
			x.interrupt()
		case crossIret:
			x.iret()
		}
		x.arrive()
		for _, pos := range x.bails {
			x.Patch(pos, x.N)
		}
		x.JmpTo(g.stored)
	}
}

// bail leaves the instruction to the interpreter's function on a condition.
func (x *crossing) bail(cc uint8) { x.bails = append(x.bails, x.Jcc(cc)) }

// width is the size of addresses.
func (x *crossing) width() int {
	if x.long {
		return 8
	}
	return 4
}

// enter puts the guest's registers and flags into memory. R11 becomes RFLAGS, RSI what RCX was;
// R10 is still the address of the next instruction.
func (x *crossing) enter() {
	x.Store(natExit, tmpB, 4)
	x.Store(gpr(0), amd64.RAX, 8)
	x.e.getFlags()
	x.Store(natFlags, amd64.RAX, 2)
	for i, r := range hostReg {
		if r != amd64.None && i != 0 && (x.long || i < 8) {
			x.Store(gpr(uint8(i)), r, 8)
		}
	}
	x.Load(crossCPU, natSelf, 8)
	x.Mov(amd64.RSI, amd64.RCX, 8)
	x.Bytes(0x0f, 0xb6, 0xcc) // MOVZX ECX,AH
	x.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: amd64.RAX, RM: amd64.RAX, RMByte: true})
	x.Shl(amd64.RAX, 11, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.OpMem(amd64.Or, amd64.RAX, of(natSysFlags), 8)
	x.Mov(amd64.R11, amd64.RAX, 8)
	x.OpMemImm(amd64.Cmp, of(natAC), 0, 8)
	x.bail(amd64.NotEqual)
	x.OpMemImm(amd64.Cmp, of(natX87), 0, 8) // loaded: what it notes of CS is known on the way back to Go
	x.bail(amd64.Equal)
	if !x.long {
		x.protected()
		x.TestMem(plus(segment(isa.CS), cpu.CrossingOffsets.SegAttr), descWrite>>8) // all code segments look the same then
		x.bail(amd64.Equal)
	}
}

// fromRing0 checks what needs CPL 0.
func (x *crossing) fromRing0() {
	x.OpMemImm(amd64.Cmp, state(cpu.CrossingOffsets.CPL), 0, 1)
	x.bail(amd64.NotEqual)
}

// canonical checks an address; RDX changes.
func (x *crossing) canonical(r amd64.Reg) {
	if !x.long {
		return
	}
	x.Mov(amd64.RDX, r, 8)
	x.Shl(amd64.RDX, 16, 8)
	x.Sar(amd64.RDX, 16, 8)
	x.Op(amd64.Cmp, amd64.RDX, r, 8)
	x.bail(amd64.NotEqual)
}

// interruptible checks that new flags in RAX do not let an interrupt in that waits. R11 are the
// old ones; RCX changes.
func (x *crossing) interruptible() {
	x.Mov(amd64.RCX, amd64.R11, 4)
	x.Not(amd64.RCX, 4)
	x.Op(amd64.And, amd64.RCX, amd64.RAX, 4)
	x.TestImm(amd64.RCX, cpu.FlagIF)
	same := x.Jcc(amd64.Equal)
	x.OpMemImm(amd64.Cmp, state(cpu.CrossingOffsets.Held), 0, 1)
	x.bail(amd64.NotEqual)
	x.Patch(same, x.N)
}

// search finds n bytes at the address in RDI in the TLB in R13: RDX is where the host has
// them. RCX changes.
func (x *crossing) search(n int32, kind int) {
	o := &cpu.NativeOffsets
	tag := o.TLBRead
	if kind == write {
		tag = o.TLBWrite
	}
	in := func(off uintptr) amd64.Mem {
		return amd64.Mem{Base: amd64.R13, Index: amd64.RCX, Scale: 3, Disp: int32(off)}
	}
	x.Mov(amd64.RCX, amd64.RDI, 4)
	x.Shr(amd64.RCX, 12, 4)
	x.Load(amd64.RDX, in(tag), 8)
	x.Lea(amd64.RDX, amd64.Mem{Base: amd64.RDX, Index: amd64.RDI, Disp: n - 1}, 8)
	x.OpImm(amd64.Cmp, amd64.RDX, pageSize, 8)
	x.bail(amd64.AboveEqual)
	x.Load(amd64.RDX, in(o.TLBHost), 8)
	x.Op(amd64.Add, amd64.RDX, amd64.RDI, 8)
}

// superTLB makes R13 the TLB of rings 0 to 2, which there is since reset.
func (x *crossing) superTLB() { x.Load(amd64.R13, state(cpu.NativeOffsets.TLBs+8*cpu.TLBSuper), 8) }

func (x *crossing) storeZero(m amd64.Mem) {
	x.Emit(&amd64.Insn{Opcode: 0xc7, Size: 8, Mem: &m, ImmSize: 4})
}

// prepare looks for what the privilege in R9 needs: RSI becomes the number of its TLB and of its
// stack of return addresses, RDI that TLB, R8 whether it has a window, RBP its cache of jumps,
// R14 where its stack of return addresses is. It is the last to leave for the interpreter. RAX, RCX and RDX
// change.
func (x *crossing) prepare() {
	o, n := &cpu.CrossingOffsets, &cpu.NativeOffsets
	x.ring(amd64.RSI, amd64.R9)
	x.Load(amd64.RDI, amd64.Mem{Base: crossCPU, Index: amd64.RSI, Scale: 3, Disp: int32(n.TLBs)}, 8)
	x.ImulImm(amd64.RCX, amd64.RSI, int32(o.WindowSize))
	x.Load(amd64.R8, amd64.Mem{Base: crossCPU, Index: amd64.RCX, Disp: int32(o.Windows + o.WindowOpen)}, 1)
	kind := int32(x.kind & cpu.CodeLong)
	x.Lea(amd64.RCX, amd64.Mem{Base: amd64.None, Index: amd64.R8, Scale: 1, Disp: kind}, 4) // cpu.CodeWindowed is 2
	x.Load(amd64.RBP, amd64.Mem{Base: crossCPU, Index: amd64.RCX, Scale: 3, Disp: int32(o.Jumps)}, 8)
	x.ImulImm(amd64.RDX, amd64.RSI, int32(o.ReturnsSize))
	returns := func(off uintptr) amd64.Mem {
		return amd64.Mem{Base: crossCPU, Index: amd64.RDX, Disp: int32(o.Returns + off)}
	}
	// A stack that is not empty has been in use: the TLB and the cache of jumps exist, too.
	x.Load(amd64.RAX, returns(o.ReturnsKind), 1)
	x.Op(amd64.Cmp, amd64.RAX, amd64.RCX, 4)
	x.bail(amd64.NotEqual)
	x.Load(amd64.R14, returns(o.ReturnsSP), 8)
	x.OpMem(amd64.Cmp, amd64.R14, returns(o.ReturnsLeast), 8)
	x.bail(amd64.BelowEqual)
	x.cpl2ring(amd64.RAX)
	x.Op(amd64.Cmp, amd64.RAX, amd64.RSI, 4)
	other := x.Jcc(amd64.NotEqual)
	x.Mov(amd64.R14, amd64.RSP, 8) // the stack in use
	x.Patch(other, x.N)
}

// ring makes dst the number of the TLB and stack of return addresses of a privilege: 1 for
// ring 3, otherwise 0.
func (x *crossing) ring(dst, cpl amd64.Reg) {
	x.Lea(dst, amd64.At(cpl, 1), 4)
	x.Shr(dst, 2, 4)
}

// cpl2ring is ring of the current privilege.
func (x *crossing) cpl2ring(dst amd64.Reg) {
	x.Load(dst, state(cpu.CrossingOffsets.CPL), 1)
	x.ring(dst, dst)
}

// arrive goes on at R10 with the flags in R11 and what prepare has found. Registers, memory and
// segments are as they have to be.
func (x *crossing) arrive() {
	o, n := &cpu.CrossingOffsets, &cpu.NativeOffsets
	x.cpl2ring(amd64.RAX)
	x.ImulImm(amd64.RCX, amd64.RAX, int32(o.ReturnsSize))
	x.Store(amd64.Mem{Base: crossCPU, Index: amd64.RCX, Disp: int32(o.Returns + o.ReturnsSP)}, amd64.RSP, 8)
	x.Mov(amd64.RSP, amd64.R14, 8)
	x.Store(state(o.CPL), amd64.R9, 1)
	x.Store(of(natCPL), amd64.R9, 8)
	x.Store(state(n.TLB), amd64.RDI, 8) // it stays reachable: no write barrier
	x.Store(state(n.TLBIndex), amd64.RSI, 1)
	x.Store(state(o.Windowed), amd64.R8, 1)
	x.Store(of(natJumps), amd64.RBP, 8)
	mode := isa.Mode(32)
	if x.long {
		mode = 64
	}
	x.Lea(amd64.RAX, amd64.Mem{Base: amd64.None, Index: amd64.RSI, Scale: 2, Disp: int32(cpu.EpochPart(0, mode))}, 4)
	x.OpMem(amd64.Add, amd64.RAX, state(n.Generation), 8)
	x.Store(state(n.Epoch), amd64.RAX, 8)
	x.flags()
	x.OpMemImm(amd64.Add, crossCount, 1, 8)
	x.Store(crossArrived, amd64.R10, 8)

	if !x.e.gs { // there are no windows, and the base of GS stays
		x.Lea(regTLB, amd64.At(amd64.RDI, tlbBias), 8)
		x.goOn(x.kind)
		return
	}
	x.OpImm(amd64.Cmp, amd64.R8, 0, 4)
	windowed := x.Jcc(amd64.NotEqual)
	x.Lea(regTLB, amd64.At(amd64.RDI, tlbBias), 8)
	x.Lea(amd64.RSI, amd64.At(crossCPU, cpuBias), 8)
	x.Op(amd64.Sub, amd64.RSI, regTLB, 8)
	x.setGS(amd64.RSI)
	x.goOn(x.kind &^ cpu.CodeWindowed)
	x.Patch(windowed, x.N)
	x.Load(amd64.RSI, amd64.At(amd64.RDI, int32(o.TLBWindowLow)), 8)
	x.Store(of(natLow), amd64.RSI, 8)
	if x.long {
		x.Load(amd64.RSI, amd64.At(amd64.RDI, int32(o.TLBWindowParts)), 8)
		x.Store(of(natParts), amd64.RSI, 8)
		x.Load(amd64.RSI, amd64.At(amd64.RDI, int32(o.TLBWindowHigh)), 8)
		x.OpImm(amd64.Cmp, amd64.RSI, 0, 8)
		high := x.Jcc(amd64.NotEqual)
		x.MovImm(amd64.RSI, cpu.NoHigh)
		x.Patch(high, x.N)
	}
	x.Lea(regTLB, amd64.At(crossCPU, cpuBias+windowBias(x.kind)), 8)
	x.setGS(amd64.RSI)
	x.goOn(x.kind | cpu.CodeWindowed)
}

// setGS writes the base of GS, which is slow, if it is another. RAX changes.
func (x *crossing) setGS(r amd64.Reg) {
	x.Rdgsbase(amd64.RAX)
	x.Op(amd64.Cmp, amd64.RAX, r, 8)
	same := x.Jcc(amd64.Equal)
	x.Wrgsbase(r)
	x.Patch(same, x.N)
}

// flags makes everything that instructions of the system depend on that of RFLAGS in R11 and the
// privilege in R9, as the run loop does on entry.
func (x *crossing) flags() {
	o, n := &cpu.CrossingOffsets, &cpu.NativeOffsets
	x.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: amd64.RAX, RM: amd64.R11, RMByte: true})
	x.Shl(amd64.RAX, 8, 4)
	x.Mov(amd64.RCX, amd64.R11, 4)
	x.Shr(amd64.RCX, 11, 4)
	x.OpImm(amd64.And, amd64.RCX, 1, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.Store(of(natFlags), amd64.RAX, 4)

	x.Mov(amd64.RAX, amd64.R11, 4)
	x.OpImm(amd64.And, amd64.RAX, ^int32(isa.StatusFlags|cpu.Flag1|cpu.FlagVM|cpu.FlagRF|cpu.FlagAC), 4)
	x.Store(of(natSysFlags), amd64.RAX, 8)
	x.Mov(amd64.RCX, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RCX, cpu.FlagDF, 4)
	x.Store(of(natDF), amd64.RCX, 8)
	x.Mov(amd64.RCX, amd64.RAX, 4)
	x.OpImm(amd64.Or, amd64.RCX, cpu.FlagIF, 4)
	x.Store(of(natSysOn), amd64.RCX, 8)
	x.OpImm(amd64.And, amd64.RCX, ^cpu.FlagIF, 4)
	x.Store(of(natSysOff), amd64.RCX, 8)

	x.Shr(amd64.RAX, 12, 4)
	x.OpImm(amd64.And, amd64.RAX, 3, 4) // IOPL
	x.MovImm(amd64.RCX, 0)
	x.Op(amd64.Cmp, amd64.RAX, amd64.R9, 4)
	x.Setcc(amd64.Below, amd64.RCX)
	x.Store(of(natNoCLI), amd64.RCX, 8)
	x.Load(amd64.RAX, state(o.Held), 1)
	x.Op(amd64.Or, amd64.RCX, amd64.RAX, 4)
	x.Store(of(natNoSTI), amd64.RCX, 8)

	x.MovImm(amd64.RCX, 1)
	x.OpImm(amd64.Cmp, amd64.R9, 0, 4)
	user := x.Jcc(amd64.NotEqual)
	x.TestMem(plus(state(n.CR4), 2), cpu.CR4SMAP>>16)
	without := x.Jcc(amd64.Equal)
	x.OpMemImm(amd64.Cmp, state(n.TLBs+8*cpu.TLBSuperAC), 0, 8)
	never := x.Jcc(amd64.Equal)
	x.MovImm(amd64.RCX, 0)
	x.Patch(user, x.N)
	x.Patch(without, x.N)
	x.Patch(never, x.N)
	x.Store(of(natNoAC), amd64.RCX, 8)
}

// goOn loads registers and flags and jumps to the target's host code, or leaves for it to be
// made.
func (x *crossing) goOn(kind cpu.CodeKind) {
	defer x.e.codeOf(x.kind)
	x.e.codeOf(kind)
	x.Load(amd64.RAX, of(natFlags), 4)
	x.e.setFlags()
	for i, r := range hostReg {
		if r != amd64.None && r != crossCPU && (x.long || i < 8) {
			x.Load(r, crossGPR(uint8(i)), 8)
		}
	}
	x.Load(crossCPU, crossGPR(isa.RBX), 8)
	findJump(x.Asm, 0)
	found := x.Jrcxz()
	x.Load(tmpC, natExit, 4)
	x.Lea(tmpC, amd64.At(tmpC, 1), 4)
	x.JmpTo(x.e.glue[kind].exit[0])
	x.PatchShort(found)
	x.JmpMem(amd64.At(tmpB, jumpEntry))
}
