package machine

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"g86/cpu"
)

// Limits and defaults of Config.
const (
	DefaultMemory = 1 << 30
	MinMemory     = 1 << 20
	MaxMemory     = 64 << 30
	MaxCPUs       = 8
)

// Config says what the machine is made of and what it boots. The zero value is
// a machine with the default memory and one processor that boots the embedded
// demonstration guest.
type Config struct {
	Memory uint64 // bytes; 0: DefaultMemory
	CPUs   int    // 0: 1
	Model  string // processor model; "": the most capable
	Accel  string // "interp", "jit", "kvm", "auto": the fastest that works, "": the fastest of which runs are reproducible

	Switches []Switch // when the machine moves to another engine

	Kernel, Initrd, Append string   // direct boot; Append also goes to an Image that is a kernel
	Modules                []string // of a Multiboot kernel, "FILE ARGS"
	Image                  string   // a file of any bootable kind, recognised by content
	Disks, CDROMs          []string // FILE[,option=value]; see devices/disk
	Floppies               []string
	Boot                   string // "cda", "order=cda", "menu=on", joined by commas
	BIOS, VGABIOS          string // firmware files; "": the embedded ones

	Serial        [4]SerialConfig
	Parallel      io.Writer // the printer
	DebugCon      map[uint16]io.Writer
	DebugExitPort uint16 // 0: none

	Without []string // chips left off the board, of RemovableNames: for test ROMs that want no interrupts

	ClockMode string    // "virtual" (also ""), "warp" or "realtime"
	Seed      uint64    // of RDRAND and RDSEED
	RTC       time.Time // the guest's date at start; zero: now
	NoReboot  bool      // a reset or triple fault ends the run

	LogItems  []string // names as for -d: int, exec, in_asm, ioport, reset
	LogWriter io.Writer

	saved *Snapshot // what the machine is restored from
}

// Switch moves the machine to another engine, "interp", "jit" or "kvm", before the
// instruction that follows Count. "" is the other of interp and jit.
type Switch struct {
	Count uint64
	Accel string
}

// SerialConfig is what is at the other end of a serial port.
type SerialConfig struct {
	Out io.Writer // takes what the guest sends; nil: nothing connected
}

// Exit statuses of errors (DESIGN.md, Conventions).
const (
	StatusUsage       = 2
	StatusConfig      = 4
	StatusHost        = 6
	StatusTripleFault = 8
	StatusTimeout     = 10
)

// ConfigError is why a machine cannot be built, on one line.
type ConfigError struct {
	Status int
	Err    error
}

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

func usageError(format string, args ...any) error {
	return &ConfigError{StatusUsage, fmt.Errorf(format, args...)}
}

func configError(format string, args ...any) error {
	return &ConfigError{StatusConfig, fmt.Errorf(format, args...)}
}

// asConfig gives an error from below the status of a configuration error.
func asConfig(err error) error {
	if err == nil {
		return nil
	}
	return &ConfigError{StatusConfig, err}
}

// AccelNames, ClockModes, RemovableNames and LogItemNames list what their settings may be.
func AccelNames() []string     { return []string{"auto", "kvm", "jit", "interp"} }
func ClockModes() []string     { return []string{"virtual", "warp", "realtime"} }
func RemovableNames() []string { return []string{"pit", "rtc", "hpet"} }
func LogItemNames() []string   { return []string{"int", "in_asm", "exec", "ioport", "reset"} }

// CheckModel says what is wrong with a processor model, a name and perhaps features to be
// left out: "max,-sha-ni".
func CheckModel(s string) error {
	_, err := cpu.NewModel(s)
	return err
}

// ModelNames lists the processor models.
func ModelNames() []string { return cpu.ModelNames() }

// complete fills in defaults and refuses what cannot be.
func (c *Config) complete() error {
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.CPUs == 0 {
		c.CPUs = 1
	}
	switch {
	case c.Memory < MinMemory:
		return usageError("memory of %d bytes is too little: give at least %d MiB", c.Memory, MinMemory>>20)
	case c.Memory > MaxMemory:
		return usageError("memory of %d MiB is too much: give at most %d MiB", c.Memory>>20, MaxMemory>>20)
	case c.Memory&0xfff != 0:
		return usageError("memory of %d bytes is not made of whole 4 KiB pages: give it in MiB", c.Memory)
	case c.CPUs < 1 || c.CPUs > MaxCPUs:
		return usageError("%d processors: choose 1 to %d", c.CPUs, MaxCPUs)
	}
	switch c.Accel {
	case "", "auto", "interp", "jit", "kvm":
	default:
		return usageError("unknown accelerator %q: choose one of %s", c.Accel, strings.Join(AccelNames(), ", "))
	}
	for _, s := range c.Switches {
		if s.Accel != "" && engineTitle[s.Accel] == "" {
			return usageError("no engine %q to switch to; choose from interp, jit, kvm", s.Accel)
		}
	}
	c.Switches = slices.Clone(c.Switches)
	slices.SortStableFunc(c.Switches, func(a, b Switch) int { return cmp.Compare(a.Count, b.Count) })
	switch c.ClockMode {
	case "":
		c.ClockMode = "virtual"
	case "virtual", "warp", "realtime":
	default:
		return usageError("unknown clock mode %q: choose one of %s", c.ClockMode, strings.Join(ClockModes(), ", "))
	}
	for _, item := range c.LogItems {
		if !contains(LogItemNames(), item) {
			return usageError("unknown log item %q: choose from %s", item, strings.Join(LogItemNames(), ", "))
		}
	}
	for _, name := range c.Without {
		if !contains(RemovableNames(), name) {
			return usageError("chip %q cannot be left off the board: choose from %s", name, strings.Join(RemovableNames(), ", "))
		}
	}
	if c.RTC.IsZero() {
		c.RTC = time.Now().UTC() // once: the guest's date goes on from here by its own clock
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// bootOrder is Config.Boot taken apart.
type bootOrder struct {
	kinds []string // as firmware.Config.Boot
	menu  bool
}

// parseBoot reads QEMU's notation: letters a floppy, c disk, d CD.
func parseBoot(s string) (bootOrder, error) {
	var o bootOrder
	if s == "" {
		return o, nil
	}
	kinds := map[rune]string{'a': "floppy", 'c': "disk", 'd': "cdrom"}
	for _, item := range strings.Split(s, ",") {
		if v, ok := strings.CutPrefix(item, "menu="); ok {
			if v != "on" && v != "off" {
				return o, usageError("boot menu %q: write menu=on or menu=off", v)
			}
			o.menu = v == "on"
			continue
		}
		letters := strings.TrimPrefix(item, "order=")
		for _, r := range letters {
			k, ok := kinds[r]
			if !ok {
				return o, usageError("boot order %q: %q is none of a (floppy), c (disk), d (CD), menu=on", s, string(r))
			}
			if contains(o.kinds, k) {
				return o, usageError("boot order %q: %q is there twice", s, string(r))
			}
			o.kinds = append(o.kinds, k)
		}
		if letters == "" {
			return o, usageError("boot order %q: an item is empty; write for example c,d or cda,menu=on", s)
		}
	}
	return o, nil
}
