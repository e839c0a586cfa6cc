//go:build linux && amd64

package vec

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"g86/cpu/internal/hostcpu"
	"g86/cpu/softfloat"
)

func has(feature uint32) bool {
	if feature == base {
		return true
	}
	_, b, c, d := hostcpu.CPUID(feature >> 8)
	return [4]uint32{0, b, c, d}[feature>>5&7]>>(feature&31)&1 != 0
}

func check(t *testing.T, ops []op, n int) {
	for i, o := range ops {
		t.Run(o.name, func(t *testing.T) {
			if !has(o.feature) {
				t.Skip("the host processor lacks this instruction")
			}
			if strings.HasPrefix(o.name, "DPP") && hostcpu.Intel() {
				t.Skip("which NaN of several a dot product is differs between makers; g86 has AMD's")
			}
			g := gen{rand.New(rand.NewPCG(86, uint64(i)))}
			code := hostcpu.SSEOp(o.code...)
			for range n {
				blk := hostcpu.SSE{
					A: V{g.half(o.float), g.half(o.float)}, B: V{g.half(o.float), g.half(o.float)},
					X0: V{g.half(0), g.half(0)}, MXCSR: 0x1f80,
				}
				if g.IntN(8) == 0 {
					blk.B = blk.A
				}
				if g.IntN(2) == 0 {
					blk.MXCSR |= uint32(g.IntN(8))<<13 | uint32(g.IntN(2))<<6
				}
				a, b, x0 := V(blk.A), V(blk.B), V(blk.X0)
				blk.GPR[0], blk.GPR[1], blk.GPR[3] = b[0], a[0], x0[0]
				e := softfloat.SSEEnv(blk.MXCSR)
				mxcsr := blk.MXCSR
				code.Run(unsafe.Pointer(&blk))
				got := o.run(a, b, x0, &e)
				if got != V(blk.A) || uint32(e.Flags) != blk.MXCSR&0x3f {
					t.Fatalf("MXCSR=%04x a=%016x b=%016x xmm0=%016x: got %016x flags %02x, host %016x flags %02x",
						mxcsr, a, b, x0, got, e.Flags, blk.A, blk.MXCSR&0x3f)
				}
			}
		})
	}
}

func TestOpsMatchHost(t *testing.T) {
	check(t, integerOps(), 2000)
	check(t, immediateOps(), 20)
	check(t, mmxOps(), 2000)
	check(t, bitOps(), 2000)
	check(t, floatOps(), 5000)
	check(t, floatImmediateOps(), 200)
}

// PCMPxSTRx on short texts over a small alphabet, where matches happen.
func TestStringOpsMatchHost(t *testing.T) {
	if !has(sse42) {
		t.Skip("the host processor lacks SSE4.2")
	}
	g := gen{rand.New(rand.NewPCG(86, 42))}
	text := func() (v V) {
		for i := range 16 {
			v.setB(i, []byte{0, 0x7f, 0x80, 'a', 'b', 'b', 'c', 'z'}[g.IntN(8)])
			if g.IntN(2) == 0 && i&1 == 1 {
				v.setB(i, 0)
			}
		}
		return v
	}
	flags := func(f StrFlags) (v uint64) {
		for i, b := range []bool{f.CF, f.ZF, f.SF, f.OF} {
			if b {
				v |= []uint64{0x100, 0x4000, 0x8000, 1}[i]
			}
		}
		return v
	}
	for i := range 256 {
		imm := uint8(i)
		// R10 is free; the index in ECX goes to RDX, which is stored back; RDX in, RAX in are the lengths.
		estri := hostcpu.SSEOp(0x66, 0x48, 0x0f, 0x3a, 0x61, 0xca, imm)
		estrm := hostcpu.SSEOp(0x66, 0x48, 0x0f, 0x3a, 0x60, 0xca, imm)
		istri := hostcpu.SSEOp(0x66, 0x0f, 0x3a, 0x63, 0xca, imm)
		istrm := hostcpu.SSEOp(0x66, 0x0f, 0x3a, 0x62, 0xca, imm)
		for range 60 {
			a, b := text(), text()
			la, lb := int64(g.IntN(40)-20), int64(g.IntN(40)-20)
			if g.IntN(8) == 0 {
				la = -1 << 63
			}
			run := func(c *hostcpu.Code) hostcpu.SSE {
				blk := hostcpu.SSE{A: a, B: b, MXCSR: 0x1f80}
				blk.GPR[0], blk.GPR[3] = uint64(lb), uint64(la)
				c.Run(unsafe.Pointer(&blk))
				return blk
			}
			same := func(name string, blk hostcpu.SSE, index bool, gi uint32, gm V, f StrFlags) {
				ok := flags(f)|0x200 == blk.GPR[3]&0xffff&^0xfe // LAHF's bit 1 is set, AL is OF
				if index {
					ok = ok && uint64(gi) == blk.GPR[1]
				} else {
					ok = ok && gm == V(blk.X0)
				}
				if !ok {
					t.Fatalf("%s imm=%02x a=%016x b=%016x la=%d lb=%d: got %d %016x %+v, host %d %016x flags %04x",
						name, imm, a, b, la, lb, gi, gm, f, blk.GPR[1], blk.X0, blk.GPR[3]&0xffff)
				}
			}
			idx, f := PCMPESTRI(a, b, la, lb, imm)
			same("PCMPESTRI", run(estri), true, idx, V{}, f)
			m, f := PCMPESTRM(a, b, la, lb, imm)
			same("PCMPESTRM", run(estrm), false, 0, m, f)
			idx, f = PCMPISTRI(a, b, imm)
			same("PCMPISTRI", run(istri), true, idx, V{}, f)
			m, f = PCMPISTRM(a, b, imm)
			same("PCMPISTRM", run(istrm), false, 0, m, f)
		}
	}
}
