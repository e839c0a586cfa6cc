package firmware

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
)

// numbered is a medium whose sectors begin with their number.
func numbered(size, sector int) *mem {
	m := &mem{b: make([]byte, size)}
	for i := 0; i < size/sector; i++ {
		binary.LittleEndian.PutUint32(m.b[i*sector:], uint32(i))
	}
	return m
}

func (b *board) regs(ax, bx, cx, dx uint16) {
	b.set16(rAX, ax)
	b.set16(rBX, bx)
	b.set16(rCX, cx)
	b.set16(rDX, dx)
}

func TestDiskReadCHS(t *testing.T) {
	disk := numbered(100<<20, 512)
	b := powered(t, Config{}, in(HardDisk, "", disk), in(Floppy, "", numbered(1440<<10, 512)))
	for _, c := range []struct {
		name       string
		cx, dx     uint16
		n          byte
		lba        uint32
		status, al byte
	}{
		{"first", 0x0001, 0x0080, 1, 0, 0, 1},
		{"head 1", 0x0001, 0x0180, 2, 63, 0, 2},
		{"cylinder 2", 0x0205, 0x0380, 1, 2*16*63 + 3*63 + 4, 0, 1},
		{"sector 0", 0x0000, 0x0080, 1, 0, 0x04, 0},
		{"sector 64", 0x0040, 0x0080, 1, 0, 0x04, 0},
		{"beyond", 0xffc1, 0x0080, 1, 0, 0x04, 0},
		{"none", 0x0001, 0x0080, 0, 0, 0x01, 0},
		{"no such disk", 0x0001, 0x0081, 1, 0, 0x01, 1},
		{"floppy head 1", 0x0001, 0x0100, 1, 18, 0, 1},
		{"floppy sector 19", 0x0013, 0x0000, 1, 0, 0x04, 0},
		{"no such floppy", 0x0001, 0x0001, 1, 0, 0x80, 1},
	} {
		b.s[sES] = 0x4000
		b.regs(0x0200|uint16(c.n), 0x10, c.cx, c.dx)
		b.call(0x13)
		require.Equal(t, c.status, b.ah(), c.name)
		require.Equal(t, c.status != 0, b.carry(), c.name)
		require.Equal(t, c.al, byte(b.r[rAX]), c.name)
		if c.status == 0 {
			require.Equal(t, c.lba, b.u32(0x40010), c.name)
			if c.n > 1 {
				require.Equal(t, c.lba+1, b.u32(0x40210), c.name)
			}
		}
		b.regs(0x0100, 0, 0, c.dx)
		b.call(0x13)
		require.Equal(t, c.status, b.ah(), "%s: last status", c.name)
	}
}

func TestDiskWrite(t *testing.T) {
	disk := numbered(20<<20, 512)
	b := powered(t, Config{}, in(HardDisk, "", disk))
	copy(b.ram[0x40000:], "written")
	b.s[sES] = 0x4000
	b.regs(0x0301, 0, 0x0002, 0x0080)
	b.call(0x13)
	require.False(t, b.carry())
	require.Equal(t, "written", string(disk.b[512:519]))
	disk.ro = true
	b.regs(0x0301, 0, 0x0002, 0x0080)
	b.call(0x13)
	require.EqualValues(t, 0x03, b.ah())
	require.True(t, b.carry())
}

func TestGeometryTranslation(t *testing.T) {
	for _, c := range []struct {
		sectors       int64
		cyls, heads   int
		physicalHeads int
	}{
		{20 << 11, 40, 16, 16},
		{1024 * 16 * 63, 1024, 16, 16},
		{1024*16*63 + 1, 512, 32, 16},
		{1024 * 64 * 63, 1024, 64, 16},
		{1024 * 128 * 63, 1024, 128, 16},
		{20 << 21, 1024, 255, 16},
	} {
		u := &unit{kind: HardDisk, sector: 512, size: c.sectors * 512}
		u.diskGeometry()
		require.Equal(t, c.cyls, u.cyls, "%d sectors", c.sectors)
		require.Equal(t, c.heads, u.heads, "%d sectors", c.sectors)
		require.Equal(t, 63, u.sectors)
		require.Equal(t, c.physicalHeads, u.physical().heads)
	}
}

