//go:build unix

package machine

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// mapNoReserve (MAP_NORESERVE) lets a guest have more memory than the host has
// free, as long as it does not use it.
const mapNoReserve = 0x4000

// madvHugePage (MADV_HUGEPAGE) spares the host's TLB.
const madvHugePage = 14

// allocate returns n bytes of zeroed memory outside of Go's heap: machine code
// may address it and the garbage collector never looks at it.
func allocate(n uint64) ([]byte, error) {
	flags := syscall.MAP_ANON | syscall.MAP_PRIVATE
	if runtime.GOOS == "linux" {
		flags |= mapNoReserve
	}
	b, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		return nil, &ConfigError{StatusHost, fmt.Errorf("cannot get %d MiB of memory for the guest: %w; give less with -m", n>>20, err)}
	}
	if runtime.GOOS == "linux" {
		unix.Madvise(b, madvHugePage) // a wish: without it all is well, but slower
	}
	return b, nil
}

// release gives memory of allocate back.
func release(b []byte) error { return syscall.Munmap(b) }

// mapPrivate maps n bytes of a file copy-on-write.
func mapPrivate(f *os.File, n uint64) ([]byte, error) {
	flags := syscall.MAP_PRIVATE
	if runtime.GOOS == "linux" {
		flags |= mapNoReserve
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		return nil, &ConfigError{StatusHost, fmt.Errorf("cannot map %d MiB of memory for the guest: %w", n>>20, err)}
	}
	return b, nil
}
