package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"g86/cmd/g86/term"
	xterm "golang.org/x/term"
)

// console joins standard input and output with a serial port of the guest and
// the monitor. Ctrl-A keys go between them.
type console struct {
	serial *pump       // what the guest sends; nil: no port is here
	mon    *promptLine // nil: no monitor
	toPort *feeder
	keys   bool // Ctrl-A keys are understood
	escape term.Escape
	shown  bool // the monitor has the terminal
	eol    string
	quit   func()
}

// input takes what standard input delivers.
func (c *console) input(p []byte) {
	if !c.keys {
		c.pass(p)
		return
	}
	c.escape.Feed(p, c.pass, func(cmd term.Command) {
		switch cmd {
		case term.Quit:
			c.quit()
		case term.Monitor:
			if c.mon != nil && c.serial != nil {
				c.show(!c.shown)
			}
		case term.Help:
			if c.shown {
				c.mon.in.feed([]byte("help\r"))
				return
			}
			fmt.Fprint(c.serial, strings.ReplaceAll("\n"+term.HelpText+"\n", "\n", c.eol))
		}
	})
}

func (c *console) pass(p []byte) {
	switch {
	case c.shown:
		c.mon.in.feed(p)
	case c.toPort != nil:
		c.toPort.feed(p)
	}
}

// show gives the terminal to the monitor or back to the guest.
func (c *console) show(monitor bool) {
	c.shown = monitor
	if c.serial != nil {
		c.serial.hold(monitor)
	}
	c.mon.show(monitor)
}

// feeder is a pipe with room for a burst of input. What comes when it is full
// waits until close.
type feeder struct {
	ch   chan []byte
	rest []byte
	done chan struct{}
	once sync.Once
}

func newFeeder() *feeder { return &feeder{ch: make(chan []byte, 64), done: make(chan struct{})} }

func (f *feeder) feed(p []byte) {
	select {
	case f.ch <- append([]byte(nil), p...):
	case <-f.done:
	}
}

func (f *feeder) close() { f.once.Do(func() { close(f.done) }) }

// Read implements io.Reader.
func (f *feeder) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		select {
		case f.rest = <-f.ch:
		case <-f.done:
			select { // what came before the end
			case f.rest = <-f.ch:
			default:
				return 0, io.EOF
			}
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

const prompt = "(g86) "

// promptLine is the monitor at standard input and output: with line editing on
// a terminal, plain lines otherwise.
type promptLine struct {
	mon     *monitor
	in      *feeder
	out     *pump
	raw     bool
	size    func() (w, h int)
	started sync.Once
}

// show lets the monitor's output through or holds it back.
func (l *promptLine) show(on bool) {
	l.out.hold(!on)
	if on {
		l.started.Do(func() { go l.loop() })
	}
}

func (l *promptLine) loop() {
	if !l.raw {
		scan(l.in, func(line string) { l.mon.exec(l.out, line) })
		return
	}
	var history xterm.History
	for {
		t := xterm.NewTerminal(struct {
			io.Reader
			io.Writer
		}{l.in, l.out}, prompt)
		if history != nil {
			t.History = history
		}
		history = t.History
		t.AutoCompleteCallback = complete
		for {
			if w, h := l.size(); w > 0 {
				_ = t.SetSize(w, h)
			}
			line, err := t.ReadLine()
			if err != nil && err != xterm.ErrPasteIndicator {
				break
			}
			l.mon.exec(t, line)
		}
		select {
		case <-l.in.done:
			return
		default: // Ctrl-C or Ctrl-D: a fresh line
			fmt.Fprint(l.out, "\r\nCtrl-A c goes back to the guest, quit ends g86\r\n")
		}
	}
}

// complete finishes the name of a command when Tab is pressed and only one fits.
func complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos != len(line) {
		return "", 0, false
	}
	head, word, list := "", line, commands
	if rest, ok := strings.CutPrefix(line, "info "); ok {
		head, word, list = "info ", rest, infos
	}
	var hit string
	for _, n := range names(list) {
		if strings.HasPrefix(n, word) {
			if hit != "" {
				return "", 0, false
			}
			hit = n
		}
	}
	if hit == "" {
		return "", 0, false
	}
	return head + hit + " ", len(head+hit) + 1, true
}

// talk is the monitor on a socket: plain lines, with a prompt that tells a
// script where an answer ends.
func talk(mon *monitor, c net.Conn, to io.Writer) {
	fmt.Fprint(to, prompt)
	scan(c, func(line string) {
		mon.exec(to, line)
		fmt.Fprint(to, prompt)
	})
}

func scan(r io.Reader, f func(line string)) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		f(strings.TrimRight(s.Text(), "\r"))
	}
}

// notices is standard error while a guest runs: it suits the terminal's state.
type notices struct {
	mu   sync.Mutex
	to   io.Writer
	raw  bool // lines need a carriage return
	held bool // the screen belongs to the guest
	buf  []byte
}

func (n *notices) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held {
		if len(n.buf) < heldLimit {
			n.buf = append(n.buf, p...)
		}
		return len(p), nil
	}
	return len(p), n.put(p)
}

func (n *notices) put(p []byte) error {
	if n.raw {
		p = []byte(strings.ReplaceAll(string(p), "\n", "\r\n"))
	}
	_, err := n.to.Write(p)
	return err
}

// set tells what the terminal is like now.
func (n *notices) set(raw, held bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.raw, n.held = raw, held
	if !held && len(n.buf) > 0 {
		_ = n.put(n.buf)
		n.buf = nil
	}
}

// warnings is a slog.Handler that writes lines such as
// "g86: warning: the image is no whole diskette (file=x.img)".
type warnings struct{ to io.Writer }

func (warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler         { return w }
func (w warnings) WithGroup(string) slog.Handler              { return w }
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	var attrs []string
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a.Key+"="+a.Value.String())
		return true
	})
	s := "g86: " + map[bool]string{true: "error: ", false: "warning: "}[r.Level >= slog.LevelError] + r.Message
	if len(attrs) > 0 {
		s += " (" + strings.Join(attrs, ", ") + ")"
	}
	_, err := fmt.Fprintln(w.to, oneLine(s))
	return err
}

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool { return xterm.IsTerminal(int(f.Fd())) }
