//go:build linux && amd64

package kvm

import (
	"errors"
	"runtime"
	"unsafe"

	"g86/cpu"
)

// Model-specific registers that are in the kernel while a processor runs (SDM volume
// 4). All others are answered by State and the board, through exits.
const (
	msrTSC      = 0x10
	msrAPICBase = 0x1b
	msrDeadline = 0x6e0
)

// msrField is where State has a register that needs no care.
var msrFields = []struct {
	index uint32
	field func(s *cpu.State) *uint64
}{
	{0x3b, func(s *cpu.State) *uint64 { return &s.TSCAdjust }},
	{0x48, func(s *cpu.State) *uint64 { return &s.SpecCtrl }},
	{0x174, func(s *cpu.State) *uint64 { return &s.SysenterCS }},
	{0x175, func(s *cpu.State) *uint64 { return &s.SysenterESP }},
	{0x176, func(s *cpu.State) *uint64 { return &s.SysenterEIP }},
	{0x277, func(s *cpu.State) *uint64 { return &s.PAT }},
	{0xc0000081, func(s *cpu.State) *uint64 { return &s.STAR }},
	{0xc0000082, func(s *cpu.State) *uint64 { return &s.LSTAR }},
	{0xc0000083, func(s *cpu.State) *uint64 { return &s.CSTAR }},
	{0xc0000084, func(s *cpu.State) *uint64 { return &s.FMASK }},
	{0xc0000102, func(s *cpu.State) *uint64 { return &s.KernelGSBase }},
	{0xc0000103, func(s *cpu.State) *uint64 { return &s.TSCAux }},
}

// alwaysKernel are the registers that only the kernel can answer: EFER, FS_BASE and
// GS_BASE are part of what KVM_GET_SREGS gives.
var alwaysKernel = []uint32{msrTSC, 0xc0000080, 0xc0000100, 0xc0000101}

// filterMSRs makes every access to a register that is not in the kernel an exit.
func (vm *VM) filterMSRs() error {
	c := enableCap{Cap: capUserMSR, Args: [4]uint64{msrExitInval | msrExitUnknown | msrExitFilter}}
	if err := control(vm.fd, ioEnableCap, "KVM_CAP_X86_USER_SPACE_MSR", &c); err != nil {
		return err
	}
	bases := []uint32{0, 0x100, 0x200, 0xc0000080}
	bitmaps := make([][32]byte, len(bases)) // of 256 registers each
	allow := func(index uint32) {
		for i, base := range bases {
			if n := index - base; n < 256 {
				bitmaps[i][n>>3] |= 1 << (n & 7)
			}
		}
	}
	for _, index := range alwaysKernel {
		allow(index)
	}
	for _, f := range msrFields {
		allow(f.index)
	}
	var pin runtime.Pinner
	pin.Pin(&bitmaps[0])
	defer pin.Unpin()
	f := msrFilter{Flags: filterDefaultDeny}
	for i, base := range bases {
		r := &f.Ranges[i]
		r.Flags, r.N, r.Base = filterReadAndWrite, 256, base
		r.Bitmap = uint64(uintptr(unsafe.Pointer(&bitmaps[i])))
	}
	return control(vm.fd, ioSetMSRFilter, "KVM_X86_SET_MSR_FILTER", &f)
}

// probeMSRs finds out which registers of msrFields the kernel has for this guest.
func (v *VCPU) probeMSRs() {
	for i, f := range msrFields {
		m := msrs{N: 1}
		m.List[0].Index = f.index
		if n, err := ioctl(v.fd, ioGetMSRs, uintptr(unsafe.Pointer(&m))); err == nil && n == 1 {
			v.msrs = append(v.msrs, i)
		}
	}
}

// readMSRs reads registers of the kernel's; the list's data is the answer.
func (v *VCPU) readMSRs(l *msrs) error {
	n, err := ioctl(v.fd, ioGetMSRs, uintptr(unsafe.Pointer(l)))
	if err == nil && n != int(l.N) {
		err = errors.New("a register is refused")
	}
	return v.wrap("KVM_GET_MSRS", err)
}

func (v *VCPU) writeMSRs(l *msrs) error {
	n, err := ioctl(v.fd, ioSetMSRs, uintptr(unsafe.Pointer(l)))
	if err == nil && n != int(l.N) {
		err = errors.New("a register's value is refused")
	}
	return v.wrap("KVM_SET_MSRS", err)
}

// tsc is the guest's time-stamp counter at this moment.
func (v *VCPU) tsc() (uint64, error) {
	l := msrs{N: 1}
	l.List[0].Index = msrTSC
	err := v.readMSRs(&l)
	return l.List[0].Data, err
}

// setTSC sets the time-stamp counter. Writing the register would do, but for the
// kernel's idea that close values are meant to be equal (KVM's synchronisation of
// counters), so its offset is moved where the kernel allows that.
func (v *VCPU) setTSC(want uint64) error {
	if v.tscFixed {
		return nil
	}
	if v.tscOffset {
		var offset uint64
		var pin runtime.Pinner
		pin.Pin(&offset)
		defer pin.Unpin()
		a := deviceAttr{Group: tscGroup, Attr: tscOffset, Addr: uint64(uintptr(unsafe.Pointer(&offset)))}
		if err := control(v.fd, ioGetDeviceAttr, "KVM_VCPU_TSC_OFFSET", &a); err != nil {
			return err
		}
		now, err := v.tsc()
		if err != nil {
			return err
		}
		offset += want - now
		return control(v.fd, ioSetDeviceAttr, "KVM_VCPU_TSC_OFFSET", &a)
	}
	l := msrs{N: 1}
	l.List[0] = msrEntry{Index: msrTSC, Data: want}
	return v.writeMSRs(&l)
}
