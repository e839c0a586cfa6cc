package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"g86/tests/conform"
)

// statusDivergence: something did not do what it was expected to do.
const statusDivergence = 12

// suite is what the first argument of `g86 test` names.
type suite struct {
	args  string
	flags []string // its own
	run   func(ctx context.Context, o *testOpts, args []string) (*conform.Report, error)
}

// commonFlags go with every suite.
var commonFlags = []string{"accel", "json", "junit", "filter", "jobs"}

var suites = map[string]*suite{
	"vectors":  {"DIR|FILE...", []string{"cpu"}, testVectors},
	"kernel":   {"FILE...", []string{"cpu", "memory", "smp", "append", "module", "debug-exit", "pass", "expect", "timeout"}, testKernels},
	"rom":      {"FILE", []string{"cpu", "memory", "without", "post-port", "post-pass", "text-port", "reference", "timeout"}, testROM},
	"host":     {"", []string{"seconds", "rounds", "seed", "undefined"}, testHost},
	"lockstep": {"FILE...", []string{"cpu", "memory", "smp", "append", "module", "initrd", "step", "until", "timeout"}, testLockstep},
}

const suiteNames = "vectors, kernel, rom, host, lockstep"

func init() {
	register(&verb{
		name: "test", usage: "test SUITE [flags] [FILE...]", short: "run a conformance suite",
		long: "Suites:\n" +
			"  vectors DIR|FILE...  captured single instructions in MOO or JSON form, gzipped or not (real mode)\n" +
			"  kernel FILE...       Multiboot kernels that report on COM1 and end through the debug-exit port\n" +
			"  rom FILE             a ROM in place of the BIOS that reports by POST codes\n" +
			"  host                 random user-mode instructions, compared with this computer's own processor\n" +
			"  lockstep FILE...     guests on the interpreter and the translator, which must agree\n\n" +
			"Exit status: 0 everything that ran passed; 12 something failed; 2 usage; 4 nothing was run or a\n" +
			"file is unfit; 6 host. A flag whose text begins with a suite's name goes with that suite only.",
		example: "  g86 test vectors ../shared/vectors/80286\n  g86 test vectors 80286 --filter '^F[67]' --junit vectors.xml\n" +
			"  g86 test kernel *.elf --smp 2 --timeout 60s\n" +
			"  g86 test rom test386.bin --post-port 0x190 --without pit,hpet,rtc\n  g86 test host --seconds 60 --seed 7\n" +
			"  g86 test lockstep vmlinuz --initrd initrd.gz --append console=ttyS0 --until 2000000000",
		flags: testFlags,
		run:   func(c *cli, opts any, args []string) error { return runTest(c, opts.(*testOpts), args) },
	})
}

// runTest runs a suite and tells what came of it.
func runTest(c *cli, o *testOpts, args []string) error {
	if len(args) == 0 {
		return usagef("which suite? Choose one of %s; `g86 help test` explains them", suiteNames)
	}
	name, args := args[0], args[1:]
	s := suites[name]
	switch {
	case s == nil:
		return usagef("no suite is called %q: choose one of %s", name, suiteNames)
	case len(args) == 0 && s.args != "":
		return usagef("test %s needs files: `g86 test %s %s`", name, name, s.args)
	case len(args) > 0 && s.args == "":
		return usagef("test %s takes no files: leave out %q", name, args[0])
	case len(args) > 1 && s.args == "FILE":
		return usagef("test %s takes one file: leave out %q", name, args[1])
	}
	var stray []string
	o.set(func(flag string) {
		if !known(commonFlags, flag) && !known(s.flags, flag) {
			stray = append(stray, flag)
		}
	})
	if len(stray) > 0 {
		return usagef("--%s does not go with test %s", stray[0], name)
	}
	for _, a := range o.Accels {
		if why := conform.Refused(name, a); why != "" {
			return configf("--accel %s: %s; use interp", a, why)
		}
	}
	for _, a := range args {
		if _, err := os.Stat(a); err != nil {
			return configf("%s: %w; check the name", a, pathless(err))
		}
	}
	return o.report(c, s, args)
}

