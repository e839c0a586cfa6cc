// Package vmgenid is the virtual machine generation ID (Microsoft, "Virtual Machine
// Generation ID", 2012): 16 bytes in a page of memory that ACPI tells of. They change
// when the machine becomes another than the one it was, a clone, and an event tells the
// guest, so that its random numbers and its identity do not stay those of its twins.
package vmgenid

import (
	"unsafe"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

const (
	// Base is the page; the ID is at its beginning.
	Base = 0xfed30000
	// GPE is the general purpose event that tells of a change.
	GPE = 5
)

// Device holds the ID.
type Device struct {
	name  string `snap:"-"`
	page  []byte `snap:"-"` // state.ID is at its beginning
	state struct{ ID [16]byte }
}

// New returns a device with an ID, a random UUID in its binary form.
func New(name string, id [16]byte) *Device {
	const page = 4096
	b := make([]byte, 2*page)
	b = b[-uintptr(unsafe.Pointer(&b[0]))%page:][:page:page] // a page of the host's, so that KVM can map it
	d := &Device{name: name, page: b}
	d.Set(id)
	return d
}

// Map puts the page into the address space, read-only.
func (d *Device) Map(b *bus.Bus) error {
	_, err := b.MapRAM(d.name, Base, d.page, true, bus.PrioDevice)
	return err
}

// Set changes the ID; the caller raises the event.
func (d *Device) Set(id [16]byte) {
	d.state.ID = id
	copy(d.page, id[:])
}

// ID is the present one.
func (d *Device) ID() [16]byte { return d.state.ID }

// Name implements devices.Device.
func (d *Device) Name() string { return d.name }

// Reset implements devices.Device: the ID outlives it.
func (d *Device) Reset(devices.ResetKind) {}

// Save implements devices.Device.
func (d *Device) Save(w *snap.Writer) { w.Struct(&d.state) }

// Load implements devices.Device.
func (d *Device) Load(r *snap.Reader) error {
	if err := r.Struct(&d.state); err != nil {
		return err
	}
	d.Set(d.state.ID)
	return nil
}
