//go:build linux && amd64

package jit

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// buffer is memory for host code: bytes to write to, and the address at which they run.
// That is the same memory where the host allows it; hosts that refuse memory that is both
// writable and executable (SELinux's execmem, systemd's MemoryDenyWriteExecute) get the
// pages of a file in memory mapped twice.
type buffer struct {
	code []byte
	base uintptr
	dual []byte // the executable mapping, if there are two
}

func newBuffer(size int) (*buffer, error) {
	const flags = unix.MAP_ANON | unix.MAP_PRIVATE
	var both error
	if !ForceDual {
		var b []byte
		b, both = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, flags)
		if both == nil {
			unix.Madvise(b[:size/2], unix.MADV_HUGEPAGE) // a wish: translated code jumps about and waits for the host's TLB; what is out of line need not be fast
			return &buffer{code: b, base: address(b)}, nil
		}
		if !errors.Is(both, unix.EACCES) && !errors.Is(both, unix.EPERM) {
			return nil, fmt.Errorf("the host gives no memory for host code: %w", both)
		}
	}
	b, err := mapTwice(size)
	if err != nil {
		if both != nil {
			err = fmt.Errorf("%w, and %w", both, err)
		}
		return nil, fmt.Errorf("the host allows no host code to be made (memory that is writable and executable: %w)", err)
	}
	return b, nil
}

// mapTwice maps a file in memory once to be written and once to be run.
func mapTwice(size int) (*buffer, error) {
	fd, err := memfd("g86-code")
	if err != nil {
		return nil, fmt.Errorf("a file in memory: %w", err)
	}
	defer unix.Close(fd) // the mappings keep it
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("a file in memory of %d bytes: %w", size, err)
	}
	w, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("a file in memory, to be written: %w", err)
	}
	x, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a file in memory, to be run: %w", err), unix.Munmap(w))
	}
	return &buffer{code: w, base: address(x), dual: x}, nil
}

// memfd makes a file in memory that may be run: kernels that know MFD_EXEC may be set to
// ask for it, others do not know it.
func memfd(name string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, syscall.EINVAL) {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return fd, err
}

func (b *buffer) close() error {
	err := unix.Munmap(b.code)
	if b.dual != nil {
		err = errors.Join(err, unix.Munmap(b.dual))
	}
	return err
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