// report runs the suite between opening and writing what it reports to.
func (o *testOpts) report(c *cli, s *suite, args []string) error {
	var junit *outFile
	if o.junit != "" {
		var err error
		if junit, err = openOut("--junit", o.junit); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &progress{to: c.err, line: isTerminal(c.err), start: time.Now()}
	o.Progress = p.show
	r, err := s.run(ctx, o, args)
	p.clear()
	if err == nil && !r.Ran() {
		err = configf("nothing was run: %s", o.nothing(r))
	}
	if err != nil {
		if junit != nil {
			junit.abandon()
		}
		return err
	}
	if junit != nil {
		if err := junit.commit(); err != nil {
			return err
		}
		if err := errors.Join(r.WriteJUnit(junit.file), junit.file.Close()); err != nil {
			return junit.error(err)
		}
	}
	err = c.print(func(w io.Writer) error {
		if o.json {
			return r.WriteJSON(w)
		}
		r.WriteText(w)
		return nil
	})
	switch {
	case err != nil:
		return err
	case r.Failed > 0:
		return &statusError{statusDivergence, fmt.Errorf("%d of %d failed", r.Failed, r.Failed+r.Passed)}
	case ctx.Err() != nil:
		return hostf("interrupted: what had run by then passed")
	}
	return nil
}

// nothing says why a suite ran nothing.
func (o *testOpts) nothing(r *conform.Report) string {
	if o.Filter != nil && len(r.Results) == 0 {
		return fmt.Sprintf("no name matches --filter %s", o.Filter)
	}
	return "everything in it was skipped"
}

// progress tells on a terminal, several times a second, what has been done, and
// elsewhere a line now and then.
type progress struct {
	mu          sync.Mutex
	to          io.Writer
	line        bool
	start, last time.Time
	shown       bool
}

const (
	progressOften  = 100 * time.Millisecond
	progressSeldom = 10 * time.Second
	progressWidth  = 78
)

func (p *progress) show(done, total int, name string) {
	s := fmt.Sprintf("%d of %d: %s", done, total, oneLine(name))
	if total == 0 {
		s = fmt.Sprintf("%d s: %s", int(time.Since(p.start).Seconds()), oneLine(name))
	}
	p.say(s)
}

func (p *progress) say(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap := progressSeldom
	if p.line {
		gap = progressOften
	}
	now := time.Now()
	if p.last.IsZero() {
		p.last = p.start
	}
	if now.Sub(p.last) < gap {
		return
	}
	p.last = now
	if !p.line {
		fmt.Fprintln(p.to, s)
		return
	}
	if r := []rune(s); len(r) > progressWidth {
		s = string(r[:progressWidth])
	}
	fmt.Fprintf(p.to, "\r%-*s", progressWidth, s)
	p.shown = true
}

// clear takes the line away.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprintf(p.to, "\r%s\r", strings.Repeat(" ", progressWidth))
	}
}

func testVectors(ctx context.Context, o *testOpts, args []string) (*conform.Report, error) {
	r, err := conform.Vectors(ctx, o.Options, o.cfg.Model, args)
	if err != nil {
		return nil, configf("%w", err)
	}
	return r, nil
}

func testKernels(ctx context.Context, o *testOpts, args []string) (*conform.Report, error) {
	k := conform.KernelOptions{Config: o.cfg, Pass: o.pass, Expect: o.expect, Timeout: o.timeout}
	if len(k.Pass) == 0 {
		k.Pass = []uint32{0}
	}
	r, err := conform.Kernels(ctx, o.Options, k, args)
	if err != nil {
		return nil, configf("%w", err)
	}
	return r, nil
}

func testROM(ctx context.Context, o *testOpts, args []string) (*conform.Report, error) {
	k := conform.ROMOptions{Config: o.cfg, PostPort: o.postPort, PostPass: o.postPass, TextPort: o.textPort, Timeout: o.timeout}
	if o.reference != "" {
		b, err := os.ReadFile(o.reference)
		if err != nil {
			return nil, configf("--reference %s: %w; check the name", o.reference, pathless(err))
		}
		k.Reference = b
	}
	return conform.ROM(ctx, o.Options, k, args[0])
}

func testLockstep(ctx context.Context, o *testOpts, args []string) (*conform.Report, error) {
	k := conform.LockstepOptions{Config: o.cfg, Step: o.step, Until: o.until}
	o.set(func(flag string) {
		if flag == "timeout" {
			k.Timeout = o.timeout
		}
	})
	return conform.Lockstep(ctx, o.Options, k, args)
}

func testHost(ctx context.Context, o *testOpts, _ []string) (*conform.Report, error) {
	k := conform.HostOptions{Duration: o.duration, Rounds: o.rounds, Seed: o.seed, Undefined: o.undefined}
	r, err := conform.Host(ctx, o.Options, k)
	if err != nil {
		return nil, hostf("%w", err)
	}
	return r, nil
}
