package isa

import "fmt"

// cond is one of the sixteen conditions of Jcc, SETcc and CMOVcc.
type cond struct {
	name  string
	tests uint32
}

// conditions, indexed by the low four opcode bits (SDM vol. 1, appendix B).
var conditions = [16]cond{
	{"O", OF}, {"NO", OF}, {"B", CF}, {"NB", CF}, {"Z", ZF}, {"NZ", ZF}, {"BE", CF | ZF}, {"NBE", CF | ZF},
	{"S", SF}, {"NS", SF}, {"P", PF}, {"NP", PF}, {"L", SF | OF}, {"NL", SF | OF}, {"LE", SF | OF | ZF}, {"NLE", SF | OF | ZF},
}

// intForms is the integer instruction set of the application programmer.
func intForms() []Form {
	var t []Form
	t = append(t, aluForms()...)
	t = append(t, shiftForms()...)
	t = append(t, conditionForms()...)
	t = append(t, moveForms()...)
	t = append(t, arithForms()...)
	t = append(t, bitForms()...)
	t = append(t, stringForms()...)
	return append(t, branchForms()...)
}

// aluForms are the eight regular operations 00-3F and group 1.
func aluForms() []Form {
	var t []Form
	for i, op := range []struct {
		name string
		attr Attr
		fl   FlagEffect
	}{
		{"ADD", Lock, wAll}, {"OR", Lock, wLogic}, {"ADC", Lock, wAllTestC}, {"SBB", Lock, wAllTestC},
		{"AND", Lock, wLogic}, {"SUB", Lock, wAll}, {"XOR", Lock, wLogic}, {"CMP", 0, wAll},
	} {
		b := func(n int) string { return fmt.Sprintf("%02X", i<<3+n) }
		g := func(opcode, imm string) string { return fmt.Sprintf("%s /%d %s", opcode, i, imm) }
		t = append(t,
			row(op.name, b(0)+" /r", "Eb,Gb", I86, op.attr, op.fl),
			row(op.name, b(1)+" /r", "Ev,Gv", I86, op.attr, op.fl),
			row(op.name, b(2)+" /r", "Gb,Eb", I86, 0, op.fl),
			row(op.name, b(3)+" /r", "Gv,Ev", I86, 0, op.fl),
			row(op.name, b(4)+" ib", "AL,Ib", I86, 0, op.fl),
			row(op.name, b(5)+" iz", "rAX,Iz", I86, 0, op.fl),
			row(op.name, g("80", "ib"), "Eb,Ib", I86, op.attr, op.fl),
			row(op.name, g("81", "iz"), "Ev,Iz", I86, op.attr, op.fl),
			row(op.name, g("82", "ib"), "Eb,Ib", I86, op.attr|No64|Undoc, op.fl),
			row(op.name, g("83", "ib"), "Ev,Ibs", I86, op.attr, op.fl),
		)
	}
	return t
}

// shiftForms is group 2. /6 is an undocumented second SHL.
func shiftForms() []Form {
	var t []Form
	for i, name := range [8]string{"ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SHL", "SAR"} {
		once := FlagEffect{Written: CF | OF}
		attr := Attr(0)
		switch {
		case i >= 4:
			once = wLogic
		case i >= 2:
			once.Tested = CF
		}
		if i == 6 {
			attr = Undoc
		}
		// A masked count of zero leaves every flag; OF is defined for 1 only.
		many := FlagEffect{Tested: once.Tested | once.Written | once.Undefined, Written: once.Written, Undefined: once.Undefined | OF}
		g := func(opcode, imm string) string { return fmt.Sprintf("%s /%d%s", opcode, i, imm) }
		t = append(t,
			row(name, g("C0", " ib"), "Eb,Ib", I186, attr, many),
			row(name, g("C1", " ib"), "Ev,Ib", I186, attr, many),
			row(name, g("D0", ""), "Eb,1", I86, attr, once),
			row(name, g("D1", ""), "Ev,1", I86, attr, once),
			row(name, g("D2", ""), "Eb,CL", I86, attr, many),
			row(name, g("D3", ""), "Ev,CL", I86, attr, many),
		)
	}
	double := FlagEffect{Tested: StatusFlags, Written: OF | SF | ZF | PF | CF, Undefined: AF | OF}
	return append(t,
		row("SHLD", "0F A4 /r ib", "Ev,Gv,Ib", I386, 0, double),
		row("SHLD", "0F A5 /r", "Ev,Gv,CL", I386, 0, double),
		row("SHRD", "0F AC /r ib", "Ev,Gv,Ib", I386, 0, double),
		row("SHRD", "0F AD /r", "Ev,Gv,CL", I386, 0, double),
	)
}

