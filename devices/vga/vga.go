// Package vga is a standard VGA at register level (IBM PS/2 Hardware Interface
// Technical Reference, "Video Subsystem"; the same register names are used in
// the FreeVGA documentation) with the Bochs VBE extension ("dispi") of the
// Bochs and QEMU standard video adapters.
//
// Ports (x is B in monochrome and D in colour emulation, MISC bit 0):
//
//	3x4/3x5  CRTC index/data                  CR00-CR18, CR22 latch, CR24 flip-flop
//	3xA      r: input status 1  w: feature control
//	3C0/3C1  attribute index+data (flip-flop)/data read   AR00-AR14
//	3C2      r: input status 0  w: miscellaneous output
//	3C3      video subsystem enable
//	3C4/3C5  sequencer index/data             SR00-SR04
//	3C6-3C9  DAC mask, read index/state, write index, data
//	3CA      r: feature control
//	3CC      r: miscellaneous output
//	3CE/3CF  graphics controller index/data   GR00-GR08
//	1CE      dispi index (16 bits)
//	1CF,1D0  dispi data (16 bits)
//
// Memory: A0000-BFFFF as GR06 selects; the linear frame buffer (PCI BAR0) is
// plain memory; BAR2 mirrors the registers (see mmio.go).
//
// The four planes are kept interleaved in video memory: the byte of plane p at
// plane offset o is vram[4*o+p], so that one 32-bit load fills all latches.
// The vertical retrace interrupt is not wired, as on most clones.
package vga

import (
	"bytes"
	"hash/maphash"

	"g86/devices"
	"g86/devices/bus"
	"g86/devices/clock"
	"g86/devices/snap"
)

const (
	windowBase   = 0xa0000
	windowSize   = 0x20000
	planeBytes   = 0x10000 // bytes per plane of the original 256 KiB
	dispiPort    = 0x1ce
	defaultFrame = 14_268_000 // ns, 70.09 Hz, while the CRTC holds nonsense
)

// VGA is the adapter.
type VGA struct {
	name  string `snap:"-"`
	clock *clock.Clock
	vram  []byte
	fresh bool `snap:"-"` // vram is as New made it; to look at it would cost the host memory
	state state

	window window `snap:"-"` // decoded memory mapping, derived from the registers

	gen      uint64       `snap:"-"` // bumped by every change the adapter can see
	seen     uint64       `snap:"-"` // hash of what it cannot: directly written memory, blink phases
	hashSeed maphash.Seed `snap:"-"`
}

var _ devices.Device = (*VGA)(nil)

// state is everything but video memory that a snapshot keeps.
type state struct {
	Misc, Feature, Enable byte
	CRTCIndex             byte
	CRTC                  [0x19]byte
	SeqIndex              byte
	Seq                   [5]byte
	GfxIndex              byte
	Gfx                   [9]byte
	AttrIndex             byte // with bit 5, PAS
	AttrData              bool // flip-flop: the next write to 3C0 is data
	Attr                  [0x15]byte
	DAC                   dac
	Latch                 uint32 // plane p in byte p
	VBEIndex              uint16
	VBE                   [vbeRegs]uint16
}

// New makes an adapter in its power-on state.
func New(name string, c *clock.Clock) *VGA {
	v := &VGA{name: name, clock: c, vram: make([]byte, VRAMSize), hashSeed: maphash.MakeSeed()}
	v.Reset(devices.Hard)
	v.fresh = true
	return v
}

// Map claims the legacy ports and the memory window. The linear frame buffer
// and the register mirror belong to the PCI function (or see MapLFB).
func (v *VGA) Map(b *bus.Bus) error {
	for _, r := range []struct {
		base uint16
		n    int
	}{{0x3b4, 2}, {0x3ba, 1}, {0x3c0, 16}, {0x3d4, 2}, {0x3da, 1}} {
		if _, err := b.MapPorts(v.name, r.base, r.n, bus.Byte, ports{v, r.base}); err != nil {
			return err
		}
	}
	if _, err := b.MapPorts(v.name+".vbe", dispiPort, 4, bus.Word, dispi{v}); err != nil {
		return err
	}
	_, err := b.MapMem(v.name, windowBase, windowSize, bus.Qword, &v.window)
	return err
}

