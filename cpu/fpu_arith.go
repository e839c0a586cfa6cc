package cpu

import "g86/cpu/softfloat"

// x87 arithmetic, comparisons and functions.

// fpuOp2 is an operation on destination and source.
type fpuOp2 func(a, b f80, e *softfloat.Env) f80

func init() {
	reversed := func(op fpuOp2) fpuOp2 {
		return func(a, b f80, e *softfloat.Env) f80 { return op(b, a, e) }
	}
	for name, op := range map[string]fpuOp2{
		"ADD": softfloat.F80Add, "MUL": softfloat.F80Mul,
		"SUB": softfloat.F80Sub, "SUBR": reversed(softfloat.F80Sub),
		"DIV": softfloat.F80Div, "DIVR": reversed(softfloat.F80Div),
	} {
		exec(func(c *CPU, in *Op) { c.fpuBinary(in, op, 0, in.RM&7, false) }, "F"+name+" T0,T")
		exec(func(c *CPU, in *Op) { c.fpuBinary(in, op, in.RM&7, 0, false) }, "F"+name+" T,T0")
		exec(func(c *CPU, in *Op) { c.fpuBinary(in, op, in.RM&7, 0, true) }, "F"+name+"P T,T0")
		exec(func(c *CPU, in *Op) { c.fpuBinaryMem(in, op, &loadF32) }, "F"+name+" Mss")
		exec(func(c *CPU, in *Op) { c.fpuBinaryMem(in, op, &loadF64) }, "F"+name+" Msd")
		exec(func(c *CPU, in *Op) { c.fpuBinaryMem(in, op, &loadI16) }, "FI"+name+" Mw")
		exec(func(c *CPU, in *Op) { c.fpuBinaryMem(in, op, &loadI32) }, "FI"+name+" Md")
	}
	for pops, p := range [2]string{"", "P"} {
		exec(func(c *CPU, in *Op) { c.fpuCompare(in, softfloat.F80Compare, pops) }, "FCOM"+p+" T0,T")
		exec(func(c *CPU, in *Op) { c.fpuCompare(in, softfloat.F80UCompare, pops) }, "FUCOM"+p+" T0,T")
		exec(func(c *CPU, in *Op) { c.fpuCompareFlags(in, softfloat.F80Compare, pops) }, "FCOMI"+p+" T0,T")
		exec(func(c *CPU, in *Op) { c.fpuCompareFlags(in, softfloat.F80UCompare, pops) }, "FUCOMI"+p+" T0,T")
		exec(func(c *CPU, in *Op) { c.fpuCompareMem(in, &loadF32, pops) }, "FCOM"+p+" Mss")
		exec(func(c *CPU, in *Op) { c.fpuCompareMem(in, &loadF64, pops) }, "FCOM"+p+" Msd")
		exec(func(c *CPU, in *Op) { c.fpuCompareMem(in, &loadI16, pops) }, "FICOM"+p+" Mw")
		exec(func(c *CPU, in *Op) { c.fpuCompareMem(in, &loadI32, pops) }, "FICOM"+p+" Md")
	}
	exec(func(c *CPU, in *Op) { c.fpuCompare(in, softfloat.F80Compare, 2) }, "FCOMPP")
	exec(func(c *CPU, in *Op) { c.fpuCompare(in, softfloat.F80UCompare, 2) }, "FUCOMPP")
	exec((*CPU).ftst, "FTST")
	exec((*CPU).fxam, "FXAM")

	for name, op := range map[string]func(f80, *softfloat.Env) f80{
		"FSQRT": softfloat.F80Sqrt, "FRNDINT": softfloat.F80RoundToInt, "F2XM1": softfloat.F2XM1,
		"FCHS": func(a f80, _ *softfloat.Env) f80 { return a.Neg() },
		"FABS": func(a f80, _ *softfloat.Env) f80 { return a.Abs() },
	} {
		exec(func(c *CPU, in *Op) { c.fpuUnary(in, op) }, name)
	}
	exec(func(c *CPU, in *Op) { c.fpuTwo(in, softfloat.F80Scale, 0) }, "FSCALE")
	exec(func(c *CPU, in *Op) { c.fpuTwo(in, softfloat.FYL2X, 1) }, "FYL2X")
	exec(func(c *CPU, in *Op) { c.fpuTwo(in, softfloat.FYL2XP1, 1) }, "FYL2XP1")
	exec(func(c *CPU, in *Op) { c.fpuTwo(in, softfloat.FPATAN, 1) }, "FPATAN")
	exec(func(c *CPU, in *Op) { c.fpuRemainder(in, softfloat.F80Rem) }, "FPREM")
	exec(func(c *CPU, in *Op) { c.fpuRemainder(in, softfloat.F80Rem1) }, "FPREM1")
	exec(func(c *CPU, in *Op) { c.fpuTrig(in, softfloat.FSIN) }, "FSIN")
	exec(func(c *CPU, in *Op) { c.fpuTrig(in, softfloat.FCOS) }, "FCOS")
	exec(func(c *CPU, in *Op) { c.FPU.SW &^= swC2; c.fpuSplit(in, softfloat.FPTAN) }, "FPTAN")
	exec(func(c *CPU, in *Op) { c.FPU.SW &^= swC2; c.fpuSplit(in, softfloat.FSINCOS) }, "FSINCOS")
	exec(func(c *CPU, in *Op) {
		c.fpuSplit(in, func(x f80, e *softfloat.Env) (f80, f80, bool) {
			exp, sig := softfloat.F80Extract(x, e)
			return exp, sig, false
		})
	}, "FXTRACT")
}

