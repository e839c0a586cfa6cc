package sem

import (
	"strings"

	"g86/cpu/ir"
)

// Packed-integer instructions, on MMX and XMM registers alike: lane-wise ones
// are one function of package vec, the others have a second one for MMX, whose
// name ends in M.

const laneWise = `PADDB PADDW PADDD PADDQ PADDSB PADDSW PADDUSB PADDUSW PSUBB PSUBW PSUBD PSUBQ PSUBSB PSUBSW
	PSUBUSB PSUBUSW PMULLW PMULHW PMULHUW PMULHRSW PMULUDQ PMADDWD PMADDUBSW PSADBW PAND PANDN POR PXOR
	PCMPEQB PCMPEQW PCMPEQD PCMPGTB PCMPGTW PCMPGTD PAVGB PAVGW PMINUB PMINSW PMAXUB PMAXSW
	PSIGNB PSIGNW PSIGND PSLLW PSLLD PSLLQ PSRLW PSRLD PSRLQ PSRAW PSRAD`

const crossing = `PHADDW PHADDD PHADDSW PHSUBW PHSUBD PHSUBSW PSHUFB PACKSSWB PACKSSDW PACKUSWB
	PUNPCKLBW PUNPCKLWD PUNPCKLDQ PUNPCKHBW PUNPCKHWD PUNPCKHDQ`

func init() {
	for _, name := range strings.Fields(laneWise) {
		def(func(c *Ctx) {
			if !c.mmx() {
				binary(name, 0)(c)
				return
			}
			b := c.ReadV(1)
			c.WriteV(0, c.wide(name, 0, c.ReadV(0), b))
		}, name)
	}
	for _, name := range strings.Fields(crossing) {
		def(func(c *Ctx) {
			if !c.mmx() {
				binary(name, 0)(c)
				return
			}
			b := c.ReadV(1)
			c.WriteV(0, c.Vec(ir.V64, name+"M", 0, c.ReadV(0), b))
		}, name)
	}
	for _, name := range []string{"PABSB", "PABSW", "PABSD"} {
		def(func(c *Ctx) {
			if !c.mmx() {
				unary(name, 0)(c)
				return
			}
			c.WriteV(0, c.wide(name, 0, c.ReadV(1)))
		}, name)
	}
	for _, name := range []string{"PSLLW", "PSLLD", "PSLLQ", "PSRLW", "PSRLD", "PSRLQ", "PSRAW", "PSRAD"} {
		def(func(c *Ctx) { c.WriteV(0, c.wide(name+"I", ir.VecImm, c.ReadV(0))) }, name+" Nq,Ib")
		def(func(c *Ctx) { c.WriteV(0, c.Vec(ir.V128, name+"I", ir.VecImm, c.ReadV(0))) }, name+" Udq,Ib")
	}
	def(func(c *Ctx) {
		if !c.mmx() {
			binary("PALIGNR", ir.VecImm)(c)
			return
		}
		b := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V64, "PALIGNRM", ir.VecImm, c.ReadV(0), b))
	}, "PALIGNR")
	def(func(c *Ctx) { c.WriteV(0, c.Vec(ir.V64, "PSHUFW", ir.VecImm, c.ReadV(1))) }, "PSHUFW")
	def(func(c *Ctx) { c.Call(ir.Void, "emms", ir.CallCommits) }, "EMMS")

	// Moves between MMX, memory, general and XMM registers.
	def(func(c *Ctx) { c.WriteV(0, c.ReadV(1)) }, "MOVQ Pq,Qq", "MOVQ Qq,Pq", "MOVNTQ")
	def(func(c *Ctx) { c.WriteV(0, c.Ext(ir.ZExt, ir.V64, c.Read(1))) }, "MOVD Pq,Ed", "MOVQ Pq,Eq")
	def(func(c *Ctx) {
		c.Write(0, c.Ext(ir.Trunc, c.Type(0), c.ReadV(1)))
		c.enterMMX()
	}, "MOVD Ed,Pq", "MOVQ Eq,Pq")
	def(func(c *Ctx) { // MOVQ2DQ
		c.WriteV(0, c.Ext(ir.ZExt, ir.V128, c.ReadV(1)))
		c.enterMMX()
	}, "MOVQ2DQ")
	def(func(c *Ctx) { c.WriteV(0, c.Ext(ir.Trunc, ir.V64, c.ReadV(1))) }, "MOVDQ2Q")
	def(func(c *Ctx) {
		c.Write(0, c.Vec(ir.I32, "PMOVMSKBM", 0, c.ReadV(1)))
		c.enterMMX()
	}, "PMOVMSKB Gd,Nq")
	def(func(c *Ctx) {
		c.Write(0, c.Vec(ir.I32, "PEXTRWM", ir.VecImm, c.ReadV(1)))
		c.enterMMX()
	}, "PEXTRW Gd,Nq,Ib")
	def(func(c *Ctx) {
		v := c.Ext(ir.ZExt, ir.I32, c.Read(1))
		c.WriteV(0, c.Vec(ir.V64, "PINSRWM", ir.VecImm, c.ReadV(0), v))
	}, "PINSRW Pq,Rd/Mw,Ib")
	def(func(c *Ctx) { c.Call(ir.Void, "maskmovq", ir.CallFaults|ir.CallCommits) }, "MASKMOVQ")
}
