package vec

// BLENDPS takes the singles of b that imm selects, the others of a.
func BLENDPS(a, b V, imm uint8) V {
	for i := range 4 {
		if imm>>i&1 != 0 {
			a.setD(i, b.d(i))
		}
	}
	return a
}

// BLENDPD takes the doubles of b that imm selects.
func BLENDPD(a, b V, imm uint8) V {
	for i := range 2 {
		if imm>>i&1 != 0 {
			a[i] = b[i]
		}
	}
	return a
}

// PBLENDW takes the words of b that imm selects.
func PBLENDW(a, b V, imm uint8) V {
	for i := range 8 {
		if imm>>i&1 != 0 {
			a.setW(i, b.w(i))
		}
	}
	return a
}

// PBLENDVB takes the bytes of b whose mask byte is negative.
func PBLENDVB(a, b, mask V) V {
	return V{pick(b[0], a[0], spread(mask[0]&h8, 8)), pick(b[1], a[1], spread(mask[1]&h8, 8))}
}

// BLENDVPS takes the singles of b whose mask is negative.
func BLENDVPS(a, b, mask V) V {
	return V{pick(b[0], a[0], spread(mask[0]&h32, 32)), pick(b[1], a[1], spread(mask[1]&h32, 32))}
}

// BLENDVPD takes the doubles of b whose mask is negative.
func BLENDVPD(a, b, mask V) V {
	return V{pick(b[0], a[0], ones(int64(mask[0]) < 0)), pick(b[1], a[1], ones(int64(mask[1]) < 0))}
}

// INSERTPS replaces single imm[5:4] of a by single imm[7:6] of b, then clears those of imm[3:0].
func INSERTPS(a, b V, imm uint8) V {
	a.setD(int(imm>>4&3), b.d(int(imm>>6)))
	return BLENDPS(a, V{}, imm&15)
}

// PTEST reports whether a AND b is zero (ZF) and whether b AND NOT a is (CF).
func PTEST(a, b V) (zf, cf bool) {
	return a[0]&b[0]|a[1]&b[1] == 0, b[0]&^a[0]|b[1]&^a[1] == 0
}

// MOVMSKPS gathers the signs of the singles.
func MOVMSKPS(a V) uint32 {
	return uint32(a[0]>>31&1 | a[0]>>63<<1 | a[1]>>31&1<<2 | a[1]>>63<<3)
}

// MOVMSKPD gathers the signs of the doubles.
func MOVMSKPD(a V) uint32 { return uint32(a[0]>>63 | a[1]>>63<<1) }

// PMOVMSKB gathers the top bits of the bytes.
func PMOVMSKB(a V) uint32 { return topBits(a[0]) | topBits(a[1])<<8 }

// PMOVMSKBM gathers the top bits of the bytes of an MMX register.
func PMOVMSKBM(a M) uint32 { return topBits(uint64(a)) }

// topBits multiplies so that each lane's top bit meets its place in the top byte.
func topBits(x uint64) uint32 { return uint32(x & h8 >> 7 * 0x0102040810204080 >> 56) }

// PEXTRB extracts a byte.
func PEXTRB(a V, imm uint8) uint32 { return uint32(a.b(int(imm & 15))) }

// PEXTRW extracts a word.
func PEXTRW(a V, imm uint8) uint32 { return uint32(a.w(int(imm & 7))) }

// PEXTRWM extracts a word of an MMX register.
func PEXTRWM(a M, imm uint8) uint32 { return uint32(uint16(a >> (imm & 3 * 16))) }

// PEXTRD extracts a dword.
func PEXTRD(a V, imm uint8) uint32 { return a.d(int(imm & 3)) }

// PEXTRQ extracts a qword.
func PEXTRQ(a V, imm uint8) uint64 { return a[imm&1] }

// EXTRACTPS extracts a single.
func EXTRACTPS(a V, imm uint8) uint32 { return a.d(int(imm & 3)) }

// PINSRB replaces a byte.
func PINSRB(a V, v uint32, imm uint8) V {
	a.setB(int(imm&15), uint8(v))
	return a
}

// PINSRW replaces a word.
func PINSRW(a V, v uint32, imm uint8) V {
	a.setW(int(imm&7), uint16(v))
	return a
}

// PINSRWM replaces a word of an MMX register.
func PINSRWM(a M, v uint32, imm uint8) M {
	s := imm & 3 * 16
	return a&^(0xffff<<s) | M(uint16(v))<<s
}

// PINSRD replaces a dword.
func PINSRD(a V, v uint32, imm uint8) V {
	a.setD(int(imm&3), v)
	return a
}

// PINSRQ replaces a qword.
func PINSRQ(a V, v uint64, imm uint8) V {
	a[imm&1] = v
	return a
}
