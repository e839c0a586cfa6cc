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

// Bits of the upper word of a descriptor (SDM volume 3A, figures 3-8 and 6-2).
const (
	descAccessed   = 1 << 8
	descWrite      = 1 << 9 // data: writable; code: readable
	descConforming = 1 << 10
	descCode       = 1 << 11
	descS          = 1 << 12
	descP          = 1 << 15
	descL          = 1 << 21
	descDB         = 1 << 22
	descG          = 1 << 23
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
	if !x.long { // protected mode, not compatibility mode
		o := &cpu.CrossingOffsets
		x.TestMem(state(cpu.NativeOffsets.CR0), cpu.CR0PE)
		x.bail(amd64.Equal)
		x.OpMemImm(amd64.Cmp, state(o.Long), 0, 1)
		x.bail(amd64.NotEqual)
		x.TestMem(plus(segment(isa.CS), o.SegAttr), descWrite>>8) // all code segments look the same then
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

// descriptor reads the descriptor that the selector in RAX names, from the GDT: RCX is its lower
// word and RDX the upper one, of which the bits in mask have to be want. RDI changes.
func (x *crossing) descriptor(mask, want int32) {
	o := &cpu.CrossingOffsets
	x.TestImm(amd64.RAX, 0xfffc)
	x.bail(amd64.Equal)
	x.TestImm(amd64.RAX, 4)
	x.bail(amd64.NotEqual)
	x.Mov(amd64.RDI, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xfff8, 4)
	x.Lea(amd64.RCX, amd64.At(amd64.RDI, 7), 4)
	x.Load(amd64.RDX, state(o.GDTR+o.TableLimit), 2)
	x.Op(amd64.Cmp, amd64.RCX, amd64.RDX, 4)
	x.bail(amd64.Above)
	x.OpMem(amd64.Add, amd64.RDI, state(o.GDTR), x.width())
	x.search(8, read)
	x.Load(amd64.RCX, amd64.At(amd64.RDX, 0), 4)
	x.Load(amd64.RDX, amd64.At(amd64.RDX, 4), 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, mask, 4)
	x.OpImm(amd64.Cmp, amd64.RDI, want, 4)
	x.bail(amd64.NotEqual)
}

// code is descriptor of a code segment of the same size, which does not conform.
func (x *crossing) code() {
	const mask, want = descP | descS | descCode | descConforming | descAccessed, descP | descS | descCode | descAccessed
	if x.long {
		x.descriptor(mask|descL|descDB, want|descL)
		return
	}
	x.descriptor(mask|descDB|descWrite, want|descDB|descWrite)
}

// data is descriptor of a stack segment.
func (x *crossing) data() {
	const mask, want = descP | descS | descCode | descWrite | descAccessed, descP | descS | descWrite | descAccessed
	if x.long {
		x.descriptor(mask, want)
		return
	}
	x.descriptor(mask|descConforming|descDB, want|descDB) // it grows upwards
}

// dpl makes RDI the DPL of the descriptor whose upper word is RDX.
func (x *crossing) dpl() {
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.Shr(amd64.RDI, 13, 4)
	x.OpImm(amd64.And, amd64.RDI, 3, 4)
}

// cpl makes RSI the current privilege level.
func (x *crossing) cpl() { x.Load(amd64.RSI, state(cpu.CrossingOffsets.CPL), 1) }

// keep makes the segment at m that of selector RAX and the descriptor in RCX and RDX, all of which
// change, as RSI and RDI do.
func (x *crossing) keep(m amd64.Mem) {
	x.Mov(amd64.RSI, amd64.RCX, 4) // the base
	x.Shr(amd64.RSI, 16, 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xff, 4)
	x.Shl(amd64.RDI, 16, 4)
	x.Op(amd64.Or, amd64.RSI, amd64.RDI, 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, -1<<24, 4)
	x.Op(amd64.Or, amd64.RSI, amd64.RDI, 4)

	x.OpImm(amd64.And, amd64.RCX, 0xffff, 4) // the limit
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xf0000, 4)
	x.Op(amd64.Or, amd64.RCX, amd64.RDI, 4)
	x.TestImm(amd64.RDX, descG)
	bytes := x.Jcc(amd64.Equal)
	x.Shl(amd64.RCX, 12, 4)
	x.OpImm(amd64.Or, amd64.RCX, 0xfff, 4)
	x.Patch(bytes, x.N)
	if !x.long {
		x.OpImm(amd64.Cmp, amd64.RSI, 0, 4)
		x.bail(amd64.NotEqual)
		x.OpImm(amd64.Cmp, amd64.RCX, -1, 4)
		x.bail(amd64.NotEqual)
	}
	x.Store(plus(m, 8), amd64.RSI, 8)
	x.Shr(amd64.RDX, 8, 4)
	x.OpImm(amd64.And, amd64.RDX, 0xf0ff, 4)
	x.Shl(amd64.RDX, 16, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RDX, 4)
	x.Shl(amd64.RCX, 32, 8)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 8)
	x.Store(m, amd64.RAX, 8)
}

