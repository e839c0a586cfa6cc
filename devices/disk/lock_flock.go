//go:build linux || darwin || freebsd || netbsd || openbsd

package disk

import (
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the advisory lock that keeps two writers, or a writer and a
// reader, off one image. It belongs to the open file: a second Open of the same
// image in this process conflicts too. File systems without locks are let pass.
func lock(f *os.File, exclusive bool) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		slog.Debug("the file system cannot lock", "file", f.Name(), "reason", err)
		return nil
	}
	return err
}

func isReadOnlyFS(err error) bool { return errors.Is(err, unix.EROFS) }
