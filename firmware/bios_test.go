package firmware

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"g86/devices"
	"g86/devices/snap"
)

func TestROMChecksumsAndAnchors(t *testing.T) {
	b := newBoard(t, Config{CPUs: 2, Version: "1.2"})
	rom := b.bios.ROM()
	require.Len(t, rom, ROMSize)
	require.Zero(t, sum(rom))
	require.Zero(t, sum(b.bios.VideoROM()))
	require.Equal(t, []byte{0xea, 0x5b, 0xe0, 0x00, 0xf0}, rom[0xfff0:0xfff5])
	require.EqualValues(t, 0xfc, rom[0xfffe])
	require.Equal(t, b.bios.hw.Font8[:1024], rom[0xfa6e:0xfe6e])

	for _, a := range []struct {
		anchor string
		n      int
	}{{"RSD PTR ", 36}, {"_MP_", 16}, {"_SM_", 31}, {"_32_", 16}, {"$PIR", 32 + 31*16}} {
		i := strings.Index(string(rom), a.anchor)
		require.GreaterOrEqual(t, i, 0, a.anchor)
		require.Zero(t, i%16, "%s must lie on a paragraph", a.anchor)
		require.Zero(t, sum(rom[i:i+a.n]), a.anchor)
	}
}

// TestListing holds the text beside every emitted instruction against a
// disassembler.
func TestListing(t *testing.T) {
	b := newBoard(t, Config{})
	for _, rom := range []struct {
		image []byte
		lines []line
	}{{b.bios.ROM(), b.bios.romLines}, {b.bios.VideoROM(), b.bios.vidLines}} {
		require.NotEmpty(t, rom.lines)
		for i, l := range rom.lines {
			inst, err := x86asm.Decode(rom.image[l.pc:], 16)
			require.NoError(t, err, "%#x: %s", l.pc, l.text)
			got := strings.Fields(x86asm.IntelSyntax(inst, uint64(l.pc), nil))[0]
			want, _, _ := strings.Cut(l.text, " ")
			alias := map[string]string{"jc": "jb", "jnc": "jnb", "jz": "je", "jnz": "jne", "pushfd": "pushfd", "retf": "ret"}
			if a, ok := alias[want]; ok && got != want {
				want = a
			}
			require.True(t, strings.HasPrefix(got, want) || strings.HasPrefix(want, got), "%#x: %q decodes as %q", l.pc, l.text, got)
			n := l.n
			if strings.Contains(l.text, "gdtr") || strings.Contains(l.text, "mtrrs") {
				n += 2
			}
			require.Equal(t, n, inst.Len, "%#x: %s", l.pc, l.text)
			if i+1 < len(rom.lines) && rom.lines[i+1].pc > l.pc {
				require.GreaterOrEqual(t, rom.lines[i+1].pc, l.pc+n, "%#x: %s", l.pc, l.text)
			}
		}
	}
}

func TestTrapRefusesStrayWrites(t *testing.T) {
	b := powered(t, Config{})
	b.s[sCS], b.ip, b.s[sSS], b.r[rSP] = 0x1000, 0, 0x3000, 0x100
	before := *b.fakeCPU
	b.bios.Trap(0x12, b.fakeCPU) // not from the ROM
	require.Equal(t, before.r, b.r)
	b.s[sCS], b.ip = 0xf000, 0x4000
	b.bios.Trap(0xee, b.fakeCPU) // no such service
	require.Equal(t, before.r, b.r)
	b.prot = true
	b.bios.Trap(0x12, b.fakeCPU) // a real-mode service from protected mode
	require.Equal(t, before.r, b.r)
}

func TestFixedEntriesReachServices(t *testing.T) {
	b := powered(t, Config{})
	for at, check := range map[uint16]func(){
		0xf841: func() { require.EqualValues(t, 639, b.r[rAX]) },
		0xf84d: func() { require.EqualValues(t, b.u16(0x410), b.r[rAX]) },
		0xff53: func() {},
		0xff54: func() {},
	} {
		b.r[rAX] = 0
		b.s[sCS], b.ip = testCS, testIP
		b.s[sSS], b.r[rSP] = 0x3000, 0x1000
		b.push(2)
		b.push(testCS)
		b.push(testIP)
		b.s[sCS], b.ip = 0xf000, at
		b.run()
		check()
	}
}

func TestRegistersSurviveServices(t *testing.T) {
	b := powered(t, Config{})
	want := [8]uint32{0x11110002, 0x22222222, 0x33333333, 0x44444444, 0, 0x55555555, 0x66666666, 0x77777777}
	b.r = want
	b.set16(rAX, 0x0200) // INT 16h AH=02h changes AL alone
	b.s[sES], b.s[sDS] = 0x1234, 0x5678
	b.call(0x16)
	want[rSP], want[rAX] = b.r[rSP], 0x11110200
	require.Equal(t, want, b.r)
	require.EqualValues(t, 0x1234, b.s[sES])
	require.EqualValues(t, 0x5678, b.s[sDS])
}

func TestPOSTFillsBIOSDataArea(t *testing.T) {
	b := powered(t, Config{}, in(Floppy, "a", nil), in(HardDisk, "c", &mem{b: make([]byte, 1<<20)}))
	require.EqualValues(t, 639, b.u16(0x413))
	require.EqualValues(t, 0x9fc0, b.u16(0x40e))
	require.EqualValues(t, 1, b.ram[0x475])
	require.EqualValues(t, 0x0027, b.u16(0x410)&0x00ff, "floppy, coprocessor, mouse, 80x25")
	require.EqualValues(t, 0x40, b.cmos.v[0x10])
	require.EqualValues(t, 0xf0, b.cmos.v[0x12])
	for v := range 0x20 {
		require.NotZero(t, b.u32(4*v), "vector %02X", v)
	}
}

func TestSaveLoad(t *testing.T) {
	b := powered(t, Config{})
	b.bios.state.Boot.Next = 3
	b.bios.state.Emul = emulation{Active: true, LBA: 77}
	want := b.bios.state
	var w snap.Writer
	b.bios.Save(&w)
	b.bios.Reset(devices.Hard)
	require.NoError(t, b.bios.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, want, b.bios.state)
}

func TestBadConfiguration(t *testing.T) {
	ok := Hardware{Bus: newBoard(t, Config{}).bus, Font8: font(8), Font14: font(14), Font16: font(16), Now: func() uint64 { return 0 }}
	for name, c := range map[string]struct {
		cfg Config
		hw  Hardware
	}{
		"no CPU":      {Config{Memory: 1 << 20}, ok},
		"no memory":   {Config{CPUs: 1}, ok},
		"boot device": {Config{CPUs: 1, Memory: 1 << 20, Boot: []string{"tape"}}, ok},
		"no font":     {Config{CPUs: 1, Memory: 1 << 20}, Hardware{Bus: ok.Bus, Now: ok.Now}},
		"no bus":      {Config{CPUs: 1, Memory: 1 << 20}, Hardware{Font8: ok.Font8, Font14: ok.Font14, Font16: ok.Font16}},
	} {
		_, err := New(c.cfg, c.hw)
		require.Error(t, err, name)
	}
}
