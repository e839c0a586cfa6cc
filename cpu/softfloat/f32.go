package softfloat

import "math"

// Fast paths as in f64.go. Products of two binary32 significands are exact in a float64.

func plain32(v uint32) bool { return (v>>23+1)&0xff > 1 || v<<1 == 0 }
func safe32(v uint32) bool  { return (v>>23+1)&0xff > 2 }

// F32Add returns a+b.
func F32Add(a, b uint32, e *Env) uint32 {
	if e.RC == RoundNearest && plain32(a) && plain32(b) {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		r := x + y
		if v := math.Float32bits(r); safe32(v) || v<<1 == 0 {
			if e.Flags&PE == 0 && !sumExact32(x, y, r) {
				e.Flags |= PE
			}
			return v
		}
	}
	return uint32(e.add(uint64(a), uint64(b), false, fmt32))
}

// F32Sub returns a-b.
func F32Sub(a, b uint32, e *Env) uint32 {
	if e.RC == RoundNearest && plain32(a) && plain32(b) {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		r := x - y
		if v := math.Float32bits(r); safe32(v) || v<<1 == 0 {
			if e.Flags&PE == 0 && !sumExact32(x, -y, r) {
				e.Flags |= PE
			}
			return v
		}
	}
	return uint32(e.add(uint64(a), uint64(b), true, fmt32))
}

func sumExact32(x, y, r float32) bool {
	t := float32(r - x)
	return float32(float32(x-float32(r-t))+float32(y-t)) == 0
}

// F32Mul returns a*b.
func F32Mul(a, b uint32, e *Env) uint32 {
	if e.RC == RoundNearest && plain32(a) && plain32(b) {
		p := float64(math.Float32frombits(a)) * float64(math.Float32frombits(b))
		r := float32(p)
		if v := math.Float32bits(r); safe32(v) || a<<1 == 0 || b<<1 == 0 {
			if float64(r) != p {
				e.Flags |= PE
			}
			return v
		}
	}
	return uint32(e.mul(uint64(a), uint64(b), fmt32))
}

// F32Div returns a/b.
func F32Div(a, b uint32, e *Env) uint32 {
	if e.RC == RoundNearest && plain32(a) && plain32(b) {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		r := x / y
		if v := math.Float32bits(r); safe32(v) {
			if float64(r)*float64(y) != float64(x) {
				e.Flags |= PE
			}
			return v
		}
	}
	return uint32(e.div(uint64(a), uint64(b), fmt32))
}

// F32Sqrt returns the square root of a.
func F32Sqrt(a uint32, e *Env) uint32 {
	if e.RC == RoundNearest && a>>31 == 0 && plain32(a) && a != 0 {
		x := float64(math.Float32frombits(a))
		r := float32(math.Sqrt(x)) // rounding twice is innocuous: 53 >= 2*24+2
		if float64(r)*float64(r) != x {
			e.Flags |= PE
		}
		return math.Float32bits(r)
	}
	return uint32(e.sqrt(uint64(a), fmt32))
}

// F32Min returns the smaller, b when they are zeros or one is a NaN (MINSS).
func F32Min(a, b uint32, e *Env) uint32 {
	if plain32(a) && plain32(b) {
		if math.Float32frombits(a) < math.Float32frombits(b) {
			return a
		}
		return b
	}
	return uint32(e.minmax(uint64(a), uint64(b), Less, fmt32))
}

// F32Max returns the larger, b when they are zeros or one is a NaN (MAXSS).
func F32Max(a, b uint32, e *Env) uint32 {
	if plain32(a) && plain32(b) {
		if math.Float32frombits(a) > math.Float32frombits(b) {
			return a
		}
		return b
	}
	return uint32(e.minmax(uint64(a), uint64(b), Greater, fmt32))
}

func rel32(a, b uint32) Rel {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	switch {
	case x < y:
		return Less
	case x > y:
		return Greater
	}
	return Equal
}

// F32Cmp evaluates a predicate of CMPPS.
func F32Cmp(a, b uint32, pred uint8, e *Env) bool {
	if plain32(a) && plain32(b) {
		return predicates[pred&7]>>rel32(a, b)&1 != 0
	}
	return e.cmp(uint64(a), uint64(b), pred, fmt32)
}

// F32Comi is COMISS: any NaN is invalid.
func F32Comi(a, b uint32, e *Env) Rel {
	if plain32(a) && plain32(b) {
		return rel32(a, b)
	}
	return e.compare(uint64(a), uint64(b), quietNaN, fmt32)
}

// F32Ucomi is UCOMISS: an SNaN is invalid.
func F32Ucomi(a, b uint32, e *Env) Rel {
	if plain32(a) && plain32(b) {
		return rel32(a, b)
	}
	return e.compare(uint64(a), uint64(b), signalNaN, fmt32)
}

// F32RoundToInt rounds to an integral value under ROUNDSS's immediate.
func F32RoundToInt(a uint32, imm uint8, e *Env) uint32 {
	return uint32(e.roundInt(uint64(a), imm, fmt32))
}

// F32ToInt32 rounds to an integer; NaNs and values out of range give the most negative one and IE.
func F32ToInt32(a uint32, e *Env) int32 { return int32(e.toInt(uint64(a), 31, e.RC, fmt32)) }

// F32ToInt64 is CVTSS2SI r64.
func F32ToInt64(a uint32, e *Env) int64 { return e.toInt(uint64(a), 63, e.RC, fmt32) }

// F32TruncToInt32 is CVTTSS2SI r32.
func F32TruncToInt32(a uint32, e *Env) int32 {
	if x := math.Float32frombits(a); plain32(a) && x > -1<<31 && x < 1<<31 {
		v := int32(x)
		if float32(v) != x {
			e.Flags |= PE
		}
		return v
	}
	return int32(e.toInt(uint64(a), 31, RoundZero, fmt32))
}

// F32TruncToInt64 is CVTTSS2SI r64.
func F32TruncToInt64(a uint32, e *Env) int64 { return e.toInt(uint64(a), 63, RoundZero, fmt32) }

// F32ToF64 widens exactly (CVTSS2SD).
func F32ToF64(a uint32, e *Env) uint64 {
	if plain32(a) {
		return math.Float64bits(float64(math.Float32frombits(a)))
	}
	return e.convert(uint64(a), fmt32, fmt64)
}

// Int32ToF32 rounds (CVTSI2SS r32).
func Int32ToF32(v int32, e *Env) uint32 { return Int64ToF32(int64(v), e) }

// Int64ToF32 rounds (CVTSI2SS r64).
func Int64ToF32(v int64, e *Env) uint32 {
	if v >= -1<<24 && v <= 1<<24 {
		return math.Float32bits(float32(v))
	}
	return uint32(e.fromInt(v, fmt32))
}
