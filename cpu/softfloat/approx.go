package softfloat

import "math"

// F32Rcp is RCPPS's reciprocal. Processors differ in it; here it is the quotient rounded to 12 bits of fraction, well
// within the 1.5*2^-12 that the SDM allows. It raises nothing and ignores MXCSR: denormals count as zeros and tiny
// results are flushed to zero.
func F32Rcp(a uint32) uint32 {
	switch {
	case a<<1 > 0xff<<24:
		return a | 1<<22
	case a<<1 < 1<<24: // zero or denormal
		return a&(1<<31) | 0xff<<23
	}
	return approx12(1 / float64(math.Float32frombits(a)))
}

// F32Rsqrt is RSQRTPS's reciprocal square root, in the same way.
func F32Rsqrt(a uint32) uint32 {
	switch {
	case a<<1 > 0xff<<24:
		return a | 1<<22
	case a<<1 < 1<<24:
		return a&(1<<31) | 0xff<<23
	case a>>31 != 0:
		return Indefinite32
	}
	return approx12(1 / math.Sqrt(float64(math.Float32frombits(a))))
}

// approx12 rounds to 12 bits of fraction, flushing what would be denormal.
func approx12(x float64) uint32 {
	v := math.Float64bits(x)
	v = (v + 1<<39) &^ (1<<40 - 1)
	r := math.Float32bits(float32(math.Float64frombits(v)))
	if r<<1 < 1<<24 {
		r &= 1 << 31
	}
	return r
}
