package fwcfg

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

type board struct {
	*FwCfg
	b   *bus.Bus
	ram []byte
}

func newBoard(t *testing.T) *board {
	x := &board{b: bus.New(), ram: make([]byte, 1<<16)}
	_, err := x.b.MapRAM("ram", 0, x.ram, false, bus.PrioRAM)
	require.NoError(t, err)
	x.FwCfg = New("fwcfg", x.b)
	require.NoError(t, x.Map(x.b))
	return x
}

func (x *board) read(key uint16, n int) []byte {
	x.b.Out(Port, 2, uint32(key))
	return x.more(n)
}

func (x *board) more(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(x.b.In(Port+1, 1))
	}
	return p
}

// dma runs a descriptor at 100h and returns its control word.
func (x *board) dma(control, n uint32, addr uint64) uint32 {
	binary.BigEndian.PutUint32(x.ram[0x100:], control)
	binary.BigEndian.PutUint32(x.ram[0x104:], n)
	binary.BigEndian.PutUint64(x.ram[0x108:], addr)
	x.b.Out(DMAPort, 4, 0)
	x.b.Out(DMAPort+4, 4, 0x00010000) // 100h, big endian
	return binary.BigEndian.Uint32(x.ram[0x100:])
}

func TestSignatureAndKeys(t *testing.T) {
	x := newBoard(t)
	require.Equal(t, []byte("QEMU\x00\x00"), x.read(KeySignature, 6), "zeros past the end")
	require.Equal(t, []byte{3, 0, 0, 0}, x.read(KeyID, 4))
	x.AddU64(KeyRAMSize, 0x8000000)
	x.AddU16(KeyNBCPUs, 2)
	x.AddU32(KeyIRQ0Override, 1)
	require.Equal(t, []byte{0, 0, 0, 8, 0, 0, 0, 0}, x.read(KeyRAMSize, 8))
	require.Equal(t, []byte{2, 0}, x.read(KeyNBCPUs, 2))
	require.Equal(t, []byte{1, 0, 0, 0}, x.read(KeyIRQ0Override, 4))
	require.Equal(t, []byte{0}, x.read(0x7777, 1), "an unknown key")
	require.Equal(t, []byte("QE"), x.read(KeySignature|writeChannel, 2))
	require.Equal(t, []byte("MU"), x.more(2))
	x.b.Out(Port, 1, 1)
	x.b.Out(Port+1, 1, 0xff)
	require.Equal(t, []byte("QEMU"), x.read(KeySignature, 4), "data cannot be written")
}

func TestFiles(t *testing.T) {
	x := newBoard(t)
	require.Equal(t, []byte{0, 0, 0, 0}, x.read(KeyFileDir, 4))
	require.NoError(t, x.Add("etc/one", []byte("first")))
	require.NoError(t, x.Add("bootorder", []byte("second")))
	require.NoError(t, x.Add("etc/one", []byte("replaced")))
	dir := x.read(KeyFileDir, 4+2*64)
	require.EqualValues(t, 2, binary.BigEndian.Uint32(dir))
	for i, want := range []struct{ name, data string }{{"etc/one", "replaced"}, {"bootorder", "second"}} {
		e := dir[4+64*i:]
		require.EqualValues(t, len(want.data), binary.BigEndian.Uint32(e))
		key := binary.BigEndian.Uint16(e[4:])
		require.EqualValues(t, KeyFileFirst+i, key)
		require.Equal(t, want.name, strings.TrimRight(string(e[8:64]), "\x00"))
		require.Equal(t, want.data, string(x.read(key, len(want.data))))
	}
	require.Error(t, x.Add("", nil))
	require.Error(t, x.Add(strings.Repeat("x", 56), nil))
	require.NoError(t, x.Add(strings.Repeat("x", 55), nil))
}

func TestDMA(t *testing.T) {
	x := newBoard(t)
	require.EqualValues(t, 0x554d4551, x.b.In(DMAPort, 4), "QEMU")
	require.EqualValues(t, 0x47464320, x.b.In(DMAPort+4, 4), " CFG")
	require.NoError(t, x.Add("f", []byte("0123456789")))
	var heard int
	x.b.OnWrite = func(uint64, int) { heard++ }
	require.Zero(t, x.dma(KeyFileFirst<<16|dmaSelect|dmaRead, 4, 0x1000))
	require.Equal(t, "0123", string(x.ram[0x1000:0x1004]))
	require.Positive(t, heard)
	require.Zero(t, x.dma(dmaSkip, 2, 0))
	copy(x.ram[0x1000:], "xxxxxxxxxx")
	require.Zero(t, x.dma(dmaRead, 6, 0x1000))
	require.Equal(t, "6789\x00\x00xxxx", string(x.ram[0x1000:0x100a]))
	require.Zero(t, x.dma(dmaSkip, 0xffffffff, 0))
	require.EqualValues(t, dmaError, x.dma(dmaRead, 0xffffffff, 0x1000))
	require.EqualValues(t, dmaError, x.dma(KeyFileFirst<<16|dmaSelect|dmaWrite, 4, 0x1000))
	require.Equal(t, []byte("0"), x.more(1))
	require.Zero(t, x.dma(dmaRead, 4, 0xfffffffffffffffe), "outside memory nothing happens")
	x.b.Out(DMAPort, 4, 0xffffffff)
	x.b.Out(DMAPort+4, 4, 0xffffffff) // a descriptor outside memory
	x.b.Out(DMAPort, 2, 0x1234)
}

func TestSaveLoadReset(t *testing.T) {
	x := newBoard(t)
	require.NoError(t, x.Add("f", []byte("0123456789")))
	x.read(KeyFileFirst, 3)
	var w snap.Writer
	x.Save(&w)
	y := newBoard(t)
	require.NoError(t, y.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, []byte("3456"), y.more(4))
	require.Error(t, y.Load(snap.NewReader(w.Bytes()[:40])))
	x.Reset(devices.Hard)
	require.Equal(t, []byte("QEMU"), x.more(4))
}
