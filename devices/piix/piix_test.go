package piix

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/irq"
	"g86/devices/pci"
	"g86/devices/snap"
)

type world struct {
	b      *bus.Bus
	p      *pci.Bus
	clk    *clock.Clock
	isa    *ISABridge
	pm     *PM
	line   [16]bool
	apic   [4]bool
	sci    bool
	off    int
	insns  uint64
	device *pci.Function
}

func board(t *testing.T) *world {
	w := &world{b: bus.New()}
	w.clk = clock.New(func() uint64 { return w.insns }, 1000)
	w.p = pci.New("pci", w.b)
	require.NoError(t, w.p.Map(pci.ConfigPort))
	var isa [16]irq.Line
	var apic [4]irq.Line
	for i := range isa {
		isa[i] = func(l bool) { w.line[i] = l }
	}
	for i := range apic {
		apic[i] = func(l bool) { w.apic[i] = l }
	}
	var err error
	w.isa, err = NewISABridge("piix3", w.p, isa, apic)
	require.NoError(t, err)
	w.pm, err = NewPM("piix4pm", w.b, w.p, w.clk, func(l bool) { w.sci = l }, func() { w.off++ })
	require.NoError(t, err)
	w.device = pci.NewFunction("nic", pci.Header{Vendor: 1, Device: 2, Class: 0x020000, Pin: 1})
	require.NoError(t, w.p.Add(w.device, 3, 0))
	w.reset()
	return w
}

func (w *world) reset() {
	w.p.Reset(devices.Hard)
	w.pm.Reset(devices.Hard)
}

func (w *world) cfg(fn, reg uint32) uint32 {
	w.b.Out(0xcf8, 4, 0x80000800|fn<<8|reg)
	return w.b.In(0xcfc, 4)
}

func (w *world) set(fn, reg uint32, size int, v uint32) {
	w.b.Out(0xcf8, 4, 0x80000800|fn<<8|reg&^3)
	w.b.Out(0xcfc+uint16(reg&3), size, v)
}

func (w *world) pass(ns uint64) {
	w.clk.Advance(ns)
	w.clk.RunDue()
}

func TestIdentity(t *testing.T) {
	w := board(t)
	for _, c := range []struct{ fn, reg, want uint32 }{
		{0, 0, 0x70008086}, {0, 4, 0x02000007}, {0, 8, 0x06010000}, {0, 0xc, 0x00800000}, {0, 0x60, 0x80808080},
		{3, 0, 0x71138086}, {3, 8, 0x06800003}, {3, 0x40, 1}, {3, 0x90, 1}, {3, 0x3c, 0x0100}, {3, 0x58, 0x02000000},
	} {
		require.Equal(t, c.want, w.cfg(c.fn, c.reg), "fn %d reg %#x", c.fn, c.reg)
	}
}

func TestPIRQRouting(t *testing.T) {
	w := board(t)
	w.device.SetINTx(true) // slot 3 INTA# = PIRQC#
	require.Equal(t, [4]bool{false, false, true, false}, w.apic)
	require.Equal(t, [16]bool{}, w.line, "routing is off after reset")
	w.set(0, 0x62, 1, 0x0b)
	require.True(t, w.line[11])
	require.Equal(t, 11, w.isa.Route(2))
	w.set(0, 0x62, 1, 0x0a)
	require.False(t, w.line[11])
	require.True(t, w.line[10])
	w.set(0, 0x62, 1, 0x0d) // reserved
	require.Equal(t, [16]bool{}, w.line)
	w.set(0, 0x60, 4, 0x0b0b0b0b)
	other := pci.NewFunction("nic2", pci.Header{Pin: 2})
	require.NoError(t, w.p.Add(other, 3, 1)) // INTB# = PIRQD#
	other.SetINTx(true)
	require.True(t, w.line[11])
	w.device.SetINTx(false)
	require.True(t, w.line[11], "PIRQD# still holds the shared line")
	other.SetINTx(false)
	require.False(t, w.line[11])
}

func TestPMBaseMapping(t *testing.T) {
	w := board(t)
	require.EqualValues(t, 0xffff, w.b.In(0x600, 2))
	w.set(3, 0x40, 4, 0xffffffff)
	require.EqualValues(t, 0xffc1, w.cfg(3, 0x40))
	w.set(3, 0x40, 4, 0x601)
	require.EqualValues(t, 0xffff, w.b.In(0x600, 2), "PMIOSE is off")
	w.set(3, 0x80, 1, 1)
	require.EqualValues(t, 0, w.b.In(0x600, 2))
	w.set(3, 0x40, 4, 0x4001)
	require.EqualValues(t, 0xffff, w.b.In(0x600, 2))
	require.EqualValues(t, 0, w.b.In(0x4000, 2))
	w.reset()
	require.EqualValues(t, 0xffff, w.b.In(0x4000, 2))
	w.pm.SetPMBase(PMBase)
	require.EqualValues(t, 0, w.b.In(0x600, 4))
	require.EqualValues(t, 0x601, w.cfg(3, 0x40))
}

