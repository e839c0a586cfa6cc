// Package debugcon is the debug console port of Bochs and QEMU.
//
// Register map (Bochs documentation, "port_e9_hack"; QEMU, isa-debugcon):
//
//	0  write: a character for the host; read: E9h, which tells the guest that it is there
package debugcon

import (
	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

// Port is the usual place.
const Port = 0xe9

// Console is the port.
type Console struct {
	name string
	// Out takes each character.
	Out func(byte)
}

// New returns a console that hands characters to out, which may be nil.
func New(name string, out func(byte)) *Console { return &Console{name: name, Out: out} }

// Name is the device's name on the board.
func (c *Console) Name() string { return c.name }

// Map claims one port.
func (c *Console) Map(b *bus.Bus, port uint16) error {
	_, err := b.MapPorts(c.name, port, 1, bus.Byte, c)
	return err
}

// ReadPort returns the signature.
func (c *Console) ReadPort(uint16, int) uint32 { return Port }

// WritePort prints.
func (c *Console) WritePort(_ uint16, _ int, v uint32) {
	if c.Out != nil {
		c.Out(byte(v))
	}
}

// Reset does nothing: there is no state.
func (c *Console) Reset(devices.ResetKind) {}

// Save writes nothing: there is no state.
func (c *Console) Save(*snap.Writer) {}

// Load reads nothing.
func (c *Console) Load(*snap.Reader) error { return nil }
