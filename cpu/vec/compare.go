package vec

// Bits that a lane's right shift by one would take from its neighbour.
const (
	l8  = 0x0101010101010101
	l16 = 0x0001000100010001
)

func equal(a, b, h uint64, w uint) uint64 {
	x := a ^ b
	return spread(^((x&^h+^h)|x)&h, w)
}

// greater and above compare signed and unsigned lanes through the borrow of b-a.
func greater(a, b, h uint64, w uint) uint64 {
	return spread((b&^a|^(a^b)&sub(b, a, h))&h, w)
}

func above(a, b, h uint64, w uint) uint64 {
	return spread((a&^b|^(a^b)&sub(b, a, h))&h, w)
}

func ones(b bool) uint64 {
	if b {
		return ^uint64(0)
	}
	return 0
}

func avg(a, b, low uint64) uint64 { return (a | b) - (a^b)&^low>>1 }

func abs(a, h uint64, w uint) uint64 {
	m := spread(a&h, w)
	return sub(a^m, m, h)
}

func sign(a, b, h uint64, w uint) uint64 {
	m := spread(b&h, w)
	return sub(a^m, m, h) &^ equal(b, 0, h, w)
}

// PAND is a AND b; ANDPS and ANDPD too.
func PAND(a, b V) V {
	return V{a[0] & b[0], a[1] & b[1]}
}

// PANDN is NOT a AND b; ANDNPS and ANDNPD too.
func PANDN(a, b V) V {
	return V{^a[0] & b[0], ^a[1] & b[1]}
}

// POR is a OR b; ORPS and ORPD too.
func POR(a, b V) V {
	return V{a[0] | b[0], a[1] | b[1]}
}

// PXOR is a XOR b; XORPS and XORPD too.
func PXOR(a, b V) V {
	return V{a[0] ^ b[0], a[1] ^ b[1]}
}

// PCMPEQB compares bytes for equality.
func PCMPEQB(a, b V) V {
	return V{equal(a[0], b[0], h8, 8), equal(a[1], b[1], h8, 8)}
}

// PCMPEQW compares words for equality.
func PCMPEQW(a, b V) V {
	return V{equal(a[0], b[0], h16, 16), equal(a[1], b[1], h16, 16)}
}

// PCMPEQD compares dwords for equality.
func PCMPEQD(a, b V) V {
	return V{equal(a[0], b[0], h32, 32), equal(a[1], b[1], h32, 32)}
}

// PCMPEQQ compares qwords for equality.
func PCMPEQQ(a, b V) V {
	return V{ones(a[0] == b[0]), ones(a[1] == b[1])}
}

// PCMPGTB compares signed bytes.
func PCMPGTB(a, b V) V {
	return V{greater(a[0], b[0], h8, 8), greater(a[1], b[1], h8, 8)}
}

// PCMPGTW compares signed words.
func PCMPGTW(a, b V) V {
	return V{greater(a[0], b[0], h16, 16), greater(a[1], b[1], h16, 16)}
}

// PCMPGTD compares signed dwords.
func PCMPGTD(a, b V) V {
	return V{greater(a[0], b[0], h32, 32), greater(a[1], b[1], h32, 32)}
}

// PCMPGTQ compares signed qwords.
func PCMPGTQ(a, b V) V {
	return V{ones(int64(a[0]) > int64(b[0])), ones(int64(a[1]) > int64(b[1]))}
}

// PMINUB picks the smaller unsigned bytes.
func PMINUB(a, b V) V {
	return V{pick(b[0], a[0], above(a[0], b[0], h8, 8)), pick(b[1], a[1], above(a[1], b[1], h8, 8))}
}

// PMINSB picks the smaller signed bytes.
func PMINSB(a, b V) V {
	return V{pick(b[0], a[0], greater(a[0], b[0], h8, 8)), pick(b[1], a[1], greater(a[1], b[1], h8, 8))}
}