func TestDriveParameters(t *testing.T) {
	b := powered(t, Config{}, in(HardDisk, "", numbered(100<<20, 512)), in(Floppy, "", nil), in(Floppy, "", numbered(720<<10, 512)))
	b.regs(0x0800, 0, 0, 0x0080)
	b.call(0x13)
	require.False(t, b.carry())
	cyls := 100 << 11 / (16 * 63)
	require.EqualValues(t, (cyls-1)&0xff<<8|(cyls-1)>>8<<6|63, uint16(b.r[rCX]))
	require.EqualValues(t, 15<<8|1, uint16(b.r[rDX]))
	b.regs(0x0800, 0, 0, 0x0000)
	b.call(0x13)
	require.EqualValues(t, 79<<8|18, uint16(b.r[rCX]), "an empty drive tells its best format")
	require.EqualValues(t, 1<<8|2, uint16(b.r[rDX]))
	require.EqualValues(t, 4, byte(b.r[rBX]))
	require.EqualValues(t, 0xf000, b.s[sES])
	b.regs(0x0800, 0, 0, 0x0001)
	b.call(0x13)
	require.EqualValues(t, 79<<8|9, uint16(b.r[rCX]))
	b.regs(0x1500, 0, 0, 0x0080)
	b.call(0x13)
	require.EqualValues(t, 3, b.ah())
	require.EqualValues(t, cyls*16*63, uint32(uint16(b.r[rCX]))<<16|uint32(uint16(b.r[rDX])))
}

func TestEDD(t *testing.T) {
	b := powered(t, Config{}, in(HardDisk, "", numbered(100<<20, 512)), in(CDROM, "", numbered(4<<20, 2048)))
	b.regs(0x4100, 0x55aa, 0, 0x0080)
	b.call(0x13)
	require.False(t, b.carry())
	require.EqualValues(t, 0xaa55, uint16(b.r[rBX]))
	require.NotZero(t, b.r[rCX]&1)

	packet := func(n uint16, lba uint64) {
		p := make([]byte, 16)
		p[0] = 16
		binary.LittleEndian.PutUint16(p[2:], n)
		binary.LittleEndian.PutUint32(p[4:], 0x40000000)
		binary.LittleEndian.PutUint64(p[8:], lba)
		copy(b.ram[0x50000:], p)
		b.s[sDS], b.r[rSI] = 0x5000, 0
	}
	for _, c := range []struct {
		dl     uint16
		n      uint16
		lba    uint64
		size   int
		status byte
	}{
		{0x80, 3, 1234, 512, 0},
		{0x80, 1, 100 << 11, 512, 0x04},
		{0x80, 2, 100<<11 - 1, 512, 0x04},
		{0x80, 1, 1 << 63, 512, 0x04},
		{0xe0, 2, 17, 2048, 0},
		{0xe0, 1, 2048, 2048, 0x04},
	} {
		packet(c.n, c.lba)
		b.regs(0x4200, 0, 0, c.dl)
		b.call(0x13)
		require.Equal(t, c.status, b.ah(), "%+v", c)
		if c.status != 0 {
			require.Zero(t, b.u16(0x50002), "the packet tells that nothing was moved")
			continue
		}
		for i := range int(c.n) {
			require.EqualValues(t, c.lba+uint64(i), b.u32(0x40000+i*c.size))
		}
	}

	for dl, want := range map[uint16][2]uint64{0x80: {100 << 11, 512}, 0xe0: {2048, 2048}} {
		binary.LittleEndian.PutUint16(b.ram[0x50000:], 0x1e)
		b.regs(0x4800, 0, 0, dl)
		b.call(0x13)
		require.False(t, b.carry())
		require.EqualValues(t, 0x1e, b.u16(0x50000))
		require.Equal(t, want[0], binary.LittleEndian.Uint64(b.ram[0x50010:]))
		require.EqualValues(t, want[1], b.u16(0x50018))
	}
	binary.LittleEndian.PutUint16(b.ram[0x50000:], 0x42)
	b.regs(0x4800, 0, 0, 0x80)
	b.call(0x13)
	require.EqualValues(t, 0xbedd, b.u16(0x5001e))
	require.Zero(t, sum(b.ram[0x5001e:0x50042]))
}

