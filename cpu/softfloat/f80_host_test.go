//go:build linux && amd64

package softfloat

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"testing"
	"unsafe"

	"g86/cpu/internal/hostcpu"
)

func put80(p *[16]byte, v F80) {
	binary.LittleEndian.PutUint64(p[:], v.Sig)
	binary.LittleEndian.PutUint16(p[8:], v.SE)
}

// hostCase is one operation run on both sides.
type hostCase struct {
	name string
	code *hostcpu.Code
	run  func(a, b F80, e *Env) (st0, st1 F80, cc uint16)
	// loose compares the result within a unit and ignores C1 and PE.
	loose bool
	gen   func(g gen) (a, b F80)
}

const (
	swC0 = 0x0100
	swC1 = 0x0200
	swC2 = 0x0400
	swC3 = 0x4000
)

func st0(f func(a, b F80, e *Env) F80) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) { return f(a, b, e), b, 0 }
}

func st0unary(f func(a F80, e *Env) F80) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) { return f(a, e), b, 0 }
}

func remCase(f func(a, b F80, e *Env) (F80, uint8, bool)) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) {
		r, q, partial := f(a, b, e)
		var cc uint16
		if q&1 != 0 {
			cc |= swC1
		}
		if q&2 != 0 {
			cc |= swC3
		}
		if q&4 != 0 {
			cc |= swC0
		}
		if partial {
			cc |= swC2
		}
		return r, b, cc
	}
}

func ulpDiff(a, b F80) uint64 {
	if a.SE&0x8000 != b.SE&0x8000 {
		return ^uint64(0)
	}
	// Consecutive values of one sign are consecutive 79-bit integers with the integer bit left out.
	key := func(v F80) (uint64, uint64) {
		e := uint64(v.SE & 0x7fff)
		f := v.Sig << 1 >> 1
		if e == 0 && v.Sig>>63 != 0 {
			e = 1
		}
		return e >> 1, e<<63 | f
	}
	ah, al := key(a)
	bh, bl := key(b)
	dl, br := bits.Sub64(al, bl, 0)
	dh, br := bits.Sub64(ah, bh, br)
	if br != 0 {
		dl, br = bits.Sub64(0, dl, 0)
		dh = -dh - br
	}
	if dh != 0 {
		return ^uint64(0)
	}
	return dl
}

// vendorSpecific reports what Intel's processors do otherwise than AMD's, which g86
// follows: unmasked underflow of exact denormal results, and the sine of the
// smallest numbers, which they round up to themselves.
func vendorSpecific(name string, a F80, cw uint16) bool {
	switch {
	case name == "FSCALE" || name == "FPREM":
		return a.SE&0x7fff == 0 && cw&UE == 0
	case strings.HasPrefix(name, "FSIN"):
		return a.SE&0x7fff <= 1
	}
	return false
}

func runHostCases(t *testing.T, cases []hostCase, n int) {
	intel := hostcpu.Intel()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGen(uint64(i) + 1)
			bad := 0
			for k := 0; k < n && bad < 6; k++ {
				a, b := g.f80(), g.f80()
				if c.gen != nil {
					a, b = c.gen(g)
				}
				blk := hostcpu.X87{CW: g.cw()}
				if intel && vendorSpecific(c.name, a, blk.CW) {
					continue
				}
				put80(&blk.A, a)
				put80(&blk.B, b)
				c.code.Run(unsafe.Pointer(&blk))
				var want [2]F80
				want[0].Sig, want[0].SE = blk.ST(0)
				want[1].Sig, want[1].SE = blk.ST(1)
				e := X87Env(blk.CW)
				r0, r1, cc := c.run(a, b, &e)
				if e.C1 {
					cc |= swC1
				}
				if e.Unmasked()&(IE|DE|ZE) != 0 {
					r0, r1 = a, b
				}
				sw := blk.SW()
				got, exp := uint16(e.Flags)|cc, sw&(0x3f|swC0|swC1|swC2|swC3)
				ok := r0 == want[0] && r1 == want[1]
				if c.loose {
					got, exp = got&^(PE|swC1), exp&^(PE|swC1)
					if e.Flags&PE == 0 { // ours knows some exact results that the host does not
						got, exp = got&^UE, exp&^UE
					}
					ok = ok || ulpDiff(r0, want[0]) <= 1 && ulpDiff(r1, want[1]) <= 1
				}
				if !ok || got != exp {
					bad++
					t.Errorf("CW=%03x a=%04x.%016x b=%04x.%016x: got %04x.%016x %04x.%016x flags %04x, host %04x.%016x %04x.%016x flags %04x",
						blk.CW, a.SE, a.Sig, b.SE, b.Sig, r0.SE, r0.Sig, r1.SE, r1.Sig, got, want[0].SE, want[0].Sig,
						want[1].SE, want[1].Sig, exp)
				}
			}
		})
	}
}

