package pic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/irq"
	"g86/devices/snap"
)

type board struct {
	*PIC
	b    *bus.Bus
	intr bool
	in   [16]irq.Line
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New()}
	x.PIC = New("pic", func(l bool) { x.intr = l })
	require.NoError(t, x.Map(x.b))
	for i := range x.in {
		x.in[i] = x.Input(i)
	}
	return x
}

func (x *board) out(port uint16, vs ...uint8) {
	for _, v := range vs {
		x.b.Out(port, 1, uint32(v))
	}
}

func (x *board) read(port uint16) uint8 { return uint8(x.b.In(port, 1)) }

// init programs the pair as a PC BIOS does.
func (x *board) init(icw1, icw4 uint8) {
	x.out(0x20, icw1)
	x.out(0x21, 0x08, 0x04, icw4)
	x.out(0xa0, icw1)
	x.out(0xa1, 0x70, 0x02, icw4&0x0f)
	x.out(0x21, 0)
	x.out(0xa1, 0)
}

func TestUninitialisedRequestsNothing(t *testing.T) {
	x := newBoard(t)
	x.in[1].Raise()
	require.False(t, x.intr)
	x.init(0x11, 1)
	require.False(t, x.intr, "ICW1 resets the edge sense: a new rise is needed")
	x.in[1].Lower()
	x.in[1].Raise()
	require.True(t, x.intr)
}

func TestPriorityNestingAndEOI(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.in[4].Raise()
	x.in[3].Raise()
	require.Equal(t, 0x0b, x.Ack())
	require.False(t, x.intr, "4 is below 3 in service")
	x.in[1].Raise()
	require.True(t, x.intr)
	require.Equal(t, 0x09, x.Ack())
	x.out(0x20, 0x0b)
	require.EqualValues(t, 0x0a, x.read(0x20), "ISR")
	x.out(0x20, 0x0a)
	require.EqualValues(t, 0x10, x.read(0x20), "IRR")
	x.out(0x20, 0x20)
	require.False(t, x.intr)
	x.out(0x20, 0x63) // specific EOI 3
	require.True(t, x.intr)
	require.Equal(t, 0x0c, x.Ack())
}

func TestSlaveAndMask(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.out(0xa1, 0x10)
	x.in[12].Raise()
	require.False(t, x.intr)
	x.out(0xa1, 0)
	require.True(t, x.intr)
	require.Equal(t, 0x74, x.Ack())
	x.in[13].Raise()
	require.False(t, x.intr)
	x.out(0xa0, 0x20)
	require.False(t, x.intr, "the master still has the cascade in service")
	x.out(0x20, 0x20)
	require.True(t, x.intr)
	require.Equal(t, 0x75, x.Ack())
	m, s := x.Snapshot()
	require.EqualValues(t, 1<<2, m.ISR)
	require.EqualValues(t, 1<<5, s.ISR)
}

func TestSpurious(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.in[3].Raise()
	x.in[3].Lower()
	require.False(t, x.intr)
	require.Equal(t, 0x0f, x.Ack())
	m, _ := x.Snapshot()
	require.Zero(t, m.ISR)

	// The slave's request vanishes between the master's and its own INTA.
	x.in[10].Raise()
	x.slave.Edges = 0
	require.Equal(t, 0x77, x.Ack())
	m, s := x.Snapshot()
	require.EqualValues(t, 1<<2, m.ISR, "the master's bit is set and must be ended")
	require.Zero(t, s.ISR)
}

func TestLevelTriggered(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.out(0x4d0, 0xff)
	x.out(0x4d1, 0xff)
	require.EqualValues(t, 0xf8, x.read(0x4d0), "IRQ 0-2 stay edge triggered")
	require.EqualValues(t, 0xde, x.read(0x4d1), "IRQ 8 and 13 stay edge triggered")
	x.in[11].Raise()
	require.Equal(t, 0x73, x.Ack())
	x.out(0xa0, 0x20)
	x.out(0x20, 0x20)
	require.True(t, x.intr, "a level still high requests again")
	x.in[11].Lower()
	require.False(t, x.intr)

	x.init(0x19, 1) // LTIM
	x.in[1].Raise()
	require.Equal(t, 0x09, x.Ack())
	x.out(0x20, 0x20)
	require.True(t, x.intr)
}

