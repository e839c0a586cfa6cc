package cpu

import (
	"unsafe"

	"g86/cpu/isa"
)

// String instructions. One iteration counts as one instruction: REP is left in
// the middle, at the same RIP, when the instruction count is reached or an event
// waits, exactly as an interrupt would leave it. Forward runs inside one page of
// plain memory are done in bulk.

func init() {
	for i, name := range [...]string{"MOVSB", "MOVS", "CMPSB", "CMPS", "STOSB", "STOS", "LODSB", "LODS", "SCASB", "SCAS", "INSB", "INS", "OUTSB", "OUTS"} {
		bytes := i%2 == 0
		size := func(in *Op) int {
			if bytes {
				return 1
			}
			return int(in.OpSize)
		}
		switch i / 2 {
		case 0:
			exec(func(c *CPU, in *Op) { c.movs(in, size(in)) }, name)
		case 1:
			exec(func(c *CPU, in *Op) { c.repeat(in, func() bool { return c.cmpsOne(in, size(in)) }) }, name)
		case 2:
			exec(func(c *CPU, in *Op) { c.stos(in, size(in)) }, name)
		case 3:
			exec(func(c *CPU, in *Op) { c.repeat(in, func() bool { c.lodsOne(in, size(in)); return true }) }, name)
		case 4:
			exec(func(c *CPU, in *Op) { c.scas(in, size(in)) }, name)
		case 5:
			exec(func(c *CPU, in *Op) {
				c.checkIO(uint16(c.GPR[RDX]), min(size(in), 4)) // also when rCX is 0
				c.repeat(in, func() bool { c.insOne(in, min(size(in), 4)); return true })
			}, name)
		case 6:
			exec(func(c *CPU, in *Op) {
				c.checkIO(uint16(c.GPR[RDX]), min(size(in), 4))
				c.repeat(in, func() bool { c.outsOne(in, min(size(in), 4)); return true })
			}, name)
		}
	}
}

const anyRep = isa.PrefixRep | isa.PrefixRepne

// counter is rCX in the address size.
func (c *CPU) counter(in *Op) uint64 { return c.GPR[RCX] & in.AMask }

// setIndex writes an address-size register: 16-bit ones keep the upper part.
func (c *CPU) setIndex(r int, in *Op, v uint64) {
	if in.AMask == 0xffff {
		c.GPR[r] = c.GPR[r]&^0xffff | v&0xffff
		return
	}
	c.GPR[r] = v & in.AMask
}

// advance moves an index register by n elements of size bytes along DF.
func (c *CPU) advance(r int, in *Op, size int, n uint64) {
	d := uint64(size) * n
	if c.RFLAGS&FlagDF != 0 {
		d = -d
	}
	c.setIndex(r, in, c.GPR[r]+d)
}

// repeat runs an iteration once, or rCX times under a REP prefix. one reports
// whether to go on.
func (c *CPU) repeat(in *Op, one func() bool) {
	if in.Prefix&anyRep == 0 {
		one()
		return
	}
	n := c.counter(in)
	if n == 0 {
		if in.AMask == 0xffffffff {
			c.GPR[RCX] &= 0xffffffff
		}
		return
	}
	for {
		more := one()
		n--
		c.setIndex(RCX, in, n)
		if n == 0 || !more {
			return
		}
		if c.mustLeaveREP() {
			c.leaveREP(in)
			return
		}
		c.ICount++ // this iteration; the last one is counted by the run loop
	}
}

// mustLeaveREP reports whether the instruction count is reached (counting the
// iteration just done) or an event waits.
func (c *CPU) mustLeaveREP() bool {
	return c.blkEnd == 0 || c.single || c.Count()+1 >= c.limit
}

// leaveREP leaves a repeated instruction between iterations: what interrupts it
// there saves RF set (SDM volume 3B, 18.3.1.1).
func (c *CPU) leaveREP(in *Op) {
	c.RIP = c.wrapIP(in.Next - uint64(in.Len))
	c.RFLAGS |= FlagRF
	c.events |= evDebug
}

// bulk returns the host memory at seg:off for up to n elements of size bytes,
// going up, limited to the page, the segment and the instruction count. n = 0
// means element by element.
func (c *CPU) bulk(seg uint8, off uint64, size int, n uint64, in *Op, write bool) (p unsafe.Pointer, count uint64) {
	v := &c.seg[seg]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	limit, tag := v.limitR, t.r[set]
	if write {
		limit, tag = v.limitW, t.w[set]
	}
	if tag+lin >= pageSize {
		return nil, 0
	}
	room := (0x1000 - lin&0xfff) / uint64(size)
	n = min(n, room, (in.AMask-off)/uint64(size)+1)
	if n == 0 || int64(off+n*uint64(size)-1) > limit {
		return nil, 0
	}
	return t.ptr(set, lin), n
}

// allowance is the number of iterations until the instruction count is reached.
func (c *CPU) allowance() uint64 {
	if c.single {
		return 1
	}
	return c.limit - c.Count()
}

func (c *CPU) movsOne(in *Op, size int) {
	src, dst := c.GPR[RSI]&in.AMask, c.GPR[RDI]&in.AMask
	switch size {
	case 1:
		c.store8(ES, dst, c.load8(in.Seg, src))
	case 2:
		c.store16(ES, dst, c.load16(in.Seg, src))
	case 4:
		c.store32(ES, dst, c.load32(in.Seg, src))
	default:
		c.store64(ES, dst, c.load64(in.Seg, src))
	}
	c.advance(RSI, in, size, 1)
	c.advance(RDI, in, size, 1)
}

