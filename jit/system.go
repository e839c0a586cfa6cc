//go:build linux && amd64

package jit

import (
	"unsafe"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Instructions that operating systems execute often and that concern more than
// registers and memory. What they depend on is prepared as words that are 0 where host
// code may go on, see cpu.NativeState.

var (
	natSysFlags = native(unsafe.Offsetof(cpu.NativeState{}.SysFlags))
	natSysOff   = native(unsafe.Offsetof(cpu.NativeState{}.SysOff))
	natSysOn    = native(unsafe.Offsetof(cpu.NativeState{}.SysOn))
	natAC       = native(unsafe.Offsetof(cpu.NativeState{}.AC))
	natNoAC     = native(unsafe.Offsetof(cpu.NativeState{}.NoAC))
	natNoCLI    = native(unsafe.Offsetof(cpu.NativeState{}.NoCLI))
	natNoSTI    = native(unsafe.Offsetof(cpu.NativeState{}.NoSTI))
	natDF       = native(unsafe.Offsetof(cpu.NativeState{}.DF))
	natCPL      = native(unsafe.Offsetof(cpu.NativeState{}.CPL))
	natNoTSC    = native(unsafe.Offsetof(cpu.NativeState{}.NoTSC))
	natTSCRate  = native(unsafe.Offsetof(cpu.NativeState{}.TSCRate))
	natTSCBase  = native(unsafe.Offsetof(cpu.NativeState{}.TSCBase))
)

// systemLowering is the host code of a form that has no semantics but a method of the
// interpreter's, nil if there is none.
func systemLowering(f *isa.Form) func(*trans, *cpu.Op, *lowering) bool {
	switch f.Mnemonic {
	case "RDTSC", "RDTSCP":
		return lowerRdtsc
	case "PUSHF":
		return lowerPushf
	case "CLI":
		return func(t *trans, _ *cpu.Op, _ *lowering) bool { return t.setIF(natNoCLI, natSysOff) }
	case "STI":
		return func(t *trans, _ *cpu.Op, _ *lowering) bool {
			// The next instruction, which takes no interrupt, has to belong to the block.
			return t.i < len(t.ops)-1 && t.setIF(natNoSTI, natSysOn)
		}
	case "CLD":
		return func(t *trans, _ *cpu.Op, _ *lowering) bool { t.need(natDF); return true }
	case "SWAPGS":
		return lowerSwapgs
	case "MOV":
		switch f.Args {
		case "Rv/Mw,Sw":
			return lowerMovFromSeg
		case "Sw,Ew":
			return lowerMovToSeg
		case "Ry,Cy":
			return lowerMovFromCR
		}
	case "PUSH":
		if i := segmentNamed(f.Args); i >= 0 {
			return func(t *trans, op *cpu.Op, _ *lowering) bool { return t.pushSeg(op, i) }
		}
	case "POP":
		if i := segmentNamed(f.Args); i >= 0 {
			return func(t *trans, op *cpu.Op, _ *lowering) bool { return t.popSeg(op, i) }
		}
	case "POPF":
		return lowerPopf
	case "CLAC":
		return func(t *trans, _ *cpu.Op, _ *lowering) bool { return t.setAC(cpu.TLBSuper, 0) }
	case "STAC":
		return func(t *trans, _ *cpu.Op, _ *lowering) bool { return t.setAC(cpu.TLBSuperAC, cpu.FlagAC) }
	case "CMPXCHG8B", "CMPXCHG16B":
		return lowerCmpxchgTwo
	case "STOSB", "STOS", "MOVSB", "MOVS", "LODSB", "LODS", "SCASB", "SCAS", "CMPSB", "CMPS":
		return lowerString
	case "PUSHA":
		return lowerPusha
	case "POPA":
		return lowerPopa
	case "SYSCALL":
		return lowerCrossing(crossSyscall)
	case "SYSRET":
		return lowerCrossing(crossSysret)
	case "SYSENTER":
		return lowerCrossing(crossSysenter)
	case "SYSEXIT":
		return lowerCrossing(crossSysexit)
	case "INT", "INT3":
		return lowerCrossing(crossInt)
	case "IRET":
		return lowerCrossing(crossIret)
	}
	return nil
}

// lowerRdtsc computes the counter from what is used up of the budget.
func lowerRdtsc(t *trans, op *cpu.Op, l *lowering) bool {
	t.need(natNoTSC)
	t.Lea(tmpA, amd64.At(regBudget, int32(t.i-len(t.ops))<<budgetShift), 8)
	t.MovImm(tmpC, budgetShift)
	t.Sarx(tmpA, tmpA, tmpC, 8)
	t.Load(amd64.RDX, natTSCRate, 8)
	t.Mulx(tmpB, amd64.RAX, tmpA)
	t.Load(tmpC, natTSCBase, 8)
	t.Lea(amd64.RAX, amd64.Mem{Base: amd64.RAX, Index: tmpC}, 8)
	t.Rorx(amd64.RDX, amd64.RAX, 32, 8)
	t.Mov(amd64.RDX, amd64.RDX, 4)
	t.Mov(amd64.RAX, amd64.RAX, 4)
	if isa.Forms[op.Form].Mnemonic == "RDTSCP" {
		t.Load(t.regs[isa.RCX], field(cpu.NativeOffsets.TSCAux), 4)
	}
	return true
}

// lowerPushf puts RFLAGS together; the host's flags stay as they are.
func lowerPushf(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	t.settle()
	t.Mov(tmpA, amd64.RAX, 8)
	t.e.getFlags()
	t.Bytes(0x0f, 0xb6, 0xcc) // MOVZX ECX,AH
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: tmpB, RM: amd64.RAX, RMByte: true})
	t.Rorx(tmpB, tmpB, 32-11, 4)
	t.Mov(amd64.RAX, tmpA, 8)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB}, 8)
	t.Load(tmpB, natSysFlags, 8)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB}, 8)
	t.Load(tmpB, natAC, 8)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB}, 8)
	t.Store(natScratch, tmpC, 8)
	m := t.pushTo(size)
	t.Load(tmpC, natScratch, 8)
	t.Store(m, tmpC, size)
	t.addSP(-int32(size))
	return true
}

