package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	xFXSAVE   = "0fae042500800000"
	xFXRSTOR  = "0fae0c2500800000"
	xXSAVE    = "0fae242500800000"
	xXRSTOR   = "0fae2c2500800000"
	xXSAVEOPT = "0fae342500800000"
	xXSAVEC   = "0fc7242500800000"
)

// newXRig is in 64-bit mode with XSAVE enabled, x87 and SSE state in use and all
// components requested; the area is filled with ones.
func newXRig(t *testing.T) *rig {
	r := newRig(t, "max", 64)
	r.CR4 |= CR4OSXSAVE
	r.XCR0 = 3
	r.GPR[RAX] = 3
	require.Equal(t, -1, r.Exec("d9e8 d9eb"))
	for i := range r.XMM {
		r.XMM[i] = [2]uint64{uint64(i) + 1, ^uint64(i)}
	}
	r.MXCSR = 0x1fa0
	for i := range 1024 {
		r.board.ram[rigData+i] = 0xff
	}
	return r
}

func (r *rig) area() []byte { return r.board.ram[rigData : rigData+1024] }

// TestFXSAVE checks the image byte for byte in 64-bit mode, its two pointer
// formats and the eight registers of 32-bit mode.
func TestFXSAVE(t *testing.T) {
	le := binary.LittleEndian
	r := newXRig(t)
	r.FPU.IP, r.FPU.DP, r.FPU.CSs, r.FPU.DSs, r.FPU.Op = 0x1122334455667788, 0x99aabbccddeeff00, 0x1234, 0x5678, 0x7ab
	require.Equal(t, -1, r.Exec(xFXSAVE))
	img := r.area()
	require.Equal(t, []uint16{0x37f, 0x3000, 0xc0, 0x7ab}, []uint16{le.Uint16(img), le.Uint16(img[2:]), le.Uint16(img[4:]), le.Uint16(img[6:])})
	require.Equal(t, []uint32{0x55667788, 0x1234, 0xddeeff00, 0x5678, 0x1fa0, 0xffff},
		[]uint32{le.Uint32(img[8:]), le.Uint32(img[12:]), le.Uint32(img[16:]), le.Uint32(img[20:]), le.Uint32(img[24:]), le.Uint32(img[28:])})
	require.Equal(t, r.st(0), getF80(img[32:]))
	require.Equal(t, f80One, getF80(img[48:]))
	for i := range 16 {
		require.Equal(t, r.XMM[i], [2]uint64{le.Uint64(img[160+16*i:]), le.Uint64(img[168+16*i:])})
	}
	require.Equal(t, ^uint64(0), le.Uint64(img[416:]), "the rest is left alone")

	require.Equal(t, -1, r.Exec("48"+xFXSAVE))
	require.Equal(t, []uint64{0x1122334455667788, 0x99aabbccddeeff00}, []uint64{le.Uint64(img[8:]), le.Uint64(img[16:])})

	saved := r.State
	r.FPU, r.XMM, r.MXCSR = FPU{}, [16][2]uint64{}, 0x1f80
	require.Equal(t, -1, r.Exec("48"+xFXRSTOR))
	saved.FPU.CSs, saved.FPU.DSs = 0, 0
	require.Equal(t, []any{saved.FPU.Tag, saved.FPU.SW, saved.FPU.IP, saved.FPU.DP, saved.FPU.CSs, saved.XMM, saved.MXCSR},
		[]any{r.FPU.Tag, r.FPU.SW, r.FPU.IP, r.FPU.DP, r.FPU.CSs, r.XMM, r.MXCSR})
	require.Equal(t, f80One, r.st(1))

	le.PutUint32(img[24:], 1<<16)
	r.XMM[3] = [2]uint64{77, 77}
	require.Equal(t, vecGP, r.Exec(xFXRSTOR), "reserved bit of MXCSR")
	require.Equal(t, [2]uint64{77, 77}, r.XMM[3])
	require.Equal(t, vecGP, r.Exec("0fae042508800000"), "misaligned")

	p := newRig(t, "max", 32)
	for i := range p.XMM {
		p.XMM[i] = [2]uint64{5, 5}
	}
	require.Equal(t, -1, p.Exec("0fae0500800000"))
	require.Equal(t, uint64(5), p.get(rigData+160+7*16))
	require.Zero(t, p.get(rigData+160+8*16), "eight registers outside 64-bit mode")
	p.CR4 &^= CR4OSFXSR
	p.put(rigData+160, 9)
	require.Equal(t, -1, p.Exec("0fae0500800000"))
	require.Equal(t, uint64(9), p.get(rigData+160), "the x87 part alone without CR4.OSFXSR")
}

