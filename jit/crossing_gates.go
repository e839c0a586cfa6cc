//go:build linux && amd64

package jit

import (
	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit/amd64"
)

// Ring crossings through interrupt and trap gates, and back: what package cpu's interrupt.go,
// farxfer.go and descriptor.go do.

// Bits of the upper word of a descriptor (SDM volume 3A, figures 3-8 and 6-2).
const (
	descAccessed   = 1 << 8
	descWrite      = 1 << 9 // data: writable; code: readable
	descConforming = 1 << 10
	descCode       = 1 << 11
	descS          = 1 << 12
	descP          = 1 << 15
	descL          = 1 << 21
	descDB         = 1 << 22
	descG          = 1 << 23
)

// descriptor reads the descriptor that the selector in RAX names, from the GDT: RCX is its lower
// word and RDX the upper one, of which the bits in mask have to be want. RDI changes.
func (x *crossing) descriptor(mask, want int32) {
	o := &cpu.CrossingOffsets
	x.TestImm(amd64.RAX, 0xfffc)
	x.bail(amd64.Equal)
	x.TestImm(amd64.RAX, 4)
	x.bail(amd64.NotEqual)
	x.Mov(amd64.RDI, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xfff8, 4)
	x.Lea(amd64.RCX, amd64.At(amd64.RDI, 7), 4)
	x.Load(amd64.RDX, state(o.GDTR+o.TableLimit), 2)
	x.Op(amd64.Cmp, amd64.RCX, amd64.RDX, 4)
	x.bail(amd64.Above)
	x.OpMem(amd64.Add, amd64.RDI, state(o.GDTR), x.width())
	x.search(8, read)
	x.Load(amd64.RCX, amd64.At(amd64.RDX, 0), 4)
	x.Load(amd64.RDX, amd64.At(amd64.RDX, 4), 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, mask, 4)
	x.OpImm(amd64.Cmp, amd64.RDI, want, 4)
	x.bail(amd64.NotEqual)
}

// code is descriptor of a code segment of the same size, which does not conform.
func (x *crossing) code() {
	const mask, want = descP | descS | descCode | descConforming | descAccessed, descP | descS | descCode | descAccessed
	if x.long {
		x.descriptor(mask|descL|descDB, want|descL)
		return
	}
	x.descriptor(mask|descDB|descWrite, want|descDB|descWrite)
}

// data is descriptor of a stack segment.
func (x *crossing) data() {
	const mask, want = descP | descS | descCode | descWrite | descAccessed, descP | descS | descWrite | descAccessed
	if x.long {
		x.descriptor(mask, want)
		return
	}
	x.descriptor(mask|descConforming|descDB, want|descDB) // it grows upwards
}

// dpl makes RDI the DPL of the descriptor whose upper word is RDX.
func (x *crossing) dpl() {
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.Shr(amd64.RDI, 13, 4)
	x.OpImm(amd64.And, amd64.RDI, 3, 4)
}

// cpl makes RSI the current privilege level.
func (x *crossing) cpl() { x.Load(amd64.RSI, state(cpu.CrossingOffsets.CPL), 1) }

// keep makes the segment at m that of selector RAX and the descriptor in RCX and RDX, all of which
// change, as RSI and RDI do; but for 64-bit code it has to be flat.
func (x *crossing) keep(m amd64.Mem) { x.keepFrom(m, !x.long) }

