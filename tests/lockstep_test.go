//go:build linux && amd64

package tests

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/jit"
	"g86/machine"
	"g86/tests/guests"
)

// TestEnginesAgreeOverABoot boots kernels on the interpreter and on the
// translator: the same state hash at the same instruction counts.
func TestEnginesAgreeOverABoot(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("boots kernels on the interpreter")
	}
	for _, tc := range []struct {
		name, kernel, initrd string
		million, last        uint64
		checks               jit.Checks
	}{
		{"64-bit", "cloud-kernel", "busybox-initrd", 50, 1700, jit.ChecksLoop},
		{"32-bit", "installer-i386-kernel", "installer-i386-initrd", 100, 1500, jit.ChecksSign},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var m [2]*machine.Machine
			for i, accel := range []string{"interp", "jit"} {
				var err error
				m[i], err = machine.New(machine.Config{Memory: 256 << 20, Accel: accel, ClockMode: "warp", NoReboot: true,
					Kernel: guests.Need(t, tc.kernel), Initrd: guests.Need(t, tc.initrd), Append: "console=ttyS0",
					RTC: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, m[i].Close()) })
				name, _ := m[i].Accel()
				require.Equal(t, accel, name)
			}
			m[1].JIT().Checks = tc.checks
			for n := tc.million; n <= tc.last; n += tc.million {
				for _, m := range m {
					m.RunUntil(n * 1e6)
				}
				require.Equal(t, m[0].Count(), m[1].Count())
				require.Equal(t, *m[0].CPU(0).Pull(), *m[1].CPU(0).Pull(), "at %d million instructions", n)
				require.Equal(t, m[0].StateHash(), m[1].StateHash(), "at %d million instructions", n)
			}
			require.NotZero(t, m[1].JIT().Stats.Links)
		})
	}
}
