package cpu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"g86/cpu/internal/hostcpu"
	"g86/cpu/isa"
	"g86/cpu/sem"
)

// hostArena is memory below 2 GiB, so that code can address it absolutely: code
// at 0, register block at 0x1000, operand scratch at 0x2000.
type hostArena struct {
	mem  []byte
	base uint32
}

const (
	arenaRegs    = 0x1000
	arenaScratch = 0x2000
	scratchSize  = 64
)

func newHostArena(t *testing.T) *hostArena {
	const map32bit = 0x40
	mem, err := syscall.Mmap(-1, 0, 0x3000, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_PRIVATE|syscall.MAP_ANON|map32bit)
	if err != nil {
		t.Skipf("the host gives no executable memory: %v", err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	return &hostArena{mem, uint32(uintptr(unsafe.Pointer(&mem[0])))}
}

// hostRegs are the registers an instruction under test may use: not RSP, RBP and
// R14, which belong to the Go runtime.
var hostRegs = []uint8{0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 15}

func usableReg(r uint8) bool { return r != 4 && r != 5 && r != 14 }

// run executes one instruction natively with the registers and flags given.
func (a *hostArena) run(insn []byte, gpr *[16]uint64, flags uint32) uint32 {
	regs := a.mem[arenaRegs:]
	for i, v := range gpr {
		binary.LittleEndian.PutUint64(regs[8*i:], v)
	}
	var code []byte
	at := func(i int) []byte { return binary.LittleEndian.AppendUint32(nil, a.base+arenaRegs+uint32(8*i)) }
	// Flags: ADD sets OF, SAHF the others.
	of, ah := byte(0), byte(flags)
	if flags&FlagOF != 0 {
		of = 0x7f
	}
	code = append(code, 0xb0, of, 0xb4, ah, 0x04, 0x01, 0x9e) // MOV AL,of; MOV AH,ah; ADD AL,1; SAHF
	for _, r := range hostRegs {
		rex := byte(0x48)
		if r >= 8 {
			rex |= 4
		}
		code = append(code, rex, 0x8b, 0x04|r&7<<3, 0x25) // MOV r,[abs]
		code = append(code, at(int(r))...)
	}
	code = append(code, insn...)
	for _, r := range hostRegs {
		rex := byte(0x48)
		if r >= 8 {
			rex |= 4
		}
		code = append(code, rex, 0x89, 0x04|r&7<<3, 0x25)
		code = append(code, at(int(r))...)
	}
	code = append(code, 0x0f, 0x90, 0xc0, 0x9f, 0x66, 0x89, 0x04, 0x25) // SETO AL; LAHF; MOV [abs],AX
	code = append(code, at(16)...)
	code = append(code, 0xfc, 0xc3) // CLD; RET
	copy(a.mem, code)
	text := uintptr(unsafe.Pointer(&a.mem[0]))
	entry := &text
	f := *(*func(unsafe.Pointer))(unsafe.Pointer(&entry))
	f(nil)
	for i := range gpr {
		gpr[i] = binary.LittleEndian.Uint64(regs[8*i:])
	}
	ax := binary.LittleEndian.Uint16(regs[8*16:])
	out := uint32(ax>>8) & (FlagCF | FlagPF | FlagAF | FlagZF | FlagSF)
	if ax&1 != 0 {
		out |= FlagOF
	}
	return out
}

// randomInsn makes up bytes and returns the instruction they decode to if it is
// a translatable user-mode one with usable operands.
func randomInsn(r *rand.Rand, scratch uint32) ([]byte, *isa.Inst) {
	var b []byte
	switch r.IntN(6) {
	case 0:
		b = append(b, 0x66)
	case 1:
		b = append(b, 0xf3)
	case 2:
		b = append(b, 0xf2)
	}
	vex := r.IntN(8) == 0
	if vex {
		b = []byte{0xc4, byte(r.IntN(8)<<5) | byte(2+r.IntN(2)), byte(r.IntN(256))}
		b[1] |= 0x60 // X and B: absolute operands need no extension, registers stay low
		b[2] &^= 4
	} else {
		if r.IntN(2) == 0 {
			b = append(b, 0x40|byte(r.IntN(16)))
		}
		switch r.IntN(4) {
		case 0, 1:
		case 2:
			b = append(b, 0x0f)
		case 3:
			b = append(b, 0x0f, 0x38)
		}
	}
	b = append(b, byte(r.IntN(256)))
	if r.IntN(2) == 0 {
		b = append(b, 0xc0|byte(r.IntN(64)))
	} else {
		b = append(b, byte(r.IntN(8)<<3)|4, 0x25)
		b = binary.LittleEndian.AppendUint32(b, scratch+uint32(r.IntN(16)))
	}
	for i := 0; i < 8; i++ {
		b = append(b, byte(r.IntN(256)))
	}
	in := &isa.Inst{}
	if isa.Decode(b, 64, in) != nil {
		return nil, nil
	}
	f := &isa.Forms[in.Form]
	if sem.Lookup(f) == nil || f.Attr&(isa.EndsBlock|isa.SSECheck|isa.FPUCheck|isa.CPL0) != 0 {
		return nil, nil
	}
	for _, op := range f.Operands() {
		switch op.Method {
		case 'G', 'B':
		case 'E', 'M', 'R', 'Z':
		case 'I', 0:
		default:
			return nil, nil
		}
	}
	if f.Mnemonic == "NOP" || strings.HasPrefix(f.Mnemonic, "PREFETCH") {
		return nil, nil // hints differ by vendor
	}
	if f.Mnemonic == "PUSH" || f.Mnemonic == "POP" || f.Mnemonic == "LEAVE" {
		return nil, nil
	}
	if in.Mem() {
		if in.Base != isa.NoReg || in.Index != isa.NoReg || uint64(in.Disp)-uint64(scratch) > 32 {
			return nil, nil
		}
		if f.Mnemonic[0] == 'B' && len(f.Mnemonic) <= 3 && f.Operands()[1].Method == 'G' {
			return nil, nil // BT with a register offset reaches anywhere
		}
	}
	if in.OpSize == 2 && (f.Mnemonic == "SHLD" || f.Mnemonic == "SHRD") {
		return nil, nil // undefined for counts above 16, and processors differ
	}
	for _, reg := range []uint8{in.Reg, in.RM, in.Vvvv} {
		if reg < 16 && !usableReg(reg) {
			return nil, nil
		}
	}
	if in.Seg == FS || in.Seg == GS {
		return nil, nil
	}
	return b[:in.Len], in
}

// interesting values sit at the corners of every operand size.
func interesting(r *rand.Rand) uint64 {
	if r.IntN(2) == 0 {
		return r.Uint64()
	}
	v := [...]uint64{0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, ^uint64(0), 31, 32, 63, 64}
	return v[r.IntN(len(v))]
}

// TestAgainstHost executes random translatable user-mode integer instructions on
// the host's processor and on the interpreter: registers, memory and all defined
// flags must agree.
func TestAgainstHost(t *testing.T) {
	a := newHostArena(t)
	scratch := a.base + arenaScratch
	c := newFlat(nil)
	c.EFER |= EFERLMA
	c.Seg[CS].Attr = c.Seg[CS].Attr&^attrDB | attrL
	b := c.board.(*benchBoard)
	c.board = &hostBoard{b, scratch &^ 0xfff}
	_, ebx, _, _ := hostcpu.CPUID(7)
	if ebx>>8&1 == 0 || ebx>>19&1 == 0 {
		t.Skip("the host lacks BMI2 or ADX")
	}
	r := rand.New(rand.NewPCG(1, 2))
	seen, failed := map[isa.ID]int{}, map[string]int{} // a few reports of each mnemonic are enough
	cases := 300_000
	if testing.Short() {
		cases = 20_000
	}
	for n := 0; n < cases; {
		code, in := randomInsn(r, scratch)
		if code == nil {
			continue
		}
		f := &isa.Forms[in.Form]
		n++
		var gpr [16]uint64
		for _, i := range hostRegs {
			gpr[i] = interesting(r)
		}
		if f.Mnemonic == "DIV" || f.Mnemonic == "IDIV" {
			continue // #DE is a signal on the host: tested apart
		}
		flags := uint32(r.Uint32()) & statusFlags
		mem := a.mem[arenaScratch : arenaScratch+scratchSize]
		for i := 0; i < scratchSize; i += 8 {
			binary.LittleEndian.PutUint64(mem[i:], interesting(r))
		}
		copy(b.ram[0x3000:], mem)
		copy(b.ram[0x2000:], code)
		c.code.Flush()
		c.GPR = [32]uint64{}
		copy(c.GPR[:], gpr[:])
		c.RIP, c.RFLAGS = 0x2000, uint64(flags)|Flag1
		c.Refresh()
		c.Run(c.ICount + 1)

		want := gpr
		wantFlags := a.run(code, &want, flags)
		defined := uint32(statusFlags) &^ f.Flags.Undefined
		got := uint32(c.Flags())
		ctx := fmt.Sprintf("%s  % x  flags %#x gpr %x", isa.Disasm(in, 0, 64), code, flags, gpr)
		var diff []string
		for _, i := range hostRegs {
			if want[i] != c.GPR[i] {
				diff = append(diff, fmt.Sprintf("%s %#x, host %#x", isa.RegName(i, 8), c.GPR[i], want[i]))
			}
		}
		if (wantFlags^got)&defined != 0 {
			diff = append(diff, fmt.Sprintf("flags %#x, host %#x", got&defined, wantFlags&defined))
		}
		if !bytes.Equal(mem, b.ram[0x3000:0x3000+scratchSize]) {
			diff = append(diff, fmt.Sprintf("memory % x, host % x", b.ram[0x3000:0x3020], mem[:32]))
		}
		seen[in.Form]++
		if diff != nil && failed[f.Mnemonic] < 2 {
			failed[f.Mnemonic]++
			t.Errorf("%s: %s", ctx, strings.Join(diff, "; "))
		}
	}
	t.Logf("%d cases of %d forms", cases, len(seen))
}

// hostBoard shows page 3 of its RAM at the host's scratch address too.
type hostBoard struct {
	*benchBoard
	at uint32
}

func (b *hostBoard) Page(pa uint64) ([]byte, bool) {
	if pa == uint64(b.at) {
		return b.ram[0x3000:0x4000], true
	}
	return b.benchBoard.Page(pa)
}
