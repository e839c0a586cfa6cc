package ps2

import (
	"strconv"
	"strings"
)

// Key is a key of the keyboard: an index into the key table.
type Key int

// maxSequence is the longest scan code sequence of one event (Pause).
const maxSequence = 8

// key is one row: QEMU's sendkey name, the set 1 make code (ext: after E0), and
// the set 3 code where it is not the set 2 code.
type key struct {
	name string
	set1 uint8
	ext  bool
	set3 uint8
}

// translate is the 8042's table from set 2 to set 1. Codes from 85h up, which
// include the keyboard's answers, pass unchanged.
var translate = func() (t [256]uint8) {
	for i := range t {
		t[i] = uint8(i)
	}
	copy(t[:], "\xff\x43\x41\x3f\x3d\x3b\x3c\x58\x64\x44\x42\x40\x3e\x0f\x29\x59"+
		"\x65\x38\x2a\x70\x1d\x10\x02\x5a\x66\x71\x2c\x1f\x1e\x11\x03\x5b"+
		"\x67\x2e\x2d\x20\x12\x05\x04\x5c\x68\x39\x2f\x21\x14\x13\x06\x5d"+
		"\x69\x31\x30\x23\x22\x15\x07\x5e\x6a\x72\x32\x24\x16\x08\x09\x5f"+
		"\x6b\x33\x25\x17\x18\x0b\x0a\x60\x6c\x34\x35\x26\x27\x19\x0c\x61"+
		"\x6d\x73\x28\x74\x1a\x0d\x62\x6e\x3a\x36\x1c\x1b\x75\x2b\x63\x76"+
		"\x55\x56\x77\x78\x79\x7a\x0e\x7b\x7c\x4f\x7d\x4b\x47\x7e\x7f\x6f"+
		"\x52\x53\x50\x4c\x4d\x48\x01\x45\x57\x4e\x51\x4a\x37\x49\x46\x54"+
		"\x80\x81\x82\x41\x54")
	return t
}()

// set2 is the inverse of translate for make codes. 41h and 54h have two origins;
// the keys' own are 83h (F7) and 84h (SysRq).
var set2 = func() (t [128]uint8) {
	for i := 0x84; i >= 0; i-- {
		if v := translate[i]; v < 0x80 && t[v] == 0 {
			t[v] = uint8(i)
		}
	}
	return t
}()

