package floppy

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/disk"
	"g86/devices/dma"
	"g86/devices/snap"
)

// fakeDMA is a DMA channel over a byte slice; an empty one never answers.
type fakeDMA struct {
	mem []byte
	pos int
}

func (d *fakeDMA) Transfer(buf []byte, toMemory bool) (int, bool) {
	n := min(len(buf), len(d.mem)-d.pos)
	if n == 0 {
		return 0, false
	}
	if toMemory {
		copy(d.mem[d.pos:], buf[:n])
	} else {
		copy(buf[:n], d.mem[d.pos:])
	}
	d.pos += n
	return n, d.pos == len(d.mem)
}

type board struct {
	t   testing.TB
	b   *bus.Bus
	clk *clock.Clock
	c   *Controller
	dma *fakeDMA
	irq bool
}

func newBoard(t testing.TB) *board {
	x := &board{t: t, b: bus.New(), clk: clock.New(func() uint64 { return 0 }, 1000), dma: &fakeDMA{}}
	x.c = New("floppy", x.dma, func(level bool) { x.irq = level }, x.clk)
	require.NoError(t, x.c.Map(x.b, BasePort))
	return x
}

func image(kib int) *disk.Image {
	b := make([]byte, kib<<10)
	for i := range b {
		b[i] = byte(i>>9 ^ i)
	}
	return disk.FromBytes("floppy", b)
}

// ready is a board with a 1.44M disk in drive A, out of reset, motor on.
func ready(t testing.TB) (*board, *disk.Image) {
	x := newBoard(t)
	m := image(1440)
	require.NoError(t, x.c.Attach(0, m))
	x.reset()
	return x, m
}

func (x *board) out(port uint16, v byte) { x.b.Out(port, 1, uint32(v)) }
func (x *board) in(port uint16) byte     { return byte(x.b.In(port, 1)) }

// wait lets guest time pass until the interrupt comes.
func (x *board) wait() {
	x.t.Helper()
	for !x.irq {
		require.NotEqual(x.t, uint64(clock.Never), x.clk.Next(), "no interrupt to come")
		x.clk.Advance(x.clk.Next() - x.clk.Now())
		x.clk.RunDue()
	}
}

func (x *board) cmd(b ...byte) {
	x.t.Helper()
	for _, v := range b {
		require.EqualValues(x.t, 0x80, x.in(0x3f4)&0xc0, "RQM to the chip")
		x.out(0x3f5, v)
	}
}

func (x *board) result() (r []byte) {
	x.t.Helper()
	for x.in(0x3f4)&0xd0 == 0xd0 {
		r = append(r, x.in(0x3f5))
	}
	require.EqualValues(x.t, 0x80, x.in(0x3f4))
	return r
}

func (x *board) reset() {
	x.t.Helper()
	x.out(0x3f2, 0)
	require.EqualValues(x.t, 0, x.in(0x3f4))
	x.out(0x3f2, 0x1c)
	x.wait()
	for i := byte(0); i < 4; i++ {
		x.cmd(8)
		require.Equal(x.t, []byte{0xc0 | i, 0}, x.result())
		require.False(x.t, x.irq)
	}
	x.out(0x3f7, 0)
	x.cmd(3, 0xaf, 0x02) // DMA
}

// seek moves drive A and senses the interrupt.
func (x *board) seek(cyl byte) {
	x.t.Helper()
	x.cmd(0x0f, 0, cyl)
	require.EqualValues(x.t, 0x81, x.in(0x3f4), "drive busy")
	x.wait()
	x.cmd(8)
	require.Equal(x.t, []byte{0x20, cyl}, x.result())
	require.False(x.t, x.irq)
}

// dmaCmd runs a data command over mem.
func (x *board) dmaCmd(mem []byte, b ...byte) []byte {
	x.t.Helper()
	*x.dma = fakeDMA{mem: mem}
	x.cmd(b...)
	require.EqualValues(x.t, 0x10, x.in(0x3f4))
	x.wait()
	r := x.result()
	require.False(x.t, x.irq, "reading the result takes the interrupt away")
	return r
}

func contents(t testing.TB, m disk.Backend, lba, n int) []byte {
	b := make([]byte, n*512)
	_, err := m.ReadAt(b, int64(lba)*512)
	require.NoError(t, err)
	return b
}

