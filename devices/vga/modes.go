package vga

// Palette names one of the default DAC contents.
type Palette int

// Default DAC contents.
const (
	PaletteMono Palette = iota // modes 7 and 0Fh
	PaletteCGA                 // 200-line modes: RGBI
	PaletteEGA                 // 64 colours, rgbRGB
	Palette256                 // mode 13h
)

// Mode is one BIOS video mode: its register values (IBM PS/2 and PC BIOS
// Interface Technical Reference, video parameter table) and what the BIOS data
// area says about it.
type Mode struct {
	Number        byte
	Text          bool
	Cols, Rows    int // in characters
	CharHeight    int
	Width, Height int // in pixels; text modes with 9-dot cells count 9
	Colours       int
	PageSize      int    // bytes of CPU address space per page
	Segment       uint16 // of the CPU's window
	Palette       Palette

	Misc byte
	Seq  [5]byte
	CRTC [25]byte
	Attr [21]byte
	Gfx  [9]byte
}

// CRTC values for the horizontal timings, which the modes share, and a vertical part.
type vertical struct{ total, overflow, start, end, display, blank, blankEnd byte }

var (
	lines400 = vertical{0xbf, 0x1f, 0x9c, 0x8e, 0x8f, 0x96, 0xb9}
	lines350 = vertical{0xbf, 0x1f, 0x83, 0x85, 0x5d, 0x63, 0xba}
	lines480 = vertical{0x0b, 0x3e, 0xea, 0x8c, 0xdf, 0xe7, 0x04}

	cols40     = [6]byte{0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80}
	cols40Text = [6]byte{0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0}
	cols80     = [6]byte{0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80}
	cols80Text = [6]byte{0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81}

	attrEGA   = [16]byte{0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f}
	attrCGA   = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17}
	attrCGA4  = [16]byte{0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17}
	attrMono  = [16]byte{0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18}
	attrIdent = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	attr0F    = [16]byte{0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0}
)

// crtc assembles a CRTC parameter block. rows is CR09, offset CR13, underline
// CR14, mode CR17.
func crtc(h [6]byte, v vertical, rows, offset, underline, mode byte) [25]byte {
	c := [25]byte{0: h[0], h[1], h[2], h[3], h[4], h[5], v.total, v.overflow, 0, rows,
		0x10: v.start, v.end, v.display, offset, underline, v.blank, v.blankEnd, mode, 0xff}
	if rows&0x1f == 0x0f { // text: the BIOS's underline cursor
		c[0x0a], c[0x0b] = 0x0d, 0x0e
	}
	return c
}

func attr(palette [16]byte, mode, planes, pan byte) (a [21]byte) {
	copy(a[:], palette[:])
	a[0x10], a[0x12], a[0x13] = mode, planes, pan
	return a
}

func solid(x byte) (a [16]byte) {
	for i := 1; i < 16; i++ {
		a[i] = x
	}
	return a
}

func text(n byte, cols, width, pageSize int) Mode {
	m := Mode{Number: n, Text: true, Cols: cols, Rows: 25, CharHeight: 16, Width: width, Height: 400, Colours: 16,
		PageSize: pageSize, Segment: 0xb800, Palette: PaletteEGA, Misc: 0x67,
		Seq:  [5]byte{3, 0, 3, 0, 2},
		CRTC: crtc(cols80Text, lines400, 0x4f, 0x28, 0x1f, 0xa3),
		Attr: attr(attrEGA, 0x0c, 0x0f, 8),
		Gfx:  [9]byte{5: 0x10, 6: 0x0e, 8: 0xff}}
	if cols == 40 {
		m.Seq[1] = 8
		m.CRTC = crtc(cols40Text, lines400, 0x4f, 0x14, 0x1f, 0xa3)
	}
	return m
}

func graphics(n byte, width, height, cell, colours int) Mode {
	return Mode{Number: n, Cols: width / 8, Rows: height / cell, CharHeight: cell, Width: width, Height: height,
		Colours: colours, Segment: 0xa000, Palette: PaletteEGA, Misc: 0x63,
		Seq: [5]byte{3, 1, 0x0f, 0, 6}, Gfx: [9]byte{6: 0x05, 7: 0x0f, 8: 0xff}}
}

// ModeTable is the standard modes by BIOS number. It is a function result so
// that nobody can change it for everybody.
func ModeTable() map[byte]Mode { return modes() }

