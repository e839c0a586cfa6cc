//go:build linux && amd64

package kvm

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's interface (Linux, Documentation/virt/kvm/api.rst).

// Requests of ioctl(2).
const (
	ioGetAPIVersion    = 0xae00
	ioCreateVM         = 0xae01
	ioCheckExtension   = 0xae03
	ioGetVCPUMmapSize  = 0xae04
	ioSupportedCPUID   = 0xc008ae05
	ioCreateVCPU       = 0xae41
	ioGetDirtyLog      = 0x4010ae42
	ioSetMemoryRegion  = 0x4020ae46
	ioSetTSSAddr       = 0xae47
	ioSetIdentityMap   = 0x4008ae48
	ioRun              = 0xae80
	ioGetRegs          = 0x8090ae81
	ioSetRegs          = 0x4090ae82
	ioGetSregs         = 0x8138ae83
	ioSetSregs         = 0x4138ae84
	ioInterrupt        = 0x4004ae86
	ioGetMSRs          = 0xc008ae88
	ioSetMSRs          = 0x4008ae89
	ioSetCPUID2        = 0x4008ae90
	ioNMI              = 0xae9a
	ioGetEvents        = 0x8040ae9f
	ioSetEvents        = 0x4040aea0
	ioGetDebugRegs     = 0x8080aea1
	ioSetDebugRegs     = 0x4080aea2
	ioSetTSCKHz        = 0xaea2
	ioGetTSCKHz        = 0xaea3
	ioEnableCap        = 0x4068aea3
	ioGetXSave         = 0x9000aea4
	ioSetXSave         = 0x5000aea5
	ioGetXCRs          = 0x8188aea6
	ioSetXCRs          = 0x4188aea7
	ioSetMSRFilter     = 0x4188aec6
	ioGetSregs2        = 0x8140aecc
	ioSetSregs2        = 0x4140aecd
	ioSetDeviceAttr    = 0x4018aee1
	ioGetDeviceAttr    = 0x4018aee2
	ioHasDeviceAttr    = 0x4018aee3
	apiVersion         = 12
	memLogDirty        = 1 << 0
	memReadOnly        = 1 << 1
	sregsPDPTRsValid   = 1 << 0
	tscGroup           = 0 // of device attributes of a VCPU
	tscOffset          = 0
	msrExitInval       = 1 << 0
	msrExitUnknown     = 1 << 1
	msrExitFilter      = 1 << 2
	filterDefaultDeny  = 1 << 0
	filterReadAndWrite = 3
)

// Events valid in vcpuEvents.Flags.
const (
	eventNMIPending = 1 << 0
	eventShadow     = 1 << 2
	eventPayload    = 1 << 4
	eventTriple     = 1 << 5
)

// Capabilities.
const (
	capUserMemory  = 3
	capMaxVCPUs    = 66
	capVCPUEvents  = 41
	capDebugRegs   = 50
	capXSave       = 55
	capXCRs        = 56
	capGetTSCKHz   = 61
	capReadOnlyMem = 81
	capImmediate   = 136
	capPayload     = 164
	capUserMSR     = 188
	capMSRFilter   = 189
	capSregs2      = 200
	capFailure     = 204
	capExtendedCPU = 7
	capNMI         = 22
	capSetTSSAddr  = 4
	capIdentityMap = 37
)

// Reasons in run.reason.
const (
	exitUnknown    = 0
	exitException  = 1
	exitIO         = 2
	exitDebug      = 4
	exitHLT        = 5
	exitMMIO       = 6
	exitWindow     = 7
	exitShutdown   = 8
	exitFailEntry  = 9
	exitINTR       = 10
	exitSetTPR     = 11
	exitInternal   = 17
	exitRDMSR      = 29
	exitWRMSR      = 30
	numExitReasons = 48
)

// runPage is struct kvm_run up to the registers it can share.
type runPage struct {
	window    uint8 // request_interrupt_window
	immediate uint8 // immediate_exit
	_         [6]uint8
	reason    uint32
	ready     uint8 // ready_for_interrupt_injection
	ifFlag    uint8
	_         uint16
	cr8       uint64
	apicBase  uint64
	data      [256]byte
}

type runIO struct {
	Out    uint8
	Size   uint8
	Port   uint16
	Count  uint32
	Offset uint64
}

