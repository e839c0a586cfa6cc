// Package i440fx is the host bridge of the board, the Intel 82441FX PMC: the
// part of it that software depends on, namely shadow RAM (PAM) and the
// compatible SMRAM window over the VGA range.
package i440fx

// Configuration registers (82441FX PMC datasheet, order number 290549, 3.2)
//
//	00h  8086h 1237h, class 060000h, revision 02h
//	59h  PAM0  7:4 F0000-FFFFF
//	5Ah  PAM1  3:0 C0000-C3FFF  7:4 C4000-C7FFF
//	5Bh  PAM2  3:0 C8000-CBFFF  7:4 CC000-CFFFF
//	5Ch  PAM3  3:0 D0000-D3FFF  7:4 D4000-D7FFF
//	5Dh  PAM4  3:0 D8000-DBFFF  7:4 DC000-DFFFF
//	5Eh  PAM5  3:0 E0000-E3FFF  7:4 E4000-E7FFF
//	5Fh  PAM6  3:0 E8000-EBFFF  7:4 EC000-EFFFF
//	     each nibble: bit 0 RE (reads go to DRAM), bit 1 WE (writes go to DRAM)
//	60h  DRB0-7 DRAM row boundaries, kept but without effect
//	72h  SMRAM 6 D_OPEN  5 D_CLS  4 D_LCK  3 G_SMRAME  2:0 C_BASE_SEG = 010b

import (
	"encoding/binary"
	"fmt"

	"g86/devices/bus"
	"g86/devices/pci"
)

// Slot is the host bridge's place on the bus, function 0 of it.
const Slot = 0

const (
	regPAM0  = 0x59
	regDRB   = 0x60
	regSMRAM = 0x72

	smramOpen  = 1 << 6
	smramClose = 1 << 5
	smramLock  = 1 << 4
	smramEn    = 1 << 3
	smramSeg   = 2 // C_BASE_SEG: A0000h, the only value

	readRAM  = 1 // RE
	writeRAM = 2 // WE

	vgaBase   = 0xa0000
	shadow    = 0xc0000 // first byte under a PAM register
	shadowEnd = 0x100000
)

// HostBridge is the 82441FX. It has no state beyond its configuration space,
// which package pci resets, saves and restores.
type HostBridge struct {
	bus   *bus.Bus
	fn    *pci.Function
	seg   [13]segment
	smram *bus.Region
}

// New plugs the host bridge into p. ram is main memory from address 0, at least
// 1 MiB of it; rom is the 256 KiB the bus shows at C0000h-FFFFFh while shadow
// RAM is off: option ROMs, FFh where there is nothing, the BIOS at the end.
func New(name string, b *bus.Bus, p *pci.Bus, ram, rom []byte) (*HostBridge, error) {
	if len(ram) < shadowEnd || len(rom) != shadowEnd-shadow {
		return nil, fmt.Errorf("%s: needs 1 MiB of RAM and 256 KiB of ROM, not %#x and %#x bytes", name, len(ram), len(rom))
	}
	h := &HostBridge{bus: b}
	for i := range h.seg {
		base, size := uint64(shadow+i*0x4000), uint64(0x4000)
		if i == 12 {
			base, size = 0xf0000, 0x10000
		}
		s := &h.seg[i]
		s.owner = fmt.Sprintf("%s.pam%05x", name, base)
		s.base, s.ram, s.rom = base, ram[base:base+size:base+size], rom[base-shadow:base-shadow+size]
		var err error
		if s.direct, err = b.MapRAM(s.owner, base, s.rom, true, bus.PrioShadow); err != nil {
			return nil, err
		}
	}
	var err error
	// SMRAM covers the VGA window, so it lies above registers.
	if h.smram, err = b.MapRAM(name+".smram", vgaBase, ram[vgaBase:shadow:shadow], false, bus.PrioDevice+1); err != nil {
		return nil, err
	}
	if err = h.smram.Set(vgaBase, false); err != nil {
		return nil, err
	}
	h.fn = pci.NewFunction(name, pci.Header{Vendor: 0x8086, Device: 0x1237, Class: 0x060000, Revision: 2, SubVendor: 0x1af4, SubDevice: 0x1100})
	h.fn.Define(0x04, 2, 0x0006, 0x0140) // memory and master are always on
	h.fn.Define(0x06, 2, 0x0280, 0)
	h.fn.Define(regPAM0, 1, 0, 0x30)
	for i := uint8(1); i < 7; i++ {
		h.fn.Define(regPAM0+i, 1, 0, 0x33)
	}
	h.fn.Define(regDRB, 4, 0x01010101, 0xffffffff)
	h.fn.Define(regDRB+4, 4, 0x01010101, 0xffffffff)
	h.fn.Define(regSMRAM, 1, smramSeg, smramOpen|smramClose|smramLock|smramEn)
	h.fn.Changed = h.changed
	return h, p.Add(h.fn, Slot, 0)
}