func modes() map[byte]Mode {
	t := map[byte]Mode{}
	add := func(m Mode) { t[m.Number] = m }

	for n := range byte(2) {
		add(text(n, 40, 360, 0x800))
		add(text(n+2, 80, 720, 0x1000))
	}
	mono := text(7, 80, 720, 0x1000)
	mono.Colours, mono.Segment, mono.Palette, mono.Misc = 2, 0xb000, PaletteMono, 0x66
	mono.CRTC = crtc(cols80Text, lines400, 0x4f, 0x28, 0x0f, 0xa3)
	mono.Attr = attr(attrMono, 0x0e, 0x0f, 8)
	mono.Gfx[6] = 0x0a
	add(mono)

	for n := byte(4); n <= 5; n++ { // CGA, four colours
		m := graphics(n, 320, 200, 8, 4)
		m.Segment, m.PageSize, m.Palette = 0xb800, 0x4000, PaletteCGA
		m.Seq = [5]byte{3, 9, 3, 0, 2}
		m.CRTC = crtc(cols40, lines400, 0xc1, 0x14, 0, 0xa2)
		m.Attr = attr(attrCGA4, 1, 3, 0)
		m.Gfx[5], m.Gfx[6] = 0x30, 0x0f
		add(m)
	}
	m := graphics(6, 640, 200, 8, 2) // CGA, two colours
	m.Segment, m.PageSize, m.Palette = 0xb800, 0x4000, PaletteCGA
	m.Seq[2] = 1
	m.CRTC = crtc(cols80, lines400, 0xc1, 0x28, 0, 0xc2)
	m.Attr = attr(solid(0x17), 1, 1, 0)
	m.Gfx[6] = 0x0d
	add(m)

	m = graphics(0x0d, 320, 200, 8, 16)
	m.PageSize, m.Palette, m.Seq[1] = 0x2000, PaletteCGA, 9
	m.CRTC = crtc(cols40, lines400, 0xc0, 0x14, 0, 0xe3)
	m.Attr = attr(attrCGA, 1, 0x0f, 0)
	add(m)

	m = graphics(0x0e, 640, 200, 8, 16)
	m.PageSize, m.Palette = 0x4000, PaletteCGA
	m.CRTC = crtc(cols80, lines400, 0xc0, 0x28, 0, 0xe3)
	m.Attr = attr(attrCGA, 1, 0x0f, 0)
	add(m)

	m = graphics(0x0f, 640, 350, 14, 2)
	m.PageSize, m.Palette, m.Misc = 0x8000, PaletteMono, 0xa2
	m.CRTC = crtc(cols80, lines350, 0x40, 0x28, 0, 0xe3)
	m.Attr = attr(attr0F, 0x0b, 0x05, 0)
	m.Gfx[7] = 0x05
	add(m)

	m = graphics(0x10, 640, 350, 14, 16)
	m.PageSize, m.Misc = 0x8000, 0xa3
	m.CRTC = crtc(cols80, lines350, 0x40, 0x28, 0, 0xe3)
	m.Attr = attr(attrEGA, 1, 0x0f, 0)
	add(m)

	m = graphics(0x11, 640, 480, 16, 2)
	m.PageSize, m.Misc = 0xa000, 0xe3
	m.CRTC = crtc(cols80, lines480, 0x40, 0x28, 0, 0xe3)
	m.Attr = attr(solid(0x3f), 1, 0x0f, 0)
	m.Gfx[7] = 0x01
	add(m)

	m = graphics(0x12, 640, 480, 16, 16)
	m.PageSize, m.Misc = 0xa000, 0xe3
	m.CRTC = crtc(cols80, lines480, 0x40, 0x28, 0, 0xe3)
	m.Attr = attr(attrEGA, 1, 0x0f, 0)
	add(m)

	m = graphics(0x13, 320, 200, 8, 256)
	m.PageSize, m.Palette = 0x10000, Palette256
	m.Seq[4] = 0x0e
	m.CRTC = crtc(cols80, lines400, 0x41, 0x28, 0x40, 0xa3)
	m.Attr = attr(attrIdent, 0x41, 0x0f, 0)
	m.Gfx[5] = 0x40
	add(m)
	return t
}

// Colours is the palette's DAC contents, 6 bits a component.
func (p Palette) Colours() (dac [256][3]byte) {
	switch p {
	case PaletteMono: // bit 3 normal, with bit 4 bright
		for i := range 64 {
			x := []byte{0, 0x2a, 0, 0x3f}[i>>3&3]
			dac[i] = [3]byte{x, x, x}
		}
	case PaletteCGA: // bit 4 is the intensity
		for i := range 64 {
			dac[i] = rgbi(byte(i&7 | i>>4&1<<3))
		}
	case PaletteEGA: // primary RGB in bits 2-0 weigh two thirds, secondary in 5-3 one
		for i := range 64 {
			for c := range 3 {
				dac[i][c] = byte(0x2a*(i>>(2-c)&1) + 0x15*(i>>(5-c)&1))
			}
		}
	case Palette256:
		for i := range 16 {
			dac[i] = rgbi(byte(i))
		}
		greys := [16]byte{0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63}
		for i, g := range greys {
			dac[16+i] = [3]byte{g, g, g}
		}
		at := 32
		for _, level := range hueLevels {
			for h := range 24 {
				dac[at] = hue(h, level)
				at++
			}
		}
	}
	return dac
}

// rgbi is the CGA's colour i, with its brown.
func rgbi(i byte) (c [3]byte) {
	for j := range c {
		c[j] = 0x2a*(i>>(2-j)&1) + 0x15*(i>>3)
	}
	if i == 6 {
		c[1] = 0x15
	}
	return c
}

// hueLevels is the steps from no to full colour of the nine 24-colour wheels:
// three intensities of three saturations.
var hueLevels = [9][5]byte{
	{0, 16, 31, 47, 63}, {31, 39, 47, 55, 63}, {45, 49, 54, 58, 63},
	{0, 7, 14, 21, 28}, {14, 17, 21, 24, 28}, {20, 22, 24, 26, 28},
	{0, 4, 8, 12, 16}, {8, 10, 12, 14, 16}, {11, 12, 13, 15, 16},
}

// hue is step h of a wheel from blue over red and green back to blue.
func hue(h int, level [5]byte) [3]byte {
	ramp := func(h int) byte { // 4 for eight steps, down in four, 0 for eight, up in four
		switch h = (h + 24) % 24; {
		case h <= 8:
			return level[4]
		case h < 12:
			return level[12-h]
		case h <= 20:
			return level[0]
		}
		return level[h-20]
	}
	return [3]byte{ramp(h - 4), ramp(h - 12), ramp(h - 20)}
}
