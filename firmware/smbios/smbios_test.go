package smbios

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

type structure struct {
	kind    byte
	data    []byte
	strings []string
}

func parse(t *testing.T, table []byte) (l []structure) {
	for len(table) > 0 {
		n := int(table[1])
		end := bytes.Index(table[n:], []byte{0, 0})
		require.GreaterOrEqual(t, end, 0)
		s := structure{kind: table[0], data: table[:n]}
		for _, x := range bytes.Split(table[n:n+end], []byte{0}) {
			if len(x) > 0 {
				s.strings = append(s.strings, string(x))
			}
		}
		l = append(l, s)
		table = table[n+end+2:]
	}
	return l
}

func TestEntryPoint(t *testing.T) {
	b := Build(Config{Base: 0xf2000, Memory: 512 << 20, CPUs: 2, Version: "1.0", Date: "01/01/2026"})
	require.Equal(t, "_SM_", string(b[:4]))
	require.Zero(t, sum(b[:0x1f]))
	require.Equal(t, "_DMI_", string(b[16:21]))
	require.Zero(t, sum(b[16:31]))
	table := b[entrySize:]
	require.EqualValues(t, len(table), le.Uint16(b[0x16:]))
	require.EqualValues(t, 0xf2000+entrySize, le.Uint32(b[0x18:]))
	l := parse(t, table)
	require.EqualValues(t, len(l), le.Uint16(b[0x1c:]))

	// Lengths of the formatted areas in version 2.8 of the specification.
	lengths := map[byte]int{0: 0x18, 1: 0x1b, 3: 0x16, 4: 0x2a, 16: 0x17, 17: 0x28, 19: 0x1f, 32: 0x0b, 127: 4}
	kinds := []byte{}
	handles := map[uint16]bool{}
	for _, s := range l {
		kinds = append(kinds, s.kind)
		require.Equal(t, lengths[s.kind], len(s.data), "type %d", s.kind)
		h := le.Uint16(s.data[2:])
		require.False(t, handles[h], "handle %#x is used twice", h)
		handles[h] = true
	}
	require.Equal(t, []byte{0, 1, 3, 4, 4, 16, 17, 19, 32, 127}, kinds)
	require.Equal(t, []string{"g86", "1.0", "01/01/2026"}, l[0].strings)
}

func TestMemorySizes(t *testing.T) {
	for _, c := range []struct {
		mem    uint64
		size17 uint16
		ext17  uint32
		kib    uint32
		mapped int
	}{
		{640 << 10, 640 | 0x8000, 0, 640, 1},
		{512 << 20, 512, 0, 512 << 10, 1},
		{0xe0000000, 3584, 0, 0xe0000000 >> 10, 1},
		{8 << 30, 8192, 0, 8 << 20, 2},
		{64 << 30, 0x7fff, 65536, 64 << 20, 2},
	} {
		mapped, bytes := 0, uint64(0)
		for _, s := range parse(t, Build(Config{Memory: c.mem, CPUs: 1})[entrySize:]) {
			switch s.kind {
			case 16:
				require.Equal(t, c.kib, le.Uint32(s.data[7:]))
			case 17:
				require.Equal(t, c.size17, le.Uint16(s.data[0xc:]))
				require.Equal(t, c.ext17, le.Uint32(s.data[0x1c:]))
			case 19:
				mapped++
				bytes += (uint64(le.Uint32(s.data[8:])) - uint64(le.Uint32(s.data[4:])) + 1) << 10
			}
		}
		require.Equal(t, c.mapped, mapped)
		require.Equal(t, c.mem, bytes)
	}
}
