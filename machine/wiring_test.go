package machine

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/irq"
)

func TestGateHandsLineOver(t *testing.T) {
	var level bool
	g := newGate(irq.Line(func(on bool) { level = on }))
	g.line(true)
	require.True(t, level)
	g.block(true)
	require.False(t, level, "a blocked line is low")
	g.line(false)
	g.line(true)
	require.False(t, level)
	g.block(false)
	require.True(t, level, "the device's level shows again")
}

// TestFERR: the coprocessor's error line latches IRQ 13 until port F0h clears
// it.
func TestFERR(t *testing.T) {
	m := build(t, small(Config{Model: "486"}))
	irq13 := func() bool {
		_, slave := m.PIC().Snapshot()
		return slave.Lines&(1<<(irqFPU-8)) != 0
	}
	require.False(t, irq13())
	m.boards[0].FERR(true)
	require.True(t, irq13())
	m.Bus().Out(0xf0, 1, 0)
	require.False(t, irq13())
}

// TestROMShowsInBothPlaces: the end of a firmware file also lies below 1 MiB.
func TestROMShowsInBothPlaces(t *testing.T) {
	rom := make([]byte, 256<<10)
	for i := range rom {
		rom[i] = byte(i>>12) ^ byte(i)
	}
	m := build(t, small(Config{BIOS: file(t, "bios.bin", rom)}))
	got := make([]byte, len(rom))
	m.ReadPhys(fourGiB-uint64(len(rom)), got)
	require.Equal(t, rom, got)
	m.ReadPhys(0xe0000, got[:isaBIOSMax])
	require.True(t, bytes.Equal(rom[len(rom)-isaBIOSMax:], got[:isaBIOSMax]))
	m.ReadPhys(shadowBase, got[:4])
	require.Equal(t, []byte{0xff, 0xff, 0xff, 0xff}, got[:4], "no option ROM")
}

// TestMemoryAboveTheHole: RAM that does not fit below the PCI hole continues at
// 4 GiB.
func TestMemoryAboveTheHole(t *testing.T) {
	m := build(t, Config{Memory: 4 << 30, ClockMode: "warp"})
	m.Bus().WritePhys(fourGiB+0x1234, []byte{0xa5})
	require.EqualValues(t, 0xa5, m.ram[0xe0000000+0x1234])
	require.EqualValues(t, 0xff, m.Bus().Read(0xfd000000, 1), "nothing in the hole")
}

func TestDrivesFindTheirPlaces(t *testing.T) {
	disk := file(t, "disk.img", make([]byte, 1<<20))
	iso := file(t, "cd.iso", make([]byte, 1<<20))
	m := build(t, small(Config{Disks: []string{disk}, CDROMs: []string{iso}}))
	require.NotNil(t, m.IDE().Media(0, 0))
	require.NotNil(t, m.IDE().Media(1, 0))
	require.Nil(t, m.IDE().Media(0, 1))
	other := file(t, "other.img", make([]byte, 1<<20)) + ",snapshot=on"
	_, err := New(small(Config{Disks: []string{other, other, other},
		CDROMs: []string{iso, iso}}))
	require.ErrorContains(t, err, "room for four")
}