func conditionForms() []Form {
	var t []Form
	for i, c := range conditions {
		t = append(t,
			row("J"+c.name, fmt.Sprintf("%02X cb", 0x70+i), "Jb", I86, Force64|EndsBlock, tests(c.tests)),
			row("J"+c.name, fmt.Sprintf("0F %02X cz", 0x80+i), "Jz", I386, Force64|EndsBlock, tests(c.tests)),
			row("SET"+c.name, fmt.Sprintf("0F %02X /r", 0x90+i), "Eb", I386, 0, tests(c.tests)),
			row("CMOV"+c.name, fmt.Sprintf("0F %02X /r", 0x40+i), "Gv,Ev", CMOV, 0, tests(c.tests)),
		)
	}
	return t
}

func moveForms() []Form {
	return []Form{
		row("MOV", "88 /r", "Eb,Gb", I86, 0, noFlags),
		row("MOV", "89 /r", "Ev,Gv", I86, 0, noFlags),
		row("MOV", "8A /r", "Gb,Eb", I86, 0, noFlags),
		row("MOV", "8B /r", "Gv,Ev", I86, 0, noFlags),
		row("MOV", "8C /r", "Rv/Mw,Sw", I86, 0, noFlags),
		row("MOV", "8E /r", "Sw,Ew", I86, 0, noFlags),
		row("MOV", "A0 o", "AL,Ob", I86, 0, noFlags),
		row("MOV", "A1 o", "rAX,Ov", I86, 0, noFlags),
		row("MOV", "A2 o", "Ob,AL", I86, 0, noFlags),
		row("MOV", "A3 o", "Ov,rAX", I86, 0, noFlags),
		row("MOV", "B0+r ib", "Zb,Ib", I86, 0, noFlags),
		row("MOV", "B8+r iv", "Zv,Iv", I86, 0, noFlags),
		row("MOV", "C6 /0 ib", "Eb,Ib", I86, 0, noFlags),
		row("MOV", "C7 /0 iz", "Ev,Iz", I86, 0, noFlags),
		row("MOVZX", "0F B6 /r", "Gv,Eb", I386, 0, noFlags),
		row("MOVZX", "0F B7 /r", "Gv,Ew", I386, 0, noFlags),
		row("MOVSX", "0F BE /r", "Gv,Eb", I386, 0, noFlags),
		row("MOVSX", "0F BF /r", "Gv,Ew", I386, 0, noFlags),
		row("MOVSXD", "63 /r", "Gv,Ed", LM, Only64, noFlags), // a 16-bit operand size reads 16 bits
		row("MOVBE", "NFx 0F 38 F0 /r", "Gv,Mv", MOVBE, 0, noFlags),
		row("MOVBE", "NFx 0F 38 F1 /r", "Mv,Gv", MOVBE, 0, noFlags),
		row("MOVNTI", "NP 0F C3 /r", "My,Gy", SSE2, 0, noFlags),
		row("BSWAP", "0F C8+r", "Zv", I486, 0, noFlags),
		row("LEA", "8D /r", "Gv,M", I86, 0, noFlags),
		row("XCHG", "86 /r", "Eb,Gb", I86, Lock, noFlags),
		row("XCHG", "87 /r", "Ev,Gv", I86, Lock, noFlags),
		row("XCHG", "90+r", "Zv,rAX", I86, 0, noFlags),
		row("NOP", "90", "", I86, 0, noFlags), // REX.B 90 is XCHG: decoder
		row("PAUSE", "F3 90", "", SSE2, 0, noFlags),
		row("XLAT", "D7", "", I86, 0, noFlags), // AL = Seg:[rBX + AL]
		row("LES", "C4 /r", "Gv,Mp", I86, No64, noFlags),
		row("LDS", "C5 /r", "Gv,Mp", I86, No64, noFlags),
		row("LSS", "0F B2 /r", "Gv,Mp", I386, 0, noFlags),
		row("LFS", "0F B4 /r", "Gv,Mp", I386, 0, noFlags),
		row("LGS", "0F B5 /r", "Gv,Mp", I386, 0, noFlags),

		row("PUSH", "50+r", "Zv", I86, Def64, noFlags),
		row("PUSH", "68 iz", "Iz", I186, Def64, noFlags),
		row("PUSH", "6A ib", "Ibs", I186, Def64, noFlags),
		row("PUSH", "FF /6", "Ev", I86, Def64, noFlags),
		row("PUSH", "06", "ES", I86, No64, noFlags),
		row("PUSH", "0E", "CS", I86, No64, noFlags),
		row("PUSH", "16", "SS", I86, No64, noFlags),
		row("PUSH", "1E", "DS", I86, No64, noFlags),
		row("PUSH", "0F A0", "FS", I386, Def64, noFlags),
		row("PUSH", "0F A8", "GS", I386, Def64, noFlags),
		row("POP", "58+r", "Zv", I86, Def64, noFlags),
		row("POP", "8F /0", "Ev", I86, Def64, noFlags),
		row("POP", "07", "ES", I86, No64, noFlags),
		row("POP", "17", "SS", I86, No64, noFlags),
		row("POP", "1F", "DS", I86, No64, noFlags),
		row("POP", "0F A1", "FS", I386, Def64, noFlags),
		row("POP", "0F A9", "GS", I386, Def64, noFlags),
		row("PUSHA", "60", "", I186, No64, noFlags),
		row("POPA", "61", "", I186, No64, noFlags),
		row("PUSHF", "9C", "", I86, Def64, tests(everything)),
		row("POPF", "9D", "", I86, Def64|EndsBlock, FlagEffect{Tested: IOPL | VM, Written: everything &^ VM}),
		row("SAHF", "9E", "", I86, No64, writes(SF|ZF|AF|PF|CF)),
		row("SAHF", "9E", "", LAHF64, Only64, writes(SF|ZF|AF|PF|CF)),
		row("LAHF", "9F", "", I86, No64, tests(SF|ZF|AF|PF|CF)),
		row("LAHF", "9F", "", LAHF64, Only64, tests(SF|ZF|AF|PF|CF)),
		row("ENTER", "C8 iw ib", "Iw,Ib", I186, Def64, noFlags),
		row("LEAVE", "C9", "", I186, Def64, noFlags),
	}
}

