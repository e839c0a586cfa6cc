// Package lockstep runs one guest on two engines, the interpreter and the translator,
// and compares everything the guest could observe on the way. Where they part it finds
// the block that is to blame.
package lockstep

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"g86/cpu"
	"g86/machine"
)

// DefaultStep is how many instructions run between two comparisons of the processors.
const DefaultStep = 1 << 20

// wholeEvery is after how many of these memory and devices are compared too: a hash of
// all memory takes a while.
const wholeEvery = 32

// Options are what a comparison wants beside the guest's configuration.
type Options struct {
	Step     uint64                   // instructions between comparisons; 0: DefaultStep
	Until    uint64                   // instruction count at which to end; 0: when the guest ends
	Progress func(what string)        // told now and then what is going on; may be nil
	spoil    func(m *machine.Machine) // makes the second machine's engine go wrong, for tests
}

// Report is what came of it.
type Report struct {
	Instructions uint64        `json:"instructions"` // that both engines agree on
	Ended        string        `json:"ended"`        // why it went no further
	Wall         time.Duration `json:"wall_ns"`
	Divergence   *Divergence   `json:"divergence,omitempty"`
}

// Divergence is where the engines part.
type Divergence struct {
	After  uint64   `json:"after"` // the instruction count up to which they agree
	At     uint64   `json:"at"`    // and the first at which they do not
	Trace  []string `json:"trace"` // the last instructions before that, on the interpreter
	Differ []string `json:"differ"`
	Block  string   `json:"block"` // the whole life of the translated block, if it was found
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%d instructions agree: %s (%.1f s)\n", r.Instructions, r.Ended, r.Wall.Seconds())
	d := r.Divergence
	if d == nil {
		return
	}
	fmt.Fprintf(w, "\ninterpreter and translator agree at instruction %d and differ at %d\nthe last instructions:\n", d.After, d.At)
	for _, l := range d.Trace {
		fmt.Fprintln(w, "  "+l)
	}
	fmt.Fprintln(w, "what differs (interpreter, translator):")
	for _, l := range d.Differ {
		fmt.Fprintln(w, "  "+l)
	}
	if d.Block != "" {
		fmt.Fprintf(w, "\n%s", d.Block)
	}
}

// run is one comparison.
type run struct {
	cfg  [2]machine.Config
	o    Options
	pair [2]*machine.Machine
}

// engines are the machines' engines in order.
var engines = [2]string{"interp", "jit"}

