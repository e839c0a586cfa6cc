package cpu

func init() {
	exec(func(c *CPU, in *Op) { c.storeSel(in, c.Seg[LDTR].Sel) }, "SLDT")
	exec(func(c *CPU, in *Op) { c.storeSel(in, c.Seg[TR].Sel) }, "STR")
	exec(func(c *CPU, in *Op) { c.lldt(c.readEw(in)) }, "LLDT")
	exec(func(c *CPU, in *Op) { c.ltr(c.readEw(in)) }, "LTR")
	exec(func(c *CPU, in *Op) { c.verify(c.readEw(in), accRead) }, "VERR")
	exec(func(c *CPU, in *Op) { c.verify(c.readEw(in), accWrite) }, "VERW")
	exec((*CPU).lar, "LAR")
	exec((*CPU).lsl, "LSL")
	exec((*CPU).arpl, "ARPL")
	exec(func(c *CPU, in *Op) { c.storeTable(in, &c.GDTR) }, "SGDT")
	exec(func(c *CPU, in *Op) { c.storeTable(in, &c.IDTR) }, "SIDT")
	exec(func(c *CPU, in *Op) { c.loadTable(in, &c.GDTR) }, "LGDT")
	exec(func(c *CPU, in *Op) { c.loadTable(in, &c.IDTR) }, "LIDT")
	exec((*CPU).smsw, "SMSW")
	exec(func(c *CPU, in *Op) { // LMSW cannot clear PE
		c.setCR0(c.CR0&^0xe | uint64(c.readEw(in)&0xf) | c.CR0&CR0PE)
	}, "LMSW")
	exec(func(c *CPU, in *Op) {
		lin := (c.seg[in.Seg].base + c.ea(in)) & c.linMask
		if c.mode != 64 || canonical(lin) { // a non-canonical address is a no-op
			c.flushPage(lin)
		}
	}, "INVLPG")
	exec(func(c *CPU, in *Op) { c.CR0 &^= CR0TS; c.fpuChanged() }, "CLTS")
	exec((*CPU).movFromCR, "MOV Ry,Cy")
	exec((*CPU).movToCR, "MOV Cy,Ry")
	exec((*CPU).movFromDR, "MOV Ry,Dy")
	exec((*CPU).movToDR, "MOV Dy,Ry")
	exec(func(c *CPU, in *Op) {}, "INVD", "WBINVD")
	exec(func(c *CPU, in *Op) { c.Halted = true; c.post(evHalt | evINTR | evNMI) }, "HLT")
	exec(func(c *CPU, in *Op) { // MONITOR arms nothing: MWAIT may always wake early
		c.load8(in.Seg, c.GPR[RAX]&in.AMask)
		if uint32(c.GPR[RCX]) != 0 {
			c.gp0()
		}
	}, "MONITOR")
	exec(func(c *CPU, in *Op) { c.post(evINTR) }, "MWAIT")
	exec(func(c *CPU, in *Op) { c.load8(in.Seg, c.ea(in)) }, "CLFLUSH", "CLFLUSHOPT", "CLWB")
	exec((*CPU).invpcid, "INVPCID")
	exec((*CPU).xgetbv, "XGETBV")
	exec((*CPU).xsetbv, "XSETBV")
	exec(func(c *CPU, in *Op) {
		if c.CR4&CR4TSD != 0 && c.cpl != 0 {
			c.gp0()
		}
		c.rdtsc()
	}, "RDTSC")
	exec(func(c *CPU, in *Op) {
		if c.CR4&CR4TSD != 0 && c.cpl != 0 {
			c.gp0()
		}
		c.rdtsc()
		c.GPR[RCX] = uint64(uint32(c.TSCAux))
	}, "RDTSCP")
	exec(func(c *CPU, in *Op) { c.GPR[in.RM&15] = c.TSCAux & 0xffffffff }, "RDPID")
	exec(func(c *CPU, in *Op) { // no performance counters are claimed
		if c.CR4&CR4PCE == 0 && c.cpl != 0 || uint32(c.GPR[RCX]) > 1 {
			c.gp0()
		}
		c.GPR[RAX], c.GPR[RDX] = 0, 0
	}, "RDPMC")
	exec(func(c *CPU, in *Op) {
		c.Seg[GS].Base, c.KernelGSBase = c.KernelGSBase, c.Seg[GS].Base
		c.segChanged(GS)
	}, "SWAPGS")
	exec(func(c *CPU, in *Op) { c.setAC(0) }, "CLAC")
	exec(func(c *CPU, in *Op) { c.setAC(FlagAC) }, "STAC")
	exec(func(c *CPU, in *Op) { c.fsgsbase(); c.setReg(in.RM, in.OpSize, c.Seg[FS].Base) }, "RDFSBASE")
	exec(func(c *CPU, in *Op) { c.fsgsbase(); c.setReg(in.RM, in.OpSize, c.Seg[GS].Base) }, "RDGSBASE")
	exec(func(c *CPU, in *Op) { c.writeBase(in, FS) }, "WRFSBASE")
	exec(func(c *CPU, in *Op) { c.writeBase(in, GS) }, "WRGSBASE")
	exec(func(c *CPU, in *Op) {
		c.setReg(in.RM, in.OpSize, c.board.Random())
		c.setStatus(FlagCF)
	}, "RDRAND", "RDSEED")
	exec((*CPU).opUD, "RDPKRU", "WRPKRU") // PKU is never claimed
}

