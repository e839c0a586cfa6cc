package pci

import (
	"fmt"
	"log/slog"
	"math/bits"
	"strings"

	"g86/devices/bus"
)

// BAR type bits (PCI 2.1 6.2.5.1).
const (
	barIO       = 1
	barMem64    = 1 << 2
	barPrefetch = 1 << 3
)

// window is what a base address register moves about.
type window interface {
	set(b *bus.Bus, base uint64, enabled bool) error
}

// Ports is a range of I/O ports that can be switched and moved; it claims
// nothing until it is first switched on.
type Ports struct {
	owner    string
	n, width int
	dev      bus.PortDevice
	r        *bus.PortRange
	on       bool
}

// NewPorts returns n ports of dev, claimed by owner, switched off.
func NewPorts(owner string, n, width int, dev bus.PortDevice) *Ports {
	return &Ports{owner: owner, n: n, width: width, dev: dev}
}

// Set moves and switches the ports. On an error, which names the other owner,
// they are off.
func (p *Ports) Set(b *bus.Bus, base uint16, enabled bool) error {
	if !enabled {
		if p.on {
			p.r.Unmap()
		}
		p.on = false
		return nil
	}
	if p.on && p.r.Base == base {
		return nil
	}
	var err error
	if p.r == nil {
		p.r, err = b.MapPorts(p.owner, base, p.n, p.width, p.dev)
	} else {
		err = p.r.Move(base)
	}
	p.on = err == nil
	return err
}

func (p *Ports) set(b *bus.Bus, base uint64, enabled bool) error {
	return p.Set(b, uint16(base), enabled && base < 0x10000)
}

// memory is a memory window: registers, or host memory when host is set.
type memory struct {
	owner    string
	size     uint64
	width    int
	dev      bus.MemDevice
	host     []byte
	readOnly bool
	r        *bus.Region
}

func (m *memory) set(b *bus.Bus, base uint64, enabled bool) (err error) {
	switch {
	case m.r != nil:
		if !enabled {
			base = m.r.Base
		}
		return m.r.Set(base, enabled)
	case !enabled:
		return nil
	case m.host != nil:
		r, err := b.MapRAM(m.owner, base, m.host, m.readOnly, bus.PrioDevice)
		if err == nil {
			m.r = r
		}
		return err
	}
	r, err := b.MapMem(m.owner, base, m.size, m.width, m.dev)
	if err == nil {
		m.r = r
	}
	return err
}

// bar is one base address register.
type bar struct {
	f    *Function
	reg  uint8
	size uint64 // 0: not implemented
	io   bool
	wide bool // 64 bits, takes the next register too
	win  window
	base uint64
	lost bool // wants to be mapped but somebody else is there
}

// IOBar makes BAR n an I/O range of size ports (a power of two, at least 4).
func (f *Function) IOBar(n int, size, width int, dev bus.PortDevice) {
	f.define(n, regBAR0+4*uint8(n), bar{size: uint64(size), io: true,
		win: NewPorts(fmt.Sprintf("%s.bar%d", f.name, n), size, width, dev)}, barIO)
}

// MemBar makes BAR n a 32-bit memory range of registers (size a power of two,
// at least 16).
func (f *Function) MemBar(n int, size uint64, width int, dev bus.MemDevice) {
	f.define(n, regBAR0+4*uint8(n), bar{size: size,
		win: &memory{owner: fmt.Sprintf("%s.bar%d", f.name, n), size: size, width: width, dev: dev}}, 0)
}

// MemBar64 is MemBar with a 64-bit address; it takes BAR n and n+1.
func (f *Function) MemBar64(n int, size uint64, width int, dev bus.MemDevice) {
	f.define(n, regBAR0+4*uint8(n), bar{size: size, wide: true,
		win: &memory{owner: fmt.Sprintf("%s.bar%d", f.name, n), size: size, width: width, dev: dev}}, barMem64)
}

// RAMBar makes BAR n a prefetchable 32-bit range of plain host memory, whose
// length is a power of two and at least 4096.
func (f *Function) RAMBar(n int, host []byte) {
	f.define(n, regBAR0+4*uint8(n), bar{size: uint64(len(host)),
		win: &memory{owner: fmt.Sprintf("%s.bar%d", f.name, n), size: uint64(len(host)), host: host}}, barPrefetch)
}

