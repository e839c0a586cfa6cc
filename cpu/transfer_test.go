package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFarTransferChecks: JMP and CALL far (SDM volume 2, CALL; volume 3A, 5.8).
func TestFarTransferChecks(t *testing.T) {
	const f = selFree
	for _, c := range []struct {
		name   string
		ring   int
		sel    uint16
		desc   uint64
		vector uint8
		code   uint32
	}{
		{"null", 0, 3, 0, vecGP, 0},
		{"data", 0, f, segDesc(0, 0xfffff, dData|flat), vecGP, f},
		{"code", 0, f, segDesc(0, 0xfffff, dCode|flat), none, 0},
		{"RPL above CPL", 0, f | 3, segDesc(0, 0xfffff, dCode|flat), vecGP, f},
		{"DPL 3 from ring 0", 0, f, segDesc(0, 0xfffff, dCode|dDPL3|flat), vecGP, f},
		{"DPL 0 from ring 3", 3, f, segDesc(0, 0xfffff, dCode|flat), vecGP, f},
		{"RPL below CPL", 3, f, segDesc(0, 0xfffff, dCode|dDPL3|flat), none, 0},
		{"conforming DPL 0 from ring 3", 3, f, segDesc(0, 0xfffff, dConf|flat), none, 0},
		{"conforming DPL 3 from ring 0", 0, f, segDesc(0, 0xfffff, dConf|dDPL3|flat), vecGP, f},
		{"not present", 0, f, segDesc(0, 0xfffff, (dCode|flat)+dNP), vecNP, f},
		{"privilege before presence", 3, f, segDesc(0, 0xfffff, (dCode|flat)+dNP), vecGP, f},
		{"beyond the new limit", 0, f, segDesc(0, rigTarget-1, dCode|dBig), vecGP, 0},
		{"interrupt gate", 0, f, gateDesc(selCode0, rigTarget, gInt32, 0), vecGP, f},
		{"LDT", 0, f, segDesc(0, 0xfff, dLDT), vecGP, f},
		{"busy TSS", 0, selTSS, 0, vecGP, selTSS},
		{"call gate", 0, f, gateDesc(selCode0, rigTarget, gCall32, 0), none, 0},
		{"call gate, DPL below CPL", 3, f, gateDesc(selCode3, rigTarget, gCall32, 0), vecGP, f},
		{"call gate, DPL below RPL", 0, f | 3, gateDesc(selCode0, rigTarget, gCall32, 0), vecGP, f},
		{"call gate not present", 0, f, gateDesc(selCode0, rigTarget, gCall32+dNP, 0), vecNP, f},
		{"call gate to null", 0, f, gateDesc(0, rigTarget, gCall32, 0), vecGP, 0},
		{"call gate to data", 0, f, gateDesc(selData0, rigTarget, gCall32, 0), vecGP, selData0},
		{"call gate to outer code", 0, f, gateDesc(selCode3, rigTarget, gCall32, 0), vecGP, selCode3 &^ 3},
		{"task gate to a data segment", 0, f, gateDesc(selData0, 0, gTask, 0), vecGP, selData0},
	} {
		for _, op := range []string{"ea", "9a"} { // JMP, CALL
			r := newSysRig(t, 32)
			if c.ring != 0 {
				r.ring(c.ring)
			}
			if c.desc != 0 {
				r.desc(c.sel, c.desc)
			}
			r.start(op + "00500000" + le16(c.sel))
			before, sp := r.Seg, r.GPR[RSP]
			r.Run(r.ICount + 1)
			if c.vector != none {
				require.Equal(t, []event{{c.vector, c.code}}, r.events, "%s %s", c.name, op)
				if c.ring == 0 {
					require.Equal(t, before, r.Seg, c.name)
				}
				continue
			}
			require.Empty(t, r.events, "%s %s", c.name, op)
			require.EqualValues(t, rigTarget, r.RIP, c.name)
			require.EqualValues(t, c.ring, r.Seg[CS].Sel&3, "%s: RPL of CS is CPL", c.name)
			if op == "9a" {
				require.Equal(t, sp-8, r.GPR[RSP], c.name)
				require.Equal(t, uint32(rigCode+7), r.word(r.GPR[RSP]))
				require.Equal(t, uint32(before[CS].Sel), r.word(r.GPR[RSP]+4)&0xffff)
			}
		}
	}
}