// setAC is CLAC and STAC, which do not exist outside ring 0.
func (c *CPU) setAC(ac uint64) {
	if c.cpl != 0 {
		c.ud()
	}
	c.putFlags(c.Flags()&^FlagAC | ac)
}

func (c *CPU) readEw(in *Op) uint16 {
	if in.Mem() {
		return c.load16(in.Seg, c.ea(in))
	}
	return uint16(c.GPR[in.RM&15])
}

// umip raises #GP when CR4.UMIP forbids an instruction outside ring 0.
func (c *CPU) umip() {
	if c.CR4&CR4UMIP != 0 && c.cpl != 0 {
		c.gp0()
	}
}

func (c *CPU) storeSel(in *Op, sel uint16) {
	c.umip()
	if in.Mem() {
		c.store16(in.Seg, c.ea(in), sel)
		return
	}
	c.setReg(in.RM, in.OpSize, uint64(sel))
}

func (c *CPU) smsw(in *Op) {
	c.umip()
	if in.Mem() {
		c.store16(in.Seg, c.ea(in), uint16(c.CR0))
		return
	}
	c.setReg(in.RM, in.OpSize, c.CR0)
}

// storeTable is SGDT and SIDT: the base has 32 bits, or 64 in 64-bit mode.
func (c *CPU) storeTable(in *Op, t *Table) {
	c.umip()
	ea := c.ea(in)
	n := 6
	if c.mode == 64 {
		n = 10
	}
	var b [10]byte
	b[0], b[1] = byte(t.Limit), byte(t.Limit>>8)
	for i := 0; i < 8; i++ {
		b[2+i] = byte(t.Base >> (8 * i))
	}
	c.storeBytes(in.Seg, ea, b[:n])
}

// loadTable is LGDT and LIDT: a 16-bit operand size takes 24 bits of base.
func (c *CPU) loadTable(in *Op, t *Table) {
	ea := c.ea(in)
	limit := c.load16(in.Seg, ea)
	at := (ea + 2) & in.AMask
	var base uint64
	if c.mode == 64 {
		base = c.load64(in.Seg, at)
		if !canonical(base) {
			c.gp0()
		}
	} else {
		base = uint64(c.load32(in.Seg, at))
		if in.OpSize == 2 {
			base &= 0xffffff
		}
	}
	t.Limit, t.Base = limit, base
}

