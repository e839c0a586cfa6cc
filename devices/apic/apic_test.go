package apic

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

type cpu struct {
	w     *world
	kicks int
	log   []string
}

func (c *cpu) Kick()                   { c.kicks++ }
func (c *cpu) NMI()                    { c.log = append(c.log, "nmi") }
func (c *cpu) Init()                   { c.log = append(c.log, "init") }
func (c *cpu) Startup(v uint8)         { c.log = append(c.log, fmt.Sprintf("sipi %02x", v)) }
func (c *cpu) TSC() uint64             { return 2 * c.w.clk.Now() } // 2 GHz
func (c *cpu) TSCTime(v uint64) uint64 { return v / 2 }

type world struct {
	*System
	b    *bus.Bus
	clk  *clock.Clock
	cpus []*cpu
	cur  int
	acks int
}

func board(t *testing.T, n int) *world {
	w := &world{b: bus.New()}
	w.clk = clock.New(func() uint64 { return 0 }, 1000)
	w.System = New(Config{Clock: w.clk, Current: func() int { return w.cur }, X2APIC: true, TSCDeadline: true, PhysBits: 40})
	for range n {
		c := &cpu{w: w}
		w.cpus = append(w.cpus, c)
		w.AddCPU(c, c, func() int { w.acks++; return 0x08 })
	}
	require.NoError(t, w.Map(w.b))
	w.Reset(devices.PowerOn)
	return w
}

func (w *world) rd(reg uint64) uint32    { return uint32(w.b.Read(LocalBase+reg, 4)) }
func (w *world) wr(reg uint64, v uint32) { w.b.Write(LocalBase+reg, 4, uint64(v)) }
func (w *world) pass(ns uint64)          { w.clk.Advance(ns); w.clk.RunDue() }
func (w *world) io(i uint8, v uint32) {
	w.b.Write(IOBase, 4, uint64(i))
	w.b.Write(IOBase+16, 4, uint64(v))
}
func (w *world) ior(i uint8) uint32 {
	w.b.Write(IOBase, 4, uint64(i))
	return uint32(w.b.Read(IOBase+16, 4))
}
func (w *world) rte(n uint8, e uint64) { w.io(0x11+2*n, uint32(e>>32)); w.io(0x10+2*n, uint32(e)) }
func (w *world) on(i int, f func())    { was := w.cur; w.cur = i; f(); w.cur = was }
func (w *world) enable() {
	for i := range w.cpus {
		w.on(i, func() { w.wr(0xf0, 0x1ff) })
	}
}

func TestResetValues(t *testing.T) {
	w := board(t, 2)
	w.cur = 1
	for _, c := range []struct {
		reg  uint64
		want uint32
	}{
		{0x20, 0x01000000}, {0x30, 0x00050014}, {0x80, 0}, {0xa0, 0}, {0xd0, 0}, {0xe0, 0xffffffff}, {0xf0, 0xff},
		{0x280, 0}, {0x300, 0}, {0x320, 0x10000}, {0x350, 0x10000}, {0x360, 0x10000}, {0x370, 0x10000}, {0x380, 0}, {0x390, 0}, {0x3e0, 0},
	} {
		require.Equal(t, c.want, w.rd(c.reg), "%#x", c.reg)
	}
	w.cur = 0
	require.EqualValues(t, 0, w.rd(0x20))
	require.EqualValues(t, 0x700, w.rd(0x350), "the bootstrap processor starts in virtual wire mode")
	v, ok := w.Local(0).ReadMSR(0x1b)
	require.True(t, ok)
	require.EqualValues(t, 0xfee00900, v)
	v, _ = w.Local(1).ReadMSR(0x1b)
	require.EqualValues(t, 0xfee00800, v)
	w.cur = -1
	require.EqualValues(t, 0xffffffff, w.rd(0x30))
}

