package apic

// I/O APIC registers (82093AA datasheet, 3.1-3.2; EOI register as in version 20h)
//
//	00h  IOREGSEL  7:0 index        10h  IOWIN  32 bits        40h  EOI  7:0 vector, write-only
//	index 00h  ID       27:24
//	index 01h  version  20h, 23:16 highest entry
//	index 02h  ARB      27:24, the ID
//	index 10h+2n, 11h+2n  redirection entry n: 7:0 vector  10:8 delivery mode  11 logical
//	           12 delivery status (0)  13 polarity  14 remote IRR  15 level  16 mask  63:56 destination
//
// Inputs say asserted or not; the polarity bit is kept but has no effect, as the
// board has an inverter wherever software is told of one.

import (
	"fmt"
	"strings"

	"g86/devices/irq"
)

// Pins is the number of inputs of the I/O APIC.
const Pins = 24

const (
	ioVersion   = 0x20 | (Pins-1)<<16
	rteMasked   = 1 << 16
	rteLevel    = 1 << 15
	rteRIRR     = 1 << 14
	rteLogical  = 1 << 11
	rteWritable = 0xff00000000000000 | 0x1afff
)

// IOAPIC is the I/O APIC.
type IOAPIC struct {
	s     *System
	state struct {
		Select uint8
		ID     uint8
		RTE    [Pins]uint64
		Lines  uint32 // inputs asserted
	}
}

func newIOAPIC(s *System) *IOAPIC {
	x := &IOAPIC{s: s}
	x.reset()
	return x
}

func (x *IOAPIC) reset() {
	x.state.Select, x.state.ID = 0, 0
	for i := range x.state.RTE {
		x.state.RTE[i] = rteMasked
	}
}

// Input is the wire to pin n (0-23), high meaning asserted.
func (x *IOAPIC) Input(n int) irq.Line {
	if n < 0 || n >= Pins {
		panic(fmt.Sprintf("ioapic: no pin %d", n))
	}
	return func(level bool) { x.set(n, level) }
}

func (x *IOAPIC) set(n int, level bool) {
	bit := uint32(1) << n
	was := x.state.Lines&bit != 0
	if !level {
		x.state.Lines &^= bit
		return
	}
	x.state.Lines |= bit
	// An edge at a masked pin is neither delivered nor held pending.
	if e := x.state.RTE[n]; levelRTE(e) {
		x.service(n)
	} else if !was && e&rteMasked == 0 {
		x.send(e)
	}
}

// send puts entry e's message on the bus and reports whether it was accepted.
func (x *IOAPIC) send(e uint64) bool {
	mode := uint8(e >> 8 & 7)
	if mode == 3 || mode == dmStartup { // reserved
		return false
	}
	return x.s.send(message{vector: uint8(e), mode: mode, level: levelRTE(e), logical: e&rteLogical != 0, dest: uint32(e >> 56)})
}

// levelRTE reports whether e is level triggered: only fixed and lowest priority
// interrupts can be, the other modes are edges whatever bit 15 says.
func levelRTE(e uint64) bool {
	mode := e >> 8 & 7
	return e&rteLevel != 0 && (mode == dmFixed || mode == dmLowest)
}

// service sends the level-triggered interrupt of pin n if it has one to send.
func (x *IOAPIC) service(n int) {
	e := &x.state.RTE[n]
	if !levelRTE(*e) || *e&(rteMasked|rteRIRR) != 0 || x.state.Lines>>n&1 == 0 {
		return
	}
	if x.send(*e) {
		*e |= rteRIRR
	}
}

// retry sends level interrupts again that nobody accepted before.
func (x *IOAPIC) retry() {
	for n := range x.state.RTE {
		x.service(n)
	}
}

// eoi ends the level-triggered interrupts of a vector; a line that is still
// asserted interrupts again.
func (x *IOAPIC) eoi(vector uint8) {
	for n := range x.state.RTE {
		if e := &x.state.RTE[n]; uint8(*e) == vector && *e&rteRIRR != 0 {
			*e &^= rteRIRR
			x.service(n)
		}
	}
}

