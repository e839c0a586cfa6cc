//go:build !linux || !amd64

package silicon

import "errors"

// Host is the processor this program runs on; on this system it cannot be used.
type Host struct{ Oracle }

// Open says that there is no oracle.
func Open() (*Host, error) {
	return nil, errors.New("the comparison with the host's processor needs linux/amd64")
}

// Close does nothing.
func (h *Host) Close() {}
