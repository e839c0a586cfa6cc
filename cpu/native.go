package cpu

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"unsafe"

	"g86/cpu/isa"
)

// Translated code. A translator (package jit) turns hot blocks into host code;
// the run loop enters it with an instruction budget, and it comes back with an
// exit that says where it stands and why. Whatever host code does not do, one
// slow memory access or one hairy instruction, the interpreter's function for
// that instruction does, and host code goes on behind it.

// Block is a decoded block as the translator sees it.
type Block = block

// NewBlock decodes the block that begins with code, of at most a page, at rip, for a
// model; it belongs to no cache. windowed says that it uses a window, and that it accesses
// memory in the region it is in itself.
func NewBlock(model *Model, code []byte, rip uint64, mode isa.Mode, windowed bool) (*Block, error) {
	bound()
	c := &CPU{Model: model}
	b := &block{rip: rip, end: rip, mode: mode, windowed: windowed, stackRegion: RegionOf(rip), pa: uncached}
	for len(b.ops) < maxBlockOps && len(code) > 0 {
		var op Op
		if err := isa.Decode(code, mode, &op.Inst); err != nil {
			if len(b.ops) == 0 {
				return nil, fmt.Errorf("% x: %w", code[:min(len(code), 15)], err)
			}
			break
		}
		code = code[op.Len:]
		b.end += uint64(op.Len)
		c.bind(&op, b.end)
		b.ops = append(b.ops, op)
		if op.ends && !op.branch {
			break
		}
	}
	if len(b.ops) == 0 {
		return nil, errors.New("there are no bytes")
	}
	return b, nil
}

// Ops are the block's instructions.
func (b *block) Ops() []Op { return b.ops }

// RIP is the address of the first instruction.
func (b *block) RIP() uint64 { return b.rip }

// End is the address after the last instruction.
func (b *block) End() uint64 { return b.end }

// Mode is the code size.
func (b *block) Mode() isa.Mode { return b.mode }

// Native is a block's host code.
type Native struct {
	Entry  uintptr   // expects guest flags in host flags
	Insns  uint16    // that the budget has to cover: a loop may be there several times
	Resume []uint16  // where to go on at each of them, from Entry on; 0 where the interpreter runs it
	In     []uint32  // links of other blocks that jump here
	Borrow uintptr   // not 0: to be entered instead, with where to go on in NativeState.Target
	Exits  [2]uint32 // its own: the first, and the one after the last
	Links  [2]uint32 // likewise

	Accesses int // of memory
}

// resume is where to enter the block to go on at instruction i of a turn of the loop that begins
// with the host code of instruction turn, and with the current count.
func (c *CPU) resume(n *Native, turn, i int) uintptr {
	c.native.from = c.ICount + uint64(i)
	at := n.Entry + uintptr(n.Resume[turn+i])
	if n.Borrow != 0 {
		c.native.Target = at
		return n.Borrow
	}
	return at
}

// NativeKind is why host code came back.
type NativeKind uint8

const (
	NativeBudget     NativeKind = iota // at the head of the block: the budget does not cover it
	NativeOp                           // the interpreter has to run instruction Op
	NativeRead                         // likewise, because the memory at NativeState.Linear could not be read
	NativeWrite                        // or written
	NativeGroupRead                    // as NativeRead, and instructions behind Op rely on its access
	NativeGroupWrite                   // as NativeWrite, likewise
	NativeLink                         // at the end of the block, by link Link
	NativeGuess                        // as NativeOp, and where that leads Link may go from now on
	NativeCross                        // at the head of the block: its second page is not known to be still the same
	NativeX87                          // instruction Op needs the x87 unit, which is not loaded
	NativeNoFP                         // instruction Op must not run on the host, nor may those behind it: see NativeState.NoFP
	NativeReturn                       // instruction Op, a return to where there is no host code, has moved the stack pointer and nothing else
	NativeCrossed                      // the block's last instruction has led to another ring, or elsewhere in this one, where there is no host code: NativeCrossing.Arrived
	NativeNote                         // no exit: it names instruction Op as the last of the x87 unit
	NativeKinds
)

