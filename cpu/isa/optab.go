package isa

import "fmt"

// The decoder's tables, built from Forms at start-up. An opcode is looked up in
// opcodes[64-bit?][map][opcode]; what else selects the form (mandatory prefix,
// W, VEX.L, ModRM) indexes a block of cells of just the needed dimensions.

// opEntry describes one opcode byte: cells[base + p*pMul + w*wMul + l*lMul +
// selector(ModRM)] is its form.
type opEntry struct {
	base  uint16
	pMul  uint8
	wMul  uint8
	lMul  uint16
	sel   uint8 // which selector row
	modrm bool
}

// Selectors from a ModRM byte to a cell: none, memory or register, reg with
// memory or register, and the same with each register apart.
const (
	selNone = iota
	selMod
	selReg
	selFull
	numSel
)

var selSize = [numSel]int{1, 2, 16, 72}

var selector [numSel][256]uint8

// Immediate layouts.
const (
	immNone = iota
	imm8
	imm8s
	imm16
	immZ
	immV
	immFar
	immEnter
	immOffset
)

// Form properties the decoder tests.
const (
	infRegB    = 1 << iota // ModRM.reg is a byte register
	infRMB                 // ModRM.rm or the opcode's register is a byte register
	infMandW               // no operand-size prefix: OpSize is 8 by W, else 4
	infDef64               // 64-bit operand size by default
	infForce64             // ... always
	infLock                // LOCK allowed with a memory operand
	infX                   // DS:rSI operand
	infY                   // ES:rDI operand
	infRegRM               // ModRM.rm is a register whatever mod says
	infRM                  // the form has register bits in the opcode
	infCheck               // the register fields have invalid values: checkFields
	infVEX
)

type formInfo struct {
	flags uint16
	imm   uint8
}

var (
	opcodes [2][numMaps][256]opEntry
	cells   []ID
	infos   []formInfo
)

func init() {
	for m := range 256 {
		s := uint8(0)
		if m >= 0xC0 {
			s = 1
		}
		reg := uint8(m >> 3 & 7)
		selector[selMod][m] = s
		selector[selReg][m] = s<<3 | reg
		selector[selFull][m] = reg
		if s == 1 {
			selector[selFull][m] = uint8(8 + m&63)
		}
	}
	infos = make([]formInfo, len(Forms))
	for i := range Forms {
		infos[i] = newFormInfo(&Forms[i])
	}
	cells = append(cells, 0)
	for long := range 2 {
		var rows [numMaps][256][]*Form
		for i := 1; i < len(Forms); i++ {
			f := &Forms[i]
			if long == 1 && f.Attr&No64 != 0 || long == 0 && f.Attr&Only64 != 0 {
				continue
			}
			n := 1
			if f.enc.plusR {
				n = 8
			}
			for r := range n {
				slot := &rows[f.enc.page][int(f.enc.opcode)+r]
				*slot = append(*slot, f)
			}
		}
		for p := range rows {
			for op, fs := range rows[p] {
				if fs != nil {
					opcodes[long][p][op] = newOpEntry(fs)
				}
			}
		}
	}
}

func newFormInfo(f *Form) formInfo {
	var in formInfo
	for _, op := range f.ops {
		switch op.Method {
		case 'G':
			if op.Size == "b" {
				in.flags |= infRegB
			}
		case 'E', 'Z', 'R':
			if op.Size == "b" {
				in.flags |= infRMB
			}
		case 'S', 'C', 'D', 'P':
			in.flags |= infCheck
			if op.Method == 'C' || op.Method == 'D' {
				in.flags |= infRegRM
			}
		case 'Q', 'N':
			in.flags |= infCheck
		case 'X':
			in.flags |= infX
		case 'Y':
			in.flags |= infY
		case 'B':
			// consumed below
		}
	}
	switch f.enc.imm {
	case "":
	case "ib":
		in.imm = imm8
		if f.ops[len(f.ops)-1].Size == "bs" {
			in.imm = imm8s
		}
	case "cb":
		in.imm = imm8s
	case "iw":
		in.imm = imm16
	case "iz", "cz":
		in.imm = immZ
	case "iv":
		in.imm = immV
	case "ap":
		in.imm = immFar
	case "iw ib":
		in.imm = immEnter
	case "o":
		in.imm = immOffset
	default:
		panic(fmt.Sprintf("isa: %s %q: immediates %q", f.Mnemonic, f.Enc, f.enc.imm))
	}
	if f.enc.plusR {
		in.flags |= infRM
	}
	if f.enc.vex() {
		in.flags |= infVEX | infMandW | infCheck
	}
	if f.enc.pfx == 1<<pfx66 {
		in.flags |= infMandW
	}
	if f.Attr&Def64 != 0 {
		in.flags |= infDef64
	}
	if f.Attr&Force64 != 0 {
		in.flags |= infForce64
	}
	if f.Attr&Lock != 0 {
		in.flags |= infLock
	}
	return in
}

