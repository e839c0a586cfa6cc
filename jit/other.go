//go:build !(linux && amd64)

package jit

import (
	"errors"

	"g86/cpu"
	"g86/cpu/isa"
)

// Engine is the translator of one machine; this host has none.
type Engine struct {
	Stats  Stats
	Checks Checks
}

// Attach says that this host cannot translate.
func Attach(*cpu.CodeCache, int) (*Engine, error) { return nil, errHost }

var errHost = errors.New("translation needs a Linux host with an x86-64 processor")

// Supported says that this host cannot translate.
func Supported() error { return errHost }

// Trial says that this host cannot translate.
func Trial() error { return errHost }

// Translates reports that nothing becomes host code.
func Translates(isa.ID) bool { return false }

// SyscallGS is false.
func (*Engine) SyscallGS() bool { return false }

// Hold does nothing.
func (*Engine) Hold() {}

// Release does nothing.
func (*Engine) Release() {}

// HostFeatures finds none.
func HostFeatures() (has, lacks []string) { return nil, nil }

// Dual is false.
func (*Engine) Dual() bool { return false }

// Windows is false.
func (*Engine) Windows() bool { return false }

// Close does nothing.
func (*Engine) Close() error { return nil }

// Explain says that this host cannot translate.
func Explain([]byte, uint64, isa.Mode, *cpu.Model, bool) (string, error) { return "", errHost }

// Explain finds nothing.
func (*Engine) Explain(uint64, int) (string, bool) { return "", false }

// PerfMap says that this host cannot translate.
func (*Engine) PerfMap(func(uint64) string) (string, error) { return "", errHost }

// Hot is empty.
func (*Engine) Hot() []HotBlock { return nil }