// Run compares the engines on the guest of cfg. What the guest says goes where cfg says,
// from the first machine alone; nobody can type. Disks are written to as with
// snapshot=on. The error is about the configuration or the host.
func Run(ctx context.Context, cfg machine.Config, o Options) (*Report, error) {
	if o.Step == 0 {
		o.Step = DefaultStep
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	r := &run{o: o}
	if cfg.RTC.IsZero() {
		cfg.RTC = time.Now().UTC()
	}
	cfg.ClockMode = "warp"
	for _, l := range []*[]string{&cfg.Disks, &cfg.Floppies} {
		*l = overlaid(*l)
	}
	r.cfg = [2]machine.Config{cfg, silent(cfg)}
	for i := range r.cfg {
		r.cfg[i].Accel = engines[i]
	}
	start := time.Now()
	rep, err := r.compare(ctx)
	if rep != nil {
		rep.Wall = time.Since(start)
	}
	return rep, err
}

// overlaid are disk specifications with writes kept apart from the files.
func overlaid(specs []string) []string {
	l := make([]string, len(specs))
	for i, s := range specs {
		if !strings.Contains(s, "snapshot=on") && !strings.Contains(s, "readonly=on") {
			s += ",snapshot=on"
		}
		l[i] = s
	}
	return l
}

// silent is cfg without anything that takes output.
func silent(cfg machine.Config) machine.Config {
	cfg.LogItems, cfg.LogWriter, cfg.Parallel = nil, nil, nil
	for i := range cfg.Serial {
		if cfg.Serial[i].Out != nil {
			cfg.Serial[i].Out = io.Discard
		}
	}
	con := map[uint16]io.Writer{}
	for port := range cfg.DebugCon {
		con[port] = io.Discard
	}
	cfg.DebugCon = con
	return cfg
}

func (r *run) open(i int) (err error) {
	if r.pair[i], err = machine.New(r.cfg[i]); err == nil && i == 1 && r.o.spoil != nil {
		r.o.spoil(r.pair[i])
	}
	return err
}

func (r *run) close() {
	for i, m := range r.pair {
		if m != nil {
			m.Close()
			r.pair[i] = nil
		}
	}
}

// compare runs the pair until they part or there is a reason to stop.
func (r *run) compare(ctx context.Context) (*Report, error) {
	defer r.close()
	for i := range r.pair {
		if err := r.open(i); err != nil {
			return nil, err
		}
	}
	if name, refused := r.pair[1].Accel(); name != engines[1] {
		return nil, fmt.Errorf("there is nothing to compare: the engine is %s (%s)", name, strings.Join(refused, "; "))
	}
	good := uint64(0) // all of it was the same here
	for n := uint64(1); ; n++ {
		if ctx.Err() != nil {
			return &Report{Instructions: r.pair[0].Count(), Ended: "interrupted"}, nil
		}
		to := n * r.o.Step
		if r.o.Until != 0 {
			to = min(to, r.o.Until)
		}
		ended, why := r.advance(to)
		whole := ended || to == r.o.Until || n%wholeEvery == 0
		if !same(r.pair, whole) {
			return r.narrow(ctx, good, r.pair[1].Count())
		}
		if whole {
			good = r.pair[0].Count()
		}
		r.o.Progress(fmt.Sprintf("%d million instructions agree, %v of guest time", r.pair[0].Count()/1e6,
			time.Duration(r.pair[0].Clock().Now()).Round(time.Millisecond)))
		switch {
		case ended:
			return &Report{Instructions: r.pair[0].Count(), Ended: why}, nil
		case to == r.o.Until:
			return &Report{Instructions: to, Ended: "that was all that was asked for"}, nil
		}
	}
}

// advance runs both to an instruction count. Where one ends, so must the other.
func (r *run) advance(to uint64) (ended bool, why string) {
	for _, m := range r.pair {
		res, end := m.RunUntil(to)
		if end {
			ended, why = true, "the guest ended: "+res.Reason
		}
	}
	return ended, why
}

// same reports whether two machines are in the same state: their processors, or all of
// them.
func same(m [2]*machine.Machine, whole bool) bool {
	if m[0].Count() != m[1].Count() {
		return false
	}
	for i := range m[0].CPUs() {
		if *m[0].CPU(i).Pull() != *m[1].CPU(i).Pull() {
			return false
		}
	}
	return !whole || m[0].StateHash() == m[1].StateHash()
}

// narrow looks, between the counts good and bad, for the first at which the machines
// differ. The translator's has to run from the start for each guess: what it has
// translated decides what it does. A block that a count ends in the middle of is the
// interpreter's, so the first difference is at the end of the block to blame.
func (r *run) narrow(ctx context.Context, good, bad uint64) (*Report, error) {
	r.close()
	dir, err := os.MkdirTemp("", "g86-lockstep-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	at := filepath.Join(dir, "agreed.g86snap")
	if err := r.open(0); err != nil {
		return nil, err
	}
	r.o.Progress("they differ; going back to where they agreed")
	r.pair[0].RunUntil(good)
	if err := r.pair[0].SaveSnapshot(at); err != nil {
		return nil, err
	}
	r.close()
	for low := good; bad-low > 1; {
		if ctx.Err() != nil {
			return &Report{Instructions: low, Ended: "interrupted while looking for the difference"}, nil
		}
		r.o.Progress(fmt.Sprintf("they differ between instructions %d and %d", low, bad))
		mid := low + (bad-low)/2
		if err := r.at(at, good, mid); err != nil {
			return nil, err
		}
		if same(r.pair, true) {
			low = mid
		} else {
			bad = mid
		}
		r.close()
	}
	if err := r.at(at, good, bad); err != nil {
		return nil, err
	}
	d := &Divergence{After: bad - 1, At: bad, Differ: differences(r.pair)}
	jit := r.pair[1]
	r.pair[1] = nil
	defer jit.Close()
	rips, err := r.trace(at, bad, d)
	if err != nil {
		return nil, err
	}
	if e := jit.JIT(); e != nil {
		for n := len(rips); n > 0 && d.Block == ""; n-- {
			d.Block, _ = e.Explain(rips[len(rips)-n], n)
		}
	}
	return &Report{Instructions: bad - 1, Ended: "the engines part", Divergence: d}, nil
}

// at puts the pair at an instruction count: the interpreter's from the snapshot, the
// translator's from the start, with the same stops as before.
func (r *run) at(snapshot string, good, to uint64) (err error) {
	if r.pair[0], err = r.restore(snapshot); err != nil {
		return err
	}
	r.pair[0].RunUntil(to)
	if err = r.open(1); err != nil {
		return err
	}
	for n := r.o.Step; n < good; n += r.o.Step {
		r.pair[1].RunUntil(n)
	}
	r.pair[1].RunUntil(good)
	r.pair[1].RunUntil(to)
	return nil
}

func (r *run) restore(path string) (*machine.Machine, error) {
	s, err := machine.OpenSnapshot(path)
	if err != nil {
		return nil, err
	}
	cfg := silent(r.cfg[0])
	return machine.Restore(s, machine.Config{Accel: engines[0], ClockMode: "warp", Serial: cfg.Serial, DebugCon: cfg.DebugCon})
}

// traced is how many instructions a block has at most.
const traced = 32

// trace runs the interpreter one instruction at a time up to count to, and returns
// where the last ones were.
func (r *run) trace(snapshot string, to uint64, d *Divergence) (rips []uint64, err error) {
	r.close()
	m, err := r.restore(snapshot)
	if err != nil {
		return nil, err
	}
	r.pair[0] = m
	from := m.Count()
	if to > from+traced {
		from = to - traced
	}
	m.RunUntil(from)
	type place struct{ count, rip, lin uint64 }
	for n := from; n < to; n++ {
		before := make([]place, m.CPUs())
		for i := range before {
			c := m.CPU(i)
			before[i] = place{c.ICount, c.RIP, c.RIP}
			if c.Mode() != 64 {
				before[i].lin = (c.RIP + c.Seg[cpu.CS].Base) & 0xffffffff
			}
		}
		m.RunUntil(n + 1)
		for i, p := range before {
			if m.CPU(i).ICount != p.count {
				rips = append(rips, p.rip)
				d.Trace = append(d.Trace, fmt.Sprintf("cpu%d %s", i, strings.TrimSpace(m.Disassemble(i, p.lin, 1))))
			}
		}
	}
	return rips, nil
}
