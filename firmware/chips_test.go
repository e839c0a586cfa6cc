package firmware

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/pic"
	"g86/devices/pit"
	"g86/devices/ps2"
	"g86/devices/rtc"
)

// pc is a board with the real interrupt controllers, timer, clock chip and
// keyboard controller, whose interrupts reach the CPU.
type pc struct {
	*board
	clk   *clock.Clock
	count uint64
	pic   *pic.PIC
	ps2   *ps2.PS2
}

func newPC(t *testing.T, start time.Time) *pc {
	b := newBoard(t, Config{})
	p := &pc{board: b}
	p.clk = clock.New(func() uint64 { return p.count }, 1_000_000) // a microsecond an instruction
	p.pic = pic.New("pic", nil)
	require.NoError(t, p.pic.Map(b.bus))
	require.NoError(t, pit.New("pit", p.clk, p.pic.Input(0)).Map(b.bus))
	p.ps2 = ps2.New("ps2", p.clk, p.pic.Input(1), p.pic.Input(12), ps2.Hooks{})
	require.NoError(t, p.ps2.Map(b.bus))
	// Replace the frozen CMOS by the real chip.
	p.rtc(start, p.pic.Input(8))
	b.bios.hw.Now = p.clk.Now
	b.post()
	b.after = func(halted bool) {
		if halted && !p.pic.Pending() {
			require.NotEqual(t, uint64(clock.Never), p.clk.Next(), "halted for ever")
			p.clk.Advance(p.clk.Next() - min(p.clk.Next(), p.clk.Now()))
		}
		p.count++
		p.clk.RunDue()
		if b.flags&flagIF != 0 && p.pic.Pending() {
			b.interrupt(byte(p.pic.Ack()))
		}
	}
	return p
}

func (p *pc) rtc(start time.Time, line irq.Line) {
	p.cmosRange.Unmap()
	require.NoError(p.t, rtc.New("rtc", p.clk, line, start).Map(p.bus))
}

