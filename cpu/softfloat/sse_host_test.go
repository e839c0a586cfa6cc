//go:build linux && amd64

package softfloat

import (
	"testing"
	"unsafe"

	"g86/cpu/internal/hostcpu"
)

func b2u(b bool) uint64 {
	if b {
		return ^uint64(0)
	}
	return 0
}

func wrap32(f func(a, b uint32, e *Env) uint32) func(a, b uint64, e *Env) uint64 {
	return func(a, b uint64, e *Env) uint64 { return uint64(f(uint32(a), uint32(b), e)) }
}

func TestSSEScalarsMatchHost(t *testing.T) {
	type sseCase struct {
		name string
		op   []byte
		wide bool // binary64 operands
		gpr  bool // result in RDX, else the low lane of XMM1
		run  func(a, b uint64, e *Env) uint64
		mask uint64
	}
	// XMM1 op= XMM2 is ModRM CA; RDX <- XMM2 is D2; XMM1 <- RDX is CA.
	ss := func(op byte) []byte { return []byte{0xf3, 0x0f, op, 0xca} }
	sd := func(op byte) []byte { return []byte{0xf2, 0x0f, op, 0xca} }
	cases := []sseCase{
		{"ADDSS", ss(0x58), false, false, wrap32(F32Add), 0},
		{"SUBSS", ss(0x5c), false, false, wrap32(F32Sub), 0},
		{"MULSS", ss(0x59), false, false, wrap32(F32Mul), 0},
		{"DIVSS", ss(0x5e), false, false, wrap32(F32Div), 0},
		{"MINSS", ss(0x5d), false, false, wrap32(F32Min), 0},
		{"MAXSS", ss(0x5f), false, false, wrap32(F32Max), 0},
		{"SQRTSS", ss(0x51), false, false, wrap32(func(_, b uint32, e *Env) uint32 { return F32Sqrt(b, e) }), 0},
		{"ADDSD", sd(0x58), true, false, F64Add, 0},
		{"SUBSD", sd(0x5c), true, false, F64Sub, 0},
		{"MULSD", sd(0x59), true, false, F64Mul, 0},
		{"DIVSD", sd(0x5e), true, false, F64Div, 0},
		{"MINSD", sd(0x5d), true, false, F64Min, 0},
		{"MAXSD", sd(0x5f), true, false, F64Max, 0},
		{"SQRTSD", sd(0x51), true, false, func(_, b uint64, e *Env) uint64 { return F64Sqrt(b, e) }, 0},
		{"CVTSS2SD", ss(0x5a), false, false, func(_, b uint64, e *Env) uint64 { return F32ToF64(uint32(b), e) }, ^uint64(0)},
		{"CVTSD2SS", sd(0x5a), true, false, func(_, b uint64, e *Env) uint64 { return uint64(F64ToF32(b, e)) }, 1<<32 - 1},
		{"CVTSS2SI32", []byte{0xf3, 0x0f, 0x2d, 0xd2}, false, true, func(_, b uint64, e *Env) uint64 { return uint64(uint32(F32ToInt32(uint32(b), e))) }, ^uint64(0)},
		{"CVTTSS2SI32", []byte{0xf3, 0x0f, 0x2c, 0xd2}, false, true, func(_, b uint64, e *Env) uint64 { return uint64(uint32(F32TruncToInt32(uint32(b), e))) }, ^uint64(0)},
		{"CVTSS2SI64", []byte{0xf3, 0x48, 0x0f, 0x2d, 0xd2}, false, true, func(_, b uint64, e *Env) uint64 { return uint64(F32ToInt64(uint32(b), e)) }, ^uint64(0)},
		{"CVTTSS2SI64", []byte{0xf3, 0x48, 0x0f, 0x2c, 0xd2}, false, true, func(_, b uint64, e *Env) uint64 { return uint64(F32TruncToInt64(uint32(b), e)) }, ^uint64(0)},
		{"CVTSD2SI32", []byte{0xf2, 0x0f, 0x2d, 0xd2}, true, true, func(_, b uint64, e *Env) uint64 { return uint64(uint32(F64ToInt32(b, e))) }, 0},
		{"CVTTSD2SI32", []byte{0xf2, 0x0f, 0x2c, 0xd2}, true, true, func(_, b uint64, e *Env) uint64 { return uint64(uint32(F64TruncToInt32(b, e))) }, 0},
		{"CVTSD2SI64", []byte{0xf2, 0x48, 0x0f, 0x2d, 0xd2}, true, true, func(_, b uint64, e *Env) uint64 { return uint64(F64ToInt64(b, e)) }, 0},
		{"CVTTSD2SI64", []byte{0xf2, 0x48, 0x0f, 0x2c, 0xd2}, true, true, func(_, b uint64, e *Env) uint64 { return uint64(F64TruncToInt64(b, e)) }, 0},
		// RDX holds b here too.
		{"CVTSI2SS32", []byte{0xf3, 0x0f, 0x2a, 0xca}, true, false, func(_, b uint64, e *Env) uint64 { return uint64(Int32ToF32(int32(b), e)) }, 1<<32 - 1},
		{"CVTSI2SS64", []byte{0xf3, 0x48, 0x0f, 0x2a, 0xca}, true, false, func(_, b uint64, e *Env) uint64 { return uint64(Int64ToF32(int64(b), e)) }, 1<<32 - 1},
		{"CVTSI2SD32", []byte{0xf2, 0x0f, 0x2a, 0xca}, true, false, func(_, b uint64, e *Env) uint64 { return Int32ToF64(int32(b)) }, 0},
		{"CVTSI2SD64", []byte{0xf2, 0x48, 0x0f, 0x2a, 0xca}, true, false, func(_, b uint64, e *Env) uint64 { return Int64ToF64(int64(b), e) }, 0},
	}
	for p := range byte(8) {
		cases = append(cases,
			sseCase{"CMPSS", append(ss(0xc2), p), false, false, func(a, b uint64, e *Env) uint64 { return b2u(F32Cmp(uint32(a), uint32(b), p, e)) }, 0},
			sseCase{"CMPSD", append(sd(0xc2), p), true, false, func(a, b uint64, e *Env) uint64 { return b2u(F64Cmp(a, b, p, e)) }, 0})
	}
	for imm := range byte(16) {
		cases = append(cases,
			sseCase{"ROUNDSS", []byte{0x66, 0x0f, 0x3a, 0x0a, 0xca, imm}, false, false, func(_, b uint64, e *Env) uint64 { return uint64(F32RoundToInt(uint32(b), imm, e)) }, 0},
			sseCase{"ROUNDSD", []byte{0x66, 0x0f, 0x3a, 0x0b, 0xca, imm}, true, false, func(_, b uint64, e *Env) uint64 { return F64RoundToInt(b, imm, e) }, 0})
	}
	// The flags of a comparison, fetched by LAHF; SAHF's layout is EFLAGS'.
	lahf := []byte{0x9f, 0x0f, 0xb6, 0xd4} // LAHF; MOVZX EDX,AH
	rel := func(r Rel) uint64 { return uint64(r.EFlags()) | 2 }
	for _, c := range []struct {
		name string
		op   []byte
		wide bool
		run  func(a, b uint64, e *Env) uint64
	}{
		{"UCOMISS", []byte{0x0f, 0x2e, 0xca}, false, func(a, b uint64, e *Env) uint64 { return rel(F32Ucomi(uint32(a), uint32(b), e)) }},
		{"COMISS", []byte{0x0f, 0x2f, 0xca}, false, func(a, b uint64, e *Env) uint64 { return rel(F32Comi(uint32(a), uint32(b), e)) }},
		{"UCOMISD", []byte{0x66, 0x0f, 0x2e, 0xca}, true, func(a, b uint64, e *Env) uint64 { return rel(F64Ucomi(a, b, e)) }},
		{"COMISD", []byte{0x66, 0x0f, 0x2f, 0xca}, true, func(a, b uint64, e *Env) uint64 { return rel(F64Comi(a, b, e)) }},
	} {
		cases = append(cases, sseCase{c.name, append(c.op, lahf...), c.wide, true, c.run, ^uint64(0)})
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGen(uint64(i) + 300)
			code := hostcpu.SSEOp(c.op...)
			mask := c.mask
			if mask == 0 {
				mask = ^uint64(0)
				if !c.wide && !c.gpr {
					mask = 1<<32 - 1
				}
			}
			bad := 0
			for k := 0; k < 20000 && bad < 6; k++ {
				var a, b uint64
				if c.wide {
					a, b = g.f64(), g.f64()
				} else {
					a, b = uint64(g.f32()), uint64(g.f32())
				}
				mxcsr := uint32(0x1f80)
				if g.IntN(2) == 0 {
					mxcsr |= uint32(g.IntN(8))<<13 | uint32(g.IntN(2))<<6
				}
				if g.IntN(4) == 0 {
					mxcsr |= PE // sticky: the fast paths skip work
				}
				blk := hostcpu.SSE{MXCSR: mxcsr}
				blk.A[0], blk.B[0], blk.GPR[0] = a, b, b
				code.Run(unsafe.Pointer(&blk))
				e := SSEEnv(mxcsr)
				got := c.run(a, b, &e) & mask
				want := blk.A[0] & mask
				if c.gpr {
					want = blk.GPR[0] & mask
				}
				if got != want || uint32(e.Flags) != blk.MXCSR&0x3f {
					bad++
					t.Errorf("MXCSR=%04x a=%x b=%x: got %x flags %02x, host %x flags %02x", mxcsr, a, b, got, e.Flags, want, blk.MXCSR&0x3f)
				}
			}
		})
	}
}
