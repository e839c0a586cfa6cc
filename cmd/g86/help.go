package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

func newBuffered(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

func init() {
	register(&verb{
		name: "help", usage: "help [VERB]", short: "explain g86 or one of its verbs",
		run: func(c *cli, _ any, args []string) error {
			if len(args) > 1 {
				return usagef("help explains one verb at a time: `g86 help %s`", args[0])
			}
			if len(args) == 0 {
				return c.print(helpAll)
			}
			v := verbs[args[0]]
			if v == nil {
				return usagef("no help on %q: choose one of %s", args[0], strings.Join(verbNames(), ", "))
			}
			return c.print(func(w io.Writer) error { return helpVerb(w, v) })
		},
	})
}

func helpAll(w io.Writer) error {
	fmt.Fprintln(w, "g86 runs unmodified PC operating systems, in pure Go.\n\nUsage:")
	for _, n := range verbNames() {
		usage, _, _ := strings.Cut(verbs[n].usage, " | ") // the first form says enough here
		fmt.Fprintf(w, "  g86 %-30s %s\n", usage, verbs[n].short)
	}
	_, err := fmt.Fprint(w, `
Examples:
  g86 run                                     the embedded demonstration
  g86 run debian.iso                          whatever the image is
  g86 run --kernel vmlinuz --initrd initrd.gz --append console=ttyS0
  g86 help run                                all flags

While a guest runs on a terminal, Ctrl-A h shows the keys and Ctrl-A x quits.
`)
	return err
}

func helpVerb(w io.Writer, v *verb) error {
	fmt.Fprintf(w, "Usage: g86 %s\n\n%s.\n", v.usage, strings.ToUpper(v.short[:1])+v.short[1:])
	if v.long != "" {
		fmt.Fprintf(w, "\n%s\n", v.long)
	}
	if v.flags != nil {
		fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
		fs.SortFlags = false
		v.flags(fs)
		fmt.Fprintf(w, "\nFlags:\n%s", fs.FlagUsagesWrapped(100))
	}
	if v.example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", v.example)
	}
	return nil
}
