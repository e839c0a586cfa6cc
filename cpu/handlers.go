package cpu

import (
	"fmt"
	"slices"
	"sync"

	"g86/cpu/isa"
	"g86/cpu/sem"
)

//go:generate go run ./gen

// handler is how the interpreter runs one form: generated functions by operand
// size and kind, or one hand-written method.
type handler struct {
	gen   *[6]func(*CPU, *Op)
	exec  func(*CPU, *Op)
	ends  bool // ends a block: may change RIP or the mode
	jcc   bool // so does a conditional jump where it is taken
	jumps bool // a jump, call or return inside the code segment
	cpl0  bool // needs CPL 0, and nothing else that 64-bit code has not
	rep   bool // ends a block if it is repeated
	check bool // has checks that run before it: Prot, CPL0, x87 and SSE enabling
}

// formHandlers holds every form's handler, by form ID.
var formHandlers [len(generated)]handler

// execs are the hand-written instructions, by "MNEMONIC" or "MNEMONIC ARGS".
var execs = map[string]func(*CPU, *Op){}

// exec registers a hand-written instruction; each group's file does so in init.
func exec(fn func(*CPU, *Op), names ...string) {
	for _, n := range names {
		if execs[n] != nil {
			panic("cpu: " + n + " has two handlers")
		}
		execs[n] = fn
	}
}

// bindForms joins the table with the handlers. A form must have exactly one of
// semantics and a hand-written method.
func bindForms() error {
	if len(isa.Forms) != len(generated) {
		return fmt.Errorf("cpu: the instruction table has changed: run make generate")
	}
	var missing []string
	for i := 1; i < len(isa.Forms); i++ {
		f := &isa.Forms[i]
		h := &formHandlers[i]
		h.ends = f.Attr&isa.EndsBlock != 0
		h.jcc = h.ends && f.Mnemonic[0] == 'J' && slices.Contains(sem.Conditions(), f.Mnemonic[1:])
		fn := execs[f.Mnemonic+" "+f.Args]
		if fn == nil {
			fn = execs[f.Mnemonic]
		}
		h.jumps = h.ends && sem.Lookup(f) != nil && (f.Mnemonic == "JMP" || f.Mnemonic == "CALL" || f.Mnemonic == "RET")
		if sem.Lookup(f) != nil {
			if fn != nil {
				return fmt.Errorf("cpu: %s %s has both semantics and a method", f.Mnemonic, f.Args)
			}
			h.gen = &generated[i]
		} else {
			h.exec = fn
			h.check = f.Attr&(isa.FPUCheck|isa.SSECheck) != 0
			if fn == nil {
				missing = append(missing, f.Mnemonic+" "+f.Args)
				h.exec = (*CPU).opUD
			}
			if f.Attr&(isa.Rep|isa.RepCond) != 0 {
				h.rep = true
			}
		}
		h.cpl0 = !h.check && f.Attr&isa.CPL0 != 0
		h.check = h.check || f.Attr&(isa.Prot|isa.CPL0) != 0
	}
	if len(missing) != 0 {
		return fmt.Errorf("cpu: forms without semantics or method: %q", missing)
	}
	return nil
}

// bound is the result of bindForms, run once before the first processor is made.
var bound = sync.OnceValue(bindForms)

// bind gives a decoded instruction its handler and its position. next is the
// address of the following instruction.
func (c *CPU) bind(op *Op, next uint64) {
	op.Next = next
	switch op.AddrSize {
	case 2:
		op.AMask = 0xffff
	case 4:
		op.AMask = 0xffffffff
	default:
		op.AMask = ^uint64(0)
	}
	if op.Prefix&isa.PrefixRIP != 0 {
		op.Disp += int64(next)
	}
	f := &isa.Forms[op.Form]
	if !c.Model.Has(f.Feature) {
		if f.Legacy == 0 {
			op.run, op.ends, op.absent = (*CPU).opUD, true, true
			return
		}
		op.Form = f.Legacy
	}
	h := &formHandlers[op.Form]
	op.ends = h.ends || h.rep && op.Prefix&anyRep != 0
	op.branch = h.jcc
	op.run = h.pick(op)
	if h.check {
		op.run = (*CPU).runChecked
	}
}

// pick is the function that runs an instruction of the form.
func (h *handler) pick(op *Op) func(*CPU, *Op) {
	if h.gen == nil {
		return h.exec
	}
	i := [...]int{2: 0, 4: 1, 8: 2}[op.OpSize]
	if op.Mem() {
		i += 3
	}
	return h.gen[i]
}

// runChecked runs an instruction that has conditions beyond its operands.
func (c *CPU) runChecked(in *Op) {
	a := isa.Forms[in.Form].Attr
	if a&isa.Prot != 0 && (c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM != 0) {
		c.ud()
	}
	if a&isa.CPL0 != 0 && c.cpl != 0 {
		c.gp0()
	}
	h := &formHandlers[in.Form]
	if h.gen == nil {
		if a&isa.FPUCheck != 0 {
			c.checkX87(in)
		}
		if a&isa.SSECheck != 0 {
			c.checkSSE()
		}
	}
	h.pick(in)(c, in)
}

func (c *CPU) opUD(in *Op) { c.ud() }
