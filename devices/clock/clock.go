// Package clock is the machine's only source of time: virtual nanoseconds
// derived from the number of retired instructions, and the queue of timers
// that fire at exact instruction counts. Nothing here reads the host's clock.
package clock

import (
	"fmt"
	"math"
	"math/bits"
	"sort"

	"g86/devices/snap"
)

// Never is the deadline of a timer that is not armed.
const Never = math.MaxUint64

// Second is one second of guest time.
const Second = 1_000_000_000

// Clock maps instruction counts to guest nanoseconds and holds all timers.
type Clock struct {
	count  func() uint64 // instructions retired by all CPUs so far, exact even inside an instruction
	timers []*Timer      // every timer ever made, in creation order
	next   uint64        // earliest deadline, ns
	state  struct {
		BaseNS    uint64 // guest time at BaseCount
		BaseCount uint64
		PsPerInsn uint64 // picoseconds of guest time per instruction
	}
	// OnEarlier, if set, is called when a timer is armed to fire before every
	// other: a run loop that computed its budget must shorten it.
	OnEarlier func()
}

// New returns a clock that takes its instruction count from count and advances
// psPerInsn picoseconds with each.
func New(count func() uint64, psPerInsn uint64) *Clock {
	c := &Clock{count: count, next: Never}
	c.state.PsPerInsn = psPerInsn
	return c
}

// Now is the guest time since power-on in nanoseconds.
func (c *Clock) Now() uint64 {
	return c.state.BaseNS + mulDiv(c.count()-c.state.BaseCount, c.state.PsPerInsn, 1000)
}

// Ticks converts guest time to the ticks, since power-on, of a counter that
// runs at hz. It does not drift: it is floor(Now*hz/1e9).
func (c *Clock) Ticks(hz uint64) uint64 { return mulDiv(c.Now(), hz, Second) }

// Rate is how many ticks Ticks(hz) advances with each instruction, 0 if that is not a
// whole number whatever the count.
func (c *Clock) Rate(hz uint64) uint64 {
	ps := c.state.PsPerInsn
	if ps%1000 != 0 || hz%Second != 0 {
		return 0
	}
	return ps / 1000 * (hz / Second)
}

// TicksToNS is the first guest time, in ns, at which Ticks(hz) is at least n.
func TicksToNS(n, hz uint64) uint64 {
	hi, lo := bits.Mul64(n, Second)
	lo, carry := bits.Add64(lo, hz-1, 0)
	hi += carry
	if hi >= hz {
		return Never
	}
	q, _ := bits.Div64(hi, lo, hz)
	return q
}

// CountAt is the first instruction count at which Now is at least ns.
func (c *Clock) CountAt(ns uint64) uint64 {
	if ns <= c.state.BaseNS {
		return c.state.BaseCount
	}
	d := ns - c.state.BaseNS
	hi, lo := bits.Mul64(d, 1000)
	lo, carry := bits.Add64(lo, c.state.PsPerInsn-1, 0)
	hi += carry
	if hi >= c.state.PsPerInsn {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, c.state.PsPerInsn)
	if s := c.state.BaseCount + q; s >= q {
		return s
	}
	return math.MaxUint64
}

// Advance lets ns nanoseconds of idle time pass without instructions.
func (c *Clock) Advance(ns uint64) { c.state.BaseNS += ns }

// Retune changes the picoseconds per instruction from now on; guest time
// neither jumps nor runs backwards.
func (c *Clock) Retune(psPerInsn uint64) {
	now := c.Now()
	c.state.BaseNS, c.state.BaseCount, c.state.PsPerInsn = now, c.count(), psPerInsn
}

// PsPerInsn is the current rate in picoseconds per instruction.
func (c *Clock) PsPerInsn() uint64 { return c.state.PsPerInsn }

// Next is the earliest deadline of an armed timer in ns, or Never.
func (c *Clock) Next() uint64 { return c.next }

