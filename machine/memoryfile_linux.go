package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile is a file of n bytes that lies in memory and has no name, nil where the host
// gives none.
func memoryFile(n uint64) *os.File {
	fd, err := unix.MemfdCreate("g86-ram", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "g86-ram")
	if f.Truncate(int64(n)) != nil {
		f.Close()
		return nil
	}
	return f
}
