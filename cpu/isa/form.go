// Package isa holds the instruction table: one row per encoding. The decoder,
// the disassembler, the generated interpreter, the translator's front end, flag
// liveness and the coverage listing are all derived from it.
package isa

// ID numbers a Form: its index in Forms. 0 is the invalid instruction.
type ID uint16

// Form is one row of the table: one encoding of one instruction.
type Form struct {
	ID       ID
	Mnemonic string // as in the Intel SDM: "ADD", "CMPXCHG8B", "JZ"
	// Enc is the encoding in SDM notation: "00 /r", "80 /0 ib", "0F A3 /r",
	// "NP 0F 10 /r", "66 0F 6E /r", "F3 0F B8 /r", "50+r", "REX.W 0F C7 /1",
	// "0F 01 /7 mod3 rm0" or the fixed byte form "0F 01 F8",
	// "VEX.LZ.F2.0F38.W1 F5 /r".
	Enc string
	// Args are the operands in SDM appendix A notation, destination first:
	// "Eb,Gb". See Operand.
	Args    string
	Feature Feature
	Attr    Attr
	Flags   FlagEffect

	// Legacy is the form to execute where the CPU lacks Feature and the bytes
	// then mean an older instruction: TZCNT is BSF, LZCNT is BSR, PAUSE is NOP.
	// 0: #UD.
	Legacy ID

	ops []Operand
	enc encoding
}

// Operands returns the parsed Args.
func (f *Form) Operands() []Operand { return f.ops }

// Attr are properties of a form that do not follow from its operands.
type Attr uint32

const (
	Lock      Attr = 1 << iota // LOCK prefix allowed (with a memory destination)
	No64                       // #UD in 64-bit mode
	Only64                     // #UD outside 64-bit mode
	Def64                      // operand size is 64 by default in 64-bit mode (66h gives 16)
	Force64                    // operand size is always 64 in 64-bit mode
	Rep                        // REP repeats (MOVS, STOS, LODS, INS, OUTS)
	RepCond                    // REPE/REPNE repeat on ZF (CMPS, SCAS)
	EndsBlock                  // control transfer or change of mode: nothing may be decoded ahead of it
	Prot                       // #UD in real and virtual-8086 mode (ARPL, LLDT, VERR, ...)
	CPL0                       // #GP(0) unless CPL is 0
	FPUCheck                   // x87/MMX instruction: #NM on CR0.EM|TS rules, pending #MF
	SSECheck                   // SSE instruction: #UD on CR0.EM or !CR4.OSFXSR, #NM on CR0.TS
	Align16                    // 16-byte memory operand must be aligned: #GP(0)
	Undoc                      // works on real processors but is not in the manual
	FPUNoWait                  // with FPUCheck: pending exceptions are not reported (FNxxx, FXSAVE)
	MMXCheck                   // with FPUCheck: MMX registers are used, and CR0.EM is #UD instead of #NM
)

// FlagEffect tells what a form does to the status flags (CF, PF, AF, ZF, SF, OF
// and, where it matters, DF/IF/...), as RFLAGS masks.
//
// A form that may leave a flag as it was (a shift by CL, REP CMPS with a zero
// count) lists it in Tested too. A flag both Written and Undefined depends on the
// operands: OF of a shift is defined for a count of 1 only.
type FlagEffect struct {
	Tested    uint32 // read
	Written   uint32 // set from the result (including cleared and set ones)
	Undefined uint32 // architecturally undefined afterwards
}

// RFLAGS bits.
const (
	CF   = 1 << 0
	PF   = 1 << 2
	AF   = 1 << 4
	ZF   = 1 << 6
	SF   = 1 << 7
	TF   = 1 << 8
	IF   = 1 << 9
	DF   = 1 << 10
	OF   = 1 << 11
	IOPL = 3 << 12
	NT   = 1 << 14
	RF   = 1 << 16
	VM   = 1 << 17
	AC   = 1 << 18
	VIF  = 1 << 19
	VIP  = 1 << 20
	IDF  = 1 << 21
)

// StatusFlags are the six arithmetic flags.
const StatusFlags = CF | PF | AF | ZF | SF | OF

// Operand is one parsed operand of Args: an addressing method and a size.
//
// Methods (SDM volume 2, appendix A.2.1; differences noted):
//
//	E  ModRM.rm, general register or memory      G  ModRM.reg, general register
//	Z  register in the opcode's low three bits, delivered in Inst.RM
//	I  immediate    J  relative branch           A  far pointer in the instruction
//	M  memory only  R  ModRM.rm, register only   O  memory at an absolute offset
//	X  memory at DS:rSI (overridable)            Y  memory at ES:rDI
//	S  ModRM.reg, segment register               C, D  ModRM.reg, control/debug register
//	V  ModRM.reg, XMM    W  ModRM.rm, XMM or memory    U  ModRM.rm, XMM only
//	P  ModRM.reg, MMX    Q  ModRM.rm, MMX or memory    N  ModRM.rm, MMX only
//	B  VEX.vvvv, general register
//	T  x87 stack register ST(i) given by ModRM.rm ("T0" is ST(0))
//	F  a fixed register or constant named in Fixed
//
// A register and a memory operand of different sizes are written "Rv/Mw": method
// E with Size "v" and MemSize "w". M alone restricts the form to memory, R, U and
// N alone to registers.
//
// I with size b delivers the raw byte (ports, shift counts, vectors, predicates),
// size bs the byte sign-extended to 64 bits ("Ev,Ibs" is 83 /0), z a sign-extended
// imm16/32, w and v the zero-extended value. J is always sign-extended, in Imm.
//
// Sizes: b w d q dq (1 2 4 8 16 bytes), v (2/4/8 by operand size), z (2/4: an
// imm16/32, sign-extended for 64 bits), y (4/8: 8 with a 64-bit operand size),
// p (far pointer, 16:v), s (descriptor-table pseudo-operand), a (BOUND pair),
// t (10-byte real), ss sd (scalar float) ps pd x (packed), and "" where the size
// is of no consequence.
type Operand struct {
	Method  byte
	Size    string
	MemSize string // size in memory where it differs from Size, else ""
	Fixed   string // "AL", "AX", "eAX" (by z), "rAX" (by v), "CL", "DX", "1", "CS", "XMM0", ...
}
