// Package piix is the south bridge of the board: function 0 is the PIIX3 ISA
// bridge, which routes PCI interrupts, function 3 the PIIX4's power management
// with the fixed ACPI registers. Its IDE function is package ide, its ELCR
// package pic, its reset control register package sysctl.
package piix

// PIIX3 configuration registers (82371SB datasheet, order number 290550, 2.3)
//
//	00h  8086h 7000h, class 060100h
//	4Eh  XBCS     X-Bus chip select, kept but without effect
//	60h  PIRQRCA-PIRQRCD  7 routing disabled  3:0 ISA interrupt (3-7, 9-12, 14, 15)
//	69h  TOM      top of memory, kept but without effect

import (
	"g86/devices/irq"
	"g86/devices/pci"
)

// Slot is the south bridge's place on the bus. Its functions: 0 ISA bridge,
// 1 IDE, 3 power management.
const (
	Slot  = 1
	FnISA = 0
	FnIDE = 1
	FnPM  = 3
)

const (
	regXBCS  = 0x4e
	regPIRQ  = 0x60
	regTOM   = 0x69
	pirqOff  = 0x80
	isaValid = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<9 | 1<<10 | 1<<11 | 1<<12 | 1<<14 | 1<<15
)

// ISABridge routes PIRQA#-PIRQD# to ISA interrupts. Its state is its
// configuration space, which package pci resets, saves and restores.
type ISABridge struct {
	fn     *pci.Function
	isa    [16]irq.Line
	ioapic [4]irq.Line
	pirq   [4]bool // as driven by the slots
	driven uint16  // ISA lines held high
}

// NewISABridge plugs the ISA bridge into p and becomes its interrupt router.
// isa are the lines an enabled route drives (level triggered; the machine joins
// them with other drivers of the same line); ioapic, which may be all nil, are
// the I/O APIC inputs PIRQA#-PIRQD# are wired to besides.
func NewISABridge(name string, p *pci.Bus, isa [16]irq.Line, ioapic [4]irq.Line) (*ISABridge, error) {
	x := &ISABridge{isa: isa, ioapic: ioapic}
	x.fn = pci.NewFunction(name, pci.Header{Vendor: 0x8086, Device: 0x7000, Class: 0x060100, SubVendor: 0x1af4, SubDevice: 0x1100})
	x.fn.Define(0x04, 2, 0x0007, 0x0108) // I/O, memory and master are always on
	x.fn.Define(0x06, 2, 0x0200, 0)
	x.fn.Define(regXBCS, 2, 0x0003, 0xffff)
	x.fn.Define(regPIRQ, 4, 0x80808080, 0x8f8f8f8f)
	x.fn.Define(regTOM, 1, 0x02, 0xfe)
	x.fn.Changed = func(off, n int) {
		if off < regPIRQ+4 && off+n > regPIRQ {
			x.drive()
		}
	}
	p.SetRouter(x.setPIRQ)
	return x, p.Add(x.fn, Slot, FnISA)
}

// Route is the ISA interrupt PIRQ n is routed to, or -1.
func (x *ISABridge) Route(n int) int {
	r := x.fn.Get(regPIRQ+uint8(n&3), 1)
	if r&pirqOff != 0 || isaValid>>(r&15)&1 == 0 {
		return -1
	}
	return int(r & 15)
}

func (x *ISABridge) setPIRQ(n int, level bool) {
	x.pirq[n] = level
	x.ioapic[n].Set(level)
	x.drive()
}

func (x *ISABridge) drive() {
	var want uint16
	for n, level := range x.pirq {
		if r := x.Route(n); level && r >= 0 {
			want |= 1 << r
		}
	}
	diff := want ^ x.driven
	x.driven = want
	for i, l := range x.isa {
		if diff>>i&1 != 0 {
			l.Set(want>>i&1 != 0)
		}
	}
}
