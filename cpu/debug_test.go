package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// trap is a visit to the #DB handler: the return address, from rigCode, and DR6
// without its fixed bits.
type trap struct {
	rip uint64
	dr6 uint64
}

// traps runs code in ring 0 with a #DB handler that is just IRET and returns its
// visits. DR6 is cleared at each; fix, if set, may change the saved flags.
func (r *sysRig) traps(code string, setup func(), fix func(flags *uint64)) []trap {
	r.t.Helper()
	r.board.ram[rigTarget], r.board.ram[rigTarget+1] = 0x48, 0xcf // IRETQ
	if r.bits == 32 {
		r.board.ram[rigTarget] = 0xcf
	}
	if r.bits == 64 {
		r.gate64(vecDB, selCode0, rigTarget, gInt32, 0)
	} else {
		r.gate(vecDB, gateDesc(selCode0, rigTarget, gInt32, 0))
	}
	r.start(code)
	setup()
	r.Refresh()
	var l []trap
	r.Trace = func(_ *CPU, in *Op) {
		if in.Next-uint64(in.Len) != rigTarget {
			return
		}
		size := uint64(r.bits / 8)
		l = append(l, trap{r.get(r.GPR[RSP])&opMask(uint8(size)) - rigCode, r.DR[6] &^ 0xffff0ff0})
		r.DR[6] = 0xffff0ff0
		if fix != nil {
			at := r.GPR[RSP] + 2*size
			fl := r.get(at)
			fix(&fl)
			r.put(at, fl)
		}
	}
	for range 100 {
		if r.Halted {
			return l
		}
		r.Run(r.ICount + 1)
	}
	r.t.Fatalf("%s did not end: %v", code, l)
	return nil
}

func TestSingleStep(t *testing.T) {
	const bs = dr6BS
	for _, c := range []struct {
		name string
		code string
		want []trap
	}{
		{"plain", "90 90", []trap{{1, bs}, {2, bs}}},
		{"taken branch", "eb01 90 90", []trap{{3, bs}, {4, bs}}},
		{"REP: every iteration", "b903000000 bf00800000 f3aa 90",
			[]trap{{5, bs}, {10, bs}, {10, bs}, {10, bs}, {12, bs}, {13, bs}}},
		{"MOV SS holds it off", "8cd0 8ed0 90 90", []trap{{2, bs}, {5, bs}, {6, bs}}},
		{"POP SS holds it off", "16 17 90 90", []trap{{1, bs}, {3, bs}, {4, bs}}},
		{"STI does not", "fa fb 90", []trap{{1, bs}, {2, bs}, {3, bs}}},
		{"POPF that clears TF is still followed", "6a02 9d 90", []trap{{2, bs}, {3, bs}}},
		{"INT n is not stepped into", "cd40 90", []trap{{3, bs}}},
	} {
		r := newSysRig(t, 32)
		r.gate(0x40, gateDesc(selCode0, rigTarget, gInt32, 0))
		want := c.want
		if c.name == "INT n is not stepped into" {
			want = append([]trap{{2, 0}}, want...) // traps also sees the visit to the shared handler
		}
		require.Equal(t, want, r.traps(c.code, func() { r.RFLAGS |= FlagTF }, nil), c.name)
	}
	// A faulting instruction is not stepped: its fault comes first.
	r := newSysRig(t, 32)
	r.start("0f0b")
	r.RFLAGS |= FlagTF
	r.Refresh()
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{vecUD, 0}}, r.events)
	// POPF that sets TF: the first trap is after the next instruction.
	r = newSysRig(t, 32)
	require.Equal(t, []trap{{7, bs}}, r.traps("6802010000 9d 90", func() {}, nil))
}

func TestInstructionBreakpoints(t *testing.T) {
	set := func(r *sysRig, at uint64) func() {
		return func() { r.DR[0], r.DR[7] = at, 0x401 }
	}
	// Without RF in the frame it comes again and again.
	r := newSysRig(t, 32)
	n := 0
	got := r.traps("90 90 90", set(r, rigCode+1), func(fl *uint64) {
		require.Zero(t, *fl&FlagRF, "RF of an instruction breakpoint is 0")
		if n++; n == 3 {
			*fl |= FlagRF
		}
	})
	require.Equal(t, []trap{{1, 1}, {1, 1}, {1, 1}}, got)
	// RF lasts one instruction: the second visit breaks again.
	r = newSysRig(t, 32)
	got = r.traps("b902000000 90 e2fd", set(r, rigCode+5), func(fl *uint64) { *fl |= FlagRF })
	require.Equal(t, []trap{{5, 1}, {5, 1}}, got)
	// Not right after MOV SS.
	r = newSysRig(t, 32)
	require.Empty(t, r.traps("8cd0 8ed0 90", set(r, rigCode+4), nil))
	// A REP instruction breaks once when its frame has RF.
	r = newSysRig(t, 32)
	got = r.traps("b903000000 bf00800000 f3aa", set(r, rigCode+10), func(fl *uint64) { *fl |= FlagRF })
	require.Equal(t, []trap{{10, 1}}, got)
	// Faults have RF set, so that the instruction's breakpoint does not fire on return.
	r = newSysRig(t, 32)
	r.start("0f0b")
	r.Run(r.ICount + 1)
	require.NotZero(t, r.word(r.GPR[RSP]+8)&FlagRF)
}

