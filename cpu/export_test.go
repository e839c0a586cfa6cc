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

// Clustered are instructions whose accesses lie close together, through a few base
// registers that seldom change, and pushes and pops between them.
func Clustered(bits int) [][][]byte {
	r := rand.New(rand.NewPCG(2, uint64(bits)))
	var pool [][][]byte
	add := func(n int, make func() []byte) {
		var l [][]byte
		for range n {
			b := make()
			if bits == 64 && r.IntN(3) == 0 {
				b = append([]byte{[]byte{0x48, 0x4c, 0x44}[r.IntN(3)]}, b...)
			}
			l = append(l, b)
		}
		pool = append(pool, l)
	}
	field := func(reg int) []byte { // ModRM and what follows it: [base + disp8]
		base := []byte{6, 3, 7, 4, 6, 3}[r.IntN(6)] // RSI, RBX, RDI, RSP
		b := []byte{0x40 | byte(reg)<<3 | base}
		if base == 4 {
			b = append(b, 0x24)
		}
		return append(b, byte(r.IntN(256)))
	}
	other := func() int { return []int{0, 1, 2, 5}[r.IntN(4)] } // RAX, RCX, RDX, RBP
	for _, op := range []string{"\x8b", "\x89", "\x01", "\x03", "\x39", "\x3b", "\x88", "\x8a", "\x0f\xb6", "\x0f\xbf", "\x8d", "\x0f\x10", "\x0f\x11", "\x0f\x57"} {
		add(24, func() []byte { return append([]byte(op), field(other())...) })
		add(24, func() []byte { return append([]byte(op), field(other())...) })
	}
	add(12, func() []byte { return append(append([]byte{0x83}, field(r.IntN(8))...), byte(r.Uint32())) })
	add(12, func() []byte { return append([]byte{0xff}, field(0)...) })
	add(24, func() []byte { return []byte{0x50 | byte(r.IntN(8))} })
	add(24, func() []byte { return []byte{0x58 | byte([]int{0, 1, 2, 3, 5, 6, 7}[r.IntN(7)])} })
	add(8, func() []byte { return []byte{0x83, []byte{0xc4, 0xec}[r.IntN(2)], byte(r.IntN(8)) * 8} }) // add, sub rsp
	add(8, func() []byte { return []byte{0x89, 0xc0 | byte(other())<<3 | byte([]int{3, 6, 7}[r.IntN(3)])} })
	return pool
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