func TestAEOIAndRotation(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 3)
	x.in[3].Raise()
	require.Equal(t, 0x0b, x.Ack())
	m, _ := x.Snapshot()
	require.Zero(t, m.ISR)
	x.out(0x20, 0x80) // rotate in AEOI
	x.in[3].Lower()
	x.in[3].Raise()
	x.Ack()
	m, _ = x.Snapshot()
	require.EqualValues(t, 3, m.Lowest)
	x.out(0x20, 0x00)
	x.in[5].Raise()
	x.Ack()
	m, _ = x.Snapshot()
	require.EqualValues(t, 3, m.Lowest)
}

func TestRotateOnEOI(t *testing.T) {
	tests := []struct {
		name   string
		cmd    uint8
		lowest uint8
		isr    uint8
	}{
		{"non-specific", 0x20, 7, 0x20},
		{"rotate on non-specific", 0xa0, 3, 0x20},
		{"specific", 0x65, 7, 0x08},
		{"rotate on specific", 0xe5, 5, 0x08},
		{"set priority", 0xc4, 4, 0x28},
		{"no operation", 0x45, 7, 0x28},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newBoard(t)
			x.init(0x11, 1)
			x.in[5].Raise()
			x.Ack()
			x.in[3].Raise()
			x.Ack()
			x.out(0x20, tt.cmd)
			m, _ := x.Snapshot()
			require.Equal(t, tt.lowest, m.Lowest)
			require.Equal(t, tt.isr, m.ISR)
		})
	}
	x := newBoard(t)
	x.init(0x11, 1)
	x.out(0x20, 0xc3) // 4 is now the highest, 3 the lowest
	x.in[3].Raise()
	x.in[4].Raise()
	require.Equal(t, 0x0c, x.Ack())
}

func TestSpecialMaskMode(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.in[3].Raise()
	x.Ack()
	x.out(0x21, 0x08)
	x.in[6].Raise()
	require.False(t, x.intr)
	x.out(0x20, 0x68)
	require.True(t, x.intr)
	require.Equal(t, 0x0e, x.Ack())
	x.out(0x20, 0x20)
	m, _ := x.Snapshot()
	require.EqualValues(t, 0x08, m.ISR, "a masked level survives non-specific EOI")
	x.out(0x20, 0x20)
	m, _ = x.Snapshot()
	require.EqualValues(t, 0x08, m.ISR)
	x.out(0x20, 0x48) // leave special mask mode
	x.out(0x20, 0x20)
	m, _ = x.Snapshot()
	require.Zero(t, m.ISR)
}

func TestSpecialFullyNested(t *testing.T) {
	for _, icw4 := range []uint8{0x01, 0x11} {
		x := newBoard(t)
		x.init(0x11, icw4)
		x.in[14].Raise()
		require.Equal(t, 0x76, x.Ack())
		x.in[9].Raise()
		require.Equal(t, icw4 == 0x11, x.intr)
		if icw4 == 0x11 {
			require.Equal(t, 0x71, x.Ack())
		}
		x.in[5].Raise()
		require.False(t, x.intr, "a lower master input stays blocked")
	}
}

func TestPoll(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.out(0xa0, 0x0c)
	require.Zero(t, x.read(0xa0))
	x.in[13].Raise()
	x.out(0xa0, 0x0c)
	require.EqualValues(t, 0x85, x.read(0xa0))
	_, s := x.Snapshot()
	require.EqualValues(t, 1<<5, s.ISR)
	require.False(t, x.intr)
	require.Zero(t, x.read(0xa0), "the next read is IRR again")
}

func TestInitWithoutICW3AndICW4(t *testing.T) {
	x := newBoard(t)
	x.out(0x20, 0x12)
	x.out(0x21, 0x43)
	x.out(0x21, 0xfe) // already OCW1
	require.EqualValues(t, 0xfe, x.read(0x21))
	m, _ := x.Snapshot()
	require.True(t, m.Ready)
	require.EqualValues(t, 0x40, m.Base, "the low three bits of ICW2 come from the input")
}

func TestCascadeInputIsNotConnected(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.in[2].Raise()
	require.False(t, x.intr)
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t)
	x.init(0x11, 1)
	x.in[10].Raise()
	var w snap.Writer
	x.Save(&w)
	y := newBoard(t)
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.True(t, y.intr)
	require.Equal(t, x.Info(), y.Info())
	require.Equal(t, 0x72, y.Ack())
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:9])))
	y.Reset(devices.Hard)
	require.False(t, y.intr)
}
