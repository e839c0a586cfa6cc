package vec

func integerOps() []op {
	return []op{
		{"PADDB", p66(0xfc), base, 0, two(PADDB)}, {"PADDW", p66(0xfd), base, 0, two(PADDW)},
		{"PADDD", p66(0xfe), base, 0, two(PADDD)}, {"PADDQ", p66(0xd4), base, 0, two(PADDQ)},
		{"PADDSB", p66(0xec), base, 0, two(PADDSB)}, {"PADDSW", p66(0xed), base, 0, two(PADDSW)},
		{"PADDUSB", p66(0xdc), base, 0, two(PADDUSB)}, {"PADDUSW", p66(0xdd), base, 0, two(PADDUSW)},
		{"PSUBB", p66(0xf8), base, 0, two(PSUBB)}, {"PSUBW", p66(0xf9), base, 0, two(PSUBW)},
		{"PSUBD", p66(0xfa), base, 0, two(PSUBD)}, {"PSUBQ", p66(0xfb), base, 0, two(PSUBQ)},
		{"PSUBSB", p66(0xe8), base, 0, two(PSUBSB)}, {"PSUBSW", p66(0xe9), base, 0, two(PSUBSW)},
		{"PSUBUSB", p66(0xd8), base, 0, two(PSUBUSB)}, {"PSUBUSW", p66(0xd9), base, 0, two(PSUBUSW)},
		{"PMULLW", p66(0xd5), base, 0, two(PMULLW)}, {"PMULHW", p66(0xe5), base, 0, two(PMULHW)},
		{"PMULHUW", p66(0xe4), base, 0, two(PMULHUW)}, {"PMULHRSW", p38(0x0b), ssse3, 0, two(PMULHRSW)},
		{"PMULLD", p38(0x40), sse41, 0, two(PMULLD)}, {"PMULUDQ", p66(0xf4), base, 0, two(PMULUDQ)},
		{"PMULDQ", p38(0x28), sse41, 0, two(PMULDQ)}, {"PMADDWD", p66(0xf5), base, 0, two(PMADDWD)},
		{"PMADDUBSW", p38(0x04), ssse3, 0, two(PMADDUBSW)}, {"PSADBW", p66(0xf6), base, 0, two(PSADBW)},
		{"PAND", p66(0xdb), base, 0, two(PAND)}, {"PANDN", p66(0xdf), base, 0, two(PANDN)},
		{"POR", p66(0xeb), base, 0, two(POR)}, {"PXOR", p66(0xef), base, 0, two(PXOR)},
		{"PCMPEQB", p66(0x74), base, 0, two(PCMPEQB)}, {"PCMPEQW", p66(0x75), base, 0, two(PCMPEQW)},
		{"PCMPEQD", p66(0x76), base, 0, two(PCMPEQD)}, {"PCMPEQQ", p38(0x29), sse41, 0, two(PCMPEQQ)},
		{"PCMPGTB", p66(0x64), base, 0, two(PCMPGTB)}, {"PCMPGTW", p66(0x65), base, 0, two(PCMPGTW)},
		{"PCMPGTD", p66(0x66), base, 0, two(PCMPGTD)}, {"PCMPGTQ", p38(0x37), sse42, 0, two(PCMPGTQ)},
		{"PAVGB", p66(0xe0), base, 0, two(PAVGB)}, {"PAVGW", p66(0xe3), base, 0, two(PAVGW)},
		{"PMINUB", p66(0xda), base, 0, two(PMINUB)}, {"PMINUW", p38(0x3a), sse41, 0, two(PMINUW)},
		{"PMINUD", p38(0x3b), sse41, 0, two(PMINUD)}, {"PMINSB", p38(0x38), sse41, 0, two(PMINSB)},
		{"PMINSW", p66(0xea), base, 0, two(PMINSW)}, {"PMINSD", p38(0x39), sse41, 0, two(PMINSD)},
		{"PMAXUB", p66(0xde), base, 0, two(PMAXUB)}, {"PMAXUW", p38(0x3e), sse41, 0, two(PMAXUW)},
		{"PMAXUD", p38(0x3f), sse41, 0, two(PMAXUD)}, {"PMAXSB", p38(0x3c), sse41, 0, two(PMAXSB)},
		{"PMAXSW", p66(0xee), base, 0, two(PMAXSW)}, {"PMAXSD", p38(0x3d), sse41, 0, two(PMAXSD)},
		{"PABSB", p38(0x1c), ssse3, 0, one(PABSB)}, {"PABSW", p38(0x1d), ssse3, 0, one(PABSW)},
		{"PABSD", p38(0x1e), ssse3, 0, one(PABSD)}, {"PSIGNB", p38(0x08), ssse3, 0, two(PSIGNB)},
		{"PSIGNW", p38(0x09), ssse3, 0, two(PSIGNW)}, {"PSIGND", p38(0x0a), ssse3, 0, two(PSIGND)},
		{"PHADDW", p38(0x01), ssse3, 0, two(PHADDW)}, {"PHADDD", p38(0x02), ssse3, 0, two(PHADDD)},
		{"PHADDSW", p38(0x03), ssse3, 0, two(PHADDSW)}, {"PHSUBW", p38(0x05), ssse3, 0, two(PHSUBW)},
		{"PHSUBD", p38(0x06), ssse3, 0, two(PHSUBD)}, {"PHSUBSW", p38(0x07), ssse3, 0, two(PHSUBSW)},
		{"PHMINPOSUW", p38(0x41), sse41, 0, one(PHMINPOSUW)},
		{"PSHUFB", p38(0x00), ssse3, 0, two(PSHUFB)},
		{"PACKSSWB", p66(0x63), base, 0, two(PACKSSWB)}, {"PACKSSDW", p66(0x6b), base, 0, two(PACKSSDW)},
		{"PACKUSWB", p66(0x67), base, 0, two(PACKUSWB)}, {"PACKUSDW", p38(0x2b), sse41, 0, two(PACKUSDW)},
		{"PUNPCKLBW", p66(0x60), base, 0, two(PUNPCKLBW)}, {"PUNPCKLWD", p66(0x61), base, 0, two(PUNPCKLWD)},
		{"PUNPCKLDQ", p66(0x62), base, 0, two(PUNPCKLDQ)}, {"PUNPCKLQDQ", p66(0x6c), base, 0, two(PUNPCKLQDQ)},
		{"PUNPCKHBW", p66(0x68), base, 0, two(PUNPCKHBW)}, {"PUNPCKHWD", p66(0x69), base, 0, two(PUNPCKHWD)},
		{"PUNPCKHDQ", p66(0x6a), base, 0, two(PUNPCKHDQ)}, {"PUNPCKHQDQ", p66(0x6d), base, 0, two(PUNPCKHQDQ)},
		{"UNPCKLPS", np(0x14), base, 0, two(UNPCKLPS)}, {"UNPCKHPS", np(0x15), base, 0, two(UNPCKHPS)},
		{"UNPCKLPD", p66(0x14), base, 0, two(UNPCKLPD)}, {"UNPCKHPD", p66(0x15), base, 0, two(UNPCKHPD)},
		{"MOVHLPS", np(0x12), base, 0, two(MOVHLPS)}, {"MOVLHPS", np(0x16), base, 0, two(MOVLHPS)},
		{"MOVSS", f3(0x10), base, 0, two(MOVSS)}, {"MOVSD", f2(0x10), base, 0, two(MOVSD)},
		{"MOVSHDUP", f3(0x16), sse3, 0, one(MOVSHDUP)}, {"MOVSLDUP", f3(0x12), sse3, 0, one(MOVSLDUP)},
		{"MOVDDUP", f2(0x12), sse3, 0, one(MOVDDUP)},
		{"PSLLW", p66(0xf1), base, 0, two(PSLLW)}, {"PSLLD", p66(0xf2), base, 0, two(PSLLD)},
		{"PSLLQ", p66(0xf3), base, 0, two(PSLLQ)}, {"PSRLW", p66(0xd1), base, 0, two(PSRLW)},
		{"PSRLD", p66(0xd2), base, 0, two(PSRLD)}, {"PSRLQ", p66(0xd3), base, 0, two(PSRLQ)},
		{"PSRAW", p66(0xe1), base, 0, two(PSRAW)}, {"PSRAD", p66(0xe2), base, 0, two(PSRAD)},
		{"PMOVSXBW", p38(0x20), sse41, 0, one(PMOVSXBW)}, {"PMOVSXBD", p38(0x21), sse41, 0, one(PMOVSXBD)},
		{"PMOVSXBQ", p38(0x22), sse41, 0, one(PMOVSXBQ)}, {"PMOVSXWD", p38(0x23), sse41, 0, one(PMOVSXWD)},
		{"PMOVSXWQ", p38(0x24), sse41, 0, one(PMOVSXWQ)}, {"PMOVSXDQ", p38(0x25), sse41, 0, one(PMOVSXDQ)},
		{"PMOVZXBW", p38(0x30), sse41, 0, one(PMOVZXBW)}, {"PMOVZXBD", p38(0x31), sse41, 0, one(PMOVZXBD)},
		{"PMOVZXBQ", p38(0x32), sse41, 0, one(PMOVZXBQ)}, {"PMOVZXWD", p38(0x33), sse41, 0, one(PMOVZXWD)},
		{"PMOVZXWQ", p38(0x34), sse41, 0, one(PMOVZXWQ)}, {"PMOVZXDQ", p38(0x35), sse41, 0, one(PMOVZXDQ)},
		{"PBLENDVB", p38(0x10), sse41, 0, three(PBLENDVB)}, {"BLENDVPS", p38(0x14), sse41, 0, three(BLENDVPS)},
		{"BLENDVPD", p38(0x15), sse41, 0, three(BLENDVPD)},
		{"AESENC", p38(0xdc), aesNI, 0, two(AESENC)}, {"AESENCLAST", p38(0xdd), aesNI, 0, two(AESENCLAST)},
		{"AESDEC", p38(0xde), aesNI, 0, two(AESDEC)}, {"AESDECLAST", p38(0xdf), aesNI, 0, two(AESDECLAST)},
		{"AESIMC", p38(0xdb), aesNI, 0, one(AESIMC)},
		{"SHA1NEXTE", []byte{0x0f, 0x38, 0xc8, 0xca}, shaExt, 0, two(SHA1NEXTE)},
		{"SHA1MSG1", []byte{0x0f, 0x38, 0xc9, 0xca}, shaExt, 0, two(SHA1MSG1)},
		{"SHA1MSG2", []byte{0x0f, 0x38, 0xca, 0xca}, shaExt, 0, two(SHA1MSG2)},
		{"SHA256RNDS2", []byte{0x0f, 0x38, 0xcb, 0xca}, shaExt, 0, three(SHA256RNDS2)},
		{"SHA256MSG1", []byte{0x0f, 0x38, 0xcc, 0xca}, shaExt, 0, two(SHA256MSG1)},
		{"SHA256MSG2", []byte{0x0f, 0x38, 0xcd, 0xca}, shaExt, 0, two(SHA256MSG2)},
	}
}

