package sysctl

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type board struct {
	*SysCtl
	b    *bus.Bus
	ns   uint64
	gate bool
	out2 bool
	log  []string
}

func (x *board) SetGate2(l bool) { x.gate = l }
func (x *board) Out2() bool      { return x.out2 }

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New()}
	say := func(f string, a ...any) { x.log = append(x.log, fmt.Sprintf(f, a...)) }
	x.SysCtl = New("sysctl", clock.New(func() uint64 { return x.ns }, 1000), x, Hooks{
		A20:   func(on bool) { say("a20 %v", on) },
		Reset: func(hard bool) { say("reset hard=%v", hard) },
		NMI:   func() { say("nmi") },
		APM:   func(c, s uint8) { say("apm %02x %02x", c, s) },
		Tone:  func(g, on bool) { say("tone %v %v", g, on) },
	})
	require.NoError(t, x.Map(x.b))
	_, err := x.b.MapPorts("bridge", PortReset, 1, bus.Byte, x.ResetControl())
	require.NoError(t, err)
	return x
}

func (x *board) in(port uint16) uint32     { return x.b.In(port, 1) }
func (x *board) out(port uint16, v uint32) { x.b.Out(port, 1, v) }

func TestPort61(t *testing.T) {
	x := newBoard(t)
	require.Zero(t, x.in(0x61)&0xef)
	x.out(0x61, 0xf3)
	require.True(t, x.gate)
	require.EqualValues(t, 0x03, x.in(0x61)&0xef, "status bits cannot be written")
	x.out2 = true
	require.EqualValues(t, 0x23, x.in(0x61)&0xef)
	x.out(0x61, 0x02)
	require.False(t, x.gate)
	require.Equal(t, []string{"tone true true", "tone false true"}, x.log)
}

func TestRefreshToggles(t *testing.T) {
	x := newBoard(t)
	n, last := 0, x.in(0x61)&0x10
	for ; x.ns < 1_000_000; x.ns += 100 {
		if v := x.in(0x61) & 0x10; v != last {
			n, last = n+1, v
		}
	}
	require.Equal(t, 66, n, "every 15.085 us")
}

func TestNMISources(t *testing.T) {
	x := newBoard(t)
	x.IOCHK()
	require.EqualValues(t, 0x40, x.in(0x61)&0xc0)
	x.SERR()
	require.EqualValues(t, 0xc0, x.in(0x61)&0xc0)
	x.out(0x61, 0x0c)
	require.Zero(t, x.in(0x61)&0xc0, "the masks clear the latches")
	x.IOCHK()
	x.SERR()
	require.Zero(t, x.in(0x61)&0xc0)
	require.Equal(t, []string{"nmi", "nmi"}, x.log)
}

func TestA20AndResets(t *testing.T) {
	x := newBoard(t)
	require.EqualValues(t, 0x02, x.in(0x92))
	x.out(0x92, 0x00)
	require.False(t, x.A20())
	x.SetA20(true) // the keyboard controller
	require.EqualValues(t, 0x02, x.in(0x92))
	x.out(0x92, 0x03)
	x.out(0x92, 0x03) // no rise
	x.out(0x92, 0x02)
	x.out(0x92, 0x03)
	x.out(0xcf9, 0x02)
	x.out(0xcf9, 0x06)
	x.out(0xcf9, 0x06)
	x.out(0xcf9, 0x00)
	x.out(0xcf9, 0x04)
	require.Equal(t, []string{"a20 false", "a20 true", "reset hard=false", "reset hard=false", "reset hard=true", "reset hard=false"}, x.log)
	require.EqualValues(t, 0x04, x.in(0xcf9))
}

func TestAPM(t *testing.T) {
	x := newBoard(t)
	x.out(0xb3, 0x5a)
	x.out(0xb2, 0xf1)
	require.Equal(t, []string{"apm f1 5a"}, x.log)
	require.EqualValues(t, 0xf1, x.in(0xb2))
	require.EqualValues(t, 0x5a, x.in(0xb3))
}

func TestSaveLoadAndReset(t *testing.T) {
	x := newBoard(t)
	x.out(0x92, 0)
	x.out(0x61, 0x0d)
	var w snap.Writer
	x.Save(&w)
	y := newBoard(t)
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, []string{"a20 false"}, y.log)
	require.Equal(t, x.state, y.state)
	require.Error(t, y.Load(snap.NewReader(nil)))
	y.Reset(devices.Hard)
	require.True(t, y.A20())
	require.Zero(t, y.in(0x61)&0xef)
}
