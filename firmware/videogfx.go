package firmware

// Pixels, and characters in graphics modes.

// glyph is the bitmap of c in the current graphics font.
func (f *frame) glyph(m videoMode, c byte) []byte {
	h := int(f.rd8(bdaCharHeight))
	if h == 0 || h > 32 {
		h = m.height
	}
	ptr, i := f.rd32(0x43*4), int(c)
	if (m.lay == layCGA2 || m.lay == layCGA4) && c >= 0x80 {
		ptr, i = f.rd32(0x1f*4), int(c)-0x80
	}
	return f.bytes(lin(uint16(ptr>>16), uint16(ptr))+uint64(i*h), h)
}

// lineBytes is the number of bytes per scan line and plane.
func (m videoMode) lineBytes() int {
	switch m.lay {
	case layLinear:
		return m.cols * 8
	case layCGA2, layCGA4:
		return 80
	}
	return m.cols
}

// scan is the address of scan line y.
func (f *frame) scan(m videoMode, page byte, y int) uint64 {
	base := f.pageBase(m, page)
	if m.lay == layCGA2 || m.lay == layCGA4 {
		return base + uint64(y&1)*0x2000 + uint64(y>>1)*80
	}
	return base + uint64(y*m.lineBytes())
}

// span is the byte offset and width of n character columns from col.
func (m videoMode) span(col, n int) (off, width int) {
	w := 1
	switch m.lay {
	case layCGA4:
		w = 2
	case layLinear:
		w = 8
	}
	return col * w, n * w
}

func (f *frame) drawGlyph(m videoMode, page, row, col, c, colour byte) {
	if int(col) >= m.cols {
		return
	}
	g := f.glyph(m, c)
	off, _ := m.span(int(col), 1)
	xor := colour&0x80 != 0 && m.lay != layLinear
	if m.lay == layPlanar {
		f.seq(2, 0x0f)
		f.gfx(1, 0x0f)
		f.gfx(5, 0)
	}
	for i, bits := range g {
		at := f.scan(m, page, int(row)*len(g)+i) + uint64(off)
		switch m.lay {
		case layPlanar:
			if xor {
				f.gfx(3, 0x18)
			}
			f.planar(at, bits, colour&0x0f)
			if !xor {
				f.planar(at, ^bits, 0)
			}
		case layCGA2:
			if xor {
				bits ^= f.rd8(at)
			}
			f.wr8(at, bits)
		case layCGA4:
			v := uint16(0)
			for x := range 8 {
				if bits&(0x80>>x) != 0 {
					v |= uint16(colour&3) << (14 - 2*x)
				}
			}
			if xor {
				v ^= uint16(f.rd8(at))<<8 | uint16(f.rd8(at+1))
			}
			f.write(at, []byte{byte(v >> 8), byte(v)})
		case layLinear:
			var p [8]byte
			for x := range 8 {
				if bits&(0x80>>x) != 0 {
					p[x] = colour
				}
			}
			f.write(at, p[:])
		}
	}
	f.planarDone(m)
}

// planar sets the pixels of mask in one byte to a colour with set/reset.
func (f *frame) planar(at uint64, mask, colour byte) {
	f.gfx(0, colour)
	f.gfx(8, mask)
	f.rd8(at) // fill the latches
	f.wr8(at, 0)
}

// planarDone puts the graphics controller back as mode setting leaves it.
func (f *frame) planarDone(m videoMode) {
	if m.lay == layPlanar {
		f.gfx(0, 0)
		f.gfx(1, 0)
		f.gfx(3, 0)
		f.gfx(5, 0)
		f.gfx(8, 0xff)
	}
}

// readGlyph finds the character whose bitmap is on the screen, or 0.
func (f *frame) readGlyph(m videoMode, page, row, col byte) byte {
	h := len(f.glyph(m, 0))
	seen := make([]byte, h)
	for i := range seen {
		for x := range 8 {
			if f.pixel(page, int(col)*8+x, int(row)*h+i) != 0 {
				seen[i] |= 0x80 >> x
			}
		}
	}
	for c := range 256 {
		if string(f.glyph(m, byte(c))) == string(seen) {
			return byte(c)
		}
	}
	return 0
}

