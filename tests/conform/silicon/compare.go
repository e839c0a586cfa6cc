package silicon

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"g86/cpu/isa"
	"g86/jit"
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

// ID is the form's row.
func (f *Form) ID() isa.ID { return f.row.ID }

// Oracle is what the comparison needs of the host.
type Oracle interface {
	Machine
	Base() uint32
	CPUID(leaf, sub uint32) (a, b, c, d uint32)
}

// Comparison runs cases of all forms. Case n of a form is the same for the same
// seed, whatever ran before.
type Comparison struct {
	Forms   []*Form
	LeftOut map[string]int // forms by reason
	Refused map[string]int // instructions by reason
	host    Oracle         // nil where only recorded outcomes are there
	intel   bool           // it is one of Intel's
	guest   Machine
	base    uint32
	seed    uint64
	round   uint64
}

// New prepares a comparison of the forms whose names keep accepts.
func New(host Oracle, guest Machine, seed uint64, keep func(name string) bool) *Comparison {
	c := &Comparison{LeftOut: map[string]int{}, Refused: map[string]int{}, host: host, guest: guest, seed: seed, base: host.Base()}
	c.intel = intel(host.CPUID)
	c.list(features(host.CPUID), keep)
	return c
}

// list fills in the forms.
func (c *Comparison) list(has func(isa.Feature) bool, keep func(name string) bool) {
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
}

// KeepTranslated leaves the forms out that say nothing about the translator.
func (c *Comparison) KeepTranslated() {
	c.Forms = slices.DeleteFunc(c.Forms, func(f *Form) bool {
		switch {
		case !jit.Translates(f.row.ID):
			c.LeftOut[WhyInterp]++
		case f.row.Mnemonic == "PUSHF":
			c.LeftOut[WhyStep]++
		default:
			return false
		}
		return true
	})
}

// tries bounds how often an instruction of a form is made up before it is given
// up for this round.
const tries = 20

// Round runs one case of every form.
func (c *Comparison) Round() {
	for _, f := range c.Forms {
		if k, ok := c.prepare(f, c.round); ok {
			c.compare(f, k)
		}
	}
	c.round++
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

// testCase is an instruction in its place, with everything it starts from.
type testCase struct {
	number uint64
	in     isa.Inst
	code   []byte
	state  State
	loose  loose
}

// prepare makes case n of a form and puts it into the memory of both sides.
func (c *Comparison) prepare(f *Form, n uint64) (k testCase, ok bool) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.Name))
	g := &generator{rand.New(rand.NewPCG(c.seed, h.Sum64()+n)), c.base}
	k.number = n
	for range tries {
		c.clear()
		k.code = g.make(&f.template, f.bits)
		if len(k.code) > isa.MaxLen {
			k.code = k.code[:isa.MaxLen]
		}
		if isa.Decode(k.code, isa.Mode(f.bits), &k.in) != nil || k.in.Form != f.row.ID {
			continue
		}
		k.code = k.code[:k.in.Len]
		k.state = g.state()
		if f.bits == 32 {
			narrow(&k.state)
		}
		if !g.place(&k.in, &k.state, f.bits, c.put) {
			continue
		}
		if f.bits == 32 {
			narrow(&k.state)
		}
		if why := refuse(&k.in, f.row, &k.state, k.code, f.bits); why != "" {
			c.Refused[why]++
			continue
		}
		k.loose = looseOf(f.row, &k.in, f.bits)
		if c.intel {
			if why := k.onIntel(f.row); why != "" {
				c.Refused[why]++
				continue
			}
		}
		for _, m := range c.sides() {
			const at = offCode + codeAt
			m.Written(at, copyCode(m, k.code))
		}
		return k, true
	}
	return k, false
}

// narrow leaves 32 bits of each register.
func narrow(s *State) {
	for i := range s.GPR {
		s.GPR[i] &= 0xffffffff
	}
}

// sides are the machines that are there.
func (c *Comparison) sides() []Machine {
	if c.host == nil {
		return []Machine{c.guest}
	}
	return []Machine{c.host, c.guest}
}

// clear zeroes the data of both sides.
func (c *Comparison) clear() {
	for _, m := range c.sides() {
		for _, w := range windows {
			clear(m.Mem()[w.off : w.off+w.size])
		}
	}
}

// put writes b to both sides, as far as the address lies in a window.
func (c *Comparison) put(at uint64, b []byte) {
	off := int64(at) - int64(c.base)
	for _, m := range c.sides() {
		mem := m.Mem()
		for _, w := range windows {
			for i, x := range b {
				if o := off + int64(i); o >= int64(w.off) && o < int64(w.off+w.size) {
					mem[o] = x
				}
			}
		}
	}
}

// flags are the RFLAGS bits that are defined after a case.
func (f *Form) flags(vector int) uint64 {
	v := uint64(statusFlags | flagDF | flagNT | flagID)
	if vector == None {
		v &^= uint64(f.row.Flags.Undefined)
	}
	return v
}

func (c *Comparison) compare(f *Form, k testCase) {
	f.Runs++
	got := c.guest.Step(&k.state, f.bits)
	want := c.host.Step(&k.state, f.bits)
	if want.Vector == None {
		f.Undefined |= uint32(got.Flags^want.Flags) & f.row.Flags.Undefined & statusFlags
	}
	for _, m := range c.sides() {
		k.blank(m, c.base)
	}
	flags := f.flags(want.Vector)
	if k.loose.partFlags && (want.Vector != None || want.RIP == k.state.RIP) {
		flags &^= statusFlags
	}
	l := diff(&got, &want, f.bits, flags, k.loose)
	l = append(l, c.memory()...)
	if len(l) == 0 {
		return
	}
	f.Failures++
	if f.First == "" {
		f.First = fmt.Sprintf("case %d: %s (% x): %s; from %s", k.number, isa.Disasm(&k.in, k.state.RIP, isa.Mode(f.bits)), k.code,
			strings.Join(l, ", "), inputs(&k.in, &k.state))
	}
}

// blank zeroes what is not compared of the operand.
func (k *testCase) blank(m Machine, base uint32) {
	for _, part := range k.loose.image {
		off := int(ea(&k.in, &k.state) - uint64(base))
		clear(m.Mem()[off+part.from : off+part.to])
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

// memory tells the first difference in memory.
func (c *Comparison) memory() (l []string) {
	for _, w := range windows {
		h, g := c.host.Mem()[w.off:w.off+w.size], c.guest.Mem()[w.off:w.off+w.size]
		if bytes.Equal(h, g) {
			continue
		}
		for i := range h {
			if h[i] != g[i] {
				l = append(l, fmt.Sprintf("[%#x] %02x, host %02x", int(c.base)+w.off+i, g[i], h[i]))
				break
			}
		}
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
