package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
)

// samples are byte strings of every form that random bytes find, by form, valid
// in a mode.
func samples(r *rand.Rand, mode isa.Mode) [][][]byte {
	pool := make([][][]byte, len(isa.Forms))
	var b [15]byte
	var in isa.Inst
	for range 1_500_000 {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		switch r.IntN(8) {
		case 0:
			b[0] = 0x66
		case 1:
			b[0] = []byte{0xf2, 0xf3}[r.IntN(2)]
		case 2, 3, 4:
			b[0] = 0x0f
			if r.IntN(4) == 0 {
				b[1] = []byte{0x38, 0x3a, 0xae, 0x01, 0xc7, 0x00}[r.IntN(6)]
			}
		case 5:
			b[0], b[1] = []byte{0x66, 0xf2, 0xf3, 0x48}[r.IntN(4)], 0x0f
			if r.IntN(2) == 0 {
				b[2] = []byte{0x38, 0x3a, 0xae, 0xc7}[r.IntN(4)]
			}
		}
		if isa.Decode(b[:], mode, &in) == nil && len(pool[in.Form]) < 24 {
			pool[in.Form] = append(pool[in.Form], append([]byte(nil), b[:in.Len]...))
		}
	}
	kept := pool[:0]
	for id, p := range pool {
		if len(p) > 0 && isa.Forms[id].Mnemonic != "HLT" {
			kept = append(kept, p)
		}
	}
	return kept
}

// skipHandlers makes every vector lead to code that adds one to the return
// address and returns, so that random code gets on.
func (r *rig) skipHandlers(bits int) {
	plain := map[int][]byte{
		16: {0x55, 0x89, 0xe5, 0xff, 0x46, 0x02, 0x5d, 0xcf}, // PUSH BP; MOV BP,SP; INC word [BP+2]; POP BP; IRET
		32: {0xff, 0x04, 0x24, 0xcf},                         // INC dword [ESP]; IRET
		64: {0x48, 0xff, 0x04, 0x24, 0x48, 0xcf},
	}[bits]
	copy(r.board.ram[rigHandler:], plain)
	if bits == 16 {
		return
	}
	pop := []byte{0x8d, 0x64, 0x24, 0x04} // LEA ESP,[ESP+4]
	if bits == 64 {
		pop = []byte{0x48, 0x8d, 0x64, 0x24, 0x08}
	}
	copy(r.board.ram[rigHandler+0x40:], append(pop, plain...))
	n := bits / 4
	if bits == 32 {
		n = 8
	}
	for _, v := range []int{8, 10, 11, 12, 13, 14, 17} {
		r.put(uint64(rigIDT+n*v), (rigHandler+0x40)|8<<16|0x8e00<<32)
	}
}

// randomMachine fills a rig from seed: code, data and registers.
func randomMachine(t *testing.T, bits int, pool [][][]byte, seed uint64) *rig {
	r := rand.New(rand.NewPCG(seed, 99))
	var g *rig
	if bits == 16 {
		g = newRig(t, "max", bits)
	} else {
		s := newSysRig(t, bits)
		s.gate(0x50, s.get(rigIDT+6*uint64(bits/4&^7)))
		if g = s.rig; seed%3 == 1 {
			defer func() { s.ring(3) }()
		}
	}
	g.CPU.board = &pins{g.board, -1}
	g.CR4 |= (CR4PSE | CR4DE | CR4OSXSAVE) * (seed & 1)
	g.skipHandlers(bits)
	g.board.rom = [2]uint64{rigIDT, rigPages + 0x2fff} // stale translations would differ
	for at := rigData; at < rigData+0x4000; at += 8 {
		g.put(uint64(at), r.Uint64())
	}
	for at := rigCode; at < rigCode+0x800; {
		p := pool[r.IntN(len(pool))]
		at += copy(g.board.ram[at:], p[r.IntN(len(p))])
	}
	for i := range 16 {
		switch r.IntN(3) {
		case 0:
			g.GPR[i] = rigData + r.Uint64N(0x3000)
		case 1:
			g.GPR[i] = r.Uint64N(64)
		default:
			g.GPR[i] = r.Uint64()
		}
		if bits != 64 {
			g.GPR[i] = uint64(uint32(g.GPR[i]))
		}
	}
	if bits != 64 {
		clear(g.GPR[8:16])
	}
	g.GPR[RSP] = rigStack
	if bits == 16 {
		g.GPR[RSP] = 0x2000
	}
	for i := range g.XMM {
		g.XMM[i] = [2]uint64{r.Uint64(), r.Uint64()}
	}
	g.RFLAGS = r.Uint64()&statusFlags | Flag1 | r.Uint64()&1*FlagDF | r.Uint64()&1*FlagIF
	if seed%5 == 0 {
		g.RFLAGS |= FlagTF
	}
	g.RIP = rigCode
	g.Refresh()
	return g
}