func TestXSAVEFaults(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     func(r *rig)
		vector     int
	}{
		{"no CR4.OSXSAVE", xXSAVE, func(r *rig) { r.CR4 &^= CR4OSXSAVE }, vecUD},
		{"CR0.TS", xXSAVE, func(r *rig) { r.CR0 |= CR0TS }, vecNM},
		{"CR0.TS, XRSTOR", xXRSTOR, func(r *rig) { r.CR0 |= CR0TS }, vecNM},
		{"CR0.EM does not matter", xXSAVE, func(r *rig) { r.CR0 |= CR0EM }, -1},
		{"misaligned", "0fae242510800000", nil, vecGP},
		{"XRSTOR misaligned", "0fae2c2510800000", nil, vecGP},
		{"XSTATE_BV beyond XCR0", xXRSTOR, func(r *rig) { r.area()[512] = 4 }, vecGP},
		{"reserved header byte 16", xXRSTOR, func(r *rig) { r.area()[528] = 1 }, vecGP},
		{"reserved header byte 40 is not looked at", xXRSTOR, func(r *rig) { r.area()[552] = 1 }, -1},
		{"compacted: byte 40 is", xXRSTOR, func(r *rig) { r.put(rigData+520, xCompacted|3); r.area()[552] = 1 }, vecGP},
		{"XCOMP_BV without its top bit", xXRSTOR, func(r *rig) { r.put(rigData+520, 3) }, vecGP},
		{"XCOMP_BV beyond XCR0", xXRSTOR, func(r *rig) { r.put(rigData+520, xCompacted|7) }, vecGP},
		{"XSTATE_BV beyond XCOMP_BV", xXRSTOR, func(r *rig) { r.put(rigData+520, xCompacted|1) }, vecGP},
		{"MXCSR", xXRSTOR, func(r *rig) { r.put(rigData+24, 1<<20) }, vecGP},
		{"MXCSR not requested", xXRSTOR, func(r *rig) { r.put(rigData+24, 1<<20); r.GPR[RAX] = 1 }, -1},
		{"compacted area is fine", xXRSTOR, func(r *rig) { r.put(rigData+520, xCompacted|3) }, -1},
		{"XSAVES is not claimed", "0fc72c2500800000", nil, vecUD},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newXRig(t)
			clear(r.area())
			require.Equal(t, -1, r.Exec(xXSAVE))
			if c.change != nil {
				c.change(r)
			}
			before := r.XMM
			require.Equal(t, c.vector, r.Exec(c.code))
			require.Equal(t, before, r.XMM)
		})
	}
}

// TestXSAVEComponents: what is written for which request, and what is restored.
func TestXSAVEComponents(t *testing.T) {
	const ones = ^uint64(0)
	for _, c := range []struct {
		name, code      string
		request         uint64
		initial         bool // all state is initial
		bv, comp        uint64
		x87, mxcsr, xmm bool // written
	}{
		{"both", xXSAVE, 3, false, ones, ones, true, true, true},
		{"x87", xXSAVE, 1, false, ones, ones, true, false, false},
		{"SSE", xXSAVE, 2, false, ones, ones, false, true, true},
		{"none", xXSAVE, 0, false, ones, ones, false, false, false},
		{"beyond XCR0", xXSAVE, 0xfc, false, ones, ones, false, false, false},
		{"initial state is written too", xXSAVE, 3, true, ones &^ 3, ones, true, true, true},
		{"XSAVEOPT", xXSAVEOPT, 3, false, ones, ones, true, true, true},
		{"XSAVEOPT leaves initial state out", xXSAVEOPT, 3, true, ones &^ 3, ones, false, true, false},
		{"XSAVEC", xXSAVEC, 3, false, 3, xCompacted | 3, true, true, true},
		{"XSAVEC, x87", xXSAVEC, 1, false, 1, xCompacted | 1, true, false, false},
		{"XSAVEC, initial state", xXSAVEC, 3, true, 0, xCompacted | 3, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newXRig(t)
			r.GPR[RAX] = c.request
			if c.initial {
				r.FPU, r.XMM, r.MXCSR = FPU{CW: cwInit}, [16][2]uint64{}, 0x1f80
			}
			require.Equal(t, -1, r.Exec(c.code))
			require.Equal(t, []uint64{c.bv, c.comp}, []uint64{r.get(rigData + 512), r.get(rigData + 520)})
			require.Equal(t, []bool{c.x87, c.mxcsr, c.xmm},
				[]bool{r.get(rigData) != ones, r.get(rigData+24) != ones, r.get(rigData+160) != ones})
			require.Equal(t, ones, r.get(rigData+528), "the rest of the header")
		})
	}

	r := newXRig(t)
	clear(r.area())
	require.Equal(t, -1, r.Exec(xXSAVE))
	saved := r.State
	r.put(rigData+512, 1) // SSE is initial, but MXCSR comes from memory
	r.FPU = FPU{}
	require.Equal(t, -1, r.Exec(xXRSTOR))
	require.Equal(t, saved.FPU.SW, r.FPU.SW)
	require.Equal(t, saved.FPU.Reg[7], r.FPU.Reg[7])
	require.Equal(t, [16][2]uint64{}, r.XMM)
	require.Equal(t, uint32(0x1fa0), r.MXCSR)

	r.put(rigData+512, 2) // x87 is initial
	require.Equal(t, -1, r.Exec(xXRSTOR))
	require.Equal(t, FPU{CW: cwInit}, r.FPU)
	require.Equal(t, saved.XMM, r.XMM)

	r.put(rigData+512, 0)
	r.put(rigData+520, xCompacted|3) // compacted: MXCSR is initial with SSE
	require.Equal(t, -1, r.Exec(xXRSTOR))
	require.Equal(t, uint32(0x1f80), r.MXCSR)
	require.Equal(t, [16][2]uint64{}, r.XMM)
}