func immediateOps() (ops []op) {
	for i := range 256 {
		imm := uint8(i)
		ops = append(ops,
			op{"PSHUFD", with(p66(0x70), imm), base, 0, imm1(PSHUFD, imm)},
			op{"PSHUFLW", with(f2(0x70), imm), base, 0, imm1(PSHUFLW, imm)},
			op{"PSHUFHW", with(f3(0x70), imm), base, 0, imm1(PSHUFHW, imm)},
			op{"SHUFPS", with(np(0xc6), imm), base, 0, imm2(SHUFPS, imm)},
			op{"SHUFPD", with(p66(0xc6), imm), base, 0, imm2(SHUFPD, imm)},
			op{"PALIGNR", p3a(0x0f, imm), ssse3, 0, imm2(PALIGNR, imm)},
			op{"BLENDPS", p3a(0x0c, imm), sse41, 0, imm2(BLENDPS, imm)},
			op{"BLENDPD", p3a(0x0d, imm), sse41, 0, imm2(BLENDPD, imm)},
			op{"PBLENDW", p3a(0x0e, imm), sse41, 0, imm2(PBLENDW, imm)},
			op{"INSERTPS", p3a(0x21, imm), sse41, 0, imm2(INSERTPS, imm)},
			op{"MPSADBW", p3a(0x42, imm), sse41, 0, imm2(MPSADBW, imm)},
			op{"PCLMULQDQ", p3a(0x44, imm), clmul, 0, imm2(PCLMULQDQ, imm)},
			op{"AESKEYGENASSIST", p3a(0xdf, imm), aesNI, 0, imm1(AESKEYGENASSIST, imm)},
			op{"SHA1RNDS4", []byte{0x0f, 0x3a, 0xcc, 0xca, imm}, shaExt, 0, imm2(SHA1RNDS4, imm)},
			op{"PSLLWI", []byte{0x66, 0x0f, 0x71, 0xf1, imm}, base, 0, imm1a(PSLLWI, imm)},
			op{"PSRLWI", []byte{0x66, 0x0f, 0x71, 0xd1, imm}, base, 0, imm1a(PSRLWI, imm)},
			op{"PSRAWI", []byte{0x66, 0x0f, 0x71, 0xe1, imm}, base, 0, imm1a(PSRAWI, imm)},
			op{"PSLLDI", []byte{0x66, 0x0f, 0x72, 0xf1, imm}, base, 0, imm1a(PSLLDI, imm)},
			op{"PSRLDI", []byte{0x66, 0x0f, 0x72, 0xd1, imm}, base, 0, imm1a(PSRLDI, imm)},
			op{"PSRADI", []byte{0x66, 0x0f, 0x72, 0xe1, imm}, base, 0, imm1a(PSRADI, imm)},
			op{"PSLLQI", []byte{0x66, 0x0f, 0x73, 0xf1, imm}, base, 0, imm1a(PSLLQI, imm)},
			op{"PSRLQI", []byte{0x66, 0x0f, 0x73, 0xd1, imm}, base, 0, imm1a(PSRLQI, imm)},
			op{"PSLLDQ", []byte{0x66, 0x0f, 0x73, 0xf9, imm}, base, 0, imm1a(PSLLDQ, imm)},
			op{"PSRLDQ", []byte{0x66, 0x0f, 0x73, 0xd9, imm}, base, 0, imm1a(PSRLDQ, imm)},
			op{"PALIGNRM", mm(0x0f, 0x3a, 0x0f, 0xca, imm), ssse3, 0,
				mmx(func(a, b M) M { return PALIGNRM(a, b, imm) })},
			op{"PSHUFW", mm(0x0f, 0x70, 0xca, imm), base, 0, mmx(func(_, b M) M { return PSHUFW(b, imm) })},
			op{"PEXTRB", edx(0x66, 0x0f, 0x3a, 0x14, 0xca, imm), sse41, 0,
				func(a, _, _ V, _ *Env) V { return value(uint64(PEXTRB(a, imm))) }},
			op{"PEXTRW", edx(0x66, 0x0f, 0xc5, 0xd1, imm), base, 0,
				func(a, _, _ V, _ *Env) V { return value(uint64(PEXTRW(a, imm))) }},
			op{"PEXTRD", edx(0x66, 0x0f, 0x3a, 0x16, 0xca, imm), sse41, 0,
				func(a, _, _ V, _ *Env) V { return value(uint64(PEXTRD(a, imm))) }},
			op{"PEXTRQ", edx(0x66, 0x48, 0x0f, 0x3a, 0x16, 0xca, imm), sse41, 0,
				func(a, _, _ V, _ *Env) V { return value(PEXTRQ(a, imm)) }},
			op{"EXTRACTPS", edx(0x66, 0x0f, 0x3a, 0x17, 0xca, imm), sse41, 0,
				func(a, _, _ V, _ *Env) V { return value(uint64(EXTRACTPS(a, imm))) }},
			op{"PEXTRWM", edx(0xf2, 0x0f, 0xd6, 0xc9, 0x0f, 0xc5, 0xd1, imm, 0x0f, 0x77), base, 0,
				func(a, _, _ V, _ *Env) V { return value(uint64(PEXTRWM(M(a[0]), imm))) }},
			op{"PINSRB", []byte{0x66, 0x0f, 0x3a, 0x20, 0xca, imm}, sse41, 0,
				func(a, b, _ V, _ *Env) V { return PINSRB(a, uint32(b[0]), imm) }},
			op{"PINSRW", []byte{0x66, 0x0f, 0xc4, 0xca, imm}, base, 0,
				func(a, b, _ V, _ *Env) V { return PINSRW(a, uint32(b[0]), imm) }},
			op{"PINSRD", []byte{0x66, 0x0f, 0x3a, 0x22, 0xca, imm}, sse41, 0,
				func(a, b, _ V, _ *Env) V { return PINSRD(a, uint32(b[0]), imm) }},
			op{"PINSRQ", []byte{0x66, 0x48, 0x0f, 0x3a, 0x22, 0xca, imm}, sse41, 0,
				func(a, b, _ V, _ *Env) V { return PINSRQ(a, b[0], imm) }},
			op{"PINSRWM", mm(0x0f, 0xc4, 0xca, imm), base, 0,
				func(a, b, _ V, _ *Env) V { return V{uint64(PINSRWM(M(a[0]), uint32(b[0]), imm))} }},
		)
	}
	return ops
}

