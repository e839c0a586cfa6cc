// Package machine is the PC: it joins processors and chips to a board, runs
// them on one virtual clock and is what front ends talk to. machine.New works
// inside `go test` as well as under the command line.
//
// Everything happens on the thread that calls Run or RunUntil. Other goroutines
// reach the machine through Do, and through the methods that say so.
package machine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"g86/cpu"
	"g86/cpu/kvm"
	"g86/devices"
	"g86/devices/apic"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/disk"
	"g86/devices/dma"
	"g86/devices/floppy"
	"g86/devices/fwcfg"
	"g86/devices/hpet"
	"g86/devices/ide"
	"g86/devices/irq"
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
	"g86/jit"
)

// Version is what the firmware's banner and `g86 version` show.
const Version = "0.1"

// Machine is one PC.
type Machine struct {
	cfg   Config
	model *cpu.Model

	// The board, in the order of board.txt.
	cpus    []*cpu.CPU
	boards  []*board
	code    *cpu.CodeCache
	bus     *bus.Bus
	clk     *clock.Clock
	ram     []byte
	ramFile *os.File // what it is mapped from, see allocate
	rom     []byte   // C0000h-FFFFFh
	big     []byte   // the firmware below 4 GiB
	pci     *pci.Bus
	apics   *apic.System // nil: the model has none
	pic     *pic.PIC
	pit     *pit.PIT
	rtc     *rtc.RTC
	hpet    *hpet.HPET
	dma     *dma.DMA
	sysctl  *sysctl.SysCtl
	ps2     *ps2.PS2
	uarts   [4]*uart.UART
	pm      *piix.PM
	ide     *ide.Controller
	floppy  *floppy.Controller
	vga     *vga.VGA
	fwcfg   *fwcfg.FwCfg
	genID   *vmgenid.Device
	ferr    *ferr
	lines   [16]*irq.Shared // ISA interrupts
	gates   [2]*gate        // IRQ 0 and IRQ 8 behind the HPET
	bios    *firmware.BIOS  // nil: a firmware file of the user's
	devs    []devices.Device
	images  []*disk.Image
	boot    bootPlan
	engine  engine

	// The run loop.
	state   runState
	retired uint64        // instructions retired by all processors but running
	busy    time.Duration // host time that processors have run
	running *cpu.CPU      // in Run at this moment
	stop    stopReason
	idle    idleState
	tune    tuner
	paused  bool

	// What comes from other goroutines.
	mu      sync.Mutex // held by whoever is the machine's thread
	queueMu sync.Mutex
	queue   []func()
	looping bool // Run takes the queue
	queued  atomic.Bool
	wake    chan struct{}
	kicker  atomic.Pointer[kvm.VM] // what to end the run of when there is something for it
	serial  [4][]byte              // host input the guest's FIFO had no room for
	typing  []rune                 // keys the keyboard's queue had no room for
	log     *logger
	lazy    *lazyRAM // RAM of a snapshot that is still being unpacked
	closed  bool
}

// runState is the machine's own part of a snapshot.
type runState struct {
	Current int    // the processor whose turn it is
	Left    uint64 // instructions left of its turn
	Random  uint64 // numbers drawn from the seed
	Seed    uint64
	TSCHz   uint64 // rate of the time-stamp counter
	FERR    bool   // the coprocessor's error line
}

// stopReason is what a device asked for inside an instruction.
type stopReason struct {
	powerOff bool
	exit     bool
	code     uint32 // of debug exit
	reset    bool
	init     uint // processors to get INIT
	enter    bool
}

// New builds a machine and puts it in its power-on state. Errors are of type
// *ConfigError; nothing is left open or locked.
func New(cfg Config) (*Machine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	model, err := cfg.model()
	if err != nil {
		return nil, err
	}
	m := &Machine{cfg: cfg, model: model, wake: make(chan struct{}, 1)}
	m.state.Seed, m.state.TSCHz = cfg.Seed, tscHz
	if err := m.build(); err != nil {
		err = errors.Join(err, m.Close())
		var ce *ConfigError
		if errors.As(err, &ce) {
			return nil, ce
		}
		return nil, asConfig(err)
	}
	m.resetBoard(devices.PowerOn)
	return m, nil
}

// Close gives the guest's memory back and closes its images.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.flushSerial()
	var errs []error
	for _, i := range m.images {
		errs = append(errs, i.Close())
	}
	m.stopLazy()
	if m.code != nil {
		errs = append(errs, m.detach())
	}
	if m.ram != nil {
		errs = append(errs, release(m.ram, m.ramFile))
	}
	for _, k := range m.boot.kept {
		errs = append(errs, release(k.data, k.file))
	}
	return errors.Join(errs...)
}

