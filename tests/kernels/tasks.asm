; Hardware task switching, from the manual (SDM volume 3A, chapter 7, and volume 2, JMP, CALL, INT n and IRET): what a
; switch saves, loads and marks, and which checks fail in the old task and which in the new one (table 7-1).
%include "env.inc"

NT equ 0x4000
VM equ 0x20000
DR6_BT equ 1 << 15

; Descriptors behind those of env.inc.
TASKA equ 0x48                  ; 32-bit TSSs
TASKB equ 0x50
TASK16 equ 0x58                 ; 16-bit TSS
TASKV equ 0x60                  ; virtual-8086 mode
HANDLER equ 0x68                ; four of them, for vectors 10 to 13
GATE equ 0x88                   ; to TASKA
GATE3 equ 0x90                  ; DPL 3
LDT equ 0x98
SMALL equ 0xa0                  ; limit 66h
SMALL16 equ 0xa8                ; limit 2Ah
ABSENT equ 0xb0
ABSENT_DATA equ 0xb8
ABSENT_CODE equ 0xc0
ABSENT_LDT equ 0xc8
ABSENT_GATE equ 0xd0
READONLY equ 0xd8
XONLY equ 0xe0                  ; code that cannot be read
NULL_GATE equ 0xe8
LDT_GATE equ 0xf0               ; to a selector in the LDT
DATA_GATE equ 0xf8
FAR_GATE equ 0x100              ; beyond the table
UNMAPPED equ 0x108              ; TSS on a page that is not there
LOWCODE equ 0x110               ; base 100000h, for the 16 bits of IP
ABSENT_BUSY equ 0x118
SMALL_BUSY equ 0x120
SHORTCODE equ 0x128             ; limit 0
TABLE_END equ 0x130

TA equ 0x300000
TB equ 0x300100
T16 equ 0x300200
TV equ 0x300300
TH equ 0x300400                 ; every 100h
TABLE equ 0x301000
LTABLE equ 0x302000
STACKA equ 0x304000
STACKB equ 0x305000
STACK16 equ 0x306000
STACKV equ 0x307000
STACKH equ 0x308000             ; every 100h
DIR1 equ 0x30a000
DIR2 equ 0x30b000
DIR3 equ 0x30c000
WINDOW equ 0x1000000
REAL equ 0x10000                ; virtual-8086 code
GONE equ 0x3000000

LINK equ 0
CR3_ equ 28
EIP_ equ 32
EFLAGS_ equ 36
EAX_ equ 40
ESP_ equ 56
EBP_ equ 60
EDI_ equ 68
ES_ equ 72
CS_ equ 76
SS_ equ 80
DS_ equ 84
FS_ equ 88
GS_ equ 92
LDT_ equ 96
T_ equ 100

; A TSS or LDT descriptor: base, limit, access byte
%macro SYSTEM 3
    dw %2, (%1) & 0xffff
    db (%1) >> 16 & 0xff, %3, 0, (%1) >> 24
%endmacro
; A task gate: selector, access byte
%macro TASKGATE 2
    dw 0, %1
    db 0, %2
    dw 0
%endmacro

; IDTGATE vector, selector, access byte
%macro IDTGATE 3
    mov dword [idt + 8*%1], %2 << 16
    mov dword [idt + 8*%1 + 4], %3 << 8
%endmacro

; CRASH switches to TASKA by JMP while #TS, #NP, #SS and #GP are tasks: these tell which task they have interrupted.
%macro CRASH 3
    call crash_gates
    TRY
    jmp TASKA:0
    END_TRY
    call fresh
    FAULTS {%1}, %2, %3
    IS {%1, ": it is the new task's"}, [linked], TASKA
%endmacro

; STAYS name: the fault was the old task's, and it still is the only one that is busy.
%macro STAYS 1
    xor eax, eax
    str ax
    mov ah, [TABLE + TSS + 5]
    shl eax, 8
    mov al, [TABLE + TASKA + 5]
    IS {%1, ": the old task goes on"}, eax, 0x8b3889
%endmacro

; USER runs instructions in ring 3 up to END_TRY.
%macro USER 0
    TRY
    push dword USERDATA
    push dword user_top
    push dword 2
    push dword USERCODE
    push dword %$in
    iret
%$in:
%endmacro

