package multiboot

import (
	"encoding/binary"
	"fmt"
	"strings"

	"g86/firmware/direct"
)

// Module is one boot module. Its string in the module list is the path and,
// after a blank, its own arguments.
type Module struct {
	Path string
	Args string
	Data []byte
}

// Params are the choices of one boot.
type Params struct {
	CommandLine string // follows the kernel's name in the command line
	Modules     []Module
	BootDevice  uint32 // 3.3: drive in the top byte, 0xFF for unused parts; 0: not given
	E820        []direct.E820
}

// Offsets in the information structure (3.3) and its flags.
const (
	miFlags, miMemLower, miMemUpper, miBootDevice = 0, 4, 8, 12
	miCmdLine, miModsCount, miModsAddr            = 16, 20, 24
	miMmapLength, miMmapAddr, miLoaderName        = 44, 48, 64
	miFBAddr, miFBPitch, miFBWidth, miFBHeight    = 88, 96, 100, 104
	miFBBPP, miFBType                             = 108, 109
	miSize                                        = 116

	infoMemory, infoBootDevice, infoCmdLine        = 1 << 0, 1 << 1, 1 << 2
	infoMods, infoMmap                             = 1 << 3, 1 << 6
	infoLoaderName, infoFramebuffer                = 1 << 9, 1 << 12
	fbTypeText                                     = 2
	moduleEntry, mmapEntry                         = 16, 24
	loaderName                                     = "g86"
	lowest                                         = 0x1000 // keep clear of the vectors and the BIOS data area
	maxModules                                     = 4096
	gdtBytes                                       = 24
	selCode, selData                        uint16 = 0x08, 0x10
)

// Load puts the kernel, its modules and the information structure into memory
// and returns the CPU state to start it with (3.2). Nothing is written when it
// fails.
func (k *Kernel) Load(mem direct.Memory, p Params) (direct.Entry, error) {
	if strings.IndexByte(p.CommandLine, 0) >= 0 {
		return direct.Entry{}, fmt.Errorf("%s: command line has a NUL byte; remove it from --append", k.Name)
	}
	if len(p.Modules) > maxModules {
		return direct.Entry{}, fmt.Errorf("%s: %d modules are more than %d; give fewer", k.Name, len(p.Modules), maxModules)
	}
	var taken []direct.Range
	var kernelEnd uint64 = 1 << 20
	for i, s := range k.segments {
		r := direct.Range{Start: s.addr, End: s.end()}
		if !direct.Contains(p.E820, r) {
			return direct.Entry{}, fmt.Errorf("%s: segment %d wants memory at %#x to %#x, which the machine does not have (memory ends at %d MiB); give more with -m or link the kernel elsewhere",
				k.Name, i, r.Start, r.End, direct.MiB(direct.Top(p.E820)))
		}
		for j, t := range taken {
			if r.Overlaps(t) {
				return direct.Entry{}, fmt.Errorf("%s: segments %d and %d overlap in memory at %#x; relink the kernel", k.Name, j, i, max(r.Start, t.Start))
			}
		}
		taken = append(taken, r)
		kernelEnd = max(kernelEnd, r.End)
	}
	// Modules follow the kernel: early allocators take memory from there on.
	modules := make([]direct.Range, len(p.Modules))
	for i, m := range p.Modules {
		size := uint64(len(m.Data))
		at, ok := direct.PlaceLow(p.E820, size, kernelEnd, 1<<32, taken)
		if !ok {
			return direct.Entry{}, fmt.Errorf("%s: module of %d MiB does not fit in memory after the kernel's end at %d MiB (memory ends at %d MiB); give more with -m",
				m.Path, direct.MiB(size), direct.MiB(kernelEnd), direct.MiB(direct.Top(p.E820)))
		}
		modules[i] = direct.Range{Start: at, End: at + size}
		taken = append(taken, modules[i])
	}
	infoAt, ok := direct.PlaceLow(p.E820, uint64(len(k.info(0, p, modules))), lowest, 1<<32, taken)
	if !ok {
		return direct.Entry{}, fmt.Errorf("%s: no memory left for the Multiboot information; give more with -m", k.Name)
	}

	for _, s := range k.segments {
		mem.WriteAt(s.data, s.addr)
		direct.Zero(mem, s.addr+uint64(len(s.data)), s.memSize-uint64(len(s.data)))
	}
	for i, m := range p.Modules {
		mem.WriteAt(m.Data, modules[i].Start)
	}
	mem.WriteAt(k.info(infoAt, p, modules), infoAt)
	return direct.Entry{
		Mode: direct.Prot32,
		CS:   direct.Segment{Selector: selCode},
		DS:   direct.Segment{Selector: selData},
		RIP:  uint64(k.Entry),
		RAX:  bootMagic,
		RBX:  infoAt + gdtBytes,
		CR0:  direct.CR0PE | direct.CR0ET,
		// The specification leaves GDTR open; a valid one is kinder to debug.
		GDTBase:  infoAt,
		GDTLimit: gdtBytes - 1,
	}, nil
}

// info builds what lies at address base: the GDT, the information structure
// (3.3), and after it everything it points to.
func (k *Kernel) info(base uint64, p Params, modules []direct.Range) []byte {
	le := binary.LittleEndian
	b := make([]byte, gdtBytes+miSize)
	le.PutUint64(b[selCode:], direct.Code32)
	le.PutUint64(b[selData:], direct.Data32)
	put := func(field int, v uint32) { le.PutUint32(b[gdtBytes+field:], v) }
	here := func() uint32 { return uint32(base) + uint32(len(b)) }
	str := func(s string) (at uint32) {
		at = here()
		b = append(append(b, s...), 0)
		return at
	}
	flags := uint32(infoMemory | infoCmdLine | infoMods | infoMmap | infoLoaderName | infoFramebuffer)
	put(miMemLower, direct.Lower(p.E820))
	put(miMemUpper, direct.Upper(p.E820))
	if p.BootDevice != 0 {
		flags |= infoBootDevice
		put(miBootDevice, p.BootDevice)
	}
	put(miFlags, flags)
	put(miCmdLine, str(join(k.Name, p.CommandLine)))
	put(miLoaderName, str(loaderName))

	var strs []uint32
	for _, m := range p.Modules {
		strs = append(strs, str(join(m.Path, m.Args)))
	}
	b = append(b, make([]byte, -len(b)&3)...)
	put(miModsCount, uint32(len(modules)))
	put(miModsAddr, here())
	for i, r := range modules {
		for _, v := range [moduleEntry / 4]uint32{uint32(r.Start), uint32(r.End), strs[i], 0} {
			b = le.AppendUint32(b, v)
		}
	}
	put(miMmapAddr, here())
	put(miMmapLength, uint32(len(p.E820)*mmapEntry))
	for _, e := range p.E820 {
		b = le.AppendUint32(b, mmapEntry-4) // an entry's size does not count itself
		b = le.AppendUint64(b, e.Addr)
		b = le.AppendUint64(b, e.Size)
		b = le.AppendUint32(b, e.Type)
	}

	// The screen is in text mode 3, also where the header asks for graphics:
	// its request is a wish, the answer says what there is.
	le.PutUint64(b[gdtBytes+miFBAddr:], 0xB8000)
	put(miFBPitch, 160)
	put(miFBWidth, 80)
	put(miFBHeight, 25)
	b[gdtBytes+miFBBPP], b[gdtBytes+miFBType] = 16, fbTypeText
	return b
}

func join(name, args string) string {
	if args == "" {
		return name
	}
	return name + " " + args
}
