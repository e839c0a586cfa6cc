package machine

import (
	"context"
	"errors"
	"math"
	"time"

	"g86/cpu"
	"g86/devices"
	"g86/devices/clock"
	"g86/devices/debugexit"
	"g86/devices/piix"
)

// Result is how a run ended.
type Result struct {
	Status     int    // exit status, see DESIGN.md
	Reason     string // one line
	PostMortem string // of a triple fault
}

// pollInsns is how many instructions run between two looks at the outside
// world: a few milliseconds.
const pollInsns = 1 << 17

// Count is the number of instructions retired by all processors, exact inside
// an instruction too. It is what the virtual clock counts.
func (m *Machine) Count() uint64 {
	if m.running != nil {
		return m.retired + m.running.Count()
	}
	return m.retired
}

// current is the index of the processor that is executing, -1 for none.
func (m *Machine) current() int {
	if m.running == nil {
		return -1
	}
	return m.running.ID
}

// interrupt ends the slice before the next instruction: m.stop has changed.
func (m *Machine) interrupt() {
	if m.running != nil {
		m.running.Stop()
	}
}

// shorten is told that a timer was armed to fire before every other.
func (m *Machine) shorten() {
	if m.running == nil {
		return
	}
	limit := uint64(0)
	if at := m.clk.CountAt(m.clk.Next()); at > m.retired {
		limit = at - m.retired
	}
	m.running.ShortenTo(limit)
}

// Run runs the machine until it powers off, ctx ends or something else of
// Result happens. It may be called again to go on. The error is not about the
// guest.
func (m *Machine) Run(ctx context.Context) (Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Result{}, errors.New("machine: it is closed")
	}
	m.setLooping(true)
	defer func() {
		m.release()
		m.pull()
		m.setLooping(false)
		m.serveQueue()
	}()
	m.pause()
	m.tune.restart(m)
	for {
		if err := ctx.Err(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return Result{Status: StatusTimeout, Reason: "timeout"}, nil
			}
			return Result{Reason: "stopped"}, nil
		}
		m.serveQueue()
		if m.paused {
			m.await(ctx, forever)
			m.pause()
			m.tune.restart(m)
			continue
		}
		m.pumpInput()
		idle, res := m.slice(m.retired + m.pollEvery())
		if res != nil {
			return *res, nil
		}
		if idle {
			res := m.idleWait(ctx)
			m.pause()
			if res != nil {
				return *res, nil
			}
		}
		m.tune.poll(m)
	}
}

// longestRest is the guest time in nanoseconds after which RunUntil gives a guest up
// that halts while timers go on which it does not hear.
const longestRest = 24 * 3600 * clock.Second

// RunUntil runs until Count reaches count, without looking at the outside world
// or the wall clock: idle time is skipped. What was typed before and had no room
// is offered once. ended tells that the machine stopped before that, and res why.
func (m *Machine) RunUntil(count uint64) (res Result, ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Result{Reason: "closed"}, true
	}
	defer func() {
		m.release()
		m.pull()
	}()
	m.pause()
	m.pumpInput()
	last, rested := m.retired, uint64(0)
	for m.retired < count {
		idle, r := m.slice(count)
		if r != nil {
			return *r, true
		}
		if idle {
			next := m.clk.Next()
			if next == clock.Never || m.deaf() {
				return Result{Status: StatusTimeout, Reason: m.haltReason()}, true
			}
			if m.retired != last {
				last, rested = m.retired, 0
			}
			gap := next - m.clk.Now()
			if rested += gap; rested > longestRest {
				return Result{Status: StatusTimeout, Reason: "halted, and no interrupt came in a day of its time"}, true
			}
			m.clk.Advance(gap)
			m.pause()
		}
	}
	return Result{}, false
}

// slice runs instructions and timers until the count is reached, every
// processor is idle, or the run ends.
func (m *Machine) slice(until uint64) (idle bool, res *Result) {
	for {
		m.clk.RunDue()
		if res := m.act(); res != nil {
			return false, res
		}
		if res := m.switchEngine(); res != nil {
			return false, res
		}
		if m.retired >= until {
			return false, nil
		}
		c := m.next()
		if c == nil {
			return true, nil
		}
		limit := min(until, m.clk.CountAt(m.clk.Next()))
		if l := m.cfg.Switches; len(l) > 0 {
			limit = min(limit, l[0].Count)
		}
		if len(m.cpus) > 1 {
			limit = min(limit, m.retired+m.state.Left)
		}
		m.execute(c, limit)
		if c.Shutdown {
			if res := m.tripleFault(c); res != nil {
				return false, res
			}
		}
	}
}

