//go:build !unix

package machine

// allocate returns n bytes of zeroed memory.
func allocate(n uint64) ([]byte, error) { return make([]byte, n), nil }

// release leaves it to the garbage collector.
func release([]byte) error { return nil }
