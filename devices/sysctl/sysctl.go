// Package sysctl models the board's system control ports: NMI status and
// speaker, fast A20 and reset, the reset control register and the APM ports.
//
// Register map (PIIX3 datasheet, 2.5.7 to 2.5.9; PIIX4 datasheet, 4.2):
//
//	61h   0 gate of timer 2   1 speaker data   2 disable SERR#   3 disable IOCHK#
//	      read only: 4 refresh toggle   5 output of timer 2   6 IOCHK#   7 SERR#
//	92h   0 fast reset (0 to 1)   1 A20
//	CF9h  1 hard (1) or soft reset   2 reset (0 to 1)
//	B2h   APM control: a write calls the platform    B3h  APM status: scratch
package sysctl

import (
	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

// Ports on a PC.
const (
	Port61      = 0x61
	Port92      = 0x92
	PortReset   = 0xcf9
	PortAPM     = 0xb2
	refreshHz   = 66288 // the refresh request, 1193182 Hz / 18, toggles bit 4
	maskSERR    = 0x04
	maskIOCHK   = 0x08
	fastReset   = 0x01
	fastA20     = 0x02
	resetHard   = 0x02
	resetCPU    = 0x04
	resetCtlAll = 0x0e // CF9h bits that can be read back; 3 is "full reset"
)

// Timer2 is the speaker's timer (package pit).
type Timer2 interface {
	SetGate2(level bool)
	Out2() bool
}

// Hooks are the wires that leave this device.
type Hooks struct {
	A20   func(on bool)            // the A20 gate changed
	Reset func(hard bool)          // reset: of the whole board, or of the CPUs only (INIT)
	NMI   func()                   // an unmasked IOCHK# or SERR# arrived
	APM   func(cmd, status uint8)  // port B2h was written
	Tone  func(timerGate, on bool) // port 61h bits 0 and 1 changed
}

// SysCtl is the group of ports.
type SysCtl struct {
	name  string `snap:"-"`
	clk   *clock.Clock
	timer Timer2
	hooks Hooks
	state struct {
		B       uint8 // port 61h bits 0-3
		IOCHK   bool
		SERR    bool
		P92     uint8
		CF9     uint8
		Control uint8 // APM
		Status  uint8
	}
}

// New returns the ports; hooks that are nil are not connected.
func New(name string, clk *clock.Clock, timer Timer2, hooks Hooks) *SysCtl {
	s := &SysCtl{name: name, clk: clk, timer: timer, hooks: hooks}
	s.state.P92 = fastA20
	return s
}

// Name is the device's name on the board.
func (s *SysCtl) Name() string { return s.name }

// Map claims ports 61h, 92h, B2h and B3h. CF9h lies inside the PCI host bridge's
// CF8h register: the bridge passes byte accesses on to ResetControl.
func (s *SysCtl) Map(b *bus.Bus) error {
	for _, m := range []struct {
		base uint16
		n    int
		dev  bus.PortDevice
	}{
		{Port61, 1, nmiStatus{s}},
		{Port92, 1, port92{s}},
		{PortAPM, 2, apm{s}},
	} {
		if _, err := b.MapPorts(s.name, m.base, m.n, bus.Byte, m.dev); err != nil {
			return err
		}
	}
	return nil
}

// ResetControl is the register at CF9h, for the owner of that port.
func (s *SysCtl) ResetControl() bus.PortDevice { return resetControl{s} }

// Reset clears the registers and opens the A20 gate: the first instruction is
// fetched from above it.
func (s *SysCtl) Reset(devices.ResetKind) {
	s.state.B = 0
	s.state.IOCHK, s.state.SERR = false, false
	s.state.CF9, s.state.Control, s.state.Status = 0, 0, 0
	s.timer.SetGate2(false)
	s.state.P92 &^= fastReset
	s.SetA20(true)
}

// SetA20 switches the A20 gate. The keyboard controller's output port is wired
// here too: whoever wrote last decides, as chipsets that emulate A20 do.
func (s *SysCtl) SetA20(on bool) {
	if on == s.A20() {
		return
	}
	s.state.P92 ^= fastA20
	if s.hooks.A20 != nil {
		s.hooks.A20(on)
	}
}

// A20 reports whether address line 20 is open.
func (s *SysCtl) A20() bool { return s.state.P92&fastA20 != 0 }

// IOCHK is the ISA bus's error wire; a rise is an NMI unless port 61h masks it.
func (s *SysCtl) IOCHK() { s.raise(&s.state.IOCHK, maskIOCHK) }

// SERR is the PCI bus's system error wire.
func (s *SysCtl) SERR() { s.raise(&s.state.SERR, maskSERR) }

func (s *SysCtl) raise(latch *bool, mask uint8) {
	if s.state.B&mask != 0 {
		return // the mask also holds the latch clear
	}
	*latch = true
	if s.hooks.NMI != nil {
		s.hooks.NMI()
	}
}

func (s *SysCtl) reset(hard bool) {
	if s.hooks.Reset != nil {
		s.hooks.Reset(hard)
	}
}

// Save writes all registers.
func (s *SysCtl) Save(w *snap.Writer) { w.Struct(&s.state) }

// Load restores what Save wrote and drives the A20 gate if it differs.
func (s *SysCtl) Load(r *snap.Reader) error {
	was := s.A20()
	if err := r.Struct(&s.state); err != nil {
		return err
	}
	if on := s.A20(); on != was && s.hooks.A20 != nil {
		s.hooks.A20(on)
	}
	return nil
}

type nmiStatus struct{ s *SysCtl }

func (x nmiStatus) ReadPort(uint16, int) uint32 {
	s := x.s
	v := uint32(s.state.B)
	v |= uint32(s.clk.Ticks(refreshHz)&1) << 4
	for i, on := range []bool{s.timer.Out2(), s.state.IOCHK, s.state.SERR} {
		if on {
			v |= 0x20 << i
		}
	}
	return v
}

func (x nmiStatus) WritePort(_ uint16, _ int, v uint32) {
	s := x.s
	was := s.state.B
	s.state.B = uint8(v) & 0x0f
	if v&maskIOCHK != 0 {
		s.state.IOCHK = false
	}
	if v&maskSERR != 0 {
		s.state.SERR = false
	}
	if (was^s.state.B)&1 != 0 {
		s.timer.SetGate2(v&1 != 0)
	}
	if (was^s.state.B)&3 != 0 && s.hooks.Tone != nil {
		s.hooks.Tone(v&1 != 0, v&2 != 0)
	}
}

type port92 struct{ s *SysCtl }

func (x port92) ReadPort(uint16, int) uint32 { return uint32(x.s.state.P92) }

func (x port92) WritePort(_ uint16, _ int, v uint32) {
	s := x.s
	s.SetA20(v&fastA20 != 0)
	rise := v&fastReset != 0 && s.state.P92&fastReset == 0
	s.state.P92 = uint8(v) & (fastReset | fastA20)
	if rise {
		s.reset(false)
	}
}

type resetControl struct{ s *SysCtl }

func (x resetControl) ReadPort(uint16, int) uint32 { return uint32(x.s.state.CF9) }

func (x resetControl) WritePort(_ uint16, _ int, v uint32) {
	s := x.s
	rise := v&resetCPU != 0 && s.state.CF9&resetCPU == 0
	s.state.CF9 = uint8(v) & resetCtlAll
	if rise {
		s.reset(v&resetHard != 0)
	}
}

type apm struct{ s *SysCtl }

func (x apm) ReadPort(off uint16, _ int) uint32 {
	if off == 0 {
		return uint32(x.s.state.Control)
	}
	return uint32(x.s.state.Status)
}

func (x apm) WritePort(off uint16, _ int, v uint32) {
	s := x.s
	if off == 1 {
		s.state.Status = uint8(v)
		return
	}
	s.state.Control = uint8(v)
	if s.hooks.APM != nil {
		s.hooks.APM(s.state.Control, s.state.Status)
	}
}
