package multiboot

import (
	"encoding/binary"
	"fmt"
)

// ELF constants (System V ABI, "ELF Header" and "Program Header").
const (
	elfClass32, elfClass64 = 1, 2
	elfLittle              = 1
	elfExec, elfDyn        = 2, 3
	machine386, machineX64 = 3, 62
	ptLoad                 = 1
	phdrSize32             = 32
	phdrSize64             = 56
	maxSegments            = 256
)

// IsELF tells whether a file begins with an ELF identification.
func IsELF(head []byte) bool { return len(head) >= 20 && string(head[:4]) == "\x7fELF" }

// programHeader is what both classes' program headers have in common.
type programHeader struct{ offset, vaddr, paddr, fileSize, memSize uint64 }

// parseELF takes the PT_LOAD segments by physical address. ELF64 files are
// accepted as GRUB accepts them: the CPU still starts in 32-bit protected mode
// and the file's first code has to be 32-bit.
func parseELF(name string, data []byte) (*Kernel, error) {
	bad := func(format string, args ...any) (*Kernel, error) {
		return nil, fmt.Errorf("%s: bad ELF: "+format, append([]any{name}, args...)...)
	}
	le := binary.LittleEndian
	class := data[4]
	switch {
	case class != elfClass32 && class != elfClass64:
		return bad("class %d is neither ELF32 nor ELF64", class)
	case data[5] != elfLittle:
		return bad("big-endian; build the kernel for x86")
	case class == elfClass32 && len(data) < 52, class == elfClass64 && len(data) < 64:
		return bad("truncated in the ELF header; copy it again")
	}
	if m := le.Uint16(data[18:]); m != machine386 && m != machineX64 {
		return bad("machine %d is not x86; build the kernel for i386", m)
	}
	if t := le.Uint16(data[16:]); t != elfExec && t != elfDyn {
		return bad("type %d is not an executable; link the kernel first", t)
	}

	k := &Kernel{Name: name, Format: "ELF32"}
	var entry, phoff uint64
	var phsize, phnum, need int
	if class == elfClass32 {
		entry, phoff = uint64(le.Uint32(data[24:])), uint64(le.Uint32(data[28:]))
		phsize, phnum, need = int(le.Uint16(data[42:])), int(le.Uint16(data[44:])), phdrSize32
	} else {
		k.Format = "ELF64"
		entry, phoff = le.Uint64(data[24:]), le.Uint64(data[32:])
		phsize, phnum, need = int(le.Uint16(data[54:])), int(le.Uint16(data[56:])), phdrSize64
	}
	if phnum > 0 && phsize < need {
		return bad("program headers of %d bytes, want %d", phsize, need)
	}
	if table := uint64(phsize * phnum); phoff > uint64(len(data)) || table > uint64(len(data))-phoff {
		return bad("truncated in the program headers; copy it again")
	}
	physical := entry
	for i := range phnum {
		p := data[phoff+uint64(i*phsize):]
		if le.Uint32(p) != ptLoad {
			continue
		}
		h := loadHeader(class, p)
		if h.memSize == 0 {
			continue
		}
		switch {
		case h.fileSize > h.memSize:
			return bad("segment %d has %#x bytes in the file but %#x in memory", i, h.fileSize, h.memSize)
		case h.offset > uint64(len(data)) || h.fileSize > uint64(len(data))-h.offset:
			return bad("truncated: segment %d ends at %#x, the file at %#x; copy it again", i, h.offset+h.fileSize, len(data))
		case h.paddr >= 1<<32 || h.memSize > 1<<32-h.paddr:
			return bad("segment %d is not below 4 GiB (physical %#x, %#x bytes); link it lower", i, h.paddr, h.memSize)
		}
		// The entry point is a linear address in most linkers' output and a
		// physical one in some kernels' scripts: translate where it can be.
		if entry >= h.vaddr && entry-h.vaddr < h.memSize {
			physical = entry - h.vaddr + h.paddr
		}
		k.segments = append(k.segments, segment{h.paddr, data[h.offset:][:h.fileSize], h.memSize})
	}
	if n := len(k.segments); n > maxSegments {
		return bad("%d segments are more than %d; relink the kernel", n, maxSegments)
	}
	if len(k.segments) == 0 {
		return bad("no PT_LOAD segment; link the kernel first")
	}
	for _, s := range k.segments {
		if physical >= s.addr && physical < s.end() {
			k.Entry = uint32(physical)
			return k, nil
		}
	}
	return bad("entry point %#x is in no segment", entry)
}

func loadHeader(class byte, p []byte) programHeader {
	le := binary.LittleEndian
	if class == elfClass32 {
		return programHeader{
			offset: uint64(le.Uint32(p[4:])), vaddr: uint64(le.Uint32(p[8:])), paddr: uint64(le.Uint32(p[12:])),
			fileSize: uint64(le.Uint32(p[16:])), memSize: uint64(le.Uint32(p[20:])),
		}
	}
	return programHeader{
		offset: le.Uint64(p[8:]), vaddr: le.Uint64(p[16:]), paddr: le.Uint64(p[24:]),
		fileSize: le.Uint64(p[32:]), memSize: le.Uint64(p[40:]),
	}
}
