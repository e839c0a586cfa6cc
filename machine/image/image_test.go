package image

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func with(size int, at int, magic string, more ...any) []byte {
	b := make([]byte, size)
	copy(b[at:], magic)
	for i := 0; i+1 < len(more); i += 2 {
		copy(b[more[i].(int):], more[i+1].(string))
	}
	return b
}

// multibootHeader has flags 0: ELF only.
const multibootHeader = "\x02\xb0\xad\x1b\x00\x00\x00\x00\xfe\x4f\x52\xe4"

const partition = "\x80\x00\x01\x00\x83\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00"

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		what string
		data []byte
		want Kind
	}{
		{"bzImage", with(4096, 0x1FE, "\x55\xaa\xeb\x66HdrS"), BzImage},
		{"bzImage with EFI stub", with(4096, 0, "MZ", 0x1FE, "\x55\xaa\xeb\x66HdrS"), BzImage},
		{"Multiboot ELF", with(4096, 0, "\x7fELF", 0x400, multibootHeader), Multiboot},
		{"Multiboot kludge", with(4096, 0, multibootHeader), Multiboot},
		{"El Torito", with(headSize, 0x8000, "\x01CD001", 0x8800, "\x00CD001\x01EL TORITO SPECIFICATION"), CDROM},
		{"hybrid", with(headSize, 0x8000, "\x01CD001", 0x8800, "\x00CD001\x01EL TORITO SPECIFICATION", 510, "\x55\xaa", 0x1BE, partition), CDROM},
		{"floppy", with(1440<<10, 510, "\x55\xaa"), Floppy},
		{"short floppy", with(1296384, 510, "\x55\xaa"), Floppy},
		{"one boot sector", with(512, 510, "\x55\xaa"), Floppy},
		{"disk", with(10<<20, 510, "\x55\xaa", 0x1BE, partition), Disk},
		{"small disk", with(64<<10, 510, "\x55\xaa", 0x1BE, partition), Disk},
		{"disk without partitions", with(10<<20, 510, "\x55\xaa"), Disk},
		{"GRUB floppy", with(1440<<10, 510, "\x55\xaa", 0x400, multibootHeader), Floppy},
		{"boot code where partitions would be", with(1440<<10, 510, "\x55\xaa", 0x1BE, "\x31"+partition[1:]), Floppy},
	} {
		k, err := Recognise(c.data[:min(len(c.data), headSize)], int64(len(c.data)))
		require.NoError(t, err, c.what)
		require.Equal(t, c.want, k, c.what)
	}
}

func TestRecogniseErrors(t *testing.T) {
	for _, c := range []struct {
		what string
		data []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"gzip", with(100, 0, "\x1f\x8b\x08"), "gunzip"},
		{"xz", with(100, 0, "\xfd7zXZ\x00"), "unxz"},
		{"qcow2", with(1000, 0, "QFI\xfb"), "qemu-img convert -O raw"},
		{"vmdk", with(1000, 0, "KDMV"), "qemu-img convert -O raw"},
		{"vdi", with(1000, 0, "<<< Oracle VM VirtualBox Disk Image >>>", 0x40, "\x7f\x10\xda\xbe"), "qemu-img convert -O raw"},
		{"plain ELF", with(1000, 0, "\x7fELF\x02\x01\x01"), "ELF file without a Multiboot header;"},
		{"Multiboot 2", with(1000, 0, "\x7fELF\x02\x01\x01", 0x80, "\xd6\x50\x52\xe8"), "Multiboot 2"},
		{"CD without boot record", with(headSize, 0x8000, "\x01CD001"), "without an El Torito boot record"},
		{"blank floppy", make([]byte, 1440<<10), "no boot signature"},
		{"text", []byte("hello\n"), "not recognised"},
		{"Multiboot header cut", []byte(multibootHeader[:10]), "not recognised"},
	} {
		k, err := Recognise(c.data[:min(len(c.data), headSize)], int64(len(c.data)))
		require.ErrorContains(t, err, c.want, c.what)
		require.Equal(t, Unknown, k, c.what)
		require.NotContains(t, err.Error(), "\n", c.what)
	}
}

func TestDetect(t *testing.T) {
	dir := t.TempDir()
	_, err := Detect(filepath.Join(dir, "nothing"))
	require.ErrorContains(t, err, "nothing: no such file")
	_, err = Detect(dir)
	require.ErrorContains(t, err, "is a directory")

	p := filepath.Join(dir, "disk.img")
	require.NoError(t, os.WriteFile(p, with(10<<20, 510, "\x55\xaa"), 0o600))
	k, err := Detect(p)
	require.NoError(t, err)
	require.Equal(t, Disk, k)

	require.NoError(t, os.WriteFile(p, nil, 0o600))
	_, err = Detect(p)
	require.ErrorContains(t, err, p+": the file is empty")
}

func FuzzRecognise(f *testing.F) {
	f.Add(with(600, 510, "\x55\xaa"), int64(1440<<10))
	f.Add(with(headSize, 0x8000, "\x01CD001"), int64(headSize))
	f.Add(with(600, 0, multibootHeader), int64(600))
	f.Fuzz(func(t *testing.T, head []byte, size int64) {
		k, err := Recognise(head, size)
		require.Equal(t, k == Unknown, err != nil)
		if k == Disk || k == Floppy {
			require.Equal(t, uint16(0xAA55), binary.LittleEndian.Uint16(head[510:]))
		}
	})
}
