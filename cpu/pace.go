package cpu

import (
	"math/bits"
	"time"
)

// Pace: how long host code runs until it comes back to Go. Go's garbage collector waits for that, and
// so does whoever wants to stop the guest. Instructions are all that can be bounded beforehand;
// where they turn out to take long, because the host waits for memory or divides, fewer are allowed.

const (
	nativeBudget = 1 << 16                // instructions
	longestRun   = 100 * time.Microsecond // of host code at a time
	mostSlower   = 6                      // 1024 instructions, and no block is longer
)

// Slow reports whether fewer instructions are allowed than could be.
func (c *CPU) Slow() bool { return c.slower > 0 }

// Ran tells how long host code took to use its budget up.
func (c *CPU) Ran(d time.Duration) {
	switch {
	case d > longestRun:
		c.slower = uint8(min(int(c.slower)+bits.Len64(uint64(d/longestRun)), mostSlower))
	case d < longestRun/4 && c.slower > 0:
		c.slower--
	}
}
