package vec

import "math/bits"

// words applies f to every pair of words of one half.
func words(a, b uint64, f func(x, y uint16) uint16) uint64 {
	return w4(f(uint16(a), uint16(b)), f(uint16(a>>16), uint16(b>>16)),
		f(uint16(a>>32), uint16(b>>32)), f(uint16(a>>48), uint16(b>>48)))
}

func mullw(x, y uint16) uint16   { return x * y }
func mulhuw(x, y uint16) uint16  { return uint16(uint32(x) * uint32(y) >> 16) }
func mulhw(x, y uint16) uint16   { return uint16(int32(int16(x)) * int32(int16(y)) >> 16) }
func mulhrsw(x, y uint16) uint16 { return uint16((int32(int16(x))*int32(int16(y))>>14 + 1) >> 1) }

// PMULLW keeps the low halves of the products of words.
func PMULLW(a, b V) V { return V{words(a[0], b[0], mullw), words(a[1], b[1], mullw)} }

// PMULHW keeps the high halves of the products of signed words.
func PMULHW(a, b V) V { return V{words(a[0], b[0], mulhw), words(a[1], b[1], mulhw)} }

// PMULHUW keeps the high halves of the products of unsigned words.
func PMULHUW(a, b V) V { return V{words(a[0], b[0], mulhuw), words(a[1], b[1], mulhuw)} }

// PMULHRSW multiplies signed words as fractions of 15 bits, rounding.
func PMULHRSW(a, b V) V { return V{words(a[0], b[0], mulhrsw), words(a[1], b[1], mulhrsw)} }

// PMULLD keeps the low halves of the products of dwords.
func PMULLD(a, b V) V { return V{mulld(a[0], b[0]), mulld(a[1], b[1])} }

func mulld(a, b uint64) uint64 {
	return uint64(uint32(a)*uint32(b)) | uint64(uint32(a>>32)*uint32(b>>32))<<32
}

// PMULUDQ multiplies the low unsigned dwords of the qwords.
func PMULUDQ(a, b V) V {
	return V{uint64(uint32(a[0])) * uint64(uint32(b[0])), uint64(uint32(a[1])) * uint64(uint32(b[1]))}
}

// PMULDQ multiplies the low signed dwords of the qwords.
func PMULDQ(a, b V) V {
	return V{uint64(int64(int32(a[0])) * int64(int32(b[0]))), uint64(int64(int32(a[1])) * int64(int32(b[1])))}
}

// PMADDWD multiplies signed words and adds neighbouring products.
func PMADDWD(a, b V) V { return V{maddwd(a[0], b[0]), maddwd(a[1], b[1])} }

func maddwd(a, b uint64) uint64 {
	lo := int32(int16(a))*int32(int16(b)) + int32(int16(a>>16))*int32(int16(b>>16))
	hi := int32(int16(a>>32))*int32(int16(b>>32)) + int32(int16(a>>48))*int32(int16(b>>48))
	return uint64(uint32(lo)) | uint64(uint32(hi))<<32
}

// PMADDUBSW multiplies unsigned bytes of a with signed bytes of b and adds neighbouring products with saturation.
func PMADDUBSW(a, b V) V { return V{words(a[0], b[0], maddubsw), words(a[1], b[1], maddubsw)} }

func maddubsw(x, y uint16) uint16 {
	return satW(int32(uint8(x))*int32(int8(y)) + int32(x>>8)*int32(int8(y>>8)))
}

// PSADBW sums the absolute differences of the unsigned bytes of each half.
func PSADBW(a, b V) V { return V{sad(a[0], b[0]), sad(a[1], b[1])} }

func sad(a, b uint64) uint64 {
	d := subUSat(a, b, h8, 8) | subUSat(b, a, h8, 8)
	const even = 0x00ff00ff00ff00ff
	return (d&even + d>>8&even) * 0x0001000100010001 >> 48
}

