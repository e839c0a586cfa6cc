// Package ir is the intermediate form of one instruction's semantics: a short
// straight line of typed operations. Package sem builds it; the interpreter's
// generator prints it as Go, the translator lowers it to host code. Because the
// host is the guest's own architecture, operations that set flags are whole x86
// operations (AddF is ADD with all its flags), not their decomposition.
package ir

import "fmt"

// Type is the type of a value.
type Type uint8

const (
	Void Type = iota
	I8
	I16
	I32
	I64
	V64  // MMX
	V128 // XMM
)

// IntType is the integer type of size bytes.
func IntType(size int) Type {
	switch size {
	case 1:
		return I8
	case 2:
		return I16
	case 4:
		return I32
	case 8:
		return I64
	}
	panic(fmt.Sprintf("ir: no integer type of %d bytes", size))
}

// Bytes is the size of a value of type t.
func (t Type) Bytes() int { return [...]int{0, 1, 2, 4, 8, 8, 16}[t] }

func (t Type) String() string {
	return [...]string{"void", "i8", "i16", "i32", "i64", "v64", "v128"}[t]
}

// Op is an operation.
type Op uint8

// Operations. Values a, b, c are operands in order; imm is the constant field.
const (
	Invalid Op = iota

	// Sources.
	Const  // imm
	Imm    // the instruction's immediate, truncated to the type
	Imm2   // the instruction's second immediate
	Next   // address of the following instruction (RIP, not linear)
	Rel    // target of the relative branch, wrapped to the operand size in imm
	EA     // offset of the memory operand in its segment
	GetReg // general register, slot imm
	GetV   // XMM or MMX register, slot imm

	// Commits.
	SetReg // general register, slot imm = a; 32-bit writes clear the upper half
	SetV   // XMM or MMX register, slot imm = a
	Store  // memory seg imm, offset a = b; may fault
	Put    // the location of the latest LoadRMW = a; cannot fault
	Push   // stack push of a; may fault, and changes SP only after that
	SetSP  // stack pointer = a, in the width of the stack segment
	SetF   // status flags in mask imm = a (a laid out like RFLAGS)

	// Memory reads; may fault.
	Load    // memory seg imm, offset a
	LoadRMW // likewise, and checks that a write will succeed
	Top     // the value on top of the stack; SP is unchanged
	SPPlus  // the stack pointer plus imm, in the width of the stack segment

	// Pure arithmetic.
	Add
	Sub
	And
	Or
	Xor
	Not
	Mul // low half
	Shl // count b is taken modulo the width
	Shr
	Sar
	Rol
	Ror
	Bswap
	ZExt // to the type of the result
	SExt
	Trunc
	Eq     // a == b, as i8
	Select // a != 0 ? b : c

	// Flags.
	Cond // condition code imm (0-15, as in Jcc) as i8 0 or 1
	Flag // status flag with RFLAGS mask imm, as i8 0 or 1
	GetF // the status flags laid out like RFLAGS, as i32

	// x86 operations with all their flag effects.
	AddF
	AdcF
	SubF
	SbbF
	CmpF // SubF without a result
	AndF
	TestF // AndF without a result
	OrF
	XorF
	IncF
	DecF
	NegF
	ShlF // a shifted by b (i8), which is masked as the processor does; no flags change for 0
	ShrF
	SarF
	RolF
	RorF
	RclF
	RcrF
	ShldF // a, b shifted in, count c
	ShrdF
	BtF     // CF = bit b of a (b taken modulo the width); no result
	BsfF    // a = source, b = old destination, kept when the source is 0
	BsrF    // likewise
	PopcntF // POPCNT, LZCNT, TZCNT
	LzcntF
	TzcntF
	MulF   // unsigned a*b: low half; sets CF=OF=high half significant
	IMulF  // signed
	MulHi  // unsigned high half, no flags
	IMulHi // signed high half, no flags
	DivQ   // quotient of unsigned (a:b)/c, a high; #DE
	DivR   // remainder, after DivQ of the same operands
	IDivQ  // signed
	IDivR
	AdcxF // carries through CF only
	AdoxF // carries through OF only
	AndnF
	BextrF
	BlsiF
	BlsmskF
	BlsrF
	BzhiF

	// Control.
	CheckRIP // faults if a is outside the code segment or not canonical
	SetRIP   // a, which was checked
	JumpIf   // a != 0 ? CheckRIP and SetRIP b
	Raise    // exception imm unconditionally

	// Call is the named method of the interpreter with arguments a, b, c. What
	// imm says: CallFaults, CallCommits.
	Call
	// Vec is the named function of package vec; imm says how it is called.
	Vec

	numOps
)

// Flags of Call.
const (
	CallFaults  = 1 << iota // may fault before it commits anything
	CallCommits             // changes state
)

// Flags of Vec.
const (
	VecImm = 1 << iota // the last argument is the instruction's immediate byte
	VecEnv             // an argument after the values is the floating-point environment (MXCSR)
	VecInt             // integer arguments and results are signed
	VecRel             // the result is a relation, wanted as ZF, PF and CF
)

type opInfo struct {
	name    string
	args    int
	faults  bool // may raise an exception
	commits bool // changes guest state
}

var info = [numOps]opInfo{
	Const: {"const", 0, false, false}, Imm: {"imm", 0, false, false}, Imm2: {"imm2", 0, false, false},
	Next: {"next", 0, false, false}, Rel: {"rel", 0, false, false}, EA: {"ea", 0, false, false},
	GetReg: {"getreg", 0, false, false}, GetV: {"getv", 0, false, false},
	SetReg: {"setreg", 1, false, true}, SetV: {"setv", 1, false, true}, Store: {"store", 2, true, true},
	Put: {"put", 1, false, true}, Push: {"push", 1, true, true}, SetSP: {"setsp", 1, false, true},
	SetF: {"setf", 1, false, true},
	Load: {"load", 1, true, false}, LoadRMW: {"loadrmw", 1, true, false}, Top: {"top", 0, true, false},
	SPPlus: {"spplus", 0, false, false},
	Add:    {"add", 2, false, false}, Sub: {"sub", 2, false, false}, And: {"and", 2, false, false},
	Or: {"or", 2, false, false}, Xor: {"xor", 2, false, false}, Not: {"not", 1, false, false},
	Mul: {"mul", 2, false, false}, Shl: {"shl", 2, false, false}, Shr: {"shr", 2, false, false},
	Sar: {"sar", 2, false, false}, Rol: {"rol", 2, false, false}, Ror: {"ror", 2, false, false},
	Bswap: {"bswap", 1, false, false},
	ZExt:  {"zext", 1, false, false}, SExt: {"sext", 1, false, false}, Trunc: {"trunc", 1, false, false},
	Eq: {"eq", 2, false, false}, Select: {"select", 3, false, false},
	Cond: {"cond", 0, false, false}, Flag: {"flag", 0, false, false}, GetF: {"getf", 0, false, false},
	AddF: {"addf", 2, false, true}, AdcF: {"adcf", 2, false, true}, SubF: {"subf", 2, false, true},
	SbbF: {"sbbf", 2, false, true}, CmpF: {"cmpf", 2, false, true}, AndF: {"andf", 2, false, true},
	TestF: {"testf", 2, false, true}, OrF: {"orf", 2, false, true}, XorF: {"xorf", 2, false, true},
	IncF: {"incf", 1, false, true}, DecF: {"decf", 1, false, true}, NegF: {"negf", 1, false, true},
	ShlF: {"shlf", 2, false, true}, ShrF: {"shrf", 2, false, true}, SarF: {"sarf", 2, false, true},
	RolF: {"rolf", 2, false, true}, RorF: {"rorf", 2, false, true}, RclF: {"rclf", 2, false, true},
	RcrF: {"rcrf", 2, false, true}, ShldF: {"shldf", 3, false, true}, ShrdF: {"shrdf", 3, false, true},
	BtF: {"btf", 2, false, true}, BsfF: {"bsff", 2, false, true}, BsrF: {"bsrf", 2, false, true},
	PopcntF: {"popcntf", 1, false, true}, LzcntF: {"lzcntf", 1, false, true}, TzcntF: {"tzcntf", 1, false, true},
	MulF: {"mulf", 2, false, true}, IMulF: {"imulf", 2, false, true},
	MulHi: {"mulhi", 2, false, false}, IMulHi: {"imulhi", 2, false, false},
	DivQ: {"divq", 3, true, false}, DivR: {"divr", 3, false, false},
	IDivQ: {"idivq", 3, true, false}, IDivR: {"idivr", 3, false, false},
	AdcxF: {"adcxf", 2, false, true}, AdoxF: {"adoxf", 2, false, true}, AndnF: {"andnf", 2, false, true},
	BextrF: {"bextrf", 2, false, true}, BlsiF: {"blsif", 1, false, true}, BlsmskF: {"blsmskf", 1, false, true},
	BlsrF: {"blsrf", 1, false, true}, BzhiF: {"bzhif", 2, false, true},
	CheckRIP: {"checkrip", 1, true, false}, SetRIP: {"setrip", 1, false, true}, JumpIf: {"jumpif", 2, true, true},
	Raise: {"raise", 0, true, false},
	Call:  {"call", -1, false, false}, Vec: {"vec", -1, false, false},
}

func init() {
	for op := Invalid + 1; op < numOps; op++ {
		if info[op].name == "" {
			panic(fmt.Sprintf("ir: operation %d has no row in the table", op))
		}
	}
}

func (o Op) String() string { return info[o].name }

// Register slots of GetReg, SetReg, GetV, SetV and segments of Load and Store:
// 0-15 are fixed registers, these name fields of the decoded instruction.
const (
	SlotReg  = 32 + iota // Inst.Reg
	SlotRM               // Inst.RM
	SlotVvvv             // Inst.Vvvv
	SlotSeg              // Inst.Seg
)