// fpuBinary is ST(dst) = op(ST(dst), ST(src)).
func (c *CPU) fpuBinary(in *Op, op fpuOp2, dst, src uint8, pop bool) {
	c.fpuStart(in)
	var r f80
	if c.stEmpty(dst) || c.stEmpty(src) {
		if !c.fpuStackFault(false) {
			return
		}
		r = softfloat.Indefinite80
	} else {
		e := c.fpuEnv()
		r = op(c.st(dst), c.st(src), e)
		if c.fpuFlags(e) {
			return
		}
	}
	c.setST(dst, r)
	if pop {
		c.fpuPop()
	}
}

// fpuBinaryMem is ST(0) = op(ST(0), memory).
func (c *CPU) fpuBinaryMem(in *Op, op fpuOp2, load *fpuLoad) {
	ea := c.ea(in)
	raw := load.read(c, in, ea)
	c.fpuStartMem(in, ea)
	if c.stEmpty(0) {
		if c.fpuStackFault(false) {
			c.setST(0, softfloat.Indefinite80)
		}
		return
	}
	e := c.fpuEnv()
	a := c.st(0)
	b, denormal := c.fpuOperand(load, raw, a)
	var r f80
	if denormal {
		r = op(a, b, c.fpuSide(e))
		c.fpuJoin(e)
	} else {
		r = op(a, b, e)
	}
	if !c.fpuFlags(e) {
		c.setST(0, r)
	}
}

type fpuRelation func(a, b f80, e *softfloat.Env) softfloat.Rel

func (c *CPU) setCC(cc uint16) { c.FPU.SW = c.FPU.SW&^swCC | cc }

// fpuRelate compares ST(0) with b. The outcome is delivered even if an exception
// is unmasked, as silicon does; stop only keeps the stack from being popped.
func (c *CPU) fpuRelate(b f80, empty bool, op fpuRelation) (r softfloat.Rel, stop bool) {
	if empty || c.stEmpty(0) {
		return softfloat.Unordered, !c.fpuStackFault(false)
	}
	e := c.fpuEnv()
	r = op(c.st(0), b, e)
	return r, c.fpuFlags(e)
}

// fpuCompare sets C3, C2 and C0 from ST(0) and ST(i); FCOMPP and FUCOMPP compare
// with ST(1), which is what their ModRM bytes D9 and E9 say.
func (c *CPU) fpuCompare(in *Op, op fpuRelation, pops int) {
	c.fpuStart(in)
	i := in.ModRM & 7
	r, stop := c.fpuRelate(c.st(i), c.stEmpty(i), op)
	c.setCC(r.X87())
	if !stop {
		c.fpuPops(pops)
	}
}

// fpuCompareFlags sets ZF, PF and CF instead and clears OF, SF and AF.
func (c *CPU) fpuCompareFlags(in *Op, op fpuRelation, pops int) {
	c.fpuStart(in)
	i := in.RM & 7
	r, stop := c.fpuRelate(c.st(i), c.stEmpty(i), op)
	c.setStatus(r.EFlags())
	if !stop {
		c.fpuPops(pops)
	}
}

func (c *CPU) fpuCompareMem(in *Op, load *fpuLoad, pops int) {
	ea := c.ea(in)
	raw := load.read(c, in, ea)
	c.fpuStartMem(in, ea)
	r, stop := softfloat.Unordered, false
	if c.stEmpty(0) {
		stop = !c.fpuStackFault(false)
	} else {
		e := c.fpuEnv()
		a := c.st(0)
		if b, denormal := c.fpuOperand(load, raw, a); denormal {
			r = softfloat.F80Compare(a, b, c.fpuSide(e))
			c.fpuJoin(e)
		} else {
			r = softfloat.F80Compare(a, b, e)
		}
		stop = c.fpuFlags(e)
	}
	c.setCC(r.X87())
	if !stop {
		c.fpuPops(pops)
	}
}

