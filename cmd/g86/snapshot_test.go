package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// saved runs the echo guest with two processors, saves it as name and quits.
func saved(t *testing.T, dir, name string) {
	t.Helper()
	write(t, dir, "echo", bootSector(echo...))
	r := runIn(t, dir, strings.NewReader("savevm "+name+"\nquit\n"), "run", "echo", "--monitor", "stdio", "-m", "16", "--smp", "2")
	require.Equal(t, ran{0, "", ""}, r)
}

func TestSaveAndRestore(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, "echo.snap")
	for range 2 { // a snapshot is not used up
		r := runIn(t, dir, strings.NewReader("back from the pastq"), "restore", "echo.snap", "--accel", "interp")
		require.Equal(t, ran{0, "back from the pastq", ""}, r)
	}
	r := runIn(t, dir, strings.NewReader("savevm second.snap\nquit\n"), "restore", "echo.snap", "--monitor", "stdio")
	require.Equal(t, ran{0, "", ""}, r, "a restored machine can be saved")
	r = runIn(t, dir, strings.NewReader("againq"), "restore", "second.snap")
	require.Equal(t, ran{0, "againq", ""}, r)
	r = runIn(t, dir, strings.NewReader("loadvm echo.snap\nloadvm /nonexistent\nquit\n"), "run", "echo", "--monitor", "stdio", "-m", "16", "--smp", "2")
	require.Equal(t, 4, r.status, "%+v", r)
	require.Equal(t, "g86: snapshot /nonexistent: no such file or directory; check the name\n", r.out)
	r = runIn(t, dir, strings.NewReader("loadvm echo.snap\nquit\n"), "run", "echo", "--monitor", "stdio", "-m", "32")
	require.Equal(t, 4, r.status)
	require.Contains(t, r.out, "of another machine (memory 16777216, here 33554432)")
}

func TestSnapshotInfoAndVerify(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, "echo.snap")
	r := runIn(t, dir, nil, "snapshot", "info", "echo.snap")
	require.Equal(t, 0, r.status, r.errout)
	for _, text := range []string{"16 MiB, 2 x max", filepath.Join(dir, "echo"), "SECTION", "dev.vga", "cpu                      2"} {
		require.Contains(t, r.out, text)
	}
	r = runIn(t, dir, nil, "snapshot", "info", "--json", "echo.snap")
	var info struct {
		Instructions uint64
		Machine      struct{ Memory, CPUs uint64 }
		Sections     []struct{ Name string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &info), r.out)
	require.EqualValues(t, 16<<20, info.Machine.Memory)
	require.EqualValues(t, 2, info.Machine.CPUs)
	require.Greater(t, len(info.Sections), 20)
	r = runIn(t, dir, nil, "snapshot", "verify", "echo.snap")
	require.Equal(t, 0, r.status)
	require.Contains(t, r.out, "all as they were written")

	b, err := os.ReadFile(filepath.Join(dir, "echo.snap"))
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	write(t, dir, "bad.snap", b)
	write(t, dir, "cut.snap", b[:len(b)/3])
	write(t, dir, "text", []byte("this is no snapshot"))
	for args, text := range map[string]string{
		"snapshot verify bad.snap": "wrong checksum",
		"restore bad.snap":         "wrong checksum",
		"restore cut.snap":         "cut off",
		"snapshot info cut.snap":   "cut off",
		"snapshot info text":       "not a snapshot",
		"restore text":             "not a snapshot",
		"restore .":                "is not a regular file",
		"restore none":             "no such file",
	} {
		r := runIn(t, dir, nil, strings.Fields(args)...)
		require.Equal(t, 4, r.status, args)
		require.Empty(t, r.out, args)
		require.Contains(t, r.errout, text, args)
		oneLineOnly(t, r.errout)
	}
	for _, args := range []string{"restore", "restore a b", "snapshot", "snapshot info", "snapshot verify", "snapshot frob echo.snap", "restore echo.snap -m 32",
		"restore echo.snap --disk x"} {
		r := runIn(t, dir, nil, strings.Fields(args)...)
		require.Equal(t, 2, r.status, args)
		oneLineOnly(t, r.errout)
	}
}

// TestKilledWhileSaving: kill -9 in the middle of a save leaves a whole snapshot
// under the name, the one before or the new one.
func TestKilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, "echo.snap")
	for i := range 6 {
		s := start(t, dir, nil, "restore", "echo.snap", "--serial", "none", "--monitor", "unix:mon")
		c := dial(t, filepath.Join(dir, "mon"))
		mon := &asker{c, bufio.NewReader(c)}
		mon.answer(t)
		require.Empty(t, mon.ask(t, "savevm echo.snap"))
		_, err := io.WriteString(mon, strings.Repeat("savevm echo.snap\n", 50))
		require.NoError(t, err)
		time.Sleep(time.Duration(i) * 7 * time.Millisecond)
		require.NoError(t, s.Process.Kill())
		<-s.done
		r := runIn(t, dir, nil, "snapshot", "verify", "echo.snap")
		require.Equal(t, 0, r.status, r.errout)
	}
	r := runIn(t, dir, strings.NewReader("aliveq"), "restore", "echo.snap")
	require.Equal(t, ran{0, "aliveq", ""}, r)
}

func TestClone(t *testing.T) {
	dir := t.TempDir()
	// Waits for time to pass, says so and powers off.
	write(t, dir, "guest", bootSector(join([]byte{0xfb, 0xb9, 0x05, 0x00, 0xf4, 0xe2, 0xfd}, say("done"), powerOff)...)) // sti; mov cx,5; hlt; loop
	r := runIn(t, dir, strings.NewReader("savevm guest.snap\nquit\n"), "run", "guest,readonly=on", "--monitor", "stdio", "-m", "16")
	require.Equal(t, ran{0, "", ""}, r)
	r = runIn(t, dir, nil, "clone", "guest.snap", "-n", "4", "--serial", "file:%d.log", "--timeout", "60s")
	require.Equal(t, 0, r.status, r.errout)
	for i, name := range []string{"0.log", "1.log", "2.log", "3.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, "done", string(b))
		require.Contains(t, r.out, "clone "+string(rune('0'+i))+": power off, status 0\n")
	}
	for args, status := range map[string]int{
		"clone guest.snap": 2, "clone -n 2": 2, "clone guest.snap -n 0": 2, "clone guest.snap -n x": 2, "clone guest.snap -n 2 --serial stdio": 2,
		"clone guest.snap -n 2 --serial file:x": 2, "clone none -n 2": 4, "clone guest -n 2": 4, "clone guest.snap -n 2 --serial file:none/%d": 4,
	} {
		r := runIn(t, dir, nil, strings.Fields(args)...)
		require.Equal(t, status, r.status, "%s: %+v", args, r)
		oneLineOnly(t, r.errout)
	}
}
