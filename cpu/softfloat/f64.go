package softfloat

import (
	"math"
	"math/bits"
)

// The arithmetic below has a fast path on the host's own IEEE operations, which Go defines to round to nearest even,
// for operands that are zero or normal and results that are exactly zero or clear of the underflow range. Explicit
// float64 conversions keep the compiler from fusing a multiplication and an addition. Inexactness, the only flag these
// cases can raise, is computed only while PE is clear.

// plain64 reports zeros and normal numbers; safe64 normal results that cannot have been tiny before rounding.
func plain64(v uint64) bool { return (v>>52+1)&0x7ff > 1 || v<<1 == 0 }
func safe64(v uint64) bool  { return (v>>52+1)&0x7ff > 2 }

// odd64 returns the significand of a normal number without its trailing zeros.
func odd64(v uint64) uint64 {
	m := v&(1<<52-1) | 1<<52
	return m >> bits.TrailingZeros64(m)
}

// F64Add returns a+b.
func F64Add(a, b uint64, e *Env) uint64 {
	if e.RC == RoundNearest && plain64(a) && plain64(b) {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		r := x + y
		if v := math.Float64bits(r); safe64(v) || v<<1 == 0 {
			if e.Flags&PE == 0 && !sumExact64(x, y, r) {
				e.Flags |= PE
			}
			return v
		}
	}
	return e.add(a, b, false, fmt64)
}

// F64Sub returns a-b.
func F64Sub(a, b uint64, e *Env) uint64 {
	if e.RC == RoundNearest && plain64(a) && plain64(b) {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		r := x - y
		if v := math.Float64bits(r); safe64(v) || v<<1 == 0 {
			if e.Flags&PE == 0 && !sumExact64(x, -y, r) {
				e.Flags |= PE
			}
			return v
		}
	}
	return e.add(a, b, true, fmt64)
}

// sumExact64 is Knuth's TwoSum: whether x+y was r exactly.
func sumExact64(x, y, r float64) bool {
	t := float64(r - x)
	return float64(float64(x-float64(r-t))+float64(y-t)) == 0
}

// F64Mul returns a*b.
func F64Mul(a, b uint64, e *Env) uint64 {
	if e.RC == RoundNearest && plain64(a) && plain64(b) {
		v := math.Float64bits(math.Float64frombits(a) * math.Float64frombits(b))
		if safe64(v) || a<<1 == 0 || b<<1 == 0 {
			if e.Flags&PE == 0 {
				if hi, lo := bits.Mul64(odd64(a), odd64(b)); hi != 0 || lo>>53 != 0 {
					e.Flags |= PE
				}
			}
			return v
		}
	}
	return e.mul(a, b, fmt64)
}

// F64Div returns a/b.
func F64Div(a, b uint64, e *Env) uint64 {
	if e.RC == RoundNearest && plain64(a) && plain64(b) {
		v := math.Float64bits(math.Float64frombits(a) / math.Float64frombits(b))
		if safe64(v) {
			if e.Flags&PE == 0 {
				if hi, lo := bits.Mul64(odd64(v), odd64(b)); hi != 0 || lo != odd64(a) {
					e.Flags |= PE
				}
			}
			return v
		}
	}
	return e.div(a, b, fmt64)
}

// F64Sqrt returns the square root of a.
func F64Sqrt(a uint64, e *Env) uint64 {
	if e.RC == RoundNearest && a>>63 == 0 && plain64(a) && a != 0 {
		v := math.Float64bits(math.Sqrt(math.Float64frombits(a)))
		if e.Flags&PE == 0 {
			if hi, lo := bits.Mul64(odd64(v), odd64(v)); hi != 0 || lo != odd64(a) {
				e.Flags |= PE
			}
		}
		return v
	}
	return e.sqrt(a, fmt64)
}

