package cpu

import (
	"math/bits"

	"g86/cpu/vec"
)

// Arithmetic that generated code calls: operands are zero-extended to 64 bits,
// n is the operand width in bits. Flags that the manual leaves undefined get the
// value stated here, on every engine.

func sextN(x uint64, n uint) uint64 { return uint64(int64(x<<(64-n)) >> (64 - n)) }
func maskN(n uint) uint64           { return ^uint64(0) >> (64 - n) }

// shiftCount masks a count as the processor does: 5 bits, 6 for 64-bit operands.
func shiftCount(count uint8, n uint) uint {
	if n == 64 {
		return uint(count & 63)
	}
	return uint(count & 31)
}

// shiftFlags sets SF, ZF, PF from r, CF and OF as given; AF (undefined) is 0.
func (c *CPU) shiftFlags(r uint64, n uint, cf, of bool) {
	c.fRes = sextN(r, n)
	c.fAux = uint32(bit(cf))<<31 | uint32(bit(cf != of))<<30
}

// shlf is SHL. OF is the XOR of CF and the sign for any count.
func (c *CPU) shlf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	r := a << k & maskN(n)
	cf := k <= n && a>>(n-k)&1 != 0
	c.shiftFlags(r, n, cf, cf != (r>>(n-1)&1 != 0))
	return r
}

// shrf is SHR. OF is the XOR of the result's two top bits for any count.
func (c *CPU) shrf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	r := a >> k
	c.shiftFlags(r, n, a>>(k-1)&1 != 0, (r^r<<1)>>(n-1)&1 != 0)
	return r
}

// sarf is SAR. OF is 0 for any count.
func (c *CPU) sarf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	s := int64(sextN(a, n))
	r := uint64(s>>k) & maskN(n)
	c.shiftFlags(r, n, s>>(k-1)&1 != 0, false)
	return r
}

// rolf is ROL: CF is the bit rotated into place 0, OF its XOR with the sign.
func (c *CPU) rolf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	k %= n
	r := (a<<k | a>>(n-k)) & maskN(n)
	cf := r&1 != 0
	c.setCFOF(cf, cf != (r>>(n-1)&1 != 0))
	return r
}

// rorf is ROR: CF is the new sign, OF the XOR of the two top bits.
func (c *CPU) rorf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	k %= n
	r := (a>>k | a<<(n-k)) & maskN(n)
	c.setCFOF(r>>(n-1)&1 != 0, (r^r<<1)>>(n-1)&1 != 0)
	return r
}

// rclf is RCL, a rotation of n+1 bits; OF is the XOR of CF and the sign.
func (c *CPU) rclf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n) % (n + 1)
	if k == 0 {
		return a
	}
	carry := uint64(c.cf1())
	r := (a<<k | carry<<(k-1)) & maskN(n)
	if k > 1 {
		r |= a >> (n + 1 - k)
	}
	cf := a>>(n-k)&1 != 0
	c.setCFOF(cf, cf != (r>>(n-1)&1 != 0))
	return r
}

// rcrf is RCR; OF is the XOR of the two top bits.
func (c *CPU) rcrf(a uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n) % (n + 1)
	if k == 0 {
		return a
	}
	carry := uint64(c.cf1())
	r := a>>k | carry<<(n-k)
	if k > 1 {
		r |= a << (n + 1 - k)
	}
	r &= maskN(n)
	c.setCFOF(a>>(k-1)&1 != 0, (r^r<<1)>>(n-1)&1 != 0)
	return r
}

// shldf is SHLD. 16-bit counts above 16 go on with the destination's own bits.
func (c *CPU) shldf(a, b uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	var r uint64
	var cf bool
	if n == 16 {
		wide := a<<32 | b<<16 | a
		r = wide << k >> 32 & 0xffff
		cf = wide>>(48-k)&1 != 0
	} else {
		r = (a<<k | b>>(n-k)) & maskN(n)
		cf = a>>(n-k)&1 != 0
	}
	c.shiftFlags(r, n, cf, (r^a)>>(n-1)&1 != 0)
	return r
}

// shrdf is SHRD.
func (c *CPU) shrdf(a, b uint64, count uint8, n uint) uint64 {
	k := shiftCount(count, n)
	if k == 0 {
		return a
	}
	var r uint64
	var cf bool
	if n == 16 {
		wide := a<<32 | b<<16 | a
		r = wide >> k & 0xffff
		cf = wide>>(k-1)&1 != 0
	} else {
		r = (a>>k | b<<(n-k)) & maskN(n)
		cf = a>>(k-1)&1 != 0
	}
	c.shiftFlags(r, n, cf, (r^a)>>(n-1)&1 != 0)
	return r
}

