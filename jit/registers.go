//go:build linux && amd64

package jit

import (
	"slices"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Between blocks each guest register has its place, see hostReg: six of 64-bit code's
// have none but memory. A block that uses such a register often borrows the host
// register of one that it does not use: it puts that into memory first and both back
// where it leaves, for other blocks as for Go.

// swap is a guest register in the host register of another.
type swap struct {
	guest, owner uint8
	host         amd64.Reg
}

// maxSwaps keeps the head of a block within reach of a short jump.
const maxSwaps = 3

// A swap costs four moves to and from memory each time the block runs, and spares at
// least one for each use.
const (
	worthwhile     = 5 // uses
	worthwhileLoop = 2 // of a block that mostly jumps to itself
)

// lenders are the registers that may be borrowed. Instructions name them, or are in
// implicitly.
var lenders = []uint8{isa.R12, isa.RBP, isa.RBX, isa.R8, isa.RDI, isa.RSI}

// chooseSwaps decides what the block borrows.
func (t *trans) chooseSwaps(lowers []*lowering) {
	t.regs, t.swaps = hostReg, nil
	if !t.long || len(t.ops) < 4 {
		return
	}
	var uses [16]int
	var used [16]bool
	note := func(r uint8, n int) {
		if r >= isa.AH {
			r &= 3
		}
		if r < 16 {
			uses[r] += n
			used[r] = true
		}
	}
	for i := range t.ops {
		op, l := &t.ops[i], lowers[i]
		if l == nil {
			continue // the interpreter finds everything in its place
		}
		if l.hidden {
			for _, r := range [...]uint8{isa.RBX, isa.RBP, isa.RSI, isa.RDI} {
				used[r] = true
			}
		}
		note(op.Base, 1)
		note(op.Index, 1)
		n := 1
		if l.vector {
			n = 0
		}
		note(op.Reg, n)
		if !op.Mem() {
			if l.rmR && l.rmW {
				n *= 2
			}
			note(op.RM, n)
		}
	}
	least := worthwhile
	last := &t.ops[len(t.ops)-1]
	if to := last.Next + last.Imm; to == t.b.RIP() && last.Ends() {
		least = worthwhileLoop
	}
	var want []uint8
	for r := range uint8(16) {
		if hostReg[r] == amd64.None && uses[r] >= least {
			want = append(want, r)
		}
	}
	slices.SortStableFunc(want, func(a, b uint8) int { return uses[b] - uses[a] })
	for _, owner := range lenders {
		if len(want) == 0 || len(t.swaps) == maxSwaps {
			return
		}
		if !used[owner] {
			t.swaps = append(t.swaps, swap{want[0], owner, hostReg[owner]})
			t.regs[want[0]], t.regs[owner] = hostReg[owner], amd64.None
			want = want[1:]
		}
	}
}

// borrow is at the beginning of a block, and giveBack where it ends.
func (t *trans) borrow() {
	for _, s := range t.swaps {
		t.Store(gpr(s.owner), s.host, 8)
		t.Load(s.host, gpr(s.guest), 8)
	}
}

func (t *trans) giveBack() {
	for _, s := range t.swaps {
		t.Store(gpr(s.guest), s.host, 8)
		t.Load(s.host, gpr(s.owner), 8)
	}
}

// reborrow writes what Go enters to go on in the middle of the block, at
// NativeState.Target.
func (t *trans) reborrow(n *cpu.Native) {
	if len(t.swaps) == 0 {
		return
	}
	n.Borrow = t.e.base + uintptr(t.N)
	t.borrow()
	t.JmpMem(natTarget)
}
