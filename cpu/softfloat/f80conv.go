package softfloat

import "math/bits"

// F80FromInt64 converts exactly (FILD).
func F80FromInt64(v int64) F80 {
	if v == 0 {
		return F80{}
	}
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	n := bits.LeadingZeros64(u)
	return makeF80(v < 0, 16383+63-int32(n), u<<n)
}

// F80FromF32 widens exactly (FLD m32).
func F80FromF32(v uint32, e *Env) F80 { return e.widen80(uint64(v), fmt32) }

// F80FromF64 widens exactly (FLD m64).
func F80FromF64(v uint64, e *Env) F80 {
	if exp := uint16(v>>52) & 0x7ff; exp-1 < 0x7fe {
		e.C1 = false
		return F80{1<<63 | v<<11, uint16(v>>48)&0x8000 | (exp + 16383 - 1023)}
	}
	return e.widen80(v, fmt64)
}

func (e *Env) widen80(v uint64, f *format) F80 {
	e.C1 = false
	x := f.unpack(v, false)
	switch x.kind {
	case zero:
		return zero80(x.neg)
	case infinite:
		return inf80(x.neg)
	case signalNaN, quietNaN:
		if x.kind == signalNaN {
			e.Flags |= IE
		}
		return makeF80(x.neg, 0x7fff, f80Int|f80Quiet|v<<(64-f.prec))
	}
	if x.denor {
		e.Flags |= DE
	}
	return makeF80(x.neg, x.exp+16383, x.sig)
}

// F80ToF32 rounds to binary32 (FST m32).
func F80ToF32(a F80, e *Env) uint32 { return uint32(e.narrow80(a, fmt32)) }

// F80ToF64 rounds to binary64 (FST m64).
func F80ToF64(a F80, e *Env) uint64 {
	// Nothing to round: what was loaded from a double, or computed in one's precision.
	exp := a.SE&0x7fff - (16383 - 1023)
	if exp-1 < 0x7fe && a.Sig>>63 != 0 && a.Sig<<53 == 0 {
		e.C1 = false
		return uint64(a.SE&0x8000)<<48 | uint64(exp)<<52 | a.Sig<<1>>12
	}
	return e.narrow80(a, fmt64)
}

func (e *Env) narrow80(a F80, f *format) uint64 {
	e.C1 = false
	x := a.unpack()
	switch x.kind {
	case zero:
		return f.pack(x.neg, 0, 0)
	case infinite:
		return f.pack(x.neg, f.maxExp, 0)
	case unsupported:
		e.Flags |= IE
		return f.indef
	case signalNaN, quietNaN:
		if x.kind == signalNaN {
			e.Flags |= IE
		}
		return f.pack(x.neg, f.maxExp, x.sig|f80Quiet)
	}
	ftz := e.FTZ // not the x87's
	e.FTZ = false
	exp, sig := e.round(x.neg, x.exp, x.sig, 0, f, f.prec, false)
	e.FTZ = ftz
	return f.pack(x.neg, exp, sig)
}

// F80ToInt16 rounds to an integer (FIST m16); out of range gives the integer indefinite, the most negative one.
func F80ToInt16(a F80, e *Env) int16 { return int16(e.int80(a, 15, e.RC)) }

// F80ToInt32 is FIST m32.
func F80ToInt32(a F80, e *Env) int32 { return int32(e.int80(a, 31, e.RC)) }

// F80ToInt64 is FISTP m64.
func F80ToInt64(a F80, e *Env) int64 { return e.int80(a, 63, e.RC) }

// F80TruncToInt16 is FISTTP m16.
func F80TruncToInt16(a F80, e *Env) int16 { return int16(e.int80(a, 15, RoundZero)) }

// F80TruncToInt32 is FISTTP m32.
func F80TruncToInt32(a F80, e *Env) int32 { return int32(e.int80(a, 31, RoundZero)) }

// F80TruncToInt64 is FISTTP m64.
func F80TruncToInt64(a F80, e *Env) int64 { return e.int80(a, 63, RoundZero) }

func (e *Env) int80(a F80, width uint, rc uint8) int64 {
	e.C1 = false
	x := a.unpack()
	v, up, ok := e.toSigned(&x, width, rc)
	if ok {
		e.C1 = up
	}
	return v
}

// toSigned converts to a signed integer of width+1 bits.
func (e *Env) toSigned(x *number, width uint, rc uint8) (v int64, up, ok bool) {
	if x.kind == zero {
		return 0, false, true
	}
	limit := uint64(1) << width
	if x.kind != finite || x.exp > 63 {
		e.Flags |= IE
		return -1 << width, false, false
	}
	m, inexact, up := x.toInt(rc)
	if m > limit || m == limit && !x.neg {
		e.Flags |= IE
		return -1 << width, false, false
	}
	if inexact {
		e.Flags |= PE
	}
	if x.neg {
		m = -m
	}
	return int64(m), up, true
}

const maxBCD = 999999999999999999

// F80FromBCD converts 18 packed decimal digits and a sign (FBLD). Digits above 9 count with their value.
func F80FromBCD(b [10]byte) F80 {
	var v int64
	for i := 8; i >= 0; i-- {
		v = v*100 + int64(b[i]>>4)*10 + int64(b[i]&15)
	}
	r := F80FromInt64(v)
	r.SE |= uint16(b[9]&0x80) << 8
	return r
}

// F80ToBCD rounds to 18 packed decimal digits (FBSTP).
func F80ToBCD(a F80, e *Env) (b [10]byte) {
	e.C1 = false
	x := a.unpack()
	var m uint64
	var inexact, up bool
	if x.kind == finite && x.exp < 63 {
		m, inexact, up = x.toInt(e.RC)
	}
	if x.kind > finite || x.kind == finite && x.exp >= 63 || m > maxBCD {
		e.Flags |= IE
		return [10]byte{7: 0xc0, 8: 0xff, 9: 0xff}
	}
	if inexact {
		e.Flags |= PE
		e.C1 = up
	}
	for i := range 9 {
		d := byte(m % 100)
		m /= 100
		b[i] = d/10<<4 | d%10
	}
	if x.neg {
		b[9] = 0x80
	}
	return b
}
