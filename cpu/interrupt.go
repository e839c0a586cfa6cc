package cpu

// kind is the source of an event: it decides privilege checks, the EXT bit and
// the saved RF.
type kind uint8

const (
	kindFault    kind = iota // exception raised by an instruction
	kindTrap                 // #DB traps
	kindSoft                 // INT n, INT3, INTO
	kindICEBP                // INT1: like software, without the DPL check
	kindExternal             // interrupt pin and NMI
)

func (k kind) String() string {
	return [...]string{"fault", "trap", "software", "icebp", "external"}[k]
}

// Classes of exceptions for the double-fault rules (SDM volume 3A, table 6-5).
const (
	classBenign = iota
	classContributory
	classPageFault
	classDouble
)

func faultClass(vector uint8, k kind) int {
	if k != kindFault {
		return classBenign
	}
	switch vector {
	case vecDE, vecTS, vecNP, vecSS, vecGP:
		return classContributory
	case vecPF:
		return classPageFault
	case vecDF:
		return classDouble
	}
	return classBenign
}

// deliverFault delivers an exception, and the ones its delivery raises, until
// one arrives: by the double-fault rules that ends, if need be in shutdown.
func (c *CPU) deliverFault(f fault) { c.deliverEvent(f, kindFault) }

func (c *CPU) deliverEvent(f fault, k kind) {
	if k == kindFault {
		c.ICount++ // an exception takes time: a guest that only faults cannot stop the clock
	}
	for {
		g := c.tryDeliver(f, k)
		if g == nil {
			return
		}
		if g.vector == vecPF {
			c.CR2 = g.cr2 // also when it becomes a double fault
		}
		first, second := faultClass(f.vector, k), faultClass(g.vector, kindFault)
		switch {
		case first == classDouble && second != classBenign:
			c.shutdown(*g)
			return
		case first == classContributory && second == classContributory,
			first == classPageFault && (second == classContributory || second == classPageFault):
			f = fault{vector: vecDF, hasCode: true}
		default:
			f = *g
		}
		k = kindFault
	}
}

// tryDeliver delivers one event; a fault it raises comes back.
func (c *CPU) tryDeliver(f fault, k kind) (again *fault) {
	defer func() {
		if r := recover(); r != nil {
			g, ok := r.(*fault)
			if !ok {
				panic(r)
			}
			c.implicit, c.committed = false, false
			g2 := *g
			g2.external()
			again = &g2
		}
	}()
	c.deliver(f, k)
	return nil
}

// external delivers an external interrupt or NMI.
func (c *CPU) external(vector uint8) { c.deliverEvent(fault{vector: vector}, kindExternal) }

func (c *CPU) shutdown(f fault) {
	c.note(f)
	c.Shutdown = true
	c.post(evHalt)
}

// note records a delivery for the post-mortem.
func (c *CPU) note(f fault) {
	c.last[c.lastN%len(c.last)] = lastEvent{f.vector, f.code, c.Seg[CS].Sel, c.RIP, f.cr2, c.ICount}
	c.lastN++
}

// deliver transfers to the handler of an event. c.RIP is the return address. It
// changes no state before everything that can fault has succeeded.
func (c *CPU) deliver(f fault, k kind) {
	if c.OnException != nil {
		c.OnException(c, f.vector, k.String(), f.code)
	}
	if k == kindFault || k == kindTrap {
		c.note(f)
		if f.vector == vecPF {
			c.CR2 = f.cr2
		}
		if f.vector == vecDB {
			c.DR[6] |= f.dr6
			c.DR[7] &^= 1 << 13 // GD
		}
	}
	switch {
	case c.CR0&CR0PE == 0:
		c.deliverReal(f.vector)
	case c.long:
		c.deliverLong(f, k)
	default:
		c.deliverProtected(f, k)
	}
	c.Shadow = 0
	c.stepping = false // the handler is not stepped into
}

