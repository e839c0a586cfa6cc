package cpu

import (
	"math/bits"

	"g86/cpu/isa"
	"g86/cpu/softfloat"
	"g86/cpu/vec"
)

// What the generated SSE and MMX functions call, and LDMXCSR and STMXCSR.

func init() {
	exec((*CPU).ldmxcsr, "LDMXCSR")
	exec(func(c *CPU, in *Op) { c.store32(in.Seg, c.ea(in), c.MXCSR) }, "STMXCSR")
}

// mxcsrMask are the bits of MXCSR that may be set; DAZ came with SSE2.
func (c *CPU) mxcsrMask() uint32 {
	if c.Model.Has(isa.SSE2) {
		return 0xffff
	}
	return 0xffbf
}

func (c *CPU) ldmxcsr(in *Op) {
	v := c.load32(in.Seg, c.ea(in))
	if v&^c.mxcsrMask() != 0 {
		c.gp0()
	}
	c.MXCSR = v
}

// sseUnit is the arithmetic environment of MXCSR, kept from one instruction to
// the next while MXCSR is what it was made from.
type sseUnit struct {
	env   softfloat.Env
	mxcsr uint32
}

// checkSSE raises what an SSE instruction raises before it looks at its operands.
func (c *CPU) checkSSE() {
	if c.CR0&(CR0EM|CR0TS) != 0 || c.CR4&CR4OSFXSR == 0 {
		c.sseUnusable()
	}
}

func (c *CPU) sseUnusable() {
	if c.CR0&CR0EM != 0 || c.CR4&CR4OSFXSR == 0 {
		c.ud()
	}
	c.raise(vecNM)
}

// checkMMX likewise for MMX instructions: they also wait for pending x87 errors.
func (c *CPU) checkMMX() {
	if c.CR0&(CR0EM|CR0TS) != 0 || c.FPU.SW&swES != 0 {
		c.mmxUnusable()
	}
}

func (c *CPU) mmxUnusable() {
	if c.CR0&CR0EM != 0 {
		c.ud()
	}
	if c.CR0&CR0TS != 0 {
		c.raise(vecNM)
	}
	c.pendingMF()
}

// sseEnv is the environment for one operation, to be followed by sseExceptions.
func (c *CPU) sseEnv() *softfloat.Env {
	u := &c.sse
	if u.mxcsr != c.MXCSR {
		u.mxcsr = c.MXCSR
		u.env = softfloat.SSEEnv(c.MXCSR)
	}
	if u.env.Mask != softfloat.AllExceptions {
		u.env.Flags = 0 // what this operation raises decides whether it faults
	}
	return &u.env
}

// sseExceptions moves the flags an operation raised to MXCSR and raises #XM if
// one of them is unmasked (#UD if the system does not know #XM).
func (c *CPU) sseExceptions() {
	u := &c.sse
	if m := u.mxcsr | uint32(u.env.Flags); m != u.mxcsr {
		c.MXCSR, u.mxcsr = m, m
	}
	if u.env.Flags&^u.env.Mask != 0 {
		if c.CR4&CR4OSXMMEXCPT == 0 {
			c.ud()
		}
		c.raise(vecXM)
	}
}

// align16 raises #GP(0) for a misaligned operand.
func (c *CPU) align16(in *Op, ea uint64) {
	if (c.seg[in.Seg&7].base+ea)&15 != 0 {
		c.gp0()
	}
}

// setMMX writes MMX register r: exponent and sign become all ones.
func (c *CPU) setMMX(r uint8, v vec.M) {
	c.FPU.Reg[r&7] = softfloat.F80{Sig: uint64(v), SE: 0xffff}
	c.FPU.Tag = 0xff
	c.FPU.SW &^= swTOP
}

// enterMMX is setMMX's effect on TOP and the tags alone.
func (c *CPU) enterMMX(in *Op) {
	c.FPU.Tag = 0xff
	c.FPU.SW &^= swTOP
}

