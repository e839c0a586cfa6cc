package machine

import (
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// failing is a folder whose operation number at fails.
type failing struct {
	hostDir
	at, n int
	err   error
	what  string
}

func (d *failing) step(what string) error {
	d.n++
	if d.n == d.at {
		d.what = what
		return d.err
	}
	return nil
}

type failingFile struct {
	snapFile
	d *failing
}

func (d *failing) CreateTemp(dir, pattern string) (snapFile, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	f, err := d.hostDir.CreateTemp(dir, pattern)
	return &failingFile{f, d}, err
}

func (d *failing) Rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	return d.hostDir.Rename(from, to)
}

func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.d.step("write"); err != nil {
		n, _ := f.snapFile.Write(p[:len(p)/2]) // a full disk takes what it can
		return n, err
	}
	return f.snapFile.Write(p)
}

func (f *failingFile) Sync() error {
	if err := f.d.step("sync"); err != nil {
		return err
	}
	return f.snapFile.Sync()
}

func (f *failingFile) Chmod(mode fs.FileMode) error {
	if err := f.d.step("chmod"); err != nil {
		return err
	}
	return f.snapFile.Chmod(mode)
}

func (f *failingFile) Close() error {
	err := f.d.step("close")
	if e := f.snapFile.Close(); err == nil {
		err = e
	}
	return err
}

func status(t *testing.T, err error) int {
	t.Helper()
	var ce *ConfigError
	require.ErrorAs(t, err, &ce)
	require.NotContains(t, err.Error(), "\n")
	return ce.Status
}

// noise fills memory with what does not compress, so that a save takes several
// writes.
func noise(m *Machine) {
	x := uint32(1)
	for i := 1 << 20; i < len(m.ram); i++ {
		x = x*1664525 + 1013904223
		m.ram[i] = byte(x >> 24)
	}
}

func TestFailedSaveLosesNothing(t *testing.T) {
	m := build(t, small(Config{}))
	m.RunUntil(100_000)
	noise(m)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	seen := map[string]int{}
	for at := 1; ; at++ {
		m.RunUntil(m.Count() + 1000)
		before := m.StateHash()
		d := &failing{at: at, err: &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}}
		err := m.saveSnapshot(d, path)
		if d.n < at {
			require.NoError(t, err)
			break
		}
		seen[d.what]++
		require.Equal(t, StatusHost, status(t, err), d.what)
		require.Contains(t, err.Error(), "no space left")
		require.Contains(t, err.Error(), path)
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, old, now, "%s: the old file is as it was", d.what)
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, list, 1, "%s: nothing is left behind", d.what)
		require.Equal(t, before, m.StateHash())
		_, ended := m.RunUntil(m.Count() + 1000)
		require.False(t, ended, "the guest goes on")
	}
	require.Greater(t, seen["write"], 3)
	for _, what := range []string{"create", "chmod", "sync", "close", "rename"} {
		require.Equal(t, 1, seen[what], what)
	}
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Verify())
}

func TestSaveToNowhere(t *testing.T) {
	m := build(t, small(Config{}))
	dir := t.TempDir()
	err := m.SaveSnapshot(filepath.Join(dir, "none", "m.snap"))
	require.Equal(t, StatusConfig, status(t, err))
	require.Contains(t, err.Error(), "does not exist; make it first")
	err = m.SaveSnapshot(dir)
	require.Equal(t, StatusConfig, status(t, err))
	require.Contains(t, err.Error(), "is a directory")
}

