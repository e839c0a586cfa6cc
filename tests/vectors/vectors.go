// Package vectors runs hardware-captured single-instruction tests on the
// interpreter and compares registers, flags and memory. What a later processor
// does differently on purpose is told apart by named rules (rules.go).
package vectors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"g86/cpu"
	"g86/tests/moo"
)

// board is a bare machine: 16 MiB of RAM, ports that read all ones.
type board struct{ ram []byte }

func (b *board) In(port uint16, size int) uint32     { return 0xffffffff }
func (b *board) Out(port uint16, size int, v uint32) {}
func (b *board) Read(pa uint64, size int) uint64     { return ^uint64(0) }
func (b *board) Write(pa uint64, size int, v uint64) {}
func (b *board) Page(pa uint64) ([]byte, bool) {
	if pa >= uint64(len(b.ram)) {
		return nil, false
	}
	return b.ram[pa : pa+4096], true
}
func (b *board) TSC() uint64                   { return 0 }
func (b *board) Random() uint64                { return 0 }
func (b *board) Interrupt() bool               { return false }
func (b *board) Ack() int                      { return -1 }
func (b *board) TPR() uint8                    { return 0 }
func (b *board) SetTPR(uint8)                  {}
func (b *board) ReadMSR(uint32) (uint64, bool) { return 0, false }
func (b *board) WriteMSR(uint32, uint64) bool  { return false }
func (b *board) TSCRate() uint64               { return 0 }
func (b *board) TSCChanged()                   {}
func (b *board) FERR(bool)                     {}

// Runner runs tests, one after the other, on one processor.
type Runner struct {
	board  *board
	cpu    *cpu.CPU
	code   *cpu.CodeCache
	faults []uint8 // vectors of the exceptions raised by the last test
	// OnPass, if set, is told of each test of a file that passed.
	OnPass func(t *moo.Test)
}

// NewRunner returns a runner with the processor model of that name.
func NewRunner(model string) (*Runner, error) {
	m, err := cpu.NewModel(model)
	if err != nil {
		return nil, err
	}
	r := &Runner{board: &board{ram: make([]byte, 16<<20)}, code: cpu.NewCodeCache()}
	r.cpu = cpu.New(0, m, r.board, r.code)
	r.cpu.OnException = func(_ *cpu.CPU, vector uint8, kind string, _ uint32) {
		if kind == "fault" {
			r.faults = append(r.faults, vector)
		}
	}
	return r, nil
}

// maxSteps bounds a test: a REP instruction of 64 Ki iterations.
const maxSteps = 70000

// state registers of moo in the order of cpu's general registers.
var gprs = map[int]int{moo.AX: cpu.RAX, moo.BX: cpu.RBX, moo.CX: cpu.RCX, moo.DX: cpu.RDX,
	moo.SP: cpu.RSP, moo.BP: cpu.RBP, moo.SI: cpu.RSI, moo.DI: cpu.RDI}

var segs = map[int]int{moo.CS: cpu.CS, moo.SS: cpu.SS, moo.DS: cpu.DS, moo.ES: cpu.ES}

// segs386 are segs and the two that the 386 has, too.
var segs386 = map[int]int{moo.CS: cpu.CS, moo.SS: cpu.SS, moo.DS: cpu.DS, moo.ES: cpu.ES, moo.FS: cpu.FS, moo.GS: cpu.GS}

func segsOf(t *moo.Test) map[int]int {
	if t.Initial.Wide {
		return segs386
	}
	return segs
}

// flagsOf are the flags that a processor of the capture's generation has. RF is not among
// the 386's: the HLT that ends a capture clears it.
func flagsOf(t *moo.Test) uint32 {
	if t.Initial.Wide {
		return 0x7fd5
	}
	return 0xfff // bits 12-15 are not the 286's IOPL and NT in real mode
}

// widthOf is the mask of its registers.
func widthOf(t *moo.Test) uint32 {
	if t.Initial.Wide {
		return 0xffffffff
	}
	return 0xffff
}

