package cpu

import (
	"encoding/binary"
	"math/rand/v2"
	"unsafe"
)

// The software TLB: one direct-mapped table for each privilege that sees memory
// differently. A set's tags are the linear page for reading, writing and
// executing; they are kept negated, so that tag + address of the last byte is the
// offset in the page where the set is valid for the access, and larger elsewhere.
//
// A tag that belongs to another set matches no address: where an access is not
// allowed (or not yet: a clean page on writes) the tag is noTag, two sets off. A
// tag that is four sets off is valid, but only for the slow path: registers, and
// writes to pages that hold decoded code. (One set off would match the end of an
// access that crosses into the next page.) What the fast paths need lies in arrays
// of its own, and the number of sets suits translated code, which has to mask an index
// without changing flags: SHRX of the low 32 bits does it.
const (
	tlbBits  = 20
	tlbSize  = 1 << tlbBits
	slowTag  = 4 << 12 // XOR of a page
	pageSize = 0x1000

	tlbSuper   = 0 // CPL 0-2 (SMAP in force if enabled)
	tlbUser    = 1 // CPL 3
	tlbSuperAC = 2 // CPL 0-2 with SMAP suspended by RFLAGS.AC
	numTLBs    = 3
)

// tag is the negated tag of a page.
func tag(page uint64) uint64 { return -page }

// slowly is the tag of a page that only the slow path may use.
func slowly(page uint64) uint64 { return -(page ^ slowTag) }

func noTag(set uint32) uint64 { return -(uint64(set^2) << 12) }

// is reports whether a tag is valid for page, on the slow path at least.
func is(tag, page uint64) bool { return (-tag^page)&^slowTag == 0 }

// fast reports whether a tag of the set is valid for fast accesses.
func fast(tag uint64, set uint32) bool { return uint32(-tag>>12)&(tlbSize-1) == set }

// slow reports whether it is valid, but for the slow path only.
func slow(tag uint64, set uint32) bool { return fast(slowly(-tag), set) }

const (
	paGlobal = 1 << 0
	paDevice = 1 << 1 // not plain memory: no host address
	listed   = 1 << 2 // the set is in list 0; bit 3: in list 1
	paListed = listed | listed<<1
)

type tlb struct {
	r     [tlbSize]uint64 // tags
	stack [StackEntries]StackTLB
	host  [tlbSize]uintptr // host address of the page minus its linear address
	w     [tlbSize]uint64  // tags
	code  [tlbSize]uint64  // codeKey of a page that may be executed, or 0
	cold  [tlbSize]struct {
		x  uint64 // tag
		pa uint64 // physical page, with paGlobal, paDevice and paListed
	}
	list [2]setList // sets in use, of pages that are global in list 1

	// What the tables take of the host's memory: sets are counted by 512s, which
	// translate 2 MiB.
	regions [tlbSize >> 9 >> 6]uint64
	used    int // regions

	window shownPages

	zero uint64 // see jit/guess.go

	// Of the TLB of rings 0 to 2: that for suspended SMAP, whose code keys are copies of its own.
	copies *tlb
}

// setList lists sets, each of them once at most.
type setList struct {
	n    int
	sets [tlbSize]uint32
}

func (l *setList) all() []uint32 { return l.sets[:l.n] }

// pa is the physical page of a set, with paGlobal and paDevice.
func (t *tlb) pa(set uint64) uint64 { return t.cold[set].pa &^ paListed }

// StackTLB is a translation that stack accesses of translated code look at before
// they search the TLB: a copy of part of what that holds, which goes when that
// changes. Tag is StackBias minus the address from which on it is good, see package jit.
type StackTLB struct {
	Tag  uint64
	Host uintptr
}

// StackBias is in the low six bits of tags of the stack's entries.
const StackBias = 11

// An unused entry has the tag of a page that no guest uses: its address is not
// canonical and cannot be guessed. Should a guest hit it all the same, it meets
// memory that is nobody's.
var (
	stackGap  [2 * pageSize]byte
	stackNone = func() StackTLB {
		page := uint64(1)<<62 | rand.Uint64N(1<<48)<<12
		return StackTLB{Tag: tag(page) + StackBias, Host: uintptr(unsafe.Pointer(&stackGap)) - uintptr(page)}
	}()
)

func (t *tlb) dropStack() {
	for i := range t.stack {
		t.stack[i] = stackNone
	}
}

// StackEntries is how many there are, in pairs for reading and writing.
const StackEntries = 8

// codeKey names a linear page and the physical page behind it: jumps of translated code
// compare it. A direct one into another page does so as it is. An indirect one adds its
// target, which leaves the offset in the page and what names the pages: two sums of random
// multiples and a random number, so that no other pair of pages that a guest could think of gives
// the same, nor does any give an empty set's 0. All keys are even, on which package jit's checks rely.
func codeKey(lin, pa uint64) uint64 {
	return lin>>12*codeRandom[0] + pa>>12*codeRandom[1] + codeRandom[2] - lin&^0xfff
}

var codeRandom = [3]uint64{rand.Uint64() &^ 1, rand.Uint64() &^ 1, rand.Uint64()&^1 | 2}

// largePages are the linear addresses that were mapped by large pages: INVLPG of one must
// drop all of the large page's fragments (SDM volume 3A, 4.10.2.3). They may be more.
type largePages struct {
	maybe  [largeSlots / 64]uint64 // a bit for each 2 MiB, see largeSlot
	lo, hi uint64                  // bounds of pages of 1 GiB
}

const largeSlots = 1 << 15

func largeSlot(lin uint64) uint64 { return (lin>>21 ^ lin>>36) % largeSlots }

func (l *largePages) add(lin, size uint64) {
	first := lin &^ (size - 1)
	if size > 4<<20 {
		l.lo, l.hi = min(l.lo, first), max(l.hi, first+size-1)
		return
	}
	for at := first; at-first < size; at += 2 << 20 {
		slot := largeSlot(at)
		l.maybe[slot/64] |= 1 << (slot % 64)
	}
}

func (l *largePages) has(lin uint64) bool {
	slot := largeSlot(lin)
	return lin >= l.lo && lin <= l.hi || l.maybe[slot/64]>>(slot%64)&1 != 0
}

// physEntries is the size of the cache of Board.Page. It makes CPU so large that
// Go aligns it to a page, on which translated code relies.
const physEntries = 2048

// physEntry caches Board.Page.
type physEntry struct {
	page     uint64 // page + 1, 0 is empty
	host     unsafe.Pointer
	writable bool
}

// drop empties a set, of which the stack's entries must not hold a copy.
func (t *tlb) drop(set uint32) {
	none := noTag(set)
	t.r[set], t.w[set], t.cold[set].x = none, none, none
	t.code[set] = 0
	if t.copies != nil {
		t.copies.code[set] = 0
	}
	if t.window.n != 0 {
		t.window.hide(set)
	}
}

// evict empties a set, and the stack's entries if they may be copies. If it was a page of code an
// epoch has to end.
func (t *tlb) evict(set uint32, k *CodeCache) {
	if key := t.code[set]; key != 0 {
		k.lostCode(key)
	}
	if fast(t.r[set], set) || fast(t.w[set], set) {
		t.dropStack()
	}
	t.drop(set)
}

// flush drops all translations; without global it keeps global pages. It tells whether
// there was one of a page with code.
func (t *tlb) flush(global bool, k *CodeCache) (code bool) {
	t.dropStack()
	some := !global && t.list[1].n != 0 // stay, and may jump to what does not
	for n := range t.list {
		if n == 1 && !global {
			break
		}
		for _, i := range t.list[n].all() {
			e := &t.cold[i]
			if global || e.pa&paGlobal == 0 { // it may have become global since
				if key := t.code[i]; key != 0 {
					if code = true; some {
						k.lostCode(key)
					}
				}
				t.drop(i)
			}
			e.pa &^= listed << n
		}
		t.list[n].n = 0
	}
	return code
}

// note lists a set.
func (t *tlb) note(set uint32) {
	e := &t.cold[set]
	n := e.pa & paGlobal
	if e.pa>>n&listed == 0 {
		e.pa |= listed << n
		l := &t.list[n]
		l.sets[l.n] = set
		l.n++
	}
	if r := &t.regions[set>>15]; *r>>(set>>9&63)&1 == 0 {
		*r |= 1 << (set >> 9 & 63)
		t.used++
	}
}

// tlbOf is the TLB of a privilege, made when first needed.
func (c *CPU) tlbOf(i int) *tlb {
	if c.tlbs[i] == nil {
		t := newTLB(c)
		t.init()
		if c.tlbs[i] = t; i == tlbSuperAC {
			c.tlbOf(tlbSuper).copies = t
		}
		c.native.system = systemKey{}
	}
	return c.tlbs[i]
}

// init makes a TLB of zeroes empty.
func (t *tlb) init() {
	t.dropStack()
	for _, set := range [...]uint32{0, slowTag >> 12, tlbSize - 1} {
		t.drop(set) // everywhere else zeroes match nothing
	}
}

// maxRegions bounds what a TLB of addresses that are new in every process (user space
// is laid out at random) takes of the host's memory.
const maxRegions = 256

// flushTLB drops all translations; without global it keeps global pages, and those of address
// spaces that are not in use.
func (c *CPU) flushTLB(global bool) {
	for i := range c.tlbs {
		c.flushOne(i, global)
	}
	if global {
		c.flushSpaces()
		c.large = largePages{lo: ^uint64(0)}
	}
	c.newEpoch()
}

// flushOne is flushTLB for one TLB; an epoch has to end then.
func (c *CPU) flushOne(i int, global bool) {
	t := c.tlbs[i]
	if t == nil {
		return
	}
	forget := i != tlbSuper && t.used > maxRegions
	c.flushedWindow(i, global || forget)
	c.dropReturnsIf(i, t.flush(global || forget, c.code))
	if forget {
		t.forget()
	}
}

// forget gives an empty TLB's memory back. It keeps the addresses of its window.
func (t *tlb) forget() {
	low, high, parts := t.window.low, t.window.high, t.window.parts
	forgetTLB(t)
	t.init()
	t.window.low, t.window.high, t.window.parts = low, high, parts
}

// flushPage is INVLPG.
func (c *CPU) flushPage(lin uint64) {
	c.newEpoch()
	if c.large.has(lin) {
		c.flushTLB(true)
		return
	}
	set := uint32(lin >> 12 & (tlbSize - 1))
	for i, t := range c.tlbs {
		if t != nil {
			c.dropReturnsIf(i, t.code[set] != 0)
			t.evict(set, c.code)
		}
	}
	for i := range c.parked {
		if t := c.parked[i].tlb; t.cold[set].pa&paGlobal != 0 {
			t.evict(set, c.code)
		}
	}
}

// dropReturnsIf empties the stack of return addresses of code that a TLB translates.
func (c *CPU) dropReturnsIf(tlb int, drop bool) {
	if !drop {
		return
	}
	if tlb == tlbUser {
		c.returns[1].sp = 0
	} else {
		c.returns[0].sp = 0
	}
}

// Remapped drops everything known about physical memory: the board moved a
// region or changed its write protection.
func (c *CPU) Remapped() {
	c.physCache = [physEntries]physEntry{}
	c.flushTLB(true)
	c.blkEnd = 0
}

// protectPage makes sure that writes to physical page pa take the slow path.
func (c *CPU) protectPage(pa uint64) {
	for t := range c.allTLBs() {
		for n := range t.list {
			for _, i := range t.list[n].all() {
				if w := &t.w[i]; t.cold[i].pa&^0xfff == pa && fast(*w, i) {
					*w = slowly(-*w)
					t.dropStack()
					if t.window.n != 0 {
						t.window.hide(i)
					}
				}
			}
		}
	}
}

