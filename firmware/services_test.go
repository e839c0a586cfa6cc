package firmware

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/bus"
	"g86/firmware/e820"
)

func TestE820(t *testing.T) {
	b := powered(t, Config{Memory: 5 << 30})
	b.s[sES], b.r[rDI] = 0x4000, 0
	b.r[rBX] = 0
	var got []e820.Entry
	for {
		b.r[rAX], b.r[rCX], b.r[rDX] = 0xe820, 24, signSMAP
		b.call(0x15)
		require.False(t, b.carry())
		require.EqualValues(t, signSMAP, b.r[rAX])
		require.EqualValues(t, 20, b.r[rCX])
		got = append(got, e820.Entry{
			Base: binary.LittleEndian.Uint64(b.ram[0x40000:]),
			Size: binary.LittleEndian.Uint64(b.ram[0x40008:]),
			Type: e820.Type(b.u32(0x40010)),
		})
		if b.r[rBX] == 0 {
			break
		}
	}
	require.Equal(t, e820.Map(5<<30), got)
	b.r[rAX], b.r[rBX], b.r[rCX], b.r[rDX] = 0xe820, 99, 20, signSMAP
	b.call(0x15)
	require.True(t, b.carry())
}

func TestOlderMemorySizes(t *testing.T) {
	b := powered(t, Config{Memory: 64 << 20})
	b.regs(0xe801, 0, 0, 0)
	b.call(0x15)
	require.EqualValues(t, 15<<10, uint16(b.r[rAX]))
	require.EqualValues(t, (48<<20-e820.ACPISize)>>16, uint16(b.r[rBX]))
	require.Equal(t, uint16(b.r[rBX]), uint16(b.r[rDX]))
	b.regs(0x8800, 0, 0, 0)
	b.call(0x15)
	require.EqualValues(t, (63<<20-e820.ACPISize)>>10, uint16(b.r[rAX]))
	b.regs(0x5300, 0, 0, 0)
	b.call(0x15)
	require.True(t, b.carry(), "there is no APM")
	require.EqualValues(t, 0x86, b.ah())
}

func TestBlockMove(t *testing.T) {
	b := powered(t, Config{})
	copy(b.ram[0x123456:], "moved from above 1 MiB")
	d := b.ram[0x40000:]
	copy(d[0x10:], []byte{0xff, 0xff, 0x56, 0x34, 0x12, 0x93, 0, 0})
	copy(d[0x18:], []byte{0xff, 0xff, 0x00, 0x00, 0x05, 0x93, 0, 0})
	b.s[sES], b.r[rSI] = 0x4000, 0
	b.regs(0x8700, 0, 11, 0)
	b.call(0x15)
	require.False(t, b.carry())
	require.Equal(t, "moved from above 1 MiB", string(b.ram[0x50000:0x50016]))
}

func TestDelayLetsGuestTimePass(t *testing.T) {
	b := powered(t, Config{})
	before := b.now
	b.regs(0x8600, 0, 0, 500)
	b.call(0x15)
	require.False(t, b.carry())
	require.GreaterOrEqual(t, b.now-before, uint64(500_000))
	require.Less(t, b.now-before, uint64(520_000))
	require.Zero(t, b.halts, "a short wait does not sleep until the next tick")
}

// typed runs INT 09h for each scan code.
func (b *board) typed(codes ...byte) {
	kbc := &kbcFake{}
	if b.kbc == nil {
		b.kbc = kbc
		for _, p := range []uint16{0x60, 0x64} {
			_, err := b.bus.MapPorts("kbc", p, 1, bus.Byte, kbcPort{kbc, p == 0x64})
			require.NoError(b.t, err)
		}
	}
	for _, c := range codes {
		b.kbc.out = append(b.kbc.out, c)
		b.call(0x09)
	}
}

// kbcFake is a keyboard controller with bytes to deliver.
type kbcFake struct {
	out      []byte
	commands []byte
}

type kbcPort struct {
	k      *kbcFake
	status bool
}

