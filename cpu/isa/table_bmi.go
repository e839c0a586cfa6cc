package isa

// bmiForms are the general-register instructions with a VEX prefix. Outside
// 64-bit mode VEX.W is ignored; real and virtual-8086 mode have no VEX.
func bmiForms() []Form {
	logic := FlagEffect{Written: SF | ZF | OF | CF, Undefined: AF | PF}
	return []Form{
		row("ANDN", "VEX.LZ.NP.0F38 F2 /r", "Gy,By,Ey", BMI1, 0, logic),
		row("BLSR", "VEX.LZ.NP.0F38 F3 /1", "By,Ey", BMI1, 0, logic),
		row("BLSMSK", "VEX.LZ.NP.0F38 F3 /2", "By,Ey", BMI1, 0, logic),
		row("BLSI", "VEX.LZ.NP.0F38 F3 /3", "By,Ey", BMI1, 0, logic),
		row("BEXTR", "VEX.LZ.NP.0F38 F7 /r", "Gy,Ey,By", BMI1, 0, FlagEffect{Written: ZF | CF | OF, Undefined: AF | SF | PF}),
		row("BZHI", "VEX.LZ.NP.0F38 F5 /r", "Gy,Ey,By", BMI2, 0, logic),
		row("PEXT", "VEX.LZ.F3.0F38 F5 /r", "Gy,By,Ey", BMI2, 0, noFlags),
		row("PDEP", "VEX.LZ.F2.0F38 F5 /r", "Gy,By,Ey", BMI2, 0, noFlags),
		row("MULX", "VEX.LZ.F2.0F38 F6 /r", "Gy,By,Ey", BMI2, 0, noFlags),
		row("SHLX", "VEX.LZ.66.0F38 F7 /r", "Gy,Ey,By", BMI2, 0, noFlags),
		row("SARX", "VEX.LZ.F3.0F38 F7 /r", "Gy,Ey,By", BMI2, 0, noFlags),
		row("SHRX", "VEX.LZ.F2.0F38 F7 /r", "Gy,Ey,By", BMI2, 0, noFlags),
		row("RORX", "VEX.LZ.F2.0F3A F0 /r ib", "Gy,Ey,Ib", BMI2, 0, noFlags),
	}
}
