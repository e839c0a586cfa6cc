; What an engine has to get right to run a guest at all: ports, registers in memory, interrupts, faults, rings, debug
; exceptions and processor state, in protected and long mode. A Multiboot kernel that says PASS or FAIL on COM1 for
; each check and ends through the debug-exit port: 0, or the number of failures. Its processor is x86-64 at least.
bits 32
org 0x100000

CODE equ 0x08
DATA equ 0x10
CODE64 equ 0x18
USERCODE equ 0x20 | 3           ; 32-bit
USERDATA equ 0x28 | 3
USERCODE64 equ 0x30 | 3
TSS equ 0x38                    ; 16 bytes long

APIC equ 0xfee00000
TABLES equ 0x200000             ; page tables, all of it written before use
LEGACY equ TABLES + 0x8000      ; of 32-bit paging
HOLE equ 0x400000               ; 4 KiB pages: not present
READONLY equ 0x401000

%include "report.inc"

header:
    dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
    dd header, header, file_end, bss_end, start

; TRY runs instructions up to END_TRY; the first exception ends them. [vector] is -1 if there was none.
%macro TRY 0
%push try
    mov dword [resume], %$end
    mov [resume_esp], esp
    mov dword [vector], -1
    mov dword [errcode], -1
%endmacro
%macro END_TRY 0
%$end:
%pop
%endmacro

%macro FAULTS 3
    IS {%1, ": vector"}, [vector], %2
    IS {%1, ": error code"}, [errcode], %3
%endmacro

; LONG runs instructions in 64-bit mode up to END_LONG; the first exception ends them.
%macro LONG 0
%push long
    mov dword [resume], %$end
    mov dword [resume + 4], 0
    mov [resume_esp], esp
    mov dword [vector], -1
    mov dword [errcode], -1
    jmp CODE64:%$in
bits 64
%$in:
%endmacro
%macro END_LONG 0
%$end:
    call leave_long
bits 32
%pop
%endmacro

; WAIT_FOR place: halt until an interrupt has changed it, or until many of them have not
%macro WAIT_FOR 1
    mov ecx, 100
%%again:
    sti
    hlt
    cli
    cmp dword [%1], 0
    loope %%again
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
    xor ax, ax
    mov fs, ax
    mov gs, ax
    mov edi, idt
    mov eax, stubs
    mov ebx, 0x8e00
    mov ecx, 32
