; The guest: a kernel written for ring 0 and an application written for ring 3,
; at guest "physical" address 0. Neither knows of the monitor. The kernel's lines
; come out of its own serial port driver.

section guest vstart=0 align=16 follows=.data
guest_begin:

kernel_start:
	mov esi, k_hello
	call k_puts

	; What every kernel does first.
	cli
	lgdt [k_gdtr]
	jmp 0x08:.own_segments
.own_segments:
	mov ax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov esp, kernel_stack
	lidt [k_idtr]
	mov ax, 0x28
	ltr ax
	mov eax, 0x9000
	mov cr3, eax
	mov eax, cr0
	or eax, 1 << 16 | 1 << 1        ; write protection, monitor coprocessor
	mov cr0, eax

	; The sensitive instructions that do not fault.
	mov esi, k_leaks
	call k_puts
	sgdt [k_scratch]
	mov esi, k_sgdt
	mov eax, [k_scratch + 2]
	call k_puts_hex
	sidt [k_scratch]
	mov esi, k_sidt
	mov eax, [k_scratch + 2]
	call k_puts_hex
	xor eax, eax
	str ax
	mov esi, k_str
	call k_puts_hex
	xor eax, eax
	smsw ax
	mov esi, k_smsw
	call k_puts_hex
	push cs
	pop eax
	mov esi, k_pushcs
	call k_puts_hex
	pushfd
	pop eax
	mov esi, k_pushf
	call k_puts_hex
	pushfd
	and dword [esp], ~0x200
	popfd
	pushfd
	pop eax
	mov esi, k_popf
	call k_puts_hex
	mov ecx, 0x08
	xor eax, eax
	lar eax, ecx
	mov esi, k_lar
	call k_puts_hex
	xor eax, eax
	mov cx, 0x23
	verr cx
	setz al
	mov esi, k_verr
	call k_puts_hex

	; Wait for one tick, then start the application.
	sti
	hlt
	mov esi, k_launch
	call k_puts
	push dword 0x23                 ; SS, ring 3
	push dword app_stack
	push dword 0x202
	push dword 0x1B                 ; CS, ring 3
	push dword app_start
	iretd

; k_puts_hex prints ESI, then EAX in hexadecimal and a line feed.
k_puts_hex:
	mov ebx, eax
	call k_write
	mov ecx, 8
.digit:
	rol ebx, 4
	mov eax, ebx
	and eax, 15
	mov al, [k_digits + eax]
	call k_putc
	loop .digit
	mov al, 10
	jmp k_putc

k_puts:
	call k_write
	mov al, 10
	jmp k_putc

k_write:
	lodsb
	test al, al
	jz .done
	call k_putc
	jmp k_write
.done:
	ret

; k_putc is a serial port driver: wait for THRE, send.
k_putc:
	mov ah, al
	mov dx, 0x3FD
.wait:
	in al, dx
	test al, 0x20
	jz .wait
	mov al, ah
	mov dx, 0x3F8
	out dx, al
	ret

; The timer's handler.
k_tick:
	pushad
	mov esi, k_ticked
	call k_puts
	popad
	iretd

; System calls: ESI is a string to print; EAX, if not 0, a value to add.
k_syscall:
	pushad
	push ds
	push es
	mov bx, 0x10
	mov ds, bx
	mov es, bx
	test eax, eax
	jz .text
	call k_puts_hex
	jmp .done
.text:
	call k_puts
.done:
	pop es
	pop ds
	popad
	iretd

; The application did what it may not: end it and turn the machine off.
k_fault:
	mov ax, 0x10
	mov ds, ax
	mov esi, k_ended
	call k_puts
	mov dx, 0x604
	mov ax, 0x2000
	out dx, ax
	jmp $

; ---- the application ----------------------------------------------------------

app_start:
	mov ax, 0x23
	mov ds, ax
	mov esi, a_hello
	xor eax, eax
	int 0x80
	push cs
	pop eax
	mov esi, a_ring
	int 0x80
	cli
	jmp $

; ---- data ---------------------------------------------------------------------

k_hello:	db "kernel> Hello. I am a kernel and own this machine: I run in ring 0.", 0
k_leaks:	db "kernel> All mine. But these instructions, which never fault, disagree:", 0
k_sgdt:		db "kernel> SGDT: this is not the base of the GDT I loaded: ", 0
k_sidt:		db "kernel> SIDT: nor is this the base of my IDT: ", 0
k_str:		db "kernel> STR: I loaded the task register with 0028: ", 0
k_smsw:		db "kernel> SMSW: I set MP (2h) in CR0; here it is clear: ", 0
k_pushcs:	db "kernel> PUSH CS: I jumped to 0008, so ring 0; it says ring 1: ", 0
k_pushf:	db "kernel> PUSHF: I cleared IF (200h) with CLI; it is set: ", 0
k_popf:		db "kernel> POPF: I clear IF again, it stays set and nothing faults: ", 0
k_lar:		db "kernel> LAR 0008: ring 0 would be 9A00; it says ring 1, BA00: ", 0
k_verr:		db "kernel> VERR 0023: ring 3 can read that segment (1); it says no (0): ", 0
k_ticked:	db "kernel> Tick: the timer interrupt arrived.", 0
k_launch:	db "kernel> Now my application, in ring 3.", 0
k_ended:	db "kernel> The application broke the rules. I end it and turn the machine off.", 0
a_hello:	db "app>    Hello from the application, printed by the kernel for me.", 0
a_ring:		db "app>    PUSH CS says 1A, ring 2, where I was promised 1B, ring 3: ", 0
k_digits:	db "0123456789ABCDEF"
align 4
k_scratch:	dd 0, 0

align 8
k_gdt:	dq 0
	dq 0x00CF9A000000FFFF           ; 08 kernel code
	dq 0x00CF92000000FFFF           ; 10 kernel data
	dq 0x00CFFA000000FFFF           ; 18 user code
	dq 0x00CFF2000000FFFF           ; 20 user data
	dw 0x67, k_tss, 0x8900, 0       ; 28 TSS
k_gdtr:	dw $ - k_gdt - 1
	dd k_gdt
align 8
k_tss:	dd 0, kernel_stack, 0x10
	times 22 dd 0
	dw 0, 0x68

%macro gate 2                           ; handler, type
	dw %1, 0x08, %2 << 8, 0
%endmacro
align 8
k_idt:	times 13 dq 0
	gate k_fault, 0x8E              ; 0D #GP
	times 0x20 - 14 dq 0
	gate k_tick, 0x8E               ; 20 timer
	times 0x80 - 0x21 dq 0
	gate k_syscall, 0xEE            ; 80 system call
k_idtr:	dw $ - k_idt - 1
	dd k_idt
align 16
guest_end:

kernel_stack equ 0x8000
app_stack    equ 0xA000
