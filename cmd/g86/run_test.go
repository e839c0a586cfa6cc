package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How runs end, and with which status.
func TestRunEnds(t *testing.T) {
	dir := t.TempDir()
	for name, code := range map[string][]byte{
		"off": join(say("hello\r\n"), powerOff), "exit": join(say("v"), exit21), "triple": join(say("t"), triple),
		"dead": join(say("d"), dead), "sleep": join(say("s"), sleep),
	} {
		write(t, dir, name, bootSector(code...))
	}
	for _, c := range []struct {
		args        string
		status      int
		out, errout string
	}{
		{"off", 0, "hello\r\n", ""},
		{"off --serial stdio --display none --monitor none --clock warp -m 16 --cpu 486", 0, "hello\r\n", ""},
		{"off --serial none --serial stdio", 0, "", ""},
		{"off --serial none --debugcon 0x3e9=stdio", 4, "", "com3"},
		{"exit --debug-exit 0xf4", 21<<1 | 1, "v", ""},
		{"exit --debug-exit 0xf4 -d int -D log", 21<<1 | 1, "v", ""},
		{"triple --no-reboot", 8, "t", "triple fault"},
		{"dead --clock warp", 10, "d", "nothing can wake it"},
		{"sleep --timeout 1s", 10, "s", "--timeout"},
		{"sleep --timeout 0.5", 10, "s", "within 500ms"},
		{"dead --timeout 500ms --serial none", 10, "", "within 500ms"},
	} {
		r := runIn(t, dir, nil, append([]string{"run"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.status, r.status, "%s: %s", c.args, r.errout)
		require.Equal(t, c.out, r.out, c.args)
		if c.errout == "" {
			require.Empty(t, r.errout, c.args)
		} else {
			require.Contains(t, r.errout, c.errout, c.args)
		}
	}
}

// A triple fault prints what led to it, the error last.
func TestPostMortem(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "triple", bootSector(triple...))
	r := runIn(t, dir, nil, "run", "triple", "--no-reboot")
	require.Equal(t, 8, r.status)
	lines := strings.Split(strings.TrimRight(r.errout, "\n"), "\n")
	require.Greater(t, len(lines), 5)
	require.True(t, strings.HasPrefix(lines[len(lines)-1], "g86: the guest caused a triple fault"), r.errout)
	require.Contains(t, r.errout, "int3")
}

// The demonstration guest runs without a flag and turns the machine off.
func TestDemo(t *testing.T) {
	r := runIn(t, t.TempDir(), nil, "run")
	require.Equal(t, 0, r.status, r.errout)
	require.Contains(t, r.out, "Goodbye")
	require.Empty(t, r.errout)
}

// Serial ports on standard input and output, files and sockets.
func TestSerialStdio(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "echo", bootSector(echo...))
	text := strings.Repeat("\x01x all bytes pass in a pipe \x00\xff\r\n", 100)
	r := runIn(t, dir, strings.NewReader(text+"q"), "run", "echo")
	require.Equal(t, 0, r.status, r.errout)
	require.Equal(t, text+"q", r.out)
}

func TestSerialFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "guest", bootSector(join(say("to the file"), powerOff)...))
	log := write(t, dir, "log", bytes.Repeat([]byte("old "), 100))
	r := runIn(t, dir, nil, "run", "guest", "--serial", "file:log")
	require.Equal(t, ran{}, r)
	b, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "to the file", string(b))
}

// dial connects to a socket that g86 is about to make.
func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		c, err := net.Dial("unix", path)
		if err == nil {
			require.NoError(t, c.SetDeadline(end))
			t.Cleanup(func() { c.Close() })
			return c
		}
		require.True(t, time.Now().Before(end), "%v", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// started is a g86 in the background.
type started struct {
	*exec.Cmd
	errout bytes.Buffer
	done   chan error
}

func start(t *testing.T, dir string, stdin io.Reader, args ...string) *started {
	t.Helper()
	s := &started{Cmd: exec.Command(g86, args...), done: make(chan error, 1)}
	s.Dir, s.Stdin, s.Stderr = dir, stdin, &s.errout
	require.NoError(t, s.Start())
	go func() { s.done <- s.Wait() }()
	t.Cleanup(func() { _ = s.Process.Kill() })
	return s
}

// status waits for the end.
func (s *started) status(t *testing.T) int {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("g86 did not end")
	}
	return s.ProcessState.ExitCode()
}

