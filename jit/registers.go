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
// register of one that it uses less: it puts that into memory first and both back
// where it leaves, for other blocks as for Go.

// swap is a guest register in the host register of another.
type swap struct {
	guest, owner uint8
	host         amd64.Reg
}

// maxSwaps keeps the head of a block within reach of a short jump; maxLongSwaps where
// moves take nine bytes, see amd64.Asm.GSAlone.
const (
	maxSwaps     = 3
	maxLongSwaps = 2
)

// A swap costs four moves to and from memory each time the block runs, and spares at
// least one for each use that the guest register has more than the owner.
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
	var fixed [16]bool // not to be lent
	note := func(r uint8, n int) {
		if r >= isa.AH {
			r &= 3
			fixed[r] = true
		}
		if r < 16 {
			uses[r] += n
		}
	}
	for i := range t.ops {
		op, l := &t.ops[i], lowers[i]
		if l == nil {
			continue // the interpreter finds everything in its place
		}
		if l.hidden {
			for _, r := range [...]uint8{isa.RBX, isa.RBP, isa.RSI, isa.RDI} {
				fixed[r] = true
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
	from := slices.DeleteFunc(slices.Clone(lenders), func(r uint8) bool { return fixed[r] })
	slices.SortStableFunc(from, func(a, b uint8) int { return uses[a] - uses[b] })
	most := maxSwaps
	if t.GSAlone {
		most = maxLongSwaps
	}
	for i := range min(len(want), len(from), most) {
		guest, owner := want[i], from[i]
		if uses[guest]-uses[owner] < least {
			return
		}
		t.swaps = append(t.swaps, swap{guest, owner, hostReg[owner]})
		t.regs[guest], t.regs[owner] = hostReg[owner], amd64.None
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
