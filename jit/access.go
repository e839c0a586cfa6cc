//go:build linux && amd64

package jit

import (
	"fmt"
	"syscall"
	"unsafe"

	"g86/cpu"
	"g86/jit/amd64"
)

// A memory access searches the TLB, whose address (and tlbBias) is in R15, inline.
// Accesses through the stack pointer look at an entry of their own first, which
// takes neither a hash nor a dependent load. There are several, see stackEntryOf. An
// entry is good for half a page: for accesses that begin in the window of 2048 bytes from
// its tag on, see stackWindow. Where it does not fit, the lookup of the glue searches the
// TLB, makes the entry a copy of what it finds and goes back, or leaves for Go.

// stackSite is what the lookup needs to know of an access, by the number of its exit.
type stackSite struct {
	last int32 // size of the access - 1
	back int32 // where to go on: offset in the code buffer
}

const (
	pageSize  = 0x1000
	pageShift = 12
	maxExits  = 1 << 20
)

func (e *Engine) makeSites() error {
	b, err := syscall.Mmap(-1, 0, maxExits*int(unsafe.Sizeof(stackSite{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("the host gives no memory for the translator: %w", err)
	}
	e.accesses = unsafe.Slice((*stackSite)(unsafe.Pointer(&b[0])), maxExits)
	return nil
}

// Sites is the address of the table of stack accesses.
func (e *Engine) Sites() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(e.accesses))) }

func (e *Engine) freeSites() error {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&e.accesses[0])), maxExits*int(unsafe.Sizeof(stackSite{})))
	e.accesses = nil
	return syscall.Munmap(b)
}

// inTLB is the operand at an offset in the TLB.
func inTLB(off uintptr) amd64.Mem { return amd64.At(regTLB, int32(off)-tlbBias) }

// indexed adds a register times 8 to an address.
func indexed(m amd64.Mem, r amd64.Reg) amd64.Mem {
	m.Index, m.Scale = r, 3
	return m
}

// with adds a register to an address without index.
func with(m amd64.Mem, r amd64.Reg) amd64.Mem {
	if m.Base == amd64.None {
		m.Base = r
	} else {
		m.Index = r
	}
	return m
}

func tags(kind int) amd64.Mem {
	if kind == write {
		return inTLB(cpu.NativeOffsets.TLBWrite)
	}
	return inTLB(cpu.NativeOffsets.TLBRead)
}

var tlbHost = inTLB(cpu.NativeOffsets.TLBHost)

// farStack is from where on displacements from the stack pointer are far.
const farStack = 128

// stackEntryOf is the number of the stack's entry for an access. Functions differ in
// them, and in a function what is near the stack pointer and what is not: what is in use
// at a time may lie in several pages.
func (t *trans) stackEntryOf(kind int, disp int32) int {
	pair := int(t.b.RIP() >> 8 & 0xff)
	if disp >= farStack {
		pair++
	}
	return (2*pair + kind) % cpu.StackEntries
}

// windowStep is what the beginnings of windows are multiples of, and the most that an
// access through the stack pointer may take, or a group of them.
const windowStep = 64

// stackWindow is where the window for an access at an offset in its page begins: the access
// is in its middle if the window is in the page then, and the last access that it
// admits, too. (None admits those in the last 64 bytes.)
func stackWindow(off int32) int32 {
	return min(max(off&^(windowStep-1)-pageSize/4, 0), pageSize/2-windowStep)
}

// stackEntry are the words of one of the stack's entries.
func stackEntry(entry int) (tag, host amd64.Mem) {
	tag = inTLB(cpu.NativeOffsets.TLBStack + uintptr(entry)*unsafe.Sizeof(cpu.StackTLB{}))
	host = tag
	host.Disp += int32(unsafe.Offsetof(cpu.StackTLB{}.Host))
	return tag, host
}

// pageCount is a register with pageShift in its low six bits: R15, or free where that has another
// count.
func pageCount(a *amd64.Asm, free amd64.Reg) amd64.Reg {
	if !a.Windowed || a.Bias == pageShift {
		return regTLB
	}
	a.MovImm(free, pageShift)
	return free
}

