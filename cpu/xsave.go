package cpu

import (
	"encoding/binary"

	"g86/cpu/isa"
	"g86/cpu/softfloat"
)

// FXSAVE, XSAVE and their relatives (SDM volume 1, 10.5 and chapter 13). The
// state components are x87 and SSE, which both lie in the legacy region, so that
// the compacted format differs in its header alone.

const (
	xX87 = 1 << 0
	xSSE = 1 << 1

	xCompacted = 1 << 63 // of XCOMP_BV

	fxSize    = 512
	xAreaSize = fxSize + 64
)

func init() {
	exec((*CPU).fxsave, "FXSAVE")
	exec((*CPU).fxrstor, "FXRSTOR")
	exec(func(c *CPU, in *Op) { c.xsave(in, false) }, "XSAVE")
	exec(func(c *CPU, in *Op) { c.xsave(in, true) }, "XSAVEOPT")
	exec((*CPU).xsavec, "XSAVEC", "XSAVES") // IA32_XSS is zero: no component is for supervisors only
	exec(func(c *CPU, in *Op) { c.xrstor(in, c.Model.Has(isa.XSAVEC), false) }, "XRSTOR")
	exec(func(c *CPU, in *Op) { c.xrstor(in, true, true) }, "XRSTORS")
}

// xmmCount is how many XMM registers are saved and restored.
func (c *CPU) xmmCount() int {
	if c.mode == 64 {
		return 16
	}
	return 8
}

// putX87 writes the x87 part of the image, without MXCSR: bytes 0-23 and 32-159.
func (c *CPU) putX87(in *Op, b []byte) {
	f := &c.FPU
	binary.LittleEndian.PutUint16(b, f.CW)
	binary.LittleEndian.PutUint16(b[2:], f.SW)
	b[4], b[5] = f.Tag, 0
	binary.LittleEndian.PutUint16(b[6:], f.Op&0x7ff)
	binary.LittleEndian.PutUint64(b[8:], f.IP)
	binary.LittleEndian.PutUint64(b[16:], f.DP)
	if in.OpSize != 8 {
		binary.LittleEndian.PutUint32(b[12:], uint32(f.CSs))
		binary.LittleEndian.PutUint32(b[20:], uint32(f.DSs))
	}
	for i := range uint8(8) {
		at := b[32+16*int(i):]
		putF80(at, c.st(i))
		clear(at[10:16])
	}
}

func (c *CPU) getX87(in *Op, b []byte) {
	f := &c.FPU
	f.CW = binary.LittleEndian.Uint16(b)&cwWritable | cwReserved
	f.SW = binary.LittleEndian.Uint16(b[2:])
	f.Tag = b[4]
	f.Op = binary.LittleEndian.Uint16(b[6:]) & 0x7ff
	if in.OpSize == 8 {
		f.IP, f.DP = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
		f.CSs, f.DSs = 0, 0
	} else {
		f.IP, f.CSs = uint64(binary.LittleEndian.Uint32(b[8:])), binary.LittleEndian.Uint16(b[12:])
		f.DP, f.DSs = uint64(binary.LittleEndian.Uint32(b[16:])), binary.LittleEndian.Uint16(b[20:])
	}
	for i := range uint8(8) {
		f.Reg[c.phys(i)] = getF80(b[32+16*int(i):])
	}
	c.fpuSummary()
}

func (c *CPU) putMXCSR(b []byte) {
	binary.LittleEndian.PutUint32(b[24:], c.MXCSR)
	binary.LittleEndian.PutUint32(b[28:], c.mxcsrMask())
}

// getMXCSR is the image's MXCSR; a reserved bit in it is #GP(0).
func (c *CPU) getMXCSR(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b[24:])
	if v&^c.mxcsrMask() != 0 {
		c.gp0()
	}
	return v
}

func (c *CPU) putXMM(b []byte) {
	for i := range c.xmmCount() {
		binary.LittleEndian.PutUint64(b[160+16*i:], c.XMM[i][0])
		binary.LittleEndian.PutUint64(b[168+16*i:], c.XMM[i][1])
	}
}

func (c *CPU) getXMM(b []byte) {
	for i := range c.xmmCount() {
		c.XMM[i] = [2]uint64{binary.LittleEndian.Uint64(b[160+16*i:]), binary.LittleEndian.Uint64(b[168+16*i:])}
	}
}

// fxsave leaves what lies behind the last register alone. Without CR4.OSFXSR
// only the x87 part is saved.
func (c *CPU) fxsave(in *Op) {
	ea := c.ea(in)
	c.align16(in, ea)
	c.checkWrite(in.Seg, ea, fxSize)
	var b [fxSize]byte
	c.putX87(in, b[:])
	n := 160
	if c.CR4&CR4OSFXSR != 0 {
		c.putMXCSR(b[:])
		c.putXMM(b[:])
		n += 16 * c.xmmCount()
	}
	c.storeBytes(in.Seg, ea, b[:n])
}

func (c *CPU) fxrstor(in *Op) {
	ea := c.ea(in)
	c.align16(in, ea)
	var b [fxSize]byte
	c.loadBytes(in.Seg, ea, b[:])
	if c.CR4&CR4OSFXSR != 0 {
		c.MXCSR = c.getMXCSR(b[:])
		c.getXMM(b[:])
	}
	c.getX87(in, b[:])
}

// xArea makes the checks common to the XSAVE family and returns the area's
// offset and the requested components.
func (c *CPU) xArea(in *Op) (ea, rfbm uint64) {
	if c.CR4&CR4OSXSAVE == 0 {
		c.ud()
	}
	if c.CR0&CR0TS != 0 {
		c.raise(vecNM)
	}
	ea = c.ea(in)
	if (c.seg[in.Seg&7].base+ea)&63 != 0 {
		c.gp0()
	}
	return ea, c.XCR0 & (c.GPR[RDX]<<32 | c.GPR[RAX]&0xffffffff)
}

// xInUse are the components that are not in their initial configuration.
func (c *CPU) xInUse() (m uint64) {
	if c.FPU != (FPU{CW: cwInit}) {
		m |= xX87
	}
	if c.XMM != ([16][2]uint64{}) {
		m |= xSSE
	}
	return m
}

// xsave is XSAVE, and XSAVEOPT, which writes no component in its initial
// configuration.
func (c *CPU) xsave(in *Op, opt bool) {
	ea, rfbm := c.xArea(in)
	c.checkWrite(in.Seg, ea, xAreaSize)
	inUse := c.xInUse()
	bv := c.load64(in.Seg, ea+fxSize)&^rfbm | inUse&rfbm
	save := rfbm
	if opt {
		save &= inUse
	}
	c.xWrite(in, ea, save, rfbm&xSSE != 0)
	c.store64(in.Seg, ea+fxSize, bv)
}

// xsavec writes the compacted format; MXCSR belongs to the SSE component.
func (c *CPU) xsavec(in *Op) {
	ea, rfbm := c.xArea(in)
	c.checkWrite(in.Seg, ea, xAreaSize)
	inUse := c.xInUse()
	if c.MXCSR != 0x1f80 {
		inUse |= xSSE
	}
	save := rfbm & inUse
	c.xWrite(in, ea, save, save&xSSE != 0)
	c.store64(in.Seg, ea+fxSize, save)
	c.store64(in.Seg, ea+fxSize+8, rfbm|xCompacted)
}

// xWrite writes the components in save, and MXCSR with its mask.
func (c *CPU) xWrite(in *Op, ea, save uint64, mxcsr bool) {
	var b [fxSize]byte
	if save&xX87 != 0 {
		c.putX87(in, b[:])
		c.storeBytes(in.Seg, ea, b[:24])
		c.storeBytes(in.Seg, ea+32, b[32:160])
	}
	if mxcsr {
		c.putMXCSR(b[:])
		c.storeBytes(in.Seg, ea+24, b[24:32])
	}
	if save&xSSE != 0 {
		c.putXMM(b[:])
		c.storeBytes(in.Seg, ea+160, b[160:160+16*c.xmmCount()])
	}
}

// xrstor loads the requested components, those absent from XSTATE_BV in their
// initial configuration.
func (c *CPU) xrstor(in *Op, compaction, mustCompact bool) {
	ea, rfbm := c.xArea(in)
	var b [xAreaSize]byte
	c.loadBytes(in.Seg, ea, b[:])
	bv := binary.LittleEndian.Uint64(b[fxSize:])
	comp := binary.LittleEndian.Uint64(b[fxSize+8:])
	compacted := compaction && comp&xCompacted != 0
	zeroFrom := fxSize + 8
	bad := bv&^c.XCR0 != 0 || mustCompact && !compacted
	if compacted {
		bad = bad || comp&^xCompacted&^c.XCR0 != 0 || bv&^comp != 0
		zeroFrom = fxSize + 16
	}
	zeroTo := xAreaSize
	if !compacted {
		zeroTo = fxSize + 24
	}
	for _, x := range b[zeroFrom:zeroTo] {
		bad = bad || x != 0
	}
	if bad {
		c.gp0()
	}
	load := rfbm & bv
	switch {
	case !compacted && rfbm&xSSE != 0, load&xSSE != 0:
		c.MXCSR = c.getMXCSR(b[:])
	case rfbm&xSSE != 0:
		c.MXCSR = 0x1f80
	}
	switch {
	case load&xSSE != 0:
		c.getXMM(b[:])
	case rfbm&xSSE != 0:
		for i := range c.xmmCount() {
			c.XMM[i] = [2]uint64{}
		}
	}
	switch {
	case load&xX87 != 0:
		c.getX87(in, b[:])
	case rfbm&xX87 != 0:
		c.FPU.Reg = [8]softfloat.F80{}
		c.fninit()
	}
}
