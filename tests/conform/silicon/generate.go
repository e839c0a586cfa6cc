package silicon

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"

	"g86/cpu/isa"
)

// template is a form's encoding taken apart, so that instructions can be made
// of it.
type template struct {
	vex           bool
	pp, mm, w, l  int    // of VEX; w and l -1 where free
	prefix        byte   // mandatory one
	none          bool   // no 66, F2 or F3 may stand before it
	rexW          int    // 1 and 0 where it is part of the form, else -1
	opcode        []byte // with the escape bytes
	plusR         bool
	modrm         bool
	reg, rm       int // fixed fields, or -1
	mem, register bool
	imm           []string
}

// parseForm reads Form.Enc; see isa.Form.
func parseForm(f *isa.Form) (t template) {
	t = template{w: -1, l: -1, rexW: -1, reg: -1, rm: -1, mem: true, register: true}
	for _, tok := range strings.Fields(f.Enc) {
		first := len(t.opcode) == 0
		switch {
		case (tok == "NP" || tok == "NFx") && first:
			t.none = true
		case (tok == "66" || tok == "F2" || tok == "F3") && first && !t.vex:
			t.prefix = hexByte(tok)
		case tok == "REX.W":
			t.rexW = 1
		case tok == "REX.W0":
			t.rexW = 0
		case strings.HasPrefix(tok, "VEX."):
			t.parseVEX(tok)
		case tok == "mod3":
			t.mem = false
		case tok == "mem":
			t.register = false
		case tok == "/r":
			t.modrm = true
		case len(tok) == 2 && tok[0] == '/':
			t.modrm, t.reg = true, int(tok[1]-'0')
		case len(tok) == 3 && tok[:2] == "rm":
			t.rm = int(tok[2] - '0')
		case strings.HasSuffix(tok, "+r"):
			t.opcode, t.plusR = append(t.opcode, hexByte(tok[:2])), true
		default:
			if len(tok) == 2 && isHex(tok) {
				t.opcode = append(t.opcode, hexByte(tok))
			} else {
				t.imm = append(t.imm, tok)
			}
		}
	}
	for _, op := range f.Operands() {
		switch op.Method {
		case 'M':
			t.register = false
		case 'R', 'U', 'N':
			t.mem = false
		}
	}
	return t
}

func hexByte(s string) byte {
	v, _ := strconv.ParseUint(s, 16, 8)
	return byte(v)
}

// isHex tells opcode bytes from immediates: those are small letters.
func isHex(s string) bool {
	_, err := strconv.ParseUint(s, 16, 8)
	return err == nil && s == strings.ToUpper(s)
}

func (t *template) parseVEX(tok string) {
	t.vex = true
	for _, part := range strings.Split(tok, ".")[1:] {
		switch part {
		case "LZ", "L0", "128":
			t.l = 0
		case "L1", "256":
			t.l = 1
		case "NP":
			t.pp = 0
		case "66":
			t.pp = 1
		case "F3":
			t.pp = 2
		case "F2":
			t.pp = 3
		case "0F":
			t.mm = 1
		case "0F38":
			t.mm = 2
		case "0F3A":
			t.mm = 3
		case "W0":
			t.w = 0
		case "W1":
			t.w = 1
		}
	}
}

// generator makes instructions.
type generator struct {
	r    *rand.Rand
	base uint32 // of the arena
}

func (g *generator) one(n int) bool { return g.r.IntN(n) == 0 }

// legacy prefixes that change nothing in flat memory, or too little to be left out.
var harmless = []byte{0x26, 0x2e, 0x36, 0x3e}

// make returns an instruction that should be of the template's form.
func (g *generator) make(t *template, bits int) []byte {
	var b []byte
	if g.one(12) {
		b = append(b, harmless[g.r.IntN(len(harmless))])
	}
	rep := !t.none && t.prefix == 0 && !t.vex
	if rep && g.one(12) {
		b = append(b, 0xf2+byte(g.r.IntN(2)))
	}
	if rep && g.one(24) {
		b = append(b, 0xf0)
	}
	if !t.none && !t.vex && t.prefix != 0x66 && g.one(4) {
		b = append(b, 0x66)
	}
	if bits == 64 && g.one(16) {
		b = append(b, 0x67)
	}
	if t.prefix != 0 {
		b = append(b, t.prefix)
	}
	rex := byte(g.r.IntN(16))
	switch {
	case t.vex:
		b = g.vex(b, t, bits)
	case bits == 64 && (t.rexW == 1 || g.one(2)):
		if t.rexW >= 0 {
			rex = rex&^8 | byte(t.rexW)<<3
		}
		b = append(b, 0x40|rex)
	}
	b = append(b, t.opcode...)
	if t.plusR {
		b[len(b)-1] |= byte(g.r.IntN(8))
	}
	imm := 0
	for _, tok := range t.imm {
		switch tok {
		case "ib", "cb":
			imm++
		case "iw":
			imm += 2
		case "o":
			imm += bits / 8
		case "iv":
			imm += 8
		default:
			imm += 4
		}
	}
	if t.modrm {
		b = g.modrm(b, t, bits, imm)
	}
	return g.immediates(b, t, bits)
}

