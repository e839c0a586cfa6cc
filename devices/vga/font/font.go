// Package font holds g86's own CP437 bitmap fonts in the three cell heights of
// a VGA BIOS: 8x16, 8x14 and 8x8. They are drawn as text in this folder:
// ASCII by hand in both sizes, signs and Greek letters once and fitted to the
// cell; box drawing, blocks and accented letters are constructed.
//
// A glyph is one byte per row, most significant bit left.
package font

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed ascii16.txt
var ascii16 string

//go:embed ascii8.txt
var ascii8 string

//go:embed letters8.txt
var letters8 string

//go:embed symbols8.txt
var symbols8 string

// The fonts: 256 glyphs of 16, 14 and 8 bytes.
var (
	Font8x16 = sync.OnceValue(func() []byte { return build(16) })
	Font8x14 = sync.OnceValue(func() []byte { return build(14) })
	Font8x8  = sync.OnceValue(func() []byte { return build(8) })
)

// glyph is rows from the top.
type glyph []byte

// parse reads bands of glyphs: a line "= a b c" names them, the lines below
// hold one row of each. What is drawn wrong is a programming error.
func parse(art string, height int) map[rune]glyph {
	glyphs := map[rune]glyph{}
	var band []rune
	for n, line := range strings.Split(strings.TrimSpace(art), "\n") {
		f := strings.Fields(line)
		if f[0] == "=" && len([]rune(f[0])) == 1 && strings.HasPrefix(line, "= ") {
			band = nil
			for _, name := range f[1:] {
				band = append(band, []rune(name)[0])
			}
			continue
		}
		if len(f) != len(band) {
			panic(fmt.Sprintf("font: line %d of %d glyphs in a band of %d", n+1, len(f), len(band)))
		}
		for i, row := range f {
			var bits byte
			for _, c := range row {
				bits = bits<<1 | map[rune]byte{'#': 1}[c]
			}
			glyphs[band[i]] = append(glyphs[band[i]], bits)
		}
	}
	for r, g := range glyphs {
		if len(g) != height {
			panic(fmt.Sprintf("font: %q has %d rows, not %d", r, len(g), height))
		}
	}
	return glyphs
}

// build assembles the font with the given cell height.
func build(height int) []byte {
	s := newSet(height)
	out := make([]byte, 0, 256*height)
	for _, r := range CP437 {
		out = append(out, s.glyph(r)...)
	}
	return out
}

// set makes the glyphs of one cell height.
type set struct {
	height int
	top    int // row of the tops of capitals
	drawn  map[rune]glyph
}

func newSet(height int) *set {
	s := &set{height: height, drawn: map[rune]glyph{}}
	ascii, rows := ascii8, 8
	switch height {
	case 16:
		s.top, ascii, rows = 2, ascii16, 13
	case 14:
		s.top, ascii, rows = 1, ascii16, 13
	}
	for r, g := range parse(ascii, rows) {
		s.drawn[r] = s.place(g, s.top)
	}
	for r, g := range parse(letters8, 8) {
		s.drawn[r] = s.place(s.stretch(g), s.top)
	}
	for r, g := range parse(symbols8, 8) {
		s.drawn[r] = s.place(g, (height-8)/2)
	}
	return s
}

// place puts g into an empty cell with its first row at top.
func (s *set) place(g glyph, top int) glyph {
	c := make(glyph, s.height)
	copy(c[top:], g)
	return c
}

// stretch fits a letter drawn for the 8-row cell (capitals of 7 rows, small
// letters of 5) to the proportions of the tall cells (10 and 7).
func (s *set) stretch(g glyph) glyph {
	if s.height == 8 {
		return g
	}
	return glyph{g[0], g[1], g[1], g[2], g[3], g[3], g[4], g[5], g[5], g[6], g[7], g[7]}
}

// glyph is the glyph of r: drawn, derived from another one, or constructed.
func (s *set) glyph(r rune) glyph {
	if g, ok := s.drawn[r]; ok {
		return g
	}
	if a, ok := boxes[r]; ok {
		return s.box(a)
	}
	if g, ok := s.block(r); ok {
		return g
	}
	if c, ok := composed[r]; ok {
		return s.compose(c)
	}
	switch r {
	case ' ':
		return make(glyph, s.height)
	case '◘':
		return s.invert('•')
	case '◙':
		return s.invert('○')
	case '◄':
		return s.mirror('►')
	case '←':
		return s.mirror('→')
	case '⌐':
		return s.mirror('¬')
	case '»':
		return s.mirror('«')
	case '≤':
		return s.mirror('≥')
	case '↓':
		return s.flip('↑')
	case '▼':
		return s.flip('▲')
	case '¿':
		return s.turn('?')
	case '¡':
		return s.turn('!')
	case '‼':
		return s.mapRows('!', func(b byte) byte { return b<<2 | b>>2 })
	case '↨':
		g := append(glyph(nil), s.drawn['↕']...)
		at := (s.height-8)/2 + 8
		if at >= s.height {
			at = s.height - 1
		}
		g[at] = 0x7e
		return g
	}
	panic(fmt.Sprintf("font: nothing draws %q", r))
}

func (s *set) mapRows(r rune, f func(byte) byte) glyph {
	g := append(glyph(nil), s.drawn[r]...)
	for i := range g {
		g[i] = f(g[i])
	}
	return g
}

func (s *set) invert(r rune) glyph { return s.mapRows(r, func(b byte) byte { return ^b }) }

// mirror swaps left and right within the columns the glyph uses.
func (s *set) mirror(r rune) glyph {
	var used byte
	for _, b := range s.drawn[r] {
		used |= b
	}
	return s.mapRows(r, func(b byte) (m byte) {
		lead, trail := 0, 0
		for used<<lead&0x80 == 0 {
			lead++
		}
		for used>>trail&1 == 0 {
			trail++
		}
		for i := range 8 {
			m |= b >> i & 1 << (7 - i)
		}
		if lead < trail { // keep the margins where they were
			return m << (trail - lead)
		}
		return m >> (lead - trail)
	})
}

// flip turns the inked rows upside down.
func (s *set) flip(r rune) glyph {
	g := append(glyph(nil), s.drawn[r]...)
	from, to := 0, len(g)-1
	for g[from] == 0 {
		from++
	}
	for g[to] == 0 {
		to--
	}
	for ; from < to; from, to = from+1, to-1 {
		g[from], g[to] = g[to], g[from]
	}
	return g
}

// turn rotates by half a turn, for the Spanish opening marks.
func (s *set) turn(r rune) glyph {
	g := s.mirror(r)
	keep := s.drawn[r]
	s.drawn[r] = g
	g = s.flip(r)
	s.drawn[r] = keep
	return g
}
