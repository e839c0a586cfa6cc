//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/jit/amd64"
)

// Calls and returns of the guest are calls and returns of the host, whose processor
// predicts returns by the calls before. RSP is a stack of host addresses beside the guest's
// stack, of which the guest sees nothing. A call leaves the address of a landing there; a
// return takes one, whichever it is, and the landing goes on with what is behind the
// call if that is where the guest returns to. Elsewhere the target is looked up like that
// of any indirect jump: calls and returns need not match, nor does it matter if the
// interpreter has run some of them.
//
// A landing does not look at the page it leads to: package cpu empties the stack when a
// translation of a page with code is dropped, or a block that calls, and has one for user code and
// one for all else. At the bottom is the barrier, which stays where it is.

// landing is where the call before it returns to: it goes on at next, or wherever tmpA,
// the guest's return address, says. tmpB is the return's exit.
func (t *trans) landing(next uint64) {
	t.done = true
	v, well := -next, uint64(t.well(1))
	switch {
	case !t.long:
		t.Lea(tmpC, amd64.At(tmpA, int32(v+well)), 4)
	case reaches(int64(v)):
		t.Lea(tmpC, amd64.At(tmpA, int32(v+well)), 8)
	default:
		t.MovImm64(tmpC, v+well)
		t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA}, 8)
	}
	elsewhere := t.glue().returned
	var on int
	if t.checks == ChecksOver || t.checks == ChecksSign && t.long { // any difference may be
		here := t.Jrcxz()
		t.JmpTo(elsewhere)
		t.PatchShort(here)
		on = t.Jmp()
	} else {
		away := t.leaveUnlessWell()
		on = t.Jmp()
		t.PatchShort(away)
		t.JmpTo(elsewhere)
	}
	t.island(false)
	t.linkFrom(on, next)
}

// emitReturned writes where returns go that a landing does not expect, and the barrier.
func (e *Engine) emitReturned(g *glue) {
	a := &e.asm
	g.barrier = a.N
	a.Lea(amd64.RSP, amd64.At(amd64.RSP, -8), 8)
	g.returned = a.N
	a.Store(natExit, tmpB, 4)
	findJump(a, 0)
	found := a.Jrcxz()
	a.Load(tmpC, natExit, 4)
	a.JmpTo(g.exit[0])
	a.PatchShort(found)
	a.JmpMem(amd64.At(tmpB, jumpEntry))
}

// Barrier is what has to be at the bottom of a stack of return addresses.
func (e *Engine) Barrier(kind cpu.CodeKind) uintptr { return e.base + uintptr(e.glue[kind].barrier) }