func TestRegisters(t *testing.T) {
	x, _ := ready(t)
	require.EqualValues(t, 0x1c, x.in(0x3f2))
	require.EqualValues(t, 0xff, x.in(0x3f0))
	x.out(0x3f3, 0xff)
	require.EqualValues(t, 3, x.in(0x3f3))
	require.EqualValues(t, 0xff, x.in(0x3f6), "3F6h is not ours")
	x.out(0x3f2, 0x14) // DMAGATE# off hides the interrupt
	x.cmd(7, 0)
	x.clk.Advance(1e9)
	x.clk.RunDue()
	require.False(t, x.irq)
	x.out(0x3f2, 0x1c)
	require.True(t, x.irq)
}

func TestRead(t *testing.T) {
	x, m := ready(t)
	x.seek(5)
	for _, c := range []struct {
		name    string
		n       int
		cmd     []byte
		lba     int
		sectors int
		want    []byte
	}{
		{"one", 512, []byte{0xe6, 4, 5, 1, 3, 2, 18, 0x1b, 0xff}, (5*2+1)*18 + 2, 1, []byte{4, 0, 0, 5, 1, 4, 2}},
		{"to the end of the track", 1024, []byte{0x46, 0, 5, 0, 17, 2, 18, 0x1b, 0xff}, 5*36 + 16, 2, []byte{0, 0, 0, 6, 0, 1, 2}},
		{"both heads", 36 * 512, []byte{0xe6, 0, 5, 0, 1, 2, 18, 0x1b, 0xff}, 5 * 36, 36, []byte{4, 0, 0, 6, 0, 1, 2}},
		{"head 0 wholly", 18 * 512, []byte{0xe6, 0, 5, 0, 1, 2, 18, 0x1b, 0xff}, 5 * 36, 18, []byte{4, 0, 0, 5, 1, 1, 2}},
		{"beyond the track", 1024, []byte{0x46, 0, 5, 0, 18, 2, 18, 0x1b, 0xff}, 5*36 + 17, 1, []byte{0x40, 0x80, 0, 6, 0, 1, 2}},
		{"read track", 18 * 512, []byte{0x42, 0, 5, 0, 1, 2, 18, 0x1b, 0xff}, 5 * 36, 18, []byte{0, 0, 0, 6, 0, 1, 2}},
		{"deleted", 512, []byte{0x4c, 0, 5, 0, 1, 2, 18, 0x1b, 0xff}, 5 * 36, 1, []byte{0, 0, 0x40, 5, 0, 2, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.t = t
			mem := make([]byte, c.n)
			require.Equal(t, c.want, x.dmaCmd(mem, c.cmd...))
			require.True(t, bytes.Equal(contents(t, m, c.lba, c.sectors), mem[:c.sectors*512]))
		})
	}
}

func TestThroughThe8237(t *testing.T) {
	b, clk := bus.New(), clock.New(func() uint64 { return 0 }, 1000)
	ram := make([]byte, 0x20000)
	_, err := b.MapRAM("ram", 0, ram, false, bus.PrioRAM)
	require.NoError(t, err)
	d := dma.New("dma", b)
	require.NoError(t, d.Map(b))
	x := &board{t: t, b: b, clk: clk}
	x.c = New("floppy", d.Channel(DMAChannel), func(level bool) { x.irq = level }, clk)
	require.NoError(t, x.c.Map(b, BasePort))
	m := image(1440)
	require.NoError(t, x.c.Attach(0, m))
	x.reset()
	for _, w := range [][2]uint16{{0xd6, 0xc0}, {0xd4, 0}, {0x0c, 0}, {0x0b, 0x46}, {4, 0}, {4, 0x20}, {0x81, 1}, {5, 0xff}, {5, 3}, {0x0a, 2}} {
		x.out(w[0], byte(w[1])) // two sectors to 12000h
	}
	x.cmd(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)
	x.wait()
	require.Equal(t, []byte{0, 0, 0, 0, 0, 3, 2}, x.result())
	require.Equal(t, contents(t, m, 0, 2), ram[0x12000:0x12400])
	require.Zero(t, ram[0x12401])
}

