package linux

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/firmware/direct"
	"g86/firmware/direct/directtest"
)

const ram64 = 64 << 20

// image makes a bzImage with four setup sectors and 64 KiB of kernel.
func image(version uint16, edit func(h []byte)) []byte {
	img := make([]byte, 5*512+64<<10)
	le := binary.LittleEndian
	img[offSetupSects] = 4
	le.PutUint32(img[offSyssize:], 64<<10/16)
	le.PutUint16(img[offBootFlag:], 0xAA55)
	copy(img[offJump:], "\xeb\x6a")
	copy(img[offMagic:], "HdrS")
	le.PutUint16(img[offVersion:], version)
	img[offLoadFlags] = loadedHigh
	le.PutUint16(img[offKernelString:], 0x400-0x200)
	copy(img[0x400:], "6.1.0-test\x1b[2J\x00")
	if version >= 0x0203 {
		le.PutUint32(img[offInitrdMax:], 0x7FFFFFFF)
	}
	if version >= 0x0206 {
		le.PutUint32(img[offCmdLineSize:], 2047)
	}
	if version >= 0x020A {
		le.PutUint64(img[offPrefAddress:], 16<<20)
		le.PutUint32(img[offInitSize:], 8<<20)
		img[offRelocatable] = 1
	}
	if version >= 0x020C {
		img[offXLoadFlags] = xlfKernel64
	}
	for i := range img[5*512:] {
		img[5*512+i] = byte(i*7 + i>>8)
	}
	if edit != nil {
		edit(img)
	}
	return img
}

func parse(t *testing.T, img []byte) *Kernel {
	t.Helper()
	k, err := Parse("vmlinuz", img)
	require.NoError(t, err)
	return k
}

func TestParse(t *testing.T) {
	k := parse(t, image(0x020F, nil))
	require.Equal(t, "6.1.0-test[2J", k.Release, "no escapes reach the terminal")
	require.True(t, k.Has64)
	require.True(t, k.High)
	require.Equal(t, 2047, k.CmdLineMax)
	require.EqualValues(t, 0x7FFFFFFF, k.InitrdMax)

	old := parse(t, image(0x0200, nil))
	require.Equal(t, 255, old.CmdLineMax)
	require.EqualValues(t, 0x37FFFFFF, old.InitrdMax)
	require.False(t, old.Has64)

	zero := parse(t, image(0x020F, func(h []byte) { h[offSetupSects] = 0 }))
	require.Len(t, zero.setup, 5*512, "0 setup sectors means 4")
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		what string
		img  []byte
		want string
	}{
		{"empty", nil, "file is empty"},
		{"short", make([]byte, 100), "100 bytes are too few"},
		{"no magic", make([]byte, 4096), "no HdrS signature at offset 0x202"},
		{"no boot flag", image(0x020F, func(h []byte) { h[offBootFlag] = 0 }), "no AA55h"},
		{"ancient", image(0x0105, nil), "boot protocol 1.05"},
		{"huge setup", image(0x020F, func(h []byte) { h[offSetupSects] = 64 }), "limit of 63"},
		{"no kernel", image(0x020F, nil)[:5*512], "setup code alone needs 2560 bytes"},
		{"cut", image(0x020F, nil)[:40000], "announces 65536 bytes of kernel, the file has 37440"},
	} {
		_, err := Parse("k.img", c.img)
		require.ErrorContains(t, err, c.want, c.what)
		require.Regexp(t, `^k\.img: [^\n]+$`, err.Error(), c.what)
	}
}

func TestLoad64(t *testing.T) {
	img := image(0x020F, nil)
	ram := make(directtest.RAM, ram64)
	initrd := bytes.Repeat([]byte("initrd!"), 1000)
	e820 := directtest.E820(ram64)
	e, err := parse(t, img).Load(ram, Params{Long: true, CommandLine: "console=ttyS0", Initrd: initrd, E820: e820, RSDP: 0xE0010})
	require.NoError(t, err)

	// boot.rst, "64-bit Boot Protocol".
	require.Equal(t, direct.Long64, e.Mode)
	require.EqualValues(t, highAddr+0x200, e.RIP)
	require.EqualValues(t, 0x10, e.CS.Selector)
	require.EqualValues(t, 0x18, e.DS.Selector)
	require.EqualValues(t, direct.CR0PE|direct.CR0ET|direct.CR0PG, e.CR0)
	require.EqualValues(t, direct.EFERLME|direct.EFERLMA, e.EFER)
	require.Equal(t, img[5*512:], []byte(ram[highAddr:highAddr+64<<10]))

	le := binary.LittleEndian
	require.EqualValues(t, direct.Code64, le.Uint64(ram[e.GDTBase+0x10:]))
	require.EqualValues(t, direct.Data32, le.Uint64(ram[e.GDTBase+0x18:]))
	for _, va := range []uint64{0, 0x7123, 0x100200, 0xB8000, 3<<30 + 12345, 1<<32 - 1} {
		require.Equal(t, va, walk(ram, e.CR3, va))
	}

	zp := ram[e.RSI:]
	require.Equal(t, img[offSetupSects:offLoaderType], []byte(zp[offSetupSects:offLoaderType]))
	require.EqualValues(t, 0xFF, zp[offLoaderType])
	require.Zero(t, zp[0x1EF], "sentinel")
	cmd := le.Uint32(zp[offCmdLinePtr:])
	require.Equal(t, "console=ttyS0\x00", string(ram[cmd:cmd+14]))
	at, size := le.Uint32(zp[offRamdiskImage:]), le.Uint32(zp[offRamdiskSize:])
	require.Equal(t, initrd, []byte(ram[at:at+size]))
	require.EqualValues(t, ram64-0x2000, at, "as high as memory allows")
	require.EqualValues(t, 0xE0010, le.Uint64(zp[zpRSDP:]))
	require.EqualValues(t, len(e820), zp[zpE820Count])
	last := zp[zpE820Table+20*3:]
	require.EqualValues(t, 1<<20, le.Uint64(last))
	require.EqualValues(t, ram64-1<<20, le.Uint64(last[8:]))
	require.EqualValues(t, 1, le.Uint32(last[16:]))
	require.Equal(t, []byte{3, 80}, []byte(zp[6:8]), "text mode 3")
	require.Equal(t, []byte{25, 1, 16, 0}, []byte(zp[0x0E:0x12]))
}

// walk translates by 4-level tables with 2 MiB pages, as SDM vol. 3A 4.5.4.
func walk(ram []byte, cr3, va uint64) uint64 {
	entry := func(table uint64, shift int) uint64 {
		return binary.LittleEndian.Uint64(ram[table+(va>>shift&511)*8:])
	}
	pde := entry(entry(entry(cr3, 39)&^0xFFF, 30)&^0xFFF, 21)
	if pde&0x81 != 0x81 {
		return ^uint64(0)
	}
	return pde&^0x1FFFFF | va&0x1FFFFF
}

func TestLoad32(t *testing.T) {
	ram := make(directtest.RAM, ram64)
	e, err := parse(t, image(0x020F, nil)).Load(ram, Params{E820: directtest.E820(ram64)})
	require.NoError(t, err)
	require.Equal(t, direct.Prot32, e.Mode, "no long mode, so the 32-bit entry point")
	require.EqualValues(t, highAddr, e.RIP)
	require.EqualValues(t, direct.CR0PE|direct.CR0ET, e.CR0)
	require.Zero(t, e.EFER)
	require.EqualValues(t, direct.Code32, binary.LittleEndian.Uint64(ram[e.GDTBase+0x10:]))
	require.Zero(t, binary.LittleEndian.Uint64(ram[e.RSI+offRamdiskImage:]), "no initrd")
}

func TestLoad16(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		version uint16
		edit    func([]byte)
		base    uint64
		load    uint64
		sp      uint64
	}{
		{0x020F, nil, 0x10000, 0x100000, 0xE000},
		{0x0201, nil, 0x90000, 0x100000, 0x9800},
		{0x0200, func(h []byte) { h[offLoadFlags] = 0 }, 0x90000, 0x10000, 0x9800}, // zImage
	} {
		img := image(c.version, c.edit)
		ram := make(directtest.RAM, ram64)
		e, err := parse(t, img).Load(ram, Params{Protocol: Boot16, CommandLine: "quiet vga=0x317", E820: directtest.E820(ram64), Initrd: []byte{1}})
		require.NoError(t, err)
		require.Equal(t, direct.Real16, e.Mode)
		require.Equal(t, direct.Segment{Selector: uint16(c.base >> 4), Base: c.base}, e.DS)
		require.Equal(t, direct.Segment{Selector: uint16(c.base>>4) + 0x20, Base: c.base + 0x200}, e.CS)
		require.Zero(t, e.RIP)
		require.Equal(t, c.sp, e.RSP)
		require.Equal(t, img[5*512:], []byte(ram[c.load:c.load+64<<10]))
		seg := ram[c.base:]
		require.EqualValues(t, 0x317, le.Uint16(seg[offVidMode:]))
		require.Equal(t, "quiet vga=0x317\x00", string(seg[c.sp:c.sp+16]))
		if c.version >= 0x0202 {
			require.EqualValues(t, c.base+c.sp, le.Uint32(seg[offCmdLinePtr:]))
		} else {
			require.EqualValues(t, 0xA33F, le.Uint16(seg[0x20:]))
			require.EqualValues(t, c.sp, le.Uint16(seg[0x22:]))
		}
		if c.version >= 0x0201 {
			require.EqualValues(t, c.sp-0x200, le.Uint16(seg[offHeapEnd:]))
			require.NotZero(t, seg[offLoadFlags]&canUseHeap)
		}
	}
}