func arithForms() []Form {
	decAdjust := FlagEffect{Tested: AF | CF, Written: SF | ZF | AF | PF | CF, Undefined: OF}
	ascAdjust := FlagEffect{Tested: AF, Written: AF | CF, Undefined: OF | SF | ZF | PF}
	ascDivide := FlagEffect{Written: SF | ZF | PF, Undefined: OF | AF | CF}
	return []Form{
		row("TEST", "84 /r", "Eb,Gb", I86, 0, wLogic),
		row("TEST", "85 /r", "Ev,Gv", I86, 0, wLogic),
		row("TEST", "A8 ib", "AL,Ib", I86, 0, wLogic),
		row("TEST", "A9 iz", "rAX,Iz", I86, 0, wLogic),
		row("TEST", "F6 /0 ib", "Eb,Ib", I86, 0, wLogic),
		row("TEST", "F6 /1 ib", "Eb,Ib", I86, Undoc, wLogic),
		row("TEST", "F7 /0 iz", "Ev,Iz", I86, 0, wLogic),
		row("TEST", "F7 /1 iz", "Ev,Iz", I86, Undoc, wLogic),
		row("NOT", "F6 /2", "Eb", I86, Lock, noFlags),
		row("NOT", "F7 /2", "Ev", I86, Lock, noFlags),
		row("NEG", "F6 /3", "Eb", I86, Lock, wAll),
		row("NEG", "F7 /3", "Ev", I86, Lock, wAll),
		row("MUL", "F6 /4", "Eb", I86, 0, wMul),
		row("MUL", "F7 /4", "Ev", I86, 0, wMul),
		row("IMUL", "F6 /5", "Eb", I86, 0, wMul),
		row("IMUL", "F7 /5", "Ev", I86, 0, wMul),
		row("IMUL", "0F AF /r", "Gv,Ev", I386, 0, wMul),
		row("IMUL", "69 /r iz", "Gv,Ev,Iz", I186, 0, wMul),
		row("IMUL", "6B /r ib", "Gv,Ev,Ibs", I186, 0, wMul),
		row("DIV", "F6 /6", "Eb", I86, 0, uAll),
		row("DIV", "F7 /6", "Ev", I86, 0, uAll),
		row("IDIV", "F6 /7", "Eb", I86, 0, uAll),
		row("IDIV", "F7 /7", "Ev", I86, 0, uAll),
		row("INC", "40+r", "Zv", I86, No64, wIncDec),
		row("INC", "FE /0", "Eb", I86, Lock, wIncDec),
		row("INC", "FF /0", "Ev", I86, Lock, wIncDec),
		row("DEC", "48+r", "Zv", I86, No64, wIncDec),
		row("DEC", "FE /1", "Eb", I86, Lock, wIncDec),
		row("DEC", "FF /1", "Ev", I86, Lock, wIncDec),
		row("XADD", "0F C0 /r", "Eb,Gb", I486, Lock, wAll),
		row("XADD", "0F C1 /r", "Ev,Gv", I486, Lock, wAll),
		row("CMPXCHG", "0F B0 /r", "Eb,Gb", I486, Lock, wAll),
		row("CMPXCHG", "0F B1 /r", "Ev,Gv", I486, Lock, wAll),
		row("CMPXCHG8B", "0F C7 /1", "Mq", Pentium, Lock, wZ),
		row("CMPXCHG16B", "REX.W 0F C7 /1", "Mdq", CX16, Lock|Only64, wZ),
		row("ADCX", "66 0F 38 F6 /r", "Gy,Ey", ADX, 0, FlagEffect{Tested: CF, Written: CF}),
		row("ADOX", "F3 0F 38 F6 /r", "Gy,Ey", ADX, 0, FlagEffect{Tested: OF, Written: OF}),
		row("CBW", "98", "", I86, 0, noFlags),
		row("CWD", "99", "", I86, 0, noFlags),
		row("DAA", "27", "", I86, No64, decAdjust),
		row("DAS", "2F", "", I86, No64, decAdjust),
		row("AAA", "37", "", I86, No64, ascAdjust),
		row("AAS", "3F", "", I86, No64, ascAdjust),
		row("AAM", "D4 ib", "Ib", I86, No64, ascDivide),
		row("AAD", "D5 ib", "Ib", I86, No64, ascDivide),
		row("SALC", "D6", "", I86, No64|Undoc, tests(CF)),
		row("CMC", "F5", "", I86, 0, FlagEffect{Tested: CF, Written: CF}),
		row("CLC", "F8", "", I86, 0, writes(CF)),
		row("STC", "F9", "", I86, 0, writes(CF)),
		row("CLD", "FC", "", I86, 0, writes(DF)),
		row("STD", "FD", "", I86, 0, writes(DF)),
	}
}

