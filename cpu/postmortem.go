package cpu

// Delivery is one exception that the processor delivered or tried to.
type Delivery struct {
	Vector uint8
	Code   uint32
	CS     uint16
	RIP    uint64
	CR2    uint64 // of a page fault
	Count  uint64
}

// Deliveries are the latest exceptions, oldest first.
func (c *CPU) Deliveries() []Delivery {
	var l []Delivery
	for i := max(0, c.lastN-len(c.last)); i < c.lastN; i++ {
		e := c.last[i%len(c.last)]
		l = append(l, Delivery{e.vector, e.code, e.cs, e.rip, e.cr2, e.count})
	}
	return l
}

// Branches are the addresses of the blocks run lately, oldest first.
func (c *CPU) Branches() []uint64 {
	var l []uint64
	for i := max(0, c.branchN-len(c.branches)); i < c.branchN; i++ {
		l = append(l, c.branches[i%len(c.branches)])
	}
	return l
}

// Names of the exception vectors.
var vectorNames = [...]string{"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF",
	"", "#MF", "#AC", "#MC", "#XM"}

// VectorName is an exception's mnemonic, or "".
func VectorName(vector uint8) string {
	if int(vector) < len(vectorNames) {
		return vectorNames[vector]
	}
	return ""
}
