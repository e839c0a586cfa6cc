package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"g86/machine"
	"github.com/spf13/pflag"
)

// runOpts is the flags of `g86 run`, read and checked one by one; plan checks
// them against each other.
type runOpts struct {
	cfg       machine.Config
	serial    []endpoint
	display   string // "", "none" or "term"
	monitor   endpoint
	debugcon  map[uint16]endpoint
	debugExit bool
	timeout   time.Duration
	logFile   string
	perfMap   bool
	bootCache bool
	bootDone  string
	symbols   symbols
	lockstep  lockstepOpts
	snapshot  *machine.Snapshot // `g86 restore`: what the guest goes on from
	// changedDisks lets it, though a disk was written since.
	changedDisks bool
	isSet        func(flag string) bool
}

// setter is a flag's value: a function that takes it. Unless it is a list, the
// flag may be given once.
type setter struct {
	kind string
	text string
	list bool
	seen bool
	set  func(string) error
}

func (s *setter) String() string { return s.text }
func (s *setter) Type() string   { return s.kind }
func (s *setter) Set(v string) error {
	if s.seen && !s.list {
		return errors.New("the flag is there twice; give it once")
	}
	if err := s.set(v); err != nil {
		return err
	}
	s.seen = true
	return nil
}

// runFlags defines the flags of `g86 run`.
func runFlags(fs *pflag.FlagSet) any {
	o := &runOpts{isSet: fs.Changed, debugcon: map[uint16]endpoint{}}
	c := &o.cfg
	one := func(name, short, kind, usage string, set func(string) error) {
		fs.VarP(&setter{kind: kind, set: set}, name, short, usage)
	}
	many := func(name, kind, usage string, set func(string) error) {
		fs.Var(&setter{kind: kind, list: true, set: set}, name, usage)
	}
	text := func(to *string) func(string) error {
		return func(v string) error {
			if v == "" {
				return errors.New("the value is empty; leave the flag out or name something")
			}
			*to = v
			return nil
		}
	}
	list := func(to *[]string) func(string) error {
		return func(v string) error {
			if v == "" {
				return errors.New("the value is empty; name a file")
			}
			*to = append(*to, v)
			return nil
		}
	}
	choice := func(to *string, names ...string) func(string) error {
		return func(v string) error {
			for _, n := range names {
				if v == n {
					*to = v
					return nil
				}
			}
			return fmt.Errorf("choose one of %s", strings.Join(names, ", "))
		}
	}

	one("memory", "m", "SIZE", "memory: a number of MiB, or with a suffix K, M or G (default 1G)", func(v string) (err error) {
		c.Memory, err = parseSize(v)
		return err
	})
	one("smp", "", "N", fmt.Sprintf("processors, 1 to %d (default 1)", machine.MaxCPUs), func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > machine.MaxCPUs {
			return fmt.Errorf("give a number from 1 to %d", machine.MaxCPUs)
		}
		c.CPUs = n
		return nil
	})
	one("cpu", "", "MODEL", "processor: "+strings.Join(machine.ModelNames(), ", ")+", without features as in max,-sha-ni (default max)", func(v string) error {
		c.Model = v
		return machine.CheckModel(v)
	})
	one("accel", "", "ENGINE", "engine: "+strings.Join(machine.AccelNames(), ", ")+" (default auto)", choice(&c.Accel, machine.AccelNames()...))

	many("accel-switch-after", "N[:ENGINE]", "move the running guest to another engine after N instructions (repeatable; default the other of interp and jit)", func(v string) error {
		n, engine, _ := strings.Cut(v, ":")
		count, err := strconv.ParseUint(n, 0, 64)
		if err != nil {
			return errors.New("write a number of instructions and an engine: 1000000:interp")
		}
		if engine != "" && !known([]string{"interp", "jit", "kvm"}, engine) {
			return errors.New("choose one of interp, jit, kvm to switch to")
		}
		c.Switches = append(c.Switches, machine.Switch{Count: count, Accel: engine})
		return nil
	})

	one("kernel", "", "FILE", "start this Linux (bzImage) or Multiboot kernel directly", text(&c.Kernel))
	one("initrd", "", "FILE", "the kernel's ramdisk", text(&c.Initrd))
	one("append", "", "TEXT", "the kernel's command line", func(v string) error { c.Append = v; return nil })
	many("module", "'FILE ARGS'", "module of a Multiboot kernel, with its arguments (repeatable)", list(&c.Modules))
	many("disk", "FILE", "attach a disk: FILE[,snapshot=on][,readonly=on] (repeatable)", list(&c.Disks))
	many("cdrom", "FILE", "attach a CD image (repeatable)", list(&c.CDROMs))
	many("floppy", "FILE", "attach a floppy image, with options as --disk (repeatable)", list(&c.Floppies))
	one("boot", "", "ORDER", "boot order, a floppy, c disk, d CD; menu=on asks: dca,menu=on", text(&c.Boot))
	one("bios", "", "FILE", "boot this firmware instead of the embedded BIOS", text(&c.BIOS))
	one("vgabios", "", "FILE", "display option ROM for --bios (default vgabios-stdvga.bin beside it)", text(&c.VGABIOS))

	many("serial", "WHERE", "serial port: stdio, file:F, unix:F or none (repeatable: COM1 to COM4)", func(v string) error {
		e, err := parseEndpoint(v, "stdio", "file", "unix", "none")
		o.serial = append(o.serial, e)
		return err
	})
	one("display", "", "WHERE", "screen: none, or term in this terminal", choice(&o.display, "none", "term"))
	one("monitor", "", "WHERE", "monitor: stdio, unix:F or none", func(v string) (err error) {
		o.monitor, err = parseEndpoint(v, "stdio", "unix", "none")
		return err
	})
	many("debugcon", "PORT=WHERE", "debug console: 0xe9=FILE or 0xe9=stdio (repeatable)", func(v string) error {
		port, where, ok := strings.Cut(v, "=")
		if !ok || where == "" {
			return errors.New("write PORT=FILE or PORT=stdio, for example 0xe9=debug.log")
		}
		n, err := parsePort(port)
		if err != nil {
			return err
		}
		if _, twice := o.debugcon[n]; twice {
			return fmt.Errorf("port %#x has a debug console already; choose another port", n)
		}
		o.debugcon[n] = endpoint{kind: "file", path: where}
		if where == "stdio" {
			o.debugcon[n] = endpoint{kind: "stdio"}
		}
		return nil
	})
	one("debug-exit", "", "PORT", "let the guest end g86 by writing v here: status (v<<1)|1", func(v string) (err error) {
		c.DebugExitPort, err = parsePort(v)
		o.debugExit = true
		return err
	})

	one("clock", "", "MODE", "guest time in idle: virtual sleeps, warp skips, realtime follows the wall (default virtual)",
		choice(&c.ClockMode, machine.ClockModes()...))
	one("seed", "", "N", "seed of the guest's random numbers (default 0)", func(v string) (err error) {
		if c.Seed, err = strconv.ParseUint(v, 0, 64); err != nil {
			return errors.New("give a whole number from 0 to 2^64-1")
		}
		return nil
	})
	one("rtc", "", "TIME", "the guest's date at start, as 2024-01-31 or 2024-01-31T12:00:00 (default now)", func(v string) error {
		for _, layout := range []string{"2006-01-02", "2006-01-02T15:04:05", time.RFC3339} {
			if t, err := time.Parse(layout, v); err == nil {
				if t.Year() < 1980 || t.Year() > 2099 {
					return errors.New("a PC's clock knows the years 1980 to 2099")
				}
				c.RTC = t
				return nil
			}
		}
		return errors.New("not a date; write for example 2024-01-31T12:00:00")
	})
	fs.BoolVar(&c.NoReboot, "no-reboot", false, "end instead of resetting; a triple fault prints its post-mortem")
	fs.BoolVar(&o.bootCache, "boot-cache", false, "keep the state after the boot, and start there the next time this guest is run")
	one("boot-done", "", "TEXT", "with --boot-cache: the boot is finished when COM1 says this (default when the guest is idle)", text(&o.bootDone))
	one("timeout", "", "DURATION", "end with status 10 after this much wall time: 90s, 5m", func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil {
			var s float64
			if s, err = strconv.ParseFloat(v, 64); err == nil && s < float64(math.MaxInt64/time.Second) {
				d = time.Duration(s * float64(time.Second))
			}
		}
		if err != nil || d <= 0 {
			return errors.New("not a time above zero; write for example 90s or 5m")
		}
		o.timeout = d
		return nil
	})
	fs.VarP(&setter{kind: "ITEMS", list: true, set: func(v string) error {
		for _, item := range strings.Split(v, ",") {
			if !known(machine.LogItemNames(), item) {
				return fmt.Errorf("no log item %q; choose from %s", item, strings.Join(machine.LogItemNames(), ", "))
			}
			c.LogItems = append(c.LogItems, item)
		}
		return nil
	}}, "log", "d", "log these items: "+strings.Join(machine.LogItemNames(), ","))
	fs.BoolVar(&o.perfMap, "perf-map", false, "tell perf(1) of translated code in /tmp/perf-PID.map")
	one("symbols", "", "FILE", "names of guest addresses, as nm or a System.map has them", func(v string) (err error) {
		o.symbols, err = readSymbols(v)
		return err
	})
	fs.BoolVar(&o.lockstep.on, "lockstep", false, "run the interpreter and the translator side by side and compare them")
	count := func(to *uint64) func(string) error {
		return func(v string) (err error) {
			if *to, err = strconv.ParseUint(v, 0, 64); err != nil || *to == 0 {
				return errors.New("give a number of instructions above zero")
			}
			return nil
		}
	}
	one("lockstep-until", "", "N", "end the comparison at this instruction count (default when the guest ends)", count(&o.lockstep.until))
	one("lockstep-step", "", "N", "instructions between two comparisons (default 1048576)", count(&o.lockstep.step))
	fs.BoolVar(&o.lockstep.json, "lockstep-json", false, "print the result of the comparison as JSON")
	one("log-file", "D", "FILE", "write the log here instead of standard error", text(&o.logFile))
	return o
}

