//go:build linux && amd64

package jit

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// R15 is the address of the TLB, and the base of GS how far the processor is from there: the
// displacement from both is short. Where GS takes a system call its base is the processor.
// The biases make one byte of displacement reach most of what is needed: cpu.NativeNear
// and the registers; the TLB's entries for the stack and the beginning of the array behind.
//
// The low six bits of three words are shift counts for SHRX: by R15 it tells whether a
// difference is less than a page, by the tag of a stack's entry whether it is less
// than half a page, and by R12, the budget, it finds the sign.
const (
	cpuBias     = 128
	stackBias   = cpu.StackBias
	budgetShift = 6
)

var tlbBias = int32(cpu.NativeOffsets.TLBStack) + 12

// bufferSize is the code cache's budget; when it is full everything is dropped.
const bufferSize = 48 << 20

// blockRoom is more than the host code of a block takes.
const (
	blockRoom  = 64 << 10 // of that in line and of that out of line
	blockExits = 512      // likewise
)

// Engine is the translator of one machine.
type Engine struct {
	code *cpu.CodeCache
	buf  *buffer
	asm  amd64.Asm
	t    trans // the translation under way, or the last one
	base uintptr

	gs   bool     // host code writes the base of GS itself
	held bool     // Hold has taken the thread
	at   *cpu.CPU // where GS is on that thread

	glue    [cpu.CodeKinds]glue
	lookup  [cpu.StackEntries]int // of stack accesses
	windows int                   // offset of a table, see stackWindow
	loadSSE [cpu.CodeKinds]int    // offsets of what loads the XMM registers
	start   int                   // of blocks
	aside   int                   // where the next out of line goes, see room
	slab    int                   // the last slab

	accesses []stackSite // by exit
	faults   *faultTable // nil: there are no windows

	exits  chunks[cpu.NativeExit]
	links  chunks[link]
	blocks []*cpu.Block
	trust  trust

	perf *perfMap          // not nil: what is translated is told to perf
	hot  map[uint64]uint64 // how often the budget ended before a block, by its RIP

	Stats Stats

	// Checks is how code leaves for slow paths; at first it is as suits the host.
	Checks Checks
}

// link is a direct exit, or a guess (guess.go): offsets in the code buffer. There are many:
// it takes 64 bytes.
type link struct {
	target uint64
	from   uint64 // the code key of the page it is in, if it leads to another
	code   uint64 // of a guess that of the target's page
	set    int32  // of the page it is in, likewise
	jump   int32  // 32-bit displacement of the jump
	stub   int32  // where it leads unlinked
	cross  int32  // the guarded jump for links to other pages, 0: none needed; of a guess the displacement of what is added to its target
	key    int32  // its key
	rel    int32  // its displacement
	to     int32  // where it leads when linked
	other  int32  // not 0: a guess; where other targets are looked up

	windowed bool // the guess's

	// See trust.go.
	waits   bool // it is in trust.waiting
	trusted bool
	wait    uint8  // log2 of how many reviews pass before it is looked at
	since   uint32 // review that made it trusted
}

// Attach makes the processors that use code run translated code. heat is how
// often a block is interpreted first. The error says why this host cannot.
func Attach(code *cpu.CodeCache, heat int) (*Engine, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	return attach(code, heat)
}

// attach is Attach on a host that is known to be able to.
func attach(code *cpu.CodeCache, heat int) (*Engine, error) {
	gs := hostFSGSBASE && !ForceSyscallGS
	if !gs {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archSetGS, 0, 0); errno != 0 {
			return nil, fmt.Errorf("the host lets no program set the base of GS: arch_prctl: %w", errno)
		}
	}
	buf, err := newBuffer(bufferSize)
	if err != nil {
		return nil, err
	}
	e := &Engine{code: code, buf: buf, asm: amd64.Asm{Buf: buf.code}, base: buf.base, gs: gs, Checks: hostChecks}
	e.asm.GSAlone = !e.gs
	if err := e.makeSites(); err != nil {
		return nil, errors.Join(err, buf.close())
	}
	if e.gs {
		e.faults = newFaultTable(buf)
	}
	e.hot = map[uint64]uint64{}
	e.Stats.Ops = make([]uint64, len(isa.Forms))
	e.emitGlue()
	e.reset()
	code.SetTranslator(e, heat)
	return e, nil
}

