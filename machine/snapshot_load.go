package machine

import (
	"fmt"
	"slices"

	"g86/cpu"
	"g86/devices/snap"
)

// Restore builds the machine of a snapshot. Of host only what concerns the host
// counts: where serial ports, printer and debug consoles lead, the engine, the
// log, and, where they are set, ClockMode and NoReboot. A snapshot that is
// damaged, or does not fit to the images as they are now, is an error and
// nothing comes of it.
func Restore(s *Snapshot, host Config) (*Machine, error) {
	if err := s.checksums(); err != nil {
		return nil, s.fail(err)
	}
	if err := s.readFiles(); err != nil {
		return nil, s.fail(err)
	}
	return s.build(host)
}

// readFiles reads what the guest was started from.
func (s *Snapshot) readFiles() error {
	s.files = map[string][]byte{}
	for i, name := range s.info.Files {
		b, err := s.find(sectFile, uint64(i))
		if err != nil {
			return err
		}
		s.files[name] = b
	}
	return nil
}

// build makes the machine of a snapshot that has been checked.
func (s *Snapshot) build(host Config) (*Machine, error) {
	for _, port := range debugPorts(host.DebugCon) {
		if !slices.Contains(s.info.Machine.DebugCon, port) {
			return nil, s.fail(fmt.Errorf("the guest has no debug console at %#x; leave it out", port))
		}
	}
	cfg := s.Config(host)
	cfg.saved = s
	m, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := m.restore(s); err != nil {
		_ = m.Close()
		return nil, s.fail(err)
	}
	return m, nil
}

