package cpu

// Port input and output with the I/O permission checks (SDM volume 1, 19.5).

func init() {
	exec(func(c *CPU, in *Op) { c.in(in, uint16(uint8(in.Imm)), 1) }, "IN AL,Ib")
	exec(func(c *CPU, in *Op) { c.in(in, uint16(uint8(in.Imm)), min(int(in.OpSize), 4)) }, "IN eAX,Ib")
	exec(func(c *CPU, in *Op) { c.in(in, uint16(c.GPR[RDX]), 1) }, "IN AL,DX")
	exec(func(c *CPU, in *Op) { c.in(in, uint16(c.GPR[RDX]), min(int(in.OpSize), 4)) }, "IN eAX,DX")
	exec(func(c *CPU, in *Op) { c.out(uint16(uint8(in.Imm)), 1) }, "OUT Ib,AL")
	exec(func(c *CPU, in *Op) { c.out(uint16(uint8(in.Imm)), min(int(in.OpSize), 4)) }, "OUT Ib,eAX")
	exec(func(c *CPU, in *Op) { c.out(uint16(c.GPR[RDX]), 1) }, "OUT DX,AL")
	exec(func(c *CPU, in *Op) { c.out(uint16(c.GPR[RDX]), min(int(in.OpSize), 4)) }, "OUT DX,eAX")
}

func (c *CPU) in(in *Op, port uint16, size int) {
	c.checkIO(port, size)
	c.matchIOBreakpoints(port, size)
	c.setReg(RAX, uint8(size), uint64(c.board.In(port, size)))
}

func (c *CPU) out(port uint16, size int) {
	c.checkIO(port, size)
	c.matchIOBreakpoints(port, size)
	c.board.Out(port, size, uint32(c.GPR[RAX]&opMask(uint8(size))))
}

// checkIO raises #GP(0) unless IOPL or the TSS's permission bitmap allows the
// access.
func (c *CPU) checkIO(port uint16, size int) {
	if c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM == 0 && c.cpl <= c.iopl() {
		return
	}
	tr := &c.Seg[TR]
	if tr.Attr&attrP == 0 || tr.Type()&8 == 0 || tr.Limit < 0x67 {
		c.gp0()
	}
	base := uint32(c.sysRead(tr.Base+0x66, 2))
	at := base + uint32(port>>3)
	if at+1 > tr.Limit {
		c.gp0()
	}
	bits := c.sysRead(tr.Base+uint64(at), 2) >> (port & 7)
	if bits&(1<<size-1) != 0 {
		c.gp0()
	}
}
