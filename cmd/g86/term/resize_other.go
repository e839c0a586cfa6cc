//go:build !unix

package term

import "os"

// notifyResize does nothing: draw notices a new size by asking for it.
func notifyResize(chan<- os.Signal) {}
