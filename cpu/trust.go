package cpu

// Pages of code as TLBs have them. Host code that runs by way of a TLB lies in pages that this TLB has:
// it is entered where that has just been looked at, or in the same epoch, and an epoch ends when a page of
// code is dropped. Package jit lets a jump go from one page to another without a look as long
// as each TLB that has the first has the second (jit/trust.go).

// CodePage is a page of code that a TLB may have.
type CodePage struct {
	Set uint32 // bits 12 and up of its linear address, as many as select a set
	Key uint64 // see codeKey
}

func (t *tlb) hasCode(p CodePage) bool { return t.code[p.Set] == p.Key }

// leastTrustAge is how many instructions translations have to have lasted that are not global.
const leastTrustAge = 1_000_000

// MayTrust reports whether each TLB that has one page has the other, too, and at least one
// whose translations seem to last has both.
func (k *CodeCache) MayTrust(from, to CodePage) bool {
	lasts := false
	both := func(t *tlb, age uint64) bool {
		if !t.hasCode(from) {
			return true
		}
		lasts = lasts || age >= k.trustAge || t.cold[from.Set].pa&paGlobal != 0
		return t.hasCode(to)
	}
	for _, c := range k.cpus {
		for i, t := range c.tlbs {
			if t != nil && i != tlbSuperAC && !both(t, c.ICount-c.flushed[i]) {
				return false
			}
		}
		for i := range c.parked {
			if s := &c.parked[i]; !both(s.tlb, s.left-s.flushed) {
				return false
			}
		}
	}
	return lasts
}

// gainedCode notes that a TLB has come to have a page of code.
func (k *CodeCache) gainedCode(key uint64) {
	if k.translator != nil {
		k.translator.Gained(key)
	}
}

// lostCode notes that a TLB has a page of code no longer.
func (k *CodeCache) lostCode(key uint64) {
	if k.translator != nil {
		k.translator.Lost(key)
	}
}

// fetchTLB is the TLB that instructions are fetched by way of: SMAP is about data, so that where it is
// suspended that is the TLB of all other code of rings 0 to 2.
func (c *CPU) fetchTLB() *tlb {
	if c.tlbIndex == tlbSuperAC {
		return c.tlbs[tlbSuper]
	}
	return c.tlb
}
