package font

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func sizes() map[int][]byte {
	return map[int][]byte{16: Font8x16(), 14: Font8x14(), 8: Font8x8()}
}

func TestEveryCodeHasAGlyphOfItsOwn(t *testing.T) {
	for h, f := range sizes() {
		require.Len(t, f, 256*h)
		seen := map[string]int{}
		for c := range 256 {
			g := string(f[c*h : (c+1)*h])
			blank := g == string(make([]byte, h))
			require.Equal(t, c == 0 || c == ' ' || c == 0xff, blank, "8x%d code %02x", h, c)
			if other, dup := seen[g]; dup && !blank {
				t.Errorf("8x%d: codes %02x and %02x look the same", h, other, c)
			}
			seen[g] = c
		}
	}
}

// Line drawing only works if every line reaches the cell's edge in the same
// place; the ninth dot repeats column 7 of C0-DF.
func TestBoxDrawingJoins(t *testing.T) {
	const stem, double = 0x18, 0x66
	for h, f := range sizes() {
		s := newSet(h)
		m := (h - 1) / 2
		for r, a := range boxes {
			g := s.glyph(r)
			vertical := []byte{0, stem, double}
			require.Equal(t, vertical[a.up], g[0], "%c up, height %d", r, h)
			require.Equal(t, vertical[a.down], g[h-1], "%c down, height %d", r, h)
			for _, side := range []struct{ arm, bit byte }{{a.left, 0x80}, {a.right, 0x01}} {
				var rows []int
				for y, b := range g {
					if b&side.bit != 0 {
						rows = append(rows, y)
					}
				}
				require.Equal(t, [][]int{nil, {m}, {m - 1, m + 1}}[side.arm], rows, "%c, height %d", r, h)
			}
		}
		require.Equal(t, byte(0xff), f[0xdb*h+h-1], "full block, height %d", h)
		require.Zero(t, f[0xdf*h+h-1], "upper half block, height %d", h)
	}
}

func TestCellsKeepTheirProportions(t *testing.T) {
	s := newSet(16)
	require.Zero(t, s.glyph('A')[1])
	require.NotZero(t, s.glyph('A')[2], "capitals start in row 2")
	require.NotZero(t, s.glyph('A')[11], "the base line is row 11")
	require.Zero(t, s.glyph('A')[12])
	require.NotZero(t, s.glyph('g')[14], "descenders end in row 14")
	require.NotZero(t, s.glyph('É')[0], "accents of capitals start in row 0")
	require.Equal(t, s.glyph('E')[11], s.glyph('É')[11])
	require.Equal(t, s.glyph('e')[5:], s.glyph('é')[5:])
}

func TestBadArtIsRefused(t *testing.T) {
	require.Panics(t, func() { parse("= a b\n......## ", 1) })
	require.Panics(t, func() { parse("= a\n......##", 2) })
}

func TestCP437(t *testing.T) {
	for code, want := range map[int]rune{0: ' ', 1: '☺', 0x1f: '▼', ' ': ' ', '~': '~', 0x7f: '⌂', 0x80: 'Ç', 0xb0: '░',
		0xc4: '─', 0xdb: '█', 0xe1: 'ß', 0xf8: '°', 0xfe: '■', 0xff: ' '} {
		require.Equal(t, want, CP437[code], "%02x", code)
	}
}
