package machine

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"g86/cpu"
	"g86/cpu/kvm"
	"g86/jit"
)

// The engines that can run the processors. All share State, the chips and the clock, so
// that a machine moves from one to another between two instructions.

// engine is what runs the processors.
type engine struct {
	name    string
	refused []string    // what --accel=auto would rather have had: "kvm: reason"
	jit     *jit.Engine // nil: no translator
	host    *kvm.Host   // nil: no KVM
	kvm     *kvm.VM
	err     error // of the host; the run ends with it
}

// chooseEngine attaches the engine of Config.Accel, or the first that works, and
// remembers why the others do not.
func (m *Machine) chooseEngine() error {
	want := m.cfg.Accel
	order := []string{"jit", "interp"}
	switch want {
	case "":
	case "auto":
		order = []string{"kvm", "jit", "interp"}
	default:
		e, err := m.attach(want)
		if err != nil {
			return &ConfigError{StatusHost, fmt.Errorf("no %s here: %w; use --accel=auto", engineTitle[want], err)}
		}
		m.engine = e
		return nil
	}
	var refused []string
	for _, name := range order {
		e, err := m.attachAuto(name)
		if err != nil {
			refused = append(refused, name+": "+err.Error())
			continue
		}
		e.refused = refused
		m.engine = e
		break
	}
	return nil
}

var engineTitle = map[string]string{"kvm": "KVM", "jit": "translator", "interp": "interpreter"}

// attachAuto attaches an engine if nothing speaks against it that an explicit wish
// would overrule.
func (m *Machine) attachAuto(name string) (engine, error) {
	if name == "kvm" {
		if _, err := probeKVM(); err != nil {
			return engine{}, err
		}
	}
	return m.attach(name)
}

// attach makes an engine run the processors from the next instruction on. The one
// before must have been detached.
func (m *Machine) attach(name string) (e engine, err error) {
	e.name = name
	switch name {
	case "jit":
		m.code.Share(m.ram, m.ramFile)
		e.jit, err = jit.Attach(m.code, jit.Heat)
	case "kvm":
		err = m.attachKVM(&e)
	}
	return e, err
}

func (m *Machine) attachKVM(e *engine) (err error) {
	for _, item := range m.cfg.LogItems {
		if item == "int" || item == "in_asm" || item == "exec" {
			return fmt.Errorf("-d %s looks at every instruction, which only other engines do", item)
		}
	}
	if e.host, err = kvm.Open(); err != nil {
		return err
	}
	if lacks := e.host.Lacks(m.model); lacks != nil {
		err = fmt.Errorf("this host does not have %s of CPU model %s; leave them out with --cpu %s,-%s",
			strings.Join(lacks, ", "), m.model.Name, m.model.Name, strings.Join(lacks, ",-"))
	} else {
		e.kvm, err = kvm.New(e.host, kvm.Config{CPUs: m.cpus, Memory: m.kvmMemory, PsPerInsn: m.clk.PsPerInsn, TSCHz: m.state.TSCHz})
	}
	if err != nil {
		return errors.Join(err, e.host.Close())
	}
	if hz := e.kvm.TSCHz(); hz != m.state.TSCHz && m.retired > 0 {
		slog.Warn("the host cannot scale the time-stamp counter: a guest that has measured it is wrong about it now",
			"was", m.state.TSCHz, "is", hz)
	}
	m.retuneTSC(e.kvm.TSCHz())
	m.kicker.Store(e.kvm)
	return nil
}

// retuneTSC changes the rate of the time-stamp counters; none jumps.
func (m *Machine) retuneTSC(hz uint64) {
	before := m.clk.Ticks(m.state.TSCHz)
	m.state.TSCHz = hz
	for _, c := range m.cpus {
		c.TSCOffset += before - m.clk.Ticks(hz)
	}
}

// slowKVM is the number of instructions a second in ring 0 below which the translator
// is the faster engine. It does several hundred million; hosts that run ring 0 natively
// do thousands, hosts that emulate it one.
const slowKVM = 500_000_000

// probeKVM runs a small guest under KVM, once a process, and says whether KVM is worth
// having.
var probeKVM = sync.OnceValues(func() (kvm.Probe, error) {
	h, err := kvm.Open()
	if err != nil {
		return kvm.Probe{}, err
	}
	defer h.Close()
	p, err := h.Probe()
	if err == nil && p.InsnsPerSecond < slowKVM {
		err = fmt.Errorf("it runs kernel-mode code at %.1f million instructions a second, slower than the translator", float64(p.InsnsPerSecond)/1e6)
	}
	return p, err
})

// model is the processor model of a configuration. Without a name, it is the most
// capable that the engine can give.
func (c *Config) model() (*cpu.Model, error) {
	m, err := cpu.NewModel(c.Model)
	if err != nil {
		return nil, &ConfigError{StatusUsage, err}
	}
	if c.Model != "" || c.Accel != "kvm" && c.Accel != "auto" {
		return m, nil
	}
	if c.Accel == "auto" {
		if _, err := probeKVM(); err != nil {
			return m, nil
		}
	}
	h, err := kvm.Open()
	if err != nil {
		return m, nil // attachKVM says it
	}
	defer h.Close()
	m, err = m.Without(h.Lacks(m)...)
	if err != nil {
		return nil, asConfig(err)
	}
	return m, nil
}

