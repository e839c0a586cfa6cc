package acpi

import (
	"encoding/binary"
	"strings"
)

// AML encoding (ACPI specification 5.0, chapter 20). A term is its bytes; the
// functions below are named after the ASL operators that they encode.
type term []byte

var le = binary.LittleEndian

func join(t ...term) term {
	var out term
	for _, x := range t {
		out = append(out, x...)
	}
	return out
}

// path encodes a name: root prefix and one, two or more segments.
func path(s string) term {
	var out term
	if rest, ok := strings.CutPrefix(s, `\`); ok {
		out, s = append(out, '\\'), rest
	}
	segs := strings.Split(s, ".")
	switch len(segs) {
	case 1:
	case 2:
		out = append(out, 0x2e)
	default:
		out = append(out, 0x2f, byte(len(segs)))
	}
	for _, seg := range segs {
		out = append(out, (seg + "____")[:4]...)
	}
	return out
}

// pkgLength encodes the length of body plus its own.
func pkgLength(body int) term {
	switch {
	case body+1 < 1<<6:
		return term{byte(body + 1)}
	case body+2 < 1<<12:
		n := body + 2
		return term{0x40 | byte(n&0xf), byte(n >> 4)}
	default:
		n := body + 3
		return term{0x80 | byte(n&0xf), byte(n >> 4), byte(n >> 12)}
	}
}

func packed(op term, body ...term) term {
	b := join(body...)
	return join(op, pkgLength(len(b)), b)
}

func integer(v uint32) term {
	switch {
	case v <= 1:
		return term{byte(v)}
	case v <= 0xff:
		return term{0x0a, byte(v)}
	case v <= 0xffff:
		return le.AppendUint16(term{0x0b}, uint16(v))
	}
	return le.AppendUint32(term{0x0c}, v)
}

func buffer(b []byte) term { return packed(term{0x11}, integer(uint32(len(b))), b) }

// eisaID compresses an ID such as PNP0A03 into its integer.
func eisaID(s string) term {
	v := uint32(s[0]-0x40)<<26 | uint32(s[1]-0x40)<<21 | uint32(s[2]-0x40)<<16
	for i, c := range s[3:] {
		d := uint32(strings.IndexRune("0123456789ABCDEF", c))
		v |= d << (12 - 4*i)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return append(term{0x0c}, b[:]...)
}

func name(n string, v term) term         { return join(term{0x08}, path(n), v) }
func scope(n string, body ...term) term  { return packed(term{0x10}, path(n), join(body...)) }
func device(n string, body ...term) term { return packed(term{0x5b, 0x82}, path(n), join(body...)) }
func pkg(elements ...term) term {
	return packed(term{0x12}, term{byte(len(elements))}, join(elements...))
}
func text(s string) term                     { return join(term{0x0d}, term(s), term{0}) }
func notify(object, value term) term         { return join(term{0x86}, object, value) }
func returns(v term) term                    { return join(term{0xa4}, v) }
func store(v, to term) term                  { return join(term{0x70}, v, to) }
func and(a, b, to term) term                 { return join(term{0x7b}, a, b, to) }
func or(a, b, to term) term                  { return join(term{0x7d}, a, b, to) }
func ifThen(cond term, then ...term) term    { return packed(term{0xa0}, cond, join(then...)) }
func dwordField(src, at term, n string) term { return join(term{0x8a}, src, at, path(n)) }

// method encodes a method that serializes its callers if serialized is set: one
// that makes named objects must.
func method(n string, args int, serialized bool, body ...term) term {
	flags := byte(args)
	if serialized {
		flags |= 8
	}
	return packed(term{0x14}, path(n), term{flags}, join(body...))
}

// processor encodes a processor without P_BLK.
func processor(n string, id byte) term {
	return packed(term{0x5b, 0x83}, path(n), term{id, 0, 0, 0, 0, 0})
}

// Operands.
var (
	arg0 = term{0x68}
	none = term{0x00} // no target
)

// pciConfig declares byte fields over PCI configuration space from off.
func pciConfig(region string, off byte, fields ...string) term {
	t := join(term{0x5b, 0x80}, path(region), term{0x02}, integer(uint32(off)), integer(uint32(len(fields))))
	list := term{0x01} // byte access, no lock, preserve
	for _, f := range fields {
		list = append(append(list, path(f)...), 8) // eight bits
	}
	return join(t, packed(term{0x5b, 0x81}, path(region), list))
}

// Resource descriptors (ACPI specification 5.0, section 6.4).

func resources(d ...[]byte) []byte {
	var out []byte
	for _, x := range d {
		out = append(out, x...)
	}
	return append(out, 0x79, 0) // end tag; zero means no checksum
}

func ioPort(base, align uint16, n byte) []byte {
	return []byte{0x47, 1, byte(base), byte(base >> 8), byte(base), byte(base >> 8), byte(align), n}
}

func irqNoFlags(irq int) []byte { return le.AppendUint16([]byte{0x22}, 1<<irq) }

func dma8(channel int) []byte { return []byte{0x2a, 1 << channel, 0} }

func fixedMemory(base, size uint32) []byte {
	return le.AppendUint32(le.AppendUint32([]byte{0x86, 9, 0, 1}, base), size)
}

// interrupts is a shared, level-triggered, active-high extended interrupt.
func interrupts(n ...uint32) []byte {
	d := le.AppendUint16([]byte{0x89}, uint16(2+4*len(n)))
	d = append(d, 0x09, byte(len(n)))
	for _, x := range n {
		d = le.AppendUint32(d, x)
	}
	return d
}

const (
	typeMemory = 0
	typeIO     = 1
	typeBus    = 2
)

// wordSpace and dwordSpace are fixed windows that the bridge passes on.
func wordSpace(kind, typeFlags byte, lo, hi uint16) []byte {
	d := []byte{0x88, 13, 0, kind, 0x0c, typeFlags}
	for _, v := range []uint16{0, lo, hi, 0, hi - lo + 1} {
		d = le.AppendUint16(d, v)
	}
	return d
}

func dwordSpace(kind, typeFlags byte, lo, hi uint32) []byte {
	d := []byte{0x87, 23, 0, kind, 0x0c, typeFlags}
	for _, v := range []uint32{0, lo, hi, 0, hi - lo + 1} {
		d = le.AppendUint32(d, v)
	}
	return d
}
