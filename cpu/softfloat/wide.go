package softfloat

import "math/bits"

// wide is a 128-bit floating-point number for the transcendental functions: (hi:lo)/2^127 * 2^exp with bit 63 of hi
// set, or zero when hi is zero. Operations truncate, so each adds an error below 2^-126 relative to its result.
type wide struct {
	neg    bool
	exp    int32
	hi, lo uint64
}

func wideOf(x *number) wide { return wide{x.neg, x.exp, x.sig, 0} }

func wideInt(v int64) wide {
	if v == 0 {
		return wide{}
	}
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	n := bits.LeadingZeros64(u)
	return wide{v < 0, 63 - int32(n), u << n, 0}
}

func (a wide) negate() wide {
	a.neg = !a.neg
	return a
}

func (a wide) abs() wide {
	a.neg = false
	return a
}

func (a wide) scale(n int32) wide {
	a.exp += n
	return a
}

// below reports |a| < |b|.
func (a wide) below(b wide) bool {
	switch {
	case a.hi == 0 || b.hi == 0:
		return a.hi == 0 && b.hi != 0
	case a.exp != b.exp:
		return a.exp < b.exp
	case a.hi != b.hi:
		return a.hi < b.hi
	}
	return a.lo < b.lo
}

func (a wide) add(b wide) wide {
	if a.hi == 0 {
		return b
	}
	if b.hi == 0 {
		return a
	}
	if a.below(b) {
		a, b = b, a
	}
	n := uint(a.exp - b.exp)
	if a.neg == b.neg {
		bh, bl := shiftJam(b.hi, b.lo, n)
		lo, carry := bits.Add64(a.lo, bl, 0)
		hi, carry := bits.Add64(a.hi, bh, carry)
		if carry != 0 {
			lo = lo>>1 | hi<<63
			hi = hi>>1 | 1<<63
			a.exp++
		}
		return wide{a.neg, a.exp, hi, lo}
	}
	// The jammed bit makes the difference at most one unit too small, never equal to a.
	bh, bl := shiftJam(b.hi, b.lo, n)
	lo, borrow := bits.Sub64(a.lo, bl, 0)
	hi, _ := bits.Sub64(a.hi, bh, borrow)
	if hi == 0 {
		if lo == 0 {
			return wide{}
		}
		hi, lo = lo, 0
		a.exp -= 64
	}
	s := uint(bits.LeadingZeros64(hi))
	return wide{a.neg, a.exp - int32(s), hi<<s | lo>>(64-s), lo << s}
}

func (a wide) sub(b wide) wide { return a.add(b.negate()) }

func (a wide) mul(b wide) wide {
	if a.hi == 0 || b.hi == 0 {
		return wide{}
	}
	hi, lo := bits.Mul64(a.hi, b.hi)
	m1, _ := bits.Mul64(a.hi, b.lo)
	m2, _ := bits.Mul64(a.lo, b.hi)
	mid, c := bits.Add64(m1, m2, 0)
	lo, c2 := bits.Add64(lo, mid, 0)
	hi += c + c2
	exp := a.exp + b.exp + 1
	if hi>>63 == 0 {
		hi = hi<<1 | lo>>63
		lo <<= 1
		exp--
	}
	return wide{a.neg != b.neg, exp, hi, lo}
}

// div divides by a nonzero b: a first quotient from b.hi, then one correction for b.lo.
func (a wide) div(b wide) wide {
	if a.hi == 0 {
		return a
	}
	x, y := number{sig: a.hi}, number{sig: b.hi}
	exp, hi, lo := divMag(&x, &y)
	q := wide{a.neg != b.neg, a.exp - b.exp + exp, hi, lo}
	// a/b = q + (a-q*b)/b, and a-q*b is small enough that b.hi will do there.
	r := a.sub(q.mul(b))
	if r.hi == 0 {
		return q
	}
	x, y = number{sig: r.hi}, number{sig: b.hi}
	exp, hi, lo = divMag(&x, &y)
	return q.add(wide{r.neg != b.neg, r.exp - b.exp + exp, hi, lo})
}

// divSmall divides by a small integer.
func (a wide) divSmall(n uint64) wide {
	if a.hi == 0 {
		return a
	}
	hi, r := a.hi/n, a.hi%n
	lo, r := bits.Div64(r, a.lo, n)
	s := uint(bits.LeadingZeros64(hi))
	tail, _ := bits.Div64(r, 0, n)
	hi = hi<<s | lo>>(64-s)
	lo = lo<<s | tail>>(64-s)
	return wide{a.neg, a.exp - int32(s), hi, lo}
}

var (
	wideOne = wide{false, 0, 1 << 63, 0}
	// The constants to 128 bits: ln(2), log2(e), pi.
	wideLn2   = wide{false, -1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af}
	wideLog2e = wide{false, 0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88}
	widePi    = wide{false, 1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1}
)

// result80 rounds a transcendental result, which is never exact, to an F80.
func (e *Env) result80(a wide) F80 {
	return e.round80(a.neg, a.exp, a.hi, a.lo|1)
}
