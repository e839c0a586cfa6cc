package pci

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

type regs struct{ last uint32 }

func (r *regs) ReadPort(off uint16, _ int) uint32   { return r.last + uint32(off) }
func (r *regs) WritePort(_ uint16, _ int, v uint32) { r.last = v }
func (r *regs) ReadMem(off uint64, _ int) uint64    { return uint64(r.last) + off }
func (r *regs) WriteMem(_ uint64, _ int, v uint64)  { r.last = uint32(v) }
func cfg(b *bus.Bus, slot, fn, reg uint32)          { b.Out(0xcf8, 4, 1<<31|slot<<11|fn<<8|reg&^3) }
func rd(b *bus.Bus, slot, fn, reg uint32, n int) uint32 {
	cfg(b, slot, fn, reg)
	return b.In(0xcfc+uint16(reg&3), n)
}
func wr(b *bus.Bus, slot, fn, reg uint32, n int, v uint32) {
	cfg(b, slot, fn, reg)
	b.Out(0xcfc+uint16(reg&3), n, v)
}

func board(t *testing.T) (*bus.Bus, *Bus) {
	b := bus.New()
	p := New("pci", b)
	require.NoError(t, p.Map(ConfigPort))
	return b, p
}

func add(t *testing.T, p *Bus, name string, slot, fn int, setup func(*Function)) *Function {
	f := NewFunction(name, Header{Vendor: 0x8086, Device: 0x1234, Class: 0x010180, Revision: 2, SubVendor: 0x1af4, SubDevice: 0x1100, Pin: 1})
	if setup != nil {
		setup(f)
	}
	require.NoError(t, p.Add(f, slot, fn))
	return f
}

func TestMechanism1(t *testing.T) {
	b, p := board(t)
	add(t, p, "x", 3, 0, nil)
	require.EqualValues(t, 0x12348086, rd(b, 3, 0, 0, 4))
	require.EqualValues(t, 0x1234, rd(b, 3, 0, 2, 2))
	require.EqualValues(t, 0x12, rd(b, 3, 0, 3, 1))
	require.EqualValues(t, 0x01018002, rd(b, 3, 0, 8, 4))
	require.EqualValues(t, 0x11001af4, rd(b, 3, 0, 0x2c, 4))
	require.EqualValues(t, 0xffffffff, rd(b, 4, 0, 0, 4), "master abort")
	require.EqualValues(t, 0xffff, rd(b, 3, 1, 0, 2))
	b.Out(0xcf8, 4, 0x80011800) // bus 1
	require.EqualValues(t, 0xffffffff, b.In(0xcfc, 4))
	b.Out(0xcf8, 4, 0x00001800) // enable clear
	require.EqualValues(t, 0xffffffff, b.In(0xcfc, 4))
	b.Out(0xcf8, 4, 0xffffffff)
	require.EqualValues(t, 0x80fffffc, b.In(0xcf8, 4), "reserved bits read 0")
	b.Out(0xcf8, 2, 0)
	require.EqualValues(t, 0x80fffffc, b.In(0xcf8, 4), "only dwords reach CONFIG_ADDRESS")
}

func TestResetControlPassesThrough(t *testing.T) {
	b, p := board(t)
	r := &regs{}
	p.ResetControl = r
	b.Out(0xcf8, 4, 0x80000000)
	b.Out(0xcf9, 1, 6)
	require.EqualValues(t, 6, r.last)
	require.EqualValues(t, 6, b.In(0xcf9, 1))
	require.EqualValues(t, 0x80000000, b.In(0xcf8, 4))
}

func TestReadOnlyAndW1C(t *testing.T) {
	b, p := board(t)
	f := add(t, p, "x", 3, 0, nil)
	wr(b, 3, 0, 0, 4, 0)
	require.EqualValues(t, 0x12348086, rd(b, 3, 0, 0, 4))
	wr(b, 3, 0, 4, 2, 0xffff)
	require.EqualValues(t, 0x0547, rd(b, 3, 0, 4, 2))
	f.Set(regStatus, 2, 0xf900)
	wr(b, 3, 0, 6, 2, 0x8000)
	require.EqualValues(t, 0x7900, rd(b, 3, 0, 6, 2))
	wr(b, 3, 0, 0x3c, 2, 0xff0b)
	require.EqualValues(t, 0x010b, rd(b, 3, 0, 0x3c, 2), "pin is read-only")
}