// setIF makes the system flags those at m.
func (t *trans) setIF(unless, m amd64.Mem) bool {
	t.need(unless)
	t.Load(tmpC, m, 8)
	t.Store(natSysFlags, tmpC, 8)
	return true
}

// setAC changes RFLAGS.AC in ring 0 with SMAP, and with it the TLB of what follows.
func (t *trans) setAC(index int, ac uint64) bool {
	t.need(natNoAC)
	o := &cpu.NativeOffsets
	t.Load(tmpB, field(o.TLBs+8*uintptr(index)), 8)
	t.Store(field(o.TLB), tmpB, 8) // it stays reachable: no write barrier
	switch {
	case t.Windowed: // it is all that leads there
	case t.e.gs:
		t.Rdgsbase(tmpC)
		t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: regTLB}, 8)
		t.Lea(regTLB, amd64.At(tmpB, tlbBias), 8)
		t.Not(tmpB, 8) // the distance of the processor from there
		t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB, Disp: 1 - tlbBias}, 8)
		t.Wrgsbase(tmpC)
	default:
		t.Lea(regTLB, amd64.At(tmpB, tlbBias), 8)
	}
	m := field(o.TLBIndex)
	t.Emit(&amd64.Insn{Opcode: 0xc6, Size: 1, Mem: &m, Imm: uint64(index), ImmSize: 1})
	t.Load(tmpC, field(o.Generation), 8)
	t.Lea(tmpC, amd64.At(tmpC, int32(cpu.EpochPart(uint8(index), t.b.Mode()))), 8)
	t.Store(field(o.Epoch), tmpC, 8)
	t.storeImm(natAC, ac, 8)
	return true
}

// lowerMovFromCR is MOV from a control register other than CR8.
func lowerMovFromCR(t *trans, op *cpu.Op, l *lowering) bool {
	o := &cpu.NativeOffsets
	at, ok := map[uint8]uintptr{0: o.CR0, 2: o.CR2, 3: o.CR3, 4: o.CR4}[op.Reg]
	if !ok {
		return false
	}
	t.need(natCPL)
	t.Load(tmpC, field(at), t.width())
	t.put(op.RM, tmpC)
	return true
}

func lowerSwapgs(t *trans, op *cpu.Op, l *lowering) bool {
	t.need(natCPL)
	o := &cpu.NativeOffsets
	base, kernel := field(o.SegReg+isa.GS*o.SegRegSize+o.SegRegBase), field(o.KernelGSBase)
	t.Load(tmpA, kernel, 8)
	t.Load(tmpB, base, 8)
	t.Store(kernel, tmpB, 8)
	t.Store(base, tmpA, 8)
	t.Store(field(o.Seg+isa.GS*o.SegSize), tmpA, 8)
	return true
}

// lowerCmpxchgTwo is CMPXCHG8B and CMPXCHG16B, which need their address in one register:
// RCX is an operand.
func lowerCmpxchgTwo(t *trans, op *cpu.Op, l *lowering) bool {
	n, size := 8, 4
	if isa.Forms[op.Form].Mnemonic == "CMPXCHG16B" {
		n, size = 16, 8
	}
	t.before(&l.flags)
	m, ok := t.linear(op, n)
	if !ok {
		return false
	}
	if n == 16 {
		t.needAligned(m)
	}
	m = t.access(m, n, write)
	t.Lea(tmpB, m, 8)
	m = amd64.At(tmpB, 0)
	t.Mov(tmpC, t.regs[isa.RCX], 8)
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xc7, Size: size, Reg: 1, Mem: &m})
	t.after(&l.flags, 0)
	return true
}

// needAligned leaves the instruction to the interpreter unless the linear address is a
// multiple of 16. It changes tmpC alone.
func (t *trans) needAligned(lin amd64.Mem) {
	r := lin.Base
	switch {
	case r == amd64.None:
		r = tmpC
		t.MovImm(r, uint64(uint32(lin.Disp)))
	case lin.Disp&15 != 0 || lin.Index != amd64.None:
		r = tmpC
		t.Lea(r, lin, 8)
	}
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: tmpC, RM: r, RMByte: true})
	t.Rorx(tmpC, tmpC, 4, 4) // the low four bits on top
	t.Shrx(tmpC, tmpC, regTLB, 4)
	t.needZero()
}

func lowerPusha(t *trans, op *cpu.Op, l *lowering) bool {
	if t.long || op.OpSize != 4 {
		return false
	}
	t.Lea(tmpA, amd64.At(guestSP, -32), 4) // too large for the stack's entry
	m := t.access(amd64.At(tmpA, 0), 32, write)
	t.slow[len(t.slow)-1].access = 0 // the first push, which may fault, is the highest: the interpreter's
	for i := range uint8(8) {
		at := m
		at.Disp += 4 * int32(7-i)
		t.Store(at, t.regs[i], 4)
	}
	t.addSP(-32)
	return true
}

func lowerPopa(t *trans, op *cpu.Op, l *lowering) bool {
	if t.long || op.OpSize != 4 {
		return false
	}
	t.Mov(tmpA, guestSP, 4)
	m := t.access(amd64.At(tmpA, 0), 32, read)
	for i := range uint8(8) {
		if i != isa.RSP {
			at := m
			at.Disp += 4 * int32(7-i)
			t.Load(t.regs[i], at, 4)
		}
	}
	t.addSP(32)
	return true
}
