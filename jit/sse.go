//go:build linux && amd64

package jit

import (
	"strings"
	"sync"

	hostcpu "golang.org/x/sys/cpu"

	"g86/cpu"
	"g86/cpu/ir"
	"g86/cpu/isa"
	"g86/cpu/sem"
	"g86/jit/amd64"
)

// XMM instructions run on the host's XMM0 (ModRM.reg) and XMM1 (ModRM.rm), which
// are loaded and stored around each: the guest's live in the processor's state.
// What an instruction reads and writes its semantics say.

// vector is what the semantics of an SSE instruction say of its operands.
type vector struct {
	ok                   bool
	fp                   bool // uses MXCSR
	aligned              bool
	memory               int // bytes of the memory operand
	store                bool
	getReg, getRM        bool // XMM registers read
	setReg, setRM        bool // written
	setGPRReg, setGPRRM  bool // general registers written
	useGPRReg, useGPRRM  bool // read
	wide                 bool // REX.W matters
	regIsGPR, rmIsGPRReg bool
}

type vectorKey struct {
	form isa.ID
	size uint8
	mem  bool
}

var (
	vectorMu sync.Mutex
	vectors  = map[vectorKey]*vector{}
)

// vectorOf looks an instruction's semantics up, once for each variant.
func vectorOf(op *cpu.Op) *vector {
	k := vectorKey{op.Form, op.OpSize, op.Mem()}
	vectorMu.Lock()
	defer vectorMu.Unlock()
	v := vectors[k]
	if v == nil {
		v = newVector(&isa.Forms[op.Form], int(op.OpSize), op.Mem())
		vectors[k] = v
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
		case ir.GetV, ir.SetV:
			get := in.Op == ir.GetV
			switch in.Imm {
			case ir.SlotReg:
				v.getReg, v.setReg = v.getReg || get, v.setReg || !get
			case ir.SlotRM:
				v.getRM, v.setRM = v.getRM || get, v.setRM || !get
			default:
				return v
			}
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
	case strings.HasPrefix(name, "SHA"), strings.HasPrefix(name, "DPP"), strings.HasPrefix(name, "PCMPE") && strings.Contains(name, "STR"), strings.HasPrefix(name, "PCMPISTR"):
		return false
	}
	for _, o := range f.Operands() {
		if o.Fixed != "" {
			return false
		}
	}
	return true
}

func xmm(i uint8) amd64.Mem { return field(cpu.NativeOffsets.XMM + 16*uintptr(i)) }

func (t *trans) loadXMM(x amd64.Reg, m amd64.Mem) {
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0x10, Size: 4, Reg: x, Mem: &m})
}

func (t *trans) storeXMM(m amd64.Mem, x amd64.Reg) {
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0x11, Size: 4, Reg: x, Mem: &m})
}

func lowerVector(t *trans, op *cpu.Op, l *lowering) bool {
	v := vectorOf(op)
	if !v.ok {
		return false
	}
	t.before(&l.flags)
	off := natNoSSE
	if v.fp {
		off = natNoFP
	}
	t.Load(tmpC, off, 8)
	on := t.Jrcxz()
	t.toSlow(t.Jmp())
	t.PatchShort(on)
	h := amd64.Insn{Prefix: l.prefix, Map: l.page, Opcode: l.opcode, Size: 4}
	if v.wide {
		h.Size = 8
	}
	if l.imm != 0 {
		h.Imm, h.ImmSize = op.Imm, 1
	}
	var m amd64.Mem
	if op.Mem() {
		r, ok := t.ea(op)
		if !ok || v.memory == 0 {
			return false
		}
		if v.aligned {
			t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: tmpC, RM: r, RMByte: true})
			t.Rorx(tmpC, tmpC, 4, 4) // the low four bits on top
			t.Shrx(tmpC, tmpC, regCPU, 4)
			ok := t.Jrcxz()
			t.toSlow(t.Jmp())
			t.PatchShort(ok)
		}
		kind := read
		if v.store {
			kind = write
		}
		m = t.access(r, v.memory, kind)
		h.Mem = &m
	} else if v.rmIsGPRReg {
		if h.RM = hostReg[op.RM]; h.RM == amd64.None {
			h.RM = tmpA
			if v.useGPRRM {
				t.Load(tmpA, gpr(op.RM), 8)
			}
		}
	} else {
		h.RM = 1
		if v.getRM {
			t.loadXMM(1, xmm(op.RM))
		}
	}
	switch {
	case l.ext >= 0:
		h.Reg = amd64.Reg(l.ext)
	case v.regIsGPR:
		if h.Reg = hostReg[op.Reg]; h.Reg == amd64.None {
			h.Reg = tmpC
		}
	default:
		h.Reg = 0
		if v.getReg {
			t.loadXMM(0, xmm(op.Reg))
		}
	}
	t.Emit(&h)
	switch {
	case v.setReg:
		t.storeXMM(xmm(op.Reg), 0)
	case v.setRM:
		t.storeXMM(xmm(op.RM), 1)
	case v.setGPRReg:
		t.put(op.Reg, h.Reg)
	case v.setGPRRM:
		t.put(op.RM, h.RM)
	}
	t.after(&l.flags, 0)
	return true
}
