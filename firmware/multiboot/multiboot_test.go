package multiboot

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/firmware/direct"
	"g86/firmware/direct/directtest"
)

const ram32 = 32 << 20

var le = binary.LittleEndian

// words is a little-endian sequence of 32-bit fields.
func words(w ...uint32) (b []byte) {
	for _, v := range w {
		b = le.AppendUint32(b, v)
	}
	return b
}

func mbHeader(flags uint32, address ...uint32) []byte {
	return append(words(headerMagic, flags, -(headerMagic+flags)), words(address...)...)
}

// kludge is a file with the header 16 bytes in, loaded at 1 MiB.
func kludge(flags uint32, loadEnd, bssEnd, entry uint32) []byte {
	img := make([]byte, 4096)
	for i := range img {
		img[i] = byte(i)
	}
	copy(img[16:], mbHeader(flags|flagAddress, 0x100010, 0x100000, loadEnd, bssEnd, entry))
	return img
}

// elf makes a file with one segment at 2 MiB whose virtual addresses are at
// C0000000h, and the Multiboot header in it.
func elf(class byte, edit func(b []byte)) []byte {
	b := make([]byte, 0x1100)
	copy(b, "\x7fELF")
	b[4], b[5], b[6] = class, elfLittle, 1
	le.PutUint16(b[16:], elfExec)
	if class == elfClass32 {
		le.PutUint16(b[18:], machine386)
		le.PutUint32(b[24:], 0xC0200040)
		le.PutUint32(b[28:], 52)
		le.PutUint16(b[42:], phdrSize32)
		le.PutUint16(b[44:], 1)
		copy(b[52:], words(ptLoad, 0x1000, 0xC0200000, 0x200000, 0x100, 0x3000, 7, 0x1000))
	} else {
		le.PutUint16(b[18:], machineX64)
		le.PutUint64(b[24:], 0x200040)
		le.PutUint64(b[32:], 64)
		le.PutUint16(b[54:], phdrSize64)
		le.PutUint16(b[56:], 1)
		copy(b[64:], words(ptLoad, 7, 0x1000, 0, 0xC0200000, 0, 0x200000, 0, 0x100, 0, 0x3000, 0))
	}
	copy(b[0x1000:], mbHeader(flagAlign|flagMemory|flagVideo))
	for i := range b[0x1040:] {
		b[0x1040+i] = byte(i + 1)
	}
	if edit != nil {
		edit(b)
	}
	return b
}

func load(t *testing.T, img []byte, p Params) (direct.Entry, directtest.RAM) {
	t.Helper()
	k, err := Parse("mach", img)
	require.NoError(t, err)
	ram := bytes.Repeat([]byte{0xAA}, ram32)
	p.E820 = directtest.E820(ram32)
	e, err := k.Load(directtest.RAM(ram), p)
	require.NoError(t, err)
	return e, ram
}

func TestLoadELF(t *testing.T) {
	for _, class := range []byte{elfClass32, elfClass64} {
		img := elf(class, nil)
		e, ram := load(t, img, Params{})
		// 3.2, "Machine state".
		require.Equal(t, direct.Prot32, e.Mode)
		require.EqualValues(t, 0x2BADB002, e.RAX)
		require.EqualValues(t, 0x200040, e.RIP, "the entry point is translated to its physical address")
		require.EqualValues(t, direct.CR0PE|direct.CR0ET, e.CR0)
		require.EqualValues(t, direct.Code32, le.Uint64(ram[e.GDTBase+uint64(e.CS.Selector):]))
		require.EqualValues(t, direct.Data32, le.Uint64(ram[e.GDTBase+uint64(e.DS.Selector):]))
		require.Equal(t, img[0x1000:0x1100], []byte(ram[0x200000:0x200100]))
		require.Equal(t, make([]byte, 0x2F00), []byte(ram[0x200100:0x203000]), "bss is cleared")
		require.EqualValues(t, 0xAA, ram[0x203000])
	}
}

