package sem

import (
	"g86/cpu/ir"
	"g86/cpu/isa"
)

// ReadV is vector operand n: V64 of an MMX operand, V128 of an XMM one. A memory
// operand narrower than the register is zero-extended.
func (c *Ctx) ReadV(n int) ir.Value {
	op := c.Form.Operands()[n]
	t := ir.V128
	switch op.Method {
	case 'P', 'Q', 'N':
		t = ir.V64
	}
	if op.Fixed == "XMM0" {
		return c.GetV(t, 0)
	}
	if !c.IsMem(n) {
		return c.GetV(t, c.slot(n))
	}
	switch size := c.Size(n); {
	case size == 16:
		c.align()
		return c.Load(ir.Load, ir.V128, ir.SlotSeg, c.EA())
	case size == 8 && t == ir.V64:
		return c.Load(ir.Load, ir.V64, ir.SlotSeg, c.EA())
	default:
		return c.Ext(ir.ZExt, t, c.Load(ir.Load, ir.IntType(size), ir.SlotSeg, c.EA()))
	}
}

// WriteV writes vector operand n. Memory takes the operand's size of v.
func (c *Ctx) WriteV(n int, v ir.Value) {
	if !c.IsMem(n) {
		c.SetV(c.slot(n), v)
		return
	}
	mmx := c.TypeOf(v) == ir.V64
	switch size := c.Size(n); {
	case size == 16:
		c.align()
	case !mmx:
		v = c.Ext(ir.Trunc, ir.IntType(size), v)
	}
	c.Store(ir.SlotSeg, c.EA(), v)
	if mmx {
		c.enterMMX()
	}
}

// align raises #GP(0) for a misaligned operand of a form that requires alignment.
func (c *Ctx) align() {
	if c.Form.Attr&isa.Align16 != 0 {
		c.Call(ir.Void, "align16", ir.CallFaults, c.EA())
	}
}

// enterMMX is what an MMX instruction does to the x87 tags and TOP, for those
// that write no MMX register (writing one does it).
func (c *Ctx) enterMMX() { c.Call(ir.Void, "enterMMX", ir.CallCommits) }

// mmx reports whether the form works on MMX registers.
func (c *Ctx) mmx() bool { return c.Form.Attr&isa.MMXCheck != 0 }

// wide calls the 128-bit function name on the low halves of MMX operands.
func (c *Ctx) wide(name string, flags uint64, args ...ir.Value) ir.Value {
	for i, a := range args {
		args[i] = c.Ext(ir.ZExt, ir.V128, a)
	}
	return c.Ext(ir.Trunc, ir.V64, c.Vec(ir.V128, name, flags, args...))
}

// binary is destination = name(destination, source).
func binary(name string, flags uint64) Func {
	return func(c *Ctx) {
		b := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, name, flags, c.ReadV(0), b))
	}
}

// unary is destination = name(source).
func unary(name string, flags uint64) Func {
	return func(c *Ctx) { c.WriteV(0, c.Vec(ir.V128, name, flags, c.ReadV(1))) }
}
