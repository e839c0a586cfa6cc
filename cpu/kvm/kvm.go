//go:build linux && amd64

// Package kvm runs processors on the host's own through /dev/kvm. Interrupt
// controllers, timers and all other chips stay the board's: KVM's own are not used, so
// that a machine is the same under every engine and can move between them.
//
// While a processor runs here its State is in the kernel; Pull brings it back, the next
// Run pushes it again. What the kernel cannot emulate, the interpreter runs.
//
// The instruction count of such a processor is not a count of instructions. It advances
// with the host's time at the rate of the machine's clock, so that guest time, timers
// and turns go on when the machine changes its engine.
package kvm

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"g86/cpu"
	"golang.org/x/sys/unix"
)

// Config describes the machine around the processors.
type Config struct {
	CPUs []*cpu.CPU
	// Memory gives the plain memory that the processors see, sorted and without overlaps.
	Memory func() []Memory
	// PsPerInsn is the guest time of an instruction in picoseconds.
	PsPerInsn func() uint64
	// TSCHz is the rate of the time-stamp counter that is wanted; see VM.TSCHz.
	TSCHz uint64
}

// VM is a machine's processors under KVM.
type VM struct {
	host  *Host
	cfg   Config
	fd    int
	vcpus []*VCPU
	slots map[uint64]*slot // by guest address
	free  []uint32         // slot numbers that are not in use
	stale bool             // the layout of memory has changed
	start time.Time
	last  time.Duration // since start: up to here the counts know of time
	tscHz uint64

	mu     sync.Mutex
	closed bool // Kick must not touch the processors any more

	Stats Stats
}

// Stats count what happened, for `info kvm`.
type Stats struct {
	Exits       [numExitReasons]uint64
	Kicks       uint64 // runs that were ended from here
	Pulls       uint64
	Pushes      uint64
	Interpreted uint64 // instructions that the kernel could not emulate
	Remaps      uint64
}

var exitNames = map[uint32]string{exitIO: "port", exitDebug: "debug", exitHLT: "hlt", exitMMIO: "mmio", exitWindow: "interrupt window",
	exitShutdown: "shutdown", exitFailEntry: "entry refused", exitINTR: "signal", exitSetTPR: "tpr", exitInternal: "not emulated",
	exitRDMSR: "rdmsr", exitWRMSR: "wrmsr"}

func (s Stats) String() string {
	var b strings.Builder
	fmt.Fprint(&b, "exits:")
	for i, n := range s.Exits {
		if n != 0 {
			name := exitNames[uint32(i)]
			if name == "" {
				name = fmt.Sprint("reason ", i)
			}
			fmt.Fprintf(&b, " %s %d,", name, n)
		}
	}
	fmt.Fprintf(&b, " ended from here %d\nstate: pulled %d, pushed %d times; memory mapped anew %d times\ninterpreted instructions: %d\n",
		s.Kicks, s.Pulls, s.Pushes, s.Remaps, s.Interpreted)
	return b.String()
}

// New makes the processors of cfg run under KVM. The host stays the caller's.
func New(h *Host, cfg Config) (*VM, error) {
	vm := &VM{host: h, cfg: cfg, slots: map[uint64]*slot{}, stale: true, start: time.Now()}
	if len(cfg.CPUs) > h.maxCPUs {
		return nil, fmt.Errorf("kvm: the host allows %d processors, not %d", h.maxCPUs, len(cfg.CPUs))
	}
	fd, err := ioctl(h.fd, ioCreateVM, 0)
	if err != nil {
		return nil, fmt.Errorf("kvm: KVM_CREATE_VM: %w", failure(err))
	}
	vm.fd = fd
	if err := vm.setUp(); err != nil {
		return nil, errors.Join(err, vm.Close())
	}
	return vm, nil
}

// Pages that KVM needs for guests in real mode on older processors: between the
// registers of the APICs and the firmware, where no guest looks for memory.
const (
	identityMapAddr = 0xfeffc000
	tssAddr         = 0xfeffd000
)

func (vm *VM) setUp() error {
	at := uint64(identityMapAddr)
	if err := control(vm.fd, ioSetIdentityMap, "KVM_SET_IDENTITY_MAP_ADDR", &at); err != nil {
		return err
	}
	if _, err := ioctl(vm.fd, ioSetTSSAddr, tssAddr); err != nil {
		return fmt.Errorf("kvm: KVM_SET_TSS_ADDR: %w", err)
	}
	if err := vm.filterMSRs(); err != nil {
		return err
	}
	payload := enableCap{Cap: capPayload, Args: [4]uint64{1}}
	if err := control(vm.fd, ioEnableCap, "KVM_CAP_EXCEPTION_PAYLOAD", &payload); err != nil {
		return err
	}
	if vm.host.has(capFailure) != 0 { // a failure of the kernel's emulator in any ring is an exit, not #UD
		c := enableCap{Cap: capFailure, Args: [4]uint64{1}}
		if err := control(vm.fd, ioEnableCap, "KVM_CAP_EXIT_ON_EMULATION_FAILURE", &c); err != nil {
			return err
		}
	}
	for _, c := range vm.cfg.CPUs {
		v, err := vm.newVCPU(c)
		if err != nil {
			return err
		}
		vm.vcpus = append(vm.vcpus, v)
	}
	return nil
}

// TSCHz is the rate of the guest's time-stamp counter: the one asked for, or the host's
// where that cannot be changed.
func (vm *VM) TSCHz() uint64 { return vm.tscHz }

// VCPU is processor i.
func (vm *VM) VCPU(i int) *VCPU { return vm.vcpus[i] }

// Pull brings the State of all processors up to date.
func (vm *VM) Pull() error {
	var first error
	for _, v := range vm.vcpus {
		if err := v.Pull(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Idle tells that host time has passed which is not the guest's.
func (vm *VM) Idle() { vm.last = time.Since(vm.start) }

// Remapped tells that the layout of memory has changed.
func (vm *VM) Remapped() { vm.stale = true }

// Kick ends the run of all processors soon. Safe from any goroutine.
func (vm *VM) Kick() { vm.kick(vm.vcpus...) }

func (vm *VM) kick(vcpus ...*VCPU) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.closed {
		return
	}
	for _, v := range vcpus {
		v.kick()
	}
}

// account adds the host time that has passed to a processor's count.
func (vm *VM) account(c *cpu.CPU) {
	now := time.Since(vm.start)
	ps := vm.cfg.PsPerInsn()
	n := uint64(now-vm.last) * 1000 / ps
	c.ICount += n
	vm.last += time.Duration(n * ps / 1000)
}

// Close gives everything back. State is what it was at the last Pull.
func (vm *VM) Close() error {
	vm.mu.Lock()
	vm.closed = true
	vm.mu.Unlock()
	var errs []error
	for _, v := range vm.vcpus {
		errs = append(errs, v.close())
	}
	errs = append(errs, unix.Close(vm.fd))
	runtime.KeepAlive(vm.slots)
	return errors.Join(errs...)
}
