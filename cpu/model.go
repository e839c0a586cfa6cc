package cpu

import (
	"fmt"
	"sort"
	"strings"

	"g86/cpu/isa"
)

// Model is a processor model: what CPUID tells and which instructions exist.
type Model struct {
	Name      string
	Vendor    string // 12 characters
	Brand     string
	Signature uint32 // CPUID.1:EAX
	MaxLeaf   uint32
	MaxExt    uint32
	features  [isa.NumFeatures]bool

	// Features that are not instructions.
	PSE, PAE, PGE, VME, DE, MCE, MTRR, PAT, PSE36, APIC, X2APIC, TSCDeadline bool
	NX, GBPages, SMEP, UMIP, PCID, ERMS, Hypervisor, InvariantTSC            bool
	SpecCtrl                                                                 bool // IA32_SPEC_CTRL, IA32_PRED_CMD, IA32_ARCH_CAPABILITIES
}

// Has reports whether the model executes instructions of feature f.
func (m *Model) Has(f isa.Feature) bool { return m.features[f] }

// AMD reports whether SYSCALL works outside 64-bit mode as on AMD processors.
func (m *Model) AMD() bool { return m.Vendor == "AuthenticAMD" }

// cr4 is the mask of CR4 bits that may be set.
func (m *Model) cr4() uint64 {
	var v uint64
	for _, b := range []struct {
		on  bool
		bit uint64
	}{
		{m.VME, CR4VME | CR4PVI}, {m.Has(isa.Pentium), CR4TSD}, {m.DE, CR4DE}, {m.PSE, CR4PSE}, {m.PAE, CR4PAE},
		{m.MCE, CR4MCE}, {m.PGE, CR4PGE}, {m.Has(isa.P6), CR4PCE}, {m.Has(isa.FXSR), CR4OSFXSR},
		{m.Has(isa.SSE), CR4OSXMMEXCPT}, {m.UMIP, CR4UMIP}, {m.Has(isa.FSGSBASE), CR4FSGSBASE}, {m.PCID, CR4PCIDE},
		{m.Has(isa.XSAVE), CR4OSXSAVE}, {m.SMEP, CR4SMEP}, {m.Has(isa.SMAP), CR4SMAP},
	} {
		if b.on {
			v |= b.bit
		}
	}
	return v
}

func (m *Model) with(fs ...isa.Feature) {
	for _, f := range fs {
		m.features[f] = true
	}
}

// models builds the processor models, each on the one before it.
func models() map[string]*Model {
	i486 := Model{Name: "486", Vendor: "GenuineIntel", Signature: 0x480, MaxLeaf: 1, PSE: true, VME: true, DE: false}
	i486.with(isa.I86, isa.I186, isa.I286, isa.I386, isa.I486, isa.FPU)
	i486.PSE = false

	pentium := i486
	pentium.Name, pentium.Signature = "pentium", 0x543
	pentium.PSE, pentium.DE, pentium.MCE, pentium.APIC = true, true, true, true
	pentium.with(isa.Pentium, isa.MMX)

	p3 := pentium
	p3.Name, p3.Signature, p3.MaxLeaf, p3.MaxExt = "pentium3", 0x673, 2, 0
	p3.PAE, p3.PGE, p3.MTRR, p3.PAT, p3.PSE36 = true, true, true, true, true
	p3.with(isa.P6, isa.CMOV, isa.FCMOV, isa.FXSR, isa.SSE, isa.SYSENTER)

	x64 := p3
	x64.Name, x64.Signature, x64.MaxLeaf, x64.MaxExt = "x86-64", 0xf4a, 0xd, 0x80000008
	x64.Brand = "g86 x86-64 processor"
	x64.NX, x64.X2APIC, x64.TSCDeadline, x64.Hypervisor, x64.InvariantTSC = true, true, true, true, true
	x64.SpecCtrl = true
	x64.with(isa.SSE2, isa.LM, isa.SYSCALL, isa.LAHF64, isa.CLFLUSH, isa.CX16)

	v2 := x64
	v2.Name, v2.Signature = "x86-64-v2", 0x106a5
	v2.Brand = "g86 x86-64-v2 processor"
	v2.with(isa.SSE3, isa.SSSE3, isa.SSE41, isa.SSE42, isa.POPCNT, isa.RDTSCP)

	top := v2
	top.Name, top.Signature = "max", 0x306a9
	top.Brand = "g86 processor"
	top.GBPages, top.SMEP, top.UMIP, top.PCID, top.ERMS = true, true, true, true, true
	top.with(isa.MOVBE, isa.AES, isa.PCLMUL, isa.SHA, isa.BMI1, isa.BMI2, isa.LZCNT, isa.ADX, isa.FSGSBASE, isa.SMAP,
		isa.INVPCID, isa.XSAVE, isa.XSAVEOPT, isa.XSAVEC, isa.RDRAND, isa.RDSEED, isa.RDPID, isa.CLFLUSHOPT, isa.CLWB,
		isa.PREFETCHW)

	all := map[string]*Model{}
	for _, m := range []*Model{&i486, &pentium, &p3, &x64, &v2, &top} {
		all[m.Name] = m
	}
	return all
}

// ModelNames lists the models, for messages.
func ModelNames() []string {
	var l []string
	for n := range models() {
		l = append(l, n)
	}
	sort.Strings(l)
	return l
}

// NewModel returns the model of that name; "" is max.
func NewModel(name string) (*Model, error) {
	if name == "" {
		name = "max"
	}
	m := models()[name]
	if m == nil {
		return nil, fmt.Errorf("unknown CPU model %q: choose one of %s", name, strings.Join(ModelNames(), ", "))
	}
	return m, nil
}

type idBit struct {
	on  bool
	bit uint
}

func idBits(l ...idBit) uint32 {
	var v uint32
	for _, b := range l {
		if b.on {
			v |= 1 << b.bit
		}
	}
	return v
}

func vendorRegs(s string) (b, d, c uint32) {
	w := func(i int) uint32 {
		return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
	}
	return w(0), w(4), w(8)
}

// CPUID is the instruction (SDM volume 2A, CPUID), for processor id of n.
func (m *Model) CPUID(leaf, sub uint32, id, n int, osxsave, apicOn bool, xcr0 uint64) (a, b, c, d uint32) {
	h := m.Has
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
		c = idBits(idBit{h(isa.SSE3), 0}, idBit{h(isa.PCLMUL), 1}, idBit{h(isa.MONITOR), 3}, idBit{h(isa.SSSE3), 9},
			idBit{h(isa.CX16), 13}, idBit{m.PCID, 17}, idBit{h(isa.SSE41), 19}, idBit{h(isa.SSE42), 20},
			idBit{m.X2APIC, 21}, idBit{h(isa.MOVBE), 22}, idBit{h(isa.POPCNT), 23}, idBit{m.TSCDeadline, 24},
			idBit{h(isa.AES), 25}, idBit{h(isa.XSAVE), 26}, idBit{h(isa.XSAVE) && osxsave, 27}, idBit{h(isa.RDRAND), 30},
			idBit{m.Hypervisor, 31})
		d = idBits(idBit{h(isa.FPU), 0}, idBit{m.VME, 1}, idBit{m.DE, 2}, idBit{m.PSE, 3}, idBit{h(isa.Pentium), 4},
			idBit{h(isa.Pentium), 5}, idBit{m.PAE, 6}, idBit{m.MCE, 7}, idBit{h(isa.Pentium), 8}, idBit{m.APIC && apicOn, 9},
			idBit{h(isa.SYSENTER), 11}, idBit{m.MTRR, 12}, idBit{m.PGE, 13}, idBit{m.MCE && h(isa.P6), 14},
			idBit{h(isa.CMOV), 15}, idBit{m.PAT, 16}, idBit{m.PSE36, 17}, idBit{h(isa.CLFLUSH), 19}, idBit{h(isa.MMX), 23},
			idBit{h(isa.FXSR), 24}, idBit{h(isa.SSE), 25}, idBit{h(isa.SSE2), 26}, idBit{n > 1 && h(isa.P6), 28})
	case 2:
		return 0x00000001, 0, 0, 0
	case 4:
		return m.cacheLeaf(sub, n)
	case 6:
		a = idBits(idBit{m.InvariantTSC, 2}) // the APIC timer never stops
	case 7:
		if sub != 0 {
			return 0, 0, 0, 0
		}
		b = idBits(idBit{h(isa.FSGSBASE), 0}, idBit{h(isa.BMI1), 3}, idBit{m.SMEP, 7}, idBit{h(isa.BMI2), 8},
			idBit{m.ERMS, 9}, idBit{h(isa.INVPCID), 10}, idBit{h(isa.RDSEED), 18}, idBit{h(isa.ADX), 19},
			idBit{h(isa.SMAP), 20}, idBit{h(isa.CLFLUSHOPT), 23}, idBit{h(isa.CLWB), 24}, idBit{h(isa.SHA), 29})
		c = idBits(idBit{m.UMIP, 2}, idBit{h(isa.RDPID), 22})
		d = idBits(idBit{m.SpecCtrl, 26}, idBit{m.SpecCtrl, 27}, idBit{m.SpecCtrl, 29}) // IBRS and IBPB, STIBP
	case 0xb:
		return m.topologyLeaf(sub, id, n)
	case 0xd:
		return m.xsaveLeaf(sub, xcr0)
	case 0x80000000:
		a = m.MaxExt
		b, d, c = vendorRegs(m.Vendor)
	case 0x80000001:
		c = idBits(idBit{h(isa.LAHF64), 0}, idBit{h(isa.LZCNT), 5}, idBit{h(isa.PREFETCHW), 8})
		d = idBits(idBit{h(isa.SYSCALL), 11}, idBit{m.NX, 20}, idBit{m.GBPages, 26}, idBit{h(isa.RDTSCP), 27},
			idBit{h(isa.LM), 29})
	case 0x80000002, 0x80000003, 0x80000004:
		brand := fmt.Sprintf("%-47s\x00", m.Brand)[16*(leaf-0x80000002):]
		w := func(i int) uint32 {
			return uint32(brand[i]) | uint32(brand[i+1])<<8 | uint32(brand[i+2])<<16 | uint32(brand[i+3])<<24
		}
		return w(0), w(4), w(8), w(12)
	case 0x80000006:
		c = 0x01006040 // 256 KiB L2, 64-byte lines
	case 0x80000007:
		d = idBits(idBit{m.InvariantTSC, 8})
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
		return idBits(idBit{m.Has(isa.XSAVEOPT), 0}, idBit{m.Has(isa.XSAVEC), 1}), 576, 0, 0
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
