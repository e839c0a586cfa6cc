//go:build linux && amd64

package kvm

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Memory is plain memory as the processors see it.
type Memory struct {
	Base     uint64
	Host     []byte // slow unless it begins at a page of the host's
	ReadOnly bool   // writes go to the board, which ignores them
	Track    bool   // Dirty will be asked for it
}

// slot is a Memory that the kernel knows.
type slot struct {
	Memory
	number uint32
}

func (m *Memory) same(o *Memory) bool {
	return m.Base == o.Base && len(m.Host) == len(o.Host) && &m.Host[0] == &o.Host[0] && m.ReadOnly == o.ReadOnly && m.Track == o.Track
}

const hostPage = 4096

// pages returns n bytes that begin at a page.
func pages(n int) []byte {
	b := make([]byte, n+hostPage)
	skip := -uintptr(unsafe.Pointer(&b[0])) % hostPage
	return b[skip:][:n:n]
}

// remap tells the kernel of the layout of memory where it has changed.
func (vm *VM) remap() error {
	vm.stale = false
	vm.Stats.Remaps++
	want := map[uint64]Memory{}
	for _, m := range vm.layout() {
		if uintptr(unsafe.Pointer(&m.Host[0]))%hostPage == 0 { // otherwise the board serves every access
			want[m.Base] = m
		}
	}
	for base, s := range vm.slots {
		if w, ok := want[base]; ok && s.same(&w) {
			delete(want, base)
			continue
		}
		if err := vm.setSlot(s, 0); err != nil {
			return err
		}
		delete(vm.slots, base)
		vm.free = append(vm.free, s.number)
	}
	for base, m := range want {
		s := &slot{m, uint32(len(vm.slots) + len(vm.free))}
		if n := len(vm.free); n > 0 {
			s.number, vm.free = vm.free[n-1], vm.free[:n-1]
		}
		if err := vm.setSlot(s, uint64(len(m.Host))); err != nil {
			return err
		}
		vm.slots[base] = s
	}
	return nil
}

// layout is the board's memory, seen through the A20M# pin: while that is low, the
// second megabyte shows the first. The odd megabytes beyond do not matter to anyone.
func (vm *VM) layout() []Memory {
	l := vm.cfg.Memory()
	const mib = 1 << 20
	if vm.cfg.CPUs[0].A20() {
		return l
	}
	var low, rest []Memory
	for _, m := range l {
		end := m.Base + uint64(len(m.Host))
		if m.Base < mib {
			m := m
			m.Host = m.Host[:min(end, mib)-m.Base]
			low = append(low, m)
		}
		if end > 2*mib {
			skip := 2*mib - min(m.Base, 2*mib)
			m.Base, m.Host = m.Base+skip, m.Host[skip:]
			rest = append(rest, m)
		}
	}
	l = append(rest, low...)
	for _, m := range low {
		m.Base += mib
		l = append(l, m)
	}
	return l
}

func (vm *VM) setSlot(s *slot, size uint64) error {
	r := memoryRegion{Slot: s.number, Addr: s.Base, Size: size, Host: uint64(uintptr(unsafe.Pointer(&s.Host[0])))}
	if s.ReadOnly {
		r.Flags |= memReadOnly
	}
	if s.Track {
		r.Flags |= memLogDirty
	}
	if err := control(vm.fd, ioSetMemoryRegion, fmt.Sprintf("KVM_SET_USER_MEMORY_REGION %#x+%#x", s.Base, len(s.Host)), &r); err != nil {
		return failure(err)
	}
	return nil
}

// Dirty calls page with the address of every page of the tracked memory at base that
// processors have written to since it was last asked.
func (vm *VM) Dirty(base uint64, page func(pa uint64)) error {
	s := vm.slots[base]
	if s == nil || !s.Track {
		return fmt.Errorf("kvm: there is no tracked memory at %#x", base)
	}
	pages := len(s.Host) / hostPage
	bitmap := make([]uint64, (pages+63)/64)
	var pin runtime.Pinner
	pin.Pin(&bitmap[0])
	defer pin.Unpin()
	l := dirtyLog{Slot: s.number, Bitmap: uint64(uintptr(unsafe.Pointer(&bitmap[0])))}
	if err := control(vm.fd, ioGetDirtyLog, "KVM_GET_DIRTY_LOG", &l); err != nil {
		return err
	}
	for i := range pages {
		if bitmap[i>>6]>>(i&63)&1 != 0 {
			page(base + uint64(i)*hostPage)
		}
	}
	return nil
}
