; Paging, from the manual (SDM volume 3A, chapter 4): every combination of what entries and control registers allow with
; every kind of access, in 32-bit, PAE and 4-level paging; what accesses leave in the entries; reserved bits; accesses
; that cross into another page; what has to be seen after changes of the tables.
%include "env.inc"

; Linear addresses. The kernel and all tables lie in the first 4 MiB, which are the supervisor's and mapped one to one.
; The same memory is the user's at ALIAS.
TARGET equ 0x400000
NEXT equ TARGET + 0x1000
ALIAS equ 0x800000
FRAME equ 0x280000              ; physical: the target page
FRAME2 equ 0x281000             ; the page behind it
PT equ LEGACY + 0x1000

; A combination: what the accesses of a round meet.
C_P equ 1 << 0                  ; of the page table entry
C_W equ 1 << 1
C_U equ 1 << 2
C_PDE_W equ 1 << 3
C_PDE_U equ 1 << 4
C_NX equ 1 << 5
C_PDE_NX equ 1 << 6
C_WP equ 1 << 7
C_SMEP equ 1 << 8
C_SMAP equ 1 << 9
C_AC equ 1 << 10
C_ALL equ (1 << 11) - 1

; Kinds of access: those from USER on are made in ring 3.
READ equ 0
WRITE equ 1
FETCH equ 2
USER equ 3

; MATRIX name, number of accesses if the processor has SMEP and SMAP
%macro MATRIX 2
    call all_combinations
    IS {%1, ": accesses that are not as they should be"}, [bad], 0
    IS {%1, ": the first of them (combination, kind in bits 16 and up)"}, [first], -1
    IS {%1, ": accessed and dirty bits that are not"}, [bad_bits], 0
    IS {%1, ": accesses"}, [tried], %2
%endmacro

    BEGIN
    mov dword [cr4_base], 0x610 ; PSE, OSFXSR, OSXMMEXCPT
    mov eax, 7
    xor ecx, ecx
    cpuid
    mov ecx, C_P | C_W | C_U | C_PDE_W | C_PDE_U | C_WP
    test ebx, 1 << 7
    jz .no_smep
    or ecx, C_SMEP
.no_smep:
    test ebx, 1 << 20
    jz .no_smap
    or ecx, C_SMAP | C_AC
