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

// maxOversleep is how much the host may sleep too long and have it made up for.
const maxOversleep = 20 * time.Millisecond

// idleWait lets time pass while every processor is halted: up to the next
// timer, or until something comes from outside.
func (m *Machine) idleWait(ctx context.Context) *Result {
	if m.cfg.ClockMode == "warp" && m.deaf() && !m.queued.Load() {
		return &Result{Status: StatusTimeout, Reason: m.haltReason()}
	}
	longest := time.Duration(forever)
	if len(m.typing) > 0 {
		longest = typingPoll
	}
	next := m.clk.Next()
	if next == clock.Never {
		m.await(ctx, longest)
		m.tune.restart(m)
		return nil
	}
	gap := time.Duration(min(next-m.clk.Now(), uint64(longest)))
	switch m.cfg.ClockMode {
	case "warp":
		m.clk.Advance(uint64(gap))
	case "realtime":
		m.tune.rest(m, ctx, gap)
	default:
		m.idle.rest(m, ctx, gap)
	}
	return nil
}

// rest sleeps for gap and advances guest time by it, or by the part that had
// passed when something came from outside: that is an input at this time.
func (s *idleState) rest(m *Machine, ctx context.Context, gap time.Duration) {
	s.owed += gap
	if s.owed >= minSleep {
		start := time.Now()
		disturbed := m.await(ctx, s.owed)
		s.owed -= time.Since(start)
		if disturbed && s.owed > 0 {
			missing := min(s.owed, gap)
			s.owed -= missing
			gap -= missing
		}
		s.owed = max(s.owed, -maxOversleep)
	}
	m.clk.Advance(uint64(gap))
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

// rest advances guest time by gap, sleeping for as much of it as the guest is
// not behind the wall clock anyway.
func (t *tuner) rest(m *Machine, ctx context.Context, gap time.Duration) {
	now := time.Now()
	if lag := t.lag(m, now); lag > maxLag || lag < -maxLag {
		t.restart(m)
	}
	if d := gap - t.lag(m, now); d >= minSleep && m.await(ctx, d) {
		gap = min(gap, max(0, t.lag(m, time.Now())))
	}
	m.clk.Advance(uint64(gap))
	t.last, t.count = time.Now(), m.Count()
}
