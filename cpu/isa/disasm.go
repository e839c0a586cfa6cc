package isa

import (
	"fmt"
	"strconv"
	"strings"
)

var (
	regNames8  = [24]string{"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b", 20: "ah", 21: "ch", 22: "dh", 23: "bh"}
	regNames16 = [16]string{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"}
	regNames32 = [16]string{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"}
	regNames64 = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
	segNames   = [8]string{"es", "cs", "ss", "ds", "fs", "gs", "?6", "?7"}
)

// RegName names a general register as Inst numbers it; size is in bytes.
func RegName(reg, size uint8) string {
	switch {
	case size == 1 && int(reg) < len(regNames8) && regNames8[reg] != "":
		return regNames8[reg]
	case reg > R15:
		return "?"
	case size == 2:
		return regNames16[reg]
	case size == 4:
		return regNames32[reg]
	default:
		return regNames64[reg]
	}
}

// SegName names a segment register.
func SegName(seg uint8) string { return segNames[seg&7] }

// sizedMnemonics are the spellings of forms whose name tells the operand size,
// for 2, 4 and 8 bytes.
var sizedMnemonics = map[string][3]string{
	"CBW": {"cbw", "cwde", "cdqe"}, "CWD": {"cwd", "cdq", "cqo"},
	"PUSHA": {"pushaw", "pushad"}, "POPA": {"popaw", "popad"},
	"PUSHF": {"pushfw", "pushfd", "pushfq"}, "POPF": {"popfw", "popfd", "popfq"},
	"IRET": {"iretw", "iretd", "iretq"}, "RETF": {"retfw", "retfd", "retfq"},
	"MOVS": {"movsw", "movsd", "movsq"}, "CMPS": {"cmpsw", "cmpsd", "cmpsq"}, "STOS": {"stosw", "stosd", "stosq"},
	"LODS": {"lodsw", "lodsd", "lodsq"}, "SCAS": {"scasw", "scasd", "scasq"},
	"INS": {"insw", "insd", "insd"}, "OUTS": {"outsw", "outsd", "outsd"},
	"SYSRET": {"sysret", "sysret", "sysretq"}, "SYSEXIT": {"sysexit", "sysexit", "sysexitq"},
	"CALLF": {"call far", "call far", "call far"}, "JMPF": {"jmp far", "jmp far", "jmp far"},
	"FXSAVE": {"fxsave", "fxsave", "fxsave64"}, "FXRSTOR": {"fxrstor", "fxrstor", "fxrstor64"},
	"XSAVE": {"xsave", "xsave", "xsave64"}, "XRSTOR": {"xrstor", "xrstor", "xrstor64"}, "XSAVEOPT": {"xsaveopt", "xsaveopt", "xsaveopt64"},
	"XSAVEC": {"xsavec", "xsavec", "xsavec64"}, "XSAVES": {"xsaves", "xsaves", "xsaves64"}, "XRSTORS": {"xrstors", "xrstors", "xrstors64"},
}

// String shows the instruction in Intel syntax with relative branch targets (".+5").
func (i *Inst) String() string {
	return i.format(func(rel int64) string { return fmt.Sprintf(".%+#x", rel) })
}

// Disasm shows the instruction in Intel syntax as it stands at rip.
func Disasm(in *Inst, rip uint64, mode Mode) string {
	return in.format(func(rel int64) string {
		to := rip + uint64(rel)
		switch {
		case in.OpSize == 2:
			to &= 0xFFFF
		case mode != 64:
			to &= 0xFFFFFFFF
		}
		return hexNum(to)
	})
}

func hexNum(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

func (i *Inst) format(target func(rel int64) string) string {
	f := &Forms[i.Form]
	if i.Form == 0 {
		return f.Mnemonic
	}
	var b strings.Builder
	if i.Prefix&PrefixLock != 0 {
		b.WriteString("lock ")
	}
	if f.Attr&(Rep|RepCond) != 0 {
		switch {
		case i.Prefix&PrefixRepne != 0:
			b.WriteString("repne ")
		case i.Prefix&PrefixRep != 0 && f.Attr&RepCond != 0:
			b.WriteString("repe ")
		case i.Prefix&PrefixRep != 0:
			b.WriteString("rep ")
		}
	}
	if names, ok := sizedMnemonics[f.Mnemonic]; ok {
		b.WriteString(names[i.OpSize>>2])
	} else if f.Mnemonic == "JCXZ" {
		b.WriteString([3]string{"jcxz", "jecxz", "jrcxz"}[i.AddrSize>>2])
	} else {
		b.WriteString(strings.ToLower(f.Mnemonic))
	}
	if f.hasMethod('X') || f.hasMethod('Y') || f.Mnemonic == "XLAT" {
		// The operands follow from the name but for these two prefixes.
		if f.hasMethod('X') || f.Mnemonic == "XLAT" {
			if i.Prefix&PrefixSeg != 0 {
				b.WriteString(" " + SegName(i.Seg) + ":")
			}
		}
		return b.String()
	}
	for n := range f.ops {
		sep := ", "
		if n == 0 {
			sep = " "
		}
		b.WriteString(sep)
		b.WriteString(i.operand(f, &f.ops[n], n, target))
	}
	return b.String()
}

// sizeBytes resolves an operand size letter for this instruction; 0 is unsized.
func (i *Inst) sizeBytes(size string) uint8 {
	switch size {
	case "b", "bs":
		return 1
	case "w":
		return 2
	case "d", "ss":
		return 4
	case "q", "sd":
		return 8
	case "t":
		return 10
	case "dq", "ps", "pd", "x":
		return 16
	case "v":
		return i.OpSize
	case "z":
		return min(i.OpSize, 4)
	case "y":
		return max(i.OpSize, 4)
	case "p":
		return i.OpSize + 2
	default:
		return 0
	}
}

var ptrNames = map[uint8]string{
	1: "byte ptr ", 2: "word ptr ", 4: "dword ptr ", 6: "fword ptr ", 8: "qword ptr ", 10: "tbyte ptr ", 16: "xmmword ptr ",
}

func (i *Inst) operand(f *Form, op *Operand, n int, target func(int64) string) string {
	memSize := op.Size
	if op.MemSize != "" {
		memSize = op.MemSize
	}
	switch op.Method {
	case 'E', 'R':
		if i.Mem() {
			return ptrNames[i.sizeBytes(memSize)] + i.memory()
		}
		return RegName(i.RM, i.sizeBytes(op.Size))
	case 'M', 'O':
		return ptrNames[i.sizeBytes(memSize)] + i.memory()
	case 'W', 'U':
		if i.Mem() {
			return ptrNames[i.sizeBytes(memSize)] + i.memory()
		}
		return fmt.Sprintf("xmm%d", i.RM)
	case 'Q', 'N':
		if i.Mem() {
			return ptrNames[i.sizeBytes(memSize)] + i.memory()
		}
		return fmt.Sprintf("mm%d", i.RM)
	case 'G':
		return RegName(i.Reg, i.sizeBytes(op.Size))
	case 'Z':
		return RegName(i.RM, i.sizeBytes(op.Size))
	case 'B':
		return RegName(i.Vvvv, i.sizeBytes(op.Size))
	case 'V':
		return fmt.Sprintf("xmm%d", i.Reg)
	case 'P':
		return fmt.Sprintf("mm%d", i.Reg)
	case 'S':
		return SegName(i.Reg)
	case 'C':
		return fmt.Sprintf("cr%d", i.Reg)
	case 'D':
		return fmt.Sprintf("dr%d", i.Reg)
	case 'T':
		if op.Size == "0" {
			return "st(0)"
		}
		return fmt.Sprintf("st(%d)", i.RM&7)
	case 'J':
		return target(int64(i.Len) + int64(i.Imm))
	case 'A':
		return hexNum(uint64(i.Imm2)) + ":" + hexNum(i.Imm)
	case 'I':
		if n == 1 && f.enc.imm == "iw ib" {
			return hexNum(uint64(i.Imm2))
		}
		v := i.Imm
		if op.Size == "z" || op.Size == "bs" { // as wide as the operation
			v &= 1<<(8*i.OpSize) - 1
		}
		return hexNum(v)
	default: // F
		switch op.Fixed {
		case "rAX":
			return RegName(RAX, i.OpSize)
		case "eAX":
			return RegName(RAX, min(i.OpSize, 4))
		}
		return strings.ToLower(op.Fixed)
	}
}

// memory shows the memory operand: "fs:[rax+rcx*8-0x10]".
func (i *Inst) memory() string {
	var b strings.Builder
	if i.Prefix&PrefixSeg != 0 {
		b.WriteString(SegName(i.Seg) + ":")
	}
	b.WriteByte('[')
	named := false
	if i.Prefix&PrefixRIP != 0 {
		b.WriteString([3]string{"ip", "eip", "rip"}[i.AddrSize>>2])
		named = true
	}
	if i.Base != NoReg {
		b.WriteString(RegName(i.Base, i.AddrSize))
		named = true
	}
	if i.Index != NoReg {
		if named {
			b.WriteByte('+')
		}
		b.WriteString(RegName(i.Index, i.AddrSize))
		if i.Scale != 0 {
			b.WriteString("*" + strconv.Itoa(1<<i.Scale))
		}
		named = true
	}
	switch {
	case !named:
		v := uint64(i.Disp)
		if i.AddrSize < 8 {
			v &= 1<<(8*i.AddrSize) - 1
		}
		b.WriteString(hexNum(v))
	case i.Disp > 0:
		b.WriteString("+" + hexNum(uint64(i.Disp)))
	case i.Disp < 0:
		b.WriteString("-" + hexNum(uint64(-i.Disp)))
	}
	b.WriteByte(']')
	return b.String()
}
