package silicon

import (
	"encoding/binary"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/cpu/softfloat"
	"g86/jit"
)

// Guest is the interpreter, or the translator, on a board that shows the arena to a ring 3 program
// as Linux shows it to this one: same addresses, same page rights, same
// selectors, interrupt gates with the same privileges.
type Guest struct {
	base uint64
	low  []byte // tables of the processor, physical 0
	mem  []byte // the arena
	cpu  *cpu.CPU
	code *cpu.CodeCache
	ran  cpu.State // the state to start from
	got  Outcome   // of the last exception

	jit    *jit.Engine // nil: the interpreter runs everything
	native int         // steps that host code made alone
}

// Physical addresses in low memory.
const (
	lowPML4 = 0x1000
	lowPDPT = 0x2000
	lowPD0  = 0x3000 // of the first GiB
	lowPT0  = 0x4000
	lowPDA  = 0x5000 // of the arena's GiB
	lowPTA  = 0x6000
	lowIDT  = 0x7000
	lowGDT  = 0x8000
	lowTSS  = 0x9000
	lowSize = 0x10000
)

// NewTranslated is NewGuest with the translator: each instruction becomes a block of its
// own and runs as host code where the translator has it.
func NewTranslated(model string, base uint32) (*Guest, error) {
	g, err := NewGuest(model, base)
	if err == nil {
		g.jit, err = jit.Attach(g.code, 0)
	}
	return g, err
}

// Close gives a translator's memory back.
func (g *Guest) Close() error {
	if g.jit == nil {
		return nil
	}
	g.code.Flush()
	return g.jit.Close()
}

// Native is how many steps host code made without the interpreter.
func (g *Guest) Native() int { return g.native }

// NewGuest puts a processor of that model onto the board. base is the arena's
// address.
func NewGuest(model string, base uint32) (*Guest, error) {
	m, err := cpu.NewModel(model)
	if err != nil {
		return nil, err
	}
	g := &Guest{base: uint64(base), low: make([]byte, lowSize), mem: make([]byte, arenaSize), code: cpu.NewCodeCache()}
	g.tables()
	g.cpu = cpu.New(0, m, g, g.code)
	g.cpu.OnException = func(c *cpu.CPU, vector uint8, _ string, code uint32) {
		if vector == 1 { // INT1: to the host's debugger it is the trap that ends every instruction
			g.got.Vector = None
		} else {
			g.got.Vector, g.got.Code = int(vector), code
		}
		g.take(&g.got)
	}
	s := g.cpu.Pull()
	s.CR0 = cpu.CR0PE | cpu.CR0PG | cpu.CR0ET | cpu.CR0NE | cpu.CR0WP | cpu.CR0MP | cpu.CR0AM
	s.CR3 = lowPML4
	s.CR4 = cpu.CR4PAE | cpu.CR4PSE | cpu.CR4PGE | cpu.CR4OSFXSR | cpu.CR4OSXMMEXCPT | cpu.CR4OSXSAVE | cpu.CR4FSGSBASE | cpu.CR4SMEP
	s.EFER = cpu.EFERSCE | cpu.EFERLME | cpu.EFERLMA | cpu.EFERNXE
	s.GDTR = cpu.Table{Base: lowGDT, Limit: 0x7f}
	s.IDTR = cpu.Table{Base: lowIDT, Limit: 0xfff}
	s.Seg[cpu.TR] = cpu.Segment{Sel: 0x40, Base: lowTSS, Limit: 0x67, Attr: 0x8b}
	s.Seg[cpu.LDTR] = cpu.Segment{}
	data := cpu.Segment{Sel: 0x2b, Limit: 0xffffffff, Attr: 0xc0f3}
	s.Seg[cpu.SS], s.Seg[cpu.DS], s.Seg[cpu.ES] = data, data, data
	s.Seg[cpu.FS], s.Seg[cpu.GS] = cpu.Segment{}, cpu.Segment{}
	g.ran = *s
	return g, nil
}