// mulf is the low half of an unsigned product. SF, ZF and PF (undefined) are the
// low half's, AF is 0.
func (c *CPU) mulf(a, b uint64, n uint) uint64 {
	hi, lo := bits.Mul64(a, b)
	if n < 64 {
		hi = lo >> n
		lo &= maskN(n)
	}
	c.shiftFlags(lo, n, hi != 0, hi != 0)
	return lo
}

func (c *CPU) mulhi(a, b uint64, n uint) uint64 {
	hi, lo := bits.Mul64(a, b)
	if n < 64 {
		return lo >> n
	}
	return hi
}

// imulf is the low half of a signed product; flags as mulf.
func (c *CPU) imulf(a, b uint64, n uint) uint64 {
	a, b = sextN(a, n), sextN(b, n)
	var lo uint64
	var overflow bool
	if n < 64 {
		p := int64(a) * int64(b)
		lo = uint64(p) & maskN(n)
		overflow = int64(sextN(lo, n)) != p
	} else {
		lo = a * b
		overflow = imulHigh(a, b) != uint64(int64(lo)>>63)
	}
	c.shiftFlags(lo, n, overflow, overflow)
	return lo
}

func (c *CPU) imulhi(a, b uint64, n uint) uint64 {
	a, b = sextN(a, n), sextN(b, n)
	if n < 64 {
		return a * b >> n & maskN(n)
	}
	return imulHigh(a, b)
}

// imulHigh is the high half of the signed 64x64-bit product.
func imulHigh(a, b uint64) uint64 {
	hi, _ := bits.Mul64(a, b)
	return hi - uint64(int64(a)>>63)&b - uint64(int64(b)>>63)&a
}

// divq is the quotient of DIV; it leaves the flags (undefined) alone.
func (c *CPU) divq(hi, lo, d uint64, n uint) uint64 {
	if hi >= d { // zero divisor or a quotient too large
		c.raise(vecDE)
	}
	if n == 64 {
		q, _ := bits.Div64(hi, lo, d)
		return q
	}
	return (hi<<n | lo) / d
}

func (c *CPU) divr(hi, lo, d uint64, n uint) uint64 {
	if n == 64 {
		return bits.Rem64(hi, lo, d)
	}
	return (hi<<n | lo) % d
}

// idiv is IDIV: quotient truncated towards zero, remainder with the dividend's sign.
func (c *CPU) idiv(hi, lo, d uint64, n uint) (q, r uint64) {
	if d == 0 {
		c.raise(vecDE)
	}
	if n < 64 {
		lo |= hi << n
		hi = uint64(int64(sextN(lo, min(2*n, 64))) >> 63)
		lo = sextN(lo, min(2*n, 64))
		d = sextN(d, n)
	}
	negative := int64(hi) < 0
	dneg := int64(d) < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if dneg {
		d = -d
	}
	if hi >= d {
		c.raise(vecDE)
	}
	q, r = bits.Div64(hi, lo, d)
	limit := uint64(1) << (n - 1) // most negative quotient
	if negative != dneg {
		if q > limit {
			c.raise(vecDE)
		}
		q = -q
	} else if q >= limit {
		c.raise(vecDE)
	}
	if negative {
		r = -r
	}
	return q, r
}

func (c *CPU) idivq(hi, lo, d uint64, n uint) uint64 {
	q, _ := c.idiv(hi, lo, d, n)
	return q
}

func (c *CPU) idivr(hi, lo, d uint64, n uint) uint64 {
	_, r := c.idiv(hi, lo, d, n)
	return r
}

// bsff is BSF: with a zero source only ZF is set and the destination stays. SF
// and PF (undefined) are the source's, the others 0.
func (c *CPU) bsff(src, old uint64, n uint) uint64 {
	c.flagsLogic(sextN(src, n))
	if src == 0 {
		return old
	}
	return uint64(bits.TrailingZeros64(src))
}

// bsrf is BSR.
func (c *CPU) bsrf(src, old uint64, n uint) uint64 {
	c.flagsLogic(sextN(src, n))
	if src == 0 {
		return old
	}
	return uint64(63 - bits.LeadingZeros64(src))
}

// onlyZC sets ZF and CF and clears the others.
func (c *CPU) onlyZC(zf, cf bool) {
	c.setStatus(uint32(bit(zf))<<6 | uint32(bit(cf)))
}

func (c *CPU) popcntf(a uint64, n uint) uint64 {
	c.onlyZC(a == 0, false)
	return uint64(bits.OnesCount64(a))
}

func (c *CPU) lzcntf(a uint64, n uint) uint64 {
	r := uint64(bits.LeadingZeros64(a)) - uint64(64-n)
	c.onlyZC(r == 0, a == 0)
	return r
}

func (c *CPU) tzcntf(a uint64, n uint) uint64 {
	r := min(uint64(bits.TrailingZeros64(a)), uint64(n))
	c.onlyZC(r == 0, a == 0)
	return r
}

