package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"g86/cpu"
)

// info mem: the ranges of linear addresses that the page tables map, as
// software with all rights would find them (SDM volume 3A, 4.3 to 4.5).

const (
	entryP  = 1 << 0
	entryW  = 1 << 1
	entryU  = 1 << 2
	entryPS = 1 << 7
	entryNX = 1 << 63

	// A guest can build tables whose walk takes years, by having tables contain
	// themselves.
	maxTables = 1 << 15
	maxRanges = 4096
)

// span is a range of linear addresses with the same rights.
type span struct {
	from, to uint64 // last byte
	rights   uint64 // entryW, entryU; entryNX where execution is disabled
}

// walker collects spans in ascending order.
type walker struct {
	read   func(pa uint64, p []byte)
	spans  []span
	tables int
	cut    bool
}

func infoMem(mon *monitor, w io.Writer, _ []string) error {
	c := mon.m.CPU(mon.cpu)
	s := c.Pull()
	if s.CR0&cpu.CR0PG == 0 {
		fmt.Fprintln(w, "paging is off: linear addresses are physical; `info mtree` shows what lies there")
		return nil
	}
	k := &walker{read: mon.m.ReadPhys}
	const all = entryW | entryU
	digits := 8
	switch {
	case s.CR4&cpu.CR4PAE == 0:
		k.table32(s.CR3&0xfffff000, s.CR4&cpu.CR4PSE != 0)
	case s.EFER&cpu.EFERLMA == 0:
		for i, e := range s.PDPTE {
			if e&entryP != 0 {
				k.table64(e&entryAddr, uint64(i)<<30, 2, all)
			}
		}
	default:
		digits = 16
		k.table64(s.CR3&entryAddr, 0, 4, all)
	}
	for _, p := range k.spans {
		r := []byte("-r-x")
		if p.rights&entryU != 0 {
			r[0] = 'u'
		}
		if p.rights&entryW != 0 {
			r[2] = 'w'
		}
		if p.rights&entryNX != 0 {
			r[3] = '-'
		}
		fmt.Fprintf(w, "%0*x-%0*x %0*x %s\n", digits, p.from, digits, p.to, digits, p.to-p.from+1, r)
	}
	if k.cut {
		fmt.Fprintln(w, "... and more: the tables are too large to be listed")
	}
	return nil
}

const entryAddr = 0x000ffffffffff000

func (k *walker) load(pa uint64, p []byte) bool {
	if k.tables++; k.tables > maxTables || len(k.spans) > maxRanges {
		k.cut = true
		return false
	}
	k.read(pa, p)
	return true
}

// add appends a mapping, joined to the one before if it goes on alike.
func (k *walker) add(from, size, rights uint64) {
	if n := len(k.spans); n > 0 && k.spans[n-1].to+1 == from && k.spans[n-1].rights == rights {
		k.spans[n-1].to += size
		return
	}
	k.spans = append(k.spans, span{from, from + size - 1, rights})
}

func (k *walker) table32(pa uint64, pse bool) {
	var dir, table [4096]byte
	if !k.load(pa, dir[:]) {
		return
	}
	for i := range uint64(1024) {
		pde := uint64(binary.LittleEndian.Uint32(dir[4*i:]))
		switch {
		case pde&entryP == 0:
		case pde&entryPS != 0 && pse:
			k.add(i<<22, 1<<22, pde&(entryW|entryU))
		default:
			if !k.load(pde&0xfffff000, table[:]) {
				return
			}
			for j := range uint64(1024) {
				if pte := uint64(binary.LittleEndian.Uint32(table[4*j:])); pte&entryP != 0 {
					k.add(i<<22|j<<12, 1<<12, pte&pde&(entryW|entryU))
				}
			}
		}
	}
}

// table64 walks a table of 8-byte entries; rights are those of the levels above.
func (k *walker) table64(pa, base uint64, level int, rights uint64) {
	var t [4096]byte
	if !k.load(pa, t[:]) {
		return
	}
	shift := uint(12 + 9*(level-1))
	for i := range uint64(512) {
		e := binary.LittleEndian.Uint64(t[8*i:])
		if e&entryP == 0 {
			continue
		}
		at := base | i<<shift
		if level == 4 && i >= 256 {
			at |= 0xffff000000000000
		}
		r := rights&e&(entryW|entryU) | (rights|e)&entryNX
		if level == 1 || level < 4 && e&entryPS != 0 {
			k.add(at, 1<<shift, r)
			continue
		}
		k.table64(e&entryAddr, at, level-1, r)
		if k.cut {
			return
		}
	}
}