func TestInfo(t *testing.T) {
	mods := []Module{{"a.bin", "one two", []byte("first")}, {"b.bin", "", bytes.Repeat([]byte{7}, 5000)}}
	e, ram := load(t, elf(elfClass32, nil), Params{CommandLine: "root=hd0s1", Modules: mods, BootDevice: 0x80FFFFFF})
	info := func(field int) uint32 { return le.Uint32(ram[e.RBX+uint64(field):]) }
	str := func(at uint32) string { s, _, _ := bytes.Cut(ram[at:], []byte{0}); return string(s) }

	require.EqualValues(t, 1<<0|1<<1|1<<2|1<<3|1<<6|1<<9|1<<12, info(0))
	require.EqualValues(t, 639, info(miMemLower))
	require.EqualValues(t, 31*1024, info(miMemUpper))
	require.EqualValues(t, 0x80FFFFFF, info(miBootDevice))
	require.Equal(t, "mach root=hd0s1", str(info(miCmdLine)))
	require.Equal(t, "g86", str(info(miLoaderName)))

	require.EqualValues(t, 2, info(miModsCount))
	for i, want := range []string{"a.bin one two", "b.bin"} {
		m := ram[info(miModsAddr)+uint32(16*i):]
		start, end := le.Uint32(m), le.Uint32(m[4:])
		require.Zero(t, start%0x1000, "page aligned")
		require.GreaterOrEqual(t, start, uint32(0x203000), "after the kernel and its bss")
		require.Equal(t, mods[i].Data, []byte(ram[start:end]))
		require.Equal(t, want, str(le.Uint32(m[8:])))
	}

	var got []direct.E820
	for at, end := info(miMmapAddr), info(miMmapAddr)+info(miMmapLength); at < end; at += le.Uint32(ram[at:]) + 4 {
		got = append(got, direct.E820{Addr: le.Uint64(ram[at+4:]), Size: le.Uint64(ram[at+12:]), Type: le.Uint32(ram[at+20:])})
	}
	require.Equal(t, directtest.E820(ram32), got)
	require.EqualValues(t, 0xB8000, le.Uint64(ram[e.RBX+miFBAddr:]))
	require.EqualValues(t, fbTypeText, ram[e.RBX+miFBType])
}

func TestLoadKludge(t *testing.T) {
	img := kludge(0, 0x100000+0x200, 0x100000+0x1000, 0x100040)
	e, ram := load(t, img, Params{})
	require.EqualValues(t, 0x100040, e.RIP)
	require.Equal(t, img[:0x200], []byte(ram[0x100000:0x100200]))
	require.Equal(t, make([]byte, 0xE00), []byte(ram[0x100200:0x101000]))
	require.EqualValues(t, 0xAA, ram[0x101000])

	img = kludge(0, 0, 0, 0x100040)
	_, ram = load(t, img, Params{})
	require.Equal(t, img, []byte(ram[0x100000:0x101000]), "load_end_addr 0 is the end of the file")
}

func TestErrors(t *testing.T) {
	noHeader := func(b []byte) { clear(b[0x1000:0x100C]) }
	for _, c := range []struct {
		what string
		img  []byte
		want string
	}{
		{"empty", nil, "file is empty"},
		{"no header", elf(elfClass32, noHeader), "no valid header (magic 1BADB002h)"},
		{"bad checksum", elf(elfClass32, func(b []byte) { b[0x1008]++ }), "no valid header"},
		{"header too far", append(make([]byte, searchLimit-8), mbHeader(0)...), "no valid header"},
		{"unknown requirement", mbHeader(1 << 5), "requires features 0x20"},
		{"neither ELF nor kludge", append(mbHeader(0), make([]byte, 100)...), "no load addresses"},
		{"load before file", func() []byte {
			b := kludge(0, 0, 0, 0x100040)
			le.PutUint32(b[16+12:], 0x100020)
			return b
		}(), "before the start of the file"},
		{"load past file", kludge(0, 0x100000+0x2000, 0, 0x100040), "asks for 8192 bytes, the file has 4096"},
		{"bss before data", kludge(0, 0, 0x100001, 0x100000), "bss_end_addr 0x100001 is below"},
		{"entry outside", kludge(0, 0, 0, 0x200000), "entry_addr 0x200000 is outside"},
		{"class", elf(3, nil), "class 3"},
		{"big-endian", elf(elfClass32, func(b []byte) { b[5] = 2 }), "big-endian"},
		{"machine", elf(elfClass32, func(b []byte) { b[18] = 40 }), "machine 40 is not x86"},
		{"object", elf(elfClass32, func(b []byte) { b[16] = 1 }), "type 1 is not an executable"},
		{"headers outside", elf(elfClass32, func(b []byte) { le.PutUint32(b[28:], 0xFFFFFFF0) }), "truncated in the program headers"},
		{"small headers", elf(elfClass64, func(b []byte) { b[54] = 8 }), "program headers of 8 bytes, want 56"},
		{"segment cut", elf(elfClass32, nil)[:0x1080], "truncated: segment 0 ends at 0x1100"},
		{"file over memory", elf(elfClass32, func(b []byte) { le.PutUint32(b[52+20:], 1) }), "has 0x100 bytes in the file but 0x1 in memory"},
		{"high segment", elf(elfClass64, func(b []byte) { b[64+24+4] = 1 }), "not below 4 GiB"},
		{"no segment", elf(elfClass32, func(b []byte) { b[52] = 4 }), "no PT_LOAD"},
		{"entry nowhere", elf(elfClass32, func(b []byte) { le.PutUint32(b[24:], 0x10) }), "entry point 0x10 is in no segment"},
	} {
		_, err := Parse("k.elf", c.img)
		require.ErrorContains(t, err, c.want, c.what)
		require.Regexp(t, `^k\.elf: [^\n]+$`, err.Error(), c.what)
	}
}

