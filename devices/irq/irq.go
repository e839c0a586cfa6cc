// Package irq models interrupt wires.
package irq

// Line is one interrupt wire, driven by the device that holds it. A nil Line
// is not connected: driving it does nothing.
type Line func(level bool)

// Set drives the wire to level.
func (l Line) Set(level bool) {
	if l != nil {
		l(level)
	}
}

// Raise drives the wire high.
func (l Line) Raise() { l.Set(true) }

// Lower drives the wire low.
func (l Line) Lower() { l.Set(false) }

// Pulse drives the wire high and low again: one edge.
func (l Line) Pulse() { l.Set(true); l.Set(false) }

// Shared joins several drivers onto one wire that is high while any driver
// holds it high (wired-OR, as PCI INTx# and the ACPI SCI are).
type Shared struct {
	out  Line
	high uint64
	n    int
}

// NewShared returns a wired-OR in front of out. It holds at most 64 drivers.
func NewShared(out Line) *Shared { return &Shared{out: out} }

// Input adds a driver and returns its end of the wire.
func (s *Shared) Input() Line {
	if s.n == 64 {
		panic("irq: more than 64 drivers on one shared line")
	}
	bit := uint64(1) << s.n
	s.n++
	return func(level bool) {
		was := s.high != 0
		if level {
			s.high |= bit
		} else {
			s.high &^= bit
		}
		if now := s.high != 0; now != was {
			s.out.Set(now)
		}
	}
}

// Levels is what each driver holds, a bit for each in the order of Input, for
// snapshots.
func (s *Shared) Levels() uint64 { return s.high }

// SetLevels restores Levels without driving the wire: what is behind it has
// been restored by itself.
func (s *Shared) SetLevels(high uint64) { s.high = high }

// Split returns a line that drives all of outs.
func Split(outs ...Line) Line {
	return func(level bool) {
		for _, o := range outs {
			o.Set(level)
		}
	}
}