func TestSerialSocket(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "echo", bootSector(echo...))
	sock := filepath.Join(dir, "com1")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: sock, Net: "unix"}) // of a process that died
	require.NoError(t, err)
	old.SetUnlinkOnClose(false)
	old.Close()
	s := start(t, dir, nil, "run", "echo", "--serial", "unix:com1")
	for _, text := range []string{"first client", "second client"} {
		c := dial(t, sock)
		_, err := io.WriteString(c, text)
		require.NoError(t, err)
		got := make([]byte, len(text))
		_, err = io.ReadFull(c, got)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		c.Close()
	}
	_, err = io.WriteString(dial(t, sock), "q")
	require.NoError(t, err)
	require.Equal(t, 0, s.status(t), s.errout.String())
	require.NoFileExists(t, sock)
}

// A client that does not read must not stop the guest.
func TestSerialSocketDeafClient(t *testing.T) {
	dir := t.TempDir()
	flood := append([]byte{0xbb, 0x10, 0x00, 0x31, 0xc9, 0xba, 0xf8, 0x03, 0xee, 0xe2, 0xfd, 0x4b, 0x75, 0xfa}, powerOff...) // 16*65536 bytes
	write(t, dir, "flood", bootSector(append(append([]byte{0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8}, flood...), powerOff...)...))
	s := start(t, dir, nil, "run", "flood", "--serial", "unix:com1")
	_, err := io.WriteString(dial(t, filepath.Join(dir, "com1")), "go")
	require.NoError(t, err)
	require.Equal(t, 0, s.status(t), s.errout.String())
}

// ask sends a command to a monitor's socket and returns the answer.
type asker struct {
	net.Conn
	r *bufio.Reader
}

func (a *asker) answer(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), prompt) {
		c, err := a.r.ReadByte()
		require.NoError(t, err, "after %q", b.String())
		b.WriteByte(c)
	}
	return strings.TrimSuffix(b.String(), prompt)
}

func (a *asker) ask(t *testing.T, line string) string {
	t.Helper()
	_, err := io.WriteString(a, line+"\n")
	require.NoError(t, err)
	return a.answer(t)
}