func (h *HostBridge) changed(off, n int) {
	if off < regPAM0+7 && off+n > regPAM0 {
		for i := range h.seg {
			// Nibbles in address order: PAM1 low is segment 0, PAM0 high comes last.
			reg, shift := uint8(regPAM0+1+i/2), i&1*4
			if i == 12 {
				reg, shift = regPAM0, 4
			}
			h.seg[i].set(h.bus, uint8(h.fn.Get(reg, 1))>>shift&3)
		}
	}
	if off <= regSMRAM && off+n > regSMRAM {
		h.setSMRAM()
	}
}

func (h *HostBridge) setSMRAM() {
	v := uint8(h.fn.Get(regSMRAM, 1))
	w := uint32(smramOpen | smramClose | smramLock | smramEn)
	if v&smramLock != 0 {
		v &^= smramOpen
		w = smramClose
	}
	h.fn.Define(regSMRAM, 1, smramSeg, w) // D_LCK makes the others read-only until reset
	h.fn.Set(regSMRAM, 1, uint32(v))
	// The range is always free: nothing else has this priority.
	_ = h.smram.Set(vgaBase, v&smramOpen != 0)
}

// segment is the address range of one PAM nibble. One region shows ROM or RAM;
// reading ROM while writing RAM takes a register window, made when first needed.
type segment struct {
	owner    string
	base     uint64
	ram, rom []byte
	mode     uint8
	direct   *bus.Region
	mixed    *bus.Region
}

func (s *segment) set(b *bus.Bus, mode uint8) {
	if mode == s.mode {
		return
	}
	s.mode = mode
	// Switching regions of our own inside our own range cannot conflict.
	_ = s.direct.Set(s.base, false)
	if s.mixed != nil {
		_ = s.mixed.Set(s.base, false)
	}
	if mode == writeRAM {
		if s.mixed == nil {
			if s.mixed, _ = b.MapMem(s.owner, s.base, uint64(len(s.ram)), bus.Qword, s); s.mixed != nil {
				return
			}
		}
		_ = s.mixed.Set(s.base, true)
		return
	}
	s.direct.Host = s.rom
	if mode&readRAM != 0 {
		s.direct.Host = s.ram
	}
	s.direct.ReadOnly = mode != readRAM|writeRAM
	_ = s.direct.Set(s.base, true)
}

// ReadMem implements bus.MemDevice: reads see the ROM.
func (s *segment) ReadMem(off uint64, size int) uint64 {
	var t [8]byte
	copy(t[:size], s.rom[off:])
	return binary.LittleEndian.Uint64(t[:])
}

// WriteMem implements bus.MemDevice: writes go to the RAM below.
func (s *segment) WriteMem(off uint64, size int, v uint64) {
	var t [8]byte
	binary.LittleEndian.PutUint64(t[:], v)
	copy(s.ram[off:], t[:size])
}
