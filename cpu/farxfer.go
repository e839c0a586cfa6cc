package cpu

import (
	"encoding/binary"
)

func init() {
	exec(func(c *CPU, in *Op) { c.farJump(uint16(in.Imm2), in.Imm&opMask(in.OpSize), in) }, "JMPF Ap")
	exec(func(c *CPU, in *Op) { sel, off := c.farPointer(in); c.farJump(sel, off, in) }, "JMPF Mp")
	exec(func(c *CPU, in *Op) { c.farCall(uint16(in.Imm2), in.Imm&opMask(in.OpSize), in) }, "CALLF Ap")
	exec(func(c *CPU, in *Op) { sel, off := c.farPointer(in); c.farCall(sel, off, in) }, "CALLF Mp")
	exec(func(c *CPU, in *Op) { c.farReturn(in, 0) }, "RETF ")
	exec(func(c *CPU, in *Op) { c.farReturn(in, in.Imm) }, "RETF Iw")
}

func opMask(size uint8) uint64 {
	switch size {
	case 1:
		return 0xff
	case 2:
		return 0xffff
	case 4:
		return 0xffffffff
	}
	return ^uint64(0)
}

// farPointer reads the m16:16, m16:32 or m16:64 operand.
func (c *CPU) farPointer(in *Op) (sel uint16, off uint64) {
	ea := c.ea(in)
	off = c.load(in.Seg, ea, int(in.OpSize))
	sel = c.load16(in.Seg, (ea+uint64(in.OpSize))&in.AMask)
	return sel, off
}

// enter finishes a far transfer: CS is set, the rest follows.
func (c *CPU) enter(rip uint64) {
	c.RIP = rip
	c.codeChanged()
}

// farJump is JMP far (SDM volume 2, JMP).
func (c *CPU) farJump(sel uint16, off uint64, in *Op) {
	if c.realOrV86() {
		if off > uint64(c.Seg[CS].Limit) {
			c.gp0()
		}
		c.loadSegReal(CS, sel)
		c.enter(off)
		return
	}
	if sel&^3 == 0 {
		c.gp0()
	}
	d := c.readDescriptor(sel, vecGP)
	if d.code() {
		c.checkDirect(&d, sel)
		c.checkTarget(&d, off)
		c.setCS(&d, sel, c.cpl)
		c.enter(off)
		return
	}
	if d.s() {
		c.gp(sel)
	}
	rpl := uint8(sel & 3)
	switch t := d.typ(); {
	case (t == sysCall16 || t == sysCall32) && !(c.long && t == sysCall16):
		gate, gd, goff := c.callGate(&d, sel, rpl)
		if gd.conforming() && gd.dpl() > c.cpl || !gd.conforming() && gd.dpl() != c.cpl {
			c.gp(gate)
		}
		if !gd.present() {
			c.np(gate)
		}
		c.checkCodeBits(&gd, gate)
		c.checkTarget(&gd, goff)
		c.setCS(&gd, gate, c.cpl)
		c.enter(goff)
	case c.long:
		c.gp(sel)
	case t == sysTaskGate || t == sysTSS16 || t == sysTSS32:
		c.taskTransfer(&d, sel, taskJump)
	default:
		c.gp(sel)
	}
}

// checkDirect checks a code segment that is the direct target of a far jump or call.
func (c *CPU) checkDirect(d *descriptor, sel uint16) {
	if d.conforming() {
		if d.dpl() > c.cpl {
			c.gp(sel)
		}
	} else if uint8(sel&3) > c.cpl || d.dpl() != c.cpl {
		c.gp(sel)
	}
	c.checkCodeBits(d, sel)
	if !d.present() {
		c.np(sel)
	}
}

