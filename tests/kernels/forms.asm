; Instructions that no other proof reaches: what the host's processor cannot be asked about (descriptor tables, segment
; registers, extended state, system calls), and x87 functions, against the manual. A Multiboot kernel that says PASS or FAIL
; on COM1 for each check and ends through the debug-exit port: 0, or the number of failures. Its processor is "max".
%include "env.inc"

ONE equ __?float32?__(1.0)
QUARTER equ __?float32?__(0.25)

; REAL name, value: ST0, popped, is the 64-bit real number within one unit of its last place
%macro REAL 2
    fstp qword [buffer]
    mov eax, [buffer]
    mov edx, [buffer + 4]
    sub eax, [%%want]
    sbb edx, [%%want + 4]
    add eax, 1
    adc edx, 0
    cmp eax, 3
    sbb eax, eax
    or edx, edx
    jz %%near
    xor eax, eax
%%near:
    mov [buffer], eax
    IS %1, [buffer], -1
    jmp %%after
align 8
%%want: dq %2
%%after:
%endmacro

    BEGIN

    ; Descriptor-table registers (SDM volume 2: SGDT, SIDT, SLDT, SMSW).
    sgdt [buffer]
    movzx eax, word [buffer]
    IS "SGDT stores the limit", eax, gdt_end - gdt - 1
    IS "SGDT stores the base", [buffer + 2], gdt
    sidt [buffer]
    movzx eax, word [buffer]
    IS "SIDT stores the limit", eax, 8*0x100 - 1
    IS "SIDT stores the base", [buffer + 2], idt
    mov eax, -1
    sldt ax
    IS "SLDT to a 16-bit register", eax, 0xffff0000
    smsw ax
    and eax, 0x3f
    IS "SMSW stores CR0", eax, 0x33

    ; Segment registers.
    mov dword [buffer], 0x12345678
    mov word [buffer + 4], DATA
    xor ebx, ebx
    lfs ebx, [buffer]
    IS "LFS loads the offset", ebx, 0x12345678
    mov eax, fs
    IS "LFS loads FS", eax, DATA
    lgs ebx, [buffer]
    mov eax, gs
    IS "LGS loads GS", eax, DATA
    mov [buffer], esp
    lss esp, [buffer]
    mov eax, ss
    IS "LSS loads SS", eax, DATA
    mov word [buffer + 4], USERCODE
    TRY
    lss esp, [buffer]
    END_TRY
    FAULTS "LSS of code", 13, USERCODE & ~3
    push fs                     ; processors differ in the upper half
    pop eax
    movzx eax, ax
    IS "PUSH FS", eax, DATA
    push gs
    pop eax
    movzx eax, ax
    IS "PUSH GS", eax, DATA
    push dword 0
    pop fs
    mov eax, fs
    IS "POP FS", eax, 0
    push dword 0
    pop gs
    mov eax, gs
    IS "POP GS", eax, 0
    TRY
    push dword 0x200
    pop gs
    END_TRY
    FAULTS "POP GS beyond the GDT", 13, 0x200

    ; Exceptions of their own.
    TRY
    db 0xf1
