package firmware

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// cfgBoot changes the boot order.
func (b *board) cfgBoot(order ...string) { b.bios.cfg.Boot = order }

// bootTo runs INT 19h until the CPU arrives at 0:ip.
func (b *board) bootTo(ip uint16) {
	b.t.Helper()
	b.s[sCS], b.ip = testCS, testIP
	b.s[sSS], b.r[rSP] = 0, 0x7000
	b.interrupt(0x19)
	for i := 0; b.s[sCS] != 0 || b.ip != ip; i++ {
		require.Less(b.t, i, 100_000, "does not boot:\n%s", b.screen())
		b.step()
	}
	require.NotZero(b.t, b.flags&flagIF)
}

type stop struct{}

// bootFails runs INT 19h until the firmware halts.
func (b *board) bootFails() {
	defer func() {
		if r := recover(); r != nil {
			_, ok := r.(stop)
			require.True(b.t, ok, "%v", r)
		}
	}()
	b.onHLT = func() { panic(stop{}) }
	b.bootTo(0xffff)
}

func bootable(fill byte) *mem {
	m := &mem{b: make([]byte, 1440<<10)}
	m.b[0], m.b[1], m.b[2] = 0xeb, 0xfe, fill
	m.b[510], m.b[511] = 0x55, 0xaa
	return m
}

func TestBootOrder(t *testing.T) {
	drives := func() []Drive {
		return []Drive{in(Floppy, "a.img", bootable('a')), in(HardDisk, "c.img", bootable('c')), in(HardDisk, "d.img", bootable('d'))}
	}
	for _, c := range []struct {
		order []string
		dl    byte
		fill  byte
	}{
		{nil, 0x80, 'c'},
		{[]string{"floppy", "disk"}, 0x00, 'a'},
		{[]string{"cdrom", "disk"}, 0x80, 'c'},
	} {
		b := powered(t, Config{Boot: c.order}, drives()...)
		b.bootTo(0x7c00)
		require.Equal(t, c.dl, byte(b.r[rDX]))
		require.Equal(t, c.fill, b.ram[0x7c02])
	}
}

func TestINT18TriesTheNextDevice(t *testing.T) {
	b := powered(t, Config{}, in(HardDisk, "c", bootable('c')), in(HardDisk, "d", bootable('d')))
	b.bootTo(0x7c00)
	require.EqualValues(t, 'c', b.ram[0x7c02])
	b.interrupt(0x18)
	b.step()
	for b.s[sCS] != 0 {
		b.step()
	}
	require.EqualValues(t, 'd', b.ram[0x7c02])
	require.EqualValues(t, 0x80+1, byte(b.r[rDX]))
}

func TestNothingBootableSaysWhatWasTried(t *testing.T) {
	blankDisk := &mem{b: make([]byte, 1<<20)}
	b := powered(t, Config{Version: "9.9"}, in(HardDisk, "empty.img", blankDisk), in(Floppy, "", nil), in(CDROM, "cd.iso", nil))
	b.bootFails()
	s := b.screen()
	for _, want := range []string{"g86 BIOS 9.9", "8 MiB of memory, 1 processor", "hard disk 0 (empty.img): 1024 KiB",
		"Booting from hard disk 0 (empty.img) ... no boot sector (55 AA is missing)",
		"Booting from floppy 0 ... empty", "CD 0 (cd.iso) ... no disc", "No bootable device"} {
		require.Contains(t, s, want)
	}
}

func TestBootFailureThenKeyTriesAgain(t *testing.T) {
	var media *mem
	d := Drive{Kind: Floppy, Type: 4, Media: func() Disk {
		if media == nil {
			return nil
		}
		return media
	}}
	b := powered(t, Config{}, d)
	b.onHLT = func() { // a disk is put in and a key pressed
		media = bootable('z')
		f := &frame{b: b.bios, cpu: b.fakeCPU}
		f.pushKey(0x1c0d)
	}
	b.bootTo(0x7c00)
	require.EqualValues(t, 'z', b.ram[0x7c02])
}

func TestBootMenu(t *testing.T) {
	b := powered(t, Config{Menu: true}, in(HardDisk, "c", bootable('c')), in(HardDisk, "d", bootable('d')))
	keys := []uint16{0x0a39, 0x0332} // 9 is no choice, 2 is
	b.onHLT = func() {
		require.Contains(t, b.screen(), "2  hard disk 1 (d)")
		f := &frame{b: b.bios, cpu: b.fakeCPU}
		f.pushKey(keys[0])
		keys = keys[1:]
	}
	b.bootTo(0x7c00)
	require.EqualValues(t, 'd', b.ram[0x7c02])
	require.Empty(t, keys)
}

func TestFloppyNeedsNoSignature(t *testing.T) {
	m := bootable('x')
	m.b[510] = 0
	b := powered(t, Config{}, in(Floppy, "", m))
	b.bootTo(0x7c00)
	require.EqualValues(t, 'x', b.ram[0x7c02])
}

func TestDirectBootReplacesBootSector(t *testing.T) {
	b := powered(t, Config{}, in(HardDisk, "c", bootable('c')))
	b.bios.hw.DirectBoot = func(c CPU) { // continues at 0:1234 in place of the boot sector
		c.SetSeg(sCS, 0)
		b.ip = 0x1234
		c.SetFlags(flagIF)
	}
	b.bootTo(0x1234)
}
