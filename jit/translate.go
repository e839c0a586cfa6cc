//go:build linux && amd64

package jit

import (
	"slices"
	"time"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Scratch registers.
const (
	regTLB    = amd64.R15
	regBudget = amd64.R12
	tmpC      = amd64.RCX
	tmpA      = amd64.R10 // linear address
	tmpB      = amd64.R14 // host page
	guestSP   = amd64.R8
)

// trans is the translation of one block.
//
// The guest's status flags are in the host's between instructions unless inMem;
// clear are those that are 0 for the guest whatever the host has.
type trans struct {
	*amd64.Asm
	e    *Engine
	b    *cpu.Block
	ops  []cpu.Op
	i    int
	long bool
	live []uint32 // status flags that matter after each instruction

	period int      // instructions of the block, see unroll.go
	turns  []cpu.Op // those of all turns

	lowers []*lowering
	inMem  bool
	clear  uint32
	slow   []slowPath
	done   bool // the block has been left

	interp   int   // instructions left to the interpreter
	accesses int   // of memory
	first    int   // where the block's host code begins, with what is ahead of it
	starts   []int // where that of each instruction begins
	taken    int   // where that of branches taken in the midst of the block begins
	body     int   // where all of it ends, but for what is out of line
	line     int   // where that begins
	aside    bool  // it is being written

	sse bool // the XMM registers are loaded
	fp  bool // floating-point instructions may run

	regs  [16]amd64.Reg // where the guest's registers are, as hostReg
	swaps []swap        // what is not as there
	back  bool          // it is, for the moment
	inner int           // where the block begins once it has borrowed registers

	checks Checks
	slots  []int      // jumps ahead of the block that no check leads to yet
	near   []nearJump // checks without a jump
	far    bool       // one could not be placed

	roles  []int // the group of each instruction's access, or none
	groups []group
	open   []openGroup // plan's

	sites    []slowPath // of accesses in a window, by Asm.Tag
	verified []verified // planWindow's
	static   bool       // the operand's address is constant
	constant uint64

	insn amd64.Insn // emit's
	mem  amd64.Mem

	x87  bool   // the x87 unit is loaded
	note uint32 // the NativeNote of an x87 instruction that has not been noted yet
}

// slowPath is an exit out of line.
type slowPath struct {
	jump  int // displacement to patch, 0: the host's fault leads there
	at    int // where it is
	op    uint8
	inMem bool
	clear uint32

	access cpu.NativeKind // not 0: the access that failed
	linear amd64.Mem
	size   int
	stack  bool // by way of the stack's entry
	back   int
	placed bool      // it was thought to be in a region of the window
	first  amd64.Mem // of a group: the span bytes that were looked for
	span   int

	loadSSE int    // not 0: where to go on once the XMM registers are loaded
	x87     bool   // the x87 unit is not loaded
	noFP    bool   // SSE exceptions are not masked
	budget  bool   // the budget is used up
	note    uint32 // see trans

	guess int // not 0: the number of a guess, plus 1; back is 0 for a jump

	skips  int // not 0: a branch that is taken ahead of so many instructions
	target uint64
}

// Translate makes host code for a block, or returns nil.
func (e *Engine) Translate(b *cpu.Block) *cpu.Native {
	if b.Mode() == 16 {
		return nil
	}
	began := time.Now()
	t, n := e.translate(b)
	e.Stats.Blocks++
	e.Stats.Insns += uint64(t.period)
	e.Stats.Interp += uint64(t.interp)
	e.Stats.Bytes += uint64(t.bytes())
	e.Stats.Time += time.Since(began)
	e.mapped(b, n)
	e.dump(b)
	e.own(b)
	return n
}

// own notes that a block has host code.
func (e *Engine) own(b *cpu.Block) {
	if len(e.blocks) == cap(e.blocks) { // let go of dropped ones before there is room for more
		e.blocks = slices.DeleteFunc(e.blocks, func(b *cpu.Block) bool { return !b.HasNative() })
	}
	e.blocks = append(e.blocks, b)
}

// translate writes the host code, in an empty buffer if it is full.
func (e *Engine) translate(b *cpu.Block) (*trans, *cpu.Native) {
	if !e.room() || e.exits.n+blockExits > maxExits || e.faults.full() {
		e.Stats.Resets++
		e.reset()
		e.room()
	}
	t := &e.t // its slices are used again
	t.Asm, t.e, t.b, t.ops, t.long = &e.asm, e, b, b.Ops(), b.Mode() == 64
	lowers := t.lowers[:0]
	for i := range t.ops {
		lowers = append(lowers, lookup(&t.ops[i]))
	}
	t.lowers = lowers
	e.codeOf(b.Kind())
	t.unroll()
	defer e.codeOf(0)
	t.first, t.line, t.aside = t.N, e.aside, false
	exits, links := e.exits.n, e.links.n
	n := &cpu.Native{}
	t.checks = e.Checks
	for !t.instructions(t.lowers, n) { // something has turned out to be other than was thought
		t.once()
		t.N, e.aside = t.first, t.line
		e.exits.cut(exits)
		e.links.cut(links)
	}
	t.taken = t.N
	t.takenBranches()
	t.body = t.N
	t.switchSides()
	t.outOfLine()
	t.placeSites()
	t.reborrow(n)
	t.switchSides()
	n.Accesses, n.Insns = t.accesses, uint16(len(t.ops))
	n.Exits = [2]uint32{uint32(exits), uint32(e.exits.n)}
	n.Links = [2]uint32{uint32(links), uint32(e.links.n)}
	return t, n
}

// instructions emits the head and the instructions of the block. It fails when it has
// to start over because one more instruction than lowers says is the interpreter's, or
// because a check could not reach its slow path.
func (t *trans) instructions(lowers []*lowering, n *cpu.Native) bool {
	t.interp, t.accesses, t.starts = 0, 0, t.starts[:0]
	t.inMem, t.clear, t.slow, t.done = false, 0, t.slow[:0], false
	t.sse, t.fp = false, false
	t.x87, t.note = false, 0
	t.sites, t.Sites = t.sites[:0], t.Sites[:0]
	t.liveness(lowers)
	t.chooseSwaps(lowers)
	t.plan(lowers)
	t.planWindow(lowers)
	n.Resume = make([]uint16, len(t.ops))

	t.reserve(lowers)
	// The head: a jump ahead of it is near enough for JECXZ.
	over := t.N
	t.toSlow(t.Jmp())
	t.slow[0].budget = true
	n.Entry = t.e.base + uintptr(t.N)
	t.borrow()
	t.inner = t.N
	t.Lea(regBudget, amd64.At(regBudget, int32(len(t.ops))<<budgetShift), 8)
	t.Rorx(tmpC, regBudget, 32, 8)
	t.PatchShortTo(t.Jecxz(), over)
	if lin, key, ok := t.b.Crossing(); ok {
		t.checkKey(lin, key)
		t.Lea(tmpC, amd64.At(tmpC, -t.well(1)), 8)
		same := t.Jrcxz()
		t.exit(cpu.NativeExit{Kind: cpu.NativeCross})
		t.PatchShort(same)
	}

	for i := range t.ops {
		t.i, t.static = i, false
		t.makeIsland(&t.ops[i], lowers[i])
		at := t.N
		t.starts = append(t.starts, at)
		if t.ops[i].Ends() {
			t.noteX87()
		}
		switch l := lowers[i]; {
		case l == nil:
			t.interpret()
			t.interp++
		case l.fn(t, &t.ops[i], l):
			n.Resume[i] = uint16(t.e.base + uintptr(at) - n.Entry)
		default:
			lowers[i] = nil
			return false
		}
	}
	if !t.done {
		t.settle()
		t.noteX87()
		t.leave(t.b.End())
	}
	t.island(false)
	if t.far {
		t.checks = ChecksOver
		return false
	}
	return true
}

// liveness finds the flags that matter after each instruction. An instruction
// that may leave for the interpreter shows all of them.
func (t *trans) liveness(lowers []*lowering) {
	t.live = slices.Grow(t.live[:0], len(t.ops))[:len(t.ops)]
	live := uint32(isa.StatusFlags)
	for i := len(t.ops) - 1; i >= 0; i-- {
		t.live[i] = live
		op := &t.ops[i]
		if lowers[i] == nil || lowers[i].exits || op.Mem() || op.Branch() {
			live = isa.StatusFlags
			continue
		}
		fl := lowers[i].effect(op)
		live = live&^(fl.Written|fl.Undefined) | fl.Tested&isa.StatusFlags
	}
}

func (t *trans) glue() *glue { return &t.e.glue[t.b.Kind()] }

// newExit gives an exit with the flags where they are its number.
func (t *trans) newExit(x cpu.NativeExit) uint32 {
	x.Block, x.Clear, x.Form = t.b, uint16(t.clear), t.ops[x.Op].Form
	return uint32(t.e.exits.add(x))
}

// exit emits an exit.
func (t *trans) exit(x cpu.NativeExit) {
	if !t.back {
		t.giveBack()
	}
	t.MovImm(tmpC, uint64(t.newExit(x)))
	t.JmpTo(t.glue().exit[index(t.inMem)])
}

// interpret leaves the current instruction to the interpreter.
func (t *trans) interpret() {
	t.noteX87()
	t.exit(cpu.NativeExit{Kind: cpu.NativeOp, Op: uint8(t.i)})
	t.inMem, t.clear = false, 0
	t.fp = false // it may have been LDMXCSR
	t.x87 = false
	t.done = t.i == len(t.ops)-1 && t.ops[t.i].Ends()
}

// toSlow notes that the jump with its displacement at pos leaves the current
// instruction, which has done nothing yet, to the interpreter.
func (t *trans) toSlow(pos int) {
	t.slow = append(t.slow, slowPath{jump: pos, op: uint8(t.i), inMem: t.inMem, clear: t.clear, note: t.note})
}

// switchSides makes the assembler go on with what is out of line, or with what is not again.
func (t *trans) switchSides() {
	t.N, t.e.aside = t.e.aside, t.N
	t.aside = !t.aside
}

// bytes is how many the block's host code takes.
func (t *trans) bytes() int { return t.body - t.first + t.e.aside - t.line }

// takenBranches writes what branches in the midst of the block lead to.
func (t *trans) takenBranches() {
	for i := range t.slow {
		s := &t.slow[i]
		if s.skips == 0 {
			continue
		}
		t.Patch(s.jump, t.N)
		t.inMem, t.clear, t.note = s.inMem, s.clear, s.note
		t.noteX87()
		t.Lea(regBudget, amd64.At(regBudget, -int32(s.skips)<<budgetShift), 8)
		t.leave(s.target)
	}
}

// outOfLine writes the slow paths.
func (t *trans) outOfLine() {
	for i := range t.slow {
		s := &t.slow[i]
		if s.skips != 0 {
			continue
		}
		if s.at = t.N; s.jump != 0 {
			t.Patch(s.jump, t.N)
		}
		t.inMem, t.clear, t.note = s.inMem, s.clear, s.note
		t.noteX87()
		if s.budget {
			t.exit(cpu.NativeExit{Kind: cpu.NativeBudget})
			continue
		}
		if s.access != 0 {
			t.missed(s)
			continue
		}
		if s.guess != 0 {
			t.guessed(s)
			continue
		}
		if s.loadSSE != 0 {
			t.Load(tmpC, natSSE, 8)
			t.Lea(tmpC, amd64.At(tmpC, -1), 8)
			load := t.Jrcxz() // they were in memory
			skip := t.Jmp()
			t.PatchShort(load)
			t.LeaCode(tmpB, s.loadSSE)
			t.JmpTo(t.e.loadSSE[t.b.Kind()])
			t.Patch(skip, t.N)
		}
		x := cpu.NativeExit{Kind: cpu.NativeOp, Op: s.op}
		switch {
		case s.x87:
			x.Kind = cpu.NativeX87
		case s.noFP:
			x.Kind = cpu.NativeNoFP
		}
		t.exit(x)
	}
}

// Direct exits.

// leave ends the block with a jump to target.
func (t *trans) leave(target uint64) {
	t.done = true
	if len(t.swaps) > 0 && target == t.b.RIP() { // a block that is dropped is not in the middle of this
		t.JmpTo(t.inner)
		return
	}
	t.giveBack()
	pos := t.Jmp()
	t.island(false)
	t.linkFrom(pos, target)
}

// link makes the jump with its displacement at pos a direct exit.
func (t *trans) link(pos int, target uint64) {
	if len(t.swaps) > 0 {
		if target == t.b.RIP() {
			t.Patch(pos, t.inner)
			return
		}
		t.Patch(pos, t.N)
		t.giveBack()
		pos = t.Jmp()
	}
	t.linkFrom(pos, target)
}

// linkFrom is link where every register is in its place.
func (t *trans) linkFrom(pos int, target uint64) {
	t.back = true
	t.e.Stats.Jumps++
	if !t.aside {
		t.switchSides()
		defer t.switchSides()
	}
	s := link{target: target, jump: int32(pos), stub: int32(t.N)}
	t.Patch(pos, t.N)
	t.exit(cpu.NativeExit{Kind: cpu.NativeLink, Link: uint32(t.e.links.n)})
	if target>>12 != t.b.RIP()>>12 {
		s.cross = int32(t.N)
		s.key = int32(t.checkKey(target, 0))
		if t.checks == ChecksOver {
			ok := t.Jrcxz()
			t.JmpTo(int(s.stub))
			t.PatchShort(ok)
		} else {
			t.halve()
			t.PatchShortTo(t.leaveUnlessWell(), int(s.stub))
		}
		s.rel = int32(t.Jmp())
		s.from, s.set = t.b.CodeKey(), int32(t.b.RIP()>>12&(cpu.TLBSets-1))
	}
	t.e.links.add(s)
	t.back = false
}

// checkKey makes RCX well(1) if the code key of lin's page is key. It returns where the
// negated key stands.
func (t *trans) checkKey(lin, key uint64) (at int) {
	loadTLB(t.Asm, tmpC, inTLB(cpu.NativeOffsets.TLBCode+uintptr(lin>>12&(cpu.TLBSets-1)*8)), tmpC)
	at = t.MovImm64(tmpA, -key)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA, Disp: t.well(1)}, 8)
	return at
}

