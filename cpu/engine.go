package cpu

// What an engine needs that runs the processor without Run (package cpu/kvm). While it
// does, State is stale; Count, Limit and the pins are not.

// Board is the board that the processor is plugged into.
func (c *CPU) Board() Board { return c.board }

// Processors is how many processors the machine has.
func (c *CPU) Processors() int { return len(c.code.cpus) }

// Limit is the instruction count at which the engine has to return; ShortenTo may have
// lowered it since SetLimit.
func (c *CPU) Limit() uint64 { return c.limit }

// SetLimit begins a run up to an instruction count.
func (c *CPU) SetLimit(count uint64) { c.limit = count }

// TakeStop reports whether Stop was called since the last time.
func (c *CPU) TakeStop() bool {
	stop := c.events&evStop != 0
	c.events &^= evStop
	return stop
}

// A20 reports whether the A20M# pin lets address line 20 through.
func (c *CPU) A20() bool { return c.a20 == ^uint64(0) }

// ReadMSR is RDMSR; false is #GP(0).
func (c *CPU) ReadMSR(n uint32) (uint64, bool) { return c.readMSR(n) }

// WriteMSR is WRMSR; false is #GP(0).
func (c *CPU) WriteMSR(n uint32, v uint64) bool { return c.writeMSR(n, v) }

// Event is an exception or interrupt that an engine took from the guest or the board
// and has not delivered.
type Event struct {
	Vector   uint8
	External bool // from the interrupt pin; otherwise an exception
	HasCode  bool
	Code     uint32 // error code
	DR6      uint64 // of #DB: what to set in DR6
}

// Deliver delivers ev as if it had come up before the instruction at RIP. CR2 is State's.
func (c *CPU) Deliver(ev Event) {
	if ev.External {
		c.external(ev.Vector)
		return
	}
	c.deliverFault(fault{vector: ev.Vector, hasCode: ev.HasCode, code: ev.Code, cr2: c.CR2, dr6: ev.DR6})
}

// Interpret runs up to n instructions with the interpreter, without trusting what it
// has decoded before: another engine has written to memory since.
func (c *CPU) Interpret(n uint64) Exit {
	c.code.Flush()
	c.Refresh()
	until, limit := c.ICount+n, c.limit
	exit := c.Run(min(until, limit))
	if c.limit >= until {
		c.limit = limit // no timer was armed before it
	}
	return exit
}
