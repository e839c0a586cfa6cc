// Package snap is the codec of snapshot sections. A chip keeps what must
// survive in plain structs and writes them with Struct: every field is encoded
// in order, by reflection, exported or not; a field tagged `snap:"-"` is
// derived and left out. The section starts with a fingerprint of the struct's
// shape, so that a reader of another version refuses it instead of misreading.
package snap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"reflect"
	"unsafe"
)

// ErrShort is returned when a section ends before everything was read.
var ErrShort = errors.New("snapshot section is truncated")

// maxSlice bounds slices and strings in a section, so that a damaged length
// cannot exhaust memory.
const maxSlice = 1 << 28

// Writer collects the bytes of one section.
type Writer struct{ buf bytes.Buffer }

// Bytes returns everything written so far.
func (w *Writer) Bytes() []byte { return w.buf.Bytes() }

// Struct writes the struct that p points to.
func (w *Writer) Struct(p any) {
	v := reflect.ValueOf(p).Elem()
	w.u64(fingerprint(v.Type()))
	w.value(v)
}

func (w *Writer) u64(x uint64) {
	w.buf.Write(binary.LittleEndian.AppendUint64(nil, x))
}

func (w *Writer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		w.buf.WriteByte(b)
	case reflect.Uint8:
		w.buf.WriteByte(byte(v.Uint()))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint, reflect.Uintptr:
		w.sized(v.Uint(), v.Type())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		w.sized(uint64(v.Int()), v.Type())
	case reflect.Float64, reflect.Float32:
		w.u64(math.Float64bits(v.Float()))
	case reflect.String:
		w.u64(uint64(v.Len()))
		w.buf.WriteString(v.String())
	case reflect.Slice:
		w.u64(uint64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			w.buf.Write(v.Bytes())
			return
		}
		fallthrough
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			w.value(v.Index(i))
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				w.value(v.Field(i))
			}
		}
	default:
		panic(fmt.Sprintf("snap: %v cannot be saved; tag it `snap:\"-\"` if it is derived", v.Type()))
	}
}

func (w *Writer) sized(x uint64, t reflect.Type) {
	b := binary.LittleEndian.AppendUint64(nil, x)
	w.buf.Write(b[:width(t)])
}

// width is the encoded size of an integer: int and uint take 8 bytes on every host.
func width(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return 8
	}
	return int(t.Size())
}

// Reader takes a section apart again.
type Reader struct {
	r   *bytes.Reader
	err error
}

// NewReader reads the section b.
func NewReader(b []byte) *Reader { return &Reader{r: bytes.NewReader(b)} }

// Struct reads the struct that p points to, as written by Writer.Struct. On an
// error, which sticks, the struct may be partly overwritten.
func (r *Reader) Struct(p any) error {
	v := reflect.ValueOf(p).Elem()
	if fp := r.u64(); r.err == nil && fp != fingerprint(v.Type()) {
		r.err = fmt.Errorf("snapshot section has another layout than %v of this version", v.Type())
	}
	r.value(v)
	return r.err
}

// Rest is the number of unread bytes.
func (r *Reader) Rest() int { return r.r.Len() }

func (r *Reader) fill(b []byte) {
	if r.err != nil {
		return
	}
	if _, err := io.ReadFull(r.r, b); err != nil {
		r.err = ErrShort
	}
}

func (r *Reader) u64() uint64 {
	var b [8]byte
	r.fill(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

func (r *Reader) length() int {
	n := r.u64()
	if r.err == nil && (n > maxSlice || n > uint64(r.r.Len())*8+8) {
		r.err = fmt.Errorf("snapshot section holds an impossible length %d", n)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *Reader) value(v reflect.Value) {
	if r.err != nil {
		return
	}
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // unexported fields too
	switch v.Kind() {
	case reflect.Bool:
		var b [1]byte
		r.fill(b[:])
		v.SetBool(b[0] != 0)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint, reflect.Uintptr:
		var b [8]byte
		r.fill(b[:width(v.Type())])
		v.SetUint(binary.LittleEndian.Uint64(b[:]))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		var b [8]byte
		n := width(v.Type())
		r.fill(b[:n])
		shift := 64 - 8*n
		v.SetInt(int64(binary.LittleEndian.Uint64(b[:])<<shift) >> shift)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(math.Float64frombits(r.u64()))
	case reflect.String:
		b := make([]byte, r.length())
		r.fill(b)
		v.SetString(string(b))
	case reflect.Slice:
		n := r.length()
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			r.fill(v.Bytes())
			return
		}
		fallthrough
	case reflect.Array:
		for i := 0; i < v.Len() && r.err == nil; i++ {
			r.value(v.Index(i))
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && r.err == nil; i++ {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				r.value(v.Field(i))
			}
		}
	}
}

// fingerprint hashes field names and kinds, so that a changed layout is noticed.
func fingerprint(t reflect.Type) uint64 {
	h := fnv.New64a()
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		fmt.Fprintf(h, "%v;", t.Kind())
		switch t.Kind() {
		case reflect.Array:
			fmt.Fprintf(h, "%d;", t.Len())
			walk(t.Elem())
		case reflect.Slice:
			walk(t.Elem())
		case reflect.Struct:
			for i := 0; i < t.NumField(); i++ {
				if f := t.Field(i); f.Tag.Get("snap") != "-" {
					fmt.Fprintf(h, "%s:", f.Name)
					walk(f.Type)
				}
			}
		}
	}
	walk(t)
	return h.Sum64()
}
