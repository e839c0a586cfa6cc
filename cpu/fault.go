package cpu

import "fmt"

// Exception vectors.
const (
	vecDE  = 0
	vecDB  = 1
	vecNM2 = 2
	vecBP  = 3
	vecOF  = 4
	vecBR  = 5
	vecUD  = 6
	vecNM  = 7
	vecDF  = 8
	vecTS  = 10
	vecNP  = 11
	vecSS  = 12
	vecGP  = 13
	vecPF  = 14
	vecMF  = 16
	vecAC  = 17
	vecMC  = 18
	vecXM  = 19
)

// fault is an exception on its way to delivery. It travels as a panic from the
// instruction that raised it to the run loop, which restores RIP to the start of
// the instruction and delivers it.
type fault struct {
	vector  uint8
	hasCode bool
	code    uint32
	cr2     uint64 // of #PF
	dr6     uint64 // of fault-class #DB
}

func (f *fault) Error() string {
	return fmt.Sprintf("exception %d code %#x", f.vector, f.code)
}

// external sets the EXT bit of the error code, if it has one: the exception came
// up while an event from outside the program was delivered (SDM volume 3A, 6.13).
func (f *fault) external() {
	if f.hasCode && f.vector >= vecTS && f.vector <= vecGP {
		f.code |= 1
	}
}

// raise raises exception vector without an error code.
func (c *CPU) raise(vector uint8) {
	c.pendingFault = fault{vector: vector}
	panic(&c.pendingFault)
}

// raiseCode raises exception vector with an error code.
func (c *CPU) raiseCode(vector uint8, code uint32) {
	c.pendingFault = fault{vector: vector, hasCode: true, code: code}
	panic(&c.pendingFault)
}

func (c *CPU) ud()            { c.raise(vecUD) }
func (c *CPU) gp0()           { c.raiseCode(vecGP, 0) }
func (c *CPU) gp(sel uint16)  { c.raiseCode(vecGP, uint32(sel&^3)) }
func (c *CPU) np(sel uint16)  { c.raiseCode(vecNP, uint32(sel&^3)) }
func (c *CPU) ss(sel uint16)  { c.raiseCode(vecSS, uint32(sel&^3)) }
func (c *CPU) tss(sel uint16) { c.raiseCode(vecTS, uint32(sel&^3)) }

// pageFault makes a #PF the pending fault, which the caller raises or delivers.
// It returns false.
func (c *CPU) pageFault(lin uint64, code uint32) bool {
	c.pendingFault = fault{vector: vecPF, hasCode: true, code: code, cr2: lin}
	return false
}
