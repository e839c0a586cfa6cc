package isa

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecode checks what must hold of any bytes: no panic, at most 15 bytes,
// every proper prefix of an instruction is truncated, and what follows an
// instruction does not matter.
func FuzzDecode(f *testing.F) {
	for i := 1; i < len(Forms); i += 7 {
		f.Add(sample(&Forms[i]), uint8(i))
	}
	f.Fuzz(func(t *testing.T, code []byte, m uint8) { checkDecode(t, code, [3]Mode{16, 32, 64}[m%3]) })
}

func TestDecodeProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10000 {
		code := make([]byte, r.IntN(18))
		for i := range code {
			code[i] = byte(r.Uint32())
			if i < 8 && r.IntN(4) == 0 { // runs of prefixes
				code[i] = []byte{0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x48, 0x2E, 0x0F}[r.IntN(8)]
			}
		}
		for _, m := range []Mode{16, 32, 64} {
			checkDecode(t, code, m)
		}
	}
}

func checkDecode(t *testing.T, code []byte, mode Mode) {
	var in, again Inst
	err := Decode(code, mode, &in)
	require.LessOrEqual(t, int(in.Len), min(len(code), MaxLen))
	switch {
	case err == nil:
		require.NotZero(t, in.Form)
		require.NotZero(t, in.Len)
		require.NotEmpty(t, Disasm(&in, 0, mode))
	case errors.Is(err, ErrTruncated):
		require.Zero(t, in.Form)
		require.Less(t, len(code), MaxLen)
		return
	case errors.Is(err, ErrTooLong):
		require.Zero(t, in.Form)
		require.GreaterOrEqual(t, len(code), MaxLen)
		return
	default:
		require.ErrorIs(t, err, ErrInvalid)
		require.Zero(t, in.Form)
	}
	for n := range int(in.Len) {
		require.ErrorIs(t, Decode(code[:n], mode, &again), ErrTruncated, "% x", code[:n])
	}
	require.Equal(t, err, Decode(code[:in.Len], mode, &again))
	require.Equal(t, in, again)
}
