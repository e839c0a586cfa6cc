package cpu

import (
	"unsafe"

	"g86/cpu/isa"
)

// Board is what the processor sees of the machine it is plugged into. Package
// machine implements it, one per processor; it consists of builtin types only.
type Board interface {
	// In and Out are the I/O port space.
	In(port uint16, size int) uint32
	Out(port uint16, size int, v uint32)
	// Read and Write reach physical memory of any kind: registers and RAM.
	Read(pa uint64, size int) uint64
	Write(pa uint64, size int, v uint64)
	// Page is the host memory behind a physical page, nil if it is not plain memory.
	Page(pa uint64) (host []byte, writable bool)

	// TSC is the machine's time-stamp counter before TSCOffset.
	TSC() uint64
	// TSCRate is how many ticks the counter advances with each instruction, 0 if
	// that is not a whole number.
	TSCRate() uint64
	// TSCChanged is told that the guest has set its own counter, TSC()+TSCOffset.
	TSCChanged()
	// Random is the next number of RDRAND and RDSEED.
	Random() uint64

	// The local APIC, or the 8259 where there is none.
	Interrupt() bool // a maskable interrupt is waiting that the APIC would deliver
	Ack() int        // acknowledge it; its vector
	TPR() uint8
	SetTPR(uint8)
	ReadMSR(n uint32) (uint64, bool)  // APIC_BASE, TSC_DEADLINE, x2APIC; false: #GP
	WriteMSR(n uint32, v uint64) bool // likewise
	// FERR drives the FERR# pin (x87 errors with CR0.NE = 0, IRQ 13).
	FERR(level bool)
}

// segView is what memory accesses need of a segment: its base and the largest
// offset that may be read or written, as a signed number so that -1 sends every
// access to the slow path and 64-bit mode, which has no limits, passes them all.
type segView struct {
	base   uint64
	limitR int64
	limitW int64
	tight  uint64 // not 0: not every 32-bit offset may be read and written
}

// CPU is one logical processor: its state, and everything derived from it that
// makes running fast and is never saved.
type CPU struct {
	near NativeNear // ahead of the registers, see there
	State
	ID    int
	Model *Model
	board Board
	code  *CodeCache // decoded blocks, shared by all processors of a machine

	fRes uint64 // lazy flags, see flags.go
	fAux uint32

	seg     [numSegs]segView
	linMask uint64 // linear addresses are truncated to 32 bits outside 64-bit mode
	spMask  uint64 // width of the stack pointer
	spKeep  uint64 // bits of RSP that a stack operation keeps
	mode    isa.Mode
	cpl     uint8
	long    bool // EFER.LMA
	strict  bool // every access takes the slow path: alignment checks or data breakpoints are on

	tlb       *tlb // of the current privilege
	tlbIndex  uint8
	tlbs      [numTLBs]*tlb
	parked    []space // see spaces.go; the one that was in use last comes last
	large     largePages
	physCache [physEntries]physEntry
	a20       uint64 // mask on physical addresses

	x87 fpuUnit
	sse sseUnit

	// The instruction being run.
	cur               *Op
	blk               *block
	blkEnd            int // the block is left before this instruction
	epoch, generation uint64
	entry             block // stands before the first block of a run
	limit             uint64
	rmw               rmwTarget

	native      NativeState
	nativeInsns uint64
	slower      uint8         // see pace.go
	missed      [3]uint64     // see Missed
	jumps       [4]*JumpCache // of 32- and 64-bit code, and of both with windows
	windows     [numTLBs]window
	flushed     [numTLBs]uint64 // instruction counts when the TLBs were last emptied
	based       bool            // the code segment has a base or a limit
	windowed    bool            // the TLB in use has a window, which the code size can use
	returns     [2]returnStack  // of code of rings 0 to 2, and of ring 3

	events       uint32 // reasons to leave the fast loop, checked between blocks
	pendingFault fault
	ext          bool   // INT1 is being delivered: error codes have the EXT bit
	implicit     bool   // the access is the processor's own (descriptor tables, TSS)
	held         bool   // an interrupt waits for IF
	single       bool   // one instruction at a time
	stepping     bool   // a single-step trap follows the instruction
	committed    bool   // a task switch is past its commit point: RIP is the new task's
	heldDB       uint64 // debug traps that the shadow of MOV SS holds off

	// Trace, if set, is called before every instruction.
	Trace func(c *CPU, in *Op)
	// OnException, if set, hears of every exception and interrupt delivered.
	OnException func(c *CPU, vector uint8, kind string, code uint32)
	last        [16]lastEvent // recent deliveries, for the post-mortem
	lastN       int
	branches    [16]uint64 // recent block starts, for the post-mortem
	branchN     int
}

