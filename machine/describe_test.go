package machine

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/firmware/acpi"
)

// TestLoaderScriptMakesTables runs the linker/loader script as firmware does
// and compares with the tables made for that address in the first place.
func TestLoaderScriptMakesTables(t *testing.T) {
	const base = 0x1fe0000
	tables, rsdp, script := acpiFiles(3)
	files := map[string][]byte{tablesFile: tables, rsdpFile: rsdp}
	where := map[string]uint64{tablesFile: base, rsdpFile: 0xf1000}
	allocated := map[string]bool{}
	name := func(b []byte) string { return string(bytes.TrimRight(b[:loaderName], "\x00")) }
	require.Zero(t, len(script)%loaderEntry)
	for ; len(script) > 0; script = script[loaderEntry:] {
		f := script[4:loaderEntry]
		switch le.Uint32(script) {
		case loaderAllocate:
			allocated[name(f)] = true
		case loaderAddPointer:
			dst, src := name(f), name(f[loaderName:])
			require.True(t, allocated[dst] && allocated[src])
			at, size := le.Uint32(f[2*loaderName:]), f[2*loaderName+4]
			var v [8]byte
			copy(v[:size], files[dst][at:])
			le.PutUint64(v[:], le.Uint64(v[:])+where[src])
			copy(files[dst][at:], v[:size])
		case loaderAddChecksum:
			file := files[name(f)]
			at, start, n := le.Uint32(f[loaderName:]), le.Uint32(f[loaderName+4:]), le.Uint32(f[loaderName+8:])
			file[at] = 0
			var sum byte
			for _, x := range file[start : start+n] {
				sum += x
			}
			file[at] = -sum
		default:
			t.Fatalf("unknown command %d", le.Uint32(script))
		}
	}
	want := acpi.Build(acpi.Config{CPUs: 3, HPET: true, Base: base})
	require.Equal(t, want.Blob, tables)
	require.Equal(t, want.RSDP[16:20], rsdp[16:20], "the RSDT's address")
	var sum byte
	for _, x := range rsdp {
		sum += x
	}
	require.Zero(t, sum)
}
