package vec

import "math/bits"

// AES state is 16 bytes, column by column (FIPS 197). encT and decT hold what one byte, after substitution, adds to
// its column in MixColumns and InvMixColumns when it stands in row 0; other rows rotate it.
var (
	sbox, invSbox [256]uint8
	encT, decT    [256]uint32
)

func init() {
	mul := func(x, y uint8) uint8 { // in GF(2^8) modulo x^8+x^4+x^3+x+1
		var r uint8
		for ; y != 0; y >>= 1 {
			r ^= x & -(y & 1)
			x = x<<1 ^ 0x1b&-(x>>7)
		}
		return r
	}
	// p runs through the powers of 3, q through those of its inverse.
	p, q := uint8(1), uint8(1)
	for range 255 {
		p, q = mul(p, 3), mul(q, 0xf6)
		sbox[p] = q ^ bits.RotateLeft8(q, 1) ^ bits.RotateLeft8(q, 2) ^ bits.RotateLeft8(q, 3) ^ bits.RotateLeft8(q, 4) ^ 0x63
	}
	sbox[0] = 0x63
	for x, s := range sbox {
		invSbox[s] = uint8(x)
	}
	column := func(s, m0, m1, m2, m3 uint8) uint32 {
		return uint32(mul(s, m0)) | uint32(mul(s, m1))<<8 | uint32(mul(s, m2))<<16 | uint32(mul(s, m3))<<24
	}
	for x := range 256 {
		encT[x] = column(sbox[x], 2, 1, 1, 3)
		decT[x] = column(invSbox[x], 14, 9, 13, 11)
	}
}

// AESENC is one round of encryption with round key b.
func AESENC(a, b V) V {
	col := func(c int) uint32 {
		return encT[a.b(4*c)] ^ bits.RotateLeft32(encT[a.b((4*c+5)&15)], 8) ^
			bits.RotateLeft32(encT[a.b((4*c+10)&15)], 16) ^ bits.RotateLeft32(encT[a.b((4*c+15)&15)], 24)
	}
	return PXOR(d4(col(0), col(1), col(2), col(3)), b)
}

// AESDEC is one round of the equivalent inverse cipher with round key b.
func AESDEC(a, b V) V {
	col := func(c int) uint32 {
		return decT[a.b(4*c)] ^ bits.RotateLeft32(decT[a.b((4*c+13)&15)], 8) ^
			bits.RotateLeft32(decT[a.b((4*c+10)&15)], 16) ^ bits.RotateLeft32(decT[a.b((4*c+7)&15)], 24)
	}
	return PXOR(d4(col(0), col(1), col(2), col(3)), b)
}

// AESENCLAST is the last round of encryption, without MixColumns.
func AESENCLAST(a, b V) V { return PXOR(shiftSub(a, 5, &sbox), b) }

// AESDECLAST is the last round of decryption, without InvMixColumns.
func AESDECLAST(a, b V) V { return PXOR(shiftSub(a, 13, &invSbox), b) }

// shiftSub moves bytes along their rows, step bytes of the state a row, and substitutes them.
func shiftSub(a V, step int, box *[256]uint8) V {
	var r V
	for i := range 16 {
		r[i>>3] |= uint64(box[a.b((i&^3+i&3*step)&15)]) << (i & 7 * 8)
	}
	return r
}

// AESIMC is InvMixColumns.
func AESIMC(a V) V {
	col := func(x uint32) uint32 {
		return decT[sbox[uint8(x)]] ^ bits.RotateLeft32(decT[sbox[uint8(x>>8)]], 8) ^
			bits.RotateLeft32(decT[sbox[uint8(x>>16)]], 16) ^ bits.RotateLeft32(decT[sbox[x>>24]], 24)
	}
	return d4(col(a.d(0)), col(a.d(1)), col(a.d(2)), col(a.d(3)))
}