func TestPriorityAndEOI(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	w.enable()
	self := func(v uint32) { w.wr(0x300, 0x40000|v) }
	self(0x31)
	self(0x35)
	self(0x62)
	require.EqualValues(t, 1<<17|1<<21, w.rd(0x210))
	require.Equal(t, 0x62, l.Ack())
	require.EqualValues(t, 0x60, w.rd(0xa0))
	require.EqualValues(t, 4, w.rd(0x130), "ISR")
	require.False(t, l.Pending(), "lower classes wait")
	self(0x71)
	require.Equal(t, 0x71, l.Ack())
	w.wr(0xb0, 0)
	w.wr(0xb0, 0)
	require.Equal(t, 0x35, l.Ack())
	self(0x3f)
	require.False(t, l.Pending(), "same class")
	w.wr(0xb0, 0)
	w.wr(0x80, 0x35)
	require.EqualValues(t, 0x35, w.rd(0xa0))
	require.EqualValues(t, 0x35, l.TPR())
	require.False(t, l.Pending())
	w.wr(0xf0, 0x1ef)
	require.Equal(t, 0xef, l.Ack(), "spurious")
	require.EqualValues(t, 0, w.rd(0x110))
	k := w.cpus[0].kicks
	l.SetTPR(0x20)
	require.Greater(t, w.cpus[0].kicks, k)
	require.Equal(t, 0x3f, l.Ack())
	w.wr(0xb0, 0)
	require.Equal(t, 0x31, l.Ack())
	w.wr(0xb0, 0)
	w.wr(0xb0, 0) // nothing in service: no effect
	require.False(t, l.Pending())
}

func TestExtINT(t *testing.T) {
	w := board(t, 2)
	w.SetExtINT(true)
	require.True(t, w.Local(0).Pending(), "virtual wire while software-disabled")
	require.False(t, w.Local(1).Pending())
	require.Equal(t, 8, w.Local(0).Ack())
	w.wr(0x350, 0x10700)
	require.EqualValues(t, 0x10700, w.rd(0x350))
	require.False(t, w.Local(0).Pending())
	w.wr(0x350, 0x700)
	require.EqualValues(t, 0x10700, w.rd(0x350), "the mask is stuck while software-disabled")
	w.enable()
	w.wr(0x350, 0x700)
	w.Local(0).SetTPR(0xff)
	require.True(t, w.Local(0).Pending(), "ExtINT has no priority")
	w.SetExtINT(false)
	require.False(t, w.Local(0).Pending())
	require.True(t, w.Local(0).WriteMSR(0x1b, 0xfee00100))
	w.SetExtINT(true)
	require.True(t, w.Local(0).Pending(), "hardware-disabled: LINT0 is INTR")
	w.SetNMI(true)
	require.Equal(t, []string{"nmi"}, w.cpus[0].log)
	require.Empty(t, w.cpus[1].log, "LINT1 is masked")
}

func TestLINT(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	w.enable()
	w.wr(0x360, 0x400)
	w.SetNMI(true)
	w.SetNMI(true)
	require.Equal(t, []string{"nmi"}, w.cpus[0].log)
	w.wr(0x350, 0x8041) // level, fixed
	w.SetExtINT(true)
	require.EqualValues(t, 0xc041, w.rd(0x350), "remote IRR")
	require.Equal(t, 0x41, l.Ack())
	w.wr(0xb0, 0)
	require.Equal(t, 0x41, l.Ack(), "still high")
	w.SetExtINT(false)
	w.wr(0xb0, 0)
	require.EqualValues(t, 0x8041, w.rd(0x350))
	require.False(t, l.Pending())
}

