package acpi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const base = 0x0fff0000

func TestChecksums(t *testing.T) {
	tb := Build(Config{CPUs: 2, HPET: true, Base: base})
	require.Zero(t, sum(tb.RSDP[:20]))
	require.Zero(t, sum(tb.RSDP))
	for sig, x := range tb.BySignature {
		require.Equal(t, sig, string(x[:4]))
		require.EqualValues(t, len(x), le.Uint32(x[4:]), sig)
		if sig != "FACS" { // has no checksum
			require.Zero(t, sum(x), sig)
		}
	}
}

// at is the table behind a physical address.
func at(t *testing.T, tb Tables, pa uint64) []byte {
	t.Helper()
	require.GreaterOrEqual(t, pa, uint64(base))
	x := tb.Blob[pa-base:]
	return x[:le.Uint32(x[4:])]
}

func TestPointersLeadToTables(t *testing.T) {
	tb := Build(Config{CPUs: 1, HPET: true, Base: base})
	rsdt := at(t, tb, uint64(le.Uint32(tb.RSDP[16:])))
	xsdt := at(t, tb, le.Uint64(tb.RSDP[24:]))
	require.Equal(t, "RSDT", string(rsdt[:4]))
	require.Equal(t, "XSDT", string(xsdt[:4]))
	for i, sig := range []string{"FACP", "APIC", "HPET"} {
		require.Equal(t, sig, string(at(t, tb, uint64(le.Uint32(rsdt[36+4*i:])))[:4]))
		require.Equal(t, sig, string(at(t, tb, le.Uint64(xsdt[36+8*i:]))[:4]))
	}
	f := tb.BySignature["FACP"]
	require.Equal(t, "FACS", string(at(t, tb, uint64(le.Uint32(f[36:])))[:4]))
	require.Equal(t, "DSDT", string(at(t, tb, uint64(le.Uint32(f[40:])))[:4]))
	require.Zero(t, le.Uint32(f[36:])%64, "the FACS must be 64-byte aligned")
}

func TestMADTListsProcessors(t *testing.T) {
	m := Build(Config{CPUs: 3, Base: base}).BySignature["APIC"]
	count := map[byte]int{}
	for e := m[44:]; len(e) > 0; e = e[e[1]:] {
		count[e[0]]++
	}
	require.Equal(t, map[byte]int{0: 3, 1: 1, 2: 5, 4: 1}, count)
}

func TestPkgLengthBoundaries(t *testing.T) {
	for _, n := range []int{0, 1, 62, 63, 64, 4093, 4094, 4095, 70000} {
		p := pkgLength(n)
		got := int(p[0] & 0x3f)
		if len(p) > 1 {
			got = int(p[0]&0xf) | int(p[1])<<4
		}
		if len(p) > 2 {
			got |= int(p[2]) << 12
		}
		require.Equal(t, n+len(p), got)
		require.EqualValues(t, len(p)-1, p[0]>>6)
	}
}

// TestReferenceDisassembler has Intel's iasl take every table apart and compile
// the DSDT's disassembly again.
func TestReferenceDisassembler(t *testing.T) {
	iasl, err := exec.LookPath("iasl")
	if err != nil {
		t.Skip("iasl is not installed (Debian: acpica-tools)")
	}
	dir := t.TempDir()
	for _, cpus := range []int{1, 8} {
		tb := Build(Config{CPUs: cpus, HPET: true, Base: base})
		for sig, x := range tb.BySignature {
			f := filepath.Join(dir, strings.ToLower(sig)+".aml")
			require.NoError(t, os.WriteFile(f, x, 0o600))
			out, err := exec.Command(iasl, "-d", f).CombinedOutput()
			require.NoError(t, err, "%s: %s", sig, out)
			for _, bad := range []string{"Warning", "Error", "Invalid", "exceeds"} {
				require.NotContains(t, string(out), bad, sig)
			}
		}
		// 3168: Processor is deprecated, but it is what operating systems of the board's time know.
		out, err := exec.Command(iasl, "-vw", "3168", filepath.Join(dir, "dsdt.dsl")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), " 0 Errors, 0 Warnings", "%s", out)
	}
}

// TestIRQDescriptor: the mask of a small IRQ resource has 16 bits (ACPI 6.4.2.1).
func TestIRQDescriptor(t *testing.T) {
	require.Equal(t, []byte{0x22, 0x02, 0x00}, irqNoFlags(1))
	require.Equal(t, []byte{0x22, 0x00, 0x01}, irqNoFlags(8))
	require.Equal(t, []byte{0x22, 0x00, 0x10}, irqNoFlags(12))
}
