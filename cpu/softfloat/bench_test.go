package softfloat

import (
	"math"
	"testing"
)

func BenchmarkF80(b *testing.B) {
	x, y := FLDPI(0), FLDL2E(0)
	for name, f := range map[string]func(a, b F80, e *Env) F80{
		"Add": F80Add, "Mul": F80Mul, "Div": F80Div, "FYL2X": FYL2X, "FPATAN": FPATAN,
		"Sqrt":  func(a, _ F80, e *Env) F80 { return F80Sqrt(a, e) },
		"F2XM1": func(a, b F80, e *Env) F80 { return F2XM1(F80{a.Sig, 0x3ffe}, e) },
		"FSIN":  func(a, b F80, e *Env) F80 { r, _ := FSIN(b, e); return r },
	} {
		b.Run(name, func(b *testing.B) {
			e := X87Env(0x37f)
			for b.Loop() {
				f(x, y, &e)
			}
		})
	}
}

func BenchmarkF64(b *testing.B) {
	x, y := math.Float64bits(math.Pi), math.Float64bits(math.E)
	for name, f := range map[string]func(a, b uint64, e *Env) uint64{"Add": F64Add, "Mul": F64Mul, "Div": F64Div} {
		for _, sticky := range []bool{true, false} {
			b.Run(name, func(b *testing.B) {
				e := SSEEnv(0x1f80)
				for b.Loop() {
					f(x, y, &e)
					if !sticky {
						e.Flags = 0
					}
				}
			})
		}
	}
}
