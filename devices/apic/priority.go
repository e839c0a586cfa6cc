package apic

const icrWritable = 0x000ccfff

// ppr is the processor priority (SDM 11.8.3.1).
func (l *Local) ppr() uint8 {
	isr := uint8(max(l.state.ISR.top(), 0))
	if l.state.TPR>>4 >= isr>>4 {
		return l.state.TPR
	}
	return isr & 0xf0
}

// apr is the arbitration priority (SDM 11.6.2.4).
func (l *Local) apr() uint8 {
	isr, irr := uint8(max(l.state.ISR.top(), 0)), uint8(max(l.state.IRR.top(), 0))
	tpr := l.state.TPR
	if tpr>>4 >= irr>>4 && tpr>>4 > isr>>4 {
		return tpr
	}
	return max(tpr, isr, irr) & 0xf0
}

// TPR is the task priority register; CR8 is its upper four bits.
func (l *Local) TPR() uint8 { return l.state.TPR }

// SetTPR writes the task priority register: CR8<<4 for MOV CR8.
func (l *Local) SetTPR(v uint8) {
	l.state.TPR = v
	l.cpu.Kick()
}

// deliverable is the vector the CPU would get next, or -1.
func (l *Local) deliverable() int {
	if v := l.state.IRR.top(); v >= 0 && l.mode() != modeOff && uint8(v)>>4 > l.ppr()>>4 {
		return v
	}
	return -1
}

// extINT reports whether the 8259s' interrupt reaches the CPU through this APIC.
func (l *Local) extINT() bool {
	s := &l.state
	if l.mode() == modeOff { // LINT0 is the INTR pin
		return s.LINT0
	}
	through := func(n int, pin bool) bool { return pin && s.LVT[n]&(lvtMasked|0x700) == lvtExtINT }
	return s.ExtINT || through(lvtLINT0, s.LINT0) || through(lvtLINT1, s.LINT1)
}

// Pending reports whether the CPU has an interrupt to take once it enables them.
// It changes only with a Kick.
func (l *Local) Pending() bool { return l.extINT() || l.deliverable() >= 0 }

// Ack is the CPU taking the interrupt: it returns its vector. ExtINT, which has
// no priority of its own, goes first. When what was pending has gone meanwhile,
// the vector is the spurious one and nothing is in service (SDM 11.9).
func (l *Local) Ack() int {
	if l.extINT() || l.mode() == modeOff {
		l.state.ExtINT = false
		v := l.intAck()
		l.cpu.Kick()
		return v
	}
	v := l.deliverable()
	if v < 0 {
		return int(l.state.SVR & 0xff)
	}
	l.state.IRR.clear(uint8(v))
	l.state.ISR.set(uint8(v))
	l.cpu.Kick()
	return v
}

func (l *Local) endOfInterrupt() {
	s := &l.state
	top := s.ISR.top()
	if top < 0 {
		return
	}
	v := uint8(top)
	s.ISR.clear(v)
	if s.TMR.has(v) {
		for _, n := range []int{lvtLINT0, lvtLINT1} {
			if s.LVT[n]&lvtRemoteIRR != 0 && uint8(s.LVT[n]) == v {
				s.LVT[n] &^= lvtRemoteIRR
				l.pinLevel(n)
			}
		}
		l.s.eoi(v)
	}
	l.cpu.Kick()
}

// accept takes a message from the bus or from the local vector table. It
// reports false when the message was refused.
func (l *Local) accept(m message) bool {
	s := &l.state
	switch m.mode {
	case dmFixed, dmLowest:
		if !l.swEnabled() {
			return false
		}
		if m.vector < 16 {
			l.fault(esrReceiveIllegal)
			return false
		}
		s.IRR.set(m.vector)
		if m.level {
			s.TMR.set(m.vector)
		} else {
			s.TMR.clear(m.vector)
		}
		l.cpu.Kick()
	case dmNMI:
		l.cpu.NMI()
	case dmINIT:
		l.init()
		l.cpu.Init()
		l.cpu.Kick()
	case dmStartup:
		l.cpu.Startup(m.vector)
	case dmExtINT:
		s.ExtINT = true
		l.cpu.Kick()
	}
	return true // SMI: there is no system management mode, nobody answers
}

// sendIPI sends what is in the ICR (SDM 11.6.1).
func (l *Local) sendIPI() {
	icr := l.state.ICR
	m := message{
		vector:  uint8(icr),
		mode:    uint8(icr >> 8 & 7),
		logical: icr>>11&1 != 0,
		dest:    uint32(icr >> 56),
	}
	if l.mode() == modeX2APIC {
		m.wide, m.dest = true, uint32(icr>>32)
	}
	switch {
	case (m.mode == dmFixed || m.mode == dmLowest) && m.vector < 16:
		l.fault(esrSendIllegal)
		return
	case m.mode == 3 || m.mode == dmExtINT: // reserved
		return
	case m.mode == dmINIT && icr>>15&1 != 0 && icr>>14&1 == 0: // INIT level de-assert
		return
	}
	switch icr >> 18 & 3 {
	case 0:
		l.s.send(m)
	case 1:
		if m.mode == dmFixed { // others are invalid (SDM table 11-3)
			l.accept(m)
		}
	case 2:
		if m.mode == dmFixed {
			l.s.sendTo(l.s.cpus, m)
		}
	case 3:
		var others []*Local
		for _, o := range l.s.cpus {
			if o != l && o.mode() != modeOff {
				others = append(others, o)
			}
		}
		l.s.sendTo(others, m)
	}
}

// SetExtINT drives LINT0, which the board wires to the 8259s' INTR.
func (l *Local) SetExtINT(level bool) { l.setPin(lvtLINT0, &l.state.LINT0, level) }

// SetNMI drives LINT1, which the board wires to NMI.
func (l *Local) SetNMI(level bool) { l.setPin(lvtLINT1, &l.state.LINT1, level) }

func (l *Local) setPin(n int, pin *bool, level bool) {
	if *pin == level {
		return
	}
	*pin = level
	e := l.state.LVT[n]
	switch {
	case l.mode() == modeOff:
		if n == lvtLINT1 && level {
			l.cpu.NMI()
		}
	case e&lvtMasked != 0:
		return
	case e>>8&7 == dmFixed:
		if e&lvtLevel != 0 {
			l.pinLevel(n)
		} else if level {
			l.accept(message{vector: uint8(e)})
		}
	case e>>8&7 != dmExtINT && level:
		l.accept(message{mode: uint8(e >> 8 & 7)})
	}
	l.cpu.Kick()
}

// pinLevel requests the interrupt of a level-triggered LINT pin that is high.
func (l *Local) pinLevel(n int) {
	s := &l.state
	pin := s.LINT0
	if n == lvtLINT1 {
		pin = s.LINT1
	}
	if e := s.LVT[n]; pin && e&(lvtMasked|lvtRemoteIRR|lvtLevel|0x700) == lvtLevel {
		if l.accept(message{vector: uint8(e), level: true}) {
			s.LVT[n] |= lvtRemoteIRR
		}
	}
}
