//go:build linux && amd64

package jit

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"g86/cpu"
	"g86/jit/amd64"
)

// Probes. In 64-bit code an address has to be looked at before the window is used, because
// the host's sum may lead anywhere. A probe is a load from a table that belongs to all
// addresses, by the upper bits of the guest's: where these are those of the part of the
// window that is meant, there is memory, and elsewhere there is none, so that the host raises
// a fault. That takes two instructions and no branch:
//
//	SHRX  RCX, address, R15           ; probeShift
//	MOVZX ECX, byte [RCX*4 + table]
//
// R15, the processor's address, has probeShift in its low six bits. All that is there of the
// table is one page, for cpu.High; its last byte is the first of the table for cpu.Low, behind
// which there is nothing.

const (
	probeShift = cpu.PartShift
	probeScale = 2

	probePages = cpu.HighStart >> probeShift << probeScale // 4 KiB, at which the page for cpu.High begins
	probeSpan  = 1 << (64 - probeShift + probeScale)       // of the table for all addresses
	probeRoom  = 4 * pageSize
)

// Both parts begin and end as the table can tell.
var (
	_ [0]struct{} = [probePages % pageSize]struct{}{}
	_ [0]struct{} = [(cpu.HighEnd-cpu.HighStart)>>probeShift<<probeScale - pageSize]struct{}{}
	_ [0]struct{} = [cpu.LowEnd>>probeShift - 1]struct{}{}
)

// probes is where the table is, which every engine uses, within reach of a displacement alone; or 0.
// Nothing is mapped at its beginning and its end, for addresses below 2^48 and above 2^64-2^47. What
// belongs to those between need not be looked at: by way of the window they lead to no address of user space.
var probes = sync.OnceValue(func() int32 {
	const step = 1 << 20
	for at := uintptr(256 << 20); at < 1<<31-step; at += step {
		first := reserveAt(at, probeRoom)
		if first == nil {
			continue
		}
		if end := reserveAt(at+probeSpan-probeRoom, 2*probeRoom); end == nil {
			unix.MunmapPtr(first, probeRoom)
			continue
		}
		if unix.Mprotect(unsafe.Slice((*byte)(unsafe.Add(first, probePages)), pageSize), unix.PROT_READ) != nil {
			return 0
		}
		return int32(at)
	}
	return 0
})

// reserveAt makes sure that nothing is mapped at an address, or returns nil.
func reserveAt(at, size uintptr) unsafe.Pointer {
	p, err := unix.MmapPtr(-1, 0, unsafe.Add(unsafe.Pointer(nil), at), size, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		return nil
	}
	if uintptr(p) != at { // kernels before 4.17
		unix.MunmapPtr(p, size)
		return nil
	}
	return p
}

// whichPart makes tmpB what has to be added to the address in r in the part of the window where it is,
// or leaves the current instruction to its slow path.
func (t *trans) whichPart(r amd64.Reg) {
	t.Load(tmpB, natParts, 8)
	t.Shrx(tmpC, r, regTLB, 8)
	t.mayFail(tmpB, amd64.Mem{Base: tmpB, Index: tmpC, Scale: 3}, 8)
}

// mayFail loads n bytes that may not be there: then the current instruction takes its slow path.
func (t *trans) mayFail(r amd64.Reg, m amd64.Mem, n int) {
	tag := t.Tag
	t.Tag, m.Guest = ^len(t.slow), amd64.GuestAt
	t.Load(r, m, n)
	t.Tag = tag
	t.toSlow(0)
}

// probe leaves the current instruction to its slow path unless r is in a region.
func (t *trans) probe(r amd64.Reg, region cpu.Region) {
	table := probes()
	if region == cpu.Low {
		table += probePages + pageSize - 1
	}
	t.Shrx(tmpC, r, regTLB, 8)
	t.mayFail(tmpC, amd64.Mem{Base: amd64.None, Index: tmpC, Scale: probeScale, Disp: table}, 1)
}
