//go:build linux && amd64

package softfloat

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"

	"g86/cpu/internal/hostcpu"
)

// gen makes operands that meet the corners: special encodings, exponents near each other and near the ends, and
// significands with few or many one bits.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 86))} }

func (g gen) sig64() uint64 {
	switch g.IntN(6) {
	case 0:
		return 0
	case 1:
		return ^uint64(0)
	case 2:
		return 1 << g.IntN(64)
	case 3:
		return ^uint64(0) << g.IntN(64)
	case 4:
		return g.Uint64() << g.IntN(64)
	}
	return g.Uint64()
}

func (g gen) f80() F80 {
	var exp uint16
	switch g.IntN(8) {
	case 0:
		exp = 0
	case 1:
		exp = 0x7fff
	case 2:
		exp = uint16(g.IntN(80))
	case 3:
		exp = 0x7ffe - uint16(g.IntN(80))
	case 4, 5:
		exp = 0x3fff + uint16(g.IntN(8)) - 4
	case 6:
		exp = 0x3fff + uint16(g.IntN(160)) - 80
	default:
		exp = uint16(g.Uint32()) & 0x7fff
	}
	sig := g.sig64()
	if g.IntN(16) != 0 && (exp != 0 || g.IntN(8) == 0) {
		sig |= 1 << 63
	}
	return F80{sig, exp | uint16(g.IntN(2))<<15}
}

func put80(p *[16]byte, v F80) {
	binary.LittleEndian.PutUint64(p[:], v.Sig)
	binary.LittleEndian.PutUint16(p[8:], v.SE)
}

func (g gen) cw() uint16 {
	cw := uint16(g.IntN(4))<<10 | [4]uint16{0, 0x200, 0x300, 0x300}[g.IntN(4)] | 0x3f
	if g.IntN(3) == 0 {
		cw &^= uint16(g.IntN(64))
	}
	return cw
}

// hostCase is one operation run on both sides.
type hostCase struct {
	name string
	code *hostcpu.Code
	run  func(a, b F80, e *Env) (st0, st1 F80, cc uint16)
	// loose compares the result within a unit and ignores C1 and PE.
	loose bool
	gen   func(g gen) (a, b F80)
}

const (
	swC0 = 0x0100
	swC1 = 0x0200
	swC2 = 0x0400
	swC3 = 0x4000
)

func st0(f func(a, b F80, e *Env) F80) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) { return f(a, b, e), b, 0 }
}

func st0unary(f func(a F80, e *Env) F80) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) { return f(a, e), b, 0 }
}

func remCase(f func(a, b F80, e *Env) (F80, uint8, bool)) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) {
		r, q, partial := f(a, b, e)
		var cc uint16
		if q&1 != 0 {
			cc |= swC1
		}
		if q&2 != 0 {
			cc |= swC3
		}
		if q&4 != 0 {
			cc |= swC0
		}
		if partial {
			cc |= swC2
		}
		return r, b, cc
	}
}

func ulpDiff(a, b F80) uint64 {
	if a.SE&0x8000 != b.SE&0x8000 {
		return ^uint64(0)
	}
	// Consecutive values of one sign are consecutive 79-bit integers with the integer bit left out.
	key := func(v F80) (uint64, uint64) {
		e := uint64(v.SE & 0x7fff)
		f := v.Sig << 1 >> 1
		if e == 0 && v.Sig>>63 != 0 {
			e = 1
		}
		return e >> 1, e<<63 | f
	}
	ah, al := key(a)
	bh, bl := key(b)
	dl, br := bits.Sub64(al, bl, 0)
	dh, br := bits.Sub64(ah, bh, br)
	if br != 0 {
		dl, br = bits.Sub64(0, dl, 0)
		dh = -dh - br
	}
	if dh != 0 {
		return ^uint64(0)
	}
	return dl
}

func runHostCases(t *testing.T, cases []hostCase, n int) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGen(uint64(i) + 1)
			bad := 0
			for k := 0; k < n && bad < 6; k++ {
				a, b := g.f80(), g.f80()
				if c.gen != nil {
					a, b = c.gen(g)
				}
				blk := hostcpu.X87{CW: g.cw()}
				put80(&blk.A, a)
				put80(&blk.B, b)
				c.code.Run(unsafe.Pointer(&blk))
				var want [2]F80
				want[0].Sig, want[0].SE = blk.ST(0)
				want[1].Sig, want[1].SE = blk.ST(1)
				e := X87Env(blk.CW)
				r0, r1, cc := c.run(a, b, &e)
				if e.C1 {
					cc |= swC1
				}
				if e.Unmasked()&(IE|DE|ZE) != 0 {
					r0, r1 = a, b
				}
				sw := blk.SW()
				got, exp := uint16(e.Flags)|cc, sw&(0x3f|swC0|swC1|swC2|swC3)
				ok := r0 == want[0] && r1 == want[1]
				if c.loose {
					got, exp = got&^(PE|swC1), exp&^(PE|swC1)
					ok = ok || ulpDiff(r0, want[0]) <= 1 && ulpDiff(r1, want[1]) <= 1
				}
				if !ok || got != exp {
					bad++
					t.Errorf("CW=%03x a=%04x.%016x b=%04x.%016x: got %04x.%016x %04x.%016x flags %04x, host %04x.%016x %04x.%016x flags %04x",
						blk.CW, a.SE, a.Sig, b.SE, b.Sig, r0.SE, r0.Sig, r1.SE, r1.Sig, got, want[0].SE, want[0].Sig,
						want[1].SE, want[1].Sig, exp)
				}
			}
		})
	}
}

func TestF80ArithmeticMatchesHost(t *testing.T) {
	runHostCases(t, []hostCase{
		{name: "FADD", code: hostcpu.X87Op(0xd8, 0xc1), run: st0(F80Add)},
		{name: "FSUB", code: hostcpu.X87Op(0xd8, 0xe1), run: st0(F80Sub)},
		{name: "FMUL", code: hostcpu.X87Op(0xd8, 0xc9), run: st0(F80Mul)},
		{name: "FDIV", code: hostcpu.X87Op(0xd8, 0xf1), run: st0(F80Div)},
		{name: "FSQRT", code: hostcpu.X87Op(0xd9, 0xfa), run: st0unary(F80Sqrt)},
	}, 50000)
}