// ReadMem implements bus.MemDevice.
func (x *IOAPIC) ReadMem(off uint64, size int) uint64 {
	var v uint32
	switch off &^ 3 {
	case 0x00:
		v = uint32(x.state.Select)
	case 0x10:
		v = x.read(x.state.Select)
	}
	return uint64(v) >> (8 * (off & 3)) & (1<<(8*size) - 1)
}

func (x *IOAPIC) read(i uint8) uint32 {
	switch {
	case i == 0, i == 2:
		return uint32(x.state.ID) << 24
	case i == 1:
		return ioVersion
	case i >= 0x10 && i < 0x10+2*Pins:
		return uint32(x.state.RTE[(i-0x10)/2] >> (32 * (i & 1)))
	}
	return 0
}

// WriteMem implements bus.MemDevice. IOREGSEL and EOI take bytes, IOWIN only
// dwords.
func (x *IOAPIC) WriteMem(off uint64, size int, v uint64) {
	switch {
	case off == 0x00:
		x.state.Select = uint8(v)
	case off == 0x10 && size == 4:
		x.write(x.state.Select, uint32(v))
	case off == 0x40:
		x.eoi(uint8(v))
	}
}

func (x *IOAPIC) write(i uint8, v uint32) {
	switch {
	case i == 0:
		x.state.ID = uint8(v >> 24 & 15)
	case i >= 0x10 && i < 0x10+2*Pins:
		n := int(i-0x10) / 2
		e := &x.state.RTE[n]
		shift := 32 * (i & 1)
		w := uint64(rteWritable) & (0xffffffff << shift)
		*e = *e&^w | uint64(v)<<shift&w
		if !levelRTE(*e) {
			*e &^= rteRIRR // software without an EOI register ends interrupts this way
		}
		x.service(n)
	}
}

// Info describes the I/O APIC for the monitor's "info irq".
func (x *IOAPIC) Info() string {
	var s strings.Builder
	fmt.Fprintf(&s, "ioapic id=%d sel=%#02x\n", x.state.ID, x.state.Select)
	for n, e := range x.state.RTE {
		flag := func(bit uint64, name string) string {
			if e&bit != 0 {
				return " " + name
			}
			return ""
		}
		trigger := "edge"
		if levelRTE(e) {
			trigger = "level"
		}
		line := ""
		if x.state.Lines>>n&1 != 0 {
			line = " high"
		}
		fmt.Fprintf(&s, "  pin %2d vec=%02x %s %s dest=%02x%s%s%s%s\n", n, uint8(e), modeNames[e>>8&7], trigger, e>>56,
			flag(rteLogical, "logical"), flag(rteMasked, "masked"), flag(rteRIRR, "remote-irr"), line)
	}
	return s.String()
}

var modeNames = [8]string{"fixed", "lowest", "smi", "reserved", "nmi", "init", "startup", "extint"}

// Info describes all local APICs and the I/O APIC for the monitor's "info irq".
func (s *System) Info() string {
	var b strings.Builder
	for _, l := range s.cpus {
		st := &l.state
		fmt.Fprintf(&b, "apic%d %s base=%#x id=%d svr=%#x tpr=%#x ppr=%#x esr=%#x timer=%d/%d\n", l.index,
			[]string{"off", "xapic", "x2apic"}[l.mode()], l.pageBase(), l.index, st.SVR, st.TPR, l.ppr(), st.ESR, l.current(), st.Initial)
		fmt.Fprintf(&b, "  isr=%v irr=%v\n", st.ISR.list(), st.IRR.list())
		for n, name := range []string{"timer", "thermal", "perf", "lint0", "lint1", "error"} {
			fmt.Fprintf(&b, "  lvt %-7s %#x\n", name, st.LVT[n])
		}
	}
	return b.String() + s.io.Info()
}

func (v *vectors) list() []int {
	l := []int{}
	for n := range 256 {
		if v.has(uint8(n)) {
			l = append(l, n)
		}
	}
	return l
}