.gate:
    call set_gate
    add eax, STUB
    loop .gate
    mov eax, timer
    mov edi, idt + 8*0x20
    call set_gate
    mov eax, local
    mov edi, idt + 8*0x50
    call set_gate
    mov eax, spurious
    mov edi, idt + 8*0xff
    call set_gate
    mov eax, nmi
    mov edi, idt + 8*2
    call set_gate
    mov ebx, 0xee00
    mov eax, report
    mov edi, idt + 8*0x41
    call set_gate
    lidt [idtr]
    mov dword [tss + 4], ring0_top
    mov word [tss + 8], DATA
    mov ax, TSS
    ltr ax
    mov eax, cr4
    or eax, 0x600               ; OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, cr0
    and eax, ~4
    or eax, 0x22                ; MP, NE
    mov cr0, eax
    fninit

    ; Ports. The last bytes of CMOS memory are nobody's.
    mov al, 0x7f
    out 0x70, al
    mov al, 0x5a
    out 0x71, al
    mov al, 0x7f
    out 0x70, al
    in al, 0x71
    movzx eax, al
    IS "IN reads what OUT wrote", eax, 0x5a
    mov edi, buffer
    mov ecx, 4
    mov edx, 0x71
    rep insb
    IS "REP INSB moves EDI", edi, buffer + 4
    IS "REP INSB stores", [buffer], 0x5a5a5a5a
    mov esi, buffer
    mov ecx, 3
    mov edx, 0x80
    rep outsb
    mov ebx, esi
    IS "REP OUTSB moves ESI", ebx, buffer + 3
    mov dx, 0x1ce               ; index of the VBE registers: 16 bits wide
    mov ax, 1
    out dx, ax
    mov dx, 0x1cf
    mov ax, 640
    out dx, ax
    xor eax, eax
    in ax, dx
    IS "16-bit ports", eax, 640
    mov eax, 0x80000000
    mov dx, 0xcf8
    out dx, eax
    mov dx, 0xcfc
    in eax, dx
    IS "32-bit ports: the host bridge", eax, 0x12378086

    ; Registers in memory.
    mov eax, [APIC + 0x30]
    and eax, 0xff
    IS "a register of the APIC", eax, 0x14
    mov dword [APIC + 0x80], 0x50
    or dword [APIC + 0x80], 5
    IS "read, modify and write of a register", [APIC + 0x80], 0x55
    mov dword [APIC + 0x80], 0
    mov dword [APIC + 0xf0], 0x1ff

    ; Interrupts: the 8254 through the 8259, then the APIC's own timer.
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 0x20
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    rdtsc
    mov [tsc], eax
    mov al, 0x30                ; mode 0: once
    out 0x43, al
    mov al, 0
    out 0x40, al
    mov al, 0x2e                ; 2E00h ticks are 9.87 ms
    out 0x40, al
    WAIT_FOR ticks
    rdtsc
    sub eax, [tsc]
    cmp eax, 4000000            ; of a gigahertz counter; hosts may have a faster one
    sbb eax, eax
    mov [buffer], eax
    IS "the 8254 interrupts HLT", [ticks], 1
    IS "the time-stamp counter counts meanwhile", [buffer], 0
    mov al, 0xff
    out 0x21, al
    mov dword [APIC + 0x3e0], 3 ; divide by 16
    mov dword [APIC + 0x320], 0x50
    mov dword [APIC + 0x380], 10000
    WAIT_FOR locals
    IS "the APIC's timer interrupts HLT", [locals], 1
    mov dword [locals], 0
    mov dword [APIC + 0x80], 0x60
    mov dword [APIC + 0x310], 0
    mov dword [APIC + 0x300], 0x44050 ; to itself
    sti
    nop
    nop
    cli
    IS "the task priority holds an interrupt back", [locals], 0
    mov dword [APIC + 0x80], 0
    sti
    nop
    nop
    cli
    IS "and lets it through", [locals], 1
    mov dword [locals], 0
    mov dword [APIC + 0x300], 0x44050
    nop
    IS "CLI holds an interrupt back", [locals], 0
    sti
    cli                         ; in the shadow of STI
    IS "so does the shadow of STI", [locals], 0
    sti
    nop
    cli
    IS "STI lets it through", [locals], 1
    mov dword [APIC + 0x300], 0x4400 ; NMI to itself
    mov ecx, 1000
