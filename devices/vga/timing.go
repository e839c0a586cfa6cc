package vga

// timing is the raster that the CRTC generates, from guest time.
type timing struct {
	frame, line      uint64 // ns
	total            uint64 // lines per frame
	display          uint64 // visible lines
	retrace, retrEnd uint64 // lines of the vertical retrace
	visible          uint64 // ns of each line that show pixels
}

// crtc10 assembles a vertical value of 10 bits from its register and the
// overflow bits in CR07.
func (v *VGA) crtc10(reg, bit8, bit9 byte) int {
	c := &v.state.CRTC
	return int(c[reg]) | int(c[7]>>bit8&1)<<8 | int(c[7]>>bit9&1)<<9
}

func (v *VGA) displayLines() int { return v.crtc10(0x12, 1, 6) + 1 }

func (v *VGA) timing() timing {
	c := &v.state.CRTC
	dots := uint64(9)
	if v.state.Seq[1]&seqEightDot != 0 {
		dots = 8
	}
	hz := uint64(25_175_000)
	if v.state.Misc>>2&3 == 1 {
		hz = 28_322_000
	}
	if v.state.Seq[1]&seqHalfDot != 0 {
		hz /= 2
	}
	t := timing{
		total:   uint64(v.crtc10(6, 0, 5)) + 2,
		display: uint64(v.displayLines()),
		retrace: uint64(v.crtc10(0x10, 2, 7)),
	}
	chars := uint64(c[0]) + 5
	t.line = chars * dots * 1_000_000_000 / hz
	t.frame = t.line * t.total
	if t.total < 100 || t.display >= t.total || t.frame < 5_000_000 || v.vbeOn() {
		// No sane raster (no mode set yet, or VBE, which has none): 449 lines at 70 Hz.
		t = timing{line: defaultFrame / 449, total: 449, display: 400, retrace: 412}
		t.frame = t.line * t.total
		chars, c = 100, &[0x19]byte{1: 79}
	}
	t.visible = t.line * min(uint64(c[1])+1, chars) / chars
	if t.retrace < t.display || t.retrace >= t.total {
		t.retrace = t.display
	}
	// The end is given by its low four bits.
	t.retrEnd = t.retrace + (uint64(v.state.CRTC[0x11])-t.retrace)&15
	if t.retrEnd == t.retrace {
		t.retrEnd += 2
	}
	return t
}

// status1 is input status register 1: bit 3 during vertical retrace, bit 0
// whenever no pixels are shown (retraces and borders).
func (v *VGA) status1() byte {
	t := v.timing()
	at := v.clock.Now() % t.frame
	line := at / t.line
	var s byte
	if line >= t.retrace && line < t.retrEnd {
		s |= 0x08
	}
	if line >= t.display || at%t.line >= t.visible {
		s |= 0x01
	}
	return s
}

// blinkPhases are the frame counter's bits that show the cursor (16 frames a
// period) and blinking characters (32 frames).
func (v *VGA) blinkPhases() (cursor, char bool) {
	frames := v.clock.Now() / v.timing().frame
	return frames>>3&1 == 0, frames>>4&1 == 0
}