// move copies a segment.
func (x *crossing) move(to, from amd64.Mem) {
	for i := range uintptr(2) {
		x.Load(amd64.RAX, plus(from, 8*i), 8)
		x.Store(plus(to, 8*i), amd64.RAX, 8)
	}
}

// null makes the segment at m an unusable one with selector RAX, of privilege r. RCX changes.
func (x *crossing) null(m amd64.Mem, r amd64.Reg) {
	x.Mov(amd64.RCX, r, 4)
	x.Shl(amd64.RCX, 16+5, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.Store(m, amd64.RAX, 8)
	x.storeZero(plus(m, 8))
}

func (x *crossing) storeZero(m amd64.Mem) {
	x.Emit(&amd64.Insn{Opcode: 0xc7, Size: 8, Mem: &m, ImmSize: 4})
}

// flat makes the segment register the one with selector RAX (plus more), which keeps its value.
func (x *crossing) flat(i int, more int32, attr uint64) {
	x.Lea(amd64.RCX, amd64.At(amd64.RAX, more), 4)
	x.Movzx16(amd64.RCX, amd64.RCX)
	x.MovImm(amd64.RDX, 0xffffffff<<32|attr<<16)
	x.Op(amd64.Or, amd64.RCX, amd64.RDX, 8)
	x.Store(segment(i), amd64.RCX, 8)
	x.storeZero(plus(segment(i), 8))
}

func (x *crossing) flatCode() uint64 {
	if x.long {
		return cpu.FlatCode64
	}
	return cpu.FlatCode32
}

// SYSCALL (SDM volume 2).
func (x *crossing) syscall() {
	o := &cpu.CrossingOffsets
	x.TestMem(state(o.EFER), cpu.EFERSCE)
	x.bail(amd64.Equal)
	x.MovImm(amd64.R9, 0)
	x.prepare()
	x.Store(crossGPR(isa.RCX), amd64.R10, 8)
	x.Store(crossGPR(11), amd64.R11, 8)
	x.Load(amd64.RAX, state(o.FMASK), 8)
	x.Not(amd64.RAX, 8)
	x.Op(amd64.And, amd64.R11, amd64.RAX, 8)
	x.Load(amd64.R10, state(o.LSTAR), 8)
	x.Load(amd64.RAX, plus(state(o.STAR), 4), 2)
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
	x.flat(isa.CS, 0, cpu.FlatCode64)
	x.flat(isa.SS, 8, cpu.FlatStack)
}

func (x *crossing) sysret() {
	o := &cpu.CrossingOffsets
	const mask = cpu.StatusFlags | cpu.FlagTF | cpu.FlagIF | cpu.FlagDF | cpu.FlagIOPL | cpu.FlagNT | cpu.FlagAC | cpu.FlagVIF | cpu.FlagVIP | cpu.FlagID
	x.fromRing0()
	x.TestMem(state(o.EFER), cpu.EFERSCE)
	x.bail(amd64.Equal)
	x.Load(amd64.R10, crossGPR(isa.RCX), 8)
	x.canonical(amd64.R10)
	x.Load(amd64.RAX, crossGPR(11), 8)
	x.OpImm(amd64.And, amd64.RAX, mask, 4)
	x.TestImm(amd64.RAX, cpu.FlagTF|cpu.FlagAC)
	x.bail(amd64.NotEqual)
	x.interruptible()
	x.Mov(amd64.R11, amd64.RAX, 8)
	x.MovImm(amd64.R9, 3)
	x.prepare()
	x.Load(amd64.RAX, plus(state(o.STAR), 6), 2)
	x.OpImm(amd64.Or, amd64.RAX, 3, 4)
	x.flat(isa.CS, 16, cpu.FlatCode64|cpu.AttrDPL3)
	x.flat(isa.SS, 8, cpu.FlatStack|cpu.AttrDPL3)
}

// sysenterCS makes RAX the selector that the fast system calls derive theirs from.
func (x *crossing) sysenterCS() {
	x.Load(amd64.RAX, state(cpu.CrossingOffsets.SysenterCS), 2)
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
}

func (x *crossing) sysenter() {
	o := &cpu.CrossingOffsets
	x.sysenterCS()
	x.bail(amd64.Equal)
	x.MovImm(amd64.R9, 0)
	x.prepare()
	x.OpImm(amd64.And, amd64.R11, ^cpu.FlagIF, 8)
	x.Load(amd64.R10, state(o.SysenterEIP), x.width())
	x.Load(amd64.RAX, state(o.SysenterESP), x.width())
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.sysenterCS()
	x.flat(isa.CS, 0, x.flatCode())
	x.flat(isa.SS, 8, cpu.FlatStack)
}

func (x *crossing) sysexit() {
	x.fromRing0()
	x.sysenterCS()
	x.bail(amd64.Equal)
	x.Load(amd64.R10, crossGPR(isa.RDX), x.width())
	x.Load(amd64.RDI, crossGPR(isa.RCX), x.width())
	x.canonical(amd64.R10)
	x.canonical(amd64.RDI)
	x.MovImm(amd64.R9, 3)
	x.prepare()
	x.Load(amd64.RAX, crossGPR(isa.RCX), x.width())
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.sysenterCS()
	x.OpImm(amd64.Or, amd64.RAX, 3, 4)
	cs := int32(16)
	if x.long {
		cs = 32
	}
	x.flat(isa.CS, cs, x.flatCode()|cpu.AttrDPL3)
	x.flat(isa.SS, cs+8, cpu.FlatStack|cpu.AttrDPL3)
}

// interrupt is INT n through an interrupt or trap gate (SDM volume 3A, 6.12.1 and 6.14).
func (x *crossing) interrupt() {
	o := &cpu.CrossingOffsets
	x.OpMemImm(amd64.Cmp, state(o.OnException), 0, 8)
	x.bail(amd64.NotEqual)
	x.superTLB()

	// The gate.
	gate := int32(8)
	x.Shl(amd64.RSI, 3, 4)
	if x.long {
		gate = 16
		x.Shl(amd64.RSI, 1, 4)
	}
	x.Lea(amd64.RAX, amd64.At(amd64.RSI, gate-1), 4)
	x.Load(amd64.RCX, state(o.IDTR+o.TableLimit), 2)
	x.Op(amd64.Cmp, amd64.RAX, amd64.RCX, 4)
	x.bail(amd64.Above)
	x.Load(amd64.RDI, state(o.IDTR), 8)
	x.Op(amd64.Add, amd64.RDI, amd64.RSI, x.width())
	x.search(gate, read)
	x.Load(amd64.RAX, amd64.At(amd64.RDX, 0), 4)
	if x.long {
		x.Load(amd64.R9, amd64.At(amd64.RDX, 8), 4)
		x.Shl(amd64.R9, 32, 8)
	}
	x.Load(amd64.RDX, amd64.At(amd64.RDX, 4), 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, descP|descS|0xe00, 4) // the types 14 and 15
	x.OpImm(amd64.Cmp, amd64.RDI, descP|0xe00, 4)
	x.bail(amd64.NotEqual)
	if x.long {
		x.TestImm(amd64.RDX, 7) // an interrupt stack
		x.bail(amd64.NotEqual)
	}
	x.dpl()
	x.cpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, -1<<16, 4)
	x.Movzx16(amd64.RCX, amd64.RAX)
	x.Op(amd64.Or, amd64.RCX, amd64.RDI, 4)
	if x.long {
		x.Op(amd64.Or, amd64.RCX, amd64.R9, 8)
	}
	x.Store(crossRIP, amd64.RCX, 8)
	flags := int32(^(cpu.FlagTF | cpu.FlagNT | cpu.FlagRF | cpu.FlagVM))
	x.Mov(amd64.RDI, amd64.R11, 4)
	x.OpImm(amd64.And, amd64.RDI, flags, 4)
	x.TestImm(amd64.RDX, 1<<8) // a trap gate
	trap := x.Jcc(amd64.NotEqual)
	x.OpImm(amd64.And, amd64.RDI, ^cpu.FlagIF, 4)
	x.Patch(trap, x.N)
	x.Store(crossFlags, amd64.RDI, 8)
	x.canonical(amd64.RCX)

	// The code segment.
	x.Shr(amd64.RAX, 16, 4)
	x.code()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Above)
	x.Mov(amd64.R9, amd64.RDI, 4)
	x.Mov(amd64.RBP, amd64.RSI, 4) // the old CPL
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.R9, 4)
	x.keep(crossCS)

	// The stack.
	x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
	inner := x.Jcc(amd64.NotEqual)
	x.move(crossSS, segment(isa.SS))
	outer, frame := x.frameSizes()
	x.Mov(amd64.RDI, guestSP, x.width())
	x.align()
	x.Lea(amd64.RDI, amd64.At(amd64.RDI, -outer), x.width())
	x.Load(amd64.R13, state(cpu.NativeOffsets.TLB), 8)
	x.search(outer, write)
	same := x.Jmp()
	x.Patch(inner, x.N)
	x.innerStack()
	x.search(frame, write)
	x.Patch(same, x.N)
	x.Mov(amd64.R13, amd64.RDX, 8)
	x.Store(crossRSP, amd64.RDI, 8)
	x.prepare()

	// The frame.
	w := int32(x.width())
	push := func(slot int32, r amd64.Reg) { x.Store(amd64.At(amd64.R13, slot*w), r, int(w)) }
	x.Load(amd64.RCX, segment(isa.CS), 2)
	push(0, amd64.R10)
	push(1, amd64.RCX)
	push(2, amd64.R11)
	without := 0
	if !x.long {
		x.Load(amd64.RCX, state(o.CPL), 1)
		x.Op(amd64.Cmp, amd64.R9, amd64.RCX, 4)
		without = x.Jcc(amd64.Equal)
	}
	x.Load(amd64.RAX, crossGPR(isa.RSP), 8)
	x.Load(amd64.RCX, segment(isa.SS), 2)
	push(3, amd64.RAX)
	push(4, amd64.RCX)
	if !x.long {
		x.Patch(without, x.N)
	}
	x.commit()
}

