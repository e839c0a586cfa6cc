package machine

import "g86/cpu"

// trapPort is where the embedded BIOS's ROM stubs call into Go.
type trapPort struct{ m *Machine }

// ReadPort implements bus.PortDevice.
func (trapPort) ReadPort(uint16, int) uint32 { return 0xff }

// WritePort implements bus.PortDevice.
func (t trapPort) WritePort(_ uint16, _ int, v uint32) {
	if c := t.m.running; c != nil {
		t.m.pullCPU(c)
		t.m.bios.Trap(byte(v), biosCPU{c})
	}
}

// biosCPU is a processor as the firmware sees it (firmware.CPU), in the middle
// of its OUT to the trap port.
type biosCPU struct{ c *cpu.CPU }

func (b biosCPU) Reg(i int) uint64                    { return b.c.GPR[i&7] }
func (b biosCPU) SetReg(i int, v uint64)              { b.c.GPR[i&7] = v }
func (b biosCPU) Seg(i int) uint16                    { return b.c.State.Seg[i&3].Sel }
func (b biosCPU) SegBase(i int) uint64                { return b.c.State.Seg[i&3].Base }
func (b biosCPU) SetSeg(i int, sel uint16)            { b.c.SetSegReal(i&3, sel) }
func (b biosCPU) IP() uint64                          { return b.c.NextIP() }
func (b biosCPU) Flags() uint32                       { return uint32(b.c.Flags()) }
func (b biosCPU) SetFlags(v uint32)                   { b.c.SetFlags(uint64(v)) }
func (b biosCPU) Translate(lin uint64) (uint64, bool) { return b.c.Translate(lin) }
func (b biosCPU) Protected() bool {
	return b.c.CR0&cpu.CR0PE != 0 && b.c.RFLAGS&cpu.FlagVM == 0
}
