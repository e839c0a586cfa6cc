package machine

import (
	"fmt"
	"io"
	"sort"

	"g86/cpu"
	"g86/devices"
	"g86/devices/apic"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/debugcon"
	"g86/devices/debugexit"
	"g86/devices/dma"
	"g86/devices/fwcfg"
	"g86/devices/hpet"
	"g86/devices/i440fx"
	"g86/devices/irq"
	"g86/devices/lpt"
	"g86/devices/pci"
	"g86/devices/pic"
	"g86/devices/piix"
	"g86/devices/pit"
	"g86/devices/ps2"
	"g86/devices/rtc"
	"g86/devices/sysctl"
	"g86/devices/uart"
	"g86/devices/vga"
	"g86/devices/vmgenid"
	"g86/firmware"
)

// psPerInsn is the guest time of an instruction in picoseconds: 500 million
// instructions a second.
const psPerInsn = 2000

// tscHz is the frequency of the time-stamp counter, unless KVM's host has another that
// it cannot scale.
const tscHz = 1_000_000_000

const physBits = 40 // MAXPHYADDR, as CPUID tells

// ISA interrupts of the chips on the board.
const (
	irqTimer    = 0
	irqKeyboard = 1
	irqCOM2     = 3
	irqCOM1     = 4
	irqFloppy   = 6
	irqLPT      = 7
	irqRTC      = 8
	irqMouse    = 12
	irqFPU      = 13
	irqIDE      = 14
)

// wiring collects the first error of many connections.
type wiring struct{ err error }

func (w *wiring) do(err error) {
	if w.err == nil && err != nil {
		w.err = err
	}
}

