package pic

import "math/bits"

// ICW1, ICW4 and OCW3 bits (8259A datasheet, figures 7 and 8).
const (
	icw1IC4  = 0x01 // ICW4 follows
	icw1SNGL = 0x02 // no cascade, no ICW3
	icw1LTIM = 0x08 // all inputs level triggered

	icw4AEOI = 0x02
	icw4SFNM = 0x10

	ocw3RIS = 0x01
	ocw3RR  = 0x02
	ocw3P   = 0x04
	ocw3SMM = 0x20
	ocw3ESM = 0x40
)

// chip is one 8259A.
type chip struct {
	Lines  uint8 // levels of the inputs
	Edges  uint8 // request latches of edge-triggered inputs
	ISR    uint8
	IMR    uint8
	ELCR   uint8
	Elig   uint8 // inputs that ELCR may make level triggered
	Base   uint8 // ICW2: vector of input 0
	ICW1   uint8
	ICW3   uint8
	ICW4   uint8
	Expect uint8 // the ICW awaited at A0=1; 0: OCW1
	Ready  bool  // initialised
	Lowest uint8 // input of lowest priority

	ReadISR     bool
	Poll        bool // next read is a poll
	SpecialMask bool
	RotateAEOI  bool
}

func (c *chip) aeoi() bool { return c.ICW4&icw4AEOI != 0 }
func (c *chip) sfnm() bool { return c.ICW4&icw4SFNM != 0 }

// cascaded reports whether a slave hangs on input n. Only the master can say
// so: a slave's ICW3 is its own number.
func (c *chip) cascaded(n uint8) bool {
	return n == Cascade && c.ICW1&icw1SNGL == 0 && c.ICW3&(1<<n) != 0
}

func (c *chip) levelInputs() uint8 {
	if c.ICW1&icw1LTIM != 0 {
		return 0xff
	}
	return c.ELCR
}

// irr is the interrupt request register: latched edges and high levels.
func (c *chip) irr() uint8 {
	l := c.levelInputs()
	return c.Edges&^l | c.Lines&l
}

func (c *chip) input(bit uint8, level bool) {
	switch {
	case !level:
		c.Lines &^= bit
		c.Edges &^= bit
	case c.Lines&bit == 0:
		c.Lines |= bit
		c.Edges |= bit
	}
}

// highest returns the input of highest priority in set and its rank (0 is the
// highest, 7 the lowest, 8 none).
func (c *chip) highest(set uint8) (n, rank uint8) {
	first := (c.Lowest + 1) & 7
	rank = uint8(bits.TrailingZeros8(bits.RotateLeft8(set, -int(first))))
	return (first + rank) & 7, rank
}

// request is the input that INT is raised for.
func (c *chip) request() (n uint8, ok bool) {
	if !c.Ready {
		return 0, false
	}
	n, rank := c.highest(c.irr() &^ c.IMR)
	if rank == 8 {
		return 0, false
	}
	inService := c.ISR
	if c.SpecialMask {
		inService &^= c.IMR // "Special Mask Mode": masked levels in service block nobody
	}
	_, busy := c.highest(inService)
	// "Special Fully Nested Mode": a slave in service may interrupt again, as
	// the slave itself knows its priorities.
	if rank == busy && c.sfnm() && c.ICW1&icw1SNGL == 0 && c.ICW3&(1<<n) != 0 {
		return n, true
	}
	return n, rank < busy
}

// accept is what INTA does for input n.
func (c *chip) accept(n uint8) {
	c.Edges &^= 1 << n
	if !c.aeoi() {
		c.ISR |= 1 << n
	} else if c.RotateAEOI {
		c.Lowest = n
	}
}

// poll is a read after the poll command: it acknowledges like INTA.
func (c *chip) poll() (word uint8, accepted bool) {
	c.Poll = false
	n, ok := c.request()
	if !ok {
		return 0, false
	}
	c.accept(n)
	return 0x80 | n, true
}

// icw1 starts initialisation. The datasheet's list: edge sense reset (a new
// rise is needed), IMR cleared, input 7 lowest, special mask cleared, status read
// set to IRR, ICW4 functions cleared if it does not follow.
func (c *chip) icw1(v uint8) {
	c.ICW1 = v
	c.Edges, c.IMR, c.ISR = 0, 0, 0
	c.Lowest = 7
	c.SpecialMask, c.ReadISR, c.Poll, c.RotateAEOI = false, false, false, false
	c.ICW4 = 0
	c.Ready = false
	c.Expect = 2
}

// writeData is a write with A0=1: ICW2 to ICW4 while they are awaited, else OCW1.
func (c *chip) writeData(v uint8) {
	switch c.Expect {
	case 0:
		c.IMR = v
		return
	case 2:
		c.Base = v &^ 7
		c.Expect = 3
		if c.ICW1&icw1SNGL != 0 {
			c.Expect = 4
		}
	case 3:
		c.ICW3 = v
		c.Expect = 4
	case 4:
		c.ICW4 = v
		c.Expect = 0
	}
	if c.Expect == 4 && c.ICW1&icw1IC4 == 0 {
		c.Expect = 0
	}
	c.Ready = c.Expect == 0
}

// ocw2 is end of interrupt and rotation: bits 7-5 are R, SL, EOI.
func (c *chip) ocw2(v uint8) {
	n := v & 7
	switch v >> 5 {
	case 0b000:
		c.RotateAEOI = false
	case 0b100:
		c.RotateAEOI = true
	case 0b001:
		c.eoi(false)
	case 0b101:
		c.eoi(true)
	case 0b011:
		c.ISR &^= 1 << n
	case 0b111:
		c.ISR &^= 1 << n
		c.Lowest = n
	case 0b110:
		c.Lowest = n
	}
}

// eoi ends the interrupt of highest priority. In special mask mode it leaves
// masked ones alone.
func (c *chip) eoi(rotate bool) {
	set := c.ISR
	if c.SpecialMask {
		set &^= c.IMR
	}
	n, rank := c.highest(set)
	if rank == 8 {
		return
	}
	c.ISR &^= 1 << n
	if rotate {
		c.Lowest = n
	}
}

func (c *chip) ocw3(v uint8) {
	if v&ocw3P != 0 {
		c.Poll = true
	}
	if v&ocw3RR != 0 {
		c.ReadISR = v&ocw3RIS != 0
	}
	if v&ocw3ESM != 0 {
		c.SpecialMask = v&ocw3SMM != 0
	}
}

func (c *chip) snapshot() Snapshot {
	return Snapshot{Base: c.Base, IRR: c.irr(), ISR: c.ISR, IMR: c.IMR, ELCR: c.ELCR, Lines: c.Lines, Lowest: c.Lowest, Ready: c.Ready}
}
