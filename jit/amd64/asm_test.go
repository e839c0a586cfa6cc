package amd64

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"
)

// TestEncodings decodes what the encoder writes with somebody else's decoder.
func TestEncodings(t *testing.T) {
	m := func(base, index Reg, scale uint8, disp int32) *Mem {
		return &Mem{Base: base, Index: index, Scale: scale, Disp: disp}
	}
	for _, tc := range []struct {
		emit func(a *Asm)
		want string
	}{
		{func(a *Asm) { a.Mov(R9, RAX, 8) }, "mov r9, rax"},
		{func(a *Asm) { a.Mov(RDX, R15, 4) }, "mov edx, r15d"},
		{func(a *Asm) { a.Load(R14, Mem{Base: R14, Index: R13}, 8) }, "mov r14, qword ptr [r14+r13]"},
		{func(a *Asm) { a.Load(RBX, At(R15, -12), 2) }, "movzx ebx, word ptr [r15-0xc]"},
		{func(a *Asm) { a.Load(R10, At(RSI, 0), 1) }, "movzx r10d, byte ptr [rsi]"},
		{func(a *Asm) { a.Op(Sub, RSI, R15, 8) }, "sub rsi, r15"},
		{func(a *Asm) { a.OpMem(Cmp, R14, *m(RBX, RDX, 0, 0x40), 8) }, "cmp r14, qword ptr [rbx+rdx+0x40]"},
		{func(a *Asm) { a.OpImm(And, R9, -16, 8) }, "and r9, -0x10"},
		{func(a *Asm) { a.OpMemImm(Cmp, At(RBX, 0x1000), 0, 1) }, "cmp byte ptr [rbx+0x1000], 0x0"},
		{func(a *Asm) { a.OpMemImm(Add, At(RBX, 8), 1, 8) }, "add qword ptr [rbx+0x8], 0x1"},
		{func(a *Asm) { a.TestImm(R9, 0xfffc) }, "test r9d, 0xfffc"},
		{func(a *Asm) { a.TestMem(At(RBX, 8), 2) }, "test byte ptr [rbx+0x8], 0x2"},
		{func(a *Asm) { a.Shl(R9, 32, 8) }, "shl r9, 0x20"},
		{func(a *Asm) { a.Shr(RDI, 13, 4) }, "shr edi, 0xd"},
		{func(a *Asm) { a.Sar(RDX, 16, 8) }, "sar rdx, 0x10"},
		{func(a *Asm) { a.ImulImm(RCX, RSI, 48) }, "imul rcx, rsi, 0x30"},
		{func(a *Asm) { a.Setcc(Below, RCX) }, "setb cl"},
		{func(a *Asm) { a.Load(RBX, At(R12, 0), 4) }, "mov ebx, dword ptr [r12]"},
		{func(a *Asm) { a.Load(R9, Mem{Base: R15, Index: None, Disp: 8, GS: true}, 8) }, "mov r9, qword ptr gs:[r15+0x8]"},
		{func(a *Asm) { a.CallMem(Mem{Base: R15, Index: None, Disp: 8, GS: true}) }, "call qword ptr gs:[r15+0x8]"},
		{func(a *Asm) {
			a.GSAlone = true
			a.Load(R9, Mem{Base: R15, Index: None, Disp: 8, GS: true}, 8)
		}, "mov r9, qword ptr gs:[0x8]"},
		{func(a *Asm) { a.Wrgsbase(R9) }, "wrgsbase r9"},
		{func(a *Asm) { a.Rdgsbase(RCX) }, "rdgsbase rcx"},
		{func(a *Asm) { a.Load(RBX, At(R13, 0), 4) }, "mov ebx, dword ptr [r13]"},
		{func(a *Asm) { a.Load(RBX, At(RBP, 0), 4) }, "mov ebx, dword ptr [rbp]"},
		{func(a *Asm) { a.Store(At(R8, 0x1000), RSI, 1) }, "mov byte ptr [r8+0x1000], sil"},
		{func(a *Asm) { a.Store(At(RAX, 0), RSI, 8) }, "mov qword ptr [rax], rsi"},
		{func(a *Asm) { a.MovImm(R10, 5) }, "mov r10d, 0x5"},
		{func(a *Asm) { a.MovImm(RAX, ^uint64(0)) }, "mov rax, -0x1"},
		{func(a *Asm) { a.MovImm(R11, 1<<40) }, "mov r11, 0x10000000000"},
		{func(a *Asm) { a.Lea(RCX, *m(None, RCX, 3, 0), 8) }, "lea rcx, ptr [8*rcx]"},
		{func(a *Asm) { a.Lea(R13, *m(R8, R9, 2, 0x12345), 4) }, "lea r13d, ptr [r8+4*r9+0x12345]"},
		{func(a *Asm) { a.Not(RCX, 8) }, "not rcx"},
		{func(a *Asm) { a.Movzx16(RCX, R13) }, "movzx ecx, r13w"},
		{func(a *Asm) { a.JmpMem(At(R14, 16)) }, "jmp qword ptr [r14+0x10]"},
		{func(a *Asm) { a.Emit(&Insn{Opcode: 0x00, Size: 1, Reg: RBP, RM: RBX, RegByte: true, RMByte: true}) }, "add bl, bpl"},
		{func(a *Asm) { a.Emit(&Insn{Opcode: 0x81, Size: 2, Reg: 7, RM: R11, Imm: 0x1234, ImmSize: 2}) }, "cmp r11w, 0x1234"},
		{func(a *Asm) { a.Emit(&Insn{Prefix: 0xf3, Map: Map0F, Opcode: 0xb8, Size: 8, Reg: R9, RM: RDI}) }, "popcnt r9, rdi"},
		{func(a *Asm) { a.Emit(&Insn{Prefix: 0xf2, Map: Map0F, Opcode: 0x58, Size: 4, Reg: 0, RM: 1}) }, "addsd xmm0, xmm1"},
		{func(a *Asm) { a.Emit(&Insn{Map: Map0F, Opcode: 0x10, Size: 4, Reg: 1, Mem: m(R15, None, 0, 0x200)}) }, "movups xmm1, xmmword ptr [r15+0x200]"},
	} {
		a := &Asm{Buf: make([]byte, 32)}
		tc.emit(a)
		in, err := x86asm.Decode(a.Buf[:a.N], 64)
		require.NoError(t, err, tc.want)
		require.Equal(t, a.N, in.Len, tc.want)
		assert.Equal(t, tc.want, x86asm.IntelSyntax(in, 0, nil))
	}
}

