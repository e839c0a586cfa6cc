package lpt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type board struct {
	*LPT
	b   *bus.Bus
	clk *clock.Clock
	ns  uint64
	irq bool
	out []byte
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New()}
	x.clk = clock.New(func() uint64 { return x.ns }, 1000)
	x.LPT = New("lpt1", x.clk, func(l bool) { x.irq = l }, func(c byte) { x.out = append(x.out, c) })
	require.NoError(t, x.Map(x.b, LPT1))
	return x
}

func (x *board) in(off uint16) uint32     { return x.b.In(LPT1+off, 1) }
func (x *board) set(off uint16, v uint32) { x.b.Out(LPT1+off, 1, v) }

func TestPrinting(t *testing.T) {
	x := newBoard(t)
	require.EqualValues(t, 0xdf, x.in(1), "selected, not busy, no error")
	for _, c := range []byte("hi") {
		x.set(0, uint32(c))
		require.EqualValues(t, c, x.in(0))
		x.set(2, 0x0d)
		x.set(2, 0x0d) // no second rise
		x.set(2, 0x0c)
		require.EqualValues(t, 0x1f, x.in(1), "busy")
		x.ns += ackNS
		x.clk.RunDue()
		require.EqualValues(t, 0xdf, x.in(1))
	}
	require.Equal(t, "hi", string(x.out))
	require.False(t, x.irq)
	require.EqualValues(t, 0xcc, x.in(2))
}

func TestInterruptAndDirection(t *testing.T) {
	x := newBoard(t)
	x.set(2, 0x1d)
	require.False(t, x.irq)
	x.ns += ackNS
	x.clk.RunDue()
	require.True(t, x.irq)
	x.in(1)
	require.False(t, x.irq)
	x.set(2, 0x20)
	require.EqualValues(t, 0xff, x.in(0))
}

func TestSaveLoadReset(t *testing.T) {
	x := newBoard(t)
	x.set(0, 0x5a)
	x.set(2, 0x1d)
	x.ns += ackNS
	x.clk.RunDue()
	var w snap.Writer
	x.Save(&w)
	y := newBoard(t)
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, x.state, y.state)
	require.Error(t, y.Load(snap.NewReader(nil)))
	x.Reset(devices.Hard)
	require.False(t, x.irq)
	require.EqualValues(t, 0xc0, x.in(2))
}
