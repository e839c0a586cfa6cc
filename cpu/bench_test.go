package cpu

import (
	"testing"
)

// benchBoard is RAM and nothing else.
type benchBoard struct {
	Board
	ram []byte
}

func (b *benchBoard) Page(pa uint64) ([]byte, bool) {
	if pa >= uint64(len(b.ram)) {
		return nil, false
	}
	return b.ram[pa : pa+4096], true
}
func (b *benchBoard) Interrupt() bool { return false }

// newFlat returns a processor in flat 32-bit or 64-bit ring 0 without paging
// (32) with code at 0x1000.
func newFlat(code []byte) *CPU {
	m, _ := NewModel("max")
	b := &benchBoard{ram: make([]byte, 4<<20)}
	copy(b.ram[0x1000:], code)
	c := New(0, m, b, NewCodeCache())
	c.CR0 = CR0PE | CR0ET
	for i := 0; i < 6; i++ {
		c.Seg[i] = Segment{Sel: 0x10, Limit: 0xffffffff, Attr: attrP | attrS | attrWrite | attrAccessed | attrDB | attrG}
	}
	c.Seg[CS].Attr |= attrCode
	c.RIP, c.GPR[RSP] = 0x1000, 0x100000
	c.Refresh()
	return c
}

func bench(b *testing.B, code []byte) {
	c := newFlat(code)
	c.Run(c.ICount + 1000)
	b.ResetTimer()
	n := uint64(b.N)
	c.Run(c.ICount + n)
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "MIPS")
}

// BenchmarkInterpALU is register arithmetic: add, xor, lea, shl, dec, jnz.
func BenchmarkInterpALU(b *testing.B) {
	bench(b, []byte{
		0x01, 0xd8, // l: add eax, ebx
		0x31, 0xc2, // xor edx, eax
		0x8d, 0x74, 0x16, 0x05, // lea esi, [esi+edx+5]
		0xc1, 0xe3, 0x03, // shl ebx, 3
		0x29, 0xf3, // sub ebx, esi
		0x49,       // dec ecx
		0x75, 0xf0, // jnz l
		0xeb, 0xee, // jmp l
	})
}

// BenchmarkInterpMemory is loads, stores and stack traffic.
func BenchmarkInterpMemory(b *testing.B) {
	bench(b, []byte{
		0x8b, 0x85, 0x00, 0x20, 0x00, 0x00, // l: mov eax, [ebp+0x2000]
		0x89, 0x85, 0x04, 0x20, 0x00, 0x00, // mov [ebp+0x2004], eax
		0x83, 0x85, 0x08, 0x20, 0x00, 0x00, 0x01, // add dword [ebp+0x2008], 1
		0x50,                         // push eax
		0x5b,                         // pop ebx
		0x3b, 0x9d, 0x04, 0x20, 0, 0, // cmp ebx, [ebp+0x2004]
		0x74, 0xe3, // jz l
		0xeb, 0xe1, // jmp l
	})
}

// BenchmarkInterpCall is calls, returns and short blocks.
func BenchmarkInterpCall(b *testing.B) {
	bench(b, []byte{
		0xe8, 0x03, 0x00, 0x00, 0x00, // l: call f
		0x40,       // inc eax
		0xeb, 0xf8, // jmp l
		0x85, 0xc0, // f: test eax, eax
		0x74, 0x01, // jz g
		0x42, // inc edx
		0xc3, // g: ret
	})
}
