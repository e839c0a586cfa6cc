package vec

func floatOps() []op {
	ops := []op{
		{"ADDSUBPS", f2(0xd0), sse3, 32, flt(ADDSUBPS)}, {"ADDSUBPD", p66(0xd0), sse3, 64, flt(ADDSUBPD)},
		{"HADDPS", f2(0x7c), sse3, 32, flt(HADDPS)}, {"HADDPD", p66(0x7c), sse3, 64, flt(HADDPD)},
		{"HSUBPS", f2(0x7d), sse3, 32, flt(HSUBPS)}, {"HSUBPD", p66(0x7d), sse3, 64, flt(HSUBPD)},
		{"SQRTPS", np(0x51), base, 32, flt1(SQRTPS)}, {"SQRTPD", p66(0x51), base, 64, flt1(SQRTPD)},
		{"SQRTSS", f3(0x51), base, 32, flt(SQRTSS)}, {"SQRTSD", f2(0x51), base, 64, flt(SQRTSD)},
		{"CVTPS2PD", np(0x5a), base, 32, flt1(CVTPS2PD)}, {"CVTPD2PS", p66(0x5a), base, 64, flt1(CVTPD2PS)},
		{"CVTSS2SD", f3(0x5a), base, 32, flt(CVTSS2SD)}, {"CVTSD2SS", f2(0x5a), base, 64, flt(CVTSD2SS)},
		{"CVTDQ2PS", np(0x5b), base, 0, flt1(CVTDQ2PS)}, {"CVTPS2DQ", p66(0x5b), base, 32, flt1(CVTPS2DQ)},
		{"CVTTPS2DQ", f3(0x5b), base, 32, flt1(CVTTPS2DQ)}, {"CVTDQ2PD", f3(0xe6), base, 0, one(CVTDQ2PD)},
		{"CVTPD2DQ", f2(0xe6), base, 64, flt1(CVTPD2DQ)}, {"CVTTPD2DQ", p66(0xe6), base, 64, flt1(CVTTPD2DQ)},
		// MM2 <- XMM2's low half first, then CVTPI2PS XMM1,MM2.
		{"CVTPI2PS", []byte{0xf2, 0x0f, 0xd6, 0xd2, 0x0f, 0x2a, 0xca, 0x0f, 0x77}, base, 0,
			func(a, b, _ V, e *Env) V { return CVTPI2PS(a, M(b[0]), e) }},
		{"CVTPI2PD", []byte{0xf2, 0x0f, 0xd6, 0xd2, 0x66, 0x0f, 0x2a, 0xca, 0x0f, 0x77}, base, 0,
			func(_, b, _ V, _ *Env) V { return CVTPI2PD(M(b[0])) }},
		{"CVTPS2PI", mm(0x0f, 0x2d, 0xca), base, 32, func(_, b, _ V, e *Env) V { return V{uint64(CVTPS2PI(b, e))} }},
		{"CVTTPS2PI", mm(0x0f, 0x2c, 0xca), base, 32, func(_, b, _ V, e *Env) V { return V{uint64(CVTTPS2PI(b, e))} }},
		{"CVTPD2PI", mm(0x66, 0x0f, 0x2d, 0xca), base, 64, func(_, b, _ V, e *Env) V { return V{uint64(CVTPD2PI(b, e))} }},
		{"CVTTPD2PI", mm(0x66, 0x0f, 0x2c, 0xca), base, 64, func(_, b, _ V, e *Env) V { return V{uint64(CVTTPD2PI(b, e))} }},
		{"CVTSI2SS32", f3(0x2a), base, 0, func(a, b, _ V, e *Env) V { return CVTSI2SS32(a, int32(b[0]), e) }},
		{"CVTSI2SS64", []byte{0xf3, 0x48, 0x0f, 0x2a, 0xca}, base, 0, func(a, b, _ V, e *Env) V { return CVTSI2SS64(a, int64(b[0]), e) }},
		{"CVTSI2SD32", f2(0x2a), base, 0, func(a, b, _ V, _ *Env) V { return CVTSI2SD32(a, int32(b[0])) }},
		{"CVTSI2SD64", []byte{0xf2, 0x48, 0x0f, 0x2a, 0xca}, base, 0, func(a, b, _ V, e *Env) V { return CVTSI2SD64(a, int64(b[0]), e) }},
		{"CVTSS2SI32", edx(0xf3, 0x0f, 0x2d, 0xd2), base, 32, func(_, b, _ V, e *Env) V { return value(uint64(uint32(CVTSS2SI32(b, e)))) }},
		{"CVTTSS2SI64", edx(0xf3, 0x48, 0x0f, 0x2c, 0xd2), base, 32, func(_, b, _ V, e *Env) V { return value(uint64(CVTTSS2SI64(b, e))) }},
		{"CVTSD2SI64", edx(0xf2, 0x48, 0x0f, 0x2d, 0xd2), base, 64, func(_, b, _ V, e *Env) V { return value(uint64(CVTSD2SI64(b, e))) }},
		{"CVTTSD2SI32", edx(0xf2, 0x0f, 0x2c, 0xd2), base, 64, func(_, b, _ V, e *Env) V { return value(uint64(uint32(CVTTSD2SI32(b, e)))) }},
	}
	for _, c := range []struct {
		n              string
		op             byte
		ps, pd, ss, sd func(a, b V, e *Env) V
	}{
		{"ADD", 0x58, ADDPS, ADDPD, ADDSS, ADDSD}, {"SUB", 0x5c, SUBPS, SUBPD, SUBSS, SUBSD},
		{"MUL", 0x59, MULPS, MULPD, MULSS, MULSD}, {"DIV", 0x5e, DIVPS, DIVPD, DIVSS, DIVSD},
		{"MIN", 0x5d, MINPS, MINPD, MINSS, MINSD}, {"MAX", 0x5f, MAXPS, MAXPD, MAXSS, MAXSD},
	} {
		ops = append(ops, op{c.n + "PS", np(c.op), base, 32, flt(c.ps)}, op{c.n + "PD", p66(c.op), base, 64, flt(c.pd)},
			op{c.n + "SS", f3(c.op), base, 32, flt(c.ss)}, op{c.n + "SD", f2(c.op), base, 64, flt(c.sd)})
	}
	return ops
}

