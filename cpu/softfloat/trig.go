package softfloat

import "math/bits"

// pi66 is pi/2 * 2^65: the 387 and its successors reduce arguments with a pi of 66 bits (SDM Vol. 1, 8.3.8), which
// shows for large ones. The remainder by it is exact.
const (
	pi66Hi = 0x3
	pi66Lo = 0x243f6a8885a308d3
)

// reduce returns |x| minus a multiple of pi/2, between -pi/4 and pi/4, and the multiple modulo 4.
func reduce(x *number) (r wide, quadrant int) {
	r = wide{false, x.exp, x.sig, 0}
	quarter := wide{false, -1, 0xc90fdaa22168c234, 0xc << 60}
	if !quarter.below(r) {
		return r, 0
	}
	// x and pi/2 in units of 2^-65; x has up to 128 bits as its exponent is below 63.
	s := uint(x.exp + 2)
	hi, lo := uint64(0), x.sig
	if s > 0 {
		hi, lo = x.sig>>(64-s), x.sig<<s
	}
	q := 0
	for k := min(bits.Len64(hi), 62); k >= 0; k-- { // long division
		dh, dl := uint64(pi66Hi)<<k|uint64(pi66Lo)>>(64-k), uint64(pi66Lo)<<k
		if hi > dh || hi == dh && lo >= dl {
			var borrow uint64
			lo, borrow = bits.Sub64(lo, dl, 0)
			hi, _ = bits.Sub64(hi, dh, borrow)
			if k < 2 {
				q |= 1 << k
			}
		}
	}
	// Above pi/4 go to the next quadrant.
	neg := false
	if th, tl := hi<<1|lo>>63, lo<<1; th > pi66Hi || th == pi66Hi && tl > pi66Lo {
		var borrow uint64
		lo, borrow = bits.Sub64(pi66Lo, lo, 0)
		hi, _ = bits.Sub64(pi66Hi, hi, borrow)
		neg = true
		q++
	}
	// The remainder is not zero: pi/2 here is an odd number above 2^64, which divides no significand.
	if hi == 0 {
		n := uint(bits.LeadingZeros64(lo))
		return wide{neg, -2 - int32(n), lo << n, 0}, q & 3
	}
	n := uint(bits.LeadingZeros64(hi))
	return wide{neg, 62 - int32(n), hi<<n | lo>>(64-n), lo << n}, q & 3
}

// sinSeries and cosSeries hold for |r| <= pi/4.
func sinSeries(r wide) wide {
	rr := r.mul(r).negate()
	n := uint64(27)
	if r.exp < -16 {
		n = 7
	}
	acc := wideOne
	for ; n >= 3; n -= 2 {
		acc = wideOne.add(acc.mul(rr).divSmall(n * (n - 1)))
	}
	return acc.mul(r)
}

func cosSeries(r wide) wide {
	rr := r.mul(r).negate()
	n := uint64(28)
	if r.exp < -16 {
		n = 8
	}
	acc := wideOne
	for ; n >= 2; n -= 2 {
		acc = wideOne.add(acc.mul(rr).divSmall(n * (n - 1)))
	}
	return acc
}

// trigArg sorts out special arguments: ok says that a holds a finite nonzero one, c2 that it is out of range.
func (e *Env) trigArg(x F80) (a number, special F80, ok, c2 bool) {
	e.C1 = false
	a = x.unpack()
	switch {
	case a.kind >= quietNaN:
		return a, e.nan80(x, x, &a, &a), false, false
	case a.kind == infinite:
		return a, e.invalid80(), false, false
	case a.kind == zero:
		return a, x, false, false
	case a.exp >= 63:
		return a, x, false, true
	}
	if a.denor && e.raise(DE) {
		return a, x, false, false
	}
	return a, x, true, false
}

func sinOf(a *number, r wide, quadrant int) wide {
	var v wide
	if quadrant&1 == 0 {
		v = sinSeries(r)
	} else {
		v = cosSeries(r)
	}
	v.neg = v.neg != (quadrant >= 2) != a.neg
	return v
}

