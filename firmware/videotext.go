package firmware

// Characters in text and graphics modes.

// pageBase is the linear address of a page of the current mode.
func (f *frame) pageBase(m videoMode, page byte) uint64 {
	return lin(m.seg, 0) + uint64(page&7)*uint64(f.rd16(bdaPageSize))
}

// cell is the address of a character cell in text modes.
func (f *frame) cell(m videoMode, page, row, col byte) uint64 {
	return f.pageBase(m, page) + 2*(uint64(row)*uint64(f.rd16(bdaColumns))+uint64(col))
}

// readChar is INT 10h AH=08h.
func (f *frame) readChar() {
	m, ok := f.mode()
	if !ok {
		f.setAX(0)
		return
	}
	row, col := f.cursor(f.bh())
	if m.lay == layText {
		f.setAX(f.rd16(f.cell(m, f.bh(), row, col)))
		return
	}
	f.setAX(uint16(f.readGlyph(m, f.bh(), row, col)))
}

// writeChars is INT 10h AH=09h and 0Ah: CX copies, with or without attribute.
func (f *frame) writeChars(attr bool) {
	m, ok := f.mode()
	if !ok {
		return
	}
	row, col := f.cursor(f.bh())
	n := int(min(f.cx(), 0x4000))
	if m.lay == layText {
		at := f.cell(m, f.bh(), row, col)
		for range n {
			f.wr8(at, f.al())
			if attr {
				f.wr8(at+1, f.bl())
			}
			at += 2
		}
		return
	}
	for range min(n, m.cols*m.rows) {
		f.drawGlyph(m, f.bh(), row, col, f.al(), f.bl())
		if col++; int(col) >= m.cols {
			col = 0
			if row++; row > f.rd8(bdaRows) {
				return
			}
		}
	}
}

// teletype writes a character and moves the cursor. With withAttr the attribute
// is set in text modes too (AH=13h); otherwise what is there stays.
func (f *frame) teletype(c, attr, page byte, withAttr bool) {
	m, ok := f.mode()
	if !ok {
		return
	}
	row, col := f.cursor(page)
	cols, last := f.rd8(bdaColumns), f.rd8(bdaRows)
	switch c {
	case 7: // the speaker's beep would take a third of a second
	case 8:
		if col > 0 {
			col--
		}
	case '\r':
		col = 0
	case '\n':
		row++
	default:
		if m.lay == layText {
			at := f.cell(m, page, row, col)
			f.wr8(at, c)
			if withAttr {
				f.wr8(at+1, attr)
			}
		} else {
			f.drawGlyph(m, page, row, col, c, attr)
		}
		if col++; col >= cols {
			col = 0
			row++
		}
	}
	if row > last {
		row = last
		fill := byte(0)
		if m.lay == layText {
			fill = f.rd8(f.cell(m, page, last, 0) + 1)
			if withAttr {
				fill = attr
			}
		}
		f.scroll(false, 1, fill, 0, 0, last, cols-1, page)
	}
	f.setCursor(page, row, col)
}

// scroll moves the window top/left to bottom/right by n lines (0: clears it).
func (f *frame) scroll(down bool, n, fill, top, left, bottom, right, page byte) {
	m, ok := f.mode()
	if !ok {
		return
	}
	bottom = min(bottom, f.rd8(bdaRows))
	right = min(right, byte(f.rd16(bdaColumns)-1))
	if top > bottom || left > right {
		return
	}
	height := bottom - top + 1
	if n == 0 || n > height {
		n = height
	}
	for i := range height {
		dst, src := top+i, top+i+n
		blank := i >= height-n
		if down {
			dst, src = bottom-i, bottom-i-n
		}
		switch {
		case m.lay != layText && blank:
			f.clearRow(m, page, dst, left, right, fill)
		case m.lay != layText:
			f.copyRow(m, page, dst, src, left, right)
		case blank:
			w := int(right-left) + 1
			p := make([]byte, 2*w)
			for j := range w {
				p[2*j], p[2*j+1] = ' ', fill
			}
			f.write(f.cell(m, page, dst, left), p)
		default:
			f.write(f.cell(m, page, dst, left), f.bytes(f.cell(m, page, src, left), 2*(int(right-left)+1)))
		}
	}
}

// print writes text with the teletype function.
func (f *frame) print(s string) {
	for _, c := range []byte(s) {
		if c == '\n' {
			f.teletype('\r', 7, 0, false)
		}
		f.teletype(c, 7, 0, false)
	}
}