// F64Min returns the smaller, b when they are zeros or one is a NaN (MINSD).
func F64Min(a, b uint64, e *Env) uint64 {
	if plain64(a) && plain64(b) {
		if math.Float64frombits(a) < math.Float64frombits(b) {
			return a
		}
		return b
	}
	return e.minmax(a, b, Less, fmt64)
}

// F64Max returns the larger, b when they are zeros or one is a NaN (MAXSD).
func F64Max(a, b uint64, e *Env) uint64 {
	if plain64(a) && plain64(b) {
		if math.Float64frombits(a) > math.Float64frombits(b) {
			return a
		}
		return b
	}
	return e.minmax(a, b, Greater, fmt64)
}

func rel64(a, b uint64) Rel {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	switch {
	case x < y:
		return Less
	case x > y:
		return Greater
	}
	return Equal
}

// F64Cmp evaluates a predicate of CMPPD.
func F64Cmp(a, b uint64, pred uint8, e *Env) bool {
	if plain64(a) && plain64(b) {
		return predicates[pred&7]>>rel64(a, b)&1 != 0
	}
	return e.cmp(a, b, pred, fmt64)
}

// F64Comi is COMISD: any NaN is invalid.
func F64Comi(a, b uint64, e *Env) Rel {
	if plain64(a) && plain64(b) {
		return rel64(a, b)
	}
	return e.compare(a, b, quietNaN, fmt64)
}

// F64Ucomi is UCOMISD: an SNaN is invalid.
func F64Ucomi(a, b uint64, e *Env) Rel {
	if plain64(a) && plain64(b) {
		return rel64(a, b)
	}
	return e.compare(a, b, signalNaN, fmt64)
}

// F64RoundToInt rounds to an integral value under ROUNDSD's immediate.
func F64RoundToInt(a uint64, imm uint8, e *Env) uint64 { return e.roundInt(a, imm, fmt64) }

// F64ToInt32 rounds to an integer; NaNs and values out of range give the most negative one and IE.
func F64ToInt32(a uint64, e *Env) int32 { return int32(e.toInt(a, 31, e.RC, fmt64)) }

// F64ToInt64 is CVTSD2SI r64.
func F64ToInt64(a uint64, e *Env) int64 { return e.toInt(a, 63, e.RC, fmt64) }

// F64TruncToInt32 is CVTTSD2SI r32.
func F64TruncToInt32(a uint64, e *Env) int32 {
	if x := math.Float64frombits(a); plain64(a) && x > -1<<31 && x < 1<<31 {
		v := int32(x)
		if float64(v) != x {
			e.Flags |= PE
		}
		return v
	}
	return int32(e.toInt(a, 31, RoundZero, fmt64))
}

// F64TruncToInt64 is CVTTSD2SI r64.
func F64TruncToInt64(a uint64, e *Env) int64 {
	if x := math.Float64frombits(a); plain64(a) && x > -1<<63 && x < 1<<63 {
		v := int64(x)
		if float64(v) != x {
			e.Flags |= PE
		}
		return v
	}
	return e.toInt(a, 63, RoundZero, fmt64)
}

// F64ToF32 rounds to binary32 (CVTSD2SS).
func F64ToF32(a uint64, e *Env) uint32 {
	if e.RC == RoundNearest && plain64(a) {
		x := math.Float64frombits(a)
		r := float32(x)
		if v := math.Float32bits(r); safe32(v) || a<<1 == 0 {
			if float64(r) != x {
				e.Flags |= PE
			}
			return v
		}
	}
	return uint32(e.convert(a, fmt64, fmt32))
}

// Int32ToF64 is exact (CVTSI2SD r32).
func Int32ToF64(v int32) uint64 { return math.Float64bits(float64(v)) }

// Int64ToF64 rounds (CVTSI2SD r64).
func Int64ToF64(v int64, e *Env) uint64 {
	if v >= -1<<53 && v <= 1<<53 {
		return math.Float64bits(float64(v))
	}
	return e.fromInt(v, fmt64)
}