// keepFrom is keep of a segment whose base, in RSI afterwards, may be another unless fromZero.
func (x *crossing) keepFrom(m amd64.Mem, fromZero bool) {
	x.Mov(amd64.RSI, amd64.RCX, 4) // the base
	x.Shr(amd64.RSI, 16, 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xff, 4)
	x.Shl(amd64.RDI, 16, 4)
	x.Op(amd64.Or, amd64.RSI, amd64.RDI, 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, -1<<24, 4)
	x.Op(amd64.Or, amd64.RSI, amd64.RDI, 4)

	x.OpImm(amd64.And, amd64.RCX, 0xffff, 4) // the limit
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, 0xf0000, 4)
	x.Op(amd64.Or, amd64.RCX, amd64.RDI, 4)
	x.TestImm(amd64.RDX, descG)
	bytes := x.Jcc(amd64.Equal)
	x.Shl(amd64.RCX, 12, 4)
	x.OpImm(amd64.Or, amd64.RCX, 0xfff, 4)
	x.Patch(bytes, x.N)
	if fromZero {
		x.OpImm(amd64.Cmp, amd64.RSI, 0, 4)
		x.bail(amd64.NotEqual)
	}
	if !x.long {
		x.OpImm(amd64.Cmp, amd64.RCX, -1, 4)
		x.bail(amd64.NotEqual)
	}
	x.Store(plus(m, 8), amd64.RSI, 8)
	x.Shr(amd64.RDX, 8, 4)
	x.OpImm(amd64.And, amd64.RDX, 0xf0ff, 4)
	x.Shl(amd64.RDX, 16, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RDX, 4)
	x.Shl(amd64.RCX, 32, 8)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 8)
	x.Store(m, amd64.RAX, 8)
}

// move copies a segment.
func (x *crossing) move(to, from amd64.Mem) {
	for i := range uintptr(2) {
		x.Load(amd64.RAX, plus(from, 8*i), 8)
		x.Store(plus(to, 8*i), amd64.RAX, 8)
	}
}

