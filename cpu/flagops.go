package cpu

// Instructions on RFLAGS, and interrupt enabling with virtual interrupts (VME,
// PVI).

func init() {
	exec((*CPU).pushf, "PUSHF")
	exec((*CPU).popf, "POPF")
	exec((*CPU).cli, "CLI")
	exec((*CPU).sti, "STI")
	exec(func(c *CPU, in *Op) { c.RFLAGS &^= FlagDF }, "CLD")
	exec(func(c *CPU, in *Op) { c.RFLAGS |= FlagDF }, "STD")
}

func (c *CPU) iopl() uint8 { return uint8(c.RFLAGS>>12) & 3 }

func (c *CPU) v86() bool { return c.RFLAGS&FlagVM != 0 && c.CR0&CR0PE != 0 }

func (c *CPU) pushf(in *Op) {
	f := c.Flags() &^ (FlagVM | FlagRF)
	if c.v86() && c.iopl() < 3 {
		if c.CR4&CR4VME == 0 || in.OpSize != 2 {
			c.gp0()
		}
		f = f&^FlagIF | FlagIOPL
		if f&FlagVIF != 0 {
			f |= FlagIF
		}
	}
	c.push(int(in.OpSize), f&opMask(in.OpSize))
}

func (c *CPU) popf(in *Op) {
	f := c.peek(int(in.OpSize), 0)
	mask := uint64(statusFlags | FlagTF | FlagDF | FlagNT)
	if in.OpSize > 2 {
		mask |= FlagAC | FlagID
	}
	switch {
	case c.v86() && c.iopl() < 3:
		if c.CR4&CR4VME == 0 || in.OpSize != 2 || f&FlagTF != 0 || f&FlagIF != 0 && c.RFLAGS&FlagVIP != 0 {
			c.gp0()
		}
		mask |= FlagVIF
		f &^= FlagVIF
		if f&FlagIF != 0 {
			f |= FlagVIF
		}
	case c.cpl == 0:
		mask |= FlagIOPL | FlagIF
	case c.cpl <= c.iopl():
		mask |= FlagIF
	}
	c.setSP(c.GPR[RSP] + uint64(in.OpSize))
	old := c.Flags()
	if in.OpSize > 2 {
		old &^= FlagRF
	}
	c.putFlags(old&^mask | f&mask)
}

func (c *CPU) cli(in *Op) {
	switch {
	case c.CR0&CR0PE == 0 || c.iopl() >= c.cpl:
		c.RFLAGS &^= FlagIF
	case c.virtualIF():
		c.RFLAGS &^= FlagVIF
	default:
		c.gp0()
	}
}

func (c *CPU) sti(in *Op) {
	switch {
	case c.CR0&CR0PE == 0 || c.iopl() >= c.cpl:
		if c.RFLAGS&FlagIF == 0 {
			c.RFLAGS |= FlagIF
			c.setShadow(1, in)
		}
	case c.virtualIF() && c.RFLAGS&FlagVIP == 0:
		c.RFLAGS |= FlagVIF
	default:
		c.gp0()
	}
}

// virtualIF reports whether CLI and STI act on VIF.
func (c *CPU) virtualIF() bool {
	if c.RFLAGS&FlagVM != 0 {
		return c.CR4&CR4VME != 0
	}
	return c.CR4&CR4PVI != 0 && c.cpl == 3
}
