package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"g86/cpu"
	"g86/devices/clock"
)

// The info commands. All are locked: they look at the machine between two
// instructions.

func init() {
	add := func(name, args, help string, run func(mon *monitor, w io.Writer, args []string) error) {
		max := 0
		if args != "" {
			max = 1
		}
		infos = append(infos, &command{names: []string{name}, args: args, help: help, max: max, locked: true, run: run})
	}
	add("registers", "[-a]", "registers of the chosen processor (-a: of all)", infoRegisters)
	add("cpus", "", "processors and where they are", infoCPUs)
	add("mem", "", "linear addresses that the page tables map", infoMem)
	add("mtree", "", "what lies where in physical memory", infoMtree)
	add("pic", "", "the two 8259s", func(mon *monitor, w io.Writer, _ []string) error {
		_, err := io.WriteString(w, mon.m.PIC().Info())
		return err
	})
	add("irq", "", "local APICs and I/O APIC (the 8259s on a machine without)", func(mon *monitor, w io.Writer, _ []string) error {
		text := mon.m.PIC().Info()
		if a := mon.m.APIC(); a != nil {
			text = a.Info()
		}
		_, err := io.WriteString(w, text)
		return err
	})
	add("pci", "", "PCI functions", func(mon *monitor, w io.Writer, _ []string) error {
		_, err := io.WriteString(w, mon.m.PCI().Info())
		return err
	})
	add("screen", "", "the text on the screen", infoScreen)
	add("clock", "", "guest time and armed timers", infoClock)
	add("jit", "", "the translator's counters", infoJIT)
	add("kvm", "", "KVM's counters", infoKVM)
	add("hot", "[N]", "where translated code spends its time", infoHot)
	infos = append(infos, &command{names: []string{"status"}, help: "running or paused", run: infoStatus})
}

// infoStatus is not locked: Paused goes through the machine's thread by itself.
func infoStatus(mon *monitor, w io.Writer, _ []string) error {
	state := "running"
	if mon.m.Paused() {
		state = "paused"
	}
	var accel string
	var refused []string
	mon.m.Do(func() { accel, refused = mon.m.Accel() })
	fmt.Fprintf(w, "%s, engine %s, model %s, %d MiB, %d processors\n", state, accel, mon.m.Model().Name, mon.m.Memory()>>20, mon.m.CPUs())
	for _, why := range refused {
		fmt.Fprintf(w, "not %s\n", why)
	}
	return nil
}

func infoJIT(mon *monitor, w io.Writer, _ []string) error {
	e := mon.m.JIT()
	if e == nil {
		_, err := io.WriteString(w, "no translator: `info status` says why\n")
		return err
	}
	_, err := io.WriteString(w, e.Stats.Report(mon.m.Usage()))
	return err
}

func infoKVM(mon *monitor, w io.Writer, _ []string) error {
	k := mon.m.KVM()
	if k == nil {
		_, err := io.WriteString(w, "no KVM: `info status` says why\n")
		return err
	}
	_, err := io.WriteString(w, k.Stats.String())
	return err
}

// hotLines is how many blocks `info hot` lists by default.
const hotLines = 20

func infoHot(mon *monitor, w io.Writer, args []string) error {
	n := hotLines
	if len(args) > 0 {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
			return usagef("info hot %s: give the number of blocks to list", args[0])
		}
	}
	e := mon.m.JIT()
	if e == nil {
		_, err := io.WriteString(w, "no translator: `info status` says why\n")
		return err
	}
	l := e.Hot()
	for _, h := range l[:min(n, len(l))] {
		fmt.Fprintf(w, "%5.1f%% %8d  %016x  %s\n", h.Percent, h.Samples, h.RIP, mon.symbols.name(h.RIP))
	}
	return nil
}

func infoScreen(mon *monitor, w io.Writer, _ []string) error {
	lines, _ := mon.m.VGA().Text()
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	return nil
}

func infoCPUs(mon *monitor, w io.Writer, _ []string) error {
	for i := range mon.m.CPUs() {
		c := mon.m.CPU(i)
		mark, state := ' ', "running"
		if i == mon.cpu {
			mark = '*'
		}
		switch {
		case c.WaitSIPI:
			state = "waiting for start-up"
		case c.Shutdown:
			state = "shut down"
		case c.Halted:
			state = "halted"
		}
		fmt.Fprintf(w, "%c cpu %d: %d-bit CPL=%d %04x:%x %s, %d instructions\n", mark, i, c.Mode(), c.CPL(), c.Seg[cpu.CS].Sel, c.RIP, state, c.ICount)
	}
	return nil
}

func infoClock(mon *monitor, w io.Writer, _ []string) error {
	k := mon.m.Clock()
	now := k.Now()
	fmt.Fprintf(w, "guest time %v, %d instructions, %d ps each, TSC %#x\n", time.Duration(now), mon.m.Count(), k.PsPerInsn(), k.Ticks(clock.Second))
	for _, t := range k.List() {
		fmt.Fprintf(w, "%-16s at %v, in %v\n", t.Name, time.Duration(t.Deadline), time.Duration(t.Deadline-min(now, t.Deadline)))
	}
	return nil
}

func infoMtree(mon *monitor, w io.Writer, _ []string) error {
	for _, r := range mon.m.Bus().Regions() {
		kind := "registers"
		switch {
		case r.Host != nil && r.ReadOnly:
			kind = "rom"
		case r.Host != nil:
			kind = "ram"
		}
		if !r.Enabled {
			kind += ", disabled"
		}
		fmt.Fprintf(w, "%016x-%016x  %-12s %s\n", r.Base, r.Base+r.Size-1, r.Owner, kind)
	}
	return nil
}

