package softfloat

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaskedAndUnmaskedResponses(t *testing.T) {
	huge, tiny := F80{1 << 63, 0x7ffe}, F80{1 << 63, 1}
	for _, c := range []struct {
		name  string
		cw    uint16
		f     func(a, b F80, e *Env) F80
		a, b  F80
		want  F80
		flags uint8
		c1    bool
	}{
		{"overflow to infinity", 0x37f, F80Mul, huge, huge, inf80(false), OE | PE, true},
		{"overflow to the largest", 0xf7f, F80Mul, huge, huge, F80{math.MaxUint64, 0x7ffe}, OE | PE, false},
		{"overflow unmasked wraps", 0x377, F80Mul, huge, F80FromInt64(4), F80{1 << 63, 0x8000 - 24576}, OE, false},
		{"exact denormal is no underflow", 0x37f, F80Div, tiny, F80FromInt64(2), F80{1 << 62, 0}, 0, false},
		{"but is when unmasked", 0x36f, F80Div, tiny, F80FromInt64(2), F80{1 << 63, 24576}, UE, false},
		{"1/3 of 24 bits", 0x07f, F80Div, FLD1(), F80FromInt64(3), F80{0xaaaaab << 40, 0x3ffd}, PE, true},
		{"1/3 of 53 bits", 0x27f, F80Div, FLD1(), F80FromInt64(3), F80{0xaaaaaaaaaaaaa800, 0x3ffd}, PE, false},
		{"1/0", 0x37f, F80Div, FLD1(), FLDZ(), inf80(false), ZE, false},
		{"0/0", 0x37f, F80Div, FLDZ(), FLDZ(), Indefinite80, IE, false},
		{"unnormal", 0x37f, F80Add, F80{1, 0x3fff}, FLD1(), Indefinite80, IE, false},
		{"SNaN gives way to QNaN", 0x37f, F80Add, F80{0xbfff << 48, 0x7fff}, F80{0xc000<<48 | 1, 0x7fff}, F80{0xc000<<48 | 1, 0x7fff}, IE, false},
		{"larger significand", 0x37f, F80Add, F80{0xc000<<48 | 2, 0x7fff}, F80{0xc000<<48 | 1, 0xffff}, F80{0xc000<<48 | 2, 0x7fff}, 0, false},
		{"1 - 1 rounding down", 0x77f, F80Sub, FLD1(), FLD1(), F80{0, 0x8000}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := X87Env(c.cw)
			require.Equal(t, c.want, c.f(c.a, c.b, &e))
			require.Equal(t, c.flags, e.Flags)
			require.Equal(t, c.c1, e.C1)
		})
	}
}

func TestSSEResponses(t *testing.T) {
	const minNormal, qnan, snan = 1 << 52, 0x7ff8<<48 | 7, 0x7ff0<<48 | 7
	one, two := math.Float64bits(1), math.Float64bits(2)
	for _, c := range []struct {
		name       string
		mxcsr      uint32
		f          func(a, b uint64, e *Env) uint64
		a, b, want uint64
		flags      uint8
	}{
		{"FTZ", 0x9f80, F64Div, minNormal | 1, two, 0, UE | PE},
		{"FTZ needs UE masked", 0x9780, F64Mul, minNormal | 1, one, minNormal | 1, 0},
		{"DAZ", 0x1fc0, F64Add, 1, 1, 0, 0},
		{"DE", 0x1f80, F64Add, 1, 1, 2, DE},
		{"first NaN", 0x1f80, F64Add, qnan, qnan | 1<<63, qnan, 0},
		{"SNaN is quieted", 0x1f80, F64Add, one, snan, qnan, IE},
		{"MIN returns b for a NaN", 0x1f80, F64Min, qnan, one, one, IE},
		{"MAX returns an SNaN as it is", 0x1f80, F64Max, one, snan, snan, IE},
		{"MIN of zeros returns b", 0x1f80, F64Min, 0, 1 << 63, 1 << 63, 0},
		{"unmasked DE computes no further", 0x1e80, F64Div, 1, math.Float64bits(3), 0, DE},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := SSEEnv(c.mxcsr)
			require.Equal(t, c.want, c.f(c.a, c.b, &e))
			require.Equal(t, c.flags, e.Flags)
		})
	}
}

