package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const dir80286 = "../../../shared/vectors/80286"

// TestHardwareVectors runs the captures of a real 80286 on the interpreter:
// each passes, or is skipped by a named rule after it was seen to differ.
func TestHardwareVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dir80286, "*.MOO.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no vectors: %s is not there (it lies beside the repository, see README)", dir80286)
	}
	meta, err := ReadMetadata(dir80286)
	require.NoError(t, err)
	revoked, err := ReadRevoked(dir80286)
	require.NoError(t, err)

	total := Count{Skipped: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			r, err := NewRunner("max")
			for path := range work {
				var n Count
				if err == nil {
					n, err = r.RunFile(path, meta, revoked, Rules80286)
				}
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				total.Add(n)
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		work <- f
	}
	close(work)
	wg.Wait()

	var table strings.Builder
	row := func(n int, name, why string) { fmt.Fprintf(&table, "%8d  %-8s %s\n", n, name, why) }
	row(total.Passed, "passed", fmt.Sprintf("of %d in %d files", total.Tests, len(files)))
	skipped := 0
	for _, r := range Rules80286 {
		row(total.Skipped[r.Name], r.Name, r.Why)
		skipped += total.Skipped[r.Name]
		require.NotZero(t, total.Skipped[r.Name], "rule %q skips nothing: remove it", r.Name)
	}
	row(total.Revoked, "revoked", "withdrawn by the suite")
	if testing.Verbose() {
		fmt.Fprint(os.Stdout, table.String())
	}
	t.Logf("vectors by rule:\n%s", &table)
	for _, f := range total.Failed {
		t.Error(f)
	}
	require.Zero(t, total.Failures, "vectors that neither pass nor fall under a rule")
	require.Equal(t, total.Tests, total.Passed+skipped+total.Revoked)
}

// TestFlagsMask: the metadata's masks by opcode and ModRM.reg.
func TestFlagsMask(t *testing.T) {
	mask := uint16(0xffef)
	m := &Metadata{Opcodes: map[string]*Opcode{"20": {FlagsMask: &mask}, "C0": {Reg: map[string]*Opcode{"4": {FlagsMask: &mask}}}}}
	for file, want := range map[string]uint16{"00.MOO.gz": 0xffff, "20.MOO.gz": 0xffef, "C0.4.MOO.gz": 0xffef, "C0.0.MOO.gz": 0xffff} {
		require.Equal(t, want, m.FlagsMask(file), file)
	}
}
