// Package amd64 encodes host instructions.
package amd64

import "encoding/binary"

// Reg is a general register by its hardware number.
type Reg uint8

// Registers.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	None Reg = 0xff // no base, no index
)

// Opcode maps.
const (
	Map1 = iota
	Map0F
	Map0F38
	Map0F3A
)

// Mem is a memory operand. RSP cannot be an index.
type Mem struct {
	Base, Index Reg
	Scale       uint8 // shift
	GS          bool  // the base of GS is added
	Guest       Guest // it is the guest's memory
	Disp        int32
}

// Guest says how the guest's memory is addressed in a window, where the host may find
// nothing: the instruction is a site.
type Guest uint8

// Ways of addressing it.
const (
	NotGuest Guest = iota
	GuestAt        // by registers alone
	GuestGS        // and the base of GS
	Guest32        // likewise, of a sum of 32 bits
)

// Site is where an instruction accesses the guest's memory.
type Site struct{ At, Tag int }

// At is the operand [base+disp].
func At(base Reg, disp int32) Mem { return Mem{Base: base, Index: None, Disp: disp} }

// Insn is an instruction with a ModRM byte.
type Insn struct {
	Prefix  uint8 // mandatory prefix 66, F2 or F3, or 0
	Map     uint8
	Opcode  uint8
	Size    int // 1, 2, 4 or 8; selects the 66 prefix and REX.W
	Reg     Reg // or an opcode extension
	RM      Reg
	Mem     *Mem // instead of RM
	RegByte bool // Reg is a byte register
	RMByte  bool
	Imm     uint64
	ImmSize int
}

// Asm writes instructions into Buf from N on. The caller sees to room.
type Asm struct {
	Buf []byte
	N   int

	// GSAlone makes the base of GS stand in for the base register of operands that have both.
	GSAlone bool

	// Windowed makes the base register alone stand for operands with the base of GS, which is
	// a window's, with displacements that are less by Bias.
	Windowed bool
	Bias     int32

	Sites []Site // that have been written
	Tag   int    // of the next ones
}

// Bytes appends bytes.
func (a *Asm) Bytes(p ...byte) { a.N += copy(a.Buf[a.N:], p) }

// byte appends one, faster than Bytes.
func (a *Asm) byte(x byte) {
	a.Buf[a.N] = x
	a.N++
}

// Imm appends the low n bytes of v.
func (a *Asm) Imm(v uint64, n int) {
	if b := a.Buf[a.N:]; len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, v) // what is too much will be written over
	} else {
		for i := range n {
			b[i] = byte(v >> (8 * i))
		}
	}
	a.N += n
}

func hi(r Reg) uint8 {
	if r != None && r >= 8 {
		return 1
	}
	return 0
}

// Emit appends an instruction.
func (a *Asm) Emit(i *Insn) {
	if i.Mem != nil && i.Mem.Guest != NotGuest {
		a.Sites = append(a.Sites, Site{a.N, a.Tag})
		if i.Mem.Guest >= GuestGS {
			a.byte(0x65)
		}
		if i.Mem.Guest == Guest32 {
			a.byte(0x67)
		}
	}
	if i.Mem != nil && i.Mem.GS {
		if a.Windowed {
			near := *i
			m := *i.Mem
			m.GS, m.Disp = false, m.Disp-a.Bias
			near.Mem = &m
			a.Emit(&near)
			return
		}
		a.byte(0x65)
		if a.GSAlone {
			alone := *i
			alone.Mem = &Mem{Base: None, Index: None, Disp: i.Mem.Disp}
			a.Emit(&alone)
			return
		}
	}
	if i.Size == 2 {
		a.byte(0x66)
	}
	if i.Prefix != 0 {
		a.byte(i.Prefix)
	}
	rex := hi(i.Reg) << 2
	if i.Size == 8 {
		rex |= 8
	}
	force := i.RegByte && i.Reg >= 4
	if i.Mem != nil {
		rex |= hi(i.Mem.Index)<<1 | hi(i.Mem.Base)
	} else {
		rex |= hi(i.RM)
		force = force || i.RMByte && i.RM >= 4
	}
	if rex != 0 || force {
		a.byte(0x40 | rex)
	}
	switch i.Map {
	case Map0F:
		a.byte(0x0f)
	case Map0F38:
		a.byte(0x0f)
		a.byte(0x38)
	case Map0F3A:
		a.byte(0x0f)
		a.byte(0x3a)
	}
	a.byte(i.Opcode)
	if i.Mem != nil {
		a.modMem(uint8(i.Reg)&7, i.Mem)
	} else {
		a.byte(0xc0 | uint8(i.Reg)&7<<3 | uint8(i.RM)&7)
	}
	if i.ImmSize > 0 {
		a.Imm(i.Imm, i.ImmSize)
	}
}

