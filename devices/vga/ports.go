package vga

// Bits of the miscellaneous output register (3CC/3C2).
const (
	miscColour = 1 << 0 // CRTC and status at 3Dx instead of 3Bx
	miscRAM    = 1 << 1 // the CPU may access video memory
)

// Bits of the registers that the code below looks at.
const (
	seqOff        = 1 << 5 // SR01: screen off
	seqHalfDot    = 1 << 3 // SR01: dot clock / 2
	seqEightDot   = 1 << 0 // SR01: 8 dots per character
	seqExtended   = 1 << 1 // SR04: more than 64 KiB
	seqPlanar     = 1 << 2 // SR04: no odd/even
	seqChain4     = 1 << 3 // SR04: chain 4
	gfxOddEven    = 1 << 4 // GR05: odd/even reads
	gfxInterleave = 1 << 5 // GR05: CGA 4-colour shift register
	gfxShift256   = 1 << 6 // GR05: 256-colour shift register
	gfxGraphics   = 1 << 0 // GR06: graphics, not text
	gfxChainOE    = 1 << 1 // GR06: A0 selects the plane
	attrLineGfx   = 1 << 2 // AR10: the ninth dot repeats the eighth for C0-DF
	attrBlink     = 1 << 3 // AR10: attribute bit 7 blinks
	attrPanSplit  = 1 << 5 // AR10: no panning below the line compare
	attrP54       = 1 << 7 // AR10: AR14 gives colour bits 5-4
	attrPAS       = 1 << 5 // 3C0 index: the palette drives the screen
)

// The bits that exist in each register.
var (
	attrMask = [0x15]byte{
		0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
		0xef, 0xff, 0x3f, 0x0f, 0x0f}
	seqMask = [5]byte{0x03, 0x3d, 0x0f, 0x3f, 0x0e}
	gfxMask = [9]byte{0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff}
)

// ports is one mapped run of the legacy ports.
type ports struct {
	v    *VGA
	base uint16
}

func (p ports) ReadPort(off uint16, _ int) uint32 { return uint32(p.v.in(p.base + off)) }

func (p ports) WritePort(off uint16, _ int, x uint32) { p.v.out(p.base+off, byte(x)) }

// deaf reports whether port belongs to the emulation, colour or
// monochrome, that is not selected.
func (v *VGA) deaf(port uint16) bool {
	switch port {
	case 0x3b4, 0x3b5, 0x3ba:
		return v.state.Misc&miscColour != 0
	case 0x3d4, 0x3d5, 0x3da:
		return v.state.Misc&miscColour == 0
	}
	return false
}

func (v *VGA) in(port uint16) byte {
	s := &v.state
	if v.deaf(port) {
		return 0xff
	}
	switch port {
	case 0x3c0:
		return s.AttrIndex
	case 0x3c1:
		if i := s.AttrIndex & 0x1f; int(i) < len(s.Attr) {
			return s.Attr[i]
		}
		return 0
	case 0x3c2:
		return 0x10 // switch sense: a colour monitor is attached
	case 0x3c3:
		return s.Enable
	case 0x3c4:
		return s.SeqIndex
	case 0x3c5:
		if int(s.SeqIndex) < len(s.Seq) {
			return s.Seq[s.SeqIndex]
		}
		return 0
	case 0x3c6, 0x3c7, 0x3c8, 0x3c9:
		return s.DAC.read(port, v.dacWidth())
	case 0x3ca:
		return s.Feature
	case 0x3cc:
		return s.Misc
	case 0x3ce:
		return s.GfxIndex
	case 0x3cf:
		if int(s.GfxIndex) < len(s.Gfx) {
			return s.Gfx[s.GfxIndex]
		}
		return 0
	case 0x3b4, 0x3d4:
		return s.CRTCIndex
	case 0x3b5, 0x3d5:
		return v.crtcRead()
	case 0x3ba, 0x3da:
		s.AttrData = false
		return v.status1()
	}
	return 0xff
}

func (v *VGA) crtcRead() byte {
	s := &v.state
	switch i := s.CRTCIndex; {
	case int(i) < len(s.CRTC):
		return s.CRTC[i]
	case i == 0x22: // graphics data latch of the plane GR04 selects
		return byte(s.Latch >> (8 * (s.Gfx[4] & 3)))
	case i == 0x24: // attribute flip-flop
		return b2u(s.AttrData)<<7 | s.AttrIndex
	}
	return 0
}

func (v *VGA) out(port uint16, x byte) {
	s := &v.state
	if v.deaf(port) {
		return
	}
	switch port {
	case 0x3c0:
		if !s.AttrData {
			s.AttrIndex = x & 0x3f
		} else if i := s.AttrIndex & 0x1f; int(i) < len(s.Attr) && (i >= 0x10 || s.AttrIndex&attrPAS == 0) {
			s.Attr[i] = x & attrMask[i] // the palette is locked while it drives the screen
		}
		s.AttrData = !s.AttrData
	case 0x3c2:
		s.Misc = x
	case 0x3c3:
		s.Enable = x & 1
	case 0x3c4:
		s.SeqIndex = x & 7
	case 0x3c5:
		if i := s.SeqIndex; int(i) < len(s.Seq) {
			s.Seq[i] = x & seqMask[i]
		}
	case 0x3c6, 0x3c7, 0x3c8, 0x3c9:
		s.DAC.write(port, x, v.dacWidth())
		v.gen++
		return
	case 0x3ce:
		s.GfxIndex = x & 0x0f
	case 0x3cf:
		if i := s.GfxIndex; int(i) < len(s.Gfx) {
			s.Gfx[i] = x & gfxMask[i]
		}
	case 0x3b4, 0x3d4:
		s.CRTCIndex = x & 0x3f
		return
	case 0x3b5, 0x3d5:
		v.crtcWrite(s.CRTCIndex, x)
		v.gen++
		return
	case 0x3ba, 0x3da:
		s.Feature = x & 0x0b
	default:
		return
	}
	v.changed()
}

func (v *VGA) crtcWrite(i, x byte) {
	c := &v.state.CRTC
	if int(i) >= len(c) {
		return
	}
	if i <= 7 && c[0x11]&0x80 != 0 { // CR11 bit 7 protects CR00-CR07 but for CR07 bit 4
		if i == 7 {
			c[7] = c[7]&^0x10 | x&0x10
		}
		return
	}
	c[i] = x
}
