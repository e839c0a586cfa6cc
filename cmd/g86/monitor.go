package main

import (
	"bytes"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode"

	"g86/machine"
)

// monitor understands the commands of docs/monitor.md. Each connection has its
// own: the chosen processor and x's last format are not shared.
type monitor struct {
	m    *machine.Machine
	cpu  int    // the processor that info registers, x and expressions mean
	fmt  format // of the last x or xp
	quit func() // end g86
	// symbols name guest addresses.
	symbols symbols
	// failed, if set, hears of every command that failed: a script's status.
	failed func(error)
}

// command is one row of the table.
type command struct {
	names    []string // the first is listed
	args     string
	help     string
	min, max int // number of arguments
	// locked commands run on the machine's thread. What they print comes out
	// when they are done.
	locked bool
	run    func(mon *monitor, w io.Writer, args []string) error
}

// commands and infos are filled in by the file of each group.
var commands, infos []*command

func find(list []*command, name string) *command {
	for _, c := range list {
		for _, n := range c.names {
			if n == name {
				return c
			}
		}
	}
	return nil
}

func names(list []*command) []string {
	var l []string
	for _, c := range list {
		l = append(l, c.names[0])
	}
	sort.Strings(l)
	return l
}

func init() {
	commands = append(commands,
		&command{names: []string{"help", "?"}, args: "[COMMAND]", help: "list the commands, or explain one", max: 1, run: monHelp},
		&command{names: []string{"info"}, args: "WHAT", help: "show a part of the machine; `info` alone lists them", max: 2, run: monInfo},
		&command{names: []string{"quit", "q"}, help: "end g86", run: func(mon *monitor, _ io.Writer, _ []string) error {
			mon.quit()
			return nil
		}},
	)
}

// exec runs one line and writes what it has to say to w.
func (mon *monitor) exec(w io.Writer, line string) {
	if err := mon.try(w, line); err != nil {
		fmt.Fprintln(w, "g86: "+oneLine(err.Error()))
		if mon.failed != nil {
			mon.failed(err)
		}
	}
}

func (mon *monitor) try(w io.Writer, line string) error {
	args, err := words(line)
	if err != nil || len(args) == 0 {
		return err
	}
	name, fmtText, slash := strings.Cut(args[0], "/")
	args = args[1:]
	c := find(commands, name)
	if c == nil {
		return usagef("monitor: unknown command %q; `help` lists them", name)
	}
	if name == "x" || name == "xp" { // "x/4xw ADDR", "x /4xw ADDR"
		if !slash && len(args) > 0 && strings.HasPrefix(args[0], "/") {
			fmtText, slash, args = args[0][1:], true, args[1:]
		}
		if slash {
			if mon.fmt, err = parseFormat(fmtText, mon.fmt); err != nil {
				return err
			}
		} else {
			mon.fmt.count = 1
		}
	} else if slash {
		return usagef("monitor: %s takes no format; write %s", name, usage(c))
	}
	return mon.call(w, c, args)
}

// call checks the number of arguments and runs c.
func (mon *monitor) call(w io.Writer, c *command, args []string) error {
	if len(args) < c.min || len(args) > c.max {
		return usagef("monitor: write `%s`", usage(c))
	}
	var buf bytes.Buffer
	err := error(nil)
	if c.locked {
		mon.m.Do(func() { err = c.run(mon, &buf, args) })
	} else {
		err = c.run(mon, &buf, args)
	}
	_, _ = w.Write(buf.Bytes())
	return err
}

func usage(c *command) string { return strings.TrimSpace(c.names[0] + " " + c.args) }

func monHelp(_ *monitor, w io.Writer, args []string) error {
	if len(args) == 1 {
		c := find(commands, args[0])
		if c == nil {
			return usagef("monitor: no command %q; `help` lists them", args[0])
		}
		fmt.Fprintf(w, "%s: %s\n", usage(c), c.help)
		if len(c.names) > 1 {
			fmt.Fprintf(w, "also called %s\n", strings.Join(c.names[1:], ", "))
		}
		return nil
	}
	for _, n := range names(commands) {
		c := find(commands, n)
		fmt.Fprintf(w, "%-28s %s\n", usage(c), c.help)
	}
	return nil
}

func monInfo(mon *monitor, w io.Writer, args []string) error {
	if len(args) == 0 {
		for _, n := range names(infos) {
			c := find(infos, n)
			fmt.Fprintf(w, "info %-23s %s\n", usage(c), c.help)
		}
		return nil
	}
	c := find(infos, args[0])
	if c == nil {
		return usagef("monitor: nothing known about %q; choose one of %s", args[0], strings.Join(names(infos), ", "))
	}
	if len(args)-1 > c.max {
		return usagef("monitor: write `info %s`", usage(c))
	}
	return mon.call(w, c, args[1:])
}

// words splits a line at blanks; double quotes keep a word together.
func words(line string) (l []string, err error) {
	var b strings.Builder
	quoted, in := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, in = !quoted, true
		case unicode.IsSpace(r) && !quoted:
			if in {
				l = append(l, b.String())
				b.Reset()
			}
			in = false
		default:
			b.WriteRune(r)
			in = true
		}
	}
	if quoted {
		return nil, usagef("monitor: a quote is not closed; add \"")
	}
	if in {
		l = append(l, b.String())
	}
	return l, nil
}