func TestWrite(t *testing.T) {
	x, m := ready(t)
	data := bytes.Repeat([]byte("floppy! "), 128)
	require.Equal(t, []byte{0, 0, 0, 0, 0, 6, 2}, x.dmaCmd(data, 0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff))
	require.Equal(t, data, contents(t, m, 3, 2))
	require.Equal(t, []byte{0, 0, 0, 0, 0, 9, 2}, x.dmaCmd(data[:100], 0x49, 0, 0, 0, 8, 2, 18, 0x1b, 0xff))
	require.Equal(t, append(bytes.Clone(data[:100]), make([]byte, 412)...), contents(t, m, 7, 1))

	ids := []byte{}
	for r := byte(1); r <= 18; r++ {
		ids = append(ids, 0, 1, r, 2)
	}
	r := x.dmaCmd(ids, 0x4d, 4, 2, 18, 0x54, 0xf6)
	require.Equal(t, []byte{4, 0, 0}, r[:3])
	require.Equal(t, bytes.Repeat([]byte{0xf6}, 18*512), contents(t, m, 18, 18))
	require.NotEqual(t, byte(0xf6), contents(t, m, 36, 1)[0])
}

type broken struct{ *disk.Image }

func (broken) ReadAt([]byte, int64) (int, error)  { return 0, errors.New("I/O error") }
func (broken) WriteAt([]byte, int64) (int, error) { return 0, errors.New("I/O error") }

type readOnly struct{ *disk.Image }

func (readOnly) ReadOnly() bool { return true }

func TestErrors(t *testing.T) {
	img := image(1440)
	for _, c := range []struct {
		name  string
		media disk.Backend
		cmd   []byte
		want  []byte
	}{
		{"empty", nil, []byte{0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 1, 0}},
		{"no drive", img, []byte{0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x41, 1, 0}},
		{"no such select", img, []byte{0x46, 3, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x43, 1, 0}},
		{"single density", img, []byte{0x06, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 1, 0}},
		{"wrong cylinder", img, []byte{0x46, 0, 3, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 4, 0x10}},
		{"wrong head", img, []byte{0x46, 4, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x44, 4, 0}},
		{"sector 0", img, []byte{0x46, 0, 0, 0, 0, 2, 18, 0x1b, 0xff}, []byte{0x40, 4, 0}},
		{"sector 19", img, []byte{0x46, 0, 0, 0, 19, 2, 21, 0x1b, 0xff}, []byte{0x40, 4, 0}},
		{"sector size", img, []byte{0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff}, []byte{0x40, 4, 0}},
		{"scan", img, []byte{0x51, 0, 0, 0, 1, 2, 18, 0x1b, 1}, []byte{0x40, 0, 4}},
		{"write-protected", readOnly{img}, []byte{0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 2, 0}},
		{"format write-protected", readOnly{img}, []byte{0x4d, 0, 2, 18, 0x54, 0xf6}, []byte{0x40, 2, 0}},
		{"format other layout", img, []byte{0x4d, 0, 2, 21, 0x54, 0xf6}, []byte{0x40, 2, 0}},
		{"host read", broken{img}, []byte{0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 0x20, 0}},
		{"host write", broken{img}, []byte{0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, []byte{0x40, 0x20, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newBoard(t)
			require.NoError(t, x.c.Attach(0, c.media))
			x.reset()
			require.Equal(t, c.want, x.dmaCmd(make([]byte, 512), c.cmd...)[:3])
		})
	}
	t.Run("DMA masked", func(t *testing.T) {
		x, _ := ready(t)
		require.Equal(t, []byte{0x40, 0x10, 0}, x.dmaCmd(nil, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)[:3])
	})
	t.Run("data rate", func(t *testing.T) {
		x, _ := ready(t)
		x.out(0x3f7, 2)
		require.Equal(t, []byte{0x40, 1, 0}, x.dmaCmd(make([]byte, 512), 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)[:3])
		x.out(0x3f4, 0) // DSR sets it too
		require.Equal(t, []byte{0, 0, 0}, x.dmaCmd(make([]byte, 512), 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)[:3])
	})
}

func TestNonDMA(t *testing.T) {
	x, m := ready(t)
	x.cmd(3, 0xaf, 0x03)
	x.cmd(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff)
	var got []byte
	for len(got) < 1024 {
		x.wait()
		for x.in(0x3f4) == 0xf0 {
			got = append(got, x.in(0x3f5))
		}
	}
	x.wait()
	require.Equal(t, []byte{0x40, 0x80, 0, 1, 0, 1, 2}, x.result(), "without terminal count the end of the track ends it")
	require.Equal(t, contents(t, m, 16, 2), got)

	x.cmd(0x45, 0, 0, 0, 18, 2, 18, 0x1b, 0xff)
	x.wait()
	for i := 0; x.in(0x3f4) == 0xb0; i++ {
		x.out(0x3f5, byte(i*3))
	}
	x.wait()
	x.result()
	require.EqualValues(t, 9, contents(t, m, 17, 1)[3])
}

func TestSeeks(t *testing.T) {
	x, _ := ready(t)
	x.cmd(8)
	require.Equal(t, []byte{0x80}, x.result(), "nothing to sense")
	x.seek(40)
	x.cmd(4, 4)
	require.Equal(t, []byte{0x2c}, x.result())
	x.cmd(0xcf, 0, 3)
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x20, 43}, x.result())
	x.cmd(0x8f, 0, 2)
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x20, 41}, x.result())
	x.cmd(0x4a, 4)
	x.wait()
	require.Equal(t, []byte{4, 0, 0, 41, 1, 1, 2}, x.result())
	x.cmd(7, 0)
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x20, 0}, x.result())
	x.cmd(4, 0)
	require.Equal(t, []byte{0x38}, x.result(), "track 0")
	x.cmd(7, 1) // no drive B: no track 0 signal
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x71, 0}, x.result())
	x.seek(82)
	x.cmd(7, 0) // 79 pulses do not suffice
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x70, 0}, x.result())
	x.cmd(7, 0)
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0x20, 0}, x.result())
}

func TestControlCommands(t *testing.T) {
	x, m := ready(t)
	for _, c := range []struct {
		name      string
		cmd, want []byte
	}{
		{"VERSION", []byte{0x10}, []byte{0x90}},
		{"PART ID is the 82078's", []byte{0x18}, []byte{0x80}},
		{"invalid", []byte{0x1f}, []byte{0x80}},
		{"invalid modifier", []byte{0x88}, []byte{0x80}},
		{"LOCK", []byte{0x94}, []byte{0x10}},
		{"UNLOCK", []byte{0x14}, []byte{0}},
		{"CONFIGURE", []byte{0x13, 0, 0x57, 0x11}, nil},
		{"PERPENDICULAR", []byte{0x12, 0x84}, nil},
		{"DUMPREG", []byte{0x0e}, []byte{0, 0, 0, 0, 0xaf, 2, 0, 4, 0x57, 0x11}},
	} {
		x.cmd(c.cmd...)
		require.Equal(t, c.want, x.result(), c.name)
	}
	mem := make([]byte, 512) // CONFIGURE set implied seek
	require.Equal(t, []byte{0, 0, 0}, x.dmaCmd(mem, 0x46, 0, 7, 0, 1, 2, 18, 0x1b, 0xff)[:3])
	require.Equal(t, contents(t, m, 7*36, 1), mem)
	x.cmd(0x56, 0, 7, 0, 1, 2, 18, 0x1b, 0xff)
	x.wait()
	require.Equal(t, []byte{0, 0, 0, 8, 0, 1, 2}, x.result(), "VERIFY ends at EOT")
	x.cmd(0x56, 0x80, 7, 0, 1, 2, 18, 0x1b, 4)
	x.wait()
	require.Equal(t, []byte{0, 0, 0, 7, 0, 5, 2}, x.result(), "VERIFY of four sectors")

	x.cmd(0x94)
	x.result()
	x.out(0x3f4, 0x80) // DSR reset; polling comes back, the locked FIFO settings stay
	require.EqualValues(t, 0, x.in(0x3f4))
	x.wait()
	x.cmd(8)
	require.Equal(t, []byte{0xc0, 0}, x.result())
	x.cmd(0x0e)
	require.Equal(t, []byte{0x84, 0x07, 0x11}, x.result()[7:])
}

