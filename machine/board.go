package machine

import (
	"g86/cpu"
	"g86/devices/apic"
	"g86/devices/clock"
)

// board is the machine as one processor sees it: it implements cpu.Board.
type board struct {
	m     *Machine
	id    int
	cpu   *cpu.CPU
	local *apic.Local // nil: the model has none
}

var _ cpu.Board = (*board)(nil)

func (b *board) In(port uint16, size int) uint32       { return b.m.in(b, port, size) }
func (b *board) Out(port uint16, size int, v uint32)   { b.m.out(b, port, size, v) }
func (b *board) Read(pa uint64, size int) uint64       { return b.m.bus.Read(pa, size) }
func (b *board) Write(pa uint64, size int, v uint64)   { b.m.bus.Write(pa, size, v) }
func (b *board) Page(pa uint64) (host []byte, rw bool) { return b.m.bus.Page(pa) }
func (b *board) TSC() uint64                           { return b.m.clk.Ticks(b.m.state.TSCHz) }
func (b *board) TSCRate() uint64                       { return b.m.clk.Rate(b.m.state.TSCHz) }
func (b *board) Random() uint64                        { return b.m.random() }

func (b *board) Interrupt() bool {
	if b.local != nil {
		return b.local.Pending()
	}
	return b.id == 0 && b.m.pic.Pending()
}

func (b *board) Ack() int {
	if b.local != nil {
		return b.local.Ack()
	}
	return b.m.pic.Ack()
}

func (b *board) TPR() uint8 {
	if b.local == nil {
		return 0
	}
	return b.local.TPR()
}

func (b *board) SetTPR(v uint8) {
	if b.local != nil {
		b.local.SetTPR(v)
	}
}

func (b *board) ReadMSR(n uint32) (uint64, bool) {
	if b.local == nil {
		return 0, false
	}
	return b.local.ReadMSR(n)
}

func (b *board) WriteMSR(n uint32, v uint64) bool {
	return b.local != nil && b.local.WriteMSR(n, v)
}

// TSCChanged follows a write of IA32_TSC: the APIC's deadline moves.
func (b *board) TSCChanged() {
	if b.local != nil {
		b.local.TSCChanged()
	}
}

func (b *board) FERR(level bool) {
	if b.m.state.FERR != level {
		b.m.state.FERR = level
		b.m.ferr.line.Set(level)
	}
}

// pins are the APIC's wires to its processor.
type pins struct {
	m *Machine
	c *cpu.CPU
}

func (p pins) Kick() { p.c.Kick() }
func (p pins) NMI()  { p.c.NMI() }

// Init resets another processor at once, the running one after its instruction.
func (p pins) Init() { p.m.initCPU(p.c) }

func (p pins) Startup(vector uint8) {
	p.m.pullCPU(p.c)
	p.c.Startup(vector)
}

// tsc is a processor's time-stamp counter for its APIC's deadline timer.
type tsc struct {
	m *Machine
	c *cpu.CPU
}

func (t tsc) TSC() uint64 { return t.m.clk.Ticks(t.m.state.TSCHz) + t.c.TSCOffset }

func (t tsc) TSCTime(v uint64) uint64 {
	ahead := v - t.TSC()
	if int64(ahead) <= 0 {
		return t.m.clk.Now()
	}
	n := t.m.clk.Ticks(t.m.state.TSCHz) + ahead
	if n < ahead {
		return clock.Never
	}
	return clock.TicksToNS(n, t.m.state.TSCHz)
}
