package ide

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/disk"
	"g86/devices/snap"
)

// send writes a packet; the caller sees to the data.
func (x *board) send(dma byte, limit int, cdb ...byte) {
	x.t.Helper()
	x.out(6, 0xa0)
	x.out(1, dma)
	x.out(4, byte(limit))
	x.out(5, byte(limit>>8))
	x.out(7, 0xa0)
	require.EqualValues(x.t, stDRQ, x.wait()&(stDRQ|stERR))
	require.EqualValues(x.t, irCoD, x.in(2)&3)
	var p [12]byte
	copy(p[:], cdb)
	for i := 0; i < 12; i += 2 {
		x.b.Out(x.base, 2, uint32(p[i])|uint32(p[i+1])<<8)
	}
}

// packet runs a packet command by PIO and returns the data and the error register.
func (x *board) packet(limit int, cdb ...byte) (data []byte, err byte) {
	x.t.Helper()
	x.send(0, limit, cdb...)
	for {
		st := x.wait()
		x.in(7)
		if st&stDRQ == 0 {
			require.EqualValues(x.t, irCoD|irIO, x.in(2)&3)
			if st&stERR != 0 {
				return data, x.in(1)
			}
			return data, 0
		}
		require.EqualValues(x.t, irIO, x.in(2)&3)
		n := int(x.in(4)) | int(x.in(5))<<8
		require.LessOrEqual(x.t, n, limit)
		for i := 0; i < n; i += 2 {
			data = binary.LittleEndian.AppendUint16(data, uint16(x.b.In(x.base, 2)))
		}
		if n&1 != 0 {
			data = data[:len(data)-1]
		}
	}
}

// sense is key, ASC and ASCQ.
func (x *board) sense() [3]byte {
	x.t.Helper()
	d, err := x.packet(64, 0x03, 0, 0, 0, 18)
	require.Zero(x.t, err)
	require.Len(x.t, d, 18)
	return [3]byte{d[2], d[12], d[13]}
}

func TestIdentifyPacket(t *testing.T) {
	x, _ := withCD(t, 100)
	x.out(7, 0xec)
	require.EqualValues(t, 0x51, x.wait())
	require.EqualValues(t, erABRT, x.in(1))
	require.Equal(t, []byte{0x14, 0xeb}, []byte{x.in(4), x.in(5)})
	x.out(7, 0xa1)
	b := x.pioIn(512, 2)
	require.EqualValues(t, 0x85c0, binary.LittleEndian.Uint16(b))
	require.Equal(t, "G86 CD-ROM", swapped(b[54:94]))
	x.out(7, 0x08)
	require.EqualValues(t, 0, x.in(7))
}

func TestCDRead(t *testing.T) {
	for _, limit := range []int{2048, 0xfffe, 0xffff, 512, 2050, 4097} {
		x, m := withCD(t, 100)
		for name, cdb := range map[string][]byte{
			"10": {0x28, 0, 0, 0, 0, 7, 0, 0, 40},
			"12": {0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 40},
			"CD": {0xbe, 0, 0, 0, 0, 7, 0, 0, 40, 0x10},
		} {
			got, err := x.packet(limit, cdb...)
			require.Zero(t, err)
			require.Equal(t, x.contents(m, 7*2048, 40*2048), got, "READ %s limit %d", name, limit)
		}
	}
}

func TestCDReadDMA(t *testing.T) {
	x, m := withCD(t, 100)
	x.prds(prd{0x10000, 0x2000}, prd{0x20000, 0x800})
	x.send(1, 0, 0x28, 0, 0, 0, 0, 7, 0, 0, 5)
	x.bmStart(bmToMem)
	require.EqualValues(t, stIdle, x.wait())
	require.EqualValues(t, bmInterrupt, x.bmStatus())
	require.EqualValues(t, 3, x.in(2))
	require.Equal(t, x.contents(m, 7*2048, 0x2000), x.ram[0x10000:0x12000])
	require.Equal(t, x.contents(m, 11*2048, 0x800), x.ram[0x20000:0x20800])

	x.prds(prd{0x30000, 0x1000}) // longer than the reply
	x.send(1, 0, 0x25)
	x.bmStart(bmToMem)
	require.EqualValues(t, stIdle, x.wait())
	require.EqualValues(t, bmInterrupt|bmActive, x.bmStatus())
	require.Equal(t, []byte{0, 0, 0, 99, 0, 0, 8, 0, 0}, x.ram[0x30000:0x30009])
}