// newOpEntry expands the forms sharing an opcode over all selecting dimensions
// and drops those that make no difference.
func newOpEntry(fs []*Form) opEntry {
	for _, f := range fs[1:] {
		if f.enc.modrm != fs[0].enc.modrm {
			panic(fmt.Sprintf("isa: %s %q and %s %q disagree about a ModRM byte", f.Mnemonic, f.Enc, fs[0].Mnemonic, fs[0].Enc))
		}
	}
	var full [numPfx][2][2][72]ID
	d := dimensionsOf(fs)
	usesP, usesW, usesL, usesRM, usesReg, usesMod := false, false, false, false, false, false
	for p := range d.p {
		for w := range d.w {
			for l := range d.l {
				c := &full[p][w][l]
				for m := range c {
					if first := d.first(m); first != m {
						c[m] = c[first]
					} else {
						c[m] = choose(fs, p, w, l, m)
					}
				}
				usesP = usesP || *c != full[0][w][l]
				usesW = usesW || *c != full[p][0][l]
				usesL = usesL || *c != full[p][w][0]
				if !d.mod && !d.reg {
					continue
				}
				for m := range c {
					if m < 8 {
						usesReg = usesReg || c[m] != c[0]
						usesMod = usesMod || c[m] != c[8+m<<3]
					} else {
						usesReg = usesReg || c[m] != c[m&7+8]
						usesRM = usesRM || c[m] != c[m&^7]
					}
				}
			}
		}
	}
	e := opEntry{modrm: fs[0].enc.modrm}
	switch {
	case usesRM:
		e.sel = selFull
	case usesReg:
		e.sel = selReg
	case usesMod:
		e.sel = selMod
	}
	size := selSize[e.sel]
	n := size
	nw, np, nl := 1, 1, 1
	if usesW {
		nw, e.wMul, n = 2, uint8(n), n*2
	}
	if usesP {
		if n > 255 {
			panic(fmt.Sprintf("isa: %s %q: too many selectors on one opcode", fs[0].Mnemonic, fs[0].Enc))
		}
		np, e.pMul, n = numPfx, uint8(n), n*numPfx
	}
	if usesL {
		nl, e.lMul, n = 2, uint16(n), n*2
	}
	if len(cells)+n > 1<<16 {
		panic("isa: decoder tables outgrew 16 bits")
	}
	e.base = uint16(len(cells))
	for l := range nl {
		for p := range np {
			for w := range nw {
				for s := range size {
					m := s
					switch e.sel {
					case selMod:
						m = s * 8
					case selReg:
						if s >= 8 {
							m = 8 + (s-8)*8
						}
					}
					cells = append(cells, full[p][w][l][m])
				}
			}
		}
	}
	return e
}

// dimensions are those in which some of an opcode's forms ask for a value. Looking at each value
// of the others would take most of a start.
type dimensions struct {
	p, w, l      int // how many values make a difference
	mod, reg, rm bool
}

func dimensionsOf(fs []*Form) dimensions {
	d := dimensions{p: 1, w: 1, l: 1}
	for _, f := range fs {
		e := &f.enc
		if e.pfx != pfxAny {
			d.p = numPfx
		}
		if e.w >= 0 {
			d.w = 2
		}
		if e.l >= 0 {
			d.l = 2
		}
		d.mod = d.mod || e.mod != modAny || e.rm >= 0
		d.reg = d.reg || e.reg >= 0
		d.rm = d.rm || e.rm >= 0
	}
	return d
}

// first returns the first ModRM byte (numbered as by selFull) that selects the same form.
func (d *dimensions) first(m int) int {
	mem, reg, rm := m < 8, m, 0
	if !mem {
		reg, rm = (m-8)>>3, m&7
	}
	if !d.reg {
		reg = 0
	}
	if !d.rm {
		rm = 0
	}
	if mem || !d.mod {
		return reg
	}
	return 8 + reg<<3 + rm
}

// choose returns the most special of the forms that accept a mandatory prefix,
// W, L and a ModRM byte (numbered as by selFull).
func choose(fs []*Form, p, w, l, m int) ID {
	mod, reg, rm := uint8(modMem), int8(m), int8(-1)
	if m >= 8 {
		mod, reg, rm = mod3, int8((m-8)>>3), int8(m&7)
	}
	var best *Form
	for _, f := range fs {
		e := &f.enc
		if e.pfx>>p&1 == 0 || e.w >= 0 && int(e.w) != w || e.l >= 0 && int(e.l) != l || e.mod&mod == 0 ||
			e.reg >= 0 && e.reg != reg || e.rm >= 0 && e.rm != rm {
			continue
		}
		switch {
		case best == nil || e.within(&best.enc):
			best = f
		case !best.enc.within(e):
			panic(fmt.Sprintf("isa: %s %q and %s %q claim the same bytes", f.Mnemonic, f.Enc, best.Mnemonic, best.Enc))
		}
	}
	if best == nil {
		return 0
	}
	return best.ID
}