// null makes the segment at m an unusable one with selector RAX, of privilege r. RCX changes.
func (x *crossing) null(m amd64.Mem, r amd64.Reg) {
	x.Mov(amd64.RCX, r, 4)
	x.Shl(amd64.RCX, 16+5, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.Store(m, amd64.RAX, 8)
	x.storeZero(plus(m, 8))
}

// interrupt is INT n through an interrupt or trap gate (SDM volume 3A, 6.12.1 and 6.14).
func (x *crossing) interrupt() {
	o := &cpu.CrossingOffsets
	x.OpMemImm(amd64.Cmp, state(o.OnException), 0, 8)
	x.bail(amd64.NotEqual)
	x.superTLB()

	// The gate.
	gate := int32(8)
	x.Shl(amd64.RSI, 3, 4)
	if x.long {
		gate = 16
		x.Shl(amd64.RSI, 1, 4)
	}
	x.Lea(amd64.RAX, amd64.At(amd64.RSI, gate-1), 4)
	x.Load(amd64.RCX, state(o.IDTR+o.TableLimit), 2)
	x.Op(amd64.Cmp, amd64.RAX, amd64.RCX, 4)
	x.bail(amd64.Above)
	x.Load(amd64.RDI, state(o.IDTR), 8)
	x.Op(amd64.Add, amd64.RDI, amd64.RSI, x.width())
	x.search(gate, read)
	x.Load(amd64.RAX, amd64.At(amd64.RDX, 0), 4)
	if x.long {
		x.Load(amd64.R9, amd64.At(amd64.RDX, 8), 4)
		x.Shl(amd64.R9, 32, 8)
	}
	x.Load(amd64.RDX, amd64.At(amd64.RDX, 4), 4)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, descP|descS|0xe00, 4) // the types 14 and 15
	x.OpImm(amd64.Cmp, amd64.RDI, descP|0xe00, 4)
	x.bail(amd64.NotEqual)
	if x.long {
		x.TestImm(amd64.RDX, 7) // an interrupt stack
		x.bail(amd64.NotEqual)
	}
	x.dpl()
	x.cpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.Mov(amd64.RDI, amd64.RDX, 4)
	x.OpImm(amd64.And, amd64.RDI, -1<<16, 4)
	x.Movzx16(amd64.RCX, amd64.RAX)
	x.Op(amd64.Or, amd64.RCX, amd64.RDI, 4)
	if x.long {
		x.Op(amd64.Or, amd64.RCX, amd64.R9, 8)
	}
	x.Store(crossRIP, amd64.RCX, 8)
	flags := int32(^(cpu.FlagTF | cpu.FlagNT | cpu.FlagRF | cpu.FlagVM))
	x.Mov(amd64.RDI, amd64.R11, 4)
	x.OpImm(amd64.And, amd64.RDI, flags, 4)
	x.TestImm(amd64.RDX, 1<<8) // a trap gate
	trap := x.Jcc(amd64.NotEqual)
	x.OpImm(amd64.And, amd64.RDI, ^cpu.FlagIF, 4)
	x.Patch(trap, x.N)
	x.Store(crossFlags, amd64.RDI, 8)
	x.canonical(amd64.RCX)

	// The code segment.
	x.Shr(amd64.RAX, 16, 4)
	x.code()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.RSI, 4)
	x.bail(amd64.Above)
	x.Mov(amd64.R9, amd64.RDI, 4)
	x.Mov(amd64.RBP, amd64.RSI, 4) // the old CPL
	x.OpImm(amd64.And, amd64.RAX, 0xfffc, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.R9, 4)
	x.keep(crossCS)

	// The stack.
	x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
	inner := x.Jcc(amd64.NotEqual)
	x.move(crossSS, segment(isa.SS))
	outer, frame := x.frameSizes()
	x.Mov(amd64.RDI, guestSP, x.width())
	x.align()
	x.Lea(amd64.RDI, amd64.At(amd64.RDI, -outer), x.width())
	x.Load(amd64.R13, state(cpu.NativeOffsets.TLB), 8)
	x.search(outer, write)
	same := x.Jmp()
	x.Patch(inner, x.N)
	x.innerStack()
	x.search(frame, write)
	x.Patch(same, x.N)
	x.Mov(amd64.R13, amd64.RDX, 8)
	x.Store(crossRSP, amd64.RDI, 8)
	x.prepare()

	// The frame.
	w := int32(x.width())
	push := func(slot int32, r amd64.Reg) { x.Store(amd64.At(amd64.R13, slot*w), r, int(w)) }
	x.Load(amd64.RCX, segment(isa.CS), 2)
	push(0, amd64.R10)
	push(1, amd64.RCX)
	push(2, amd64.R11)
	without := 0
	if !x.long {
		x.Load(amd64.RCX, state(o.CPL), 1)
		x.Op(amd64.Cmp, amd64.R9, amd64.RCX, 4)
		without = x.Jcc(amd64.Equal)
	}
	x.Load(amd64.RAX, crossGPR(isa.RSP), 8)
	x.Load(amd64.RCX, segment(isa.SS), 2)
	push(3, amd64.RAX)
	push(4, amd64.RCX)
	if !x.long {
		x.Patch(without, x.N)
	}
	x.commit()
}

// frameSizes are how many bytes a frame takes on the same stack and on an inner one.
func (x *crossing) frameSizes() (same, inner int32) {
	if x.long {
		return 5 * 8, 5 * 8
	}
	return 3 * 4, 5 * 4
}

// align is what 64-bit mode does to the stack pointer in RDI.
func (x *crossing) align() {
	if x.long {
		x.OpImm(amd64.And, amd64.RDI, -16, 8)
	}
}

