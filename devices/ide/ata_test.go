package ide

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/disk"
	"g86/devices/snap"
)

func TestPCIIdentity(t *testing.T) {
	x := newBoard(t)
	f := x.pci.Function(1, 1)
	require.EqualValues(t, 0x70108086, f.Get(0, 4))
	require.EqualValues(t, 0x010180, f.Get(8, 4)>>8)
	require.EqualValues(t, 0x80008000, f.Get(0x40, 4), "both channels decode")
	require.EqualValues(t, 0, f.Get(0x3d, 1), "compatibility mode has no PCI interrupt")
}

func TestSignatureAndPresence(t *testing.T) {
	x, _ := withDisk(t, 100)
	require.Equal(t, []byte{1, 1, 1, 0, 0}, []byte{x.in(1), x.in(2), x.in(3), x.in(4), x.in(5)})
	require.EqualValues(t, 0x50, x.in(7))
	x.out(6, 0xb0) // no slave
	require.EqualValues(t, 0, x.in(7))
	require.EqualValues(t, 0xb0, x.in(6))
	x.out(7, 0xec)
	require.EqualValues(t, 0, x.in(7))
	x.base, x.ctl = 0x170, 0x376 // no drive at all
	require.EqualValues(t, 0x7f, x.in(7))
	require.EqualValues(t, 0x7f, x.alt())

	cd, _ := withCD(t, 4)
	require.Equal(t, []byte{1, 1, 0x14, 0xeb, 0}, []byte{cd.in(2), cd.in(3), cd.in(4), cd.in(5), cd.in(7)})
}

func TestIdentify(t *testing.T) {
	const sectors = 300_000
	x, _ := withDisk(t, sectors)
	x.out(6, 0xa0)
	x.out(7, 0xec)
	require.EqualValues(t, stBSY, x.in(7)&stBSY)
	x.wait()
	require.Equal(t, 1, x.irqs[0])
	b := x.pioIn(512, 2)
	w := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
	require.Equal(t, 0, w(0)&0x8000)
	require.Equal(t, []int{sectors / 16 / 63, 16, 63}, []int{w(1), w(3), w(6)})
	require.Equal(t, "G86 HARDDISK", swapped(b[54:94]))
	require.Equal(t, sectors, w(60)|w(61)<<16)
	require.Equal(t, sectors, w(100)|w(101)<<16)
	require.NotZero(t, w(49)&0x300, "LBA and DMA")
	require.NotZero(t, w(83)&0x400, "48-bit")
	require.EqualValues(t, stIdle, x.in(7))
	x.idle()
	require.Equal(t, 1, x.irqs[0], "no interrupt after the last data")
}

func TestPIORead(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(x *board)
		off   int
		n     int
		irqs  int
	}{
		{"LBA28", func(x *board) { x.lba28(0x20, 5, 3) }, 5, 3, 3},
		{"LBA28 0 is 256", func(x *board) { x.lba28(0x21, 5, 0) }, 5, 256, 256},
		{"LBA48", func(x *board) { x.lba48(0x24, 300, 2) }, 300, 2, 2},
		{"LBA48 more than 256", func(x *board) { x.lba48(0x24, 1, 300) }, 1, 300, 300},
		{"CHS", func(x *board) {
			for i, v := range []byte{2, 3, 1, 0, 0xa2} { // 2 sectors from 1/2/3
				x.out(2+i, v)
			}
			x.out(7, 0x20)
		}, (1*16+2)*63 + 2, 2, 2},
		{"multiple", func(x *board) {
			x.out(2, 8)
			x.out(7, 0xc6)
			x.wait()
			x.in(7)
			x.irqs[0] = 0
			x.lba28(0xc4, 7, 20)
		}, 7, 20, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{2, 4} {
				x, m := withDisk(t, 2048)
				c.start(x)
				var got []byte
				for len(got) < c.n*512 {
					require.EqualValues(t, stIdle|stDRQ, x.wait())
					x.in(7)
					for x.alt()&stDRQ != 0 {
						got = binary.LittleEndian.AppendUint32(got, x.b.In(x.base, size))[:len(got)+size]
					}
				}
				require.True(t, bytes.Equal(x.contents(m, c.off*512, c.n*512), got))
				require.EqualValues(t, stIdle, x.in(7))
				require.Equal(t, c.irqs, x.irqs[0])
			}
		})
	}
}

