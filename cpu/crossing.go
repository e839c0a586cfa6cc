package cpu

import "unsafe"

// Ring crossings of host code (package jit's crossing.go) read and write the processor's own
// fields, as the interpreter's functions do. Nothing is prepared for them, so that nothing has to
// be kept up to date.

// CrossingOffsets are the places in CPU that ring crossings need besides those of NativeOffsets.
var CrossingOffsets = struct {
	EFER, STAR, LSTAR, FMASK             uintptr
	SysenterCS, SysenterESP, SysenterEIP uintptr
	GDTR, IDTR, TableLimit               uintptr
	DR7, NMIBlocked, PendingNMI, Held    uintptr
	Long, CPL, Windowed, OnException     uintptr
	SegAttr, SegLimit                    uintptr
	ViewLimitR, ViewLimitW, RFLAGS       uintptr
	Jumps                                uintptr
	Windows, WindowSize, WindowOpen      uintptr
	Returns, ReturnsSize, ReturnsSP      uintptr
	ReturnsLeast, ReturnsKind            uintptr
	TLBWindowLow, TLBWindowHigh          uintptr // in a TLB
	TLBWindowParts                       uintptr
	TR                                   uintptr
}{
	EFER: unsafe.Offsetof(CPU{}.EFER), STAR: unsafe.Offsetof(CPU{}.STAR), LSTAR: unsafe.Offsetof(CPU{}.LSTAR), FMASK: unsafe.Offsetof(CPU{}.FMASK),
	SysenterCS: unsafe.Offsetof(CPU{}.SysenterCS), SysenterESP: unsafe.Offsetof(CPU{}.SysenterESP), SysenterEIP: unsafe.Offsetof(CPU{}.SysenterEIP),
	GDTR: unsafe.Offsetof(CPU{}.GDTR), IDTR: unsafe.Offsetof(CPU{}.IDTR), TableLimit: unsafe.Offsetof(Table{}.Limit),
	DR7: unsafe.Offsetof(CPU{}.DR) + 7*8, NMIBlocked: unsafe.Offsetof(CPU{}.NMIBlocked), PendingNMI: unsafe.Offsetof(CPU{}.PendingNMI),
	Held: unsafe.Offsetof(CPU{}.held), Long: unsafe.Offsetof(CPU{}.long), CPL: unsafe.Offsetof(CPU{}.cpl),
	Windowed: unsafe.Offsetof(CPU{}.windowed), OnException: unsafe.Offsetof(CPU{}.OnException),
	SegAttr: unsafe.Offsetof(Segment{}.Attr), SegLimit: unsafe.Offsetof(Segment{}.Limit),
	ViewLimitR: unsafe.Offsetof(segView{}.limitR), ViewLimitW: unsafe.Offsetof(segView{}.limitW), RFLAGS: unsafe.Offsetof(CPU{}.RFLAGS),
	Jumps:   unsafe.Offsetof(CPU{}.jumps),
	Windows: unsafe.Offsetof(CPU{}.windows), WindowSize: unsafe.Sizeof(window{}), WindowOpen: unsafe.Offsetof(window{}.open),
	Returns: unsafe.Offsetof(CPU{}.returns), ReturnsSize: unsafe.Sizeof(returnStack{}), ReturnsSP: unsafe.Offsetof(returnStack{}.sp),
	ReturnsLeast: unsafe.Offsetof(returnStack{}.least), ReturnsKind: unsafe.Offsetof(returnStack{}.kind),
	TLBWindowLow:   unsafe.Offsetof(tlb{}.window) + unsafe.Offsetof(shownPages{}.low),
	TLBWindowHigh:  unsafe.Offsetof(tlb{}.window) + unsafe.Offsetof(shownPages{}.high),
	TLBWindowParts: unsafe.Offsetof(tlb{}.window) + unsafe.Offsetof(shownPages{}.parts),
	TR:             unsafe.Offsetof(CPU{}.Seg) + TR*unsafe.Sizeof(Segment{}),
}

// Attributes (Segment.Attr) of the flat segments that fast system calls load, of privilege 0.
const (
	FlatCode64 = attrCode | attrReadable | attrL | attrP | attrS | attrAccessed | attrG
	FlatCode32 = attrCode | attrReadable | attrDB | attrP | attrS | attrAccessed | attrG
	FlatStack  = attrWrite | attrDB | attrP | attrS | attrAccessed | attrG
	AttrDPL3   = 3 << 5
)

// NoHigh is the base of GS for 64-bit code in a window without a high part.
const NoHigh = noHigh

// NativeCrossing is the scratch memory of a ring crossing, and what it leaves for the run loop.
type NativeCrossing struct {
	Arrived uint64    // RIP after a crossing to where there is no host code yet
	Count   uint64    // crossings that did not leave host code
	CS, SS  [2]uint64 // as a Segment lies in memory
	RIP     uint64
	RSP     uint64
	Flags   uint64
	Sel     uint64
}
