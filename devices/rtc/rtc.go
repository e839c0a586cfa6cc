// Package rtc models the MC146818 real-time clock of a PC with its
// battery-backed CMOS memory.
//
// Register map (Motorola MC146818A datasheet; PIIX4 datasheet, 8.4 for the
// extended bank):
//
//	70h  write: index (bits 6-0) and NMI mask (bit 7); reads as FFh
//	71h  data of the standard bank
//	72h  index of the extended bank (128 bytes of plain memory)
//	73h  data of the extended bank
//
//	index 00 seconds  01 alarm  02 minutes  03 alarm  04 hours  05 alarm
//	      06 day of week  07 day of month  08 month  09 year  32h century
//	      0A UIP DV2-0 RS3-0     0B SET PIE AIE UIE SQWE DM 24/12 DSE
//	      0C IRQF PF AF UF 0 0 0 0 (read clears)     0D VRT 0
//
// The daylight saving bit has no effect, as on PIIX4.
package rtc

import (
	"fmt"
	"time"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Port is the first of the four ports on a PC.
const Port = 0x70

// Register indexes.
const (
	Seconds, SecondsAlarm = 0, 1
	Minutes, MinutesAlarm = 2, 3
	Hours, HoursAlarm     = 4, 5
	DayOfWeek, DayOfMonth = 6, 7
	Month, Year           = 8, 9
	RegA, RegB, RegC      = 10, 11, 12
	RegD                  = 13
	Century               = 0x32
)

const (
	aUIP = 0x80

	bSET  = 0x80
	bPIE  = 0x40
	bAIE  = 0x20
	bUIE  = 0x10
	bSQWE = 0x08
	bDM   = 0x04
	b24   = 0x02

	cIRQF = 0x80
	cPF   = 0x40
	cAF   = 0x20
	cUF   = 0x10

	dVRT = 0x80
)

const (
	crystal = 32768 // Hz
	// updateNS is how long before the registers change UIP is seen: t_BUC (244 us)
	// and the update cycle itself, t_UC (1984 us).
	updateNS = 2_228_000
)

// RTC is the clock chip.
type RTC struct {
	name     string `snap:"-"`
	clk      *clock.Clock
	irq8     irq.Line
	second   *clock.Timer // end of the next update cycle
	periodic *clock.Timer // next periodic interrupt, armed while PIE is set
	// OnNMIMask, if set, hears of changes of port 70h bit 7.
	OnNMIMask func(masked bool)
	state     struct {
		Reg      [256]byte // standard bank, extended bank
		Index    uint8
		ExtIndex uint8
		NMIMask  bool
		Line     bool
		Periods  uint64 // periodic ticks up to the last look at PF
	}
}

// New returns a clock that shows start at guest time zero, in start's own
// location; irq8 is its interrupt wire.
func New(name string, clk *clock.Clock, irq8 irq.Line, start time.Time) *RTC {
	r := &RTC{name: name, clk: clk, irq8: irq8}
	r.second = clk.NewTimer(name+".second", r.update)
	r.periodic = clk.NewTimer(name+".periodic", r.period)
	s := &r.state
	s.Reg[RegA] = 0x26 // 32.768 kHz, 1024 Hz
	s.Reg[RegB] = b24
	s.Reg[RegD] = dVRT
	now := clk.Now()
	r.setTime(start.Add(time.Duration(now)))
	s.Reg[DayOfWeek] = byte(start.Add(time.Duration(now)).Weekday()) + 1
	r.second.At((now/clock.Second + 1) * clock.Second)
	return r
}

// Name is the device's name on the board.
func (r *RTC) Name() string { return r.name }

// Map claims the standard ports.
func (r *RTC) Map(b *bus.Bus) error {
	_, err := b.MapPorts(r.name, Port, 4, bus.Byte, r)
	return err
}

// Reset is the RESET pin: it clears the interrupt enables and flags and the
// square wave output; time, alarm and memory keep going on the battery.
func (r *RTC) Reset(devices.ResetKind) {
	s := &r.state
	s.Reg[RegB] &^= bPIE | bAIE | bUIE | bSQWE
	s.Reg[RegC] = 0
	s.Index, s.ExtIndex = 0, 0
	r.setNMIMask(false)
	r.rearm()
	r.interrupt()
}

// SetCMOS writes byte i of the memory (128 and up is the extended bank) as the
// factory does: memory sizes, drive types, boot order. It is not for the clock's
// own registers 0 to 0Dh.
func (r *RTC) SetCMOS(i int, v uint8) { r.state.Reg[i] = v }

// CMOS reads byte i of the memory without side effects.
func (r *RTC) CMOS(i int) uint8 { return r.state.Reg[i] }

// UpdateChecksum stores the sum of bytes 10h to 2Dh at 2Eh and 2Fh, as an AT
// BIOS expects it.
func (r *RTC) UpdateChecksum() {
	var sum uint16
	for _, v := range r.state.Reg[0x10:0x2e] {
		sum += uint16(v)
	}
	r.state.Reg[0x2e], r.state.Reg[0x2f] = byte(sum>>8), byte(sum)
}

// NMIMasked is port 70h bit 7.
func (r *RTC) NMIMasked() bool { return r.state.NMIMask }

func (r *RTC) setNMIMask(m bool) {
	if m != r.state.NMIMask {
		r.state.NMIMask = m
		if r.OnNMIMask != nil {
			r.OnNMIMask(m)
		}
	}
}

// ReadPort reads an index or data port.
func (r *RTC) ReadPort(off uint16, _ int) uint32 {
	switch off {
	case 1:
		return uint32(r.read(r.state.Index))
	case 2:
		return uint32(r.state.ExtIndex)
	case 3:
		return uint32(r.state.Reg[0x80|r.state.ExtIndex])
	}
	return 0xff
}

// WritePort writes an index or data port.
func (r *RTC) WritePort(off uint16, _ int, v uint32) {
	switch off {
	case 0:
		r.state.Index = uint8(v) & 0x7f
		r.setNMIMask(v&0x80 != 0)
	case 1:
		r.write(r.state.Index, uint8(v))
	case 2:
		r.state.ExtIndex = uint8(v) & 0x7f
	case 3:
		r.state.Reg[0x80|r.state.ExtIndex] = uint8(v)
	}
}

func (r *RTC) read(i uint8) uint8 {
	s := &r.state
	switch i {
	case RegA:
		if r.updating() {
			return s.Reg[RegA] | aUIP
		}
	case RegC:
		r.poll()
		v := s.Reg[RegC]
		s.Reg[RegC] = 0
		r.interrupt()
		return v
	}
	return s.Reg[i]
}

func (r *RTC) write(i, v uint8) {
	s := &r.state
	switch i {
	case RegA:
		r.poll()
		wasStopped := r.stopped()
		s.Reg[RegA] = v &^ aUIP
		switch {
		case r.stopped():
			r.second.Stop()
		case wasStopped: // "the first update cycle begins one-half second later"
			r.second.After(clock.Second / 2)
		}
		r.rearm()
	case RegB:
		r.poll()
		if v&bSET != 0 {
			v &^= bUIE
		}
		s.Reg[RegB] = v
		r.rearm()
		r.interrupt()
	case RegC, RegD: // read only
	default:
		s.Reg[i] = v
	}
}

// stopped reports whether the divider chain is held in reset (DV = 11x).
func (r *RTC) stopped() bool { return r.state.Reg[RegA]&0x60 == 0x60 }

// updating is UIP.
func (r *RTC) updating() bool {
	return r.second.Armed() && r.state.Reg[RegB]&bSET == 0 && r.second.Deadline() <= r.clk.Now()+updateNS
}

// update is the end of an update cycle: time advances, the alarm is compared.
func (r *RTC) update(at uint64) {
	r.second.At(at + clock.Second)
	s := &r.state
	if s.Reg[RegB]&bSET != 0 {
		return
	}
	r.advance()
	s.Reg[RegC] |= cUF
	if r.alarm() {
		s.Reg[RegC] |= cAF
	}
	r.interrupt()
}

// alarm compares the alarm bytes; C0h to FFh match anything.
func (r *RTC) alarm() bool {
	for i := Seconds; i <= Hours; i += 2 {
		a := r.state.Reg[i+1]
		if a < 0xc0 && a != r.state.Reg[i] {
			return false
		}
	}
	return true
}

// periodTicks is the periodic rate in crystal clocks, 0 when it is off. With a
// 32.768 kHz time base rates 1 and 2 act as 8 and 9.
func (r *RTC) periodTicks() uint64 {
	rs := r.state.Reg[RegA] & 15
	switch {
	case rs == 0 || r.stopped():
		return 0
	case rs <= 2:
		rs += 7
	}
	return 1 << (rs - 1)
}

// poll sets PF when a periodic tick has passed since the last look. Without PIE
// nobody needs to hear of it earlier.
func (r *RTC) poll() {
	p := r.periodTicks()
	if p == 0 {
		return
	}
	if n := r.clk.Ticks(crystal) / p; n != r.state.Periods {
		r.state.Periods = n
		r.state.Reg[RegC] |= cPF
	}
}

// rearm sets the periodic timer after its rate or enable changed.
func (r *RTC) rearm() {
	p := r.periodTicks()
	if p == 0 {
		r.periodic.Stop()
		return
	}
	n := r.clk.Ticks(crystal) / p
	r.state.Periods = n
	if r.state.Reg[RegB]&bPIE == 0 {
		r.periodic.Stop()
		return
	}
	r.periodic.At(clock.TicksToNS((n+1)*p, crystal))
}

func (r *RTC) period(uint64) {
	r.state.Reg[RegC] |= cPF
	r.rearm()
	r.interrupt()
}

// interrupt computes IRQF and drives the wire.
func (r *RTC) interrupt() {
	s := &r.state
	s.Reg[RegC] &^= cIRQF
	level := s.Reg[RegB]&s.Reg[RegC]&(cPF|cAF|cUF) != 0 // enables and flags share their positions
	if level {
		s.Reg[RegC] |= cIRQF
	}
	if level != s.Line {
		s.Line = level
		r.irq8.Set(level)
	}
}

// Save writes registers and memory.
func (r *RTC) Save(w *snap.Writer) { w.Struct(&r.state) }

// Load restores what Save wrote.
func (r *RTC) Load(rd *snap.Reader) error {
	was := r.state.NMIMask
	if err := rd.Struct(&r.state); err != nil {
		return err
	}
	if r.state.Index > 0x7f || r.state.ExtIndex > 0x7f {
		return fmt.Errorf("%s: saved index is impossible", r.name)
	}
	if m := r.state.NMIMask; m != was && r.OnNMIMask != nil {
		r.OnNMIMask(m)
	}
	return nil
}