; RETURN name, link, vector, error code: IRET with NT set
%macro RETURN 4
    mov word [tss + LINK], %2
    TRY
    pushfd
    or dword [esp], NT
    popfd
    iret
    END_TRY
    call fresh
    FAULTS {%1}, %3, %4
%endmacro

    BEGIN
    mov al, 0xff                ; no interrupts
    out 0x21, al
    out 0xa1, al
    mov dword [tss + 4], ring0_top
    call fresh

    ; JMP: 7.3.
    mov dword [TA + LINK], 0x5a5a
    mov dword [TA + EFLAGS_], 0x8d7
    mov dword [TA + EIP_], jumped
    mov word [TA + FS_], DATA
    mov dword [tss + CR3_], 0x7000
    mov word [tss + LINK], 0x6b6b
    mov ax, LDT
    lldt ax
    mov ax, USERDATA
    mov gs, ax
    TRY
    mov [sp_before], esp
    push dword 0x893
    popfd
    mov eax, 0x11111111
    mov ecx, 0x22222222
    mov edx, 0x33333333
    mov ebx, 0x44444444
    mov ebp, 0x66666666
    mov esi, 0x77777777
    mov edi, 0x88888888
    jmp TASKA:0xdeadbeef        ; the offset does not matter
.jumped_back:
    mov [back], eax
    mov [back + 4], ebp
    mov [back + 8], edi
    mov [back + 12], esp
    pushfd
    pop dword [back + 16]
    END_TRY
    cld
    xor eax, eax
    str ax
    mov [back + 20], eax
    mov al, [TABLE + TSS + 5]
    mov ah, [TABLE + TASKA + 5]
    mov [back + 24], ax
    xor eax, eax
    sldt ax
    mov [back + 28], eax
    mov ax, gs
    mov [back + 32], eax
    IS "JMP: no exception", [vector], -1
    IS "JMP: TR", [seen_tr], TASKA
    IS "JMP: EAX of the new task", [seen_eax], 0xa0000000
    IS "JMP: EBP of the new task", [seen_ebp], 0xa0000005
    IS "JMP: EDI of the new task", [seen_edi], 0xa0000007
    IS "JMP: ESP of the new task", [seen_esp], STACKA
    IS "JMP: EFLAGS of the new task, NT not set", [seen_flags], 0x8d7
    IS "JMP: FS of the new task", [seen_fs], DATA
    IS "JMP: GS of the new task", [seen_gs], 0
    IS "JMP: LDTR of the new task", [seen_ldt], 0
    IS "JMP: CR0.TS", [seen_ts], 8
    IS "JMP: the new task is busy", [seen_new], 0x8b
    IS "JMP: the old task is not", [seen_old], 0x89
    IS "JMP: the back link stays", [seen_link], 0x5a5a
    IS "JMP: EIP saved", [tss + EIP_], .jumped_back
    IS "JMP: EFLAGS saved", [tss + EFLAGS_], 0x893
    IS "JMP: EAX saved", [tss + EAX_], 0x11111111
    IS "JMP: EBP saved", [tss + EBP_], 0x66666666
    IS "JMP: EDI saved", [tss + EDI_], 0x88888888
    mov eax, [tss + ESP_]
    sub eax, [sp_before]
    IS "JMP: ESP saved", eax, 0
    movzx ecx, word [tss + CS_]
    IS "JMP: CS saved", ecx, CODE
    movzx ecx, word [tss + GS_]
    IS "JMP: GS saved", ecx, USERDATA
    IS "JMP: CR3 not saved", [tss + CR3_], 0x7000
    movzx ecx, word [tss + LDT_]
    IS "JMP: LDTR not saved", ecx, 0
    IS "JMP: stack of ring 0 not saved", [tss + 4], ring0_top
    movzx ecx, word [tss + LINK]
    IS "JMP: back link of the old task stays", ecx, 0x6b6b
    IS "JMP back: TR", [back + 20], TSS
    IS "JMP back: EAX", [back], 0x11111111
    IS "JMP back: EBP", [back + 4], 0x66666666
    IS "JMP back: EDI", [back + 8], 0x88888888
    IS "JMP back: EFLAGS", [back + 16], 0x893
    IS "JMP back: GS", [back + 32], USERDATA
    IS "JMP back: LDTR is the TSS's, not what it was", [back + 28], 0
    IS "JMP back: busy again, the other no more", [back + 24], 0x898b
    IS "JMP back: EIP saved", [TA + EIP_], jumped.behind
    TRY
    fnop
    END_TRY
    IS "#NM after a switch", [vector], 7

    ; CALL and IRET: 7.4 and table 7-2.
    call fresh
    mov dword [TA + EIP_], called
    TRY
    call TASKA:0
