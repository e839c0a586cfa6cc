package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// g86 is the program, built once for all tests.
var g86 string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "g86-test-")
	if err == nil {
		g86 = filepath.Join(dir, "g86")
		build := exec.Command("go", "build", "-o", g86, ".")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// ran is what a run of g86 came to.
type ran struct {
	status      int
	out, errout string
}

// patience bounds a run that should end by itself at once.
const patience = 2 * time.Minute

// runIn runs g86 in dir.
func runIn(t *testing.T, dir string, stdin io.Reader, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, g86, args...)
	var out, errout bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, stdin, &out, &errout
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	require.NoError(t, ctx.Err(), "g86 %q did not end", args)
	return ran{cmd.ProcessState.ExitCode(), out.String(), errout.String()}
}

// bootSector is a 360 KiB floppy whose boot sector runs code.
func bootSector(code ...byte) []byte {
	b := make([]byte, 360<<10)
	copy(b, []byte{0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c}) // xor ax,ax; mov ds,ax; mov ss,ax; mov sp,7c00h
	copy(b[9:510], code)
	b[510], b[511] = 0x55, 0xaa
	return b
}

// say writes text to COM1.
func say(text string) (code []byte) {
	code = append(code, 0xba, 0xf8, 0x03) // mov dx,3f8h
	for _, c := range []byte(text) {
		code = append(code, 0xb0, c, 0xee) // mov al,c; out dx,al
	}
	return code
}

var (
	powerOff = []byte{0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef} // mov dx,604h; mov ax,2000h; out dx,ax
	sleep    = []byte{0xfb, 0xf4, 0xeb, 0xfd}                   // sti; hlt; jmp $-1
	dead     = []byte{0xfa, 0xf4}                               // cli; hlt
	triple   = []byte{0x0f, 0x01, 0x1e, 0x00, 0x05, 0xcc}       // lidt [500h], of zeros; int3
	exit21   = []byte{0xba, 0xf4, 0x00, 0xb0, 21, 0xee}         // mov dx,0f4h; mov al,21; out dx,al

	// echo sends what it receives, and powers off after a q.
	echo = append([]byte{
		0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, // mov dx,3fdh; in al,dx; test al,1; jz
		0xba, 0xf8, 0x03, 0xec, 0xee, 0x3c, 'q', 0x75, 0xef, // mov dx,3f8h; in al,dx; out dx,al; cmp al,'q'; jne
	}, powerOff...)
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// bzImage is a Linux kernel as far as its header is concerned.
func bzImage() []byte {
	b := make([]byte, 1024+4096)
	b[0x1f1] = 1                                         // setup_sects
	binary.LittleEndian.PutUint32(b[0x1f4:], 4096/16)    // syssize
	binary.LittleEndian.PutUint16(b[0x1fe:], 0xaa55)     // boot_flag
	copy(b[0x200:], "\xeb\x66HdrS\x0c\x02")              // jump, header, version 2.12
	b[0x211] = 1                                         // loadflags: LOADED_HIGH
	binary.LittleEndian.PutUint32(b[0x214:], 0x100000)   // code32_start
	binary.LittleEndian.PutUint32(b[0x22c:], 0x7fffffff) // initrd_addr_max
	binary.LittleEndian.PutUint32(b[0x230:], 0x200000)   // kernel_alignment
	b[0x234] = 1                                         // relocatable_kernel
	binary.LittleEndian.PutUint32(b[0x238:], 255)        // cmdline_size
	binary.LittleEndian.PutUint64(b[0x258:], 0x1000000)  // pref_address
	binary.LittleEndian.PutUint32(b[0x260:], 0x100000)   // init_size
	copy(b[1024:], "\xfa\xf4")                           // cli; hlt
	return b
}

// write makes a file of the test's.
func write(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return path
}

// oneLineOnly is what every error of g86 looks like.
func oneLineOnly(t *testing.T, errout string) {
	t.Helper()
	require.True(t, strings.HasPrefix(errout, "g86: "), "%q", errout)
	require.Equal(t, 1, strings.Count(errout, "\n"), "%q", errout)
	require.True(t, strings.HasSuffix(errout, "\n"), "%q", errout)
}
