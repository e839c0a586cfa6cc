package cpu

import (
	"errors"
	"os"
	"unsafe"

	"g86/cpu/isa"
)

// CodeCache holds the decoded blocks of a machine, shared by its processors. A
// block is keyed by physical address, RIP and code size. Pages that hold blocks
// are write-protected in the software TLBs; a map of the bytes that belong to
// blocks makes data beside code cheap: only writes to such bytes drop blocks.
//
// Its budget is maxOps decoded instructions; when it is used up everything is
// dropped and decoding starts over. Most of what is decoded runs a few times and never again:
// with a translator, blocks that have not been translated are dropped each maxNew instructions.
type CodeCache struct {
	cpus  []*CPU
	table [codeTableSize]*block // chains by codeHash
	pages map[uint64]*codePage  // by physical page address
	spare *codePage             // of a page that held code, to be used again
	few   [fewSlots]uint16      // how many pages of a slot are in it: most writes need not ask

	slab                 []Op   // room for the next blocks' instructions
	fresh                int    // instructions decoded since blocks were last dropped for that
	slabs, spareSlabs    [][]Op // where those are, and what those before have left
	kept                 []Op   // room for those of blocks that have been translated
	ops                  int    // instructions held, dead ones included
	epochs               uint64 // the last epoch given out
	Decoded, Invalidated uint64 // counters: blocks

	translator Translator // nil: interpreter only
	trustAge   uint64     // see trust.go
	shared     []byte     // see Share
	sharedFile *os.File

	parking parking
	Windows WindowStats
	heat    uint16
}

const (
	codeTableSize = 1 << 16
	maxBlockOps   = 96
	maxBranchOps  = 32         // of a block with branches
	uncached      = ^uint64(0) // block.pa of a block that is used once
	maxOps        = 1 << 20    // about 80 MiB
	maxNew        = 60 << 10
	slabOps       = 2048
	maxPageBlocks = 2048 // more than a page can use at once: start over
)

type block struct {
	ops     []Op
	pa      uint64
	rip     uint64
	end     uint64 // RIP after the last instruction
	pa2     uint64 // page of the bytes beyond the first page, 0: none
	next    *block // of its chain
	native  *Native
	waiting *Native // host code that is not in use: the block is dead, see park.go
	content uint64  // contentHash of the instructions that it is made from, 0: not known

	// The blocks that ran after this one, valid while the processor's epoch is
	// the one they were found in.
	succ      [2]*block
	succEpoch [2]uint64

	straddled *straddled // not nil: groups of accesses have failed
	regions   []opRegion // by instruction, if there is anything to say

	bytes uint16
	heat  uint16 // runs before it was translated
	reach uint16 // instructions of it that have run: it may be left before its end
	mode  isa.Mode

	dead        bool
	stale       bool // dead because it was overwritten; it may be decoded again in its place, see revive
	cold        bool // not translatable
	kept        bool // see CodeCache.keep
	ungrouped   bool
	scattered   bool // stack accesses are to several pages
	windowed    bool // its host code uses a window
	stackRegion Region
	stackMoved  bool // it has turned out to be another
	succTurn    uint8
}

type codePage struct {
	blocks []*block
	code   [64]uint64 // one bit a byte: it belongs to a block
	starts [64]uint64 // likewise: a block may begin there

	fresh       bool // blocks may have come since dropNew
	overwritten int  // writes that have dropped blocks since the last one was added
	stale       int  // blocks that are
	idle        int  // writes since there are none but those
}

// maxIdle is how many writes a page without blocks may see before it holds no code any more:
// code that is written anew each time it has run comes back before. maxStale is how many of
// its blocks may be stale.
const (
	maxIdle  = 8
	maxStale = 4
)

// maxOverwritten is how many writes may drop blocks of a page, none of which is added in
// between, before the rest goes too: something is writing new code over all of it, which is
// slow for as long as the page holds any.
const maxOverwritten = 3

// mark notes that n bytes at pa belong to a block.
func (p *codePage) mark(pa uint64, n int) {
	first, end := pa&0xfff, pa&0xfff+uint64(n)
	for at := first; at < end; at = at&^63 + 64 {
		bits := ^uint64(0) << (at & 63)
		if end-at&^63 < 64 {
			bits &= 1<<(end&63) - 1
		}
		p.code[at>>6] |= bits
	}
}

