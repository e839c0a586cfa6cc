// Command g86 runs unmodified PC operating systems. One file per verb; the
// machine itself is package machine.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/spf13/pflag"
)

// verb is what the first argument asks for.
type verb struct {
	name    string
	usage   string // arguments, as in "run [flags] [IMAGE]"
	short   string
	long    string // what help prints below the usage line
	example string
	// flags defines the verb's flags; run gets what is left of the arguments.
	flags func(fs *pflag.FlagSet) any
	run   func(c *cli, opts any, args []string) error
}

// verbs is filled in by each verb's file.
var verbs = map[string]*verb{}

func register(v *verb) *verb {
	verbs[v.name] = v
	return v
}

func verbNames() []string {
	var l []string
	for n := range verbs {
		l = append(l, n)
	}
	sort.Strings(l)
	return l
}

// cli is the process's surroundings.
type cli struct {
	in       *os.File
	out, err *os.File
}

// gcPercent keeps the heap, most of which is decoded code that lives long, closer to
// what it needs than Go does by itself.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	c := &cli{os.Stdin, os.Stdout, os.Stderr}
	os.Exit(c.exit(c.main(os.Args[1:])))
}

// main runs the verb that args name.
func (c *cli) main(args []string) error {
	if len(args) == 0 {
		return usagef("what shall be done? Try `g86 run IMAGE`, or `g86 help`")
	}
	name := args[0]
	switch name {
	case "-h", "--help":
		name = "help"
	case "--version":
		name = "version"
	}
	v := verbs[name]
	if v == nil {
		hint := "choose one of " + strings.Join(verbNames(), ", ")
		if _, err := os.Stat(name); err == nil || strings.HasPrefix(name, "-") {
			hint = "to start a guest write `g86 run " + strings.Join(args, " ") + "`"
		}
		return usagef("unknown verb %q: %s", name, hint)
	}
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.SortFlags = false
	var opts any
	if v.flags != nil {
		opts = v.flags(fs)
	}
	switch err := fs.Parse(args[1:]); {
	case errors.Is(err, pflag.ErrHelp):
		return c.print(func(w io.Writer) error { return helpVerb(w, v) })
	case err != nil:
		return flagError(v, err)
	}
	return v.run(c, opts, fs.Args())
}

// flagError puts what pflag found wrong into our form.
func flagError(v *verb, err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		if e := errors.Unwrap(bad); e != nil {
			name := "--" + bad.GetFlag().Name
			if bad.GetFlag().Value.Type() == "bool" {
				return usagef("%s=%s: this is a switch: write %s alone", name, bad.GetValue(), name)
			}
			return usagef("%s %s: %v", name, bad.GetValue(), e)
		}
	}
	return usagef("%v; `g86 help %s` lists the flags", err, v.name)
}

// print lets f write to standard output and reports what went wrong there.
func (c *cli) print(f func(w io.Writer) error) error {
	w := newBuffered(c.out)
	err := f(w)
	if e := w.Flush(); err == nil {
		err = e
	}
	var se *statusError
	if err != nil && !errors.As(err, &se) {
		return hostf("standard output: %w", pathless(err))
	}
	return err
}

// exit reports err on standard error and returns the process's status.
func (c *cli) exit(err error) int {
	if err == nil {
		return 0
	}
	status, show := statusOf(err)
	if show {
		fmt.Fprintln(c.err, "g86: "+oneLine(err.Error()))
	}
	return status
}
