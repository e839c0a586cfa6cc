package firmware

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/vga"
)

// withVGA is a board with the real display adapter, frame buffer behind PCI.
func withVGA(t *testing.T) *board {
	t.Helper()
	b := newBoard(t, Config{})
	v := vga.New("vga", clock.New(func() uint64 { return 0 }, 1000))
	require.NoError(t, v.Map(b.bus))
	require.NoError(t, v.MapLFB(b.bus, vga.DefaultLFB))
	f := &pciFakeFn{}
	f.cfg[0], f.cfg[2] = 0x11111234, 0x030000<<8
	f.bar(0, 0xff000000, 8)
	_, err := b.bus.MapPorts("pci", 0xcf8, 8, bus.Dword, &pciFake{fns: map[uint32]*pciFakeFn{0x10: f}})
	require.NoError(t, err)
	b.bios.hw.Video = v
	b.vga = v
	b.post()
	return b
}

func (b *board) text(t *testing.T) []string {
	lines, ok := b.vga.Text()
	require.True(t, ok, "text mode")
	return lines
}

func (b *board) puts(s string, colour uint16) {
	for _, c := range []byte(s) {
		b.regs(0x0e00|uint16(c), colour, 0, 0)
		b.call(0x10)
	}
}

func (b *board) setMode(n uint16) {
	b.regs(n, 0, 0, 0)
	b.call(0x10)
}

func TestTeletypeWrapsAndScrolls(t *testing.T) {
	b := withVGA(t)
	require.Contains(t, b.text(t)[0], "g86 BIOS")
	b.setMode(3)
	for i := range 30 {
		b.puts(string(rune('a'+i%26))+"\r\n", 0)
	}
	b.puts("last\b\bxy", 0)
	lines := b.text(t)
	require.Contains(t, lines[0], "g")
	require.Contains(t, lines[23], "d")
	require.Contains(t, lines[24], "laxy")
	b.regs(0x0300, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 24<<8|4, uint16(b.r[rDX]))
	b.regs(0x0f00, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 80<<8|3, uint16(b.r[rAX]))
}

func TestScrollWindow(t *testing.T) {
	b := withVGA(t)
	b.setMode(3)
	for row := range 5 {
		b.regs(0x0200, 0, 0, uint16(row)<<8)
		b.call(0x10)
		b.puts(string([]byte{byte('A' + row), byte('0' + row)}), 0)
	}
	b.regs(0x0601, 0x1e00, 0x0100, 0x0300) // rows 1-3 of column 0, one up
	b.call(0x10)
	lines := b.text(t)
	for row, want := range []string{"A0", "C1", "D2", " 3", "E4"} {
		require.Equal(t, want, (lines[row] + "  ")[:2])
	}
	require.EqualValues(t, 0x1e20, b.bus.Read(0xb8000+3*160, 2), "the blank line has the attribute in BH")
	b.regs(0x0702, 0x0700, 0x0000, 0x0400)
	b.call(0x10)
	lines = b.text(t)
	require.Equal(t, []string{" 0", " 1", "A2", "C3", "D4"}, []string{(lines[0] + " ")[:2], (lines[1] + " ")[:2], lines[2][:2], lines[3][:2], lines[4][:2]})
}

func TestWriteAndReadCharacters(t *testing.T) {
	b := withVGA(t)
	for _, c := range []struct {
		mode uint16
		attr uint16
		want uint16 // AX of AH=08h
	}{
		{3, 0x4f, 0x4f51}, {1, 0x17, 0x1751}, {7, 0x0f, 0x0f51},
		{0x04, 3, 0x51}, {0x06, 1, 0x51}, {0x0d, 5, 0x51}, {0x0e, 9, 0x51}, {0x10, 14, 0x51}, {0x12, 15, 0x51}, {0x13, 200, 0x51},
	} {
		b.setMode(c.mode)
		b.regs(0x0200, 0, 0, 0x0307)
		b.call(0x10)
		b.regs(0x0951, c.attr, 3, 0)
		b.call(0x10)
		for col := range uint16(3) {
			b.regs(0x0200, 0, 0, 0x0307+col)
			b.call(0x10)
			b.regs(0x0800, 0, 0, 0)
			b.call(0x10)
			require.Equal(t, c.want, uint16(b.r[rAX]), "mode %02x", c.mode)
		}
	}
}

func TestPixels(t *testing.T) {
	b := withVGA(t)
	for _, c := range []struct {
		mode, x, y uint16
		colour     uint16
	}{
		{0x04, 319, 199, 2}, {0x06, 639, 199, 1}, {0x0d, 100, 101, 9}, {0x10, 639, 349, 6}, {0x12, 639, 479, 13}, {0x13, 319, 199, 0x55},
	} {
		b.setMode(c.mode)
		read := func() byte {
			b.regs(0x0d00, 0, c.x, c.y)
			b.call(0x10)
			return byte(b.r[rAX])
		}
		require.Zero(t, read())
		b.regs(0x0c00|c.colour, 0, c.x, c.y)
		b.call(0x10)
		require.EqualValues(t, c.colour, read(), "mode %02x", c.mode)
		if c.mode != 0x13 {
			b.regs(0x0c80|c.colour, 0, c.x, c.y)
			b.call(0x10)
			require.Zero(t, read(), "mode %02x: exclusive or", c.mode)
		}
		b.regs(0x0c01, 0, 5000, 5000) // off the screen
		b.call(0x10)
	}
}

func TestGraphicsTeletypeScrolls(t *testing.T) {
	b := withVGA(t)
	for _, mode := range []uint16{0x04, 0x06, 0x0e, 0x12, 0x13} {
		b.setMode(mode)
		rows := int(b.ram[0x484]) + 1
		for i := range rows + 2 {
			b.puts(string(rune('A'+i))+"\r\n", 1)
		}
		for row, want := range map[int]byte{0: 'A' + 3, rows - 2: byte('A' + rows + 1), rows - 1: 0} {
			b.regs(0x0200, 0, 0, uint16(row)<<8)
			b.call(0x10)
			b.regs(0x0800, 0, 0, 0)
			b.call(0x10)
			if want == 0 { // an empty cell reads as one of the blank characters
				require.Contains(t, []byte{0, ' ', 0xff}, byte(b.r[rAX]), "mode %02x", mode)
				continue
			}
			require.Equal(t, string(rune(want)), string(rune(byte(b.r[rAX]))), "mode %02x row %d", mode, row)
		}
	}
}

func TestFontChangesRows(t *testing.T) {
	b := withVGA(t)
	b.setMode(3)
	b.regs(0x1112, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 49, b.ram[0x484])
	require.EqualValues(t, 8, b.u16(0x485))
	b.puts("still text", 7)
	require.Contains(t, b.text(t)[0], "still text")
	require.Len(t, b.text(t), 50)
	b.regs(0x1130, 0x0600, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0xc000, b.s[sES])
	at := 0xc0000 + uint64(uint16(b.r[rBP])) + 'A'*16
	p := make([]byte, 16)
	b.bus.ReadPhys(at, p)
	require.Equal(t, b.bios.hw.Font16['A'*16:'A'*16+16], p)
}

func TestPaletteAndDAC(t *testing.T) {
	b := withVGA(t)
	b.regs(0x1010, 0x0007, 0x1122, 0x3300)
	b.call(0x10)
	b.regs(0x1015, 0x0007, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x1122, uint16(b.r[rCX]))
	require.EqualValues(t, 0x33, byte(b.r[rDX]>>8))
	b.regs(0x1000, 0x2a03, 0, 0)
	b.call(0x10)
	b.regs(0x1007, 0x0003, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x2a, byte(b.r[rBX]>>8))
	_, ok := b.vga.Text()
	require.True(t, ok)
}

func TestWriteString(t *testing.T) {
	b := withVGA(t)
	b.setMode(3)
	copy(b.ram[0x40000:], "h\x1ei\x2f")
	b.s[sES], b.r[rBP] = 0x4000, 0
	b.regs(0x1303, 0, 2, 0x0205)
	b.call(0x10)
	require.EqualValues(t, 0x2f69_1e68, b.bus.Read(0xb8000+2*(2*80+5), 4))
	b.regs(0x0300, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x0207, uint16(b.r[rDX]))
}

func TestDisplayCombination(t *testing.T) {
	b := withVGA(t)
	b.regs(0x1a00, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x1a, byte(b.r[rAX]))
	require.EqualValues(t, 8, uint16(b.r[rBX]))
	b.s[sES], b.r[rDI] = 0x4000, 0
	b.regs(0x1b00, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x1b, byte(b.r[rAX]))
	require.EqualValues(t, 3, b.ram[0x40004])
	require.EqualValues(t, 25, b.ram[0x40022])
}

