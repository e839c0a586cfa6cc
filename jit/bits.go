//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Shifts, rotations, and instructions that look at single bits.

// byCL reports whether a shift or rotation is.
func (l *lowering) byCL() bool {
	if l.page == amd64.Map0F {
		return l.opcode&1 != 0 // SHLD and SHRD
	}
	return l.opcode&^1 == 0xd2
}

// count is how far one goes that is not.
func (l *lowering) count(op *cpu.Op) uint64 {
	switch {
	case l.imm == 0:
		return 1
	case op.OpSize == 8 && l.size != 1:
		return op.Imm & 63
	}
	return op.Imm & 31
}

// effect is what an instruction does to the flags: shifts say more of it than their forms.
func (l *lowering) effect(op *cpu.Op) isa.FlagEffect {
	if l.shift && !l.byCL() && l.count(op) != 0 {
		return isa.FlagEffect{Written: isa.StatusFlags}
	}
	return l.flags
}

// lowerShift is group 2. AF, undefined after shifts, is 0 for the guest; a count
// of 0 leaves the flags alone. OF, undefined for counts above 1, is what the last
// of single steps gives: where it may be seen and the host does otherwise, that
// step is made alone.
func lowerShift(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	live := t.live[t.i]
	fl := isa.FlagEffect{Written: isa.CF | isa.OF}
	if l.shift {
		fl.Written = isa.StatusFlags
	}
	if l.ext == 2 || l.ext == 3 {
		fl.Tested = isa.CF
	}
	byCL := l.byCL()
	count := l.count(op)
	if fl.Tested != 0 && (byCL || count != 1) && live&isa.OF != 0 {
		return false // a whole turn changes nothing
	}
	last := live&isa.OF != 0 && l.ext != 7 && (byCL || count > 1) && !hostStepsOF
	if byCL {
		return t.shiftByCL(op, &in, &fl, last)
	}
	if count == 0 {
		return t.emit(op, &in)
	}
	t.before(&fl)
	zero := fl.Written & isa.AF
	switch {
	case last && l.ext == 5: // two zeros have come in at the top
		zero |= isa.OF
	case last:
		in.imm = count - 1
		in.post = func(h *amd64.Insn) { t.lastStep(h) }
	}
	if !t.emit(op, &in) {
		return false
	}
	t.after(&fl, zero&live)
	return true
}

// lastStep is shift h by 1.
func (t *trans) lastStep(h *amd64.Insn) {
	one := *h
	one.Opcode, one.ImmSize = 0xd0|h.Opcode&1, 0
	t.Emit(&one)
}

// shiftByCL is a shift or rotation by CL.
func (t *trans) shiftByCL(op *cpu.Op, in *insn, fl *isa.FlagEffect, last bool) bool {
	clearAF := fl.Written&isa.AF&t.live[t.i] != 0
	fl.Tested = fl.Written
	t.before(fl)
	in.pre = func(*amd64.Insn) { t.Mov(tmpC, t.regs[1], 4) }
	if clearAF || last {
		var skip int
		in.pre = func(*amd64.Insn) {
			skip = t.skipNoCount(in.size)
			if last {
				t.Lea(tmpC, amd64.At(t.regs[1], -1), 4)
			} else {
				t.Mov(tmpC, t.regs[1], 4)
			}
		}
		in.post = func(h *amd64.Insn) {
			if last {
				t.lastStep(h)
			}
			if clearAF {
				t.clear = isa.AF
				t.settle()
			}
			t.PatchShort(skip)
			if in.size == 4 && h.Mem == nil {
				t.Mov(h.RM, h.RM, 4)
			}
		}
	}
	if !t.emit(op, in) {
		return false
	}
	t.after(fl, 0)
	return true
}

// lowerDoubleShift is SHLD and SHRD. AF, undefined, is 0 for the guest; OF, undefined for counts
// above 1, tells whether the sign has changed: where it may be seen it is made so.
func lowerDoubleShift(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	if in.size == 2 {
		return false
	}
	live := t.live[t.i]
	byCL := l.byCL()
	fl := isa.FlagEffect{Written: isa.StatusFlags}
	sign := live&isa.OF != 0
	if count := l.count(op); !byCL {
		sign = sign && count > 1
		if count == 0 {
			fl.Tested = isa.StatusFlags
			if live != 0 {
				return false
			}
		}
	} else {
		fl.Tested = isa.StatusFlags
	}
	switch {
	case byCL && (in.mem && t.regs[in.reg] == amd64.None), sign && in.mem, byCL && live != 0 && (in.mem || t.regs[in.reg] == amd64.None || t.regs[in.rm] == amd64.None):
		return false
	}
	t.before(&fl)
	switch {
	case byCL && live != 0:
		skip := 0
		in.pre = func(h *amd64.Insn) {
			skip = t.skipNoCount(in.size)
			t.Mov(tmpC, t.regs[1], 4)
			t.Mov(tmpA, h.RM, in.size)
		}
		in.post = func(h *amd64.Insn) {
			t.signChanged(tmpA, h, in.size)
			t.PatchShort(skip)
			if in.size == 4 {
				t.Mov(h.RM, h.RM, 4)
			}
		}
	case byCL:
		in.pre = func(*amd64.Insn) { t.Mov(tmpC, t.regs[1], 4) }
	case sign:
		in.pre = func(h *amd64.Insn) { t.copyOf(tmpC, h, in.size) }
		in.post = func(h *amd64.Insn) { t.signChanged(tmpC, h, in.size) }
	}
	if !t.emit(op, &in) {
		return false
	}
	if byCL && live != 0 || sign {
		t.after(&fl, 0)
	} else {
		t.after(&fl, isa.AF&live)
	}
	return true
}

