// Package acpi makes the board's ACPI tables (ACPI specification 5.0): RSDP,
// RSDT, XSDT, FADT, FACS, DSDT, MADT and HPET. The DSDT is written in AML by a
// small encoder.
package acpi

// Where the board's fixed hardware lies.
const (
	PMBase   = 0x600  // PM1a event block; control at +4, timer at +8
	GPEBase  = 0xafe0 // general-purpose events
	SMICmd   = 0xb2
	Enable   = 0xf1 // written to SMICmd
	Disable  = 0xf0
	hpetBase = 0xfed00000
	// Of the virtual machine generation ID; its event is GPE 5.
	genIDBase = 0xfed30000
	sciIRQ    = 9
)

// Config is what the tables depend on.
type Config struct {
	CPUs int
	HPET bool
	Base uint32 // physical address of Blob
}

// Tables are the finished tables.
type Tables struct {
	Blob []byte // everything but the RSDP; belongs at Config.Base
	RSDP []byte // 36 bytes for the BIOS segment, on a 16-byte boundary
	// Each table by signature, for direct boot and tests.
	BySignature map[string][]byte
}

// Build makes the tables.
func Build(c Config) Tables {
	t := Tables{BySignature: map[string][]byte{}}
	place := func(sig string, table []byte, align int) uint32 {
		for len(t.Blob)%align != 0 {
			t.Blob = append(t.Blob, 0)
		}
		at := c.Base + uint32(len(t.Blob))
		t.Blob = append(t.Blob, table...)
		t.BySignature[sig] = table
		return at
	}
	facsAt := place("FACS", facs(), 64)
	dsdtAt := place("DSDT", table("DSDT", 1, dsdt(c)), 16)
	all := []uint32{
		place("FACP", fadt(facsAt, dsdtAt), 16),
		place("APIC", madt(c.CPUs), 16),
	}
	if c.HPET {
		all = append(all, place("HPET", hpet(), 16))
	}
	var r, x []byte
	for _, a := range all {
		r = le.AppendUint32(r, a)
		x = le.AppendUint64(x, uint64(a))
	}
	rsdtAt := place("RSDT", table("RSDT", 1, r), 16)
	xsdtAt := place("XSDT", table("XSDT", 1, x), 16)

	p := make([]byte, 36)
	copy(p, "RSD PTR ")
	copy(p[9:], oemID)
	p[15] = 2
	le.PutUint32(p[16:], rsdtAt)
	p[8] = -sum(p[:20])
	le.PutUint32(p[20:], 36)
	le.PutUint64(p[24:], uint64(xsdtAt))
	p[32] = -sum(p)
	t.RSDP = p
	return t
}

const oemID = "G86   "

// table puts the standard header before body.
func table(sig string, rev byte, body []byte) []byte {
	t := make([]byte, 36, 36+len(body))
	copy(t, sig)
	t[8] = rev
	copy(t[10:], oemID)
	copy(t[16:], "G86"+sig+" ")
	le.PutUint32(t[24:], 1)
	copy(t[28:], "G86 ")
	le.PutUint32(t[32:], 1)
	t = append(t, body...)
	le.PutUint32(t[4:], uint32(len(t)))
	t[9] = -sum(t)
	return t
}

func facs() []byte {
	t := make([]byte, 64)
	copy(t, "FACS")
	le.PutUint32(t[4:], 64)
	t[32] = 1 // version
	return t
}

// gas is a generic address: space 0 memory, 1 I/O.
func gas(space, bits, access byte, at uint64) []byte {
	return le.AppendUint64([]byte{space, bits, 0, access}, at)
}

// Bits of the FADT's flags.
const (
	flagWBINVD     = 1 << 0
	flagProcC1     = 1 << 2
	flagSlpButton  = 1 << 5 // there is no fixed sleep button
	flagResetReg   = 1 << 10
	bootLegacy     = 1 << 0
	boot8042       = 1 << 1
	resetPort      = 0xcf9
	resetValue     = 0x06
	centuryInCMOS  = 0x32
	latencyNoState = 0xfff
)

func fadt(facsAt, dsdtAt uint32) []byte {
	t := make([]byte, 244)
	put16 := func(at int, v uint16) { le.PutUint16(t[at:], v) }
	put32 := func(at int, v uint32) { le.PutUint32(t[at:], v) }
	put32(36, facsAt)
	put32(40, dsdtAt)
	t[45] = 1 // desktop
	put16(46, sciIRQ)
	put32(48, SMICmd)
	t[52], t[53] = Enable, Disable
	put32(56, PMBase)   // PM1a_EVT_BLK
	put32(64, PMBase+4) // PM1a_CNT_BLK
	put32(76, PMBase+8) // PM_TMR_BLK
	put32(80, GPEBase)  // GPE0_BLK
	t[88], t[89], t[91], t[92] = 4, 2, 4, 4
	put16(96, latencyNoState)
	put16(98, latencyNoState)
	t[108] = centuryInCMOS
	put16(109, bootLegacy|boot8042)
	put32(112, flagWBINVD|flagProcC1|flagSlpButton|flagResetReg)
	copy(t[116:], gas(1, 8, 1, resetPort))
	t[128] = resetValue
	le.PutUint64(t[132:], uint64(facsAt))
	le.PutUint64(t[140:], uint64(dsdtAt))
	copy(t[148:], gas(1, 32, 2, PMBase))
	copy(t[172:], gas(1, 16, 2, PMBase+4))
	copy(t[208:], gas(1, 32, 3, PMBase+8))
	copy(t[220:], gas(1, 32, 1, GPEBase))
	return table("FACP", 3, t[36:])
}

func madt(cpus int) []byte {
	b := le.AppendUint32(nil, 0xfee00000)
	b = le.AppendUint32(b, 1) // 8259s are present
	for i := range cpus {
		b = append(b, 0, 8, byte(i), byte(i), 1, 0, 0, 0)
	}
	b = append(b, 1, 12, byte(cpus), 0)
	b = le.AppendUint32(b, 0xfec00000)
	b = le.AppendUint32(b, 0)
	override := func(irq byte, gsi uint32, flags uint16) {
		b = append(b, 2, 10, 0, irq)
		b = le.AppendUint32(b, gsi)
		b = le.AppendUint16(b, flags)
	}
	override(0, 2, 0)
	for _, irq := range []byte{5, 9, 10, 11} { // what PIRQs and the SCI may use: level, active high
		override(irq, uint32(irq), 0x000d)
	}
	b = append(b, 4, 6, 0xff, 0, 0, 1) // NMI: every processor's LINT1
	return table("APIC", 1, b)
}

func hpet() []byte {
	b := le.AppendUint32(nil, 0x8086a201)
	b = append(b, gas(0, 0, 0, hpetBase)...)
	return table("HPET", 1, append(b, 0, 0, 0, 0))
}

func sum(p []byte) (s byte) {
	for _, x := range p {
		s += x
	}
	return s
}
