package isa

// sse4Forms are SSE4.1, SSE4.2, AES, PCLMULQDQ and SHA.
func sse4Forms() []Form {
	var t []Form
	list := func(f Feature, prefix, tail, args string, names ...string) {
		for _, n := range names {
			t = append(t, row(n[3:], prefix+" "+n[:2]+" /r"+tail, args, f, sse16, noFlags))
		}
	}
	list(SSE41, "66 0F 38", "", "Vdq,Wdq",
		"28 PMULDQ", "29 PCMPEQQ", "2B PACKUSDW", "38 PMINSB", "39 PMINSD", "3A PMINUW", "3B PMINUD",
		"3C PMAXSB", "3D PMAXSD", "3E PMAXUW", "3F PMAXUD", "40 PMULLD", "41 PHMINPOSUW")
	list(SSE41, "66 0F 38", "", "Vdq,Wdq,XMM0", "10 PBLENDVB", "14 BLENDVPS", "15 BLENDVPD")
	list(SSE41, "66 0F 3A", " ib", "Vdq,Wdq,Ib",
		"08 ROUNDPS", "09 ROUNDPD", "0C BLENDPS", "0D BLENDPD", "0E PBLENDW", "40 DPPS", "41 DPPD", "42 MPSADBW")
	list(SSE42, "66 0F 38", "", "Vdq,Wdq", "37 PCMPGTQ")
	list(AES, "66 0F 38", "", "Vdq,Wdq", "DB AESIMC", "DC AESENC", "DD AESENCLAST", "DE AESDEC", "DF AESDECLAST")
	list(AES, "66 0F 3A", " ib", "Vdq,Wdq,Ib", "DF AESKEYGENASSIST")
	list(PCLMUL, "66 0F 3A", " ib", "Vdq,Wdq,Ib", "44 PCLMULQDQ")
	list(SHA, "NP 0F 38", "", "Vdq,Wdq", "C8 SHA1NEXTE", "C9 SHA1MSG1", "CA SHA1MSG2", "CC SHA256MSG1", "CD SHA256MSG2")
	list(SHA, "NP 0F 38", "", "Vdq,Wdq,XMM0", "CB SHA256RNDS2")
	list(SHA, "NP 0F 3A", " ib", "Vdq,Wdq,Ib", "CC SHA1RNDS4")

	for _, n := range []struct{ sx, zx, name, args string }{
		{"20", "30", "BW", "Vdq,Wq"}, {"21", "31", "BD", "Vdq,Wd"}, {"22", "32", "BQ", "Vdq,Ww"},
		{"23", "33", "WD", "Vdq,Wq"}, {"24", "34", "WQ", "Vdq,Wd"}, {"25", "35", "DQ", "Vdq,Wq"},
	} {
		t = append(t,
			row("PMOVSX"+n.name, "66 0F 38 "+n.sx+" /r", n.args, SSE41, sseAttr, noFlags),
			row("PMOVZX"+n.name, "66 0F 38 "+n.zx+" /r", n.args, SSE41, sseAttr, noFlags),
		)
	}
	// The string comparisons take any alignment; with explicit lengths, y of
	// rAX and rDX is the operand size.
	for _, n := range []string{"60 PCMPESTRM", "61 PCMPESTRI", "62 PCMPISTRM", "63 PCMPISTRI"} {
		t = append(t, row(n[3:], "66 0F 3A "+n[:2]+" /r ib", "Vdq,Wdq,Ib", SSE42, sseAttr, wAll))
	}
	return append(t,
		row("PTEST", "66 0F 38 17 /r", "Vdq,Wdq", SSE41, sse16, wAll),
		row("MOVNTDQA", "66 0F 38 2A /r", "Vdq,Mdq", SSE41, sse16, noFlags),
		row("ROUNDSS", "66 0F 3A 0A /r ib", "Vss,Wss,Ib", SSE41, sseAttr, noFlags),
		row("ROUNDSD", "66 0F 3A 0B /r ib", "Vsd,Wsd,Ib", SSE41, sseAttr, noFlags),
		row("PEXTRB", "66 0F 3A 14 /r ib", "Rd/Mb,Vdq,Ib", SSE41, sseAttr, noFlags),
		row("PEXTRW", "66 0F 3A 15 /r ib", "Rd/Mw,Vdq,Ib", SSE41, sseAttr, noFlags),
		row("PEXTRD", "66 0F 3A 16 /r ib", "Ed,Vdq,Ib", SSE41, sseAttr, noFlags),
		row("PEXTRQ", "66 REX.W 0F 3A 16 /r ib", "Eq,Vdq,Ib", SSE41, sseAttr, noFlags),
		row("EXTRACTPS", "66 0F 3A 17 /r ib", "Ed,Vdq,Ib", SSE41, sseAttr, noFlags),
		row("PINSRB", "66 0F 3A 20 /r ib", "Vdq,Rd/Mb,Ib", SSE41, sseAttr, noFlags),
		row("INSERTPS", "66 0F 3A 21 /r ib", "Vdq,Udq/Md,Ib", SSE41, sseAttr, noFlags),
		row("PINSRD", "66 0F 3A 22 /r ib", "Vdq,Ed,Ib", SSE41, sseAttr, noFlags),
		row("PINSRQ", "66 REX.W 0F 3A 22 /r ib", "Vdq,Eq,Ib", SSE41, sseAttr, noFlags),
	)
}

// stateForms save and restore x87, SSE and extended state. XSAVE and its
// relatives have conditions of their own (CR4.OSXSAVE, XCR0, 64-byte alignment).
func stateForms() []Form {
	return []Form{
		row("FXSAVE", "NP 0F AE /0", "M", FXSR, FPUCheck|FPUNoWait|Align16, noFlags),
		row("FXRSTOR", "NP 0F AE /1", "M", FXSR, FPUCheck|FPUNoWait|Align16, noFlags),
		row("LDMXCSR", "NP 0F AE /2", "Md", SSE, sseAttr, noFlags),
		row("STMXCSR", "NP 0F AE /3", "Md", SSE, sseAttr, noFlags),
		row("XSAVE", "NP 0F AE /4", "M", XSAVE, 0, noFlags),
		row("XRSTOR", "NP 0F AE /5", "M", XSAVE, 0, noFlags),
		row("XSAVEOPT", "NP 0F AE /6", "M", XSAVEOPT, 0, noFlags),
		row("XRSTORS", "NP 0F C7 /3", "M", XSAVES, CPL0, noFlags),
		row("XSAVEC", "NP 0F C7 /4", "M", XSAVEC, 0, noFlags),
		row("XSAVES", "NP 0F C7 /5", "M", XSAVES, CPL0, noFlags),
	}
}
