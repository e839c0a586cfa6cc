// Package mp makes the MP floating pointer and configuration table (Intel
// MultiProcessor Specification 1.4, chapter 4) of the board: local APICs 0 to
// n-1, one I/O APIC and the ISA interrupts that the PCI routing shares.
package mp

import "encoding/binary"

// Addresses of the board's APICs.
const (
	lapicBase  = 0xfee00000
	ioapicBase = 0xfec00000
	isaBus     = 1
	pciBus     = 0
)

// IOAPICID is the I/O APIC's ID on a board with cpus processors.
func IOAPICID(cpus int) byte { return byte(cpus) }

// Interrupt types and flags of the entries.
const (
	typeINT    = 0
	typeNMI    = 1
	typeExtINT = 3
	conforming = 0x0000
	levelHigh  = 0x000d // as the PIIX3 presents PIRQs: active high, level
)

var le = binary.LittleEndian

// Build returns the floating pointer, which must lie at physical address base,
// followed by the table.
func Build(cpus int, base uint32) []byte {
	const fpSize = 16
	fp := append([]byte("_MP_"), 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0)
	le.PutUint32(fp[4:], base+fpSize)
	fp[10] = -sum(fp)
	return append(fp, table(cpus)...)
}

func table(cpus int) []byte {
	t := make([]byte, 44, 512)
	copy(t, "PCMP")
	t[6] = 4
	copy(t[8:], "g86     ")
	copy(t[16:], "g86 PC      ")
	le.PutUint32(t[36:], lapicBase)
	n := uint16(0)
	entry := func(b ...byte) { t = append(t, b...); n++ }

	for i := range cpus {
		flags := byte(1) // enabled
		if i == 0 {
			flags |= 2 // bootstrap processor
		}
		e := []byte{0, byte(i), 0x14, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		le.PutUint32(e[4:], 0x600)       // family 6
		le.PutUint32(e[8:], 1|1<<8|1<<9) // FPU, CMPXCHG8B, APIC
		entry(e...)
	}
	entry(append([]byte{1, pciBus}, "PCI   "...)...)
	entry(append([]byte{1, isaBus}, "ISA   "...)...)
	io := IOAPICID(cpus)
	entry(le.AppendUint32([]byte{2, io, 0x20, 1}, ioapicBase)...)

	irq := func(kind byte, flags uint16, bus, src, apic, pin byte) {
		entry(3, kind, byte(flags), byte(flags>>8), bus, src, apic, pin)
	}
	for i := range byte(16) {
		switch i {
		case 0:
			irq(typeINT, conforming, isaBus, 0, io, 2) // the timer is wired to pin 2
		case 2: // the cascade has no pin
		default:
			irq(typeINT, conforming, isaBus, i, io, i)
		}
	}
	// PCI devices 1-31: INTA#-INTD# swizzled over PIRQA-D, which the firmware
	// routes to IRQ 10, 10, 11, 11.
	for dev := byte(1); dev < 32; dev++ {
		for pin := range byte(4) {
			gsi := [4]byte{10, 10, 11, 11}[(dev-1+pin)&3]
			if dev == 1 && pin == 0 {
				gsi = 9 // power management
			}
			irq(typeINT, levelHigh, pciBus, dev<<2|pin, io, gsi)
		}
	}
	local := func(kind, pin byte) { entry(4, kind, 0, 0, isaBus, 0, 0xff, pin) }
	local(typeExtINT, 0)
	local(typeNMI, 1)

	le.PutUint16(t[4:], uint16(len(t)))
	le.PutUint16(t[34:], n)
	t[7] = -sum(t)
	return t
}

func sum(p []byte) (s byte) {
	for _, x := range p {
		s += x
	}
	return s
}
