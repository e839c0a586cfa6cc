package ide

// Command block, 8 ports from 1F0h or 170h (ATA/ATAPI-6, 7)
//
//	+0 Data (2 or 4 bytes)  +1 Error (R) Features (W)  +2 Sector Count, ATAPI Interrupt Reason
//	+3 LBA Low  +4 LBA Mid  +5 LBA High  +6 Device  +7 Status (R) Command (W)
//
// Control block, 1 port at 3F6h or 376h
//
//	+0 Alternate Status (R) Device Control (W): 1 nIEN, 2 SRST, 7 HOB

import (
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
)

// Status register bits (ATA/ATAPI-6, 7.15).
const (
	stBSY  = 0x80
	stDRDY = 0x40
	stDF   = 0x20
	stDSC  = 0x10 // seek complete; service in later standards
	stDRQ  = 0x08
	stERR  = 0x01
	stIdle = stDRDY | stDSC
)

// Error register bits (ATA/ATAPI-6, 7.11).
const (
	erUNC  = 0x40
	erIDNF = 0x10
	erABRT = 0x04
)

// Device Control bits.
const (
	dcNIEN = 0x02
	dcSRST = 0x04
	dcHOB  = 0x80
)

// Indexes of the command block that both drives latch; each remembers the
// value written before (HOB) for 48-bit commands.
const (
	rFeature = 1
	rCount   = 2
	rLow     = 3
	rMid     = 4
	rHigh    = 5
	rDevice  = 6
	rStatus  = 7
)

// Channel is one cable with up to two drives.
type Channel struct {
	name   string `snap:"-"`
	line   irq.Line
	mem    Memory
	master func() bool // the PCI function may do DMA
	drives [2]*drive
	bm     busMaster
	state  struct {
		Control byte
		Unit    byte // selected drive
		Level   bool // INTRQ as driven
	}
}

func newChannel(name string, mem Memory, line irq.Line) *Channel {
	c := &Channel{name: name, line: line, mem: mem}
	c.bm.ch = c
	return c
}

func (c *Channel) attach(unit int, d *drive, clk *clock.Clock, name string) {
	d.ch, d.unit = c, unit
	d.timer = clk.NewTimer(name, func(uint64) { d.step() })
	c.drives[unit] = d
}

func (c *Channel) sel() *drive { return c.drives[c.state.Unit] }

// ReadPort implements bus.PortDevice for the command block.
func (c *Channel) ReadPort(off uint16, size int) uint32 {
	if off == 0 {
		if d := c.sel(); d != nil {
			return d.readData(size)
		}
		return c.absent(0, size)
	}
	if size > 1 { // only Data is wider than a byte
		return c.ReadPort(off, size/2) | c.ReadPort(off+uint16(size/2), size/2)<<(4*size)
	}
	d := c.sel()
	if d == nil {
		return c.absent(off, size)
	}
	hob := 0
	if c.state.Control&dcHOB != 0 {
		hob = 1
	}
	switch off {
	case rFeature:
		return uint32(d.s.Error)
	case rDevice:
		return uint32(d.s.Device | 0xa0)
	case rStatus:
		d.setIntRQ(false)
		return uint32(d.s.Status)
	case rCount, rLow, rMid, rHigh:
		return uint32(d.s.Reg[off][hob])
	}
	return 0xff
}

// absent answers for a drive that is not there. A cable without any drive
// floats with DD7 pulled down; next to another drive status 0 says that nobody
// is here (ATA/ATAPI-6, 9.16.1).
func (c *Channel) absent(off uint16, size int) uint32 {
	switch {
	case c.drives[0] == nil && c.drives[1] == nil:
		return 0x7f7f7f7f & (1<<(8*size) - 1)
	case off == rDevice:
		return uint32(0xa0 | c.state.Unit<<4)
	}
	return 0
}

// WritePort implements bus.PortDevice for the command block.
func (c *Channel) WritePort(off uint16, size int, v uint32) {
	if off == 0 {
		if d := c.sel(); d != nil {
			d.writeData(size, v)
		}
		return
	}
	if size > 1 {
		c.WritePort(off, size/2, v&(1<<(4*size)-1))
		c.WritePort(off+uint16(size/2), size/2, v>>(4*size))
		return
	}
	c.state.Control &^= dcHOB
	b := byte(v)
	d := c.sel()
	if off == rStatus {
		c.command(d, b)
		return
	}
	if d != nil && d.s.Status&stBSY != 0 || off > rStatus {
		return
	}
	for _, d := range c.drives { // both drives listen
		if d == nil {
			continue
		}
		if off == rDevice {
			d.s.Device = b
		} else {
			d.s.Reg[off] = [2]byte{b, d.s.Reg[off][0]}
		}
	}
	if off == rDevice {
		c.state.Unit = b >> 4 & 1
		c.drive()
	}
}

func (c *Channel) command(d *drive, cmd byte) {
	const executeDiagnostic, deviceReset = 0x90, 0x08
	switch {
	case cmd == executeDiagnostic && (d == nil || d.s.Status&stBSY == 0):
		c.diagnose()
	case d == nil:
	case cmd == deviceReset && d.kind == CDROM:
		d.reset()
	case d.s.Status&stBSY == 0:
		d.command(cmd)
	}
}

// diagnose is EXECUTE DEVICE DIAGNOSTIC: both drives run it, device 0 answers.
func (c *Channel) diagnose() {
	c.state.Unit = 0
	for _, d := range c.drives {
		if d != nil {
			d.reset()
			d.busy(stepDiagnosed, commandDelay)
		}
	}
	c.drive()
}

// setControl writes Device Control.
func (c *Channel) setControl(v byte) {
	was := c.state.Control
	c.state.Control = v
	switch {
	case v&dcSRST != 0 && was&dcSRST == 0:
		c.bm.abort()
		for _, d := range c.drives {
			if d != nil {
				d.reset()
				d.s.Status = stBSY
			}
		}
		c.state.Unit = 0
	case v&dcSRST == 0 && was&dcSRST != 0:
		for _, d := range c.drives {
			if d != nil {
				d.busy(stepReset, resetDelay)
			}
		}
	}
	c.drive()
}

// drive brings INTRQ to the level that the selected drive and nIEN give.
func (c *Channel) drive() {
	d := c.sel()
	level := d != nil && d.s.IntRQ && c.state.Control&dcNIEN == 0
	if level == c.state.Level {
		return
	}
	c.state.Level = level
	if level {
		c.bm.state.Status |= bmInterrupt
	}
	c.line.Set(level)
}

func (c *Channel) reset() {
	c.state.Control, c.state.Unit = 0, 0
	c.bm.reset()
	for _, d := range c.drives {
		if d != nil {
			d.powerOn()
		}
	}
	c.drive()
}

// Control is the control block of a channel.
type Control struct{ c *Channel }

// ReadPort implements bus.PortDevice: Alternate Status leaves INTRQ alone.
func (k Control) ReadPort(uint16, int) uint32 {
	if d := k.c.sel(); d != nil {
		return uint32(d.s.Status)
	}
	return k.c.absent(rStatus, 1)
}

// WritePort implements bus.PortDevice.
func (k Control) WritePort(_ uint16, _ int, v uint32) { k.c.setControl(byte(v)) }

var (
	_ bus.PortDevice = (*Channel)(nil)
	_ bus.PortDevice = Control{}
)
