package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
)

// Commands that show memory: x, xp and print, and their expressions.

func init() {
	commands = append(commands,
		&command{names: []string{"x"}, args: "[/FMT] ADDRESS", help: "show memory at a linear address: x /10i $rip, x /4xg $rsp", min: 1, max: 99, locked: true,
			run: func(mon *monitor, w io.Writer, args []string) error { return mon.examine(w, args, true) }},
		&command{names: []string{"xp"}, args: "[/FMT] ADDRESS", help: "show memory at a physical address", min: 1, max: 99, locked: true,
			run: func(mon *monitor, w io.Writer, args []string) error { return mon.examine(w, args, false) }},
		&command{names: []string{"print", "p"}, args: "EXPRESSION", help: "compute: print $cs.base+$rip", min: 1, max: 99, locked: true,
			run: func(mon *monitor, w io.Writer, args []string) error {
				v, err := mon.evaluate(strings.Join(args, " "))
				if err == nil {
					fmt.Fprintf(w, "%#x (%d)\n", v, int64(v))
				}
				return err
			}},
	)
}

// format is what stands behind x's slash: a count, a letter for how to show
// (x d u o c i) and one for the size (b h w g).
type format struct {
	count int
	show  byte // 0: x
	size  int  // bytes; 0: 4
}

const maxCount = 65536

func parseFormat(s string, last format) (format, error) {
	f := format{count: 1, show: last.show, size: last.size}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 {
		n, err := strconv.Atoi(s[:digits])
		if err != nil || n < 1 || n > maxCount {
			return last, usagef("x: count %s: choose 1 to %d", s[:digits], maxCount)
		}
		f.count = n
	}
	for _, r := range s[digits:] {
		switch r {
		case 'x', 'd', 'u', 'o', 'c', 'i':
			f.show = byte(r)
		case 'b', 'h', 'w', 'g':
			f.size = map[rune]int{'b': 1, 'h': 2, 'w': 4, 'g': 8}[r]
		default:
			return last, usagef("x: format %q: write a count, one of x d u o c i and one of b h w g, for example 4xg", s)
		}
	}
	return f, nil
}

func (mon *monitor) examine(w io.Writer, args []string, linear bool) error {
	at, err := mon.evaluate(strings.Join(args, " "))
	if err != nil {
		return err
	}
	c := mon.m.CPU(mon.cpu)
	read := func(a uint64, p []byte) error { mon.m.ReadPhys(a, p); return nil }
	if linear {
		read = func(a uint64, p []byte) error { return mon.m.ReadVirtual(mon.cpu, a, p) }
	}
	f := mon.fmt
	if f.show == 'i' {
		return disassemble(w, read, at, f.count, isa.Mode(c.Mode()))
	}
	size := f.size
	if size == 0 {
		size = 4
	}
	if f.show == 'c' {
		size = 1
	}
	perLine := min(16/size, 8)
	digits := 8
	if c.Mode() == 64 || at>>32 != 0 {
		digits = 16
	}
	for i := range f.count {
		var b [8]byte
		if err := read(at, b[:size]); err != nil {
			if i%perLine != 0 {
				fmt.Fprintln(w)
			}
			return configf("x: %w; `info mem` lists what is", err)
		}
		if i%perLine == 0 {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%0*x:", digits, at)
		}
		fmt.Fprint(w, " "+show(f.show, binary.LittleEndian.Uint64(b[:]), size))
		at += uint64(size)
	}
	fmt.Fprintln(w)
	return nil
}

// show is one value in the given style.
func show(style byte, v uint64, size int) string {
	shift := uint(64 - 8*size)
	switch style {
	case 'd':
		return strconv.FormatInt(int64(v<<shift)>>shift, 10)
	case 'u':
		return strconv.FormatUint(v, 10)
	case 'o':
		return fmt.Sprintf("0%0*o", (8*size+2)/3, v)
	case 'c':
		return fmt.Sprintf("%-6s", strconv.QuoteRuneToASCII(rune(v&0x7f)))
	}
	return fmt.Sprintf("0x%0*x", 2*size, v)
}

func disassemble(w io.Writer, read func(uint64, []byte) error, at uint64, count int, mode isa.Mode) error {
	for range count {
		var code []byte
		var why error
		for len(code) < isa.MaxLen { // what can be read of the longest instruction
			var b [1]byte
			if why = read(at+uint64(len(code)), b[:]); why != nil {
				break
			}
			code = append(code, b[0])
		}
		if len(code) == 0 {
			return configf("x: %w; `info mem` lists what is", why)
		}
		var in isa.Inst
		n, text := 1, "(bad)"
		if err := isa.Decode(code, mode, &in); err == nil {
			n, text = int(in.Len), isa.Disasm(&in, at, mode)
		}
		fmt.Fprintf(w, "%#08x:  %-24x %s\n", at, code[:n], text)
		at += uint64(n)
	}
	return nil
}

