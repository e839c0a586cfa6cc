package isa

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRows(t *testing.T) {
	rows := Rows(func(f *Form) bool { return f.Mnemonic == "ADC" && f.Args == "Ev,Ibs" })
	require.Len(t, rows, 1)
	j, err := json.Marshal(rows[0])
	require.NoError(t, err)
	rows[0].ID = 0
	require.Equal(t, Row{
		Mnemonic: "ADC", Encoding: "83 /2 ib", Operands: "Ev,Ibs", Feature: "8086", Attrs: []string{"lock"},
		Tested: "C", Written: "OSZAPC",
	}, rows[0])
	require.Contains(t, string(j), `"flags_written":"OSZAPC"`)
	require.Len(t, Rows(nil), len(Forms)-1)

	var b strings.Builder
	require.NoError(t, WriteRows(&b, rows))
	require.Equal(t, 2, strings.Count(b.String(), "\n"))
	require.Contains(t, b.String(), "83 /2 ib")
}

func TestNamesAreComplete(t *testing.T) {
	require.Equal(t, MMXCheck, Attr(1)<<(len(attrNames)-1))
	for f := range NumFeatures {
		require.NotEmpty(t, f.String())
	}
	require.Equal(t, "D+iopl", FlagString(DF|IOPL))
}

func TestCoverage(t *testing.T) {
	adc := ByMnemonic["ADC"]
	forms, done := 0, 0
	for _, c := range Coverage(func(id ID) bool { return id >= adc[0] && id <= adc[len(adc)-1] }) {
		forms, done = forms+c.Forms, done+c.Done
		require.Len(t, c.Missing, c.Forms-c.Done)
		if c.Feature == "MOVBE" {
			require.Equal(t, []string{"MOVBE Gv,Mv (NFx 0F 38 F0 /r)", "MOVBE Mv,Gv (NFx 0F 38 F1 /r)"}, c.Missing)
		}
	}
	require.Equal(t, len(Forms)-1, forms)
	require.Equal(t, len(adc), done)
}