// Flags.

// host brings the flags into the host's.
func (t *trans) host() {
	if !t.inMem {
		return
	}
	t.Mov(tmpC, amd64.RAX, 8)
	t.Load(amd64.RAX, natFlags, 4)
	t.e.setFlags()
	t.Mov(amd64.RAX, tmpC, 8)
	t.inMem = false
}

// settle brings the flags into the host's, all of them right.
func (t *trans) settle() {
	t.host()
	if t.clear == 0 {
		return
	}
	t.Mov(tmpC, amd64.RAX, 8)
	t.e.getFlags()
	t.clearAX()
	t.e.setFlags()
	t.Mov(amd64.RAX, tmpC, 8)
}

// clearAX clears what is to be clear in LAHF's format.
func (t *trans) clearAX() {
	if t.clear&0xff != 0 {
		t.Bytes(0x80, 0xe4, ^uint8(t.clear)) // AND AH,imm8
	}
	if t.clear&isa.OF != 0 {
		t.Bytes(0xb0, 0) // MOV AL,0
	}
	t.clear = 0
}

// spill puts the flags into memory.
func (t *trans) spill() {
	if t.inMem {
		return
	}
	t.Mov(tmpC, amd64.RAX, 8)
	t.e.getFlags()
	t.clearAX()
	t.Store(natFlags, amd64.RAX, 2)
	t.Mov(amd64.RAX, tmpC, 8)
	t.inMem = true
}

