; Debug exceptions and exceptions in exceptions, from the manual (SDM volume 3B, chapter 18, and volume 3A, 6.8, 6.9 and
; 6.15).
%include "env.inc"

TF equ 0x100
RF equ 0x10000
B0 equ 1
BD equ 1 << 13
BS equ 1 << 14
DR6_ONES equ 0xffff0ff0         ; as it reads without causes

; STEP runs instructions up to END_STEP with TF set: [steps] is the number of traps, [step_at] where the last one was,
; [step_dr6] all their causes.
%macro STEP 0
%push step
    call clear_steps
    pushfd
    or dword [esp], TF
    popfd
%endmacro
%macro END_STEP 0
    pushfd
    and dword [esp], ~TF
    popfd
%pop
%endmacro

; BREAK register, address, condition and length (bits 3-0 of its field in DR7)
%macro BREAK 3
    call clear_steps
    mov eax, %2
    mov dr%1, eax
    mov eax, 0x400 | (2 << 2*%1) | (%3 << (16 + 4*%1))
    mov dr7, eax
%endmacro
%macro END_BREAK 0
    mov eax, 0x400
    mov dr7, eax
%endmacro

EXECUTE equ 0
WRITE1 equ 1
WRITE4 equ 13
PORT1 equ 2
ACCESS4 equ 15

    BEGIN
    mov al, 0xff                ; no interrupts
    out 0x21, al
    out 0xa1, al
    mov edi, idt + 8*1
    mov eax, stepper
    mov ebx, 0x8e00
    call set_gate
    mov edi, idt + 8*0x42
    mov eax, counted
    call set_gate

    ; Registers: 18.2.
    xor eax, eax
    mov dr6, eax
    mov eax, dr6
    IS "DR6: bits that are always 1", eax, DR6_ONES
    mov eax, -1
    mov dr6, eax
    mov eax, dr6
    and eax, 0x1000
    IS "DR6: bit 12 is always 0", eax, 0
    xor eax, eax
    mov dr7, eax
    mov eax, dr7
    IS "DR7: bit 10 is always 1", eax, 0x400
    mov eax, 0x12345678
    mov dr2, eax
    xor eax, eax
    mov eax, dr2
    IS "DR2", eax, 0x12345678
    mov eax, cr4
    and eax, ~8                 ; DE
    mov cr4, eax
    xor eax, eax
    mov dr6, eax
    db 0x0f, 0x21, 0xe0         ; MOV EAX,DR4
    IS "DR4 is DR6 without CR4.DE", eax, DR6_ONES
    mov eax, cr4
    or eax, 8
    mov cr4, eax
    TRY
    db 0x0f, 0x21, 0xe0
    END_TRY
    IS "and raises #UD with it", [vector], 6

    ; Single steps: 18.3.1.4.
    STEP
    nop
    nop
    nop
.three:
    END_STEP
    IS "single step: a trap after each instruction, POPF that ends it included", [steps], 6
    IS "single step: its cause", [step_dr6], BS
    STEP
    mov ax, DATA
    mov ss, ax
    nop
    END_STEP
    IS "single step: none between MOV SS and the next instruction", [steps], 5
    STEP
    sti
    cli
    END_STEP
    IS "single step: after STI, too", [steps], 5
    STEP
    mov esi, buffer
    mov edi, buffer + 32
    mov ecx, 5
    rep movsb
    END_STEP
    IS "single step: each iteration of REP MOVS", [steps], 3 + 5 + 3
    STEP
    int 0x42                    ; which comes back
    END_STEP
    IS "single step: INT clears TF, and its IRET sets it", [steps], 3
    TRY
    STEP
    db 0xf1                     ; INT1
    END_STEP
    END_TRY
    IS "single step: INT1 is one #DB, not two", [steps], 4

    ; INT3, INT1, INTO: 6.4.4 and volume 2.
    TRY
    int3
    END_TRY
    IS "INT3", [vector], 3
    call clear_steps
    TRY
    db 0xf1
    END_TRY
    IS "INT1 is a #DB", [steps], 1
    IS "INT1: no cause in DR6", [step_dr6], 0
    TRY
    mov al, 0x7f
    add al, 1
    into
    END_TRY
    IS "INTO", [vector], 4

    ; Instruction breakpoints: 18.3.1.1.
    BREAK 0, .here, EXECUTE
    mov ecx, 1
.here:
    inc ecx
    mov [said], ecx
    END_BREAK
    IS "instruction breakpoint: once, because the handler sets RF", [steps], 1
    IS "instruction breakpoint: ahead of the instruction", [step_at], .here
    IS "instruction breakpoint: its cause", [step_dr6], B0
    IS "instruction breakpoint: then the instruction runs", [said], 2
    BREAK 0, .after_ss, EXECUTE
    mov ax, DATA
    mov ss, ax