// AESKEYGENASSIST substitutes dwords 1 and 3, and again rotated and with the round constant imm.
func AESKEYGENASSIST(a V, imm uint8) V {
	sub := func(x uint32) uint32 {
		return uint32(sbox[uint8(x)]) | uint32(sbox[uint8(x>>8)])<<8 | uint32(sbox[uint8(x>>16)])<<16 | uint32(sbox[x>>24])<<24
	}
	x, y := sub(a.d(1)), sub(a.d(3))
	return d4(x, bits.RotateLeft32(x, -8)^uint32(imm), y, bits.RotateLeft32(y, -8)^uint32(imm))
}

// SHA1RNDS4 does four rounds of SHA-1 on A..D in a (A on top) with the words of b, E added to the first.
func SHA1RNDS4(a, b V, imm uint8) V {
	k := [4]uint32{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6}[imm&3]
	ra, rb, rc, rd, re := a.d(3), a.d(2), a.d(1), a.d(0), uint32(0)
	for i := 3; i >= 0; i-- {
		var f uint32
		switch imm & 3 {
		case 0:
			f = rb&rc ^ ^rb&rd
		case 2:
			f = rb&rc ^ rb&rd ^ rc&rd
		default:
			f = rb ^ rc ^ rd
		}
		t := f + bits.RotateLeft32(ra, 5) + b.d(i) + re + k
		ra, rb, rc, rd, re = t, ra, bits.RotateLeft32(rb, 30), rc, rd
	}
	return d4(rd, rc, rb, ra)
}

// SHA1NEXTE adds the E that follows from a's A to b's top word.
func SHA1NEXTE(a, b V) V {
	b.setD(3, b.d(3)+bits.RotateLeft32(a.d(3), 30))
	return b
}

// SHA1MSG1 is the first step of the message schedule.
func SHA1MSG1(a, b V) V { return V{a[0] ^ b[1], a[1] ^ a[0]} }

// SHA1MSG2 is the last step of the message schedule.
func SHA1MSG2(a, b V) V {
	w16 := bits.RotateLeft32(a.d(3)^b.d(2), 1)
	w17 := bits.RotateLeft32(a.d(2)^b.d(1), 1)
	w18 := bits.RotateLeft32(a.d(1)^b.d(0), 1)
	w19 := bits.RotateLeft32(a.d(0)^w16, 1)
	return d4(w19, w18, w17, w16)
}

// SHA256RNDS2 does two rounds of SHA-256 on C, D, G, H in a and A, B, E, F in b with the two low words of xmm0.
func SHA256RNDS2(a, b, xmm0 V) V {
	ra, rb, re, rf := b.d(3), b.d(2), b.d(1), b.d(0)
	rc, rd, rg, rh := a.d(3), a.d(2), a.d(1), a.d(0)
	for i := range 2 {
		t := re&rf ^ ^re&rg
		t += bits.RotateLeft32(re, -6) ^ bits.RotateLeft32(re, -11) ^ bits.RotateLeft32(re, -25)
		t += xmm0.d(i) + rh
		u := ra&rb ^ ra&rc ^ rb&rc
		u += bits.RotateLeft32(ra, -2) ^ bits.RotateLeft32(ra, -13) ^ bits.RotateLeft32(ra, -22)
		ra, rb, rc, rd, re, rf, rg, rh = t+u, ra, rb, rc, rd+t, re, rf, rg
	}
	return d4(rf, re, rb, ra)
}

// SHA256MSG1 is the first step of the message schedule.
func SHA256MSG1(a, b V) V {
	s0 := func(x uint32) uint32 { return bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3 }
	return d4(a.d(0)+s0(a.d(1)), a.d(1)+s0(a.d(2)), a.d(2)+s0(a.d(3)), a.d(3)+s0(b.d(0)))
}

// SHA256MSG2 is the last step of the message schedule.
func SHA256MSG2(a, b V) V {
	s1 := func(x uint32) uint32 { return bits.RotateLeft32(x, -17) ^ bits.RotateLeft32(x, -19) ^ x>>10 }
	w16, w17 := a.d(0)+s1(b.d(2)), a.d(1)+s1(b.d(3))
	return d4(w16, w17, a.d(2)+s1(w16), a.d(3)+s1(w17))
}
