//go:build linux && amd64

package softfloat

import (
	"testing"

	"g86/cpu/internal/hostcpu"
)

func TestTranscendentalsMatchHost(t *testing.T) {
	pair := func(f func(a F80, e *Env) (F80, F80, bool)) func(a, b F80, e *Env) (F80, F80, uint16) {
		return func(a, b F80, e *Env) (F80, F80, uint16) {
			x, y, c2 := f(a, e)
			if c2 {
				return a, b, swC2
			}
			return y, x, 0
		}
	}
	single := func(f func(a F80, e *Env) (F80, bool)) func(a, b F80, e *Env) (F80, F80, uint16) {
		return func(a, b F80, e *Env) (F80, F80, uint16) {
			x, c2 := f(a, e)
			if c2 {
				return a, b, swC2
			}
			return x, b, 0
		}
	}
	// Two-operand ones pop; FXCH keeps ST1 aside for the comparison.
	popped := func(f func(x, y F80, e *Env) F80) func(a, b F80, e *Env) (F80, F80, uint16) {
		return func(a, b F80, e *Env) (F80, F80, uint16) {
			return f(a, b, e), F80{}, 0
		}
	}
	runHostCases(t, []hostCase{
		{name: "F2XM1", code: hostcpu.X87Op(0xd9, 0xf0), run: st0unary(F2XM1), loose: true, gen: within(0)},
		{name: "FYL2X", code: hostcpu.X87Op(0xd9, 0xf1), run: popped(FYL2X), loose: true},
		{name: "FYL2XP1", code: hostcpu.X87Op(0xd9, 0xf9), run: popped(FYL2XP1), loose: true, gen: within(-2)},
		{name: "FPATAN", code: hostcpu.X87Op(0xd9, 0xf3), run: popped(FPATAN), loose: true},
		{name: "FSIN", code: hostcpu.X87Op(0xd9, 0xfe), run: single(FSIN), loose: true, gen: within(-1)},
		{name: "FCOS", code: hostcpu.X87Op(0xd9, 0xff), run: single(FCOS), loose: true, gen: within(-1)},
		{name: "FSINCOS", code: hostcpu.X87Op(0xd9, 0xfb), run: pair(FSINCOS), loose: true, gen: within(-1)},
		{name: "FPTAN", code: hostcpu.X87Op(0xd9, 0xf2), run: pair(func(a F80, e *Env) (F80, F80, bool) { return FPTAN(a, e) }), loose: true, gen: within(-1)},
		{name: "FSIN large", code: hostcpu.X87Op(0xd9, 0xfe), run: single(FSIN), loose: true, gen: within(63)},
	}, 20000)
}
