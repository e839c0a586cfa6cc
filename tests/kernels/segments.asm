; Segments and gates, from the manual (SDM volume 3A, chapters 3, 5 and 6, and volume 2: MOV, JMP, CALL, RET, INT n,
; IRET, LAR, LSL, VERR, ARPL, LLDT, LTR): every type of descriptor by every way to it, with all combinations of DPL, RPL
; and CPL; limits of data, code and stacks; far transfers through gates and back; the same in 64-bit and compatibility
; mode, and addresses that are not canonical. What each combination should do is worked out here.
%include "env.inc"

; Descriptors behind those of env.inc; those of the rings are 8 apart.
RINGCODE equ 0x50
RINGDATA equ 0x70
RING64 equ 0x90
TESTED equ 0xb0                   ; the one that a check is about: 16 bytes, in the GDT and in the LDT
GATE equ 0xc0                   ; 16 bytes
LDT equ 0xd0                    ; 16 bytes
SMALL equ 0xe0                  ; a TSS: 16 bytes
FLAT equ 0xf0                   ; data of ring 3
TABLE_END equ 0xf8

; Memory, all of it written before use
TABLE equ 0x300000
LTABLE equ 0x301000
VARIABLES equ 0x308000
RUNSTACK equ 0x310000           ; 4 KiB for each ring
INNERSTACK equ 0x320000         ; likewise, from the TSS
GARBAGE equ 0x290000            ; an upper half for offsets of 16-bit gates
SPACE equ 0x340000              ; what segments with limits lie on
OPERAND equ 0x370000            ; likewise, zeros

; What a combination is made of: an access byte (type, S, DPL, P) in bits 7-0, RPL, CPL and TI; what is above differs.
C_RPL equ 8
C_CPL equ 10
C_TI equ 12

NT equ 0x4000
TOP equ 0x1000

; MATRIX name, routine, number of codes for combinations, number of combinations that there are
%macro MATRIX 4
    mov dword [routine], %2
    mov dword [codes], %3
    call sweep
    IS {%1, ": combinations"}, [tried], %4
    IS {%1, ": combinations that are not as they should be"}, [bad], 0
    cmp dword [bad], 0
    je %%fine
    IS {%1, ": the first of them, and what it is about in bits 31-28"}, [first], -1
    IS {%1, ": what it gave"}, [first_got], [first_want]
%%fine:
%endmacro

; FIELD register, first bit, number of bits: of the combination
%macro FIELD 3
    mov %1, [combination]
    shr %1, %2
    and %1, (1 << %3) - 1
%endmacro

; END_CAUGHT ends LONG, and FOUND tells what exception there was.
%macro END_CAUGHT 0
    int 0x42
bits 32
%$end:
%pop
%endmacro
%macro FOUND 3
    IS {%1, ": vector"}, [got + VEC], %2
    IS {%1, ": error code"}, [got + ERR], %3
%endmacro

; JUDGE what, found, expected: what is a number from 0 to 7
%macro JUDGE 3
    mov eax, %2
    mov edx, %3
    mov ecx, %1
    call judge
%endmacro

    BEGIN
    mov al, 0xff                ; no interrupts
    out 0x21, al
    out 0xa1, al
    call install
    mov edi, idt
    mov eax, catchers
    mov ebx, 0x8e00
    mov ecx, 32
.catcher:
    call set_gate
    add eax, STUB
    loop .catcher
    mov eax, done
    mov ebx, 0xee00
    mov edi, idt + 8*0x42
    call set_gate

    ; Loading data segment registers: volume 2, MOV; volume 3A, 5.5 to 5.7.
    MATRIX "segment loads", m_load, 3 << 16, 5*8192 + 10*4096
    ; LAR, LSL, VERR, VERW: 5.10.
    MATRIX "LAR, LSL, VERR, VERW", m_probe, 1 << 16, 4*8192 + 2*4096
    MATRIX "LLDT and LTR", m_system, 1 << 14, 16384

    ; Null selectors, and tables that end too early: volume 2, MOV; volume 3A, 3.4.2 and 3.5.1.
    MATRIX "null selectors", m_null, 5 << 4, 5*16
    MATRIX "ARPL", m_arpl, 128, 128
    MATRIX "LAR, LSL, VERR, VERW of nothing", m_nothing, 1 << 7, 1 << 7
    MATRIX "selectors of the LDT without one", m_no_ldt, 5, 5
    MATRIX "limits of descriptor tables", m_table, 10 << 4, 10*16

    ; Accesses: 5.3 and 5.4.1.
    MATRIX "limits and types of data segments", m_data, 1 << 19, 104320
    MATRIX "accesses to code segments by CS", m_code, 1 << 10, 640
    MATRIX "limits of stack segments", m_stack_data, 1 << 15, 9780
    MATRIX "operands at the limit", m_width, WIDTH_COUNT << 3, WIDTH_COUNT*5
    MATRIX "strings up to the limit", m_string, 7 << 9, 7*3*128
    MATRIX "segments of addressing forms", m_default, DEFAULT_COUNT, DEFAULT_COUNT
    MATRIX "limits of code that is executed", m_fetch, 1 << 13, 4914
    MATRIX "branches beyond the limit of CS", m_branch, BRANCHES << 1, BRANCHES << 1
    MATRIX "ENTER", m_enter, 1 << 7, 96
    MATRIX "pushes and pops at the ends of stacks", m_stack, 1 << 13, 7375

    ; Far transfers: volume 2, JMP, CALL, RET, IRET and INT n; volume 3A, 5.8.
    MATRIX "far JMP and CALL", m_direct, 4 << 13, 4*(8192 - 5*256)
    MATRIX "far JMP and CALL with immediate pointers", m_immediate, 4, 4
    MATRIX "RETF and IRET", m_return, 3 << 13, 3*8192
    MATRIX "RETF and IRET: stacks of outer rings", m_outer_stack, 3 << 15, 3*6*2048
    MATRIX "RETF and IRET: data segments in outer rings", m_outer_data, 1 << 11, 496
    MATRIX "call gates", m_gate, 1 << 17, 31112
    MATRIX "call gates: parameters", m_parameters, 1 << 10, 10*64
    MATRIX "interrupt and trap gates", m_interrupt, 1 << 18, 11192
    MATRIX "stacks of inner rings", m_inner_stack, 3 << 14, 3*3*2048
    MATRIX "room on stacks of inner rings", m_room, 1 << 7, 128
    MATRIX "limit of the TSS for stacks of inner rings", m_tss_limit, 1 << 8, 248
    MATRIX "null selectors and ones beyond the table", m_nowhere, 11 << 5, 304
    MATRIX "targets beyond the limit of CS", m_target_limit, 9 << 1, 18
    MATRIX "limit of the IDT", m_idt_limit, 32, 32
    MATRIX "INT3, INTO and INT n: DPL of the gate", m_software, 5 << 4, 80
    MATRIX "flags behind interrupt and trap gates", m_gate_flags, 1 << 13, 1 << 13
    MATRIX "flags of IRET and POPF", m_return_flags, 5 << 14, 57344
    MATRIX "CLI and STI", m_cli, 32, 32

    ; The same in compatibility mode, with 64-bit handlers.
    lgdt [gdtr]
    GO_LONG
    call install_long
    call compatibility
    MATRIX "compatibility mode: segment loads", m_load, 1 << 16, 5*8192
    MATRIX "compatibility mode: LAR, LSL, VERR, VERW", m_probe, 1 << 16, 4*8192 + 2*4096
    MATRIX "compatibility mode: ARPL", m_arpl, 128, 128
    MATRIX "compatibility mode: null selectors", m_null, 5 << 4, 5*16
    MATRIX "compatibility mode: limits and types of data segments", m_data, 1 << 16, 19424
    MATRIX "compatibility mode: accesses to code segments by CS", m_code, 1 << 10, 640
    MATRIX "compatibility mode: limits of stack segments", m_stack_data, 1 << 15, 9780
    MATRIX "compatibility mode: operands at the limit", m_width, WIDTH_COUNT << 3, WIDTH_COUNT*5
    MATRIX "compatibility mode: strings up to the limit", m_string, 7 << 9, 7*3*128
    MATRIX "compatibility mode: limits of code that is executed", m_fetch, 1 << 13, 4914
    MATRIX "compatibility mode: branches beyond the limit of CS", m_branch, BRANCHES << 1, BRANCHES << 1
    MATRIX "compatibility mode: ENTER", m_enter, 1 << 7, 96
    MATRIX "compatibility mode: pushes and pops at the ends of stacks", m_stack, 1 << 13, 7375
    MATRIX "compatibility mode: far JMP and CALL to 32-bit code", m_direct, 2 << 13, 2*(8192 - 256)
    mov dword [code_bits], 0xa0
    mov dword [code_base], 0
    MATRIX "compatibility mode: far JMP and CALL to 64-bit code", m_direct, 2 << 13, 2*(8192 - 256)
    MATRIX "compatibility mode: RETF and IRET to 64-bit code", m_return, 3 << 13, 3*8192
    MATRIX "compatibility mode: call gates", m_gate, 1 << 17, 15812
    MATRIX "compatibility mode: interrupt and trap gates", m_interrupt, 1 << 18, 6124
    MATRIX "compatibility mode: null selectors and ones beyond the table", m_nowhere, 11 << 5, 272
    MATRIX "compatibility mode: INT3, INTO and INT n: DPL of the gate", m_software, 5 << 4, 80

    ; 64-bit mode.
    call wide_mode
    MATRIX "64-bit mode: segment loads", m_load, 3 << 16, 5*8192 + 5*4096
    MATRIX "64-bit mode: null selectors", m_null, 5 << 4, 5*16
    MATRIX "64-bit mode: LAR, LSL, VERR, VERW of nothing", m_nothing, 1 << 7, 1 << 7
    MATRIX "64-bit mode: selectors of the LDT without one", m_no_ldt, 5, 5
    MATRIX "64-bit mode: limits of descriptor tables", m_table, 10 << 4, 10*16
    MATRIX "64-bit mode: LAR, LSL, VERR, VERW", m_probe, 1 << 16, 4*8192 + 2*4096
    MATRIX "64-bit mode: LLDT and LTR", m_system, 1 << 14, 16384
    MATRIX "64-bit mode: far JMP and CALL to 64-bit code", m_direct, 4 << 13, 4*(8192 - 256)
    MATRIX "64-bit mode: RETF and IRET to 64-bit code", m_return, 3 << 13, 3*8192
    MATRIX "64-bit mode: RETF and IRET: stacks of outer rings", m_outer_stack, 3 << 15, 3*6*2048
    MATRIX "64-bit mode: RETF and IRET: data segments in outer rings", m_outer_data, 1 << 11, 496
    MATRIX "64-bit mode: call gates", m_gate, 1 << 17, 15812
    MATRIX "64-bit mode: interrupt and trap gates", m_interrupt, 1 << 18, 6124
    MATRIX "64-bit mode: null selectors and ones beyond the table", m_nowhere, 11 << 5, 272
    MATRIX "64-bit mode: limit of the IDT", m_idt_limit, 32, 32
    MATRIX "64-bit mode: CLI and STI", m_cli, 32, 32
    mov dword [code_bits], 0xe0
    MATRIX "64-bit mode: far JMP and CALL to code with L and D", m_direct, 4 << 13, 4*(8192 - 256)
    MATRIX "64-bit mode: RETF and IRET to code with L and D", m_return, 3 << 13, 3*4096
    MATRIX "64-bit mode: call gates to code with L and D", m_gate, 1 << 17, 14772
    MATRIX "64-bit mode: interrupt and trap gates to code with L and D", m_interrupt, 1 << 18, 5804
    mov dword [code_bits], 0xc0
    MATRIX "64-bit mode: far JMP and CALL to 32-bit code", m_direct, 4 << 13, 4*(8192 - 256)
    MATRIX "64-bit mode: RETF and IRET to 32-bit code", m_return, 3 << 13, 3*8192
    MATRIX "64-bit mode: call gates to 32-bit code", m_gate, 1 << 17, 14772
    MATRIX "64-bit mode: interrupt and trap gates to 32-bit code", m_interrupt, 1 << 18, 5804
    mov dword [code_bits], 0x80
    mov dword [code_base], $$
    MATRIX "64-bit mode: RETF and IRET to 16-bit code", m_return, 3 << 13, 3*8192
    mov dword [code_base], 0
    mov dword [code_bits], 0xa0
    MATRIX "64-bit mode: segment instructions that it does not have", m_invalid, INVALIDS, INVALIDS
    MATRIX "64-bit mode: null stack segments by RETF and IRET", m_null_return, 1 << 8, 128
    MATRIX "64-bit mode: IST and alignment of the stack", m_ist, 1 << 9, 1 << 9
    MATRIX "64-bit mode: limit of the TSS", m_tss_limit64, 3 << 5, 3 << 5
    MATRIX "64-bit mode: neither limits nor types for accesses", m_flat64, 6 << 9, 1728
    MATRIX "64-bit mode: neither base nor limit for code", m_code64, 16, 16
    MATRIX "64-bit mode: upper type field of descriptors", m_upper, 3 << 3, 15
    MATRIX "64-bit mode: tables that end within a descriptor", m_upper_limit, 1 << 7, 1 << 7

    ; Addresses that are not canonical: volume 1, 3.3.7.1, and volume 2.
    MATRIX "not canonical: accesses by each register", m_registers, 1 << 10, 1 << 10
    MATRIX "not canonical: pushes and pops", m_rsp, 9 << 3, 9 << 3
    MATRIX "not canonical: targets of branches", m_target64, 13 << 3, 13 << 3
    MATRIX "not canonical: WRMSR", m_msr, 7 << 4, 7 << 4
    MATRIX "not canonical: bases of LDT and TSS", m_system_base, 16, 16
    MATRIX "not canonical: LGDT and LIDT", m_load_table, 10, 10
    MATRIX "not canonical: stacks from the TSS", m_inner_rsp, 16, 16
    LONG
    mov rax, 1 << 47
    xor ebp, ebp
    mov al, [nosplit rax + rbp*1]
    END_CAUGHT
    FOUND "not canonical: RBP as index", 13, 0
    LONG
    mov rbp, 1 << 47
    xor eax, eax
    mov al, [rbp + rax]
    END_CAUGHT
    FOUND "not canonical: RBP as base", 12, 0
    LONG
    mov rbp, 1 << 47
    mov al, [fs:rbp]
    END_CAUGHT
    FOUND "not canonical: RBP as base, by FS", 13, 0
    mov eax, 7
    xor ecx, ecx
    cpuid
    test ebx, 1
    jz .no_fsgsbase
    mov eax, cr4
    or eax, 1 << 16
    mov cr4, eax
    MATRIX "not canonical: WRFSBASE and WRGSBASE", m_base, 2 << 4, 2 << 4
.no_fsgsbase:
    xor eax, eax
    cpuid
    cmp ecx, "ntel"
    jne .no_intel
    mov dword [run_flags], 2
    MATRIX "not canonical: SYSRET and SYSEXIT", m_fast_return, 3*4, 3*4
.no_intel:

    END

; sweep calls [routine] for each code of a combination; which ones there are, it knows.
sweep:
    xor eax, eax
    mov [bad], eax
    mov [tried], eax
    mov [combination], eax
    dec eax
    mov [first], eax
.next:
    mov eax, [combination]
    movzx ecx, al
    mov [c_access], ecx
    mov ecx, eax
    and ecx, 31
    mov [c_type], ecx
    mov ecx, eax
    shr ecx, 5
    and ecx, 3
    mov [c_dpl], ecx
    mov ecx, eax
    shr ecx, 7
    and ecx, 1
    mov [c_p], ecx
    mov ecx, eax
    shr ecx, C_RPL
    and ecx, 3
    mov [c_rpl], ecx
    mov ecx, eax
    shr ecx, C_CPL
    and ecx, 3
    mov [cpl], ecx
    mov ecx, eax
    shr ecx, C_TI
    and ecx, 1
    mov [c_ti], ecx
    lea ecx, [TESTED + 4*ecx]
    mov [c_sel], ecx
    call [routine]
    inc dword [combination]
    mov eax, [combination]
    cmp eax, [codes]
    jb .next
    ret

; count: this combination is one.
count:
    inc dword [tried]
    mov byte [wrong], 0
    ret

; judge: EAX found, EDX expected, ECX what it is about
judge:
    cmp eax, edx
    je .right
    cmp byte [wrong], 0
    jne .right
    mov byte [wrong], 1
    inc dword [bad]
    cmp dword [first], -1
    jne .right
    mov [first_got], eax
    mov [first_want], edx
    shl ecx, 28
    or ecx, [combination]
    mov [first], ecx
.right:
    ret

; run runs [entry] in ring [cpl] with flags [run_flags] and the registers of [in_eax] and so on, until INT 42h or an
; exception; [got] is the state at that.
run:
    mov [resume_esp], esp
    mov dword [resume], run_end
    mov dword [resume + 4], 0
    mov ecx, [cpl]
    mov edx, ecx
    shl edx, 12
    add edx, RUNSTACK + TOP
    mov [run_esp], edx
    lea eax, [ecx + 8*ecx]
    mov ebx, eax
    add eax, RINGDATA
    mov [run_ss], eax
    add ebx, [ring_code]
    mov [run_cs], ebx
    cmp dword [wide], 0
    je .narrow
    jmp CODE64:run64
.narrow:
    test ecx, ecx
    jnz .outer
    mov ss, ax
    mov esp, edx
    jmp .inner
.outer:
    push eax
    push edx
.inner:
    push dword [run_flags]
    push ebx
    push dword [entry]
    mov ax, USERDATA
    mov ds, ax
    mov es, ax
    mov eax, [in_eax]
    mov ebx, [in_ebx]
    mov ecx, [in_ecx]
    mov edx, [in_edx]
    mov ebp, [in_ebp]
    iret
run_end:
    xor eax, eax
    mov fs, ax
    mov gs, ax
    ret
bits 64
run64:
    push qword [run_ss]
    push qword [run_esp]
    mov eax, [run_flags]
    push rax
    push qword [run_cs]
    push qword [entry]
    mov eax, USERDATA
    mov ds, eax
    mov es, eax
    mov rax, [in_eax]
    mov rbx, [in_ebx]
    mov rcx, [in_ecx]
    mov rdx, [in_edx]
    mov rbp, [in_ebp]
    iretq
bits 32

; outcome: EAX is -1 if [entry] came to INT 42h, and otherwise the vector in bits 31-16 and the error code below.
outcome:
    mov eax, [got + VEC]
    cmp eax, 0x42
    je .none
    shl eax, 16
    mov ax, [got + ERR]
    ret
.none:
    or eax, -1
    ret

; What the manual says: -1 or, as above, an exception with the selector [c_sel].
refused_gp:
    mov edx, [c_sel]
    or edx, 13 << 16
    ret
refused_np:
    mov edx, [c_sel]
    or edx, 11 << 16
    ret
refused_ss:
    mov edx, [c_sel]
    or edx, 12 << 16
    ret
refused_ts:
    mov edx, [c_sel]
    or edx, 10 << 16
    ret
allowed:
    or edx, -1
    ret

; descriptor: EDI place, AL access byte, AH G, D/B, L in bits 7-5, EBX base, ECX limit
descriptor:
    mov [edi], cx
    mov [edi + 2], bx
    mov edx, ebx
    shr edx, 16
    mov [edi + 4], dl
    mov [edi + 7], dh
    mov [edi + 5], al
    mov edx, ecx
    shr edx, 16
    and edx, 15
    or dl, ah
    mov [edi + 6], dl
    ret

; put_test makes both descriptors TESTED flat ones with this combination's access byte.
put_test:
    mov al, [c_access]
    mov ah, [flat_bits]
    xor ebx, ebx
    mov ecx, 0xfffff
    mov edx, eax
    and dl, 0x1c
    cmp dl, 0x14                ; data that expands down
    jne put_both
    mov ah, 0x40
    xor ecx, ecx
