package jit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu"
)

// TestReport: where the time has gone, as shares of it.
func TestReport(t *testing.T) {
	s := Stats{Blocks: 50, Time: 100 * time.Millisecond, Host: 600 * time.Millisecond, Links: 3, Jumps: 4, Accesses: 2}
	s.Exits[cpu.NativeBudget] = 4
	text := s.Report(Usage{Insns: 1000, Native: 800, Filled: 3, Faults: 1, Slow: 100, Busy: time.Second})
	for _, want := range []string{"1s: host code 60.0%, translating 10.0%, interpreter and the rest 30.0%", "1000, 80.00% of them in host code",
		"3 of 4, 75.0%", "99.000% hits, of some 0.50 accesses an instruction", "50 blocks a second"} {
		require.Contains(t, text, want)
	}
	require.Contains(t, (&Stats{Host: time.Hour}).Report(Usage{Busy: time.Second}), "host code 100.0%, translating 0.0%, interpreter and the rest 0.0%")
}
