package softfloat

// The transcendental functions are ours, the same on every host: 128-bit series, so that the 80-bit result is off by
// barely more than half a unit, then rounded as RC says. Special operands follow the tables of the SDM.

// expm1 returns e^t-1 for |t| < 0.7.
func expm1(t wide) wide {
	// Horner on t*(1 + t/2*(1 + t/3*(...))); the last term is below 2^-100 of the first.
	n := uint64(28)
	switch {
	case t.exp < -16:
		n = 7
	case t.exp < -5:
		n = 15
	}
	acc := wideOne
	for ; n >= 2; n-- {
		acc = wideOne.add(acc.mul(t).divSmall(n))
	}
	return acc.mul(t)
}

// atanh2 returns 2*atanh(z) = ln((1+z)/(1-z)), and with alternate also 2*atan(z), for |z| < 0.18.
func atanh2(z wide, alternate bool) wide {
	zz := z.mul(z)
	if alternate {
		zz = zz.negate()
	}
	n := min(20, 100/(-2*int(z.exp)-2)+1) // z^2 < 2^(2*exp+2)
	var acc wide
	for ; n >= 0; n-- {
		acc = acc.mul(zz).add(wideOne.divSmall(uint64(2*n + 1)))
	}
	return acc.mul(z).scale(1)
}

// log2 returns the base 2 logarithm of a positive number.
func log2(a wide) wide {
	// m in [sqrt(1/2), sqrt(2)), which keeps the sum from cancelling.
	k := int64(a.exp)
	m := wide{false, 0, a.hi, a.lo}
	if m.hi >= 0xb504f333f9de6484 {
		m.exp = -1
		k++
	}
	z := m.sub(wideOne).div(m.add(wideOne))
	return wideInt(k).add(atanh2(z, false).mul(wideLog2e))
}

// F2XM1 returns 2^x-1 for -1 <= x <= 1; beyond, where the SDM leaves it undefined, x itself.
func F2XM1(x F80, e *Env) F80 {
	e.C1 = false
	a := x.unpack()
	switch {
	case a.kind >= quietNaN:
		return e.nan80(x, x, &a, &a)
	case a.kind == infinite:
		if a.neg {
			return makeF80(true, 16383, f80Int)
		}
		return x
	case a.kind == zero:
		return x
	}
	if a.denor && e.raise(DE) {
		return x
	}
	if a.exp >= 0 {
		if a.exp > 0 || a.sig != f80Int {
			return x
		}
		if a.neg { // 2^-1-1
			return makeF80(true, 16382, f80Int)
		}
		return x // 2^1-1
	}
	return e.result80(expm1(wideOf(&a).mul(wideLn2)))
}

// FYL2X returns y*log2(x).
func FYL2X(x, y F80, e *Env) F80 {
	e.C1 = false
	a, b := x.unpack(), y.unpack()
	if a.kind >= quietNaN || b.kind >= quietNaN {
		return e.nan80(x, y, &a, &b)
	}
	if a.neg && a.kind != zero {
		return e.invalid80()
	}
	one := a.kind == finite && a.exp == 0 && a.sig == f80Int
	if b.kind == infinite && one || b.kind == zero && (a.kind == zero || a.kind == infinite) {
		return e.invalid80()
	}
	if a.kind == zero && b.kind == finite {
		e.Flags |= ZE
		return inf80(!b.neg)
	}
	if (a.denor || b.denor) && e.raise(DE) {
		return y
	}
	logNeg := a.kind == zero || a.kind == finite && a.exp < 0
	switch {
	case b.kind == infinite || a.kind != finite:
		return inf80(b.neg != logNeg)
	case b.kind == zero || one:
		return zero80(b.neg != logNeg)
	case a.sig == f80Int: // a power of two: exact
		l := wideInt(int64(a.exp)).mul(wideOf(&b))
		return e.round80(l.neg, l.exp, l.hi, l.lo)
	}
	return e.result80(log2(wideOf(&a)).mul(wideOf(&b)))
}

// FYL2XP1 returns y*log2(x+1). The SDM defines it for |x| < 1-sqrt(1/2); here it holds for all x > -1.
func FYL2XP1(x, y F80, e *Env) F80 {
	e.C1 = false
	a, b := x.unpack(), y.unpack()
	if a.kind >= quietNaN || b.kind >= quietNaN {
		return e.nan80(x, y, &a, &b)
	}
	beyond := a.neg && (a.kind == infinite || a.kind == finite && a.exp >= 0) // x <= -1
	if beyond || b.kind == infinite && a.kind == zero || b.kind == zero && a.kind == infinite {
		return e.invalid80()
	}
	if (a.denor || b.denor) && e.raise(DE) {
		return y
	}
	neg := a.neg != b.neg
	switch {
	case a.kind == infinite || b.kind == infinite:
		return inf80(neg)
	case a.kind == zero || b.kind == zero:
		return zero80(neg)
	}
	w := wideOf(&a)
	var l wide
	if a.exp < -2 {
		l = atanh2(w.div(wideInt(2).add(w)), false).mul(wideLog2e)
	} else {
		l = log2(wideOne.add(w))
	}
	return e.result80(l.mul(wideOf(&b)))
}
