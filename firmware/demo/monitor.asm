; The monitor: every trap of the guest comes here. It decodes the instruction,
; emulates it against the virtual CPU below, or hands the trap to the guest
; kernel through the guest's own IDT.

; The trap frame at EBP, lowest address first: PUSHAD, then what the stub and
; the CPU pushed.
F_EAX    equ 28                         ; register n of the encoding: F_EAX - 4*n
F_ES     equ 32
F_DS     equ 36
F_VECTOR equ 40
F_ERROR  equ 44
F_EIP    equ 48
F_CS     equ 52
F_EFLAGS equ 56
F_ESP    equ 60
F_SS     equ 64

IF       equ 0x200

section .text

; One stub per exception, 16 bytes apart. Vectors 8, 10 to 14, 17, 21, 29 and 30
; push an error code themselves.
align 16
stubs:
%assign v 0
%rep 32
	align 16
  %if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
	push byte 0
  %endif
	push byte v
	jmp trap
  %assign v v + 1
%endrep
align 16
stub80:
	push byte 0
	push dword 0x80

trap:
	push ds
	push es
	pushad
	cld
	mov ax, SEL_DATA
	mov ds, ax
	mov es, ax
	mov ebp, esp
	mov eax, [ebp + F_EIP]
	mov [eip_], eax
	mov eax, [ebp + F_ERROR]
	mov [error_], eax
	mov eax, [ebp + F_VECTOR]
	mov [vector_], eax
	mov ecx, [ebp + F_CS]
	mov [cs_], ecx
	and ecx, 3
	jz broken                       ; a trap inside the monitor itself
	add cl, '0'
	mov [ring_], cl
	cmp eax, 0x80
	je system_call
	cmp eax, 13
	jne broken
	call general_protection
resume:
	popad
	pop es
	pop ds
	add esp, 8
	iretd

broken:
	say RING0, "Unexpected trap ", H16(vector_), "h, error ", H32(error_), ", at ", H16(cs_), ":", H32(eip_), "; I stop here."
halt:
	cli
	hlt
	jmp halt

; at_guest turns the guest address ESI into a linear one; the guest cannot make
; the monitor touch anything but the guest's memory.
at_guest:
	cmp esi, GUEST_SIZE - 64
	jae .outside
	add esi, GUEST
	ret
.outside:
	say RING0, "The guest points outside its memory; I stop here."
	jmp halt

; ---- INT 80h: the application calls its kernel --------------------------------

system_call:
	inc dword [calls]
	cmp dword [calls], 1
	jne .again
	say RING0, "INT 80h in ring 2, for the kernel. It came to me: the real IDT is mine."
	say DETAIL, "    I look up vector 80h in the guest's IDT, build the stack frame that a real"
	say DETAIL, "    CPU would, with the ring numbers the guest expects, and enter ring 1."
	jmp .reflect
.again:
	say RING0, "INT 80h: ring 2 -> me in ring 0 -> kernel in ring 1."
.reflect:
	mov eax, 0x80
	call reflect
	jmp resume

; reflect delivers vector EAX to the guest kernel as its CPU would (SDM vol. 3A,
; 6.12.1), in rings moved up by one: 0 became 1, 3 became 2.
reflect:
	mov esi, [v_idt + 2]
	lea esi, [esi + eax * 8]
	call at_guest
	mov ebx, esi                    ; the gate
	mov edi, [ebp + F_ESP]
	mov ecx, [ebp + F_SS]
	cmp byte [v_ring], 3
	jne .same_stack
	mov esi, [v_tss]
	call at_guest
	mov edi, [esi + 4]              ; ESP0 and SS0 of the guest's TSS
	mov ecx, [esi + 8]
	mov edx, [ebp + F_SS]
	or edx, 3
	call guest_push
	mov edx, [ebp + F_ESP]
	call guest_push
.same_stack:
	mov edx, [ebp + F_EFLAGS]
	and edx, ~IF
	or edx, [v_if]
	call guest_push
	mov edx, [ebp + F_CS]
	and edx, ~3
	or dl, [v_ring]                 ; the ring the guest believes in
	call guest_push
	mov edx, [ebp + F_EIP]
	call guest_push
	cmp eax, 13
	jne .no_code
	mov edx, [ebp + F_ERROR]
	call guest_push
