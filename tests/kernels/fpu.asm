; The system side of x87, MMX and SSE, from the manual (SDM volume 1, chapters 8 to 13; volume 2; volume 3A, 2.5, 6.15,
; 12 and 13): which instructions CR0 and CR4 let run, how x87 and SIMD exceptions are reported, images of the state in
; all formats, alignment, limits, addresses that are not canonical. Most checks are matrices: what each combination
; should do is worked out in the kernel. The processor is "max".
%include "env.inc"

AREA equ 0x2e0000               ; 4 KiB that instructions work on
AREA2 equ 0x2e1000
REAL equ 0x10010                ; code of real and virtual-8086 mode
REAL_DATA equ 0x1fff0           ; its segments
REAL_EXTRA equ 0x30000
TABLE equ 0x2d0000              ; descriptors: those of env.inc and ours

LIMITED equ 0x48                  ; descriptors behind those of env.inc: data up to LIMITED_LAST
CODE16 equ 0x50                 ; 16-bit, at REAL
LIMITED_LAST equ 0x2fffff

MP equ 1 << 1                   ; of CR0
EM equ 1 << 2
TS equ 1 << 3
NE equ 1 << 5
AM equ 1 << 18
OSFXSR equ 1 << 9               ; of CR4
OSXMMEXCPT equ 1 << 10
UMIP equ 1 << 11
OSXSAVE equ 1 << 18
AC equ 1 << 18                  ; of EFLAGS

IE equ 1 << 0                   ; of the status word and MXCSR
DE equ 1 << 1
ZE equ 1 << 2
OE equ 1 << 3
UE equ 1 << 4
PE equ 1 << 5
ALL equ 0x3f
SF equ 1 << 6
SUMMARY equ 1 << 7
C0 equ 1 << 8
C1 equ 1 << 9
C2 equ 1 << 10
C3 equ 1 << 14
B equ 1 << 15
TOP equ 7 << 11
DAZ equ 1 << 6                  ; of MXCSR
FZ equ 1 << 15

; Outcomes: vector, error code in the upper half
NONE equ -1
UD equ 0xffff0006
NM equ 0xffff0007
MF equ 0xffff0010
XM equ 0xffff0013
SS0 equ 0x0000000c
GP0 equ 0x0000000d
AC0 equ 0x00000011
UNASKED equ 0

; What [ring] says about where an instruction is run
RING0 equ 0
RING3 equ 1
LONG0 equ 2

; OP something, instruction: an entry of a list. The instruction's encoding has to mean the same in 64-bit mode.
; END_OPS ends the list.
%macro OP 2+
    dd %1, %%next
    %2
    ret
%%next:
%endmacro
%macro END_OPS 0
    dd 0, 0
%endmacro

; EACH list begins a loop over its instructions: [op] is what its entry holds first, [snippet] the instruction.
; END_EACH.
%macro EACH 1
%push each
    mov dword [entry], %1
    mov dword [number], 0
%$next:
    mov esi, [entry]
    mov eax, [esi]
    mov [op], eax
    cmp dword [esi + 4], 0
    je %$over
    add esi, 8
    mov [snippet], esi
%endmacro
%macro END_EACH 0
    mov esi, [entry]
    mov esi, [esi + 4]
    mov [entry], esi
    inc dword [number]
    jmp %$next
%$over:
%pop
%endmacro

; MATRIX name, number of combinations: what has come of those since clear_matrix
%macro MATRIX 2
    IS {%1, ": combinations that are not as they should be"}, [bad], 0
    IS {%1, ": the first of them (instruction in bits 16 and up)"}, [first], -1
    IS {%1, ": what that did"}, [first_got], [first_want]
    IS {%1, ": combinations"}, [tried], %2
%endmacro

; ENVIRONMENT name, place, 2 or 4 bytes in a word, DS: what a division left, in protected mode
%macro ENVIRONMENT 4
    movzx eax, word [%2]
    IS {%1, ": control word"}, eax, 0x37b
    movzx eax, word [%2 + %3]
    and eax, ~(C0 | C2 | C3)
    IS {%1, ": status word"}, eax, B | 2 << 11 | SUMMARY | ZE
    movzx eax, word [%2 + 2*%3]
    IS {%1, ": tags by contents"}, eax, MIXED_TAGS
%if %3 = 4
    IS {%1, ": address of the instruction"}, [%2 + 12], divide.at
    movzx eax, word [%2 + 18]
    and eax, 0x7ff
    IS {%1, ": opcode"}, eax, 0x233
    IS {%1, ": address of the operand"}, [%2 + 20], AREA2
%else
    movzx eax, word [%2 + 6]
    IS {%1, ": address of the instruction"}, eax, divide.at - $$ & 0xffff
    movzx eax, word [%2 + 10]
    IS {%1, ": address of the operand"}, eax, AREA2 & 0xffff
%endif
    cmp dword [pointers], 0
    je %%no_pointers
    movzx eax, word [%2 + 4*%3]
    IS {%1, ": CS"}, eax, CODE
    movzx eax, word [%2 + 6*%3]
    IS {%1, ": the operand's segment"}, eax, %4
%%no_pointers:
%endmacro

; REALS name, 2 or 4 bytes in a word: likewise at REAL_EXTRA, in real or virtual-8086 mode
%macro REALS 2
    movzx eax, word [REAL_EXTRA]
    IS {%1, ": control word"}, eax, 0x37b
    movzx eax, word [REAL_EXTRA + %2]
    and eax, ~(C0 | C2 | C3)
    IS {%1, ": status word"}, eax, B | 2 << 11 | SUMMARY | ZE
    movzx eax, word [REAL_EXTRA + 2*%2]
    IS {%1, ": tags by contents"}, eax, MIXED_TAGS
    cmp dword [pointers], 0
    je %%no_pointers
    movzx eax, word [REAL_EXTRA + 3*%2]
    IS {%1, ": linear address of the instruction"}, eax, REAL_AT & 0xffff
    movzx eax, word [REAL_EXTRA + 4*%2]
    IS {%1, ": its upper bits, and the opcode"}, eax, (REAL_AT >> 16) << 12 | 0x237
    movzx eax, word [REAL_EXTRA + 5*%2]
    IS {%1, ": linear address of the operand"}, eax, REAL_OPERAND & 0xffff
    movzx eax, word [REAL_EXTRA + 6*%2]
    and eax, 0xf000
    IS {%1, ": its upper bits"}, eax, (REAL_OPERAND >> 16) << 12
%%no_pointers:
%endmacro

; IN_REAL name, mode (in_real or in_v86), 16 or 32
%macro IN_REAL 3
    call mixed
    call real_ready
    mov eax, real.env%3 - real
    call %2
    REALS {"FNSTENV, ",%1}, %3/8
    movzx eax, byte [REAL_EXTRA + 7*%3/8]
    IS {"FNSTENV, ",%1,": its size"}, eax, 0xcc
    call mixed
    call real_ready
    mov eax, real.save%3 - real
    call %2
    REALS {"FNSAVE, ",%1}, %3/8
    mov esi, REAL_EXTRA + 7*%3/8
    call registers
    IS {"FNSAVE, ",%1,": registers"}, eax, 0
    movzx eax, byte [REAL_EXTRA + 7*%3/8 + 80]
    IS {"FNSAVE, ",%1,": its size"}, eax, 0xcc
    call real_ready
    mov edi, REAL_EXTRA + 256
    mov ecx, %3/8
    call real_image
    mov word [REAL_EXTRA + 256 + 2*%3/8], 0xffff
    mov eax, real.load%3 - real
    fninit
    call %2
    mov ecx, %3/8
    mov edx, 0
    call as_loaded
    IS {"FLDENV, ",%1,": FNSTENV stores the same"}, eax, 0
    mov word [REAL_EXTRA + 256 + 2*%3/8], 0x3fff
    mov eax, real.restore%3 - real
    fninit
    call %2
    mov ecx, %3/8
    mov edx, 10
    call as_loaded
    IS {"FRSTOR, ",%1,": FNSAVE stores the same"}, eax, 0
%endmacro

; USER runs instructions in ring 3 up to END_TRY.
%macro USER 0
    TRY
    mov ax, USERDATA
    mov ds, ax
    mov es, ax
    push dword USERDATA
    push dword user_top
    push dword 2
    push dword USERCODE
    push dword %$in
    iret
%$in:
%endmacro

; STATUS name, bits, value: those bits of the status word
%macro STATUS 3
    xor eax, eax
    fnstsw ax
    and eax, %2
    mov [buffer + 60], eax
    IS %1, [buffer + 60], %3
%endmacro

    BEGIN
    mov al, 0xff                ; no interrupts
    out 0x21, al
    out 0xa1, al
    call own_table

    ; What CR0 and CR4 let run: volume 3A, 2.5, tables 2-2, 12-1 and 13-1; volume 2, tables 2-17 and up.
    mov dword [ring], RING0
    call availability
    MATRIX "availability", AVAILABILITY
    mov dword [ring], RING3
    call availability
    MATRIX "availability in ring 3", AVAILABILITY

    ; Registers that say so: CLTS, LMSW, SMSW.
    call lmsw_matrix
    MATRIX "LMSW and SMSW", 8*16
    call clts_matrix
    MATRIX "CLTS", 8
    USER
    clts
    END_TRY
    FAULTS "CLTS in ring 3", 13, 0
    USER
    mov eax, 1
    lmsw ax
    END_TRY
    FAULTS "LMSW in ring 3", 13, 0
    USER
    mov eax, cr0
    END_TRY
    FAULTS "MOV from CR0 in ring 3", 13, 0
    USER
    mov eax, cr4
    END_TRY
    FAULTS "MOV from CR4 in ring 3", 13, 0
    USER
    smsw eax
    and eax, 0xffff
    int 0x41
    END_TRY
    IS "SMSW in ring 3", [said], 0x33
    mov eax, 7
    xor ecx, ecx
    cpuid
    test ecx, 1 << 2
    jz .no_umip
    mov eax, cr4
    or eax, UMIP
    mov cr4, eax
    USER
    smsw eax
    END_TRY
    FAULTS "SMSW in ring 3 with CR4.UMIP", 13, 0
    TRY
    smsw eax
    END_TRY
    IS "SMSW in ring 0 with CR4.UMIP", [vector], -1
    mov eax, cr4
    and eax, ~UMIP
    mov cr4, eax