// unprotectPages undoes protectPage for some pages. What the TLB holds stays valid: a walk
// would see what the guest has changed in its tables since, and not at the same
// instruction on every engine.
func (c *CPU) unprotectPages(which func(pa uint64) bool) {
	for t := range c.allTLBs() {
		for n := range t.list {
			for _, i := range t.list[n].all() {
				w, page := &t.w[i], -t.r[i]
				if !slow(*w, i) || *w != slowly(page) || !which(t.cold[i].pa&^0xfff) {
					continue
				}
				if host, writable := c.hostPage(t.cold[i].pa); host != nil && writable {
					*w = tag(page)
				}
			}
		}
	}
}

// hostPage is the host memory behind a physical page, nil for registers.
func (c *CPU) hostPage(pa uint64) (unsafe.Pointer, bool) {
	pa &^= 0xfff
	e := &c.physCache[pa>>12&(physEntries-1)]
	if e.page != pa+1 {
		h, w := c.board.Page(pa)
		*e = physEntry{pa + 1, unsafe.Pointer(unsafe.SliceData(h)), w}
	}
	return e.host, e.writable
}

// physRead reads size bytes of physical memory inside one page.
func (c *CPU) physRead(pa uint64, size int) uint64 {
	if h, _ := c.hostPage(pa); h != nil {
		p := unsafe.Add(h, pa&0xfff)
		switch size {
		case 8:
			return *(*uint64)(p)
		case 4:
			return uint64(*(*uint32)(p))
		case 2:
			return uint64(*(*uint16)(p))
		}
		return uint64(*(*uint8)(p))
	}
	return c.board.Read(pa, size)
}