func TestPIOWrite(t *testing.T) {
	for _, c := range []struct {
		name string
		cmd  byte
		ext  bool
	}{{"28", 0x30, false}, {"EXT", 0x34, true}, {"multiple", 0xc5, false}, {"multiple EXT", 0x39, true}} {
		t.Run(c.name, func(t *testing.T) {
			x, m := withDisk(t, 100)
			x.out(2, 4)
			x.out(7, 0xc6)
			x.wait()
			data := bytes.Repeat([]byte("written!"), 5*64)
			if c.ext {
				x.lba48(c.cmd, 90, 5)
			} else {
				x.lba28(c.cmd, 90, 5)
			}
			x.pioOut(data, 2)
			require.EqualValues(t, stIdle, x.wait())
			require.Equal(t, data, x.contents(m, 90*512, len(data)))
			x.out(7, 0xe7)
			require.EqualValues(t, stIdle, x.wait())
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		start  func(x *board)
		status byte
		err    byte
	}{
		{"LBA at the end", func(x *board) { x.lba28(0x20, 100, 1) }, 0x51, erIDNF},
		{"count over the end", func(x *board) { x.lba28(0xc8, 99, 2) }, 0x51, erIDNF},
		{"LBA48 far", func(x *board) { x.lba48(0x25, 1<<47, 0) }, 0x51, erIDNF},
		{"write outside", func(x *board) { x.lba28(0x30, 100, 1) }, 0x51, erIDNF},
		{"verify outside", func(x *board) { x.lba28(0x40, 100, 1) }, 0x51, erIDNF},
		{"CHS sector 0", func(x *board) { x.out(3, 0); x.out(6, 0xa0); x.out(7, 0x20) }, 0x51, erIDNF},
		{"unknown command", func(x *board) { x.out(7, 0xfe) }, 0x51, erABRT},
		{"NOP", func(x *board) { x.out(7, 0) }, 0x51, erABRT},
		{"SMART", func(x *board) { x.out(7, 0xb0) }, 0x51, erABRT},
		{"PACKET", func(x *board) { x.out(7, 0xa0) }, 0x51, erABRT},
		{"multiple not set", func(x *board) { x.lba28(0xc4, 0, 1) }, 0x51, erABRT},
		{"multiple 3", func(x *board) { x.out(2, 3); x.out(7, 0xc6) }, 0x51, erABRT},
		{"multiple 128", func(x *board) { x.out(2, 128); x.out(7, 0xc6) }, 0x51, erABRT},
		{"bad feature", func(x *board) { x.out(1, 0x77); x.out(7, 0xef) }, 0x51, erABRT},
		{"bad mode", func(x *board) { x.out(1, 3); x.out(2, 0x47); x.out(7, 0xef) }, 0x51, erABRT},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, _ := withDisk(t, 100)
			c.start(x)
			require.Equal(t, c.status, x.wait())
			require.Equal(t, c.err, x.in(1))
			require.Equal(t, 1, x.irqs[0])
			x.lba28(0x20, 0, 1) // and it goes on working
			require.Len(t, x.pioIn(512, 4), 512)
		})
	}
}