func TestVBE(t *testing.T) {
	b := withVGA(t)
	b.s[sES], b.r[rDI] = 0x4000, 0
	copy(b.ram[0x40000:], "VBE2")
	b.regs(0x4f00, 0, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x004f, uint16(b.r[rAX]))
	require.Equal(t, "VESA", string(b.ram[0x40000:0x40004]))
	require.EqualValues(t, 0x0300, b.u16(0x40004))
	require.EqualValues(t, 256, b.u16(0x40012), "16 MiB in 64 KiB units")
	list := int(b.u16(0x40010))<<4 + int(b.u16(0x4000e))
	seen := map[uint16]bool{}
	for ; b.u16(list) != 0xffff; list += 2 {
		n := b.u16(list)
		require.False(t, seen[n], "mode %x is listed twice", n)
		seen[n] = true
		b.r[rDI] = 0x1000
		b.regs(0x4f01, 0, n, 0)
		b.call(0x10)
		require.EqualValues(t, 0x004f, uint16(b.r[rAX]), "mode %x", n)
		info := b.ram[0x41000:]
		require.EqualValues(t, 0x9b, info[0])
		x, y, bits := b.u16(0x41012), b.u16(0x41014), info[0x19]
		require.EqualValues(t, 0xe0000000, b.u32(0x41028), "frame buffer")
		b.regs(0x4f02, n|0x4000, 0, 0)
		b.call(0x10)
		require.EqualValues(t, 0x004f, uint16(b.r[rAX]))
		img := b.vga.Render()
		require.EqualValues(t, x, img.Bounds().Dx(), "mode %x", n)
		require.EqualValues(t, y, img.Bounds().Dy(), "mode %x", n)
		b.regs(0x4f03, 0, 0, 0)
		b.call(0x10)
		require.EqualValues(t, n|0x4000, uint16(b.r[rBX]))
		if bits == 32 { // the masks tell where red is
			b.bus.Write(0xe0000000, 4, 0xff<<info[0x20])
			r, g, bl, _ := b.vga.Render().At(0, 0).RGBA()
			require.Equal(t, []uint32{0xffff, 0, 0}, []uint32{r, g, bl})
		}
	}
	require.Greater(t, len(seen), 30)
	require.True(t, seen[0x147], "1600x1200x32 fits into 16 MiB")
	b.regs(0x4f02, 0x3fe, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 0x014f, uint16(b.r[rAX]))
	b.setMode(3)
	b.puts("back", 7)
	require.Contains(t, b.text(t)[0], "back")
}

func TestVBEWindowAndStart(t *testing.T) {
	b := withVGA(t)
	b.regs(0x4f05, 0, 0, 1)
	b.call(0x10)
	require.EqualValues(t, 0x034f, uint16(b.r[rAX]), "no VBE mode is set")
	b.regs(0x4f02, 0x101, 0, 0)
	b.call(0x10)
	b.regs(0x4f05, 0, 0, 3)
	b.call(0x10)
	require.EqualValues(t, 0x004f, uint16(b.r[rAX]))
	b.bus.Write(0xa0010, 1, 0x5a)
	require.EqualValues(t, 0x5a, b.bus.Read(0xe0000000+3<<16+0x10, 1))
	b.regs(0x4f06, 0, 1024, 0)
	b.call(0x10)
	require.EqualValues(t, 1024, uint16(b.r[rBX]))
	b.regs(0x4f07, 0, 100, 200)
	b.call(0x10)
	require.EqualValues(t, 0x004f, uint16(b.r[rAX]))
	b.regs(0x4f07, 1, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 100, uint16(b.r[rCX]))
	require.EqualValues(t, 200, uint16(b.r[rDX]))
	b.regs(0x4f08, 0x0800, 0, 0)
	b.call(0x10)
	require.EqualValues(t, 8, byte(b.r[rBX]>>8))
	b.s[sES], b.r[rDI] = 0x4000, 0
	binary.LittleEndian.PutUint32(b.ram[0x40000:], 0x00aabbcc)
	b.regs(0x4f09, 0, 1, 5)
	b.call(0x10)
	b.r[rDI] = 0x100
	b.regs(0x4f09, 1, 1, 5)
	b.call(0x10)
	require.EqualValues(t, 0x00aabbcc, b.u32(0x40100))
}
