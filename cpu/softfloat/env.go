// Package softfloat is the floating-point arithmetic of the x87 FPU and of SSE in portable Go: bit-exact results,
// exception flags and NaNs for every rounding mode, precision and mask, the same on every host.
//
// Binary32 and binary64 values are their bit patterns (uint32, uint64), the x87's 80-bit values are F80. Functions take
// an Env, the part of the control and status words that arithmetic sees, and OR what they raise into its Flags.
// SDM means Intel's Software Developer's Manual.
package softfloat

// Exception bits, as in the x87 status word and MXCSR (SDM Vol. 1, 8.1.3 and 10.2.3).
const (
	IE = 1 << iota // invalid operation
	DE             // denormal operand
	ZE             // division by zero
	OE             // overflow
	UE             // underflow
	PE             // precision (inexact result)

	AllExceptions = IE | DE | ZE | OE | UE | PE
)

// Values of the rounding control field.
const (
	RoundNearest = iota // to even
	RoundDown
	RoundUp
	RoundZero
)

// Env is the arithmetic environment. Flags is sticky: operations set bits and never clear them. With everything masked
// one Env may be kept and Flags left to accumulate, which is fast, because an already set PE need not be computed again.
// To learn what one operation raised, clear Flags before it.
type Env struct {
	RC       uint8 // rounding control
	PC       uint8 // x87 precision control: 0 24 bits, 2 53 bits, 3 64 bits
	DAZ, FTZ bool  // denormals are zeros, flush to zero (SSE only)
	Mask     uint8 // exception masks, 1 masked
	Flags    uint8
	C1       bool // x87: the last result's magnitude was rounded up
}

// X87Env returns the environment that an x87 control word selects.
func X87Env(cw uint16) Env {
	return Env{RC: uint8(cw>>10) & 3, PC: uint8(cw>>8) & 3, Mask: uint8(cw) & AllExceptions}
}

// SSEEnv returns the environment that an MXCSR value selects, with its flags.
func SSEEnv(mxcsr uint32) Env {
	return Env{
		RC:    uint8(mxcsr>>13) & 3,
		DAZ:   mxcsr&(1<<6) != 0,
		FTZ:   mxcsr&(1<<15) != 0,
		Mask:  uint8(mxcsr>>7) & AllExceptions,
		Flags: uint8(mxcsr) & AllExceptions,
	}
}

// Unmasked returns the raised exceptions that are not masked.
func (e *Env) Unmasked() uint8 { return e.Flags &^ e.Mask }

// raise sets flags and reports whether one of them is unmasked, in which case the operation delivers no result.
func (e *Env) raise(flags uint8) bool {
	e.Flags |= flags
	return flags&^e.Mask != 0
}

// Rel is the outcome of a comparison.
type Rel uint8

const (
	Less Rel = iota
	Equal
	Greater
	Unordered
)

// X87 returns the relation as condition codes C3, C2 and C0 in their places in the status word (SDM Table 8-6).
func (r Rel) X87() uint16 { return [4]uint16{0x0100, 0x4000, 0x0000, 0x4500}[r&3] }

// EFlags returns the relation as ZF, PF and CF (COMISS, FCOMI).
func (r Rel) EFlags() uint32 { return [4]uint32{0x01, 0x40, 0x00, 0x45}[r&3] }
