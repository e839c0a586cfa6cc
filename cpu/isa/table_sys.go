package isa

import "fmt"

// systemForms are input/output, system and cache-control instructions, and the
// hint NOPs.
func systemForms() []Form {
	rnd := FlagEffect{Written: StatusFlags}
	t := []Form{
		row("IN", "E4 ib", "AL,Ib", I86, 0, tests(IOPL)),
		row("IN", "E5 ib", "eAX,Ib", I86, 0, tests(IOPL)),
		row("IN", "EC", "AL,DX", I86, 0, tests(IOPL)),
		row("IN", "ED", "eAX,DX", I86, 0, tests(IOPL)),
		row("OUT", "E6 ib", "Ib,AL", I86, 0, tests(IOPL)),
		row("OUT", "E7 ib", "Ib,eAX", I86, 0, tests(IOPL)),
		row("OUT", "EE", "DX,AL", I86, 0, tests(IOPL)),
		row("OUT", "EF", "DX,eAX", I86, 0, tests(IOPL)),
		row("CLI", "FA", "", I86, 0, FlagEffect{Tested: IOPL, Written: IF | VIF}),
		row("STI", "FB", "", I86, 0, FlagEffect{Tested: IOPL, Written: IF | VIF}),
		row("HLT", "F4", "", I86, CPL0|EndsBlock, noFlags),

		row("SLDT", "0F 00 /0", "Rv/Mw", I286, Prot, noFlags),
		row("STR", "0F 00 /1", "Rv/Mw", I286, Prot, noFlags),
		row("LLDT", "0F 00 /2", "Ew", I286, Prot|CPL0, noFlags),
		row("LTR", "0F 00 /3", "Ew", I286, Prot|CPL0, noFlags),
		row("VERR", "0F 00 /4", "Ew", I286, Prot, wZ),
		row("VERW", "0F 00 /5", "Ew", I286, Prot, wZ),
		row("LAR", "0F 02 /r", "Gv,Ew", I286, Prot, wZ),
		row("LSL", "0F 03 /r", "Gv,Ew", I286, Prot, wZ),
		row("ARPL", "63 /r", "Ew,Gw", I286, No64|Prot, wZ),
		row("SGDT", "0F 01 /0", "Ms", I286, Force64, noFlags),
		row("SIDT", "0F 01 /1", "Ms", I286, Force64, noFlags),
		row("LGDT", "0F 01 /2", "Ms", I286, Force64|CPL0|EndsBlock, noFlags),
		row("LIDT", "0F 01 /3", "Ms", I286, Force64|CPL0|EndsBlock, noFlags),
		row("SMSW", "0F 01 /4", "Rv/Mw", I286, 0, noFlags),
		row("LMSW", "0F 01 /6", "Ew", I286, CPL0|EndsBlock, noFlags),
		row("INVLPG", "0F 01 /7", "Mb", I486, CPL0|EndsBlock, noFlags),
		row("CLTS", "0F 06", "", I286, CPL0|EndsBlock, noFlags),
		row("MOV", "0F 20 /r", "Ry,Cy", I386, CPL0|Force64, uAll),
		row("MOV", "0F 21 /r", "Ry,Dy", I386, CPL0|Force64, uAll),
		row("MOV", "0F 22 /r", "Cy,Ry", I386, CPL0|Force64|EndsBlock, uAll),
		row("MOV", "0F 23 /r", "Dy,Ry", I386, CPL0|Force64|EndsBlock, uAll),

		row("INVD", "0F 08", "", I486, CPL0, noFlags),
		row("WBINVD", "0F 09", "", I486, CPL0, noFlags),
		row("CPUID", "0F A2", "", I486, EndsBlock, noFlags),
		row("RSM", "0F AA", "", I386, EndsBlock, writes(everything)),
		row("WRMSR", "0F 30", "", Pentium, CPL0|EndsBlock, noFlags),
		row("RDTSC", "0F 31", "", Pentium, 0, noFlags),
		row("RDMSR", "0F 32", "", Pentium, CPL0|EndsBlock, noFlags),
		row("RDPMC", "0F 33", "", P6, EndsBlock, noFlags),
		// In real mode these two are #GP(0), not #UD.
		row("SYSENTER", "0F 34", "", SYSENTER, EndsBlock, writes(IF|RF|VM)),
		row("SYSEXIT", "0F 35", "", SYSENTER, CPL0|EndsBlock, noFlags),
		row("SYSCALL", "0F 05", "", SYSCALL, EndsBlock, FlagEffect{Tested: everything, Written: everything}),
		row("SYSRET", "0F 07", "", SYSCALL, Prot|CPL0|EndsBlock, writes(everything)),
		row("SWAPGS", "0F 01 F8", "", LM, Only64|CPL0, noFlags),
		row("RDTSCP", "0F 01 F9", "", RDTSCP, 0, noFlags),
		// Outside ring 0 these four are #UD, not #GP.
		row("MONITOR", "NP 0F 01 C8", "", MONITOR, 0, noFlags),
		row("MWAIT", "NP 0F 01 C9", "", MONITOR, EndsBlock, noFlags),
		row("CLAC", "NP 0F 01 CA", "", SMAP, EndsBlock, writes(AC)),
		row("STAC", "NP 0F 01 CB", "", SMAP, EndsBlock, writes(AC)),
		row("XGETBV", "NP 0F 01 D0", "", XSAVE, 0, noFlags),
		row("XSETBV", "NP 0F 01 D1", "", XSAVE, CPL0|EndsBlock, noFlags),
		row("RDPKRU", "NP 0F 01 EE", "", PKU, 0, noFlags),
		row("WRPKRU", "NP 0F 01 EF", "", PKU, EndsBlock, noFlags),
		row("INVPCID", "66 0F 38 82 /r", "Gy,Mdq", INVPCID, Force64|CPL0|EndsBlock, noFlags),
		row("RDFSBASE", "F3 0F AE /0", "Ry", FSGSBASE, Only64, noFlags),
		row("RDGSBASE", "F3 0F AE /1", "Ry", FSGSBASE, Only64, noFlags),
		row("WRFSBASE", "F3 0F AE /2", "Ry", FSGSBASE, Only64, noFlags),
		row("WRGSBASE", "F3 0F AE /3", "Ry", FSGSBASE, Only64, noFlags),
		row("RDRAND", "NFx 0F C7 /6", "Rv", RDRAND, 0, rnd),
		row("RDSEED", "NFx 0F C7 /7", "Rv", RDSEED, 0, rnd),
		row("RDPID", "F3 0F C7 /7", "Ry", RDPID, Force64, noFlags),

		row("CLFLUSH", "NP 0F AE /7", "Mb", CLFLUSH, 0, noFlags),
		row("CLFLUSHOPT", "66 0F AE /7", "Mb", CLFLUSHOPT, 0, noFlags),
		row("CLWB", "66 0F AE /6", "Mb", CLWB, 0, noFlags),
		row("LFENCE", "NP 0F AE /5 mod3", "", SSE2, 0, noFlags),
		row("MFENCE", "NP 0F AE /6 mod3", "", SSE2, 0, noFlags),
		row("SFENCE", "NP 0F AE /7 mod3", "", SSE, 0, noFlags),
		row("PREFETCHNTA", "0F 18 /0", "Mb", SSE, 0, noFlags),
		row("PREFETCHT0", "0F 18 /1", "Mb", SSE, 0, noFlags),
		row("PREFETCHT1", "0F 18 /2", "Mb", SSE, 0, noFlags),
		row("PREFETCHT2", "0F 18 /3", "Mb", SSE, 0, noFlags),
		row("PREFETCHW", "0F 0D /1", "Mb", PREFETCHW, 0, noFlags),

		// Hint NOPs: the operand is decoded and never accessed.
		row("NOP", "0F 0D /r", "Ev", PREFETCHW, 0, noFlags),
		row("ENDBR64", "F3 0F 1E FA", "", P6, 0, noFlags),
		row("ENDBR32", "F3 0F 1E FB", "", P6, 0, noFlags),
	}
	for op := 0x18; op <= 0x1F; op++ {
		t = append(t, row("NOP", fmt.Sprintf("0F %02X /r", op), "Ev", P6, 0, noFlags))
	}
	return t
}