// mmxOps are the MMX forms, those with a function of their own and those that share the V function.
func mmxOps() []op {
	m := func(n byte) []byte { return mm(0x0f, n, 0xca) }
	m38 := func(n byte) []byte { return mm(0x0f, 0x38, n, 0xca) }
	return []op{
		{"PHADDW", m38(1), ssse3, 0, mmx(PHADDWM)}, {"PHADDD", m38(2), ssse3, 0, mmx(PHADDDM)},
		{"PHADDSW", m38(3), ssse3, 0, mmx(PHADDSWM)}, {"PHSUBW", m38(5), ssse3, 0, mmx(PHSUBWM)},
		{"PHSUBD", m38(6), ssse3, 0, mmx(PHSUBDM)}, {"PHSUBSW", m38(7), ssse3, 0, mmx(PHSUBSWM)},
		{"PSHUFB", m38(0), ssse3, 0, mmx(PSHUFBM)}, {"PACKSSWB", m(0x63), base, 0, mmx(PACKSSWBM)},
		{"PACKSSDW", m(0x6b), base, 0, mmx(PACKSSDWM)}, {"PACKUSWB", m(0x67), base, 0, mmx(PACKUSWBM)},
		{"PUNPCKLBW", m(0x60), base, 0, mmx(PUNPCKLBWM)}, {"PUNPCKLWD", m(0x61), base, 0, mmx(PUNPCKLWDM)},
		{"PUNPCKLDQ", m(0x62), base, 0, mmx(PUNPCKLDQM)}, {"PUNPCKHBW", m(0x68), base, 0, mmx(PUNPCKHBWM)},
		{"PUNPCKHWD", m(0x69), base, 0, mmx(PUNPCKHWDM)}, {"PUNPCKHDQ", m(0x6a), base, 0, mmx(PUNPCKHDQM)},
		{"PADDSB", m(0xec), base, 0, half(PADDSB)}, {"PMADDWD", m(0xf5), base, 0, half(PMADDWD)},
		{"PMULUDQ", m(0xf4), base, 0, half(PMULUDQ)}, {"PSADBW", m(0xf6), base, 0, half(PSADBW)},
		{"PMADDUBSW", m38(4), ssse3, 0, half(PMADDUBSW)}, {"PMULHRSW", m38(0x0b), ssse3, 0, half(PMULHRSW)},
		{"PSIGNB", m38(8), ssse3, 0, half(PSIGNB)}, {"PSRAW", m(0xe1), base, 0, half(PSRAW)},
		{"PSLLQ", m(0xf3), base, 0, half(PSLLQ)}, {"PAVGB", m(0xe0), base, 0, half(PAVGB)},
	}
}

