package vga

import "encoding/binary"

// window is the CPU's view of video memory at A0000-BFFFF (bus.MemDevice), with
// the mapping that the registers select decoded once per register write.
type window struct {
	v      *VGA
	kind   windowKind
	simple bool // write mode 0 without set/reset, rotate, logic or bit mask
	lo, hi uint64
	maps   byte // SR02
}

type windowKind byte

const (
	windowOff     windowKind = iota
	windowLinear             // VBE bank, 8 bits per pixel and up
	windowChain4             // A1-A0 select the plane
	windowOddEven            // A0 selects the plane pair
	windowPlanar
)

// Where GR06 bits 3-2 put video memory, relative to A0000.
var windowRange = [4][2]uint64{{0, 0x20000}, {0, 0x10000}, {0x10000, 0x18000}, {0x18000, 0x20000}}

func (w *window) decode(v *VGA) {
	s := &v.state
	w.v = v
	r := windowRange[s.Gfx[6]>>2&3]
	w.lo, w.hi = r[0], r[1]
	w.maps = s.Seq[2]
	w.simple = s.Gfx[5]&3 == 0 && s.Gfx[1] == 0 && s.Gfx[3] == 0 && s.Gfx[8] == 0xff
	switch {
	case s.Misc&miscRAM == 0 || s.Enable == 0:
		w.kind = windowOff
	case v.vbeOn() && s.VBE[vbeBPP] > 4:
		w.kind = windowLinear
	case s.Seq[4]&seqChain4 != 0:
		w.kind = windowChain4
	case s.Seq[4]&seqPlanar == 0:
		w.kind = windowOddEven
	default:
		w.kind = windowPlanar
	}
}

// spread turns a plane mask into a byte mask over the interleaved planes.
var spread = func() (t [16]uint32) {
	for i := range t {
		for p := range 4 {
			if i>>p&1 != 0 {
				t[i] |= 0xff << (8 * p)
			}
		}
	}
	return t
}()

func (w *window) WriteMem(off uint64, size int, x uint64) {
	w.v.gen++
	if w.kind == windowOddEven && w.simple && w.maps&3 == 3 && off >= w.lo && off+uint64(size) <= w.hi {
		// Text: characters go to plane 0, attributes to plane 1 (and 2 and 3 where enabled).
		for i := range size {
			w.storeOddEven(off+uint64(i)-w.lo, byte(x>>(8*i)))
		}
		return
	}
	for i := range size {
		w.write(off+uint64(i), byte(x>>(8*i)))
	}
}

func (w *window) ReadMem(off uint64, size int) (x uint64) {
	for i := range size {
		x |= uint64(w.read(off+uint64(i))) << (8 * i)
	}
	return x
}

func (w *window) storeOddEven(a uint64, x byte) {
	i := w.oddEven(a) * 4
	p := a & 1
	w.v.vram[i+p] = x
	if w.maps&(4<<p) != 0 {
		w.v.vram[i+p+2] = x
	}
}

// oddEven is the plane offset of a in odd/even mode: with GR06 chaining, A0 has
// gone into the plane number and A16 (of the 128 KiB window) takes its place.
func (w *window) oddEven(a uint64) uint64 {
	if w.v.state.Gfx[6]&gfxChainOE != 0 {
		a = a&^1 | a>>16&1
	}
	return a & (planeBytes - 1)
}

// bank is the byte offset in video memory of the VBE window.
func (v *VGA) bank() uint64 {
	if !v.vbeOn() {
		return 0
	}
	return uint64(v.state.VBE[vbeBank]) << 16
}

// planeOffset is the index of plane 0 in vram for plane offset a, and whether it
// exists; VBE banks extend the planes of 4-bit modes.
func (w *window) planeOffset(a uint64) (uint64, bool) {
	if b := w.v.bank(); b != 0 {
		a += b
	} else {
		a &= planeBytes - 1
	}
	return a * 4, a*4 < uint64(len(w.v.vram))
}

func (w *window) write(off uint64, x byte) {
	if off < w.lo || off >= w.hi {
		return
	}
	a, maps := off-w.lo, w.maps
	switch w.kind {
	case windowOff:
		return
	case windowLinear:
		if i := w.v.bank() + a; i < uint64(len(w.v.vram)) {
			w.v.vram[i] = x
		}
		return
	case windowChain4:
		maps &= 1 << (a & 3)
		a &^= 3
	case windowOddEven:
		maps &= 5 << (a & 1)
		a = w.oddEven(a)
	}
	i, ok := w.planeOffset(a)
	if !ok {
		return
	}
	m := spread[maps&15]
	p := w.v.vram[i : i+4]
	binary.LittleEndian.PutUint32(p, binary.LittleEndian.Uint32(p)&^m|w.v.pipeline(x)&m)
}

// pipeline is the graphics controller's write path: the four plane bytes that
// the CPU's byte x becomes ("Write Mode", GR05 bits 1-0).
func (v *VGA) pipeline(x byte) uint32 {
	g := &v.state.Gfx
	rot := g[3] & 7
	ror := x>>rot | x<<(8-rot)
	mask := g[8]
	var d uint32
	switch g[5] & 3 {
	case 0:
		set := spread[g[1]&15]
		d = uint32(ror)*0x01010101&^set | spread[g[0]&15]&set
	case 1:
		return v.state.Latch
	case 2:
		d = spread[x&15]
	case 3:
		d = spread[g[0]&15]
		mask &= ror
	}
	switch g[3] >> 3 & 3 {
	case 1:
		d &= v.state.Latch
	case 2:
		d |= v.state.Latch
	case 3:
		d ^= v.state.Latch
	}
	m := uint32(mask) * 0x01010101
	return d&m | v.state.Latch&^m
}

func (w *window) read(off uint64) byte {
	if off < w.lo || off >= w.hi || w.kind == windowOff {
		return 0xff
	}
	v, s := w.v, &w.v.state
	a, plane := off-w.lo, s.Gfx[4]&3
	switch {
	case w.kind == windowLinear:
		if i := v.bank() + a; i < uint64(len(v.vram)) {
			return v.vram[i]
		}
		return 0xff
	case w.kind == windowChain4:
		plane = byte(a & 3)
		a &^= 3
	case s.Gfx[5]&gfxOddEven != 0:
		plane = plane&2 | byte(a&1)
		a = w.oddEven(a)
	}
	i, ok := w.planeOffset(a)
	if !ok {
		return 0xff
	}
	s.Latch = binary.LittleEndian.Uint32(v.vram[i:])
	if s.Gfx[5]&8 == 0 {
		return byte(s.Latch >> (8 * plane))
	}
	// Read mode 1: bits where all planes that matter (GR07) equal the colour GR02.
	diff := (s.Latch ^ spread[s.Gfx[2]&15]) & spread[s.Gfx[7]&15]
	diff |= diff >> 16
	return ^byte(diff | diff>>8)
}
