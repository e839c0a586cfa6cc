package cpu

// descriptor is a segment or gate descriptor as it lies in memory.
type descriptor struct {
	lo, hi uint32
	upper  uint64 // bits 63-32 of the base of 16-byte system descriptors
	addr   uint64 // linear address
}

func (d *descriptor) typ() uint8    { return uint8(d.hi>>8) & 15 }
func (d *descriptor) s() bool       { return d.hi&(1<<12) != 0 }
func (d *descriptor) dpl() uint8    { return uint8(d.hi>>13) & 3 }
func (d *descriptor) present() bool { return d.hi&(1<<15) != 0 }
func (d *descriptor) code() bool    { return d.s() && d.hi&(1<<11) != 0 }
func (d *descriptor) conforming() bool {
	return d.code() && d.hi&(1<<10) != 0
}

// attr is the descriptor's access rights in the form of Segment.Attr.
func (d *descriptor) attr() uint16 { return uint16(d.hi>>8) & 0xf0ff }

func (d *descriptor) limit() uint32 {
	l := d.lo&0xffff | d.hi&0xf0000
	if d.hi&(1<<23) != 0 {
		l = l<<12 | 0xfff
	}
	return l
}

func (d *descriptor) base() uint64 {
	return uint64(d.lo>>16|d.hi&0xff<<16|d.hi&0xff000000) | d.upper
}

// Gate fields.
func (d *descriptor) gateSel() uint16 { return uint16(d.lo >> 16) }
func (d *descriptor) gateOffset() uint64 {
	return uint64(d.lo&0xffff|d.hi&0xffff0000) | d.upper
}
func (d *descriptor) gateCount() int { return int(d.hi & 31) }

// System descriptor types (SDM volume 3A, table 3-2).
const (
	sysTSS16     = 1
	sysLDT       = 2
	sysTSS16Busy = 3
	sysCall16    = 4
	sysTaskGate  = 5
	sysInt16     = 6
	sysTrap16    = 7
	sysTSS32     = 9
	sysTSS32Busy = 11
	sysCall32    = 12
	sysInt32     = 14
	sysTrap32    = 15
)

// segment is the segment register that loading sel with d gives.
func (d *descriptor) segment(sel uint16) Segment {
	return Segment{Sel: sel, Attr: d.attr(), Limit: d.limit(), Base: d.base()}
}

// descriptorAddr is the linear address of sel's descriptor of n bytes; ok is
// false when it lies outside its table.
func (c *CPU) descriptorAddr(sel uint16, n uint32) (addr uint64, ok bool) {
	off := uint32(sel &^ 7)
	if sel&4 != 0 {
		l := &c.Seg[LDTR]
		if l.Attr&attrP == 0 || l.Sel&^3 == 0 || off+n-1 > l.Limit {
			return 0, false
		}
		return l.Base + uint64(off), true
	}
	if off+n-1 > uint32(c.GDTR.Limit) {
		return 0, false
	}
	return c.GDTR.Base + uint64(off), true
}

// readDescriptor reads sel's descriptor; outside its table raises vector(sel).
func (c *CPU) readDescriptor(sel uint16, vector uint8) descriptor {
	addr, ok := c.descriptorAddr(sel, 8)
	if !ok {
		c.raiseCode(vector, uint32(sel&^3))
	}
	v := c.sysRead(addr, 8)
	return descriptor{lo: uint32(v), hi: uint32(v >> 32), addr: addr}
}

// readUpper reads the second half of a 16-byte system descriptor (long mode).
func (c *CPU) readUpper(d *descriptor, sel uint16, vector uint8) {
	if _, ok := c.descriptorAddr(sel, 16); !ok {
		c.raiseCode(vector, uint32(sel&^3))
	}
	v := c.sysRead(d.addr+8, 8)
	if v>>40&0x1f != 0 {
		c.raiseCode(vector, uint32(sel&^3))
	}
	d.upper = v << 32
}

// setAccessed sets the accessed bit of a code or data descriptor in memory.
func (c *CPU) setAccessed(d *descriptor) {
	if d.hi&(1<<8) == 0 {
		d.hi |= 1 << 8
		c.sysWrite(d.addr+5, 1, uint64(d.hi>>8&0xff))
	}
}

