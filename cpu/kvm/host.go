//go:build linux && amd64

package kvm

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"g86/cpu"
	"golang.org/x/sys/unix"
)

const device = "/dev/kvm"

// Host is an open /dev/kvm with everything this package needs.
type Host struct {
	fd       int
	mmapSize int
	sregs2   bool
	maxCPUs  int
	cpuid    []cpuidEntry // what the host's processor and kernel can give a guest
}

// Open opens /dev/kvm. The error says on one line why there is no KVM here.
func Open() (*Host, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, errors.New("there is no " + device)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil, errors.New("no permission to open " + device + "; join the group that owns it")
	case err != nil:
		return nil, fmt.Errorf("cannot open %s: %w", device, err)
	}
	h := &Host{fd: fd}
	if err := h.examine(); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return h, nil
}

// required are the capabilities without which there is no exact engine.
var required = []struct {
	cap  int
	name string
}{
	{capUserMemory, "USER_MEMORY"}, {capExtendedCPU, "EXT_CPUID"}, {capSetTSSAddr, "SET_TSS_ADDR"}, {capIdentityMap, "SET_IDENTITY_MAP_ADDR"},
	{capNMI, "USER_NMI"},
	{capVCPUEvents, "VCPU_EVENTS"}, {capDebugRegs, "DEBUGREGS"}, {capXSave, "XSAVE"}, {capXCRs, "XCRS"},
	{capGetTSCKHz, "GET_TSC_KHZ"}, {capReadOnlyMem, "READONLY_MEM"}, {capImmediate, "IMMEDIATE_EXIT"},
	{capPayload, "EXCEPTION_PAYLOAD"}, {capUserMSR, "X86_USER_SPACE_MSR"}, {capMSRFilter, "X86_MSR_FILTER"},
}

func (h *Host) has(cap int) int {
	n, err := ioctl(h.fd, ioCheckExtension, uintptr(cap))
	if err != nil {
		return 0
	}
	return n
}

func (h *Host) examine() error {
	v, err := ioctl(h.fd, ioGetAPIVersion, 0)
	if err != nil {
		return fmt.Errorf("%s is not KVM: %w", device, err)
	}
	if v != apiVersion {
		return fmt.Errorf("%s has version %d of the interface, not %d", device, v, apiVersion)
	}
	var missing []string
	for _, r := range required {
		if h.has(r.cap) == 0 {
			missing = append(missing, r.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("the host's kernel lacks KVM_CAP_%s", strings.Join(missing, ", KVM_CAP_"))
	}
	h.sregs2 = h.has(capSregs2) != 0
	h.maxCPUs = h.has(capMaxVCPUs)
	if h.mmapSize, err = ioctl(h.fd, ioGetVCPUMmapSize, 0); err != nil {
		return fmt.Errorf("KVM_GET_VCPU_MMAP_SIZE: %w", err)
	}
	if h.mmapSize < int(unsafe.Sizeof(runPage{})) {
		return fmt.Errorf("%s shares %d bytes a processor, too few", device, h.mmapSize)
	}
	var l cpuidList
	l.N = maxCPUID
	if err := control(h.fd, ioSupportedCPUID, "KVM_GET_SUPPORTED_CPUID", &l); err != nil {
		return err
	}
	h.cpuid = append(h.cpuid, l.List[:l.N]...)
	return nil
}

// Close closes the device.
func (h *Host) Close() error { return unix.Close(h.fd) }

// leaf is a leaf of what the host can give a guest.
func (h *Host) leaf(function, index uint32) cpuidEntry {
	for _, e := range h.cpuid {
		if e.Function == function && (e.Flags&cpuidSignificantIndex == 0 || e.Index == index) {
			return e
		}
	}
	return cpuidEntry{}
}

// Lacks names the features of a model that guests of this host cannot have.
func (h *Host) Lacks(m *cpu.Model) []string {
	var l []string
	for _, f := range m.Flags() {
		e := h.leaf(f.Leaf, f.Sub)
		v := map[uint8]uint32{cpu.RAX: e.EAX, cpu.RBX: e.EBX, cpu.RCX: e.ECX, cpu.RDX: e.EDX}[f.Reg]
		if v>>f.Bit&1 == 0 && !served[f.Name] {
			l = append(l, f.Name)
		}
	}
	return l
}

// served are features that the host need not tell of: this package and the board's APIC
// provide them, or they only promise speed or the absence of a defect.
var served = map[string]bool{"apic": true, "x2apic": true, "tsc-deadline": true, "hypervisor": true, "arat": true, "invtsc": true,
	"spec-ctrl": true, "stibp": true, "arch-capabilities": true, "erms": true, "mce": true, "mca": true, "mtrr": true}

// failure is an error of the host at work, with what to do.
func failure(err error) error {
	if errors.Is(err, syscall.ENOMEM) {
		return fmt.Errorf("%w; the host is out of memory: give the guest less with -m", err)
	}
	return err
}
