package main

import (
	"github.com/spf13/pflag"

	"g86/machine"
)

// hostFlags are the flags of `g86 run` that say nothing about the guest's
// hardware: they go with a snapshot too.
var hostFlags = []string{"accel", "accel-switch-after", "serial", "display", "monitor", "debugcon", "clock", "no-reboot", "timeout", "log", "log-file"}

func init() {
	register(&verb{
		name: "restore", usage: "restore FILE [flags]", short: "let a guest go on from a snapshot",
		long: "FILE is what the monitor's savevm wrote. The guest's hardware, kernel and command line come\n" +
			"from it; the flags say what its serial ports, screen and monitor are connected to now. Disk\n" +
			"images must be where they were and as they were; what the guest wrote to those with\n" +
			"snapshot=on is in FILE. A damaged file is refused with status 4 and nothing is started.",
		example: "  g86 restore booted.snap\n  g86 restore booted.snap --accel interp --serial stdio --timeout 60s",
		flags:   restoreFlags,
		run: func(c *cli, opts any, args []string) error {
			o := opts.(*runOpts)
			if len(args) != 1 {
				return usagef("restore takes one snapshot: write `g86 restore FILE`")
			}
			s, err := machine.OpenSnapshot(args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			s.AcceptChangedDisks = o.changedDisks
			o.snapshot = s
			o.cfg = s.Config(o.cfg)
			return startGuest(c, o, nil)
		},
	})
}

func restoreFlags(fs *pflag.FlagSet) any {
	all := pflag.NewFlagSet("restore", pflag.ContinueOnError)
	o := runFlags(all).(*runOpts)
	o.isSet = fs.Changed
	for _, name := range hostFlags {
		fs.AddFlag(all.Lookup(name))
	}
	fs.BoolVar(&o.changedDisks, "accept-changed-disks", false, "restore though a disk image was written since; the guest may find its files damaged")
	return o
}