// frameSizes are how many bytes a frame takes on the same stack and on an inner one.
func (x *crossing) frameSizes() (same, inner int32) {
	if x.long {
		return 5 * 8, 5 * 8
	}
	return 3 * 4, 5 * 4
}

// align is what 64-bit mode does to the stack pointer in RDI.
func (x *crossing) align() {
	if x.long {
		x.OpImm(amd64.And, amd64.RDI, -16, 8)
	}
}

// innerStack makes RDI the address of the frame on the stack of the privilege in R9, by the TSS
// (SDM volume 3A, 7.2.1 and 7.7), and its segment the one to come. R13 is the TLB.
func (x *crossing) innerStack() {
	o := &cpu.CrossingOffsets
	_, frame := x.frameSizes()
	tss, last := state(o.TR), int32(4+7)
	if !x.long {
		x.TestMem(plus(tss, o.SegAttr), 8) // of 32 bits
		x.bail(amd64.Equal)
		last = 4 + 5
	}
	x.Lea(amd64.RAX, amd64.Mem{Base: amd64.None, Index: amd64.R9, Scale: 3, Disp: last}, 4)
	x.OpMem(amd64.Cmp, amd64.RAX, plus(tss, o.SegLimit), 4)
	x.bail(amd64.Above)
	x.Load(amd64.RDI, plus(tss, cpu.NativeOffsets.SegRegBase), 8)
	x.Lea(amd64.RDI, amd64.Mem{Base: amd64.RDI, Index: amd64.R9, Scale: 3, Disp: 4}, x.width())
	x.search(last-3, read)
	if x.long {
		x.Load(amd64.RDI, amd64.At(amd64.RDX, 0), 8)
		x.canonical(amd64.RDI)
		x.Mov(amd64.RAX, amd64.R9, 4)
		x.null(crossSS, amd64.R9)
	} else {
		x.Load(amd64.RCX, amd64.At(amd64.RDX, 0), 4)
		x.Store(crossRSP, amd64.RCX, 8)
		x.Load(amd64.RAX, amd64.At(amd64.RDX, 4), 2)
		x.stackSegment()
		x.Load(amd64.RDI, crossRSP, 8)
	}
	x.align()
	x.Lea(amd64.RDI, amd64.At(amd64.RDI, -frame), x.width())
}

