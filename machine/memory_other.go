//go:build !unix

package machine

import "os"

// allocate returns n bytes of zeroed memory.
func allocate(n uint64) ([]byte, *os.File, error) { return make([]byte, n), nil, nil }

// release leaves it to the garbage collector.
func release([]byte, *os.File) error { return nil }

func unmapPages([]byte) {}