// random is the n-th number that the seed gives.
func (m *Machine) random() uint64 {
	m.state.Random++
	return rand.NewPCG(m.state.Seed, m.state.Random).Uint64()
}

// identity is a generation ID, a UUID of version 4: the n-th that comes of seed.
func identity(seed, n uint64) (id [16]byte) {
	r := rand.NewPCG(seed, n)
	le.PutUint64(id[:], r.Uint64())
	le.PutUint64(id[8:], r.Uint64())
	id[7] = id[7]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// becomeClone gives the machine an identity of its own and tells the guest.
func (m *Machine) becomeClone(n int) {
	if n == 0 {
		return
	}
	m.state.Seed += uint64(n) * 0x9e3779b97f4a7c15
	id := m.genID.ID()
	m.genID.Set(identity(le.Uint64(id[:]), uint64(n)))
	m.pm.RaiseGPE(vmgenid.GPE)
}

// Accessors for monitors and tests. What they return belongs to the machine's
// thread: use it inside Do.

// CPUs is the number of processors.
func (m *Machine) CPUs() int { return len(m.cpus) }

// CPU is processor i.
func (m *Machine) CPU(i int) *cpu.CPU { return m.cpus[i] }

// Model is the processor model.
func (m *Machine) Model() *cpu.Model { return m.model }

// Bus is the I/O and memory address space.
func (m *Machine) Bus() *bus.Bus { return m.bus }

// Clock is the virtual clock.
func (m *Machine) Clock() *clock.Clock { return m.clk }

// PCI is PCI bus 0.
func (m *Machine) PCI() *pci.Bus { return m.pci }

// APIC is the APICs, nil on a model without.
func (m *Machine) APIC() *apic.System { return m.apics }

// PIC is the two 8259s.
func (m *Machine) PIC() *pic.PIC { return m.pic }

// PIT is the 8254.
func (m *Machine) PIT() *pit.PIT { return m.pit }

// RTC is the clock with the CMOS memory.
func (m *Machine) RTC() *rtc.RTC { return m.rtc }

// HPET is the event timer.
func (m *Machine) HPET() *hpet.HPET { return m.hpet }

// DMA is the two 8237s.
func (m *Machine) DMA() *dma.DMA { return m.dma }

// PS2 is the keyboard controller.
func (m *Machine) PS2() *ps2.PS2 { return m.ps2 }

// UART is serial port i, 0 for COM1.
func (m *Machine) UART(i int) *uart.UART { return m.uarts[i] }

// VGA is the display adapter.
func (m *Machine) VGA() *vga.VGA { return m.vga }

// IDE is the two IDE channels.
func (m *Machine) IDE() *ide.Controller { return m.ide }

// Floppy is the floppy controller.
func (m *Machine) Floppy() *floppy.Controller { return m.floppy }

// GenerationID is the virtual machine generation ID.
func (m *Machine) GenerationID() [16]byte { return m.genID.ID() }

// Devices lists every chip in the order of their reset.
func (m *Machine) Devices() []devices.Device { return m.devs }

// Memory is the number of bytes of RAM.
func (m *Machine) Memory() uint64 { return uint64(len(m.ram)) }

// Accel names the engine in use and says why "auto" refused others.
func (m *Machine) Accel() (name string, refused []string) {
	return m.engine.name, m.engine.refused
}

// JIT is the translator, nil under another engine.
func (m *Machine) JIT() *jit.Engine { return m.engine.jit }

// Usage is what the processors have done; call it where Do does.
func (m *Machine) Usage() jit.Usage {
	u := jit.Usage{Insns: m.Count(), Busy: m.busy, Windows: m.code.WindowStats(), Found: m.code.Found()}
	for _, c := range m.cpus {
		u.Native += c.NativeInsns()
		u.Crossings += c.Crossings()
		filled, slow, faults := c.Missed()
		u.Filled, u.Slow, u.Faults = u.Filled+filled, u.Slow+slow, u.Faults+faults
	}
	return u
}

// KVM is KVM, nil under another engine.
func (m *Machine) KVM() *kvm.VM { return m.engine.kvm }

// ReadPhys copies physical memory; registers are read with their side effects.
func (m *Machine) ReadPhys(pa uint64, p []byte) { m.bus.ReadPhys(pa, p) }

// ReadVirtual copies memory as processor i sees it, without faults or side
// effects on page tables. The error names the first address that is not mapped.
func (m *Machine) ReadVirtual(i int, lin uint64, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), int(0x1000-lin&0xfff))
		pa, ok := m.cpus[i].Translate(lin)
		if !ok {
			return fmt.Errorf("address %#x is not mapped", lin)
		}
		m.bus.ReadPhys(pa, p[:n])
		p, lin = p[n:], lin+uint64(n)
	}
	return nil
}