// PMAXUB picks the larger unsigned bytes.
func PMAXUB(a, b V) V {
	return V{pick(a[0], b[0], above(a[0], b[0], h8, 8)), pick(a[1], b[1], above(a[1], b[1], h8, 8))}
}

// PMAXSB picks the larger signed bytes.
func PMAXSB(a, b V) V {
	return V{pick(a[0], b[0], greater(a[0], b[0], h8, 8)), pick(a[1], b[1], greater(a[1], b[1], h8, 8))}
}

// PMINUW picks the smaller unsigned words.
func PMINUW(a, b V) V {
	return V{pick(b[0], a[0], above(a[0], b[0], h16, 16)), pick(b[1], a[1], above(a[1], b[1], h16, 16))}
}

// PMINSW picks the smaller signed words.
func PMINSW(a, b V) V {
	return V{pick(b[0], a[0], greater(a[0], b[0], h16, 16)), pick(b[1], a[1], greater(a[1], b[1], h16, 16))}
}

// PMAXUW picks the larger unsigned words.
func PMAXUW(a, b V) V {
	return V{pick(a[0], b[0], above(a[0], b[0], h16, 16)), pick(a[1], b[1], above(a[1], b[1], h16, 16))}
}

// PMAXSW picks the larger signed words.
func PMAXSW(a, b V) V {
	return V{pick(a[0], b[0], greater(a[0], b[0], h16, 16)), pick(a[1], b[1], greater(a[1], b[1], h16, 16))}
}

// PMINUD picks the smaller unsigned dwords.
func PMINUD(a, b V) V {
	return V{pick(b[0], a[0], above(a[0], b[0], h32, 32)), pick(b[1], a[1], above(a[1], b[1], h32, 32))}
}

// PMINSD picks the smaller signed dwords.
func PMINSD(a, b V) V {
	return V{pick(b[0], a[0], greater(a[0], b[0], h32, 32)), pick(b[1], a[1], greater(a[1], b[1], h32, 32))}
}

// PMAXUD picks the larger unsigned dwords.
func PMAXUD(a, b V) V {
	return V{pick(a[0], b[0], above(a[0], b[0], h32, 32)), pick(a[1], b[1], above(a[1], b[1], h32, 32))}
}

// PMAXSD picks the larger signed dwords.
func PMAXSD(a, b V) V {
	return V{pick(a[0], b[0], greater(a[0], b[0], h32, 32)), pick(a[1], b[1], greater(a[1], b[1], h32, 32))}
}

// PAVGB averages unsigned bytes, rounding up.
func PAVGB(a, b V) V {
	return V{avg(a[0], b[0], l8), avg(a[1], b[1], l8)}
}

// PAVGW averages unsigned words, rounding up.
func PAVGW(a, b V) V {
	return V{avg(a[0], b[0], l16), avg(a[1], b[1], l16)}
}

// PABSB takes the absolute values of bytes.
func PABSB(a V) V {
	return V{abs(a[0], h8, 8), abs(a[1], h8, 8)}
}

// PABSW takes the absolute values of words.
func PABSW(a V) V {
	return V{abs(a[0], h16, 16), abs(a[1], h16, 16)}
}

// PABSD takes the absolute values of dwords.
func PABSD(a V) V {
	return V{abs(a[0], h32, 32), abs(a[1], h32, 32)}
}

// PSIGNB negates, keeps or clears bytes of a by the sign of b's.
func PSIGNB(a, b V) V {
	return V{sign(a[0], b[0], h8, 8), sign(a[1], b[1], h8, 8)}
}

// PSIGNW negates, keeps or clears words of a by the sign of b's.
func PSIGNW(a, b V) V {
	return V{sign(a[0], b[0], h16, 16), sign(a[1], b[1], h16, 16)}
}

// PSIGND negates, keeps or clears dwords of a by the sign of b's.
func PSIGND(a, b V) V {
	return V{sign(a[0], b[0], h32, 32), sign(a[1], b[1], h32, 32)}
}
