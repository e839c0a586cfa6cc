package sem

import "g86/cpu/ir"

// Moves of XMM registers.
func init() {
	def(func(c *Ctx) { c.WriteV(0, c.ReadV(1)) },
		"MOVUPS", "MOVUPD", "MOVAPS", "MOVAPD", "MOVDQA", "MOVDQU", "LDDQU", "MOVNTPS", "MOVNTPD", "MOVNTDQ", "MOVNTDQA",
		"MOVLPS Mq,Vq", "MOVLPD Mq,Vq")
	for _, name := range []string{"MOVSS", "MOVSD"} {
		def(func(c *Ctx) {
			v := c.ReadV(1)
			if !c.Mem { // between registers only the low lane moves; from memory the rest is cleared
				v = c.Vec(ir.V128, name, 0, c.ReadV(0), v)
			}
			c.WriteV(0, v)
		}, name)
	}
	def(func(c *Ctx) {
		v := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, "MOVSD", 0, c.ReadV(0), v))
	}, "MOVLPS Vq,Mq", "MOVLPD Vq,Mq")
	def(func(c *Ctx) {
		v := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, "MOVLHPS", 0, c.ReadV(0), v))
	}, "MOVHPS Vq,Mq", "MOVHPD Vq,Mq")
	def(func(c *Ctx) {
		v := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, "MOVHLPS", 0, v, v))
	}, "MOVHPS Mq,Vq", "MOVHPD Mq,Vq")
	def(func(c *Ctx) { // the upper half is cleared
		v := c.ReadV(1)
		if c.Mem {
			c.WriteV(0, v)
			return
		}
		c.WriteV(0, c.Ext(ir.ZExt, ir.V128, c.Ext(ir.Trunc, ir.I64, v)))
	}, "MOVQ Vq,Wq", "MOVQ Wq,Vq")
	def(func(c *Ctx) { c.WriteV(0, c.Ext(ir.ZExt, ir.V128, c.Read(1))) }, "MOVD Vdq,Ed", "MOVQ Vdq,Eq")
	def(func(c *Ctx) { c.Write(0, c.Ext(ir.Trunc, c.Type(0), c.ReadV(1))) }, "MOVD Ed,Vdq", "MOVQ Eq,Vdq")
	def(func(c *Ctx) { c.Call(ir.Void, "maskmovdqu", ir.CallFaults|ir.CallCommits) }, "MASKMOVDQU")
}
