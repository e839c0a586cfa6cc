package isa

// sseForms are SSE, SSE2 and SSE3, but for the packed-integer forms that MMX
// has as well. Packed memory operands are aligned except where the mnemonic has a U.
func sseForms() []Form {
	var t []Form
	// Arithmetic on packed single, packed double, scalar single, scalar double.
	four := func(opcode, name, imm, args string) {
		t = append(t,
			row(name+"PS", "NP 0F "+opcode+" /r"+imm, "Vps,Wps"+args, SSE, sse16, noFlags),
			row(name+"PD", "66 0F "+opcode+" /r"+imm, "Vpd,Wpd"+args, SSE2, sse16, noFlags),
			row(name+"SS", "F3 0F "+opcode+" /r"+imm, "Vss,Wss"+args, SSE, sseAttr, noFlags),
			row(name+"SD", "F2 0F "+opcode+" /r"+imm, "Vsd,Wsd"+args, SSE2, sseAttr, noFlags),
		)
	}
	for _, n := range []string{"51 SQRT", "58 ADD", "59 MUL", "5C SUB", "5D MIN", "5E DIV", "5F MAX"} {
		four(n[:2], n[3:], "", "")
	}
	four("C2", "CMP", " ib", ",Ib")
	packed := func(n, imm, args string) {
		t = append(t,
			row(n[3:]+"PS", "NP 0F "+n[:2]+" /r"+imm, "Vps,Wps"+args, SSE, sse16, noFlags),
			row(n[3:]+"PD", "66 0F "+n[:2]+" /r"+imm, "Vpd,Wpd"+args, SSE2, sse16, noFlags),
		)
	}
	for _, n := range []string{"14 UNPCKL", "15 UNPCKH", "54 AND", "55 ANDN", "56 OR", "57 XOR"} {
		packed(n, "", "")
	}
	packed("C6 SHUF", " ib", ",Ib")
	for _, n := range []string{"7C HADD", "7D HSUB", "D0 ADDSUB"} {
		t = append(t,
			row(n[3:]+"PD", "66 0F "+n[:2]+" /r", "Vpd,Wpd", SSE3, sse16, noFlags),
			row(n[3:]+"PS", "F2 0F "+n[:2]+" /r", "Vps,Wps", SSE3, sse16, noFlags),
		)
	}
	t = append(t,
		row("RSQRTPS", "NP 0F 52 /r", "Vps,Wps", SSE, sse16, noFlags),
		row("RSQRTSS", "F3 0F 52 /r", "Vss,Wss", SSE, sseAttr, noFlags),
		row("RCPPS", "NP 0F 53 /r", "Vps,Wps", SSE, sse16, noFlags),
		row("RCPSS", "F3 0F 53 /r", "Vss,Wss", SSE, sseAttr, noFlags),
		row("UCOMISS", "NP 0F 2E /r", "Vss,Wss", SSE, sseAttr, wAll),
		row("UCOMISD", "66 0F 2E /r", "Vsd,Wsd", SSE2, sseAttr, wAll),
		row("COMISS", "NP 0F 2F /r", "Vss,Wss", SSE, sseAttr, wAll),
		row("COMISD", "66 0F 2F /r", "Vsd,Wsd", SSE2, sseAttr, wAll),
	)
	t = append(t, sseMoves()...)
	return append(t, sseConversions()...)
}

