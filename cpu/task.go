package cpu

// Task switching (SDM volume 3A, 7.3).

type taskKind uint8

const (
	taskJump taskKind = iota
	taskCall
	taskInt
	taskIret
)

// taskTransfer is JMP or CALL to a task gate or TSS descriptor.
func (c *CPU) taskTransfer(d *descriptor, sel uint16, k taskKind) {
	if d.dpl() < c.cpl || d.dpl() < uint8(sel&3) {
		c.gp(sel)
	}
	if d.typ() == sysTaskGate {
		if !d.present() {
			c.np(sel)
		}
		sel = d.gateSel()
		*d = c.tssDescriptor(sel, vecGP)
	} else if sel&4 != 0 { // a TSS lives in the GDT only (SDM volume 3A, 7.2.2)
		c.gp(sel)
	} else if !d.present() {
		c.np(sel)
	}
	c.switchTask(d, sel, k, c.nextRIP(), nil)
}

// nextRIP is the saved EIP of a task left by an instruction: the one after it.
func (c *CPU) nextRIP() uint64 {
	if c.cur != nil {
		return c.cur.Next
	}
	return c.RIP
}

// tssDescriptor reads the descriptor of an available TSS named by a task gate.
func (c *CPU) tssDescriptor(sel uint16, vector uint8) descriptor {
	if sel&4 != 0 || sel&^3 == 0 {
		c.raiseCode(vector, uint32(sel&^3))
	}
	d := c.readDescriptor(sel, vector)
	if d.s() || d.typ() != sysTSS16 && d.typ() != sysTSS32 {
		c.raiseCode(vector, uint32(sel&^3))
	}
	if !d.present() {
		c.np(sel)
	}
	return d
}

// interruptTask delivers an event through a task gate.
func (c *CPU) interruptTask(gate *descriptor, f fault) {
	sel := gate.gateSel()
	d := c.tssDescriptor(sel, vecGP)
	var code *uint32
	if f.hasCode {
		code = &f.code
	}
	c.switchTask(&d, sel, taskInt, c.RIP, code)
}

