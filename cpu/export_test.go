package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"g86/cpu/isa"
)

// What the tests of engines in package cpu_test need of the rig.

// Samples are byte strings of every form that random bytes find.
func Samples(bits int) [][][]byte {
	return samples(rand.New(rand.NewPCG(1, uint64(bits))), isa.Mode(bits))
}

// Lockstep runs the random program of seed on the interpreter and on what attach
// makes of the processors of a cache, in slices of random lengths, and compares.
// It returns how many instructions ran.
func Lockstep(t *testing.T, bits int, pool [][][]byte, seed, count uint64, attach func(*CodeCache)) uint64 {
	t.Helper()
	a, b := randomMachine(t, bits, pool, seed), randomMachine(t, bits, pool, seed)
	attach(b.code)
	r := rand.New(rand.NewPCG(seed, 7))
	for a.ICount < count && a.Runnable() {
		to := a.ICount + 1 + r.Uint64N(64)
		from, image := *a.Pull(), string(a.board.ram)
		a.runSlices(to, func() uint64 { return to }, func() {})
		b.runSlices(to, func() uint64 { return to }, func() {})
		if *a.Pull() == *b.Pull() && string(a.board.ram) == string(b.board.ram) {
			continue
		}
		// Narrow down: the first instruction after which they differ.
		for n := from.ICount + 1; n <= to; n++ {
			a, b = randomMachine(t, bits, pool, seed), randomMachine(t, bits, pool, seed)
			attach(b.code)
			for _, g := range []*rig{a, b} {
				g.State = from
				copy(g.board.ram, image)
				g.Refresh()
			}
			a.runSlices(n-1, func() uint64 { return n }, func() {})
			at := a.String() + ": " + a.disasm()
			a.runSlices(n, func() uint64 { return n }, func() {})
			b.runSlices(n, func() uint64 { return n }, func() {})
			a.sameAs(t, b, fmt.Sprintf("seed %d, from %d to %d, %s", seed, from.ICount, n, at))
		}
		t.Fatalf("seed %d: diverged between %d and %d, but not from there", seed, from.ICount, to)
	}
	return a.ICount
}

func (r *rig) disasm() string {
	var in isa.Inst
	at := (r.Seg[CS].Base + r.RIP) & (rigRAM - 1)
	if isa.Decode(r.board.ram[at:min(at+15, rigRAM)], r.mode, &in) != nil {
		return "?"
	}
	return isa.Disasm(&in, r.RIP, r.mode)
}