func infoRegisters(mon *monitor, w io.Writer, args []string) error {
	if len(args) == 0 {
		registers(w, mon.m.CPU(mon.cpu))
		return nil
	}
	if args[0] != "-a" {
		return usagef("monitor: write `info registers` or `info registers -a`")
	}
	for i := range mon.m.CPUs() {
		fmt.Fprintf(w, "CPU#%d\n", i)
		registers(w, mon.m.CPU(i))
	}
	return nil
}

// registers prints a processor the way QEMU does.
func registers(w io.Writer, c *cpu.CPU) {
	s := c.Pull()
	long := s.EFER&cpu.EFERLMA != 0
	if long {
		for i, n := range [...]string{"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"} {
			r := i
			if i < 8 {
				r = [...]int{cpu.RAX, cpu.RBX, cpu.RCX, cpu.RDX, cpu.RSI, cpu.RDI, cpu.RBP, cpu.RSP}[i]
			}
			fmt.Fprintf(w, "%s=%016x%c", n, s.GPR[r], " \n"[b2i(i%4 == 3)])
		}
		fmt.Fprintf(w, "RIP=%016x RFL=%08x ", s.RIP, s.RFLAGS)
	} else {
		for i, r := range [...]int{cpu.RAX, cpu.RBX, cpu.RCX, cpu.RDX, cpu.RSI, cpu.RDI, cpu.RBP, cpu.RSP} {
			n := [...]string{"EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP"}[i]
			fmt.Fprintf(w, "%s=%08x%c", n, uint32(s.GPR[r]), " \n"[b2i(i%4 == 3)])
		}
		fmt.Fprintf(w, "EIP=%08x EFL=%08x ", uint32(s.RIP), s.RFLAGS)
	}
	fmt.Fprintf(w, "[%s] CPL=%d II=%d HLT=%d\n", flagLetters(s.RFLAGS), c.CPL(), s.Shadow, b2i(s.Halted))
	width := 8
	if long {
		width = 16
	}
	for i, n := range [...]string{"ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR"} {
		g := &s.Seg[i]
		fmt.Fprintf(w, "%-3s=%04x %0*x %08x %08x %s\n", n, g.Sel, width, g.Base, g.Limit, uint32(g.Attr)<<8, segmentKind(g))
	}
	fmt.Fprintf(w, "GDT=     %0*x %08x\nIDT=     %0*x %08x\n", width, s.GDTR.Base, s.GDTR.Limit, width, s.IDTR.Base, s.IDTR.Limit)
	fmt.Fprintf(w, "CR0=%08x CR2=%0*x CR3=%0*x CR4=%08x\n", s.CR0, width, s.CR2, width, s.CR3, s.CR4)
	fmt.Fprintf(w, "DR0=%0*x DR1=%0*x DR2=%0*x DR3=%0*x\nDR6=%0*x DR7=%0*x\n",
		width, s.DR[0], width, s.DR[1], width, s.DR[2], width, s.DR[3], width, s.DR[6], width, s.DR[7])
	fmt.Fprintf(w, "EFER=%016x\n", s.EFER)
	top := int(s.FPU.SW >> 11 & 7)
	fmt.Fprintf(w, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", s.FPU.CW, s.FPU.SW, top, s.FPU.Tag, s.MXCSR)
	for i := range s.FPU.Reg {
		f := &s.FPU.Reg[i]
		fmt.Fprintf(w, "FPR%d=%016x %04x%c", i, f.Sig, f.SE, " \n"[i&1])
	}
	n := 8
	if long {
		n = 16
	}
	for i := range n {
		fmt.Fprintf(w, "XMM%02d=%016x%016x%c", i, s.XMM[i][1], s.XMM[i][0], " \n"[i&1])
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// flagLetters shows the flags that programs test, a dash where clear.
func flagLetters(f uint64) string {
	s := []byte("DOSZAPC")
	for i, bit := range [...]uint64{cpu.FlagDF, cpu.FlagOF, cpu.FlagSF, cpu.FlagZF, cpu.FlagAF, cpu.FlagPF, cpu.FlagCF} {
		if f&bit == 0 {
			s[i] = '-'
		}
	}
	return string(s)
}

// segmentKind decodes a descriptor's type (SDM volume 3A, 3.4.5.1 and 3.5).
func segmentKind(g *cpu.Segment) string {
	t := g.Type()
	bit := func(n uint8, on byte) byte {
		if t>>n&1 != 0 {
			return on
		}
		return '-'
	}
	dpl := fmt.Sprintf("DPL=%d ", g.DPL())
	switch {
	case g.Attr>>7&1 == 0:
		return dpl + "not present"
	case g.Attr>>4&1 == 0:
		name, ok := map[uint8]string{1: "TSS16-avl", 2: "LDT", 3: "TSS16-busy", 9: "TSS-avl", 11: "TSS-busy"}[t]
		if !ok {
			name = fmt.Sprintf("type %d", t)
		}
		return dpl + name
	case t&8 != 0:
		size := "CS16"
		if g.Attr>>14&1 != 0 {
			size = "CS32"
		}
		if g.Attr>>13&1 != 0 {
			size = "CS64"
		}
		return dpl + size + " [" + string([]byte{bit(2, 'C'), bit(1, 'R'), bit(0, 'A')}) + "]"
	}
	return dpl + "DS [" + string([]byte{bit(2, 'E'), bit(1, 'W'), bit(0, 'A')}) + "]"
}