// keys is the US 104-key keyboard plus the keys other layouts add.
var keys = []key{
	{"esc", 0x01, false, 0x08},
	{"1", 0x02, false, 0}, {"2", 0x03, false, 0}, {"3", 0x04, false, 0}, {"4", 0x05, false, 0}, {"5", 0x06, false, 0},
	{"6", 0x07, false, 0}, {"7", 0x08, false, 0}, {"8", 0x09, false, 0}, {"9", 0x0a, false, 0}, {"0", 0x0b, false, 0},
	{"minus", 0x0c, false, 0}, {"equal", 0x0d, false, 0}, {"backspace", 0x0e, false, 0}, {"tab", 0x0f, false, 0},
	{"q", 0x10, false, 0}, {"w", 0x11, false, 0}, {"e", 0x12, false, 0}, {"r", 0x13, false, 0}, {"t", 0x14, false, 0},
	{"y", 0x15, false, 0}, {"u", 0x16, false, 0}, {"i", 0x17, false, 0}, {"o", 0x18, false, 0}, {"p", 0x19, false, 0},
	{"bracket_left", 0x1a, false, 0}, {"bracket_right", 0x1b, false, 0}, {"ret", 0x1c, false, 0}, {"ctrl", 0x1d, false, 0x11},
	{"a", 0x1e, false, 0}, {"s", 0x1f, false, 0}, {"d", 0x20, false, 0}, {"f", 0x21, false, 0}, {"g", 0x22, false, 0},
	{"h", 0x23, false, 0}, {"j", 0x24, false, 0}, {"k", 0x25, false, 0}, {"l", 0x26, false, 0},
	{"semicolon", 0x27, false, 0}, {"apostrophe", 0x28, false, 0}, {"grave_accent", 0x29, false, 0},
	{"shift", 0x2a, false, 0}, {"backslash", 0x2b, false, 0x5c},
	{"z", 0x2c, false, 0}, {"x", 0x2d, false, 0}, {"c", 0x2e, false, 0}, {"v", 0x2f, false, 0}, {"b", 0x30, false, 0},
	{"n", 0x31, false, 0}, {"m", 0x32, false, 0}, {"comma", 0x33, false, 0}, {"dot", 0x34, false, 0}, {"slash", 0x35, false, 0},
	{"shift_r", 0x36, false, 0}, {"kp_multiply", 0x37, false, 0x7e}, {"alt", 0x38, false, 0x19}, {"spc", 0x39, false, 0},
	{"caps_lock", 0x3a, false, 0x14},
	{"f1", 0x3b, false, 0x07}, {"f2", 0x3c, false, 0x0f}, {"f3", 0x3d, false, 0x17}, {"f4", 0x3e, false, 0x1f}, {"f5", 0x3f, false, 0x27},
	{"f6", 0x40, false, 0x2f}, {"f7", 0x41, false, 0x37}, {"f8", 0x42, false, 0x3f}, {"f9", 0x43, false, 0x47}, {"f10", 0x44, false, 0x4f},
	{"num_lock", 0x45, false, 0x76}, {"scroll_lock", 0x46, false, 0x5f},
	{"kp_7", 0x47, false, 0}, {"kp_8", 0x48, false, 0}, {"kp_9", 0x49, false, 0}, {"kp_subtract", 0x4a, false, 0x84},
	{"kp_4", 0x4b, false, 0}, {"kp_5", 0x4c, false, 0}, {"kp_6", 0x4d, false, 0}, {"kp_add", 0x4e, false, 0x7c},
	{"kp_1", 0x4f, false, 0}, {"kp_2", 0x50, false, 0}, {"kp_3", 0x51, false, 0}, {"kp_0", 0x52, false, 0}, {"kp_decimal", 0x53, false, 0},
	{"sysrq", 0x54, false, 0x57}, {"less", 0x56, false, 0x13}, {"f11", 0x57, false, 0x56}, {"f12", 0x58, false, 0x5e},
	{"ro", 0x73, false, 0x51}, {"hiragana", 0x70, false, 0x87}, {"henkan", 0x79, false, 0x86}, {"muhenkan", 0x7b, false, 0x85}, {"yen", 0x7d, false, 0x5d},
	{"kp_enter", 0x1c, true, 0x79}, {"ctrl_r", 0x1d, true, 0x58}, {"kp_divide", 0x35, true, 0x4a},
	{"print", 0x37, true, 0x57}, {"alt_r", 0x38, true, 0x39}, {"pause", 0x45, true, 0x62},
	{"home", 0x47, true, 0x6e}, {"up", 0x48, true, 0x63}, {"pgup", 0x49, true, 0x6f}, {"left", 0x4b, true, 0x61}, {"right", 0x4d, true, 0x6a},
	{"end", 0x4f, true, 0x65}, {"down", 0x50, true, 0x60}, {"pgdn", 0x51, true, 0x6d}, {"insert", 0x52, true, 0x67}, {"delete", 0x53, true, 0x64},
	{"meta_l", 0x5b, true, 0x8b}, {"meta_r", 0x5c, true, 0x8c}, {"menu", 0x5d, true, 0x8d},
	{"power", 0x5e, true, 0xa5}, {"sleep", 0x5f, true, 0xa6}, {"wake", 0x63, true, 0xa7},
	{"audionext", 0x19, true, 0xa8}, {"audioprev", 0x10, true, 0xa9}, {"audiostop", 0x24, true, 0xaa}, {"audioplay", 0x22, true, 0xab},
	{"audiomute", 0x20, true, 0xac}, {"volumedown", 0x2e, true, 0xad}, {"volumeup", 0x30, true, 0xae},
}