// innerStack makes RDI the address of the frame on the stack of the privilege in R9, by the TSS
// (SDM volume 3A, 7.2.1 and 7.7), and its segment the one to come. R13 is the TLB.
func (x *crossing) innerStack() {
	o := &cpu.CrossingOffsets
	_, frame := x.frameSizes()
	tss, last := state(o.TR), int32(4+7)
	if !x.long {
		x.TestMem(plus(tss, o.SegAttr), 8) // of 32 bits
		x.bail(amd64.Equal)
		last = 4 + 5
	}
	x.Lea(amd64.RAX, amd64.Mem{Base: amd64.None, Index: amd64.R9, Scale: 3, Disp: last}, 4)
	x.OpMem(amd64.Cmp, amd64.RAX, plus(tss, o.SegLimit), 4)
	x.bail(amd64.Above)
	x.Load(amd64.RDI, plus(tss, cpu.NativeOffsets.SegRegBase), 8)
	x.Lea(amd64.RDI, amd64.Mem{Base: amd64.RDI, Index: amd64.R9, Scale: 3, Disp: 4}, x.width())
	x.search(last-3, read)
	if x.long {
		x.Load(amd64.RDI, amd64.At(amd64.RDX, 0), 8)
		x.canonical(amd64.RDI)
		x.Mov(amd64.RAX, amd64.R9, 4)
		x.null(crossSS, amd64.R9)
	} else {
		x.Load(amd64.RCX, amd64.At(amd64.RDX, 0), 4)
		x.Store(crossRSP, amd64.RCX, 8)
		x.Load(amd64.RAX, amd64.At(amd64.RDX, 4), 2)
		x.stackSegment()
		x.Load(amd64.RDI, crossRSP, 8)
	}
	x.align()
	x.Lea(amd64.RDI, amd64.At(amd64.RDI, -frame), x.width())
}

