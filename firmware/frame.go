package firmware

import "encoding/binary"

// Register numbers of CPU.Reg, in the order of the instruction encoding.
const (
	rAX = iota
	rCX
	rDX
	rBX
	rSP
	rBP
	rSI
	rDI
)

// Segment register numbers of CPU.Seg, in the order of the instruction encoding.
const (
	sES = iota
	sCS
	sSS
	sDS
)

// CPU is the processor that executes a trap, as the firmware sees it. At the
// time of the call its instruction pointer is at or right behind the OUT.
type CPU interface {
	// Reg and SetReg access AX, CX, DX, BX, SP, BP, SI, DI (0-7) at full width.
	Reg(i int) uint64
	SetReg(i int, v uint64)
	// Seg and SegBase give the selector and the base of ES, CS, SS, DS (0-3).
	Seg(i int) uint16
	SegBase(i int) uint64
	// SetSeg loads a segment register as real-address mode does.
	SetSeg(i int, sel uint16)
	IP() uint64
	// Flags and SetFlags access the low 32 bits of RFLAGS.
	Flags() uint32
	SetFlags(v uint32)
	// Protected is CR0.PE set outside of virtual-8086 mode.
	Protected() bool
	// Translate gives the physical address behind a linear one (paging, A20)
	// without faulting and without regard to rights.
	Translate(linear uint64) (pa uint64, ok bool)
}

// Bits of FLAGS.
const (
	flagCF = 1 << 0
	flagZF = 1 << 6
	flagIF = 1 << 9
)

// stackShape says what lies on the stack when a trap arrives.
type stackShape int

const (
	shapeInt    stackShape = iota // AX DX IP CS FLAGS: the body of an interrupt handler
	shapeInline                   // AX DX: in the middle of ROM code; flags are the live ones
	shapeFar32                    // EAX EDX, 32-bit code
)

// waiting tells a stub how to repeat its trap.
type waiting int

const (
	waitNone waiting = iota // done
	waitIdle                // HLT until an interrupt, then trap again
	waitSpin                // trap again at once, interrupts enabled
)

// frame is the caller's register file during a service. Services read and
// change it freely; finish writes back what changed.
type frame struct {
	b     *BIOS
	cpu   CPU
	shape stackShape
	r     [8]uint32
	was   [8]uint32
	es    uint16
	ds    uint16
	ip    uint16
	cs    uint16
	flags uint16 // the caller's for shapeInt, else the live ones
	stack uint64 // linear address of the saved AX
	wait  waiting
}

func (b *BIOS) newFrame(cpu CPU, shape stackShape) *frame {
	f := &frame{b: b, cpu: cpu, shape: shape, es: cpu.Seg(sES), ds: cpu.Seg(sDS)}
	for i := range f.r {
		f.r[i] = uint32(cpu.Reg(i))
	}
	sp := uint64(f.r[rSP])
	if !cpu.Protected() {
		sp &= 0xffff
	}
	f.stack = cpu.SegBase(sSS) + sp
	f.flags = uint16(cpu.Flags())
	switch shape {
	case shapeFar32:
		f.r[rAX], f.r[rDX] = f.rd32(f.stack), f.rd32(f.stack+4)
	case shapeInt:
		f.ip, f.cs, f.flags = f.rd16(f.stack+4), f.rd16(f.stack+6), f.rd16(f.stack+8)
		fallthrough
	default:
		f.setLo(rAX, f.rd16(f.stack))
		f.setLo(rDX, f.rd16(f.stack+2))
	}
	f.was = f.r
	return f
}

// finish gives the registers back to the caller.
func (f *frame) finish() {
	for i, v := range f.r {
		if v != f.was[i] && i != rSP {
			f.cpu.SetReg(i, f.cpu.Reg(i)&^0xffffffff|uint64(v))
		}
	}
	if f.es != f.cpu.Seg(sES) {
		f.cpu.SetSeg(sES, f.es)
	}
	if f.ds != f.cpu.Seg(sDS) {
		f.cpu.SetSeg(sDS, f.ds)
	}
	live := f.cpu.Flags()
	switch f.shape {
	case shapeFar32:
		f.wr32(f.stack, f.r[rAX])
		f.wr32(f.stack+4, f.r[rDX])
		f.cpu.SetFlags(live&^flagCF | uint32(f.flags)&flagCF)
		return
	case shapeInline:
		f.cpu.SetFlags(live&^(flagCF|flagZF) | uint32(f.flags)&(flagCF|flagZF))
	case shapeInt:
		f.wr16(f.stack+4, f.ip)
		f.wr16(f.stack+6, f.cs)
		f.wr16(f.stack+8, f.flags)
		live &^= flagCF | flagZF
		switch f.wait {
		case waitIdle:
			live |= flagCF
		case waitSpin:
			live |= flagCF | flagZF
		}
		f.cpu.SetFlags(live)
	}
	f.wr16(f.stack, f.ax())
	f.wr16(f.stack+2, f.dx())
}

// jump makes the handler's IRET continue at cs:ip with a fresh stack, all
// segments zero and interrupts enabled.
func (f *frame) jump(cs, ip uint16) {
	const top = 0x7bf0 // right below the boot sector, with some room
	f.cpu.SetSeg(sSS, 0)
	f.cpu.SetReg(rSP, top)
	f.stack = top
	f.cs, f.ip, f.flags = cs, ip, flagIF|2
	f.es, f.ds = 0, 0
}

func (f *frame) ax() uint16 { return uint16(f.r[rAX]) }
func (f *frame) bx() uint16 { return uint16(f.r[rBX]) }
func (f *frame) cx() uint16 { return uint16(f.r[rCX]) }
func (f *frame) dx() uint16 { return uint16(f.r[rDX]) }
func (f *frame) bp() uint16 { return uint16(f.r[rBP]) }
func (f *frame) si() uint16 { return uint16(f.r[rSI]) }
func (f *frame) di() uint16 { return uint16(f.r[rDI]) }
func (f *frame) al() byte   { return byte(f.r[rAX]) }
func (f *frame) ah() byte   { return byte(f.r[rAX] >> 8) }
func (f *frame) bl() byte   { return byte(f.r[rBX]) }
func (f *frame) bh() byte   { return byte(f.r[rBX] >> 8) }
func (f *frame) cl() byte   { return byte(f.r[rCX]) }
func (f *frame) ch() byte   { return byte(f.r[rCX] >> 8) }
func (f *frame) dl() byte   { return byte(f.r[rDX]) }
func (f *frame) dh() byte   { return byte(f.r[rDX] >> 8) }

// setLo sets the low word of register i, setB0 and setB1 one of its low bytes.
func (f *frame) setLo(i int, v uint16) { f.r[i] = f.r[i]&^0xffff | uint32(v) }
func (f *frame) setB0(i int, v byte)   { f.r[i] = f.r[i]&^0xff | uint32(v) }
func (f *frame) setB1(i int, v byte)   { f.r[i] = f.r[i]&^0xff00 | uint32(v)<<8 }
func (f *frame) setAX(v uint16)        { f.setLo(rAX, v) }
func (f *frame) setAL(v byte)          { f.setB0(rAX, v) }
func (f *frame) setAH(v byte)          { f.setB1(rAX, v) }

func (f *frame) set(flag uint16, on bool) {
	f.flags &^= flag
	if on {
		f.flags |= flag
	}
}

// fail returns code in AH with carry set; ok returns AH=0 with carry clear.
func (f *frame) fail(code byte) {
	f.setAH(code)
	f.set(flagCF, true)
}

func (f *frame) ok() {
	f.setAH(0)
	f.set(flagCF, false)
}

// lin is the linear address of seg:off.
func lin(seg, off uint16) uint64 { return uint64(seg)<<4 + uint64(off) }

// read and write access guest memory by linear address; pages that are not
// there read as ones and swallow writes.
func (f *frame) read(at uint64, p []byte) {
	f.pages(at, p, f.b.hw.Bus.ReadPhys, func(p []byte) {
		for i := range p {
			p[i] = 0xff
		}
	})
}

func (f *frame) write(at uint64, p []byte) {
	f.pages(at, p, f.b.hw.Bus.WritePhys, func([]byte) {})
}

func (f *frame) pages(at uint64, p []byte, access func(uint64, []byte), missing func([]byte)) {
	for len(p) > 0 {
		n := min(len(p), int(0x1000-at&0xfff))
		if pa, ok := f.cpu.Translate(at); ok {
			access(pa, p[:n])
		} else {
			missing(p[:n])
		}
		p, at = p[n:], at+uint64(n)
	}
}

func (f *frame) bytes(at uint64, n int) []byte {
	p := make([]byte, n)
	f.read(at, p)
	return p
}

func (f *frame) rd8(at uint64) byte {
	var p [1]byte
	f.read(at, p[:])
	return p[0]
}

func (f *frame) rd16(at uint64) uint16 {
	var p [2]byte
	f.read(at, p[:])
	return binary.LittleEndian.Uint16(p[:])
}

func (f *frame) rd32(at uint64) uint32 {
	var p [4]byte
	f.read(at, p[:])
	return binary.LittleEndian.Uint32(p[:])
}

func (f *frame) rd64(at uint64) uint64 {
	return uint64(f.rd32(at)) | uint64(f.rd32(at+4))<<32
}

func (f *frame) wr8(at uint64, v byte)    { f.write(at, []byte{v}) }
func (f *frame) wr16(at uint64, v uint16) { f.write(at, binary.LittleEndian.AppendUint16(nil, v)) }
func (f *frame) wr32(at uint64, v uint32) { f.write(at, binary.LittleEndian.AppendUint32(nil, v)) }

func (f *frame) in(port uint16) byte     { return byte(f.b.hw.Bus.In(port, 1)) }
func (f *frame) out(port uint16, v byte) { f.b.hw.Bus.Out(port, 1, uint32(v)) }
