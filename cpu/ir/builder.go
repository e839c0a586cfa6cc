package ir

import (
	"fmt"
	"strings"
)

// Value names the result of an operation: its index in Func.Insts plus one, so
// that the zero Value is "none".
type Value uint16

// Inst is one operation.
type Inst struct {
	Op   Op
	Type Type // of the result; of the stored value for commits
	A    Value
	B    Value
	C    Value
	Imm  uint64
	Name string // of Call and Vec
}

// Func is the semantics of one instruction.
type Func struct{ Insts []Inst }

// Builder appends operations to a Func. Its methods check types and panic on a
// misuse: semantics are built at generate time and at start-up of tests, so a
// mistake in them cannot reach a user.
type Builder struct{ F Func }

// TypeOf is the type of v.
func (b *Builder) TypeOf(v Value) Type { return b.F.Insts[v-1].Type }

// Emit appends an operation.
func (b *Builder) Emit(i Inst) Value {
	if n := info[i.Op].args; n >= 0 {
		got := 0
		for _, v := range [...]Value{i.A, i.B, i.C} {
			if v != 0 {
				got++
			}
		}
		if got != n {
			panic(fmt.Sprintf("ir: %v takes %d operands, got %d", i.Op, n, got))
		}
	}
	b.F.Insts = append(b.F.Insts, i)
	return Value(len(b.F.Insts))
}

func (b *Builder) same(op Op, x, y Value) Type {
	t := b.TypeOf(x)
	if u := b.TypeOf(y); u != t {
		panic(fmt.Sprintf("ir: %v of %v and %v", op, t, u))
	}
	return t
}

// Const is the constant v.
func (b *Builder) Const(t Type, v uint64) Value { return b.Emit(Inst{Op: Const, Type: t, Imm: v}) }

// Src is an operation without operands (Imm, Imm2, Next, Rel, EA, GetF, Top).
func (b *Builder) Src(op Op, t Type, imm uint64) Value {
	return b.Emit(Inst{Op: op, Type: t, Imm: imm})
}

// GetReg reads the general register in slot.
func (b *Builder) GetReg(t Type, slot uint64) Value {
	return b.Emit(Inst{Op: GetReg, Type: t, Imm: slot})
}

// SetReg writes the general register in slot.
func (b *Builder) SetReg(slot uint64, v Value) {
	b.Emit(Inst{Op: SetReg, Type: b.TypeOf(v), A: v, Imm: slot})
}

// GetV reads the XMM (V128) or MMX (V64) register in slot.
func (b *Builder) GetV(t Type, slot uint64) Value { return b.Emit(Inst{Op: GetV, Type: t, Imm: slot}) }

// SetV writes the XMM or MMX register in slot.
func (b *Builder) SetV(slot uint64, v Value) {
	b.Emit(Inst{Op: SetV, Type: b.TypeOf(v), A: v, Imm: slot})
}

// Load reads memory; op is Load or LoadRMW.
func (b *Builder) Load(op Op, t Type, seg uint64, addr Value) Value {
	return b.Emit(Inst{Op: op, Type: t, A: addr, Imm: seg})
}

// Store writes memory.
func (b *Builder) Store(seg uint64, addr, v Value) {
	b.Emit(Inst{Op: Store, Type: b.TypeOf(v), A: addr, B: v, Imm: seg})
}

// Un is a unary operation that keeps the type.
func (b *Builder) Un(op Op, x Value) Value {
	return b.Emit(Inst{Op: op, Type: b.TypeOf(x), A: x})
}

// Bin is a binary operation on two values of one type.
func (b *Builder) Bin(op Op, x, y Value) Value {
	return b.Emit(Inst{Op: op, Type: b.same(op, x, y), A: x, B: y})
}

// Shift is a shift or rotate of x by the i8 count n.
func (b *Builder) Shift(op Op, x, n Value) Value {
	if b.TypeOf(n) != I8 {
		panic(fmt.Sprintf("ir: %v by %v", op, b.TypeOf(n)))
	}
	return b.Emit(Inst{Op: op, Type: b.TypeOf(x), A: x, B: n})
}

// Tri is an operation on three values; the result has the type of y.
func (b *Builder) Tri(op Op, x, y, z Value) Value {
	return b.Emit(Inst{Op: op, Type: b.TypeOf(y), A: x, B: y, C: z})
}

// Ext converts x to type t: ZExt, SExt or Trunc. Converting to the same type is x.
func (b *Builder) Ext(op Op, t Type, x Value) Value {
	if b.TypeOf(x) == t {
		return x
	}
	return b.Emit(Inst{Op: op, Type: t, A: x})
}

// Cond is condition code cc as 0 or 1.
func (b *Builder) Cond(cc uint64) Value { return b.Emit(Inst{Op: Cond, Type: I8, Imm: cc}) }

// Do appends an operation without a result.
func (b *Builder) Do(op Op, t Type, imm uint64, args ...Value) {
	b.Emit(Inst{Op: op, Type: t, Imm: imm, A: arg(args, 0), B: arg(args, 1), C: arg(args, 2)})
}

// Call appends a call of the interpreter's method name.
func (b *Builder) Call(t Type, name string, flags uint64, args ...Value) Value {
	return b.Emit(Inst{Op: Call, Type: t, Name: name, Imm: flags, A: arg(args, 0), B: arg(args, 1), C: arg(args, 2)})
}

// Vec appends a call of package vec's function name.
func (b *Builder) Vec(t Type, name string, flags uint64, args ...Value) Value {
	return b.Emit(Inst{Op: Vec, Type: t, Name: name, Imm: flags, A: arg(args, 0), B: arg(args, 1), C: arg(args, 2)})
}

func arg(a []Value, i int) Value {
	if i < len(a) {
		return a[i]
	}
	return 0
}

// Faults reports whether the operation can raise an exception.
func (i *Inst) Faults() bool {
	switch i.Op {
	case Call:
		return i.Imm&CallFaults != 0
	case Vec:
		return i.Imm&VecEnv != 0
	}
	return info[i.Op].faults
}

// Commits reports whether the operation changes guest state.
func (i *Inst) Commits() bool {
	if i.Op == Call {
		return i.Imm&CallCommits != 0
	}
	return info[i.Op].commits
}

// Verify checks that the semantics are restartable: nothing that may fault
// follows a commit, so that a fault leaves the guest as it was before the
// instruction. A faulting commit itself (Store, Push, Jump) must be atomic.
func (f *Func) Verify() error {
	committed := -1
	for n := range f.Insts {
		i := &f.Insts[n]
		if i.Faults() && committed >= 0 {
			return fmt.Errorf("ir: v%d %v may fault after v%d %v has changed state", n+1, i.Op, committed+1, f.Insts[committed].Op)
		}
		if i.Commits() {
			committed = n
		}
		for _, v := range [...]Value{i.A, i.B, i.C} {
			if int(v) > n {
				return fmt.Errorf("ir: v%d uses v%d before its definition", n+1, v)
			}
			if v != 0 && f.Insts[v-1].Type == Void {
				return fmt.Errorf("ir: v%d uses v%d, which has no value", n+1, v)
			}
		}
	}
	return nil
}

// String prints the operations, one a line.
func (f *Func) String() string {
	var s strings.Builder
	for n := range f.Insts {
		i := &f.Insts[n]
		fmt.Fprintf(&s, "v%d = %v.%v", n+1, i.Op, i.Type)
		if i.Name != "" {
			fmt.Fprintf(&s, " %s", i.Name)
		}
		for _, v := range [...]Value{i.A, i.B, i.C} {
			if v != 0 {
				fmt.Fprintf(&s, " v%d", v)
			}
		}
		if i.Imm != 0 {
			fmt.Fprintf(&s, " #%#x", i.Imm)
		}
		s.WriteByte('\n')
	}
	return s.String()
}
