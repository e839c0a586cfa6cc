package term

import (
	"bytes"
	"image"
	"image/color"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"g86/devices/vga"
	"github.com/stretchr/testify/require"
)

// fakeTTY is a terminal made of pipes; what is written can be waited for.
type fakeTTY struct {
	*io.PipeWriter // the keyboard
	mu             sync.Mutex
	cond           *sync.Cond
	out            bytes.Buffer
	fail           error
	raw, restored  int
	w, h           int
}

func (f *fakeTTY) write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return 0, f.fail
	}
	f.out.Write(p)
	f.cond.Broadcast()
	return len(p), nil
}

// waitFor blocks until s has been written (since the last call).
func (f *fakeTTY) waitFor(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if i := strings.Index(f.out.String(), s); i >= 0 {
			f.out.Next(i + len(s))
			return
		}
		f.cond.Wait()
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// screen is a display with fixed contents.
type screen struct {
	gen  uint64
	text *vga.TextScreen
	img  *image.RGBA
}

func (s *screen) Generation() uint64 { return s.gen }
func (s *screen) TextCells() (vga.TextScreen, bool) {
	if s.text == nil {
		return vga.TextScreen{}, false
	}
	return *s.text, true
}
func (s *screen) Render() *image.RGBA { return s.img }

var (
	grey  = color.RGBA{0xaa, 0xaa, 0xaa, 255}
	black = color.RGBA{0, 0, 0, 255}
)

func textScreen(cols, rows int, s string) *vga.TextScreen {
	t := &vga.TextScreen{Cols: cols, Rows: rows, Cells: make([]vga.Cell, cols*rows), CursorX: 1, CursorY: 0, CursorOn: true}
	for i := range t.Cells {
		t.Cells[i] = vga.Cell{Ch: ' ', FG: grey, BG: black}
	}
	for i, r := range s {
		t.Cells[i].Ch = r
	}
	return t
}

type rig struct {
	*Term
	tty  *fakeTTY
	show *screen
	keys chan string
	done chan error
	mu   sync.Mutex
}

func start(t *testing.T, with func(c *Config)) *rig {
	pr, pw := io.Pipe()
	r := &rig{tty: &fakeTTY{PipeWriter: pw, w: 20, h: 5}, keys: make(chan string, 100), done: make(chan error, 1)}
	r.tty.cond = sync.NewCond(&r.tty.mu)
	r.show = &screen{gen: 1, text: textScreen(20, 5, "Hello")}
	cfg := Config{
		Display: r.show,
		Sync:    func(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() },
		SendKey: func(k string) { r.keys <- k },
		TTY: TTY{In: pr, Out: writerFunc(r.tty.write), Depth: TrueColour,
			Size: func() (int, int) { r.tty.mu.Lock(); defer r.tty.mu.Unlock(); return r.tty.w, r.tty.h },
			Raw:  func() (func(), error) { r.tty.raw++; return func() { r.tty.restored++ }, nil }},
	}
	if with != nil {
		with(&cfg)
	}
	r.Term = New(cfg)
	go func() { r.done <- r.Run() }()
	t.Cleanup(r.Stop)
	return r
}

func (r *rig) update(f func(s *screen)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.show)
	r.show.gen++
}

func (r *rig) ended(t *testing.T, want error) {
	require.Equal(t, want, <-r.done)
	r.tty.waitFor(leaveScreen)
	require.Equal(t, [2]int{1, 1}, [2]int{r.tty.raw, r.tty.restored})
	r.Restore()
	require.Equal(t, 1, r.tty.restored, "once")
}

func TestShowsTheScreenAndSendsKeys(t *testing.T) {
	r := start(t, nil)
	r.tty.waitFor(enterScreen)
	r.tty.waitFor("Hello")
	r.tty.waitFor("\x1b[1;2H\x1b[?25h") // the cursor
	r.update(func(s *screen) { s.text = textScreen(20, 5, "Hallo") })
	r.tty.waitFor("\x1b[1;2H\x1b[0;38;2;170;170;170;48;2;0;0;0ma\x1b[0m") // only what changed
	for _, k := range []string{"x", "\x1b[A", "\x1b"} {
		_, err := r.tty.Write([]byte(k))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"x", "up", "esc"}, []string{<-r.keys, <-r.keys, <-r.keys})
	_, err := r.tty.Write([]byte("\x01x"))
	require.NoError(t, err)
	r.ended(t, ErrQuit)
}

func TestHelpAndMonitor(t *testing.T) {
	monitor, shown := make(chan string, 10), make(chan bool, 10)
	r := start(t, func(c *Config) {
		c.Monitor = func(p []byte) { monitor <- string(p) }
		c.Shown = func(on bool) { shown <- on }
	})
	r.tty.mu.Lock()
	r.tty.w, r.tty.h = 60, 12
	r.tty.mu.Unlock()
	r.tty.waitFor("\x1b[1;2H\x1b[?25h")
	_, _ = r.tty.Write([]byte("\x01h"))
	r.tty.waitFor("this help")
	_, _ = r.tty.Write([]byte("q"))
	r.tty.waitFor("\x1b[1;2H\x1b[?25h") // the guest's cursor is back
	_, _ = r.tty.Write([]byte("\x01c"))
	require.True(t, <-shown)
	r.tty.waitFor(leaveScreen)
	_, _ = r.tty.Write([]byte("info pic\r"))
	require.Equal(t, "info pic\r", <-monitor)
	_, _ = r.tty.Write([]byte("\x01c"))
	require.False(t, <-shown)
	r.tty.waitFor(enterScreen)
	r.tty.waitFor("Hello")
	require.Empty(t, r.keys, "nothing of this reached the guest")
	r.Stop()
	r.ended(t, nil)
}

