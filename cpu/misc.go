package cpu

// Instructions of the 8086 to the Pentium that are rare or irregular.

func init() {
	exec((*CPU).pusha, "PUSHA")
	exec((*CPU).popa, "POPA")
	exec((*CPU).enterFrame, "ENTER")
	exec(func(c *CPU, in *Op) {
		c.setReg8(RAX, c.load8(in.Seg, (c.GPR[RBX]+c.GPR[RAX]&0xff)&in.AMask))
	}, "XLAT")
	exec(func(c *CPU, in *Op) { c.loop(in, true) }, "LOOP")
	exec(func(c *CPU, in *Op) { c.loop(in, c.zf()) }, "LOOPE")
	exec(func(c *CPU, in *Op) { c.loop(in, !c.zf()) }, "LOOPNE")
	exec(func(c *CPU, in *Op) {
		if c.counter(in) == 0 {
			c.branch(in)
		}
	}, "JCXZ")
	exec((*CPU).daa, "DAA")
	exec((*CPU).das, "DAS")
	exec(func(c *CPU, in *Op) { c.asciiAdjust(1) }, "AAA")
	exec(func(c *CPU, in *Op) { c.asciiAdjust(-1) }, "AAS")
	exec((*CPU).aam, "AAM")
	exec((*CPU).aad, "AAD")
	exec((*CPU).cmpxchg8b, "CMPXCHG8B")
	exec((*CPU).cmpxchg16b, "CMPXCHG16B")
	exec((*CPU).cpuid, "CPUID")
	exec((*CPU).rdmsr, "RDMSR")
	exec((*CPU).wrmsr, "WRMSR")
}

// branch takes a relative branch.
func (c *CPU) branch(in *Op) {
	to := (in.Next + in.Imm) & opMask(in.OpSize)
	c.checkRIP(to)
	c.RIP = to
}

func (c *CPU) loop(in *Op, cond bool) {
	n := (c.counter(in) - 1) & in.AMask
	if n != 0 && cond {
		c.branch(in) // may fault: before rCX changes
	}
	c.setIndex(RCX, in, n)
}

func (c *CPU) pusha(in *Op) {
	size := int(in.OpSize)
	var f frame
	f.down(c, size)
	for r := RAX; r <= RDI; r++ {
		f.push(c.GPR[r]) // RSP is the value before the instruction
	}
	f.commit()
}

func (c *CPU) popa(in *Op) {
	size := int(in.OpSize)
	var v [8]uint64
	for i := range v {
		v[i] = c.peek(size, i)
	}
	for i, x := range v {
		if r := 7 - i; r != RSP {
			c.setReg(uint8(r), in.OpSize, x)
		}
	}
	c.setSP(c.GPR[RSP] + uint64(8*size))
}

// enterFrame is ENTER (SDM volume 2): everything that may fault comes first.
func (c *CPU) enterFrame(in *Op) {
	size := uint64(in.OpSize)
	level := in.Imm2 & 31
	var f frame
	f.down(c, int(size))
	f.push(c.GPR[RBP])
	frame := f.sp
	bp := c.GPR[RBP]
	for i := uint16(1); i < level; i++ {
		bp -= size
		f.push(c.load(SS, bp&c.spMask, int(size)))
	}
	if level > 0 {
		f.push(frame)
	}
	sp := f.sp - in.Imm&0xffff
	c.checkWrite(SS, sp&c.spMask, int(size))
	if in.OpSize == 2 {
		c.setReg16(RBP, uint16(frame))
	} else {
		c.GPR[RBP] = c.GPR[RBP]&c.spKeep | frame&opMask(in.OpSize)
	}
	c.setSP(sp)
}

func (c *CPU) al() uint8  { return uint8(c.GPR[RAX]) }
func (c *CPU) ahi() uint8 { return uint8(c.GPR[RAX] >> 8) }

// decimalFlags sets SF, ZF and PF from al, and AF and CF; OF (undefined) is 0.
func (c *CPU) decimalFlags(al uint8, af, cf bool) {
	c.setReg8(RAX, al)
	c.flagsLogic(sextN(uint64(al), 8))
	c.fAux = uint32(bit(cf))<<31 | uint32(bit(cf))<<30 | uint32(bit(af))<<3
}

func (c *CPU) daa(in *Op) {
	al, cf, af := c.al(), c.cf(), c.af()
	r := al
	if al&15 > 9 || af {
		r += 6
		af = true
	}
	if al > 0x99 || cf {
		r += 0x60
		cf = true
	}
	c.decimalFlags(r, af, cf)
}

func (c *CPU) das(in *Op) {
	al, cf, af := c.al(), c.cf(), c.af()
	r := al
	out := false
	if al&15 > 9 || af {
		out = cf || al < 6
		r -= 6
		af = true
	}
	if al > 0x99 || cf {
		r -= 0x60
		out = true
	}
	c.decimalFlags(r, af, out)
}

// asciiAdjust is AAA and AAS. SF, ZF, PF (undefined) follow AL, OF is 0.
func (c *CPU) asciiAdjust(sign int) {
	ax := uint16(c.GPR[RAX])
	adjust := ax&15 > 9 || c.af()
	if adjust {
		ax += uint16(sign * 0x106)
	}
	ax &= 0xff0f
	c.setReg16(RAX, ax)
	c.decimalFlags(uint8(ax), adjust, adjust)
}

// aam divides by the immediate. CF, AF, OF (undefined) are 0.
func (c *CPU) aam(in *Op) {
	d := uint8(in.Imm)
	if d == 0 {
		c.raise(vecDE)
	}
	al := c.al()
	c.setReg16(RAX, uint16(al/d)<<8|uint16(al%d))
	c.flagsLogic(sextN(uint64(al%d), 8))
}

func (c *CPU) aad(in *Op) {
	r := c.al() + c.ahi()*uint8(in.Imm)
	c.setReg16(RAX, uint16(r))
	c.flagsLogic(sextN(uint64(r), 8))
}

func (c *CPU) cmpxchg8b(in *Op) {
	ea := c.ea(in)
	old := c.rmw64(in.Seg, ea)
	want := c.GPR[RDX]<<32 | c.GPR[RAX]&0xffffffff
	if old == want {
		c.put64(c.GPR[RCX]<<32 | c.GPR[RBX]&0xffffffff)
	} else {
		c.put64(old)
		c.GPR[RAX], c.GPR[RDX] = old&0xffffffff, old>>32
	}
	c.setZF(old == want)
}

func (c *CPU) cmpxchg16b(in *Op) {
	ea := c.ea(in)
	lin := c.checkSeg(in.Seg, ea, 16, accWrite)
	if lin&15 != 0 {
		c.gp0()
	}
	c.checkWrite(in.Seg, ea, 16)
	old := c.load128(in.Seg, ea)
	same := old == [2]uint64{c.GPR[RAX], c.GPR[RDX]}
	if same {
		c.store128(in.Seg, ea, [2]uint64{c.GPR[RBX], c.GPR[RCX]})
	} else {
		c.store128(in.Seg, ea, old)
		c.GPR[RAX], c.GPR[RDX] = old[0], old[1]
	}
	c.setZF(same)
}
