package silicon

import (
	"strings"

	"g86/cpu/isa"
)

// Reasons for leaving forms out.
const (
	WhyHost   = "tells what the host or its kernel is, not what the instruction does"
	WhyFar    = "depends on the host's descriptor tables, or would change its segment registers"
	WhyKernel = "a system call of the host"
	WhyImage  = "the layout of the host's extended states"
	WhyApprox = "an approximation that every processor makes its own"
	WhyVendor = "processors of different vendors differ"
	WhyTrap   = "cannot be told from the trap that ends every instruction"
	WhyLacks  = "the host's processor lacks it"
	WhyInterp = "the translator leaves it to the interpreter"
	WhyStep   = "stores TF, with which the host is stepped and translated code is not"
)

var left = map[string]string{
	"CPUID": WhyHost, "RDTSC": WhyHost, "RDTSCP": WhyHost, "RDPMC": WhyHost, "RDRAND": WhyHost, "RDSEED": WhyHost, "RDPID": WhyHost,
	"XGETBV": WhyHost, "RDPKRU": WhyHost, "WRPKRU": WhyHost, "MONITOR": WhyHost, "MWAIT": WhyHost,
	"SGDT": WhyHost, "SIDT": WhyHost, "SLDT": WhyHost, "STR": WhyHost, "SMSW": WhyHost,
	"RDFSBASE": WhyHost, "RDGSBASE": WhyHost, "WRFSBASE": WhyHost, "WRGSBASE": WhyHost,
	"LAR": WhyFar, "LSL": WhyFar, "VERR": WhyFar, "VERW": WhyFar, "LDS": WhyFar, "LES": WhyFar, "LFS": WhyFar, "LGS": WhyFar,
	"LSS": WhyFar, "CALLF": WhyFar, "JMPF": WhyFar, "RETF": WhyFar, "IRET": WhyFar,
	"SYSCALL": WhyKernel, "SYSENTER": WhyKernel,
	"SYSEXIT": WhyVendor, "SYSRET": WhyVendor, "UD0": WhyVendor,
	"FXRSTOR": WhyImage, "XSAVE": WhyImage, "XSAVEOPT": WhyImage, "XSAVEC": WhyImage, "XSAVES": WhyImage, "XRSTOR": WhyImage,
	"XRSTORS": WhyImage, "INT1": WhyTrap,
	"RCPPS": WhyApprox, "RCPSS": WhyApprox, "RSQRTPS": WhyApprox, "RSQRTSS": WhyApprox,
	"F2XM1": WhyApprox, "FYL2X": WhyApprox, "FYL2XP1": WhyApprox, "FPTAN": WhyApprox, "FPATAN": WhyApprox, "FSIN": WhyApprox,
	"FCOS": WhyApprox, "FSINCOS": WhyApprox,
}

// leaveOut is why a form is not compared, or "".
func leaveOut(f *isa.Form, has func(isa.Feature) bool) string {
	if why := left[f.Mnemonic]; why != "" {
		return why
	}
	ops := f.Operands()
	if f.Mnemonic == "PUSH" && ops[0].Method == 'F' {
		return WhyVendor // how much of the stack slot is written
	}
	if f.Mnemonic == "MOV" && ops[0].Method == 'S' || f.Mnemonic == "POP" && ops[0].Method == 'F' {
		return WhyFar
	}
	if !has(f.Feature) {
		return WhyLacks
	}
	return ""
}

