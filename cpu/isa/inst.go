package isa

// Register numbers as they appear in Inst. 0-15 are RAX..R15; without a REX
// prefix byte operands 4-7 name AH..BH, delivered as 20-23 so that nobody needs
// the prefix again: they are byte 1 of register n&3.
const (
	RAX = iota
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
	NoReg // no base or no index: reads as zero

	AH = 20
	CH = 21
	DH = 22
	BH = 23
)

// Segment register numbers as encoded in ModRM.reg.
const (
	ES = iota
	CS
	SS
	DS
	FS
	GS
)

// Inst is one decoded instruction. It holds no position: relative operands are
// displacements from the end of the instruction.
type Inst struct {
	Imm      uint64 // immediate, sign-extended to 64 bits where the form says so; offset of a far pointer
	Disp     int64  // displacement of the memory operand (absolute offset for method O)
	Form     ID
	Imm2     uint16 // selector of a far pointer, nesting level of ENTER
	Len      uint8  // bytes, 1-15
	OpSize   uint8  // effective operand size: 2, 4 or 8 bytes
	AddrSize uint8  // effective address size: 2, 4 or 8 bytes
	Prefix   Prefix
	Seg      uint8 // segment of the memory operand, overrides applied
	Reg      uint8 // ModRM.reg (REX.R applied)
	RM       uint8 // ModRM.rm as a register, or the opcode's register
	Base     uint8 // base register of the memory operand, or NoReg
	Index    uint8 // index register, or NoReg
	Scale    uint8 // shift of the index: 0-3
	Vvvv     uint8 // VEX.vvvv
	ModRM    uint8 // the raw ModRM byte
}

// Prefix are the facts about prefixes that outlive decoding.
type Prefix uint8

const (
	PrefixLock  Prefix = 1 << iota
	PrefixRep          // F3
	PrefixRepne        // F2
	PrefixSeg          // an explicit segment override is in effect
	PrefixREX          // any REX prefix is in effect
	PrefixMem          // the ModRM operand is memory
	PrefixRIP          // Disp is relative to the end of the instruction
	Prefix66           // an operand-size prefix is present
)

// Mem reports whether the ModRM (or O, X, Y) operand is in memory.
func (i *Inst) Mem() bool { return i.Prefix&PrefixMem != 0 }

// Mode is the code size in effect: 16, 32 or 64.
type Mode uint8
