package cpu

import (
	"fmt"
	"os"
	"time"
	"unsafe"
)

// What windows show: regions of the linear addresses, and the pages that are mapped in them.

// Region is a part of the linear addresses.
type Region uint8

// Regions of an access of translated code.
const (
	Anywhere Region = iota // outside of windows
	Low                    // below 64 GiB
	High                   // from 2^46 to 2^47
	Mixed                  // in both
)

const (
	LowEnd    = 1 << 36
	HighStart = 1 << 46
	HighEnd   = 1 << 47

	windowGuard = 4 << 30
)

// RegionOf is the region of a linear address.
func RegionOf(lin uint64) Region {
	switch {
	case lin < LowEnd:
		return Low
	case lin >= HighStart && lin < HighEnd:
		return High
	}
	return Anywhere
}

// noHigh is the base of GS where there is no high part: with addresses in that, and whatever
// displacements, it gives no canonical address.
const noHigh = HighStart + 1<<40

// NoLinear stands for the linear address of an access where the host does not tell; it is
// not canonical.
const NoLinear = 1 << 63

// shownPages is the part of a TLB that its window needs; none of it is Go's.
type shownPages struct {
	pages [tlbSize]uint64 // by set: the linear page that is mapped, with pageShown and pageWrites; or 0
	n     int             // how many are
	low   uintptr         // host address of linear address 0, 0: there is no window
	high  uintptr         // likewise of the high part, which is far from there
	parts uintptr         // host address of a table: what to add to addresses, by their bits from PartShift on
}

// PartShift is from where on the bits of an address tell the part of the window. Of the table by them only
// the pages for Low and High are there.
const (
	PartShift = 36
	partsSize = 8 << (64 - PartShift)
)

// hostKernel is where no program may access anything. Addresses that are not canonical would do, too, but
// raise SIGBUS by way of RBP.
const hostKernel = 0xffff9000_00000000

// makeParts makes the table, or does without.
func (s *shownPages) makeParts() {
	at := reserve(partsSize)
	if at == 0 {
		return
	}
	fill := func(from, to uint64, base uintptr) bool {
		first, n := from>>PartShift, (to-from)>>PartShift
		words := writable(at+uintptr(8*first), max(8*n, pageSize))
		for i := range uint64(len(words)) {
			words[i] = uintptr(hostKernel - (first+i)<<PartShift)
			if i < n && base != 0 {
				words[i] = base
			}
		}
		return words != nil
	}
	if !fill(0, LowEnd, s.low) || !fill(HighStart, HighEnd, s.high) {
		unreserve(at, partsSize)
		return
	}
	s.parts = at
}

const (
	pageShown  = 1
	pageWrites = 2
)

// place is where a linear page is in the window.
func (s *shownPages) place(page uint64) (at uintptr, ok bool) {
	switch RegionOf(page) {
	case Low:
		return s.low + uintptr(page), s.low != 0
	case High:
		return s.high + uintptr(page), s.high != 0
	}
	return 0, false
}

// linear is the linear address of a host address in the window, or close to it.
func (s *shownPages) linear(at uint64) uint64 {
	if at>>47 != 0 { // the host's kernel's, or NoLinear
		return NoLinear
	}
	if lin := at - uint64(s.high); s.high != 0 && lin-HighStart+windowGuard < HighEnd-HighStart+2*windowGuard {
		return lin
	}
	return at - uint64(s.low)
}

// hide takes the page of a set out of the window.
func (s *shownPages) hide(set uint32) {
	if p := &s.pages[set]; *p != 0 {
		if at, ok := s.place(*p &^ 0xfff); ok && hidePages(at, pageSize) != nil {
			s.hideRegions() // a page from the midst of others makes one mapping more, this makes them fewer
			return
		}
		*p = 0
		s.n--
	}
}

