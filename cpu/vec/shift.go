package vec

// Shift counts are the whole low qword of the second operand; what reaches the lane width shifts everything out.

// PSLLW shifts words left.
func PSLLW(a, b V) V { return sll(a, b[0], 16, 0x0001000100010001) }

// PSLLD shifts dwords left.
func PSLLD(a, b V) V { return sll(a, b[0], 32, 0x0000000100000001) }

// PSLLQ shifts qwords left.
func PSLLQ(a, b V) V { return V{a[0] << b[0], a[1] << b[0]} }

// PSRLW shifts words right, filling with zeros.
func PSRLW(a, b V) V { return srl(a, b[0], 16, 0x0001000100010001) }

// PSRLD shifts dwords right, filling with zeros.
func PSRLD(a, b V) V { return srl(a, b[0], 32, 0x0000000100000001) }

// PSRLQ shifts qwords right, filling with zeros.
func PSRLQ(a, b V) V { return V{a[0] >> b[0], a[1] >> b[0]} }

// PSRAW shifts words right, filling with the sign.
func PSRAW(a, b V) V { return sra(a, b[0], 16, 0x0001000100010001) }

// PSRAD shifts dwords right, filling with the sign.
func PSRAD(a, b V) V { return sra(a, b[0], 32, 0x0000000100000001) }

// PSLLWI is PSLLW by an immediate; so are the following ones of their namesakes.
func PSLLWI(a V, imm uint8) V { return PSLLW(a, V{uint64(imm)}) }

// PSLLDI shifts dwords left.
func PSLLDI(a V, imm uint8) V { return PSLLD(a, V{uint64(imm)}) }

// PSLLQI shifts qwords left.
func PSLLQI(a V, imm uint8) V { return PSLLQ(a, V{uint64(imm)}) }

// PSRLWI shifts words right.
func PSRLWI(a V, imm uint8) V { return PSRLW(a, V{uint64(imm)}) }

// PSRLDI shifts dwords right.
func PSRLDI(a V, imm uint8) V { return PSRLD(a, V{uint64(imm)}) }

// PSRLQI shifts qwords right.
func PSRLQI(a V, imm uint8) V { return PSRLQ(a, V{uint64(imm)}) }

// PSRAWI shifts words right arithmetically.
func PSRAWI(a V, imm uint8) V { return PSRAW(a, V{uint64(imm)}) }

// PSRADI shifts dwords right arithmetically.
func PSRADI(a V, imm uint8) V { return PSRAD(a, V{uint64(imm)}) }

// each lane of unit has a one; times a lane-sized mask it repeats that mask.
func sll(a V, n uint64, w uint, unit uint64) V {
	if n >= uint64(w) {
		return V{}
	}
	keep := unit * ((1<<w - 1) &^ (1<<n - 1))
	return V{a[0] << n & keep, a[1] << n & keep}
}

func srl(a V, n uint64, w uint, unit uint64) V {
	if n >= uint64(w) {
		return V{}
	}
	keep := unit * ((1<<w - 1) >> n)
	return V{a[0] >> n & keep, a[1] >> n & keep}
}

func sra(a V, n uint64, w uint, unit uint64) V {
	n = min(n, uint64(w)-1)
	low := unit * ((1<<w - 1) >> n)
	h := unit << (w - 1)
	return V{
		a[0]>>n&low | spread(a[0]&h, w)&^low,
		a[1]>>n&low | spread(a[1]&h, w)&^low,
	}
}

// PSLLDQ shifts the register left by bytes.
func PSLLDQ(a V, imm uint8) V {
	n := uint(imm) * 8
	if n >= 64 {
		return V{0, a[0] << (n - 64)}
	}
	return V{a[0] << n, a[1]<<n | a[0]>>(64-n)}
}

// PSRLDQ shifts the register right by bytes.
func PSRLDQ(a V, imm uint8) V {
	n := uint(imm) * 8
	if n >= 64 {
		return V{a[1] >> (n - 64), 0}
	}
	return V{a[0]>>n | a[1]<<(64-n), a[1] >> n}
}

// PALIGNR takes 16 bytes of a:b (a above) from byte imm.
func PALIGNR(a, b V, imm uint8) V {
	if imm >= 16 {
		return PSRLDQ(a, imm-16)
	}
	return POR(PSRLDQ(b, imm), PSLLDQ(a, 16-imm))
}

// PALIGNRM takes 8 bytes of a:b (a above) from byte imm.
func PALIGNRM(a, b M, imm uint8) M {
	if imm >= 16 {
		return 0
	}
	return M(PSRLDQ(V{uint64(b), uint64(a)}, imm)[0])
}
