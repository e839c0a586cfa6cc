; A run for engines to hand over to each other: sums that depend on every instruction, on x87 and SSE registers and on
; memory, in protected mode, in long mode and in 64-bit ring 3, while a timer interrupts. A Multiboot kernel that tells the
; sums on COM1, always the same, and ends through the debug-exit port. Its command line is not looked at.
bits 32
org 0x100000

CODE equ 0x08
DATA equ 0x10
CODE64 equ 0x18
USERDATA equ 0x28 | 3
USERCODE64 equ 0x30 | 3
TSS equ 0x38

APIC equ 0xfee00000
TABLES equ 0x200000
ROUNDS equ 20000

%include "report.inc"

header:
    dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
    dd header, header, file_end, bss_end, start

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

start:
    cli
    cld
    mov esp, stack_top
    lgdt [gdtr]
    jmp CODE:.loaded
.loaded:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, tick
    mov edi, idt + 8*0x50
    mov [edi], ax
    mov word [edi + 2], CODE
    mov word [edi + 4], 0x8e00
    shr eax, 16
    mov [edi + 6], ax
    lidt [idtr]
    mov eax, cr4
    or eax, 0x600
    mov cr4, eax
    mov eax, cr0
    and eax, ~4
    or eax, 0x22
    mov cr0, eax
    mov al, 0xff                ; the BIOS's timer is not wanted
    out 0x21, al
    out 0xa1, al
    fninit
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
.protected:
    STEP
    dec ecx
    jnz .protected
    cli
    mov [sum], eax
    TELL "protected mode", [sum]

    mov edi, TABLES
    xor eax, eax
    mov ecx, 0x4000 / 4
    rep stosd
    mov dword [TABLES], TABLES + 0x1007
    mov dword [TABLES + 0x1000], TABLES + 0x2007
    mov dword [TABLES + 0x1000 + 24], TABLES + 0x3007
    mov dword [TABLES + 0x2000], 0x87
    mov dword [TABLES + 0x2000 + 8], 0x200087
    mov dword [TABLES + 0x3000 + 8*(APIC >> 21 & 511)], (APIC & 0xffe00000) | 0x9b
    mov eax, TABLES
    mov cr3, eax
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x101
    wrmsr
    mov edi, idt + 16*0x50
    mov eax, tick64
    mov [edi], ax
    mov word [edi + 2], CODE64
    mov word [edi + 4], 0x8e00
    shr eax, 16
    mov [edi + 6], ax
    mov dword [edi + 8], 0
    mov edi, idt + 16*13
    mov eax, back
    mov [edi], ax
    mov word [edi + 2], CODE64
    mov word [edi + 4], 0x8e00
    shr eax, 16
    mov [edi + 6], ax
    mov dword [edi + 8], 0
    lidt [idtr64]
    mov dword [tss + 4], ring0_top
    mov ax, TSS
    ltr ax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp CODE64:long_mode
bits 64
long_mode:
    mov eax, [sum]
    mov ecx, ROUNDS
    sti
.again:
    STEP
    dec ecx
    jnz .again
    cli
    mov [sum], eax
    mov [kernel_rsp], rsp
    mov eax, [sum]
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
    hlt                         ; not in ring 3: #GP, which leads back
back:
    mov rsp, [kernel_rsp]
    mov [sum + 4], eax
    mov edx, DATA
    mov ss, edx
    mov ds, edx
    mov es, edx
    push CODE
    push told
    retfq
bits 32
told:
    TELL "long mode", [sum]
    TELL "ring 3", [sum + 4]
    fistp qword [result]
    TELL "x87", [result]
    movups [result], xmm0
    TELL "SSE", [result + 12]
    xor ebx, ebx
    mov ecx, 256
.table:
    add ebx, [table + ecx*4 - 4]
    rol ebx, 1
    loop .table
    mov [result], ebx
    TELL "memory", [result]
    cmp dword [ticks], 1
    sbb eax, eax
    mov [result], eax
    TELL "no ticks", [result]
    xor eax, eax
    out 0xf4, al
    cli
    hlt

tick:
    inc dword [ticks]
    mov dword [APIC + 0xb0], 0
    iret

bits 64
tick64:
    inc dword [ticks]
    push rax
    mov rax, APIC
    mov dword [rax + 0xb0], 0
    pop rax
    iretq
bits 32

REPORT_CODE

align 16
pattern: dd 1, 3, 5, 7
gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
    dq 0x00af9b000000ffff
    dq 0x00cffb000000ffff
    dq 0x00cff3000000ffff
    dq 0x00affb000000ffff
    dw 0x67
    dw tss - $$ + 0x100000 & 0xffff
    db (tss - $$ + 0x100000) >> 16, 0x89, 0, 0
    dq 0
gdt_end:
gdtr: dw gdt_end - gdt - 1
    dd gdt
idtr: dw 8*0x60 - 1
    dd idt
idtr64: dw 16*0x60 - 1
    dd idt
align 8
tss:
    times 0x64 db 0
    dd 0x680000
file_end:

absolute file_end - $$ + 0x100000
alignb 16
sum: resd 2
result: resd 4
kernel_rsp: resq 1
ticks: resd 1
failures: resd 1
alignb 16
table: resd 256
idt: resb 16*0x60
stack: resb 4096
stack_top:
    resb 4096
ring0_top:
    resb 4096
user_top:
bss_end:
