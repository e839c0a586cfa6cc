package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// pins gives the board an interrupt controller with one vector.
type pins struct {
	*testBoard
	vector int // -1: none
}

func (p *pins) Interrupt() bool { return p.vector >= 0 }
func (p *pins) Ack() int        { v := p.vector; p.vector = -1; return v }

func (r *sysRig) pins() *pins {
	p := &pins{r.rig.board, -1}
	r.CPU.board = p
	return p
}

// TestInterruptWindow: STI and MOV SS shadows, HLT, masking and priority (SDM
// volume 3A, 6.8 and 6.9).
func TestInterruptWindow(t *testing.T) {
	r := newSysRig(t, 32)
	p := r.pins()
	r.gate(0x50, gateDesc(selCode0, rigTarget, gInt32, 0))
	after := func(code string, flags uint64) uint32 {
		r.events = nil
		r.GPR[RSP] = rigStack
		r.start(code)
		r.RFLAGS = Flag1 | flags
		p.vector = 0x50
		r.Refresh()
		r.Run(r.ICount + 10)
		if len(r.events) == 0 {
			return 0
		}
		require.Equal(t, event{0x50, 0}, r.events[0])
		return r.word(r.GPR[RSP]) - rigCode
	}
	require.EqualValues(t, 2, after("fb 90 90", 0), "one instruction after STI")
	require.EqualValues(t, 2, after("fb f4 90", 0), "STI; HLT wakes after the HLT")
	require.EqualValues(t, 2, after("fb fb f4", 0), "a second STI casts no shadow")
	require.Zero(t, after("90 90", 0), "masked")
	require.Zero(t, after("fb fa 90", 0), "STI; CLI opens no window")
	require.EqualValues(t, 4, after("16 fb 17 90", 0), "STI's own shadow is over by POP SS, which casts one")
	require.EqualValues(t, 6, after("6802020000 9d 90 90", 0), "POPF opens at once")

	// NMI: one at a time until IRET; not in the shadow of MOV SS.
	r = newSysRig(t, 32)
	r.gate(2, gateDesc(selCode0, rigTarget, gInt32, 0))
	copy(r.board.ram[rigTarget:], []byte{0x90, 0x90, 0xcf})
	r.code.Flush()
	r.start("90 90 90 90")
	r.NMI()
	r.Run(r.ICount + 1)
	require.Equal(t, []event{{2, 0}}, r.events)
	require.True(t, r.NMIBlocked)
	r.NMI()
	r.Run(r.ICount + 1)
	require.Len(t, r.events, 1, "blocked until IRET")
	r.Run(r.ICount + 2)
	require.Len(t, r.events, 2, "and taken right after it")
	require.EqualValues(t, rigCode, r.word(r.GPR[RSP]))

	// HLT ends with an NMI even when IF is 0, and stays down otherwise.
	r = newSysRig(t, 32)
	r.gate(2, gateDesc(selCode0, rigTarget, gInt32, 0))
	r.run("f4")
	require.Equal(t, ExitHalt, r.Run(r.ICount+10))
	require.False(t, r.Runnable())
	r.NMI()
	require.True(t, r.Runnable())
	r.Run(r.ICount + 10)
	require.Equal(t, []event{{2, 0}}, r.events)
	require.EqualValues(t, rigCode+1, r.word(r.GPR[RSP]))

	// A single-step trap ends HLT too.
	r = newSysRig(t, 32)
	r.start("f4 90")
	r.RFLAGS |= FlagTF
	r.Refresh()
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{vecDB, 0}}, r.events)
	require.EqualValues(t, rigCode+1, r.word(r.GPR[RSP]))

	// REP is interrupted between iterations, with RF set in the frame.
	r = newSysRig(t, 32)
	p = r.pins()
	r.gate(0x50, gateDesc(selCode0, rigTarget, gInt32, 0))
	r.start("f3aa")
	r.GPR[RCX], r.GPR[RDI], r.RFLAGS = 100, rigData, Flag1|FlagIF
	r.Refresh()
	r.Run(r.ICount + 10)
	p.vector = 0x50
	r.Kick()
	r.Run(r.ICount + 10)
	require.Equal(t, []event{{0x50, 0}}, r.events)
	require.EqualValues(t, 90, r.GPR[RCX])
	require.EqualValues(t, rigData+10, r.GPR[RDI])
	require.Equal(t, []uint32{rigCode, selCode0, Flag1 | FlagIF | FlagRF}, r.stack(3))
}

