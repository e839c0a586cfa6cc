package amd64

// Arithmetic that changes flags, for code between which no guest flags are live.

// ALU is an operation by its number in opcodes (SDM volume 2, appendix A, group 1).
type ALU uint8

// Operations.
const (
	Add ALU = 0
	Or  ALU = 1
	And ALU = 4
	Sub ALU = 5
	Xor ALU = 6
	Cmp ALU = 7
)

// Condition codes of Jcc.
const (
	Below      = 2
	AboveEqual = 3
	Equal      = 4
	NotEqual   = 5
	BelowEqual = 6
	Above      = 7
)

// Op is dst op= src.
func (a *Asm) Op(op ALU, dst, src Reg, size int) {
	a.Emit(&Insn{Opcode: uint8(op)<<3 | 3, Size: size, Reg: dst, RM: src})
}

// OpMem is dst op= m.
func (a *Asm) OpMem(op ALU, dst Reg, m Mem, size int) {
	a.Emit(&Insn{Opcode: uint8(op)<<3 | 3, Size: size, Reg: dst, Mem: &m})
}

// OpImm is dst op= a constant of 32 bits, which is sign-extended.
func (a *Asm) OpImm(op ALU, dst Reg, v int32, size int) {
	a.Emit(&Insn{Opcode: 0x81, Size: size, Reg: Reg(op), RM: dst, Imm: uint64(v), ImmSize: 4})
}

// OpMemImm is m op= a constant of 8 bits, which is sign-extended. size is 1, 4 or 8.
func (a *Asm) OpMemImm(op ALU, m Mem, v int8, size int) {
	opcode := uint8(0x83)
	if size == 1 {
		opcode = 0x80
	}
	a.Emit(&Insn{Opcode: opcode, Size: size, Reg: Reg(op), Mem: &m, Imm: uint64(v), ImmSize: 1})
}

// TestImm sets flags by r & v.
func (a *Asm) TestImm(r Reg, v uint32) {
	a.Emit(&Insn{Opcode: 0xf7, Size: 4, Reg: 0, RM: r, Imm: uint64(v), ImmSize: 4})
}

// TestMem sets flags by the byte at m & v.
func (a *Asm) TestMem(m Mem, v uint8) {
	a.Emit(&Insn{Opcode: 0xf6, Size: 1, Reg: 0, Mem: &m, Imm: uint64(v), ImmSize: 1})
}

// Shl, Shr and Sar shift by a constant.
func (a *Asm) Shl(r Reg, n uint8, size int) { a.shift(4, r, n, size) }

// Shr shifts zeroes in.
func (a *Asm) Shr(r Reg, n uint8, size int) { a.shift(5, r, n, size) }

// Sar shifts the sign in.
func (a *Asm) Sar(r Reg, n uint8, size int) { a.shift(7, r, n, size) }

func (a *Asm) shift(op Reg, r Reg, n uint8, size int) {
	a.Emit(&Insn{Opcode: 0xc1, Size: size, Reg: op, RM: r, Imm: uint64(n), ImmSize: 1})
}

// ImulImm is dst = src times a constant.
func (a *Asm) ImulImm(dst, src Reg, v int32) {
	a.Emit(&Insn{Opcode: 0x69, Size: 8, Reg: dst, RM: src, Imm: uint64(v), ImmSize: 4})
}

// Setcc makes a byte register 1 or 0.
func (a *Asm) Setcc(cc uint8, r Reg) {
	a.Emit(&Insn{Map: Map0F, Opcode: 0x90 | cc, Size: 1, RM: r, RMByte: true})
}
