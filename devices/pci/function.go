package pci

// Configuration space header, type 00h (PCI 2.1, 6.1)
//
//	00h vendor  02h device  04h command  06h status  08h revision  09h class code (3 bytes)
//	0Ch cache line size  0Dh latency timer  0Eh header type  10h-27h BAR0-5
//	2Ch subsystem vendor  2Eh subsystem  30h expansion ROM  3Ch interrupt line  3Dh interrupt pin

const (
	regVendor     = 0x00
	regDevice     = 0x02
	regCommand    = 0x04
	regStatus     = 0x06
	regRevision   = 0x08
	regClass      = 0x09
	regCacheLine  = 0x0c
	regLatency    = 0x0d
	regHeaderType = 0x0e
	regBAR0       = 0x10
	regSubVendor  = 0x2c
	regSubDevice  = 0x2e
	regROM        = 0x30
	regIntLine    = 0x3c
	regIntPin     = 0x3d
)

// Command register bits (PCI 2.1 6.2.2; bit 10 is from PCI 2.3).
const (
	CmdIO        = 1 << 0
	CmdMem       = 1 << 1
	CmdMaster    = 1 << 2
	CmdParity    = 1 << 6
	CmdSERR      = 1 << 8
	CmdIntxOff   = 1 << 10
	statusINTx   = 1 << 3
	statusW1C    = 0xf900
	cmdWritable  = CmdIO | CmdMem | CmdMaster | CmdParity | CmdSERR | CmdIntxOff
	romEnableBit = 1
)

// Header is the fixed identity of a function.
type Header struct {
	Vendor, Device       uint16
	Class                uint32 // base class, subclass, programming interface: 010180h
	Revision             uint8
	SubVendor, SubDevice uint16
	Pin                  uint8 // interrupt pin: 0 none, 1 INTA# ... 4 INTD#
}

// Function is one PCI function: 256 bytes of configuration space, up to six
// base address registers and an expansion ROM.
type Function struct {
	name     string `snap:"-"`
	Slot, Fn int    `snap:"-"`
	pci      *Bus
	def      [256]byte `snap:"-"` // values after RST#
	wmask    [256]byte `snap:"-"` // bits software can write
	w1c      [256]byte `snap:"-"` // bits software clears by writing one
	bars     [7]bar    `snap:"-"` // six and the ROM
	pinLevel bool      `snap:"-"` // derived: INTx# as driven onto the board
	state    struct {
		Cfg  [256]byte
		INTx bool // the device asks for an interrupt
	}
	// Changed, if set, is told that registers off..off+n-1 were written by
	// software, reset or restored: the chip brings what follows from them up to
	// date. Base address registers have been dealt with already.
	Changed func(off, n int)
}

// NewFunction returns a function with h's identity. Define its registers and
// BARs, then plug it in with Bus.Add.
func NewFunction(name string, h Header) *Function {
	f := &Function{name: name}
	f.Define(regVendor, 2, uint32(h.Vendor), 0)
	f.Define(regDevice, 2, uint32(h.Device), 0)
	f.Define(regCommand, 2, 0, cmdWritable)
	f.Define(regRevision, 1, uint32(h.Revision), 0)
	f.Define(regClass, 1, h.Class, 0)
	f.Define(regClass+1, 2, h.Class>>8, 0)
	f.Define(regCacheLine, 1, 0, 0xff)
	f.Define(regLatency, 1, 0, 0xff)
	f.Define(regSubVendor, 2, uint32(h.SubVendor), 0)
	f.Define(regSubDevice, 2, uint32(h.SubDevice), 0)
	f.Define(regIntPin, 1, uint32(h.Pin), 0)
	if h.Pin != 0 {
		f.Define(regIntLine, 1, 0, 0xff)
	}
	f.DefineW1C(regStatus, 2, statusW1C)
	return f
}

// Name is the name of the chip.
func (f *Function) Name() string { return f.name }

// Define sets the reset value of a register of size bytes and the bits of it
// that software can write.
func (f *Function) Define(off uint8, size int, value, writable uint32) {
	for i := range size {
		f.def[int(off)+i] = byte(value >> (8 * i))
		f.wmask[int(off)+i] = byte(writable >> (8 * i))
		f.state.Cfg[int(off)+i] = f.def[int(off)+i]
	}
}

// DefineW1C names the bits of a register that software clears by writing one.
func (f *Function) DefineW1C(off uint8, size int, mask uint32) {
	for i := range size {
		f.w1c[int(off)+i] = byte(mask >> (8 * i))
	}
}

// Get is the register as the chip sees it, without side effects.
func (f *Function) Get(off uint8, size int) uint32 {
	var v uint32
	for i := range size {
		v |= uint32(f.state.Cfg[int(off)+i]) << (8 * i)
	}
	return v
}

// Set changes a register from the chip's side, past the write masks and
// without calling Changed.
func (f *Function) Set(off uint8, size int, v uint32) {
	for i := range size {
		f.state.Cfg[int(off)+i] = byte(v >> (8 * i))
	}
}

// Master reports whether the function may start DMA.
func (f *Function) Master() bool { return f.state.Cfg[regCommand]&CmdMaster != 0 }

// Read is a configuration read by software.
func (f *Function) Read(reg uint8, size int) uint32 { return f.Get(reg, size) }

// Write is a configuration write by software.
func (f *Function) Write(reg uint8, size int, v uint32) {
	for i := range size {
		p := int(reg) + i
		x := byte(v >> (8 * i))
		f.state.Cfg[p] = f.state.Cfg[p]&^f.wmask[p]&^(x&f.w1c[p]) | x&f.wmask[p]
	}
	lo, hi := int(reg), int(reg)+size
	touches := func(off, n int) bool { return lo < off+n && off < hi }
	if touches(regCommand, 2) || touches(regBAR0, 24) || touches(regROM, 4) {
		f.mapBARs()
		f.drive()
		f.pci.retry()
	}
	f.changed(lo, size)
}

func (f *Function) changed(off, n int) {
	if f.Changed != nil {
		f.Changed(off, n)
	}
}

func (f *Function) reset() {
	f.state.Cfg = f.def
	f.state.INTx = false
	f.drive()
	f.mapBARs()
	f.changed(0, 256)
}

// SetINTx drives the function's interrupt pin, high meaning asserted. The
// status bit follows the request, the pin obeys the interrupt disable bit.
func (f *Function) SetINTx(level bool) {
	f.state.INTx = level
	f.drive()
}

func (f *Function) drive() {
	if f.state.INTx {
		f.state.Cfg[regStatus] |= statusINTx
	} else {
		f.state.Cfg[regStatus] &^= statusINTx
	}
	pin := int(f.state.Cfg[regIntPin]) - 1
	level := f.state.INTx && f.Get(regCommand, 2)&CmdIntxOff == 0
	if level == f.pinLevel || pin < 0 || f.pci == nil {
		return
	}
	f.pinLevel = level
	f.pci.setPin(f, pin, level)
}