.nmi:
    cmp dword [nmis], 0
    loope .nmi
    IS "an NMI arrives in spite of CLI", [nmis], 1

    ; Faults.
    TRY
    xor edx, edx
    xor eax, eax
    div eax
    END_TRY
    IS "#DE", [vector], 0
    TRY
    ud2
    END_TRY
    IS "#UD", [vector], 6
    TRY
    mov eax, 0x200
    mov fs, ax
    END_TRY
    FAULTS "#GP", 13, 0x200
    TRY
    mov ecx, 0x12345
    rdmsr
    END_TRY
    FAULTS "a register that is not there", 13, 0
    mov ecx, 0xc0000102
    mov eax, 0x89abcdef
    mov edx, 0x123
    wrmsr
    xor eax, eax
    xor edx, edx
    rdmsr
    IS "KERNEL_GS_BASE, low", eax, 0x89abcdef
    mov ecx, 0xc0000102
    rdmsr
    mov eax, edx
    IS "KERNEL_GS_BASE, high", eax, 0x123
    mov ecx, 0x1b
    rdmsr
    IS "IA32_APIC_BASE", eax, APIC | 0x900

    ; Paging of 4 KiB and 4 MiB.
    mov edi, LEGACY
    xor eax, eax
    mov ecx, 2048
    rep stosd
    mov dword [LEGACY], 0x87
    mov dword [LEGACY + 4], LEGACY + 0x1007
    mov dword [LEGACY + 4*(APIC >> 22)], (APIC & 0xffc00000) | 0x9b
    mov dword [LEGACY + 0x1000 + 4], READONLY | 5
    mov eax, LEGACY
    mov cr3, eax
    mov eax, cr4
    or eax, 0x10                ; PSE
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80010000          ; PG, WP
    TRY
    mov cr0, eax
    END_TRY
    IS "32-bit paging", [vector], -1
    TRY
    mov eax, [HOLE + 0x123]
    END_TRY
    FAULTS "#PF by a page that is not present", 14, 0
    mov eax, cr2
    IS "and its address", eax, HOLE + 0x123
    TRY
    mov [READONLY + 4], eax
    END_TRY
    FAULTS "#PF by a write to a read-only page", 14, 3
    mov dword [LEGACY + 0x1000], READONLY | 7
    invlpg [HOLE]
    mov dword [HOLE], 0x11223344
    IS "a page can be had after INVLPG", [READONLY], 0x11223344
    mov eax, [LEGACY + 0x1000]
    and eax, 0x60
    IS "accessed and dirty bits", eax, 0x60

    ; Ring 3.
    TRY
    push dword USERDATA
    push dword user_top
    push dword 2
    push dword USERCODE
    push dword user
    iret
    END_TRY
    IS "IRET to ring 3 and INT back", [vector], 0x41
    IS "in ring 3", [said], USERCODE
    TRY
    push dword USERDATA
    push dword user_top
    push dword 2
    push dword USERCODE
    push dword user_cli
    iret
    END_TRY
    FAULTS "CLI in ring 3", 13, 0

    ; Debug exceptions.
    TRY
    mov eax, buffer
    mov dr0, eax
    mov eax, 0xd0002            ; DR0: writes of 4 bytes
    mov dr7, eax
    mov [buffer], eax
    nop
    END_TRY
    xor eax, eax
    mov dr7, eax
    IS "a data breakpoint", [vector], 1
    mov eax, dr6
    and eax, 0xf
    IS "and its bit in DR6", eax, 1
    xor eax, eax
    mov dr6, eax
    TRY
    pushfd
    or dword [esp], 0x100
    popfd
.stepped:
    nop
    nop
    END_TRY
    IS "a single step", [vector], 1
    IS "after the instruction that follows POPF", [ret_eip], .stepped + 1
    mov eax, dr6
    and eax, 0x4000
    IS "BS in DR6", eax, 0x4000
    TRY
    mov eax, .watched
    mov dr1, eax
    mov eax, 8
    mov dr7, eax
    xor ebx, ebx
.watched:
    inc ebx
    END_TRY
    xor eax, eax
    mov dr7, eax
    IS "an instruction breakpoint", [vector], 1
    IS "comes before its instruction", ebx, 0

    ; The state of x87 and SSE outlives exits.
    fldpi
    fld1
    movups xmm5, [pattern]
    out 0x80, al
    mov eax, [APIC + 0x30]
    faddp st1, st0
    fistp dword [buffer]
    IS "x87 registers", [buffer], 4
    movups [buffer], xmm5
    mov eax, [buffer + 12]
    IS "XMM registers", eax, 0x0badcafe
    fstcw [buffer]
    and word [buffer], 0x3f
    movzx eax, word [buffer]
    IS "the x87 control word", eax, 0x3f
    TRY
    mov dword [buffer], 0x1d80
    ldmxcsr [buffer]
    xorps xmm1, xmm1
    movups xmm0, [ones]
    divps xmm0, xmm1
    END_TRY
    mov dword [buffer], 0x1f80
    ldmxcsr [buffer]
    IS "#XM", [vector], 19

    ; Code that changes itself.
    mov byte [.patched + 1], 7
