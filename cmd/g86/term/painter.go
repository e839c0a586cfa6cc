package term

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"strings"
)

// Depth is how many colours the terminal shows.
type Depth int

// Depths.
const (
	Colours16 Depth = iota
	Colours256
	TrueColour
)

// DepthFromEnv guesses from COLORTERM and TERM, as other programs do.
func DepthFromEnv() Depth {
	switch c := os.Getenv("COLORTERM"); {
	case c == "truecolor" || c == "24bit":
		return TrueColour
	case strings.Contains(os.Getenv("TERM"), "256color"):
		return Colours256
	}
	return Colours16
}

// cell is one character of the terminal.
type cell struct {
	ch     rune
	fg, bg color.RGBA
	blink  bool
}

// picture is a terminal full of cells.
type picture struct {
	w, h   int
	cells  []cell
	cx, cy int // cursor, -1 when hidden
}

func newPicture(w, h int) *picture {
	p := &picture{w: w, h: h, cells: make([]cell, w*h), cx: -1, cy: -1}
	for i := range p.cells {
		p.cells[i] = cell{ch: ' ', fg: color.RGBA{A: 255}, bg: color.RGBA{A: 255}}
	}
	return p
}

func (p *picture) set(x, y int, c cell) {
	if x >= 0 && x < p.w && y >= 0 && y < p.h {
		p.cells[y*p.w+x] = c
	}
}

// painter writes what changed between pictures as ANSI sequences.
type painter struct {
	depth Depth
	last  *picture // what the terminal shows, nil if unknown
}

const (
	enterScreen = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[0m\x1b[2J"
	leaveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// paint returns the bytes that turn the terminal's contents into p.
func (t *painter) paint(p *picture) []byte {
	var b bytes.Buffer
	old := t.last
	if old == nil || old.w != p.w || old.h != p.h {
		b.WriteString("\x1b[0m\x1b[2J")
		old = nil
	}
	x, y := -1, -1 // where the terminal's cursor is, if known
	var style string
	for i, c := range p.cells {
		if old != nil && old.cells[i] == c {
			continue
		}
		if cx, cy := i%p.w, i/p.w; cx != x || cy != y {
			fmt.Fprintf(&b, "\x1b[%d;%dH", cy+1, cx+1)
			x, y = cx, cy
		}
		if s := t.style(c); s != style {
			b.WriteString(s)
			style = s
		}
		b.WriteRune(c.ch)
		if x++; !oneColumn(c.ch) || x == p.w {
			x = -1
		}
	}
	if b.Len() > 0 {
		b.WriteString("\x1b[0m")
	}
	moved := old == nil || old.cx != p.cx || old.cy != p.cy
	switch {
	case p.cx >= 0 && (moved || b.Len() > 0):
		out := append([]byte("\x1b[?25l"), b.Bytes()...) // no flicker while drawing
		b.Reset()
		b.Write(out)
		fmt.Fprintf(&b, "\x1b[%d;%dH\x1b[?25h", p.cy+1, p.cx+1)
	case p.cx < 0 && moved:
		b.WriteString("\x1b[?25l")
	}
	t.last = p
	return b.Bytes()
}

// oneColumn reports whether every terminal draws r one column wide: not so for
// arrows and symbols, which some fonts make wide.
func oneColumn(r rune) bool { return r < 0x180 || r >= 0x2500 && r < 0x25a0 }

func (t *painter) style(c cell) string {
	s := "\x1b[0;"
	if c.blink {
		s += "5;"
	}
	switch t.depth {
	case TrueColour:
		return s + fmt.Sprintf("38;2;%d;%d;%d;48;2;%d;%d;%dm", c.fg.R, c.fg.G, c.fg.B, c.bg.R, c.bg.G, c.bg.B)
	case Colours256:
		return s + fmt.Sprintf("38;5;%d;48;5;%dm", xterm256(c.fg), xterm256(c.bg))
	}
	fg, bg := ansi16(c.fg), ansi16(c.bg)
	return s + fmt.Sprintf("%d;%dm", 30+fg+fg/8*52, 40+bg+bg/8*52)
}

// ansi16 is the nearest of the PC's sixteen colours, in the order of ANSI.
func ansi16(c color.RGBA) int {
	best, at := 1<<30, 0
	for i := range 16 {
		bright := 0x55 * (i >> 3)
		var d int
		for j, x := range []uint8{c.R, c.G, c.B} {
			y := 0xaa*(i>>j&1) + bright
			if i == 3 && j == 1 {
				y = 0x55 // brown
			}
			d += (int(x) - y) * (int(x) - y)
		}
		if d < best {
			best, at = d, i
		}
	}
	return at
}

// xterm256 is the nearest colour of the 6x6x6 cube or the grey ramp.
func xterm256(c color.RGBA) int {
	if c.R == c.G && c.G == c.B && c.R > 4 && c.R < 247 {
		return 232 + min(23, (int(c.R)-3)/10)
	}
	level := func(x uint8) int {
		if x < 48 {
			return 0
		}
		if x < 115 {
			return 1
		}
		return (int(x) - 35) / 40
	}
	return 16 + 36*level(c.R) + 6*level(c.G) + level(c.B)
}
