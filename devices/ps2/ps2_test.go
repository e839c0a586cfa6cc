package ps2

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/snap"
)

type board struct {
	*PS2
	b           *bus.Bus
	clk         *clock.Clock
	ns          uint64
	irq1, irq12 bool
	log         []string
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New()}
	x.clk = clock.New(func() uint64 { return x.ns }, 1000)
	say := func(f string, a ...any) { x.log = append(x.log, fmt.Sprintf(f, a...)) }
	line := func(p *bool) irq.Line { return func(l bool) { *p = l } }
	x.PS2 = New("ps2", x.clk, line(&x.irq1), line(&x.irq12), Hooks{
		A20:   func(on bool) { say("a20 %v", on) },
		Reset: func() { say("reset") },
		LEDs:  func(v uint8) { say("leds %d", v) },
	})
	require.NoError(t, x.Map(x.b))
	return x
}

// run lets ns pass.
func (x *board) run(ns uint64) {
	end := x.ns + ns
	for x.clk.Next() <= end {
		x.ns = max(x.ns, x.clk.Next())
		x.clk.RunDue()
	}
	x.ns = end
}

func (x *board) cmd(vs ...uint8) {
	for _, v := range vs {
		x.b.Out(0x64, 1, uint32(v))
	}
}

func (x *board) data(vs ...uint8) {
	for _, v := range vs {
		x.b.Out(0x60, 1, uint32(v))
	}
}

func (x *board) mouseCmd(t *testing.T, vs ...uint8) {
	for _, v := range vs {
		x.cmd(0xd4)
		x.data(v)
		require.EqualValues(t, 0xfa, x.drain()[0], "%#x", v)
	}
}

// drain reads bytes until none comes.
func (x *board) drain() (l []uint8) {
	for range 1000 {
		x.run(20_000_000)
		if x.b.In(0x64, 1)&stOBF == 0 {
			return l
		}
		l = append(l, uint8(x.b.In(0x60, 1)))
	}
	return l
}

func (x *board) key(t *testing.T, name string) (down, up []uint8) {
	k, ok := KeyByName(name)
	require.True(t, ok, name)
	require.True(t, x.KeyEvent(k, true))
	down = x.drain()
	require.True(t, x.KeyEvent(k, false))
	return down, x.drain()
}

func TestControllerCommands(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(x *board)
		want []uint8
	}{
		{"self test", func(x *board) { x.cmd(0xaa) }, []uint8{0x55}},
		{"test keyboard port", func(x *board) { x.cmd(0xab) }, []uint8{0x00}},
		{"test mouse port", func(x *board) { x.cmd(0xa9) }, []uint8{0x00}},
		{"password", func(x *board) { x.cmd(0xa4) }, []uint8{0xf1}},
		{"input port", func(x *board) { x.cmd(0xc0) }, []uint8{0xb0}},
		{"command byte", func(x *board) { x.cmd(0x60); x.data(0x47); x.cmd(0x20) }, []uint8{0x47}},
		{"RAM", func(x *board) { x.cmd(0x7f); x.data(0x12); x.cmd(0x3f) }, []uint8{0x12}},
		{"disable both", func(x *board) { x.cmd(0xad, 0xa7, 0x20) }, []uint8{0x71}},
		{"enable both", func(x *board) { x.cmd(0xad, 0xa7, 0xae, 0xa8, 0x20) }, []uint8{0x41}},
		{"SYS after self test", func(x *board) { x.cmd(0xaa, 0x20) }, []uint8{0x55, 0x65}},
		{"output port", func(x *board) { x.cmd(0xd0) }, []uint8{0xc3}},
		{"keyboard loop back", func(x *board) { x.cmd(0xd2); x.data(0x5a) }, []uint8{0x5a}},
		{"unknown", func(x *board) { x.cmd(0xb7) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newBoard(t)
			tt.do(x)
			require.Equal(t, tt.want, x.drain())
		})
	}
}

func TestStatusAndInterrupts(t *testing.T) {
	x := newBoard(t)
	require.EqualValues(t, stINH, x.b.In(0x64, 1))
	x.cmd(0xaa)
	require.EqualValues(t, stINH|stA2|stSYS|stOBF, x.b.In(0x64, 1), "the controller itself answers at once")
	require.True(t, x.irq1)
	x.b.In(0x60, 1)
	require.False(t, x.irq1)
	x.cmd(0x60)
	x.data(0x46) // mouse interrupt only
	x.cmd(0xd3)
	x.data(0x77)
	require.True(t, x.irq12)
	require.False(t, x.irq1)
	require.EqualValues(t, stINH|stSYS|stOBF|stAUX, x.b.In(0x64, 1))
	require.EqualValues(t, 0x77, x.b.In(0x60, 1))
	require.False(t, x.irq12)
	require.EqualValues(t, 0x77, x.b.In(0x60, 1), "an empty buffer repeats the last byte")
}

