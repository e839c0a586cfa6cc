package vec

import (
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/softfloat"
)

// One meaning on every engine and host: the digests were recorded where the host processor agreed with each result.
func TestSameResultsOnEveryHost(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []op
		want uint64
	}{
		{"integer", integerOps(), 0x2cc84d796c3407bd},
		{"immediate", immediateOps(), 0x8692e6cb36fa73af},
		{"mmx", mmxOps(), 0xeba561308b81feae},
		{"bits", bitOps(), 0xb08e89fdb4ced692},
		{"float", floatOps(), 0xce4aa1adef38baf6},
		{"rounding", floatImmediateOps(), 0xa79cd8b7ff10114b},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fnv.New64a()
			g := gen{rand.New(rand.NewPCG(86, 1))}
			for _, o := range c.ops {
				for range 50 {
					v := func(float uint) V { return V{g.half(float), g.half(float)} }
					a, b, x0 := v(o.float), v(o.float), v(0)
					e := softfloat.SSEEnv(0x1f80 | uint32(g.IntN(8))<<13 | uint32(g.IntN(2))<<6)
					r := o.run(a, b, x0, &e)
					var out [17]byte
					for i := range 16 {
						out[i] = r.b(i)
					}
					out[16] = e.Flags
					h.Write(out[:])
				}
			}
			require.Equal(t, c.want, h.Sum64())
		})
	}
}
