; Protected-mode system behaviour, from the manual (SDM volume 3A, chapters 3, 5, 6 and 8). A Multiboot kernel that
; says PASS or FAIL on COM1 for each check and ends through the debug-exit port: 0, or the number of failures.
bits 32
org 0x100000
BASE equ 0x100000

CODE equ 0x08
DATA equ 0x10
LOWCODE equ 0x18           ; 32-bit code based at BASE: its offsets fit into 16 bits
DOWN equ 0x20           ; expand-down data, offsets above FFFh
MAIN equ 0x28           ; 32-bit TSS
TSS16 equ 0x30
TSS32 equ 0x38
USERCODE equ 0x40 | 3
USERDATA equ 0x48 | 3
CONST equ 0x50          ; read-only data
SMALL equ 0x58          ; data of 16 bytes

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

; FAULTS name, vector, error code
%macro FAULTS 3
    IS {%1, ": vector"}, [vector], %2
    IS {%1, ": error code"}, [errcode], %3
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
    mov dx, 0x3fb               ; COM1: 8 bits
    mov al, 3
    out dx, al

    ; IDT: the 32 exceptions, and gates of the tests
    mov edi, idt
    mov eax, stubs
    mov ecx, 32
.gate:
    mov edx, eax
    mov [edi], dx
    mov word [edi + 2], CODE
    mov word [edi + 4], 0x8e00
    shr edx, 16
    mov [edi + 6], dx
    add edi, 8
    add eax, STUB
    loop .gate
    mov dword [idt + 8*0x40], (LOWCODE << 16) | (gate16 - $$)
    mov dword [idt + 8*0x40 + 4], 0xdead8600            ; 16-bit interrupt gate: the upper half of the offset is not there
    mov eax, report
    mov [idt + 8*0x41], ax
    mov word [idt + 8*0x41 + 2], CODE
    mov word [idt + 8*0x41 + 4], 0xee00                 ; for ring 3
    shr eax, 16
    mov [idt + 8*0x41 + 6], ax
    lidt [idtr]
    mov dword [main_tss + 4], ring0_top
    mov word [main_tss + 8], DATA
    mov ax, MAIN
    ltr ax

    ; Segments: SDM volume 3A, 5.3 and 5.5.
    mov ax, DOWN
    mov fs, ax
    TRY
    mov eax, [fs:0xfff]
    END_TRY
    FAULTS "expand-down at the limit", 13, 0
    TRY
    mov eax, [fs:0x1000]
    END_TRY
    IS "expand-down above the limit", [vector], -1
    mov ax, CONST
    mov fs, ax
    TRY
    mov [fs:0x200000], eax
    END_TRY
    FAULTS "write to read-only data", 13, 0
    mov ax, SMALL
    mov fs, ax
    TRY
    mov eax, [fs:12]
    END_TRY
    IS "the last doubleword of a segment", [vector], -1
    TRY
    mov eax, [fs:13]
    END_TRY
    FAULTS "a doubleword across the limit", 13, 0
    xor ax, ax
    mov fs, ax
    TRY
    mov eax, [fs:0]
    END_TRY
    FAULTS "access by a null selector", 13, 0
    TRY
    mov eax, 0x200
    mov fs, ax
    END_TRY
    FAULTS "selector beyond the GDT", 13, 0x200
    TRY
    mov eax, CONST
    mov ss, ax
    END_TRY
    FAULTS "read-only stack", 13, CONST
    TRY
    mov [cs:scratch], eax
    END_TRY
    FAULTS "write to code", 13, 0

    ; LAR, LSL, VERR, VERW: SDM volume 3A, 5.10.
    xor eax, eax
    mov ecx, DOWN
    lar eax, ecx
    IS "LAR of expand-down data", eax, 0x00409700
    mov ecx, SMALL
    lsl eax, ecx
    IS "LSL", eax, 15
    mov ecx, DATA
    lsl eax, ecx
    IS "LSL of 4 GiB", eax, 0xffffffff
    mov ecx, CONST
    verw cx
    setz al
    movzx eax, al
    IS "VERW of read-only data", eax, 0
    mov ecx, CONST
    verr cx
    setz al
    movzx eax, al
    IS "VERR of read-only data", eax, 1
    xor ecx, ecx
    lar eax, ecx
    setz al
    movzx eax, al
    IS "LAR of a null selector", eax, 0
    mov eax, 0x10
    mov ecx, 3
    arpl ax, cx
    setz cl
    movzx ecx, cl
    shl ecx, 16
    or eax, ecx
    IS "ARPL raises the RPL and sets ZF", eax, 0x10013

    ; Gates: SDM volume 3A, 6.12.
    TRY
    int 0x40
    END_TRY
    IS "16-bit gate: the upper half of the offset is ignored", [vector], 0x40
    IS "16-bit gate: a frame of three words", [frame], 6
    TRY
    int 0x60
    END_TRY
    FAULTS "INT n without a gate", 13, 0x60*8 + 2

    ; Faults and traps: SDM volume 3B, 18.3.
    TRY
    db 0xf0, 0x90       ; LOCK NOP
    END_TRY
    IS "LOCK before NOP", [vector], 6
    TRY
