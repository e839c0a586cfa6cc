package apic

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// A guest may program anything: nothing panics, runs away, or leaves the
// service register below a vector that the priority register hides.
func TestRandomGuest(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	w := board(t, 3)
	taken := 0
	for range 60_000 {
		w.cur = r.Intn(3)
		l := w.Local(w.cur)
		v := r.Uint32() >> r.Intn(32)
		switch r.Intn(13) {
		case 0, 1, 2:
			w.wr(uint64(r.Intn(0x40))<<4, v)
		case 3:
			w.io(uint8(r.Intn(0x40)), v)
		case 4:
			w.IO().Input(r.Intn(Pins)).Set(v&1 != 0)
		case 5:
			w.DeliverMSI(LocalBase|uint64(r.Intn(1<<20)), v)
		case 6:
			l.WriteMSR(uint32(0x800+r.Intn(0x40)), uint64(v))
			if r.Intn(20) == 0 {
				l.WriteMSR(0x1b, LocalBase|uint64(r.Intn(16))<<8)
			}
			l.WriteMSR(0x6e0, w.clk.Now()*2+uint64(v>>20))
		case 7:
			w.SetExtINT(v&1 != 0)
			w.SetNMI(v&2 != 0)
		case 8:
			w.pass(uint64(r.Intn(2000)))
		case 9: // software that knows what it does
			l.WriteMSR(0x1b, LocalBase)
			l.WriteMSR(0x1b, LocalBase|baseEnable)
			w.wr(0xf0, 0x1ff)
			w.wr(0x350, lvtMasked)
		case 10:
			w.wr(0x300, 0x40000|v&0xff)
		case 11:
			w.wr(0xb0, 0)
			w.wr(0x80, 0)
		case 12:
			before := l.ppr()
			if l.Pending() && !l.extINT() {
				got := l.Ack()
				taken++
				require.Greater(t, got>>4, int(before>>4))
				require.EqualValues(t, got&0xf0, l.ppr())
			}
		}
		w.b.Read(LocalBase+uint64(r.Intn(0x400)), 1<<r.Intn(4))
		for i := range w.cpus {
			if tm := w.Local(i).timer; tm.Armed() && w.Local(i).timerModeNow() != timerDeadline {
				require.Greater(t, tm.Deadline(), w.clk.Now())
			}
		}
	}
	require.Greater(t, taken, 500)
}