// add notes that the bytes of a block in the page belong to it.
func (p *codePage) add(b *block, page uint64) {
	p.mark(b.part(page))
	if page == b.pa&^0xfff {
		p.starts[b.pa>>6&63] |= 1 << (b.pa & 63)
	}
}

// startsAt reports whether a block may begin at pa.
func (p *codePage) startsAt(pa uint64) bool { return p.starts[pa>>6&63]>>(pa&63)&1 != 0 }

// touches reports whether any of n bytes at pa, which lie in the page, belongs
// to a block.
func (p *codePage) touches(pa uint64, n int) bool {
	first, last := pa&0xfff, pa&0xfff+uint64(n)-1
	for w := first >> 6; w <= last>>6; w++ {
		mask := ^uint64(0)
		if w == first>>6 {
			mask <<= first & 63
		}
		if w == last>>6 {
			mask &= ^uint64(0) >> (63 - last&63)
		}
		if p.code[w]&mask != 0 {
			return true
		}
	}
	return false
}

// part is what of a block lies in a page.
func (b *block) part(page uint64) (pa uint64, n int) {
	room := int(0x1000 - b.pa&0xfff)
	if b.pa2 != 0 && page == b.pa2 {
		return page, int(b.bytes) - room
	}
	return b.pa, min(int(b.bytes), room)
}

// NewCodeCache returns an empty cache.
func NewCodeCache() *CodeCache {
	return &CodeCache{pages: map[uint64]*codePage{}, trustAge: leastTrustAge}
}

const fewSlots = 1 << 14

// page is what the cache has of the page at pa, nil if that holds no code.
func (k *CodeCache) page(pa uint64) *codePage {
	if k.few[pa>>12&(fewSlots-1)] == 0 {
		return nil
	}
	return k.pages[pa]
}

func (k *CodeCache) hasCode(pa uint64) bool { return k.page(pa) != nil }

func (k *CodeCache) addPage(pa uint64) *codePage {
	p := k.spare
	if k.spare = nil; p == nil {
		p = &codePage{}
	}
	k.pages[pa] = p
	k.few[pa>>12&(fewSlots-1)]++
	for _, c := range k.cpus {
		c.protectPage(pa)
	}
	return p
}

// removePage lets go of a page that holds no code any more.
func (k *CodeCache) removePage(pa uint64) {
	k.forgetPage(pa)
	for _, c := range k.cpus {
		c.unprotectPages(func(page uint64) bool { return page == pa })
	}
}

// forgetPage is removePage but for writes to the page, which stay slow.
func (k *CodeCache) forgetPage(pa uint64) {
	p := k.pages[pa]
	clear(p.blocks)
	*p = codePage{blocks: p.blocks[:0]}
	k.spare = p
	delete(k.pages, pa)
	k.few[pa>>12&(fewSlots-1)]--
}

func codeHash(pa, rip uint64, mode isa.Mode) uint64 {
	h := pa ^ pa>>16 ^ rip>>9 ^ uint64(mode)<<5
	return h & (codeTableSize - 1)
}

// warm returns the block that has run more than once, if there is one.
func (k *CodeCache) warm(pa, rip uint64, mode isa.Mode) *block {
	for b := k.table[codeHash(pa, rip, mode)]; b != nil; b = b.next {
		if b.pa == pa && b.rip == rip && b.mode == mode {
			if b.native != nil || b.heat > 1 {
				return b
			}
			return nil
		}
	}
	return nil
}

// leadsTo is how many instructions of the block run up to its first jump to rip, 0 if
// there is none.
func (b *block) leadsTo(rip uint64) int {
	for i := range b.ops {
		if op := &b.ops[i]; op.branch {
			if to, ok := op.Target(); ok && to == rip {
				return i + 1
			}
		}
	}
	return 0
}

// twin makes b a copy of the block that is hot without a window, if there is one and the code
// segment has room for it.
func (k *CodeCache) twin(b *block, room int) bool {
	for of := k.table[codeHash(b.pa, b.rip, b.mode)]; of != nil; of = of.next {
		if of.pa == b.pa && of.rip == b.rip && of.mode == b.mode && !of.windowed && of.pa2 == 0 && of.native != nil && int(of.bytes) <= room {
			b.ops, b.kept, b.bytes, b.end, b.heat, b.reach = of.ops, true, of.bytes, of.end, k.heat, of.reach
			k.keep(b) // its own: revive decodes in place
			return true
		}
	}
	return false
}

// unchain removes a block from its chain.
func (k *CodeCache) unchain(b *block) {
	for at := &k.table[codeHash(b.pa, b.rip, b.mode)]; *at != nil; at = &(*at).next {
		if *at == b {
			*at = b.next
			return
		}
	}
}

// room is memory for the instructions of a block; take keeps n of them.
func (k *CodeCache) room() []Op {
	if len(k.slab) < maxBlockOps {
		switch {
		case k.ops >= maxOps:
			k.Flush()
			k.ops, k.fresh, k.slabs = 0, 0, nil
		case k.translator != nil && k.fresh >= maxNew:
			k.dropNew()
		}
		if n := len(k.spareSlabs); n > 0 {
			k.slab, k.spareSlabs = k.spareSlabs[n-1], k.spareSlabs[:n-1]
		} else {
			k.slab = newSlab()
		}
		k.slabs = append(k.slabs, k.slab)
	}
	return k.slab[:0:maxBlockOps]
}

// dropNew drops the blocks that have not been translated, whose instructions nothing
// looks at any more then.
func (k *CodeCache) dropNew() {
	k.ops -= k.fresh
	k.fresh = 0
	k.spareSlabs, k.slabs = append(k.spareSlabs, k.slabs...), nil
	for page, p := range k.pages {
		if !p.fresh {
			continue
		}
		p.fresh = false
		if k.dropBlocks(page, p, func(b *block) bool {
			if b.native != nil {
				return false
			}
			if b.waiting == nil {
				b.ops = nil
			}
			return true
		}) {
			k.forgetPage(page)
		}
	}
	for _, c := range k.cpus {
		c.unprotectPages(func(pa uint64) bool { return !k.hasCode(pa) })
	}
}

// keep moves the instructions of a block that is about to be translated to where they do not
// keep others in memory.
func (k *CodeCache) keep(b *block) {
	n := len(b.ops)
	if len(k.kept) < n {
		k.kept = newSlab()
	}
	copy(k.kept, b.ops)
	b.ops = k.kept[:n:n]
	k.kept = k.kept[n:]
	k.ops += n
}

// newSlab is memory that the garbage collector keeps but does not look into: what
// instructions point to are functions of tables that are never let go.
func newSlab() []Op {
	words := make([]uint64, slabOps*unsafe.Sizeof(Op{})/8)
	populate(words)
	return unsafe.Slice((*Op)(unsafe.Pointer(unsafe.SliceData(words))), slabOps)
}

func (k *CodeCache) take(n int) {
	k.slab = k.slab[n:]
	k.ops += n
	k.fresh += n
}

// insert adds a block and protects its pages.
func (k *CodeCache) insert(b *block) {
	k.place(b, b.pa&^0xfff)
	if b.pa2 != 0 {
		k.place(b, b.pa2)
	}
	first := &k.table[codeHash(b.pa, b.rip, b.mode)]
	b.next, *first = *first, b
	k.Decoded++
}

func (k *CodeCache) place(b *block, page uint64) {
	p := k.pages[page]
	if p != nil && len(p.blocks) >= maxPageBlocks {
		k.dropPage(page)
		p = nil
	}
	if p == nil {
		p = k.addPage(page)
	}
	p.blocks = append(p.blocks, b)
	p.fresh = true
	p.overwritten, p.idle = 0, 0
	p.add(b, page)
}

// retire makes a block that is being overwritten stale.
func (k *CodeCache) retire(p *codePage, b *block) {
	k.end(b)
	b.stale, b.heat, b.reach = true, 0, 0
	p.stale++
}

// revive decodes a stale block again where it was: a program that changes its own code mostly
// changes operands. It fails, and the block is gone, where instructions have other lengths now
// or end the block elsewhere.
func (c *CPU) revive(b *block, lin uint64) bool {
	k := c.code
	code := unsafe.Slice((*byte)(c.execMemory(lin)), b.bytes)
	p := k.pages[b.pa&^0xfff]
	if k.returned(b, code) {
		p.stale--
		p.overwritten, p.idle = 0, 0
		return true
	}
	rip, n := b.rip, 0
	for i := range b.ops {
		var op Op
		if isa.Decode(code[n:], b.mode, &op.Inst) != nil {
			break
		}
		old := &b.ops[i]
		c.bind(&op, rip+uint64(n)+uint64(op.Len))
		if op.Len != old.Len || op.ends != old.ends || op.branch != old.branch {
			break
		}
		*old = op
		n += int(op.Len)
	}
	if n != int(b.bytes) {
		k.dropBlocks(b.pa&^0xfff, p, func(of *block) bool { return of == b })
		return false
	}
	b.dead, b.stale = false, false
	b.cold, b.regions, b.straddled, b.ungrouped, b.scattered = false, nil, nil, false, false
	p.stale--
	p.overwritten, p.idle = 0, 0
	k.Decoded++
	return true
}

// Written tells the cache that n bytes at pa have changed, whoever wrote them.
func (k *CodeCache) Written(pa uint64, n int) {
	for n > 0 {
		page := pa &^ 0xfff
		m := min(n, int(page+0x1000-pa))
		if p := k.page(page); p != nil {
			switch {
			case p.touches(pa, m):
				k.invalidate(page, p, pa, m)
			case len(p.blocks) == p.stale:
				if p.idle++; p.idle > maxIdle {
					k.dropPage(page)
				}
			}
		}
		pa, n = pa+uint64(m), n-m
	}
}

func (k *CodeCache) invalidate(page uint64, p *codePage, pa uint64, n int) {
	if p.overwritten++; p.overwritten > maxOverwritten {
		k.dropPage(page)
		return
	}
	over := func(b *block) bool {
		at, size := b.part(page)
		return at < pa+uint64(n) && pa < at+uint64(size)
	}
	if p.stale >= maxStale {
		k.dropBlocks(page, p, func(b *block) bool { return b.stale || over(b) })
		return
	}
	again := true // only what was stale before is overwritten
	for _, b := range p.blocks {
		if b.dead || !over(b) {
			continue
		}
		if b.pa2 != 0 {
			k.dropBlocks(page, p, over)
			return
		}
		k.retire(p, b)
		again = false
	}
	if again && len(p.blocks) == p.stale {
		if p.idle++; p.idle > maxIdle {
			k.dropPage(page)
		}
	}
}

// dropBlocks drops some of a page's blocks and tells whether there are no others.
func (k *CodeCache) dropBlocks(page uint64, p *codePage, which func(*block) bool) (empty bool) {
	kept := p.blocks[:0]
	p.code, p.starts = [64]uint64{}, [64]uint64{}
	p.stale = 0
	for _, b := range p.blocks {
		switch {
		case b.dead && !b.stale:
		case which(b):
			k.kill(b)
		default:
			p.add(b, page)
			kept = append(kept, b)
			if b.stale {
				p.stale++
			}
		}
	}
	clear(p.blocks[len(kept):])
	p.blocks = kept
	return len(kept) == 0
}

func (k *CodeCache) kill(b *block) {
	if !b.stale {
		k.end(b)
	}
	b.stale = false
	k.unchain(b)
	k.park(b)
}

// end makes sure that nothing runs a block, which is over.
func (k *CodeCache) end(b *block) {
	b.dead = true
	k.suspend(b)
	k.Invalidated++
	for _, c := range k.cpus {
		if c.blk == b {
			c.blkEnd = 0
		}
	}
}

func (k *CodeCache) dropPage(page uint64) {
	for _, b := range k.pages[page].blocks {
		if !b.dead || b.stale {
			k.kill(b)
		}
	}
	k.removePage(page)
}

// Flush drops every block.
func (k *CodeCache) Flush() {
	for page := range k.pages {
		k.dropPage(page)
	}
}

// fetchLinear is the linear address of the instruction at RIP, checked.
func (c *CPU) fetchLinear(rip uint64) uint64 {
	if c.mode == 64 {
		if !canonical(rip) {
			c.gp0()
		}
		return rip
	}
	if rip > uint64(c.Seg[CS].Limit) {
		c.gp0()
	}
	return (c.Seg[CS].Base + rip) & 0xffffffff
}

