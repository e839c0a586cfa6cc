package vec

import sf "g86/cpu/softfloat"

// before is the set of exceptions found before computing. When one of them is unmasked in any lane, no lane reports
// those found after it (SDM Vol. 1, 11.5.1).
const before = sf.IE | sf.DE | sf.ZE

func settle(e *Env, old uint8) {
	if e.Unmasked()&before != 0 {
		e.Flags = old | e.Flags&before
	}
}

func ps(a, b V, e *Env, f func(x, y uint32, e *Env) uint32) V {
	old := e.Flags
	r := d4(f(a.d(0), b.d(0), e), f(a.d(1), b.d(1), e), f(a.d(2), b.d(2), e), f(a.d(3), b.d(3), e))
	settle(e, old)
	return r
}

func pd(a, b V, e *Env, f func(x, y uint64, e *Env) uint64) V {
	old := e.Flags
	r := V{f(a[0], b[0], e), f(a[1], b[1], e)}
	settle(e, old)
	return r
}

func ss(a, b V, e *Env, f func(x, y uint32, e *Env) uint32) V {
	return scalar32(a, f(uint32(a[0]), uint32(b[0]), e))
}

// ADDPS adds singles.
func ADDPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Add) }

// ADDPD adds doubles.
func ADDPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Add) }

// ADDSS adds the low singles.
func ADDSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Add) }

// ADDSD adds the low doubles.
func ADDSD(a, b V, e *Env) V { return V{sf.F64Add(a[0], b[0], e), a[1]} }

// SUBPS subtracts b from a in singles.
func SUBPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Sub) }

// SUBPD subtracts b from a in doubles.
func SUBPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Sub) }

// SUBSS subtracts b from a in the low singles.
func SUBSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Sub) }

// SUBSD subtracts b from a in the low doubles.
func SUBSD(a, b V, e *Env) V { return V{sf.F64Sub(a[0], b[0], e), a[1]} }

// MULPS multiplies singles.
func MULPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Mul) }

// MULPD multiplies doubles.
func MULPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Mul) }

// MULSS multiplies the low singles.
func MULSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Mul) }

// MULSD multiplies the low doubles.
func MULSD(a, b V, e *Env) V { return V{sf.F64Mul(a[0], b[0], e), a[1]} }

// DIVPS divides a by b in singles.
func DIVPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Div) }

// DIVPD divides a by b in doubles.
func DIVPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Div) }

// DIVSS divides a by b in the low singles.
func DIVSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Div) }

// DIVSD divides a by b in the low doubles.
func DIVSD(a, b V, e *Env) V { return V{sf.F64Div(a[0], b[0], e), a[1]} }

// MINPS picks the smaller of singles.
func MINPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Min) }

// MINPD picks the smaller of doubles.
func MINPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Min) }

// MINSS picks the smaller of the low singles.
func MINSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Min) }

// MINSD picks the smaller of the low doubles.
func MINSD(a, b V, e *Env) V { return V{sf.F64Min(a[0], b[0], e), a[1]} }

// MAXPS picks the larger of singles.
func MAXPS(a, b V, e *Env) V { return ps(a, b, e, sf.F32Max) }

// MAXPD picks the larger of doubles.
func MAXPD(a, b V, e *Env) V { return pd(a, b, e, sf.F64Max) }

// MAXSS picks the larger of the low singles.
func MAXSS(a, b V, e *Env) V { return ss(a, b, e, sf.F32Max) }

// MAXSD picks the larger of the low doubles.
func MAXSD(a, b V, e *Env) V { return V{sf.F64Max(a[0], b[0], e), a[1]} }

func sqrt32(_, x uint32, e *Env) uint32 { return sf.F32Sqrt(x, e) }
func sqrt64(_, x uint64, e *Env) uint64 { return sf.F64Sqrt(x, e) }

// SQRTPS takes the square roots of singles.
func SQRTPS(a V, e *Env) V { return ps(a, a, e, sqrt32) }

// SQRTPD takes the square roots of doubles.
func SQRTPD(a V, e *Env) V { return pd(a, a, e, sqrt64) }

// SQRTSS puts the square root of b's low single into a.
func SQRTSS(a, b V, e *Env) V { return scalar32(a, sf.F32Sqrt(uint32(b[0]), e)) }

// SQRTSD puts the square root of b's low double into a.
func SQRTSD(a, b V, e *Env) V { return V{sf.F64Sqrt(b[0], e), a[1]} }

// RCPPS approximates reciprocals.
func RCPPS(a V) V {
	return d4(sf.F32Rcp(a.d(0)), sf.F32Rcp(a.d(1)), sf.F32Rcp(a.d(2)), sf.F32Rcp(a.d(3)))
}

// RSQRTPS approximates reciprocal square roots.
func RSQRTPS(a V) V {
	return d4(sf.F32Rsqrt(a.d(0)), sf.F32Rsqrt(a.d(1)), sf.F32Rsqrt(a.d(2)), sf.F32Rsqrt(a.d(3)))
}

// RCPSS approximates the reciprocal of b's low single.
func RCPSS(a, b V) V { return scalar32(a, sf.F32Rcp(uint32(b[0]))) }

// RSQRTSS approximates the reciprocal square root of b's low single.
func RSQRTSS(a, b V) V { return scalar32(a, sf.F32Rsqrt(uint32(b[0]))) }