func TestIPIs(t *testing.T) {
	w := board(t, 3)
	w.enable()
	icr := func(dest, v uint32) { w.wr(0x310, dest<<24); w.wr(0x300, v) }
	irr := func(v uint8) (l []int) {
		for i := range w.cpus {
			if st := &w.Local(i).state; st.IRR.has(v) {
				l = append(l, i)
				st.IRR.clear(v)
			}
		}
		return
	}
	for i, ldr := range []uint32{1, 2, 4} {
		w.on(i, func() { w.wr(0xd0, ldr<<24) })
	}
	icr(1, 0x50)
	require.Equal(t, []int{1}, irr(0x50))
	icr(0xff, 0x50)
	require.Equal(t, []int{0, 1, 2}, irr(0x50), "physical broadcast")
	icr(6, 0x850)
	require.Equal(t, []int{1, 2}, irr(0x50), "flat logical")
	icr(0, 0x80050)
	require.Equal(t, []int{0, 1, 2}, irr(0x50))
	icr(0, 0xc0050)
	require.Equal(t, []int{1, 2}, irr(0x50))
	icr(0, 0x40050)
	require.Equal(t, []int{0}, irr(0x50))
	w.on(1, func() { w.wr(0x80, 0x30) })
	icr(6, 0x950)
	require.Equal(t, []int{2}, irr(0x50), "lowest priority")
	w.Local(1).state.ISR.set(0x50)
	icr(6, 0x950)
	require.Equal(t, []int{1}, irr(0x50), "focus processor")
	w.Local(1).state.ISR.clear(0x50)
	for i, ldr := range []uint32{0x11, 0x12, 0x21} { // cluster model
		w.on(i, func() { w.wr(0xe0, 0); w.wr(0xd0, ldr<<24) })
	}
	require.EqualValues(t, 0x0fffffff, w.rd(0xe0))
	icr(0x13, 0x850)
	require.Equal(t, []int{0, 1}, irr(0x50))
	icr(0x21, 0x850)
	require.Equal(t, []int{2}, irr(0x50))
	icr(0xf1, 0x850)
	require.Equal(t, []int{0, 2}, irr(0x50), "all clusters")

	icr(0, 0xc4500) // INIT to all but self
	icr(0, 0xc8500) // level de-assert does nothing
	icr(2, 0x4612)  // start-up
	icr(1, 0x400)   // NMI
	icr(1, 0x200)   // SMI: nobody is at home
	icr(0, 0x404ff) // NMI to self is invalid
	require.Empty(t, w.cpus[0].log)
	require.Equal(t, []string{"init", "nmi"}, w.cpus[1].log)
	require.Equal(t, []string{"init", "sipi 12"}, w.cpus[2].log)
	icr(1, 0x50)
	require.Empty(t, irr(0x50), "INIT left the APIC software-disabled")
	icr(0, 0x40005)
	w.wr(0x280, 0)
	require.EqualValues(t, 0x20, w.rd(0x280), "send illegal vector")
}

func TestInitKeepsIDAndBase(t *testing.T) {
	w := board(t, 2)
	w.cur = 1
	require.True(t, w.Local(1).WriteMSR(0x1b, 0xfed00800))
	w.b.Write(0xfed00020, 4, 0x05000000)
	w.b.Write(0xfed000f0, 4, 0x1aa)
	w.cur = 0
	w.wr(0x310, 5<<24)
	w.wr(0x300, 0x4500)
	require.Equal(t, []string{"init"}, w.cpus[1].log)
	w.cur = 1
	require.EqualValues(t, 0x05000000, w.b.Read(0xfed00020, 4))
	require.EqualValues(t, 0xff, w.b.Read(0xfed000f0, 4))
	w.Reset(devices.Hard)
	require.EqualValues(t, 0x01000000, w.rd(0x20))
}

func TestEachCPUSeesItsOwnPage(t *testing.T) {
	w := board(t, 2)
	w.wr(0x80, 0x10)
	w.on(1, func() { w.wr(0x80, 0x20) })
	require.EqualValues(t, 0x10, w.rd(0x80))
	require.True(t, w.Local(0).WriteMSR(0x1b, 0xfec80900))
	require.EqualValues(t, 0xffffffff, w.rd(0x80))
	require.EqualValues(t, 0x10, w.b.Read(0xfec80080, 4))
	w.cur = 1
	require.EqualValues(t, 0x20, w.rd(0x80))
	require.EqualValues(t, 0xffffffff, w.b.Read(0xfec80080, 4))
	require.True(t, w.Local(1).WriteMSR(0x1b, 0xfec80800))
	require.True(t, w.Local(0).WriteMSR(0x1b, 0xfee00900))
	require.EqualValues(t, 0x20, w.b.Read(0xfec80080, 4))
	w.cur = 0
	require.EqualValues(t, 0x10, w.rd(0x80))
}

func TestAccessSizesAndErrors(t *testing.T) {
	w := board(t, 1)
	require.EqualValues(t, 0x05, w.b.Read(LocalBase+0x32, 1))
	require.EqualValues(t, 0, w.b.Read(LocalBase+0x34, 4))
	w.b.Write(LocalBase+0x80, 1, 0x44)
	require.EqualValues(t, 0, w.rd(0x80))
	w.enable()
	w.wr(0x370, 0xfe)
	w.rd(0x40) // reserved
	require.Equal(t, 0xfe, w.Local(0).Ack())
	require.EqualValues(t, 0, w.rd(0x280), "shown after a write")
	w.wr(0x280, 0)
	require.EqualValues(t, 0x80, w.rd(0x280))
	w.wr(0x280, 0)
	require.EqualValues(t, 0, w.rd(0x280))
	w.DeliverMSI(0xfee00000, 0x0f)
	w.wr(0x280, 0)
	require.EqualValues(t, 0x40, w.rd(0x280), "receive illegal vector")
}