put_both:
    mov edi, TABLE + TESTED
    call descriptor
    mov edi, LTABLE + TESTED
    jmp descriptor

; access_byte: EAX is what has become of it.
access_byte:
    movzx eax, byte [TABLE + TESTED + 5]
    cmp dword [c_ti], 0
    je .gdt
    mov al, [LTABLE + TESTED + 5]
.gdt:
    ret

; Segment loads: more bits: 15-13 the register (ES, SS, DS, FS, GS), 17-16 the way (MOV, POP, LES and its kin).
m_load:
    FIELD ecx, 13, 3
    cmp ecx, 5
    jae .none
    mov [c_seg], ecx
    FIELD eax, 16, 2
    mov [c_way], eax
    test eax, eax
    jz .table
    cmp dword [c_ti], 0         ; POP and LES from the GDT only
    jne .none
.table:
    lea eax, [eax + 4*eax]
    add eax, ecx
    mov edx, [loaders]
    mov eax, [edx + 4*eax]
    test eax, eax
    jz .none
    mov [entry], eax
    call count
    call put_test
    mov eax, [c_sel]
    or eax, [c_rpl]
    mov [in_eax], eax
    mov [pointer + 4], ax
    mov dword [in_ebx], pointer
    call run
    call want_load
    mov [want], edx
    call outcome
    JUDGE 0, eax, [want]
    call access_byte
    mov edx, [c_access]
    mov esi, USERDATA
    cmp dword [c_seg], 3
    jb .had
    xor esi, esi
.had:
    cmp dword [c_seg], 1
    jne .not_ss
    mov esi, [run_ss]
.not_ss:
    cmp dword [want], -1
    jne .unchanged
    or edx, 1
    mov esi, [in_eax]
.unchanged:
    mov ecx, 1
    call judge
    mov ecx, [c_seg]
    mov ecx, [slots + 4*ecx]
    movzx eax, word [got + ecx]
    mov edx, esi
    mov ecx, 2
    call judge
    cmp dword [c_way], 1        ; POP moves ESP if all is well.
    jne .none
    mov edx, [run_esp]
    cmp dword [want], -1
    je .popped
    sub edx, [word_bytes]
.popped:
    mov eax, [got + SP_]
    mov ecx, 3
    call judge
.none:
    ret

want_load:
    cmp dword [c_seg], 1
    je .stack
    mov eax, [c_type]
    test al, 0x10
    jz refused_gp
    test al, 8
    jz .privilege
    test al, 2
    jz refused_gp               ; code that cannot be read
    test al, 4
    jnz .present                ; conforming
.privilege:
    mov eax, [c_dpl]
    cmp [cpl], eax
    ja refused_gp
    cmp [c_rpl], eax
    ja refused_gp
.present:
    cmp dword [c_p], 0
    je refused_np
    jmp allowed
.stack:
    call want_stack
    jc refused_gp
    cmp dword [c_p], 0
    je refused_ss
    jmp allowed

; want_stack: CF if the combination's descriptor or RPL is not right for the stack of ring [cpl].
want_stack:
    mov eax, [c_type]
    and al, 0x1a
    cmp al, 0x12
    jne .wrong
    mov eax, [cpl]
    cmp [c_rpl], eax
    jne .wrong
    cmp [c_dpl], eax
    jne .wrong
    clc
    ret
.wrong:
    stc
    ret

; LAR, LSL, VERR, VERW: more bits: 14-13 which, 15 with 16 bits.
m_probe:
    FIELD eax, 13, 3
    mov [c_way], eax
    and eax, 3
    cmp eax, 2
    jb .both
    cmp dword [c_p], 0          ; whether VERR and VERW look at P is not said
    je .none
    test dword [c_way], 4
    jnz .none
.both:
    mov eax, [c_way]
    mov eax, [probes + 4*eax]
    mov [entry], eax
    call count
    call put_test
    mov eax, [c_sel]
    or eax, [c_rpl]
    mov [in_eax], eax
    mov dword [in_ecx], 0x12345678
    mov dword [run_flags], 0x8d7
    test byte [combination], 1
    jz .flags
    mov dword [run_flags], 0x897
.flags:
    call run
    mov eax, [run_flags]
    mov dword [run_flags], 2
    mov [want_flags], eax
    call outcome
    JUDGE 0, eax, -1
    call access_byte
    mov edx, [c_access]
    mov ecx, 1
    call judge
    call want_probe
    mov [want], edx             ; what is in ECX
    mov edx, [want_flags]
    jc .found
    and edx, ~0x40
    jmp .judge
.found:
    or edx, 0x40
.judge:
    mov eax, [got + FL]
    mov ecx, 2
    call judge
    mov eax, [got + CX_]
    and eax, [probe_mask]
    mov edx, [want]
    and edx, [probe_mask]
    mov ecx, 3
    call judge
.none:
    ret

; want_probe: CF if ZF should be set, EDX what ECX should be; [probe_mask] are the bits of it that are defined.
want_probe:
    mov dword [probe_mask], -1
    mov ecx, [c_type]
    FIELD ebx, 13, 2
    test cl, 0x10
    jnz .segment
    mov edx, [valid_lar]
    cmp ebx, 1
    jb .system
    ja .no
    mov edx, [valid_lsl]
.system:
    bt edx, ecx
    jnc .no
    jmp .privilege
.segment:
    test cl, 8
    jz .privilege
    test cl, 4
    jnz .visible
.privilege:
    mov eax, [c_dpl]
    cmp [cpl], eax
    ja .no
    cmp [c_rpl], eax
    ja .no
.visible:
    cmp ebx, 2
    jb .yes
    ja .verw
    and cl, 0x0a                ; VERR
    cmp cl, 8
    je .no
    jmp .unchanged
.verw:
    and cl, 0x0a
    cmp cl, 2
    jne .no
.unchanged:
    mov edx, 0x12345678
    stc
    ret
.yes:
    mov edx, [TABLE + TESTED + 4]
    and edx, 0x00f0ff00
    mov dword [probe_mask], 0xfff0ffff
    cmp cl, 4                   ; gates have no such bits
    je .gate
    cmp cl, 5
    je .gate
    cmp cl, 12
    jne .bits
.gate:
    mov dword [probe_mask], 0xff00ffff
.bits:
    cmp ebx, 0
    je .width
    mov dword [probe_mask], -1
    mov edx, 0xffffffff
    test byte [TABLE + TESTED + 6], 0x80
    jnz .width
    xor edx, edx
.width:
    test dword [c_way], 4
    jz .wide
    and edx, 0xffff
    or edx, 0x12340000
    mov dword [probe_mask], -1
.wide:
    stc
    ret
.no:
    mov edx, 0x12345678
    clc
    ret

; ARPL: bits 1-0 RPL that is adjusted, 3-2 the other one, 5-4 the ring, 6 in memory
m_arpl:
    call count
    FIELD eax, 4, 2
    mov [cpl], eax
    FIELD eax, 0, 2
    FIELD ecx, 2, 2
    mov edx, 0x897
    cmp eax, ecx
    jae .high
    or edx, 0x40                ; ZF
.high:
    mov [want_flags], edx
    xor edx, 0x40
    or eax, 0x1234abc8
    or ecx, 0x56781234
    mov [run_flags], edx
    mov [in_eax], eax
    mov [in_ecx], ecx
    mov [buffer], eax
    mov dword [in_ebx], buffer
    mov edx, eax
    FIELD ebx, 0, 2
    and ecx, 3
    cmp ebx, ecx
    jae .kept
    xor edx, ebx
    xor edx, ecx
.kept:
    mov [want], edx
    mov dword [entry], probe_arpl
    test dword [combination], 0x40
    jz .register
    mov dword [entry], probe_arpl_memory
.register:
    call run
    mov dword [run_flags], 2
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    JUDGE 1, [got + FL], [want_flags]
    mov eax, [got + AX_]
    test dword [combination], 0x40
    jz .judge
    mov eax, [buffer]
.judge:
    mov edx, [want]
    mov ecx, 2
    jmp judge

; LLDT and LTR: more bit: 13 which.
m_system:
    FIELD eax, 13, 1
    mov [c_way], eax
    mov eax, [system_loads + 4*eax]
    mov [entry], eax
    call count
    call put_test
    mov dword [TABLE + TESTED + 8], 0
    mov dword [TABLE + TESTED + 12], 0
    mov eax, [c_sel]
    or eax, [c_rpl]
    mov [in_eax], eax
    call run
    call outcome
    push eax
    call want_system
    mov [want], edx
    pop eax
    mov ecx, 0
    call judge
    call access_byte
    mov edx, [c_access]
    cmp dword [want], -1
    jne .same
    cmp dword [c_way], 1
    jne .same
    or edx, 2                   ; busy
.same:
    mov ecx, 1
    call judge
    xor eax, eax
    sldt ax
    mov edx, LDT
    cmp dword [c_way], 1
    jne .ldt
    str ax
    mov edx, TSS
.ldt:
    cmp dword [want], -1
    jne .kept
    mov edx, [in_eax]
.kept:
    mov ecx, 2
    call judge
    jmp system_registers

want_system:
    mov edx, 13 << 16
    cmp dword [cpl], 0
    jne .end
    cmp dword [c_ti], 0
    jne refused_gp
    mov ecx, [c_type]
    mov edx, 1 << 2
    cmp dword [c_way], 0
    je .types
    mov edx, [valid_ltr]
.types:
    bt edx, ecx
    jnc refused_gp
    cmp dword [c_p], 0
    je refused_np
    jmp allowed
.end:
    ret

; Null selectors: bits 1-0 RPL, 3-2 the ring, 6-4 the register.
m_null:
    FIELD eax, 0, 2
    mov [in_eax], eax
    FIELD eax, 2, 2
    mov [cpl], eax
    FIELD ecx, 4, 3
    mov [c_seg], ecx
    mov eax, [loaders]
    mov eax, [eax + 4*ecx]
    mov [entry], eax
    call count
    call run
    call outcome
    or edx, -1
    cmp dword [c_seg], 1
    jne .allowed
    cmp dword [null_stack], 0   ; 64-bit mode allows it outside of ring 3.
    je .refused
    mov ecx, [cpl]
    cmp ecx, 3
    je .refused
    cmp ecx, [in_eax]
    je .allowed
.refused:
    mov edx, 13 << 16
.allowed:
    mov ecx, 0
    jmp judge

; Limits of descriptor tables: bits 3-0 the limit, 7-4 the register and the table.
m_table:
    FIELD ecx, 4, 4
    mov edx, TESTED
    mov dword [cpl], 3
    cmp ecx, 5
    jb .gdt
    sub ecx, 5
    or edx, 4
.gdt:
    mov [c_sel], edx
    or edx, 3
    mov [in_eax], edx
    mov eax, [loaders]
    mov eax, [eax + 4*ecx]
    mov [entry], eax
    call count
    mov eax, 0xc0f3
    xor ebx, ebx
    mov ecx, 0xfffff
    call put_both
    FIELD ecx, 0, 4
    add ecx, TESTED - 1
    test dword [c_sel], 4
    jnz .ldt
    mov [table], cx
    lgdt [table]
    jmp .run
.ldt:
    mov edi, TABLE + LDT
    mov eax, 0x82
    mov ebx, LTABLE
    call descriptor
    mov ax, LDT
    lldt ax
.run:
    call run
    mov word [table], TABLE_END - 1
    lgdt [table]
    mov edi, TABLE + LDT
    mov eax, 0x82
    mov ebx, LTABLE
    mov ecx, 0xff
    call descriptor
    mov ax, LDT
    lldt ax
    call refused_gp
    FIELD ecx, 0, 4
    cmp ecx, 8
    jb .refused
    or edx, -1
.refused:
    call outcome
    mov ecx, 0
    jmp judge

; edge makes a segment, and an offset that is [delta] from one of its ends: [access], [e_limit] with [e_g] and [e_b],
; [e_upper] for the other end of one that expands down. It returns with CF if what becomes of [e_size] bytes there is
; implementation-specific; otherwise ZF tells that they are out of the limits.
edge:
    mov ebx, [e_limit]
    cmp dword [e_g], 0
    je .bytes
    shl ebx, 12
    or ebx, 0xfff
.bytes:
    mov [e_last], ebx
    inc ebx
    cmp dword [e_upper], 0
    je .anchored
    mov ebx, 0x10000
.anchored:
    mov eax, SPACE + 0x100
    sub eax, ebx
    mov [e_base], eax
    add ebx, [e_delta]
    mov [e_offset], ebx
    mov ebx, eax
    xor eax, eax
    cmp dword [e_b], 0
    je .small
    or ah, 0x40
.small:
    cmp dword [e_g], 0
    je .fine
    or ah, 0x80
.fine:
    mov al, [e_access]
    mov ecx, [e_limit]
    call put_both
; in_limits is the second part of edge: of [e_size] bytes at [e_offset] in a segment to [e_last].
in_limits:
    mov eax, [e_offset]
    mov ecx, eax
    add ecx, [e_size]
    sbb edx, edx
    dec ecx
    cmp ecx, -1
    jne .no_end
    xor edx, edx                ; the last byte of all
.no_end:
    mov bl, [e_access]          ; EAX first, ECX last, EDX whether they wrap
    and bl, 0x0c
    cmp bl, 0x04
    je .down
    test edx, edx
    jz .whole
    cmp dword [e_last], -1
    je .unknown
    jmp .out
.whole:
    cmp ecx, [e_last]
    ja .out
    jmp .in
.down:
    test edx, edx
    jnz .unknown
    cmp eax, [e_last]
    jbe .out
    cmp dword [e_b], 0
    jne .in
    cmp ecx, 0xffff
    ja .out
.in:
    or eax, 1                   ; ZF and CF clear
    ret
.out:
    xor eax, eax
    ret
.unknown:
    stc
    ret

; Data segments: bits 2-0 type, 3 B, 4 G, 7-5 limit, 10-8 where, 13-11 bytes, 15-14 read, write or both, 17-16 register,
; 18 the upper end. In ring 0.
m_data:
    FIELD eax, 0, 3
    cmp eax, 6
    jae .none
    mov al, [data_types + eax]
    mov [e_access], eax
    FIELD eax, 3, 1
    mov [e_b], eax
    FIELD eax, 4, 1
    mov [e_g], eax
    FIELD eax, 5, 3
    mov eax, [limits + 4*eax]
    mov [e_limit], eax
    FIELD eax, 8, 3
    mov eax, [deltas + 4*eax]
    mov [e_delta], eax
    FIELD ecx, 11, 3
    cmp ecx, 5
    jae .none
    mov edx, 1
    shl edx, cl
    mov [e_size], edx
    FIELD eax, 14, 2
    mov [c_way], eax
    cmp eax, 2
    ja .none
    jne .any
    cmp ecx, 3
    jae .none
.any:
    lea eax, [eax + 4*eax]
    add eax, ecx
    FIELD ecx, 16, 2
    lea ecx, [ecx + 2*ecx]
    lea ecx, [ecx + 4*ecx]
    add eax, ecx
    mov eax, [accessors + 4*eax]
    mov [entry], eax
    FIELD eax, 18, 1
    mov [e_upper], eax
    test eax, eax
    jz .down
    mov al, [e_access]
    and al, 0x0c
    cmp al, 4
    jne .none
.down:
    call edge
    jc .none
    mov edx, 13 << 16
    jz .refused
    cmp dword [c_way], 0
    je .allowed
    mov al, [e_access]
    and al, 0x0a
    cmp al, 2
    jne .refused
.allowed:
    or edx, -1
.refused:
    mov [want], edx
    call count
    mov [resume_esp], esp
    mov dword [resume], .end
    mov dword [got + VEC], 0x42
    mov eax, TESTED
    mov ebx, [e_offset]
    call [entry]
.end:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
.none:
    ret

; Code segments by CS: bits 1-0 type, 2 G, 5-3 where, 8-6 bytes, 9 write. In ring 0.
m_code:
    FIELD eax, 0, 2
    lea eax, [2*eax + 0x99]
    mov [e_access], eax
    mov dword [e_b], 1
    mov dword [e_limit], 0x1ffff
    FIELD eax, 2, 1
    mov [e_g], eax
    mov dword [e_upper], 0
    test eax, eax
    jz .bytes
    mov dword [e_limit], 0x20
.bytes:
    FIELD eax, 3, 3
    mov eax, [deltas + 4*eax]
    mov [e_delta], eax
    FIELD ecx, 6, 3
    cmp ecx, 5
    jae .none
    mov edx, 1
    shl edx, cl
    mov [e_size], edx
    FIELD eax, 9, 1
    mov [c_way], eax
    lea eax, [eax + 4*eax]
    add eax, ecx
    mov eax, [accessors_cs + 4*eax]
    sub eax, $$
    mov [pointer], eax
    mov dword [pointer + 4], TESTED
    call count
    call edge
    mov edx, 13 << 16
    jz .refused
    cmp dword [c_way], 0
    jne .refused
    test byte [e_access], 2
    jz .refused
    or edx, -1
.refused:
    mov [want], edx
    mov al, [e_access]
    mov ah, 0x40
    cmp dword [e_g], 0
    je .small
    mov ah, 0xc0
.small:
    mov ebx, $$
    mov ecx, [e_limit]
    call put_both
    mov dword [cpl], 0
    mov dword [entry], jump_ebp
    mov dword [in_ebp], pointer
    mov eax, [e_offset]
    mov [in_ebx], eax
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    JUDGE 1, [got + CS_], TESTED
.none:
    ret

; Stack segments: bits 0 type, 1 B, 2 G, 5-3 limit, 8-6 where, 11-9 bytes, 13-12 read, write or both, 14 the upper end.
; In ring 3.
m_stack_data:
    FIELD eax, 0, 1
    lea eax, [4*eax + 0xf3]
    mov [e_access], eax
    FIELD eax, 1, 1
    mov [e_b], eax
    FIELD eax, 2, 1
    mov [e_g], eax
    FIELD eax, 3, 3
    mov eax, [limits + 4*eax]
    mov [e_limit], eax
    FIELD eax, 6, 3
    mov eax, [deltas + 4*eax]
    mov [e_delta], eax
    FIELD ecx, 9, 3
    cmp ecx, 5
    jae .none
    mov edx, 1
    shl edx, cl
    mov [e_size], edx
    FIELD eax, 12, 2
    cmp eax, 2
    ja .none
    jne .any
    cmp ecx, 3
    jae .none
.any:
    lea eax, [eax + 4*eax]
    add eax, ecx
    mov eax, [accessors_ss + 4*eax]
    mov [entry], eax
    FIELD eax, 14, 1
    mov [e_upper], eax
    test eax, eax
    jz .lower
    test byte [e_access], 4
    jz .none
.lower:
    call edge
    jc .none
    mov edx, 12 << 16
    jz .refused
    or edx, -1
.refused:
    mov [want], edx
    call count
    mov dword [in_eax], TESTED | 3
    mov eax, [e_offset]
    mov [in_ebp], eax
    mov dword [cpl], 3
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
.none:
    ret

; Execution: bits 3-0 bytes of an instruction, 7-4 where, 10-8 limit, 11 D, 12 G. In ring 0.
m_fetch:
    FIELD eax, 0, 4
    cmp eax, 2
    jb .none
    mov [e_size], eax
    FIELD eax, 4, 4
    sub eax, 15
    mov [e_delta], eax
    FIELD eax, 8, 3
    mov eax, [limits + 4*eax]
    mov [e_limit], eax
    FIELD eax, 11, 1
    mov [e_b], eax
    FIELD eax, 12, 1
    mov [e_g], eax
    mov dword [e_upper], 0
    mov dword [e_access], 0x9b
    call edge
    jc .none
    mov edx, 13 << 16
    jz .refused
    or edx, -1
.refused:
    mov [want], edx
    mov ebx, [e_offset]
    mov [pointer], ebx
    mov dword [pointer + 4], TESTED
    cmp dword [e_b], 0
    jne .wide
    cmp ebx, [e_last]
    ja .wide
    lea eax, [ebx + 15]
    cmp eax, 0x10000
    ja .none
.wide:
    call count
    mov eax, prefixed_end       ; where the instruction ends
    sub eax, [e_size]
    sub eax, ebx
    mov ebx, eax
    movzx eax, byte [TABLE + TESTED + 6]
    and al, 0xc0
    shl eax, 8
    mov al, 0x9b
    mov ecx, [e_limit]
    call put_both
    mov dword [cpl], 0
    mov dword [entry], jump_ebp
    mov dword [in_ebp], pointer
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    mov eax, TESTED
    mov ebx, [e_offset]
    cmp ebx, [e_last]
    jbe .there
    mov eax, RINGCODE
    mov ebx, jump_ebp
.there:
    JUDGE 1, [got + CS_], eax
    mov edx, ebx
    cmp dword [want], -1
    jne .at
    add edx, [e_size]
.at:
    mov eax, [got + IP_]
    mov ecx, 2
    call judge
.none:
    ret

; Branches: bit 0: the limit is behind the target, 5-1 the branch. In ring 0.
m_branch:
    call count
    FIELD ecx, 1, 5
    lea ecx, [ecx + 2*ecx]
    mov esi, [branches + 4*ecx]
    mov eax, [branches + 4*ecx + 4]
    sub eax, $$
    mov [want_at], eax
    mov edi, [branches + 4*ecx + 8]
    mov eax, esi
    sub eax, $$
    mov [pointer], eax
    mov dword [pointer + 4], TESTED
    lea ecx, [edi - 1]
    sub ecx, $$
    mov edx, 13 << 16
    test byte [combination], 1
    jz .beyond
    add ecx, 2
    or edx, -1
    lea eax, [edi + 2]
    sub eax, $$
    mov [want_at], eax
.beyond:
    mov [want], edx
    sub edi, $$
    mov [in_eax], edi
    mov [target], edi
    mov dword [in_ecx], 5
    mov dword [in_ebx], target
    mov eax, 0x409b
    mov ebx, $$
    call put_both
    mov dword [cpl], 0
    mov dword [entry], jump_ebp
    mov dword [in_ebp], pointer
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    JUDGE 1, [got + IP_], [want_at]
    JUDGE 2, [got + CS_], TESTED
    cmp dword [want], -1
    je .none
    mov eax, [got + SP_]        ; what is pushed by the check itself lies below
    mov edx, [run_esp]
    FIELD ecx, 1, 5
    cmp ecx, BRANCH_RET
    jb .esp
    sub edx, 4
.esp:
    mov ecx, 3
    call judge
    JUDGE 4, [got + CX_], 5
.none:
    ret

; Stacks: bits 4-0 where, 5 at which end, 8-6 the stack, 12-9 the instruction. In ring 3.
m_stack:
    FIELD ebx, 6, 3
    lea ebx, [ebx + 2*ebx]
    shl ebx, 3
    add ebx, stack_kinds
    mov eax, [ebx]
    mov [e_access], al
    mov ecx, eax
    shr ecx, 14
    and ecx, 1
    mov [e_b], ecx
    mov ecx, [ebx + 4]
    mov [e_last], ecx
    test ah, 0x80
    jz .bytes
    shl dword [e_last], 12
    or dword [e_last], 0xfff
.bytes:
    push ebx
    mov ebx, SPACE
    call put_both
    pop ebx
    FIELD ecx, 5, 1
    mov eax, [ebx + 8 + 4*ecx]
    FIELD ecx, 0, 5
    movsx ecx, byte [stack_deltas + ecx]
    mov [e_delta], ecx
    add eax, ecx
    mov edx, -1
    cmp dword [e_b], 0
    jne .wide
    mov edx, 0xffff
.wide:
    mov [mask], edx
    and eax, edx
    not edx
    and edx, 0x12340000
    or edx, eax
    mov [in_ebx], edx           ; ESP
    mov [in_ebp], edx
    mov esi, eax
    FIELD ecx, 9, 4
    shl ecx, 4
    add ecx, stack_operations
    mov eax, [ecx]
    mov [entry], eax
    xor edx, edx                ; nothing wild behind the end of 64 KiB
    mov [SPACE], edx
    mov [SPACE + 4], edx
    mov [SPACE + 8], edx
    mov [SPACE + 12], edx
    mov edx, [ecx + 12]
    mov [SPACE + esi], edx
    mov dword [SPACE + esi + 4], RINGCODE + 27
    mov dword [SPACE + esi + 8], 2
    mov edi, [ecx + 8]          ; number of items
    mov eax, [ecx + 4]
    mov edx, eax
    mov [step], eax
    test eax, eax
    jns .pops
    neg edx
    add esi, eax                ; the first item is below
.pops:
    mov [e_size], edx
    cmp edi, 8
    jne .few
    test dword [e_delta], 3
    jnz .none
.few:
    mov dword [want], -1
    mov ebp, [in_ebx]
    ; ESI is the next item, EDI the number of those left, EBP becomes ESP.
.item:
    and esi, [mask]
    mov [e_offset], esi
    call in_limits
    jc .none
    jnz .in
    mov dword [want], 12 << 16
.in:
    cmp dword [e_b], 0          ; does it go on at the other end of 64 KiB?
    jne .no_split
    mov eax, esi
    add eax, [e_size]
    cmp eax, 0x10000
    jbe .no_split
    cmp dword [e_last], 0x10000
    jae .none
.no_split:
    mov eax, ebp
    add eax, [step]
    mov edx, [mask]
    and eax, edx
    not edx
    and ebp, edx
    or ebp, eax
    dec edi
    jz .all
    mov eax, esi
    add esi, [step]
    and esi, [mask]
    ; Whether items of one instruction wrap around is not said.
    mov edx, esi
    sub edx, eax
    cmp edx, [step]
    je .item
    cmp dword [want], -1
    jne .item
    jmp .none
.all:
    mov [want_esp], ebp
    call count
    mov dword [in_eax], TESTED | 3
    mov dword [pointer], finish
    mov dword [pointer + 4], RINGCODE + 27
    mov dword [in_ecx], pointer
    mov dword [cpl], 3
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    mov edx, [want_esp]
    cmp dword [want], -1
    je .moved
    mov edx, [in_ebx]
.moved:
    mov eax, [got + SP_]
    mov ecx, 1
    call judge
.none:
    ret

; Operands of all widths: bits 2-0 ends ahead of the limit, at it, one byte behind, lies behind, lies in a read-only
; segment; the instruction is above. In ring 3.
m_width:
    FIELD ecx, 0, 3
    cmp ecx, 5
    jae .none
    call count
    mov edi, OPERAND
    xor eax, eax
    mov ecx, 128
    rep stosd
    FIELD ecx, 0, 3
    mov esi, [combination]
    shr esi, 3
    lea esi, [esi + 2*esi]
    mov ebx, [widths + 4*esi + 4]
    mov eax, [widths + 4*esi]
    mov [entry], eax
    or edx, -1
    mov eax, 0x1000
    sub eax, ebx                ; at the limit of FFFh
    cmp ecx, 1
    je .offset
    ja .behind
    dec eax
    jmp .offset
.behind:
    cmp ecx, 4
    je .read_only
    mov edx, 13 << 16
    inc eax
    cmp ecx, 2
    je .offset
    mov eax, 0x1000
    jmp .offset
.read_only:
    cmp dword [widths + 4*esi + 8], 0
    je .offset
    mov edx, 13 << 16
.offset:
    mov [want], edx
    mov [in_ebx], eax
    mov ebx, OPERAND
    sub ebx, eax
    mov eax, 0x40f3
    cmp ecx, 4
    jne .writable
    mov al, 0xf1
.writable:
    mov ecx, 0xfff
    call put_both
    mov dword [in_eax], TESTED | 3
    mov dword [in_ecx], 0
    mov dword [cpl], 3
    call run
    fninit
    ldmxcsr [control]
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
.none:
    ret

; Strings: bits 3-0 elements that fit, 4 part of one more does, 5 DF, 6 16-bit addresses, 8-7 bytes of an element, 11-9
; which, and which of its segments ends. In ring 3.
m_string:
    FIELD ecx, 7, 2
    cmp ecx, 3
    jae .none
    call count
    mov esi, 1
    shl esi, cl
    mov [step], esi
    FIELD ebx, 0, 4
    imul ebx, esi
    xor eax, eax
    test dword [combination], 0x10
    jz .whole
    lea eax, [esi - 1]
.whole:
    test dword [combination], 0x20
    jnz .down
    add ebx, eax
    mov eax, 0x1000
    sub eax, ebx
    jmp .start
.down:
    neg dword [step]
    sub ebx, esi
    add eax, ebx
.start:
    mov edx, -1
    test dword [combination], 0x40
    jz .wide
    mov edx, 0xffff
.wide:
    mov [mask], edx
    not edx
    mov ecx, edx
    and ecx, 0x56780000
    mov esi, ecx
    or ecx, 12
    mov [in_ecx], ecx
    not edx
    and eax, edx
    or eax, esi                 ; in the segment that ends
    or esi, 0x800               ; in the other one
    push eax
    push esi
    mov eax, 0x40f3
    mov ebx, OPERAND + 0x1000
    mov ecx, 0xfff
    call put_both
    mov edi, TABLE + FLAT
    mov ebx, OPERAND + 0x4000
    call descriptor
    pop esi
    pop eax
    FIELD ecx, 9, 3
    mov ebx, (FLAT | 3) << 16 | TESTED | 3
    bt dword [string_targets], ecx
    jnc .source
    xchg eax, esi
    rol ebx, 16
.source:
    mov [in_eax], ebx
    mov [in_edx], eax
    mov [in_ebp], esi
    lea ecx, [ecx + 2*ecx]
    FIELD eax, 7, 2
    add ecx, eax
    mov eax, [strings + 8*ecx]
    test dword [combination], 0x40
    jz .entry
    mov eax, [strings + 8*ecx + 4]
.entry:
    mov [entry], eax
    mov dword [run_flags], 2
    test dword [combination], 0x20
    jz .flags
    mov dword [run_flags], 0x402
.flags:
    mov dword [cpl], 3
    call run
    mov dword [run_flags], 2
    mov edx, 13 << 16
    FIELD ecx, 0, 4
    cmp ecx, 12
    jb .ends
    or edx, -1
    mov ecx, 12
.ends:
    mov [want], ecx
    call outcome
    xor ecx, ecx
    call judge
    mov edx, [in_ecx]
    sub edx, [want]
    mov eax, [got + CX_]
    mov ecx, 1
    call judge
    FIELD ecx, 9, 3
    bt dword [string_sources], ecx
    mov edx, [in_edx]
    jnc .no_source
    call moved
.no_source:
    mov eax, [got + SI_]
    mov ecx, 2
    call judge
    FIELD ecx, 9, 3
    bt dword [string_sinks], ecx
    mov edx, [in_ebp]
    jnc .no_sink
    call moved
.no_sink:
    mov eax, [got + DI_]
    mov ecx, 3
    call judge
.none:
    ret

; moved: EDX as it is [want] elements later
moved:
    mov eax, [step]
    imul eax, [want]
    add eax, edx
    mov ecx, [mask]
    and eax, ecx
    not ecx
    and edx, ecx
    or edx, eax
    ret

; Addressing forms: all registers are beyond the limits of SS and DS.
m_default:
    call count
    mov eax, 0x40f3
    mov ebx, SPACE
    mov ecx, 0xfff
    call put_both
    mov edi, TABLE + FLAT
    call descriptor
    mov dword [in_eax], (FLAT | 3) << 16 | TESTED | 3
    mov dword [cpl], 3
    mov eax, [combination]
    mov ecx, [defaults + 8*eax]
    mov [entry], ecx
    mov eax, [defaults + 8*eax + 4]
    mov [want], eax
    call run
    call outcome
    mov edx, [want]
    shl edx, 16
    xor ecx, ecx
    jmp judge

; Snippets that come with rows of a table: WIDTH bytes, whether it is written, what comes before, the instruction
%assign WIDTHS 0
%macro WIDTH 4
width_%[WIDTHS]:
    mov fs, ax
    %3
    %4
    int 0x42
%assign width_bytes_%[WIDTHS] %1
%assign width_writes_%[WIDTHS] %2
%assign WIDTHS WIDTHS + 1
%endmacro
    WIDTH 1, 0, nop, {movzx ecx, byte [fs:ebx]}
    WIDTH 2, 0, nop, {movsx ecx, word [fs:ebx]}
    WIDTH 1, 0, {mov al, 0}, fs xlatb
    WIDTH 1, 1, nop, setc [fs:ebx]
    WIDTH 4, 0, nop, push dword [fs:ebx]
    WIDTH 2, 0, nop, push word [fs:ebx]
    WIDTH 4, 1, push ecx, pop dword [fs:ebx]
    WIDTH 2, 1, push cx, pop word [fs:ebx]
    WIDTH 4, 0, {mov edx, 31}, {bt [fs:ebx], edx}
    WIDTH 2, 0, {mov edx, 15}, {bt [fs:ebx], dx}
    WIDTH 4, 1, {mov edx, 31}, {bts [fs:ebx], edx}
    WIDTH 4, 1, {mov edx, 31}, {lock btc [fs:ebx], edx}
    WIDTH 4, 0, nop, {bt dword [fs:ebx], 1}
    WIDTH 4, 0, nop, {bsf edx, [fs:ebx]}
    WIDTH 4, 1, nop, {shld [fs:ebx], edx, 3}
    WIDTH 2, 1, nop, {shrd [fs:ebx], dx, 3}
    WIDTH 4, 1, nop, {rcl dword [fs:ebx], 1}
    WIDTH 1, 1, nop, {sar byte [fs:ebx], 3}
    WIDTH 4, 1, nop, {xadd [fs:ebx], ecx}
    WIDTH 4, 1, nop, {cmpxchg [fs:ebx], ecx}
    WIDTH 4, 1, nop, {lock cmpxchg [fs:ebx], ecx}
    WIDTH 8, 1, {mov edx, 1}, cmpxchg8b [fs:ebx]
    WIDTH 4, 1, nop, not dword [fs:ebx]
    WIDTH 4, 1, nop, lock neg dword [fs:ebx]
    WIDTH 4, 0, nop, {imul edx, [fs:ebx]}
    WIDTH 4, 0, nop, {imul edx, [fs:ebx], 5}
    WIDTH 4, 0, nop, {mul dword [fs:ebx]}
    WIDTH 4, 0, nop, {test [fs:ebx], ecx}
    WIDTH 8, 0, {xor edx, edx}, {bound edx, [fs:ebx]}
    WIDTH 6, 0, nop, {lgs ecx, [fs:ebx]}
    WIDTH 4, 0, nop, {lgs cx, [fs:ebx]}
    WIDTH 2, 0, nop, {mov gs, [fs:ebx]}
    WIDTH 2, 1, nop, {mov [fs:ebx], cs}
    WIDTH 6, 1, nop, sgdt [fs:ebx]
    WIDTH 6, 1, nop, sidt [fs:ebx]
    WIDTH 2, 1, nop, sldt [fs:ebx]
    WIDTH 2, 1, nop, str [fs:ebx]
    WIDTH 2, 1, nop, smsw [fs:ebx]
    WIDTH 2, 0, nop, verr [fs:ebx]
    WIDTH 2, 0, nop, {lar ecx, [fs:ebx]}
    WIDTH 2, 0, nop, {lsl ecx, [fs:ebx]}
    WIDTH 2, 1, {mov cx, 3}, {arpl [fs:ebx], cx}
    WIDTH 4, 0, nop, {cmovz ecx, [fs:ebx]}
    WIDTH 4, 0, {test ebx, ebx}, {cmovz ecx, [fs:ebx]}
    WIDTH 4, 0, nop, fld dword [fs:ebx]
    WIDTH 8, 0, nop, fld qword [fs:ebx]
    WIDTH 10, 0, nop, fld tword [fs:ebx]
    WIDTH 2, 0, nop, fild word [fs:ebx]
    WIDTH 4, 0, nop, fiadd dword [fs:ebx]
    WIDTH 8, 0, nop, fild qword [fs:ebx]
    WIDTH 10, 0, nop, fbld [fs:ebx]
    WIDTH 4, 1, fldz, fst dword [fs:ebx]
    WIDTH 8, 1, fldz, fstp qword [fs:ebx]
    WIDTH 10, 1, fldz, fstp tword [fs:ebx]
    WIDTH 10, 1, fldz, fbstp [fs:ebx]
    WIDTH 2, 1, fldz, fist word [fs:ebx]
    WIDTH 8, 1, fldz, fistp qword [fs:ebx]
    WIDTH 2, 0, nop, fldcw [fs:ebx]
    WIDTH 2, 1, nop, fnstcw [fs:ebx]
    WIDTH 2, 1, nop, fnstsw [fs:ebx]
    WIDTH 28, 0, nop, fldenv [fs:ebx]
    WIDTH 14, 0, nop, {o16 fldenv [fs:ebx]}
    WIDTH 28, 1, nop, fnstenv [fs:ebx]
    WIDTH 14, 1, nop, {o16 fnstenv [fs:ebx]}
    WIDTH 108, 0, nop, frstor [fs:ebx]
    WIDTH 94, 0, nop, {o16 frstor [fs:ebx]}
    WIDTH 108, 1, nop, fnsave [fs:ebx]
    WIDTH 94, 1, nop, {o16 fnsave [fs:ebx]}
    WIDTH 512, 0, nop, fxrstor [fs:ebx]
    WIDTH 512, 1, nop, fxsave [fs:ebx]
    WIDTH 4, 0, nop, ldmxcsr [fs:ebx]
    WIDTH 4, 1, nop, stmxcsr [fs:ebx]
    WIDTH 4, 0, nop, {movd mm0, [fs:ebx]}
    WIDTH 8, 0, nop, {paddb mm0, [fs:ebx]}
    WIDTH 8, 1, nop, {movntq [fs:ebx], mm0}
    WIDTH 16, 0, nop, {movaps xmm0, [fs:ebx]}
    WIDTH 16, 1, nop, {movaps [fs:ebx], xmm0}
    WIDTH 16, 0, nop, {addps xmm0, [fs:ebx]}
    WIDTH 8, 0, nop, {movlps xmm0, [fs:ebx]}
    WIDTH 8, 1, nop, {movhps [fs:ebx], xmm0}
    WIDTH 4, 0, nop, {movss xmm0, [fs:ebx]}
    WIDTH 4, 1, nop, {movss [fs:ebx], xmm0}
    WIDTH 4, 0, nop, {addss xmm0, [fs:ebx]}
    WIDTH 4, 0, nop, {cvtsi2ss xmm0, [fs:ebx]}
    WIDTH 8, 0, nop, {cvtpi2ps xmm0, [fs:ebx]}
    WIDTH 4, 0, nop, {cvttss2si ecx, [fs:ebx]}
    WIDTH 2, 0, nop, {pinsrw mm0, [fs:ebx], 1}
    WIDTH 16, 1, nop, {movntps [fs:ebx], xmm0}
    WIDTH 8, 0, nop, {movsd xmm0, [fs:ebx]}
    WIDTH 8, 0, nop, {cvtps2pd xmm0, [fs:ebx]}
    WIDTH 8, 0, nop, {cvtdq2pd xmm0, [fs:ebx]}
    WIDTH 16, 0, nop, {pshufd xmm0, [fs:ebx], 0}
    WIDTH 16, 0, nop, {movdqu xmm0, [fs:ebx]}
    WIDTH 8, 1, nop, {movq [fs:ebx], xmm0}
    WIDTH 4, 1, nop, {movnti [fs:ebx], ecx}
WIDTH_COUNT equ WIDTHS

%macro STRING 3
string_%1:
    mov ds, ax
    shr eax, 16
    mov es, ax
    xor eax, eax
    mov esi, edx
    mov edi, ebp
    %2 %3
    int 0x42
string16_%1:
    mov ds, ax
    shr eax, 16
    mov es, ax
    xor eax, eax
    mov esi, edx
    mov edi, ebp
    a16 %2 %3
    int 0x42