type lastEvent struct {
	vector uint8
	code   uint32
	cs     uint16
	rip    uint64
	cr2    uint64
	count  uint64
}

// Event bits in CPU.events.
const (
	evINTR   = 1 << iota // the interrupt pin may be high
	evNMI                // PendingNMI
	evDebug              // PendingDB, TF or instruction breakpoints
	evShadow             // an interrupt shadow is in effect
	evHalt               // Halted, WaitSIPI or Shutdown
	evStop               // leave Run
)

// Op is a decoded instruction at a fixed address, ready to run.
type Op struct {
	run   func(c *CPU, in *Op)
	Next  uint64 // RIP of the following instruction
	AMask uint64 // address-size mask
	isa.Inst
	ends   bool // last of its block, or a branch: may set RIP
	branch bool // it may go on in the block
	absent bool // the model does not have it
}

// New returns processor id of a machine, in its power-on state.
func New(id int, model *Model, board Board, code *CodeCache) *CPU {
	bound() // TestEveryFormHasOneHandler reports what is missing
	c := &CPU{ID: id, Model: model, board: board, code: code, a20: ^uint64(0)}
	code.cpus = append(code.cpus, c)
	c.Reset()
	return c
}

// Reset is the RESET# pin (SDM volume 3A, table 9-1). Processor 0 starts at the
// reset vector, the others wait for a start-up IPI.
func (c *CPU) Reset() {
	icount, tsc := c.ICount, c.TSCOffset
	c.State = State{ICount: icount, TSCOffset: tsc}
	c.GPR[RDX] = uint64(c.Model.Signature)
	c.FPU.CW = 0x40
	c.FPU.SW = 0
	c.FPU.Tag = 0xff // all registers valid zero
	c.MXCSR = 0x1f80
	c.PAT = 0x0007040600070406
	c.MiscEnable = 1
	c.initRegs()
	c.WaitSIPI = c.ID != 0
	c.Refresh()
}

// Init is the INIT signal: like RESET but the x87, SSE and most MSRs stay.
func (c *CPU) Init() {
	s := &c.State
	keep := *s
	*s = State{ICount: keep.ICount, TSCOffset: keep.TSCOffset, TSCAdjust: keep.TSCAdjust, TSCAux: keep.TSCAux,
		FPU: keep.FPU, XMM: keep.XMM, MXCSR: keep.MXCSR, PAT: keep.PAT, MTRR: keep.MTRR, MiscEnable: keep.MiscEnable, SpecCtrl: keep.SpecCtrl,
		STAR: keep.STAR, LSTAR: keep.LSTAR, CSTAR: keep.CSTAR, FMASK: keep.FMASK, KernelGSBase: keep.KernelGSBase,
		SysenterCS: keep.SysenterCS, SysenterESP: keep.SysenterESP, SysenterEIP: keep.SysenterEIP, XCR0: keep.XCR0}
	s.GPR[RDX] = uint64(c.Model.Signature)
	c.initRegs()
	s.CR0 = CR0ET | keep.CR0&(CR0CD|CR0NW) // unlike RESET
	c.WaitSIPI = c.ID != 0
	c.Refresh()
}