func (p kbcPort) ReadPort(uint16, int) uint32 {
	if p.status {
		return uint32(min(1, len(p.k.out)))
	}
	if len(p.k.out) == 0 {
		return 0
	}
	v := p.k.out[0]
	p.k.out = p.k.out[1:]
	return uint32(v)
}

func (p kbcPort) WritePort(_ uint16, _ int, v uint32) {
	if p.status {
		p.k.commands = append(p.k.commands, byte(v))
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []byte
		fn    byte
		want  uint16
	}{
		{"a", []byte{0x1e}, 0, 0x1e61},
		{"A", []byte{0x2a, 0x1e}, 0, 0x1e41},
		{"caps a", []byte{0x3a, 0xba, 0x1e}, 0, 0x1e41},
		{"caps shift a", []byte{0x3a, 0xba, 0x36, 0x1e}, 0, 0x1e61},
		{"caps 1", []byte{0x3a, 0xba, 0x02}, 0, 0x0231},
		{"released shift", []byte{0x2a, 0xaa, 0x1e}, 0, 0x1e61},
		{"ctrl-c", []byte{0x1d, 0x2e}, 0, 0x2e03},
		{"alt-x", []byte{0x38, 0x2d}, 0, 0x2d00},
		{"alt-1", []byte{0x38, 0x02}, 0, 0x7800},
		{"F1", []byte{0x3b}, 0, 0x3b00},
		{"shift-F1", []byte{0x2a, 0x3b}, 0, 0x5400},
		{"F12", []byte{0x58}, 0x10, 0x8600},
		{"enter", []byte{0x1c}, 0, 0x1c0d},
		{"keypad enter", []byte{0xe0, 0x1c}, 0x10, 0xe00d},
		{"keypad enter, old", []byte{0xe0, 0x1c}, 0, 0x1c0d},
		{"keypad slash, old", []byte{0xe0, 0x35}, 0, 0x352f},
		{"grey up", []byte{0xe0, 0x48}, 0x10, 0x48e0},
		{"grey up, old", []byte{0xe0, 0x48}, 0, 0x4800},
		{"keypad up", []byte{0x48}, 0, 0x4800},
		{"num lock 8", []byte{0x45, 0xc5, 0x48}, 0, 0x4838},
		{"ctrl-left", []byte{0x1d, 0xe0, 0x4b}, 0, 0x7300},
		{"alt 6 5", []byte{0x38, 0x4d, 0x4c, 0xb8}, 0, 0x0041},
		{"shift-tab", []byte{0x2a, 0x0f}, 0, 0x0f00},
		{"answers are no keys", []byte{0xfa, 0xfe, 0x39}, 0, 0x3920},
		{"pause is swallowed", []byte{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x10}, 0, 0x1071},
	} {
		b := powered(t, Config{})
		b.typed(c.codes...)
		b.regs(uint16(c.fn+1)<<8, 0, 0, 0)
		b.call(0x16)
		require.Zero(t, b.flags&flagZF, c.name)
		require.Equal(t, c.want, uint16(b.r[rAX]), c.name)
		b.regs(uint16(c.fn)<<8, 0, 0, 0)
		b.call(0x16)
		require.Equal(t, c.want, uint16(b.r[rAX]), c.name)
		b.regs(0x0100, 0, 0, 0)
		b.call(0x16)
		require.NotZero(t, b.flags&flagZF, "%s: the buffer is empty again", c.name)
	}
}

func TestWaitForKeySleepsUntilItComes(t *testing.T) {
	b := powered(t, Config{})
	b.onHLT = func() {
		if b.halts == 3 {
			(&frame{b: b.bios, cpu: b.fakeCPU}).pushKey(0x1e61)
		}
	}
	b.regs(0, 0, 0, 0)
	b.call(0x16)
	require.EqualValues(t, 0x1e61, uint16(b.r[rAX]))
	require.Equal(t, 3, b.halts)
}

func TestFullKeyboardBufferRefusesKeys(t *testing.T) {
	b := powered(t, Config{})
	for i := range 20 {
		b.regs(0x0500, 0, uint16(i+1), 0)
		b.call(0x16)
		require.EqualValues(t, map[bool]byte{true: 0, false: 1}[i < 15], byte(b.r[rAX]))
	}
}

func TestCtrlAltDelResets(t *testing.T) {
	b := powered(t, Config{})
	b.typed(0x1d, 0x38, 0x53)
	require.Contains(t, b.kbc.commands, byte(0xfe))
	require.EqualValues(t, 0x1234, b.u16(0x472))
}

func TestTickCountsAndWrapsAtMidnight(t *testing.T) {
	b := powered(t, Config{})
	binary.LittleEndian.PutUint32(b.ram[0x46c:], 0x1800ae)
	b.call(0x08)
	require.EqualValues(t, 0x1800af, b.u32(0x46c))
	b.call(0x08)
	require.Zero(t, b.u32(0x46c))
	b.regs(0, 0, 0, 0)
	b.call(0x1a)
	require.EqualValues(t, 1, byte(b.r[rAX]))
	b.regs(0, 0, 0, 0)
	b.call(0x1a)
	require.Zero(t, byte(b.r[rAX]), "reading clears the midnight flag")
}

func TestClock(t *testing.T) {
	b := powered(t, Config{})
	b.regs(0x0300, 0, 0x2359, 0x4500)
	b.call(0x1a)
	b.regs(0x0500, 0, 0x2026, 0x1122)
	b.call(0x1a)
	b.regs(0x0200, 0, 0, 0)
	b.call(0x1a)
	require.EqualValues(t, 0x2359, uint16(b.r[rCX]))
	require.EqualValues(t, 0x4500, uint16(b.r[rDX]))
	b.regs(0x0400, 0, 0, 0)
	b.call(0x1a)
	require.EqualValues(t, 0x2026, uint16(b.r[rCX]))
	require.EqualValues(t, 0x1122, uint16(b.r[rDX]))
	require.Zero(t, b.cmos.v[0x0b]&0x80, "the clock runs again")
}

// pciFake is configuration mechanism #1 with functions of a few BARs.
type pciFake struct {
	addr uint32
	fns  map[uint32]*pciFakeFn // by devfn
}

type pciFakeFn struct {
	cfg  [64]uint32
	bars [6]uint32 // writable bits
	ro   [6]uint32 // fixed bits
}

func (p *pciFake) fn() *pciFakeFn {
	if p.addr>>31 == 0 || p.addr>>16&0xff != 0 {
		return nil
	}
	return p.fns[p.addr>>8&0xff]
}

func (p *pciFake) ReadPort(off uint16, size int) uint32 {
	if off < 4 {
		return p.addr
	}
	f := p.fn()
	if f == nil {
		return 0xffffffff >> (32 - 8*size)
	}
	return f.cfg[p.addr>>2&63] >> (8 * (off - 4)) & (0xffffffff >> (32 - 8*size))
}

func (p *pciFake) WritePort(off uint16, size int, v uint32) {
	if off < 4 {
		p.addr = v
		return
	}
	f := p.fn()
	if f == nil {
		return
	}
	reg := p.addr >> 2 & 63
	mask := uint32(0xffffffff>>(32-8*size)) << (8 * (off - 4))
	v = f.cfg[reg]&^mask | v<<(8*(off-4))&mask
	switch {
	case reg >= 4 && reg < 10:
		v = v&f.bars[reg-4] | f.ro[reg-4]
	case reg == 0 || reg == 2 || reg == 3:
		return
	}
	f.cfg[reg] = v
}

