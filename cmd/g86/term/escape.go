// Package term shows the guest's screen in the host's terminal and turns the
// terminal's input into PC keys (--display term). Its prefix key decoder,
// Escape, also serves a serial console on standard input.
package term

// Prefix is the key that introduces a command to g86 itself: Ctrl-A.
const Prefix = 0x01

// Command is what the key after the prefix asks for.
type Command int

// Commands.
const (
	Quit    Command = iota // x
	Monitor                // c
	Help                   // h, ?
)

// HelpText explains the keys.
const HelpText = `Ctrl-A h       this help
Ctrl-A x       quit g86
Ctrl-A c       monitor and back
Ctrl-A Ctrl-A  send Ctrl-A to the guest`

// Escape splits terminal input into bytes for the guest and commands. The zero
// value is ready. A prefix may end one Feed and its key begin the next.
type Escape struct{ armed bool }

// Feed takes input apart, in order: runs of bytes for the guest go to pass,
// commands to do. An unknown key after the prefix is dropped.
func (e *Escape) Feed(p []byte, pass func([]byte), do func(Command)) {
	from := 0
	flush := func(to int) {
		if to > from {
			pass(p[from:to])
		}
	}
	for i, b := range p {
		if !e.armed {
			if b == Prefix {
				flush(i)
				e.armed, from = true, i+1
			}
			continue
		}
		e.armed, from = false, i+1
		switch b {
		case Prefix:
			pass([]byte{Prefix})
		case 'x', 'X', 'x' & 0x1f:
			do(Quit)
		case 'c', 'C', 'c' & 0x1f:
			do(Monitor)
		case 'h', 'H', '?':
			do(Help)
		}
	}
	flush(len(p))
}