// Dual reports whether host code is written at other addresses than it runs at, because the
// host refuses memory that is writable and executable.
func (e *Engine) Dual() bool { return e.buf.dual != nil }

// SyscallGS reports whether it takes a system call to set the base of GS.
func (e *Engine) SyscallGS() bool { return !e.gs }

// Close gives the code buffer back. The processors must not run any more.
func (e *Engine) Close() error {
	if e.buf == nil {
		return nil
	}
	e.Release()
	e.code.DropWindows()
	e.faults.close()
	buf := e.buf
	e.buf, e.asm.Buf = nil, nil
	var err error
	if e.perf != nil {
		err = e.perf.close()
	}
	if err := errors.Join(err, buf.close(), e.freeSites()); err != nil {
		return errors.Join(errors.New("jit: code buffer"), err)
	}
	return nil
}

// slabBytes is what the buffer's end gives to code out of line at a time.
const slabBytes = 1 << 20

// room makes sure that there is some for a block. What runs often is in the beginning of
// the buffer; slow paths and jumps that have not been linked, which are more than half of all, are
// in slabs at its end, so that they do not take the host's caches and TLB.
func (e *Engine) room() bool {
	if e.asm.N+blockRoom > e.slab {
		return false
	}
	if e.aside+blockRoom <= e.slab+slabBytes && e.slab < len(e.asm.Buf) {
		return true
	}
	if e.slab -= slabBytes; e.asm.N+blockRoom > e.slab {
		return false
	}
	e.aside = e.slab
	return true
}

func (e *Engine) reset() {
	e.asm.N, e.slab = e.start, len(e.asm.Buf)
	e.faults.clear()
	e.code.ForgetAll(e.blocks)
	clear(e.blocks)
	e.blocks = e.blocks[:0]
	e.links.cut(0)
	e.exits.cut(0)
	e.exits.add(cpu.NativeExit{}) // 0 is none of a block's
	e.trust.clear()
}

// Hold keeps the goroutine on its thread until Release where it takes a system call to set
// the base of GS, so that one is enough for many entries of the same processor. Meanwhile no
// other engine may run on that goroutine.
func (e *Engine) Hold() {
	if !e.gs && !e.held {
		runtime.LockOSThread()
		e.held = true
	}
}

// Release undoes Hold, on the same goroutine.
func (e *Engine) Release() {
	if e.held {
		e.held, e.at = false, nil
		runtime.UnlockOSThread()
	}
}

func enter(base, entry, prologue uintptr)

// sampleEnters is how many times host code is entered for one of which the time is taken:
// looking at the clock each time would cost more than many of them take.
const sampleEnters = 61

// Enter runs host code from entry until it comes back, and returns the exit that it names.
func (e *Engine) Enter(c *cpu.CPU, entry uintptr, kind cpu.CodeKind) *cpu.NativeExit {
	e.Stats.Enters++
	if uintptr(unsafe.Pointer(c))&63 != 0 {
		panic("jit: the processor's address is not a multiple of 64")
	}
	sample := e.Stats.Enters%sampleEnters == 0
	watch := sample || c.Slow()
	var began time.Time
	if watch {
		began = time.Now()
	}
	g := &e.glue[kind]
	prologue := g.prologue
	switch {
	case e.gs:
	case e.at == c:
		prologue = g.again
	case e.held:
		e.at = c
	}
	enter(uintptr(unsafe.Pointer(c)), entry, e.base+uintptr(prologue))
	x := e.exits.at(int(c.Left()))
	if watch {
		d := time.Since(began)
		if sample {
			e.Stats.Host += sampleEnters * d
		}
		if x.Kind == cpu.NativeBudget {
			c.Ran(d)
		}
	}
	e.count(x)
	return x
}

// Exit is the exit with a number.
func (e *Engine) Exit(id uint32) *cpu.NativeExit { return e.exits.at(int(id)) }

// count notes that host code has come back by an exit.
func (e *Engine) count(x *cpu.NativeExit) {
	s := &e.Stats
	s.Exits[x.Kind]++
	switch x.Kind {
	case cpu.NativeOp, cpu.NativeGuess, cpu.NativeNoFP:
		s.Ops[x.Form]++
	case cpu.NativeBudget:
		n := x.Block.NativeCode()
		s.Accesses += float64(n.Accesses) / float64(n.Insns)
		e.hot[x.Block.RIP()]++
	}
}