func le16(v uint16) string {
	const h = "0123456789abcdef"
	return string([]byte{h[v>>4&15], h[v&15], h[v>>12], h[v>>8&15]})
}

// TestCallGateInward: the stack of the TSS, parameters copied, and the way back
// with RETF n (SDM volume 3A, 5.8.5).
func TestCallGateInward(t *testing.T) {
	r := newSysRig(t, 32)
	r.ring(3)
	r.desc(selFree, gateDesc(selCode0, rigTarget, gCall32|dDPL3, 2))
	// RETF 8 in the handler; DS is the ring 0 segment by then.
	copy(r.board.ram[rigTarget:], []byte{0x66, 0xb8, selData0, 0, 0x8e, 0xd8, 0xca, 8, 0}) // MOV AX,10h; MOV DS,AX; RETF 8
	r.start("6811111111 6822222222 9a00000000" + le16(selFree|3))
	r.Run(r.ICount + 3)
	require.Empty(t, r.events)
	require.EqualValues(t, rigTarget, r.RIP)
	require.EqualValues(t, 0, r.cpl)
	require.EqualValues(t, selCode0, r.Seg[CS].Sel)
	require.EqualValues(t, selData0, r.Seg[SS].Sel)
	require.EqualValues(t, rigStack0-24, r.GPR[RSP])
	require.Equal(t, []uint32{rigCode + 17, selCode3, 0x22222222, 0x11111111, rigStack3 - 8, selData3}, r.stack(6))
	r.Run(r.ICount + 3)
	require.Empty(t, r.events)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, rigStack3, r.GPR[RSP], "both stacks released")
	require.EqualValues(t, rigCode+17, r.RIP)
	require.Equal(t, Segment{}, r.Seg[DS], "the inner data segment is nulled")
	require.EqualValues(t, selData3, r.Seg[ES].Sel)

	// 16-bit gate: 16-bit pushes.
	r = newSysRig(t, 32)
	r.ring(3)
	r.desc(selFree, gateDesc(selCode0, rigTarget, gCall16|dDPL3, 1))
	r.start("6633c0 66683333 9a00000000" + le16(selFree|3))
	r.Run(r.ICount + 3)
	require.Empty(t, r.events)
	require.EqualValues(t, rigStack0-10, r.GPR[RSP])
	sp := r.GPR[RSP]
	require.Equal(t, []uint32{selCode3<<16 | (rigCode+14)&0xffff, (rigStack3-2)&0xffff<<16 | 0x3333}, []uint32{r.word(sp), r.word(sp + 4)})

	for _, c := range []struct {
		name   string
		set    func(r *sysRig)
		vector uint8
		code   uint32
	}{
		{"SS0 null", func(r *sysRig) { r.put(rigTSS+4, rigStack0) }, vecTS, 0},
		{"SS0 of ring 3", func(r *sysRig) { r.put(rigTSS+4, rigStack0|selData3<<32) }, vecTS, selData3 &^ 3},
		{"SS0 beyond the GDT", func(r *sysRig) { r.put(rigTSS+4, rigStack0|0x200<<32) }, vecTS, 0x200},
		{"SS0 code", func(r *sysRig) { r.put(rigTSS+4, rigStack0|selCode0<<32) }, vecTS, selCode0},
		{"SS0 not present", func(r *sysRig) { r.desc(selData0, segDesc(0, 0xfffff, (dData|flat)+dNP)) }, vecSS, selData0},
		{"stack too small", func(r *sysRig) { r.put(rigTSS+4, 8|selData0<<32); r.desc(selData0, segDesc(0x9000, 0xff, dData|dBig)) }, vecSS, selData0},
		{"TSS too small", func(r *sysRig) { r.Seg[TR].Limit = 6 }, vecTS, selTSS},
	} {
		r := newSysRig(t, 32)
		r.ring(3)
		r.desc(selFree, gateDesc(selCode0, rigTarget, gCall32|dDPL3, 2))
		c.set(r)
		r.start("9a00000000" + le16(selFree|3))
		r.Run(r.ICount + 1)
		require.NotEmpty(t, r.events, c.name)
		require.Equal(t, event{c.vector, c.code}, r.events[0], c.name)
	}
}

