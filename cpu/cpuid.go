package cpu

import (
	"fmt"

	"g86/cpu/isa"
)

// idFlag is a feature bit of CPUID.
type idFlag struct {
	leaf uint32
	sub  uint32
	reg  uint8 // RAX, RCX, RDX or RBX
	bit  uint8
	name string // as QEMU's --cpu names it
	in   func(m *Model) *bool
}

func insn(f isa.Feature) func(*Model) *bool { return func(m *Model) *bool { return &m.features[f] } }

// idFlags are the feature bits that depend on the model alone (SDM volume 2A, CPUID).
var idFlags = []idFlag{
	{1, 0, RCX, 0, "sse3", insn(isa.SSE3)},
	{1, 0, RCX, 1, "pclmulqdq", insn(isa.PCLMUL)},
	{1, 0, RCX, 3, "monitor", insn(isa.MONITOR)},
	{1, 0, RCX, 9, "ssse3", insn(isa.SSSE3)},
	{1, 0, RCX, 13, "cx16", insn(isa.CX16)},
	{1, 0, RCX, 17, "pcid", func(m *Model) *bool { return &m.PCID }},
	{1, 0, RCX, 19, "sse4.1", insn(isa.SSE41)},
	{1, 0, RCX, 20, "sse4.2", insn(isa.SSE42)},
	{1, 0, RCX, 21, "x2apic", func(m *Model) *bool { return &m.X2APIC }},
	{1, 0, RCX, 22, "movbe", insn(isa.MOVBE)},
	{1, 0, RCX, 23, "popcnt", insn(isa.POPCNT)},
	{1, 0, RCX, 24, "tsc-deadline", func(m *Model) *bool { return &m.TSCDeadline }},
	{1, 0, RCX, 25, "aes", insn(isa.AES)},
	{1, 0, RCX, 26, "xsave", insn(isa.XSAVE)},
	{1, 0, RCX, 30, "rdrand", insn(isa.RDRAND)},
	{1, 0, RCX, 31, "hypervisor", func(m *Model) *bool { return &m.Hypervisor }},
	{1, 0, RDX, 0, "fpu", insn(isa.FPU)},
	{1, 0, RDX, 1, "vme", func(m *Model) *bool { return &m.VME }},
	{1, 0, RDX, 2, "de", func(m *Model) *bool { return &m.DE }},
	{1, 0, RDX, 3, "pse", func(m *Model) *bool { return &m.PSE }},
	{1, 0, RDX, 4, "tsc", insn(isa.Pentium)},
	{1, 0, RDX, 5, "msr", insn(isa.Pentium)},
	{1, 0, RDX, 6, "pae", func(m *Model) *bool { return &m.PAE }},
	{1, 0, RDX, 7, "mce", func(m *Model) *bool { return &m.MCE }},
	{1, 0, RDX, 8, "cx8", insn(isa.Pentium)},
	{1, 0, RDX, 9, "apic", func(m *Model) *bool { return &m.APIC }},
	{1, 0, RDX, 11, "sep", insn(isa.SYSENTER)},
	{1, 0, RDX, 12, "mtrr", func(m *Model) *bool { return &m.MTRR }},
	{1, 0, RDX, 13, "pge", func(m *Model) *bool { return &m.PGE }},
	{1, 0, RDX, 14, "mca", func(m *Model) *bool { return &m.MCA }},
	{1, 0, RDX, 15, "cmov", insn(isa.CMOV)},
	{1, 0, RDX, 16, "pat", func(m *Model) *bool { return &m.PAT }},
	{1, 0, RDX, 17, "pse36", func(m *Model) *bool { return &m.PSE36 }},
	{1, 0, RDX, 19, "clflush", insn(isa.CLFLUSH)},
	{1, 0, RDX, 23, "mmx", insn(isa.MMX)},
	{1, 0, RDX, 24, "fxsr", insn(isa.FXSR)},
	{1, 0, RDX, 25, "sse", insn(isa.SSE)},
	{1, 0, RDX, 26, "sse2", insn(isa.SSE2)},
	{6, 0, RAX, 2, "arat", func(m *Model) *bool { return &m.InvariantTSC }}, // the APIC timer never stops
	{7, 0, RBX, 0, "fsgsbase", insn(isa.FSGSBASE)},
	{7, 0, RBX, 3, "bmi1", insn(isa.BMI1)},
	{7, 0, RBX, 7, "smep", func(m *Model) *bool { return &m.SMEP }},
	{7, 0, RBX, 8, "bmi2", insn(isa.BMI2)},
	{7, 0, RBX, 9, "erms", func(m *Model) *bool { return &m.ERMS }},
	{7, 0, RBX, 10, "invpcid", insn(isa.INVPCID)},
	{7, 0, RBX, 18, "rdseed", insn(isa.RDSEED)},
	{7, 0, RBX, 19, "adx", insn(isa.ADX)},
	{7, 0, RBX, 20, "smap", insn(isa.SMAP)},
	{7, 0, RBX, 23, "clflushopt", insn(isa.CLFLUSHOPT)},
	{7, 0, RBX, 24, "clwb", insn(isa.CLWB)},
	{7, 0, RBX, 29, "sha-ni", insn(isa.SHA)},
	{7, 0, RCX, 2, "umip", func(m *Model) *bool { return &m.UMIP }},
	{7, 0, RCX, 22, "rdpid", insn(isa.RDPID)},
	{7, 0, RDX, 26, "spec-ctrl", func(m *Model) *bool { return &m.SpecCtrl }}, // IBRS and IBPB
	{7, 0, RDX, 27, "stibp", func(m *Model) *bool { return &m.SpecCtrl }},
	{7, 0, RDX, 29, "arch-capabilities", func(m *Model) *bool { return &m.SpecCtrl }},
	{0xd, 1, RAX, 0, "xsaveopt", insn(isa.XSAVEOPT)},
	{0xd, 1, RAX, 1, "xsavec", insn(isa.XSAVEC)},
	{0x80000001, 0, RCX, 0, "lahf-lm", insn(isa.LAHF64)},
	{0x80000001, 0, RCX, 5, "abm", insn(isa.LZCNT)},
	{0x80000001, 0, RCX, 8, "3dnowprefetch", insn(isa.PREFETCHW)},
	{0x80000001, 0, RDX, 11, "syscall", insn(isa.SYSCALL)},
	{0x80000001, 0, RDX, 20, "nx", func(m *Model) *bool { return &m.NX }},
	{0x80000001, 0, RDX, 26, "pdpe1gb", func(m *Model) *bool { return &m.GBPages }},
	{0x80000001, 0, RDX, 27, "rdtscp", insn(isa.RDTSCP)},
	{0x80000001, 0, RDX, 29, "lm", insn(isa.LM)},
	{0x80000007, 0, RDX, 8, "invtsc", func(m *Model) *bool { return &m.InvariantTSC }},
}

