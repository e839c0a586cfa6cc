// Package smbios makes the SMBIOS 2.8 entry point and structures (DMTF DSP0134)
// that describe the machine: BIOS, system, chassis, processors, memory.
package smbios

import (
	"encoding/binary"
	"fmt"
)

// Config is what the structures tell.
type Config struct {
	Base    uint32 // physical address of the entry point, on a 16-byte boundary
	Memory  uint64 // bytes
	CPUs    int
	Version string
	Date    string // of the BIOS, mm/dd/yyyy
	UUID    [16]byte
}

const entrySize = 32 // 31 bytes and one to keep the table aligned

var le = binary.LittleEndian

type builder struct {
	table   []byte
	count   uint16
	longest int
}

// add appends a structure: type, handle, formatted area, strings.
func (b *builder) add(kind byte, handle uint16, body []byte, strings ...string) {
	start := len(b.table)
	b.table = append(b.table, kind, byte(len(body)+4), byte(handle), byte(handle>>8))
	b.table = append(b.table, body...)
	for _, s := range strings {
		b.table = append(append(b.table, s...), 0)
	}
	if len(strings) == 0 {
		b.table = append(b.table, 0)
	}
	b.table = append(b.table, 0)
	b.count++
	b.longest = max(b.longest, len(b.table)-start)
}

// fields concatenates integers (by their width), byte slices and arrays.
func fields(v ...any) []byte {
	var out []byte
	for _, x := range v {
		switch x := x.(type) {
		case byte:
			out = append(out, x)
		case uint16:
			out = le.AppendUint16(out, x)
		case uint32:
			out = le.AppendUint32(out, x)
		case uint64:
			out = le.AppendUint64(out, x)
		case [16]byte:
			out = append(out, x[:]...)
		default:
			panic(fmt.Sprintf("smbios: field of type %T", x))
		}
	}
	return out
}

// Build returns the entry point followed by the structure table.
func Build(c Config) []byte {
	b := &builder{}
	const (
		handleChassis = 0x300
		handleArray   = 0x1000
	)
	version := c.Version
	if version == "" {
		version = "unknown"
	}
	// Type 0: vendor 1, version 2, segment, date 3, ROM 64K; PCI, CD boot, EDD, ACPI.
	b.add(0, 0x000, fields(byte(1), byte(2), uint16(0xf000), byte(3), byte(0),
		uint64(1<<7|1<<15|1<<16|1<<19), byte(1), byte(0), byte(0xff), byte(0xff), byte(0xff), byte(0xff)),
		"g86", version, c.Date)
	// Type 1: manufacturer, product, version, no serial; wake-up by power switch.
	b.add(1, 0x100, fields(byte(1), byte(2), byte(3), byte(0), c.UUID, byte(6), byte(0), byte(0)),
		"g86", "PC (i440FX + PIIX, 1996)", version)
	// Type 3: desktop-less "other" chassis, states safe.
	b.add(3, handleChassis, fields(byte(1), byte(1), byte(0), byte(0), byte(0),
		byte(3), byte(3), byte(3), byte(2), uint32(0), byte(0), byte(0), byte(0), byte(0), byte(0)), "g86")
	for i := range c.CPUs { // Type 4: one socket for each processor
		b.add(4, uint16(0x400+i), fields(byte(1), byte(3), byte(1), byte(2), uint64(0), byte(0),
			byte(0), uint16(0), uint16(1000), uint16(1000), byte(0x41), byte(1),
			uint16(0xffff), uint16(0xffff), uint16(0xffff), byte(0), byte(0), byte(0),
			byte(1), byte(1), byte(1), uint16(2), uint16(1)),
			fmt.Sprintf("CPU %d", i), "g86")
	}
	// Type 16: physical memory array on the board.
	kib := c.Memory >> 10
	size16, ext16 := uint32(kib), uint64(0)
	if kib >= 0x80000000 {
		size16, ext16 = 0x80000000, c.Memory
	}
	b.add(16, handleArray, fields(byte(1), byte(3), byte(3), size16, uint16(0xfffe), uint16(1), ext16))
	// Type 17: one DIMM of unknown speed.
	mib := c.Memory >> 20
	size17, ext17 := uint16(mib), uint32(0)
	switch {
	case mib == 0:
		size17 = uint16(kib) | 0x8000 // counted in KiB
	case mib >= 0x7fff:
		size17, ext17 = 0x7fff, uint32(mib)
	}
	b.add(17, 0x1100, fields(uint16(handleArray), uint16(0xfffe), uint16(0xffff), uint16(0xffff), size17, byte(9),
		byte(0), byte(1), byte(0), byte(7), uint16(1<<1), uint16(0), byte(2), byte(0), byte(0), byte(0), byte(0), ext17,
		uint16(0), uint16(0), uint16(0), uint16(0)),
		"DIMM 0", "g86")
	// Type 19: the array mapped below and above the PCI hole.
	const hole = 0xe0000000
	b.add(19, 0x1300, fields(uint32(0), uint32(min(c.Memory, hole)>>10-1), uint16(handleArray), byte(1), uint64(0), uint64(0)))
	if c.Memory > hole {
		const high = 1 << 32
		end := uint64(high) + c.Memory - hole
		if end>>10 > 0xffffffff {
			b.add(19, 0x1301, fields(uint32(0xffffffff), uint32(0xffffffff), uint16(handleArray), byte(1), uint64(high), end-1))
		} else {
			b.add(19, 0x1301, fields(uint32(high>>10), uint32(end>>10-1), uint16(handleArray), byte(1), uint64(0), uint64(0)))
		}
	}
	b.add(32, 0x2000, fields(uint32(0), uint16(0), byte(0))) // no errors detected
	b.add(127, 0x7f00, nil)
	return append(entry(c.Base, b), b.table...)
}

func entry(base uint32, b *builder) []byte {
	e := make([]byte, entrySize)
	copy(e, "_SM_")
	e[5], e[6], e[7] = 0x1f, 2, 8
	le.PutUint16(e[8:], uint16(b.longest))
	copy(e[0x10:], "_DMI_")
	le.PutUint16(e[0x16:], uint16(len(b.table)))
	le.PutUint32(e[0x18:], base+entrySize)
	le.PutUint16(e[0x1c:], b.count)
	e[0x1e] = 0x28
	e[0x15] = -sum(e[0x10:0x1f])
	e[4] = -sum(e[:0x1f])
	return e
}

func sum(p []byte) (s byte) {
	for _, x := range p {
		s += x
	}
	return s
}