// execute runs c until the machine's count reaches limit or c has a reason to
// stop.
func (m *Machine) execute(c *cpu.CPU, limit uint64) {
	before := c.ICount
	m.retired -= before
	m.running = c
	began := time.Now()
	exit := m.runEngine(c, limit-m.retired)
	m.busy += time.Since(began)
	m.running = nil
	m.retired += c.ICount
	m.endTurn(exit, c.ICount-before)
}

// act does what devices asked for inside the last instruction.
func (m *Machine) act() *Result {
	if err := m.lazy.err(); err != nil {
		return &Result{Status: StatusHost, Reason: err.Error()}
	}
	if err := m.engine.err; err != nil {
		m.engine.err = nil
		return &Result{Status: StatusHost, Reason: err.Error()}
	}
	s := m.stop
	if s == (stopReason{}) {
		return nil
	}
	m.stop = stopReason{}
	m.pull()
	if s.exit || s.powerOff || s.reset {
		m.flushSerial()
	}
	switch {
	case s.exit:
		return &Result{Status: debugexit.Status(s.code), Reason: "debug exit"}
	case s.powerOff:
		return &Result{Reason: "power off"}
	case s.reset:
		if m.cfg.NoReboot {
			return &Result{Reason: "reset"}
		}
		m.resetBoard(devices.Hard)
		return nil
	}
	for i, c := range m.cpus {
		if s.init&(1<<i) != 0 {
			c.Init()
		}
	}
	if s.enter {
		if err := m.enter(); err != nil {
			return &Result{Status: StatusConfig, Reason: err.Error()}
		}
	}
	return nil
}

// cmosShutdown holds the code with which a program on an 80286 asks the BIOS to
// continue it after a reset (IBM PC/AT Technical Reference, "Shutdown status").
const cmosShutdown = 0x0f

// requestReset resets before the next instruction: the whole board, or only the
// processors for a program that uses the reset to leave protected mode. It
// announces itself in CMOS; for everybody else the fast resets of port 92h and
// the 8042 mean the same as the slow one.
func (m *Machine) requestReset(hard bool) {
	switch code := m.rtc.CMOS(cmosShutdown); {
	case !hard && (code == 0x05 || code == 0x09 || code == 0x0a):
		m.stop.init |= 1
	default:
		m.stop.reset = true
	}
	m.interrupt()
}

// initCPU is the INIT signal of an APIC.
func (m *Machine) initCPU(c *cpu.CPU) {
	if c == m.running {
		m.stop.init |= 1 << c.ID
		m.interrupt()
		return
	}
	m.pullCPU(c)
	c.Init()
}

// resetBoard pulls every reset pin.
func (m *Machine) resetBoard(kind devices.ResetKind) {
	m.pull()
	for _, d := range m.devs {
		d.Reset(kind)
	}
	if m.bios != nil {
		m.pm.SetPMBase(piix.PMBase)
	}
	m.fillCMOS()
	m.state.FERR = false
	m.ferr.line.Lower()
	for _, c := range m.cpus {
		c.Reset()
	}
	m.state.Current, m.state.Left = 0, m.quantum()
	m.stop = stopReason{}
	m.logReset()
}

// tripleFault ends the run or resets the machine.
func (m *Machine) tripleFault(c *cpu.CPU) *Result {
	m.flushSerial()
	if !m.cfg.NoReboot {
		m.resetBoard(devices.Hard)
		return nil
	}
	return &Result{Status: StatusTripleFault, Reason: "triple fault", PostMortem: m.PostMortem(c.ID)}
}

// deaf reports that no processor can ever run again by itself: interrupts are
// disabled in all of them.
func (m *Machine) deaf() bool {
	for _, c := range m.cpus {
		if c.Runnable() || !c.WaitSIPI && c.RFLAGS&cpu.FlagIF != 0 {
			return false
		}
	}
	return true
}

func (m *Machine) haltReason() string {
	if m.deaf() {
		return "halted with interrupts disabled"
	}
	return "halted with no timer armed"
}

// flushSerial lets the guest's last words out when it ends or resets. A run that
// only pauses must not: the transmitters are part of the state.
func (m *Machine) flushSerial() {
	for _, u := range m.uarts {
		if u != nil {
			u.Flush()
		}
	}
}

const forever = math.MaxInt64
