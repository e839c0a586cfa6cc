package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// badFiles is what the cases name.
func badFiles(t *testing.T, dir string) {
	kernel := bzImage()
	elf := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 500)...)
	truncated := append([]byte("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00\x01\x00\x00\x00"), make([]byte, 100)...)
	truncated = append(truncated[:88:88], 0x02, 0xb0, 0xad, 0x1b, 0, 0, 0, 0, 0xfe, 0x4f, 0x52, 0xe4) // a Multiboot header, no program headers
	for name, b := range map[string][]byte{
		"empty":       nil,
		"text":        []byte(strings.Repeat("this is no image\n", 300)),
		"kernel":      kernel,
		"cut-kernel":  kernel[:1024+100],
		"cut-setup":   kernel[:600],
		"elf":         elf,
		"cut-elf":     truncated,
		"disk":        bootSector(sleep...),
		"odd":         make([]byte, 1000),
		"huge-floppy": make([]byte, 3000<<10),
		"odd-cd":      make([]byte, 2048*20+512),
		"gz":          []byte("\x1f\x8b\x08\x00rest of it"),
		"qcow2":       append([]byte("QFI\xfb\x00\x00\x00\x03"), make([]byte, 4096)...),
		"zip":         append([]byte("PK\x03\x04"), make([]byte, 4096)...),
		"plain-iso":   plainISO(),
		"blank":       make([]byte, 1440<<10),
		"cut-rom":     make([]byte, 65535),
		"rom":         make([]byte, 64<<10),
		"not-a-sock":  []byte("x"),
		"a,b":         bootSector(dead...),
	} {
		write(t, dir, name, b)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	for name, size := range map[string]int64{"big-initrd": 64 << 20, "big-rom": 17 << 20} {
		require.NoError(t, os.Truncate(write(t, dir, name, nil), size))
	}
	require.NoError(t, os.Symlink("disk", filepath.Join(dir, "link-to-disk")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
}

// plainISO is a CD image that cannot be booted.
func plainISO() []byte {
	b := make([]byte, 2048*20)
	copy(b[0x8000:], "\x01CD001\x01")
	copy(b[0x8800:], "\xffCD001\x01")
	return b
}

var badInput = []struct {
	args   string // blanks separate; ~ stands for a blank inside an argument
	status int
	says   string // part of the message
}{
	// The command line itself.
	{"", 2, "g86 help"},
	{"frobnicate", 2, "unknown verb"},
	{"disk", 2, "g86 run disk"},
	{"--kernel x", 2, "g86 run --kernel x"},
	{"help nothing", 2, "choose one of"},
	{"help run isa", 2, "one verb at a time"},
	{"version now", 2, "takes no arguments"},
	{"version --yaml", 2, "g86 help version"},
	{"run --no-such-flag", 2, "g86 help run"},
	{"run --memory", 2, "needs an argument"},
	{"run --no-reboot=maybe", 2, "write --no-reboot alone"},
	{"run disk text", 2, "only one IMAGE"},

	// Values.
	{"run -m 0", 2, "without memory"},
	{"run -m 512X", 2, "512M"},
	{"run -m 1K", 2, "at least 1 MiB"},
	{"run -m 100T", 2, "512M or 2G"},
	{"run -m 65G", 2, "at most 64 GiB"},
	{"run -m 99999999999999999999", 2, "512M"},
	{"run -m -5", 2, "512M"},
	{"run -m 1025K", 2, "4 KiB pages"},
	{"run -m 1G -m 2G", 2, "give it once"},
	{"run --smp 0", 2, "1 to 8"},
	{"run --smp 9", 2, "1 to 8"},
	{"run --smp two", 2, "1 to 8"},
	{"run --smp 2 --cpu 486", 4, "no APIC"},
	{"run --cpu 8086", 2, "pentium3"},
	{"run --accel warp", 2, "auto, kvm, jit, interp"},
	{"run --accel-switch-after soon", 2, "1000000:interp"},
	{"run --accel-switch-after 5:hax", 2, "interp, jit, kvm"},
	{"run --accel kvm -d exec -D /dev/null --display none", 6, "looks at every instruction"},
	{"run --cpu max,-warp", 2, "no feature"},
	{"run --cpu max,sha-ni", 2, "features to be left out"},
	{"doctor here", 2, "takes no arguments"},
	{"run --clock wall", 2, "virtual, warp, realtime"},
	{"run --seed -1", 2, "0 to 2^64-1"},
	{"run --rtc yesterday", 2, "2024-01-31"},
	{"run --rtc 1969-07-20", 2, "1980 to 2099"},
	{"run --timeout soon", 2, "90s"},
	{"run --timeout 0", 2, "above zero"},
	{"run --timeout -3s", 2, "above zero"},
	{"run --debug-exit 0x12345", 2, "0xf4"},
	{"run --debug-exit 0x3f8", 4, "0x3f8"},
	{"run --debugcon 0xe9", 2, "PORT=FILE"},
	{"run --debugcon 0xe9=", 2, "PORT=FILE"},
	{"run --debugcon 0xe9=a --debugcon 233=b", 2, "another port"},
	{"run --debugcon 0x60=x.log", 4, "0x60"},
	{"run -d everything", 2, "choose from"},
	{"run -D x.log", 2, "-d"},
	{"run --boot z", 2, "a (floppy)"},
	{"run --boot cc", 2, "twice"},
	{"run --boot menu=yes", 2, "menu=on"},
	{"run --serial com1", 2, "file:F"},
	{"run --serial file:", 2, "file:NAME"},
	{"run --serial stdio:x", 2, "stdio alone"},
	{"run --serial stdio --serial stdio", 2, "two serial ports"},
	{"run --serial none --serial none --serial none --serial none --serial none", 2, "4 serial ports"},
	{"run --monitor file:x", 2, "unix:F"},
	{"run --display sdl", 2, "none, term"},
	{"run --display term", 4, "--display none"},

	// What is to be booted.
	{"run missing", 4, "no such file"},
	{"run dangling", 4, "no such file"},
	{"run folder", 4, "is a directory"},
	{"run empty", 4, "empty"},
	{"run text", 4, "not recognised"},
	{"run gz", 4, "gunzip"},
	{"run qcow2", 4, "qemu-img convert"},
	{"run zip", 4, "unzip"},
	{"run plain-iso", 4, "--cdrom"},
	{"run blank", 4, "--floppy"},
	{"run elf", 4, "bzImage or a Multiboot kernel"},
	{"run cut-elf", 4, "bad ELF"},
	{"run cut-kernel", 4, "truncated"},
	{"run cut-setup", 4, "truncated"},
	{"run kernel --kernel kernel", 2, "both kernels"},
	{"run --kernel missing", 4, "no such file"},
	{"run --kernel folder", 4, "is a directory"},
	{"run --kernel empty", 4, "empty"},
	{"run --kernel text", 4, "text"},
	{"run --kernel disk", 4, "disk"},
	{"run --kernel ", 2, "empty"},
	{"run --kernel kernel --initrd missing", 4, "no such file"},
	{"run --kernel kernel --initrd folder", 4, "is a directory"},
	{"run --kernel kernel --initrd big-initrd -m 32", 4, "-m"},
	{"run --kernel kernel -m 8", 4, "-m"},
	{"run --kernel kernel --module disk", 2, "module"},
	{"run --kernel kernel --append " + strings.Repeat("x", 300), 4, "--append"},
	{"run --initrd disk", 2, "--kernel"},
	{"run --append quiet", 2, "--kernel"},
	{"run --module disk", 2, "--kernel"},
	{"run disk --initrd disk", 2, "kernel"},
	{"run kernel,snapshot=on", 2, "takes no drive options"},
	{"run disk,fast=on", 2, "unknown option"},
	{"run missing,snapshot=on", 4, "no such file"},

	// Drives and firmware.
	{"run --disk missing", 4, "does not exist"},
	{"run --disk folder", 4, "is a directory"},
	{"run --disk empty", 4, "truncate -s"},
	{"run --disk odd", 4, "512-byte sector"},
	{"run --disk disk,snapshot=maybe", 2, "on or off"},
	{"run --disk disk,cache=none", 2, "known are snapshot=on"},
	{"run --disk disk,format=vmdk", 2, "raw"},
	{"run --disk ,snapshot=on", 2, "file name is missing"},
	{"run --disk a,b", 2, ",,"},
	{"run --disk disk --disk disk", 4, "in use"},
	{"run --disk disk --disk link-to-disk", 4, "in use"},
	{"run --cdrom odd-cd", 4, "2048-byte sector"},
	{"run --floppy huge-floppy", 4, "use it as a disk"},
	{"run --floppy blank --floppy blank,readonly=on", 4, "close that"},
	{"run --floppy blank,snapshot=on --floppy disk,snapshot=on --floppy odd-cd,snapshot=on", 4, "two"},
	{"run --disk disk,snapshot=on --disk disk,snapshot=on --disk disk,snapshot=on --disk disk,snapshot=on --disk disk,snapshot=on", 4, "four"},
	{"run --bios missing", 4, "no such file"},
	{"run --bios cut-rom", 4, "64 KiB"},
	{"run --bios big-rom", 4, "16"},
	{"run --bios rom --vgabios text", 4, "option ROM"},
	{"run --vgabios rom", 2, "--bios"},

	// Outputs.
	{"run --serial file:folder", 4, "is a directory"},
	{"run --serial file:nowhere/x.log", 4, "make it first"},
	{"run --serial unix:nowhere/x.sock", 4, "make it first"},
	{"run --serial unix:not-a-sock", 4, "not a socket"},
	{"run --serial unix:busy.sock", 4, "another process"},
	{"run --monitor unix:busy.sock", 4, "another process"},
	{"run --serial unix:" + strings.Repeat("n", 200), 4, "shorter"},
	{"run --serial file:x.log --debugcon 0xe9=x.log", 2, "another file"},
	{"run --serial file:x.log -d int -D ./x.log", 2, "another file"},
	{"run --disk disk --serial file:link-to-disk", 2, "destroy"},
	{"run disk --serial file:disk", 2, "destroy"},
	{"run --serial file:x.log --disk missing", 4, "does not exist"}, // x.log must not stay
	{"run --serial file:text --disk missing", 4, "does not exist"},  // nor text be emptied
	{"run --serial unix:x.sock --disk missing", 4, "does not exist"},
	{"run -d int -D x.log --debugcon 0xe9=y.log --kernel empty", 4, "empty"},
	{"run --serial file:/dev/full --timeout 60s", 6, "no space left"},

	// isa.
	{"isa nosuch", 2, "no instruction"},
	{"isa --feature 3DNOW", 2, "--coverage"},
	{"isa --coverage add", 2, "leave out"},
	{"isa decode", 2, "0f 01 f8"},
	{"isa decode 0f0", 2, "odd number"},
	{"isa decode zz", 2, "not hexadecimal"},
	{"isa decode --mode 8 90", 2, "16, 32 or 64"},
	{"isa decode --at here 90", 2, "0x7c00"},
	{"isa decode 0f", 4, "truncated"},
	{"isa decode 06", 4, "check the bytes"},
	{"isa decode 90 0f 04", 4, "nop"},
}

func TestBadInput(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the messages of the host are Linux's")
	}
	require.GreaterOrEqual(t, len(badInput), 60)
	dir := t.TempDir()
	badFiles(t, dir)
	busy, err := net.Listen("unix", filepath.Join(dir, "busy.sock"))
	require.NoError(t, err)
	defer busy.Close()
	before := contents(t, dir)
	for _, c := range badInput {
		t.Run(c.args, func(t *testing.T) {
			var args []string
			if c.args != "" {
				args = strings.Split(c.args, " ")
			}
			r := runIn(t, dir, nil, args...)
			require.Equal(t, c.status, r.status, "%s", r.errout)
			if !strings.Contains(c.args, "/dev/full") {
				require.Empty(t, r.out)
			}
			oneLineOnly(t, r.errout)
			require.Contains(t, r.errout, c.says)
			require.Equal(t, before, contents(t, dir), "something is left behind or destroyed")
		})
	}
}

// contents is every file under dir with a digest.
func contents(t *testing.T, dir string) map[string]string {
	m := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		m[path] = d.Type().String()
		st, err := d.Info()
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		m[path] = fmt.Sprint(st.Size())
		if st.Size() < 1<<20 {
			b, err := os.ReadFile(path)
			m[path] = fmt.Sprintf("%x", sha256.Sum256(b))
			return err
		}
		return nil
	}))
	return m
}

// Outputs that fail.
func TestBadStandardOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full: ", err)
	}
	defer full.Close()
	for _, args := range []string{"version", "help", "help run", "isa", "isa --json", "isa decode 90", "run --timeout 60s", "run --help"} {
		cmd := exec.Command(g86, strings.Fields(args)...)
		var errout bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errout
		require.Error(t, cmd.Run(), args)
		require.Equal(t, 6, cmd.ProcessState.ExitCode(), "%s: %s", args, errout.String())
		oneLineOnly(t, errout.String())
		require.Contains(t, errout.String(), "standard output: no space left on device", args)
	}
}

func TestClosedStandardOutput(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	r.Close()
	defer w.Close()
	cmd := exec.Command(g86, "run", "--timeout", "60s")
	var errout bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &errout
	require.Error(t, cmd.Run())
	require.Equal(t, 6, cmd.ProcessState.ExitCode(), errout.String())
	oneLineOnly(t, errout.String())
	require.Contains(t, errout.String(), "standard output: broken pipe")
}
