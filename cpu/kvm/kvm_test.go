//go:build linux && amd64

package kvm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"g86/cpu"
	"g86/cpu/softfloat"
	"github.com/stretchr/testify/require"
)

// host opens KVM; tests skip where there is none.
func host(t *testing.T) *Host {
	h, err := Open()
	if err != nil {
		t.Skip("no KVM: ", err)
	}
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

// single is a machine of one processor and some memory at 0.
func single(t *testing.T, memory ...Memory) (*VM, *cpu.CPU) {
	h := host(t)
	model, err := cpu.NewModel("x86-64")
	require.NoError(t, err)
	if l := h.Lacks(model); l != nil {
		t.Skip("this host's KVM lacks ", l)
	}
	board := &probeBoard{}
	c := cpu.New(0, model, board, cpu.NewCodeCache())
	board.cpu = c
	vm, err := New(h, Config{CPUs: []*cpu.CPU{c}, PsPerInsn: func() uint64 { return 1000 }, TSCHz: 1_000_000_000,
		Memory: func() []Memory { return memory }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, vm.Close()) })
	return vm, c
}

func TestProbeMeasures(t *testing.T) {
	p, err := host(t).Probe()
	require.NoError(t, err)
	require.Greater(t, p.InsnsPerSecond, uint64(10_000))
	require.NotZero(t, p.ExitNS)
}

// randomState is a state that a processor can be in, in one of its modes.
func randomState(r *rand.Rand, s *cpu.State) {
	const canonical = 1<<47 - 1
	for i := range 16 {
		s.GPR[i] = r.Uint64()
		s.XMM[i] = [2]uint64{r.Uint64(), r.Uint64()}
	}
	s.RFLAGS = cpu.Flag1 | r.Uint64()&(cpu.FlagCF|cpu.FlagPF|cpu.FlagAF|cpu.FlagZF|cpu.FlagSF|cpu.FlagIF|cpu.FlagDF|cpu.FlagOF|cpu.FlagAC|cpu.FlagID)
	s.GDTR = cpu.Table{Base: r.Uint64() & 0xffffffff, Limit: uint16(r.Uint32())}
	s.IDTR = cpu.Table{Base: r.Uint64() & 0xffffffff, Limit: uint16(r.Uint32())}
	s.CR2 = r.Uint64() & 0xffffffff
	s.CR0 = cpu.CR0ET | cpu.CR0NE | r.Uint64()&(cpu.CR0MP|cpu.CR0TS|cpu.CR0WP|cpu.CR0AM)
	s.CR4 = r.Uint64() & (cpu.CR4VME | cpu.CR4TSD | cpu.CR4DE | cpu.CR4PSE | cpu.CR4PGE | cpu.CR4OSFXSR | cpu.CR4OSXMMEXCPT)
	data := func(dpl uint16) cpu.Segment {
		return cpu.Segment{Sel: uint16(r.Uint32())&^3 | dpl, Base: r.Uint64() & 0xffffffff, Limit: r.Uint32() | 0xfff, Attr: 0xc093 | dpl<<5}
	}
	switch r.IntN(3) {
	case 0: // real mode
		for i := range 6 {
			sel := uint16(r.Uint32())
			s.Seg[i] = cpu.Segment{Sel: sel, Base: uint64(sel) << 4, Limit: 0xffff, Attr: 0x93}
		}
		s.Seg[cpu.CS].Attr = 0x9b
		s.RIP = r.Uint64() & 0xffff
	case 1: // protected mode
		s.CR0 |= cpu.CR0PE
		dpl := uint16(r.IntN(4))
		for i := range 6 {
			s.Seg[i] = data(dpl)
		}
		s.Seg[cpu.CS].Attr = 0xc09b | dpl<<5
		s.RIP = r.Uint64() & 0xffffffff
	default: // 64-bit mode
		s.CR0 |= cpu.CR0PE | cpu.CR0PG
		s.CR4 |= cpu.CR4PAE
		s.EFER = cpu.EFERLME | cpu.EFERLMA | r.Uint64()&(cpu.EFERSCE|cpu.EFERNXE)
		s.CR3 = r.Uint64() & 0xfffff000
		dpl := uint16(r.IntN(2) * 3)
		for i := range 6 {
			s.Seg[i] = data(dpl)
		}
		s.Seg[cpu.CS].Attr = 0xa09b | dpl<<5
		s.Seg[cpu.FS].Base, s.Seg[cpu.GS].Base = r.Uint64()&canonical, r.Uint64()&canonical
		s.RIP = r.Uint64() & canonical
	}
	s.Seg[cpu.LDTR] = cpu.Segment{Sel: uint16(r.Uint32()) &^ 7, Base: r.Uint64() & 0xffffffff, Limit: 0xffff, Attr: 0x82}
	s.Seg[cpu.TR] = cpu.Segment{Sel: uint16(r.Uint32()) &^ 7, Base: r.Uint64() & 0xffffffff, Limit: 0x67, Attr: 0x8b}
	for i := range 4 {
		s.DR[i] = r.Uint64() & 0xffffffff
	}
	s.DR[6] = 0xffff0ff0 | r.Uint64()&0xe00f
	s.DR[7] = 0x400 // breakpoints would be the host's as well
	for _, p := range []*uint64{&s.SysenterESP, &s.SysenterEIP, &s.LSTAR, &s.CSTAR, &s.KernelGSBase} {
		*p = r.Uint64() & canonical
	}
	s.SysenterCS, s.FMASK = r.Uint64()&0xffff, r.Uint64()&0xffffffff
	s.STAR = r.Uint64()
	s.PAT = []uint64{0x0007040600070406, 0x0406070100070406}[r.IntN(2)]
	s.FPU = cpu.FPU{CW: uint16(r.Uint32())&0x1f3f | 0x40, SW: uint16(r.IntN(8)) << 11, Tag: uint8(r.Uint32()), Op: uint16(r.Uint32()) & 0x7ff}
	for i := range s.FPU.Reg {
		s.FPU.Reg[i] = softfloat.F80{Sig: r.Uint64(), SE: uint16(r.Uint32())}
	}
	s.MXCSR = 0x1f80 | r.Uint32()&0xe03f
	s.Shadow = uint8(r.IntN(3))
	s.NMIBlocked = r.IntN(2) == 0
	s.PendingNMI = r.IntN(2) == 0
}

