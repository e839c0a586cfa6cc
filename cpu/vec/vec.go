// Package vec is the meaning of the packed instructions, MMX to SSE4.2 with AES, PCLMULQDQ and SHA, as functions of
// values: no CPU state, no memory. Functions carry the SDM's mnemonics; a is the destination, which is also the first
// source, b the second operand. Floating-point ones take a softfloat.Env and raise its flags.
package vec

import "g86/cpu/softfloat"

// V is an XMM register; element 0 holds bits 63:0.
type V [2]uint64

// M is an MMX register. Where an operation treats the two halves of a V alike, the MMX form is that of V{m, 0}; where it
// does not, there is a function with suffix M.
type M uint64

// Env is the floating-point environment.
type Env = softfloat.Env

func (v V) b(i int) uint8  { return uint8(v[i>>3&1] >> (i & 7 * 8)) }
func (v V) w(i int) uint16 { return uint16(v[i>>2&1] >> (i & 3 * 16)) }
func (v V) d(i int) uint32 { return uint32(v[i>>1&1] >> (i & 1 * 32)) }

func (v *V) setB(i int, x uint8) {
	s := i & 7 * 8
	v[i>>3&1] = v[i>>3&1]&^(0xff<<s) | uint64(x)<<s
}

func (v *V) setW(i int, x uint16) {
	s := i & 3 * 16
	v[i>>2&1] = v[i>>2&1]&^(0xffff<<s) | uint64(x)<<s
}

func (v *V) setD(i int, x uint32) {
	s := i & 1 * 32
	v[i>>1&1] = v[i>>1&1]&^(0xffffffff<<s) | uint64(x)<<s
}

// d4 makes a V of dwords, lowest first.
func d4(x0, x1, x2, x3 uint32) V {
	return V{uint64(x0) | uint64(x1)<<32, uint64(x2) | uint64(x3)<<32}
}

// w4 makes a half of words, lowest first.
func w4(x0, x1, x2, x3 uint16) uint64 {
	return uint64(x0) | uint64(x1)<<16 | uint64(x2)<<32 | uint64(x3)<<48
}

// scalar32 replaces the low dword of a.
func scalar32(a V, x uint32) V { return V{a[0]&^0xffffffff | uint64(x), a[1]} }