// NativeExit is one place where host code comes back.
type NativeExit struct {
	Block *Block
	Link  uint32
	Clear uint16 // status flags that are 0 whatever the host's say
	Kind  NativeKind
	Op    uint8  // counting those of a loop as often as they are there
	Form  isa.ID // of instruction Op

	// Of NativeRead and the like.
	Placed bool // the address was thought to be in a region of the window
	Fault  bool // the host has found nothing there, and NativeState.Linear is where
}

// CodeKind tells apart code that does not jump to each other.
type CodeKind uint8

// CodeLong is 64-bit code, CodeWindowed code that uses a window.
const (
	CodeLong CodeKind = 1 << iota
	CodeWindowed
	CodeKinds
)

// Kind is the kind of the block's code.
func (b *block) Kind() CodeKind { return codeKind(b.mode, b.windowed) }

func codeKind(m isa.Mode, windowed bool) (k CodeKind) {
	if m == 64 {
		k = CodeLong
	}
	if windowed {
		k |= CodeWindowed
	}
	return k
}

// Translator makes and runs host code.
type Translator interface {
	// Enter runs host code from entry until it comes back, and returns the exit that it names.
	Enter(c *CPU, entry uintptr, kind CodeKind) *NativeExit
	// Exit is the exit with a number.
	Exit(id uint32) *NativeExit
	// Translate makes host code for a block, or returns nil.
	Translate(b *Block) *Native
	// Target is where a link leads.
	Target(link uint32) uint64
	// Link makes a link jump to a block.
	Link(link uint32, to *Block)
	// Barrier is what has to be at the bottom of a stack of return addresses.
	Barrier(kind CodeKind) uintptr
	// Windows reports whether host code can use windows.
	Windows() bool
	// Sites is the address of what it keeps of memory accesses.
	Sites() uintptr
	// Drop removes a block's host code.
	Drop(b *Block)
	// Suspend makes no other host code jump to a block's, nor that to others of its page.
	Suspend(b *Block)
	// Resume makes host code that was suspended that of a block with the same instructions.
	Resume(b *Block)
	// Review makes jumps into other pages do without a look where CodeCache.MayTrust lets them, from time to time.
	Review(now uint64)
	// Gained and Lost say that a TLB has come to have a page of code, and that it has it no longer.
	Gained(key uint64)
	Lost(key uint64)
}

// SetTranslator makes the processors of the cache run translated code. Blocks
// are translated when they are about to run for the heat+1-th time. There must be no host code of
// another translator's.
func (k *CodeCache) SetTranslator(t Translator, heat int) {
	k.parking.empty()
	k.translator, k.heat = t, uint16(heat)
}

// TLBSets is the number of sets of a TLB, which bits 12 and up of an address select.
const TLBSets = tlbSize

// Indices of TLBs, see NativeOffsets.TLBs.
const (
	TLBSuper   = tlbSuper
	TLBSuperAC = tlbSuperAC
)

// NativeState is what host code and the run loop share besides State.
type NativeState struct {
	Budget int64  // counts up, those of the current block included: 0 and above is too much
	Flags  uint32 // status flags: LAHF's byte in bits 15-8, OF in bit 0
	Exit   uint32
	HostBP uint64
	Spill  [3]uint64 // of the glue
	Linear uint64
	Window uintptr // the base of GS for code that uses a window
	Parts  uintptr // the table of its parts
	Looked uint64  // how often an access has found the wrong page in the stack's entry
	looked uint64  // that when the budget was last used up
	HostSP uint64
	Sites  uintptr // the translator's, see jit/access.go
	Self   uintptr // the processor

	Crossing NativeCrossing

	Returns uintptr // host code's stack pointer, see returnStack
	Target  uintptr // in the middle of a block, see Native.Borrow

	HostMXCSR uint32

	// Of the system flags, for the instructions in package jit's system.go. A word that
	// begins with No is 0 where host code may do without the interpreter.
	system   systemKey
	SysFlags uint64 // RFLAGS without what LAHF has, OF, VM, RF and AC
	SysOn    uint64 // the same with IF set
	SysOff   uint64 // and with IF clear
	AC       uint64 // RFLAGS.AC
	NoAC     uint64 // it may not change the privilege of accesses, or it may for the first time
	NoCLI    uint64
	NoSTI    uint64 // an interrupt may be waiting for IF
	DF       uint64
	CPL      uint64
	NoTSC    uint64
	TSCRate  uint64 // ticks an instruction
	TSCBase  uint64 // the time-stamp counter when the budget is 0
	end      uint64 // instruction count when the budget is 0
	from     uint64 // instruction count as host code was entered

	X87     uint64 // whose the host's x87 state is
	X87Note uint32 // not 0: the NativeNote of the last x87 instruction
	X87Seg  uint32 // not 0: the segment register, plus 1, of X87DP
	X87DP   uint64 // address of the last x87 operand in memory
	x87     x87Image
}