// pass lets the board run in a loop of NOPs for some guest time.
func (p *pc) pass(ns uint64) {
	end := p.clk.Now() + ns
	p.s[sCS], p.ip = testCS, testIP
	p.s[sSS], p.r[rSP] = 0x3000, 0x1000
	p.flags = flagIF | 2
	copy(p.ram[testCS<<4+testIP:], []byte{0x90, 0xeb, 0xfd})
	for p.clk.Now() < end || p.s[sCS] != testCS {
		p.step()
	}
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestTicksRunAndStartFromTheClock(t *testing.T) {
	p := newPC(t, noon)
	require.InDelta(t, 12*3600*18.2065, float64(p.u32(0x46c)), 2)
	before := p.u32(0x46c)
	p.pass(1_000_000_000)
	require.InDelta(t, 18, float64(p.u32(0x46c)-before), 1)
	p.regs(0x0200, 0, 0, 0)
	p.call(0x1a)
	require.EqualValues(t, 0x1200, uint16(p.r[rCX]))
	require.EqualValues(t, 0x0100, uint16(p.r[rDX]))
}

func TestKeyPressedWhileWaiting(t *testing.T) {
	p := newPC(t, noon)
	require.True(t, p.ps2.TypeRune('Q'))
	p.regs(0, 0, 0, 0)
	p.call(0x16)
	require.EqualValues(t, 0x1051, uint16(p.r[rAX]))
}

func TestLongDelaySleeps(t *testing.T) {
	p := newPC(t, noon)
	before := p.clk.Now()
	p.regs(0x8600, 0, 0x000f, 0x4240) // 1,000,000 microseconds
	p.call(0x15)
	require.False(t, p.carry())
	require.InDelta(t, 1e9, float64(p.clk.Now()-before), 1e5)
	require.Greater(t, p.halts, 10)
}

func TestEventWaitSetsTheFlag(t *testing.T) {
	p := newPC(t, noon)
	p.s[sES] = 0x4000
	p.regs(0x8300, 0x10, 0, 20_000)
	p.call(0x15)
	require.False(t, p.carry())
	p.pass(10_000_000)
	require.Zero(t, p.ram[0x40010])
	p.pass(20_000_000)
	require.EqualValues(t, 0x80, p.ram[0x40010])
	require.Zero(t, p.ram[0x4a0])
}

func TestAlarmCallsINT4A(t *testing.T) {
	p := newPC(t, noon)
	copy(p.ram[0x50000:], []byte{0x90, 0xcf}) // NOP; IRET: the handler, seen by its count below
	p.ram[0x4a*4], p.ram[0x4a*4+1], p.ram[0x4a*4+2], p.ram[0x4a*4+3] = 0, 0, 0, 0x50
	p.regs(0x0600, 0, 0x1200, 0x0200)
	p.call(0x1a)
	require.False(t, p.carry())
	hits := 0
	after := p.after
	p.after = func(halted bool) {
		if p.s[sCS] == 0x5000 && p.ip == 1 {
			hits++
		}
		after(halted)
	}
	p.pass(3_000_000_000)
	require.Equal(t, 1, hits)
}

func TestMouse(t *testing.T) {
	p := newPC(t, noon)
	mouse := func(al, bx uint16) {
		p.regs(0xc200|al, bx, 0, 0)
		p.call(0x15)
	}
	mouse(0x00, 0x0100)
	require.True(t, p.carry(), "no handler yet")
	require.EqualValues(t, 5, p.ah())
	mouse(0x05, 0x0300)
	require.False(t, p.carry(), "AH=%02x", p.ah())
	mouse(0x01, 0)
	require.False(t, p.carry())
	require.EqualValues(t, 0x00aa, uint16(p.r[rBX]))
	mouse(0x04, 0)
	require.EqualValues(t, 0, p.r[rBX]>>8&0xff)
	mouse(0x02, 0x0500)
	require.False(t, p.carry())
	mouse(0x03, 0x0200)
	require.False(t, p.carry())
	mouse(0x06, 0)
	require.EqualValues(t, 2, byte(p.r[rCX]), "resolution")
	require.EqualValues(t, 100, byte(p.r[rDX]), "sampling rate")

	// The handler is seen through what it finds on its stack.
	p.s[sES] = 0x5000
	mouse(0x07, 0)
	p.ram[0x50000] = 0xcb // RETF
	mouse(0x00, 0x0100)
	require.False(t, p.carry())
	var got [][4]uint16
	after := p.after
	p.after = func(halted bool) {
		if p.s[sCS] == 0x5000 {
			sp := int(p.s[sSS])<<4 + int(uint16(p.r[rSP])) + 4
			got = append(got, [4]uint16{p.u16(sp + 6), p.u16(sp + 4), p.u16(sp + 2), p.u16(sp)})
		}
		after(halted)
	}
	require.True(t, p.ps2.MouseEvent(10, -3, 0, 1))
	p.pass(50_000_000)
	require.NotEmpty(t, got)
	require.EqualValues(t, 10, got[0][1])
	require.EqualValues(t, 0, got[0][3])
	require.EqualValues(t, 0x09, got[0][0]&0x0f, "left button")
	require.NotZero(t, got[0][2])
	require.True(t, p.ps2.TypeRune('k'), "the keyboard works on")
	p.pass(50_000_000)
	p.regs(0, 0, 0, 0)
	p.call(0x16)
	require.EqualValues(t, 'k', byte(p.r[rAX]))
}

func TestUnexpectedInterruptIsEndedAndMasked(t *testing.T) {
	p := newPC(t, noon)
	p.bus.Out(0x21, 1, p.bus.In(0x21, 1)&^0x20)
	p.pic.Input(5).Raise()
	p.pass(1_000_000)
	require.NotZero(t, p.bus.In(0x21, 1)&0x20)
	before := p.u32(0x46c)
	p.pass(200_000_000)
	require.Greater(t, p.u32(0x46c), before, "lower priorities are served again")
}
