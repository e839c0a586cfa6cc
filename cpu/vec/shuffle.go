package vec

// PSHUFB picks bytes of a by b; bit 7 of a selector clears.
func PSHUFB(a, b V) V {
	var r V
	for i := range 16 {
		if s := b.b(i); s&0x80 == 0 {
			r[i>>3] |= uint64(a.b(int(s&15))) << (i & 7 * 8)
		}
	}
	return r
}

// PSHUFBM is PSHUFB on MMX registers.
func PSHUFBM(a, b M) M {
	var r M
	for i := range 8 {
		if s := uint8(b >> (8 * i)); s&0x80 == 0 {
			r |= a >> (s & 7 * 8) & 0xff << (8 * i)
		}
	}
	return r
}

// shufw picks four words by the bit pairs of imm.
func shufw(a uint64, imm uint8) uint64 {
	return w4(uint16(a>>(imm&3*16)), uint16(a>>(imm>>2&3*16)), uint16(a>>(imm>>4&3*16)), uint16(a>>(imm>>6*16)))
}

// PSHUFW picks the words of an MMX register.
func PSHUFW(a M, imm uint8) M { return M(shufw(uint64(a), imm)) }

// PSHUFLW picks the words of the low half.
func PSHUFLW(a V, imm uint8) V { return V{shufw(a[0], imm), a[1]} }

// PSHUFHW picks the words of the high half.
func PSHUFHW(a V, imm uint8) V { return V{a[0], shufw(a[1], imm)} }

// PSHUFD picks dwords.
func PSHUFD(a V, imm uint8) V { return SHUFPS(a, a, imm) }

// SHUFPS picks two dwords of a and two of b.
func SHUFPS(a, b V, imm uint8) V {
	i := int(imm)
	return d4(a.d(i&3), a.d(i>>2&3), b.d(i>>4&3), b.d(i>>6))
}

// SHUFPD picks a qword of a and one of b.
func SHUFPD(a, b V, imm uint8) V { return V{a[imm&1], b[imm>>1&1]} }

// spreadB spaces the four bytes of x out to words, spreadW the two words to dwords.
func spreadB(x uint32) uint64 {
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	return (v | v<<8) & 0x00ff00ff00ff00ff
}

func spreadW(x uint32) uint64 { return uint64(x&0xffff) | uint64(x>>16)<<32 }

func unpackB(a, b uint64) V {
	return V{spreadB(uint32(a)) | spreadB(uint32(b))<<8, spreadB(uint32(a>>32)) | spreadB(uint32(b>>32))<<8}
}

func unpackW(a, b uint64) V {
	return V{spreadW(uint32(a)) | spreadW(uint32(b))<<16, spreadW(uint32(a>>32)) | spreadW(uint32(b>>32))<<16}
}

func unpackD(a, b uint64) V {
	return V{a&0xffffffff | b<<32, a>>32 | b&^0xffffffff}
}

// PUNPCKLBW interleaves the bytes of the low halves.
func PUNPCKLBW(a, b V) V { return unpackB(a[0], b[0]) }

// PUNPCKHBW interleaves the bytes of the high halves.
func PUNPCKHBW(a, b V) V { return unpackB(a[1], b[1]) }

// PUNPCKLWD interleaves the words of the low halves.
func PUNPCKLWD(a, b V) V { return unpackW(a[0], b[0]) }

// PUNPCKHWD interleaves the words of the high halves.
func PUNPCKHWD(a, b V) V { return unpackW(a[1], b[1]) }

// PUNPCKLDQ interleaves the dwords of the low halves.
func PUNPCKLDQ(a, b V) V { return unpackD(a[0], b[0]) }

// PUNPCKHDQ interleaves the dwords of the high halves.
func PUNPCKHDQ(a, b V) V { return unpackD(a[1], b[1]) }

// PUNPCKLQDQ joins the low halves.
func PUNPCKLQDQ(a, b V) V { return V{a[0], b[0]} }

// PUNPCKHQDQ joins the high halves.
func PUNPCKHQDQ(a, b V) V { return V{a[1], b[1]} }

// PUNPCKLBWM is PUNPCKLBW on MMX registers; so are the following of their namesakes.
func PUNPCKLBWM(a, b M) M { return M(unpackB(uint64(a), uint64(b))[0]) }

// PUNPCKHBWM interleaves the high bytes.
func PUNPCKHBWM(a, b M) M { return M(unpackB(uint64(a), uint64(b))[1]) }

