// Package disk holds the images behind disk, CD and floppy drives: a file or
// block device of the host, or bytes in memory, with writes either going
// through or kept in a sparse overlay and discarded at the end.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"g86/devices/snap"
)

// Backend is a medium as controllers and firmware see it. Offsets are in bytes;
// an access that is not wholly inside Size is an error.
type Backend interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Flush() error
	Size() int64
	ReadOnly() bool
	Name() string
}

// Media says what kind of drive the image goes into: it decides the sector size
// that the image must be made of.
type Media int

const (
	HardDisk Media = iota // 512-byte sectors
	CDROM                 // 2048-byte sectors, always read-only
	Floppy                // 512-byte sectors, at most 2.88 MB
)

func (m Media) String() string { return [...]string{"disk", "CD", "floppy"}[m] }

func (m Media) sector() int64 {
	if m == CDROM {
		return 2048
	}
	return 512
}

// Options says how an image is used.
type Options struct {
	ReadOnly bool   // the guest's writes fail
	Snapshot bool   // the guest's writes are kept in memory and discarded
	Format   string // "raw" or empty, which is the same
	Media    Media
}

// ErrLocked is in the chain of the error for an image that somebody else writes.
var ErrLocked = errors.New("image is locked")

// ErrReadOnly is returned by writes to a read-only image.
var ErrReadOnly = errors.New("image is read-only")

// Image is an opened image.
type Image struct {
	name     string
	size     int64 // as the guest sees it
	fileSize int64 // what of it exists in the file or in mem
	readOnly bool
	file     *os.File // nil: mem
	mem      []byte
	overlay  *overlay // nil: writes go to the file
	reported bool     // a host error was logged
}

var _ Backend = (*Image)(nil)

// FromBytes makes an image of b. The guest may write to it; b stays as it is.
func FromBytes(name string, b []byte) *Image {
	return &Image{name: name, size: int64(len(b)), fileSize: int64(len(b)), mem: b, overlay: newOverlay()}
}

// Open opens and locks the image at path. Every error is one line that names
// the file and says what to do about it.
func Open(path string, opts Options) (*Image, error) {
	fail := func(format string, a ...any) (*Image, error) {
		return nil, fmt.Errorf("%v image %q "+format, append([]any{opts.Media, path}, a...)...)
	}
	if opts.Format != "" && opts.Format != "raw" {
		return fail("has format %q, which is not supported; convert it to raw", opts.Format)
	}
	if path == "" {
		return nil, fmt.Errorf("%v image: the file name is missing", opts.Media)
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("does not exist; check the name")
	case errors.Is(err, fs.ErrPermission):
		return fail("cannot be reached: permission denied; check the rights of the folders above it")
	case err != nil:
		return fail("cannot be used: %w", reason(err))
	case st.IsDir():
		return fail("is a directory; name an image file")
	case !st.Mode().IsRegular() && st.Mode()&(fs.ModeDevice|fs.ModeCharDevice) != fs.ModeDevice:
		return fail("is neither a file nor a block device (%v); name an image file", st.Mode().Type())
	}

	if opts.Media == CDROM {
		opts.ReadOnly = true
	}
	writes := !opts.ReadOnly && !opts.Snapshot
	flag := os.O_RDONLY
	if writes {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case writes && (errors.Is(err, fs.ErrPermission) || isReadOnlyFS(err)):
		if r, rerr := os.Open(path); rerr == nil {
			r.Close()
			return fail("cannot be written: %w; add ,snapshot=on to discard writes or ,readonly=on to refuse them", reason(err))
		}
		return fail("cannot be read: %w; check its owner and rights", reason(err))
	case errors.Is(err, fs.ErrPermission):
		return fail("cannot be read: %w; check its owner and rights", reason(err))
	case err != nil:
		return fail("cannot be opened: %w", reason(err))
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = checkSize(size, opts.Media)
	}
	if err != nil {
		f.Close()
		return fail("%w", err)
	}
	if err := lock(f, writes); err != nil {
		f.Close()
		if !errors.Is(err, ErrLocked) {
			return fail("cannot be locked: %w", reason(err))
		}
		if writes {
			return fail("is in use by another drive or emulator (%w); close that one, or add ,snapshot=on to both", err)
		}
		return fail("is being written by another drive or emulator (%w); close that one first", err)
	}
	img := &Image{name: path, size: size, fileSize: size, readOnly: opts.ReadOnly, file: f}
	if opts.Media == Floppy {
		if img.size = FloppyFormatFor(size).Size(); img.size != size { // boot images are often cut behind their last sector
			slog.Warn("the image is no whole diskette; what is missing reads as zeros", "file", path, "bytes", size, "diskette", img.size)
		}
	}
	if opts.Snapshot && !opts.ReadOnly {
		img.overlay = newOverlay()
	}
	return img, nil
}