// iso is a CD with an El Torito boot record and an image of some content at
// sector 20.
func iso(media byte, segment, count uint16, image []byte) *mem {
	p := make([]byte, 20*2048+(len(image)+2047)/2048*2048)
	copy(p[16*2048:], "\x01CD001\x01")
	copy(p[17*2048:], "\x00CD001\x01EL TORITO SPECIFICATION")
	binary.LittleEndian.PutUint32(p[17*2048+0x47:], 19)
	c := p[19*2048:]
	c[0], c[0x1e], c[0x1f] = 1, 0x55, 0xaa
	var s uint16
	for i := 0; i < 32; i += 2 {
		s += binary.LittleEndian.Uint16(c[i:])
	}
	binary.LittleEndian.PutUint16(c[0x1c:], -s)
	c[0x20], c[0x21] = 0x88, media
	binary.LittleEndian.PutUint16(c[0x22:], segment)
	binary.LittleEndian.PutUint16(c[0x26:], count)
	binary.LittleEndian.PutUint32(c[0x28:], 20)
	copy(p[20*2048:], image)
	return &mem{b: p, ro: true}
}

func TestElToritoNoEmulation(t *testing.T) {
	image := []byte("boot image without emulation")
	b := powered(t, Config{}, in(CDROM, "cd", iso(0, 0, 4, image)))
	b.bootTo(0x7c00)
	require.EqualValues(t, 0xe0, byte(b.r[rDX]))
	require.Equal(t, image, b.ram[0x7c00:0x7c00+len(image)])
	// The specification packet.
	b.s[sDS], b.r[rSI] = 0x5000, 0
	b.regs(0x4b01, 0, 0, 0xe0)
	b.call(0x13)
	require.False(t, b.carry())
	require.Equal(t, []byte{0x13, 0, 0xe0, 0, 20, 0, 0, 0}, b.ram[0x50000:0x50008])
}

func TestElToritoFloppyEmulation(t *testing.T) {
	floppy := numbered(1440<<10, 512)
	b := powered(t, Config{}, in(CDROM, "cd", iso(2, 0, 1, floppy.b)), in(Floppy, "a", numbered(720<<10, 512)))
	b.cfgBoot("cdrom")
	b.bootTo(0x7c00)
	require.Zero(t, byte(b.r[rDX]))
	b.s[sES] = 0x4000
	b.regs(0x0201, 0, 0x4f12, 0x0100) // cylinder 79, head 1, sector 18
	b.call(0x13)
	require.False(t, b.carry())
	require.EqualValues(t, 2879, b.u32(0x40000))
	b.regs(0x0301, 0, 0x0001, 0x0000)
	b.call(0x13)
	require.EqualValues(t, 0x03, b.ah(), "CDs are write-protected")
	b.regs(0x0201, 0, 0x0009, 0x0101) // the real drive is B: now: head 1, sector 9
	b.call(0x13)
	require.EqualValues(t, 17, b.u32(0x40000))
	b.regs(0x0800, 0, 0, 0)
	b.call(0x13)
	require.EqualValues(t, 2, byte(b.r[rDX]))
	// Ending the emulation brings the real A: back.
	b.s[sDS], b.r[rSI] = 0x5000, 0
	b.regs(0x4b00, 0, 0, 0x0000)
	b.call(0x13)
	require.False(t, b.carry())
	b.regs(0x0201, 0, 0x0009, 0x0100)
	b.call(0x13)
	require.EqualValues(t, 17, b.u32(0x40000))
}

