package uart

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type board struct {
	*UART
	b   *bus.Bus
	clk *clock.Clock
	ns  uint64
	irq bool
	out bytes.Buffer
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New()}
	x.clk = clock.New(func() uint64 { return x.ns }, 1000)
	x.UART = New("com1", x.clk, func(l bool) { x.irq = l }, func(p []byte) { x.out.Write(p) })
	require.NoError(t, x.Map(x.b, COM1))
	return x
}

func (x *board) run(ns uint64) {
	end := x.ns + ns
	for x.clk.Next() <= end {
		x.ns = max(x.ns, x.clk.Next())
		x.clk.RunDue()
	}
	x.ns = end
}

func (x *board) in(off uint16) uint8 { return uint8(x.b.In(COM1+off, 1)) }
func (x *board) set(off uint16, vs ...uint8) {
	for _, v := range vs {
		x.b.Out(COM1+off, 1, uint32(v))
	}
}

func TestResetState(t *testing.T) {
	x := newBoard(t)
	for off, want := range []uint8{0, 0, 0x01, 0, 0, 0x60, 0xb0, 0} {
		require.Equal(t, want, x.in(uint16(off)), "register %d", off)
	}
}

func TestRegistersAndDetection(t *testing.T) {
	x := newBoard(t)
	x.set(7, 0x5a)
	require.EqualValues(t, 0x5a, x.in(7))
	x.set(1, 0xff)
	require.EqualValues(t, 0x0f, x.in(1), "the upper half of IER is zero")
	x.set(4, 0xff)
	require.EqualValues(t, 0x1f, x.in(4))
	x.set(4, 0)
	x.set(1, 0)
	x.set(2, 0x01)
	require.EqualValues(t, 0xc1, x.in(2), "16550A: both bits with the FIFO on")
	x.set(2, 0x00)
	require.EqualValues(t, 0x01, x.in(2))
	x.set(3, 0x83)
	x.set(0, 0x01)
	x.set(1, 0x02)
	require.EqualValues(t, 0x01, x.in(0))
	require.EqualValues(t, 0x02, x.in(1))
	x.set(3, 0x03)
	require.Zero(t, x.in(1))
	require.Contains(t, x.Info(), "baud=224 ")
}

func TestTransmit(t *testing.T) {
	x := newBoard(t)
	x.set(4, 0x08)
	x.set(1, 0x02)
	require.True(t, x.irq, "enabling the interrupt with an empty THR raises it")
	require.EqualValues(t, 0x02, x.in(2))
	require.False(t, x.irq, "reading IIR clears it")
	require.EqualValues(t, 0x01, x.in(2))
	x.set(0, 'A')
	require.Zero(t, x.in(5)&0x60)
	require.Empty(t, x.out.String())
	x.run(txNS)
	require.EqualValues(t, 0x60, x.in(5))
	require.Equal(t, "A", x.out.String())
	require.True(t, x.irq)
	x.set(0, 'B')
	require.False(t, x.irq, "writing THR clears it")
	x.set(0, 'C')
	x.run(txNS)
	require.Equal(t, "ABC", x.out.String(), "not even a hasty guest loses output")
}

func TestNothingIsLostAtTheEnd(t *testing.T) {
	x := newBoard(t)
	x.set(0, 'a')
	x.Flush()
	require.Equal(t, "a", x.out.String())
	x.set(0, 'b')
	x.Reset(devices.Hard)
	require.Equal(t, "ab", x.out.String())
	x.run(10 * txNS)
	require.Equal(t, "ab", x.out.String())
	require.EqualValues(t, 0x01, x.in(2))
}

func TestTransmitFIFO(t *testing.T) {
	x := newBoard(t)
	x.set(2, 0x01)
	x.set(0, []byte("0123456789abcdef")...)
	require.Zero(t, x.in(5)&0x20)
	require.Empty(t, x.out.String())
	x.run(txNS)
	require.Equal(t, "0123456789abcdef", x.out.String())
}

func TestReceiveTriggerAndTimeout(t *testing.T) {
	for code, level := range map[uint8]int{0x01: 1, 0x41: 4, 0x81: 8, 0xc1: 14} {
		x := newBoard(t)
		x.set(2, code)
		x.set(4, 0x0b)
		x.set(1, 0x01)
		if level > 1 {
			x.Receive(make([]byte, level-1))
			x.run(rxNS)
			require.False(t, x.irq)
			x.run(timeoutNS)
			require.True(t, x.irq)
			require.EqualValues(t, 0xcc, x.in(2), "character timeout")
			for range level - 1 {
				require.EqualValues(t, 1, x.in(5)&1)
				x.in(0)
			}
			require.False(t, x.irq)
		}
		x.Receive(make([]byte, level))
		x.run(rxNS)
		require.EqualValues(t, 0xc4, x.in(2), "trigger %d", level)
		x.in(0)
		require.False(t, x.irq)
	}
}

