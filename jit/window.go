//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Code of blocks that use a window (see cpu/window.go) does not search the TLB: the base of
// GS is the window's, and R15 is the processor's address. In 32-bit code the host computes an
// address as the guest does, and nothing has to be checked. In 64-bit code it has to be
// in the part of the window that it is thought to be in: of a register with
// a displacement the register alone, because there is nothing as far around the window
// as displacements reach. That holds until the register changes.
//
// What an instruction finds unmapped makes the host raise a fault, see fault_amd64.s. So
// only those may use the window that have changed nothing before their accesses.

// verified is what an access relies on.
type verified uint8

const (
	alone    verified = iota
	leads             // others rely on its check
	relies            // on the check of one before
	maxMoved = 1 << 20
)

// directForm reports whether a form's host code may find its memory unmapped.
func directForm(f *isa.Form, l *lowering) bool {
	if l.sse || x87Form(f) || l.groups || l.stack != stackNone {
		return true
	}
	if l.page == amd64.Map1 && l.opcode&^1 == 0xd2 || l.page == amd64.Map0F && (l.opcode == 0xa5 || l.opcode == 0xad) {
		return false // by CL: a count of 0 must not do without the access
	}
	switch f.Mnemonic {
	case "MOVBE", "XADD", "CMPXCHG", "ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SAR", "SHLD", "SHRD", "BSF", "BSR", "TZCNT", "LZCNT",
		"POPCNT", "CRC32", "MUL", "IMUL", "DIV", "IDIV", "LEAVE", "JMP":
		return true
	case "BT", "BTS", "BTR", "BTC":
		return l.ext >= 0
	}
	return false
}

// direct reports whether the current instruction uses the window.
func (t *trans) direct() bool {
	return t.Windowed && t.directAt(t.i) && (!t.static || cpu.RegionOf(t.constant) != cpu.Anywhere)
}

func (t *trans) directAt(i int) bool {
	l, op := t.lowers[i], &t.ops[i]
	return l != nil && l.direct && !(l.regByte && op.Reg >= isa.AH) && t.regionOf(i) != cpu.Anywhere
}

// regionOf is where instruction i accesses memory.
func (t *trans) regionOf(i int) cpu.Region {
	l, op := t.lowers[i], &t.ops[i]
	if l.stack != stackNone && !op.Mem() || op.Mem() && op.Base == isa.RSP && op.Index >= isa.NoReg || isa.Forms[op.Form].Mnemonic == "LEAVE" {
		return t.b.StackRegion(i % t.period)
	}
	return t.b.RegionOf(i % t.period)
}

// inWindow is access where the window is used.
func (t *trans) inWindow(m amd64.Mem, n, kind int) amd64.Mem {
	s := slowPath{op: uint8(t.i), inMem: t.inMem, clear: t.clear, note: t.note, access: cpu.NativeRead}
	leads := t.verified[t.i] == leads
	switch {
	case kind == write && leads:
		s.access = cpu.NativeGroupWrite
	case kind == write:
		s.access = cpu.NativeWrite
	case leads:
		s.access = cpu.NativeGroupRead
	}
	t.sites, t.Tag = append(t.sites, s), len(t.sites)
	if !t.long {
		m.Guest = amd64.Guest32
		return m
	}
	region := t.regionOf(t.i)
	if m.Base == guestSP {
		region = t.b.StackRegion(t.i % t.period)
	}
	switch {
	case m.Base == amd64.None: // a constant, which reaches needs no more than a displacement for
		region = cpu.RegionOf(uint64(int64(m.Disp)))
	case t.static && m.Base == tmpA:
		region = cpu.RegionOf(t.constant)
	case region == cpu.Mixed:
		t.whichPart(m.Base)
		t.placed(m, n, s.access)
		m = with(m, tmpB)
		m.Guest = amd64.GuestAt
		return m
	case t.verified[t.i] != relies:
		t.probe(m.Base, region)
		t.placed(m, n, s.access)
	}
	if region == cpu.High {
		m.Guest = amd64.GuestGS
		return m
	}
	t.Load(tmpB, natLow, 8)
	m = with(m, tmpB)
	m.Guest = amd64.GuestAt
	return m
}

// placed says of the last slow path that n bytes at m are not where they were thought to be.
func (t *trans) placed(m amd64.Mem, n int, access cpu.NativeKind) {
	p := &t.slow[len(t.slow)-1]
	p.linear, p.size, p.access, p.placed = m, n, access, true
}

// planWindow finds the accesses that rely on the check of one before.
func (t *trans) planWindow(lowers []*lowering) {
	t.verified = t.verified[:0]
	for range t.ops {
		t.verified = append(t.verified, alone)
	}
	if !t.Windowed || !t.long {
		return
	}
	open := openGroups{t.open[:0]}
	defer func() { t.open = open.list }()
	var moved [16]int32
	for i := range t.ops {
		op, l := &t.ops[i], lowers[i]
		if l == nil {
			open.endAll()
			continue
		}
		if p, _, _, _, ok := t.groupable(op, l); ok && p.base < 16 && p.index >= 16 && t.directAt(i) {
			ids := open.of(p)
			if first := ids[read]; first != none && t.regionOf(first) == t.regionOf(i) && t.regionOf(i) != cpu.Mixed && max(moved[p.base], -moved[p.base]) < maxMoved {
				t.verified[first], t.verified[i] = leads, relies
			} else {
				ids[read] = i
				moved[p.base] = 0
			}
		}
		t.follow(op, l, &open, &moved)
	}
}

// placeSites writes what the host's faults lead to.
func (t *trans) placeSites() {
	last, at := -1, 0
	for _, s := range t.Sites {
		if s.Tag < 0 { // probe's
			t.e.faults.add(s.At, t.slow[^s.Tag].at)
			continue
		}
		if s.Tag != last {
			p := &t.sites[s.Tag]
			last, at = s.Tag, t.N
			t.inMem, t.clear, t.note = p.inMem, p.clear, p.note
			t.noteX87()
			t.exit(cpu.NativeExit{Kind: p.access, Op: p.op, Placed: true, Fault: true})
		}
		t.e.faults.add(s.At, at)
	}
}