// NativeNear is the part of it that host code addresses most often. It stands ahead of the
// general-purpose registers, where one byte of displacement reaches all of them.
type NativeNear struct {
	Group   [7]uint64 // the translator's, see jit/groups.go
	Low     uintptr   // where the window in use has linear address 0
	Scratch uint64
	SSE     uint64 // whose XMM registers the host's are
	NoFP    uint64 // not 0: floating-point exceptions of SSE are not masked
	Jumps   *JumpCache
}

// Values of NativeNear.SSE.
const (
	sseLoaded = iota // the guest's
	sseMemory        // not yet: they are in State
	sseFaults        // and SSE instructions fault
)

// JumpCache finds the host code of an indirect jump's target by RIP. It is the one if RIP,
// the code key of its page as the TLB has it now, and Check add up to 0.
type JumpCache [jumpSlots]JumpSlot

// JumpSlot is one of them. Both words lie in one line of the host's cache.
type JumpSlot struct {
	Check uint64
	Entry uintptr
}

const jumpSlots = 1 << 16

// jumpSlot mixes in higher bits: the low ones of most targets are 0. The lowest stays as
// it is, so that what an entry is compared with differs by an even number.
func jumpSlot(rip uint64) uint64 { return (rip + rip>>16<<1) & (jumpSlots - 1) }

// jumpsOf is the jump cache of a kind of code, made when first needed.
func (c *CPU) jumpsOf(kind CodeKind) *JumpCache {
	p := &c.jumps[kind]
	if *p == nil {
		*p = &JumpCache{}
		(*p).clear()
	}
	return *p
}

// drop empties a slot. Sums stay even.
func (j *JumpCache) drop(slot uint64) { j[slot].Check = noJump - slot&1 }

var noJump = rand.Uint64() &^ 1

func (j *JumpCache) clear() {
	for slot := range j {
		j.drop(uint64(slot))
	}
}

// CodeKey is the key under which translated code may jump to the block.
func (b *block) CodeKey() uint64 { return codeKey(b.rip, b.pa) }

// Crossing is the key of the page that the block's last bytes are in, if that is
// not its first.
func (b *block) Crossing() (lin, key uint64, ok bool) {
	lin = b.rip&^0xfff + 0x1000
	return lin, codeKey(lin, b.pa2), b.pa2 != 0
}

