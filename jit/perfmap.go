//go:build linux && amd64

package jit

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"g86/cpu"
)

// PerfMap makes the translator tell perf(1) what its host code is: a line for each
// block in /tmp/perf-PID.map. name names a guest address. It returns the file's name.
func (e *Engine) PerfMap(name func(rip uint64) string) (path string, err error) {
	path = fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	e.perf = &perfMap{file: f, Writer: bufio.NewWriter(f), name: name}
	e.perf.line(e.base, e.start, "g86 glue")
	return path, nil
}

type perfMap struct {
	file *os.File
	*bufio.Writer
	name func(uint64) string
}

func (p *perfMap) line(at uintptr, size int, name string) {
	fmt.Fprintf(p, "%x %x %s\n", at, size, name) // the last write's error comes with Flush
}

func (p *perfMap) close() error { return errors.Join(p.Flush(), p.file.Close()) }

// mapped tells perf of a block that has just been translated.
func (e *Engine) mapped(b *cpu.Block, n *cpu.Native) {
	if e.perf != nil {
		name := "guest " + e.perf.name(b.RIP())
		e.perf.line(n.Entry, int(e.base)+e.t.body-int(n.Entry), name)
		e.perf.line(e.base+uintptr(e.t.line), e.aside-e.t.line, name+" out of line")
	}
}