func floatImmediateOps() []op {
	imm := func(f func(a, b V, e *Env, imm uint8) V, i uint8) func(a, b, x V, e *Env) V {
		return func(a, b, _ V, e *Env) V { return f(a, b, e, i) }
	}
	imm1 := func(f func(b V, e *Env, imm uint8) V, i uint8) func(a, b, x V, e *Env) V {
		return func(_, b, _ V, e *Env) V { return f(b, e, i) }
	}
	var ops []op
	for i := range uint8(8) {
		ops = append(ops, op{"CMPPS", with(np(0xc2), i), base, 32, imm(CMPPS, i)}, op{"CMPPD", with(p66(0xc2), i), base, 64, imm(CMPPD, i)},
			op{"CMPSS", with(f3(0xc2), i), base, 32, imm(CMPSS, i)}, op{"CMPSD", with(f2(0xc2), i), base, 64, imm(CMPSD, i)})
	}
	for i := range uint8(16) {
		ops = append(ops, op{"ROUNDPS", p3a(0x08, i), sse41, 32, imm1(ROUNDPS, i)}, op{"ROUNDPD", p3a(0x09, i), sse41, 64, imm1(ROUNDPD, i)},
			op{"ROUNDSS", p3a(0x0a, i), sse41, 32, imm(ROUNDSS, i)}, op{"ROUNDSD", p3a(0x0b, i), sse41, 64, imm(ROUNDSD, i)})
	}
	for i := range 256 {
		ops = append(ops, op{"DPPS", p3a(0x40, uint8(i)), sse41, 32, imm(DPPS, uint8(i))},
			op{"DPPD", p3a(0x41, uint8(i)), sse41, 64, imm(DPPD, uint8(i))})
	}
	return ops
}
