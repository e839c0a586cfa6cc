package firmware

import "fmt"

// asm is a byte emitter for the few guest instructions that the ROM consists
// of. Every instruction is given with its text; a test holds the two against a
// disassembler. Labels are resolved by link.
type asm struct {
	image  []byte
	used   []bool
	pc     int
	labels map[string]int
	fixes  []fix
	lines  []line
}

type fix struct {
	at, size int
	label    string
	relative bool
}

type line struct {
	pc, n int
	text  string
}

func newAsm(size int) *asm {
	return &asm{image: make([]byte, size), used: make([]bool, size), labels: map[string]int{}}
}

// org moves the location counter.
func (a *asm) org(pc int) { a.pc = pc }

// align moves the location counter up to a multiple of n.
func (a *asm) align(n int) { a.pc = (a.pc + n - 1) / n * n }

// label names the current location.
func (a *asm) label(name string) {
	if _, dup := a.labels[name]; dup {
		panic(fmt.Sprintf("firmware: label %q is defined twice", name))
	}
	a.labels[name] = a.pc
}

// data places bytes and returns their offset.
func (a *asm) data(b ...byte) int {
	at := a.pc
	for _, x := range b {
		if a.used[a.pc] {
			panic(fmt.Sprintf("firmware: ROM offset %#x is used twice", a.pc))
		}
		a.image[a.pc], a.used[a.pc] = x, true
		a.pc++
	}
	return at
}

// op places one instruction.
func (a *asm) op(text string, b ...byte) {
	a.lines = append(a.lines, line{a.pc, len(b), text})
	a.data(b...)
}

// rel8 and rel16 place a branch whose displacement leads to label.
func (a *asm) rel8(text, label string, opcode byte) {
	a.lines = append(a.lines, line{a.pc, 2, text})
	a.data(opcode)
	a.fixes = append(a.fixes, fix{a.pc, 1, label, true})
	a.data(0)
}

func (a *asm) rel16(text, label string, opcode byte) {
	a.lines = append(a.lines, line{a.pc, 3, text})
	a.data(opcode)
	a.fixes = append(a.fixes, fix{a.pc, 2, label, true})
	a.data(0, 0)
}

// word places the 16-bit offset of label, as part of an instruction whose text
// and length the preceding op covers up to here.
func (a *asm) word(label string) {
	a.fixes = append(a.fixes, fix{a.pc, 2, label, false})
	a.data(0, 0)
}

// addr is the offset of a label that must exist.
func (a *asm) addr(label string) int {
	v, ok := a.labels[label]
	if !ok {
		panic(fmt.Sprintf("firmware: label %q is not defined", label))
	}
	return v
}

// link fills in all references.
func (a *asm) link() {
	for _, f := range a.fixes {
		v := a.addr(f.label)
		if f.relative {
			v -= f.at + f.size
			if f.size == 1 && (v < -128 || v > 127) {
				panic(fmt.Sprintf("firmware: short branch to %q spans %d bytes", f.label, v))
			}
		}
		a.image[f.at] = byte(v)
		if f.size == 2 {
			a.image[f.at+1] = byte(v >> 8)
		}
	}
}
