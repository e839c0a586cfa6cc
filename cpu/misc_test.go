package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTableRegisters: LLDT, LTR, LGDT.
func TestTableRegisters(t *testing.T) {
	const f = selFree
	for _, c := range []struct {
		name   string
		bits   int
		code   string // with the selector in AX
		sel    uint16
		desc   uint64
		upper  uint64
		vector uint8
		err    uint32
	}{
		{"LLDT null", 32, "0f00d0", 0, 0, 0, none, 0},
		{"LLDT", 32, "0f00d0", f, segDesc(0x9000, 0xff, dLDT), 0, none, 0},
		{"LLDT in the LDT", 32, "0f00d0", f | 4, 0, 0, vecGP, f | 4},
		{"LLDT of a TSS", 32, "0f00d0", f, segDesc(0x9000, 0xff, dTSS32), 0, vecGP, f},
		{"LLDT not present", 32, "0f00d0", f, segDesc(0x9000, 0xff, dLDT+dNP), 0, vecNP, f},
		{"LTR null", 32, "0f00d8", 0, 0, 0, vecGP, 0},
		{"LTR", 32, "0f00d8", f, segDesc(0x9000, 0xff, dTSS32), 0, none, 0},
		{"LTR busy", 32, "0f00d8", f, segDesc(0x9000, 0xff, dTSS32|2), 0, vecGP, f},
		{"LTR not present", 32, "0f00d8", f, segDesc(0x9000, 0xff, dTSS32+dNP), 0, vecNP, f},
		{"LTR 16-bit", 32, "0f00d8", f, segDesc(0x9000, 0xff, dTSS16), 0, none, 0},
		{"LTR 16-bit in long mode", 64, "0f00d8", f, segDesc(0x9000, 0xff, dTSS16), 0, vecGP, f},
		{"LTR in long mode", 64, "0f00d8", f, segDesc(0x9000, 0xff, dTSS32), 0xffff8000, none, 0},
		{"LTR non-canonical", 64, "0f00d8", f, segDesc(0x9000, 0xff, dTSS32), 0x8000, vecGP, f},
		{"LLDT beyond the table in long mode", 64, "0f00d0", 0xf8, segDesc(0x9000, 0xff, dLDT), 0, vecGP, 0xf8},
	} {
		r := newSysRig(t, c.bits)
		if c.desc != 0 {
			r.desc(c.sel, c.desc)
			r.desc(c.sel+8, c.upper)
		}
		r.start(c.code)
		r.GPR[RAX] = uint64(c.sel)
		r.Run(r.ICount + 1)
		if c.vector != none {
			require.Equal(t, []event{{c.vector, c.err}}, r.events, c.name)
			continue
		}
		require.Empty(t, r.events, c.name)
		reg := r.Seg[LDTR]
		if c.code == "0f00d8" {
			reg = r.Seg[TR]
			require.True(t, r.busy(c.sel), c.name)
		}
		require.Equal(t, c.sel, reg.Sel, c.name)
		if c.desc != 0 {
			require.EqualValues(t, 0x9000|c.upper<<32, reg.Base, c.name)
		}
	}
	// A descriptor from the LDT.
	r := newSysRig(t, 32)
	r.desc(f, segDesc(0x9000, 0xff, dLDT))
	r.put(0x9008, segDesc(rigData, 0xfff, dData))
	r.put(rigData, 0x77)
	r.passes("LDT", "b860000000 0f00d0 b80c000000 8ed8 a000000000")
	require.EqualValues(t, 0x77, r.GPR[RAX]&0xff)

	// LGDT takes 24 bits of base with a 16-bit operand size, SGDT gives 32.
	r = newSysRig(t, 32)
	r.put(rigData, 0x9988776655443322)
	r.passes("LGDT", "660f011500800000 0f010510800000 0f011d00800000 0f010d18800000")
	require.EqualValues(t, 0x3322, r.GDTR.Limit)
	require.EqualValues(t, 0x665544, r.GDTR.Base)
	require.EqualValues(t, 0x6655443322, r.get(rigData+0x10)&0xffffffffffff)
	require.EqualValues(t, 0x77665544, r.IDTR.Base)
	require.EqualValues(t, 0x776655443322, r.get(rigData+0x18)&0xffffffffffff)
}

// TestIretInV86: IRET inside virtual-8086 mode, with IOPL 3 and with VME.
func TestIretInV86(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags uint32
		cr4   uint64
		image uint16
		want  uint64 // of IF, VIF, IOPL
		ok    bool
	}{
		{"IOPL 3 sets IF", FlagIOPL, 0, FlagIF, FlagIOPL | FlagIF, true},
		{"IOPL 3 keeps IOPL", FlagIOPL | FlagIF, 0, 0, FlagIOPL, true},
		{"VME sets VIF", 0, CR4VME, FlagIF, FlagVIF, true},
		{"VME with VIP", FlagVIP, CR4VME, FlagIF, 0, false},
		{"VME with TF", 0, CR4VME, FlagTF, 0, false},
		{"neither", 0, 0, 0, 0, false},
	} {
		r := newSysRig(t, 32)
		r.CR4 |= c.cr4
		r.put(0x2000+0x800, 0x45|0x300<<16|uint64(c.image)<<32) // SS:SP = 0200:0800
		r.v86([]byte{0xcf}, c.flags)
		r.Run(r.ICount + 1)
		if !c.ok {
			require.Equal(t, []event{{vecGP, 0}}, r.events, c.name)
			continue
		}
		require.Empty(t, r.events, c.name)
		require.EqualValues(t, 0x300, r.Seg[CS].Sel)
		require.EqualValues(t, 0x45, r.RIP)
		require.EqualValues(t, 0x806, r.GPR[RSP])
		require.Equal(t, c.want, r.Pull().RFLAGS&(FlagIF|FlagVIF|FlagIOPL), c.name)
	}
}

// TestCompareExchangeWide: CMPXCHG8B and CMPXCHG16B.
func TestCompareExchangeWide(t *testing.T) {
	r := newSysRig(t, 64)
	r.put(rigData, 1)
	r.put(rigData+8, 2)
	r.start("480fc70f 480fc70f 0fc70f 48ffc7 480fc70f") // RDI; the last one is misaligned
	r.GPR[RDI], r.GPR[RAX], r.GPR[RDX], r.GPR[RBX], r.GPR[RCX] = rigData, 1, 2, 0x1111111122222222, 0x33
	r.Run(r.ICount + 1)
	require.True(t, r.zf())
	require.Equal(t, []uint64{0x1111111122222222, 0x33}, []uint64{r.get(rigData), r.get(rigData + 8)})
	r.Run(r.ICount + 1)
	require.False(t, r.zf())
	require.Equal(t, []uint64{0x1111111122222222, 0x33}, []uint64{r.GPR[RAX], r.GPR[RDX]})
	r.GPR[RAX], r.GPR[RDX] = 0x22222222, 0x11111111
	r.Run(r.ICount + 1)
	require.True(t, r.zf())
	require.EqualValues(t, 0x3322222222, r.get(rigData))
	require.Empty(t, r.events)
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{vecGP, 0}}, r.events)
}

// TestSegmentBases: FSGSBASE, SWAPGS.
func TestSegmentBases(t *testing.T) {
	r := newSysRig(t, 64)
	r.faults("without CR4.FSGSBASE", "f3480faec0", vecUD, 0)
	r = newSysRig(t, 64)
	r.CR4 |= CR4FSGSBASE
	r.KernelGSBase = 0x9000
	r.put(rigData, 0xabcd)
	r.passes("bases", "48c7c100800000 f3480faed1 64488b1c2500000000 f3480faec2 f3480faed9 0f01f8 f3480faece")
	require.EqualValues(t, 0xabcd, r.GPR[RBX])
	require.EqualValues(t, rigData, r.GPR[RDX])
	require.EqualValues(t, 0x9000, r.GPR[RSI])
	require.EqualValues(t, rigData, r.KernelGSBase)
	r = newSysRig(t, 64)
	r.CR4 |= CR4FSGSBASE
	r.faults("non-canonical", "48b90000000000000080 f3480faed1", vecGP, 0)
	// An address that is not canonical: #GP, or #SS through RBP.
	r = newSysRig(t, 64)
	r.faults("non-canonical DS", "48b90000000000800000 488b01", vecGP, 0)
	r = newSysRig(t, 64)
	r.faults("non-canonical SS", "48bd0000000000800000 488b4500", vecSS, 0)
}

// TestRunControl: the count is exact; Stop and ShortenTo end a run early.
func TestRunControl(t *testing.T) {
	r := newSysRig(t, 32)
	r.start("90 90 90 90 ebfa")
	require.Equal(t, ExitLimit, r.Run(r.ICount+1001))
	require.EqualValues(t, rigCode+1, r.RIP, "1001 instructions of a loop of five")
	r.Stop()
	before := r.ICount
	require.Equal(t, ExitStop, r.Run(before+10))
	require.Equal(t, before, r.ICount)

	// A port write that shortens the run: the instruction itself is counted.
	r = newSysRig(t, 32)
	b := &shortener{r.rig.board, nil, 0}
	r.CPU.board = b
	b.cpu = r.CPU
	r.start("90 e680 90 90")
	before = r.ICount
	require.Equal(t, ExitLimit, r.Run(before+100))
	require.Equal(t, before+2, r.ICount)
	require.Equal(t, before+1, b.at, "Count inside the instruction")
}

type shortener struct {
	*testBoard
	cpu *CPU
	at  uint64
}

func (s *shortener) Out(port uint16, size int, v uint32) {
	s.at = s.cpu.Count()
	s.cpu.ShortenTo(s.at)
}

// TestModels: CPUID claims what runs, and older models refuse newer instructions.
func TestModels(t *testing.T) {
	for _, c := range []struct {
		model, code string
		ok          bool
	}{
		{"486", "0fc8", true},        // BSWAP
		{"486", "0f31", false},       // RDTSC
		{"pentium", "0f31", true},    //
		{"pentium", "0f44c0", false}, // CMOVZ
		{"pentium3", "0f44c0", true},
		{"x86-64", "f30fb8c0", false}, // POPCNT
		{"x86-64-v2", "f30fb8c0", true},
		{"x86-64-v2", "0f38f000", false}, // MOVBE
		{"max", "0f38f000", true},
	} {
		want := vecUD
		if c.ok {
			want = -1
		}
		require.Equal(t, want, newRig(t, c.model, 32).Exec(c.code), "%s: %s", c.model, c.code)
	}
	// TZCNT is BSF, and LZCNT is BSR, where they do not exist.
	old := newRig(t, "486", 32)
	require.Equal(t, -1, old.Exec("b810000000 f30fbdd8"))
	require.EqualValues(t, 4, old.GPR[RBX])
	for _, name := range ModelNames() {
		m, err := NewModel(name)
		require.NoError(t, err)
		top, b, cc, d := m.CPUID(0, 0, 0, 1, false, true, 0)
		require.Equal(t, m.MaxLeaf, top)
		require.Equal(t, []uint32{0x756e6547, 0x49656e69, 0x6c65746e}, []uint32{b, d, cc}, "GenuineIntel")
		sig, _, _, _ := m.CPUID(1, 0, 0, 1, false, true, 0)
		require.Equal(t, m.Signature, sig)
	}
	_, err := NewModel("z80")
	require.ErrorContains(t, err, "choose one of")
}
