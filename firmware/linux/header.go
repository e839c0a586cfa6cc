// Package linux boots Linux kernels without a boot loader: it parses a bzImage
// and loads it by the Linux/x86 boot protocol (the kernel's
// Documentation/arch/x86/boot.rst and zero-page.rst) for its 16-bit, 32-bit or
// 64-bit entry point. memtest86+ uses the same protocol.
package linux

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Offsets of the setup header in the file, the same in the zero page
// (boot.rst, "The real-mode kernel header"). The comment is the protocol
// version that introduced the field.
const (
	offSetupSects   = 0x1F1
	offSyssize      = 0x1F4 // in 16-byte units
	offVidMode      = 0x1FA
	offBootFlag     = 0x1FE // AA55h
	offJump         = 0x200 // short jump: its displacement ends the header
	offMagic        = 0x202 // 2.00 "HdrS"
	offVersion      = 0x206 // 2.00
	offKernelString = 0x20E // 2.00
	offLoaderType   = 0x210 // 2.00
	offLoadFlags    = 0x211 // 2.00
	offMoveSize     = 0x212 // 2.00, used before 2.02
	offCode32       = 0x214 // 2.00
	offRamdiskImage = 0x218 // 2.00
	offRamdiskSize  = 0x21C // 2.00
	offHeapEnd      = 0x224 // 2.01
	offCmdLinePtr   = 0x228 // 2.02
	offInitrdMax    = 0x22C // 2.03
	offRelocatable  = 0x234 // 2.05
	offXLoadFlags   = 0x236 // 2.12
	offCmdLineSize  = 0x238 // 2.06
	offPrefAddress  = 0x258 // 2.10
	offInitSize     = 0x260 // 2.10
)

const (
	loadedHigh = 1 << 0 // loadflags: protected-mode code loads at 1 MiB
	canUseHeap = 1 << 7 // loadflags: heap_end_ptr is valid

	xlfKernel64 = 1 << 0 // xloadflags: has the 64-bit entry point at 200h
)

// Kernel is a parsed bzImage.
type Kernel struct {
	Name    string // for error messages
	Version uint16 // boot protocol version, 0x020F is 2.15
	Release string // the kernel's own version string, if it has one

	Has64         bool   // has the 64-bit entry point
	High          bool   // LOADED_HIGH: a bzImage rather than a zImage
	Relocatable   bool   // runs where it is loaded, not only at PrefAddress
	InitrdMax     uint32 // highest address an initrd's last byte may have
	CmdLineMax    int    // longest command line, without its NUL
	PrefAddress   uint64 // preferred load address, 0 before protocol 2.10
	InitSize      uint32 // memory needed from the run address on, 0 before 2.10
	setup         []byte // real-mode part: boot sector and setup sectors
	protectedMode []byte // the rest
}

// IsKernel tells whether a file begins like a Linux kernel with a setup header.
func IsKernel(head []byte) bool {
	return len(head) >= offVersion+2 && string(head[offMagic:offMagic+4]) == "HdrS" &&
		binary.LittleEndian.Uint16(head[offBootFlag:]) == 0xAA55
}

// Parse validates a kernel file.
func Parse(name string, data []byte) (*Kernel, error) {
	bad := func(format string, args ...any) (*Kernel, error) {
		return nil, fmt.Errorf("%s: "+format, append([]any{name}, args...)...)
	}
	switch {
	case len(data) == 0:
		return bad("the file is empty: give a Linux bzImage such as /boot/vmlinuz")
	case len(data) < offVersion+2:
		return bad("not a bzImage: %d bytes are too few for a setup header; give a Linux bzImage such as /boot/vmlinuz", len(data))
	case string(data[offMagic:offMagic+4]) != "HdrS":
		return bad("not a bzImage: no HdrS signature at offset 0x202; give a Linux bzImage such as /boot/vmlinuz")
	case binary.LittleEndian.Uint16(data[offBootFlag:]) != 0xAA55:
		return bad("not a bzImage: no AA55h boot signature at offset 0x1fe; the file is damaged, copy it again")
	}
	k := &Kernel{Name: name, Version: binary.LittleEndian.Uint16(data[offVersion:])}
	if k.Version < 0x0200 {
		return bad("boot protocol %d.%02d is older than 2.00; use a kernel from 1.3.73 on", k.Version>>8, k.Version&0xFF)
	}
	sects := int(data[offSetupSects])
	if sects == 0 {
		sects = 4 // boot.rst: for backwards compatibility
	}
	size := (sects + 1) * 512
	if size > 0x8000 {
		return bad("setup code of %d sectors is over the protocol's limit of 63; the file is damaged, copy it again", sects)
	}
	if len(data) <= size {
		return bad("truncated: setup code alone needs %d bytes, the file has %d; copy it again", size, len(data))
	}
	k.setup, k.protectedMode = data[:size:size], data[size:]

	syssize := uint64(binary.LittleEndian.Uint32(data[offSyssize:])) * 16
	if k.Version < 0x0204 {
		syssize &= 0xFFFF * 16 // a 16-bit field before 2.04
	}
	// The field rounds up, and signatures may follow: only a real loss counts.
	if have := uint64(len(k.protectedMode)); have+16 <= syssize {
		return bad("truncated: the header announces %d bytes of kernel, the file has %d; copy it again", syssize, have)
	}
	k.parseFields()
	return k, nil
}

// parseFields reads what came after protocol 2.00, with the documented values
// for older kernels.
func (k *Kernel) parseFields() {
	h := k.setup
	le := binary.LittleEndian
	k.High = h[offLoadFlags]&loadedHigh != 0
	k.InitrdMax, k.CmdLineMax = 0x37FFFFFF, 255
	if k.Version >= 0x0203 {
		k.InitrdMax = le.Uint32(h[offInitrdMax:])
	}
	if k.Version >= 0x0205 {
		k.Relocatable = h[offRelocatable] != 0
	}
	if k.Version >= 0x0206 {
		if n := le.Uint32(h[offCmdLineSize:]); n > 0 {
			k.CmdLineMax = int(min(n, cmdLineSpace-1))
		}
	}
	if k.Version >= 0x020A {
		k.PrefAddress, k.InitSize = le.Uint64(h[offPrefAddress:]), le.Uint32(h[offInitSize:])
	}
	if k.Version >= 0x020C {
		k.Has64 = le.Uint16(h[offXLoadFlags:])&xlfKernel64 != 0
	}
	// The pointer counts from 200h.
	if p := int(le.Uint16(h[offKernelString:])); p != 0 && 0x200+p < len(h) {
		s, _, _ := bytes.Cut(h[0x200+p:], []byte{0})
		k.Release = printable(s)
	}
}

// printable keeps a kernel's version string from carrying escapes to a terminal.
func printable(s []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(s[:min(len(s), 128)]))
}

// header returns the bytes of the setup header, from 1F1h to where the jump at
// 200h goes.
func (k *Kernel) header() []byte {
	return k.setup[offSetupSects:max(offMagic+int(k.setup[offJump+1]), offRamdiskSize+4)]
}