// emms empties the tags; TOP becomes 0 as with every MMX instruction.
func (c *CPU) emms(in *Op) {
	c.FPU.Tag = 0
	c.FPU.SW &^= swTOP
}

// ptest is PTEST's flags: ZF for a&b == 0, CF for ^a&b == 0, the others clear.
func (c *CPU) ptest(in *Op, a, b vec.V) uint32 {
	zf, cf := vec.PTEST(a, b)
	return uint32(bit(zf))<<6 | uint32(bit(cf))
}

// insertps is the form with a scalar in memory: the immediate's source index is
// ignored.
func (c *CPU) insertps(in *Op, a, b vec.V) vec.V { return vec.INSERTPS(a, b, uint8(in.Imm)&0x3f) }

// strFlags sets the flags of a string comparison; AF and PF are cleared.
func (c *CPU) strFlags(f vec.StrFlags) {
	c.setStatus(uint32(bit(f.CF)) | uint32(bit(f.ZF))<<6 | uint32(bit(f.SF))<<7 | uint32(bit(f.OF))<<11)
}

// strLengths are the explicit lengths in rAX and rDX, signed.
func (c *CPU) strLengths(in *Op) (la, lb int64) {
	if in.OpSize == 8 {
		return int64(c.GPR[RAX]), int64(c.GPR[RDX])
	}
	return int64(int32(c.GPR[RAX])), int64(int32(c.GPR[RDX]))
}

func (c *CPU) pcmpestri(in *Op, a, b vec.V) {
	la, lb := c.strLengths(in)
	i, f := vec.PCMPESTRI(a, b, la, lb, uint8(in.Imm))
	c.GPR[RCX] = uint64(i)
	c.strFlags(f)
}

func (c *CPU) pcmpestrm(in *Op, a, b vec.V) {
	la, lb := c.strLengths(in)
	m, f := vec.PCMPESTRM(a, b, la, lb, uint8(in.Imm))
	c.XMM[0] = m
	c.strFlags(f)
}

func (c *CPU) pcmpistri(in *Op, a, b vec.V) {
	i, f := vec.PCMPISTRI(a, b, uint8(in.Imm))
	c.GPR[RCX] = uint64(i)
	c.strFlags(f)
}

func (c *CPU) pcmpistrm(in *Op, a, b vec.V) {
	m, f := vec.PCMPISTRM(a, b, uint8(in.Imm))
	c.XMM[0] = m
	c.strFlags(f)
}

func (c *CPU) maskmovq(in *Op) {
	c.maskedStore(in, c.FPU.Reg[in.Reg&7].Sig, c.FPU.Reg[in.RM&7].Sig, c.GPR[RDI]&in.AMask)
	c.enterMMX(in)
}

func (c *CPU) maskmovdqu(in *Op) {
	v, m := c.XMM[in.Reg&15], c.XMM[in.RM&15]
	di := c.GPR[RDI] & in.AMask
	mask := vec.PMOVMSKB(m)
	if mask == 0 {
		return
	}
	c.checkMasked(in, di, mask)
	c.maskedStore(in, v[0], m[0], di)
	c.maskedStore(in, v[1], m[1], (di+8)&in.AMask)
}

// checkMasked raises the faults of a masked store before its first write: those
// of the span from the first to the last selected byte.
func (c *CPU) checkMasked(in *Op, at uint64, mask uint32) {
	first, last := bits.TrailingZeros32(mask), 31-bits.LeadingZeros32(mask)
	c.checkWrite(in.Seg, (at+uint64(first))&in.AMask, last-first+1)
}

// maskedStore writes those of the eight bytes of v whose mask byte has its top bit
// set. Nothing selected accesses nothing.
func (c *CPU) maskedStore(in *Op, v, m, at uint64) {
	mask := vec.PMOVMSKBM(vec.M(m))
	if mask == 0 {
		return
	}
	c.checkMasked(in, at, mask)
	for i := range 8 {
		if mask>>i&1 != 0 {
			c.store8(in.Seg, (at+uint64(i))&in.AMask, uint8(v>>(8*i)))
		}
	}
}
