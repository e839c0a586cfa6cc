; What an engine has to get right to run a guest at all: ports, registers in memory, interrupts, faults, rings, debug
; exceptions and processor state, in protected and long mode. A Multiboot kernel that says PASS or FAIL on COM1 for
; each check and ends through the debug-exit port: 0, or the number of failures. Its processor is x86-64 at least.
%include "env.inc"

HOLE equ 0x400000               ; 4 KiB pages: not present
READONLY equ 0x401000

    BEGIN

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

    GO_LONG

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

    END

user:
    mov eax, cs
    int 0x41
user_cli:
    cli
    int 0x41

bits 64
user64:
    mov r10d, cs
    syscall
user64_int:
    int 0x41
user64_hlt:
    hlt
bits 32

align 16
pattern: dd 0x01234567, 0x89abcdef, 0xdeadbeef, 0x0badcafe
ones: dd 1.0, 1.0, 1.0, 1.0

    FINISH
