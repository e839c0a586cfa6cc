package machine

import (
	"fmt"
	"strings"
	"time"

	"g86/devices/ps2"
)

// Do runs f on the machine's thread, between two instructions, and returns when
// it is done. It works from any goroutine at any time, also while the guest is
// halted or the machine paused or not running; but not from inside f itself or
// from a writer of Config, which are on that thread already.
func (m *Machine) Do(f func()) {
	done := make(chan struct{})
	for !m.post(func() { f(); close(done) }) {
		if m.mu.TryLock() {
			defer m.mu.Unlock()
			if !m.closed {
				f()
			}
			return
		}
		// Somebody else is at it, or Run begins: that keeps the lock and takes the queue.
		time.Sleep(lockPoll)
	}
	<-done
}

const lockPoll = 100 * time.Microsecond

// post queues f for the run loop; false: nobody is in it.
func (m *Machine) post(f func()) bool {
	m.queueMu.Lock()
	defer m.queueMu.Unlock()
	if !m.looping {
		return false
	}
	m.queue = append(m.queue, f)
	m.queued.Store(true)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	m.kick()
	return true
}

func (m *Machine) setLooping(on bool) {
	m.queueMu.Lock()
	m.looping = on
	m.queueMu.Unlock()
}

// serveQueue runs what other goroutines have queued.
func (m *Machine) serveQueue() {
	if m.queued.Load() {
		m.pull()
	}
	for m.queued.Load() {
		m.queueMu.Lock()
		q := m.queue
		m.queue = nil
		m.queued.Store(false)
		m.queueMu.Unlock()
		for _, f := range q {
			f()
		}
	}
}

// SerialInput sends bytes to the guest's serial port (0 is COM1). What its FIFO
// has no room for waits. Safe from any goroutine, as are all below.
func (m *Machine) SerialInput(port int, p []byte) {
	p = append([]byte(nil), p...)
	m.Do(func() {
		m.serial[port] = append(m.serial[port], p...)
		m.feedSerial(port)
	})
}

func (m *Machine) feedSerial(port int) {
	for len(m.serial[port]) > 0 {
		n := m.uarts[port].Receive(m.serial[port])
		m.serial[port] = m.serial[port][n:]
		if n == 0 {
			return
		}
	}
	m.serial[port] = nil
}

// Key presses or releases a key by its name ("a", "ret", "ctrl", "0x1e").
func (m *Machine) Key(name string, down bool) error {
	k, ok := ps2.KeyByName(name)
	if !ok {
		return unknownKey(name)
	}
	m.Do(func() { m.ps2.KeyEvent(k, down) })
	return nil
}

func unknownKey(name string) error {
	return fmt.Errorf("unknown key %q: use names such as a, 1, ret, esc, f1, ctrl, or a code such as 0x1e", name)
}

// SendKey presses keys together, as in "ctrl-alt-delete", and releases them.
func (m *Machine) SendKey(combination string) error {
	var keys []ps2.Key
	for _, name := range strings.Split(combination, "-") {
		k, ok := ps2.KeyByName(name)
		if !ok {
			return unknownKey(name)
		}
		keys = append(keys, k)
	}
	m.Do(func() {
		for _, k := range keys {
			m.ps2.KeyEvent(k, true)
		}
		for i := len(keys) - 1; i >= 0; i-- {
			m.ps2.KeyEvent(keys[i], false)
		}
	})
	return nil
}

// typingPoll is how often an idle guest is offered more of what is being typed.
const typingPoll = 10 * time.Millisecond

// TypeKeys types text on a US keyboard, as fast as the guest takes it.
// Characters without a key are left out.
func (m *Machine) TypeKeys(text string) {
	m.Do(func() {
		for _, r := range text {
			if _, _, ok := ps2.RuneKey(r); ok {
				m.typing = append(m.typing, r)
			}
		}
		m.pumpInput()
	})
}

// pumpInput offers the guest what is being typed.
func (m *Machine) pumpInput() {
	for len(m.typing) > 0 && m.ps2.TypeRune(m.typing[0]) {
		m.typing = m.typing[1:]
	}
}

// Mouse moves the mouse (dx right, dy down, dz wheel) with these buttons held:
// bit 0 left, 1 right, 2 middle.
func (m *Machine) Mouse(dx, dy, dz int, buttons uint8) {
	m.Do(func() { m.ps2.MouseEvent(dx, dy, dz, buttons) })
}

// Pause stops the machine between two instructions, until Resume.
func (m *Machine) Pause() { m.Do(func() { m.paused = true }) }

// Resume lets a paused machine go on.
func (m *Machine) Resume() { m.Do(func() { m.paused = false }) }

// Paused reports whether the machine is paused.
func (m *Machine) Paused() (paused bool) {
	m.Do(func() { paused = m.paused })
	return paused
}

// Reset presses the reset button.
func (m *Machine) Reset() { m.Do(func() { m.stop.reset = true }) }

// PowerButton presses the power button; heard reports whether the guest will
// learn of it, which takes an ACPI system that has enabled the button.
func (m *Machine) PowerButton() (heard bool) {
	m.Do(func() { heard = m.pm.PressPowerButton() })
	return heard
}

// NMI sends a non-maskable interrupt to processor 0.
func (m *Machine) NMI() { m.Do(func() { m.cpus[0].NMI() }) }
