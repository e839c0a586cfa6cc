package vga

// Bochs VBE ("dispi") registers, addressed through ports 1CEh and 1CFh
// (Bochs, "VBE Display Interface").
const (
	vbeID         = iota // B0C0h-B0C5h
	vbeXRes              // with vbeGetCaps: the largest values
	vbeYRes              //
	vbeBPP               // 4, 8, 15, 16, 24, 32
	vbeEnable            //
	vbeBank              // 64 KiB bank at A0000
	vbeVirtWidth         // pixels per line in memory
	vbeVirtHeight        // lines that fit
	vbeXOffset           // first visible pixel
	vbeYOffset           // first visible line
	vbeMemory64K         // size of video memory in 64 KiB units
	vbeRegs
)

const (
	vbeIDMin = 0xb0c0
	vbeIDMax = 0xb0c5

	vbeEnabled = 0x01
	vbeGetCaps = 0x02
	vbe8BitDAC = 0x20
	vbeLFB     = 0x40
	vbeNoClear = 0x80

	vbeMaxX = 4096
	vbeMaxY = 4096
)

// dispi is the port pair: index at offset 0, data at 1 and (for guests that
// want an aligned word) at 2.
type dispi struct{ v *VGA }

func (d dispi) ReadPort(off uint16, _ int) uint32 {
	if off == 0 {
		return uint32(d.v.state.VBEIndex)
	}
	return uint32(d.v.vbeRead(d.v.state.VBEIndex))
}

func (d dispi) WritePort(off uint16, _ int, x uint32) {
	if off == 0 {
		d.v.state.VBEIndex = uint16(x)
		return
	}
	d.v.vbeWrite(d.v.state.VBEIndex, uint16(x))
}

func (v *VGA) vbeOn() bool { return v.state.VBE[vbeEnable]&vbeEnabled != 0 }

func (v *VGA) vbeRead(i uint16) uint16 {
	r := &v.state.VBE
	if r[vbeEnable]&vbeGetCaps != 0 {
		switch i {
		case vbeXRes:
			return vbeMaxX
		case vbeYRes:
			return vbeMaxY
		case vbeBPP:
			return 32
		}
	}
	switch {
	case i == vbeMemory64K:
		return VRAMSize >> 16
	case i < vbeRegs:
		return r[i]
	}
	return 0
}

func (v *VGA) vbeWrite(i, x uint16) {
	r := &v.state.VBE
	switch i {
	case vbeID:
		if x >= vbeIDMin && x <= vbeIDMax {
			r[vbeID] = x
		}
	case vbeXRes, vbeYRes, vbeBPP, vbeVirtWidth, vbeXOffset, vbeYOffset:
		r[i] = x
		if v.vbeOn() {
			v.fixVBE()
		}
	case vbeBank:
		r[i] = x & (VRAMSize>>16 - 1)
	case vbeEnable:
		v.vbeSwitch(x)
	}
	v.changed()
}

// vbeSwitch writes the enable register. Entering a mode sets the virtual
// screen, the offsets and the bank up anew and clears memory unless told not to.
func (v *VGA) vbeSwitch(x uint16) {
	r := &v.state.VBE
	was := r[vbeEnable]
	if wide := x&vbe8BitDAC != 0; wide != (was&vbe8BitDAC != 0) {
		v.state.DAC.rescale(wide)
	}
	r[vbeEnable] = x & (vbeEnabled | vbeGetCaps | vbe8BitDAC | vbeLFB | vbeNoClear)
	if x&vbeEnabled == 0 || was&vbeEnabled != 0 {
		if x&vbeEnabled == 0 {
			r[vbeBank] = 0
		}
		return
	}
	r[vbeVirtWidth], r[vbeXOffset], r[vbeYOffset], r[vbeBank] = 0, 0, 0, 0
	v.fixVBE()
	if x&vbeNoClear == 0 {
		clear(v.vram[:v.pitch()*int(r[vbeYRes])])
	}
	// Guests program nothing but dispi, so the VGA must not stand in the way:
	// graphics, 64 KiB window at A0000, all planes, nothing between CPU and memory.
	s := &v.state
	s.Misc |= miscRAM | miscColour
	s.Gfx = [9]byte{5: s.Gfx[5] & gfxShift256, 6: 0x05, 7: 0x0f, 8: 0xff}
	s.Seq[1] &^= seqOff | seqHalfDot
	s.Seq[2] = 0x0f
	s.Seq[4] = seqPlanar | seqExtended
	s.AttrIndex |= attrPAS
	s.CRTC[0x17] |= 0x83 // no CGA addressing, retraces on
}

// fixVBE brings the dispi registers to a geometry that fits into video memory,
// whatever the guest wrote.
func (v *VGA) fixVBE() {
	r := &v.state.VBE
	switch r[vbeBPP] {
	case 4, 8, 15, 16, 24, 32:
	case 0:
		r[vbeBPP] = 8 // Bochs: zero means 8
	default:
		r[vbeBPP] = 8
	}
	r[vbeXRes] = max(8, min(r[vbeXRes]&^7, vbeMaxX))
	r[vbeVirtWidth] = max(r[vbeXRes], min(r[vbeVirtWidth]&^7, 4*vbeMaxX))
	lines := len(v.vram) / v.pitch()
	r[vbeYRes] = uint16(max(1, min(int(r[vbeYRes]), vbeMaxY, lines)))
	r[vbeVirtHeight] = uint16(min(lines, 0xffff))
	r[vbeXOffset] = min(r[vbeXOffset], r[vbeVirtWidth]-r[vbeXRes])
	r[vbeYOffset] = min(r[vbeYOffset], r[vbeVirtHeight]-r[vbeYRes])
}

// pitch is the number of video memory bytes per line of the VBE mode; the four
// planes of a 4-bit mode, interleaved, take 4 bits per pixel too.
func (v *VGA) pitch() int {
	r := &v.state.VBE
	w := int(r[vbeVirtWidth])
	if r[vbeBPP] == 4 {
		return w / 2
	}
	return w * ((int(r[vbeBPP]) + 7) / 8)
}
