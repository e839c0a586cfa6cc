; A run for engines to hand over to each other: sums that depend on every instruction, on x87 and SSE registers and on
; memory, in protected mode, in long mode and in 64-bit ring 3, while a timer interrupts. A Multiboot kernel that tells the
; sums on COM1, always the same, and ends through the debug-exit port. Its command line is not looked at.
%include "env.inc"

ROUNDS equ 20000

; TELL name, value
%macro TELL 2
    push dword %2
    mov edi, %%name
    call say
    pop eax
    call hex
    mov edi, newline
    call say
    jmp %%over
%%name: db %1, " ", 0
%%over:
%endmacro

; STEP: one round of the sums in EAX, ST0 and XMM0, and in [table]
%macro STEP 0
    imul eax, eax, 1664525
    add eax, 1013904223
    mov edx, eax
    shr edx, 24
    add [table + edx*4], eax
    fadd st0, st1
    paddd xmm0, xmm1
%endmacro

    BEGIN

    mov al, 0xff                ; the BIOS's timer is not wanted
    out 0x21, al
    out 0xa1, al
    fldpi
    fldz
    mov dword [APIC + 0xf0], 0x1ff
    mov dword [APIC + 0x3e0], 0xb
    mov dword [APIC + 0x320], 0x20050 ; again and again
    mov dword [APIC + 0x380], 100000
    movups xmm1, [pattern]
    xorps xmm0, xmm0
    mov eax, 1
    mov ecx, ROUNDS
    sti
protected:
    STEP
    dec ecx
    jnz protected
    cli
    mov [sum], eax
    TELL "protected mode", [sum]

    GO_LONG
    LONG
    mov eax, [sum]
    mov ecx, ROUNDS
    sti
long_mode:
    STEP
    dec ecx
    jnz long_mode
    cli
    mov [sum], eax
    push USERDATA
    push user_top
    push 2
    push USERCODE64
    push user
    iretq
user:
    mov r8d, ROUNDS * 10
.again:
    STEP
    dec r8d
    jnz .again
    mov [sum + 4], eax
    hlt                         ; not in ring 3: #GP, which leads back
    END_LONG
    TELL "long mode", [sum]
    TELL "ring 3", [sum + 4]
    fistp qword [result]
    TELL "x87", [result]
    movups [result], xmm0
    TELL "SSE", [result + 12]
    xor ebx, ebx
    mov ecx, 256
add_up:
    add ebx, [table + ecx*4 - 4]
    rol ebx, 1
    loop add_up
    mov [result], ebx
    TELL "memory", [result]
    cmp dword [locals], 1
    sbb eax, eax
    mov [result], eax
    TELL "no ticks", [result]

    END

align 16
pattern: dd 1, 3, 5, 7
result: dd 0, 0, 0, 0
sum: dd 0, 0
table: times 256 dd 0

    FINISH
