//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Ring crossings by fast system calls: what package cpu's fastcall.go does.

// flat makes the segment register the one with selector RAX (plus more), which keeps its value.
func (x *crossing) flat(i int, more int32, attr uint64) {
	x.Lea(amd64.RCX, amd64.At(amd64.RAX, more), 4)
	x.Movzx16(amd64.RCX, amd64.RCX)
	x.MovImm(amd64.RDX, 0xffffffff<<32|attr<<16)
	x.Op(amd64.Or, amd64.RCX, amd64.RDX, 8)
	x.Store(segment(i), amd64.RCX, 8)
	x.storeZero(plus(segment(i), 8))
}

func (x *crossing) flatCode() uint64 {
	if x.long {
		return cpu.FlatCode64
	}
	return cpu.FlatCode32
}

// SYSCALL (SDM volume 2).
func (x *crossing) syscall() {
	o := &cpu.CrossingOffsets
	x.TestMem(state(o.EFER), cpu.EFERSCE)
	x.bail(amd64.Equal)
	x.MovImm(amd64.R9, 0)
	x.prepare()
	x.Store(crossGPR(isa.RCX), amd64.R10, 8)
	x.Store(crossGPR(11), amd64.R11, 8)
	x.Load(amd64.RAX, state(o.FMASK), 8)
	x.Not(amd64.RAX, 8)
	x.Op(amd64.And, amd64.R11, amd64.RAX, 8)
	x.Load(amd64.R10, state(o.LSTAR), 8)
	x.Load(amd64.RAX, plus(state(o.STAR), 4), 2)
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
	x.flat(isa.CS, 0, cpu.FlatCode64)
	x.flat(isa.SS, 8, cpu.FlatStack)
}

func (x *crossing) sysret() {
	o := &cpu.CrossingOffsets
	const mask = isa.StatusFlags | cpu.FlagTF | cpu.FlagIF | cpu.FlagDF | cpu.FlagIOPL | cpu.FlagNT | cpu.FlagAC | cpu.FlagVIF | cpu.FlagVIP | cpu.FlagID
	x.fromRing0()
	x.TestMem(state(o.EFER), cpu.EFERSCE)
	x.bail(amd64.Equal)
	x.Load(amd64.R10, crossGPR(isa.RCX), 8)
	x.canonical(amd64.R10)
	x.Load(amd64.RAX, crossGPR(11), 8)
	x.OpImm(amd64.And, amd64.RAX, mask, 4)
	x.TestImm(amd64.RAX, cpu.FlagTF|cpu.FlagAC)
	x.bail(amd64.NotEqual)
	x.interruptible()
	x.Mov(amd64.R11, amd64.RAX, 8)
	x.MovImm(amd64.R9, 3)
	x.prepare()
	x.Load(amd64.RAX, plus(state(o.STAR), 6), 2)
	x.OpImm(amd64.Or, amd64.RAX, 3, 4)
	x.flat(isa.CS, 16, cpu.FlatCode64|cpu.AttrDPL3)
	x.flat(isa.SS, 8, cpu.FlatStack|cpu.AttrDPL3)
}

// sysenterCS makes RAX the selector that the fast system calls derive theirs from.
func (x *crossing) sysenterCS() {
	x.Load(amd64.RAX, state(cpu.CrossingOffsets.SysenterCS), 2)
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
}

func (x *crossing) sysenter() {
	o := &cpu.CrossingOffsets
	x.sysenterCS()
	x.bail(amd64.Equal)
	x.MovImm(amd64.R9, 0)
	x.prepare()
	x.OpImm(amd64.And, amd64.R11, ^cpu.FlagIF, 8)
	x.Load(amd64.R10, state(o.SysenterEIP), x.width())
	x.Load(amd64.RAX, state(o.SysenterESP), x.width())
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.sysenterCS()
	x.flat(isa.CS, 0, x.flatCode())
	x.flat(isa.SS, 8, cpu.FlatStack)
}

func (x *crossing) sysexit() {
	x.fromRing0()
	x.sysenterCS()
	x.bail(amd64.Equal)
	x.Load(amd64.R10, crossGPR(isa.RDX), x.width())
	x.Load(amd64.RDI, crossGPR(isa.RCX), x.width())
	x.canonical(amd64.R10)
	x.canonical(amd64.RDI)
	x.MovImm(amd64.R9, 3)
	x.prepare()
	x.Load(amd64.RAX, crossGPR(isa.RCX), x.width())
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.sysenterCS()
	x.OpImm(amd64.Or, amd64.RAX, 3, 4)
	cs := int32(16)
	if x.long {
		cs = 32
	}
	x.flat(isa.CS, cs, x.flatCode()|cpu.AttrDPL3)
	x.flat(isa.SS, cs+8, cpu.FlatStack|cpu.AttrDPL3)
}