// PUNPCKLWDM interleaves the low words.
func PUNPCKLWDM(a, b M) M { return M(unpackW(uint64(a), uint64(b))[0]) }

// PUNPCKHWDM interleaves the high words.
func PUNPCKHWDM(a, b M) M { return M(unpackW(uint64(a), uint64(b))[1]) }

// PUNPCKLDQM joins the low dwords.
func PUNPCKLDQM(a, b M) M { return M(unpackD(uint64(a), uint64(b))[0]) }

// PUNPCKHDQM joins the high dwords.
func PUNPCKHDQM(a, b M) M { return M(unpackD(uint64(a), uint64(b))[1]) }

// UNPCKLPS interleaves the low singles.
func UNPCKLPS(a, b V) V { return unpackD(a[0], b[0]) }

// UNPCKHPS interleaves the high singles.
func UNPCKHPS(a, b V) V { return unpackD(a[1], b[1]) }

// UNPCKLPD joins the low doubles.
func UNPCKLPD(a, b V) V { return V{a[0], b[0]} }

// UNPCKHPD joins the high doubles.
func UNPCKHPD(a, b V) V { return V{a[1], b[1]} }

// MOVHLPS moves b's high half into a's low half.
func MOVHLPS(a, b V) V { return V{b[1], a[1]} }

// MOVLHPS moves b's low half into a's high half.
func MOVLHPS(a, b V) V { return V{a[0], b[0]} }

// MOVSS is the register form, which merges.
func MOVSS(a, b V) V { return scalar32(a, uint32(b[0])) }

// MOVSD is the register form, which merges.
func MOVSD(a, b V) V { return V{b[0], a[1]} }

// MOVSHDUP doubles the odd singles.
func MOVSHDUP(a V) V { return V{a[0]>>32 | a[0]&^0xffffffff, a[1]>>32 | a[1]&^0xffffffff} }

// MOVSLDUP doubles the even singles.
func MOVSLDUP(a V) V { return V{a[0]&0xffffffff | a[0]<<32, a[1]&0xffffffff | a[1]<<32} }

// MOVDDUP doubles the low double.
func MOVDDUP(a V) V { return V{a[0], a[0]} }

func satB(x int16) uint8   { return uint8(min(max(x, -1<<7), 1<<7-1)) }
func satUB(x int16) uint8  { return uint8(min(max(x, 0), 1<<8-1)) }
func satW(x int32) uint16  { return uint16(min(max(x, -1<<15), 1<<15-1)) }
func satUW(x int32) uint16 { return uint16(min(max(x, 0), 1<<16-1)) }

// packW narrows four words, packD two dwords.
func packW(a uint64, f func(int16) uint8) uint64 {
	return uint64(f(int16(a))) | uint64(f(int16(a>>16)))<<8 | uint64(f(int16(a>>32)))<<16 | uint64(f(int16(a>>48)))<<24
}

func packD(a uint64, f func(int32) uint16) uint64 {
	return uint64(f(int32(a))) | uint64(f(int32(a>>32)))<<16
}

// PACKSSWB narrows signed words to signed bytes.
func PACKSSWB(a, b V) V {
	return V{packW(a[0], satB) | packW(a[1], satB)<<32, packW(b[0], satB) | packW(b[1], satB)<<32}
}

// PACKUSWB narrows signed words to unsigned bytes.
func PACKUSWB(a, b V) V {
	return V{packW(a[0], satUB) | packW(a[1], satUB)<<32, packW(b[0], satUB) | packW(b[1], satUB)<<32}
}

// PACKSSDW narrows signed dwords to signed words.
func PACKSSDW(a, b V) V {
	return V{packD(a[0], satW) | packD(a[1], satW)<<32, packD(b[0], satW) | packD(b[1], satW)<<32}
}

// PACKUSDW narrows signed dwords to unsigned words.
func PACKUSDW(a, b V) V {
	return V{packD(a[0], satUW) | packD(a[1], satUW)<<32, packD(b[0], satUW) | packD(b[1], satUW)<<32}
}

// PACKSSWBM is PACKSSWB on MMX registers.
func PACKSSWBM(a, b M) M { return M(packW(uint64(a), satB) | packW(uint64(b), satB)<<32) }

// PACKUSWBM is PACKUSWB on MMX registers.
func PACKUSWBM(a, b M) M { return M(packW(uint64(a), satUB) | packW(uint64(b), satUB)<<32) }

// PACKSSDWM is PACKSSDW on MMX registers.
func PACKSSDWM(a, b M) M { return M(packD(uint64(a), satW) | packD(uint64(b), satW)<<32) }