func withPCI(t *testing.T) (*board, *pciFake) {
	b := newBoard(t, Config{})
	p := &pciFake{fns: map[uint32]*pciFakeFn{}}
	add := func(devfn, id, class, header, pin uint32) *pciFakeFn {
		f := &pciFakeFn{}
		f.cfg[0], f.cfg[2], f.cfg[3], f.cfg[15] = id, class<<8, header<<16, pin<<8
		p.fns[devfn] = f
		return f
	}
	add(0x00, 0x12378086, 0x060000, 0, 0)
	add(0x08, 0x70008086, 0x060100, 0x80, 0)
	add(0x09, 0x70108086, 0x010180, 0, 0).bar(4, 0xfff0, 1)
	add(0x0b, 0x71138086, 0x068000, 0, 1)
	v := add(0x10, 0x11111234, 0x030000, 0, 0)
	v.bar(0, 0xff000000, 8)
	v.bar(2, 0xfffff000, 0)
	n := add(0x18, 0x100e8086, 0x020000, 0, 1)
	n.bar(0, 0xfffe0000, 0)
	n.bar(1, 0xffc0, 1)
	_, err := b.bus.MapPorts("pci", 0xcf8, 8, bus.Dword, p)
	require.NoError(t, err)
	b.post()
	return b, p
}

func (f *pciFakeFn) bar(i int, mask, fixed uint32) {
	f.bars[i], f.ro[i] = mask, fixed
	f.cfg[4+i] = fixed
}

func TestPCISetUp(t *testing.T) {
	_, p := withPCI(t)
	require.EqualValues(t, 0xc001, p.fns[0x09].cfg[8], "bus-master IDE")
	require.EqualValues(t, 0x8000_8000, p.fns[0x09].cfg[0x10], "both IDE channels decode")
	require.EqualValues(t, 0xe0000008, p.fns[0x10].cfg[4], "frame buffer")
	require.EqualValues(t, 0xe1000000, p.fns[0x10].cfg[6])
	require.EqualValues(t, 0xe1020000, p.fns[0x18].cfg[4], "aligned to its size")
	require.EqualValues(t, 0xc041, p.fns[0x18].cfg[5])
	require.EqualValues(t, 11, p.fns[0x18].cfg[15]&0xff, "slot 3 INTA# is PIRQC")
	require.EqualValues(t, 7, p.fns[0x18].cfg[1]&7)
	require.EqualValues(t, 0x0b0b0a0a, p.fns[0x08].cfg[0x18], "PIRQA-D")
	require.EqualValues(t, 0x601, p.fns[0x0b].cfg[0x10], "PM registers")
	require.EqualValues(t, 9, p.fns[0x0b].cfg[15]&0xff)
}

func TestPCIBIOS(t *testing.T) {
	b, _ := withPCI(t)
	b.regs(0xb101, 0, 0, 0)
	b.call(0x1a)
	require.False(t, b.carry())
	require.EqualValues(t, 0x20494350, b.r[rDX])
	b.regs(0xb102, 0, 0x7010, 0x8086)
	b.r[rSI] = 0
	b.call(0x1a)
	require.EqualValues(t, 0x09, uint16(b.r[rBX]))
	b.regs(0xb102, 0, 0x7010, 0x8086)
	b.r[rSI] = 1
	b.call(0x1a)
	require.EqualValues(t, 0x86, b.ah())
	b.regs(0xb103, 0, 0, 0)
	b.r[rCX], b.r[rSI] = 0x030000, 0
	b.call(0x1a)
	require.EqualValues(t, 0x10, uint16(b.r[rBX]))
	b.regs(0xb10a, 0x10, 0, 0)
	b.r[rDI] = 0
	b.call(0x1a)
	require.EqualValues(t, 0x11111234, b.r[rCX])
	b.regs(0xb10a, 0x10, 0, 0)
	b.r[rDI] = 2
	b.call(0x1a)
	require.EqualValues(t, 0x87, b.ah(), "a double word must be aligned")
}

func TestBIOS32Directory(t *testing.T) {
	b, _ := withPCI(t)
	b.prot = true
	b.s[sCS], b.s[sSS], b.r[rSP] = 0xf000, 0x3000, 0x100
	b.ip = uint16(b.bios.entry["bios32"])
	binary.LittleEndian.PutUint32(b.ram[0x30100:], 0x49435024)
	b.r[rBX] = 0
	b.bios.Trap(svcBIOS32, b.fakeCPU)
	require.Zero(t, b.ram[0x30100], "AL: the service exists")
	require.EqualValues(t, 0xf0000, b.r[rBX])
	require.EqualValues(t, b.bios.entry["pci32"], b.u32(0x30104))
}
