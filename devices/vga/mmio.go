package vga

// mmio is PCI BAR2 of the QEMU standard adapter (QEMU, docs/specs/standard-vga):
//
//	400-41F  ports 3C0-3DF
//	500-515  dispi registers, 16 bits each
//	600      size of this last block (8)
//	604      frame buffer byte order: 1E1E1E1E little endian
type mmio struct{ v *VGA }

const littleEndian = 0x1e1e1e1e

func (m mmio) ReadMem(off uint64, size int) (x uint64) {
	switch {
	case off >= 0x400 && off < 0x420:
		for i := range size {
			x |= uint64(m.v.in(uint16(0x3c0+off-0x400)+uint16(i))) << (8 * i)
		}
	case off >= 0x500 && off < 0x500+2*vbeRegs:
		x = uint64(m.v.vbeRead(uint16(off-0x500) / 2))
		if size == 4 {
			x |= uint64(m.v.vbeRead(uint16(off-0x500)/2+1)) << 16
		}
		x >>= 8 * (off & 1)
	case off == 0x600:
		x = 8
	case off == 0x604:
		x = littleEndian
	}
	return x
}

func (m mmio) WriteMem(off uint64, size int, x uint64) {
	switch {
	case off >= 0x400 && off < 0x420:
		for i := range size {
			m.v.out(uint16(0x3c0+off-0x400)+uint16(i), byte(x>>(8*i)))
		}
	case off >= 0x500 && off < 0x500+2*vbeRegs && off&1 == 0:
		m.v.vbeWrite(uint16(off-0x500)/2, uint16(x))
		if size == 4 {
			m.v.vbeWrite(uint16(off-0x500)/2+1, uint16(x>>16))
		}
	}
}
