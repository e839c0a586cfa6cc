package softfloat

// constant is a value between two neighbouring F80s; sig is the lower one.
type constant struct {
	exp     uint16
	sig     uint64
	nearest uint64 // 1 when round to nearest takes the upper one
}

func (c constant) round(rc uint8) F80 {
	switch rc & 3 {
	case RoundNearest:
		return F80{c.sig + c.nearest, c.exp}
	case RoundUp:
		return F80{c.sig + 1, c.exp}
	}
	return F80{c.sig, c.exp}
}

// FLD1 returns 1.
func FLD1() F80 { return F80{1 << 63, 0x3fff} }

// FLDZ returns +0.
func FLDZ() F80 { return F80{} }

// FLDL2T returns log2(10) rounded as rc says, and raises nothing, like the other constants.
func FLDL2T(rc uint8) F80 { return constant{0x4000, 0xd49a784bcd1b8afe, 0}.round(rc) }

// FLDL2E returns log2(e).
func FLDL2E(rc uint8) F80 { return constant{0x3fff, 0xb8aa3b295c17f0bb, 1}.round(rc) }

// FLDPI returns pi.
func FLDPI(rc uint8) F80 { return constant{0x4000, 0xc90fdaa22168c234, 1}.round(rc) }

// FLDLG2 returns log10(2).
func FLDLG2(rc uint8) F80 { return constant{0x3ffd, 0x9a209a84fbcff798, 1}.round(rc) }

// FLDLN2 returns ln(2).
func FLDLN2(rc uint8) F80 { return constant{0x3ffe, 0xb17217f7d1cf79ab, 1}.round(rc) }