func TestBARs(t *testing.T) {
	b, p := board(t)
	io, mem, ram := &regs{last: 0x40}, &regs{last: 0x50}, make([]byte, 0x2000)
	f := add(t, p, "x", 3, 0, func(f *Function) {
		f.IOBar(0, 16, bus.Dword, io)
		f.MemBar(1, 0x1000, bus.Dword, mem)
		f.RAMBar(2, ram)
		f.MemBar64(3, 0x10000, bus.Dword, mem)
		f.ROMBar([]byte{0x55, 0xaa, 1})
	})
	for _, c := range []struct{ reg, size uint32 }{
		{0x10, 0xfffffff1}, {0x14, 0xfffff000}, {0x18, 0xffffe008}, {0x1c, 0xffff0004}, {0x20, 0xffffffff}, {0x24, 0}, {0x30, 0xfffff000},
	} {
		old := rd(b, 3, 0, c.reg, 4)
		v := uint32(0xffffffff)
		if c.reg == 0x30 {
			v &^= 1
		}
		wr(b, 3, 0, c.reg, 4, v)
		require.Equal(t, c.size, rd(b, 3, 0, c.reg, 4), "sizing %#x", c.reg)
		wr(b, 3, 0, c.reg, 4, old)
	}
	wr(b, 3, 0, 0x10, 4, 0xc000)
	require.EqualValues(t, 0xff, b.In(0xc004, 1), "I/O decode is off")
	wr(b, 3, 0, 4, 2, CmdIO)
	require.EqualValues(t, 0x44, b.In(0xc004, 4))
	wr(b, 3, 0, 0x10, 4, 0xd000)
	require.EqualValues(t, 0xff, b.In(0xc004, 1))
	require.EqualValues(t, 0x44, b.In(0xd004, 4))
	wr(b, 3, 0, 0x14, 4, 0xfebf0000)
	wr(b, 3, 0, 0x18, 4, 0xe0000000)
	wr(b, 3, 0, 0x30, 4, 0xfebe0001)
	require.EqualValues(t, 0xffffffff, b.Read(0xfebf0008, 4))
	wr(b, 3, 0, 4, 2, CmdIO|CmdMem|CmdMaster)
	require.True(t, f.Master())
	require.EqualValues(t, 0x58, b.Read(0xfebf0008, 4))
	require.EqualValues(t, 0x01aa55, b.Read(0xfebe0000, 4)&0xffffff)
	b.Write(0xe0001ffc, 4, 0x12345678)
	require.EqualValues(t, 0x78, ram[0x1ffc])
	wr(b, 3, 0, 0x1c, 4, 0)
	wr(b, 3, 0, 0x20, 4, 0x10)
	require.EqualValues(t, 0x54, b.Read(0x1000000004, 4), "64-bit BAR")

	// Sizing with decoding on must not cover the top of the address space.
	wr(b, 3, 0, 0x14, 4, 0xffffffff)
	require.EqualValues(t, 0xffffffff, b.Read(0xfffff008, 4))
	require.EqualValues(t, 0xffffffff, b.Read(0xfebf0008, 4))

	p.Reset(devices.Hard)
	require.EqualValues(t, 0xff, b.In(0xd004, 1))
	require.EqualValues(t, 0xffffffff, b.Read(0xe0001ffc, 4))
	require.False(t, f.Master())
}

func TestConflictHealsWhenTheOtherMoves(t *testing.T) {
	b, p := board(t)
	r1, r2 := &regs{last: 0x100}, &regs{last: 0x200}
	add(t, p, "a", 3, 0, func(f *Function) { f.MemBar(0, 0x1000, 4, r1); f.IOBar(1, 8, 4, r1) })
	add(t, p, "b", 4, 0, func(f *Function) { f.MemBar(0, 0x1000, 4, r2); f.IOBar(1, 8, 4, r2) })
	for _, s := range []uint32{3, 4} {
		wr(b, s, 0, 0x10, 4, 0xe0000000)
		wr(b, s, 0, 0x14, 4, 0xc000)
		wr(b, s, 0, 4, 2, 3)
	}
	require.EqualValues(t, 0x100, b.Read(0xe0000000, 4))
	require.EqualValues(t, 0x100, b.In(0xc000, 4))
	wr(b, 3, 0, 0x10, 4, 0xe1000000)
	wr(b, 3, 0, 0x14, 4, 0xc100)
	require.EqualValues(t, 0x200, b.Read(0xe0000000, 4))
	require.EqualValues(t, 0x200, b.In(0xc000, 4))
	require.EqualValues(t, 0x100, b.Read(0xe1000000, 4))
	require.EqualValues(t, 0x100, b.In(0xc100, 4))
}

