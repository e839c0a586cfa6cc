package cpu

import "g86/cpu/softfloat"

// x87 loads, stores, constants and moves within the stack.

// fpuLoad is a memory operand of at most 64 bits: its size, its conversion, and
// for reals a conversion of NaNs that leaves them as they are.
type fpuLoad struct {
	size    int
	convert func(raw uint64, e *softfloat.Env) f80
	nan     func(raw uint64) (v f80, ok bool)
}

var (
	loadF32 = fpuLoad{4, func(v uint64, e *softfloat.Env) f80 { return softfloat.F80FromF32(uint32(v), e) }, func(v uint64) (f80, bool) {
		sig := v & 0x7fffff
		return f80{Sig: 1<<63 | sig<<40, SE: 0x7fff | uint16(v>>16)&0x8000}, v>>23&0xff == 0xff && sig != 0
	}}
	loadF64 = fpuLoad{8, softfloat.F80FromF64, func(v uint64) (f80, bool) {
		sig := v & (1<<52 - 1)
		return f80{Sig: 1<<63 | sig<<11, SE: 0x7fff | uint16(v>>48)&0x8000}, v>>52&0x7ff == 0x7ff && sig != 0
	}}
	loadI16 = fpuLoad{2, func(v uint64, _ *softfloat.Env) f80 { return softfloat.F80FromInt64(int64(int16(v))) }, nil}
	loadI32 = fpuLoad{4, func(v uint64, _ *softfloat.Env) f80 { return softfloat.F80FromInt64(int64(int32(v))) }, nil}
	loadI64 = fpuLoad{8, func(v uint64, _ *softfloat.Env) f80 { return softfloat.F80FromInt64(int64(v)) }, nil}
)

func (l *fpuLoad) read(c *CPU, in *Op, ea uint64) uint64 { return c.load(in.Seg, ea, l.size) }

// fpuOperand is the value as the second operand beside other, as it is: the
// operation proper deals with NaNs. denormal tells that it raises DE, which a NaN
// beside it hides (SDM volume 1, 8.6).
func (c *CPU) fpuOperand(l *fpuLoad, raw uint64, other f80) (v f80, denormal bool) {
	side := &c.x87.side
	*side = softfloat.Env{Mask: softfloat.AllExceptions}
	if l.nan == nil {
		return l.convert(raw, side), false
	}
	if v, ok := l.nan(raw); ok {
		return v, false
	}
	v = l.convert(raw, side)
	if side.Flags&softfloat.DE != 0 {
		k := other.Class()
		return v, k != softfloat.NaN && k != softfloat.Unsupported
	}
	return v, false
}

// fpuSide returns the environment to operate on a denormal in memory, which the
// operation itself no longer sees: fpuJoin adds DE, unless there was an exception
// of higher priority.
func (c *CPU) fpuSide(e *softfloat.Env) *softfloat.Env {
	c.x87.side = *e
	c.x87.side.Flags = 0
	return &c.x87.side
}

func (c *CPU) fpuJoin(e *softfloat.Env) {
	side := &c.x87.side
	if side.Flags&(softfloat.IE|softfloat.ZE) == 0 {
		if e.Mask&softfloat.DE == 0 { // stopped before the result was known
			side.Flags, side.C1 = 0, false
		}
		side.Flags |= softfloat.DE
	}
	e.Flags |= side.Flags
	e.C1 = side.C1
}

// fpuStore is a store to memory. value returns the bytes of a; indefinite are
// those of an empty register.
type fpuStore struct {
	size       int
	value      func(a f80, e *softfloat.Env) uint64
	indefinite uint64
}

var (
	storeF32 = fpuStore{4, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80ToF32(a, e)) }, uint64(softfloat.Indefinite32)}
	storeF64 = fpuStore{8, softfloat.F80ToF64, softfloat.Indefinite64}
	storeI16 = fpuStore{2, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80ToInt16(a, e)) }, 1 << 15}
	storeI32 = fpuStore{4, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80ToInt32(a, e)) }, 1 << 31}
	storeI64 = fpuStore{8, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80ToInt64(a, e)) }, 1 << 63}
	truncI16 = fpuStore{2, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80TruncToInt16(a, e)) }, 1 << 15}
	truncI32 = fpuStore{4, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80TruncToInt32(a, e)) }, 1 << 31}
	truncI64 = fpuStore{8, func(a f80, e *softfloat.Env) uint64 { return uint64(softfloat.F80TruncToInt64(a, e)) }, 1 << 63}
)

func init() {
	for name, l := range map[string]*fpuLoad{
		"FLD Mss": &loadF32, "FLD Msd": &loadF64, "FILD Mw": &loadI16, "FILD Md": &loadI32, "FILD Mq": &loadI64,
	} {
		exec(func(c *CPU, in *Op) { c.fld(in, l) }, name)
	}
	for name, s := range map[string]*fpuStore{
		"FST Mss": &storeF32, "FST Msd": &storeF64, "FIST Mw": &storeI16, "FIST Md": &storeI32,
	} {
		exec(func(c *CPU, in *Op) { c.fst(in, s, false) }, name)
	}
	for name, s := range map[string]*fpuStore{
		"FSTP Mss": &storeF32, "FSTP Msd": &storeF64, "FISTP Mw": &storeI16, "FISTP Md": &storeI32, "FISTP Mq": &storeI64,
		"FISTTP Mw": &truncI16, "FISTTP Md": &truncI32, "FISTTP Mq": &truncI64,
	} {
		exec(func(c *CPU, in *Op) { c.fst(in, s, true) }, name)
	}
	exec(func(c *CPU, in *Op) {
		ea := c.ea(in)
		var b [10]byte
		c.loadAligned(in.Seg, ea, b[:], 8)
		c.fpuStartMem(in, ea)
		c.fpuLoaded(getF80(b[:]))
	}, "FLD Mt")
	exec(func(c *CPU, in *Op) {
		ea := c.ea(in)
		var b [10]byte
		c.loadBytes(in.Seg, ea, b[:])
		c.fpuStartMem(in, ea)
		c.fpuLoaded(softfloat.F80FromBCD(b))
	}, "FBLD")
	exec((*CPU).fstpT, "FSTP Mt")
	exec((*CPU).fbstp, "FBSTP")
	exec((*CPU).fldST, "FLD T")
	exec(func(c *CPU, in *Op) { c.fstST(in, false) }, "FST T")
	exec(func(c *CPU, in *Op) { c.fstST(in, true) }, "FSTP T")
	exec(func(c *CPU, in *Op) { // no stack fault: an empty ST(0) is popped without a store
		c.fpuStart(in)
		if !c.stEmpty(0) {
			c.setST(in.RM&7, c.st(0))
		}
		c.fpuPop()
	}, "FSTPNCE")
	for name, v := range map[string]func(rc uint8) f80{
		"FLD1": func(uint8) f80 { return softfloat.FLD1() }, "FLDZ": func(uint8) f80 { return softfloat.FLDZ() },
		"FLDL2T": softfloat.FLDL2T, "FLDL2E": softfloat.FLDL2E, "FLDPI": softfloat.FLDPI,
		"FLDLG2": softfloat.FLDLG2, "FLDLN2": softfloat.FLDLN2,
	} {
		exec(func(c *CPU, in *Op) {
			c.fpuStart(in)
			c.fpuLoaded(v(uint8(c.FPU.CW>>10) & 3))
		}, name)
	}
	exec((*CPU).fxch, "FXCH")
	for cc, name := range map[uint8]string{2: "B", 3: "NB", 4: "E", 5: "NE", 6: "BE", 7: "NBE", 10: "U", 11: "NU"} {
		exec(func(c *CPU, in *Op) { c.fcmov(in, cc) }, "FCMOV"+name)
	}
	exec(func(c *CPU, in *Op) { c.fpuStart(in); c.stFree(in.RM & 7) }, "FFREE")
	exec(func(c *CPU, in *Op) { c.fpuStart(in); c.stFree(in.RM & 7); c.fpuPop() }, "FFREEP")
	exec(func(c *CPU, in *Op) { c.fpuStart(in); c.moveTop(1) }, "FINCSTP")
	exec(func(c *CPU, in *Op) { c.fpuStart(in); c.moveTop(7) }, "FDECSTP")
	exec(func(c *CPU, in *Op) { c.fpuNote(in) }, "FNOP")
}

// fpuLoaded pushes v unless the stack is full.
func (c *CPU) fpuLoaded(v f80) {
	if !c.stEmpty(7) {
		if !c.fpuStackFault(true) {
			return
		}
		v = softfloat.Indefinite80
	}
	c.fpuPush(v)
}

func (c *CPU) fld(in *Op, l *fpuLoad) {
	ea := c.ea(in)
	raw := l.read(c, in, ea)
	c.fpuStartMem(in, ea)
	if !c.stEmpty(7) {
		if c.fpuStackFault(true) {
			c.fpuPush(softfloat.Indefinite80)
		}
		return
	}
	e := c.fpuEnv()
	v := l.convert(raw, e)
	c.fpuFlags(e)
	if e.Unmasked()&softfloat.IE == 0 { // a denormal is loaded even if it is reported
		c.fpuPush(v)
	}
}

// fst stores ST(0). Nothing is stored and popped if an exception other than
// inexact is unmasked; the memory operand is checked in any case, and before
// anything changes.
func (c *CPU) fst(in *Op, s *fpuStore, pop bool) {
	ea := c.ea(in)
	if c.stEmpty(0) {
		c.fstEmpty(in, ea, s.size, 1, func() { c.store(in.Seg, ea, s.size, s.indefinite) }, pop)
		return
	}
	e := c.fpuEnv()
	v := s.value(c.st(0), e)
	keep := fpuKeeps(e)
	if keep {
		c.checkWrite(in.Seg, ea, s.size)
	} else {
		c.store(in.Seg, ea, s.size, v)
	}
	c.fpuStartMem(in, ea)
	c.fpuFlags(e)
	if pop && !keep {
		c.fpuPop()
	}
}

// fpuKeeps reports whether an unmasked exception keeps memory and the stack as
// they are. Without a result there is nothing inexact about it.
func fpuKeeps(e *softfloat.Env) bool {
	if e.Unmasked()&^softfloat.PE == 0 {
		return false
	}
	e.Flags &^= softfloat.PE
	e.C1 = false
	return true
}

// fstEmpty is the store of an empty ST(0): the indefinite value if that is masked.
func (c *CPU) fstEmpty(in *Op, ea uint64, size, align int, store func(), pop bool) {
	masked := c.FPU.CW&swIE != 0
	if masked {
		store()
	} else {
		c.checkWriteAligned(in.Seg, ea, size, align)
	}
	c.fpuStartMem(in, ea)
	c.fpuStackFault(false)
	if pop && masked {
		c.fpuPop()
	}
}

func (c *CPU) fstpT(in *Op) {
	ea := c.ea(in)
	var b [10]byte
	if c.stEmpty(0) {
		putF80(b[:], softfloat.Indefinite80)
		c.fstEmpty(in, ea, 10, 8, func() { c.storeAligned(in.Seg, ea, b[:], 8) }, true)
		return
	}
	putF80(b[:], c.st(0))
	c.storeAligned(in.Seg, ea, b[:], 8)
	c.fpuStartMem(in, ea)
	c.fpuPop()
}

// bcdIndefinite is what FBSTP stores for a value it cannot represent.
var bcdIndefinite = [10]byte{7: 0xc0, 8: 0xff, 9: 0xff}

func (c *CPU) fbstp(in *Op) {
	ea := c.ea(in)
	if c.stEmpty(0) {
		c.fstEmpty(in, ea, 10, 1, func() { c.storeBytes(in.Seg, ea, bcdIndefinite[:]) }, true)
		return
	}
	e := c.fpuEnv()
	b := softfloat.F80ToBCD(c.st(0), e)
	keep := fpuKeeps(e)
	if keep {
		c.checkWrite(in.Seg, ea, 10)
	} else {
		c.storeBytes(in.Seg, ea, b[:])
	}
	c.fpuStartMem(in, ea)
	c.fpuFlags(e)
	if !keep {
		c.fpuPop()
	}
}

// fldST pushes a copy of ST(i), numbered before the push. An empty source counts
// before a full stack.
func (c *CPU) fldST(in *Op) {
	c.fpuStart(in)
	i := in.RM & 7
	v := c.st(i)
	if c.stEmpty(i) || !c.stEmpty(7) {
		if !c.fpuStackFault(!c.stEmpty(i)) {
			return
		}
		v = softfloat.Indefinite80
	}
	c.fpuPush(v)
}

func (c *CPU) fstST(in *Op, pop bool) {
	c.fpuStart(in)
	v := c.st(0)
	if c.stEmpty(0) {
		if !c.fpuStackFault(false) {
			return
		}
		v = softfloat.Indefinite80
	}
	c.setST(in.RM&7, v)
	if pop {
		c.fpuPop()
	}
}

func (c *CPU) fxch(in *Op) {
	c.fpuStart(in)
	i := in.RM & 7
	if c.stEmpty(0) || c.stEmpty(i) {
		if !c.fpuStackFault(false) {
			return
		}
		for _, k := range [2]uint8{0, i} {
			if c.stEmpty(k) {
				c.setST(k, softfloat.Indefinite80)
			}
		}
	}
	a, b := c.st(0), c.st(i)
	c.setST(0, b)
	c.setST(i, a)
}

// fcmov moves ST(i) to ST(0) on condition; the stack is checked in any case. C1
// changes with a stack fault only.
func (c *CPU) fcmov(in *Op, cc uint8) {
	c.fpuNote(in)
	i := in.RM & 7
	if c.stEmpty(0) || c.stEmpty(i) {
		if c.fpuStackFault(false) {
			c.setST(0, softfloat.Indefinite80)
		}
		return
	}
	if c.cond(cc) {
		c.setST(0, c.st(i))
	}
}
