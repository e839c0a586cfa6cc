package main

import "io"

// Commands that save and load the whole machine (docs/snapshots.md).

func init() {
	commands = append(commands,
		&command{names: []string{"savevm"}, args: "FILE", help: "save the whole machine to FILE; the guest goes on", min: 1, max: 1,
			run: func(mon *monitor, _ io.Writer, args []string) error { return mon.m.SaveSnapshot(args[0]) }},
		&command{names: []string{"loadvm"}, args: "FILE", help: "go back to what savevm saved, on the same hardware", min: 1, max: 1,
			run: func(mon *monitor, _ io.Writer, args []string) error { return mon.m.LoadSnapshot(args[0]) }},
	)
}
