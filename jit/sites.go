//go:build linux && amd64

package jit

import (
	"fmt"
	"syscall"
	"unsafe"

	"g86/cpu"
	"g86/jit/amd64"
)

// A memory access looks at its entry of the site TLB first, which takes neither a
// hash nor a dependent load. An entry is good for half a page: for accesses that
// begin in the window of 2048 bytes from its tag on. That lies so that none of them
// crosses the end of the page: at the page's beginning or 16 bytes before its second
// half. Where the entry does not fit, the lookup of the glue searches the TLB,
// copies what it finds to the entry and goes back, or leaves for Go. (An access to
// the last 15 bytes of a page always goes that way.)

// accessSizes are the sizes of accesses in bytes.
var accessSizes = [...]int{1, 2, 4, 8, 10, 16}

func sizeIndex(n int) int {
	for i, s := range accessSizes {
		if s == n {
			return i
		}
	}
	panic(fmt.Sprintf("jit: access of %d bytes", n))
}

// accessSite is what the lookup needs to know of an access, by the number of its exit.
type accessSite struct {
	entry int32 // of the site TLB: offset in the TLB
	back  int32 // where to go on: offset in the code buffer
}

const pageSize = 0x1000

const maxExits = 4 << 20

func (e *Engine) makeSites() error {
	b, err := syscall.Mmap(-1, 0, maxExits*int(unsafe.Sizeof(accessSite{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("the host gives no memory for the translator: %w", err)
	}
	e.accesses = unsafe.Slice((*accessSite)(unsafe.Pointer(&b[0])), maxExits)
	return nil
}

// Sites is the address of the table of accesses.
func (e *Engine) Sites() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(e.accesses))) }

func (e *Engine) freeSites() error {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&e.accesses[0])), maxExits*int(unsafe.Sizeof(accessSite{})))
	e.accesses = nil
	return syscall.Munmap(b)
}

// siteEntry is the offset of entry i in the TLB.
func siteEntry(kind, i int) int32 {
	return int32(cpu.NativeOffsets.TLBSites) + int32(kind*cpu.TLBSites+i)*int32(unsafe.Sizeof(cpu.SiteTLB{}))
}

const siteHost = int32(unsafe.Offsetof(cpu.SiteTLB{}.Host))

// siteKey groups the accesses of a block that share an entry.
type siteKey struct {
	base, index amd64.Reg
	kind        int
}

// site is the entry for an access to m. Stack accesses share one everywhere.
func (t *trans) site(m amd64.Mem, kind int) int32 {
	k := siteKey{m.Base, m.Index, kind}
	if m.Base == guestSP {
		return siteEntry(kind, 0)
	}
	off, ok := t.entries[k]
	if !ok || m.Base == tmpA || m.Base == amd64.None {
		t.e.next[kind] = t.e.next[kind]%(cpu.TLBSites-1) + 1
		off = siteEntry(kind, t.e.next[kind])
		t.entries[k] = off
	}
	return off
}

// tlbBase is the register that holds the TLB's address.
func (t *trans) tlbBase() amd64.Reg {
	if !t.long {
		return regTLB
	}
	t.Load(tmpB, field(cpu.NativeOffsets.TLB), 8)
	return tmpB
}

// access translates n bytes at linear address m, which has no index, and returns
// the host operand. It uses tmpC and tmpB and leaves the flags alone.
func (t *trans) access(m amd64.Mem, n int, kind int) amd64.Mem {
	entry := t.site(m, kind)
	tlb := t.tlbBase()
	t.Load(tmpC, amd64.At(tlb, entry), 8)
	t.Lea(tmpC, with(m, tmpC), 8)
	t.Shrx(tmpC, tmpC, regCPU, 8)
	ok := t.Jrcxz()
	t.toSlow(t.Jmp())
	s := &t.slow[len(t.slow)-1]
	s.linear, s.size, s.entry = m, n, entry
	s.access = cpu.NativeRead
	if kind == write {
		s.access = cpu.NativeWrite
	}
	t.PatchShort(ok)
	s.back = t.N
	t.Load(tmpB, amd64.At(tlb, entry+siteHost), 8)
	return with(m, tmpB)
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

// lookup leads an access to the glue's lookup.
func (t *trans) lookup(s *slowPath) {
	if s.linear.Base == amd64.None {
		t.MovImm(tmpA, uint64(int64(s.linear.Disp)))
	} else if s.linear != amd64.At(tmpA, 0) {
		t.Lea(tmpA, s.linear, 8)
	}
	kind := read
	if s.access == cpu.NativeWrite {
		kind = write
	}
	id := t.newExit(cpu.NativeExit{Kind: cpu.NativeOp, Op: s.op, Access: s.access})
	t.e.accesses[id] = accessSite{s.entry, int32(s.back)}
	t.MovImm(tmpC, uint64(id))
	t.JmpTo(t.e.glueOf(t.long).lookup[kind][sizeIndex(s.size)][index(t.inMem)])
}

// emitLookup writes the search of the TLB for n bytes at tmpA. RCX is the number of
// the access's exit; in 64-bit code tmpB is the TLB's address.
func (e *Engine) emitLookup(long bool, kind, n, exit int) {
	a := &e.asm
	tlb := regTLB
	if long {
		tlb = tmpB
	}
	tag := int32(cpu.NativeOffsets.TLBRead)
	if kind == write {
		tag = int32(cpu.NativeOffsets.TLBWrite)
	}
	spill := func(i int32) amd64.Mem { m := natSpill; m.Disp += 8 * i; return m }
	a.Store(natExit, amd64.RCX, 4)
	a.Store(spill(0), amd64.RAX, 8)
	a.Store(spill(1), amd64.RDX, 8)
	a.Rorx(tmpC, tmpA, 12, 8)
	a.Movzx16(tmpC, tmpC)
	a.Lea(amd64.RAX, amd64.Mem{Base: tlb, Index: tmpC, Scale: 3}, 8)
	a.Load(tmpC, amd64.At(amd64.RAX, tag), 8)
	a.Lea(tmpC, amd64.Mem{Base: tmpC, Index: tmpA, Disp: int32(n) - 1}, 8)
	a.MovImm(amd64.RDX, 12)
	a.Shrx(tmpC, tmpC, amd64.RDX, 8)
	found := a.Jrcxz()
	a.Load(amd64.RAX, spill(0), 8)
	a.Load(amd64.RDX, spill(1), 8)
	a.Store(natLinear, tmpA, 8)
	a.Load(tmpC, natExit, 4)
	a.JmpTo(exit)
	a.PatchShort(found)
	a.Load(tmpC, natExit, 4)
	a.Load(amd64.RDX, natSites, 8)
	a.Lea(amd64.RDX, amd64.Mem{Base: amd64.RDX, Index: tmpC, Scale: 3}, 8)
	a.Emit(&amd64.Insn{Opcode: 0x63, Size: 8, Reg: tmpC, Mem: &amd64.Mem{Base: amd64.RDX, Index: amd64.None, Disp: 4}}) // MOVSXD
	a.Load(amd64.RDX, amd64.At(amd64.RDX, 0), 4)
	a.Lea(amd64.RDX, amd64.Mem{Base: tlb, Index: amd64.RDX}, 8)
	a.Store(spill(2), tmpC, 8)
	a.Load(tmpC, amd64.At(amd64.RAX, int32(cpu.NativeOffsets.TLBHost)), 8)
	a.Store(amd64.At(amd64.RDX, siteHost), tmpC, 8)
	a.Load(amd64.RAX, amd64.At(amd64.RAX, tag), 8)
	a.Store(amd64.At(amd64.RDX, 0), amd64.RAX, 8)
	a.Lea(tmpC, amd64.Mem{Base: amd64.RAX, Index: tmpA}, 8) // offset in the page
	a.Shrx(tmpC, tmpC, regCPU, 8)
	first := a.Jrcxz() // half
	a.Lea(amd64.RAX, amd64.At(amd64.RAX, -(pageSize/2-16)), 8)
	a.Store(amd64.At(amd64.RDX, 0), amd64.RAX, 8)
	a.PatchShort(first)
	a.LeaCode(tmpC, 0)
	a.Load(amd64.RAX, spill(2), 8)
	a.Lea(tmpC, amd64.Mem{Base: tmpC, Index: amd64.RAX}, 8)
	a.Load(amd64.RAX, spill(0), 8)
	a.Load(amd64.RDX, spill(1), 8)
	a.Emit(&amd64.Insn{Opcode: 0xff, Size: 4, Reg: 4, RM: tmpC}) // JMP RCX
}
