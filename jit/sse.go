//go:build linux && amd64

package jit

import (
	"strings"
	"sync/atomic"

	hostcpu "golang.org/x/sys/cpu"

	"g86/cpu"
	"g86/cpu/ir"
	"g86/cpu/isa"
	"g86/cpu/sem"
	"g86/jit/amd64"
)

// While cpu.NativeState.SSE is 0 the guest's XMM registers and MXCSR are the
// host's. They are loaded when a block comes to its first SSE instruction and
// stored on the way back to Go. What an instruction reads and writes its semantics
// say.

// vector is what the semantics of an SSE instruction say of its operands.
type vector struct {
	ok                   bool
	fp                   bool // uses MXCSR
	aligned              bool
	memory               int // bytes of the memory operand
	store                bool
	setGPRReg, setGPRRM  bool // general registers written
	useGPRReg, useGPRRM  bool // read
	wide                 bool // REX.W matters
	regIsGPR, rmIsGPRReg bool
}

// vectors are those of each form, by operand size and kind.
var vectors = make([][8]atomic.Pointer[vector], len(isa.Forms))

// vectorOf looks an instruction's semantics up, once for each variant.
func vectorOf(op *cpu.Op) *vector {
	i := op.OpSize >> 2 & 3
	if op.Mem() {
		i |= 4
	}
	p := &vectors[op.Form][i]
	v := p.Load()
	if v == nil {
		v = newVector(&isa.Forms[op.Form], int(op.OpSize), op.Mem())
		p.Store(v)
	}
	return v
}

func newVector(f *isa.Form, size int, mem bool) *vector {
	v := &vector{}
	fn, err := sem.Build(f, size, mem)
	if err != nil {
		return v
	}
	for i := range fn.Insts {
		in := &fn.Insts[i]
		if in.Type == ir.V64 {
			return v
		}
		switch in.Op {
		case ir.Load, ir.Store:
			v.memory, v.store = in.Type.Bytes(), in.Op == ir.Store
		case ir.LoadRMW:
			return v
		case ir.GetReg, ir.SetReg:
			get := in.Op == ir.GetReg
			switch in.Imm {
			case ir.SlotReg:
				v.useGPRReg, v.setGPRReg = v.useGPRReg || get, v.setGPRReg || !get
			case ir.SlotRM:
				v.useGPRRM, v.setGPRRM = v.useGPRRM || get, v.setGPRRM || !get
			default:
				return v
			}
		case ir.Vec:
			v.fp = v.fp || in.Imm&ir.VecEnv != 0
		case ir.Call:
			switch in.Name {
			case "align16":
				v.aligned = true
			case "ptest":
			default:
				return v
			}
		}
	}
	v.regIsGPR, v.rmIsGPRReg = v.useGPRReg || v.setGPRReg, v.useGPRRM || v.setGPRRM
	for _, o := range f.Operands() {
		switch o.Method {
		case 'E', 'G', 'R':
			v.wide = size == 8
		}
	}
	v.ok = true
	return v
}

// vectorForm reports whether an SSE form may run on the host.
func vectorForm(f *isa.Form) bool {
	if f.Attr&isa.SSECheck == 0 || f.Attr&isa.FPUCheck != 0 {
		return false
	}
	switch name := f.Mnemonic; {
	case strings.HasPrefix(name, "RCP"), strings.HasPrefix(name, "RSQRT"): // one approximation on every host
		return false
	case strings.HasPrefix(name, "AES"):
		return hostcpu.X86.HasAES
	case name == "PCLMULQDQ":
		return hostcpu.X86.HasPCLMULQDQ
	case strings.HasPrefix(name, "SHA"):
		return hostHasSHA
	case strings.HasPrefix(name, "DPP"), strings.HasPrefix(name, "PCMPE") && strings.Contains(name, "STR"), strings.HasPrefix(name, "PCMPISTR"):
		return false
	}
	for _, o := range f.Operands() {
		if o.Fixed != "" && o.Fixed != "XMM0" {
			return false
		}
	}
	return true
}

// emitLoadSSE writes what loads the XMM registers and MXCSR; it goes on at R14.
func (e *Engine) emitLoadSSE() {
	a := &e.asm
	mxcsr(a, natMXCSR, stmxcsr)
	mxcsr(a, field(cpu.NativeOffsets.MXCSR), ldmxcsr)
	for i := range 16 {
		m := field(cpu.NativeOffsets.XMM + 16*uintptr(i))
		a.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0x10, Size: 4, Reg: amd64.Reg(i), Mem: &m})
	}
	m := natSSE
	a.Emit(&amd64.Insn{Opcode: 0xc7, Size: 8, Mem: &m, ImmSize: 4}) // MOV qword,0
	a.Emit(&amd64.Insn{Opcode: 0xff, Size: 4, Reg: 4, RM: amd64.R14})
}

// emitStoreSSE writes what stores them.
func (e *Engine) emitStoreSSE() {
	a := &e.asm
	for i := range 16 {
		m := field(cpu.NativeOffsets.XMM + 16*uintptr(i))
		a.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0x11, Size: 4, Reg: amd64.Reg(i), Mem: &m})
	}
	mxcsr(a, field(cpu.NativeOffsets.MXCSR), stmxcsr)
	mxcsr(a, natMXCSR, ldmxcsr)
}

// ModRM.reg of LDMXCSR and STMXCSR.
const (
	ldmxcsr = 2
	stmxcsr = 3
)

func mxcsr(a *amd64.Asm, m amd64.Mem, ext amd64.Reg) {
	a.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xae, Size: 4, Reg: ext, Mem: &m})
}

// needSSE makes sure that the guest's XMM registers are the host's, and that
// floating-point instructions may run if fp.
func (t *trans) needSSE(fp bool) {
	if !t.sse {
		t.need(natSSE)
		t.slow[len(t.slow)-1].loadSSE = t.N
		t.sse = true
	}
	if fp && !t.fp {
		t.need(natNoFP)
		t.slow[len(t.slow)-1].noFP = true
		t.fp = true
	}
}

func lowerVector(t *trans, op *cpu.Op, l *lowering) bool {
	v := vectorOf(op)
	if !v.ok {
		return false
	}
	t.before(&l.flags)
	t.needSSE(v.fp)
	h := amd64.Insn{Prefix: l.prefix, Map: l.page, Opcode: l.opcode, Size: 4}
	if v.wide {
		h.Size = 8
	}
	if l.imm != 0 {
		h.Imm, h.ImmSize = op.Imm, 1
	}
	var m amd64.Mem
	if op.Mem() {
		lin, ok := t.linear(op, v.memory)
		if !ok || v.memory == 0 {
			return false
		}
		if v.aligned && !t.direct() { // the host's instruction raises #GP itself, see fault_amd64.s
			t.needAligned(lin)
		}
		kind := read
		if v.store {
			kind = write
		}
		m = t.grouped(lin, v.memory, kind)
		h.Mem = &m
	} else if v.rmIsGPRReg {
		if h.RM = t.regs[op.RM]; h.RM == amd64.None {
			h.RM = tmpA
			if v.useGPRRM {
				t.Load(tmpA, gpr(op.RM), 8)
			}
		}
	} else {
		h.RM = amd64.Reg(op.RM)
	}
	switch {
	case l.ext >= 0:
		h.Reg = amd64.Reg(l.ext)
	case v.regIsGPR:
		if h.Reg = t.regs[op.Reg]; h.Reg == amd64.None {
			h.Reg = tmpC
		}
	default:
		h.Reg = amd64.Reg(op.Reg)
	}
	t.Emit(&h)
	switch {
	case v.setGPRReg:
		t.put(op.Reg, h.Reg)
	case v.setGPRRM:
		t.put(op.RM, h.RM)
	}
	t.after(&l.flags, 0)
	return true
}

// stringCompare reports PCMPESTRI and its family.
func stringCompare(name string) bool {
	return strings.HasPrefix(name, "PCMPESTR") || strings.HasPrefix(name, "PCMPISTR")
}

// lowerStringCompare is PCMPESTRI and its family: lengths in RAX and RDX, the result
// in RCX or XMM0.
func lowerStringCompare(t *trans, op *cpu.Op, l *lowering) bool {
	t.before(&l.flags)
	t.needSSE(false)
	h := amd64.Insn{Prefix: l.prefix, Map: l.page, Opcode: l.opcode, Size: 4, Reg: amd64.Reg(op.Reg), RM: amd64.Reg(op.RM), Imm: op.Imm, ImmSize: 1}
	if op.OpSize == 8 {
		h.Size = 8
	}
	if op.Mem() {
		m, ok := t.operand(op, 16, read)
		if !ok {
			return false
		}
		h.Mem = &m
	}
	t.Emit(&h)
	if l.opcode&1 != 0 { // the index
		t.Mov(t.regs[1], amd64.RCX, 4)
	}
	t.after(&l.flags, 0)
	return true
}
