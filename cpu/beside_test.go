package cpu_test

import (
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/jit"
)

// TestBesideGo: host code runs beside garbage collections, a profiler's signals and goroutines that
// allocate, on one processor and on two, and the engines agree meanwhile. G86_SOAK=5m goes on.
func TestBesideGo(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	span, seed := soak()
	for _, procs := range []int{1, 2} {
		t.Run(fmt.Sprintf("GOMAXPROCS %d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			if err := pprof.StartCPUProfile(io.Discard); err == nil { // else somebody profiles the test
				defer pprof.StopCPUProfile()
			}
			var wait sync.WaitGroup
			var stop atomic.Bool
			var allocated, collected int
			wait.Go(func() {
				for ; !stop.Load(); allocated++ {
					garbage := make([][]byte, 100)
					for i := range garbage {
						garbage[i] = make([]byte, 1000)
					}
					time.Sleep(10 * time.Microsecond)
				}
			})
			wait.Go(func() {
				for ; !stop.Load(); collected++ {
					runtime.GC()
				}
			})
			for _, bits := range []int{32, 64} {
				var e *jit.Engine
				s := cpu.NewSequences(t, bits, cpu.Samples(bits), attaching(t, &e))
				if e.Windows() {
					s.UseWindows(t)
				}
				for start := time.Now(); time.Since(start) < span; seed++ {
					s.Batch(t, seed)
				}
				require.NoError(t, e.Close())
			}
			stop.Store(true)
			wait.Wait()
			require.NotZero(t, allocated)
			require.NotZero(t, collected)
			t.Logf("%d collections, %d times 100 KB", collected, allocated)
		})
	}
}

// TestPace: host code that takes long gets fewer instructions at a time.
func TestPace(t *testing.T) {
	c := &cpu.CPU{}
	require.False(t, c.Slow())
	for range 10 {
		c.Ran(time.Millisecond)
	}
	require.True(t, c.Slow())
	c.Ran(50 * time.Microsecond)
	require.True(t, c.Slow(), "just right")
	for range 10 {
		c.Ran(time.Microsecond)
	}
	require.False(t, c.Slow())
}
