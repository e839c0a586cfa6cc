package bus

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
)

// Bus is the machine's I/O and physical address space.
type Bus struct {
	ports   [0x10000]*PortRange
	regions []*Region // sorted by priority (highest first)
	// OnUnclaimed, if set, hears of accesses to ports that nobody owns.
	OnUnclaimed func(port uint16, write bool, size int, v uint32)
	// OnWrite, if set, is told of every write to directly accessible memory that
	// does not come from the CPU (DMA, firmware), so that cached code is dropped.
	OnWrite func(pa uint64, n int)
	// OnRemap, if set, is told that the layout changed: cached translations of
	// physical pages are stale.
	OnRemap func()
}

// New returns an empty bus.
func New() *Bus { return &Bus{} }

// MemDevice answers accesses to memory-mapped registers. off is relative to the
// region; size is 1, 2, 4 or 8 and never exceeds the region's width.
type MemDevice interface {
	ReadMem(off uint64, size int) uint64
	WriteMem(off uint64, size int, v uint64)
}

// Region is a range of physical addresses: plain memory or registers.
type Region struct {
	bus      *Bus
	Owner    string
	Base     uint64
	Size     uint64
	Host     []byte // backing of plain memory, nil for registers
	ReadOnly bool   // plain memory that ignores writes (ROM)
	Enabled  bool   // disabled regions are transparent
	// Fill, if set, is called before bytes of Host are handed out or touched: memory
	// that is still on its way.
	Fill     func(off, n uint64)
	priority int       // higher covers lower
	width    int       // widest register access
	dev      MemDevice // registers
}

// Priorities: a higher one covers what lies below it. Two enabled regions of the
// same priority may not overlap.
const (
	PrioRAM    = 0 // main memory
	PrioROM    = 1 // firmware over RAM
	PrioShadow = 2 // chipset-controlled shadow RAM over ROM
	PrioDevice = 3 // registers and frame buffers
)

// MapRAM maps host memory at base; its length must be a multiple of 4096.
func (b *Bus) MapRAM(owner string, base uint64, host []byte, readOnly bool, priority int) (*Region, error) {
	r := &Region{bus: b, Owner: owner, Base: base, Size: uint64(len(host)), Host: host, ReadOnly: readOnly, priority: priority, Enabled: true}
	return r, r.attach()
}

// MapMem maps registers at base; width is the widest access dev takes.
func (b *Bus) MapMem(owner string, base, size uint64, width int, dev MemDevice) (*Region, error) {
	r := &Region{bus: b, Owner: owner, Base: base, Size: size, priority: PrioDevice, width: width, dev: dev, Enabled: true}
	return r, r.attach()
}

func (r *Region) attach() error {
	if r.Size == 0 || r.Base+r.Size < r.Base {
		return fmt.Errorf("bus: %s: impossible range %#x+%#x", r.Owner, r.Base, r.Size)
	}
	if r.Host != nil && (r.Base|r.Size)&0xfff != 0 {
		return fmt.Errorf("bus: %s: memory %#x+%#x is not made of whole pages", r.Owner, r.Base, r.Size)
	}
	if err := r.conflict(); err != nil {
		return err
	}
	b := r.bus
	b.regions = append(b.regions, r)
	sort.SliceStable(b.regions, func(i, j int) bool { return b.regions[i].priority > b.regions[j].priority })
	b.remapped()
	return nil
}

func (r *Region) conflict() error {
	if !r.Enabled {
		return nil
	}
	for _, o := range r.bus.regions {
		if o != r && o.Enabled && o.priority == r.priority && r.Base < o.Base+o.Size && o.Base < r.Base+r.Size {
			return fmt.Errorf("bus: %s (%#x+%#x) overlaps %s (%#x+%#x)", r.Owner, r.Base, r.Size, o.Owner, o.Base, o.Size)
		}
	}
	return nil
}

func (b *Bus) remapped() {
	if b.OnRemap != nil {
		b.OnRemap()
	}
}

// Set moves and switches a region, as a BAR or shadow register write does. On a
// conflict the region is left disabled and the error names the other owner.
func (r *Region) Set(base uint64, enabled bool) error {
	if r.Base == base && r.Enabled == enabled {
		return nil
	}
	r.Base, r.Enabled = base, enabled
	err := r.conflict()
	if err != nil {
		r.Enabled = false
	}
	r.bus.remapped()
	return err
}

// SetReadOnly switches write protection of plain memory (PAM registers).
func (r *Region) SetReadOnly(ro bool) {
	if r.ReadOnly != ro {
		r.ReadOnly = ro
		r.bus.remapped()
	}
}

func (r *Region) fill(off, n uint64) {
	if r.Fill != nil {
		r.Fill(off, n)
	}
}

// Regions lists all regions, highest priority first, for the monitor.
func (b *Bus) Regions() []*Region { return b.regions }

// find is the topmost enabled region that holds pa, or nil.
func (b *Bus) find(pa uint64) *Region {
	for _, r := range b.regions {
		if r.Enabled && pa-r.Base < r.Size {
			return r
		}
	}
	return nil
}

