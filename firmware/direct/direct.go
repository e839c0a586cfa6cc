// Package direct holds what the direct boot loaders (firmware/linux and
// firmware/multiboot) share: the memory they fill, the memory map they place
// things by, and the CPU state they hand over. They know neither the CPU nor
// the machine.
package direct

// Memory receives what a loader puts into guest-physical memory. Loaders only
// write inside usable ranges of the map they are given.
type Memory interface {
	WriteAt(p []byte, pa uint64)
}

// E820 types (ACPI 6.5, table 15.4).
const (
	E820Usable   = 1
	E820Reserved = 2
)

// E820 is one range of the BIOS memory map.
type E820 struct {
	Addr, Size uint64
	Type       uint32
}

// Mode is how the CPU runs at the entry point.
type Mode int

const (
	Real16 Mode = iota // real mode
	Prot32             // 32-bit protected mode, paging off
	Long64             // 64-bit mode, identity page tables at CR3
)

func (m Mode) String() string { return [...]string{"16-bit", "32-bit", "64-bit"}[m] }

// Segment is a segment register as it must look at the entry point; its
// attributes follow from the mode (real mode: 64 KiB; else flat 4 GiB).
type Segment struct {
	Selector uint16
	Base     uint64
}

// Entry is the CPU state at the kernel's entry point: registers not named are
// zero, interrupts are disabled (RFLAGS = 2), the IDT is empty.
type Entry struct {
	Mode          Mode
	CS, DS        Segment // DS stands for SS, ES, FS and GS too
	RIP, RSP      uint64
	RAX, RBX, RSI uint64
	CR0, CR3, CR4 uint64
	EFER          uint64
	GDTBase       uint64
	GDTLimit      uint16
}

// Control register bits of the entry states (SDM vol. 3A, 2.5 and 2.2.1).
const (
	CR0PE   = 1 << 0
	CR0ET   = 1 << 4
	CR0PG   = 1 << 31
	CR4PAE  = 1 << 5
	EFERLME = 1 << 8
	EFERLMA = 1 << 10
)

// Flat descriptors (SDM vol. 3A, 3.4.5): present, ring 0, base 0, limit 4 GiB,
// accessed.
const (
	Code32 = 0x00CF9B000000FFFF
	Code64 = 0x00AF9B000000FFFF
	Data32 = 0x00CF93000000FFFF
)

// Range is a span of guest-physical memory, End exclusive.
type Range struct{ Start, End uint64 }

// Size of the range in bytes.
func (r Range) Size() uint64 { return r.End - r.Start }

// Overlaps tells whether two ranges share a byte.
func (r Range) Overlaps(o Range) bool { return r.Start < o.End && o.Start < r.End }

// usable returns the usable ranges of a map below 4 GiB and their limits cut
// to [min, max).
func usable(e820 []E820, min, max uint64) []Range {
	const top = 1 << 32
	if max > top {
		max = top
	}
	var out []Range
	for _, e := range e820 {
		if e.Type != E820Usable || e.Addr >= max {
			continue
		}
		end := e.Addr + e.Size
		if end < e.Addr || end > max {
			end = max
		}
		if start := e.Addr; start < end && end > min {
			if start < min {
				start = min
			}
			out = append(out, Range{start, end})
		}
	}
	return out
}

// Contains tells whether a range lies in one usable entry of the map, below
// 4 GiB.
func Contains(e820 []E820, r Range) bool {
	for _, u := range usable(e820, 0, 1<<32) {
		if r.Start >= u.Start && r.End <= u.End && r.Start <= r.End {
			return true
		}
	}
	return false
}

// PlaceHigh returns the highest page-aligned address in [min, max) where size
// bytes of usable memory lie.
func PlaceHigh(e820 []E820, size, min, max uint64) (uint64, bool) {
	best, found := uint64(0), false
	for _, u := range usable(e820, min, max) {
		if u.Size() < size {
			continue
		}
		if at := (u.End - size) &^ 0xFFF; at >= u.Start && (!found || at > best) {
			best, found = at, true
		}
	}
	return best, found
}

// PlaceLow returns the lowest page-aligned address in [min, max) where size
// bytes of usable memory lie clear of the ranges taken.
func PlaceLow(e820 []E820, size, min, max uint64, taken []Range) (uint64, bool) {
	best, found := uint64(0), false
	for _, u := range usable(e820, min, max) {
		at := (u.Start + 0xFFF) &^ 0xFFF
		for moved := true; moved; {
			moved = false
			for _, t := range taken {
				if t.Size() > 0 && t.Overlaps(Range{at, at + size}) {
					at, moved = (t.End+0xFFF)&^0xFFF, true
				}
			}
		}
		if at+size <= u.End && (!found || at < best) {
			best, found = at, true
		}
	}
	return best, found
}

// Lower and Upper are the classic sizes in KiB: memory from 0 up to 640 KiB,
// and contiguous memory from 1 MiB up.
func Lower(e820 []E820) uint32 {
	for _, u := range usable(e820, 0, 640<<10) {
		if u.Start == 0 {
			return uint32(u.End >> 10)
		}
	}
	return 0
}

// Upper is described at Lower.
func Upper(e820 []E820) uint32 {
	for _, u := range usable(e820, 1<<20, 1<<32) {
		if u.Start == 1<<20 {
			return uint32(u.Size() >> 10)
		}
	}
	return 0
}

// Top returns the end of the highest usable range below 4 GiB.
func Top(e820 []E820) uint64 {
	var top uint64
	for _, u := range usable(e820, 0, 1<<32) {
		if u.End > top {
			top = u.End
		}
	}
	return top
}

// Zero clears guest memory in bounded pieces.
func Zero(m Memory, pa, n uint64) {
	var page [64 << 10]byte
	for n > 0 {
		c := min(n, uint64(len(page)))
		m.WriteAt(page[:c], pa)
		pa, n = pa+c, n-c
	}
}

// MiB prints a size for error messages.
func MiB(n uint64) uint64 { return (n + 1<<20 - 1) >> 20 }
