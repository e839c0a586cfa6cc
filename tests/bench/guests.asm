; Benchmark guests: a Multiboot kernel that runs the job its command line names (job=NAME)
; between the words START and STOP on COM1, prints SUM and eight digits that are the same
; everywhere, and ends through the debug-exit port. The same file is a Linux program, for the
; host's own speed: see main.go, which puts an ELF header before it and the job's name
; into native_job.
;
;       nasm -f bin -o guests32.bin guests.asm
;       nasm -f bin -DLONG -o guests64.bin guests.asm

BASE    equ 0x100000
MAGIC   equ 0x1badb002
FLAGS   equ 1 << 16                     ; the addresses below are valid

        org BASE
%ifdef LONG
 %define A rax
 %define B rbx
 %define C rcx
 %define D rdx
 %define SI_ rsi
 %define DI_ rdi
 %define BP_ rbp
 %define SP_ rsp
 %define WORD_ 8
 %define PTR_ dq
%else
 %define A eax
 %define B ebx
 %define C ecx
 %define D edx
 %define SI_ esi
 %define DI_ edi
 %define BP_ ebp
 %define SP_ esp
 %define WORD_ 4
 %define PTR_ dd
%endif

        bits 32
header: dd MAGIC, FLAGS, -(MAGIC + FLAGS)
        dd header, BASE, file_end, bss_end, entry
        align 64
native_entry:   dd native               ; what main.go needs to know
native_job:     times 60 db 0

entry:  cli
        cld
        mov esp, stack_top
        mov esi, [ebx + 16]             ; the command line
        mov edi, native_job
.find:  mov eax, [esi]
        inc esi
        test al, al
        jz .none
        cmp eax, 'job='
        jne .find
        add esi, 3
.copy:  lodsb
        cmp al, ' '
        jbe .none
        stosb
        jmp .copy
.none:  mov eax, cr4
        or eax, 1 << 9                  ; OSFXSR
        mov cr4, eax
        fninit
%ifdef LONG
        mov edi, tables
        lea eax, [edi + 0x1000 + 7]
        mov [edi], eax                  ; PML4
        lea eax, [edi + 0x2000 + 7]
        mov [edi + 0x1000], eax         ; PDPT
        mov eax, 0x87                   ; 2 MiB pages
        mov ecx, 512
.pd:    mov [edi + 0x2000], eax
        add eax, 0x200000
        add edi, 8
        loop .pd
        mov eax, cr4
        or eax, 1 << 5                  ; PAE
        mov cr4, eax
        mov eax, tables
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1 << 8                  ; LME
        wrmsr
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
        lgdt [gdtr]
        jmp 8:start64
        bits 64
start64:
%else
        lgdt [gdtr]
        jmp 8:.flat
.flat:
%endif
        mov eax, 16
        mov ds, eax
        mov es, eax
        mov ss, eax
        ; an interrupt gate for INT 80h
        mov DI_, idt + 0x80 * WORD_ * 2
        mov eax, gate
        mov [DI_], ax
        shr eax, 16
        mov [DI_ + 6], ax
        mov word [DI_ + 2], 8
        mov word [DI_ + 4], 0x8e00
        lidt [idtr]
        call main
        mov dx, 0xf4
        xor eax, eax
        out dx, al
.halt:  hlt
        jmp .halt

gate:                                   ; a service that counts
        inc B
%ifdef LONG
        iretq
%else
        iretd
%endif

; As a Linux program.
native: mov SP_, stack_top
        mov byte [is_native], 1
        call main
%ifdef LONG
        mov eax, 60
        xor edi, edi
        syscall
%else
        mov eax, 1
        xor ebx, ebx
        int 0x80
%endif

main:   mov SI_, jobs
.next:  mov A, [SI_ + 16]
        test A, A
        jz .unknown
        mov DI_, native_job
        mov C, SI_
.same:  mov al, [C]
        cmp al, [DI_]
        jne .skip
        inc C
        inc DI_
        test al, al
        jnz .same
        push SI_
        mov SI_, start_text
        call print
        pop SI_
        call [SI_ + 16]
        push A
        mov SI_, stop_text
        call print
        pop A
        mov C, 8
        mov DI_, sum_digits
.digit: rol eax, 4
        mov edx, eax
        and edx, 15
        mov dl, [digits + D]
        mov [DI_], dl
        inc DI_
        dec C
        jnz .digit
        mov SI_, sum_text
        jmp print
.skip:  add SI_, 16 + WORD_
        jmp .next
.unknown:
        mov SI_, unknown_text

print:  cmp byte [is_native], 0
        jne .native
        mov edx, 0x3f8
.byte:  lodsb
        test al, al
        jz .done
        out dx, al
        jmp .byte
.native:
        mov D, SI_
.len:   inc D
        cmp byte [D], 0
        jne .len
        sub D, SI_
%ifdef LONG
        mov eax, 1
        mov edi, 1
        syscall
%else
        mov ecx, esi
        mov ebx, 1
        mov eax, 4
        int 0x80
%endif
.done:  ret

; The jobs. Each returns its sum in EAX.

; registers alone
alu:    mov C, 150000000
        mov eax, 1
        mov edx, 12345
