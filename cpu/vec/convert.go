package vec

import sf "g86/cpu/softfloat"

// lanes4 converts four dwords, two the two doubles into the low half.
func lanes4(b V, e *Env, f func(x uint32, e *Env) int32) V {
	old := e.Flags
	r := d4(uint32(f(b.d(0), e)), uint32(f(b.d(1), e)), uint32(f(b.d(2), e)), uint32(f(b.d(3), e)))
	settle(e, old)
	return r
}

func lanes2(x, y uint64, e *Env, f func(x uint64, e *Env) int32) V {
	old := e.Flags
	r := d4(uint32(f(x, e)), uint32(f(y, e)), 0, 0)
	settle(e, old)
	return r
}

func low2(b V, e *Env, f func(x uint32, e *Env) int32) M {
	old := e.Flags
	r := M(uint32(f(b.d(0), e))) | M(uint32(f(b.d(1), e)))<<32
	settle(e, old)
	return r
}

// CVTPS2PD widens the low singles.
func CVTPS2PD(b V, e *Env) V {
	old := e.Flags
	r := V{sf.F32ToF64(b.d(0), e), sf.F32ToF64(b.d(1), e)}
	settle(e, old)
	return r
}

// CVTPD2PS narrows doubles into the low half.
func CVTPD2PS(b V, e *Env) V {
	return lanes2(b[0], b[1], e, func(x uint64, e *Env) int32 { return int32(sf.F64ToF32(x, e)) })
}

// CVTSS2SD widens b's low single.
func CVTSS2SD(a, b V, e *Env) V { return V{sf.F32ToF64(uint32(b[0]), e), a[1]} }

// CVTSD2SS narrows b's low double.
func CVTSD2SS(a, b V, e *Env) V { return scalar32(a, sf.F64ToF32(b[0], e)) }

// CVTDQ2PS converts signed dwords to singles.
func CVTDQ2PS(b V, e *Env) V {
	return lanes4(b, e, func(x uint32, e *Env) int32 { return int32(sf.Int32ToF32(int32(x), e)) })
}

// CVTDQ2PD converts the low signed dwords to doubles.
func CVTDQ2PD(b V) V { return V{sf.Int32ToF64(int32(b.d(0))), sf.Int32ToF64(int32(b.d(1)))} }

// CVTPS2DQ converts singles to signed dwords.
func CVTPS2DQ(b V, e *Env) V { return lanes4(b, e, sf.F32ToInt32) }

// CVTTPS2DQ is CVTPS2DQ rounding to zero.
func CVTTPS2DQ(b V, e *Env) V { return lanes4(b, e, sf.F32TruncToInt32) }

// CVTPD2DQ converts doubles to signed dwords in the low half.
func CVTPD2DQ(b V, e *Env) V { return lanes2(b[0], b[1], e, sf.F64ToInt32) }

// CVTTPD2DQ is CVTPD2DQ rounding to zero.
func CVTTPD2DQ(b V, e *Env) V { return lanes2(b[0], b[1], e, sf.F64TruncToInt32) }

// CVTSI2SS32 converts a signed dword.
func CVTSI2SS32(a V, v int32, e *Env) V { return scalar32(a, sf.Int32ToF32(v, e)) }

// CVTSI2SS64 converts a signed qword.
func CVTSI2SS64(a V, v int64, e *Env) V { return scalar32(a, sf.Int64ToF32(v, e)) }

// CVTSI2SD32 converts a signed dword.
func CVTSI2SD32(a V, v int32) V { return V{sf.Int32ToF64(v), a[1]} }

// CVTSI2SD64 converts a signed qword.
func CVTSI2SD64(a V, v int64, e *Env) V { return V{sf.Int64ToF64(v, e), a[1]} }

// CVTSS2SI32 converts the low single to a signed integer.
func CVTSS2SI32(b V, e *Env) int32 { return sf.F32ToInt32(uint32(b[0]), e) }

// CVTSS2SI64 converts the low single to a signed integer.
func CVTSS2SI64(b V, e *Env) int64 { return sf.F32ToInt64(uint32(b[0]), e) }

// CVTTSS2SI32 converts the low single to a signed integer, rounding to zero.
func CVTTSS2SI32(b V, e *Env) int32 { return sf.F32TruncToInt32(uint32(b[0]), e) }

// CVTTSS2SI64 converts the low single to a signed integer, rounding to zero.
func CVTTSS2SI64(b V, e *Env) int64 { return sf.F32TruncToInt64(uint32(b[0]), e) }

// CVTSD2SI32 converts the low double to a signed integer.
func CVTSD2SI32(b V, e *Env) int32 { return sf.F64ToInt32(b[0], e) }

// CVTSD2SI64 converts the low double to a signed integer.
func CVTSD2SI64(b V, e *Env) int64 { return sf.F64ToInt64(b[0], e) }

// CVTTSD2SI32 converts the low double to a signed integer, rounding to zero.
func CVTTSD2SI32(b V, e *Env) int32 { return sf.F64TruncToInt32(b[0], e) }

// CVTTSD2SI64 converts the low double to a signed integer, rounding to zero.
func CVTTSD2SI64(b V, e *Env) int64 { return sf.F64TruncToInt64(b[0], e) }

// CVTPI2PS converts the signed dwords of an MMX register into a's low singles.
func CVTPI2PS(a V, m M, e *Env) V {
	lo, hi := sf.Int32ToF32(int32(m), e), sf.Int32ToF32(int32(m>>32), e)
	return V{uint64(lo) | uint64(hi)<<32, a[1]}
}

// CVTPI2PD converts the signed dwords of an MMX register to doubles.
func CVTPI2PD(m M) V { return CVTDQ2PD(V{uint64(m)}) }

// CVTPS2PI converts the low singles to signed dwords.
func CVTPS2PI(b V, e *Env) M { return low2(b, e, sf.F32ToInt32) }

// CVTTPS2PI is CVTPS2PI rounding to zero.
func CVTTPS2PI(b V, e *Env) M { return low2(b, e, sf.F32TruncToInt32) }

// CVTPD2PI converts doubles to signed dwords.
func CVTPD2PI(b V, e *Env) M { return M(CVTPD2DQ(b, e)[0]) }

// CVTTPD2PI is CVTPD2PI rounding to zero.
func CVTTPD2PI(b V, e *Env) M { return M(CVTTPD2DQ(b, e)[0]) }
