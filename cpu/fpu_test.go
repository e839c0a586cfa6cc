package cpu

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/softfloat"
)

var f80One = f80{Sig: 1 << 63, SE: 0x3fff}

// TestX87Results runs short programs and looks at the stack's top.
func TestX87Results(t *testing.T) {
	for _, c := range []struct {
		name, code string
		depth      int // registers left on the stack
		want       float64
	}{
		{"FLD1 FLD1 FADDP", "d9e8 d9e8 dec1", 1, 2},
		{"FLDPI", "d9eb", 1, math.Pi},
		{"FSUB ST0-ST1", "d9eb d9e8 d8e1", 2, 1 - math.Pi},
		{"FSUBP ST1-ST0", "d9eb d9e8 dee9", 1, math.Pi - 1},
		{"FSUBRP", "d9eb d9e8 dee1", 1, 1 - math.Pi},
		{"FSQRT of 2", "d9e8 d8c0 d9fa", 1, math.Sqrt2},
		{"FCHS FABS", "d9e8 d9e0 d9e1", 1, 1},
		{"FXCH", "d9e8 d9ee d9c9", 2, 1},
		{"FSCALE 1 by 1", "d9e8 d9e8 d9fd", 2, 2},
		{"FYL2X: log2(pi)", "d9e8 d9eb d9f1", 1, math.Log2(math.Pi)},
		{"FPATAN: atan(1)", "d9e8 d9e8 d9f3", 1, math.Pi / 4},
		{"F2XM1", "d9e8 d9f0", 1, 1},
		{"FPTAN pushes one", "d9ee d9f2", 2, 1},
		{"FSINCOS pushes the cosine", "d9ee d9fb", 2, 1},
		{"FXTRACT pushes the significand", "d9e8 d8c0 d9f4", 2, 1},
		{"FILD, FISTP, FILD", "d9eb db1d00800000 db0500800000", 1, 3},
		{"FISTTP", "d9e8 d9eb dec1 df0d00800000 df0500800000", 1, 4},
		{"FBSTP, FBLD", "d9eb d9eb dec9 df3500800000 df2500800000", 1, 10},
		{"FST m64, FLD m64", "d9eb dd1500800000 dd0500800000", 2, math.Pi},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", 32)
			require.Equal(t, -1, r.Exec(c.code))
			require.Equal(t, uint8(8-c.depth)&7, r.fpuTop())
			for i := range uint8(8) {
				require.Equal(t, int(i) >= c.depth, r.stEmpty(i), "ST(%d)", i)
			}
			var e softfloat.Env
			e.Mask = softfloat.AllExceptions
			got := math.Float64frombits(softfloat.F80ToF64(r.st(0), &e))
			require.InDelta(t, c.want, got, math.Abs(c.want)*1e-15)
		})
	}
}

// TestX87Exceptions looks at the status word after one exceptional instruction.
func TestX87Exceptions(t *testing.T) {
	const masked, unmasked = cwInit, cwInit &^ 0x3f
	for _, c := range []struct {
		name, code string
		cw         uint16
		sw         uint16 // without TOP
		top        uint8
		st0        f80
	}{
		{"underflow masked", "d9fa", masked, swIE | swSF, 0, softfloat.Indefinite80},
		{"underflow", "d9fa", unmasked, swIE | swSF | swES | swB, 0, f80{}},
		{"FADDP on one element pops", "d9e8 dec1", masked, swIE | swSF, 0, softfloat.Indefinite80},
		{"overflow masked", "d9ee d9ee d9ee d9ee d9ee d9ee d9ee d9ee d9e8", masked, swIE | swSF | swC1, 7, softfloat.Indefinite80},
		{"overflow", "d9ee d9ee d9ee d9ee d9ee d9ee d9ee d9ee d9e8", unmasked, swIE | swSF | swC1 | swES | swB, 0, f80{}},
		{"1/0 masked", "d9ee d9e8 d8f1", masked, softfloat.ZE, 6, f80{Sig: 1 << 63, SE: 0x7fff}},
		{"1/0 leaves the operands", "d9ee d9e8 d8f1", unmasked, softfloat.ZE | swES | swB, 6, f80One},
		{"-1 FSQRT masked", "d9e8 d9e0 d9fa", masked, softfloat.IE, 7, softfloat.Indefinite80},
		{"1/3 inexact, rounded up", "d9e8 d9e8 d8c0 d8c1 d8f9", masked, softfloat.PE | swC1, 6, f80{Sig: 0xaaaaaaaaaaaaaaab, SE: 0x3ffd}},
		{"1/3 inexact unmasked is delivered", "d9e8 d9e8 d8c0 d8c1 d8f9", unmasked, softfloat.PE | swC1 | swES | swB, 6, f80{Sig: 0xaaaaaaaaaaaaaaab, SE: 0x3ffd}},
		{"FCOM with an empty register", "d9e8 d8d1", masked, swIE | swSF | swC0 | swC2 | swC3, 7, f80One},
		{"FXAM empty", "d9e5", masked, swC3 | swC0, 0, f80{}},
		{"FXAM negative zero", "d9ee d9e0 d9e5", masked, swC3 | swC1, 7, f80{SE: 0x8000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", 32)
			r.FPU.CW = c.cw
			require.Equal(t, -1, r.Exec(c.code)) // an x87 error is reported by the next instruction
			require.Equal(t, c.sw, r.FPU.SW&^swTOP, "status %04x", r.FPU.SW)
			require.Equal(t, c.top, r.fpuTop())
			require.Equal(t, c.st0, r.st(0))
		})
	}
}