// VRAM is the whole video memory, for tests and firmware.
func (v *VGA) VRAM() []byte { return v.vram }

// Name implements devices.Device.
func (v *VGA) Name() string { return v.name }

// Reset blanks the adapter; the video BIOS programs a mode. A hard reset leaves
// video memory alone.
func (v *VGA) Reset(kind devices.ResetKind) {
	v.state = state{
		Enable: 1,
		Misc:   miscColour, // so that 3D4 answers before any mode is set
	}
	v.state.DAC.Mask = 0xff
	v.state.VBE[vbeID] = vbeIDMax
	v.state.VBE[vbeXRes], v.state.VBE[vbeYRes], v.state.VBE[vbeBPP] = 640, 480, 8
	if kind == devices.PowerOn {
		if !v.fresh {
			v.blank()
		}
		v.fresh = false
	}
	v.changed()
}

// blank clears video memory. Pages that are zero stay untouched: they may cost
// the host nothing yet.
func (v *VGA) blank() {
	for i := 0; i < len(v.vram); i += savePage {
		if p := v.vram[i : i+savePage]; !bytes.Equal(p, zeroPage[:]) {
			clear(p)
		}
	}
}

// changed recomputes what derives from the registers.
func (v *VGA) changed() {
	v.gen++
	v.window.decode(v)
}

var zeroPage [savePage]byte

// savedVRAM holds the pages of video memory that are not all zero.
type savedVRAM struct {
	Pages []uint16
	Data  []byte
}

const savePage = 4096

// Save implements devices.Device.
func (v *VGA) Save(w *snap.Writer) {
	w.Struct(&v.state)
	var s savedVRAM
	for i := 0; i < len(v.vram); i += savePage {
		if p := v.vram[i : i+savePage]; !bytes.Equal(p, zeroPage[:]) {
			s.Pages = append(s.Pages, uint16(i/savePage))
			s.Data = append(s.Data, p...)
		}
	}
	w.Struct(&s)
}

// Load implements devices.Device.
func (v *VGA) Load(r *snap.Reader) error {
	var s savedVRAM
	if err := r.Struct(&v.state); err != nil {
		return err
	}
	if err := r.Struct(&s); err != nil {
		return err
	}
	if len(s.Data) != len(s.Pages)*savePage {
		return snap.ErrShort
	}
	v.blank()
	v.fresh = false
	for i, p := range s.Pages {
		if int(p) >= len(v.vram)/savePage {
			return snap.ErrShort
		}
		copy(v.vram[int(p)*savePage:], s.Data[i*savePage:(i+1)*savePage])
	}
	v.state.DAC.sanitise()
	if v.vbeOn() {
		v.fixVBE()
	}
	v.changed()
	return nil
}

// Generation changes whenever the picture may have changed since the last call:
// a front end that sees the number it saw before can skip the frame. Memory
// that the CPU writes directly is hashed, so the call costs about a
// millisecond in the larger VBE modes and next to nothing otherwise.
func (v *VGA) Generation() uint64 {
	var h maphash.Hash
	h.SetSeed(v.hashSeed)
	h.Write(v.visible())
	if v.textMode() {
		cursor, blink := v.blinkPhases()
		h.WriteByte(b2u(cursor && v.cursorOn()))
		h.WriteByte(b2u(blink && v.state.Attr[0x10]&attrBlink != 0))
	}
	if sum := h.Sum64(); sum != v.seen {
		v.seen = sum
		v.gen++
	}
	return v.gen
}

func b2u(b bool) byte {
	if b {
		return 1
	}
	return 0
}
