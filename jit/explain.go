//go:build linux && amd64

package jit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/cpu/sem"
)

// Explain shows the whole life of the block that code of a size (32 or 64) begins
// with, at rip, on a model of the processor: bytes and instructions, the flags that
// matter after each, what each means, and the host code, of memory in a window if
// windowed. The error says why there is no such block.
func Explain(code []byte, rip uint64, mode isa.Mode, model *cpu.Model, windowed bool) (string, error) {
	b, err := cpu.NewBlock(model, code, rip, mode, windowed)
	if err != nil {
		return "", err
	}
	k := cpu.NewCodeCache()
	e, err := Attach(k, 0)
	if err != nil {
		return "", err
	}
	defer e.Close()
	if windowed && !e.Windows() {
		return "", errors.New("the host has no windows: its kernel does not let programs write the base of GS")
	}
	return e.explain(b), nil
}

// Explain is the function Explain for a block of a machine's cache at rip, which ends
// after n instructions (0: any) and has been translated; ok is false if there is none.
func (e *Engine) Explain(rip uint64, n int) (text string, ok bool) {
	for _, b := range e.blocks {
		if b.RIP() == rip && b.NativeCode() != nil && (n == 0 || len(b.Ops()) == n) {
			return e.explain(b), true
		}
	}
	return "", false
}

// explain translates the block once more, for nothing but to be looked at.
func (e *Engine) explain(b *cpu.Block) string {
	var w strings.Builder
	t, n := e.translate(b)
	fmt.Fprintf(&w, "block at %#x, %d-bit, %d instructions\n", b.RIP(), b.Mode(), len(b.Ops()))
	for i := range b.Ops() {
		op := &b.Ops()[i]
		at := op.Next - uint64(op.Len)
		fmt.Fprintf(&w, "%8x  %-40s live after: %s\n", at, isa.Disasm(&op.Inst, at, b.Mode()), isa.FlagString(t.live[i]))
		writeIR(&w, op)
	}
	fmt.Fprintf(&w, "host code, %d bytes\n", t.bytes())
	entry := int(n.Entry - e.base)
	e.list(&w, "jumps to slow paths:", t.first, entry)
	for i, at := range t.starts {
		to := t.taken
		if i+1 < len(t.starts) {
			to = t.starts[i+1]
		}
		if i == 0 {
			e.list(&w, "head:", entry, at)
		}
		op := &t.ops[i]
		how := ""
		if n.Resume[i] == 0 {
			how = " (the interpreter's)"
		}
		e.list(&w, isa.Disasm(&op.Inst, op.Next-uint64(op.Len), b.Mode())+how+":", at, to)
	}
	e.list(&w, "branches taken:", t.taken, t.body)
	e.list(&w, "out of line:", t.line, e.aside)
	return w.String()
}

// writeIR writes an instruction's operations, if it has semantics.
func writeIR(w io.Writer, op *cpu.Op) {
	f := &isa.Forms[op.Form]
	if sem.Lookup(f) == nil {
		fmt.Fprintln(w, "            a method of the interpreter's")
		return
	}
	fn, err := sem.Build(f, int(op.OpSize), op.Mem())
	if err != nil {
		fmt.Fprintln(w, "           ", err)
		return
	}
	for _, l := range strings.Split(strings.TrimSpace(fn.String()), "\n") {
		fmt.Fprintln(w, "           ", l)
	}
}

// list writes the host code from one offset in the buffer to another.
func (e *Engine) list(w io.Writer, title string, from, to int) {
	if from == to {
		return
	}
	fmt.Fprintln(w, "  "+title)
	for at := from; at < to; {
		var in isa.Inst
		text := "(not an instruction of the table)"
		n := 1
		if err := isa.Decode(e.asm.Buf[at:to], 64, &in); err == nil {
			n, text = int(in.Len), named(isa.Disasm(&in, uint64(at), 64), e.t.b.Kind())
		}
		fmt.Fprintf(w, "    %07x  %-32x %s\n", at, e.asm.Buf[at:at+n], text)
		at += n
	}
}