// NativeOffsets are the places in CPU that host code addresses.
var NativeOffsets = struct {
	GPR, Native, Near, TLB, Seg                  uintptr
	XMM, MXCSR                                   uintptr
	X87Image                                     uintptr
	SegReg, SegRegSize, SegRegBase               uintptr
	KernelGSBase, TSCAux                         uintptr
	CR0, CR2, CR3, CR4                           uintptr
	TLBs, TLBIndex, Epoch, Generation            uintptr
	SegSize, SegTight                            uintptr
	TLBRead, TLBWrite, TLBHost, TLBCode, TLBZero uintptr
	TLBStack                                     uintptr
}{
	GPR: unsafe.Offsetof(CPU{}.GPR), Native: unsafe.Offsetof(CPU{}.native), Near: unsafe.Offsetof(CPU{}.near),
	TLB: unsafe.Offsetof(CPU{}.tlb), Seg: unsafe.Offsetof(CPU{}.seg),
	X87Image: x87ImageAt,
	SegReg:   unsafe.Offsetof(CPU{}.Seg), SegRegSize: unsafe.Sizeof(Segment{}), SegRegBase: unsafe.Offsetof(Segment{}.Base),
	KernelGSBase: unsafe.Offsetof(CPU{}.KernelGSBase), TSCAux: unsafe.Offsetof(CPU{}.TSCAux),
	CR0: unsafe.Offsetof(CPU{}.CR0), CR2: unsafe.Offsetof(CPU{}.CR2), CR3: unsafe.Offsetof(CPU{}.CR3), CR4: unsafe.Offsetof(CPU{}.CR4),
	TLBs: unsafe.Offsetof(CPU{}.tlbs), TLBIndex: unsafe.Offsetof(CPU{}.tlbIndex), Epoch: unsafe.Offsetof(CPU{}.epoch),
	Generation: unsafe.Offsetof(CPU{}.generation),
	XMM:        unsafe.Offsetof(CPU{}.XMM), MXCSR: unsafe.Offsetof(CPU{}.MXCSR),
	SegSize: unsafe.Sizeof(segView{}), SegTight: unsafe.Offsetof(segView{}.tight),
	TLBRead: unsafe.Offsetof(tlb{}.r), TLBWrite: unsafe.Offsetof(tlb{}.w), TLBHost: unsafe.Offsetof(tlb{}.host), TLBCode: unsafe.Offsetof(tlb{}.code), TLBZero: unsafe.Offsetof(tlb{}.zero),
	TLBStack: unsafe.Offsetof(tlb{}.stack),
}

// Sem reports whether the instruction runs the semantics of its form and nothing
// else, so that a translator may do the same.
func (op *Op) Sem() bool {
	h := &formHandlers[op.Form]
	return !op.absent && h.gen != nil && !h.check
}

// Present reports whether the processor has the instruction, and it needs no check
// beforehand.
func (op *Op) Present() bool {
	return !op.absent && !formHandlers[op.Form].check || formHandlers[op.Form].cpl0 && !op.absent
}

// Ends reports whether the instruction ends its block, or may.
func (op *Op) Ends() bool { return op.ends }

// Branch reports whether the instruction is a conditional jump behind which the block may go
// on.
func (op *Op) Branch() bool { return op.branch }

// Target is where a relative branch goes; it fails if that would fault.
func (op *Op) Target() (rip uint64, ok bool) {
	to := op.Next + op.Imm
	switch op.OpSize {
	case 2:
		to &= 0xffff
	case 4:
		to &= 0xffffffff
	}
	return to, canonical(to)
}

// flatSegments reports whether host code's assumptions about segments hold: no bases and
// no limits but those of FS and GS, a 32-bit stack in 32-bit code, and no access
// that must be looked at.
func (c *CPU) flatSegments() bool {
	if c.mode == 64 {
		return !c.strict
	}
	cs := &c.Seg[CS]
	return c.mode == 32 && c.spMask == 0xffffffff && cs.Base == 0 && cs.Limit == 0xffffffff &&
		c.seg[ES].base|c.seg[SS].base|c.seg[DS].base|c.seg[ES].tight|c.seg[SS].tight|c.seg[DS].tight == 0
}

// translated returns whether b has host code that may run now, translating it
// when it has become hot.
func (c *CPU) translated(b *block) bool {
	if b.native == nil {
		if b.cold || b.pa == uncached || b.unobserved() {
			return false
		}
		if b.heat < c.code.heat {
			b.heat++
			return false
		}
		if !c.flatSegments() {
			return false
		}
		b.trim()
		if !b.kept {
			b.kept = true
			c.code.keep(b)
		}
		if b.native = c.code.translator.Translate(b); b.native == nil {
			b.cold = true
			return false
		}
		b.content = 0
		if code := c.content(b); code != nil {
			b.content = contentHash(code)
		}
		return true
	}
	return c.flatSegments()
}

// trim cuts off what is behind a branch that has always been taken.
func (b *block) trim() {
	if n := int(b.reach); n > 0 && n < len(b.ops) && b.ops[n-1].branch {
		b.ops = b.ops[:n:n]
		b.bytes -= uint16(b.end - b.ops[n-1].Next)
		b.end = b.ops[n-1].Next
	}
}

const mxcsrMasks = 0x1f80

// runNative runs translated code from b on, which the instruction count to be
// reached must cover, and returns the block after which to go on, nil if that is
// not known.
func (c *CPU) runNative(b *block) *block {
	t, n := c.code.translator, &c.native
	n.Sites, n.Self = t.Sites(), uintptr(unsafe.Pointer(c))
	limit := c.grant()
	entry := c.enterAt(b)
	x87 := false
	res, aux := ^c.fRes, c.fAux
	var retried *Op // whose access has just been translated
	n.X87, n.NoTSC = x87Memory, 1
	for {
		if x87 && c.x87MayRun() {
			c.x87ToHost()
		}
		if c.fRes != res || c.fAux != aux {
			s := c.statusBits()
			n.Flags = s&0xff<<8 | s>>11&1
		}
		c.near.NoFP = uint64(^c.MXCSR & mxcsrMasks)
		c.systemFlags()
		kind := codeKind(c.mode, c.windowed)
		n.Returns = c.returnsInUse().enter(t, kind)
		x := t.Enter(c, entry, kind) // emptied if its block is dropped
		c.returnsInUse().sp = n.Returns
		if n.X87 == x87Loaded {
			c.x87FromHost()
		}
		c.RFLAGS = c.RFLAGS&(FlagVM|FlagRF) | Flag1 | n.SysFlags | n.AC
		n.system = systemKey{c.RFLAGS, c.cpl, c.held}
		s := (n.Flags>>8&0xff | n.Flags&1<<11) &^ uint32(x.Clear)
		n.Flags = s&0xff<<8 | s>>11&1
		c.setStatus(s)
		res, aux = c.fRes, c.fAux // as long as they stay, so does n.Flags
		b, why, at, link, turn := x.Block, x.Kind, int(x.Op), x.Link, 0
		c.ICount = limit + 1 + uint64(n.Budget)
		if why != NativeLink && why != NativeCrossed { // the block is not done
			c.ICount -= uint64(b.native.Insns)
			if at >= len(b.ops) {
				turn = at - at%len(b.ops)
				at -= turn
				c.ICount += uint64(turn)
			}
		}
		c.nativeInsns += c.ICount + uint64(at) - n.from
		switch why {
		case NativeBudget:
			c.RIP = b.rip
			c.scatters(b)
			c.considerWindow()
			t.Review(c.ICount)
			return nil
		case NativeOp, NativeGuess, NativeReturn, NativeRead, NativeWrite, NativeGroupRead, NativeGroupWrite, NativeX87, NativeNoFP:
			if why == NativeX87 && !x87 && c.x87MayRun() {
				x87, entry = true, c.resume(b.native, turn, at)
				continue
			}
			if why == NativeReturn {
				c.GPR[RSP] = c.returnFrom(&b.ops[at])
			}
			rest := why == NativeX87 || why == NativeNoFP // those behind it are the interpreter's, too
			if why >= NativeRead && why <= NativeGroupWrite {
				write := why == NativeWrite || why == NativeGroupWrite
				op, placed := &b.ops[at], x.Placed
				outcome := c.reach(op, write, x.Fault)
				if outcome == touchFilled && op == retried {
					outcome = touchSlow // two accesses of one instruction may want the same set
				}
				retried = nil
				c.missed[outcome]++
				switch outcome {
				case touchFilled:
					retried = op
					if b.native == nil || b.windowed != c.windowed { // the walk has set an accessed bit in the middle of it, or the window is closed
						c.ICount += uint64(at)
						c.RIP = c.wrapIP(op.Next - uint64(op.Len))
						return &c.entry
					}
					entry = c.resume(b.native, turn, at)
					continue
				case touchFault:
					c.blk, c.cur = b, op
					c.deliverFault(c.abandon(c.pendingFault))
					if b = &c.entry; c.events != 0 || c.ICount >= c.limit {
						return b
					}
					to := c.nextBlock(b)
					if !c.translated(to) || !c.covers(to) {
						return b
					}
					limit, entry = c.grant(), c.enterAt(to)
					continue
				}
				if why >= NativeGroupRead {
					rest = true
				}
				switch {
				case placed:
					c.misplaced(b, at, n.Linear, write)
					rest = rest || b.native == nil
				case rest:
					c.straddles(b, n.Linear)
				}
			}
			if i := c.runOp(b, turn, at, rest); i >= 0 {
				entry = c.resume(b.native, turn, i)
				continue
			}
			if c.events != 0 || c.ICount >= c.limit {
				return b
			}
		case NativeCross:
			c.RIP = b.rip
			if c.nextBlock(&c.entry) != b {
				return nil
			}
			if i := c.runOp(b, 0, 0, false); i >= 0 {
				entry = c.resume(b.native, 0, i)
				continue
			}
			if c.events != 0 || c.ICount >= c.limit {
				return b
			}
		case NativeCrossed:
			c.RIP = n.Crossing.Arrived
			if c.ICount >= c.limit {
				return b
			}
		case NativeLink:
			c.RIP = t.Target(link)
			if c.ICount >= c.limit {
				return b
			}
		}
		jumps := why == NativeReturn || why == NativeCrossed || why == NativeOp && formHandlers[b.ops[at].Form].jumps
		to := c.nextBlock(b)
		if !c.translated(to) {
			return b
		}
		if (why == NativeLink || why == NativeGuess) && !b.dead && b.native != nil && b.windowed == to.windowed { // translating may have emptied the cache
			t.Link(link, to)
		}
		if !c.covers(to) {
			return b
		}
		if jumps {
			c.noteJump(to)
		}
		limit = c.grant()
		entry = c.enterAt(to)
	}
}

