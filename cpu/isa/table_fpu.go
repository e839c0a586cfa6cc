package isa

import "fmt"

// fpuForms are the x87 instructions, with the aliases that Intel's processors
// execute and its manual leaves out. Operand 66h, F2h and F3h prefixes are ignored.
func fpuForms() []Form {
	var t []Form
	x := func(mnemonic, enc, args string, a Attr) {
		t = append(t, row(mnemonic, enc, args, FPU, a|FPUCheck, noFlags))
	}

	// The eight regular operations: D8/DC on reals, DA/DE on integers, and the
	// register forms, where DC and DE exchange the reversed operations.
	for i, op := range [8]string{"ADD", "MUL", "COM", "COMP", "SUB", "SUBR", "DIV", "DIVR"} {
		mem := func(opcode string) string { return fmt.Sprintf("%s /%d mem", opcode, i) }
		reg := func(opcode string) string { return fmt.Sprintf("%s %02X+r", opcode, 0xC0+8*i) }
		x("F"+op, mem("D8"), "Mss", 0)
		x("F"+op, mem("DC"), "Msd", 0)
		x("FI"+op, mem("DA"), "Md", 0)
		x("FI"+op, mem("DE"), "Mw", 0)
		x("F"+op, reg("D8"), "T0,T", 0)
		switch i {
		case 2: // COM
			x("FCOM", reg("DC"), "T0,T", Undoc)
			x("FCOMP", reg("DE"), "T0,T", Undoc)
		case 3: // COMP; DE D9 is FCOMPP
			x("FCOMP", reg("DC"), "T0,T", Undoc)
		default:
			r := [8]string{0: "ADD", 1: "MUL", 4: "SUBR", 5: "SUB", 6: "DIVR", 7: "DIV"}[i]
			x("F"+r, reg("DC"), "T,T0", 0)
			x("F"+r+"P", reg("DE"), "T,T0", 0)
		}
	}

	// Loads and stores.
	x("FLD", "D9 /0 mem", "Mss", 0)
	x("FLD", "DD /0 mem", "Msd", 0)
	x("FLD", "DB /5 mem", "Mt", 0)
	x("FLD", "D9 C0+r", "T", 0)
	x("FST", "D9 /2 mem", "Mss", 0)
	x("FST", "DD /2 mem", "Msd", 0)
	x("FST", "DD D0+r", "T", 0)
	x("FSTP", "D9 /3 mem", "Mss", 0)
	x("FSTP", "DD /3 mem", "Msd", 0)
	x("FSTP", "DB /7 mem", "Mt", 0)
	x("FSTP", "DD D8+r", "T", 0)
	x("FSTP", "DF D0+r", "T", Undoc)
	x("FSTP", "DF D8+r", "T", Undoc)
	x("FSTPNCE", "D9 D8+r", "T", Undoc) // FSTP without the check for an empty ST(0)
	x("FILD", "DF /0 mem", "Mw", 0)
	x("FILD", "DB /0 mem", "Md", 0)
	x("FILD", "DF /5 mem", "Mq", 0)
	x("FIST", "DF /2 mem", "Mw", 0)
	x("FIST", "DB /2 mem", "Md", 0)
	x("FISTP", "DF /3 mem", "Mw", 0)
	x("FISTP", "DB /3 mem", "Md", 0)
	x("FISTP", "DF /7 mem", "Mq", 0)
	x("FBLD", "DF /4 mem", "Mt", 0)
	x("FBSTP", "DF /6 mem", "Mt", 0)
	for _, c := range []string{"E8 1", "E9 L2T", "EA L2E", "EB PI", "EC LG2", "ED LN2", "EE Z"} {
		x("FLD"+c[3:], "D9 "+c[:2], "", 0)
	}
	for _, f := range []struct{ enc, size string }{{"DF /1 mem", "Mw"}, {"DB /1 mem", "Md"}, {"DD /1 mem", "Mq"}} {
		t = append(t, row("FISTTP", f.enc, f.size, SSE3, FPUCheck, noFlags))
	}

	// Stack, comparison, transcendental.
	x("FXCH", "D9 C8+r", "T", 0)
	x("FXCH", "DD C8+r", "T", Undoc)
	x("FXCH", "DF C8+r", "T", Undoc)
	x("FFREE", "DD C0+r", "T", 0)
	x("FFREEP", "DF C0+r", "T", Undoc)
	x("FUCOM", "DD E0+r", "T0,T", 0)
	x("FUCOMP", "DD E8+r", "T0,T", 0)
	x("FUCOMPP", "DA E9", "", 0)
	x("FCOMPP", "DE D9", "", 0)
	for _, f := range []string{
		"D0 FNOP", "E0 FCHS", "E1 FABS", "E4 FTST", "E5 FXAM",
		"F0 F2XM1", "F1 FYL2X", "F2 FPTAN", "F3 FPATAN", "F4 FXTRACT", "F5 FPREM1", "F6 FDECSTP", "F7 FINCSTP",
		"F8 FPREM", "F9 FYL2XP1", "FA FSQRT", "FB FSINCOS", "FC FRNDINT", "FD FSCALE", "FE FSIN", "FF FCOS",
	} {
		x(f[3:], "D9 "+f[:2], "", 0)
	}
	for i, c := range []cond{{"B", CF}, {"E", ZF}, {"BE", CF | ZF}, {"U", PF}} {
		t = append(t,
			row("FCMOV"+c.name, fmt.Sprintf("DA %02X+r", 0xC0+8*i), "T0,T", FCMOV, FPUCheck, tests(c.tests)),
			row("FCMOVN"+c.name, fmt.Sprintf("DB %02X+r", 0xC0+8*i), "T0,T", FCMOV, FPUCheck, tests(c.tests)),
		)
	}
	t = append(t,
		row("FUCOMI", "DB E8+r", "T0,T", FCMOV, FPUCheck, wAll),
		row("FCOMI", "DB F0+r", "T0,T", FCMOV, FPUCheck, wAll),
		row("FUCOMIP", "DF E8+r", "T0,T", FCMOV, FPUCheck, wAll),
		row("FCOMIP", "DF F0+r", "T0,T", FCMOV, FPUCheck, wAll),
	)

	// Control. FWAIT has its own rule for #NM (CR0.MP and TS, whatever EM).
	x("FLDENV", "D9 /4 mem", "M", 0)
	x("FLDCW", "D9 /5 mem", "Mw", 0)
	x("FNSTENV", "D9 /6 mem", "M", FPUNoWait)
	x("FNSTCW", "D9 /7 mem", "Mw", FPUNoWait)
	x("FRSTOR", "DD /4 mem", "M", 0)
	x("FNSAVE", "DD /6 mem", "M", FPUNoWait)
	x("FNSTSW", "DD /7 mem", "Mw", FPUNoWait)
	x("FNSTSW", "DF E0", "AX", FPUNoWait)
	x("FNENI", "DB E0", "", FPUNoWait|Undoc) // 8087, no operation since
	x("FNDISI", "DB E1", "", FPUNoWait|Undoc)
	x("FNCLEX", "DB E2", "", FPUNoWait)
	x("FNINIT", "DB E3", "", FPUNoWait)
	x("FNSETPM", "DB E4", "", FPUNoWait|Undoc) // 80287, no operation since
	return append(t, row("FWAIT", "9B", "", I86, 0, noFlags))
}
