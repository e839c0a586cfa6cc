// Package apic models the advanced interrupt controllers: one local APIC for
// each CPU (xAPIC registers in memory, x2APIC registers in MSRs), the I/O APIC,
// and the bus that carries interrupt messages between them.
//
// References are to the Intel SDM volume 3, chapter 11 ("SDM"), and to the
// 82093AA datasheet, order number 290566.
package apic

import (
	"fmt"
	"log/slog"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

// Where the chips appear on a PC.
const (
	LocalBase = 0xfee00000 // power-up value of IA32_APIC_BASE[51:12]
	IOBase    = 0xfec00000
	// BusHz is the frequency that the timer's divider divides.
	BusHz = 1_000_000_000
)

// CPU is what a local APIC does to its processor.
type CPU interface {
	Kick()                // Pending may have changed: look again
	NMI()                 // a non-maskable interrupt
	Init()                // INIT
	Startup(vector uint8) // start-up IPI: begin at vector<<12
}

// TSC is a processor's time-stamp counter, for the TSC-deadline timer.
type TSC interface {
	TSC() uint64             // now
	TSCTime(v uint64) uint64 // guest ns at which it reaches v; at most now for the past, clock.Never if it will not
}

// Config is what all APICs of a machine have in common.
type Config struct {
	Clock *clock.Clock
	// Current is the index of the CPU that is accessing memory, or -1 for other
	// bus masters: every CPU sees its own APIC at the same address.
	Current func() int
	// X2APIC and TSCDeadline are the CPUID features of the same names.
	X2APIC, TSCDeadline bool
	// PhysBits is the CPU's physical address width (MAXPHYADDR), 32 to 52.
	PhysBits uint
}

// System is all APICs of the machine and the bus between them.
type System struct {
	cfg   Config `snap:"-"`
	bus   *bus.Bus
	cpus  []*Local
	io    *IOAPIC
	pages []*page
}

// New returns a system with an I/O APIC and no CPUs yet.
func New(cfg Config) *System {
	s := &System{cfg: cfg}
	s.io = newIOAPIC(s)
	return s
}

// AddCPU adds the local APIC of the next CPU; the first is the bootstrap
// processor. intAck runs an interrupt acknowledge cycle on the 8259s and returns
// their vector.
func (s *System) AddCPU(cpu CPU, tsc TSC, intAck func() int) *Local {
	l := newLocal(s, len(s.cpus), cpu, tsc, intAck)
	s.cpus = append(s.cpus, l)
	return l
}

// Local is the local APIC of CPU i.
func (s *System) Local(i int) *Local { return s.cpus[i] }

// IO is the I/O APIC.
func (s *System) IO() *IOAPIC { return s.io }

// Map puts the register pages on the bus. Call it after all AddCPU.
func (s *System) Map(b *bus.Bus) error {
	s.bus = b
	for i := range s.cpus {
		p := &page{s: s}
		s.pages = append(s.pages, p)
		var err error
		// Pages beyond the first are only needed by CPUs that relocate theirs;
		// each is parked on a page of its own meanwhile.
		if p.r, err = b.MapMem(fmt.Sprintf("apic%d", i), LocalBase+uint64(i)<<12, 0x1000, bus.Dword, p); err != nil {
			return err
		}
		if err = p.r.Set(LocalBase, false); err != nil {
			return err
		}
	}
	s.remap()
	_, err := b.MapMem("ioapic", IOBase, 0x1000, bus.Dword, s.io)
	return err
}

// remap shows one page at each address some CPU has its xAPIC registers at.
func (s *System) remap() {
	want := map[uint64]bool{}
	for i, l := range s.cpus {
		if i >= len(s.pages) {
			return
		}
		base := l.pageBase()
		on := l.mode() == modeXAPIC && !want[base]
		if p := s.pages[i]; !on || p.r.Base != base {
			_ = p.r.Set(p.r.Base, false) // switching off cannot conflict
		}
		want[base] = want[base] || on
	}
	done := map[uint64]bool{}
	for i, l := range s.cpus {
		base := l.pageBase()
		if l.mode() != modeXAPIC || done[base] {
			continue
		}
		done[base] = true
		if err := s.pages[i].r.Set(base, true); err != nil {
			slog.Debug("apic: registers relocated onto another device", "err", err)
		}
	}
}

// page is one 4 KiB page of xAPIC registers.
type page struct {
	s *System
	r *bus.Region
}

// local is the APIC of the CPU that is accessing the page, or nil when that CPU
// has its registers elsewhere.
func (p *page) local() *Local {
	i := p.s.cfg.Current()
	if i < 0 || i >= len(p.s.cpus) {
		return nil
	}
	if l := p.s.cpus[i]; l.mode() == modeXAPIC && l.pageBase() == p.r.Base {
		return l
	}
	return nil
}

// ReadMem implements bus.MemDevice.
func (p *page) ReadMem(off uint64, size int) uint64 {
	l := p.local()
	if l == nil {
		return 1<<(8*size) - 1
	}
	// Registers are 32 bits on 16-byte boundaries (SDM 11.4.1); the rest reads 0.
	if off&15 >= 4 {
		return 0
	}
	return uint64(l.readReg(uint32(off>>4))) >> (8 * (off & 3)) & (1<<(8*size) - 1)
}

// WriteMem implements bus.MemDevice. Only aligned 32-bit writes are defined.
func (p *page) WriteMem(off uint64, size int, v uint64) {
	if l := p.local(); l != nil && off&15 == 0 && size == 4 {
		l.writeReg(uint32(off>>4), uint32(v))
	}
}

// SetExtINT drives the wire from the 8259s' INTR output to LINT0 of every CPU.
func (s *System) SetExtINT(level bool) {
	for _, l := range s.cpus {
		l.SetExtINT(level)
	}
}

// SetNMI drives the NMI wire to LINT1 of every CPU.
func (s *System) SetNMI(level bool) {
	for _, l := range s.cpus {
		l.SetNMI(level)
	}
}

// Name implements devices.Device.
func (s *System) Name() string { return "apic" }

// Reset implements devices.Device.
func (s *System) Reset(devices.ResetKind) {
	for _, l := range s.cpus {
		l.reset()
	}
	s.io.reset()
	s.remap()
	for _, l := range s.cpus {
		l.cpu.Kick()
	}
}

// Save implements devices.Device.
func (s *System) Save(w *snap.Writer) {
	for _, l := range s.cpus {
		w.Struct(&l.state)
	}
	w.Struct(&s.io.state)
}

// Load implements devices.Device.
func (s *System) Load(r *snap.Reader) error {
	for _, l := range s.cpus {
		if err := r.Struct(&l.state); err != nil {
			return fmt.Errorf("apic%d: %w", l.index, err)
		}
		// The timer's deadline comes with the clock.
	}
	if err := r.Struct(&s.io.state); err != nil {
		return fmt.Errorf("ioapic: %w", err)
	}
	s.remap()
	for _, l := range s.cpus {
		l.cpu.Kick()
	}
	return nil
}

var _ devices.Device = (*System)(nil)
