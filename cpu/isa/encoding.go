package isa

import (
	"fmt"
	"strconv"
	"strings"
)

// opcodeMap is the opcode page an encoding lives in.
type opcodeMap uint8

const (
	map1 opcodeMap = iota // one byte
	map0F
	map0F38
	map0F3A
	mapVEX0F
	mapVEX0F38
	mapVEX0F3A
	numMaps
)

// The mandatory-prefix column of a form. F3 and F2 win over 66.
const (
	pfxNone = iota
	pfx66
	pfxF3
	pfxF2
	numPfx

	pfxAny = 1<<numPfx - 1
)

// modAny, modMem and mod3 say which ModRM.mod values a form accepts.
const (
	modMem = 1 << iota
	mod3
	modAny = modMem | mod3
)

// encoding is Form.Enc parsed. A value of -1 leaves a field free.
type encoding struct {
	page   opcodeMap
	opcode uint8
	plusR  bool  // the low three opcode bits are a register
	pfx    uint8 // accepted mandatory prefixes, bit per pfxNone...
	w      int8
	l      int8 // VEX.L
	modrm  bool
	mod    uint8
	reg    int8
	rm     int8
	imm    string // immediate tokens: "ib", "iw ib", ...
}

func (e *encoding) vex() bool { return e.page >= mapVEX0F }

// within reports whether every byte string e matches is matched by g as well,
// and not the other way round: e is the special case of g.
func (e *encoding) within(g *encoding) bool {
	if e.pfx&^g.pfx != 0 || e.mod&^g.mod != 0 || e.plusR && !g.plusR {
		return false
	}
	free := func(a, b int8) bool { return b < 0 || a == b }
	if !free(e.w, g.w) || !free(e.l, g.l) || !free(e.reg, g.reg) || !free(e.rm, g.rm) {
		return false
	}
	return e.pfx != g.pfx || e.mod != g.mod || e.plusR != g.plusR || e.w != g.w || e.l != g.l || e.reg != g.reg || e.rm != g.rm
}

func parseEncoding(s string) (e encoding, err error) {
	e = encoding{pfx: pfxAny, w: -1, l: -1, mod: modAny, reg: -1, rm: -1}
	var bytes []uint8
	low := false // the last byte leaves its low three bits free
	for _, t := range strings.Fields(s) {
		first := bytes == nil && !e.vex() // still ahead of the opcode
		switch {
		case t == "NP" && first:
			e.pfx = 1 << pfxNone
		case t == "NFx" && first:
			e.pfx = 1<<pfxNone | 1<<pfx66
		case t == "66" && first:
			e.pfx = 1 << pfx66
		case t == "F3" && first:
			e.pfx = 1 << pfxF3
		case t == "F2" && first:
			e.pfx = 1 << pfxF2
		case t == "REX.W":
			e.w = 1
		case t == "REX.W0":
			e.w = 0
		case strings.HasPrefix(t, "VEX."):
			if err := e.parseVEX(t[4:]); err != nil {
				return e, err
			}
		case t == "mod3":
			e.mod = mod3
		case t == "mem":
			e.mod = modMem
		case t == "/r":
			e.modrm = true
		case len(t) == 2 && t[0] == '/' && t[1] >= '0' && t[1] <= '7':
			e.modrm, e.reg = true, int8(t[1]-'0')
		case len(t) == 3 && t[:2] == "rm":
			e.rm = int8(t[2] - '0')
		case t == "ib" || t == "iw" || t == "iz" || t == "iv" || t == "cb" || t == "cz" || t == "ap" || t == "o":
			e.imm = strings.TrimSpace(e.imm + " " + t)
		default:
			b, plus := strings.CutSuffix(t, "+r")
			v, err := strconv.ParseUint(b, 16, 8)
			if err != nil || len(b) != 2 || low {
				return e, fmt.Errorf("token %q", t)
			}
			bytes, low = append(bytes, uint8(v)), plus
		}
	}
	if !e.vex() && len(bytes) > 1 && bytes[0] == 0x0F {
		e.page, bytes = map0F, bytes[1:]
		if len(bytes) > 1 && (bytes[0] == 0x38 || bytes[0] == 0x3A) {
			e.page = map0F38
			if bytes[0] == 0x3A {
				e.page = map0F3A
			}
			bytes = bytes[1:]
		}
	}
	switch len(bytes) {
	case 1:
		e.opcode, e.plusR = bytes[0], low
		if low && (e.opcode&7 != 0 || e.modrm) {
			return e, fmt.Errorf("register bits of %q", s)
		}
	case 2: // a ModRM byte spelled out: "0F 01 F8", "D8 C0+r"
		m := bytes[1]
		if m < 0xC0 || e.modrm || low && m&7 != 0 {
			return e, fmt.Errorf("fixed ModRM byte of %q", s)
		}
		e.opcode, e.modrm, e.mod, e.reg = bytes[0], true, mod3, int8(m>>3&7)
		if !low {
			e.rm = int8(m & 7)
		}
	default:
		return e, fmt.Errorf("%d opcode bytes", len(bytes))
	}
	if e.page == map0F38 || e.page == map0F3A || e.vex() {
		if !e.modrm {
			return e, fmt.Errorf("no ModRM byte on a map that always has one")
		}
	}
	return e, nil
}