func TestF80ArithmeticMatchesHost(t *testing.T) {
	runHostCases(t, []hostCase{
		{name: "FADD", code: hostcpu.X87Op(0xd8, 0xc1), run: st0(F80Add)},
		{name: "FSUB", code: hostcpu.X87Op(0xd8, 0xe1), run: st0(F80Sub)},
		{name: "FMUL", code: hostcpu.X87Op(0xd8, 0xc9), run: st0(F80Mul)},
		{name: "FDIV", code: hostcpu.X87Op(0xd8, 0xf1), run: st0(F80Div)},
		{name: "FSQRT", code: hostcpu.X87Op(0xd9, 0xfa), run: st0unary(F80Sqrt)},
	}, 30000)
}

func cmpCase(f func(a, b F80, e *Env) Rel) func(a, b F80, e *Env) (F80, F80, uint16) {
	return func(a, b F80, e *Env) (F80, F80, uint16) {
		// Compares write nothing, and the condition codes only when no unmasked exception is pending.
		return a, b, f(a, b, e).X87()
	}
}

func TestF80OperationsMatchHost(t *testing.T) {
	runHostCases(t, []hostCase{
		{name: "FRNDINT", code: hostcpu.X87Op(0xd9, 0xfc), run: st0unary(F80RoundToInt)},
		{name: "FSCALE", code: hostcpu.X87Op(0xd9, 0xfd), run: st0(F80Scale), gen: scaleOperands},
		{name: "FPREM", code: hostcpu.X87Op(0xd9, 0xf8), run: remCase(F80Rem), gen: closeOperands},
		{name: "FPREM1", code: hostcpu.X87Op(0xd9, 0xf5), run: remCase(F80Rem1), gen: closeOperands},
		{name: "FXTRACT", code: hostcpu.X87Op(0xd9, 0xf4), run: func(a, b F80, e *Env) (F80, F80, uint16) {
			exp, sig := F80Extract(a, e)
			if e.Unmasked()&(IE|DE|ZE) != 0 {
				return a, b, 0
			}
			return sig, exp, 0
		}},
		{name: "FCOM", code: hostcpu.X87Op(0xd8, 0xd1), run: cmpCase(F80Compare)},
		{name: "FUCOM", code: hostcpu.X87Op(0xdd, 0xe1), run: cmpCase(F80UCompare)},
		{name: "FXAM", code: hostcpu.X87Op(0xd9, 0xe5), run: func(a, b F80, e *Env) (F80, F80, uint16) {
			c := a.Class()
			cc := uint16(c&1)<<8 | uint16(c>>1&1)<<10 | uint16(c>>2&1)<<14
			if a.Sign() {
				cc |= swC1
			}
			return a, b, cc
		}},
		{name: "FCHS", code: hostcpu.X87Op(0xd9, 0xe0), run: func(a, b F80, _ *Env) (F80, F80, uint16) { return a.Neg(), b, 0 }},
		{name: "FABS", code: hostcpu.X87Op(0xd9, 0xe1), run: func(a, b F80, _ *Env) (F80, F80, uint16) { return a.Abs(), b, 0 }},
	}, 30000)
}