func TestA20AndReset(t *testing.T) {
	x := newBoard(t)
	x.cmd(0xd1)
	x.data(0xdd)
	x.cmd(0xdf)
	x.cmd(0xdd)
	x.cmd(0xff) // pulses nothing
	x.cmd(0xfe)
	x.cmd(0xd1)
	x.data(0x02)
	x.SyncA20(false)
	x.cmd(0xd0)
	require.EqualValues(t, []uint8{0x01}, x.drain())
	require.Equal(t, []string{"a20 false", "a20 true", "a20 false", "reset", "a20 true", "reset"}, x.log)
}

func TestKeyboardCommands(t *testing.T) {
	for _, tt := range []struct {
		name string
		send []uint8
		want []uint8
	}{
		{"reset", []uint8{0xff}, []uint8{0xfa, 0xaa}},
		{"echo", []uint8{0xee}, []uint8{0xee}},
		{"identify", []uint8{0xf2}, []uint8{0xfa, 0xab, 0x83}},
		{"unknown", []uint8{0xf1}, []uint8{0xfe}},
		{"get set", []uint8{0xf0, 0x00}, []uint8{0xfa, 0xfa, 0x02}},
		{"bad set", []uint8{0xf0, 0x04}, []uint8{0xfa, 0xfe}},
		{"rate", []uint8{0xf3, 0x20}, []uint8{0xfa, 0xfa}},
		{"defaults", []uint8{0xf6}, []uint8{0xfa}},
		{"resend", []uint8{0xf2, 0xfe}, []uint8{0xfa, 0xab, 0x83, 0x83}},
		{"lights", []uint8{0xed, 0x05}, []uint8{0xfa, 0xfa}},
		{"command instead of argument", []uint8{0xed, 0xf4}, []uint8{0xfa, 0xfa}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newBoard(t)
			x.cmd(0x60)
			x.data(0x01) // no translation
			var got []uint8
			for _, v := range tt.send {
				x.data(v)
				got = append(got, x.drain()...)
			}
			require.Equal(t, tt.want, got)
		})
	}
	x := newBoard(t)
	x.data(0xf2)
	require.Equal(t, []uint8{0xfa, 0xab, 0x41}, x.drain(), "answers are translated too")
	x.data(0xed)
	x.data(0x02)
	require.EqualValues(t, 2, x.LEDs())
	require.Equal(t, []string{"leds 2"}, x.log)
}

func TestScanCodes(t *testing.T) {
	for _, tt := range []struct {
		name           string
		one, oneUp     []uint8
		two, twoUp     []uint8
		three, threeUp []uint8
	}{
		{"a", []uint8{0x1e}, []uint8{0x9e}, []uint8{0x1c}, []uint8{0xf0, 0x1c}, []uint8{0x1c}, []uint8{0xf0, 0x1c}},
		{"f7", []uint8{0x41}, []uint8{0xc1}, []uint8{0x83}, []uint8{0xf0, 0x83}, []uint8{0x37}, []uint8{0xf0, 0x37}},
		{"ret", []uint8{0x1c}, []uint8{0x9c}, []uint8{0x5a}, []uint8{0xf0, 0x5a}, []uint8{0x5a}, []uint8{0xf0, 0x5a}},
		{"up", []uint8{0xe0, 0x48}, []uint8{0xe0, 0xc8}, []uint8{0xe0, 0x75}, []uint8{0xe0, 0xf0, 0x75}, []uint8{0x63}, []uint8{0xf0, 0x63}},
		{"ctrl_r", []uint8{0xe0, 0x1d}, []uint8{0xe0, 0x9d}, []uint8{0xe0, 0x14}, []uint8{0xe0, 0xf0, 0x14}, []uint8{0x58}, []uint8{0xf0, 0x58}},
		{"pause", []uint8{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}, nil, []uint8{0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}, nil, []uint8{0x62}, []uint8{0xf0, 0x62}},
		{"print", []uint8{0xe0, 0x2a, 0xe0, 0x37}, []uint8{0xe0, 0xb7, 0xe0, 0xaa}, []uint8{0xe0, 0x12, 0xe0, 0x7c}, []uint8{0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12}, []uint8{0x57}, []uint8{0xf0, 0x57}},
		{"sysrq", []uint8{0x54}, []uint8{0xd4}, []uint8{0x84}, []uint8{0xf0, 0x84}, []uint8{0x57}, []uint8{0xf0, 0x57}},
		{"esc", []uint8{0x01}, []uint8{0x81}, []uint8{0x76}, []uint8{0xf0, 0x76}, []uint8{0x08}, []uint8{0xf0, 0x08}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newBoard(t)
			down, up := x.key(t, tt.name)
			require.Equal(t, tt.one, down, "set 2 translated")
			require.Equal(t, tt.oneUp, up, "set 2 translated")
			x.cmd(0x60)
			x.data(0x01)
			down, up = x.key(t, tt.name)
			require.Equal(t, tt.two, down)
			require.Equal(t, tt.twoUp, up)
			x.data(0xf0)
			x.data(0x01)
			x.drain()
			down, up = x.key(t, tt.name)
			require.Equal(t, tt.one, down)
			require.Equal(t, tt.oneUp, up)
			x.data(0xf0)
			x.data(0x03)
			x.data(0xfa) // all keys with break codes
			x.drain()
			down, up = x.key(t, tt.name)
			require.Equal(t, tt.three, down)
			require.Equal(t, tt.threeUp, up)
		})
	}
}