// skipNoCount is a jump, to be patched, that is taken if the count in CL is 0 for a shift of size
// bytes. It changes tmpC.
func (t *trans) skipNoCount(size int) int {
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: tmpC, RM: t.regs[1], RMByte: true}) // MOVZX
	if size == 8 {
		t.Rorx(tmpC, tmpC, 6, 8)
	} else {
		t.Rorx(tmpC, tmpC, 5, 4)
	}
	t.Shrx(tmpC, tmpC, regTLB, max(size, 4)) // the masked count's bits are all that is left
	return t.Jrcxz()
}

// copyOf copies h's destination, a register of the guest's, where it is or in memory.
func (t *trans) copyOf(r amd64.Reg, h *amd64.Insn, size int) {
	if h.Mem != nil {
		t.Load(r, *h.Mem, size)
	} else {
		t.Mov(r, h.RM, size)
	}
}

// signChanged clears AF and makes OF tell whether the sign of h's destination differs from that of
// old, tmpC or tmpA. It changes that and tmpB.
func (t *trans) signChanged(old amd64.Reg, h *amd64.Insn, size int) {
	t.copyOf(tmpB, h, size)
	t.Store(natScratch, amd64.RAX, 8)
	t.e.getFlags()
	t.Op(amd64.Xor, old, tmpB, size)
	t.Emit(&amd64.Insn{Opcode: 0xc1, Size: size, Reg: 5, RM: old, Imm: uint64(8*size - 1), ImmSize: 1}) // SHR
	t.Emit(&amd64.Insn{Opcode: 0x8a, Size: 1, Reg: amd64.RAX, RM: old, RegByte: true, RMByte: true})    // MOV AL,old
	t.Bytes(0x80, 0xe4, ^uint8(isa.AF))                                                                 // AND AH,imm8
	t.e.setFlags()
	t.Load(amd64.RAX, natScratch, 8)
}

// lowerBitTest is BT and its family but for bit offsets that reach outside a
// memory operand.
func lowerBitTest(t *trans, op *cpu.Op, l *lowering) bool {
	if op.Mem() && l.ext < 0 {
		return lowerBitString(t, op, l)
	}
	return lowerPlain(t, op, l)
}

// lowerBitString is BT and its relatives with a bit string in memory: the register tells
// the word, too.
func lowerBitString(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size == 2 || int(op.AddrSize) != t.width() || !t.long && (op.Seg == isa.FS || op.Seg == isa.GS) {
		return false
	}
	shift, scale := uint64(5), uint8(2)
	if size == 8 {
		shift, scale = 6, 3
	}
	t.before(&l.flags)
	m, ok := t.linear(op, size)
	if !ok {
		return false
	}
	if m.Base == amd64.None {
		t.MovImm(tmpA, uint64(int64(m.Disp)))
		m = amd64.At(tmpA, 0)
	}
	bit := t.reg(op.Reg, tmpC)
	t.MovImm(tmpB, shift)
	t.Sarx(tmpC, bit, tmpB, size)
	if size == 4 && t.long {
		t.Emit(&amd64.Insn{Opcode: 0x63, Size: 8, Reg: tmpC, RM: tmpC}) // MOVSXD
	}
	t.Lea(tmpA, amd64.Mem{Base: m.Base, Index: tmpC, Scale: scale, Disp: m.Disp}, t.width())
	kind := read
	if l.rmW {
		kind = write
	}
	m = t.access(amd64.At(tmpA, 0), size, kind)
	t.Load(tmpC, m, size)
	if bit = t.regs[op.Reg]; bit == amd64.None {
		at := gpr(op.Reg)
		bit = tmpA
		t.Lea(tmpB, m, 8)
		m = amd64.At(tmpB, 0)
		t.Load(tmpA, at, 8)
	}
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: l.opcode, Size: size, Reg: bit, RM: tmpC})
	if l.rmW {
		t.Store(m, tmpC, size)
	}
	t.after(&l.flags, 0)
	return true
}

// lowerScan is BSF and BSR. For the guest SF and PF (undefined) are the source's,
// the others 0: TEST gives just that.
func lowerScan(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	src := tmpA
	if op.Mem() {
		m, ok := t.operand(op, size, read)
		if !ok {
			return false
		}
		t.Load(tmpA, m, size)
	} else if op.RM == op.Reg {
		t.Mov(tmpA, t.reg(op.RM, tmpA), 8)
	} else {
		src = t.reg(op.RM, tmpA)
	}
	dst := t.reg(op.Reg, tmpB)
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: l.opcode, Size: size, Reg: dst, RM: src})
	t.put(op.Reg, dst)
	if t.live[t.i] != 0 {
		t.Emit(&amd64.Insn{Opcode: 0x85, Size: size, Reg: src, RM: src})
	}
	t.after(&isa.FlagEffect{Written: isa.StatusFlags}, 0)
	return true
}