func sseMoves() []Form {
	return []Form{
		row("MOVUPS", "NP 0F 10 /r", "Vps,Wps", SSE, sseAttr, noFlags),
		row("MOVUPD", "66 0F 10 /r", "Vpd,Wpd", SSE2, sseAttr, noFlags),
		row("MOVSS", "F3 0F 10 /r", "Vss,Wss", SSE, sseAttr, noFlags), // from memory: clears the rest
		row("MOVSD", "F2 0F 10 /r", "Vsd,Wsd", SSE2, sseAttr, noFlags),
		row("MOVUPS", "NP 0F 11 /r", "Wps,Vps", SSE, sseAttr, noFlags),
		row("MOVUPD", "66 0F 11 /r", "Wpd,Vpd", SSE2, sseAttr, noFlags),
		row("MOVSS", "F3 0F 11 /r", "Wss,Vss", SSE, sseAttr, noFlags),
		row("MOVSD", "F2 0F 11 /r", "Wsd,Vsd", SSE2, sseAttr, noFlags),
		row("MOVLPS", "NP 0F 12 /r", "Vq,Mq", SSE, sseAttr, noFlags),
		row("MOVHLPS", "NP 0F 12 /r", "Vq,Uq", SSE, sseAttr, noFlags),
		row("MOVLPD", "66 0F 12 /r", "Vq,Mq", SSE2, sseAttr, noFlags),
		row("MOVDDUP", "F2 0F 12 /r", "Vdq,Wq", SSE3, sseAttr, noFlags),
		row("MOVSLDUP", "F3 0F 12 /r", "Vps,Wps", SSE3, sse16, noFlags),
		row("MOVLPS", "NP 0F 13 /r", "Mq,Vq", SSE, sseAttr, noFlags),
		row("MOVLPD", "66 0F 13 /r", "Mq,Vq", SSE2, sseAttr, noFlags),
		row("MOVHPS", "NP 0F 16 /r", "Vq,Mq", SSE, sseAttr, noFlags),
		row("MOVLHPS", "NP 0F 16 /r", "Vq,Uq", SSE, sseAttr, noFlags),
		row("MOVHPD", "66 0F 16 /r", "Vq,Mq", SSE2, sseAttr, noFlags),
		row("MOVSHDUP", "F3 0F 16 /r", "Vps,Wps", SSE3, sse16, noFlags),
		row("MOVHPS", "NP 0F 17 /r", "Mq,Vq", SSE, sseAttr, noFlags),
		row("MOVHPD", "66 0F 17 /r", "Mq,Vq", SSE2, sseAttr, noFlags),
		row("MOVAPS", "NP 0F 28 /r", "Vps,Wps", SSE, sse16, noFlags),
		row("MOVAPD", "66 0F 28 /r", "Vpd,Wpd", SSE2, sse16, noFlags),
		row("MOVAPS", "NP 0F 29 /r", "Wps,Vps", SSE, sse16, noFlags),
		row("MOVAPD", "66 0F 29 /r", "Wpd,Vpd", SSE2, sse16, noFlags),
		row("MOVNTPS", "NP 0F 2B /r", "Mps,Vps", SSE, sse16, noFlags),
		row("MOVNTPD", "66 0F 2B /r", "Mpd,Vpd", SSE2, sse16, noFlags),
		row("MOVMSKPS", "NP 0F 50 /r", "Gd,Ups", SSE, sseAttr, noFlags),
		row("MOVMSKPD", "66 0F 50 /r", "Gd,Upd", SSE2, sseAttr, noFlags),
		row("MOVD", "66 0F 6E /r", "Vdq,Ed", SSE2, sseAttr, noFlags),
		row("MOVQ", "66 REX.W 0F 6E /r", "Vdq,Eq", SSE2, sseAttr, noFlags),
		row("MOVD", "66 0F 7E /r", "Ed,Vdq", SSE2, sseAttr, noFlags),
		row("MOVQ", "66 REX.W 0F 7E /r", "Eq,Vdq", SSE2, sseAttr, noFlags),
		row("MOVQ", "F3 0F 7E /r", "Vq,Wq", SSE2, sseAttr, noFlags),
		row("MOVQ", "66 0F D6 /r", "Wq,Vq", SSE2, sseAttr, noFlags),
		row("MOVDQA", "66 0F 6F /r", "Vdq,Wdq", SSE2, sse16, noFlags),
		row("MOVDQU", "F3 0F 6F /r", "Vdq,Wdq", SSE2, sseAttr, noFlags),
		row("MOVDQA", "66 0F 7F /r", "Wdq,Vdq", SSE2, sse16, noFlags),
		row("MOVDQU", "F3 0F 7F /r", "Wdq,Vdq", SSE2, sseAttr, noFlags),
		row("MOVQ2DQ", "F3 0F D6 /r", "Vdq,Nq", SSE2, sseAttr|mmxAttr, noFlags),
		row("MOVDQ2Q", "F2 0F D6 /r", "Pq,Uq", SSE2, sseAttr|mmxAttr, noFlags),
		row("MOVNTDQ", "66 0F E7 /r", "Mdq,Vdq", SSE2, sse16, noFlags),
		row("MASKMOVDQU", "66 0F F7 /r", "Vdq,Udq", SSE2, sseAttr, noFlags), // to Seg:rDI
		row("LDDQU", "F2 0F F0 /r", "Vdq,Mdq", SSE3, sseAttr, noFlags),
		row("PMOVMSKB", "66 0F D7 /r", "Gd,Udq", SSE2, sseAttr, noFlags),
		row("PUNPCKLQDQ", "66 0F 6C /r", "Vdq,Wdq", SSE2, sse16, noFlags),
		row("PUNPCKHQDQ", "66 0F 6D /r", "Vdq,Wdq", SSE2, sse16, noFlags),
		row("PSHUFD", "66 0F 70 /r ib", "Vdq,Wdq,Ib", SSE2, sse16, noFlags),
		row("PSHUFLW", "F2 0F 70 /r ib", "Vdq,Wdq,Ib", SSE2, sse16, noFlags),
		row("PSHUFHW", "F3 0F 70 /r ib", "Vdq,Wdq,Ib", SSE2, sse16, noFlags),
		row("PINSRW", "66 0F C4 /r ib", "Vdq,Rd/Mw,Ib", SSE2, sseAttr, noFlags),
		row("PEXTRW", "66 0F C5 /r ib", "Gd,Udq,Ib", SSE2, sseAttr, noFlags),
	}
}

