package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"g86/machine"
)

// Commands that change what the machine does.

func init() {
	commands = append(commands,
		&command{names: []string{"stop", "s"}, help: "pause the machine", run: func(mon *monitor, _ io.Writer, _ []string) error {
			mon.m.Pause()
			return nil
		}},
		&command{names: []string{"cont", "c"}, help: "let a paused machine go on", run: func(mon *monitor, _ io.Writer, _ []string) error {
			mon.m.Resume()
			return nil
		}},
		&command{names: []string{"accel"}, args: "[ENGINE]", help: "show the engine, or move the running guest to interp, jit or kvm", max: 1, run: monAccel},
		&command{names: []string{"cpu"}, args: "N", help: "choose the processor for info registers, x and expressions", min: 1, max: 1, run: monCPU},
		&command{names: []string{"nmi"}, help: "send a non-maskable interrupt", run: func(mon *monitor, _ io.Writer, _ []string) error {
			mon.m.NMI()
			return nil
		}},
		&command{names: []string{"screendump"}, args: "FILE.png", help: "write the guest's screen as a PNG file", min: 1, max: 1, run: monScreendump},
		&command{names: []string{"sendkey"}, args: "KEYS", help: "press keys together and release them: ctrl-alt-delete", min: 1, max: 1,
			run: func(mon *monitor, _ io.Writer, args []string) error {
				if err := mon.m.SendKey(args[0]); err != nil {
					return &statusError{machine.StatusUsage, fmt.Errorf("sendkey: %w", err)}
				}
				return nil
			}},
		&command{names: []string{"system_powerdown"}, help: "press the power button", run: func(mon *monitor, _ io.Writer, _ []string) error {
			if !mon.m.PowerButton() {
				return configf("system_powerdown: the guest does not listen to its power button; shut it down from inside, or quit")
			}
			return nil
		}},
		&command{names: []string{"system_reset"}, help: "press the reset button", run: func(mon *monitor, _ io.Writer, _ []string) error {
			mon.m.Reset()
			return nil
		}},
		&command{names: []string{"type"}, args: "TEXT", help: "type TEXT on the guest's keyboard; \\n is Enter", min: 1, max: 1, run: func(mon *monitor, _ io.Writer, args []string) error {
			mon.m.TypeKeys(strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(args[0]))
			return nil
		}},
	)
}

func monAccel(mon *monitor, w io.Writer, args []string) error {
	if len(args) == 0 {
		return infoStatus(mon, w, nil)
	}
	return mon.m.SetAccel(args[0])
}

func monCPU(mon *monitor, _ io.Writer, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n >= mon.m.CPUs() {
		return usagef("cpu %s: choose 0 to %d", args[0], mon.m.CPUs()-1)
	}
	mon.cpu = n
	return nil
}

// monScreendump writes beside the target and renames, so that a full disk
// leaves neither half a picture nor an old one damaged.
func monScreendump(mon *monitor, _ io.Writer, args []string) (err error) {
	path := args[0]
	fail := func(err error) error {
		return hostf("screendump: %s: %w; choose another file", path, pathless(err))
	}
	write := func(f *os.File) error {
		var err error
		w := newBuffered(f)
		mon.m.Do(func() { err = mon.m.VGA().PNG(w) })
		if e := w.Flush(); err == nil {
			err = e
		}
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	}
	if st, e := os.Stat(path); e == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return configf("screendump: %s is a directory; name a file in it", path)
		}
		f, e := os.OpenFile(path, os.O_WRONLY, 0) // a device or a pipe
		if e == nil {
			e = write(f)
		}
		if e != nil {
			return fail(e)
		}
		return nil
	}
	f, e := os.CreateTemp(filepath.Dir(path), ".g86-*.png")
	if e != nil {
		return fail(e)
	}
	if e = write(f); e == nil {
		if e = os.Chmod(f.Name(), 0o644); e == nil {
			e = os.Rename(f.Name(), path)
		}
	}
	if e != nil {
		os.Remove(f.Name())
		return fail(e)
	}
	return nil
}