// ROMBar puts image into the expansion ROM, padded to a power of two of at
// least 4096 bytes.
func (f *Function) ROMBar(image []byte) {
	size := uint64(4096)
	for size < uint64(len(image)) {
		size *= 2
	}
	host := make([]byte, size)
	n := copy(host, image)
	for i := n; i < len(host); i++ {
		host[i] = 0xff
	}
	f.define(6, regROM, bar{size: size, win: &memory{owner: f.name + ".rom", size: size, host: host, readOnly: true}}, 0)
}

func (f *Function) define(n int, reg uint8, b bar, typ uint32) {
	if b.size == 0 || bits.OnesCount64(b.size) != 1 {
		panic(fmt.Sprintf("pci: %s: BAR %d of %#x bytes is not a power of two", f.name, n, b.size))
	}
	b.f, b.reg = f, reg
	f.bars[n] = b
	mask := ^(b.size - 1)
	switch {
	case b.io:
		f.Define(reg, 4, typ, uint32(mask)&0xfffffffc)
	case reg == regROM:
		f.Define(reg, 4, 0, uint32(mask)&0xfffff800|romEnableBit)
	default:
		f.Define(reg, 4, typ, uint32(mask)&0xfffffff0)
	}
	if b.wide {
		f.Define(reg+4, 4, 0, uint32(mask>>32))
	}
}

// mapBARs makes the bus agree with the command register and the BARs.
func (f *Function) mapBARs() {
	if f.pci == nil {
		return
	}
	for i := range f.bars {
		f.bars[i].update()
	}
}

// wanted is where the register says its range is. An address of zero and one
// that ends at the top of the address space (the sizing pattern) are not
// decoded, so that sizing with decoding enabled does not cover RAM or the BIOS.
func (b *bar) wanted() (base uint64, on bool) {
	v := b.f.Get(b.reg, 4)
	cmd := b.f.Get(regCommand, 2)
	limit := uint64(1) << 32
	switch {
	case b.io:
		base, on, limit = uint64(v&^3), cmd&CmdIO != 0, 0x10000
	case b.reg == regROM:
		base, on = uint64(v&^0x7ff), cmd&CmdMem != 0 && v&romEnableBit != 0
	default:
		base, on = uint64(v&^15), cmd&CmdMem != 0
		if b.wide {
			base |= uint64(b.f.Get(b.reg+4, 4)) << 32
			limit = 1 << 52
		}
	}
	return base, on && base != 0 && base+b.size-1 < limit-1 && base+b.size > base
}

func (b *bar) update() {
	if b.size == 0 {
		return
	}
	base, on := b.wanted()
	err := b.win.set(b.f.pci.bus, base, on)
	b.base, b.lost = base, err != nil
	if err != nil {
		slog.Debug("pci: BAR conflict", "function", b.f.name, "bar", b.reg, "err", err)
	}
}

func (b *bar) retry() {
	if b.lost {
		b.update()
	}
}

func (b *bar) info(s *strings.Builder, i int) {
	if b.size == 0 {
		return
	}
	base, on := b.wanted()
	state := ""
	switch {
	case !on:
		state = " [disabled]"
	case b.lost:
		state = " [conflict]"
	}
	switch {
	case b.io:
		fmt.Fprintf(s, "      BAR%d: I/O at 0x%04x [0x%04x]%s\n", i, base, base+b.size-1, state)
	case b.reg == regROM:
		fmt.Fprintf(s, "      ROM: 32 bit memory at 0x%08x [0x%08x]%s\n", base, base+b.size-1, state)
	case b.wide:
		fmt.Fprintf(s, "      BAR%d: 64 bit memory at 0x%016x [0x%016x]%s\n", i, base, base+b.size-1, state)
	default:
		fmt.Fprintf(s, "      BAR%d: 32 bit memory at 0x%08x [0x%08x]%s\n", i, base, base+b.size-1, state)
	}
}
