package vmgenid

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

func TestIDIsInMemory(t *testing.T) {
	b := bus.New()
	d := New("vmgenid", [16]byte{1, 2, 3, 15: 16})
	require.NoError(t, d.Map(b))
	require.EqualValues(t, 0x030201, b.Read(Base, 4))
	require.EqualValues(t, 16, b.Read(Base+15, 1))
	b.Write(Base, 4, 0xffffffff)
	require.EqualValues(t, 0x030201, b.Read(Base, 4), "guests cannot change it")
	d.Reset(devices.Hard)
	require.EqualValues(t, 0x030201, b.Read(Base, 4), "nor does a reset")
	d.Set([16]byte{9})
	require.EqualValues(t, 9, b.Read(Base, 8))
}

func TestIDSurvives(t *testing.T) {
	d := New("vmgenid", [16]byte{1, 2, 3, 15: 16})
	w := &snap.Writer{}
	d.Save(w)
	e := New("vmgenid", [16]byte{})
	require.NoError(t, e.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, d.ID(), e.ID())
	require.Equal(t, d.page, e.page)
}
