package guests_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/firmware/direct"
	"g86/firmware/direct/directtest"
	"g86/firmware/linux"
	"g86/firmware/multiboot"
	"g86/machine/image"
	"g86/tests/guests"
)

func TestCatalogNamesAreUnique(t *testing.T) {
	names, files := map[string]bool{}, map[string]bool{}
	for _, g := range guests.Catalog {
		require.False(t, names[g.Name], g.Name)
		require.False(t, files[g.File], g.File)
		names[g.Name], files[g.File] = true, true
	}
}

func TestPathSaysWhyAGuestIsMissing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/go.mod", nil, 0o600))
	t.Chdir(dir)
	_, err := guests.Path("gnumach")
	require.ErrorContains(t, err, "run `make guests`")
	require.NoError(t, os.MkdirAll("tests/guests/cache", 0o700))
	require.NoError(t, os.WriteFile("tests/guests/cache/"+guests.MissingFile, []byte("gnumach: no network\n"), 0o600))
	_, err = guests.Path("gnumach")
	require.ErrorContains(t, err, "could not fetch it: no network")
	require.NoError(t, os.WriteFile("tests/guests/cache/gnumach", []byte("x"), 0o600))
	p, err := guests.Path("gnumach")
	require.NoError(t, err)
	require.Equal(t, "x", string(must(os.ReadFile(p))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestRealGuestsAreRecognised reads each real file with the parser that will
// boot it.
func TestRealGuestsAreRecognised(t *testing.T) {
	for _, c := range []struct {
		guest string
		kind  image.Kind
		long  bool
	}{
		{"cloud-kernel", image.BzImage, true},
		{"installer-i386-kernel", image.BzImage, false},
		{"installer-amd64-kernel", image.BzImage, true},
		{"memtest-ia32-bin", image.BzImage, false},
		{"memtest-x64-bin", image.BzImage, true},
		{"gnumach", image.Multiboot, false},
		{"grub-floppy", image.CDROM, false}, // a hybrid ISO small enough for a floppy
		{"grub-cdrom", image.CDROM, false},
		{"memtest-ia32-iso", image.CDROM, false},
		{"memtest-x64-iso", image.CDROM, false},
	} {
		t.Run(c.guest, func(t *testing.T) {
			p := guests.Need(t, c.guest)
			k, err := image.Detect(p)
			require.NoError(t, err)
			require.Equal(t, c.kind, k)
			data, err := os.ReadFile(p)
			require.NoError(t, err)
			switch k {
			case image.BzImage:
				kernel, err := linux.Parse(c.guest, data)
				require.NoError(t, err)
				require.Equal(t, c.long, kernel.Has64)
			case image.Multiboot:
				_, err := multiboot.Parse(c.guest, data)
				require.NoError(t, err)
			}
		})
	}
}

// bounded is guest memory that keeps nothing but refuses writes outside.
type bounded uint64

func (b bounded) WriteAt(p []byte, pa uint64) {
	if pa > uint64(b) || uint64(len(p)) > uint64(b)-pa {
		panic("loader wrote outside memory")
	}
}

// TestRealKernelsLoad loads each real kernel at every entry point it has.
func TestRealKernelsLoad(t *testing.T) {
	const ram = 256 << 20
	for _, c := range []struct{ kernel, initrd string }{
		{"cloud-kernel", "busybox-initrd"},
		{"installer-i386-kernel", "installer-i386-initrd"},
		{"installer-amd64-kernel", "installer-amd64-initrd"},
		{"memtest-ia32-bin", ""},
		{"memtest-x64-bin", ""},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			data, err := os.ReadFile(guests.Need(t, c.kernel))
			require.NoError(t, err)
			k, err := linux.Parse(c.kernel, data)
			require.NoError(t, err)
			p := linux.Params{Long: true, CommandLine: "console=ttyS0", E820: directtest.E820(ram)}
			if c.initrd != "" {
				p.Initrd, err = os.ReadFile(guests.Need(t, c.initrd))
				require.NoError(t, err)
			}
			for _, p.Protocol = range []linux.Protocol{linux.Auto, linux.Boot16, linux.Boot32} {
				e, err := k.Load(bounded(ram), p)
				require.NoError(t, err)
				switch {
				case p.Protocol == linux.Boot16:
					require.Equal(t, direct.Real16, e.Mode)
				case p.Protocol == linux.Auto && k.Has64:
					require.Equal(t, direct.Long64, e.Mode)
				default:
					require.Equal(t, direct.Prot32, e.Mode)
				}
			}
		})
	}
}

func TestRamdiskIsReproducibleAndHoldsInit(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, guests.WriteRamdisk(&a, []byte("busybox")))
	require.NoError(t, guests.WriteRamdisk(&b, []byte("busybox")))
	require.Equal(t, a.Bytes(), b.Bytes())
	z, err := gzip.NewReader(&a)
	require.NoError(t, err)
	archive, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(archive), guests.ShellReady))
	require.Contains(t, string(archive), "bin/poweroff\x00")
}
