//go:build unix && !linux

package machine

import "os"

// anonymousFile is a temporary file that nobody else can name.
func anonymousFile() (*os.File, error) {
	f, err := os.CreateTemp("", "g86-ram-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
