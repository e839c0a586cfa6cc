// Package hpet models the IA-PC high precision event timer: a 64-bit counter at
// 100 MHz and three comparators, each one-shot or periodic.
package hpet

// Registers (IA-PC HPET specification 1.0a, 2.3)
//
//	000h  GCAP_ID   63:32 period in fs  31:16 vendor  15 LEG_RT_CAP  13 COUNT_SIZE_CAP  12:8 last timer  7:0 revision
//	010h  GEN_CONF  1 LEG_RT_CNF  0 ENABLE_CNF
//	020h  GINTR_STA bit n: timer n's level-triggered interrupt is active, write one to clear
//	0F0h  MAIN_CNT  64 bits
//	100h+20h*n  Tn_CONF  63:32 ROUTE_CAP  13:9 INT_ROUTE  8 32MODE  6 VAL_SET  5 SIZE_CAP
//	                     4 PER_INT_CAP  3 TYPE (periodic)  2 INT_ENB  1 INT_TYPE (level)
//	108h+20h*n  Tn_COMP  64 bits

import (
	"fmt"
	"math/bits"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// The place and the frequency of the timer block on a PC.
const (
	Base   = 0xfed00000
	Size   = 0x400
	Timers = 3
	tickNS = 10
)

const (
	capabilities = 10_000_000<<32 | 0x8086<<16 | 1<<15 | 1<<13 | (Timers-1)<<8 | 1

	genEnable = 1 << 0
	genLegacy = 1 << 1

	cfgLevel    = 1 << 1
	cfgEnable   = 1 << 2
	cfgPeriodic = 1 << 3
	cfgPerCap   = 1 << 4
	cfgSizeCap  = 1 << 5
	cfgSet      = 1 << 6
	cfg32       = 1 << 8
	cfgWritable = cfgLevel | cfgEnable | cfgPeriodic | cfgSet | cfg32 | 31<<9
)

type comparator struct {
	Conf   uint32 // writable half of Tn_CONF
	Comp   uint64 // next match
	Period uint64 // value last written to Tn_COMP in periodic mode
	Out    int8   // output held high: a pin number, outLegacy, or outNone
}

const (
	outNone   = -1
	outLegacy = 32
)

// HPET is the timer block.
type HPET struct {
	name   string `snap:"-"`
	clk    *clock.Clock
	wires  Wires
	routes uint32 `snap:"-"`
	timer  [Timers]*clock.Timer
	state  struct {
		Conf    uint32
		Status  uint32
		Counter uint64 // main counter at Since
		Since   uint64 // guest ns; meaningful while enabled
		T       [Timers]comparator
	}
}

// Wires are the outputs of the timer block.
type Wires struct {
	// IOAPIC are its ends of the I/O APIC's inputs by pin; a pin without a line
	// is not offered in Tn_INT_ROUTE_CAP.
	IOAPIC [32]irq.Line
	// Legacy replacement routing: timer 0 drives IRQ0, timer 1 IRQ8, and the
	// 8254 and the RTC must keep off these lines while LegacyRoute(true) holds.
	IRQ0, IRQ8  irq.Line
	LegacyRoute func(on bool)
}

// New returns a timer block in its reset state.
func New(name string, clk *clock.Clock, w Wires) *HPET {
	h := &HPET{name: name, clk: clk, wires: w}
	for i, l := range w.IOAPIC {
		if l != nil {
			h.routes |= 1 << i
		}
	}
	for n := range h.timer {
		h.timer[n] = clk.NewTimer(fmt.Sprintf("%s.t%d", name, n), func(uint64) { h.due(n) })
		h.state.T[n].Out = outNone
	}
	h.Reset(devices.PowerOn)
	return h
}

// Map puts the registers on the bus, normally at Base.
func (h *HPET) Map(b *bus.Bus, base uint64) error {
	_, err := b.MapMem(h.name, base, Size, bus.Qword, h)
	return err
}

// Name implements devices.Device.
func (h *HPET) Name() string { return h.name }

// Reset implements devices.Device: halted, counter 0, comparators all ones.
func (h *HPET) Reset(devices.ResetKind) {
	s := &h.state
	s.Conf, s.Status, s.Counter, s.Since = 0, 0, 0, 0
	for n := range s.T {
		t := &s.T[n]
		t.Conf, t.Comp, t.Period = 0, ^uint64(0), 0
		h.timer[n].Stop()
		h.drive(n)
	}
	h.legacy()
}

// Save implements devices.Device.
func (h *HPET) Save(w *snap.Writer) { w.Struct(&h.state) }

// Load implements devices.Device; deadlines come with the clock.
func (h *HPET) Load(r *snap.Reader) error {
	for n := range h.state.T { // let go of what this machine held before
		h.line(n, h.state.T[n].Out).Lower()
	}
	if err := r.Struct(&h.state); err != nil {
		return err
	}
	h.legacy()
	for n := range h.state.T {
		t := &h.state.T[n]
		if out := t.Out; out != outNone && out != outLegacy && (out < 0 || out > 31) {
			return fmt.Errorf("hpet: timer %d holds line %d", n, out)
		}
		h.line(n, t.Out).Set(t.Out != outNone)
	}
	return nil
}

func (h *HPET) legacy() {
	if h.wires.LegacyRoute != nil {
		h.wires.LegacyRoute(h.state.Conf&genLegacy != 0)
	}
}

// counter is the main counter now.
func (h *HPET) counter() uint64 {
	s := &h.state
	if s.Conf&genEnable == 0 {
		return s.Counter
	}
	return s.Counter + (h.clk.Now()-s.Since)/tickNS
}

// arm sets the clock for the next match of timer n.
func (h *HPET) arm(n int) {
	s, t := &h.state, &h.state.T[n]
	if s.Conf&genEnable == 0 {
		h.timer[n].Stop()
		return
	}
	now := h.counter()
	wait := t.Comp - now // ticks; a comparator equal to the counter matches after a whole turn
	if t.Conf&cfg32 != 0 {
		wait = uint64(uint32(wait))
		if wait == 0 {
			wait = 1 << 32
		}
	}
	// Absolute tick of the match, as counted since Since.
	ticks, carry := bits.Add64(now-s.Counter, wait, 0)
	hi, ns := bits.Mul64(ticks, tickNS)
	at, over := bits.Add64(ns, s.Since, 0)
	if wait == 0 || carry|hi|over != 0 {
		h.timer[n].Stop() // not within the lifetime of the clock
		return
	}
	h.timer[n].At(at)
}

// due is the match of timer n.
func (h *HPET) due(n int) {
	t := &h.state.T[n]
	if t.Conf&cfgPeriodic != 0 {
		h.advance(t)
	}
	h.arm(n)
	if t.Conf&cfgLevel != 0 {
		h.state.Status |= 1 << n
		h.drive(n)
		return
	}
	if out := h.output(n); out != outNone {
		h.line(n, out).Pulse()
	}
}

// advance moves a periodic comparator past the counter; periods that went by
// unserved have merged into one interrupt.
func (h *HPET) advance(t *comparator) {
	period, mask := t.Period, ^uint64(0)
	if t.Conf&cfg32 != 0 {
		period, mask = uint64(uint32(period)), 0xffffffff
	}
	if period == 0 {
		return
	}
	behind := (h.counter() - t.Comp) & mask
	t.Comp = (t.Comp + (behind/period+1)*period) & mask
}

// output is where the interrupt of timer n goes now.
func (h *HPET) output(n int) int8 {
	s, t := &h.state, &h.state.T[n]
	pin := t.Conf >> 9 & 31
	switch {
	case s.Conf&genEnable == 0 || t.Conf&cfgEnable == 0:
		return outNone
	case s.Conf&genLegacy != 0 && n < 2:
		return outLegacy
	case h.routes>>pin&1 == 0:
		return outNone
	}
	return int8(pin)
}

func (h *HPET) line(n int, out int8) irq.Line {
	switch {
	case out == outLegacy && n == 0:
		return h.wires.IRQ0
	case out == outLegacy && n == 1:
		return h.wires.IRQ8
	case out >= 0 && out < 32:
		return h.wires.IOAPIC[out]
	}
	return nil
}

// drive makes the level-triggered output of timer n follow its status bit.
func (h *HPET) drive(n int) {
	t := &h.state.T[n]
	want := int8(outNone)
	if t.Conf&cfgLevel != 0 && h.state.Status>>n&1 != 0 {
		want = h.output(n)
	}
	if want != t.Out {
		h.line(n, t.Out).Lower()
		t.Out = want
		h.line(n, want).Set(want != outNone)
	}
}

// Info describes the timers for the monitor.
func (h *HPET) Info() string {
	s := fmt.Sprintf("hpet conf=%#x status=%#x counter=%#x\n", h.state.Conf, h.state.Status, h.counter())
	for n, t := range h.state.T {
		s += fmt.Sprintf("  timer %d conf=%#x comparator=%#x period=%#x\n", n, t.Conf, t.Comp, t.Period)
	}
	return s
}

var _ devices.Device = (*HPET)(nil)
