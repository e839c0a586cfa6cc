package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
)

// TestChaos: whatever lies in the descriptor tables, the task state, the page
// tables and the registers, the processor neither panics nor hangs.
func TestChaos(t *testing.T) {
	const seeds = 300
	pools := map[int][][][]byte{}
	for _, bits := range []int{16, 32, 64} {
		pools[bits] = samples(rand.New(rand.NewPCG(2, uint64(bits))), isa.Mode(bits))
	}
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 7))
		bits := []int{16, 32, 64}[seed%3]
		g := randomMachine(t, bits, pools[bits], seed)
		g.board.rom = [2]uint64{}
		for range 40 { // descriptors, gates, page table entries, TSS fields
			for _, at := range []uint64{rigGDT + r.Uint64N(0x100), rigIDT + r.Uint64N(0x300), rigTSS + r.Uint64N(0x70)} {
				if r.IntN(4) == 0 {
					g.put(at&^7, r.Uint64()|1<<47)
				} else {
					g.board.ram[at] ^= 1 << r.IntN(8)
				}
			}
		}
		if bits == 64 && seed%4 == 0 {
			for range 3 {
				g.board.ram[rigPages+0x2000+r.Uint64N(8)] ^= 1 << r.IntN(8)
			}
		}
		flip := func(v *uint64, mask uint64) { *v ^= r.Uint64() & r.Uint64() & mask }
		flip(&g.RFLAGS, FlagTF|FlagIF|FlagDF|FlagIOPL|FlagNT|FlagRF|FlagAC|FlagVIF|FlagVIP)
		flip(&g.CR0, CR0MP|CR0EM|CR0TS|CR0NE|CR0WP|CR0AM)
		flip(&g.CR4, g.Model.cr4()&^(CR4PAE|CR4PCIDE))
		flip(&g.DR[7], 0xffff03ff)
		for i := range 4 {
			g.DR[i] = rigCode + r.Uint64N(64)
		}
		if bits == 32 && seed%5 == 0 {
			g.RFLAGS |= FlagVM
		}
		for i := range 6 {
			if r.IntN(3) == 0 {
				g.Seg[i].Attr ^= 1 << r.IntN(16)
				g.Seg[i].Limit >>= r.IntN(20)
			}
		}
		if bits != 64 {
			g.Seg[CS].Attr &^= attrL
		}
		g.RFLAGS |= Flag1
		g.Refresh()
		g.pinsOf().vector = 0x50
		before := g.ICount
		require.NotPanics(t, func() {
			for range 8 {
				g.Run(g.ICount + 40)
				g.NMI()
			}
		}, fmt.Sprint(seed))
		require.LessOrEqual(t, g.ICount-before, uint64(8*40), "seed %d", seed)
	}
}

func (r *rig) pinsOf() *pins { return r.CPU.board.(*pins) }