func cosOf(r wide, quadrant int) wide {
	var v wide
	if quadrant&1 == 0 {
		v = cosSeries(r)
	} else {
		v = sinSeries(r)
	}
	v.neg = v.neg != (quadrant == 1 || quadrant == 2)
	return v
}

// FSIN returns the sine; c2 means that |x| >= 2^63 was left alone.
func FSIN(x F80, e *Env) (r F80, c2 bool) {
	a, special, ok, c2 := e.trigArg(x)
	if !ok {
		return special, c2
	}
	w, q := reduce(&a)
	return e.result80(sinOf(&a, w, q)), false
}

// FCOS returns the cosine; c2 means that |x| >= 2^63 was left alone.
func FCOS(x F80, e *Env) (r F80, c2 bool) {
	a, special, ok, c2 := e.trigArg(x)
	if !ok {
		if a.kind == zero {
			return FLD1(), false
		}
		return special, c2
	}
	w, q := reduce(&a)
	return e.result80(cosOf(w, q)), false
}

// FSINCOS returns both.
func FSINCOS(x F80, e *Env) (sin, cos F80, c2 bool) {
	a, special, ok, c2 := e.trigArg(x)
	if !ok {
		if a.kind == zero {
			return special, FLD1(), false
		}
		return special, special, c2
	}
	w, q := reduce(&a)
	sin = e.result80(sinOf(&a, w, q))
	return sin, e.result80(cosOf(w, q)), false
}

// FPTAN returns the tangent and the 1 that is pushed after it, or twice the NaN.
func FPTAN(x F80, e *Env) (tan, one F80, c2 bool) {
	a, special, ok, c2 := e.trigArg(x)
	if !ok {
		if a.kind == zero {
			return special, FLD1(), false
		}
		return special, special, c2
	}
	w, q := reduce(&a)
	s, c := sinOf(&a, w, q), cosOf(w, q)
	return e.result80(s.div(c)), FLD1(), false
}

// atanEighth has atan(i/8).
var atanEighth = func() (t [9]wide) {
	for i := int64(1); i <= 8; i++ {
		// atan(i/8) - atan((i-1)/8) = atan(8/(64+i*(i-1)))
		z := wideInt(8).div(wideInt(64 + i*(i-1)))
		t[i] = t[i-1].add(atanh2(z, true).scale(-1))
	}
	return t
}()

// FPATAN returns the angle of the point (x, y): the arc tangent of y/x with y's sign, in all four quadrants.
func FPATAN(x, y F80, e *Env) F80 {
	e.C1 = false
	a, b := x.unpack(), y.unpack()
	if a.kind >= quietNaN || b.kind >= quietNaN {
		return e.nan80(x, y, &a, &b)
	}
	if (a.denor || b.denor) && e.raise(DE) {
		return y
	}
	var r wide
	switch {
	case b.kind == infinite && a.kind == infinite: // pi/4 or 3pi/4
		r = widePi.scale(-2)
	case b.kind == infinite || a.kind == zero && b.kind == finite:
		r = widePi.scale(-1)
		a.neg = false
	case b.kind == zero || a.kind == infinite:
		if !a.neg {
			return zero80(b.neg)
		}
	default:
		r = atanRatio(wideOf(&b).abs(), wideOf(&a).abs())
	}
	if a.neg {
		r = widePi.sub(r)
	}
	r.neg = b.neg
	return e.result80(r)
}

// atanRatio returns atan(y/x) for positive x and y.
func atanRatio(y, x wide) wide {
	if x.below(y) {
		return widePi.scale(-1).sub(atanRatio(x, y))
	}
	d := uint(x.exp - y.exp)
	if d > 8 {
		return atanh2(y.div(x), true).scale(-1)
	}
	// The nearest eighth c leaves atan((y-c*x)/(x+c*y)), of an argument of at most about 1/16.
	i := (8*(y.hi>>d>>4) + x.hi>>5) / (x.hi >> 4)
	c := wideInt(int64(i)).scale(-3)
	return atanEighth[i].add(atanh2(y.sub(c.mul(x)).div(x.add(c.mul(y))), true).scale(-1))
}