func TestMediumErrors(t *testing.T) {
	img := disk.FromBytes("m", make([]byte, 51200))
	for _, c := range []struct {
		name        string
		media       disk.Backend
		cmd         byte
		out         int
		status, err byte
	}{
		{"read", broken{img}, 0x20, 0, 0x51, erUNC},
		{"write", broken{img}, 0x30, 512, 0x71, erABRT},
		{"flush", broken{img}, 0xe7, 0, 0x71, erABRT},
		{"read-only", readOnly{img}, 0x30, 0, 0x51, erABRT},
		{"read-only DMA", readOnly{img}, 0xca, 0, 0x51, erABRT},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newBoard(t)
			require.NoError(t, x.c.Attach(0, 0, Disk, c.media))
			x.lba28(c.cmd, 3, 1)
			x.pioOut(make([]byte, c.out), 2)
			require.Equal(t, c.status, x.wait())
			require.Equal(t, c.err, x.in(1))
			require.EqualValues(t, 0, x.alt()&stDRQ)
		})
	}
	x := newBoard(t)
	require.NoError(t, x.c.Attach(0, 0, Disk, broken{img}))
	x.prds(prd{0x2000, 512})
	x.bmStart(bmToMem)
	x.lba28(0xc8, 3, 1)
	require.EqualValues(t, 0x51, x.wait())
	require.EqualValues(t, erUNC, x.in(1))
	require.EqualValues(t, bmInterrupt, x.bmStatus())
	require.EqualValues(t, 3, x.in(3), "LBA of the failing sector")
}

func TestDMA(t *testing.T) {
	t.Run("read, engine first", func(t *testing.T) {
		x, m := withDisk(t, 300)
		x.prds(prd{0x10000, 0x10000}, prd{0x30000, 0x1000})
		x.bmStart(bmToMem)
		x.lba48(0x25, 7, 136)
		require.EqualValues(t, bmActive, x.bmStatus())
		require.EqualValues(t, stIdle, x.wait())
		require.EqualValues(t, bmInterrupt, x.bmStatus())
		require.Equal(t, 1, x.irqs[0])
		require.True(t, bytes.Equal(x.contents(m, 7*512, 0x10000), x.ram[0x10000:0x20000]))
		require.True(t, bytes.Equal(x.contents(m, 7*512+0x10000, 0x1000), x.ram[0x30000:0x31000]))
		require.Zero(t, x.ram[0x31000])
		x.b.Out(bmBase+2, 1, bmInterrupt)
		require.Zero(t, x.bmStatus())
	})
	t.Run("write, command first", func(t *testing.T) {
		x, m := withDisk(t, 100)
		copy(x.ram[0x2000:], bytes.Repeat([]byte{0xcc}, 1024))
		x.prds(prd{0x2000, 100}, prd{0x2064, 924})
		x.lba28(0xca, 8, 2)
		x.idle()
		require.EqualValues(t, stBSY, x.alt()&stBSY)
		x.bmStart(0)
		require.EqualValues(t, stIdle, x.wait())
		require.Equal(t, x.ram[0x2000:0x2400], x.contents(m, 8*512, 1024))
	})
	t.Run("table too short", func(t *testing.T) {
		x, m := withDisk(t, 100)
		x.prds(prd{0x2000, 512})
		x.bmStart(bmToMem)
		x.lba28(0xc8, 0, 2)
		x.idle()
		require.Zero(t, x.bmStatus(), "neither active nor interrupt")
		require.EqualValues(t, stBSY, x.alt()&stBSY)
		require.Equal(t, 0, x.irqs[0])
		x.prds(prd{0x2200, 512}) // the drive still has a sector to give
		x.bmStart(bmToMem)
		require.EqualValues(t, stIdle, x.wait())
		require.Equal(t, x.contents(m, 0, 1024), x.ram[0x2000:0x2400])
	})
	t.Run("table too long", func(t *testing.T) {
		x, _ := withDisk(t, 100)
		x.prds(prd{0x2000, 512}, prd{0x3000, 512})
		x.bmStart(bmToMem)
		x.lba28(0xc8, 0, 1)
		x.wait()
		require.EqualValues(t, bmActive|bmInterrupt, x.bmStatus())
		x.b.Out(bmBase, 1, 0)
		require.EqualValues(t, bmInterrupt, x.bmStatus())
	})
	t.Run("endless table", func(t *testing.T) {
		x, _ := withDisk(t, 70000)
		for i := 0; i < len(x.ram); i += 8 { // two bytes each, never the last
			binary.LittleEndian.PutUint64(x.ram[i:], 2<<32|0x80000)
		}
		x.bmStart(bmToMem)
		x.lba48(0x25, 0, 0)
		x.idle()
		require.Zero(t, x.bmStatus())
	})
	t.Run("wrong direction", func(t *testing.T) {
		x, _ := withDisk(t, 100)
		x.prds(prd{0x2000, 512})
		x.bmStart(0)
		x.lba28(0xc8, 0, 1)
		x.idle()
		require.EqualValues(t, bmError, x.bmStatus())
	})
	t.Run("not bus master yet", func(t *testing.T) {
		x, m := withDisk(t, 100)
		f := x.pci.Function(1, 1)
		f.Write(4, 2, 1)
		x.prds(prd{0x2000, 512})
		x.bmStart(bmToMem)
		x.lba28(0xc8, 1, 1)
		x.idle()
		require.Zero(t, x.ram[0x2001])
		f.Write(4, 2, 5)
		require.EqualValues(t, stIdle, x.wait())
		require.Equal(t, x.contents(m, 512, 512), x.ram[0x2000:0x2200])
	})
}

