package hpet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

type world struct {
	*HPET
	b      *bus.Bus
	clk    *clock.Clock
	edges  map[string]int
	level  map[string]bool
	legacy bool
}

func board(t *testing.T) *world {
	w := &world{b: bus.New(), edges: map[string]int{}, level: map[string]bool{}}
	w.clk = clock.New(func() uint64 { return 0 }, 1000)
	wire := func(name string) irq.Line {
		return func(l bool) {
			if l && !w.level[name] {
				w.edges[name]++
			}
			w.level[name] = l
		}
	}
	x := Wires{IRQ0: wire("irq0"), IRQ8: wire("irq8"), LegacyRoute: func(on bool) { w.legacy = on }}
	x.IOAPIC[20], x.IOAPIC[21] = wire("20"), wire("21")
	w.HPET = New("hpet", w.clk, x)
	require.NoError(t, w.Map(w.b, Base))
	return w
}

func (w *world) rd(off uint64) uint64 { return w.b.Read(Base+off, 8) }
func (w *world) wr(off, v uint64)     { w.b.Write(Base+off, 8, v) }
func (w *world) wr4(off, v uint64)    { w.b.Write(Base+off, 4, v) }
func (w *world) pass(ticks uint64)    { w.clk.Advance(ticks * tickNS); w.clk.RunDue() }
func conf(pin uint64, f ...uint64) uint64 {
	v := pin << 9
	for _, x := range f {
		v |= x
	}
	return v
}

func TestResetValues(t *testing.T) {
	w := board(t)
	require.EqualValues(t, 0x009896808086a201, w.rd(0))
	require.EqualValues(t, 10_000_000, w.b.Read(Base+4, 4), "femtoseconds: 100 MHz")
	for _, off := range []uint64{0x10, 0x20, 0xf0, 0x160} {
		require.Zero(t, w.rd(off), "%#x", off)
	}
	for n := uint64(0); n < 3; n++ {
		require.EqualValues(t, 0x0030000000000030, w.rd(0x100+0x20*n))
		require.EqualValues(t, ^uint64(0), w.rd(0x108+0x20*n))
	}
}

func TestCounter(t *testing.T) {
	w := board(t)
	w.pass(100)
	require.Zero(t, w.rd(0xf0), "halted")
	w.wr4(0xf0, 0xfffffff0)
	w.wr4(0xf4, 7)
	w.wr(0x10, 1)
	w.pass(0x20)
	require.EqualValues(t, 0x800000010, w.rd(0xf0))
	require.EqualValues(t, 0x10, w.b.Read(Base+0xf0, 4))
	require.EqualValues(t, 8, w.b.Read(Base+0xf4, 4))
	w.wr4(0x14, 0xffffffff) // upper half of GEN_CONF is reserved
	w.pass(1)
	w.wr(0x10, 0)
	w.pass(50)
	require.EqualValues(t, 0x800000011, w.rd(0xf0))
}

func TestOneShotEdge(t *testing.T) {
	w := board(t)
	w.wr(0x100, conf(20, cfgEnable))
	w.wr(0x108, 1000)
	w.wr(0x10, 1)
	w.pass(999)
	require.Zero(t, w.edges["20"])
	w.pass(1)
	require.Equal(t, 1, w.edges["20"])
	require.False(t, w.level["20"])
	require.Zero(t, w.rd(0x20), "no status in edge mode")
	w.pass(1 << 33)
	require.Equal(t, 1, w.edges["20"])
	w.wr(0x108, w.rd(0xf0)-1)
	w.pass(1 << 33)
	require.Equal(t, 1, w.edges["20"], "a comparator in the past waits for the counter to wrap")
}

func Test32BitModeMatchesEveryTurn(t *testing.T) {
	w := board(t)
	w.wr(0x100, conf(20, cfgEnable, cfg32))
	w.wr(0x108, 0x7_0000_0010)
	require.EqualValues(t, 0x10, w.rd(0x108))
	w.wr(0x10, 1)
	w.pass(0x10)
	require.Equal(t, 1, w.edges["20"])
	w.pass(1<<32 - 1)
	require.Equal(t, 1, w.edges["20"])
	w.pass(1)
	require.Equal(t, 2, w.edges["20"])
}

