package apic

// MSRs of a local APIC. Methods return ok=false where the access is #GP.
const (
	msrBase     = 0x1b
	msrDeadline = 0x6e0
	msrX2APIC   = 0x800
	msrX2Last   = 0x8ff
)

// ReadMSR reads IA32_APIC_BASE, IA32_TSC_DEADLINE or an x2APIC register
// (800h-8FFh).
func (l *Local) ReadMSR(n uint32) (v uint64, ok bool) {
	switch {
	case n == msrBase:
		return l.state.Base, true
	case n == msrDeadline && l.s.cfg.TSCDeadline:
		l.timerSync() // a deadline that has passed reads 0
		return l.state.Deadline, true
	case n < msrX2APIC || n > msrX2Last || l.mode() != modeX2APIC:
		return 0, false
	}
	switch r := n - msrX2APIC; r {
	case regID:
		return uint64(l.index), true
	case regLDR:
		return uint64(l.x2LDR()), true
	case regICR:
		return l.state.ICR, true
	case regVersion, regTPR, regPPR, regSVR, regESR, regInitial, regCurrent, regDivide:
		return uint64(l.readReg(r)), true
	default:
		if r >= regISR && r < regIRR+8 || r >= regLVT && r < regLVT+numLVT {
			return uint64(l.readReg(r)), true
		}
	}
	return 0, false // write-only or reserved
}

// x2Writable are the x2APIC registers that can be written and their bits (SDM
// table 11-6); setting another is #GP.
func (l *Local) x2Writable(r uint32) (mask uint64, ok bool) {
	switch r {
	case regTPR, regSelfIPI:
		return 0xff, true
	case regEOI, regESR:
		return 0, true
	case regSVR:
		return 0x3ff, true
	case regICR:
		return 0xffffffff<<32 | icrWritable, true
	case regInitial:
		return 0xffffffff, true
	case regDivide:
		return 0xb, true
	}
	if r >= regLVT && r < regLVT+numLVT {
		// The read-only status bits may be written back.
		return uint64(lvtWritable[r-regLVT]) | 1<<12 | lvtRemoteIRR, true
	}
	return 0, false
}

// WriteMSR writes what ReadMSR reads, and the write-only registers.
func (l *Local) WriteMSR(n uint32, v uint64) (ok bool) {
	switch {
	case n == msrBase:
		return l.setBase(v)
	case n == msrDeadline && l.s.cfg.TSCDeadline:
		l.setDeadline(v)
		return true
	case n < msrX2APIC || n > msrX2Last || l.mode() != modeX2APIC:
		return false
	}
	r := n - msrX2APIC
	mask, ok := l.x2Writable(r)
	if !ok || v&^mask != 0 {
		return false
	}
	switch r {
	case regICR:
		l.state.ICR = v
		l.sendIPI()
	case regSelfIPI:
		if v < 16 {
			l.fault(esrSendIllegal)
			break
		}
		l.accept(message{vector: uint8(v)})
	default:
		l.writeReg(r, uint32(v))
	}
	return true
}

// setBase writes IA32_APIC_BASE (SDM 11.4.4, 11.12.5): xAPIC to x2APIC and
// either to disabled are the only ways besides enabling; leaving x2APIC leads
// through disabled.
func (l *Local) setBase(v uint64) bool {
	valid := (uint64(1)<<l.s.cfg.PhysBits-1)&^0xfff | baseBSP | baseEnable
	if l.s.cfg.X2APIC {
		valid |= baseX2APIC
	}
	old := l.mode()
	x2 := v&baseX2APIC != 0
	switch {
	case v&^valid != 0, x2 && v&baseEnable == 0, x2 && old == modeOff, !x2 && v&baseEnable != 0 && old == modeX2APIC:
		return false
	}
	l.state.Base = v
	switch {
	case old != modeOff && l.mode() == modeOff:
		l.init()
		l.state.ID = uint32(l.index) << 24
	case old == modeXAPIC && x2:
		l.state.ICR &= 0xffffffff
	}
	l.s.remap()
	l.cpu.Kick()
	return true
}