// refused checks that a file is refused by everything that reads snapshots, and
// that a machine that was to load it is as before.
func refused(t *testing.T, m *Machine, path string) error {
	t.Helper()
	before := m.StateHash()
	err := m.LoadSnapshot(path)
	require.Error(t, err)
	require.Equal(t, StatusConfig, status(t, err))
	require.Contains(t, err.Error(), path)
	require.Equal(t, before, m.StateHash(), "nothing is half-loaded")
	s, e := OpenSnapshot(path)
	if e == nil {
		defer s.Close()
		require.Error(t, s.Verify())
		var r *Machine
		r, e = Restore(s, Config{})
		require.Nil(t, r)
	}
	require.Equal(t, err.Error(), e.Error())
	return err
}

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	disk := file(t, "disk.img", make([]byte, 1<<20)) + ",snapshot=on"
	m := build(t, small(Config{Kernel: file(t, "ap", apKernel()), CPUs: 2, Disks: []string{disk}}))
	m.RunUntil(100_000)
	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	bad := filepath.Join(t.TempDir(), "bad.snap")
	write := func(b []byte) { require.NoError(t, os.WriteFile(bad, b, 0o600)) }
	flip := func(at int64) {
		b := append([]byte(nil), good...)
		b[at] ^= 0x40
		write(b)
	}

	names := map[string]bool{}
	for i := range s.list {
		x := &s.list[i]
		names[x.name] = true
		flip(x.at + int64(x.stored)/2)
		require.ErrorContains(t, refused(t, m, bad), "section "+x.label()+" has a wrong checksum")
		flip(x.at - sectionHeader + int64(i)%sectionHeader)
		require.ErrorContains(t, refused(t, m, bad), "wrong checksum")
	}
	for _, n := range []string{"info", "cpu", "clock", "machine", "ram", "disk", "file", "dev.pic", "dev.vga"} {
		require.True(t, names[n], n)
	}
	for at := range int64(fileHeader) {
		flip(at)
		refused(t, m, bad)
	}
	for at := int64(len(good)) - sectionHeader; at < int64(len(good)); at += 7 {
		flip(at)
		require.ErrorContains(t, refused(t, m, bad), "wrong checksum")
	}

	for n := 0; n < len(good); n += 1 + len(good)/97 {
		write(good[:n])
		refused(t, m, bad)
	}
	write(good[:len(good)-sectionHeader])
	require.ErrorContains(t, refused(t, m, bad), "cut off")
	write(append(good[:len(good):len(good)], 0))
	require.ErrorContains(t, refused(t, m, bad), "1 bytes follow its end")

	newer := append([]byte(nil), good...)
	le.PutUint32(newer[8:], snapVersion+1)
	le.PutUint32(newer[12:], crc32.Checksum(newer[:12], castagnoli))
	write(newer)
	require.ErrorContains(t, refused(t, m, bad), "has format 2")
	require.NoError(t, m.LoadSnapshot(path), "the good one still loads")
}

// sections rewrites a snapshot with other sections.
func rewrite(t *testing.T, from, to string, change func(name string, place uint64, data []byte) (string, []byte)) {
	t.Helper()
	s, err := OpenSnapshot(from)
	require.NoError(t, err)
	defer s.Close()
	f, err := os.Create(to)
	require.NoError(t, err)
	defer f.Close()
	w := snapWriter{f}
	require.NoError(t, w.start())
	for i := range s.list {
		x := &s.list[i]
		data, err := x.data(s.file, nil)
		require.NoError(t, err)
		if name, data := change(x.name, x.place, data); name != "" {
			require.NoError(t, w.put(name, x.place, data))
		}
	}
	require.NoError(t, w.end())
}

// TestUnfitSections: files with sound checksums that were not written by savevm
// as it is. What is loaded before the unfit part must not stay.
func TestUnfitSections(t *testing.T) {
	m := build(t, small(Config{CPUs: 2}))
	m.RunUntil(50_000)
	good, bad := filepath.Join(t.TempDir(), "good.snap"), filepath.Join(t.TempDir(), "bad.snap")
	require.NoError(t, m.SaveSnapshot(good))
	m.RunUntil(200_000)
	list := map[string]bool{}
	rewrite(t, good, bad, func(name string, _ uint64, data []byte) (string, []byte) { list[name] = true; return name, data })
	require.Greater(t, len(list), 20)
	before := m.StateHash()
	for name := range list {
		for what, change := range map[string]func([]byte) []byte{
			"missing":   func(b []byte) []byte { return nil },
			"short":     func(b []byte) []byte { return b[:len(b)-1] },
			"long":      func(b []byte) []byte { return append(b, 0) },
			"foreign":   func(b []byte) []byte { b[0] ^= 1; return b },
			"saturated": func(b []byte) []byte { return append(b[:8:8], []byte(strings.Repeat("\xff", len(b)-8))...) },
		} {
			if name == sectRAM && (what == "missing" || what == "foreign" || what == "saturated") {
				continue // any contents will do
			}
			rewrite(t, good, bad, func(n string, _ uint64, data []byte) (string, []byte) {
				if n == name {
					if data = change(data); data == nil {
						return "", nil
					}
				}
				return n, data
			})
			err := m.LoadSnapshot(bad)
			if what == "saturated" && err == nil {
				if strings.HasPrefix(name, sectDevice) { // a state that a guest might have programmed
					m.RunUntil(m.Count() + 20_000)
				}
				require.NoError(t, m.LoadSnapshot(good))
				m.RunUntil(200_000)
				continue
			}
			require.Error(t, err, "%s %s", name, what)
			require.Equal(t, StatusConfig, status(t, err), "%s %s", name, what)
			require.Equal(t, before, m.StateHash(), "%s %s", name, what)
			if s, err := OpenSnapshot(bad); err == nil && what != "long" { // a new machine for each takes time
				r, err := Restore(s, Config{})
				require.Error(t, err, "%s %s", name, what)
				require.Nil(t, r)
				require.NoError(t, s.Close())
			}
		}
	}
	rewrite(t, good, bad, func(n string, _ uint64, data []byte) (string, []byte) {
		if n == "dev.lpt1" {
			n = "novelty"
		}
		return n, data
	})
	require.ErrorContains(t, m.LoadSnapshot(bad), `holds "novelty", which this g86`)
}

func TestNoSnapshots(t *testing.T) {
	m := build(t, small(Config{}))
	for name, path := range map[string]string{
		"not a snapshot":   file(t, "text", []byte(strings.Repeat("text", 100))),
		"not a snapshot; ": file(t, "empty", nil),
		"no such file":     "/nonexistent.snap",
		"is not a regular": t.TempDir(),
	} {
		err := m.LoadSnapshot(path)
		require.ErrorContains(t, err, strings.TrimSuffix(name, "; "))
		require.Equal(t, StatusConfig, status(t, err))
	}
}

// TestFileChangesWhileMemoryIsRead: memory is read when the guest wants it; a
// file that was spoiled meanwhile ends the run with the host's status.
func TestFileChangesWhileMemoryIsRead(t *testing.T) {
	m := build(t, small(Config{Floppies: []string{bootFloppy(t, cat([]byte{0xfa}, spin)...) + ",readonly=on"}}))
	m.RunUntil(1000)
	noise(m)
	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	r := build(t, small(Config{Floppies: m.cfg.Floppies}))
	require.NoError(t, r.startLazy(s))
	var got, want [4096]byte
	r.ReadPhys(2<<20, got[:])
	m.ReadPhys(2<<20, want[:])
	require.Equal(t, want, got, "read when it is wanted")
	require.False(t, r.lazy.chunks[3].done.Load())
	require.NoError(t, os.Truncate(path, 100<<10))
	r.ReadPhys(3<<20, got[:])
	res, ended := r.RunUntil(r.Count() + 100)
	require.True(t, ended)
	require.Equal(t, StatusHost, res.Status)
	require.Contains(t, res.Reason, "changed while the guest was running from it")
	require.Equal(t, StatusHost, status(t, r.SaveSnapshot(path)))
	fresh := build(t, small(Config{}))
	require.NoError(t, fresh.SaveSnapshot(path))
}
