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
// that an entry of the jump cache would have: what leads elsewhere is looked up there.

// noGuess is the sum of a guess that has not been made.
var noGuess = rand.Uint64()

// guess compares the target in tmpA. What follows goes there; its place is to be noted in
// the link with the number that is returned.
func (t *trans) guess() (id int) {
	var s link
	loadTLB(t.Asm, tmpC, inTLB(cpu.NativeOffsets.TLBCode), tmpC)
	s.set = int32(t.N - 4)
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
func (e *Engine) learn(s *link, to *cpu.Block) {
	set := inTLB(cpu.NativeOffsets.TLBCode + uintptr(to.RIP()>>12&(cpu.TLBSets-1)*8)).Disp
	if to.Windowed() {
		set += tlbBias
	}
	binary.LittleEndian.PutUint32(e.asm.Buf[s.set:], uint32(set))
	binary.LittleEndian.PutUint64(e.asm.Buf[s.key:], -to.RIP()-to.CodeKey())
	e.asm.Patch(int(s.rel), int(s.to))
	e.asm.Patch(int(s.jump), int(s.other))
}

// unlearn takes it back.
func (e *Engine) unlearn(s *link) { binary.LittleEndian.PutUint64(e.asm.Buf[s.key:], noGuess) }
