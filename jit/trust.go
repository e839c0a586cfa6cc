//go:build linux && amd64

package jit

import (
	"encoding/binary"

	"g86/cpu"
)

// Trusted links. A link into another page looks first at what the TLB has there (checkKey), which
// takes seven instructions. It need not while each TLB that has the page the link is in has
// the page it leads to, too, because code runs by way of a TLB that has its page. So links, and guesses, are reviewed from time to
// time, and those of which that is true (cpu.CodeCache.MayTrust) jump at once. They are
// trusted no longer when a TLB gets the page they are in, or loses the page they lead to.

// trust is what an engine knows about its links into other pages.
type trust struct {
	waiting  []uint32            // those that are not trusted, and dropped ones
	leaving  map[uint64][]uint32 // those that are, by the key of the page they are in; some are not any more
	entering map[uint64][]uint32 // likewise by the key of the page they lead to
	round    uint32              // of reviews
	next     uint64              // instruction count
}

const (
	reviewPause = 1 << 20 // instructions between reviews
	reviewShare = 256     // and that many for each link that waits
	mostWait    = 6       // a link that could not be trusted is looked at in each 2nd review, 4th, and so on up to each 64th
	briefly     = 8       // reviews: a link that was trusted no longer waits longer next time
)

func (r *trust) clear() {
	*r = trust{r.waiting[:0], map[uint64][]uint32{}, map[uint64][]uint32{}, 0, 0}
}

// wait puts a link among those that may be trusted.
func (e *Engine) wait(id uint32, s *link) {
	if !s.waits {
		s.waits = true
		e.trust.waiting = append(e.trust.waiting, id)
	}
}

// Review makes jumps into other pages trusted, if enough instructions have run since it did so last.
func (e *Engine) Review(now uint64) {
	r := &e.trust
	if now < r.next {
		return
	}
	r.round++
	still := r.waiting[:0]
	for _, id := range r.waiting {
		s := e.links.at(int(id))
		switch {
		case s.to == 0:
			s.waits = false
		case r.round&(1<<s.wait-1) != 0:
			still = append(still, id)
		case e.trusts(id, s):
			s.waits = false
		default:
			s.wait = min(s.wait+1, mostWait)
			still = append(still, id)
		}
	}
	r.waiting = still
	r.next = now + reviewPause + reviewShare*uint64(len(still))
}

// trusts makes a link trusted if it may be.
func (e *Engine) trusts(id uint32, s *link) bool {
	to := cpu.CodePage{Set: uint32(s.target >> 12 & (cpu.TLBSets - 1)), Key: s.code}
	if s.other == 0 {
		to.Key = -binary.LittleEndian.Uint64(e.asm.Buf[s.key:])
	}
	from := cpu.CodePage{Set: uint32(s.set), Key: s.from}
	if !e.code.MayTrust(from, to) {
		return false
	}
	if s.other != 0 {
		e.compare(s, cpu.NativeOffsets.TLBZero, s.target)
	} else {
		e.asm.Patch(int(s.jump), int(s.to))
	}
	s.trusted, s.since = true, e.trust.round
	e.trust.leaving[from.Key] = append(e.trust.leaving[from.Key], id)
	e.trust.entering[to.Key] = append(e.trust.entering[to.Key], id)
	e.Stats.Trusted++
	return true
}

// distrust makes a link look again.
func (e *Engine) distrust(id uint32, s *link) {
	if !s.trusted {
		return
	}
	if s.other != 0 {
		e.doubt(s)
	} else {
		e.asm.Patch(int(s.jump), int(s.cross))
	}
	s.trusted = false
	if e.trust.round-s.since < briefly {
		s.wait = min(s.wait+2, mostWait)
	} else {
		s.wait = 0
	}
	e.wait(id, s)
	e.Stats.Distrusted++
}

// Gained says that a TLB has come to have a page of code.
func (e *Engine) Gained(key uint64) { e.distrustAll(e.trust.leaving, key) }

// Lost says that a TLB has a page of code no longer.
func (e *Engine) Lost(key uint64) { e.distrustAll(e.trust.entering, key) }

// distrustAll may also take links that are trusted because of another page since.
func (e *Engine) distrustAll(by map[uint64][]uint32, key uint64) {
	ids := by[key]
	if ids == nil {
		return
	}
	delete(by, key)
	for _, id := range ids {
		e.distrust(id, e.links.at(int(id)))
	}
}