func (c *CPU) movs(in *Op, size int) {
	if in.Prefix&anyRep == 0 {
		c.movsOne(in, size)
		return
	}
	c.bulkRepeat(in, func(n uint64) uint64 {
		if n > 1 && c.RFLAGS&FlagDF == 0 {
			if dst, n := c.bulk(ES, c.GPR[RDI]&in.AMask, size, n, in, true); n != 0 {
				if src, n := c.bulk(in.Seg, c.GPR[RSI]&in.AMask, size, n, in, false); n != 0 {
					copyUp(dst, src, int(n)*size, size)
					c.advance(RSI, in, size, n)
					c.advance(RDI, in, size, n)
					return n
				}
			}
		}
		c.movsOne(in, size)
		return 1
	})
}

// copyUp copies n bytes upwards element by element: where the ranges overlap,
// bytes written are read again, which is how REP MOVS fills memory.
func copyUp(dst, src unsafe.Pointer, n, size int) {
	d, s := unsafe.Slice((*byte)(dst), n), unsafe.Slice((*byte)(src), n)
	gap := uintptr(dst) - uintptr(src)
	if gap == 0 || gap >= uintptr(n) {
		copy(d, s)
		return
	}
	for done := 0; done < n; {
		k := min(n-done, int(gap))
		if int(gap) < size { // overlap inside an element: element by element
			var t [8]byte
			copy(t[:size], s[done:done+size])
			copy(d[done:], t[:size])
			done += size
			continue
		}
		k -= k % size
		copy(d[done:done+k], s[done:done+k])
		done += k
	}
}

func (c *CPU) stosOne(in *Op, size int) {
	c.store(ES, c.GPR[RDI]&in.AMask, size, c.GPR[RAX])
	c.advance(RDI, in, size, 1)
}

func (c *CPU) stos(in *Op, size int) {
	if in.Prefix&anyRep == 0 {
		c.stosOne(in, size)
		return
	}
	c.bulkRepeat(in, func(n uint64) uint64 {
		if n > 1 && c.RFLAGS&FlagDF == 0 {
			if dst, n := c.bulk(ES, c.GPR[RDI]&in.AMask, size, n, in, true); n != 0 {
				fill(dst, int(n)*size, size, c.GPR[RAX])
				c.advance(RDI, in, size, n)
				return n
			}
		}
		c.stosOne(in, size)
		return 1
	})
}

func fill(dst unsafe.Pointer, n, size int, v uint64) {
	d := unsafe.Slice((*byte)(dst), n)
	for i := 0; i < size; i++ {
		d[i] = byte(v >> (8 * i))
	}
	for done := size; done < n; done *= 2 {
		copy(d[done:], d[:done])
	}
}

// bulkRepeat runs step, which does 1 to n iterations and returns how many, until
// rCX is used up.
func (c *CPU) bulkRepeat(in *Op, step func(n uint64) uint64) {
	left := c.counter(in)
	if left == 0 {
		if in.AMask == 0xffffffff {
			c.GPR[RCX] &= 0xffffffff
		}
		return
	}
	for {
		done := step(min(left, c.allowance()))
		left -= done
		c.setIndex(RCX, in, left)
		c.ICount += done - 1
		if left == 0 {
			return
		}
		if c.mustLeaveREP() {
			c.leaveREP(in)
			return
		}
		c.ICount++
	}
}

// compare sets the flags of a - b.
func (c *CPU) compare(a, b uint64, size int) {
	n := uint(8 * size)
	r := (a - b) & maskN(n)
	c.flagsAdd(sextN(r, n), carriesSub(a, b, r), n)
}

// again reports whether REPE or REPNE goes on.
func (c *CPU) again(in *Op) bool {
	return c.zf() == (in.Prefix&isa.PrefixRep != 0)
}

func (c *CPU) cmpsOne(in *Op, size int) bool {
	a := c.load(in.Seg, c.GPR[RSI]&in.AMask, size)
	b := c.load(ES, c.GPR[RDI]&in.AMask, size)
	c.compare(a, b, size)
	c.advance(RSI, in, size, 1)
	c.advance(RDI, in, size, 1)
	return c.again(in)
}

func (c *CPU) scas(in *Op, size int) {
	acc := c.GPR[RAX] & opMask(uint8(size))
	c.repeat(in, func() bool {
		c.compare(acc, c.load(ES, c.GPR[RDI]&in.AMask, size), size)
		c.advance(RDI, in, size, 1)
		return c.again(in)
	})
}

func (c *CPU) lodsOne(in *Op, size int) {
	c.setReg(RAX, uint8(size), c.load(in.Seg, c.GPR[RSI]&in.AMask, size))
	c.advance(RSI, in, size, 1)
}

// insOne checks the destination before it reads the port, whose read may have
// side effects.
func (c *CPU) insOne(in *Op, size int) {
	port := uint16(c.GPR[RDX])
	c.checkIO(port, size)
	dst := c.GPR[RDI] & in.AMask
	c.checkWrite(ES, dst, size)
	c.matchIOBreakpoints(port, size)
	c.store(ES, dst, size, uint64(c.board.In(port, size)))
	c.advance(RDI, in, size, 1)
}

func (c *CPU) outsOne(in *Op, size int) {
	port := uint16(c.GPR[RDX])
	c.checkIO(port, size)
	v := c.load(in.Seg, c.GPR[RSI]&in.AMask, size)
	c.matchIOBreakpoints(port, size)
	c.board.Out(port, size, uint32(v))
	c.advance(RSI, in, size, 1)
}