.call_back:
    pushfd
    pop dword [back]
    END_TRY
    mov al, [TABLE + TSS + 5]
    mov ah, [TABLE + TASKA + 5]
    mov [back + 4], ax
    IS "CALL and IRET: no exception", [vector], -1
    IS "CALL: the new task is busy", [seen_new], 0x8b
    IS "CALL: the old task still is", [seen_old], 0x8b
    IS "CALL: back link", [seen_link], TSS
    mov ecx, [seen_flags]
    IS "CALL: NT", ecx, NT | 2
    mov ecx, [tss + EFLAGS_]
    and ecx, NT
    IS "CALL: NT of the old task stays clear", ecx, 0
    IS "CALL: EIP saved", [tss + EIP_], .call_back
    mov eax, [back]
    and eax, NT
    IS "IRET: NT of the task returned to", eax, 0
    movzx eax, word [back + 4]
    IS "IRET: the task left is not busy, the other is", eax, 0x898b
    mov eax, [TA + EFLAGS_]
    and eax, NT
    IS "IRET: saves EFLAGS without NT", eax, 0
    IS "IRET: EIP saved", [TA + EIP_], called.behind
    movzx eax, word [TA + LINK]
    IS "IRET: back link stays", eax, TSS
    mov dword [said], 0
    TRY
    call TASKA:0
    END_TRY
    IS "CALL again: goes on behind IRET", [said], 1

    ; Nested tasks: 7.4.
    call fresh
    mov dword [TA + EIP_], nests
    TRY
    call TASKA:0
    END_TRY
    xor eax, eax
    str ax
    IS "nested tasks: come back", eax, TSS
    IS "nested tasks: the inner one's link", [seen_link], TASKA
    IS "nested tasks: the middle one is busy", [seen_a], 0x8b
    IS "nested tasks: its back link", [TA + LINK], TSS
    mov ecx, [TA + EFLAGS_]
    and ecx, NT
    IS "nested tasks: inner tasks return to it with NT", [said], NT
    call fresh
    mov dword [TA + EIP_], recurs
    TRY
    call TASKA:0
    END_TRY
    xor ecx, ecx
    str cx
    mov [back], ecx
    call fresh
    FAULTS "a task is not reentrant", 13, TSS
    IS "a task is not reentrant: TR stays", [back], TASKA

    ; Task gates: 7.2.5.
    mov dword [TA + EIP_], called
    TRY
    call GATE:0x12345678
    END_TRY
    IS "CALL to a task gate", [vector], -1
    IS "CALL to a task gate: TR is the TSS", [seen_tr], TASKA
    IS "CALL to a task gate: back link", [seen_link], TSS
    call fresh
    mov dword [TA + EIP_], jumped
    TRY
    jmp GATE:0
    END_TRY
    IS "JMP to a task gate", [vector], -1
    IS "JMP to a task gate: the old task is not busy", [seen_old], 0x89
    call fresh
    mov dword [TA + EIP_], called
    mov dword [TA + EFLAGS_], 0x202
    IDTGATE 0x43, TASKA, 0xe5
    TRY
    int 0x43
.int_back:
    END_TRY
    IS "INT to a task gate", [vector], -1
    IS "INT to a task gate: NT, and IF from the TSS", [seen_flags], NT | 0x202
    IS "INT to a task gate: no error code", [seen_esp], STACKA
    IS "INT to a task gate: back link", [seen_link], TSS
    IS "INT to a task gate: EIP saved", [tss + EIP_], .int_back

    ; Exceptions that are tasks: 6.14.
    call fresh
    mov dword [TA + EIP_], excepted
    IDTGATE 13, TASKA, 0x85
    mov dword [said], 0
    TRY
    mov ax, TABLE_END + 8
.faulting:
    mov fs, ax
