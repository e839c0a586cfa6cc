// Package moo reads the MOO format, up to version 1.1, of hardware-captured
// single-instruction tests: chunks of tag, length and data, little-endian.
package moo

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFile bounds a decompressed file.
const maxFile = 1 << 30

// File is one file: the tests of one instruction form.
type File struct {
	CPU     string
	Mode    uint8      // the processor's, 0 is real mode
	Defined *Registers // not nil: masks of what is defined after every test
	Tests   []Test
}

// Test is one captured execution.
type Test struct {
	Index     uint32
	Name      string
	Bytes     []byte
	Initial   State
	Final     State      // registers that changed, memory that was written
	Defined   *Registers // not nil: masks of what is defined after it
	Exception *Exception
	Hash      string
}

// Exception is set when the instruction ended in an exception.
type Exception struct {
	Vector    uint8
	FlagsAddr uint32 // where the flags word was pushed
}

// Register numbers. The first are in the order of the format's 16-bit chunks; those from FS
// on and the upper halves of the others are the 386's.
const (
	AX = iota
	BX
	CX
	DX
	CS
	SS
	DS
	ES
	SP
	BP
	SI
	DI
	IP
	Flags
	FS
	GS
	CR0
	CR3
	DR6
	DR7
	NumRegs
)

// numRegs16 is how many registers a 16-bit chunk may hold.
const numRegs16 = Flags + 1

// order32 are the registers of a 32-bit chunk.
var order32 = [NumRegs]int{CR0, CR3, AX, BX, CX, DX, SI, DI, BP, SP, CS, DS, ES, FS, GS, SS, IP, Flags, DR6, DR7}

// RegNames are the registers' names, those of 16 bits where there are two.
var RegNames = [NumRegs]string{"ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags",
	"fs", "gs", "cr0", "cr3", "dr6", "dr7"}

// RegNames32 are the registers' names on a 386.
var RegNames32 = [NumRegs]string{"eax", "ebx", "ecx", "edx", "cs", "ss", "ds", "es", "esp", "ebp", "esi", "edi", "eip", "eflags",
	"fs", "gs", "cr0", "cr3", "dr6", "dr7"}

// Registers are the values of some registers, or masks of them.
type Registers struct {
	Mask uint32 // which are present
	Regs [NumRegs]uint32
}

// State is a set of registers and bytes of memory.
type State struct {
	Registers
	Wide bool // they are a 386's
	RAM  []Cell
}

// Cell is one byte of memory.
type Cell struct {
	Addr uint32
	Data byte
}

// Open reads a file, gzipped or not.
func Open(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Parse reads a file from memory, gzipped or not.
func Parse(b []byte) (*File, error) {
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("damaged gzip: %w", err)
		}
		if b, err = io.ReadAll(io.LimitReader(z, maxFile)); err != nil {
			return nil, fmt.Errorf("damaged gzip: %w", err)
		}
	}
	f := &File{}
	r := reader{b: b}
	tag, head := r.chunk()
	if tag != "MOO " || len(head) < 12 {
		return nil, fmt.Errorf("not a MOO file: it does not begin with a MOO chunk")
	}
	f.CPU = strings.TrimRight(string(head[8:12]), " \x00")
	for r.more() {
		tag, data := r.chunk()
		d := reader{b: data}
		switch tag {
		case "META":
			if len(data) > metaMode {
				f.Mode = data[metaMode]
			}
		case "RMSK", "RM32":
			f.Defined = d.registers(tag == "RM32")
		case "TEST":
			t, err := parseTest(data)
			if err != nil {
				return nil, fmt.Errorf("test %d: %w", len(f.Tests), err)
			}
			f.Tests = append(f.Tests, t)
		}
		if d.err != nil {
			return nil, fmt.Errorf("chunk %q: %w", tag, d.err)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, nil
}

// metaMode is where a META chunk has the processor's mode.
const metaMode = 27

func parseTest(b []byte) (t Test, err error) {
	r := reader{b: b}
	t.Index = r.u32()
	for r.more() {
		tag, data := r.chunk()
		d := reader{b: data}
		switch tag {
		case "NAME":
			t.Name = string(d.bytes(int(d.u32())))
		case "BYTS":
			t.Bytes = d.bytes(int(d.u32()))
		case "INIT":
			t.Initial, _, d.err = parseState(data)
		case "FINA":
			t.Final, t.Defined, d.err = parseState(data)
		case "EXCP":
			t.Exception = &Exception{Vector: d.bytes(1)[0], FlagsAddr: d.u32()}
		case "HASH":
			t.Hash = hex.EncodeToString(data)
		}
		if d.err != nil {
			return t, fmt.Errorf("chunk %q: %w", tag, d.err)
		}
	}
	return t, r.err
}

// parseState reads a state, and the masks in it if there are any.
func parseState(b []byte) (s State, defined *Registers, err error) {
	r := reader{b: b}
	for r.more() {
		tag, data := r.chunk()
		d := reader{b: data}
		switch tag {
		case "REGS", "RG32":
			s.Wide = tag == "RG32"
			s.Registers = *d.registers(s.Wide)
		case "RMSK", "RM32":
			defined = d.registers(tag == "RM32")
		case "RAM ":
			n := d.u32()
			if uint64(n)*5 > uint64(len(data)) {
				return s, nil, fmt.Errorf("RAM chunk is shorter than its %d cells", n)
			}
			for ; n > 0; n-- {
				s.RAM = append(s.RAM, Cell{d.u32(), d.bytes(1)[0]})
			}
		}
		if d.err != nil {
			return s, nil, d.err
		}
	}
	return s, defined, r.err
}

// reader takes a buffer apart; its first error sticks and further reads give zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) more() bool { return r.err == nil && len(r.b) > 0 }

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = fmt.Errorf("file is truncated: %d bytes wanted, %d left", n, len(r.b))
		}
		return make([]byte, min(max(n, 1), 16))
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// registers reads a bit mask and a value for each bit set.
func (r *reader) registers(wide bool) *Registers {
	v := &Registers{}
	if !wide {
		mask := r.u16() & (1<<numRegs16 - 1)
		v.Mask = uint32(mask)
		for i := range numRegs16 {
			if mask>>i&1 != 0 {
				v.Regs[i] = uint32(r.u16())
			}
		}
		return v
	}
	mask := r.u32()
	for i, reg := range order32 {
		if mask>>i&1 != 0 {
			v.Mask |= 1 << reg
			v.Regs[reg] = r.u32()
		}
	}
	return v
}

func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }

func (r *reader) chunk() (tag string, data []byte) {
	tag = string(r.bytes(4))
	return tag, r.bytes(int(r.u32()))
}
