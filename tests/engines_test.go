package tests

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu/kvm"
	"g86/jit"
	"g86/machine"
)

// host is what this host offers, found out once.
var host = sync.OnceValue(machine.ExamineHost)

// engines are the engines of this host.
func engines(t *testing.T) []string {
	l := []string{"interp"}
	if err := jit.Supported(); err != nil {
		t.Log("no translator: ", err)
	} else {
		l = append(l, "jit")
	}
	if h, err := kvm.Open(); err != nil {
		t.Log("no KVM: ", err)
	} else {
		require.NoError(t, h.Close())
		l = append(l, "kvm")
	}
	return l
}

// kernel is a machine for one of the test kernels, with a model that every engine has.
func kernel(name, accel string, out *bytes.Buffer) machine.Config {
	c := machine.Config{Kernel: "kernels/" + name, Accel: accel, Model: "x86-64", Memory: 64 << 20, ClockMode: "warp",
		DebugExitPort: 0xf4, NoReboot: true, RTC: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	c.Serial[0].Out = out
	return c
}

func runKernel(t *testing.T, m *machine.Machine) machine.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := m.Run(ctx)
	require.NoError(t, err)
	return r
}

var verdicts = regexp.MustCompile(`(?m)^(PASS|FAIL): (.*)$`)

// beyondEmulation are the checks that a host fails whose /dev/kvm emulates ring 0 in
// software: paging of 32 bits, changes of ring other than to and from 64-bit ring 3 by
// IRETQ and faults, data breakpoints, a time-stamp counter of the guest's own, and an
// interrupt between two emulated instructions.
var beyondEmulation = []string{"the time-stamp counter counts meanwhile", "and lets it through", "STI lets it through",
	"32-bit paging", "#PF by a page that is not present: vector", "#PF by a page that is not present: error code", "and its address",
	"#PF by a write to a read-only page: vector", "#PF by a write to a read-only page: error code", "a page can be had after INVLPG",
	"accessed and dirty bits", "IRET to ring 3 and INT back", "in ring 3", "a data breakpoint", "and its bit in DR6",
	"SYSCALL back to ring 0", "IRETQ to ring 3 and INT back"}

// TestEveryEngineRunsGuests: kernels/engines.asm under each engine. A check of
// beyondEmulation is skipped by its name on a host that cannot do it; all others pass.
func TestEveryEngineRunsGuests(t *testing.T) {
	for _, accel := range engines(t) {
		t.Run(accel, func(t *testing.T) {
			var out bytes.Buffer
			m, err := machine.New(kernel("engines.bin", accel, &out))
			require.NoError(t, err)
			defer m.Close()
			r := runKernel(t, m)
			require.Equal(t, "debug exit", r.Reason, "%s", out.String())
			l := verdicts.FindAllStringSubmatch(out.String(), -1)
			require.GreaterOrEqual(t, len(l), 67, "%s", out.String())
			for _, v := range l {
				t.Run(v[2], func(t *testing.T) {
					switch {
					case v[1] == "PASS":
					case accel == "kvm" && host().KVM != "" && slices.Contains(beyondEmulation, strings.Split(v[2], ": found")[0]):
						t.Skip("this host's KVM cannot do it: ", host().KVM)
					default:
						t.Error(v[0])
					}
				})
			}
		})
	}
}

// relay is what kernels/relay.asm says, under whatever engine.
const relay = `protected mode 56a8d321
PASS: long mode
long mode a2253641
ring 3 fe550581
x87 000b813e
SSE 0019a280
memory 25f07e47
no ticks 00000000
`

// TestRelay hands a running guest from engine to engine: firmware under one, protected
// mode under another, long mode and ring 3 under the next. It ends as if it had stayed.
func TestRelay(t *testing.T) {
	have := strings.Join(engines(t), " ")
	// Half of the rounds in each mode take about 60000 instructions, the firmware 700.
	for _, chain := range [][]string{
		{"interp"}, {"jit"}, {"kvm"},
		{"interp", "jit", "interp", "jit", "interp"}, {"jit", "interp", "jit", "interp", "jit"},
		{"jit", "kvm", "jit"}, {"interp", "kvm", "interp", "kvm"}, {"kvm", "jit", "kvm", "interp", "kvm"}, {"kvm", "interp", "jit", "kvm"},
	} {
		t.Run(strings.Join(chain, "-"), func(t *testing.T) {
			for _, accel := range chain {
				if !strings.Contains(have, accel) {
					t.Skip("this host has no ", accel)
				}
			}
			var out bytes.Buffer
			c := kernel("relay.bin", chain[0], &out)
			for i, accel := range chain[1:] {
				c.Switches = append(c.Switches, machine.Switch{Count: 700 + uint64(i)*70_001, Accel: accel})
			}
			m, err := machine.New(c)
			require.NoError(t, err)
			defer m.Close()
			require.Equal(t, "debug exit", runKernel(t, m).Reason, "%s", out.String())
			require.Equal(t, relay, out.String())
		})
	}
}

// TestRelayBySnapshots does the same by way of files, between every two engines.
func TestRelayBySnapshots(t *testing.T) {
	l := engines(t)
	for _, from := range l {
		for _, to := range l {
			t.Run(fmt.Sprintf("%s-%s", from, to), func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				c := kernel("relay.bin", from, &out)
				m, err := machine.New(c)
				require.NoError(t, err)
				path := filepath.Join(t.TempDir(), "guest.snap")
				for _, count := range []uint64{500, 30_001, 250_000, 500_000} {
					_, ended := m.RunUntil(count)
					if ended { // KVM's counts are of time: it may be through
						break
					}
					require.NoError(t, m.SaveSnapshot(path))
					require.NoError(t, m.Close())
					s, err := machine.OpenSnapshot(path)
					require.NoError(t, err)
					next := machine.Config{Accel: to}
					next.Serial[0].Out = &out
					m, err = machine.Restore(s, next)
					require.NoError(t, err)
					require.NoError(t, s.Close())
					require.NoError(t, os.Remove(path))
					from, to = to, from
				}
				_ = runKernel(t, m)
				require.NoError(t, m.Close())
				require.Equal(t, relay, out.String())
			})
		}
	}
}