// access translates n bytes at linear address m, which has no index, and returns
// the host operand. It uses tmpC and tmpB and leaves the flags alone.
func (t *trans) access(m amd64.Mem, n int, kind int) amd64.Mem {
	t.accesses++
	if t.direct() {
		return t.inWindow(m, n, kind)
	}
	var host amd64.Mem
	stack := t.usesEntry(m, n)
	switch {
	case stack:
		host = t.searchStack(m, kind)
	case m.Base == amd64.None:
		tag, set := tags(kind), m.Disp>>12&(cpu.TLBSets-1)*8
		tag.Disp += set
		host = tlbHost
		host.Disp += set
		loadTLB(t.Asm, tmpC, tag, tmpC)
		t.Lea(tmpC, t.lastByte(m, tmpC, int32(n), pageSize), 8)
		t.Shrx(tmpC, tmpC, pageCount(t.Asm, tmpB), 8)
	default:
		host = t.search(m, int32(n), kind)
	}
	t.check()
	s := &t.slow[len(t.slow)-1]
	s.linear, s.size, s.stack = m, n, stack
	s.access = cpu.NativeRead
	if kind == write {
		s.access = cpu.NativeWrite
	}
	s.back = t.N
	loadTLB(t.Asm, tmpB, host, tmpC)
	return with(m, tmpB)
}

// loadTLB loads a word of the TLB, by way of a register where R15 is not the address of that.
func loadTLB(a *amd64.Asm, dst amd64.Reg, m amd64.Mem, via amd64.Reg) {
	if a.Windowed && m.Base == regTLB {
		a.Load(via, field(cpu.NativeOffsets.TLB), 8)
		m.Base = via
		m.Disp += tlbBias
	}
	a.Load(dst, m, 8)
}

// usesEntry reports whether n bytes at m are looked for in one of the stack's entries.
func (t *trans) usesEntry(m amd64.Mem, n int) bool {
	return m.Base == guestSP && n <= windowStep && !t.b.Scattered() && !t.Windowed
}

// searchStack is search in the stack's entry.
func (t *trans) searchStack(m amd64.Mem, kind int) (host amd64.Mem) {
	tag, host := stackEntry(t.stackEntryOf(kind, m.Disp))
	t.Load(tmpB, tag, 8)
	t.Lea(tmpC, t.lastByte(m, tmpB, 1-stackBias, pageSize/2), 8)
	t.Shrx(tmpC, tmpC, tmpB, 8)
	return host
}

// search looks up the page of linear address m in the TLB. check finds it well if it is there and
// the n bytes from m on lie in it; then it returns the place of the page's host address.
func (t *trans) search(m amd64.Mem, n int32, kind int) (host amd64.Mem) {
	r := m.Base
	if m.Disp != 0 {
		t.Lea(tmpB, m, 8)
		r = tmpB
	}
	t.Shrx(tmpB, r, pageCount(t.Asm, tmpC), 4)
	loadTLB(t.Asm, tmpC, indexed(tags(kind), tmpB), tmpC)
	t.Lea(tmpC, t.lastByte(m, tmpC, n, pageSize), 8)
	if t.Windowed {
		t.Store(natSpill, tmpB, 8)
		t.Shrx(tmpC, tmpC, pageCount(t.Asm, tmpB), 8)
		t.Load(tmpB, natSpill, 8)
	} else {
		t.Shrx(tmpC, tmpC, regTLB, 8)
	}
	return indexed(tlbHost, tmpB)
}

// missed leads an access that has not found its page to the glue.
func (t *trans) missed(s *slowPath) {
	look, size := s.linear, s.size
	if s.stack && s.span != 0 {
		look, size = s.first, s.span
	}
	if look.Base == amd64.None {
		t.MovImm(tmpA, uint64(int64(look.Disp)))
	} else if look != amd64.At(tmpA, 0) {
		t.Lea(tmpA, look, 8)
	}
	x := cpu.NativeExit{Kind: s.access, Op: s.op, Placed: s.placed}
	if !s.stack {
		t.Store(natLinear, tmpA, 8)
		t.exit(x)
		return
	}
	fail := t.LeaCode(tmpB, 0)
	m := natSpill
	m.Disp += 16
	t.Store(m, tmpB, 8)
	id := t.newExit(x)
	t.e.accesses[id] = stackSite{int32(size) - 1, int32(s.back)}
	t.MovImm(tmpC, uint64(id))
	kind := read
	if s.access == cpu.NativeWrite || s.access == cpu.NativeGroupWrite {
		kind = write
	}
	t.JmpTo(t.e.lookup[t.stackEntryOf(kind, look.Disp)])
	t.Patch(fail, t.N)
	if look != s.linear {
		t.Lea(tmpA, s.linear, 8)
		t.Store(natLinear, tmpA, 8)
	}
	t.giveBack()
	t.MovImm(tmpC, uint64(id))
	t.JmpTo(t.glue().exit[index(t.inMem)])
}

// emitStackLookup writes the search of the TLB for a stack access at tmpA. RCX is
// the number of the access's exit; where that is done the third spilled word says.
func (e *Engine) emitStackLookup(entry int) {
	a, kind := &e.asm, entry&1
	spill := func(i int32) amd64.Mem { m := natSpill; m.Disp += 8 * i; return m }
	a.Store(natExit, amd64.RCX, 4)
	a.Store(spill(0), amd64.RAX, 8)
	a.Store(spill(1), amd64.RDX, 8)
	a.Load(amd64.RDX, natSites, 8)
	a.Load(amd64.RDX, indexed(amd64.At(amd64.RDX, 0), tmpC), 8) // a stackSite
	a.Mov(tmpB, amd64.RDX, 4)
	a.Shrx(tmpC, tmpA, regTLB, 4)
	a.Load(amd64.RAX, indexed(tags(kind), tmpC), 8)
	a.Lea(tmpB, amd64.Mem{Base: tmpB, Index: amd64.RAX}, 8)
	a.Load(amd64.RAX, indexed(tlbHost, tmpC), 8)
	a.Lea(tmpC, amd64.Mem{Base: tmpB, Index: tmpA}, 8)
	a.Shrx(tmpC, tmpC, regTLB, 8)
	found := a.Jrcxz()
	a.Load(amd64.RAX, spill(0), 8)
	a.Load(amd64.RDX, spill(1), 8)
	a.Store(natLinear, tmpA, 8)
	a.JmpMem(spill(2))
	a.PatchShort(found)
	tag, host := stackEntry(entry)
	a.Store(host, amd64.RAX, 8)
	a.Load(tmpC, natLooked, 8)
	a.Lea(tmpC, amd64.At(tmpC, 1), 8)
	a.Store(natLooked, tmpC, 8)
	a.Mov(tmpC, amd64.RDX, 4)
	a.Not(tmpC, 8)
	a.Lea(tmpB, amd64.Mem{Base: tmpB, Index: tmpC, Disp: 1 + stackBias}, 8) // the page's tag
	a.Lea(tmpC, amd64.Mem{Base: tmpB, Index: tmpA, Disp: -stackBias}, 8)    // offset in the page
	a.Rorx(tmpC, tmpC, 6, 8)
	a.Bytes(0x0f, 0xb6, 0xc9) // MOVZX ECX,CL
	a.LeaCode(amd64.RAX, e.windows)
	at := amd64.Mem{Base: amd64.RAX, Index: tmpC, Scale: 2}
	a.Emit(&amd64.Insn{Opcode: 0x63, Size: 8, Reg: tmpC, Mem: &at}) // MOVSXD
	a.Lea(tmpB, amd64.Mem{Base: tmpB, Index: tmpC}, 8)
	a.Store(tag, tmpB, 8)
	a.Rorx(tmpC, amd64.RDX, 32, 8)
	a.Mov(tmpC, tmpC, 4)
	a.LeaCode(tmpB, 0)
	a.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpB}, 8)
	a.Load(amd64.RAX, spill(0), 8)
	a.Load(amd64.RDX, spill(1), 8)
	a.Emit(&amd64.Insn{Opcode: 0xff, Size: 4, Reg: 4, RM: tmpC}) // JMP RCX
}
