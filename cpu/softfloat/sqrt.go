package softfloat

import (
	"math"
	"math/bits"
)

// sqrtMag takes the square root of a finite magnitude: 64 bits and, in lo, whether the rest is zero, below or above one
// half (it cannot be exactly one half).
func sqrtMag(x *number) (exp int32, hi, lo uint64) {
	// n = nh:nl in [2^126, 2^128), so that its root has 64 bits.
	nh, nl := x.sig, uint64(0)
	exp = x.exp >> 1
	if x.exp&1 == 0 {
		nh, nl = x.sig>>1, x.sig<<63
	}
	// A double's root is within 2^12 of ours; one Newton step leaves an error of at most a few units.
	approx := math.Sqrt(float64(nh)) * (1 << 32)
	r := uint64(math.MaxUint64)
	if approx < 1<<64 {
		r = max(uint64(approx), 1<<63)
	}
	ph, pl := bits.Mul64(r, r)
	dl, borrow := bits.Sub64(nl, pl, 0)
	dh, _ := bits.Sub64(nh, ph, borrow)
	if neg := int64(dh) < 0; neg {
		dl, borrow = bits.Sub64(0, dl, 0)
		dh = -dh - borrow
		q, _ := bits.Div64(dh>>1, dh<<63|dl>>1, r)
		r = max(r-q, 1<<63)
	} else {
		q, _ := bits.Div64(dh>>1, dh<<63|dl>>1, r)
		if r += q; r < q {
			r = math.MaxUint64
		}
	}
	var rem uint64
	for {
		ph, pl = bits.Mul64(r, r)
		dl, borrow = bits.Sub64(nl, pl, 0)
		dh, borrow = bits.Sub64(nh, ph, borrow)
		if borrow != 0 {
			r--
			continue
		}
		// r is the floor when the remainder is at most 2r.
		if dh > r>>63 || dh == r>>63 && dl > r<<1 {
			r++
			continue
		}
		rem = dl
		break
	}
	switch {
	case dh != 0 || rem > r:
		lo = 1<<63 | 1
	case rem != 0:
		lo = 1
	}
	return exp, r, lo
}
