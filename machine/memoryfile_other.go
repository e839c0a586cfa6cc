//go:build unix && !linux

package machine

import "os"

// memoryFile is nil: this host has no files without names.
func memoryFile(uint64) *os.File { return nil }
