package sem

import "g86/cpu/ir"

// conditionNames, in condition-code order, end the names of Jcc, SETcc and CMOVcc.
var conditionNames = [16]string{"O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE", "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"}

// Conditions are the names of the conditions, by condition code.
func Conditions() []string { return conditionNames[:] }

func init() {
	move := func(c *Ctx) { c.Write(0, c.Read(1)) }
	def(move, "MOV", "MOVNTI")
	def(func(c *Ctx) { c.SetReg(c.slot(0), c.Ext(ir.ZExt, c.Type(0), c.Read(1))) }, "MOVZX")
	def(func(c *Ctx) { c.SetReg(c.slot(0), c.Ext(ir.SExt, c.Type(0), c.Read(1))) }, "MOVSX")
	def(movsxd, "MOVSXD")
	def(func(c *Ctx) { c.Write(0, c.Un(ir.Bswap, c.Read(1))) }, "MOVBE")
	def(func(c *Ctx) {
		if c.OpSize == 2 { // undefined; processors give 0
			c.SetReg(c.slot(0), c.Const(ir.I16, 0))
			return
		}
		c.SetReg(c.slot(0), c.Un(ir.Bswap, c.Read(0)))
	}, "BSWAP")
	def(func(c *Ctx) { c.SetReg(c.slot(0), c.Ext(ir.Trunc, c.Type(0), c.EA())) }, "LEA")
	def(func(c *Ctx) {
		a := c.ReadRW(0)
		b := c.Read(1)
		c.Update(0, b)
		c.Update(1, a)
	}, "XCHG")
	def(func(*Ctx) {}, "NOP", "PAUSE", "ENDBR64", "ENDBR32", "LFENCE", "MFENCE", "SFENCE",
		"PREFETCHNTA", "PREFETCHT0", "PREFETCHT1", "PREFETCHT2", "PREFETCHW")
	for cc, name := range conditionNames {
		def(func(c *Ctx) { c.Write(0, c.Cond(uint64(cc))) }, "SET"+name)
		def(func(c *Ctx) {
			src := c.Read(1) // read, and may fault, whatever the condition
			c.SetReg(c.slot(0), c.Tri(ir.Select, c.Cond(uint64(cc)), src, c.Read(0)))
		}, "CMOV"+name)
	}

	def(func(c *Ctx) { c.Do(ir.Push, c.opType(), 0, c.Read(0)) }, "PUSH Zv", "PUSH Ev")
	def(func(c *Ctx) { c.Do(ir.Push, c.opType(), 0, c.Src(ir.Imm, c.opType(), 0)) }, "PUSH Iz", "PUSH Ibs")
	def(pop, "POP Zv", "POP Ev")
	def(leave, "LEAVE")
	def(func(c *Ctx) { c.Do(ir.SetF, ir.I32, 0xd5, c.ah()) }, "SAHF")
	def(func(c *Ctx) { // AH = SF:ZF:0:AF:0:PF:1:CF
		f := c.Bin(ir.And, c.Src(ir.GetF, ir.I32, 0), c.Const(ir.I32, 0xd5))
		f = c.Shift(ir.Shl, c.Bin(ir.Or, f, c.Const(ir.I32, 2)), c.Const(ir.I8, 8))
		ax := c.Bin(ir.And, c.GetReg(ir.I16, 0), c.Const(ir.I16, 0xff))
		c.SetReg(0, c.Bin(ir.Or, ax, c.Ext(ir.Trunc, ir.I16, f)))
	}, "LAHF")
	def(func(c *Ctx) { c.Do(ir.SetF, ir.I32, 1, c.Const(ir.I32, 0)) }, "CLC")
	def(func(c *Ctx) { c.Do(ir.SetF, ir.I32, 1, c.Const(ir.I32, 1)) }, "STC")
	def(func(c *Ctx) {
		c.Do(ir.SetF, ir.I32, 1, c.Bin(ir.Xor, c.Src(ir.GetF, ir.I32, 0), c.Const(ir.I32, 1)))
	}, "CMC")
}

// ah is AH as i32.
func (c *Ctx) ah() ir.Value {
	return c.Shift(ir.Shr, c.Ext(ir.ZExt, ir.I32, c.GetReg(ir.I16, 0)), c.Const(ir.I8, 8))
}

// movsxd reads 32 bits, or 16 with a 16-bit operand size.
func movsxd(c *Ctx) {
	t := ir.I32
	if c.OpSize == 2 {
		t = ir.I16
	}
	var v ir.Value
	if c.Mem {
		v = c.Load(ir.Load, t, ir.SlotSeg, c.EA())
	} else {
		v = c.GetReg(t, ir.SlotRM)
	}
	c.SetReg(ir.SlotReg, c.Ext(ir.SExt, c.opType(), v))
}

// pop computes a memory operand's address with the stack pointer already moved
// (SDM volume 2, POP), but moves it only after the store has succeeded.
func pop(c *Ctx) {
	t := c.opType()
	v := c.Src(ir.Top, t, 0)
	sp := c.Src(ir.SPPlus, ir.I64, uint64(c.OpSize))
	if c.IsMem(0) {
		ea := c.Call(ir.I64, "eaAfterPop", 0)
		c.Store(ir.SlotSeg, ea, v)
		c.Do(ir.SetSP, ir.I64, 0, sp)
		return
	}
	c.Do(ir.SetSP, ir.I64, 0, sp)
	c.SetReg(c.slot(0), v)
}

// leave is SP = BP, then POP BP; the width of the first is the stack's.
func leave(c *Ctx) {
	t := c.opType()
	bp := c.Call(ir.I64, "frame", 0)
	v := c.Load(ir.Load, t, 2, bp)
	c.Do(ir.SetSP, ir.I64, 0, c.Bin(ir.Add, bp, c.Const(ir.I64, uint64(c.OpSize))))
	c.SetReg(5, v)
}