func TestSet3KeyTypes(t *testing.T) {
	x := newBoard(t)
	x.cmd(0x60)
	x.data(0x01)
	x.data(0xf0)
	x.data(0x03)
	x.drain()
	_, up := x.key(t, "a")
	require.Empty(t, up)
	_, up = x.key(t, "shift")
	require.Equal(t, []uint8{0xf0, 0x12}, up)
	x.data(0xfc)
	x.data(0x1c)
	x.drain()
	_, up = x.key(t, "a")
	require.Equal(t, []uint8{0xf0, 0x1c}, up)
}

func TestEveryKeyIsDistinct(t *testing.T) {
	for set := uint8(1); set <= 2; set++ {
		seen := map[string]string{}
		for i := range keys {
			for _, down := range []bool{true, false} {
				c := string(keys[i].codes(set, down))
				if c == "" {
					continue
				}
				require.Empty(t, seen[c], "%s has the codes of another key", keys[i].name)
				seen[c] = keys[i].name
			}
		}
	}
	require.Len(t, KeyNames(), len(keys))
	for alias, name := range aliases {
		a, ok := KeyByName(alias)
		require.True(t, ok)
		require.Equal(t, name, a.String())
	}
	for _, bad := range []string{"hyper", "", "0x", "0x55", "0xe01e", "0x10000"} {
		_, ok := KeyByName(bad)
		require.False(t, ok, bad)
	}
	for hex, name := range map[string]string{"0x1e": "a", "0xE048": "up", "0x48": "kp_8"} {
		k, ok := KeyByName(hex)
		require.True(t, ok)
		require.Equal(t, name, k.String())
	}
}

func TestTyping(t *testing.T) {
	x := newBoard(t)
	require.True(t, x.TypeRune('A'))
	require.Equal(t, []uint8{0x2a, 0x1e, 0x9e, 0xaa}, x.drain())
	require.True(t, x.TypeRune('\r'))
	require.Equal(t, []uint8{0x1c, 0x9c}, x.drain())
	require.False(t, x.TypeRune('é'))
	for r := rune(' '); r <= '~'; r++ {
		_, _, ok := RuneKey(r)
		require.True(t, ok, "%q", r)
	}
	key, shift, _ := RuneKey('?')
	require.Equal(t, "slash", key.String())
	require.True(t, shift)
	require.Len(t, []rune(usPlain), len(usNames))
}

func TestQueueIsBounded(t *testing.T) {
	x := newBoard(t)
	k, _ := KeyByName("a")
	n := 0
	for x.KeyEvent(k, true) {
		n++
		require.LessOrEqual(t, n, maxCodes)
	}
	require.False(t, x.TypeRune('b'))
	require.Len(t, x.drain(), n, "nothing is lost of what was accepted")
	x.data(0xf5)
	x.drain()
	require.False(t, x.KeyEvent(k, true), "disabled")
	require.False(t, x.KeyEvent(Key(len(keys)), true))
}

func TestDisabledInterfaceHoldsBytes(t *testing.T) {
	x := newBoard(t)
	x.cmd(0xad)
	x.TypeRune('a')
	require.Empty(t, x.drain())
	x.cmd(0xae)
	require.Equal(t, []uint8{0x1e, 0x9e}, x.drain())
}

