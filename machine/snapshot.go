package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Names of sections.
const (
	sectInfo    = "info"
	sectFile    = "file"    // contents of a file in SnapshotInfo.Files
	sectMachine = "machine" // savedMachine
	sectClock   = "clock"
	sectCPU     = "cpu"  // cpu.State; the place is its number
	sectDevice  = "dev." // and the device's name
	sectDisk    = "disk" // what the guest wrote to an image with snapshot=on
	sectRAM     = "ram"  // ramChunk bytes at an offset of main memory
	sectEnd     = "end"
)

// ramChunk is how much RAM a section holds: each can be read by itself.
const ramChunk = 1 << 20

// Snapshot is an open snapshot file with a sound set of headers.
type Snapshot struct {
	// AcceptChangedDisks lets a machine be restored though its images have been
	// written since: the guest's idea of them and what they hold may disagree.
	AcceptChangedDisks bool

	path  string
	file  *sharedFile
	size  int64
	list  []section
	info  SnapshotInfo
	files map[string][]byte

	shared *os.File // memory that several machines have in common, see Clones
}

// OpenSnapshot opens a snapshot file. Errors are of type *ConfigError and name
// the file.
func OpenSnapshot(path string) (*Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, configError("snapshot %s: %w; check the name", path, bare(err))
	}
	s := &Snapshot{path: path, file: &sharedFile{File: f}}
	s.file.refs.Store(1)
	if err := s.open(); err != nil {
		f.Close()
		return nil, s.fail(err)
	}
	return s, nil
}

func (s *Snapshot) open() error {
	st, err := s.file.Stat()
	switch {
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return fmt.Errorf("is not a regular file; name a file that savevm wrote")
	}
	s.size = st.Size()
	if s.list, err = readIndex(s.file, s.size); err != nil {
		return err
	}
	if len(s.list) == 0 || s.list[0].name != sectInfo {
		return damaged("its first section is not %q", sectInfo)
	}
	b, err := s.list[0].data(s.file, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s.info); err != nil {
		return damaged("its description is not readable: %v", err)
	}
	return s.layout()
}

// layout checks that every section is one we know, once, in its place.
func (s *Snapshot) layout() error {
	seen := map[string]bool{}
	next := uint64(0) // of RAM
	for i := range s.list {
		x := &s.list[i]
		key := fmt.Sprintf("%s %d", x.name, x.place)
		if seen[key] {
			return damaged("section %s is there twice", x.label())
		}
		seen[key] = true
		switch {
		case x.name == sectRAM:
			mem := s.info.Machine.Memory
			if x.place%ramChunk != 0 || x.place < next || x.place >= mem || x.size != min(ramChunk, mem-x.place) {
				return damaged("section %s is not a part of %d MiB of memory", x.label(), mem>>20)
			}
			next = x.place + x.size
		case x.name == sectFile && x.place >= uint64(len(s.info.Files)),
			x.name == sectCPU && x.place >= uint64(max(s.info.Machine.CPUs, 0)),
			x.name == sectDisk && x.place >= uint64(len(s.info.Drives)):
			return damaged("section %s %d belongs to nothing", x.label(), x.place)
		case x.name == sectInfo, x.name == sectMachine, x.name == sectClock, x.name == sectFile, x.name == sectCPU, x.name == sectDisk,
			len(x.name) > len(sectDevice) && x.name[:len(sectDevice)] == sectDevice:
		default:
			return fmt.Errorf("the snapshot holds %s, which this g86 (%s) does not know; use the g86 that wrote it (%s)", x.label(), Version, s.info.Version)
		}
	}
	return nil
}

// fail puts the file's name before an error.
func (s *Snapshot) fail(err error) error {
	if err == nil {
		return nil
	}
	return configError("snapshot %s: %w", s.path, bare(err))
}

// Close closes the file.
func (s *Snapshot) Close() error { return s.file.Close() }

// Info is what the snapshot tells about itself.
func (s *Snapshot) Info() SnapshotInfo { return s.info }

// SectionInfo is a line of `g86 snapshot info`.
type SectionInfo struct {
	Name     string `json:"name"`
	Sections int    `json:"sections"`
	Bytes    uint64 `json:"bytes"`  // of the data
	Stored   uint64 `json:"stored"` // in the file
}

// Sections sums up the sections by name, in the order of the file.
func (s *Snapshot) Sections() []SectionInfo {
	var l []SectionInfo
	at := map[string]int{}
	for _, x := range s.list {
		i, ok := at[x.name]
		if !ok {
			i = len(l)
			at[x.name] = i
			l = append(l, SectionInfo{Name: x.name})
		}
		l[i].Sections++
		l[i].Bytes += x.size
		l[i].Stored += x.stored
	}
	return l
}

// Size is the length of the file.
func (s *Snapshot) Size() int64 { return s.size }

// Verify reads everything and reports the first damage.
func (s *Snapshot) Verify() error {
	return s.fail(parallel(len(s.list), func(i int) error {
		x := &s.list[i]
		if x.name != sectRAM {
			_, err := x.data(s.file, nil)
			return err
		}
		b := chunkBuffers.Get().(*[]byte)
		defer chunkBuffers.Put(b)
		_, err := x.data(s.file, (*b)[:0])
		return err
	}))
}

var chunkBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, ramChunk)
	return &b
}}

// checksums verifies the checksum of every section, without unpacking.
func (s *Snapshot) checksums() error {
	return parallel(len(s.list), func(i int) error {
		b := chunkBuffers.Get().(*[]byte)
		defer chunkBuffers.Put(b)
		_, err := s.list[i].read(s.file, *b)
		return err
	})
}

// again is another handle on the same file, to be closed by itself.
func (s *Snapshot) again() *Snapshot {
	s.file.refs.Add(1)
	return &Snapshot{path: s.path, file: s.file, size: s.size, list: s.list}
}

// sharedFile is closed by the last of its users.
type sharedFile struct {
	*os.File
	refs atomic.Int32
}

func (f *sharedFile) Close() error {
	if f.refs.Add(-1) == 0 {
		return f.File.Close()
	}
	return nil
}

// parallel calls f for 0 to n-1 on all of the host's processors and returns the
// error of the lowest number that failed.
func parallel(n int, f func(int) error) error {
	var (
		mu    sync.Mutex
		next  int
		first = n
		err   error
		wg    sync.WaitGroup
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := err != nil || i >= n
				mu.Unlock()
				if stop {
					return
				}
				if e := f(i); e != nil {
					mu.Lock()
					if i < first {
						first, err = i, e
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return err
}

// find is the section of that name and place.
func (s *Snapshot) find(name string, place uint64) ([]byte, error) {
	for i := range s.list {
		if x := &s.list[i]; x.name == name && x.place == place {
			return x.data(s.file, nil)
		}
	}
	return nil, damaged("section %q is missing", name)
}