func TestPeriodic(t *testing.T) {
	w := board(t)
	w.wr(0x10, 1)
	w.pass(5000)
	w.wr4(0x100, conf(20, cfgEnable, cfgPeriodic, cfgSet))
	w.wr(0x108, 5300) // with VAL_SET: the first match
	require.EqualValues(t, conf(20, cfgEnable, cfgPeriodic)|0x30, w.b.Read(Base+0x100, 4), "VAL_SET clears itself")
	w.wr(0x108, 100) // without: the period
	require.EqualValues(t, 5300, w.rd(0x108))
	w.pass(299)
	require.Zero(t, w.edges["20"])
	w.pass(1)
	require.Equal(t, 1, w.edges["20"])
	require.EqualValues(t, 5400, w.rd(0x108))
	for range 3 {
		w.pass(100)
	}
	require.Equal(t, 4, w.edges["20"])
	w.pass(1_000_050)
	require.Equal(t, 5, w.edges["20"], "missed periods merge")
	require.EqualValues(t, 5700+1_000_000, w.rd(0x108))
	w.wr(0x10, 0)
	w.pass(1000)
	require.Equal(t, 5, w.edges["20"])
}

func TestPeriodicSingleWriteFromZero(t *testing.T) {
	w := board(t)
	w.wr(0x120, conf(21, cfgEnable, cfgPeriodic, cfgSet))
	w.wr(0x128, 100)
	w.wr(0x10, 1)
	w.pass(100)
	w.pass(100)
	require.Equal(t, 2, w.edges["21"])
	w.wr(0x120, conf(21, cfgEnable, cfgPeriodic, cfgSet))
	w.wr(0x128, 0) // no period: must not loop
	w.pass(1000)
	require.Equal(t, 2, w.edges["21"])
}

func TestLevel(t *testing.T) {
	w := board(t)
	w.wr(0x140, conf(21, cfgLevel))
	w.wr(0x148, 10)
	w.wr(0x10, 1)
	w.pass(10)
	require.EqualValues(t, 4, w.rd(0x20), "status without INT_ENB")
	require.False(t, w.level["21"])
	w.wr(0x140, conf(21, cfgLevel, cfgEnable))
	require.True(t, w.level["21"])
	w.wr(0x140, conf(20, cfgLevel, cfgEnable))
	require.False(t, w.level["21"])
	require.True(t, w.level["20"])
	w.wr(0x20, 3)
	require.True(t, w.level["20"])
	w.wr(0x20, 4)
	require.False(t, w.level["20"])
	require.Zero(t, w.rd(0x20))
	w.wr(0x140, conf(3, cfgLevel, cfgEnable)) // not in ROUTE_CAP
	w.wr(0x148, w.rd(0xf0)+10)
	w.pass(10)
	require.EqualValues(t, 4, w.rd(0x20))
	w.Reset(devices.Hard)
	require.Zero(t, w.rd(0x20))
}

func TestLegacyReplacement(t *testing.T) {
	w := board(t)
	for n := uint64(0); n < 3; n++ {
		w.wr(0x100+0x20*n, conf(20, cfgEnable))
		w.wr(0x108+0x20*n, 10*(n+1))
	}
	w.wr(0x10, 3)
	require.True(t, w.legacy)
	w.pass(10)
	w.pass(10)
	w.pass(10)
	require.Equal(t, map[string]int{"irq0": 1, "irq8": 1, "20": 1}, w.edges)
	w.wr(0x10, 1)
	require.False(t, w.legacy)
	w.wr(0x10, 3)
	w.Reset(devices.Hard)
	require.False(t, w.legacy)
}

func TestNarrowWritesAreIgnored(t *testing.T) {
	w := board(t)
	w.b.Write(Base+0x10, 1, 1)
	w.b.Write(Base+0x10, 2, 1)
	require.Zero(t, w.rd(0x10))
	require.EqualValues(t, 0x80, w.b.Read(Base+3, 1))
}

func TestSnapshot(t *testing.T) {
	w := board(t)
	w.wr(0x10, 3)
	w.wr(0x100, conf(0, cfgEnable, cfgPeriodic, cfgSet))
	w.wr(0x108, 100)
	w.wr(0x140, conf(21, cfgEnable, cfgLevel))
	w.wr(0x148, 50)
	w.pass(60)
	var s snap.Writer
	w.clk.Save(&s)
	w.Save(&s)
	n := board(t)
	r := snap.NewReader(s.Bytes())
	require.NoError(t, n.clk.Load(r))
	require.NoError(t, n.Load(r))
	require.True(t, n.legacy)
	require.True(t, n.level["21"])
	require.Equal(t, w.Info(), n.Info())
	n.pass(40)
	require.Equal(t, 1, n.edges["irq0"])
	n.wr(0x20, 4)
	require.False(t, n.level["21"])
	require.Error(t, n.Load(snap.NewReader(nil)))
}