.ud:
    ud2
    END_TRY
    IS "a fault's return address", [ret_eip], .ud
    mov eax, [ret_flags]
    and eax, 0x10000
    IS "RF is set in the image of a fault", eax, 0x10000
    mov eax, 0xffff0ff0
    mov dr6, eax
    TRY
    pushfd
    or dword [esp], 0x100
    popfd
    nop
.stepped:
    nop
    END_TRY
    IS "single step: vector", [vector], 1
    IS "single step: after the instruction that follows POPF", [ret_eip], .stepped
    mov eax, dr6
    and eax, 0x400f
    IS "single step: DR6.BS", eax, 0x4000
    TRY
    pushfd
    or dword [esp], 0x100
    mov ax, ss
    popfd
    mov ss, ax
    nop
.shadow:
    nop
    END_TRY
    IS "single step: MOV SS holds the trap off", [ret_eip], .shadow

    ; Ring 3: SDM volume 3A, 5.8.6, 5.9 and 6.12.1.2.
    TRY
    push USERDATA
    push user_top
    push USERCODE
    push user_int
    retf
    END_TRY
    FAULTS "INT n refused by the gate's DPL", 13, 0x40*8 + 2
    TRY
    push USERDATA
    push user_top
    push USERCODE
    push user_cli
    retf
    END_TRY
    FAULTS "CLI in ring 3", 13, 0
    TRY
    mov ax, USERDATA
    mov gs, ax
    push USERDATA
    push user_top
    push USERCODE
    push user_segs
    retf
    END_TRY
    IS "RETF to ring 3 reached it", [vector], 0x41
    IS "RETF to an outer ring nulls DS of ring 0", [said], 0
    IS "and keeps GS of ring 3", [said + 4], USERDATA
    IS "a ring 3 program's stack is in the frame", [ring3_esp], user_top

    ; Task switches: SDM volume 3A, 8.3.
    mov dword [said], 0
    call TSS16:0
    IS "16-bit task: it ran", [said], 16
    IS "16-bit task: its back link", [said_link], MAIN
    IS "16-bit task: NT is set", [said_nt], 1
    IS "16-bit task: both tasks are busy", [said_busy], 3
    mov al, [gdt + TSS16 + 5]
    movzx eax, al
    IS "16-bit task: not busy after IRET", eax, 0x81
    pushfd
    pop eax
    and eax, 0x4000
    IS "the caller has NT clear again", eax, 0
    str ax
    movzx eax, ax
    IS "the task register is the caller's", eax, MAIN
    mov eax, cr0
    and eax, 8
    IS "a task switch sets CR0.TS", eax, 8
    clts
    mov dword [said], 0
    call TSS32:0
    IS "32-bit task: it ran", [said], 32
    IS "32-bit task: its back link", [said_link], MAIN
    IS "32-bit task: it has its registers", [said_ebx], 0x12345678
    clts
    TRY
    jmp MAIN:0
    END_TRY
    FAULTS "jump to a busy task", 13, MAIN

    mov eax, [failures]
    out 0xf4, eax
