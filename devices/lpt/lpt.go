// Package lpt models a PC parallel port with a printer that is always ready.
//
// Register map (IBM PC/AT Technical Reference, "Parallel Printer Adapter"; IEEE
// 1284 compatibility mode):
//
//	0  data
//	1  status: 7 -BUSY  6 -ACK  5 paper out  4 select  3 -ERROR
//	2  control: 5 direction in  4 IRQ on -ACK  3 select in  2 -INIT  1 auto feed  0 strobe
package lpt

import (
	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Ports of LPT1 and LPT2; their interrupts are 7 and 5.
const (
	LPT1 = 0x378
	LPT2 = 0x278
)

const (
	stNotBusy  = 0x80
	stNotAck   = 0x40
	stSelect   = 0x10
	stNotError = 0x08
	stUnused   = 0x07

	ctlStrobe = 0x01
	ctlIRQ    = 0x10
	ctlInput  = 0x20

	ackNS = 1_000 // from the strobe to the end of -ACK
)

// LPT is one parallel port.
type LPT struct {
	name string `snap:"-"`
	irq  irq.Line
	ack  *clock.Timer
	// Out takes each byte the guest prints.
	Out   func(byte)
	state struct {
		Data, Control uint8
		Line          bool
	}
}

// New returns a port whose printer hands bytes to out, which may be nil.
func New(name string, clk *clock.Clock, line irq.Line, out func(byte)) *LPT {
	l := &LPT{name: name, irq: line, Out: out}
	l.ack = clk.NewTimer(name+".ack", func(uint64) { l.drive(l.state.Control&ctlIRQ != 0) })
	return l
}

// Name is the device's name on the board.
func (l *LPT) Name() string { return l.name }

// Map claims three ports from base.
func (l *LPT) Map(b *bus.Bus, base uint16) error {
	_, err := b.MapPorts(l.name, base, 3, bus.Byte, l)
	return err
}

// Reset clears data and control.
func (l *LPT) Reset(devices.ResetKind) {
	l.state.Data, l.state.Control = 0, 0
	l.ack.Stop()
	l.drive(false)
}

func (l *LPT) drive(level bool) {
	if level != l.state.Line {
		l.state.Line = level
		l.irq.Set(level)
	}
}

// ReadPort reads a register; reading status ends the interrupt.
func (l *LPT) ReadPort(off uint16, _ int) uint32 {
	switch off {
	case 0:
		if l.state.Control&ctlInput != 0 {
			return 0xff // nobody drives the cable
		}
		return uint32(l.state.Data)
	case 1:
		l.drive(false)
		v := uint32(stSelect | stNotError | stUnused)
		if !l.ack.Armed() {
			v |= stNotBusy | stNotAck
		}
		return v
	}
	return uint32(l.state.Control | 0xc0)
}

// WritePort writes a register; a rise of strobe prints the byte.
func (l *LPT) WritePort(off uint16, _ int, v uint32) {
	switch off {
	case 0:
		l.state.Data = uint8(v)
	case 2:
		rise := v&ctlStrobe != 0 && l.state.Control&ctlStrobe == 0
		l.state.Control = uint8(v) & 0x3f
		if v&ctlIRQ == 0 {
			l.drive(false)
		}
		if rise {
			l.drive(false)
			l.ack.After(ackNS)
			if l.Out != nil {
				l.Out(l.state.Data)
			}
		}
	}
}

// Save writes the registers.
func (l *LPT) Save(w *snap.Writer) { w.Struct(&l.state) }

// Load restores what Save wrote.
func (l *LPT) Load(r *snap.Reader) error { return r.Struct(&l.state) }
