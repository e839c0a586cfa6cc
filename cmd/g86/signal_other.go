//go:build !unix

package main

import "os"

// dieOf is the status of a process that a signal ended, where signals cannot be
// sent.
func dieOf(os.Signal) int { return 130 }
