package bus

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type latch struct{ last [4]uint32 }

func (l *latch) ReadPort(off uint16, _ int) uint32     { return l.last[off] }
func (l *latch) WritePort(off uint16, _ int, v uint32) { l.last[off] = v }

func TestTap(t *testing.T) {
	b := New()
	l := &latch{}
	_, err := b.MapPorts("latch", 0x80, 4, Byte, l)
	require.NoError(t, err)
	var heard []uint32
	hear := func(_ int, v uint32) { heard = append(heard, v) }
	b.Tap(0x81, hear)
	b.Tap(0x190, hear)
	b.Out(0x81, 1, 0x12)
	b.Out(0x80, 1, 0x34)
	b.Out(0x80, 2, 0x5678) // two writes of a byte
	b.Out(0x190, 1, 0xff)
	require.Equal(t, []uint32{0x12, 0x56, 0xff}, heard)
	require.EqualValues(t, 0x56, b.In(0x81, 1), "the owner got it too")
	require.EqualValues(t, 0x78, b.In(0x80, 1))
	require.EqualValues(t, 0xff, b.In(0x190, 1)&0xff)
}
