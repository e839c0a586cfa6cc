//go:build linux && amd64

package jit

// Small loops that are one block are translated as several turns, one behind the other: the budget
// is looked at once for all of them, and accesses through a register that each turn adds a constant
// to share one search of the TLB (groups.go) or one check of where it points (window.go). The
// conditional jump at the end of a turn leaves where the loop ends, and gives the rest of the
// budget back, as one in the midst of a block does where it is taken.

// A loop has that many turns if it has at most so many instructions.
const (
	loopTurns = 4
	loopInsns = 12
)

// unroll repeats the instructions of a block that is a small loop.
func (t *trans) unroll() {
	t.period = len(t.ops)
	last := &t.ops[t.period-1]
	if t.period > loopInsns || !last.Branch() || t.lowers[t.period-1] == nil {
		return
	}
	if to, ok := last.Target(); !ok || to != t.b.RIP() {
		return
	}
	for i, l := range t.lowers {
		if op := &t.ops[i]; l == nil || l.hidden || op.X87() || op.Ends() && !op.Branch() {
			return
		}
	}
	t.turns = t.turns[:0]
	for range loopTurns {
		t.turns = append(t.turns, t.ops...)
	}
	for i := t.period; i < len(t.turns); i++ {
		t.lowers = append(t.lowers, t.lowers[i-t.period])
	}
	t.ops = t.turns
}

// once undoes unroll.
func (t *trans) once() { t.ops, t.lowers = t.ops[:t.period], t.lowers[:t.period] }

// again reports whether the current instruction is the jump from one turn to the next.
func (t *trans) again() bool { return t.i%t.period == t.period-1 && t.i < len(t.ops)-1 }
