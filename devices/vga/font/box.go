package font

// arms is the line styles that leave the centre of a box drawing character:
// 0 none, 1 single, 2 double. In CP437 both arms of an axis look alike.
type arms struct{ up, down, left, right byte }

var boxes = map[rune]arms{
	'│': {1, 1, 0, 0}, '┤': {1, 1, 1, 0}, '╡': {1, 1, 2, 0}, '╢': {2, 2, 1, 0}, '╖': {0, 2, 1, 0},
	'╕': {0, 1, 2, 0}, '╣': {2, 2, 2, 0}, '║': {2, 2, 0, 0}, '╗': {0, 2, 2, 0}, '╝': {2, 0, 2, 0},
	'╜': {2, 0, 1, 0}, '╛': {1, 0, 2, 0}, '┐': {0, 1, 1, 0}, '└': {1, 0, 0, 1}, '┴': {1, 0, 1, 1},
	'┬': {0, 1, 1, 1}, '├': {1, 1, 0, 1}, '─': {0, 0, 1, 1}, '┼': {1, 1, 1, 1}, '╞': {1, 1, 0, 2},
	'╟': {2, 2, 0, 1}, '╚': {2, 0, 0, 2}, '╔': {0, 2, 0, 2}, '╩': {2, 0, 2, 2}, '╦': {0, 2, 2, 2},
	'╠': {2, 2, 0, 2}, '═': {0, 0, 2, 2}, '╬': {2, 2, 2, 2}, '╧': {1, 0, 2, 2}, '╨': {2, 0, 1, 1},
	'╤': {0, 1, 2, 2}, '╥': {0, 2, 1, 1}, '╙': {2, 0, 0, 1}, '╘': {1, 0, 0, 2}, '╒': {0, 1, 0, 2},
	'╓': {0, 2, 0, 1}, '╫': {2, 2, 1, 1}, '╪': {1, 1, 2, 2}, '┘': {1, 0, 1, 0}, '┌': {0, 1, 0, 1},
}

// Columns: a single vertical line is columns 3-4, a double one 1-2 and 5-6, so
// that both are centred in the cell.
const (
	leftStem, rightStem   = 1, 5
	singleStem, lastStem  = 3, 6
	singleEnd, rightBound = 4, 7
)

// fill sets or clears a rectangle, both ends included.
func (g glyph) fill(x0, y0, x1, y1 int, on bool) {
	for y := max(0, y0); y <= y1 && y < len(g); y++ {
		for x := x0; x <= x1; x++ {
			if on {
				g[y] |= 0x80 >> x
			} else {
				g[y] &^= 0x80 >> x
			}
		}
	}
}

func (s *set) box(a arms) glyph {
	g := make(glyph, s.height)
	m, end := (s.height-1)/2, s.height-1
	vert, horiz := max(a.up, a.down), max(a.left, a.right)
	// from and to pick the end of a line by whether the arm on that side exists.
	from := func(arm byte, far, near int) int {
		if arm != 0 {
			return far
		}
		return near
	}
	switch {
	case vert == 2 && horiz == 2:
		// Roads: pave the bands, then hollow them out, so that crossings open up.
		g.fill(from(a.left, 0, leftStem), m-1, from(a.right, rightBound, lastStem), m+1, true)
		g.fill(leftStem, from(a.up, 0, m-1), lastStem, from(a.down, end, m+1), true)
		g.fill(from(a.left, 0, singleStem), m, from(a.right, rightBound, singleEnd), m, false)
		g.fill(singleStem, from(a.up, 0, m), singleEnd, from(a.down, end, m), false)
	case horiz == 2:
		for _, y := range []int{m - 1, m + 1} {
			g.fill(from(a.left, 0, singleStem), y, from(a.right, rightBound, singleEnd), y, true)
		}
		through := a.left != 0 && a.right != 0
		if a.up != 0 {
			g.fill(singleStem, 0, singleEnd, when(through && a.down == 0, m-1, m+1), true)
		}
		if a.down != 0 {
			g.fill(singleStem, when(through && a.up == 0, m+1, m-1), singleEnd, end, true)
		}
	case vert == 2:
		for _, x := range []int{leftStem, rightStem} {
			g.fill(x, from(a.up, 0, m), x+1, from(a.down, end, m), true)
		}
		through := a.up != 0 && a.down != 0
		if a.left != 0 {
			g.fill(0, m, when(through && a.right == 0, leftStem+1, lastStem), m, true)
		}
		if a.right != 0 {
			g.fill(when(through && a.left == 0, rightStem, leftStem), m, rightBound, m, true)
		}
	default:
		if vert != 0 {
			g.fill(singleStem, from(a.up, 0, m), singleEnd, from(a.down, end, m), true)
		}
		if horiz != 0 {
			g.fill(from(a.left, 0, singleStem), m, from(a.right, rightBound, singleEnd), m, true)
		}
	}
	return g
}

func when(c bool, a, b int) int {
	if c {
		return a
	}
	return b
}

// block makes the shades, the half blocks and the halves of the integral sign,
// which join their neighbours and so depend on the cell.
func (s *set) block(r rune) (glyph, bool) {
	g := make(glyph, s.height)
	half, end := s.height/2, s.height-1
	switch r {
	case '█':
		g.fill(0, 0, 7, end, true)
	case '▄':
		g.fill(0, half, 7, end, true)
	case '▀':
		g.fill(0, 0, 7, half-1, true)
	case '▌':
		g.fill(0, 0, 3, end, true)
	case '▐':
		g.fill(4, 0, 7, end, true)
	case '░', '▒', '▓':
		p := map[rune][2]byte{'░': {0x22, 0x88}, '▒': {0x55, 0xaa}, '▓': {0xdd, 0x77}}[r]
		for y := range g {
			g[y] = p[y&1]
		}
	case '⌠':
		g.fill(3, 1, 4, end, true)
		g.fill(4, 0, 6, 0, true)
		g.fill(6, 1, 7, half/4, true)
	case '⌡':
		g.fill(3, 0, 4, end-2, true)
		g.fill(1, end-1, 3, end-1, true)
		g.fill(0, end-1-half/4, 1, end-2, true)
	default:
		return nil, false
	}
	return g, true
}
