package main

import (
	"os"
	"path/filepath"
	"strings"

	"g86/devices/disk"
	"g86/machine/image"
)

// plan is who gets the terminal and what is opened.
type plan struct {
	display bool // the guest's screen is shown in the terminal
	port    int  // serial port on standard input and output, -1 for none
	monitor bool // the monitor can be had at standard input and output
	keys    bool // Ctrl-A keys are understood there
}

// terminals tells which of the standard files are terminals.
type terminals struct{ in, out, err bool }

// plan checks the flags against each other and fills in what a person expects.
func (o *runOpts) plan(images []string, tty terminals) (plan, error) {
	p := plan{port: -1}
	if len(images) > 1 {
		return p, usagef("only one IMAGE can be started: leave out %q, or attach it with --disk, --cdrom or --floppy", images[1])
	}
	serialGuest := strings.Contains(o.cfg.Append, "console=ttyS")
	if len(images) == 1 {
		if images[0] == "" {
			return p, usagef("the IMAGE's name is empty; name a file")
		}
		if err := o.image(images[0]); err != nil {
			return p, err
		}
	} else if o.demo() {
		serialGuest = true // its story is longer than a screen
	}
	switch {
	case o.cfg.Initrd != "" && len(images) == 0 && o.cfg.Kernel == "":
		return p, usagef("--initrd %s goes with a kernel: add --kernel FILE", o.cfg.Initrd)
	case len(o.cfg.Modules) > 0 && len(images) == 0 && o.cfg.Kernel == "":
		return p, usagef("--module goes with a Multiboot kernel: add --kernel FILE")
	case o.isSet("append") && len(images) == 0 && o.cfg.Kernel == "":
		return p, usagef("--append goes with a kernel: add --kernel FILE")
	case o.logFile != "" && len(o.cfg.LogItems) == 0:
		return p, usagef("--log-file %s has nothing to hold: say with -d what to log", o.logFile)
	case o.bootDone != "" && !o.bootCache:
		return p, usagef("--boot-done goes with --boot-cache")
	case o.bootCache && o.lockstep.on:
		return p, usagef("--lockstep compares a boot: leave out --boot-cache")
	case len(o.serial) > len(o.cfg.Serial):
		return p, usagef("--serial is there %d times: a PC has %d serial ports", len(o.serial), len(o.cfg.Serial))
	}

	terminal := tty.in && tty.out
	for i, e := range o.serial {
		if e.kind != "stdio" {
			continue
		}
		if p.port >= 0 {
			return p, usagef("two serial ports on stdio: give one of them file:F, unix:F or none")
		}
		p.port = i
	}
	p.display = o.display == "term"
	if o.display == "" && terminal && p.port < 0 {
		p.display = len(o.serial) > 0 || !serialGuest && o.monitor.kind != "stdio"
	}
	if len(o.serial) == 0 && !p.display && o.monitor.kind != "stdio" {
		p.port = 0
		o.serial = []endpoint{{kind: "stdio"}}
	}
	interactive := p.display || tty.in && p.port >= 0
	p.monitor = o.monitor.kind == "stdio" || o.monitor.kind == "" && interactive
	p.keys = tty.in || o.monitor.kind == "stdio" && p.port >= 0

	switch {
	case o.bootDone != "" && (len(o.serial) == 0 || o.serial[0].kind == "none"):
		return p, usagef("--boot-done waits for what COM1 says, which is not connected: add --serial stdio or file:F")
	case p.display && p.port >= 0:
		return p, usagef("--serial stdio and --display term both want the terminal: add --display none, or --serial file:F")
	case p.display && !terminal:
		return p, configf("--display term needs a terminal as standard input and output: use --display none")
	case p.display && tty.err && len(o.cfg.LogItems) > 0 && o.logFile == "":
		return p, usagef("-d would write over the guest's screen: add -D FILE, or --display none")
	}
	for port, e := range o.debugcon {
		if e.kind == "stdio" && p.display {
			return p, usagef("--debugcon %#x=stdio would write over the guest's screen: add --display none, or give a file", port)
		}
	}
	return p, o.clashes()
}