.no_code:
	mov [ebp + F_ESP], edi
	and ecx, ~3
	or ecx, 1
	mov [ebp + F_SS], ecx
	movzx eax, word [ebx + 2]
	and eax, ~3
	or eax, 1
	mov [ebp + F_CS], eax
	mov ax, [ebx + 6]
	shl eax, 16
	mov ax, [ebx]
	mov [ebp + F_EIP], eax
	mov byte [v_ring], 0
	test byte [ebx + 5], 1          ; an interrupt gate clears IF
	jnz .trap_gate
	mov dword [v_if], 0
.trap_gate:
	ret

guest_push:                             ; EDX onto the guest stack EDI
	sub edi, 4
	mov esi, edi
	call at_guest
	mov [esi], edx
	ret

; ---- #GP: a privileged instruction, or a ring number that does not fit ---------

general_protection:
	mov esi, [ebp + F_EIP]
	call at_guest
	lodsb
	cmp al, 0x66                    ; as in OUT DX, AX
	jne .opcode
	lodsb
.opcode:
	cmp al, 0x8E
	je mov_sreg                     ; in both rings
	cmp byte [v_ring], 3
	je not_allowed
	mov edi, .table
	mov ecx, (.two - .table) / 5
	cmp al, 0x0F
	jne .find
	lodsb
	mov edi, .two
	mov ecx, (.end - .two) / 5
.find:
	cmp al, [edi]
	je .found
	add edi, 5
	loop .find
	say RING0, "#GP(", H16(error_), ") at ", H32(eip_), ": an instruction I cannot emulate; I stop here."
	jmp halt
.found:
	jmp [edi + 1]
.table:	; one-byte opcodes
	db 0xFA
	dd do_cli
	db 0xFB
	dd do_sti
	db 0xF4
	dd do_hlt
	db 0xCF
	dd do_iret
	db 0xEC
	dd do_in
	db 0xEE
	dd do_out
	db 0xEF
	dd do_out
.two:	; after 0F
	db 0x00
	dd do_ltr
	db 0x01
	dd do_table
	db 0x20
	dd do_read_cr
	db 0x22
	dd do_write_cr
.end:

; done_at moves the guest past the instruction that ends at ESI.
done_at:
	sub esi, GUEST
	mov [ebp + F_EIP], esi
	ret

not_allowed:
	say RING0, "#GP(", H16(error_), ") at ", H32(eip_), ": a privileged instruction in ring 2."
	say DETAIL, "    To the guest that is ring 3, where a CPU refuses it. I do not emulate it,"
	say DETAIL, "    but hand the #GP to the guest kernel: ring 2 -> ring 0 -> ring 1."
	mov eax, 13
	jmp reflect

do_cli:
	say RING0, "#GP at ", H32(eip_), ": CLI in ring ", CHAR(ring_), ". I clear the virtual IF; the real one stays set."
	mov dword [v_if], 0
	jmp done_at

do_sti:
	say RING0, "#GP at ", H32(eip_), ": STI in ring ", CHAR(ring_), ". I set the virtual IF."
	mov dword [v_if], IF
	jmp done_at

do_hlt:
	say RING0, "#GP at ", H32(eip_), ": HLT in ring ", CHAR(ring_), ". It waits for an interrupt; the CPU is free."
	call done_at
	cmp dword [v_if], 0
	jne .tick
	say RING0, "Its virtual IF is clear: it would sleep forever. I stop here."
	jmp halt
.tick:
	say DETAIL, "    I deliver a timer tick, vector 20h of the guest's IDT, into ring 1."
	mov eax, 0x20
	jmp reflect

; IRET faults because the stack frame has the ring numbers the guest expects,
; not the real ones.
do_iret:
	mov esi, [ebp + F_ESP]
	call at_guest
	lodsd
	mov [ebp + F_EIP], eax
	lodsd
	mov ecx, eax                    ; CS
	lodsd
	mov edx, eax                    ; EFLAGS
	and eax, IF
	mov [v_if], eax
	and edx, 0x0CD5                 ; the arithmetic flags and DF
	or edx, IF | 2
	mov [ebp + F_EFLAGS], edx
	test cl, 3
	jz .same_ring
	and ecx, ~3
	or ecx, 2
	mov [ebp + F_CS], ecx
	lodsd
	mov [ebp + F_ESP], eax
	lodsd
	and eax, ~3
	or eax, 2
	mov [ebp + F_SS], eax
	mov byte [v_ring], 3
	inc dword [leaves]
	cmp dword [leaves], 1
	jne .quiet
	say RING0, "#GP(", H16(error_), ") at ", H32(eip_), ": IRET in ring 1, to what the kernel calls ring 3."
	say DETAIL, "    I go there for it, but to ring 2: ring 1 -> ring 0 -> ring 2."
	ret