// TestControlRegisters: transitions that are #GP(0) (SDM volume 3A, 2.5).
func TestControlRegisters(t *testing.T) {
	const pe, pg = CR0PE, CR0PG
	for _, c := range []struct {
		name string
		bits int
		code string // after MOV EAX,v
		v    uint64
		ok   bool
	}{
		{"PG without PE", 32, "0f22c0", pg, false},
		{"NW without CD", 32, "0f22c0", pe | CR0NW, false},
		{"NW with CD", 32, "0f22c0", pe | CR0NW | CR0CD, true},
		{"reserved bits of CR0 are ignored", 32, "0f22c0", pe | 1<<6 | 1<<28, true},
		{"PG off in 64-bit mode", 64, "0f22c0", pe, false},
		{"upper half of CR0", 64, "0f22c0", pe | pg | 1<<32, false},
		{"PAE off in long mode", 64, "0f22e0", 0, false},
		{"PG off with PCIDE", 64, "0f22e00f22c0", CR4PAE | CR4PCIDE, false},
		{"unknown CR4 bit", 32, "0f22e0", 1 << 31, false},
		{"PCIDE outside long mode", 32, "0f22e0", CR4PCIDE, false},
		{"PCIDE in long mode", 64, "0f22e0", CR4PAE | CR4PCIDE, true},
		{"CR3 beyond the physical address", 64, "0f22d8", 1 << 50, false},
		{"CR8", 64, "440f22c0", 15, true},
		{"CR8 above 15", 64, "440f22c0", 16, false},
		{"XCR0 without x87", 32, "31c931d20f01d1", 2, false},
	} {
		r := newSysRig(t, c.bits)
		r.CR4 |= CR4OSXSAVE
		r.start(c.code)
		r.GPR[RAX] = c.v
		r.Run(r.ICount + 5)
		if c.ok {
			require.Empty(t, r.events, c.name)
		} else {
			require.Equal(t, []event{{vecGP, 0}}, r.events, c.name)
		}
	}
	// Entering long mode needs PAE and a CS without L; LME cannot change under PG.
	r := newSysRig(t, 32)
	r.EFER = EFERLME
	r.faults("LME and PG without PAE", "0f20c0 0d00000080 0f22c0", vecGP, 0)
	r = newSysRig(t, 64)
	r.faults("LME under paging", "b9800000c0 31d2 31c0 0f30", vecGP, 0)
	// LMSW sets PE and never clears it.
	r = newSysRig(t, 32)
	r.passes("LMSW", "31c0 0f01f0")
	require.NotZero(t, r.CR0&pe)
}