.no_smap:
    mov [usable], ecx
    IS "SMEP and SMAP are there", ecx, C_P | C_W | C_U | C_PDE_W | C_PDE_U | C_WP | C_SMEP | C_SMAP | C_AC

    ; What lies in the target page.
    mov dword [FRAME], 0xc3                     ; RET
    mov dword [FRAME + 16], 0x41cd              ; INT 41h
    mov dword [FRAME + 0x100], 0x12345678

    ; 32-bit paging.
    mov edi, LEGACY
    call clear_page
    mov edi, PT
    call clear_page
    mov dword [LEGACY], 0x83
    mov dword [LEGACY + (ALIAS >> 22)*4], 0x87
    mov dword [pde_at], LEGACY + (TARGET >> 22)*4
    mov dword [pte_at], PT
    mov dword [entry_bytes], 4
    mov eax, LEGACY
    mov cr3, eax
    mov eax, [cr4_base]
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    MATRIX "32-bit paging", 32*2*2*2*2*6

    ; What has to be seen: 4.10.4.
    mov dword [combination], C_P | C_W | C_U | C_PDE_W | C_PDE_U | C_WP
    call set_entries
    mov eax, [TARGET + 0x100]
    mov dword [PT], FRAME2 | 7
    mov dword [FRAME2 + 0x100], 0x9abcdef0
    invlpg [TARGET + 0x555]
    IS "INVLPG: the new page", [TARGET + 0x100], 0x9abcdef0
    mov dword [PT], FRAME | 7
    mov eax, cr3
    mov cr3, eax
    IS "MOV to CR3: the new page", [TARGET + 0x100], 0x12345678
    mov eax, cr4
    or eax, 0x80                                ; PGE
    mov cr4, eax
    mov dword [PT], FRAME | 0x107               ; global
    invlpg [TARGET]
    mov eax, [TARGET + 0x100]
    mov dword [PT], FRAME2 | 0x107
    mov eax, cr4
    and eax, ~0x80
    mov cr4, eax
    IS "clearing CR4.PGE: the new page for a global one", [TARGET + 0x100], 0x9abcdef0
    mov dword [PT], 0
    invlpg [TARGET]
    TRY
    mov eax, [TARGET + 0x100]
    END_TRY
    FAULTS "a page that is gone", 14, 0
    mov dword [PT], FRAME | 7
    TRY
    mov eax, [TARGET + 0x100]
    END_TRY
    IS "a page that has come: nothing has to be flushed", [vector], -1

    ; Accesses that cross into a page that is not there or read-only: 4.7, and nothing is written.
    mov dword [PT + 4], 0
    invlpg [NEXT]
    mov dword [FRAME + 0xffc], 0x11223344
    TRY
    mov eax, [NEXT - 2]
    END_TRY
    FAULTS "a read across the end of a page", 14, 0
    mov eax, cr2
    IS "CR2 is the second page", eax, NEXT
    TRY
    mov dword [NEXT - 1], -1
    END_TRY
    FAULTS "a write across the end of a page", 14, 2
    IS "writes nothing", [FRAME + 0xffc], 0x11223344
    mov dword [PT + 4], FRAME2 | 1
    invlpg [NEXT]
    mov dword [FRAME2], 0x55667788
    TRY
    add dword [NEXT - 2], 1
    END_TRY
    FAULTS "ADD across the end of a page into a read-only one", 14, 3
    IS "writes nothing there", [FRAME + 0xffc], 0x11223344
    mov dword [PT + 4], FRAME2 | 3
    invlpg [NEXT]
    IS "a read across both", [NEXT - 2], 0x77881122
    mov dword [PT], 0
    mov dword [PT + 4], FRAME2 | 7
    mov eax, cr3
    mov cr3, eax
    TRY
    push dword USERDATA
    push dword NEXT + 2
    push dword 2
    push dword USERCODE
    push dword ALIAS + user_push
    iret
    END_TRY
    FAULTS "PUSH across the beginning of a page in ring 3", 14, 6
    mov eax, cr2
    IS "CR2 is in the first page", eax, NEXT - 2

    ; Large pages keep their bits in the page directory: 4.8.
    mov dword [LEGACY + (TARGET >> 22)*4], 0x83
    mov eax, cr3
    mov cr3, eax
    mov eax, [TARGET + FRAME + 0x100]
    mov eax, [LEGACY + (TARGET >> 22)*4]
    IS "4 MiB: accessed", eax, 0xa3
    mov byte [TARGET + FRAME2 + 0x200], 1
    mov eax, [LEGACY + (TARGET >> 22)*4]
    IS "4 MiB: dirty", eax, 0xe3

    ; PAE paging.
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 1 << 11             ; NXE
    wrmsr
    or dword [usable], C_NX | C_PDE_NX
    or dword [cr4_base], 0x20   ; PAE
    mov edi, LEGACY
    call clear_page
    mov edi, PT
    call clear_page
    mov edi, TABLES + 0x6000
    call clear_page
    mov dword [LEGACY], TABLES + 0x6001
    mov dword [TABLES + 0x6000], 0x83
    mov dword [TABLES + 0x6000 + 8], 0x200083
    mov dword [TABLES + 0x6000 + (ALIAS >> 21)*8], 0x87
    mov dword [pde_at], TABLES + 0x6000 + (TARGET >> 21)*8
    mov dword [entry_bytes], 8
    mov eax, [cr4_base]
    mov cr4, eax
    mov eax, LEGACY
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    MATRIX "PAE paging", 32*4*2*2*2*2*6

    ; Reserved bits: 4.4.2.
    mov dword [combination], C_P | C_W | C_U | C_PDE_W | C_PDE_U | C_WP
    call set_entries
    mov dword [PT + 4], 1 << 30
    invlpg [TARGET]
    TRY
    mov eax, [TARGET]
    END_TRY
    FAULTS "a reserved bit of a page table entry", 14, 9
    mov dword [PT + 4], 0
    mov dword [TABLES + 0x6000 + (TARGET >> 21)*8], 0x2083
    mov eax, cr3
    mov cr3, eax
    TRY
    mov [TARGET], eax
    END_TRY
    FAULTS "a reserved bit of a large page", 14, 11
    mov dword [LEGACY + 8], TABLES + 0x6007
    mov eax, cr3
    TRY
    mov cr3, eax
    END_TRY
    FAULTS "a reserved bit of a PDPTE that is loaded", 13, 0
    mov dword [LEGACY + 8], 0

    ; 4-level paging, by way of env.inc's tables: the first 4 MiB become the supervisor's.
    GO_LONG
    mov edi, PT
    call clear_page
    mov dword [TABLES + 0x2000], 0x83
    mov dword [TABLES + 0x2000 + 8], 0x200083
    mov dword [TABLES + 0x2000 + (ALIAS >> 21)*8], 0x87
    mov dword [pde_at], TABLES + 0x2000 + (TARGET >> 21)*8
    mov dword [long_mode], 1
    mov eax, TABLES
    mov cr3, eax
    MATRIX "4-level paging", 32*4*2*2*2*2*6
    mov dword [combination], C_P | C_W | C_U | C_PDE_W | C_PDE_U | C_WP
    call set_entries
    mov dword [PT + 4], 1 << 19 ; bit 51
    invlpg [TARGET]
    LONG
    mov eax, [TARGET]
    END_LONG
    FAULTS "a physical address that is too wide", 14, 9
    mov dword [PT + 4], 1 << 31
    mov ecx, 0xc0000080
    rdmsr
    and eax, ~(1 << 11)
    wrmsr
    mov eax, cr3
    mov cr3, eax
    LONG
    mov eax, [TARGET]
    END_LONG
    FAULTS "the NX bit without EFER.NXE", 14, 9
    mov dword [PT + 4], 0
    invlpg [TARGET]
    LONG
    mov rax, 1 << 47
    mov al, [rax]
    END_LONG
    FAULTS "a read that is not canonical", 13, 0
    LONG
    mov rbp, 1 << 47
    mov al, [rbp]
    END_LONG
    FAULTS "by way of RBP", 12, 0
    LONG
    mov rax, (1 << 47) - 4
    mov rax, [rax]
    END_LONG
    FAULTS "a read of which the end is not", 13, 0

    END

