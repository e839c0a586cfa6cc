// Package pic models the PC's pair of cascaded Intel 8259A programmable
// interrupt controllers.
//
// Register map (Intel 8259A datasheet, order 231468; PIIX3 datasheet, 2.5.5
// and 2.5.6 for the edge/level control registers):
//
//	20h/A0h  write: ICW1 (D4=1), OCW2 (D4=D3=0), OCW3 (D4=0, D3=1); read: IRR, ISR or poll word
//	21h/A1h  write: ICW2, ICW3, ICW4 in turn after ICW1, else OCW1 (IMR); read: IMR
//	4D0h     ELCR1: IRQ 3-7 level triggered
//	4D1h     ELCR2: IRQ 8-15 level triggered (8 and 13 cannot be)
//
// As the datasheet demands, an edge-triggered request must stay high until it
// is acknowledged: one that drops earlier is forgotten and, when the processor
// has already committed to it, turns into a spurious IRQ 7 or 15.
package pic

import (
	"fmt"
	"strings"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Ports of the two controllers and the edge/level registers on a PC.
const (
	MasterPort = 0x20
	SlavePort  = 0xa0
	ELCRPort   = 0x4d0
)

// Cascade is the master's input that the slave drives.
const Cascade = 2

// PIC is the master and slave pair.
type PIC struct {
	name   string `snap:"-"`
	out    irq.Line
	level  bool `snap:"-"` // what out was last driven to
	master chip
	slave  chip
}

// New returns the pair; intr is the wire to the processor.
func New(name string, intr irq.Line) *PIC {
	p := &PIC{name: name, out: intr}
	p.Reset(devices.PowerOn)
	return p
}

// Name is the device's name on the board.
func (p *PIC) Name() string { return p.name }

// Map claims the standard ports.
func (p *PIC) Map(b *bus.Bus) error {
	for _, m := range []struct {
		base uint16
		dev  bus.PortDevice
	}{
		{MasterPort, ports{p, &p.master}},
		{SlavePort, ports{p, &p.slave}},
		{ELCRPort, elcr{p}},
	} {
		if _, err := b.MapPorts(p.name, m.base, 2, bus.Byte, m.dev); err != nil {
			return err
		}
	}
	return nil
}

// Input is the wire of IRQ n, 0 to 15. Input 2 is the cascade: driving it does
// nothing, as nothing but the slave is soldered there.
func (p *PIC) Input(n int) irq.Line {
	if n < 0 || n > 15 {
		panic(fmt.Sprintf("pic: no input %d", n))
	}
	if n == Cascade {
		return nil
	}
	c := &p.master
	if n >= 8 {
		c = &p.slave
	}
	bit := uint8(1) << (n & 7)
	return func(level bool) {
		c.input(bit, level)
		p.update()
	}
}

// Ack is the processor's interrupt acknowledge cycle (two INTA pulses): it
// returns the vector. With no request left it is the vector of IRQ 7 (or 15 when
// it was the slave's request that vanished) and no in-service bit tells of it.
func (p *PIC) Ack() int {
	n, ok := p.master.request()
	if !ok {
		p.update()
		return int(p.master.Base | 7)
	}
	p.master.accept(n)
	vector := p.master.Base | n
	if p.master.cascaded(n) {
		s, ok := p.slave.request()
		if ok {
			p.slave.accept(s)
			p.dropCascade()
		} else {
			s = 7
		}
		vector = p.slave.Base | s
	}
	p.update()
	return int(vector)
}

// Pending reports whether the wire to the processor is high.
func (p *PIC) Pending() bool { return p.level }

// dropCascade lets the slave's INT fall for a moment, as INTA does: a further
// request of the slave is a new edge for the master.
func (p *PIC) dropCascade() { p.master.input(1<<Cascade, false) }

// update recomputes both INT outputs.
func (p *PIC) update() {
	_, s := p.slave.request()
	p.master.input(1<<Cascade, s)
	_, m := p.master.request()
	if m != p.level {
		p.level = m
		p.out.Set(m)
	}
}

// Reset makes both chips forget their programming. The 8259A has no reset pin;
// until ICW1 to ICW4 arrive it requests nothing. ELCR is cleared (PIIX3 2.5.5).
func (p *PIC) Reset(devices.ResetKind) {
	for _, c := range []*chip{&p.master, &p.slave} {
		lines := c.Lines // the wires keep what devices drive
		*c = chip{Lines: lines, Lowest: 7}
	}
	p.master.Elig, p.slave.Elig = 0xf8, 0xde
	p.update()
}

// Save writes both chips.
func (p *PIC) Save(w *snap.Writer) {
	w.Struct(&p.master)
	w.Struct(&p.slave)
}

// Load restores both chips. The wire to the processor is driven again only if
// it changes.
func (p *PIC) Load(r *snap.Reader) error {
	if err := r.Struct(&p.master); err != nil {
		return err
	}
	if err := r.Struct(&p.slave); err != nil {
		return err
	}
	for _, c := range []*chip{&p.master, &p.slave} {
		if c.Lowest > 7 || c.Expect > 4 {
			return fmt.Errorf("%s: saved priority %d or ICW number %d is impossible", p.name, c.Lowest, c.Expect)
		}
	}
	p.update()
	return nil
}

// Snapshot is one chip's registers as the monitor shows them.
type Snapshot struct {
	Base          uint8 // vector of input 0
	IRR, ISR, IMR uint8
	ELCR          uint8
	Lines         uint8 // level of the inputs
	Lowest        uint8 // input of lowest priority
	Ready         bool  // initialisation is complete
}

// Snapshot returns the registers of the master and the slave.
func (p *PIC) Snapshot() (master, slave Snapshot) { return p.master.snapshot(), p.slave.snapshot() }

// Info is the text of the monitor's "info pic".
func (p *PIC) Info() string {
	var b strings.Builder
	for i, c := range []*chip{&p.master, &p.slave} {
		s := c.snapshot()
		fmt.Fprintf(&b, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x elcr=%02x lines=%02x rotate_aeoi=%v aeoi=%v smm=%v sfnm=%v ready=%v\n",
			i, s.IRR, s.IMR, s.ISR, (s.Lowest+1)&7, s.Base, s.ELCR, s.Lines, c.RotateAEOI, c.aeoi(), c.SpecialMask, c.sfnm(), s.Ready)
	}
	return b.String()
}

// ports joins one chip to its two ports.
type ports struct {
	p *PIC
	c *chip
}

func (x ports) ReadPort(off uint16, _ int) uint32 {
	if x.c.Poll {
		v, accepted := x.c.poll()
		if accepted && x.c == &x.p.slave {
			x.p.dropCascade()
		}
		x.p.update()
		return uint32(v)
	}
	switch {
	case off == 1:
		return uint32(x.c.IMR)
	case x.c.ReadISR:
		return uint32(x.c.ISR)
	}
	return uint32(x.c.irr())
}

func (x ports) WritePort(off uint16, _ int, v uint32) {
	switch {
	case off == 1:
		x.c.writeData(uint8(v))
	case v&0x10 != 0:
		x.c.icw1(uint8(v))
	case v&0x08 != 0:
		x.c.ocw3(uint8(v))
	default:
		x.c.ocw2(uint8(v))
	}
	x.p.update()
}

// elcr is the pair of edge/level control registers.
type elcr struct{ p *PIC }

func (x elcr) chip(off uint16) *chip {
	if off == 0 {
		return &x.p.master
	}
	return &x.p.slave
}

func (x elcr) ReadPort(off uint16, _ int) uint32 { return uint32(x.chip(off).ELCR) }

func (x elcr) WritePort(off uint16, _ int, v uint32) {
	c := x.chip(off)
	c.ELCR = uint8(v) & c.Elig
	x.p.update()
}
