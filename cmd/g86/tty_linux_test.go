package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with g86 on it.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	before unix.Termios
	cmd    *exec.Cmd
	done   chan struct{}

	mu  sync.Mutex
	out strings.Builder
}

// onTerminal starts g86 on a pseudo-terminal (pty(7)).
func onTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}))
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	x := &terminal{t: t, master: master, slave: slave, before: *before, done: make(chan struct{})}
	x.cmd = exec.Command(g86, args...)
	x.cmd.Dir, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = dir, slave, slave, slave
	require.NoError(t, x.cmd.Start())
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.out.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { _ = x.cmd.Wait(); close(x.done) }()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		slave.Close()
		master.Close()
	})
	return x
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String()
}

// shows waits until s has been written.
func (x *terminal) shows(s string) {
	x.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.text(), s); time.Sleep(5 * time.Millisecond) {
		require.True(x.t, time.Now().Before(end), "%q never came: %q", s, x.text())
	}
}

func (x *terminal) press(s string) {
	x.t.Helper()
	_, err := x.master.WriteString(s)
	require.NoError(x.t, err)
}

// ends waits for g86 and checks that the terminal is as it was.
func (x *terminal) ends(state string) {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(patience):
		x.t.Fatalf("g86 did not end: %q", x.text())
	}
	require.Equal(x.t, state, x.cmd.ProcessState.String(), "%q", x.text())
	after, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	require.NoError(x.t, err)
	require.Equal(x.t, x.before, *after, "the terminal's mode")
	for end := time.Now().Add(patience); strings.Count(x.text(), "\x1b[?1049h") != strings.Count(x.text(), "\x1b[?1049l"); {
		require.True(x.t, time.Now().Before(end), "the alternate screen is not left: %q", x.text())
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTerminalSerial(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "echo", bootSector(join(say("ready>"), echo)...))
	write(t, dir, "triple", bootSector(join(say("ready>"), triple)...))

	x := onTerminal(t, dir, "run", "echo", "--serial", "stdio")
	x.shows("Ctrl-A h shows the keys")
	x.shows("ready>")
	x.press("typed\x03\x01\x01")
	x.shows("typed\x03\x01") // Ctrl-C and a Ctrl-A are the guest's
	x.press("\x01h")
	x.shows("monitor and back\r\n")
	x.press("\x01c")
	x.shows(prompt)
	x.press("print 6*7\r")
	x.shows("0x2a (42)\r\n")
	x.press("info sta\t\r")
	x.shows("running, engine")
	x.press("\x01cback")
	x.shows("back")
	x.press("\x01x")
	x.ends("exit status 0")

	x = onTerminal(t, dir, "run", "echo", "--serial", "stdio")
	x.shows("ready>")
	x.press("\x01cquit\r")
	x.ends("exit status 0")

	x = onTerminal(t, dir, "run", "echo", "--serial", "stdio")
	x.shows("ready>")
	x.press("q") // the guest powers off
	x.ends("exit status 0")

	x = onTerminal(t, dir, "run", "echo", "--serial", "stdio", "--timeout", "1s")
	x.ends("exit status 10")

	x = onTerminal(t, dir, "run", "triple", "--serial", "stdio", "--no-reboot")
	x.ends("exit status 8")
	x.shows("triple fault")

	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		x = onTerminal(t, dir, "run", "echo", "--serial", "stdio")
		x.shows("ready>")
		require.NoError(t, x.cmd.Process.Signal(s))
		x.ends("signal: " + s.String())
	}
}

func TestTerminalDisplay(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "guest", bootSector(sleep...))
	write(t, dir, "off", bootSector(join([]byte{0xb8, 0x21, 0x0e, 0xcd, 0x10}, powerOff)...)) // print a ! with INT 10h

	x := onTerminal(t, dir, "run", "guest")
	x.shows("Booting from")
	x.press("\x01c")
	x.shows(prompt)
	x.press("info status\r")
	x.shows("running, engine")
	x.press("\x01c\x01h")
	x.shows("this help")
	x.press("\x01x")
	x.ends("exit status 0")

	x = onTerminal(t, dir, "run", "off")
	x.ends("exit status 0")
	x.shows("Booting from floppy 0 ...\r\n!") // the last screen stays

	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		x = onTerminal(t, dir, "run", "guest")
		x.shows("Booting from")
		require.NoError(t, x.cmd.Process.Signal(s))
		x.ends("signal: " + s.String())
	}
}
