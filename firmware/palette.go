package firmware

// Palette, DAC and font functions of INT 10h.

// attr writes an attribute controller register and leaves the screen on.
func (f *frame) attr(i, v byte) {
	f.in(f.rd16(bdaCRTC) + 6) // reset the flip-flop
	f.out(0x3c0, i)
	f.out(0x3c0, v)
	f.out(0x3c0, 0x20)
}

func (f *frame) attrRead(i byte) byte {
	status := f.rd16(bdaCRTC) + 6
	f.in(status)
	f.out(0x3c0, i)
	v := f.in(0x3c1)
	f.in(status)
	f.out(0x3c0, 0x20)
	return v
}

// cgaPalette is INT 10h AH=0Bh.
func (f *frame) cgaPalette() {
	v := f.rd8(bdaCRTPal)
	if f.bh() == 0 {
		v = v&^0x1f | f.bl()&0x1f
		colour := f.bl() & 0x0f
		if colour&8 != 0 { // intense colours lie at 10h in the EGA palette
			colour += 8
		}
		f.attr(0x00, colour)
		f.attr(0x11, colour)
	} else {
		v = v&^0x20 | f.bl()&1<<5
		for i := range byte(3) { // green/red/brown or cyan/magenta/white
			c := 2*(i+1) + f.bl()&1
			f.attr(i+1, c|v&0x10)
		}
	}
	f.wr8(bdaCRTPal, v)
}

// palette is INT 10h AH=10h.
func (f *frame) palette() {
	n := int(min(f.cx(), 256))
	mem := lin(f.es, f.dx())
	switch f.al() {
	case 0x00:
		if f.bl() <= 0x14 {
			f.attr(f.bl(), f.bh())
		}
	case 0x01:
		f.attr(0x11, f.bh())
	case 0x02:
		p := f.bytes(mem, 17)
		for i := range byte(16) {
			f.attr(i, p[i])
		}
		f.attr(0x11, p[16])
	case 0x03:
		f.attr(0x10, f.attrRead(0x10)&^8|f.bl()&1<<3)
	case 0x07:
		if f.bl() <= 0x14 {
			f.setB1(rBX, f.attrRead(f.bl()))
		}
	case 0x08:
		f.setB1(rBX, f.attrRead(0x11))
	case 0x09:
		p := make([]byte, 17)
		for i := range byte(16) {
			p[i] = f.attrRead(i)
		}
		p[16] = f.attrRead(0x11)
		f.write(mem, p)
	case 0x10:
		f.setDAC(f.bl(), []byte{f.dh(), f.ch(), f.cl()})
	case 0x12:
		f.setDAC(f.bl(), f.bytes(mem, 3*n))
	case 0x13:
		v := f.attrRead(0x10)
		if f.bl() == 0 {
			f.attr(0x10, v&0x7f|f.bh()<<7)
		} else if v&0x80 != 0 {
			f.attr(0x14, f.bh()&0x0f)
		} else {
			f.attr(0x14, f.bh()&3<<2)
		}
	case 0x15:
		c := f.getDAC(f.bl(), 1)
		f.setB1(rDX, c[0])
		f.setLo(rCX, uint16(c[1])<<8|uint16(c[2]))
	case 0x17:
		f.write(mem, f.getDAC(f.bl(), n))
	case 0x18:
		f.out(0x3c6, f.bl())
	case 0x19:
		f.setB0(rBX, f.in(0x3c6))
	case 0x1a:
		v := f.attrRead(0x10) >> 7
		page := f.attrRead(0x14) & 0x0f
		if v == 0 {
			page >>= 2
		}
		f.setLo(rBX, uint16(page)<<8|uint16(v))
	case 0x1b:
		f.greyScale(f.bl(), n)
	}
}

func (f *frame) setDAC(first byte, rgb []byte) {
	f.out(0x3c8, first)
	for _, v := range rgb {
		f.out(0x3c9, v)
	}
}

func (f *frame) getDAC(first byte, n int) []byte {
	p := make([]byte, 3*n)
	f.out(0x3c7, first)
	for i := range p {
		p[i] = f.in(0x3c9)
	}
	return p
}

// greyScale replaces colours by their luminance: 30 % red, 59 % green, 11 % blue.
func (f *frame) greyScale(first byte, n int) {
	p := f.getDAC(first, n)
	for i := 0; i < len(p); i += 3 {
		y := byte((int(p[i])*77 + int(p[i+1])*151 + int(p[i+2])*28 + 128) >> 8)
		p[i], p[i+1], p[i+2] = y, y, y
	}
	f.setDAC(first, p)
}

// fonts is INT 10h AH=11h.
func (f *frame) fonts() {
	b := f.b
	switch al := f.al(); al {
	case 0x00, 0x10:
		h := int(f.bh())
		if h < 1 || h > 32 || int(f.dx()) > 255 {
			return
		}
		n := min(int(f.cx()), 256-int(f.dx()))
		f.loadFont(f.bytes(lin(f.es, f.bp()), n*h), h, int(f.dx()), f.bl())
		if al == 0x10 {
			f.textHeight(h)
		}
	case 0x01, 0x11:
		f.romFont(b.hw.Font14, 14, al == 0x11)
	case 0x02, 0x12:
		f.romFont(b.hw.Font8, 8, al == 0x12)
	case 0x04, 0x14:
		f.romFont(b.hw.Font16, 16, al == 0x14)
	case 0x03:
		f.seq(3, f.bl())
	case 0x20:
		f.wr32(0x1f*4, uint32(f.es)<<16|uint32(f.bp()))
	case 0x21:
		f.wr32(0x43*4, uint32(f.es)<<16|uint32(f.bp()))
		f.graphicsRows(int(f.cx()))
	case 0x22, 0x23, 0x24:
		h := map[byte]int{0x22: 14, 0x23: 8, 0x24: 16}[al]
		f.wr32(0x43*4, f.videoPtr(fontLabel(h)))
		f.graphicsRows(h)
	case 0x30:
		f.fontInfo()
	}
}

func (f *frame) romFont(font []byte, h int, resize bool) {
	f.loadFont(font[:256*h], h, 0, f.bl())
	if resize {
		f.textHeight(h)
	}
}

// loadFont copies characters to plane 2, where text modes take them from.
func (f *frame) loadFont(font []byte, h, first int, block byte) {
	f.seq(2, 4) // plane 2 only, no odd/even, A0000 64K
	f.seq(4, 7)
	f.gfx(4, 2)
	f.gfx(5, 0)
	f.gfx(6, 4)
	block &= 7
	base := lin(0xa000, uint16(block&3)<<14|uint16(block>>2)<<13)
	for i := 0; (i+1)*h <= len(font); i++ {
		f.write(base+uint64(first+i)*32, font[i*h:(i+1)*h])
	}
	f.seq(2, 3)
	f.seq(4, 3)
	f.gfx(4, 0)
	f.gfx(5, 0x10)
	if f.rd16(bdaCRTC) == 0x3b4 {
		f.gfx(6, 0x0a)
	} else {
		f.gfx(6, 0x0e)
	}
}

// textHeight reprograms the CRTC for characters of h lines in the 400 lines
// (350 of the 14-line modes included) that the mode shows.
func (f *frame) textHeight(h int) {
	m, ok := f.mode()
	if !ok || m.lay != layText {
		return
	}
	f.crtc(0x09, f.crtcRead(0x09)&^0x1f|byte(h-1))
	rows := 400 / h
	lines := rows*h - 1
	f.crtc(0x12, byte(lines))
	over := f.crtcRead(0x07) &^ 0x42
	f.crtc(0x07, over|byte(lines>>8&1)<<1|byte(lines>>9&1)<<6)
	f.wr8(bdaRows, byte(rows-1))
	f.wr16(bdaCharHeight, uint16(h))
	f.wr16(bdaPageSize, uint16(rows*m.cols*2+0xff)&^0xff)
	start, end := max(h-3, 0), max(h-2, 0)
	f.crtc(0x0a, byte(start))
	f.crtc(0x0b, byte(end))
}

// graphicsRows sets character height and rows of graphics modes.
func (f *frame) graphicsRows(h int) {
	rows := map[byte]byte{1: 14, 2: 25, 3: 43}[f.bl()]
	if f.bl() == 0 {
		rows = f.dl()
	}
	if rows == 0 || h < 1 || h > 32 {
		return
	}
	f.wr8(bdaRows, rows-1)
	f.wr16(bdaCharHeight, uint16(h))
}

// fontInfo is INT 10h AX=1130h.
func (f *frame) fontInfo() {
	var p uint32
	switch f.bh() {
	case 0:
		p = f.rd32(0x1f * 4)
	case 1:
		p = f.rd32(0x43 * 4)
	case 2:
		p = f.videoPtr("font14")
	case 3:
		p = f.videoPtr("font8")
	case 4:
		p = f.videoPtr("font8hi")
	case 5, 7:
		p = f.videoPtr("font9")
	case 6:
		p = f.videoPtr("font16")
	default:
		return
	}
	f.es = uint16(p >> 16)
	f.setLo(rBP, uint16(p))
	f.setLo(rCX, f.rd16(bdaCharHeight))
	f.setB0(rDX, f.rd8(bdaRows))
}
