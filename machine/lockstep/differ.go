package lockstep

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	"g86/cpu/isa"
	"g86/machine"
)

// most is how many differences of memory are told.
const most = 8

// differences lists what of two machines is not the same.
func differences(m [2]*machine.Machine) (l []string) {
	if a, b := m[0].Count(), m[1].Count(); a != b {
		l = append(l, fmt.Sprintf("instructions: %d, %d", a, b))
	}
	for i := range m[0].CPUs() {
		a, b := m[0].CPU(i).Pull(), m[1].CPU(i).Pull()
		l = fields(l, fmt.Sprintf("cpu%d", i), reflect.ValueOf(*a), reflect.ValueOf(*b))
	}
	l = memory(l, m)
	if len(l) == 0 && m[0].StateHash() != m[1].StateHash() {
		l = append(l, "a device or what was written to a disk")
	}
	return l
}

// fields adds the fields that differ, by their names in cpu.State.
func fields(l []string, name string, a, b reflect.Value) []string {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			l = fields(l, name+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Array:
		for i := range a.Len() {
			at := fmt.Sprintf("%s[%d]", name, i)
			if i < 16 && len(name) > 4 && name[len(name)-4:] == ".GPR" {
				at = name[:len(name)-3] + strings.ToUpper(isa.RegName(uint8(i), 8))
			}
			l = fields(l, at, a.Index(i), b.Index(i))
		}
	default:
		if !a.Equal(b) {
			l = append(l, fmt.Sprintf("%s: %#x, %#x", name, a.Interface(), b.Interface()))
		}
	}
	return l
}

// memory adds the first words of memory that differ.
func memory(l []string, m [2]*machine.Machine) []string {
	const page = 4096
	var a, b [page]byte
	told := 0
	for at := uint64(0); at < m[0].Memory() && told < most; at += page {
		m[0].ReadPhys(at, a[:])
		m[1].ReadPhys(at, b[:])
		if bytes.Equal(a[:], b[:]) {
			continue
		}
		for i := 0; i < page && told < most; i += 8 {
			x, y := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
			if x != y {
				l = append(l, fmt.Sprintf("memory at %#x: %016x, %016x", at+uint64(i), x, y))
				told++
			}
		}
	}
	return l
}
