package cpu

import (
	"encoding/binary"
	"unsafe"
)

// Guest memory accesses. Each has a fast path that is one segment-limit
// comparison, one TLB tag comparison and the access; the comparison of the last
// byte's page with the tag found by the first byte's page also sends accesses
// that cross a page to the slow path.

func (c *CPU) load8(seg uint8, off uint64) uint8 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.r[set]+lin < pageSize && int64(off) <= v.limitR {
		return *(*uint8)(t.ptr(set, lin))
	}
	return uint8(c.loadSlow(seg, off, 1))
}

func (c *CPU) load16(seg uint8, off uint64) uint16 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.r[set]+lin+1 < pageSize && int64(off+1) <= v.limitR {
		return *(*uint16)(t.ptr(set, lin))
	}
	return uint16(c.loadSlow(seg, off, 2))
}

func (c *CPU) load32(seg uint8, off uint64) uint32 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.r[set]+lin+3 < pageSize && int64(off+3) <= v.limitR {
		return *(*uint32)(t.ptr(set, lin))
	}
	return uint32(c.loadSlow(seg, off, 4))
}

func (c *CPU) load64(seg uint8, off uint64) uint64 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.r[set]+lin+7 < pageSize && int64(off+7) <= v.limitR {
		return *(*uint64)(t.ptr(set, lin))
	}
	return c.loadSlow(seg, off, 8)
}

func (c *CPU) load128(seg uint8, off uint64) [2]uint64 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.r[set]+lin+15 < pageSize && int64(off+15) <= v.limitR {
		return *(*[2]uint64)(t.ptr(set, lin))
	}
	var b [16]byte
	c.loadBytes(seg, off, b[:])
	return [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

func (c *CPU) store8(seg uint8, off uint64, x uint8) {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin < pageSize && int64(off) <= v.limitW {
		*(*uint8)(t.ptr(set, lin)) = x
		return
	}
	c.storeSlow(seg, off, 1, uint64(x))
}

func (c *CPU) store16(seg uint8, off uint64, x uint16) {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+1 < pageSize && int64(off+1) <= v.limitW {
		*(*uint16)(t.ptr(set, lin)) = x
		return
	}
	c.storeSlow(seg, off, 2, uint64(x))
}

func (c *CPU) store32(seg uint8, off uint64, x uint32) {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+3 < pageSize && int64(off+3) <= v.limitW {
		*(*uint32)(t.ptr(set, lin)) = x
		return
	}
	c.storeSlow(seg, off, 4, uint64(x))
}

func (c *CPU) store64(seg uint8, off uint64, x uint64) {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+7 < pageSize && int64(off+7) <= v.limitW {
		*(*uint64)(t.ptr(set, lin)) = x
		return
	}
	c.storeSlow(seg, off, 8, x)
}

func (c *CPU) store128(seg uint8, off uint64, x [2]uint64) {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+15 < pageSize && int64(off+15) <= v.limitW {
		*(*[2]uint64)(t.ptr(set, lin)) = x
		return
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], x[0])
	binary.LittleEndian.PutUint64(b[8:], x[1])
	c.storeBytes(seg, off, b[:])
}

// rmwTarget remembers where a read-modify-write instruction read from, so that
// its write needs no second look-up and cannot fault.
type rmwTarget struct {
	p    unsafe.Pointer // nil: slow
	span [2]span
}

func (c *CPU) rmw8(seg uint8, off uint64) uint8 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin < pageSize && int64(off) <= v.limitW && int64(off) <= v.limitR {
		p := t.ptr(set, lin)
		c.rmw.p = p
		return *(*uint8)(p)
	}
	return uint8(c.rmwSlow(seg, off, 1))
}

func (c *CPU) rmw16(seg uint8, off uint64) uint16 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+1 < pageSize && int64(off+1) <= v.limitW && int64(off+1) <= v.limitR {
		p := t.ptr(set, lin)
		c.rmw.p = p
		return *(*uint16)(p)
	}
	return uint16(c.rmwSlow(seg, off, 2))
}

func (c *CPU) rmw32(seg uint8, off uint64) uint32 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+3 < pageSize && int64(off+3) <= v.limitW && int64(off+3) <= v.limitR {
		p := t.ptr(set, lin)
		c.rmw.p = p
		return *(*uint32)(p)
	}
	return uint32(c.rmwSlow(seg, off, 4))
}

