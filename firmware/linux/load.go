package linux

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"g86/firmware/direct"
)

// Where things go in low memory. The real-mode part follows boot.rst's sample
// ("Sample Boot Configuration"); the rest sits below it, clear of the BIOS data
// area.
const (
	gdtAddr      = 0x6000
	zeroPageAddr = 0x7000
	pml4Addr     = 0x9000  // then the PDPT and four page directories
	stackAddr    = 0x10000 // grows down to the page directories' end
	realAddr     = 0x10000 // real-mode part, protocol 2.02 and later
	oldRealAddr  = 0x90000 // real-mode part before 2.02
	cmdLineAddr  = 0x20000 // command line of the 32- and 64-bit entries
	cmdLineSpace = 0x10000
	zImageAddr   = 0x10000
	highAddr     = 0x100000

	heapEnd    = 0xE000 // offset in the real-mode segment, command line above
	oldHeapEnd = 0x9800

	bootCS = 0x10 // __BOOT_CS
	bootDS = 0x18 // __BOOT_DS

	loaderUndefined = 0xFF // type_of_loader without an assigned number
)

// Protocol chooses the entry point.
type Protocol int

const (
	Auto   Protocol = iota // 64-bit if the kernel has it and Params.Long allows, else 32-bit
	Boot16                 // real-mode setup code, which asks the BIOS
	Boot32                 // code32_start with a zero page
	Boot64                 // 200h into the protected-mode part, in long mode
)

// Params are the choices of one boot.
type Params struct {
	Protocol    Protocol
	Long        bool // the CPU has long mode
	CommandLine string
	Initrd      []byte // nil: none
	InitrdName  string // for error messages
	E820        []direct.E820
	RSDP        uint64 // ACPI RSDP, 0: the kernel searches for it
}

// Load puts the kernel, its initrd and its parameters into memory and returns
// the CPU state to start it with. Nothing is written when it fails.
func (k *Kernel) Load(mem direct.Memory, p Params) (direct.Entry, error) {
	proto, err := k.choose(p)
	if err != nil {
		return direct.Entry{}, err
	}
	if n := len(p.CommandLine); n > k.CmdLineMax {
		return direct.Entry{}, fmt.Errorf("%s: command line of %d bytes is over this kernel's limit of %d; shorten --append", k.Name, n, k.CmdLineMax)
	}
	if i := strings.IndexByte(p.CommandLine, 0); i >= 0 {
		return direct.Entry{}, fmt.Errorf("%s: command line has a NUL byte at %d; remove it from --append", k.Name, i)
	}
	load, end, err := k.place(p)
	if err != nil {
		return direct.Entry{}, err
	}
	initrd, err := k.placeInitrd(p, end)
	if err != nil {
		return direct.Entry{}, err
	}
	mem.WriteAt(k.protectedMode, load)
	if len(p.Initrd) > 0 {
		mem.WriteAt(p.Initrd, initrd)
	}
	if proto == Boot16 {
		return k.enter16(mem, p, initrd), nil
	}
	k.writeZeroPage(mem, p, load, initrd)
	return enterProtected(mem, proto, load), nil
}

func (k *Kernel) choose(p Params) (Protocol, error) {
	switch proto := p.Protocol; {
	case proto == Auto && !k.High:
		return Boot16, nil
	case proto == Auto && k.Has64 && p.Long:
		return Boot64, nil
	case proto == Auto:
		return Boot32, nil
	case proto == Boot16:
		return Boot16, nil
	case !k.High:
		return 0, fmt.Errorf("%s: a zImage has only the 16-bit entry point; choose that", k.Name)
	case proto == Boot64 && !k.Has64:
		return 0, fmt.Errorf("%s: no 64-bit entry point (XLF_KERNEL_64 is clear); choose the 32-bit one or another kernel", k.Name)
	case proto == Boot64 && !p.Long:
		return 0, fmt.Errorf("%s: the 64-bit entry point needs a CPU with long mode; choose --cpu x86-64 or later", k.Name)
	default:
		return proto, nil
	}
}

// place decides where the protected-mode part goes, and where the memory ends
// that the kernel needs before it can look at the memory map.
func (k *Kernel) place(p Params) (load, end uint64, err error) {
	size := uint64(len(k.protectedMode))
	if !k.High {
		if zImageAddr+size > oldRealAddr {
			return 0, 0, fmt.Errorf("%s: a zImage of %d bytes does not fit below 0x90000; use a bzImage", k.Name, size)
		}
		return zImageAddr, zImageAddr + size, k.fits(p, 0, 0x9F000)
	}
	// Room for decompression starts at the preferred address, which a
	// relocatable kernel loaded below it moves up to.
	end = highAddr + size
	if k.InitSize != 0 {
		run := max(k.PrefAddress, highAddr)
		if run >= 1<<32 {
			return 0, 0, fmt.Errorf("%s: preferred load address %#x is above 4 GiB; use a kernel built for a lower one", k.Name, run)
		}
		end = max(end, run+uint64(k.InitSize))
	}
	if err := k.fits(p, 0, 0x9F000); err != nil {
		return 0, 0, err
	}
	return highAddr, end, k.fits(p, highAddr, end)
}

func (k *Kernel) fits(p Params, start, end uint64) error {
	if direct.Contains(p.E820, direct.Range{Start: start, End: end}) {
		return nil
	}
	return fmt.Errorf("%s: the kernel needs memory up to %d MiB, the machine's ends at %d MiB; give more with -m",
		k.Name, direct.MiB(end), direct.MiB(direct.Top(p.E820)))
}

