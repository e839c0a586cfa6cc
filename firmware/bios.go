// Package firmware is the machine's own BIOS. Its ROM is generated when the
// machine starts: interrupt stubs of a few guest instructions that trap to Go
// through an I/O port, and tables. The services themselves are Go code over the
// same disks, ports and memory that the devices use, so they work alike under
// every engine.
//
// A stub saves AX and DX, writes the service's number to TrapPort and restores
// them: Go finds the caller's registers in the CPU, AX and DX on the stack above
// the return frame. Services that must wait never block Go: they return with
// carry set and the stub halts (or spins) with interrupts enabled and traps
// again, so that time, interrupts and snapshots work while a guest waits.
//
// The ROM lies at F0000h and below 4 GiB, the video ROM at C0000h.
package firmware

import (
	"fmt"
	"log/slog"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
	"g86/firmware/acpi"
	"g86/firmware/e820"
)

// TrapPort is the port that the ROM's stubs write service numbers to. The
// machine claims it and calls Trap with every byte written.
const TrapPort = 0x0f4c

// Where the ROMs lie.
const (
	ROMBase      = 0xf0000
	ROMSize      = 0x10000
	ROMAlias     = 0xffff0000 // the same bytes below 4 GiB
	VideoROMBase = 0xc0000
	VideoROMSize = 0x8000
)

// Config is what the user chooses.
type Config struct {
	Memory  uint64   // bytes of RAM
	CPUs    int      // processors
	Boot    []string // boot order by Drive.Kind: "floppy", "disk", "cdrom"; nil: disk, floppy, cdrom
	Menu    bool     // show the boot menu and wait for a choice
	Version string   // for the banner and SMBIOS
	UUID    [16]byte // for SMBIOS
	NoHPET  bool     // leave the HPET out of the tables
}

// Disk is a medium. Offsets are in bytes; devices/disk's images satisfy it.
type Disk interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Size() int64
	ReadOnly() bool
}

// Kind says what sort of drive something is.
type Kind string

// The kinds of drives.
const (
	Floppy   Kind = "floppy"
	HardDisk Kind = "disk"
	CDROM    Kind = "cdrom"
)

// Drive is a drive that the BIOS can reach, in the order in which BIOS drive
// numbers are given out within its kind.
type Drive struct {
	Kind  Kind
	Name  string      // for the banner and the boot menu
	Media func() Disk // the medium at this moment, nil if there is none
	// Cylinders, Heads and Sectors are the geometry for INT 13h; all zero for one
	// that is derived from the size.
	Cylinders, Heads, Sectors int
	Type                      byte // of a floppy drive, as in CMOS 10h (1 360K ... 5 2.88M)
	Channel, Unit             int  // of an IDE drive: 0/1 primary/secondary, 0/1 master/slave
}

// Video is the display adapter's part in setting a mode; devices/vga has it.
type Video interface {
	// SetBIOSMode programs registers, palette and font for a standard mode
	// (0-13h) and clears video memory unless keep is set.
	SetBIOSMode(mode byte, keep bool) error
}

// Hardware is what the BIOS drives.
type Hardware struct {
	Bus                   *bus.Bus
	Video                 Video // may be nil
	Font8, Font14, Font16 []byte
	Drives                []Drive
	Now                   func() uint64 // guest time in ns
	// DirectBoot, if set, is called instead of looking for a boot sector. It
	// loads a kernel and arranges for the CPU to continue there; Trap then leaves
	// the CPU alone.
	DirectBoot func(cpu CPU)
}

var _ devices.Device = (*BIOS)(nil)

// BIOS is the firmware of one machine.
type BIOS struct {
	cfg      Config         `snap:"-"`
	hw       Hardware       `snap:"-"`
	rom      []byte         `snap:"-"`
	video    []byte         `snap:"-"`
	acpi     acpi.Tables    `snap:"-"`
	acpiBase uint64         `snap:"-"`
	entry    map[string]int // ROM offsets by label
	vidEntry map[string]int
	bios32At int    `snap:"-"` // ROM offset of the BIOS32 service directory
	romLines []line `snap:"-"` // the listings of the two ROMs
	vidLines []line `snap:"-"`
	state    state
}

// state is all that the Go side remembers between traps.
type state struct {
	Boot     bootState
	Emul     emulation
	Mouse    mouseState
	Deadline [numDeadlines]uint64 // guest ns; 0 when nobody waits
}

// Deadlines of services that wait with a limit.
const (
	waitINT15 = iota
	waitSerial
	waitPrinter
	waitMouse
	numDeadlines
)

// New makes the BIOS of a machine.
func New(cfg Config, hw Hardware) (*BIOS, error) {
	if cfg.CPUs < 1 || cfg.CPUs > 255 {
		return nil, fmt.Errorf("firmware: %d processors are not between 1 and 255", cfg.CPUs)
	}
	if cfg.Memory < 640<<10 {
		return nil, fmt.Errorf("firmware: %d bytes of memory are less than the 640 KiB that a PC needs", cfg.Memory)
	}
	if len(hw.Font8) < 2048 || len(hw.Font14) < 256*14 || len(hw.Font16) < 256*16 {
		return nil, fmt.Errorf("firmware: the fonts must have 256 characters each")
	}
	if hw.Bus == nil || hw.Now == nil {
		return nil, fmt.Errorf("firmware: a bus and a clock are needed")
	}
	for _, k := range cfg.Boot {
		switch Kind(k) {
		case Floppy, HardDisk, CDROM:
		default:
			return nil, fmt.Errorf("firmware: unknown boot device %q; choose from floppy, disk, cdrom", k)
		}
	}
	if len(cfg.Boot) == 0 {
		cfg.Boot = []string{string(HardDisk), string(Floppy), string(CDROM)}
	}
	b := &BIOS{cfg: cfg, hw: hw}
	if base, ok := e820.ACPIBase(cfg.Memory); ok {
		b.acpiBase = base
		b.acpi = acpi.Build(acpi.Config{CPUs: cfg.CPUs, HPET: !cfg.NoHPET, Base: uint32(base)})
		if len(b.acpi.Blob) > e820.ACPISize {
			return nil, fmt.Errorf("firmware: the ACPI tables take %d bytes, more than the %d set aside", len(b.acpi.Blob), e820.ACPISize)
		}
	}
	b.buildVideoROM()
	b.buildROM()
	return b, nil
}

// ROM is the image for ROMBase and ROMAlias.
func (b *BIOS) ROM() []byte { return b.rom }

// VideoROM is the image for VideoROMBase.
func (b *BIOS) VideoROM() []byte { return b.video }

// Name is the device name.
func (b *BIOS) Name() string { return "firmware" }

// Reset forgets what the Go side remembers; the guest's POST does the rest.
func (b *BIOS) Reset(devices.ResetKind) { b.state = state{} }

// Save writes the Go side's state.
func (b *BIOS) Save(w *snap.Writer) { w.Struct(&b.state) }

// Load restores what Save wrote.
func (b *BIOS) Load(r *snap.Reader) error { return r.Struct(&b.state) }

// Trap runs the service that cpu asked for by writing its number to TrapPort.
// Writes that do not come from the ROM do nothing.
func (b *BIOS) Trap(service byte, cpu CPU) {
	s, ok := services[service]
	if !ok || cpu.Protected() != (s.shape == shapeFar32) || !b.inROM(cpu) {
		slog.Debug("firmware: stray write to the trap port", "value", service, "cs", cpu.Seg(sCS), "ip", cpu.IP())
		return
	}
	f := b.newFrame(cpu, s.shape)
	if service == svcBoot && b.hw.DirectBoot != nil {
		b.hw.DirectBoot(cpu)
		return
	}
	s.run(f)
	f.finish()
}

// inROM reports whether the instruction at the CPU's IP is in one of the ROMs.
func (b *BIOS) inROM(cpu CPU) bool {
	ip := cpu.IP()
	if !cpu.Protected() {
		ip &= 0xffff
	}
	pa, ok := cpu.Translate(cpu.SegBase(sCS) + ip)
	return ok && (pa-ROMBase < ROMSize || pa-ROMAlias < ROMSize || pa-VideoROMBase < VideoROMSize)
}

// service is what a number written to TrapPort means.
type service struct {
	shape stackShape
	run   func(*frame)
}

// Service numbers: those of the interrupt where there is one.
const (
	svcTick     = 0x08
	svcKeyboard = 0x09
	svcFloppy   = 0x0e
	svcVideo    = 0x10
	svcNoBoot   = 0x18
	svcBoot     = 0x19
	svcRTC      = 0x70
	svcMouse    = 0x74
	svcDiskIRQ  = 0x76
	svcIRQ      = 0x80 // any other hardware interrupt
	svcScancode = 0x81 // read the keyboard
	svcShutdown = 0x82 // reset with a CMOS shutdown code?
	svcPOST     = 0x83
	svcPCI32    = 0x84
	svcBIOS32   = 0x85
)

var services map[byte]service

func init() { // not an initializer: the services refer to the map through frame
	services = map[byte]service{
		svcTick:     {shapeInline, (*frame).tick},
		svcKeyboard: {shapeInline, (*frame).key},
		svcFloppy:   {shapeInt, (*frame).floppyIRQ},
		svcVideo:    {shapeInt, (*frame).int10},
		0x11:        {shapeInt, (*frame).int11},
		0x12:        {shapeInt, (*frame).int12},
		0x13:        {shapeInt, (*frame).int13},
		0x14:        {shapeInt, (*frame).int14},
		0x15:        {shapeInt, (*frame).int15},
		0x16:        {shapeInt, (*frame).int16},
		0x17:        {shapeInt, (*frame).int17},
		svcNoBoot:   {shapeInt, (*frame).int18},
		svcBoot:     {shapeInt, (*frame).int19},
		0x1a:        {shapeInt, (*frame).int1A},
		svcRTC:      {shapeInline, (*frame).rtcIRQ},
		svcMouse:    {shapeInline, (*frame).mouseIRQ},
		svcDiskIRQ:  {shapeInt, (*frame).diskIRQ},
		svcIRQ:      {shapeInt, (*frame).anyIRQ},
		svcScancode: {shapeInline, (*frame).scancode},
		svcShutdown: {shapeInline, (*frame).shutdown},
		svcPOST:     {shapeInline, (*frame).post},
		svcPCI32:    {shapeFar32, (*frame).pci32},
		svcBIOS32:   {shapeFar32, (*frame).bios32},
	}
}
