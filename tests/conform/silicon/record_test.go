package silicon

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const recorded = "testdata/recorded.txt"

// TestRecorded runs the cases that were recorded from a processor (an AMD EPYC)
// on the interpreter, on any host.
func TestRecorded(t *testing.T) {
	f, err := os.Open(recorded)
	require.NoError(t, err)
	defer f.Close()
	g, err := NewGuest("max", recordBase)
	require.NoError(t, err)
	cases, failures, err := Replay(f, g)
	require.NoError(t, err)
	for _, l := range failures[:min(len(failures), 20)] {
		t.Error(l)
	}
	require.Empty(t, len(failures), "if the table has changed: go test ./tests/conform/silicon -run TestRecordFromHost -update on linux/amd64")
	require.Greater(t, cases, 10_000)
}

// TestRecordIsCompared: a changed digest, a form too many and one too few are
// found.
func TestRecordIsCompared(t *testing.T) {
	b, err := os.ReadFile(recorded)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(b), "\n")
	name, sums, _ := strings.Cut(lines[0], "\t")
	first := "00000000"
	if strings.HasPrefix(sums, first) {
		first = "11111111"
	}
	lines[0] = name + "\t" + first + sums[8:]
	gone, _, _ := strings.Cut(lines[1], "\t")
	lines[1] = "NOSUCH [00] 64-bit\t00000000\n"
	g, err := NewGuest("max", recordBase)
	require.NoError(t, err)
	_, failures, err := Replay(bytes.NewReader([]byte(strings.Join(lines, ""))), g)
	require.NoError(t, err)
	require.Len(t, failures, 3)
	require.Contains(t, failures[0], name+": case 0: ")
	require.Equal(t, "NOSUCH [00] 64-bit: recorded, but not in the table", failures[1])
	require.Equal(t, gone+": in the table, but not recorded", failures[2])
}