// plain is the region behind a page that is wholly plain memory, or nil.
func (b *Bus) plain(pa uint64) *Region {
	r := b.find(pa)
	if r == nil || r.Host == nil {
		return nil
	}
	for _, o := range b.regions { // a smaller region of higher priority inside the page hides part of it
		if o == r {
			break
		}
		if o.Enabled && o.Base < pa+0x1000 && pa < o.Base+o.Size {
			return nil
		}
	}
	return r
}

// Page returns the 4 KiB of host memory behind the page of pa and whether it may
// be written directly; nil when the page is not (wholly) plain memory, so that
// every access must go through ReadPhys and WritePhys.
func (b *Bus) Page(pa uint64) (host []byte, writable bool) {
	pa &^= 0xfff
	r := b.plain(pa)
	if r == nil {
		return nil, false
	}
	off := pa - r.Base
	r.fill(off, 0x1000)
	return r.Host[off : off+0x1000 : off+0x1000], !r.ReadOnly
}

// Span is a range of physical pages that are plain memory.
type Span struct {
	Base     uint64
	Host     []byte
	ReadOnly bool
}

// Layout lists all plain memory as processors see it, in the order of addresses. What
// Page says of a page, its span says. Memory that is still on its way is not filled.
func (b *Bus) Layout() []Span {
	var edges []uint64 // between two of them, all pages are alike
	for _, r := range b.regions {
		if r.Enabled {
			end := r.Base + r.Size
			edges = append(edges, r.Base&^0xfff, (r.Base+0xfff)&^0xfff, end&^0xfff, (end+0xfff)&^0xfff)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var l []Span
	var last *Region
	for i := 1; i < len(edges); i++ {
		at, end := edges[i-1], edges[i]
		r := b.plain(at)
		if r != nil {
			host := r.Host[at-r.Base : end-r.Base : end-r.Base]
			if r == last {
				s := &l[len(l)-1]
				s.Host = r.Host[s.Base-r.Base : end-r.Base : end-r.Base]
			} else {
				l = append(l, Span{at, host, r.ReadOnly})
			}
		}
		last = r
	}
	return l
}

// Read reads size (1, 2, 4, 8) bytes at physical address pa. Unclaimed
// addresses read as all ones.
func (b *Bus) Read(pa uint64, size int) uint64 {
	r := b.find(pa)
	if r != nil {
		if off := pa - r.Base; off+uint64(size) <= r.Size {
			if r.Host != nil {
				r.fill(off, uint64(size))
				var t [8]byte
				copy(t[:size], r.Host[off:])
				return binary.LittleEndian.Uint64(t[:])
			}
			if size <= r.width {
				return r.dev.ReadMem(off, size)
			}
		}
	}
	if size == 1 {
		return 0xff
	}
	half := size / 2
	return b.Read(pa, half) | b.Read(pa+uint64(half), half)<<(8*half)
}

// Write writes size (1, 2, 4, 8) bytes at pa. Nobody hears of writes to ROM or
// to unclaimed addresses. It does not call OnWrite: the CPU uses it.
func (b *Bus) Write(pa uint64, size int, v uint64) {
	r := b.find(pa)
	if r != nil {
		if off := pa - r.Base; off+uint64(size) <= r.Size {
			if r.Host != nil {
				if !r.ReadOnly {
					r.fill(off, uint64(size))
					var t [8]byte
					binary.LittleEndian.PutUint64(t[:], v)
					copy(r.Host[off:off+uint64(size)], t[:])
				}
				return
			}
			if size <= r.width {
				r.dev.WriteMem(off, size, v)
				return
			}
		}
	}
	if size == 1 {
		return
	}
	half := size / 2
	b.Write(pa, half, v&(1<<(8*half)-1))
	b.Write(pa+uint64(half), half, v>>(8*half))
}

// ReadPhys copies memory out for DMA and firmware. Registers are read bytewise.
func (b *Bus) ReadPhys(pa uint64, p []byte) {
	for len(p) > 0 {
		n := min(len(p), int(0x1000-pa&0xfff))
		if host, _ := b.Page(pa); host != nil {
			copy(p[:n], host[pa&0xfff:])
		} else {
			for i := range p[:n] {
				p[i] = byte(b.Read(pa+uint64(i), 1))
			}
		}
		p, pa = p[n:], pa+uint64(n)
	}
}

// WritePhys copies p into memory for DMA and firmware and tells OnWrite.
func (b *Bus) WritePhys(pa uint64, p []byte) {
	for len(p) > 0 {
		n := min(len(p), int(0x1000-pa&0xfff))
		if host, w := b.Page(pa); host != nil {
			if w {
				copy(host[pa&0xfff:], p[:n])
				if b.OnWrite != nil {
					b.OnWrite(pa, n)
				}
			}
		} else {
			for i, x := range p[:n] {
				b.Write(pa+uint64(i), 1, uint64(x))
			}
		}
		p, pa = p[n:], pa+uint64(n)
	}
}
