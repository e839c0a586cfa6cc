package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"g86/machine"
	"g86/tests/conform/silicon"
	"github.com/stretchr/testify/require"
)

// multibootKernel ends with value v on the debug-exit port.
func multibootKernel(v byte) []byte {
	code := []byte{0xb0, v, 0xe6, 0xf4} // mov al,v; out 0f4h,al
	const base, magic, flags = 0x100000, 0x1badb002, 0x10000
	var b []byte
	sum, size := uint32(magic+flags), uint32(32+len(code))
	for _, w := range []uint32{magic, flags, -sum, base, base, base + size, base + size, base + 32} {
		b = append(b, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	return append(b, code...)
}

func TestTestVerb(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "good", multibootKernel(0))
	write(t, dir, "bad", multibootKernel(3))
	write(t, dir, "rom", make([]byte, 0x10000))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o777))
	for _, x := range []struct {
		args   []string
		status int
		want   string // on standard output for status 0, else in the one line of error
	}{
		{[]string{"kernel", "good"}, 0, "1  passed"},
		{[]string{"kernel", "good", "bad", "--jobs", "1"}, 12, "1 of 2 failed"},
		{[]string{"kernel", "bad", "--pass", "3"}, 0, "1  passed"},
		{[]string{"kernel", "bad", "--filter", "good"}, 4, "no name matches"},
		{nil, 2, "which suite"},
		{[]string{"kernels"}, 2, "choose one of vectors, kernel, rom, host"},
		{[]string{"lockstep", "good", "--until", "1000000"}, 0, ""},
		{[]string{"kernel"}, 2, "needs files"},
		{[]string{"host", "good"}, 2, "takes no files"},
		{[]string{"rom", "rom", "good"}, 2, "takes one file"},
		{[]string{"vectors", "empty", "--smp", "2"}, 2, "--smp does not go with test vectors"},
		{[]string{"vectors", "empty"}, 4, "no vectors in it"},
		{[]string{"vectors", "rom"}, 4, "rom: not a MOO file"},
		{[]string{"vectors", "none"}, 4, "no such file"},
		{[]string{"kernel", "rom"}, 4, "not a Multiboot kernel"},
		{[]string{"vectors", "good", "--accel", "kvm"}, 4, "guests, not single instructions"},
		{[]string{"kernel", "good", "--accel", "interp,interp"}, 2, "twice"},
		{[]string{"kernel", "good", "--accel", "fast"}, 2, "no engine"},
		{[]string{"kernel", "good", "--filter", "("}, 2, "not a regular expression"},
		{[]string{"kernel", "good", "--junit", "no/where.xml"}, 4, "make it first"},
		{[]string{"kernel", "good", "--jobs", "0"}, 2, "1 to 1024"},
		{[]string{"rom", "good"}, 4, "64 KiB"},
		{[]string{"rom", "rom", "--without", "cpu"}, 2, "cannot be left out"},
		{[]string{"rom", "rom", "--post-pass", "256"}, 2, "0xff"},
		{[]string{"rom", "rom", "--reference", "none"}, 4, "--reference none"},
		{[]string{"host", "--seconds", "0"}, 2, "not a time"},
		{[]string{"host", "--seconds", "x"}, 2, "not a time"},
	} {
		r := runIn(t, dir, nil, append([]string{"test"}, x.args...)...)
		require.Equal(t, x.status, r.status, "%q: %s", x.args, r.errout)
		if x.status == 0 {
			require.Contains(t, r.out, x.want, "%q", x.args)
			continue
		}
		oneLineOnly(t, r.errout)
		require.Contains(t, r.errout, x.want, "%q", x.args)
	}
}

func TestTestReports(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "bad", multibootKernel(3))
	r := runIn(t, dir, nil, "test", "kernel", "bad", "--json", "--junit", "out.xml")
	require.Equal(t, statusDivergence, r.status)
	var report struct {
		Suite  string
		Failed int
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Equal(t, "kernel", report.Suite)
	require.Equal(t, 1, report.Failed)
	xml, err := os.ReadFile(filepath.Join(dir, "out.xml"))
	require.NoError(t, err)
	require.Contains(t, string(xml), "exit value 0x3")
}

// TestTestHost: a round of every form, where the host can be the oracle.
func TestTestHost(t *testing.T) {
	r := runIn(t, t.TempDir(), nil, "test", "host", "--rounds", "1")
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		require.Equal(t, machine.StatusHost, r.status, r.errout)
		oneLineOnly(t, r.errout)
		return
	}
	if h, err := silicon.Open(); err != nil { // an emulator or a hypervisor that is not all a processor is
		require.Equal(t, machine.StatusHost, r.status, r.errout)
		oneLineOnly(t, r.errout)
		require.Contains(t, r.errout, err.Error())
		return
	} else {
		h.Close()
	}
	require.Zero(t, r.status, "%s%s", r.out, r.errout)
	require.Regexp(t, `\d{4}  passed\n +0  failed\n`, r.out)
	require.Contains(t, r.out, "seed 1\n")
}