// TestVEX holds bytes that the other decoder does not know (SDM volume 2, RORX
// and SARX/SHLX/SHRX).
func TestVEX(t *testing.T) {
	for _, tc := range []struct {
		emit func(a *Asm)
		want []byte
	}{
		{func(a *Asm) { a.Rorx(RCX, R12, 32, 8) }, []byte{0xc4, 0xc3, 0xfb, 0xf0, 0xcc, 32}},
		{func(a *Asm) { a.Rorx(RAX, RAX, 5, 4) }, []byte{0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 5}},
		{func(a *Asm) { a.Shrx(RCX, R13, R15, 8) }, []byte{0xc4, 0xc2, 0x83, 0xf7, 0xcd}},
		{func(a *Asm) { a.Shrx(R9, RCX, R15, 4) }, []byte{0xc4, 0x62, 0x03, 0xf7, 0xc9}},
	} {
		a := &Asm{Buf: make([]byte, 32)}
		tc.emit(a)
		require.Equal(t, tc.want, a.Buf[:a.N])
	}
}

func TestJumps(t *testing.T) {
	a := &Asm{Buf: make([]byte, 64)}
	j := a.Jcc(5)
	z := a.Jrcxz()
	a.Bytes(0x90)
	a.PatchShort(z)
	a.Patch(j, a.N)
	a.JmpTo(0)
	require.Equal(t, []byte{0x0f, 0x85, 3, 0, 0, 0, 0xe3, 1, 0x90, 0xe9, 0xf2, 0xff, 0xff, 0xff}, a.Buf[:a.N])
}
