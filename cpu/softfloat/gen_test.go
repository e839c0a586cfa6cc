package softfloat

import "math/rand/v2"

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

func (g gen) cw() uint16 {
	cw := uint16(g.IntN(4))<<10 | [4]uint16{0, 0x200, 0x300, 0x300}[g.IntN(4)] | 0x3f
	if g.IntN(3) == 0 {
		cw &^= uint16(g.IntN(64))
	}
	return cw
}

func closeOperands(g gen) (a, b F80) {
	a, b = g.f80(), g.f80()
	if g.IntN(3) == 0 {
		return a, b
	}
	d := g.IntN(140) - 4
	if g.IntN(8) == 0 {
		d = g.IntN(3000)
	}
	a.SE = a.SE&0x8000 | uint16(max(0, min(0x7ffe, int(b.SE&0x7fff)+d)))
	a.Sig |= 1 << 63
	return a, b
}

func scaleOperands(g gen) (a, b F80) {
	a, b = g.f80(), g.f80()
	if g.IntN(2) == 0 {
		n := int64(1) << (1 + g.IntN(17))
		b = F80FromInt64(g.Int64N(2*n) - n)
	}
	return a, b
}

// bits makes a binary32 or binary64 operand the way f80 does.
func (g gen) bits(prec uint, maxExp int) uint64 {
	var exp int
	switch g.IntN(8) {
	case 0:
		exp = 0
	case 1:
		exp = maxExp
	case 2:
		exp = g.IntN(30)
	case 3:
		exp = maxExp - 1 - g.IntN(30)
	case 4, 5:
		exp = maxExp/2 + g.IntN(8) - 4
	case 6:
		exp = max(0, min(maxExp, maxExp/2+g.IntN(160)-80))
	default:
		exp = g.IntN(maxExp + 1)
	}
	v := uint64(exp)<<(prec-1) | g.sig64()>>(65-prec)
	if g.IntN(2) == 0 {
		v |= uint64(maxExp+1) << (prec - 1)
	}
	return v
}

func (g gen) f32() uint32 { return uint32(g.bits(24, 255)) }
func (g gen) f64() uint64 { return g.bits(53, 2047) }

// within makes operands with exponents under a bound, and special ones.
func within(maxExp int) func(g gen) (a, b F80) {
	return func(g gen) (a, b F80) {
		a, b = g.f80(), g.f80()
		if exp := int(a.SE & 0x7fff); exp >= 0x3fff+maxExp && exp != 0x7fff {
			a.SE = a.SE&0x8000 | uint16(0x3fff+maxExp-1-g.IntN(20))
			a.Sig |= f80Int
		}
		return a, b
	}
}
