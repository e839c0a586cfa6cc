package cpu

// Debug registers, breakpoints and single stepping (SDM volume 3B, chapter 18).

const (
	dr6BD = 1 << 13
	dr6BS = 1 << 14
	dr6BT = 1 << 15

	dr7GD = 1 << 13
)

func (c *CPU) movFromDR(in *Op) {
	n := c.debugReg(in)
	c.setReg(in.RM, c.crSize(), c.DR[n])
}

func (c *CPU) movToDR(in *Op) {
	n := c.debugReg(in)
	v := c.GPR[in.RM&15] & opMask(c.crSize())
	switch n {
	case 6:
		if v>>32 != 0 {
			c.gp0()
		}
		c.DR[6] = v&0xe00f | 0xffff0ff0
	case 7:
		if v>>32 != 0 {
			c.gp0()
		}
		c.DR[7] = v&0xffff23ff | 0x400
		c.privilegeChanged()
		c.flushTLB(true) // entries remember whether accesses must be watched
		c.eventsChanged()
	default:
		c.DR[n] = v // canonical or not (SDM volume 3B, 18.2.6)
		c.flushTLB(true)
	}
}

// debugReg is the register a MOV names; 4 and 5 are 6 and 7 unless CR4.DE.
func (c *CPU) debugReg(in *Op) int {
	n := int(in.Reg & 7)
	if n == 4 || n == 5 {
		if c.CR4&CR4DE != 0 {
			c.ud()
		}
		n += 2
	}
	if c.DR[7]&dr7GD != 0 {
		c.raiseDB(dr6BD)
	}
	return n
}

// raiseDB raises a fault-class #DB.
func (c *CPU) raiseDB(dr6 uint64) {
	c.pendingFault = fault{vector: vecDB, dr6: dr6}
	panic(&c.pendingFault)
}

// breakpoint describes DR0-3 n: enabled, its type (0 execute, 1 write, 2 I/O,
// 3 read or write) and length.
func (c *CPU) breakpoint(n int) (enabled bool, typ uint8, length uint64) {
	ctl := c.DR[7]
	enabled = ctl>>(2*n)&3 != 0
	typ = uint8(ctl>>(16+4*n)) & 3
	length = [4]uint64{1, 2, 8, 4}[ctl>>(18+4*n)&3]
	return enabled, typ, length
}

// watches reports whether any enabled breakpoint is of a type that is wanted.
func (c *CPU) watches(want func(typ uint8) bool) bool {
	if c.DR[7]&0xff == 0 {
		return false
	}
	for n := 0; n < 4; n++ {
		if on, typ, _ := c.breakpoint(n); on && want(typ) {
			return true
		}
	}
	return false
}

// dataBreakpoints reports whether any enabled breakpoint watches data.
func (c *CPU) dataBreakpoints() bool {
	return c.watches(func(typ uint8) bool { return typ&1 != 0 })
}

// matchDataBreakpoints makes a #DB trap pending after an access that a data
// breakpoint watches.
func (c *CPU) matchDataBreakpoints(lin uint64, n int, acc access) {
	if c.DR[7]&0xff == 0 || acc == accExec {
		return
	}
	for i := 0; i < 4; i++ {
		on, typ, length := c.breakpoint(i)
		if !on || typ != 3 && !(typ == 1 && acc == accWrite) {
			continue
		}
		c.hit(i, lin, uint64(n), length)
	}
}

func (c *CPU) hit(i int, at, n, length uint64) {
	base := c.DR[i] &^ (length - 1)
	if at < base+length && base < at+n {
		c.PendingDB |= 1 << i
		c.post(evDebug)
	}
}

// matchIOBreakpoints does the same for ports, with CR4.DE.
func (c *CPU) matchIOBreakpoints(port uint16, size int) {
	if c.DR[7]&0xff == 0 || c.CR4&CR4DE == 0 {
		return
	}
	for i := 0; i < 4; i++ {
		if on, typ, length := c.breakpoint(i); on && typ == 2 {
			c.hit(i, uint64(port), uint64(size), length)
		}
	}
}

// deliverDebugTrap delivers the traps of the instruction just completed.
func (c *CPU) deliverDebugTrap() {
	dr6 := c.PendingDB
	c.PendingDB = 0
	c.deliverEvent(fault{vector: vecDB, dr6: dr6}, kindTrap)
}

// prepareDebug runs before an instruction while debugging is active: it raises
// instruction breakpoints, unless RF or the shadow of MOV SS holds them off, and
// asks for one instruction at a time.
func (c *CPU) prepareDebug(shadow uint8) {
	exec := c.watches(func(typ uint8) bool { return typ == 0 })
	rf := c.RFLAGS&FlagRF != 0
	if c.RFLAGS&FlagTF == 0 && !exec {
		c.RFLAGS &^= FlagRF // lasts one instruction, and nothing looks at it
		if c.PendingDB == 0 {
			c.events &^= evDebug
		}
		return
	}
	c.single = true
	c.RFLAGS &^= FlagRF // lasts one instruction, which may set it (IRET)
	if !exec || rf || shadow == 2 {
		return
	}
	lin := (c.seg[CS].base + c.RIP) & c.linMask
	var dr6 uint64
	for i := 0; i < 4; i++ {
		if on, typ, _ := c.breakpoint(i); on && typ == 0 && c.DR[i] == lin {
			dr6 |= 1 << i
		}
	}
	if dr6 != 0 {
		c.raiseDB(dr6)
	}
}

// afterSingle runs after each instruction while c.single. c.stepping is RFLAGS.TF
// as it was before the instruction, unless that delivered an event.
func (c *CPU) afterSingle() {
	if c.stepping {
		c.stepTrap()
	}
	c.single, c.stepping = false, false
}

// stepTrap makes a single-step trap pending.
func (c *CPU) stepTrap() {
	c.PendingDB |= dr6BS
	c.post(evDebug)
}
