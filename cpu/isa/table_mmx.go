package isa

import "fmt"

// Attributes of every form that touches MMX registers, and of SSE forms with
// and without an alignment rule (SDM vol. 2, 2.4: exception classes).
const (
	mmxAttr = FPUCheck | MMXCheck
	sseAttr = SSECheck
	sse16   = SSECheck | Align16
)

// mmxForms are the packed-integer instructions that exist on MMX and XMM
// registers alike: the MMX form without a prefix, the SSE2 form with 66h.
func mmxForms() []Form {
	var t []Form
	both := func(f Feature, names ...string) {
		for _, n := range names {
			t = append(t,
				row(n[3:], "NP 0F "+n[:2]+" /r", "Pq,Qq", f, mmxAttr, noFlags),
				row(n[3:], "66 0F "+n[:2]+" /r", "Vdq,Wdq", SSE2, sse16, noFlags),
			)
		}
	}
	for i, n := range []string{"BW", "WD", "DQ"} { // the low halves read 32 bits from memory
		t = append(t,
			row("PUNPCKL"+n, fmt.Sprintf("NP 0F %02X /r", 0x60+i), "Pq,Qd", MMX, mmxAttr, noFlags),
			row("PUNPCKL"+n, fmt.Sprintf("66 0F %02X /r", 0x60+i), "Vdq,Wdq", SSE2, sse16, noFlags),
		)
	}
	both(MMX,
		"63 PACKSSWB", "64 PCMPGTB", "65 PCMPGTW", "66 PCMPGTD", "67 PACKUSWB", "68 PUNPCKHBW", "69 PUNPCKHWD",
		"6A PUNPCKHDQ", "6B PACKSSDW", "74 PCMPEQB", "75 PCMPEQW", "76 PCMPEQD", "D1 PSRLW", "D2 PSRLD", "D3 PSRLQ",
		"D5 PMULLW", "D8 PSUBUSB", "D9 PSUBUSW", "DB PAND", "DC PADDUSB", "DD PADDUSW", "DF PANDN", "E1 PSRAW",
		"E2 PSRAD", "E5 PMULHW", "E8 PSUBSB", "E9 PSUBSW", "EB POR", "EC PADDSB", "ED PADDSW", "EF PXOR", "F1 PSLLW",
		"F2 PSLLD", "F3 PSLLQ", "F5 PMADDWD", "F8 PSUBB", "F9 PSUBW", "FA PSUBD", "FC PADDB", "FD PADDW", "FE PADDD")
	both(SSE,
		"DA PMINUB", "DE PMAXUB", "E0 PAVGB", "E3 PAVGW", "E4 PMULHUW", "EA PMINSW", "EE PMAXSW", "F6 PSADBW")
	both(SSE2, "D4 PADDQ", "F4 PMULUDQ", "FB PSUBQ")

	shift := func(enc, name string) {
		t = append(t,
			row(name, "NP 0F "+enc+" ib", "Nq,Ib", MMX, mmxAttr, noFlags),
			row(name, "66 0F "+enc+" ib", "Udq,Ib", SSE2, sseAttr, noFlags),
		)
	}
	shift("71 /2", "PSRLW")
	shift("71 /4", "PSRAW")
	shift("71 /6", "PSLLW")
	shift("72 /2", "PSRLD")
	shift("72 /4", "PSRAD")
	shift("72 /6", "PSLLD")
	shift("73 /2", "PSRLQ")
	shift("73 /6", "PSLLQ")

	for i, n := range []string{
		"PSHUFB", "PHADDW", "PHADDD", "PHADDSW", "PMADDUBSW", "PHSUBW", "PHSUBD", "PHSUBSW",
		"PSIGNB", "PSIGNW", "PSIGND", "PMULHRSW",
	} {
		t = append(t, ssse3(n, i)...)
	}
	for i, n := range []string{"PABSB", "PABSW", "PABSD"} {
		t = append(t, ssse3(n, 0x1C+i)...)
	}

	return append(t,
		row("PSRLDQ", "66 0F 73 /3 ib", "Udq,Ib", SSE2, sseAttr, noFlags),
		row("PSLLDQ", "66 0F 73 /7 ib", "Udq,Ib", SSE2, sseAttr, noFlags),
		row("PALIGNR", "NP 0F 3A 0F /r ib", "Pq,Qq,Ib", SSSE3, mmxAttr, noFlags),
		row("PALIGNR", "66 0F 3A 0F /r ib", "Vdq,Wdq,Ib", SSSE3, sse16, noFlags),
		row("EMMS", "NP 0F 77", "", MMX, mmxAttr, noFlags),
		row("MOVD", "NP 0F 6E /r", "Pq,Ed", MMX, mmxAttr, noFlags),
		row("MOVQ", "NP REX.W 0F 6E /r", "Pq,Eq", MMX, mmxAttr, noFlags),
		row("MOVD", "NP 0F 7E /r", "Ed,Pq", MMX, mmxAttr, noFlags),
		row("MOVQ", "NP REX.W 0F 7E /r", "Eq,Pq", MMX, mmxAttr, noFlags),
		row("MOVQ", "NP 0F 6F /r", "Pq,Qq", MMX, mmxAttr, noFlags),
		row("MOVQ", "NP 0F 7F /r", "Qq,Pq", MMX, mmxAttr, noFlags),
		row("MOVNTQ", "NP 0F E7 /r", "Mq,Pq", SSE, mmxAttr, noFlags),
		row("MASKMOVQ", "NP 0F F7 /r", "Pq,Nq", SSE, mmxAttr, noFlags), // to Seg:rDI
		row("PMOVMSKB", "NP 0F D7 /r", "Gd,Nq", SSE, mmxAttr, noFlags),
		row("PSHUFW", "NP 0F 70 /r ib", "Pq,Qq,Ib", SSE, mmxAttr, noFlags),
		row("PINSRW", "NP 0F C4 /r ib", "Pq,Rd/Mw,Ib", SSE, mmxAttr, noFlags),
		row("PEXTRW", "NP 0F C5 /r ib", "Gd,Nq,Ib", SSE, mmxAttr, noFlags),
	)
}

func ssse3(name string, opcode int) []Form {
	return []Form{
		row(name, fmt.Sprintf("NP 0F 38 %02X /r", opcode), "Pq,Qq", SSSE3, mmxAttr, noFlags),
		row(name, fmt.Sprintf("66 0F 38 %02X /r", opcode), "Vdq,Wdq", SSSE3, sse16, noFlags),
	}
}