// stackSegment makes the segment with the selector in RAX the one to come, of the privilege in R9.
func (x *crossing) stackSegment() {
	x.Mov(amd64.RCX, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RCX, 3, 4)
	x.Op(amd64.Cmp, amd64.RCX, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.data()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.keep(crossSS)
}

// iret is IRETD or IRETQ (SDM volume 2).
func (x *crossing) iret() {
	o := &cpu.CrossingOffsets
	x.TestImm(amd64.R11, cpu.FlagNT)
	x.bail(amd64.NotEqual)
	x.Load(amd64.RAX, state(o.NMIBlocked), 1)
	x.Load(amd64.RCX, state(o.PendingNMI), 1)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.bail(amd64.NotEqual)

	// The frame.
	w := x.width()
	x.Load(amd64.R13, state(cpu.NativeOffsets.TLB), 8)
	x.Mov(amd64.RDI, guestSP, w)
	x.search(int32(5*w), read)
	slot := func(i int) amd64.Mem { return amd64.At(amd64.RDX, int32(i*w)) }
	x.Load(amd64.R10, slot(0), w)
	x.Load(amd64.RBP, slot(1), 2)
	x.Load(amd64.RDI, slot(2), 4)
	x.Load(amd64.RAX, slot(3), w)
	x.Store(crossRSP, amd64.RAX, 8)
	x.Load(amd64.RAX, slot(4), 2)
	x.Store(crossSel, amd64.RAX, 8)
	x.Store(crossRIP, amd64.R10, 8)
	x.canonical(amd64.R10)
	x.superTLB()

	// The flags.
	const all = cpu.StatusFlags | cpu.FlagDF | cpu.FlagNT | cpu.FlagID
	none := uint32(cpu.FlagTF | cpu.FlagAC)
	if !x.long {
		none |= cpu.FlagVM
	}
	x.TestImm(amd64.RDI, none)
	x.bail(amd64.NotEqual)
	x.TestImm(amd64.RDI, cpu.FlagRF) // it lasts one instruction, and nothing looks at it
	clear := x.Jcc(amd64.Equal)
	x.TestMem(state(o.DR7), 0xff)
	x.bail(amd64.NotEqual)
	x.Patch(clear, x.N)
	x.cpl()
	x.MovImm(amd64.RAX, all|cpu.FlagIF|cpu.FlagIOPL|cpu.FlagVIF|cpu.FlagVIP)
	x.OpImm(amd64.Cmp, amd64.RSI, 0, 4)
	ring0 := x.Jcc(amd64.Equal)
	x.MovImm(amd64.RAX, all)
	x.Mov(amd64.RCX, amd64.R11, 4)
	x.Shr(amd64.RCX, 12, 4)
	x.OpImm(amd64.And, amd64.RCX, 3, 4)
	x.Op(amd64.Cmp, amd64.RCX, amd64.RSI, 4)
	below := x.Jcc(amd64.Below)
	x.OpImm(amd64.Or, amd64.RAX, cpu.FlagIF, 4)
	x.Patch(below, x.N)
	x.Patch(ring0, x.N)
	x.Op(amd64.And, amd64.RDI, amd64.RAX, 4)
	x.Not(amd64.RAX, 4)
	x.Op(amd64.And, amd64.RAX, amd64.R11, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RDI, 4)
	x.interruptible()
	x.Store(crossFlags, amd64.RAX, 8)

	// The code segment.
	x.Mov(amd64.RAX, amd64.RBP, 4)
	x.Mov(amd64.R9, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.R9, 3, 4)
	x.Op(amd64.Cmp, amd64.R9, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.Mov(amd64.RBP, amd64.RSI, 4) // the old CPL
	x.code()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.keep(crossCS)

	// The stack.
	var done []int
	if x.long {
		x.Load(amd64.RAX, crossSel, 8)
		x.TestImm(amd64.RAX, 0xfffc)
		usable := x.Jcc(amd64.NotEqual)
		x.OpImm(amd64.Cmp, amd64.R9, 3, 4)
		x.bail(amd64.Equal)
		x.Op(amd64.Cmp, amd64.RAX, amd64.R9, 4)
		x.bail(amd64.NotEqual)
		x.null(crossSS, amd64.R9)
		done = append(done, x.Jmp())
		x.Patch(usable, x.N)
	} else {
		x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
		outer := x.Jcc(amd64.NotEqual)
		x.move(crossSS, segment(isa.SS))
		x.Lea(amd64.RAX, amd64.At(guestSP, 12), 4)
		x.Store(crossRSP, amd64.RAX, 8)
		done = append(done, x.Jmp())
		x.Patch(outer, x.N)
		x.Load(amd64.RAX, crossSel, 8)
	}
	x.stackSegment()
	for _, pos := range done {
		x.Patch(pos, x.N)
	}

	// Data segments that the outer ring may not use are the interpreter's to clear.
	x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
	same := x.Jcc(amd64.Equal)
	for _, i := range [...]int{isa.ES, isa.DS, isa.FS, isa.GS} {
		x.Load(amd64.RDX, plus(segment(i), o.SegAttr), 2)
		x.Mov(amd64.RAX, amd64.RDX, 4)
		x.OpImm(amd64.And, amd64.RAX, (descP|descS)>>8, 4)
		x.OpImm(amd64.Cmp, amd64.RAX, (descP|descS)>>8, 4)
		unused := x.Jcc(amd64.NotEqual)
		x.Shr(amd64.RDX, 5, 4)
		x.OpImm(amd64.And, amd64.RDX, 3, 4)
		x.Op(amd64.Cmp, amd64.RDX, amd64.R9, 4)
		x.bail(amd64.Below)
		x.Patch(unused, x.N)
	}
	x.Patch(same, x.N)
	x.prepare()
	x.commit()
}

// commit makes what has been found out about an interrupt or return so.
func (x *crossing) commit() {
	x.Load(amd64.RAX, crossRSP, 8)
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.move(segment(isa.CS), crossCS)
	x.move(segment(isa.SS), crossSS)
	x.Load(amd64.R10, crossRIP, 8)
	x.Load(amd64.R11, crossFlags, 8)
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
		x.Load(amd64.RSI, amd64.At(amd64.RDI, int32(o.TLBWindowHigh)), 8)
		x.OpImm(amd64.Cmp, amd64.RSI, 0, 8)
		high := x.Jcc(amd64.NotEqual)
		x.MovImm(amd64.RSI, cpu.NoHigh)
		x.Patch(high, x.N)
	}
	x.Lea(regTLB, amd64.At(crossCPU, cpuBias+amd64.WindowBias), 8)
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
	x.OpImm(amd64.And, amd64.RAX, ^int32(cpu.StatusFlags|cpu.Flag1|cpu.FlagVM|cpu.FlagRF|cpu.FlagAC), 4)
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
	defer func(w bool) { x.Windowed = w }(x.Windowed)
	x.Windowed = kind&cpu.CodeWindowed != 0
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
