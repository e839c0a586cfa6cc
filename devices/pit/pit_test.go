package pit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type board struct {
	*PIT
	t     *testing.T
	b     *bus.Bus
	clk   *clock.Clock
	count uint64 // instructions of 1 ns
	rises []uint64
	level bool
}

func newBoard(t *testing.T) *board {
	x := &board{t: t, b: bus.New()}
	x.clk = clock.New(func() uint64 { return x.count }, 1000)
	x.PIT = New("pit", x.clk, func(l bool) {
		if l && !x.level {
			x.rises = append(x.rises, x.clk.Ticks(Hz))
		}
		x.level = l
	})
	require.NoError(t, x.Map(x.b))
	return x
}

// to runs to the first nanosecond of tick n.
func (x *board) to(n uint64) {
	end := clock.TicksToNS(n, Hz)
	for x.clk.Next() <= end {
		x.count = max(x.count, x.clk.Next())
		x.clk.RunDue()
	}
	x.count = max(x.count, end)
}

func (x *board) out(off uint16, vs ...uint8) {
	for _, v := range vs {
		x.b.Out(Port+off, 1, uint32(v))
	}
}

func (x *board) read(off uint16) uint8 { return uint8(x.b.In(Port+off, 1)) }

func (x *board) read16(off uint16) uint16 { return uint16(x.read(off)) | uint16(x.read(off))<<8 }

func TestMode0(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x30)
	x.out(0, 10, 0)
	require.False(t, x.level)
	x.to(1)
	require.EqualValues(t, 10, x.read16(0))
	x.to(4)
	require.EqualValues(t, 7, x.read16(0))
	x.to(10)
	require.Empty(t, x.rises)
	x.to(11)
	require.Equal(t, []uint64{11}, x.rises, "N+1 clocks after the write")
	x.to(12)
	require.EqualValues(t, 0xffff, x.read16(0), "counting goes on")
	x.out(0, 5)
	require.False(t, x.level, "the first byte of a count lowers OUT")
	require.EqualValues(t, 0xffff, x.read16(0), "and stops counting")
}

func TestMode2DoesNotDrift(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x34)
	x.out(0, 0x9c, 0x2e) // 11932
	require.True(t, x.level)
	x.to(11932*1000 + 1)
	require.Len(t, x.rises, 1001) // the first one is the control word's
	for i, r := range x.rises[1:] {
		require.EqualValues(t, 1+11932*(i+1), r)
	}
}

func TestMode2NewCountWaits(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x34)
	x.out(0, 100, 0)
	x.to(51)
	x.out(0, 40, 0)
	x.out(3, 0xe2) // status
	require.EqualValues(t, 0xf4, x.read(0), "null count until the period ends")
	require.EqualValues(t, 50, x.read16(0))
	x.to(101)
	require.EqualValues(t, 40, x.read16(0))
	x.to(300)
	require.Equal(t, []uint64{101, 141, 181, 221, 261}, x.rises[1:])
}

func TestMode2OutputAndGate(t *testing.T) {
	x := newBoard(t)
	x.SetGate2(true)
	x.out(3, 0xb4)
	x.out(2, 4, 0)
	for i, want := range []bool{true, true, true, true, false, true, true, true, false} {
		x.to(uint64(i))
		require.Equal(t, want, x.Out2(), "tick %d", i)
	}
	x.SetGate2(false)
	require.True(t, x.Out2())
	x.to(20)
	x.SetGate2(true)
	x.to(21)
	require.EqualValues(t, 4, x.read16(2), "a rising gate reloads")
	x.to(24)
	require.False(t, x.Out2())
}

func TestMode3(t *testing.T) {
	for _, tt := range []struct {
		n, high uint64
		counts  []uint16
	}{
		{6, 3, []uint16{6, 4, 2, 6, 4, 2}},
		{5, 3, []uint16{4, 2, 0, 4, 2}},
	} {
		x := newBoard(t)
		x.SetGate2(true)
		x.out(3, 0xb6)
		x.out(2, uint8(tt.n), 0)
		for d := uint64(0); d < 3*tt.n; d++ {
			x.to(d + 1)
			require.Equal(t, tt.counts[d%tt.n], x.read16(2), "count %d clock %d", tt.n, d)
			require.Equal(t, d%tt.n < tt.high, x.Out2())
		}
	}
	x := newBoard(t)
	x.out(3, 0x36)
	x.out(0, 100, 0)
	x.to(20)
	x.out(0, 40, 0) // takes effect with the low half that begins at 51
	x.to(160)
	require.Equal(t, []uint64{71, 111, 151}, x.rises[1:])
}

