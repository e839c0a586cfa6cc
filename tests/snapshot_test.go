package tests

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/jit"
	"g86/machine"
	"g86/tests/guests"
)

// life is a machine's serial output until it is saved: what is in its
// transmitter then belongs to the next one.
type life struct {
	to   *strings.Builder
	over bool
}

func (l *life) Write(p []byte) (int, error) {
	if !l.over {
		l.to.Write(p)
	}
	return len(p), nil
}

// reincarnate saves m, restores it in a new machine and closes m.
func reincarnate(t *testing.T, m *machine.Machine, last *life, host machine.Config) *machine.Machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guest.snap")
	require.NoError(t, m.SaveSnapshot(path))
	last.over = true
	require.NoError(t, m.Close())
	s, err := machine.OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	r, err := machine.Restore(s, host)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// bootInPieces boots Linux twice: once straight through under the translator, once saved
// and restored in a new machine at many counts, under interpreter and translator in turn
// and moved between them in the middle, too. Both are the same machine at each count.
// It goes on to a shell, or to the count last.
func bootInPieces(t *testing.T, cpus int, last uint64) {
	engines := []string{"interp", "jit"}
	if err := jit.Supported(); err != nil {
		t.Log("no translator: ", err)
		engines = engines[:1]
	}
	c := machine.Config{Kernel: guests.Need(t, "cloud-kernel"), Initrd: guests.Need(t, "busybox-initrd"), Append: "console=ttyS0", CPUs: cpus,
		Memory: 256 << 20, RTC: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ClockMode: "warp", NoReboot: true}
	var a, b strings.Builder
	c.Serial[0].Out = &a
	straight, err := machine.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, straight.Close()) })
	out := &life{to: &b}
	c.Serial[0].Out, c.Accel = out, "interp"
	split, err := machine.New(c)
	require.NoError(t, err)
	points := 0
	for n := uint64(1_000_003); n < last && !strings.Contains(a.String(), "g86# "); n += 20_000_000 + n/16 {
		require.Less(t, n, uint64(4_000_000_000), "no prompt: %s", a.String())
		_, ended := straight.RunUntil(n)
		require.False(t, ended)
		_, ended = split.RunUntil(n - 500_001)
		require.False(t, ended)
		require.NoError(t, split.SetAccel(engines[points%len(engines)]))
		_, ended = split.RunUntil(n)
		require.False(t, ended)
		require.Equal(t, straight.StateHash(), split.StateHash(), "at %d, after %d snapshots", n, points)
		points++
		host := machine.Config{ClockMode: "warp", Accel: engines[points%len(engines)]}
		next := &life{to: &b}
		host.Serial[0].Out = next
		split = reincarnate(t, split, out, host)
		out = next
	}
	require.Equal(t, a.String(), b.String())
	require.Greater(t, points, 10)
	t.Logf("%d snapshots up to instruction %d", points, straight.Count())
}

func TestSnapshotsOfLinuxBoot(t *testing.T) {
	for name, cpus := range map[string]int{"1 processor": 1, "2 processors": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bootInPieces(t, cpus, 300_000_000)
		})
	}
}

// TestGSBySystemCallOfLinuxBoot: processors take turns on a host whose kernel does not let
// programs write the base of GS.
func TestGSBySystemCallOfLinuxBoot(t *testing.T) {
	jit.ForceSyscallGS = true
	defer func() { jit.ForceSyscallGS = false }()
	bootInPieces(t, 2, 300_000_000)
}

func TestSoakSnapshotsOfLinuxBoot(t *testing.T) {
	needSoak(t)
	for name, cpus := range map[string]int{"1 processor": 1, "2 processors": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bootInPieces(t, cpus, math.MaxUint64)
		})
	}
}

// TestLinuxGoesOnFromSnapshot: a shell with a variable set, in a new machine.
func TestLinuxGoesOnFromSnapshot(t *testing.T) {
	g := cloud(t, 2)
	g.command("X=remembered; cat /proc/interrupts > /tmp/i")
	g.waitSerial(300, "g86# ")
	host := machine.Config{}
	host.Serial[0].Out = &g.serial
	g.m = reincarnate(t, g.m, &life{}, host)
	g.command("echo $X $(nproc); md5sum /bin/busybox; diff /proc/interrupts /tmp/i > /dev/null || echo time goes on")
	g.waitSerial(1000, "time goes on")
	require.Contains(t, g.serial.String(), "remembered 2")
	g.command("poweroff -f")
	require.Equal(t, machine.Result{Reason: "power off"}, g.waitEnd(500))
}