// TestCallGate64: 16-byte gates, RSP from the TSS, a null SS.
func TestCallGate64(t *testing.T) {
	r := newSysRig(t, 64)
	r.ring(3)
	r.desc(selFree, gateDesc(selCode0, rigTarget, gCall32|dDPL3, 0))
	r.desc(selFree+8, 0)
	r.put(rigData, rigTarget|uint64(selFree|3)<<32)
	r.start("ff1c2500800000") // CALL far [8000h]
	r.Run(r.ICount + 1)
	require.Empty(t, r.events)
	require.EqualValues(t, 0, r.cpl)
	require.EqualValues(t, 0, r.Seg[SS].Sel)
	require.EqualValues(t, rigStack0-32, r.GPR[RSP])
	require.Equal(t, []uint64{rigCode + 7, selCode3, rigStack3, selData3}, r.stack64(4))
	copy(r.board.ram[rigTarget:], []byte{0x48, 0xcb}) // RETF (64-bit)
	r.code.Flush()
	r.Run(r.ICount + 1)
	require.Empty(t, r.events)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, rigStack3, r.GPR[RSP])

	// A gate to a 32-bit segment, or with type bits in its upper half: #GP.
	r = newSysRig(t, 64)
	r.desc(selFree+0x10, segDesc(0, 0xfffff, dCode|flat))
	r.desc(selFree, gateDesc(selFree+0x10, rigTarget, gCall32, 0))
	r.desc(selFree+8, 0)
	r.put(rigData, uint64(selFree)<<32)
	r.faults("32-bit target", "ff1c2500800000", vecGP, selFree+0x10)
	r.desc(selFree, gateDesc(selCode0, rigTarget, gCall32, 0))
	r.desc(selFree+8, 1<<40)
	r.faults("type bits", "ff1c2500800000", vecGP, selFree)
	r.desc(selFree, gateDesc(selCode0, rigTarget, gCall16, 0))
	r.faults("16-bit gate", "ff1c2500800000", vecGP, selFree)
	r.desc(selFree, gateDesc(selTSS, 0, gTask, 0))
	r.faults("task gate", "ff1c2500800000", vecGP, selFree)
}

// TestCompatibilityMode: far transfers between 64-bit and 32-bit code.
func TestCompatibilityMode(t *testing.T) {
	r := newSysRig(t, 64)
	r.desc(selFree, segDesc(0, 0xfffff, dCode|flat))
	r.put(rigData, rigTarget|uint64(selFree)<<32)
	copy(r.board.ram[rigTarget:], []byte{0x40, 0xb8, 1, 0, 0, 0, 0xea, 0, 0x60, 0, 0, selCode0, 0}) // INC EAX; MOV EAX,1; JMP 8:6000h
	copy(r.board.ram[0x6000:], []byte{0x48, 0xff, 0xc0, 0xf4})                                      // INC RAX; HLT
	r.passes("there and back", "48c7c0ffffffff ff2c2500800000")
	require.EqualValues(t, 2, r.GPR[RAX])
	require.EqualValues(t, 64, r.mode)
	// L and D together are invalid.
	r = newSysRig(t, 64)
	r.desc(selFree, segDesc(0, 0xfffff, dCode|flat|dLong))
	r.put(rigData, rigTarget|uint64(selFree)<<32)
	r.faults("L and D", "ff2c2500800000", vecGP, selFree)
	// A non-canonical target.
	r.desc(selFree, segDesc(0, 0xfffff, dCode|dLong))
	r.put(rigData, 1<<47)
	r.put(rigData+8, selFree)
	r.faults("non-canonical", "48ff2c2500800000", vecGP, 0)
}

// TestReturnChecks: RETF and IRET to every kind of wrong frame.
func TestReturnChecks(t *testing.T) {
	const f = selFree
	for _, c := range []struct {
		name   string
		ring   int
		cs, ss uint16
		desc   uint64 // of f
		vector uint8
		code   uint32
	}{
		{"same ring", 0, selCode0, 0, 0, none, 0},
		{"null CS", 0, 0, 0, 0, vecGP, 0},
		{"CS data", 0, selData0, 0, 0, vecGP, selData0},
		{"CS inner", 3, selCode0, 0, 0, vecGP, selCode0},
		{"CS not present", 0, f, 0, segDesc(0, 0xfffff, (dCode|flat)+dNP), vecNP, f},
		{"CS of other DPL", 0, f, 0, segDesc(0, 0xfffff, dCode|dDPL1|flat), vecGP, f},
		{"conforming, outer RPL", 0, selConform | 3, selData3, 0, none, 0},
		{"outer", 0, selCode3, selData3, 0, none, 0},
		{"outer, SS null", 0, selCode3, 0, 0, vecGP, 0},
		{"outer, SS of ring 0", 0, selCode3, selData0, 0, vecGP, selData0},
		{"outer, SS not present", 0, selCode3, f | 3, segDesc(0, 0xfffff, (dData|dDPL3|flat)+dNP), vecSS, f},
		{"outer, SS read-only", 0, selCode3, f | 3, segDesc(0, 0xfffff, dDataRO|dDPL3|flat), vecGP, f},
		{"beyond CS limit", 0, f, 0, segDesc(0, 0xff, dCode|dBig), vecGP, 0},
	} {
		for _, iret := range []bool{false, true} {
			r := newSysRig(t, 32)
			if c.ring != 0 {
				r.ring(c.ring)
			}
			if c.desc != 0 {
				r.desc(f, c.desc)
			}
			code, frame := "cb", []uint32{rigTarget, uint32(c.cs), 0x67000, uint32(c.ss)}
			if iret {
				code, frame = "cf", []uint32{rigTarget, uint32(c.cs), Flag1, 0x67000, uint32(c.ss)}
			}
			r.start(code)
			r.GPR[RSP] = 0x9000
			for i, v := range frame {
				r.put(0x9000+uint64(4*i), uint64(v))
			}
			r.Run(r.ICount + 1)
			if c.vector != none {
				require.Equal(t, []event{{c.vector, c.code}}, r.events, "%s %s", c.name, code)
				continue
			}
			require.Empty(t, r.events, "%s %s", c.name, code)
			require.EqualValues(t, rigTarget, r.RIP)
			require.EqualValues(t, c.cs, r.Seg[CS].Sel)
			if c.cs&3 != 0 {
				require.EqualValues(t, 0x67000, r.GPR[RSP], c.name)
				require.EqualValues(t, c.ss, r.Seg[SS].Sel, c.name)
				require.Zero(t, r.Seg[DS].Attr, "%s: DS of ring 0 is nulled", c.name)
			}
		}
	}
}

// TestLeavingSegmentWithBase: code at the same EIP of a segment with a base and of one without is
// not the same code, and what ran before the first does not lead to it from the second.
func TestLeavingSegmentWithBase(t *testing.T) {
	r := newSysRig(t, 32)
	r.desc(selFree, segDesc(0x100, 0xfffff, dCode|flat))
	r.start("43 f4")                                                  // INC EBX; HLT
	copy(r.board.ram[rigCode+0x100:], "\xea\x00\x40\x00\x00\x08\x00") // JMP 8:rigCode
	r.Seg[CS] = Segment{Sel: selFree, Base: 0x100, Limit: 0xffffffff, Attr: r.Seg[CS].Attr}
	r.Refresh()
	r.Run(r.ICount + 1)
	require.Equal(t, uint16(selCode0), r.Seg[CS].Sel)
	require.Equal(t, uint64(rigCode), r.RIP)
	ebx := r.GPR[RBX]
	r.Run(r.ICount + 1)
	require.Equal(t, ebx+1, r.GPR[RBX], "at %#x", r.RIP)
}
