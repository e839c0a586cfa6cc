package direct_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/firmware/direct"
	"g86/firmware/direct/directtest"
)

func TestPlaceHighStaysInUsableMemory(t *testing.T) {
	e820 := directtest.E820(64 << 20)
	for _, c := range []struct {
		size, min, max, want uint64
		ok                   bool
	}{
		{1 << 20, 1 << 20, 1 << 32, 63 << 20, true},
		{1, 1 << 20, 1 << 32, 64<<20 - 0x1000, true},
		{1 << 20, 1 << 20, 32 << 20, 31 << 20, true},
		{63 << 20, 1 << 20, 1 << 32, 1 << 20, true},
		{63<<20 + 1, 1 << 20, 1 << 32, 0, false},
		{1 << 20, 0, 1 << 20, 0, false}, // the hole is no memory
		{0x10000, 0, 0x100000, 0x8F000, true},
	} {
		at, ok := direct.PlaceHigh(e820, c.size, c.min, c.max)
		require.Equal(t, c.ok, ok, "%+v", c)
		require.Equal(t, c.want, at, "%+v", c)
	}
}

func TestPlaceLowAvoidsWhatIsTaken(t *testing.T) {
	e820 := directtest.E820(64 << 20)
	taken := []direct.Range{{Start: 0x200000, End: 0x200001}, {Start: 0x1000, End: 0x9FC00}}
	at, ok := direct.PlaceLow(e820, 0x1000, 0x1000, 1<<32, taken)
	require.True(t, ok)
	require.EqualValues(t, 0x100000, at, "the hole at 640 KiB is skipped")
	at, ok = direct.PlaceLow(e820, 2<<20, 1<<20, 1<<32, taken)
	require.True(t, ok)
	require.EqualValues(t, 0x201000, at)
	_, ok = direct.PlaceLow(e820, 63<<20, 1<<20, 1<<32, taken)
	require.False(t, ok)
}

func TestContains(t *testing.T) {
	e820 := append(directtest.E820(64<<20), direct.E820{Addr: 1 << 32, Size: 1 << 30, Type: direct.E820Usable})
	require.True(t, direct.Contains(e820, direct.Range{Start: 1 << 20, End: 64 << 20}))
	require.False(t, direct.Contains(e820, direct.Range{Start: 1 << 20, End: 64<<20 + 1}))
	require.False(t, direct.Contains(e820, direct.Range{Start: 0x9F000, End: 0xA0000}))
	require.False(t, direct.Contains(e820, direct.Range{Start: 1 << 32, End: 1<<32 + 1}), "loaders stay below 4 GiB")
}

func TestClassicSizes(t *testing.T) {
	e820 := directtest.E820(64 << 20)
	require.EqualValues(t, 639, direct.Lower(e820))
	require.EqualValues(t, 63*1024, direct.Upper(e820))
	require.EqualValues(t, 64<<20, direct.Top(e820))
	require.Zero(t, direct.Upper(nil))
}

func TestZeroClearsExactly(t *testing.T) {
	ram := make(directtest.RAM, 200<<10)
	for i := range ram {
		ram[i] = 0xAA
	}
	direct.Zero(ram, 1, 130<<10)
	require.EqualValues(t, 0xAA, ram[0])
	require.Equal(t, make([]byte, 130<<10), []byte(ram[1:130<<10+1]))
	require.EqualValues(t, 0xAA, ram[130<<10+1])
}
