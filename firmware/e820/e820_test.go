package e820

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMapIsOrderedAndHoldsAllMemory(t *testing.T) {
	for _, ram := range []uint64{640 << 10, 1 << 20, 2 << 20, 16 << 20, 512 << 20, LowEnd, LowEnd + 4096, 8 << 30} {
		m := Map(ram)
		end, usable := uint64(0), uint64(0)
		for _, e := range m {
			require.NotZero(t, e.Size, "ram %#x: %+v", ram, e)
			require.GreaterOrEqual(t, e.Base, end, "ram %#x: %+v overlaps its predecessor", ram, e)
			end = e.Base + e.Size
			if e.Type != Reserved {
				usable += e.Size
			}
		}
		// Lost to the map: the EBDA and what the adapters and the ROM cover.
		want := min(ram, ConventionalEnd)
		if ram > extended {
			want += ram - extended
		}
		require.Equal(t, want, usable, "ram %#x", ram)
	}
}

func TestRAMAbove4GiB(t *testing.T) {
	m := Map(5 << 30)
	require.Equal(t, Entry{HighBase, 5<<30 - LowEnd, RAM}, m[len(m)-1])
	base, ok := ACPIBase(5 << 30)
	require.True(t, ok)
	require.Contains(t, m, Entry{base, ACPISize, ACPIReclaim})
}

func TestTinyMachineHasNoACPI(t *testing.T) {
	_, ok := ACPIBase(1 << 20)
	require.False(t, ok)
}
