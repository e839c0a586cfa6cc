package silicon

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"g86/cpu/isa"
)

// Form is what came of one form in code of one size.
type Form struct {
	Name      string // "ADD Eb,Gb [00 /r] 64-bit"
	Runs      int
	Failures  int
	First     string // the first failure
	Undefined uint32 // undefined flags in which the host differs from what g86 chose
	row       *isa.Form
	bits      int
	template  template
}

// Oracle is what the comparison needs of the host.
type Oracle interface {
	Machine
	Base() uint32
	CPUID(leaf, sub uint32) (a, b, c, d uint32)
}

// Comparison runs cases of all forms, one after the other. Case n is the same
// for the same seed, whatever ran before.
type Comparison struct {
	Forms   []*Form
	LeftOut map[string]int // forms by reason
	Refused map[string]int // instructions by reason
	host    Oracle
	guest   Machine
	seed    uint64
	next    uint64
}

// New prepares a comparison of the forms whose names keep accepts.
func New(host Oracle, guest Machine, seed uint64, keep func(name string) bool) *Comparison {
	c := &Comparison{LeftOut: map[string]int{}, Refused: map[string]int{}, host: host, guest: guest, seed: seed}
	has := features(host.CPUID)
	for i := 1; i < len(isa.Forms); i++ {
		f := &isa.Forms[i]
		for _, bits := range []int{64, 32} {
			if bits == 64 && f.Attr&isa.No64 != 0 || bits == 32 && f.Attr&isa.Only64 != 0 {
				continue
			}
			t := parseForm(f)
			if t.rexW == 1 && bits == 32 {
				continue
			}
			name := fmt.Sprintf("%s [%s] %d-bit", strings.TrimSpace(f.Mnemonic+" "+f.Args), f.Enc, bits)
			if !keep(name) {
				continue
			}
			if why := leaveOut(f, has); why != "" {
				c.LeftOut[why]++
				continue
			}
			c.Forms = append(c.Forms, &Form{Name: name, row: f, bits: bits, template: t})
		}
	}
	return c
}

// tries bounds how often an instruction of a form is made up before it is given
// up for this round.
const tries = 20

// Round runs one case of every form.
func (c *Comparison) Round() {
	for _, f := range c.Forms {
		c.run(f, c.next)
		c.next++
	}
}

// Seed is what the cases are made from.
func (c *Comparison) Seed() uint64 { return c.seed }

// Cases is the number of cases run.
func (c *Comparison) Cases() (n int) {
	for _, f := range c.Forms {
		n += f.Runs
	}
	return n
}

func (c *Comparison) run(f *Form, n uint64) {
	base := c.host.Base()
	g := &generator{rand.New(rand.NewPCG(c.seed, n)), base}
	var in isa.Inst
	for range tries {
		code := g.make(&f.template, f.bits)
		if len(code) > isa.MaxLen {
			code = code[:isa.MaxLen]
		}
		if isa.Decode(code, isa.Mode(f.bits), &in) != nil || in.Form != f.row.ID {
			continue
		}
		code = code[:in.Len]
		s := g.state()
		if f.bits == 32 {
			for i := range s.GPR {
				s.GPR[i] &= 0xffffffff
			}
		}
		if !g.place(&in, &s, f.bits, c.put) {
			continue
		}
		if f.bits == 32 {
			for i := range s.GPR {
				s.GPR[i] &= 0xffffffff
			}
		}
		if why := refuse(&in, f.row, &s, code, f.bits); why != "" {
			c.Refused[why]++
			continue
		}
		c.compare(f, &in, &s, code, n)
		return
	}
}

// put writes b to both sides, as far as the address lies in a window.
func (c *Comparison) put(at uint64, b []byte) {
	off := int64(at) - int64(c.host.Base())
	for _, w := range windows {
		for i, x := range b {
			if o := off + int64(i); o >= int64(w.off) && o < int64(w.off+w.size) {
				c.host.Mem()[o], c.guest.Mem()[o] = x, x
			}
		}
	}
}

func (c *Comparison) compare(f *Form, in *isa.Inst, s *State, code []byte, n uint64) {
	f.Runs++
	const at = offCode + codeAt
	c.host.Written(at, copyCode(c.host, code))
	c.guest.Written(at, copyCode(c.guest, code))
	got := c.guest.Step(s, f.bits)
	want := c.host.Step(s, f.bits)
	flags := uint64(statusFlags | flagDF | flagNT | flagID)
	if want.Vector == None {
		flags &^= uint64(f.row.Flags.Undefined)
		f.Undefined |= uint32(got.Flags^want.Flags) & f.row.Flags.Undefined & statusFlags
	}
	x := looseOf(f.row, in, f.bits)
	for _, i := range x.image {
		c.same(ea(in, s), i)
	}
	l := diff(&got, &want, f.bits, flags, x)
	l = append(l, c.memory()...)
	if len(l) == 0 {
		return
	}
	f.Failures++
	if f.First == "" {
		f.First = fmt.Sprintf("case %d: %s (% x): %s; from %s", n, isa.Disasm(in, s.RIP, isa.Mode(f.bits)), code, strings.Join(l, ", "), inputs(in, s))
	}
}

// copyCode puts the instruction at its place, with INT3 behind it.
func copyCode(m Machine, code []byte) int {
	room := m.Mem()[offCode+codeAt:][:16]
	n := copy(room, code)
	for i := n; i < len(room); i++ {
		room[i] = 0xcc
	}
	return len(room)
}

// same makes part of an operand in plain memory what the host stored.
func (c *Comparison) same(at uint64, part span) {
	off := int(at - uint64(c.host.Base()))
	copy(c.guest.Mem()[off+part.from:off+part.to], c.host.Mem()[off+part.from:off+part.to])
}

// memory tells the first difference in memory and makes both sides the same again.
func (c *Comparison) memory() (l []string) {
	for _, w := range windows {
		h, g := c.host.Mem()[w.off:w.off+w.size], c.guest.Mem()[w.off:w.off+w.size]
		if bytes.Equal(h, g) {
			continue
		}
		for i := range h {
			if h[i] != g[i] {
				l = append(l, fmt.Sprintf("[%#x] %02x, host %02x", int(c.host.Base())+w.off+i, g[i], h[i]))
				break
			}
		}
		copy(g, h)
	}
	return l
}

// inputs tells the registers that matter to an instruction.
func inputs(in *isa.Inst, s *State) string {
	l := []string{fmt.Sprintf("rflags %#x", s.Flags)}
	f := &isa.Forms[in.Form]
	for i, v := range s.GPR {
		l = append(l, fmt.Sprintf("%s %#x", gprNames[i], v))
	}
	if f.Attr&isa.FPUCheck != 0 {
		l = append(l, fmt.Sprintf("fxsave %x", s.FX[:fxXMM]))
	}
	if f.Attr&isa.SSECheck != 0 {
		l = append(l, fmt.Sprintf("mxcsr+xmm %x", s.FX[fxMXCSR:fxMXCSR+4]))
		for _, r := range []uint8{in.Reg & 15, in.RM & 15} {
			l = append(l, fmt.Sprintf("xmm%d %s", r, bigEndian(s.FX[fxXMM+16*int(r):][:16])))
		}
	}
	return strings.Join(l, " ")
}
