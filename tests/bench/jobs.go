//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"g86/tests/guests"
)

// The images are made from guests.asm by `make kernels`.
//
//go:embed guests32.bin
var guests32 []byte

//go:embed guests64.bin
var guests64 []byte

// job is one thing to measure.
type job struct {
	name, set      string
	memory         string // MiB
	kernel, initrd string
	append         string
	native         []string // the same on the host itself; empty: it cannot
}

// bare are the jobs of guests.asm, and whether a program can do them.
var bare = []struct {
	name   string
	native bool
}{
	{"alu", true}, {"sieve", true}, {"calls", true}, {"chase", true}, {"sse", true}, {"x87", true}, {"movs", true}, {"smc", true},
	{"int80", false}, {"port", false},
}

// linux are shell scripts for busybox, which $B is.
var linux = []struct{ name, script string }{
	{"boot", "true"},
	{"sha256", "$B yes | $B head -c 40000000 | $B sha256sum"},
	{"gzip", "$B cat $B $B $B | $B gzip -6 | $B wc -c"},
	{"sort", "$B seq 1 150000 | $B sort | $B md5sum"},
	{"awk", "$B awk 'BEGIN { for (i = 0; i < 400000; i++) s += i * i % 7; print s }'"},
	{"shell", "i=0; while [ $i -lt 150000 ]; do i=$((i + 1)); done"},
	{"fork", "i=0; while [ $i -lt 800 ]; do $B true; i=$((i + 1)); done"},
}

// allJobs are the jobs that can run here, and why others cannot. Files are made in dir.
func allJobs(dir string) (l []job, left []string, err error) {
	for _, size := range []struct {
		bits  int
		image []byte
	}{{32, guests32}, {64, guests64}} {
		kernel := filepath.Join(dir, fmt.Sprintf("guests%d.bin", size.bits))
		if err := os.WriteFile(kernel, size.image, 0o644); err != nil {
			return nil, nil, err
		}
		for _, b := range bare {
			j := job{name: fmt.Sprintf("%s-%d", b.name, size.bits), set: fmt.Sprintf("bare-%d", size.bits), memory: "64", kernel: kernel,
				append: "job=" + b.name}
			if b.native {
				program := filepath.Join(dir, j.name)
				if err := os.WriteFile(program, elf(size.image, size.bits, b.name), 0o755); err != nil {
					return nil, nil, err
				}
				j.native = []string{program}
			}
			l = append(l, j)
		}
	}
	kernel, err := guests.Path("cloud-kernel")
	if err != nil {
		return l, append(left, "jobs under Linux: "+err.Error()), nil
	}
	initrd, err := guests.Path("busybox-initrd")
	if err != nil {
		return l, append(left, "jobs under Linux: "+err.Error()), nil
	}
	busybox, err := program("busybox", dir)
	if err != nil {
		return l, append(left, "jobs under Linux: "+err.Error()), nil
	}
	for _, x := range linux {
		text := "echo START; " + x.script + " > /tmp/g86-bench; echo STOP; echo SUM done"
		l = append(l, job{name: x.name + "-linux", set: "linux", memory: "256", kernel: kernel, initrd: initrd,
			append: `console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/bin/sh -- -c "B=/bin/busybox; ` + text + `; $B poweroff -f"`,
			native: []string{busybox, "sh", "-c", "B=" + busybox + "; " + text}})
	}
	return l, left, nil
}

// program copies a guest's program to where it may be run.
func program(name, dir string) (string, error) {
	from, err := guests.Path(name)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, name)
	return to, os.WriteFile(to, b, 0o755)
}

// Places in the images, see guests.asm: what Multiboot tells, and what is for here.
const (
	loadAddr    = 0x10
	bssEnd      = 0x18
	nativeEntry = 0x40
	nativeJob   = 0x44
	fileOffset  = 0x1000 // of the image in a program
)

// elf is a Linux program that does a job of an image.
func elf(image []byte, bits int, name string) []byte {
	le := binary.LittleEndian
	image = bytes.Clone(image)
	copy(image[nativeJob:], name+"\x00")
	load, entry := le.Uint32(image[loadAddr:]), le.Uint32(image[nativeEntry:])
	size := le.Uint32(image[bssEnd:]) - load
	b := make([]byte, fileOffset, fileOffset+len(image))
	copy(b, "\x7fELF")
	b[6] = 1                // EV_CURRENT
	b[5] = 1                // little-endian
	le.PutUint16(b[16:], 2) // ET_EXEC
	le.PutUint32(b[20:], 1)
	const flags = 7 // readable, writable, executable
	if bits == 32 {
		b[4] = 1
		le.PutUint16(b[18:], 3) // EM_386
		le.PutUint32(b[24:], entry)
		le.PutUint32(b[28:], 52) // program headers
		le.PutUint16(b[40:], 52)
		le.PutUint16(b[42:], 32)
		le.PutUint16(b[44:], 1)
		for i, v := range []uint32{1, fileOffset, load, load, uint32(len(image)), size, flags, 0x1000} {
			le.PutUint32(b[52+4*i:], v)
		}
	} else {
		b[4] = 2
		le.PutUint16(b[18:], 62) // EM_X86_64
		le.PutUint64(b[24:], uint64(entry))
		le.PutUint64(b[32:], 64)
		le.PutUint16(b[52:], 64)
		le.PutUint16(b[54:], 56)
		le.PutUint16(b[56:], 1)
		le.PutUint32(b[64:], 1)
		le.PutUint32(b[68:], flags)
		for i, v := range []uint64{fileOffset, uint64(load), uint64(load), uint64(len(image)), uint64(size), 0x1000} {
			le.PutUint64(b[72+8*i:], v)
		}
	}
	return append(b, image...)
}