// TestX87StoreKeptOnException: nothing is stored and popped if an exception
// other than inexact is unmasked.
func TestX87StoreKeptOnException(t *testing.T) {
	r := newRig(t, "max", 32)
	r.FPU.CW = cwInit &^ softfloat.IE
	r.put(rigData, 0x1122334455667788)
	require.Equal(t, -1, r.Exec("d9e8 d9ee def9 db1d00800000")) // 1/0 is infinity; FISTP m32
	require.Equal(t, uint64(0x1122334455667788), r.get(rigData))
	require.Equal(t, uint16(softfloat.ZE|softfloat.IE|swES|swB), r.FPU.SW&^swTOP)
	require.Equal(t, uint8(7), r.fpuTop())
}

// TestX87Reporting: where and how errors and a busy or absent unit are reported.
func TestX87Reporting(t *testing.T) {
	const pending = "d9ee d9e8 d8f1" // 1/0
	for _, c := range []struct {
		name, code string
		cr0        uint64
		vector     int
	}{
		{"waiting instruction", pending + "d9e8", CR0NE, vecMF},
		{"FWAIT", pending + "9b", CR0NE, vecMF},
		{"MMX instruction", pending + "0fefc0", CR0NE, vecMF},
		{"SSE instruction does not wait", pending + "0f57c0", CR0NE, -1},
		{"FNSTSW does not wait", pending + "dfe0", CR0NE, -1},
		{"FNCLEX does not wait and clears", pending + "dbe2 9b", CR0NE, -1},
		{"FNINIT likewise", pending + "dbe3 9b", CR0NE, -1},
		{"FNSTCW does not wait", pending + "d93d00800000", CR0NE, -1},
		{"FNSTENV masks", pending + "d93500800000 9b", CR0NE, -1},
		{"FNSAVE initializes", pending + "dd3500800000 9b", CR0NE, -1},
		{"FXSAVE does not wait", pending + "0fae0500800000", CR0NE, -1},
		{"FLDCW waits", pending + "d92d00800000", CR0NE, vecMF},
		{"TS", "d9e8", CR0TS, vecNM},
		{"EM", "d9e8", CR0EM, vecNM},
		{"EM and MMX", "0fefc0", CR0EM, vecUD},
		{"EM and SSE", "0f57c0", CR0EM, vecUD},
		{"TS and MMX", "0fefc0", CR0TS, vecNM},
		{"TS and SSE", "0f57c0", CR0TS, vecNM},
		{"TS and FXSAVE", "0fae0500800000", CR0TS, vecNM},
		{"TS and LDMXCSR", "0fae1500800000", CR0TS, vecNM},
		{"FWAIT with TS alone", "9b", CR0TS, -1},
		{"FWAIT with MP and EM", "9b", CR0MP | CR0EM, -1},
		{"FWAIT with MP and TS", "9b", CR0MP | CR0TS, vecNM},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", 32)
			r.CR0 = r.CR0&^CR0NE | c.cr0
			r.FPU.CW = cwInit &^ softfloat.ZE
			require.Equal(t, c.vector, r.Exec(c.code))
		})
	}
}