// taskReturn is IRET with NT set.
func (c *CPU) taskReturn() {
	sel := uint16(c.sysRead(c.Seg[TR].Base, 2))
	if sel&4 != 0 {
		c.tss(sel)
	}
	d := c.readDescriptor(sel, vecTS)
	if d.s() || d.typ() != sysTSS16Busy && d.typ() != sysTSS32Busy {
		c.tss(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	c.switchTask(&d, sel, taskIret, c.nextRIP(), nil)
}

// taskImage is what a TSS holds of a task.
type taskImage struct {
	cr3, eip, eflags uint64
	gpr              [8]uint64
	sel              [6]uint16
	ldt              uint16
	trap             bool
}

// readTSS reads the incoming task's state.
func (c *CPU) readTSS(base uint64, wide bool) (t taskImage) {
	if wide {
		t.cr3 = c.sysRead(base+28, 4)
		t.eip = c.sysRead(base+32, 4)
		t.eflags = c.sysRead(base+36, 4)
		for i := range t.gpr {
			t.gpr[i] = c.sysRead(base+40+uint64(4*i), 4)
		}
		for i := range t.sel {
			t.sel[i] = uint16(c.sysRead(base+72+uint64(4*i), 2))
		}
		t.ldt = uint16(c.sysRead(base+96, 2))
		t.trap = c.sysRead(base+100, 2)&1 != 0
		return t
	}
	t.cr3 = c.CR3
	t.eip = c.sysRead(base+14, 2)
	t.eflags = c.sysRead(base+16, 2)
	for i := range t.gpr {
		t.gpr[i] = c.sysRead(base+18+uint64(2*i), 2) | 0xffff0000
	}
	for i := range t.sel[:4] {
		t.sel[i] = uint16(c.sysRead(base+34+uint64(2*i), 2))
	}
	t.ldt = uint16(c.sysRead(base+42, 2))
	return t
}

// writeTSS saves the outgoing task's state.
func (c *CPU) writeTSS(base uint64, wide bool, eip, eflags uint64) {
	if wide {
		c.sysWrite(base+32, 4, eip)
		c.sysWrite(base+36, 4, eflags)
		for i := 0; i < 8; i++ {
			c.sysWrite(base+40+uint64(4*i), 4, c.GPR[i])
		}
		for i := 0; i < 6; i++ {
			c.sysWrite(base+72+uint64(4*i), 2, uint64(c.Seg[i].Sel))
		}
		return
	}
	c.sysWrite(base+14, 2, eip)
	c.sysWrite(base+16, 2, eflags)
	for i := 0; i < 8; i++ {
		c.sysWrite(base+18+uint64(2*i), 2, c.GPR[i])
	}
	for i := 0; i < 4; i++ {
		c.sysWrite(base+34+uint64(2*i), 2, uint64(c.Seg[i].Sel))
	}
}

// switchTask switches to the task of TSS descriptor d. eip is saved as the
// outgoing task's instruction pointer; code is pushed onto the new task's stack.
func (c *CPU) switchTask(d *descriptor, sel uint16, k taskKind, eip uint64, code *uint32) {
	wide := d.typ()&8 != 0
	need := uint32(43)
	if wide {
		need = 103
	}
	if d.limit() < need {
		c.tss(sel)
	}
	old := c.Seg[TR]
	oldWide := old.Type()&8 != 0
	// Everything that may fault before the commit point: both TSSs must be accessible.
	base := d.base()
	c.probeTSS(old.Base, oldWide, accWrite)
	c.probeTSS(base, wide, accRead)
	t := c.readTSS(base, wide)

	flags := c.Flags()
	if k == taskIret {
		flags &^= FlagNT
	}
	oldDesc, _ := c.descriptorAddr(old.Sel, 8)
	if k == taskJump || k == taskIret {
		c.setBusy(oldDesc, false)
	}
	c.writeTSS(old.Base, oldWide, eip, flags)
	if k == taskCall || k == taskInt {
		c.sysWrite(base, 2, uint64(old.Sel)) // back link
	}
	if k != taskIret {
		c.setBusy(d.addr, true)
	}
	if k == taskCall || k == taskInt {
		t.eflags |= FlagNT
	}

	// The commit point: from here on faults belong to the new task.
	c.Seg[TR] = d.segment(sel)
	c.Seg[TR].Attr |= 2
	c.CR0 |= CR0TS
	c.fpuChanged()
	if wide && c.CR0&CR0PG != 0 {
		c.CR3 = t.cr3
		if c.CR4&CR4PAE != 0 && !c.readPDPTEs(c.CR3) {
			c.tss(sel)
		}
		c.flushTLB(false)
	}
	mask := uint64(0x7fd5) // the 16-bit flags
	if wide {
		mask = statusFlags | FlagTF | FlagIF | FlagDF | FlagIOPL | FlagNT | FlagRF | FlagVM | FlagAC | FlagVIF | FlagVIP | FlagID
	}
	copy(c.GPR[:], t.gpr[:])
	c.RIP = t.eip
	c.committed, c.stepping = true, false
	for i := range c.Seg[:6] {
		c.Seg[i] = Segment{Sel: t.sel[i]}
	}
	c.Seg[LDTR] = Segment{Sel: t.ldt}
	c.DR[7] &^= 0x155 // local breakpoint enables
	c.putFlags(t.eflags & mask)
	c.loadTaskSegments(&t)
	if code != nil {
		size := 4
		if !wide {
			size = 2
		}
		c.push(size, uint64(*code))
	}
	if c.mode != 64 && t.eip > uint64(c.Seg[CS].Limit) {
		c.gp0()
	}
	if t.trap {
		c.PendingDB |= dr6BT
		c.post(evDebug)
	}
	c.committed = false
}

// probeTSS raises the page fault that using a TSS would.
func (c *CPU) probeTSS(base uint64, wide bool, acc access) {
	n := 44
	if wide {
		n = 104
	}
	c.implicit = true
	c.locate(base&0xffffffff, n, acc, false)
	c.implicit = false
}

// loadTaskSegments loads LDTR and the segment registers of the new task; every
// failure is #TS, #NP or #SS in the new task's context.
func (c *CPU) loadTaskSegments(t *taskImage) {
	// Until CS and SS are loaded, the new privilege is CS's RPL.
	cpl := uint8(t.sel[CS] & 3)
	c.Seg[SS].Attr = uint16(cpl) << 5
	c.modeChanged()
	if t.ldt&^3 != 0 {
		if t.ldt&4 != 0 {
			c.tss(t.ldt)
		}
		d := c.readDescriptor(t.ldt, vecTS)
		if d.s() || d.typ() != sysLDT || !d.present() {
			c.tss(t.ldt)
		}
		c.Seg[LDTR] = d.segment(t.ldt)
	}
	if c.RFLAGS&FlagVM != 0 {
		for i := range t.sel {
			c.loadSegReal(i, t.sel[i])
		}
		c.modeChanged()
		return
	}
	sel := t.sel[SS]
	c.Seg[SS] = c.checkSS(sel, cpl, vecTS)
	c.modeChanged()
	for _, i := range [...]int{ES, DS, FS, GS} {
		c.loadTaskData(i, t.sel[i], cpl)
	}
	sel = t.sel[CS]
	if sel&^3 == 0 {
		c.tss(sel)
	}
	d := c.readDescriptor(sel, vecTS)
	if !d.code() || d.conforming() && d.dpl() > cpl || !d.conforming() && d.dpl() != cpl {
		c.tss(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	c.setCS(&d, sel, cpl)
	c.modeChanged()
}

func (c *CPU) loadTaskData(i int, sel uint16, cpl uint8) {
	if sel&^3 == 0 {
		c.segChanged(i)
		return
	}
	d := c.readDescriptor(sel, vecTS)
	if !d.s() || d.code() && d.hi&(1<<9) == 0 ||
		!d.conforming() && (uint8(sel&3) > d.dpl() || cpl > d.dpl()) {
		c.tss(sel)
	}
	if !d.present() {
		c.np(sel)
	}
	c.setAccessed(&d)
	c.setSeg(i, d.segment(sel))
}
