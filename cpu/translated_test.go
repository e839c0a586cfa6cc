//go:build linux && amd64

package cpu_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/jit"
)

// TestTranslatedLikeInterpreted: random programs over all forms reach the same
// state on translated code, every block of which is translated before it first
// runs, as on the interpreter.
func TestTranslatedLikeInterpreted(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	const count, seeds = 400, 300
	for _, bits := range []int{32, 64} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			pool := cpu.Samples(bits)
			for seed := range uint64(seeds) {
				var e *jit.Engine
				cpu.Lockstep(t, bits, pool, seed, count, func(k *cpu.CodeCache) {
					if e != nil {
						require.NoError(t, e.Close())
					}
					var err error
					e, err = jit.Attach(k, 0)
					require.NoError(t, err)
				})
				require.NoError(t, e.Close())
			}
		})
	}
}
