//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// String instructions.

// lowerString is MOVS and STOS, repeated or not, and LODS, SCAS and CMPS that are not, where DF is
// clear.
func lowerString(t *trans, op *cpu.Op, l *lowering) bool {
	if int(op.AddrSize) != t.width() || op.Seg == isa.FS || op.Seg == isa.GS || op.Seg == isa.CS && !t.long {
		return false
	}
	name, size := isa.Forms[op.Form].Mnemonic, int(op.OpSize)
	if len(name) == len("MOVSB") {
		name, size = name[:len("MOVS")], 1
	}
	moves := name == "MOVS"
	repeats := op.Prefix&(isa.PrefixRep|isa.PrefixRepne) != 0
	if repeats && !moves && name != "STOS" {
		return false
	}
	t.need(natDF)
	if repeats {
		t.repeatString(moves, size)
		return true
	}
	source := func() amd64.Mem { return t.access(amd64.At(amd64.RSI, 0), size, read) }
	destination := func(kind int) amd64.Mem { return t.access(amd64.At(amd64.RDI, 0), size, kind) }
	advance := func(r amd64.Reg) { t.Lea(r, amd64.At(r, int32(size)), t.width()) }
	with := func(opcode uint8, r amd64.Reg, m amd64.Mem) { // opcode r, m
		if size > 1 {
			opcode++
		}
		t.Emit(&amd64.Insn{Opcode: opcode, Size: size, Reg: r, Mem: &m, RegByte: size == 1})
	}
	const mov, cmp = 0x8a, 0x3a
	flags := isa.FlagEffect{Written: isa.StatusFlags}
	switch name {
	case "LODS":
		with(mov, amd64.RAX, source())
		advance(amd64.RSI)
		return true
	case "SCAS":
		t.before(&flags)
		with(cmp, amd64.RAX, destination(read))
		t.after(&flags, 0)
		advance(amd64.RDI)
		return true
	case "STOS":
		t.Store(destination(write), amd64.RAX, size)
		advance(amd64.RDI)
		return true
	}
	if !moves {
		t.before(&flags)
	}
	t.Load(tmpC, source(), size)
	t.Store(natScratch, tmpC, 8)
	if moves {
		m := destination(write)
		t.Load(tmpC, natScratch, 8)
		t.Store(m, tmpC, size)
	} else {
		m := destination(read)
		t.Load(tmpC, natScratch, 8)
		with(cmp, tmpC, m)
		t.after(&flags, 0)
	}
	advance(amd64.RSI)
	advance(amd64.RDI)
	return true
}

// repeatString runs all iterations as one host instruction, if the budget covers them
// (each counts) and each operand lies in one page. The interpreter does the others, a
// page at a time.
func (t *trans) repeatString(moves bool, size int) {
	count := t.regs[isa.RCX]
	scale := map[int]uint8{1: 0, 2: 1, 4: 2, 8: 3}[size]
	needNot := func(jump int) { // the jump is taken where all is well
		t.toSlow(t.Jmp())
		t.PatchShort(jump)
	}
	t.Rorx(tmpC, count, 32, 8)
	needNot(t.Jecxz()) // at most 2^32-1
	t.Mov(tmpC, count, 4)
	none := t.Jrcxz()
	t.MovImm(tmpB, budgetShift)
	t.Sarx(tmpC, regBudget, tmpB, 8)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: count, Disp: -1}, 8)
	t.Rorx(tmpC, tmpC, 32, 8)
	used := t.Jecxz()
	over := t.Jmp()
	t.PatchShort(none)
	t.PatchShort(used)
	t.toSlow(t.Jmp())
	t.Patch(over, t.N)

	t.island(true)
	// find puts what is to be added to the addresses of the operand at r into tmpB.
	find := func(r amd64.Reg, kind int) {
		t.Lea(tmpA, amd64.Mem{Base: r, Index: count, Scale: scale, Disp: -1}, 8) // its last byte
		t.Shrx(tmpC, r, pageCount(t.Asm, tmpC), 4)
		loadTLB(t.Asm, tmpB, indexed(tags(kind), tmpC), tmpB)
		t.Lea(tmpC, amd64.Mem{Base: tmpB, Index: tmpA}, 8)
		t.Shrx(tmpC, tmpC, pageCount(t.Asm, tmpB), 8)
		t.needZero()
		t.Shrx(tmpC, r, pageCount(t.Asm, tmpC), 4)
		loadTLB(t.Asm, tmpB, indexed(tlbHost, tmpC), tmpB)
	}
	if moves {
		find(amd64.RSI, read)
		t.Store(natScratch, tmpB, 8)
	}
	find(amd64.RDI, write)
	// Nothing leaves any more. The last iteration belongs to the block's instructions.
	t.Rorx(tmpC, count, 64-budgetShift, 8)
	t.Lea(regBudget, amd64.Mem{Base: regBudget, Index: tmpC, Disp: -1 << budgetShift}, 8)
	t.Mov(tmpC, count, 8)
	t.Lea(amd64.RDI, amd64.Mem{Base: amd64.RDI, Index: tmpB}, 8)
	opcode := byte(0xaa)
	if moves {
		opcode = 0xa4
		t.Load(tmpA, natScratch, 8)
		t.Lea(amd64.RSI, amd64.Mem{Base: amd64.RSI, Index: tmpA}, 8)
	}
	if size > 1 {
		opcode++
	}
	if size == 2 {
		t.Bytes(0x66)
	}
	t.Bytes(0xf3)
	if size == 8 {
		t.Bytes(0x48)
	}
	t.Bytes(opcode)
	back := func(r, delta amd64.Reg) {
		t.Not(delta, 8)
		t.Lea(r, amd64.Mem{Base: r, Index: delta, Disp: 1}, t.width())
	}
	back(amd64.RDI, tmpB)
	if moves {
		back(amd64.RSI, tmpA)
	}
	t.Mov(count, tmpC, 8) // 0
}
