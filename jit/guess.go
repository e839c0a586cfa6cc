//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"math/rand/v2"

	"g86/cpu"
	"g86/jit/amd64"
)

// Most indirect calls, and jumps by way of imports (a program's procedure linkage table),
// always lead to the same place. Their code knows where they led first, and has the sum
// that an entry of the jump cache would have: what leads elsewhere is looked up there. A
// guess that is trusted (trust.go) compares the target alone: a word that is always 0 stands for
// the code key of its page.

// noGuess is the sum of a guess that has not been made.
var noGuess = rand.Uint64()

// guess compares the target in tmpA. What follows goes there; its place is to be noted in
// the link with the number that is returned.
func (t *trans) guess() (id int) {
	var s link
	loadTLB(t.Asm, tmpC, inTLB(cpu.NativeOffsets.TLBCode), tmpC)
	s.cross = int32(t.N - 4)
	s.from, s.set = t.b.CodeKey(), int32(t.b.RIP()>>12&(cpu.TLBSets-1))
	s.key = int32(t.MovImm64(tmpB, noGuess))
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA, Disp: t.well(1)}, 8)
	t.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB}, 8)
	t.checkAny()
	id = t.e.links.add(s)
	t.slow[len(t.slow)-1].guess = id + 1
	return id
}

// guessed writes where a guess goes that is wrong or has not been made.
func (t *trans) guessed(p *slowPath) {
	id := p.guess - 1
	s := t.e.links.at(id)
	s.jump, s.stub = int32(p.jump), int32(t.N)
	t.exit(cpu.NativeExit{Kind: cpu.NativeGuess, Op: p.op, Link: uint32(id)})
	s.other = int32(t.N)
	findJump(t.Asm, 0)
	found := t.Jrcxz()
	t.exit(cpu.NativeExit{Kind: cpu.NativeOp, Op: p.op})
	t.PatchShort(found)
	if p.back != 0 {
		t.Load(tmpB, amd64.At(tmpB, jumpEntry), 8)
		t.JmpTo(p.back)
		return
	}
	t.giveBack()
	t.JmpMem(amd64.At(tmpB, jumpEntry))
}

// learn makes a guess.
func (e *Engine) learn(id uint32, s *link, to *cpu.Block) {
	s.target, s.code, s.windowed = to.RIP(), to.CodeKey(), to.Windowed()
	e.doubt(s)
	e.asm.Patch(int(s.rel), int(s.to))
	e.asm.Patch(int(s.jump), int(s.other))
	if s.trusted = false; !e.trusts(id, s) {
		e.wait(id, s)
	}
}

// doubt makes a guess look at the page of its target.
func (e *Engine) doubt(s *link) {
	e.compare(s, cpu.NativeOffsets.TLBCode+uintptr(s.target>>12&(cpu.TLBSets-1)*8), s.target+s.code)
}

// compare makes a guess right where its target and a word of the TLB have a sum.
func (e *Engine) compare(s *link, word uintptr, sum uint64) {
	disp := inTLB(word).Disp
	if s.windowed {
		disp += tlbBias
	}
	binary.LittleEndian.PutUint32(e.asm.Buf[s.cross:], uint32(disp))
	binary.LittleEndian.PutUint64(e.asm.Buf[s.key:], -sum)
}

// unlearn takes it back.
func (e *Engine) unlearn(s *link) { binary.LittleEndian.PutUint64(e.asm.Buf[s.key:], noGuess) }