// callGate checks a call gate and reads the code descriptor it points to.
func (c *CPU) callGate(d *descriptor, sel uint16, rpl uint8) (gate uint16, gd descriptor, off uint64) {
	if d.dpl() < c.cpl || d.dpl() < rpl {
		c.gp(sel)
	}
	if c.long {
		c.readUpper(d, sel, vecGP)
	}
	if !d.present() {
		c.np(sel)
	}
	gate = d.gateSel()
	if gate&^3 == 0 {
		c.gp0()
	}
	gd = c.readDescriptor(gate, vecGP)
	if !gd.code() || gd.dpl() > c.cpl {
		c.gp(gate)
	}
	if c.long && (gd.hi&(1<<21) == 0 || gd.hi&(1<<22) != 0) {
		c.gp(gate) // must be a 64-bit code segment
	}
	off = d.gateOffset()
	if d.typ() == sysCall16 {
		off &= 0xffff
	}
	return gate, gd, off
}

// farCall is CALL far.
func (c *CPU) farCall(sel uint16, off uint64, in *Op) {
	size := int(in.OpSize)
	if c.realOrV86() {
		if off > uint64(c.Seg[CS].Limit) {
			c.gp0()
		}
		var f frame
		f.down(c, size)
		f.push(uint64(c.Seg[CS].Sel))
		f.push(in.Next)
		f.commit()
		c.loadSegReal(CS, sel)
		c.enter(off)
		return
	}
	if sel&^3 == 0 {
		c.gp0()
	}
	d := c.readDescriptor(sel, vecGP)
	if d.code() {
		c.checkDirect(&d, sel)
		var f frame
		f.down(c, size)
		f.push(uint64(c.Seg[CS].Sel))
		f.push(in.Next)
		c.checkTarget(&d, off)
		c.setCS(&d, sel, c.cpl)
		f.commit()
		c.enter(off)
		return
	}
	if d.s() {
		c.gp(sel)
	}
	switch t := d.typ(); {
	case (t == sysCall16 || t == sysCall32) && !(c.long && t == sysCall16):
		c.callThroughGate(&d, sel, in)
	case c.long:
		c.gp(sel)
	case t == sysTaskGate || t == sysTSS16 || t == sysTSS32:
		c.taskTransfer(&d, sel, taskCall)
	default:
		c.gp(sel)
	}
}

func (c *CPU) callThroughGate(d *descriptor, sel uint16, in *Op) {
	gate, gd, off := c.callGate(d, sel, uint8(sel&3))
	if !gd.present() {
		c.np(gate)
	}
	size := 4
	if d.typ() == sysCall16 {
		size = 2
	}
	if c.long {
		size = 8
	}
	if gd.conforming() || gd.dpl() == c.cpl {
		var f frame
		f.down(c, size)
		f.push(uint64(c.Seg[CS].Sel))
		f.push(in.Next)
		c.checkTarget(&gd, off)
		c.setCS(&gd, gate, c.cpl)
		f.commit()
		c.enter(off)
		return
	}
	// To more privilege: the new stack comes from the TSS.
	cpl := gd.dpl()
	oldSS, oldSP := c.Seg[SS].Sel, c.GPR[RSP]
	var f frame
	var ss Segment
	if c.long {
		f.at64(c, c.rspFromTSS(int(cpl)), cpl)
		ss = Segment{Sel: uint16(cpl), Attr: uint16(cpl) << 5}
		f.size = 8
		f.push(uint64(oldSS))
		f.push(oldSP)
	} else {
		newSS, newSP := c.stackFromTSS(cpl)
		ss = c.checkSS(newSS, cpl, vecTS)
		n := d.gateCount()
		var args [31]uint64
		for i := 0; i < n; i++ { // parameters are read with the caller's privilege
			args[i] = c.load(SS, (oldSP+uint64(i*size))&c.spMask, size)
		}
		f.at(c, &ss, newSP, size, cpl)
		f.push(uint64(oldSS))
		f.push(oldSP)
		for i := n - 1; i >= 0; i-- {
			f.push(args[i])
		}
	}
	f.push(uint64(c.Seg[CS].Sel))
	f.push(in.Next)
	c.checkTarget(&gd, off)
	c.setCS(&gd, gate, cpl)
	c.Seg[SS] = ss
	c.RIP = off
	c.modeChanged()
	c.setSP(f.sp)
}