func (c *CPU) lldt(sel uint16) {
	if sel&^3 == 0 {
		c.Seg[LDTR] = Segment{Sel: sel}
		return
	}
	if sel&4 != 0 {
		c.gp(sel)
	}
	d := c.readDescriptor(sel, vecGP)
	if d.s() || d.typ() != sysLDT {
		c.gp(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	if c.long {
		c.readUpper(&d, sel, vecGP)
		if !canonical(d.base()) {
			c.gp(sel)
		}
	}
	c.Seg[LDTR] = d.segment(sel)
}

func (c *CPU) ltr(sel uint16) {
	if sel&^3 == 0 {
		c.gp0()
	}
	if sel&4 != 0 {
		c.gp(sel)
	}
	d := c.readDescriptor(sel, vecGP)
	if d.s() || d.typ() != sysTSS32 && (d.typ() != sysTSS16 || c.long) {
		c.gp(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	if c.long {
		c.readUpper(&d, sel, vecGP)
		if !canonical(d.base()) {
			c.gp(sel)
		}
	}
	c.setBusy(d.addr, true)
	c.Seg[TR] = d.segment(sel)
	c.Seg[TR].Attr |= 2
}

// probe reads sel's descriptor for LAR, LSL, VERR and VERW; ok is false where
// they clear ZF.
func (c *CPU) probe(sel uint16) (d descriptor, ok bool) {
	if sel&^3 == 0 {
		return d, false
	}
	addr, ok := c.descriptorAddr(sel, 8)
	if !ok {
		return d, false
	}
	v := c.sysRead(addr, 8)
	return descriptor{lo: uint32(v), hi: uint32(v >> 32), addr: addr}, true
}

// visible reports whether privilege allows to look at a segment.
func (c *CPU) visible(d *descriptor, sel uint16) bool {
	return d.conforming() || d.dpl() >= c.cpl && d.dpl() >= uint8(sel&3)
}

func (c *CPU) setZF(z bool) {
	f := c.statusBits() &^ FlagZF
	if z {
		f |= FlagZF
	}
	c.setStatus(f)
}

func (c *CPU) verify(sel uint16, acc access) {
	d, ok := c.probe(sel)
	ok = ok && d.s() && c.visible(&d, sel)
	if ok {
		rw := d.hi&(1<<9) != 0
		if acc == accRead {
			ok = !d.code() || rw
		} else {
			ok = !d.code() && rw
		}
	}
	c.setZF(ok)
}

func (c *CPU) lar(in *Op) {
	sel := c.readEw(in)
	d, ok := c.probe(sel)
	if ok && !d.s() {
		switch d.typ() {
		case sysTSS16, sysTSS16Busy, sysCall16, sysTaskGate:
			ok = !c.long
		case sysLDT, sysTSS32, sysTSS32Busy, sysCall32:
		default:
			ok = false
		}
	}
	ok = ok && c.visible(&d, sel)
	if ok {
		c.setReg(in.Reg, in.OpSize, uint64(d.hi&0x00ffff00))
	}
	c.setZF(ok)
}

func (c *CPU) lsl(in *Op) {
	sel := c.readEw(in)
	d, ok := c.probe(sel)
	if ok && !d.s() {
		switch d.typ() {
		case sysTSS16, sysTSS16Busy:
			ok = !c.long
		case sysLDT, sysTSS32, sysTSS32Busy:
		default:
			ok = false
		}
	}
	ok = ok && c.visible(&d, sel)
	if ok {
		c.setReg(in.Reg, in.OpSize, uint64(d.limit()))
	}
	c.setZF(ok)
}

func (c *CPU) arpl(in *Op) {
	src := uint16(c.GPR[in.Reg&15])
	var dst uint16
	if in.Mem() {
		dst = c.rmw16(in.Seg, c.ea(in))
	} else {
		dst = uint16(c.GPR[in.RM&15])
	}
	raise := dst&3 < src&3
	if raise {
		dst = dst&^3 | src&3
	}
	if in.Mem() {
		c.put16(dst)
	} else {
		c.setReg16(in.RM&15, dst)
	}
	c.setZF(raise)
}

func (c *CPU) rdtsc() {
	t := c.board.TSC() + c.TSCOffset
	c.tscRead(t)
	c.GPR[RAX], c.GPR[RDX] = t&0xffffffff, t>>32
}

func (c *CPU) fsgsbase() {
	if c.CR4&CR4FSGSBASE == 0 {
		c.ud()
	}
}

func (c *CPU) writeBase(in *Op, seg int) {
	c.fsgsbase()
	v := c.GPR[in.RM&15]
	if in.OpSize != 8 {
		v &= 0xffffffff
	}
	if !canonical(v) {
		c.gp0()
	}
	c.Seg[seg].Base = v
	c.segChanged(seg)
}

// invpcid flushes at least what is asked for.
func (c *CPU) invpcid(in *Op) {
	typ := c.GPR[in.Reg&15]
	ea := c.ea(in)
	desc := c.load64(in.Seg, ea)
	lin := c.load64(in.Seg, (ea+8)&in.AMask)
	if c.mode != 64 {
		typ &= 0xffffffff
	}
	if typ > 3 || desc>>12 != 0 || typ == 0 && !canonical(lin) {
		c.gp0()
	}
	if c.CR4&CR4PCIDE == 0 && typ < 2 && desc&0xfff != 0 {
		c.gp0()
	}
	switch {
	case typ == 0 && desc == c.pcid():
		c.flushPage(lin)
	case typ < 2:
		c.flushSpace(desc)
	case typ == 2:
		c.flushTLB(true)
	default:
		c.flushSpaces()
		c.flushTLB(false)
	}
}

func (c *CPU) xgetbv(in *Op) {
	if c.CR4&CR4OSXSAVE == 0 {
		c.ud()
	}
	if uint32(c.GPR[RCX]) != 0 {
		c.gp0()
	}
	c.GPR[RAX], c.GPR[RDX] = c.XCR0&0xffffffff, c.XCR0>>32
}

func (c *CPU) xsetbv(in *Op) {
	if c.CR4&CR4OSXSAVE == 0 {
		c.ud()
	}
	v := c.GPR[RDX]<<32 | c.GPR[RAX]&0xffffffff
	if uint32(c.GPR[RCX]) != 0 || v&1 == 0 || v&^3 != 0 {
		c.gp0()
	}
	c.XCR0 = v
}

func (c *CPU) movFromCR(in *Op) {
	var v uint64
	switch in.Reg {
	case 0:
		v = c.CR0
	case 2:
		v = c.CR2
	case 3:
		v = c.CR3
	case 4:
		v = c.CR4
	case 8:
		v = uint64(c.board.TPR() >> 4)
	}
	c.setReg(in.RM, c.crSize(), v)
}

// crSize is the operand size of moves to and from control and debug registers.
func (c *CPU) crSize() uint8 {
	if c.mode == 64 {
		return 8
	}
	return 4
}

func (c *CPU) movToCR(in *Op) {
	v := c.GPR[in.RM&15] & opMask(c.crSize())
	switch in.Reg {
	case 0:
		c.setCR0(v)
	case 2:
		c.CR2 = v
	case 3:
		c.setCR3(v)
	case 4:
		c.setCR4(v)
	case 8:
		if v > 15 {
			c.gp0()
		}
		c.board.SetTPR(uint8(v) << 4)
		c.post(evINTR)
	}
}

// setCR0 is MOV to CR0 and LMSW (SDM volume 3A, 2.5).
func (c *CPU) setCR0(v uint64) {
	const known = CR0PE | CR0MP | CR0EM | CR0TS | CR0NE | CR0WP | CR0AM | CR0NW | CR0CD | CR0PG
	if v>>32 != 0 || v&CR0PG != 0 && v&CR0PE == 0 || v&CR0NW != 0 && v&CR0CD == 0 {
		c.gp0()
	}
	v = v&known | CR0ET
	old := c.CR0
	efer := c.EFER
	if (old^v)&CR0PG != 0 {
		switch {
		case v&CR0PG != 0 && efer&EFERLME != 0:
			if c.CR4&CR4PAE == 0 || c.Seg[CS].Attr&attrL != 0 {
				c.gp0()
			}
			efer |= EFERLMA
		case v&CR0PG == 0:
			if c.mode == 64 || c.CR4&CR4PCIDE != 0 {
				c.gp0()
			}
			efer &^= EFERLMA
		}
	}
	if v&CR0PG != 0 && (old^v)&(CR0PG|CR0CD|CR0NW) != 0 && c.CR4&CR4PAE != 0 && efer&EFERLMA == 0 {
		c.CR0 = v
		saved := c.PDPTE
		if !c.readPDPTEs(c.CR3) {
			c.CR0, c.PDPTE = old, saved
			c.gp0()
		}
	}
	c.CR0, c.EFER = v, efer
	if (old^v)&(CR0PG|CR0WP|CR0PE) != 0 {
		c.flushTLB(true)
	}
	c.fpuChanged()
	c.modeChanged()
}

// readPDPTEs reads the four PDPTEs; false if a present one has reserved bits set.
func (c *CPU) readPDPTEs(cr3 uint64) bool {
	var p [4]uint64
	for i := range p {
		p[i] = c.physRead((cr3&0xffffffe0+uint64(8*i))&c.a20, 8)
		if p[i]&pteP != 0 && p[i]&^(physAddrMask&^0xfff|0xe19) != 0 {
			return false
		}
	}
	c.PDPTE = p
	return true
}

func (c *CPU) setCR3(v uint64) {
	keep := false
	if c.CR4&CR4PCIDE != 0 {
		keep = v>>63 != 0
		v &^= 1 << 63
	}
	if c.long && v&^physAddrMask != 0 {
		c.gp0()
	}
	old, from := c.CR3, c.pcid()
	if c.CR4&CR4PAE != 0 && !c.long && c.CR0&CR0PG != 0 && !c.readPDPTEs(v) {
		c.gp0()
	}
	if !c.long {
		v &= 0xffffffff
	}
	c.CR3 = v
	switch {
	case c.pcid() != from:
		c.switchSpace(from, keep)
	case !keep || old != v: // another table with the same number is a new address space in all likelihood
		c.flushTLB(false)
	}
}

func (c *CPU) setCR4(v uint64) {
	if v&^c.Model.cr4() != 0 {
		c.gp0()
	}
	if c.long && v&CR4PAE == 0 {
		c.gp0()
	}
	if v&CR4PCIDE != 0 && c.CR4&CR4PCIDE == 0 && (!c.long || c.CR3&0xfff != 0) {
		c.gp0()
	}
	old := c.CR4
	const paging = CR4PSE | CR4PAE | CR4PGE | CR4SMEP | CR4PCIDE
	if (old^v)&(CR4PAE|CR4PSE|CR4PGE|CR4SMEP) != 0 && v&CR4PAE != 0 && !c.long && c.CR0&CR0PG != 0 && !c.readPDPTEs(c.CR3) {
		c.gp0()
	}
	c.CR4 = v
	if (old^v)&(paging|CR4SMAP) != 0 {
		c.flushTLB(true)
	}
	c.fpuChanged()
	c.modeChanged()
}