.patched:
    mov eax, 1                  ; B8 and its operand
    IS "code changed just before it runs", eax, 7
    xor eax, eax
    cpuid
    cmp eax, 1
    sbb eax, eax
    IS "CPUID has leaf 1", eax, 0

    ; Long mode.
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov edi, TABLES
    xor eax, eax
    mov ecx, 0x6000 / 4
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
    or eax, 0x20                ; PAE
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x101               ; LME, SCE
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    TRY
    mov cr0, eax
    END_TRY
    IS "long mode", [vector], -1
    mov edi, idt64
    mov eax, stubs64
    mov ebx, 0x8e00
    mov ecx, 32
.gate64:
    call set_gate64
    add eax, STUB
    loop .gate64
    mov eax, local64
    mov edi, idt64 + 16*0x50
    call set_gate64
    mov ebx, 0xee00
    mov eax, report64
    mov edi, idt64 + 16*0x41
    call set_gate64
    lidt [idtr64]
    mov dword [tss + 4], ring0_top
    mov dword [tss + 8], 0
    and byte [gdt + TSS + 5], ~2 ; not busy
    mov ax, TSS
    ltr ax

    LONG
    mov rax, 0x123456789abcdef0
    mov r9, rax
    out 0x80, al
    mov [buffer], r9
    END_LONG
    IS "64-bit registers", [buffer + 4], 0x12345678
    LONG
    mov rax, [0x40000000]
    END_LONG
    FAULTS "#PF in 64-bit mode", 14, 0
    LONG
    mov rax, 0x8000000000000000
    mov rax, [rax]
    END_LONG
    FAULTS "a non-canonical address", 13, 0
    LONG
    mov rax, 1
    mov rdx, 2
    mov [buffer], rax
    mov [buffer + 8], rdx
    mov rbx, 0x33
    mov rcx, 0x44
    lock cmpxchg16b [buffer]
    setz al
    mov [said], al
    END_LONG
    movzx eax, byte [said]
    IS "CMPXCHG16B", eax, 1
    IS "and what it stores", [buffer + 8], 0x44
    LONG
    mov dword [locals], 0
    mov rax, APIC
    mov dword [rax + 0x380], 10000
.halted:
    sti
    hlt
    cli
    cmp dword [locals], 0
    je .halted
    END_LONG
    IS "an interrupt in 64-bit mode", [locals], 1
    LONG
    mov ecx, 0xc0000081         ; STAR: SYSRET's selectors are 20h + 16 and + 8
    xor eax, eax
    mov edx, 0x00200008
    wrmsr
    mov qword [said], 0
    mov ecx, 0xc0000082
    mov eax, syscalled
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000084
    mov eax, 0x200
    wrmsr
    mov ecx, user64
    mov r11d, 2
    mov [kernel_rsp], rsp
    mov rsp, user_top
    db 0x48
    sysret
syscalled:
    mov [said], r10
    mov [said + 4], cs
    mov rsp, [kernel_rsp]
    END_LONG
    IS "SYSRET to ring 3", [said], USERCODE64
    IS "SYSCALL back to ring 0", [said + 4], CODE
    LONG
    push USERDATA
    push user_top
    push 2
    push USERCODE64
    push user64_int
    iretq
    END_LONG
    IS "IRETQ to ring 3 and INT back", [vector], 0x41
    LONG
    push USERDATA
    push user_top
    push 2
    push USERCODE64
    push user64_hlt
    iretq
    END_LONG
    FAULTS "HLT in ring 3", 13, 0
    LONG
    mov rax, cr8
    mov rbx, rax
    mov eax, 5
    mov cr8, rax
    mov rcx, cr8
    mov [said], ecx
    mov rsi, APIC
    mov eax, [rsi + 0x80]
    mov [said + 4], eax
    mov cr8, rbx
    END_LONG
    IS "CR8", [said], 5
    IS "is the APIC's task priority", [said + 4], 0x50

    mov eax, [failures]
    out 0xf4, al
    cli
    hlt

