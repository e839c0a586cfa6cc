//go:build linux && amd64

package kvm

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"g86/cpu"
)

// exit serves the exit that the last run ended with.
func (v *VCPU) exit() error {
	r := v.run
	v.vm.Stats.Exits[r.reason%numExitReasons]++
	switch r.reason {
	case exitIO:
		v.asked = true
		v.io((*runIO)(unsafe.Pointer(&r.data)))
	case exitMMIO:
		v.asked = true
		v.mmio((*runMMIO)(unsafe.Pointer(&r.data)))
	case exitRDMSR, exitWRMSR:
		v.asked = true
		return v.msr((*runMSR)(unsafe.Pointer(&r.data)))
	case exitHLT:
		return v.halt()
	case exitWindow, exitINTR, exitSetTPR:
	case exitShutdown:
		if err := v.Pull(); err != nil {
			return err
		}
		v.cpu.Shutdown = true
	case exitInternal, exitFailEntry, exitUnknown, exitException:
		return v.interpret()
	default:
		return fmt.Errorf("kvm: processor %d: exit %d is not known", v.cpu.ID, r.reason)
	}
	return nil
}

// io serves IN, OUT, INS and OUTS.
func (v *VCPU) io(x *runIO) {
	b, size := v.cpu.Board(), int(x.Size)
	for i := range uint64(x.Count) {
		p := v.page[x.Offset+i*uint64(x.Size):]
		var value [4]byte
		if x.Out != 0 {
			copy(value[:size], p)
			b.Out(x.Port, size, binary.LittleEndian.Uint32(value[:]))
			continue
		}
		binary.LittleEndian.PutUint32(value[:], b.In(x.Port, size))
		copy(p, value[:size])
	}
}

// mmio serves an access to what is not plain memory.
func (v *VCPU) mmio(x *runMMIO) {
	b := v.cpu.Board()
	for off := uint64(0); off < uint64(x.Len); {
		size := 1
		for left := uint64(x.Len) - off; uint64(2*size) <= left && size < 8; {
			size *= 2
		}
		p := x.Data[off:]
		var value [8]byte
		if x.Write != 0 {
			copy(value[:size], p)
			b.Write(x.Addr+off, size, binary.LittleEndian.Uint64(value[:]))
		} else {
			binary.LittleEndian.PutUint64(value[:], b.Read(x.Addr+off, size))
			copy(p, value[:size])
		}
		off += uint64(size)
	}
}

// msr serves RDMSR and WRMSR of registers that are not in the kernel. What the kernel
// refused of its own is #GP.
func (v *VCPU) msr(x *runMSR) error {
	c, ok := v.cpu, false
	switch {
	case x.Reason == msrExitInval:
	case v.run.reason == exitRDMSR:
		x.Data, ok = c.ReadMSR(x.Index)
	default:
		if x.Index == msrDeadline {
			now, err := v.tsc() // the deadline is meant on the guest's counter
			if err != nil {
				return err
			}
			c.TSCOffset = now - c.Board().TSC()
		}
		ok = c.WriteMSR(x.Index, x.Data)
		if ok && x.Index == msrAPICBase {
			x.Error = 0
			return v.Pull() // the next push tells the kernel
		}
	}
	x.Error = 1
	if ok {
		x.Error = 0
	}
	return nil
}

// halt notes HLT: the board decides when it ends.
func (v *VCPU) halt() error {
	c := v.cpu
	c.Halted = true
	c.RFLAGS &^= cpu.FlagIF
	if v.run.ifFlag != 0 {
		c.RFLAGS |= cpu.FlagIF
	}
	return nil
}

// The kernel emulates what the host's processor does not run itself, and its emulator
// does not know all instructions; older processors refuse some states altogether. The
// interpreter then goes on, for longer and longer while that repeats.
const (
	maxFallback  = 1 << 16
	fallbackSoon = time.Millisecond
)

func (v *VCPU) interpret() error {
	v.failed = true
	if err := v.Pull(); err != nil {
		return err
	}
	if now := time.Since(v.vm.start); now-v.lastFall < fallbackSoon {
		v.fallback = min(2*v.fallback, maxFallback)
	} else {
		v.fallback = 1
	}
	before := v.cpu.ICount
	exit := v.cpu.Interpret(v.fallback)
	v.vm.Stats.Interpreted += v.cpu.ICount - before
	v.vm.Idle() // these have been counted
	v.lastFall = time.Since(v.vm.start)
	if exit == cpu.ExitStop {
		v.cpu.Stop() // for Run to see
	}
	return nil
}