func TestBusMasterRegisters(t *testing.T) {
	x, _ := withDisk(t, 100)
	x.b.Out(bmBase+4, 4, 0xffffffff)
	require.EqualValues(t, 0xfffffffc, x.b.In(bmBase+4, 4))
	x.b.Out(bmBase+2, 1, 0xff)
	require.EqualValues(t, 0x60, x.b.In(bmBase+2, 1))
	require.EqualValues(t, 0, x.b.In(bmBase+12, 4), "the other channel has its own")
}

func TestResets(t *testing.T) {
	x, _ := withDisk(t, 100)
	x.lba28(0x20, 5, 3)
	x.wait()
	x.b.Out(x.ctl, 1, dcSRST)
	require.EqualValues(t, stBSY, x.in(7))
	x.idle()
	require.EqualValues(t, stBSY, x.in(7), "as long as SRST is held")
	x.b.Out(x.ctl, 1, 0)
	require.EqualValues(t, stBSY, x.in(7))
	require.EqualValues(t, stIdle, x.wait())
	require.Equal(t, []byte{1, 1, 1, 0, 0}, []byte{x.in(1), x.in(2), x.in(3), x.in(4), x.in(5)})
	n := x.irqs[0]
	x.out(7, 0x90)
	require.EqualValues(t, stIdle, x.wait())
	require.EqualValues(t, 1, x.in(1))
	require.Equal(t, n+1, x.irqs[0])
}

func TestNIENAndHOB(t *testing.T) {
	x, _ := withDisk(t, 100)
	x.b.Out(x.ctl, 1, dcNIEN)
	x.lba28(0x40, 5, 1)
	x.wait()
	require.Equal(t, 0, x.irqs[0])
	x.b.Out(x.ctl, 1, 0)
	require.Equal(t, 1, x.irqs[0], "the drive's request was only masked")
	x.in(7)
	x.out(3, 0x12)
	x.out(3, 0x34)
	require.EqualValues(t, 0x34, x.in(3))
	x.b.Out(x.ctl, 1, dcHOB)
	require.EqualValues(t, 0x12, x.in(3))
	x.out(4, 0) // any write to the command block clears HOB
	require.EqualValues(t, 0x34, x.in(3))
}