func TestMouseDetectionAndPackets(t *testing.T) {
	x := newBoard(t)
	id := func() uint8 {
		x.cmd(0xd4)
		x.data(0xf2)
		l := x.drain()
		require.Len(t, l, 2)
		return l[1]
	}
	x.cmd(0xd4)
	x.data(0xff)
	require.Equal(t, []uint8{0xfa, 0xaa, 0x00}, x.drain())
	require.False(t, x.MouseEvent(1, 1, 0, 0), "reporting is off")
	require.Zero(t, id())
	x.mouseCmd(t, 0xf4)
	x.MouseEvent(5, 3, 1, 1)
	require.Equal(t, []uint8{0x29, 5, 0xfd}, x.drain(), "down is negative")
	x.mouseCmd(t, 0xf3, 200, 0xf3, 100, 0xf3, 80)
	require.EqualValues(t, 3, id())
	x.MouseEvent(-300, 0, -1, 0)
	require.Equal(t, []uint8{0x18, 0x01, 0, 0xff, 0x18, 0xd3, 0, 0}, x.drain(), "long moves take two packets")
	x.mouseCmd(t, 0xf3, 200, 0xf3, 200, 0xf3, 80)
	require.EqualValues(t, 4, id())
	x.MouseEvent(0, 0, -1, 0x1c)
	require.Equal(t, []uint8{0x0c, 0, 0, 0x3f}, x.drain())
	x.MouseEvent(0, 0, 0, 0x1c)
	require.Empty(t, x.drain(), "nothing changed")
}

func TestMouseStatusModesAndErrors(t *testing.T) {
	x := newBoard(t)
	x.mouseCmd(t, 0xe8, 3, 0xf3, 40, 0xe7, 0xf4)
	x.MouseEvent(0, 0, 0, 5)
	x.drain()
	x.cmd(0xd4)
	x.data(0xe9)
	require.Equal(t, []uint8{0xfa, 0x36, 3, 40}, x.drain())
	x.MouseEvent(5, -10, 0, 5)
	require.Equal(t, []uint8{0x0d, 9, 20}, x.drain(), "2:1 scaling")
	x.mouseCmd(t, 0xf0)
	x.MouseEvent(4, 0, 0, 0)
	require.Empty(t, x.drain())
	x.cmd(0xd4)
	x.data(0xeb)
	require.Equal(t, []uint8{0xfa, 0x08, 4, 0}, x.drain(), "remote mode does not scale")
	x.cmd(0xd4)
	x.data(0xfe)
	require.Equal(t, []uint8{0x08, 4, 0}, x.drain())
	x.mouseCmd(t, 0xea, 0xee)
	x.cmd(0xd4)
	x.data(0xf2)
	require.Equal(t, []uint8{0xf2}, x.drain(), "wrap mode echoes")
	x.mouseCmd(t, 0xec)
	for _, bad := range [][]uint8{{0xf3, 55}, {0xe8, 4}, {0x12}} {
		var l []uint8
		for _, v := range bad {
			x.cmd(0xd4)
			x.data(v)
			l = x.drain()
		}
		require.Equal(t, []uint8{0xfe}, l)
	}
}

func TestMouseIsPacedAndBounded(t *testing.T) {
	x := newBoard(t)
	x.mouseCmd(t, 0xf4)
	x.MouseEvent(1, 0, 0, 0)
	x.run(1_000_000)
	for range 3 {
		x.b.In(0x60, 1)
		x.run(200_000)
	}
	x.MouseEvent(1, 0, 0, 0)
	x.MouseEvent(1, 0, 0, 0)
	x.run(1_000_000)
	require.Zero(t, x.b.In(0x64, 1)&stOBF, "100 packets a second")
	require.Equal(t, []uint8{0x08, 2, 0}, x.drain(), "movement adds up")
	n := 0
	for i := 0; x.MouseEvent(1<<40, 0, 0, uint8(i&1)); i++ {
		n++
		require.LessOrEqual(t, n, maxEvents+1)
	}
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t)
	x.mouseCmd(t, 0xf4)
	x.TypeRune('Q')
	x.MouseEvent(1, 2, 3, 1)
	x.run(30_000)
	require.True(t, x.irq1)
	var w, cw snap.Writer
	x.Save(&w)
	x.clk.Save(&cw)
	y := newBoard(t)
	y.ns = x.ns
	require.NoError(t, y.clk.Load(snap.NewReader(cw.Bytes())))
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, x.drain(), y.drain())
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:50])))
	y.Reset(devices.Hard)
	require.Empty(t, y.drain())
	require.False(t, y.irq1)
}
