package softfloat

import "math/bits"

// unpack takes a binary32 or binary64 value apart; daz reads denormals as zeros.
func (f *format) unpack(v uint64, daz bool) number {
	n := number{kind: finite, neg: v&f.signBit != 0}
	frac := v << (65 - f.prec) >> 1 // below the integer bit at 63
	exp := int32(v>>(f.prec-1)) & f.maxExp
	switch exp {
	case 0:
		if frac == 0 || daz {
			n.kind = zero
			return n
		}
		s := bits.LeadingZeros64(frac)
		n.denor = true
		n.exp = 1 - f.bias - int32(s)
		n.sig = frac << s
	case f.maxExp:
		n.sig = 1<<63 | frac
		switch {
		case frac == 0:
			n.kind = infinite
		case v&f.quietBit != 0:
			n.kind = quietNaN
		default:
			n.kind = signalNaN
		}
	default:
		n.exp = exp - f.bias
		n.sig = 1<<63 | frac
	}
	return n
}

// pack drops the integer bit of sig.
func (f *format) pack(neg bool, exp int32, sig uint64) uint64 {
	v := uint64(exp)<<(f.prec-1) | sig<<1>>(65-f.prec)
	if neg {
		v |= f.signBit
	}
	return v
}

func (f *format) inf(neg bool) uint64 { return f.pack(neg, f.maxExp, 0) }

func (e *Env) invalidSSE(f *format) uint64 {
	e.Flags |= IE
	return f.indef
}

// nanSSE chooses a NaN result: the first operand if it is one, else the second (SDM Table 4-7).
func (e *Env) nanSSE(a, b uint64, x, y *number, f *format) uint64 {
	if x.kind == signalNaN || y.kind == signalNaN {
		e.Flags |= IE
	}
	if x.kind >= quietNaN {
		return a | f.quietBit
	}
	return b | f.quietBit
}

func (e *Env) packRound(neg bool, exp int32, hi, lo uint64, f *format) uint64 {
	exp, hi = e.round(neg, exp, hi, lo, f, f.prec, false)
	return f.pack(neg, exp, hi)
}

// add is a+b, or a-b with sub.
func (e *Env) add(a, b uint64, sub bool, f *format) uint64 {
	x, y := f.unpack(a, e.DAZ), f.unpack(b, e.DAZ)
	if x.kind >= quietNaN || y.kind >= quietNaN {
		return e.nanSSE(a, b, &x, &y, f)
	}
	y.neg = y.neg != sub
	if x.kind == infinite && y.kind == infinite && x.neg != y.neg {
		return e.invalidSSE(f)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return 0
	}
	switch {
	case x.kind == infinite:
		return f.inf(x.neg)
	case y.kind == infinite:
		return f.inf(y.neg)
	case x.kind == zero && y.kind == zero:
		if x.neg == y.neg {
			return f.pack(x.neg, 0, 0)
		}
		return f.pack(e.RC == RoundDown, 0, 0)
	case x.kind == zero:
		return e.packRound(y.neg, y.exp, y.sig, 0, f)
	case y.kind == zero:
		return e.packRound(x.neg, x.exp, x.sig, 0, f)
	}
	neg, exp, hi, lo := addMag(&x, &y)
	if hi == 0 {
		return f.pack(e.RC == RoundDown, 0, 0)
	}
	return e.packRound(neg, exp, hi, lo, f)
}

func (e *Env) mul(a, b uint64, f *format) uint64 {
	x, y := f.unpack(a, e.DAZ), f.unpack(b, e.DAZ)
	if x.kind >= quietNaN || y.kind >= quietNaN {
		return e.nanSSE(a, b, &x, &y, f)
	}
	if x.kind == infinite && y.kind == zero || x.kind == zero && y.kind == infinite {
		return e.invalidSSE(f)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return 0
	}
	neg := x.neg != y.neg
	switch {
	case x.kind == infinite || y.kind == infinite:
		return f.inf(neg)
	case x.kind == zero || y.kind == zero:
		return f.pack(neg, 0, 0)
	}
	exp, hi, lo := mulMag(&x, &y)
	return e.packRound(neg, exp, hi, lo, f)
}

func (e *Env) div(a, b uint64, f *format) uint64 {
	x, y := f.unpack(a, e.DAZ), f.unpack(b, e.DAZ)
	if x.kind >= quietNaN || y.kind >= quietNaN {
		return e.nanSSE(a, b, &x, &y, f)
	}
	if x.kind == y.kind && x.kind != finite { // inf/inf, 0/0
		return e.invalidSSE(f)
	}
	neg := x.neg != y.neg
	if y.kind == zero && x.kind == finite {
		e.Flags |= ZE
		return f.inf(neg)
	}
	if (x.denor || y.denor) && e.raise(DE) {
		return 0
	}
	switch {
	case x.kind == infinite || y.kind == zero:
		return f.inf(neg)
	case x.kind == zero || y.kind == infinite:
		return f.pack(neg, 0, 0)
	}
	exp, hi, lo := divMag(&x, &y)
	return e.packRound(neg, exp, hi, lo, f)
}

