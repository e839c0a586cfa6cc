// Package dma models the PC's two cascaded Intel 8237A DMA controllers with
// their page registers.
//
// Register map (Intel 8237A datasheet, order 231466; PIIX3 datasheet, 2.5.1):
//
//	00h-07h  channel 0-3 address and count, low byte then high byte
//	08h  command / status        09h  request          0Ah  single mask
//	0Bh  mode                    0Ch  clear flip-flop  0Dh  master clear / temporary
//	0Eh  clear masks             0Fh  write all masks
//	C0h-DEh  the same, spaced by two, for channels 4-7 (16 bits wide; 4 is the cascade)
//	81h 82h 83h 87h, 89h 8Ah 8Bh 8Fh  pages (A23-A16) of channels 2 3 1 0, 6 7 5 4
//	80h 84h-86h 88h 8Ch-8Eh  scratch; 80h also takes POST codes
//	481h-483h 487h 489h-48Bh  high pages (A31-A24); a write to 8xh clears them
//
// There is no memory-to-memory transfer, as PIIX3 says (2.5.1.1, bit 0 reserved).
package dma

import (
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

// Ports on a PC.
const (
	Port1    = 0x00
	Port2    = 0xc0
	PagePort = 0x80
	HighPort = 0x480
)

// DMA is the pair of controllers.
type DMA struct {
	name string `snap:"-"`
	bus  *bus.Bus
	// OnPOST, if set, hears of every POST code written to port 80h.
	OnPOST func(code uint8)
	ctl    [2]controller
	state  struct {
		Page [16]uint8
		High [16]uint8
	}
}

// controller is one 8237A.
type controller struct {
	Ch       [4]regs
	Command  uint8
	TC       uint8 // status bits 3-0
	Request  uint8
	Mask     uint8
	FlipFlop bool // the high byte is next
}

// regs is one channel of an 8237A.
type regs struct {
	BaseAddr, BaseCount uint16
	Addr, Count         uint16
	Mode                uint8 // bits 7-2 of the mode register
}

const (
	cmdDisable = 0x04

	modeRead    = 0x08 // memory to device
	modeWrite   = 0x04 // device to memory
	modeType    = 0x0c
	modeAuto    = 0x10
	modeDec     = 0x20
	modeCascade = 0xc0
)

// New returns the controllers; they move data through b.
func New(name string, b *bus.Bus) *DMA {
	d := &DMA{name: name, bus: b}
	d.Reset(devices.PowerOn)
	return d
}

// Name is the device's name on the board.
func (d *DMA) Name() string { return d.name }

// Map claims the standard ports.
func (d *DMA) Map(b *bus.Bus) error {
	for _, m := range []struct {
		base uint16
		n    int
		dev  bus.PortDevice
	}{
		{Port1, 16, ports{&d.ctl[0], 0}},
		{Port2, 32, ports{&d.ctl[1], 1}},
		{PagePort, 16, pages{d}},
		{HighPort, 16, highPages{d}},
	} {
		if _, err := b.MapPorts(d.name, m.base, m.n, bus.Byte, m.dev); err != nil {
			return err
		}
	}
	return nil
}

// Reset is a master clear of both chips. Channel 4 is left in cascade mode and
// unmasked, as every BIOS does first, so that channels 0-3 also work for guests
// that are started without one.
func (d *DMA) Reset(devices.ResetKind) {
	for i := range d.ctl {
		d.ctl[i] = controller{}
		d.ctl[i].masterClear()
	}
	d.ctl[1].Ch[0].Mode = modeCascade
	d.ctl[1].Mask &^= 1
	d.state.Page, d.state.High = [16]uint8{}, [16]uint8{}
}

// POST is the last code written to port 80h.
func (d *DMA) POST() uint8 { return d.state.Page[0] }

func (c *controller) masterClear() {
	c.Command, c.TC, c.Request, c.FlipFlop = 0, 0, 0, false
	c.Mask = 0x0f
}

func (c *controller) write(off uint16, v uint8) {
	bit := uint8(1) << (v & 3)
	switch off {
	default:
		c.writeWord(off, v)
	case 8:
		c.Command = v
	case 9:
		c.Request &^= bit
		if v&4 != 0 {
			c.Request |= bit
		}
	case 10:
		c.Mask &^= bit
		if v&4 != 0 {
			c.Mask |= bit
		}
	case 11:
		c.Ch[v&3].Mode = v &^ 3
	case 12:
		c.FlipFlop = false
	case 13:
		c.masterClear()
	case 14:
		c.Mask = 0
	case 15:
		c.Mask = v & 15
	}
}

// writeWord writes a byte of a channel's base and current address or count.
func (c *controller) writeWord(off uint16, v uint8) {
	ch := &c.Ch[off>>1]
	base, cur := &ch.BaseAddr, &ch.Addr
	if off&1 != 0 {
		base, cur = &ch.BaseCount, &ch.Count
	}
	if c.FlipFlop {
		*base = *base&0x00ff | uint16(v)<<8
	} else {
		*base = *base&0xff00 | uint16(v)
	}
	*cur = *base
	c.FlipFlop = !c.FlipFlop
}

func (c *controller) read(off uint16) uint8 {
	switch {
	case off < 8:
		v := c.Ch[off>>1].Addr
		if off&1 != 0 {
			v = c.Ch[off>>1].Count
		}
		if c.FlipFlop {
			v >>= 8
		}
		c.FlipFlop = !c.FlipFlop
		return uint8(v)
	case off == 8:
		v := c.TC | c.Request<<4
		c.TC = 0 // reading clears the terminal counts
		return v
	case off == 15:
		return c.Mask | 0xf0
	}
	return 0 // the temporary register after reset, and write-only registers
}

// ports joins a controller to its ports, which are 1<<shift apart.
type ports struct {
	c     *controller
	shift uint
}

func (p ports) ReadPort(off uint16, _ int) uint32     { return uint32(p.c.read(off >> p.shift)) }
func (p ports) WritePort(off uint16, _ int, v uint32) { p.c.write(off>>p.shift, uint8(v)) }

type pages struct{ d *DMA }

func (p pages) ReadPort(off uint16, _ int) uint32 { return uint32(p.d.state.Page[off]) }

func (p pages) WritePort(off uint16, _ int, v uint32) {
	p.d.state.Page[off], p.d.state.High[off] = uint8(v), 0
	if off == 0 && p.d.OnPOST != nil {
		p.d.OnPOST(uint8(v))
	}
}

type highPages struct{ d *DMA }

func (p highPages) ReadPort(off uint16, _ int) uint32     { return uint32(p.d.state.High[off]) }
func (p highPages) WritePort(off uint16, _ int, v uint32) { p.d.state.High[off] = uint8(v) }

// Save writes both controllers and the pages.
func (d *DMA) Save(w *snap.Writer) {
	w.Struct(&d.ctl[0])
	w.Struct(&d.ctl[1])
	w.Struct(&d.state)
}

// Load restores what Save wrote.
func (d *DMA) Load(r *snap.Reader) error {
	for i := range d.ctl {
		if err := r.Struct(&d.ctl[i]); err != nil {
			return err
		}
	}
	return r.Struct(&d.state)
}

// Info is the channels' state for the monitor.
func (d *DMA) Info() string {
	s := ""
	for n := range 8 {
		c := d.Channel(n)
		r := c.regs()
		s += fmt.Sprintf("dma%d: addr=%08x count=%04x mode=%02x masked=%v\n", n, c.physical(r.Addr), r.Count, r.Mode, c.ctl.Mask>>c.n&1 != 0)
	}
	return s
}