// MPSADBW sums absolute differences of four bytes of b at the offset imm[1:0]*4 with eight runs of a from imm[2]*4.
func MPSADBW(a, b V, imm uint8) V {
	src := uint32(b.d(int(imm & 3)))
	from := int(imm>>2&1) * 4
	var r V
	for i := range 8 {
		var s uint16
		for j := range 4 {
			x, y := int(a.b(from+i+j)), int(uint8(src>>(8*j)))
			s += uint16(max(x-y, y-x))
		}
		r.setW(i, s)
	}
	return r
}

// PHMINPOSUW finds the smallest unsigned word and its first index.
func PHMINPOSUW(a V) V {
	best, at := a.w(0), 0
	for i := 1; i < 8; i++ {
		if x := a.w(i); x < best {
			best, at = x, i
		}
	}
	return V{uint64(best) | uint64(at)<<16, 0}
}

// hwords combines neighbouring words of a half into its low dword.
func hwords(a uint64, f func(x, y uint16) uint16) uint64 {
	return uint64(f(uint16(a), uint16(a>>16))) | uint64(f(uint16(a>>32), uint16(a>>48)))<<16
}

func hwordsV(a, b V, f func(x, y uint16) uint16) V {
	return V{hwords(a[0], f) | hwords(a[1], f)<<32, hwords(b[0], f) | hwords(b[1], f)<<32}
}

func hwordsM(a, b M, f func(x, y uint16) uint16) M {
	return M(hwords(uint64(a), f) | hwords(uint64(b), f)<<32)
}

func addw(x, y uint16) uint16  { return x + y }
func subw(x, y uint16) uint16  { return x - y }
func addsw(x, y uint16) uint16 { return satW(int32(int16(x)) + int32(int16(y))) }
func subsw(x, y uint16) uint16 { return satW(int32(int16(x)) - int32(int16(y))) }

// PHADDW adds neighbouring words.
func PHADDW(a, b V) V { return hwordsV(a, b, addw) }

// PHADDSW adds neighbouring signed words with saturation.
func PHADDSW(a, b V) V { return hwordsV(a, b, addsw) }

// PHSUBW subtracts odd words from even ones.
func PHSUBW(a, b V) V { return hwordsV(a, b, subw) }

// PHSUBSW subtracts odd signed words from even ones with saturation.
func PHSUBSW(a, b V) V { return hwordsV(a, b, subsw) }

// PHADDD adds neighbouring dwords.
func PHADDD(a, b V) V {
	return d4(a.d(0)+a.d(1), a.d(2)+a.d(3), b.d(0)+b.d(1), b.d(2)+b.d(3))
}

// PHSUBD subtracts odd dwords from even ones.
func PHSUBD(a, b V) V {
	return d4(a.d(0)-a.d(1), a.d(2)-a.d(3), b.d(0)-b.d(1), b.d(2)-b.d(3))
}

// PHADDWM is PHADDW on MMX registers.
func PHADDWM(a, b M) M { return hwordsM(a, b, addw) }

// PHADDSWM is PHADDSW on MMX registers.
func PHADDSWM(a, b M) M { return hwordsM(a, b, addsw) }

// PHSUBWM is PHSUBW on MMX registers.
func PHSUBWM(a, b M) M { return hwordsM(a, b, subw) }

// PHSUBSWM is PHSUBSW on MMX registers.
func PHSUBSWM(a, b M) M { return hwordsM(a, b, subsw) }

// PHADDDM is PHADDD on MMX registers.
func PHADDDM(a, b M) M {
	return M(uint64(uint32(a)+uint32(a>>32)) | uint64(uint32(b)+uint32(b>>32))<<32)
}

// PHSUBDM is PHSUBD on MMX registers.
func PHSUBDM(a, b M) M {
	return M(uint64(uint32(a)-uint32(a>>32)) | uint64(uint32(b)-uint32(b>>32))<<32)
}

// PCLMULQDQ multiplies two qwords, chosen by imm bits 0 and 4, without carries.
func PCLMULQDQ(a, b V, imm uint8) V {
	x, y := a[imm&1], b[imm>>4&1]
	var hi, lo uint64
	for ; y != 0; y &= y - 1 {
		n := uint(bits.TrailingZeros64(y))
		lo ^= x << n
		hi ^= x >> 1 >> (63 - n)
	}
	return V{lo, hi}
}
