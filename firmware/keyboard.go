package firmware

// Keyboard: IRQ1 (INT 09h) and INT 16h. The keyboard speaks scan code set 1, as
// the 8042 translates it.

const (
	kbdBufStart = 0x1e // offsets in segment 40h
	kbdBufEnd   = 0x3e
	kbcCommand  = 0x65 // translate, mouse off, system flag, keyboard interrupt
)

// Bits of bdaKbdFlags, bdaKbdFlags2 and bdaKbdMode.
const (
	kfRShift   = 0x01
	kfLShift   = 0x02
	kfCtrl     = 0x04
	kfAlt      = 0x08
	kfScroll   = 0x10
	kfNum      = 0x20
	kfCaps     = 0x40
	kfInsert   = 0x80
	kf2LCtrl   = 0x01
	kf2LAlt    = 0x02
	kf2SysReq  = 0x04
	kmE1       = 0x01
	kmE0       = 0x02
	kmRCtrl    = 0x04
	kmRAlt     = 0x08
	warmMagic  = 0x1234
	delKey     = 0x53
	resetPulse = 0xfe
)

// scancode fetches the byte behind IRQ1 into AL; carry means that there is none
// for the keyboard handler.
func (f *frame) scancode() {
	if f.in(kbcCtl)&0x21 != 1 {
		f.set(flagCF, true)
		return
	}
	f.setAL(f.in(kbcData))
	f.set(flagCF, false)
}

// key handles the scan code in AL. Carry asks the stub for INT 1Bh, zero for
// INT 05h.
func (f *frame) key() {
	scan := f.al()
	f.set(flagCF|flagZF, false)
	mode := f.rd8(bdaKbdMode)
	e0, e1 := mode&kmE0 != 0, mode&kmE1 != 0
	switch scan {
	case 0xe0:
		f.wr8(bdaKbdMode, mode|kmE0)
		return
	case 0xe1:
		f.wr8(bdaKbdMode, mode|kmE1)
		return
	case 0xfa, 0xfe, 0xee, 0x00, 0xff: // answers to commands, overrun
		return
	}
	f.wr8(bdaKbdMode, mode&^kmE0)
	if e1 { // Pause sends E1 1D 45 E1 9D C5: the machine does not stop for it
		if scan&0x7f == 0x45 {
			f.wr8(bdaKbdMode, mode&^(kmE0|kmE1))
		}
		return
	}
	code, up := scan&0x7f, scan&0x80 != 0
	if f.modifier(code, up, e0) || up {
		return
	}
	flags := f.rd8(bdaKbdFlags)
	switch {
	case code == delKey && flags&(kfCtrl|kfAlt) == kfCtrl|kfAlt:
		f.wr16(bdaWarmBoot, warmMagic)
		f.out(kbcCtl, resetPulse)
		return
	case e0 && code == 0x46: // Ctrl-Break
		f.wr8(bdaBreak, 0x80)
		f.wr16(bdaKbdHead, f.rd16(bdaKbdStart))
		f.wr16(bdaKbdTail, f.rd16(bdaKbdStart))
		f.pushKey(0)
		f.set(flagCF, true)
		return
	case e0 && code == 0x37:
		f.set(flagZF, true)
		return
	}
	if c, ok := f.translate(code, e0, flags); ok {
		f.pushKey(c)
	}
}

// modifier keeps the shift state; it reports whether the key was one of its own.
func (f *frame) modifier(code byte, up, e0 bool) bool {
	hold := func(at uint64, bit byte) {
		if up {
			f.orBDA(at, 0, bit)
		} else {
			f.orBDA(at, bit, 0)
		}
	}
	toggle := func(bit byte) {
		if !up && f.rd8(bdaKbdFlags2)&bit == 0 { // not for repeats
			f.wr8(bdaKbdFlags, f.rd8(bdaKbdFlags)^bit)
		}
		hold(bdaKbdFlags2, bit)
	}
	// both keeps the common flag while either of two keys is held.
	both := func(bit byte, left byte, right byte) {
		if e0 {
			hold(bdaKbdMode, right)
		} else {
			hold(bdaKbdFlags2, left)
		}
		down := f.rd8(bdaKbdMode)&right != 0 || f.rd8(bdaKbdFlags2)&left != 0
		f.orBDA(bdaKbdFlags, 0, bit)
		if down {
			f.orBDA(bdaKbdFlags, bit, 0)
		}
	}
	switch code {
	case 0x2a, 0x36:
		if e0 { // fake shifts around the grey keys
			return true
		}
		if code == 0x2a {
			hold(bdaKbdFlags, kfLShift)
		} else {
			hold(bdaKbdFlags, kfRShift)
		}
	case 0x1d:
		both(kfCtrl, kf2LCtrl, kmRCtrl)
	case 0x38:
		both(kfAlt, kf2LAlt, kmRAlt)
		if n := f.rd8(bdaAltNum); up && n != 0 {
			f.wr8(bdaAltNum, 0)
			f.pushKey(uint16(n))
		}
	case 0x3a:
		toggle(kfCaps)
	case 0x45:
		toggle(kfNum)
	case 0x46:
		if e0 {
			return false
		}
		toggle(kfScroll)
	case 0x52: // Insert is an ordinary key too
		if !e0 && f.rd8(bdaKbdFlags)&kfNum != 0 {
			return false
		}
		toggle(kfInsert)
		return up
	case 0x54:
		hold(bdaKbdFlags2, kf2SysReq)
	default:
		return false
	}
	return true
}