// refuse is why one instruction of a form that is compared is left out, or "".
func refuse(in *isa.Inst, f *isa.Form, s *State, code []byte, bits int) string {
	switch {
	case in.Seg >= isa.FS && in.Prefix&isa.PrefixSeg != 0:
		return WhyHost // thread-local storage
	case in.AddrSize == 2:
		return WhyHost // nothing of ours is below 64 KiB
	case f.Mnemonic == "INT" && in.Imm&0xff == 0x80:
		return WhyKernel
	case f.Attr&(isa.Rep|isa.RepCond) != 0 && in.Prefix&(isa.PrefixRep|isa.PrefixRepne) != 0 && bits == 64 && in.AddrSize == 4 &&
		uint32(s.GPR[1]) == 0:
		return WhyVendor // whether a count of zero in ECX clears the upper half of RCX
	case f.Mnemonic == "MOVSXD" && in.OpSize == 2 && in.Mem() && !plain(ea(in, s), s):
		return WhyVendor // whether two or four bytes are read
	case f.Mnemonic == "BSWAP" && in.OpSize == 2:
		return WhyVendor
	case (f.Mnemonic == "SHLD" || f.Mnemonic == "SHRD") && in.OpSize == 2:
		return WhyVendor // undefined for counts above 16
	case bits == 64 && has66(code) && f.Attr&isa.Force64 != 0 && nearBranch(f):
		return WhyVendor // AMD's processors branch to a 16-bit address
	case f.Mnemonic == "CVTPI2PS" && in.Mem():
		return WhyVendor // whether it enters MMX state
	case (f.Mnemonic == "LOOPE" || f.Mnemonic == "LOOPNE") && in.Prefix&(isa.PrefixRep|isa.PrefixRepne) != 0:
		return WhyVendor // AMD's processors take the condition from the prefix
	case f.Mnemonic == "ARPL" && in.Mem() && (in.Seg == isa.CS || !plain(ea(in, s), s)):
		return WhyVendor // whether what cannot be written faults when nothing is to be written
	case storesImage(f) && !(plain(ea(in, s), s) && plain(ea(in, s)+512, s)):
		return WhyVendor // how much has been stored when a later part faults
	case unaligned(f) && in.Mem() && ea(in, s)&15 != 0:
		return WhyVendor // whether its operand must be aligned
	case f.Mnemonic == "NOP" && f.Feature == isa.PREFETCHW && !in.Mem():
		return WhyVendor // #UD on AMD's processors
	case strings.HasPrefix(f.Mnemonic, "MASKMOV") && in.Seg == isa.CS:
		return WhyVendor // whether an access without any byte faults
	case f.Feature == isa.CX16 && ea(in, s)&15 != 0:
		return WhyVendor // which fault comes first where the address is also bad
	}
	return ""
}

// nearBranch reports a jump, call or return within the segment.
func nearBranch(f *isa.Form) bool {
	switch f.Mnemonic {
	case "JMP", "CALL", "RET":
		return true
	}
	ops := f.Operands()
	return len(ops) > 0 && ops[0].Method == 'J'
}

// plain reports whether an operand at that address cannot fault.
func plain(at uint64, s *State) bool {
	off := at - (s.RIP - codeAt - offCode)
	return off >= offData && off < offHole-16
}

// has66 reports an operand-size prefix among the legacy prefixes.
func has66(code []byte) bool {
	for _, b := range code {
		switch b {
		case 0x66:
			return true
		case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67, 0xf0, 0xf2, 0xf3:
		default:
			return false
		}
	}
	return false
}

// unaligned reports that a form's operand may be at any address on some
// processors only.
func unaligned(f *isa.Form) bool { return f.Feature == isa.SHA }

// wholeStack are the instructions that have moved part of their registers when
// a later access of theirs faults, on some processors.
var wholeStack = map[string]bool{"PUSHA": true, "POPA": true, "ENTER": true}

// loose is what is not compared of a form, because processors differ.
type loose struct {
	sw    uint16 // bits of the x87 status word
	page  bool   // the byte within the page at which a page fault is reported
	stack bool   // whether an instruction that faulted has entered MMX state

	partFlags bool   // the status flags when a repeated instruction is left in the middle
	image     []span // of the memory operand: pointers to the last x87 instruction, which not all processors keep
}

// span is some bytes of an operand.
type span struct{ from, to int }