// demo reports that nothing is there to boot but the embedded guest.
func (o *runOpts) demo() bool {
	c := &o.cfg
	return c.Kernel == "" && c.BIOS == "" && len(c.Disks)+len(c.CDROMs)+len(c.Floppies) == 0
}

// image recognises IMAGE, which may carry drive options as --disk does.
func (o *runOpts) image(spec string) error {
	c := &o.cfg
	if c.Kernel != "" {
		if k, err := image.Detect(spec); err == nil && (k == image.BzImage || k == image.Multiboot) {
			return usagef("%s and --kernel %s are both kernels: give one of them", spec, c.Kernel)
		}
	}
	c.Image = spec
	if _, err := os.Stat(spec); err == nil || !strings.Contains(spec, ",") {
		k, err := image.Detect(spec)
		if err != nil {
			return configf("%w", err)
		}
		if kernel := k == image.BzImage || k == image.Multiboot; !kernel && c.Kernel == "" && (c.Initrd != "" || o.isSet("append")) {
			return usagef("%s is a %v, which takes no --initrd or --append: they go with a kernel", spec, k)
		}
		return nil
	}
	path, _, err := disk.ParseSpec(spec)
	if err != nil {
		return usagef("%w", err)
	}
	k, err := image.Detect(path)
	if err != nil {
		return configf("%w", err)
	}
	lists := map[image.Kind]struct {
		list  *[]string
		order string
	}{image.Disk: {&c.Disks, "cad"}, image.CDROM: {&c.CDROMs, "dca"}, image.Floppy: {&c.Floppies, "acd"}}
	l, ok := lists[k]
	if !ok {
		return usagef("%s: a %v takes no drive options; write its name alone", path, k)
	}
	c.Image = ""
	*l.list = append([]string{spec}, *l.list...)
	if c.Boot == "" {
		c.Boot = l.order
	}
	return nil
}

// clashes refuses files that would be written twice or that the guest boots.
func (o *runOpts) clashes() error {
	writers := map[string]string{}
	c := &o.cfg
	readers := map[string]string{}
	read := func(flag, path string) {
		if path != "" {
			readers[canonical(path)] = flag
		}
	}
	read("IMAGE", c.Image)
	read("--kernel", c.Kernel)
	read("--initrd", c.Initrd)
	read("--bios", c.BIOS)
	read("--vgabios", c.VGABIOS)
	for _, m := range c.Modules {
		path, _, _ := strings.Cut(m, " ")
		read("--module", path)
	}
	for flag, list := range map[string][]string{"--disk": c.Disks, "--cdrom": c.CDROMs, "--floppy": c.Floppies} {
		for _, spec := range list {
			path, _, _ := disk.ParseSpec(spec) // machine.New reports what is wrong
			read(flag, path)
		}
	}
	write := func(flag, path string) error {
		at := canonical(path)
		if r := readers[at]; r != "" {
			return usagef("%s %s would destroy what %s names: choose another file", flag, path, r)
		}
		if w := writers[at]; w != "" {
			return usagef("%s and %s both write %s: choose another file for one of them", w, flag, path)
		}
		if !device(path) {
			writers[at] = flag
		}
		return nil
	}
	for i, e := range o.serial {
		if e.path != "" {
			if err := write("--serial "+e.kind+" of COM"+string(rune('1'+i)), e.path); err != nil {
				return err
			}
		}
	}
	if e := o.monitor; e.path != "" {
		if err := write("--monitor unix", e.path); err != nil {
			return err
		}
	}
	for _, port := range ports(o.debugcon) {
		if e := o.debugcon[port]; e.path != "" {
			if err := write("--debugcon", e.path); err != nil {
				return err
			}
		}
	}
	if o.logFile != "" {
		return write("--log-file", o.logFile)
	}
	return nil
}

// canonical is one name for all the names of a file.
func canonical(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// device reports whether path is something like /dev/null, which several may
// write.
func device(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&os.ModeDevice != 0
}
