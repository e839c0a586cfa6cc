// Package pit models the Intel 8254 programmable interval timer of a PC.
//
// Register map (Intel 8254 datasheet, order 231164):
//
//	40h-42h  counter 0-2: write count, read count, latched count or latched status
//	43h      write: control word SC1-0 RW1-0 M2-0 BCD, counter latch (RW=0) or read-back (SC=3)
//
// Nothing ticks: every counting element and output is computed from the clock
// when somebody looks. Only output 0, which is wired to IRQ 0, has a timer.
package pit

import (
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Hz is the input clock of all three counters: 14.31818 MHz / 12.
const Hz = 1193182

// Port is the first of the four ports on a PC.
const Port = 0x40

// minPeriod bounds how often output 0 interrupts, in input clocks: the edges of
// a shorter period are merged. Counts that small are of no use to a guest, but
// would keep the host busy with nothing but timer events.
const minPeriod = 16

// PIT is the timer chip.
type PIT struct {
	name  string `snap:"-"`
	clk   *clock.Clock
	out0  irq.Line
	timer *clock.Timer
	ch    [3]channel
	state struct{ Line bool } // what out0 was last driven to
}

// New returns the chip; out0 is the wire of counter 0's output (IRQ 0).
func New(name string, clk *clock.Clock, out0 irq.Line) *PIT {
	p := &PIT{name: name, clk: clk, out0: out0}
	p.timer = clk.NewTimer(name+".ch0", p.fire)
	p.Reset(devices.PowerOn)
	return p
}

// Name is the device's name on the board.
func (p *PIT) Name() string { return p.name }

// Map claims the standard ports.
func (p *PIT) Map(b *bus.Bus) error {
	_, err := b.MapPorts(p.name, Port, 4, bus.Byte, p)
	return err
}

// Reset puts all counters into mode 0 with no count: the datasheet leaves the
// state after power-up undefined. Gates 0 and 1 are tied high on a PC.
func (p *PIT) Reset(devices.ResetKind) {
	for i := range p.ch {
		p.ch[i] = channel{RW: 3, Gate: i != 2}
	}
	p.reprogrammed(p.now())
}

func (p *PIT) now() int64 { return int64(p.clk.Ticks(Hz)) }

// SetGate2 drives the gate of counter 2 (port 61h bit 0).
func (p *PIT) SetGate2(level bool) { p.ch[2].setGate(level, p.now()) }

// Out2 is the output of counter 2 (port 61h bit 5).
func (p *PIT) Out2() bool {
	now := p.now()
	p.ch[2].sync(now)
	return p.ch[2].out(now)
}

// ReadPort reads a counter; the control word register cannot be read.
func (p *PIT) ReadPort(off uint16, _ int) uint32 {
	if off > 2 {
		return 0xff
	}
	now := p.now()
	p.ch[off].sync(now)
	return uint32(p.ch[off].read(now))
}

// WritePort writes a count or a control word.
func (p *PIT) WritePort(off uint16, _ int, x uint32) {
	v, now := uint8(x), p.now()
	for i := range p.ch {
		p.ch[i].sync(now)
	}
	switch {
	case off < 3:
		if p.ch[off].write(v, now) && off == 0 {
			p.reprogrammed(now)
		}
	case v>>6 == 3:
		p.readBack(v, now)
	case v>>4&3 == 0:
		p.ch[v>>6].latchCount(now)
	default:
		p.ch[v>>6].control(v, now)
		if v>>6 == 0 {
			p.reprogrammed(now)
		}
	}
}

// readBack is the read-back command: D5=0 latches counts, D4=0 status, of the
// counters selected in D3-D1.
func (p *PIT) readBack(v uint8, now int64) {
	for i := range p.ch {
		if v>>(i+1)&1 == 0 {
			continue
		}
		if v&0x20 == 0 {
			p.ch[i].latchCount(now)
		}
		if v&0x10 == 0 {
			p.ch[i].latchStatus(now)
		}
	}
}

// drive sets the wire of output 0.
func (p *PIT) drive(level bool) {
	if level != p.state.Line {
		p.state.Line = level
		p.out0.Set(level)
	}
}

// reprogrammed brings output 0 up to date after counter 0 changed.
func (p *PIT) reprogrammed(now int64) {
	p.drive(p.ch[0].out(now))
	p.arm(now)
}

// arm sets the timer to output 0's next edge after tick now.
func (p *PIT) arm(now int64) {
	next, ok := p.ch[0].nextEvent(now)
	if !ok {
		p.timer.Stop()
		return
	}
	p.timer.At(clock.TicksToNS(uint64(next), Hz))
}

// fire is output 0's edge. A strobe of one input clock falls and rises here at
// once, at the time of its rising edge, which is the one that interrupts.
func (p *PIT) fire(at uint64) {
	c := &p.ch[0]
	now := ticksAt(at)
	c.sync(now)
	if c.strobe() {
		p.drive(false)
		p.drive(true)
	} else {
		p.drive(c.out(now))
	}
	p.arm(now)
}

// ticksAt is the input clock count at guest time ns.
func ticksAt(ns uint64) int64 {
	s, rest := ns/clock.Second, ns%clock.Second
	return int64(s*Hz + rest*Hz/clock.Second)
}

// Save writes all counters.
func (p *PIT) Save(w *snap.Writer) {
	for i := range p.ch {
		w.Struct(&p.ch[i])
	}
	w.Struct(&p.state)
}

// Load restores what Save wrote; the timer's deadline comes from the clock.
func (p *PIT) Load(r *snap.Reader) error {
	for i := range p.ch {
		if err := r.Struct(&p.ch[i]); err != nil {
			return err
		}
		if c := &p.ch[i]; c.Mode > 5 || c.RW < 1 || c.RW > 3 || c.Run && (c.N < 1 || c.N > 0x10000) || c.PendAt != 0 && (c.CR < 1 || c.CR > 0x10000) {
			return fmt.Errorf("%s: saved counter %d is impossible", p.name, i)
		}
	}
	return r.Struct(&p.state)
}

// Info is the counters' state for the monitor.
func (p *PIT) Info() string {
	s, now := "", p.now()
	for i := range p.ch {
		c := &p.ch[i]
		c.sync(now)
		s += fmt.Sprintf("pit%d: mode=%d bcd=%v count=%04x reload=%d gate=%v out=%v\n", i, c.Mode, c.BCD, c.count(now), c.CR, c.Gate, c.out(now))
	}
	return s
}