.no_umip:

    ; x87 exceptions, unmasked and not: volume 1, 8.5 to 8.7; volume 3A, 6.15 (#MF).
    mov dword [ring], RING0
    call x87_matrix
    MATRIX "x87 exceptions, and what comes next", X87_COMBINATIONS
    mov dword [ring], RING3
    call x87_matrix
    MATRIX "x87 exceptions, and what comes next, in ring 3", X87_COMBINATIONS

    ; SIMD exceptions: volume 1, 11.5; volume 3A, 6.15 (#XM).
    mov dword [ring], RING0
    call simd_matrix
    MATRIX "SIMD exceptions", 12*64*2*2
    mov dword [ring], RING3
    call simd_matrix
    MATRIX "SIMD exceptions in ring 3", 12*64*2*2

    ; Stack faults, FFREE and FINCSTP: volume 1, 8.1.7, 8.5.1.1.
    call stack_matrix
    MATRIX "stack faults", 8*256
    call unmasked_stack_matrix
    MATRIX "stack faults that are not masked leave the stack", 8*STACK_OPS

    ; MMX instructions: volume 3A, 12.2, tables 12-2 and 12-3.
    call mmx_matrix
    MATRIX "x87 state after MMX instructions", MMX_COMBINATIONS

    ; Precision and rounding: volume 1, 8.1.5.
    call rounding_matrix
    MATRIX "precision and rounding control", 4*2*12

    ; Operands that are no numbers: volume 1, 8.2.2 and 8.5.1.2.
    call unsupported_matrix
    MATRIX "unsupported formats", 5*6
    fninit
    fld tword [pseudo_denormal]
    fld1
    faddp st1, st0
    STATUS "a pseudo-denormal: DE, not IE", IE | DE, DE
    fninit
    fld tword [pseudo_denormal]
    fxam
    STATUS "FXAM: a pseudo-denormal is denormal", C0 | C2 | C3, C2 | C3
    fninit
    fld tword [unnormal]
    fxam
    STATUS "FXAM: an unnormal is unsupported", C0 | C2 | C3, 0
    fninit
    fld tword [unnormal]
    fstp tword [buffer]
    STATUS "FLD and FSTP of 80 bits: no exception", ALL, 0

    ; FBLD and FBSTP: volume 1, 4.7 and 4.9.1.1; volume 2.
    call decimal_matrix
    MATRIX "FBSTP", 13
    fninit
    fbld [decimal_big]
    fstp tword [buffer]
    IS "FBLD of 18 nines", [buffer + 4], 0xde0b6b3a
    IS "FBLD of 18 nines, low", [buffer], 0x763ffff0
    fninit
    fbld [decimal_minus_0]
    fstp tword [buffer]
    movzx eax, word [buffer + 8]
    IS "FBLD of -0", eax, 0x8000

    ; Alignment: volume 1, 4.1.1; volume 3A, 6.15 (#GP, #AC), table 6-7.
    mov dword [ring], RING0
    mov dword [flags], 2
    call alignment
    MATRIX "16-byte operands", 16*ALIGNED_OPS
    mov dword [ring], RING3
    mov dword [flags], AC | 2
    call alignment_am
    MATRIX "16-byte operands that have to be aligned, with alignment checks in ring 3", 16*CHECKED_OPS
    call ac_matrix
    MATRIX "alignment checks", AC_COMBINATIONS

    ; Limits: volume 1, 3.3; volume 3A, 5.3.
    call limit_matrix
    MATRIX "limits of FS", 4*LIMIT_OPS
    mov dword [by_ss], 1
    call limit_matrix
    MATRIX "limits of SS", 4*LIMIT_OPS

    ; Images of the x87 state: volume 1, 8.1.8 to 8.1.10, figures 8-9 to 8-12.
    call describe
    mov ax, USERDATA
    mov es, ax
    call divide
    fnstenv [AREA + 512]
    fnstcw [buffer]
    mov ax, DATA
    mov es, ax
    mov ax, [buffer]
    movzx ecx, ax
    IS "FNSTENV masks all exceptions", ecx, 0x37f
    TRY
    fld1
    END_TRY
    IS "and what was pending is so no more", [vector], -1
    ENVIRONMENT "FNSTENV, 32-bit", AREA + 512, 4, USERDATA
    call fill
    mov ax, USERDATA
    mov es, ax
    call divide
    o16 fnstenv [AREA]
    mov ax, DATA
    mov es, ax
    ENVIRONMENT "FNSTENV, 16-bit", AREA, 2, USERDATA
    movzx eax, byte [AREA + 14]
    IS "FNSTENV, 16-bit: its size", eax, 0xcc
    call fill
    call divide
    fnstenv [AREA]
    movzx eax, byte [AREA + 28]
    IS "FNSTENV, 32-bit: its size", eax, 0xcc
    call fill
    call divide
    fnsave [AREA]
    ENVIRONMENT "FNSAVE, 32-bit", AREA, 4, DATA
    mov esi, AREA + 28
    call registers
    IS "FNSAVE, 32-bit: registers", eax, 0
    movzx eax, byte [AREA + 108]
    IS "FNSAVE, 32-bit: its size", eax, 0xcc
    fnstenv [AREA2]
    movzx eax, word [AREA2]
    IS "FNSAVE leaves the control word of FNINIT", eax, 0x37f
    movzx eax, word [AREA2 + 4]
    IS "FNSAVE leaves the status word of FNINIT", eax, 0
    movzx eax, word [AREA2 + 8]
    IS "FNSAVE leaves the tags of FNINIT", eax, 0xffff
    IS "FNSAVE leaves no address of an instruction", [AREA2 + 12], 0
    mov eax, [AREA2 + 16]
    and eax, 0x07ffffff
    IS "FNSAVE leaves neither CS nor an opcode", eax, 0
    IS "FNSAVE leaves no address of an operand", [AREA2 + 20], 0
    frstor [AREA]
    fnsave [AREA + 512]
    ENVIRONMENT "FRSTOR, 32-bit", AREA + 512, 4, DATA
    mov esi, AREA + 512 + 28
    call registers
    IS "FRSTOR, 32-bit: registers", eax, 0
    fldenv [AREA]
    TRY
.waiting:
    wait
    END_TRY
    IS "FLDENV of an exception that is not masked: #MF by the next instruction that waits", [vector], 16
    IS "FLDENV: at that instruction", [ret_eip], .waiting
    and byte [AREA + 4], ~SUMMARY
    and byte [AREA + 5], ~(B >> 8)
    fnclex
    fldenv [AREA]
    STATUS "FLDENV: ES and B come from flags and masks", SUMMARY | B, SUMMARY | B
    fnclex
    fldcw [AREA]                ; nothing is unmasked and set
    fninit
    fldz
    fld1
    fdiv st0, st1
    fldcw [cw_zero]
    STATUS "FLDCW that unmasks a flag: ES and B", SUMMARY | B, SUMMARY | B
    TRY
    fldcw [cw_more]
    END_TRY
    IS "FLDCW that unmasks a flag: #MF by the next instruction", [vector], 16
    fnclex
    STATUS "FNCLEX", 0x80ff, 0
    TRY
    fldcw [cw_more]
    fldcw [cw_zero]
    END_TRY
    IS "FNCLEX: nothing is pending", [vector], -1
    call fill
    call divide
    o16 fnsave [AREA]
    ENVIRONMENT "FNSAVE, 16-bit", AREA, 2, DATA
    mov esi, AREA + 14
    call registers
    IS "FNSAVE, 16-bit: registers", eax, 0
    movzx eax, byte [AREA + 94]
    IS "FNSAVE, 16-bit: its size", eax, 0xcc
    o16 frstor [AREA]
    o16 fnsave [AREA + 512]
    ENVIRONMENT "FRSTOR, 16-bit", AREA + 512, 2, DATA
    mov esi, AREA + 512 + 14
    call registers
    IS "FRSTOR, 16-bit: registers", eax, 0
    ; Instructions that leave the pointers
    call divide
    fnstcw [buffer]
    fnstsw [buffer]
    fnstsw ax
    fnstenv [AREA + 512]
    fnclex
    wait
    fldcw [cw_zero]
    fxsave [AREA + 512]
    mov eax, [AREA]             ; not one of them
    ldmxcsr [mxcsr_usual]
    fnstenv [AREA]
    IS "control instructions leave the address of the instruction", [AREA + 12], divide.at
    movzx eax, word [AREA + 18]
    IS "and the opcode", eax, 0x233
    IS "and that of the operand", [AREA + 20], AREA2
    fninit
.noted:
    fld1
    fnstenv [AREA]
    IS "FLD1 is noted, though nothing happens", [AREA + 12], .noted
    cmp dword [operands], 0
    je .no_operands
    fld dword [three]
    fnstenv [AREA]
    IS "and so is an operand", [AREA + 20], three
.no_operands:
    IN_REAL "16-bit in real mode", in_real, 16
    IN_REAL "32-bit in real mode", in_real, 32
    IN_REAL "16-bit in virtual-8086 mode", in_v86, 16
    IN_REAL "32-bit in virtual-8086 mode", in_v86, 32

    ; FXSAVE and FXRSTOR: volume 1, 10.5; volume 2.
    call usual
    call load_xmm
    ldmxcsr [mxcsr_other]
    call fill
    call divide
    fxsave [AREA]
    movzx eax, word [AREA]
    IS "FXSAVE: control word", eax, 0x37b
    movzx eax, word [AREA + 2]
    and eax, ~(C0 | C2 | C3)
    IS "FXSAVE: status word", eax, B | 2 << 11 | SUMMARY | ZE
    movzx eax, byte [AREA + 4]
    IS "FXSAVE: abridged tags", eax, 0xfc
    movzx eax, word [AREA + 6]
    and eax, 0x7ff
    IS "FXSAVE: opcode", eax, 0x233
    IS "FXSAVE: address of the instruction", [AREA + 8], divide.at
    IS "FXSAVE: address of the operand", [AREA + 16], AREA2
    cmp dword [pointers], 0
    je .no_selectors
    movzx eax, word [AREA + 12]
    IS "FXSAVE: CS", eax, CODE
    movzx eax, word [AREA + 20]
    IS "FXSAVE: the operand's segment", eax, DATA
.no_selectors:
    IS "FXSAVE: MXCSR", [AREA + 24], 0x7fa5
    mov eax, [AREA + 28]
    and eax, 0xffbf
    IS "FXSAVE: MXCSR_MASK", eax, 0xffbf
    xor ebx, ebx
.st:
    imul esi, ebx, 10
    add esi, numbers
    mov edi, ebx
    shl edi, 4
    add edi, AREA + 32
    mov ecx, 10
    repe cmpsb
    jne .st_wrong
    inc ebx
    cmp ebx, 6
    jb .st
.st_wrong:
    IS "FXSAVE: registers are ST0 and up", ebx, 6
    mov esi, xmm_values
    mov edi, AREA + 160
    mov ecx, 128
    repe cmpsb
    setne al
    movzx eax, al
    IS "FXSAVE: XMM registers", eax, 0
    mov edi, AREA + 464
    mov ecx, 48
    mov al, 0xcc
    repe scasb
    setne al
    movzx eax, al
    IS "FXSAVE: the last 48 bytes are not written", eax, 0
    STATUS "FXSAVE leaves what is pending", SUMMARY | B | ZE, SUMMARY | B | ZE
    fnstcw [buffer]
    movzx eax, word [buffer]
    IS "FXSAVE leaves the control word", eax, 0x37b
    fninit
    ldmxcsr [mxcsr_usual]
%assign n 0
%rep 8
    pxor xmm %+ n, xmm %+ n
%assign n n+1
%endrep
    TRY
    fxrstor [AREA]
    fxsave [AREA + 512]
.after_fxrstor:
    wait
    END_TRY
    IS "FXRSTOR of an exception that is not masked: #MF", [vector], 16
    IS "FXRSTOR: by the next instruction that waits", [ret_eip], .after_fxrstor
    mov esi, AREA
    mov edi, AREA + 512
    call same
    IS "FXRSTOR: FXSAVE stores the same", eax, -1
    IS "FXRSTOR: address of the instruction", [AREA + 512 + 8], divide.at
    IS "FXRSTOR: address of the operand", [AREA + 512 + 16], AREA2
    call tags_matrix
    MATRIX "abridged tags: what FNSTENV and FXSAVE make of them", 8*256
    call mxcsr_matrix
    MATRIX "reserved bits of MXCSR, in LDMXCSR and FXRSTOR", 64

    ; What SIMD exceptions leave, denormals as zeros, masked stores: volume 1, 10.2.3, 11.5 and 11.6.10.
    call usual
    ldmxcsr [mxcsr_sticky]
    TRY
    movaps xmm0, xmm1
    END_TRY
    IS "LDMXCSR that unmasks flags: no exception", [vector], -1
    ldmxcsr [mxcsr_none]
    mov eax, 0x7f800001         ; a signaling NaN
    movd xmm0, eax
    xorps xmm1, xmm1
    TRY
    push dword 0x8d7
    popfd
    comiss xmm0, xmm1
    END_TRY
    mov eax, [esp - 4]          ; what the exception has pushed
    and eax, 0x8d5
    mov [said], eax
    IS "COMISS: #XM", [vector], 19
    IS "COMISS: the flags stay", [said], 0x8d5
    TRY
    mov ebx, 0x12345678
    cvtss2si ebx, xmm0
    END_TRY
    mov [said], ebx
    IS "CVTSS2SI: #XM", [vector], 19
    IS "CVTSS2SI: the register stays", [said], 0x12345678
    stmxcsr [mxcsr_after]
    IS "CVTSS2SI: IE", [mxcsr_after], IE
    ldmxcsr [mxcsr_daz]
    mov eax, 0x80000001         ; a denormal
    movd xmm0, eax
    sqrtss xmm1, xmm0
    movd eax, xmm1
    IS "DAZ: the root of a denormal", eax, 0x80000000
    stmxcsr [mxcsr_after]
    mov eax, [mxcsr_after]
    and eax, ALL
    IS "DAZ: no flag", eax, 0
    mov eax, 0x3f800000
    movd xmm1, eax
    divss xmm1, xmm0
    movd eax, xmm1
    IS "DAZ: division by a denormal", eax, 0xff800000
    stmxcsr [mxcsr_after]
    mov eax, [mxcsr_after]
    and eax, ALL
    IS "DAZ: division by a denormal is one by zero", eax, ZE
    ldmxcsr [mxcsr_fz]
    mov eax, 0x80800001
    movd xmm0, eax
    mov eax, 0x3f000000
    movd xmm1, eax
    mulss xmm0, xmm1
    movd eax, xmm0
    IS "FZ: an underflow gives zero with its sign", eax, 0x80000000
    stmxcsr [mxcsr_after]
    mov eax, [mxcsr_after]
    and eax, ALL
    IS "FZ: UE and PE", eax, UE | PE
    ldmxcsr [mxcsr_fz_unmasked]
    mov eax, 0x80800001
    movd xmm0, eax
    TRY
    mulss xmm0, xmm1
    END_TRY
    IS "FZ: an underflow that is not masked is #XM", [vector], 19
    call usual
    call clear_area
    pcmpeqb xmm0, xmm0
    pxor xmm1, xmm1
    mov edi, AREA
    maskmovdqu xmm0, xmm1
    IS "MASKMOVDQU without any byte writes nothing", [AREA], 0
    movups xmm1, [some_bytes]
    mov edi, AREA
    maskmovdqu xmm0, xmm1
    IS "MASKMOVDQU: bytes whose sign is set", [AREA], 0x00ff00ff
    IS "MASKMOVDQU: the last byte", [AREA + 12], 0xff000000

    ; Accesses across pages: volume 3A, 4.7 and 6.5.
    call paging_on
    call cross_matrix
    MATRIX "page faults within operands", 3*CROSS_OPS
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax

    ; XSAVE and XRSTOR, if they are there: volume 1, chapter 13.
    call usual
    mov eax, 1
    cpuid
    test ecx, 1 << 26
    jz .no_xsave
    call xsave_matrix
    MATRIX "availability of XSAVE", 2*16*2
    mov dword [ring], RING0
    call xalign_matrix
    MATRIX "alignment of XSAVE areas", 2*16
    TRY
    xor ecx, ecx
    xgetbv
    END_TRY
    IS "XGETBV without CR4.OSXSAVE", [vector], 6
    mov eax, cr4
    or eax, OSXSAVE
    mov cr4, eax
    xor ecx, ecx
    mov eax, 3
    xor edx, edx
    xsetbv
    USER
    xor ecx, ecx
    mov eax, 3
    xor edx, edx
    xsetbv
    END_TRY
    FAULTS "XSETBV in ring 3", 13, 0
    USER
    xor ecx, ecx
    xgetbv
    int 0x41
    END_TRY
    IS "XGETBV in ring 3", [said], 3
    mov eax, cr0
    or eax, TS
    mov cr0, eax
    TRY
    xor ecx, ecx
    xgetbv
    END_TRY
    IS "XGETBV with CR0.TS", [vector], -1
    call usual
    call load_xmm
    call fill
    call clear_header
    ldmxcsr [mxcsr_other]
    mov eax, 1
    xor edx, edx
    xsave [AREA]
    IS "XSAVE of x87 state: not MXCSR", [AREA + 24], 0xcccccccc
    IS "XSAVE of x87 state: not XMM registers", [AREA + 160], 0xcccccccc
    movzx eax, word [AREA]
    IS "XSAVE of x87 state: control word", eax, 0x37f
    call fill
    call clear_header
    mov eax, 2
    xor edx, edx
    xsave [AREA]
    IS "XSAVE of SSE state: not x87", [AREA], 0xcccccccc
    IS "XSAVE of SSE state: MXCSR", [AREA + 24], 0x7fa5
    IS "XSAVE of SSE state: XMM registers", [AREA + 160], 0x01010100
    call usual
    call fill
    call clear_header
    mov dword [AREA + 24], 0x10000
    TRY
    mov eax, 2
    xor edx, edx
    xrstor [AREA]
    END_TRY
    FAULTS "XRSTOR of a reserved bit of MXCSR, though SSE state is to be initial", 13, 0
    TRY
    mov eax, 1
    xor edx, edx
    xrstor [AREA]
    END_TRY
    IS "XRSTOR of x87 state does not look at MXCSR", [vector], -1
    mov dword [AREA + 24], 0x1f80
    mov dword [AREA + 520], 1
    TRY
    mov eax, 3
    xor edx, edx
    xrstor [AREA]
    END_TRY
    FAULTS "XRSTOR: XCOMP_BV in the standard form", 13, 0
    mov eax, cr4
    and eax, ~OSXSAVE
    mov cr4, eax
.no_xsave:

    ; 64-bit mode.
    lgdt [gdtr]
    GO_LONG
    mov dword [TABLES + 256*8], TABLES + 0x1007         ; the same at HIGH
    mov dword [flags], 2
    mov dword [ring], LONG0
    call availability
    MATRIX "availability in 64-bit mode", AVAILABILITY
    call x87_matrix
    MATRIX "x87 exceptions, and what comes next, in 64-bit mode", X87_COMBINATIONS
    call simd_matrix
    MATRIX "SIMD exceptions in 64-bit mode", 12*64*2*2
    call alignment
    MATRIX "16-byte operands in 64-bit mode", 16*ALIGNED_OPS
    call usual
    call mixed
    LONG
    call load_xmm64
    mov rbx, HIGH + AREA2
    mov rax, HIGH + divide64
    call rax
    END_LONG
    IS "a division in the upper half: no exception", [vector], -1
    LONG
    fxsave [AREA]
    o64 fxsave [AREA + 512]
    END_LONG
    IS "FXSAVE: the lower half of the instruction's address", [AREA + 8], divide64
    IS "FXSAVE: the lower half of the operand's address", [AREA + 16], AREA2
    cmp dword [pointers], 0
    je .no_cs
    movzx eax, word [AREA + 12]
    IS "FXSAVE in 64-bit mode: CS", eax, CODE64
.no_cs:
    IS "FXSAVE with REX.W: address of the instruction, low", [AREA + 512 + 8], divide64
    IS "FXSAVE with REX.W: address of the instruction, high", [AREA + 512 + 12], HIGH >> 32
    IS "FXSAVE with REX.W: address of the operand, low", [AREA + 512 + 16], AREA2
    IS "FXSAVE with REX.W: address of the operand, high", [AREA + 512 + 20], HIGH >> 32
    mov esi, xmm_values
    mov edi, AREA + 160
    mov ecx, 256
    repe cmpsb
    setne al
    movzx eax, al
    IS "FXSAVE in 64-bit mode: 16 XMM registers", eax, 0
    mov esi, xmm_values
    mov edi, AREA + 512 + 160
    mov ecx, 256
    repe cmpsb
    setne al
    movzx eax, al
    IS "FXSAVE with REX.W: 16 XMM registers", eax, 0
    LONG
    fnsave [AREA2 + 64]
    END_LONG
    IS "FNSAVE in 64-bit mode: the lower half of the instruction's address", [AREA2 + 64 + 12], divide64
    IS "FNSAVE in 64-bit mode: the lower half of the operand's address", [AREA2 + 64 + 20], AREA2
    movzx eax, word [AREA2 + 64 + 18]
    and eax, 0x7ff
    IS "FNSAVE in 64-bit mode: opcode", eax, 0x233
    LONG
    fninit
    o64 fxrstor [AREA + 512]
    o64 fxsave [AREA2]
    END_LONG
    IS "FXRSTOR with REX.W: address of the instruction, high", [AREA2 + 12], HIGH >> 32
    IS "FXRSTOR with REX.W: address of the operand, high", [AREA2 + 20], HIGH >> 32
    mov eax, 1
    cpuid
    test ecx, 1 << 26
    jz .no_xsave64
    mov eax, cr4
    or eax, OSXSAVE
    mov cr4, eax
    mov edi, AREA2
    mov ecx, 1024/4
    xor eax, eax
    rep stosd
    LONG
    o64 fxrstor [AREA + 512]
    mov eax, 1
    xor edx, edx
    o64 xsave [AREA2]
    END_LONG
    IS "XSAVE with REX.W: address of the instruction, high", [AREA2 + 12], HIGH >> 32
    IS "XSAVE with REX.W: address of the operand, high", [AREA2 + 20], HIGH >> 32
    LONG
    fninit
    mov eax, 1
    xor edx, edx
    o64 xrstor [AREA2]
    o64 fxsave [AREA2]
    END_LONG
    IS "XRSTOR with REX.W: address of the instruction, high", [AREA2 + 12], HIGH >> 32
    IS "XRSTOR with REX.W: address of the operand, low", [AREA2 + 16], AREA2
    mov eax, cr4
    and eax, ~OSXSAVE
    mov cr4, eax
.no_xsave64:
    mov dword [AREA + 160 + 128], 0x55555555    ; XMM8 of another image
    mov dword [AREA + 160], 0x66666666
    fxrstor [AREA]
    LONG
    movaps [AREA2], xmm8
    movaps [AREA2 + 16], xmm0
    END_LONG
    IS "FXRSTOR outside of 64-bit mode leaves XMM8", [AREA2], 0x09090908
    IS "and loads XMM0", [AREA2 + 16], 0x66666666
    LONG
    fxrstor [AREA]
    movaps [AREA2], xmm8
    END_LONG
    IS "FXRSTOR in 64-bit mode loads XMM8", [AREA2], 0x55555555
    call canonical_matrix
    MATRIX "addresses that are not canonical", 4*CANONICAL_OPS
    call priorities
    MATRIX "#NM and #UD come ahead of #GP", PRIORITIES

    ; CR0.NE clear: volume 1, 8.7.2. An x87 error leads to IRQ 13 by the next instruction that waits at the latest;
    ; port F0h lets its handler use the unit.
    call pics_on
    mov eax, cr0
    and eax, ~NE
    mov cr0, eax
    mov dword [mxcsr], 0
    ldmxcsr [mxcsr]
    LONG
    divps xmm0, [simd_values + 16]
    END_LONG
    IS "CR0.NE clear: #XM all the same", [vector], 19
    ldmxcsr [mxcsr_usual]
    fninit
    fldz
    fld1
    LONG
    fdiv st0, st1
    sti
    wait
    nop
    cli
    END_LONG
    IS "CR0.NE clear: nothing if all is masked", [irqs], 0
    call pend_zero
    LONG
    fdiv st0, st1
    sti
    wait
    nop
    cli
    END_LONG
    IS "CR0.NE clear: no exception", [vector], -1
    IS "CR0.NE clear: IRQ 13", [irqs], 1
    IS "CR0.NE clear: its handler sees ES and B", [seen_status], SUMMARY | B
    IS "CR0.NE clear: port F0h lets instructions run that wait", [went_on], 1
    LONG
    sti
    wait
    fld1
    nop
    cli
    END_LONG
    IS "CR0.NE clear: nothing more after FNCLEX", [irqs], 1
    call pend_zero
    LONG
    fdiv st0, st1
    sti
    fld1
    nop
    cli
    END_LONG
    IS "CR0.NE clear: another IRQ 13 by another error", [irqs], 2
    call pend_zero
    LONG
    fdiv st0, st1
    sti
    movd eax, mm0
    nop
    cli
    END_LONG
    IS "CR0.NE clear: an MMX instruction waits, too", [irqs], 3
    fninit
    mov eax, cr0
    or eax, TS
    mov cr0, eax
    LONG
    fld1
    END_LONG
    IS "CR0.NE clear: #NM all the same", [vector], 7
    call usual
    call pend_zero
    LONG
    fdiv st0, st1
    sti
    wait
    END_LONG
    cli
    IS "CR0.NE set: #MF", [vector], 16
    IS "CR0.NE set: no IRQ 13", [irqs], 3

    END

; describe notes in [pointers] whether CS and DS of the last instruction are saved (CPUID.(7,0):EBX, bit 13: they are
; not) and in [operands] whether the operand's address is of instructions without an exception, too (bit 6: it is not).
describe:
    xor eax, eax
    cpuid
    cmp eax, 7
    jb .old
    mov eax, 7
    xor ecx, ecx
    cpuid
    jmp .bits
.old:
    xor ebx, ebx
.bits:
    not ebx
    mov eax, ebx
    and eax, 1 << 13
    mov [pointers], eax
    and ebx, 1 << 6
    mov [operands], ebx
    ret

; mixed puts numbers of all kinds into the registers and makes ready for FIDIV [EBX], a division by zero that is not
; masked. divide executes it, too.
MIXED_TAGS equ 0x9a8f
mixed:
    fninit
    fld tword [numbers + 5*10]
    fld tword [numbers + 4*10]
    fld tword [numbers + 3*10]
    fld tword [numbers + 2*10]
    fld tword [numbers + 1*10]
    fld tword [numbers]
    fldcw [cw_zero]
    mov ebx, AREA2
    mov dword [ebx], 0
    ret
divide:
    call mixed
.at:
    es fidiv dword [ebx]
    ret
numbers:
    dq 0x8000000000000000
    dw 0x3fff
    dq 1
    dw 0
    dq 0xc000000000000001
    dw 0x7fff
    dq 0x8000000000000000
    dw 0x7fff
    dq 0
    dw 0
    dq 0x4000000000000000
    dw 0x4000

; fill fills AREA.
fill:
    mov edi, AREA
    mov ecx, 1024
    mov al, 0xcc
    rep stosb
    ret

; registers tells in EAX whether the image of ST0 to ST5 at ESI is that of mixed, as 0.
registers:
    mov edi, numbers
    mov ecx, 6*10
    repe cmpsb
    mov eax, 0
    je .same
    inc eax
.same:
    ret

; in_real runs routine EAX of the code below in real mode, in_v86 in virtual-8086 mode.
in_real:
    mov esi, eax
    mov [real_esp], esp
    jmp CODE16:real.from_protected - real
.back:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, [real_esp]
    ret
in_v86:
    mov esi, eax
    TRY
    push dword 0
    push dword 0
    push dword 0
    push dword 0
    push dword REAL_EXTRA >> 4
    push dword 0xff00
    push dword 0x23002          ; VM, IOPL 3
    push dword REAL >> 4
    push dword real.in - real
    iret
    END_TRY
    ret

bits 16
real:
.from_protected:
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    jmp REAL >> 4:.in - real
.in:
    mov ax, REAL_DATA >> 4
    mov ds, ax
    mov ax, REAL_EXTRA >> 4
    mov es, ax
    mov bx, 0x8123
    xor di, di
    jmp si
.env16:
    call .divide
    fnstenv [es:di]
    jmp .out
.env32:
    call .divide
    o32 fnstenv [es:di]
    jmp .out
.save16:
    call .divide
    fnsave [es:di]
    jmp .out
.save32:
    call .divide
    o32 fnsave [es:di]
    jmp .out
.load16:
    fldenv [es:di + 256]
    fnstenv [es:di]
    jmp .out
.load32:
    o32 fldenv [es:di + 256]
    o32 fnstenv [es:di]
    jmp .out
.restore16:
    frstor [es:di + 256]
    fnsave [es:di]
    jmp .out
.restore32:
    o32 frstor [es:di + 256]
    o32 fnsave [es:di]
    jmp .out
.divide:
.at:
    fidiv dword [bx]
    ret
.out:
    smsw ax
    test al, 1
    jz .leave
    int 0x41
.leave:
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword CODE:in_real.back
.end:
bits 32
REAL_AT equ REAL + real.at - real
REAL_OPERAND equ REAL_DATA + 0x8123

; real_ready: the code above and its data where they belong, an image that .load and .restore load
real_ready:
    mov esi, real
    mov edi, REAL
    mov ecx, real.end - real
    rep movsb
    mov dword [REAL_OPERAND], 0
    mov edi, REAL_EXTRA
    mov ecx, 256
    mov al, 0xcc
    rep stosb
    ret

; real_image puts an image at EDI whose words have the size of ECX bytes.
real_image:
    push edi
    push ecx
    mov ecx, 128/4
    xor eax, eax
    rep stosd
    pop ecx
    pop edi
    mov word [edi], 0x27f       ; control word
    add edi, ecx
    mov word [edi], 0x3800      ; TOP is 7
    add edi, ecx
    mov word [edi], 0x3fff      ; a register in use
    add edi, ecx
    mov word [edi], 0xbcde      ; address of the instruction
    add edi, ecx
    mov word [edi], 0xa5a5
    add edi, ecx
    mov word [edi], 0x6789      ; and of the operand
    add edi, ecx
    mov word [edi], 0x4000
    add edi, ecx
    mov byte [edi + 7], 0x80    ; 1
    mov word [edi + 8], 0x3fff
    ret

; as_loaded: EAX is 0 if the image at REAL_EXTRA is the one 256 bytes behind it, by seven words of the size of ECX
; bytes, whose lower halves have a meaning, and for EDX bytes more.
as_loaded:
    mov esi, REAL_EXTRA
    xor eax, eax
    mov ebx, 7
.word:
    mov di, [esi]
    cmp di, [esi + 256]
    je .equal
    or eax, ebx
.equal:
    add esi, ecx
    dec ebx
    jnz .word
    lea edi, [esi + 256]
    mov ecx, edx
    jecxz .end
    repe cmpsb
    je .end
    or eax, 8
.end:
    ret

; own_table makes the descriptor table one that ours follow.
own_table:
    mov esi, gdt
    mov edi, TABLE
    mov ecx, gdt_end - gdt
    rep movsb
    mov esi, others
    mov edi, TABLE + LIMITED
    mov ecx, others_end - others
    rep movsb
    lgdt [table]
    ret

clear_matrix:
    xor eax, eax
    mov [bad], eax
    mov [tried], eax
    mov [first_got], eax
    mov [first_want], eax
    mov dword [first], -1
    ret

; judge counts a combination: [got] should be [want].
judge:
    inc dword [tried]
    mov eax, [got]
    mov edx, [want]
    cmp eax, edx
    je .right
    inc dword [bad]
    cmp dword [first], -1
    jne .right
    mov [first_got], eax
    mov [first_want], edx
    mov eax, [number]
    shl eax, 16
    or eax, [combination]
    mov [first], eax
.right:
    ret

; run runs [snippet] where [ring] says, with [operand] in EBX, EBP and EDI and with [flags]: [got] is the outcome.
run:
    cmp dword [ring], RING3
    je .user
    ja .long
    TRY
    mov ebx, [operand]
    mov ebp, ebx
    mov edi, ebx
    push dword [flags]
    popfd
    call [snippet]
    END_TRY
    jmp outcome
.user:
    TRY
    mov ax, USERDATA
    mov ds, ax
    mov es, ax
    push dword USERDATA
    push dword user_top
    push dword [flags]
    push dword USERCODE
    push dword user_run
    iret
    END_TRY
    jmp outcome
.long:
    LONG
    mov rbx, [operand]
    mov rbp, rbx
    mov rdi, rbx
    mov eax, [snippet]
    call rax
    END_LONG

; outcome puts what happened into [got].
outcome:
    push dword 2
    popfd
    mov eax, [errcode]
    shl eax, 16
    mov ax, [vector]
    cmp dword [vector], 0x41
    jne .exception
    mov eax, NONE
.exception:
    mov [got], eax
    ret

user_run:
    mov ebx, [operand]
    mov ebp, ebx
    mov edi, ebx
    call [snippet]
    int 0x41

; usual makes the state what it usually is.
usual:
    mov eax, cr0
    and eax, ~(EM | TS | AM)
    or eax, MP | NE
    mov cr0, eax
    mov eax, cr4
    or eax, OSFXSR | OSXMMEXCPT
    mov cr4, eax
    fninit
    ldmxcsr [mxcsr_usual]
    mov dword [flags], 2
    ret

; set_cr0 makes MP, EM and TS those of EAX.
set_cr0:
    and eax, MP | EM | TS
    mov ecx, cr0
    and ecx, ~(MP | EM | TS)
    or ecx, eax
    mov cr0, ecx
    ret

; clear_area clears what instructions work on.
clear_area:
    mov edi, AREA
    mov ecx, 1024/4
    xor eax, eax
    rep stosd
    ret

; pend leaves an unmasked invalid operation pending.
pend:
    fninit
    fldcw [cw_invalid]
    fldz
    fdiv st0, st0
    ret

; availability runs all instructions of available_ops for all EM, MP, TS, OSFXSR, with and without an x87 exception
; that is pending. A combination has the bits of CR0, and:
A_OSFXSR equ 1 << 4
A_PENDING equ 1 << 5
AVAILABILITY equ 0xde2

availability:
    call clear_matrix
    mov dword [combination], 0
.next:
    EACH available_ops
    call usual
    call clear_area
    mov dword [operand], AREA
    test dword [combination], A_PENDING
    jz .quiet
    call pend
.quiet:
    call [op]                   ; EAX: what should be
    mov [want], eax
    cmp eax, UNASKED
    je .unasked
    test dword [combination], A_OSFXSR
    jnz .osfxsr
    mov eax, cr4
    and eax, ~OSFXSR
    mov cr4, eax
.osfxsr:
    mov eax, [combination]
    call set_cr0
    call run
    call judge
.unasked:
    END_EACH
    call usual
    add dword [combination], MP
    cmp dword [combination], 1 << 6
    jb .next
    ret

; Rules: what should come of a combination
%macro RULE 1
%1:
    mov edx, [combination]
%endmacro
%macro IF 2                     ; any of these bits, outcome
    mov eax, %2
    test edx, %1
    jnz otherwise
%endmacro
%macro IF_NOT 2
    mov eax, %2
    test edx, %1
    jz otherwise
%endmacro
%macro ELSE 1
    mov eax, %1
    ret
%endmacro
otherwise:
    ret

    RULE WAITING                ; x87
    IF EM | TS, NM
    IF A_PENDING, MF
    ELSE NONE
    RULE NO_WAIT
    IF EM | TS, NM
    ELSE NONE
    RULE WAITS                  ; WAIT: CR0.MP and TS, whatever EM
    mov ecx, edx
    and ecx, MP | TS
    mov eax, NM
    cmp ecx, MP | TS
    je otherwise
    mov ecx, edx
    and ecx, EM | A_PENDING
    mov eax, UNASKED
    cmp ecx, EM | A_PENDING
    je otherwise
    IF A_PENDING, MF
    ELSE NONE
    RULE MMX
    IF EM, UD
    IF TS, NM
    IF A_PENDING, MF
    ELSE NONE
    RULE MMX_OF_SSE             ; the manual leaves open whether OSFXSR matters
    IF EM, UD
    IF_NOT A_OSFXSR, UNASKED
    IF TS, NM
    IF A_PENDING, MF
    ELSE NONE
    RULE SSE
    IF EM, UD
    IF_NOT A_OSFXSR, UD
    IF TS, NM
    ELSE NONE
    RULE SSE_AND_MMX
    IF EM, UD
    IF_NOT A_OSFXSR, UD
    IF TS, NM
    IF A_PENDING, MF
    ELSE NONE
    RULE ALWAYS
    ELSE NONE

available_ops:
    OP WAITING, fld1
    OP WAITING, fldpi
    OP WAITING, fnop
    OP WAITING, fchs
    OP WAITING, fxam
    OP WAITING, fadd st0, st1
    OP WAITING, fsubp st1, st0
    OP WAITING, fcomi st0, st1
    OP WAITING, fcmovb st0, st1
    OP WAITING, fsqrt
    OP WAITING, fsin
    OP WAITING, f2xm1
    OP WAITING, ffree st1
    OP WAITING, fincstp
    OP WAITING, fdecstp
    OP WAITING, fxch st1
    OP WAITING, fld dword [ebx]
    OP WAITING, fld qword [ebx]
    OP WAITING, fld tword [ebx]
    OP WAITING, fild word [ebx]
    OP WAITING, fild dword [ebx]
    OP WAITING, fild qword [ebx]
    OP WAITING, fbld [ebx]
    OP WAITING, fbstp [ebx]
    OP WAITING, fst dword [ebx]
    OP WAITING, fstp qword [ebx]
    OP WAITING, fstp tword [ebx]
    OP WAITING, fist word [ebx]
    OP WAITING, fisttp dword [ebx]
    OP WAITING, fmul dword [ebx]
    OP WAITING, fidiv word [ebx]
    OP WAITING, fcomp qword [ebx]
    OP WAITING, fldcw [ebx]
    OP WAITING, fldenv [ebx]
    OP WAITING, frstor [ebx]
    OP NO_WAIT, fninit
    OP NO_WAIT, fnclex
    OP NO_WAIT, fnstcw [ebx]
    OP NO_WAIT, fnstsw [ebx]
    OP NO_WAIT, fnstsw ax
    OP NO_WAIT, fnstenv [ebx]
    OP NO_WAIT, fnsave [ebx]
    OP NO_WAIT, fxsave [ebx]
    OP NO_WAIT, fxrstor [ebx]
    OP WAITS, wait
    OP MMX, movd mm0, eax
    OP MMX, movd mm0, [ebx]
    OP MMX, movd [ebx], mm0
    OP MMX, movq mm0, mm1
    OP MMX, movq mm0, [ebx]
    OP MMX, movq [ebx], mm0
    OP MMX, paddb mm0, mm1
    OP MMX, pmaddwd mm0, [ebx]
    OP MMX, packsswb mm0, mm1
    OP MMX, psllq mm0, 3
    OP MMX, pxor mm0, mm0
    OP MMX, emms
    OP MMX_OF_SSE, pshufw mm0, mm1, 3
    OP MMX_OF_SSE, pavgb mm0, mm1
    OP MMX_OF_SSE, movntq [ebx], mm0
    OP MMX_OF_SSE, maskmovq mm0, mm1
    OP MMX_OF_SSE, pmovmskb eax, mm0
    OP MMX_OF_SSE, paddq mm0, mm1
    OP MMX_OF_SSE, pabsb mm0, mm1
    OP SSE, movaps xmm0, xmm1
    OP SSE, movaps xmm0, [ebx]
    OP SSE, movups [ebx], xmm0
    OP SSE, movss xmm0, [ebx]
    OP SSE, addps xmm0, xmm1
    OP SSE, sqrtss xmm0, xmm1
    OP SSE, andps xmm0, [ebx]
    OP SSE, comiss xmm0, xmm1
    OP SSE, cvtsi2ss xmm0, eax
    OP SSE, cvttss2si eax, xmm0
    OP SSE, movmskps eax, xmm0
    OP SSE, movntps [ebx], xmm0
    OP SSE, ldmxcsr [ebx]
    OP SSE, stmxcsr [ebx]
    OP SSE, addpd xmm0, xmm1
    OP SSE, cvtps2pd xmm0, xmm1
    OP SSE, movdqa xmm0, [ebx]
    OP SSE, movd xmm0, eax
    OP SSE, movq xmm0, [ebx]
    OP SSE, paddq xmm0, xmm1
    OP SSE, pslldq xmm0, 1
    OP SSE, maskmovdqu xmm0, xmm1
    OP SSE, movntdq [ebx], xmm0
    OP SSE, haddps xmm0, xmm1
    OP SSE, lddqu xmm0, [ebx]
    OP SSE, pshufb xmm0, xmm1
    OP SSE, palignr xmm0, xmm1, 3
    OP SSE, roundss xmm0, xmm1, 0
    OP SSE, ptest xmm0, xmm1
    OP SSE, movntdqa xmm0, [ebx]
    OP SSE, pcmpistri xmm0, xmm1, 0
    OP SSE, pcmpgtq xmm0, xmm1
    OP SSE_AND_MMX, cvtpi2ps xmm0, mm0
    OP SSE_AND_MMX, cvtps2pi mm0, xmm0
    OP SSE_AND_MMX, cvttps2pi mm0, xmm0
    OP SSE_AND_MMX, cvtpi2pd xmm0, mm0
    OP SSE_AND_MMX, cvttpd2pi mm0, xmm0
    OP SSE_AND_MMX, movq2dq xmm0, mm0
    OP SSE_AND_MMX, movdq2q mm0, xmm0
    OP ALWAYS, pause
    OP ALWAYS, prefetchnta [ebx]
    OP ALWAYS, prefetcht0 [ebx]
    OP ALWAYS, clflush [ebx]
    OP ALWAYS, sfence
    OP ALWAYS, lfence
    OP ALWAYS, mfence
    OP ALWAYS, movnti [ebx], eax
    OP ALWAYS, crc32 eax, bl
    OP ALWAYS, popcnt eax, ebx
    END_OPS

; priorities: operands in memory that are not canonical, in 64-bit mode: what CR0 and CR4 forbid comes ahead of that
; (volume 3A, table 6-2). What is pending is left open.
PRIORITIES equ 31*16
priorities:
    call clear_matrix
    mov dword [ring], LONG0
    mov dword [combination], 0
.next:
    EACH priority_ops
    call usual
    mov dword [operand], 0
    mov dword [operand + 4], 0x8000
    call [op]
    mov dword [want], GP0
    cmp eax, UNASKED
    je .unasked
    cmp eax, NONE
    je .allowed
    mov [want], eax
.allowed:
    test dword [combination], A_OSFXSR
    jnz .osfxsr
    mov eax, cr4
    and eax, ~OSFXSR
    mov cr4, eax
.osfxsr:
    mov eax, [combination]
    call set_cr0
    call run
    call judge
.unasked:
    END_EACH
    call usual
    add dword [combination], MP
    cmp dword [combination], A_PENDING
    jb .next
    mov dword [operand + 4], 0
    ret

priority_ops:
    OP WAITING, fld dword [ebx]
    OP WAITING, fld tword [ebx]
    OP WAITING, fist word [ebx]
    OP WAITING, fbstp [ebx]
    OP WAITING, fadd qword [ebx]
    OP WAITING, fldcw [ebx]
    OP WAITING, fldenv [ebx]
    OP WAITING, frstor [ebx]
    OP NO_WAIT, fnstcw [ebx]
    OP NO_WAIT, fnstsw [ebx]
    OP NO_WAIT, fnstenv [ebx]
    OP NO_WAIT, fnsave [ebx]
    OP NO_WAIT, fxsave [ebx]
    OP NO_WAIT, fxsave [ebx + 1]
    OP NO_WAIT, fxrstor [ebx]
    OP NO_WAIT, fxrstor [ebx + 4]
    OP MMX, movd mm0, [ebx]
    OP MMX, movq [ebx], mm0
    OP MMX, paddb mm0, [ebx]
    OP SSE, movaps xmm0, [ebx]
    OP SSE, movaps xmm0, [ebx + 1]
    OP SSE, movdqa [ebx + 8], xmm0
    OP SSE, movups [ebx], xmm0
    OP SSE, addss xmm0, [ebx]
    OP SSE, cvttsd2si eax, [ebx]
    OP SSE, comisd xmm0, [ebx]
    OP SSE, ldmxcsr [ebx]
    OP SSE, stmxcsr [ebx]
    OP ALWAYS, movnti [ebx], eax
    OP ALWAYS, popcnt eax, [ebx]
    OP ALWAYS, crc32 eax, byte [ebx]
    END_OPS

; lmsw_matrix: LMSW of all 16 values in all states: MP, EM and TS become what it says, PE can only be set. SMSW tells.
lmsw_matrix:
    call clear_matrix
    mov dword [combination], 0  ; state in bits 0 to 2, value in bits 4 to 7
    mov dword [number], 0
.next:
    call usual
    mov eax, [combination]
    shl eax, 1
    call set_cr0
    mov eax, [combination]
    shr eax, 4
    mov edx, eax
    or edx, NE | 0x11           ; PE stays, so does ET
    mov [want], edx
    or eax, 0xffc0              ; of which the others are ignored
    lmsw ax
    smsw eax
    and eax, 0x3f
    mov [got], eax
    mov eax, cr0
    and eax, 0x3f
    sub eax, [got]            ; MOV says the same
    shl eax, 8
    or [got], eax
    call judge
    inc dword [combination]
    test dword [combination], 8
    jz .next
    add dword [combination], 8
    cmp dword [combination], 16*16
    jb .next
    call usual
    ret

clts_matrix:
    call clear_matrix
    mov dword [combination], 0
    mov dword [number], 0
.next:
    mov eax, [combination]
    shl eax, 1
    call set_cr0
    mov eax, cr0
    and eax, ~TS
    mov [want], eax
    clts
    mov eax, cr0
    mov [got], eax
    call judge
    inc dword [combination]
    cmp dword [combination], 8
    jb .next
    jmp usual

; x87_matrix: each exception (producer), with each of 64 masks, ahead of each instruction. ES and B tell whether
; something unmasked is pending, and if so, an instruction that waits is #MF and does nothing.
X87_COMBINATIONS equ 9*64*33

x87_matrix:
    call clear_matrix
    mov dword [combination], 0  ; masks in bits 0 to 5, producer in bits 8 and up
.next:
    EACH x87_ops
    call usual
    call clear_area
    mov dword [operand], AREA
    mov eax, [combination]
    and eax, ALL
    or eax, 0x340
    mov [cw], ax
    fldcw [cw]
    movzx eax, byte [combination + 1]
    shl eax, 4
    lea esi, [producers + eax]
    push esi
    call [esi]                  ; which is not the one to fault
    pop esi
    xor eax, eax
    fnstsw ax
    mov [status], eax
    mov ecx, [esi + 4]          ; a flag that has to be set
    not eax
    test eax, ecx
    jnz .wrong
    mov eax, [status]
    and eax, ALL | SF
    mov ecx, [esi + 8]          ; those that may be
    not ecx
    test eax, ecx
    jnz .wrong
    mov ecx, [combination]
    not ecx
    and eax, ecx
    and eax, ALL
    mov edx, NONE
    xor ecx, ecx
    test eax, eax
    jz .quiet
    mov edx, [op]
    mov ecx, SUMMARY | B
.quiet:
    mov [want], edx
    mov eax, [status]
    and eax, SUMMARY | B
    cmp eax, ecx
    jne .wrong
    call run
    cmp dword [got], MF
    jne .judge
    xor eax, eax
    fnstsw ax
    cmp eax, [status]
    jne .wrong
    cmp dword [ring], LONG0     ; whose handler does not note this
    je .judge
    mov eax, [ret_eip]
    cmp eax, [snippet]
    je .judge
.wrong:
    mov eax, [status]
    or eax, 0x5f0000            ; the status word is not as it should be
    mov [got], eax
.judge:
    call judge
    END_EACH
    inc dword [combination]
    test dword [combination], 0x40
    jz .next
    add dword [combination], 0xc0
    cmp dword [combination], 9 << 8
    jb .next
    jmp usual

; Producers: routine, the flag that it sets, flags that it may set
producers:
    dd zero_by_zero, IE, IE, 0
    dd root, IE, IE, 0
    dd underflow, IE | SF, IE | SF, 0
    dd overflow, IE | SF, IE | SF, 0
    dd with_denormal, DE, DE | PE, 0
    dd by_zero, ZE, ZE, 0
    dd too_large, OE, OE | PE, 0
    dd too_small, UE, UE | PE, 0
    dd inexact, PE, PE, 0

zero_by_zero:
    fldz
    fdiv st0, st0
    ret
root:
    fld1
    fchs
    fsqrt
    ret
underflow:
    fchs
    ret
overflow:
%rep 8
    fld1
%endrep
    fldz
    ret
with_denormal:
    fld tword [denormal80]
    fld1
    fadd st0, st1
    ret
by_zero:
    fldz
    fld1
    fdiv st0, st1
    ret
too_large:
    fld tword [large80]
    fmul st0, st0
    ret
too_small:
    fld tword [small80]
    fmul st0, st0
    ret
inexact:
    fld1
    fdiv dword [three]
    ret

x87_ops:
    OP MF, wait
    OP MF, fld1
    OP MF, fnop
    OP MF, fxam
    OP MF, ffree st0
    OP MF, fincstp
    OP MF, fcomi st0, st1
    OP MF, fld dword [ebx]
    OP MF, fst dword [ebx]
    OP MF, fstp tword [ebx]
    OP MF, fbstp [ebx]
    OP MF, fldcw [ebx]
    OP MF, fldenv [ebx]
    OP MF, frstor [ebx]
    OP MF, movd mm0, eax
    OP MF, movq [ebx], mm0
    OP MF, pxor mm0, mm0
    OP MF, emms
    OP MF, cvtpi2ps xmm0, mm0
    OP MF, movdq2q mm0, xmm0
    OP NONE, fninit
    OP NONE, fnclex
    OP NONE, fnstcw [ebx]
    OP NONE, fnstsw [ebx]
    OP NONE, fnstsw ax
    OP NONE, fnstenv [ebx]
    OP NONE, fnsave [ebx]
    OP NONE, fxsave [ebx]
    OP NONE, fxrstor [ebx]
    OP NONE, movaps xmm0, xmm1
    OP NONE, addps xmm0, [ebx]
    OP NONE, ldmxcsr [ebx]
    OP NONE, mov eax, [ebx]
    END_OPS

; simd_matrix: instructions that raise each exception, with each of 64 masks, with no flags and with all flags set
; before, with and without OSXMMEXCPT. What an unmasked exception finds before the computation keeps the rest from
; being computed.
S_FLAGS equ 1 << 6
S_OSXMMEXCPT equ 1 << 7

simd_matrix:
    call clear_matrix
    mov dword [combination], 0
.next:
    EACH simd_ops
    call usual
    mov eax, [combination]
    test eax, S_OSXMMEXCPT
    jnz .known
    mov ecx, cr4
    and ecx, ~OSXMMEXCPT
    mov cr4, ecx
.known:
    mov ecx, eax
    and ecx, ALL
    shl ecx, 7
    test eax, S_FLAGS
    jz .clear
    or ecx, ALL
.clear:
    mov [mxcsr], ecx
    ldmxcsr [mxcsr]
    mov ecx, eax
    not ecx
    and ecx, ALL                ; unmasked
    movzx edx, byte [op]        ; raised before the computation
    movzx ebx, byte [op + 1]    ; and by its result
    test edx, ecx
    jnz .raised
    or edx, ebx
.raised:
    mov [raised], edx
    mov ebx, NONE
    test edx, ecx
    jz .silent
    mov ebx, UD
    test eax, S_OSXMMEXCPT
    jz .silent
    mov ebx, XM
.silent:
    mov [want], ebx
    mov eax, 0x76543210
    movd xmm7, eax
    pshufd xmm7, xmm7, 0
    movzx eax, byte [op + 2]
    shl eax, 5
    lea eax, [simd_values + eax]
    mov [operand], eax
    movaps xmm0, [eax]
    call run
    mov eax, [got]
    cmp eax, [want]
    jne .judge
    stmxcsr [mxcsr_after]
    mov eax, [mxcsr]
    cmp dword [got], NONE
    je .all_flags
    cmp dword [got], UD       ; the flags are not defined then
    je .unchanged
    test byte [op], -1
    jnz .all_flags
    mov ecx, [mxcsr_after]      ; all flags that are unmasked, and none that was not raised
    mov edx, [combination]
    not edx
    and edx, [raised]
    or edx, eax
    or eax, [raised]
    not ecx
    test ecx, edx
    jnz .wrong
    not ecx
    not eax
    test ecx, eax
    jnz .wrong
    jmp .unchanged
.all_flags:
    or eax, [raised]
    cmp eax, [mxcsr_after]
    jne .wrong
    cmp dword [got], NONE
    je .judge
.unchanged:                     ; the destination
    mov esi, [operand]
    movaps xmm1, [esi]
    pcmpeqb xmm1, xmm0
    pmovmskb eax, xmm1
    cmp eax, 0xffff
    je .judge
.wrong:
    mov eax, [mxcsr_after]
    or eax, 0x5f0000            ; MXCSR or the destination are not as they should be
    mov [got], eax
.judge:
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 1 << 8
    jb .next
    jmp usual

; Flags before and after the computation, and the place of the values: destination and source
%define SIMD(before, after, values) (before) | (after) << 8 | (values) << 16
simd_ops:
    OP SIMD(IE, 0, 0), divps xmm0, [ebx + 16]
    OP SIMD(IE, 0, 0), divss xmm0, [ebx + 16]
    OP SIMD(DE, PE, 1), addps xmm0, [ebx + 16]
    OP SIMD(DE, PE, 1), addss xmm0, [ebx + 16]
    OP SIMD(ZE, 0, 2), divps xmm0, [ebx + 16]
    OP SIMD(ZE, 0, 2), divss xmm0, [ebx + 16]
    OP SIMD(0, OE | PE, 3), mulps xmm0, [ebx + 16]
    OP SIMD(0, OE | PE, 3), mulss xmm0, [ebx + 16]
    OP SIMD(0, UE | PE, 4), mulps xmm0, [ebx + 16]
    OP SIMD(0, UE | PE, 4), mulss xmm0, [ebx + 16]
    OP SIMD(0, PE, 5), divps xmm0, [ebx + 16]
    OP SIMD(0, PE, 5), divss xmm0, [ebx + 16]
    END_OPS

align 32
simd_values:
    dd 0, 0x3f800000, 0, 0x40000000
    dd 0, 0x3f800000, 0, 0x40000000
    dd 1, 0x3f800000, 0, 0x40000000
    dd 0x3f800000, 0x3f800000, 0x3f800000, 0x40000000
    dd 0x3f800000, 0x3f800000, 0x40000000, 0x40000000
    dd 0, 0x3f800000, 0x80000000, 0x40000000
    dd 0x7f000001, 0x3f800000, 0, 0x40000000
    dd 0x7f000001, 0x3f800000, 0, 0x40000000
    dd 0x00800001, 0x3f800000, 0, 0x40000000
    dd 0x20000001, 0x3f800000, 0, 0x40000000
    dd 0x3f800000, 0x3f800000, 0, 0x40000000
    dd 0x40400000, 0x3f800000, 0x3f800000, 0x40000000


; image loads what FXRSTOR takes from AREA2: control word 37Fh, status word AX, tags DL, all registers with 3ABCh as
; sign and exponent.
image:
    push edi
    mov edi, AREA2
    push eax
    mov ecx, 512/4
    xor eax, eax
    rep stosd
    pop eax
    mov dword [AREA2], 0x37f
    mov [AREA2 + 2], ax
    mov [AREA2 + 4], dl
    mov dword [AREA2 + 24], 0x1f80
    xor ecx, ecx
.register:
    mov eax, ecx
    add eax, 0x01020304
    mov [AREA2 + 32 + ecx], eax
    mov dword [AREA2 + 36 + ecx], 0xc0000000
    mov dword [AREA2 + 40 + ecx], 0x3abc
    add ecx, 16
    cmp ecx, 128
    jb .register
    fxrstor [AREA2]
    pop edi
    ret

; same compares the images at ESI and EDI, but for pointers and what is reserved: EAX is the offset of a difference, or
; -1.
same:
    xor ecx, ecx
.byte:
    cmp ecx, 5
    jb .compare
    cmp ecx, 24
    jb .next
    cmp ecx, 28
    jb .compare
    cmp ecx, 32
    jb .next
    cmp ecx, 160
    jae .compare
    mov eax, ecx
    and eax, 15
    cmp eax, 10
    jae .next
.compare:
    mov al, [esi + ecx]
    cmp al, [edi + ecx]
    mov eax, ecx
    jne .end
.next:
    inc ecx
    cmp ecx, 288
    jb .byte
    mov eax, -1
.end:
    ret

; stack_matrix: for each TOP and each set of tags, FLD1 pushes or overflows (C1), FCHS works or underflows (C1 clear),
; FFREE and FINCSTP change tags or TOP alone.
stack_matrix:
    call clear_matrix
    mov dword [combination], 0  ; tags in bits 0 to 7, TOP in bits 8 to 10
.next:
    mov dword [number], 0
    call stack_state
    mov ebx, eax                ; status word
    mov ecx, [combination]
    shr ecx, 8
    lea edx, [ecx + 7]
    and edx, 7
    mov dword [got], 0
    mov dword [want], 0
    fld1
    fxsave [AREA]
    mov edi, edx
    shl edi, 11                 ; TOP is one less,
    mov esi, 1
    xchg ecx, edx
    shl esi, cl
    xchg ecx, edx
    or esi, [combination]       ; the register valid,
    and esi, 0xff
    bt [combination], edx
    jnc .pushed
    or edi, IE | SF | C1        ; or that was an overflow
.pushed:
    mov eax, 1
    call .agree
    call stack_state
    fchs
    fxsave [AREA]
    mov edi, ecx
    shl edi, 11
    mov esi, 1
    shl esi, cl
    or esi, [combination]
    and esi, 0xff
    bt [combination], ecx
    jc .changed
    or edi, IE | SF
.changed:
    mov eax, 2
    call .agree
    call stack_state
    ffree st0
    fincstp
    fxsave [AREA]
    lea edi, [ecx + 1]
    and edi, 7
    shl edi, 11
    mov esi, [combination]
    and esi, 0xff
    btr esi, ecx
    mov eax, 4
    call .agree
    call stack_state
    fdecstp
    fxsave [AREA]
    mov edi, edx
    shl edi, 11
    movzx esi, byte [combination]
    mov eax, 8
    call .agree
    call judge
    inc dword [combination]
    cmp dword [combination], 8 << 8
    jb .next
    jmp usual
; TOP, IE, SF and C1 as in EDI, tags as in ESI, or bit EAX is set.
.agree:
    push edx
    movzx edx, word [AREA + 2]
    and edx, TOP | IE | SF | C1
    cmp edx, edi
    jne .not
    movzx edx, byte [AREA + 4]
    cmp edx, esi
    je .does
.not:
    or [got], eax
.does:
    pop edx
    ret

; stack_state: tags and TOP of [combination]
stack_state:
    push ecx
    push edx
    movzx eax, byte [combination + 1]
    shl eax, 11
    mov dl, [combination]
    call image
    pop edx
    pop ecx
    ret

; unmasked_stack_matrix: on an empty or a full stack, with each TOP: nothing but the flags changes.
STACK_OPS equ 26
S_FULL equ 1 << 8               ; of a list's entry: the stack is full
unmasked_stack_matrix:
    call clear_matrix
    mov dword [ring], RING0
    mov dword [combination], 0
.next:
    EACH stack_ops
    call usual
    call clear_area
    mov dword [operand], AREA + 512
    mov eax, [combination]
    shl eax, 11
    movzx edx, byte [op + 1]    ; S_FULL
    neg edx
    call image
    fldcw [cw_invalid]
    fxsave [AREA]
    call run
    mov eax, [got]
    mov dword [want], NONE
    cmp eax, NONE
    jne .judge
    mov ecx, IE | SF | SUMMARY | B
    test dword [op], S_FULL
    jz .underflow
    or ecx, C1
.underflow:
    fxsave [AREA2]
    mov ax, [AREA2 + 2]
    and ax, TOP | ALL | SF | SUMMARY | B | C1
    or cx, [AREA + 2]
    mov dword [want], 0
    mov dword [got], 1
    cmp ax, cx
    jne .judge
    mov ax, [AREA2 + 2]         ; which is right; all the rest is as it was
    mov [AREA + 2], ax
    mov esi, AREA
    mov edi, AREA2
    call same
    inc eax
    mov [got], eax
    cmp dword [AREA + 512], 0
    je .judge
    mov dword [got], -2         ; memory has changed
.judge:
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 8
    jb .next
    jmp usual

stack_ops:
    OP S_FULL, fld1
    OP S_FULL, fldz
    OP S_FULL, fld st3
    OP S_FULL, fld dword [ebx]
    OP S_FULL, fld qword [ebx]
    OP S_FULL, fld tword [ebx]
    OP S_FULL, fild word [ebx]
    OP S_FULL, fild qword [ebx]
    OP S_FULL, fbld [ebx]
    OP 0, fld st3
    OP 0, fst st2
    OP 0, fstp st2
    OP 0, fst dword [ebx]
    OP 0, fstp qword [ebx]
    OP 0, fstp tword [ebx]
    OP 0, fist word [ebx]
    OP 0, fisttp dword [ebx]
    OP 0, fbstp [ebx]
    OP 0, faddp st1, st0
    OP 0, fsub dword [ebx]
    OP 0, fimul word [ebx]
    OP 0, fchs
    OP 0, fsqrt
    OP 0, fxch st1
    OP 0, fscale
    OP 0, frndint
    END_OPS

; mmx_matrix: for each instruction, TOP and some tags: TOP becomes 0, all registers valid (EMMS: empty), the exponent
; of what is written all ones, and nothing else changes.
MMX_COMBINATIONS equ 25*8*3
READS equ 0
WRITES equ 1
EMPTIES equ 2

mmx_matrix:
    call clear_matrix
    mov dword [ring], RING0
    mov dword [combination], 0  ; TOP in bits 0 to 2, tags in bits 4 and up
.next:
    EACH mmx_ops
    call usual
    mov eax, [combination]
    mov ecx, eax
    shr ecx, 4
    mov dl, [.tags + ecx]
    and eax, 7
    shl eax, 11
    or eax, C0 | C1 | C2 | C3 | ALL
    call image
    mov dword [operand], AREA
    call run
    mov dword [want], 0
    cmp dword [got], NONE
    jne .judge
    mov dword [got], 0
    fxsave [AREA]
    mov al, 0xff
    cmp dword [op], EMPTIES
    jne .valid
    inc al
.valid:
    cmp [AREA + 4], al
    je .tagged
    or dword [got], 1
.tagged:
    cmp word [AREA + 2], C0 | C1 | C2 | C3 | ALL
    je .status
    or dword [got], 2
.status:
    cmp word [AREA], 0x37f
    je .control
    or dword [got], 4
.control:
    mov ax, 0x3abc
    cmp dword [op], WRITES
    jne .exponent
    mov ax, 0xffff
.exponent:
    cmp [AREA + 40], ax
    je .written
    or dword [got], 8
.written:
    mov ecx, 56
.other:
    cmp word [AREA + ecx], 0x3abc
    je .kept
    or dword [got], 16
.kept:
    add ecx, 16
    cmp ecx, 160
    jb .other
.judge:
    call judge
    END_EACH
    inc dword [combination]
    test dword [combination], 8
    jz .next
    add dword [combination], 8
    cmp dword [combination], 3 << 4
    jb .next
    jmp usual
.tags: db 0, 0xff, 0x5a

mmx_ops:
    OP WRITES, movd mm0, eax
    OP WRITES, movd mm0, [ebx]
    OP READS, movd [ebx], mm0
    OP WRITES, movq mm0, mm1
    OP WRITES, movq mm0, [ebx]
    OP READS, movq [ebx], mm0
    OP WRITES, paddb mm0, mm1
    OP WRITES, psubsw mm0, [ebx]
    OP WRITES, pcmpeqd mm0, mm0
    OP WRITES, punpcklbw mm0, mm1
    OP WRITES, psrlq mm0, 3
    OP WRITES, pslld mm0, mm1
    OP WRITES, pshufw mm0, mm1, 3
    OP WRITES, pavgb mm0, mm1
    OP WRITES, pinsrw mm0, eax, 1
    OP READS, pextrw eax, mm0, 1
    OP READS, pmovmskb eax, mm0
    OP READS, movntq [ebx], mm0
    OP READS, maskmovq mm0, mm1
    OP WRITES, pshufb mm0, mm1
    OP READS, cvtpi2ps xmm0, mm0
    OP READS, movq2dq xmm0, mm0
    OP WRITES, movdq2q mm0, xmm0
    OP WRITES, cvtps2pi mm0, xmm0
    OP EMPTIES, emms
    END_OPS

; rounding_matrix: sum, product, quotient and root, with both signs of the result (the root: twice the positive one),
; for each precision and direction of rounding. C1 tells whether the magnitude was rounded up.
rounding_matrix:
    call clear_matrix
    mov dword [combination], 0  ; RC in bits 0 and 1, PC in bits 4 and 5, sign in bit 8
.next:
    mov dword [number], 0
.operation:
    mov eax, [combination]
    mov ecx, eax
    and ecx, 3
    shl ecx, 10
    and eax, 0x30
    shl eax, 4
    lea eax, [eax + ecx + 0x7f]
    mov [cw], ax
    fninit
    fldcw [cw]
    mov edx, [number]
    lea esi, [edx + edx*4]
    shl esi, 5                  ; 160 bytes each
    add esi, roundings
    fld tword [esi + 16]
    fld tword [esi]
    test dword [combination], 0x100
    jz .positive
    cmp edx, 3
    je .positive
    fchs
    fxch st1
    cmp edx, 0
    jne .one_sign               ; a sum changes sign with both
    fchs
.one_sign:
    fxch st1
.positive:
    call [.operations + 4*edx]
    fnstsw ax
    and eax, C1 | PE
    fstp tword [buffer]
    ; Which of the results: nearest, up or down in magnitude
    mov ecx, [combination]
    and ecx, 3
    mov ebx, [combination]
    shr ebx, 8
    cmp edx, 3
    jne .has_sign
    xor ebx, ebx
.has_sign:
    mov edi, 0                  ; truncated
    cmp ecx, 3
    je .which
    cmp ecx, 0
    je .nearest
    lea edi, [ebx + 1]          ; 1 if positive, 2 if negative: the direction that goes up
    xor edi, 3
    cmp ecx, edi                ; RC 1 is down, RC 2 is up
    mov edi, 0
    jne .which
    mov edi, 2
    jmp .which
.nearest:
    mov edi, 1
.which:
    mov ecx, [combination]
    shr ecx, 4
    and ecx, 3
    lea ecx, [ecx + ecx*2]
    lea ecx, [ecx + edi]        ; 3 results for each precision
    lea esi, [esi + 32]
    lea esi, [esi + ecx*8]
    mov dword [want], 0
    mov dword [got], 0
    mov ecx, [esi]
    cmp ecx, [buffer]
    jne .wrong
    mov ecx, [esi + 4]
    cmp ecx, [buffer + 4]
    je .value
.wrong:
    or dword [got], 1
.value:
    shl ebx, 15
    mov ecx, [buffer + 8]
    and ecx, 0x8000
    cmp ecx, ebx
    je .sign
    or dword [got], 2
.sign:
    ; Rounded up if it is not what truncation gives, which is at the beginning of the three
    mov ebx, PE
    mov ecx, edi
    shl ecx, 3
    mov ebp, esi
    sub ebp, ecx
    mov ecx, [ebp]
    cmp ecx, [esi]
    jne .up
    mov ecx, [ebp + 4]
    cmp ecx, [esi + 4]
    je .down
.up:
    or ebx, C1
.down:
    cmp eax, ebx
    je .flags
    or dword [got], 4
.flags:
    call judge
    inc dword [number]
    cmp dword [number], 4
    jb .operation
    inc dword [combination]
    test dword [combination], 4
    jz .next
    add dword [combination], 0x0c
    mov eax, [combination]
    and eax, 0x30
    cmp eax, 0x10
    jne .not_reserved
    add dword [combination], 0x10
.not_reserved:
    test dword [combination], 0x40
    jz .next
    add dword [combination], 0xc0
    cmp dword [combination], 0x200
    jb .next
    jmp usual
.operations: dd .sum, .product, .quotient, .root
.sum:
    fadd st0, st1
    ret
.product:
    fmul st0, st1
    ret
.quotient:
    fdiv st0, st1
    ret
.root:
    fsqrt
    ret

; Two operands, then truncated, nearest and rounded up for 24, 64 (reserved: not used), 53 and 64 bits, in the order of
; PC
align 8
roundings:
    dq 0x8000000000000000, 0x3fff, 0x8008000000000000, 0x3fff - 60
    dq 0x8000000000000000, 0x8000000000000000, 0x8000010000000000
    dq 0, 0, 0
    dq 0x8000000000000000, 0x8000000000000000, 0x8000000000000800
    dq 0x8000000000000008, 0x8000000000000008, 0x8000000000000009
    dq 0, 0, 0, 0
    dq 0x8000000000800000, 0x3fff, 0x8000000000800000, 0x3fff
    dq 0x8000000000000000, 0x8000000000000000, 0x8000010000000000
    dq 0, 0, 0
    dq 0x8000000001000000, 0x8000000001000000, 0x8000000001000800
    dq 0x8000000001000000, 0x8000000001000000, 0x8000000001000001
    dq 0, 0, 0, 0
    dq 0x8000000000000000, 0x3fff, 0xc000000000000000, 0x4000
    dq 0xaaaaaa0000000000, 0xaaaaab0000000000, 0xaaaaab0000000000
    dq 0, 0, 0
    dq 0xaaaaaaaaaaaaa800, 0xaaaaaaaaaaaaa800, 0xaaaaaaaaaaaab000
    dq 0xaaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab, 0xaaaaaaaaaaaaaaab
    dq 0, 0, 0, 0
    dq 0x8000000000000000, 0x4000, 0, 0
    dq 0xb504f30000000000, 0xb504f30000000000, 0xb504f40000000000
    dq 0, 0, 0
    dq 0xb504f333f9de6000, 0xb504f333f9de6800, 0xb504f333f9de6800
    dq 0xb504f333f9de6484, 0xb504f333f9de6484, 0xb504f333f9de6485
    dq 0, 0, 0, 0

; unsupported_matrix: instructions on pseudo-NaNs, pseudo-infinities and unnormals: IE, and the indefinite value
unsupported_matrix:
    call clear_matrix
    mov dword [combination], 0
    mov dword [ring], RING0
.next:
    EACH unsupported_ops
    fninit
    fld1
    mov eax, [combination]
    shl eax, 4
    fld tword [unsupported + eax]
    call run
    fnstsw ax
    fstp tword [buffer]
    and eax, ALL
    shl eax, 16
    mov ax, [buffer + 8]
    cmp dword [buffer], 0
    jne .wrong
    cmp dword [buffer + 4], 0xc0000000
    je .value
.wrong:
    inc eax
.value:
    mov [got], eax
    mov dword [want], IE << 16 | 0xffff
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 5
    jb .next
    jmp usual

unsupported_ops:
    OP 0, fadd st0, st1
    OP 0, fmul st0, st0
    OP 0, fdivr st0, st1
    OP 0, fsqrt
    OP 0, frndint
    OP 0, fscale
    END_OPS

align 16
unsupported:
    dq 0x7fffffffffffffff, 0x7fff       ; pseudo-NaN, quiet
    dq 0x0000000000000001, 0x7fff       ; pseudo-NaN, signaling
    dq 0x0000000000000000, 0xffff       ; pseudo-infinity
unnormal:
    dq 0x7fffffffffffffff, 0x4000
    dq 0x0000000000000000, 0x3fff       ; zero with an exponent
pseudo_denormal:
    dq 0x8000000000000000, 0

; decimal_matrix: values, what FBSTP makes of them, and the flags
decimal_matrix:
    call clear_matrix
    mov dword [combination], 0
    mov dword [number], 0
.next:
    mov eax, [combination]
    shl eax, 5
    lea esi, [decimals + eax]
    fninit
    fld tword [esi]
    fbstp [buffer]
    fnstsw ax
    and eax, ALL
    mov [got], eax
    movzx ecx, word [esi + 26]
    mov [want], ecx
    lea esi, [esi + 16]
    mov edi, buffer
    mov ecx, 10
    cmp word [esi + 8], 0xffff
    jne .compare
    add esi, 7                  ; the digits of the indefinite value are not defined, but for the highest two
    add edi, 7
    mov ecx, 3
.compare:
    repe cmpsb
    je .same
    or dword [got], 0x100
.same:
    call judge
    inc dword [combination]
    cmp dword [combination], 13
    jb .next
    ret

; An 80-bit number, 6 bytes of nothing, what is stored, flags, 4 bytes of nothing
%macro DECIMAL 5                ; significand, exponent, digits, sign and highest digits, flags
    dq %1
    dw %2, 0, 0, 0
    dq %3
    dw %4, %5, 0, 0
%endmacro
align 16
decimals:
    DECIMAL 0, 0, 0, 0, 0
    DECIMAL 0, 0x8000, 0, 0x8000, 0
    DECIMAL 0x8000000000000000, 0x3fff, 1, 0, 0
    DECIMAL 0x8000000000000000, 0xbfff, 1, 0x8000, 0
    DECIMAL 0xc000000000000000, 0x3fff, 2, 0, PE
    DECIMAL 0x8000000000000000, 0x3ffe, 0, 0, PE
    DECIMAL 0xde0b6b3a763ffff0, 0x403a, 0x9999999999999999, 0x0099, 0
    DECIMAL 0xde0b6b3a763ffff0, 0xc03a, 0x9999999999999999, 0x8099, 0
    DECIMAL 0xde0b6b3a76400000, 0x403a, 0xc000000000000000, 0xffff, IE
    DECIMAL 0x8000000000000000, 0x7fff, 0xc000000000000000, 0xffff, IE
    DECIMAL 0xc000000000000000, 0x7fff, 0xc000000000000000, 0xffff, IE
    DECIMAL 0x7fffffffffffffff, 0x4000, 0xc000000000000000, 0xffff, IE
    DECIMAL 0x8c5aa79157580000, 0x4031, 0x1234567890123456, 0, 0
decimal_big:
    dq 0x9999999999999999
    dw 0x0099
decimal_minus_0:
    dq 0
    dw 0x8000

; alignment: all instructions of aligned_ops at 16 addresses: #GP unless they are a multiple of what the list says.
; alignment_am: those that need 16 bytes, with CR0.AM and what [ring] and [flags] say.
ALIGNED_OPS equ 0xe3
CHECKED_OPS equ 0xa2
alignment_am:
    mov dword [checked], 1
    jmp alignment.go
alignment:
    mov dword [checked], 0
.go:
    call clear_matrix
    mov eax, [flags]
    push eax
    call usual
    pop dword [flags]
    cmp dword [checked], 0
    je .set
    mov eax, cr0
    or eax, AM
    mov cr0, eax
.set:
    mov dword [combination], 0
.next:
    EACH aligned_ops
    call clear_area
    fninit
    ldmxcsr [mxcsr_usual]
    cmp dword [checked], 0
    je .all
    cmp dword [op], 16
    jne .skip
.all:
    mov eax, AREA
    add eax, [combination]
    mov [operand], eax
    mov dword [want], NONE
    mov ecx, [op]
    dec ecx
    test [combination], ecx
    jz .allowed
    mov dword [want], GP0
.allowed:
    call run
    call judge
.skip:
    END_EACH
    inc dword [combination]
    cmp dword [combination], 16
    jb .next
    jmp usual

%macro OPS 2-*                  ; alignment, names of instructions with an XMM register and an operand in memory
%assign %%alignment %1
%rotate 1
%rep %0 - 1
    OP %%alignment, %1 xmm0, [ebx]
%rotate 1
%endrep
%endmacro
%macro OPS_IMM 2-*              ; likewise with an immediate operand
%assign %%alignment %1
%rotate 1
%rep %0 - 1
    OP %%alignment, %1 xmm0, [ebx], 1
%rotate 1
%endrep
%endmacro
aligned_ops:
    OPS 16, movaps, movapd, movdqa, movntdqa
    OP 16, movaps [ebx], xmm0
    OP 16, movapd [ebx], xmm0
    OP 16, movdqa [ebx], xmm0
    OP 16, movntps [ebx], xmm0
    OP 16, movntpd [ebx], xmm0
    OP 16, movntdq [ebx], xmm0
    OPS 16, addps, addpd, subps, subpd, mulps, mulpd, divps, divpd, minps, minpd, maxps, maxpd, sqrtps, sqrtpd
    OPS 16, rcpps, rsqrtps, andps, andpd, andnps, andnpd, orps, orpd, xorps, xorpd
    OPS 16, unpcklps, unpcklpd, unpckhps, unpckhpd, haddps, haddpd, hsubps, hsubpd, addsubps, addsubpd
    OPS 16, movsldup, movshdup, cvtdq2ps, cvtps2dq, cvttps2dq, cvtpd2ps, cvtpd2dq, cvttpd2dq
    OPS 16, paddb, paddw, paddd, paddq, paddsb, paddsw, paddusb, paddusw, psubb, psubw, psubd, psubq
    OPS 16, pmulhw, pmulhuw, pmullw, pmuludq, pmaddwd, psadbw, pavgb, pavgw, pminub, pminsw, pmaxub, pmaxsw
    OPS 16, pand, pandn, por, pxor, pcmpeqb, pcmpeqw, pcmpeqd, pcmpgtb, pcmpgtw, pcmpgtd
    OPS 16, psllw, pslld, psllq, psrlw, psrld, psrlq, psraw, psrad
    OPS 16, punpcklbw, punpcklwd, punpckldq, punpcklqdq, punpckhbw, punpckhwd, punpckhdq, punpckhqdq
    OPS 16, packsswb, packssdw, packuswb, packusdw
    OPS 16, pshufb, phaddw, phaddd, phaddsw, phsubw, phsubd
    OPS 16, pmaddubsw, pmulhrsw, psignb, psignw, psignd, pabsb, pabsw, pabsd
    OPS 16, ptest, pcmpeqq, pcmpgtq, pmuldq, pmulld, pminsb, pminsd, pminuw, pminud, pmaxsb, pmaxsd, pmaxuw, pmaxud
    OPS 16, phminposuw
    OPS 16, pblendvb, blendvps, blendvpd, aesenc, aesenclast, aesdec, aesdeclast, aesimc
    OPS_IMM 16, cmpps, cmppd, shufps, shufpd, pshufd, pshuflw, pshufhw, palignr
    OPS_IMM 16, roundps, roundpd, blendps, blendpd, pblendw
    OPS_IMM 16, dpps, dppd, mpsadbw, aeskeygenassist, pclmulqdq
    OP 16, cvtpd2pi mm0, [ebx]
    OP 16, cvttpd2pi mm0, [ebx]
    OPS 1, movups, movupd, movdqu, lddqu, movss, movsd, movq, movd, movlps, movhps, movlpd, movhpd, movddup
    OP 1, movups [ebx], xmm0
    OP 1, movupd [ebx], xmm0
    OP 1, movdqu [ebx], xmm0
    OP 1, movss [ebx], xmm0
    OP 1, movsd [ebx], xmm0
    OP 1, movq [ebx], xmm0
    OP 1, movhps [ebx], xmm0
    OP 1, maskmovdqu xmm0, xmm1
    OPS 1, addss, addsd, mulss, divsd, sqrtss, minss, maxsd, rcpss, rsqrtss, comiss, ucomisd
    OPS 1, cvtps2pd, cvtdq2pd, cvtss2sd, cvtsd2ss, cvtpi2ps, cvtpi2pd
    OPS 1, pmovsxbw, pmovsxbd, pmovsxbq, pmovzxwd, pmovzxwq, pmovzxdq
    OPS_IMM 1, pcmpestri, pcmpestrm, pcmpistri, pcmpistrm, cmpss, cmpsd, pinsrb
    OPS_IMM 1, pinsrw, pinsrd, insertps, roundss, roundsd
    OP 1, cvtps2pi mm0, [ebx]
    OP 1, movq mm0, [ebx]
    OP 1, fld tword [ebx]
    OP 1, ldmxcsr [ebx]
    OP 1, stmxcsr [ebx]
    OP 1, movnti [ebx], eax
    OP 1, clflush [ebx]
    OP 1, prefetcht0 [ebx]
    OP 1, fnsave [ebx]
aligned_ops_end:
    END_OPS

; ac_matrix: operands of each size at 16 addresses, with AM, AC and ring 3 or without: if it is all three, #AC at what
; is not a multiple of what table 6-7 says. FSAVE and FRSTOR may raise it elsewhere, too, because not all of the image
; is aligned.
MAYBE equ 1 << 8
AC_COMBINATIONS equ 58*128 - 2*4 - 2*8
K_AM equ 1 << 4
K_AC equ 1 << 5
K_RING3 equ 1 << 6
ac_matrix:
    call clear_matrix
    mov dword [combination], 0
.next:
    EACH ac_ops
    call usual
    call clear_area
    mov edx, [combination]
    mov eax, edx
    and eax, 15
    lea ecx, [eax + AREA]
    mov [operand], ecx
    movzx ecx, byte [op]
    dec ecx
    mov dword [want], NONE
    mov ebx, edx
    and ebx, K_AM | K_AC | K_RING3
    cmp ebx, K_AM | K_AC | K_RING3
    jne .fits
    mov dword [want], AC0
    test eax, ecx
    jnz .fits
    mov dword [want], NONE
    test dword [op], MAYBE
    jnz .unasked
.fits:
    mov dword [ring], RING0
    test edx, K_RING3
    jz .supervisor
    mov dword [ring], RING3
.supervisor:
    test edx, K_AC
    jz .no_ac
    or dword [flags], AC
.no_ac:
    test edx, K_AM
    jz .no_am
    mov eax, cr0
    or eax, AM
    mov cr0, eax
.no_am:
    fld1
    fld1
    call run
    call judge
.unasked:
    END_EACH
    inc dword [combination]
    cmp dword [combination], 1 << 7
    jb .next
    jmp usual

ac_ops:
    OP 1, mov al, [ebx]
    OP 2, mov ax, [ebx]
    OP 4, mov eax, [ebx]
    OP 4, mov [ebx], eax
    OP 2, movzx eax, word [ebx]
    OP 4, add [ebx], eax
    OP 2, fild word [ebx]
    OP 4, fild dword [ebx]
    OP 8, fild qword [ebx]
    OP 2, fist word [ebx]
    OP 4, fist dword [ebx]
    OP 8, fistp qword [ebx]
    OP 4, fld dword [ebx]
    OP 8, fld qword [ebx]
    OP 8, fld tword [ebx]
    OP 4, fst dword [ebx]
    OP 8, fst qword [ebx]
    OP 8, fstp tword [ebx]
    OP 4, fadd dword [ebx]
    OP 8, fmul qword [ebx]
    OP 2, ficom word [ebx]
    OP 2, fnstcw [ebx]
    OP 2, fnstsw [ebx]
    OP 2, fldcw [ebx]
    OP 4, fnstenv [ebx]
    OP 4, fldenv [ebx]
    OP MAYBE | 4, fnsave [ebx]
    OP MAYBE | 4, frstor [ebx]
    OP 2, o16 fnstenv [ebx]
    OP 2, o16 fldenv [ebx]
    OP MAYBE | 2, o16 fnsave [ebx]
    OP MAYBE | 2, o16 frstor [ebx]
    OP 4, movd mm0, [ebx]
    OP 8, movq mm0, [ebx]
    OP 8, movq [ebx], mm0
    OP 8, paddb mm0, [ebx]
    OP 4, movss xmm0, [ebx]
    OP 4, movss [ebx], xmm0
    OP 8, movsd xmm0, [ebx]
    OP 8, movsd [ebx], xmm0
    OP 4, addss xmm0, [ebx]
    OP 8, addsd xmm0, [ebx]
    OP 4, comiss xmm0, [ebx]
    OP 8, cvtsd2si eax, [ebx]
    OP 4, cvtsi2sd xmm0, dword [ebx]
    OP 4, movd xmm0, [ebx]
    OP 8, movq xmm0, [ebx]
    OP 8, movlpd xmm0, [ebx]
    OP 8, movhpd [ebx], xmm0
    OP 8, movddup xmm0, [ebx]
    OP 2, pinsrw xmm0, [ebx], 1
    OP 1, pinsrb xmm0, [ebx], 1
    OP 4, pinsrd xmm0, [ebx], 1
    OP 4, ldmxcsr [ebx]
    OP 4, stmxcsr [ebx]
    OP 4, movnti [ebx], eax
    OP 1, prefetchnta [ebx]
    OP 1, clflush [ebx]
    END_OPS

; limit_matrix: operands whose last byte is the last one of a segment or the one ahead, and that reach beyond by one
; step or wholly: #GP, or #SS for SS; no state changes.
LIMIT_OPS equ 40
limit_matrix:
    call clear_matrix
    mov dword [ring], RING0
    mov dword [combination], 0
.next:
    mov eax, limit_ops
    cmp dword [by_ss], 0
    je .list
    mov eax, limit_ops_ss
.list:
    EACH eax
    call usual
    mov edi, LIMITED_LAST + 1 - 1024
    mov ecx, 2048/4
    xor eax, eax
    rep stosd
    fld1
    fld1
    fxsave [AREA]
    movzx ecx, word [op]        ; size
    movzx edx, word [op + 2]    ; step
    mov eax, LIMITED_LAST + 1
    cmp dword [combination], 3
    je .beyond
    sub eax, ecx
    mov ebx, [combination]
    dec ebx
    imul ebx, edx
    add eax, ebx
.beyond:
    mov [operand], eax
    mov dword [want], NONE
    cmp dword [combination], 2
    jb .within
    mov dword [want], GP0
    cmp dword [by_ss], 0
    je .within
    mov dword [want], SS0
.within:
    mov ax, LIMITED
    mov fs, ax
    cmp dword [by_ss], 0
    je .run
    mov ss, ax
.run:
    call run
    mov ax, DATA
    mov ss, ax
    cmp dword [got], NONE
    je .judge
    fxsave [AREA + 512]
    mov esi, AREA
    mov edi, AREA + 512
    call same
    cmp eax, -1
    je .judge
    or eax, 0x5f0000            ; state has changed
    mov [got], eax
.judge:
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 4
    jb .next
    jmp usual

%macro LIMITS 1                 ; what the address looks like
    OP 0x10002, fild word %1
    OP 0x10004, fild dword %1
    OP 0x10008, fild qword %1
    OP 0x10004, fld dword %1
    OP 0x10008, fld qword %1
    OP 0x1000a, fld tword %1
    OP 0x1000a, fbld %1
    OP 0x10002, fist word %1
    OP 0x10004, fistp dword %1
    OP 0x10008, fisttp qword %1
    OP 0x10004, fst dword %1
    OP 0x10008, fstp qword %1
    OP 0x1000a, fstp tword %1
    OP 0x1000a, fbstp %1
    OP 0x10004, fadd dword %1
    OP 0x10008, fsub qword %1
    OP 0x10002, fimul word %1
    OP 0x10002, fnstcw %1
    OP 0x10002, fnstsw %1
    OP 0x10002, fldcw %1
    OP 0x1001c, fnstenv %1
    OP 0x1001c, fldenv %1
    OP 0x1006c, fnsave %1
    OP 0x1006c, frstor %1
    OP 0x1000e, o16 fnstenv %1
    OP 0x1000e, o16 fldenv %1
    OP 0x1005e, o16 fnsave %1
    OP 0x1005e, o16 frstor %1
    OP 0x1000200, fxsave %1
    OP 0x1000200, fxrstor %1
    OP 0x10004, movss xmm0, %1
    OP 0x10008, movsd %1, xmm0
    OP 0x10008, movhps xmm0, %1
    OP 0x10010, movups xmm0, %1
    OP 0x10010, movdqu %1, xmm0
    OP 0x100010, movaps xmm0, %1
    OP 0x100010, movntdq %1, xmm0
    OP 0x100010, addps xmm0, %1
    OP 0x10004, ldmxcsr %1
    OP 0x10004, stmxcsr %1
    END_OPS
%endmacro
limit_ops:
    LIMITS [fs:ebx]
limit_ops_ss:
    LIMITS [ebp + 0]

align 8
others:
    dq 0x00c0930000000000 | LIMITED_LAST >> 12
    dw 0xffff, REAL & 0xffff
    db REAL >> 16, 0x9b, 0, 0
others_end:
table: dw LIMITED + others_end - others - 1
    dd TABLE
align 4
checked: dd 0
by_ss: dd 0

; pend_zero prepares a division by zero, by FDIV ST0,ST1, that is not masked.
pend_zero:
    fninit
    fldcw [cw_zero]
    fldz
    fld1
    ret

; pics_on initialises both 8259As, at vectors 20h and 28h, for IRQ 13 alone.
pics_on:
    mov esi, .commands
    mov ecx, 10
.next:
    movzx edx, byte [esi]
    mov al, [esi + 1]
    out dx, al
    add esi, 2
    loop .next
    mov edi, idt64 + 16*0x2d
    mov eax, irq13
    mov ebx, 0x8e00
    jmp set_gate64
.commands:
    db 0x20, 0x11, 0xa0, 0x11, 0x21, 0x20, 0xa1, 0x28, 0x21, 4, 0xa1, 2, 0x21, 1, 0xa1, 1, 0x21, 0xfb, 0xa1, 0xdf

load_xmm:
%assign n 0
%rep 8
    movaps xmm %+ n, [xmm_values + 16*n]
%assign n n+1
%endrep
    ret

; tags_matrix: FXRSTOR of each abridged tag word and TOP: FNSTENV's tags tell what the registers hold, FXSAVE has the
; same.
tags_matrix:
    call clear_matrix
    mov dword [combination], 0
    mov dword [number], 0
.next:
    mov edi, AREA2
    mov ecx, 512/4
    xor eax, eax
    rep stosd
    mov dword [AREA2], 0x37f
    mov dword [AREA2 + 24], 0x1f80
    movzx ecx, byte [combination + 1]
    mov eax, ecx
    shl eax, 11
    mov [AREA2 + 2], ax
    mov al, [combination]
    mov [AREA2 + 4], al
    xor edx, edx                ; number of the register
    mov dword [want], 0
.register:
    mov ebx, edx
    sub ebx, ecx
    and ebx, 7
    shl ebx, 4                  ; its place
    mov eax, edx
    shl eax, 4
    mov esi, [contents + eax]
    mov [AREA2 + 32 + ebx], esi
    mov esi, [contents + eax + 4]
    mov [AREA2 + 36 + ebx], esi
    mov si, [contents + eax + 8]
    mov [AREA2 + 40 + ebx], si
    movzx eax, byte [contents + eax + 10]
    bt [combination], edx
    jc .used
    mov eax, 3
.used:
    push ecx
    lea ecx, [edx + edx]
    shl eax, cl
    pop ecx
    or [want], eax
    inc edx
    cmp edx, 8
    jb .register
    fxrstor [AREA2]
    fxsave [AREA]
    fnstenv [AREA + 512]
    mov ax, [AREA + 512 + 8]
    mov [got], ax
    mov al, [AREA + 4]
    sub al, [combination]
    mov [got + 2], al
    mov byte [got + 3], 0
    call judge
    inc dword [combination]
    cmp dword [combination], 8*256
    jb .next
    jmp usual

align 16
contents:                       ; numbers, and their tags
    dq 0x8000000000000000, 0x00003fff
    dq 0, 0x00018000
    dq 0x8000000000000000, 0x00027fff
    dq 0xc000000000000000, 0x00027fff
    dq 1, 0x00020000
    dq 0x4000000000000000, 0x00023fff
    dq 0x8000000000000000, 0x00020000
    dq 0xffffffffffffffff, 0x0000fffe

; mxcsr_matrix: each bit by LDMXCSR (0 to 31) and by FXRSTOR (32 and up): #GP if MXCSR_MASK does not have it.
mxcsr_matrix:
    call clear_matrix
    call usual
    fxsave [AREA]
    mov ecx, [AREA + 28]
    test ecx, ecx
    jnz .mask
    mov ecx, 0xffbf
.mask:
    mov [raised], ecx
    mov dword [combination], 0
    mov dword [number], 0
.next:
    ldmxcsr [mxcsr_usual]
    mov ecx, [combination]
    and ecx, 31
    mov eax, 1
    shl eax, cl
    mov [AREA + 24], eax
    mov dword [want], NONE
    test eax, [raised]
    jnz .good
    mov dword [want], GP0
.good:
    TRY
    cmp dword [combination], 32
    jae .image
    ldmxcsr [AREA + 24]
    jmp .loaded
.image:
    fxrstor [AREA]
.loaded:
    END_TRY
    call outcome
    stmxcsr [mxcsr_after]
    cmp dword [got], NONE
    jne .judge
    mov eax, [mxcsr_after]
    cmp eax, [AREA + 24]
    je .judge
    mov [got], eax
.judge:
    call judge
    inc dword [combination]
    cmp dword [combination], 64
    jb .next
    jmp usual

; paging_on: 4 MiB one to one, and two pages at CROSS
CROSS equ 0x400000
CROSS2 equ CROSS + 0x1000
PT equ LEGACY + 0x1000
paging_on:
    mov edi, LEGACY
    mov ecx, 2048
    xor eax, eax
    rep stosd
    mov dword [LEGACY], 0x83
    mov dword [LEGACY + 4], PT | 3
    mov eax, cr4
    or eax, 0x10                ; PSE
    mov cr4, eax
    mov eax, LEGACY
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    ret

; cross_matrix: operands across two pages the first (0) or second (1) of which is not there, or neither is missing (2):
; the error code, CR2, and no state changes where one operand is all there is to read.
CROSS_OPS equ 37
X_WRITES equ 1 << 16
X_LOADS equ 1 << 17             ; state that is spread over the operand
cross_matrix:
    call clear_matrix
    mov dword [ring], RING0
    mov dword [combination], 0
.next:
    EACH cross_ops
    call usual
    mov dword [PT], 0x280003
    mov dword [PT + 4], 0x281003
    mov eax, cr3
    mov cr3, eax
    mov edi, CROSS2 - 512
    mov ecx, 1024/4
    xor eax, eax
    rep stosd
    fld1
    fld1
    fxsave [AREA]
    mov eax, CROSS2
    movzx ecx, word [op]
    sub eax, ecx
    mov [operand], eax
    mov ecx, [combination]
    mov dword [want], NONE
    cmp ecx, 2
    je .there
    mov dword [PT + 4*ecx], 0
    mov edx, cr3
    mov cr3, edx
    mov dword [want], 14
    test dword [op], X_WRITES
    jz .there
    mov dword [want], 14 | 2 << 16
.there:
    xor edx, edx
    mov cr2, edx
    call run
    mov eax, [got]
    cmp eax, [want]
    jne .judge
    cmp dword [combination], 2
    je .judge
    mov ecx, CROSS2
    cmp dword [combination], 1
    je .address
    mov ecx, [operand]
.address:
    mov eax, cr2
    cmp eax, ecx
    mov [got], eax              ; CR2 if that is wrong
    jne .judge
    mov eax, [want]
    mov [got], eax
    test dword [op], X_LOADS
    jnz .judge
    fxsave [AREA + 512]
    mov esi, AREA
    mov edi, AREA + 512
    call same
    cmp eax, -1
    je .judge
    or eax, 0x5f0000            ; state has changed
    mov [got], eax
.judge:
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 3
    jb .next
    jmp usual

cross_ops:                      ; how many bytes lie in the first page
    OP 1, fild word [ebx]
    OP 3, fild dword [ebx]
    OP 5, fild qword [ebx]
    OP 2, fld dword [ebx]
    OP 4, fld qword [ebx]
    OP 8, fld tword [ebx]
    OP 9, fbld [ebx]
    OP 1, fadd dword [ebx]
    OP 7, fdivr qword [ebx]
    OP 1, ficomp word [ebx]
    OP X_WRITES | 1, fistp word [ebx]
    OP X_WRITES | 3, fisttp dword [ebx]
    OP X_WRITES | 2, fst dword [ebx]
    OP X_WRITES | 6, fstp qword [ebx]
    OP X_WRITES | 8, fstp tword [ebx]
    OP X_WRITES | 1, fbstp [ebx]
    OP X_WRITES | 1, fnstcw [ebx]
    OP X_WRITES | 1, fnstsw [ebx]
    OP 1, fldcw [ebx]
    OP X_WRITES | 12, fnstenv [ebx]
    OP X_WRITES | 7, o16 fnstenv [ebx]
    OP X_WRITES | 28, fnsave [ebx]
    OP X_WRITES | 93, o16 fnsave [ebx]
    OP X_LOADS | 12, fldenv [ebx]
    OP X_LOADS | 64, frstor [ebx]
    OP X_WRITES | 256, fxsave [ebx]
    OP X_LOADS | 16, fxrstor [ebx]
    OP X_LOADS | 4, movq mm0, [ebx]
    OP X_LOADS | X_WRITES | 4, movq [ebx], mm0
    OP 2, movss xmm0, [ebx]
    OP X_WRITES | 4, movsd [ebx], xmm0
    OP 5, movups xmm0, [ebx]
    OP X_WRITES | 15, movdqu [ebx], xmm0
    OP 7, cvtsd2si eax, [ebx]
    OP 4, addsd xmm0, [ebx]
    OP 2, ldmxcsr [ebx]
    OP X_WRITES | 2, stmxcsr [ebx]
    END_OPS

; xsave_matrix: XSAVE and XRSTOR in rings 0 and 3, for all EM, MP and TS, with and without OSXSAVE: #UD without, else
; #NM by TS.
xsave_matrix:
    call clear_matrix
    mov dword [combination], 0  ; EM, MP and TS in bits 1 to 3, OSXSAVE in bit 4, ring 3 in bit 5
.next:
    EACH xsave_ops
    call usual
    call clear_area
    mov dword [operand], AREA
    mov eax, [combination]
    mov edx, cr4
    and edx, ~OSXSAVE
    mov dword [want], UD
    test eax, 1 << 4
    jz .off
    or edx, OSXSAVE
    mov dword [want], NONE
    test eax, TS
    jz .off
    mov dword [want], NM
.off:
    mov cr4, edx
    mov ecx, eax
    shr ecx, 5
    mov [ring], ecx
    call set_cr0
    call run
    call judge
    END_EACH
    add dword [combination], MP
    cmp dword [combination], 1 << 6
    jb .next
    mov eax, cr4
    and eax, ~OSXSAVE
    mov cr4, eax
    jmp usual

xsave_ops:
    OP 0, xsave [ebx]
    OP 0, xrstor [ebx]
    END_OPS

xalign_matrix:
    call clear_matrix
    mov eax, cr4
    or eax, OSXSAVE
    mov cr4, eax
    mov dword [combination], 0
.next:
    EACH xsave_ops
    call clear_area
    mov eax, [combination]
    lea ecx, [AREA + eax]
    mov [operand], ecx
    mov dword [want], NONE
    test eax, 63
    jz .aligned
    mov dword [want], GP0
.aligned:
    call run
    call judge
    END_EACH
    add dword [combination], 4
    cmp dword [combination], 64
    jb .next
    mov eax, cr4
    and eax, ~OSXSAVE
    mov cr4, eax
    jmp usual

clear_header:
    mov edi, AREA + 512
    mov ecx, 64/4
    xor eax, eax
    rep stosd
    ret

; canonical_matrix, in 64-bit mode: operands that end at the last canonical address of the lower half (0: a page that
; is not there), that reach beyond by one step (1), that lie beyond it (2) and that lie below the upper half (3): #GP,
; or #SS by RBP.
CANONICAL_OPS equ 56
HIGH equ 0xffff800000000000
BY_SS equ 1 << 12
canonical_matrix:
    call clear_matrix
    call usual
    mov dword [ring], LONG0
    mov dword [combination], 0
.next:
    EACH canonical_ops
    call usual
    fld1
    fld1
    mov eax, [op]
    and eax, 0xfff              ; size
    movzx ecx, word [op + 2]    ; step
    xor edx, edx
    sub edx, eax
    mov dword [operand + 4], 0x7fff
    cmp dword [combination], 1
    jb .placed
    lea edx, [edx + ecx]
    je .placed_second
    xor edx, edx
    mov dword [operand + 4], 0x8000
    cmp dword [combination], 2
    je .placed
    sub edx, ecx
    mov dword [operand + 4], 0xffff7fff
    jmp .placed
.placed_second:
    test edx, edx
    jnz .placed                 ; one step is the whole operand
    mov dword [operand + 4], 0x8000
.placed:
    mov [operand], edx
    mov dword [want], 14
    cmp dword [combination], 0
    je .run
    mov dword [want], GP0
    test dword [op], BY_SS
    jz .run
    mov dword [want], SS0
.run:
    call run
    cmp dword [combination], 0
    jne .judge
    and dword [got], 0xffff     ; the vector alone
.judge:
    call judge
    END_EACH
    inc dword [combination]
    cmp dword [combination], 4
    jb .next
    mov dword [operand + 4], 0
    ret

%macro CANONICALS 2             ; what the address looks like, BY_SS or 0
    OP %2 | 0x10002, fild word %1
    OP %2 | 0x10004, fild dword %1
    OP %2 | 0x10008, fld qword %1
    OP %2 | 0x1000a, fld tword %1
    OP %2 | 0x1000a, fbstp %1
    OP %2 | 0x10004, fst dword %1
    OP %2 | 0x10008, fistp qword %1
    OP %2 | 0x10004, fadd dword %1
    OP %2 | 0x10002, fnstcw %1
    OP %2 | 0x10002, fldcw %1
    OP %2 | 0x1001c, fnstenv %1
    OP %2 | 0x1006c, fnsave %1
    OP %2 | 0x1006c, frstor %1
    OP %2 | 0x1000200, fxsave %1
    OP %2 | 0x1000200, fxrstor %1
    OP %2 | 0x10008, movq mm0, %1
    OP %2 | 0x10008, movq %1, mm0
    OP %2 | 0x10004, movss xmm0, %1
    OP %2 | 0x10008, movsd %1, xmm0
    OP %2 | 0x10010, movups xmm0, %1
    OP %2 | 0x10010, movdqu %1, xmm0
    OP %2 | 0x100010, movaps xmm0, %1
    OP %2 | 0x100010, movntdq %1, xmm0
    OP %2 | 0x100010, mulpd xmm0, %1
    OP %2 | 0x10008, cvtps2pd xmm0, %1
    OP %2 | 0x10004, ldmxcsr %1
    OP %2 | 0x10004, stmxcsr %1
    OP %2 | 0x10004, movnti %1, eax
%endmacro
canonical_ops:
    CANONICALS [ebx], 0
    CANONICALS [ebp + 0], BY_SS
    END_OPS

bits 64
irq13:
    push rax
    inc dword [irqs]
    xor eax, eax
    fnstsw ax
    and eax, SUMMARY | B
    mov [seen_status], eax
    mov al, 0
    out 0xf0, al
    fld1
    fstp st0
    mov dword [went_on], 1
    fnclex
    mov al, 0x20
    out 0xa0, al
    out 0x20, al
    pop rax
    iretq

load_xmm64:
%assign n 0
%rep 16
    movaps xmm %+ n, [xmm_values + 16*n]
%assign n n+1
%endrep
    ret
divide64:
    fidiv dword [rbx]
    ret
bits 32

align 16
xmm_values:
%assign n 0
%rep 16
    dd 0x01010101*n + 0x01010100, 0x11111111*n, n, ~n
%assign n n+1
%endrep
some_bytes: db 0x80, 0x7f, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80
mxcsr_other: dd 0x7fa5
mxcsr_sticky: dd 0x003f
mxcsr_none: dd 0
mxcsr_daz: dd 0x1f80 | DAZ
mxcsr_fz: dd 0x1f80 | FZ
mxcsr_fz_unmasked: dd 0x1780 | FZ
irqs: dd 0
went_on: dd 0
seen_status: dd 0

align 16
denormal80: dq 1
    dw 0
large80: dq 0xc000000000000001
    dw 0x7ffe
small80: dq 0xc000000000000001
    dw 0x0001
align 8
three: dd 3.0
cw_zero: dw 0x37b
cw_more: dw 0x27f
cw_invalid: dw 0x37e
cw: dw 0
align 4
pointers: dd 0
operands: dd 0
real_esp: dd 0
mxcsr_usual: dd 0x1f80
mxcsr: dd 0
mxcsr_after: dd 0
status: dd 0
raised: dd 0

ring: dd 0
flags: dd 2
operand: dq 0
snippet: dd 0
entry: dd 0
number: dd 0
op: dd 0
combination: dd 0
want: dd 0
got: dd 0
bad: dd 0
tried: dd 0
first: dd 0
first_got: dd 0
first_want: dd 0

    FINISH
