package vec

import (
	"math"
	"math/rand/v2"
)

// CPUID feature bits, as leaf<<8 + register<<5 + bit with registers EBX 1, ECX 2, EDX 3.
const (
	base   = 0
	sse3   = 1<<8 | 2<<5
	clmul  = 1<<8 | 2<<5 | 1
	ssse3  = 1<<8 | 2<<5 | 9
	sse41  = 1<<8 | 2<<5 | 19
	sse42  = 1<<8 | 2<<5 | 20
	aesNI  = 1<<8 | 2<<5 | 25
	bmi2   = 7<<8 | 1<<5 | 8
	shaExt = 7<<8 | 1<<5 | 29
)

// op is an instruction XMM1 op= XMM2 and what it should do.
type op struct {
	name    string
	code    []byte
	feature uint32
	float   uint // 32 or 64: operands are floating-point
	run     func(a, b, xmm0 V, e *Env) V
}

func p66(n byte) []byte            { return []byte{0x66, 0x0f, n, 0xca} }
func p38(n byte) []byte            { return []byte{0x66, 0x0f, 0x38, n, 0xca} }
func p3a(n, imm byte) []byte       { return []byte{0x66, 0x0f, 0x3a, n, 0xca, imm} }
func np(n byte) []byte             { return []byte{0x0f, n, 0xca} }
func f3(n byte) []byte             { return []byte{0xf3, 0x0f, n, 0xca} }
func f2(n byte) []byte             { return []byte{0xf2, 0x0f, n, 0xca} }
func with(c []byte, b byte) []byte { return append(c[:len(c):len(c)], b) }

// mm wraps an MMX instruction MM1 op= MM2 so that it works on the low halves.
func mm(code ...byte) []byte {
	c := []byte{0xf2, 0x0f, 0xd6, 0xc9, 0xf2, 0x0f, 0xd6, 0xd2} // MOVDQ2Q MM1,XMM1; MOVDQ2Q MM2,XMM2
	c = append(c, code...)
	return append(c, 0xf3, 0x0f, 0xd6, 0xc9, 0x0f, 0x77) // MOVQ2DQ XMM1,MM1; EMMS
}

func two(f func(a, b V) V) func(a, b, x V, e *Env) V {
	return func(a, b, _ V, _ *Env) V { return f(a, b) }
}

func one(f func(b V) V) func(a, b, x V, e *Env) V {
	return func(_, b, _ V, _ *Env) V { return f(b) }
}

func imm1(f func(b V, imm uint8) V, imm uint8) func(a, b, x V, e *Env) V {
	return func(_, b, _ V, _ *Env) V { return f(b, imm) }
}

func imm1a(f func(a V, imm uint8) V, imm uint8) func(a, b, x V, e *Env) V {
	return func(a, _, _ V, _ *Env) V { return f(a, imm) }
}

func imm2(f func(a, b V, imm uint8) V, imm uint8) func(a, b, x V, e *Env) V {
	return func(a, b, _ V, _ *Env) V { return f(a, b, imm) }
}

func three(f func(a, b, x V) V) func(a, b, x V, e *Env) V {
	return func(a, b, x V, _ *Env) V { return f(a, b, x) }
}

func flt(f func(a, b V, e *Env) V) func(a, b, x V, e *Env) V {
	return func(a, b, _ V, e *Env) V { return f(a, b, e) }
}

func flt1(f func(b V, e *Env) V) func(a, b, x V, e *Env) V {
	return func(_, b, _ V, e *Env) V { return f(b, e) }
}

func mmx(f func(a, b M) M) func(a, b, x V, e *Env) V {
	return func(a, b, _ V, _ *Env) V { return V{uint64(f(M(a[0]), M(b[0])))} }
}

func half(f func(a, b V) V) func(a, b, x V, e *Env) V {
	return func(a, b, _ V, _ *Env) V { return V{f(V{a[0]}, V{b[0]})[0]} }
}

// edx is for instructions whose result is in EDX or RDX: it is moved to XMM1.
func edx(code ...byte) []byte { return append(code, 0x66, 0x48, 0x0f, 0x6e, 0xca) } // MOVQ XMM1,RDX

func value(x uint64) V { return V{x, 0} }

type gen struct{ *rand.Rand }

func (g gen) half(float uint) uint64 {
	switch {
	case float == 32:
		return uint64(g.f32()) | uint64(g.f32())<<32
	case float == 64:
		return g.f64()
	}
	switch g.IntN(4) {
	case 0: // extremes of lanes
		var v uint64
		for i := range 8 {
			v |= uint64([]byte{0, 1, 0x7f, 0x80, 0x81, 0xff}[g.IntN(6)]) << (8 * i)
		}
		return v
	case 1: // small values, such as shift counts
		return g.Uint64() >> g.IntN(64)
	}
	return g.Uint64()
}

func (g gen) f32() uint32 {
	switch g.IntN(8) {
	case 0:
		return []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00001, 0xff800123, 1, 0x807fffff}[g.IntN(8)]
	case 1:
		return g.Uint32()
	}
	return math.Float32bits(float32(int32(g.Uint32())) / float32(uint64(1)<<g.IntN(40)))
}

func (g gen) f64() uint64 {
	switch g.IntN(8) {
	case 0:
		return []uint64{0, 1 << 63, 0x7ff << 52, 0xfff << 52, 0x7ff8<<48 | 1, 0xfff0<<48 | 5, 1, 1<<63 | 1<<52 - 1}[g.IntN(8)]
	case 1:
		return g.Uint64()
	}
	return math.Float64bits(float64(int64(g.Uint64())) / float64(uint64(1)<<g.IntN(60)))
}
