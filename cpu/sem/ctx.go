// Package sem holds the semantics of the translatable instructions, each written
// once over ir.Builder. The interpreter's Go code is generated from it, the
// translator lowers it to host code.
package sem

import (
	"fmt"

	"g86/cpu/ir"
	"g86/cpu/isa"
)

// Ctx is the instruction whose semantics are being built: a form with an
// effective operand size and the kind of its ModRM operand decided. It reads and
// writes operands by position.
type Ctx struct {
	ir.Builder
	Form   *isa.Form
	OpSize int  // effective operand size: 2, 4 or 8 bytes
	Mem    bool // the E, W or Q operand is in memory

	ea ir.Value
}

// Func builds the semantics of one mnemonic.
type Func func(c *Ctx)

// Lookup returns the semantics of a form, or nil if it is not translatable.
func Lookup(f *isa.Form) Func {
	if fn := table[f.Mnemonic+" "+f.Args]; fn != nil {
		return fn
	}
	for _, op := range f.Operands() {
		switch op.Method {
		case 'S', 'C', 'D': // segment, control and debug registers have rules of their own
			return nil
		}
		switch op.Fixed {
		case "ES", "CS", "SS", "DS", "FS", "GS":
			return nil
		}
	}
	return table[f.Mnemonic]
}

// Build returns the semantics of form f with the given operand size and kind of
// ModRM operand, verified.
func Build(f *isa.Form, opSize int, mem bool) (*ir.Func, error) {
	c := &Ctx{Form: f, OpSize: opSize, Mem: mem}
	Lookup(f)(c)
	if err := c.F.Verify(); err != nil {
		return nil, fmt.Errorf("%s %s (%d bytes, memory %v): %w\n%v", f.Mnemonic, f.Args, opSize, mem, err, &c.F)
	}
	return &c.F, nil
}

// table maps "MNEMONIC" or, where operands decide, "MNEMONIC ARGS".
var table = map[string]Func{}

func def(fn Func, names ...string) {
	for _, n := range names {
		if table[n] != nil {
			panic("sem: " + n + " is defined twice")
		}
		table[n] = fn
	}
}

// Size is the size of operand n in bytes.
func (c *Ctx) Size(n int) int {
	op := c.Form.Operands()[n]
	size := op.Size
	if op.MemSize != "" && c.Mem {
		size = op.MemSize
	}
	switch op.Fixed {
	case "AL", "CL", "1":
		return 1
	case "AX", "DX":
		return 2
	case "eAX":
		return min(c.OpSize, 4)
	case "rAX":
		return c.OpSize
	}
	switch size {
	case "b":
		return 1
	case "w":
		return 2
	case "d", "ss":
		return 4
	case "q", "sd":
		return 8
	case "v":
		return c.OpSize
	case "z":
		return min(c.OpSize, 4)
	case "y":
		return max(c.OpSize, 4)
	case "dq", "x", "ps", "pd":
		return 16
	}
	panic(fmt.Sprintf("sem: %s %s: operand %d has no size", c.Form.Mnemonic, c.Form.Args, n))
}

// Type is the integer type of operand n.
func (c *Ctx) Type(n int) ir.Type { return ir.IntType(c.Size(n)) }

// IsMem reports whether operand n is in memory.
func (c *Ctx) IsMem(n int) bool {
	switch c.Form.Operands()[n].Method {
	case 'M', 'O':
		return true
	case 'E', 'W', 'Q':
		return c.Mem
	}
	return false
}

// EA is the offset of the memory operand, computed once.
func (c *Ctx) EA() ir.Value {
	if c.ea == 0 {
		c.ea = c.Src(ir.EA, ir.I64, 0)
	}
	return c.ea
}

// slot is the register slot of operand n.
func (c *Ctx) slot(n int) uint64 {
	op := c.Form.Operands()[n]
	switch op.Fixed {
	case "AL", "AX", "eAX", "rAX":
		return isa.RAX
	case "CL":
		return isa.RCX
	case "DX":
		return isa.RDX
	}
	switch op.Method {
	case 'E', 'R', 'Z', 'W', 'U', 'Q', 'N':
		return ir.SlotRM
	case 'G', 'V', 'P':
		return ir.SlotReg
	case 'B':
		return ir.SlotVvvv
	}
	panic(fmt.Sprintf("sem: %s %s: operand %d is not a register", c.Form.Mnemonic, c.Form.Args, n))
}

// Read is the value of integer operand n in its own size; an immediate takes the
// size of operand 0.
func (c *Ctx) Read(n int) ir.Value {
	op := c.Form.Operands()[n]
	switch {
	case op.Fixed == "1":
		return c.Const(ir.I8, 1)
	case op.Method == 'I':
		return c.ReadAs(n, c.Type(0))
	case c.IsMem(n):
		return c.Load(ir.Load, c.Type(n), ir.SlotSeg, c.EA())
	}
	return c.GetReg(c.Type(n), c.slot(n))
}

// ReadAs is immediate operand n as type t.
func (c *Ctx) ReadAs(n int, t ir.Type) ir.Value {
	if c.Form.Operands()[n].Fixed == "1" {
		return c.Const(t, 1)
	}
	return c.Src(ir.Imm, t, 0)
}

// ReadRW is the value of operand n, which Write will replace: if it is in memory
// the write is certain to succeed afterwards.
func (c *Ctx) ReadRW(n int) ir.Value {
	if c.IsMem(n) {
		return c.Load(ir.LoadRMW, c.Type(n), ir.SlotSeg, c.EA())
	}
	return c.Read(n)
}

// Update writes operand n after ReadRW.
func (c *Ctx) Update(n int, v ir.Value) {
	if c.IsMem(n) {
		c.Do(ir.Put, c.TypeOf(v), 0, v)
		return
	}
	c.SetReg(c.slot(n), v)
}

// Write writes operand n, which was not read before.
func (c *Ctx) Write(n int, v ir.Value) {
	if c.IsMem(n) {
		c.Store(ir.SlotSeg, c.EA(), v)
		return
	}
	c.SetReg(c.slot(n), v)
}

// opType is the integer type of the operand size.
func (c *Ctx) opType() ir.Type { return ir.IntType(c.OpSize) }
