package machine

import (
	"context"
	"time"

	"g86/devices/clock"
)

// How guest time relates to the wall clock (DESIGN.md, invariant 3). This file
// and input.go are the only ones that look at it.

// idleState is kept while the guest halts.
type idleState struct {
	owed time.Duration // guest time that passed without sleeping yet
}

// minSleep is the shortest sleep worth asking the host for; shorter waits add
// up until they reach it.
const minSleep = time.Millisecond

// idleWait lets time pass while every processor is halted: up to the next
// timer, or until something comes from outside.
func (m *Machine) idleWait(ctx context.Context) *Result {
	next := m.clk.Next()
	if m.cfg.ClockMode == "warp" && m.deaf() && !m.queued.Load() {
		return &Result{Status: StatusTimeout, Reason: m.haltReason()}
	}
	if next == clock.Never {
		m.await(ctx, forever)
		m.tune.restart(m)
		return nil
	}
	gap := next - m.clk.Now()
	switch {
	case m.cfg.ClockMode == "warp" || gap == 0:
		m.clk.Advance(gap)
		return nil
	case m.cfg.ClockMode == "realtime":
		m.tune.rest(m, ctx, gap)
		return nil
	}
	gap = min(gap, uint64(forever>>1))
	m.idle.owed += time.Duration(gap)
	if m.idle.owed < minSleep {
		m.clk.Advance(gap)
		return nil
	}
	if len(m.typing) > 0 {
		m.idle.owed = min(m.idle.owed, time.Duration(gap), typingPoll)
		gap = min(gap, uint64(typingPoll))
	}
	start := time.Now()
	disturbed := m.await(ctx, m.idle.owed)
	slept := time.Since(start)
	if disturbed && slept < m.idle.owed {
		missing := min(uint64(m.idle.owed-slept), gap)
		m.clk.Advance(gap - missing) // the event is an input at this time
		m.idle.owed = 0
		return nil
	}
	m.clk.Advance(gap)
	m.idle.owed = max(m.idle.owed-slept, -20*time.Millisecond)
	return nil
}

// await sleeps for d of wall time, or until a function is queued or ctx ends;
// then it reports true.
func (m *Machine) await(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-m.wake:
		return true
	case <-ctx.Done():
		return true
	}
}

// tuner keeps guest time at the wall clock in realtime mode, by retuning the
// guest time of an instruction.
type tuner struct {
	wall  time.Time // when guest time was guest
	guest uint64
	last  time.Time // when the count was count
	count uint64
}

const (
	tuneEvery  = 10 * time.Millisecond
	tuneWithin = 100 * time.Millisecond // a lead or lag is worked off in this time
	maxLag     = time.Second            // a longer one is forgotten: the host slept
	minPs      = 200
	maxPs      = 1_000_000
)

// restart forgets lead and lag.
func (t *tuner) restart(m *Machine) {
	now := time.Now()
	*t = tuner{now, m.clk.Now(), now, m.Count()}
}

// lag is how far guest time is behind the wall clock.
func (t *tuner) lag(m *Machine, now time.Time) time.Duration {
	return now.Sub(t.wall) - time.Duration(m.clk.Now()-t.guest)
}

// poll retunes when enough wall time has passed since the last time.
func (t *tuner) poll(m *Machine) {
	if m.cfg.ClockMode != "realtime" {
		return
	}
	now := time.Now()
	wall, n := now.Sub(t.last), m.Count()-t.count
	if wall < tuneEvery || n == 0 {
		return
	}
	lag := t.lag(m, now)
	if lag > maxLag || lag < -maxLag {
		t.restart(m)
		lag = 0
	}
	ps := float64(wall.Nanoseconds()) * 1000 / float64(n)
	ps *= 1 + max(-0.5, min(float64(lag)/float64(tuneWithin), 1))
	m.clk.Retune(uint64(max(minPs, min(ps, maxPs))))
	t.last, t.count = now, m.Count()
}

// rest lets gap nanoseconds of guest time pass, at wall speed unless the guest
// is behind.
func (t *tuner) rest(m *Machine, ctx context.Context, gap uint64) {
	start := time.Now()
	d := time.Duration(min(gap, uint64(forever>>1))) - t.lag(m, start)
	if len(m.typing) > 0 {
		d = min(d, typingPoll)
	}
	if d > minSleep {
		m.await(ctx, d)
	}
	m.clk.Advance(min(gap, uint64(max(0, t.lag(m, time.Now())))))
	if d <= minSleep {
		m.clk.Advance(min(gap, m.clk.Next()-min(m.clk.Next(), m.clk.Now())))
	}
	t.last, t.count = time.Now(), m.Count()
}
