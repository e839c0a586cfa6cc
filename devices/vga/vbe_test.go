package vga

import (
	"testing"

	"g86/devices/pci"
	"github.com/stretchr/testify/require"
)

func (b *board) vbe(i, x uint16) {
	b.bus.Out(0x1ce, 2, uint32(i))
	b.bus.Out(0x1d0, 2, uint32(x))
}

func (b *board) readVBE(i uint16) uint16 {
	b.bus.Out(0x1ce, 2, uint32(i))
	return uint16(b.bus.In(0x1cf, 2))
}

func (b *board) dispi(x, y, bpp, enable uint16) {
	b.vbe(vbeEnable, 0)
	b.vbe(vbeXRes, x)
	b.vbe(vbeYRes, y)
	b.vbe(vbeBPP, bpp)
	b.vbe(vbeEnable, enable)
}

func TestDispiIdentity(t *testing.T) {
	b := newBoard(t)
	require.Equal(t, uint16(0xb0c5), b.readVBE(vbeID))
	b.vbe(vbeID, 0xb0c0)
	require.Equal(t, uint16(0xb0c0), b.readVBE(vbeID))
	b.vbe(vbeID, 0x1234)
	require.Equal(t, uint16(0xb0c0), b.readVBE(vbeID))
	require.Equal(t, uint16(256), b.readVBE(vbeMemory64K))
	b.vbe(vbeEnable, vbeGetCaps)
	require.Equal(t, [3]uint16{vbeMaxX, vbeMaxY, 32}, [3]uint16{b.readVBE(vbeXRes), b.readVBE(vbeYRes), b.readVBE(vbeBPP)})
	require.Zero(t, b.readVBE(999))
}

func TestDispiGeometry(t *testing.T) {
	b := newBoard(t)
	b.dispi(1024, 768, 32, vbeEnabled|vbeLFB)
	require.Equal(t, uint16(1024), b.readVBE(vbeVirtWidth))
	require.Equal(t, uint16(4096), b.readVBE(vbeVirtHeight), "16 MiB of 4 KiB lines")
	b.vbe(vbeVirtWidth, 2048)
	b.vbe(vbeXOffset, 100)
	b.vbe(vbeYOffset, 1500)
	require.Equal(t, uint16(2048), b.readVBE(vbeVirtWidth))
	require.Equal(t, uint16(100), b.readVBE(vbeXOffset))
	require.Equal(t, uint16(2048-768), b.readVBE(vbeYOffset), "clamped to what memory holds")
	b.dispi(65535, 65535, 32, vbeEnabled)
	require.LessOrEqual(t, int(b.readVBE(vbeYRes))*b.pitch(), VRAMSize)
	b.dispi(0, 0, 77, vbeEnabled)
	require.Equal(t, uint16(8), b.readVBE(vbeBPP))
}

func TestDispiClearsUnlessTold(t *testing.T) {
	b := newBoard(t)
	b.bus.Write(DefaultLFB+8, 4, 0x11223344)
	b.dispi(640, 480, 32, vbeEnabled|vbeLFB|vbeNoClear)
	require.Equal(t, uint64(0x11223344), b.bus.Read(DefaultLFB+8, 4))
	b.dispi(640, 480, 32, vbeEnabled|vbeLFB)
	require.Zero(t, b.bus.Read(DefaultLFB+8, 4))
}

func TestBankedWindowIsTheFrameBuffer(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3) // from text, as guests do
	b.dispi(800, 600, 16, vbeEnabled)
	b.vbe(vbeBank, 5)
	b.bus.Write(win+0x1234, 4, 0xcafef00d)
	require.Equal(t, uint64(0xcafef00d), b.bus.Read(DefaultLFB+5*0x10000+0x1234, 4))
	require.Equal(t, uint64(0xcafef00d), b.bus.Read(win+0x1234, 4))
	require.Equal(t, byte(0xff), b.peek(0xb8000))
}

func TestEightBitDAC(t *testing.T) {
	b := newBoard(t)
	b.outb(0x3c8, 1)
	b.outb(0x3c9, 0x3f)
	b.outb(0x3c9, 0x20)
	b.outb(0x3c9, 0x00)
	b.dispi(640, 480, 8, vbeEnabled|vbe8BitDAC)
	b.outb(0x3c7, 1)
	require.Equal(t, []byte{0xfc, 0x80, 0}, []byte{b.inb(0x3c9), b.inb(0x3c9), b.inb(0x3c9)})
	b.outb(0x3c8, 2)
	b.outb(0x3c9, 0x81)
	b.outb(0x3c9, 0)
	b.outb(0x3c9, 0)
	require.Equal(t, uint8(0x81), b.dacColour(2).R)
	b.vbe(vbeEnable, 0)
	b.outb(0x3c7, 1)
	require.Equal(t, byte(0x3f), b.inb(0x3c9))
}

func TestVBEPixelFormats(t *testing.T) {
	for _, c := range []struct {
		bpp     uint16
		pixel   uint64
		size    int
		r, g, b uint8
	}{
		{15, 0x7c1f, 2, 255, 0, 255}, {15, 0x03e0, 2, 0, 255, 0},
		{16, 0xf800, 2, 255, 0, 0}, {16, 0x07e0, 2, 0, 255, 0}, {16, 0x0010, 2, 0, 0, 132},
		{24, 0x123456, 3, 0x12, 0x34, 0x56}, {32, 0x00abcdef, 4, 0xab, 0xcd, 0xef},
	} {
		b := newBoard(t)
		b.dispi(640, 480, c.bpp, vbeEnabled|vbeLFB)
		b.vbe(vbeVirtWidth, 1024)
		b.vbe(vbeXOffset, 16)
		b.vbe(vbeYOffset, 3)
		at := uint64(DefaultLFB + ((3+7)*1024+16+5)*c.size)
		for i := range c.size {
			b.bus.Write(at+uint64(i), 1, c.pixel>>(8*i)&0xff)
		}
		img := b.Render()
		p := img.RGBAAt(5, 7)
		require.Equal(t, [3]uint8{c.r, c.g, c.b}, [3]uint8{p.R, p.G, p.B}, "%d bpp %x", c.bpp, c.pixel)
		require.Zero(t, img.RGBAAt(6, 7).R)
	}
}

func TestVBEPaletteModes(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 0x13)
	b.dispi(640, 480, 8, vbeEnabled|vbeLFB)
	b.bus.Write(DefaultLFB+640*2+3, 1, 40)
	require.Equal(t, b.dacColour(40), b.Render().RGBAAt(3, 2))
	_, ok := b.Text()
	require.False(t, ok)

	b.setMode(t, 0x12)
	b.dispi(800, 600, 4, vbeEnabled)
	b.reg(0x3c4, 2, 0x0a)
	b.poke(win+100*2+1, 0x40) // line 2, pixel 9, colour 10
	require.Equal(t, b.palette16()[10], b.Render().RGBAAt(9, 2))
	require.Equal(t, b.palette16()[0], b.Render().RGBAAt(8, 2))
	b.setMode(t, 3)
	require.False(t, b.vbeOn(), "a BIOS mode ends VBE")
}

func TestPCIFunction(t *testing.T) {
	b := newBoard(t)
	p := pci.New("pci", b.bus)
	require.NoError(t, p.Add(b.PCI(), 2, 0))
	cfg := func(reg uint8, size int) uint32 { return p.ReadConfig(0, 2, 0, reg, size) }
	require.Equal(t, uint32(0x11111234), cfg(0, 4))
	require.Equal(t, uint32(0x0300), cfg(0x0a, 2))
	p.WriteConfig(0, 2, 0, 0x10, 4, 0xfd000000)
	p.WriteConfig(0, 2, 0, 0x18, 4, 0xfebf0000)
	p.WriteConfig(0, 2, 0, 4, 2, 3)
	b.bus.Write(0xfd000000, 4, 0x01020304)
	require.Equal(t, uint64(0x01020304), b.bus.Read(DefaultLFB, 4))
	host, writable := b.bus.Page(0xfd001000)
	require.Len(t, host, 4096)
	require.True(t, writable, "the CPU writes pixels without us")

	const mmio = 0xfebf0000
	require.Equal(t, uint64(0xb0c5), b.bus.Read(mmio+0x500, 2))
	b.bus.Write(mmio+0x502, 2, 1280)
	require.Equal(t, uint16(1280), b.readVBE(vbeXRes))
	b.bus.Write(mmio+0x400+0x0c, 1, 0)
	b.bus.Write(mmio+0x400+2, 1, 0x67) // MISC
	require.Equal(t, byte(0x67), b.inb(0x3cc))
	require.Equal(t, uint64(0x67), b.bus.Read(mmio+0x40c, 1))
	require.Equal(t, uint64(8), b.bus.Read(mmio+0x600, 4))
	require.Equal(t, uint64(littleEndian), b.bus.Read(mmio+0x604, 4))
	require.Zero(t, b.bus.Read(mmio, 4), "no EDID")
}
