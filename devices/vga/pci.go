package vga

import (
	"g86/devices/bus"
	"g86/devices/pci"
)

// PCI identity and resources of the adapter.
const (
	PCIVendor  = 0x1234
	PCIDevice  = 0x1111
	PCIClass   = 0x030000   // VGA-compatible display controller
	VRAMSize   = 16 << 20   // BAR0, prefetchable memory
	MMIOSize   = 0x1000     // BAR2, memory
	DefaultLFB = 0xe0000000 // where the Bochs ISA adapter has its frame buffer
)

// PCI returns the adapter's PCI function: BAR0 is video memory, BAR2 the
// registers. It keeps its own configuration space in snapshots.
func (v *VGA) PCI() *pci.Function {
	f := pci.NewFunction(v.name, pci.Header{
		Vendor: PCIVendor, Device: PCIDevice, Class: PCIClass, Revision: 2,
		SubVendor: 0x1af4, SubDevice: 0x1100, // QEMU's, which some drivers look for
	})
	f.RAMBar(0, v.vram)
	f.MemBar(2, MMIOSize, bus.Dword, mmio{v})
	return f
}

// MapLFB maps video memory at a fixed address, for a board without PCI.
func (v *VGA) MapLFB(b *bus.Bus, base uint64) error {
	_, err := b.MapRAM(v.name+".lfb", base, v.vram, false, bus.PrioDevice)
	return err
}
