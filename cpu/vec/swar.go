package vec

// Lanes of 8, 16 and 32 bits are added inside a uint64 by keeping carries out of each lane's top bit, which h marks.
const (
	h8  = 0x8080808080808080
	h16 = 0x8000800080008000
	h32 = 0x8000000080000000
)

func add(a, b, h uint64) uint64 { return (a&^h + b&^h) ^ (a^b)&h }
func sub(a, b, h uint64) uint64 { return ((a | h) - b&^h) ^ (a^^b)&h }

// spread turns the top bits of lanes of w bits into masks of whole lanes.
func spread(top uint64, w uint) uint64 { return top<<1 - top>>(w-1) }

func addUSat(a, b, h uint64, w uint) uint64 {
	s := add(a, b, h)
	return s | spread((a&b|(a|b)&^s)&h, w)
}

func subUSat(a, b, h uint64, w uint) uint64 {
	d := sub(a, b, h)
	return d &^ spread((^a&b|^(a^b)&d)&h, w)
}

// limits has the signed extreme on a's side of zero in each lane.
func limits(a, h uint64, w uint) uint64 { return ^h + (a&h)>>(w-1) }

func addSat(a, b, h uint64, w uint) uint64 {
	s := add(a, b, h)
	return pick(limits(a, h, w), s, spread(^(a^b)&(a^s)&h, w))
}

func subSat(a, b, h uint64, w uint) uint64 {
	d := sub(a, b, h)
	return pick(limits(a, h, w), d, spread((a^b)&(a^d)&h, w))
}

// pick takes a where mask is set, else b.
func pick(a, b, mask uint64) uint64 { return b ^ (a^b)&mask }

// PADDB adds bytes.
func PADDB(a, b V) V {
	return V{add(a[0], b[0], h8), add(a[1], b[1], h8)}
}

// PADDW adds words.
func PADDW(a, b V) V {
	return V{add(a[0], b[0], h16), add(a[1], b[1], h16)}
}

// PADDD adds dwords.
func PADDD(a, b V) V {
	return V{add(a[0], b[0], h32), add(a[1], b[1], h32)}
}

// PADDQ adds qwords.
func PADDQ(a, b V) V {
	return V{a[0] + b[0], a[1] + b[1]}
}

// PSUBB subtracts bytes.
func PSUBB(a, b V) V {
	return V{sub(a[0], b[0], h8), sub(a[1], b[1], h8)}
}

// PSUBW subtracts words.
func PSUBW(a, b V) V {
	return V{sub(a[0], b[0], h16), sub(a[1], b[1], h16)}
}

// PSUBD subtracts dwords.
func PSUBD(a, b V) V {
	return V{sub(a[0], b[0], h32), sub(a[1], b[1], h32)}
}

// PSUBQ subtracts qwords.
func PSUBQ(a, b V) V {
	return V{a[0] - b[0], a[1] - b[1]}
}

// PADDSB adds signed bytes with saturation.
func PADDSB(a, b V) V {
	return V{addSat(a[0], b[0], h8, 8), addSat(a[1], b[1], h8, 8)}
}

// PADDUSB adds unsigned bytes with saturation.
func PADDUSB(a, b V) V {
	return V{addUSat(a[0], b[0], h8, 8), addUSat(a[1], b[1], h8, 8)}
}

// PSUBSB subtracts signed bytes with saturation.
func PSUBSB(a, b V) V {
	return V{subSat(a[0], b[0], h8, 8), subSat(a[1], b[1], h8, 8)}
}

// PSUBUSB subtracts unsigned bytes with saturation.
func PSUBUSB(a, b V) V {
	return V{subUSat(a[0], b[0], h8, 8), subUSat(a[1], b[1], h8, 8)}
}

// PADDSW adds signed words with saturation.
func PADDSW(a, b V) V {
	return V{addSat(a[0], b[0], h16, 16), addSat(a[1], b[1], h16, 16)}
}

// PADDUSW adds unsigned words with saturation.
func PADDUSW(a, b V) V {
	return V{addUSat(a[0], b[0], h16, 16), addUSat(a[1], b[1], h16, 16)}
}

// PSUBSW subtracts signed words with saturation.
func PSUBSW(a, b V) V {
	return V{subSat(a[0], b[0], h16, 16), subSat(a[1], b[1], h16, 16)}
}

// PSUBUSW subtracts unsigned words with saturation.
func PSUBUSW(a, b V) V {
	return V{subUSat(a[0], b[0], h16, 16), subUSat(a[1], b[1], h16, 16)}
}
