package ps2

const maxEvents = 64

// mouse is a PS/2 mouse that can become an IntelliMouse (ID 3, wheel) or an
// IntelliMouse Explorer (ID 4, five buttons) (PS/2 Hardware Interface Technical
// Reference, "Mouse"; Microsoft, "PS/2 protocol extensions").
type mouse struct {
	ID      uint8
	Enabled bool
	Remote  bool
	Wrap    bool
	Scale2  bool
	Res     uint8
	Rate    uint8
	Rates   [3]uint8 // the last three rates set: the knock that unlocks the wheel
	Pending uint8    // command that awaits its argument
	Last    []uint8  // last packet, for Resend
	Queue   []uint8
	Events  []event // movement not reported yet
	Buttons uint8   // as last reported: 0 left, 1 right, 2 middle, 3 and 4 side
	NextNS  uint64  // earliest time of the next packet
}

// event is movement made with one set of buttons.
type event struct {
	DX, DY, DZ int32
	Buttons    uint8
}

func (m *mouse) reset() {
	*m = mouse{}
	m.defaults()
}

func (m *mouse) defaults() {
	m.Enabled, m.Remote, m.Wrap, m.Scale2 = false, false, false, false
	m.Res, m.Rate = 2, 100
	m.Rates = [3]uint8{}
	m.Events = nil
}

func (m *mouse) waiting() bool { return len(m.Queue) > 0 }

func (m *mouse) next() uint8 {
	v := m.Queue[0]
	m.Queue = m.Queue[1:]
	return v
}

// answer replaces what is left in the queue: a command interrupts a packet.
func (m *mouse) answer(vs ...uint8) { m.Queue = append([]uint8(nil), vs...) }

// write is a byte from the system.
func (m *mouse) write(p *PS2, v uint8) {
	if m.Wrap && v != 0xec && v != 0xff {
		m.answer(v)
		return
	}
	if c := m.Pending; c != 0 {
		m.Pending = 0
		m.argument(c, v)
		return
	}
	switch v {
	case 0xe6, 0xe7: // scaling 1:1, 2:1
		m.Scale2 = v == 0xe7
	case 0xe8, 0xf3:
		m.Pending = v
	case 0xe9: // status request
		b := m.Buttons
		s := b2u(m.Remote, 0x40) | b2u(m.Enabled, 0x20) | b2u(m.Scale2, 0x10) | b&1<<2 | b>>1&2 | b>>1&1
		m.answer(0xfa, s, m.Res, m.Rate)
		return
	case 0xea:
		m.Remote = false
	case 0xeb: // read data
		m.answer(0xfa)
		m.packet()
		return
	case 0xec:
		m.Wrap = false
	case 0xee:
		m.Wrap = true
	case 0xf0:
		m.Remote = true
		m.Events = nil
	case 0xf2:
		m.answer(0xfa, m.ID)
		return
	case 0xf4:
		m.Enabled = true
		m.Events = nil
	case 0xf5:
		m.Enabled = false
	case 0xf6:
		m.defaults()
	case 0xfe:
		m.answer(m.Last...)
		return
	case 0xff:
		m.reset()
		m.answer(0xfa, 0xaa, 0x00)
		return
	default:
		m.answer(0xfe)
		return
	}
	m.answer(0xfa)
	m.report(p)
}

func (m *mouse) argument(c, v uint8) {
	switch {
	case c == 0xe8 && v <= 3:
		m.Res = v
	case c == 0xf3 && (v == 10 || v == 20 || v == 40 || v == 60 || v == 80 || v == 100 || v == 200):
		m.Rate = v
		m.Rates = [3]uint8{m.Rates[1], m.Rates[2], v}
		switch m.Rates {
		case [3]uint8{200, 100, 80}:
			m.ID = 3
		case [3]uint8{200, 200, 80}:
			m.ID = 4
		}
	default:
		m.answer(0xfe)
		return
	}
	m.answer(0xfa)
}

// MouseEvent moves the mouse: dx to the right, dy down, dz towards the user (wheel
// down); buttons is what is held: bit 0 left, 1 right, 2 middle, 3 and 4 side.
// Movement the guest is too slow for adds up; when more changes of buttons wait
// than the queue holds, the event is dropped and the result is false.
func (p *PS2) MouseEvent(dx, dy, dz int, buttons uint8) bool {
	m := &p.mouse
	if !m.Enabled && !m.Remote {
		return false
	}
	buttons &= 0x1f
	e := &event{Buttons: buttons}
	if n := len(m.Events); n > 0 && m.Events[n-1].Buttons == buttons {
		e = &m.Events[n-1]
	} else if n == maxEvents {
		return false
	} else {
		m.Events = append(m.Events, *e)
		e = &m.Events[n]
	}
	add := func(v *int32, d int) { *v = int32(max(-32767, min(32767, int(*v)+max(-65535, min(65535, d))))) }
	add(&e.DX, dx)
	add(&e.DY, -dy) // the packet's Y grows upwards
	add(&e.DZ, dz)
	m.report(p)
	return true
}

// report sends the next packet in stream mode, no more often than the sample rate.
func (m *mouse) report(p *PS2) {
	if m.Remote || m.Wrap || !m.Enabled || len(m.Queue) > 0 {
		return
	}
	for len(m.Events) > 0 && m.Events[0] == (event{Buttons: m.Buttons}) {
		m.Events = m.Events[1:] // nothing new in it
	}
	if len(m.Events) == 0 {
		return
	}
	now := p.clk.Now()
	if now < m.NextNS {
		p.pace.At(m.NextNS)
		return
	}
	m.NextNS = now + 1_000_000_000/uint64(m.Rate)
	m.packet()
	p.kick(firstByteNS)
}

// take cuts from v what fits between lo and hi.
func take(v *int32, lo, hi int32) int32 {
	t := max(lo, min(hi, *v))
	*v -= t
	return t
}

// packet appends a movement packet to the queue.
func (m *mouse) packet() {
	e := event{Buttons: m.Buttons}
	if len(m.Events) > 0 {
		e = m.Events[0]
	}
	m.Buttons = e.Buttons
	x, y := take(&e.DX, -255, 255), take(&e.DY, -255, 255)
	if m.Scale2 && !m.Remote {
		x, y = scale(x), scale(y)
	}
	pkt := []uint8{e.Buttons&7 | 0x08 | b2u(x < 0, 0x10) | b2u(y < 0, 0x20), uint8(x), uint8(y)}
	switch m.ID {
	case 3:
		pkt = append(pkt, uint8(take(&e.DZ, -8, 7)))
	case 4:
		pkt = append(pkt, uint8(take(&e.DZ, -8, 7))&0x0f|e.Buttons>>3<<4)
	default:
		e.DZ = 0
	}
	if len(m.Events) > 0 {
		m.Events[0] = e
	}
	if len(m.Events) > 1 && e == (event{Buttons: e.Buttons}) {
		m.Events = m.Events[1:]
	}
	m.Last = pkt
	m.Queue = append(m.Queue, pkt...)
}

// scale is 2:1 scaling of stream mode.
func scale(v int32) int32 {
	a := max(v, -v)
	if a < 6 {
		a = [6]int32{0, 1, 1, 3, 6, 9}[a]
	} else {
		a = min(2*a, 255)
	}
	if v < 0 {
		return -a
	}
	return a
}