func TestAPICBaseTransitions(t *testing.T) {
	const off, x, x2, bad = 0x000, 0x800, 0xc00, 0x400
	for _, c := range []struct {
		from []uint64
		to   uint64
		ok   bool
	}{
		{nil, x, true}, {nil, x2, true}, {nil, off, true}, {nil, bad, false},
		{[]uint64{x2}, x, false}, {[]uint64{x2}, off, true}, {[]uint64{x2}, x2, true}, {[]uint64{x2}, bad, false},
		{[]uint64{off}, x, true}, {[]uint64{off}, x2, false}, {[]uint64{off}, bad, false}, {[]uint64{x2, off}, x, true},
	} {
		w := board(t, 1)
		for _, v := range c.from {
			require.True(t, w.Local(0).WriteMSR(0x1b, 0xfee00100|v))
		}
		require.Equal(t, c.ok, w.Local(0).WriteMSR(0x1b, 0xfee00100|c.to), "%x to %x", c.from, c.to)
	}
	w := board(t, 1)
	require.False(t, w.Local(0).WriteMSR(0x1b, 0xfee00a00), "bit 9")
	require.False(t, w.Local(0).WriteMSR(0x1b, 1<<40|0xfee00900), "beyond MAXPHYADDR")
	w.cfg.X2APIC = false
	require.False(t, w.Local(0).WriteMSR(0x1b, 0xfee00d00))
}

func TestX2APIC(t *testing.T) {
	w := board(t, 18)
	for i := range w.cpus {
		_, ok := w.Local(i).ReadMSR(0x802)
		require.False(t, ok)
		require.True(t, w.Local(i).WriteMSR(0x1b, w.Local(i).state.Base|0x400))
		require.True(t, w.Local(i).WriteMSR(0x80f, 0x1ff))
	}
	require.EqualValues(t, 0xffffffff, w.rd(0x30), "no memory-mapped registers")
	l := w.Local(17)
	for _, c := range []struct {
		n    uint32
		want uint64
	}{{0x802, 17}, {0x803, 0x50014}, {0x80d, 0x10002}, {0x80f, 0x1ff}, {0x837, 0x10000}} {
		v, ok := l.ReadMSR(c.n)
		require.True(t, ok)
		require.Equal(t, c.want, v, "%#x", c.n)
	}
	for _, n := range []uint32{0x800, 0x809, 0x80b, 0x80c, 0x80e, 0x82f, 0x831, 0x83f, 0x840, 0x8ff, 0x6e1} {
		_, ok := l.ReadMSR(n)
		require.False(t, ok, "read %#x", n)
	}
	for _, c := range []struct {
		n uint32
		v uint64
	}{{0x802, 0}, {0x803, 0}, {0x808, 0x100}, {0x80a, 0}, {0x80b, 1}, {0x80d, 0}, {0x80e, 0}, {0x80f, 0x1000}, {0x810, 0},
		{0x828, 1}, {0x830, 1 << 20}, {0x831, 0}, {0x832, 1 << 20}, {0x839, 0}, {0x83e, 4}, {0x83f, 0x100}} {
		require.False(t, l.WriteMSR(c.n, c.v), "write %#x", c.n)
	}
	require.True(t, l.WriteMSR(0x83f, 0x66))
	require.Equal(t, 0x66, l.Ack())
	require.True(t, l.WriteMSR(0x80b, 0))
	require.True(t, w.Local(0).WriteMSR(0x830, 0x10003<<32|0x855)) // logical: cluster 1, both
	require.Equal(t, 0x55, l.Ack())
	require.Equal(t, 0x55, w.Local(16).Ack())
	require.True(t, w.Local(0).WriteMSR(0x830, 0xffffffff<<32|0x77))
	for i := range w.cpus {
		require.Equal(t, 0x77, w.Local(i).Ack())
	}
	v, _ := w.Local(0).ReadMSR(0x830)
	require.EqualValues(t, uint64(0xffffffff00000077), v)
}

