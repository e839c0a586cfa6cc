package cpu

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newTLB returns memory for a TLB, which goes when the processor does. Most of it is
// never touched; outside of Go's heap the garbage collector does not take it for much.
func newTLB(c *CPU) *tlb {
	const size = int(unsafe.Sizeof(tlb{}))
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return new(tlb)
	}
	unix.Madvise(b, unix.MADV_NOHUGEPAGE) // a wish: what is used lies scattered
	runtime.AddCleanup(c, func(b []byte) { syscall.Munmap(b) }, b)
	return (*tlb)(unsafe.Pointer(&b[0]))
}

// forgetTLB makes all of a TLB zero and gives the host's memory back.
func forgetTLB(t *tlb) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(tlb{}))
	if unix.Madvise(b, unix.MADV_DONTNEED) != nil {
		*t = tlb{}
	}
}

// populate makes the host give all of the memory at once, which is a wish: one system call
// is faster than a page fault for each of its pages.
func populate(words []uint64) {
	unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words)), unix.MADV_POPULATE_WRITE)
}

const noMemory = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE

// reserve returns addresses at which nothing is mapped until unreserve, or 0.
func reserve(size uint64) uintptr {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_NONE, noMemory)
	if err != nil {
		return 0
	}
	return uintptr(p)
}

// unreserve gives them back.
func unreserve(at uintptr, size uint64) {
	unix.MunmapPtr(unsafe.Add(unsafe.Pointer(nil), at), uintptr(size))
}

// writable makes memory of reserved addresses, nil if the host has none.
func writable(at uintptr, size uint64) []uintptr {
	p := unsafe.Add(unsafe.Pointer(nil), at)
	if unix.Mprotect(unsafe.Slice((*byte)(p), size), unix.PROT_READ|unix.PROT_WRITE) != nil {
		return nil
	}
	return unsafe.Slice((*uintptr)(p), size/8)
}

// showPages maps a part of a file at an address. The pages are there at once.
func showPages(at, size uintptr, file *os.File, off uintptr, writes bool) bool {
	prot := unix.PROT_READ
	if writes {
		prot |= unix.PROT_WRITE
	}
	_, err := unix.MmapPtr(int(file.Fd()), int64(off), unsafe.Add(unsafe.Pointer(nil), at), size, prot, unix.MAP_SHARED|unix.MAP_FIXED|unix.MAP_POPULATE)
	return err == nil
}

// hidePages makes sure that nothing is mapped there.
func hidePages(at uintptr, size uint64) error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Add(unsafe.Pointer(nil), at), uintptr(size), unix.PROT_NONE, noMemory|unix.MAP_FIXED)
	return err
}
