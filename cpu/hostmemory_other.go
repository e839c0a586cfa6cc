//go:build !linux

package cpu

import "os"

// newTLB returns memory for a TLB.
func newTLB(*CPU) *tlb { return new(tlb) }

// forgetTLB makes all of a TLB zero.
func forgetTLB(t *tlb) { *t = tlb{} }

// populate does nothing.
func populate([]uint64) {}

// reserve gives no addresses: there are no windows.
func reserve(uint64) uintptr { return 0 }

func unreserve(uintptr, uint64) {}

func writable(uintptr, uint64) []uintptr { return nil }

func showPages(uintptr, uintptr, *os.File, uintptr, bool) bool { return false }

func hidePages(uintptr, uint64) error { return nil }
