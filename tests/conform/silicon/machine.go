package silicon

import (
	"encoding/binary"
	"fmt"
)

// The arena is memory that both sides see at the same addresses, below 2 GiB so
// that absolute operands reach it. Offsets of what is in it:
const (
	arenaSize = 0x40000

	offNative = 0x00000 // the trampoline and its data; the guest has nothing here
	offCode   = 0x10000 // the instruction: read, execute
	offData   = 0x20000 // two pages of operands: read, write
	offHole   = 0x22000 // nothing
	offConst  = 0x24000 // read only
	offStack  = 0x30000 // one page: read, write; nothing on either side of it

	pageSize = 0x1000
)

// window is a range of the arena with data that both sides work on.
type window struct{ off, size int }

var windows = []window{{offData, 2 * pageSize}, {offStack, pageSize}}

// Vector numbers of exceptions as processors give them; None is what a plain
// end of the instruction counts as.
const None = -1

// State is what a user-mode program has: general registers, RFLAGS and the
// FXSAVE image.
type State struct {
	GPR   [16]uint64
	RIP   uint64
	Flags uint64
	FX    [512]byte
}

// Outcome is where an instruction led.
type Outcome struct {
	State
	Vector int    // exception, or None
	Code   uint32 // its error code
	CR2    uint64 // of a page fault
}

// Machine runs one instruction.
type Machine interface {
	// Step executes the instruction at s.RIP in code of that many bits, 32 or 64.
	Step(s *State, bits int) Outcome
	// Mem is the arena as this side sees it.
	Mem() []byte
	// Written tells that the instruction's bytes were replaced.
	Written(off, n int)
}

// pushesCode reports whether exception v has an error code that a user-mode
// program can see.
func pushesCode(v int) bool { return v == 10 || v == 11 || v == 12 || v == 13 || v == 14 || v == 17 }

var gprNames = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// Offsets in the FXSAVE image (SDM volume 1, table 10-2).
const (
	fxCW    = 0
	fxSW    = 2
	fxTag   = 4
	fxMXCSR = 24
	fxMask  = 28
	fxST    = 32
	fxXMM   = 160
	fxEnd   = 416
)

// diff names everything in which got differs from want, first differences first.
// flags are the RFLAGS bits that are defined.
func diff(got, want *Outcome, bits int, flags uint64, x loose) (l []string) {
	note := func(format string, a ...any) { l = append(l, fmt.Sprintf(format, a...)) }
	if got.Vector != want.Vector {
		note("%s, host %s", vectorName(got), vectorName(want))
		return l
	}
	if pushesCode(got.Vector) && got.Code != want.Code {
		note("%s, host %s", vectorName(got), vectorName(want))
	}
	if d := got.CR2 ^ want.CR2; got.Vector == 14 && d != 0 && !(x.page && d < pageSize) {
		note("cr2 %#x, host %#x", got.CR2, want.CR2)
	}
	mask := ^uint64(0)
	n := 16
	if bits == 32 {
		mask, n = 0xffffffff, 8
	}
	for i := range n {
		if (got.GPR[i]^want.GPR[i])&mask != 0 {
			note("%s %#x, host %#x", gprNames[i], got.GPR[i]&mask, want.GPR[i]&mask)
		}
	}
	if (got.RIP^want.RIP)&mask != 0 {
		note("rip %#x, host %#x", got.RIP, want.RIP)
	}
	if (got.Flags^want.Flags)&flags != 0 {
		note("rflags %#x, host %#x", got.Flags&flags, want.Flags&flags)
	}
	return append(l, diffFX(&got.FX, &want.FX, bits, ^x.sw, x.stack && got.Vector != None)...)
}

func vectorName(o *Outcome) string {
	switch {
	case o.Vector == None:
		return "no exception"
	case pushesCode(o.Vector):
		return fmt.Sprintf("exception %d code %#x", o.Vector, o.Code)
	}
	return fmt.Sprintf("exception %d", o.Vector)
}

// diffFX compares FXSAVE images but for the pointers, which not every processor
// keeps; with noStack not the x87 stack either.
func diffFX(got, want *[512]byte, bits int, swMask uint16, noStack bool) (l []string) {
	note := func(format string, a ...any) { l = append(l, fmt.Sprintf(format, a...)) }
	u16 := func(b *[512]byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	if g, w := u16(got, fxCW), u16(want, fxCW); g != w {
		note("x87 control %#04x, host %#04x", g, w)
	}
	if noStack {
		swMask &^= 0x3800
	}
	if g, w := u16(got, fxSW)&swMask, u16(want, fxSW)&swMask; g != w {
		note("x87 status %#04x, host %#04x", g, w)
	}
	if got[fxTag] != want[fxTag] && !noStack {
		note("x87 tags %#02x, host %#02x", got[fxTag], want[fxTag])
	}
	for i := range 8 {
		if noStack {
			break
		}
		at := fxST + 16*i
		if g, w := got[at:at+10], want[at:at+10]; string(g) != string(w) {
			note("st%d %s, host %s", i, bigEndian(g), bigEndian(w))
		}
	}
	if g, w := binary.LittleEndian.Uint32(got[fxMXCSR:]), binary.LittleEndian.Uint32(want[fxMXCSR:]); g != w {
		note("mxcsr %#x, host %#x", g, w)
	}
	n := 16
	if bits == 32 {
		n = 8
	}
	for i := range n {
		at := fxXMM + 16*i
		if g, w := got[at:at+16], want[at:at+16]; string(g) != string(w) {
			note("xmm%d %s, host %s", i, bigEndian(g), bigEndian(w))
		}
	}
	return l
}

// bigEndian shows a register's bytes, the most significant first.
func bigEndian(b []byte) string {
	r := make([]byte, len(b))
	for i, x := range b {
		r[len(b)-1-i] = x
	}
	return fmt.Sprintf("%x", r)
}
