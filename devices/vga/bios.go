package vga

import (
	"fmt"

	"g86/devices/vga/font"
)

// SetBIOSMode programs a standard mode through the registers, the way INT 10h
// function 00h does: palette and font included. keep leaves video memory alone
// (bit 7 of AL); the font is loaded either way.
func (v *VGA) SetBIOSMode(n byte, keep bool) error {
	m, ok := ModeTable()[n]
	if !ok {
		return fmt.Errorf("vga: no standard mode %02xh", n)
	}
	v.vbeWrite(vbeEnable, 0)
	v.out(0x3c3, 1)
	v.out(0x3c2, m.Misc)
	index := func(port uint16, i int, x byte) {
		v.out(port, byte(i))
		v.out(port+1, x)
	}
	crtc, status := uint16(0x3d4), uint16(0x3da)
	if m.Misc&miscColour == 0 {
		crtc, status = 0x3b4, 0x3ba
	}
	for i, x := range m.Seq {
		index(0x3c4, i, x)
	}
	index(crtc, 0x11, 0) // unlock CR00-CR07
	for i, x := range m.CRTC {
		index(crtc, i, x)
	}
	for i, x := range m.Gfx {
		index(0x3ce, i, x)
	}
	v.in(status) // the flip-flop to the index
	for i, x := range m.Attr {
		v.out(0x3c0, byte(i))
		v.out(0x3c0, x)
	}
	v.LoadPalette(m.Palette)
	if !keep {
		clear(v.vram[:4*planeBytes])
	}
	if m.Text {
		if !keep {
			for i := 0; i < 4*planeBytes; i += 4 {
				v.vram[i], v.vram[i+1] = ' ', 0x07
			}
		}
		v.LoadFont(0, 0, font.Font8x16(), 16)
	}
	v.out(0x3c0, attrPAS) // picture on
	v.in(status)
	return nil
}

// LoadPalette fills the DAC with one of the default palettes.
func (v *VGA) LoadPalette(p Palette) {
	v.out(0x3c6, 0xff)
	v.out(0x3c8, 0)
	shift := 0
	if v.dacWidth() == 0xff {
		shift = 2
	}
	for _, c := range p.Colours() {
		for _, x := range c {
			v.out(0x3c9, x<<shift)
		}
	}
}

// LoadFont puts glyphs of the given height (1 to 32 rows) into plane 2 from
// character first on, block 0-7 as INT 10h function 11h numbers them.
func (v *VGA) LoadFont(block, first int, glyphs []byte, height int) {
	if height < 1 || height > 32 {
		return
	}
	base := block&3<<14 | block>>2&1<<13
	for i := 0; i < len(glyphs)/height && first+i < 256; i++ {
		for row := range 32 {
			var bits byte
			if row < height {
				bits = glyphs[i*height+row]
			}
			v.vram[4*(base+(first+i)*32+row)+2] = bits
		}
	}
	v.gen++
}