// hideRegions takes all pages out of the window, whatever pages says.
func (s *shownPages) hideRegions() {
	s.hideRegion(s.low, LowEnd)
	if s.high != 0 {
		s.hideRegion(s.high+HighStart, HighEnd-HighStart)
	}
	clear(s.pages[:])
	s.n = 0
}

// hideRegion must not fail: what is mapped there is not the guest's any more.
func (s *shownPages) hideRegion(at uintptr, size uint64) {
	if err := hidePages(at, size); err != nil {
		panic(fmt.Sprintf("the host does not take back memory that is mapped for translated code: mmap: %v", err))
	}
}

// hideAll takes all pages out of the window.
func (t *tlb) hideAll() {
	s := &t.window
	if s.n == 0 {
		return
	}
	low, high := false, false
	for n := range t.list {
		for _, set := range t.list[n].all() {
			if p := &s.pages[set]; *p != 0 {
				low = low || *p < LowEnd
				high = high || *p >= LowEnd
				*p = 0
			}
		}
	}
	s.n = 0
	if low {
		s.hideRegion(s.low, LowEnd)
	}
	if high {
		s.hideRegion(s.high+HighStart, HighEnd-HighStart)
	}
}

// offset is where in the file of the guest's memory a host address is.
func (k *CodeCache) offset(host uintptr) (off uintptr, ok bool) {
	off = host - uintptr(unsafe.Pointer(unsafe.SliceData(k.shared)))
	return off, off < uintptr(len(k.shared))
}

// Share says that memory is that of a file, whose pages may be mapped again.
func (k *CodeCache) Share(memory []byte, file *os.File) {
	k.shared, k.sharedFile = memory, file
}

// mayShow tells whether the window may show a page, and with pageWrites if it may be
// written there.
func (t *tlb) mayShow(set uint32, page uint64) (writes uint64, ok bool) {
	if t.r[set] != tag(page) {
		return 0, false
	}
	if t.w[set] == tag(page) {
		writes = pageWrites
	}
	return writes, true
}

// show maps a page that the TLB translates, and its neighbours that lie beside it in the
// host's memory, too. It fails for what is no memory of the guest's, and where the host fails.
func (c *CPU) show(t *tlb, page uint64, most int) bool {
	s := &t.window
	set := uint32(page >> 12 & (tlbSize - 1))
	at, ok := s.place(page)
	writes, may := t.mayShow(set, page)
	if !ok || !may || s.n+most > maxShown/len(c.code.cpus) {
		return false
	}
	k := c.code
	off, ok := k.offset(t.host[set] + uintptr(page))
	if !ok || off+pageSize > uintptr(len(k.shared)) {
		return false
	}
	began := time.Now()
	defer func() { k.Windows.Time += time.Since(began) }()
	n := 1
	for n < most {
		next, p := (set+uint32(n))&(tlbSize-1), page+uint64(n)*pageSize
		if w, ok := t.mayShow(next, p); !ok || w != writes || t.host[next] != t.host[set] || s.pages[next] != 0 ||
			RegionOf(p) != RegionOf(page) || off+uintptr(n+1)*pageSize > uintptr(len(k.shared)) {
			break
		}
		n++
	}
	if !showPages(at, uintptr(n)*pageSize, k.sharedFile, off, writes != 0) {
		return false
	}
	k.Windows.Mapped += uint64(n)
	for i := range n {
		p := &s.pages[(set+uint32(i))&(tlbSize-1)]
		if *p == 0 {
			s.n++
		}
		*p = page + uint64(i)*pageSize | pageShown | writes
	}
	return true
}

// makeWindow reserves addresses.
func (c *CPU) makeWindow(t *tlb) bool {
	low := reserve(LowEnd + 2*windowGuard)
	if low == 0 {
		return false
	}
	t.window.low = low + windowGuard
	if c.tlbIndex == tlbUser {
		if high := reserve(HighEnd - HighStart + 2*windowGuard); high != 0 {
			t.window.high = high + windowGuard - HighStart
		}
	}
	t.window.makeParts()
	return true
}
