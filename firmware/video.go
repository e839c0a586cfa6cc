package firmware

// layout is how a video mode keeps characters or pixels.
type layout int

const (
	layText layout = iota
	layCGA2        // 1 bit per pixel, two banks
	layCGA4        // 2 bits per pixel, two banks
	layPlanar
	layLinear // 1 byte per pixel
)

type videoMode struct {
	lay        layout
	cols, rows int
	height     int // of characters
	seg        uint16
	page       uint16 // page size
	pages      byte
	mono       bool
	dac        byte // INT 10h AH=1Bh: number of colours as given there
}

// videoModes are the standard modes (IBM VGA Technical Reference).
var videoModes = map[byte]videoMode{
	0x00: {layText, 40, 25, 16, 0xb800, 0x0800, 8, false, 16},
	0x01: {layText, 40, 25, 16, 0xb800, 0x0800, 8, false, 16},
	0x02: {layText, 80, 25, 16, 0xb800, 0x1000, 8, false, 16},
	0x03: {layText, 80, 25, 16, 0xb800, 0x1000, 8, false, 16},
	0x04: {layCGA4, 40, 25, 8, 0xb800, 0x4000, 1, false, 4},
	0x05: {layCGA4, 40, 25, 8, 0xb800, 0x4000, 1, false, 4},
	0x06: {layCGA2, 80, 25, 8, 0xb800, 0x4000, 1, false, 2},
	0x07: {layText, 80, 25, 16, 0xb000, 0x1000, 8, true, 0},
	0x0d: {layPlanar, 40, 25, 8, 0xa000, 0x2000, 8, false, 16},
	0x0e: {layPlanar, 80, 25, 8, 0xa000, 0x4000, 4, false, 16},
	0x0f: {layPlanar, 80, 25, 14, 0xa000, 0x8000, 2, true, 0},
	0x10: {layPlanar, 80, 25, 14, 0xa000, 0x8000, 2, false, 16},
	0x11: {layPlanar, 80, 30, 16, 0xa000, 0xa000, 1, false, 2},
	0x12: {layPlanar, 80, 30, 16, 0xa000, 0xa000, 1, false, 16},
	0x13: {layLinear, 40, 25, 8, 0xa000, 0xfa00, 1, false, 0},
}

// mode is the current mode; in VBE modes the answer is a text mode without
// memory, so that teletype output goes nowhere harmful.
func (f *frame) mode() (videoMode, bool) {
	m, ok := videoModes[f.rd8(bdaVideoMode)&0x7f]
	return m, ok && !f.vbeActive()
}

// setMode is INT 10h AH=00h. Bit 7 of n keeps video memory.
func (f *frame) setMode(n byte) {
	m, ok := videoModes[n&0x7f]
	if !ok {
		return
	}
	f.dispi(dispiEnable, 0)
	if v := f.b.hw.Video; v != nil {
		if err := v.SetBIOSMode(n&0x7f, n&0x80 != 0); err != nil {
			return
		}
	}
	crtc := uint16(0x3d4)
	eq := f.rd16(bdaEquipment) &^ 0x30
	if m.mono {
		crtc, eq = 0x3b4, eq|0x30
	} else {
		eq |= 0x20
	}
	f.wr16(bdaEquipment, eq)
	f.wr8(bdaVideoMode, n&0x7f)
	f.wr16(bdaColumns, uint16(m.cols))
	f.wr16(bdaPageSize, m.page)
	f.wr16(bdaPageStart, 0)
	f.write(bdaCursor, make([]byte, 16))
	f.wr16(bdaCursorType, 0x0607)
	if m.lay != layText {
		f.wr16(bdaCursorType, 0)
	}
	f.wr8(bdaActivePage, 0)
	f.wr16(bdaCRTC, crtc)
	f.wr8(bdaCRTMode, [...]byte{0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29}[min(n&0x7f, 7)])
	f.wr8(bdaCRTPal, 0x30)
	f.wr8(bdaRows, byte(m.rows-1))
	f.wr16(bdaCharHeight, uint16(m.height))
	f.wr8(bdaVideoCtl, 0x60|n&0x80)
	f.wr8(bdaSwitches, 0xf9)
	f.wr8(bdaModeSet, f.rd8(bdaModeSet)&^0x80|0x11)
	f.wr8(bdaDCCIndex, 8)
	f.wr32(0x43*4, f.videoPtr(fontLabel(m.height)))
	f.wr32(0x1f*4, f.videoPtr("font8hi"))
	if m.lay == layText {
		f.crtc(0x0a, byte(m.height-3))
		f.crtc(0x0b, byte(m.height-2))
	}
}