.end:
    hlt
    jmp .end

user_int:
    int 0x40
user_cli:
    cli
user_segs:
    mov eax, ds
    mov ebx, gs
    movzx ebx, bx
    movzx eax, ax
    int 0x41

; report: ring 3 tells EAX and EBX.
report:
    mov cx, DATA
    mov ds, cx
    mov es, cx
    mov [said], eax
    mov [said + 4], ebx
    mov eax, [esp + 12]
    mov [ring3_esp], eax
    mov dword [vector], 0x41
    mov esp, [resume_esp]
    jmp [resume]

; gate16 runs in LOWCODE with a frame of words.
gate16:
    mov eax, [resume_esp]
    sub eax, esp
    mov [frame], eax
    mov dword [vector], 0x40
    mov esp, [resume_esp]
    jmp CODE:.back
.back:
    jmp [resume]

; note tells what a task finds: DX is its TSS selector.
note:
    pushfd
    pop eax
    shr eax, 14
    and eax, 1
    mov [said_nt], eax
    movzx eax, byte [gdt + MAIN + 5]
    shr eax, 1
    and eax, 1
    movzx ecx, byte [gdt + edx + 5]
    and ecx, 2
    or eax, ecx
    mov [said_busy], eax
    ret

task16:
    movzx esp, sp       ; a 16-bit TSS says nothing of the upper halves
    mov ax, DATA
    mov ds, ax
    movzx eax, word [tss16]
    mov [said_link], eax
    mov edx, TSS16
    mov dword [said], 16
    mov eax, note
    sub eax, BASE
    call eax
    iret
    jmp task16

task32:
    mov [said_ebx], ebx
    movzx eax, word [tss32]
    mov [said_link], eax
    mov dword [said], 32
    iret
    jmp task32

; The 32 exceptions.
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
    mov eax, [esp + 20]
    mov [ret_flags], eax
    mov ax, DATA
    mov ss, ax
    mov esp, [resume_esp]
    jmp [resume]

REPORT_CODE

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
    dq 0x00409b100000ffff
    dq 0x0040970000000fff
    dw 0x67
    dw main_tss - $$ + BASE & 0xffff
    db (main_tss - $$ + BASE) >> 16, 0x89, 0, 0
    dw 0x2b
    dw tss16 - $$ + BASE & 0xffff
    db (tss16 - $$ + BASE) >> 16, 0x81, 0, 0
    dw 0x67
    dw tss32 - $$ + BASE & 0xffff
    db (tss32 - $$ + BASE) >> 16, 0x89, 0, 0
    dq 0x00cffb000000ffff
    dq 0x00cff3000000ffff
    dq 0x00cf91000000ffff
    dq 0x004093000000000f
gdt_end:
gdtr: dw gdt_end - gdt - 1
    dd gdt
idtr: dw 8*0x80 - 1
    dd idt

align 4
tss16:                  ; SDM volume 3A, figure 8-10
    times 14 db 0
    dw task16 - $$, 2
    dw 0, 0, 0, 0, 0x7000, 0, 0, 0
    dw DATA, LOWCODE, DATA, DATA, 0
align 4
tss32:                  ; figure 8-2
    times 32 db 0
    dd task32, 2
    dd 0, 0, 0, 0x12345678, task_top, 0, 0, 0
    dd DATA, CODE, DATA, DATA, 0, 0, 0
    dd 0x680000
main_tss:
    times 0x64 db 0
    dd 0x680000
file_end:

absolute file_end - $$ + BASE
alignb 16
resume: resd 1
resume_esp: resd 1
vector: resd 1
errcode: resd 1
ret_eip: resd 1
ret_flags: resd 1
ring3_esp: resd 1
frame: resd 1
failures: resd 1
said: resd 2
said_link: resd 1
said_nt: resd 1
said_busy: resd 1
said_ebx: resd 1
scratch: resd 1
alignb 16
idt: resb 8*0x80
stack: resb 4096
stack_top:
    resb 4096
ring0_top:
    resb 4096
user_top:
    resb 4096
task_top:
bss_end:
