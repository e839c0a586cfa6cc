package vec

import "math/bits"

// StrFlags are the flags that the string comparisons set; AF and PF are cleared.
type StrFlags struct{ CF, ZF, SF, OF bool }

// PCMPESTRI compares strings of explicit lengths and returns an index into b.
func PCMPESTRI(a, b V, la, lb int64, imm uint8) (index uint32, f StrFlags) {
	res, f := explicit(a, b, la, lb, imm)
	return strIndex(res, imm), f
}

// PCMPESTRM compares strings of explicit lengths and returns a mask.
func PCMPESTRM(a, b V, la, lb int64, imm uint8) (mask V, f StrFlags) {
	res, f := explicit(a, b, la, lb, imm)
	return strMask(res, imm), f
}

// PCMPISTRI compares zero-terminated strings and returns an index into b.
func PCMPISTRI(a, b V, imm uint8) (index uint32, f StrFlags) {
	res, f := implicit(a, b, imm)
	return strIndex(res, imm), f
}

// PCMPISTRM compares zero-terminated strings and returns a mask.
func PCMPISTRM(a, b V, imm uint8) (mask V, f StrFlags) {
	res, f := implicit(a, b, imm)
	return strMask(res, imm), f
}

// elements is how many elements the format in imm[0] has.
func elements(imm uint8) int { return 16 >> (imm & 1) }

func explicit(a, b V, la, lb int64, imm uint8) (uint32, StrFlags) {
	n := elements(imm)
	length := func(l int64) int {
		if l < 0 {
			l = -l
		}
		if uint64(l) > uint64(n) { // unsigned for the most negative
			return n
		}
		return int(l)
	}
	return strCompare(a, b, length(la), length(lb), imm)
}

func implicit(a, b V, imm uint8) (uint32, StrFlags) {
	length := func(v V) int {
		zeros := PMOVMSKB(PCMPEQB(v, V{})) | 1<<16
		if imm&1 != 0 {
			zeros = PMOVMSKB(PCMPEQW(v, V{})) | 1<<16
			return bits.TrailingZeros32(zeros) / 2
		}
		return bits.TrailingZeros32(zeros)
	}
	return strCompare(a, b, length(a), length(b), imm)
}

// element fetches element i in the format of imm[1:0]: unsigned or signed bytes or words.
func element(v V, i int, imm uint8) int32 {
	switch imm & 3 {
	case 0:
		return int32(v.b(i))
	case 1:
		return int32(v.w(i))
	case 2:
		return int32(int8(v.b(i)))
	}
	return int32(int16(v.w(i)))
}

// strCompare computes IntRes2 (SDM Vol. 2B, 4.1): one bit for each element of b.
func strCompare(a, b V, la, lb int, imm uint8) (res uint32, f StrFlags) {
	n := elements(imm)
	var x, y [16]int32
	for i := range n {
		x[i], y[i] = element(a, i, imm), element(b, i, imm)
	}
	switch imm >> 2 & 3 {
	case 0: // equal any: b's element is in the set a
		for j := range lb {
			for i := range la {
				if x[i] == y[j] {
					res |= 1 << j
				}
			}
		}
	case 1: // ranges: b's element lies between a pair of a's
		for j := range lb {
			for i := 0; i+1 < la; i += 2 {
				if x[i] <= y[j] && y[j] <= x[i+1] {
					res |= 1 << j
				}
			}
		}
	case 2: // equal each: elements past both ends are equal
		for j := range n {
			if j < la && j < lb && x[j] == y[j] || j >= la && j >= lb {
				res |= 1 << j
			}
		}
	case 3: // equal ordered: a is a substring of b at j, as far as b goes
		for j := range n {
			match := true
			for i := 0; i < la && j+i < n; i++ {
				if j+i >= lb || x[i] != y[j+i] {
					match = false
					break
				}
			}
			if match {
				res |= 1 << j
			}
		}
	}
	all := uint32(1)<<n - 1
	switch imm >> 4 & 3 {
	case 1:
		res ^= all
	case 3: // only elements within b
		res ^= 1<<lb - 1
	}
	return res, StrFlags{CF: res != 0, ZF: lb < n, SF: la < n, OF: res&1 != 0}
}

func strIndex(res uint32, imm uint8) uint32 {
	switch {
	case res == 0:
		return uint32(elements(imm))
	case imm&0x40 != 0:
		return uint32(bits.Len32(res)) - 1
	}
	return uint32(bits.TrailingZeros32(res))
}

func strMask(res uint32, imm uint8) V {
	if imm&0x40 == 0 {
		return V{uint64(res)}
	}
	var r V
	for i := range elements(imm) {
		if res>>i&1 == 0 {
			continue
		}
		if imm&1 != 0 {
			r.setW(i, 0xffff)
		} else {
			r.setB(i, 0xff)
		}
	}
	return r
}
