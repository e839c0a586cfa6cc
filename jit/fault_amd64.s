//go:build linux

#include "textflag.h"

// Places in the kernel's struct ucontext and struct siginfo.
#define CTX_R15 96
#define CTX_RIP 168
#define INFO_CODE 8
#define INFO_ADDR 16
#define SI_KERNEL 0x80

// func segv()
//
// The kernel calls it with the number of the signal in DI, siginfo in SI and ucontext in DX.
TEXT ·segv(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVQ CTX_RIP(DX), AX
	LEAQ ·faultRanges(SB), R8
	MOVQ $16, R9

range:
	MOVQ AX, R11
	SUBQ 0(R8), R11
	CMPQ R11, 8(R8)
	JCS  search
	ADDQ $32, R8
	DECQ R9
	JNZ  range

other:
	MOVQ ·goHandler(SB), AX
	JMP  AX

search: // for the fault at offset R11, between numbers R9 and CX
	MOVQ 16(R8), R10
	MOVQ 24(R8), CX
	XORL R9, R9

halve:
	CMPQ R9, CX
	JCC  end
	LEAQ (R9)(CX*1), R8
	SHRQ $1, R8
	CMPL (R10)(R8*8), R11
	JEQ  found
	JCS  above
	MOVQ R8, CX
	JMP  halve

above:
	LEAQ 1(R8), R9
	JMP  halve

end:
	JMP other

found:
	SUBQ R11, AX
	MOVL 4(R10)(R8*8), CX
	ADDQ CX, AX
	MOVQ AX, CTX_RIP(DX)
	MOVQ INFO_ADDR(SI), AX
	CMPL INFO_CODE(SI), $SI_KERNEL // no address is known
	JNE  known
	MOVQ $1, AX
	SHLQ $63, AX // cpu.NoLinear

known:
	MOVQ CTX_R15(DX), CX
	ANDQ $~63, CX // windowBias
	ADDQ ·linearAt(SB), CX
	MOVQ AX, (CX)
	RET

// func sigreturn()
TEXT ·sigreturn(SB), NOSPLIT|NOFRAME, $0
	MOVQ $15, AX
	SYSCALL
	INT $3

// func handlerPC() (handler, restorer uintptr)
TEXT ·handlerPC(SB), NOSPLIT, $0-16
	LEAQ ·segv(SB), AX
	MOVQ AX, handler+0(FP)
	LEAQ ·sigreturn(SB), AX
	MOVQ AX, restorer+8(FP)
	RET
