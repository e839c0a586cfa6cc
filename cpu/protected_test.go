package cpu

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The protected-mode rig: all four rings, tasks and gates. Code runs at rigCode
// and ends with HLT, in the outer rings with INT 30h, whose handler is HLT.

// Selectors of the rig's GDT.
const (
	selCode0   = 0x08
	selData0   = 0x10
	selCode3   = 0x18 | 3
	selData3   = 0x20 | 3
	selCode16  = 0x28
	selData16  = 0x30
	selTSS     = 0x38
	selConform = 0x40 // conforming, DPL 0
	selCode1   = 0x48 | 1
	selData1   = 0x50 | 1
	selFree    = 0x60 // for tests; up to 0xf8
	selOther   = 0x80 // another TSS
	gdtLimit   = 0xff
)

const (
	rigTSS    = 0x14000
	rigOther  = 0x15000 // the other task's TSS
	rigStack0 = 0x70000 // ring 0 stack from the TSS
	rigStack1 = 0x78000
	rigStack3 = 0x68000
	rigTarget = 0x5000 // where gates lead: HLT
	endOfTest = 0x30   // INT 30h
)

// Access bytes and flags nibble of descriptors, as attr for segDesc.
const (
	dData   = 0x93
	dDataRO = 0x91
	dDown   = 0x97 // expand-down, writable
	dCode   = 0x9b
	dXOnly  = 0x99
	dConf   = 0x9f
	dNP     = -0x80 // add: not present
	dDPL1   = 0x20
	dDPL3   = 0x60
	dBig    = 0x4000 // D/B
	dLong   = 0x2000
	dGran   = 0x8000
	dTSS16  = 0x81
	dLDT    = 0x82
	dTSS32  = 0x89
	gCall16 = 0x84
	gTask   = 0x85
	gInt16  = 0x86
	gTrap16 = 0x87
	gCall32 = 0x8c
	gInt32  = 0x8e
	gTrap32 = 0x8f
)

// segDesc is a segment descriptor.
func segDesc(base, limit uint32, attr int) uint64 {
	lo := limit&0xffff | base<<16
	hi := base>>16&0xff | uint32(attr&0xff)<<8 | limit&0xf0000 | uint32(attr)>>12<<20 | base&0xff000000
	return uint64(hi)<<32 | uint64(lo)
}

// gateDesc is a call, interrupt, trap or task gate.
func gateDesc(sel uint16, off uint32, attr, count int) uint64 {
	return uint64(off&0xffff) | uint64(sel)<<16 | uint64(count)<<32 | uint64(attr&0xff)<<40 | uint64(off>>16)<<48
}

const flat = dBig | dGran

// event is an exception or interrupt delivered.
type event struct {
	vector uint8
	code   uint32
}

type sysRig struct {
	*rig
	bits   int
	events []event
}

// newSysRig makes a rig with code size 32 or 64 (both with ring 3 and a TSS).
func newSysRig(t testing.TB, bits int) *sysRig {
	r := &sysRig{rig: newRig(t, "max", bits), bits: bits}
	r.OnException = func(_ *CPU, vector uint8, _ string, code uint32) { r.events = append(r.events, event{vector, code}) }
	long := 0
	if bits == 64 {
		long = dLong | dGran
	} else {
		long = flat
	}
	for sel, d := range map[uint16]uint64{
		selCode0: segDesc(0, 0xfffff, dCode|long), selData0: segDesc(0, 0xfffff, dData|flat),
		selCode3: segDesc(0, 0xfffff, dCode|dDPL3|long), selData3: segDesc(0, 0xfffff, dData|dDPL3|flat),
		selCode16: segDesc(0, 0xffff, dCode), selData16: segDesc(0, 0xffff, dData),
		selConform: segDesc(0, 0xfffff, dConf|long),
		selCode1:   segDesc(0, 0xfffff, dCode|dDPL1|long), selData1: segDesc(0, 0xfffff, dData|dDPL1|flat),
	} {
		r.desc(sel, d)
	}
	r.desc(selTSS, segDesc(rigTSS, 0x2100, dTSS32|2))
	r.GDTR.Limit = gdtLimit
	r.Seg[TR] = Segment{Sel: selTSS, Base: rigTSS, Limit: 0x2100, Attr: attrP | 11}
	r.Seg[LDTR] = Segment{}
	if bits == 64 {
		r.put(rigPages, rigPages+0x1000|7)
		r.put(rigPages+0x1000, rigPages+0x2000|7)
		for i := range uint64(512) {
			r.put(rigPages+0x2000+8*i, i<<21|0x87)
		}
		r.put(rigTSS+4, rigStack0)
		r.put(rigTSS+12, rigStack1)
	} else {
		r.put(rigTSS+4, rigStack0|selData0<<32)
		r.put(rigTSS+12, rigStack1|uint64(selData1)<<32)
	}
	binary.LittleEndian.PutUint16(r.board.ram[rigTSS+0x66:], 0x68)
	for i := range 0x2000 { // every port is forbidden
		r.board.ram[rigTSS+0x68+i] = 0xff
	}
	r.IDTR.Limit = 0xfff
	r.gate(endOfTest, gateDesc(selCode0, rigHandler, gInt32|dDPL3, 0))
	r.board.ram[rigTarget] = 0xf4
	return r
}

func (r *sysRig) desc(sel uint16, d uint64) { r.put(rigGDT+uint64(sel&^7), d) }

// gate sets an IDT entry.
func (r *sysRig) gate(vector int, d uint64) { r.put(uint64(rigIDT+vector*r.bits/4&^7), d) }

// ring moves the processor to an outer ring.
func (r *sysRig) ring(n int) {
	cs, ss, sp := uint16(selCode3), uint16(selData3), uint64(rigStack3)
	if n == 1 {
		cs, ss, sp = selCode1, selData1, rigStack1
	}
	load := func(i int, sel uint16) {
		v := r.get(rigGDT + uint64(sel&^7))
		d := descriptor{lo: uint32(v), hi: uint32(v >> 32)}
		r.Seg[i] = d.segment(sel)
	}
	load(CS, cs)
	for _, i := range []int{SS, DS, ES} {
		load(i, ss)
	}
	r.GPR[RSP] = sp
	r.Refresh()
}

// start puts code (hexadecimal, spaces ignored) at rigCode, followed by the end
// marker, and sets RIP.
func (r *sysRig) start(code string) {
	r.t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	require.NoError(r.t, err)
	end := []byte{0xf4}
	if r.cpl != 0 {
		end = []byte{0xcd, endOfTest}
	}
	copy(r.board.ram[rigCode:], append(b, end...))
	r.code.Flush()
	r.RIP = rigCode
	r.Halted = false
	r.events = nil
	r.Refresh()
}

// run executes code until HLT and returns the exceptions on the way.
func (r *sysRig) run(code string) []event {
	r.t.Helper()
	r.start(code)
	exit := r.Run(r.ICount + 5000)
	require.Contains(r.t, []Exit{ExitHalt, ExitShutdown}, exit, "at %04x:%x", r.Seg[CS].Sel, r.RIP)
	r.Pull()
	return r.events
}

// faults runs code and checks that it raises exactly exception want with code.
func (r *sysRig) faults(what, code string, want uint8, errCode uint32) {
	r.t.Helper()
	require.Equal(r.t, []event{{want, errCode}}, r.run(code), what)
}

// passes runs code and checks that nothing happens but the end marker.
func (r *sysRig) passes(what, code string) {
	r.t.Helper()
	for _, e := range r.run(code) {
		require.Equal(r.t, event{endOfTest, 0}, e, what)
	}
}

// word reads 32 bits of memory.
func (r *sysRig) word(pa uint64) uint32 { return uint32(r.get(pa)) }

// stack reads n 32-bit words at ESP.
func (r *sysRig) stack(n int) []uint32 {
	var l []uint32
	for i := range n {
		l = append(l, r.word(r.Seg[SS].Base+r.GPR[RSP]+uint64(4*i)))
	}
	return l
}

// stack64 reads n 64-bit words at RSP.
func (r *sysRig) stack64(n int) []uint64 {
	var l []uint64
	for i := range n {
		l = append(l, r.get(r.GPR[RSP]+uint64(8*i)))
	}
	return l
}

const none = 0xff

// TestSegmentLoads: MOV to a segment register (SDM volume 2, MOV; volume 3A, 5.6).
func TestSegmentLoads(t *testing.T) {
	const f = selFree
	for _, c := range []struct {
		name   string
		ring   int
		sel    uint16
		desc   uint64
		ss     bool // load SS instead of DS
		vector uint8
		code   uint32
	}{
		{"null", 0, 0, 0, false, none, 0},
		{"null with RPL 3", 0, 3, 0, false, none, 0},
		{"data", 0, f, segDesc(0, 0xfff, dData), false, none, 0},
		{"read-only data", 0, f, segDesc(0, 0xfff, dDataRO), false, none, 0},
		{"readable code", 0, f, segDesc(0, 0xfff, dCode), false, none, 0},
		{"execute-only code", 0, f, segDesc(0, 0xfff, dXOnly), false, vecGP, f},
		{"system", 0, f, segDesc(0, 0xfff, dLDT), false, vecGP, f},
		{"not present", 0, f, segDesc(0, 0xfff, dData+dNP), false, vecNP, f},
		{"beyond the limit", 0, 0x100, 0, false, vecGP, 0x100},
		{"LDT without LDTR", 0, f | 4, 0, false, vecGP, f | 4},
		{"RPL 3 of DPL 0", 0, f | 3, segDesc(0, 0xfff, dData), false, vecGP, f},
		{"RPL 3 of DPL 3", 0, f | 3, segDesc(0, 0xfff, dData|dDPL3), false, none, 0},
		{"CPL 3, DPL 0", 3, f, segDesc(0, 0xfff, dData), false, vecGP, f},
		{"CPL 3, DPL 3", 3, f | 3, segDesc(0, 0xfff, dData|dDPL3), false, none, 0},
		{"CPL 3, conforming of DPL 0", 3, f | 3, segDesc(0, 0xfff, dConf), false, none, 0},
		{"CPL 3, code of DPL 0", 3, f | 3, segDesc(0, 0xfff, dCode), false, vecGP, f},
		{"privilege before presence", 3, f | 3, segDesc(0, 0xfff, dData+dNP), false, vecGP, f},
		{"SS null", 0, 0, 0, true, vecGP, 0},
		{"SS data", 0, f, segDesc(0, 0xfffff, dData|flat), true, none, 0},
		{"SS read-only", 0, f, segDesc(0, 0xfff, dDataRO), true, vecGP, f},
		{"SS code", 0, f, segDesc(0, 0xfff, dCode), true, vecGP, f},
		{"SS of RPL 3", 0, f | 3, segDesc(0, 0xfff, dData), true, vecGP, f},
		{"SS of DPL 3", 0, f, segDesc(0, 0xfff, dData|dDPL3), true, vecGP, f},
		{"SS not present", 0, f, segDesc(0, 0xfff, dData+dNP), true, vecSS, f},
		{"SS in ring 3", 3, f | 3, segDesc(0, 0xfffff, dData|dDPL3|flat), true, none, 0},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		reg, code := DS, "8ed8"
		if c.ss {
			reg, code = SS, "8ed0"
		}
		old := r.Seg[reg]
		if c.desc != 0 {
			r.desc(c.sel, c.desc&^(1<<40)) // not accessed yet
		}
		r.start(code)
		r.GPR[RAX] = uint64(c.sel)
		r.Run(r.ICount + 1)
		if c.vector != none {
			require.Equal(t, []event{{c.vector, c.code}}, r.events, c.name)
			if c.ring == 0 {
				require.Equal(t, old, r.Seg[reg], c.name)
			}
			continue
		}
		require.Empty(t, r.events, c.name)
		require.Equal(t, c.sel, r.Seg[reg].Sel, c.name)
		if c.desc != 0 {
			require.NotZero(t, r.get(rigGDT+uint64(c.sel&^7))>>40&1, "%s: accessed", c.name)
		}
	}
}

// TestSegmentLimits: SDM volume 3A, 5.3.
func TestSegmentLimits(t *testing.T) {
	const (
		readB, readW, readD = "8a03", "668b03", "8b03" // MOV AL/AX/EAX,[EBX]
		writeB              = "8803"
	)
	for _, c := range []struct {
		name string
		desc uint64
		op   string
		off  uint32
		ok   bool
	}{
		{"last byte", segDesc(rigData, 0xfff, dData), readB, 0xfff, true},
		{"past the last byte", segDesc(rigData, 0xfff, dData), readB, 0x1000, false},
		{"word across the limit", segDesc(rigData, 0xfff, dData), readW, 0xfff, false},
		{"dword up to the limit", segDesc(rigData, 0xfff, dData), readD, 0xffc, true},
		{"dword across", segDesc(rigData, 0xfff, dData), readD, 0xffd, false},
		{"granular limit", segDesc(rigData, 1, dData|dGran), readD, 0x1ffc, true},
		{"past a granular limit", segDesc(rigData, 1, dData|dGran), readD, 0x1ffd, false},
		{"expand-down at its limit", segDesc(rigData, 0xfff, dDown|dBig), readB, 0xfff, false},
		{"expand-down above its limit", segDesc(rigData, 0xfff, dDown|dBig), readB, 0x1000, true},
		{"expand-down top", segDesc(rigData, 0xfff, dDown|dBig), readB, 0xffffffff, true},
		{"expand-down word across the top", segDesc(rigData, 0xfff, dDown|dBig), readW, 0xffffffff, false},
		{"16-bit expand-down top", segDesc(rigData, 0xfff, dDown), readB, 0xffff, true},
		{"16-bit expand-down above", segDesc(rigData, 0xfff, dDown), readB, 0x10000, false},
		{"write to read-only", segDesc(rigData, 0xfff, dDataRO), writeB, 0, false},
		{"write to code", segDesc(rigData, 0xfff, dCode), writeB, 0, false},
		{"write to expand-down", segDesc(rigData, 0xfff, dDown|dBig), writeB, 0x1000, true},
		{"read of code", segDesc(rigData, 0xfff, dCode), readB, 0, true},
	} {
		r := newSysRig(t, 32)
		r.desc(selFree, c.desc)
		r.GPR[RBX] = uint64(c.off)
		if code := "b860000000 8ed8" + c.op; c.ok {
			r.passes(c.name, code)
		} else {
			r.faults(c.name, code, vecGP, 0)
		}
		// The same through SS is #SS(0), where SS accepts the segment.
		if c.desc>>40&0xa == 2 {
			r = newSysRig(t, 32)
			r.desc(selFree, c.desc)
			r.GPR[RBX] = uint64(c.off)
			r.start("b860000000 8ed0 36" + c.op)
			r.Run(r.ICount + 3)
			if c.ok {
				require.Empty(t, r.events, c.name)
			} else {
				require.NotEmpty(t, r.events, c.name)
				require.Equal(t, event{vecSS, 0}, r.events[0], c.name)
			}
		}
	}
	r := newSysRig(t, 32)
	r.faults("null DS", "31c0 8ed8 8a03", vecGP, 0)
	r.faults("execute-only code through CS", "ea 00500000 6000", vecGP, 0x60)
}
