package sem

import "g86/cpu/ir"

func init() {
	for name, op := range map[string]ir.Op{
		"ADD": ir.AddF, "OR": ir.OrF, "ADC": ir.AdcF, "SBB": ir.SbbF, "AND": ir.AndF, "SUB": ir.SubF, "XOR": ir.XorF,
	} {
		def(func(c *Ctx) { c.Update(0, c.Bin(op, c.ReadRW(0), c.Read(1))) }, name)
	}
	def(func(c *Ctx) { x := c.Read(0); c.Do(ir.CmpF, c.TypeOf(x), 0, x, c.Read(1)) }, "CMP")
	def(func(c *Ctx) { x := c.Read(0); c.Do(ir.TestF, c.TypeOf(x), 0, x, c.Read(1)) }, "TEST")
	def(func(c *Ctx) { c.Update(0, c.Un(ir.IncF, c.ReadRW(0))) }, "INC")
	def(func(c *Ctx) { c.Update(0, c.Un(ir.DecF, c.ReadRW(0))) }, "DEC")
	def(func(c *Ctx) { c.Update(0, c.Un(ir.NegF, c.ReadRW(0))) }, "NEG")
	def(func(c *Ctx) { c.Update(0, c.Un(ir.Not, c.ReadRW(0))) }, "NOT")
	def(func(c *Ctx) { c.Write(0, c.Bin(ir.AdcxF, c.Read(0), c.Read(1))) }, "ADCX")
	def(func(c *Ctx) { c.Write(0, c.Bin(ir.AdoxF, c.Read(0), c.Read(1))) }, "ADOX")
	def(xadd, "XADD")
	def(cmpxchg, "CMPXCHG")
	def(multiply(ir.MulF, ir.MulHi), "MUL")
	def(multiply(ir.IMulF, ir.IMulHi), "IMUL Eb", "IMUL Ev")
	def(func(c *Ctx) { c.Write(0, c.Bin(ir.IMulF, c.Read(0), c.Read(1))) }, "IMUL Gv,Ev")
	def(func(c *Ctx) { c.Write(0, c.Bin(ir.IMulF, c.Read(1), c.Read(2))) }, "IMUL Gv,Ev,Iz", "IMUL Gv,Ev,Ibs")
	def(divide(ir.DivQ, ir.DivR), "DIV")
	def(divide(ir.IDivQ, ir.IDivR), "IDIV")
	def(convert, "CBW")
	def(func(c *Ctx) { // CWD, CDQ, CQO: the sign of rAX fills rDX
		t := c.opType()
		c.SetReg(2, c.Shift(ir.Sar, c.GetReg(t, 0), c.Const(ir.I8, uint64(8*c.OpSize-1))))
	}, "CWD")
	def(func(c *Ctx) { // SALC
		c.SetReg(0, c.Tri(ir.Select, c.Cond(2), c.Const(ir.I8, 0xff), c.Const(ir.I8, 0)))
	}, "SALC")
}

func xadd(c *Ctx) {
	d := c.ReadRW(0)
	s := c.Read(1)
	sum := c.Bin(ir.AddF, d, s)
	if c.IsMem(0) {
		c.Update(0, sum)
		c.Update(1, d)
		return
	}
	c.Update(1, d) // with both operands the same register the sum remains
	c.Update(0, sum)
}

// cmpxchg leaves the accumulator untouched on success, and, on failure, writes
// the destination back.
func cmpxchg(c *Ctx) {
	d := c.ReadRW(0)
	s := c.Read(1)
	t := c.TypeOf(d)
	acc := c.GetReg(t, 0)
	c.Do(ir.CmpF, t, 0, acc, d)
	eq := c.Emit(ir.Inst{Op: ir.Eq, Type: ir.I8, A: acc, B: d})
	if t == ir.I32 {
		// A 32-bit write clears the upper half: only the operand that is written may change.
		rax := c.Tri(ir.Select, eq, c.GetReg(ir.I64, 0), c.Ext(ir.ZExt, ir.I64, d))
		if c.IsMem(0) {
			c.Update(0, c.Tri(ir.Select, eq, s, d))
			c.SetReg(0, rax)
			return
		}
		old := c.GetReg(ir.I64, c.slot(0))
		c.SetReg(0, rax)
		c.SetReg(c.slot(0), c.Tri(ir.Select, eq, c.Ext(ir.ZExt, ir.I64, s), c.Bin(ir.Or, c.Const(ir.I64, 0), old)))
		return
	}
	c.SetReg(0, c.Tri(ir.Select, eq, acc, d))
	c.Update(0, c.Tri(ir.Select, eq, s, d))
}

// multiply is the one-operand form: AX = AL*r/m8, or rDX:rAX = rAX*r/m.
func multiply(low, high ir.Op) Func {
	return func(c *Ctx) {
		src := c.Read(0)
		t := c.TypeOf(src)
		acc := c.GetReg(t, 0)
		hi := c.Bin(high, acc, src)
		lo := c.Bin(low, acc, src)
		if t == ir.I8 {
			wide := c.Shift(ir.Shl, c.Ext(ir.ZExt, ir.I16, hi), c.Const(ir.I8, 8))
			c.SetReg(0, c.Bin(ir.Or, wide, c.Ext(ir.ZExt, ir.I16, lo)))
			return
		}
		c.SetReg(0, lo)
		c.SetReg(2, hi)
	}
}

// divide is AL, AH = AX / r/m8, or rAX, rDX = rDX:rAX / r/m.
func divide(quotient, remainder ir.Op) Func {
	return func(c *Ctx) {
		d := c.Read(0)
		t := c.TypeOf(d)
		if t == ir.I8 {
			ax := c.GetReg(ir.I16, 0)
			hi := c.Ext(ir.Trunc, ir.I8, c.Shift(ir.Shr, ax, c.Const(ir.I8, 8)))
			lo := c.Ext(ir.Trunc, ir.I8, ax)
			q := c.Tri(quotient, hi, lo, d)
			r := c.Tri(remainder, hi, lo, d)
			wide := c.Shift(ir.Shl, c.Ext(ir.ZExt, ir.I16, r), c.Const(ir.I8, 8))
			c.SetReg(0, c.Bin(ir.Or, wide, c.Ext(ir.ZExt, ir.I16, q)))
			return
		}
		hi, lo := c.GetReg(t, 2), c.GetReg(t, 0)
		q := c.Tri(quotient, hi, lo, d)
		r := c.Tri(remainder, hi, lo, d)
		c.SetReg(0, q)
		c.SetReg(2, r)
	}
}

// convert is CBW, CWDE, CDQE.
func convert(c *Ctx) {
	half := c.GetReg(ir.IntType(c.OpSize/2), 0)
	c.SetReg(0, c.Ext(ir.SExt, c.opType(), half))
}
