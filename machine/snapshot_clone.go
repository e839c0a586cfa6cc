package machine

import (
	"fmt"
	"os"
)

// Clones are machines that start from one snapshot and share its memory: each
// has pages of its own only where it writes.
type Clones struct {
	s   *Snapshot
	ram *os.File // all of the memory, without a name
}

// Clones unpacks a snapshot's memory for machines to share. The snapshot must
// stay open while machines are made.
func (s *Snapshot) Clones() (*Clones, error) {
	if err := s.Verify(); err != nil {
		return nil, err
	}
	if err := s.readFiles(); err != nil {
		return nil, s.fail(err)
	}
	f, err := anonymousFile()
	if err != nil {
		return nil, s.hostError(err)
	}
	c := &Clones{s, f}
	if err := c.unpack(); err != nil {
		_ = f.Close()
		return nil, s.hostError(err)
	}
	return c, nil
}

func (s *Snapshot) hostError(err error) error {
	return &ConfigError{StatusHost, fmt.Errorf("snapshot %s: its memory cannot be shared: %w", s.path, bare(err))}
}

func (c *Clones) unpack() error {
	size := c.s.info.Machine.Memory
	if size == 0 || size > MaxMemory {
		return damaged("it tells of %d bytes of memory", size)
	}
	if err := c.ram.Truncate(int64(size)); err != nil {
		return err
	}
	return parallel(len(c.s.list), func(i int) error {
		x := &c.s.list[i]
		if x.name != sectRAM {
			return nil
		}
		buf := chunkBuffers.Get().(*[]byte)
		defer chunkBuffers.Put(buf)
		b, err := x.data(c.s.file, (*buf)[:0])
		if err != nil {
			return err
		}
		const page = 4096
		for at := 0; at < len(b); { // runs of pages that hold something; the rest stays a hole
			end := at
			for end < len(b) && !zeroPage(b[end:min(end+page, len(b))]) {
				end += page
			}
			if end > at {
				if _, err := c.ram.WriteAt(b[at:min(end, len(b))], int64(x.place)+int64(at)); err != nil {
					return err
				}
			}
			at = end + page
		}
		return nil
	})
}

// New makes clone id, 0 or higher, as Restore makes a machine. Its random numbers and its
// generation ID are its own, but for clone 0, which is the machine of the snapshot.
func (c *Clones) New(id int, host Config) (*Machine, error) {
	s := *c.s
	s.shared = c.ram
	m, err := s.build(host)
	if err != nil {
		return nil, err
	}
	m.becomeClone(id)
	return m, nil
}

// Close gives the shared memory back when the last clone is closed.
func (c *Clones) Close() error { return c.ram.Close() }
