// Package uart models the 16550A serial port.
//
// Register map (National Semiconductor PC16550D datasheet, table II):
//
//	0  RBR (read) THR (write); DLL when DLAB
//	1  IER: 3 modem  2 line  1 THR empty  0 data; DLM when DLAB
//	2  IIR (read): 7-6 FIFOs on  3-1 source  0 none; FCR (write): 7-6 trigger  2 clear TX  1 clear RX  0 enable
//	3  LCR: 7 DLAB  6 break ...
//	4  MCR: 4 loop  3 OUT2 (gates the interrupt on a PC)  2 OUT1  1 RTS  0 DTR
//	5  LSR: 7 error in FIFO  6 TEMT  5 THRE  4 BI  3 FE  2 PE  1 OE  0 DR
//	6  MSR: 7 DCD  6 RI  5 DSR  4 CTS, 3-0 their changes
//	7  SCR
//
// The wire is much faster than the programmed baud rate: output leaves a short
// fixed time after it was written, so that polling consoles do not wait.
package uart

import (
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Ports of COM1 to COM4; their interrupts are 4, 3, 4, 3.
const (
	COM1 = 0x3f8
	COM2 = 0x2f8
	COM3 = 0x3e8
	COM4 = 0x2e8
)

const (
	ierData  = 0x01
	ierTHRE  = 0x02
	ierLine  = 0x04
	ierModem = 0x08

	iirNone    = 0x01
	iirLine    = 0x06
	iirData    = 0x04
	iirTimeout = 0x0c
	iirTHRE    = 0x02
	iirModem   = 0x00
	iirFIFO    = 0xc0

	fcrEnable  = 0x01
	fcrClearRX = 0x02
	fcrClearTX = 0x04

	lcrDLAB  = 0x80
	lcrBreak = 0x40

	mcrDTR  = 0x01
	mcrRTS  = 0x02
	mcrOUT1 = 0x04
	mcrOUT2 = 0x08
	mcrLoop = 0x10

	lsrDR   = 0x01
	lsrOE   = 0x02
	lsrBI   = 0x10
	lsrTHRE = 0x20
	lsrTEMT = 0x40
	lsrErr  = 0x80

	// Modem status lines, as in MSR bits 7-4.
	CTS = 0x10
	DSR = 0x20
	RI  = 0x40
	DCD = 0x80

	fifoSize = 16
	hostSize = 4096

	txNS      = 1_000   // from a write to THR until the transmitter is empty again
	rxNS      = 100_000 // between two fills of the receive FIFO
	timeoutNS = 40_000  // character timeout
)

// UART is one serial port.
type UART struct {
	name    string `snap:"-"`
	clk     *clock.Clock
	irq     irq.Line
	tx      *clock.Timer
	rx      *clock.Timer
	timeout *clock.Timer
	// Out takes what the guest sends; it must not keep the slice.
	Out func([]byte)
	// OnRoom, if set, is called when Receive, which refused bytes, would accept some again.
	OnRoom func()
	state  state
}

type state struct {
	IER, IIR, FCR, LCR, MCR, SCR uint8
	Divisor                      uint16
	LineErr                      uint8 // OE and BI as shown in LSR
	Delta                        uint8 // MSR bits 3-0
	Modem                        uint8 // lines as driven from outside
	Lines                        uint8 // lines as the chip sees them (loop)
	RX                           []rxChar
	TX                           []byte
	THREPending                  bool // THR empty interrupt
	TimedOut                     bool
	RTSUsed                      bool // the guest has raised RTS: from then on a low RTS stops the sender
	Host                         []rxChar
	Refused                      bool
	Line                         bool
}

// rxChar is a received character with its LSR error bits.
type rxChar struct{ Byte, Err uint8 }

// New returns a port with nothing connected but the modem lines of a null modem
// whose other end is ready. out may be nil.
func New(name string, clk *clock.Clock, line irq.Line, out func([]byte)) *UART {
	u := &UART{name: name, clk: clk, irq: line, Out: out}
	u.tx = clk.NewTimer(name+".tx", func(uint64) { u.transmit() })
	u.rx = clk.NewTimer(name+".rx", func(uint64) { u.fill() })
	u.timeout = clk.NewTimer(name+".timeout", func(uint64) { u.timedOut() })
	u.state.Modem = CTS | DSR | DCD
	u.Reset(devices.PowerOn)
	return u
}

// Name is the device's name on the board.
func (u *UART) Name() string { return u.name }

// Map claims eight ports from base.
func (u *UART) Map(b *bus.Bus, base uint16) error {
	_, err := b.MapPorts(u.name, base, 8, bus.Byte, u)
	return err
}

// Reset is the MR pin (datasheet, table I). Divisor and scratch register are not
// affected by it; they get a value here because power-up leaves them undefined.
// What the host has sent and the guest has not seen stays on the wire.
func (u *UART) Reset(devices.ResetKind) {
	u.Flush()
	s := &u.state
	*s = state{Divisor: 12, Modem: s.Modem, Lines: s.Modem, Host: s.Host, Refused: s.Refused, Line: s.Line}
	u.tx.Stop()
	u.timeout.Stop()
	u.wantFill()
	u.update()
}

// ReadPort reads a register.
func (u *UART) ReadPort(off uint16, _ int) uint32 {
	s := &u.state
	switch off {
	case 0:
		if s.LCR&lcrDLAB != 0 {
			return uint32(s.Divisor & 0xff)
		}
		return uint32(u.receive())
	case 1:
		if s.LCR&lcrDLAB != 0 {
			return uint32(s.Divisor >> 8)
		}
		return uint32(s.IER)
	case 2:
		v := s.IIR
		if v&0x0f == iirTHRE { // reading IIR resets it if it is the source
			s.THREPending = false
			u.update()
		}
		return uint32(v)
	case 3:
		return uint32(s.LCR)
	case 4:
		return uint32(s.MCR)
	case 5:
		v := u.lsr()
		s.LineErr = 0
		u.update()
		return uint32(v)
	case 6:
		v := s.Lines | s.Delta
		s.Delta = 0
		u.update()
		return uint32(v)
	}
	return uint32(s.SCR)
}

// WritePort writes a register.
func (u *UART) WritePort(off uint16, _ int, x uint32) {
	s, v := &u.state, uint8(x)
	switch off {
	case 0:
		if s.LCR&lcrDLAB != 0 {
			s.Divisor = s.Divisor&0xff00 | uint16(v)
			return
		}
		u.send(v)
	case 1:
		if s.LCR&lcrDLAB != 0 {
			s.Divisor = s.Divisor&0x00ff | uint16(v)<<8
			return
		}
		if v&ierTHRE != 0 && s.IER&ierTHRE == 0 && len(s.TX) == 0 {
			s.THREPending = true // enabling it while THR is empty interrupts at once
		}
		s.IER = v & 0x0f
	case 2:
		u.writeFCR(v)
	case 3:
		if s.MCR&mcrLoop != 0 && v&lcrBreak != 0 && s.LCR&lcrBreak == 0 {
			u.arrive(rxChar{0, lsrBI})
		}
		s.LCR = v
	case 4:
		s.MCR = v & 0x1f
		s.RTSUsed = s.RTSUsed || v&mcrRTS != 0
		u.modem()
		u.wantFill()
	case 7:
		s.SCR = v
	}
	u.update()
}

func (u *UART) writeFCR(v uint8) {
	s := &u.state
	if (v^s.FCR)&fcrEnable != 0 {
		v |= fcrClearRX | fcrClearTX // "when changing to or from FIFO mode data is cleared"
	}
	if v&fcrClearRX != 0 {
		s.RX, s.TimedOut = nil, false
		u.timeout.Stop()
		u.wantFill()
	}
	if v&fcrClearTX != 0 {
		u.Flush() // the wire is so fast that it was already gone
	}
	if v&fcrEnable == 0 {
		v = 0
	}
	s.FCR = v & 0xc9
}

func (u *UART) fifo() bool { return u.state.FCR&fcrEnable != 0 }

// capacity is the depth of each FIFO.
func (u *UART) capacity() int {
	if u.fifo() {
		return fifoSize
	}
	return 1
}

// trigger is the receive FIFO's interrupt level.
func (u *UART) trigger() int {
	if !u.fifo() {
		return 1
	}
	return [4]int{1, 4, 8, 14}[u.state.FCR>>6]
}

func (u *UART) lsr() uint8 {
	s := &u.state
	v := s.LineErr
	if len(s.RX) > 0 {
		v |= lsrDR
	}
	if len(s.TX) == 0 {
		v |= lsrTHRE | lsrTEMT
	}
	if u.fifo() {
		for _, c := range s.RX {
			if c.Err != 0 {
				v |= lsrErr
			}
		}
	}
	return v
}

// update computes IIR by priority (datasheet, table IV) and drives the wire.
func (u *UART) update() {
	s := &u.state
	switch {
	case s.IER&ierLine != 0 && s.LineErr != 0:
		s.IIR = iirLine
	case s.IER&ierData != 0 && len(s.RX) >= u.trigger():
		s.IIR = iirData
	case s.IER&ierData != 0 && s.TimedOut:
		s.IIR = iirTimeout
	case s.IER&ierTHRE != 0 && s.THREPending:
		s.IIR = iirTHRE
	case s.IER&ierModem != 0 && s.Delta != 0:
		s.IIR = iirModem
	default:
		s.IIR = iirNone
	}
	level := s.IIR != iirNone && s.MCR&mcrOUT2 != 0
	if u.fifo() {
		s.IIR |= iirFIFO
	}
	if level != s.Line {
		s.Line = level
		u.irq.Set(level)
	}
}

// modem recomputes the modem lines, which loop mode takes from MCR.
func (u *UART) modem() {
	s := &u.state
	now := s.Modem
	if s.MCR&mcrLoop != 0 {
		now = 0
		for _, m := range [][2]uint8{{mcrRTS, CTS}, {mcrDTR, DSR}, {mcrOUT1, RI}, {mcrOUT2, DCD}} {
			if s.MCR&m[0] != 0 {
				now |= m[1]
			}
		}
	}
	changed := now ^ s.Lines
	s.Delta |= (changed & (CTS | DSR | DCD) >> 4) | s.Lines&^now&RI>>4 // RI counts its trailing edge only
	s.Lines = now
}

// SetModem drives the modem lines from outside: any of CTS, DSR, RI and DCD.
func (u *UART) SetModem(lines uint8) {
	u.state.Modem = lines & (CTS | DSR | RI | DCD)
	u.modem()
	u.update()
}

// Save writes registers, FIFOs and what is still on the way.
func (u *UART) Save(w *snap.Writer) { w.Struct(&u.state) }

// Load restores what Save wrote; the timers' deadlines come from the clock.
func (u *UART) Load(r *snap.Reader) error {
	if err := r.Struct(&u.state); err != nil {
		return err
	}
	if s := &u.state; len(s.RX) > fifoSize || len(s.TX) > fifoSize || len(s.Host) > hostSize {
		return fmt.Errorf("%s: saved FIFO is longer than the chip's", u.name)
	}
	return nil
}

// Info is the port's state for the monitor.
func (u *UART) Info() string {
	s := &u.state
	baud := 0
	if s.Divisor != 0 {
		baud = 115200 / int(s.Divisor)
	}
	return fmt.Sprintf("%s: baud=%d lcr=%02x mcr=%02x ier=%02x iir=%02x lsr=%02x rx=%d tx=%d queued=%d\n",
		u.name, baud, s.LCR, s.MCR, s.IER, s.IIR, u.lsr(), len(s.RX), len(s.TX), len(s.Host))
}
