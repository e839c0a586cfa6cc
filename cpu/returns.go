package cpu

import (
	"unsafe"

	"g86/cpu/isa"
)

// returnStack holds the return addresses of host code's calls, see package jit's
// returns.go. It is empty again when something changes on which what they lead to relies: blocks without calls
// do not matter.
type returnStack struct {
	sp    uintptr // 0: it has to be made empty
	least uintptr // there is less room than a budget may take
	kind  CodeKind
	words []uintptr
}

// returnDepth is how many calls a stack has room for: those of a budget (each is at least
// one instruction), and 16,384 of the time before.
const (
	returnRoom  = nativeBudget + 1<<10
	returnDepth = returnRoom + 1<<14
)

// enter is the stack pointer for host code.
func (r *returnStack) enter(t Translator, kind CodeKind) uintptr {
	if r.sp <= r.least || r.kind != kind {
		r.clear(t, kind)
	}
	return r.sp
}

// clear makes it empty.
func (r *returnStack) clear(t Translator, kind CodeKind) {
	if r.words == nil {
		r.words = make([]uintptr, returnDepth)
		r.least = uintptr(unsafe.Pointer(&r.words[returnRoom]))
	}
	bottom := &r.words[returnDepth-1]
	*bottom = t.Barrier(kind)
	r.sp, r.kind = uintptr(unsafe.Pointer(bottom)), kind
}

// returnsInUse is the stack of the current privilege.
func (c *CPU) returnsInUse() *returnStack { return &c.returns[(c.cpl+1)>>2] }

// dropReturns empties the stacks of return addresses.
func (c *CPU) dropReturns() {
	for i := range c.returns {
		c.returns[i].sp = 0
	}
}

// Returned is what RET adds to the stack pointer.
func (op *Op) Returned() int { return int(op.OpSize) + int(uint16(op.Imm)) }

// returnFrom is the stack pointer before a return of host code.
func (c *CPU) returnFrom(op *Op) uint64 {
	sp := c.GPR[RSP] - uint64(op.Returned())
	if c.mode != 64 {
		sp = uint64(uint32(sp))
	}
	return sp
}

// calls reports whether the block's host code leaves return addresses that lead to it.
func (b *block) calls() bool { return isa.Forms[b.ops[len(b.ops)-1].Form].Mnemonic == "CALL" }