// physWrite writes size bytes of physical memory inside one page and drops
// decoded code that was there.
func (c *CPU) physWrite(pa uint64, size int, v uint64) {
	h, w := c.hostPage(pa)
	if h == nil {
		c.board.Write(pa, size, v)
		return
	}
	if !w {
		return
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	copy(unsafe.Slice((*byte)(unsafe.Add(h, pa&0xfff)), size), b[:])
	c.code.Written(pa, size)
}

// access is what an address is translated for.
type access uint8

const (
	accRead access = iota
	accWrite
	accExec
)

// #PF error code bits (SDM volume 3A, figure 4-12).
const (
	pfP    = 1 << 0
	pfW    = 1 << 1
	pfU    = 1 << 2
	pfRSVD = 1 << 3
	pfI    = 1 << 4
)

// Page table entry bits.
const (
	pteP  = 1 << 0
	pteW  = 1 << 1
	pteU  = 1 << 2
	pteA  = 1 << 5
	pteD  = 1 << 6
	ptePS = 1 << 7
	pteG  = 1 << 8
	pteNX = 1 << 63
)

// translation is the result of a page walk.
type translation struct {
	pa    uint64 // of the 4 KiB page
	flags uint64 // combined U, W and NX of all levels; G of the leaf
	leaf  uint64 // physical address of the leaf entry
	dirty bool
	large uint64 // size of the mapping when larger than 4 KiB
	wide  int    // bytes of an entry
	leafV uint64 // the leaf entry
}

// pfCode is the error code of a page fault without the P and RSVD bits.
func (c *CPU) pfCode(acc access, user bool) uint32 {
	var code uint32
	if acc == accWrite {
		code |= pfW
	}
	if user {
		code |= pfU
	}
	if acc == accExec && (c.EFER&EFERNXE != 0 && c.CR4&CR4PAE != 0 || c.CR4&CR4SMEP != 0) {
		code |= pfI
	}
	return code
}

// walk translates lin through the page tables (SDM volume 3A, chapter 4). Where
// that fails, pendingFault is the #PF.
func (c *CPU) walk(lin uint64, acc access, user bool) (t translation, ok bool) {
	code := c.pfCode(acc, user)
	nx := c.EFER&EFERNXE != 0
	if c.CR4&CR4PAE == 0 {
		ok = c.walk32(lin, &t, code)
	} else {
		ok = c.walkPAE(lin, &t, code, nx)
	}
	if !ok {
		return t, false
	}
	// Access rights (4.6): user pages only from CPL 3, supervisor under SMEP/SMAP.
	switch {
	case user:
		ok = t.flags&pteU != 0 && (acc != accWrite || t.flags&pteW != 0)
	case t.flags&pteU != 0 && acc == accExec:
		ok = c.CR4&CR4SMEP == 0
	case t.flags&pteU != 0 && c.CR4&CR4SMAP != 0 && c.RFLAGS&FlagAC == 0 && acc != accExec:
		ok = false
	case t.flags&pteU != 0 && c.CR4&CR4SMAP != 0 && c.implicit:
		ok = false
	}
	if !user && acc == accWrite && t.flags&pteW == 0 && c.CR0&CR0WP != 0 {
		ok = false
	}
	if acc == accExec && t.flags&pteNX != 0 {
		ok = false
	}
	if !ok {
		return t, c.pageFault(lin, code|pfP)
	}
	// Accessed and dirty bits of the leaf; upper levels got theirs on the way.
	want := t.leafV | pteA
	if acc == accWrite {
		want |= pteD
	}
	if want != t.leafV {
		c.physWrite(t.leaf, t.wide, want)
	}
	t.dirty = want&pteD != 0
	return t, true
}

func (c *CPU) walk32(lin uint64, t *translation, code uint32) bool {
	pdeA := (c.CR3&0xfffff000 | lin>>20&0xffc) & c.a20
	pde := c.physRead(pdeA, 4)
	if pde&pteP == 0 {
		return c.pageFault(lin, code)
	}
	t.wide = 4
	if pde&ptePS != 0 && c.CR4&CR4PSE != 0 {
		reserved := uint64(1 << 21) // PSE-36: bits 20-13 are address bits 39-32
		if !c.Model.PSE36 {
			reserved = 0x3fe000
		}
		if pde&reserved != 0 {
			return c.pageFault(lin, code|pfP|pfRSVD)
		}
		t.pa = pde&0xffc00000 | pde>>13&0xff<<32 | lin&0x3ff000
		t.flags, t.leaf, t.leafV, t.large = pde, pdeA, pde, 4<<20
		t.flags &^= pteNX
		return true
	}
	pteAddr := (pde&0xfffff000 | lin>>10&0xffc) & c.a20
	pte := c.physRead(pteAddr, 4)
	if pte&pteP == 0 {
		return c.pageFault(lin, code)
	}
	if pde&pteA == 0 {
		c.physWrite(pdeA, 4, pde|pteA)
	}
	t.pa = pte & 0xfffff000
	t.flags = pde&pte&(pteU|pteW) | pte&pteG
	t.leaf, t.leafV = pteAddr, pte
	return true
}

const physAddrMask = 1<<40 - 1 // MAXPHYADDR is 40

func (c *CPU) walkPAE(lin uint64, t *translation, code uint32, nx bool) bool {
	const addr = physAddrMask &^ 0xfff
	rsvd := (1<<52 - 1) &^ uint64(physAddrMask)
	if !nx {
		rsvd |= pteNX
	}
	flags := uint64(pteU | pteW)
	var table uint64
	level := 3
	if c.long {
		table, level = c.CR3&addr, 4
	} else {
		pdpte := c.PDPTE[lin>>30&3]
		if pdpte&pteP == 0 {
			return c.pageFault(lin, code)
		}
		table, level = pdpte&addr, 2
		rsvd |= 0x7ff << 52 // bits 62-52 are reserved in PAE paging
	}
	t.wide = 8
	for ; ; level-- {
		shift := uint(12 + 9*(level-1))
		ea := (table | lin>>shift&511<<3) & c.a20
		e := c.physRead(ea, 8)
		if e&pteP == 0 {
			return c.pageFault(lin, code)
		}
		bad := e&rsvd != 0
		leaf := level == 1
		if level > 1 && e&ptePS != 0 {
			switch {
			case level == 2:
				leaf = true
				bad = bad || e&0x1fe000 != 0
			case level == 3 && c.Model.GBPages:
				leaf = true
				bad = bad || e&0x3fffe000 != 0
			default:
				bad = true
			}
		}
		if bad {
			return c.pageFault(lin, code|pfP|pfRSVD)
		}
		flags = flags&e | flags&^(pteU|pteW) | e&pteNX
		if leaf {
			size := uint64(1) << shift
			t.pa = (e&addr&^(size-1) | lin&(size-1)) &^ 0xfff
			t.flags = flags | e&pteG
			t.leaf, t.leafV = ea, e
			if level > 1 {
				t.large = size
			}
			return true
		}
		if e&pteA == 0 {
			c.physWrite(ea, 8, e|pteA)
		}
		table = e & addr
	}
}

// canonical reports whether lin is a canonical address.
func canonical(lin uint64) bool { return uint64(int64(lin)<<16>>16) == lin }

// fill translates lin for acc and user and installs it in the TLB of that
// privilege, which it returns. It raises #PF.
func (c *CPU) fill(lin uint64, acc access, user bool) *tlb {
	t := c.tryFill(lin, acc, user)
	if t == nil {
		panic(&c.pendingFault)
	}
	return t
}

// tryFill is fill but for what it raises: it returns nil, and pendingFault is
// the #PF.
func (c *CPU) tryFill(lin uint64, acc access, user bool) *tlb {
	page := lin &^ 0xfff
	idx := tlbSuper
	if user {
		idx = tlbUser
	} else if c.tlbIndex == tlbSuperAC && !c.implicit && acc != accExec {
		idx = tlbSuperAC
	}
	var t translation
	if c.CR0&CR0PG == 0 {
		t = translation{pa: page, flags: pteU | pteW, dirty: true}
	} else {
		var ok bool
		if t, ok = c.walk(lin, acc, user); !ok {
			return nil
		}
	}
	t.pa &= c.a20
	set := uint32(lin >> 12 & (tlbSize - 1))
	into := c.tlbOf(idx)
	e := &into.cold[set]
	if e.pa&^0xfff != t.pa || !is(into.r[set], page) && !is(e.x, page) && !is(into.w[set], page) {
		if into.code[set] != 0 {
			c.dropReturnsIf(idx, true)
			c.newEpoch()
		}
		into.evict(set, c.code)
	}
	e.pa = t.pa | e.pa&paListed
	if t.flags&pteG != 0 && c.CR4&CR4PGE != 0 {
		e.pa |= paGlobal
	}
	into.note(set)
	if t.large != 0 {
		c.large.add(lin, t.large)
	}
	host, writable := c.hostPage(t.pa)
	if host == nil {
		e.pa |= paDevice
	}
	found := tag(page)
	if host == nil || c.strict {
		found = slowly(page)
	}
	into.host[set] = uintptr(host) - uintptr(page)
	if acc == accExec {
		e.x = found
		if host != nil {
			if key := codeKey(page, t.pa); into.code[set] != key {
				into.code[set] = key
				c.code.gainedCode(key)
			}
		}
		return into
	}
	into.r[set] = found
	was := into.w[set]
	if acc == accWrite || t.dirty && (t.flags&pteW != 0 || !user && c.CR0&CR0WP == 0) {
		if host != nil && (!writable || c.code.hasCode(t.pa)) {
			found = slowly(page)
		}
		into.w[set] = found
	} else {
		into.w[set] = noTag(set)
	}
	if was != into.w[set] && fast(was, set) {
		into.dropStack()
		if into.window.n != 0 {
			into.window.hide(set)
		}
	}
	return into
}

// ptr is the host address of lin, which the set translates.
func (t *tlb) ptr(set, lin uint64) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), t.host[set]+uintptr(lin))
}
