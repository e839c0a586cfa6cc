// Package ide is the IDE function of the 82371SB (PIIX3): two channels with up
// to two ATA disks or ATAPI CD drives each, PIO and bus-master DMA.
package ide

// PCI function 8086:7010 (82371SB PIIX3, 2.4)
//
//	09h class 010180h: compatibility ports, bus master   20h BAR4: bus master registers
//	40h, 42h IDETIM of each channel: 15 decode enable    44h SIDETIM
//
// The command and control blocks are always decoded: the reset value of IDETIM
// has decode enable set, which on the real board is left to the firmware.

import (
	"errors"
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/disk"
	"g86/devices/irq"
	"g86/devices/pci"
	"g86/devices/snap"
)

// Where the PC has the two channels.
var (
	CommandPorts = [2]uint16{0x1f0, 0x170}
	ControlPorts = [2]uint16{0x3f6, 0x376}
	IRQs         = [2]int{14, 15}
)

// Memory is the DMA engine's way to RAM; *bus.Bus is one.
type Memory interface {
	ReadPhys(pa uint64, p []byte)
	WritePhys(pa uint64, p []byte)
}

// Controller is the IDE function.
type Controller struct {
	name string `snap:"-"`
	clk  *clock.Clock
	ch   [2]*Channel
}

var _ devices.Device = (*Controller)(nil)

// New returns a controller without drives that drives lines.
func New(name string, mem Memory, clk *clock.Clock, lines [2]irq.Line) *Controller {
	c := &Controller{name: name, clk: clk}
	for i := range c.ch {
		c.ch[i] = newChannel(fmt.Sprintf("%s.%d", name, i), mem, lines[i])
	}
	return c
}

// Name implements devices.Device.
func (c *Controller) Name() string { return c.name }

// Attach puts a drive on a channel's cable as master (unit 0) or slave (1). It
// is part of building the machine. A CD drive may be empty (media nil).
func (c *Controller) Attach(channel, unit int, kind Kind, media disk.Backend) error {
	if channel < 0 || channel > 1 || unit < 0 || unit > 1 {
		return fmt.Errorf("%s: no channel %d unit %d", c.name, channel, unit)
	}
	ch := c.ch[channel]
	if ch.drives[unit] != nil {
		return fmt.Errorf("%s: channel %d unit %d has a drive already", c.name, channel, unit)
	}
	if kind == Disk && (media == nil || media.Size() < 512) {
		return fmt.Errorf("%s: a disk needs an image of at least one sector", c.name)
	}
	d := newDrive(kind, media)
	ch.attach(unit, d, c.clk, fmt.Sprintf("%s.%d.%d", c.name, channel, unit))
	d.powerOn()
	return nil
}

// Map claims the command and control blocks of both channels.
func (c *Controller) Map(b *bus.Bus) error {
	for i, ch := range c.ch {
		if _, err := b.MapPorts(ch.name, CommandPorts[i], 8, bus.Dword, ch); err != nil {
			return err
		}
		if _, err := b.MapPorts(ch.name+".control", ControlPorts[i], 1, bus.Byte, Control{ch}); err != nil {
			return err
		}
	}
	return nil
}

// PCI is the controller's PCI function, for Bus.Add(f, 1, 1).
func (c *Controller) PCI() *pci.Function {
	f := pci.NewFunction(c.name, pci.Header{Vendor: 0x8086, Device: 0x7010, Class: 0x010180})
	f.Define(0x06, 2, 0x0280, 0) // fast back-to-back, medium DEVSEL#
	f.Define(0x40, 4, 0x80008000, 0xffffffff)
	f.Define(0x44, 1, 0, 0xff)
	f.IOBar(4, 16, bus.Dword, BusMaster{c})
	f.Changed = func(int, int) {
		if f.Master() {
			for _, ch := range c.ch {
				ch.bm.kick()
			}
		}
	}
	for _, ch := range c.ch {
		ch.master = f.Master
	}
	return f
}

// Media is what is in a drive; nil if there is no such drive or no medium.
func (c *Controller) Media(channel, unit int) disk.Backend {
	if d := c.at(channel, unit); d != nil {
		return d.media
	}
	return nil
}

func (c *Controller) at(channel, unit int) *drive {
	if channel < 0 || channel > 1 || unit < 0 || unit > 1 {
		return nil
	}
	return c.ch[channel].drives[unit]
}

// ErrLocked is Insert's answer when the guest locked the tray.
var ErrLocked = errors.New("the guest has locked the tray")

// Insert changes the medium of a CD drive and closes the tray; nil takes the
// medium out. While the guest has the tray locked it is asked to let go, and
// ErrLocked is returned, unless force is set.
func (c *Controller) Insert(channel, unit int, media disk.Backend, force bool) error {
	d := c.at(channel, unit)
	if d == nil || d.kind != CDROM {
		return fmt.Errorf("%s: no CD drive at channel %d unit %d", c.name, channel, unit)
	}
	return d.insert(media, force)
}

// Reset implements devices.Device: RESET# of the cable. Media stay.
func (c *Controller) Reset(devices.ResetKind) {
	for _, ch := range c.ch {
		ch.reset()
	}
}

// Save implements devices.Device. It saves the drives, not the media.
func (c *Controller) Save(w *snap.Writer) {
	for _, ch := range c.ch {
		w.Struct(&ch.state)
		w.Struct(&ch.bm.state)
		for _, d := range ch.drives {
			if d != nil {
				w.Struct(&d.s)
				w.Struct(&buffer{d.buf})
			}
		}
	}
}

type buffer struct{ Data []byte }

// Load implements devices.Device; the machine must have the same drives.
func (c *Controller) Load(r *snap.Reader) error {
	for _, ch := range c.ch {
		if err := r.Struct(&ch.state); err != nil {
			return err
		}
		if err := r.Struct(&ch.bm.state); err != nil {
			return err
		}
		for _, d := range ch.drives {
			if d == nil {
				continue
			}
			var b buffer
			if err := r.Struct(&d.s); err != nil {
				return err
			}
			if err := r.Struct(&b); err != nil {
				return err
			}
			if err := d.validate(&b); err != nil {
				return fmt.Errorf("%s: %w", ch.name, err)
			}
			d.buf = b.Data
		}
		ch.state.Unit &= 1
		ch.line.Set(ch.state.Level)
	}
	return nil
}

// validate refuses a saved state whose positions lie outside the buffer.
func (d *drive) validate(b *buffer) error {
	s := &d.s
	in := func(n int) bool { return n >= 0 && n <= bufSize }
	if len(b.Data) != bufSize || !in(s.Pos) || !in(s.RdEnd) || !in(s.WrEnd) || s.Remain < 0 || s.Block < 0 || s.Block > bufSize ||
		s.FromBuf && !in(s.Pos+int(min(s.Remain, bufSize+1))) || d.kind == Disk && (s.Heads < 1 || s.Sectors < 1) {
		return errors.New("saved drive state is damaged")
	}
	return nil
}
