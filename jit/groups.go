//go:build linux && amd64

package jit

import (
	"slices"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Accesses of a block through one base register mostly lie close together: the fields of
// a structure, the registers that a function saves; or through a base and an index, one
// element of an array and the next. The first of such a group, its
// leader, looks up the page of the lowest address and makes sure that the highest is in
// it, too. It leaves where that page is in NativeNear.Group; the others need no more.
// That holds until one of the registers changes (PUSH, POP and additions of constants are
// followed), or an instruction of the interpreter's comes, which may do anything. A
// page that may be written may be read: reads join a group of writes. In 32-bit code addresses
// wrap and the host's do not: where a register alone has moved since the leader, the address in
// it has to lie in the page, too.
//
// When a group does not lie in one page the interpreter runs the rest of the block, and
// a block where that is common is translated again without groups.

// group is a group of accesses of one kind.
type group struct {
	slot   int32 // none: it is not worth having
	leader int   // instruction
	size   int   // accesses
	stack  bool  // by way of the stack pointer, which has entries of its own
	lo, hi int32 // the bytes from lo to hi, as displacements from what the base register was
	shift  int32 // the leader's displacement so
	moved  int32 // how far the registers had moved then
}

const (
	none       = -1
	groupReach = 512 // bytes from the first to the last
	groupSlots = int32(len(cpu.NativeNear{}.Group))
)

// stackEffect is what an instruction does to the stack pointer.
type stackEffect uint8

const (
	stackNone stackEffect = iota
	stackPush
	stackPop
	stackCall
	stackRet
)

// classify fills in what groups need to know of a form.
func (l *lowering) classify(f *isa.Form) {
	if l.hidden || l.vector || l.plain {
		return
	}
	switch name := f.Mnemonic; name {
	case "ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST", "INC", "DEC", "NEG", "NOT", "MOV", "MOVZX", "MOVSX", "MOVSXD":
		l.groups, l.known = true, true
	case "MOVBE", "LEA", "BSWAP", "XADD", "XCHG", "ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SAR", "SHLD", "SHRD", "BT", "BTS", "BTR", "BTC",
		"BSF", "BSR", "TZCNT", "LZCNT", "POPCNT", "CRC32", "NOP", "ENDBR64", "ENDBR32":
		l.known = true
	case "IMUL":
		l.known = l.ext < 0 // with one operand it writes RDX:RAX
	case "PUSH":
		l.stack = stackPush
	case "POP":
		l.stack = stackPop
	case "CALL":
		l.stack = stackCall
	case "RET":
		l.stack = stackRet
	default:
		for _, p := range []string{"CMOV", "SET"} {
			if len(name) > len(p) && name[:len(p)] == p {
				l.groups, l.known = true, true
			}
		}
	}
}

// plan finds the groups of the block.
func (t *trans) plan(lowers []*lowering) {
	t.roles, t.groups = t.roles[:0], t.groups[:0]
	for range t.ops {
		t.roles = append(t.roles, none)
	}
	if t.b.Ungrouped() || t.Windowed {
		return
	}
	open := openGroups{t.open[:0]}
	defer func() { t.open = open.list }()
	var moved [16]int32 // how far each register has
	for i := range t.ops {
		op, l := &t.ops[i], lowers[i]
		if l == nil {
			open.endAll()
			continue
		}
		if place, at, n, kind, ok := t.groupable(op, l); ok {
			by := place.moved(&moved)
			at += by
			joined := func(id int) (lo, hi int32, fits bool) {
				if id == none {
					return 0, 0, false
				}
				g := &t.groups[id]
				lo, hi = min(g.lo, at), max(g.hi, at+n)
				if by != g.moved && !t.long && !place.sum() {
					lo, hi = min(lo, by), max(hi, by+1) // the register itself, which must not wrap on its way
				}
				return lo, hi, hi-lo <= groupReach
			}
			ids := open.of(place)
			id := ids[kind]
			if _, _, fits := joined(ids[write]); kind == read && fits {
				id = ids[write]
			}
			lo, hi, fits := joined(id)
			if !fits {
				id, lo, hi = len(t.groups), at, at+n
				ids[kind] = id
				t.groups = append(t.groups, group{slot: none, leader: i, shift: at, moved: by, stack: place.base == isa.RSP && !t.b.Scattered()})
			}
			g := &t.groups[id]
			g.lo, g.hi = lo, hi
			g.size++
			t.roles[i] = id
		}
		t.follow(op, l, &open, &moved)
	}
	slot := int32(0)
	for i := range t.groups {
		g := &t.groups[i]
		least := 2
		if g.stack && g.hi-g.lo > windowStep {
			least = 3 // the stack's entries are nearly as good
		}
		if g.size >= least && slot < groupSlots {
			g.slot = slot
			slot++
		}
	}
}

// follow ends the groups whose registers the instruction changes, but for constants that
// are added.
func (t *trans) follow(op *cpu.Op, l *lowering, open *openGroups, moved *[16]int32) {
	size := int32(op.OpSize)
	switch {
	case op.Branch():
	case l.stack == stackPush || l.stack == stackCall:
		moved[isa.RSP] -= size
	case l.stack == stackPop && !op.Mem():
		moved[isa.RSP] += size
		open.end(op.RM & 15)
	case l.known:
		t.forgetWritten(op, l, open, moved)
	case l.sse:
		if v := vectorOf(op); v.setGPRReg {
			open.end(op.Reg & 15)
		} else if v.setGPRRM && !op.Mem() {
			open.end(op.RM & 15)
		}
	default:
		open.endAll()
	}
}

// place is where an access is but for its displacement: a base register, an index, or both.
type place struct{ base, index, scale uint8 }

// sum reports whether the address is computed, and wraps, before it is used (trans.offset).
func (p place) sum() bool { return p.index < 16 && (p.base < 16 || p.scale > 0) }

// moved is how far it has, for registers that have moved so.
func (p place) moved(by *[16]int32) (n int32) {
	if p.base < 16 {
		n = by[p.base]
	}
	if p.index < 16 {
		n += by[p.index] << p.scale
	}
	return n
}

// openGroup has the groups of a place that accesses may still join, by kind.
type openGroup struct {
	place
	ids [2]int
}

type openGroups struct{ list []openGroup }

// of are those of a place.
func (o *openGroups) of(p place) *[2]int {
	for i := range o.list {
		if o.list[i].place == p {
			return &o.list[i].ids
		}
	}
	o.list = append(o.list, openGroup{p, [2]int{none, none}})
	return &o.list[len(o.list)-1].ids
}

// end ends those that use a register.
func (o *openGroups) end(r uint8) {
	o.list = slices.DeleteFunc(o.list, func(g openGroup) bool { return g.base == r || g.index == r })
}

func (o *openGroups) endAll() { o.list = o.list[:0] }

// forgetWritten ends the groups whose base register the instruction writes, and follows
// constants that are added to it.
func (t *trans) forgetWritten(op *cpu.Op, l *lowering, open *openGroups, moved *[16]int32) {
	in := l.describe(op)
	end := func(r uint8) {
		if r >= isa.AH {
			r &= 3
		}
		open.end(r & 15)
	}
	if isa.Forms[op.Form].Mnemonic == "LEA" && op.Reg == op.Base && op.Index >= isa.NoReg && int(op.OpSize) == t.width() && op.AddrSize == op.OpSize &&
		op.Disp > -groupReach && op.Disp < groupReach {
		moved[op.Reg] += int32(op.Disp)
		return
	}
	if in.ext < 0 && in.regW {
		end(in.reg)
	}
	if in.mem || !in.rmW {
		return
	}
	if in.page == 0 && in.opcode == 0xff && in.rm < 16 && in.size == t.width() { // INC, DEC
		moved[in.rm] += 1 - 2*int32(in.ext)
		return
	}
	if v := int64(in.imm); in.page == 0 && in.rm < 16 && in.immSize > 0 && in.size == t.width() && in.opcode>>2 == 0x80>>2 && v > -groupReach && v < groupReach {
		switch in.ext { // of opcodes 80h-83h
		case 0:
			moved[in.rm] += int32(v)
			return
		case 5:
			moved[in.rm] -= int32(v)
			return
		}
	}
	end(in.rm)
}

// groupable describes an instruction's access if it may belong to a group.
func (t *trans) groupable(op *cpu.Op, l *lowering) (p place, at, n int32, kind int, ok bool) {
	size := int32(op.OpSize)
	stack := place{isa.RSP, isa.NoReg, 0}
	switch l.stack {
	case stackPush, stackCall:
		return stack, -size, size, write, size == int32(t.width()) && !op.Mem()
	case stackPop, stackRet:
		return stack, 0, size, read, size == int32(t.width()) && !op.Mem()
	}
	if !l.groups && !l.sse || !op.Mem() || op.Base >= 16 && op.Index >= 16 || int(op.AddrSize) != t.width() || op.Seg == isa.FS || op.Seg == isa.GS || op.Seg == isa.CS {
		return p, 0, 0, 0, false
	}
	if op.Disp < -1<<16 || op.Disp > 1<<20 {
		return p, 0, 0, 0, false
	}
	in := l.describe(op)
	writes, bytes := in.rmW, in.msize
	if l.sse {
		v := vectorOf(op)
		writes, bytes = v.store, v.memory
	}
	kind = read
	if writes {
		kind = write
	}
	return place{op.Base, op.Index, op.Scale}, int32(op.Disp), int32(bytes), kind, bytes > 0
}

// grouped is access for an access that may belong to a group.
func (t *trans) grouped(m amd64.Mem, n, kind int) amd64.Mem {
	id := t.roles[t.i]
	if t.Windowed || id == none || t.groups[id].slot == none {
		return t.access(m, n, kind)
	}
	t.accesses++
	g := &t.groups[id]
	slot := natGroup
	slot.Disp += 8 * g.slot
	if t.i != g.leader {
		t.Load(tmpB, slot, 8)
		return with(m, tmpB)
	}
	first := m
	first.Disp += g.lo - g.shift
	span := int(g.hi - g.lo)
	var host amd64.Mem
	stack := t.usesEntry(first, span)
	if stack {
		host = t.searchStack(first, kind)
	} else {
		host = t.search(first, g.hi-g.lo, kind)
	}
	t.check()
	s := &t.slow[len(t.slow)-1]
	s.linear, s.size, s.stack, s.first, s.span, s.back = m, n, stack, first, span, t.N
	s.access = cpu.NativeGroupRead
	if kind == write {
		s.access = cpu.NativeGroupWrite
	}
	t.Load(tmpB, host, 8)
	t.Store(slot, tmpB, 8)
	return with(m, tmpB)
}
