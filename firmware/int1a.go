package firmware

// int1A is the time-of-day interrupt, and PCI BIOS.
func (f *frame) int1A() {
	switch f.ah() {
	case 0x00:
		n := f.rd32(bdaTicks)
		f.setLo(rCX, uint16(n>>16))
		f.setLo(rDX, uint16(n))
		f.setAX(uint16(f.rd8(bdaMidnight)))
		f.wr8(bdaMidnight, 0)
		f.set(flagCF, false)
	case 0x01:
		f.wr32(bdaTicks, uint32(f.cx())<<16|uint32(f.dx()))
		f.wr8(bdaMidnight, 0)
		f.ok()
	case 0x02:
		f.setLo(rCX, uint16(f.cmos(4))<<8|uint16(f.cmos(2)))
		f.setLo(rDX, uint16(f.cmos(0))<<8|uint16(f.cmos(cmosStatusB)&1))
		f.ok()
	case 0x03:
		f.setClock(func() {
			f.setCMOS(0, f.dh())
			f.setCMOS(2, f.cl())
			f.setCMOS(4, f.ch())
		}, f.dl()&1)
		f.ok()
	case 0x04:
		f.setLo(rCX, uint16(f.cmos(cmosCentury))<<8|uint16(f.cmos(9)))
		f.setLo(rDX, uint16(f.cmos(8))<<8|uint16(f.cmos(7)))
		f.ok()
	case 0x05:
		f.setClock(func() {
			f.setCMOS(7, f.dl())
			f.setCMOS(8, f.dh())
			f.setCMOS(9, f.cl())
			f.setCMOS(cmosCentury, f.ch())
		}, f.cmos(cmosStatusB)&1)
		f.ok()
	case 0x06:
		if f.cmos(cmosStatusB)&0x20 != 0 { // an alarm is set already
			f.fail(0)
			return
		}
		f.setCMOS(1, f.dh())
		f.setCMOS(3, f.cl())
		f.setCMOS(5, f.ch())
		f.out(pic2+1, f.in(pic2+1)&^1)
		f.setCMOS(cmosStatusB, f.cmos(cmosStatusB)&0x7f|0x20)
		f.ok()
	case 0x07:
		f.setCMOS(cmosStatusB, f.cmos(cmosStatusB)&^0x20)
		f.ok()
	case 0xb1:
		f.pciBIOS(false)
	default:
		f.set(flagCF, true)
	}
}

// setClock stops the clock while set writes to it.
func (f *frame) setClock(set func(), daylight byte) {
	b := f.cmos(cmosStatusB)
	f.setCMOS(cmosStatusB, b|0x80)
	set()
	f.setCMOS(cmosStatusB, b&^0x81|daylight)
}

// PCI BIOS status codes (PCI BIOS Specification 2.1).
const (
	pciOK          = 0x00
	pciUnsupported = 0x81
	pciBadVendor   = 0x83
	pciNotFound    = 0x86
	pciBadRegister = 0x87
	pciTooSmall    = 0x89
)

// pciBIOS is INT 1Ah AH=B1h. In protected mode bit 7 of AL is set by callers and
// buffers are not reachable.
func (f *frame) pciBIOS(prot bool) {
	status := byte(pciOK)
	switch fn := f.al() & 0x7f; fn {
	case 0x01:
		f.setAX(0x0001) // configuration mechanism 1
		f.setLo(rBX, 0x0210)
		f.setB0(rCX, 0) // last bus
		f.r[rDX] = 0x20494350
		f.r[rDI] = uint32(ROMBase + f.b.entry["pci32"])
		f.set(flagCF, false)
		return
	case 0x02:
		if f.dx() == 0xffff {
			status = pciBadVendor
			break
		}
		want := uint32(f.cx())<<16 | uint32(f.dx())
		status = f.pciFind(func(p pciFn) bool { return p.read(pciVendor, 4) == want })
	case 0x03:
		want := f.r[rCX] & 0xffffff
		status = f.pciFind(func(p pciFn) bool { return p.read(pciClass, 4)>>8 == want })
	case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d:
		size := 1 << ((fn - 8) % 3)
		reg := int(f.di())
		if reg > 0xff || reg&(size-1) != 0 {
			status = pciBadRegister
			break
		}
		p := pciFunction(f.b.hw.Bus, f.bh(), f.bl())
		if fn >= 0x0b {
			p.write(reg, size, f.r[rCX])
			break
		}
		switch v := p.read(reg, size); size {
		case 1:
			f.setB0(rCX, byte(v))
		case 2:
			f.setLo(rCX, uint16(v))
		default:
			f.r[rCX] = v
		}
	case 0x0e:
		if prot {
			status = pciUnsupported
			break
		}
		status = f.pciRouting()
	default:
		status = pciUnsupported
	}
	f.setAH(status)
	f.set(flagCF, status != pciOK)
}

// pciFind returns the SI-th function that match accepts in BX.
func (f *frame) pciFind(match func(pciFn) bool) byte {
	left, status := int(f.si()), byte(pciNotFound)
	f.b.eachPCI(func(devfn byte, p pciFn) {
		if status == pciNotFound && match(p) {
			if left == 0 {
				f.setLo(rBX, uint16(devfn))
				status = pciOK
			}
			left--
		}
	})
	return status
}

// pciRouting is AX=B10Eh: ES:DI points to the buffer's size and far address.
func (f *frame) pciRouting() byte {
	at := lin(f.es, f.di())
	size, ptr := f.rd16(at), f.rd32(at+2)
	t := pirSlots()
	f.wr16(at, uint16(len(t)))
	if int(size) < len(t) {
		return pciTooSmall
	}
	f.write(lin(uint16(ptr>>16), uint16(ptr)), t)
	irqs := uint16(0)
	for _, irq := range pirqIRQ {
		irqs |= 1 << irq
	}
	f.setLo(rBX, irqs) // used by PCI alone
	return pciOK
}

// pci32 is the 32-bit entry point of the PCI BIOS.
func (f *frame) pci32() {
	if f.ah() != 0xb1 {
		f.setAH(pciUnsupported)
		f.set(flagCF, true)
		return
	}
	f.pciBIOS(true)
}

// bios32 is the BIOS32 service directory (Standard BIOS 32-bit Service
// Directory Proposal 0.4): it knows "$PCI".
func (f *frame) bios32() {
	switch {
	case f.bl() != 0:
		f.setAL(0x81)
	case f.r[rAX] != 0x49435024:
		f.setAL(0x80)
	default:
		f.setAL(0)
		f.r[rBX], f.r[rCX], f.r[rDX] = ROMBase, ROMSize, uint32(f.b.entry["pci32"])
	}
}
