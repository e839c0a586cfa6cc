package cpu

import "fmt"

// Exit tells why Run returned.
type Exit uint8

const (
	ExitLimit    Exit = iota // the instruction count was reached
	ExitHalt                 // halted or waiting for a start-up IPI: nothing to run until an interrupt
	ExitShutdown             // triple fault
	ExitStop                 // Stop was called
)

func (e Exit) String() string {
	return [...]string{"limit", "halt", "shutdown", "stop"}[e]
}

// Run executes instructions until the processor's own instruction count reaches
// limit or there is another reason to stop.
func (c *CPU) Run(limit uint64) Exit {
	c.limit = limit
	for {
		exit, again := c.runGuarded()
		if !again {
			return exit
		}
	}
}

// runGuarded runs until it has a reason to exit or an exception was raised,
// which it delivers; then it wants to be called again.
func (c *CPU) runGuarded() (exit Exit, again bool) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*fault)
			if !ok {
				panic(r)
			}
			c.deliverFault(c.abandon(*f))
			again = true
		}
	}()
	b := &c.entry
	for c.ICount < c.limit {
		if c.events != 0 {
			if exit, leave := c.handleEvents(); leave {
				return exit, false
			}
		}
		b = c.nextBlock(b)
		c.branches[c.branchN&15] = b.rip
		c.branchN++
		if c.code.translator != nil && !c.single && c.Trace == nil && c.limit-c.ICount >= uint64(len(b.ops)) && c.translated(b) && c.covers(b) {
			if b = c.runNative(b); b == nil {
				b = &c.entry
			}
			continue
		}
		n := len(b.ops)
		if left := c.limit - c.ICount; uint64(n) > left {
			n = int(left)
		}
		if c.single {
			n, c.stepping = 1, c.RFLAGS&FlagTF != 0
		}
		c.blk, c.blkEnd = b, n
		c.RIP = b.end
		ops := b.ops
		var op *Op
		if c.Trace != nil {
			for i := 0; i < c.blkEnd; i++ {
				op = &ops[i]
				c.cur = op
				c.Trace(c, op)
				op.run(c, op)
			}
		} else if b.observable() {
			for i := 0; i < c.blkEnd; i++ {
				op = &ops[i]
				c.observe(b, i, op)
				c.cur = op
				op.run(c, op)
			}
		} else {
			for i := 0; i < c.blkEnd; i++ {
				op = &ops[i]
				c.cur = op
				op.run(c, op)
			}
		}
		ran := c.index() + 1
		c.ICount += ran
		b.reach = max(b.reach, uint16(ran))
		c.cur = nil
		if c.straight(op) {
			c.RIP = op.Next
		}
		if c.single {
			c.afterSingle()
		}
	}
	switch {
	case c.events&evHalt == 0 || c.Runnable():
		return ExitLimit, false
	case c.Shutdown:
		return ExitShutdown, false
	}
	return ExitHalt, false
}

// branched in blkEnd tells that a branch was taken.
const branched = -1

// straight reports whether control goes on behind op, which has run and has not set RIP.
func (c *CPU) straight(op *Op) bool { return !op.ends || op.branch && c.blkEnd != branched }

// abandon puts RIP back to the start of the instruction that raised exception f
// and counts the ones before it. It returns the exception as it is delivered.
func (c *CPU) abandon(f fault) fault {
	c.implicit = false
	c.PendingDB &= c.heldDB // the instruction's own data breakpoints are lost
	if c.ext {
		f.external()
		c.ext = false
	}
	if c.cur == nil {
		return f // raised by a fetch: RIP is already right
	}
	c.ICount += c.index()
	if !c.committed {
		c.RIP = c.wrapIP(c.cur.Next - uint64(c.cur.Len))
	}
	c.committed = false
	c.cur = nil
	return f
}

// handleEvents deals with everything that happens between instructions, in the
// order of SDM volume 3A, table 6-2.
func (c *CPU) handleEvents() (exit Exit, leave bool) {
	if c.events&evStop != 0 {
		c.events &^= evStop
		return ExitStop, true
	}
	if c.Shutdown {
		return ExitShutdown, true
	}
	if c.WaitSIPI {
		return ExitHalt, true
	}
	shadow := c.Shadow
	if c.events&evShadow != 0 {
		c.Shadow = 0
		c.events &^= evShadow
	}
	c.heldDB = 0
	if shadow == 2 {
		c.heldDB = c.PendingDB
	} else if c.PendingDB != 0 {
		c.Halted = false
		c.deliverDebugTrap()
		shadow = 0
	}
	c.events &^= evNMI // comes back with IRET or after the shadow
	if c.PendingNMI && !c.NMIBlocked && shadow == 0 {
		c.PendingNMI = false
		c.Halted = false
		c.NMIBlocked = true
		c.external(2)
	}
	if c.events&evINTR != 0 {
		switch {
		case !c.board.Interrupt():
			c.held = false
			c.events &^= evINTR
		case c.RFLAGS&FlagIF != 0 && shadow == 0:
			vector := c.board.Ack()
			if vector >= 0 {
				c.Halted = false
				c.external(uint8(vector))
			}
		case c.RFLAGS&FlagIF == 0:
			c.held = true
			c.events &^= evINTR // comes back when IF is set
		}
	}
	if c.Shutdown {
		return ExitShutdown, true
	}
	if c.Halted {
		return ExitHalt, true
	}
	c.events &^= evHalt
	c.single = shadow != 0
	if c.events&evDebug != 0 {
		c.prepareDebug(shadow)
	}
	if shadow != 0 {
		c.events |= evINTR
		if c.PendingNMI {
			c.events |= evNMI
		}
	}
	return 0, false
}

// Runnable reports whether the processor would execute instructions now.
func (c *CPU) Runnable() bool {
	if c.Shutdown || c.WaitSIPI {
		return false
	}
	if !c.Halted {
		return true
	}
	return c.PendingDB != 0 || c.PendingNMI && !c.NMIBlocked || c.RFLAGS&FlagIF != 0 && c.board.Interrupt()
}

// String is where the processor stands, for error messages.
func (c *CPU) String() string {
	return fmt.Sprintf("cpu%d at %04x:%x (#%d)", c.ID, c.Seg[CS].Sel, c.IP(), c.Count())
}
