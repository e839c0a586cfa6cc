package vga

import (
	"fmt"
	"image"
	"image/color"
	"strings"

	"g86/devices/vga/font"
)

// Cell is one character of the text screen.
type Cell struct {
	Ch     rune
	FG, BG color.RGBA
	Blink  bool
}

// TextScreen is the text screen as a front end shows it.
type TextScreen struct {
	Cols, Rows       int
	Cells            []Cell // row by row
	CursorX, CursorY int
	CursorOn         bool // the guest has not hidden the cursor
}

// At is the cell in column x of row y.
func (t *TextScreen) At(x, y int) *Cell { return &t.Cells[y*t.Cols+x] }

func (v *VGA) charWidth() int {
	if v.state.Seq[1]&seqEightDot != 0 {
		return 8
	}
	return 9
}

func (v *VGA) cursorAddress() int {
	return int(v.state.CRTC[0x0e])<<8 | int(v.state.CRTC[0x0f])
}

// cursorRows is the span of row scans that the cursor covers; empty when off.
func (v *VGA) cursorRows() (from, to int) {
	return int(v.state.CRTC[0x0a] & 0x1f), int(v.state.CRTC[0x0b] & 0x1f)
}

func (v *VGA) cursorOn() bool {
	from, to := v.cursorRows()
	return v.state.CRTC[0x0a]&0x20 == 0 && from <= to && from <= int(v.state.CRTC[9]&0x1f)
}

// fonts is the plane 2 offsets of the character maps for attribute bit 3 clear
// (map B) and set (map A), SR03.
func (v *VGA) fonts() (f [2]int) {
	s := v.state.Seq[3]
	at := func(n byte) int { return int(n&3)<<14 | int(n>>2)<<13 }
	f[0] = at(s&3 | s>>4&1<<2)
	f[1] = at(s>>2&3 | s>>5&1<<2)
	return f
}

// attribute splits an attribute byte into palette entries.
func (v *VGA) attribute(a byte) (fg, bg byte, blink bool) {
	fg, bg = a&15, a>>4
	if v.state.Attr[0x10]&attrBlink != 0 {
		blink, bg = a&0x80 != 0, bg&7
	}
	enable := v.state.Attr[0x12] & 15
	return fg & enable, bg & enable, blink
}

func (v *VGA) renderText() *image.RGBA {
	width, height := v.Resolution()
	img := newImage(width, height)
	if v.blanked() || v.state.CRTC[1] == 0 {
		return img
	}
	var (
		c            = &v.state.CRTC
		cols, cw     = int(c[1]) + 1, v.charWidth()
		step         = v.lineStep()
		pal          = v.palette16()
		fonts        = v.fonts()
		cursor, char = v.blinkPhases()
		from, to     = v.cursorRows()
		cursorAt     = v.cursorAddress()
		pixels       = make([]color.RGBA, (cols+1)*cw)
	)
	cursor = cursor && v.cursorOn()
	v.scan(func(s scanline) {
		y := s.y / step
		if s.y%step != 0 || y >= height {
			return
		}
		for n := range cols + 1 {
			cell := v.vram[v.fetch(s.counter, n, s.row):][:2]
			fg, bg, blink := v.attribute(cell[1])
			bits := v.vram[4*(fonts[cell[1]>>3&1]+int(cell[0])*32+s.row)+2]
			ninth := cell[0]&0xe0 == 0xc0 && v.state.Attr[0x10]&attrLineGfx != 0 && bits&1 != 0
			if blink && !char {
				bits, ninth = 0, false
			}
			// The monochrome underline: attribute x000x001.
			under := cell[1]&0x77 == 1 && s.row == int(c[0x14]&0x1f)
			if under || cursor && (s.counter+n)&0xffff == cursorAt && s.row >= from && s.row <= to {
				bits, ninth = 0xff, true
			}
			px := pixels[n*cw : (n+1)*cw]
			for i := range 8 {
				px[i] = pal[pick(bits>>(7-i)&1 != 0, fg, bg)]
			}
			if cw == 9 {
				px[8] = pal[pick(ninth, fg, bg)]
			}
		}
		// AR13 counts from 8 in the 9-dot modes: 8 is no shift, 0 is one pixel.
		pan := s.pan & 15
		if cw == 9 {
			pan = (pan + 1) % 9
		} else {
			pan &= 7
		}
		row := img.Pix[y*img.Stride : (y+1)*img.Stride]
		for x, c := range pixels[pan : pan+width] {
			put(row, x, c)
		}
	})
	return img
}

func pick(on bool, a, b byte) byte {
	if on {
		return a
	}
	return b
}

// TextCells is the text screen cell by cell; false in graphics modes and while
// the adapter has no mode.
func (v *VGA) TextCells() (TextScreen, bool) {
	t := TextScreen{Cols: int(v.state.CRTC[1]) + 1, CursorX: -1, CursorY: -1, CursorOn: v.cursorOn()}
	if !v.textMode() || v.state.CRTC[1] == 0 {
		return TextScreen{}, false
	}
	pal := v.palette16()
	if v.blanked() {
		pal = [16]color.RGBA{}
		for i := range pal {
			pal[i].A = 0xff
		}
	}
	v.scan(func(s scanline) {
		if !s.first {
			return
		}
		lines := int(v.state.CRTC[9]&0x1f) + 1 - s.row // of the raster that this row takes
		if v.state.CRTC[9]&0x80 != 0 {
			lines *= 2
		}
		if s.y+lines > v.displayLines() && t.Rows > 0 {
			return // less than a row at the bottom
		}
		for n := range t.Cols {
			cell := v.vram[v.fetch(s.counter, n, s.row):][:2]
			fg, bg, blink := v.attribute(cell[1])
			t.Cells = append(t.Cells, Cell{Ch: font.CP437[cell[0]], FG: pal[fg], BG: pal[bg], Blink: blink})
			if (s.counter+n)&0xffff == v.cursorAddress() {
				t.CursorX, t.CursorY = n, t.Rows
			}
		}
		t.Rows++
	})
	t.CursorOn = t.CursorOn && t.CursorX >= 0
	return t, true
}

// Text is the text screen as lines of Unicode without trailing blanks. In a
// graphics mode ok is false and the only line describes the mode.
func (v *VGA) Text() (lines []string, ok bool) {
	t, ok := v.TextCells()
	if !ok {
		return []string{v.describe()}, false
	}
	for y := range t.Rows {
		var b strings.Builder
		for x := range t.Cols {
			b.WriteRune(t.At(x, y).Ch)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines, true
}

// describe names the mode ("graphics mode 640x480, 16 colours").
func (v *VGA) describe() string {
	w, h := v.Resolution()
	depth := "16 colours"
	switch {
	case v.vbeOn() && v.state.VBE[vbeBPP] > 8:
		depth = fmt.Sprintf("%d bits per pixel", v.state.VBE[vbeBPP])
	case v.vbeOn() && v.state.VBE[vbeBPP] == 8, !v.vbeOn() && v.state.Gfx[5]&gfxShift256 != 0:
		depth = "256 colours"
	case v.vbeOn():
	case v.state.CRTC[1] == 0:
		return "no video mode set"
	case v.state.Gfx[5]&gfxInterleave != 0:
		depth = "4 colours"
	case v.state.Attr[0x12]&15 == 1:
		depth = "2 colours"
	}
	return fmt.Sprintf("graphics mode %dx%d, %s", w, h, depth)
}
