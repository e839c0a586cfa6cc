package hpet

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A guest may program anything: nothing panics, and no timer is ever left due,
// which would keep the clock from going on.
func TestRandomGuest(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	w := board(t)
	for range 60_000 {
		off := []uint64{0x10, 0x20, 0xf0, 0x100, 0x108, 0x120, 0x128, 0x140, 0x148}[r.Intn(9)] + uint64(r.Intn(2))*4
		size := 4 << r.Intn(2)
		v := r.Uint64() >> r.Intn(64)
		if off == 0x10 && r.Intn(4) != 0 {
			v |= 1
		}
		w.b.Write(Base+off, size, v)
		w.pass(uint64(r.Intn(500)))
		for n := range Timers {
			if w.timer[n].Armed() {
				require.Greater(t, w.timer[n].Deadline(), w.clk.Now())
			}
			if out := w.state.T[n].Out; out != outNone {
				require.NotZero(t, w.state.Status>>n&1)
			}
		}
	}
}