func (c *CPU) rmw64(seg uint8, off uint64) uint64 {
	v := &c.seg[seg&7]
	lin := (v.base + off) & c.linMask
	t, set := c.tlb, lin>>12&(tlbSize-1)
	if t.w[set]+lin+7 < pageSize && int64(off+7) <= v.limitW && int64(off+7) <= v.limitR {
		p := t.ptr(set, lin)
		c.rmw.p = p
		return *(*uint64)(p)
	}
	return c.rmwSlow(seg, off, 8)
}

func (c *CPU) put8(x uint8) {
	if p := c.rmw.p; p != nil {
		*(*uint8)(p) = x
		return
	}
	c.putSlow(1, uint64(x))
}

func (c *CPU) put16(x uint16) {
	if p := c.rmw.p; p != nil {
		*(*uint16)(p) = x
		return
	}
	c.putSlow(2, uint64(x))
}

func (c *CPU) put32(x uint32) {
	if p := c.rmw.p; p != nil {
		*(*uint32)(p) = x
		return
	}
	c.putSlow(4, uint64(x))
}

func (c *CPU) put64(x uint64) {
	if p := c.rmw.p; p != nil {
		*(*uint64)(p) = x
		return
	}
	c.putSlow(8, x)
}

// span is a piece of an access that lies in one page.
type span struct {
	pa     uint64
	n      int
	device bool
	host   unsafe.Pointer
}

// checkSeg checks an access of n bytes at offset off against segment seg (SDM
// volume 3A, 5.3) and returns its linear address.
func (c *CPU) checkSeg(seg uint8, off uint64, n int, acc access) uint64 {
	s := &c.Seg[seg]
	last := off + uint64(n) - 1
	if c.mode == 64 {
		lin := c.seg[seg].base + off
		if !canonical(lin) || !canonical(lin+uint64(n)-1) {
			c.segFault(seg)
		}
		return lin
	}
	ok := s.Attr&attrP != 0 && s.Attr&attrS != 0
	real := c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM != 0
	if s.Attr&attrCode != 0 {
		ok = ok && (acc != accWrite || real) && (s.Attr&attrReadable != 0 || real)
	} else {
		ok = ok && (acc != accWrite || s.Attr&attrWrite != 0)
	}
	if ok {
		if s.Attr&(attrCode|attrExpDown) == attrExpDown {
			top := uint64(0xffff)
			if s.Attr&attrDB != 0 {
				top = 0xffffffff
			}
			ok = off > uint64(s.Limit) && last <= top
		} else {
			ok = last <= uint64(s.Limit)
		}
	}
	if !ok {
		c.segFault(seg)
	}
	return (s.Base + off) & 0xffffffff
}

func (c *CPU) segFault(seg uint8) {
	if seg == SS {
		c.raiseCode(vecSS, 0)
	}
	c.gp0()
}

// lookup returns the span of n bytes at lin, which lie in one page.
func (c *CPU) lookup(lin uint64, n int, acc access, user bool) span {
	t := c.tlb
	if user != (c.cpl == 3) || c.implicit {
		t = c.tlbOf(tlbSuper)
		if user {
			t = c.tlbOf(tlbUser)
		}
	}
	set := lin >> 12 & (tlbSize - 1)
	tag := t.r[set]
	if acc == accWrite {
		tag = t.w[set]
	}
	if !is(tag, lin&^0xfff) {
		t = c.fill(lin, acc, user)
	}
	pa := t.pa(set)
	s := span{pa: pa&^0xfff | lin&0xfff, n: n, device: pa&paDevice != 0}
	if !s.device {
		s.host = t.ptr(set, lin)
	}
	return s
}

// checkAligned raises #AC for a user's operand that is no multiple of n bytes, a power of 2,
// if that is asked for (SDM volume 3A, 6.15, interrupt 17).
func (c *CPU) checkAligned(lin uint64, n int, user bool) {
	if c.strict && user && !c.implicit && c.RFLAGS&FlagAC != 0 && c.CR0&CR0AM != 0 && lin&uint64(n-1) != 0 {
		c.raiseCode(vecAC, 0)
	}
}

