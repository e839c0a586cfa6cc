package isa

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableInvariants(t *testing.T) {
	seen := map[string]string{}
	for i := 1; i < len(Forms); i++ {
		f := &Forms[i]
		name := f.Mnemonic + " " + f.Args + " " + f.Enc
		require.Equal(t, ID(i), f.ID)
		require.Less(t, f.Feature, NumFeatures, name)
		require.NotEqual(t, No64|Only64, f.Attr&(No64|Only64), name)
		require.NotEqual(t, Def64|Force64, f.Attr&(Def64|Force64), name)

		key := f.Enc
		if f.Attr&Only64 != 0 {
			key += " only64"
		}
		for _, op := range f.Operands() { // forms told apart by mod are told apart by their operands
			switch op.Method {
			case 'M', 'U', 'R':
				key += " " + string(op.Method)
			}
		}
		require.Empty(t, seen[key], "%s and %s have one encoding", name, seen[key])
		seen[key] = name

		usesMMX, usesXMM := false, false
		for _, op := range f.Operands() {
			usesMMX = usesMMX || strings.ContainsRune("PQN", rune(op.Method))
			usesXMM = usesXMM || strings.ContainsRune("VWU", rune(op.Method))
		}
		require.Equal(t, usesXMM || strings.HasSuffix(f.Mnemonic, "MXCSR"), f.Attr&SSECheck != 0, name)
		require.Equal(t, usesMMX || f.Mnemonic == "EMMS", f.Attr&MMXCheck != 0, name)
		if f.Attr&MMXCheck != 0 {
			require.NotZero(t, f.Attr&FPUCheck, name)
		}
		if strings.HasPrefix(f.Mnemonic, "F") && f.Mnemonic != "FWAIT" {
			require.NotZero(t, f.Attr&FPUCheck, name)
		}
		if f.Attr&Lock != 0 {
			require.NotZero(t, f.enc.mod&modMem, name)
			require.Contains(t, "EM", string(f.Operands()[0].Method), name)
		}
		if f.Attr&Align16 != 0 {
			require.NotZero(t, f.enc.mod&modMem, name)
			require.NotContains(t, []string{"ss", "sd", "d", "q"}, f.Operands()[len(f.Operands())-1].Size, name)
		}
		require.Zero(t, (f.Flags.Written|f.Flags.Undefined|f.Flags.Tested)&^everything, name)
	}
}

// Every form is reached: its own encoding, spelled out, decodes to it.
func TestEveryFormDecodes(t *testing.T) {
	for i := 1; i < len(Forms); i++ {
		f := &Forms[i]
		mode := Mode(64)
		if f.Attr&No64 != 0 {
			mode = 32
		}
		code := sample(f)
		var in Inst
		require.NoError(t, Decode(code, mode, &in), "%s %s: % x", f.Mnemonic, f.Enc, code)
		require.Equal(t, f.ID, in.Form, "%s %s: % x is %s %s", f.Mnemonic, f.Enc, code, Forms[in.Form].Mnemonic, Forms[in.Form].Enc)
		require.NotContains(t, Disasm(&in, 0, mode), "?", f.Enc)
	}
}

// sample assembles one instance of a form, with padding behind it.
func sample(f *Form) []byte {
	var code []byte
	e := &f.enc
	pfx := pfxNone
	for e.pfx>>pfx&1 == 0 {
		pfx++
	}
	reg := e.reg
	if reg < 0 {
		reg = 4 // a segment, control and debug register, and no hint with a row of its own
	}
	modrm := byte(reg<<3 | max(e.rm, 0))
	if e.mod&modMem == 0 {
		modrm |= 0xC0
	}
	if e.vex() {
		w := byte(0)
		if e.w == 1 {
			w = 0x80
		}
		code = append(code, 0xC4, 0xE0|byte(e.page-mapVEX0F+1), w|0x78|[numPfx]byte{0, 1, 2, 3}[pfx])
	} else {
		if b := [numPfx]byte{0, 0x66, 0xF3, 0xF2}[pfx]; b != 0 {
			code = append(code, b)
		}
		if e.w == 1 {
			code = append(code, 0x48)
		}
		code = append(code, [4][]byte{nil, {0x0F}, {0x0F, 0x38}, {0x0F, 0x3A}}[e.page]...)
	}
	code = append(code, e.opcode)
	if f.Mnemonic == "XCHG" && e.plusR {
		code[len(code)-1]++ // 90 itself is NOP
	}
	if e.modrm {
		code = append(code, modrm)
	}
	return append(code, make([]byte, 10)...)
}

func TestLegacyForms(t *testing.T) {
	for _, c := range []struct{ mnemonic, older string }{
		{"TZCNT", "BSF"}, {"LZCNT", "BSR"}, {"PAUSE", "NOP"}, {"ENDBR64", "NOP"},
	} {
		f := Forms[ByMnemonic[c.mnemonic][0]]
		require.Equal(t, c.older, Forms[f.Legacy].Mnemonic)
		require.Equal(t, f.enc.opcode, Forms[f.Legacy].enc.opcode)
	}
	require.Zero(t, Forms[ByMnemonic["POPCNT"][0]].Legacy)
}

func TestMalformedRowsAreRefused(t *testing.T) {
	for _, c := range []struct {
		form Form
		want string
	}{
		{row("X", "00", "Eb", I86, 0, noFlags), "without a ModRM byte"},
		{row("X", "00 /r ib", "Eb", I86, 0, noFlags), "immediates"},
		{row("X", "00 /r", "Eb,Ib", I86, 0, noFlags), "immediates"},
		{row("X", "zz", "", I86, 0, noFlags), "token"},
		{row("X", "00 /r", "Kb", I86, 0, noFlags), "operand"},
		{row("X", "0F 01 08", "", I86, 0, noFlags), "fixed ModRM"},
		{row("X", "52+r", "Zv", I86, 0, noFlags), "register bits"},
		{row("X", "00 /r mod3", "Mb", I86, 0, noFlags), "neither"},
		{row("X", "VEX.LZ.0F38 F2 /r", "Gy,Ey", I86, 0, noFlags), "VEX without prefix"},
	} {
		require.ErrorContains(t, c.form.parse(), c.want, c.form.Enc)
	}
}

func TestAmbiguousRowsAreRefused(t *testing.T) {
	entry := func(encs ...string) func() {
		return func() {
			var fs []*Form
			for _, e := range encs {
				f := row(e, e, "", I86, 0, noFlags)
				require.NoError(t, f.parse())
				fs = append(fs, &f)
			}
			newOpEntry(fs)
		}
	}
	saved := cells
	defer func() { cells = saved }()
	require.Panics(t, entry("0F 04 /1", "0F 04 /1"))
	require.Panics(t, entry("0F 04 /1", "0F 04 /r mod3"))
	require.Panics(t, entry("0F 04 /1", "0F 04"))
	require.NotPanics(t, entry("0F 04 /r", "0F 04 /1", "F3 0F 04 /1"))
}
