package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"g86/machine"
	"github.com/spf13/pflag"
)

type doctorOpts struct{ json bool }

// checkup is what `g86 doctor` finds.
type checkup struct {
	machine.HostReport
	Terminal  string `json:"terminal"`             // "": standard input and output are one that shows the guest's screen
	MemoryMiB uint64 `json:"memory_mib,omitempty"` // that a guest can have, 0: not known
	Limit     string `json:"memory_limit,omitempty"`
}

func init() {
	register(&verb{
		name: "doctor", usage: "doctor [--json]", short: "what this host offers, and which engine auto takes",
		long: "It tries /dev/kvm with a small guest and measures an exit, tries memory that is both writable\n" +
			"and executable, and looks at the terminal and the limits of memory. Nothing is changed.",
		example: "  g86 doctor\n  g86 doctor --json",
		flags: func(fs *pflag.FlagSet) any {
			o := &doctorOpts{}
			fs.BoolVar(&o.json, "json", false, "print JSON")
			return o
		},
		run: func(c *cli, opts any, args []string) error {
			if len(args) != 0 {
				return usagef("doctor takes no arguments: leave out %q", args[0])
			}
			d := checkup{HostReport: machine.ExamineHost()}
			if !isTerminal(c.in) || !isTerminal(c.out) {
				d.Terminal = "standard input and output are not a terminal: the guest's screen needs --display none or another place"
			}
			d.MemoryMiB, d.Limit = hostMemory()
			return c.print(func(w io.Writer) error {
				if opts.(*doctorOpts).json {
					return json.NewEncoder(w).Encode(d)
				}
				_, err := io.WriteString(w, d.String())
				return err
			})
		},
	})
}

func (d *checkup) String() string {
	var b strings.Builder
	line := func(name string, ok bool, format string, args ...any) {
		mark := "ok"
		if !ok {
			mark = "--"
		}
		fmt.Fprintf(&b, "%s %-11s %s\n", mark, name, fmt.Sprintf(format, args...))
	}
	line("host", true, "%s, %d processors", d.OS, d.CPUs)
	switch {
	case d.KVM == "":
		line("kvm", true, "works: ring 0 at %d million instructions a second, an exit in %.1f µs", d.KVMInsns/1e6, float64(d.KVMExitNS)/1000)
	case d.KVMUsable:
		line("kvm", false, "%s, and takes %.1f µs for an exit; --accel=kvm takes it all the same", d.KVM, float64(d.KVMExitNS)/1000)
	default:
		line("kvm", false, "%s", d.KVM)
	}
	if d.KVMUsable && d.KVMLacks != nil {
		line("kvm cpu", false, "no %s under KVM: without --cpu, guests do without", strings.Join(d.KVMLacks, ", "))
	}
	if d.Translator == "" {
		memory := "executable memory"
		if d.Dual {
			memory += " (mapped twice: this host refuses what is writable, too)"
		}
		line("translator", true, "works: %s, a processor whose flags are known, %s", memory, strings.Join(d.Features, ", "))
		if d.SyscallGS {
			line("translator", false, "this kernel does not let programs write the base of GS (Linux 5.9 and later do): each turn of a processor with --smp takes a system call")
		}
		if d.Windows {
			line("translator", true, "the host's paging translates the addresses of 32-bit guests and of 64-bit programs")
		} else {
			line("translator", false, "no windows: each access searches a TLB (they need files without names, memfd_create, and the base of GS)")
		}
		if d.Lacks != nil {
			line("translator", false, "the interpreter runs instructions of %s", strings.Join(d.Lacks, ", "))
		}
	} else {
		line("translator", false, "%s", d.Translator)
	}
	if d.Terminal == "" {
		line("terminal", true, "shows the guest's screen")
	} else {
		line("terminal", false, "%s", d.Terminal)
	}
	if d.MemoryMiB != 0 {
		line("memory", d.MemoryMiB >= machine.DefaultMemory>>20, "%d MiB for guests%s; a guest takes what it touches of its -m", d.MemoryMiB, d.Limit)
	}
	line("engine", true, "--accel=auto takes %s", d.Accel)
	return b.String()
}
