package apic

// Local APIC registers (SDM table 11-1): byte offset in the xAPIC page, which is
// 16 times the index used here and in x2APIC MSR 800h+index
//
//	02 ID  03 version  08 TPR  09 APR  0A PPR  0B EOI  0D LDR  0E DFR  0F SVR
//	10-17 ISR  18-1F TMR  20-27 IRR  28 ESR  30 ICR (x2APIC: 64 bits)  31 ICR high
//	32 LVT timer  33 thermal  34 performance  35 LINT0  36 LINT1  37 error
//	38 initial count  39 current count  3E divide configuration  3F self IPI (x2APIC)

import (
	"fmt"
	"math/bits"

	"g86/devices/clock"
)

const (
	regID      = 0x02
	regVersion = 0x03
	regTPR     = 0x08
	regAPR     = 0x09
	regPPR     = 0x0a
	regEOI     = 0x0b
	regLDR     = 0x0d
	regDFR     = 0x0e
	regSVR     = 0x0f
	regISR     = 0x10
	regTMR     = 0x18
	regIRR     = 0x20
	regESR     = 0x28
	regICR     = 0x30
	regICRHigh = 0x31
	regLVT     = 0x32 // to 37h
	regInitial = 0x38
	regCurrent = 0x39
	regDivide  = 0x3e
	regSelfIPI = 0x3f
)

// Entries of the local vector table.
const (
	lvtTimer = iota
	lvtThermal
	lvtPerf
	lvtLINT0
	lvtLINT1
	lvtError
	numLVT
)

const (
	versionValue = 0x14 | (numLVT-1)<<16

	svrEnable  = 1 << 8
	svrNoFocus = 1 << 9

	lvtMasked    = 1 << 16
	lvtLevel     = 1 << 15
	lvtRemoteIRR = 1 << 14
	lvtExtINT    = dmExtINT << 8

	esrSendIllegal    = 1 << 5
	esrReceiveIllegal = 1 << 6
	esrRegister       = 1 << 7

	baseBSP    = 1 << 8
	baseX2APIC = 1 << 10
	baseEnable = 1 << 11
)

// lvtWritable are the bits of each LVT entry that software can write.
var lvtWritable = [numLVT]uint32{
	lvtTimer: 0x700ff, lvtThermal: 0x107ff, lvtPerf: 0x107ff,
	lvtLINT0: 0x1a7ff, lvtLINT1: 0x1a7ff, lvtError: 0x100ff,
}

// vectors is a 256-bit register.
type vectors [8]uint32

func (v *vectors) has(n uint8) bool { return v[n>>5]>>(n&31)&1 != 0 }
func (v *vectors) set(n uint8)      { v[n>>5] |= 1 << (n & 31) }
func (v *vectors) clear(n uint8)    { v[n>>5] &^= 1 << (n & 31) }

// top is the highest vector in v, or -1.
func (v *vectors) top() int {
	for i := 7; i >= 0; i-- {
		if v[i] != 0 {
			return i*32 + 31 - bits.LeadingZeros32(v[i])
		}
	}
	return -1
}

type apicMode int

const (
	modeOff apicMode = iota
	modeXAPIC
	modeX2APIC
)

// Local is the local APIC of one CPU.
type Local struct {
	s      *System
	index  int `snap:"-"` // initial APIC ID
	cpu    CPU
	tsc    TSC
	intAck func() int
	timer  *clock.Timer
	state  localState
}

type localState struct {
	Base          uint64 // IA32_APIC_BASE
	ID, LDR, DFR  uint32
	TPR           uint8
	SVR           uint32
	ISR, TMR, IRR vectors
	ESR, NewESR   uint32 // as read, and errors since the last write
	ICR           uint64
	LVT           [numLVT]uint32
	LINT0, LINT1  bool // pins
	ExtINT        bool // an ExtINT message waits for its acknowledge cycle
	Initial       uint32
	Divide        uint32
	Start         uint64 // guest ns at which the count was Initial
	Deadline      uint64 // IA32_TSC_DEADLINE
}

func newLocal(s *System, index int, cpu CPU, tsc TSC, intAck func() int) *Local {
	l := &Local{s: s, index: index, cpu: cpu, tsc: tsc, intAck: intAck}
	l.timer = s.cfg.Clock.NewTimer(fmt.Sprintf("apic%d.timer", index), l.timerDue)
	l.reset()
	return l
}

// reset is RESET#: everything, including ID and base.
func (l *Local) reset() {
	l.init()
	// The MP specification 3.6.2.1 has the BIOS start in virtual wire mode;
	// boards wire that up before any BIOS runs, so that one that has never heard
	// of APICs gets its 8259 interrupts.
	if l.index == 0 {
		l.state.LVT[lvtLINT0] = lvtExtINT
	}
	l.state.ID = uint32(l.index) << 24
	l.state.Base = LocalBase | baseEnable
	if l.index == 0 {
		l.state.Base |= baseBSP
	}
}

// init is INIT, and what switching the APIC off and on leaves: everything but the ID,
// the base and the pins; all LVT entries are masked (SDM 11.4.3, 11.4.7.1 and 11.4.7.3).
func (l *Local) init() {
	s := &l.state
	*s = localState{ID: s.ID, Base: s.Base, LINT0: s.LINT0, LINT1: s.LINT1, DFR: 0xffffffff, SVR: 0xff}
	for i := range s.LVT {
		s.LVT[i] = lvtMasked
	}
	l.timer.Stop()
}

func (l *Local) mode() apicMode {
	switch {
	case l.state.Base&baseEnable == 0:
		return modeOff
	case l.state.Base&baseX2APIC != 0:
		return modeX2APIC
	}
	return modeXAPIC
}

func (l *Local) pageBase() uint64 { return l.state.Base &^ 0xfff }

func (l *Local) swEnabled() bool { return l.mode() != modeOff && l.state.SVR&svrEnable != 0 }

// x2LDR is the logical x2APIC ID, fixed by the ID (SDM 11.12.10.2).
func (l *Local) x2LDR() uint32 { return uint32(l.index)>>4<<16 | 1<<(l.index&15) }

// readReg reads register r (byte offset >> 4).
func (l *Local) readReg(r uint32) uint32 {
	s := &l.state
	switch {
	case r == regID:
		return s.ID
	case r == regVersion:
		return versionValue
	case r == regTPR:
		return uint32(s.TPR)
	case r == regAPR:
		return uint32(l.apr())
	case r == regPPR:
		return uint32(l.ppr())
	case r == regLDR:
		return s.LDR
	case r == regDFR:
		return s.DFR
	case r == regSVR:
		return s.SVR
	case r >= regISR && r < regISR+8:
		return s.ISR[r-regISR]
	case r >= regTMR && r < regTMR+8:
		return s.TMR[r-regTMR]
	case r >= regIRR && r < regIRR+8:
		return s.IRR[r-regIRR]
	case r == regESR:
		return s.ESR
	case r == regICR:
		return uint32(s.ICR)
	case r == regICRHigh:
		return uint32(s.ICR >> 32)
	case r >= regLVT && r < regLVT+numLVT:
		return s.LVT[r-regLVT]
	case r == regInitial:
		return s.Initial
	case r == regCurrent:
		return l.current()
	case r == regDivide:
		return s.Divide
	case r == regEOI: // write-only
		return 0
	}
	l.fault(esrRegister)
	return 0
}

// writeReg writes register r (byte offset >> 4). Reserved bits are ignored.
func (l *Local) writeReg(r, v uint32) {
	s := &l.state
	switch {
	case r == regID:
		s.ID = v & 0xff000000
		l.s.io.retry()
	case r == regTPR:
		l.SetTPR(uint8(v))
	case r == regEOI:
		l.endOfInterrupt()
	case r == regLDR:
		s.LDR = v & 0xff000000
		l.s.io.retry()
	case r == regDFR:
		s.DFR = v | 0x0fffffff
		l.s.io.retry()
	case r == regSVR:
		s.SVR = v & 0x3ff
		if v&svrEnable == 0 { // SDM 11.4.7.2
			l.timerSync()
			for i := range s.LVT {
				s.LVT[i] |= lvtMasked
			}
			l.armTimer()
		}
		l.s.io.retry()
		l.cpu.Kick()
	case r == regESR:
		s.ESR, s.NewESR = s.NewESR, 0
	case r == regICR:
		s.ICR = s.ICR&^0xffffffff | uint64(v&icrWritable)
		l.sendIPI()
	case r == regICRHigh:
		s.ICR = s.ICR&0xffffffff | uint64(v&0xff000000)<<32
	case r >= regLVT && r < regLVT+numLVT:
		l.writeLVT(int(r-regLVT), v)
	case r == regInitial:
		l.setInitial(v)
	case r == regDivide:
		l.setDivide(v & 0xb)
	case r == regVersion, r == regAPR, r == regPPR, r == regCurrent, r >= regISR && r < regIRR+8: // read-only
	default:
		l.fault(esrRegister)
	}
}

func (l *Local) writeLVT(n int, v uint32) {
	s := &l.state
	v = v&lvtWritable[n] | s.LVT[n]&lvtRemoteIRR
	if s.SVR&svrEnable == 0 {
		v |= lvtMasked
	}
	switch n {
	case lvtTimer:
		l.writeTimerLVT(v)
	case lvtLINT0, lvtLINT1:
		s.LVT[n] = v
		l.pinLevel(n)
		l.cpu.Kick()
	default:
		s.LVT[n] = v
	}
}

// fault logs an error in the ESR and interrupts if that is new (SDM 11.5.3).
func (l *Local) fault(bit uint32) {
	s := &l.state
	if s.NewESR&bit != 0 {
		return
	}
	s.NewESR |= bit
	if e := s.LVT[lvtError]; e&lvtMasked == 0 {
		l.accept(message{vector: uint8(e)})
	}
}
