//go:build !(linux && amd64)

package jit

import (
	"errors"

	"g86/cpu"
)

// Engine is the translator of one machine; this host has none.
type Engine struct{ Stats Stats }

// Attach says that this host cannot translate.
func Attach(*cpu.CodeCache, int) (*Engine, error) {
	return nil, errors.New("translation needs a Linux host with an x86-64 processor")
}

// Close does nothing.
func (*Engine) Close() error { return nil }