func TestCDReplies(t *testing.T) {
	x, _ := withCD(t, 4650) // 1:02:00
	for _, c := range []struct {
		name string
		cdb  []byte
		want []byte // prefix
		n    int
	}{
		{"TEST UNIT READY", []byte{0x00}, nil, 0},
		{"INQUIRY", []byte{0x12, 0, 0, 0, 36}, []byte{5, 0x80}, 36},
		{"INQUIRY cut off", []byte{0x12, 0, 0, 0, 5}, []byte{5, 0x80, 0, 0x21, 31}, 5},
		{"INQUIRY nothing", []byte{0x12}, nil, 0},
		{"READ CAPACITY", []byte{0x25}, []byte{0, 0, 0x12, 0x29, 0, 0, 8, 0}, 8},
		{"READ nothing", []byte{0x28, 0, 0, 0, 0, 1}, nil, 0},
		{"READ TOC", []byte{0x43, 0, 0, 0, 0, 0, 0, 0, 100},
			[]byte{0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x12, 0x2a}, 20},
		{"READ TOC MSF", []byte{0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100}, []byte{0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 1, 4, 0}, 12},
		{"READ TOC sessions", []byte{0x43, 0, 1, 0, 0, 0, 0, 0, 100}, []byte{0, 10, 1, 1, 0, 0x14, 1}, 12},
		{"READ TOC raw", []byte{0x43, 0, 2, 0, 0, 0, 0, 0, 100}, []byte{0, 46, 1, 1, 1, 0x14, 0, 0xa0, 0, 0, 0, 0, 1}, 48},
		{"MODE SENSE(6)", []byte{0x1a, 0, 0x2a, 0, 100}, []byte{23, 1, 0, 0, 0x2a, 18}, 24},
		{"MODE SENSE(10)", []byte{0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 100}, []byte{0, 34, 1, 0, 0, 0, 0, 0, 1, 6, 0, 5}, 36},
		{"GET CONFIGURATION", []byte{0x46, 0, 0, 0, 0, 0, 0, 0, 200}, []byte{0, 0, 0, 56, 0, 0, 0, 8, 0, 0, 3, 8}, 60},
		{"GET CONFIGURATION one", []byte{0x46, 2, 0, 3, 0, 0, 0, 0, 200}, []byte{0, 0, 0, 12, 0, 0, 0, 8, 0, 3, 3, 4}, 16},
		{"GET EVENT STATUS", []byte{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}, []byte{0, 6, 4, 0x10, 0, 2, 0, 0}, 8},
		{"READ DISC INFO", []byte{0x51, 0, 0, 0, 0, 0, 0, 0, 34}, []byte{0, 32, 0x0e, 1}, 34},
		{"READ TRACK INFO", []byte{0x52, 1, 0, 0, 0, 1, 0, 0, 28}, []byte{0, 26, 1, 1}, 28},
		{"MECHANISM STATUS", []byte{0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8}, []byte{0, 0, 0, 0, 0, 1, 0, 0}, 8},
		{"SEEK", []byte{0x2b, 0, 0, 0, 0x12, 0x29}, nil, 0},
		{"SET CD SPEED", []byte{0xbb, 0, 0xff, 0xff}, nil, 0},
		{"START", []byte{0x1b, 0, 0, 0, 1}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.t = t
			got, err := x.packet(0xfffe, c.cdb...)
			require.Zero(t, err)
			require.Len(t, got, c.n)
			require.Equal(t, string(c.want), string(got[:len(c.want)]))
		})
	}
}

