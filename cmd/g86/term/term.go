package term

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	xterm "golang.org/x/term"

	"g86/devices/vga"
)

// Display is the adapter to show; *vga.VGA is one.
type Display interface {
	Generation() uint64
	TextCells() (vga.TextScreen, bool)
	Render() *image.RGBA
}

// Config wires the front end to a machine and a terminal.
type Config struct {
	Display Display
	// Sync runs f while the machine does not touch the display, soon. It may
	// give up without running f once the machine has ended.
	Sync func(f func())
	// SendKey presses and releases a key or chord ("ctrl-alt-delete").
	SendKey func(name string)
	// Monitor, if set, gets the input while the monitor is shown (Ctrl-A c);
	// shown tells it when it owns the terminal, which stays raw.
	Monitor func(input []byte)
	Shown   func(on bool)

	TTY
}

// TTY is a terminal; OpenTTY makes one of files.
type TTY struct {
	In    io.Reader
	Out   io.Writer
	Size  func() (w, h int)
	Raw   func() (restore func(), err error)
	Depth Depth
}

// OpenTTY is the terminal on in and out.
func OpenTTY(in, out *os.File) (TTY, error) {
	if !xterm.IsTerminal(int(in.Fd())) || !xterm.IsTerminal(int(out.Fd())) {
		return TTY{}, errors.New("--display term needs a terminal as standard input and output; use --display none")
	}
	return TTY{
		In: in, Out: out, Depth: DepthFromEnv(),
		Size: func() (int, int) {
			w, h, err := xterm.GetSize(int(out.Fd()))
			if err != nil || w <= 0 || h <= 0 {
				return 80, 25
			}
			return w, h
		},
		Raw: func() (func(), error) {
			old, err := xterm.MakeRaw(int(in.Fd()))
			if err != nil {
				return nil, fmt.Errorf("terminal: %w", err)
			}
			return func() { _ = xterm.Restore(int(in.Fd()), old) }, nil
		},
	}, nil
}

// Term is the front end.
type Term struct {
	cfg     Config
	painter painter
	escape  Escape
	keys    Decoder
	gen     uint64
	fresh   bool // a picture has been taken at gen
	help    bool
	monitor bool
	stop    chan struct{}
	stopped sync.Once

	mu      sync.Mutex // guards restore
	restore func()
}

// New returns a front end that Run starts.
func New(cfg Config) *Term {
	return &Term{cfg: cfg, painter: painter{depth: cfg.Depth}, stop: make(chan struct{})}
}

// ErrQuit is returned by Run after Ctrl-A x.
var ErrQuit = errors.New("quit")

// SignalError is returned by Run when a signal ended it.
type SignalError struct{ Signal os.Signal }

func (e SignalError) Error() string { return "ended by signal: " + e.Signal.String() }

// Stop makes Run return nil. It may be called from anywhere, more than once.
func (t *Term) Stop() { t.stopped.Do(func() { close(t.stop) }) }

// Restore gives the terminal back. Run does so on every way out, a panic
// included; goroutines whose panic would end the process defer it too.
func (t *Term) Restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restore != nil {
		_, _ = io.WriteString(t.cfg.Out, leaveScreen)
		t.restore()
		t.restore = nil
	}
}

const (
	framePeriod = 33 * time.Millisecond
	escapeDelay = 50 * time.Millisecond // after which Esc was the key
)

