// Package directtest has the guest memory that the direct boot loaders' tests
// load into.
package directtest

import (
	"fmt"

	"g86/firmware/direct"
)

// RAM is guest memory from address 0 that fails loudly on a write outside.
type RAM []byte

// WriteAt implements direct.Memory.
func (r RAM) WriteAt(p []byte, pa uint64) {
	if pa > uint64(len(r)) || uint64(len(p)) > uint64(len(r))-pa {
		panic(fmt.Sprintf("loader wrote %d bytes at %#x, memory has %#x", len(p), pa, len(r)))
	}
	copy(r[pa:], p)
}

// E820 is the memory map of a PC with that much memory, below 3 GiB.
func E820(size uint64) []direct.E820 {
	return []direct.E820{
		{Addr: 0, Size: 0x9FC00, Type: direct.E820Usable},
		{Addr: 0x9FC00, Size: 0x400, Type: direct.E820Reserved},
		{Addr: 0xF0000, Size: 0x10000, Type: direct.E820Reserved},
		{Addr: 1 << 20, Size: size - 1<<20, Type: direct.E820Usable},
	}
}