.skipped:
    mov dword [said], 1
    END_TRY
    call fresh
    IS "#GP is a task: error code on its stack", [seen_code], TABLE_END + 8
    IS "#GP is a task: four bytes", [seen_esp], STACKA - 4
    IS "#GP is a task: EIP saved", [seen_eip], .faulting
    IS "#GP is a task: returns", [said], 1

    ; From ring 3: 7.3, privilege.
    mov dword [TA + EIP_], called
    USER
    call GATE3:0
    int 0x41
    END_TRY
    IS "ring 3: CALL to a gate of DPL 3", [vector], 0x41
    movzx ecx, word [tss + CS_]
    IS "ring 3: CS saved", ecx, USERCODE
    IS "ring 3: TR", [seen_tr], TASKA
    call fresh
    USER
    call GATE:0
    END_TRY
    FAULTS "ring 3: a gate of DPL 0", 13, GATE
    STAYS "ring 3: a gate of DPL 0"
    USER
    jmp TASKA:0
    END_TRY
    FAULTS "ring 3: a TSS of DPL 0", 13, TASKA
    IDTGATE 0x43, TASKA, 0x85
    USER
    int 0x43
    END_TRY
    FAULTS "ring 3: INT to a gate of DPL 0", 13, 0x43*8 + 2
    TRY
    jmp TASKA | 3:0
    END_TRY
    FAULTS "RPL above the DPL of a TSS", 13, TASKA

    ; 16-bit TSS: 7.6.
    call fresh
    mov byte [T16 + 44], 0x5c
    mov word [T16 + 42], LDT
    TRY
    call TASK16:0
    END_TRY
    xor ecx, ecx
    str cx
    mov [back], ecx
    mov cl, [TABLE + TASK16 + 5]
    mov [back + 4], ecx
    call clear_ts
    IS "16-bit TSS: no exception", [vector], -1
    IS "16-bit TSS: AX", [seen_eax], 0xb000
    IS "16-bit TSS: BP", [seen_ebp], 0xb005
    IS "16-bit TSS: DI", [seen_edi], 0xb007
    IS "16-bit TSS: SP", [seen_esp], STACK16 & 0xffff
    IS "16-bit TSS: FLAGS", [seen_flags], NT | 0x8d7
    IS "16-bit TSS: busy", [seen_new], 0x83
    IS "16-bit TSS: back link", [seen_link], TSS
    IS "16-bit TSS: LDTR", [seen_ldt], LDT
    IS "16-bit TSS: returns", [back], TSS
    movzx ecx, byte [back + 4]
    IS "16-bit TSS: not busy", ecx, 0x81
    movzx ecx, word [T16 + 14]
    IS "16-bit TSS: IP saved", ecx, called16.behind - $$
    movzx ecx, word [T16 + 18]
    IS "16-bit TSS: AX saved", ecx, 0x4321
    movzx ecx, word [T16 + 36]
    IS "16-bit TSS: CS saved", ecx, LOWCODE
    movzx ecx, byte [T16 + 44]
    IS "16-bit TSS: nothing saved behind it", ecx, 0x5c

    ; LDT: the new task's selectors lie in it (7.3).
    call fresh
    mov dword [TA + EIP_], local_data
    mov dword [TA + LDT_], LDT
    mov dword [TA + DS_], 4
    mov dword [buffer], 0x13579bdf
    TRY
    call TASKA:0
    END_TRY
    call fresh
    IS "LDT of the new task", [seen_ldt], LDT
    IS "DS in the new LDT", [said], 0x13579bdf

    ; T bit and breakpoints: volume 3B, 18.3.1.5 and 18.2.4.
    mov word [TA + T_], 1
    mov dword [TA + EIP_], called
    xor eax, eax
    mov dr6, eax
    TRY
    call TASKA:0
    END_TRY
    xor ecx, ecx
    str cx
    mov [back], ecx
    mov eax, dr6
    and eax, 0xe00f
    mov [back + 4], eax
    xor eax, eax
    mov dr6, eax
    call fresh
    IS "T bit: #DB", [vector], 1
    IS "T bit: DR6.BT", [back + 4], DR6_BT
    IS "T bit: in the new task", [back], TASKA
    IS "T bit: ahead of its first instruction", [ret_eip], called
    mov eax, GONE
    mov dr0, eax
    mov dr1, eax
    mov dword [TA + EIP_], called
    mov eax, 0x110409           ; L0, G1
    mov dr7, eax
    TRY
    call TASKA:0
    END_TRY
    mov eax, dr7
    and eax, 0xff
    mov [back], eax
    call fresh
    IS "a switch disables local breakpoints only", [back], 8

    ; Virtual-8086 mode: volume 3B, 20.2.
    mov esi, real
    mov edi, REAL
    mov ecx, real.end - real
    rep movsb
    mov dword [REAL + 0x110], 0
    mov dword [TA + EIP_], real_exits
    IDTGATE 0x43, TASKA, 0xe5
    IDTGATE 13, TASKA, 0x85
    mov dword [exits], 0
    TRY
    jmp TASKV:0
    END_TRY
    xor ecx, ecx
    str cx
    mov [back], ecx
    mov esi, TV
    mov edi, left
    mov ecx, 104
    rep movsb
    call fresh
    IS "virtual-8086 task: no exception", [vector], -1
    IS "virtual-8086 task: ran with segments of its own", [REAL + 0x110], 0x56781234
    IS "virtual-8086 task: left by INT and by #GP", [exits], 2
    IS "virtual-8086 task: #GP of HLT", [seen_code], 0
    IS "virtual-8086 task: INT's back link", [seen_link], TASKV
    mov eax, [seen_flags]
    and eax, VM | NT
    IS "virtual-8086 task: the one that interrupts it is not one", eax, NT
    mov eax, [left + EFLAGS_]
    and eax, VM | 0x3000
    IS "virtual-8086 task: VM and IOPL saved", eax, VM | 0x3000
    movzx eax, word [left + CS_]
    IS "virtual-8086 task: CS saved", eax, REAL >> 4
    IS "virtual-8086 task: EIP saved", [left + EIP_], real.halt - real
    movzx eax, word [left + GS_]
    IS "virtual-8086 task: GS saved", eax, 0xfffe
    IS "virtual-8086 task: back", [back], TSS

    ; Checks in the old task: table 7-1.
    mov byte [TABLE + TASKB + 5], 0x8b
    TRY
    jmp TASKB:0
    END_TRY
    FAULTS "JMP to a busy task", 13, TASKB
    STAYS "JMP to a busy task"
    TRY
    call TSS:0
    END_TRY
    FAULTS "CALL to itself", 13, TSS
    TRY
    jmp ABSENT:0
    END_TRY
    FAULTS "TSS that is not present", 11, ABSENT
    STAYS "TSS that is not present"
    TRY
    jmp SMALL:0
    END_TRY
    FAULTS "32-bit TSS with a limit of 66h", 10, SMALL
    STAYS "32-bit TSS with a limit of 66h"
    TRY
    call SMALL16:0
    END_TRY
    FAULTS "16-bit TSS with a limit of 2Ah", 10, SMALL16
    TRY
    jmp ABSENT_GATE:0
    END_TRY
    FAULTS "task gate that is not present", 11, ABSENT_GATE
    TRY
    jmp NULL_GATE:0
    END_TRY
    FAULTS "task gate with a null selector", 13, 0
    TRY
    call LDT_GATE:0
    END_TRY
    FAULTS "task gate to the LDT", 13, 8 | 4
    TRY
    jmp DATA_GATE:0
    END_TRY
    FAULTS "task gate to a data segment", 13, DATA
    TRY
    jmp FAR_GATE:0
    END_TRY
    FAULTS "task gate beyond the table", 13, 0x800
    mov ax, LDT
    lldt ax
    TRY
    jmp (8 | 4):0
    END_TRY
    call fresh
    FAULTS "TSS in the LDT", 13, 8 | 4      ; 7.2.2
    mov byte [TABLE + TASKB + 5], 0x8b
    IDTGATE 0x43, TASKB, 0xe5
    TRY
    int 0x43
    END_TRY
    FAULTS "INT to a busy task", 13, TASKB
    IDTGATE 6, TASKB, 0x85
    TRY
    ud2
    END_TRY
    FAULTS "#UD to a busy task: EXT", 13, TASKB | 1
    IDTGATE 0x43, TASKA, 0x65
    TRY
    int 0x43
    END_TRY
    FAULTS "INT to a gate that is not present", 11, 0x43*8 + 2
    STAYS "INT to a gate that is not present"
    call fresh

    ; IRET with NT: the link has to be a busy TSS.
    RETURN "IRET to a task that is not busy", TASKA, 10, TASKA
    RETURN "IRET to a data segment", DATA, 10, DATA
    RETURN "IRET to the LDT", 8 | 4, 10, 8 | 4
    RETURN "IRET beyond the table", 0x800, 10, 0x800
    RETURN "IRET to a task that is not present", ABSENT_BUSY, 11, ABSENT_BUSY
    RETURN "IRET to a TSS with a limit of 66h", SMALL_BUSY, 10, SMALL_BUSY

    ; Checks in the new task: table 7-1.
    mov word [TA + LDT_], DATA
    CRASH "LDT selector of a data segment", 10, DATA
    mov word [TA + LDT_], ABSENT_LDT
    CRASH "LDT that is not present", 10, ABSENT_LDT
    mov word [TA + LDT_], LDT | 4
    CRASH "LDT selector in the LDT", 10, LDT | 4
    mov word [TA + CS_], 0
    CRASH "null CS", 10, 0
    mov word [TA + CS_], DATA
    CRASH "CS of a data segment", 10, DATA
    mov word [TA + CS_], ABSENT_CODE
    CRASH "CS that is not present", 11, ABSENT_CODE
    mov word [TA + CS_], CODE | 3
    mov word [TA + SS_], USERDATA
    mov word [TA + DS_], USERDATA
    mov word [TA + ES_], USERDATA
    CRASH "CS with RPL 3 and DPL 0", 10, CODE
    mov word [TA + SS_], 0
    CRASH "null SS", 10, 0
    mov word [TA + SS_], READONLY
    CRASH "SS that cannot be written", 10, READONLY
    mov word [TA + SS_], DATA | 3
    CRASH "SS with RPL 3 in ring 0", 10, DATA
    mov word [TA + SS_], ABSENT_DATA
    CRASH "SS that is not present", 12, ABSENT_DATA
    mov word [TA + DS_], XONLY
    CRASH "DS that cannot be read", 10, XONLY
    mov word [TA + DS_], ABSENT_DATA
    CRASH "DS that is not present", 11, ABSENT_DATA
    mov word [TA + ES_], 0x800
    CRASH "ES beyond the table", 10, 0x800
    mov word [TA + CS_], SHORTCODE
    CRASH "EIP beyond the limit of CS", 13, 0

    ; Paging: CR3 comes from a 32-bit TSS (7.3) and from no other.
    mov edi, DIR1
    mov ecx, 3*1024
    xor eax, eax
    rep stosd
    mov dword [DIR1], 0x83
    mov dword [DIR2], 0x83
    mov dword [DIR3], 0x83
    mov dword [DIR1 + (WINDOW >> 22)*4], 0x400083
    mov dword [DIR2 + (WINDOW >> 22)*4], 0x800083
    mov dword [DIR3 + (WINDOW >> 22)*4], 0x400083
    mov dword [0x400000], 1
    mov dword [0x800000], 2
    mov eax, cr4
    or eax, 0x10                ; PSE
    mov cr4, eax
    mov eax, DIR1
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    TRY
    jmp UNMAPPED:0
    END_TRY
    mov ecx, cr2
    and ecx, ~0xfff
    IS "TSS on a page that is not there", [vector], 14
    IS "TSS on a page that is not there: CR2", ecx, GONE
    STAYS "TSS on a page that is not there"
    mov dword [tss + CR3_], DIR3
    mov dword [TA + CR3_], DIR2
    mov dword [TA + EIP_], called
    mov eax, [WINDOW]
    TRY
    call TASKA:0
    END_TRY
    mov eax, cr3
    mov [back], eax
    call clear_ts
    IS "paging: no exception", [vector], -1
    IS "paging: CR3 of the new task", [seen_cr3], DIR2
    IS "paging: its translations", [seen_window], 2
    IS "paging: CR3 is the TSS's after the return, not what it was", [back], DIR3
    IS "paging: CR3 not saved in the TSS left", [TA + CR3_], DIR2
    IS "paging: the old translations again", [WINDOW], 1
    TRY
    call TASK16:0
    END_TRY
    call clear_ts
    IS "paging: a 16-bit TSS leaves CR3", [seen_cr3], DIR3
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    END

