//go:build unix

package term

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResize reports changes of the window's size on c.
func notifyResize(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH) }