%endmacro
    STRING movsb, rep, movsb
    STRING movsw, rep, movsw
    STRING movsd, rep, movsd
    STRING stosb, rep, stosb
    STRING stosw, rep, stosw
    STRING stosd, rep, stosd
    STRING lodsb, rep, lodsb
    STRING lodsw, rep, lodsw
    STRING lodsd, rep, lodsd
    STRING cmpsb, repe, cmpsb
    STRING cmpsw, repe, cmpsw
    STRING cmpsd, repe, cmpsd
    STRING scasb, repe, scasb
    STRING scasw, repe, scasw
    STRING scasd, repe, scasd

; DEFAULT vector, the instruction
%assign DEFAULTS 0
%macro DEFAULT 2+
default_%[DEFAULTS]:
    mov ss, ax
    shr eax, 16
    mov ds, ax
    mov eax, 0x2000
    mov ebx, eax
    mov ecx, eax
    mov edx, eax
    mov ebp, eax
    mov esi, eax
    mov edi, eax
    mov esp, eax
    %2
    int 0x42
%assign default_vector_%[DEFAULTS] %1
%assign DEFAULTS DEFAULTS + 1
%endmacro
    DEFAULT 13, mov cl, [eax]
    DEFAULT 13, mov cl, [ecx]
    DEFAULT 13, mov cl, [edx]
    DEFAULT 13, mov cl, [ebx]
    DEFAULT 12, mov cl, [esp]
    DEFAULT 12, mov cl, [ebp]
    DEFAULT 13, mov cl, [esi]
    DEFAULT 13, mov cl, [edi]
    DEFAULT 13, mov cl, [0x2000]
    DEFAULT 13, mov al, [0x2000]
    DEFAULT 13, mov [0x2000], eax
    DEFAULT 12, mov cl, [esp + 0x12]
    DEFAULT 12, mov cl, [ebp + 0x1234]
    DEFAULT 12, mov cl, [nosplit esp + eax*1]
    DEFAULT 12, mov cl, [nosplit ebp + eax*1]
    DEFAULT 13, mov cl, [nosplit eax + ebp*1]
    DEFAULT 13, mov cl, [nosplit eax + ebp*2]
    DEFAULT 12, mov cl, [nosplit ebp + ebp*4]
    DEFAULT 13, mov cl, [nosplit ebp*2]
    DEFAULT 13, mov cl, [nosplit esi*8]
    DEFAULT 12, mov cl, [ebp + esi*8 + 0x123456]
    DEFAULT 13, mov cl, [ds:ebp]
    DEFAULT 13, mov cl, [ds:esp]
    DEFAULT 13, mov cl, [fs:ebp]
    DEFAULT 13, mov cl, [gs:esp + 4]
    DEFAULT 12, mov cl, [ss:eax]
    DEFAULT 12, mov cl, [ss:0x2000]
    DEFAULT 13, mov cl, [bx + si]
    DEFAULT 13, mov cl, [bx + di]
    DEFAULT 12, mov cl, [bp + si]
    DEFAULT 12, mov cl, [bp + di]
    DEFAULT 13, mov cl, [si]
    DEFAULT 13, mov cl, [di]
    DEFAULT 13, mov cl, [word 0x2000]
    DEFAULT 12, mov cl, [bp]
    DEFAULT 13, mov cl, [bx]
    DEFAULT 12, mov cl, [bp + 0x1234]
    DEFAULT 13, mov cl, [ds:bp + si]
    DEFAULT 12, mov cl, [ss:bx + di]
    DEFAULT 12, add [ebp], ecx
    DEFAULT 12, fld dword [ebp]
    DEFAULT 12, movups xmm0, [esp + 16]
    DEFAULT 12, push ecx
    DEFAULT 12, pop ecx
    DEFAULT 13, push dword [eax]
    DEFAULT 12, push dword [ebp]
    DEFAULT 12, pop dword [eax]
    DEFAULT 12, leave
    DEFAULT 12, ret
    DEFAULT 12, pushad
    DEFAULT 13, lodsb
    DEFAULT 12, ss lodsb
    DEFAULT 13, movsb
    DEFAULT 12, ss movsd
    DEFAULT 13, xlatb
    DEFAULT 12, ss xlatb
    DEFAULT 13, jmp [eax]
    DEFAULT 12, call [ebp]
    DEFAULT 12, jmp far [esp]
    DEFAULT 12, lgs eax, [ebp]
    DEFAULT 12, cmpxchg8b [ebp]
DEFAULT_COUNT equ DEFAULTS

; ENTER: bits 1-0 room for an item less than needed, as much, one more, none of the items; 4-2 the level, 5 with 32
; bytes of its own, 6 16 bits. In ring 3.
m_enter:
    FIELD esi, 2, 3
    cmp esi, 6
    jae .none
    call count
    mov dword [in_eax], TESTED | 3
    FIELD ecx, 5, 2
    imul eax, ecx, 6
    add eax, esi
    mov eax, [enters + 4*eax]
    mov [entry], eax
    mov dword [step], 4
    mov dword [frame_size], 4
    mov dword [mask], -1
    mov eax, 0x40f7
    test dword [combination], 0x40
    jz .wide
    mov eax, 0x00f7
    mov dword [step], 2
    mov dword [frame_size], 2
    mov dword [mask], 0xffff
.wide:
    mov ebx, SPACE
    mov ecx, 0xfff
    call put_both
    mov edi, SPACE + 0x3f00
    mov ecx, 0x100
    mov al, 1
.fill:
    stosb
    add al, 3
    loop .fill
    movzx ecx, byte [enter_levels + esi]
    and ecx, 31
    mov [below], ecx            ; the level
    inc ecx
    imul ecx, [step]
    test dword [combination], 0x20
    jz .no_locals
    add ecx, 0x20
.no_locals:
    mov edx, [mask]
    not edx
    mov ebx, edx
    and ebx, 0x12340000
    and edx, 0x56780000
    lea eax, [ebx + 0x1000]
    mov [want_esp], eax
    add eax, ecx
    or edi, -1
    FIELD ecx, 0, 2
    cmp ecx, 1
    je .room
    ja .more
    sub eax, [step]
    jmp .refused
.more:
    cmp ecx, 2
    jne .little
    add eax, [step]
    mov ecx, [step]
    add [want_esp], ecx
    jmp .room
.little:
    mov eax, [want_esp]
.refused:
    mov edi, 12 << 16
.room:
    mov [want], edi
    mov [in_ebx], eax
    or edx, 0x4000
    mov [in_ebp], edx
    mov dword [cpl], 3
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    cmp dword [want], -1
    je .entered
    JUDGE 1, [got + SP_], [in_ebx]
    JUDGE 2, [got + BP_], [in_ebp]
.none:
    ret
.entered:
    JUDGE 1, [got + SP_], [want_esp]
    mov eax, [in_ebx]
    sub eax, [step]
    mov ecx, [mask]
    and eax, ecx
    mov edx, [in_ebp]
    not ecx
    and edx, ecx
    or edx, eax
    mov esi, eax                ; the frame
    mov eax, [got + BP_]
    mov ecx, 2
    call judge
    mov edx, [in_ebp]
    mov edi, esi
    call .item
    mov ebp, [below]
    mov ebx, 0x4000
.frame:
    cmp ebp, 1
    jbe .last
    sub ebx, [step]
    mov edx, [SPACE + ebx]
    call .item
    dec ebp
    jmp .frame
.last:
    test ebp, ebp
    jz .none
    mov edx, esi
.item:
    mov eax, [SPACE + edi]
    cmp dword [step], 4
    je .all
    movzx eax, ax
    movzx edx, dx
.all:
    sub edi, [step]
    mov ecx, 3
    jmp judge

; LAR and its kin of nothing: bits 1-0 which, 3-2 the ring, 6-4 the selector
m_nothing:
    call count
    FIELD eax, 2, 2
    mov [cpl], eax
    FIELD eax, 0, 2
    mov eax, [probes + 4*eax]
    mov [entry], eax
    FIELD eax, 4, 3
    mov eax, [nothings + 4*eax]
    mov [in_eax], eax
    mov dword [in_ecx], 0x12345678
    mov dword [run_flags], 0x42
    call run
    mov dword [run_flags], 2
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    JUDGE 1, [got + FL], 2
    JUDGE 2, [got + CX_], 0x12345678
    ret

; Loads from the LDT while LDTR is null: which register
m_no_ldt:
    call count
    xor eax, eax
    lldt ax
    mov eax, 0xc0f3
    xor ebx, ebx
    mov ecx, 0xfffff
    call put_both
    mov dword [cpl], 3
    mov dword [in_eax], TESTED | 7
    mov ecx, [combination]
    mov eax, [loaders]
    mov eax, [eax + 4*ecx]
    mov [entry], eax
    call run
    mov ax, LDT
    lldt ax
    call outcome
    mov edx, 13 << 16 | TESTED | 4
    xor ecx, ecx
    jmp judge

; Immediate pointers: JMP, CALL, both of 16 bits. In ring 3.
m_immediate:
    call count
    mov dword [cpl], 3
    mov eax, 3
    call put_inner_code
    mov ecx, [combination]
    mov eax, [immediates + 8*ecx]
    mov [entry], eax
    push dword [immediates + 8*ecx + 4]
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    JUDGE 1, [got + CS_], FLAT | 3
    JUDGE 2, [got + IP_], finish - $$ + 2
    pop edx
    mov eax, [run_esp]
    sub eax, [got + SP_]
    mov ecx, 3
    jmp judge

immediate_jump:
    jmp FLAT | 3:finish - $$
immediate_call:
    call FLAT | 3:finish - $$
immediate_jump16:
    jmp word FLAT | 3:finish - $$
immediate_call16:
    call word FLAT | 3:finish - $$

; Instructions that are not there in 64-bit mode. In ring 0.
m_invalid:
    call count
    mov dword [cpl], 0
    mov eax, [combination]
    shl eax, 4
    add eax, invalids
    mov [entry], eax
    call run
    call outcome
    shr eax, 16
    mov edx, 6
    xor ecx, ecx
    jmp judge

; PUSH and POP ES, CS, SS, DS, far JMP and CALL with an immediate pointer, INTO
align 16
invalids:
%macro INVALID 1-*
%rep %0
align 16
    db %1, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90
    int 0x42
%rotate 1
%endrep
INVALIDS equ %0
%endmacro
    INVALID 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x9a, 0xea, 0xce
align 16

%macro ENTER_LEVELS 2
%assign i 0
%rep 6
enter_%1_%2_%[i]:
    mov ss, ax
    mov esp, ebx
%if %1 = 2
    o16
%endif
    enter %2, ENTER_LEVEL_%[i]
    int 0x42
%assign i i+1
%endrep
%endmacro
ENTER_LEVEL_0 equ 0
ENTER_LEVEL_1 equ 1
ENTER_LEVEL_2 equ 2
ENTER_LEVEL_3 equ 5
ENTER_LEVEL_4 equ 31
ENTER_LEVEL_5 equ 34            ; modulo 32
    ENTER_LEVELS 4, 0
    ENTER_LEVELS 4, 32
    ENTER_LEVELS 2, 0
    ENTER_LEVELS 2, 32

; Accessors: 15 of a register, for reads, writes and both, by the number of bytes
%macro ACCESSOR 1
access_%1:
.r1:
    mov %1, ax
    mov cl, [%1:ebx]
    ret
.r2:
    mov %1, ax
    mov cx, [%1:ebx]
    ret
.r4:
    mov %1, ax
    mov ecx, [%1:ebx]
    ret
.r8:
    mov %1, ax
    movq mm0, [%1:ebx]
    ret
.r16:
    mov %1, ax
    movups xmm0, [%1:ebx]
    ret
.w1:
    mov %1, ax
    mov [%1:ebx], cl
    ret
.w2:
    mov %1, ax
    mov [%1:ebx], cx
    ret
.w4:
    mov %1, ax
    mov [%1:ebx], ecx
    ret
.w8:
    mov %1, ax
    movq [%1:ebx], mm0
    ret
.w16:
    mov %1, ax
    movups [%1:ebx], xmm0
    ret
.b1:
    mov %1, ax
    add [%1:ebx], cl
    ret
.b2:
    mov %1, ax
    xchg [%1:ebx], cx
    ret
.b4:
    mov %1, ax
    inc dword [%1:ebx]
    ret
%endmacro
%macro ACCESSORS 1
    dd access_%1.r1, access_%1.r2, access_%1.r4, access_%1.r8, access_%1.r16
    dd access_%1.w1, access_%1.w2, access_%1.w4, access_%1.w8, access_%1.w16
    dd access_%1.b1, access_%1.b2, access_%1.b4, 0, 0
%endmacro
    ACCESSOR ds
    ACCESSOR es
    ACCESSOR fs
    ACCESSOR gs

%macro CODE_ACCESS 2
access_cs_%1:
    %2
    int 0x42
%endmacro
    CODE_ACCESS r1, {mov cl, [cs:ebx]}
    CODE_ACCESS r2, {mov cx, [cs:ebx]}
    CODE_ACCESS r4, {mov ecx, [cs:ebx]}
    CODE_ACCESS r8, {movq mm0, [cs:ebx]}
    CODE_ACCESS r16, {movups xmm0, [cs:ebx]}
    CODE_ACCESS w1, {mov [cs:ebx], cl}
    CODE_ACCESS w2, {mov [cs:ebx], cx}
    CODE_ACCESS w4, {mov [cs:ebx], ecx}
    CODE_ACCESS w8, {movq [cs:ebx], mm0}
    CODE_ACCESS w16, {movups [cs:ebx], xmm0}

%macro STACK_ACCESS 2
access_ss_%1:
    mov ss, ax
    %2
    int 0x42
%endmacro
    STACK_ACCESS r1, {mov cl, [ebp]}
    STACK_ACCESS r2, {mov cx, [ss:ebp]}
    STACK_ACCESS r4, {mov ecx, [ebp]}
    STACK_ACCESS r8, {movq mm0, [ebp]}
    STACK_ACCESS r16, {movups xmm0, [ebp]}
    STACK_ACCESS w1, {mov [ebp], cl}
    STACK_ACCESS w2, {mov [ebp], cx}
    STACK_ACCESS w4, {mov [ebp], ecx}
    STACK_ACCESS w8, {movq [ebp], mm0}
    STACK_ACCESS w16, {movups [ebp], xmm0}
    STACK_ACCESS b1, {add [ebp], cl}
    STACK_ACCESS b2, {xchg [ebp], cx}
    STACK_ACCESS b4, {inc dword [ebp]}

jump_ebp:
    jmp far [ebp]
finish:
    int 0x42

; An instruction of any length that ends at prefixed_end
    times 13 db 0x2e
    int 0x42
prefixed_end:

; BRANCH number, what comes before, the branch: to .to
%macro BRANCH 3
branch_%1:
    %2
.at:
    %3
    ud2
.to:
    int 0x42
%endmacro
    BRANCH 0, nop, jmp short .to
    BRANCH 1, nop, jmp near .to
    BRANCH 2, nop, jmp eax
    BRANCH 3, nop, jmp [ebx]
    BRANCH 4, {cmp eax, eax}, jz short .to
    BRANCH 5, {cmp eax, eax}, jz near .to
    BRANCH 6, nop, call .to
    BRANCH 7, nop, call eax
    BRANCH 8, nop, call [ebx]
    BRANCH 9, nop, loop .to
    BRANCH 10, {cmp eax, eax}, loope .to
    BRANCH 11, push eax, ret
    BRANCH 12, push eax, ret 8
BRANCH_RET equ 11
BRANCHES equ 13

%macro STACK_OPERATION 2+
stack_%1:
    mov ss, ax
    mov esp, ebx
    %2
    int 0x42
%endmacro
    STACK_OPERATION push32, push eax
    STACK_OPERATION push16, push ax
    STACK_OPERATION push_byte, push byte 1
    STACK_OPERATION pushf, pushfd
    STACK_OPERATION pusha, pushad
    STACK_OPERATION call, call finish
    STACK_OPERATION call_far, call far [ecx]
    STACK_OPERATION enter, enter 0, 0
    STACK_OPERATION pop32, pop edx
    STACK_OPERATION pop16, pop dx
    STACK_OPERATION popf, popfd
    STACK_OPERATION popa, popad
    STACK_OPERATION ret, ret
    STACK_OPERATION retf, retf
    STACK_OPERATION leave, leave
    STACK_OPERATION iret, iret

; put_code makes both descriptors TESTED code where this kernel is, with this combination's access byte.
put_code:
    mov al, [c_access]
put_code_al:
    mov ah, [code_bits]
    mov ebx, [code_base]
    mov ecx, 0xfffff
    jmp put_both

; put_gate and put_vector make a gate: AL access byte, AH parameters or IST, DX selector, EBX offset.
put_vector:
    mov edi, idt + 8*0x43
    cmp dword [in_long], 0
    je gate
    mov edi, idt64 + 16*0x43
    jmp wide_gate
put_gate:
    mov edi, TABLE + GATE
wide_gate:
    mov dword [edi + 8], 0
    mov dword [edi + 12], 0
gate:
    mov [edi], bx
    mov [edi + 2], dx
    mov [edi + 4], ah
    mov [edi + 5], al
    shr ebx, 16
    mov [edi + 6], bx
    ret

; place: EBX is the offset of finish in segments that put_code makes.
place:
    mov ebx, finish
    sub ebx, [code_base]
    ret

; check_frame looks at ECX items of [frame_size] bytes on the stack: [want_frame].
check_frame:
    mov esi, [got + SP_]
    mov edi, want_frame
.item:
    push ecx
    mov eax, [esi]
    mov edx, [edi]
    cmp dword [frame_size], 2
    jne .wide
    movzx eax, ax
    movzx edx, dx
.wide:
    mov ecx, 6
    call judge
    pop ecx
    add esi, [frame_size]
    add edi, 4
    loop .item
    ret

; arrived: what far transfers have in common: outcome [want], and then CS [want_cs], ESP [want_esp], SS [want_ss]; after
; faults, those of before. CF: it was refused.
arrived:
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    call access_byte
    mov edx, [c_access]
    cmp dword [want], -1
    je .accessed
    mov ecx, [run_cs]
    mov [want_cs], ecx
    mov ecx, [run_ss]
    mov [want_ss], ecx
    mov ecx, [refused_esp]
    mov [want_esp], ecx
    jmp .access
.accessed:
    or edx, 1
.access:
    mov ecx, 1
    call judge
    JUDGE 2, [got + CS_], [want_cs]
    JUDGE 3, [got + SP_], [want_esp]
    movzx eax, word [got + SS_]
    JUDGE 4, eax, [want_ss]
    cmp dword [want], -1
    je .arrived
    stc
.arrived:
    ret

; Far JMP and CALL: 14-13 JMP, CALL, both with 16-bit offsets.
m_direct:
    mov ecx, [c_type]
    bt dword [no_direct], ecx   ; call gates, task gates and tasks
    jc .none
    FIELD eax, 13, 2
    mov [c_way], eax
    mov ecx, [directs + 4*eax]
    cmp dword [wide], 0
    je .narrow
    mov ecx, [directs64 + 4*eax]
.narrow:
    mov [entry], ecx
    mov ecx, [direct_sizes + 4*eax]
    cmp ecx, 2
    jne .size
    cmp dword [wide], 0
    je .size
    mov ecx, 8
.size:
    mov [frame_size], ecx
    cmp ecx, 2                  ; offsets of 16 bits
    jne .any
    cmp dword [code_base], 0
    je .none
.any:
    mov ecx, [direct_returns + 4*eax]
    cmp dword [wide], 0
    je .return
    mov ecx, [direct_returns64 + 4*eax]
