; Control transfers that are executed often: calls and returns that match and that do not, indirect ones with one target
; and with several, branches that go another way than at first, code that is changed or mapped elsewhere between a call and
; its return; and accesses that lie on the border of two pages. Engines that translate code predict all of this, and have to
; be right all the same. Everything is done in 32- and in 64-bit mode, N times or more.
%include "env.inc"

N equ 64
DEEP equ 100000                 ; calls
DEEP_STACK equ 0x780000         ; the first 8 MiB are mapped one to one
BORDER equ 0x501000             ; between two pages
CODE_AT equ 0x340000            ; code that changes, and a page that has it otherwise
MAPPED equ 0x600000             ; (64-bit mode) one of the two
PT equ TABLES + 0x4000

; TIMES_BEGIN count ... TIMES_END: EBX counts down
%macro TIMES_BEGIN 1
%push times
    mov ebx, %1
%$again:
%endmacro
%macro TIMES_END 0
    dec ebx
    jnz %$again
%pop
%endmacro

; WRONG number: one more unless the zero flag is set
%macro WRONG 1
    je %%right
    inc dword [RESULTS + 4*(%1)]
%%right:
%endmacro

; IS_MAPPED number: one more unless EAX tells which page is at MAPPED
%macro IS_MAPPED 1
    mov ecx, [PT]
    shr ecx, 12
    and ecx, 1
    inc ecx
    cmp eax, ecx
    WRONG %1
%endmacro

NESTED equ 0
SKIPPED equ 1
POPPED equ 2
PUSHED equ 3
TAKEN equ 4
UNWOUND equ 5
DEEPLY equ 6
COROUTINES equ 7
CHANGED equ 8
POINTERS equ 9
IMPORTS equ 10
BRANCHES equ 11
BORDERS equ 12
ELEMENTS equ 13
REMAPPED equ 14
RELOADED equ 15

; BODY: all of it, for the registers A, C, D, S (stack pointer) of W bytes
%macro BODY 0
    ; Calls within calls.
    TIMES_BEGIN N
    xor eax, eax
    call .outer
    cmp eax, 34
    WRONG NESTED
    TIMES_END
    jmp .nested_done
.outer:
    call .middle
    call .middle
    ret
.middle:
    inc eax
    call .inner
    ret
.inner:
    add eax, 16
    ret
.nested_done:

    ; A return to behind the next instruction.
    TIMES_BEGIN N
    xor ecx, ecx
    call .skip
    mov ecx, 1
    cmp ecx, 0
    WRONG SKIPPED
    TIMES_END
    jmp .skip_done
.skip:
    add PTR [S], 5
    ret
.skip_done:

    ; A call that only asks where it is, in a function that returns.
    TIMES_BEGIN N
    xor ecx, ecx
    call .where
    cmp ecx, .there
    WRONG POPPED
    TIMES_END
    jmp .where_done
.where:
    call .there
.there:
    pop C
    ret
.where_done:

    ; A return without a call.
    TIMES_BEGIN N
    mov ecx, .jumped
    push C
    xor eax, eax
    ret
    inc eax
.jumped:
    cmp eax, 0
    WRONG PUSHED
    TIMES_END

    ; A return that takes parameters along.
    mov edx, esp
    TIMES_BEGIN N
    push A
    push A
    call .taking
    cmp esp, edx
    WRONG TAKEN
    TIMES_END
    jmp .taking_done
.taking:
    ret 2*W
.taking_done:

    ; A return past the caller.
    TIMES_BEGIN N
    xor eax, eax
    call .caller
    cmp eax, 1
    WRONG UNWOUND
    TIMES_END
    jmp .unwound_done
.caller:
    call .unwinder
    mov eax, 2
    ret
.unwinder:
    add S, W
    mov eax, 1
    ret
.unwound_done:

    ; Many at once.
    mov [said], esp
    mov esp, DEEP_STACK
    TIMES_BEGIN 3
    mov ecx, DEEP
    xor eax, eax
    call .deep
    cmp eax, DEEP - 1
    WRONG DEEPLY
    TIMES_END
    mov esp, [said]
    jmp .deep_done
.deep:
    dec ecx
    jz .bottom
    call .deep
    inc eax
.bottom:
    ret
