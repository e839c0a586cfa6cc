package cpu

// What others may see and change of a processor in the middle of an
// instruction, without side effects on the guest.

// NextIP is the address of the instruction after the one being executed.
func (c *CPU) NextIP() uint64 {
	if c.cur != nil {
		return c.cur.Next
	}
	return c.RIP
}

// IP is the address of the instruction being executed, or of the next one
// between instructions.
func (c *CPU) IP() uint64 {
	if c.cur != nil {
		return c.wrapIP(c.cur.Next - uint64(c.cur.Len))
	}
	return c.RIP
}

// Mode is the code size: 16, 32 or 64.
func (c *CPU) Mode() int { return int(c.mode) }

// CPL is the current privilege level.
func (c *CPU) CPL() int { return int(c.cpl) }

// SetSegReal loads a segment register as real-address mode does.
func (c *CPU) SetSegReal(i int, sel uint16) { c.loadSegReal(i, sel) }

// SetFlags replaces RFLAGS.
func (c *CPU) SetFlags(f uint64) { c.putFlags(f) }

// PTE is one step of a page walk.
type PTE struct {
	Level int    // 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE
	Addr  uint64 // physical address of the entry; 0 for the PDPTEs of PAE paging, which are registers
	Value uint64
}

// Walk follows the page tables for a linear address without faulting and
// without setting accessed or dirty bits. It returns the entries on the way;
// ok tells whether the last maps the address, to pa. Rights are not checked.
func (c *CPU) Walk(lin uint64) (steps []PTE, pa uint64, ok bool) {
	switch {
	case c.CR0&CR0PG == 0:
		return nil, lin & 0xffffffff & c.a20, true
	case c.CR4&CR4PAE == 0:
		steps, pa, ok = c.look32(lin)
	default:
		steps, pa, ok = c.lookPAE(lin)
	}
	return steps, pa & c.a20, ok
}

func (c *CPU) look32(lin uint64) (steps []PTE, pa uint64, ok bool) {
	at := (c.CR3&0xfffff000 | lin>>20&0xffc) & c.a20
	pde := c.physRead(at, 4)
	steps = append(steps, PTE{2, at, pde})
	if pde&pteP == 0 {
		return steps, 0, false
	}
	if pde&ptePS != 0 && c.CR4&CR4PSE != 0 {
		return steps, pde&0xffc00000 | pde>>13&0xff<<32 | lin&0x3fffff, true
	}
	at = (pde&0xfffff000 | lin>>10&0xffc) & c.a20
	pte := c.physRead(at, 4)
	steps = append(steps, PTE{1, at, pte})
	return steps, pte&0xfffff000 | lin&0xfff, pte&pteP != 0
}

func (c *CPU) lookPAE(lin uint64) (steps []PTE, pa uint64, ok bool) {
	const addr = physAddrMask &^ 0xfff
	table, level := c.CR3&addr, 4
	if !c.long {
		e := c.PDPTE[lin>>30&3]
		steps = append(steps, PTE{3, 0, e})
		if e&pteP == 0 {
			return steps, 0, false
		}
		table, level = e&addr, 2
	} else if !canonical(lin) {
		return nil, 0, false
	}
	for ; ; level-- {
		shift := uint(12 + 9*(level-1))
		at := (table | lin>>shift&511<<3) & c.a20
		e := c.physRead(at, 8)
		steps = append(steps, PTE{level, at, e})
		if e&pteP == 0 {
			return steps, 0, false
		}
		if level == 1 || level < 4 && e&ptePS != 0 {
			size := uint64(1) << shift
			return steps, e&addr&^(size-1) | lin&(size-1), true
		}
		table = e & addr
	}
}

// Translate is the physical address behind a linear one, see Walk.
func (c *CPU) Translate(lin uint64) (pa uint64, ok bool) {
	if !c.long {
		lin &= 0xffffffff
	}
	_, pa, ok = c.Walk(lin)
	return pa, ok
}
