//go:build linux && amd64

package kvm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"g86/cpu"
	"golang.org/x/sys/unix"
)

// VCPU is a processor in the kernel.
type VCPU struct {
	vm   *VM
	cpu  *cpu.CPU
	fd   int
	page []byte // shared with the kernel
	run  *runPage
	msrs []int // of msrFields, the registers that the kernel has

	tscOffset bool // the offset of the time-stamp counter can be set
	tscFixed  bool // the counter cannot be set at all: it is the host's

	loaded   bool // the state is in the kernel
	asked    bool // the guest's last exit waits for its completion by the next run
	failed   bool // the last exit was for an instruction that the kernel could not emulate
	ready    bool // an interrupt can be injected now
	cr8      uint64
	fallback uint64        // how many instructions the interpreter runs when the kernel cannot
	lastFall time.Duration // when it last did

	timer  *time.Timer
	armed  time.Duration // when it fires, since vm.start; 0: it does not
	thread atomic.Int64  // that is in the kernel, 0: none

	buf transfer // of Pull and push
}

func (vm *VM) newVCPU(c *cpu.CPU) (*VCPU, error) {
	fd, err := ioctl(vm.fd, ioCreateVCPU, uintptr(c.ID))
	if err != nil {
		return nil, fmt.Errorf("kvm: KVM_CREATE_VCPU %d: %w", c.ID, failure(err))
	}
	page, err := unix.Mmap(fd, 0, vm.host.mmapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kvm: the state of processor %d cannot be mapped: %w", c.ID, failure(err)), unix.Close(fd))
	}
	v := &VCPU{vm: vm, cpu: c, fd: fd, page: page, run: (*runPage)(unsafe.Pointer(&page[0])), fallback: 1}
	v.timer = time.AfterFunc(time.Hour, func() { vm.kick(v) })
	v.timer.Stop()
	if err := v.setUp(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *VCPU) setUp() error {
	if err := v.setCPUID(); err != nil {
		return err
	}
	v.probeMSRs()
	khz := v.vm.cfg.TSCHz / 1000
	_, err := ioctl(v.fd, ioSetTSCKHz, uintptr(khz))
	if err != nil { // the host cannot scale: its own rate it is
		n, err := ioctl(v.fd, ioGetTSCKHz, 0)
		if err != nil {
			return v.wrap("KVM_GET_TSC_KHZ", err)
		}
		khz = uint64(n)
	}
	v.vm.tscHz = khz * 1000
	a := deviceAttr{Group: tscGroup, Attr: tscOffset}
	_, err = ioctl(v.fd, ioHasDeviceAttr, uintptr(unsafe.Pointer(&a)))
	v.tscOffset = err == nil
	return v.probeTSC()
}

// probeTSC finds out whether the time-stamp counter can be set. There are hosts where
// guests run with the host's own, whatever the kernel says.
func (v *VCPU) probeTSC() error {
	const ahead = 1 << 40
	before, err := v.tsc()
	if err != nil {
		return err
	}
	if err := v.setTSC(before + ahead); err != nil {
		return err
	}
	after, err := v.tsc()
	v.tscFixed = after-before < ahead
	return err
}

func (v *VCPU) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("kvm: processor %d: %s: %w", v.cpu.ID, what, failure(err))
}

func (v *VCPU) close() error {
	v.timer.Stop()
	return errors.Join(unix.Munmap(v.page), unix.Close(v.fd))
}

// kickSignal interrupts KVM_RUN. The Go runtime has a handler for it on every thread,
// and takes one that it did not send as nothing to do.
const kickSignal = unix.SIGURG

// kick ends the present or next run.
func (v *VCPU) kick() {
	setByte(&v.run.immediate, 1)
	if tid := v.thread.Load(); tid != 0 {
		_ = unix.Tgkill(os.Getpid(), int(tid), kickSignal)
	}
}

// setByte stores a byte that the kernel or another thread looks at. Each has its own
// byte, which nobody else writes to at the same time with another value in mind: kick
// sets it and a run that has ended clears it, before it looks at the reasons for kicks.
//
//go:noinline
func setByte(p *uint8, v uint8) { *p = v }