.return:
    mov [want_frame], ecx
    call count
    call put_code
    call place
    mov ecx, [c_sel]
    or ecx, [c_rpl]
    call put_pointer
    call run
    call want_direct
    mov [want], edx
    mov ecx, [run_cs]
    mov [want_frame + 4], ecx
    mov ecx, [c_sel]
    or ecx, [cpl]
    mov [want_cs], ecx
    mov ecx, [run_ss]
    mov [want_ss], ecx
    mov ecx, [run_esp]
    mov [refused_esp], ecx
    test dword [c_way], 1
    jz .jump
    sub ecx, [frame_size]
    sub ecx, [frame_size]
.jump:
    mov [want_esp], ecx
    call arrived
    jc .none
    test dword [c_way], 1
    jz .none
    mov ecx, 2
    jmp check_frame
.none:
    ret

; put_pointer makes a far pointer to ECX:EBX, of the size that [c_way] needs.
put_pointer:
    mov dword [in_ebx], pointer
    mov [pointer], ebx
    mov [pointer + 4], cx
    test dword [c_way], 2
    jz .end
    cmp dword [wide], 0
    jne .wide
    mov [pointer + 2], cx
.end:
    ret
.wide:
    mov dword [pointer + 4], 0  ; 64-bit offsets
    mov [pointer + 8], cx
    ret

want_direct:
    mov eax, [c_type]
    and al, 0x18
    cmp al, 0x18
    jne refused_gp
    test byte [c_type], 4
    mov eax, [c_dpl]
    jnz .conforming
    mov ecx, [cpl]
    cmp [c_rpl], ecx
    ja refused_gp
    cmp eax, ecx
    jne refused_gp
.conforming:
    cmp eax, [cpl]
    ja refused_gp
    call want_bits
    jc refused_gp
    cmp dword [c_p], 0
    je refused_np
    jmp allowed

; want_bits: CF if the descriptor has both L and D in long mode.
want_bits:
    cmp dword [in_long], 0
    je .fine
    mov al, [code_bits]
    and al, 0x60
    cmp al, 0x60
    jne .fine
    stc
    ret
.fine:
    clc
    ret

; RETF and IRET: 14-13 RETF, IRET, RETF 8.
m_return:
    FIELD eax, 13, 2
    mov [c_way], eax
    call want_bits
    jnc .known
    cmp dword [c_p], 0          ; which fault comes first is not said
    je .none
.known:
    call count
    call put_code
    mov eax, [c_sel]
    or eax, [c_rpl]
    mov [in_eax], eax
    mov [want_cs], eax
    mov eax, [c_rpl]
    call outer_stack
    call place
    mov [in_edx], ebx
    call run_return
    mov [want_esp], ecx
    mov eax, [in_ecx]
    mov [want_ss], eax
    mov eax, [c_rpl]
    cmp eax, [cpl]
    jne .outer
    mov ecx, [always_stack]     ; IRETQ always takes a stack.
    and ecx, [c_way]
    jnz .outer
    mov ecx, [run_esp]
    sub ecx, [word_bytes]
    sub ecx, [word_bytes]
    mov [want_esp], ecx
    mov eax, [run_ss]
    mov [want_ss], eax
.outer:
    call want_return
    mov [want], edx
    jmp arrived
.none:
    ret

; outer_stack: in_ecx and in_ebx are the stack for ring EAX.
outer_stack:
    lea ecx, [eax + 8*eax + RINGDATA]
    mov [in_ecx], ecx
    shl eax, 12
    add eax, RUNSTACK + TOP - 0x200
    mov [in_ebx], eax
    ret

; run_return runs the return [c_way]: ECX is what ESP should be in the outer ring, [refused_esp] what it should be if
; that is refused.
run_return:
    mov eax, [c_way]
    mov edx, [returns]
    mov eax, [edx + 4*eax]
    mov [entry], eax
    call run
    mov eax, [c_way]
    mov edx, [return_sizes + 4*eax]
    cmp dword [wide], 0
    je .narrow
    mov edx, [return_sizes64 + 4*eax]
.narrow:
    mov eax, [run_esp]
    sub eax, edx
    mov [refused_esp], eax
    mov ecx, [in_ebx]
    cmp dword [c_way], 2
    jne .end
    add ecx, 8
.end:
    ret

want_return:
    mov eax, [c_type]
    and al, 0x18
    cmp al, 0x18
    jne refused_gp
    mov ecx, [c_rpl]
    cmp ecx, [cpl]
    jb refused_gp
    mov eax, [c_dpl]
    cmp eax, ecx
    ja refused_gp
    test byte [c_type], 4
    jnz .conforming
    cmp eax, ecx
    jne refused_gp
.conforming:
    call want_bits
    jc refused_gp
    cmp dword [c_p], 0
    je refused_np
    jmp allowed

; Stacks of outer rings: RPL is that of SS; 14-13 the ring returned to, 16-15 how.
m_outer_stack:
    FIELD eax, 15, 2
    mov [c_way], eax
    FIELD ecx, 13, 2
    cmp ecx, [cpl]
    jbe .none
    mov [outer], ecx
    call count
    call put_test
    mov eax, [outer]
    call outer_stack
    mov eax, [outer]
    lea eax, [eax + 8*eax]
    add eax, [ring_code]
    mov [in_eax], eax
    mov [want_cs], eax
    mov eax, [c_sel]
    or eax, [c_rpl]
    mov [in_ecx], eax
    mov [want_ss], eax
    mov dword [in_edx], finish
    call run_return
    mov [want_esp], ecx
    push dword [cpl]
    mov eax, [outer]
    mov [cpl], eax
    call want_stack
    pop dword [cpl]
    jc .refused
    cmp dword [c_p], 0
    je .absent
    call allowed
    jmp .judge
.absent:
    call refused_ss
    jmp .judge
.refused:
    call refused_gp
.judge:
    mov [want], edx
    jmp arrived
.none:
    ret

; Data segments in outer rings: bits 3-0 type, 5-4 DPL, 7-6 the ring, 9-8 the outer one, 10 RETF or IRET
m_outer_data:
    FIELD eax, 0, 4
    mov [c_type], eax
    FIELD ecx, 4, 2
    mov [c_dpl], ecx
    shl ecx, 5
    lea eax, [eax + ecx + 0x90]
    mov [c_access], eax
    and al, 0x0a
    cmp al, 8
    je .none                    ; code that cannot be read
    FIELD eax, 6, 2
    mov [cpl], eax
    FIELD ecx, 8, 2
    cmp ecx, eax
    jbe .none
    mov [outer], ecx
    mov ecx, [c_type]
    and cl, 0x0c
    cmp cl, 0x0c
    je .conforming
    cmp [c_dpl], eax
    jb .none
.conforming:
    call count
    FIELD eax, 10, 1
    add eax, 3
    mov [c_way], eax
    call put_test
    mov eax, TESTED
    or eax, [cpl]
    mov [in_ebp], eax
    mov eax, [outer]
    call outer_stack
    mov eax, [outer]
    lea eax, [eax + 8*eax]
    add eax, [ring_code]
    mov [in_eax], eax
    mov dword [in_edx], finish
    call run_return
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    mov edx, [in_ebp]
    mov ecx, [c_type]
    and cl, 0x0c
    cmp cl, 0x0c
    je .kept
    mov ecx, [c_dpl]
    cmp ecx, [outer]
    jae .kept
    xor edx, edx
.kept:
    mov [want], edx
    movzx eax, word [got + DS_]
    JUDGE 1, eax, [want]
    movzx eax, word [got + ES_]
    JUDGE 2, eax, [want]
    movzx eax, word [got + FS_]
    JUDGE 3, eax, [want]
    movzx eax, word [got + GS_]
    JUDGE 4, eax, [want]
.none:
    ret

; Call gates: the access byte is the target's; 9-8 DPL of the gate, 10 P, 12-11 RPL, 14-13 the ring, 15 32 bits, 16 JMP.
m_gate:
    FIELD eax, 8, 2
    mov [gate_dpl], eax
    FIELD ecx, 13, 2
    mov [cpl], ecx
    FIELD edx, 11, 2
    mov [c_rpl], edx
    mov dword [c_sel], GATE
    mov dword [c_ti], 0
    mov dword [inner], 0
    mov [new_cpl], ecx
    FIELD ebx, 15, 1
    lea ebx, [8*ebx + 4]
    FIELD esi, 10, 1
    shl esi, 7
    or ebx, esi
    mov esi, eax
    shl esi, 5
    or ebx, esi
    mov [gate_access], ebx
    ; Is the gate refused?
    cmp eax, ecx
    jb .gate_gp
    cmp eax, edx
    jb .gate_gp
    cmp dword [in_long], 0
    je .types
    test bl, 8
    jz .gate_gp
.types:
    test bl, 0x80
    jz .gate_np
    mov dword [c_sel], TESTED
    call want_gate
    jc .none
    jmp .wanted
.gate_np:
    call refused_np
    jmp .one
.gate_gp:
    call refused_gp
.one:
    cmp byte [c_access], 0xfa   ; one target is enough
    jne .none
.wanted:
    mov [want], edx
    call count
    mov dword [c_sel], GATE
    call put_code
    call place
    mov eax, [gate_access]
    mov dword [frame_size], 4
    test al, 8
    jnz .wide
    mov dword [frame_size], 2
    or ebx, GARBAGE             ; which a 16-bit gate does not have
.wide:
    cmp dword [in_long], 0
    je .legacy
    mov dword [frame_size], 8
.legacy:
    mov edx, [cpl]
    xor edx, [gate_dpl]         ; the RPL of the selector in the gate does not matter
    or edx, TESTED
    call put_gate
    mov ecx, GATE
    or ecx, [c_rpl]
    mov ebx, 0x89abcdef         ; nor does the offset
    mov dword [c_way], 0
    call put_pointer
    FIELD eax, 16, 1
    xor eax, 1
    mov [c_way], eax
    mov ecx, [directs + 4*eax]
    mov [entry], ecx
    call run
    mov dword [want_frame], call_far.behind
    call want_inner
    cmp dword [c_way], 0
    jne .called
    mov eax, [run_esp]
    mov [want_esp], eax
.called:
    call arrived
    jc .none
    call where
    cmp dword [c_way], 0
    je .none
    mov ecx, 2
    cmp dword [inner], 0
    je check_frame
    mov ecx, 4
    jmp check_frame
.none:
    ret

; where: it arrived at finish.
where:
    call place
    lea edx, [ebx + 2]
    mov eax, [got + IP_]
    mov ecx, 7
    jmp judge

; want_inner: where calls by a gate arrive in ring [new_cpl]; [inner]: another than before
want_inner:
    mov eax, [run_cs]
    mov [want_frame + 4], eax
    mov eax, [run_esp]
    mov [want_frame + 8], eax
    mov [refused_esp], eax
    sub eax, [frame_size]
    sub eax, [frame_size]
    mov [want_esp], eax
    mov eax, [run_ss]
    mov [want_frame + 12], eax
    mov [want_ss], eax
    mov eax, [new_cpl]
    mov ecx, eax
    or ecx, TESTED
    mov [want_cs], ecx
    cmp dword [inner], 0
    je .end
    mov ecx, eax
    cmp dword [in_long], 0
    jne .null
    lea ecx, [eax + 8*eax + RINGDATA]
.null:
    mov [want_ss], ecx
    mov ecx, eax
    shl ecx, 12
    add ecx, INNERSTACK + TOP
    mov edx, [frame_size]
    shl edx, 2
    sub ecx, edx
    mov [want_esp], ecx
.end:
    ret

; want_gate: whether the target of a gate is right; CF if that is not said
want_gate:
    mov eax, [c_type]
    and al, 0x18
    cmp al, 0x18
    jne refused_gp
    mov eax, [c_dpl]
    cmp eax, [cpl]
    ja refused_gp
    cmp dword [in_long], 0
    je .legacy
    mov cl, [code_bits]
    and cl, 0x60
    cmp cl, 0x20
    je .legacy
    cmp dword [c_p], 0          ; which fault comes first is not said
    jne refused_gp
    stc
    ret
.legacy:
    test byte [c_type], 4
    jnz .present
    cmp eax, [cpl]
    je .present
    test dword [combination], 1 << 16
    jnz refused_gp              ; JMP stays in its ring.
    mov [new_cpl], eax
    mov dword [inner], 1
.present:
    cmp dword [c_p], 0
    je refused_np
    jmp allowed

; Parameters: 4-0 how many, 5 32 bits, 7-6 the ring, 9-8 the one that is called
m_parameters:
    FIELD eax, 6, 2
    mov [cpl], eax
    FIELD ecx, 8, 2
    cmp ecx, eax
    ja .none
    mov [new_cpl], ecx
    call count
    shl ecx, 5
    lea eax, [ecx + 0x9b]
    call put_code_al
    call place
    mov dword [frame_size], 4
    mov al, 0xec
    test dword [combination], 1 << 5
    jnz .wide
    mov dword [frame_size], 2
    mov al, 0xe4
.wide:
    mov edx, TESTED
    FIELD ecx, 0, 5
    mov ah, cl
    call put_gate
    mov ecx, GATE | 3
    mov dword [c_way], 0
    call put_pointer
    mov eax, [cpl]
    inc eax
    shl eax, 12
    lea edi, [eax + RUNSTACK - 0x80]
    mov [below], edi
    mov ecx, 0x80
    mov al, 0x80
.fill:
    stosb
    inc al
    loop .fill
    mov dword [entry], call_below
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    mov dword [want_frame], call_below.behind
    mov eax, [run_cs]
    mov [want_frame + 4], eax
    mov ecx, [new_cpl]
    cmp ecx, [cpl]
    je .same
    FIELD edx, 0, 5
    mov eax, edx
    add edx, 4
    imul edx, [frame_size]
    imul eax, [frame_size]
    mov [step], eax
    inc ecx
    shl ecx, 12
    add ecx, INNERSTACK
    sub ecx, edx
    mov eax, [got + SP_]
    mov edx, ecx
    mov ecx, 3
    call judge
    mov ecx, 2
    call check_frame
    mov ecx, [step]             ; all parameters as they were
    jecxz .stack
    mov edi, [below]
.parameter:
    push ecx
    movzx eax, byte [esi]
    movzx edx, byte [edi]
    mov ecx, 7
    call judge
    inc esi
    inc edi
    pop ecx
    loop .parameter
.stack:
    mov eax, [esi]
    mov edx, [below]
    cmp dword [frame_size], 4
    je .all
    movzx eax, ax
    movzx edx, dx
.all:
    mov ecx, 4
    call judge
    add esi, [frame_size]
    movzx eax, word [esi]
    JUDGE 5, eax, [run_ss]
    ret
.same:
    mov edx, [below]
    sub edx, [frame_size]
    sub edx, [frame_size]
    mov eax, [got + SP_]
    mov ecx, 3
    call judge
    mov ecx, 2
    jmp check_frame
.none:
    ret

; Interrupt and trap gates: the access byte is the target's; 15-8 the gate's, 17-16 the ring.
m_interrupt:
    FIELD eax, 8, 8
    mov [gate_access], eax
    FIELD ecx, 16, 2
    mov [cpl], ecx
    mov [new_cpl], ecx
    mov dword [c_ti], 0
    mov dword [c_sel], 0x43*8 + 2
    mov dword [inner], 0
    mov edx, eax
    shr edx, 5
    and edx, 3
    mov [gate_dpl], edx
    mov edx, eax
    and edx, 31
    cmp dword [in_long], 0
    jne .long
    cmp edx, 5                  ; a task gate
    je .none
    bt dword [valid_vectors], edx
    jmp .valid
.long:
    bt dword [valid_vectors64], edx
.valid:
    jnc .gate_gp
    cmp [gate_dpl], ecx
    jb .gate_gp
    test al, 0x80
    jz .gate_np
    mov dword [c_sel], TESTED
    push dword [combination]
    and dword [combination], 0xffff
    call want_gate
    pop dword [combination]
    jc .none
    jmp .wanted
.gate_np:
    call refused_np
    jmp .one
.gate_gp:
    call refused_gp
.one:
    cmp byte [c_access], 0xfa
    jne .none
.wanted:
    mov [want], edx
    call count
    mov dword [c_sel], TESTED
    call put_code
    call place
    mov eax, [gate_access]
    mov dword [frame_size], 4
    test al, 8
    jnz .wide
    mov dword [frame_size], 2
    or ebx, GARBAGE
.wide:
    cmp dword [in_long], 0
    je .legacy
    mov dword [frame_size], 8
.legacy:
    mov edx, [cpl]
    xor edx, [gate_dpl]
    or edx, TESTED
    mov ah, 0
    call put_vector
    mov dword [entry], interrupt
    mov dword [run_flags], NT | 0x202
    call run
    mov dword [run_flags], 2
    mov dword [want_frame], interrupt.behind
    call want_inner
    mov eax, [want_frame + 12]  ; flags come before the stack
    mov [want_frame + 16], eax
    mov eax, [want_frame + 8]
    mov [want_frame + 12], eax
    mov dword [want_frame + 8], NT | 0x202
    mov eax, [frame_size]
    sub [want_esp], eax
    cmp dword [in_long], 0
    je .aligned
    cmp dword [inner], 0
    jne .aligned
    sub dword [want_esp], 16    ; SS and RSP always
.aligned:
    call arrived
    jc .none
    mov ecx, 3
    cmp dword [in_long], 0
    jne .five
    cmp dword [inner], 0
    je .frame
.five:
    mov ecx, 5
.frame:
    call check_frame
    mov eax, [got + FL]
    and eax, 0x34300            ; VM, RF, NT, IF, TF
    xor edx, edx
    test dword [gate_access], 1
    jz .flags
    mov edx, 0x200              ; a trap gate
.flags:
    mov ecx, 5
    call judge
    jmp where
.none:
    ret

; Stacks of inner rings, from the TSS: the access byte, RPL and TI are SS's; 13 ring 1 or 2, 15-14 32- and 16-bit call
; gate, interrupt gate.
m_inner_stack:
    FIELD eax, 13, 1
    inc eax
    cmp eax, [cpl]
    jae .none
    mov [new_cpl], eax
    FIELD ecx, 14, 2
    mov [c_way], ecx
    call count
    call put_test
    mov eax, [new_cpl]
    call put_inner_code
    mov ecx, [c_way]
    call put_inner_gate
    mov eax, [new_cpl]
    mov ecx, [c_sel]
    or ecx, [c_rpl]
    mov [tss + 8*eax + 8], ecx
    mov [want_ss], ecx
    call run
    call stacks
    mov ecx, [run_esp]
    mov [refused_esp], ecx
    mov eax, [new_cpl]
    mov ecx, eax
    or ecx, FLAT
    mov [want_cs], ecx
    mov ecx, [c_way]
    mov ecx, [inner_sizes + 4*ecx]
    mov edx, eax
    shl edx, 12
    add edx, INNERSTACK + TOP
    sub edx, ecx
    mov [want_esp], edx
    push dword [cpl]
    mov [cpl], eax
    call want_stack
    pop dword [cpl]
    jc .refused
    cmp dword [c_p], 0
    je .absent
    call allowed
    jmp .judge
.absent:
    call refused_ss
    jmp .judge
.refused:
    call refused_ts
.judge:
    mov [want], edx
    jmp arrived
.none:
    ret

; put_inner_code makes FLAT code of ring EAX where this kernel is.
put_inner_code:
    shl eax, 5
    add eax, 0x9b
    mov ah, [code_bits]
    mov edi, TABLE + FLAT
    mov ebx, [code_base]
    mov ecx, 0xfffff
    jmp descriptor

; put_inner_gate makes a gate to FLAT, and [entry] what calls it: ECX is 0 for a 32-bit call gate, 1 for a 16-bit one, 2
; for an interrupt gate, 3 for one of 16 bits.
put_inner_gate:
    call place
    mov edx, FLAT
    mov al, [inner_gates + ecx]
    mov ah, 0
    cmp ecx, 2
    jae .vector
    call put_gate
    mov ecx, GATE | 3
    push dword [c_way]
    mov dword [c_way], 0
    call put_pointer
    pop dword [c_way]
    mov dword [entry], call_far
    ret
.vector:
    mov dword [entry], interrupt
    jmp put_vector

; Room on stacks of inner rings: bits 4-0 ESP1, 6-5 as for put_inner_gate
m_room:
    call count
    mov dword [cpl], 3
    mov eax, 1
    call put_inner_code
    mov eax, 0x40b3
    mov ebx, SPACE
    mov ecx, 0xfff
    call put_both
    FIELD ecx, 5, 2
    mov edx, [inner_sizes + 4*ecx]
    mov [step], edx
    call put_inner_gate
    FIELD eax, 0, 5
    mov [tss + 12], eax
    mov dword [tss + 16], TESTED | 1
    call run
    call stacks
    mov edx, 12 << 16 | TESTED
    FIELD eax, 0, 5
    cmp eax, [step]
    jb .refused
    or edx, -1
.refused:
    call outcome
    xor ecx, ecx
    jmp judge

; Limit of the TSS: bits 4-0 of it, 5 ring 1 or 2, 6 call or interrupt gate, 7 a 16-bit TSS
m_tss_limit:
    FIELD ecx, 0, 5
    FIELD eax, 5, 1
    inc eax
    mov [new_cpl], eax
    mov dword [cpl], 3
    mov ebx, tss
    test dword [combination], 0x80
    jnz .small
    add ecx, 11                 ; the stack of ring 0 is needed.
    shl eax, 3
    add eax, 4 + 5
    mov esi, 0x89
    mov edx, ecx
    sub edx, eax
    cmp edx, 1                  ; whether the word behind SS counts differs.
    jbe .none
    jmp .limit
.small:
    mov ebx, tss16
    add ecx, 5
    lea eax, [4*eax + 2 + 3]
    mov esi, 0x81
.limit:
    mov edx, 10 << 16 | SMALL
    cmp ecx, eax
    jb .refused
    or edx, -1
.refused:
    mov [want], edx
    call count
    mov eax, esi
    mov edi, TABLE + SMALL
    call descriptor
    mov ax, SMALL
    ltr ax
    mov eax, [new_cpl]
    call put_inner_code
    FIELD ecx, 6, 1
    add ecx, ecx
    call put_inner_gate
    call run
    call system_registers
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge
.none:
    ret

; Null selectors and ones beyond the table: bits 1-0 RPL, 3-2 the ring, 4 beyond, 8-5 where
m_nowhere:
    FIELD eax, 2, 2
    mov [cpl], eax
    FIELD ecx, 0, 2
    xor edx, edx
    test dword [combination], 0x10
    jz .null
    mov edx, 0x1230
.null:
    mov [c_sel], edx
    or ecx, edx
    mov [in_eax], ecx           ; the selector
    mov dword [in_ecx], USERDATA
    mov dword [in_ebx], RUNSTACK + 4*TOP - 0x200
    mov dword [in_edx], finish
    call refused_gp
    FIELD esi, 5, 4
    mov [c_way], esi
    cmp esi, 7
    jb .direct
    cmp eax, 2                  ; inner and outer rings
    jb .low
    cmp esi, 9
    jae .direct
    cmp eax, 3
    je .none
    jmp .direct
.low:
    cmp esi, 9
    jae .none
.direct:
    cmp esi, 9
    jb .gp
    cmp dword [in_long], 0
    jne .none
    call refused_ts
.gp:
    mov [want], edx
    call count
    mov eax, [nowheres + 4*esi]
    call eax
    call run
    call stacks
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge
.none:
    ret

nowhere_jump:
    mov dword [entry], jump_far
    jmp nowhere_far
nowhere_call:
    mov dword [entry], call_far
nowhere_far:
    mov ebx, finish
    mov ecx, [in_eax]
    mov dword [c_way], 0
    jmp put_pointer
nowhere_jump_gate:
    mov dword [entry], jump_far
    jmp nowhere_gate
nowhere_call_gate:
    mov dword [entry], call_far
nowhere_gate:
    mov edx, [in_eax]
    mov ebx, finish
    mov eax, 0xec
    call put_gate
    mov ecx, GATE | 3
    mov dword [c_way], 0
    jmp put_pointer
nowhere_vector:
    mov edx, [in_eax]
    mov ebx, finish
    mov eax, 0xee
    mov dword [entry], interrupt
    jmp put_vector
nowhere_retf:
    mov eax, [returns]
    mov eax, [eax]
    mov [entry], eax
    ret
nowhere_iret:
    mov eax, [returns]
    mov eax, [eax + 4]
    mov [entry], eax
    ret
nowhere_retf_stack:
    call nowhere_retf
    jmp nowhere_stack
nowhere_iret_stack:
    call nowhere_iret
nowhere_stack:
    mov eax, [in_eax]
    mov [in_ecx], eax
    mov eax, [ring_code]
    add eax, 27
    mov [in_eax], eax
    ret
nowhere_inner_call:
    mov ecx, 0
    jmp nowhere_inner
nowhere_inner_vector:
    mov ecx, 2
nowhere_inner:
    mov eax, [in_eax]
    mov [tss + 16], eax
    push ecx
    mov eax, 1
    call put_inner_code
    pop ecx
    jmp put_inner_gate

; Targets beyond the limit of CS: bit 0 within it, 4-1 how
m_target_limit:
    call count
    FIELD esi, 1, 4
    mov [c_way], esi
    mov dword [cpl], 3
    mov eax, 0x40fb
    cmp esi, 4
    jb .same
    cmp esi, 7
    jae .same
    mov eax, 0x409b             ; inner
.same:
    mov ecx, finish - 1
    sub ecx, $$
    or edx, -1
    test dword [combination], 1
    jnz .within
    mov edx, 13 << 16
    jmp .put
.within:
    add ecx, 2
.put:
    mov [want], edx
    mov ebx, $$
    call put_both
    mov ebx, finish - $$
    mov dword [in_eax], TESTED | 3
    mov dword [in_edx], finish - $$
    mov dword [in_ecx], RINGDATA + 27
    mov dword [in_ebx], RUNSTACK + 4*TOP - 0x200
    mov esi, [c_way]
    mov eax, [target_entries + 4*esi]
    mov [entry], eax
    mov al, [target_gates + esi]
    mov ah, 0
    mov ecx, TESTED | 3
    cmp al, 0
    je .pointer
    mov edx, TESTED | 3
    test al, 2                  ; an interrupt gate
    jz .gate
    call put_vector
    jmp .pointer
.gate:
    call put_gate
    mov ecx, GATE | 3
.pointer:
    cmp esi, 7
    jae .run
    mov dword [c_way], 0
    call put_pointer
.run:
    cmp esi, 8                  ; IRET from ring 0
    jne .go
    mov dword [cpl], 0
.go:
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    cmp dword [want], -1
    je .none
    JUDGE 1, [got + CS_], [run_cs]
.none:
    ret

; Limit of the IDT: of vector 43h, at the end of vector 42h and up
m_idt_limit:
    call count
    mov dword [cpl], 3
    mov eax, 3
    call put_inner_code
    mov ecx, 2
    call put_inner_gate
    mov eax, [combination]
    mov ecx, 8
    mov esi, idt
    mov edi, idtr
    cmp dword [in_long], 0
    je .legacy
    mov ecx, 16
    mov esi, idt64
    mov edi, idtr64
.legacy:
    imul edx, ecx, 0x43
    lea eax, [eax + edx - 1]
    mov [short_table], ax
    mov [short_table + 2], esi
    lidt [short_table]
    push ecx
    push edi
    call run
    pop edi
    pop ecx
    lidt [edi]
    mov edx, 13 << 16 | 0x43*8 + 2
    cmp [combination], ecx
    jb .refused
    or edx, -1
.refused:
    call outcome
    xor ecx, ecx
    jmp judge

; INT3, INTO, INT 3, INT 4 and, for comparison, UD2: bits 1-0 DPL of the gate, 3-2 the ring, 6-4 which
m_software:
    FIELD ecx, 2, 2
    mov [cpl], ecx
    FIELD edx, 0, 2
    FIELD esi, 4, 3
    call count
    movzx edi, byte [software_vectors + esi]
    mov eax, [software + 4*esi]
    mov [entry], eax
    mov ebx, edi
    shl ebx, 16
    or ebx, 0xffff              ; no error code
    cmp esi, 4
    je .fine                    ; an exception
    cmp edx, ecx
    jae .fine
    lea ebx, [8*edi + (13 << 16) + 2]
.fine:
    mov [want], ebx
    shl edx, 5
    add edx, 0x8e
    shl edi, 3
    add edi, idt + 5
    cmp dword [in_long], 0
    je .legacy
    lea edi, [2*edi - 2*(idt + 5) + idt64 + 5]
.legacy:
    mov [edi], dl
    push edi
    call run
    pop edi
    mov byte [edi], 0x8e
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge

; Flags behind gates: bits 6-0 CF, TF, IF, DF, NT, AC, ID, 8-7 IOPL, 10-9 the ring, 12-11 the type of the gate
m_gate_flags:
    call count
    mov esi, gate_flag_bits
    FIELD ebx, 0, 7
    call choose_flags
    FIELD ecx, 7, 2
    shl ecx, 12
    or eax, ecx
    mov [run_flags], eax
    FIELD eax, 9, 2
    mov [cpl], eax
    FIELD ecx, 11, 2
    mov al, [gate_types + ecx]
    mov [gate_access], al
    mov dword [frame_size], 4
    test al, 8
    jnz .wide
    mov dword [frame_size], 2
.wide:
    push eax
    xor eax, eax
    call put_inner_code
    pop eax
    mov ebx, tell_flags - $$
    mov edx, FLAT
    mov ah, 0
    call put_vector
    mov dword [entry], interrupt
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    mov dword [want_frame], interrupt.behind
    mov eax, [run_cs]
    mov [want_frame + 4], eax
    mov eax, [run_flags]
    mov dword [run_flags], 2
    mov [want_frame + 8], eax
    mov ecx, 3
    push eax
    call check_frame
    pop edx
    and edx, ~(NT | 0x100)
    test byte [gate_access], 1
    jnz .trap
    and edx, ~0x200
.trap:
    mov eax, [got + AX_]
    mov ecx, 1
    jmp judge

; choose_flags: EAX are the flags of the table ESI that EBX selects.
choose_flags:
    mov eax, 2
.flag:
    shr ebx, 1
    jnc .clear
    or eax, [esi]
.clear:
    add esi, 4
    test ebx, ebx
    jnz .flag
    ret

; Flags of IRET and POPF: bits 6-0 CF, IF, DF, NT, AC, ID, VM and 8-7 IOPL of what is taken from the stack, 10-9 IOPL
; and 11 IF before, 13-12 the ring, 16-14 IRETD, IRETD to ring 3, IRET, POPFD, POPF
m_return_flags:
    FIELD eax, 12, 2
    mov [cpl], eax
    FIELD edx, 14, 3
    mov [c_way], edx
    mov [outer], eax
    cmp edx, 1
    jne .same
    cmp eax, 3
    je .none
    mov dword [outer], 3
.same:
    test dword [combination], 0x40
    jz .no_vm
    cmp edx, 2
    je .none
    cmp edx, 4
    je .none
    cmp edx, 3
    je .no_vm
    test eax, eax               ; virtual-8086 mode
    jz .none
.no_vm:
    call count
    mov esi, return_flag_bits
    FIELD ebx, 0, 7
    call choose_flags
    FIELD ecx, 7, 2
    shl ecx, 12
    or eax, ecx
    mov [in_edx], eax
    mov eax, 0x240002           ; AC and ID are set before.
    FIELD ecx, 9, 2
    shl ecx, 12
    or eax, ecx
    FIELD ecx, 11, 1
    shl ecx, 9
    or eax, ecx
    mov [run_flags], eax
    mov eax, [outer]
    call outer_stack
    mov eax, [outer]
    call put_inner_code
    mov eax, [outer]
    add eax, FLAT
    mov [in_eax], eax
    mov edx, [c_way]
    mov eax, [flag_returns + 4*edx]
    mov [entry], eax
    call run
    mov eax, [run_flags]
    mov dword [run_flags], 2
    mov ebx, NT | 0x401
    test dword [c_way], 2
    jz .wide
    cmp dword [c_way], 3
    jne .flags
.wide:
    or ebx, 0x240000
.flags:
    cmp dword [c_way], 4
    jne .not_popf
    and ebx, ~0x240000
.not_popf:
    cmp dword [cpl], 0
    jne .iopl
    or ebx, 0x3000
.iopl:
    mov ecx, eax
    shr ecx, 12
    and ecx, 3
    cmp [cpl], ecx
    ja .if
    or ebx, 0x200
.if:
    mov edx, [in_edx]
    and edx, ebx
    not ebx
    and eax, ebx
    or edx, eax
    push edx
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    pop edx
    mov eax, [got + FL]
    mov ecx, 1
    jmp judge
.none:
    ret

; CLI and STI: bits 1-0 the ring, 3-2 IOPL, 4 which
m_cli:
    call count
    FIELD eax, 0, 2
    mov [cpl], eax
    FIELD ecx, 2, 2
    or edx, -1
    cmp eax, ecx
    jbe .allowed
    mov edx, 13 << 16
.allowed:
    mov [want], edx
    shl ecx, 12
    mov eax, probe_cli
    test dword [combination], 0x10
    jz .cli
    mov eax, probe_sti
    xor ecx, 0x200
.cli:
    xor ecx, 0x202
    mov [run_flags], ecx
    mov [entry], eax
    call run
    mov eax, [run_flags]
    mov dword [run_flags], 2
    cmp dword [want], -1
    jne .same
    xor eax, 0x200
.same:
    mov edx, eax
    mov eax, [got + FL]
    and eax, ~0x10000           ; RF is set in the image of a fault.
    mov ecx, 1
    call judge
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge

jump_far:
    jmp far [ebx]
call_far:
    call far [ebx]
.behind:
    ud2
jump_far16:
    o16 jmp far [ebx]
call_far16:
    o16 call far [ebx]
.behind:
    ud2
call_below:
    lea esp, [esp - 0x80]
    call far [ebx]
.behind:
    ud2
interrupt:
    int 0x43
.behind:
    ud2
tell_flags:
    pushfd
    pop eax
    int 0x42

; Returns to EAX:EDX with the stack ECX:EBX
return_far:
    push ecx
    push ebx
    push eax
    push edx
    retf
return_interrupt:
    push ecx
    push ebx
    push dword 2
    push eax
    push edx
    iret
return_far8:
    push ecx
    push ebx
    push eax
    push eax
    push eax
    push edx
    retf 8
; with the selector EBP in the data segment registers
return_far_data:
    push ecx
    push ebx
    push eax
    push edx
    mov ds, bp
    mov es, bp
    mov fs, bp
    mov gs, bp
    retf
return_interrupt_data:
    push ecx
    push ebx
    push dword 2
    push eax
    push edx
    mov ds, bp
    mov es, bp
    mov fs, bp
    mov gs, bp
    iret
; with flags EDX
flags_iret:
    push ecx
    push ebx
    push edx
    push eax
    push dword finish - $$
    iret
flags_iret16:
    push dx
    push ax
    push word finish - $$
    o16 iret
flags_popf:
    push edx
    popfd
    int 0x42
flags_popf16:
    push dx
    popfw
    int 0x42

software_0:
    int3
software_1:
    mov al, 0x7f
    inc al
    into
software_2:
    db 0xcd, 3
software_3:
    int 4
software_4:
    ud2

; compatibility and wide_mode choose what runs in the rings from now on.
compatibility:
    mov dword [wide], 0
    mov dword [ring_code], RINGCODE
    mov dword [code_base], $$
    mov dword [code_bits], 0xc0
    mov dword [no_direct], 0x1000
    mov dword [valid_lar], 0x1a04
    mov dword [valid_lsl], 0x0a04
    mov dword [valid_ltr], 0x0200
    ret
wide_mode:
    mov dword [wide], 1
    mov dword [null_stack], 1
    mov dword [always_stack], 1
    mov dword [word_bytes], 8
    mov dword [ring_code], RING64
    mov dword [code_base], 0
    mov dword [code_bits], 0xa0
    mov dword [loaders], loaders64
    mov dword [returns], returns64
    ret

; install_long does what install did, for IA-32e mode.
install_long:
    call install
    mov dword [in_long], 1
    mov dword [run_flags], 2
    call stacks
    mov edi, idt64
    mov eax, catchers64
    mov ebx, 0x8e00
    mov ecx, 32
.catcher:
    call set_gate64
    add eax, STUB
    loop .catcher
    mov eax, done64
    mov ebx, 0xee00
    mov edi, idt64 + 16*0x42
    jmp set_gate64

; canonical: CF if EDX:EAX is not canonical
canonical:
    push edx
    sar edx, 15
    inc edx
    cmp edx, 1
    pop edx
    ja .not
    clc
    ret
.not:
    stc
    ret

; canonical_bytes: CF if one of the ECX bytes at EDX:EAX is not
canonical_bytes:
    call canonical
    jc .not
    push eax
    push edx
    dec ecx
    add eax, ecx
    adc edx, 0
    call canonical
    pop edx
    pop eax
.not:
    ret

; Null stack segments: bits 1-0 RPL of SS, 3-2 the ring, 5-4 the one returned to, 6 IRET, 7 to 32-bit code
m_null_return:
    FIELD eax, 2, 2
    mov [cpl], eax
    FIELD ecx, 4, 2
    FIELD edx, 6, 1
    mov [c_way], edx
    cmp ecx, eax
    jb .none
    jne .outer
    test edx, edx               ; RETF within a ring has no SS.
    jz .none
.outer:
    mov [outer], ecx
    call count
    mov eax, ecx
    call outer_stack
    FIELD eax, 0, 2
    mov [in_ecx], eax
    mov ecx, [outer]
    lea edx, [ecx + 8*ecx]
    mov ebx, RING64
    test dword [combination], 0x80
    jz .long
    mov ebx, RINGCODE
.long:
    add edx, ebx
    mov [in_eax], edx
    mov dword [in_edx], finish
    mov edx, 13 << 16
    cmp ebx, RING64
    jne .refused
    cmp ecx, 3
    je .refused
    cmp ecx, eax
    jne .refused
    or edx, -1
.refused:
    mov [want], edx
    call run_return
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    cmp dword [want], -1
    jne .none
    movzx eax, word [got + SS_]
    JUDGE 1, eax, [in_ecx]
.none:
    ret

; IST: bits 2-0 of it, 4-3 the ring, 8-5 how far RSP is from an aligned one
m_ist:
    call count
    FIELD eax, 3, 2
    mov [cpl], eax
    FIELD eax, 5, 4
    mov [in_ebp], eax
    mov esi, 1
.stack:
    mov eax, esi
    shl eax, 12
    add eax, SPACE
    add eax, esi                ; not aligned
    mov [tss + 28 + 8*esi], eax
    mov dword [tss + 28 + 8*esi + 4], 0
    inc esi
    cmp esi, 8
    jb .stack
    mov eax, 0x9b
    call put_code_al
    mov ebx, finish
    mov edx, TESTED
    FIELD eax, 0, 3
    shl eax, 8
    mov al, 0xee
    call put_vector
    mov dword [entry], interrupt_below
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    mov eax, [run_esp]
    sub eax, [in_ebp]
    mov [want_frame + 12], eax
    cmp dword [cpl], 0
    je .same
    mov eax, INNERSTACK + TOP
.same:
    FIELD ecx, 0, 3
    jecxz .no_ist
    mov eax, [tss + 28 + 8*ecx]
.no_ist:
    and eax, ~15
    sub eax, 40
    mov edx, eax
    mov eax, [got + SP_]
    mov ecx, 1
    call judge
    mov dword [want_frame], interrupt_below.behind
    mov eax, [run_cs]
    mov [want_frame + 4], eax
    mov dword [want_frame + 8], 2
    mov eax, [run_ss]
    mov [want_frame + 16], eax
    mov dword [frame_size], 8
    mov eax, [got + FL]         ; SUB has set some.
    and eax, 0x8d5
    or [want_frame + 8], eax
    mov ecx, 5
    call check_frame
    movzx eax, word [got + SS_]
    xor edx, edx
    cmp dword [cpl], 0
    jne .null
    mov edx, [run_ss]