func (e *encoding) parseVEX(s string) error {
	e.pfx = 0
	for _, t := range strings.Split(s, ".") {
		switch t {
		case "LZ", "L0", "128":
			e.l = 0
		case "L1", "256":
			e.l = 1
		case "LIG":
		case "NP":
			e.pfx = 1 << pfxNone
		case "66":
			e.pfx = 1 << pfx66
		case "F3":
			e.pfx = 1 << pfxF3
		case "F2":
			e.pfx = 1 << pfxF2
		case "0F":
			e.page = mapVEX0F
		case "0F38":
			e.page = mapVEX0F38
		case "0F3A":
			e.page = mapVEX0F3A
		case "W0":
			e.w = 0
		case "W1":
			e.w = 1
		case "WIG":
		default:
			return fmt.Errorf("VEX field %q", t)
		}
	}
	if e.pfx == 0 || !e.vex() {
		return fmt.Errorf("VEX without prefix or map: %q", s)
	}
	return nil
}

var fixedOperands = map[string]bool{
	"AL": true, "CL": true, "AX": true, "DX": true, "eAX": true, "rAX": true, "1": true,
	"ES": true, "CS": true, "SS": true, "DS": true, "FS": true, "GS": true, "XMM0": true,
}

const operandMethods = "EGZIJAMROXYSCDVWUPQNBT"

var operandSizes = map[string]bool{
	"": true, "b": true, "bs": true, "w": true, "d": true, "q": true, "dq": true, "v": true, "z": true, "y": true,
	"p": true, "s": true, "a": true, "t": true, "ss": true, "sd": true, "ps": true, "pd": true, "x": true, "0": true,
}

// operandPairs are the register/memory spellings: method of the whole, by the
// methods before and after the slash.
var operandPairs = map[string]byte{"RM": 'E', "UM": 'W', "NM": 'Q'}

func parseOperands(s string) ([]Operand, error) {
	if s == "" {
		return nil, nil
	}
	var ops []Operand
	for _, t := range strings.Split(s, ",") {
		if fixedOperands[t] {
			ops = append(ops, Operand{Method: 'F', Fixed: t})
			continue
		}
		t, mem, pair := strings.Cut(t, "/")
		if t == "" || !strings.Contains(operandMethods, t[:1]) || !operandSizes[t[1:]] {
			return nil, fmt.Errorf("operand %q", t)
		}
		op := Operand{Method: t[0], Size: t[1:]}
		if pair {
			if len(mem) < 2 || !operandSizes[mem[1:]] || operandPairs[t[:1]+mem[:1]] == 0 {
				return nil, fmt.Errorf("operand %q/%q", t, mem)
			}
			op.Method, op.MemSize = operandPairs[t[:1]+mem[:1]], mem[1:]
		}
		ops = append(ops, op)
	}
	return ops, nil
}
