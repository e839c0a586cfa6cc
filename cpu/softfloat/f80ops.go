package softfloat

import "math/bits"

// F80RoundToInt rounds a to an integral value as RC says (FRNDINT).
func F80RoundToInt(a F80, e *Env) F80 {
	e.C1 = false
	x := a.unpack()
	if x.kind >= quietNaN {
		return e.nan80(a, a, &x, &x)
	}
	if x.kind != finite || x.exp >= 63 {
		return a
	}
	if x.denor && e.raise(DE) {
		return a
	}
	v, inexact, up := x.toInt(e.RC)
	if inexact {
		e.Flags |= PE
		e.C1 = up
	}
	if v == 0 {
		return zero80(x.neg)
	}
	n := bits.LeadingZeros64(v)
	return makeF80(x.neg, 16383+63-int32(n), v<<n)
}

// toInt rounds a finite number below 2^64 to an integer magnitude.
func (x *number) toInt(rc uint8) (v uint64, inexact, up bool) {
	hi, lo := shiftJam(x.sig, 0, uint(min(63-x.exp, 127)))
	v, inexact, up, _ = roundSig(x.neg, hi, lo, 64, rc)
	return v, inexact, up
}

// F80Scale multiplies a by 2 to the power of the integer part of b (FSCALE, SDM Table 3-31).
func F80Scale(a, b F80, e *Env) F80 {
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	if x.kind >= quietNaN || y.kind >= quietNaN {
		return e.nan80(a, b, &x, &y)
	}
	if y.kind == infinite && (y.neg && x.kind == infinite || !y.neg && x.kind == zero) {
		return e.invalid80()
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return a
	}
	switch {
	case x.kind != finite:
		return a
	case y.kind == infinite:
		if y.neg {
			return zero80(x.neg)
		}
		return inf80(x.neg)
	}
	n := int32(0)
	if y.kind == finite && y.exp >= 0 {
		n = 1 << 17 // beyond any exponent difference and the wrap
		if y.exp < 17 {
			n = int32(y.sig >> (63 - y.exp))
		}
		if y.neg {
			n = -n
		}
	}
	return e.round80(x.neg, x.exp+n, x.sig, 0)
}

// F80Extract splits a into its exponent and its significand (FXTRACT).
func F80Extract(a F80, e *Env) (exp, sig F80) {
	e.C1 = false
	x := a.unpack()
	switch {
	case x.kind >= quietNaN:
		r := e.nan80(a, a, &x, &x)
		return r, r
	case x.kind == zero:
		e.Flags |= ZE
		return inf80(true), a
	case x.kind == infinite:
		return inf80(false), a
	}
	if x.denor && e.raise(DE) {
		return a, a
	}
	return F80FromInt64(int64(x.exp)), makeF80(x.neg, 16383, x.sig)
}

// F80Rem is FPREM: a - b*trunc(a/b), reducing the exponent by less than 64 at a time. q holds the three low bits of the
// quotient; partial says that another round is needed.
func F80Rem(a, b F80, e *Env) (r F80, q uint8, partial bool) { return e.rem80(a, b, false) }

// F80Rem1 is FPREM1, the IEEE remainder, whose quotient is rounded to nearest.
func F80Rem1(a, b F80, e *Env) (r F80, q uint8, partial bool) { return e.rem80(a, b, true) }

func (e *Env) rem80(a, b F80, nearest bool) (r F80, q uint8, partial bool) {
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	if x.kind >= quietNaN || y.kind >= quietNaN {
		return e.nan80(a, b, &x, &y), 0, false
	}
	if x.kind == infinite || y.kind == zero {
		return e.invalid80(), 0, false
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return a, 0, false
	}
	if x.kind == zero {
		return a, 0, false
	}
	if y.kind == infinite {
		return e.round80(x.neg, x.exp, x.sig, 0), 0, false
	}
	d := x.exp - y.exp
	switch {
	case d >= 64:
		// The amount of one partial reduction is left open between 32 and 63 by the SDM.
		n := d&31 | 32
		rem, _ := remMag(x.sig, y.sig, uint(n))
		return e.rem80Result(x.neg, x.exp-n, rem), 0, true
	case d < -1 || d == -1 && (!nearest || x.sig <= y.sig):
		return e.round80(x.neg, x.exp, x.sig, 0), 0, false
	case d == -1:
		// Between one half and one: the quotient is 1, the remainder a-b.
		return e.rem80Result(!x.neg, x.exp, y.sig<<1-x.sig), 1, false
	}
	rem, quot := remMag(x.sig, y.sig, uint(d))
	neg := x.neg
	if nearest && (rem > y.sig-rem || rem == y.sig-rem && quot&1 != 0) {
		rem = y.sig - rem
		quot++
		neg = !neg
	}
	if rem == 0 {
		neg = x.neg
	}
	return e.rem80Result(neg, y.exp, rem), uint8(quot & 7), false
}

// rem80Result normalizes an exact remainder of scale exp.
func (e *Env) rem80Result(neg bool, exp int32, rem uint64) F80 {
	if rem == 0 {
		return zero80(neg)
	}
	n := bits.LeadingZeros64(rem)
	return e.round80(neg, exp-int32(n), rem<<n, 0)
}

// remMag returns the remainder and the low quotient bits of x*2^n divided by y, for normalized x and y and n < 64.
func remMag(x, y uint64, n uint) (rem, quot uint64) {
	if x >= y {
		x -= y
		quot = 1
	}
	if n == 0 {
		return x, quot
	}
	q, rem := bits.Div64(x>>(64-n), x<<n, y)
	return rem, quot<<n + q
}

// F80Compare is FCOM: any NaN is invalid.
func F80Compare(a, b F80, e *Env) Rel { return e.cmp80(a, b, quietNaN) }

// F80UCompare is FUCOM: QNaNs compare unordered silently.
func F80UCompare(a, b F80, e *Env) Rel { return e.cmp80(a, b, signalNaN) }

func (e *Env) cmp80(a, b F80, invalid kind) Rel {
	e.C1 = false
	x, y := a.unpack(), b.unpack()
	if x.kind >= quietNaN || y.kind >= quietNaN {
		if x.kind >= invalid || y.kind >= invalid {
			e.Flags |= IE
		}
		return Unordered
	}
	if x.denor || y.denor {
		e.Flags |= DE
	}
	return cmpMag(&x, &y)
}

// cmpMag compares two numbers that are not NaNs.
func cmpMag(x, y *number) Rel {
	switch {
	case x.kind == zero && y.kind == zero:
		return Equal
	case x.kind == zero:
		return relOf(y.neg)
	case y.kind == zero || x.neg != y.neg:
		return relOf(!x.neg)
	case x.kind != y.kind:
		return relOf((x.kind > y.kind) != x.neg)
	case x.kind == infinite || x.exp == y.exp && x.sig == y.sig:
		return Equal
	}
	greater := x.exp > y.exp || x.exp == y.exp && x.sig > y.sig
	return relOf(greater != x.neg)
}

func relOf(greater bool) Rel {
	if greater {
		return Greater
	}
	return Less
}
