package vga

import (
	"image"
	"image/color"
	"image/png"
	"io"
)

// Render draws the picture on the monitor, one image pixel for each distinct
// pixel: lines that the CRTC doubles appear once.
func (v *VGA) Render() *image.RGBA {
	switch {
	case v.vbeOn():
		return v.renderVBE()
	case v.textMode():
		return v.renderText()
	}
	return v.renderGraphics()
}

// PNG writes the picture as a PNG file.
func (v *VGA) PNG(w io.Writer) error { return png.Encode(w, v.Render()) }

// textMode reports whether character generation is on.
func (v *VGA) textMode() bool { return !v.vbeOn() && v.state.Gfx[6]&gfxGraphics == 0 }

// blanked reports whether nothing but black leaves the adapter.
func (v *VGA) blanked() bool {
	return v.state.AttrIndex&attrPAS == 0 || v.state.Seq[1]&seqOff != 0 || v.state.Enable == 0
}

// Resolution is the size of the picture Render draws.
func (v *VGA) Resolution() (width, height int) {
	c := &v.state.CRTC
	cols := int(c[1]) + 1
	switch {
	case v.vbeOn():
		return int(v.state.VBE[vbeXRes]), int(v.state.VBE[vbeYRes])
	case c[1] == 0: // no mode has been set
		return 640, 400
	case v.textMode():
		return cols * v.charWidth(), max(1, v.displayLines()/v.lineStep())
	case v.state.Gfx[5]&gfxShift256 != 0:
		return cols * 4, max(1, v.displayLines()/v.lineStep())
	}
	return cols * 8, max(1, v.displayLines()/v.lineStep())
}

func newImage(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 0xff
	}
	return img
}

func put(row []byte, x int, c color.RGBA) {
	if p := row[4*x:]; len(p) >= 4 {
		p[0], p[1], p[2] = c.R, c.G, c.B
	}
}

// scanline is what the CRTC fetches for one line of the raster.
type scanline struct {
	y       int  // line of the raster
	counter int  // memory address counter at its start
	row     int  // row scan counter
	first   bool // first line of a character row
	pan     int  // pixels shifted out to the left, register AR13
}

// lineStep is the number of raster lines that show the same memory again:
// double scanning and, in graphics without CGA addressing, the character height.
func (v *VGA) lineStep() int {
	c := &v.state.CRTC
	n := 1
	if c[9]&0x80 != 0 {
		n = 2
	}
	if !v.textMode() && c[0x17]&3 == 3 {
		n *= int(c[9]&0x1f) + 1
	}
	return n
}

// scan runs the CRTC's counters down one frame.
func (v *VGA) scan(line func(s scanline)) {
	c := &v.state.CRTC
	s := scanline{
		counter: int(c[0x0c])<<8 | int(c[0x0d]),
		row:     int(c[8] & 0x1f),
		first:   true,
		pan:     int(v.state.Attr[0x13]),
	}
	bytePan := int(c[8] >> 5 & 3)
	compare := int(c[0x18]) | int(c[7]>>4&1)<<8 | int(c[9]>>6&1)<<9
	again := false // second half of a doubled line
	for n := v.displayLines(); s.y < n; s.y++ {
		at := s
		at.counter += bytePan
		line(at)
		s.first = false
		switch {
		case s.y == compare: // split screen: what follows starts at address 0
			s.counter, s.row, s.first, again = 0, 0, true, false
			if v.state.Attr[0x10]&attrPanSplit != 0 {
				s.pan, bytePan = 8, 0 // 8 is no shift in every cell width
			}
		case c[9]&0x80 != 0 && !again:
			again = true
		default:
			again = false
			if s.row == int(c[9]&0x1f) {
				s.row, s.first = 0, true
				s.counter += int(c[0x13]) * 2
			} else {
				s.row = (s.row + 1) & 0x1f
			}
		}
	}
}

// fetch is the index in video memory of plane 0 at the address the CRTC puts
// out for the n-th character clock of a line (CR14, CR17: byte, word and
// doubleword modes, row scan bits in place of address bits 13 and 14).
func (v *VGA) fetch(counter, n, row int) int {
	c := &v.state.CRTC
	switch {
	case c[0x14]&0x20 != 0:
		n >>= 2
	case c[0x17]&0x08 != 0:
		n >>= 1
	}
	a := (counter + n) & 0xffff
	switch {
	case c[0x14]&0x40 != 0:
		a = a<<2&0xfffc | a>>14
	case c[0x17]&0x40 == 0:
		top := 13
		if c[0x17]&0x20 != 0 {
			top = 15
		}
		a = a<<1&0xfffe | a>>top&1
	}
	if c[0x17]&1 == 0 {
		a = a&^0x2000 | row&1<<13
	}
	if c[0x17]&2 == 0 {
		a = a&^0x4000 | row&2<<13
	}
	return a * 4
}

// visible is the part of video memory that the picture can come from.
func (v *VGA) visible() []byte {
	if !v.vbeOn() {
		return v.vram[:4*planeBytes]
	}
	p := v.pitch()
	r := &v.state.VBE
	from := int(r[vbeYOffset]) * p
	return v.vram[from : from+int(r[vbeYRes])*p]
}