.icebp:
    nop
    END_TRY
    IS "INT1 is #DB", [vector], 1
    IS "INT1 is a trap", [ret_eip], .icebp
    TRY
    ud0 eax, ecx
    END_TRY
    IS "UD0 is #UD", [vector], 6
    TRY
    monitor
    END_TRY
    IS "MONITOR, which CPUID does not tell of, is #UD", [vector], 6
    TRY
    mwait
    END_TRY
    IS "MWAIT likewise", [vector], 6
    TRY
    xor ecx, ecx
    db 0x0f, 0x01, 0xee         ; RDPKRU
    END_TRY
    IS "RDPKRU likewise", [vector], 6
    TRY
    xor ecx, ecx
    xor edx, edx
    db 0x0f, 0x01, 0xef         ; WRPKRU
    END_TRY
    IS "WRPKRU likewise", [vector], 6
    TRY
    mov ecx, 0x3fffffff
    rdpmc
    END_TRY
    FAULTS "RDPMC of a counter that does not exist", 13, 0

    ; SYSENTER and SYSEXIT. Their selectors are those of the GDT from 08h on.
    mov ecx, 0x174
    mov eax, CODE
    xor edx, edx
    wrmsr
    mov ecx, 0x175
    mov eax, ring0_top
    wrmsr
    mov ecx, 0x176
    mov eax, entered
    wrmsr
    TRY
    mov ecx, user_top
    mov edx, sysuser
    sysexit
    END_TRY
    IS "SYSEXIT leads to ring 3, at CS + 16", [said], CODE + 16 | 3
    IS "with SS behind it", [said + 4], CODE + 24 | 3
    IS "SYSENTER leads to ring 0", [buffer], CODE
    IS "on the stack of its MSR", [buffer + 4], ring0_top
    mov ecx, 0x174
    xor eax, eax
    xor edx, edx
    wrmsr
    TRY
    sysexit
    END_TRY
    FAULTS "SYSEXIT without IA32_SYSENTER_CS", 13, 0

    ; Counters and random numbers.
    mov ecx, 0xc0000103
    mov eax, 0x1234
    xor edx, edx
    wrmsr
    rdtscp
    IS "RDTSCP gives IA32_TSC_AUX", ecx, 0x1234
    rdpid eax
    IS "RDPID gives it, too", eax, 0x1234
    stc
    rdrand eax
    sbb ebx, ebx
    IS "RDRAND succeeds", ebx, -1
    rdrand ecx
    xor eax, ecx
    cmp eax, 1
    sbb eax, eax
    mov [buffer], eax
    IS "RDRAND gives another number", [buffer], 0
    rdseed eax
    sbb ebx, ebx
    IS "RDSEED succeeds", ebx, -1

    ; x87 functions: within one unit of the last place of a 64-bit number.
    fld1
    fldl2e
    fyl2x
    REAL "FYL2X: log2 e", 0.5287663729448977
    fld qword [half]
    f2xm1
    REAL "F2XM1: sqrt 2 - 1", 0.41421356237309503
    fld1
    fptan
    fstp st0
    REAL "FPTAN: tan 1", 1.5574077246549023
    fld1
    fld1
    fpatan
    REAL "FPATAN: pi / 4", 0.7853981633974483
    fld1
    fld qword [eighth]
    fyl2xp1
    REAL "FYL2XP1: log2 1.125", 0.16992500144231237
    fld1
    fsin
    REAL "FSIN: sin 1", 0.8414709848078965
    fld1
    fcos
    REAL "FCOS: cos 1", 0.5403023058681398
    fld1
    fsincos
    REAL "FSINCOS: the cosine on top", 0.5403023058681398
    REAL "FSINCOS: the sine below", 0.8414709848078965

    ; Approximations: exact by the choice of one, within 1.5 * 2^-12 by the manual.
    movups xmm0, [quarters]
    rcpps xmm1, xmm0
    movups [buffer], xmm1
    mov eax, [buffer + 4]
    shr eax, 12
    IS "RCPPS: 1 / 0.25", eax, 0x40800000 >> 12
    movups xmm1, [ones]
    rcpss xmm1, xmm0
    movups [buffer], xmm1
    mov eax, [buffer]
    shr eax, 12
    IS "RCPSS: 1 / 0.25", eax, 0x40800000 >> 12
    IS "and leaves the rest", [buffer + 4], ONE
    rsqrtps xmm1, xmm0
    movups [buffer], xmm1
    mov eax, [buffer + 12]
    shr eax, 12
    IS "RSQRTPS: 1 / sqrt 0.25", eax, 0x40000000 >> 12
    movups xmm1, [ones]
    rsqrtss xmm1, xmm0
    movups [buffer], xmm1
    mov eax, [buffer]
    shr eax, 12
    IS "RSQRTSS: 1 / sqrt 0.25", eax, 0x40000000 >> 12
    IS "and leaves the rest, too", [buffer + 8], ONE

    ; Extended state (SDM volume 1, chapter 13).
    mov eax, cr4
    or eax, 0x40000             ; OSXSAVE
    mov cr4, eax
    xor ecx, ecx
    xgetbv
    IS "XCR0 after reset", eax, 1
    mov eax, 3
    xor edx, edx
    xsetbv
    xgetbv
    IS "XGETBV reads what XSETBV wrote", eax, 3
    TRY
    mov eax, 2                  ; SSE without x87
    xsetbv
    END_TRY
    FAULTS "XSETBV of an impossible value", 13, 0
    fninit
    fld1
    movups xmm2, [quarters]
    fxsave [area]
    fninit
    xorps xmm2, xmm2
    fxrstor [area]
    movups [buffer], xmm2
    IS "FXRSTOR restores XMM registers", [buffer], QUARTER
    fistp dword [buffer]
    IS "FXRSTOR restores x87 registers", [buffer], 1
    call clear_area
    fldpi
    movups xmm2, [ones]
    mov eax, 3
    xor edx, edx
    xsave [area]
    IS "XSAVE tells which components it saved", [area + 512], 3
    IS "XSAVE saves XMM2", [area + 160 + 32], ONE
    fninit
    xorps xmm2, xmm2
    mov eax, 3
    xor edx, edx
    xrstor [area]
    movups [buffer], xmm2
    IS "XRSTOR restores XMM2", [buffer + 8], ONE
    fistp dword [buffer]
    IS "XRSTOR restores ST0", [buffer], 3
    mov dword [area + 512], 1   ; SSE in its initial configuration
    movups xmm2, [ones]
    mov eax, 3
    xor edx, edx
    xrstor [area]
    movups [buffer], xmm2
    IS "XRSTOR makes components initial that are not there", [buffer], 0
    mov dword [area + 512], 4
    TRY
    mov eax, 3
    xor edx, edx
    xrstor [area]
    END_TRY
    FAULTS "XRSTOR of a component that XCR0 does not have", 13, 0
    call clear_area
    fninit
    movups xmm2, [ones]
    mov dword [area + 160], 0x55
    mov eax, 3
    xor edx, edx
    xsaveopt [area]
    IS "XSAVEOPT saves what is in use", [area + 160 + 32], ONE
    mov eax, [area + 512]
    and eax, 2
    IS "XSAVEOPT tells of it", eax, 2
    call clear_area
    mov eax, 2
    xor edx, edx
    xsavec [area]
    IS "XSAVEC: the compacted format", [area + 524], 0x80000000
    IS "XSAVEC: its components", [area + 520], 2
    IS "XSAVEC saves XMM2", [area + 160 + 32], ONE
    TRY
    xsaves [area]
    END_TRY
    IS "XSAVES, which CPUID does not tell of, is #UD", [vector], 6
    TRY
    xrstors [area]
    END_TRY
    IS "XRSTORS likewise", [vector], 6

    ; Bases of FS and GS, in 64-bit mode with CR4.FSGSBASE.
    GO_LONG
    LONG
    rdfsbase rax
    END_LONG
    IS "RDFSBASE without CR4.FSGSBASE", [vector], 6
    LONG
    mov rax, cr4
    or rax, 0x10000
    mov cr4, rax
    mov rax, 0x123456789abc
    wrfsbase rax
    rdfsbase rbx
    mov [said], rbx
    END_LONG
    IS "WRFSBASE and RDFSBASE, low", [said], 0x56789abc
    IS "WRFSBASE and RDFSBASE, high", [said + 4], 0x1234
    LONG
    mov rax, 0x7654321089ab
    wrgsbase rax
    xor ebx, ebx
    rdgsbase rbx
    mov [said], rbx
    END_LONG
    IS "WRGSBASE and RDGSBASE", [said + 4], 0x7654
    LONG
    mov rax, 0x800000000000
    wrgsbase rax
    END_LONG
    FAULTS "WRGSBASE of a non-canonical address", 13, 0
    LONG
    mov eax, buffer
    wrfsbase rax
    mov dword [buffer + 8], 0x0badcafe
    mov eax, [fs:8]
    mov [said], eax
    END_LONG
    IS "and FS means it", [said], 0x0badcafe

    END

clear_area:
    mov edi, area
    mov ecx, 576 / 4
    xor eax, eax
    rep stosd
    ret

sysuser:
    mov eax, cs
    mov ebx, ss
    mov cx, USERDATA
    mov ds, cx
    mov [said + 4], ebx
    mov [said], eax
    sysenter
entered:
    mov eax, cs
    mov [buffer], eax
    mov [buffer + 4], esp
    mov cx, DATA
    mov ss, cx
    mov ds, cx
    mov es, cx
    mov esp, [resume_esp]
    jmp [resume]

align 64
area: times 1024 db 0
half: dq 0.5
eighth: dq 0.125
align 16
quarters: dd 0.25, 0.25, 0.25, 0.25
ones: dd 1.0, 1.0, 1.0, 1.0

    FINISH
