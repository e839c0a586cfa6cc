package softfloat

import "math/bits"

// format describes an interchange format; F80's significand has an explicit integer bit, the others' is implied.
type format struct {
	prec     uint  // significand bits, with the integer bit
	bias     int32 // exponent bias
	maxExp   int32 // biased exponent of infinities and NaNs
	signBit  uint64
	quietBit uint64
	indef    uint64 // default NaN
}

var (
	fmt32 = &format{24, 127, 255, 1 << 31, 1 << 22, uint64(Indefinite32)}
	fmt64 = &format{53, 1023, 2047, 1 << 63, 1 << 51, Indefinite64}
	fmt80 = &format{prec: 64, bias: 16383, maxExp: 32767}
)

// kind orders operand classes so that everything from quietNaN on needs NaN handling.
type kind uint8

const (
	zero kind = iota
	finite
	infinite
	quietNaN
	signalNaN
	unsupported // F80 encodings the 80387 and later reject (SDM Table 8-3)
)

// number is an unpacked operand: for finite ones the value is sig/2^63 * 2^exp with bit 63 of sig set.
type number struct {
	kind  kind
	neg   bool
	denor bool
	exp   int32
	sig   uint64
}

// roundSig rounds the 64-bit significand hi, followed by lo as a fraction, to its upper prec bits. carry means that
// hi wrapped to zero.
func roundSig(neg bool, hi, lo uint64, prec uint, rc uint8) (sig uint64, inexact, up, carry bool) {
	if prec == 64 {
		if lo == 0 {
			return hi, false, false, false
		}
		switch rc {
		case RoundNearest:
			up = lo > 1<<63 || lo == 1<<63 && hi&1 != 0
		case RoundDown:
			up = neg
		case RoundUp:
			up = !neg
		}
		if up {
			hi++
		}
		return hi, true, up, up && hi == 0
	}
	ulp := uint64(1) << (64 - prec)
	rem := hi & (ulp - 1)
	hi -= rem
	if rem|lo == 0 {
		return hi, false, false, false
	}
	switch rc {
	case RoundNearest:
		up = rem > ulp/2 || rem == ulp/2 && (lo != 0 || hi&ulp != 0)
	case RoundDown:
		up = neg
	case RoundUp:
		up = !neg
	}
	if up {
		hi += ulp
	}
	return hi, true, up, up && hi == 0
}

// shiftJam shifts hi:lo right, ORing what falls out into bit 0.
func shiftJam(hi, lo uint64, n uint) (uint64, uint64) {
	switch {
	case n == 0:
		return hi, lo
	case n < 64:
		sticky := lo << (64 - n)
		lo = lo>>n | hi<<(64-n)
		hi >>= n
		if sticky != 0 {
			lo |= 1
		}
	case n < 128:
		sticky := lo
		if n > 64 {
			sticky |= hi << (128 - n)
		}
		lo = hi >> (n - 64)
		hi = 0
		if sticky != 0 {
			lo |= 1
		}
	default:
		if hi|lo != 0 {
			lo = 1
		}
		hi = 0
	}
	return hi, lo
}

// wrap is what an unmasked overflow or underflow changes the exponent of a register result by (SDM Vol. 1, 8.5.4).
const wrap = 24576