// aliases are further names that QEMU and people use.
var aliases = map[string]string{
	"asterisk": "kp_multiply", "escape": "esc", "enter": "ret", "return": "ret", "space": "spc", "compose": "menu",
	"shift_l": "shift", "ctrl_l": "ctrl", "alt_l": "alt", "altgr": "alt_r", "bksp": "backspace", "del": "delete", "period": "dot",
}

var keyIndex = func() map[string]int {
	m := map[string]int{}
	for i := range keys {
		k := &keys[i]
		if k.set3 == 0 {
			k.set3 = set2[k.set1]
		}
		m[k.name] = i
	}
	for a, name := range aliases {
		m[a] = m[name]
	}
	return m
}()

// KeyByName finds a key by its sendkey name ("ret", "ctrl", "f1") or its set 1
// code in hexadecimal ("0x1e", after an E0 prefix "0xe048"). Case does not matter.
func KeyByName(name string) (Key, bool) {
	name = strings.ToLower(name)
	if i, ok := keyIndex[name]; ok {
		return Key(i), true
	}
	hex, ok := strings.CutPrefix(name, "0x")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 16)
	if err != nil {
		return 0, false
	}
	return KeyByCode(uint16(n))
}

// KeyByCode finds a key by its set 1 make code: 1Eh, or E048h with the prefix.
func KeyByCode(code uint16) (Key, bool) {
	for i, k := range keys {
		if c := uint16(k.set1); c == code && !k.ext || c|0xe000 == code && k.ext {
			return Key(i), true
		}
	}
	return 0, false
}

// KeyNames lists the names of all keys in the table's order.
func KeyNames() []string {
	var l []string
	for _, k := range keys {
		l = append(l, k.name)
	}
	return l
}

// String is the key's name.
func (k Key) String() string { return keys[k].name }

// codes is what the key sends in scan code set set.
func (k *key) codes(set uint8, down bool) []uint8 {
	if set == 3 {
		if down {
			return []uint8{k.set3}
		}
		return []uint8{0xf0, k.set3}
	}
	var seq []uint8
	add := func(prefix, set1 uint8, down bool) {
		if prefix != 0 {
			seq = append(seq, prefix)
		}
		switch {
		case set == 1:
			seq = append(seq, set1|b2u(!down, 0x80))
		case down:
			seq = append(seq, set2[set1])
		default:
			seq = append(seq, 0xf0, set2[set1])
		}
	}
	switch {
	case k.name == "pause": // both codes on make, nothing on break
		if down {
			add(0xe1, 0x1d, true)
			add(0, 0x45, true)
			add(0xe1, 0x1d, false)
			add(0, 0x45, false)
		}
	case k.name == "print": // wrapped in a shift
		if down {
			add(0xe0, 0x2a, true)
			add(0xe0, 0x37, true)
		} else {
			add(0xe0, 0x37, false)
			add(0xe0, 0x2a, false)
		}
	case k.ext:
		add(0xe0, k.set1, down)
	default:
		add(0, k.set1, down)
	}
	return seq
}

// usShift and usPlain are the characters of the printing keys.
const (
	usPlain = "1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./ \n\t\b\x1b"
	usShift = "!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"~|ZXCVBNM<>?"
)

var usNames = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "minus", "equal",
	"q", "w", "e", "r", "t", "y", "u", "i", "o", "p", "bracket_left", "bracket_right",
	"a", "s", "d", "f", "g", "h", "j", "k", "l", "semicolon", "apostrophe", "grave_accent", "backslash",
	"z", "x", "c", "v", "b", "n", "m", "comma", "dot", "slash", "spc", "ret", "tab", "backspace", "esc"}

// RuneKey is the key that makes r on a US keyboard and whether Shift is held.
func RuneKey(r rune) (key Key, shift, ok bool) {
	switch r {
	case '\r':
		r = '\n'
	case 0x7f:
		r = '\b'
	}
	i := strings.IndexRune(usPlain, r)
	if i < 0 {
		i, shift = strings.IndexRune(usShift, r), true
	}
	if i < 0 {
		return 0, false, false
	}
	return Key(keyIndex[usNames[i]]), shift, true
}
