package font

// composition is a letter with a mark above it (or the cedilla below).
type composition struct{ base, mark rune }

var composed = map[rune]composition{
	'Ç': {'C', '¸'}, 'ü': {'u', '¨'}, 'é': {'e', '´'}, 'â': {'a', '^'}, 'ä': {'a', '¨'}, 'à': {'a', '`'},
	'å': {'a', '°'}, 'ç': {'c', '¸'}, 'ê': {'e', '^'}, 'ë': {'e', '¨'}, 'è': {'e', '`'}, 'ï': {'i', '¨'},
	'î': {'i', '^'}, 'ì': {'i', '`'}, 'Ä': {'A', '¨'}, 'Å': {'A', '°'}, 'É': {'E', '´'}, 'ô': {'o', '^'},
	'ö': {'o', '¨'}, 'ò': {'o', '`'}, 'û': {'u', '^'}, 'ù': {'u', '`'}, 'ÿ': {'y', '¨'}, 'Ö': {'O', '¨'},
	'Ü': {'U', '¨'}, 'á': {'a', '´'}, 'í': {'i', '´'}, 'ó': {'o', '´'}, 'ú': {'u', '´'}, 'ñ': {'n', '~'},
	'Ñ': {'N', '~'},
}

// marks are two rows each; the ring's and the dots' look right in one cell
// height only with a gap below, which the letter's position leaves.
var marks = map[rune]glyph{
	'´': {0x0c, 0x18},
	'`': {0x30, 0x18},
	'^': {0x38, 0x6c},
	'¨': {0x6c, 0x6c},
	'°': {0x28, 0x38},
	'~': {0x76, 0xdc},
	'¸': {0x18, 0x70},
}

func (s *set) compose(c composition) glyph {
	base, mark := s.drawn[c.base], marks[c.mark]
	g := make(glyph, s.height)
	copy(g, base)
	if c.mark == '¸' {
		under := s.top + 10 // the row below the base line
		if s.height == 8 {
			under = 7
			mark = mark[1:]
		}
		copy(g[under:], mark)
		return g
	}
	if c.base >= 'A' && c.base <= 'Z' {
		return s.composeCapital(base, mark, c.mark)
	}
	xTop := s.top + 3 // top row of small letters
	if s.height == 8 {
		xTop = 2
		if c.mark == '¨' {
			mark = glyph{mark[0], 0}
		}
	}
	clear(g[:xTop])
	at := max(0, xTop-3)
	if c.mark == '°' && s.height != 8 { // a closed ring takes three rows
		mark = glyph{0x38, 0x28, 0x38}
		at--
	}
	copy(g[at:], mark)
	return g
}

// composeCapital makes room by leaving out rows of the letter that repeat.
func (s *set) composeCapital(base, mark glyph, name rune) glyph {
	g := make(glyph, s.height)
	b := base[s.top:]
	switch s.height {
	case 8:
		copy(g, mark[:1])
		switch name {
		case '¨': // farther apart than on small letters, which have the same height here
			g[0] = 0xc6
		case '°':
			g[0] = 0x38
			copy(g[1:], glyph{0x28, b[0], b[2], b[3], b[4], b[6]})
			return g
		}
		copy(g[2:], glyph{b[0], b[2], b[3], b[4], b[6]})
	case 14:
		copy(g, mark)
		copy(g[3:], glyph{b[0], b[1], b[3], b[4], b[5], b[6], b[8], b[9]})
	default:
		copy(g, mark)
		copy(g[3:], glyph{b[0], b[1], b[3], b[4], b[5], b[6], b[7], b[8], b[9]})
	}
	return g
}