// Run runs the processor until its count reaches limit or there is another reason to
// stop. The error is the host's.
func (v *VCPU) Run(limit uint64) (cpu.Exit, error) {
	c := v.cpu
	c.SetLimit(limit)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	v.thread.Store(int64(unix.Gettid()))
	defer v.thread.Store(0)
	for {
		v.vm.account(c)
		switch {
		case c.TakeStop():
			return cpu.ExitStop, nil
		case c.Shutdown:
			return cpu.ExitShutdown, nil
		case c.WaitSIPI:
			return cpu.ExitHalt, nil
		case c.Halted && !c.Runnable():
			return cpu.ExitHalt, nil
		case c.ICount >= c.Limit():
			return cpu.ExitLimit, nil
		}
		if err := v.enter(); err != nil {
			return cpu.ExitStop, err
		}
	}
}

// enter runs the guest up to its next exit and serves that.
func (v *VCPU) enter() error {
	if v.vm.stale {
		if err := v.vm.remap(); err != nil {
			return err
		}
	}
	if !v.loaded {
		if err := v.push(); err != nil {
			return err
		}
		if v.cpu.Halted || v.cpu.Shutdown {
			return nil // delivering what was pending came to this
		}
	}
	if v.cpu.Halted {
		v.cpu.Halted = false
		if err := v.catchUp(); err != nil {
			return err
		}
	}
	if err := v.inject(); err != nil {
		return err
	}
	v.arm()
	asked := v.asked
	_, err := ioctl(v.fd, ioRun, 0)
	setByte(&v.run.immediate, 0)
	v.asked = false
	v.vm.account(v.cpu)
	v.ready = v.run.ready != 0 && v.run.ifFlag != 0
	if v.run.cr8 != v.cr8 {
		v.cr8 = v.run.cr8
		v.cpu.Board().SetTPR(uint8(v.cr8) << 4)
	}
	switch {
	case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN):
		v.vm.Stats.Kicks++
		v.asked = asked // hosts may be interrupted before they finish an instruction; to ask twice does no harm
		return nil
	case err != nil:
		return v.wrap("KVM_RUN", err)
	}
	return v.exit()
}

// arm has the run end when the count reaches the limit.
func (v *VCPU) arm() {
	left := v.cpu.Limit() - v.cpu.ICount
	ps := v.vm.cfg.PsPerInsn()
	const longest = 100 * time.Millisecond
	d := longest
	if left < uint64(longest)*1000/ps {
		d = time.Duration(left*ps/1000) + 1
	}
	at := v.vm.last + d
	if v.armed <= v.vm.last || at < v.armed {
		v.armed = at
		v.timer.Reset(d)
	}
}

// inject gives the guest the interrupts that wait for it, or asks to be told when it
// can take one.
func (v *VCPU) inject() error {
	c, b := v.cpu, v.cpu.Board()
	if c.PendingNMI {
		c.PendingNMI = false
		if _, err := ioctl(v.fd, ioNMI, 0); err != nil {
			return v.wrap("KVM_NMI", err)
		}
	}
	v.cr8 = uint64(b.TPR() >> 4)
	v.run.cr8 = v.cr8
	v.run.window = 0
	if !b.Interrupt() {
		return nil
	}
	if v.ready {
		if vector := b.Ack(); vector >= 0 {
			irq := uint32(vector)
			if err := control(v.fd, ioInterrupt, "KVM_INTERRUPT", &irq); err != nil {
				return err
			}
			v.ready = false
		}
		if !b.Interrupt() {
			return nil
		}
	}
	v.run.window = 1
	return nil
}

// catchUp puts the guest's time-stamp counter forward by the time that passed on the
// board while it was halted and not on the host.
func (v *VCPU) catchUp() error {
	now, err := v.tsc()
	if err != nil {
		return err
	}
	board := v.cpu.Board().TSC()
	if behind := board + v.cpu.TSCOffset - now; !v.tscFixed && int64(behind) > int64(v.vm.tscHz/100_000) { // 10 microseconds
		return v.setTSC(now + behind)
	}
	v.cpu.TSCOffset = now - board // the host's clocks drift apart a little
	return nil
}