// runInterrupted runs to instruction count with an interrupt and an NMI on the
// way, at counts that seed decides.
func (r *rig) runInterrupted(count, seed uint64, next func() uint64, between func()) {
	r.runSlices(count/4+seed%16, next, between)
	r.CPU.board.(*pins).vector = 0x50
	r.Kick()
	r.runSlices(count/2+seed%16, next, between)
	r.NMI()
	r.runSlices(count, next, between)
}

// runSlices runs to instruction count in slices of the length next gives.
func (r *rig) runSlices(count uint64, next func() uint64, between func()) {
	for r.ICount < count && r.Runnable() {
		r.Run(min(r.ICount+next(), count))
		between()
	}
}

// TestSlicesDoNotMatter: a run of N instructions, N runs of one, and runs of
// random lengths with everything derived thrown away between them reach the same
// state. Programs are random over all forms.
func TestSlicesDoNotMatter(t *testing.T) {
	const count, seeds = 150, 250
	for _, bits := range []int{16, 32, 64} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			pool := samples(rand.New(rand.NewPCG(1, uint64(bits))), isa.Mode(bits))
			require.Greater(t, len(pool), 600, "forms found by random bytes")
			reached := uint64(0)
			for seed := range uint64(seeds) {
				whole := randomMachine(t, bits, pool, seed)
				whole.runInterrupted(count, seed, func() uint64 { return count }, func() {})
				reached += whole.ICount

				one := randomMachine(t, bits, pool, seed)
				one.runInterrupted(count, seed, func() uint64 { return 1 }, func() {})
				whole.sameAs(t, one, fmt.Sprintf("seed %d, ones", seed))

				r := rand.New(rand.NewPCG(seed, 1))
				fresh := randomMachine(t, bits, pool, seed)
				fresh.runInterrupted(count, seed, func() uint64 { return 1 + r.Uint64N(8) }, func() {
					fresh.Pull()
					fresh.code.Flush()
					fresh.Refresh()
				})
				whole.sameAs(t, fresh, fmt.Sprintf("seed %d, fresh", seed))
			}
			require.Greater(t, reached, uint64(seeds*count/4), "random programs hardly run")
		})
	}
}

func (r *rig) sameAs(t *testing.T, o *rig, what string) {
	t.Helper()
	if *r.Pull() == *o.Pull() && string(r.board.ram) == string(o.board.ram) {
		return
	}
	require.Equal(t, *r.Pull(), *o.Pull(), what)
	for at := 0; at < len(r.board.ram); at += 8 {
		require.Equal(t, binary.LittleEndian.Uint64(r.board.ram[at:]), binary.LittleEndian.Uint64(o.board.ram[at:]), "%s: memory at %#x", what, at)
	}
}

// TestEveryFormHasOneHandler: the table and the handlers agree.
func TestEveryFormHasOneHandler(t *testing.T) { require.NoError(t, bound()) }