func (c *CPU) fpuPops(n int) {
	for ; n > 0; n-- {
		c.fpuPop()
	}
}

func (c *CPU) ftst(in *Op) {
	c.fpuStart(in)
	r, _ := c.fpuRelate(softfloat.FLDZ(), false, softfloat.F80Compare)
	c.setCC(r.X87())
}

// fxam classifies ST(0): C3, C2, C0; C1 is the sign, of an empty register too.
func (c *CPU) fxam(in *Op) {
	c.fpuStart(in)
	class := softfloat.Empty
	if !c.stEmpty(0) {
		class = c.st(0).Class()
	}
	cc := uint16(class)&1<<8 | uint16(class)&2<<9 | uint16(class)&4<<12
	if c.st(0).Sign() {
		cc |= swC1
	}
	c.setCC(cc)
}

// fpuUnary is ST(0) = op(ST(0)).
func (c *CPU) fpuUnary(in *Op, op func(f80, *softfloat.Env) f80) {
	c.fpuStart(in)
	if c.stEmpty(0) {
		if c.fpuStackFault(false) {
			c.setST(0, softfloat.Indefinite80)
		}
		return
	}
	e := c.fpuEnv()
	r := op(c.st(0), e)
	if !c.fpuFlags(e) {
		c.setST(0, r)
	}
}

// fpuTwo is ST(dst) = op(ST(0), ST(1)); with dst 1 the stack is popped.
func (c *CPU) fpuTwo(in *Op, op fpuOp2, dst uint8) {
	c.fpuStart(in)
	var r f80
	if c.stEmpty(0) || c.stEmpty(1) {
		if !c.fpuStackFault(false) {
			return
		}
		r = softfloat.Indefinite80
	} else {
		e := c.fpuEnv()
		r = op(c.st(0), c.st(1), e)
		if c.fpuFlags(e) {
			return
		}
	}
	c.setST(dst, r)
	if dst == 1 {
		c.fpuPop()
	}
}

// fpuRemainder is FPREM and FPREM1: C0, C3 and C1 are bits 2, 1 and 0 of the
// quotient once C2 tells that the reduction is complete.
func (c *CPU) fpuRemainder(in *Op, op func(a, b f80, e *softfloat.Env) (f80, uint8, bool)) {
	c.fpuStart(in)
	c.FPU.SW &^= swC2
	if c.stEmpty(0) || c.stEmpty(1) {
		if c.fpuStackFault(false) {
			c.setST(0, softfloat.Indefinite80)
		}
		return
	}
	e := c.fpuEnv()
	r, q, partial := op(c.st(0), c.st(1), e)
	e.C1 = false // C1 is the quotient's
	if c.fpuFlags(e) {
		return
	}
	c.setST(0, r)
	switch {
	case partial:
		c.setCC(swC2)
	case !r.IsNaN(): // without a quotient C0 and C3 stay
		c.FPU.SW = c.FPU.SW&^swCC | uint16(q)&4<<6 | uint16(q)&2<<13 | uint16(q)&1<<9
	}
}

// fpuTrig is FSIN and FCOS: C2 tells that the operand is out of range.
func (c *CPU) fpuTrig(in *Op, op func(f80, *softfloat.Env) (f80, bool)) {
	c.FPU.SW &^= swC2
	c.fpuUnary(in, func(x f80, e *softfloat.Env) f80 {
		r, out := op(x, e)
		if out {
			c.FPU.SW |= swC2
		}
		return r
	})
}

// fpuSplit replaces ST(0) by one result and pushes another, or sets C2 and does
// neither.
func (c *CPU) fpuSplit(in *Op, op func(f80, *softfloat.Env) (f80, f80, bool)) {
	c.fpuStart(in)
	r, push := softfloat.Indefinite80, softfloat.Indefinite80
	if empty := c.stEmpty(0); empty || !c.stEmpty(7) {
		if !c.fpuStackFault(!empty) {
			return
		}
	} else {
		e := c.fpuEnv()
		var out bool
		r, push, out = op(c.st(0), e)
		if c.fpuFlags(e) {
			return
		}
		if out {
			c.FPU.SW |= swC2
			return
		}
	}
	c.setST(0, r)
	c.fpuPush(push)
}
