// Package ps2 models the 8042 keyboard controller of a PS/2 with a keyboard and
// a mouse behind it.
//
// Register map (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
// Auxiliary Device Controller"):
//
//	60h  read: output buffer; write: data for a pending command, else for the keyboard
//	64h  read: status PERR TO AUXB INH A2 SYS IBF OBF; write: command
//
//	command byte (RAM 0): 6 translate  5 disable mouse  4 disable keyboard
//	                      2 SYS  1 IRQ 12 enabled  0 IRQ 1 enabled
//	output port: 7 keyboard data  6 keyboard clock  5 IRQ 12  4 IRQ 1  1 A20  0 reset (low)
package ps2

import (
	"fmt"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

// Ports on a PC.
const (
	DataPort    = 0x60
	CommandPort = 0x64
)

const (
	stOBF = 0x01
	stSYS = 0x04
	stA2  = 0x08
	stINH = 0x10 // set: the keyboard lock is open
	stAUX = 0x20

	cmdIRQ1     = 0x01
	cmdIRQ12    = 0x02
	cmdSYS      = 0x04
	cmdNoKbd    = 0x10
	cmdNoMouse  = 0x20
	cmdXlate    = 0x40
	afterPOST   = cmdXlate | cmdNoMouse | cmdIRQ1 // what a BIOS leaves, for guests started without one
	outReset    = 0x01
	outA20      = 0x02
	outPowerOn  = 0xc0 | outReset | outA20
	inputPort   = 0xb0 // not locked, no manufacturing jumper
	maxReplies  = 32
	firstByteNS = 20_000  // from a command to the first byte of the answer
	nextByteNS  = 100_000 // between bytes; slower on real wires, but old handlers that read port 60h twice must see the same byte
)

// Hooks are the wires that leave the controller; nil ones are not connected.
type Hooks struct {
	A20   func(on bool)    // output port bit 1 was written
	Reset func()           // output port bit 0 was pulled low: reset of the CPUs
	LEDs  func(leds uint8) // the guest set the keyboard's lights: 0 scroll, 1 num, 2 caps
}

// PS2 is the controller with its two devices.
type PS2 struct {
	name        string `snap:"-"`
	clk         *clock.Clock
	irq1, irq12 irq.Line
	hooks       Hooks
	timer       *clock.Timer // delivery of the next byte
	pace        *clock.Timer // earliest next mouse packet
	kbd         keyboard
	mouse       mouse
	state       controller
}

// controller is the 8042's own state.
type controller struct {
	RAM     [32]uint8 // 0 is the command byte
	Out     uint8     // output port
	Data    uint8     // output buffer
	OBF     bool
	Aux     bool // Data came from the mouse
	SYS     bool
	A2      bool    // last write was a command
	Pending uint8   // command that awaits its data byte; 0: none
	Replies []uint8 // answers that wait for the output buffer
	Break   bool    // translation has seen F0
	Line1   bool
	Line12  bool
}

// New returns the controller; irq1 and irq12 are its interrupt wires.
func New(name string, clk *clock.Clock, irq1, irq12 irq.Line, hooks Hooks) *PS2 {
	p := &PS2{name: name, clk: clk, irq1: irq1, irq12: irq12, hooks: hooks}
	p.timer = clk.NewTimer(name+".byte", func(uint64) { p.deliver() })
	p.pace = clk.NewTimer(name+".mouse", func(uint64) { p.mouse.report(p) })
	p.powerOn()
	return p
}

func (p *PS2) powerOn() {
	line1, line12 := p.state.Line1, p.state.Line12
	p.state = controller{Out: outPowerOn, Line1: line1, Line12: line12}
	p.state.RAM[0] = afterPOST
	p.kbd.reset()
	p.mouse.reset()
	p.timer.Stop()
	p.pace.Stop()
}

// Name is the device's name on the board.
func (p *PS2) Name() string { return p.name }

// Map claims the two standard ports.
func (p *PS2) Map(b *bus.Bus) error {
	for i, base := range []uint16{DataPort, CommandPort} {
		if _, err := b.MapPorts(p.name, base, 1, bus.Byte, port{p, i == 1}); err != nil {
			return err
		}
	}
	return nil
}

// Reset restarts controller and devices. The self test's result bytes are not
// sent: the BIOS would have taken them.
func (p *PS2) Reset(devices.ResetKind) {
	p.powerOn()
	p.lines()
	if p.hooks.LEDs != nil {
		p.hooks.LEDs(0)
	}
}

// SyncA20 tells the output port that port 92h switched the A20 gate.
func (p *PS2) SyncA20(on bool) {
	p.state.Out &^= outA20
	if on {
		p.state.Out |= outA20
	}
}

type port struct {
	p       *PS2
	command bool
}

func (x port) ReadPort(uint16, int) uint32 {
	if x.command {
		return uint32(x.p.status())
	}
	return uint32(x.p.readData())
}

func (x port) WritePort(_ uint16, _ int, v uint32) {
	x.p.state.A2 = x.command
	if x.command {
		x.p.command(uint8(v))
	} else {
		x.p.writeData(uint8(v))
	}
	x.p.kick(firstByteNS)
}

func (p *PS2) status() uint8 {
	s, v := &p.state, uint8(stINH)
	for _, f := range []struct {
		on  bool
		bit uint8
	}{{s.OBF, stOBF}, {s.SYS, stSYS}, {s.A2, stA2}, {s.OBF && s.Aux, stAUX}} {
		if f.on {
			v |= f.bit
		}
	}
	return v
}

func (p *PS2) readData() uint8 {
	s := &p.state
	if s.OBF {
		s.OBF = false
		p.lines()
		p.kick(nextByteNS)
	}
	return s.Data
}

// command is a write to port 64h.
func (p *PS2) command(v uint8) {
	s := &p.state
	s.Pending = 0
	switch {
	case v >= 0x20 && v < 0x40:
		if v == 0x20 {
			s.RAM[0] = s.RAM[0]&^cmdSYS | b2u(s.SYS, cmdSYS)
		}
		p.reply(s.RAM[v&0x1f])
	case v >= 0x60 && v < 0x80, v == 0xd1, v == 0xd2, v == 0xd3, v == 0xd4:
		s.Pending = v
	case v == 0xa4: // test password: none installed
		p.reply(0xf1)
	case v == 0xa7:
		s.RAM[0] |= cmdNoMouse
	case v == 0xa8:
		s.RAM[0] &^= cmdNoMouse
	case v == 0xa9, v == 0xab: // interface tests: no error
		p.reply(0x00)
	case v == 0xaa:
		s.SYS = true
		p.reply(0x55)
	case v == 0xad:
		s.RAM[0] |= cmdNoKbd
	case v == 0xae:
		s.RAM[0] &^= cmdNoKbd
	case v == 0xc0:
		p.reply(inputPort)
	case v == 0xd0:
		p.reply(s.Out&^0x30 | b2u(s.Line1, 0x10) | b2u(s.Line12, 0x20))
	case v == 0xdd, v == 0xdf: // A20 off and on, as most compatible controllers know them
		p.writeOut(s.Out&^outA20 | v&outA20)
	case v == 0xe0:
		p.reply(0x00)
	case v >= 0xf0 && v&1 == 0: // pulse output port bits: bit 0 is reset
		p.reset()
	}
}

// writeData is a write to port 60h.
func (p *PS2) writeData(v uint8) {
	s := &p.state
	c := s.Pending
	s.Pending = 0
	switch {
	case c == 0:
		s.RAM[0] &^= cmdNoKbd // sending enables the interface
		p.kbd.write(p, v)
	case c < 0x80:
		s.RAM[c&0x1f] = v
		if c == 0x60 {
			s.SYS = v&cmdSYS != 0
			p.lines()
		}
	case c == 0xd1:
		p.writeOut(v)
	case c == 0xd2:
		p.put(v, false)
	case c == 0xd3:
		p.put(v, true)
	case c == 0xd4:
		s.RAM[0] &^= cmdNoMouse
		p.mouse.write(p, v)
	}
}

func (p *PS2) writeOut(v uint8) {
	was := p.state.Out
	p.state.Out = v
	if (v^was)&outA20 != 0 && p.hooks.A20 != nil {
		p.hooks.A20(v&outA20 != 0)
	}
	if v&outReset == 0 {
		p.state.Out |= outReset // else the machine would never leave reset
		p.reset()
	}
}

func (p *PS2) reset() {
	if p.hooks.Reset != nil {
		p.hooks.Reset()
	}
}

// reply is an answer of the controller itself: there at once if the output
// buffer is free.
func (p *PS2) reply(v uint8) {
	s := &p.state
	switch {
	case !s.OBF && len(s.Replies) == 0:
		p.put(v, false)
	case len(s.Replies) < maxReplies:
		s.Replies = append(s.Replies, v)
	}
}

// put fills the output buffer.
func (p *PS2) put(v uint8, aux bool) {
	s := &p.state
	s.Data, s.Aux, s.OBF = v, aux, true
	p.timer.Stop()
	p.lines()
}

// waiting reports whether anything could be delivered now.
func (p *PS2) waiting() bool {
	s := &p.state
	return len(s.Replies) > 0 ||
		s.RAM[0]&cmdNoKbd == 0 && p.kbd.waiting() ||
		s.RAM[0]&cmdNoMouse == 0 && p.mouse.waiting()
}

// kick arms the delivery of the next byte.
func (p *PS2) kick(ns uint64) {
	if !p.state.OBF && !p.timer.Armed() && p.waiting() {
		p.timer.After(ns)
	}
}

// deliver moves the next byte into the output buffer: the controller's own
// answers first, then the keyboard, then the mouse.
func (p *PS2) deliver() {
	s := &p.state
	switch {
	case s.OBF:
	case len(s.Replies) > 0:
		v := s.Replies[0]
		s.Replies = s.Replies[1:]
		p.put(v, false)
	case s.RAM[0]&cmdNoKbd == 0 && p.kbd.waiting():
		v := p.kbd.next()
		if s.RAM[0]&cmdXlate != 0 {
			if v == 0xf0 {
				s.Break = true
				p.kick(0)
				return
			}
			v = translate[v] | b2u(s.Break, 0x80)
		}
		s.Break = false
		p.put(v, false)
	case s.RAM[0]&cmdNoMouse == 0 && p.mouse.waiting():
		p.put(p.mouse.next(), true)
		p.mouse.report(p)
	}
}

// lines drives the interrupt wires: high while their byte is in the buffer.
func (p *PS2) lines() {
	s := &p.state
	one := s.OBF && !s.Aux && s.RAM[0]&cmdIRQ1 != 0
	twelve := s.OBF && s.Aux && s.RAM[0]&cmdIRQ12 != 0
	if one != s.Line1 {
		s.Line1 = one
		p.irq1.Set(one)
	}
	if twelve != s.Line12 {
		s.Line12 = twelve
		p.irq12.Set(twelve)
	}
}

func b2u(b bool, v uint8) uint8 {
	if b {
		return v
	}
	return 0
}

// Save writes controller, keyboard and mouse.
func (p *PS2) Save(w *snap.Writer) {
	w.Struct(&p.state)
	w.Struct(&p.kbd)
	w.Struct(&p.mouse)
}

// Load restores what Save wrote; the timers' deadlines come from the clock.
func (p *PS2) Load(r *snap.Reader) error {
	for _, s := range []any{&p.state, &p.kbd, &p.mouse} {
		if err := r.Struct(s); err != nil {
			return err
		}
	}
	k, m := &p.kbd, &p.mouse
	if len(p.state.Replies) > maxReplies || len(k.Replies)+len(k.Codes) > 2*maxCodes || len(m.Queue) > maxReplies || len(m.Events) > maxEvents ||
		k.Set < 1 || k.Set > 3 || m.Rate == 0 {
		return fmt.Errorf("%s: saved state is impossible", p.name)
	}
	if p.hooks.LEDs != nil {
		p.hooks.LEDs(k.LEDs)
	}
	return nil
}