func (a *Asm) modMem(reg uint8, m *Mem) {
	reg <<= 3
	if m.Base == None {
		idx := uint8(4)
		if m.Index != None {
			idx = uint8(m.Index) & 7
		}
		a.byte(reg | 4)
		a.byte(m.Scale<<6 | idx<<3 | 5)
		a.Imm(uint64(m.Disp), 4)
		return
	}
	base := uint8(m.Base) & 7
	mod := uint8(0x80)
	switch {
	case m.Disp == 0 && base != 5:
		mod = 0
	case int32(int8(m.Disp)) == m.Disp:
		mod = 0x40
	}
	if m.Index != None || base == 4 {
		idx := uint8(4)
		if m.Index != None {
			idx = uint8(m.Index) & 7
		}
		a.byte(mod | reg | 4)
		a.byte(m.Scale<<6 | idx<<3 | base)
	} else {
		a.byte(mod | reg | base)
	}
	switch mod {
	case 0x40:
		a.Imm(uint64(m.Disp), 1)
	case 0x80:
		a.Imm(uint64(m.Disp), 4)
	}
}

// Moves and address arithmetic: none of them changes flags.

// Mov is a register move of 4 or 8 bytes.
func (a *Asm) Mov(dst, src Reg, size int) {
	a.Emit(&Insn{Opcode: 0x8b, Size: size, Reg: dst, RM: src})
}

// Load reads 1 to 8 bytes; fewer than 8 are extended by zeroes.
func (a *Asm) Load(dst Reg, m Mem, size int) {
	if size < 4 {
		a.Emit(&Insn{Map: Map0F, Opcode: 0xb6 | uint8(size>>1), Size: 4, Reg: dst, Mem: &m}) // MOVZX
		return
	}
	a.Emit(&Insn{Opcode: 0x8b, Size: size, Reg: dst, Mem: &m})
}

// Store writes 1 to 8 bytes of a register.
func (a *Asm) Store(m Mem, src Reg, size int) {
	op := uint8(0x89)
	if size == 1 {
		op = 0x88
	}
	a.Emit(&Insn{Opcode: op, Size: size, Reg: src, Mem: &m, RegByte: size == 1})
}

// MovImm loads a constant.
func (a *Asm) MovImm(dst Reg, v uint64) {
	switch {
	case v == uint64(uint32(v)):
		if dst >= 8 {
			a.Bytes(0x41)
		}
		a.Bytes(0xb8 | uint8(dst)&7)
		a.Imm(v, 4)
	case v == uint64(int64(int32(v))):
		a.Emit(&Insn{Opcode: 0xc7, Size: 8, RM: dst, Imm: v, ImmSize: 4})
	default:
		a.MovImm64(dst, v)
	}
}

// MovImm64 loads a constant of eight bytes and returns where they are.
func (a *Asm) MovImm64(dst Reg, v uint64) int {
	a.Bytes(0x48|hi(dst), 0xb8|uint8(dst)&7)
	a.Imm(v, 8)
	return a.N - 8
}

// Lea computes an address of 4 or 8 bytes.
func (a *Asm) Lea(dst Reg, m Mem, size int) {
	a.Emit(&Insn{Opcode: 0x8d, Size: size, Reg: dst, Mem: &m})
}

// LeaCode is the address of offset to in the buffer. It returns where that is, for
// Patch.
func (a *Asm) LeaCode(dst Reg, to int) (pos int) {
	a.Bytes(0x48|hi(dst)<<2, 0x8d, 5|uint8(dst)&7<<3, 0, 0, 0, 0)
	a.Patch(a.N-4, to)
	return a.N - 4
}

// Wrgsbase and Rdgsbase write and read the base of GS.
func (a *Asm) Wrgsbase(r Reg) { a.gsbase(r, 3) }

// Rdgsbase reads it.
func (a *Asm) Rdgsbase(r Reg) { a.gsbase(r, 1) }

func (a *Asm) gsbase(r Reg, ext Reg) {
	a.Emit(&Insn{Prefix: 0xf3, Map: Map0F, Opcode: 0xae, Size: 8, Reg: ext, RM: r})
}

// Not is the 32- or 64-bit complement; it leaves the flags alone.
func (a *Asm) Not(r Reg, size int) { a.Emit(&Insn{Opcode: 0xf7, Size: size, Reg: 2, RM: r}) }

func (a *Asm) vex(m, pp, w uint8, reg, rm, vvvv Reg) {
	a.Bytes(0xc4, (1^hi(reg))<<7|1<<6|(1^hi(rm))<<5|m, w<<7|(^uint8(vvvv)&15)<<3|pp)
}

func wide(size int) uint8 {
	if size == 8 {
		return 1
	}
	return 0
}

// Rorx rotates without flags.
func (a *Asm) Rorx(dst, src Reg, n uint8, size int) {
	a.vex(3, 3, wide(size), dst, src, 0)
	a.Bytes(0xf0, 0xc0|uint8(dst)&7<<3|uint8(src)&7, n)
}

// Shrx shifts by the count in a register without flags.
func (a *Asm) Shrx(dst, src, count Reg, size int) {
	a.vex(2, 3, wide(size), dst, src, count)
	a.Bytes(0xf7, 0xc0|uint8(dst)&7<<3|uint8(src)&7)
}

// Sarx is the arithmetic shift likewise.
func (a *Asm) Sarx(dst, src, count Reg, size int) {
	a.vex(2, 2, wide(size), dst, src, count)
	a.Bytes(0xf7, 0xc0|uint8(dst)&7<<3|uint8(src)&7)
}

// Mulx is the product of RDX and src without flags.
func (a *Asm) Mulx(hi, lo, src Reg) {
	a.vex(2, 3, 1, hi, src, lo)
	a.Bytes(0xf6, 0xc0|uint8(hi)&7<<3|uint8(src)&7)
}

// Movzx16 zero-extends the low 16 bits.
func (a *Asm) Movzx16(dst, src Reg) {
	a.Emit(&Insn{Map: Map0F, Opcode: 0xb7, Size: 4, Reg: dst, RM: src})
}

// Jumps.

// Jmp and Jcc append a jump with an open 32-bit displacement and return where it is.
func (a *Asm) Jmp() int {
	a.Bytes(0xe9, 0, 0, 0, 0)
	return a.N - 4
}

// Jcc is a conditional jump.
func (a *Asm) Jcc(cc uint8) int {
	a.Bytes(0x0f, 0x80|cc, 0, 0, 0, 0)
	return a.N - 4
}

// JmpTo jumps to offset to.
func (a *Asm) JmpTo(to int) { a.Patch(a.Jmp(), to) }

// JmpMem jumps to the address in memory.
func (a *Asm) JmpMem(m Mem) { a.Emit(&Insn{Opcode: 0xff, Size: 4, Reg: 4, Mem: &m}) }

// Call appends a call with an open 32-bit displacement and returns where it is.
func (a *Asm) Call() int {
	a.Bytes(0xe8, 0, 0, 0, 0)
	return a.N - 4
}

// CallMem calls the address in memory.
func (a *Asm) CallMem(m Mem) { a.Emit(&Insn{Opcode: 0xff, Size: 4, Reg: 2, Mem: &m}) }

// Ret returns.
func (a *Asm) Ret() { a.Bytes(0xc3) }

// Jrcxz appends JRCXZ with an open displacement and returns where it is.
func (a *Asm) Jrcxz() int {
	a.Bytes(0xe3, 0)
	return a.N - 1
}

// Jecxz is Jrcxz on the low half.
func (a *Asm) Jecxz() int {
	a.Bytes(0x67, 0xe3, 0)
	return a.N - 1
}

// Loop appends LOOP, which jumps unless RCX is 1, likewise.
func (a *Asm) Loop() int {
	a.Bytes(0xe2, 0)
	return a.N - 1
}

// JmpShort is a jump with an open 8-bit displacement.
func (a *Asm) JmpShort() int {
	a.Bytes(0xeb, 0)
	return a.N - 1
}

// Patch makes the 32-bit displacement at pos lead to offset to.
func (a *Asm) Patch(pos, to int) {
	binary.LittleEndian.PutUint32(a.Buf[pos:], uint32(to-pos-4))
}

// PatchShort makes the 8-bit displacement at pos lead to here.
func (a *Asm) PatchShort(pos int) { a.PatchShortTo(pos, a.N) }

// PatchShortTo makes the 8-bit displacement at pos lead to offset to, which has to be
// within its reach.
func (a *Asm) PatchShortTo(pos, to int) {
	d := to - pos - 1
	if int(int8(d)) != d {
		panic("amd64: a short jump does not reach")
	}
	a.Buf[pos] = uint8(d)
}