// tables writes page tables, descriptors and gates.
func (g *Guest) tables() {
	le := binary.LittleEndian
	put := func(at, v uint64) { le.PutUint64(g.low[at:], v) }
	const present, write, user, nx = 1, 2, 4, 1 << 63
	put(lowPML4, lowPDPT|present|write|user)
	put(lowPDPT, lowPD0|present|write)
	put(lowPD0, lowPT0|present|write)
	for i := range uint64(lowSize / pageSize) {
		put(lowPT0+8*i, i*pageSize|present|write)
	}
	put(lowPDPT+g.base>>30*8, lowPDA|present|write|user)
	put(lowPDA+g.base>>21&511*8, lowPTA|present|write|user)
	page := func(off int, rights uint64) {
		at := g.base + uint64(off)
		put(lowPTA+at>>12&511*8, at|present|rights)
	}
	page(offCode, user)
	page(offData, user|write|nx)
	page(offData+pageSize, user|write|nx)
	page(offConst, user|nx)
	page(offStack, user|write|nx)

	put(lowGDT+0x08, 0x00af9b000000ffff)
	put(lowGDT+0x10, 0x00cf93000000ffff)
	put(lowGDT+0x20, 0x00cffb000000ffff) // 32-bit code, ring 3
	put(lowGDT+0x28, 0x00cff3000000ffff)
	put(lowGDT+0x30, 0x00affb000000ffff) // 64-bit code, ring 3
	for i := range uint64(256) {
		gate := uint64(0x8e00) << 32
		if i == 3 || i == 4 { // Linux lets programs raise #BP and #OF
			gate = 0xee00 << 32
		}
		put(lowIDT+16*i, gate|0x08<<16|0x1000)
	}
	put(lowTSS+4, lowSize)                  // RSP0
	le.PutUint16(g.low[lowTSS+0x66:], 0x68) // no I/O permission bitmap
}

// Base is the arena's address.
func (g *Guest) Base() uint32 { return uint32(g.base) }

// Mem is the arena.
func (g *Guest) Mem() []byte { return g.mem }

// Written drops decoded code.
func (g *Guest) Written(off, n int) { g.code.Written(g.base+uint64(off), n) }

// Step runs one instruction.
func (g *Guest) Step(s *State, bits int) Outcome {
	c := g.cpu
	st := c.Pull()
	icount := st.ICount
	*st = g.ran
	st.ICount = icount
	copy(st.GPR[:16], s.GPR[:])
	st.RIP, st.RFLAGS = s.RIP, s.Flags|flagTF|flagIF|flag1
	st.Seg[cpu.CS] = cpu.Segment{Sel: 0x33, Limit: 0xffffffff, Attr: 0xa0fb}
	if bits == 32 {
		st.Seg[cpu.CS] = cpu.Segment{Sel: 0x23, Limit: 0xffffffff, Attr: 0xc0fb}
	}
	putFX(st, &s.FX)
	if g.jit != nil {
		g.alone(s.RIP, bits)
		st.RFLAGS &^= flagTF // the interpreter runs what is stepped through
	}
	c.Refresh()
	g.got = Outcome{Vector: None}
	g.got.RIP = ^uint64(0)
	enters, left := g.exits()
	c.Run(c.ICount + 1)
	if g.got.RIP == ^uint64(0) {
		g.take(&g.got)
	}
	g.got.CR2 = c.CR2
	if g.jit != nil {
		g.got.Flags |= flagTF // as on the host, which steps
		if e, l := g.exits(); e != enters && l == left {
			g.native++
		}
	}
	return g.got
}

// exits counts how often host code was entered, and left an instruction to the interpreter.
func (g *Guest) exits() (enters, left uint64) {
	if g.jit == nil {
		return 0, 0
	}
	for _, x := range g.jit.Stats.Ops {
		left += x
	}
	return g.jit.Stats.Enters, left
}

// alone puts an opcode that does not exist behind the instruction, so that it is a block
// of its own.
func (g *Guest) alone(rip uint64, bits int) {
	off := rip - g.base
	if off >= arenaSize-32 {
		return
	}
	var in isa.Inst
	if isa.Decode(g.mem[off:off+isa.MaxLen], isa.Mode(bits), &in) != nil {
		return
	}
	behind := g.mem[off+uint64(in.Len):]
	if behind[0] != 0x0f || behind[1] != 0x04 {
		behind[0], behind[1] = 0x0f, 0x04
		g.code.Written(rip, int(in.Len)+2)
	}
}