func TestMultifunctionBit(t *testing.T) {
	b, p := board(t)
	add(t, p, "a", 1, 0, nil)
	require.EqualValues(t, 0, rd(b, 1, 0, 0xe, 1))
	add(t, p, "b", 1, 3, nil)
	require.EqualValues(t, 0x80, rd(b, 1, 0, 0xe, 1))
	p.Reset(devices.Hard)
	require.EqualValues(t, 0x80, rd(b, 1, 0, 0xe, 1))
	require.ErrorContains(t, p.Add(NewFunction("c", Header{}), 1, 3), "b")
	require.Equal(t, 2, p.FreeSlot(1))
}

func TestINTx(t *testing.T) {
	b, p := board(t)
	var level [4]bool
	p.SetRouter(func(n int, l bool) { level[n] = l })
	f1 := add(t, p, "a", 3, 0, nil) // slot 3 INTA# is PIRQC#
	f2 := add(t, p, "b", 3, 1, nil)
	f3 := add(t, p, "c", 7, 0, nil) // so is slot 7's
	require.Equal(t, 0, PIRQ(1, 0))
	require.Equal(t, 3, PIRQ(0, 0))
	require.Equal(t, 3, PIRQ(1, 3))
	f1.SetINTx(true)
	f2.SetINTx(true)
	f3.SetINTx(true)
	require.Equal(t, [4]bool{false, false, true, false}, level)
	require.EqualValues(t, 8, rd(b, 3, 0, 6, 2)&8)
	f1.SetINTx(false)
	require.True(t, level[2])
	f3.SetINTx(false)
	require.True(t, level[2])
	wr(b, 3, 1, 4, 2, CmdIntxOff)
	require.False(t, level[2], "interrupt disable")
	require.EqualValues(t, 8, rd(b, 3, 1, 6, 2)&8, "status still shows the request")
	wr(b, 3, 1, 4, 2, 0)
	require.True(t, level[2])
	p.Reset(devices.Hard)
	require.False(t, level[2])
}

func TestSnapshot(t *testing.T) {
	mk := func() (*bus.Bus, *Bus, *Function, *regs) {
		b, p := board(t)
		r := &regs{last: 0x70}
		f := add(t, p, "a", 3, 0, func(f *Function) { f.IOBar(0, 16, 4, r) })
		return b, p, f, r
	}
	b1, p1, f1, _ := mk()
	wr(b1, 3, 0, 0x10, 4, 0xc000)
	wr(b1, 3, 0, 4, 2, CmdIO)
	f1.SetINTx(true)
	var w snap.Writer
	p1.Save(&w)
	b2, p2, f2, _ := mk()
	level := false
	p2.SetRouter(func(_ int, l bool) { level = l })
	seen := 0
	f2.Changed = func(_, n int) { seen = n }
	require.NoError(t, p2.Load(snap.NewReader(w.Bytes())))
	require.EqualValues(t, 0x70, b2.In(0xc000, 4))
	require.True(t, level)
	require.Equal(t, 256, seen)
	require.Equal(t, b1.In(0xcf8, 4), b2.In(0xcf8, 4))
	require.Error(t, p2.Load(snap.NewReader(w.Bytes()[:40])))
}

func TestInfo(t *testing.T) {
	b, p := board(t)
	add(t, p, "disk", 3, 0, func(f *Function) { f.IOBar(4, 16, 4, &regs{}) })
	wr(b, 3, 0, 0x20, 4, 0xc040)
	wr(b, 3, 0, 4, 2, CmdIO)
	require.Contains(t, p.Info(), "IDE controller: PCI device 8086:1234")
	require.Contains(t, p.Info(), "BAR4: I/O at 0xc040 [0xc04f]\n")
	require.Contains(t, p.Info(), "pin A (PIRQC)")
}