func TestCDErrors(t *testing.T) {
	x, _ := withCD(t, 100)
	for _, c := range []struct {
		name string
		cdb  []byte
		want [3]byte
	}{
		{"opcode", []byte{0xff}, [3]byte{5, 0x20, 0}},
		{"LBA", []byte{0x28, 0, 0, 0, 0, 100, 0, 0, 1}, [3]byte{5, 0x21, 0}},
		{"too long", []byte{0x28, 0, 0, 0, 0, 99, 0, 0, 2}, [3]byte{5, 0x21, 0}},
		{"huge", []byte{0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, [3]byte{5, 0x21, 0}},
		{"seek", []byte{0x2b, 0, 0xff}, [3]byte{5, 0x21, 0}},
		{"raw sectors", []byte{0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8}, [3]byte{5, 0x24, 0}},
		{"audio", []byte{0xbe, 4, 0, 0, 0, 0, 0, 0, 1, 0x10}, [3]byte{5, 0x64, 0}},
		{"vital product data", []byte{0x12, 1, 0x80, 0, 36}, [3]byte{5, 0x24, 0}},
		{"mode page", []byte{0x5a, 0, 0x11, 0, 0, 0, 0, 0, 100}, [3]byte{5, 0x24, 0}},
		{"track", []byte{0x43, 0, 0, 0, 0, 0, 2, 0, 100}, [3]byte{5, 0x24, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.t = t
			_, err := x.packet(0xfffe, c.cdb...)
			require.Equal(t, c.want[0]<<4|erABRT, err)
			require.Equal(t, c.want, x.sense())
			require.Equal(t, [3]byte{}, x.sense(), "reading it clears it")
		})
	}
}

func TestMediaChange(t *testing.T) {
	x, _ := withCD(t, 100)
	tur := func() [3]byte {
		if _, err := x.packet(64, 0); err == 0 {
			return [3]byte{}
		}
		return x.sense()
	}
	event := func() [2]byte {
		d, err := x.packet(64, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)
		require.Zero(t, err)
		return [2]byte(d[4:])
	}
	ready, changed := [3]byte{}, [3]byte{6, 0x28, 0}
	require.Equal(t, ready, tur())
	_, err := x.packet(64, 0x1e, 0, 0, 0, 1) // lock
	require.Zero(t, err)
	require.ErrorIs(t, x.c.Insert(1, 0, nil, false), ErrLocked)
	require.Equal(t, [2]byte{1, 2}, event(), "eject request")
	_, err = x.packet(64, 0x1b, 0, 0, 0, 2)
	require.EqualValues(t, 0x54, err)
	require.Equal(t, [3]byte{5, 0x53, 2}, x.sense())
	require.NoError(t, x.c.Insert(1, 0, nil, true))
	require.Equal(t, [2]byte{3, 0}, event())
	require.Equal(t, [3]byte{2, 0x3a, 1}, tur())
	require.NoError(t, x.c.Insert(1, 0, disk.FromBytes("other", pattern(4096)), false))
	require.Equal(t, [2]byte{2, 2}, event())
	require.Equal(t, changed, tur())
	require.Equal(t, ready, tur())
	_, err = x.packet(64, 0x1b, 0, 0, 0, 2) // the guest opens the tray
	require.Zero(t, err)
	require.Equal(t, [3]byte{2, 0x3a, 2}, tur())
	require.Equal(t, [2]byte{0, 3}, event())
	_, err = x.packet(64, 0x1b, 0, 0, 0, 3)
	require.EqualValues(t, 0, err)
	require.Equal(t, changed, tur())
	require.Error(t, x.c.Insert(0, 0, nil, false))
	require.NotNil(t, x.c.Media(1, 0))
}

func TestMediumTakenOutWhileReading(t *testing.T) {
	x, _ := withCD(t, 100)
	x.send(0, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 5)
	x.wait()
	require.NoError(t, x.c.Insert(1, 0, nil, true))
	for range 1024 {
		x.b.In(x.base, 2)
	}
	require.EqualValues(t, 0x51, x.wait())
	require.Equal(t, [3]byte{3, 0x11, 0}, x.sense())
}

func TestBrokenCD(t *testing.T) {
	x := newBoard(t)
	x.base, x.ctl = 0x170, 0x376
	require.NoError(t, x.c.Attach(1, 0, CDROM, broken{disk.FromBytes("cd", make([]byte, 4096))}))
	_, err := x.packet(2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1)
	require.EqualValues(t, 0x34, err)
	require.Equal(t, [3]byte{3, 0x11, 0}, x.sense())
}

// A hostile guest: random accesses to every register with time passing, media
// changing and snapshots in between. The drives must survive and still work
// after a reset.
func TestRandomAccess(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		x := newBoard(t)
		hd := disk.FromBytes("hd", pattern(1000*512))
		require.NoError(t, x.c.Attach(0, 0, Disk, hd))
		require.NoError(t, x.c.Attach(0, 1, CDROM, disk.FromBytes("cd", pattern(50*2048))))
		require.NoError(t, x.c.Attach(1, 1, CDROM, nil))
		copy(x.ram[0x1000:], pattern(0x4000))
		cmds := []byte{0x20, 0x24, 0x25, 0x30, 0x35, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xa0, 0xa1, 0xec, 0xef, 0x91, 0x08, 0x90, 0x39, 0x29}
		for range 20_000 {
			base := []uint16{0x1f0, 0x170}[r.IntN(2)]
			size := []int{1, 2, 4}[r.IntN(3)]
			switch r.IntN(12) {
			case 0:
				x.b.Out(base+7, 1, uint32(cmds[r.IntN(len(cmds))]))
			case 1:
				x.b.Out(base+7, 1, r.Uint32()&0xff)
			case 2:
				x.b.Out(base+uint16(r.IntN(8)), size, r.Uint32())
			case 3:
				x.b.Out(base+uint16(1+r.IntN(6)), 1, r.Uint32()&1)
			case 4:
				x.b.In(base+uint16(r.IntN(8)), size)
			case 5:
				x.b.Out(bmBase+uint16(r.IntN(16)), size, r.Uint32()&0xffff)
			case 6:
				x.b.In(bmBase+uint16(r.IntN(16)), size)
			case 7:
				for range r.IntN(3000) {
					x.b.In(base, size)
				}
			case 8:
				op := []byte{0x28, 0xa8, 0xbe, 0x43, 0x46, 0x5a, 0x12, 0x25}[r.IntN(8)]
				x.b.Out(base, 2, uint32(op)|r.Uint32()&0x200)
				for range r.IntN(600) {
					x.b.Out(base, 2, r.Uint32()&0x0101)
				}
			case 9:
				if r.IntN(20) == 0 {
					x.b.Out(base+0x206, 1, r.Uint32()&0xff)
				}
			case 10:
				x.clk.Advance(uint64(r.IntN(50_000)))
				x.clk.RunDue()
			case 11:
				switch r.IntN(40) {
				case 0:
					_ = x.c.Insert(1, 1, disk.FromBytes("cd", pattern(r.IntN(5)*2048)), r.IntN(2) == 0)
				case 1:
					_ = x.c.Insert(1, 1, nil, true)
				case 2:
					var w snap.Writer
					x.c.Save(&w)
					require.NoError(t, x.c.Load(snap.NewReader(w.Bytes())))
				}
			}
		}
		x.base, x.ctl = 0x1f0, 0x3f6
		x.b.Out(x.ctl, 1, dcSRST)
		x.b.Out(x.ctl, 1, 0)
		x.wait()
		x.idle()
		x.lba28(0x20, 5, 1)
		require.Equal(t, x.contents(hd, 5*512, 512), x.pioIn(512, 2))
	}
}