// take copies the processor's state.
func (g *Guest) take(o *Outcome) {
	s := g.cpu.Pull()
	copy(o.GPR[:], s.GPR[:16])
	o.RIP, o.Flags = s.RIP, s.RFLAGS
	getFX(s, &o.FX)
}

// putFX loads x87, MMX and SSE state from an FXSAVE image.
func putFX(s *cpu.State, b *[512]byte) {
	le := binary.LittleEndian
	s.FPU.CW, s.FPU.SW, s.FPU.Tag = le.Uint16(b[fxCW:])&0x1f7f|0x40, le.Uint16(b[fxSW:]), b[fxTag]
	top := int(s.FPU.SW>>11) & 7
	for i := range 8 {
		at := b[fxST+16*i:]
		s.FPU.Reg[(top+i)&7] = softfloat.F80{Sig: le.Uint64(at), SE: le.Uint16(at[8:])}
	}
	s.MXCSR = le.Uint32(b[fxMXCSR:])
	for i := range 16 {
		at := b[fxXMM+16*i:]
		s.XMM[i] = [2]uint64{le.Uint64(at), le.Uint64(at[8:])}
	}
}

func getFX(s *cpu.State, b *[512]byte) {
	le := binary.LittleEndian
	le.PutUint16(b[fxCW:], s.FPU.CW)
	le.PutUint16(b[fxSW:], s.FPU.SW)
	b[fxTag] = s.FPU.Tag
	top := int(s.FPU.SW>>11) & 7
	for i := range 8 {
		at := b[fxST+16*i:]
		r := s.FPU.Reg[(top+i)&7]
		le.PutUint64(at, r.Sig)
		le.PutUint16(at[8:], r.SE)
	}
	le.PutUint32(b[fxMXCSR:], s.MXCSR)
	for i := range 16 {
		at := b[fxXMM+16*i:]
		le.PutUint64(at, s.XMM[i][0])
		le.PutUint64(at[8:], s.XMM[i][1])
	}
}

// The rest is the board.

func (g *Guest) page(pa uint64) []byte {
	switch {
	case pa < lowSize:
		return g.low[pa&^0xfff:][:pageSize]
	case pa-g.base < arenaSize:
		return g.mem[(pa-g.base)&^0xfff:][:pageSize]
	}
	return nil
}

// Page is the memory behind a physical page.
func (g *Guest) Page(pa uint64) ([]byte, bool) { return g.page(pa), true }

// In and the other ports and registers: there are none.
func (g *Guest) In(uint16, int) uint32 { return 0xffffffff }

// Out does nothing.
func (g *Guest) Out(uint16, int, uint32) {}

// Read answers where there is no memory.
func (g *Guest) Read(uint64, int) uint64 { return ^uint64(0) }

// Write does nothing.
func (g *Guest) Write(uint64, int, uint64) {}

// TSC stands still.
func (g *Guest) TSC() uint64 { return 0 }

// TSCChanged does nothing.
func (g *Guest) TSCRate() uint64 { return 0 }
func (g *Guest) TSCChanged()     {}

// Random is not random.
func (g *Guest) Random() uint64 { return 0 }

// Interrupt: none ever waits.
func (g *Guest) Interrupt() bool { return false }

// Ack has no vector.
func (g *Guest) Ack() int { return -1 }

// TPR is open.
func (g *Guest) TPR() uint8 { return 0 }

// SetTPR does nothing.
func (g *Guest) SetTPR(uint8) {}

// ReadMSR knows none.
func (g *Guest) ReadMSR(uint32) (uint64, bool) { return 0, false }

// WriteMSR knows none.
func (g *Guest) WriteMSR(uint32, uint64) bool { return false }

// FERR is not connected: CR0.NE is set.
func (g *Guest) FERR(bool) {}
