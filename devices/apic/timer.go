package apic

// The timer (SDM 11.5.4): one-shot, periodic, TSC-deadline. Nothing is counted:
// the current count is computed from the clock, and a clock timer is armed only
// while an interrupt could come of it.

const (
	timerMode     = 3 << 17
	timerOneShot  = 0 << 17
	timerPeriodic = 1 << 17
	timerDeadline = 2 << 17
)

func (l *Local) timerModeNow() uint32 { return l.state.LVT[lvtTimer] & timerMode }

// shift is log2 of the divider; with a 1 GHz bus also of a tick in ns.
func (l *Local) shift() uint {
	d := l.state.Divide
	return uint(d&3|d>>1&4+1) & 7
}

func (l *Local) current() uint32 {
	s := &l.state
	if s.Initial == 0 || l.timerModeNow() == timerDeadline {
		return 0
	}
	n := (l.s.cfg.Clock.Now() - s.Start) >> l.shift()
	switch {
	case l.timerModeNow() == timerPeriodic:
		return s.Initial - uint32(n%uint64(s.Initial))
	case n >= uint64(s.Initial):
		return 0
	}
	return s.Initial - uint32(n)
}

func (l *Local) setInitial(v uint32) {
	if l.timerModeNow() == timerDeadline {
		return
	}
	l.state.Initial, l.state.Start = v, l.s.cfg.Clock.Now()
	l.armTimer()
}

func (l *Local) setDivide(v uint32) {
	l.timerSync()
	left := l.current()
	l.state.Divide = v
	l.state.Start = l.s.cfg.Clock.Now() - uint64(l.state.Initial-left)<<l.shift()
	l.armTimer()
}

func (l *Local) writeTimerLVT(v uint32) {
	if !l.s.cfg.TSCDeadline {
		v &^= timerDeadline
	}
	l.timerSync()
	old := l.timerModeNow()
	l.state.LVT[lvtTimer] = v
	if (old == timerDeadline) != (v&timerMode == timerDeadline) { // disarms
		l.state.Initial, l.state.Deadline = 0, 0
	}
	l.armTimer()
}

// setDeadline writes IA32_TSC_DEADLINE; it is ignored in the other modes.
func (l *Local) setDeadline(v uint64) {
	if l.timerModeNow() == timerDeadline {
		l.state.Deadline = v
		l.armTimer()
	}
}

// TSCChanged must be called when the CPU's TSC was written: its guest times
// have moved.
func (l *Local) TSCChanged() { l.armTimer() }

func (l *Local) armTimer() {
	s := &l.state
	now := l.s.cfg.Clock.Now()
	masked := s.LVT[lvtTimer]&lvtMasked != 0
	period := uint64(s.Initial) << l.shift()
	switch mode := l.timerModeNow(); {
	case mode == timerDeadline && s.Deadline != 0:
		l.timer.At(l.tsc.TSCTime(s.Deadline))
	case masked || s.Initial == 0 || mode == timerDeadline:
		l.timer.Stop()
	case mode == timerPeriodic:
		// Periods that passed unserved have merged into one interrupt.
		l.timer.At(s.Start + ((now-s.Start)/period+1)*period)
	case mode == timerOneShot && now-s.Start < period:
		l.timer.At(s.Start + period)
	default:
		l.timer.Stop()
	}
}

// timerSync makes an expiry that is due but not yet dispatched happen now,
// before its settings change.
func (l *Local) timerSync() {
	if at := l.timer.Deadline(); l.timer.Armed() && at <= l.s.cfg.Clock.Now() {
		l.timer.Stop()
		l.timerDue(at)
	}
}

func (l *Local) timerDue(uint64) {
	s := &l.state
	switch l.timerModeNow() {
	case timerDeadline:
		if l.tsc.TSC() < s.Deadline { // rounding, or the rate was retuned
			l.timer.At(max(l.tsc.TSCTime(s.Deadline), l.s.cfg.Clock.Now()+1))
			return
		}
		s.Deadline = 0
	case timerPeriodic:
		l.armTimer()
	}
	if e := s.LVT[lvtTimer]; e&lvtMasked == 0 {
		l.accept(message{vector: uint8(e)})
	}
}
