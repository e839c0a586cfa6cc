package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"g86/devices/debugexit"
	"g86/machine"
	"g86/tests/conform"
	"github.com/spf13/pflag"
)

// testOpts is the flags of `g86 test`.
type testOpts struct {
	conform.Options
	json, undefined    bool
	junit, reference   string
	cfg                machine.Config
	pass               []uint32
	expect             *regexp.Regexp
	timeout, duration  time.Duration
	rounds             int
	seed, step, until  uint64
	postPort, textPort uint16
	postPass           uint8
	set                func(func(flag string)) // calls back with each flag given
}

// Defaults of `g86 test`.
const (
	defaultTestTime = 2 * time.Minute
	defaultHostTime = 10 * time.Second
	postPort        = 0x80
	postPass        = 0xff
)

// testFlags defines the flags of `g86 test`.
func testFlags(fs *pflag.FlagSet) any {
	o := &testOpts{timeout: defaultTestTime, duration: defaultHostTime, postPort: postPort, postPass: postPass, seed: 1}
	o.Accels, o.Jobs = []string{"interp"}, runtime.GOMAXPROCS(0)
	o.cfg.DebugExitPort = debugexit.Port
	o.set = func(f func(string)) { fs.Visit(func(x *pflag.Flag) { f(x.Name) }) }
	one := func(name, short, kind, usage string, set func(string) error) {
		fs.VarP(&setter{kind: kind, set: set}, name, short, usage)
	}
	many := func(name, kind, usage string, set func(string) error) {
		fs.Var(&setter{kind: kind, list: true, set: set}, name, usage)
	}
	text := func(to *string) func(string) error {
		return func(v string) error {
			if v == "" {
				return errors.New("the value is empty; name a file")
			}
			*to = v
			return nil
		}
	}
	number := func(limit uint64, to func(uint64)) func(string) error {
		return func(v string) error {
			n, err := strconv.ParseUint(v, 0, 64)
			if err != nil || n > limit {
				return fmt.Errorf("give a whole number from 0 to %#x", limit)
			}
			to(n)
			return nil
		}
	}
	pattern := func(to **regexp.Regexp) func(string) error {
		return func(v string) (err error) {
			if *to, err = regexp.Compile(v); err != nil {
				return fmt.Errorf("not a regular expression: %w", err)
			}
			return nil
		}
	}
	span := func(to *time.Duration) func(string) error {
		return func(v string) error {
			d, err := time.ParseDuration(v)
			if s, e := strconv.ParseFloat(v, 64); e == nil && s < float64(math.MaxInt64/time.Second) {
				d, err = time.Duration(s*float64(time.Second)), nil
			}
			if err != nil || d <= 0 {
				return errors.New("not a time above zero; write for example 90 or 5m")
			}
			*to = d
			return nil
		}
	}

	one("accel", "", "ENGINES", "engines to run everything on, joined by commas: interp, jit, kvm (default interp)", func(v string) error {
		o.Accels = nil
		for _, a := range strings.Split(v, ",") {
			if !known([]string{"interp", "jit", "kvm"}, a) {
				return fmt.Errorf("no engine %q; choose from interp, jit, kvm", a)
			}
			if known(o.Accels, a) {
				return fmt.Errorf("%s is there twice", a)
			}
			o.Accels = append(o.Accels, a)
		}
		return nil
	})
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	one("junit", "", "FILE", "write the report as JUnit XML too", text(&o.junit))
	one("filter", "", "REGEXP", "run only what has a matching name", pattern(&o.Filter))
	one("jobs", "", "N", "files to run at a time (default one for each processor)", func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1024 {
			return errors.New("give a number from 1 to 1024")
		}
		o.Jobs = n
		return nil
	})

	one("cpu", "", "MODEL", "vectors, kernel, rom, lockstep: processor: "+strings.Join(machine.ModelNames(), ", ")+" (default max)", func(v string) error {
		if !known(machine.ModelNames(), v) {
			return fmt.Errorf("choose one of %s", strings.Join(machine.ModelNames(), ", "))
		}
		o.cfg.Model = v
		return nil
	})
	one("memory", "m", "SIZE", "kernel, rom, lockstep: memory: a number of MiB, or with a suffix K, M or G (default 512M)", func(v string) (err error) {
		o.cfg.Memory, err = parseSize(v)
		return err
	})
	one("timeout", "", "DURATION", "kernel, rom, lockstep: wall time for each (default 2m; lockstep none)", span(&o.timeout))

	one("smp", "", "N", "kernel, lockstep: processors (default 1)", func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > machine.MaxCPUs {
			return fmt.Errorf("give a number from 1 to %d", machine.MaxCPUs)
		}
		o.cfg.CPUs = n
		return nil
	})
	one("append", "", "TEXT", "kernel, lockstep: command line", func(v string) error { o.cfg.Append = v; return nil })
	many("module", "FILE ARGS", "kernel, lockstep: module with its arguments (repeatable)", func(v string) error {
		o.cfg.Modules = append(o.cfg.Modules, v)
		return nil
	})
	one("initrd", "", "FILE", "lockstep: ramdisk of a Linux kernel", text(&o.cfg.Initrd))
	one("step", "", "N", "lockstep: instructions between two comparisons (default 1048576)", number(1<<40, func(n uint64) { o.step = n }))
	one("until", "", "N", "lockstep: instruction count at which to end (default when the guest ends)", number(math.MaxUint64, func(n uint64) { o.until = n }))
	one("debug-exit", "", "PORT", "kernel: port at which it ends (default 0xf4)", func(v string) (err error) {
		o.cfg.DebugExitPort, err = parsePort(v)
		return err
	})
	many("pass", "N", "kernel: value written to that port that means success (repeatable, default 0)",
		number(math.MaxUint32, func(n uint64) { o.pass = append(o.pass, uint32(n)) }))
	one("expect", "", "REGEXP", "kernel: what its serial text must hold as well", pattern(&o.expect))

	many("without", "CHIPS", "rom: chips to leave off the board, joined by commas: "+strings.Join(machine.RemovableNames(), ", "), func(v string) error {
		for _, name := range strings.Split(v, ",") {
			if !known(machine.RemovableNames(), name) {
				return fmt.Errorf("%q cannot be left out; choose from %s", name, strings.Join(machine.RemovableNames(), ", "))
			}
			o.cfg.Without = append(o.cfg.Without, name)
		}
		return nil
	})
	one("post-port", "", "PORT", "rom: where POST codes come (default 0x80)", func(v string) (err error) {
		o.postPort, err = parsePort(v)
		return err
	})
	one("post-pass", "", "CODE", "rom: the last POST code of success (default 0xff)", number(0xff, func(n uint64) { o.postPass = uint8(n) }))
	one("text-port", "", "PORT", "rom: where its text comes (default COM1)", func(v string) (err error) {
		o.textPort, err = parsePort(v)
		return err
	})
	one("reference", "", "FILE", "rom: what its text must be", text(&o.reference))

	one("seconds", "", "N", "host: how long (default 10)", span(&o.duration))
	one("rounds", "", "N", "host: so many cases of each form, however long it takes", number(math.MaxInt32, func(n uint64) { o.rounds = int(n) }))
	one("seed", "", "N", "host: which cases; the same seed gives the same ones (default 1)", number(math.MaxUint64, func(n uint64) { o.seed = n }))
	fs.BoolVar(&o.undefined, "undefined", false, "host: also tell where its undefined flags are not g86's")
	return o
}
