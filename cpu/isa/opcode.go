package isa

// Opcode is where an encoding without VEX lives: its map (0 one byte, 1 0F, 2 0F
// 38, 3 0F 3A), opcode, mandatory prefix (66, F2, F3 or 0) and opcode extension
// in ModRM.reg (or -1). ok is false for VEX encodings.
func (f *Form) Opcode() (page, opcode, prefix uint8, ext int8, ok bool) {
	e := &f.enc
	if e.vex() {
		return 0, 0, 0, 0, false
	}
	for p, b := range [numPfx]uint8{pfx66: 0x66, pfxF3: 0xf3, pfxF2: 0xf2} {
		if e.pfx == 1<<p {
			prefix = b
		}
	}
	return uint8(e.page), e.opcode, prefix, e.reg, true
}