// idBits are a register of a leaf as far as idFlags tell. No leaf has flags in the same
// register of two sub-leaves.
func (m *Model) idBits(leaf uint32, reg uint8) uint32 {
	var v uint32
	for i := range idFlags {
		if f := &idFlags[i]; f.leaf == leaf && f.reg == reg && *f.in(m) {
			v |= 1 << f.bit
		}
	}
	return v
}

// Flag is a feature bit of CPUID that a model has.
type Flag struct {
	Leaf, Sub uint32
	Reg, Bit  uint8 // RAX, RCX, RDX or RBX
	Name      string
}

// Flags lists the feature bits of the model.
func (m *Model) Flags() []Flag {
	var l []Flag
	for _, f := range idFlags {
		if *f.in(m) {
			l = append(l, Flag{f.leaf, f.sub, f.reg, f.bit, f.name})
		}
	}
	return l
}

// Without is the model without some of its features, by their CPUID names.
func (m *Model) Without(names ...string) (*Model, error) {
	n := *m
	for _, name := range names {
		found := false
		for _, f := range idFlags {
			if f.name == name && *f.in(m) {
				*f.in(&n) = false
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("CPU model %s has no feature %q to be left out", m.Name, name)
		}
		n.Name += ",-" + name
	}
	return &n, nil
}

func vendorRegs(s string) (b, d, c uint32) {
	w := func(i int) uint32 {
		return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
	}
	return w(0), w(4), w(8)
}

// CPUID is the instruction (SDM volume 2A, CPUID), for processor id of n.
func (m *Model) CPUID(leaf, sub uint32, id, n int, osxsave, apicOn bool, xcr0 uint64) (a, b, c, d uint32) {
	switch {
	case leaf >= 0x40000000 && leaf <= 0x400000ff && m.Hypervisor:
		if leaf == 0x40000000 {
			b, c, d = 0x00363867, 0, 0 // "g86"
			return 0x40000000, b, c, d
		}
		return 0, 0, 0, 0
	case leaf >= 0x80000000 && m.MaxExt != 0 && leaf <= m.MaxExt:
	case leaf > m.MaxLeaf:
		leaf = m.MaxLeaf // beyond the last leaf: the data of the highest basic one
	}
	switch leaf {
	case 0:
		b, d, c = vendorRegs(m.Vendor)
		return m.MaxLeaf, b, c, d
	case 1:
		a = m.Signature
		b = uint32(id)<<24 | uint32(n)<<16 | 8<<8
		c, d = m.idBits(1, RCX), m.idBits(1, RDX)
		if m.Has(isa.XSAVE) && osxsave {
			c |= 1 << 27
		}
		if !apicOn {
			d &^= 1 << 9
		}
		if n > 1 && m.Has(isa.P6) {
			d |= 1 << 28 // HTT: more than one logical processor in the package
		}
	case 2:
		return 0x00000001, 0, 0, 0
	case 4:
		return m.cacheLeaf(sub, n)
	case 6:
		a = m.idBits(6, RAX)
	case 7:
		if sub != 0 {
			return 0, 0, 0, 0
		}
		b, c, d = m.idBits(7, RBX), m.idBits(7, RCX), m.idBits(7, RDX)
	case 0xb:
		return m.topologyLeaf(sub, id, n)
	case 0xd:
		return m.xsaveLeaf(sub, xcr0)
	case 0x80000000:
		a = m.MaxExt
		b, d, c = vendorRegs(m.Vendor)
	case 0x80000001:
		c, d = m.idBits(leaf, RCX), m.idBits(leaf, RDX)
	case 0x80000002, 0x80000003, 0x80000004:
		brand := fmt.Sprintf("%-47s\x00", m.Brand)[16*(leaf-0x80000002):]
		w := func(i int) uint32 {
			return uint32(brand[i]) | uint32(brand[i+1])<<8 | uint32(brand[i+2])<<16 | uint32(brand[i+3])<<24
		}
		return w(0), w(4), w(8), w(12)
	case 0x80000006:
		c = 0x01006040 // 256 KiB L2, 64-byte lines
	case 0x80000007:
		d = m.idBits(leaf, RDX)
	case 0x80000008:
		a = 48<<8 | 40
	}
	return a, b, c, d
}

// cacheLeaf is leaf 4: 32 KiB L1 data and code, 256 KiB L2.
func (m *Model) cacheLeaf(sub uint32, n int) (a, b, c, d uint32) {
	type cache struct{ typ, level, ways, sets uint32 }
	l := []cache{{1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 8, 512}}
	if int(sub) >= len(l) {
		return 0, 0, 0, 0
	}
	x := l[sub]
	return x.typ | x.level<<5 | 1<<8 | uint32(n-1)<<26, 63 | (x.ways-1)<<22, x.sets - 1, 0
}

// topologyLeaf is leaf 0Bh: one thread a core, all cores in one package.
func (m *Model) topologyLeaf(sub uint32, id, n int) (a, b, c, d uint32) {
	if !m.X2APIC {
		return 0, 0, 0, 0
	}
	bits := uint32(0)
	for 1<<bits < n {
		bits++
	}
	switch sub {
	case 0:
		return 0, 1, 1<<8 | sub, uint32(id)
	case 1:
		return bits, uint32(n), 2<<8 | sub, uint32(id)
	}
	return 0, 0, sub & 0xff, uint32(id)
}

// xsaveLeaf is leaf 0Dh: x87 and SSE state.
func (m *Model) xsaveLeaf(sub uint32, xcr0 uint64) (a, b, c, d uint32) {
	if !m.Has(isa.XSAVE) {
		return 0, 0, 0, 0
	}
	switch sub {
	case 0:
		return 3, 576, 576, 0
	case 1:
		return m.idBits(0xd, RAX), 576, 0, 0
	}
	return 0, 0, 0, 0
}

func (c *CPU) cpuid(in *Op) {
	apic := true
	if v, ok := c.board.ReadMSR(msrAPICBase); ok {
		apic = v>>11&1 != 0
	}
	a, b, cc, d := c.Model.CPUID(uint32(c.GPR[RAX]), uint32(c.GPR[RCX]), c.ID, len(c.code.cpus), c.CR4&CR4OSXSAVE != 0, apic, c.XCR0)
	c.GPR[RAX], c.GPR[RBX], c.GPR[RCX], c.GPR[RDX] = uint64(a), uint64(b), uint64(cc), uint64(d)
}
