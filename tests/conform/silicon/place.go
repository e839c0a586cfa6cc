package silicon

import (
	"encoding/binary"
	"strings"

	"g86/cpu/isa"
)

// codeAt is where the instruction stands in its page.
const codeAt = 0x800

// stackUsers move RSP or RBP by what lies on the stack.
var stackUsers = map[string]bool{"PUSH": true, "POP": true, "PUSHA": true, "POPA": true, "PUSHF": true, "POPF": true,
	"CALL": true, "RET": true, "ENTER": true, "LEAVE": true}

// ea is the linear address of the instruction's memory operand.
func ea(in *isa.Inst, s *State) uint64 {
	v := uint64(in.Disp)
	if in.Prefix&isa.PrefixRIP != 0 {
		v += s.RIP + uint64(in.Len)
	}
	if in.Base != isa.NoReg {
		v += s.GPR[in.Base]
	}
	if in.Index != isa.NoReg {
		v += s.GPR[in.Index] << in.Scale
	}
	if in.AddrSize == 4 {
		v &= 0xffffffff
	}
	return v
}

// place gives the registers values with which every access of the instruction
// stays in the arena, and puts data there. It reports whether that worked.
func (g *generator) place(in *isa.Inst, s *State, bits int, put func(at uint64, b []byte)) bool {
	f := &isa.Forms[in.Form]
	stack := stackUsers[f.Mnemonic]
	if stack {
		for _, r := range []int{4, 5} {
			s.GPR[r] = uint64(g.base + offStack + 0x400 + uint32(g.r.IntN(0x400)))
		}
		whole := wholeStack[f.Mnemonic]
		if !whole && g.one(20) {
			s.GPR[4] = uint64(g.base + offStack + uint32(g.r.IntN(8)))
		}
		if !whole && g.one(20) {
			s.GPR[4] = uint64(g.base + offStack + pageSize - uint32(g.r.IntN(8)))
		}
	}
	if !g.bitOffset(in, f, s) {
		return false
	}
	uses := g.implicit(in, f, s)
	if in.Mem() && !uses {
		if !g.operand(in, s, bits, stack) {
			return false
		}
	}
	for _, r := range []int{4, 6, 7} {
		g.fill(s.GPR[r], put)
	}
	at := ea(in, s)
	if in.Mem() {
		g.fill(at, put)
	}
	g.targets(in, f, s, at, put)
	return true
}

// bitOffset keeps the bit that BT and its kin reach near their operand.
func (g *generator) bitOffset(in *isa.Inst, f *isa.Form, s *State) bool {
	if !strings.HasPrefix(f.Mnemonic, "BT") || len(f.Operands()) != 2 || f.Operands()[1].Method != 'G' || !in.Mem() {
		return true
	}
	if in.Reg == in.Base || in.Reg == in.Index {
		return false
	}
	s.GPR[in.Reg&15] = uint64(int64(g.r.IntN(512) - 256))
	return true
}

// implicit sets the registers of operands that no ModRM byte names.
func (g *generator) implicit(in *isa.Inst, f *isa.Form, s *State) (uses bool) {
	for _, op := range f.Operands() {
		if op.Method != 'X' && op.Method != 'Y' {
			continue
		}
		at := uint64(g.target())
		if uses { // only one may fault: processors differ in which they look at first
			at = uint64(g.base + offData + 0x400 + uint32(g.r.IntN(0x200)))
		}
		s.GPR[map[byte]int{'X': 6, 'Y': 7}[op.Method]], uses = at, true
	}
	switch f.Mnemonic {
	case "XLAT":
		s.GPR[3], uses = uint64(g.base+offData+0x400), true
	case "MASKMOVQ", "MASKMOVDQU": // whether an access without any byte faults is the processor's choice
		s.GPR[7], uses = uint64(g.base+offData+0x400+uint32(g.r.IntN(0x200))), true
	}
	return uses
}

// operand aims the memory operand at a target and checks that it got there.
func (g *generator) operand(in *isa.Inst, s *State, bits int, stack bool) bool {
	mask := ^uint64(0)
	if in.AddrSize == 4 {
		mask = 0xffffffff
	}
	want := uint64(g.target())
	if in.Prefix&isa.PrefixLock != 0 || isa.Forms[in.Form].Mnemonic == "XCHG" {
		want &^= 15 // a locked access across two cache lines is slow, or refused by the kernel
	} else if f := &isa.Forms[in.Form]; f.Attr&isa.Align16 != 0 && (unaligned(f) || !g.one(8)) {
		want &^= 15
	}
	fixed := func(r uint8) bool { return stack && (r == 4 || r == 5) }
	switch {
	case in.Base != isa.NoReg && !fixed(in.Base) && in.Base != in.Index:
		s.GPR[in.Base] += (want - ea(in, s)) & mask
		if bits == 64 && in.AddrSize == 8 && g.one(30) {
			s.GPR[in.Base] += 1 << 60 // not canonical
		}
	case in.Base == in.Index && in.Base != isa.NoReg:
		s.GPR[in.Base] = (want - uint64(in.Disp)) & mask / (1 + 1<<in.Scale)
	case in.Index != isa.NoReg && in.Base == isa.NoReg:
		s.GPR[in.Index] = (want - uint64(in.Disp)) & mask >> in.Scale
	}
	at := ea(in, s)
	canonical := uint64(int64(at)<<16>>16) == at
	return !canonical || at >= uint64(g.base)+offCode+pageSize && at < uint64(g.base)+arenaSize-0x400
}

