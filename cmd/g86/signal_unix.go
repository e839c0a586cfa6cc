//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// dieOf ends the process by the signal that asked for it, so that the parent
// sees the truth. What it returns is for the case that the signal does not kill.
func dieOf(s os.Signal) int {
	signal.Reset(s)
	if n, ok := s.(syscall.Signal); ok {
		_ = syscall.Kill(os.Getpid(), n)
		time.Sleep(100 * time.Millisecond) // the signal arrives on any thread
		return 128 + int(n)
	}
	return 1
}
