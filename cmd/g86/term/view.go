package term

import (
	"image"
	"image/color"
	"strings"

	"g86/devices/vga"
)

// textPicture shows the guest's text screen, at the cursor if the window is
// smaller than it.
func textPicture(s *vga.TextScreen, w, h int) *picture {
	p := newPicture(w, h)
	x0, y0 := 0, 0
	if s.CursorX >= 0 {
		x0 = max(0, min(s.CursorX-w+1, s.Cols-w))
		y0 = max(0, min(s.CursorY-h+1, s.Rows-h))
	}
	for y := range min(h, s.Rows-y0) {
		for x := range min(w, s.Cols-x0) {
			c := s.At(x0+x, y0+y)
			p.set(x, y, cell{c.Ch, c.FG, c.BG, c.Blink})
		}
	}
	if s.CursorOn && s.CursorX-x0 < w && s.CursorY-y0 < h {
		p.cx, p.cy = s.CursorX-x0, s.CursorY-y0
	}
	return p
}

// imagePicture shows a graphics screen with upper half blocks, two pixels a
// cell, scaled down to fit with its proportions kept. Narrow modes (320 by 400)
// are taken to fill a 4:3 screen.
func imagePicture(img *image.RGBA, w, h int) *picture {
	p := newPicture(w, h)
	iw, ih := img.Rect.Dx(), img.Rect.Dy()
	if iw == 0 || ih == 0 || w == 0 || h == 0 {
		return p
	}
	tall := ih
	if iw*3 != ih*4 && iw < 800 {
		tall = iw * 3 / 4
	}
	// The largest tw by th (pixels; th even) within w by 2h and the picture.
	tw, th := min(w, iw), 0
	if th = tw * tall / iw; th > 2*h {
		th = 2 * h
		tw = th * iw / tall
	}
	tw, th = max(1, tw), max(2, th&^1)
	left, top := (w-tw)/2, (h-th/2)/2
	for y := 0; y < th; y += 2 {
		for x := range tw {
			p.set(left+x, top+y/2, cell{ch: '▀', fg: average(img, x, y, tw, th), bg: average(img, x, y+1, tw, th)})
		}
	}
	return p
}

// average is the mean colour of the part of img that pixel x,y of a tw by th
// picture covers.
func average(img *image.RGBA, x, y, tw, th int) color.RGBA {
	iw, ih := img.Rect.Dx(), img.Rect.Dy()
	x0, y0 := x*iw/tw, y*ih/th
	x1, y1 := max(x0+1, (x+1)*iw/tw), max(y0+1, (y+1)*ih/th)
	var r, g, b, n int
	for v := y0; v < min(y1, ih); v++ {
		row := img.Pix[v*img.Stride:]
		for u := x0; u < min(x1, iw); u++ {
			r, g, b, n = r+int(row[4*u]), g+int(row[4*u+1]), b+int(row[4*u+2]), n+1
		}
	}
	if n == 0 {
		return color.RGBA{A: 255}
	}
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}

// overlay puts a box with text over the middle of p.
func overlay(p *picture, text string) {
	lines := strings.Split(text, "\n")
	width := 0
	for _, l := range lines {
		width = max(width, len([]rune(l)))
	}
	x0, y0 := max(0, (p.w-width-4)/2), max(0, (p.h-len(lines)-2)/2)
	ink, paper := color.RGBA{0, 0, 0, 255}, color.RGBA{0xaa, 0xaa, 0xaa, 255}
	for y := range len(lines) + 2 {
		for x := range width + 4 {
			ch := ' '
			if y > 0 && y <= len(lines) {
				if l := []rune(lines[y-1]); x >= 2 && x-2 < len(l) {
					ch = l[x-2]
				}
			}
			p.set(x0+x, y0+y, cell{ch: ch, fg: ink, bg: paper})
		}
	}
	p.cx, p.cy = -1, -1
}
