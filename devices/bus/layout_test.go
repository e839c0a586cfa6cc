package bus

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

type nothing struct{}

func (nothing) ReadMem(uint64, int) uint64   { return 0 }
func (nothing) WriteMem(uint64, int, uint64) {}

// TestLayoutIsWhatPageSays: over random layouts, every page is in a span exactly if Page
// has it, with the same memory and the same protection.
func TestLayoutIsWhatPageSays(t *testing.T) {
	const pages = 64
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := New()
		for range 12 {
			base, n := r.Uint64N(pages), 1+r.Uint64N(16)
			if r.Uint64N(2) == 0 {
				_, _ = b.MapRAM("ram", base<<12, make([]byte, n<<12), r.Uint64N(2) == 0, int(r.Uint64N(3)))
			} else {
				_, _ = b.MapMem("dev", base<<12+r.Uint64N(4096), n<<8, 4, nothing{})
			}
		}
		in := map[uint64]Span{}
		next := uint64(0)
		for _, s := range b.Layout() {
			require.GreaterOrEqual(t, s.Base, next, "sorted, without overlaps")
			next = s.Base + uint64(len(s.Host))
			for at := uint64(0); at < uint64(len(s.Host)); at += 0x1000 {
				in[s.Base+at] = Span{Host: s.Host[at:], ReadOnly: s.ReadOnly}
			}
		}
		for pa := uint64(0); pa < 2*pages<<12; pa += 0x1000 {
			host, writable := b.Page(pa)
			s, ok := in[pa]
			require.Equal(t, host != nil, ok, "seed %d page %#x", seed, pa)
			if ok {
				require.Same(t, &host[0], &s.Host[0])
				require.Equal(t, writable, !s.ReadOnly)
			}
		}
	}
}
