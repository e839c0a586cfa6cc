package isa

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeFields(t *testing.T) {
	for _, c := range []struct {
		mode     Mode
		hex      string
		mnemonic string
		want     Inst // Form, ModRM and AddrSize are not compared
	}{
		{16, "00 00", "ADD", Inst{Len: 2, OpSize: 2, Seg: DS, Base: RBX, Index: RSI, Prefix: PrefixMem}},
		{16, "88 66 fe", "MOV", Inst{Len: 3, OpSize: 2, Seg: SS, Base: RBP, Index: NoReg, Disp: -2, Reg: AH, RM: 6, Prefix: PrefixMem}},
		{16, "2e 8b 0e 34 f2", "MOV", Inst{Len: 5, OpSize: 2, Seg: CS, Base: NoReg, Index: NoReg, Disp: 0xF234, Reg: RCX, RM: 6, Prefix: PrefixMem | PrefixSeg}},
		{32, "83 c0 ff", "ADD", Inst{Len: 3, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Imm: ^uint64(0)}},
		{32, "c1 e0 ff", "SHL", Inst{Len: 3, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Imm: 0xFF, Reg: 4}},
		{32, "66 9a 34 12 78 56", "CALLF", Inst{Len: 6, OpSize: 2, Seg: DS, Base: NoReg, Index: NoReg, Imm: 0x1234, Imm2: 0x5678, Prefix: Prefix66}},
		{32, "c8 34 f2 05", "ENTER", Inst{Len: 4, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Imm: 0xF234, Imm2: 5}},
		{64, "48 b8 01 02 03 04 05 06 07 88", "MOV", Inst{Len: 10, OpSize: 8, Seg: DS, Base: NoReg, Index: NoReg, Imm: 0x8807060504030201, Prefix: PrefixREX}},
		{64, "40 88 e0", "MOV", Inst{Len: 3, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Reg: RSP, Prefix: PrefixREX}},
		{64, "88 e0", "MOV", Inst{Len: 2, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Reg: AH}},
		{64, "48 8b 05 fc ff ff ff", "MOV", Inst{Len: 7, OpSize: 8, Seg: DS, Base: NoReg, Index: NoReg, Disp: -4, RM: 5, Prefix: PrefixREX | PrefixMem | PrefixRIP}},
		{64, "4b 8b 44 ec 08", "MOV", Inst{Len: 5, OpSize: 8, Seg: DS, Base: R12, Index: R13, Scale: 3, Disp: 8, RM: 4, Prefix: PrefixREX | PrefixMem}},
		{64, "66 e8 01 02 03 84", "CALL", Inst{Len: 6, OpSize: 8, Seg: DS, Base: NoReg, Index: NoReg, Imm: 0xFFFFFFFF84030201, Prefix: Prefix66}},
		{64, "66 50", "PUSH", Inst{Len: 2, OpSize: 2, Seg: DS, Base: NoReg, Index: NoReg, Prefix: Prefix66}},
		{64, "41 50", "PUSH", Inst{Len: 2, OpSize: 8, Seg: DS, Base: NoReg, Index: NoReg, RM: R8, Prefix: PrefixREX}},
		{64, "41 90", "XCHG", Inst{Len: 2, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, RM: R8, Prefix: PrefixREX}},
		{64, "f3 90", "PAUSE", Inst{Len: 2, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Prefix: PrefixRep}},
		{64, "64 a4", "MOVSB", Inst{Len: 2, OpSize: 4, Seg: FS, Base: RSI, Index: NoReg, Prefix: PrefixMem | PrefixSeg}},
		{64, "2e f3 48 ab", "STOS", Inst{Len: 4, OpSize: 8, Seg: ES, Base: RDI, Index: NoReg, Prefix: PrefixMem | PrefixRep | PrefixREX}},
		{64, "48 66 89 c0", "MOV", Inst{Len: 4, OpSize: 2, Seg: DS, Base: NoReg, Index: NoReg, Prefix: Prefix66}},
		{64, "44 0f 20 c0", "MOV", Inst{Len: 4, OpSize: 8, Seg: DS, Base: NoReg, Index: NoReg, Reg: 8, Prefix: PrefixREX}},
		{32, "0f 20 00", "MOV", Inst{Len: 3, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg}},
		{32, "a1 04 03 02 81", "MOV", Inst{Len: 5, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, Disp: 0x81020304, Prefix: PrefixMem}},
		{32, "f3 0f bc c1", "TZCNT", Inst{Len: 4, OpSize: 4, Seg: DS, Base: NoReg, Index: NoReg, RM: 1, Prefix: PrefixRep}},
		{64, "48 0f c7 0e", "CMPXCHG16B", Inst{Len: 4, OpSize: 8, Seg: DS, Base: RSI, Index: NoReg, RM: 6, Reg: 1, Prefix: PrefixREX | PrefixMem}},
	} {
		t.Run(c.hex, func(t *testing.T) {
			var in Inst
			require.NoError(t, Decode(unhex(t, c.hex), c.mode, &in))
			require.Equal(t, c.mnemonic, Forms[in.Form].Mnemonic)
			c.want.Form, c.want.ModRM, c.want.AddrSize = in.Form, in.ModRM, in.AddrSize
			require.Equal(t, c.want, in)
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		hex  string
		err  error
		len  uint8
	}{
		{32, "", ErrTruncated, 0},
		{32, "66", ErrTruncated, 1},
		{32, "81 c0 01 02 03", ErrTruncated, 5},
		{64, "06", ErrInvalid, 1},
		{32, "8e c8", ErrInvalid, 2},                // MOV CS
		{32, "8e f8", ErrInvalid, 2},                // segment register 7
		{32, "0f 22 c8", ErrInvalid, 3},             // CR1
		{32, "f0 01 c8", ErrInvalid, 3},             // LOCK with a register
		{32, "f0 39 08", ErrInvalid, 3},             // LOCK CMP
		{32, "f0 81 38 00 01 02 03", ErrInvalid, 7}, // consumed to the end
		{32, "0f c7 c8", ErrInvalid, 3},             // CMPXCHG8B with a register
		{32, "8d c0", ErrInvalid, 2},                // LEA with a register
		{32, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", ErrTooLong, 15},
		{32, "66 66 66 66 66 66 66 66 66 66 66 66 66 81 c0 00 00", ErrTooLong, 15},
	} {
		t.Run(c.hex, func(t *testing.T) {
			var in Inst
			require.ErrorIs(t, Decode(unhex(t, c.hex), c.mode, &in), c.err)
			require.Equal(t, c.len, in.Len)
			require.Zero(t, in.Form)
		})
	}
}
