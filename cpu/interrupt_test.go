package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGatesBetweenRings: INT n through 16- and 32-bit interrupt and trap gates,
// to the same ring and inward.
func TestGatesBetweenRings(t *testing.T) {
	for _, c := range []struct {
		name string
		ring int
		typ  int
		sel  uint16
		ifOn bool // IF afterwards
	}{
		{"interrupt gate", 0, gInt32, selCode0, false},
		{"trap gate", 0, gTrap32, selCode0, true},
		{"interrupt gate from ring 3", 3, gInt32, selCode0, false},
		{"trap gate from ring 3", 3, gTrap32, selCode0, true},
		{"conforming handler from ring 3", 3, gTrap32, selConform, true},
		{"to ring 1", 3, gInt32, selCode1 &^ 3, false},
		{"16-bit interrupt gate", 0, gInt16, selCode0, false},
		{"16-bit trap gate from ring 3", 3, gTrap16, selCode0, true},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		r.gate(0x40, gateDesc(c.sel, rigTarget, c.typ|dDPL3, 0))
		r.RFLAGS = Flag1 | FlagIF | FlagCF | FlagNT | FlagAC
		sp, ss, cs := r.GPR[RSP], r.Seg[SS].Sel, r.Seg[CS].Sel
		r.start("cd40")
		r.Run(r.ICount + 1)
		require.Equal(t, []event{{0x40, 0}}, r.events, c.name)
		require.EqualValues(t, rigTarget, r.RIP, c.name)
		fl := r.Pull().RFLAGS
		require.Equal(t, c.ifOn, fl&FlagIF != 0, c.name)
		require.Zero(t, fl&(FlagNT|FlagTF|FlagVM|FlagRF), c.name)
		require.NotZero(t, fl&FlagAC, "%s: AC stays", c.name)
		want := []uint64{rigCode + 2, uint64(cs), Flag1 | FlagIF | FlagCF | FlagNT | FlagAC}
		if inward := c.ring == 3 && c.sel != selConform; inward {
			want = append(want, sp, uint64(ss))
			sp = rigStack0
			if c.sel == selCode1&^3 {
				sp = rigStack1
			}
		}
		size := uint64(4)
		if c.typ&8 == 0 {
			size = 2
		}
		require.Equal(t, sp-size*uint64(len(want)), r.GPR[RSP], c.name)
		for i, v := range want {
			require.EqualValues(t, v&opMask(uint8(size)), r.get(r.GPR[RSP]+size*uint64(i))&opMask(uint8(size)), "%s: slot %d", c.name, i)
		}
	}
}