// ADDSUBPS subtracts even singles and adds odd ones.
func ADDSUBPS(a, b V, e *Env) V {
	old := e.Flags
	r := d4(sf.F32Sub(a.d(0), b.d(0), e), sf.F32Add(a.d(1), b.d(1), e), sf.F32Sub(a.d(2), b.d(2), e), sf.F32Add(a.d(3), b.d(3), e))
	settle(e, old)
	return r
}

// ADDSUBPD subtracts the low doubles and adds the high ones.
func ADDSUBPD(a, b V, e *Env) V {
	old := e.Flags
	r := V{sf.F64Sub(a[0], b[0], e), sf.F64Add(a[1], b[1], e)}
	settle(e, old)
	return r
}

// HADDPS adds neighbouring singles.
func HADDPS(a, b V, e *Env) V { return ps(SHUFPS(a, b, 0x88), SHUFPS(a, b, 0xdd), e, sf.F32Add) }

// HSUBPS subtracts odd singles from even ones.
func HSUBPS(a, b V, e *Env) V { return ps(SHUFPS(a, b, 0x88), SHUFPS(a, b, 0xdd), e, sf.F32Sub) }

// HADDPD adds neighbouring doubles.
func HADDPD(a, b V, e *Env) V { return pd(V{a[0], b[0]}, V{a[1], b[1]}, e, sf.F64Add) }

// HSUBPD subtracts high doubles from low ones.
func HSUBPD(a, b V, e *Env) V { return pd(V{a[0], b[0]}, V{a[1], b[1]}, e, sf.F64Sub) }

// CMPPS compares singles by the predicate imm.
func CMPPS(a, b V, e *Env, imm uint8) V {
	return ps(a, b, e, func(x, y uint32, e *Env) uint32 { return uint32(ones(sf.F32Cmp(x, y, imm, e))) })
}

// CMPPD compares doubles by the predicate imm.
func CMPPD(a, b V, e *Env, imm uint8) V {
	return V{ones(sf.F64Cmp(a[0], b[0], imm, e)), ones(sf.F64Cmp(a[1], b[1], imm, e))}
}

// CMPSS compares the low singles.
func CMPSS(a, b V, e *Env, imm uint8) V {
	return scalar32(a, uint32(ones(sf.F32Cmp(uint32(a[0]), uint32(b[0]), imm, e))))
}

// CMPSD compares the low doubles.
func CMPSD(a, b V, e *Env, imm uint8) V { return V{ones(sf.F64Cmp(a[0], b[0], imm, e)), a[1]} }

// COMISS compares the low singles; QNaNs are invalid.
func COMISS(a, b V, e *Env) sf.Rel { return sf.F32Comi(uint32(a[0]), uint32(b[0]), e) }

// UCOMISS compares the low singles quietly.
func UCOMISS(a, b V, e *Env) sf.Rel { return sf.F32Ucomi(uint32(a[0]), uint32(b[0]), e) }

// COMISD compares the low doubles; QNaNs are invalid.
func COMISD(a, b V, e *Env) sf.Rel { return sf.F64Comi(a[0], b[0], e) }

// UCOMISD compares the low doubles quietly.
func UCOMISD(a, b V, e *Env) sf.Rel { return sf.F64Ucomi(a[0], b[0], e) }

// ROUNDPS rounds singles to integral values.
func ROUNDPS(a V, e *Env, imm uint8) V {
	return ps(a, a, e, func(x, _ uint32, e *Env) uint32 { return sf.F32RoundToInt(x, imm, e) })
}

// ROUNDPD rounds doubles to integral values.
func ROUNDPD(a V, e *Env, imm uint8) V {
	return pd(a, a, e, func(x, _ uint64, e *Env) uint64 { return sf.F64RoundToInt(x, imm, e) })
}

// ROUNDSS rounds b's low single.
func ROUNDSS(a, b V, e *Env, imm uint8) V { return scalar32(a, sf.F32RoundToInt(uint32(b[0]), imm, e)) }

// ROUNDSD rounds b's low double.
func ROUNDSD(a, b V, e *Env, imm uint8) V { return V{sf.F64RoundToInt(b[0], imm, e), a[1]} }

// DPPS sums the products of the singles that imm[7:4] selects into those that imm[3:0] selects; the others are zero.
// Each step completes, with its exceptions, before the next.
func DPPS(a, b V, e *Env, imm uint8) V {
	keep := BLENDPS(V{}, V{^uint64(0), ^uint64(0)}, imm>>4)
	p := MULPS(PAND(a, keep), PAND(b, keep), e)
	p = PAND(p, keep)
	if e.Unmasked() != 0 {
		return a
	}
	s := HADDPS(p, p, e)
	if e.Unmasked() != 0 {
		return a
	}
	t := uint64(sf.F32Add(s.d(0), s.d(1), e))
	t |= t << 32
	return BLENDPS(V{}, V{t, t}, imm)
}

// DPPD is DPPS for doubles.
func DPPD(a, b V, e *Env, imm uint8) V {
	keep := BLENDPD(V{}, V{^uint64(0), ^uint64(0)}, imm>>4)
	p := MULPD(PAND(a, keep), PAND(b, keep), e)
	p = PAND(p, keep)
	if e.Unmasked() != 0 {
		return a
	}
	t := sf.F64Add(p[0], p[1], e)
	return BLENDPD(V{}, V{t, t}, imm)
}
