package vga

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const win = 0xa0000

func TestWriteModes(t *testing.T) {
	type regs map[byte]byte // graphics controller
	latch := [4]byte{0x0f, 0xf0, 0x33, 0xcc}
	for _, c := range []struct {
		name string
		gfx  regs
		maps byte
		x    byte
		want [4]byte
	}{
		{"mode 0 copies", regs{}, 0x0f, 0xa5, [4]byte{0xa5, 0xa5, 0xa5, 0xa5}},
		{"map mask", regs{}, 0x05, 0xa5, [4]byte{0xa5, 0xf0, 0xa5, 0xcc}},
		{"bit mask keeps latch bits", regs{8: 0xf0}, 0x0f, 0xff, [4]byte{0xff, 0xf0, 0xf3, 0xfc}},
		{"set/reset replaces enabled planes", regs{0: 0x01, 1: 0x03}, 0x0f, 0x5a, [4]byte{0xff, 0x00, 0x5a, 0x5a}},
		{"rotate right", regs{3: 0x04}, 0x0f, 0x12, [4]byte{0x21, 0x21, 0x21, 0x21}},
		{"AND latch", regs{3: 0x08}, 0x0f, 0x3c, [4]byte{0x0c, 0x30, 0x30, 0x0c}},
		{"OR latch", regs{3: 0x10}, 0x0f, 0x3c, [4]byte{0x3f, 0xfc, 0x3f, 0xfc}},
		{"XOR latch", regs{3: 0x18}, 0x0f, 0xff, [4]byte{0xf0, 0x0f, 0xcc, 0x33}},
		{"mode 1 writes latches", regs{5: 1, 8: 0}, 0x0f, 0x00, latch},
		{"mode 2 spreads the colour", regs{5: 2}, 0x0f, 0x0a, [4]byte{0x00, 0xff, 0x00, 0xff}},
		{"mode 2 with bit mask", regs{5: 2, 8: 0x0f}, 0x0f, 0x01, [4]byte{0x0f, 0xf0, 0x30, 0xc0}},
		{"mode 3: data AND bit mask, set/reset colour", regs{0: 0x05, 5: 3, 8: 0xf8}, 0x0f, 0x1f,
			[4]byte{0x1f, 0xe0, 0x3b, 0xc4}},
	} {
		b := newBoard(t)
		b.setMode(t, 0x12)
		copy(b.vram[4*100:], latch[:])
		copy(b.vram[4*200:], latch[:])
		b.peek(win + 100) // load the latches
		b.reg(0x3c4, 2, c.maps)
		for i, x := range c.gfx {
			b.reg(0x3ce, i, x)
		}
		b.poke(win+200, c.x)
		require.Equal(t, c.want, b.planes(200), c.name)
	}
}

func TestReadModes(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 0x12)
	copy(b.vram[4*7:], []byte{0x11, 0x22, 0x44, 0x88})
	for p, want := range []byte{0x11, 0x22, 0x44, 0x88} {
		b.reg(0x3ce, 4, byte(p))
		require.Equal(t, want, b.peek(win+7))
		require.Equal(t, want, b.readReg(0x3d4, 0x22), "CR22 is the latch of the plane read")
	}
	b.reg(0x3ce, 5, 0x08)
	for _, c := range []struct{ colour, care, want byte }{
		{0x01, 0x0f, 0x11}, {0x02, 0x0f, 0x22}, {0x08, 0x0f, 0x88}, {0, 0x0f, 0x00},
		{0, 0x01, 0xee}, {0x0f, 0x00, 0xff},
	} {
		b.reg(0x3ce, 2, c.colour)
		b.reg(0x3ce, 7, c.care)
		require.Equal(t, c.want, b.peek(win+7), "%+v", c)
	}
}

func TestMemoryMaps(t *testing.T) {
	for m, r := range [][2]uint64{{0xa0000, 0xbffff}, {0xa0000, 0xaffff}, {0xb0000, 0xb7fff}, {0xb8000, 0xbffff}} {
		b := newBoard(t)
		b.setMode(t, 0x12)
		b.reg(0x3ce, 6, byte(m)<<2|1)
		for _, a := range []uint64{0xa0000, 0xaffff, 0xb0000, 0xb7fff, 0xb8000, 0xbffff} {
			b.poke(a, 0x5a)
			if a >= r[0] && a <= r[1] {
				require.Equal(t, byte(0x5a), b.peek(a), "map %d, %x", m, a)
			} else {
				require.Equal(t, byte(0xff), b.peek(a), "map %d, %x", m, a)
			}
		}
		require.Equal(t, byte(0x5a), b.planes(0)[0])
		b.outb(0x3c2, 0xe1) // RAM disabled
		require.Equal(t, byte(0xff), b.peek(r[0]))
	}
}

func TestOddEven(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.bus.Write(0xb8000+160, 4, 0x1f421e41)
	require.Equal(t, [4]byte{'A', 0x1e}, [4]byte{b.planes(160)[0], b.planes(160)[1]})
	require.Equal(t, [4]byte{'B', 0x1f}, [4]byte{b.planes(162)[0], b.planes(162)[1]})
	require.Equal(t, uint64(0x1f421e41), b.bus.Read(0xb8000+160, 4))
	// The slow way (bit mask set) goes to the same place.
	b.reg(0x3ce, 8, 0x0f)
	b.peek(0xb8000 + 160)
	b.poke(0xb8000+160, 0xf2)
	require.Equal(t, byte('A'&0xf0|2), b.planes(160)[0])
	require.Equal(t, byte(0x1e), b.planes(160)[1])
	// A font load: sequential access to plane 2 at A0000.
	b.reg(0x3ce, 8, 0xff)
	for _, r := range [][3]uint16{{0x3c4, 2, 4}, {0x3c4, 4, 7}, {0x3ce, 4, 2}, {0x3ce, 5, 0}, {0x3ce, 6, 4}} {
		b.reg(r[0], byte(r[1]), byte(r[2]))
	}
	b.poke(0xa0000+'A'*32+1, 0x77)
	require.Equal(t, byte(0x77), b.planes('A'*32 + 1)[2])
	require.Equal(t, byte(0x77), b.peek(0xa0000+'A'*32+1))
}

func TestChain4AndModeX(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 0x13)
	b.bus.Write(win+320, 8, 0x0807060504030201)
	require.Equal(t, [4]byte{1, 2, 3, 4}, b.planes(320))
	require.Equal(t, [4]byte{5, 6, 7, 8}, b.planes(324))
	require.Equal(t, uint64(0x0807060504030201), b.bus.Read(win+320, 8))
	b.reg(0x3c4, 2, 0x02) // the map mask still counts
	b.bus.Write(win+320, 4, 0)
	require.Equal(t, [4]byte{1, 0, 3, 4}, b.planes(320))

	b.reg(0x3c4, 4, 6) // unchained: one plane at a time, 80 bytes a line
	b.reg(0x3c4, 2, 0x08)
	b.poke(win+80, 9)
	require.Equal(t, [4]byte{0, 0, 0, 9}, b.planes(80))
}