func TestWaysOut(t *testing.T) {
	r := start(t, nil)
	r.tty.waitFor("Hello")
	require.NoError(t, r.tty.Close())
	r.ended(t, io.EOF)

	r = start(t, nil)
	r.tty.waitFor("Hello")
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGTERM))
	r.ended(t, SignalError{syscall.SIGTERM})

	r = start(t, nil)
	r.tty.waitFor("Hello")
	r.tty.mu.Lock()
	r.tty.fail = io.ErrClosedPipe
	r.tty.mu.Unlock()
	r.update(func(s *screen) { s.text = textScreen(20, 5, "gone") })
	require.Equal(t, io.ErrClosedPipe, <-r.done)
	require.Equal(t, 1, r.tty.restored)
}

func TestPanicRestores(t *testing.T) {
	restored := false
	tm := New(Config{Display: &screen{}, SendKey: func(string) {}, Sync: func(func()) { panic("guest") },
		TTY: TTY{In: strings.NewReader(""), Out: io.Discard, Size: func() (int, int) { return 10, 10 },
			Raw: func() (func(), error) { return func() { restored = true }, nil }}})
	pr, _ := io.Pipe() // no input ever
	tm.cfg.In = pr
	require.PanicsWithValue(t, "guest", func() { _ = tm.Run() })
	require.True(t, restored)
}

func TestResizeRepaints(t *testing.T) {
	r := start(t, nil)
	r.tty.waitFor("Hello")
	r.tty.mu.Lock()
	r.tty.w, r.tty.h = 30, 10
	r.tty.mu.Unlock()
	r.tty.waitFor("\x1b[2J")
	r.tty.waitFor("Hello")
	r.Stop()
	r.ended(t, nil)
}

func TestSmallWindowFollowsTheCursor(t *testing.T) {
	s := textScreen(80, 25, "")
	s.Cells[24*80+79].Ch = '#'
	s.CursorX, s.CursorY = 79, 24
	p := textPicture(s, 40, 10)
	require.Equal(t, '#', p.cells[9*40+39].ch)
	require.Equal(t, [2]int{39, 9}, [2]int{p.cx, p.cy})
	s.CursorX, s.CursorY = 0, 0
	p = textPicture(s, 40, 10)
	require.Equal(t, [2]int{0, 0}, [2]int{p.cx, p.cy})
	p = textPicture(s, 100, 30) // larger: the rest stays empty
	require.Equal(t, '#', p.cells[24*100+79].ch)
	require.Equal(t, ' ', p.cells[29*100+99].ch)
}

func TestGraphicsAsHalfBlocks(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			c := color.RGBA{255, 0, 0, 255}
			if y >= 240 {
				c = color.RGBA{0, 0, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	p := imagePicture(img, 80, 25) // 66 by 50 pixels, centred
	at := func(x, y int) cell { return p.cells[y*80+x] }
	require.Equal(t, '▀', at(40, 0).ch)
	require.Equal(t, cell{ch: '▀', fg: color.RGBA{255, 0, 0, 255}, bg: color.RGBA{0, 0, 255, 255}}, at(40, 12))
	require.Equal(t, ' ', at(0, 12).ch)
	require.NotPanics(t, func() {
		for _, s := range [][2]int{{0, 0}, {1, 1}, {300, 1}, {1, 300}} {
			imagePicture(img, s[0], s[1])
			overlay(imagePicture(image.NewRGBA(image.Rect(0, 0, 8, 1)), s[0], s[1]), HelpText)
		}
	})
}

func TestColourDepths(t *testing.T) {
	for i, want := range []int{0, 4, 2, 6, 1, 5, 3, 7} { // the PC's order of colours
		x := color.RGBA{uint8(0xaa * (i >> 2)), uint8(0xaa * (i >> 1 & 1)), uint8(0xaa * (i & 1)), 255}
		if i == 6 {
			x.G = 0x55
		}
		require.Equal(t, want, ansi16(x))
		x.R, x.G, x.B = x.R/2+0x55, x.G/2+0x55, x.B/2+0x55
		require.Less(t, ansi16(color.RGBA{0xff, 0xff, 0xff, 255}), 16)
	}
	require.Equal(t, 15, ansi16(color.RGBA{255, 255, 255, 255}))
	require.Equal(t, "\x1b[0;97;44m", (&painter{depth: Colours16}).style(cell{fg: color.RGBA{255, 255, 255, 255}, bg: color.RGBA{0, 0, 0xaa, 255}}))
	require.Equal(t, "\x1b[0;5;38;5;231;48;5;19m", (&painter{depth: Colours256}).style(cell{fg: color.RGBA{255, 255, 255, 255}, bg: color.RGBA{0, 0, 0xaa, 255}, blink: true}))
}
