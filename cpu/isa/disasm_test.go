package isa

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDisasm(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		hex  string
		want string
	}{
		{16, "2e 8b 87 fe ff", "mov ax, word ptr cs:[bx-0x2]"},
		{16, "a1 34 f2", "mov ax, word ptr [0xf234]"},
		{16, "eb fe", "jmp 0x1000"},
		{16, "ea 00 00 ff ff", "jmp far 0xffff:0x0"},
		{16, "c8 34 12 03", "enter 0x1234, 0x3"},
		{32, "8b 84 8d f8 ff ff ff", "mov eax, dword ptr [ebp+ecx*4-0x8]"},
		{32, "83 c0 ff", "add eax, 0xffffffff"},
		{32, "f0 0f b1 0a", "lock cmpxchg dword ptr [edx], ecx"},
		{32, "f3 a7", "repe cmpsd"},
		{32, "66 98", "cbw"},
		{32, "d8 c1", "fadd st(0), st(1)"},
		{32, "0f 01 10", "lgdt [eax]"},
		{32, "8c d8", "mov eax, ds"},
		{32, "8c 18", "mov word ptr [eax], ds"},
		{64, "48 89 e5", "mov rbp, rsp"},
		{64, "65 48 8b 04 25 28 00 00 00", "mov rax, qword ptr gs:[0x28]"},
		{64, "48 8d 05 10 00 00 00", "lea rax, [rip+0x10]"},
		{64, "0f 84 fa 00 00 00", "jz 0x1100"},
		{64, "e3 00", "jrcxz 0x1002"},
		{64, "41 0f 6f ca", "movq mm1, mm2"},
		{64, "66 45 0f 6f ca", "movdqa xmm9, xmm10"},
		{64, "66 0f 3a 14 c1 05", "pextrb ecx, xmm0, 0x5"},
		{64, "66 0f 3a 14 01 05", "pextrb byte ptr [rcx], xmm0, 0x5"},
		{64, "c4 e2 f7 f5 c2", "(bad)"},
		{64, "c4 e2 f3 f5 c2", "pdep rax, rcx, rdx"},
		{64, "c4 e2 f3 f6 c2", "mulx rax, rcx, rdx"},
		{64, "44 0f 22 c0", "mov cr8, rax"},
		{64, "48 cf", "iretq"},
	} {
		t.Run(c.hex, func(t *testing.T) {
			var in Inst
			_ = Decode(unhex(t, c.hex), c.mode, &in)
			if in.Form == 0 {
				require.Equal(t, c.want, in.String())
				return
			}
			require.Equal(t, c.want, Disasm(&in, 0x1000, c.mode))
		})
	}
}

func TestStringIsRelative(t *testing.T) {
	var in Inst
	require.NoError(t, Decode(unhex(t, "eb fe"), 32, &in))
	require.Equal(t, "jmp .+0x0", in.String())
}