func TestTimerOneShotAndPeriodic(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	w.enable()
	w.wr(0x3e0, 0xb) // by 1
	w.wr(0x320, 0x40)
	w.wr(0x380, 1000)
	w.pass(400)
	require.EqualValues(t, 600, w.rd(0x390))
	w.wr(0x3e0, 0x3) // by 16: the count goes on from where it is
	require.EqualValues(t, 0x3, w.rd(0x3e0))
	w.pass(160)
	require.EqualValues(t, 590, w.rd(0x390))
	w.pass(590*16 - 1)
	require.False(t, l.Pending())
	w.pass(1)
	require.Equal(t, 0x40, l.Ack())
	require.EqualValues(t, 0, w.rd(0x390))
	require.False(t, l.timer.Armed())
	w.wr(0xb0, 0)

	w.wr(0x3e0, 0) // by 2
	w.wr(0x320, 0x20041)
	w.wr(0x380, 50)
	for range 3 {
		w.pass(99)
		require.False(t, l.Pending())
		w.pass(1)
		require.Equal(t, 0x41, l.Ack())
		w.wr(0xb0, 0)
	}
	w.pass(1_000_000_000_030)
	require.EqualValues(t, 35, w.rd(0x390))
	require.Equal(t, 0x41, l.Ack(), "missed periods merge")
	w.wr(0xb0, 0)
	w.wr(0x320, 0x30041)
	require.False(t, l.timer.Armed(), "a masked timer wakes nobody")
	w.wr(0x380, 0)
	w.wr(0x320, 0x41)
	w.pass(1000)
	require.False(t, l.Pending())
}

func TestTimerDividers(t *testing.T) {
	w := board(t, 1)
	for v, div := range map[uint32]uint64{0: 2, 1: 4, 2: 8, 3: 16, 8: 32, 9: 64, 0xa: 128, 0xb: 1} {
		w.wr(0x3e0, v)
		w.wr(0x380, 1000)
		w.pass(10 * div)
		require.EqualValues(t, 990, w.rd(0x390), "divide configuration %#x", v)
	}
}

func TestTSCDeadline(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	w.enable()
	require.True(t, l.WriteMSR(0x6e0, 100), "ignored in one-shot mode")
	v, ok := l.ReadMSR(0x6e0)
	require.True(t, ok)
	require.Zero(t, v)
	w.wr(0x320, 0x40042)
	w.wr(0x380, 1000)
	require.EqualValues(t, 0, w.rd(0x380), "the initial count is ignored")
	require.True(t, l.WriteMSR(0x6e0, 2001)) // 1000.5 ns
	w.pass(1000)
	require.False(t, l.Pending())
	w.pass(1)
	require.Equal(t, 0x42, l.Ack())
	w.wr(0xb0, 0)
	v, _ = l.ReadMSR(0x6e0)
	require.Zero(t, v)
	require.True(t, l.WriteMSR(0x6e0, 1)) // in the past
	w.clk.RunDue()
	require.Equal(t, 0x42, l.Ack())
	require.True(t, l.WriteMSR(0x6e0, 1<<40))
	w.wr(0x320, 0x42) // another mode disarms
	require.False(t, l.timer.Armed())
	w.cfg.TSCDeadline = false
	_, ok = l.ReadMSR(0x6e0)
	require.False(t, ok)
	require.False(t, l.WriteMSR(0x6e0, 0))
	w.wr(0x320, 0x40042)
	require.EqualValues(t, 0x42, w.rd(0x320))
}

func TestIOAPICRegisters(t *testing.T) {
	w := board(t, 1)
	require.EqualValues(t, 0x00170020, w.ior(1))
	w.io(0, 0xffffffff)
	require.EqualValues(t, 0x0f000000, w.ior(0))
	require.EqualValues(t, 0x0f000000, w.ior(2))
	require.EqualValues(t, 0x10000, w.ior(0x10))
	w.io(0x3f, 0xffffffff)
	w.io(0x3e, 0xffffffff)
	require.EqualValues(t, 0xff000000, w.ior(0x3f))
	require.EqualValues(t, 0x1afff, w.ior(0x3e), "delivery status and remote IRR are read-only")
	require.EqualValues(t, 0, w.ior(0x40))
	require.EqualValues(t, 0x40, w.b.Read(IOBase, 1))
	require.Panics(t, func() { w.IO().Input(24) })
}

