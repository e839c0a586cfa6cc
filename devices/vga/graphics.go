package vga

import (
	"encoding/binary"
	"image"
	"image/color"
)

// renderGraphics draws the standard graphics modes: planar, CGA-compatible and
// 256 colours, chained or not.
func (v *VGA) renderGraphics() *image.RGBA {
	width, height := v.Resolution()
	img := newImage(width, height)
	if v.blanked() || v.state.CRTC[1] == 0 {
		return img
	}
	step := v.lineStep()
	cols := int(v.state.CRTC[1]) + 1
	pal16, pal256 := v.palette16(), v.palette256()
	pixels := make([]color.RGBA, 0, width+16)
	v.scan(func(s scanline) {
		y := s.y / step
		if s.y%step != 0 || y >= height {
			return
		}
		pixels = pixels[:0]
		for n := range cols + 1 { // one more for what panning brings in
			planes := v.vram[v.fetch(s.counter, n, s.row):][:4]
			switch {
			case v.state.Gfx[5]&gfxShift256 != 0:
				for _, p := range planes {
					pixels = append(pixels, pal256[p])
				}
			case v.state.Gfx[5]&gfxInterleave != 0:
				pixels = v.appendCGA(pixels, planes, &pal16)
			default:
				pixels = v.appendPlanar(pixels, planes, &pal16)
			}
		}
		pan := s.pan & 7
		if v.state.Gfx[5]&gfxShift256 != 0 {
			pan /= 2
		}
		row := img.Pix[y*img.Stride : (y+1)*img.Stride]
		for x, c := range pixels[pan : pan+width] {
			put(row, x, c)
		}
	})
	return img
}

// appendPlanar adds eight pixels, one bit from each plane.
func (v *VGA) appendPlanar(px []color.RGBA, planes []byte, pal *[16]color.RGBA) []color.RGBA {
	enable := v.state.Attr[0x12] & 15
	for b := 7; b >= 0; b-- {
		i := planes[0]>>b&1 | planes[1]>>b&1<<1 | planes[2]>>b&1<<2 | planes[3]>>b&1<<3
		px = append(px, pal[i&enable])
	}
	return px
}

// appendCGA adds eight pixels of two bits: four from the even planes, four from
// the odd ones; planes 2 and 3 hold the upper bits that the CGA did not have.
func (v *VGA) appendCGA(px []color.RGBA, planes []byte, pal *[16]color.RGBA) []color.RGBA {
	enable := v.state.Attr[0x12] & 15
	for p := range 2 {
		for b := 6; b >= 0; b -= 2 {
			px = append(px, pal[(planes[p]>>b&3|planes[p+2]>>b&3<<2)&enable])
		}
	}
	return px
}

// renderVBE draws the dispi modes.
func (v *VGA) renderVBE() *image.RGBA {
	r := &v.state.VBE
	width, height := v.Resolution()
	img := newImage(width, height)
	if v.blanked() {
		return img
	}
	pitch, x0 := v.pitch(), int(r[vbeXOffset])
	pal16, pal256 := v.palette16(), v.palette256()
	for y := range height {
		src := v.vram[(int(r[vbeYOffset])+y)*pitch:][:pitch]
		row := img.Pix[y*img.Stride : (y+1)*img.Stride]
		for x := range width {
			i := x0 + x
			switch r[vbeBPP] {
			case 4:
				b := 7 - i&7
				p := src[i/8*4:]
				put(row, x, pal16[(p[0]>>b&1|p[1]>>b&1<<1|p[2]>>b&1<<2|p[3]>>b&1<<3)&v.state.Attr[0x12]])
			case 8:
				put(row, x, pal256[src[i]])
			case 15:
				c := binary.LittleEndian.Uint16(src[2*i:])
				put(row, x, color.RGBA{R: wide5(c >> 10), G: wide5(c >> 5), B: wide5(c)})
			case 16:
				c := binary.LittleEndian.Uint16(src[2*i:])
				g := byte(c >> 5 & 63)
				put(row, x, color.RGBA{R: wide5(c >> 11), G: g<<2 | g>>4, B: wide5(c)})
			case 24:
				put(row, x, color.RGBA{R: src[3*i+2], G: src[3*i+1], B: src[3*i]})
			case 32:
				put(row, x, color.RGBA{R: src[4*i+2], G: src[4*i+1], B: src[4*i]})
			}
		}
	}
	return img
}

// wide5 widens a 5-bit component so that 31 becomes 255.
func wide5(c uint16) byte {
	x := byte(c & 31)
	return x<<3 | x>>2
}