func TestMonitorSocket(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "guest", bootSector(join([]byte{0xb8, 0x34, 0x12, 0xbb, 0x78, 0x56}, sleep)...)) // mov ax,1234h; mov bx,5678h
	s := start(t, dir, nil, "run", "guest", "--monitor", "unix:mon", "--serial", "none", "--smp", "2", "--accel", "interp")
	c := dial(t, filepath.Join(dir, "mon"))
	a := &asker{c, bufio.NewReader(c)}
	require.Empty(t, a.answer(t))
	for end := time.Now().Add(patience); !strings.Contains(a.ask(t, "info registers"), "EAX=00001234"); {
		require.True(t, time.Now().Before(end))
	}
	for _, c := range []struct{ line, says string }{
		{"", ""},
		{"help", "system_powerdown"},
		{"help x", "linear address"},
		{"info", "info registers"},
		{"info cpus", "cpu 1: 16-bit CPL=0 f000:fff0 waiting for start-up"},
		{"info status", "running, engine interp, model max, 1024 MiB, 2 processors"},
		{"info pic", "irq_base=08"},
		{"info irq", "apic1"},
		{"info pci", "PCI device 8086:1237"},
		{"info mem", "paging is off"},
		{"info mtree", "0000000000000000-000000003fffffff  ram"},
		{"info clock", "2000 ps each"},
		{"info screen", "Booting from"},
		{"x /3i 0x7c09", "0x00007c0c:  bb7856                   mov bx, 0x5678\n"},
		{"x/2xb 0x7dfe", "00007dfe: 0x55 0xaa\n"},
		{"xp /1xh 0x7dfe", "00007dfe: 0xaa55\n"},
		{"x /1dh 0x7dfe", "-21931"},
		{"x /1uh 0x7dfe", "43605"},
		{"x /1oh 0x7dfe", "0125125"},
		{"x /1c 0x7dfe", "'U'"},
		{"print $ax+$bx*2", "0xbf24 (48932)"},
		{"p (1+2)*3 << 4 | ~0 & 0xf - -1", "= "},
		{"p 7%4^1", "0x2 (2)"},
		{"cpu 1", ""},
		{"p $rip", "0xfffffff0"},
		{"cpu 0", ""},
		{"stop", ""},
		{"info status", "paused"},
		{"cont", ""},
		{"info status", "running"},
		{"sendkey ctrl-alt-delete", ""},
		{"type \"hello world\\n\"", ""},
		{"nmi", ""},
		{"system_powerdown", "g86: system_powerdown: the guest does not listen"},
		{"screendump \"a picture.png\"", ""},
		{"screendump nowhere/x.png", "g86: screendump: nowhere/x.png: no such file or directory; choose"},
		{"screendump .", "is a directory"},
		{"screendump /dev/full", "no space left on device; choose another file"},
		{"frobnicate", "g86: monitor: unknown command"},
		{"info nothing", "choose one of"},
		{"x /4z 0", "g86: x: format"},
		{"x /0x 0", "choose 1 to"},
		{"x /99999999999999999999x 0", "choose 1 to"},
		{"x", "write `x"},
		{"x $nope", "no register"},
		{"x 1 +", "a value is missing"},
		{"p 1/0", "division by zero"},
		{"p (1", "not closed"},
		{"p 12monkeys", "not a number"},
		{"p " + strings.Repeat("(", 5000), "too deep"},
		{"print/x 1", "takes no format"},
		{"cpu 7", "choose 0 to 1"},
		{"sendkey ctrl-frob", "unknown key"},
		{"screendump \"x", "quote"},
		{"info screen now", "write `info screen`"},
		{"stop now", "write `stop`"},
	} {
		got := a.ask(t, c.line)
		if c.says == "" {
			require.Empty(t, got, c.line)
			continue
		}
		if c.says == "= " {
			require.Equal(t, "0x90 (144)\n", got, c.line)
			continue
		}
		require.Contains(t, got, c.says, c.line)
		if strings.HasPrefix(got, "g86: ") {
			oneLineOnly(t, got)
		}
	}
	f, err := os.Open(filepath.Join(dir, "a picture.png"))
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, 400, img.Bounds().Dy())

	_, err = io.WriteString(c, "system_reset\nquit\n")
	require.NoError(t, err)
	require.Equal(t, 0, s.status(t), s.errout.String())
	require.Empty(t, s.errout.String())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 2, "the guest and the picture: %q", files)
}

// A script of monitor commands in a pipe: its first failure is the status.
func TestMonitorScript(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "guest", bootSector(sleep...))
	r := runIn(t, dir, strings.NewReader("info status\nprint 2+2\nquit\n"), "run", "guest", "--monitor", "stdio", "--accel", "interp")
	require.Equal(t, 0, r.status, r.errout)
	require.Contains(t, r.out, "running, engine interp")
	require.Contains(t, r.out, "0x4 (4)\n")

	r = runIn(t, dir, strings.NewReader("screendump /dev/full\nprint 1\nprint x\nquit\n"), "run", "guest", "--monitor", "stdio")
	require.Equal(t, 6, r.status)
	require.Contains(t, r.out, "0x1 (1)")
	oneLineOnly(t, r.errout)
	require.Contains(t, r.errout, "no space left")
}

