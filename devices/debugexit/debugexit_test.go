package debugexit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
)

var _ devices.Device = (*Exit)(nil)

func TestExit(t *testing.T) {
	var got []uint32
	b := bus.New()
	e := New("debugexit", func(v uint32) { got = append(got, v) })
	require.NoError(t, e.Map(b, Port, Size))
	require.Zero(t, b.In(Port, 4))
	b.Out(Port, 1, 0x10)
	b.Out(Port, 4, 0x12345678)
	require.Equal(t, []uint32{0x10, 0x12345678}, got)
	require.Equal(t, 33, Status(16))
	require.Equal(t, 1, Status(0))
	require.Equal(t, 0xff, Status(0xffffffff), "always odd and within a byte")
}
