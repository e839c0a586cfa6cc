//go:build linux && amd64

package jit

import (
	"unsafe"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Stack operations and control transfers.

// width is the size of stack pointers and addresses.
func (t *trans) width() int {
	if t.long {
		return 8
	}
	return 4
}

// addSP moves the stack pointer.
func (t *trans) addSP(n int32) { t.Lea(guestSP, amd64.At(guestSP, n), t.width()) }

// pushTo is the place of the next push.
func (t *trans) pushTo(size int) amd64.Mem {
	t.static = false // the operand that is pushed, or called by way of, may be
	return t.grouped(amd64.At(guestSP, -int32(size)), size, write)
}

// top is the place of the value on top of the stack.
func (t *trans) top(size int) amd64.Mem {
	return t.grouped(amd64.At(guestSP, 0), size, read)
}

// storeImm stores a constant.
func (t *trans) storeImm(m amd64.Mem, v uint64, size int) {
	if size == 8 && uint64(int64(int32(v))) != v {
		t.MovImm(tmpC, v)
		t.Store(m, tmpC, 8)
		return
	}
	t.Emit(&amd64.Insn{Opcode: 0xc7, Size: size, Mem: &m, Imm: v, ImmSize: 4})
}

func lowerPush(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	if op.Mem() {
		m, ok := t.operand(op, size, read)
		if !ok {
			return false
		}
		t.Load(tmpC, m, size)
		t.Store(natScratch, tmpC, 8)
	}
	m := t.pushTo(size)
	switch {
	case op.Mem():
		t.Load(tmpC, natScratch, 8)
		t.Store(m, tmpC, size)
	case l.imm != 0:
		t.storeImm(m, op.Imm, size)
	default:
		t.Store(m, t.reg(op.RM, tmpC), size)
	}
	t.addSP(-int32(size))
	return true
}

func lowerPop(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	m := t.top(size)
	if op.RM == isa.RSP {
		t.Load(guestSP, m, size)
		return true
	}
	r := t.regs[op.RM]
	if r == amd64.None {
		r = tmpC
	}
	t.Load(r, m, size)
	t.put(op.RM, r)
	t.addSP(int32(size))
	return true
}

func lowerLeave(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	m := t.access(amd64.At(amd64.RBP, 0), size, read)
	t.Load(tmpC, m, size)
	t.Lea(guestSP, amd64.At(amd64.RBP, int32(size)), t.width())
	t.Mov(amd64.RBP, tmpC, 8)
	return true
}

func lowerJcc(t *trans, op *cpu.Op, l *lowering) bool {
	to, ok := op.Target()
	if !ok {
		return false
	}
	t.settle()
	if t.again() {
		t.toSlow(t.Jcc(l.opcode&15 ^ 1))
		s := &t.slow[len(t.slow)-1]
		s.skips, s.target = len(t.ops)-1-t.i, op.Next
		return true
	}
	taken := t.Jcc(l.opcode & 15)
	if rest := len(t.ops) - 1 - t.i; rest > 0 {
		t.toSlow(taken)
		s := &t.slow[len(t.slow)-1]
		s.skips, s.target = rest, to
		return true
	}
	next := t.Jmp()
	t.island(false)
	t.link(next, op.Next)
	t.link(taken, to)
	t.done = true
	return true
}

func lowerJmp(t *trans, op *cpu.Op, l *lowering) bool {
	if l.ext < 0 {
		to, ok := op.Target()
		if !ok {
			return false
		}
		t.settle()
		t.leave(to)
		return true
	}
	if !t.indirect(op) {
		return false
	}
	if op.Mem() && op.Index >= isa.NoReg { // no table: an import
		id := t.guess()
		t.giveBack()
		t.e.links.at(id).rel = int32(t.Jmp())
	} else {
		t.find()
		t.giveBack()
		t.JmpMem(amd64.At(tmpB, jumpEntry))
	}
	t.island(false)
	t.done = true
	return true
}

func lowerCall(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	if l.ext < 0 {
		to, ok := op.Target()
		if !ok {
			return false
		}
		t.settle()
		t.storeImm(t.pushTo(size), op.Next, size)
		t.addSP(-int32(size))
		t.giveBack()
		call := t.Call()
		t.landing(op.Next)
		t.linkFrom(call, to)
		return true
	}
	if !t.indirect(op) {
		return false
	}
	id := t.guess()
	t.e.links.at(id).rel = int32(t.LeaCode(tmpB, 0))
	t.slow[len(t.slow)-1].back = t.N
	t.Store(natScratch, tmpB, 8)
	t.storeImm(t.pushTo(size), op.Next, size)
	t.addSP(-int32(size))
	t.giveBack()
	t.CallMem(natScratch)
	t.landing(op.Next)
	return true
}

func lowerRet(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	t.settle()
	t.Load(tmpA, t.top(size), size)
	t.addSP(int32(op.Returned()))
	t.giveBack()
	t.MovImm(tmpB, uint64(t.newExit(cpu.NativeExit{Kind: cpu.NativeReturn, Op: uint8(t.i)})))
	t.Ret()
	t.island(false)
	t.done = true
	return true
}

// indirect puts the target of an indirect jump into tmpA.
func (t *trans) indirect(op *cpu.Op) bool {
	size := int(op.OpSize)
	if size != t.width() {
		return false
	}
	t.settle()
	if !op.Mem() {
		t.Mov(tmpA, t.reg(op.RM, tmpA), size)
		return true
	}
	m, ok := t.operand(op, size, read)
	if ok {
		t.Load(tmpA, m, size)
	}
	return ok
}

// find makes tmpB the entry of the jump cache for the target in tmpA; what is
// not there the interpreter does. All scratch registers change, flags do not.
func (t *trans) find() {
	findJump(t.Asm, t.well(1))
	t.halve()
	t.check()
}

const (
	jumpCheck = int32(unsafe.Offsetof(cpu.JumpSlot{}.Check))
	jumpEntry = int32(unsafe.Offsetof(cpu.JumpSlot{}.Entry))
)

// findJump makes tmpB the entry of the jump cache that the target in tmpA would have, and
// tmpC plus if it has.
func findJump(a *amd64.Asm, plus int32) {
	a.Shrx(tmpC, tmpA, pageCount(a, tmpC), 4)
	loadTLB(a, tmpC, indexed(inTLB(cpu.NativeOffsets.TLBCode), tmpC), tmpB)
	a.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA, Disp: plus}, 8)
	a.Rorx(tmpB, tmpA, 16, 8)
	a.Lea(tmpB, amd64.Mem{Base: tmpA, Index: tmpB, Scale: 1}, 4)
	a.Movzx16(tmpB, tmpB)
	a.Load(tmpA, natJumps, 8)
	a.Lea(tmpA, amd64.Mem{Base: tmpA, Index: tmpB, Scale: 3}, 8)
	a.Lea(tmpB, amd64.Mem{Base: tmpA, Index: tmpB, Scale: 3}, 8) // 16 bytes a slot
	a.Load(tmpA, amd64.At(tmpB, jumpCheck), 8)
	a.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA}, 8)
}