.quiet:
	say RING0, "#GP(", H16(error_), "): IRET. Back to the application: ring 1 -> me in ring 0 -> ring 2."
	ret
.same_ring:
	or ecx, 1
	mov [ebp + F_CS], ecx
	sub esi, GUEST
	mov [ebp + F_ESP], esi
	say RING0, "#GP(", H16(error_), ") at ", H32(eip_), ": IRET in ring 1, to ring 1. The virtual IF comes back."
	ret

; MOV to a segment register from a general one. The ring number in the selector
; is the guest's idea; the real one goes into the register.
mov_sreg:
	lodsb
	cmp al, 0xC0
	jb broken
	movzx edx, al
	and edx, 7
	neg edx
	movzx ebx, word [ebp + F_EAX + edx * 4]
	mov [value_], ebx
	mov ecx, [ebp + F_CS]
	and ecx, 3
	and ebx, 0x78                   ; only shadow slots can be meant
	or ecx, ebx
	mov dl, [gdt + ebx + 5]
	shr dl, 5
	and dl, 3
	mov dh, cl
	and dh, 3
	cmp dl, dh
	jne broken                      ; no such segment in this ring
	mov [result_], ecx
	shr al, 3
	and eax, 7
	cmp eax, 2
	je .ss
	cmp eax, 3
	je .ds
	test eax, eax
	jne broken
	mov [ebp + F_ES], ecx
	jmp .told
.ds:
	mov [ebp + F_DS], ecx
	jmp .told
.ss:
	mov [ebp + F_SS], ecx
.told:
	call done_at
	say RING0, "#GP(", H16(error_), ") at ", H32(eip_), ": segment register loaded with ", H16(value_), " in ring ", CHAR(ring_), "."
	say DETAIL, "    The ring number in that selector is not the real one: I load ", H16(result_), "."
	ret

; LGDT and LIDT with a 32-bit address.
do_table:
	lodsb
	mov bl, al
	lodsd
	push esi
	mov esi, eax
	call at_guest
	mov ax, [esi]
	mov edx, [esi + 2]
	pop esi
	call done_at
	mov [value_], edx
	cmp bl, 0x15                    ; /2, mod 00, disp32
	je .gdt
	cmp bl, 0x1D                    ; /3
	jne broken
	mov [v_idt], ax
	mov [v_idt + 2], edx
	say RING0, "#GP at ", H32(eip_), ": LIDT, base ", H32(value_), ". I note it; the real IDT stays mine."
	ret
.gdt:
	mov [v_gdt], ax
	mov [v_gdt + 2], edx
	; Shadow the guest's descriptors, slots 1 to 15 as far as it has them.
	movzx ecx, ax
	inc ecx
	shr ecx, 3
	cmp ecx, SHADOW_SLOTS
	jbe .fits
	mov ecx, SHADOW_SLOTS
.fits:
	mov esi, edx
	call at_guest
	mov edi, gdt
	jecxz .shadowed
	dec ecx
	jz .shadowed
	add esi, 8
	add edi, 8
.next:
	call shadow
	add esi, 8
	add edi, 8
	loop .next
.shadowed:
	say RING0, "#GP at ", H32(eip_), ": LGDT, base ", H32(value_), ". The real GDT stays mine, but I copy the"
	say DETAIL, "    guest's descriptors into it: bases moved up by 2 MiB, limits cut to 64 KiB,"
	say DETAIL, "    ring 0 made ring 1, ring 3 made ring 2."
	ret

; shadow makes the real descriptor at EDI of the guest's at ESI. The guest's
; segments are flat, so base and limit are the same for all. Present code and
; data only; system descriptors stay out of the real GDT.
shadow:
	mov al, [esi + 5]
	mov dword [edi], 0
	mov dword [edi + 4], 0
	mov ah, al
	and ah, 0x90
	cmp ah, 0x90
	jne .out
	mov ah, 1 << 5
	test al, 0x60
	jz .ring
	mov ah, 2 << 5
