package firmware

// PS/2 mouse: INT 15h AH=C2h (IBM PS/2 and PC BIOS Interface Technical
// Reference) and IRQ12.
//
// The mouse answers after a while of guest time, so a function is a script of
// bytes to send, each acknowledged, and of bytes to receive; the stub spins
// until it is through. Meanwhile the controller's interrupts are off and the
// keyboard waits.

// mouseState is the script in progress.
type mouseState struct {
	Busy  bool
	On    bool // reporting is enabled
	Send  [2]byte
	N     int // bytes to send
	Sent  int
	Want  int // bytes to receive, acknowledgements included
	Reply [8]byte
	Got   int
}

const (
	mouseAck     = 0xfa
	mouseTimeout = 1_000_000_000 // ns; a reset takes half a second on real ones
	kbcScript    = 0x54          // command byte: translate, keyboard off, mouse on, no interrupts
	kbcMouseOn   = 0x47          // keyboard and mouse on, with interrupts
)

// Status codes of AH=C2h.
const (
	mouseBadFunction = 0x01
	mouseBadInput    = 0x02
	mouseInterface   = 0x03
	mouseNoHandler   = 0x05
)

// mouseBIOS is INT 15h AH=C2h.
func (f *frame) mouseBIOS() {
	m := &f.b.state.Mouse
	if !m.Busy {
		if code := f.mouseStart(); code != 0 {
			f.fail(code)
			return
		}
		if m.N == 0 {
			f.ok()
			return
		}
		m.Busy = true
		f.b.state.Deadline[waitMouse] = f.b.hw.Now() + mouseTimeout
		f.mouseCommandByte(kbcScript)
		if f.in(kbcCtl)&1 != 0 {
			f.in(kbcData)
		}
		f.mouseSend()
	}
	for m.Got < m.Want && f.in(kbcCtl)&0x21 == 0x21 {
		m.Reply[m.Got] = f.in(kbcData)
		m.Got++
		if m.Sent < m.N {
			f.mouseSend()
		}
	}
	late := f.b.hw.Now() >= f.b.state.Deadline[waitMouse]
	if m.Got < m.Want && !late {
		f.wait = waitSpin
		return
	}
	m.Busy = false
	f.b.state.Deadline[waitMouse] = 0
	if m.Got < m.Want || m.Reply[0] != mouseAck {
		f.mouseDone()
		f.fail(mouseInterface)
		return
	}
	f.mouseFinish()
	f.mouseDone()
	f.ok()
}

func (f *frame) mouseCommandByte(v byte) {
	f.out(kbcCtl, 0x60)
	f.out(kbcData, v)
}

func (f *frame) mouseSend() {
	m := &f.b.state.Mouse
	f.out(kbcCtl, 0xd4)
	f.out(kbcData, m.Send[m.Sent])
	m.Sent++
}

// mouseDone gives the controller back to the interrupt handlers.
func (f *frame) mouseDone() {
	f.orBDA(f.ebda(ebdaMouseFlg1), 0, 7)
	if f.b.state.Mouse.On {
		f.mouseCommandByte(kbcMouseOn)
	} else {
		f.mouseCommandByte(kbcCommand)
	}
}

// mouseStart checks the arguments and writes the script.
func (f *frame) mouseStart() byte {
	m := &f.b.state.Mouse
	script := func(extra int, send ...byte) {
		*m = mouseState{On: m.On, N: len(send), Want: len(send) + extra}
		copy(m.Send[:], send)
	}
	script(0)
	bh := f.bh()
	switch f.al() {
	case 0x00:
		switch {
		case bh > 1:
			return mouseBadInput
		case bh == 0:
			script(0, 0xf5)
		case f.rd8(f.ebda(ebdaMouseFlg2))&0x80 == 0:
			return mouseNoHandler
		default:
			script(0, 0xf4)
		}
	case 0x01:
		script(2, 0xff)
	case 0x02:
		rates := [...]byte{10, 20, 40, 60, 80, 100, 200}
		if int(bh) >= len(rates) {
			return mouseBadInput
		}
		script(0, 0xf3, rates[bh])
	case 0x03:
		if bh > 3 {
			return mouseBadInput
		}
		script(0, 0xe8, bh)
	case 0x04:
		script(1, 0xf2)
	case 0x05:
		if bh < 1 || bh > 8 {
			return mouseBadInput
		}
		f.orBDA(f.ebda(ebdaMouseFlg2), bh-1, 7)
		script(2, 0xff)
	case 0x06:
		switch bh {
		case 0:
			script(3, 0xe9)
		case 1, 2:
			script(0, 0xe5+bh)
		default:
			return mouseBadInput
		}
	case 0x07:
		f.wr16(f.ebda(ebdaMouseCall), f.bx())
		f.wr16(f.ebda(ebdaMouseCall+2), f.es)
		if f.bx() == 0 && f.es == 0 {
			f.orBDA(f.ebda(ebdaMouseFlg2), 0, 0x80)
		} else {
			f.orBDA(f.ebda(ebdaMouseFlg2), 0x80, 0)
		}
	default:
		return mouseBadFunction
	}
	return 0
}

// mouseFinish returns what a finished script received.
func (f *frame) mouseFinish() {
	m := &f.b.state.Mouse
	r := m.Reply[m.N:]
	switch f.al() {
	case 0x00:
		m.On = f.bh() == 1
	case 0x01, 0x05:
		m.On = false
		if f.al() == 0x01 {
			f.setLo(rBX, uint16(r[1])<<8|uint16(r[0]))
		}
	case 0x04:
		f.setB1(rBX, r[0])
	case 0x06:
		if f.bh() == 0 {
			f.setB0(rBX, r[0])
			f.setB0(rCX, r[1])
			f.setB0(rDX, r[2])
		}
	}
}

// mouseIRQ collects a packet. When it is complete and there is a handler, carry
// tells the stub to call it with AX, BX, CX, DX: status, X, Y, 0.
func (f *frame) mouseIRQ() {
	f.set(flagCF, false)
	if f.in(kbcCtl)&0x21 != 0x21 {
		return
	}
	v := f.in(kbcData)
	flg1, flg2 := f.rd8(f.ebda(ebdaMouseFlg1)), f.rd8(f.ebda(ebdaMouseFlg2))
	i, last := flg1&7, flg2&7
	if last == 0 {
		last = 2
	}
	if i == 0 && v&0x08 == 0 { // out of step
		return
	}
	f.wr8(f.ebda(ebdaMouseData)+uint64(i), v)
	if i < last {
		f.wr8(f.ebda(ebdaMouseFlg1), flg1&^7|i+1)
		return
	}
	f.wr8(f.ebda(ebdaMouseFlg1), flg1&^7)
	if flg2&0x80 == 0 {
		return
	}
	p := f.bytes(f.ebda(ebdaMouseData), 3)
	f.setAX(uint16(p[0]))
	f.setLo(rBX, uint16(p[1]))
	f.setLo(rCX, uint16(p[2]))
	f.setLo(rDX, 0)
	f.es = f.rd16(bdaEBDA)
	f.set(flagCF, true)
}