; set_gate: EAX handler, EBX type, EDI gate; on to the next gate. set_gate64 likewise.
set_gate:
    mov [edi], ax
    mov word [edi + 2], CODE
    mov [edi + 4], bx
    mov edx, eax
    shr edx, 16
    mov [edi + 6], dx
    add edi, 8
    ret

set_gate64:
    call set_gate
    mov word [edi - 6], CODE64
    mov dword [edi], 0
    mov dword [edi + 4], 0
    add edi, 8
    ret

timer:
    inc dword [ticks]
    push eax
    mov al, 0x20
    out 0x20, al
    pop eax
    iret

local:
    inc dword [locals]
    mov dword [APIC + 0xb0], 0
    iret

spurious:
    iret

nmi:
    inc dword [nmis]
    iret

user:
    mov eax, cs
    int 0x41
user_cli:
    cli
    int 0x41

report:
    mov cx, DATA
    mov ds, cx
    mov es, cx
    mov [said], eax
    mov dword [vector], 0x41
    mov esp, [resume_esp]
    jmp [resume]

align 16
STUB equ 16
stubs:
%assign v 0
%rep 32
align 16
%if v = 8 || (v >= 10 && v <= 14) || v = 17
    nop
    nop
%else
    push byte -1
%endif
    push byte v
    jmp strict near exception
%assign v v+1
%endrep
align 16

exception:
    push eax
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov eax, [esp + 4]
    mov [vector], eax
    mov eax, [esp + 8]
    mov [errcode], eax
    mov eax, [esp + 12]
    mov [ret_eip], eax
    mov ax, DATA
    mov ss, ax
    mov esp, [resume_esp]
    jmp [resume]

bits 64
align 16
stubs64:
%assign v 0
%rep 32
align 16
%if v = 8 || (v >= 10 && v <= 14) || v = 17
    nop
    nop
%else
    push byte -1
%endif
    push byte v
    jmp strict near exception64
%assign v v+1
%endrep
align 16

exception64:
    mov eax, [rsp]
    mov [vector], eax
    mov eax, [rsp + 8]
    mov [errcode], eax
    mov eax, [resume_esp]
    mov rsp, rax
    jmp [resume]

; leave_long is called at the end of what LONG began and returns in 32-bit code.
leave_long:
    pop rdx
    mov eax, DATA               ; interrupts from ring 3 leave a null selector in SS
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov esp, [resume_esp]
    push CODE
    push rdx
    retfq

local64:
    inc dword [locals]
    push rax
    mov rax, APIC
    mov dword [rax + 0xb0], 0
    pop rax
    iretq

report64:
    mov dword [vector], 0x41
    mov eax, [resume_esp]
    mov rsp, rax
    jmp [resume]

user64:
    mov r10d, cs
    syscall
user64_int:
    int 0x41
user64_hlt:
    hlt
bits 32

REPORT_CODE

align 16
pattern: dd 0x01234567, 0x89abcdef, 0xdeadbeef, 0x0badcafe
ones: dd 1.0, 1.0, 1.0, 1.0
align 8
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
idtr: dw 8*0x100 - 1
    dd idt
idtr64: dw 16*0x100 - 1
    dd idt64
align 8
tss:
    times 0x64 db 0
    dd 0x680000
file_end:

absolute file_end - $$ + 0x100000
alignb 16
resume: resq 1
resume_esp: resq 1
kernel_rsp: resq 1
vector: resd 1
errcode: resd 1
ret_eip: resd 1
failures: resd 1
ticks: resd 1
locals: resd 1
nmis: resd 1
tsc: resd 1
said: resd 2
alignb 16
buffer: resb 64
idt: resb 8*0x100
idt64: resb 16*0x100
stack: resb 4096
stack_top:
    resb 4096
ring0_top:
    resb 4096
user_top:
bss_end:
