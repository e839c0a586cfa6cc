package cpu

import (
	"slices"
	"time"

	"g86/cpu/isa"
)

// Windows. Host code need not search a TLB where the host's own processor translates: a
// window is a range of the host's addresses at which the pages that a TLB holds are mapped
// a second time, in the guest's order. What is not mapped there makes the host raise a
// fault, which package jit turns into an exit, and touch maps the page then.
//
// Mapping a page takes some microseconds, as much as hundreds of searches. So a TLB gets
// a window once its translations have lasted for a while, and loses it when they are
// dropped or too many pages come and go. Blocks that use the window are others than those
// that search: the code cache keeps both.
//
// A window has two parts: the low 64 GiB, and for 64-bit code the upper half of what is
// user space in the common systems, where libraries, stacks and programs lie that may be
// loaded anywhere. Around each nothing is ever mapped, as far as displacements reach.

// window is what decides when a TLB has one.
type window struct {
	open     bool
	refused  bool   // the host gives no room
	next     uint64 // instruction count before which it is not opened
	patience uint64 // how many instructions translations have to last first
	opened   uint64 // instruction count
	paid     uint64 // pages that were mapped by themselves since
	checked  uint64 // instruction count when a number of them was
	smap     bool   // CR4.SMAP as it was opened
}

const (
	leastPatience = 1_000_000
	mostPatience  = 1 << 34

	// What a page costs when it is mapped or unmapped by itself, or with others, in
	// instructions that have to gain it.
	pageCost      = 60_000
	pageCostPrime = 12_000

	checkPages = 512    // pages that come and go between two looks at what they cost
	maxShown   = 24_000 // pages: the host bounds how many mappings there may be
	aroundMost = 32     // pages that are mapped with one that was asked for
)

// WindowStats are counters for people.
type WindowStats struct {
	Opened  uint64 // windows
	Dropped uint64 // of those closed because translations were dropped
	Dear    uint64 // because too many pages came and went
	Faults  uint64 // accesses that found a page unmapped which then was mapped
	Mapped  uint64 // pages
	Time    time.Duration
	Insns   [2]uint64 // run while the window of rings 0 to 2, and of ring 3, was open
}

// owner is the TLB that has the window in use: where SMAP is suspended it is the one of all
// other code of rings 0 to 2, which has the same supervisor pages.
func (c *CPU) owner() int {
	if c.tlbIndex == tlbSuperAC {
		return tlbSuper
	}
	return int(c.tlbIndex)
}

// considerWindow opens the window of the privilege in use if its translations have lasted.
func (c *CPU) considerWindow() {
	w := &c.windows[c.tlbIndex]
	if w.open || w.refused || c.ICount < w.next || c.tlbIndex == tlbSuperAC || c.code.sharedFile == nil || !c.code.translator.Windows() {
		return
	}
	if w.patience == 0 {
		w.patience = leastPatience
		if w.next = c.flushed[c.tlbIndex] + w.patience; c.ICount < w.next {
			return
		}
	}
	t := c.tlb
	switch room, later := c.windowRoom(t); {
	case later:
		w.next = c.ICount + w.patience
		return
	case !room:
		w.refused = true
		return
	}
	var pages []uint64
	outside := 0
	for n := range t.list {
		for _, set := range t.list[n].all() {
			if r := t.r[set]; fast(r, set) {
				if _, ok := t.window.place(-r); ok {
					pages = append(pages, -r)
				} else {
					outside++
				}
			}
		}
	}
	w.next = c.ICount + w.patience
	if outside > len(pages)/8 {
		return
	}
	began := time.Now()
	k := c.code
	k.Windows.Opened++
	slices.Sort(pages)
	w.open, w.opened, w.checked, w.paid = true, c.ICount, c.ICount, 0
	w.smap = c.CR4&CR4SMAP != 0
	for _, p := range pages {
		if t.window.pages[p>>12&(tlbSize-1)] == 0 {
			w.paid++
			c.show(t, p, maxShown/8)
		}
	}
	w.paid = w.paid * pageCostPrime / pageCost
	k.Windows.Time += time.Since(began)
	c.newEpoch()
}

// windowBase is the base of GS for host code that uses the window.
func (c *CPU) windowBase() uintptr {
	s := &c.tlbs[c.owner()].window
	switch {
	case c.mode == 32:
		return s.low
	case s.high != 0:
		return s.high
	}
	return noHigh
}

// closeWindow takes the window of TLB i away. An epoch has to end then.
func (c *CPU) closeWindow(i int, impatient uint64) {
	w := &c.windows[i]
	w.open = false
	began := time.Now()
	c.tlbs[i].hideAll()
	c.code.Windows.Time += time.Since(began)
	c.code.Windows.Insns[i] += c.ICount - w.opened
	if impatient == 0 {
		w.patience = max(w.patience/2, leastPatience)
	} else {
		w.patience = min(w.patience*impatient, mostPatience)
	}
	w.next = c.ICount + w.patience
}

// flushedWindow is closeWindow when all translations are about to be dropped, but global ones
// unless global.
func (c *CPU) flushedWindow(i int, global bool) {
	w, t := &c.windows[i], c.tlbs[i]
	if !global && t.list[1].n > t.list[0].n {
		return // most of them stay
	}
	c.flushed[i] = c.ICount
	if !w.open {
		t.hideAll()
		w.next = max(w.next, c.ICount+w.patience)
		return
	}
	var impatient uint64
	if c.ICount-w.opened < (w.paid+uint64(t.window.n)*pageCostPrime/pageCost)*pageCost {
		impatient = 2
	}
	c.code.Windows.Dropped++
	c.closeWindow(i, impatient)
}

// payWindow notes that a page had to be mapped by itself. Where that happens all the time the
// window rests: it is not used, and what is mapped stays.
func (c *CPU) payWindow() {
	w := &c.windows[c.owner()]
	if w.paid++; w.paid%checkPages != 0 {
		return
	}
	if c.ICount-w.checked < checkPages*pageCost {
		c.code.Windows.Dear++
		w.open = false
		c.code.Windows.Insns[c.owner()] += c.ICount - w.opened
		w.patience = min(w.patience*2, mostPatience)
		w.next = c.ICount + w.patience
		c.newEpoch()
	}
	w.checked = c.ICount
}

// DropWindows takes all windows away and gives their addresses back.
func (k *CodeCache) DropWindows() {
	for _, c := range k.cpus {
		for i := range c.windows {
			if c.windows[i].open {
				c.closeWindow(i, 0)
			}
		}
		for i := range c.parked {
			c.closeWindowOf(&c.parked[i])
		}
		for t := range c.allTLBs() {
			if t.window.low == 0 {
				continue
			}
			t.hideAll()
			unreserve(t.window.low-windowGuard, LowEnd+2*windowGuard)
			if t.window.high != 0 {
				unreserve(t.window.high+HighStart-windowGuard, HighEnd-HighStart+2*windowGuard)
			}
			if t.window.parts != 0 {
				unreserve(t.window.parts, partsSize)
			}
			t.window.low, t.window.high, t.window.parts = 0, 0, 0
		}
		c.newEpoch()
	}
}

// touchWindow is touch for an access of op by way of the window.
func (c *CPU) touchWindow(op *Op, lin uint64, write bool) int {
	page := lin &^ 0xfff
	t := c.tlbs[c.owner()]
	if _, ok := t.window.place(page); !ok || lin != lin&c.linMask {
		return c.touch(lin, write)
	}
	set := uint32(page >> 12 & (tlbSize - 1))
	tags, acc := &t.r, accRead
	if write {
		tags, acc = &t.w, accWrite
	}
	switch {
	case is(tags[set], page):
	case c.atEdge(page):
		return touchSlow
	case lin == page && !c.accesses(op, lin):
		return touchSlow // it may have begun in the page before, which comes first
	case !c.fillOwner(lin, acc):
		if t != c.tlb {
			return touchSlow
		}
		return touchFault
	}
	if tags[set] != tag(page) {
		return touchSlow
	}
	if !is(t.r[set], page) && !c.fillOwner(lin, accRead) { // mapped for both
		return touchSlow
	}
	if tags[set] != tag(page) || !c.show(t, page, aroundMost) {
		return touchSlow
	}
	c.code.Windows.Faults++
	c.payWindow()
	return touchFilled
}

// fillOwner is tryFill of the TLB that has the window: under SMAP it holds supervisor pages
// alone.
func (c *CPU) fillOwner(lin uint64, acc access) bool {
	if c.tlbIndex == tlbSuperAC {
		defer func(flags uint64) { c.RFLAGS, c.tlbIndex = flags, tlbSuperAC }(c.RFLAGS)
		c.RFLAGS, c.tlbIndex = c.RFLAGS&^FlagAC, tlbSuper
	}
	return c.tryFill(lin, acc, c.cpl == 3) != nil
}

// Windowed reports whether the block's host code uses a window.
func (b *block) Windowed() bool { return b.windowed }