.null:
    mov ecx, 2
    jmp judge

; Limit of a 64-bit TSS: bits 4-0 of it, 6-5 ring 1 by an interrupt, by a call, IST7
m_tss_limit64:
    call count
    mov dword [cpl], 3
    FIELD ecx, 0, 5
    FIELD esi, 5, 2
    mov edx, 12 + 7
    lea eax, [ecx + 11]
    cmp esi, 2
    jb .ring
    mov edx, 36 + 6*8 + 7
    lea eax, [ecx + 83]
.ring:
    or ecx, -1
    cmp eax, edx
    jae .fine
    mov ecx, 10 << 16 | SMALL
.fine:
    mov [want], ecx
    mov ecx, eax
    mov eax, 0x89
    mov ebx, tss
    mov edi, TABLE + SMALL
    call descriptor
    mov dword [TABLE + SMALL + 8], 0
    mov dword [TABLE + SMALL + 12], 0
    mov ax, SMALL
    ltr ax
    mov dword [tss + 84], SPACE + 0x8000
    mov dword [tss + 88], 0
    mov eax, 1
    call put_inner_code
    mov edx, FLAT
    mov ebx, finish
    cmp dword [combination], 2 << 5
    jae .ist
    mov ecx, 2
    cmp dword [combination], 1 << 5
    jb .gate
    xor ecx, ecx
.gate:
    call put_inner_gate
    jmp .run
.ist:
    mov eax, 0x07ee
    call put_vector
    mov dword [entry], interrupt
.run:
    call run
    call system_registers
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge

; No checks of segments in 64-bit mode: bits 2-0 type, 3 B, 4 G, 6-5 bytes, 7 write, 8 a base, 11-9 the register (DS,
; ES, FS, GS, SS, and CS). In ring 3.
m_flat64:
    FIELD eax, 0, 3
    cmp eax, 6
    jae .none
    movzx eax, byte [data_types + eax]
    or al, 0x60
    FIELD esi, 9, 3
    cmp esi, 5
    ja .none
    jb .data
    cmp al, 0xfb                ; CS is not loaded here.
    jne .none
.data:
    cmp esi, 4
    jne .any
    mov cl, al
    and cl, 0x0a
    cmp cl, 2
    jne .none
.any:
    call count
    FIELD ecx, 3, 2
    shl ecx, 6 + 8
    or eax, ecx
    mov ecx, 0x0f
    xor ebx, ebx
    test dword [combination], 1 << 8
    jz .no_base
    mov ebx, 0x1000
.no_base:
    mov edx, SPACE + 0x2000
    cmp esi, 2
    je .based
    cmp esi, 3
    jne .absolute
.based:
    sub edx, ebx
.absolute:
    mov [in_ebx], edx
    test dword [combination], 1 << 4
    jz .fine
    mov ecx, 1                  ; 4 KiB more
.fine:
    call put_both
    mov dword [SPACE + 0x2000], 0x13579bdf
    mov dword [SPACE + 0x2004], 0x02468ace
    mov dword [in_ecx], 0x55555555
    mov dword [in_eax], TESTED | 3
    mov dword [cpl], 3
    FIELD eax, 5, 3
    and eax, 7
    lea eax, [eax + 8*esi]
    mov eax, [flats + 4*eax]
    mov [entry], eax
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    call judge
    FIELD ecx, 5, 2
    mov edx, 0xff
    cmp ecx, 1
    jb .byte
    mov edx, 0xffff
    je .byte
    or edx, -1
.byte:
    mov ebx, edx
    test dword [combination], 1 << 7
    jnz .written
    mov eax, [got + CX_]
    and eax, ebx
    mov edx, 0x13579bdf
    and edx, ebx
    mov ecx, 1
    jmp judge
.written:
    mov edx, 0x13579bdf
    mov eax, ebx
    not eax
    and edx, eax
    mov eax, 0x55555555
    and eax, ebx
    or edx, eax
    mov eax, [SPACE + 0x2000]
    mov ecx, 2
    jmp judge
.none:
    ret

; Code in 64-bit mode: a base or not, a limit of 0 or not, in each ring
m_code64:
    call count
    FIELD eax, 0, 2
    mov [cpl], eax
    shl eax, 5
    or eax, 0x209b              ; L
    xor ebx, ebx
    mov ecx, 0xfffff
    test dword [combination], 4
    jz .no_base
    mov ebx, 0x12345678
.no_base:
    test dword [combination], 8
    jz .no_limit
    xor ecx, ecx
.no_limit:
    call put_both
    mov ecx, TESTED | 3
    mov ebx, finish
    and ecx, ~3
    or ecx, [cpl]
    mov dword [c_way], 0
    call put_pointer
    mov dword [entry], jump_far
    call run
    call outcome
    or edx, -1
    xor ecx, ecx
    jmp judge

; Upper type field: bits 2-0 which of its bits, 4-3 LTR, CALL and JMP by a gate
m_upper:
    FIELD ecx, 0, 3
    cmp ecx, 5
    jae .none
    call count
    mov dword [cpl], 0
    call put_upper
    FIELD ecx, 0, 3
    add ecx, 8
    bts dword [TABLE + TESTED + 12], ecx
    call run
    call system_registers
    mov dword [TABLE + TESTED + 12], 0
    call outcome
    mov edx, 13 << 16 | TESTED
    xor ecx, ecx
    jmp judge
.none:
    ret

; put_upper makes TESTED what [entry], by bits 4-3, uses: a TSS or a call gate.
put_upper:
    FIELD eax, 3, 2
put_upper_eax:
    mov ecx, [uppers + 4*eax]
    mov [entry], ecx
    mov dword [TABLE + TESTED + 8], 0
    mov dword [TABLE + TESTED + 12], 0
    mov edi, TABLE + TESTED
    mov ebx, finish
    mov edx, RING64
    cmp eax, 1
    je .gate
    cmp eax, 2
    je .gate
    mov dword [in_eax], TESTED
    mov ebx, tss
    mov ecx, 0x67
    cmp eax, 3
    mov eax, 0x82
    je descriptor
    mov eax, 0x89
    jmp descriptor
.gate:
    mov eax, 0x8c
    call gate
    mov ecx, TESTED
    mov dword [c_way], 0
    jmp put_pointer

; Tables that end within a descriptor: bits 4-0 where, from the last byte ahead of it on, 6-5 LTR, CALL, JMP, LLDT
m_upper_limit:
    call count
    mov dword [cpl], 0
    FIELD eax, 5, 2
    call put_upper_eax
    FIELD eax, 0, 5
    add eax, TESTED - 1
    mov [table], ax
    lgdt [table]
    call run
    mov word [table], TABLE_END - 1
    lgdt [table]
    call system_registers
    mov edx, 13 << 16 | TESTED
    FIELD eax, 0, 5
    cmp eax, 16
    jb .refused
    or edx, -1
.refused:
    call outcome
    xor ecx, ecx
    jmp judge

; Accesses: bits 3-0 the register, 6-4 the address, 8-7 bytes, 9 write. In ring 3.
m_registers:
    call count
    mov dword [cpl], 3
    FIELD esi, 4, 3
    mov eax, [odd_addresses + 8*esi]
    mov edx, [odd_addresses + 8*esi + 4]
    mov [in_eax], eax
    mov [in_eax + 4], edx
    FIELD ebx, 7, 2
    mov ebp, 1
    mov ecx, ebx
    shl ebp, cl
    mov ecx, ebp
    mov esi, 12 << 16           ; #SS
    FIELD edi, 0, 4
    cmp edi, 4
    je .stack
    cmp edi, 5
    je .stack
    mov esi, 13 << 16
.stack:
    call canonical_bytes
    jc .refused
    mov esi, 14 << 16 | 4       ; there is nothing
    test dword [combination], 1 << 9
    jz .refused
    or esi, 2
.refused:
    mov [want], esi
    FIELD eax, 7, 3
    shl eax, 4
    or eax, edi
    mov eax, [by_registers + 4*eax]
    mov [entry], eax
    call run
    mov dword [in_eax + 4], 0
    call outcome
    mov edx, [want]
    xor ecx, ecx
    jmp judge

; Pushes and pops: bits 2-0 RSP, 6-3 the instruction. In ring 3.
m_rsp:
    call count
    mov dword [cpl], 3
    FIELD esi, 0, 3
    mov eax, [odd_addresses + 8*esi]
    mov edx, [odd_addresses + 8*esi + 4]
    mov [in_ebx], eax
    mov [in_ebx + 4], edx
    mov [in_ebp], eax
    mov [in_ebp + 4], edx
    FIELD esi, 3, 4
    mov ecx, [rsp_operations + 8*esi]
    mov [entry], ecx
    mov edi, 14 << 16 | 4
    mov ecx, [rsp_operations + 8*esi + 4]
    test ecx, ecx
    jns .pop
    or edi, 2
    add eax, ecx
    adc edx, -1
    neg ecx
.pop:
    call canonical_bytes
    jnc .mapped
    mov edi, 12 << 16
.mapped:
    mov [want], edi
    call run
    mov ebx, [in_ebx]
    mov edi, [in_ebx + 4]
    mov dword [in_ebx + 4], 0
    mov dword [in_ebp + 4], 0
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    JUDGE 1, [got + SP_], ebx
    JUDGE 2, [got + SP_ + 4], edi
    ret

; Targets: bits 1-0 the address, 2 ring 0 or 3, 6-3 how
m_target64:
    call count
    FIELD eax, 2, 1
    lea eax, [eax + 2*eax]
    mov [cpl], eax
    call outer_stack
    mov eax, [cpl]
    lea eax, [eax + 8*eax + RING64]
    mov [in_eax], eax
    mov [pointer + 8], ax
    FIELD esi, 0, 2
    mov eax, [even_addresses + 8*esi]
    mov edx, [even_addresses + 8*esi + 4]
    mov [in_edx], eax
    mov [in_edx + 4], edx
    mov [pointer], eax
    mov [pointer + 4], edx
    mov [target], edx
    FIELD esi, 3, 4
    cmp esi, 9
    jb .not_memory
    cmp esi, 11
    jbe .gates
.not_memory:
    mov dword [in_ebp], pointer
    jmp .run
.gates:
    mov ebx, eax
    mov edx, [in_eax]           ; JMP stays in its ring.
    cmp esi, 11
    je .vector
    mov eax, 0xec
    call put_gate
    mov eax, [target]
    mov [TABLE + GATE + 8], eax
    mov dword [gate_pointer], finish
    mov dword [gate_pointer + 4], GATE | 3
    mov dword [in_ebp], gate_pointer
    jmp .run
.vector:
    mov eax, 0xee
    call put_vector
    mov eax, [target]
    mov [idt64 + 16*0x43 + 8], eax
.run:
    FIELD esi, 3, 4
    lea esi, [esi + 2*esi]
    mov eax, [wild + 4*esi]
    mov [entry], eax
    push esi
    call run
    pop esi
    mov dword [in_edx + 4], 0
    call outcome
    mov edx, 13 << 16
    xor ecx, ecx
    call judge
    JUDGE 1, [got + IP_], [wild + 4*esi + 4]
    JUDGE 2, [got + CS_], [run_cs]
    mov edx, [run_esp]
    sub edx, [wild + 4*esi + 8]
    mov eax, [got + SP_]
    mov ecx, 3
    jmp judge

; WRMSR: bits 3-0 the value, 6-4 the register
m_msr:
    call count
    FIELD ecx, 4, 3
    mov ecx, [msrs + 4*ecx]
    mov [in_ecx], ecx
    mov dword [entry], write_msr
m_write:
    mov dword [cpl], 0
    FIELD esi, 0, 4
    mov eax, [values + 8*esi]
    mov edx, [values + 8*esi + 4]
    mov [in_eax], eax
    mov [in_edx], edx
    or ebx, -1
    call canonical
    jnc .fine
    mov ebx, 13 << 16
.fine:
    mov [want], ebx
    call run
    call outcome
    mov edx, [want]
    xor ecx, ecx
    call judge
    cmp dword [want], -1
    jne .end
    JUDGE 1, [got + AX_], [in_eax]
    JUDGE 2, [got + DX_], [in_edx]
    mov ecx, [in_ecx]
    xor eax, eax
    xor edx, edx
    wrmsr
.end:
    ret

; WRFSBASE and WRGSBASE: likewise
m_base:
    call count
    FIELD ecx, 4, 1
    mov edx, [base_writes + 4*ecx]
    mov [entry], edx
    add ecx, 0xc0000100
    mov [in_ecx], ecx
    jmp m_write

; Bases of system segments: bits 2-0 the upper half, 3 LLDT or LTR. Whether the error code is the selector is not said.
m_system_base:
    call count
    mov dword [cpl], 0
    FIELD eax, 3, 1
    xor eax, 1
    lea eax, [eax + 2*eax]
    call put_upper_eax
    FIELD esi, 0, 3
    mov eax, [uppers_odd + 4*esi]
    mov [TABLE + TESTED + 8], eax
    call run
    call system_registers
    mov dword [TABLE + TESTED + 8], 0
    mov edx, 13
    FIELD esi, 0, 3
    cmp esi, 4
    jb .refused
    mov edx, 0x42
.refused:
    mov eax, [got + VEC]
    xor ecx, ecx
    jmp judge

; LGDT and LIDT: an address and which
m_load_table:
    call count
    mov dword [cpl], 0
    mov eax, [combination]
    xor edx, edx
    mov ecx, 5
    div ecx
    mov ecx, [table_loads + 4*eax]
    mov [entry], ecx
    mov ecx, [tables + 4*eax]
    mov [in_ecx], ecx           ; what should be there afterwards
    mov eax, [wild_bases + 4*edx]
    mov word [pointer], 0xfff
    mov dword [pointer + 2], TABLE
    mov [pointer + 6], eax
    mov dword [in_ebx], pointer
    call run
    call outcome
    mov edx, 13 << 16
    xor ecx, ecx
    jmp judge

; Stacks from the TSS that are not canonical: bits 1-0 which, 3-2 ring 1 by an interrupt, by a call, IST 1, IST 1 by an
; interrupt in ring 0
m_inner_rsp:
    call count
    mov dword [cpl], 3
    FIELD esi, 0, 2
    mov eax, [even_addresses + 8*esi]
    mov edx, [even_addresses + 8*esi + 4]
    mov [tss + 12], eax
    mov [tss + 16], edx
    mov [tss + 36], eax
    mov [tss + 40], edx
    FIELD esi, 2, 2
    mov eax, 1
    call put_inner_code
    mov ecx, 2
    cmp esi, 1
    ja .ist
    jb .gate
    xor ecx, ecx
.gate:
    call put_inner_gate
    jmp .run
.ist:
    mov eax, 0x01ee
    mov ebx, finish
    mov edx, RING64 + 9
    cmp esi, 2
    je .vector
    mov dword [cpl], 0
    mov edx, RING64
.vector:
    call put_vector
    mov dword [entry], interrupt
.run:
    call run
    call stacks
    call outcome
    shr eax, 16
    mov edx, 12
    xor ecx, ecx
    jmp judge

; SYSRET, and SYSEXIT with RDX or RCX: the address, and which
m_fast_return:
    call count
    mov dword [cpl], 0
    mov ecx, 0x174
    mov eax, RING64
    xor edx, edx
    wrmsr
    mov dword [in_ecx], finish
    mov dword [in_edx], finish
    FIELD eax, 0, 2
    FIELD esi, 2, 2
    mov ecx, [even_addresses + 8*eax]
    mov edx, [even_addresses + 8*eax + 4]
    mov ebx, [fast_inputs + 4*esi]
    mov [ebx], ecx
    mov [ebx + 4], edx
    mov eax, [fast_returns + 4*esi]
    mov [entry], eax
    call run
    mov dword [in_ecx + 4], 0
    mov dword [in_edx + 4], 0
    call outcome
    mov edx, 13 << 16
    xor ecx, ecx
    call judge
    JUDGE 1, [got + CS_], [run_cs]
    ret

; What runs in the ring of a combination means the same in 32-bit and in 64-bit code.
%macro LOADER 2
load_mov_%1:
    mov %1, ax
    int 0x42
load_pop_%1:
    push eax
    %2
    int 0x42
load_far_%1:
    l%1 ecx, [ebx]
    int 0x42
%endmacro
    LOADER es, pop es
    LOADER ss, pop ss
    LOADER ds, pop ds
    LOADER fs, pop fs
    LOADER gs, pop gs

%macro PROBE 2
probe_%1:
    %2
    int 0x42
%endmacro
    PROBE lar, {lar ecx, eax}
    PROBE lsl, {lsl ecx, eax}
    PROBE verr, verr ax
    PROBE verw, verw ax
    PROBE lar16, {lar cx, ax}
    PROBE lsl16, {lsl cx, ax}
    PROBE lldt, lldt ax
    PROBE ltr, ltr ax
    PROBE arpl, {arpl ax, cx}
    PROBE arpl_memory, {arpl [ebx], cx}
    PROBE cli, cli
    PROBE sti, sti

bits 64
jump_far64:
    o64 jmp far [rbx]
call_far64:
    o64 call far [rbx]
.behind:
    ud2
return_far_64:
    push rcx
    push rbx
    push rax
    push rdx
    retfq
return_interrupt_64:
    push rcx
    push rbx
    push 2
    push rax
    push rdx
    iretq
return_far8_64:
    push rcx
    push rbx
    push rax
    push rax
    push rdx
    o64 retf 8
return_far_data_64:
    push rcx
    push rbx
    push rax
    push rdx
    mov ds, ebp
    mov es, ebp
    mov fs, ebp
    mov gs, ebp
    retfq
return_interrupt_data_64:
    push rcx
    push rbx
    push 2
    push rax
    push rdx
    mov ds, ebp
    mov es, ebp
    mov fs, ebp
    mov gs, ebp
    iretq
interrupt_below:
    sub rsp, rbp
    int 0x43
.behind:
    ud2

; Accesses in 64-bit mode: FLATS register, what loads it, the prefix
%macro FLATS 3
flat_%1:
.r1:
    %2
    db %3
    mov cl, [rbx]
    int 0x42
.r2:
    %2
    db %3
    mov cx, [rbx]
    int 0x42
.r4:
    %2
    db %3
    mov ecx, [rbx]
    int 0x42
.r8:
    %2
    db %3
    mov rcx, [rbx]
    int 0x42
.w1:
    %2
    db %3
    mov [rbx], cl
    int 0x42
.w2:
    %2
    db %3
    mov [rbx], cx
    int 0x42
.w4:
    %2
    db %3
    mov [rbx], ecx
    int 0x42
.w8:
    %2
    db %3
    mov [rbx], rcx
    int 0x42
%endmacro
    FLATS ds, {mov ds, eax}, 0x3e
    FLATS es, {mov es, eax}, 0x26
    FLATS fs, {mov fs, eax}, 0x64
    FLATS gs, {mov gs, eax}, 0x65
    FLATS ss, {mov ss, eax}, 0x36
    FLATS cs, nop, 0x2e

%macro BY_REGISTER 1
by_%1:
.r1:
    mov %1, rax
    mov cl, [%1]
    int 0x42
.r2:
    mov %1, rax
    mov cx, [%1]
    int 0x42
.r4:
    mov %1, rax
    mov ecx, [%1]
    int 0x42
.r8:
    mov %1, rax
    mov rcx, [%1]
    int 0x42
.w1:
    mov %1, rax
    mov [%1], cl
    int 0x42
.w2:
    mov %1, rax
    mov [%1], cx
    int 0x42
.w4:
    mov %1, rax
    mov [%1], ecx
    int 0x42
.w8:
    mov %1, rax
    mov [%1], rcx
    int 0x42
%endmacro
%define REGISTERS rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
%macro EACH_REGISTER 1-*
%rep %0
    BY_REGISTER %1
%rotate 1
%endrep
%endmacro
    EACH_REGISTER REGISTERS

