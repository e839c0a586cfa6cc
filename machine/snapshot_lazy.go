package machine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"g86/devices/bus"
)

// lazyRAM unpacks the memory of a restored machine: what the guest touches at
// once, the rest in the background. Pages reach processors and DMA through the
// bus, which asks for them (bus.Region.Fill).
type lazyRAM struct {
	s       *Snapshot
	ram     []byte
	chunks  []lazyChunk
	missing atomic.Int64
	failure atomic.Pointer[error]
	quit    atomic.Bool
	workers sync.WaitGroup
	last    sync.Once
}

type lazyChunk struct {
	once sync.Once
	done atomic.Bool
	from *section // nil: zero
}

// startLazy begins to unpack; s may be closed meanwhile.
func (m *Machine) startLazy(s *Snapshot) error {
	if uint64(len(m.ram)) != s.info.Machine.Memory {
		return damaged("it has %d bytes of memory, the machine %d", s.info.Machine.Memory, len(m.ram))
	}
	own := s.again()
	l := &lazyRAM{s: own, ram: m.ram, chunks: make([]lazyChunk, (len(m.ram)+ramChunk-1)/ramChunk)}
	for i := range own.list {
		if x := &own.list[i]; x.name == sectRAM {
			l.chunks[x.place/ramChunk].from = x
			l.missing.Add(1)
		}
	}
	for i := range l.chunks {
		if l.chunks[i].from == nil {
			l.chunks[i].done.Store(true)
		}
	}
	m.lazy = l
	if l.missing.Load() == 0 {
		l.finish()
	}
	l.need(0, shadowBase+shadowSize) // the host bridge shows parts of it past the bus's RAM
	for r, off := range m.ramRegions() {
		r.Fill = func(at, n uint64) { l.need(off+at, n) }
	}
	return l.err()
}

// unpackRest unpacks what nobody has asked for yet, beside the guest.
func (l *lazyRAM) unpackRest() {
	var next atomic.Int64
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		l.workers.Go(func() {
			for !l.quit.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(l.chunks) {
					return
				}
				l.fill(i)
			}
		})
	}
}

// ramRegions gives the regions of main memory and where they are in it.
func (m *Machine) ramRegions() map[*bus.Region]uint64 {
	l := map[*bus.Region]uint64{}
	for _, r := range m.bus.Regions() {
		switch r.Owner {
		case "ram":
			l[r] = 0
		case "ram.high":
			l[r] = uint64(len(m.ram)) - r.Size
		}
	}
	return l
}

// need makes n bytes from off on valid. It is called on the machine's thread.
func (l *lazyRAM) need(off, n uint64) {
	if n == 0 {
		return
	}
	for i := off / ramChunk; i <= (off+n-1)/ramChunk && i < uint64(len(l.chunks)); i++ {
		if !l.chunks[i].done.Load() {
			l.fill(int(i))
		}
	}
}

// fill unpacks chunk i, or waits for whoever does.
func (l *lazyRAM) fill(i int) {
	c := &l.chunks[i]
	if c.done.Load() {
		return
	}
	c.once.Do(func() {
		at := uint64(i) * ramChunk
		if _, err := c.from.data(l.s.file, l.ram[at:at:at+c.from.size]); err != nil {
			err = fmt.Errorf("snapshot %s: it changed while the guest was running from it: %w", l.s.path, bare(err))
			l.failure.CompareAndSwap(nil, &err)
		}
		c.done.Store(true)
		if l.missing.Add(-1) == 0 {
			l.finish()
		}
	})
}

// finish lets go of the file.
func (l *lazyRAM) finish() { l.last.Do(func() { _ = l.s.Close() }) }

func (l *lazyRAM) err() error {
	if l == nil {
		return nil
	}
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// settle waits until all of RAM is there.
func (m *Machine) settle() error {
	l := m.lazy
	if l == nil {
		return nil
	}
	l.workers.Wait()
	if err := l.err(); err != nil {
		return &ConfigError{StatusHost, err}
	}
	for r := range m.ramRegions() {
		r.Fill = nil
	}
	m.lazy = nil
	return nil
}

// stopLazy ends the background work before RAM goes away.
func (m *Machine) stopLazy() {
	if l := m.lazy; l != nil {
		l.quit.Store(true)
		l.workers.Wait()
		l.finish()
		m.lazy = nil
	}
}