; What tasks do. SEE notes what they find.
%macro SEE 0
    mov [seen_eax], eax
    mov [seen_ebp], ebp
    mov [seen_edi], edi
    mov [seen_esp], esp
    pushfd
    pop dword [seen_flags]
    call observe
%endmacro

jumped:
    SEE
    jmp TSS:0
.behind:
    ud2

called:
    SEE
    iret
.behind:
    mov dword [said], 1
    iret

nests:
    mov dword [TB + EIP_], inner
    call TASKB:0
    pushfd
    pop eax
    and eax, NT
    mov [said], eax
    iret

inner:
    SEE
    movzx eax, word [TB + LINK]
    mov [seen_link], eax
    iret

recurs:
    call TSS:0
    ud2

excepted:
    pop dword [seen_code]
    mov eax, [tss + EIP_]
    mov [seen_eip], eax
    lea eax, [esp - 4]
    mov [seen_esp], eax
    add dword [tss + EIP_], 2   ; MOV FS,AX
    iret

; In segment LOWCODE; the upper halves of the registers are undefined.
called16:
    movzx eax, ax               ; which leaves the flags
    mov [seen_eax], eax
    movzx eax, bp
    mov [seen_ebp], eax
    movzx eax, di
    mov [seen_edi], eax
    movzx eax, sp
    mov [seen_esp], eax
    mov esp, STACK16
    pushfd
    pop eax
    mov [seen_flags], eax
    call observe
    mov al, [TABLE + TASK16 + 5]
    mov [seen_new], al
    movzx eax, word [T16 + LINK]
    mov [seen_link], eax
    mov eax, 0x4321
    iret
