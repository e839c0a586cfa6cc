package isa

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func BenchmarkDecode(b *testing.B) {
	code := unhex(b, "4889e5 8b4510 48895c2408 0f84aabbccdd e8aabbccdd 83c001 66894304 c3 4c8d0d00112233 f3a4 85c0 41b8deadbeef")
	var in Inst
	n := 0
	for b.Loop() {
		for p := 0; p < len(code); {
			if err := Decode(code[p:], 64, &in); err != nil {
				b.Fatal(err)
			}
			p += int(in.Len)
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/inst")
}