func TestACPIEnableAndPowerButton(t *testing.T) {
	w := board(t)
	w.pm.SetPMBase(PMBase)
	require.False(t, w.pm.PressPowerButton(), "ACPI is off")
	w.b.Out(0x600, 2, 0xffff)
	w.pm.SMICommand(ACPIEnable)
	require.EqualValues(t, 1, w.b.In(0x604, 2))
	w.b.Out(0x602, 2, 0x100)
	require.True(t, w.pm.PressPowerButton())
	require.True(t, w.sci)
	require.EqualValues(t, 0x01000100, w.b.In(0x600, 4))
	w.b.Out(0x600, 2, 0x100)
	require.False(t, w.sci)
	require.True(t, w.pm.PressPowerButton())
	w.pm.SMICommand(ACPIOff)
	require.False(t, w.sci)
	require.EqualValues(t, 0, w.b.In(0x604, 2))
}

func TestSleep(t *testing.T) {
	w := board(t)
	w.pm.SetPMBase(PMBase)
	w.b.Out(0x604, 2, 0x0001|SleepS5<<10)
	require.Zero(t, w.off, "SUS_EN is clear")
	w.b.Out(0x604, 2, 0x2001|1<<10)
	require.Zero(t, w.off)
	require.EqualValues(t, 0x8000, w.b.In(0x600, 2), "awake again")
	require.EqualValues(t, 0x0401, w.b.In(0x604, 2), "SUS_EN is write-only")
	w.b.Out(0x604, 2, 0x2001|SleepS5<<10)
	require.Equal(t, 1, w.off)
}

func TestPMTimer(t *testing.T) {
	w := board(t)
	w.pm.SetPMBase(PMBase)
	w.pass(clock.Second)
	require.EqualValues(t, 3579545, w.b.In(0x608, 4))
	require.EqualValues(t, 3579545>>8&0xff, w.b.In(0x609, 1))
	w.pass(4 * clock.Second)
	require.EqualValues(t, 5*3579545&0xffffff, w.b.In(0x608, 4), "24 bits")
	require.EqualValues(t, 1, w.b.In(0x600, 2), "TMROF_STS after bit 23 toggled")
	w.b.Out(0x600, 2, 1)
	require.EqualValues(t, 0, w.b.In(0x600, 2))

	w.pm.SMICommand(ACPIEnable)
	w.b.Out(0x602, 2, 1)
	at := w.pm.timer.Deadline()
	w.pass(at - 1 - w.clk.Now())
	require.False(t, w.sci)
	w.pass(1)
	require.True(t, w.sci)
	require.EqualValues(t, 0, w.b.In(0x608, 4)&0x7fffff)
	w.b.Out(0x600, 2, 1)
	require.False(t, w.sci)
	require.True(t, w.pm.timer.Armed())

	w.pm.Timer32 = true
	require.EqualValues(t, w.clk.Ticks(TimerHz), w.b.In(0x608, 4))
}

func TestGPE(t *testing.T) {
	w := board(t)
	w.pm.SMICommand(ACPIEnable)
	w.b.Out(GPEBase+2, 2, 0x0102)
	w.pm.RaiseGPE(0)
	require.False(t, w.sci)
	w.pm.RaiseGPE(8)
	require.True(t, w.sci)
	require.EqualValues(t, 0x01020101, w.b.In(GPEBase, 4))
	w.b.Out(GPEBase+1, 1, 1)
	require.False(t, w.sci)
}

func TestSMBusIsEmpty(t *testing.T) {
	w := board(t)
	w.set(3, 0x90, 4, 0x701)
	w.set(3, 0xd2, 1, 0x09)
	w.b.Out(0x704, 1, 0xa1)
	require.EqualValues(t, 0xa1, w.b.In(0x704, 1))
	w.b.Out(0x702, 1, 0x48)
	require.EqualValues(t, 0x08, w.b.In(0x702, 1))
	require.EqualValues(t, 0x04, w.b.In(0x700, 1), "DEV_ERR, not busy")
	w.b.Out(0x702, 1, 0x49)
	require.True(t, w.sci, "IRQ 9")
	w.b.Out(0x700, 1, 0xff)
	require.EqualValues(t, 0, w.b.In(0x700, 1))
	require.False(t, w.sci)
}

func TestSnapshot(t *testing.T) {
	w1 := board(t)
	w1.pm.SetPMBase(PMBase)
	w1.pm.SMICommand(ACPIEnable)
	w1.b.Out(0x602, 2, 0x100)
	w1.pm.PressPowerButton()
	w1.set(0, 0x62, 1, 11)
	w1.device.SetINTx(true)
	var s snap.Writer
	w1.p.Save(&s)
	w1.pm.Save(&s)
	w2 := board(t)
	r := snap.NewReader(s.Bytes())
	require.NoError(t, w2.p.Load(r))
	require.NoError(t, w2.pm.Load(r))
	require.True(t, w2.sci)
	require.True(t, w2.line[11])
	require.EqualValues(t, 0x01000100, w2.b.In(0x600, 4))
}
