; The demonstration guest of g86: how one CPU was shared before CPUs had
; hardware virtualisation (before Intel VT-x and AMD-V).
;
; A tiny monitor in ring 0 runs a guest kernel in ring 1 and an application in
; ring 2. The kernel believes it is in ring 0 and the application believes it is
; in ring 3. Privileged instructions fault, the monitor emulates them against a
; virtual CPU; sensitive ones that do not fault give the game away.
;
; A Multiboot kernel, NASM syntax. `make demo` rebuilds demo.bin.
;
;   monitor.asm  the trap handler: decode, emulate, reflect
;   console.asm  text on the VGA screen and COM1
;   guest.asm    the guest kernel and its application

bits 32
org 0x100000

; Memory map. Everything from GUEST on is the guest's "physical" memory.
PAGE_DIR   equ 0x180000
PAGE_TABLE equ 0x181000
STACK_TOP  equ 0x190000
GUEST      equ 0x200000
GUEST_SIZE equ 0x10000

; The GDT: slots 0 to 15 shadow the guest's own, the monitor's come after.
SHADOW_SLOTS equ 16
SEL_CODE     equ 0x80
SEL_DATA     equ 0x88
SEL_TSS      equ 0x90

MB_MAGIC equ 0x1BADB002
MB_FLAGS equ 1 << 16            ; the address fields are valid

section .text
header:
	dd MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	dd header, 0x100000, 0, GUEST + GUEST_SIZE, start

%include "console.asm"

section .text
start:
	cli
	cld
	mov esp, STACK_TOP
	lgdt [gdtr]
	jmp SEL_CODE:.flat
.flat:
	mov ax, SEL_DATA
	mov ds, ax
	mov es, ax
	mov ss, ax
	xor eax, eax
	mov fs, ax
	mov gs, ax
	lldt ax

	; Both 8259s masked: no interrupt comes, so the guest can run with the
	; real IF set, whatever its virtual one is.
	mov al, 0xFF
	out 0x21, al
	out 0xA1, al

	; The TSS gives the ring-0 stack for traps. Its I/O bitmap lies beyond
	; its limit and IOPL is 0: IN and OUT fault in rings 1 and 2.
	mov eax, tss
	mov [gdt + SEL_TSS + 2], ax
	shr eax, 16
	mov [gdt + SEL_TSS + 4], al
	mov [gdt + SEL_TSS + 7], ah
	mov ax, SEL_TSS
	ltr ax

	call build_idt
	lidt [idtr]
	call paging_on
	call console_init
	call power_init

	mov esi, section.guest.start
	mov edi, GUEST
	mov ecx, guest_end - guest_begin
	rep movsb

	say RING0, "g86 demonstration: sharing a CPU that has no virtualisation support."
	say RING0, "I am a monitor in ring 0. Paging is on, and I own the GDT, IDT and TSS."
	say RING0, "Paging tells ring 3 from the rest only: rings 0, 1 and 2 are all 'supervisor'."
	say RING0, "So segment limits keep my guest in its 64 KiB, which start at 2 MiB."
	say RING0, "I now start its kernel in ring 1. It will believe that this is ring 0."

	; Enter ring 1: an IRET to an outer ring.
	push dword 0x10 | 1             ; SS
	push dword kernel_stack         ; ESP
	push dword 0x202                ; EFLAGS: IF, IOPL 0
	push dword 0x08 | 1             ; CS
	push dword kernel_start         ; EIP
	mov ax, 0x10 | 1
	mov ds, ax
	mov es, ax
	iretd

; paging_on maps the first 4 MiB to itself.
paging_on:
	mov edi, PAGE_DIR
	mov ecx, 1024
	xor eax, eax
	rep stosd
	mov dword [PAGE_DIR], PAGE_TABLE | 3
	mov edi, PAGE_TABLE
	mov ecx, 1024
	mov eax, 3                      ; present, writable
.next:
	stosd
	add eax, 0x1000
	loop .next
	mov eax, PAGE_DIR
	mov cr3, eax
	mov eax, cr0
	or eax, 1 << 31
	mov cr0, eax
	ret

; build_idt fills vectors 0 to 31 with the exception stubs, which are 16 bytes
; apart, and vector 80h, which rings 1 to 3 may call.
build_idt:
	mov edi, idt
	mov eax, stubs
	mov ecx, 32
.next:
	mov bh, 0x8E                    ; present, DPL 0, 32-bit interrupt gate
	call set_gate
	add eax, 16
	loop .next
	mov edi, idt + 0x80 * 8
	mov eax, stub80
	mov bh, 0xEE                    ; DPL 3
set_gate:                               ; EDI gate, EAX handler, BH type
	mov [edi], ax
	mov word [edi + 2], SEL_CODE
	mov byte [edi + 4], 0
	mov [edi + 5], bh
	mov edx, eax
	shr edx, 16
	mov [edi + 6], dx
	add edi, 8
	ret

; power_init gives the PIIX4's power management function (00:01.3) its I/O
; base, which a BIOS would have done: PMBA (40h) = 600h, PMREGMISC (80h) on.
PIIX4_PM   equ 0x80000B00
PM1_CNT    equ 0x604
SLP_EN     equ 0x2000                   ; with sleep type 0: power off
power_init:
	mov eax, PIIX4_PM
	call pci_select
	in eax, dx
	cmp eax, 0x71138086
	jne .done
	mov eax, PIIX4_PM + 0x40
	call pci_select
	mov eax, 0x601
	out dx, eax
	mov eax, PIIX4_PM + 0x80
	call pci_select
	in al, dx
	or al, 1
	out dx, al
.done:
	ret
pci_select:                             ; EAX address; DX = CONFIG_DATA
	mov dx, 0xCF8
	out dx, eax
	mov dx, 0xCFC
	ret

%include "monitor.asm"

section .data
align 8
; The boot GDT's slots 1 and 2 let the kernel start; its own LGDT replaces them.
; Limits are GUEST_SIZE - 1, bases GUEST.
gdt:
	dq 0
	dq 0x00409A000000FFFF | ((GUEST & 0xFFFFFF) << 16) | (1 << 45)
	dq 0x004092000000FFFF | ((GUEST & 0xFFFFFF) << 16) | (1 << 45)
	times SHADOW_SLOTS - 3 dq 0
	dq 0x00CF9A000000FFFF           ; SEL_CODE
	dq 0x00CF92000000FFFF           ; SEL_DATA
	dq 0x0000890000000067           ; SEL_TSS, base set at start
gdtr:	dw $ - gdt - 1
	dd gdt
idtr:	dw 0x81 * 8 - 1
	dd idt
align 8
idt:	times 0x81 dq 0
tss:	dd 0, STACK_TOP, SEL_DATA
	times 22 dd 0
	dw 0, 0x68                      ; I/O bitmap beyond the limit

%include "guest.asm"