.deep_done:

    ; Two stacks that take turns.
    mov edx, coroutine_top - W
    mov PTR [D], .coroutine
    mov [other], D
    mov dword [said], 0
    TIMES_BEGIN N
    call .turn
    mov eax, ebx
    add eax, [said]
    cmp eax, N + 1
    WRONG COROUTINES
    TIMES_END
    jmp .turns_done
.coroutine:
    inc dword [said]
    call .turn
    jmp .coroutine
.turn:
    mov A, S
    xchg A, [other]
    mov S, A
    ret
.turns_done:

    ; What a call returns to is written meanwhile, now and then: call C; mov eax,0; ret
    mov dword [CODE_AT], 0x00b8d1ff
    mov dword [CODE_AT + 4], 0xc3000000
    TIMES_BEGIN 4*N
    mov ecx, .changer
    mov edx, CODE_AT
    call D
    cmp eax, [CODE_AT + 3]
    WRONG CHANGED
    TIMES_END
    jmp .changed_done
.changer:
    test ebx, 15
    jnz .unchanged
    mov [CODE_AT + 3], ebx
    test ebx, 16
    jnz .unchanged
    mov byte [CODE_AT], 0xff    ; the call itself
.unchanged:
    ret
.changed_done:

    ; A call by way of a pointer, always to the same place at first.
    TIMES_BEGIN 4*N
    mov ecx, .add1
    mov eax, 1
    cmp ebx, 2*N
    ja .chosen
    test ebx, 1
    jz .chosen
    mov ecx, .add2
    mov eax, 2
    test ebx, 2
    jz .chosen
    mov ecx, .add3
    mov eax, 3
.chosen:
    mov [pointer], C
    mov edx, eax
    xor eax, eax
    call [pointer]
    call C
    add edx, edx
    cmp eax, edx
    WRONG POINTERS

    ; The same by a jump, as programs call what they import.
    xor eax, eax
    call .import
    add eax, eax
    cmp eax, edx
    WRONG IMPORTS
    TIMES_END
    jmp .pointers_done
.import:
    jmp [pointer]
.add1:
    inc eax
    ret
.add2:
    add eax, 2
    ret
.add3:
    add eax, 3
    ret
.pointers_done:

    ; Branches that are never taken, then now and then.
    mov edx, pattern
    TIMES_BEGIN 16*N
    mov ecx, ebx
    cmp ebx, 8*N
    jbe .varied
    xor ecx, ecx
.varied:
    and ecx, 15
    call .classify
    cmp eax, ecx
    WRONG BRANCHES
    TIMES_END
    jmp .branches_done
.classify:
    xor eax, eax
    test cl, 1
    jnz .bit0
.after0:
    test cl, 2
    jz .after1
    add eax, [D + 4]
.after1:
    test cl, 4
    jnz .bit2
.after2:
    test cl, 8
    jz .after3
    add eax, [D + 12]
.after3:
    ret
.bit0:
    add eax, [D]
    jmp .after0
.bit2:
    add eax, [D + 8]
    jmp .after2
.branches_done:

    ; A stack on the border of two pages.
    mov [said], esp
    mov esp, BORDER + 2*W
    TIMES_BEGIN 16*N
    push B
    push 1
    push 2
    push 3
    mov eax, [S + 3*W]
    sub eax, [S]
    add eax, [S + 2*W]
    pop C
    pop D
    add eax, ecx
    pop C
    add eax, ecx
    pop C
    sub eax, 2
    cmp eax, ebx
    WRONG BORDERS
    TIMES_END
    mov esp, [said]

    ; Elements of an array on such a border.
    TIMES_BEGIN 16*N
    mov edx, ebx
    and edx, 7
    mov ecx, BORDER - 16
    mov [C + 4*D - 8], edx
    mov [C + 4*D - 4], ebx
    mov [C + 4*D], edx
    mov eax, [C + 4*D - 8]
    sub eax, [C + 4*D]
    add eax, [C + 4*D - 4]
    cmp eax, ebx
    WRONG ELEMENTS
    TIMES_END
%endmacro

    BEGIN
    jmp over32
    ALIGN 16
all32:
%define A eax
%define B ebx
%define C ecx
%define D edx
%define S esp
%define PTR dword
%define W 4
%define RESULTS results32
    BODY
    ret
over32:
    call all32

