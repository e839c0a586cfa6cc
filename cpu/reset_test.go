package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
)

// TestReset: SDM volume 3A, table 9-1.
func TestReset(t *testing.T) {
	m, err := NewModel("max")
	require.NoError(t, err)
	code := NewCodeCache()
	b := &testBoard{ram: make([]byte, rigRAM), ports: map[uint16]uint32{}}
	first, second := New(0, m, b, code), New(1, m, b, code)
	s := first.Pull()
	require.EqualValues(t, 0xfff0, s.RIP)
	require.Equal(t, Segment{Sel: 0xf000, Base: 0xffff0000, Limit: 0xffff, Attr: 0x9b}, s.Seg[CS])
	require.EqualValues(t, 0x60000010, s.CR0)
	require.EqualValues(t, 2, s.RFLAGS)
	require.EqualValues(t, 0x400, s.DR[7])
	require.EqualValues(t, 0xffff0ff0, s.DR[6])
	require.EqualValues(t, 1, s.XCR0)
	require.EqualValues(t, 0x3ff|0xfc00, s.IDTR.Limit)

	// The second waits for its start-up IPI, the first does not hear one.
	require.False(t, second.Runnable())
	require.Equal(t, ExitHalt, second.Run(10))
	first.Startup(0x12)
	require.EqualValues(t, 0xfff0, first.RIP)
	second.Startup(0x9a)
	require.True(t, second.Runnable())
	require.EqualValues(t, 0x9a00, second.Seg[CS].Sel)
	require.EqualValues(t, 0x9a000, second.Seg[CS].Base)
	require.Zero(t, second.RIP)
	b.ram[0x9a000] = 0xf4
	require.Equal(t, ExitHalt, second.Run(10))
	second.Startup(0x55)
	require.EqualValues(t, 0x9a00, second.Seg[CS].Sel, "a running processor ignores it")

	// INIT keeps what RESET clears, and CD and NW.
	second.XMM[3][0], second.PAT, second.CR0 = 7, 0x0606060606060606, CR0PE|CR0ET
	second.GPR[RBX] = 9
	second.Init()
	require.True(t, second.WaitSIPI)
	require.EqualValues(t, 7, second.XMM[3][0])
	require.EqualValues(t, 0x0606060606060606, second.PAT)
	require.EqualValues(t, CR0ET, second.CR0)
	require.Zero(t, second.GPR[RBX])
}

// TestAlignmentCheck: #AC in ring 3 with CR0.AM and RFLAGS.AC only.
func TestAlignmentCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		ring int
		am   bool
		ac   uint64
		code string
		ok   bool
	}{
		{"word", 3, true, FlagAC, "66a101800000", false},
		{"aligned", 3, true, FlagAC, "66a102800000", true},
		{"byte", 3, true, FlagAC, "a001800000", true},
		{"dword write", 3, true, FlagAC, "a302800000", false},
		{"stack", 3, true, FlagAC, "4c 50", false},
		{"FLD m80", 3, true, FlagAC, "db2d04800000", false}, // a multiple of 8
		{"aligned FLD m80", 3, true, FlagAC, "db2d08800000", true},
		{"FNSTENV", 3, true, FlagAC, "d93502800000", false}, // of 4
		{"aligned FNSTENV", 3, true, FlagAC, "d93504800000", true},
		{"without AC", 3, true, 0, "66a101800000", true},
		{"without AM", 3, false, FlagAC, "66a101800000", true},
		{"ring 0", 0, true, FlagAC, "66a101800000", true},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		if c.am {
			r.CR0 |= CR0AM
		}
		r.RFLAGS |= c.ac
		if c.ok {
			r.passes(c.name, c.code)
		} else {
			r.faults(c.name, c.code, vecAC, 0)
		}
	}
}

// TestWatchHighAddress: data breakpoints in the upper half of a 64-bit space.
func TestWatchHighAddress(t *testing.T) {
	m := pageModes[4]
	m.lin = 0xffff800000001000
	r, _ := pagedRig(t, m)
	r.store32(DS, m.lin+8, 1) // in the TLB
	require.Zero(t, r.PendingDB)
	r.DR[1] = m.lin + 8
	r.GPR[RAX] = 0x400 | 1<<2 | 0xd<<20
	r.movToDR(&Op{Inst: isa.Inst{Reg: 7, RM: RAX}})
	r.load32(DS, m.lin+8)
	require.Zero(t, r.PendingDB)
	r.store32(DS, m.lin+8, 2)
	require.EqualValues(t, 2, r.PendingDB)
}
