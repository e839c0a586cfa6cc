package machine

import (
	"fmt"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
)

// PostMortem explains how processor i came to a triple fault: the chain of
// exceptions, the descriptors they went through, the page walk of the faulting
// address, and the code. Call it on the machine's thread.
func (m *Machine) PostMortem(i int) string {
	c := m.cpus[i]
	s := c.Pull()
	var b strings.Builder
	fmt.Fprintf(&b, "triple fault on processor %d after %d instructions\n\nexceptions, oldest first:\n", i, m.Count())
	chain := c.Deliveries()
	if len(chain) > 6 {
		chain = chain[len(chain)-6:]
	}
	for _, d := range chain {
		fmt.Fprintf(&b, "  #%-12d %-3s vector %-2d code %04x at %04x:%x", d.Count, cpu.VectorName(d.Vector), d.Vector, d.Code, d.CS, d.RIP)
		if d.Vector == 14 {
			fmt.Fprintf(&b, ", address %x (%s)", d.CR2, pageFaultCode(d.Code))
		} else if d.Code != 0 && d.Vector != 8 {
			fmt.Fprintf(&b, " (%s)", selectorCode(d.Code))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nregisters:\n")
	b.WriteString(indent(Registers(c)))
	if n := len(chain); n > 0 {
		fmt.Fprintf(&b, "\nIDT entries (base %x limit %x):\n", s.IDTR.Base, s.IDTR.Limit)
		seen := map[uint8]bool{}
		for _, d := range append(chain[max(0, n-3):], cpu.Delivery{Vector: 8}) {
			if !seen[d.Vector] {
				seen[d.Vector] = true
				b.WriteString("  " + m.gate(c, d.Vector) + "\n")
			}
		}
		fmt.Fprintf(&b, "\ncode segment:\n  %s\n", m.descriptor(c, s.Seg[cpu.CS].Sel))
		for _, d := range chain {
			if d.Vector == 14 {
				fmt.Fprintf(&b, "\npage walk of %x (CR3 %x):\n%s", d.CR2, s.CR3, indent(PageWalk(c, d.CR2)))
				break
			}
		}
	}
	b.WriteString("\nlast branches went to:\n")
	b.WriteString(branchList(c.Branches()))
	at := s.RIP
	if len(chain) > 0 {
		at = chain[0].RIP
	}
	b.WriteString("\ncode where it began:\n")
	b.WriteString(indent(m.disassemble(c, s.Seg[cpu.CS].Base, at, 6)))
	return b.String()
}

// branchList prints addresses, oldest first, with repetitions counted.
func branchList(l []uint64) string {
	b := strings.Builder{}
	for i := 0; i < len(l); {
		n := 1
		for i+n < len(l) && l[i+n] == l[i] {
			n++
		}
		fmt.Fprintf(&b, "  %x", l[i])
		if n > 1 {
			fmt.Fprintf(&b, " (%d times)", n)
		}
		b.WriteByte('\n')
		i += n
	}
	return b.String()
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}

// pageFaultCode spells out the error code of #PF (SDM volume 3A, figure 4-12).
func pageFaultCode(code uint32) string {
	what := []string{"not present", "read", "supervisor"}
	if code&1 != 0 {
		what[0] = "protection"
	}
	if code&2 != 0 {
		what[1] = "write"
	}
	if code&4 != 0 {
		what[2] = "user"
	}
	if code&8 != 0 {
		what = append(what, "reserved bit set")
	}
	if code&16 != 0 {
		what[1] = "fetch"
	}
	return strings.Join(what, ", ")
}

// selectorCode spells out the error code of the other exceptions (6.13).
func selectorCode(code uint32) string {
	s := fmt.Sprintf("selector %04x", code&0xfff8)
	switch {
	case code&2 != 0:
		s = fmt.Sprintf("IDT entry %d", code>>3&0xff)
	case code&4 != 0:
		s += " in the LDT"
	}
	if code&1 != 0 {
		s += ", external event"
	}
	return s
}

// Registers is the text of "info registers" for a processor.
func Registers(c *cpu.CPU) string {
	s := c.Pull()
	var b strings.Builder
	names := []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"}
	long := s.EFER&cpu.EFERLMA != 0
	for i := range 8 {
		sep := " "
		if i%4 == 3 {
			sep = "\n"
		}
		if long {
			fmt.Fprintf(&b, "R%s=%016x%s", names[i], s.GPR[i], sep)
		} else {
			fmt.Fprintf(&b, "E%s=%08x%s", names[i], uint32(s.GPR[i]), sep)
		}
	}
	if long {
		for i := 8; i < 16; i++ {
			sep := " "
			if i%4 == 3 {
				sep = "\n"
			}
			fmt.Fprintf(&b, "%-3s=%016x%s", fmt.Sprintf("R%d", i), s.GPR[i], sep)
		}
		fmt.Fprintf(&b, "RIP=%016x RFL=%08x [%s] CPL=%d HLT=%v\n", s.RIP, s.RFLAGS, flagLetters(s.RFLAGS), c.CPL(), s.Halted)
	} else {
		fmt.Fprintf(&b, "EIP=%08x EFL=%08x [%s] CPL=%d HLT=%v\n", uint32(s.RIP), s.RFLAGS, flagLetters(s.RFLAGS), c.CPL(), s.Halted)
	}
	for i, n := range []string{"ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR"} {
		g := &s.Seg[i]
		fmt.Fprintf(&b, "%-3s=%04x base=%016x limit=%08x attr=%04x %s\n", n, g.Sel, g.Base, g.Limit, g.Attr, attrText(g.Attr))
	}
	fmt.Fprintf(&b, "GDT=    %016x %08x\nIDT=    %016x %08x\n", s.GDTR.Base, s.GDTR.Limit, s.IDTR.Base, s.IDTR.Limit)
	fmt.Fprintf(&b, "CR0=%08x CR2=%016x CR3=%016x CR4=%08x EFER=%x\n", s.CR0, s.CR2, s.CR3, s.CR4, s.EFER)
	fmt.Fprintf(&b, "DR0=%016x DR1=%016x DR2=%016x DR3=%016x\nDR6=%08x DR7=%08x\n", s.DR[0], s.DR[1], s.DR[2], s.DR[3], s.DR[6], s.DR[7])
	fmt.Fprintf(&b, "FCW=%04x FSW=%04x FTW=%02x MXCSR=%08x\n", s.FPU.CW, s.FPU.SW, s.FPU.Tag, s.MXCSR)
	return b.String()
}

func flagLetters(f uint64) string {
	const letters = "CxPxAxZSTIDO"
	out := []byte("------------")
	for i := range letters {
		if letters[i] != 'x' && f>>i&1 != 0 {
			out[len(letters)-1-i] = letters[i]
		}
	}
	return string(out)
}

// attrText names what a descriptor's type and attributes say.
func attrText(a uint16) string {
	var s string
	switch {
	case a&0x80 == 0:
		return "not present"
	case a&0x10 == 0:
		return [...]string{"reserved", "16-bit TSS", "LDT", "busy 16-bit TSS", "16-bit call gate", "task gate",
			"16-bit interrupt gate", "16-bit trap gate", "reserved", "TSS", "reserved", "busy TSS", "call gate", "reserved",
			"interrupt gate", "trap gate"}[a&15] + fmt.Sprintf(" DPL=%d", a>>5&3)
	case a&8 != 0:
		s = "code16"
		if a&(1<<14) != 0 {
			s = "code32"
		}
		if a&(1<<13) != 0 {
			s = "code64"
		}
		if a&4 != 0 {
			s += " conforming"
		}
	default:
		s = "data"
		if a&2 == 0 {
			s += " read-only"
		}
		if a&4 != 0 {
			s += " expand-down"
		}
	}
	return s + fmt.Sprintf(" DPL=%d", a>>5&3)
}

// descriptor decodes the descriptor that a selector names.
func (m *Machine) descriptor(c *cpu.CPU, sel uint16) string {
	s := &c.State
	if s.CR0&cpu.CR0PE == 0 {
		return fmt.Sprintf("%04x: real mode, base %x", sel, uint64(sel)<<4)
	}
	base, limit := s.GDTR.Base, uint32(s.GDTR.Limit)
	if sel&4 != 0 {
		base, limit = s.Seg[cpu.LDTR].Base, s.Seg[cpu.LDTR].Limit
	}
	if uint32(sel|7) > limit {
		return fmt.Sprintf("%04x: beyond the table's limit %x", sel, limit)
	}
	var p [8]byte
	if err := m.ReadVirtual(c.ID, base+uint64(sel&^7), p[:]); err != nil {
		return fmt.Sprintf("%04x: %v", sel, err)
	}
	d := le.Uint64(p[:])
	l := uint32(d&0xffff | d>>32&0xf0000)
	if d>>55&1 != 0 {
		l = l<<12 | 0xfff
	}
	return fmt.Sprintf("%04x: %016x base %08x limit %08x %s", sel, d, d>>16&0xffffff|d>>32&0xff000000, l, attrText(uint16(d>>40)))
}

// gate decodes the IDT entry of a vector, and the segment it leads to.
func (m *Machine) gate(c *cpu.CPU, vector uint8) string {
	s := &c.State
	size := 8
	switch {
	case s.CR0&cpu.CR0PE == 0:
		size = 4
	case s.EFER&cpu.EFERLMA != 0:
		size = 16
	}
	name := fmt.Sprintf("vector %d %s", vector, cpu.VectorName(vector))
	at := int(vector) * size
	if at+size-1 > int(s.IDTR.Limit) {
		return fmt.Sprintf("%s: beyond the limit", name)
	}
	var p [16]byte
	if err := m.ReadVirtual(c.ID, s.IDTR.Base+uint64(at), p[:size]); err != nil {
		return fmt.Sprintf("%s: %v", name, err)
	}
	if size == 4 {
		return fmt.Sprintf("%s: %04x:%04x", name, le.Uint16(p[2:]), le.Uint16(p[:]))
	}
	d := le.Uint64(p[:])
	off := d&0xffff | d>>32&0xffff0000
	if size == 16 {
		off |= le.Uint64(p[8:]) << 32
	}
	sel := uint16(d >> 16)
	return fmt.Sprintf("%s: %016x %s to %04x:%x; %s", name, d, attrText(uint16(d>>40)&0xff), sel, off, m.descriptor(c, sel))
}

// PageWalk is the text of a walk of the page tables for an address.
func PageWalk(c *cpu.CPU, lin uint64) string {
	steps, pa, ok := c.Walk(lin)
	var b strings.Builder
	for _, e := range steps {
		fmt.Fprintf(&b, "%-5s at %09x: %016x %s\n", [...]string{"", "PTE", "PDE", "PDPTE", "PML4E"}[e.Level], e.Addr, e.Value, pteText(e.Value))
	}
	if ok {
		fmt.Fprintf(&b, "maps to %x\n", pa)
	} else {
		b.WriteString("not mapped\n")
	}
	return b.String()
}

func pteText(v uint64) string {
	if v&1 == 0 {
		return "not present"
	}
	s := "P"
	for _, f := range []struct {
		bit  uint
		name string
	}{{1, "W"}, {2, "U"}, {5, "A"}, {6, "D"}, {7, "PS"}, {8, "G"}, {63, "NX"}} {
		if v>>f.bit&1 != 0 {
			s += " " + f.name
		}
	}
	return s
}

// disassemble lists n instructions from segment base and offset rip.
func (m *Machine) disassemble(c *cpu.CPU, base, rip uint64, n int) string {
	var b strings.Builder
	for range n {
		var code [15]byte
		k := 0
		for ; k < len(code); k++ { // the page after the instruction may be missing
			if m.ReadVirtual(c.ID, base+rip+uint64(k), code[k:k+1]) != nil {
				break
			}
		}
		var in isa.Inst
		if err := isa.Decode(code[:k], isa.Mode(c.Mode()), &in); err != nil {
			fmt.Fprintf(&b, "%08x: % x  (%v)\n", rip, code[:min(k, 4)], err)
			break
		}
		fmt.Fprintf(&b, "%08x: %-30x  %s\n", rip, code[:in.Len], isa.Disasm(&in, rip, isa.Mode(c.Mode())))
		rip += uint64(in.Len)
	}
	return b.String()
}

// Disassemble lists n instructions at a linear address as processor i would
// decode them. Call it on the machine's thread.
func (m *Machine) Disassemble(i int, lin uint64, n int) string {
	return m.disassemble(m.cpus[i], 0, lin, n)
}
