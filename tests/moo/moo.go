// Package moo reads the MOO format of hardware-captured single-instruction
// tests: chunks of tag, length and data, little-endian.
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
	CPU   string
	Tests []Test
}

// Test is one captured execution.
type Test struct {
	Index     uint32
	Name      string
	Bytes     []byte
	Initial   State
	Final     State // registers that changed, memory that was written
	Exception *Exception
	Hash      string
}

// Exception is set when the instruction ended in an exception.
type Exception struct {
	Vector    uint8
	FlagsAddr uint32 // where the flags word was pushed
}

// Register numbers of State.Regs, in the order of the format.
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
	NumRegs
)

// RegNames are the registers' names in that order.
var RegNames = [NumRegs]string{"ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"}

// State is a set of registers and bytes of memory.
type State struct {
	Mask uint16 // which registers are present
	Regs [NumRegs]uint16
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
		if tag == "TEST" {
			t, err := parseTest(data)
			if err != nil {
				return nil, fmt.Errorf("test %d: %w", len(f.Tests), err)
			}
			f.Tests = append(f.Tests, t)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, nil
}

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
			t.Initial, d.err = parseState(data)
		case "FINA":
			t.Final, d.err = parseState(data)
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

func parseState(b []byte) (s State, err error) {
	r := reader{b: b}
	for r.more() {
		tag, data := r.chunk()
		d := reader{b: data}
		switch tag {
		case "REGS":
			s.Mask = d.u16()
			for i := 0; i < NumRegs; i++ {
				if s.Mask>>i&1 != 0 {
					s.Regs[i] = d.u16()
				}
			}
		case "RAM ":
			n := d.u32()
			if uint64(n)*5 > uint64(len(data)) {
				return s, fmt.Errorf("RAM chunk is shorter than its %d cells", n)
			}
			for ; n > 0; n-- {
				s.RAM = append(s.RAM, Cell{d.u32(), d.bytes(1)[0]})
			}
		}
		if d.err != nil {
			return s, d.err
		}
	}
	return s, r.err
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

func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }

func (r *reader) chunk() (tag string, data []byte) {
	tag = string(r.bytes(4))
	return tag, r.bytes(int(r.u32()))
}
