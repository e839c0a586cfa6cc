package silicon

import (
	"encoding/binary"
	"strings"

	"g86/cpu/isa"
)

// Where makers differ g86 does as AMD's processors do, which its vectors were
// recorded on. This is what Intel's do otherwise.

// intel reports whether a processor is one of Intel's.
func intel(cpuid func(leaf, sub uint32) (a, b, c, d uint32)) bool {
	_, b, c, d := cpuid(0, 0)
	return b == 0x756e6547 && d == 0x49656e69 && c == 0x6c65746e // GenuineIntel
}

// onIntel loosens what is compared of a case on a processor of Intel's, or tells
// why it is not compared at all.
func (k *testCase) onIntel(f *isa.Form) (why string) {
	in, s := &k.in, &k.state
	mem := in.Mem() && (in.Seg == isa.CS || !plain(ea(in, s), s)) // it may fault
	switch name := f.Mnemonic; {
	case f.Attr&(isa.Rep|isa.RepCond) != 0 && in.Prefix&(isa.PrefixRep|isa.PrefixRepne) != 0 && in.AddrSize == 4 && s.GPR[1]>>32 != 0:
		return WhyVendor // whether the upper half of RCX is cleared where the first iteration faults
	case f.Attr&(isa.Rep|isa.RepCond) != 0 && in.Prefix&(isa.PrefixRep|isa.PrefixRepne) != 0:
		k.loose.partFlags = true // leaving in the middle restores the flags of before (SDM vol. 2, REP)
	case name == "XCHG" && f.Enc == "90+r" && in.RM == 8 && in.Prefix&isa.PrefixRep != 0:
		return WhyVendor // F3 90 with REX.B is PAUSE
	case name == "BOUND" && mem:
		return WhyVendor // the lower bound is looked at before the upper is read
	case mem && f.Attr&isa.FPUCheck != 0 && storesX87(name) && binary.LittleEndian.Uint16(s.FX[:])&0x3f != 0x3f:
		return WhyVendor // an unmasked exception comes before the store that would fault
	case mem && (name == "FBSTP" || name == "FSTP" && f.Operands()[0].Size == "t"):
		return WhyVendor // how much has been stored when a later part faults
	case (name == "DPPS" || name == "DPPD") && (in.Mem() || special(s, in.Reg, name) || special(s, in.RM, name)):
		return WhyVendor // which NaN of several is the sum
	}
	if f.Attr&isa.MMXCheck != 0 {
		k.loose.stack = true
	}
	return ""
}

func storesX87(mnemonic string) bool {
	return strings.HasPrefix(mnemonic, "FST") || strings.HasPrefix(mnemonic, "FIST") || mnemonic == "FBSTP"
}

// special reports a NaN or an infinity in an XMM register.
func special(s *State, reg uint8, mnemonic string) bool {
	r := s.FX[fxXMM+16*int(reg):][:16]
	for at := 0; at < 16; at += 4 {
		if mnemonic == "DPPS" && binary.LittleEndian.Uint32(r[at:])>>23&0xff == 0xff ||
			mnemonic == "DPPD" && at%8 == 0 && binary.LittleEndian.Uint64(r[at:])>>52&0x7ff == 0x7ff {
			return true
		}
	}
	return false
}
