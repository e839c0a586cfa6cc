//go:build !linux

package cpu

// newTLB returns memory for a TLB.
func newTLB(*CPU) *tlb { return new(tlb) }

// forgetTLB makes all of a TLB zero.
func forgetTLB(t *tlb) { *t = tlb{} }

// populate does nothing.
func populate([]uint64) {}