// TestMSRChecks: WRMSR refuses what does not fit.
func TestMSRChecks(t *testing.T) {
	for _, c := range []struct {
		name string
		n    uint32
		v    uint64
		ok   bool
	}{
		{"unknown", 0x12345, 0, false},
		{"EFER reserved bit", msrEFER, 1 << 1, false},
		{"EFER NXE and SCE", msrEFER, EFERSCE | EFERNXE | EFERLME | EFERLMA, true},
		{"LSTAR", msrLSTAR, 0xffff800000000000, true},
		{"LSTAR non-canonical", msrLSTAR, 0x800000000000, false},
		{"GS base non-canonical", msrGSBase, 1 << 63, false},
		{"PAT", msrPAT, 0x0007040600070406, true},
		{"PAT type 2", msrPAT, 0x2, false},
		{"MTRRCAP is read-only", msrMTRRCap, 0, false},
		{"TSC_AUX upper half", msrTSCAux, 1 << 32, false},
		{"SYSENTER_EIP", msrSysenterEIP, 0x1234, true},
		{"SPEC_CTRL", msrSpecCtrl, 3, true},
		{"SPEC_CTRL reserved bit", msrSpecCtrl, 1 << 8, false},
		{"PRED_CMD reserved bit", msrPredCmd, 2, false},
		{"ARCH_CAPABILITIES is read-only", msrArchCap, archCapabilities, false},
	} {
		r := newSysRig(t, 64)
		r.start("0f30")
		r.GPR[RCX], r.GPR[RAX], r.GPR[RDX] = uint64(c.n), c.v&0xffffffff, c.v>>32
		r.Run(r.ICount + 1)
		if !c.ok {
			require.Equal(t, []event{{vecGP, 0}}, r.events, c.name)
			continue
		}
		require.Empty(t, r.events, c.name)
		v, ok := r.readMSR(c.n)
		require.True(t, ok)
		require.Equal(t, c.v, v, c.name)
	}
	r := newSysRig(t, 32)
	r.ring(3)
	r.faults("ring 3", "0f32", vecGP, 0)
}

// TestFastSystemCalls: SYSCALL, SYSRET, SYSENTER, SYSEXIT.
func TestFastSystemCalls(t *testing.T) {
	r := newSysRig(t, 64)
	r.ring(3)
	r.EFER |= EFERSCE
	r.STAR, r.LSTAR, r.FMASK = 0x0b<<48|selCode0<<32, rigTarget, FlagIF|FlagDF
	copy(r.board.ram[rigTarget:], []byte{0x48, 0x0f, 0x07}) // SYSRETQ
	r.start("0f05")
	r.RFLAGS = Flag1 | FlagIF | FlagDF | FlagCF
	r.Refresh()
	r.Run(r.ICount + 1)
	r.Pull()
	require.EqualValues(t, rigTarget, r.RIP)
	require.EqualValues(t, rigCode+2, r.GPR[RCX])
	require.EqualValues(t, Flag1|FlagIF|FlagDF|FlagCF, r.GPR[11])
	require.EqualValues(t, Flag1|FlagCF, r.RFLAGS)
	require.Zero(t, r.cpl)
	require.Equal(t, []uint16{selCode0, selCode0 + 8}, []uint16{r.Seg[CS].Sel, r.Seg[SS].Sel})
	r.Run(r.ICount + 1)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, rigCode+2, r.RIP)
	require.Equal(t, []uint16{0x1b, 0x13}, []uint16{r.Seg[CS].Sel, r.Seg[SS].Sel})
	require.EqualValues(t, 64, r.mode)

	r = newSysRig(t, 64)
	r.faults("SYSCALL without SCE", "0f05", vecUD, 0)
	r.EFER |= EFERSCE
	r.faults("SYSRET to a non-canonical address", "48b90000000000800000 480f07", vecGP, 0)
	require.Zero(t, r.cpl)
	r = newSysRig(t, 32)
	r.EFER |= EFERSCE
	r.faults("SYSCALL outside long mode", "0f05", vecUD, 0)

	r = newSysRig(t, 32)
	r.ring(3)
	r.SysenterCS, r.SysenterESP, r.SysenterEIP = selCode0, rigStack1, rigTarget
	copy(r.board.ram[rigTarget:], []byte{0x0f, 0x35}) // SYSEXIT
	r.start("0f34")
	r.RFLAGS |= FlagIF
	r.Refresh()
	r.Run(r.ICount + 1)
	require.EqualValues(t, rigTarget, r.RIP)
	require.EqualValues(t, rigStack1, r.GPR[RSP])
	require.Zero(t, r.RFLAGS&FlagIF)
	require.Zero(t, r.cpl)
	r.GPR[RDX], r.GPR[RCX] = rigCode+2, 0x9000
	r.Run(r.ICount + 1)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, rigCode+2, r.RIP)
	require.EqualValues(t, 0x9000, r.GPR[RSP])
	require.Equal(t, []uint16{0x1b, 0x23}, []uint16{r.Seg[CS].Sel, r.Seg[SS].Sel})
	r = newSysRig(t, 32)
	r.faults("SYSENTER with a null CS", "0f34", vecGP, 0)
	real := newRig(t, "max", 16)
	real.SysenterCS = 8
	require.Equal(t, vecGP, real.Exec("0f34"), "real mode")
}

