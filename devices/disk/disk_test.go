package disk

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/snap"
)

func file(t *testing.T, size int) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "a.img")
	require.NoError(t, os.WriteFile(p, bytes.Repeat([]byte{0xa5}, size), 0o644))
	return p
}

func open(t *testing.T, path string, o Options) *Image {
	t.Helper()
	m, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, path string
		o          Options
		want       []string
	}{
		{"missing", filepath.Join(dir, "no.img"), Options{}, []string{"no.img", "does not exist"}},
		{"below a file", filepath.Join(file(t, 512), "x"), Options{}, []string{"cannot be used"}},
		{"directory", dir, Options{}, []string{"is a directory"}},
		{"device", os.DevNull, Options{}, []string{"neither a file nor a block device"}},
		{"no name", "", Options{}, []string{"file name is missing"}},
		{"empty disk", file(t, 0), Options{}, []string{"is empty", "truncate"}},
		{"empty CD", file(t, 0), Options{Media: CDROM}, []string{"CD image", "is empty", "ISO"}},
		{"odd disk", file(t, 1000), Options{}, []string{"1000 bytes", "512-byte", "1024"}},
		{"odd CD", file(t, 2048+512), Options{Media: CDROM}, []string{"2048-byte", "4096"}},
		{"large floppy", file(t, maxFloppy+512), Options{Media: Floppy}, []string{"too large for a floppy"}},
		{"format", file(t, 512), Options{Format: "qcow2"}, []string{"qcow2", "convert it to raw"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.path, c.o)
			require.Error(t, err)
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestOpenWithoutRights(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read and write everything")
	}
	p := file(t, 512)
	require.NoError(t, os.Chmod(p, 0o444))
	_, err := Open(p, Options{})
	require.ErrorContains(t, err, "snapshot=on")
	require.NoError(t, os.Chmod(p, 0))
	_, err = Open(p, Options{ReadOnly: true})
	require.ErrorContains(t, err, "cannot be read")
}

func TestLocks(t *testing.T) {
	p := file(t, 512)
	w := open(t, p, Options{})
	_, err := Open(p, Options{})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, p)
	_, err = Open(p, Options{Snapshot: true})
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, w.Close())

	open(t, p, Options{Snapshot: true})
	open(t, p, Options{ReadOnly: true})
	_, err = Open(p, Options{})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, "snapshot=on")
}

func TestWriteThrough(t *testing.T) {
	p := file(t, 1024)
	m := open(t, p, Options{})
	_, err := m.WriteAt([]byte("hello"), 510)
	require.NoError(t, err)
	require.NoError(t, m.Flush())
	b, _ := os.ReadFile(p)
	require.Equal(t, "hello", string(b[510:515]))
	for _, off := range []int64{-1, 1020, 1 << 62} {
		_, err = m.WriteAt([]byte("hello"), off)
		require.ErrorContains(t, err, "outside the image")
		_, err = m.ReadAt(make([]byte, 5), off)
		require.ErrorContains(t, err, "outside the image")
	}
	require.EqualValues(t, 1024, m.Size())
}

func TestReadOnly(t *testing.T) {
	for _, o := range []Options{{ReadOnly: true}, {Media: CDROM}, {ReadOnly: true, Snapshot: true}} {
		m := open(t, file(t, 2048), o)
		require.True(t, m.ReadOnly())
		_, err := m.WriteAt([]byte{1}, 0)
		require.ErrorIs(t, err, ErrReadOnly)
	}
}

func TestSnapshotDiscardsAndSaves(t *testing.T) {
	const size = 5*blockSize + 512 // the last block is not whole
	p := file(t, size)
	before, _ := os.ReadFile(p)
	m := open(t, p, Options{Snapshot: true})
	want := bytes.Clone(before)
	for _, at := range []struct{ off, n int }{{100, 50}, {blockSize - 3, 2*blockSize + 7}, {size - 512, 512}, {4 * blockSize, 1}} {
		data := bytes.Repeat([]byte{byte(at.off + 1)}, at.n)
		_, err := m.WriteAt(data, int64(at.off))
		require.NoError(t, err)
		copy(want[at.off:], data)
	}
	got := make([]byte, size)
	_, err := m.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, want, got)
	after, _ := os.ReadFile(p)
	require.Equal(t, before, after)

	var w1, w2 snap.Writer
	m.SaveOverlay(&w1)
	m.SaveOverlay(&w2)
	require.Equal(t, w1.Bytes(), w2.Bytes())
	m2 := open(t, p, Options{Snapshot: true})
	require.NoError(t, m2.LoadOverlay(snap.NewReader(w1.Bytes())))
	_, err = m2.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, want, got)

	ro := open(t, p, Options{ReadOnly: true})
	require.ErrorContains(t, ro.LoadOverlay(snap.NewReader(w1.Bytes())), "snapshot=on")
	other := open(t, file(t, 512), Options{Snapshot: true})
	require.ErrorContains(t, other.LoadOverlay(snap.NewReader(w1.Bytes())), "512 bytes")
	require.Error(t, m2.LoadOverlay(snap.NewReader(w1.Bytes()[:100])))
}

func TestFromBytes(t *testing.T) {
	src := []byte("0123456789")
	m := FromBytes("mem", src)
	_, err := m.WriteAt([]byte("ab"), 4)
	require.NoError(t, err)
	got := make([]byte, 10)
	_, err = m.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, "0123ab6789", string(got))
	require.Equal(t, "0123456789", string(src))
}

func TestHostErrorIsReportedOnce(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	p := file(t, 4096)
	m := open(t, p, Options{ReadOnly: true})
	require.NoError(t, os.Truncate(p, 512))
	for range 3 {
		_, err := m.ReadAt(make([]byte, 512), 1024)
		require.Error(t, err)
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), p)
	require.Contains(t, log.String(), "shorter")
}

func TestShortFloppyIsFilledUp(t *testing.T) {
	p := file(t, 1024)
	m := open(t, p, Options{Media: Floppy})
	require.EqualValues(t, 1474560, m.Size())
	got := make([]byte, 1024)
	_, err := m.ReadAt(got, 512)
	require.NoError(t, err)
	require.EqualValues(t, 0xa5, got[511])
	require.EqualValues(t, 0, got[512])
	_, err = m.WriteAt([]byte{1}, 1474559)
	require.NoError(t, err)
	st, _ := os.Stat(p)
	require.EqualValues(t, 1474560, st.Size())
}

func TestParseSpec(t *testing.T) {
	for _, c := range []struct {
		spec, path string
		o          Options
		err        string
	}{
		{"a.img", "a.img", Options{}, ""},
		{"a,,b,,,snapshot=on", "a,b,", Options{Snapshot: true}, ""},
		{"a,,b,snapshot=on", "a,b", Options{Snapshot: true}, ""},
		{"a,snapshot=off,readonly=on,format=raw", "a", Options{ReadOnly: true, Format: "raw"}, ""},
		{"", "", Options{}, "file name is missing"},
		{",snapshot=on", "", Options{}, "file name is missing"},
		{"a,", "a", Options{}, "empty"},
		{"a,snapshot=on,", "a", Options{}, "empty"},
		{"a,snapshot", "a", Options{}, "snapshot=on"},
		{"a,snapshot=yes", "a", Options{}, "on or off"},
		{"a,snapshot=on,snapshot=off", "a", Options{}, "twice"},
		{"a,format=qcow2", "a", Options{}, "raw"},
		{"a,cache=none", "a", Options{}, "cache"},
	} {
		t.Run(c.spec, func(t *testing.T) {
			path, o, err := ParseSpec(c.spec)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.path, path)
			require.Equal(t, c.o, o)
		})
	}
}

func TestGeometry(t *testing.T) {
	const mib = 1 << 20
	mbr := func(head, sec, cyl int, start, n uint32) []byte {
		b := make([]byte, 512)
		b[510], b[511] = 0x55, 0xaa
		e := b[0x1be:]
		e[4], e[5], e[6], e[7] = 0x83, byte(head), byte(sec|cyl>>2&0xc0), byte(cyl)
		binary.LittleEndian.PutUint32(e[8:], start)
		binary.LittleEndian.PutUint32(e[12:], n)
		return b
	}
	for _, c := range []struct {
		name      string
		size      int64
		mbr       []byte
		ata, bios CHS
	}{
		{"tiny", 512, nil, CHS{1, 16, 63}, CHS{1, 16, 63}},
		{"100M", 100 * mib, nil, CHS{203, 16, 63}, CHS{203, 16, 63}},
		{"1G", 1024 * mib, nil, CHS{2080, 16, 63}, CHS{1024, 64, 63}.of(1024 * mib / 512)},
		{"20G", 20480 * mib, nil, CHS{16383, 16, 63}, CHS{1024, 255, 63}},
		{"partition 4/17", 100 * mib, mbr(3, 17, 99, 17, 4*17*100-17), CHS{3011, 4, 17}, CHS{1024, 4, 17}},
		{"partition 255/63", 100 * mib, mbr(254, 63, 9, 63, 255*63*10-63), CHS{203, 16, 63}, CHS{12, 255, 63}},
		{"disagreeing", 100 * mib, mbr(3, 17, 98, 17, 4*17*100-17), CHS{203, 16, 63}, CHS{203, 16, 63}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := FromBytes("m", c.mbr)
			m.size = c.size
			ata, bios := Geometry(m)
			require.Equal(t, c.ata, ata)
			require.Equal(t, c.bios, bios)
		})
	}
}

// of limits the cylinders to a disk of total sectors.
func (g CHS) of(total int64) CHS {
	g.Cylinders = int(min(int64(g.Cylinders), total/int64(g.Heads*g.Sectors)))
	return g
}

func TestFloppyFormats(t *testing.T) {
	for kib, want := range map[int64]FloppyFormat{
		160: {CHS{40, 1, 8}, 1, 2}, 360: {CHS{40, 2, 9}, 1, 2}, 720: {CHS{80, 2, 9}, 3, 2},
		1200: {CHS{80, 2, 15}, 2, 0}, 1440: {CHS{80, 2, 18}, 4, 0}, 2880: {CHS{80, 2, 36}, 5, 3},
		100: {CHS{80, 2, 18}, 4, 0}, 1500: {CHS{80, 2, 20}, 4, 0}, 2000: {CHS{80, 2, 36}, 5, 3},
	} {
		require.Equal(t, want, FloppyFormatFor(kib<<10), "%dK", kib)
	}
}
