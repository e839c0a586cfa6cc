package firmware

import "encoding/binary"

// VESA BIOS extensions 3.0 (VESA, "VBE Core Functions Standard") over the Bochs
// display interface: index port 1CEh, data port 1CFh.

const (
	dispiIndex = 0x1ce
	dispiData  = 0x1cf

	dispiID      = 0
	dispiXRes    = 1
	dispiYRes    = 2
	dispiBPP     = 3
	dispiEnable  = 4
	dispiBank    = 5
	dispiVirtW   = 6
	dispiVirtH   = 7
	dispiXOffset = 8
	dispiYOffset = 9
	dispiMemory  = 10

	dispiOn      = 0x01
	dispi8Bit    = 0x20
	dispiLFB     = 0x40
	dispiNoClear = 0x80
)

type vbeMode struct {
	number     uint16
	x, y, bits int
}

// vbeModes: the VESA numbers up to 11Bh, then those customary with Bochs.
var vbeModes = []vbeMode{
	{0x100, 640, 400, 8}, {0x101, 640, 480, 8}, {0x103, 800, 600, 8}, {0x105, 1024, 768, 8}, {0x107, 1280, 1024, 8},
	{0x10d, 320, 200, 15}, {0x10e, 320, 200, 16}, {0x10f, 320, 200, 24},
	{0x110, 640, 480, 15}, {0x111, 640, 480, 16}, {0x112, 640, 480, 24},
	{0x113, 800, 600, 15}, {0x114, 800, 600, 16}, {0x115, 800, 600, 24},
	{0x116, 1024, 768, 15}, {0x117, 1024, 768, 16}, {0x118, 1024, 768, 24},
	{0x119, 1280, 1024, 15}, {0x11a, 1280, 1024, 16}, {0x11b, 1280, 1024, 24},
	{0x11c, 1600, 1200, 8}, {0x11d, 1600, 1200, 15}, {0x11e, 1600, 1200, 16}, {0x11f, 1600, 1200, 24},
	{0x140, 320, 200, 32}, {0x141, 640, 400, 32}, {0x142, 640, 480, 32}, {0x143, 800, 600, 32},
	{0x144, 1024, 768, 32}, {0x145, 1280, 1024, 32}, {0x146, 320, 200, 8}, {0x147, 1600, 1200, 32},
	{0x148, 1152, 864, 8}, {0x149, 1152, 864, 15}, {0x14a, 1152, 864, 16}, {0x14b, 1152, 864, 24}, {0x14c, 1152, 864, 32},
	{0x175, 1280, 768, 16}, {0x176, 1280, 768, 24}, {0x177, 1280, 768, 32},
	{0x178, 1280, 800, 16}, {0x179, 1280, 800, 24}, {0x17a, 1280, 800, 32},
	{0x18d, 1280, 720, 16}, {0x18e, 1280, 720, 24}, {0x18f, 1280, 720, 32},
	{0x190, 1920, 1080, 16}, {0x191, 1920, 1080, 24}, {0x192, 1920, 1080, 32},
}

func findVBE(n uint16) *vbeMode {
	for i := range vbeModes {
		if vbeModes[i].number == n&0x1ff {
			return &vbeModes[i]
		}
	}
	return nil
}

func (m *vbeMode) pitch() int { return m.x * ((m.bits + 7) / 8) }

func (f *frame) dispi(i, v uint16) {
	f.b.hw.Bus.Out(dispiIndex, 2, uint32(i))
	f.b.hw.Bus.Out(dispiData, 2, uint32(v))
}

func (f *frame) dispiRead(i uint16) uint16 {
	f.b.hw.Bus.Out(dispiIndex, 2, uint32(i))
	return uint16(f.b.hw.Bus.In(dispiData, 2))
}

// hasVBE reports whether the adapter answers with a dispi identity.
func (f *frame) hasVBE() bool { return f.dispiRead(dispiID)&0xfff0 == 0xb0c0 }

// vbeActive reports whether a VBE mode is set.
func (f *frame) vbeActive() bool { return f.hasVBE() && f.dispiRead(dispiEnable)&dispiOn != 0 }