// Hot lists the blocks with the most samples first.
func (e *Engine) Hot() []HotBlock {
	l := make([]HotBlock, 0, len(e.hot))
	for rip, n := range e.hot {
		l = append(l, HotBlock{rip, n, percent(n, e.Stats.Exits[cpu.NativeBudget])})
	}
	slices.SortFunc(l, func(a, b HotBlock) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.RIP, b.RIP))
	})
	return l
}

// Target is where a link leads.
func (e *Engine) Target(id uint32) uint64 { return e.links.at(int(id)).target }

// Link makes a link jump to a block.
func (e *Engine) Link(id uint32, to *cpu.Block) {
	s, n := e.links.at(int(id)), to.NativeCode()
	entry := int32(n.Entry - e.base)
	if s.to == entry {
		return // its page was unmapped for a while
	}
	s.to = entry
	n.In = append(n.In, id)
	if s.other != 0 {
		e.learn(id, s, to)
		return
	}
	e.Stats.Links++
	if s.cross == 0 {
		e.asm.Patch(int(s.jump), int(entry))
		return
	}
	s.trusted = false
	e.asm.Patch(int(s.jump), int(s.stub)) // never half a link
	binary.LittleEndian.PutUint64(e.asm.Buf[s.key:], -to.CodeKey())
	e.asm.Patch(int(s.rel), int(entry))
	if !e.trusts(id, s) {
		e.asm.Patch(int(s.jump), int(s.cross))
		e.wait(id, s)
	}
}

// Drop unlinks a block and lets go of it.
func (e *Engine) Drop(b *cpu.Block) {
	e.Stats.Drops++
	n := b.NativeCode()
	e.unlink(n)
	e.exits.clear(int(n.Exits[0]), int(n.Exits[1]))
}

// Suspend unlinks a block from others, and others of its page from it: what leads to other
// pages looks at what is there.
func (e *Engine) Suspend(b *cpu.Block) {
	n := b.NativeCode()
	e.unlink(n)
	n.In = n.In[:0]
	for id := n.Links[0]; id < n.Links[1]; id++ {
		if s := e.links.at(int(id)); s.cross == 0 && s.other == 0 && s.to != 0 {
			e.asm.Patch(int(s.jump), int(s.stub))
			s.to = 0
		}
	}
}

// Resume gives the exits of host code to a block, and says where its links are now.
func (e *Engine) Resume(b *cpu.Block) {
	n := b.NativeCode()
	for id := n.Links[0]; id < n.Links[1]; id++ {
		s := e.links.at(int(id))
		e.distrust(id, s)
		s.from = b.CodeKey()
	}
	for id := n.Exits[0]; id < n.Exits[1]; id++ {
		e.exits.at(int(id)).Block = b
	}
	e.own(b)
}

// unlink makes no jump lead to host code.
func (e *Engine) unlink(n *cpu.Native) {
	for _, id := range n.In {
		if s := e.links.at(int(id)); s.to == int32(n.Entry-e.base) {
			e.asm.Patch(int(s.jump), int(s.stub))
			s.to, s.trusted = 0, false
			if s.other != 0 {
				e.unlearn(s)
			}
		}
	}
}

// field is the operand of a field of the processor.
func field(off uintptr) amd64.Mem {
	return amd64.Mem{Base: regTLB, Index: amd64.None, Disp: int32(off) - cpuBias, GS: true}
}

// near is the operand of a field of cpu.NativeNear.
func near(off uintptr) amd64.Mem { return field(cpu.NativeOffsets.Near + off) }

// native is the operand of a field of cpu.NativeState.
func native(off uintptr) amd64.Mem { return field(cpu.NativeOffsets.Native + off) }

