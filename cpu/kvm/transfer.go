//go:build linux && amd64

package kvm

import (
	"encoding/binary"
	"syscall"

	"errors"

	"g86/cpu"
	"g86/cpu/softfloat"
)

// transfer holds what goes between State and the kernel.
type transfer struct {
	regs   regs
	sregs  sregs
	sregs2 sregs2
	xsave  xsave
	xcrs   xcrs
	debug  debugRegs
	events vcpuEvents
	msrs   msrs
}

// Pull brings State up to date. It completes what the last exit began and delivers the
// exception or interrupt that the guest was about to take: State has none pending.
func (v *VCPU) Pull() error {
	if !v.loaded {
		return nil
	}
	if err := v.complete(); err != nil || !v.loaded { // the interpreter may have had to complete it
		return err
	}
	v.vm.Stats.Pulls++
	t, c := &v.buf, v.cpu
	s := &c.State
	err := errors.Join(
		control(v.fd, ioGetRegs, "KVM_GET_REGS", &t.regs),
		v.getSregs(),
		control(v.fd, ioGetXSave, "KVM_GET_XSAVE", &t.xsave),
		control(v.fd, ioGetDebugRegs, "KVM_GET_DEBUGREGS", &t.debug),
		control(v.fd, ioGetEvents, "KVM_GET_VCPU_EVENTS", &t.events))
	if t.xcrs.N != 0 {
		err = errors.Join(err, control(v.fd, ioGetXCRs, "KVM_GET_XCRS", &t.xcrs))
	}
	t.msrs = v.msrList()
	if err = errors.Join(err, v.readMSRs(&t.msrs)); err != nil {
		return v.wrap("its state", err)
	}
	v.loaded = false

	r := &t.regs
	s.GPR = [32]uint64{r.RAX, r.RCX, r.RDX, r.RBX, r.RSP, r.RBP, r.RSI, r.RDI}
	copy(s.GPR[8:], r.R[:])
	s.RIP, s.RFLAGS = r.RIP, r.RFLAGS
	sr := &t.sregs2
	for i, from := range []*segment{cpu.ES: &sr.ES, cpu.CS: &sr.CS, cpu.SS: &sr.SS, cpu.DS: &sr.DS, cpu.FS: &sr.FS, cpu.GS: &sr.GS, cpu.LDTR: &sr.LDT, cpu.TR: &sr.TR} {
		s.Seg[i] = from.State()
	}
	s.GDTR, s.IDTR = cpu.Table{Base: sr.GDT.Base, Limit: sr.GDT.Limit}, cpu.Table{Base: sr.IDT.Base, Limit: sr.IDT.Limit}
	s.CR0, s.CR2, s.CR3, s.CR4, s.EFER = sr.CR0, sr.CR2, sr.CR3, sr.CR4, sr.EFER
	if sr.Flags&sregsPDPTRsValid != 0 {
		s.PDPTE = sr.PDPTRs
	}
	v.pullFPU()
	if t.xcrs.N != 0 {
		s.XCR0 = t.xcrs.XCR[0].Value
	}
	copy(s.DR[:4], t.debug.DB[:])
	s.DR[6], s.DR[7] = t.debug.DR6, t.debug.DR7
	for i, f := range v.msrs {
		*msrFields[f].field(s) = t.msrs.List[i].Data
	}
	s.TSCOffset = t.msrs.List[len(v.msrs)].Data - c.Board().TSC()
	e := &t.events
	s.Shadow = shadowState[e.Interrupt.Shadow&3]
	s.NMIBlocked = e.NMI.Masked != 0
	s.PendingNMI = s.PendingNMI || e.NMI.Pending != 0 || e.NMI.Injected != 0
	if e.NMI.Injected != 0 {
		s.NMIBlocked = false // it has not arrived
	}
	if e.Triple != 0 && e.Flags&eventTriple != 0 {
		s.Shutdown = true
	}
	c.Refresh()
	v.deliver(e)
	return nil
}

// shadowState translates the kernel's interrupt shadow (bit 0 MOV SS, bit 1 STI) to State's.
var shadowState = [4]uint8{0, 2, 1, 2}

// deliver delivers what the guest was about to take.
func (v *VCPU) deliver(e *vcpuEvents) {
	failed := v.failed
	v.failed = false
	if failed && e.Exception.Nr == 6 { // the kernel's own idea: the instruction is not undefined
		e.Exception.Injected, e.Exception.Pending = 0, 0
	}
	switch x := &e.Exception; {
	case x.Injected|x.Pending != 0:
		ev := cpu.Event{Vector: x.Nr, HasCode: x.HasCode != 0, Code: x.Code}
		if e.HasPay != 0 && x.Pending != 0 {
			switch x.Nr {
			case 14:
				v.cpu.CR2 = e.Payload
			case 1:
				ev.DR6 = e.Payload
			}
		}
		v.cpu.Deliver(ev)
	case e.Interrupt.Injected != 0 && e.Interrupt.Soft == 0:
		v.cpu.Deliver(cpu.Event{Vector: e.Interrupt.Nr, External: true})
	}
}