// TestPrivilegedInstructions: what ring 3 may not do, and UMIP.
func TestPrivilegedInstructions(t *testing.T) {
	for code, want := range map[string]uint8{
		"f4": vecGP, "0f22c0": vecGP, "0f20c0": vecGP, "0f06": vecGP, "0f0130": vecGP, "0f0110": vecGP, "0f00d0": vecGP,
		"0f30": vecGP, "0f32": vecGP, "0f08": vecGP, "0f09": vecGP, "0f0138": vecGP, "fa": vecGP, "fb": vecGP, "0f35": vecGP,
		"0f01ca": vecUD, "0f01cb": vecUD, "0faa": vecUD, "ec": vecGP, "e680": vecGP,
	} {
		r := newSysRig(t, 32)
		r.ring(3)
		r.GPR[RAX] = rigData
		r.faults(code, code, want, 0)
	}
	for _, code := range []string{"0f00c0", "0f00c8", "0f0100", "0f0108", "0f01e0"} { // SLDT, STR, SGDT, SIDT, SMSW
		r := newSysRig(t, 32)
		r.ring(3)
		r.GPR[RAX] = rigData
		r.passes(code, code)
		r = newSysRig(t, 32)
		r.ring(3)
		r.CR4 |= CR4UMIP
		r.GPR[RAX] = rigData
		r.faults(code, code, vecGP, 0)
	}
}

// TestIOPermission: IOPL and the bitmap (SDM volume 1, 19.5).
func TestIOPermission(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(r *sysRig)
		code string
		ok   bool
	}{
		{"IOPL 3", func(r *sysRig) { r.RFLAGS |= FlagIOPL }, "e680", true},
		{"bit set", func(*sysRig) {}, "e680", false},
		{"bit clear", func(r *sysRig) { r.board.ram[rigTSS+0x68+0x10] = 0xfe }, "e680", true},
		{"word needs two bits", func(r *sysRig) { r.board.ram[rigTSS+0x68+0x10] = 0xfe }, "66e780", false},
		{"dword across bytes", func(r *sysRig) { r.board.ram[rigTSS+0x68+0x10] = 0x1f; r.board.ram[rigTSS+0x68+0x11] = 0xfe }, "e785", true},
		{"dword across bytes, one set", func(r *sysRig) { r.board.ram[rigTSS+0x68+0x10] = 0x1f }, "e785", false},
		{"beyond the limit", func(r *sysRig) { r.board.ram[rigTSS+0x68+0x10] = 0; r.Seg[TR].Limit = 0x68 + 0x10 }, "e680", false},
		{"16-bit TSS", func(r *sysRig) {
			r.board.ram[rigTSS+0x68+0x10] = 0
			r.Seg[TR].Attr = attrP | 3
			r.put(rigTSS+2, 0xf000|selData0<<16)
		}, "e680", false},
	} {
		r := newSysRig(t, 32)
		r.ring(3)
		c.set(r)
		if c.ok {
			r.passes(c.name, c.code)
		} else {
			r.faults(c.name, c.code, vecGP, 0)
		}
	}
}