func TestDataBreakpoints(t *testing.T) {
	const w, rw = 1, 3
	dr7 := func(typ, length uint64) uint64 { return 0x401 | typ<<16 | length<<18 }
	for _, c := range []struct {
		name string
		code string
		dr7  uint64
		addr uint64
		want []trap
	}{
		{"write", "a200800000 90", dr7(w, 0), rigData, []trap{{5, 1}}},
		{"read is not a write", "a000800000 90", dr7(w, 0), rigData, nil},
		{"read", "a000800000 90", dr7(rw, 0), rigData, []trap{{5, 1}}},
		{"neighbour", "a201800000 90", dr7(w, 0), rigData, nil},
		{"overlap", "a3ff7f0000 90", dr7(w, 0), rigData + 2, []trap{{5, 1}}},
		{"length 4 is aligned", "a203800000 90", dr7(w, 3), rigData + 1, []trap{{5, 1}}},
		{"length 8", "a207800000 90", dr7(w, 2), rigData, []trap{{5, 1}}},
		{"push", "50 90", dr7(w, 3), rigStack - 4, []trap{{1, 1}}},
		{"read-modify-write", "ff0500800000 90", dr7(w, 3), rigData, []trap{{6, 1}}},
		{"REP stops after the iteration", "b904000000 bffe7f0000 f3aa 90", dr7(w, 0), rigData, []trap{{10, 1}}},
		{"REP, last iteration", "b903000000 bffe7f0000 f3aa 90", dr7(w, 0), rigData, []trap{{12, 1}}},
		{"MOV SS holds it off", "8e1500800000 90 90", dr7(rw, 0), rigData, []trap{{7, 1}}},
		{"disabled", "a200800000 90", 0x400, rigData, nil},
	} {
		r := newSysRig(t, 32)
		r.put(rigData, selData0)
		require.Equal(t, c.want, r.traps(c.code, func() { r.DR[0], r.DR[7] = c.addr, c.dr7 }, nil), c.name)
	}
	// Also through TLB entries made before, and gone when switched off.
	r := newSysRig(t, 64)
	code := "a20080000000000000 b801040100 0f23f8 a20080000000000000 b800040000 0f23f8 a20080000000000000"
	require.Equal(t, []trap{{26, 1}}, r.traps(code, func() { r.DR[0] = rigData }, nil))

	// A faulting access reports nothing.
	r = newSysRig(t, 32)
	r.DR[0], r.DR[7] = 0x2000, dr7(w, 0)
	r.desc(selFree, segDesc(0, 0xfff, dData))
	r.faults("beyond the limit", "b860000000 8ed8 a200200000", vecGP, 0)
	require.Zero(t, r.DR[6]&15)
}

func TestIOBreakpoints(t *testing.T) {
	r := newSysRig(t, 32)
	set := func() { r.DR[0], r.DR[7] = 0x80, 0x401|2<<16 }
	require.Empty(t, r.traps("e680 90", set, nil), "without CR4.DE")
	r = newSysRig(t, 32)
	r.CR4 |= CR4DE
	require.Equal(t, []trap{{2, 1}, {4, 1}}, r.traps("e680 e480 e681", set, nil))
}

func TestDebugRegisterAccess(t *testing.T) {
	// GD: any access faults, before it happens, and the handler may use them.
	r := newSysRig(t, 32)
	r.DR[7] = 0x2400
	require.Equal(t, []event{{vecDB, 0}}, r.run("0f21c0"))
	require.NotZero(t, r.DR[6]&dr6BD)
	require.Zero(t, r.DR[7]&dr7GD)
	// DR4 and DR5.
	r = newSysRig(t, 32)
	r.passes("aliases", "b8ff0f0000 0f23e0 0f21e3")
	require.EqualValues(t, 0xffff0fff, r.GPR[RBX])
	r.CR4 |= CR4DE
	r.faults("DE", "0f23e0", vecUD, 0)
	// Fixed bits.
	r = newSysRig(t, 32)
	r.passes("DR7", "b8ffdfffff 0f23f8")
	require.EqualValues(t, 0xffff07ff, r.DR[7])
	r = newSysRig(t, 32)
	r.passes("DR6", "31c0 0f23f0")
	require.EqualValues(t, 0xffff0ff0, r.DR[6])
	r = newSysRig(t, 64)
	r.faults("upper half of DR7", "48c1e020 48b80000000001000000 0f23f8", vecGP, 0)
	r = newSysRig(t, 32)
	r.ring(3)
	r.faults("ring 3", "0f21c0", vecGP, 0)
}

// TestSyscallStep: TF counts as it is after SYSCALL and SYSRET.
func TestSyscallStep(t *testing.T) {
	r := newSysRig(t, 64)
	r.EFER |= EFERSCE
	r.STAR, r.LSTAR, r.FMASK = selCode0<<32, rigTarget+0x100, FlagTF
	r.board.ram[rigTarget+0x100] = 0xf4
	r.gate64(vecDB, selCode0, rigTarget, gInt32, 0)
	r.start("0f05")
	r.RFLAGS |= FlagTF
	r.Refresh()
	r.Run(r.ICount + 5)
	require.Empty(t, r.events, "masked by FMASK")
	require.EqualValues(t, rigTarget+0x101, r.RIP)
	require.NotZero(t, r.GPR[11]&FlagTF)
}