// memCase is an operation between ST0 and memory at [RAX+64].
type memCase struct {
	name string
	code *hostcpu.Code
	size int
	run  func(a F80, e *Env) []byte
}

func le(v uint64, size int) []byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return b[:size]
}

func TestF80StoresMatchHost(t *testing.T) {
	cases := []memCase{
		{"FST m32", hostcpu.X87Op(0xd9, 0x50, 0x40), 4, func(a F80, e *Env) []byte { return le(uint64(F80ToF32(a, e)), 4) }},
		{"FST m64", hostcpu.X87Op(0xdd, 0x50, 0x40), 8, func(a F80, e *Env) []byte { return le(F80ToF64(a, e), 8) }},
		{"FIST m16", hostcpu.X87Op(0xdf, 0x50, 0x40), 2, func(a F80, e *Env) []byte { return le(uint64(F80ToInt16(a, e)), 2) }},
		{"FIST m32", hostcpu.X87Op(0xdb, 0x50, 0x40), 4, func(a F80, e *Env) []byte { return le(uint64(F80ToInt32(a, e)), 4) }},
		{"FISTP m64", hostcpu.X87Op(0xdf, 0x78, 0x40), 8, func(a F80, e *Env) []byte { return le(uint64(F80ToInt64(a, e)), 8) }},
		{"FISTTP m16", hostcpu.X87Op(0xdf, 0x48, 0x40), 2, func(a F80, e *Env) []byte { return le(uint64(F80TruncToInt16(a, e)), 2) }},
		{"FISTTP m32", hostcpu.X87Op(0xdb, 0x48, 0x40), 4, func(a F80, e *Env) []byte { return le(uint64(F80TruncToInt32(a, e)), 4) }},
		{"FISTTP m64", hostcpu.X87Op(0xdd, 0x48, 0x40), 8, func(a F80, e *Env) []byte { return le(uint64(F80TruncToInt64(a, e)), 8) }},
		{"FBSTP", hostcpu.X87Op(0xdf, 0x70, 0x40), 10, func(a F80, e *Env) []byte { b := F80ToBCD(a, e); return b[:] }},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGen(uint64(i) + 100)
			bad := 0
			for k := 0; k < 20000 && bad < 6; k++ {
				a := g.f80()
				switch g.IntN(4) {
				case 0: // around the ends of the integers and of the narrower formats
					a.SE = a.SE&0x8000 | uint16(0x3fff+[]int{14, 15, 30, 31, 59, 62, 63, 127, 128, 1023, 1024}[g.IntN(11)])
				case 1:
					a.SE = a.SE&0x8000 | uint16(0x3fff-[]int{126, 127, 130, 149, 150, 151, 1022, 1023, 1074, 1075, 1076}[g.IntN(11)])
				}
				blk := hostcpu.X87{CW: g.cw()}
				for j := range blk.Mem {
					blk.Mem[j] = 0x5a
				}
				want := blk.Mem
				put80(&blk.A, a)
				c.code.Run(unsafe.Pointer(&blk))
				e := X87Env(blk.CW)
				out := c.run(a, &e)
				if e.Unmasked()&^PE == 0 {
					copy(want[:], out)
				}
				got, sw := uint16(e.Flags), blk.SW()&(0x3f|swC1)
				if e.C1 {
					got |= swC1
				}
				if e.Unmasked()&(OE|UE) != 0 { // nothing was stored: what C1 and PE would say is open
					got, sw = got&^(swC1|PE), sw&^(swC1|PE)
				}
				if want != blk.Mem || got != sw {
					bad++
					t.Errorf("CW=%03x a=%04x.%016x: got %x flags %04x, host %x flags %04x", blk.CW, a.SE, a.Sig, want[:c.size], got, blk.Mem[:c.size], sw)
				}
			}
		})
	}
}

