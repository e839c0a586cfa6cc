// Package bus routes port and memory accesses to the chips that own them.
// Chips see offsets into their own range, never absolute addresses. Ranges that
// overlap are refused with an error that names both owners.
package bus

import "fmt"

// PortDevice answers I/O port accesses. off is relative to the mapped base;
// size is 1, 2 or 4 bytes and never exceeds the width the range was mapped with.
type PortDevice interface {
	ReadPort(off uint16, size int) uint32
	WritePort(off uint16, size int, v uint32)
}

// Widths a range may be mapped with: wider guest accesses are split into
// consecutive ones of that width, as the real bus does.
const (
	Byte  = 1
	Word  = 2
	Dword = 4
	Qword = 8
)

// PortRange is a mapped range of I/O ports.
type PortRange struct {
	bus   *Bus
	Owner string
	Base  uint16
	N     int // number of ports
	width int
	dev   PortDevice
}

// MapPorts gives n ports from base to dev. width is the widest access dev takes.
func (b *Bus) MapPorts(owner string, base uint16, n, width int, dev PortDevice) (*PortRange, error) {
	r := &PortRange{bus: b, Owner: owner, Base: base, N: n, width: width, dev: dev}
	if err := r.attach(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *PortRange) attach() error {
	if r.N <= 0 || int(r.Base)+r.N > 0x10000 {
		return fmt.Errorf("bus: %s: ports %#x+%#x are outside the 64 KiB I/O space", r.Owner, r.Base, r.N)
	}
	for p := int(r.Base); p < int(r.Base)+r.N; p++ {
		if o := r.bus.ports[p]; o != nil {
			return fmt.Errorf("bus: %s and %s both claim port %#x", r.Owner, o.Owner, p)
		}
	}
	for p := int(r.Base); p < int(r.Base)+r.N; p++ {
		r.bus.ports[p] = r
	}
	return nil
}

// Unmap withdraws the range; it can be mapped again with Move.
func (r *PortRange) Unmap() {
	for p := int(r.Base); p < int(r.Base)+r.N; p++ {
		if r.bus.ports[p] == r {
			r.bus.ports[p] = nil
		}
	}
}

// Move maps the range at another base, as a PCI BAR write does. When the new
// place is taken the range stays unmapped and the error names the owner.
func (r *PortRange) Move(base uint16) error {
	r.Unmap()
	r.Base = base
	return r.attach()
}

// In reads size (1, 2, 4) bytes from port. Unclaimed ports read as all ones.
func (b *Bus) In(port uint16, size int) uint32 {
	r := b.ports[port]
	if r != nil && size <= r.width && int(port-r.Base)+size <= r.N {
		return r.dev.ReadPort(port-r.Base, size)
	}
	if r == nil && size == 1 {
		if b.OnUnclaimed != nil {
			b.OnUnclaimed(port, false, size, 0xff)
		}
		return 0xff
	}
	half := size / 2
	return b.In(port, half) | b.In(port+uint16(half), half)<<(8*half)
}

// Out writes size (1, 2, 4) bytes to port. Unclaimed ports ignore it.
func (b *Bus) Out(port uint16, size int, v uint32) {
	r := b.ports[port]
	if r != nil && size <= r.width && int(port-r.Base)+size <= r.N {
		r.dev.WritePort(port-r.Base, size, v)
		return
	}
	if r == nil && size == 1 {
		if b.OnUnclaimed != nil {
			b.OnUnclaimed(port, true, size, v)
		}
		return
	}
	half := size / 2
	b.Out(port, half, v&(1<<(8*half)-1))
	b.Out(port+uint16(half), half, v>>(8*half))
}