// An epoch names all that finding the next block depends on besides RIP: the
// translations, the privilege they are seen with and the code segment. Entering
// the kernel and coming back returns to the same epoch.

// newEpoch ends all epochs: translations have been dropped.
func (c *CPU) newEpoch() {
	c.code.epochs += 16
	c.generation = c.code.epochs
	c.setEpoch()
}

// setEpoch follows a change of privilege or code segment.
func (c *CPU) setEpoch() {
	cs := &c.Seg[CS]
	based := c.mode != 64 && (cs.Base != 0 || cs.Limit != 0xffffffff)
	if based || c.based {
		c.code.epochs += 16 // bases and limits are not part of the name
		c.generation = c.code.epochs
	}
	c.based = based
	c.epoch = c.generation | EpochPart(c.tlbIndex, c.mode)
	c.windowed = c.windows[c.owner()].open && c.mode >= 32
}

// EpochPart is what a TLB and a code size add to the generation of translations.
func EpochPart(tlbIndex uint8, mode isa.Mode) uint64 { return uint64(tlbIndex)<<2 | uint64(mode)>>5 }

// nextBlock is the block at RIP after b, from b's memory where possible.
func (c *CPU) nextBlock(b *block) *block {
	rip := c.RIP
	if n := b.succ[0]; n != nil && n.rip == rip && b.succEpoch[0] == c.epoch && !n.dead {
		return n
	}
	if n := b.succ[1]; n != nil && n.rip == rip && b.succEpoch[1] == c.epoch && !n.dead {
		return n
	}
	n := c.findBlock()
	if n.pa != uncached {
		i := b.succTurn & 1
		b.succ[i], b.succEpoch[i] = n, c.epoch
		b.succTurn++
	}
	return n
}

// execPage makes sure that lin may be executed and returns the page, with
// paGlobal and paDevice.
func (c *CPU) execPage(lin uint64) (pa uint64) {
	t, set := c.fetchTLB(), lin>>12&(tlbSize-1)
	if !is(t.cold[set].x, lin&^0xfff) {
		t = c.fill(lin, accExec, c.cpl == 3)
	}
	if t.copies != nil {
		t.copies.code[set] = t.code[set]
	}
	return t.pa(set)
}

// execMemory is the host address of lin, which execPage has looked at and which
// is memory.
func (c *CPU) execMemory(lin uint64) unsafe.Pointer {
	return c.fetchTLB().ptr(lin>>12&(tlbSize-1), lin)
}

// findBlock returns the block at RIP, decoding it if necessary. It raises what
// fetching or decoding its first instruction raises.
func (c *CPU) findBlock() *block {
	rip := c.RIP
	lin := c.fetchLinear(rip)
	page := c.execPage(lin)
	pa := page&^0xfff | lin&0xfff
	for b := c.code.table[codeHash(pa, rip, c.mode)]; b != nil; b = b.next {
		if b.pa != pa || b.rip != rip || b.mode != c.mode || b.windowed != c.windowed || b.pa2 != 0 && !c.stillCrosses(b, lin) {
			continue
		}
		if c.mode == 64 || rip+uint64(b.bytes)-1 <= uint64(c.Seg[CS].Limit) {
			if b.stale && !c.revive(b, lin) {
				break
			}
			return b
		}
		return c.decodeOne(lin, rip) // the segment ends inside the block
	}
	if page&paDevice != 0 {
		return c.decodeOne(lin, rip)
	}
	return c.decodeBlock(lin, pa, rip)
}