// translate gives a key's INT 16h code.
func (f *frame) translate(code byte, e0 bool, flags byte) (uint16, bool) {
	if int(code) >= len(keyTable) {
		return 0, false
	}
	k := keyTable[code]
	shift := flags&(kfLShift|kfRShift) != 0
	column := plain
	keypad := code >= 0x47 && code <= 0x53
	switch {
	case flags&kfAlt != 0:
		if keypad && code != 0x4a && code != 0x4e {
			if e0 {
				c, ok := altNav[code]
				return c, ok
			}
			if d := keyTable[code][shifted] & 0xff; d >= '0' && d <= '9' {
				f.wr8(bdaAltNum, f.rd8(bdaAltNum)*10+byte(d-'0'))
			}
			return 0, false
		}
		column = withAlt
	case flags&kfCtrl != 0:
		column = withCtrl
	case keypad && e0:
	case keypad:
		if shift != (flags&kfNum != 0) {
			column = shifted
		}
	default:
		c := byte(k[plain])
		if letter := c >= 'a' && c <= 'z'; letter && flags&kfCaps != 0 {
			shift = !shift
		}
		if shift {
			column = shifted
		}
	}
	v := k[column]
	if e0 {
		switch {
		case code == 0x1c: // keypad Enter
			v = [...]uint16{0xe00d, 0xe00d, 0xe00a, 0xa600}[column]
		case code == 0x35: // keypad /
			v = [...]uint16{0xe02f, 0xe02f, 0x9500, 0xa400}[column]
		case keypad && v != 0:
			v = v&0xff00 | 0xe0
		default:
			return 0, false
		}
	}
	return v, v != 0
}

// next is the buffer position after at.
func (f *frame) nextKey(at uint16) uint16 {
	at += 2
	if at >= f.rd16(bdaKbdEnd) {
		at = f.rd16(bdaKbdStart)
	}
	return at
}

// pushKey appends a code to the buffer; a full buffer refuses it.
func (f *frame) pushKey(code uint16) bool {
	tail := f.rd16(bdaKbdTail)
	next := f.nextKey(tail)
	if next == f.rd16(bdaKbdHead) {
		return false
	}
	f.wr16(0x400+uint64(tail), code)
	f.wr16(bdaKbdTail, next)
	return true
}

// peekKey is the oldest code in the buffer.
func (f *frame) peekKey() (uint16, bool) {
	head := f.rd16(bdaKbdHead)
	if head == f.rd16(bdaKbdTail) {
		return 0, false
	}
	return f.rd16(0x400 + uint64(head)), true
}

func (f *frame) dropKey() { f.wr16(bdaKbdHead, f.nextKey(f.rd16(bdaKbdHead))) }

// oldKey maps a code to what the 84-key keyboard's functions return; ok is
// false for keys that it did not have.
func oldKey(c uint16) (_ uint16, ok bool) {
	switch {
	case c>>8 == 0xe0 && c&0xff == '/':
		return 0x352f, true
	case c>>8 == 0xe0:
		return 0x1c00 | c&0xff, true
	case c&0xff == 0xe0 && c>>8 != 0:
		return c & 0xff00, true
	case c>>8 > 0x84:
		return 0, false
	}
	return c, true
}

// int16 is the keyboard interrupt.
func (f *frame) int16() {
	old := f.ah() < 0x10
	switch f.ah() {
	case 0x00, 0x10:
		for {
			c, ok := f.peekKey()
			if !ok {
				f.wait = waitIdle
				return
			}
			f.dropKey()
			if old {
				c, ok = oldKey(c)
			}
			if ok {
				f.setAX(c)
				return
			}
		}
	case 0x01, 0x11:
		for {
			c, ok := f.peekKey()
			f.set(flagZF, !ok)
			if !ok {
				return
			}
			if old {
				if c, ok = oldKey(c); !ok {
					f.dropKey()
					continue
				}
			}
			f.setAX(c)
			return
		}
	case 0x02:
		f.setAL(f.rd8(bdaKbdFlags))
	case 0x05:
		f.setAL(1)
		if f.pushKey(f.cx()) {
			f.setAL(0)
		}
	case 0x09:
		f.setAL(0x20) // functions 10h-12h are there
	case 0x0a:
		f.setLo(rBX, 0x41ab) // translated MF2
	case 0x12:
		f2 := f.rd8(bdaKbdFlags2)
		f.setAL(f.rd8(bdaKbdFlags))
		f.setAH(f2&0x73 | f.rd8(bdaKbdMode)&0x0c | f2&kf2SysReq<<5)
	}
}
