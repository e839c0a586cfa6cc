package ide

// Bus master IDE registers, 16 ports at BAR4, 8 for each channel (82371SB
// PIIX3, 2.8; Programming Interface for Bus Master IDE Controller 1.0)
//
//	+0 Command: 0 start, 3 direction (1: to memory)
//	+2 Status: 0 active, 1 error (W1C), 2 interrupt (W1C), 5 and 6 drives do DMA (for software)
//	+4 Descriptor table pointer, dword aligned
//
// A descriptor is a dword address and a dword: 15:0 bytes (0: 64 KiB), 31 last.

import (
	"encoding/binary"

	"g86/devices/bus"
)

const (
	bmStart = 0x01
	bmToMem = 0x08

	bmActive    = 0x01
	bmError     = 0x02
	bmInterrupt = 0x04
)

// maxPRD bounds a walk: the table may not cross a 64 KiB boundary.
const maxPRD = 0x10000 / 8

// busMaster is the DMA engine of one channel.
type busMaster struct {
	ch      *Channel
	scratch [0x10000]byte `snap:"-"`
	state   struct {
		Command, Status byte
		Table           uint32
		Next            uint32 // address of the next descriptor
		Fetched         int
		Addr, Left      uint32 // current region
		Last            bool   // the current region is the last
	}
}

func (m *busMaster) reset() {
	s := &m.state
	s.Command, s.Status, s.Table = 0, 0, 0
	m.abort()
}

// abort stops the engine, as clearing start does; there is no resuming.
func (m *busMaster) abort() {
	s := &m.state
	s.Command &^= bmStart
	s.Status &^= bmActive
	s.Left, s.Last, s.Fetched = 0, false, 0
}

func (m *busMaster) read(off uint16) byte {
	s := &m.state
	switch off {
	case 0:
		return s.Command
	case 2:
		return s.Status
	case 4, 5, 6, 7:
		return byte(s.Table >> (8 * (off - 4)))
	}
	return 0
}

func (m *busMaster) write(off uint16, v byte) {
	s := &m.state
	switch off {
	case 0:
		was := s.Command
		s.Command = v & (bmStart | bmToMem)
		switch {
		case v&bmStart == 0:
			m.abort()
		case was&bmStart == 0:
			s.Status |= bmActive
			s.Next, s.Left, s.Last, s.Fetched = s.Table, 0, false, 0
			m.kick()
		}
	case 2:
		s.Status = s.Status&^(v&(bmError|bmInterrupt))&^0x60 | v&0x60
	case 4, 5, 6, 7:
		shift := 8 * (off - 4)
		s.Table = (s.Table&^(0xff<<shift) | uint32(v)<<shift) &^ 3
	}
}

// waiting is the drive that has DMARQ up, or nil.
func (m *busMaster) waiting() *drive {
	for _, d := range m.ch.drives {
		if d != nil && d.s.DMAWait {
			return d
		}
	}
	return nil
}

// kick lets a drive that waits for the engine go on a little later.
func (m *busMaster) kick() {
	if d := m.waiting(); d != nil {
		d.busy(stepDMA, blockDelay)
	}
}

// run moves everything that drive and descriptors allow. It does nothing until
// the drive is ready, the engine is started and the function is bus master.
func (m *busMaster) run() {
	s := &m.state
	d := m.waiting()
	if d == nil || s.Status&bmActive == 0 || m.ch.master != nil && !m.ch.master() {
		return
	}
	if d.s.Write == (s.Command&bmToMem != 0) { // programmed for the other direction: nothing moves
		s.Status = s.Status&^bmActive | bmError
		return
	}
	for d.s.Remain > 0 {
		if s.Left == 0 && !m.fetch() {
			return // the drive goes on waiting: "PRD size smaller than transfer", no interrupt
		}
		n := min(int64(s.Left), d.s.Remain)
		p := m.scratch[:n]
		if d.s.Write {
			m.ch.mem.ReadPhys(uint64(s.Addr), p)
		}
		if !d.dmaChunk(p) {
			s.Status &^= bmActive
			return
		}
		if !d.s.Write {
			m.ch.mem.WritePhys(uint64(s.Addr), p)
		}
		s.Addr += uint32(n)
		s.Left -= uint32(n)
	}
	if s.Left == 0 && s.Last {
		s.Status &^= bmActive
	}
	d.dmaDone()
}

// fetch reads the next descriptor; without one the engine stops.
func (m *busMaster) fetch() bool {
	s := &m.state
	if s.Last || s.Fetched == maxPRD {
		s.Status &^= bmActive
		return false
	}
	var e [8]byte
	m.ch.mem.ReadPhys(uint64(s.Next), e[:])
	s.Next += 8
	s.Fetched++
	s.Addr = binary.LittleEndian.Uint32(e[:]) &^ 1
	n := binary.LittleEndian.Uint32(e[4:])
	s.Last = n>>31 != 0
	if s.Left = n & 0xfffe; s.Left == 0 {
		s.Left = 0x10000
	}
	return true
}

// BusMaster is the register block of both channels' DMA engines.
type BusMaster struct{ c *Controller }

// ReadPort implements bus.PortDevice.
func (b BusMaster) ReadPort(off uint16, size int) (v uint32) {
	for i := uint16(0); i < uint16(size); i++ {
		o := off + i
		v |= uint32(b.c.ch[o>>3&1].bm.read(o&7)) << (8 * i)
	}
	return v
}

// WritePort implements bus.PortDevice.
func (b BusMaster) WritePort(off uint16, size int, v uint32) {
	for i := uint16(0); i < uint16(size); i++ {
		o := off + i
		b.c.ch[o>>3&1].bm.write(o&7, byte(v>>(8*i)))
	}
}

var _ bus.PortDevice = BusMaster{}
