package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// otherTask makes a second task, selector selOther, that starts at rigTarget in
// ring 0 with recognisable registers.
func (r *sysRig) otherTask(wide bool) {
	ram := r.board.ram[rigOther:]
	clear(ram[:0x70])
	attr, limit := dTSS32, uint32(0x67)
	gpr := []uint32{0xa0a0, 0xc1c1, 0xd2d2, 0xb3b3, 0x7000, 0x5050, 0x5151, 0xd1d1}
	sel := []uint16{selData0, selCode0, selData0, selData0, 0, 0} // ES CS SS DS FS GS
	if wide {
		put := func(at int, v uint32) { binary.LittleEndian.PutUint32(ram[at:], v) }
		put(28, uint32(r.CR3))
		put(32, rigTarget)
		put(36, Flag1|FlagCF)
		for i, v := range gpr {
			put(40+4*i, v)
		}
		for i, v := range sel {
			put(72+4*i, uint32(v))
		}
	} else {
		attr, limit = dTSS16, 0x2b
		put := func(at int, v uint16) { binary.LittleEndian.PutUint16(ram[at:], v) }
		put(14, rigTarget)
		put(16, Flag1|FlagCF)
		for i, v := range gpr {
			put(18+2*i, uint16(v))
		}
		for i, v := range sel[:4] {
			put(34+2*i, v)
		}
	}
	r.desc(selOther, segDesc(rigOther, limit, attr))
}

func (r *sysRig) busy(sel uint16) bool { return r.get(rigGDT+uint64(sel))>>41&1 != 0 }

func (r *sysRig) u16(pa int) uint16 { return binary.LittleEndian.Uint16(r.board.ram[pa:]) }

// TestTaskSwitch: JMP, CALL and INT to a task, directly and through a gate, and
// the way back (SDM volume 3A, 7.3).
func TestTaskSwitch(t *testing.T) {
	for _, wide := range []bool{true, false} {
		for _, c := range []struct {
			name string
			code string
			size uint32
			nest bool
		}{
			{"JMP", "ea00000000" + le16(selOther), 7, false},
			{"CALL", "9a00000000" + le16(selOther), 7, true},
			{"JMP gate", "ea00000000" + le16(selFree), 7, false},
			{"CALL gate", "9a00000000" + le16(selFree), 7, true},
			{"INT", "cd40", 2, true},
		} {
			r := newSysRig(t, 32)
			r.otherTask(wide)
			r.desc(selFree, gateDesc(selOther, 0, gTask, 0))
			r.gate(0x40, gateDesc(selOther, 0, gTask|dDPL3, 0))
			copy(r.board.ram[rigTarget:], []byte{0x40, 0xcf, 0xf4}) // INC EAX; IRET
			r.start(c.code + "f4")
			r.GPR[RBX] = 0x12345678
			r.RFLAGS = Flag1 | FlagZF | FlagNT
			r.Refresh()
			count := r.ICount
			r.Run(r.ICount + 1)
			require.Equal(t, count+1, r.ICount, "%s: one instruction", c.name)
			r.Pull()
			require.EqualValues(t, rigTarget, r.RIP, c.name)
			require.EqualValues(t, selOther, r.Seg[TR].Sel, c.name)
			require.NotZero(t, r.CR0&CR0TS, c.name)
			require.EqualValues(t, 0xb3b3, r.GPR[RBX]&0xffff, c.name)
			require.EqualValues(t, 0x7000, r.GPR[RSP]&0xffff, c.name)
			require.NotZero(t, r.RFLAGS&FlagCF, c.name)
			require.Equal(t, c.nest, r.RFLAGS&FlagNT != 0, c.name)
			require.True(t, r.busy(selOther), c.name)
			require.Equal(t, c.nest, r.busy(selTSS), c.name)
			require.Equal(t, uint32(rigCode+c.size), r.word(rigTSS+32), "%s: saved EIP", c.name)
			require.EqualValues(t, Flag1|FlagZF|FlagNT, r.word(rigTSS+36), c.name)
			require.EqualValues(t, 0x12345678, r.word(rigTSS+40+12), c.name)
			require.EqualValues(t, selCode0, r.u16(rigTSS+76), c.name)
			if !c.nest {
				continue
			}
			require.EqualValues(t, selTSS, r.u16(rigOther), "%s: back link", c.name)
			r.Run(r.ICount + 2)
			r.Pull()
			require.EqualValues(t, rigCode+c.size, r.RIP, c.name)
			require.EqualValues(t, selTSS, r.Seg[TR].Sel, c.name)
			require.EqualValues(t, 0x12345678, r.GPR[RBX], c.name)
			require.False(t, r.busy(selOther), c.name)
			require.True(t, r.busy(selTSS), c.name)
			eip, flags, ax := r.u16(rigOther+14), r.u16(rigOther+16), r.u16(rigOther+18)
			if wide {
				eip, flags, ax = r.u16(rigOther+32), r.u16(rigOther+36), r.u16(rigOther+40)
			}
			require.EqualValues(t, rigTarget+2, eip, c.name)
			require.Zero(t, flags&FlagNT, "%s: IRET clears NT in the task it leaves", c.name)
			require.EqualValues(t, 0xa0a1, ax, c.name)
		}
	}
}

