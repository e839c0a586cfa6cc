package debugcon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

var _ devices.Device = (*Console)(nil)

func TestConsole(t *testing.T) {
	var out []byte
	b := bus.New()
	c := New("debugcon", func(v byte) { out = append(out, v) })
	require.NoError(t, c.Map(b, Port))
	require.EqualValues(t, 0xe9, b.In(Port, 1))
	b.Out(Port, 1, 'o')
	b.Out(Port, 1, 'k')
	require.Equal(t, "ok", string(out))
	var w snap.Writer
	c.Save(&w)
	require.Empty(t, w.Bytes())
	require.NoError(t, c.Load(snap.NewReader(nil)))
	c.Out = nil
	b.Out(Port, 1, 'x')
	require.Len(t, out, 2)
}