func TestIOAPICEdge(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	w.enable()
	in := w.IO().Input(4)
	in.Pulse()
	w.rte(4, 0x44)
	require.False(t, l.Pending(), "an edge at a masked pin is lost")
	in.Raise()
	in.Raise()
	require.Equal(t, 0x44, l.Ack())
	w.wr(0xb0, 0)
	require.False(t, l.Pending())
	in.Lower()
	in.Raise()
	require.Equal(t, 0x44, l.Ack())
	w.wr(0xb0, 0)
	in.Lower()
	for _, c := range []struct {
		mode uint64
		log  string
	}{{4, "nmi"}, {5, "init"}} {
		w.cpus[0].log = nil
		w.rte(4, 0x8000|c.mode<<8)
		in.Pulse()
		require.Equal(t, []string{c.log}, w.cpus[0].log)
	}
	w.rte(4, 0x700)
	in.Pulse()
	require.True(t, l.Pending())
	require.Equal(t, 8, l.Ack(), "ExtINT takes the vector from the 8259s")
	require.False(t, l.Pending())
}

func TestIOAPICLevel(t *testing.T) {
	w := board(t, 1)
	l := w.Local(0)
	in := w.IO().Input(16)
	w.rte(16, 0x8051)
	in.Raise()
	require.EqualValues(t, 0x8051, w.ior(0x30), "nobody accepts it")
	w.enable()
	require.EqualValues(t, 0xc051, w.ior(0x30), "sent again once somebody does")
	require.Equal(t, 0x51, l.Ack())
	require.EqualValues(t, 1<<17, w.rd(0x1a0), "TMR")
	w.wr(0xb0, 0)
	require.Equal(t, 0x51, l.Ack(), "still asserted")
	in.Lower()
	require.EqualValues(t, 0xc051, w.ior(0x30))
	w.wr(0xb0, 0)
	require.EqualValues(t, 0x8051, w.ior(0x30))
	require.False(t, l.Pending())
	in.Raise()
	in.Lower()
	w.b.Write(IOBase+0x40, 4, 0x51) // directed EOI
	require.EqualValues(t, 0x8051, w.ior(0x30))
	in.Raise()
	w.io(0x30, 0x10051) // masked and edge, as software without an EOI register does
	require.EqualValues(t, 0x10051, w.ior(0x30))
	w.io(0x30, 0x8051)
	require.EqualValues(t, 0xc051, w.ior(0x30))
}

func TestMSI(t *testing.T) {
	w := board(t, 2)
	w.enable()
	w.DeliverMSI(0xfee01000, 0x61)
	require.False(t, w.Local(0).Pending())
	require.Equal(t, 0x61, w.Local(1).Ack())
	for i, ldr := range []uint32{1, 2} {
		w.on(i, func() { w.wr(0xd0, ldr<<24) })
	}
	w.DeliverMSI(0xfee0300c, 0x62) // logical, redirection hint: one of them, CPU 1 is busy
	require.Equal(t, 0x62, w.Local(0).Ack())
	require.False(t, w.Local(1).Pending())
	w.DeliverMSI(0xfee01000, 0x400)
	require.Equal(t, []string{"nmi"}, w.cpus[1].log)
	w.DeliverMSI(0xfed01000, 0x63)
	require.False(t, w.Local(1).Pending())
}

func TestSnapshot(t *testing.T) {
	w := board(t, 2)
	w.enable()
	w.wr(0x320, 0x20041)
	w.wr(0x380, 1000)
	w.rte(16, 0x8051)
	w.IO().Input(16).Raise()
	w.on(1, func() { w.wr(0x300, 0x40070) })
	require.True(t, w.Local(1).WriteMSR(0x1b, 0xfee00c00))
	var s snap.Writer
	w.clk.Save(&s)
	w.Save(&s)
	n := board(t, 2)
	r := snap.NewReader(s.Bytes())
	require.NoError(t, n.clk.Load(r))
	require.NoError(t, n.Load(r))
	require.Equal(t, w.Info(), n.Info())
	require.Equal(t, 0x51, n.Local(0).Ack())
	require.Equal(t, 0x70, n.Local(1).Ack())
	n.cur = 1
	require.EqualValues(t, 0xffffffff, n.rd(0x30))
	n.cur = 0
	n.wr(0xb0, 0)
	n.IO().Input(16).Lower()
	n.Local(0).Ack()
	n.wr(0xb0, 0)
	n.pass(2000)
	require.Equal(t, 0x41, n.Local(0).Ack())
	require.Error(t, n.Load(snap.NewReader(s.Bytes()[:100])))
}