// detach ends the engine's work; State is up to date afterwards.
func (m *Machine) detach() error {
	e := m.engine
	m.engine = engine{name: "interp"}
	m.state.Left = min(m.state.Left, quantum)
	m.kicker.Store(nil)
	m.code.Flush()
	var errs []error
	switch {
	case e.kvm != nil:
		errs = append(errs, e.kvm.Pull(), e.kvm.Close(), e.host.Close())
	case e.jit != nil:
		errs = append(errs, e.jit.Close())
		m.code.SetTranslator(nil, 0)
	}
	for _, c := range m.cpus {
		c.Remapped()
	}
	return errors.Join(errs...)
}

// SetAccel moves the machine to another engine, "interp", "jit" or "kvm", between two
// instructions. On an error it stays where it is. Safe from any goroutine.
func (m *Machine) SetAccel(name string) (err error) {
	m.Do(func() { err = m.setAccel(name) })
	return err
}

func (m *Machine) setAccel(name string) error {
	if engineTitle[name] == "" {
		return usageError("no engine %q; choose from interp, jit, kvm", name)
	}
	before := m.engine.name
	if name == before {
		return nil
	}
	if err := m.detach(); err != nil {
		m.engine.err = err
		return &ConfigError{StatusHost, err}
	}
	e, err := m.attach(name)
	if err == nil {
		m.engine = e
		return nil
	}
	err = &ConfigError{StatusHost, fmt.Errorf("no %s here: %w; the guest goes on under %s", engineTitle[name], err, before)}
	old, e2 := m.attach(before)
	if e2 != nil { // it worked a moment ago; the interpreter always does
		old = engine{name: "interp"}
		err = errors.Join(err, e2)
	}
	m.engine = old
	return err
}

// switchEngine makes the moves of Config.Switches that are due.
func (m *Machine) switchEngine() *Result {
	for len(m.cfg.Switches) > 0 && m.cfg.Switches[0].Count <= m.retired {
		to := m.cfg.Switches[0].Accel
		m.cfg.Switches = m.cfg.Switches[1:]
		if to == "" {
			if to = "jit"; m.engine.name == "jit" {
				to = "interp"
			}
		}
		if err := m.setAccel(to); err != nil {
			return &Result{Status: StatusHost, Reason: err.Error()}
		}
	}
	return nil
}

// hold keeps the run loop on its thread for as long as the engine wants it there; the
// engine may be another than last time.
func (m *Machine) hold() {
	if m.engine.jit != nil {
		m.engine.jit.Hold()
	}
}

func (m *Machine) release() {
	if m.engine.jit != nil {
		m.engine.jit.Release()
	}
}

// runEngine runs a processor under the engine until its count reaches limit.
func (m *Machine) runEngine(c *cpu.CPU, limit uint64) cpu.Exit {
	if m.engine.kvm == nil {
		m.hold()
		return c.Run(limit)
	}
	exit, err := m.engine.kvm.VCPU(c.ID).Run(limit)
	if err != nil && m.engine.err == nil {
		m.engine.err = err
	}
	return exit
}

// pull brings the State of all processors up to date, for anyone who looks at it or
// changes it.
func (m *Machine) pull() {
	if m.engine.kvm == nil {
		return
	}
	if err := m.engine.kvm.Pull(); err != nil && m.engine.err == nil {
		m.engine.err = err
	}
}

// pause tells the engine that the host's time up to now was not the guest's.
func (m *Machine) pause() {
	if m.engine.kvm != nil {
		m.engine.kvm.Idle()
	}
}

// kick makes an engine that does not come back by itself look at the outside world.
func (m *Machine) kick() {
	if k := m.kicker.Load(); k != nil {
		k.Kick()
	}
}

// pollEvery is how many instructions run between two looks at the outside world. KVM is
// told when there is something to see.
func (m *Machine) pollEvery() uint64 {
	if m.engine.kvm != nil {
		return 16 * pollInsns
	}
	return pollInsns
}

// pullCPU is pull for one processor.
func (m *Machine) pullCPU(c *cpu.CPU) {
	if m.engine.kvm == nil {
		return
	}
	if err := m.engine.kvm.VCPU(c.ID).Pull(); err != nil && m.engine.err == nil {
		m.engine.err = err
	}
}

// remapKVM tells KVM that the layout of memory has changed.
func (m *Machine) remapKVM() {
	if m.engine.kvm != nil {
		m.engine.kvm.Remapped()
	}
}

// kvmMemory is the layout of plain memory for the kernel.
func (m *Machine) kvmMemory() []kvm.Memory {
	if err := m.settle(); err != nil && m.engine.err == nil {
		m.engine.err = err
	}
	var l []kvm.Memory
	for _, s := range m.bus.Layout() {
		l = append(l, kvm.Memory{Base: s.Base, Host: s.Host, ReadOnly: s.ReadOnly})
	}
	return l
}
