package softfloat

import (
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/require"
)

// digest runs f over seeded operands and condenses what it returned.
func digest(f func(g gen, e *Env) (F80, F80)) uint64 {
	h := fnv.New64a()
	word := func(v uint64) {
		var b [8]byte
		for i := range b {
			b[i] = byte(v >> (8 * i))
		}
		h.Write(b[:])
	}
	g := newGen(86)
	for range 5000 {
		e := X87Env(g.cw())
		e.DAZ, e.FTZ = g.IntN(4) == 0, g.IntN(4) == 0
		x, y := f(g, &e)
		word(x.Sig)
		word(y.Sig)
		c1 := uint64(0)
		if e.C1 {
			c1 = 1
		}
		word(uint64(x.SE) | uint64(y.SE)<<16 | uint64(e.Flags)<<32 | c1<<40)
	}
	return h.Sum64()
}

// One arithmetic on every engine and host: these digests were recorded where the host FPU agreed with the results, and
// must come out the same on machines without one to ask.
func TestSameResultsOnEveryHost(t *testing.T) {
	bin := func(f func(a, b F80, e *Env) F80, operands func(gen) (F80, F80)) func(g gen, e *Env) (F80, F80) {
		return func(g gen, e *Env) (F80, F80) {
			a, b := operands(g)
			return f(a, b, e), F80{}
		}
	}
	any2 := func(g gen) (F80, F80) { return g.f80(), g.f80() }
	un := func(f func(a F80, e *Env) F80, operands func(gen) (F80, F80)) func(g gen, e *Env) (F80, F80) {
		return bin(func(a, _ F80, e *Env) F80 { return f(a, e) }, operands)
	}
	u := func(f func(g gen, e *Env) uint64) func(g gen, e *Env) (F80, F80) {
		return func(g gen, e *Env) (F80, F80) { return F80{Sig: f(g, e)}, F80{} }
	}
	f32 := func(f func(a, b uint32, e *Env) uint32) func(g gen, e *Env) (F80, F80) {
		return u(func(g gen, e *Env) uint64 { return uint64(f(g.f32(), g.f32(), e)) })
	}
	f64 := func(f func(a, b uint64, e *Env) uint64) func(g gen, e *Env) (F80, F80) {
		return u(func(g gen, e *Env) uint64 { return f(g.f64(), g.f64(), e) })
	}
	rem := func(f func(a, b F80, e *Env) (F80, uint8, bool)) func(g gen, e *Env) (F80, F80) {
		return func(g gen, e *Env) (F80, F80) {
			a, b := closeOperands(g)
			r, q, partial := f(a, b, e)
			if partial {
				q |= 8
			}
			return r, F80{Sig: uint64(q)}
		}
	}
	for _, c := range []struct {
		name string
		want uint64
		f    func(g gen, e *Env) (F80, F80)
	}{
		{"F80Add", 0x3e43f98abbdfcfa7, bin(F80Add, any2)},
		{"F80Sub", 0xf1d1ebfede8027a5, bin(F80Sub, any2)},
		{"F80Mul", 0x6b28723893b83041, bin(F80Mul, any2)},
		{"F80Div", 0x2c103df2a796ddb3, bin(F80Div, any2)},
		{"F80Sqrt", 0xcd75a346bad3af4b, un(F80Sqrt, any2)},
		{"F80RoundToInt", 0x234a85fba8d9f158, un(F80RoundToInt, any2)},
		{"F80Scale", 0xe080806d4b68486c, bin(F80Scale, scaleOperands)},
		{"F80Rem", 0xfc31b4fbe8da1dbf, rem(F80Rem)},
		{"F80Rem1", 0x5d95544d2b461282, rem(F80Rem1)},
		{"F80Extract", 0xbc3b00f1f8567c2e, func(g gen, e *Env) (F80, F80) { return F80Extract(g.f80(), e) }},
		{"F80ToF64", 0xdf4a3adbb219aa9e, u(func(g gen, e *Env) uint64 { return F80ToF64(g.f80(), e) })},
		{"F80ToF32", 0x450499208a5c75d7, u(func(g gen, e *Env) uint64 { return uint64(F80ToF32(g.f80(), e)) })},
		{"F80ToInt64", 0xcbb9f02fd20ea8c6, u(func(g gen, e *Env) uint64 { return uint64(F80ToInt64(g.f80(), e)) })},
		{"F2XM1", 0xc99d963ef3ff30c5, un(F2XM1, within(0))},
		{"FYL2X", 0x89f29f8266244ca0, bin(FYL2X, any2)},
		{"FYL2XP1", 0xac29495451c740c1, bin(FYL2XP1, within(8))},
		{"FPATAN", 0xa00844eaa24eac82, bin(FPATAN, any2)},
		{"FSINCOS", 0x50ec386e1be9921, func(g gen, e *Env) (F80, F80) {
			a, _ := within(63)(g)
			s, c, _ := FSINCOS(a, e)
			return s, c
		}},
		{"FPTAN", 0x249a61f15c8cffef, func(g gen, e *Env) (F80, F80) {
			a, _ := within(63)(g)
			s, c, _ := FPTAN(a, e)
			return s, c
		}},
		{"F32Add", 0x68fdb35503f676e4, f32(F32Add)},
		{"F32Sub", 0x9132496e76592aa9, f32(F32Sub)},
		{"F32Mul", 0x20590c1b47490c99, f32(F32Mul)},
		{"F32Div", 0x26a77505ea3c6162, f32(F32Div)},
		{"F32Sqrt", 0xbeaa87ba18afd9fc, f32(func(a, _ uint32, e *Env) uint32 { return F32Sqrt(a, e) })},
		{"F32Max", 0xa29ff4ac586bdf80, f32(F32Max)},
		{"F32Rcp", 0xbb73efca7525d62a, f32(func(a, _ uint32, _ *Env) uint32 { return F32Rcp(a) })},
		{"F32Rsqrt", 0xa73808be11258ced, f32(func(a, _ uint32, _ *Env) uint32 { return F32Rsqrt(a) })},
		{"F64Add", 0x6e1225a956bbce13, f64(F64Add)},
		{"F64Sub", 0x6fda532e6233cb7f, f64(F64Sub)},
		{"F64Mul", 0xdf79c09725c1dab4, f64(F64Mul)},
		{"F64Div", 0x810c646951331f0a, f64(F64Div)},
		{"F64Sqrt", 0x45544db7d2dd8a4a, f64(func(a, _ uint64, e *Env) uint64 { return F64Sqrt(a, e) })},
		{"F64Min", 0xf608155dc2f42b40, f64(F64Min)},
		{"F64ToF32", 0x9ec3a9d5dd11e024, f64(func(a, _ uint64, e *Env) uint64 { return uint64(F64ToF32(a, e)) })},
		{"F64ToInt32", 0x5c2990d929e4299a, f64(func(a, _ uint64, e *Env) uint64 { return uint64(F64ToInt32(a, e)) })},
		{"F64TruncToInt64", 0xe9608ed863f84f33, f64(func(a, _ uint64, e *Env) uint64 { return uint64(F64TruncToInt64(a, e)) })},
		{"Int64ToF32", 0x75633ec8e36c5138, f64(func(a, _ uint64, e *Env) uint64 { return uint64(Int64ToF32(int64(a), e)) })},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, digest(c.f)) })
	}
}
