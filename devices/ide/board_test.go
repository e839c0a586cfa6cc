package ide

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/disk"
	"g86/devices/irq"
	"g86/devices/pci"
)

// board drives a controller through its ports as a driver would.
type board struct {
	t    testing.TB
	b    *bus.Bus
	clk  *clock.Clock
	c    *Controller
	pci  *pci.Bus
	ram  []byte
	irqs [2]int // rising edges
	base uint16 // command block
	ctl  uint16
}

const bmBase = 0xc000

func newBoard(t testing.TB) *board {
	x := &board{t: t, b: bus.New(), base: 0x1f0, ctl: 0x3f6, ram: make([]byte, 1<<20)}
	x.clk = clock.New(func() uint64 { return 0 }, 1000)
	_, err := x.b.MapRAM("ram", 0, x.ram, false, bus.PrioRAM)
	require.NoError(t, err)
	var lines [2]irq.Line
	for i := range lines {
		lines[i] = func(level bool) {
			if level {
				x.irqs[i]++
			}
		}
	}
	x.c = New("ide", x.b, x.clk, lines)
	x.pci = pci.New("pci", x.b)
	require.NoError(t, x.c.Map(x.b))
	f := x.c.PCI()
	require.NoError(t, x.pci.Add(f, 1, 1))
	f.Write(0x20, 4, bmBase)
	f.Write(0x04, 2, pci.CmdIO|pci.CmdMaster)
	return x
}

func withDisk(t testing.TB, sectors int) (*board, *disk.Image) {
	x := newBoard(t)
	m := disk.FromBytes("disk", pattern(sectors*512))
	require.NoError(t, x.c.Attach(0, 0, Disk, m))
	x.c.Reset(devices.PowerOn)
	return x, m
}

func withCD(t testing.TB, blocks int) (*board, *disk.Image) {
	x := newBoard(t)
	x.base, x.ctl = 0x170, 0x376
	m := disk.FromBytes("cd", pattern(blocks*2048))
	require.NoError(t, x.c.Attach(1, 0, CDROM, m))
	x.c.Reset(devices.PowerOn)
	return x, m
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func (x *board) out(reg int, v byte) { x.b.Out(x.base+uint16(reg), 1, uint32(v)) }
func (x *board) in(reg int) byte     { return byte(x.b.In(x.base+uint16(reg), 1)) }
func (x *board) alt() byte           { return byte(x.b.In(x.ctl, 1)) }

// wait lets guest time pass until BSY clears; it fails when nothing is going to.
func (x *board) wait() byte {
	x.t.Helper()
	for range 100 {
		if s := x.alt(); s&stBSY == 0 {
			return s
		}
		require.NotEqual(x.t, uint64(clock.Never), x.clk.Next(), "BSY for ever")
		x.clk.Advance(x.clk.Next() - x.clk.Now())
		x.clk.RunDue()
	}
	x.t.Fatal("still BSY")
	return 0
}

// idle lets the pending timer fire.
func (x *board) idle() {
	for x.clk.Next() != clock.Never {
		x.clk.Advance(x.clk.Next() - x.clk.Now())
		x.clk.RunDue()
	}
}

func (x *board) lba28(cmd byte, lba uint32, n byte) {
	x.out(6, 0xe0|byte(lba>>24))
	x.out(2, n)
	x.out(3, byte(lba))
	x.out(4, byte(lba>>8))
	x.out(5, byte(lba>>16))
	x.out(7, cmd)
}

func (x *board) lba48(cmd byte, lba uint64, n uint16) {
	x.out(6, 0x40)
	for _, sh := range []int{24, 0} {
		x.out(2, byte(n>>(sh/3)))
		x.out(3, byte(lba>>sh))
		x.out(4, byte(lba>>(sh+8)))
		x.out(5, byte(lba>>(sh+16)))
	}
	x.out(7, cmd)
}

// pioIn reads n bytes, block by block, words or dwords at a time.
func (x *board) pioIn(n, size int) []byte {
	x.t.Helper()
	var b []byte
	for len(b) < n {
		require.Equal(x.t, byte(stDRDY|stDSC|stDRQ), x.wait())
		for x.alt()&stDRQ != 0 {
			v := x.b.In(x.base, size)
			b = binary.LittleEndian.AppendUint32(b, v)[:len(b)+size]
		}
	}
	return b
}

func (x *board) pioOut(b []byte, size int) {
	x.t.Helper()
	for len(b) > 0 {
		require.Equal(x.t, byte(stDRDY|stDSC|stDRQ), x.wait())
		for len(b) > 0 && x.alt()&stDRQ != 0 {
			var t [4]byte
			copy(t[:], b[:size])
			x.b.Out(x.base, size, binary.LittleEndian.Uint32(t[:]))
			b = b[size:]
		}
	}
}

type prd struct {
	addr uint32
	n    int
}

// prds puts a descriptor table at 1000h.
func (x *board) prds(l ...prd) {
	for i, e := range l {
		n := uint32(e.n) & 0xffff
		if i == len(l)-1 {
			n |= 1 << 31
		}
		binary.LittleEndian.PutUint32(x.ram[0x1000+8*i:], e.addr)
		binary.LittleEndian.PutUint32(x.ram[0x1004+8*i:], n)
	}
}

func (x *board) bm() uint16 {
	if x.base == 0x170 {
		return bmBase + 8
	}
	return bmBase
}

func (x *board) bmStart(cmd uint32) {
	x.b.Out(x.bm()+4, 4, 0x1000)
	x.b.Out(x.bm()+2, 1, 0x66)
	x.b.Out(x.bm(), 1, cmd)
	x.b.Out(x.bm(), 1, cmd|bmStart)
}

func (x *board) bmStatus() byte { return byte(x.b.In(x.bm()+2, 1)) & 7 }

func (x *board) contents(m disk.Backend, off, n int) []byte {
	b := make([]byte, n)
	_, err := m.ReadAt(b, int64(off))
	require.NoError(x.t, err)
	return b
}

// broken is a medium whose host file fails.
type broken struct{ *disk.Image }

func (broken) ReadAt([]byte, int64) (int, error)  { return 0, errors.New("I/O error") }
func (broken) WriteAt([]byte, int64) (int, error) { return 0, errors.New("I/O error") }
func (broken) Flush() error                       { return errors.New("I/O error") }

// readOnly is a medium without write permission.
type readOnly struct{ *disk.Image }

func (readOnly) ReadOnly() bool { return true }

func swapped(b []byte) string {
	s := bytes.Clone(b)
	for i := 0; i+1 < len(s); i += 2 {
		s[i], s[i+1] = s[i+1], s[i]
	}
	return string(bytes.TrimRight(s, " "))
}
