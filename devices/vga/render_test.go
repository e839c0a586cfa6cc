package vga

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"
)

func (b *board) print(x, y int, attr byte, s string) {
	for i := range len(s) {
		b.bus.Write(uint64(0xb8000+2*(y*80+x+i)), 2, uint64(attr)<<8|uint64(s[i]))
	}
}

// lit counts the pixels of a rectangle that have colour c.
func lit(img *image.RGBA, r image.Rectangle, c color.RGBA) (n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if img.RGBAAt(x, y) == c {
				n++
			}
		}
	}
	return n
}

var (
	grey  = color.RGBA{0xaa, 0xaa, 0xaa, 0xff}
	black = color.RGBA{0, 0, 0, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

func TestEveryModeHasItsResolution(t *testing.T) {
	for n, m := range ModeTable() {
		b := newBoard(t)
		b.setMode(t, n)
		w, h := b.Resolution()
		require.Equal(t, [2]int{m.Width, m.Height}, [2]int{w, h}, "mode %02x", n)
		require.Equal(t, image.Rect(0, 0, m.Width, m.Height), b.Render().Rect, "mode %02x", n)
		cells, ok := b.TextCells()
		require.Equal(t, m.Text, ok, "mode %02x", n)
		if ok {
			require.Equal(t, [2]int{m.Cols, m.Rows}, [2]int{cells.Cols, cells.Rows}, "mode %02x", n)
		}
	}
	require.Error(t, newBoard(t).SetBIOSMode(0x55, false))
}

func TestTextOnScreen(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.print(2, 1, 0x1f, "Hi \xb0\xc4\xe1")
	b.print(79, 24, 0x4e, "!")
	b.reg(0x3d4, 0x0e, 0)
	b.reg(0x3d4, 0x0f, 85)
	lines, ok := b.Text()
	require.True(t, ok)
	require.Len(t, lines, 25)
	require.Equal(t, "  Hi ░─ß", lines[1])
	require.Equal(t, "", lines[2])
	cells, _ := b.TextCells()
	require.Equal(t, Cell{Ch: 'H', FG: white, BG: color.RGBA{0, 0, 0xaa, 0xff}}, *cells.At(2, 1))
	require.Equal(t, '!', cells.At(79, 24).Ch)
	require.Equal(t, [2]int{5, 1}, [2]int{cells.CursorX, cells.CursorY})
	require.True(t, cells.CursorOn)
	b.reg(0x3d4, 0x0a, 0x20)
	cells, _ = b.TextCells()
	require.False(t, cells.CursorOn)
	// Scrolling by the start address.
	b.reg(0x3d4, 0x0d, 80)
	lines, _ = b.Text()
	require.Equal(t, "  Hi ░─ß", lines[0])
}

func TestGlyphPixels(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.reg(0x3d4, 0x0a, 0x20)
	b.LoadFont(0, 'A', append([]byte{0x81, 0xff}, make([]byte, 14)...), 16)
	b.print(1, 0, 0x07, "A")
	img := b.Render()
	require.Equal(t, grey, img.RGBAAt(9, 0))
	require.Equal(t, black, img.RGBAAt(10, 0))
	require.Equal(t, grey, img.RGBAAt(16, 0))
	require.Equal(t, black, img.RGBAAt(17, 0), "the ninth dot is background")
	require.Equal(t, 8, lit(img, image.Rect(9, 1, 18, 2), grey))
	b.print(0, 0, 0x07, "\xc4\xc4")
	row := (16 - 1) / 2
	require.Equal(t, 18, lit(b.Render(), image.Rect(0, row, 18, row+1), grey), "line graphics fill the ninth dot")
	b.reg(0x3c4, 1, 1) // 8 dots
	require.Equal(t, 640, b.Render().Rect.Dx())
}

func TestTwoCharacterMaps(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.LoadFont(4, 0, bytes.Repeat([]byte{0xff}, 256*16), 16) // block 4: offset 2000h
	b.reg(0x3c4, 3, 0x20)                                    // map A (bit 3 set) = 4, map B = 0
	b.reg(0x3d4, 0x0a, 0x20)
	b.print(0, 0, 0x0f, "  ")
	b.print(1, 0, 0x07, " ")
	img := b.Render()
	require.Equal(t, 8*16, lit(img, image.Rect(0, 0, 9, 16), white))
	require.Equal(t, 9*16, lit(img, image.Rect(9, 0, 18, 16), black))
}

func TestBlinkAndCursor(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.print(0, 0, 0x87, "\xdb")
	cell := image.Rect(0, 16*0, 9, 16)
	b.reg(0x3d4, 0x0f, 40)
	require.Equal(t, 9*16, lit(b.Render(), cell, grey))
	cursor := image.Rect(40*9, 0, 41*9, 16)
	require.Equal(t, 18, lit(b.Render(), cursor, grey), "rows 13 and 14")
	frame := b.timing().frame
	b.ns = 8 * frame
	require.Zero(t, lit(b.Render(), cursor, grey), "off for eight frames of sixteen")
	b.ns = 16 * frame
	require.Zero(t, lit(b.Render(), cell, grey), "characters blink half as fast")
	b.ns = 0
	b.reg(0x3d4, 0x0a, 0x0e)
	b.reg(0x3d4, 0x0b, 0x0d)
	require.Zero(t, lit(b.Render(), cursor, grey), "start below end: no cursor")
	b.inb(0x3da)
	b.outb(0x3c0, 0x30) // AR10: bright backgrounds instead of blinking
	b.outb(0x3c0, 0x04)
	b.print(0, 0, 0xf0, " ")
	require.Equal(t, 9*16, lit(b.Render(), cell, white))
}

func TestMonochromeUnderline(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 7)
	b.bus.Write(0xb0000, 4, 0x07200120)
	b.reg(0x3b4, 0x0a, 0x20)
	b.reg(0x3b4, 0x14, 0x0d)
	img := b.Render()
	require.Equal(t, 9, lit(img, image.Rect(0, 0, 9, 16), grey), "one row")
	require.Zero(t, lit(img, image.Rect(9, 0, 18, 16), grey))
}

func TestSplitScreenAndPanning(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.reg(0x3d4, 0x0a, 0x20)
	b.print(0, 0, 0x17, "\xdb")  // address 0: shown below the split
	b.print(0, 30, 0x27, "\xdb") // row 30: on top
	b.reg(0x3d4, 0x0c, byte(30*80>>8))
	b.reg(0x3d4, 0x0d, byte(30*80&0xff))
	b.reg(0x3d4, 0x18, 199) // line compare 199
	b.reg(0x3d4, 0x07, 0x0f)
	b.reg(0x3d4, 0x09, 0x0f)
	img := b.Render()
	require.Equal(t, grey, img.RGBAAt(0, 0))
	require.Equal(t, black, img.RGBAAt(0, 16))
	require.Equal(t, black, img.RGBAAt(0, 199))
	require.Equal(t, grey, img.RGBAAt(0, 200))
	b.inb(0x3da)
	b.outb(0x3c0, 0x33) // AR13 = 2 in 9-dot mode: three pixels to the left
	b.outb(0x3c0, 2)
	img = b.Render()
	require.Equal(t, 6, lit(img, image.Rect(0, 0, 9, 1), grey))
	require.Equal(t, 6, lit(img, image.Rect(0, 200, 9, 201), grey))
	b.outb(0x3c0, 0x30) // AR10: the lower part does not pan
	b.outb(0x3c0, 0x2c)
	img = b.Render()
	require.Equal(t, 6, lit(img, image.Rect(0, 0, 9, 1), grey))
	require.Equal(t, 9, lit(img, image.Rect(0, 200, 9, 201), grey))
	b.reg(0x3d4, 8, 5) // preset row scan: the upper part scrolls by five lines
	require.Equal(t, black, b.Render().RGBAAt(0, 11))
}

func TestGraphicsPixels(t *testing.T) {
	for _, c := range []struct {
		mode  byte
		write func(b *board)
		x, y  int
		want  func(b *board) color.RGBA
	}{
		{0x04, func(b *board) { b.poke(0xb8000+80*10+1, 0x30) }, 5, 20, func(b *board) color.RGBA { return white }},
		{0x04, func(b *board) { b.poke(0xba000+80*10+1, 0x10) }, 5, 21, // odd lines 2000h further on; colour 1 is cyan
			func(b *board) color.RGBA { return color.RGBA{0x55, 0xff, 0xff, 0xff} }},
		{0x06, func(b *board) { b.poke(0xba000+80+79, 0x01) }, 639, 3, func(b *board) color.RGBA { return white }},
		{0x0d, func(b *board) { b.reg(0x3c4, 2, 4); b.poke(win+40*199, 0x80) }, 0, 199,
			func(b *board) color.RGBA { return color.RGBA{0xaa, 0, 0, 0xff} }},
		{0x10, func(b *board) { b.reg(0x3c4, 2, 6); b.poke(win+80*349+79, 1) }, 639, 349,
			func(b *board) color.RGBA { return color.RGBA{0xaa, 0x55, 0, 0xff} }}, // brown
		{0x12, func(b *board) { b.reg(0x3c4, 2, 9); b.poke(win+80*479, 0x10) }, 3, 479,
			func(b *board) color.RGBA { return color.RGBA{0x55, 0x55, 0xff, 0xff} }},
		{0x11, func(b *board) { b.poke(win, 0x40) }, 1, 0, func(b *board) color.RGBA { return white }},
		{0x13, func(b *board) { b.poke(win+320*199+319, 40) }, 319, 199,
			func(b *board) color.RGBA { return color.RGBA{0xff, 0, 0, 0xff} }},
	} {
		b := newBoard(t)
		b.setMode(t, c.mode)
		c.write(b)
		img := b.Render()
		require.Equal(t, c.want(b), img.RGBAAt(c.x, c.y), "mode %02x", c.mode)
		require.Equal(t, 1, img.Rect.Dx()*img.Rect.Dy()-lit(img, img.Rect, black), "mode %02x: one pixel and no other", c.mode)
		require.False(t, b.textMode())
	}
}

func TestModeX(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 0x13)
	b.reg(0x3c4, 4, 6)    // unchained
	b.reg(0x3d4, 0x14, 0) // byte addressing
	b.reg(0x3d4, 0x17, 0xe3)
	b.reg(0x3c4, 2, 4) // plane 2: x mod 4 = 2
	b.poke(win+80*50+3, 15)
	b.reg(0x3d4, 0x0d, 80) // one line down
	img := b.Render()
	require.Equal(t, white, img.RGBAAt(14, 49))
	b.reg(0x3d4, 0x09, 0x40) // 320x400
	_, h := b.Resolution()
	require.Equal(t, 400, h)
	b.inb(0x3da)
	b.outb(0x3c0, 0x33)
	b.outb(0x3c0, 4) // two pixels of 256 colours
	require.Equal(t, white, b.Render().RGBAAt(12, 49))
}