// videoMemory is the adapter's memory in 64 KiB units.
func (f *frame) videoMemory() int { return int(f.dispiRead(dispiMemory)) }

func (f *frame) usable(m *vbeMode) bool {
	return m != nil && m.pitch()*m.y <= f.videoMemory()<<16
}

const (
	vbeOK      = 0x004f
	vbeFailed  = 0x014f
	vbeInvalid = 0x034f // in the current mode
)

// vbe is INT 10h AH=4Fh.
func (f *frame) vbe() {
	if !f.hasVBE() {
		return
	}
	done := uint16(vbeFailed)
	switch f.al() {
	case 0x00:
		f.vbeInfo()
		done = vbeOK
	case 0x01:
		if m := findVBE(f.cx()); f.usable(m) {
			f.write(lin(f.es, f.di()), f.vbeModeInfo(m))
			done = vbeOK
		}
	case 0x02:
		done = f.vbeSet(f.bx())
	case 0x03:
		f.setLo(rBX, f.vbeCurrent())
		done = vbeOK
	case 0x04:
		done = f.vbeState()
	case 0x05:
		done = f.vbeWindow()
	case 0x06:
		done = f.vbeScanLine()
	case 0x07:
		done = f.vbeStart()
	case 0x08:
		done = f.vbeDACWidth()
	case 0x09:
		done = f.vbePalette()
	}
	f.setAX(done)
}

// vbeInfo fills the controller information block at ES:DI: 256 bytes, or 512
// for callers that put "VBE2" there.
func (f *frame) vbeInfo() {
	at := lin(f.es, f.di())
	n := 256
	if string(f.bytes(at, 4)) == "VBE2" {
		n = 512
	}
	t := make([]byte, n)
	le := binary.LittleEndian
	copy(t, "VESA")
	le.PutUint16(t[4:], 0x0300)
	le.PutUint32(t[6:], f.videoPtr("vbeoem"))
	le.PutUint32(t[10:], 1) // the DAC can be 8 bits wide
	le.PutUint32(t[14:], uint32(f.es)<<16|uint32(f.di()+34))
	le.PutUint16(t[18:], uint16(f.videoMemory()))
	for _, p := range []int{22, 26, 30} {
		le.PutUint32(t[p:], f.videoPtr("vbeoem"))
	}
	le.PutUint16(t[20:], 0x0100)
	list := t[34:256] // the modes that fit into video memory
	for i := range vbeModes {
		if f.usable(&vbeModes[i]) {
			le.PutUint16(list, vbeModes[i].number)
			list = list[2:]
		}
	}
	le.PutUint16(list, 0xffff)
	f.write(at, t)
}

func (f *frame) vbeModeInfo(m *vbeMode) []byte {
	t := make([]byte, 256)
	le := binary.LittleEndian
	le.PutUint16(t[0:], 0x009b)                         // supported, colour, graphics, linear frame buffer
	t[2] = 0x07                                         // window A: relocatable, read, write
	le.PutUint16(t[4:], 64)                             // granularity and size in KiB
	le.PutUint16(t[6:], 64)                             //
	le.PutUint16(t[8:], 0xa000)                         //
	le.PutUint16(t[16:], uint16(m.pitch()))             //
	le.PutUint16(t[18:], uint16(m.x))                   //
	le.PutUint16(t[20:], uint16(m.y))                   //
	t[22], t[23], t[24], t[25] = 8, 16, 1, byte(m.bits) // character cell, planes
	t[26] = 1                                           // banks
	t[27] = 4                                           // packed pixels
	t[29] = byte(min(255, f.videoMemory()<<16/(m.pitch()*m.y)-1))
	t[30] = 1
	if m.bits > 8 {
		t[27] = 6             // direct colour
		var size, pos [4]byte // red, green, blue, reserved
		switch m.bits {
		case 15:
			size, pos = [4]byte{5, 5, 5, 1}, [4]byte{10, 5, 0, 15}
		case 16:
			size, pos = [4]byte{5, 6, 5, 0}, [4]byte{11, 5, 0, 0}
		case 24:
			size, pos = [4]byte{8, 8, 8, 0}, [4]byte{16, 8, 0, 0}
		case 32:
			size, pos = [4]byte{8, 8, 8, 8}, [4]byte{16, 8, 0, 24}
			t[39] = 2 // the reserved byte may be used
		}
		for i := range size {
			t[31+2*i], t[32+2*i] = size[i], pos[i]
			t[54+2*i], t[55+2*i] = size[i], pos[i]
		}
	}
	le.PutUint32(t[40:], f.b.lfb())
	le.PutUint16(t[50:], uint16(m.pitch()))
	t[52], t[53] = t[29], t[29]
	le.PutUint32(t[62:], 230_000_000) // highest pixel clock
	if f.b.lfb() == 0 {
		t[0] &^= 0x80
	}
	return t
}

