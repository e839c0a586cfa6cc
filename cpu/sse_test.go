package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSSEFaults: which exception an SSE instruction raises.
func TestSSEFaults(t *testing.T) {
	const invalid = 0x1f80 &^ (1 << 7)
	for _, c := range []struct {
		name, code string
		cr4        uint64
		mxcsr      uint32
		vector     int
	}{
		{"MOVAPS misaligned", "0f280d08800000", 0, 0x1f80, vecGP},
		{"MOVAPS store misaligned", "0f290d08800000", 0, 0x1f80, vecGP},
		{"ADDPS misaligned", "0f580d08800000", 0, 0x1f80, vecGP},
		{"PXOR misaligned", "660fef0d08800000", 0, 0x1f80, vecGP},
		{"MOVNTDQ misaligned", "660fe70d08800000", 0, 0x1f80, vecGP},
		{"MOVUPS misaligned", "0f100d08800000", 0, 0x1f80, -1},
		{"LDDQU misaligned", "f20ff00d08800000", 0, 0x1f80, -1},
		{"PCMPISTRI misaligned", "660f3a630d0880000000", 0, 0x1f80, -1},
		{"MOVSS misaligned", "f30f100d03800000", 0, 0x1f80, -1},
		{"no CR4.OSFXSR", "0f57c0", CR4OSFXSR, 0x1f80, vecUD},
		{"no CR4.OSFXSR, MMX", "0fefc0", CR4OSFXSR, 0x1f80, -1},
		{"#XM", "0f51c9", 0, invalid, vecXM},                         // sqrtps xmm1, xmm1 of -1
		{"#UD for #XM", "0f51c9", CR4OSXMMEXCPT, invalid, vecUD},     // without CR4.OSXMMEXCPT
		{"#GP before #XM", "0f510d08800000", 0, invalid, vecGP},      //
		{"masked", "0f51c9", 0, 0x1f80, -1},                          //
		{"LDMXCSR reserved bit", "0fae1500800000", 0, 0x1f80, vecGP}, // bit 16
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "max", 32)
			r.CR4 &^= c.cr4
			r.MXCSR = c.mxcsr
			minusOne := [2]uint64{0xbf800000, 0}
			r.XMM[1] = minusOne
			r.put(rigData, 1<<16)
			require.Equal(t, c.vector, r.Exec(c.code))
			if c.vector >= 0 {
				require.Equal(t, minusOne, r.XMM[1], "a fault leaves the destination alone")
			}
			if c.vector == vecXM {
				require.Equal(t, uint32(invalid|1), r.MXCSR)
			}
		})
	}
}

// TestMXCSR: flags accumulate, rounding follows RC, DAZ and FTZ act.
func TestMXCSR(t *testing.T) {
	r := newRig(t, "max", 64)
	r.put(rigData, 0x7f80)                                            // round towards zero
	require.Equal(t, -1, r.Exec("0fae142500800000"))                  // ldmxcsr
	r.XMM[0], r.XMM[1] = [2]uint64{0x3f800000}, [2]uint64{0x40400000} // 1, 3
	require.Equal(t, -1, r.Exec("f30f5ec1"))                          // divss
	require.Equal(t, [2]uint64{0x3eaaaaaa}, r.XMM[0])
	require.Equal(t, -1, r.Exec("0fae1c2508800000")) // stmxcsr
	require.Equal(t, uint64(0x7fa0), r.get(rigData+8)&0xffffffff)
	r.XMM[0], r.XMM[1] = [2]uint64{0x3f800000}, [2]uint64{0} // 1/0
	require.Equal(t, -1, r.Exec("f30f5ec1"))
	require.Equal(t, uint32(0x7fa4), r.MXCSR)

	r.MXCSR = 0x1f80 | 1<<6 // DAZ
	r.XMM[0], r.XMM[1] = [2]uint64{1}, [2]uint64{1}
	require.Equal(t, -1, r.Exec("f30f58c1")) // addss of denormals
	require.Equal(t, [2]uint64{}, r.XMM[0])
	require.Equal(t, uint32(0x1fc0), r.MXCSR)
	r.MXCSR = 0x1f80 | 1<<15                                          // FTZ
	r.XMM[0], r.XMM[1] = [2]uint64{0x00800000}, [2]uint64{0x3f000000} // smallest normal, halved
	require.Equal(t, -1, r.Exec("f30f59c1"))
	require.Equal(t, [2]uint64{}, r.XMM[0])
	require.Equal(t, uint32(0x1f80|1<<15|0x30), r.MXCSR)
}

// TestPentium3MXCSR: before SSE2 there is no DAZ.
func TestPentium3MXCSR(t *testing.T) {
	r := newRig(t, "pentium3", 32)
	r.put(rigData, 0x1fc0)
	require.Equal(t, vecGP, r.Exec("0fae1500800000"))
	require.Equal(t, -1, r.Exec("0fae0500800000"))
	require.Equal(t, uint64(0xffbf), r.get(rigData+24)>>32)
	require.Equal(t, vecUD, r.Exec("660f58c1"), "ADDPD")
}