func (g *generator) immediates(b []byte, t *template, bits int) []byte {
	for _, tok := range t.imm {
		if tok == "o" { // an absolute address
			at := uint64(g.target())
			if bits == 64 {
				b = binary.LittleEndian.AppendUint64(b, at)
			} else {
				b = binary.LittleEndian.AppendUint32(b, uint32(at))
			}
			continue
		}
		v := g.value()
		for range map[string]int{"ib": 1, "cb": 1, "iw": 2, "iv": 8, "iz": 4, "cz": 4, "ap": 6}[tok] {
			b = append(b, byte(v))
			v >>= 8
		}
	}
	return b
}

func (g *generator) vex(b []byte, t *template, bits int) []byte {
	high := byte(g.r.IntN(8)) << 5 // inverted R, X, B
	w, vvvv := byte(g.r.IntN(2)), byte(g.r.IntN(16))
	if bits == 32 {
		high, vvvv = 0xe0, 8|byte(g.r.IntN(8))
	}
	if t.w >= 0 {
		w = byte(t.w)
	}
	l := byte(max(t.l, 0))
	return append(b, 0xc4, high|byte(t.mm), w<<7|vvvv<<3|l<<2|byte(t.pp))
}

// modrm appends ModRM, SIB and displacement. A memory operand is either at an
// absolute address, which is chosen here, or has a base register, which place
// sets.
func (g *generator) modrm(b []byte, t *template, bits, imm int) []byte {
	reg := byte(g.r.IntN(8))
	if t.reg >= 0 {
		reg = byte(t.reg)
	}
	if t.register && (!t.mem || g.one(2)) {
		rm := byte(g.r.IntN(8))
		if t.rm >= 0 {
			rm = byte(t.rm)
		}
		return append(b, 0xc0|reg<<3|rm)
	}
	abs := func() []byte { return binary.LittleEndian.AppendUint32(nil, g.target()) }
	switch k := g.r.IntN(8); {
	case k == 0 && bits == 64: // [disp32] through a SIB byte without base and index
		return append(append(b, reg<<3|4, 0x25), abs()...)
	case k == 0:
		return append(append(b, reg<<3|5), abs()...)
	case k == 1 && bits == 64: // RIP-relative
		end := g.base + offCode + codeAt + uint32(len(b)+5+imm)
		return append(append(b, reg<<3|5), binary.LittleEndian.AppendUint32(nil, g.target()-end)...)
	}
	mod := byte(g.r.IntN(3))
	rm := byte(g.r.IntN(8))
	if mod == 0 && rm == 5 {
		mod = 1
	}
	b = append(b, mod<<6|reg<<3|rm)
	if rm == 4 {
		sib := byte(g.r.IntN(256))
		if sib&7 == 5 && mod == 0 {
			sib &^= 1
		}
		b = append(b, sib)
	}
	switch mod {
	case 1:
		b = append(b, byte(g.r.IntN(256)))
	case 2:
		b = binary.LittleEndian.AppendUint32(b, uint32(g.r.IntN(1<<16)-1<<15))
	}
	return b
}

// target is an address for a memory operand: mostly good ones, some at the edge
// of a page that is not there, in one, or in one that cannot be written.
func (g *generator) target() uint32 {
	switch g.r.IntN(24) {
	case 0:
		return g.base + offHole - uint32(g.r.IntN(20))
	case 1:
		return g.base + offHole + 0x100 + uint32(g.r.IntN(16))
	case 2:
		return g.base + offConst + 0x100 + uint32(g.r.IntN(32))
	case 3:
		return g.base + offData + pageSize - uint32(g.r.IntN(20))
	}
	return g.base + offData + 0x400 + uint32(g.r.IntN(64))*8 + uint32(g.r.IntN(3)/2*g.r.IntN(16))
}

var edges = [...]uint64{0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63,
	^uint64(0), 31, 32, 63, 64, 0x80000000ffffffff, 0xffffffff80000000}

// value is a number: random, or at the corner of an operand size.
func (g *generator) value() uint64 {
	switch g.r.IntN(4) {
	case 0:
		return edges[g.r.IntN(len(edges))]
	case 1:
		return uint64(g.r.IntN(256))
	}
	return g.r.Uint64()
}