%macro RSP_OPERATION 2+
rsp_%1:
    mov rsp, rbx
    %2
    int 0x42
%endmacro
    RSP_OPERATION push, push rax
    RSP_OPERATION push16, push ax
    RSP_OPERATION pushf, pushfq
    RSP_OPERATION call, call rsp_pop
    RSP_OPERATION enter, enter 0, 0
    RSP_OPERATION pop, pop rax
    RSP_OPERATION popf, popfq
    RSP_OPERATION ret, ret
    RSP_OPERATION leave, leave

; WILD name, what comes before, the branch
%macro WILD 3
wild_%1:
    %2
.at:
    %3
    ud2
%endmacro
    WILD jump, nop, jmp rdx
    WILD call, nop, call rdx
    WILD jump_memory, nop, jmp [rbp]
    WILD call_memory, nop, call [rbp]
    WILD ret, push rdx, ret
    WILD ret8, push rdx, ret 8
    WILD jump_far, nop, o64 jmp far [rbp]
    WILD call_far, nop, o64 call far [rbp]
    WILD jump_gate, nop, jmp dword far [rbp]
    WILD vector, nop, int 0x43
wild_retf:
    push rcx
    push rbx
    push rax
    push rdx
.at:
    retfq
wild_iret:
    push rcx
    push rbx
    push 2
    push rax
    push rdx
.at:
    iretq
wild_call_gate:
    nop
.at:
    call dword far [rbp]
    ud2

write_msr:
    wrmsr
    rdmsr
    int 0x42
%macro BASE_WRITE 1
write_%1:
    shl rdx, 32
    or rax, rdx
    wr%1 rax
    rd%1 rax
    mov rdx, rax
    shr rdx, 32
    int 0x42
%endmacro
    BASE_WRITE fsbase
    BASE_WRITE gsbase
load_gdt:
    lgdt [rbx]
    lgdt [rcx]
    int 0x42
load_idt:
    lidt [rbx]
    lidt [rcx]
    int 0x42
fast_sysret:
    mov r11d, 2
    o64 sysret
fast_sysexit:
    o64 sysexit
bits 32

; install makes the descriptor tables, and a TSS with stacks for rings 0 to 2.
install:
    mov edi, VARIABLES
    mov ecx, VARIABLES_END - VARIABLES
    xor eax, eax
    rep stosb
    mov edi, OPERAND
    mov ecx, 0x6000 / 4
    rep stosd
    mov word [finish + GARBAGE], 0x42cd ; INT 42h is where it should not be needed, too
%assign i 1
%rep 3
    mov word [16*(FLAT + i) + finish - $$], 0x42cd
%assign i i+1
%endrep
    mov esi, gdt
    mov edi, TABLE
    mov ecx, RINGCODE - 8
    rep movsb
    mov esi, others
    mov ecx, TABLE_END - (RINGCODE - 8)
    rep movsb
    mov edi, LTABLE
    mov ecx, 64
    xor eax, eax
    rep stosd
    mov edi, TABLE + LDT
    mov eax, 0x82
    mov ebx, LTABLE
    mov ecx, 0xff
    call descriptor
    lgdt [table]
; system_registers loads TR and LDTR.
system_registers:
    call stacks
    mov byte [TABLE + TSS + 5], 0x89
    mov byte [TABLE + LDT + 5], 0x82
    mov ax, TSS
    ltr ax
    mov ax, LDT
    lldt ax
    ret

stacks:
    mov dword [tss + 4], INNERSTACK + TOP
    mov dword [tss + 8], RINGDATA
    mov dword [tss + 12], INNERSTACK + 2*TOP
    mov dword [tss + 16], RINGDATA + 9
    mov dword [tss + 20], INNERSTACK + 3*TOP
    mov dword [tss + 24], RINGDATA + 18
    cmp dword [in_long], 0
    je .end
    xor eax, eax
    mov [tss + 8], eax
    mov [tss + 16], eax
    mov [tss + 24], eax
.end:
    ret

; Exceptions and INT 42h save the state.
VEC equ 0
ERR equ 8
IP_ equ 16
CS_ equ 24
FL equ 32
SP_ equ 40
SS_ equ 48
DS_ equ 56
ES_ equ 64
FS_ equ 72
GS_ equ 80
AX_ equ 88
CX_ equ 96
DX_ equ 104
BX_ equ 112
BP_ equ 120
SI_ equ 128
DI_ equ 136
GOT_END equ 144

; Variables are not on pages with code.
absolute VARIABLES
routine: resd 1
codes: resd 1
combination: resd 1
tried: resd 1
bad: resd 1
first: resd 1
first_got: resd 1
first_want: resd 1
want: resd 1
want_flags: resd 1
wrong: resd 1
probe_mask: resd 1
c_access: resd 1
c_type: resd 1
c_dpl: resd 1
c_p: resd 1
c_rpl: resd 1
c_ti: resd 1
c_sel: resd 1
c_seg: resd 1
c_way: resd 1
cpl: resd 1
entry: resq 1
in_eax: resq 1
in_ebx: resq 1
in_ecx: resq 1
in_edx: resq 1
in_ebp: resq 1
run_esp: resq 1
run_ss: resq 1
run_cs: resq 1
pointer: resb 16
gate_pointer: resb 8
target: resd 1
want_at: resd 1
want_esp: resd 1
mask: resd 1
step: resd 1
null_stack: resd 1
wide: resd 1
gate_dpl: resd 1
gate_access: resd 1
inner: resd 1
new_cpl: resd 1
outer: resd 1
refused_esp: resd 1
want_cs: resd 1
want_ss: resd 1
frame_size: resd 1
below: resd 1
in_long: resd 1
want_frame: resd 8
short_table: resd 2
e_access: resd 1
e_b: resd 1
e_g: resd 1
e_limit: resd 1
e_last: resd 1
e_base: resd 1
e_delta: resd 1
e_offset: resd 1
e_size: resd 1
e_upper: resd 1
alignb 8
got: resb GOT_END
VARIABLES_END:
section .text

align 16
catchers:
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
    jmp strict near caught
%assign v v+1
%endrep
align 16
done:
    push byte -1
    push byte 0x42
caught:
    push eax
    push ds
    mov ax, DATA
    mov ds, ax
    pop dword [got + DS_]
    pop dword [got + AX_]
    mov [got + ES_], es
    mov es, ax
    mov [got + FS_], fs
    mov [got + GS_], gs
    mov [got + CX_], ecx
    mov [got + DX_], edx
    mov [got + BX_], ebx
    mov [got + BP_], ebp
    mov [got + SI_], esi
    mov [got + DI_], edi
    pop dword [got + VEC]
    pop dword [got + ERR]
    pop dword [got + IP_]
    pop dword [got + CS_]
    pop dword [got + FL]
    mov [got + SP_], esp
    mov [got + SS_], ss
    test byte [got + CS_], 3
    jz .inner
    pop dword [got + SP_]
    pop dword [got + SS_]
.inner:
    mov ss, ax
    mov esp, [resume_esp]
    cld
    jmp [resume]

bits 64
align 16
catchers64:
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
    jmp strict near caught64
%assign v v+1
%endrep
align 16
done64:
    push byte -1
    push byte 0x42
caught64:
    mov [got + AX_], rax
    mov [got + CX_], rcx
    mov [got + DX_], rdx
    mov [got + BX_], rbx
    mov [got + BP_], rbp
    mov [got + SI_], rsi
    mov [got + DI_], rdi
    mov [got + DS_], ds
    mov [got + ES_], es
    mov [got + FS_], fs
    mov [got + GS_], gs
    pop qword [got + VEC]
    pop qword [got + ERR]
    pop qword [got + IP_]
    pop qword [got + CS_]
    pop qword [got + FL]
    pop qword [got + SP_]
    pop qword [got + SS_]
    mov eax, DATA
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov esp, [resume_esp]
    mov eax, [resume]
    push CODE
    push rax
    cld
    retfq
bits 32

align 4
loaders: dd loaders32
loaders32:
    dd load_mov_es, load_mov_ss, load_mov_ds, load_mov_fs, load_mov_gs
    dd load_pop_es, load_pop_ss, load_pop_ds, load_pop_fs, load_pop_gs
    dd load_far_es, load_far_ss, load_far_ds, load_far_fs, load_far_gs
slots: dd ES_, SS_, DS_, FS_, GS_
probes: dd probe_lar, probe_lsl, probe_verr, probe_verw, probe_lar16, probe_lsl16
system_loads: dd probe_lldt, probe_ltr
valid_lar: dd 0x1a3e            ; volume 2, LAR: system types
valid_lsl: dd 0x0a0e
valid_ltr: dd 0x0202
ring_code: dd RINGCODE
flat_bits: dd 0xc0
word_bytes: dd 4
run_flags: dd 2

widths:
%assign i 0
%rep WIDTHS
    dd width_%[i], width_bytes_%[i], width_writes_%[i]
%assign i i+1
%endrep
defaults:
%assign i 0
%rep DEFAULTS
    dd default_%[i], default_vector_%[i]
%assign i i+1
%endrep
%macro STRINGS 1
    dd string_%1b, string16_%1b, string_%1w, string16_%1w, string_%1d, string16_%1d
%endmacro
; MOVS by its source, by its target, STOS, LODS, CMPS by either, SCAS
strings:
    STRINGS movs
    STRINGS movs
    STRINGS stos
    STRINGS lods
    STRINGS cmps
    STRINGS cmps
    STRINGS scas
string_targets: dd 0x66         ; those that end at EDI
string_sources: dd 0x3b         ; those that have ESI
string_sinks: dd 0x77           ; those that have EDI
control: dd 0x1f80
enters:
%macro ENTER_TABLE 2
    dd enter_%1_%2_0, enter_%1_%2_1, enter_%1_%2_2, enter_%1_%2_3, enter_%1_%2_4, enter_%1_%2_5
%endmacro
    ENTER_TABLE 4, 0
    ENTER_TABLE 4, 32
    ENTER_TABLE 2, 0
    ENTER_TABLE 2, 32
enter_levels: db ENTER_LEVEL_0, ENTER_LEVEL_1, ENTER_LEVEL_2, ENTER_LEVEL_3, ENTER_LEVEL_4, ENTER_LEVEL_5
align 4
nothings: dd 0, 1, 2, 3, 0x1230, 0x1237, TABLE_END, 0xffff
immediates: dd immediate_jump, 0, immediate_call, 8, immediate_jump16, 0, immediate_call16, 4
data_types: db 0x91, 0x93, 0x95, 0x97, 0x9b, 0x9f
align 4
limits: dd 0, 0x0f, 0xfff, 0x7ffe, 0xfffe, 0xffff, 0x10000, 0xfffff
deltas: dd -16, -8, -7, -4, -3, -2, -1, 0
accessors:
    ACCESSORS ds
    ACCESSORS es
    ACCESSORS fs
    ACCESSORS gs
accessors_cs:
    dd access_cs_r1, access_cs_r2, access_cs_r4, access_cs_r8, access_cs_r16
    dd access_cs_w1, access_cs_w2, access_cs_w4, access_cs_w8, access_cs_w16
accessors_ss:
    dd access_ss_r1, access_ss_r2, access_ss_r4, access_ss_r8, access_ss_r16
    dd access_ss_w1, access_ss_w2, access_ss_w4, access_ss_w8, access_ss_w16
    dd access_ss_b1, access_ss_b2, access_ss_b4
branches:
%assign i 0
%rep BRANCHES
    dd branch_%+i, branch_%+i %+ .at, branch_%+i %+ .to
%assign i i+1
%endrep
; Access byte and bits G and D/B, limit, the two places of interest
stack_kinds:
    dd 0x00f3, 0xffff, 0, 0x8000, 0, 0
    dd 0x00f3, 0x7fff, 0x8000, 0, 0, 0
    dd 0x00f7, 0x0fff, 0x1000, 0, 0, 0
    dd 0x40f3, 0x0fff, 0x1000, 0, 0, 0
    dd 0x40f7, 0x0fff, 0x1000, 0, 0, 0
    dd 0xc0f3, 0xfffff, 0x1000, 0, 0, 0
    dd 0x80f3, 0xfffff, 0x8000, 0, 0, 0
    dd 0xc0f7, 0x10, 0x11000, 0, 0, 0
; Routine, bytes of an item (negative: pushed), number of items, what lies on top
stack_operations:
    dd stack_push32, -4, 1, 0
    dd stack_push16, -2, 1, 0
    dd stack_push_byte, -4, 1, 0
    dd stack_pushf, -4, 1, 0
    dd stack_pusha, -4, 8, 0
    dd stack_call, -4, 1, 0
    dd stack_call_far, -4, 2, 0
    dd stack_enter, -4, 1, 0
    dd stack_pop32, 4, 1, 0
    dd stack_pop16, 2, 1, 0
    dd stack_popf, 4, 1, 2
    dd stack_popa, 4, 8, 0
    dd stack_ret, 4, 1, finish
    dd stack_retf, 4, 2, finish
    dd stack_leave, 4, 1, 0
    dd stack_iret, 4, 3, finish
stack_deltas:
    db -40, -36, -33, -32, -31, -28, -20, -17, -16, -12, -10, -9, -8, -7, -6, -5
    db -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 32

directs: dd jump_far, call_far, jump_far16, call_far16
direct_sizes: dd 4, 4, 2, 2
direct_returns: dd 0, call_far.behind, 0, call_far16.behind
directs64: dd jump_far, call_far, jump_far64, call_far64
direct_returns64: dd 0, call_far.behind, 0, call_far64.behind
no_direct: dd 0x1232
returns: dd returns32
returns32: dd return_far, return_interrupt, return_far8, return_far_data, return_interrupt_data
return_sizes: dd 16, 20, 24, 16, 20
return_sizes64: dd 32, 40, 40, 32, 40
always_stack: dd 0
code_bits: dd 0xc0
code_base: dd $$
valid_vectors: dd 0xc0c0
valid_vectors64: dd 0xc000
inner_gates: db 0xec, 0xe4, 0xee, 0xe6
inner_sizes: dd 16, 8, 20, 10
nowheres:
    dd nowhere_jump, nowhere_call, nowhere_jump_gate, nowhere_call_gate, nowhere_vector, nowhere_retf, nowhere_iret
    dd nowhere_retf_stack, nowhere_iret_stack, nowhere_inner_call, nowhere_inner_vector
; JMP, CALL, both by gates, CALL and INT to ring 0, INT, RETF, IRET
target_entries:
    dd jump_far, call_far, jump_far, call_far, call_far, interrupt, interrupt, return_far, return_interrupt
target_gates: db 0, 0, 0xec, 0xec, 0xec, 0xee, 0xef, 0, 0
gate_types: db 0xe6, 0xe7, 0xee, 0xef
software_vectors: db 3, 4, 3, 4, 6
align 4
software: dd software_0, software_1, software_2, software_3, software_4
gate_flag_bits: dd 1, 0x100, 0x200, 0x400, NT, 0x40000, 0x200000
return_flag_bits: dd 1, 0x200, 0x400, NT, 0x40000, 0x200000, 0x20000
flag_returns: dd flags_iret, flags_iret, flags_iret16, flags_popf, flags_popf16
; A 16-bit TSS: back link, SP and SS of rings 0 to 2
tss16:
    dw 0, 0x6000, RINGDATA, 0x7000, RINGDATA + 9, 0x8000, RINGDATA + 18
    times 15 dw 0
align 4

loaders64:
    dd load_mov_es, load_mov_ss, load_mov_ds, load_mov_fs, load_mov_gs
    dd 0, 0, 0, load_pop_fs, load_pop_gs
    dd 0, load_far_ss, 0, load_far_fs, load_far_gs
returns64: dd return_far_64, return_interrupt_64, return_far8_64, return_far_data_64, return_interrupt_data_64
flats:
%macro FLAT_TABLE 1
    dd flat_%1.r1, flat_%1.r2, flat_%1.r4, flat_%1.r8, flat_%1.w1, flat_%1.w2, flat_%1.w4, flat_%1.w8
%endmacro
    FLAT_TABLE ds
    FLAT_TABLE es
    FLAT_TABLE fs
    FLAT_TABLE gs
    FLAT_TABLE ss
    FLAT_TABLE cs
uppers: dd probe_ltr, call_far, jump_far, probe_lldt
by_registers:
%macro BY_ACCESS 2-*
%xdefine access %1
%rep %0 - 1
%rotate 1
    dd by_%1 %+ access
%endrep
%endmacro
    BY_ACCESS .r1, REGISTERS
    BY_ACCESS .r2, REGISTERS
    BY_ACCESS .r4, REGISTERS
    BY_ACCESS .r8, REGISTERS
    BY_ACCESS .w1, REGISTERS
    BY_ACCESS .w2, REGISTERS
    BY_ACCESS .w4, REGISTERS
    BY_ACCESS .w8, REGISTERS
align 8
; Around the hole in the middle
odd_addresses:
    dq 0x7fffffffffff, 0x800000000000, 0x800000000008, 0x7ffffffffff8
    dq 0xffff7fffffffffff, 0xffff7ffffffffff8, 0xffff800000000000, 0xffff800000000008
even_addresses:
    dq 0x800000000000, 0xffff7ffffffffff0, 0x1000000000000, 0x8000000000000000
values:
    dq 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000
    dq 0xffff7fffffffffff, 0xffff800000000000, 0xffffffffffffffff, 0x8000000000000000
    dq 0x1000000000000, 0xfffe800000000000, 0x7fff800000000000, 0xffff000000000000
; Routine, bytes (negative: pushed)
rsp_operations:
    dd rsp_push, -8, rsp_push16, -2, rsp_pushf, -8, rsp_call, -8, rsp_enter, -8
    dd rsp_pop, 8, rsp_popf, 8, rsp_ret, 8, rsp_leave, 8
; Routine, the branch, bytes pushed before
wild:
    dd wild_jump, wild_jump.at, 0
    dd wild_call, wild_call.at, 0
    dd wild_ret, wild_ret.at, 8
    dd wild_ret8, wild_ret8.at, 8
    dd wild_jump_memory, wild_jump_memory.at, 0
    dd wild_call_memory, wild_call_memory.at, 0
    dd wild_jump_far, wild_jump_far.at, 0
    dd wild_call_far, wild_call_far.at, 0
    dd wild_retf, wild_retf.at, 32
    dd wild_jump_gate, wild_jump_gate.at, 0
    dd wild_call_gate, wild_call_gate.at, 0
    dd wild_vector, wild_vector.at, 0
    dd wild_iret, wild_iret.at, 40
; FS, GS and kernel GS base, LSTAR, CSTAR, SYSENTER_ESP, SYSENTER_EIP
msrs: dd 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000082, 0xc0000083, 0x175, 0x176
base_writes: dd write_fsbase, write_gsbase
uppers_odd: dd 0x00008000, 0xffff7fff, 0x80000000, 0x7fffffff, 0, 0x00007fff, 0xffff8000, 0xffffffff
wild_bases: dd 0x00008000, 0xffff7fff, 0x80000000, 0x7fffffff, 0x00010000
table_loads: dd load_gdt, load_idt
tables: dd table, vectors64
fast_returns: dd fast_sysret, fast_sysexit, fast_sysexit
fast_inputs: dd in_ecx, in_edx, in_ecx

vectors64: dw 16*0x100 - 1
    dd idt64
    dd 0
table: dw TABLE_END - 1
    dd TABLE
    dd 0

align 8
others:
    dq 0
    dq 0x00cf9b000000ffff, 0x00cfbb000000ffff, 0x00cfdb000000ffff, 0x00cffb000000ffff
    dq 0x00cf93000000ffff, 0x00cfb3000000ffff, 0x00cfd3000000ffff, 0x00cff3000000ffff
    dq 0x00af9b000000ffff, 0x00afbb000000ffff, 0x00afdb000000ffff, 0x00affb000000ffff
    dq 0, 0
    dq 0, 0
    dq 0, 0
    dq 0, 0
    dq 0x00cff3000000ffff


    FINISH