// Run shows the display and sends keys until Stop, Ctrl-A x (ErrQuit), the end
// of input (io.EOF), an error of the terminal, or SIGINT, SIGTERM or SIGHUP.
func (t *Term) Run() error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	resized := make(chan os.Signal, 1)
	notifyResize(resized)
	defer signal.Stop(resized)

	undo, err := t.cfg.Raw()
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.restore = undo
	t.mu.Unlock()
	defer t.Restore()
	if _, err := io.WriteString(t.cfg.Out, enterScreen); err != nil {
		return err
	}

	defer t.Stop() // ends the reader
	input, inputErr := t.read()
	frame := time.NewTicker(framePeriod)
	defer frame.Stop()
	esc := time.NewTimer(escapeDelay)
	esc.Stop()
	for {
		var err error
		select {
		case <-t.stop:
			return nil
		case s := <-signals:
			return SignalError{s}
		case <-resized:
			t.painter.last, t.fresh = nil, false
			err = t.draw()
		case <-frame.C:
			err = t.draw()
		case <-esc.C:
			t.send(t.keys.Flush())
		case err = <-inputErr:
		case p := <-input:
			err = t.input(p)
			if t.keys.Pending() {
				esc.Reset(escapeDelay)
			} else {
				esc.Stop()
			}
		}
		if err != nil {
			return err
		}
	}
}

// read pumps the terminal's input. A read cannot be cancelled, so the goroutine
// lives until the next key or the end of the process.
func (t *Term) read() (<-chan []byte, <-chan error) {
	input, errs := make(chan []byte), make(chan error, 1)
	done := t.stop
	go func() {
		for {
			buf := make([]byte, 256)
			n, err := t.cfg.In.Read(buf)
			if n > 0 {
				select {
				case input <- buf[:n]:
				case <-done:
					return
				}
			}
			if err != nil {
				errs <- err
				return
			}
		}
	}()
	return input, errs
}

func (t *Term) input(p []byte) (err error) {
	t.escape.Feed(p, func(p []byte) {
		switch {
		case t.help:
			t.help, t.fresh = false, false
		case t.monitor:
			t.cfg.Monitor(p)
		default:
			t.send(t.keys.Feed(p))
		}
	}, func(c Command) {
		switch c {
		case Quit:
			err = ErrQuit
		case Help:
			if t.monitor {
				t.cfg.Monitor([]byte("help\r"))
				return
			}
			t.help, t.fresh = !t.help, false
		case Monitor:
			err = t.toggleMonitor()
		}
	})
	return err
}

// toggleMonitor swaps the guest's screen and the monitor, which uses the
// terminal's main screen.
func (t *Term) toggleMonitor() error {
	if t.cfg.Monitor == nil {
		return nil
	}
	t.monitor, t.help = !t.monitor, false
	s := leaveScreen
	if !t.monitor {
		s = enterScreen
		if t.cfg.Shown != nil {
			t.cfg.Shown(false)
		}
	}
	t.painter.last, t.fresh = nil, false
	_, err := io.WriteString(t.cfg.Out, s)
	if t.monitor && t.cfg.Shown != nil {
		t.cfg.Shown(true)
	}
	return err
}

func (t *Term) send(keys []string) {
	for _, k := range keys {
		t.cfg.SendKey(k)
	}
}

// draw takes the guest's screen, if it changed, and paints what differs.
func (t *Term) draw() error {
	if t.monitor {
		return nil
	}
	w, h := t.cfg.Size()
	if last := t.painter.last; last != nil && (last.w != w || last.h != h) {
		t.fresh = false // where there is no SIGWINCH
	}
	var (
		p      *picture
		screen vga.TextScreen
		img    *image.RGBA
		text   bool
	)
	taken := false
	t.cfg.Sync(func() {
		g := t.cfg.Display.Generation()
		if t.fresh && g == t.gen {
			return
		}
		taken, t.gen = true, g
		if screen, text = t.cfg.Display.TextCells(); !text {
			img = t.cfg.Display.Render()
		}
	})
	if !taken {
		return nil
	}
	t.fresh = true
	if text {
		p = textPicture(&screen, w, h)
	} else {
		p = imagePicture(img, w, h)
	}
	if t.help {
		overlay(p, HelpText)
	}
	if out := t.painter.paint(p); len(out) > 0 {
		if _, err := t.cfg.Out.Write(out); err != nil {
			return err
		}
	}
	return nil
}