var operands = regexp.MustCompile(`gs:\[0x([0-9a-f]+)\]|\[rcx\*4\+0x([0-9a-f]+)\]|(gs:)?\[r15(\+r(?:cx|10|14)\*8)?(?:([+-])0x([0-9a-f]+))?\]`)

// named puts names in place of the places of the processor and the TLB that host code
// addresses; where that uses a window it is the processor alone that R15 leads to.
func named(text string, kind cpu.CodeKind) string {
	return operands.ReplaceAllStringFunc(text, func(s string) string {
		m := operands.FindStringSubmatch(s)
		if m[1] != "" { // amd64.Asm.GSAlone
			v, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				return s
			}
			return "[" + cpuField(uintptr(v+cpuBias)) + "]"
		}
		if m[2] != "" {
			region := "low"
			if m[2] == strconv.FormatInt(int64(probes()), 16) {
				region = "high"
			}
			return "[probe." + region + "+rcx*4]"
		}
		v, err := strconv.ParseInt(m[5]+cmp.Or(m[6], "0"), 16, 64)
		if err != nil {
			return s
		}
		o := &cpu.NativeOffsets
		switch {
		case m[3] != "":
			return "[" + cpuField(uintptr(v+cpuBias)) + "]"
		case kind&cpu.CodeWindowed != 0:
			return "[" + cpuField(uintptr(v+cpuBias+int64(windowBias(kind)))) + "]"
		}
		off := uintptr(v + int64(tlbBias))
		index := m[4]
		for _, f := range []struct {
			name string
			at   uintptr
		}{{"code", o.TLBCode}, {"write", o.TLBWrite}, {"host", o.TLBHost}, {"stack", o.TLBStack}, {"read", o.TLBRead}} {
			if off >= f.at {
				if off > f.at {
					index += fmt.Sprintf("+%#x", off-f.at)
				}
				return "[tlb." + f.name + index + "]"
			}
		}
		return s
	})
}

// cpuField names the field of the processor at an offset.
func cpuField(off uintptr) string {
	o := &cpu.NativeOffsets
	within := func(base, size uintptr) bool { return off >= base && off < base+size }
	switch {
	case within(o.GPR, 16*8):
		return "cpu." + strings.ToUpper(isa.RegName(uint8((off-o.GPR)/8), 8))
	case within(o.XMM, 16*16):
		return fmt.Sprintf("cpu.XMM%d", (off-o.XMM)/16)
	case within(o.Seg, 6*o.SegSize):
		return fmt.Sprintf("cpu.seg.%s+%d", isa.SegName(uint8((off-o.Seg)/o.SegSize)), (off-o.Seg)%o.SegSize)
	case within(o.SegReg, 6*o.SegRegSize):
		return fmt.Sprintf("cpu.Seg.%s+%d", isa.SegName(uint8((off-o.SegReg)/o.SegRegSize)), (off-o.SegReg)%o.SegRegSize)
	}
	for _, part := range []struct {
		at uintptr
		t  reflect.Type
	}{{o.Near, reflect.TypeFor[cpu.NativeNear]()}, {o.Native, reflect.TypeFor[cpu.NativeState]()}} {
		for i := range part.t.NumField() {
			if f := part.t.Field(i); within(part.at+f.Offset, f.Type.Size()) {
				name := "native." + f.Name
				if d := off - part.at - f.Offset; d != 0 {
					name += fmt.Sprintf("+%d", d)
				}
				return name
			}
		}
	}
	return fmt.Sprintf("cpu+%#x", off)
}

// dumpAt is the address that G86_DUMP names: blocks that contain it are explained on
// standard error when they are translated.
var dumpAt = func() uint64 {
	v, err := strconv.ParseUint(strings.TrimPrefix(os.Getenv("G86_DUMP"), "0x"), 16, 64)
	if err != nil {
		return noDump
	}
	return v
}()

const noDump = ^uint64(0)

func (e *Engine) dump(b *cpu.Block) {
	if dumpAt != noDump && dumpAt-b.RIP() < b.End()-b.RIP() {
		fmt.Fprint(os.Stderr, e.explain(b))
	}
}
