package dma

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

type board struct {
	*DMA
	b   *bus.Bus
	ram []byte
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New(), ram: make([]byte, 1<<20)}
	_, err := x.b.MapRAM("ram", 0, x.ram, false, bus.PrioRAM)
	require.NoError(t, err)
	x.DMA = New("dma", x.b)
	require.NoError(t, x.Map(x.b))
	return x
}

func (x *board) out(port uint16, vs ...uint8) {
	for _, v := range vs {
		x.b.Out(port, 1, uint32(v))
	}
}

func (x *board) in(port uint16) uint8 { return uint8(x.b.In(port, 1)) }

// floppy programs channel 2.
func (x *board) floppy(mode, page uint8, addr, count uint16) {
	x.out(0x0a, 6)
	x.out(0x0c, 0)
	x.out(0x04, uint8(addr), uint8(addr>>8))
	x.out(0x05, uint8(count), uint8(count>>8))
	x.out(0x81, page)
	x.out(0x0b, mode|2)
	x.out(0x0a, 2)
}

func TestDeviceToMemory(t *testing.T) {
	x := newBoard(t)
	var heard []uint64
	x.b.OnWrite = func(pa uint64, n int) { heard = append(heard, pa, uint64(n)) }
	c := x.Channel(2)
	require.False(t, c.Ready(), "masked after reset")
	n, tc := c.Transfer([]byte{9}, true)
	require.Zero(t, n)
	require.False(t, tc)
	x.floppy(0x44, 3, 0x1000, 5)
	require.True(t, c.Ready())
	require.Equal(t, 6, c.Remaining())
	n, tc = c.Transfer([]byte{1, 2, 3, 4}, true)
	require.Equal(t, 4, n)
	require.False(t, tc)
	require.EqualValues(t, 0x04, x.in(0x04))
	require.EqualValues(t, 0x10, x.in(0x04))
	n, tc = c.Transfer([]byte{5, 6, 7}, true)
	require.Equal(t, 2, n)
	require.True(t, tc)
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 0}, x.ram[0x31000:0x31007])
	require.Equal(t, []uint64{0x31000, 4, 0x31004, 2}, heard)
	require.EqualValues(t, 0x04, x.in(0x08))
	require.Zero(t, x.in(0x08), "reading status clears the terminal count")
	require.False(t, c.Ready(), "terminal count masks the channel")
	require.EqualValues(t, 0xff, x.in(0x0f))
}

func TestMemoryToDeviceWrapsIn64K(t *testing.T) {
	x := newBoard(t)
	x.floppy(0x48, 2, 0xfffe, 3)
	copy(x.ram[0x2fffe:], []byte{1, 2, 0xee})
	copy(x.ram[0x20000:], []byte{3, 4})
	buf := make([]byte, 8)
	n, tc := x.Channel(2).Transfer(buf, false)
	require.Equal(t, 4, n)
	require.True(t, tc)
	require.Equal(t, []byte{1, 2, 3, 4, 0, 0, 0, 0}, buf)
}

func TestDecrement(t *testing.T) {
	x := newBoard(t)
	x.floppy(0x64, 1, 1, 3)
	_, tc := x.Channel(2).Transfer([]byte{1, 2, 3, 4}, true)
	require.True(t, tc)
	require.Equal(t, []byte{2, 1}, x.ram[0x10000:0x10002])
	require.Equal(t, []byte{4, 3}, x.ram[0x1fffe:0x20000])
	require.EqualValues(t, 0xfd, x.in(0x04))
}

func TestAutoinitializeAndFullCount(t *testing.T) {
	x := newBoard(t)
	x.floppy(0x54, 4, 0, 0xffff)
	buf := make([]byte, 0x10001)
	buf[0xffff] = 7
	n, tc := x.Channel(2).Transfer(buf, true)
	require.Equal(t, 0x10000, n)
	require.True(t, tc)
	require.EqualValues(t, 7, x.ram[0x4ffff])
	require.True(t, x.Channel(2).Ready())
	require.Equal(t, 0x10000, x.Channel(2).Remaining())
}

func TestVerifyAndWrongDirectionOnlyCount(t *testing.T) {
	for _, mode := range []uint8{0x40, 0x48} {
		x := newBoard(t)
		x.floppy(mode, 1, 0, 1)
		n, tc := x.Channel(2).Transfer([]byte{1, 2}, true)
		require.Equal(t, 2, n)
		require.True(t, tc)
		require.Zero(t, x.ram[0x10000])
	}
}

func TestSixteenBitChannel(t *testing.T) {
	x := newBoard(t)
	x.out(0xd8, 0)
	x.out(0xc4, 0x00, 0x80) // word address 8000h
	x.out(0xc6, 1, 0)
	x.out(0x8b, 0x05) // bit 0 is not used
	x.out(0xd6, 0x45)
	x.out(0xd4, 1)
	c := x.Channel(5)
	n, tc := c.Transfer([]byte{1, 2, 3}, true)
	require.Equal(t, 2, n, "whole words")
	require.False(t, tc)
	n, tc = c.Transfer([]byte{3, 4}, true)
	require.Equal(t, 2, n)
	require.True(t, tc)
	require.Equal(t, []byte{1, 2, 3, 4}, x.ram[0x50000:0x50004])
	n, _ = c.Transfer([]byte{9}, true)
	require.Zero(t, n)
}

func TestCascadeGatesLowChannels(t *testing.T) {
	x := newBoard(t)
	x.floppy(0x44, 1, 0, 0)
	for _, off := range [][2]uint8{{0xd4, 0x04}, {0xd0, 0x04}, {0xd6, 0x40}} {
		y := newBoard(t)
		y.floppy(0x44, 1, 0, 0)
		y.out(uint16(off[0]), off[1])
		require.False(t, y.Channel(2).Ready(), "%#x", off[0])
	}
	require.False(t, x.Channel(4).Ready(), "the cascade moves nothing")
	x.out(0xda, 0) // master clear masks channel 4
	require.False(t, x.Channel(2).Ready())
	x.out(0xd6, 0xc0)
	x.out(0xd4, 0x00)
	require.True(t, x.Channel(2).Ready())
	x.out(0x08, 0x04)
	require.False(t, x.Channel(2).Ready())
}

func TestHighPagesAndPOST(t *testing.T) {
	x := newBoard(t)
	var codes []uint8
	x.OnPOST = func(v uint8) { codes = append(codes, v) }
	x.out(0x80, 0x55, 0xaa)
	require.Equal(t, []uint8{0x55, 0xaa}, codes)
	require.EqualValues(t, 0xaa, x.POST())
	require.EqualValues(t, 0xaa, x.in(0x80))
	x.out(0x81, 0x12)
	x.out(0x481, 0x34)
	require.EqualValues(t, 0x34120000, x.Channel(2).physical(0))
	x.out(0x81, 0x12)
	require.EqualValues(t, 0x00120000, x.Channel(2).physical(0))
	for i, port := range []uint16{0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a} {
		x.out(port, uint8(i)<<1|0x80)
		require.EqualValues(t, (i<<1|0x80)<<16, x.Channel(i).physical(0))
	}
}

func TestRequestAndMaskRegisters(t *testing.T) {
	x := newBoard(t)
	x.out(0x09, 5)
	require.EqualValues(t, 0x20, x.in(0x08))
	x.out(0x09, 1)
	require.Zero(t, x.in(0x08))
	x.out(0x0f, 0x0a)
	require.EqualValues(t, 0xfa, x.in(0x0f))
	x.out(0x0e, 0)
	require.EqualValues(t, 0xf0, x.in(0x0f))
	x.out(0x0d, 0)
	require.EqualValues(t, 0xff, x.in(0x0f))
}

func TestSaveLoad(t *testing.T) {
	x := newBoard(t)
	x.floppy(0x44, 3, 0x1234, 0x5678)
	x.out(0x04, 1) // the flip-flop is part of it
	var w snap.Writer
	x.Save(&w)
	y := newBoard(t)
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, x.ctl, y.ctl)
	require.Equal(t, x.Info(), y.Info())
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:30])))
	y.Reset(devices.Hard)
	require.Equal(t, newBoard(t).Info(), y.Info(), "addresses are reset too")
}
