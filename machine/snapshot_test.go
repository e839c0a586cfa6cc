package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// restored saves m, restores it in a new machine and returns that.
func restored(t *testing.T, m *Machine, host Config) *Machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "machine.snap")
	require.NoError(t, m.SaveSnapshot(path))
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	r, err := Restore(s, host)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// TestRestoredMachineGoesOnAlike is the promise of snapshots: to count N, saved,
// restored, to M gives the same machine as straight to M.
func TestRestoredMachineGoesOnAlike(t *testing.T) {
	for name, c := range map[string]Config{
		"demo":           {Seed: 3},
		"demo x2":        {CPUs: 2},
		"486":            {Model: "486"},
		"two processors": {Kernel: file(t, "ap", apKernel()), CPUs: 2},
		"floppy":         {Floppies: []string{bootFloppy(t, cat([]byte{0xfb, 0xf4}, spin)...) + ",readonly=on"}},
	} {
		t.Run(name, func(t *testing.T) {
			straight, split := build(t, small(c)), build(t, small(c))
			for i, n := range []uint64{1, 5000, 60_001, 200_000, 400_003, 1_000_000} {
				_, e1 := split.RunUntil(n)
				before := split.StateHash()
				next := restored(t, split, Config{})
				require.Equal(t, before, next.StateHash(), "at %d", n)
				require.Equal(t, before, split.StateHash(), "saving changes nothing")
				split = next
				_, e2 := straight.RunUntil(n)
				require.Equal(t, e2, e1)
				require.Equal(t, straight.StateHash(), split.StateHash(), fmt.Sprintf("at %d, restored %d times", n, i))
				if e1 {
					break
				}
			}
		})
	}
}

func TestRestoreNeedsNoKernelFile(t *testing.T) {
	k := file(t, "ap", apKernel())
	m := build(t, small(Config{Kernel: k, CPUs: 2}))
	require.NoError(t, os.Remove(k))
	var out output
	host := Config{ClockMode: "warp"}
	host.Serial[0].Out = &out
	r := restored(t, m, host)
	require.Equal(t, Result{Reason: "power off"}, run(t, r))
	require.Equal(t, "AB", out.String())
}
