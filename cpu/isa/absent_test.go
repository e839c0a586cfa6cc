package isa

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"
)

// TestNothingIsForgotten: what x86asm's table has, ours has, or says why not.
func TestNothingIsForgotten(t *testing.T) {
	ours := map[string]bool{"FXSAVE64": true, "FXRSTOR64": true} // FXSAVE and FXRSTOR with REX.W
	for i := 1; i < len(Forms); i++ {
		for _, size := range []uint8{2, 4, 8} {
			ours[Forms[i].Mnemonic] = true
			ours[theirName(&Inst{Form: ID(i), OpSize: size, AddrSize: size})] = true
		}
	}
	used := make([]bool, len(Absences))
	n := 0
	for op := x86asm.Op(1); op.String() != fmt.Sprintf("Op(%d)", int(op)); op++ {
		name, why := op.String(), 0
		n++
		for i := range Absences {
			if Absences[i].Has(name) {
				why++
				used[i] = true
			}
		}
		switch {
		case ours[name]:
			require.False(t, why > 0 && name != "VERR" && name != "VERW", "%s is in the table and said to be absent", name)
		default:
			require.Equal(t, 1, why, "%s is not in the table: add it, or a reason to Absences", name)
		}
	}
	require.Greater(t, n, 1500)
	require.NotContains(t, used, false, "a reason for nothing")
}