// TestDeliveryFaults: errors of the gate, with IDT and EXT bits (SDM volume 3A, 6.13).
func TestDeliveryFaults(t *testing.T) {
	const soft, ud = "cd40", "0f0b"
	idt := func(v, ext uint32) uint32 { return v<<3 | 2 | ext }
	for _, c := range []struct {
		name   string
		code   string
		ring   int
		gate   uint64
		vector uint8
		err    uint32
	}{
		{"INT n, DPL 0 from ring 3", soft, 3, gateDesc(selCode0, rigTarget, gInt32, 0), vecGP, idt(0x40, 0)},
		{"INT n, DPL 0 from ring 0", soft, 0, gateDesc(selCode0, rigTarget, gInt32, 0), none, 0},
		{"INT n not present", soft, 0, gateDesc(selCode0, rigTarget, gInt32+dNP, 0), vecNP, idt(0x40, 0)},
		{"DPL before presence", soft, 3, gateDesc(selCode0, rigTarget, gInt32+dNP, 0), vecGP, idt(0x40, 0)},
		{"call gate in the IDT", soft, 0, gateDesc(selCode0, rigTarget, gCall32, 0), vecGP, idt(0x40, 0)},
		{"null handler segment", soft, 0, gateDesc(0, rigTarget, gInt32, 0), vecGP, 0},
		{"data handler segment", soft, 0, gateDesc(selData0, rigTarget, gInt32, 0), vecGP, selData0},
		{"outer handler segment", soft, 0, gateDesc(selCode3, rigTarget, gInt32, 0), vecGP, selCode3 &^ 3},
		{"exception with DPL 0 from ring 3", ud, 3, gateDesc(selCode0, rigTarget, gInt32, 0), none, 0},
		{"exception not present", ud, 0, gateDesc(selCode0, rigTarget, gInt32+dNP, 0), vecNP, idt(6, 1)},
		{"exception to null", ud, 0, gateDesc(0, rigTarget, gInt32, 0), vecGP, 1},
		{"exception to data", ud, 0, gateDesc(selData0, rigTarget, gInt32, 0), vecGP, selData0 | 1},
		{"INT1 not present", "f1", 0, gateDesc(selCode0, rigTarget, gInt32+dNP, 0), vecNP, idt(1, 1)},
		{"INT1 with DPL 0 from ring 3", "f1", 3, gateDesc(selCode0, rigTarget, gInt32, 0), none, 0},
		{"INT3 with DPL 0 from ring 3", "cc", 3, gateDesc(selCode0, rigTarget, gInt32, 0), vecGP, idt(3, 0)},
	} {
		r := newSysRig(t, 32)
		if c.ring != 0 {
			r.ring(c.ring)
		}
		v := map[string]int{soft: 0x40, ud: 6, "f1": 1, "cc": 3}[c.code]
		r.gate(v, c.gate)
		r.start(c.code)
		r.Run(r.ICount + 1)
		last := r.events[len(r.events)-1]
		if c.vector == none {
			require.Equal(t, event{uint8(v), 0}, last, c.name)
			continue
		}
		require.Equal(t, event{c.vector, c.err}, last, c.name)
		// The return address is the instruction that caused it all.
		require.EqualValues(t, rigCode, r.word(r.GPR[RSP]+4), c.name)
	}
	// Beyond the IDT's limit.
	r := newSysRig(t, 32)
	r.IDTR.Limit = 0x40*8 + 6
	r.start("cd40")
	r.Run(r.ICount + 1)
	require.Equal(t, event{vecGP, idt(0x40, 0)}, r.events[len(r.events)-1])
}

// TestDoubleFaults: which pairs of exceptions make a double fault, and that a
// third one is a shutdown (SDM volume 3A, table 6-5).
func TestDoubleFaults(t *testing.T) {
	const np = 1 << 47
	breakGate := func(r *sysRig, v int) { r.gate(v, r.get(uint64(rigIDT+8*v))&^np) }
	for _, c := range []struct {
		name   string
		code   string
		broken []int
		want   []event
	}{
		{"#UD then #NP is served", "0f0b", []int{vecUD}, []event{{vecUD, 0}, {vecNP, vecUD<<3 | 3}}},
		{"#DE then #NP is double", "31c9 f7f1", []int{vecDE}, []event{{vecDE, 0}, {vecDF, 0}}},
		{"#GP then #NP is double", "31c0 8ed8 8b00", []int{vecGP}, []event{{vecGP, 0}, {vecDF, 0}}},
		{"#GP, #NP, #DF broken: shutdown", "31c0 8ed8 8b00", []int{vecGP, vecDF}, []event{{vecGP, 0}, {vecDF, 0}}},
		{"INT n then #NP is served", "cd40", []int{0x40}, []event{{0x40, 0}, {vecNP, 0x40<<3 | 2}}},
		{"INT n, #NP broken: double", "cd40", []int{0x40, vecNP}, []event{{0x40, 0}, {vecNP, 0x40<<3 | 2}, {vecDF, 0}}},
	} {
		r := newSysRig(t, 32)
		r.gate(0x40, gateDesc(selCode0, rigTarget, gInt32, 0))
		for _, v := range c.broken {
			breakGate(r, v)
		}
		require.Equal(t, c.want, r.run(c.code), c.name)
		require.Equal(t, len(c.broken) == 2 && c.broken[1] == vecDF, r.Shutdown, c.name)
	}

	// The stack is gone: #SS while delivering, #DF cannot be delivered either.
	r := newSysRig(t, 32)
	r.desc(selFree, segDesc(0x9000, 0xff, dData|dBig))
	r.run("b860000000 8ed0 bc02000000 50")
	require.True(t, r.Shutdown)
	require.Equal(t, ExitShutdown, r.Run(r.ICount+10), "nothing but RESET ends it")

	// #PF while delivering #PF is #DF, and CR2 is the second address.
	r = newSysRig(t, 64)
	r.put(rigPages+0x2000+8, 0) // 2-4 MiB is not present
	r.GPR[RSP] = 0x300000
	require.Equal(t, []event{{vecPF, 0}, {vecDF, 0}}, r.run("488b042500003000")[:2])
	require.True(t, r.Shutdown)
	require.EqualValues(t, 0x300000-8, r.CR2)
}