func checkSize(size int64, m Media) error {
	sector := m.sector()
	switch {
	case size == 0 && m == CDROM:
		return errors.New("is empty; name an ISO image")
	case size == 0:
		return errors.New("is empty; give it a size first (truncate -s 1440K for a floppy, 1G for a disk)")
	case size%sector != 0:
		return fmt.Errorf("is truncated or not a raw image: its %d bytes are not a multiple of the %d-byte sector; "+
			"fetch it again or extend it to %d bytes", size, sector, (size+sector-1)/sector*sector)
	case m == Floppy && size > maxFloppy:
		return fmt.Errorf("is too large for a floppy (%d bytes, at most %d); use it as a disk", size, maxFloppy)
	}
	return nil
}

// reason strips the operation and the path that the message already names.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Name is the file's name.
func (m *Image) Name() string { return m.name }

// Size is the number of bytes the guest sees.
func (m *Image) Size() int64 { return m.size }

// ReadOnly says whether writes fail.
func (m *Image) ReadOnly() bool { return m.readOnly }

// Snapshot says whether writes are kept in memory only.
func (m *Image) Snapshot() bool { return m.overlay != nil }

// ReadAt reads len(p) bytes at off, the guest's own writes included.
func (m *Image) ReadAt(p []byte, off int64) (int, error) {
	if err := m.inside("read", len(p), off); err != nil {
		return 0, err
	}
	if m.overlay != nil && len(m.overlay.blocks) > 0 {
		return m.overlay.read(p, off, m.readBase)
	}
	return m.readBase(p, off)
}

// WriteAt writes len(p) bytes at off.
func (m *Image) WriteAt(p []byte, off int64) (int, error) {
	if err := m.inside("write", len(p), off); err != nil {
		return 0, err
	}
	switch {
	case m.readOnly:
		return 0, fmt.Errorf("%s: %w", m.name, ErrReadOnly)
	case m.overlay != nil:
		return m.overlay.write(p, off, m.size, m.readBase)
	}
	n, err := m.file.WriteAt(p, off)
	m.fileSize = max(m.fileSize, off+int64(n))
	return n, m.report("write", err)
}

// Flush makes written data durable.
func (m *Image) Flush() error {
	if m.readOnly || m.overlay != nil {
		return nil
	}
	return m.report("flush", m.file.Sync())
}

// Close gives the file and its lock back.
func (m *Image) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func (m *Image) inside(what string, n int, off int64) error {
	if off < 0 || int64(n) > m.size || off > m.size-int64(n) {
		return fmt.Errorf("%s: %s of %d bytes at %d is outside the image (%d bytes)", m.name, what, n, off, m.size)
	}
	return nil
}

// readBase reads below the overlay; what the file does not hold reads as zero.
func (m *Image) readBase(p []byte, off int64) (int, error) {
	n := len(p)
	if have := max(m.fileSize-off, 0); int64(n) > have {
		clear(p[have:])
		n = int(have)
	}
	if n == 0 {
		return len(p), nil
	}
	if m.file == nil {
		copy(p[:n], m.mem[off:])
		return len(p), nil
	}
	got, err := m.file.ReadAt(p[:n], off)
	if got == n {
		return len(p), nil
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the file became shorter while in use")
	}
	return got, m.report("read", err)
}

// report tells the user once about a host error, which the guest sees as a
// device error every time.
func (m *Image) report(what string, err error) error {
	if err == nil {
		return nil
	}
	if !m.reported {
		m.reported = true
		slog.Error("disk image "+what+" failed; the guest sees a device error", "file", m.name, "reason", reason(err))
	}
	return err
}

// SaveOverlay writes the blocks that the guest changed.
func (m *Image) SaveOverlay(w *snap.Writer) {
	s := savedOverlay{Size: m.size, Snapshot: m.overlay != nil}
	if m.overlay != nil {
		s.Blocks = m.overlay.sorted()
	}
	w.Struct(&s)
}

// LoadOverlay restores what SaveOverlay wrote, onto an image opened alike.
func (m *Image) LoadOverlay(r *snap.Reader) error {
	var s savedOverlay
	if err := r.Struct(&s); err != nil {
		return err
	}
	if s.Size != m.size {
		return fmt.Errorf("disk image %q has %d bytes; the snapshot was taken with one of %d", m.name, m.size, s.Size)
	}
	if m.overlay == nil {
		if len(s.Blocks) > 0 {
			return fmt.Errorf("disk image %q: the snapshot holds discarded writes; open it with snapshot=on", m.name)
		}
		return nil
	}
	o := newOverlay()
	for _, b := range s.Blocks {
		if len(b.Data) != blockSize || b.Index < 0 || b.Index > (m.size-1)/blockSize {
			return fmt.Errorf("disk image %q: the snapshot holds an impossible block %d", m.name, b.Index)
		}
		o.blocks[b.Index] = (*[blockSize]byte)(b.Data)
	}
	m.overlay = o
	return nil
}

// Modified is when the file was last written, in Unix nanoseconds; zero for an
// image in memory. A snapshot of a machine notices by it that the image has been
// written since.
func (m *Image) Modified() (int64, error) {
	if m.file == nil {
		return 0, nil
	}
	st, err := m.file.Stat()
	if err != nil {
		return 0, reason(err)
	}
	if !st.Mode().IsRegular() {
		return 0, nil
	}
	return st.ModTime().UnixNano(), nil
}