.l:     lea ebx, [eax + eax * 4 + 7]
        xor eax, edx
        rol ebx, 5
        add edx, ebx
        imul eax, eax, 69069
        sub eax, ebx
        dec C
        jnz .l
        xor eax, edx
        ret

; bytes of an array, with strides
sieve:  mov ebp, 12
.again: mov DI_, heap
        mov C, 1 << 20
        mov al, 1
        rep stosb
        mov SI_, 2
.outer: cmp byte [heap + SI_], 0
        je .no
        mov DI_, SI_
        add DI_, SI_
.inner: cmp DI_, 1 << 20
        jae .no
        mov byte [heap + DI_], 0
        add DI_, SI_
        jmp .inner
.no:    inc SI_
        cmp SI_, 1 << 20
        jb .outer
        dec ebp
        jnz .again
        xor eax, eax
        mov SI_, 2
.count: movzx edx, byte [heap + SI_]
        add eax, edx
        inc SI_
        cmp SI_, 1 << 20
        jb .count
        ret

; calls and returns
calls:  mov eax, 36
        call fib
        ret
fib:    cmp eax, 2
        jb .done
        push B
        push A
        dec eax
        call fib
        mov ebx, eax
        pop A
        sub eax, 2
        call fib
        add eax, ebx
        pop B
.done:  ret

; pointers through 4 MiB in an order nobody can guess
chase:  mov ecx, (4 << 20) / 64
        xor edx, edx                    ; x -> 5x+1 modulo a power of two goes through all
        mov DI_, heap
.make:  lea eax, [edx + edx * 4 + 1]
        and eax, (4 << 20) / 64 - 1
        mov B, A
        shl B, 6
        lea B, [heap + B]
        mov SI_, D
        shl SI_, 6
        mov [heap + SI_], B
        mov edx, eax
        dec ecx
        jnz .make
        mov C, 20000000
        mov SI_, heap
.l:     mov SI_, [SI_]
        dec C
        jnz .l
        mov eax, esi
        sub eax, heap
        ret

; SSE2 doubles
sse:    mov ebp, 60000
        mov eax, 3
        cvtsi2sd xmm3, eax
        unpcklpd xmm3, xmm3
        mov eax, 1
        cvtsi2sd xmm2, eax
        unpcklpd xmm2, xmm2
        divpd xmm2, xmm3
        xorpd xmm0, xmm0
.again: mov C, 1024
        mov SI_, heap
.l:     movapd xmm1, [SI_]
        mulpd xmm1, xmm2
        addpd xmm1, xmm2
        addpd xmm0, xmm1
        movapd [SI_], xmm1
        add SI_, 16
        dec C
        jnz .l
        dec ebp
        jnz .again
        cvttsd2si eax, xmm0
        ret

; x87
x87:    mov C, 30000000
        fninit
        fld1
        push 3
        fild dword [SP_]
        fdivp st1                       ; 1/3
        fld1
.l:     fld st0
        fmul st2
        fadd st2
        fstp st1
        dec C
        jnz .l
        push 1000000
        fimul dword [SP_]
        fistp dword [SP_]
        pop A
        pop D
        fstp st0
        ret

; block moves
movs:   mov ebp, 6000
.l:     mov SI_, heap
        mov DI_, heap + (1 << 20)
        mov C, 65536 / 4
        rep movsd
        inc dword [heap + 4]
        dec ebp
        jnz .l
        mov eax, [heap + (1 << 20) + 4]
        ret

; software interrupts and returns from them
int80:  mov C, 3000000
        xor ebx, ebx
.l:     int 0x80
        dec C
        jnz .l
        mov eax, ebx
        ret

; code that changes all the time
smc:    mov C, 400000
        xor eax, eax
.l:     mov [.patch + 1], ecx
        jmp .patch
.patch: mov edx, 0
        add eax, edx
        dec C
        jnz .l
        ret

; a port
port:   mov C, 3000000
        xor eax, eax
.l:     out 0x80, al
        inc eax
        dec C
        jnz .l
        ret

        align 8
%macro JOB 1
%%n:    db %str(%1)
        times 16 - ($ - %%n) db 0
        PTR_ %1
%endmacro
jobs:
        JOB alu
        JOB sieve
        JOB calls
        JOB chase
        JOB sse
        JOB x87
        JOB movs
        JOB int80
        JOB smc
        JOB port
        times 16 db 0
        PTR_ 0

start_text:     db "START", 10, 0
stop_text:      db "STOP", 10, 0
unknown_text:   db "NO SUCH JOB", 10, 0
sum_text:       db "SUM "
sum_digits:     db "00000000", 10, 0
digits:         db "0123456789abcdef"
is_native:      db 0

        align 8
gdt:    dq 0
%ifdef LONG
        dq 0x00af9b000000ffff
%else
        dq 0x00cf9b000000ffff
%endif
        dq 0x00cf93000000ffff
gdtr:   dw gdtr - gdt - 1
        PTR_ gdt
idtr:   dw 0x81 * WORD_ * 2 - 1
        PTR_ idt
file_end:

        absolute BASE + ((file_end - header + 0xfff) & ~0xfff)
tables: resb 0x3000
idt:    resb 0x1000
stack:  resb 0x10000
stack_top:
heap:   resb 8 << 20
bss_end:
