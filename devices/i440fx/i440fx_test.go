package i440fx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/pci"
	"g86/devices/snap"
)

type vga struct{}

func (vga) ReadMem(uint64, int) uint64   { return 0x77 }
func (vga) WriteMem(uint64, int, uint64) {}

func board(t *testing.T) (*bus.Bus, *pci.Bus, []byte) {
	b := bus.New()
	p := pci.New("pci", b)
	require.NoError(t, p.Map(pci.ConfigPort))
	ram, rom := make([]byte, 0x100000), make([]byte, 0x40000)
	for i := range rom {
		rom[i] = 0xee
	}
	_, err := b.MapRAM("ram", 0, ram, false, bus.PrioRAM)
	require.NoError(t, err)
	_, err = b.MapMem("vga", 0xa0000, 0x20000, 8, vga{})
	require.NoError(t, err)
	_, err = New("i440fx", b, p, ram, rom)
	require.NoError(t, err)
	p.Reset(devices.PowerOn)
	return b, p, ram
}

func wr(b *bus.Bus, reg uint32, v uint32) {
	b.Out(0xcf8, 4, 0x80000000|reg&^3)
	b.Out(0xcfc+uint16(reg&3), 1, v)
}

func rd(b *bus.Bus, reg uint32) uint32 {
	b.Out(0xcf8, 4, 0x80000000|reg&^3)
	return b.In(0xcfc+uint16(reg&3), 1)
}

func TestIdentity(t *testing.T) {
	b, _, _ := board(t)
	b.Out(0xcf8, 4, 0x80000000)
	require.EqualValues(t, 0x12378086, b.In(0xcfc, 4))
	b.Out(0xcf8, 4, 0x80000008)
	require.EqualValues(t, 0x06000002, b.In(0xcfc, 4))
	b.Out(0xcf8, 4, 0x80000004)
	require.EqualValues(t, 0x02800006, b.In(0xcfc, 4))
}

func TestPAM(t *testing.T) {
	segs := []struct {
		reg, shift uint32
		base, size uint64
	}{{0x59, 4, 0xf0000, 0x10000}}
	for i := uint32(0); i < 12; i++ {
		segs = append(segs, struct {
			reg, shift uint32
			base, size uint64
		}{0x5a + i/2, i & 1 * 4, 0xc0000 + uint64(i)*0x4000, 0x4000})
	}
	b, _, ram := board(t)
	remaps := 0
	b.OnRemap = func() { remaps++ }
	for _, s := range segs {
		for _, pa := range []uint64{s.base, s.base + s.size - 1} {
			ram[pa] = 0x11
			set := func(mode uint32) { wr(b, s.reg, mode<<s.shift) }
			require.EqualValues(t, 0xee, b.Read(pa, 1), "reset shows ROM at %#x", pa)
			b.Write(pa, 1, 0x22)
			require.EqualValues(t, 0x11, ram[pa])

			set(2) // write RAM, read ROM: the shadow copy loop
			require.EqualValues(t, 0xee, b.Read(pa, 1))
			b.Write(pa, 1, 0x22)
			require.EqualValues(t, 0x22, ram[pa])
			host, _ := b.Page(pa)
			require.Nil(t, host)
			require.EqualValues(t, 0x77, b.Read(0xa0000, 1))

			before := remaps
			set(1) // write-protected shadow
			require.Greater(t, remaps, before)
			require.EqualValues(t, 0x22, b.Read(pa, 1))
			b.Write(pa, 1, 0x33)
			require.EqualValues(t, 0x22, b.Read(pa, 1))

			set(3)
			b.Write(pa, 1, 0x44)
			require.EqualValues(t, 0x44, b.Read(pa, 1))
			host, writable := b.Page(pa)
			require.NotNil(t, host)
			require.True(t, writable)

			before = remaps
			set(3)
			require.Equal(t, before, remaps, "an unchanged PAM register must not flush anything")
			set(0)
			require.EqualValues(t, 0xee, b.Read(pa, 1))
		}
	}
}

func TestMixedWideAccess(t *testing.T) {
	b, _, ram := board(t)
	wr(b, 0x59, 0x20)
	b.Write(0xf1000, 8, 0x1122334455667788)
	require.EqualValues(t, 0x88, ram[0xf1000])
	require.EqualValues(t, 0x11, ram[0xf1007])
	require.Equal(t, uint64(0xeeeeeeeeeeeeeeee), b.Read(0xf1000, 8))
	b.WritePhys(0xf2000, []byte{1, 2, 3})
	require.Equal(t, []byte{1, 2, 3}, ram[0xf2000:0xf2003])
}

func TestSMRAM(t *testing.T) {
	b, p, ram := board(t)
	require.EqualValues(t, 0x02, rd(b, 0x72))
	require.EqualValues(t, 0x77, b.Read(0xa8000, 1))
	wr(b, 0x72, 0x4a)
	b.Write(0xa8000, 1, 0x99)
	require.EqualValues(t, 0x99, ram[0xa8000])
	wr(b, 0x72, 0x0a)
	require.EqualValues(t, 0x77, b.Read(0xa8000, 1))
	wr(b, 0x72, 0x5f) // lock closes and stays
	require.EqualValues(t, 0x1a, rd(b, 0x72))
	wr(b, 0x72, 0x4a)
	require.EqualValues(t, 0x1a, rd(b, 0x72))
	require.EqualValues(t, 0x77, b.Read(0xa8000, 1))
	p.Reset(devices.Hard)
	require.EqualValues(t, 0x02, rd(b, 0x72))
	wr(b, 0x72, 0x4a)
	require.EqualValues(t, 0x99, b.Read(0xa8000, 1))
}

func TestSnapshotRestoresLayout(t *testing.T) {
	b1, p1, _ := board(t)
	wr(b1, 0x59, 0x30)
	wr(b1, 0x5a, 0x21)
	wr(b1, 0x72, 0x4a)
	var w snap.Writer
	p1.Save(&w)
	b2, p2, ram := board(t)
	require.NoError(t, p2.Load(snap.NewReader(w.Bytes())))
	ram[0xf0000], ram[0xc0000], ram[0xa0000] = 1, 2, 3
	require.EqualValues(t, 1, b2.Read(0xf0000, 1))
	require.EqualValues(t, 2, b2.Read(0xc0000, 1))
	require.EqualValues(t, 3, b2.Read(0xa0000, 1))
	b2.Write(0xc4000, 1, 4)
	require.EqualValues(t, 4, ram[0xc4000])
	require.EqualValues(t, 0xee, b2.Read(0xc4000, 1))
}

func TestTooSmallMemoryIsRefused(t *testing.T) {
	b := bus.New()
	_, err := New("i440fx", b, pci.New("pci", b), make([]byte, 0x1000), make([]byte, 0x40000))
	require.ErrorContains(t, err, "1 MiB")
}