.behind:
    ud2

local_data:
    mov ebx, [0]
    mov ax, DATA
    mov ds, ax
    mov [said], ebx
    SEE
    iret

; Virtual-8086 code leaves by INT 43h and by HLT.
bits 16
real:
    mov word [0x10], 0x1234
    int 0x43
    mov word [0x12], 0x5678
.halt:
    hlt
.end:
bits 32

real_exits:
    SEE
    inc dword [exits]
    iret                        ; to the instruction behind INT
    SEE
    pop dword [seen_code]
    inc dword [exits]
    jmp TSS:0

observe:
    xor eax, eax
    str ax
    mov [seen_tr], eax
    sldt ax
    mov [seen_ldt], eax
    mov ax, fs
    mov [seen_fs], eax
    mov ax, gs
    mov [seen_gs], eax
    mov eax, cr0
    mov ecx, eax
    and eax, 8
    mov [seen_ts], eax
    mov eax, cr3
    mov [seen_cr3], eax
    test ecx, ecx
    jns .no_paging
    mov eax, [WINDOW]
    mov [seen_window], eax
.no_paging:
    movzx eax, byte [TABLE + TASKA + 5]
    mov [seen_a], eax
    mov [seen_new], eax
    movzx eax, byte [TABLE + TSS + 5]
    mov [seen_old], eax
    movzx eax, word [TA + LINK]
    mov [seen_link], eax
    ret

; Exceptions 10 to 13 as tasks
%assign v 10
%rep 4
crashed %+ v:
    mov dword [vector], v
    movzx eax, word [TH + 0x100*(v - 10) + LINK]
    jmp crashed
%assign v v+1
%endrep
crashed:
    mov [linked], eax
    pop dword [errcode]
    mov esp, [resume_esp]
    jmp [resume]

crash_gates:
    mov dword [linked], -1
%assign v 10
%rep 4
    IDTGATE v, HANDLER + 8*(v - 10), 0x85
%assign v v+1
%endrep
    ret

clear_ts:
    clts
    ret

; fresh: back to the first task, whatever is the current one, all others as new
fresh:
    cld
    pushfd
    and dword [esp], ~NT
    popfd
    mov esi, gdt
    mov edi, TABLE
    mov ecx, TASKA
    rep movsb
    and byte [TABLE + TSS + 5], ~2
    mov esi, others
    mov ecx, TABLE_END - TASKA
    rep movsb
    mov esi, locals_
    mov edi, LTABLE
    mov ecx, 16
    rep movsb
    mov eax, buffer
    mov [LTABLE + 2], ax
    shr eax, 16
    mov [LTABLE + 4], al
    lgdt [table]
    mov ax, TSS
    ltr ax
    xor ax, ax
    lldt ax
    mov fs, ax
    mov gs, ax
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    clts
    mov eax, 0x400
    mov dr7, eax
    mov edi, idt
    mov eax, stubs
    mov ebx, 0x8e00
    mov ecx, 14