// TestMaskedStores: only selected bytes are accessed, and faults come first.
func TestMaskedStores(t *testing.T) {
	r := newRig(t, "max", 32)
	r.XMM[1] = [2]uint64{0x1716151413121110, 0x1f1e1d1c1b1a1918}
	r.XMM[2] = [2]uint64{0x8000000000008000, 0x0000000000000080}
	r.GPR[RDI] = rigData
	require.Equal(t, -1, r.Exec("660ff7ca"))
	require.Equal(t, uint64(0x1700000000001100), r.get(rigData))
	require.Equal(t, uint64(0x18), r.get(rigData+8))

	r.Seg[DS].Limit = rigData + 0x107 // the second half is outside
	r.GPR[RDI] = rigData + 0x100
	require.Equal(t, vecGP, r.Exec("660ff7ca"))
	require.Zero(t, r.get(rigData+0x100))
	r.XMM[2][1] = 0
	require.Equal(t, -1, r.Exec("660ff7ca"))
	require.Equal(t, uint64(0x1700000000001100), r.get(rigData+0x100))
	r.XMM[2][0] = 0
	r.GPR[RDI] = 0xf0000000
	require.Equal(t, -1, r.Exec("660ff7ca"), "nothing selected, nothing accessed")

	r.FPU.Reg[1].Sig, r.FPU.Reg[2].Sig = 0x0807060504030201, 0x0080000000000080
	r.GPR[RDI] = rigData + 0x20
	require.Equal(t, -1, r.Exec("0ff7ca"))
	require.Equal(t, uint64(0x0007000000000001), r.get(rigData+0x20))
	require.Equal(t, uint8(0xff), r.FPU.Tag)
}

// TestPartialOperands: memory operands narrower than the register read and write
// no more than they should, right up to the segment's limit.
func TestPartialOperands(t *testing.T) {
	for _, c := range []struct {
		name, code string
		bytes      uint32
	}{
		{"MOVSS load", "f30f100d", 4}, {"MOVSD load", "f20f100d", 8}, {"MOVSS store", "f30f110d", 4}, {"MOVSD store", "f20f110d", 8},
		{"MOVLPS load", "0f120d", 8}, {"MOVHPS load", "0f160d", 8}, {"MOVLPS store", "0f130d", 8}, {"MOVHPS store", "0f170d", 8},
		{"MOVD", "660f6e0d", 4}, {"MOVD store", "660f7e0d", 4}, {"MOVQ", "f30f7e0d", 8}, {"MOVQ store", "660fd60d", 8},
		{"ADDSS", "f30f580d", 4}, {"ADDSD", "f20f580d", 8}, {"UCOMISS", "0f2e0d", 4}, {"COMISD", "660f2f0d", 8},
		{"CVTSS2SD", "f30f5a0d", 4}, {"CVTPS2PD", "0f5a0d", 8}, {"CVTSI2SD", "f20f2a0d", 4}, {"CVTSD2SI", "f20f2d0d", 8},
		{"CVTDQ2PD", "f30fe60d", 8}, {"MOVDDUP", "f20f120d", 8}, {"PMOVSXBQ", "660f38220d", 2}, {"PMOVZXBD", "660f38310d", 4},
		{"PMOVSXWD", "660f38230d", 8}, {"PUNPCKLBW MMX", "0f600d", 4}, {"PUNPCKHBW MMX", "0f680d", 8}, {"MOVQ MMX", "0f6f0d", 8},
		{"MOVUPS", "0f100d", 16}, {"PINSRW", "660fc40d", 2}, {"CVTPS2PI", "0f2d0d", 8}, {"ROUNDSD", "660f3a0b0d", 8},
		{"PINSRB", "660f3a200d", 1}, {"PINSRD", "660f3a220d", 4}, {"INSERTPS", "660f3a210d", 4}, {"PEXTRB", "660f3a140d", 1},
		{"PEXTRW store", "660f3a150d", 2}, {"EXTRACTPS", "660f3a170d", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			imm := ""
			switch c.name {
			case "PINSRW", "ROUNDSD", "PINSRB", "PINSRD", "INSERTPS", "PEXTRB", "PEXTRW store", "EXTRACTPS":
				imm = "00"
			}
			r := newRig(t, "max", 32)
			r.Seg[DS].Limit = rigData + c.bytes - 1
			require.Equal(t, -1, r.Exec(c.code+"00800000"+imm))
			require.Equal(t, vecGP, r.Exec(c.code+"01800000"+imm))
		})
	}
}

// TestStringLengths: PCMPESTRI takes RAX and RDX with REX.W, else EAX and EDX.
func TestStringLengths(t *testing.T) {
	r := newRig(t, "max", 64)
	r.XMM[1], r.XMM[2] = [2]uint64{0x6261}, [2]uint64{0x62617878}
	r.GPR[RAX], r.GPR[RDX] = 1<<32|2, 1<<32|4
	require.Equal(t, -1, r.Exec("660f3a61ca0c")) // equal ordered: find "ab" in "xxab"
	require.Equal(t, uint64(2), r.GPR[RCX])
	require.Equal(t, uint64(FlagCF|FlagZF|FlagSF), r.RFLAGS&statusFlags)
	r.GPR[RAX], r.GPR[RDX] = 1<<32|2, 1<<32|4
	require.Equal(t, -1, r.Exec("66480f3a61ca0c"))
	require.Zero(t, r.RFLAGS&(FlagZF|FlagSF), "lengths of 16 and more")
}
