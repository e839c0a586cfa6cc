package cpu

import "iter"

// Address spaces. A guest may number them (process-context identifiers, SDM volume 3A,
// 4.10.1) and switch between them without losing translations. Those of ring 3 are kept
// for the last few numbers, each in a TLB of its own with its window. Rings 0 to 2 have one
// TLB for all, which loses what is not global with every switch, as it does without numbers.

// mostParked is how many address spaces are kept besides the one in use.
const mostParked = 3

// noPCID is the number of a space that has been emptied.
const noPCID = 1 << 12

// space is an address space that is not in use.
type space struct {
	pcid    uint64
	tlb     *tlb
	window  window
	flushed uint64 // as in CPU
	left    uint64 // instruction count when it was in use last
}

// pcid is the number of the address space in use.
func (c *CPU) pcid() uint64 {
	if c.CR4&CR4PCIDE == 0 {
		return 0
	}
	return c.CR3 & 0xfff
}

// allTLBs yields the TLBs that there are.
func (c *CPU) allTLBs() iter.Seq[*tlb] {
	return func(yield func(*tlb) bool) {
		for _, t := range c.tlbs {
			if t != nil && !yield(t) {
				return
			}
		}
		for i := range c.parked {
			if !yield(c.parked[i].tlb) {
				return
			}
		}
	}
}

// switchSpace parks the address space in use, whose number was from, and takes the one into use
// that CR3 names now. Without keep its translations are dropped.
func (c *CPU) switchSpace(from uint64, keep bool) {
	s, known := c.unpark()
	c.parked = append(c.parked, space{from, c.tlbOf(tlbUser), c.windows[tlbUser], c.flushed[tlbUser], c.ICount})
	s.back(c.ICount)
	c.tlbs[tlbUser], c.windows[tlbUser], c.flushed[tlbUser] = s.tlb, s.window, s.flushed
	c.tlbOf(tlbUser)
	c.dropReturnsIf(tlbUser, true)
	if keep && known {
		c.flushOne(tlbSuper, false)
		c.flushOne(tlbSuperAC, false)
		c.newEpoch()
	} else {
		c.flushTLB(false)
	}
	c.privilegeChanged()
}

// unpark takes out the space that CR3 names; if it is not known an empty one, or the one that has been
// out of use for longest.
func (c *CPU) unpark() (s space, known bool) {
	pcid, oldest := c.pcid(), 0
	for i := range c.parked {
		if known = c.parked[i].pcid == pcid; known {
			oldest = i
			break
		}
		if c.parked[i].pcid == noPCID {
			oldest = i
		}
	}
	if !known && len(c.parked) < mostParked {
		return space{}, false
	}
	s = c.parked[oldest]
	if c.parked = append(c.parked[:oldest], c.parked[oldest+1:]...); !known {
		c.empty(&s)
	}
	return s, known
}

// back makes a space forget the time until now in which it was not in use.
func (s *space) back(now uint64) {
	away := now - s.left
	s.flushed += away
	s.window.next += away
	s.window.opened += away
	s.window.checked += away
}

// flushSpace drops what is not global of the address space with a number, and may drop more.
func (c *CPU) flushSpace(pcid uint64) {
	if pcid == c.pcid() {
		c.flushTLB(false)
		return
	}
	for i := range c.parked {
		if s := &c.parked[i]; s.pcid == pcid {
			c.empty(s)
		}
	}
}

// flushSpaces drops everything of all address spaces but the one in use.
func (c *CPU) flushSpaces() {
	for i := range c.parked {
		if s := &c.parked[i]; s.pcid != noPCID {
			c.empty(s)
		}
	}
}

// empty drops everything of a space.
func (c *CPU) empty(s *space) {
	if s.window.open {
		c.code.Windows.Dropped++
	}
	c.closeWindowOf(s)
	s.tlb.flush(true, c.code)
	if s.tlb.used > maxRegions {
		s.tlb.forget()
	}
	s.pcid, s.window, s.flushed = noPCID, window{}, s.left
}

// closeWindowOf takes the window of a space away.
func (c *CPU) closeWindowOf(s *space) {
	if w := &s.window; w.open {
		w.open = false
		c.code.Windows.Insns[tlbUser] += s.left - w.opened
	}
	s.tlb.hideAll()
}

// idleWindow is how many instructions a space has to be out of use before another may take its window.
const idleWindow = 2 * leastPatience

// windowRoom gives a TLB host addresses for its window unless it has some, and reports whether the host has them.
// All address spaces of ring 3 share them: those of a parked one are taken over, whose window is closed then. If that
// was in use a short while ago it keeps them, and later is set.
func (c *CPU) windowRoom(t *tlb) (room, later bool) {
	if t.window.low != 0 {
		return true, false
	}
	for i := range c.parked {
		s := &c.parked[i]
		p := &s.tlb.window
		switch {
		case c.tlbIndex != tlbUser || p.low == 0:
			continue
		case s.window.open && c.ICount-s.left < idleWindow:
			return false, true
		}
		c.closeWindowOf(s)
		t.window.low, t.window.high, t.window.parts = p.low, p.high, p.parts
		p.low, p.high, p.parts = 0, 0, 0
		return true, false
	}
	return c.makeWindow(t), false
}
