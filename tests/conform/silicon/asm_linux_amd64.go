package silicon

import "encoding/binary"

// asm puts the trampoline together: the few instructions it needs, with
// operands at absolute addresses below 2 GiB.
type asm struct{ b []byte }

func (a *asm) bytes(b ...byte) { a.b = append(a.b, b...) }

func (a *asm) imm32(v uint32) { a.b = binary.LittleEndian.AppendUint32(a.b, v) }

// abs appends op with ModRM.reg and the memory operand [at].
func (a *asm) abs(reg byte, at uint32, op ...byte) {
	a.bytes(op...)
	a.bytes(reg<<3|4, 0x25)
	a.imm32(at)
}

// load is MOV r64,[at]; store is MOV [at],r64.
func (a *asm) load(r int, at uint32)  { a.abs(byte(r&7), at, rexW(r), 0x8b) }
func (a *asm) store(r int, at uint32) { a.abs(byte(r&7), at, rexW(r), 0x89) }

// movImm is MOV r32,v for the low eight registers.
func (a *asm) movImm(r int, v uint32) {
	a.bytes(0xb8 + byte(r))
	a.imm32(v)
}

func (a *asm) fxsave(at uint32)  { a.abs(0, at, 0x48, 0x0f, 0xae) }
func (a *asm) fxrstor(at uint32) { a.abs(1, at, 0x48, 0x0f, 0xae) }

func rexW(r int) byte { return 0x48 | byte(r>>3)<<2 }