// RunDue fires, in deadline order (ties in creation order), every timer whose
// deadline has come, including those armed meanwhile.
func (c *Clock) RunDue() {
	for c.next <= c.Now() {
		var due *Timer
		for _, t := range c.timers {
			if t.deadline != Never && (due == nil || t.deadline < due.deadline) {
				due = t
			}
		}
		at := due.deadline
		due.deadline = Never
		c.rescan()
		due.fn(at)
	}
}

func (c *Clock) rescan() {
	c.next = Never
	for _, t := range c.timers {
		c.next = min(c.next, t.deadline)
	}
}

// Timer calls a function at a guest time. Timers are made once, when the
// machine is built, and are armed and disarmed by their device; the clock saves
// and restores their deadlines by name.
type Timer struct {
	clock    *Clock
	name     string
	deadline uint64
	fn       func(at uint64)
}

// NewTimer makes a disarmed timer. The name must be unique ("pit.ch0"). fn gets
// the deadline it was armed for, which may be a little before Now: periodic
// devices re-arm relative to it and so do not drift.
func (c *Clock) NewTimer(name string, fn func(at uint64)) *Timer {
	for _, t := range c.timers {
		if t.name == name {
			panic(fmt.Sprintf("clock: two timers named %q", name))
		}
	}
	t := &Timer{clock: c, name: name, deadline: Never, fn: fn}
	c.timers = append(c.timers, t)
	return t
}

// At arms the timer for guest time ns (a past time fires at once, before the
// next instruction). At(Never) disarms it.
func (t *Timer) At(ns uint64) {
	was := t.deadline
	t.deadline = ns
	c := t.clock
	switch {
	case ns < c.next:
		c.next = ns
		if c.OnEarlier != nil {
			c.OnEarlier()
		}
	case was == c.next:
		c.rescan()
	}
}

// After arms the timer d nanoseconds from now.
func (t *Timer) After(d uint64) { t.At(t.clock.Now() + d) }

// Stop disarms the timer.
func (t *Timer) Stop() { t.At(Never) }

// Armed reports whether the timer will fire.
func (t *Timer) Armed() bool { return t.deadline != Never }

// Deadline is the guest time the timer will fire at, or Never.
func (t *Timer) Deadline() uint64 { return t.deadline }

// List returns the armed timers as "name deadline" pairs, earliest first, for
// the monitor.
func (c *Clock) List() []struct {
	Name     string
	Deadline uint64
} {
	var l []struct {
		Name     string
		Deadline uint64
	}
	for _, t := range c.timers {
		if t.Armed() {
			l = append(l, struct {
				Name     string
				Deadline uint64
			}{t.name, t.deadline})
		}
	}
	sort.SliceStable(l, func(i, j int) bool { return l[i].Deadline < l[j].Deadline })
	return l
}

type savedTimer struct {
	Name     string
	Deadline uint64
}

// Save writes the rate, the base and every armed timer.
func (c *Clock) Save(w *snap.Writer) {
	w.Struct(&c.state)
	var l []savedTimer
	for _, t := range c.timers {
		if t.Armed() {
			l = append(l, savedTimer{t.name, t.deadline})
		}
	}
	w.Struct(&struct{ Timers []savedTimer }{l})
}

// Load restores what Save wrote. A saved timer that this machine does not have
// is an error.
func (c *Clock) Load(r *snap.Reader) error {
	var l struct{ Timers []savedTimer }
	if err := r.Struct(&c.state); err != nil {
		return err
	}
	if err := r.Struct(&l); err != nil {
		return err
	}
	if c.state.PsPerInsn == 0 {
		return fmt.Errorf("clock: saved rate is zero")
	}
	byName := map[string]*Timer{}
	for _, t := range c.timers {
		t.deadline = Never
		byName[t.name] = t
	}
	for _, s := range l.Timers {
		t := byName[s.Name]
		if t == nil {
			return fmt.Errorf("clock: saved timer %q does not exist on this machine", s.Name)
		}
		t.deadline = s.Deadline
	}
	c.rescan()
	return nil
}

// mulDiv is floor(a*b/d) with a 128-bit intermediate, saturating.
func mulDiv(a, b, d uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= d {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, d)
	return q
}
