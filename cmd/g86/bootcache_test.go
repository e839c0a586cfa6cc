package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patient gives its text when the boot is over, which shows in the cache.
type patient struct {
	text  *strings.Reader
	ready func() bool
}

func (s *patient) Read(p []byte) (int, error) {
	for end := time.Now().Add(time.Minute); !s.ready() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return s.text.Read(p)
}

func TestBootCache(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	guest := join(say("ready\n"), say("> "), echo)
	write(t, dir, "echo", bootSector(guest...))
	cached := func() []string {
		l, err := filepath.Glob(filepath.Join(dir, "cache", "g86", "boot", "*.snap"))
		require.NoError(t, err)
		return l
	}
	entries := 1
	run := func(args ...string) ran {
		in := &patient{strings.NewReader("textq"), func() bool { return len(cached()) >= entries }}
		return runIn(t, dir, in, append([]string{"run", "echo,snapshot=on", "-m", "16", "--boot-cache", "--boot-done", "> "}, args...)...)
	}
	r := run()
	require.Equal(t, 0, r.status, r.errout)
	require.Equal(t, "ready\n> textq", r.out)
	require.Contains(t, r.errout, "boot cache: kept after")
	require.Len(t, cached(), 1)
	r = run()
	require.Equal(t, 0, r.status, r.errout)
	require.Equal(t, "> textq", r.out, "it goes on behind the boot, on the console's last line")
	require.Contains(t, r.errout, "goes on after its boot")

	// Whatever the boot depends on is part of the key.
	entries = 2
	r = run("--seed", "7")
	require.Equal(t, "ready\n> textq", r.out)
	require.Len(t, cached(), 2)
	entries = 3
	write(t, dir, "echo", bootSector(join(say("again\n"), say("> "), echo)...))
	r = run()
	require.Equal(t, "again\n> textq", r.out, "the image was changed")
	require.Len(t, cached(), 3)

	// A damaged entry is no harm.
	for _, p := range cached() {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		b[len(b)/2] ^= 1
		require.NoError(t, os.WriteFile(p, b, 0o600))
	}
	r = run()
	require.Equal(t, 0, r.status)
	require.Equal(t, "again\n> textq", r.out)
	require.Contains(t, r.errout, "has a wrong checksum")
}

// TestBootCacheWhenIdle: without a text, the boot is over when the guest waits.
func TestBootCacheWhenIdle(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	write(t, dir, "guest", bootSector(join(say("up"), []byte{0xfb, 0xf4, 0xeb, 0xfd})...)) // sti; hlt; jmp to hlt
	args := []string{"run", "guest,readonly=on", "-m", "16", "--boot-cache", "--clock", "warp", "--timeout", "2s"}
	r := runIn(t, dir, nil, args...)
	require.Equal(t, 10, r.status, r.errout)
	require.Contains(t, r.errout, "boot cache: kept after")
	r = runIn(t, dir, nil, args...)
	require.Contains(t, r.errout, "goes on after its boot")
	require.Equal(t, "up", r.out, "the console's last line")
}

func TestBootCacheRefusals(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	write(t, dir, "guest", bootSector(powerOff...))
	write(t, dir, "file", nil)
	for args, text := range map[string]string{
		"run guest --boot-cache":                                         "write guest,snapshot=on",
		"run --disk guest --boot-cache":                                  "add ,snapshot=on",
		"run guest,snapshot=on --boot-cache --boot-done x --serial none": "COM1 says, which is not connected",
		"run guest,snapshot=on --boot-done x":                            "goes with --boot-cache",
		"run guest,snapshot=on --boot-cache --lockstep":                  "leave out --boot-cache",
	} {
		r := runIn(t, dir, nil, strings.Fields(args)...)
		require.Equal(t, 2, r.status, "%s: %+v", args, r)
		require.Contains(t, r.errout, text)
		oneLineOnly(t, r.errout)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "file"))
	r := runIn(t, dir, nil, "run", "guest,snapshot=on", "--boot-cache")
	require.Equal(t, 4, r.status)
	require.Contains(t, r.errout, "set XDG_CACHE_HOME")
}