// frame pushes onto a stack that becomes current only when everything has
// succeeded: the present one, or an inner one from the TSS.
type frame struct {
	c     *CPU
	sp    uint64
	mask  uint64
	base  uint64
	limit uint32 // of the segment, outside 64-bit mode
	attr  uint16
	long  bool // 64-bit mode
	cpl   uint8
	code  uint32 // error code of #SS
	size  int
}

// down is a frame on the present stack, for pushes of size bytes.
func (f *frame) down(c *CPU, size int) {
	ss := &c.Seg[SS]
	f.c, f.sp, f.mask, f.base, f.limit, f.attr = c, c.GPR[RSP]&c.spMask, c.spMask, ss.Base, ss.Limit, ss.Attr
	f.long, f.cpl, f.code, f.size = c.mode == 64, c.cpl, 0, size
	if f.long {
		f.base = 0
	}
}

// at is a frame on segment ss, at privilege cpl.
func (f *frame) at(c *CPU, ss *Segment, sp uint64, size int, cpl uint8) {
	f.c, f.mask, f.base, f.limit, f.attr = c, 0xffff, ss.Base, ss.Limit, ss.Attr
	f.long, f.cpl, f.code, f.size = false, cpl, uint32(ss.Sel&^3), size
	if ss.Attr&attrDB != 0 {
		f.mask = 0xffffffff
	}
	f.sp = sp & f.mask
}

// at64 is a frame at a 64-bit stack pointer.
func (f *frame) at64(c *CPU, sp uint64, cpl uint8) {
	f.c, f.sp, f.mask, f.base = c, sp, ^uint64(0), 0
	f.long, f.cpl, f.code, f.size = true, cpl, 0, 8
}

