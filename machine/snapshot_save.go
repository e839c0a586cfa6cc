package machine

import (
	"encoding/json"
	"io"
	"runtime"
	"sync"

	"g86/devices/snap"
)

// savedMachine is what belongs to the board and to no chip: whose turn it is,
// what waits to happen, and the levels of wires.
type savedMachine struct {
	State  runState
	Stop   stopReason
	Serial [4][]byte // host input on its way into the guest
	Typing []rune
	Lines  [16]uint64 // drivers of the ISA interrupts
	Gates  [2]struct{ Level, Blocked bool }
}

// SaveSnapshot writes the whole machine to a file, between two instructions. The
// file takes its name when it is complete; until then, and when anything goes
// wrong, an older file of that name is as it was, and the guest goes on either
// way. Safe from any goroutine.
func (m *Machine) SaveSnapshot(path string) error { return m.saveSnapshot(hostDir{}, path) }

func (m *Machine) saveSnapshot(d snapDir, path string) (err error) {
	m.Do(func() { err = writeAtomically(d, path, m.writeSnapshot) })
	return err
}

// writeSnapshot writes a snapshot; the machine stands still.
func (m *Machine) writeSnapshot(w io.Writer) error {
	if err := m.settle(); err != nil {
		return err
	}
	info, err := m.info()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	out := snapWriter{w}
	if err := out.start(); err != nil {
		return err
	}
	if err := out.put(sectInfo, 0, text); err != nil {
		return err
	}
	for i, name := range info.Files {
		if err := out.put(sectFile, uint64(i), m.boot.files[name]); err != nil {
			return err
		}
	}
	for _, p := range m.parts() {
		b := &snap.Writer{}
		p.save(b)
		if err := out.put(p.name, p.place, b.Bytes()); err != nil {
			return err
		}
	}
	if err := m.writeRAM(out); err != nil {
		return err
	}
	return out.end()
}

// part is one section of what is neither description nor RAM.
type part struct {
	name  string
	place uint64
	save  func(*snap.Writer)
	load  func(*snap.Reader) error
}

// parts lists them in the order in which they are loaded. It matters:
//
//   - the clock is first, as chips ask it for the time while they load;
//   - loading a chip may drive its wires, so the interrupt controllers follow
//     the chips, and the levels of the wires, which are set silently, follow them;
//   - loading a chip may arm a timer, so the clock is loaded once more;
//   - the processors come last: everything before may knock at their pins.
func (m *Machine) parts() []part {
	var l []part
	for i, c := range m.cpus {
		l = append(l, part{name: sectCPU, place: uint64(i), save: func(w *snap.Writer) { w.Struct(c.Pull()) }})
	}
	for i, img := range m.images {
		if img.Snapshot() {
			l = append(l, part{sectDisk, uint64(i), img.SaveOverlay, img.LoadOverlay})
		}
	}
	l = append(l, part{sectClock, 0, m.clk.Save, m.clk.Load})
	late := map[string]bool{m.pic.Name(): true}
	if m.apics != nil {
		late[m.apics.Name()] = true
	}
	for _, after := range []bool{false, true} {
		for _, d := range m.devs {
			if late[d.Name()] == after {
				l = append(l, part{sectDevice + d.Name(), 0, d.Save, d.Load})
			}
		}
	}
	return append(l, part{sectMachine, 0, m.saveBoard, m.loadBoard})
}

func (m *Machine) saveBoard(w *snap.Writer) {
	s := savedMachine{State: m.state, Stop: m.stop, Serial: m.serial, Typing: m.typing}
	s.State.Left = min(s.State.Left, quantum) // KVM's turns are longer
	for i, l := range m.lines {
		s.Lines[i] = l.Levels()
	}
	for i, g := range m.gates {
		s.Gates[i].Level, s.Gates[i].Blocked = g.level, g.blocked
	}
	w.Struct(&s)
}

// writeRAM writes all chunks that hold anything, packed by all of the host's
// processors.
func (m *Machine) writeRAM(out snapWriter) error {
	type packed struct {
		h    section
		body []byte
		room *[]byte // of chunkBuffers
		done chan struct{}
	}
	n := (len(m.ram) + ramChunk - 1) / ramChunk
	workers := runtime.GOMAXPROCS(0)
	queue := make(chan *packed, 2*workers) // in the order of the file
	work := make(chan func())
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	wg.Go(func() {
		defer close(queue)
		defer close(work)
		for i := range n {
			at := i * ramChunk
			p := &packed{done: make(chan struct{})}
			job := func() {
				defer close(p.done)
				if data := m.ram[at:min(at+ramChunk, len(m.ram))]; !zeroPage(data) {
					p.room = chunkBuffers.Get().(*[]byte)
					p.h, p.body = packInto((*p.room)[:0], sectRAM, uint64(at), data)
				}
			}
			select {
			case queue <- p:
			case <-quit:
				return
			}
			work <- job
		}
	})
	var err error
	for p := range queue {
		<-p.done
		if err == nil && p.body != nil {
			if err = out.section(p.h, p.body); err != nil {
				close(quit)
			}
		}
		if p.room != nil {
			chunkBuffers.Put(p.room)
		}
	}
	wg.Wait()
	return err
}