func (e *Env) sqrt(a uint64, f *format) uint64 {
	x := f.unpack(a, e.DAZ)
	switch {
	case x.kind >= quietNaN:
		return e.nanSSE(a, a, &x, &x, f)
	case x.kind == zero:
		return f.pack(x.neg, 0, 0)
	case x.neg:
		return e.invalidSSE(f)
	case x.kind == infinite:
		return a
	}
	if x.denor && e.raise(DE) {
		return 0
	}
	exp, hi, lo := sqrtMag(&x)
	return e.packRound(false, exp, hi, lo, f)
}

// minmax returns a when it is strictly on the wanted side, else b: zeros of both signs and NaNs give b.
func (e *Env) minmax(a, b uint64, want Rel, f *format) uint64 {
	x, y := f.unpack(a, e.DAZ), f.unpack(b, e.DAZ)
	if x.kind >= quietNaN || y.kind >= quietNaN {
		e.Flags |= IE
		if y.kind == zero {
			return b & f.signBit // a denormal read as zero
		}
		return b
	}
	if x.denor || y.denor {
		e.Flags |= DE
	}
	r, n := b, &y
	if cmpMag(&x, &y) == want {
		r, n = a, &x
	}
	if n.kind == zero {
		return r & f.signBit
	}
	return r
}

// compare raises IE for operands of kind invalid or worse.
func (e *Env) compare(a, b uint64, invalid kind, f *format) Rel {
	x, y := f.unpack(a, e.DAZ), f.unpack(b, e.DAZ)
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

// predicates maps the immediate of CMPPS (EQ LT LE UNORD NEQ NLT NLE ORD) to the set of relations that satisfy it.
var predicates = [8]uint8{
	1 << Equal,
	1 << Less,
	1<<Less | 1<<Equal,
	1 << Unordered,
	1<<Less | 1<<Greater | 1<<Unordered,
	1<<Equal | 1<<Greater | 1<<Unordered,
	1<<Greater | 1<<Unordered,
	1<<Less | 1<<Equal | 1<<Greater,
}

// quietPredicates are those that QNaNs do not make invalid.
const quietPredicates = 1<<0 | 1<<3 | 1<<4 | 1<<7

func (e *Env) cmp(a, b uint64, pred uint8, f *format) bool {
	pred &= 7
	invalid := quietNaN
	if quietPredicates>>pred&1 != 0 {
		invalid = signalNaN
	}
	return predicates[pred]>>e.compare(a, b, invalid, f)&1 != 0
}

// roundInt is ROUNDPS: imm bits 1:0 are the rounding mode unless bit 2 selects MXCSR's, bit 3 suppresses PE.
func (e *Env) roundInt(a uint64, imm uint8, f *format) uint64 {
	rc := imm & 3
	if imm&4 != 0 {
		rc = e.RC
	}
	x := f.unpack(a, e.DAZ)
	switch {
	case x.kind >= quietNaN:
		return e.nanSSE(a, a, &x, &x, f)
	case x.kind == zero:
		return f.pack(x.neg, 0, 0)
	case x.kind == infinite || x.exp >= int32(f.prec)-1:
		return a
	}
	v, inexact, _ := x.toInt(rc)
	if inexact && imm&8 == 0 {
		e.Flags |= PE
	}
	if v == 0 {
		return f.pack(x.neg, 0, 0)
	}
	n := bits.LeadingZeros64(v)
	return f.pack(x.neg, f.bias+63-int32(n), v<<n)
}

func (e *Env) toInt(a uint64, width uint, rc uint8, f *format) int64 {
	x := f.unpack(a, e.DAZ)
	v, _, _ := e.toSigned(&x, width, rc)
	return v
}

func (e *Env) fromInt(v int64, f *format) uint64 {
	if v == 0 {
		return 0
	}
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	n := bits.LeadingZeros64(u)
	return e.packRound(v < 0, 63-int32(n), u<<n, 0, f)
}

// convert changes the format.
func (e *Env) convert(a uint64, from, to *format) uint64 {
	x := from.unpack(a, e.DAZ)
	switch x.kind {
	case zero:
		return to.pack(x.neg, 0, 0)
	case infinite:
		return to.inf(x.neg)
	case quietNaN, signalNaN:
		if x.kind == signalNaN {
			e.Flags |= IE
		}
		return to.pack(x.neg, to.maxExp, x.sig|f80Quiet)
	}
	if x.denor && e.raise(DE) {
		return 0
	}
	return e.packRound(x.neg, x.exp, x.sig, 0, to)
}