func (f *frame) push(v uint64) {
	c := f.c
	sp := (f.sp - uint64(f.size)) & f.mask
	lin := f.base + sp
	if f.long {
		if !canonical(lin) || !canonical(lin+uint64(f.size)-1) {
			c.raiseCode(vecSS, f.code)
		}
	} else {
		last := sp + uint64(f.size) - 1
		ok := last <= uint64(f.limit)
		if f.attr&(attrCode|attrExpDown) == attrExpDown {
			ok = sp > uint64(f.limit) && last <= f.top()
		}
		if !ok || f.attr&attrWrite == 0 || f.attr&attrP == 0 {
			c.raiseCode(vecSS, f.code)
		}
		lin &= 0xffffffff
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	if t := f.tlb(); t != nil && !c.strict {
		if set := lin >> 12 & (tlbSize - 1); t.w[set]+lin+uint64(f.size)-1 < pageSize {
			switch p := t.ptr(set, lin); f.size {
			case 8:
				*(*[8]byte)(p) = b
			case 4:
				*(*[4]byte)(p) = [4]byte(b[:])
			default:
				*(*[2]byte)(p) = [2]byte(b[:])
			}
			f.sp = sp
			return
		}
	}
	c.implicit = f.cpl != 3 && c.cpl == 3
	s := c.locate(lin, f.size, accWrite, f.cpl == 3)
	c.implicit = false
	c.writeSpans(&s, b[:f.size])
	f.sp = sp
}

// tlb is the TLB of the frame's privilege, nil if there is none yet.
func (f *frame) tlb() *tlb {
	if f.cpl != 3 && f.c.cpl == 3 {
		return f.c.tlbs[tlbSuper]
	}
	return f.c.tlb
}

func (f *frame) top() uint64 {
	if f.attr&attrDB != 0 {
		return 0xffffffff
	}
	return 0xffff
}

// commit makes the frame's stack pointer current; SS is unchanged.
func (f *frame) commit() { f.c.setSP(f.sp) }

// stackFromTSS reads the stack of privilege cpl from a 16- or 32-bit TSS.
func (c *CPU) stackFromTSS(cpl uint8) (ss uint16, sp uint64) {
	tr := &c.Seg[TR]
	if tr.Type()&8 == 0 {
		at := uint32(cpl)*4 + 2
		if at+3 > tr.Limit {
			c.tss(tr.Sel)
		}
		return uint16(c.sysRead(tr.Base+uint64(at)+2, 2)), c.sysRead(tr.Base+uint64(at), 2)
	}
	at := uint32(cpl)*8 + 4
	if at+5 > tr.Limit {
		c.tss(tr.Sel)
	}
	return uint16(c.sysRead(tr.Base+uint64(at)+4, 2)), c.sysRead(tr.Base+uint64(at), 4)
}

// rspFromTSS reads RSP0-2 (slot 0-2) or IST1-7 (slot 4-10) of a 64-bit TSS.
func (c *CPU) rspFromTSS(slot int) uint64 {
	tr := &c.Seg[TR]
	at := uint32(4 + 8*slot)
	if at+7 > tr.Limit {
		c.tss(tr.Sel)
	}
	sp := c.sysRead(tr.Base+uint64(at), 8)
	if !canonical(sp) {
		c.raiseCode(vecSS, 0)
	}
	return sp
}

// peek reads the stack slot n of size bytes above the stack pointer.
func (c *CPU) peek(size, n int) uint64 {
	return c.load(SS, (c.GPR[RSP]+uint64(n*size))&c.spMask, size)
}

// farReturn is RETF; extra bytes of arguments are released on both stacks.
func (c *CPU) farReturn(in *Op, extra uint64) {
	size := int(in.OpSize)
	rip := c.peek(size, 0)
	sel := uint16(c.peek(size, 1))
	if c.realOrV86() {
		if rip > uint64(c.Seg[CS].Limit) {
			c.gp0()
		}
		c.setSP(c.GPR[RSP] + uint64(2*size) + extra)
		c.loadSegReal(CS, sel)
		c.enter(rip)
		return
	}
	c.returnTo(sel, rip, size, 2, extra, func(uint8) {})
}

// returnTo is the common part of RETF and IRET in protected mode: the selector
// and RIP are popped, used counts the stack slots so far. restore runs, with the
// old CPL, when nothing can fault any more and before the segments change.
func (c *CPU) returnTo(sel uint16, rip uint64, size, used int, extra uint64, restore func(oldCPL uint8)) {
	if sel&^3 == 0 {
		c.gp0()
	}
	d := c.readDescriptor(sel, vecGP)
	rpl := uint8(sel & 3)
	if !d.code() || rpl < c.cpl {
		c.gp(sel)
	}
	if d.conforming() && d.dpl() > rpl || !d.conforming() && d.dpl() != rpl {
		c.gp(sel)
	}
	c.checkCodeBits(&d, sel)
	if !d.present() {
		c.np(sel)
	}
	oldCPL := c.cpl
	to64 := c.long && d.hi&(1<<21) != 0
	always := c.mode == 64 && used == 3 // IRETQ always pops SS:RSP
	if rpl == c.cpl && !always {
		c.checkTarget(&d, rip)
		oldCS := c.Seg[CS]
		c.setCS(&d, sel, rpl)
		c.setSP(c.GPR[RSP] + uint64(used*size) + extra)
		restore(oldCPL)
		c.RIP = rip
		c.codeChangedFrom(oldCS, c.Seg[SS])
		return
	}
	skip := 0
	if extra != 0 {
		skip = int(extra)
	}
	at := c.GPR[RSP] + uint64(used*size+skip)
	newSP := c.load(SS, at&c.spMask, size)
	newSS := uint16(c.load(SS, (at+uint64(size))&c.spMask, size))
	var ss Segment
	if newSS&^3 == 0 {
		if !to64 || rpl == 3 || uint8(newSS&3) != rpl {
			c.gp0()
		}
		ss = Segment{Sel: newSS, Attr: uint16(rpl) << 5}
	} else {
		ss = c.checkSS(newSS, rpl, vecGP)
	}
	c.checkTarget(&d, rip)
	oldCS, oldSS := c.Seg[CS], c.Seg[SS]
	c.setCS(&d, sel, rpl)
	restore(oldCPL)
	c.Seg[SS] = ss
	if ss.Attr&attrP == 0 { // a null SS keeps its privilege level only
		c.Seg[SS].Attr = uint16(rpl) << 5
	}
	c.RIP = rip
	c.codeChangedFrom(oldCS, oldSS)
	if rpl > oldCPL {
		c.nullInner(rpl)
	}
	c.GPR[RSP] = c.GPR[RSP]&c.spKeep | (newSP+extra)&c.spMask
}

// nullInner clears data segment registers that the outer level may not use (SDM
// volume 3A, 5.8.6).
func (c *CPU) nullInner(cpl uint8) {
	for _, i := range [...]int{ES, DS, FS, GS} {
		s := &c.Seg[i]
		nonconforming := s.Attr&attrCode == 0 || s.Attr&attrConforming == 0
		if s.Attr&attrP != 0 && s.Attr&attrS != 0 && nonconforming && s.DPL() < cpl {
			base := s.Base
			*s = Segment{}
			if c.mode == 64 {
				s.Base = base
			}
			c.segChanged(i)
		}
	}
}

// mov and pop of segment registers, and the far-pointer loads.
func init() {
	exec(func(c *CPU, in *Op) {
		var sel uint16
		if in.Mem() {
			sel = c.load16(in.Seg, c.ea(in))
		} else {
			sel = uint16(c.GPR[in.RM&15])
		}
		c.loadSeg(int(in.Reg), sel)
		if in.Reg == SS {
			c.setShadow(2, in)
		}
	}, "MOV Sw,Ew")
	exec(func(c *CPU, in *Op) {
		sel := uint64(c.Seg[in.Reg%6].Sel)
		if in.Mem() {
			c.store16(in.Seg, c.ea(in), uint16(sel))
		} else {
			c.setReg(in.RM, in.OpSize, sel)
		}
	}, "MOV Rv/Mw,Sw")
	for i, name := range [...]string{"ES", "CS", "SS", "DS", "FS", "GS"} {
		exec(func(c *CPU, in *Op) { c.pushSel(int(in.OpSize), c.Seg[i].Sel) }, "PUSH "+name)
		if i != CS {
			exec(func(c *CPU, in *Op) {
				size := uint64(in.OpSize)
				sel := uint16(c.load(SS, c.GPR[RSP]&c.spMask, 2))
				sp := c.GPR[RSP] + size
				if size == 8 || size == 4 {
					sel = uint16(c.load(SS, c.GPR[RSP]&c.spMask, int(size)))
				}
				old, keep, mask := c.GPR[RSP], c.spKeep, c.spMask
				c.loadSeg(i, sel)
				c.GPR[RSP] = old&keep | sp&mask
				if i == SS {
					c.setShadow(2, in)
				}
			}, "POP "+name)
		}
	}
	for name, i := range map[string]int{"LES": ES, "LDS": DS, "LSS": SS, "LFS": FS, "LGS": GS} {
		exec(func(c *CPU, in *Op) {
			sel, off := c.farPointer(in)
			c.loadSeg(i, sel)
			c.setReg(in.Reg, in.OpSize, off)
		}, name)
	}
}

// pushSel pushes a segment register: SP moves by the operand size, but only 16
// bits are written with a 32-bit one (as on all recent processors).
func (c *CPU) pushSel(size int, sel uint16) {
	if size == 4 {
		sp := (c.GPR[RSP] - 4) & c.spMask
		c.store16(SS, sp, sel)
		c.setSP(sp)
		return
	}
	c.push(size, uint64(sel))
}

// setShadow inhibits interrupts for the next instruction: 1 by STI, 2 by MOV SS
// and POP SS, which hold off debug traps too.
func (c *CPU) setShadow(kind uint8, in *Op) {
	c.Shadow = kind
	c.post(evShadow | evINTR)
}
