package firmware

// keyCodes are the INT 16h codes (scan code in the high byte, ASCII in the low)
// of one key of the US layout: plain, with Shift, Ctrl, Alt. Zero means nothing.
type keyCodes [4]uint16

const (
	plain = iota
	shifted
	withCtrl
	withAlt
)

// keyTable is indexed by set 1 scan code.
var keyTable = makeKeyTable()

func makeKeyTable() (t [0x59]keyCodes) {
	row := func(scan byte, plainKeys, shiftKeys string) {
		for i := range len(plainKeys) {
			s := uint16(scan) + uint16(i)
			p, q := plainKeys[i], shiftKeys[i]
			k := keyCodes{s<<8 | uint16(p), s<<8 | uint16(q), 0, s << 8}
			if p >= 'a' && p <= 'z' {
				k[withCtrl] = s<<8 | uint16(p&0x1f)
			}
			t[s] = k
		}
	}
	row(0x02, "1234567890-=", "!@#$%^&*()_+")
	row(0x10, "qwertyuiop[]", "QWERTYUIOP{}")
	row(0x1e, "asdfghjkl;'`", `ASDFGHJKL:"~`)
	row(0x2b, `\zxcvbnm,./`, "|ZXCVBNM<>?")
	row(0x56, `\`, "|")
	for s := uint16(0x02); s <= 0x0d; s++ { // Alt with the digit row has codes of its own
		t[s][withAlt] = (s + 0x76) << 8
	}
	t[0x03][withCtrl] = 0x0300 // Ctrl-2 is NUL
	t[0x07][withCtrl] = 0x071e
	t[0x0c][withCtrl] = 0x0c1f
	t[0x1a][withCtrl] = 0x1a1b
	t[0x1b][withCtrl] = 0x1b1d
	t[0x2b][withCtrl] = 0x2b1c
	t[0x01] = keyCodes{0x011b, 0x011b, 0x011b, 0x0100}
	t[0x0e] = keyCodes{0x0e08, 0x0e08, 0x0e7f, 0x0e00}
	t[0x0f] = keyCodes{0x0f09, 0x0f00, 0x9400, 0xa500}
	t[0x1c] = keyCodes{0x1c0d, 0x1c0d, 0x1c0a, 0x1c00}
	t[0x37] = keyCodes{0x372a, 0x372a, 0x9600, 0x3700}
	t[0x39] = keyCodes{0x3920, 0x3920, 0x3920, 0x3920}
	for i := range uint16(10) { // F1-F10
		t[0x3b+i] = keyCodes{(0x3b + i) << 8, (0x54 + i) << 8, (0x5e + i) << 8, (0x68 + i) << 8}
	}
	t[0x57] = keyCodes{0x8500, 0x8700, 0x8900, 0x8b00}
	t[0x58] = keyCodes{0x8600, 0x8800, 0x8a00, 0x8c00}
	ctrl := [...]uint16{0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93}
	for i, c := range "789-456+1230." { // the keypad; Shift here means Num Lock
		s := uint16(0x47 + i)
		t[s] = keyCodes{s << 8, s<<8 | uint16(c), ctrl[i] << 8, 0}
		if c == '-' || c == '+' {
			t[s][plain], t[s][withAlt] = s<<8|uint16(c), s<<8
		}
	}
	t[0x4c][plain] = 0x4c00
	return t
}

// altNav are the codes of Alt with the grey navigation keys.
var altNav = map[byte]uint16{
	0x47: 0x9700, 0x48: 0x9800, 0x49: 0x9900, 0x4b: 0x9b00, 0x4d: 0x9d00,
	0x4f: 0x9f00, 0x50: 0xa000, 0x51: 0xa100, 0x52: 0xa200, 0x53: 0xa300,
}