// A group of accesses that is not in one page of memory costs about as much as it spares
// in some hundred runs of its block. maxStraddles is how often that may happen at the same
// boundary of pages, besides once in straddlePause instructions: a stack frame that lies across
// it fails each time, a table that is accessed at random seldom, and at any boundary.
const (
	maxStraddles  = 50
	straddlePause = 200_000
)

// straddled is what a block remembers of it.
type straddled struct {
	times uint64    // that a group of accesses failed, less those long ago
	last  uint64    // instruction count
	edges [2]uint64 // the last two page boundaries where
}

// straddles counts that a group of accesses, one of which is at lin, was not in one page of
// memory; a block in which that is common is translated again without groups.
func (c *CPU) straddles(b *block, lin uint64) {
	if b.straddled == nil {
		b.straddled = &straddled{}
	}
	s := b.straddled
	s.times -= min(s.times, (c.ICount-s.last)/straddlePause)
	s.last = c.ICount
	edge := (lin + pageSize/2) / pageSize
	if l := &s.edges; edge != l[0] && edge != l[1] {
		l[0], l[1] = edge, l[0]
		s.times -= min(s.times, 2)
		return
	}
	if s.times++; s.times > maxStraddles && b.native != nil {
		b.ungrouped = true
		c.code.forget(b)
	}
}

// manyLooked is how many accesses may find the wrong page in the stack's entry while a budget
// is used up; each costs as much as ten that search the TLB.
const manyLooked = nativeBudget / 128

// scatters notices when blocks use the stack in two pages at once: b, which has been come across
// at random, is translated again to search the TLB.
func (c *CPU) scatters(b *block) {
	n := &c.native
	many := n.Looked-n.looked > manyLooked
	n.looked = n.Looked
	if many && !b.scattered && b.native != nil {
		b.scattered = true
		c.code.forget(b)
	}
}

// Scattered reports whether the block has to do without the stack's entries.
func (b *block) Scattered() bool { return b.scattered }

// Ungrouped reports whether the block has to do without groups of accesses.
func (b *block) Ungrouped() bool { return b.ungrouped }

// reach makes it possible for host code to do an access of op at NativeState.Linear that has
// failed, if that can be. By way of a window it has raised a fault of the host's.
func (c *CPU) reach(op *Op, write, fault bool) (outcome int) {
	n := &c.native
	if isa.Forms[op.Form].Attr&isa.Align16 != 0 && op.Mem() && c.operand(op)&15 != 0 {
		return touchSlow // #GP comes before #PF
	}
	if !fault {
		return c.touch(n.Linear, write)
	}
	n.Linear = c.tlbs[c.owner()].window.linear(n.Linear)
	return c.touchWindow(op, n.Linear, write)
}

// Outcomes of touch.
const (
	touchFilled = iota // host code can do it now
	touchSlow          // the interpreter can
	touchFault         // nobody can: there is a page fault, which is pending
)

// touch translates an address that host code could not access. The commonest
// exception, the page fault, needs no panic this way.
func (c *CPU) touch(lin uint64, write bool) int {
	if lin != lin&c.linMask { // host code does not wrap addresses
		return touchSlow
	}
	set := uint32(lin >> 12 & (tlbSize - 1))
	tags, acc := &c.tlb.r, accRead
	if write {
		tags, acc = &c.tlb.w, accWrite
	}
	switch {
	case is(tags[set], lin&^0xfff), c.atEdge(lin):
		return touchSlow
	case c.tryFill(lin, acc, c.cpl == 3) == nil:
		return touchFault
	case tags[set] == tag(lin&^0xfff):
		return touchFilled
	}
	return touchSlow
}

// atEdge reports whether an access at lin may reach over the end of what there is to address: its
// segment's limit, or canonical addresses, come before page faults.
func (c *CPU) atEdge(lin uint64) bool {
	if c.mode != 64 {
		return lin >= 1<<32-pageSize
	}
	return !canonical(lin) || !canonical(lin&^0xfff+pageSize)
}

// grant sets the budget and returns the instruction count at which it is used up.
func (c *CPU) grant() uint64 {
	limit := min(c.limit, c.ICount+nativeBudget>>c.slower)
	n := &c.native
	n.from = c.ICount
	n.Budget = -int64(limit-c.ICount) - 1
	n.TSCBase += n.TSCRate * (limit + 1 - n.end)
	n.end = limit + 1
	return limit
}

// systemKey is what the words depend on that systemFlags prepares, besides what modeChanged
// follows; the zero value fits nothing.
type systemKey struct {
	rflags uint64
	cpl    uint8
	held   bool
}

// systemFlags prepares what instructions of the system depend on, unless host code has left it
// as it has to be.
func (c *CPU) systemFlags() {
	n := &c.native
	if n.system == (systemKey{c.RFLAGS, c.cpl, c.held}) {
		return
	}
	n.SysFlags = c.RFLAGS &^ (statusFlags | Flag1 | FlagVM | FlagRF | FlagAC)
	n.AC, n.NoAC = c.RFLAGS&FlagAC, 1
	if c.cpl == 0 && c.CR4&CR4SMAP != 0 && c.tlbs[tlbSuper] != nil && c.tlbs[tlbSuperAC] != nil {
		n.NoAC = 0
	}
	n.SysOn, n.SysOff = n.SysFlags|FlagIF, n.SysFlags&^FlagIF
	n.DF, n.CPL = c.RFLAGS&FlagDF, uint64(c.cpl)
	n.NoCLI, n.NoSTI = 1, 1
	if c.CR0&CR0PE == 0 || c.iopl() >= c.cpl {
		n.NoCLI = 0
		if !c.held {
			n.NoSTI = 0
		}
	}
}

// tscRead tells translated code how to go on from a value of the time-stamp counter.
func (c *CPU) tscRead(v uint64) {
	n := &c.native
	if rate := c.board.TSCRate(); rate != 0 && c.CR4&CR4TSD == 0 {
		n.NoTSC, n.TSCRate, n.TSCBase = 0, rate, v+rate*(n.end-c.Count())
	}
}

// enterAt prepares to enter the host code of b.
func (c *CPU) enterAt(b *block) uintptr {
	c.near.SSE = sseMemory
	if c.CR0&(CR0EM|CR0TS) != 0 || c.CR4&CR4OSFXSR == 0 {
		c.near.SSE = sseFaults
	}
	c.near.Jumps = c.jumpsOf(b.Kind())
	if b.windowed {
		w := &c.tlbs[c.owner()].window
		c.native.Window, c.native.Parts, c.near.Low = c.windowBase(), w.parts, w.low
	}
	return b.native.Entry
}

// noteJump makes indirect jumps find the host code of b.
func (c *CPU) noteJump(b *block) {
	j, slot := c.jumpsOf(b.Kind()), jumpSlot(b.rip)
	j[slot] = JumpSlot{-b.rip - b.CodeKey(), b.native.Entry}
}

// covers reports whether the host code of b may run before the instruction count to be reached.
func (c *CPU) covers(b *block) bool { return c.limit-c.ICount >= uint64(b.native.Insns) }

// runOp runs instruction i of a turn of a block for host code, and those behind it that
// are the interpreter's too: all of them, or until one has host code. It returns
// where host code goes on, or -1 if the block has been left.
func (c *CPU) runOp(b *block, turn, i int, all bool) int {
	c.blk, c.blkEnd = b, len(b.ops)
	if b.dead { // a walk has set a bit in the midst of it
		c.blkEnd = i + 1
	}
	c.RIP = b.end
	var op *Op
	generation := c.generation
	for {
		op = &b.ops[i]
		c.cur = op
		op.run(c, op)
		if i++; i >= c.blkEnd {
			break
		}
		all = all || c.generation != generation // what host code has found out may not hold any more
		if !all && b.native.Resume[turn+i] != 0 && b.windowed == c.windowed && c.flatSegments() {
			c.cur = nil
			return i
		}
	}
	c.ICount += c.index() + 1
	c.cur = nil
	if c.straight(op) {
		c.RIP = op.Next
	}
	return -1
}

// forget removes a block's host code.
func (k *CodeCache) forget(b *block) {
	if b.native == nil {
		return
	}
	k.unreach(b)
	k.translator.Drop(b)
	b.native = nil
}

// unreach makes sure that neither returns nor indirect jumps lead to a block's host code.
func (k *CodeCache) unreach(b *block) {
	calls := b.calls()
	for _, c := range k.cpus {
		if calls {
			c.dropReturns()
		}
		if j := c.jumps[b.Kind()]; j != nil {
			if slot := jumpSlot(b.rip); j[slot].Entry == b.native.Entry {
				j.drop(slot)
			}
		}
	}
}

// ForgetAll removes the host code of the blocks: the translator starts over.
func (k *CodeCache) ForgetAll(blocks []*Block) {
	for _, b := range blocks {
		b.native, b.waiting, b.heat = nil, nil, 0
	}
	k.parking.empty()
	for _, c := range k.cpus {
		c.dropReturns()
		for _, j := range c.jumps {
			if j != nil {
				j.clear()
			}
		}
	}
}

// Missed counts accesses of host code that the TLB did not serve: those that it was filled
// for, those that the interpreter makes (of registers, across pages, beside code), page faults.
func (c *CPU) Missed() (filled, slow, faults uint64) {
	return c.missed[touchFilled], c.missed[touchSlow], c.missed[touchFault]
}

// NativeInsns is how many instructions host code has run.
func (c *CPU) NativeInsns() uint64 { return c.nativeInsns }

// Crossings is how many ring crossings, and interrupts and returns inside a ring, did not leave
// host code.
func (c *CPU) Crossings() uint64 { return c.native.Crossing.Count }

// Left is the number of the exit by which host code has come back.
func (c *CPU) Left() uint32 { return c.native.Exit }

// NativeCode is the block's host code, nil if there is none.
func (b *block) NativeCode() *Native { return b.native }

// HasNative reports whether the block has host code, in use or not.
func (b *block) HasNative() bool { return b.native != nil || b.waiting != nil }
