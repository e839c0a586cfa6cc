package moo

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func le(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func chunkOf(tag string, data ...[]byte) []byte {
	d := join(data...)
	return join([]byte(tag), le(uint32(len(d))), d)
}

// sample is a file with one test: AX = 0102h before, IP = 4 after, one cell, #GP.
func sample() []byte {
	ram := chunkOf("RAM ", le(1), le(0x12345), []byte{0x90})
	return join(
		chunkOf("MOO ", []byte{1, 0, 0, 0}, le(1), []byte("286 ")),
		chunkOf("META", []byte("ignored")),
		chunkOf("TEST", le(7),
			chunkOf("NAME", le(3), []byte("nop")),
			chunkOf("BYTS", le(2), []byte{0x90, 0xf4}),
			chunkOf("INIT", chunkOf("REGS", []byte{1, 0, 2, 1}), ram),
			chunkOf("FINA", chunkOf("REGS", []byte{0, 0x10, 4, 0})),
			chunkOf("EXCP", []byte{13}, le(0x500)),
			chunkOf("HASH", []byte{0xab, 0xcd})))
}

func TestParse(t *testing.T) {
	f, err := Parse(sample())
	require.NoError(t, err)
	require.Equal(t, "286", f.CPU)
	require.Equal(t, []Test{{Index: 7, Name: "nop", Bytes: []byte{0x90, 0xf4},
		Initial:   State{Registers: Registers{1, [NumRegs]uint32{AX: 0x102}}, RAM: []Cell{{0x12345, 0x90}}},
		Final:     State{Registers: Registers{1 << IP, [NumRegs]uint32{IP: 4}}},
		Exception: &Exception{13, 0x500}, Hash: "abcd"}}, f.Tests)

	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(sample())
	w.Close()
	g, err := Parse(z.Bytes())
	require.NoError(t, err)
	require.Equal(t, f, g)
}

// sample386 is a file of version 1.1: EAX, SS and DR7 before, EFLAGS after, of which CF
// is not defined, and of no test AF.
func sample386() []byte {
	meta := make([]byte, 31)
	meta[27] = 1
	return join(
		chunkOf("MOO ", []byte{1, 1, 0, 0}, le(1), []byte("386E")),
		chunkOf("META", meta),
		chunkOf("RM32", le(1<<17), le(0xffffffef)),
		chunkOf("TEST", le(0),
			chunkOf("BYTS", le(3), []byte{0x66, 0x40, 0xf4}),
			chunkOf("INIT", chunkOf("RG32", le(1<<2|1<<15|1<<19), le(0x12345678), le(0x9abc), le(0x400)), chunkOf("EA32", []byte("ignored"))),
			chunkOf("FINA", chunkOf("RG32", le(1<<17), le(0xfffc0002)), chunkOf("RM32", le(1<<17), le(0xfffffffe)))))
}

func TestParse386(t *testing.T) {
	f, err := Parse(sample386())
	require.NoError(t, err)
	masks := func(v uint32) *Registers { return &Registers{1 << Flags, [NumRegs]uint32{Flags: v}} }
	require.Equal(t, &File{CPU: "386E", Mode: 1, Defined: masks(0xffffffef), Tests: []Test{{Bytes: []byte{0x66, 0x40, 0xf4},
		Initial: State{Registers: Registers{1<<AX | 1<<SS | 1<<DR7, [NumRegs]uint32{AX: 0x12345678, SS: 0x9abc, DR7: 0x400}}, Wide: true},
		Final:   State{Registers: *masks(0xfffc0002), Wide: true},
		Defined: masks(0xfffffffe)}}}, f)
}

// TestDamaged: every truncation is an error and none a panic.
func TestDamaged(t *testing.T) {
	whole := sample()
	head := len(chunkOf("MOO ", make([]byte, 12)))
	meta := head + len(chunkOf("META", []byte("ignored")))
	for n := range whole {
		if n == head || n == meta {
			continue // a file may end between chunks
		}
		_, err := Parse(whole[:n])
		require.Error(t, err, "%d bytes", n)
	}
	_, err := Parse([]byte("PK\x03\x04 is something else"))
	require.ErrorContains(t, err, "not a MOO file")
	_, err = Parse([]byte{0x1f, 0x8b, 0, 0})
	require.ErrorContains(t, err, "damaged gzip")
}

// FuzzParse: no bytes make the reader panic, or take more tests out of a file than fit
// into it.
func FuzzParse(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:20])
	f.Add(sample386())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil || bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			return
		}
		require.LessOrEqual(t, len(file.Tests), len(b)/8)
		for _, x := range file.Tests {
			require.LessOrEqual(t, len(x.Bytes)+len(x.Name)+5*len(x.Initial.RAM), len(b))
		}
	})
}