// TestLongModeDelivery: alignment of RSP, IST, the null SS, the frame (SDM volume 3A, 6.14).
func TestLongModeDelivery(t *testing.T) {
	r := newSysRig(t, 64)
	r.gate64(0x40, selCode0, rigTarget, gInt32|dDPL3, 0)
	r.RFLAGS |= FlagIF
	r.start("cd40")
	r.GPR[RSP] = rigStack - 3
	r.Run(r.ICount + 1)
	require.EqualValues(t, (rigStack-3)&^15-40, r.GPR[RSP])
	require.Equal(t, []uint64{rigCode + 2, selCode0, Flag1 | FlagIF, rigStack - 3, selData0}, r.stack64(5))
	require.EqualValues(t, selData0, r.Seg[SS].Sel, "SS stays in the same ring")

	r = newSysRig(t, 64)
	r.gate64(0x40, selCode0, rigTarget, gTrap32|dDPL3, 0)
	r.ring(3)
	r.start("cd40")
	r.Run(r.ICount + 1)
	require.EqualValues(t, rigStack0-40, r.GPR[RSP])
	require.Equal(t, []uint64{rigCode + 2, selCode3, Flag1, rigStack3, selData3}, r.stack64(5))
	require.Zero(t, r.Seg[SS].Sel)
	require.Zero(t, r.cpl)
	copy(r.board.ram[rigTarget:], []byte{0x48, 0xcf}) // IRETQ
	r.code.Flush()
	r.Run(r.ICount + 1)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, rigStack3, r.GPR[RSP])
	require.EqualValues(t, selData3, r.Seg[SS].Sel)

	// IST in the same ring, with an error code.
	r = newSysRig(t, 64)
	r.gate64(vecGP, selCode0, rigTarget, gInt32, 3)
	r.put(rigTSS+36+16, 0x7c008)
	r.start("48b80000000000008000 488b00") // MOV RAX,non-canonical; MOV RAX,[RAX]
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{vecGP, 0}}, r.events)
	require.EqualValues(t, 0x7c000-48, r.GPR[RSP])
	require.Equal(t, []uint64{0, rigCode + 10, selCode0, Flag1 | FlagRF, rigStack, selData0}, r.stack64(6))

	for _, c := range []struct {
		name   string
		set    func(r *sysRig)
		vector uint8
		code   uint32
	}{
		{"task gate", func(r *sysRig) { r.gate64(0x40, selTSS, 0, gTask, 0) }, vecGP, 0x40<<3 | 2},
		{"16-bit gate", func(r *sysRig) { r.gate64(0x40, selCode0, rigTarget, gInt16, 0) }, vecGP, 0x40<<3 | 2},
		{"compatibility segment", func(r *sysRig) {
			r.desc(selFree, segDesc(0, 0xfffff, dCode|flat))
			r.gate64(0x40, selFree, 1, gInt32, 0)
		}, vecGP, selFree},
		{"non-canonical handler", func(r *sysRig) { r.gate64(0x40, selCode0, 1<<47, gInt32, 0) }, vecGP, 0},
		{"non-canonical IST", func(r *sysRig) { r.gate64(0x40, selCode0, rigTarget, gInt32, 1); r.put(rigTSS+36, 1<<60) }, vecSS, 0},
	} {
		r := newSysRig(t, 64)
		c.set(r)
		r.start("cd40")
		r.Run(r.ICount + 1)
		require.Equal(t, event{c.vector, c.code}, r.events[len(r.events)-1], c.name)
	}
	// NT in long mode.
	r = newSysRig(t, 64)
	r.RFLAGS |= FlagNT
	r.faults("IRET with NT", "48cf", vecGP, 0)
	// IRETQ always pops SS:RSP; a null SS is fine in ring 0.
	r = newSysRig(t, 64)
	r.start("6a00 6800000700 9c 6a08 6800500000 48cf")
	r.Run(r.ICount + 6)
	require.Empty(t, r.events)
	require.EqualValues(t, 0x70000, r.GPR[RSP])
	require.Zero(t, r.Seg[SS].Sel)
}

