package sem

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/ir"
	"g86/cpu/isa"
)

// TestEveryFormBuilds builds and verifies the semantics of every form, operand
// size and operand kind that the interpreter's generator asks for.
func TestEveryFormBuilds(t *testing.T) {
	built := 0
	for i := 1; i < len(isa.Forms); i++ {
		f := &isa.Forms[i]
		if Lookup(f) == nil {
			continue
		}
		reg, mem := true, false
		for _, op := range f.Operands() {
			switch op.Method {
			case 'E', 'W', 'Q':
				mem = true
			case 'M', 'O':
				reg, mem = false, true
			}
		}
		for _, size := range []int{2, 4, 8} {
			for _, inMem := range []bool{false, true} {
				if inMem && !mem || !inMem && !reg || size == 8 && f.Attr&isa.No64 != 0 {
					continue
				}
				fn, err := Build(f, size, inMem)
				require.NoError(t, err)
				built++
				checkAlignment(t, f, fn)
			}
		}
	}
	require.Greater(t, built, 2000)
}

// checkAlignment: a form with the attribute checks alignment ahead of a 16-byte
// access, the others do not.
func checkAlignment(t *testing.T, f *isa.Form, fn *ir.Func) {
	checked := false
	for i := range fn.Insts {
		in := &fn.Insts[i]
		if in.Op == ir.Call && in.Name == "align16" {
			checked = true
		}
		if (in.Op == ir.Load || in.Op == ir.Store) && in.Type == ir.V128 {
			require.Equal(t, f.Attr&isa.Align16 != 0, checked, "%s %s\n%v", f.Mnemonic, f.Args, fn)
		}
	}
}

// TestVectorFormsHaveSemantics: every MMX and SSE form is translatable but for
// those that move MXCSR.
func TestVectorFormsHaveSemantics(t *testing.T) {
	for i := 1; i < len(isa.Forms); i++ {
		f := &isa.Forms[i]
		if f.Attr&(isa.SSECheck|isa.MMXCheck) != 0 && f.Mnemonic != "LDMXCSR" && f.Mnemonic != "STMXCSR" {
			require.NotNil(t, Lookup(f), "%s %s", f.Mnemonic, f.Args)
		}
	}
}
