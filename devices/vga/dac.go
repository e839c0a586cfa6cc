package vga

import "image/color"

// dac is the palette DAC (INMOS IMSG171 compatible), ports 3C6-3C9. Components
// are kept as wide as they were written: 6 bits, or 8 in VBE's 8-bit mode.
type dac struct {
	Mask    byte
	Index   byte    // entry that data accesses address
	Sub     byte    // component within it, 0-2
	Reading bool    // the last index went to 3C7
	Part    [3]byte // components written so far: an entry changes as a whole
	RGB     [256][3]byte
}

func (d *dac) sanitise() { d.Sub %= 3 }

func (d *dac) read(port uint16, mask byte) byte {
	switch port {
	case 0x3c6:
		return d.Mask
	case 0x3c7: // DAC state: 3 after a read index, 0 after a write index
		return b2u(d.Reading) * 3
	case 0x3c8:
		return d.Index
	}
	x := d.RGB[d.Index][d.Sub] & mask
	d.next()
	return x
}

func (d *dac) write(port uint16, x, mask byte) {
	switch port {
	case 0x3c6:
		d.Mask = x
	case 0x3c7:
		d.Index, d.Sub, d.Reading = x, 0, true
	case 0x3c8:
		d.Index, d.Sub, d.Reading = x, 0, false
	case 0x3c9:
		d.Part[d.Sub] = x & mask
		if d.Sub == 2 {
			d.RGB[d.Index] = d.Part
		}
		d.next()
	}
}

func (d *dac) next() {
	if d.Sub++; d.Sub == 3 {
		d.Sub = 0
		d.Index++
	}
}

// rescale converts all entries when the DAC changes between 6 and 8 bits.
func (d *dac) rescale(wide bool) {
	for i := range d.RGB {
		for j := range d.RGB[i] {
			if wide {
				d.RGB[i][j] <<= 2
			} else {
				d.RGB[i][j] >>= 2
			}
		}
	}
}

// dacWidth is the mask of the bits that a DAC component has.
func (v *VGA) dacWidth() byte {
	if v.state.VBE[vbeEnable]&vbe8BitDAC != 0 {
		return 0xff
	}
	return 0x3f
}

// dacColour is what the DAC puts out for a pixel value.
func (v *VGA) dacColour(i byte) color.RGBA {
	c := v.state.DAC.RGB[i&v.state.DAC.Mask]
	if v.dacWidth() == 0x3f {
		for j, x := range c {
			c[j] = x<<2 | x>>4
		}
	}
	return color.RGBA{c[0], c[1], c[2], 0xff}
}

// attrColour sends a 4-bit colour through the attribute controller's palette
// and AR14 to a DAC index.
func (v *VGA) attrColour(i byte) byte {
	a := &v.state.Attr
	c := a[i&0x0f] & 0x3f
	if a[0x10]&attrP54 != 0 {
		c = c&0x0f | a[0x14]&3<<4
	}
	return c | a[0x14]&0x0c<<4
}

// palette16 is the colours of the sixteen attribute values.
func (v *VGA) palette16() (p [16]color.RGBA) {
	for i := range p {
		p[i] = v.dacColour(v.attrColour(byte(i)))
	}
	return p
}

// palette256 is the colours of the DAC entries.
func (v *VGA) palette256() (p [256]color.RGBA) {
	for i := range p {
		p[i] = v.dacColour(byte(i))
	}
	return p
}