var (
	natBudget  = native(unsafe.Offsetof(cpu.NativeState{}.Budget))
	natFlags   = native(unsafe.Offsetof(cpu.NativeState{}.Flags))
	natExit    = native(unsafe.Offsetof(cpu.NativeState{}.Exit))
	natHostSP  = native(unsafe.Offsetof(cpu.NativeState{}.HostSP))
	natHostBP  = native(unsafe.Offsetof(cpu.NativeState{}.HostBP))
	natScratch = near(unsafe.Offsetof(cpu.NativeNear{}.Scratch))
	natGroup   = near(unsafe.Offsetof(cpu.NativeNear{}.Group))
	natSpill   = native(unsafe.Offsetof(cpu.NativeState{}.Spill))
	natSites   = native(unsafe.Offsetof(cpu.NativeState{}.Sites))
	natLooked  = native(unsafe.Offsetof(cpu.NativeState{}.Looked))
	natWindow  = native(unsafe.Offsetof(cpu.NativeState{}.Window))
	natParts   = native(unsafe.Offsetof(cpu.NativeState{}.Parts))
	natLow     = near(unsafe.Offsetof(cpu.NativeNear{}.Low))
	natLinear  = native(unsafe.Offsetof(cpu.NativeState{}.Linear))
	natSSE     = near(unsafe.Offsetof(cpu.NativeNear{}.SSE))
	natNoFP    = near(unsafe.Offsetof(cpu.NativeNear{}.NoFP))
	natMXCSR   = native(unsafe.Offsetof(cpu.NativeState{}.HostMXCSR))
	natX87     = native(unsafe.Offsetof(cpu.NativeState{}.X87))
	natX87Note = native(unsafe.Offsetof(cpu.NativeState{}.X87Note))
	natX87Seg  = native(unsafe.Offsetof(cpu.NativeState{}.X87Seg))
	natX87DP   = native(unsafe.Offsetof(cpu.NativeState{}.X87DP))
	natReturns = native(unsafe.Offsetof(cpu.NativeState{}.Returns))
	natTarget  = native(unsafe.Offsetof(cpu.NativeState{}.Target))
	natJumps   = near(unsafe.Offsetof(cpu.NativeNear{}.Jumps))
)

// hostReg is where guest registers live, or None for memory.
var hostReg = [16]amd64.Reg{
	0: amd64.RAX, 1: amd64.R9, 2: amd64.RDX, 3: amd64.RBX, 4: amd64.R8, 5: amd64.RBP, 6: amd64.RSI, 7: amd64.RDI,
	8: amd64.R11, 9: amd64.None, 10: amd64.None, 11: amd64.None, 12: amd64.R13, 13: amd64.None, 14: amd64.None, 15: amd64.None,
}

func gpr(i uint8) amd64.Mem { return field(cpu.NativeOffsets.GPR + 8*uintptr(i)) }

// glue is what leads in and out of translated code of one size: offsets.
type glue struct {
	prologue int
	again    int    // the prologue where GS needs no system call
	exit     [2]int // with the flags in the host's flags, in memory
	returned int    // where returns go that a landing does not expect, see returns.go
	barrier  int    // and those for which there is no landing
	stored   int    // exit where the number, flags and registers are in memory
	cross    [crossingOps]int
	loadSeg  [6]int // subroutines, see subroutines.go
	popf     int
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// codeOf makes the assembler write code of a kind.
func (e *Engine) codeOf(kind cpu.CodeKind) {
	e.asm.Windowed, e.asm.Bias = kind&cpu.CodeWindowed != 0, windowBias(kind)
}

// windowBias is how far above cpuBias R15 is in code of a kind that uses a window.
func windowBias(kind cpu.CodeKind) int32 {
	if kind&cpu.CodeLong != 0 {
		return probeShift
	}
	return pageShift
}

// emitGlue writes what leads in and out of translated code.
func (e *Engine) emitGlue() {
	a := &e.asm
	for kind := range cpu.CodeKinds {
		e.codeOf(kind)
		e.loadSSE[kind] = a.N
		e.emitLoadSSE()
	}
	e.codeOf(0)
	e.windows = a.N
	for off := int32(0); off < pageSize; off += windowStep {
		a.Imm(uint64(-stackWindow(off)), 4)
	}
	for entry := range e.lookup {
		e.lookup[entry] = a.N
		e.emitStackLookup(entry)
	}
	for kind := range cpu.CodeKinds {
		e.codeOf(kind)
		e.emitGlueOf(kind)
	}
	for kind := range cpu.CodeKinds {
		e.codeOf(kind)
		e.emitCrossings(kind)
		e.emitSubroutines(kind)
	}
	e.codeOf(0)
	e.start = (a.N + 63) &^ 63
}

func (e *Engine) emitGlueOf(kind cpu.CodeKind) {
	a, g, long := &e.asm, &e.glue[kind], kind&cpu.CodeLong != 0
	regs := func(move func(amd64.Reg, uint8)) {
		for i, r := range hostReg {
			if r != amd64.None && (long || i < 8) {
				move(r, uint8(i))
			}
		}
	}
	g.prologue = a.N
	if !a.Windowed {
		a.Lea(amd64.RSI, amd64.At(amd64.RDX, cpuBias), 8)
	}
	if !e.gs { // arch_prctl takes no differences below 0
		a.Mov(amd64.R14, amd64.RCX, 8) // which SYSCALL changes
		a.MovImm(amd64.RDI, archSetGS)
		a.MovImm(amd64.RAX, syscall.SYS_ARCH_PRCTL)
		a.Bytes(0x0f, 0x05) // SYSCALL
		a.Mov(amd64.RCX, amd64.R14, 8)
	}
	g.again = a.N
	a.Mov(amd64.R14, amd64.RCX, 8)
	if a.Windowed {
		a.Lea(regTLB, amd64.At(amd64.RDX, cpuBias+a.Bias), 8)
		a.Load(amd64.RSI, natWindow, 8)
	} else {
		a.Load(regTLB, amd64.At(amd64.RDX, int32(cpu.NativeOffsets.TLB)), 8)
		a.Lea(regTLB, amd64.At(regTLB, tlbBias), 8)
	}
	if e.gs {
		if !a.Windowed {
			a.Emit(&amd64.Insn{Opcode: 0x2b, Size: 8, Reg: amd64.RSI, RM: regTLB}) // SUB
		}
		a.Rdgsbase(amd64.RAX)                                                     // writing is much slower
		a.Emit(&amd64.Insn{Opcode: 0x3b, Size: 8, Reg: amd64.RAX, RM: amd64.RSI}) // CMP
		same := a.Jcc(4)
		a.Wrgsbase(amd64.RSI)
		a.Patch(same, a.N)
	}
	a.Store(natHostBP, amd64.RBP, 8)
	a.Store(natHostSP, amd64.RSP, 8)
	a.Load(amd64.RSP, natReturns, 8)
	e.ifLoaded(natX87, xrstor)
	a.Load(regBudget, natBudget, 8)
	a.Emit(&amd64.Insn{Opcode: 0xc1, Size: 8, Reg: 4, RM: regBudget, Imm: budgetShift, ImmSize: 1}) // SHL
	a.Emit(&amd64.Insn{Opcode: 0x83, Size: 8, Reg: 1, RM: regBudget, Imm: 63, ImmSize: 1})          // OR
	a.Load(amd64.RAX, natFlags, 4)
	e.setFlags()
	regs(func(r amd64.Reg, i uint8) { a.Load(r, gpr(i), 8) })
	a.Load(amd64.RCX, natSSE, 8)
	load := a.Jrcxz()                                                 // it was left in the middle of a block that has them loaded
	a.Emit(&amd64.Insn{Opcode: 0xff, Size: 4, Reg: 4, RM: amd64.R14}) // JMP R14
	a.PatchShort(load)
	a.JmpTo(e.loadSSE[kind])

	g.exit[0] = a.N
	a.Store(natExit, amd64.RCX, 4)
	a.Store(gpr(0), amd64.RAX, 8)
	e.getFlags()
	a.Store(natFlags, amd64.RAX, 2)
	join := a.Jmp()
	g.exit[1] = a.N
	a.Store(natExit, amd64.RCX, 4)
	a.Store(gpr(0), amd64.RAX, 8)
	a.Patch(join, a.N)
	regs(func(r amd64.Reg, i uint8) {
		if i != 0 {
			a.Store(gpr(i), r, 8)
		}
	})
	g.stored = a.N
	a.Emit(&amd64.Insn{Opcode: 0xc1, Size: 8, Reg: 7, RM: regBudget, Imm: budgetShift, ImmSize: 1}) // SAR
	a.Store(natBudget, regBudget, 8)
	a.Store(natReturns, amd64.RSP, 8)
	e.ifLoaded(natX87, xsave)
	a.Load(amd64.RBP, natHostBP, 8)
	a.Load(amd64.RSP, natHostSP, 8)
	a.Load(amd64.RCX, natSSE, 8)
	loaded := a.Jrcxz()
	a.Bytes(0xc3)
	a.PatchShort(loaded)
	e.emitStoreSSE()
	a.Bytes(0xc3)
	e.emitReturned(g)
}

// getFlags is LAHF; SETO AL: the status flags as NativeState has them, in AX.
func (e *Engine) getFlags() { e.asm.Bytes(0x9f, 0x0f, 0x90, 0xc0) }

// setFlags is ADD AL,7Fh; SAHF.
func (e *Engine) setFlags() { e.asm.Bytes(0x04, 0x7f, 0x9e) }