// before prepares the flags for a host instruction with the effect fl.
func (t *trans) before(fl *isa.FlagEffect) {
	w := (fl.Written | fl.Undefined) & isa.StatusFlags
	tested := fl.Tested & isa.StatusFlags
	if tested != 0 || w != 0 && w != isa.StatusFlags {
		t.host()
	}
	if tested&t.clear != 0 {
		t.settle()
	}
}

// after notes its effect; zero are flags that are 0 for the guest but not for
// the host.
func (t *trans) after(fl *isa.FlagEffect, zero uint32) {
	w := (fl.Written | fl.Undefined) & isa.StatusFlags
	if w == 0 {
		return
	}
	t.inMem = false
	t.clear = t.clear&^w | zero
}

// Registers.

// reg is the host register of guest register i, loading it into tmp if it lives
// in memory.
func (t *trans) reg(i uint8, tmp amd64.Reg) amd64.Reg {
	if r := t.regs[i]; r != amd64.None {
		return r
	}
	t.Load(tmp, gpr(i), 8)
	return tmp
}

// put writes the whole guest register i.
func (t *trans) put(i uint8, r amd64.Reg) {
	if h := t.regs[i]; h == amd64.None {
		t.Store(gpr(i), r, 8)
	} else if h != r {
		t.Mov(h, r, 8)
	}
}

