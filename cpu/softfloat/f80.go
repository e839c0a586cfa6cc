package softfloat

import "math/bits"

// F80 is an x87 double extended-precision value: significand with explicit integer bit, sign and biased exponent.
type F80 struct {
	Sig uint64
	SE  uint16
}

// Indefinite80 is the real indefinite QNaN, the masked response to invalid operations; Indefinite32 and Indefinite64 are
// its narrower forms.
var Indefinite80 = F80{0xc000 << 48, 0xffff}

// The indefinites as bit patterns.
const (
	Indefinite32 uint32 = 0xffc00000
	Indefinite64 uint64 = 0xfff8 << 48
)

const f80Int = 1 << 63 // integer bit
const f80Quiet = 1 << 62

func makeF80(neg bool, exp int32, sig uint64) F80 {
	se := uint16(exp)
	if neg {
		se |= 0x8000
	}
	return F80{sig, se}
}

func zero80(neg bool) F80 { return makeF80(neg, 0, 0) }
func inf80(neg bool) F80  { return makeF80(neg, 0x7fff, f80Int) }

// Neg flips the sign (FCHS); Abs clears it (FABS). Both work on any encoding.
func (a F80) Neg() F80 { return F80{a.Sig, a.SE ^ 0x8000} }

// Abs clears the sign.
func (a F80) Abs() F80 { return F80{a.Sig, a.SE & 0x7fff} }

// Sign reports a set sign bit.
func (a F80) Sign() bool { return a.SE&0x8000 != 0 }

// IsNaN reports a QNaN or SNaN, not the unsupported pseudo-NaNs.
func (a F80) IsNaN() bool { return a.SE&0x7fff == 0x7fff && a.Sig > f80Int }

// IsInf reports an infinity.
func (a F80) IsInf() bool { return a.SE&0x7fff == 0x7fff && a.Sig == f80Int }

// IsZero reports a zero of either sign.
func (a F80) IsZero() bool { return a.SE&0x7fff == 0 && a.Sig == 0 }

// Class is what FXAM reports: bits 2, 1 and 0 are C3, C2 and C0 (SDM Vol. 2, FXAM).
type Class uint8

const (
	Unsupported Class = iota
	NaN
	Normal
	Infinity
	Zero
	Empty // known to the register stack only
	Denormal
)

// Class classifies a for FXAM.
func (a F80) Class() Class {
	n := a.unpack()
	switch {
	case n.kind == zero:
		return Zero
	case n.denor:
		return Denormal
	case n.kind == finite:
		return Normal
	case n.kind == infinite:
		return Infinity
	case n.kind == unsupported:
		return Unsupported
	}
	return NaN
}

func (a F80) unpack() number {
	n := number{kind: finite, neg: a.SE&0x8000 != 0, sig: a.Sig}
	switch exp := int32(a.SE & 0x7fff); {
	case exp == 0:
		if a.Sig == 0 {
			n.kind = zero
			return n
		}
		// Denormals, and pseudo-denormals, whose integer bit is set.
		s := bits.LeadingZeros64(a.Sig)
		n.denor = true
		n.exp = -16382 - int32(s)
		n.sig <<= s
	case exp == 0x7fff:
		switch {
		case a.Sig == f80Int:
			n.kind = infinite
		case a.Sig&f80Int == 0:
			n.kind = unsupported
		case a.Sig&f80Quiet != 0:
			n.kind = quietNaN
		default:
			n.kind = signalNaN
		}
	case a.Sig&f80Int == 0:
		n.kind = unsupported
	default:
		n.exp = exp - 16383
	}
	return n
}

// round80 rounds to the full 64 bits, arith80 to what the precision control selects.
func (e *Env) round80(neg bool, exp int32, hi, lo uint64) F80 {
	exp, hi = e.round(neg, exp, hi, lo, fmt80, 64, true)
	return makeF80(neg, exp, hi)
}

func (e *Env) arith80(neg bool, exp int32, hi, lo uint64) F80 {
	prec := [4]uint{24, 64, 53, 64}[e.PC&3] // 1 is reserved
	exp, hi = e.round(neg, exp, hi, lo, fmt80, prec, true)
	return makeF80(neg, exp, hi)
}

// invalid80 raises IE; the masked response is the indefinite.
func (e *Env) invalid80() F80 {
	e.Flags |= IE
	return Indefinite80
}

