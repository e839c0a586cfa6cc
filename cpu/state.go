// Package cpu is the x86 processor: architectural state, memory management,
// exceptions and interrupts, and the interpreter. Translatable instructions are
// generated from package sem; the rest are methods, one file per group.
package cpu

import "g86/cpu/softfloat"

// Segment is a segment register with its hidden part.
type Segment struct {
	Sel   uint16
	Attr  uint16 // as bits 8-15 and 20-23 of a descriptor: type, S, DPL, P at 0-7; AVL, L, D/B, G at 12-15
	Limit uint32 // in bytes, granularity applied
	Base  uint64
}

// Segment attribute bits (Segment.Attr).
const (
	attrAccessed = 1 << 0
	attrWrite    = 1 << 1 // data: writable; code: readable
	attrExpDown  = 1 << 2 // data: expand-down; code: conforming
	attrCode     = 1 << 3
	attrS        = 1 << 4 // code or data, not system
	attrP        = 1 << 7
	attrAVL      = 1 << 12
	attrL        = 1 << 13
	attrDB       = 1 << 14
	attrG        = 1 << 15

	attrReadable   = attrWrite
	attrConforming = attrExpDown
)

// DPL is the descriptor privilege level.
func (s *Segment) DPL() uint8 { return uint8(s.Attr>>5) & 3 }

// Type is the four type bits.
func (s *Segment) Type() uint8 { return uint8(s.Attr) & 15 }

// Table is GDTR or IDTR.
type Table struct {
	Base  uint64
	Limit uint16
}

// Segment register numbers in State.Seg: the six of package isa, then these.
const (
	ES = iota
	CS
	SS
	DS
	FS
	GS
	LDTR
	TR
	numSegs
)

// General register numbers.
const (
	RAX = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
)

// State is the architectural state of one logical processor: everything a
// snapshot holds and every engine shares. It has no pointers and one canonical
// form: RFLAGS is complete, unused bits are zero.
type State struct {
	GPR    [32]uint64 // 0-15 are RAX..R15; 16-31 are always zero, for absent base and index registers
	RIP    uint64
	RFLAGS uint64
	Seg    [numSegs]Segment
	GDTR   Table
	IDTR   Table

	CR0, CR2, CR3, CR4 uint64
	XCR0               uint64
	DR                 [8]uint64 // DR4 and DR5 unused
	PDPTE              [4]uint64 // PAE page-directory pointers, loaded with CR3 (SDM 3A 4.4.1)

	EFER, STAR, LSTAR, CSTAR, FMASK uint64
	KernelGSBase                    uint64
	TSCAux                          uint64
	TSCOffset                       uint64 // added to the machine's clock
	TSCAdjust                       uint64
	SysenterCS                      uint64
	SysenterESP, SysenterEIP        uint64
	PAT                             uint64
	MiscEnable                      uint64
	MTRR                            MTRR
	MCGStatus                       uint64
	SpecCtrl                        uint64

	FPU   FPU
	XMM   [16][2]uint64
	MXCSR uint32

	Halted     bool  // HLT until an interrupt
	WaitSIPI   bool  // application processor before its start-up IPI
	Shutdown   bool  // triple fault
	NMIBlocked bool  // between NMI delivery and IRET
	Shadow     uint8 // interrupt shadow: 1 after STI, 2 after MOV SS/POP SS (also holds off #DB)
	PendingNMI bool
	PendingDB  uint64 // DR6 bits of debug traps to be delivered before the next instruction
	ICount     uint64 // instructions retired
}

// MTRR holds the memory type range registers: kept, without effect on memory.
type MTRR struct {
	DefType  uint64
	Fixed    [11]uint64
	Variable [16]uint64
}

// FPU is the x87 unit. ST(i) is Reg[(Top+i)&7]; MMX register n is Reg[n].Sig.
type FPU struct {
	Reg      [8]softfloat.F80
	CW, SW   uint16 // SW includes TOP
	Tag      uint8  // one bit a physical register: 1 = not empty (the FXSAVE form)
	Op       uint16 // last opcode, 11 bits
	IP, DP   uint64
	CSs, DSs uint16
}

// RFLAGS bits.
const (
	FlagCF   = 1 << 0
	Flag1    = 1 << 1
	FlagPF   = 1 << 2
	FlagAF   = 1 << 4
	FlagZF   = 1 << 6
	FlagSF   = 1 << 7
	FlagTF   = 1 << 8
	FlagIF   = 1 << 9
	FlagDF   = 1 << 10
	FlagOF   = 1 << 11
	FlagIOPL = 3 << 12
	FlagNT   = 1 << 14
	FlagRF   = 1 << 16
	FlagVM   = 1 << 17
	FlagAC   = 1 << 18
	FlagVIF  = 1 << 19
	FlagVIP  = 1 << 20
	FlagID   = 1 << 21

	statusFlags = FlagCF | FlagPF | FlagAF | FlagZF | FlagSF | FlagOF
)

// CR0, CR4 and EFER bits.
const (
	CR0PE = 1 << 0
	CR0MP = 1 << 1
	CR0EM = 1 << 2
	CR0TS = 1 << 3
	CR0ET = 1 << 4
	CR0NE = 1 << 5
	CR0WP = 1 << 16
	CR0AM = 1 << 18
	CR0NW = 1 << 29
	CR0CD = 1 << 30
	CR0PG = 1 << 31

	CR4VME        = 1 << 0
	CR4PVI        = 1 << 1
	CR4TSD        = 1 << 2
	CR4DE         = 1 << 3
	CR4PSE        = 1 << 4
	CR4PAE        = 1 << 5
	CR4MCE        = 1 << 6
	CR4PGE        = 1 << 7
	CR4PCE        = 1 << 8
	CR4OSFXSR     = 1 << 9
	CR4OSXMMEXCPT = 1 << 10
	CR4UMIP       = 1 << 11
	CR4FSGSBASE   = 1 << 16
	CR4PCIDE      = 1 << 17
	CR4OSXSAVE    = 1 << 18
	CR4SMEP       = 1 << 20
	CR4SMAP       = 1 << 21

	EFERSCE = 1 << 0
	EFERLME = 1 << 8
	EFERLMA = 1 << 10
	EFERNXE = 1 << 11
)
