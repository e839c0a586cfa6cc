//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/jit/amd64"
)

// A check leaves for the slow path unless RCX says that all is well. Flags may be live,
// so that only jumps that look at RCX alone can do it. A taken JRCXZ over a jump costs a
// place in the host's memory of taken branches: programs with more than some thousand
// accesses fill that, and each costs 5 to 15 ns then. So the jump to the slow path is the
// one that is not taken where all is well: LOOP where it is one operation, or else JRCXZ
// behind two more instructions.
//
// Either reaches 127 bytes. The jumps to the slow paths that it leads to are ahead of the
// block, behind the end of it, or, where neither is near, in an island in its midst.

// hostChecks suits the host: LOOP is a fast instruction on AMD's processors.
var hostChecks = func() Checks {
	if hostVendor() == "AuthenticAMD" {
		return ChecksLoop
	}
	return ChecksSign
}()

// nearJump is a jump of 127 bytes at pos that has no jump to its slow path yet.
type nearJump struct {
	pos  int
	slow int
}

const (
	nearReach = 127
	slotBytes = 5
	maxSlots  = 3
)

// well is what has to be added to a value shifted right by log2(unit) before check,
// which is 0 where all is well.
func (t *trans) well(unit int32) int32 {
	if t.checks == ChecksLoop {
		return unit
	}
	return 0
}

// check leaves the current instruction, which has done nothing yet, to its slow path
// unless RCX is well(1). For ChecksSign it must not be above 1<<63.
func (t *trans) check() {
	if t.checks == ChecksOver {
		ok := t.Jrcxz()
		t.toSlow(t.Jmp())
		t.PatchShort(ok)
		return
	}
	pos := t.leaveUnlessWell()
	for len(t.slots) > 0 {
		at := t.slots[0]
		t.slots = t.slots[1:]
		if pos+1-at <= nearReach+1 {
			t.PatchShortTo(pos, at)
			t.toSlow(at + 1)
			return
		}
	}
	t.near = append(t.near, nearJump{pos, len(t.slow)})
	t.toSlow(0)
}

// checkAny is check for any RCX.
func (t *trans) checkAny() {
	defer func(checks Checks) { t.checks = checks }(t.checks)
	if t.checks == ChecksSign {
		t.checks = ChecksOver
	}
	t.check()
}

// leaveUnlessWell is the jump of a check that is not taken where all is well.
func (t *trans) leaveUnlessWell() int {
	if t.checks == ChecksLoop {
		return t.Loop()
	}
	t.Lea(tmpC, amd64.At(tmpC, -1), 8)
	t.Shrx(tmpC, tmpC, regBudget, 8)
	return t.Jrcxz()
}

// need leaves the instruction to its slow path unless the word at m is 0.
func (t *trans) need(m amd64.Mem) {
	t.Load(tmpC, m, 8)
	t.needZero()
}

// needZero leaves the instruction to its slow path unless tmpC is 0.
func (t *trans) needZero() {
	if t.checks == ChecksLoop {
		t.Lea(tmpC, amd64.At(tmpC, 1), 8)
	}
	t.check()
}

// halve makes a difference of code keys, which is even, one that check can look at.
func (t *trans) halve() {
	if t.checks == ChecksSign {
		t.Rorx(tmpC, tmpC, 1, 8)
	}
}

// reserve makes room for jumps of the block's first checks ahead of it.
func (t *trans) reserve(lowers []*lowering) {
	t.slots, t.near, t.far = t.slots[:0], t.near[:0], false
	if t.checks == ChecksOver || len(t.swaps) > 0 {
		return
	}
	for i := range t.ops {
		l := lowers[i]
		if l == nil || l.hidden || len(t.slots) == maxSlots {
			continue
		}
		if searches := t.ops[i].Mem() || l.stack != stackNone; l.exits || searches && !(t.Windowed && t.directAt(i)) {
			t.slots = append(t.slots, t.N)
			t.Jmp()
		}
	}
}

// island places the jumps that are still missing; over says that host code goes on
// behind them.
func (t *trans) island(over bool) {
	if len(t.near) == 0 {
		return
	}
	skip := 0
	if over {
		skip = t.JmpShort()
	}
	for _, n := range t.near {
		if t.N-n.pos-1 > nearReach {
			t.far = true
		} else {
			t.PatchShort(n.pos)
		}
		t.slow[n.slow].jump = t.Jmp()
	}
	if over {
		t.PatchShort(skip)
	}
	t.near = t.near[:0]
}

// makeIsland places one if the next instruction might take its last chance.
func (t *trans) makeIsland(op *cpu.Op, l *lowering) {
	if len(t.near) == 0 {
		return
	}
	size := 24
	switch {
	case l == nil || l.hidden || l.fn == nil:
		size = nearReach
	case op.Mem() || l.exits:
		size = 100
	}
	if t.N+size+slotBytes*len(t.near)-t.near[0].pos > nearReach {
		t.island(true)
	}
}

// lastByte is the distance of the last of n bytes at m from a page whose negated address
// is in tag; shifted right by log2(unit), check can look at it.
func (t *trans) lastByte(m amd64.Mem, tag amd64.Reg, n, unit int32) amd64.Mem {
	m = with(m, tag)
	m.Disp += n - 1 + t.well(unit)
	return m
}
