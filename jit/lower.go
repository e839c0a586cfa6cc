//go:build linux && amd64

package jit

import (
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// lowering is how one form becomes host code. Most forms are their own host
// code: the fields say which opcode, and what it does to its operands.
type lowering struct {
	fn     func(*trans, *cpu.Op, *lowering) bool // false: the interpreter's after all
	hidden bool                                  // uses registers that it does not name
	vector bool                                  // Reg and RM may be XMM registers
	plain  bool                                  // needs nothing but that the model has it
	exits  bool                                  // may leave for the interpreter without a memory operand
	flags  isa.FlagEffect                        // of the host instruction, undefined flags that host and guest agree on left out
	zero   uint32                                // flags that are 0 for the guest and not for the host
	page   uint8
	opcode uint8
	prefix uint8
	ext    int8 // opcode extension, or -1
	size   int  // 0: the operand size
	msize  int  // size of the E operand in memory, 0: as size
	imm    byte // 'b' one byte, 'z', 'v', 'w'
	reg    int8 // fixed guest register instead of ModRM.reg, or -1
	rm     int8 // likewise
	access
	noGPRMem bool // a register operand must not become memory
	shift    bool // it writes all status flags unless its count is 0

	groups bool // its memory operand may belong to a group, see groups.go
	known  bool // access tells all the registers that it writes
	sse    bool // vectorOf does
	stack  stackEffect
	direct bool // it may use a window, see window.go
}

// access is what an instruction does to its operands.
type access struct{ rmR, rmW, regR, regW, regByte, rmByte bool }

var lowerings = func() []*lowering {
	t := make([]*lowering, len(isa.Forms))
	for i := 1; i < len(isa.Forms); i++ {
		if t[i] = newLowering(&isa.Forms[i]); t[i] != nil {
			t[i].classify(&isa.Forms[i])
			t[i].direct = directForm(&isa.Forms[i], t[i])
		}
	}
	return t
}()

// Translates reports whether instructions of a form become host code.
func Translates(id isa.ID) bool { return lowerings[id] != nil }

// lookup is the lowering of an instruction, nil if it is the interpreter's.
func lookup(op *cpu.Op) *lowering {
	l := lowerings[op.Form]
	if l == nil || !op.Sem() && !op.X87() && !(l.plain && op.Present()) {
		return nil
	}
	return l
}

var conditionNames = [16]string{"O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE", "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"}

func condition(s string) int {
	for i, n := range conditionNames {
		if n == s {
			return i
		}
	}
	return -1
}

// newLowering describes form f, nil if it stays with the interpreter.
func newLowering(f *isa.Form) *lowering {
	page, opcode, prefix, ext, ok := f.Opcode()
	if !ok {
		return nil
	}
	l := &lowering{fn: lowerPlain, flags: f.Flags, page: page, opcode: opcode, prefix: prefix, ext: ext, reg: -1, rm: -1}
	for n, o := range f.Operands() {
		first := n == 0
		switch {
		case o.Method == 'E' || o.Method == 'Z' || o.Method == 'M':
			l.rmByte = o.Size == "b"
			l.rmR, l.rmW = !first, first
			switch o.Size {
			case "b":
				l.msize = 1
			case "w":
				l.msize = 2
			}
		case o.Method == 'G':
			l.regByte = o.Size == "b"
			l.regR, l.regW = !first, first
		case o.Method == 'I':
			l.imm = o.Size[0]
		}
	}
	if l.regByte || l.rmByte && !hasMethod(f, 'G') {
		l.size = 1
	}
	if stringCompare(f.Mnemonic) && f.Attr&isa.SSECheck != 0 {
		l.fn, l.exits, l.hidden = lowerStringCompare, true, true
		return l
	}
	if fn := systemLowering(f); fn != nil {
		l.fn, l.plain, l.exits, l.hidden = fn, true, true, true
		return l
	}
	if x87Form(f) {
		l.fn, l.exits, l.vector = lowerX87, true, true
		return l
	}
	if vectorForm(f) {
		l.fn, l.exits, l.vector, l.sse = lowerVector, true, true, true
		return l
	}
	both := func() *lowering { // operand 0 is read too
		l.rmR = l.rmR || l.rmW
		l.regR = l.regR || l.regW
		return l
	}
	switch name := f.Mnemonic; name {
	case "ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP":
		if f.Args == "AL,Ib" || f.Args == "rAX,Iz" {
			l.accumulator(0x80, int8(opcode>>3))
		}
		if opcode == 0x82 {
			l.opcode = 0x80
		}
		both()
		if name == "CMP" {
			l.rmW, l.regW = false, false
		}
		return l
	case "TEST":
		if f.Args == "AL,Ib" || f.Args == "rAX,Iz" {
			l.accumulator(0xf6, 0)
		}
		if l.ext == 1 {
			l.ext = 0
		}
		both()
		l.rmW = false
		return l
	case "INC", "DEC":
		if opcode < 0x50 {
			l.ext, l.opcode = int8(opcode>>3&1), 0xff
		}
		return both()
	case "NEG", "NOT":
		return both()
	case "MOV":
		switch {
		case f.Args == "AL,Ob" || f.Args == "rAX,Ov":
			l.opcode, l.reg, l.regR, l.regW = opcode-0xa0+0x8a, 0, false, true
			l.regByte = opcode == 0xa0
		case f.Args == "Ob,AL" || f.Args == "Ov,rAX":
			l.opcode, l.reg, l.rmW, l.regR = opcode-0xa2+0x88, 0, true, true
			l.regByte = opcode == 0xa2
		case f.Args == "Zb,Ib":
			l.opcode, l.ext = 0xc6, 0
		case f.Args == "Zv,Iv":
			l.fn = lowerMovImm
		}
		if l.regByte || f.Args == "Zb,Ib" {
			l.size = 1
		}
		return l
	case "MOVNTI":
		l.page, l.opcode, l.prefix = 0, 0x89, 0
		l.fn = lowerAtLeast4
		return l
	case "MOVZX", "MOVSX", "MOVBE":
		return l
	case "MOVSXD":
		l.fn = lowerMovsxd
		return l
	case "LEA":
		l.fn = lowerLea
		return l
	case "BSWAP":
		l.fn = lowerBswap
		return l
	case "XCHG":
		if f.Args == "Zv,rAX" {
			l.opcode, l.ext, l.reg = 0x87, -1, 0
		}
		l.rmR, l.rmW, l.regR, l.regW = true, true, true, true
		l.fn = lowerXchg
		return l
	case "XADD":
		l.rmR, l.rmW, l.regR, l.regW = true, true, true, true
		l.fn = lowerXadd
		return l
	case "CMPXCHG":
		l.fn = lowerCmpxchg
		return both()
	case "CBW", "CWD":
		l.fn = lowerConvert
		return l
	case "NOP", "PAUSE", "ENDBR64", "ENDBR32", "LFENCE", "MFENCE", "SFENCE",
		"PREFETCHNTA", "PREFETCHT0", "PREFETCHT1", "PREFETCHT2", "PREFETCHW":
		l.fn = func(*trans, *cpu.Op, *lowering) bool { return true }
		return l
	case "CLC", "STC", "CMC", "SAHF", "LAHF":
		l.fn = lowerFlags
		return l
	case "ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SAR":
		if l.ext == 6 {
			l.ext = 4
		}
		l.fn, l.shift = lowerShift, l.ext >= 4
		return both()
	case "SHLD", "SHRD":
		l.fn, l.shift = lowerDoubleShift, true
		return both()
	case "MUL", "IMUL":
		if ext >= 0 { // one operand
			l.rmR, l.rmW = true, false
		} else if f.Args == "Gv,Ev" {
			both()
		}
		l.fn = lowerMul
		return l
	case "DIV", "IDIV":
		l.rmR, l.rmW = true, false
		l.fn, l.flags, l.exits = lowerDiv, isa.FlagEffect{}, true
		return l
	case "BT", "BTS", "BTR", "BTC":
		l.flags = isa.FlagEffect{Written: isa.CF}
		l.noGPRMem = true
		l.fn = lowerBitTest
		both()
		l.rmW = name != "BT"
		return l
	case "BSF", "BSR":
		l.fn = lowerScan
		return both()
	case "TZCNT", "LZCNT":
		l.zero = isa.OF
		return l
	case "POPCNT":
		return l
	case "CRC32":
		l.fn = lowerAtLeast4
		if l.rmByte {
			l.size = 0
		}
		return both()
	case "PUSH":
		l.fn, l.exits = lowerPush, true
		return l
	case "POP":
		if f.Args == "Zv" {
			l.fn, l.exits = lowerPop, true
			return l
		}
	case "LEAVE":
		l.fn, l.exits, l.hidden = lowerLeave, true, true
		return l
	case "JMP":
		l.fn, l.exits = lowerJmp, true
		return l
	case "CALL":
		l.fn, l.exits = lowerCall, true
		return l
	case "RET":
		l.fn, l.exits = lowerRet, true
		return l
	default:
		if cc, ok := strings.CutPrefix(name, "CMOV"); ok && condition(cc) >= 0 {
			return both()
		}
		if cc, ok := strings.CutPrefix(name, "SET"); ok && condition(cc) >= 0 {
			l.ext = 0
			return l
		}
		if cc, ok := strings.CutPrefix(name, "J"); ok && condition(cc) >= 0 {
			l.fn = lowerJcc
			return l
		}
	}
	return nil
}

func hasMethod(f *isa.Form, m byte) bool {
	for _, o := range f.Operands() {
		if o.Method == m {
			return true
		}
	}
	return false
}

// accumulator turns a form with AL or rAX and an immediate into the one with a ModRM byte.
func (l *lowering) accumulator(opcode uint8, ext int8) {
	if l.imm == 'b' {
		l.size, l.rmByte = 1, true
	} else {
		opcode++
	}
	l.opcode, l.ext, l.rm = opcode, ext, 0
	l.rmR, l.rmW = true, true
}

// insn is a host instruction about to be emitted for a guest one.
type insn struct {
	access
	page, opcode, prefix uint8
	ext                  int8
	size, msize          int
	reg, rm              uint8
	mem                  bool
	imm                  uint64
	immSize              int
	noGPRMem             bool
	pre, post            func(*amd64.Insn) // around the host instruction, before results in scratch registers are stored
}

// describe fills in an insn.
func (l *lowering) describe(op *cpu.Op) insn {
	in := insn{access: l.access, page: l.page, opcode: l.opcode, prefix: l.prefix, ext: l.ext, size: l.size, msize: l.msize,
		reg: op.Reg, rm: op.RM, mem: op.Mem(), imm: op.Imm, noGPRMem: l.noGPRMem}
	if in.size == 0 {
		in.size = int(op.OpSize)
	}
	if in.msize == 0 {
		in.msize = in.size
	}
	if l.reg >= 0 {
		in.reg = uint8(l.reg)
	}
	if l.rm >= 0 {
		in.rm = uint8(l.rm)
	}
	switch l.imm {
	case 'b':
		in.immSize = 1
	case 'w':
		in.immSize = 2
	case 'z':
		in.immSize = min(int(op.OpSize), 4)
	}
	return in
}

func lowerPlain(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	t.before(&l.flags)
	if !t.emit(op, &in) {
		return false
	}
	t.after(&l.flags, l.zero&t.live[t.i])
	return true
}

// emit emits a guest instruction as a host instruction.
func (t *trans) emit(op *cpu.Op, in *insn) bool {
	h, m := &t.insn, &t.mem // not on the heap, where pre and post would have them
	*h = amd64.Insn{Prefix: in.prefix, Map: in.page, Opcode: in.opcode, Size: in.size,
		RegByte: in.regByte, RMByte: in.rmByte, Imm: in.imm, ImmSize: in.immSize}
	if in.mem {
		kind := read
		if in.rmW {
			kind = write
		}
		lin, ok := t.linear(op, in.msize)
		if !ok {
			return false
		}
		*m = t.grouped(lin, in.msize, kind)
		h.Mem = m
	}
	if in.regByte && in.ext < 0 && in.reg >= isa.AH || in.rmByte && !in.mem && in.rm >= isa.AH {
		return t.emitHigh(in, h)
	}
	t.turn(in, h)
	regTmp := tmpB
	if in.mem {
		regTmp = tmpC
	}
	if in.ext >= 0 {
		h.Reg = amd64.Reg(in.ext)
	} else if h.Reg = t.regs[in.reg]; h.Reg == amd64.None {
		h.Reg = regTmp
		if in.regR || in.size < 4 {
			t.Load(regTmp, gpr(in.reg), 8)
		}
	}
	if !in.mem {
		if h.RM = t.regs[in.rm]; h.RM == amd64.None {
			if in.rmW && in.size == 4 || in.noGPRMem {
				h.RM = tmpA
				if in.rmR || in.size < 4 {
					t.Load(tmpA, gpr(in.rm), 8)
				}
			} else {
				*m = gpr(in.rm)
				h.Mem = m
			}
		}
	}
	if in.pre != nil {
		in.pre(h)
	}
	t.Emit(h)
	if in.post != nil {
		in.post(h)
	}
	if in.ext < 0 && in.regW && t.regs[in.reg] == amd64.None {
		t.Store(gpr(in.reg), h.Reg, 8)
	}
	if !in.mem && h.Mem == nil && in.rmW && t.regs[in.rm] == amd64.None {
		t.Store(gpr(in.rm), tmpA, 8)
	}
	return true
}

// turn makes a source register that lives in memory the instruction's memory operand,
// by taking the opcode for the other direction.
func (t *trans) turn(in *insn, h *amd64.Insn) {
	if in.mem || in.ext >= 0 || in.page != amd64.Map1 || in.pre != nil || in.post != nil ||
		t.regs[in.reg] != amd64.None || t.regs[in.rm] == amd64.None || !in.regR || in.regW {
		return
	}
	switch op := in.opcode; {
	case op < 0x40 && op&6 == 0, op&^1 == 0x88: // an operation with a register or memory as destination, MOV
		h.Opcode |= 2
	case op&^1 == 0x84: // TEST
	default:
		return
	}
	in.reg, in.rm = in.rm, in.reg
	in.regR, in.regW, in.rmR, in.rmW = in.rmR, in.rmW, true, false
	in.regByte, in.rmByte = in.rmByte, in.regByte
	h.RegByte, h.RMByte = in.regByte, in.rmByte
}

// emitHigh emits an instruction with AH, CH, DH or BH: a source is copied, a
// destination rotated into place and back.
func (t *trans) emitHigh(in *insn, h *amd64.Insn) bool {
	if in.regW && in.rmW || in.pre != nil || in.post != nil {
		return false
	}
	host := func(r uint8) amd64.Reg { // of a low or high byte
		if r >= isa.AH {
			r &= 3
		}
		return t.regs[r]
	}
	// copied puts the byte register r into tmpC.
	copied := func(r uint8) amd64.Reg {
		if r >= isa.AH {
			t.Rorx(tmpC, host(r), 8, 8)
		} else {
			t.Mov(tmpC, host(r), 4)
		}
		return tmpC
	}
	rotated := amd64.None
	rotate := func(r uint8) amd64.Reg {
		rotated = host(r)
		t.Rorx(rotated, rotated, 8, 8)
		return rotated
	}
	if in.mem { // its register may be the one to be rotated
		t.Lea(tmpB, *h.Mem, 8)
		m := amd64.At(tmpB, 0)
		h.Mem = &m
	}
	hasReg := in.ext < 0
	if !hasReg {
		h.Reg = amd64.Reg(in.ext)
	}
	if hasReg && t.hostOrNone(in.reg) == amd64.None || !in.mem && t.hostOrNone(in.rm) == amd64.None {
		return false
	}
	regHigh := hasReg && in.regByte && in.reg >= isa.AH
	rmHigh := !in.mem && in.rmByte && in.rm >= isa.AH
	switch {
	case rmHigh && !hasReg && !in.rmW: // RAX may be an operand too
		h.RM = copied(in.rm)
	case rmHigh && !in.regW: // destination, or both are sources
		if hasReg {
			h.Reg = copied(in.reg)
		}
		h.RM = rotate(in.rm)
	case regHigh && in.regW:
		if !in.mem {
			h.RM = copied(in.rm)
		}
		h.Reg = rotate(in.reg)
	case regHigh: // source
		h.Reg = copied(in.reg)
		if !in.mem {
			h.RM = host(in.rm)
		}
	default: // rmHigh is the source, reg the destination
		h.RM = copied(in.rm)
		h.Reg = host(in.reg)
	}
	t.Emit(h)
	if rotated != amd64.None {
		t.Rorx(rotated, rotated, 56, 8)
	}
	return true
}

func (t *trans) hostOrNone(r uint8) amd64.Reg {
	if r >= isa.AH {
		r &= 3
	}
	return t.regs[r]
}

func lowerMovImm(t *trans, op *cpu.Op, l *lowering) bool {
	r := t.regs[op.RM]
	if op.OpSize == 2 {
		in := insn{opcode: 0xc7, ext: 0, size: 2, rm: op.RM, imm: op.Imm, immSize: 2}
		in.rmW = true
		return t.emit(op, &in)
	}
	v := op.Imm
	if op.OpSize == 4 {
		v = uint64(uint32(v))
	}
	if r == amd64.None {
		t.MovImm(tmpC, v)
		t.put(op.RM, tmpC)
		return true
	}
	t.MovImm(r, v)
	return true
}

// lowerAtLeast4 is a form whose general operand has size y.
func lowerAtLeast4(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	if in.size < 4 {
		if l.opcode == 0xf1 { // CRC32 of 16 bits
			return false
		}
		in.size = 4
	}
	if l.msize == 0 {
		in.msize = in.size
	}
	return t.emit(op, &in)
}

func lowerMovsxd(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	in.msize = min(in.size, 4)
	return t.emit(op, &in)
}

func lowerLea(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(min(op.OpSize, op.AddrSize))
	if op.AddrSize == 2 || size == 2 || int64(int32(op.Disp)) != op.Disp && op.Base|op.Index != isa.NoReg {
		return false
	}
	dst := t.regs[op.Reg]
	if dst == amd64.None {
		dst = tmpA
	}
	if op.Base >= isa.NoReg && op.Index >= isa.NoReg {
		v := uint64(op.Disp)
		if size == 4 {
			v = uint64(uint32(v))
		}
		t.MovImm(dst, v)
	} else {
		m := amd64.Mem{Base: amd64.None, Index: amd64.None, Disp: int32(op.Disp)}
		if op.Base < isa.NoReg {
			m.Base = t.reg(op.Base, tmpA)
		}
		if op.Index < isa.NoReg {
			m.Index, m.Scale = t.reg(op.Index, tmpC), op.Scale
		}
		t.Lea(dst, m, size)
	}
	t.put(op.Reg, dst)
	return true
}

func lowerBswap(t *trans, op *cpu.Op, l *lowering) bool {
	if op.OpSize == 2 {
		return false
	}
	r := t.reg(op.RM, tmpA)
	rex := uint8(0x40)
	if op.OpSize == 8 {
		rex |= 8
	}
	if r >= 8 {
		rex |= 1
	}
	t.Bytes(rex, 0x0f, 0xc8|uint8(r)&7)
	t.put(op.RM, r)
	return true
}

// lowerXchg does without the host's XCHG with memory, which locks the bus.
func lowerXchg(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	if !in.mem {
		return t.emit(op, &in)
	}
	if in.regByte && in.reg >= isa.AH {
		return false
	}
	r := t.regs[in.reg]
	m, ok := t.operand(op, in.size, write)
	if !ok {
		return false
	}
	t.Emit(&amd64.Insn{Opcode: in.opcode&1 | 0x8a, Size: in.size, Reg: tmpC, Mem: &m, RegByte: in.regByte})
	if r == amd64.None {
		t.Lea(tmpB, m, 8)
		t.Load(tmpA, gpr(in.reg), 8)
		t.Store(amd64.At(tmpB, 0), tmpA, in.size)
		if in.size == 4 {
			in.size = 8 // with zeroes above
		}
		t.Store(gpr(in.reg), tmpC, in.size)
		return true
	}
	t.Store(m, r, in.size)
	t.Emit(&amd64.Insn{Opcode: in.opcode&1 | 0x8a, Size: in.size, Reg: r, RM: tmpC, RegByte: in.regByte, RMByte: in.rmByte})
	return true
}

func lowerXadd(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	if !in.mem && in.reg == in.rm && t.hostOrNone(in.reg) == amd64.None {
		return false
	}
	t.before(&l.flags)
	if !t.emit(op, &in) {
		return false
	}
	t.after(&l.flags, 0)
	return true
}

func lowerCmpxchg(t *trans, op *cpu.Op, l *lowering) bool {
	if l.regByte && (op.Reg >= isa.AH || !op.Mem() && op.RM >= isa.AH) {
		return false
	}
	return lowerPlain(t, op, l)
}

func lowerConvert(t *trans, op *cpu.Op, l *lowering) bool {
	switch op.OpSize {
	case 2:
		t.Bytes(0x66)
	case 8:
		t.Bytes(0x48)
	}
	t.Bytes(l.opcode)
	return true
}

func lowerFlags(t *trans, op *cpu.Op, l *lowering) bool {
	t.before(&l.flags)
	t.Bytes(l.opcode)
	t.after(&l.flags, 0)
	return true
}

// lowerMul is MUL and IMUL. For the guest SF, ZF and PF (undefined) are the low
// half's and AF is 0.
func lowerMul(t *trans, op *cpu.Op, l *lowering) bool {
	in := l.describe(op)
	fix := t.live[t.i]&^(isa.CF|isa.OF) != 0
	if fix && in.size == 1 {
		return false
	}
	t.before(&l.flags)
	if fix {
		in.post = func(h *amd64.Insn) {
			low := amd64.RAX
			if in.ext < 0 {
				low = h.Reg
				if low == tmpC { // the addresses in tmpA and tmpB are not needed any more
					t.Mov(tmpB, tmpC, 8)
					low, h.Reg = tmpB, tmpB
				}
			}
			t.Bytes(0x0f, 0x90, 0xc1) // SETO CL
			t.Mov(tmpA, amd64.RAX, 8)
			t.Emit(&amd64.Insn{Opcode: 0x85, Size: in.size, Reg: low, RM: low}) // TEST
			t.Bytes(0x9f)                                                       // LAHF
			t.Bytes(0x80, 0xe4, 0xff^isa.AF^isa.CF)                             // AND AH,imm8
			t.Bytes(0x08, 0xcc)                                                 // OR AH,CL
			t.Bytes(0x88, 0xc8)                                                 // MOV AL,CL
			t.Store(natFlags, amd64.RAX, 2)
			t.Mov(amd64.RAX, tmpA, 8)
		}
	}
	if !t.emit(op, &in) {
		return false
	}
	t.after(&l.flags, 0)
	t.inMem = fix
	return true
}

// lowerDiv leaves what raises #DE, and IDIV of anything but a sign-extended
// dividend, to the interpreter. For the guest the flags (undefined) stay.
func lowerDiv(t *trans, op *cpu.Op, l *lowering) bool {
	size := int(op.OpSize)
	if size == 2 || l.size == 1 {
		return false
	}
	t.spill()
	if op.Mem() {
		m, ok := t.operand(op, size, read)
		if !ok {
			return false
		}
		t.Load(tmpA, m, size)
	} else {
		t.Mov(tmpA, t.reg(op.RM, tmpA), size)
	}
	if l.ext == 6 {
		t.Emit(&amd64.Insn{Opcode: 0x3b, Size: size, Reg: amd64.RDX, RM: tmpA}) // CMP
		t.toSlow(t.Jcc(3))                                                      // JAE
	} else {
		t.Mov(tmpC, amd64.RAX, size)
		t.Emit(&amd64.Insn{Opcode: 0xc1, Size: size, Reg: 7, RM: tmpC, Imm: uint64(8*size - 1), ImmSize: 1}) // SAR
		t.Emit(&amd64.Insn{Opcode: 0x3b, Size: size, Reg: tmpC, RM: amd64.RDX})
		t.toSlow(t.Jcc(5)) // JNE
		t.Lea(tmpC, amd64.At(tmpA, 1), size)
		t.Emit(&amd64.Insn{Opcode: 0x83, Size: size, Reg: 7, RM: tmpC, Imm: 1, ImmSize: 1}) // CMP: the divisor is -1 or 0
		t.toSlow(t.Jcc(6))                                                                  // JBE
	}
	t.Emit(&amd64.Insn{Opcode: 0xf7, Size: size, Reg: amd64.Reg(l.ext), RM: tmpA})
	return true
}