func (c *CPU) adcxf(a, b uint64, n uint) uint64 {
	r, carry := addCarry(a, b, uint64(c.cf1()), n)
	c.setCF(carry)
	return r
}

func (c *CPU) adoxf(a, b uint64, n uint) uint64 {
	r, carry := addCarry(a, b, uint64(bit(c.of())), n)
	c.setCFOF(c.cf(), carry)
	return r
}

func addCarry(a, b, carry uint64, n uint) (uint64, bool) {
	r, out := bits.Add64(a, b, carry)
	if n < 64 {
		out = r >> n & 1
	}
	return r & maskN(n), out != 0
}

// andnf is ANDN: ^a & b.
func (c *CPU) andnf(a, b uint64, n uint) uint64 {
	r := ^a & b & maskN(n)
	c.flagsLogic(sextN(r, n))
	return r
}

// bextrf extracts ctl[15:8] bits of a from bit ctl[7:0]; only ZF is of interest,
// SF and PF (undefined) are 0.
func (c *CPU) bextrf(a, ctl uint64, n uint) uint64 {
	start, length := uint(ctl&0xff), uint(ctl>>8&0xff)
	r := uint64(0)
	if start < n {
		r = a >> start
		if length < 64 {
			r &= 1<<length - 1
		}
	}
	c.onlyZC(r == 0, false)
	return r
}

func (c *CPU) blsif(a uint64, n uint) uint64 {
	r := a & -a
	c.shiftFlags(r, n, a != 0, false)
	return r
}

func (c *CPU) blsmskf(a uint64, n uint) uint64 {
	r := (a ^ (a - 1)) & maskN(n)
	c.shiftFlags(r, n, a == 0, false)
	return r
}

func (c *CPU) blsrf(a uint64, n uint) uint64 {
	r := a & (a - 1)
	c.shiftFlags(r, n, a == 0, false)
	return r
}

// bzhif clears the bits of a from bit idx[7:0] up.
func (c *CPU) bzhif(a, idx uint64, n uint) uint64 {
	k := uint(idx & 0xff)
	r := a
	if k < n {
		r &= 1<<k - 1
	}
	c.shiftFlags(r, n, k > n-1, false)
	return r
}

// Operands.

func (c *CPU) reg8(r uint8) uint8 {
	if r < 16 {
		return uint8(c.GPR[r])
	}
	return uint8(c.GPR[r&3] >> 8)
}

func (c *CPU) setReg8(r uint8, x uint8) {
	if r < 16 {
		c.GPR[r] = c.GPR[r]&^0xff | uint64(x)
		return
	}
	p := &c.GPR[r&3]
	*p = *p&^0xff00 | uint64(x)<<8
}

func (c *CPU) setReg16(r uint8, x uint16) { c.GPR[r] = c.GPR[r]&^0xffff | uint64(x) }

// setReg writes the low size bytes of register r as an instruction would.
func (c *CPU) setReg(r uint8, size uint8, x uint64) {
	switch size {
	case 1:
		c.setReg8(r, uint8(x))
	case 2:
		c.setReg16(r&15, uint16(x))
	case 4:
		c.GPR[r&15] = uint64(uint32(x))
	default:
		c.GPR[r&15] = x
	}
}

// ea is the offset of the memory operand in its segment.
func (c *CPU) ea(in *Op) uint64 {
	return (c.GPR[in.Base&31] + c.GPR[in.Index&31]<<(in.Scale&3) + uint64(in.Disp)) & in.AMask
}

// eaAfterPop is ea with the stack pointer already moved by the pop.
func (c *CPU) eaAfterPop(in *Op) uint64 {
	ea := c.GPR[in.Base&31] + c.GPR[in.Index&31]<<(in.Scale&3) + uint64(in.Disp)
	if in.Base == RSP {
		ea += uint64(in.OpSize)
	}
	return ea & in.AMask
}

// eaBit is the offset of the word of size bytes that holds bit number n, counted
// from the memory operand (BT and its family with a register offset).
func (c *CPU) eaBit(in *Op, n, size uint64) uint64 {
	word := int64(n) >> (bits.TrailingZeros64(size) + 3)
	return (c.ea(in) + uint64(word)*size) & in.AMask
}

// frame is the frame pointer in the width of the stack.
func (c *CPU) frame(in *Op) uint64 { return c.GPR[RBP] & c.spMask }

// checkRIP raises what a jump to rip raises.
func (c *CPU) checkRIP(rip uint64) {
	if c.mode == 64 {
		if !canonical(rip) {
			c.gp0()
		}
	} else if rip > uint64(c.Seg[CS].Limit) {
		c.gp0()
	}
}

// crc32 accumulates size bytes of v (CRC32, polynomial 11EDC6F41h).
func (c *CPU) crc32(in *Op, crc uint32, v, size uint64) uint32 { return vec.CRC32(crc, v, int(size)) }
