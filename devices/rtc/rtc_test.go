package rtc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type board struct {
	*RTC
	b    *bus.Bus
	clk  *clock.Clock
	ns   uint64
	irq  bool
	rise int
}

func newBoard(t *testing.T, start string) *board {
	at, err := time.Parse(time.DateTime, start)
	require.NoError(t, err)
	x := &board{b: bus.New()}
	x.clk = clock.New(func() uint64 { return x.ns }, 1000)
	x.RTC = New("rtc", x.clk, func(l bool) {
		x.irq = l
		if l {
			x.rise++
		}
	}, at)
	require.NoError(t, x.Map(x.b))
	return x
}

func (x *board) to(ns uint64) {
	for x.clk.Next() <= ns {
		x.ns = max(x.ns, x.clk.Next())
		x.clk.RunDue()
	}
	x.ns = max(x.ns, ns)
}

func (x *board) get(i uint8) uint8 {
	x.b.Out(0x70, 1, uint32(i))
	return uint8(x.b.In(0x71, 1))
}

func (x *board) set(i, v uint8) {
	x.b.Out(0x70, 1, uint32(i))
	x.b.Out(0x71, 1, uint32(v))
}

func TestStartDateAndRollover(t *testing.T) {
	x := newBoard(t, "1999-12-31 23:59:58")
	regs := func() (l []uint8) {
		for _, i := range []uint8{Century, Year, Month, DayOfMonth, DayOfWeek, Hours, Minutes, Seconds} {
			l = append(l, x.get(i))
		}
		return l
	}
	require.Equal(t, []uint8{0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58}, regs())
	x.to(2 * clock.Second)
	require.Equal(t, []uint8{0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00}, regs())
	x.to(86402 * clock.Second)
	require.Equal(t, []uint8{0x20, 0x00, 0x01, 0x02, 1, 0x00, 0x00, 0x00}, regs())
}

func TestHourFormats(t *testing.T) {
	for _, tt := range []struct {
		mode  uint8
		start string
		want  uint8
	}{
		{b24, "2024-02-28 21:00:00", 0x21},
		{b24 | bDM, "2024-02-28 21:00:00", 21},
		{0, "2024-02-28 21:00:00", 0x89},
		{bDM, "2024-02-28 22:00:00", 0x8a},
		{0, "2024-02-28 00:00:00", 0x12},
		{0, "2024-02-28 12:00:00", 0x92},
		{0, "2024-02-28 11:00:00", 0x11},
	} {
		x := newBoard(t, tt.start)
		at := x.Time()
		x.set(RegB, tt.mode)
		x.setTime(at)
		require.Equal(t, tt.want, x.get(Hours))
		require.Equal(t, at, x.Time())
		x.to(86400 * clock.Second)
		require.Equal(t, tt.want, x.get(Hours))
		require.Equal(t, at.AddDate(0, 0, 1), x.Time(), "leap day")
	}
}

func TestUpdateInProgress(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	require.Zero(t, x.get(RegA)&aUIP)
	x.to(clock.Second - updateNS - 1)
	require.Zero(t, x.get(RegA)&aUIP)
	x.to(clock.Second - updateNS)
	require.NotZero(t, x.get(RegA)&aUIP)
	x.set(RegB, bSET|b24)
	require.Zero(t, x.get(RegA)&aUIP)
	x.to(3 * clock.Second)
	require.Zero(t, x.get(Seconds), "SET inhibits updates")
	x.set(Seconds, 0x30)
	x.set(RegB, b24)
	x.to(4 * clock.Second)
	require.EqualValues(t, 0x31, x.get(Seconds))
}

func TestDividerReset(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	x.set(RegA, 0x66)
	x.to(10*clock.Second + 1000)
	require.Zero(t, x.get(Seconds))
	x.set(RegA, 0x26)
	x.to(10*clock.Second + clock.Second/2)
	require.Zero(t, x.get(Seconds))
	x.to(10*clock.Second + clock.Second/2 + 1000)
	require.EqualValues(t, 1, x.get(Seconds))
}

