//go:build linux

#include "textflag.h"

// func enter(base, entry, prologue uintptr)
//
// It is left by a RET of the host code, which uses no stack and restores BP.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ base+0(FP), R15
	MOVQ entry+8(FP), CX
	MOVQ prologue+16(FP), AX
	JMP AX

// func vendor() (ebx, edx, ecx uint32)
TEXT ·vendor(SB), NOSPLIT, $0-12
	XORL AX, AX
	XORL CX, CX
	CPUID
	MOVL BX, ebx+0(FP)
	MOVL DX, edx+4(FP)
	MOVL CX, ecx+8(FP)
	RET
