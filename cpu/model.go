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
	MCA                                                                      bool
	SpecCtrl                                                                 bool // IA32_SPEC_CTRL, IA32_PRED_CMD, IA32_ARCH_CAPABILITIES
}

// Has reports whether the model executes instructions of feature f.
func (m *Model) Has(f isa.Feature) bool { return m.features[f] }

// XSave reports whether the model has XSAVE and XCR0.
func (m *Model) XSave() bool { return m.Has(isa.XSAVE) }

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
	p3.MCA = true
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

// NewModel returns the model of that name; "" is max. Features that are to be left out
// follow it: "max,-sha-ni".
func NewModel(name string) (*Model, error) {
	if name == "" {
		name = "max"
	}
	list := strings.Split(name, ",")
	m := models()[list[0]]
	if m == nil {
		return nil, fmt.Errorf("unknown CPU model %q: choose one of %s", list[0], strings.Join(ModelNames(), ", "))
	}
	for i, f := range list[1:] {
		var minus bool
		if list[i+1], minus = strings.CutPrefix(f, "-"); !minus || list[i+1] == "" {
			return nil, fmt.Errorf("CPU model %q: after the name, write features to be left out: %s,-sha-ni", name, list[0])
		}
	}
	return m.Without(list[1:]...)
}
