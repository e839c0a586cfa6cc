package piix

// PIIX4 power management function (82371AB datasheet, order number 290562, 7)
//
// Configuration: 00h 8086h 7113h, class 068000h, revision 03h
//	40h  PMBA       15:6 base of the power management registers, bit 0 reads 1
//	58h  DEVACTB    bit 25 APMC_EN
//	80h  PMREGMISC  bit 0 PMIOSE: PMBA decoded
//	90h  SMBBA      15:4 base of the SMBus registers, bit 0 reads 1
//	D2h  SMBHSTCFG  3:1 interrupt (4: IRQ9)  bit 0 SMB_HST_EN: SMBBA decoded
//
// Power management registers, at PMBA:
//	00h  PMSTS    15 RSM  10 RTC  8 PWRBTN  5 GBL  0 TMROF    write one to clear
//	02h  PMEN     10 RTC  8 PWRBTN  5 GBL  0 TMROF
//	04h  PMCNTRL  13 SUS_EN (write only)  12:10 SUS_TYP  0 SCI_EN
//	08h  PMTMR    24 bits (optionally 32) at 3.579545 MHz, read-only
//	The rest of the 64 bytes reads 0.
//
// General purpose events, at AFE0h as on QEMU's board, so that SeaBIOS's DSDT fits:
//	00h  GPE0_STS  16 bits, write one to clear      02h  GPE0_EN  16 bits
//
// Sleep types: SUS_TYP 0 is soft off (S5); 2 (suspend to disk, S4) is off as
// well. The others do not sleep: the machine is awake again at once, RSM_STS set.

import (
	"log/slog"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/pci"
	"g86/devices/snap"
)

// Standard places on the board and what the ACPI tables must say.
const (
	PMBase     = 0x600 // firmware's choice of PMBA, as SeaBIOS's
	GPEBase    = 0xafe0
	SCI        = 9    // ISA interrupt the SCI is hard-wired to
	ACPIEnable = 0xf1 // written to the SMI command port B2h
	ACPIOff    = 0xf0
	SleepS5    = 0 // SLP_TYP of \_S5
	TimerHz    = 3579545
)

const (
	regPMBA      = 0x40
	regDEVACTB   = 0x58
	regPMREGMISC = 0x80
	regSMBBA     = 0x90
	regSMBHSTCFG = 0xd2

	stsTMROF  = 1 << 0
	stsGBL    = 1 << 5
	stsPWRBTN = 1 << 8
	stsRTC    = 1 << 10
	stsRSM    = 1 << 15
	pmSources = stsTMROF | stsGBL | stsPWRBTN | stsRTC

	cntSCI    = 1 << 0
	cntSUSTYP = 7 << 10
	cntSUSEN  = 1 << 13
)

// PM is the power management function.
type PM struct {
	name     string `snap:"-"`
	bus      *bus.Bus
	clk      *clock.Clock
	fn       *pci.Function
	sci      irq.Line
	powerOff func()
	timer    *clock.Timer
	ports    *pci.Ports
	smbus    *pci.Ports
	// Timer32 makes the PM timer 32 bits wide (TMR_VAL_EXT in the FADT must
	// agree). Set it before the first reset.
	Timer32 bool `snap:"-"`
	state   struct {
		Sts, En, Cnt  uint16
		Epoch         uint64 // how often the timer's top bit had toggled when TMROF_STS was last looked at
		GPESts, GPEEn uint16
		SMB           smbusState
	}
}

// NewPM plugs the power management function into p. sci is its end of IRQ 9
// (level, active high); powerOff is called when software enters S5.
func NewPM(name string, b *bus.Bus, p *pci.Bus, clk *clock.Clock, sci irq.Line, powerOff func()) (*PM, error) {
	m := &PM{name: name, bus: b, clk: clk, sci: sci, powerOff: powerOff}
	m.timer = clk.NewTimer(name+".tmrof", func(uint64) { m.update() })
	m.ports = pci.NewPorts(name, 64, bus.Dword, pmPorts{m})
	m.smbus = pci.NewPorts(name+".smbus", 16, bus.Byte, smbusPorts{m})
	f := pci.NewFunction(name, pci.Header{Vendor: 0x8086, Device: 0x7113, Class: 0x068000, Revision: 3, SubVendor: 0x1af4, SubDevice: 0x1100, Pin: 1})
	f.Define(0x06, 2, 0x0280, 0)
	f.Define(regPMBA, 4, 1, 0xffc0)
	// The CPU has no system management mode. APMC_EN set from reset tells
	// SeaBIOS that SMIs are taken care of, so that it does not wait for one.
	f.Define(regDEVACTB, 4, 1<<25, 0xffffffff)
	f.Define(regPMREGMISC, 1, 0, 1)
	f.Define(regSMBBA, 4, 1, 0xfff0)
	f.Define(regSMBHSTCFG, 1, 0, 0x0f)
	f.Changed = func(int, int) { m.remap() }
	m.fn = f
	if err := p.Add(f, Slot, FnPM); err != nil {
		return nil, err
	}
	_, err := b.MapPorts(name+".gpe", GPEBase, 4, bus.Dword, gpePorts{m})
	return m, err
}

// SetPMBase does what firmware does at start: it gives the power management
// registers their address and enables them. Call it after every reset.
func (m *PM) SetPMBase(base uint16) {
	m.fn.Set(regPMBA, 4, uint32(base)&0xffc0|1)
	m.fn.Set(regPMREGMISC, 1, 1)
	m.remap()
}

func (m *PM) remap() {
	set := func(p *pci.Ports, base uint16, on bool) {
		if err := p.Set(m.bus, base, on && base != 0); err != nil {
			slog.Debug("piix: ports taken", "err", err)
		}
	}
	set(m.ports, uint16(m.fn.Get(regPMBA, 2))&0xffc0, m.fn.Get(regPMREGMISC, 1)&1 != 0)
	set(m.smbus, uint16(m.fn.Get(regSMBBA, 2))&0xfff0, m.fn.Get(regSMBHSTCFG, 1)&1 != 0)
	m.update()
}

// Name implements devices.Device.
func (m *PM) Name() string { return m.name }

// Reset implements devices.Device. The PM timer keeps counting.
func (m *PM) Reset(devices.ResetKind) {
	s := &m.state
	s.Sts, s.En, s.Cnt, s.GPESts, s.GPEEn, s.SMB = 0, 0, 0, 0, 0, smbusState{}
	s.Epoch = m.toggles()
	m.update()
}

// Save implements devices.Device; the configuration space is saved by the bus.
func (m *PM) Save(w *snap.Writer) { w.Struct(&m.state) }

// Load implements devices.Device.
func (m *PM) Load(r *snap.Reader) error {
	if err := r.Struct(&m.state); err != nil {
		return err
	}
	m.drive() // no update: TMROF_STS is looked at when the guest does, the deadline comes with the clock
	return nil
}

func (m *PM) timerBits() uint {
	if m.Timer32 {
		return 32
	}
	return 24
}

func (m *PM) ticks() uint64 { return m.clk.Ticks(TimerHz) }

// toggles counts how often the timer's most significant bit has changed.
func (m *PM) toggles() uint64 { return m.ticks() >> (m.timerBits() - 1) }

// update brings TMROF_STS, the SCI and the overflow timer up to date.
func (m *PM) update() {
	s := &m.state
	n := m.toggles()
	if n != s.Epoch {
		s.Epoch = n
		s.Sts |= stsTMROF
	}
	if s.En&stsTMROF != 0 && s.Sts&stsTMROF == 0 {
		m.timer.At(clock.TicksToNS((n+1)<<(m.timerBits()-1), TimerHz))
	} else {
		m.timer.Stop()
	}
	m.drive()
}

func (m *PM) drive() {
	s := &m.state
	event := s.Sts&s.En&pmSources != 0 || s.GPESts&s.GPEEn != 0
	m.sci.Set(s.Cnt&cntSCI != 0 && event || m.smbusIRQ())
}

// SMICommand is told of writes to the SMI command port B2h: it hands the
// registers over to ACPI and back, as the BIOS's SMI handler would.
func (m *PM) SMICommand(v uint8) {
	switch v {
	case ACPIEnable:
		m.state.Cnt |= cntSCI
	case ACPIOff:
		m.state.Cnt &^= cntSCI
	}
	m.update()
}

// PressPowerButton presses the button. It reports whether the guest will hear
// of it: false when ACPI is off or the button is not enabled.
func (m *PM) PressPowerButton() bool {
	m.state.Sts |= stsPWRBTN
	m.update()
	return m.state.Cnt&cntSCI != 0 && m.state.En&stsPWRBTN != 0
}

// RaiseGPE sets general purpose event n (0-15).
func (m *PM) RaiseGPE(n int) {
	m.state.GPESts |= 1 << (n & 15)
	m.update()
}

// pmPorts are the registers at PMBA.
type pmPorts struct{ m *PM }

// ReadPort implements bus.PortDevice.
func (p pmPorts) ReadPort(off uint16, size int) uint32 {
	m := p.m
	m.update()
	v := uint64(m.state.Sts) | uint64(m.state.En)<<16 | uint64(m.state.Cnt)<<32
	switch {
	case off >= 12:
		return 0
	case off >= 8:
		v, off = m.ticks()&(1<<m.timerBits()-1), off-8
	}
	return uint32(v >> (8 * off) & (1<<(8*size) - 1))
}

// WritePort implements bus.PortDevice.
func (p pmPorts) WritePort(off uint16, size int, v uint32) {
	m, s := p.m, &p.m.state
	m.update()
	for i := range uint16(size) {
		b := uint16(v >> (8 * i) & 0xff)
		switch off + i {
		case 0:
			s.Sts &^= b
		case 1:
			s.Sts &^= b << 8
		case 2:
			s.En = s.En&0xff00 | b&0x21
		case 3:
			s.En = s.En&0x00ff | b<<8&(stsPWRBTN|stsRTC)
		case 4:
			s.Cnt = s.Cnt&0xff00 | b&3
		case 5:
			s.Cnt = s.Cnt&0x00ff | b<<8&cntSUSTYP
			if b<<8&cntSUSEN != 0 {
				m.sleep(b << 8 & cntSUSTYP >> 10)
			}
		}
	}
	m.update()
}

func (m *PM) sleep(typ uint16) {
	switch typ {
	case SleepS5, 2:
		if m.powerOff != nil {
			m.powerOff()
		}
	default:
		slog.Debug("piix: sleep type not supported, waking at once", "type", typ)
		m.state.Sts |= stsRSM
	}
}

// gpePorts are the registers at GPEBase.
type gpePorts struct{ m *PM }

// ReadPort implements bus.PortDevice.
func (p gpePorts) ReadPort(off uint16, size int) uint32 {
	v := uint64(p.m.state.GPESts) | uint64(p.m.state.GPEEn)<<16
	return uint32(v >> (8 * off) & (1<<(8*size) - 1))
}

// WritePort implements bus.PortDevice.
func (p gpePorts) WritePort(off uint16, size int, v uint32) {
	s := &p.m.state
	for i := range uint16(size) {
		b := uint16(v >> (8 * i) & 0xff)
		switch off + i {
		case 0:
			s.GPESts &^= b
		case 1:
			s.GPESts &^= b << 8
		case 2:
			s.GPEEn = s.GPEEn&0xff00 | b
		case 3:
			s.GPEEn = s.GPEEn&0x00ff | b<<8
		}
	}
	p.m.update()
}

var _ devices.Device = (*PM)(nil)