func TestComparePredicates(t *testing.T) {
	nan := math.Float32bits(float32(math.NaN()))
	one, two := math.Float32bits(1), math.Float32bits(2)
	for _, c := range []struct {
		a, b uint32
		want [8]bool // EQ LT LE UNORD NEQ NLT NLE ORD
	}{
		{one, one, [8]bool{true, false, true, false, false, true, false, true}},
		{one, two, [8]bool{false, true, true, false, true, false, false, true}},
		{two, one, [8]bool{false, false, false, false, true, true, true, true}},
		{nan, one, [8]bool{false, false, false, true, true, true, true, false}},
	} {
		for pred, want := range c.want {
			e := SSEEnv(0x1f80)
			require.Equal(t, want, F32Cmp(c.a, c.b, uint8(pred), &e), "%x %d %x", c.a, pred, c.b)
			signals := c.a == nan && (pred == 1 || pred == 2 || pred == 5 || pred == 6)
			require.Equal(t, signals, e.Flags&IE != 0)
		}
	}
}

// RCPPS and RSQRTPS over every significand of two binades.
func TestApproximationsAreWithinBound(t *testing.T) {
	worst := func(approx func(uint32) uint32, exact func(float64) float64) (w float64) {
		for v := uint32(0x3f800000); v < 0x40800000; v += 3 {
			x := exact(float64(math.Float32frombits(v)))
			w = max(w, math.Abs(float64(math.Float32frombits(approx(v)))/x-1))
		}
		return w
	}
	bound := 1.5 * math.Pow(2, -12)
	require.Less(t, worst(F32Rcp, func(x float64) float64 { return 1 / x }), bound)
	require.Less(t, worst(F32Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }), bound)
	for a, want := range map[uint32]uint32{
		0: 0x7f800000, 1 << 31: 0xff800000, 1: 0x7f800000, 0x7f800000: 0, 0xff800000: 1 << 31,
		0x7f000001: 0, 0x7f800001: 0x7fc00001,
	} {
		require.Equal(t, want, F32Rcp(a), "%08x", a)
	}
	require.Equal(t, uint32(0xffc00000), F32Rsqrt(0xbf800000))
	require.Equal(t, uint32(0xff800000), F32Rsqrt(1<<31))
}

func bigF80(v F80) *big.Float {
	f := new(big.Float).SetPrec(64).SetUint64(v.Sig)
	f.SetMantExp(f, int(v.SE&0x7fff)-16383-63)
	if v.Sign() {
		f.Neg(f)
	}
	return f
}

// The argument reduction with a pi of 66 bits: the sine of the F80 nearest to pi is what that pi leaves over.
func TestSineOfPiUsesPiOf66Bits(t *testing.T) {
	pi66, ok := new(big.Int).SetString("3243f6a8885a308d3", 16)
	require.True(t, ok)
	pi := new(big.Float).SetPrec(200).SetInt(pi66)
	pi.SetMantExp(pi, -64)
	e := X87Env(0x37f)
	x := FLDPI(0)
	got, c2 := FSIN(x, &e)
	require.False(t, c2)
	want := pi.Sub(pi, bigF80(x)) // sin(pi66-d) = d but for d^3/6, d about 2^-64
	require.Zero(t, want.Cmp(bigF80(got)), "got %v, want %v", bigF80(got), want)
}

func TestTrigOutOfRangeSetsC2(t *testing.T) {
	e := X87Env(0x37f)
	x := F80{1 << 63, 0x3fff + 63}
	r, c2 := FSIN(x, &e)
	require.True(t, c2)
	require.Equal(t, x, r)
	_, c2 = FCOS(F80{math.MaxUint64, 0x3fff + 62}, &e)
	require.False(t, c2)
}

func TestBCDRoundTrip(t *testing.T) {
	e := X87Env(0x37f)
	b := [10]byte{0x90, 0x78, 0x56, 0x34, 0x12, 0x90, 0x78, 0x56, 0x34, 0x80}
	v := F80FromBCD(b)
	require.Equal(t, F80FromInt64(-345678901234567890), v)
	require.Equal(t, b, F80ToBCD(v, &e))
	require.Zero(t, e.Flags)
	require.Equal(t, [10]byte{7: 0xc0, 8: 0xff, 9: 0xff}, F80ToBCD(F80FromInt64(1e18), &e))
	require.Equal(t, uint8(IE), e.Flags)
}