func (c *CPU) deliverReal(vector uint8) {
	at := uint64(vector) * 4
	if at+3 > uint64(c.IDTR.Limit) {
		c.raiseCode(vecGP, uint32(vector)<<3|2)
	}
	v := c.sysRead(c.IDTR.Base+at, 4)
	var fr frame
	fr.down(c, 2)
	fr.push(c.Flags())
	fr.push(uint64(c.Seg[CS].Sel))
	fr.push(c.RIP)
	fr.commit()
	c.putFlags(c.Flags() &^ (FlagIF | FlagTF | FlagAC | FlagRF))
	c.loadSegReal(CS, uint16(v>>16))
	c.enter(v & 0xffff)
}

// savedFlags is the RFLAGS image pushed for an event: RF is set for faults so
// that an instruction breakpoint does not fire again on return, but not for the
// breakpoint itself (SDM volume 3B, 18.3.1.1).
func (c *CPU) savedFlags(f fault, k kind) uint64 {
	fl := c.Flags()
	if k == kindFault && f.vector != vecDF && !(f.vector == vecDB && f.dr6&0xf != 0) {
		fl |= FlagRF
	}
	return fl
}

// gateCheck checks a gate's privilege and presence.
func (c *CPU) gateCheck(d *descriptor, f fault, k kind) {
	code := uint32(f.vector)<<3 | 2
	if k == kindSoft && d.dpl() < c.cpl {
		c.raiseCode(vecGP, code)
	}
	if !d.present() {
		c.raiseCode(vecNP, code)
	}
}

func (c *CPU) deliverProtected(f fault, k kind) {
	at := uint64(f.vector) * 8
	code := uint32(f.vector)<<3 | 2
	if at+7 > uint64(c.IDTR.Limit) {
		c.raiseCode(vecGP, code)
	}
	v := c.sysRead(c.IDTR.Base+at, 8)
	d := descriptor{lo: uint32(v), hi: uint32(v >> 32)}
	t := d.typ()
	if d.s() || t != sysTaskGate && t != sysInt16 && t != sysTrap16 && t != sysInt32 && t != sysTrap32 {
		c.raiseCode(vecGP, code)
	}
	c.gateCheck(&d, f, k)
	if t == sysTaskGate {
		c.interruptTask(&d, f)
		return
	}
	size := 4
	if t == sysInt16 || t == sysTrap16 {
		size = 2
	}
	sel := d.gateSel()
	if sel&^3 == 0 {
		c.gp0()
	}
	cd := c.readDescriptor(sel, vecGP)
	if !cd.code() || cd.dpl() > c.cpl {
		c.gp(sel)
	}
	if !cd.present() {
		c.np(sel)
	}
	off := d.gateOffset()
	if size == 2 {
		off &= 0xffff
	}
	flags := c.savedFlags(f, k)
	v86 := c.RFLAGS&FlagVM != 0
	cpl := c.cpl
	var fr frame
	ss := c.Seg[SS]
	switch {
	case !cd.conforming() && cd.dpl() < c.cpl:
		cpl = cd.dpl()
		if v86 && cpl != 0 {
			c.gp(sel)
		}
		newSS, newSP := c.stackFromTSS(cpl)
		ss = c.checkSS(newSS, cpl, vecTS)
		fr.at(c, &ss, newSP, size, cpl)
		if v86 {
			for _, i := range [...]int{GS, FS, DS, ES} {
				fr.push(uint64(c.Seg[i].Sel))
			}
		}
		fr.push(uint64(c.Seg[SS].Sel))
		fr.push(c.GPR[RSP])
	case v86:
		c.gp(sel) // a conforming or same-level handler cannot serve V86 code
	default:
		fr.down(c, size)
	}
	fr.push(flags)
	fr.push(uint64(c.Seg[CS].Sel))
	fr.push(c.RIP)
	if f.hasCode {
		fr.push(uint64(f.code))
	}
	c.checkTarget(&cd, off)
	oldCS, oldSS := c.Seg[CS], c.Seg[SS]
	c.setCS(&cd, sel, cpl)
	c.Seg[SS] = ss
	if v86 {
		for _, i := range [...]int{GS, FS, DS, ES} {
			c.Seg[i] = Segment{}
		}
	}
	c.RIP = off
	c.afterGate(&d)
	if v86 {
		c.modeChanged()
	} else {
		c.codeChangedFrom(oldCS, oldSS)
	}
	c.setSP(fr.sp)
}

// afterGate changes RFLAGS as passing an interrupt or trap gate does.
func (c *CPU) afterGate(d *descriptor) {
	clear := uint64(FlagTF | FlagNT | FlagRF | FlagVM)
	if d.typ()&1 == 0 {
		clear |= FlagIF
	}
	if c.RFLAGS&FlagVM != 0 {
		c.putFlags(c.Flags() &^ clear)
		return
	}
	c.RFLAGS &^= clear // nothing waits for them to be clear
}

func (c *CPU) deliverLong(f fault, k kind) {
	at := uint64(f.vector) * 16
	code := uint32(f.vector)<<3 | 2
	if at+15 > uint64(c.IDTR.Limit) {
		c.raiseCode(vecGP, code)
	}
	v := c.sysRead(c.IDTR.Base+at, 8)
	d := descriptor{lo: uint32(v), hi: uint32(v >> 32)}
	if d.s() || d.typ() != sysInt32 && d.typ() != sysTrap32 {
		c.raiseCode(vecGP, code)
	}
	c.gateCheck(&d, f, k)
	d.upper = c.sysRead(c.IDTR.Base+at+8, 4) << 32
	sel := d.gateSel()
	if sel&^3 == 0 {
		c.gp0()
	}
	cd := c.readDescriptor(sel, vecGP)
	if !cd.code() || cd.dpl() > c.cpl || cd.hi&(1<<21) == 0 || cd.hi&(1<<22) != 0 {
		c.gp(sel)
	}
	if !cd.present() {
		c.np(sel)
	}
	off := d.gateOffset()
	if !canonical(off) {
		c.gp0()
	}
	cpl := c.cpl
	inner := !cd.conforming() && cd.dpl() < c.cpl
	ss := c.Seg[SS]
	if inner {
		cpl = cd.dpl()
		ss = Segment{Sel: uint16(cpl), Attr: uint16(cpl) << 5}
	}
	sp := c.GPR[RSP]
	if ist := int(d.lo0ist()); ist != 0 {
		sp = c.rspFromTSS(3 + ist)
	} else if inner {
		sp = c.rspFromTSS(int(cpl))
	}
	var fr frame
	fr.at64(c, sp&^15, cpl)
	fr.push(uint64(c.Seg[SS].Sel))
	fr.push(c.GPR[RSP])
	fr.push(c.savedFlags(f, k))
	fr.push(uint64(c.Seg[CS].Sel))
	fr.push(c.RIP)
	if f.hasCode {
		fr.push(uint64(f.code))
	}
	oldCS, oldSS := c.Seg[CS], c.Seg[SS]
	c.setCS(&cd, sel, cpl)
	c.Seg[SS] = ss
	c.RIP = off
	c.afterGate(&d)
	c.codeChangedFrom(oldCS, oldSS)
	c.GPR[RSP] = fr.sp
}

// lo0ist is the interrupt-stack-table index of a 64-bit gate.
func (d *descriptor) lo0ist() uint8 { return uint8(d.hi) & 7 }

func init() {
	exec(func(c *CPU, in *Op) { c.softInt(uint8(in.Imm), in) }, "INT")
	exec(func(c *CPU, in *Op) { c.RIP = in.Next; c.trapInt(vecBP, kindSoft) }, "INT3")
	exec(func(c *CPU, in *Op) {
		if c.of() {
			c.RIP = in.Next
			c.trapInt(vecOF, kindSoft)
		}
	}, "INTO")
	exec(func(c *CPU, in *Op) { c.RIP = in.Next; c.trapInt(vecDB, kindICEBP) }, "INT1")
	exec((*CPU).iret, "IRET")
	exec(func(c *CPU, in *Op) {
		a := c.ea(in)
		n := int(in.OpSize)
		v := int64(sextN(c.GPR[in.Reg&15]&opMask(in.OpSize), uint(8*n)))
		lo := int64(sextN(c.load(in.Seg, a, n), uint(8*n)))
		hi := int64(sextN(c.load(in.Seg, (a+uint64(n))&in.AMask, n), uint(8*n)))
		if v < lo || v > hi {
			c.raise(vecBR)
		}
	}, "BOUND")
	exec((*CPU).opUD, "UD0", "UD1", "UD2", "RSM")
}

// softInt is INT n.
func (c *CPU) softInt(vector uint8, in *Op) {
	if c.RFLAGS&FlagVM != 0 && c.CR0&CR0PE != 0 {
		if c.CR4&CR4VME != 0 && c.redirected(vector) {
			c.v86RealInt(vector, in)
			return
		}
		if c.RFLAGS&FlagIOPL != FlagIOPL {
			c.gp0()
		}
	}
	c.RIP = in.Next
	c.trapInt(vector, kindSoft)
}

// trapInt delivers an event whose return address is the next instruction; if the
// delivery faults, the fault is the instruction's.
func (c *CPU) trapInt(vector uint8, k kind) {
	c.ext = k == kindICEBP
	c.deliver(fault{vector: vector}, k)
	c.ext = false
}

// redirected reports whether the TSS's interrupt redirection bitmap sends INT n
// in virtual-8086 mode to the 8086 program's own handler (SDM volume 3B, 21.3.3).
func (c *CPU) redirected(vector uint8) bool {
	tr := &c.Seg[TR]
	if tr.Type()&8 == 0 || tr.Limit < 0x67 {
		return false
	}
	base := uint32(c.sysRead(tr.Base+0x66, 2))
	at := base - 32 + uint32(vector>>3)
	if base < 32 || at > tr.Limit {
		return false
	}
	return c.sysRead(tr.Base+uint64(at), 1)>>(vector&7)&1 == 0
}

// v86RealInt delivers INT n through the 8086 interrupt vector table.
func (c *CPU) v86RealInt(vector uint8, in *Op) {
	v := c.sysReadUser(uint64(vector)*4, 4)
	fl := c.Flags()
	pushed := fl
	if c.RFLAGS&FlagIOPL != FlagIOPL {
		pushed = fl&^FlagIF | FlagIOPL
		if fl&FlagVIF != 0 {
			pushed |= FlagIF
		}
	}
	var fr frame
	fr.down(c, 2)
	fr.push(pushed)
	fr.push(uint64(c.Seg[CS].Sel))
	fr.push(in.Next)
	fr.commit()
	fl &^= FlagTF | FlagNT
	if c.RFLAGS&FlagIOPL != FlagIOPL {
		fl &^= FlagVIF
	} else {
		fl &^= FlagIF
	}
	c.putFlags(fl)
	c.stepping = false
	c.loadSegReal(CS, uint16(v>>16))
	c.enter(v & 0xffff)
}

