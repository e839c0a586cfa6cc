//go:build linux && amd64

package kvm

// setCPUID gives the guest the model's CPUID.
func (v *VCPU) setCPUID() error {
	var l cpuidList
	add := func(function, index, flags uint32) (a, b, c, d uint32) {
		// The kernel itself keeps the bits that depend on CR4 and IA32_APIC_BASE.
		a, b, c, d = v.cpu.Model.CPUID(function, index, v.cpu.ID, v.cpu.Processors(), false, true, v.cpu.XCR0)
		l.List[l.N] = cpuidEntry{Function: function, Index: index, Flags: flags, EAX: a, EBX: b, ECX: c, EDX: d}
		l.N++
		return a, b, c, d
	}
	indexed := map[uint32]uint32{4: 4, 7: 1, 0xb: 2, 0xd: 2} // sub-leaves of each
	leaves := func(first, last uint32) {
		for f := first; f <= last; f++ {
			n := indexed[f]
			if n == 0 {
				add(f, 0, 0)
			}
			for i := range n {
				add(f, i, cpuidSignificantIndex)
			}
		}
	}
	leaves(0, v.cpu.Model.MaxLeaf)
	if v.cpu.Model.Hypervisor {
		leaves(0x40000000, 0x40000000)
	}
	if max := v.cpu.Model.MaxExt; max != 0 {
		leaves(0x80000000, max)
	}
	return v.wrap("KVM_SET_CPUID2", control(v.fd, ioSetCPUID2, "CPUID of "+v.cpu.Model.Name, &l))
}
