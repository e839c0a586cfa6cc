package irq

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// wire records the level changes it sees.
type wire []bool

func (w *wire) line() Line { return func(level bool) { *w = append(*w, level) } }

func TestNilLineIsNotConnected(t *testing.T) {
	var l Line
	require.NotPanics(t, func() { l.Raise(); l.Lower(); l.Pulse() })
}

func TestPulseIsOneEdge(t *testing.T) {
	var w wire
	w.line().Pulse()
	require.Equal(t, wire{true, false}, w)
}

// TestSharedIsWiredOR: the wire is high while any driver holds it, and moves
// only when that changes.
func TestSharedIsWiredOR(t *testing.T) {
	var w wire
	s := NewShared(w.line())
	a, b := s.Input(), s.Input()
	a.Raise()
	b.Raise()
	a.Raise()
	a.Lower()
	require.Equal(t, wire{true}, w)
	b.Lower()
	b.Lower()
	require.Equal(t, wire{true, false}, w)
}

func TestSharedHolds64Drivers(t *testing.T) {
	var w wire
	s := NewShared(w.line())
	var last Line
	for range 64 {
		last = s.Input()
	}
	last.Raise()
	require.Equal(t, wire{true}, w)
	require.Panics(t, func() { s.Input() })
}

func TestSplitDrivesAll(t *testing.T) {
	var v, w wire
	Split(v.line(), nil, w.line()).Raise()
	require.Equal(t, wire{true}, v)
	require.Equal(t, wire{true}, w)
}
