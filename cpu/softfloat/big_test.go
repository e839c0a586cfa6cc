package softfloat

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

const bigPrec = 300

func bigInt(v int64) *big.Float { return new(big.Float).SetPrec(bigPrec).SetInt64(v) }

// series sums first*(1 + k(1)*x + k(1)*k(2)*x^2 + ...) with k(n) = num(n)/den(n).
func series(x *big.Float, num, den func(n int64) int64) *big.Float {
	sum, term := bigInt(1), bigInt(1)
	for n := int64(1); n < 120; n++ {
		term.Mul(term, x).Mul(term, bigInt(num(n))).Quo(term, bigInt(den(n)))
		sum.Add(sum, term)
	}
	return sum
}

func one(int64) int64 { return 1 }

func bigSinCos(x *big.Float) (sin, cos *big.Float) {
	xx := new(big.Float).SetPrec(bigPrec).Mul(x, x)
	xx.Neg(xx)
	sin = series(xx, one, func(n int64) int64 { return 2 * n * (2*n + 1) })
	return sin.Mul(sin, x), series(xx, one, func(n int64) int64 { return 2 * n * (2*n - 1) })
}

// bigAtanh is the inverse hyperbolic tangent for |x| < 1/2, or with sign -1 the arc tangent.
func bigAtanh(x *big.Float, sign int64) *big.Float {
	xx := new(big.Float).SetPrec(bigPrec).Mul(x, x)
	xx.Mul(xx, bigInt(sign))
	sum, power := bigInt(1), bigInt(1)
	for n := int64(1); n < 160; n++ {
		power.Mul(power, xx)
		sum.Add(sum, new(big.Float).Quo(power, bigInt(2*n+1)))
	}
	return sum.Mul(sum, x)
}

// The error of the transcendental functions against 300-bit series, in units of the result's last place. Rounding alone
// is half a unit.
func TestTranscendentalsAreNearlyCorrectlyRounded(t *testing.T) {
	third := new(big.Float).SetPrec(bigPrec).Quo(bigInt(1), bigInt(3))
	ln2 := bigAtanh(third, 1)
	ln2.Mul(ln2, bigInt(2))
	g := newGen(5)
	arg := func(top int) F80 {
		return F80{g.Uint64() | 1<<63, uint16(0x3fff+top-1-g.IntN(12)) | uint16(g.IntN(2))<<15}
	}
	check := func(name string, got F80, want *big.Float) {
		ulp := new(big.Float).SetMantExp(bigInt(1), int(got.SE&0x7fff)-16383-63)
		d := new(big.Float).SetPrec(bigPrec).Sub(want, bigF80(got))
		units, _ := d.Quo(d, ulp).Float64()
		require.InDelta(t, 0, units, 0.5000001, "%s: %v", name, got)
	}
	e := X87Env(0x37f)
	for range 300 {
		x, y := arg(-1), arg(20)
		bx := bigF80(x).SetPrec(bigPrec)
		sin, cos := bigSinCos(bx)
		s, c, _ := FSINCOS(x, &e)
		check("FSIN", s, sin)
		check("FCOS", c, cos)
		tan, _, _ := FPTAN(x, &e)
		check("FPTAN", tan, new(big.Float).Quo(sin, cos))

		ex := series(new(big.Float).Mul(bx, ln2), one, func(n int64) int64 { return n })
		check("F2XM1", F2XM1(x, &e), ex.Sub(ex, bigInt(1)))

		x = arg(-2)
		bx = bigF80(x).SetPrec(bigPrec)
		z := new(big.Float).Quo(bx, new(big.Float).Add(bx, bigInt(2)))
		log := bigAtanh(z, 1)
		log.Quo(log.Mul(log, bigInt(2)), ln2).Mul(log, bigF80(y))
		check("FYL2XP1", FYL2XP1(x, y, &e), log)

		x = F80{g.Uint64() | 1<<63, uint16(0x3fff + g.IntN(2) - 1)}
		bx = bigF80(x).SetPrec(bigPrec)
		z.Quo(new(big.Float).Sub(bx, bigInt(1)), new(big.Float).Add(bx, bigInt(1)))
		log = bigAtanh(z, 1)
		log.Quo(log.Mul(log, bigInt(2)), ln2).Mul(log, bigF80(y))
		check("FYL2X", FYL2X(x, y, &e), log)

		// atan(q) = 2*atan(q/(1+sqrt(1+q*q)))
		w := F80{g.Uint64() | 1<<63, uint16(0x3fff + g.IntN(8) - 4)}
		v := F80{g.Uint64() | 1<<63, uint16(0x3fff + g.IntN(8) - 4)}
		q := new(big.Float).SetPrec(bigPrec).Quo(bigF80(v), bigF80(w))
		root := new(big.Float).Mul(q, q)
		root.Add(root.Sqrt(root.Add(root, bigInt(1))), bigInt(1))
		for range 2 { // twice: the series wants less than 1/2
			q.Quo(q, root)
			root.Mul(q, q)
			root.Add(root.Sqrt(root.Add(root, bigInt(1))), bigInt(1))
		}
		atan := bigAtanh(q, -1)
		check("FPATAN", FPATAN(w, v, &e), atan.Mul(atan, bigInt(4)))
	}
}
