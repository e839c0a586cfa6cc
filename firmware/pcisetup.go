package firmware

import "g86/devices/bus"

// PCI configuration mechanism #1 (PCI Local Bus Specification 2.2, 3.2.2.3).
const (
	pciAddr = 0xcf8
	pciData = 0xcfc
)

// Configuration space offsets.
const (
	pciVendor  = 0x00
	pciCommand = 0x04
	pciClass   = 0x08 // revision, programming interface, subclass, class
	pciHeader  = 0x0e
	pciBAR0    = 0x10
	pciIRQLine = 0x3c
	pciIRQPin  = 0x3d
)

const (
	vendorIntel    = 0x8086
	devicePIIX3    = 0x7000
	devicePIIXIDE1 = 0x7010
	devicePIIXIDE2 = 0x7111
	devicePIIX4PM  = 0x7113

	classIDE = 0x0101
	classVGA = 0x0300

	firstIOBAR  = 0xc000
	firstMemBAR = 0xe0000000
	lastMemBAR  = 0xfec00000
	pmBase      = 0x600
	smbBase     = 0x700
)

// pirqIRQ is where PIRQA-D are routed.
var pirqIRQ = [4]byte{10, 10, 11, 11}

// pciFn addresses one function: bus 0, device and function in the low byte.
type pciFn struct {
	bus  *bus.Bus
	addr uint32
}

func pciFunction(b *bus.Bus, busNo, devfn byte) pciFn {
	return pciFn{b, 0x80000000 | uint32(busNo)<<16 | uint32(devfn)<<8}
}

func (p pciFn) read(reg, size int) uint32 {
	p.bus.Out(pciAddr, 4, p.addr|uint32(reg&^3))
	return p.bus.In(pciData+uint16(reg&3), size)
}

func (p pciFn) write(reg, size int, v uint32) {
	p.bus.Out(pciAddr, 4, p.addr|uint32(reg&^3))
	p.bus.Out(pciData+uint16(reg&3), size, v)
}

// eachPCI calls fn for every function on bus 0.
func (b *BIOS) eachPCI(fn func(devfn byte, p pciFn)) {
	for dev := range byte(32) {
		for n := range byte(8) {
			p := pciFunction(b.hw.Bus, 0, dev<<3|n)
			if p.read(pciVendor, 2) == 0xffff {
				if n == 0 {
					break
				}
				continue
			}
			fn(dev<<3|n, p)
			if n == 0 && p.read(pciHeader, 1)&0x80 == 0 {
				break
			}
		}
	}
}

// pciAlloc hands out addresses, each aligned to its size.
type pciAlloc struct{ next, end uint64 }

func (a *pciAlloc) take(size uint64) (at uint64, ok bool) {
	at = (a.next + size - 1) &^ (size - 1)
	if at+size > a.end {
		return 0, false
	}
	a.next = at + size
	return at, true
}

// initPCI gives every function its addresses and interrupt and switches it on,
// then sets up what is particular to the PIIX functions.
func (f *frame) initPCI() {
	io := &pciAlloc{firstIOBAR, 0x10000}
	mem := &pciAlloc{firstMemBAR, lastMemBAR}
	f.b.eachPCI(func(devfn byte, p pciFn) {
		if p.read(pciHeader, 1)&0x7f == 0 {
			f.assignBARs(devfn, p, io, mem)
		}
		switch id := p.read(0, 4); id {
		case devicePIIX3<<16 | vendorIntel:
			level := [2]byte{}
			for i, irq := range pirqIRQ {
				p.write(0x60+i, 1, uint32(irq))
				level[irq>>3] |= 1 << (irq & 7)
			}
			f.out(elcr1, level[0])
			f.out(elcr2, level[1]|1<<(9-8)) // and the SCI
		case devicePIIXIDE1<<16 | vendorIntel, devicePIIXIDE2<<16 | vendorIntel:
			p.write(0x40, 2, 0x8000) // decode both channels
			p.write(0x42, 2, 0x8000)
		case devicePIIX4PM<<16 | vendorIntel:
			p.write(pciIRQLine, 1, 9)
			p.write(0x40, 4, pmBase|1)
			p.write(0x80, 1, 1) // PMIOSE
			p.write(0x90, 4, smbBase|1)
			p.write(0xd2, 1, 0x09)
		}
	})
}

func (f *frame) assignBARs(devfn byte, p pciFn, io, mem *pciAlloc) {
	class := p.read(pciClass+2, 2)
	if class == 0x0600 { // the host bridge has none
		return
	}
	first := 0
	if class == classIDE && p.read(pciClass+1, 1)&0x05 == 0 {
		first = 4 // compatibility mode: the command blocks have fixed addresses
	}
	enable := p.read(pciCommand, 2) &^ 3
	p.write(pciCommand, 2, enable) // no decoding while sizing
	for i := first; i < 6; i++ {
		reg := pciBAR0 + 4*i
		p.write(reg, 4, 0xffffffff)
		v := p.read(reg, 4)
		if v == 0 {
			continue
		}
		if v&1 != 0 {
			size := uint64(-(v&^3 | 0xffff0000)) & 0xffff
			if at, ok := io.take(max(size, 4)); ok {
				p.write(reg, 4, uint32(at))
				enable |= 1
			}
			continue
		}
		wide := v&6 == 4
		size := uint64(-(v &^ 0xf))
		if wide {
			p.write(reg+4, 4, 0)
			i++
		}
		if size == 0 { // 4 GiB or more: no room
			continue
		}
		if at, ok := mem.take(max(size, 0x1000)); ok {
			p.write(reg, 4, uint32(at))
			enable |= 2
		} else {
			p.write(reg, 4, 0)
		}
	}
	if class == classVGA {
		enable |= 3
	}
	p.write(pciCommand, 2, enable|4) // bus master
	if pin := p.read(pciIRQPin, 1); pin >= 1 && pin <= 4 {
		p.write(pciIRQLine, 1, uint32(pirqIRQ[(devfn>>3-1+byte(pin)-1)&3]))
	}
}

// pirTable is the PCI interrupt routing table of PCI BIOS 2.1 ($PIR): slots 1-31
// with the PIIX3's PIRQ registers 60h-63h as links.
func pirTable() []byte {
	t := append([]byte("$PIR"), 0, 1, 0, 0, 0, 1<<3, 0, 0)
	t = append(t, 0x86, 0x80, 0x00, 0x70) // compatible with the PIIX3
	t = append(t, make([]byte, 16)...)
	t = append(t, pirSlots()...)
	t[6], t[7] = byte(len(t)), byte(len(t)>>8)
	t[31] = -sum(t)
	return t
}

// pirSlots are the slot entries alone, as INT 1Ah AX=B10Eh returns them.
func pirSlots() []byte {
	const irqs = 1<<5 | 1<<10 | 1<<11
	var t []byte
	for dev := byte(1); dev < 32; dev++ {
		t = append(t, 0, dev<<3)
		for pin := range byte(4) {
			t = append(t, 0x60+(dev-1+pin)&3, irqs&0xff, irqs>>8)
		}
		t = append(t, dev, 0)
	}
	return t
}