// RegionOf is where instruction i of the block is thought to access memory.
func (b *block) RegionOf(i int) Region {
	switch {
	case b.regions != nil && b.regions[i].known:
		return b.regions[i].region
	case b.mode != 64 || b.rip < LowEnd:
		return Low
	}
	return High
}

// StackRegion is the region of its stack.
func (b *block) StackRegion(i int) Region {
	if b.regions != nil && b.regions[i].known && b.regions[i].region == Anywhere {
		return Anywhere
	}
	return b.stackRegion
}

// opRegion is what has been found out about an instruction.
type opRegion struct {
	region    Region
	known     bool
	misplaced uint8 // accesses that were elsewhere, or not to memory that a window may show
	outside   bool  // of which some were in no part of the window
}

// unobserved reports whether the interpreter has to look first at where the block accesses memory.
func (b *block) unobserved() bool { return b.observable() && b.regions == nil }

// observable reports whether it matters where the block accesses memory.
func (b *block) observable() bool { return b.windowed && b.mode == 64 }

// observe notes where the instruction about to be run accesses memory.
func (c *CPU) observe(b *block, i int, op *Op) {
	if b.regions == nil {
		b.regions = make([]opRegion, len(b.ops))
		b.stackRegion = RegionOf(c.GPR[RSP])
	}
	if !op.Mem() || op.Base >= isa.NoReg && op.Index >= isa.NoReg {
		return
	}
	r, found := &b.regions[i], RegionOf(c.operand(op))
	switch {
	case !r.known:
		r.region, r.known = found, true
	case r.region == found || r.region == Anywhere:
	case found == Anywhere:
		r.region = Anywhere
	default:
		r.region = c.eitherPart()
	}
}

// eitherPart is the region of an instruction that accesses both parts of the window in use.
func (c *CPU) eitherPart() Region {
	if c.mode != 64 || c.tlbs[c.owner()].window.parts == 0 {
		return Anywhere
	}
	return Mixed
}

// operand is the linear address of the operand in memory, in segments that translated code
// may use.
func (c *CPU) operand(op *Op) uint64 {
	lin := uint64(op.Disp)
	if op.Base < isa.NoReg {
		lin += c.GPR[op.Base]
	}
	if op.Index < isa.NoReg {
		lin += c.GPR[op.Index] << op.Scale
	}
	lin &= op.AMask
	if op.Seg == isa.FS || op.Seg == isa.GS {
		lin += c.seg[op.Seg].base
	}
	return lin & c.linMask
}

// accesses reports whether an access of the instruction about to be run begins at lin: its
// operand's, or what it pops or pushes.
func (c *CPU) accesses(op *Op, lin uint64) bool {
	sp := c.GPR[RSP] & c.linMask
	return lin == sp || lin == (sp-uint64(op.OpSize))&c.linMask || op.Mem() && lin == c.operand(op)
}

// mostMisplaced is how many accesses of an instruction may be elsewhere than was thought
// before it does without the window.
const mostMisplaced = 4

// misplaced notes that instruction i of the block has not found lin where it was thought to
// be. A block that has to change is translated again.
func (c *CPU) misplaced(b *block, i int, lin uint64, write bool) {
	set, page := uint32(lin>>12&(tlbSize-1)), lin&^0xfff
	tags := &c.tlb.r
	if write {
		tags = &c.tlb.w
	}
	if !is(tags[set], page) && lin != NoLinear {
		return
	}
	if b.regions == nil {
		b.regions = make([]opRegion, len(b.ops))
	}
	const near = 64 << 10
	if region := RegionOf(lin); lin-c.GPR[RSP]+near < 2*near && !b.stackMoved && region != b.stackRegion && region != Anywhere {
		b.stackMoved, b.stackRegion = true, region
		c.code.forget(b)
		return
	}
	r := &b.regions[i]
	r.outside = r.outside || RegionOf(lin) == Anywhere
	if r.misplaced++; r.misplaced < mostMisplaced {
		return
	}
	for i := range b.regions {
		r := &b.regions[i]
		switch {
		case r.misplaced == 0:
			continue
		case r.outside || r.region == Mixed:
			r.region = Anywhere
		default:
			r.region = c.eitherPart()
		}
		r.known, r.misplaced = true, 0
	}
	c.code.forget(b)
}

// WindowStats counts up to now.
func (k *CodeCache) WindowStats() WindowStats {
	s := k.Windows
	for _, c := range k.cpus {
		for i := range c.windows {
			if w := &c.windows[i]; w.open {
				s.Insns[i] += c.ICount - w.opened
			}
		}
	}
	return s
}