// TestFERR: with CR0.NE clear an error drives FERR# instead of raising #MF.
func TestFERR(t *testing.T) {
	r := newRig(t, "486", 32)
	r.CR0 &^= CR0NE
	r.FPU.CW = cwInit &^ softfloat.ZE
	require.Equal(t, -1, r.Exec("d9ee d9e8 d8f1"))
	require.True(t, r.board.ferr)
	require.Equal(t, -1, r.Exec("d9e8"), "IGNNE#: the program goes on")
	require.True(t, r.board.ferr)
	require.Equal(t, -1, r.Exec("dbe2")) // FNCLEX
	require.False(t, r.board.ferr)
	require.Equal(t, 2, r.board.edges)

	require.Equal(t, -1, r.Exec("d9ee d9e8 d8f1"))
	require.True(t, r.board.ferr)
	require.Equal(t, -1, r.Exec("0f20c0 83c820 0f22c0")) // mov eax,cr0; or eax,NE; mov cr0,eax
	require.False(t, r.board.ferr)
	require.Equal(t, vecMF, r.Exec("9b"))
}

// TestX87MemoryFaults: a faulting operand leaves stack, status and pointers alone.
func TestX87MemoryFaults(t *testing.T) {
	for _, op := range []string{
		"d905", "dd05", "db2d", "df25", "d815", "dc0d", "de05", "dd35", "db1d", "dd1d", "db3d", "df35", "dd0d", "d925", "dd25", "d935", "d93d", "d92d",
	} {
		t.Run(op, func(t *testing.T) {
			r := newRig(t, "max", 32)
			require.Equal(t, -1, r.Exec("dbe3 d9eb d9e8"))
			r.Seg[DS].Limit = 0x8000
			before := r.FPU
			require.Equal(t, vecGP, r.Exec(op+"00800000"))
			require.Equal(t, before, r.FPU)
		})
	}
}

// TestX87Environment checks the four formats of the environment's pointers.
func TestX87Environment(t *testing.T) {
	protected := newRig(t, "max", 32)
	require.Equal(t, -1, protected.Exec("d9e8 dc0d40800000 d93500800000")) // FLD1; FMUL m64; FNSTENV
	at := func(r *rig, n uint64) uint32 { return uint32(r.get(rigData + n)) }
	require.Equal(t, []uint32{0xffff037f, 0xffff3800, 0xffff7fff, 0x4002, 0x040d<<16 | 8, 0x8040, 0xffff0010},
		[]uint32{at(protected, 0), at(protected, 4), at(protected, 8), at(protected, 12), at(protected, 16), at(protected, 20), at(protected, 24)})

	require.Equal(t, -1, protected.Exec("dbe3 d9e8 dc0d40800000 66d93500800000"))
	w := func(r *rig, n uint64) uint16 { return uint16(r.get(rigData + 2*n)) }
	require.Equal(t, []uint16{0x37f, 0x3800, 0x7fff, 0x4004, 8, 0x8040, 0x10},
		[]uint16{w(protected, 0), w(protected, 1), w(protected, 2), w(protected, 3), w(protected, 4), w(protected, 5), w(protected, 6)})

	// In real mode the pointers are linear addresses of 20 bits, or 32.
	real := newRig(t, "max", 16)
	real.Seg[DS].Sel, real.Seg[DS].Base = 0x7f0, 0x7f00
	require.Equal(t, -1, real.Exec("d9e8 dc0e4001 d9360001")) // at DS:0140, to DS:0100
	require.Equal(t, []uint16{0x37f, 0x3800, 0x7fff, 0x4002, 0x040e, 0x8040, 0},
		[]uint16{w(real, 0), w(real, 1), w(real, 2), w(real, 3), w(real, 4), w(real, 5), w(real, 6)})
	require.Equal(t, -1, real.Exec("dbe3 d9e8 dc0e4001 66d9360001"))
	require.Equal(t, []uint32{0xffff4004, 0x040e, 0xffff8040, 0},
		[]uint32{at(real, 12), at(real, 16), at(real, 20), at(real, 24)})

	// Beyond 64 KiB the rest is in bits 12 and up.
	real.FPU.CSs, real.FPU.IP, real.FPU.Op = 0xf123, 0x4567, 0x7ff
	require.Equal(t, -1, real.Exec("d9360001"))
	require.Equal(t, uint16((0xf1230+0x4567)&0xffff), w(real, 3))
	require.Equal(t, uint16(0xf7ff), w(real, 4))
	require.Equal(t, -1, real.Exec("d9260001")) // FLDENV
	require.Equal(t, uint64(0xf1230+0x4567), real.FPU.IP)
	require.Equal(t, uint16(0x7ff), real.FPU.Op)
	require.Zero(t, real.FPU.CSs)
}