// build makes the board; it reads like board.txt.
func (m *Machine) build() error {
	var w wiring
	m.bus = bus.New()
	m.clk = clock.New(m.Count, psPerInsn)
	m.clk.OnEarlier = m.shorten
	m.code = cpu.NewCodeCache()
	m.bus.OnWrite = m.code.Written
	m.bus.OnRemap = m.remapped

	if err := m.openImages(); err != nil {
		return err
	}
	m.vga = vga.New("vga", m.clk) // the BIOS drives it
	if err := m.buildMemory(); err != nil {
		return err
	}
	m.startLog()

	// Interrupt controllers. Every ISA line is a wired OR in front of the 8259s
	// and the I/O APIC, whose pin 2 takes the timer.
	line := &m.lines
	m.pic = pic.New("pic", m.intr)
	w.do(m.pic.Map(m.bus))
	m.buildCPUs(&w)
	for n := range line {
		out := m.pic.Input(n)
		if m.apics != nil && n != pic.Cascade {
			pin := n
			if n == irqTimer {
				pin = 2
			}
			out = irq.Split(out, m.apics.IO().Input(pin))
		}
		line[n] = irq.NewShared(out)
	}
	in := func(n int) irq.Line { return line[n].Input() }

	// PCI bus: the bridges.
	m.pci = pci.New("pci", m.bus)
	w.do(m.pci.Map(pci.ConfigPort))
	_, err := i440fx.New("i440fx", m.bus, m.pci, m.ram, m.rom)
	w.do(err)
	var routed [16]irq.Line
	for n := range routed {
		routed[n] = in(n)
	}
	_, err = piix.NewISABridge("piix3", m.pci, routed, [4]irq.Line{})
	w.do(err)
	m.pm, err = piix.NewPM("pm", m.bus, m.pci, m.clk, in(piix.SCI), func() {
		m.stop.powerOff = true
		m.interrupt()
	})
	w.do(err)

	// Timers. The HPET can take over IRQ 0 and IRQ 8 from the 8254 and the RTC.
	tick, alarm := newGate(in(irqTimer)), newGate(in(irqRTC))
	m.gates = [2]*gate{tick, alarm}
	m.pit = pit.New("pit", m.clk, tick.line)
	if m.has("pit") {
		w.do(m.pit.Map(m.bus))
	}
	m.rtc = rtc.New("rtc", m.clk, alarm.line, m.cfg.RTC)
	if m.has("rtc") {
		w.do(m.rtc.Map(m.bus))
	}
	wires := hpet.Wires{IRQ0: in(irqTimer), IRQ8: in(irqRTC), LegacyRoute: func(on bool) {
		tick.block(on)
		alarm.block(on)
	}}
	if m.apics != nil {
		for n := 16; n < apic.Pins; n++ {
			wires.IOAPIC[n] = m.apics.IO().Input(n)
		}
	}
	m.hpet = hpet.New("hpet", m.clk, wires)
	if m.has("hpet") {
		w.do(m.hpet.Map(m.bus, hpet.Base))
	}

	// DMA and the system control ports.
	m.dma = dma.New("dma", m.bus)
	w.do(m.dma.Map(m.bus))
	m.sysctl = sysctl.New("sysctl", m.clk, m.pit, sysctl.Hooks{
		A20:   m.setA20,
		Reset: m.requestReset,
		NMI:   m.nmiPin,
		APM:   func(cmd, _ uint8) { m.pm.SMICommand(cmd) },
	})
	w.do(m.sysctl.Map(m.bus))
	m.pci.ResetControl = m.sysctl.ResetControl()
	m.ps2 = ps2.New("ps2", m.clk, in(irqKeyboard), in(irqMouse), ps2.Hooks{
		A20:   m.sysctl.SetA20,
		Reset: func() { m.requestReset(false) },
	})
	w.do(m.ps2.Map(m.bus))

	// Serial and parallel ports.
	for i, at := range [4]struct {
		base uint16
		irq  int
	}{{uart.COM1, irqCOM1}, {uart.COM2, irqCOM2}, {uart.COM3, irqCOM1}, {uart.COM4, irqCOM2}} {
		var out func([]byte)
		if to := m.cfg.Serial[i].Out; to != nil {
			out = func(p []byte) { m.emit(to, p) }
		}
		u := uart.New(fmt.Sprintf("com%d", i+1), m.clk, in(at.irq), out)
		u.OnRoom = func() { m.feedSerial(i) }
		w.do(u.Map(m.bus, at.base))
		m.uarts[i] = u
	}
	printer := lpt.New("lpt1", m.clk, in(irqLPT), byteWriter(m, m.cfg.Parallel))
	w.do(printer.Map(m.bus, lpt.LPT1))

	// Drives.
	w.do(m.buildDrives(in))

	m.genID = vmgenid.New("vmgenid", identity(m.cfg.Seed, 0))
	w.do(m.genID.Map(m.bus))

	// Display.
	w.do(m.vga.Map(m.bus))
	display := m.vga.PCI()
	if m.boot.vgaROM != nil {
		display.ROMBar(m.boot.vgaROM)
	}
	w.do(m.pci.Add(display, m.pci.FreeSlot(2), 0))

	// Coprocessor errors, and the ports between guest and host.
	m.ferr = &ferr{m: m, line: in(irqFPU)}
	_, err = m.bus.MapPorts("ferr", 0xf0, 2, bus.Byte, m.ferr)
	w.do(err)
	m.fwcfg = fwcfg.New("fwcfg", m.bus)
	w.do(m.fwcfg.Map(m.bus))
	w.do(m.describe())
	for _, port := range debugPorts(m.cfg.DebugCon) {
		con := debugcon.New(fmt.Sprintf("debugcon%x", port), byteWriter(m, m.cfg.DebugCon[port]))
		w.do(con.Map(m.bus, port))
	}
	if p := m.cfg.DebugExitPort; p != 0 {
		exit := debugexit.New("debugexit", func(v uint32) {
			m.stop.exit, m.stop.code = true, v
			m.interrupt()
		})
		w.do(exit.Map(m.bus, p, debugexit.Size))
	}
	if m.bios != nil {
		_, err = m.bus.MapPorts("firmware", firmware.TrapPort, 1, bus.Byte, trapPort{m})
		w.do(err)
	}
	if w.err == nil {
		w.do(m.chooseEngine())
	}
	if w.err != nil {
		return w.err
	}

	m.devs = []devices.Device{m.pci, m.pm, m.pic, m.pit, m.rtc, m.hpet, m.dma, m.sysctl, m.ps2,
		m.uarts[0], m.uarts[1], m.uarts[2], m.uarts[3], printer, m.ide, m.floppy, m.vga, m.fwcfg, m.genID}
	if m.apics != nil {
		m.devs = append(m.devs, m.apics)
	}
	if m.bios != nil {
		m.devs = append(m.devs, m.bios)
	}
	return nil
}

// has reports whether a chip is on the board; without its registers nobody can
// make it interrupt.
func (m *Machine) has(chip string) bool { return !contains(m.cfg.Without, chip) }

// buildCPUs makes the processors and, where the model has them, the APICs.
func (m *Machine) buildCPUs(w *wiring) {
	if m.model.APIC {
		m.apics = apic.New(apic.Config{Clock: m.clk, Current: m.current, X2APIC: m.model.X2APIC,
			TSCDeadline: m.model.TSCDeadline, PhysBits: physBits})
	} else if m.cfg.CPUs > 1 {
		w.do(configError("model %s has no APIC, which several processors need; use --smp 1 or --cpu pentium", m.model.Name))
	}
	for i := range m.cfg.CPUs {
		b := &board{m: m, id: i}
		c := cpu.New(i, m.model, b, m.code)
		b.cpu = c
		if m.apics != nil {
			b.local = m.apics.AddCPU(pins{m, c}, tsc{m, c}, m.pic.Ack)
		}
		m.cpus, m.boards = append(m.cpus, c), append(m.boards, b)
	}
	if m.apics != nil {
		w.do(m.apics.Map(m.bus))
	}
	if m.log != nil {
		for _, c := range m.cpus {
			m.log.attach(m, c)
		}
	}
}

// intr is the 8259s' INTR output: LINT0 of the APICs, or the pin of a processor
// without one.
func (m *Machine) intr(level bool) {
	if m.apics != nil {
		m.apics.SetExtINT(level)
		return
	}
	if len(m.cpus) > 0 {
		m.cpus[0].Kick()
	}
}

// nmiPin is the board's NMI wire, LINT1 of the APICs; port 70h can close it.
func (m *Machine) nmiPin() {
	if m.rtc.NMIMasked() {
		return
	}
	if m.apics != nil {
		m.apics.SetNMI(true)
		m.apics.SetNMI(false)
		return
	}
	m.cpus[0].NMI()
}

func (m *Machine) setA20(on bool) {
	for _, c := range m.cpus {
		c.SetA20(on)
	}
	m.remapKVM()
	m.ps2.SyncA20(on)
}

// remapped tells the processors that the memory layout changed.
func (m *Machine) remapped() {
	for _, c := range m.cpus {
		c.Remapped()
	}
	m.remapKVM()
}

// gate lets something else take over an interrupt line.
type gate struct {
	out            irq.Line
	level, blocked bool
}

func newGate(out irq.Line) *gate { return &gate{out: out} }

func (g *gate) line(level bool) {
	g.level = level
	g.out.Set(level && !g.blocked)
}

func (g *gate) block(on bool) {
	g.blocked = on
	g.out.Set(g.level && !on)
}

// ferr is the latch between the processor's FERR# and IRQ 13: writing port F0h
// clears it (IBM PC/AT Technical Reference, "Math coprocessor").
type ferr struct {
	m    *Machine
	line irq.Line
}

func (f *ferr) ReadPort(uint16, int) uint32 { return 0xff }

func (f *ferr) WritePort(off uint16, _ int, _ uint32) {
	if off == 0 {
		f.m.state.FERR = false
		f.line.Lower()
	}
}

// emit hands output to the host. A writer that fails is not the guest's fault
// and is the writer's owner's to notice.
func (m *Machine) emit(to io.Writer, p []byte) { _, _ = to.Write(p) }

func byteWriter(m *Machine, to io.Writer) func(byte) {
	if to == nil {
		return nil
	}
	return func(b byte) { m.emit(to, []byte{b}) }
}

// debugPorts are the debug console ports in a fixed order.
func debugPorts(con map[uint16]io.Writer) []uint16 {
	var l []uint16
	for p := range con {
		l = append(l, p)
	}
	sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
	return l
}
