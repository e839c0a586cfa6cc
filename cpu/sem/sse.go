package sem

import (
	"strings"

	"g86/cpu/ir"
)

// SSE to SSE4.2, AES, PCLMULQDQ and SHA: where the mnemonic is also the name of
// the function in package vec, one list for each shape.
var vectorShapes = []struct {
	shape func(name string, flags uint64) Func
	flags uint64
	names string
}{
	{binary, 0, `UNPCKLPS UNPCKHPS UNPCKLPD UNPCKHPD MOVHLPS MOVLHPS PUNPCKLQDQ PUNPCKHQDQ RCPSS RSQRTSS
		PMULDQ PMULLD PCMPEQQ PCMPGTQ PACKUSDW PMINSB PMINSD PMINUW PMINUD PMAXSB PMAXSD PMAXUW PMAXUD
		AESENC AESENCLAST AESDEC AESDECLAST SHA1NEXTE SHA1MSG1 SHA1MSG2 SHA256MSG1 SHA256MSG2`},
	{unary, 0, `RCPPS RSQRTPS MOVSHDUP MOVSLDUP MOVDDUP PHMINPOSUW AESIMC CVTDQ2PD
		PMOVSXBW PMOVSXBD PMOVSXBQ PMOVSXWD PMOVSXWQ PMOVSXDQ PMOVZXBW PMOVZXBD PMOVZXBQ PMOVZXWD PMOVZXWQ PMOVZXDQ`},
	{unary, ir.VecImm, "PSHUFD PSHUFLW PSHUFHW AESKEYGENASSIST"},
	{binary, ir.VecImm, "SHUFPS SHUFPD BLENDPS BLENDPD PBLENDW MPSADBW PCLMULQDQ SHA1RNDS4"},
	{blend, 0, "PBLENDVB BLENDVPS BLENDVPD SHA256RNDS2"},
	{binary, ir.VecEnv, `ADDPS ADDPD ADDSS ADDSD SUBPS SUBPD SUBSS SUBSD MULPS MULPD MULSS MULSD DIVPS DIVPD DIVSS DIVSD
		MINPS MINPD MINSS MINSD MAXPS MAXPD MAXSS MAXSD SQRTSS SQRTSD ADDSUBPS ADDSUBPD HADDPS HADDPD HSUBPS HSUBPD
		CVTSS2SD CVTSD2SS`},
	{unary, ir.VecEnv, "SQRTPS SQRTPD CVTPS2PD CVTPD2PS CVTDQ2PS CVTPS2DQ CVTTPS2DQ CVTPD2DQ CVTTPD2DQ"},
	{binary, ir.VecEnv | ir.VecImm, "CMPPS CMPPD CMPSS CMPSD DPPS DPPD ROUNDSS ROUNDSD"},
	{unary, ir.VecEnv | ir.VecImm, "ROUNDPS ROUNDPD"},
	{compareFlags, ir.VecEnv, "COMISS UCOMISS COMISD UCOMISD"},
	{toInteger, ir.VecEnv, "CVTSS2SI CVTTSS2SI CVTSD2SI CVTTSD2SI"},
	{fromInteger, ir.VecEnv, "CVTSI2SS CVTSI2SD"},
	{toMMX, ir.VecEnv, "CVTPS2PI CVTTPS2PI CVTPD2PI CVTTPD2PI"},
	{extract, ir.VecImm, "PEXTRB PEXTRD PEXTRQ EXTRACTPS"},
	{insert, ir.VecImm, "PINSRB PINSRD PINSRQ"},
}

func init() {
	for _, s := range vectorShapes {
		for _, name := range strings.Fields(s.names) {
			def(s.shape(name, s.flags), name)
		}
	}
	for name, as := range map[string]string{"AND": "PAND", "ANDN": "PANDN", "OR": "POR", "XOR": "PXOR"} {
		def(binary(as, 0), name+"PS", name+"PD")
	}
	for _, name := range []string{"PSLLDQ", "PSRLDQ"} {
		def(func(c *Ctx) { c.WriteV(0, c.Vec(ir.V128, name, ir.VecImm, c.ReadV(0))) }, name)
	}
	def(extract("PEXTRW", ir.VecImm), "PEXTRW Gd,Udq,Ib", "PEXTRW Rd/Mw,Vdq,Ib")
	def(insert("PINSRW", ir.VecImm), "PINSRW Vdq,Rd/Mw,Ib")
	def(mask("PMOVMSKB"), "PMOVMSKB Gd,Udq")
	def(mask("MOVMSKPS"), "MOVMSKPS")
	def(mask("MOVMSKPD"), "MOVMSKPD")
	def(func(c *Ctx) {
		// The memory form is a scalar: the source index of the immediate does not apply.
		b := c.ReadV(1)
		a := c.ReadV(0)
		if c.IsMem(1) {
			c.WriteV(0, c.Call(ir.V128, "insertps", 0, a, b))
			return
		}
		c.WriteV(0, c.Vec(ir.V128, "INSERTPS", ir.VecImm, a, b))
	}, "INSERTPS")
	def(func(c *Ctx) {
		b := c.ReadV(1)
		c.Do(ir.SetF, ir.I32, statusFlags, c.Call(ir.I32, "ptest", 0, c.ReadV(0), b))
	}, "PTEST")
	for _, name := range []string{"PCMPESTRI", "PCMPESTRM", "PCMPISTRI", "PCMPISTRM"} {
		def(func(c *Ctx) {
			b := c.ReadV(1)
			c.Call(ir.Void, strings.ToLower(name), ir.CallCommits, c.ReadV(0), b)
		}, name)
	}
	def(func(c *Ctx) {
		b := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, "CVTPI2PS", ir.VecEnv, c.ReadV(0), b))
		c.enterMMX()
	}, "CVTPI2PS")
	def(func(c *Ctx) {
		c.WriteV(0, c.Vec(ir.V128, "CVTPI2PD", 0, c.ReadV(1)))
		if !c.IsMem(1) { // from memory it is no MMX instruction (SDM volume 2, CVTPI2PD)
			c.enterMMX()
		}
	}, "CVTPI2PD")
}

// statusFlags are all six.
const statusFlags = 0x8d5

// blend is destination = name(destination, source, XMM0).
func blend(name string, flags uint64) Func {
	return func(c *Ctx) {
		b := c.ReadV(1)
		c.WriteV(0, c.Vec(ir.V128, name, flags, c.ReadV(0), b, c.ReadV(2)))
	}
}

func compareFlags(name string, flags uint64) Func {
	return func(c *Ctx) {
		b := c.ReadV(1)
		c.Do(ir.SetF, ir.I32, statusFlags, c.Vec(ir.I32, name, flags|ir.VecRel, c.ReadV(0), b))
	}
}

// toInteger converts to a general register; the function's name ends in its width.
func toInteger(name string, flags uint64) Func {
	return func(c *Ctx) {
		suffix := map[int]string{4: "32", 8: "64"}[c.Size(0)]
		c.Write(0, c.Vec(c.Type(0), name+suffix, flags|ir.VecInt, c.ReadV(1)))
	}
}

func fromInteger(name string, flags uint64) Func {
	return func(c *Ctx) {
		b := c.Read(1)
		suffix := map[int]string{4: "32", 8: "64"}[c.Size(1)]
		how := flags | ir.VecInt
		if name == "CVTSI2SD" && c.Size(1) == 4 {
			how &^= ir.VecEnv // exact
		}
		c.WriteV(0, c.Vec(ir.V128, name+suffix, how, c.ReadV(0), b))
	}
}

func toMMX(name string, flags uint64) Func {
	return func(c *Ctx) { c.WriteV(0, c.Vec(ir.V64, name, flags, c.ReadV(1))) }
}

// extract is a lane to a general register, zero-extended to 32 bits, or memory.
func extract(name string, flags uint64) Func {
	return func(c *Ctx) {
		t := ir.I32
		if name == "PEXTRQ" {
			t = ir.I64
		}
		v := c.Vec(t, name, flags, c.ReadV(1))
		if c.IsMem(0) {
			v = c.Ext(ir.Trunc, c.Type(0), v)
		}
		c.Write(0, v)
	}
}

func insert(name string, flags uint64) Func {
	return func(c *Ctx) {
		v := c.Read(1)
		if c.TypeOf(v) != ir.I64 {
			v = c.Ext(ir.ZExt, ir.I32, v)
		}
		c.WriteV(0, c.Vec(ir.V128, name, flags, c.ReadV(0), v))
	}
}

func mask(name string) Func {
	return func(c *Ctx) { c.Write(0, c.Vec(ir.I32, name, 0, c.ReadV(1))) }
}
