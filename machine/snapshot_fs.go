package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// snapFile is a file being written, snapDir what surrounds it; tests put ones
// that fail in their place.
type snapFile interface {
	io.Writer
	Name() string
	Chmod(fs.FileMode) error
	Sync() error
	Close() error
}

type snapDir interface {
	CreateTemp(dir, pattern string) (snapFile, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string)
}

type hostDir struct{}

func (hostDir) CreateTemp(dir, pattern string) (snapFile, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return f, nil
}
func (hostDir) Rename(from, to string) error { return os.Rename(from, to) }
func (hostDir) Remove(name string) error     { return os.Remove(name) }

// SyncDir makes the renaming durable; not every file system and host can.
func (hostDir) SyncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// writeAtomically writes path by way of a temporary file in the same folder:
// whatever goes wrong, the old file stays as it is.
func writeAtomically(d snapDir, path string, write func(io.Writer) error) (err error) {
	if st, e := os.Stat(path); e == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return configError("snapshot %s: is a directory; name a file in it", path)
		}
		return configError("snapshot %s: is not a regular file; choose another name", path)
	}
	f, err := d.CreateTemp(filepath.Dir(path), ".g86-*.snap")
	if err != nil {
		return saveError(path, err)
	}
	defer func() {
		if err != nil {
			_ = d.Remove(f.Name())
			err = saveError(path, err)
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	err = write(w)
	for _, step := range []func() error{w.Flush, func() error { return f.Chmod(0o644) }, f.Sync} {
		if err == nil {
			err = step()
		}
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.Rename(f.Name(), path)
	}
	if err == nil {
		d.SyncDir(filepath.Dir(path))
	}
	return err
}

// saveError says what to do about an error of the host.
func saveError(path string, err error) error {
	var ce *ConfigError
	switch {
	case errors.As(err, &ce):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return configError("snapshot %s: the folder %s does not exist; make it first", path, filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return configError("snapshot %s: permission denied; choose a place you may write to", path)
	}
	return &ConfigError{StatusHost, fmt.Errorf("snapshot %s: cannot be written: %w; an older file of this name is as it was", path, bare(err))}
}

// bare strips the operation and path that a message names by itself.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}