// videoPtr is a far pointer into the video ROM.
func (f *frame) videoPtr(label string) uint32 {
	return VideoROMBase>>4<<16 | uint32(f.b.vidEntry[label])
}

func fontLabel(height int) string {
	switch height {
	case 8:
		return "font8"
	case 14:
		return "font14"
	}
	return "font16"
}

// indexed writes a register behind an index/data pair.
func (f *frame) indexed(port uint16, i, v byte) {
	f.out(port, i)
	f.out(port+1, v)
}

func (f *frame) crtc(i, v byte)       { f.indexed(f.rd16(bdaCRTC), i, v) }
func (f *frame) gfx(i, v byte)        { f.indexed(0x3ce, i, v) }
func (f *frame) seq(i, v byte)        { f.indexed(0x3c4, i, v) }
func (f *frame) crtcRead(i byte) byte { p := f.rd16(bdaCRTC); f.out(p, i); return f.in(p + 1) }

// int10 is the video interrupt.
func (f *frame) int10() {
	switch f.ah() {
	case 0x00:
		n := f.al()
		switch n & 0x7f {
		case 6:
			f.setAL(0x3f)
		case 0, 1, 2, 3, 4, 5, 7:
			f.setAL(0x30)
		default:
			f.setAL(0x20)
		}
		f.setMode(n)
	case 0x01:
		f.cursorShape(f.ch(), f.cl())
	case 0x02:
		f.setCursor(f.bh(), f.dh(), f.dl())
	case 0x03:
		row, col := f.cursor(f.bh())
		f.setLo(rDX, uint16(row)<<8|uint16(col))
		f.setLo(rCX, f.rd16(bdaCursorType))
	case 0x04:
		f.setAH(0) // no light pen
	case 0x05:
		f.setPage(f.al())
	case 0x06, 0x07:
		f.scroll(f.ah() == 0x07, f.al(), f.bh(), f.ch(), f.cl(), f.dh(), f.dl(), f.rd8(bdaActivePage))
	case 0x08:
		f.readChar()
	case 0x09, 0x0a:
		f.writeChars(f.ah() == 0x09)
	case 0x0b:
		f.cgaPalette()
	case 0x0c:
		f.setPixel(f.bh(), int(f.cx()), int(f.dx()), f.al())
	case 0x0d:
		f.setAL(f.pixel(f.bh(), int(f.cx()), int(f.dx())))
	case 0x0e:
		f.teletype(f.al(), f.bl(), f.rd8(bdaActivePage), false)
	case 0x0f:
		f.setAX(uint16(f.rd8(bdaColumns))<<8 | uint16(f.rd8(bdaVideoMode)|f.rd8(bdaVideoCtl)&0x80))
		f.setB1(rBX, f.rd8(bdaActivePage))
	case 0x10:
		f.palette()
	case 0x11:
		f.fonts()
	case 0x12:
		f.alternate()
	case 0x13:
		f.writeString()
	case 0x1a:
		switch f.al() {
		case 0:
			f.setB0(rBX, 8) // VGA with analogue colour monitor
			f.setB1(rBX, 0)
			f.setAL(0x1a)
		case 1:
			f.setAL(0x1a)
		}
	case 0x1b:
		f.stateInfo()
	case 0x4f:
		f.vbe()
	}
}

func (f *frame) cursor(page byte) (row, col byte) {
	at := uint64(bdaCursor + 2*int(page&7))
	return f.rd8(at + 1), f.rd8(at)
}

func (f *frame) setCursor(page, row, col byte) {
	at := uint64(bdaCursor + 2*int(page&7))
	f.wr8(at, col)
	f.wr8(at+1, row)
	if page == f.rd8(bdaActivePage) {
		f.showCursor(row, col)
	}
}

func (f *frame) showCursor(row, col byte) {
	m, ok := f.mode()
	if !ok || m.lay != layText {
		return
	}
	at := f.rd16(bdaPageStart)/2 + uint16(row)*f.rd16(bdaColumns) + uint16(col)
	f.crtc(0x0e, byte(at>>8))
	f.crtc(0x0f, byte(at))
}

// cursorShape sets the cursor's lines. Values meant for the CGA's 8-line
// characters are scaled to the font unless emulation is off.
func (f *frame) cursorShape(start, end byte) {
	f.wr16(bdaCursorType, uint16(start)<<8|uint16(end))
	h := f.rd8(bdaCharHeight)
	s, e := start&0x3f, end&0x1f
	if f.rd8(bdaVideoCtl)&1 == 0 && h > 8 && e < 8 && s < 0x20 {
		if e != s+1 {
			s = byte((int(s)+1)*int(h)/8 - 1)
		} else {
			s = byte((int(e)+1)*int(h)/8 - 2)
		}
		e = byte((int(e)+1)*int(h)/8 - 1)
	}
	f.crtc(0x0a, s)
	f.crtc(0x0b, e)
}

func (f *frame) setPage(page byte) {
	m, ok := f.mode()
	if !ok || page >= m.pages {
		return
	}
	start := uint16(page) * f.rd16(bdaPageSize)
	f.wr16(bdaPageStart, start)
	f.wr8(bdaActivePage, page)
	at := start
	if m.lay == layText {
		at /= 2
	}
	f.crtc(0x0c, byte(at>>8))
	f.crtc(0x0d, byte(at))
	f.showCursor(f.cursor(page))
}

// writeString is INT 10h AH=13h.
func (f *frame) writeString() {
	page, mode := f.bh()&7, f.al()
	row0, col0 := f.cursor(page)
	f.setCursor(page, f.dh(), f.dl())
	at := lin(f.es, f.bp())
	const most = 80 * 60 // a screenful; more would keep the machine busy for a guest's mistake
	for n := min(f.cx(), most); n > 0; n-- {
		c, attr := f.rd8(at), f.bl()
		at++
		if mode&2 != 0 {
			attr = f.rd8(at)
			at++
		}
		f.teletype(c, attr, page, true)
	}
	if mode&1 == 0 {
		f.setCursor(page, row0, col0)
	}
}

// alternate is INT 10h AH=12h.
func (f *frame) alternate() {
	switch f.bl() {
	case 0x10: // EGA information: colour, 256K
		mono := byte(0)
		if f.rd16(bdaCRTC) == 0x3b4 {
			mono = 1
		}
		f.setLo(rBX, uint16(mono)<<8|3)
		f.setLo(rCX, uint16(f.rd8(bdaSwitches)&0xf))
		return
	case 0x30: // scan lines of the next text mode; always 400 here
	case 0x31:
		f.wr8(bdaModeSet, f.rd8(bdaModeSet)&^8|f.al()<<3&8)
	case 0x32:
		v := byte(2)
		if f.al() != 0 {
			v = 0
		}
		f.out(0x3c2, f.in(0x3cc)&^2|v)
	case 0x33:
		f.wr8(bdaModeSet, f.rd8(bdaModeSet)&^2|(f.al()&1^1)<<1)
	case 0x34:
		f.orBDA(bdaVideoCtl, f.al()&1, 1)
	case 0x36:
		f.out(0x3c4, 1)
		f.out(0x3c5, f.in(0x3c5)&^0x20|f.al()&1<<5)
	default:
		return
	}
	f.setAL(0x12)
}

// stateInfo is INT 10h AH=1Bh: 64 bytes at ES:DI.
func (f *frame) stateInfo() {
	if f.bx() != 0 {
		return
	}
	t := make([]byte, 64)
	p := f.videoPtr("static")
	t[0], t[1], t[2], t[3] = byte(p), byte(p>>8), byte(p>>16), byte(p>>24)
	f.read(bdaVideoMode, t[4:4+30]) // mode ... palette register, as in the BDA
	m := videoModes[f.rd8(bdaVideoMode)]
	t[0x22] = f.rd8(bdaRows) + 1
	t[0x23] = f.rd8(bdaCharHeight)
	t[0x25] = 8
	t[0x27] = m.dac
	t[0x29] = m.pages
	t[0x2a] = 2 // 400 lines
	t[0x2d] = 0x21
	t[0x31] = 3 // 256 KiB
	f.write(lin(f.es, f.di()), t)
	f.setAL(0x1b)
}