// TestX87SaveRestore: FNSAVE and FRSTOR in every mode and size; the tags are
// computed from the contents.
func TestX87SaveRestore(t *testing.T) {
	for _, c := range []struct {
		name, save, load string
		bits, size       int
	}{
		{"32 bits", "dd3500800000", "dd2500800000", 32, 28},
		{"16 bits", "66dd3500800000", "66dd2500800000", 32, 14},
		{"64-bit mode", "dd342500800000", "dd242500800000", 64, 28},
		{"real mode", "dd360080", "dd260080", 16, 14},
		{"real mode, 32 bits", "66dd360080", "66dd260080", 16, 28},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", c.bits)
			require.Equal(t, -1, r.Exec("d9eb d9ee d9e8 d9ee d9e8 def1")) // pi, 0, 1, infinity
			reg, sw, tag := r.FPU.Reg, r.FPU.SW, r.FPU.Tag
			require.Equal(t, -1, r.Exec(c.save))
			require.Equal(t, FPU{Reg: reg, CW: cwInit}, r.FPU)
			img := r.board.ram[rigData:]
			word := c.size / 7
			require.Equal(t, uint16(0x12ff), binary.LittleEndian.Uint16(img[2*word:]), "tags")
			require.Equal(t, reg[4], getF80(img[c.size:]), "ST(0)")
			r.FPU.Reg = [8]f80{}
			require.Equal(t, -1, r.Exec(c.load))
			require.Equal(t, reg, r.FPU.Reg)
			require.Equal(t, sw, r.FPU.SW)
			require.Equal(t, tag, r.FPU.Tag)
		})
	}
}

// TestX87PointersSkipControl: control instructions leave the pointers alone.
func TestX87PointersSkipControl(t *testing.T) {
	r := newRig(t, "max", 64)
	require.Equal(t, -1, r.Exec("d9e8 66dc042540800000")) // FLD1; FADD m64, behind a prefix
	want := []any{uint16(0x404), uint64(rigCode + 2), uint64(0x8040)}
	require.Equal(t, want, []any{r.FPU.Op, r.FPU.IP, r.FPU.DP})
	require.Equal(t, -1, r.Exec("dfe0 d93c2550800000 d92c2550800000 dbe2 9b d9342560800000"))
	require.Equal(t, want, []any{r.FPU.Op, r.FPU.IP, r.FPU.DP})
	require.Equal(t, -1, r.Exec("9090 d9e8"))
	require.Equal(t, []any{uint16(0x1e8), uint64(rigCode + 2), uint64(0x8040)}, []any{r.FPU.Op, r.FPU.IP, r.FPU.DP})
}

// TestX87LoadsUnmaskingPending: FLDCW and FLDENV that unmask a flag make it pending.
func TestX87UnmaskingPending(t *testing.T) {
	r := newRig(t, "max", 32)
	require.Equal(t, -1, r.Exec("d9ee d9e8 d8f1"))
	require.Zero(t, r.FPU.SW&swES)
	r.put(rigData, cwInit&^softfloat.ZE)
	require.Equal(t, -1, r.Exec("d92d00800000"))
	require.Equal(t, uint16(swES|swB), r.FPU.SW&(swES|swB))
	require.Equal(t, vecMF, r.Exec("9b"))
	r.put(rigData, 0)
	require.Equal(t, -1, r.Exec("dbe2 d92d00800000"))
	require.Equal(t, uint16(0x40), r.FPU.CW, "the reserved bit reads as one")
}

// TestMMXState: what MMX instructions do to the x87 state.
func TestMMXState(t *testing.T) {
	for _, c := range []struct {
		name, code string
		tag        uint8
	}{
		{"write", "0fefc9", 0xff},         // pxor mm1, mm1
		{"read alone", "0f7ec8", 0xff},    // movd eax, mm1
		{"store", "0f7f0d00800000", 0xff}, // movq [8000], mm1
		{"MOVQ2DQ", "f30fd6c1", 0xff},     // movq2dq xmm0, mm1
		{"CVTPI2PD, register", "660f2ac1", 0xff},
		{"CVTPI2PD, memory", "660f2a0500800000", 0x80},
		{"EMMS", "0f77", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", 32)
			require.Equal(t, -1, r.Exec("d9e8"+c.code))
			require.Equal(t, c.tag, r.FPU.Tag)
			if c.tag == 0x80 {
				require.Equal(t, uint8(7), r.fpuTop())
			} else {
				require.Zero(t, r.fpuTop())
			}
		})
	}
	r := newRig(t, "max", 32)
	r.GPR[RAX] = 0x89abcdef
	require.Equal(t, -1, r.Exec("0f6ec8"))
	require.Equal(t, f80{Sig: 0x89abcdef, SE: 0xffff}, r.FPU.Reg[1])
}
