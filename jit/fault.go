//go:build linux && amd64

package jit

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"g86/cpu"
)

// The host's faults. Where an instruction of host code finds nothing in a window, or an operand
// of SSE that is not aligned, the host's kernel sends SIGSEGV, and the handler in fault_amd64.s makes host code go on at the exit that
// belongs to the instruction. All other signals go to Go's handler.

// fault is an instruction that may raise one and the exit that belongs to it: offsets in
// the code buffer.
type fault struct{ at, exit uint32 }

// faultTable has the faults of an engine in the order of their offsets.
type faultTable struct {
	faults []fault
	slot   *faultRange
}

// maxFaults is how many there may be: when there is no more room everything is dropped.
const maxFaults = 1 << 20

// faultRange tells the handler of an engine.
type faultRange struct {
	base, size uintptr // of host code
	faults     uintptr
	n          uintptr
}

// The handler's: engines, Go's handler, and where NativeState.Linear is from cpuBias on.
var (
	faultRanges [16]faultRange
	//lint:ignore U1000 the handler reads it
	goHandler uintptr
	//lint:ignore U1000 the handler reads it
	linearAt uintptr
)

var (
	faultMutex   sync.Mutex
	faultHandler = sync.OnceValue(installFaultHandler)
)

//lint:ignore U1000 handlerPC takes its address
func segv()

//lint:ignore U1000 handlerPC takes its address
func sigreturn()

func handlerPC() (handler, restorer uintptr)

// sigaction is the kernel's.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	saSiginfo  = 0x4
	saRestorer = 0x4000000
	saOnStack  = 0x8000000
	saRestart  = 0x10000000
)

// installFaultHandler puts the handler ahead of Go's, also for SIGBUS: that is what addresses by way of
// RBP raise that are not canonical.
func installFaultHandler() bool {
	return installHandler(syscall.SIGSEGV) && installHandler(syscall.SIGBUS)
}

func installHandler(signal syscall.Signal) bool {
	var old sigaction
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0); errno != 0 || old.handler <= 1 {
		return false
	}
	if goHandler != 0 && goHandler != old.handler {
		return false
	}
	goHandler = old.handler
	m := natLinear
	linearAt = uintptr(m.Disp)
	a := sigaction{flags: saSiginfo | saRestorer | saOnStack | saRestart, mask: ^uint64(0)}
	a.handler, a.restorer = handlerPC()
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&a)), 0, 8, 0, 0)
	return errno == 0
}

// newFaultTable returns an empty table for the host code in b, or nil where the host gives
// none.
func newFaultTable(b *buffer) *faultTable {
	if !faultHandler() {
		return nil
	}
	faultMutex.Lock()
	defer faultMutex.Unlock()
	for i := range faultRanges {
		r := &faultRanges[i]
		if r.size != 0 {
			continue
		}
		p, err := unix.MmapPtr(-1, 0, nil, maxFaults*unsafe.Sizeof(fault{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
		if err != nil {
			return nil
		}
		*r = faultRange{b.base, uintptr(len(b.code)), uintptr(p), 0}
		return &faultTable{unsafe.Slice((*fault)(p), maxFaults), r}
	}
	return nil
}

func (f *faultTable) add(at, exit int) {
	f.faults[f.slot.n] = fault{uint32(at), uint32(exit)}
	f.slot.n++
}

// full reports whether there may not be room for a block.
func (f *faultTable) full() bool { return f != nil && f.slot.n+blockExits > maxFaults }

func (f *faultTable) clear() {
	if f != nil {
		f.slot.n = 0
	}
}

func (f *faultTable) close() {
	if f == nil {
		return
	}
	faultMutex.Lock()
	defer faultMutex.Unlock()
	unix.MunmapPtr(unsafe.Pointer(&f.faults[0]), maxFaults*unsafe.Sizeof(fault{}))
	*f.slot = faultRange{}
}

// Windows reports whether host code can use windows.
func (e *Engine) Windows() bool { return e.faults != nil && probes() != 0 }

var _ cpu.Translator = (*Engine)(nil)
