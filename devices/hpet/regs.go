package hpet

const (
	regCap    = 0x000
	regConf   = 0x010
	regStatus = 0x020
	regCount  = 0x0f0
	regTimer0 = 0x100
)

// ReadMem implements bus.MemDevice. Registers are 64 bits wide and may be read
// in halves or smaller parts.
func (h *HPET) ReadMem(off uint64, size int) uint64 {
	v := h.read(off&^7) >> (8 * (off & 7))
	if size < 8 {
		v &= 1<<(8*size) - 1
	}
	return v
}

func (h *HPET) read(off uint64) uint64 {
	switch off {
	case regCap:
		return capabilities
	case regConf:
		return uint64(h.state.Conf)
	case regStatus:
		return uint64(h.state.Status)
	case regCount:
		return h.counter()
	}
	n, reg := timerReg(off)
	switch {
	case n >= 0 && reg == 0:
		return uint64(h.state.T[n].Conf|cfgPerCap|cfgSizeCap) | uint64(h.routes)<<32
	case n >= 0 && reg == 8:
		h.settle(n)
		return h.state.T[n].Comp
	}
	return 0
}

// timerReg takes the address of a timer's register apart; n is -1 if it is none.
func timerReg(off uint64) (n int, reg uint64) {
	if off < regTimer0 || off >= regTimer0+0x20*Timers {
		return -1, 0
	}
	return int(off-regTimer0) / 0x20, off & 0x1f
}

// settle dispatches a match of timer n that is due within this instruction, so
// that its registers are current.
func (h *HPET) settle(n int) {
	if t := h.timer[n]; t.Armed() && t.Deadline() <= h.clk.Now() {
		h.due(n)
	}
}

// WriteMem implements bus.MemDevice. Aligned writes of 32 and 64 bits are
// defined (2.3.2); others are ignored.
func (h *HPET) WriteMem(off uint64, size int, v uint64) {
	if size < 4 || off&uint64(size-1) != 0 {
		return
	}
	shift, mask := 8*(off&4), ^uint64(0)
	if size == 4 {
		mask = 0xffffffff << shift
	}
	v = v << shift & mask
	switch off &^ 7 {
	case regConf:
		if mask&0xffffffff != 0 {
			h.setConf(uint32(v) & (genEnable | genLegacy))
		}
	case regStatus:
		for n := range Timers {
			h.settle(n)
		}
		h.state.Status &^= uint32(v) & (1<<Timers - 1)
		for n := range Timers {
			h.drive(n)
		}
	case regCount:
		h.state.Counter = h.counter()&^mask | v
		h.state.Since = h.clk.Now()
		h.armAll()
	default:
		n, reg := timerReg(off &^ 7)
		switch {
		case n >= 0 && reg == 0 && mask&0xffffffff != 0:
			h.setTimerConf(n, uint32(v))
		case n >= 0 && reg == 8:
			h.setComparator(n, v, mask)
		}
	}
}

func (h *HPET) armAll() {
	for n := range Timers {
		h.arm(n)
	}
}

func (h *HPET) setConf(v uint32) {
	s := &h.state
	for n := range Timers {
		h.settle(n)
	}
	diff := s.Conf ^ v
	if diff&genEnable != 0 {
		s.Counter = h.counter() // halting freezes it, starting goes on from there
		s.Since = h.clk.Now()
	}
	s.Conf = v
	if diff&genLegacy != 0 {
		h.legacy()
	}
	for n := range Timers {
		h.drive(n)
		if diff&genEnable != 0 {
			h.arm(n)
		}
	}
}

func (h *HPET) setTimerConf(n int, v uint32) {
	h.settle(n)
	t := &h.state.T[n]
	t.Conf = v & cfgWritable
	if t.Conf&cfgPeriodic == 0 {
		t.Conf &^= cfgSet
	}
	if t.Conf&cfg32 != 0 {
		t.Comp, t.Period = uint64(uint32(t.Comp)), uint64(uint32(t.Period))
	}
	if t.Conf&cfgLevel == 0 {
		h.state.Status &^= 1 << n // reads 0 in edge mode
	}
	h.arm(n)
	h.drive(n)
}

// setComparator writes the bits of mask in Tn_COMP. In periodic mode a write is
// the period, and with VAL_SET, which it clears, also the next match (2.3.9.2).
func (h *HPET) setComparator(n int, v, mask uint64) {
	h.settle(n)
	t := &h.state.T[n]
	if t.Conf&cfg32 != 0 {
		mask &= 0xffffffff
	}
	if t.Conf&cfgPeriodic != 0 {
		t.Period = t.Period&^mask | v&mask
	}
	if t.Conf&(cfgPeriodic|cfgSet) != cfgPeriodic {
		t.Comp = t.Comp&^mask | v&mask
	}
	t.Conf &^= cfgSet
	h.arm(n)
}