// round rounds the finite nonzero value (hi:lo)/2^127 * 2^exp (bit 63 of hi set) to prec bits in f and returns the
// biased exponent and the significand (left-aligned, bit 63 clear for a denormal). reg says that the destination is an
// x87 register, where unmasked overflow and underflow deliver a result with a wrapped exponent.
func (e *Env) round(neg bool, exp int32, hi, lo uint64, f *format, prec uint, reg bool) (int32, uint64) {
	biased := exp + f.bias
	sig, inexact, up, carry := roundSig(neg, hi, lo, prec, e.RC)
	rexp := biased
	if carry {
		sig = 1 << 63
		rexp++
	}
	if biased > 0 && rexp < f.maxExp {
		if inexact {
			e.Flags |= PE
			e.C1 = up
		}
		return rexp, sig
	}
	if rexp >= f.maxExp {
		return e.overflow(neg, rexp, sig, inexact, up, f, prec, reg)
	}
	// Tininess is detected after rounding with an unbounded exponent (SDM Vol. 1, 4.9.1.5).
	tiny := rexp <= 0
	if tiny && e.Mask&UE == 0 {
		e.Flags |= UE
		if inexact {
			e.Flags |= PE
			e.C1 = up
		}
		if reg {
			if rexp += wrap; rexp <= 0 { // only FSCALE gets this far
				e.Flags |= PE
				e.C1 = false
				return 0, 0
			}
		}
		return max(rexp, 0), sig
	}
	if tiny && e.FTZ && !reg {
		e.Flags |= UE | PE
		return 0, 0
	}
	hi, lo = shiftJam(hi, lo, uint(1-biased))
	sig, inexact, up, _ = roundSig(neg, hi, lo, prec, e.RC)
	if inexact {
		e.Flags |= PE
		e.C1 = up
		if tiny {
			e.Flags |= UE
		}
	}
	if sig>>63 != 0 {
		return 1, sig
	}
	return 0, sig
}

func (e *Env) overflow(neg bool, rexp int32, sig uint64, inexact, up bool, f *format, prec uint, reg bool) (int32, uint64) {
	e.Flags |= OE
	if e.Mask&OE == 0 {
		if inexact {
			e.Flags |= PE
			e.C1 = up
		}
		if reg {
			if rexp -= wrap; rexp < f.maxExp {
				return rexp, sig
			}
			e.Flags |= PE // only FSCALE gets this far
			e.C1 = true
		}
		return f.maxExp, 1 << 63
	}
	e.Flags |= PE
	if e.RC == RoundNearest || e.RC == RoundUp && !neg || e.RC == RoundDown && neg {
		e.C1 = true
		return f.maxExp, 1 << 63
	}
	e.C1 = false
	return f.maxExp - 1, ^uint64(0) << (64 - prec)
}

// addMag adds or subtracts two finite magnitudes; the result is exact but for the sticky bit 0 of lo. A zero difference
// has hi == 0.
func addMag(x, y *number) (neg bool, exp int32, hi, lo uint64) {
	if x.exp < y.exp || x.exp == y.exp && x.sig < y.sig {
		x, y = y, x
	}
	yh, yl := shiftJam(y.sig, 0, uint(x.exp-y.exp))
	if x.neg == y.neg {
		hi, carry := bits.Add64(x.sig, yh, 0)
		lo, exp = yl, x.exp
		if carry != 0 {
			hi, lo = shiftJam(hi, lo, 1)
			hi |= 1 << 63
			exp++
		}
		return x.neg, exp, hi, lo
	}
	lo, borrow := bits.Sub64(0, yl, 0)
	hi = x.sig - yh - borrow
	exp = x.exp
	if hi == 0 {
		if lo == 0 {
			return false, 0, 0, 0
		}
		hi, lo = lo, 0
		exp -= 64
	}
	if n := uint(bits.LeadingZeros64(hi)); n != 0 {
		hi = hi<<n | lo>>(64-n)
		lo <<= n
		exp -= int32(n)
	}
	return x.neg, exp, hi, lo
}

// mulMag multiplies finite magnitudes exactly.
func mulMag(x, y *number) (exp int32, hi, lo uint64) {
	hi, lo = bits.Mul64(x.sig, y.sig)
	exp = x.exp + y.exp + 1
	if hi>>63 == 0 {
		hi = hi<<1 | lo>>63
		lo <<= 1
		exp--
	}
	return exp, hi, lo
}

// divMag divides finite magnitudes: 127 or 128 quotient bits, the last one sticky.
func divMag(x, y *number) (exp int32, hi, lo uint64) {
	var r uint64
	if x.sig < y.sig {
		exp = x.exp - y.exp - 1
		hi, r = bits.Div64(x.sig, 0, y.sig)
	} else {
		exp = x.exp - y.exp
		hi, r = bits.Div64(x.sig>>1, x.sig<<63, y.sig)
	}
	lo, r = bits.Div64(r, 0, y.sig)
	if r != 0 {
		lo |= 1
	}
	return exp, hi, lo
}
