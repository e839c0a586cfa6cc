// Package jit translates hot blocks of guest code to host code.
//
// The host is the guest's own architecture, so a guest instruction becomes the
// same host instruction with its registers renamed and its memory operand
// replaced by a translated address; the guest's status flags live in the host's.
// What that does not fit is left to the interpreter, one instruction at a time.
//
// Registers in host code:
//
//	RAX RDX RBX RBP RSI RDI    the guest's
//	R8 R9                      the guest's RSP and RCX
//	R10 R11                    the guest's R12 and R8; the others live in memory
//	R12                        instruction budget
//	RCX R13 R14                scratch
//	R15                        the processor, see cpuBias
//
// RSP is Go's stack and not used.
package jit

import "fmt"

// Heat is how often a block is interpreted before it is translated.
const Heat = 8

// Stats are counters for people.
type Stats struct {
	Blocks   uint64 // translated
	Insns    uint64 // guest instructions in them
	Interp   uint64 // of those left to the interpreter
	Bytes    uint64 // of host code
	Links    uint64
	Resets   uint64 // times the cache was full
	Enters   uint64
	Budgets  uint64 // exits by reason
	Ops      uint64
	Unlinked uint64
}

// String shows the counters, one a line.
func (s *Stats) String() string {
	return fmt.Sprintf("blocks translated      %d, of %d instructions, %d of them interpreted\n"+
		"host code              %d KiB, cache emptied %d times\n"+
		"links made             %d\n"+
		"entries                %d\n"+
		"exits: budget          %d\n"+
		"exits: one instruction %d\n"+
		"exits: no link         %d\n",
		s.Blocks, s.Insns, s.Interp, s.Bytes>>10, s.Resets, s.Links, s.Enters, s.Budgets, s.Ops, s.Unlinked)
}