func TestVGAOption(t *testing.T) {
	for cmdline, want := range map[string]uint16{
		"vga=normal": 0xFFFF, "vga=ext": 0xFFFE, "vga=ask": 0xFFFD, "vga=791": 791, "vga=1 vga=0x301": 0x301,
	} {
		got, ok := vgaMode(cmdline)
		require.True(t, ok, cmdline)
		require.Equal(t, want, got, cmdline)
	}
	_, ok := vgaMode("novga=1 vga=x")
	require.False(t, ok)
}

func TestInitrdLimits(t *testing.T) {
	ram := make(directtest.RAM, ram64)
	k := parse(t, image(0x020F, func(h []byte) { binary.LittleEndian.PutUint32(h[offInitrdMax:], 48<<20-1) }))
	_, err := k.Load(ram, Params{E820: directtest.E820(ram64), Initrd: make([]byte, 1<<20)})
	require.NoError(t, err)
	at := binary.LittleEndian.Uint32(ram[zeroPageAddr+offRamdiskImage:])
	require.EqualValues(t, 47<<20, at, "last byte at initrd_addr_max")
}

func TestLoadErrors(t *testing.T) {
	k := func(edit func([]byte)) []byte { return image(0x020F, edit) }
	for _, c := range []struct {
		what string
		img  []byte
		p    Params
		size uint64
		want string
	}{
		{"initrd too large", k(nil), Params{Initrd: make([]byte, 41<<20), InitrdName: "rd.gz"}, ram64,
			"rd.gz: initrd of 41 MiB does not fit between the kernel's end at 24 MiB and 64 MiB"},
		{"little memory", k(nil), Params{}, 16 << 20, "needs memory up to 24 MiB, the machine's ends at 16 MiB; give more with -m"},
		{"long command line", k(nil), Params{CommandLine: strings.Repeat("x", 2048)}, ram64, "2048 bytes is over this kernel's limit of 2047"},
		{"NUL in command line", k(nil), Params{CommandLine: "a\x00b"}, ram64, "NUL byte"},
		{"64-bit entry missing", image(0x0206, nil), Params{Protocol: Boot64, Long: true}, ram64, "no 64-bit entry point"},
		{"64-bit entry on a 32-bit CPU", k(nil), Params{Protocol: Boot64}, ram64, "needs a CPU with long mode"},
		{"zImage at 32 bits", image(0x0200, func(h []byte) { h[offLoadFlags] = 0 }), Params{Protocol: Boot32}, ram64, "zImage"},
		{"preferred address", k(func(h []byte) { binary.LittleEndian.PutUint64(h[offPrefAddress:], 1<<40) }), Params{}, ram64, "above 4 GiB"},
	} {
		p := c.p
		p.E820 = directtest.E820(c.size)
		ram := make(directtest.RAM, c.size)
		_, err := parse(t, c.img).Load(ram, p)
		require.ErrorContains(t, err, c.want, c.what)
		require.NotContains(t, err.Error(), "\n", c.what)
		require.Equal(t, -1, bytes.IndexFunc(ram[:1<<20], func(r rune) bool { return r != 0 }), "%s: memory was written", c.what)
	}
}

func FuzzBzImage(f *testing.F) {
	f.Add(image(0x020F, nil)[:4096], "console=ttyS0", uint8(0))
	f.Add(image(0x0200, func(h []byte) { h[offLoadFlags] = 0 })[:4096], "vga=ask", uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, cmdline string, proto uint8) {
		k, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		ram := make(directtest.RAM, 32<<20)
		// RAM panics on a write outside, which is the property checked.
		_, _ = k.Load(ram, Params{Protocol: Protocol(proto % 4), Long: true, CommandLine: cmdline, Initrd: []byte{1, 2, 3}, E820: directtest.E820(32 << 20)})
	})
}