func (c *CPU) initRegs() {
	c.RFLAGS = Flag1
	c.RIP = 0xfff0
	c.CR0 = CR0ET | CR0CD | CR0NW
	for i := range c.Seg {
		c.Seg[i] = Segment{Limit: 0xffff, Attr: attrP | attrS | attrWrite | attrAccessed}
	}
	c.Seg[CS] = Segment{Sel: 0xf000, Base: 0xffff0000, Limit: 0xffff, Attr: attrP | attrS | attrCode | attrReadable | attrAccessed}
	c.Seg[LDTR] = Segment{Limit: 0xffff, Attr: attrP | 2}
	c.Seg[TR] = Segment{Limit: 0xffff, Attr: attrP | 11}
	c.GDTR, c.IDTR = Table{Limit: 0xffff}, Table{Limit: 0xffff}
	c.DR[6], c.DR[7] = 0xffff0ff0, 0x400
	c.XCR0 = 1
}

// Startup is the start-up IPI: begin at vector<<12 in real mode.
func (c *CPU) Startup(vector uint8) {
	if !c.WaitSIPI {
		return
	}
	c.WaitSIPI = false
	c.RIP = 0
	c.Seg[CS] = Segment{Sel: uint16(vector) << 8, Base: uint64(vector) << 12, Limit: 0xffff, Attr: attrP | attrS | attrCode | attrReadable | attrAccessed}
	c.Refresh()
}

// Refresh recomputes everything derived after State was changed from outside.
func (c *CPU) Refresh() {
	c.setStatus(uint32(c.RFLAGS))
	c.flushTLB(true)
	c.modeChanged()
	c.fpuChanged()
	c.events = 0
	c.eventsChanged()
	c.blkEnd = 0
}

// Pull brings State into its canonical form, for anyone who reads it.
func (c *CPU) Pull() *State {
	c.RFLAGS = c.Flags()
	return &c.State
}

// SetA20 drives the A20M# pin.
func (c *CPU) SetA20(on bool) {
	mask := ^uint64(0)
	if !on {
		mask = ^uint64(1 << 20)
	}
	if mask != c.a20 {
		c.a20 = mask
		c.flushTLB(true)
		c.blkEnd = 0
	}
}

// Kick makes the processor look at its interrupt pins before the next
// instruction. It is called on the run loop's thread.
func (c *CPU) Kick() { c.post(evINTR) }

// NMI is the NMI pin.
func (c *CPU) NMI() {
	c.PendingNMI = true
	c.post(evNMI)
}

// Stop makes Run return before the next instruction.
func (c *CPU) Stop() { c.post(evStop) }

// ShortenTo lowers the instruction count at which Run returns.
func (c *CPU) ShortenTo(count uint64) {
	if count < c.limit {
		c.limit = count
		c.blkEnd = 0
	}
}

func (c *CPU) post(ev uint32) {
	c.events |= ev
	c.blkEnd = 0 // leave the block after the current instruction
}

// Count is the number of instructions retired, exact inside an instruction too.
func (c *CPU) Count() uint64 {
	if c.cur == nil {
		return c.ICount
	}
	return c.ICount + c.index()
}

// index is the position of the current instruction in its block.
func (c *CPU) index() uint64 {
	first := unsafe.Pointer(unsafe.SliceData(c.blk.ops))
	return uint64(uintptr(unsafe.Pointer(c.cur))-uintptr(first)) / uint64(unsafe.Sizeof(Op{}))
}

// eventsChanged re-derives the events that follow from State.
func (c *CPU) eventsChanged() {
	if c.RFLAGS&(FlagTF|FlagRF) != 0 || c.PendingDB != 0 || c.DR[7]&0xff != 0 {
		c.events |= evDebug
	}
	if c.Shadow != 0 {
		c.events |= evShadow
	}
	if c.PendingNMI {
		c.events |= evNMI
	}
	if c.Halted || c.WaitSIPI || c.Shutdown {
		c.events |= evHalt
	}
	c.post(evINTR)
}

// codeSize is the mode that CS selects (SDM volume 3A, 3.4.5).
func (c *CPU) codeSize() isa.Mode {
	switch cs := &c.Seg[CS]; {
	case c.long && cs.Attr&attrL != 0:
		return 64
	case cs.Attr&attrDB != 0:
		return 32
	}
	return 16
}

// codeChanged is modeChanged after a change of CS and SS alone, which most often
// leads from one ring to another of the same mode: the other segments stay as they are.
func (c *CPU) codeChanged() {
	if c.codeSize() != c.mode {
		c.modeChanged()
		return
	}
	c.privilegeChanged()
	c.setEpoch()
	c.stackChanged()
	c.segChanged(CS)
	c.segChanged(SS)
	c.blkEnd = 0
}

// codeChangedFrom is codeChanged where it may be that nothing has: an interrupt in the kernel.
func (c *CPU) codeChangedFrom(cs, ss Segment) {
	if c.Seg[CS] == cs && c.Seg[SS] == ss {
		c.blkEnd = 0
		return
	}
	c.codeChanged()
}

// modeChanged recomputes everything after a change of CR0, CR4, EFER, VM, CS or SS.
func (c *CPU) modeChanged() {
	c.native.NoTSC = 1 // CR4.TSD
	c.native.system = systemKey{}
	if w := &c.windows[tlbSuper]; w.open && w.smap != (c.CR4&CR4SMAP != 0) {
		c.closeWindow(tlbSuper, 1)
		c.newEpoch()
	}
	c.long = c.EFER&EFERLMA != 0
	c.mode = c.codeSize()
	c.linMask = 0xffffffff
	if c.mode == 64 {
		c.linMask = ^uint64(0)
	}
	c.privilegeChanged()
	c.setEpoch()
	c.stackChanged()
	for i := range c.seg {
		c.segChanged(i)
	}
	c.blkEnd = 0
}

// privilegeChanged recomputes CPL and the TLB in use.
func (c *CPU) privilegeChanged() {
	switch {
	case c.CR0&CR0PE == 0:
		c.cpl = 0
	case c.RFLAGS&FlagVM != 0:
		c.cpl = 3
	default:
		c.cpl = c.Seg[SS].DPL()
	}
	idx := tlbSuper
	if c.cpl == 3 {
		idx = tlbUser
	} else if c.CR4&CR4SMAP != 0 && c.RFLAGS&FlagAC != 0 {
		idx = tlbSuperAC
	}
	if t := c.tlbOf(idx); c.tlb != t {
		c.tlb, c.tlbIndex = t, uint8(idx)
		c.setEpoch()
	}
	strict := c.cpl == 3 && c.RFLAGS&FlagAC != 0 && c.CR0&CR0AM != 0 || c.dataBreakpoints()
	if strict != c.strict {
		c.strict = strict
		for i := range c.seg {
			c.segChanged(i)
		}
	}
}

func (c *CPU) stackChanged() {
	switch {
	case c.mode == 64:
		c.spMask, c.spKeep = ^uint64(0), 0
	case c.Seg[SS].Attr&attrDB != 0:
		c.spMask, c.spKeep = 0xffffffff, 0
	default:
		c.spMask, c.spKeep = 0xffff, ^uint64(0xffff)
	}
}

// segChanged recomputes the view of segment register i.
func (c *CPU) segChanged(i int) {
	s, v := &c.Seg[i], &c.seg[i]
	v.base = s.Base
	switch {
	case c.mode == 64:
		if i != FS && i != GS && i < LDTR {
			v.base = 0
		}
		v.limitR, v.limitW = 1<<63-1, 1<<63-1
	case s.Attr&attrP == 0 || s.Attr&attrS == 0:
		v.limitR, v.limitW = -1, -1
	case s.Attr&attrCode != 0:
		v.limitR, v.limitW = -1, -1
		if s.Attr&attrReadable != 0 {
			v.limitR = int64(s.Limit)
		}
		if c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM != 0 {
			v.limitW = int64(s.Limit) // real mode writes through CS
		}
	case s.Attr&attrExpDown != 0:
		v.limitR, v.limitW = -1, -1 // checked in the slow path
	default:
		v.limitR, v.limitW = int64(s.Limit), -1
		if s.Attr&attrWrite != 0 {
			v.limitW = v.limitR
		}
	}
	if c.strict {
		v.limitR, v.limitW = -1, -1
	}
	v.tight = 1
	if v.limitR >= 0xffffffff && v.limitW >= 0xffffffff {
		v.tight = 0
	}
}
