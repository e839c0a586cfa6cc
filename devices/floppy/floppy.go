// Package floppy is the 82077AA floppy disk controller with up to two drives.
package floppy

// Registers (Intel 82077AA data sheet, 2.1), AT mode
//
//	3F2h DOR: 1:0 drive, 2 RESET#, 3 DMAGATE#, 5:4 motors     3F3h TDR (tape, kept only)
//	3F4h MSR (R): 7 RQM 6 DIO 5 NON DMA 4 CB 1:0 drives seek   3F4h DSR (W): 7 reset, 1:0 rate
//	3F5h FIFO   3F7h DIR (R): 7 disk change   3F7h CCR (W): 1:0 rate
//	3F0h and 3F1h (SRA, SRB) exist in PS/2 modes only. 3F6h belongs to the hard disk.

import (
	"errors"
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/disk"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Where the PC has the controller.
const (
	BasePort   = 0x3f0
	IRQ        = 6
	DMAChannel = 2
)

const (
	dorReset   = 0x04 // active low
	dorDMAGate = 0x08

	msrRQM    = 0x80
	msrDIO    = 0x40
	msrNonDMA = 0x20
	msrBusy   = 0x10
)

// Guest time in ns. A real drive is a thousand times slower; no driver minds.
const (
	resetDelay  = 50_000
	sectorDelay = 20_000
	stepDelay   = 10_000 // each cylinder of a seek
)

// DMA is the drive controller's end of DMA channel 2: it moves up to len(buf)
// bytes to or from memory and says whether terminal count was reached.
type DMA interface {
	Transfer(buf []byte, toMemory bool) (n int, tc bool)
}

// Phases of a command (data sheet, 5.0).
const (
	phaseIdle = iota // waiting for the first command byte
	phaseCommand
	phaseExecution
	phaseResult
	phaseReset // coming out of reset
)

// Controller is the chip with its drives.
type Controller struct {
	name   string `snap:"-"`
	line   irq.Line
	dma    DMA
	timer  *clock.Timer
	drives [2]*drive
	seeks  [4]*clock.Timer
	state  state
}

// drive is a drive's mechanics that the guest cannot change.
type drive struct {
	media  disk.Backend      // nil: empty
	format disk.FloppyFormat `snap:"-"`
	typ    byte              `snap:"-"`
}

type state struct {
	DOR, TDR, Rate byte
	Phase          int
	Int, Level     bool // interrupt pending, and as driven

	Cmd            [9]byte
	CmdPos, CmdLen int
	Res            [10]byte
	ResPos, ResLen int

	Specify   [2]byte
	Configure [2]byte // second and third byte of CONFIGURE
	Perp      byte
	Lock      bool

	ResetSense int // SENSE INTERRUPT STATUS answers still due after reset
	Units      [4]unit
	Xfer       transfer
}

// unit is what the controller knows about one of its four drive selects.
type unit struct {
	Track   byte // where the heads are
	PCN     byte // where the controller believes they are
	Seeking bool
	Done    bool // a seek has ended and was not sensed
	ST0     byte // of that seek
	Changed bool // disk change line
	NextID  byte // sector that READ ID meets next
}

// New returns a controller without drives.
func New(name string, dma DMA, line irq.Line, clk *clock.Clock) *Controller {
	c := &Controller{name: name, line: line, dma: dma}
	c.timer = clk.NewTimer(name+".exec", func(uint64) { c.execute() })
	for i := range c.seeks {
		c.seeks[i] = clk.NewTimer(fmt.Sprintf("%s.seek%d", name, i), func(uint64) { c.seekDone(i) })
	}
	c.powerOn()
	return c
}

// Name implements devices.Device.
func (c *Controller) Name() string { return c.name }

// Map claims the registers, normally at BasePort.
func (c *Controller) Map(b *bus.Bus, base uint16) error {
	if _, err := b.MapPorts(c.name, base, 6, bus.Byte, c); err != nil {
		return err
	}
	_, err := b.MapPorts(c.name+".dir", base+7, 1, bus.Byte, dir{c})
	return err
}

// Attach connects drive unit (0 or 1), with a medium or empty (nil). It is part
// of building the machine: the drive takes the type that the medium asks for.
func (c *Controller) Attach(n int, media disk.Backend) error {
	if n < 0 || n > 1 {
		return fmt.Errorf("%s: no drive %d", c.name, n)
	}
	if c.drives[n] != nil {
		return fmt.Errorf("%s: drive %d is connected already", c.name, n)
	}
	const type144 = 4
	c.drives[n] = &drive{typ: type144}
	c.insert(n, media)
	if media != nil {
		c.drives[n].typ = c.drives[n].format.DriveType
	}
	return nil
}

// DriveType is drive n's type as CMOS register 10h has it; 0: no drive.
func (c *Controller) DriveType(n int) byte {
	if n < 0 || n > 1 || c.drives[n] == nil {
		return 0
	}
	return c.drives[n].typ
}

// Insert changes the medium of drive n; nil takes it out.
func (c *Controller) Insert(n int, media disk.Backend) error {
	if c.DriveType(n) == 0 {
		return fmt.Errorf("%s: no drive %d", c.name, n)
	}
	c.insert(n, media)
	return nil
}

func (c *Controller) insert(n int, media disk.Backend) {
	d := c.drives[n]
	d.media = media
	if media != nil {
		d.format = disk.FloppyFormatFor(media.Size())
	}
	c.state.Units[n].Changed = true
}

// Media is what is in drive n, or nil.
func (c *Controller) Media(n int) disk.Backend {
	if c.DriveType(n) == 0 {
		return nil
	}
	return c.drives[n].media
}

// Reset implements devices.Device: the RESET pin clears DOR, which holds the
// chip in reset until software lets it go.
func (c *Controller) Reset(devices.ResetKind) { c.powerOn() }

func (c *Controller) powerOn() {
	c.timer.Stop()
	for _, t := range c.seeks {
		t.Stop()
	}
	units := c.state.Units
	c.state = state{Rate: 2, Configure: [2]byte{efifo, 0}, Level: c.state.Level}
	for i := range units { // the drives keep their heads where they are
		c.state.Units[i] = unit{Track: units[i].Track, Changed: true, NextID: 1}
	}
	c.drive()
}

// chipReset is what DOR and DSR resets do (data sheet, 4.2).
func (c *Controller) chipReset() {
	s := &c.state
	c.timer.Stop()
	for i, t := range c.seeks {
		t.Stop()
		u := &s.Units[i]
		u.Seeking, u.Done, u.PCN = false, false, 0
	}
	s.Phase, s.Int, s.ResetSense = phaseReset, false, 0
	s.Xfer = transfer{}
	s.Perp &= 0x3c // GAP and WGATE are cleared, the drives' bits stay
	if s.Lock {
		s.Configure[0] &^= eis | poll
	} else {
		s.Configure = [2]byte{efifo, 0}
	}
	c.drive()
}

// drive brings INT to its level; DMAGATE# switches it off.
func (c *Controller) drive() {
	level := c.state.Int && c.state.DOR&dorDMAGate != 0
	if level != c.state.Level {
		c.state.Level = level
		c.line.Set(level)
	}
}

func (c *Controller) setInt(on bool) {
	c.state.Int = on
	c.drive()
}

// ReadPort implements bus.PortDevice.
func (c *Controller) ReadPort(off uint16, _ int) uint32 {
	switch off {
	case 2:
		return uint32(c.state.DOR)
	case 3:
		return uint32(c.state.TDR)
	case 4:
		return uint32(c.msr())
	case 5:
		return uint32(c.readFIFO())
	}
	return 0xff // SRA, SRB: tri-state in AT mode
}

// WritePort implements bus.PortDevice.
func (c *Controller) WritePort(off uint16, _ int, v uint32) {
	s, b := &c.state, byte(v)
	switch off {
	case 2:
		was := s.DOR
		s.DOR = b
		switch {
		case b&dorReset == 0:
			if was&dorReset != 0 {
				c.chipReset()
			}
		case was&dorReset == 0:
			s.Phase = phaseReset
			c.timer.After(resetDelay)
		}
		c.drive()
	case 3:
		s.TDR = b & 3
	case 4:
		s.Rate = b & 3
		if b&0x80 != 0 && s.DOR&dorReset != 0 { // software reset clears itself
			c.chipReset()
			c.timer.After(resetDelay)
		}
	case 5:
		c.writeFIFO(b)
	}
}

// msr is the main status register.
func (c *Controller) msr() (v byte) {
	s := &c.state
	switch s.Phase {
	case phaseReset:
		return 0
	case phaseIdle:
		v = msrRQM
	case phaseCommand:
		v = msrRQM | msrBusy
	case phaseResult:
		v = msrRQM | msrDIO | msrBusy
	case phaseExecution:
		v = msrBusy
		if c.nonDMA() {
			v |= msrNonDMA
			if x := &s.Xfer; x.Ready {
				v |= msrRQM
				if x.ToHost {
					v |= msrDIO
				}
			}
		}
	}
	if s.DOR&dorReset == 0 {
		return 0
	}
	for i, u := range s.Units {
		if u.Seeking {
			v |= 1 << i
		}
	}
	return v
}

// dir is the register at 3F7h.
type dir struct{ c *Controller }

func (r dir) ReadPort(uint16, int) uint32 {
	if r.c.state.Units[r.c.state.DOR&3].Changed {
		return 0x80
	}
	return 0
}

func (r dir) WritePort(_ uint16, _ int, v uint32) { r.c.state.Rate = byte(v) & 3 }

// Save implements devices.Device. It saves the drives, not the media.
func (c *Controller) Save(w *snap.Writer) { w.Struct(&c.state) }

// Load implements devices.Device; the machine must have the same media.
func (c *Controller) Load(r *snap.Reader) error {
	if err := r.Struct(&c.state); err != nil {
		return err
	}
	s, x := &c.state, &c.state.Xfer
	in := func(n, limit int) bool { return n >= 0 && n <= limit }
	if !in(s.CmdLen, len(s.Cmd)) || !in(s.CmdPos, len(s.Cmd)-1) || !in(s.ResLen, len(s.Res)) || !in(s.ResPos, len(s.Res)-1) ||
		!in(x.Pos, sectorSize-1) || !in(x.Len, sectorSize) || x.Unit > 3 {
		return errors.New("saved floppy state is damaged")
	}
	c.line.Set(s.Level)
	return nil
}

var (
	_ devices.Device = (*Controller)(nil)
	_ bus.PortDevice = (*Controller)(nil)
	_ bus.PortDevice = dir{}
)