// TestPopFlags: which flags POPF and IRET may change, by CPL and IOPL.
func TestPopFlags(t *testing.T) {
	const all = 0x3f7fd5 &^ FlagTF
	for _, c := range []struct {
		ring  int
		iopl  uint64
		size  string
		wants uint64
	}{
		{0, 0, "", all &^ (FlagRF | FlagVM | FlagVIF | FlagVIP)},
		{3, 0, "", all &^ (FlagRF | FlagVM | FlagVIF | FlagVIP | FlagIOPL | FlagIF)},
		{3, 3, "", all&^(FlagRF|FlagVM|FlagVIF|FlagVIP|FlagIOPL) | FlagIOPL},
		{0, 0, "66", all & 0xffff},
		{3, 0, "66", all & 0xffff &^ (FlagIOPL | FlagIF)},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		r.RFLAGS |= c.iopl << 12
		r.start(c.size + "9d")
		binary.LittleEndian.PutUint32(r.board.ram[r.GPR[RSP]:], all)
		r.Run(r.ICount + 1)
		require.Empty(t, r.events)
		require.Equal(t, c.wants|Flag1, r.Pull().RFLAGS, "%+v", c)
	}
}

// TestDescriptorQueries: LAR, LSL, VERR, VERW, ARPL.
func TestDescriptorQueries(t *testing.T) {
	const f = selFree
	for _, c := range []struct {
		name                 string
		ring                 int
		sel                  uint16
		desc                 uint64
		lar, lsl, verr, verw bool
	}{
		{"null", 0, 0, 0, false, false, false, false},
		{"data", 0, f, segDesc(0, 0xfff, dData), true, true, true, true},
		{"read-only", 0, f, segDesc(0, 0xfff, dDataRO), true, true, true, false},
		{"code", 0, f, segDesc(0, 0xfff, dCode), true, true, true, false},
		{"execute-only", 0, f, segDesc(0, 0xfff, dXOnly), true, true, false, false},
		{"not present", 0, f, segDesc(0, 0xfff, dData+dNP), true, true, true, true},
		{"invisible", 3, f, segDesc(0, 0xfff, dData), false, false, false, false},
		{"conforming", 3, f, segDesc(0, 0xfff, dConf), true, true, true, false},
		{"RPL", 0, f | 3, segDesc(0, 0xfff, dData), false, false, false, false},
		{"TSS", 0, f, segDesc(0, 0xfff, dTSS32), true, true, false, false},
		{"LDT", 0, f, segDesc(0, 0xfff, dLDT), true, true, false, false},
		{"call gate", 0, f, gateDesc(8, 0xfff, gCall32, 0), true, false, false, false},
		{"task gate", 0, f, gateDesc(8, 0xfff, gTask, 0), true, false, false, false},
		{"interrupt gate", 0, f, gateDesc(8, 0xfff, gInt32, 0), false, false, false, false},
		{"beyond the table", 0, 0x100, 0, false, false, false, false},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		if c.desc != 0 {
			r.desc(c.sel, c.desc)
		}
		for code, want := range map[string]bool{"0f02d8": c.lar, "0f03d8": c.lsl, "0f00e0": c.verr, "0f00e8": c.verw} {
			r.start(code)
			r.GPR[RAX], r.GPR[RBX] = uint64(c.sel), 0x77
			r.Run(r.ICount + 1)
			require.Empty(t, r.events, c.name)
			require.Equal(t, want, r.zf(), "%s: %s", c.name, code)
			if code == "0f02d8" && want {
				require.Equal(t, c.desc>>32&0xffff00, r.GPR[RBX], c.name)
			} else if code == "0f03d8" && want {
				require.EqualValues(t, 0xfff, r.GPR[RBX], c.name)
			} else {
				require.EqualValues(t, 0x77, r.GPR[RBX], c.name)
			}
		}
	}
	r := newSysRig(t, 32)
	r.passes("ARPL raises", "b808000000 bb03000000 63d8")
	require.EqualValues(t, 0x0b, r.GPR[RAX])
	require.True(t, r.zf())
	r.passes("ARPL does not lower", "b80b000000 bb01000000 63d8")
	require.EqualValues(t, 0x0b, r.GPR[RAX])
	require.False(t, r.zf())
	real := newRig(t, "max", 16)
	require.Equal(t, vecUD, real.Exec("63d8"))
	require.Equal(t, vecUD, real.Exec("0f02d8"))
}
