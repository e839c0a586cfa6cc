// Package devices defines what every emulated chip has in common. Each chip
// lives in a package of its own below this one.
//
// Chips run on one thread: every method, timer callback and port access is
// called by the machine's run loop between or during instructions, so chips
// need no locks. Input from other goroutines (keys, serial bytes) is queued by
// the machine and delivered on that thread.
package devices

import "g86/devices/snap"

// ResetKind tells a device which reset pin was pulled.
type ResetKind int

const (
	// PowerOn is the first reset after construction: everything takes its
	// power-up value, battery-backed state (CMOS) is kept.
	PowerOn ResetKind = iota
	// Hard is the platform reset line (port CF9h, 92h or 8042 pulse, triple
	// fault): chips return to their documented RESET# state.
	Hard
)

// Device is one chip on the board.
type Device interface {
	// Name is the chip's unique name on the board, as it appears in error
	// messages, the monitor and snapshot sections ("pic", "ide0").
	Name() string
	// Reset puts the chip into its documented reset state.
	Reset(kind ResetKind)
	// Save writes everything the guest could ever observe.
	Save(w *snap.Writer)
	// Load restores what Save wrote; an error leaves the machine unusable and
	// is reported to the user with the device's name.
	Load(r *snap.Reader) error
}
