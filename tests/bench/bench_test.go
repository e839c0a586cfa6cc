//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/jit"
	"g86/machine"
)

// TestImagesAreFresh: the committed images are what the source gives.
func TestImagesAreFresh(t *testing.T) {
	nasm, err := exec.LookPath("nasm")
	if err != nil {
		t.Skip("nasm is not installed")
	}
	for _, x := range []struct {
		args  []string
		image []byte
	}{{nil, guests32}, {[]string{"-DLONG"}, guests64}} {
		out := filepath.Join(t.TempDir(), "image")
		b, err := exec.Command(nasm, append(x.args, "-Werror", "-f", "bin", "-o", out, "guests.asm")...).CombinedOutput()
		require.NoError(t, err, "%s", b)
		got, err := os.ReadFile(out)
		require.NoError(t, err)
		require.True(t, bytes.Equal(x.image, got), "run `make kernels`")
	}
}

// TestJobsComputeWhatTheHostDoes: each job gives the sum that the host's own processor
// gives for it.
func TestJobsComputeWhatTheHostDoes(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err) // the interpreter takes too long
	}
	if runtime.GOOS != "linux" {
		t.Skip("the programs are Linux's")
	}
	jobs, _, err := allJobs(t.TempDir())
	require.NoError(t, err)
	for _, j := range jobs {
		if j.set == "linux" || len(j.native) == 0 {
			continue
		}
		t.Run(j.name, func(t *testing.T) {
			want, err := exec.Command(j.native[0]).Output()
			if err != nil {
				t.Skipf("the host does not run it: %v", err)
			}
			var said bytes.Buffer
			m, err := machine.New(machine.Config{Memory: 64 << 20, Kernel: j.kernel, Append: j.append, ClockMode: "warp", Accel: "jit",
				Serial: [4]machine.SerialConfig{{Out: &said}}, DebugExitPort: 0xf4})
			require.NoError(t, err)
			defer m.Close()
			res, err := m.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, res.Status, res.Reason)
			require.Equal(t, string(want), strings.ReplaceAll(said.String(), "\r", ""))
			require.Contains(t, said.String(), "SUM ")
		})
	}
}

func TestFigures(t *testing.T) {
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	require.True(t, math.IsNaN(median(nil)))
	require.InDelta(t, 4, geometric([]float64{2, 8}), 1e-9)
	require.Equal(t, "-", figure(median(nil), "%.2f"))
	require.Equal(t, "a | b", lastLines(fmt.Sprintln("a\nb")))
}