func sseConversions() []Form {
	return []Form{
		row("CVTPI2PS", "NP 0F 2A /r", "Vps,Qq", SSE, sseAttr|mmxAttr, noFlags),
		row("CVTPI2PD", "66 0F 2A /r", "Vpd,Qq", SSE2, sseAttr|mmxAttr, noFlags),
		row("CVTSI2SS", "F3 0F 2A /r", "Vss,Ey", SSE, sseAttr, noFlags),
		row("CVTSI2SD", "F2 0F 2A /r", "Vsd,Ey", SSE2, sseAttr, noFlags),
		row("CVTTPS2PI", "NP 0F 2C /r", "Pq,Wq", SSE, sseAttr|mmxAttr, noFlags),
		row("CVTTPD2PI", "66 0F 2C /r", "Pq,Wpd", SSE2, sse16|mmxAttr, noFlags),
		row("CVTTSS2SI", "F3 0F 2C /r", "Gy,Wss", SSE, sseAttr, noFlags),
		row("CVTTSD2SI", "F2 0F 2C /r", "Gy,Wsd", SSE2, sseAttr, noFlags),
		row("CVTPS2PI", "NP 0F 2D /r", "Pq,Wq", SSE, sseAttr|mmxAttr, noFlags),
		row("CVTPD2PI", "66 0F 2D /r", "Pq,Wpd", SSE2, sse16|mmxAttr, noFlags),
		row("CVTSS2SI", "F3 0F 2D /r", "Gy,Wss", SSE, sseAttr, noFlags),
		row("CVTSD2SI", "F2 0F 2D /r", "Gy,Wsd", SSE2, sseAttr, noFlags),
		row("CVTPS2PD", "NP 0F 5A /r", "Vpd,Wq", SSE2, sseAttr, noFlags),
		row("CVTPD2PS", "66 0F 5A /r", "Vps,Wpd", SSE2, sse16, noFlags),
		row("CVTSS2SD", "F3 0F 5A /r", "Vsd,Wss", SSE2, sseAttr, noFlags),
		row("CVTSD2SS", "F2 0F 5A /r", "Vss,Wsd", SSE2, sseAttr, noFlags),
		row("CVTDQ2PS", "NP 0F 5B /r", "Vps,Wdq", SSE2, sse16, noFlags),
		row("CVTPS2DQ", "66 0F 5B /r", "Vdq,Wps", SSE2, sse16, noFlags),
		row("CVTTPS2DQ", "F3 0F 5B /r", "Vdq,Wps", SSE2, sse16, noFlags),
		row("CVTTPD2DQ", "66 0F E6 /r", "Vdq,Wpd", SSE2, sse16, noFlags),
		row("CVTDQ2PD", "F3 0F E6 /r", "Vpd,Wq", SSE2, sseAttr, noFlags),
		row("CVTPD2DQ", "F2 0F E6 /r", "Vdq,Wpd", SSE2, sse16, noFlags),
	}
}
