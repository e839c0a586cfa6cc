// Package pci models PCI bus 0 of the board: configuration mechanism #1, the
// functions behind it with their base address registers, and the interrupt
// pins with the swizzle of the i440FX/PIIX3 board.
package pci

// Ports (PCI Local Bus Specification 2.1, 3.7.4.1, configuration mechanism #1)
//
//	CF8h  CONFIG_ADDRESS  dword only: 31 enable, 23:16 bus, 15:11 device, 10:8 function, 7:2 register
//	CF9h  byte access is the reset control register of the PIIX3, not ours: passed on to ResetControl
//	CFCh  CONFIG_DATA     byte, word or dword at CFCh + (register & 3)

import (
	"fmt"
	"strings"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/irq"
	"g86/devices/snap"
)

// ConfigPort is the first of the eight ports of configuration mechanism #1.
const ConfigPort = 0xcf8

// Bus is PCI bus 0 with its host bridge's configuration ports.
type Bus struct {
	name string `snap:"-"`
	bus  *bus.Bus
	fn   [32 * 8]*Function
	list []*Function // in order of Add
	// ResetControl, if set, gets byte accesses to port CF9h (offset 0).
	ResetControl bus.PortDevice
	route        func(pirq int, level bool)
	state        struct {
		Addr uint32 // CONFIG_ADDRESS
	}
	pirq [4]uint64 `snap:"-"` // derived: who drives each PIRQ, one bit per slot and pin below
}

// New returns an empty bus whose functions map their registers on b.
func New(name string, b *bus.Bus) *Bus { return &Bus{name: name, bus: b} }

// Name implements devices.Device.
func (b *Bus) Name() string { return b.name }

// Map claims the configuration ports, normally at ConfigPort.
func (b *Bus) Map(base uint16) error {
	_, err := b.bus.MapPorts(b.name, base, 8, bus.Dword, b)
	return err
}

// SetRouter connects the four PIRQ lines, 0 for PIRQA#, to an interrupt router.
func (b *Bus) SetRouter(route func(pirq int, level bool)) { b.route = route }

// Add plugs f in as function fn of device slot. A function other than 0 makes
// the slot's function 0 multi-function (header type bit 7).
func (b *Bus) Add(f *Function, slot, fn int) error {
	if slot < 0 || slot > 31 || fn < 0 || fn > 7 {
		return fmt.Errorf("pci: %s: no device %d function %d on the bus", f.name, slot, fn)
	}
	if o := b.fn[slot*8+fn]; o != nil {
		return fmt.Errorf("pci: %s and %s both claim %02x.%d", f.name, o.name, slot, fn)
	}
	f.Slot, f.Fn, f.pci = slot, fn, b
	b.fn[slot*8+fn] = f
	b.list = append(b.list, f)
	f0 := b.fn[slot*8]
	for i := 1; i < 8 && f0 != nil; i++ {
		if b.fn[slot*8+i] != nil {
			f0.def[regHeaderType] |= 0x80
			f0.state.Cfg[regHeaderType] |= 0x80
		}
	}
	f.reset()
	return nil
}

// Function is the function at slot.fn, or nil.
func (b *Bus) Function(slot, fn int) *Function {
	if slot < 0 || slot > 31 || fn < 0 || fn > 7 {
		return nil
	}
	return b.fn[slot*8+fn]
}

// Functions lists all functions in the order of slot and function number.
func (b *Bus) Functions() []*Function {
	var l []*Function
	for _, f := range b.fn {
		if f != nil {
			l = append(l, f)
		}
	}
	return l
}

// FreeSlot is the first empty device number from slot on, or -1.
func (b *Bus) FreeSlot(slot int) int {
next:
	for ; slot >= 0 && slot < 32; slot++ {
		for fn := range 8 {
			if b.fn[slot*8+fn] != nil {
				continue next
			}
		}
		return slot
	}
	return -1
}

// ReadConfig reads size bytes of a function's configuration space; a master
// abort (nobody there) reads as all ones.
func (b *Bus) ReadConfig(busNo, slot, fn int, reg uint8, size int) uint32 {
	f := b.Function(slot, fn)
	if busNo != 0 || f == nil || int(reg)+size > 256 {
		return 1<<(8*size) - 1
	}
	return f.Read(reg, size)
}

// WriteConfig writes size bytes of a function's configuration space.
func (b *Bus) WriteConfig(busNo, slot, fn int, reg uint8, size int, v uint32) {
	f := b.Function(slot, fn)
	if busNo == 0 && f != nil && int(reg)+size <= 256 {
		f.Write(reg, size, v)
	}
}

// ReadPort implements bus.PortDevice.
func (b *Bus) ReadPort(off uint16, size int) uint32 {
	switch {
	case off == 0 && size == 4:
		return b.state.Addr
	case off == 1 && size == 1 && b.ResetControl != nil:
		return b.ResetControl.ReadPort(0, 1)
	case off < 4 || b.state.Addr>>31 == 0:
		return 1<<(8*size) - 1
	}
	busNo, slot, fn, reg := b.target(off)
	return b.ReadConfig(busNo, slot, fn, reg, size)
}

// WritePort implements bus.PortDevice.
func (b *Bus) WritePort(off uint16, size int, v uint32) {
	switch {
	case off == 0 && size == 4:
		b.state.Addr = v & 0x80fffffc
	case off == 1 && size == 1 && b.ResetControl != nil:
		b.ResetControl.WritePort(0, 1, v)
	case off < 4 || b.state.Addr>>31 == 0:
	default:
		busNo, slot, fn, reg := b.target(off)
		b.WriteConfig(busNo, slot, fn, reg, size, v)
	}
}

func (b *Bus) target(off uint16) (busNo, slot, fn int, reg uint8) {
	a := b.state.Addr
	return int(a >> 16 & 0xff), int(a >> 11 & 31), int(a >> 8 & 7), uint8(a&0xfc) + uint8(off&3)
}

// PIRQ is the PIRQ line, 0 for PIRQA#, that interrupt pin (0 for INTA#) of a
// slot is wired to on this board: slot 1 INTA# is PIRQA#, and each further slot
// is rotated by one. SeaBIOS and the ACPI tables assume the same wiring.
func PIRQ(slot, pin int) int { return (slot + pin - 1) & 3 }

// setPin drives interrupt pin (0 for INTA#) of f.
func (b *Bus) setPin(f *Function, pin int, level bool) {
	// A slot has only one pin on each PIRQ, shared by up to eight functions.
	n := PIRQ(f.Slot, pin)
	was := b.pirq[n] != 0
	bit := uint64(1) << f.Slot
	held := level
	for i := 0; i < 8 && !held; i++ {
		o := b.fn[f.Slot*8+i]
		held = o != nil && o != f && o.pinLevel && int(o.state.Cfg[regIntPin])-1 == pin
	}
	if held {
		b.pirq[n] |= bit
	} else {
		b.pirq[n] &^= bit
	}
	if now := b.pirq[n] != 0; now != was && b.route != nil {
		b.route(n, now)
	}
}

// retry maps windows again that lost a conflict, after somebody moved away.
func (b *Bus) retry() {
	for _, f := range b.list {
		for i := range f.bars {
			f.bars[i].retry()
		}
	}
}

// Reset implements devices.Device: RST# puts every function's configuration
// space into its default state, which unmaps all base address registers.
func (b *Bus) Reset(devices.ResetKind) {
	b.state.Addr = 0
	for _, f := range b.list {
		f.reset()
	}
}

// Save implements devices.Device; it saves the configuration space of every
// function, so that chips on the bus need not.
func (b *Bus) Save(w *snap.Writer) {
	w.Struct(&b.state)
	for _, f := range b.Functions() {
		w.Struct(&f.state)
	}
}

// Load implements devices.Device.
func (b *Bus) Load(r *snap.Reader) error {
	if err := r.Struct(&b.state); err != nil {
		return err
	}
	for _, f := range b.Functions() {
		if err := r.Struct(&f.state); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, f := range b.Functions() {
		f.mapBARs()
		f.drive()
		f.changed(0, 256)
	}
	b.retry()
	return nil
}

var classNames = map[uint32]string{
	0x0100: "SCSI controller", 0x0101: "IDE controller", 0x0180: "Storage controller",
	0x0200: "Ethernet controller", 0x0300: "VGA controller", 0x0600: "Host bridge",
	0x0601: "ISA bridge", 0x0680: "Bridge", 0x0c03: "USB controller", 0x00ff: "Unclassified device",
}

// Info describes every function for the monitor's "info pci".
func (b *Bus) Info() string {
	var s strings.Builder
	for _, f := range b.Functions() {
		class := f.Get(regClass-1, 4) >> 8
		name := classNames[class>>8]
		if name == "" {
			name = fmt.Sprintf("Class %04x", class>>8)
		}
		fmt.Fprintf(&s, "Bus  0, device %3d, function %d: %s\n    %s: PCI device %04x:%04x\n",
			f.Slot, f.Fn, f.name, name, f.Get(regVendor, 2), f.Get(regDevice, 2))
		if pin := f.Get(regIntPin, 1); pin != 0 {
			fmt.Fprintf(&s, "      IRQ %d, pin %c (PIRQ%c)\n", f.Get(regIntLine, 1), 'A'+pin-1, 'A'+PIRQ(f.Slot, int(pin)-1))
		}
		for i := range f.bars {
			f.bars[i].info(&s, i)
		}
	}
	return s.String()
}

var (
	_ devices.Device = (*Bus)(nil)
	_ bus.PortDevice = (*Bus)(nil)
)

// Line is the function's interrupt pin as a wire.
func (f *Function) Line() irq.Line { return f.SetINTx }