func TestReceiveIsBoundedAndInOrder(t *testing.T) {
	x := newBoard(t)
	room := 0
	x.OnRoom = func() { room++ }
	x.set(2, 0x01)
	src := make([]byte, hostSize+100)
	for i := range src {
		src[i] = byte(i * 7)
	}
	require.Equal(t, hostSize, x.Receive(src))
	require.Zero(t, x.Receive(src[:1]))
	var got []byte
	for len(got) < hostSize {
		x.run(rxNS)
		require.NotZero(t, x.in(5)&1)
		for x.in(5)&1 != 0 {
			got = append(got, x.in(0))
		}
	}
	require.Equal(t, src[:hostSize], got)
	require.Equal(t, 1, room)
	require.Zero(t, x.in(5)&0x02, "no overrun")
}

func TestRTSStopsTheSender(t *testing.T) {
	x := newBoard(t)
	x.Receive([]byte("x"))
	x.run(rxNS)
	require.EqualValues(t, 'x', x.in(0), "a guest that never used RTS does not mean it")
	x.set(4, 0x03)
	x.set(4, 0x01)
	x.Receive([]byte("y"))
	x.run(10 * rxNS)
	require.Zero(t, x.in(5)&1)
	x.set(4, 0x03)
	x.run(rxNS)
	require.EqualValues(t, 'y', x.in(0))
}

func TestLoopback(t *testing.T) {
	x := newBoard(t)
	x.in(6)
	x.set(4, 0x10)
	require.EqualValues(t, 0x0b, x.in(6), "all lines dropped")
	x.set(4, 0x1f)
	require.EqualValues(t, 0xfb, x.in(6))
	x.set(4, 0x1b)
	require.EqualValues(t, 0xb4, x.in(6), "trailing edge of RI")
	x.set(0, 0xa5)
	x.run(txNS)
	require.EqualValues(t, 0xa5, x.in(0))
	require.Empty(t, x.out.String())
	// FIFO size probe: more than fits.
	x.set(2, 0x07)
	for i := range 256 {
		x.set(0, uint8(i))
		x.run(200)
	}
	x.run(10_000)
	require.NotZero(t, x.in(5)&0x02, "overrun")
	n := 0
	for x.in(5)&1 != 0 {
		require.EqualValues(t, n, x.in(0))
		n++
	}
	require.Equal(t, 16, n)
}

func TestPriorities(t *testing.T) {
	x := newBoard(t)
	x.set(4, 0x0b)
	x.set(1, 0x0f)
	require.EqualValues(t, 0x02, x.in(2))
	x.SetModem(CTS)
	x.set(0, 'a')
	x.run(txNS)
	x.Break()
	x.run(rxNS)
	require.True(t, x.irq)
	require.EqualValues(t, 0x06, x.in(2))
	require.EqualValues(t, 0x71, x.in(5), "break with its null character")
	require.EqualValues(t, 0x04, x.in(2))
	require.Zero(t, x.in(0))
	require.EqualValues(t, 0x02, x.in(2))
	require.EqualValues(t, 0x00, x.in(2))
	require.EqualValues(t, 0x1a, x.in(6))
	require.EqualValues(t, 0x01, x.in(2))
	require.False(t, x.irq)
}

func TestOUT2GatesTheInterrupt(t *testing.T) {
	x := newBoard(t)
	x.set(1, 0x02)
	require.False(t, x.irq)
	x.set(4, 0x08)
	require.True(t, x.irq)
}

func TestOverrunWithoutFIFO(t *testing.T) {
	x := newBoard(t)
	x.set(4, 0x10)
	for _, v := range []uint8{1, 2} {
		x.set(0, v)
		x.run(txNS)
	}
	require.EqualValues(t, 0x63, x.in(5))
	require.EqualValues(t, 2, x.in(0))
	require.EqualValues(t, 0x60, x.in(5))
}

func TestErrorInFIFO(t *testing.T) {
	x := newBoard(t)
	x.set(2, 0x01)
	x.Receive([]byte("a"))
	x.Break()
	x.run(rxNS)
	require.EqualValues(t, 0xe1, x.in(5), "BI shows when its character is next")
	x.in(0)
	require.EqualValues(t, 0xf1, x.in(5))
	x.set(2, 0x03)
	require.EqualValues(t, 0x60, x.in(5))
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t)
	x.set(2, 0x41)
	x.set(4, 0x0b)
	x.set(1, 0x01)
	x.set(0, 'q')
	x.Receive([]byte("hello, this is more than a FIFO"))
	x.run(rxNS)
	var w, cw snap.Writer
	x.Save(&w)
	x.clk.Save(&cw)
	y := newBoard(t)
	y.ns = x.ns
	require.NoError(t, y.clk.Load(snap.NewReader(cw.Bytes())))
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	var got []byte
	for range 3 {
		for y.in(5)&1 != 0 {
			got = append(got, y.in(0))
		}
		y.run(rxNS)
	}
	require.Equal(t, "hello, this is more than a FIFO", string(got))
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:12])))
	y.Reset(devices.Hard)
	require.EqualValues(t, 0x60, y.in(5))
	require.False(t, y.irq)
}