func TestModes1And5AreTriggeredByGate(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0xb2)
	x.out(2, 10, 0)
	x.to(50)
	require.True(t, x.Out2())
	x.SetGate2(true)
	x.to(51)
	require.False(t, x.Out2())
	x.to(56)
	x.SetGate2(false)
	require.False(t, x.Out2(), "the gate's level does not matter")
	x.SetGate2(true) // retrigger
	x.to(66)
	require.False(t, x.Out2())
	x.to(67)
	require.True(t, x.Out2())

	x.SetGate2(false)
	x.out(3, 0xba)
	x.out(2, 3, 0)
	x.SetGate2(true)
	for i, want := range []bool{true, true, true, true, false, true} {
		x.to(67 + uint64(i))
		require.Equal(t, want, x.Out2(), "clock %d", i)
	}
}

func TestMode4Strobe(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x18)
	x.out(0, 20)
	x.to(500)
	require.Equal(t, []uint64{22}, x.rises[1:], "once, at the end of the strobe")
}

func TestGatePausesMode0(t *testing.T) {
	x := newBoard(t)
	x.SetGate2(true)
	x.out(3, 0xb0)
	x.out(2, 100, 0)
	x.to(31)
	x.SetGate2(false)
	x.to(1000)
	require.EqualValues(t, 70, x.read16(2))
	require.False(t, x.Out2())
	x.SetGate2(true)
	x.to(1070)
	require.True(t, x.Out2())
}

func TestLatchReadBackAndAccessModes(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x34)
	x.out(0, 0, 0) // 65536
	x.to(1)
	require.EqualValues(t, 0, x.read16(0))
	x.to(2)
	x.out(3, 0x00)
	x.to(1000)
	x.out(3, 0x00) // ignored, not read yet
	require.EqualValues(t, 0xffff, x.read16(0))
	require.EqualValues(t, uint16(65536-999), x.read16(0))
	x.out(3, 0xc2) // status and count of counter 0
	x.to(2000)
	require.EqualValues(t, 0xb4, x.read(0), "status first")
	require.EqualValues(t, uint16(65536-999), x.read16(0))

	x.out(3, 0x24) // MSB only
	x.out(0, 0x12)
	x.to(2001)
	require.EqualValues(t, 0x12, x.read(0))
	require.EqualValues(t, 0xff, x.read(3))
}

func TestBCD(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x31)
	x.out(0, 0x00, 0x10) // 1000
	x.to(2)
	require.EqualValues(t, 0x0999, x.read16(0))
	x.to(1002)
	require.EqualValues(t, 0x9999, x.read16(0))
	require.Len(t, x.rises, 1)
	x.out(0, 0, 0)
	x.to(1004)
	require.EqualValues(t, 0x9999, x.read16(0), "0 is 10000")
}

func TestShortPeriodsAreBounded(t *testing.T) {
	for _, mode := range []uint8{0x14, 0x16} {
		for n := uint8(1); n < 2*minPeriod; n++ {
			x := newBoard(t)
			x.out(3, mode)
			x.out(0, n)
			x.to(10000)
			require.LessOrEqual(t, len(x.rises), 10000/minPeriod+2, "count %d", n)
			require.NotEmpty(t, x.rises[1:])
		}
	}
}

// TestModes6And7AreAliases: of modes 2 and 3, but the status tells what was written.
func TestModes6And7AreAliases(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x3e)
	x.out(3, 0xe2)
	require.EqualValues(t, 0xfe, x.read(0))
	x.out(0, 100, 0)
	x.to(30)
	x.out(3, 0x00)
	require.Zero(t, x.read(0)&1, "mode 3 counts by twos")
	x.read(0)
}

// TestNullCount: it goes with the second byte, and comes back when the count is loaded.
func TestNullCount(t *testing.T) {
	null := func(x *board) bool {
		x.out(3, 0xe2)
		return x.read(0)&0x40 != 0
	}
	x := newBoard(t)
	x.out(3, 0x30) // mode 0, both bytes
	require.True(t, null(x))
	x.out(0, 100, 0)
	x.to(5)
	require.False(t, null(x))
	x.out(0, 50)
	require.False(t, null(x), "after the first byte")
	x.out(0, 0)
	require.True(t, null(x), "after the second")
	x.to(10)
	require.False(t, null(x))
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t)
	x.out(3, 0x34)
	x.out(0, 100, 0)
	x.to(250)
	var w, cw snap.Writer
	x.Save(&w)
	x.clk.Save(&cw)
	y := newBoard(t)
	y.count = x.count
	require.NoError(t, y.clk.Load(snap.NewReader(cw.Bytes())))
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, x.Info(), y.Info())
	y.level = true
	y.to(450)
	require.Equal(t, []uint64{301, 401}, y.rises)
	require.Error(t, y.Load(snap.NewReader(nil)))
	y.Reset(devices.Hard)
	require.False(t, y.level)
	require.False(t, y.timer.Armed())
}
