//go:build linux && amd64

package jit

import (
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// x87 instructions run on the host's unit, see cpu/native_x87.go. What hosts do
// differently or only approximately (transcendental functions, partial remainders,
// decimal numbers) and images in memory are the interpreter's.

// x87Mnemonics are the instructions that run on the host, without the letters that
// tell apart operand kinds and pops.
var x87Mnemonics = func() map[string]bool {
	m := map[string]bool{}
	for _, op := range []string{"ADD", "MUL", "SUB", "SUBR", "DIV", "DIVR"} {
		m["F"+op], m["F"+op+"P"], m["FI"+op] = true, true, true
	}
	for _, cc := range []string{"B", "NB", "E", "NE", "BE", "NBE", "U", "NU"} {
		m["FCMOV"+cc] = true
	}
	for _, name := range []string{
		"FCOM", "FCOMP", "FCOMPP", "FUCOM", "FUCOMP", "FUCOMPP", "FICOM", "FICOMP", "FCOMI", "FCOMIP", "FUCOMI", "FUCOMIP",
		"FLD", "FST", "FSTP", "FILD", "FIST", "FISTP", "FISTTP", "FXCH", "FFREE", "FFREEP", "FINCSTP", "FDECSTP", "FNOP",
		"FLD1", "FLDL2T", "FLDL2E", "FLDPI", "FLDLG2", "FLDLN2", "FLDZ",
		"FCHS", "FABS", "FTST", "FXAM", "FSQRT", "FRNDINT",
		"FLDCW", "FNSTCW", "FNSTSW", "FNCLEX", "FWAIT",
	} {
		m[name] = true
	}
	return m
}()

// x87Unnoted are those that leave FOP, FIP and FDP alone (SDM volume 1, 8.1.8).
var x87Unnoted = map[string]bool{"FLDCW": true, "FNSTCW": true, "FNSTSW": true, "FNCLEX": true, "FWAIT": true}

// x87Form reports whether a form runs on the host's x87 unit.
func x87Form(f *isa.Form) bool {
	return (f.Attr&isa.FPUCheck != 0 && f.Attr&isa.MMXCheck == 0 || f.Mnemonic == "FWAIT") && x87Mnemonics[f.Mnemonic]
}

// x87Bytes is the size of a form's operand in memory.
func x87Bytes(f *isa.Form) (bytes int) {
	for _, o := range f.Operands() {
		if o.Method == 'M' {
			return map[string]int{"w": 2, "d": 4, "q": 8, "ss": 4, "sd": 8, "t": 10}[o.Size]
		}
	}
	return 0
}

func x87Stores(name string) bool {
	switch name {
	case "FST", "FSTP", "FIST", "FISTP", "FISTTP", "FNSTCW", "FNSTSW":
		return true
	}
	return false
}

// needX87 makes sure that the guest's x87 state is the host's.
func (t *trans) needX87() {
	if t.x87 {
		return
	}
	t.need(natX87)
	t.slow[len(t.slow)-1].x87 = true
	t.x87 = true
}

// noteX87 notes the last x87 instruction before something sees it.
func (t *trans) noteX87() {
	if t.note == 0 {
		return
	}
	m := natX87Note
	t.Emit(&amd64.Insn{Opcode: 0xc7, Size: 4, Mem: &m, Imm: uint64(t.note), ImmSize: 4})
	t.note = 0
}

func lowerX87(t *trans, op *cpu.Op, l *lowering) bool {
	f := &isa.Forms[op.Form]
	if op.Mem() && (op.Seg == isa.FS || op.Seg == isa.GS) {
		return false // their addresses are not the operand's
	}
	t.before(&l.flags)
	t.needX87()
	h := amd64.Insn{Map: l.page, Opcode: l.opcode, Size: 4}
	switch {
	case f.Mnemonic == "FWAIT": // nothing is pending
		return true
	case !op.Mem():
		if strings.HasSuffix(f.Mnemonic, "COMI") || strings.HasSuffix(f.Mnemonic, "COMIP") {
			t.Bytes(0xd9, 0xf6, 0xd9, 0xf7) // FDECSTP; FINCSTP: hosts do not clear C1, the manual does
		}
		t.Bytes(l.opcode, op.ModRM)
	default:
		n := x87Bytes(f)
		lin, ok := t.linear(op, n)
		if !ok || n == 0 {
			return false
		}
		kind := read
		if x87Stores(f.Mnemonic) {
			kind = write
		}
		m := t.access(lin, n, kind)
		if f.Mnemonic == "FLDCW" {
			t.masksAll(m)
			t.x87 = false // it may have been run by the interpreter
		}
		h.Reg, h.Mem = amd64.Reg(op.ModRM>>3&7), &m
		t.Emit(&h)
		if !x87Unnoted[f.Mnemonic] {
			t.noteOperand(lin, op.Seg)
		}
	}
	if !x87Unnoted[f.Mnemonic] {
		t.note = t.newExit(cpu.NativeExit{Kind: cpu.NativeNote, Op: uint8(t.i)})
	}
	t.after(&l.flags, 0)
	return true
}

// noteOperand notes the address of an operand in memory.
func (t *trans) noteOperand(lin amd64.Mem, seg uint8) {
	r := lin.Base
	if lin.Disp != 0 || r == amd64.None || lin.Index != amd64.None {
		r = tmpC
		if lin.Base == amd64.None {
			t.MovImm(r, uint64(int64(lin.Disp)))
		} else {
			t.Lea(r, lin, t.width())
		}
	}
	t.Store(natX87DP, r, 8)
	m := natX87Seg
	t.Emit(&amd64.Insn{Opcode: 0xc7, Size: 4, Mem: &m, Imm: uint64(seg) + 1, ImmSize: 4})
}

// masksAll leaves the control word at m to the interpreter unless it masks all
// exceptions.
func (t *trans) masksAll(m amd64.Mem) {
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb7, Size: 4, Reg: tmpC, Mem: &m}) // MOVZX
	t.Not(tmpC, 4)
	t.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xb6, Size: 4, Reg: tmpC, RM: tmpC, RMByte: true})
	t.Rorx(tmpC, tmpC, 6, 4) // the masks on top
	t.Shrx(tmpC, tmpC, regTLB, 4)
	t.needZero()
}

// ModRM.reg of XSAVE and XRSTOR.
const (
	xsave  = 4
	xrstor = 5
)

// ifLoaded writes XSAVE or XRSTOR of the x87 state, executed if the word at m is 0.
// It changes RAX, RCX and RDX.
func (e *Engine) ifLoaded(m amd64.Mem, ext amd64.Reg) {
	a := &e.asm
	a.Load(amd64.RCX, m, 8)
	loaded := a.Jrcxz()
	over := a.Jmp()
	a.PatchShort(loaded)
	a.MovImm(amd64.RAX, 1) // x87 state alone
	a.MovImm(amd64.RDX, 0)
	image := field(cpu.NativeOffsets.X87Image)
	a.Emit(&amd64.Insn{Map: amd64.Map0F, Opcode: 0xae, Size: 4, Reg: ext, Mem: &image})
	a.Patch(over, a.N)
}