func (f *frame) clearRow(m videoMode, page, row, left, right, fill byte) {
	off, w := m.span(int(left), int(right-left)+1)
	h := int(f.rd8(bdaCharHeight))
	if m.lay == layPlanar {
		f.seq(2, 0x0f)
		f.gfx(1, 0x0f)
		f.gfx(0, fill&0x0f)
		f.gfx(8, 0xff)
	}
	p := make([]byte, w)
	if m.lay != layPlanar {
		if m.lay == layCGA4 {
			fill = fill & 3 * 0x55
		}
		for i := range p {
			p[i] = fill
		}
	}
	for i := range h {
		f.write(f.scan(m, page, int(row)*h+i)+uint64(off), p)
	}
	f.planarDone(m)
}

func (f *frame) copyRow(m videoMode, page, dst, src, left, right byte) {
	off, w := m.span(int(left), int(right-left)+1)
	h := int(f.rd8(bdaCharHeight))
	if m.lay == layPlanar {
		f.seq(2, 0x0f)
		f.gfx(5, 1) // write mode 1: copy the latches
	}
	for i := range h {
		to := f.scan(m, page, int(dst)*h+i) + uint64(off)
		from := f.scan(m, page, int(src)*h+i) + uint64(off)
		if m.lay == layPlanar {
			for x := range uint64(w) {
				f.rd8(from + x)
				f.wr8(to+x, 0)
			}
		} else {
			f.write(to, f.bytes(from, w))
		}
	}
	f.planarDone(m)
}

func (f *frame) pixelAt(page byte, x, y int) (m videoMode, at uint64, ok bool) {
	m, ok = f.mode()
	if !ok || m.lay == layText {
		return m, 0, false
	}
	perByte := 8
	switch m.lay {
	case layCGA4:
		perByte = 4
	case layLinear:
		perByte = 1
	}
	if x/perByte >= m.lineBytes() || y >= m.rows*m.height {
		return m, 0, false
	}
	return m, f.scan(m, page, y) + uint64(x/perByte), true
}

// setPixel is INT 10h AH=0Ch; bit 7 of the colour means exclusive or.
func (f *frame) setPixel(page byte, x, y int, colour byte) {
	m, at, ok := f.pixelAt(page, x, y)
	if !ok {
		return
	}
	put := func(shift, mask byte) {
		v := f.rd8(at)
		if colour&0x80 != 0 {
			v ^= colour & mask << shift
		} else {
			v = v&^(mask<<shift) | colour&mask<<shift
		}
		f.wr8(at, v)
	}
	switch m.lay {
	case layPlanar:
		f.seq(2, 0x0f)
		f.gfx(1, 0x0f)
		f.gfx(5, 0)
		if colour&0x80 != 0 {
			f.gfx(3, 0x18)
		}
		f.planar(at, 0x80>>(x&7), colour&0x0f)
		f.planarDone(m)
	case layCGA2:
		put(byte(7-x&7), 1)
	case layCGA4:
		put(byte(6-2*(x&3)), 3)
	case layLinear:
		f.wr8(at, colour)
	}
}

// pixel is INT 10h AH=0Dh.
func (f *frame) pixel(page byte, x, y int) byte {
	m, at, ok := f.pixelAt(page, x, y)
	if !ok {
		return 0
	}
	switch m.lay {
	case layPlanar:
		v := byte(0)
		for plane := range byte(4) {
			f.gfx(4, plane)
			v |= f.rd8(at) >> (7 - x&7) & 1 << plane
		}
		f.gfx(4, 0)
		return v
	case layCGA2:
		return f.rd8(at) >> (7 - x&7) & 1
	case layCGA4:
		return f.rd8(at) >> (6 - 2*(x&3)) & 3
	}
	return f.rd8(at)
}