// decodeBlock decodes from RIP to the first instruction that may change the
// flow, the end of the page, or maxBlockOps. Conditional jumps do not end a block, see
// trim.
func (c *CPU) decodeBlock(lin, pa, rip uint64) *block {
	page := unsafe.Slice((*byte)(c.execMemory(lin)), 0x1000-lin&0xfff)
	if c.mode != 64 {
		if room := uint64(c.Seg[CS].Limit) - rip + 1; room < uint64(len(page)) {
			page = page[:room]
		}
	}
	b := &block{pa: pa, rip: rip, mode: c.mode, windowed: c.windowed, stackRegion: RegionOf(c.GPR[RSP])}
	k := c.code
	if k.unpark(b, page) || c.windowed && k.twin(b, len(page)) {
		k.insert(b)
		return b
	}
	ops := k.room()
	known := k.page(pa &^ 0xfff)
	n, limit := 0, maxBlockOps
	loop := false
	for len(ops) < limit {
		if n > 0 && !loop && known != nil && known.startsAt(pa+uint64(n)) {
			if next := k.warm(pa+uint64(n), rip+uint64(n), c.mode); next != nil {
				rest := next.leadsTo(rip)
				if rest == 0 || len(ops)+rest > maxBranchOps {
					break // straight code entered in the middle: go on with the blocks there are
				}
				loop, limit = true, len(ops)+rest // a loop entered in the middle is one block
			}
		}
		ops = ops[:len(ops)+1]
		op := &ops[len(ops)-1]
		*op = Op{}
		if err := isa.Decode(page[n:], c.mode, &op.Inst); err != nil {
			ops = ops[:len(ops)-1]
			if len(ops) == 0 {
				return c.decodeOne(lin, rip)
			}
			break // the next block starts here and finds out what is wrong
		}
		n += int(op.Len)
		c.bind(op, rip+uint64(n))
		if op.branch {
			if !loop {
				limit = maxBranchOps
			}
		} else if op.ends {
			break
		}
	}
	k.take(len(ops))
	b.ops = ops[:len(ops):len(ops)]
	b.bytes = uint16(n)
	b.end = rip + uint64(n)
	c.code.insert(b)
	return b
}

// stillCrosses reports whether the second page of a block at lin is the one it
// was decoded from. It raises what fetching from there raises.
func (c *CPU) stillCrosses(b *block, lin uint64) bool {
	next := (lin&^0xfff + 0x1000) & c.linMask
	if c.mode == 64 && !canonical(next) {
		return false
	}
	return c.execPage(next)&^paGlobal == b.pa2
}

// decodeOne decodes a single instruction that crosses a page or a segment limit,
// lies in device memory or is invalid, and raises what its fetch raises. The
// block is cached only if it crosses from one page of memory into another.
func (c *CPU) decodeOne(lin, rip uint64) *block {
	var buf [15]byte
	n := 0
	b := &block{rip: rip, mode: c.mode, windowed: c.windowed, pa: uncached, ops: make([]Op, 1)}
	op := &b.ops[0]
	var pages [2]uint64 // of memory that was read
	memory := 0
	for {
		// Fetch up to the end of the page, then byte by byte beyond it.
		at := (lin + uint64(n)) & c.linMask
		if n < len(buf) {
			if c.mode == 64 && !canonical(at) || c.mode != 64 && rip+uint64(n) > uint64(c.Seg[CS].Limit) {
				c.gp0()
			}
			page := c.execPage(at)
			room := min(len(buf)-n, int(0x1000-at&0xfff))
			if c.mode != 64 {
				room = min(room, int(min(uint64(c.Seg[CS].Limit)-rip-uint64(n), 15))+1)
			}
			s := span{pa: page&^0xfff | at&0xfff, n: room, device: page&paDevice != 0}
			if !s.device {
				s.host = c.execMemory(at)
				if memory < 2 {
					pages[memory] = s.pa
					memory++
				}
			}
			c.spanRead(&s, buf[n:n+room])
			n += room
		}
		err := isa.Decode(buf[:n], c.mode, &op.Inst)
		switch {
		case err == nil:
			b.bytes = uint16(op.Len)
			c.bind(op, c.wrapIP(rip+uint64(op.Len)))
			b.end = op.Next
			first := 0x1000 - int(lin&0xfff)
			if memory == 2 && first < int(op.Len) && pages[1] != 0 && pages[1] != pages[0]&^0xfff {
				b.pa, b.pa2 = pages[0], pages[1]
				if k := c.code; k.ops >= maxOps {
					k.Flush()
					k.ops = 0
				}
				c.code.ops++
				c.code.insert(b)
			}
			return b
		case errors.Is(err, isa.ErrTooLong), n >= len(buf) && errors.Is(err, isa.ErrTruncated):
			c.gp0()
		case !errors.Is(err, isa.ErrTruncated):
			c.ud()
		}
	}
}

// wrapIP truncates an instruction pointer to the code size.
func (c *CPU) wrapIP(rip uint64) uint64 {
	if c.mode == 64 {
		return rip
	}
	return rip & 0xffffffff
}
