//go:build linux

#include "textflag.h"

// func enter(base, entry, prologue uintptr)
//
// It is left by a RET of the host code, which restores SP and BP.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ base+0(FP), DX
	MOVQ entry+8(FP), CX
	MOVQ prologue+16(FP), AX
	JMP AX

// func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL subleaf+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET
