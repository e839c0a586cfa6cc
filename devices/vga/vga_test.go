package vga

import (
	"testing"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
	"github.com/stretchr/testify/require"
)

// board is an adapter on a bus whose clock the test moves.
type board struct {
	*VGA
	bus *bus.Bus
	ns  uint64
}

func newBoard(t *testing.T) *board {
	b := &board{bus: bus.New()}
	b.VGA = New("vga", clock.New(func() uint64 { return b.ns }, 1000))
	require.NoError(t, b.Map(b.bus))
	require.NoError(t, b.MapLFB(b.bus, DefaultLFB))
	return b
}

func (b *board) outb(port uint16, x byte) { b.bus.Out(port, 1, uint32(x)) }
func (b *board) inb(port uint16) byte     { return byte(b.bus.In(port, 1)) }

// reg writes an indexed register with one 16-bit OUT, as drivers do.
func (b *board) reg(port uint16, i, x byte) { b.bus.Out(port, 2, uint32(x)<<8|uint32(i)) }

func (b *board) readReg(port uint16, i byte) byte {
	b.outb(port, i)
	return b.inb(port + 1)
}

func (b *board) poke(a uint64, x byte) { b.bus.Write(a, 1, uint64(x)) }
func (b *board) peek(a uint64) byte    { return byte(b.bus.Read(a, 1)) }

func (b *board) planes(off int) [4]byte { return [4]byte(b.vram[4*off:]) }

func (b *board) setMode(t *testing.T, n byte) { require.NoError(t, b.SetBIOSMode(n, false)) }

func TestIndexedRegistersReadBack(t *testing.T) {
	for _, c := range []struct {
		port uint16
		n    byte
		want func(i byte) byte
	}{
		{0x3d4, 0x19, func(byte) byte { return 0xff }},
		{0x3c4, 5, func(i byte) byte { return seqMask[i] }},
		{0x3ce, 9, func(i byte) byte { return gfxMask[i] }},
	} {
		for i := range c.n {
			b := newBoard(t)
			b.reg(c.port, i, 0xff)
			require.Equal(t, c.want(i), b.readReg(c.port, i), "port %x index %x", c.port, i)
			require.Equal(t, i, b.inb(c.port))
		}
	}
}

func TestCRTCProtection(t *testing.T) {
	b := newBoard(t)
	b.reg(0x3d4, 0x11, 0x80)
	b.reg(0x3d4, 1, 0x4f)
	b.reg(0x3d4, 7, 0xff)
	require.Zero(t, b.readReg(0x3d4, 1))
	require.Equal(t, byte(0x10), b.readReg(0x3d4, 7), "line compare bit 8 stays writable")
	b.reg(0x3d4, 8, 0x11)
	require.Equal(t, byte(0x11), b.readReg(0x3d4, 8))
	b.reg(0x3d4, 0x11, 0)
	b.reg(0x3d4, 1, 0x4f)
	require.Equal(t, byte(0x4f), b.readReg(0x3d4, 1))
}

func TestMonochromeMovesTheCRTC(t *testing.T) {
	b := newBoard(t)
	b.reg(0x3d4, 0x0e, 0x12)
	b.outb(0x3c2, 0) // MISC bit 0 clear
	require.Equal(t, byte(0xff), b.inb(0x3d5))
	require.Equal(t, byte(0x12), b.readReg(0x3b4, 0x0e))
	require.Equal(t, byte(0), b.inb(0x3cc))
}

func TestAttributeFlipFlop(t *testing.T) {
	b := newBoard(t)
	b.inb(0x3da)
	b.outb(0x3c0, 0x10)
	require.Equal(t, byte(0x90), b.readReg(0x3d4, 0x24), "CR24 shows the flip-flop and the index")
	b.outb(0x3c0, 0x0c)
	b.outb(0x3c0, 0x01) // index again
	b.outb(0x3c0, 0x3f)
	b.outb(0x3c0, 0x02)
	b.inb(0x3da) // forget the half-written pair
	b.outb(0x3c0, 0x10)
	require.Equal(t, byte(0x0c), b.inb(0x3c1))
	b.inb(0x3da)
	b.outb(0x3c0, 0x21) // with PAS set the palette is locked
	b.outb(0x3c0, 0x15)
	require.Equal(t, byte(0x3f), b.inb(0x3c1))
	require.Equal(t, byte(0x21), b.inb(0x3c0))
}

func TestDAC(t *testing.T) {
	b := newBoard(t)
	b.outb(0x3c8, 5)
	require.Equal(t, byte(0), b.inb(0x3c7))
	for _, x := range []byte{0xff, 0x10, 0x20, 1, 2} { // one entry and two thirds of the next
		b.outb(0x3c9, x)
	}
	b.outb(0x3c7, 5)
	require.Equal(t, byte(3), b.inb(0x3c7))
	require.Equal(t, [6]byte{0x3f, 0x10, 0x20, 0, 0, 0},
		[6]byte{b.inb(0x3c9), b.inb(0x3c9), b.inb(0x3c9), b.inb(0x3c9), b.inb(0x3c9), b.inb(0x3c9)})
	require.Equal(t, byte(7), b.inb(0x3c8), "the index counts entries")
	b.outb(0x3c6, 0x0f)
	require.Equal(t, byte(0x0f), b.inb(0x3c6))
	require.Equal(t, b.dacColour(0x05), b.dacColour(0xf5), "the mask is applied to pixels")
	require.Equal(t, uint8(0xff), b.dacColour(5).R, "full scale is full scale")
}

func TestInputStatus1FollowsGuestTime(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	tm := b.timing()
	require.Equal(t, uint64(449), tm.total)
	require.InDelta(t, 1e9/70.09, float64(tm.frame), 1e5, "mode 3 runs at 70.09 Hz")
	at := func(line, into uint64) byte {
		b.ns = 10*tm.frame + line*tm.line + into
		return b.inb(0x3da) & 9
	}
	require.Equal(t, byte(0), at(0, 0))
	require.Equal(t, byte(1), at(0, tm.line-1), "horizontal blanking")
	require.Equal(t, byte(0), at(399, 0))
	require.Equal(t, byte(1), at(400, 0), "vertical blanking")
	require.Equal(t, byte(9), at(412, 0), "vertical retrace starts at CR10")
	require.Equal(t, byte(9), at(413, 0))
	require.Equal(t, byte(1), at(414, 0), "and ends at CR11")
	b.setMode(t, 0x12)
	require.InDelta(t, 1e9/59.94, float64(b.timing().frame), 1e5, "mode 12h runs at 59.94 Hz")
}

func TestAnyRegisterContentsAreSurvived(t *testing.T) {
	b := newBoard(t)
	seed := uint32(1)
	rnd := func() byte { seed = seed*1664525 + 1013904223; return byte(seed >> 24) }
	for range 150 {
		for _, p := range []struct {
			port uint16
			n    byte
		}{{0x3d4, 0x19}, {0x3c4, 5}, {0x3ce, 9}, {0x3b4, 0x19}} {
			for i := range p.n {
				b.reg(p.port, i, rnd())
			}
		}
		b.inb(0x3da)
		for i := range byte(0x15) {
			b.outb(0x3c0, i)
			b.outb(0x3c0, rnd())
		}
		b.outb(0x3c0, rnd()|0x20)
		b.outb(0x3c2, rnd())
		for i := range uint32(vbeRegs) {
			b.bus.Out(0x1ce, 2, i)
			b.bus.Out(0x1cf, 2, uint32(rnd())<<8|uint32(rnd()))
		}
		if rnd()&3 != 0 {
			b.bus.Out(0x1ce, 2, vbeEnable)
			b.bus.Out(0x1cf, 2, 0)
		}
		for range 64 {
			a := windowBase + uint64(rnd())<<9 + uint64(rnd())
			b.bus.Write(a, 8, uint64(rnd())*0x0101010101010101)
			b.bus.Read(a, 4)
		}
		b.ns += uint64(rnd()) * 100003
		b.inb(0x3da)
		b.Generation()
		b.Text()
		if w, h := b.Resolution(); w*h < 1<<21 {
			img := b.Render()
			require.Equal(t, w, img.Rect.Dx())
			require.Equal(t, h, img.Rect.Dy())
		}
	}
}

func TestSnapshot(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	b.poke(0xb8000, 'x')
	b.bus.Write(DefaultLFB+VRAMSize-4, 4, 0xdeadbeef)
	var w snap.Writer
	b.Save(&w)
	require.Less(t, len(w.Bytes()), 1<<20, "empty pages are left out")

	c := newBoard(t)
	c.bus.Write(DefaultLFB+0x800000, 1, 7)
	require.NoError(t, c.Load(snap.NewReader(w.Bytes())))
	require.True(t, b.state == c.state)
	require.Equal(t, byte('x'), c.peek(0xb8000))
	require.Equal(t, uint64(0xdeadbeef), c.bus.Read(DefaultLFB+VRAMSize-4, 4), "the mapped memory itself was restored")
	require.Zero(t, c.peek(DefaultLFB+0x800000))
	require.Error(t, c.Load(snap.NewReader(w.Bytes()[:len(w.Bytes())/2])))

	c.Reset(devices.Hard)
	require.Equal(t, uint64(0xdeadbeef), c.bus.Read(DefaultLFB+VRAMSize-4, 4))
	c.Reset(devices.PowerOn)
	require.Zero(t, c.bus.Read(DefaultLFB+VRAMSize-4, 4))
}

func TestGeneration(t *testing.T) {
	b := newBoard(t)
	b.setMode(t, 3)
	changed := func(f func()) bool {
		g := b.Generation()
		f()
		return b.Generation() != g
	}
	require.False(t, changed(func() {}))
	require.True(t, changed(func() { b.poke(0xb8000, 'a') }))
	require.True(t, changed(func() { b.ns += 8 * b.timing().frame }), "the cursor blinks")
	require.False(t, changed(func() { b.peek(0xb8000) }))
	b.dispi(640, 480, 32, vbeEnabled|vbeLFB)
	require.False(t, changed(func() { b.ns += 8 * b.timing().frame }))
	require.True(t, changed(func() { b.bus.Write(DefaultLFB+1000, 4, 0xffffff) }), "written behind the adapter's back")
	require.False(t, changed(func() { b.bus.Write(DefaultLFB+640*480*4, 4, 1) }), "below the visible part")
}