// locate translates an access that may cross a page; both pages are checked
// before anything is read or written.
func (c *CPU) locate(lin uint64, n int, acc access, user bool) [2]span {
	if n <= 8 && n&(n-1) == 0 {
		c.checkAligned(lin, n, user)
	}
	var s [2]span
	if room := int(0x1000 - lin&0xfff); n > room {
		next := lin + uint64(room)
		if next == 1<<32 && !(c.implicit && c.long) { // system structures do not wrap in long mode
			next &= c.linMask
		}
		s[0] = c.lookup(lin, room, acc, user)
		s[1] = c.lookup(next, n-room, acc, user)
	} else {
		s[0] = c.lookup(lin, n, acc, user)
	}
	if c.strict {
		c.matchDataBreakpoints(lin, n, acc)
	}
	return s
}

func (c *CPU) spanRead(s *span, p []byte) {
	if !s.device {
		copy(p, unsafe.Slice((*byte)(s.host), s.n))
		return
	}
	for i := 0; i < s.n; {
		k := chunk(s.pa+uint64(i), s.n-i)
		v := c.board.Read(s.pa+uint64(i), k)
		for j := 0; j < k; j++ {
			p[i+j] = byte(v >> (8 * j))
		}
		i += k
	}
}

func (c *CPU) spanWrite(s *span, p []byte) {
	if !s.device {
		if _, w := c.hostPage(s.pa); w {
			copy(unsafe.Slice((*byte)(s.host), s.n), p)
			c.code.Written(s.pa, s.n)
		}
		return
	}
	for i := 0; i < s.n; {
		k := chunk(s.pa+uint64(i), s.n-i)
		var v uint64
		for j := 0; j < k; j++ {
			v |= uint64(p[i+j]) << (8 * j)
		}
		c.board.Write(s.pa+uint64(i), k, v)
		i += k
	}
}

// chunk is the size of the next register access: all of n when it is a legal
// size (the bus splits misaligned ones), else the largest power of two.
func chunk(pa uint64, n int) int {
	for k := 8; k > 1; k /= 2 {
		if n >= k && (pa&uint64(k-1) == 0 || n == k) {
			return k
		}
	}
	return 1
}

func (c *CPU) readSpans(s *[2]span, p []byte) {
	c.spanRead(&s[0], p)
	if s[1].n != 0 {
		c.spanRead(&s[1], p[s[0].n:])
	}
}

func (c *CPU) writeSpans(s *[2]span, p []byte) {
	c.spanWrite(&s[0], p)
	if s[1].n != 0 {
		c.spanWrite(&s[1], p[s[0].n:])
	}
}

func (c *CPU) loadSlow(seg uint8, off uint64, n int) uint64 {
	lin := c.checkSeg(seg, off, n, accRead)
	s := c.locate(lin, n, accRead, c.cpl == 3)
	var b [8]byte
	c.readSpans(&s, b[:n])
	return binary.LittleEndian.Uint64(b[:])
}

func (c *CPU) storeSlow(seg uint8, off uint64, n int, x uint64) {
	lin := c.checkSeg(seg, off, n, accWrite)
	s := c.locate(lin, n, accWrite, c.cpl == 3)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	c.writeSpans(&s, b[:n])
}

func (c *CPU) rmwSlow(seg uint8, off uint64, n int) uint64 {
	c.checkSeg(seg, off, n, accRead)
	lin := c.checkSeg(seg, off, n, accWrite)
	c.rmw.p = nil
	c.rmw.span = c.locate(lin, n, accWrite, c.cpl == 3)
	var b [8]byte
	c.readSpans(&c.rmw.span, b[:n])
	return binary.LittleEndian.Uint64(b[:])
}

func (c *CPU) putSlow(n int, x uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	c.writeSpans(&c.rmw.span, b[:n])
}

// loadBytes reads an operand of any size.
func (c *CPU) loadBytes(seg uint8, off uint64, p []byte) { c.loadAligned(seg, off, p, 1) }

// loadAligned is loadBytes for what should be a multiple of align, see checkAligned.
func (c *CPU) loadAligned(seg uint8, off uint64, p []byte, align int) {
	lin := c.checkSeg(seg, off, len(p), accRead)
	c.checkAligned(lin, align, c.cpl == 3)
	s := c.locate(lin, len(p), accRead, c.cpl == 3)
	c.readSpans(&s, p)
}

