package sem

import "g86/cpu/ir"

func init() {
	for name, op := range map[string]ir.Op{
		"ROL": ir.RolF, "ROR": ir.RorF, "RCL": ir.RclF, "RCR": ir.RcrF, "SHL": ir.ShlF, "SHR": ir.ShrF, "SAR": ir.SarF,
	} {
		def(func(c *Ctx) {
			x := c.ReadRW(0)
			c.Update(0, c.Shift(op, x, c.count(1)))
		}, name)
	}
	for name, op := range map[string]ir.Op{"SHLD": ir.ShldF, "SHRD": ir.ShrdF} {
		def(func(c *Ctx) {
			x := c.ReadRW(0)
			y := c.Read(1)
			n := c.count(2)
			c.Update(0, c.Tri(op, x, y, n))
		}, name)
	}
	for name, op := range map[string]ir.Op{"SHLX": ir.Shl, "SHRX": ir.Shr, "SARX": ir.Sar} {
		def(func(c *Ctx) {
			c.SetReg(c.slot(0), c.Shift(op, c.Read(1), c.Ext(ir.Trunc, ir.I8, c.Read(2))))
		}, name)
	}
	def(func(c *Ctx) { c.SetReg(c.slot(0), c.Shift(ir.Ror, c.Read(1), c.ReadAs(2, ir.I8))) }, "RORX")

	// Bit tests. A register offset reaches outside a memory operand.
	for name, change := range map[string]func(c *Ctx, x, mask ir.Value) ir.Value{
		"BT":  nil,
		"BTS": func(c *Ctx, x, m ir.Value) ir.Value { return c.Bin(ir.Or, x, m) },
		"BTR": func(c *Ctx, x, m ir.Value) ir.Value { return c.Bin(ir.And, x, c.Un(ir.Not, m)) },
		"BTC": func(c *Ctx, x, m ir.Value) ir.Value { return c.Bin(ir.Xor, x, m) },
	} {
		def(func(c *Ctx) {
			n := c.Read(1)
			if c.Mem && c.Form.Operands()[1].Method == 'G' {
				c.ea = c.Call(ir.I64, "eaBit", 0, c.Ext(ir.SExt, ir.I64, n), c.Const(ir.I64, uint64(c.OpSize)))
			}
			if change == nil {
				x := c.Read(0)
				c.Do(ir.BtF, c.TypeOf(x), 0, x, n)
				return
			}
			x := c.ReadRW(0)
			mask := c.Shift(ir.Shl, c.Const(c.TypeOf(x), 1), c.Ext(ir.Trunc, ir.I8, n))
			r := change(c, x, mask)
			c.Do(ir.BtF, c.TypeOf(x), 0, x, n)
			c.Update(0, r)
		}, name)
	}
	for name, op := range map[string]ir.Op{"BSF": ir.BsfF, "BSR": ir.BsrF} {
		def(func(c *Ctx) {
			src := c.Read(1)
			r := c.Bin(op, src, c.Read(0))
			if c.OpSize == 4 { // a zero source leaves the whole register, its upper half too
				zero := c.Emit(ir.Inst{Op: ir.Eq, Type: ir.I8, A: src, B: c.Const(ir.I32, 0)})
				r = c.Tri(ir.Select, zero, c.GetReg(ir.I64, c.slot(0)), c.Ext(ir.ZExt, ir.I64, r))
			}
			c.SetReg(c.slot(0), r)
		}, name)
	}
	for name, op := range map[string]ir.Op{"POPCNT": ir.PopcntF, "LZCNT": ir.LzcntF, "TZCNT": ir.TzcntF} {
		def(func(c *Ctx) { c.SetReg(c.slot(0), c.Un(op, c.Read(1))) }, name)
	}
	for name, op := range map[string]ir.Op{"BLSI": ir.BlsiF, "BLSMSK": ir.BlsmskF, "BLSR": ir.BlsrF} {
		def(func(c *Ctx) { c.SetReg(c.slot(0), c.Un(op, c.Read(1))) }, name)
	}
	for name, op := range map[string]ir.Op{"ANDN": ir.AndnF, "BEXTR": ir.BextrF, "BZHI": ir.BzhiF} {
		def(func(c *Ctx) { c.SetReg(c.slot(0), c.Bin(op, c.Read(1), c.Read(2))) }, name)
	}
	def(func(c *Ctx) { // MULX: no flags; when both destinations are one register it gets the high half
		src := c.Read(2)
		rdx := c.GetReg(c.TypeOf(src), 2)
		lo := c.Bin(ir.Mul, rdx, src)
		hi := c.Bin(ir.MulHi, rdx, src)
		c.SetReg(c.slot(1), lo)
		c.SetReg(c.slot(0), hi)
	}, "MULX")
	for _, name := range []string{"PDEP", "PEXT"} {
		def(func(c *Ctx) {
			src := c.Ext(ir.ZExt, ir.I64, c.Read(1))
			mask := c.Ext(ir.ZExt, ir.I64, c.Read(2))
			c.SetReg(c.slot(0), c.Ext(ir.Trunc, c.Type(0), c.Vec(ir.I64, name, 0, src, mask)))
		}, name)
	}
	def(func(c *Ctx) {
		src := c.Read(1)
		crc := c.GetReg(ir.I32, c.slot(0))
		size := c.Const(ir.I64, uint64(c.Size(1)))
		r := c.Call(ir.I32, "crc32", 0, crc, c.Ext(ir.ZExt, ir.I64, src), size)
		c.SetReg(c.slot(0), r) // the upper half of a 64-bit destination is cleared
	}, "CRC32")
}

// count is shift count operand n as i8.
func (c *Ctx) count(n int) ir.Value {
	if op := c.Form.Operands()[n]; op.Method == 'I' || op.Fixed == "1" {
		return c.ReadAs(n, ir.I8)
	}
	return c.Read(n)
}
