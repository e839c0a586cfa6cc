//go:build !linux || !amd64

// Package kvm runs processors on the host's own through /dev/kvm: on x86-64 hosts with
// Linux.
package kvm

import (
	"errors"

	"g86/cpu"
)

var errHost = errors.New("it takes Linux on an x86-64 host")

// The types and functions of the other files of this package, for hosts without.
type (
	Host   struct{}
	Memory struct {
		Base            uint64
		Host            []byte
		ReadOnly, Track bool
	}
	Config struct {
		CPUs      []*cpu.CPU
		Memory    func() []Memory
		PsPerInsn func() uint64
		TSCHz     uint64
	}
	VM    struct{ Stats Stats }
	VCPU  struct{}
	Stats struct{}
	Probe struct{ InsnsPerSecond, ExitNS uint64 }
)

func Open() (*Host, error)                   { return nil, errHost }
func (*Host) Close() error                   { return nil }
func (*Host) Lacks(*cpu.Model) []string      { return nil }
func (*Host) Probe() (Probe, error)          { return Probe{}, errHost }
func New(*Host, Config) (*VM, error)         { return nil, errHost }
func (*VM) TSCHz() uint64                    { return 0 }
func (*VM) VCPU(int) *VCPU                   { return nil }
func (*VM) Pull() error                      { return nil }
func (*VM) Idle()                            {}
func (*VM) Remapped()                        {}
func (*VM) Kick()                            {}
func (*VM) Close() error                     { return nil }
func (*VM) Dirty(uint64, func(uint64)) error { return errHost }
func (Stats) String() string                 { return "" }
func (*VCPU) Run(uint64) (cpu.Exit, error)   { return cpu.ExitStop, errHost }
func (*VCPU) Pull() error                    { return nil }
