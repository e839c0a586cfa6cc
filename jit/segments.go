//go:build linux && amd64

package jit

import (
	"slices"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Segment registers: their selectors are stored in line, and loaded by a subroutine.

// segmentNamed is the number of a segment register, or -1.
func segmentNamed(name string) int {
	return slices.Index([]string{"ES", "CS", "SS", "DS", "FS", "GS"}, name)
}

func selector(i int) amd64.Mem {
	return field(cpu.NativeOffsets.SegReg + uintptr(i)*cpu.NativeOffsets.SegRegSize)
}

func lowerMovFromSeg(t *trans, op *cpu.Op, l *lowering) bool {
	sel := selector(int(op.Reg % 6))
	if op.Mem() {
		m, ok := t.operand(op, 2, write)
		if !ok {
			return false
		}
		t.Load(tmpC, sel, 2)
		t.Store(m, tmpC, 2)
		return true
	}
	t.Load(tmpC, sel, 2)
	switch r := t.regs[op.RM]; {
	case op.OpSize > 2:
		t.put(op.RM, tmpC)
	case r == amd64.None:
		t.Store(gpr(op.RM), tmpC, 2)
	default:
		t.Mov(r, tmpC, 2)
	}
	return true
}

// pushSeg pushes a selector: with an operand size of 4 only 2 bytes are written.
func (t *trans) pushSeg(op *cpu.Op, i int) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	n := size
	if size == 4 {
		n = 2
	}
	m := t.access(amd64.At(guestSP, -int32(size)), n, write)
	t.Load(tmpC, selector(i), 2)
	t.Store(m, tmpC, n)
	t.addSP(-int32(size))
	return true
}

// popSeg is POP ES, DS, FS and GS.
func (t *trans) popSeg(op *cpu.Op, i int) bool {
	size := int(op.OpSize)
	if i == isa.SS || size != t.width() {
		return false
	}
	t.host()
	t.Load(tmpA, t.access(amd64.At(guestSP, 0), size, read), 2)
	t.ask(t.glue().loadSeg[i])
	t.addSP(int32(size))
	return true
}

// lowerMovToSeg is MOV to ES, DS, FS and GS.
func lowerMovToSeg(t *trans, op *cpu.Op, l *lowering) bool {
	i := int(op.Reg)
	if i == isa.SS || i == isa.CS || i > isa.GS {
		return false
	}
	t.host()
	if op.Mem() {
		m, ok := t.operand(op, 2, read)
		if !ok {
			return false
		}
		t.Load(tmpA, m, 2)
	} else {
		t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb7, Size: 4, Reg: tmpA, RM: t.reg(op.RM, tmpA)}) // MOVZX
	}
	t.ask(t.glue().loadSeg[i])
	return true
}

// loadSeg makes the selector in R10 that of segment register i, as the interpreter's loadSeg does in
// protected mode: of nothing but data segments in the GDT that have been accessed before, and of flat ones
// in 32-bit code but for the bases of FS and GS; and null.
func (x *crossing) loadSeg(i int) {
	o, n := &cpu.CrossingOffsets, &cpu.NativeOffsets
	view := state(n.Seg + uintptr(i)*n.SegSize)
	based := i == isa.FS || i == isa.GS
	if !x.long {
		x.protected()
	}
	x.OpMemImm(amd64.Cmp, of(natX87), 0, 8) // loaded: what it notes of selectors is known on the way back to Go
	x.bail(amd64.Equal)
	x.Mov(amd64.RAX, amd64.R10, 4)
	null := 0
	if x.long || based {
		x.TestImm(amd64.RAX, 0xfffc)
		null = x.Jcc(amd64.Equal)
	}
	x.superTLB()
	const mask, want = descP | descS | descCode | descConforming | descAccessed, descP | descS | descAccessed
	if x.long {
		x.descriptor(mask, want)
	} else {
		x.descriptor(mask|descWrite, want|descWrite)
	}
	x.dpl()
	x.cpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.Mov(amd64.RSI, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RSI, 3, 4)
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.keepFrom(segment(i), !x.long && !based)
	if based {
		x.Store(view, amd64.RSI, 8)
		if !x.long {
			x.MovImm(amd64.RAX, 1<<32-1)
			x.Store(plus(view, o.ViewLimitR), amd64.RAX, 8)
			x.Store(plus(view, o.ViewLimitW), amd64.RAX, 8)
			x.storeZero(plus(view, n.SegTight))
		}
	}
	if null == 0 {
		return
	}
	done := x.Jmp()
	x.Patch(null, x.N)
	x.Store(segment(i), amd64.RAX, 8)
	x.storeZero(plus(segment(i), 8))
	if based {
		x.storeZero(view)
		if !x.long {
			x.MovImm(amd64.RAX, 1)
			x.Store(plus(view, n.SegTight), amd64.RAX, 8)
			x.MovImm(amd64.RAX, ^uint64(0))
			x.Store(plus(view, o.ViewLimitR), amd64.RAX, 8)
			x.Store(plus(view, o.ViewLimitW), amd64.RAX, 8)
		}
	}
	x.Patch(done, x.N)
}