func TestBlankScreen(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.print(0, 0, 0x7f, "x")
	b.reg(0x3c4, 1, 0x20)
	img := b.Render()
	require.Equal(t, 720*400, lit(img, img.Rect, black))
	b.reg(0x3c4, 1, 0)
	b.inb(0x3da)
	b.outb(0x3c0, 0) // PAS clear
	img = b.Render()
	require.Equal(t, 720*400, lit(img, img.Rect, black))
}

func TestDescriptions(t *testing.T) {
	b := newBoard(t)
	one := func() string { l, ok := b.Text(); require.False(t, ok); require.Len(t, l, 1); return l[0] }
	require.Equal(t, "no video mode set", one())
	b.setMode(t, 0x12)
	require.Equal(t, "graphics mode 640x480, 16 colours", one())
	b.setMode(t, 0x13)
	require.Equal(t, "graphics mode 320x200, 256 colours", one())
	b.setMode(t, 4)
	require.Equal(t, "graphics mode 320x200, 4 colours", one())
	b.dispi(1024, 768, 32, vbeEnabled)
	require.Equal(t, "graphics mode 1024x768, 32 bits per pixel", one())
}

func TestDefaultPalettes(t *testing.T) {
	p := Palette256.Colours()
	require.Equal(t, [3]byte{0x2a, 0x15, 0}, p[6])
	require.Equal(t, [3]byte{0, 0, 63}, p[32])
	require.Equal(t, [3]byte{63, 0, 0}, p[40])
	require.Equal(t, [3]byte{0, 63, 0}, p[48])
	require.Equal(t, [3]byte{0, 16, 63}, p[55])
	require.Equal(t, [3]byte{31, 31, 63}, p[56])
	require.Equal(t, [3]byte{11, 12, 16}, p[247])
	require.Equal(t, [3]byte{}, p[248])
	e := PaletteEGA.Colours()
	require.Equal(t, [3]byte{0x2a, 0x15, 0}, e[0x14])
	require.Equal(t, [3]byte{0x3f, 0x3f, 0x3f}, e[0x3f])
}

func TestPNG(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.print(0, 0, 0x1f, "\xc9\xcd\xcd\xbb Setup")
	var buf bytes.Buffer
	require.NoError(t, b.PNG(&buf))
	img, err := png.Decode(&buf)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 720, 400), img.Bounds())
}