func TestElToritoHardDiskEmulation(t *testing.T) {
	disk := numbered(2*16*63*512, 512)
	e := disk.b[0x1be:]
	e[0], e[2], e[4], e[5], e[6], e[7] = 0x80, 1, 6, 15, 63, 1
	binary.LittleEndian.PutUint32(e[8:], 63)
	binary.LittleEndian.PutUint32(e[12:], 2*16*63-63)
	b := powered(t, Config{}, in(CDROM, "cd", iso(4, 0, 1, disk.b)), in(HardDisk, "c", numbered(1<<20, 512)))
	b.cfgBoot("cdrom")
	b.bootTo(0x7c00)
	require.EqualValues(t, 0x80, byte(b.r[rDX]))
	require.EqualValues(t, 2, b.ram[0x475])
	b.s[sES] = 0x4000
	b.regs(0x0201, 0, 0x013f, 0x0f80)
	b.call(0x13)
	require.EqualValues(t, 2*16*63-1, b.u32(0x40000))
	b.regs(0x0201, 0, 0x0002, 0x0081)
	b.call(0x13)
	require.EqualValues(t, 1, b.u32(0x40000))
}

func TestBrokenBootCatalogs(t *testing.T) {
	whole := iso(0, 0, 4, make([]byte, 2048))
	for name, break_ := range map[string]func(p []byte) []byte{
		"short":         func(p []byte) []byte { return p[:17*2048] },
		"no record":     func(p []byte) []byte { p[17*2048+10] = 0; return p },
		"far catalog":   func(p []byte) []byte { p[17*2048+0x4a] = 0xff; return p },
		"bad checksum":  func(p []byte) []byte { p[19*2048+5]++; return p },
		"not bootable":  func(p []byte) []byte { p[19*2048+0x20] = 0; return p },
		"unknown media": func(p []byte) []byte { p[19*2048+0x21] = 7; return p },
		"far image":     func(p []byte) []byte { p[19*2048+0x2b] = 0xff; return p },
		"huge image":    func(p []byte) []byte { p[19*2048+0x27] = 0xff; return p },
		"no partition":  func(p []byte) []byte { p[19*2048+0x21] = 4; return p },
	} {
		disc := &mem{b: break_(append([]byte(nil), whole.b...))}
		b := powered(t, Config{}, in(CDROM, "cd", disc))
		b.bootFails()
		require.Contains(t, b.screen(), "No bootable device", name)
		require.False(t, b.bios.state.Emul.Active, name)
	}
}

// FuzzBootCD boots from arbitrary discs and then uses what INT 13h made of them.
func FuzzBootCD(f *testing.F) {
	for media := range byte(6) {
		f.Add(iso(media, 0, 4, make([]byte, 4096)).b)
	}
	var b *board
	disc := &mem{}
	f.Fuzz(func(t *testing.T, content []byte) {
		disc.b = content
		if b == nil {
			b = newBoard(t, Config{}, in(CDROM, "cd", disc), in(HardDisk, "c", disc))
		}
		b.bios.Reset(devices.Hard)
		fr := &frame{b: b.bios, cpu: b.fakeCPU}
		err := fr.bootCD(0)
		require.Equal(t, err == nil, b.bios.state.Emul.Active)
		for _, dl := range []uint16{0x00, 0x80, 0x81, firstCD} {
			for _, ax := range []uint16{0x0201, 0x0800, 0x1500, 0x4200, 0x4800, 0x4b01} {
				fr.setAX(ax)
				fr.setLo(rCX, 0xffff)
				fr.setLo(rDX, 0xff00|dl)
				fr.int13()
			}
		}
	})
}