// realMode is the memory that real-mode code can reach.
const realMode = 1<<20 + 1<<16

// Diff is one difference between the outcome of a test and the capture.
type Diff struct {
	What      string // a register, or an address in brackets
	Got, Want uint32
}

func (d Diff) String() string { return fmt.Sprintf("%s %04x want %04x", d.What, d.Got, d.Want) }

// Outcome is what a test came to.
type Outcome struct {
	Diffs   []Diff
	Fault   int  // vector of the first exception raised, or -1
	Endless bool // it never came to where the capture ended
}

// Pass reports whether everything is as captured.
func (o *Outcome) Pass() bool { return len(o.Diffs) == 0 && !o.Endless }

func (o *Outcome) String() string {
	var l []string
	if o.Endless {
		l = append(l, "did not end")
	}
	if o.Fault >= 0 {
		l = append(l, fmt.Sprintf("exception %d", o.Fault))
	}
	for _, d := range o.Diffs {
		l = append(l, d.String())
	}
	return strings.Join(l, ", ")
}

// Defined are masks of what is defined after a test; what has none is.
type Defined [moo.NumRegs]uint32

// define is what the masks of a suite leave of defined registers.
func (d *Defined) define(m *moo.Registers) {
	if m == nil {
		return
	}
	for i := range d {
		if m.Mask>>i&1 != 0 {
			d[i] &= m.Regs[i]
		}
	}
}

// Run executes t and compares what is defined
// afterwards. ssAsGP makes vector 12 lead to where the capture's vector 13 does.
func (r *Runner) Run(t *moo.Test, defined *Defined, ssAsGP bool) Outcome {
	c := r.cpu
	r.code.Flush()
	r.faults = r.faults[:0]
	s := c.Pull()
	s.RFLAGS = uint64(t.Initial.Regs[moo.Flags]&flagsOf(t)) | cpu.Flag1
	s.CR0 = cpu.CR0ET
	s.Halted, s.Shutdown, s.Shadow, s.PendingDB, s.ICount = false, false, 0, 0, 0
	s.IDTR.Limit = 0x3ff
	for reg, i := range gprs {
		s.GPR[i] = uint64(t.Initial.Regs[reg])
	}
	for reg, i := range segsOf(t) {
		sel := uint16(t.Initial.Regs[reg])
		s.Seg[i].Sel, s.Seg[i].Base = sel, uint64(sel)<<4
	}
	s.DR[7] = 0x400
	if t.Initial.Wide {
		s.DR[6], s.DR[7] = uint64(t.Initial.Regs[moo.DR6])|0xffff0ff0, uint64(t.Initial.Regs[moo.DR7])|0x400
	}
	s.RIP = uint64(t.Initial.Regs[moo.IP])
	for _, m := range t.Initial.RAM {
		r.board.ram[m.Addr&0xffffff] = m.Data
	}
	if ssAsGP {
		copy(r.board.ram[4*12:4*13], r.board.ram[4*13:])
	}
	c.Refresh()

	width := widthOf(t)
	cs, ip := uint16(final(t, moo.CS)), final(t, moo.IP)
	stop := (ip - 1) & width
	o := Outcome{Fault: -1, Endless: true}
	for steps := 0; steps < maxSteps; steps++ {
		if c.Halted || steps > 0 && s.Seg[cpu.CS].Sel == cs && uint32(s.RIP)&width == stop {
			o.Endless = false
			break
		}
		c.Run(c.ICount + 1)
		if len(r.faults) > 0 && (t.Exception == nil || r.faults[0] != t.Exception.Vector && !ssAsGP) {
			break // on the way to somewhere else
		}
	}
	if len(r.faults) > 0 {
		o.Fault = int(r.faults[0])
	}
	o.Diffs = r.compare(t, defined)
	if o.Pass() {
		r.restore(t)
	} else {
		clear(r.board.ram[:realMode])
	}
	return o
}

// restore clears the memory the test has used.
func (r *Runner) restore(t *moo.Test) {
	for _, l := range [][]moo.Cell{t.Initial.RAM, t.Final.RAM} {
		for _, m := range l {
			r.board.ram[m.Addr&0xffffff] = 0
		}
	}
	clear(r.board.ram[4*12 : 4*14])
}

// flagsWord is the address of the flags word that an exception has pushed: the
// third word of the final stack.
func flagsWord(t *moo.Test) (lo, hi uint32) {
	ss, sp := uint16(final(t, moo.SS)), uint16(final(t, moo.SP))
	at := func(off uint16) uint32 { return uint32(ss)<<4 + uint32(off) }
	return at(sp + 4), at(sp + 5)
}

// final is a register after t.
func final(t *moo.Test, reg int) uint32 {
	if t.Final.Mask>>reg&1 != 0 {
		return t.Final.Regs[reg]
	}
	return t.Initial.Regs[reg]
}

func (r *Runner) compare(t *moo.Test, defined *Defined) []Diff {
	s := r.cpu.Pull()
	width, segs := widthOf(t), segsOf(t)
	names := &moo.RegNames
	if t.Initial.Wide {
		names = &moo.RegNames32
	}
	var diffs []Diff
	note := func(reg int, got, mask uint32) {
		want := final(t, reg)
		if mask &= defined[reg]; got&mask != want&mask {
			diffs = append(diffs, Diff{names[reg], got & mask, want & mask})
		}
	}
	flags := flagsOf(t)
	for reg := range moo.NumRegs {
		if i, ok := gprs[reg]; ok {
			note(reg, uint32(s.GPR[i]), width)
		} else if i, ok := segs[reg]; ok {
			note(reg, uint32(s.Seg[i].Sel), 0xffff)
		}
	}
	ip := uint32(s.RIP)
	if !r.cpu.Halted {
		ip++ // the HLT that follows was not executed
	}
	note(moo.IP, ip, width)
	note(moo.Flags, uint32(s.RFLAGS), flags)
	if t.Initial.Wide {
		note(moo.DR6, uint32(s.DR[6]), 0xe00f)
		note(moo.DR7, uint32(s.DR[7]), 0xffff23ff)
	}
	lo, hi := uint32(0xffffffff), uint32(0xffffffff)
	if t.Exception != nil {
		lo, hi = flagsWord(t)
	}
	for _, m := range t.Final.RAM {
		mask := byte(0xff)
		switch m.Addr {
		case lo:
			mask = byte(defined[moo.Flags])
		case hi:
			mask = byte(defined[moo.Flags] & flags >> 8)
		}
		if got := r.board.ram[m.Addr&0xffffff]; got&mask != m.Data&mask {
			diffs = append(diffs, Diff{fmt.Sprintf("[%06x]", m.Addr), uint32(got), uint32(m.Data)})
		}
	}
	return diffs
}

// Metadata tells for each opcode, or opcode and ModRM.reg, what is known of it.
type Metadata struct {
	Opcodes map[string]*Opcode `json:"opcodes"`
}

// Opcode is an entry of the metadata.
type Opcode struct {
	Status    string             `json:"status"`
	FlagsMask *uint16            `json:"flags-mask"`
	Reg       map[string]*Opcode `json:"reg"`
}

// ReadMetadata reads metadata.json of a suite's folder.
func ReadMetadata(dir string) (*Metadata, error) {
	b, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err != nil {
		return nil, err
	}
	var m Metadata
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s/metadata.json: %w", dir, err)
	}
	return &m, nil
}

// FlagsMask is the mask of defined flags for a file named like "F6.7.MOO.gz".
func (m *Metadata) FlagsMask(file string) uint16 {
	name := strings.Split(filepath.Base(file), ".")
	mask := uint16(0xffff)
	o := m.Opcodes[name[0]]
	if o == nil {
		return mask
	}
	if o.FlagsMask != nil {
		mask = *o.FlagsMask
	}
	if r := o.Reg[name[1]]; r != nil && r.FlagsMask != nil {
		mask = *r.FlagsMask
	}
	return mask
}
