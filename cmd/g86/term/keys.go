package term

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decoder turns what a terminal sends into keys named as by QEMU's sendkey
// ("a", "shift-a", "ctrl-c", "alt-f4", "ret"). The guest is taken to have a US
// keyboard; characters that one lacks are dropped whole.
type Decoder struct{ buf []byte }

// Feed decodes p and returns the keys in order. An unfinished sequence waits
// for more; see Pending.
func (d *Decoder) Feed(p []byte) (keys []string) {
	d.buf = append(d.buf, p...)
	for len(d.buf) > 0 {
		key, n := decode(d.buf)
		if n == 0 {
			if len(d.buf) < maxSequence {
				break
			}
			n = 1 // not a sequence after all
		}
		if key != "" {
			keys = append(keys, key)
		}
		d.buf = d.buf[n:]
	}
	return keys
}

// maxSequence bounds how long an unfinished sequence is waited for.
const maxSequence = 32

// Pending reports whether Feed waits for the rest of a sequence. If nothing
// comes within some 50 ms, it was the Esc key: call Flush.
func (d *Decoder) Pending() bool { return len(d.buf) > 0 }

// Flush takes the waiting bytes as keys of their own.
func (d *Decoder) Flush() (keys []string) {
	if len(d.buf) == 0 {
		return nil
	}
	p := d.buf
	d.buf = nil
	if p[0] == 0x1b {
		keys = append(keys, "esc")
		p = p[1:]
	}
	for _, b := range p {
		if key := ascii(b); key != "" && b < utf8.RuneSelf {
			keys = append(keys, key)
		}
	}
	return keys
}

// decode takes one key off p; n is 0 when more bytes are needed.
func decode(p []byte) (key string, n int) {
	switch {
	case p[0] >= utf8.RuneSelf:
		if !utf8.FullRune(p) {
			return "", 0
		}
		_, n = utf8.DecodeRune(p)
		return "", n
	case p[0] != 0x1b:
		return ascii(p[0]), 1
	case len(p) == 1:
		return "", 0
	}
	switch p[1] {
	case '[':
		return csi(p)
	case 'O': // SS3: keypad and function keys in application mode
		if len(p) < 3 {
			return "", 0
		}
		if key, ok := finals[p[2]]; ok {
			return key, 3
		}
	case 0x1b:
		return "esc", 1
	}
	if p[1] >= utf8.RuneSelf {
		key, n := decode(p[1:])
		if n == 0 {
			return "", 0
		}
		return key, n + 1
	}
	return modify(ascii(p[1]), "alt-"), 2
}

// finals are the keys that a letter ends (ECMA-48 CSI and SS3).
var finals = map[byte]string{
	'A': "up", 'B': "down", 'C': "right", 'D': "left", 'F': "end", 'H': "home", 'E': "kp_5",
	'P': "f1", 'Q': "f2", 'R': "f3", 'S': "f4", 'M': "ret",
}

// tildes are the keys that a number and ~ make (DEC VT220, xterm, rxvt).
var tildes = map[int]string{
	1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pgup", 6: "pgdn", 7: "home", 8: "end",
	11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9", 21: "f10", 23: "f11", 24: "f12",
}

// csi decodes ESC [ parameters final.
func csi(p []byte) (string, int) {
	if len(p) >= 3 && p[2] == '[' { // Linux console: ESC [ [ A-E are F1-F5
		if len(p) < 4 {
			return "", 0
		}
		if p[3] >= 'A' && p[3] <= 'E' {
			return "f" + strconv.Itoa(int(p[3]-'A')+1), 4
		}
		return "", 4
	}
	i := 2
	for i < len(p) && p[i] >= 0x20 && p[i] < 0x40 {
		i++
	}
	if i == len(p) {
		return "", 0
	}
	params := strings.Split(string(p[2:i]), ";")
	number := func(k int) int {
		if k >= len(params) {
			return 0
		}
		n, _ := strconv.Atoi(params[k])
		return n
	}
	mods := modifiers(number(1) - 1)
	switch p[i] {
	case '~':
		return modify(tildes[number(0)], mods), i + 1
	case 'Z':
		return "shift-tab", i + 1
	}
	return modify(finals[p[i]], mods), i + 1
}

// modifiers names xterm's modifier bits.
func modifiers(m int) (s string) {
	if m <= 0 {
		return ""
	}
	for i, name := range []string{"shift-", "alt-", "ctrl-"} {
		if m>>i&1 != 0 {
			s += name
		}
	}
	return s
}

func modify(key, mods string) string {
	if key == "" {
		return ""
	}
	return mods + key
}

// punctuation names the keys of a US keyboard by what they type.
var punctuation = map[byte]string{
	' ': "spc", '-': "minus", '=': "equal", '[': "bracket_left", ']': "bracket_right", ';': "semicolon",
	'\'': "apostrophe", '`': "grave_accent", '\\': "backslash", ',': "comma", '.': "dot", '/': "slash",
	'!': "shift-1", '@': "shift-2", '#': "shift-3", '$': "shift-4", '%': "shift-5", '^': "shift-6", '&': "shift-7",
	'*': "shift-8", '(': "shift-9", ')': "shift-0", '_': "shift-minus", '+': "shift-equal", '{': "shift-bracket_left",
	'}': "shift-bracket_right", ':': "shift-semicolon", '"': "shift-apostrophe", '~': "shift-grave_accent",
	'|': "shift-backslash", '<': "shift-comma", '>': "shift-dot", '?': "shift-slash",
}

// control names the control characters that are no letters.
var control = map[byte]string{
	0x00: "ctrl-spc", 0x08: "backspace", 0x09: "tab", 0x0d: "ret", 0x1b: "esc", 0x1c: "ctrl-backslash",
	0x1d: "ctrl-bracket_right", 0x1e: "ctrl-shift-6", 0x1f: "ctrl-shift-minus", 0x7f: "backspace",
}

func ascii(b byte) string {
	switch {
	case b >= 'a' && b <= 'z', b >= '0' && b <= '9':
		return string(rune(b))
	case b >= 'A' && b <= 'Z':
		return "shift-" + string(rune(b|0x20))
	}
	if key, ok := control[b]; ok {
		return key
	}
	if b < 0x20 {
		return "ctrl-" + string(rune(b|0x60))
	}
	return punctuation[b]
}
