; Text on the VGA screen (80x25 at B8000h) and COM1. Colour tells who speaks.

VGA     equ 0xB8000
COM1    equ 0x3F8
RING0 equ 0x0E                        ; yellow
RING1  equ 0x0A                        ; light green
DETAIL  equ 0x07                        ; grey

; say COLOUR, "text", ...  prints a line. Within it, H32(x) and H16(x) stand
; for a variable in hexadecimal, CHAR(x) for one that is a character.
%define H32(x) 1, (x) - vars
%define H16(x) 2, (x) - vars
%define CHAR(x) 3, (x) - vars
%macro say 2+
	push esi
	mov byte [colour], %1
	mov esi, %%text
	call print
	pop esi
	[section .data]
%%text:	db %2, 10, 0
	__SECT__
%endmacro

section .text

console_init:
	mov edi, VGA
	mov eax, 0x07200720
	mov ecx, 80 * 25 / 2
	rep stosd
	mov esi, .uart
	mov ecx, 7
	xor edx, edx
.next:
	lodsw                           ; AL register, AH value
	mov dl, al
	add dx, COM1
	mov al, ah
	out dx, al
	xor edx, edx
	loop .next
	ret
	; IER 0, LCR DLAB, DLL 1, DLM 0 (115200 baud), LCR 8N1, FCR on, MCR DTR+RTS
.uart:	db 1,0, 3,0x80, 0,1, 1,0, 3,3, 2,7, 4,3

; print writes the string at ESI.
print:
	pushad
	xor eax, eax
.next:
	lodsb
	test al, al
	jz .done
	cmp al, 3
	ja .char
	mov bl, al
	lodsb
	mov edx, [vars + eax]
	mov al, dl
	mov ecx, 8
	cmp bl, 2
	ja .char
	jb .hex
	shl edx, 16
	mov ecx, 4
.hex:
	rol edx, 4
	mov eax, edx
	and eax, 15
	mov al, [digits + eax]
	call putc
	loop .hex
	xor eax, eax
	jmp .next
.char:
	call putc
	jmp .next
.done:
	popad
	ret

; putc writes the character AL; 10 ends the line.
putc:
	pushad
	cmp al, 10
	jne .serial
	mov al, 13
	call serial
	mov al, 10
.serial:
	call serial
	cmp al, 10
	je .newline
	mov edi, [cursor]
	mov ah, [colour]
	mov [VGA + edi * 2], ax
	inc edi
	jmp .placed
.newline:
	mov eax, [cursor]
	xor edx, edx
	mov ecx, 80
	div ecx
	inc eax
	mul ecx
	mov edi, eax
.placed:
	cmp edi, 80 * 25
	jb .store
	push edi
	mov esi, VGA + 160
	mov edi, VGA
	mov ecx, 80 * 24 / 2
	rep movsd
	mov eax, 0x07200720
	mov ecx, 80 / 2
	rep stosd
	pop edi
	sub edi, 80
.store:
	mov [cursor], edi
	mov dx, 0x3D4                   ; CRTC 0Eh, 0Fh: the cursor's place
	mov al, 0x0E
	mov ebx, edi
	mov ah, bh
	out dx, ax
	mov al, 0x0F
	mov ah, bl
	out dx, ax
	popad
	ret

; serial sends AL; without a UART the wait ends by itself.
serial:
	push eax
	push ecx
	push edx
	mov ah, al
	mov ecx, 100000
	mov dx, COM1 + 5
.wait:
	in al, dx
	test al, 0x20                   ; THRE
	loopz .wait
	mov al, ah
	mov dx, COM1
	out dx, al
	pop edx
	pop ecx
	pop eax
	ret

section .data
digits:	db "0123456789ABCDEF"
align 4
cursor:	dd 0
colour:	db DETAIL