func TestF80LoadsMatchHost(t *testing.T) {
	cases := []struct {
		name string
		code *hostcpu.Code
		run  func(b []byte, e *Env) F80
	}{
		{"FLD m32", hostcpu.X87Op(0xd9, 0x40, 0x40), func(b []byte, e *Env) F80 { return F80FromF32(binary.LittleEndian.Uint32(b), e) }},
		{"FLD m64", hostcpu.X87Op(0xdd, 0x40, 0x40), func(b []byte, e *Env) F80 { return F80FromF64(binary.LittleEndian.Uint64(b), e) }},
		{"FILD m16", hostcpu.X87Op(0xdf, 0x40, 0x40), func(b []byte, e *Env) F80 {
			return F80FromInt64(int64(int16(binary.LittleEndian.Uint16(b))))
		}},
		{"FILD m32", hostcpu.X87Op(0xdb, 0x40, 0x40), func(b []byte, e *Env) F80 {
			return F80FromInt64(int64(int32(binary.LittleEndian.Uint32(b))))
		}},
		{"FILD m64", hostcpu.X87Op(0xdf, 0x68, 0x40), func(b []byte, e *Env) F80 {
			return F80FromInt64(int64(binary.LittleEndian.Uint64(b)))
		}},
		{"FBLD", hostcpu.X87Op(0xdf, 0x60, 0x40), func(b []byte, e *Env) F80 { return F80FromBCD([10]byte(b)) }},
		{"FLD1", hostcpu.X87Op(0xd9, 0xe8), func(_ []byte, e *Env) F80 { return FLD1() }},
		{"FLDL2T", hostcpu.X87Op(0xd9, 0xe9), func(_ []byte, e *Env) F80 { return FLDL2T(e.RC) }},
		{"FLDL2E", hostcpu.X87Op(0xd9, 0xea), func(_ []byte, e *Env) F80 { return FLDL2E(e.RC) }},
		{"FLDPI", hostcpu.X87Op(0xd9, 0xeb), func(_ []byte, e *Env) F80 { return FLDPI(e.RC) }},
		{"FLDLG2", hostcpu.X87Op(0xd9, 0xec), func(_ []byte, e *Env) F80 { return FLDLG2(e.RC) }},
		{"FLDLN2", hostcpu.X87Op(0xd9, 0xed), func(_ []byte, e *Env) F80 { return FLDLN2(e.RC) }},
		{"FLDZ", hostcpu.X87Op(0xd9, 0xee), func(_ []byte, e *Env) F80 { return FLDZ() }},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGen(uint64(i) + 200)
			bad := 0
			for k := 0; k < 10000 && bad < 6; k++ {
				blk := hostcpu.X87{CW: 0x33f | uint16(g.IntN(4))<<10}
				switch c.name {
				case "FLD m32":
					binary.LittleEndian.PutUint32(blk.Mem[:], g.f32())
				case "FBLD":
					for j := range 9 {
						blk.Mem[j] = byte(g.IntN(10)<<4 | g.IntN(10))
					}
					blk.Mem[9] = byte(g.IntN(256))
				default:
					binary.LittleEndian.PutUint64(blk.Mem[:], g.f64())
				}
				c.code.Run(unsafe.Pointer(&blk))
				var want F80
				want.Sig, want.SE = blk.ST(0)
				e := X87Env(blk.CW)
				got := c.run(blk.Mem[:10], &e)
				if got != want || uint16(e.Flags) != blk.SW()&0x3f {
					bad++
					t.Errorf("CW=%03x %x: got %04x.%016x flags %02x, host %04x.%016x flags %02x", blk.CW, blk.Mem[:10],
						got.SE, got.Sig, e.Flags, want.SE, want.Sig, blk.SW()&0x3f)
				}
			}
		})
	}
}