// complete lets the kernel finish the instruction of the last exit: it does so at the
// beginning of a run, even of one that is over at once.
func (v *VCPU) complete() error {
	for v.asked {
		v.asked = false
		setByte(&v.run.immediate, 1)
		_, err := ioctl(v.fd, ioRun, 0)
		setByte(&v.run.immediate, 0)
		switch {
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return v.wrap("KVM_RUN", err)
		}
		if err := v.exit(); err != nil { // the next part of an access in several
			return err
		}
	}
	return nil
}

// push gives State to the kernel.
func (v *VCPU) push() error {
	c := v.cpu
	for c.PendingDB != 0 && !c.Shutdown && !c.Halted { // the kernel has no place for it
		c.Interpret(1)
		v.vm.Idle()
	}
	if c.Shutdown {
		return nil
	}
	v.vm.Stats.Pushes++
	s, t := c.Pull(), &v.buf
	r := &t.regs
	r.RAX, r.RCX, r.RDX, r.RBX, r.RSP, r.RBP, r.RSI, r.RDI = s.GPR[0], s.GPR[1], s.GPR[2], s.GPR[3], s.GPR[4], s.GPR[5], s.GPR[6], s.GPR[7]
	copy(r.R[:], s.GPR[8:])
	r.RIP, r.RFLAGS = s.RIP, s.RFLAGS
	sr := &t.sregs2
	*sr = sregs2{CR0: s.CR0, CR2: s.CR2, CR3: s.CR3, CR4: s.CR4, EFER: s.EFER}
	for i, to := range []*segment{cpu.ES: &sr.ES, cpu.CS: &sr.CS, cpu.SS: &sr.SS, cpu.DS: &sr.DS, cpu.FS: &sr.FS, cpu.GS: &sr.GS, cpu.LDTR: &sr.LDT, cpu.TR: &sr.TR} {
		*to = segmentOf(&s.Seg[i])
	}
	sr.GDT, sr.IDT = table{Base: s.GDTR.Base, Limit: s.GDTR.Limit}, table{Base: s.IDTR.Base, Limit: s.IDTR.Limit}
	sr.CR8 = uint64(c.Board().TPR() >> 4)
	sr.APICBase, _ = c.Board().ReadMSR(msrAPICBase)
	if s.CR0&cpu.CR0PG != 0 && s.CR4&cpu.CR4PAE != 0 && s.EFER&cpu.EFERLMA == 0 {
		sr.Flags, sr.PDPTRs = sregsPDPTRsValid, s.PDPTE
	}
	v.pushFPU()
	t.xcrs = xcrs{}
	if c.Model.XSave() {
		t.xcrs.N = 1
		t.xcrs.XCR[0].Value = s.XCR0
	}
	t.debug = debugRegs{DB: [4]uint64(s.DR[:4]), DR6: s.DR[6], DR7: s.DR[7]}
	t.msrs = v.msrList()
	for i, f := range v.msrs {
		t.msrs.List[i].Data = *msrFields[f].field(s)
	}
	t.msrs.N-- // the time-stamp counter goes another way
	e := &t.events
	*e = vcpuEvents{Flags: eventNMIPending | eventShadow | eventPayload}
	e.Interrupt.Shadow = shadowKernel[s.Shadow]
	e.NMI.Masked = b2u(s.NMIBlocked)
	e.NMI.Pending = b2u(s.PendingNMI)
	err := errors.Join(
		v.setSregs(),
		control(v.fd, ioSetRegs, "KVM_SET_REGS", &t.regs),
		v.setXCRs(),
		control(v.fd, ioSetXSave, "KVM_SET_XSAVE", &t.xsave),
		v.writeMSRs(&t.msrs),
		control(v.fd, ioSetDebugRegs, "KVM_SET_DEBUGREGS", &t.debug),
		control(v.fd, ioSetEvents, "KVM_SET_VCPU_EVENTS", &t.events))
	if err == nil {
		err = v.setTSC(c.Board().TSC() + s.TSCOffset)
	}
	if err != nil {
		return v.wrap("its state", err)
	}
	s.PendingNMI = false
	v.ready = s.RFLAGS&cpu.FlagIF != 0 && s.Shadow == 0
	v.loaded = true
	return nil
}

var shadowKernel = [3]uint8{0, 2, 1}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func (v *VCPU) setXCRs() error {
	if v.buf.xcrs.N == 0 {
		return nil
	}
	return control(v.fd, ioSetXCRs, "KVM_SET_XCRS", &v.buf.xcrs)
}

// msrList names the registers to transfer; the last is the time-stamp counter.
func (v *VCPU) msrList() msrs {
	l := msrs{N: uint32(len(v.msrs)) + 1}
	for i, f := range v.msrs {
		l.List[i].Index = msrFields[f].index
	}
	l.List[len(v.msrs)].Index = msrTSC
	return l
}

// getSregs and setSregs use the older request where the kernel has no other: it then
// reads the page-directory pointers of PAE paging from memory itself.
func (v *VCPU) getSregs() error {
	if v.vm.host.sregs2 {
		return control(v.fd, ioGetSregs2, "KVM_GET_SREGS2", &v.buf.sregs2)
	}
	if err := control(v.fd, ioGetSregs, "KVM_GET_SREGS", &v.buf.sregs); err != nil {
		return err
	}
	o, n := &v.buf.sregs, &v.buf.sregs2
	*n = sregs2{CS: o.CS, DS: o.DS, ES: o.ES, FS: o.FS, GS: o.GS, SS: o.SS, TR: o.TR, LDT: o.LDT, GDT: o.GDT, IDT: o.IDT,
		CR0: o.CR0, CR2: o.CR2, CR3: o.CR3, CR4: o.CR4, CR8: o.CR8, EFER: o.EFER, APICBase: o.APICBase}
	return nil
}

func (v *VCPU) setSregs() error {
	if v.vm.host.sregs2 {
		return control(v.fd, ioSetSregs2, "KVM_SET_SREGS2", &v.buf.sregs2)
	}
	n := &v.buf.sregs2
	v.buf.sregs = sregs{CS: n.CS, DS: n.DS, ES: n.ES, FS: n.FS, GS: n.GS, SS: n.SS, TR: n.TR, LDT: n.LDT, GDT: n.GDT, IDT: n.IDT,
		CR0: n.CR0, CR2: n.CR2, CR3: n.CR3, CR4: n.CR4, CR8: n.CR8, EFER: n.EFER, APICBase: n.APICBase}
	return control(v.fd, ioSetSregs, "KVM_SET_SREGS", &v.buf.sregs)
}

// segmentOf is a segment register in the kernel's form; Attr has the bits of a
// descriptor (see cpu.Segment).
func segmentOf(s *cpu.Segment) segment {
	bit := func(n uint) uint8 { return uint8(s.Attr>>n) & 1 }
	return segment{Base: s.Base, Limit: s.Limit, Selector: s.Sel, Type: s.Type(), S: bit(4), DPL: s.DPL(), Present: bit(7),
		AVL: bit(12), L: bit(13), DB: bit(14), G: bit(15), Unusable: 1 - bit(7)}
}

// State is the segment register as State has it.
func (s *segment) State() cpu.Segment {
	present := s.Present
	if s.Unusable != 0 {
		present = 0
	}
	attr := uint16(s.Type&15) | uint16(s.S)<<4 | uint16(s.DPL)<<5 | uint16(present)<<7 | uint16(s.AVL)<<12 | uint16(s.L)<<13 |
		uint16(s.DB)<<14 | uint16(s.G)<<15
	return cpu.Segment{Sel: s.Selector, Attr: attr, Limit: s.Limit, Base: s.Base}
}

// pullFPU takes x87 and SSE state. The area is in the 64-bit form, which has no room
// for the selectors of the x87 pointers: they stay while the pointers do.
func (v *VCPU) pullFPU() {
	x, s := &v.buf.xsave, &v.cpu.State
	f := &s.FPU
	if x.XStateBV&1 == 0 { // in its initial configuration
		*x = xsave{XMM: x.XMM, MXCSR: x.MXCSR, XStateBV: x.XStateBV, CW: 0x37f}
	}
	if x.XStateBV&2 == 0 {
		x.XMM = [16][2]uint64{}
	}
	if f.IP != x.IP || f.DP != x.DP {
		f.CSs, f.DSs = 0, 0
	}
	f.CW, f.SW, f.Tag, f.Op, f.IP, f.DP = x.CW, x.SW, x.Tag, x.Op&0x7ff, x.IP, x.DP
	for i := range x.ST {
		b := &x.ST[i]
		f.Reg[(int(f.SW>>11)+i)&7] = softfloat.F80{Sig: binary.LittleEndian.Uint64(b[:]), SE: binary.LittleEndian.Uint16(b[8:])}
	}
	s.XMM, s.MXCSR = x.XMM, x.MXCSR
}

func (v *VCPU) pushFPU() {
	x, s := &v.buf.xsave, &v.cpu.State
	f := &s.FPU
	*x = xsave{CW: f.CW, SW: f.SW, Tag: f.Tag, Op: f.Op, IP: f.IP, DP: f.DP, MXCSR: s.MXCSR, XMM: s.XMM, XStateBV: 3}
	for i := range x.ST {
		r := &f.Reg[(int(f.SW>>11)+i)&7]
		binary.LittleEndian.PutUint64(x.ST[i][:], r.Sig)
		binary.LittleEndian.PutUint16(x.ST[i][8:], r.SE)
	}
}
