//go:build unix

package machine

import (
	"errors"
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
// may address it and the garbage collector never looks at it. Where the host can, it is a
// file without a name, nil where not, whose pages can be mapped at other addresses, too.
func allocate(n uint64) ([]byte, *os.File, error) {
	flags := syscall.MAP_ANON | syscall.MAP_PRIVATE
	if runtime.GOOS == "linux" {
		flags |= mapNoReserve
	}
	file := memoryFile(n)
	fd := -1
	if file != nil {
		fd, flags = int(file.Fd()), syscall.MAP_SHARED|mapNoReserve
	}
	b, err := syscall.Mmap(fd, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return nil, nil, &ConfigError{StatusHost, fmt.Errorf("cannot get %d MiB of memory for the guest: %w; give less with -m", n>>20, err)}
	}
	if runtime.GOOS == "linux" {
		unix.Madvise(b, madvHugePage) // a wish: without it all is well, but slower
	}
	return b, file, nil
}

// release gives memory of allocate or mapPrivate back.
func release(b []byte, file *os.File) error {
	err := syscall.Munmap(b)
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

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

// unmapPages takes pages of memory of allocate's file from the process; they are in the file still.
func unmapPages(b []byte) {
	unix.Madvise(b, unix.MADV_DONTNEED) // a wish
}