// Memory.

const (
	read = iota
	write
)

// linear is the linear address of the memory operand, of n bytes, as a register and a
// displacement, either of which may be absent. In 32-bit code the sum is wrong
// where it wraps; it matches no page then. With a base of FS or GS it does not, and the
// offset's wrapping, which is beyond the limit, is looked for.
func (t *trans) linear(op *cpu.Op, n int) (amd64.Mem, bool) {
	t.static = false
	seg := op.Seg
	if seg != isa.FS && seg != isa.GS {
		if seg == isa.CS && !t.long {
			return amd64.Mem{}, false
		}
		return t.offset(op)
	}
	v := cpu.NativeOffsets.Seg + uintptr(seg)*cpu.NativeOffsets.SegSize
	if !t.long {
		t.need(field(v + cpu.NativeOffsets.SegTight))
	}
	m, ok := t.offset(op)
	if !ok {
		return m, false
	}
	if t.long {
		t.Load(tmpC, field(v), 8) // the base
		if m.Base == amd64.None {
			m.Base = tmpC
		} else {
			m.Index = tmpC
		}
		t.Lea(tmpA, m, 8)
		return amd64.At(tmpA, 0), true
	}
	if m.Base == amd64.None {
		if uint64(uint32(m.Disp))+uint64(n) > 1<<32 {
			return m, false
		}
		t.MovImm(tmpA, uint64(uint32(m.Disp)))
	} else if t.Lea(tmpA, m, 4); n > 1 {
		t.Lea(tmpC, amd64.At(tmpA, int32(n-1)), 8)
		t.Rorx(tmpC, tmpC, 32, 8)
		t.Mov(tmpC, tmpC, 4)
		t.needZero()
	}
	t.Load(tmpC, field(v), 8)
	t.Lea(tmpA, amd64.Mem{Base: tmpC, Index: tmpA}, 4)
	return amd64.At(tmpA, 0), true
}