.after_ss:
    nop
    END_BREAK
    IS "instruction breakpoint: not behind MOV SS", [steps], 0

    ; Data breakpoints: 18.2.5 and 18.3.1.2.
    BREAK 1, buffer + 4, WRITE4
    mov eax, [buffer + 4]
    IS "data breakpoint on writes: not by a read", [steps], 0
    mov [buffer + 4], eax
.written:
    IS "data breakpoint on writes: by a write", [steps], 1
    IS "data breakpoint: behind the instruction", [step_at], .written
    IS "data breakpoint: its cause", [step_dr6], 2
    mov [buffer + 1], eax
    IS "data breakpoint: a write that overlaps", [steps], 2
    mov [buffer], eax
    mov [buffer + 8], al
    IS "data breakpoint: not by its neighbours", [steps], 2
    END_BREAK
    BREAK 2, buffer + 4, ACCESS4
    mov eax, [buffer + 6]
    IS "data breakpoint on accesses: by a read", [steps], 1
    cmp byte [buffer + 7], 0
    IS "data breakpoint on accesses: by an operand", [steps], 2
    END_BREAK
    BREAK 3, buffer + 34, WRITE1
    mov esi, buffer
    mov edi, buffer + 32
    mov ecx, 5
    rep movsb
.moved:
    IS "data breakpoint in REP MOVS: once", [steps], 1
    END_BREAK
    BREAK 1, buffer, WRITE1
    mov ax, DATA
    mov [buffer], al
.behind:
    nop
    END_BREAK
    IS "data breakpoint of one byte", [step_at], .behind

    ; I/O breakpoints, with CR4.DE: 18.2.4.
    BREAK 0, 0x80, PORT1
    out 0x80, al
    IS "I/O breakpoint", [steps], 1
    IS "I/O breakpoint: its cause", [step_dr6], B0
    in al, 0x61
    IS "I/O breakpoint: not by another port", [steps], 1
    END_BREAK

    ; General detect: 18.3.1.3.
    call clear_steps
    mov eax, 0x2400             ; GD
    mov dr7, eax
.detected:
    mov ebx, dr0
    IS "general detect: a MOV from a debug register", [steps], 1
    IS "general detect: its cause", [step_dr6], BD
    IS "general detect: ahead of the instruction", [step_at], .detected
    mov eax, dr7
    IS "general detect: the handler runs without GD", eax, 0x400

    ; Exceptions in exceptions: 6.15, table 6-5.
    mov word [idtr_short], 8*0x0d - 1
    mov dword [idtr_short + 2], idt
    lidt [idtr_short]           ; #GP has no gate
    TRY
    mov ax, 0xfff0
    mov fs, ax
    END_TRY
    lidt [idtr]
    FAULTS "#GP without a gate is #DF", 8, 0
    and byte [idt + 8*0x0b + 5], 0x7f
    TRY
    mov ax, GAP
    mov fs, ax
    END_TRY
    or byte [idt + 8*0x0b + 5], 0x80
    FAULTS "a selector beyond the table", 13, GAP
    and byte [idt + 8*0 + 5], 0x7f
    TRY
    xor edx, edx
    mov eax, 1
    xor ecx, ecx
    div ecx
    END_TRY
    or byte [idt + 8*0 + 5], 0x80
    FAULTS "#DE without its gate is #DF", 8, 0
    and byte [idt + 8*6 + 5], 0x7f
    TRY
    ud2
    END_TRY
    or byte [idt + 8*6 + 5], 0x80
    FAULTS "#UD without its gate is #NP: it is benign", 11, 6*8 + 2 + 1
    and byte [idt + 8*0x42 + 5], 0x7f
    TRY
    int 0x42
    END_TRY
    or byte [idt + 8*0x42 + 5], 0x80
    FAULTS "INT of a gate that is not present: not external", 11, 0x42*8 + 2

    END

GAP equ 0x1230

clear_steps:
    xor eax, eax
    mov dr6, eax
    mov [steps], eax
    mov [step_at], eax
    mov [step_dr6], eax
    ret

; stepper counts a #DB and goes on with RF set.
stepper:
    push eax
    inc dword [steps]
    mov eax, [esp + 4]
    mov [step_at], eax
    mov eax, dr6
    xor eax, DR6_ONES
    or [step_dr6], eax
    xor eax, eax
    mov dr6, eax
    or dword [esp + 12], RF
    pop eax
    iret

counted:
    inc dword [said + 4]
    iret

align 4
steps: dd 0
step_at: dd 0
step_dr6: dd 0
idtr_short: dw 0
    dd 0

    FINISH