// Where the x87 images hold the pointers (SDM volume 1, figures 8-9 and 8-12,
// table 10-2); of FXSAVE's also the mask of MXCSR and what is reserved.
var (
	env32   = []span{{12, 28}}
	env16   = []span{{6, 14}}
	fxImage = []span{{6, 24}, {28, 32}, {fxEnd, 512}}
	fxSmall = []span{{6, 24}, {28, 32}, {fxXMM + 8*16, 512}} // outside 64-bit code

)

// storesImage reports an instruction that stores the x87 state.
func storesImage(f *isa.Form) bool {
	return f.Mnemonic == "FNSTENV" || f.Mnemonic == "FNSAVE" || f.Mnemonic == "FXSAVE"
}

func looseOf(f *isa.Form, in *isa.Inst, bits int) (l loose) {
	switch f.Mnemonic {
	case "FNSTENV", "FNSAVE":
		l.image = env32
		if in.OpSize == 2 {
			l.image = env16
		}
	case "FXSAVE":
		l.image = fxImage
		if bits == 32 {
			l.image = fxSmall
		}
	case "FCOMI", "FCOMIP", "FUCOMI", "FUCOMIP":
		l.sw = 0x200 // the manual clears C1, AMD's processors do not
	case "FLDENV", "FRSTOR", "MASKMOVQ", "MASKMOVDQU":
		l.page = true
	}
	l.stack = f.Attr&isa.MMXCheck != 0 && (f.Attr&isa.SSECheck != 0 || f.Mnemonic == "MASKMOVQ")
	return l
}

// Features of the host, by CPUID leaf, register and bit.
var featureBits = map[isa.Feature]struct {
	leaf uint32
	reg  int
	bit  uint
}{
	isa.FPU: {1, 3, 0}, isa.Pentium: {1, 3, 8}, isa.SYSENTER: {1, 3, 11}, isa.CMOV: {1, 3, 15}, isa.FCMOV: {1, 3, 15}, isa.CLFLUSH: {1, 3, 19},
	isa.MMX: {1, 3, 23}, isa.FXSR: {1, 3, 24}, isa.SSE: {1, 3, 25}, isa.SSE2: {1, 3, 26},
	isa.SSE3: {1, 2, 0}, isa.PCLMUL: {1, 2, 1}, isa.SSSE3: {1, 2, 9}, isa.CX16: {1, 2, 13}, isa.SSE41: {1, 2, 19},
	isa.SSE42: {1, 2, 20}, isa.MOVBE: {1, 2, 22}, isa.POPCNT: {1, 2, 23}, isa.AES: {1, 2, 25}, isa.XSAVE: {1, 2, 26},
	isa.BMI1: {7, 1, 3}, isa.BMI2: {7, 1, 8}, isa.INVPCID: {7, 1, 10}, isa.ADX: {7, 1, 19}, isa.SMAP: {7, 1, 20},
	isa.CLFLUSHOPT: {7, 1, 23}, isa.CLWB: {7, 1, 24}, isa.SHA: {7, 1, 29},
	isa.LAHF64: {0x80000001, 2, 0}, isa.LZCNT: {0x80000001, 2, 5}, isa.PREFETCHW: {0x80000001, 2, 8}, isa.LM: {0x80000001, 3, 29},
}

// features asks the host's CPUID. What has no bit is there: every x86-64
// processor has it, or its form is left out anyway.
func features(cpuid func(leaf, sub uint32) (a, b, c, d uint32)) func(isa.Feature) bool {
	regs := map[uint32][4]uint32{}
	for _, leaf := range []uint32{1, 7, 0x80000001} {
		a, b, c, d := cpuid(leaf, 0)
		regs[leaf] = [4]uint32{a, b, c, d}
	}
	return func(f isa.Feature) bool {
		at, ok := featureBits[f]
		return !ok || regs[at.leaf][at.reg]>>at.bit&1 != 0
	}
}