// targets makes the addresses that near branches load canonical, and keeps
// what POPF loads from changing how this program runs.
func (g *generator) targets(in *isa.Inst, f *isa.Form, s *State, at uint64, put func(uint64, []byte)) {
	const user = 1<<47 - 1
	word := make([]byte, 8)
	binary.LittleEndian.PutUint64(word, g.value()&user)
	switch f.Mnemonic {
	case "JMP", "CALL":
		if op := f.Operands()[0]; op.Method == 'E' {
			if in.Mem() {
				put(at, word)
			} else {
				s.GPR[in.RM&15] &= user
			}
		}
	case "RET":
		put(s.GPR[4], word)
	case "POPF":
		binary.LittleEndian.PutUint64(word, g.value()&^uint64(flagAC|flagNT))
		put(s.GPR[4], word)
	}
}

// fill puts 64 bytes of interesting data around at.
func (g *generator) fill(at uint64, put func(uint64, []byte)) {
	b := make([]byte, 64)
	for i := 0; i < len(b); i += 16 {
		g.vector(b[i : i+16])
	}
	put(at-16, b[:16])
	put(at, b[16:])
}

// vector fills 16 bytes with integers, singles, doubles or an extended real.
func (g *generator) vector(v []byte) {
	le := binary.LittleEndian
	switch g.r.IntN(6) {
	case 0:
		for i := 0; i < 16; i += 4 {
			le.PutUint32(v[i:], singles[g.r.IntN(len(singles))])
		}
	case 1:
		for i := 0; i < 16; i += 8 {
			le.PutUint64(v[i:], doubles[g.r.IntN(len(doubles))])
		}
	case 2:
		for i := 0; i < 16; i += 4 {
			le.PutUint32(v[i:], g.r.Uint32()&0x80ffffff|uint32(g.r.IntN(40)+107)<<23)
		}
	case 3:
		for i := 0; i < 16; i += 8 {
			le.PutUint64(v[i:], g.r.Uint64()&(1<<63|1<<52-1)|uint64(g.r.IntN(80)+983)<<52)
		}
	case 4:
		g.extended(v)
	default:
		for i := 0; i < 16; i += 8 {
			le.PutUint64(v[i:], g.value())
		}
	}
}

var singles = [...]uint32{0, 1 << 31, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001, 1, 0x7fffff,
	0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x3f000000, 0x40490fdb}

var doubles = [...]uint64{0, 1 << 63, 0x3ff << 52, 0xbff << 52, 0x7ff << 52, 0xfff << 52, 0x7ff8<<48 | 1, 0x7ff<<52 | 1, 1,
	1<<52 - 1, 1 << 52, 0x7ff<<52 - 1, 0x41e << 52, 0x43e << 52, 0x3fe << 52, 0x400921fb54442d18}

// exponents of extended reals: zero, denormal, tiny, small integers, integer
// limits, huge, infinity and NaN.
var exponents = [...]uint16{0, 0, 1, 0x3ffe, 0x3fff, 0x4000, 0x400e, 0x401e, 0x403d, 0x403e, 0x7ffe, 0x7fff, 0x7fff}

// significands likewise; those without the top bit are pseudo-formats.
var significands = [...]uint64{0, 1, 1 << 63, 1<<63 | 1, 3 << 62, 3<<62 | 5, ^uint64(0), 0x90 << 56, 0x70 << 56, 1<<63 | 1<<39}

func (g *generator) extended(v []byte) {
	sig, se := g.r.Uint64()|1<<63, 0x3fff+uint16(g.r.IntN(150))-75
	if g.one(2) {
		sig, se = significands[g.r.IntN(len(significands))], exponents[g.r.IntN(len(exponents))]
	}
	binary.LittleEndian.PutUint64(v, sig)
	binary.LittleEndian.PutUint16(v[8:], se|uint16(g.r.IntN(2))<<15)
	clear(v[10:16])
}

// state makes registers up.
func (g *generator) state() (s State) {
	le := binary.LittleEndian
	for i := range s.GPR {
		s.GPR[i] = g.value()
	}
	s.RIP = uint64(g.base) + offCode + codeAt
	s.Flags = g.r.Uint64() & statusFlags
	if g.one(4) {
		s.Flags |= flagDF
	}
	cw := uint16(0x7f)
	if g.one(3) {
		cw = 0x40 | uint16(g.r.IntN(64))
	}
	cw |= []uint16{0, 0x200, 0x300, 0x300}[g.r.IntN(4)] | uint16(g.r.IntN(4))<<10
	sw := uint16(g.r.Uint32())&0x7f00 | uint16(g.r.Uint32())&cw&0x3f
	if g.one(24) && cw&0x3f != 0x3f { // an exception is pending
		sw |= ^cw&0x3f | 0x8080
	}
	le.PutUint16(s.FX[fxCW:], cw)
	le.PutUint16(s.FX[fxSW:], sw)
	s.FX[fxTag] = byte(g.r.Uint32() | g.r.Uint32())
	mxcsr := 0x1f80 | g.r.Uint32()&0xe040
	if g.one(3) {
		mxcsr = g.r.Uint32() & 0xffc0
	}
	le.PutUint32(s.FX[fxMXCSR:], mxcsr)
	for i := range 8 {
		g.extended(s.FX[fxST+16*i:][:16])
	}
	for i := range 16 {
		g.vector(s.FX[fxXMM+16*i:][:16])
	}
	return s
}