func bitForms() []Form {
	return []Form{
		row("BT", "0F A3 /r", "Ev,Gv", I386, 0, wBit),
		row("BT", "0F BA /4 ib", "Ev,Ib", I386, 0, wBit),
		row("BTS", "0F AB /r", "Ev,Gv", I386, Lock, wBit),
		row("BTS", "0F BA /5 ib", "Ev,Ib", I386, Lock, wBit),
		row("BTR", "0F B3 /r", "Ev,Gv", I386, Lock, wBit),
		row("BTR", "0F BA /6 ib", "Ev,Ib", I386, Lock, wBit),
		row("BTC", "0F BB /r", "Ev,Gv", I386, Lock, wBit),
		row("BTC", "0F BA /7 ib", "Ev,Ib", I386, Lock, wBit),
		row("BSF", "0F BC /r", "Gv,Ev", I386, 0, wScan),
		row("BSR", "0F BD /r", "Gv,Ev", I386, 0, wScan),
		row("TZCNT", "F3 0F BC /r", "Gv,Ev", BMI1, 0, wCount),
		row("LZCNT", "F3 0F BD /r", "Gv,Ev", LZCNT, 0, wCount),
		row("POPCNT", "F3 0F B8 /r", "Gv,Ev", POPCNT, 0, wAll),
		row("CRC32", "F2 0F 38 F0 /r", "Gy,Eb", SSE42, 0, noFlags),
		row("CRC32", "F2 0F 38 F1 /r", "Gy,Ev", SSE42, 0, noFlags),
	}
}

