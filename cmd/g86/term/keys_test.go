package term

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEscapePrefix(t *testing.T) {
	for _, c := range []struct {
		in   []string
		pass string
		do   []Command
	}{
		{[]string{"hello"}, "hello", nil},
		{[]string{"a\x01xb"}, "ab", []Command{Quit}},
		{[]string{"\x01c\x01h\x01?"}, "", []Command{Monitor, Help, Help}},
		{[]string{"\x01\x01"}, "\x01", nil},
		{[]string{"a\x01", "xb"}, "ab", []Command{Quit}}, // split between reads
		{[]string{"\x01", "\x01", "x"}, "\x01x", nil},
		{[]string{"1\x01z2"}, "12", nil}, // unknown: dropped
		{[]string{"\x01\x18\x01\x03"}, "", []Command{Quit, Monitor}},
	} {
		var e Escape
		var pass []byte
		var do []Command
		for _, in := range c.in {
			e.Feed([]byte(in), func(p []byte) { pass = append(pass, p...) }, func(x Command) { do = append(do, x) })
		}
		require.Equal(t, c.pass, string(pass), "%q", c.in)
		require.Equal(t, c.do, do, "%q", c.in)
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string][]string{
		"aZ9":              {"a", "shift-z", "9"},
		" -=[];'`\\,./":    {"spc", "minus", "equal", "bracket_left", "bracket_right", "semicolon", "apostrophe", "grave_accent", "backslash", "comma", "dot", "slash"},
		"!@~|?\"":          {"shift-1", "shift-2", "shift-grave_accent", "shift-backslash", "shift-slash", "shift-apostrophe"},
		"\r\t\x7f\x08":     {"ret", "tab", "backspace", "backspace"},
		"\x03\x1a\x0a":     {"ctrl-c", "ctrl-z", "ctrl-j"},
		"\x00\x1c\x1d":     {"ctrl-spc", "ctrl-backslash", "ctrl-bracket_right"},
		"\x1b[A\x1b[D":     {"up", "left"},
		"\x1bOA\x1bOP":     {"up", "f1"},
		"\x1b[15~\x1b[24~": {"f5", "f12"},
		"\x1b[[A\x1b[[E":   {"f1", "f5"},
		"\x1b[2~\x1b[3~":   {"insert", "delete"},
		"\x1b[5~\x1b[6~":   {"pgup", "pgdn"},
		"\x1b[H\x1b[F":     {"home", "end"},
		"\x1b[1~\x1b[4~":   {"home", "end"},
		"\x1b[1;5C":        {"ctrl-right"},
		"\x1b[1;2A":        {"shift-up"},
		"\x1b[3;8~":        {"shift-alt-ctrl-delete"},
		"\x1b[1;3P":        {"alt-f1"},
		"\x1b[Z":           {"shift-tab"},
		"\x1bx\x1bX":       {"alt-x", "alt-shift-x"},
		"\x1b\r":           {"alt-ret"},
		"\x1b\x03":         {"alt-ctrl-c"},
		"\x1b\x1b[A":       {"esc", "up"},
		"aéb€c":            {"a", "b", "c"}, // not on a US keyboard: dropped whole
		"\x1béx":           {"x"},
		"\xffz":            {"z"},
		"\x1b[?1;2cq":      {"q"}, // a terminal's report is no key
		"\x1b[999~q":       {"q"},
	} {
		var d Decoder
		require.Equal(t, want, d.Feed([]byte(in)), "%q", in)
		require.False(t, d.Pending(), "%q", in)
		var bytewise []string
		for i := range len(in) {
			bytewise = append(bytewise, d.Feed([]byte{in[i]})...)
		}
		require.Equal(t, want, bytewise, "%q byte by byte", in)
	}
}

func TestLoneEscape(t *testing.T) {
	var d Decoder
	require.Empty(t, d.Feed([]byte{0x1b}))
	require.True(t, d.Pending())
	require.Equal(t, []string{"esc"}, d.Flush())
	require.Empty(t, d.Feed([]byte("\x1b[")))
	require.Equal(t, []string{"esc", "bracket_left"}, d.Flush())
	require.Empty(t, d.Flush())
	endless := append([]byte("\x1b["), make([]byte, 100)...)
	for i := 2; i < len(endless); i++ {
		endless[i] = '1'
	}
	require.NotEmpty(t, d.Feed(endless), "an endless sequence is given up")
}
