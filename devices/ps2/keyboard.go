package ps2

// maxCodes bounds the scan code bytes that wait for the guest. A real keyboard
// holds 16; more lets the host type a line at once.
const maxCodes = 256

// keyboard is an IBM enhanced keyboard (PS/2 Hardware Interface Technical
// Reference, "Keyboard"): scan code sets 1 to 3, no typematic repeat (the host's
// keyboard repeats).
type keyboard struct {
	Set      uint8
	Enabled  bool
	LEDs     uint8
	Rate     uint8
	Pending  uint8 // command that awaits its argument
	Last     uint8 // for Resend
	Replies  []uint8
	Codes    []uint8
	NoBreak3 [256]bool // set 3: the key with this code sends no break code
}

func (k *keyboard) reset() {
	*k = keyboard{}
	k.defaults()
	k.Set, k.Enabled = 2, true
}

// defaults is what Set Default restores; the scan code set and the lights stay.
func (k *keyboard) defaults() {
	k.Rate = 0x2b // 10.9 a second after 500 ms
	k.Codes = nil
	// In set 3 only these send break codes by default.
	k.breaks(true)
	for _, name := range []string{"shift", "shift_r", "ctrl", "alt", "caps_lock"} {
		k.NoBreak3[keys[keyIndex[name]].set3] = false
	}
}

func (k *keyboard) breaks(none bool) {
	for i := range k.NoBreak3 {
		k.NoBreak3[i] = none
	}
}

func (k *keyboard) waiting() bool { return len(k.Replies) > 0 || len(k.Codes) > 0 }

func (k *keyboard) next() uint8 {
	q := &k.Codes
	if len(k.Replies) > 0 {
		q = &k.Replies
	}
	v := (*q)[0]
	*q = (*q)[1:]
	if v != 0xfe {
		k.Last = v
	}
	return v
}

func (k *keyboard) reply(vs ...uint8) {
	if len(k.Replies)+len(vs) <= maxReplies {
		k.Replies = append(k.Replies, vs...)
	}
}

// write is a byte from the system. A new byte drops what was still unread of the
// last answer.
func (k *keyboard) write(p *PS2, v uint8) {
	k.Replies = nil
	if c := k.Pending; c != 0 && v < 0xed {
		k.argument(p, c, v)
		return
	}
	k.Pending = 0
	switch v {
	case 0xed, 0xf0, 0xf3: // lights, scan code set, typematic rate
		k.Pending = v
	case 0xfb, 0xfc, 0xfd: // set 3 type of single keys: codes until the next command
		k.Pending = v
	case 0xee: // echo
		k.reply(0xee)
		return
	case 0xf2: // identify
		k.reply(0xfa, 0xab, 0x83)
		return
	case 0xf4:
		k.Enabled = true
		k.Codes = nil
	case 0xf5:
		k.defaults()
		k.Enabled = false
	case 0xf6:
		k.defaults()
	case 0xf7, 0xf9: // set 3, all keys: typematic or make only
		k.breaks(true)
	case 0xf8, 0xfa: // set 3, all keys: with break codes
		k.breaks(false)
	case 0xfe:
		k.reply(k.Last)
		return
	case 0xff:
		k.reset()
		if p.hooks.LEDs != nil {
			p.hooks.LEDs(0)
		}
		k.reply(0xfa, 0xaa)
		return
	default:
		k.reply(0xfe)
		return
	}
	k.reply(0xfa)
}

// argument is the byte after command c.
func (k *keyboard) argument(p *PS2, c, v uint8) {
	if c < 0xfb {
		k.Pending = 0
	}
	switch c {
	case 0xed:
		k.LEDs = v & 7
		if p.hooks.LEDs != nil {
			p.hooks.LEDs(k.LEDs)
		}
	case 0xf0:
		switch {
		case v == 0:
			k.reply(0xfa, k.Set)
			return
		case v > 3:
			k.reply(0xfe)
			return
		}
		k.Set = v
		k.Codes = nil
	case 0xf3:
		k.Rate = v & 0x7f
	default:
		k.NoBreak3[v] = c != 0xfc
	}
	k.reply(0xfa)
}

// KeyEvent presses or releases a key. It reports false, and the guest sees
// nothing, when the queue is full or the guest has disabled the keyboard.
func (p *PS2) KeyEvent(key Key, down bool) bool {
	k := &p.kbd
	if int(key) >= len(keys) || !k.Enabled {
		return false
	}
	seq := keys[key].codes(k.Set, down)
	if k.Set == 3 && !down && k.NoBreak3[keys[key].set3] {
		return true
	}
	if len(k.Codes)+len(seq) > maxCodes {
		return false
	}
	k.Codes = append(k.Codes, seq...)
	p.kick(firstByteNS)
	return true
}

// KeyRoom reports whether the queue has room for n more key events.
func (p *PS2) KeyRoom(n int) bool { return len(p.kbd.Codes)+n*maxSequence <= maxCodes }

// TypeRune presses and releases the keys that make r on a US keyboard. It
// reports false when there are none or the queue is too full for them.
func (p *PS2) TypeRune(r rune) bool {
	key, shift, ok := RuneKey(r)
	if !ok || !p.kbd.Enabled || !p.KeyRoom(4) {
		return false
	}
	s := Key(keyIndex["shift"])
	if shift {
		p.KeyEvent(s, true)
	}
	p.KeyEvent(key, true)
	p.KeyEvent(key, false)
	if shift {
		p.KeyEvent(s, false)
	}
	return true
}

// LEDs are the keyboard's lights: bit 0 scroll, 1 num, 2 caps lock.
func (p *PS2) LEDs() uint8 { return p.kbd.LEDs }
