package isa

import "strings"

// Absence is a group of instructions that the table leaves out, for a reason.
type Absence struct {
	Names  []string // a name that ends in * is all that begin so
	Reason string
}

// Absences are all instructions that golang.org/x/arch's table has and this one does not.
var Absences = []Absence{
	{[]string{"V*"}, "AVX and its successors: no processor model has them, and XCR0 cannot have their state"},
	{[]string{"KADD*", "KAND*", "KMOV*", "KNOT*", "KOR*", "KSHIFT*", "KTEST*", "KUNPCK*", "KXNOR*", "KXOR*"}, "AVX-512's mask registers: likewise"},
	{[]string{"XABORT", "XBEGIN", "XEND", "XTEST"}, "TSX: withdrawn from processors; guests do without when CPUID does not tell of it"},
	{[]string{"MOVNTSD", "MOVNTSS"}, "SSE4a, which only AMD's processors had"},
}

// Has reports whether the group has an instruction of that name.
func (a *Absence) Has(name string) bool {
	for _, n := range a.Names {
		if prefix, all := strings.CutSuffix(n, "*"); n == name || all && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
