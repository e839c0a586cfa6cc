package cpu

import (
	"fmt"
	"strconv"
	"strings"

	"g86/cpu/isa"
	"g86/cpu/softfloat"
)

// The x87 unit (SDM volume 1, chapter 8): stack, status word, exceptions and
// pointers. The instructions are in the other fpu files.

// Status word bits; the exception flags 0-5 are package softfloat's.
const (
	swIE  = softfloat.IE
	swSF  = 1 << 6 // stack fault
	swES  = 1 << 7 // an unmasked exception is pending
	swC0  = 1 << 8
	swC1  = 1 << 9
	swC2  = 1 << 10
	swTOP = 7 << 11
	swC3  = 1 << 14
	swB   = 1 << 15 // copy of ES since the 80287

	swCC = swC0 | swC1 | swC2 | swC3

	cwInit     = 0x37f
	cwReserved = 0x40   // always reads as one
	cwWritable = 0x1f3f // masks, precision, rounding, the 80287's infinity bit
)

type f80 = softfloat.F80

// fpuUnit is what is derived of the x87 state: never saved.
type fpuUnit struct {
	env  softfloat.Env
	side softfloat.Env // of what must not, or not yet, show in SW
	ferr bool          // level driven on FERR#
}

func (c *CPU) fpuTop() uint8 { return uint8(c.FPU.SW>>11) & 7 }

// phys is the register number of ST(i).
func (c *CPU) phys(i uint8) uint8 { return (c.fpuTop() + i) & 7 }

func (c *CPU) st(i uint8) f80 { return c.FPU.Reg[c.phys(i)] }

func (c *CPU) stEmpty(i uint8) bool { return c.FPU.Tag>>c.phys(i)&1 == 0 }

// setST writes ST(i) and tags it valid.
func (c *CPU) setST(i uint8, v f80) {
	p := c.phys(i)
	c.FPU.Reg[p] = v
	c.FPU.Tag |= 1 << p
}

func (c *CPU) stFree(i uint8) { c.FPU.Tag &^= 1 << c.phys(i) }

func (c *CPU) moveTop(by uint16) {
	c.FPU.SW = c.FPU.SW&^swTOP | (c.FPU.SW+by<<11)&swTOP
}

func (c *CPU) fpuPop() {
	c.stFree(0)
	c.moveTop(1)
}

// fpuPush pushes v; the caller has dealt with a full stack.
func (c *CPU) fpuPush(v f80) {
	c.moveTop(7)
	c.setST(0, v)
}

// fpuOpcodes holds the low three bits of each x87 form's opcode byte, in place
// for FOP.
var fpuOpcodes = func() []uint16 {
	t := make([]uint16, len(isa.Forms))
	for i := range isa.Forms {
		f := &isa.Forms[i]
		if f.Attr&isa.FPUCheck != 0 && f.Attr&isa.MMXCheck == 0 {
			first, _, _ := strings.Cut(f.Enc, " ")
			if b, err := strconv.ParseUint(first, 16, 8); err == nil {
				t[i] = uint16(b&7) << 8
			} else if first != "NP" { // FXSAVE and FXRSTOR have no FOP
				panic(fmt.Sprintf("cpu: opcode of %s %q", f.Mnemonic, f.Enc))
			}
		}
	}
	return t
}()

// fpuNote records the pointers of a non-control instruction (SDM volume 1,
// 8.1.8).
func (c *CPU) fpuNote(in *Op) {
	f := &c.FPU
	f.Op = fpuOpcodes[in.Form] | uint16(in.ModRM)
	f.IP = c.wrapIP(in.Next - uint64(in.Len))
	f.CSs = c.Seg[CS].Sel
}

// fpuStart begins a non-control instruction whose operands are read.
func (c *CPU) fpuStart(in *Op) {
	c.fpuNote(in)
	c.FPU.SW &^= swC1
}

// fpuStartMem is fpuStart with the memory operand's address.
func (c *CPU) fpuStartMem(in *Op, ea uint64) {
	c.fpuStart(in)
	c.FPU.DP, c.FPU.DSs = ea, c.Seg[in.Seg&7].Sel
}

// fpuEnv is the environment for the arithmetic of one instruction. While
// everything is masked the flags of SW are left in it, which spares the
// arithmetic finding out again that a result is inexact.
func (c *CPU) fpuEnv() *softfloat.Env {
	e := &c.x87.env
	*e = softfloat.X87Env(c.FPU.CW)
	if e.Mask == softfloat.AllExceptions {
		e.Flags = uint8(c.FPU.SW) & softfloat.AllExceptions
	}
	return e
}

// fpuFlags moves what the arithmetic raised to SW. stop reports an unmasked
// exception that leaves the operands alone (SDM volume 1, 8.5); with unmasked
// overflow or underflow a register result is still delivered.
func (c *CPU) fpuFlags(e *softfloat.Env) (stop bool) {
	f := &c.FPU
	f.SW |= uint16(e.Flags)
	if e.C1 {
		f.SW |= swC1
	}
	u := e.Unmasked()
	if u == 0 {
		return false
	}
	c.fpuSummary()
	return u&(softfloat.IE|softfloat.DE|softfloat.ZE) != 0
}

// fpuStackFault records a stack overflow or underflow; masked tells that the
// instruction goes on with the indefinite value.
func (c *CPU) fpuStackFault(overflow bool) (masked bool) {
	f := &c.FPU
	f.SW = f.SW&^swC1 | swIE | swSF
	if overflow {
		f.SW |= swC1
	}
	c.fpuSummary()
	return f.CW&swIE != 0
}

// fpuSummary derives ES, B and FERR# from the flags and masks.
func (c *CPU) fpuSummary() {
	f := &c.FPU
	f.SW &^= swES | swB
	if f.SW&^f.CW&softfloat.AllExceptions != 0 {
		f.SW |= swES | swB
	}
	c.driveFERR()
}

// driveFERR drives the FERR# pin: with CR0.NE clear, errors are reported by the
// machine's interrupt controller (SDM volume 1, 8.7.2).
func (c *CPU) driveFERR() {
	if level := c.ferrLevel(); level != c.x87.ferr {
		c.x87.ferr = level
		c.board.FERR(level)
	}
}

func (c *CPU) ferrLevel() bool { return c.FPU.SW&swES != 0 && c.CR0&CR0NE == 0 }

// fpuChanged follows a change of CR0 or CR4, or of the whole state.
func (c *CPU) fpuChanged() { c.driveFERR() }

// pendingMF reports a pending error to the waiting instruction that meets it. In
// the other mode FERR# has been active since the error; the interrupt, where it
// is enabled, came before this instruction.
func (c *CPU) pendingMF() {
	if c.FPU.SW&swES != 0 && c.CR0&CR0NE != 0 {
		c.raise(vecMF)
	}
}

// checkX87 raises what an instruction with attribute FPUCheck raises before it
// looks at its operands.
func (c *CPU) checkX87(in *Op) {
	a := isa.Forms[in.Form].Attr
	if a&isa.MMXCheck != 0 {
		c.checkMMX()
		return
	}
	if c.CR0&(CR0EM|CR0TS) != 0 {
		c.raise(vecNM)
	}
	if a&isa.FPUNoWait == 0 {
		c.pendingMF()
	}
}

// fwait waits for pending errors, and is the only one to look at CR0.MP.
func (c *CPU) fwait(in *Op) {
	if c.CR0&(CR0MP|CR0TS) == CR0MP|CR0TS {
		c.raise(vecNM)
	}
	c.pendingMF()
}