func (k *Kernel) placeInitrd(p Params, kernelEnd uint64) (uint64, error) {
	if len(p.Initrd) == 0 {
		return 0, nil
	}
	size := uint64(len(p.Initrd))
	at, ok := direct.PlaceHigh(p.E820, size, max(kernelEnd, highAddr), uint64(k.InitrdMax)+1)
	if !ok {
		return 0, fmt.Errorf("%s: initrd of %d MiB does not fit between the kernel's end at %d MiB and %d MiB (memory ends at %d MiB, the kernel takes an initrd up to %d MiB); give more with -m",
			p.InitrdName, direct.MiB(size), direct.MiB(kernelEnd), min(direct.MiB(direct.Top(p.E820)), direct.MiB(uint64(k.InitrdMax))),
			direct.MiB(direct.Top(p.E820)), direct.MiB(uint64(k.InitrdMax)))
	}
	return at, nil
}

// enter16 loads the real-mode part as boot.rst's "Loading The Rest of The
// Kernel" and "Running the Kernel" describe.
func (k *Kernel) enter16(mem direct.Memory, p Params, initrd uint64) direct.Entry {
	base, heap := uint64(realAddr), heapEnd
	if k.Version < 0x0202 || !k.High {
		base, heap = oldRealAddr, oldHeapEnd
	}
	seg := make([]byte, heap+len(p.CommandLine)+1)
	copy(seg, k.setup)
	copy(seg[heap:], p.CommandLine)

	le := binary.LittleEndian
	seg[offLoaderType] = loaderUndefined
	if mode, ok := vgaMode(p.CommandLine); ok {
		le.PutUint16(seg[offVidMode:], mode)
	}
	if k.Version >= 0x0201 {
		seg[offLoadFlags] |= canUseHeap
		le.PutUint16(seg[offHeapEnd:], uint16(heap-0x200))
	}
	if k.Version >= 0x0202 {
		le.PutUint32(seg[offCmdLinePtr:], uint32(base)+uint32(heap))
	} else {
		le.PutUint16(seg[0x20:], 0xA33F) // the old command line protocol
		le.PutUint16(seg[0x22:], uint16(heap))
		le.PutUint16(seg[offMoveSize:], uint16(len(seg)))
	}
	le.PutUint32(seg[offRamdiskImage:], uint32(initrd))
	le.PutUint32(seg[offRamdiskSize:], uint32(len(p.Initrd)))
	mem.WriteAt(seg, base)

	return direct.Entry{
		Mode: direct.Real16,
		CS:   direct.Segment{Selector: uint16(base>>4) + 0x20, Base: base + 0x200},
		DS:   direct.Segment{Selector: uint16(base >> 4), Base: base},
		RSP:  uint64(heap),
		CR0:  direct.CR0ET,
	}
}

// vgaMode reads the vga= option, which is the boot loader's to interpret
// (boot.rst, "Special Command Line Options"); the last one counts.
func vgaMode(cmdline string) (mode uint16, ok bool) {
	for _, word := range strings.Fields(cmdline) {
		v, is := strings.CutPrefix(word, "vga=")
		if !is {
			continue
		}
		switch v {
		case "normal":
			mode, ok = 0xFFFF, true
		case "ext":
			mode, ok = 0xFFFE, true
		case "ask":
			mode, ok = 0xFFFD, true
		default:
			if n, err := strconv.ParseUint(v, 0, 16); err == nil {
				mode, ok = uint16(n), true
			}
		}
	}
	return mode, ok
}

// enterProtected builds the GDT, for the 64-bit entry also page tables that map
// the first 4 GiB to itself with 2 MiB pages, and the CPU state of boot.rst's
// "32-bit Boot Protocol" and "64-bit Boot Protocol".
func enterProtected(mem direct.Memory, proto Protocol, load uint64) direct.Entry {
	e := direct.Entry{
		Mode:    direct.Prot32,
		CS:      direct.Segment{Selector: bootCS},
		DS:      direct.Segment{Selector: bootDS},
		RIP:     load,
		RSP:     stackAddr,
		RSI:     zeroPageAddr,
		CR0:     direct.CR0PE | direct.CR0ET,
		GDTBase: gdtAddr,
	}
	code := uint64(direct.Code32)
	if proto == Boot64 {
		code = direct.Code64
		e.Mode, e.RIP = direct.Long64, load+0x200
		e.CR0 |= direct.CR0PG
		e.CR3, e.CR4, e.EFER = pml4Addr, direct.CR4PAE, direct.EFERLME|direct.EFERLMA
		writeQuads(mem, pml4Addr, identityMap())
	}
	gdt := []uint64{0, 0, code, direct.Data32}
	writeQuads(mem, gdtAddr, gdt)
	e.GDTLimit = uint16(len(gdt)*8 - 1)
	return e
}

// identityMap returns a PML4, a PDPT and four page directories, one after the
// other (SDM vol. 3A, 4.5).
func identityMap() []uint64 {
	const (
		present, write, large = 1 << 0, 1 << 1, 1 << 7
		perTable              = 512
	)
	t := make([]uint64, 6*perTable)
	t[0] = (pml4Addr + 0x1000) | present | write
	for i := range uint64(4) {
		t[perTable+i] = (pml4Addr + 0x2000 + i*0x1000) | present | write
	}
	for i := range uint64(4 * perTable) {
		t[2*perTable+i] = i<<21 | present | write | large
	}
	return t
}

func writeQuads(mem direct.Memory, pa uint64, q []uint64) {
	b := make([]byte, 0, len(q)*8)
	for _, v := range q {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	mem.WriteAt(b, pa)
}
