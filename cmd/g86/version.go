package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"g86/machine"
	"github.com/spf13/pflag"
)

type versionOpts struct{ json bool }

func init() {
	register(&verb{
		name: "version", usage: "version [--json]", short: "print the version",
		flags: func(fs *pflag.FlagSet) any {
			o := &versionOpts{}
			fs.BoolVar(&o.json, "json", false, "print JSON")
			return o
		},
		run: func(c *cli, opts any, args []string) error {
			if len(args) != 0 {
				return usagef("version takes no arguments: leave out %q", args[0])
			}
			return c.print(func(w io.Writer) error { return version(w, opts.(*versionOpts).json) })
		},
	})
}

func version(w io.Writer, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(w, "g86 %s (%s, %s/%s)\n", machine.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
	return json.NewEncoder(w).Encode(struct {
		Version string   `json:"version"`
		Go      string   `json:"go"`
		Host    string   `json:"host"`
		Models  []string `json:"cpu_models"`
	}{machine.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, machine.ModelNames()})
}