func stringForms() []Form {
	compare := FlagEffect{Tested: DF | StatusFlags, Written: StatusFlags}
	return []Form{
		row("MOVSB", "A4", "Yb,Xb", I86, Rep, tDF),
		row("MOVS", "A5", "Yv,Xv", I86, Rep, tDF),
		row("CMPSB", "A6", "Xb,Yb", I86, RepCond, compare),
		row("CMPS", "A7", "Xv,Yv", I86, RepCond, compare),
		row("STOSB", "AA", "Yb,AL", I86, Rep, tDF),
		row("STOS", "AB", "Yv,rAX", I86, Rep, tDF),
		row("LODSB", "AC", "AL,Xb", I86, Rep, tDF),
		row("LODS", "AD", "rAX,Xv", I86, Rep, tDF),
		row("SCASB", "AE", "AL,Yb", I86, RepCond, compare),
		row("SCAS", "AF", "rAX,Yv", I86, RepCond, compare),
		row("INSB", "6C", "Yb,DX", I186, Rep, tests(DF|IOPL)),
		row("INS", "6D", "Yz,DX", I186, Rep, tests(DF|IOPL)),
		row("OUTSB", "6E", "DX,Xb", I186, Rep, tests(DF|IOPL)),
		row("OUTS", "6F", "DX,Xz", I186, Rep, tests(DF|IOPL)),
	}
}

func branchForms() []Form {
	const near = Force64 | EndsBlock
	return []Form{
		row("LOOPNE", "E0 cb", "Jb", I86, near, tests(ZF)),
		row("LOOPE", "E1 cb", "Jb", I86, near, tests(ZF)),
		row("LOOP", "E2 cb", "Jb", I86, near, noFlags),
		row("JCXZ", "E3 cb", "Jb", I86, near, noFlags), // AddrSize selects CX, ECX or RCX
		row("CALL", "E8 cz", "Jz", I86, near, noFlags),
		row("CALL", "FF /2", "Ev", I86, near, noFlags),
		row("JMP", "E9 cz", "Jz", I86, near, noFlags),
		row("JMP", "EB cb", "Jb", I86, near, noFlags),
		row("JMP", "FF /4", "Ev", I86, near, noFlags),
		row("RET", "C2 iw", "Iw", I86, near, noFlags),
		row("RET", "C3", "", I86, near, noFlags),
		// Far transfers may switch tasks and then save and load all of EFLAGS.
		row("CALLF", "9A ap", "Ap", I86, No64|EndsBlock, FlagEffect{Tested: everything, Written: NT}),
		row("CALLF", "FF /3", "Mp", I86, EndsBlock, FlagEffect{Tested: everything, Written: NT}),
		row("JMPF", "EA ap", "Ap", I86, No64|EndsBlock, tests(everything)),
		row("JMPF", "FF /5", "Mp", I86, EndsBlock, tests(everything)),
		row("RETF", "CA iw", "Iw", I86, EndsBlock, noFlags),
		row("RETF", "CB", "", I86, EndsBlock, noFlags),
		row("INT3", "CC", "", I86, EndsBlock, FlagEffect{Tested: everything, Written: TF | IF | NT | RF | VM}),
		row("INT", "CD ib", "Ib", I86, EndsBlock, FlagEffect{Tested: everything, Written: TF | IF | NT | RF | VM}),
		row("INTO", "CE", "", I86, No64|EndsBlock, FlagEffect{Tested: everything, Written: TF | IF | NT | RF | VM}),
		row("INT1", "F1", "", I386, EndsBlock|Undoc, FlagEffect{Tested: everything, Written: TF | IF | NT | RF | VM}),
		row("IRET", "CF", "", I86, EndsBlock, FlagEffect{Tested: NT | VM | IOPL, Written: everything}),
		row("BOUND", "62 /r", "Gv,Ma", I186, No64, noFlags),
		row("UD0", "0F FF /r", "Gv,Ev", I86, EndsBlock, noFlags),
		row("UD1", "0F B9 /r", "Gv,Ev", I86, EndsBlock, noFlags),
		row("UD2", "0F 0B", "", I86, EndsBlock, noFlags),
	}
}