func TestLoadErrors(t *testing.T) {
	two := elf(elfClass32, func(b []byte) {
		le.PutUint16(b[44:], 2)
		copy(b[84:], words(ptLoad, 0x1000, 0xC0201000, 0x201000, 0x100, 0x100, 7, 0x1000))
	})
	for _, c := range []struct {
		what string
		img  []byte
		p    Params
		want string
	}{
		{"kernel outside memory", elf(elfClass32, func(b []byte) { le.PutUint32(b[52+12:], 0x0A000000); le.PutUint32(b[52+8:], 0xC0200000) }), Params{},
			"which the machine does not have (memory ends at 32 MiB)"},
		{"kernel over the hole", elf(elfClass32, func(b []byte) { le.PutUint32(b[52+12:], 0x9F000) }), Params{}, "does not have"},
		{"segments overlap", two, Params{}, "segments 0 and 1 overlap in memory at 0x201000"},
		{"module too large", elf(elfClass32, nil), Params{Modules: []Module{{"big.mod", "", make([]byte, 31<<20)}}}, "big.mod: module of 31 MiB does not fit"},
		{"NUL", elf(elfClass32, nil), Params{CommandLine: "\x00"}, "NUL byte"},
	} {
		k, err := Parse("k.elf", c.img)
		require.NoError(t, err, c.what)
		ram := make(directtest.RAM, ram32)
		c.p.E820 = directtest.E820(ram32)
		_, err = k.Load(ram, c.p)
		require.ErrorContains(t, err, c.want, c.what)
		require.NotContains(t, err.Error(), "\n", c.what)
		require.Equal(t, -1, bytes.IndexFunc(ram, func(r rune) bool { return r != 0 }), "%s: memory was written", c.what)
	}
}

func FuzzMultiboot(f *testing.F) {
	f.Add(kludge(0, 0, 0x102000, 0x100040), "args")
	f.Add(elf(elfClass32, nil), "")
	f.Fuzz(func(t *testing.T, data []byte, args string) {
		if k, err := Parse("fuzz", data); err == nil {
			loadChecked(t, k, args)
		}
	})
}

func FuzzELF(f *testing.F) {
	f.Add(elf(elfClass32, nil))
	f.Add(elf(elfClass64, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !IsELF(data) {
			return
		}
		if k, err := parseELF("fuzz", data); err == nil {
			loadChecked(t, k, "")
		}
	})
}

// loadChecked loads into memory that panics on a write outside, and checks
// that what is handed over lies in memory.
func loadChecked(t *testing.T, k *Kernel, args string) {
	ram := make(directtest.RAM, 8<<20)
	e, err := k.Load(ram, Params{CommandLine: args, Modules: []Module{{"m", args, []byte(args)}}, E820: directtest.E820(8 << 20)})
	if err != nil {
		return
	}
	require.Less(t, e.RIP, uint64(len(ram)))
	require.Less(t, e.RBX+miSize, uint64(len(ram)))
}