; clear_page clears the page at EDI.
clear_page:
    xor eax, eax
    mov ecx, 1024
    rep stosd
    ret

; set_entries makes the entries and control registers those of [combination].
set_entries:
    mov edx, [combination]
    mov eax, FRAME
    mov ecx, edx
    and ecx, C_P | C_W | C_U
    or eax, ecx
    mov edi, [pte_at]
    mov [edi], eax
    mov eax, PT | 1
    mov ecx, edx
    shr ecx, 2
    and ecx, 6
    or eax, ecx
    mov edi, [pde_at]
    mov [edi], eax
    cmp dword [entry_bytes], 4
    je .done
    mov eax, edx
    shl eax, 26                 ; NX
    and eax, 1 << 31
    mov edi, [pte_at]
    mov [edi + 4], eax
    mov eax, edx
    shl eax, 25
    and eax, 1 << 31
    mov edi, [pde_at]
    mov [edi + 4], eax
.done:
    mov eax, cr0
    and eax, ~(1 << 16)
    mov ecx, edx
    and ecx, C_WP
    shl ecx, 9
    or eax, ecx
    mov cr0, eax
    mov eax, [cr4_base]
    mov ecx, edx
    and ecx, C_SMEP | C_SMAP
    shl ecx, 12
    or eax, ecx
    mov cr4, eax
    mov eax, cr3
    mov cr3, eax
    ret

; expect puts what the manual says of the access of kind [kind] into [want] (the error code, -1: no fault): 4.6 and 4.7.
expect:
    mov edx, [combination]
    mov esi, [kind]
    mov dword [want], -1
    xor ebx, ebx                ; is the user's
    cmp esi, USER
    jb .supervisor
    sub esi, USER
    inc ebx
.supervisor:
    mov eax, ebx                ; the error code: U/S
    shl eax, 2
    cmp esi, WRITE
    jne .not_write
    or eax, 2
.not_write:
    cmp esi, FETCH
    jne .not_fetch
    test dword [usable], C_NX
    jnz .tells
    test edx, C_SMEP
    jz .not_fetch
.tells:
    or eax, 0x10
.not_fetch:
    test edx, C_P
    jz .fault
    or eax, 1
    ; The page's own rights: what all entries allow.
    xor ecx, ecx
    mov edi, edx
    and edi, C_U | C_PDE_U
    cmp edi, C_U | C_PDE_U
    jne .no_user
    or ecx, 1
.no_user:
    mov edi, edx
    and edi, C_W | C_PDE_W
    cmp edi, C_W | C_PDE_W
    jne .no_write
    or ecx, 2
.no_write:
    cmp esi, FETCH
    jne .data
    test edx, C_NX | C_PDE_NX
    jnz .fault
    test ebx, ebx
    jnz .needs_user
    test ecx, 1
    jz .allowed
    test edx, C_SMEP
    jnz .fault
    jmp .allowed
.data:
    test ebx, ebx
    jz .privileged
    cmp esi, WRITE
    jne .needs_user
    test ecx, 2
    jz .fault
.needs_user:
    test ecx, 1
    jz .fault
    jmp .allowed
.privileged:
    test ecx, 1
    jz .no_smap
    test edx, C_SMAP
    jz .no_smap
    test edx, C_AC
    jz .fault
.no_smap:
    cmp esi, WRITE
    jne .allowed
    test edx, C_WP
    jz .allowed
    test ecx, 2
    jnz .allowed
.fault:
    mov [want], eax
.allowed:
    ret

; all_combinations tries all accesses of all combinations that are [usable].
all_combinations:
    xor eax, eax
    mov [bad], eax
    mov [bad_bits], eax
    mov [tried], eax
    mov [combination], eax
    mov dword [first], -1
.next:
    mov eax, [usable]
    not eax
    test [combination], eax
    jnz .skip
    mov dword [kind], 0
.access:
    call set_entries
    mov ebx, [kind]
    call [attempts + 4*ebx]
    inc dword [tried]
    call expect
    mov eax, -1                 ; found
    cmp dword [vector], 14
    jne .compare
    mov eax, [errcode]
.compare:
    cmp eax, [want]
    jne .wrong
    cmp dword [vector], 14      ; nothing but page faults and the way back from ring 3
    je .right
    cmp dword [vector], 0x41
    je .right
    cmp dword [vector], -1
    je .right
.wrong:
    inc dword [bad]
    cmp dword [first], -1
    jne .right
    mov eax, [kind]
    shl eax, 16
    or eax, [combination]
    mov [first], eax
.right:
    call bits_are_right
    inc dword [kind]
    cmp dword [kind], 2*USER
    jb .access
.skip:
    inc dword [combination]
    cmp dword [combination], C_ALL
    jbe .next
    ; Back to what the rest of the kernel needs.
    mov dword [combination], C_P | C_W | C_WP
    jmp set_entries

; bits_are_right looks at the accessed and dirty bits: 4.8.
bits_are_right:
    mov esi, [pte_at]
    mov eax, [esi]
    cmp dword [want], -1
    je .done_access
    test eax, 0x40              ; no write, not dirty
    jnz .wrong
    ret
.done_access:
    mov edi, [pde_at]
    test dword [edi], 0x20
    jz .wrong
    mov ecx, 0x20
    mov ebx, [kind]
    cmp ebx, WRITE
    je .dirty
    cmp ebx, USER + WRITE
    jne .clean
.dirty:
    or ecx, 0x40
.clean:
    and eax, 0x60
    cmp eax, ecx
    jne .wrong
    ret
.wrong:
    inc dword [bad_bits]
    ret

attempts: dd s_read, s_write, s_fetch, u_read, u_write, u_fetch

; SUPERVISOR access: in ring 0, with AC as the combination has it
%macro SUPERVISOR 1+
    cmp dword [long_mode], 0
    jne %%long
    TRY
    call alignment
    %1
    END_TRY
    push dword 2
    popfd
    ret
%%long:
    LONG
    call alignment64
    %1
    END_LONG
    push dword 2
    popfd
    ret
%endmacro

; IN_USER place: to ring 3
%macro IN_USER 1
    cmp dword [long_mode], 0
    jne %%long
    TRY
    mov ax, USERDATA
    mov ds, ax
    push dword USERDATA
    push dword ALIAS + user_top
    push dword 2
    push dword USERCODE
    push dword ALIAS + %1
    iret
    END_TRY
    ret
%%long:
    LONG
    push USERDATA
    push ALIAS + user_top
    push 2
    push USERCODE64
    push ALIAS + %1
    iretq
    END_LONG
    ret
%endmacro

bits 32
s_read:
    SUPERVISOR mov eax, [TARGET + 0x100]
s_write:
    SUPERVISOR mov [TARGET + 0x100], eax
s_fetch:
    mov ecx, TARGET
    SUPERVISOR call fetch
u_read:
    IN_USER user_read
u_write:
    IN_USER user_write
u_fetch:
    IN_USER user_fetch

; alignment sets AC as the combination has it.
alignment:
    mov eax, [combination]
    and eax, C_AC
    shl eax, 8
    or eax, 2
    push eax
    popfd
    mov eax, 0x12345678
    ret

bits 64
alignment64:
    mov eax, [combination]
    and eax, C_AC
    shl eax, 8
    or eax, 2
    push rax
    popfq
    mov eax, 0x12345678
    ret

; What follows means the same in 32- and in 64-bit code.
fetch:
    mov ecx, TARGET
    db 0xff, 0xe1               ; JMP ECX or RCX: the RET there comes back

user_read:
    mov ecx, TARGET + 0x100
    mov eax, [rcx]
    int 0x41
user_write:
    mov ecx, TARGET + 0x100
    mov eax, 0x12345678
    mov [rcx], eax
    int 0x41
user_push:
    push rax
    int 0x41
user_fetch:
    mov ecx, TARGET + 16
    db 0xff, 0xe1
bits 32

align 4
usable: dd 0
combination: dd 0
kind: dd 0
want: dd 0
bad: dd 0
bad_bits: dd 0
tried: dd 0
first: dd 0
pde_at: dd 0
pte_at: dd 0
entry_bytes: dd 0
cr4_base: dd 0
long_mode: dd 0

    FINISH