func known(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// parseSize reads an amount of memory; MiB without a suffix.
func parseSize(v string) (uint64, error) {
	advice := errors.New("not an amount of memory; write for example 512M or 2G")
	digits := strings.TrimRight(v, "KkMmGgBbi")
	shift, ok := map[string]uint{"": 20, "k": 10, "m": 20, "g": 30, "kib": 10, "mib": 20, "gib": 30, "kb": 10, "mb": 20, "gb": 30}[strings.ToLower(v[len(digits):])]
	n, err := strconv.ParseUint(digits, 0, 64)
	switch {
	case !ok || err != nil:
		return 0, advice
	case n == 0:
		return 0, fmt.Errorf("a machine without memory; give at least %d MiB", machine.MinMemory>>20)
	case n > machine.MaxMemory>>shift:
		return 0, fmt.Errorf("too much; give at most %d GiB", uint64(machine.MaxMemory)>>30)
	case n<<shift < machine.MinMemory:
		return 0, fmt.Errorf("too little; give at least %d MiB", machine.MinMemory>>20)
	}
	return n << shift, nil
}

// parsePort reads an I/O port, as in C.
func parsePort(v string) (uint16, error) {
	n, err := strconv.ParseUint(v, 0, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not an I/O port; write for example 0xf4", v)
	}
	return uint16(n), nil
}

// endpoint is what a character device of the guest is connected to.
type endpoint struct {
	kind string // "": not said; stdio, file, unix, none
	path string
}

func (e endpoint) String() string {
	if e.path == "" {
		return e.kind
	}
	return e.kind + ":" + e.path
}

func parseEndpoint(v string, kinds ...string) (endpoint, error) {
	kind, path, colon := strings.Cut(v, ":")
	needsPath := kind == "file" || kind == "unix"
	switch {
	case !known(kinds, kind):
		return endpoint{}, fmt.Errorf("choose one of %s", strings.NewReplacer("file", "file:F", "unix", "unix:F").Replace(strings.Join(kinds, ", ")))
	case needsPath && path == "":
		return endpoint{}, fmt.Errorf("the file name is missing; write %s:NAME", kind)
	case !needsPath && colon:
		return endpoint{}, fmt.Errorf("%s takes no file name; write %s alone", kind, kind)
	}
	return endpoint{kind, path}, nil
}
