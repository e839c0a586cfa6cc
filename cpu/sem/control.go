package sem

import "g86/cpu/ir"

func init() {
	for cc, name := range conditionNames {
		def(func(c *Ctx) { c.Do(ir.JumpIf, ir.Void, 0, c.Cond(uint64(cc)), c.rel()) }, "J"+name)
	}
	def(func(c *Ctx) { c.jump(c.rel()) }, "JMP Jz", "JMP Jb")
	def(func(c *Ctx) { c.jump(c.Ext(ir.ZExt, ir.I64, c.Read(0))) }, "JMP Ev")
	def(func(c *Ctx) { c.call(c.rel()) }, "CALL Jz")
	def(func(c *Ctx) { c.call(c.Ext(ir.ZExt, ir.I64, c.Read(0))) }, "CALL Ev")
	def(func(c *Ctx) { c.ret(c.Const(ir.I64, 0)) }, "RET ")
	def(func(c *Ctx) { c.ret(c.Src(ir.Imm, ir.I64, 0)) }, "RET Iw")
}

// rel is the target of a relative branch.
func (c *Ctx) rel() ir.Value { return c.Src(ir.Rel, ir.I64, uint64(c.OpSize)) }

func (c *Ctx) jump(to ir.Value) {
	c.Do(ir.CheckRIP, ir.Void, 0, to)
	c.Do(ir.SetRIP, ir.Void, 0, to)
}

func (c *Ctx) call(to ir.Value) {
	c.Do(ir.CheckRIP, ir.Void, 0, to)
	c.Do(ir.Push, c.opType(), 0, c.Ext(ir.Trunc, c.opType(), c.Src(ir.Next, ir.I64, 0)))
	c.Do(ir.SetRIP, ir.Void, 0, to)
}

// ret pops the target and releases extra bytes of arguments.
func (c *Ctx) ret(extra ir.Value) {
	to := c.Ext(ir.ZExt, ir.I64, c.Src(ir.Top, c.opType(), 0))
	c.Do(ir.CheckRIP, ir.Void, 0, to)
	sp := c.Src(ir.SPPlus, ir.I64, uint64(c.OpSize))
	c.Do(ir.SetSP, ir.I64, 0, c.Bin(ir.Add, sp, extra))
	c.Do(ir.SetRIP, ir.Void, 0, to)
}