// LoadSnapshot puts this machine into the state of a snapshot of a machine with
// the same hardware. On an error, the machine is as it was and goes on. Safe
// from any goroutine.
func (m *Machine) LoadSnapshot(path string) error {
	s, err := OpenSnapshot(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.checksums(); err != nil {
		return s.fail(err)
	}
	m.Do(func() { err = m.reload(s) })
	return s.fail(err)
}

// reload loads s in the place of the present state, which comes back when a
// chip refuses its part.
func (m *Machine) reload(s *Snapshot) error {
	now, err := m.savedConfig()
	if err != nil {
		return err
	}
	if name, mine, theirs := now.hardware().difference(s.info.Machine.hardware()); name != "" {
		return fmt.Errorf("the snapshot is of another machine (%s %v, here %v); start it with `g86 restore`", name, theirs, mine)
	}
	if err := m.settle(); err != nil {
		return err
	}
	ram, file, err := allocate(m.cfg.Memory)
	if err != nil {
		return err
	}
	defer func() { _ = release(ram, file) }()
	if err := s.unpackRAM(ram); err != nil {
		return err
	}
	old := map[string][]byte{}
	for _, p := range m.parts() {
		w := &snap.Writer{}
		p.save(w)
		old[fmt.Sprint(p.name, p.place)] = w.Bytes()
	}
	err = m.check(s)
	if err == nil {
		err = m.loadParts(s.find)
	}
	if err != nil {
		if e := m.loadParts(func(name string, place uint64) ([]byte, error) { return old[fmt.Sprint(name, place)], nil }); e != nil {
			return fmt.Errorf("%w; and the state before does not come back: %w", err, e)
		}
		return err
	}
	s.copyRAM(m.ram, ram)
	m.loaded()
	return nil
}

// restore loads s into a machine that has just been built for it.
func (m *Machine) restore(s *Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(s); err != nil {
		return err
	}
	if s.shared == nil {
		if err := m.startLazy(s); err != nil {
			return err
		}
	}
	if err := m.loadParts(s.find); err != nil {
		return err
	}
	m.loaded()
	if m.lazy != nil {
		m.lazy.unpackRest()
	}
	return nil
}

// check compares what is not in the snapshot with what was there when it was
// taken.
func (m *Machine) check(s *Snapshot) error {
	if m.firmwareHash() != s.info.Firmware {
		return fmt.Errorf("the snapshot was taken with other firmware, by g86 %s; use that g86", s.info.Version)
	}
	if len(m.images) != len(s.info.Drives) {
		return damaged("it tells of %d drives, but its configuration has %d", len(s.info.Drives), len(m.images))
	}
	for i, img := range m.images {
		d := &s.info.Drives[i]
		mod, err := img.Modified()
		switch {
		case err != nil:
			return fmt.Errorf("disk image %s: %w", img.Name(), err)
		case img.Size() != d.Size:
			return fmt.Errorf("disk image %s has %d bytes; the snapshot was taken with one of %d", img.Name(), img.Size(), d.Size)
		case img.Snapshot() != d.Snapshot:
			return fmt.Errorf("disk image %s: snapshot=on is not as it was; open it as the snapshot says", img.Name())
		case mod != d.Modified && !s.AcceptChangedDisks:
			return fmt.Errorf("disk image %s was written after the snapshot was taken, and the guest's idea of it is no longer true; "+
				"bring the old image back, use snapshot=on next time, or add --accept-changed-disks", img.Name())
		}
	}
	return nil
}

// loadParts loads every part but RAM. get finds a section's data.
func (m *Machine) loadParts(get func(name string, place uint64) ([]byte, error)) error {
	states := make([]cpu.State, len(m.cpus))
	m.retired = 0
	for i := range states {
		b, err := get(sectCPU, uint64(i))
		if err != nil {
			return err
		}
		r := snap.NewReader(b)
		if err := finish(r, r.Struct(&states[i])); err != nil {
			return fmt.Errorf("processor %d: %w", i, err)
		}
		m.retired += states[i].ICount
	}
	var clock []byte
	for _, p := range m.parts() {
		if p.load == nil {
			continue
		}
		b, err := get(p.name, p.place)
		if err != nil {
			return err
		}
		if p.name == sectClock {
			clock = b
		}
		r := snap.NewReader(b)
		if err := finish(r, p.load(r)); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := m.clk.Load(snap.NewReader(clock)); err != nil { // the chips may have armed timers
		return err
	}
	for i, c := range m.cpus {
		if err := c.Restore(&states[i]); err != nil {
			return fmt.Errorf("processor %d: %w", i, err)
		}
		c.SetA20(m.sysctl.A20())
	}
	return nil
}

// finish adds to a chip's verdict that everything must have been read.
func finish(r *snap.Reader, err error) error {
	if err == nil && r.Rest() > 0 {
		err = damaged("%d bytes too many", r.Rest())
	}
	return err
}

func (m *Machine) loadBoard(r *snap.Reader) error {
	var s savedMachine
	if err := r.Struct(&s); err != nil {
		return err
	}
	if s.State.Current < 0 || s.State.Current >= len(m.cpus) || s.State.Left > quantum {
		return fmt.Errorf("turn %d of %d processors is impossible", s.State.Current, len(m.cpus))
	}
	m.state, m.stop, m.serial, m.typing = s.State, s.Stop, s.Serial, s.Typing
	for i, l := range m.lines {
		l.SetLevels(s.Lines[i])
	}
	for i, g := range m.gates {
		g.level, g.blocked = s.Gates[i].Level, s.Gates[i].Blocked
	}
	return nil
}

// loaded drops what was derived from the state before.
func (m *Machine) loaded() {
	m.code.Flush()
	for _, c := range m.cpus {
		c.Remapped()
	}
	if k := m.engine.kvm; k != nil {
		m.retuneTSC(k.TSCHz())
	}
	m.idle = idleState{}
	m.tune.restart(m)
}

// unpackRAM unpacks RAM into ram, which is all zero.
func (s *Snapshot) unpackRAM(ram []byte) error {
	if uint64(len(ram)) != s.info.Machine.Memory {
		return damaged("it has %d bytes of memory, the machine %d", s.info.Machine.Memory, len(ram))
	}
	return parallel(len(s.list), func(i int) error {
		x := &s.list[i]
		if x.name != sectRAM {
			return nil
		}
		to := ram[x.place : x.place : x.place+x.size]
		_, err := x.data(s.file, to)
		return err
	})
}

// copyRAM makes to equal to from, which s was unpacked into. Where s holds
// nothing, pages that nobody has touched stay so.
func (s *Snapshot) copyRAM(to, from []byte) {
	full := map[uint64]bool{}
	for i := range s.list {
		if x := &s.list[i]; x.name == sectRAM {
			full[x.place] = true
		}
	}
	_ = parallel((len(to)+ramChunk-1)/ramChunk, func(i int) error {
		at := i * ramChunk
		t := to[at:min(at+ramChunk, len(to))]
		if full[uint64(at)] {
			copy(t, from[at:])
		} else if !zeroPage(t) {
			clear(t)
		}
		return nil
	})
}