// nan80 chooses the result of an operation on one or two operands (pass the same one twice) of which at least one is a
// NaN or unsupported (SDM Table 4-7): the larger significand wins, a QNaN wins over an SNaN.
func (e *Env) nan80(a, b F80, x, y *number) F80 {
	if x.kind == unsupported || y.kind == unsupported {
		return e.invalid80()
	}
	if x.kind == signalNaN || y.kind == signalNaN {
		e.Flags |= IE
	}
	qa, qb := F80{a.Sig | f80Quiet, a.SE}, F80{b.Sig | f80Quiet, b.SE}
	switch {
	case y.kind < quietNaN:
		return qa
	case x.kind < quietNaN:
		return qb
	case x.kind == signalNaN && y.kind == quietNaN:
		return qb
	case x.kind == quietNaN && y.kind == signalNaN:
		return qa
	case a.Sig != b.Sig:
		if a.Sig > b.Sig {
			return qa
		}
		return qb
	case qa.SE < qb.SE: // equal significands: the positive one
		return qa
	}
	return qb
}

// F80Add returns a+b.
func F80Add(a, b F80, e *Env) F80 {
	if r, ok := e.fastAdd80(a, b); ok {
		return r
	}
	x, y := a.unpack(), b.unpack()
	return e.add80(a, b, &x, &y)
}

// F80Sub returns a-b. A NaN keeps its sign.
func F80Sub(a, b F80, e *Env) F80 {
	if r, ok := e.fastAdd80(a, b.Neg()); ok {
		return r
	}
	x, y := a.unpack(), b.unpack()
	y.neg = !y.neg
	return e.add80(a, b, &x, &y)
}

func (e *Env) add80(a, b F80, x, y *number) F80 {
	e.C1 = false
	if x.kind >= infinite || y.kind >= infinite {
		if x.kind >= quietNaN || y.kind >= quietNaN {
			return e.nan80(a, b, x, y)
		}
		if x.kind == y.kind && x.neg != y.neg {
			return e.invalid80()
		}
		if (x.denor || y.denor) && e.raise(DE) {
			return a
		}
		if x.kind == infinite {
			return inf80(x.neg)
		}
		return inf80(y.neg)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return a
	}
	if x.kind == zero {
		if y.kind == zero {
			if x.neg == y.neg {
				return zero80(x.neg)
			}
			return zero80(e.RC == RoundDown)
		}
		x = y
		return e.arith80(x.neg, x.exp, x.sig, 0)
	}
	if y.kind == zero {
		return e.arith80(x.neg, x.exp, x.sig, 0)
	}
	neg, exp, hi, lo := addMag(x, y)
	if hi == 0 {
		return zero80(e.RC == RoundDown)
	}
	return e.arith80(neg, exp, hi, lo)
}

// F80Mul returns a*b.
func F80Mul(a, b F80, e *Env) F80 {
	if r, ok := e.fastMul80(a, b); ok {
		return r
	}
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	if x.kind != finite || y.kind != finite {
		if x.kind >= quietNaN || y.kind >= quietNaN {
			return e.nan80(a, b, &x, &y)
		}
		if x.kind == infinite && y.kind == zero || x.kind == zero && y.kind == infinite {
			return e.invalid80()
		}
		if (x.denor || y.denor) && e.raise(DE) {
			return a
		}
		if x.kind == infinite || y.kind == infinite {
			return inf80(x.neg != y.neg)
		}
		return zero80(x.neg != y.neg)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return a
	}
	exp, hi, lo := mulMag(&x, &y)
	return e.arith80(x.neg != y.neg, exp, hi, lo)
}

// F80Div returns a/b.
func F80Div(a, b F80, e *Env) F80 {
	if r, ok := e.fastDiv80(a, b); ok {
		return r
	}
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	neg := x.neg != y.neg
	if x.kind != finite || y.kind != finite {
		if x.kind >= quietNaN || y.kind >= quietNaN {
			return e.nan80(a, b, &x, &y)
		}
		if x.kind == y.kind { // inf/inf, 0/0
			return e.invalid80()
		}
		if y.kind == zero && x.kind == finite {
			e.Flags |= ZE
			return inf80(neg)
		}
		if (x.denor || y.denor) && e.raise(DE) {
			return a
		}
		if x.kind == infinite || y.kind == zero {
			return inf80(neg)
		}
		return zero80(neg)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return a
	}
	exp, hi, lo := divMag(&x, &y)
	return e.arith80(neg, exp, hi, lo)
}

// F80Sqrt returns the square root of a.
func F80Sqrt(a F80, e *Env) F80 {
	e.C1 = false
	x := a.unpack()
	switch {
	case x.kind >= quietNaN:
		return e.nan80(a, a, &x, &x)
	case x.kind == zero:
		return a
	case x.neg:
		return e.invalid80()
	case x.kind == infinite:
		return a
	}
	if x.denor && e.raise(DE) {
		return a
	}
	exp, hi, lo := sqrtMag(&x)
	return e.arith80(false, exp, hi, lo)
}