// lfb is where the PCI BAR of the display is now: an operating system may have
// moved it.
func (b *BIOS) lfb() uint32 {
	at := uint32(0)
	b.eachPCI(func(_ byte, p pciFn) {
		if at == 0 && p.read(pciClass+2, 2) == classVGA {
			if v := p.read(pciBAR0, 4); v&1 == 0 {
				at = v &^ 0xf
			}
		}
	})
	return at
}

// vbeCurrent is the mode number with its linear and no-clear bits.
func (f *frame) vbeCurrent() uint16 {
	if !f.vbeActive() {
		return uint16(f.rd8(bdaVideoMode))
	}
	return f.rd16(f.ebda(ebdaVBEMode))
}

func (f *frame) vbeSet(n uint16) uint16 {
	if n&0x3fff < 0x100 {
		if _, ok := videoModes[byte(n)&0x7f]; !ok {
			return vbeFailed
		}
		f.setMode(byte(n)&0x7f | byte(n>>8)&0x80)
		f.wr16(f.ebda(ebdaVBEMode), n)
		return vbeOK
	}
	m := findVBE(n)
	if !f.usable(m) {
		return vbeFailed
	}
	f.setMode(0x13 | 0x80) // 256 colours and a palette to start from
	f.dispi(dispiEnable, 0)
	f.dispi(dispiXRes, uint16(m.x))
	f.dispi(dispiYRes, uint16(m.y))
	f.dispi(dispiBPP, uint16(m.bits))
	flags := uint16(dispiOn)
	if n&0x4000 != 0 {
		flags |= dispiLFB
	}
	if n&0x8000 != 0 {
		flags |= dispiNoClear
	}
	f.dispi(dispiEnable, flags)
	f.wr16(f.ebda(ebdaVBEMode), n)
	f.wr16(bdaColumns, uint16(m.x/8))
	f.wr8(bdaRows, byte(m.y/16-1))
	f.wr16(bdaCharHeight, 16)
	return vbeOK
}

// vbeState saves and restores the registers behind the mode (AL=04h). The
// dispi registers are all of VBE's state; the standard VGA's are those of the
// mode, which are set again from its number.
func (f *frame) vbeState() uint16 {
	const size = 64 // one block
	at := lin(f.es, f.bx())
	switch f.dl() {
	case 0:
		f.setLo(rBX, 1)
	case 1:
		t := make([]byte, size)
		for i := uint16(0); i <= dispiYOffset; i++ {
			binary.LittleEndian.PutUint16(t[2*i:], f.dispiRead(i))
		}
		binary.LittleEndian.PutUint16(t[32:], f.vbeCurrent())
		f.write(at, t)
	case 2:
		t := f.bytes(at, size)
		mode := binary.LittleEndian.Uint16(t[32:])
		if f.vbeSet(mode|0x8000) != vbeOK {
			return vbeFailed
		}
		if mode&0x1ff >= 0x100 {
			for _, i := range []uint16{dispiBank, dispiVirtW, dispiXOffset, dispiYOffset} {
				f.dispi(i, binary.LittleEndian.Uint16(t[2*i:]))
			}
		}
	default:
		return vbeFailed
	}
	return vbeOK
}