// setBusy sets or clears the busy bit of a TSS descriptor in memory.
func (c *CPU) setBusy(addr uint64, busy bool) {
	b := c.sysRead(addr+5, 1)
	if busy {
		b |= 2
	} else {
		b &^= 2
	}
	c.sysWrite(addr+5, 1, b)
}

// loadSegReal loads a segment register as real and virtual-8086 mode do.
func (c *CPU) loadSegReal(i int, sel uint16) {
	s := &c.Seg[i]
	s.Sel, s.Base = sel, uint64(sel)<<4
	if c.RFLAGS&FlagVM != 0 {
		s.Limit, s.Attr = 0xffff, attrP|attrS|attrWrite|attrAccessed|3<<5
	} else if i == CS {
		s.Attr = attrP | attrS | attrWrite | attrAccessed // limit stays: big real mode
	} else {
		s.Attr = s.Attr&(attrDB|attrG) | attrP | attrS | attrWrite | attrAccessed
	}
	c.segChanged(i)
}

func (c *CPU) realOrV86() bool { return c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM != 0 }

// loadSeg is MOV, POP and Lxx to ES, SS, DS, FS or GS (SDM volume 2, MOV).
func (c *CPU) loadSeg(i int, sel uint16) {
	if c.realOrV86() {
		c.loadSegReal(i, sel)
		if i == SS {
			c.stackChanged()
		}
		return
	}
	if i == SS {
		c.setSeg(SS, c.checkSS(sel, c.cpl, vecGP))
		return
	}
	if sel&^3 == 0 {
		c.Seg[i] = Segment{Sel: sel}
		c.segChanged(i)
		return
	}
	d := c.readDescriptor(sel, vecGP)
	if !d.s() || d.code() && d.hi&(1<<9) == 0 {
		c.gp(sel)
	}
	if !d.conforming() && (uint8(sel&3) > d.dpl() || c.cpl > d.dpl()) {
		c.gp(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	c.setAccessed(&d)
	c.setSeg(i, d.segment(sel))
}

func (c *CPU) setSeg(i int, s Segment) {
	c.Seg[i] = s
	c.segChanged(i)
	if i == SS {
		c.stackChanged()
		c.privilegeChanged()
	}
}

// checkSS checks a selector for SS at privilege cpl; vector is #GP for loads and
// #TS for stacks from the TSS.
func (c *CPU) checkSS(sel uint16, cpl uint8, vector uint8) Segment {
	if sel&^3 == 0 {
		if c.mode == 64 && cpl < 3 && uint8(sel&3) == cpl && vector == vecGP {
			return Segment{Sel: sel, Attr: uint16(cpl) << 5}
		}
		c.raiseCode(vector, uint32(sel&^3)&^0xffff)
	}
	d := c.readDescriptor(sel, vector)
	if uint8(sel&3) != cpl || !d.s() || d.code() || d.hi&(1<<9) == 0 || d.dpl() != cpl {
		c.raiseCode(vector, uint32(sel&^3))
	}
	if !d.present() {
		c.ss(sel)
	}
	c.setAccessed(&d)
	return d.segment(sel)
}

// setCS makes a checked code segment current; its RPL becomes cpl.
func (c *CPU) setCS(d *descriptor, sel uint16, cpl uint8) {
	c.setAccessed(d)
	s := d.segment(sel&^3 | uint16(cpl))
	c.Seg[CS] = s
}

// checkCodeBits raises #GP(sel) for a 64-bit code segment with D set.
func (c *CPU) checkCodeBits(d *descriptor, sel uint16) {
	if c.long && d.hi&(1<<21) != 0 && d.hi&(1<<22) != 0 {
		c.gp(sel)
	}
}

// checkTarget checks a far transfer's offset against the new code segment.
func (c *CPU) checkTarget(d *descriptor, off uint64) {
	if c.long && d.hi&(1<<21) != 0 {
		if !canonical(off) {
			c.gp0()
		}
		return
	}
	if off > uint64(d.limit()) {
		c.gp0()
	}
}