// stackSegment makes the segment with the selector in RAX the one to come, of the privilege in R9.
func (x *crossing) stackSegment() {
	x.Mov(amd64.RCX, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.RCX, 3, 4)
	x.Op(amd64.Cmp, amd64.RCX, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.data()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.keep(crossSS)
}

// iret is IRETD or IRETQ (SDM volume 2).
func (x *crossing) iret() {
	o := &cpu.CrossingOffsets
	x.TestImm(amd64.R11, cpu.FlagNT)
	x.bail(amd64.NotEqual)
	x.Load(amd64.RAX, state(o.NMIBlocked), 1)
	x.Load(amd64.RCX, state(o.PendingNMI), 1)
	x.Op(amd64.Or, amd64.RAX, amd64.RCX, 4)
	x.bail(amd64.NotEqual)

	// The frame.
	w := x.width()
	x.Load(amd64.R13, state(cpu.NativeOffsets.TLB), 8)
	x.Mov(amd64.RDI, guestSP, w)
	x.search(int32(5*w), read)
	slot := func(i int) amd64.Mem { return amd64.At(amd64.RDX, int32(i*w)) }
	x.Load(amd64.R10, slot(0), w)
	x.Load(amd64.RBP, slot(1), 2)
	x.Load(amd64.RDI, slot(2), 4)
	x.Load(amd64.RAX, slot(3), w)
	x.Store(crossRSP, amd64.RAX, 8)
	x.Load(amd64.RAX, slot(4), 2)
	x.Store(crossSel, amd64.RAX, 8)
	x.Store(crossRIP, amd64.R10, 8)
	x.canonical(amd64.R10)
	x.superTLB()

	// The flags.
	const all = isa.StatusFlags | cpu.FlagDF | cpu.FlagNT | cpu.FlagID
	none := uint32(cpu.FlagTF | cpu.FlagAC)
	if !x.long {
		none |= cpu.FlagVM
	}
	x.TestImm(amd64.RDI, none)
	x.bail(amd64.NotEqual)
	x.TestImm(amd64.RDI, cpu.FlagRF) // it lasts one instruction, and nothing looks at it
	clear := x.Jcc(amd64.Equal)
	x.TestMem(state(o.DR7), 0xff)
	x.bail(amd64.NotEqual)
	x.Patch(clear, x.N)
	x.cpl()
	x.MovImm(amd64.RAX, all|cpu.FlagIF|cpu.FlagIOPL|cpu.FlagVIF|cpu.FlagVIP)
	x.OpImm(amd64.Cmp, amd64.RSI, 0, 4)
	ring0 := x.Jcc(amd64.Equal)
	x.MovImm(amd64.RAX, all)
	x.Mov(amd64.RCX, amd64.R11, 4)
	x.Shr(amd64.RCX, 12, 4)
	x.OpImm(amd64.And, amd64.RCX, 3, 4)
	x.Op(amd64.Cmp, amd64.RCX, amd64.RSI, 4)
	below := x.Jcc(amd64.Below)
	x.OpImm(amd64.Or, amd64.RAX, cpu.FlagIF, 4)
	x.Patch(below, x.N)
	x.Patch(ring0, x.N)
	x.Op(amd64.And, amd64.RDI, amd64.RAX, 4)
	x.Not(amd64.RAX, 4)
	x.Op(amd64.And, amd64.RAX, amd64.R11, 4)
	x.Op(amd64.Or, amd64.RAX, amd64.RDI, 4)
	x.interruptible()
	x.Store(crossFlags, amd64.RAX, 8)

	// The code segment.
	x.Mov(amd64.RAX, amd64.RBP, 4)
	x.Mov(amd64.R9, amd64.RAX, 4)
	x.OpImm(amd64.And, amd64.R9, 3, 4)
	x.Op(amd64.Cmp, amd64.R9, amd64.RSI, 4)
	x.bail(amd64.Below)
	x.Mov(amd64.RBP, amd64.RSI, 4) // the old CPL
	x.code()
	x.dpl()
	x.Op(amd64.Cmp, amd64.RDI, amd64.R9, 4)
	x.bail(amd64.NotEqual)
	x.keep(crossCS)

	// The stack.
	var done []int
	if x.long {
		x.Load(amd64.RAX, crossSel, 8)
		x.TestImm(amd64.RAX, 0xfffc)
		usable := x.Jcc(amd64.NotEqual)
		x.OpImm(amd64.Cmp, amd64.R9, 3, 4)
		x.bail(amd64.Equal)
		x.Op(amd64.Cmp, amd64.RAX, amd64.R9, 4)
		x.bail(amd64.NotEqual)
		x.null(crossSS, amd64.R9)
		done = append(done, x.Jmp())
		x.Patch(usable, x.N)
	} else {
		x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
		outer := x.Jcc(amd64.NotEqual)
		x.move(crossSS, segment(isa.SS))
		x.Lea(amd64.RAX, amd64.At(guestSP, 12), 4)
		x.Store(crossRSP, amd64.RAX, 8)
		done = append(done, x.Jmp())
		x.Patch(outer, x.N)
		x.Load(amd64.RAX, crossSel, 8)
	}
	x.stackSegment()
	for _, pos := range done {
		x.Patch(pos, x.N)
	}

	// Data segments that the outer ring may not use are the interpreter's to clear.
	x.Op(amd64.Cmp, amd64.R9, amd64.RBP, 4)
	same := x.Jcc(amd64.Equal)
	for _, i := range [...]int{isa.ES, isa.DS, isa.FS, isa.GS} {
		x.Load(amd64.RDX, plus(segment(i), o.SegAttr), 2)
		x.Mov(amd64.RAX, amd64.RDX, 4)
		x.OpImm(amd64.And, amd64.RAX, (descP|descS)>>8, 4)
		x.OpImm(amd64.Cmp, amd64.RAX, (descP|descS)>>8, 4)
		unused := x.Jcc(amd64.NotEqual)
		x.Shr(amd64.RDX, 5, 4)
		x.OpImm(amd64.And, amd64.RDX, 3, 4)
		x.Op(amd64.Cmp, amd64.RDX, amd64.R9, 4)
		x.bail(amd64.Below)
		x.Patch(unused, x.N)
	}
	x.Patch(same, x.N)
	x.prepare()
	x.commit()
}

// commit makes what has been found out about an interrupt or return so.
func (x *crossing) commit() {
	x.Load(amd64.RAX, crossRSP, 8)
	x.Store(crossGPR(isa.RSP), amd64.RAX, 8)
	x.move(segment(isa.CS), crossCS)
	x.move(segment(isa.SS), crossSS)
	x.Load(amd64.R10, crossRIP, 8)
	x.Load(amd64.R11, crossFlags, 8)
}