// expression is a recursive-descent parser over C's operators
// | ^ & << >> + - * / % and unary - ~ with 64-bit arithmetic.
type expression struct {
	mon  *monitor
	text string
}

func (mon *monitor) evaluate(text string) (uint64, error) {
	e := &expression{mon, text}
	v, err := e.binary(0)
	if err == nil && e.peek() != "" {
		err = usagef("expression: %q is left over; write for example $rip+0x10", e.text)
	}
	return v, err
}

// precedence of the binary operators, loosest first.
var precedence = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}

// peek is the operator or parenthesis that comes next, or any other character.
func (e *expression) peek() string {
	e.text = strings.TrimLeft(e.text, " \t")
	switch {
	case e.text == "":
		return ""
	case strings.HasPrefix(e.text, "<<"), strings.HasPrefix(e.text, ">>"):
		return e.text[:2]
	}
	return e.text[:1]
}

func (e *expression) binary(level int) (uint64, error) {
	if level == len(precedence) {
		return e.unary()
	}
	v, err := e.binary(level + 1)
	for err == nil {
		op := e.peek()
		if op == "" || !known(precedence[level], op) {
			return v, nil
		}
		e.text = e.text[len(op):]
		var r uint64
		if r, err = e.binary(level + 1); err != nil {
			break
		}
		switch op {
		case "|":
			v |= r
		case "^":
			v ^= r
		case "&":
			v &= r
		case "<<":
			v <<= r
		case ">>":
			v >>= r
		case "+":
			v += r
		case "-":
			v -= r
		case "*":
			v *= r
		default:
			if r == 0 {
				return 0, usagef("expression: division by zero")
			}
			if op == "/" {
				v /= r
			} else {
				v %= r
			}
		}
	}
	return v, err
}

// maxNesting bounds what a line can make the parser do.
const maxNesting = 200

func (e *expression) unary() (uint64, error) {
	op := e.peek()
	switch op {
	case "-", "~", "(":
		if strings.Count(e.text, op) > maxNesting {
			return 0, usagef("expression: too deep; leave out some %s", op)
		}
		e.text = e.text[1:]
		if op == "(" {
			v, err := e.binary(0)
			if err == nil && e.peek() != ")" {
				err = usagef("expression: a parenthesis is not closed; add )")
			}
			if err == nil {
				e.text = e.text[1:]
			}
			return v, err
		}
		v, err := e.unary()
		if op == "-" {
			return -v, err
		}
		return ^v, err
	case "":
		return 0, usagef("expression: a value is missing; write for example $rip or 0x7c00")
	}
	n := 0
	for n < len(e.text) && (e.text[n] == '$' && n == 0 || e.text[n] == '.' || e.text[n] == '_' || isAlnum(e.text[n])) {
		n++
	}
	word := e.text[:n]
	e.text = e.text[n:]
	if name, ok := strings.CutPrefix(word, "$"); ok {
		if v, ok := register86(e.mon.m.CPU(e.mon.cpu), strings.ToLower(name)); ok {
			return v, nil
		}
		return 0, usagef("expression: no register %q; write for example $rip, $eax, $cs, $cs.base, $cr3", word)
	}
	v, err := strconv.ParseUint(word, 0, 64)
	if err != nil {
		return 0, usagef("expression: %q is not a number; write for example 4096, 0x1000 or $rip", word+strings.TrimSpace(e.text))
	}
	return v, nil
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// register86 is a register by its name in lower case. As in QEMU, the
// instruction pointer is a linear address: CS's base is in it.
func register86(c *cpu.CPU, name string) (uint64, bool) {
	s := c.Pull()
	switch name {
	case "pc", "rip", "eip":
		return s.Seg[cpu.CS].Base*uint64(b2i(c.Mode() != 64)) + s.RIP, true
	case "eflags", "rflags":
		return s.RFLAGS, true
	case "cr0":
		return s.CR0, true
	case "cr2":
		return s.CR2, true
	case "cr3":
		return s.CR3, true
	case "cr4":
		return s.CR4, true
	case "efer":
		return s.EFER, true
	case "gdt":
		return s.GDTR.Base, true
	case "idt":
		return s.IDTR.Base, true
	}
	for i, seg := range [...]string{"es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr"} {
		switch name {
		case seg:
			return uint64(s.Seg[i].Sel), true
		case seg + ".base":
			return s.Seg[i].Base, true
		case seg + ".limit":
			return uint64(s.Seg[i].Limit), true
		}
	}
	for _, size := range []uint8{8, 4, 2, 1} {
		for r := range uint8(16) {
			if isa.RegName(r, size) == name {
				return s.GPR[r] & (1<<(8*size) - 1), true
			}
		}
	}
	return 0, false
}
