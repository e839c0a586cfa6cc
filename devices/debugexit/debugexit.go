// Package debugexit is the port with which a guest under test ends the emulator.
//
// Register map (QEMU, isa-debug-exit):
//
//	0-3  write: v ends the run with exit status (v<<1)|1; read: 0
package debugexit

import (
	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

// The usual place; QEMU's own default of 501h is seldom used.
const (
	Port = 0xf4
	Size = 4
)

// Exit is the port.
type Exit struct {
	name   string
	onExit func(v uint32)
}

// New returns a port that reports writes to onExit.
func New(name string, onExit func(v uint32)) *Exit { return &Exit{name: name, onExit: onExit} }

// Status is the exit status for the value written.
func Status(v uint32) int { return int(v<<1|1) & 0xff }

// Name is the device's name on the board.
func (e *Exit) Name() string { return e.name }

// Map claims size ports from base.
func (e *Exit) Map(b *bus.Bus, base uint16, size int) error {
	_, err := b.MapPorts(e.name, base, size, bus.Dword, e)
	return err
}

// ReadPort reads as zero.
func (e *Exit) ReadPort(uint16, int) uint32 { return 0 }

// WritePort ends the run.
func (e *Exit) WritePort(_ uint16, _ int, v uint32) { e.onExit(v) }

// Reset does nothing: there is no state.
func (e *Exit) Reset(devices.ResetKind) {}

// Save writes nothing: there is no state.
func (e *Exit) Save(*snap.Writer) {}

// Load reads nothing.
func (e *Exit) Load(*snap.Reader) error { return nil }