%macro SEEN 1
    IS {"calls within calls, ", %1}, [RESULTS + 4*NESTED], 0
    IS {"a return to behind the next instruction, ", %1}, [RESULTS + 4*SKIPPED], 0
    IS {"a call that is popped, ", %1}, [RESULTS + 4*POPPED], 0
    IS {"a return without a call, ", %1}, [RESULTS + 4*PUSHED], 0
    IS {"a return that takes parameters along, ", %1}, [RESULTS + 4*TAKEN], 0
    IS {"a return past the caller, ", %1}, [RESULTS + 4*UNWOUND], 0
    IS {"100,000 calls deep, ", %1}, [RESULTS + 4*DEEPLY], 0
    IS {"two stacks that take turns, ", %1}, [RESULTS + 4*COROUTINES], 0
    IS {"code behind a call is written before it returns, ", %1}, [RESULTS + 4*CHANGED], 0
    IS {"calls by way of a pointer, ", %1}, [RESULTS + 4*POINTERS], 0
    IS {"jumps by way of it, ", %1}, [RESULTS + 4*IMPORTS], 0
    IS {"branches that were not taken at first, ", %1}, [RESULTS + 4*BRANCHES], 0
    IS {"a stack on the border of two pages, ", %1}, [RESULTS + 4*BORDERS], 0
    IS {"elements of an array there, ", %1}, [RESULTS + 4*ELEMENTS], 0
%endmacro
    SEEN "32-bit"

    GO_LONG
    mov dword [TABLES + 0x2000 + 16], 0x400087
    mov dword [TABLES + 0x2000 + 24], 0x600087
    LONG
    call all64
    END_LONG
%define RESULTS results64
    IS "exceptions of all that in 64-bit mode", [vector], -1
    SEEN "64-bit"

    ; The page that a call returns to is mapped elsewhere meanwhile.
    mov dword [CODE_AT], 0x01b8d1ff
    mov dword [CODE_AT + 4], 0xc3000000
    mov dword [CODE_AT + 0x1000], 0x02b8d1ff
    mov dword [CODE_AT + 0x1004], 0xc3000000
    mov edi, PT
    mov ecx, 1024
    xor eax, eax
    rep stosd
    mov dword [PT], CODE_AT + 3
    mov dword [TABLES + 0x2000 + 24], PT + 3
    LONG
    mov rax, cr3
    mov cr3, rax
    TIMES_BEGIN 4*N
    mov ecx, .remap
    mov edx, MAPPED
    call rdx
    IS_MAPPED REMAPPED
    TIMES_END
    TIMES_BEGIN 4*N
    mov ecx, .reload
    mov edx, MAPPED
    call rdx
    IS_MAPPED RELOADED
    TIMES_END
    jmp .done
.remap:
    test ebx, 15
    jnz .same
    xor dword [PT], 0x1000
    invlpg [rdx]
.same:
    ret
.reload:
    test ebx, 15
    jnz .same
    xor dword [PT], 0x1000
    mov rax, cr3
    mov cr3, rax
    ret
.done:
    END_LONG
    IS "exceptions meanwhile", [vector], -1
    IS "a call returns to a page that INVLPG has made another", [RESULTS + 4*REMAPPED], 0
    IS "and that MOV CR3 has", [RESULTS + 4*RELOADED], 0

    ; A return that faults leaves the stack pointer alone.
    LONG
    mov ebx, N
.warm:
    call back
    dec ebx
    jnz .warm
    mov rax, 1 << 63
    push rax
    mov [said], esp
    jmp back
    END_LONG
    FAULTS "a return to an address that is not canonical", 13, 0
    mov eax, [ret_eip]
    IS "at the return", eax, back
    mov eax, [fault_esp]
    sub eax, [said]
    IS "the stack pointer is as before", eax, 0
    LONG
    mov ebx, N
.warm2:
    mov rax, .on
    mov [pointer], rax
    jmp import
.on:
    dec ebx
    jnz .warm2
    mov rax, 1 << 63
    mov [pointer], rax
    jmp import
    END_LONG
    FAULTS "a jump by way of a pointer that is not canonical", 13, 0
    mov eax, [ret_eip]
    IS "at the jump", eax, import

    END

bits 64
    ALIGN 16
all64:
%define A rax
%define B rbx
%define C rcx
%define D rdx
%define S rsp
%define PTR qword
%define W 8
    BODY
    ret
back:
    ret
import:
    jmp [pointer]
bits 32

align 16
pattern: dd 1, 2, 4, 8

results32: times 16 dd 0
results64: times 16 dd 0
align 16
other: dq 0
pointer: dq 0
coroutine_stack: times 512 dq 0
coroutine_top:

    FINISH
