// Package e820 makes the physical memory map that INT 15h AX=E820h, direct
// Linux boot and Multiboot hand to the guest (ACPI specification 5.0, chapter 15
// "System Address Map Interfaces").
package e820

// Type of an address range.
type Type uint32

// The types that the map contains.
const (
	RAM         Type = 1
	Reserved    Type = 2
	ACPIReclaim Type = 3
)

func (t Type) String() string {
	switch t {
	case RAM:
		return "RAM"
	case Reserved:
		return "reserved"
	case ACPIReclaim:
		return "ACPI data"
	}
	return "unknown"
}

// Entry is one address range.
type Entry struct {
	Base, Size uint64
	Type       Type
}

// The board's memory layout.
const (
	ConventionalEnd = 0x9fc00     // the extended BIOS data area lies above
	LowEnd          = 0xe0000000  // RAM below 4 GiB ends here at the latest; the PCI hole follows
	HighBase        = 0x100000000 // RAM that does not fit below continues here
	ACPISize        = 0x10000     // set aside for ACPI tables at the top of low RAM
	extended        = 0x100000
	minForACPI      = 2 << 20
)

// Split divides ram bytes into the part below LowEnd and the part above 4 GiB.
func Split(ram uint64) (low, high uint64) {
	low = min(ram, LowEnd)
	return low, ram - low
}

// ACPIBase is where the ACPI tables go on a machine with ram bytes; ok is false
// when it has too little memory for them.
func ACPIBase(ram uint64) (base uint64, ok bool) {
	low, _ := Split(ram)
	if low < minForACPI {
		return 0, false
	}
	return low&^0xfff - ACPISize, true
}

// Map is the memory map of a machine with ram bytes.
func Map(ram uint64) []Entry {
	low, high := Split(ram)
	m := []Entry{
		{0, min(low, ConventionalEnd), RAM},
		{ConventionalEnd, 0xa0000 - ConventionalEnd, Reserved},
		{0xf0000, 0x10000, Reserved},
	}
	if acpi, ok := ACPIBase(ram); ok {
		m = append(m, Entry{extended, acpi - extended, RAM}, Entry{acpi, ACPISize, ACPIReclaim})
	} else if low > extended {
		m = append(m, Entry{extended, low - extended, RAM})
	}
	m = append(m,
		Entry{0xfec00000, 0x1000, Reserved},  // I/O APIC
		Entry{0xfee00000, 0x1000, Reserved},  // local APICs
		Entry{0xfffc0000, 0x40000, Reserved}, // firmware
	)
	if high > 0 {
		m = append(m, Entry{HighBase, high, RAM})
	}
	return m
}
