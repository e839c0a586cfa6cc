//go:build !unix

package machine

import (
	"errors"
	"os"
)

func anonymousFile() (*os.File, error) {
	return nil, errors.New("not on this host; use `g86 restore` once for each copy")
}

func mapPrivate(*os.File, uint64) ([]byte, error) {
	return nil, errors.New("not on this host")
}