func TestUpdateAndAlarmInterrupts(t *testing.T) {
	x := newBoard(t, "2024-01-01 10:00:00")
	x.set(RegB, b24|bUIE)
	x.to(clock.Second)
	require.True(t, x.irq)
	require.EqualValues(t, cIRQF|cUF, x.get(RegC)&^cPF)
	require.False(t, x.irq)
	require.Zero(t, x.get(RegC))

	x.set(RegB, b24|bAIE)
	x.set(SecondsAlarm, 0x05)
	x.set(MinutesAlarm, 0xff)
	x.set(HoursAlarm, 0xc0)
	x.to(4 * clock.Second)
	require.False(t, x.irq)
	x.to(5 * clock.Second)
	require.True(t, x.irq)
	require.EqualValues(t, cIRQF|cAF|cUF, x.get(RegC)&^cPF)
	x.set(HoursAlarm, 0x11)
	x.to(70 * clock.Second)
	require.False(t, x.irq)
}

func TestPeriodicInterrupt(t *testing.T) {
	for rs, hz := range map[uint8]int{1: 256, 2: 128, 3: 8192, 6: 1024, 13: 8, 15: 2} {
		x := newBoard(t, "2024-01-01 00:00:00")
		x.set(RegA, 0x20|rs)
		x.set(RegB, b24|bPIE)
		n := 0
		for ns := x.clk.Next(); ns <= clock.Second; ns = x.clk.Next() {
			x.to(ns)
			if x.get(RegC)&cPF != 0 {
				n++
			}
		}
		require.Equal(t, hz, n, "rate %d", rs)
		require.Equal(t, hz, x.rise)
	}
}

func TestPeriodicFlagCanBePolled(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	x.get(RegC)
	require.Zero(t, x.get(RegC))
	x.to(1_000_000)
	require.EqualValues(t, cPF, x.get(RegC), "without PIE there is no IRQF")
	require.Zero(t, x.get(RegC))
}

func TestSetClearsUIE(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	x.set(RegB, bSET|bUIE|b24)
	require.EqualValues(t, bSET|b24, x.get(RegB))
}

func TestMemoryNMIAndReset(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	var masks []bool
	x.OnNMIMask = func(m bool) { masks = append(masks, m) }
	x.SetCMOS(0x15, 0x80)
	x.SetCMOS(0x16, 0x02)
	x.UpdateChecksum()
	require.EqualValues(t, 0x82, x.get(0x2f))
	x.set(0x7f, 0x5a)
	x.b.Out(0x72, 1, 0x7f)
	x.b.Out(0x73, 1, 0xa5)
	require.EqualValues(t, 0x5a, x.get(0x7f))
	require.EqualValues(t, 0xa5, x.b.In(0x73, 1))
	require.EqualValues(t, 0xa5, x.CMOS(0xff))
	require.EqualValues(t, dVRT, x.get(RegD))
	x.b.Out(0x70, 1, 0x8f)
	require.True(t, x.NMIMasked())
	x.set(RegB, bPIE|bAIE|bUIE|bSQWE|b24)
	x.to(clock.Second)
	x.Reset(devices.Hard)
	require.False(t, x.irq)
	require.EqualValues(t, b24, x.get(RegB))
	require.EqualValues(t, 0x5a, x.get(0x7f))
	require.EqualValues(t, 1, x.get(Seconds))
	require.Equal(t, []bool{true, false}, masks, "the next index write without bit 7 unmasks")
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t, "2024-01-01 00:00:00")
	x.set(RegB, b24|bPIE)
	x.set(0x40, 7)
	x.to(clock.Second * 3 / 2)
	var w, cw snap.Writer
	x.Save(&w)
	x.clk.Save(&cw)
	y := newBoard(t, "1980-01-01 00:00:00")
	y.ns = x.ns
	require.NoError(t, y.clk.Load(snap.NewReader(cw.Bytes())))
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, x.state, y.state)
	require.Equal(t, x.periodic.Deadline(), y.periodic.Deadline())
	y.to(2 * clock.Second)
	require.EqualValues(t, 2, y.get(Seconds))
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:20])))
}