func bitOps() []op {
	return []op{
		{"MOVMSKPS", edx(0x0f, 0x50, 0xd1), base, 0, func(a, _, _ V, _ *Env) V { return value(uint64(MOVMSKPS(a))) }},
		{"MOVMSKPD", edx(0x66, 0x0f, 0x50, 0xd1), base, 0, func(a, _, _ V, _ *Env) V { return value(uint64(MOVMSKPD(a))) }},
		{"PMOVMSKB", edx(0x66, 0x0f, 0xd7, 0xd1), base, 0, func(a, _, _ V, _ *Env) V { return value(uint64(PMOVMSKB(a))) }},
		{"PMOVMSKBM", edx(0xf2, 0x0f, 0xd6, 0xc9, 0x0f, 0xd7, 0xd1, 0x0f, 0x77), base, 0,
			func(a, _, _ V, _ *Env) V { return value(uint64(PMOVMSKBM(M(a[0])))) }},
		// PTEST XMM1,XMM2; SETZ DL; SETC CL; MOVZX EDX,DL; MOVZX ECX,CL; LEA EDX,[RDX+RCX*2]
		{"PTEST", edx(0x66, 0x0f, 0x38, 0x17, 0xca, 0x0f, 0x94, 0xc2, 0x0f, 0x92, 0xc1, 0x0f, 0xb6, 0xd2, 0x0f, 0xb6, 0xc9, 0x8d, 0x14, 0x4a),
			sse41, 0, func(a, b, _ V, _ *Env) V {
				zf, cf := PTEST(a, b)
				var r uint64
				if zf {
					r |= 1
				}
				if cf {
					r |= 2
				}
				return value(r)
			}},
		// RDX is b, RCX a.
		{"PEXT", edx(0xc4, 0xe2, 0xf2, 0xf5, 0xd2), bmi2, 0, func(a, b, _ V, _ *Env) V { return value(PEXT(a[0], b[0])) }},
		{"PDEP", edx(0xc4, 0xe2, 0xf3, 0xf5, 0xd2), bmi2, 0, func(a, b, _ V, _ *Env) V { return value(PDEP(a[0], b[0])) }},
		{"CRC32 8", edx(0xf2, 0x0f, 0x38, 0xf0, 0xd1), sse42, 0, func(a, b, _ V, _ *Env) V { return value(uint64(CRC32(uint32(b[0]), a[0], 1))) }},
		{"CRC32 16", edx(0x66, 0xf2, 0x0f, 0x38, 0xf1, 0xd1), sse42, 0, func(a, b, _ V, _ *Env) V { return value(uint64(CRC32(uint32(b[0]), a[0], 2))) }},
		{"CRC32 32", edx(0xf2, 0x0f, 0x38, 0xf1, 0xd1), sse42, 0, func(a, b, _ V, _ *Env) V { return value(uint64(CRC32(uint32(b[0]), a[0], 4))) }},
		{"CRC32 64", edx(0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xd1), sse42, 0, func(a, b, _ V, _ *Env) V { return value(uint64(CRC32(uint32(b[0]), a[0], 8))) }},
	}
}