// TestTaskFaults: what is checked before and after the commit point.
func TestTaskFaults(t *testing.T) {
	set16 := func(at int, v uint16) func(r *sysRig) {
		return func(r *sysRig) { binary.LittleEndian.PutUint16(r.board.ram[rigOther+at:], v) }
	}
	for _, c := range []struct {
		name   string
		set    func(r *sysRig)
		vector uint8
		code   uint32
		inside bool // raised in the new task
	}{
		{"busy", func(r *sysRig) { r.desc(selOther, segDesc(rigOther, 0x67, dTSS32|2)) }, vecGP, selOther, false},
		{"not present", func(r *sysRig) { r.desc(selOther, segDesc(rigOther, 0x67, dTSS32+dNP)) }, vecNP, selOther, false},
		{"too small", func(r *sysRig) { r.desc(selOther, segDesc(rigOther, 0x66, dTSS32)) }, vecTS, selOther, false},
		{"SS null", set16(80, 0), vecTS, 0, true},
		{"SS of ring 3", set16(80, selData3), vecTS, selData3 &^ 3, true},
		{"SS not present", func(r *sysRig) { set16(80, selFree)(r); r.desc(selFree, segDesc(0, 0xfffff, (dData|flat)+dNP)) }, vecSS, selFree, true},
		{"CS null", set16(76, 0), vecTS, 0, true},
		{"CS data", set16(76, selData0), vecTS, selData0, true},
		{"CS not present", func(r *sysRig) { set16(76, selFree)(r); r.desc(selFree, segDesc(0, 0xfffff, (dCode|flat)+dNP)) }, vecNP, selFree, true},
		{"DS execute-only", func(r *sysRig) { set16(84, selFree)(r); r.desc(selFree, segDesc(0, 0xfffff, dXOnly|flat)) }, vecTS, selFree, true},
		{"FS not present", func(r *sysRig) { set16(88, selFree)(r); r.desc(selFree, segDesc(0, 0xfffff, (dData|flat)+dNP)) }, vecNP, selFree, true},
		{"LDT is no LDT", set16(96, selData0), vecTS, selData0, true},
		{"LDT in the LDT", set16(96, 4|8), vecTS, 12, true},
		{"EIP beyond CS", func(r *sysRig) { set16(76, selFree)(r); r.desc(selFree, segDesc(0, 0xff, dCode|dBig)) }, vecGP, 0, true},
	} {
		r := newSysRig(t, 32)
		r.otherTask(true)
		c.set(r)
		for _, v := range []int{vecTS, vecNP, vecSS, vecGP} { // handlers on their own flat stack, in a task of their own
			r.gate(v, gateDesc(selCode0, rigHandler, gInt32, 0))
		}
		r.start("90 ea00000000" + le16(selOther))
		count := r.ICount
		r.Run(r.ICount + 2)
		require.NotEmpty(t, r.events, c.name)
		require.Equal(t, event{c.vector, c.code}, r.events[0], c.name)
		require.Equal(t, c.inside, r.Seg[TR].Sel == selOther, c.name)
		require.LessOrEqual(t, r.ICount-count, uint64(3), c.name)
		if !c.inside {
			require.EqualValues(t, rigCode+1, r.word(r.GPR[RSP]+4), c.name)
			require.True(t, r.busy(selTSS), c.name)
		} else if c.vector != vecGP && r.Seg[SS].Attr&attrP != 0 && !r.Shutdown && r.RIP == rigHandler {
			require.EqualValues(t, rigTarget, r.word(r.GPR[RSP]+4), "%s: the new task's EIP", c.name)
		}
	}
	// IRET with NT and a back link that is not a busy TSS.
	r := newSysRig(t, 32)
	r.otherTask(true)
	r.RFLAGS |= FlagNT
	binary.LittleEndian.PutUint16(r.board.ram[rigTSS:], selOther)
	r.faults("available TSS", "cf", vecTS, selOther)
}

// TestTaskErrorCode: an exception through a task gate pushes its code on the new
// task's stack; a trap bit in the TSS raises #DB there.
func TestTaskErrorCode(t *testing.T) {
	r := newSysRig(t, 32)
	r.otherTask(true)
	r.gate(vecGP, gateDesc(selOther, 0, gTask, 0))
	r.start("b860000000 8ed8") // a null descriptor
	r.Run(r.ICount + 2)
	require.Equal(t, []event{{vecGP, 0x60}}, r.events)
	require.EqualValues(t, rigTarget, r.RIP)
	require.EqualValues(t, 0x7000-4, r.GPR[RSP])
	require.EqualValues(t, 0x60, r.word(r.GPR[RSP]))
	require.EqualValues(t, rigCode+5, r.word(rigTSS+32), "the faulting instruction")

	r = newSysRig(t, 32)
	r.otherTask(true)
	r.board.ram[rigOther+100] = 1
	require.Equal(t, []event{{vecDB, 0}}, r.run("ea00000000"+le16(selOther)))
	require.NotZero(t, r.DR[6]&dr6BT)
}