func TestOtherCommands(t *testing.T) {
	x, _ := withDisk(t, 5000)
	do := func(cmd byte) {
		t.Helper()
		x.out(7, cmd)
		require.EqualValues(t, stIdle, x.wait(), "%#x", cmd)
	}
	x.out(6, 0xe0)
	do(0xf8)
	require.Equal(t, 4999, int(x.in(3))|int(x.in(4))<<8|int(x.in(5))<<16)
	do(0x27)
	require.Equal(t, 4999, int(x.in(3))|int(x.in(4))<<8|int(x.in(5))<<16)
	x.out(2, 17)
	x.out(6, 0xa3)
	do(0x91)
	x.out(6, 0xa3)
	x.out(3, 17)
	x.out(4, 1)
	x.out(5, 0)
	do(0x40) // last sector of cylinder 1 in the translation 4/17
	do(0x10)
	require.EqualValues(t, 0, x.in(4))
	x.out(3, 1)
	do(0x70)
	do(0xe5)
	require.EqualValues(t, 0xff, x.in(2))
	do(0xe0)
	do(0xe5)
	require.EqualValues(t, 0, x.in(2))
	do(0x95)
	do(0x98)
	require.EqualValues(t, 0xff, x.in(2))
	do(0xea)
	for _, f := range []byte{0x02, 0x82, 0x55, 0xaa, 0x66, 0xcc} {
		x.out(1, f)
		do(0xef)
	}
	x.out(1, 3)
	x.out(2, 0x22)
	do(0xef)
	x.out(7, 0xec)
	require.EqualValues(t, 4, x.pioIn(512, 2)[127]&7, "multiword DMA 2 selected")
}

func TestTwoDrives(t *testing.T) {
	x, _ := withDisk(t, 100)
	second := disk.FromBytes("second", bytes.Repeat([]byte{0x22}, 5120))
	require.NoError(t, x.c.Attach(0, 1, Disk, second))
	require.Error(t, x.c.Attach(0, 1, Disk, second))
	require.Error(t, x.c.Attach(2, 0, Disk, second))
	x.out(6, 0xf0)
	x.out(2, 1)
	x.out(3, 9)
	x.out(4, 0)
	x.out(5, 0)
	x.out(7, 0x20)
	require.Equal(t, bytes.Repeat([]byte{0x22}, 512), x.pioIn(512, 2))
	require.EqualValues(t, 0xf0, x.in(6))
}

func TestSaveInTheMiddle(t *testing.T) {
	x, m := withDisk(t, 100)
	x.lba28(0x20, 5, 3)
	got := []byte{}
	x.wait()
	for range 100 {
		got = binary.LittleEndian.AppendUint16(got, uint16(x.b.In(x.base, 2)))
	}
	var w, wc snap.Writer
	x.c.Save(&w)
	x.clk.Save(&wc)

	y, _ := withDisk(t, 100)
	require.NoError(t, y.c.Load(snap.NewReader(w.Bytes())))
	require.NoError(t, y.clk.Load(snap.NewReader(wc.Bytes())))
	require.Equal(t, 1, y.irqs[0], "the line is driven again")
	for range 156 {
		got = binary.LittleEndian.AppendUint16(got, uint16(y.b.In(y.base, 2)))
	}
	got = append(got, y.pioIn(1024, 4)...)
	require.Equal(t, x.contents(m, 5*512, 3*512), got)
	require.Error(t, y.c.Load(snap.NewReader(w.Bytes()[:200])))
}

func TestDataPortDoesNotAllocate(t *testing.T) {
	x, _ := withDisk(t, 100)
	x.lba28(0x20, 5, 1)
	x.wait()
	require.Zero(t, testing.AllocsPerRun(100, func() { x.b.In(0x1f0, 2) }))
}

func TestReset(t *testing.T) {
	x, _ := withDisk(t, 100)
	x.lba28(0xc8, 5, 1)
	x.c.Reset(devices.Hard)
	require.EqualValues(t, stIdle, x.in(7))
	x.idle()
	require.Zero(t, x.irqs[0])
}