func (f *frame) vbeWindow() uint16 {
	switch {
	case !f.vbeActive() || f.dispiRead(dispiEnable)&dispiLFB != 0:
		return vbeInvalid
	case f.bl() != 0:
		return vbeFailed
	case f.bh() == 0:
		if int(f.dx()) >= f.videoMemory() {
			return vbeFailed
		}
		f.dispi(dispiBank, f.dx())
	case f.bh() == 1:
		f.setLo(rDX, f.dispiRead(dispiBank))
	default:
		return vbeFailed
	}
	return vbeOK
}

func (f *frame) vbeScanLine() uint16 {
	if !f.vbeActive() {
		return vbeInvalid
	}
	bytes := max(1, int(f.dispiRead(dispiBPP)+7)/8)
	x, y := int(f.dispiRead(dispiXRes)), max(1, int(f.dispiRead(dispiYRes)))
	most := f.videoMemory() << 16 / (y * bytes)
	width := int(f.dispiRead(dispiVirtW))
	switch f.bl() {
	case 0, 2:
		width = int(f.cx())
		if f.bl() == 2 {
			width = (width + bytes - 1) / bytes
		}
		width = max((width+7)&^7, x)
		if width > most {
			return 0x024f
		}
		f.dispi(dispiVirtW, uint16(width))
		width = int(f.dispiRead(dispiVirtW))
	case 1:
	case 3:
		width = min(most&^7, 0xfff8)
	default:
		return vbeFailed
	}
	f.setLo(rBX, uint16(width*bytes))
	f.setLo(rCX, uint16(width))
	f.setLo(rDX, uint16(min(f.videoMemory()<<16/max(1, width*bytes), 0xffff)))
	return vbeOK
}

func (f *frame) vbeStart() uint16 {
	if !f.vbeActive() {
		return vbeInvalid
	}
	switch f.bl() {
	case 0x00, 0x80:
		f.dispi(dispiXOffset, f.cx())
		f.dispi(dispiYOffset, f.dx())
		if f.dispiRead(dispiXOffset) != f.cx() || f.dispiRead(dispiYOffset) != f.dx() {
			return vbeFailed
		}
	case 0x01:
		f.setB1(rBX, 0)
		f.setLo(rCX, f.dispiRead(dispiXOffset))
		f.setLo(rDX, f.dispiRead(dispiYOffset))
	default:
		return vbeFailed
	}
	return vbeOK
}

func (f *frame) vbeDACWidth() uint16 {
	if !f.vbeActive() || f.dispiRead(dispiBPP) != 8 {
		return vbeInvalid
	}
	enable := f.dispiRead(dispiEnable)
	switch f.bl() {
	case 0:
		enable &^= dispi8Bit
		if f.bh() >= 8 {
			enable |= dispi8Bit
		}
		f.dispi(dispiEnable, enable)
	case 1:
	default:
		return vbeFailed
	}
	f.setB1(rBX, 6)
	if enable&dispi8Bit != 0 {
		f.setB1(rBX, 8)
	}
	return vbeOK
}

// vbePalette is AL=09h: entries are blue, green, red and an unused byte.
func (f *frame) vbePalette() uint16 {
	n, first, at := int(f.cx()), int(f.dx()), lin(f.es, f.di())
	if n > 256 || first > 255 || first+n > 256 {
		return vbeFailed
	}
	switch f.bl() {
	case 0x00, 0x80:
		p := f.bytes(at, 4*n)
		rgb := make([]byte, 0, 3*n)
		for i := range n {
			rgb = append(rgb, p[4*i+2], p[4*i+1], p[4*i])
		}
		f.setDAC(byte(first), rgb)
	case 0x01:
		rgb := f.getDAC(byte(first), n)
		p := make([]byte, 4*n)
		for i := range n {
			p[4*i], p[4*i+1], p[4*i+2] = rgb[3*i+2], rgb[3*i+1], rgb[3*i]
		}
		f.write(at, p)
	default:
		return vbeFailed
	}
	return vbeOK
}
