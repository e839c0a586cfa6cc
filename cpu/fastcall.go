package cpu

// Fast system calls: SYSENTER, SYSEXIT, SYSCALL, SYSRET (SDM volume 3A, 5.8.7).

func init() {
	exec((*CPU).sysenter, "SYSENTER")
	exec((*CPU).sysexit, "SYSEXIT")
	exec((*CPU).syscall, "SYSCALL")
	exec((*CPU).sysret, "SYSRET")
}

// flat makes segment register i flat with the fixed attributes of the fast
// system calls.
func (c *CPU) flat(i int, sel uint16, attr uint16) {
	c.Seg[i] = Segment{Sel: sel, Limit: 0xffffffff, Attr: attr | attrP | attrS | attrAccessed | attrG}
}

func (c *CPU) sysenter(in *Op) {
	if c.CR0&CR0PE == 0 || c.SysenterCS&^3&0xffff == 0 {
		c.gp0()
	}
	sel := uint16(c.SysenterCS) &^ 3
	c.putFlags(c.Flags() &^ (FlagVM | FlagIF | FlagRF))
	code := uint16(attrCode | attrReadable)
	if c.long {
		c.flat(CS, sel, code|attrL)
		c.RIP, c.GPR[RSP] = c.SysenterEIP, c.SysenterESP
	} else {
		c.flat(CS, sel, code|attrDB)
		c.RIP, c.GPR[RSP] = c.SysenterEIP&0xffffffff, c.SysenterESP&0xffffffff
	}
	c.flat(SS, sel+8, attrWrite|attrDB)
	c.codeChanged()
}

func (c *CPU) sysexit(in *Op) {
	if c.CR0&CR0PE == 0 || c.SysenterCS&^3&0xffff == 0 {
		c.gp0()
	}
	sel := uint16(c.SysenterCS)&^3 | 3
	const dpl3 = 3 << 5
	if in.OpSize == 8 {
		if !canonical(c.GPR[RDX]) || !canonical(c.GPR[RCX]) {
			c.gp0()
		}
		c.flat(CS, sel+32, attrCode|attrReadable|attrL|dpl3)
		c.flat(SS, sel+40, attrWrite|attrDB|dpl3)
		c.RIP, c.GPR[RSP] = c.GPR[RDX], c.GPR[RCX]
	} else {
		c.flat(CS, sel+16, attrCode|attrReadable|attrDB|dpl3)
		c.flat(SS, sel+24, attrWrite|attrDB|dpl3)
		c.RIP, c.GPR[RSP] = c.GPR[RDX]&0xffffffff, c.GPR[RCX]&0xffffffff
	}
	c.codeChanged()
}

func (c *CPU) syscall(in *Op) {
	if c.EFER&EFERSCE == 0 || !c.long && c.CR0&CR0PE == 0 || c.mode != 64 && !c.Model.AMD() {
		c.ud()
	}
	sel := uint16(c.STAR>>32) &^ 3
	if !c.long { // legacy mode, AMD only
		c.GPR[RCX] = in.Next
		c.putFlags(c.Flags() &^ (FlagVM | FlagIF | FlagRF))
		c.flat(CS, sel, attrCode|attrReadable|attrDB)
		c.flat(SS, sel+8, attrWrite|attrDB)
		c.RIP = c.STAR & 0xffffffff
		c.codeChanged()
		return
	}
	c.GPR[RCX] = in.Next
	f := c.Flags() &^ FlagRF
	c.GPR[11] = f
	if c.mode == 64 {
		c.RIP = c.LSTAR
	} else {
		c.RIP = c.CSTAR
	}
	c.putFlags(f &^ c.FMASK &^ FlagRF)
	c.stepping = c.stepping && c.RFLAGS&FlagTF != 0 // TF counts as it is afterwards
	c.flat(CS, sel, attrCode|attrReadable|attrL)
	c.flat(SS, sel+8, attrWrite|attrDB)
	c.codeChanged()
}

func (c *CPU) sysret(in *Op) {
	if c.EFER&EFERSCE == 0 || c.mode != 64 && !c.Model.AMD() {
		c.ud()
	}
	const dpl3 = 3 << 5
	sel := uint16(c.STAR>>48) | 3
	const mask = statusFlags | FlagTF | FlagIF | FlagDF | FlagIOPL | FlagNT | FlagAC | FlagVIF | FlagVIP | FlagID
	if c.mode != 64 {
		c.putFlags(c.Flags() | FlagIF)
		c.flat(CS, sel, attrCode|attrReadable|attrDB|dpl3)
		c.flat(SS, sel+8, attrWrite|attrDB|dpl3)
		c.RIP = c.GPR[RCX] & 0xffffffff
		c.codeChanged()
		return
	}
	if in.OpSize == 8 {
		if !canonical(c.GPR[RCX]) {
			c.gp0()
		}
		c.flat(CS, sel+16, attrCode|attrReadable|attrL|dpl3)
		c.RIP = c.GPR[RCX]
	} else {
		c.flat(CS, sel, attrCode|attrReadable|attrDB|dpl3)
		c.RIP = c.GPR[RCX] & 0xffffffff
	}
	c.putFlags(c.GPR[11] & mask)
	if c.RFLAGS&FlagTF != 0 { // as if the SYSCALL had just been stepped over
		c.stepTrap()
	}
	c.flat(SS, sel+8, attrWrite|attrDB|dpl3)
	c.codeChanged()
}
