// Package fwcfg models QEMU's firmware configuration device, through which a
// BIOS learns what the board consists of.
//
// Register map (QEMU, docs/specs/fw_cfg.rst):
//
//	0  selector (16 bits, write only)    1  data (8 bits, read only)
//	4  DMA address, upper half, big endian; reads as "QEMU"
//	8  DMA address, lower half, big endian: a write starts; reads as " CFG"
//
//	DMA descriptor, big endian: control (31-16 key  4 write  3 select  2 skip
//	1 read  0 error), length, address
package fwcfg

import (
	"encoding/binary"
	"fmt"
	"log/slog"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/snap"
)

// Ports on a PC.
const (
	Port    = 0x510
	DMAPort = 0x514
)

// Keys. Numbers are little endian.
const (
	KeySignature   = 0x00
	KeyID          = 0x01
	KeyUUID        = 0x02
	KeyRAMSize     = 0x03 // u64
	KeyNoGraphic   = 0x04 // u16
	KeyNBCPUs      = 0x05 // u16
	KeyMachineID   = 0x06
	KeyKernelAddr  = 0x07 // u32
	KeyKernelSize  = 0x08 // u32
	KeyInitrdAddr  = 0x0a // u32
	KeyInitrdSize  = 0x0b // u32
	KeyBootDevice  = 0x0c // u16
	KeyNUMA        = 0x0d // u64 count of nodes, then nodes of CPUs, then sizes
	KeyBootMenu    = 0x0e // u16
	KeyMaxCPUs     = 0x0f // u16
	KeyKernelEntry = 0x10
	KeyKernelData  = 0x11
	KeyInitrdData  = 0x12
	KeyCmdlineAddr = 0x13 // u32
	KeyCmdlineSize = 0x14 // u32
	KeyCmdlineData = 0x15
	KeySetupAddr   = 0x16 // u32
	KeySetupSize   = 0x17 // u32
	KeySetupData   = 0x18
	KeyFileDir     = 0x19
	KeyFileFirst   = 0x20

	KeyACPITables    = 0x8000
	KeySMBIOSEntries = 0x8001
	KeyIRQ0Override  = 0x8002 // u32
	KeyE820Table     = 0x8003
	KeyHPET          = 0x8004
)

const (
	maxName = 55
	maxKey  = 0x3fff

	writeChannel = 0x4000

	dmaError  = 0x01
	dmaRead   = 0x02
	dmaSkip   = 0x04
	dmaSelect = 0x08
	dmaWrite  = 0x10

	// maxPad bounds how many zeros a guest may read past an item's end at once.
	maxPad = 16 << 20
)

// dmaSignature is what the DMA address register reads as.
const dmaSignature = "QEMU CFG"

type item struct {
	Key  uint16
	Data []byte
}

type file struct {
	Name string
	Key  uint16
}

// FwCfg is the device.
type FwCfg struct {
	name  string `snap:"-"`
	bus   *bus.Bus
	data  []byte `snap:"-"` // the selected item
	state struct {
		Items  []item
		Files  []file
		Key    uint16
		Offset uint32
		High   uint32 // upper half of the DMA address
	}
}

// New returns a device with a signature, an empty file directory and no other
// items; its DMA goes through b.
func New(name string, b *bus.Bus) *FwCfg {
	f := &FwCfg{name: name, bus: b}
	f.AddKey(KeySignature, []byte("QEMU"))
	f.AddU32(KeyID, 3) // selector and data ports, DMA
	f.directory()
	return f
}

// Name is the device's name on the board.
func (f *FwCfg) Name() string { return f.name }

// Map claims the standard ports.
func (f *FwCfg) Map(b *bus.Bus) error {
	if _, err := b.MapPorts(f.name, Port, 2, bus.Word, f); err != nil {
		return err
	}
	_, err := b.MapPorts(f.name, DMAPort, 8, bus.Dword, dma{f})
	return err
}

// AddKey sets the item of a key, replacing what was there.
func (f *FwCfg) AddKey(key uint16, data []byte) {
	s := &f.state
	defer f.refresh()
	for i := range s.Items {
		if s.Items[i].Key == key {
			s.Items[i].Data = data
			return
		}
	}
	s.Items = append(s.Items, item{key, data})
}

// AddU16 sets a 16-bit item.
func (f *FwCfg) AddU16(key, v uint16) { f.AddKey(key, binary.LittleEndian.AppendUint16(nil, v)) }

// AddU32 sets a 32-bit item.
func (f *FwCfg) AddU32(key uint16, v uint32) {
	f.AddKey(key, binary.LittleEndian.AppendUint32(nil, v))
}

// AddU64 sets a 64-bit item.
func (f *FwCfg) AddU64(key uint16, v uint64) {
	f.AddKey(key, binary.LittleEndian.AppendUint64(nil, v))
}

// Add sets a named file ("etc/e820", "bootorder"), replacing one of that name.
func (f *FwCfg) Add(name string, data []byte) error {
	s := &f.state
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%s: file name %q must have 1 to %d bytes", f.name, name, maxName)
	}
	if uint64(len(data)) > 0xffffffff {
		return fmt.Errorf("%s: file %q is larger than 4 GiB", f.name, name)
	}
	for _, x := range s.Files {
		if x.Name == name {
			f.AddKey(x.Key, data)
			f.directory()
			return nil
		}
	}
	key := KeyFileFirst + len(s.Files)
	if key > maxKey {
		return fmt.Errorf("%s: no key is left for file %q", f.name, name)
	}
	s.Files = append(s.Files, file{name, uint16(key)})
	f.AddKey(uint16(key), data)
	f.directory()
	return nil
}

// directory rebuilds the list of files: count, then size, key, 0 and name of each.
func (f *FwCfg) directory() {
	d := binary.BigEndian.AppendUint32(nil, uint32(len(f.state.Files)))
	for _, x := range f.state.Files {
		d = binary.BigEndian.AppendUint32(d, uint32(len(f.lookup(x.Key))))
		d = binary.BigEndian.AppendUint16(d, x.Key)
		d = binary.BigEndian.AppendUint16(d, 0)
		var name [maxName + 1]byte
		copy(name[:], x.Name)
		d = append(d, name[:]...)
	}
	f.AddKey(KeyFileDir, d)
}

func (f *FwCfg) lookup(key uint16) []byte {
	for i := range f.state.Items {
		if f.state.Items[i].Key == key {
			return f.state.Items[i].Data
		}
	}
	return nil
}

func (f *FwCfg) refresh() { f.data = f.lookup(f.state.Key) }

func (f *FwCfg) selectKey(key uint16) {
	f.state.Key, f.state.Offset = key&^writeChannel, 0
	f.refresh()
}

// advance moves the read position; it stays at the end once it is there.
func (f *FwCfg) advance(n uint32) []byte {
	off := min(f.state.Offset, uint32(len(f.data)))
	rest := f.data[off:]
	n = min(n, uint32(len(rest)))
	f.state.Offset = off + n
	return rest[:n]
}

// ReadPort reads the next byte of the item; past its end zeros.
func (f *FwCfg) ReadPort(off uint16, size int) uint32 {
	if off == 1 && size == 1 {
		if b := f.advance(1); len(b) == 1 {
			return uint32(b[0])
		}
	}
	return 0
}

// WritePort selects an item. Writing data was removed from QEMU too.
func (f *FwCfg) WritePort(off uint16, size int, v uint32) {
	if off == 0 && size == 2 {
		f.selectKey(uint16(v))
	}
}

// Reset selects the signature; items are the board's and stay.
func (f *FwCfg) Reset(devices.ResetKind) {
	f.state.High = 0
	f.selectKey(KeySignature)
}

// Save writes the items as well: a restored machine need not have the files they
// were made from.
func (f *FwCfg) Save(w *snap.Writer) { w.Struct(&f.state) }

// Load restores what Save wrote.
func (f *FwCfg) Load(r *snap.Reader) error {
	if err := r.Struct(&f.state); err != nil {
		return err
	}
	f.refresh()
	return nil
}

// dma is the DMA address register.
type dma struct{ f *FwCfg }

func (d dma) ReadPort(off uint16, size int) uint32 {
	var v [4]byte
	copy(v[:size], dmaSignature[off:])
	return binary.LittleEndian.Uint32(v[:])
}

func (d dma) WritePort(off uint16, size int, v uint32) {
	if size != 4 {
		return
	}
	be := binary.BigEndian.Uint32(binary.LittleEndian.AppendUint32(nil, v))
	switch off {
	case 0:
		d.f.state.High = be
	case 4:
		addr := uint64(d.f.state.High)<<32 | uint64(be)
		d.f.state.High = 0
		d.f.transfer(addr)
	}
}

// transfer executes the descriptor at addr and writes its control word back: 0,
// or the error bit.
func (f *FwCfg) transfer(addr uint64) {
	var desc [16]byte
	f.bus.ReadPhys(addr, desc[:])
	control := binary.BigEndian.Uint32(desc[0:])
	n := binary.BigEndian.Uint32(desc[4:])
	to := binary.BigEndian.Uint64(desc[8:])
	if control&dmaSelect != 0 {
		f.selectKey(uint16(control >> 16))
	}
	var result uint32
	switch {
	case control&dmaRead != 0:
		b := f.advance(n)
		if pad := n - uint32(len(b)); pad > maxPad {
			slog.Debug("fwcfg: DMA read far past the end of an item", "key", f.state.Key, "length", n)
			result = dmaError
		} else {
			f.bus.WritePhys(to, b)
			f.bus.WritePhys(to+uint64(len(b)), make([]byte, pad))
		}
	case control&dmaWrite != 0: // no item can be written
		result = dmaError
	case control&dmaSkip != 0:
		f.advance(n)
	}
	f.bus.WritePhys(addr, binary.BigEndian.AppendUint32(nil, result))
}
