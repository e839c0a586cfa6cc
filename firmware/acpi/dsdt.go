package acpi

import "fmt"

// dsdt is the definition block: sleep state S5, the PCI root with its windows
// and interrupt routing, and the legacy devices behind the PIIX3.
func dsdt(c Config) []byte {
	var cpus []term
	for i := range c.CPUs {
		cpus = append(cpus, processor(fmt.Sprintf("CP%02X", i), byte(i)))
	}
	sb := []term{
		device("PCI0",
			name("_HID", eisaID("PNP0A03")),
			name("_UID", integer(0)),
			name("_CRS", buffer(resources(
				wordSpace(typeBus, 0, 0, 0xff),
				ioPort(0xcf8, 1, 8),
				wordSpace(typeIO, 3, 0, 0xcf7),
				wordSpace(typeIO, 3, 0xd00, 0xffff),
				dwordSpace(typeMemory, 3, 0xa0000, 0xbffff), // cacheable, read/write
				dwordSpace(typeMemory, 1, 0xe0000000, 0xfebfffff),
			))),
			name("_PRT", routing()),
			device("ISA", append([]term{
				name("_ADR", integer(0x10000)),
				pciConfig("P60", 0x60, "PRQA", "PRQB", "PRQC", "PRQD"),
			}, isaDevices()...)...),
		),
	}
	for i, l := range "ABCD" {
		sb = append(sb, link(string(l), uint32(i)))
	}
	if c.HPET {
		sb = append(sb, device("HPET",
			name("_HID", eisaID("PNP0103")),
			name("_UID", integer(0)),
			name("_CRS", buffer(resources(fixedMemory(hpetBase, 0x400)))),
		))
	}
	sb = append(sb, device("VGID",
		name("_HID", text("G86VGID")),
		name("_CID", text("VM_Gen_Counter")),
		name("_DDN", text("VM_Gen_Counter")),
		name("ADDR", pkg(integer(genIDBase), integer(0)))))
	return join(
		scope(`\_PR_`, cpus...),
		scope(`\_GPE`, method("_E05", 0, false, notify(path(`\_SB_.VGID`), integer(0x80)))),
		name(`\_S5_`, pkg(integer(0), integer(0), integer(0), integer(0))), // SLP_TYP 0 is soft off on the PIIX4
		scope(`\_SB_`, sb...),
	)
}

// routing is _PRT: INTA#-INTD# of device d are swizzled over PIRQA-D. The power
// management function's interrupt is hard-wired to the SCI.
func routing() term {
	var entries []term
	for dev := uint32(1); dev < 32; dev++ {
		for pin := range uint32(4) {
			source, index := path("LNK"+string("ABCD"[(dev-1+pin)&3])), uint32(0)
			if dev == 1 && pin == 0 {
				source, index = integer(0), sciIRQ
			}
			entries = append(entries, pkg(integer(dev<<16|0xffff), integer(pin), source, integer(index)))
		}
	}
	return pkg(entries...)
}

// link is an interrupt link device over one PIRQRC register of the PIIX3
// (82371SB datasheet, 60h-63h): bit 7 disables, bits 3-0 are the IRQ.
func link(letter string, uid uint32) term {
	reg := path(`\_SB_.PCI0.ISA_.PRQ` + letter)
	return device("LNK"+letter,
		name("_HID", eisaID("PNP0C0F")),
		name("_UID", integer(uid)),
		name("_PRS", buffer(resources(interrupts(5, 10, 11)))),
		method("_STA", 0, false,
			ifThen(and(reg, integer(0x80), none), returns(integer(0x09))),
			returns(integer(0x0b))),
		method("_DIS", 0, false, or(reg, integer(0x80), reg)),
		method("_CRS", 0, true,
			name("BUF0", buffer(resources(interrupts(0)))),
			dwordField(path("BUF0"), integer(5), "IRQN"),
			and(reg, integer(0x0f), path("IRQN")),
			returns(path("BUF0"))),
		method("_SRS", 1, true,
			dwordField(arg0, integer(5), "IRQN"),
			store(path("IRQN"), reg)),
	)
}

func isaDevices() []term {
	dev := func(n, hid string, uid uint32, crs ...[]byte) term {
		return device(n,
			name("_HID", eisaID(hid)),
			name("_UID", integer(uid)),
			name("_STA", integer(0x0f)),
			name("_CRS", buffer(resources(crs...))))
	}
	return []term{
		dev("RTC", "PNP0B00", 0, ioPort(0x70, 1, 2), irqNoFlags(8)),
		dev("KBD", "PNP0303", 0, ioPort(0x60, 1, 1), ioPort(0x64, 1, 1), irqNoFlags(1)),
		dev("MOU", "PNP0F13", 0, irqNoFlags(12)),
		dev("FDC0", "PNP0700", 0, ioPort(0x3f2, 0, 4), ioPort(0x3f7, 0, 1), irqNoFlags(6), dma8(2)),
		dev("LPT", "PNP0400", 1, ioPort(0x378, 8, 8), irqNoFlags(7)),
		dev("COM1", "PNP0501", 1, ioPort(0x3f8, 8, 8), irqNoFlags(4)),
		dev("COM2", "PNP0501", 2, ioPort(0x2f8, 8, 8), irqNoFlags(3)),
		dev("COM3", "PNP0501", 3, ioPort(0x3e8, 8, 8), irqNoFlags(4)),
		dev("COM4", "PNP0501", 4, ioPort(0x2e8, 8, 8), irqNoFlags(3)),
	}
}