// offset is the operand's offset in its segment.
func (t *trans) offset(op *cpu.Op) (amd64.Mem, bool) {
	none := amd64.At(amd64.None, 0)
	size := int(op.AddrSize)
	if size == 2 || int64(int32(op.Disp)) != op.Disp && op.Base|op.Index != isa.NoReg {
		return none, false
	}
	if op.Base >= isa.NoReg && op.Index >= isa.NoReg {
		v := uint64(op.Disp)
		if size == 4 {
			v = uint64(uint32(v))
		}
		t.static, t.constant = op.Seg != isa.FS && op.Seg != isa.GS, v
		if reaches(int64(v)) {
			return amd64.At(amd64.None, int32(v)), true
		}
		t.MovImm(tmpA, v)
		return amd64.At(tmpA, 0), true
	}
	m := amd64.Mem{Base: amd64.None, Index: amd64.None, Disp: int32(op.Disp)}
	if op.Base < isa.NoReg {
		m.Base = t.reg(op.Base, tmpA)
	}
	if op.Index < isa.NoReg {
		m.Index, m.Scale = t.reg(op.Index, tmpC), op.Scale
		if m.Base == amd64.None && m.Scale == 0 {
			m.Base, m.Index = m.Index, amd64.None
		}
	}
	if !t.long && size == 4 && t.direct() && op.Seg != isa.FS && op.Seg != isa.GS {
		return m, true // the host's sum wraps as the guest's does
	}
	wraps := !t.long && m.Disp < -1<<16 // often on purpose: an array in the upper half
	if m.Index == amd64.None && m.Base != tmpC && m.Base != tmpA && (size == 8 || !t.long && !wraps) && reaches(int64(m.Disp)) {
		return m, true
	}
	t.Lea(tmpA, m, size)
	return amd64.At(tmpA, 0), true
}

// reaches reports whether a displacement has room for the size of an access.
func reaches(d int64) bool { return d >= -1<<31 && d < 1<<31-2*pageSize }

// operand translates the instruction's memory operand of n bytes.
func (t *trans) operand(op *cpu.Op, n, kind int) (amd64.Mem, bool) {
	m, ok := t.linear(op, n)
	if !ok {
		return amd64.Mem{}, false
	}
	return t.access(m, n, kind), true
}