type runMMIO struct {
	Addr  uint64
	Data  [8]byte
	Len   uint32
	Write uint8
}

type runMSR struct {
	Error  uint8
	_      [7]uint8
	Reason uint32
	Index  uint32
	Data   uint64
}

type memoryRegion struct {
	Slot, Flags uint32
	Addr, Size  uint64
	Host        uint64
}

type dirtyLog struct {
	Slot, _ uint32
	Bitmap  uint64
}

type regs struct {
	RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP uint64
	R                                      [8]uint64
	RIP, RFLAGS                            uint64
}

type segment struct {
	Base                                 uint64
	Limit                                uint32
	Selector                             uint16
	Type, Present, DPL, DB, S, L, G, AVL uint8
	Unusable, _                          uint8
}

type table struct {
	Base  uint64
	Limit uint16
	_     [3]uint16
}

type sregs struct {
	CS, DS, ES, FS, GS, SS, TR, LDT segment
	GDT, IDT                        table
	CR0, CR2, CR3, CR4, CR8         uint64
	EFER, APICBase                  uint64
	Interrupts                      [4]uint64
}

// sregs2 replaces sregs where the kernel has it.
type sregs2 struct {
	CS, DS, ES, FS, GS, SS, TR, LDT segment
	GDT, IDT                        table
	CR0, CR2, CR3, CR4, CR8         uint64
	EFER, APICBase                  uint64
	Flags                           uint64
	PDPTRs                          [4]uint64
}

// xsave is an XSAVE area in the standard format (SDM volume 1, 13.4).
type xsave struct {
	CW, SW          uint16
	Tag, _          uint8
	Op              uint16
	IP, DP          uint64
	MXCSR, Mask     uint32
	ST              [8][16]byte
	XMM             [16][2]uint64
	_               [96]byte
	XStateBV, XComp uint64
	_               [4096 - 528]byte
}

type xcrs struct {
	N, Flags uint32
	XCR      [16]struct {
		Index, _ uint32
		Value    uint64
	}
	_ [16]uint64
}

type debugRegs struct {
	DB       [4]uint64
	DR6, DR7 uint64
	Flags    uint64
	_        [9]uint64
}

type vcpuEvents struct {
	Exception struct {
		Injected, Nr, HasCode, Pending uint8
		Code                           uint32
	}
	Interrupt struct{ Injected, Nr, Soft, Shadow uint8 }
	NMI       struct{ Injected, Pending, Masked, _ uint8 }
	SIPI      uint32
	Flags     uint32
	SMI       struct{ SMM, Pending, InsideNMI, LatchedInit uint8 }
	Triple    uint8
	_         [26]uint8
	HasPay    uint8
	Payload   uint64
}

type msrEntry struct {
	Index, _ uint32
	Data     uint64
}

const maxMSRs = 64

type msrs struct {
	N, _ uint32
	List [maxMSRs]msrEntry
}

type cpuidEntry struct {
	Function, Index, Flags uint32
	EAX, EBX, ECX, EDX     uint32
	_                      [3]uint32
}

const maxCPUID = 256

type cpuidList struct {
	N, _ uint32
	List [maxCPUID]cpuidEntry
}

const cpuidSignificantIndex = 1

type enableCap struct {
	Cap, Flags uint32
	Args       [4]uint64
	_          [64]uint8
}

type msrFilter struct {
	Flags  uint32
	_      uint32
	Ranges [16]struct {
		Flags, N, Base uint32
		_              uint32
		Bitmap         uint64
	}
}

type deviceAttr struct {
	Flags, Group uint32
	Attr, Addr   uint64
}

// ioctl calls the kernel. An argument that is a pointer is kept where it is meanwhile.
//
//go:uintptrescapes
//go:noinline
func ioctl(fd int, req uintptr, arg uintptr) (int, error) {
	for {
		r, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), req, arg)
		switch {
		case errno == 0:
			return int(r), nil
		case errno != unix.EINTR || req == ioRun:
			return -1, errno
		}
	}
}

// control is an ioctl with a struct, whose failure names it.
func control[T any](fd int, req uintptr, name string, p *T) error {
	if _, err := ioctl(fd, req, uintptr(unsafe.Pointer(p))); err != nil {
		return fmt.Errorf("kvm: %s: %w", name, err)
	}
	return nil
}