func TestMediaChange(t *testing.T) {
	x, _ := ready(t)
	require.EqualValues(t, 0x80, x.in(0x3f7))
	x.seek(1)
	require.EqualValues(t, 0, x.in(0x3f7), "a step clears disk change")
	require.NoError(t, x.c.Insert(0, nil))
	require.EqualValues(t, 0x80, x.in(0x3f7))
	x.seek(2)
	require.EqualValues(t, 0x80, x.in(0x3f7), "but not without a disk")
	require.NoError(t, x.c.Insert(0, image(720)))
	x.seek(1)
	require.EqualValues(t, 0, x.in(0x3f7))
	x.out(0x3f7, 2)
	mem := make([]byte, 512)
	require.EqualValues(t, 0, x.dmaCmd(mem, 0x46, 0, 1, 0, 1, 2, 9, 0x1b, 0xff)[0])
	require.EqualValues(t, 4, x.c.DriveType(0))
	require.EqualValues(t, 0, x.c.DriveType(1))
	require.Error(t, x.c.Insert(1, nil))
	require.Error(t, x.c.Attach(0, nil))
	require.NotNil(t, x.c.Media(0))
	require.Nil(t, x.c.Media(1))
}

func TestSaveInTheMiddle(t *testing.T) {
	x, m := ready(t)
	mem := make([]byte, 4*512)
	*x.dma = fakeDMA{mem: mem}
	x.cmd(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)
	for range 2 {
		x.clk.Advance(sectorDelay)
		x.clk.RunDue()
	}
	require.Equal(t, 1024, x.dma.pos)
	var w, wc snap.Writer
	x.c.Save(&w)
	x.clk.Save(&wc)
	y, _ := ready(t)
	*y.dma = *x.dma
	require.NoError(t, y.c.Load(snap.NewReader(w.Bytes())))
	require.NoError(t, y.clk.Load(snap.NewReader(wc.Bytes())))
	y.wait()
	require.Equal(t, []byte{0, 0, 0, 0, 0, 5, 2}, y.result())
	require.Equal(t, contents(t, m, 0, 4), mem)
	require.Error(t, y.c.Load(snap.NewReader(w.Bytes()[:50])))
}

func TestReset(t *testing.T) {
	x, _ := ready(t)
	x.cmd(7, 0)
	x.wait()
	x.c.Reset(devices.Hard)
	require.False(t, x.irq)
	require.EqualValues(t, 0, x.in(0x3f4))
	x.reset()
}

// A hostile guest: random bytes into every register, with time passing and
// disks changing. The chip must survive and still work after a reset.
func TestRandomAccess(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		x, m := ready(t)
		require.NoError(t, x.c.Attach(1, image(360)))
		cmds := []byte{0x46, 0xe6, 0x45, 0xc5, 0x42, 0x4c, 0x4d, 0x4a, 0x0f, 0x07, 0x08, 0x56, 0xcf, 0x03, 0x13}
		for range 20_000 {
			switch r.IntN(10) {
			case 0:
				x.out(BasePort+uint16(r.IntN(8)), byte(r.Uint32()))
			case 1:
				x.in(BasePort + uint16(r.IntN(8)))
			case 2:
				x.out(0x3f2, 0x1c|byte(r.IntN(2)))
			case 3:
				x.out(0x3f5, cmds[r.IntN(len(cmds))])
				for range 8 {
					x.out(0x3f5, byte(r.IntN(20)))
				}
			case 4:
				for range r.IntN(600) {
					x.in(0x3f5)
				}
			case 5:
				for range r.IntN(600) {
					x.out(0x3f5, byte(r.Uint32()))
				}
			case 6:
				*x.dma = fakeDMA{mem: make([]byte, r.IntN(5000))}
			case 7, 8:
				x.clk.Advance(uint64(r.IntN(200_000)))
				x.clk.RunDue()
			case 9:
				switch r.IntN(30) {
				case 0:
					require.NoError(t, x.c.Insert(1, nil))
				case 1:
					require.NoError(t, x.c.Insert(1, image(180)))
				case 2:
					var w snap.Writer
					x.c.Save(&w)
					require.NoError(t, x.c.Load(snap.NewReader(w.Bytes())))
				}
			}
		}
		x.c.Reset(devices.Hard)
		x.reset()
		for range 2 { // the heads may stand beyond cylinder 79
			x.cmd(7, 0)
			x.wait()
			x.cmd(8)
			x.result()
		}
		mem := make([]byte, 512)
		require.Equal(t, []byte{0, 0, 0}, x.dmaCmd(mem, 0x46, 0, 0, 0, 2, 2, 18, 0x1b, 0xff)[:3])
		require.Equal(t, contents(t, m, 1, 1), mem)
	}
}