.ring:
	and al, 0x9A                    ; present, S, code, readable or writable
	or al, ah
	mov word [edi], GUEST_SIZE - 1
	mov byte [edi + 4], GUEST >> 16
	mov [edi + 5], al
	mov byte [edi + 6], 0x40        ; 32-bit, byte granular
.out:
	ret

do_ltr:
	lodsb
	cmp al, 0xD8                    ; LTR AX
	jne broken
	call done_at
	movzx eax, word [ebp + F_EAX]
	mov [value_], eax
	mov esi, [v_gdt + 2]
	and eax, 0xFFF8
	add esi, eax
	call at_guest
	mov eax, [esi + 2]
	and eax, 0xFFFFFF
	mov [v_tss], eax
	say RING0, "#GP at ", H32(eip_), ": LTR ", H16(value_), ". I note the guest's TSS; the real one stays mine."
	ret

; MOV between CR0 or CR3 and a register.
do_read_cr:
	call which_cr
	mov eax, [edi]
	mov [ebp + F_EAX + edx * 4], eax
	mov [value_], eax
	say RING0, "#GP at ", H32(eip_), ": MOV from CR", CHAR(cr_), ". The guest gets the virtual one, ", H32(value_), "."
	ret
do_write_cr:
	call which_cr
	mov eax, [ebp + F_EAX + edx * 4]
	mov [edi], eax
	mov [value_], eax
	say RING0, "#GP at ", H32(eip_), ": MOV to CR", CHAR(cr_), " of ", H32(value_), ". It changes the virtual one only."
	ret
which_cr:                               ; EDI = virtual register, EDX = -register
	lodsb
	movzx edx, al
	and edx, 7
	neg edx
	shr al, 3
	and eax, 7
	mov edi, v_cr0
	test eax, eax
	jz .named
	mov edi, v_cr3
	cmp eax, 3
	jne broken
.named:
	add al, '0'
	mov [cr_], al
	jmp done_at

; IN: only the line status of the guest's virtual serial port has an answer.
do_in:
	call done_at
	mov al, 0xFF
	cmp word [ebp + F_EAX - 8], COM1 + 5
	jne .answer
	mov al, 0x60                    ; transmitter empty
.answer:
	mov [ebp + F_EAX], al
	cmp byte [told_in], 0
	jne .quiet
	mov byte [told_in], 1
	say RING0, "#GP at ", H32(eip_), ": IN from port 03FDh in ring ", CHAR(ring_), ". I answer as a ready serial port."
.quiet:
	ret

do_out:
	call done_at
	movzx edx, word [ebp + F_EAX - 8]
	cmp edx, PM1_CNT
	je .power
	cmp edx, COM1
	jne .quiet
	cmp byte [told_out], 0
	jne .char
	mov byte [told_out], 1
	say RING0, "#GP at ", H32(eip_), ": OUT to port 03F8h in ring ", CHAR(ring_), ". I print it, and what follows."
.char:
	mov byte [colour], RING1
	mov al, [ebp + F_EAX]
	jmp putc
.quiet:
	ret
.power:
	say RING0, "#GP at ", H32(eip_), ": OUT to port 0604h: the guest turns its machine off."
	say RING0, "That was trap and emulate. What did not trap is why VT-x and AMD-V came later."
	say RING0, "I power off the real machine. Goodbye."
	mov dx, PM1_CNT
	mov ax, SLP_EN
	out dx, ax
	mov ecx, 1000000                ; power-off may take a moment
	loop $
	say RING0, "The machine is still on: it has no ACPI power-off at port 0604h. I stop here."
	jmp halt

section .data
align 4
vars:                                   ; what say can print
eip_:	dd 0
error_:	dd 0
vector_: dd 0
cs_:	dd 0
value_:	dd 0
result_: dd 0
ring_:	db 0
cr_:	db 0
align 4
; The virtual CPU.
v_cr0:	dd 0x80000011                   ; paging, extension type, protection
v_cr3:	dd 0
v_if:	dd IF
v_tss:	dd 0
v_gdt:	dw 0
	dd 0
v_idt:	dw 0
	dd 0
v_ring:	db 0                            ; the ring the guest believes it is in
told_in: db 0
told_out: db 0
align 4
calls:	dd 0
leaves:	dd 0
