package snap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type inner struct {
	a uint16
	B [3]int8
}

// sample has a field of every kind that can be saved.
type sample struct {
	flag    bool
	u8      uint8
	U16     uint16
	u32     uint32
	u64     uint64
	n       int
	i32     int32
	f       float64
	s       string
	bytes   []byte
	words   []uint16
	nested  inner
	list    []inner
	derived func() `snap:"-"`
}

func full() sample {
	return sample{true, 1, 2, 3, 1 << 63, -4, -5, 1.5, "text", []byte{6, 7}, []uint16{8, 9}, inner{10, [3]int8{-1, 0, 1}},
		[]inner{{11, [3]int8{}}, {12, [3]int8{1}}}, nil}
}

func encode(v any) []byte {
	var w Writer
	w.Struct(v)
	return w.Bytes()
}

func TestRoundTrip(t *testing.T) {
	in := full()
	var out sample
	r := NewReader(encode(&in))
	require.NoError(t, r.Struct(&out))
	require.Equal(t, in, out)
	require.Zero(t, r.Rest())
}

func TestTwoStructsInOneSection(t *testing.T) {
	var w Writer
	w.Struct(&inner{a: 1})
	w.Struct(&inner{a: 2})
	r := NewReader(w.Bytes())
	var x, y inner
	require.NoError(t, r.Struct(&x))
	require.NoError(t, r.Struct(&y))
	require.EqualValues(t, 2, y.a)
}

// TestTruncated: every shorter section is refused.
func TestTruncated(t *testing.T) {
	in := full()
	b := encode(&in)
	for n := range b {
		var out sample
		require.Error(t, NewReader(b[:n]).Struct(&out), "%d of %d bytes", n, len(b))
	}
}

func TestOtherLayoutIsRefused(t *testing.T) {
	b := encode(&inner{a: 1})
	var renamed struct {
		b uint16
		B [3]int8
	}
	require.ErrorContains(t, NewReader(b).Struct(&renamed), "another layout")
	var longer struct {
		a uint16
		B [4]int8
	}
	require.ErrorContains(t, NewReader(b).Struct(&longer), "another layout")
	_, _ = renamed.b, longer.a
}

// TestImpossibleLength: a damaged length neither panics nor allocates.
func TestImpossibleLength(t *testing.T) {
	type text struct{ S string }
	b := encode(&text{"x"})
	for i := 8; i < 16; i++ {
		b[i] = 0xff
	}
	var out text
	require.ErrorContains(t, NewReader(b).Struct(&out), "impossible length")
}

func TestWhatCannotBeSavedPanics(t *testing.T) {
	require.Panics(t, func() { encode(&struct{ f func() }{func() {}}) })
}

func FuzzReader(f *testing.F) {
	in := full()
	f.Add(encode(&in))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out sample
		_ = NewReader(b).Struct(&out)
	})
}