.gate:
    call set_gate
    add eax, STUB
    loop .gate
    mov edi, TA
    mov eax, called
    mov ebx, STACKA
    call new_task
    mov edi, TB
    mov ebx, STACKB
    call new_task
    mov ebx, STACKH
%assign v 10
%rep 4
    mov edi, TH + 0x100*(v - 10)
    mov eax, crashed %+ v
    add ebx, 0x100
    call new_task
%assign v v+1
%endrep
    mov edi, TV
    xor eax, eax
    mov ebx, 0x100
    call new_task
    mov dword [TV + EFLAGS_], VM | 0x3002
    mov dword [TV + 4], STACKV
    mov dword [TV + 8], DATA
    mov word [TV + CS_], REAL >> 4
    mov word [TV + SS_], REAL + 0x1000 >> 4
    mov word [TV + DS_], REAL + 0x100 >> 4
    mov word [TV + GS_], 0xfffe
    mov esi, task16
    mov edi, T16
    mov ecx, 44
    rep movsb
    ret

; new_task: EDI TSS, EAX entry, EBX stack
new_task:
    push eax
    push edi
    xor eax, eax
    mov ecx, 26
    rep stosd
    pop edi
    mov eax, cr3
    mov [edi + CR3_], eax
    mov eax, [esp]
    mov [edi + EIP_], eax
    mov dword [edi + EFLAGS_], 2
    mov eax, 0xa0000000
    xor ecx, ecx
.register:
    mov [edi + EAX_ + 4*ecx], eax
    inc eax
    inc ecx
    cmp ecx, 8
    jne .register
    mov [edi + ESP_], ebx
    mov word [edi + ES_], DATA
    mov word [edi + CS_], CODE
    mov word [edi + SS_], DATA
    mov word [edi + DS_], DATA
    mov word [edi + T_ + 2], 0x68
    pop eax
    ret

align 4
task16:
    dw 0, 0, 0, 0, 0, 0, 0
    dw called16 - $$, 0x8d7
    dw 0xb000, 0xb001, 0xb002, 0xb003, STACK16 & 0xffff, 0xb005, 0xb006, 0xb007
    dw DATA, LOWCODE, DATA, DATA, 0

table: dw TABLE_END - 1
    dd TABLE

locals_:
    dq 0x00409300000000ff       ; base: buffer
    SYSTEM TB, 0x67, 0x89

others:
    SYSTEM TA, 0x67, 0x89
    SYSTEM TB, 0x67, 0x89
    SYSTEM T16, 0x2b, 0x81
    SYSTEM TV, 0x67, 0x89
%assign v 0
%rep 4
    SYSTEM TH + 0x100*v, 0x67, 0x89
%assign v v+1
%endrep
    TASKGATE TASKA, 0x85
    TASKGATE TASKA, 0xe5
    SYSTEM LTABLE, 15, 0x82
    SYSTEM TB, 0x66, 0x89
    SYSTEM TB, 0x2a, 0x81
    SYSTEM TB, 0x67, 0x09
    dq 0x00cf13000000ffff
    dq 0x00cf1b000000ffff
    SYSTEM LTABLE, 15, 0x02
    TASKGATE TASKA, 0x05
    dq 0x00cf91000000ffff
    dq 0x00cf99000000ffff
    TASKGATE 0, 0x85
    TASKGATE 8 | 4, 0x85
    TASKGATE DATA, 0x85
    TASKGATE 0x800, 0x85
    SYSTEM GONE, 0x67, 0x89
    dq 0x00409b100000ffff
    SYSTEM TB, 0x67, 0x0b
    SYSTEM TB, 0x66, 0x8b
    dq 0x00409b0000000000

align 4
sp_before: dd 0
linked: dd 0
exits: dd 0
back: times 10 dd 0
seen_eax: dd 0
seen_ebp: dd 0
seen_edi: dd 0
seen_esp: dd 0
seen_flags: dd 0
seen_tr: dd 0
seen_ldt: dd 0
seen_fs: dd 0
seen_gs: dd 0
seen_ts: dd 0
seen_cr3: dd 0
seen_window: dd 0
seen_a: dd 0
seen_new: dd 0
seen_old: dd 0
seen_link: dd 0
seen_code: dd 0
seen_eip: dd 0
left: times 104 db 0

    FINISH
