package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// anonymousFile is a file in memory that nobody else can name.
func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("g86-ram", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "g86-ram"), nil
}