// TestStateSurvives: what is pushed comes back.
func TestStateSurvives(t *testing.T) {
	vm, c := single(t, Memory{Host: pages(64 << 10)})
	v := vm.VCPU(0)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		c.State = cpu.State{ICount: c.ICount, TSCOffset: r.Uint64() >> 8}
		randomState(r, &c.State)
		want := c.State
		c.Refresh()
		require.NoError(t, v.push(), "seed %d", seed)
		c.State = cpu.State{ICount: c.ICount, TSCOffset: want.TSCOffset, MTRR: want.MTRR, MCGStatus: want.MCGStatus}
		require.NoError(t, v.Pull(), "seed %d", seed)
		got := *c.Pull()
		if !v.tscFixed {
			require.Less(t, got.TSCOffset-want.TSCOffset, uint64(time.Second), "the counter goes on, seed %d", seed)
		}
		got.TSCOffset, got.ICount = want.TSCOffset, want.ICount
		require.Equal(t, want, got, "seed %d", seed)
	}
}

// TestDirtyPages: the kernel tells which pages of tracked memory the guest has written.
func TestDirtyPages(t *testing.T) {
	ram, tracked := pages(64<<10), pages(32<<10)
	vm, c := single(t, Memory{Host: ram}, Memory{Base: 0x10000, Host: tracked, Track: true})
	copy(ram[0x7c00:], []byte{0xb8, 0x00, 0x10, 0x8e, 0xd8, // mov ax, 1000h; mov ds, ax
		0xc6, 0x06, 0x00, 0x20, 1, 0xc6, 0x06, 0xff, 0x5f, 1, 0xf4}) // mov byte [2000h], 1; mov byte [5fffh], 1; hlt
	s := &c.State
	s.Seg[cpu.CS] = cpu.Segment{Limit: 0xffff, Attr: 0x9b}
	s.RIP = 0x7c00
	c.Refresh()
	exit, err := vm.VCPU(0).Run(c.ICount + uint64(time.Minute))
	require.NoError(t, err)
	require.Equal(t, cpu.ExitHalt, exit)
	dirty := func() (l []uint64) {
		require.NoError(t, vm.Dirty(0x10000, func(pa uint64) { l = append(l, pa) }))
		return l
	}
	require.Equal(t, []uint64{0x12000, 0x15000}, dirty())
	require.Empty(t, dirty(), "asking takes them off the list")
	require.Error(t, vm.Dirty(0, func(uint64) {}), "memory that is not tracked")
}

// TestA20: while the pin is low, the second megabyte shows the first.
func TestA20(t *testing.T) {
	ram := pages(4 << 20)
	vm, c := single(t, Memory{Host: ram[:0xa0000:0xa0000]}, Memory{Base: 0x100000, Host: ram[0x100000:]})
	at := func(l []Memory, pa uint64) *byte {
		i := slices.IndexFunc(l, func(m Memory) bool { return pa-m.Base < uint64(len(m.Host)) })
		if i < 0 {
			return nil
		}
		return &l[i].Host[pa-l[i].Base]
	}
	require.Same(t, &ram[0x100000], at(vm.layout(), 0x100000))
	c.SetA20(false)
	l := vm.layout()
	require.Same(t, &ram[0], at(l, 0))
	require.Same(t, &ram[0x1234], at(l, 0x101234))
	require.Nil(t, at(l, 0x1a0000), "what is no memory below is none above")
	require.Same(t, &ram[0x200000], at(l, 0x200000))
}

// TestKickEndsRun: a guest that never leaves by itself is interrupted.
func TestKickEndsRun(t *testing.T) {
	ram := pages(64 << 10)
	vm, c := single(t, Memory{Host: ram})
	copy(ram[0x7c00:], []byte{0xeb, 0xfe}) // jmp $
	s := &c.State
	s.Seg[cpu.CS] = cpu.Segment{Limit: 0xffff, Attr: 0x9b}
	s.RIP = 0x7c00
	c.Refresh()
	exit, err := vm.VCPU(0).Run(c.ICount + uint64(2*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, cpu.ExitLimit, exit, "its time is up")
	kicks := vm.Stats.Kicks
	for range 5 {
		time.AfterFunc(5*time.Millisecond, vm.Kick)
	}
	_, err = vm.VCPU(0).Run(c.ICount + uint64(50*time.Millisecond))
	require.NoError(t, err)
	require.GreaterOrEqual(t, vm.Stats.Kicks-kicks, uint64(2), "by the time and from outside")
}
