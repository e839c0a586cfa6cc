// Package multiboot boots kernels by the Multiboot Specification 0.6.96
// ("Multiboot 1", GNU GRUB's manual of that name) without a boot loader: it
// finds the Multiboot header, loads an ELF file or one described by the header
// itself (the a.out kludge), places modules and builds the information
// structure.
package multiboot

import (
	"encoding/binary"
	"fmt"
)

// Magic numbers (3.1.2, 3.2).
const (
	headerMagic = 0x1BADB002
	bootMagic   = 0x2BADB002 // EAX at the entry point
)

// Header flags (3.1.2). Bits 0 to 15 are requirements: an unknown one must be
// refused.
const (
	flagAlign   = 1 << 0  // modules on page boundaries, which we always do
	flagMemory  = 1 << 1  // memory information, which we always give
	flagVideo   = 1 << 2  // video information
	flagAddress = 1 << 16 // the address fields are valid

	required = 0xFFFF
	known    = flagAlign | flagMemory | flagVideo
)

const searchLimit = 8192 // 3.1: the header lies wholly in the first 8192 bytes

// header is the Multiboot header (3.1.1).
type header struct {
	offset     int // in the file
	flags      uint32
	headerAddr uint32
	loadAddr   uint32
	loadEnd    uint32
	bssEnd     uint32
	entry      uint32
}

// HasHeader tells whether a file's first 8192 bytes hold a Multiboot header.
func HasHeader(head []byte) bool {
	_, ok := findHeader(head)
	return ok
}

func findHeader(data []byte) (header, bool) {
	le := binary.LittleEndian
	limit := min(len(data), searchLimit)
	for at := 0; at+12 <= limit; at += 4 {
		p := data[at:]
		magic, flags, sum := le.Uint32(p), le.Uint32(p[4:]), le.Uint32(p[8:])
		if magic != headerMagic || magic+flags+sum != 0 {
			continue
		}
		h := header{offset: at, flags: flags}
		if flags&flagAddress != 0 {
			if at+32 > limit {
				continue
			}
			h.headerAddr, h.loadAddr = le.Uint32(p[12:]), le.Uint32(p[16:])
			h.loadEnd, h.bssEnd, h.entry = le.Uint32(p[20:]), le.Uint32(p[24:]), le.Uint32(p[28:])
		}
		return h, true
	}
	return header{}, false
}

// segment is a piece of the kernel: data goes to addr, followed by zeros up to
// memSize bytes.
type segment struct {
	addr    uint64
	data    []byte
	memSize uint64
}

func (s segment) end() uint64 { return s.addr + s.memSize }

// Kernel is a parsed Multiboot kernel.
type Kernel struct {
	Name     string // for error messages and the kernel's command line
	Format   string // "ELF32", "ELF64" or "a.out kludge"
	Entry    uint32 // physical
	segments []segment
}

// Parse validates a kernel file.
func Parse(name string, data []byte) (*Kernel, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: the file is empty: give a Multiboot kernel", name)
	}
	h, ok := findHeader(data)
	if !ok {
		return nil, fmt.Errorf("%s: not a Multiboot kernel: no valid header (magic 1BADB002h) in the first 8192 bytes", name)
	}
	if odd := h.flags & required &^ known; odd != 0 {
		return nil, fmt.Errorf("%s: the Multiboot header requires features %#x, which Multiboot 0.6.96 does not define; the file is damaged or wants another loader", name, odd)
	}
	// The address fields win over an ELF header (3.1.3): a kernel that sets
	// them means them.
	if h.flags&flagAddress != 0 {
		return parseKludge(name, h, data)
	}
	if !IsELF(data) {
		return nil, fmt.Errorf("%s: the Multiboot header gives no load addresses (flag 16) and the file is not ELF; link it as ELF or set the address fields", name)
	}
	return parseELF(name, data)
}

// parseKludge follows the header's address fields (3.1.3).
func parseKludge(name string, h header, data []byte) (*Kernel, error) {
	bad := func(format string, args ...any) (*Kernel, error) {
		return nil, fmt.Errorf("%s: Multiboot header: "+format, append([]any{name}, args...)...)
	}
	if h.headerAddr < h.loadAddr {
		return bad("header_addr %#x is below load_addr %#x; fix the kernel's address fields", h.headerAddr, h.loadAddr)
	}
	before := uint64(h.headerAddr - h.loadAddr)
	if before > uint64(h.offset) {
		return bad("load_addr %#x is %d bytes before the start of the file; fix the kernel's address fields", h.loadAddr, before-uint64(h.offset))
	}
	body := data[uint64(h.offset)-before:]
	if h.loadEnd != 0 {
		if h.loadEnd < h.loadAddr {
			return bad("load_end_addr %#x is below load_addr %#x; fix the kernel's address fields", h.loadEnd, h.loadAddr)
		}
		n := uint64(h.loadEnd - h.loadAddr)
		if n > uint64(len(body)) {
			return bad("load_end_addr %#x asks for %d bytes, the file has %d; it is truncated, copy it again", h.loadEnd, n, len(body))
		}
		body = body[:n]
	}
	size := uint64(len(body))
	if h.bssEnd != 0 {
		if uint64(h.bssEnd) < uint64(h.loadAddr)+size {
			return bad("bss_end_addr %#x is below the end of the data at %#x; fix the kernel's address fields", h.bssEnd, uint64(h.loadAddr)+size)
		}
		size = uint64(h.bssEnd - h.loadAddr)
	}
	if h.entry < h.loadAddr || uint64(h.entry) >= uint64(h.loadAddr)+size {
		return bad("entry_addr %#x is outside the loaded kernel; fix the kernel's address fields", h.entry)
	}
	return &Kernel{Name: name, Format: "a.out kludge", Entry: h.entry,
		segments: []segment{{uint64(h.loadAddr), body, size}}}, nil
}