// storeBytes writes an operand of any size; both pages are checked first.
func (c *CPU) storeBytes(seg uint8, off uint64, p []byte) { c.storeAligned(seg, off, p, 1) }

// storeAligned is storeBytes likewise.
func (c *CPU) storeAligned(seg uint8, off uint64, p []byte, align int) {
	lin := c.checkSeg(seg, off, len(p), accWrite)
	c.checkAligned(lin, align, c.cpl == 3)
	s := c.locate(lin, len(p), accWrite, c.cpl == 3)
	c.writeSpans(&s, p)
}

// checkWrite raises the fault that a write of n bytes would, and changes nothing.
func (c *CPU) checkWrite(seg uint8, off uint64, n int) { c.checkWriteAligned(seg, off, n, 1) }

// checkWriteAligned is checkWrite for what should be a multiple of align.
func (c *CPU) checkWriteAligned(seg uint8, off uint64, n, align int) {
	lin := c.checkSeg(seg, off, n, accWrite)
	c.checkAligned(lin, align, c.cpl == 3)
	c.locate(lin, n, accWrite, c.cpl == 3)
}

// sysRead and sysWrite are the processor's own accesses to descriptor tables
// and task state: supervisor privilege at any CPL, linear addresses.
func (c *CPU) sysRead(lin uint64, n int) uint64 {
	var b [8]byte
	if t := c.tlbs[tlbSuper]; t != nil && !c.strict {
		lin := lin & c.sysMask()
		if set := lin >> 12 & (tlbSize - 1); t.r[set]+lin+uint64(n)-1 < pageSize {
			if p := t.ptr(set, lin); n == 8 {
				b = *(*[8]byte)(p)
			} else {
				copy(b[:], unsafe.Slice((*byte)(p), n))
			}
			return binary.LittleEndian.Uint64(b[:])
		}
	}
	c.implicit = true
	s := c.locate(lin&c.sysMask(), n, accRead, false)
	c.implicit = false
	c.readSpans(&s, b[:n])
	return binary.LittleEndian.Uint64(b[:])
}

func (c *CPU) sysWrite(lin uint64, n int, x uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	c.implicit = true
	s := c.locate(lin&c.sysMask(), n, accWrite, false)
	c.implicit = false
	c.writeSpans(&s, b[:n])
}

// sysMask is the width of linear addresses: descriptor tables keep their upper
// half in compatibility mode.
func (c *CPU) sysMask() uint64 {
	if c.long {
		return ^uint64(0)
	}
	return 0xffffffff
}

// Stack operations. SP changes only after the memory access has succeeded.

func (c *CPU) setSP(sp uint64) { c.GPR[RSP] = c.GPR[RSP]&c.spKeep | sp&c.spMask }

func (c *CPU) push16(x uint16) {
	sp := (c.GPR[RSP] - 2) & c.spMask
	c.store16(SS, sp, x)
	c.setSP(sp)
}

func (c *CPU) push32(x uint32) {
	sp := (c.GPR[RSP] - 4) & c.spMask
	c.store32(SS, sp, x)
	c.setSP(sp)
}

func (c *CPU) push64(x uint64) {
	sp := (c.GPR[RSP] - 8) & c.spMask
	c.store64(SS, sp, x)
	c.setSP(sp)
}

// push pushes the low size bytes of x.
func (c *CPU) push(size int, x uint64) {
	switch size {
	case 2:
		c.push16(uint16(x))
	case 4:
		c.push32(uint32(x))
	default:
		c.push64(x)
	}
}

// load and store are the accesses with the size as an argument.
func (c *CPU) load(seg uint8, off uint64, size int) uint64 {
	switch size {
	case 1:
		return uint64(c.load8(seg, off))
	case 2:
		return uint64(c.load16(seg, off))
	case 4:
		return uint64(c.load32(seg, off))
	}
	return c.load64(seg, off)
}

func (c *CPU) store(seg uint8, off uint64, size int, x uint64) {
	switch size {
	case 1:
		c.store8(seg, off, uint8(x))
	case 2:
		c.store16(seg, off, uint16(x))
	case 4:
		c.store32(seg, off, uint32(x))
	default:
		c.store64(seg, off, x)
	}
}