// sysReadUser reads linear memory with user privilege.
func (c *CPU) sysReadUser(lin uint64, n int) uint64 {
	var b [8]byte
	s := c.locate(lin, n, accRead, true)
	c.readSpans(&s, b[:n])
	v := uint64(0)
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// iret is IRET, IRETD and IRETQ.
func (c *CPU) iret(in *Op) {
	size := int(in.OpSize)
	c.NMIBlocked = false
	if c.PendingNMI {
		c.post(evNMI)
	}
	if c.CR0&CR0PE == 0 {
		c.iretReal(size)
		return
	}
	if c.RFLAGS&FlagVM != 0 {
		c.iretV86(size)
		return
	}
	if c.RFLAGS&FlagNT != 0 {
		if c.long {
			c.gp0()
		}
		c.taskReturn()
		return
	}
	rip := c.peek(size, 0)
	sel := uint16(c.peek(size, 1))
	fl := c.peek(size, 2)
	if fl&FlagVM != 0 && c.cpl == 0 && size == 4 && !c.long {
		c.iretToV86(rip, sel, fl)
		return
	}
	c.returnTo(sel, rip, size, 3, 0, func(oldCPL uint8) {
		mask := uint64(statusFlags | FlagTF | FlagDF | FlagNT)
		if size > 2 {
			mask |= FlagRF | FlagAC | FlagID
		}
		if oldCPL == 0 {
			mask |= FlagIOPL | FlagIF
			if size > 2 {
				mask |= FlagVIF | FlagVIP
			}
		} else if uint64(oldCPL) <= c.RFLAGS&FlagIOPL>>12 {
			mask |= FlagIF
		}
		c.putFlags(c.RFLAGS&^mask | fl&mask) // all status flags are popped
	})
}

func (c *CPU) iretReal(size int) {
	rip := c.peek(size, 0)
	sel := uint16(c.peek(size, 1))
	fl := c.peek(size, 2)
	if rip > uint64(c.Seg[CS].Limit) {
		c.gp0()
	}
	mask := uint64(statusFlags | FlagTF | FlagIF | FlagDF | FlagIOPL | FlagNT)
	if size == 4 {
		mask |= FlagRF | FlagAC | FlagID
	}
	c.setSP(c.GPR[RSP] + uint64(3*size))
	c.loadSegReal(CS, sel)
	c.putFlags(c.Flags()&^mask | fl&mask)
	c.enter(rip)
}

// iretV86 is IRET inside virtual-8086 mode.
func (c *CPU) iretV86(size int) {
	rip := c.peek(size, 0)
	sel := uint16(c.peek(size, 1))
	fl := c.peek(size, 2)
	mask := uint64(statusFlags | FlagTF | FlagDF | FlagNT)
	switch {
	case c.RFLAGS&FlagIOPL == FlagIOPL:
		mask |= FlagIF
		if size == 4 {
			mask |= FlagRF | FlagAC | FlagID
		}
	case c.CR4&CR4VME != 0 && size == 2:
		if fl&FlagTF != 0 || fl&FlagIF != 0 && c.RFLAGS&FlagVIP != 0 {
			c.gp0()
		}
		mask |= FlagVIF
		fl &^= FlagVIF
		if fl&FlagIF != 0 {
			fl |= FlagVIF
		}
	default:
		c.gp0()
	}
	if rip > uint64(c.Seg[CS].Limit) {
		c.gp0()
	}
	c.setSP(c.GPR[RSP] + uint64(3*size))
	c.loadSegReal(CS, sel)
	c.putFlags(c.Flags()&^mask | fl&mask)
	c.enter(rip)
}

// iretToV86 returns from ring 0 to virtual-8086 mode.
func (c *CPU) iretToV86(rip uint64, cs uint16, fl uint64) {
	sp := c.peek(4, 3)
	var sel [5]uint16 // SS ES DS FS GS
	for i := range sel {
		sel[i] = uint16(c.peek(4, 4+i))
	}
	const mask = statusFlags | FlagTF | FlagIF | FlagDF | FlagIOPL | FlagNT | FlagRF | FlagVM | FlagAC | FlagVIF | FlagVIP | FlagID
	c.putFlags(fl & mask)
	for i, r := range [...]int{SS, ES, DS, FS, GS} {
		c.loadSegReal(r, sel[i])
	}
	c.loadSegReal(CS, cs)
	c.RIP = rip & 0xffff
	c.modeChanged()
	c.GPR[RSP] = sp
}