// gate64 sets a 64-bit IDT entry.
func (r *sysRig) gate64(vector int, sel uint16, off uint64, attr, ist int) {
	at := uint64(rigIDT + 16*vector)
	r.put(at, gateDesc(sel, uint32(off), attr, ist))
	r.put(at+8, off>>32)
}

// v86 enters virtual-8086 mode with IRETD at CS:IP 0100:0000 and runs code there.
func (r *sysRig) v86(code []byte, flags uint32) {
	copy(r.board.ram[0x1000:], code)
	r.start("cf")
	r.GPR[RSP] = 0x9000
	for i, v := range []uint32{0, 0x100, flags | FlagVM | Flag1, 0x800, 0x200, 0x300, 0x400, 0x500, 0x600} { // IP CS FL SP SS ES DS FS GS
		binary.LittleEndian.PutUint32(r.board.ram[0x9000+4*i:], v)
	}
	r.Run(r.ICount + 1)
}

// TestVirtual8086: entry and exit, and the instructions sensitive to IOPL (SDM
// volume 3B, chapter 21).
func TestVirtual8086(t *testing.T) {
	const iopl3 = FlagIOPL
	r := newSysRig(t, 32)
	r.v86([]byte{0xa1, 0x10, 0x00, 0xcd, 0x40}, iopl3|FlagIF)
	r.put(0x4010, 0xbeef)
	require.EqualValues(t, 3, r.cpl)
	require.EqualValues(t, 16, r.mode)
	require.EqualValues(t, 0x1000, r.Seg[CS].Base)
	require.EqualValues(t, 0x4000, r.Seg[DS].Base)
	require.EqualValues(t, 0xffff, r.Seg[GS].Limit)
	r.gate(0x40, gateDesc(selCode0, rigTarget, gInt32|dDPL3, 0))
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{0x40, 0}}, r.events)
	require.EqualValues(t, 0xbeef, r.GPR[RAX]&0xffff)
	require.EqualValues(t, rigStack0-36, r.GPR[RSP])
	require.Equal(t, []uint32{5, 0x100, FlagVM | iopl3 | FlagIF | Flag1, 0x800, 0x200, 0x300, 0x400, 0x500, 0x600}, r.stack(9))
	for _, i := range []int{ES, DS, FS, GS} {
		require.Equal(t, Segment{}, r.Seg[i])
	}
	require.Zero(t, r.RFLAGS&FlagVM)
	copy(r.board.ram[rigTarget:], []byte{0xcf})
	r.code.Flush()
	r.Run(r.ICount + 1)
	require.NotZero(t, r.RFLAGS&FlagVM)
	require.EqualValues(t, 0x800, r.GPR[RSP])
	require.EqualValues(t, 0x600, r.Seg[GS].Sel)

	gp := []event{{vecGP, 0}}
	for _, c := range []struct {
		name   string
		code   []byte
		flags  uint32
		cr4    uint64
		events []event
	}{
		{"CLI, IOPL 0", []byte{0xfa}, 0, 0, gp},
		{"CLI, IOPL 3", []byte{0xfa}, iopl3, 0, nil},
		{"CLI with VME", []byte{0xfa}, 0, CR4VME, nil},
		{"STI with VME", []byte{0xfb}, 0, CR4VME, nil},
		{"STI with VME and VIP", []byte{0xfb}, FlagVIP, CR4VME, gp},
		{"PUSHF, IOPL 0", []byte{0x9c}, 0, 0, gp},
		{"PUSHFD with VME", []byte{0x66, 0x9c}, 0, CR4VME, gp},
		{"POPF, IOPL 0", []byte{0x9d}, 0, 0, gp},
		{"IRET, IOPL 0", []byte{0xcf}, 0, 0, gp},
		{"INT n, IOPL 0", []byte{0xcd, 0x40}, 0, 0, gp},
		{"INT3 needs no IOPL", []byte{0xcc}, 0, 0, []event{{vecBP, 0}}},
		{"HLT", []byte{0xf4}, iopl3, 0, gp},
		{"IN without permission", []byte{0xec}, iopl3, 0, gp},
		{"LLDT does not exist", []byte{0x0f, 0x00, 0xd0}, iopl3, 0, []event{{vecUD, 0}}},
		{"MOV CR", []byte{0x0f, 0x20, 0xc0}, iopl3, 0, gp},
		{"handler of ring 3", []byte{0xcd, 0x41}, iopl3, 0, []event{{0x41, 0}, {vecGP, selCode3 &^ 3}}},
		{"conforming handler", []byte{0xcd, 0x42}, iopl3, 0, []event{{0x42, 0}, {vecGP, selConform}}},
		{"word at FFFF", []byte{0xa1, 0xff, 0xff}, 0, 0, gp},
		{"stack word at FFFF", []byte{0x36, 0xa1, 0xff, 0xff}, 0, 0, []event{{vecSS, 0}}},
	} {
		r := newSysRig(t, 32)
		r.gate(3, gateDesc(selCode0, rigHandler, gInt32|dDPL3, 0))
		r.gate(0x41, gateDesc(selCode3, rigHandler, gInt32|dDPL3, 0))
		r.gate(0x42, gateDesc(selConform, rigHandler, gInt32|dDPL3, 0))
		r.CR4 |= c.cr4
		r.v86(c.code, c.flags)
		r.Run(r.ICount + 1)
		require.Equal(t, c.events, r.events, c.name)
	}
}

// TestVME: the virtual interrupt flag (SDM volume 3B, 21.3 and 21.4).
func TestVME(t *testing.T) {
	// PUSHF shows VIF as IF and IOPL 3; POPF writes VIF.
	r := newSysRig(t, 32)
	r.CR4 |= CR4VME
	r.v86([]byte{0x9c, 0x58, 0x68, 0x02, 0x00, 0x9d, 0x9c, 0x5b}, FlagVIF) // PUSHF; POP AX; PUSH 2; POPF; PUSHF; POP BX
	r.Run(r.ICount + 6)
	require.Empty(t, r.events)
	require.EqualValues(t, Flag1|FlagIF|FlagIOPL, r.GPR[RAX]&0xffff)
	require.EqualValues(t, Flag1|FlagIOPL, r.GPR[RBX]&0xffff)
	require.Zero(t, r.RFLAGS&(FlagVIF|FlagIOPL))

	// INT n with a clear bit in the redirection bitmap goes to the 8086 program,
	// with a set bit it is #GP below IOPL 3.
	for _, bit := range []byte{0, 1} {
		r = newSysRig(t, 32)
		r.CR4 |= CR4VME
		binary.LittleEndian.PutUint16(r.board.ram[rigTSS+0x66:], 0x88) // bitmap at 0x68
		clear(r.board.ram[rigTSS+0x68 : rigTSS+0x88])
		r.board.ram[rigTSS+0x68+8] = bit
		binary.LittleEndian.PutUint32(r.board.ram[4*0x40:], 0x123<<16|0x45)
		r.v86([]byte{0xcd, 0x40}, FlagVIF)
		r.Run(r.ICount + 1)
		if bit != 0 {
			require.Equal(t, []event{{vecGP, 0}}, r.events)
			continue
		}
		require.Empty(t, r.events)
		require.EqualValues(t, 0x123, r.Seg[CS].Sel)
		require.EqualValues(t, 0x45, r.RIP)
		require.Zero(t, r.RFLAGS&FlagVIF)
		require.EqualValues(t, 0x800-6, r.GPR[RSP])
		require.Equal(t, uint64(2|0x100<<16|(Flag1|FlagIF|FlagIOPL)<<32), r.get(0x2000+0x7fa)&0xffffffffffff)
	}

	// PVI: CLI and STI in ring 3.
	r = newSysRig(t, 32)
	r.ring(3)
	r.CR4 |= CR4PVI
	r.start("fb fa fb")
	r.Run(r.ICount + 1)
	require.NotZero(t, r.RFLAGS&FlagVIF)
	r.Run(r.ICount + 1)
	require.Zero(t, r.RFLAGS&FlagVIF)
	r.RFLAGS |= FlagVIP
	r.Run(r.ICount + 1)
	require.Equal(t, []event{{vecGP, 0}}, r.events)
}
