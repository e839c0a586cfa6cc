package softfloat

import "math/bits"

// Fast paths of the commonest x87 operations: normal operands, rounding to nearest, a result clear of overflow and
// underflow. Everything else takes the general path.

// normal80 reports a normal operand.
func normal80(a F80) bool { return a.SE<<1 > 0 && a.SE<<1 < 0xfffe && a.Sig>>63 != 0 }

// nearest80 rounds to nearest even by the precision control; exp is biased. ok is false when the result is too close to
// the ends of the exponent range, or another rounding is in force.
func (e *Env) nearest80(sign uint16, exp int32, hi, lo uint64) (r F80, ok bool) {
	if uint32(exp-2) > 0x7ffa || e.RC != RoundNearest {
		return F80{}, false
	}
	up := false
	if e.PC == 3 {
		if lo == 0 {
			e.C1 = false
			return F80{hi, sign | uint16(exp)}, true
		}
		if up = lo > 1<<63 || lo == 1<<63 && hi&1 != 0; up {
			hi++
		}
	} else {
		ulp := uint64(1)
		switch e.PC {
		case 0:
			ulp = 1 << 40
		case 2:
			ulp = 1 << 11
		default:
			return F80{}, false
		}
		rem := hi & (ulp - 1)
		hi -= rem
		if rem|lo == 0 {
			e.C1 = false
			return F80{hi, sign | uint16(exp)}, true
		}
		if up = rem > ulp/2 || rem == ulp/2 && (lo != 0 || hi&ulp != 0); up {
			hi += ulp
		}
	}
	e.Flags |= PE
	e.C1 = up
	if hi == 0 {
		hi = 1 << 63
		exp++
	}
	return F80{hi, sign | uint16(exp)}, true
}

func (e *Env) fastAdd80(a, b F80) (r F80, ok bool) {
	if !normal80(a) || !normal80(b) {
		return F80{}, false
	}
	if a.SE&0x7fff < b.SE&0x7fff || a.SE&0x7fff == b.SE&0x7fff && a.Sig < b.Sig {
		a, b = b, a
	}
	sign, exp := a.SE&0x8000, int32(a.SE&0x7fff)
	n := uint(exp - int32(b.SE&0x7fff))
	hi, lo := b.Sig, uint64(0)
	switch {
	case n == 0:
	case n < 64:
		hi, lo = b.Sig>>n, b.Sig<<(64-n)
	default:
		hi, lo = shiftJam(b.Sig, 0, n)
	}
	if (a.SE^b.SE)&0x8000 == 0 {
		var carry uint64
		if hi, carry = bits.Add64(a.Sig, hi, 0); carry != 0 {
			lo = hi<<63 | lo>>1 | lo&1
			hi = hi>>1 | 1<<63
			exp++
		}
		return e.nearest80(sign, exp, hi, lo)
	}
	lo, borrow := bits.Sub64(0, lo, 0)
	hi = a.Sig - hi - borrow
	if hi == 0 {
		return F80{}, false // massive cancellation
	}
	s := uint(bits.LeadingZeros64(hi))
	return e.nearest80(sign, exp-int32(s), hi<<s|lo>>(64-s), lo<<s)
}

func (e *Env) fastMul80(a, b F80) (r F80, ok bool) {
	if !normal80(a) || !normal80(b) {
		return F80{}, false
	}
	exp := int32(a.SE&0x7fff) + int32(b.SE&0x7fff) - 16382
	hi, lo := bits.Mul64(a.Sig, b.Sig)
	if hi>>63 == 0 {
		hi = hi<<1 | lo>>63
		lo <<= 1
		exp--
	}
	return e.nearest80((a.SE^b.SE)&0x8000, exp, hi, lo)
}

func (e *Env) fastDiv80(a, b F80) (r F80, ok bool) {
	if !normal80(a) || !normal80(b) {
		return F80{}, false
	}
	exp := int32(a.SE&0x7fff) - int32(b.SE&0x7fff) + 16383
	var hi, rem uint64
	if a.Sig < b.Sig {
		exp--
		hi, rem = bits.Div64(a.Sig, 0, b.Sig)
	} else {
		hi, rem = bits.Div64(a.Sig>>1, a.Sig<<63, b.Sig)
	}
	// Only where the remainder stands to half the divisor matters.
	lo := rem
	if rem != 0 {
		switch twice := rem << 1; {
		case rem>>63 != 0 || twice > b.Sig:
			lo = 1<<63 | 1
		case twice == b.Sig:
			lo = 1 << 63
		default:
			lo = 1
		}
	}
	return e.nearest80((a.SE^b.SE)&0x8000, exp, hi, lo)
}
