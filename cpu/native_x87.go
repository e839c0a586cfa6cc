package cpu

import (
	"unsafe"

	"g86/cpu/isa"
	"g86/cpu/softfloat"
)

// The x87 unit under translated code. While NativeState.X87 is 0 the guest's
// registers, control and status word are the host's; they go there when a block
// comes to its first x87 instruction, and come back whenever host code does. That
// needs all exceptions masked. What the pointers (FOP, FIP, FDP) say is noted beside.

// Values of NativeState.X87.
const (
	x87Loaded = iota // the guest's state is the host's
	x87Memory        // it is in State
)

// x87Image is the part of an XSAVE area that x87 state takes (SDM volume 1, 13.4).
type x87Image struct {
	CW, SW uint16
	Tag, _ uint8
	Op     uint16
	IP, DP uint64
	_      [8]byte // MXCSR, which goes with other state
	ST     [8]struct {
		Sig uint64
		SE  uint16
		_   [6]byte
	}
	_        [512 - 32 - 128]byte
	XStateBV uint64
	XCompBV  uint64
	_        [48]byte
	_        [64]byte // room for the area to begin at a multiple of 64
}

// x87ImageAt is the area's offset in CPU, whose address is a multiple of 64.
const x87ImageAt = (unsafe.Offsetof(CPU{}.native) + unsafe.Offsetof(NativeState{}.x87) + 63) &^ 63

func (c *CPU) x87Image() *x87Image {
	return (*x87Image)(unsafe.Add(unsafe.Pointer(c), x87ImageAt))
}

// X87 reports whether the instruction is one of the x87 unit that may run there
// without more ado.
func (op *Op) X87() bool {
	a := isa.Forms[op.Form].Attr
	return !op.absent && (a&isa.FPUCheck != 0 && a&isa.MMXCheck == 0 || op.Form == fwaitForm)
}

var fwaitForm = func() isa.ID {
	for i := range isa.Forms {
		if isa.Forms[i].Mnemonic == "FWAIT" {
			return isa.ID(i)
		}
	}
	panic("cpu: no FWAIT")
}()

// x87MayRun reports whether x87 instructions of translated code may run on the
// host: they raise nothing.
func (c *CPU) x87MayRun() bool {
	return c.CR0&(CR0EM|CR0TS) == 0 && c.FPU.CW&softfloat.AllExceptions == softfloat.AllExceptions && c.FPU.SW&swES == 0
}

// x87ToHost prepares the image for host code to load.
func (c *CPU) x87ToHost() {
	f, m := &c.FPU, c.x87Image()
	m.CW, m.SW, m.Tag = f.CW, f.SW, f.Tag
	m.XStateBV = 1
	for i := range m.ST {
		r := &f.Reg[c.phys(uint8(i))]
		m.ST[i].Sig, m.ST[i].SE = r.Sig, r.SE
	}
	n := &c.native
	n.X87, n.X87Note, n.X87Seg = x87Loaded, 0, 0
}

// x87FromHost takes the state over that host code has left.
func (c *CPU) x87FromHost() {
	f, m, n := &c.FPU, c.x87Image(), &c.native
	f.CW, f.SW, f.Tag = m.CW, m.SW, m.Tag
	for i := range m.ST {
		f.Reg[c.phys(uint8(i))] = f80{Sig: m.ST[i].Sig, SE: m.ST[i].SE}
	}
	n.X87 = x87Memory
	if n.X87Note != 0 {
		x := c.code.translator.Exit(n.X87Note)
		c.fpuNote(&x.Block.ops[x.Op])
	}
	if n.X87Seg != 0 {
		f.DP, f.DSs = n.X87DP, c.Seg[n.X87Seg-1].Sel
	}
}