// Serial port and monitor share a pipe: Ctrl-A c goes between them.
func TestStdioShared(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "echo", bootSector(echo...))
	r := runIn(t, dir, strings.NewReader("one\x01cprint 40+2\n\x01ctwo\x01\x01q"), "run", "echo", "--serial", "stdio", "--monitor", "stdio")
	require.Equal(t, 0, r.status, r.errout)
	require.Contains(t, r.out, "0x2a (42)\n")
	require.Equal(t, "onetwo\x01q", strings.Replace(r.out, "0x2a (42)\n", "", 1))

	r = runIn(t, dir, strings.NewReader("\x01h\x01x"), "run", "echo", "--serial", "stdio", "--monitor", "stdio")
	require.Equal(t, 0, r.status, r.errout)
	require.Contains(t, r.out, "Ctrl-A x")
}

// A signal ends g86 in order, and the parent sees the signal.
func TestSignal(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "guest", bootSector(sleep...))
	s := start(t, dir, nil, "run", "guest", "--serial", "unix:com1", "--monitor", "unix:mon")
	dial(t, filepath.Join(dir, "mon"))
	require.NoError(t, s.Process.Signal(os.Interrupt))
	s.status(t)
	require.Equal(t, "signal: interrupt", s.ProcessState.String())
	require.NoFileExists(t, filepath.Join(dir, "com1"))
	require.NoFileExists(t, filepath.Join(dir, "mon"))
}

// What scripts read.
func TestISA(t *testing.T) {
	dir := t.TempDir()
	r := runIn(t, dir, nil, "isa", "decode", "0f", "01", "f8")
	require.Equal(t, 0, r.status)
	require.Contains(t, r.out, "swapgs")
	r = runIn(t, dir, nil, "isa", "decode", "--mode", "16", "--at", "0x7c00", "--json", "eb", "fe")
	require.Contains(t, r.out, `"text": "jmp 0x7c00"`)
	r = runIn(t, dir, nil, "isa", "--coverage")
	require.Contains(t, r.out, "total")
	require.NotContains(t, r.out, "missing:")
	r = runIn(t, dir, nil, "isa", "swapgs")
	require.Equal(t, 2, strings.Count(r.out, "\n"))
	r = runIn(t, dir, nil, "version", "--json")
	require.Contains(t, r.out, `"cpu_models"`)
	for _, v := range []string{"run", "isa", "help", "version"} {
		r = runIn(t, dir, nil, "help", v)
		require.Equal(t, 0, r.status)
		require.Contains(t, r.out, "Usage: g86 "+v)
		require.Equal(t, r, runIn(t, dir, nil, v, "--help"))
	}
}

// TestMonitorMovesEngine: `accel` shows the engine and moves the running guest.
func TestMonitorMovesEngine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "echo", bootSector(echo...))
	r := runIn(t, dir, strings.NewReader("accel\naccel interp\naccel\nquit\n"), "run", "echo", "-m", "16", "--monitor", "stdio")
	require.Equal(t, 0, r.status, r.errout)
	require.Contains(t, r.out, "engine interp, model")
	r = runIn(t, dir, strings.NewReader("accel warp\nquit\n"), "run", "echo", "-m", "16", "--monitor", "stdio")
	require.Equal(t, 2, r.status)
	require.Contains(t, r.out, "choose from interp, jit, kvm")
	r = runIn(t, dir, strings.NewReader("moved and wellq"), "run", "echo", "-m", "16", "--accel", "interp", "--accel-switch-after", "1000", "--accel-switch-after", "3000:interp")
	require.Equal(t, ran{0, "moved and wellq", ""}, r)
}

func TestDoctor(t *testing.T) {
	r := runIn(t, t.TempDir(), nil, "doctor")
	require.Equal(t, 0, r.status, r.errout)
	for _, name := range []string{"host", "kvm", "translator", "terminal", "engine", "--accel=auto takes "} {
		require.Contains(t, r.out, name)
	}
	r = runIn(t, t.TempDir(), nil, "doctor", "--json")
	var d struct{ OS, Accel string }
	require.NoError(t, json.Unmarshal([]byte(r.out), &d), r.out)
	require.NotEmpty(t, d.OS)
	require.Contains(t, []string{"kvm", "jit", "interp"}, d.Accel)
}
