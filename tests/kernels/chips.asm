; The chips around the processor, from their datasheets: 8254 (order number 231164), 8259A (231468), MC146818, 82093AA
; (290566), PIIX (290550), and the local APIC (SDM volume 3A, chapter 11). Nothing depends on how fast the processor is.
%include "env.inc"

IOAPIC equ 0xfec00000
PATIENCE equ 2000000            ; looks at something that has to happen

; OUTB port, value
%macro OUTB 2
    mov al, %2
    out %1, al
%endmacro

; OUT_IS name, value: of counter 2's output
%macro OUT_IS 2
    in al, 0x61
    shr al, 5
    and eax, 1
    mov [value], eax
    IS %1, [value], %2
%endmacro

; BYTE_IS name, value: of AL
%macro BYTE_IS 2
    movzx eax, al
    mov [value], eax
    IS %1, [value], %2
%endmacro

; POLL_IS name, value: what the 8259A answers to a poll
%macro POLL_IS 2
    call quiet
    OUTB 0x20, 0x0c
    in al, 0x20
    BYTE_IS %1, %2
%endmacro

; ISR_IS name, value
%macro ISR_IS 2
    OUTB 0x20, 0x0b
    in al, 0x20
    BYTE_IS %1, %2
%endmacro

    BEGIN

    ; 8254: control words, the gate and the output of counter 2 in modes 0, 1, 2, 3 and 4.
    call gate_low
    OUTB 0x43, 0xb0             ; counter 2, both bytes, mode 0
    OUT_IS "mode 0: low after the control word", 0
    call status
    and al, 0x7f
    BYTE_IS "read-back: the control word, and no count yet", 0x70
    OUTB 0x42, 0x34
    OUTB 0x42, 0x12
    call some_time
    call count
    IS "mode 0: the gate holds the count", eax, 0x1234
    call status
    BYTE_IS "read-back: the count is there, the output low", 0x30
    call gate_high
    mov ecx, PATIENCE
.mode0:
    in al, 0x61
    test al, 0x20
    loopz .mode0
    OUT_IS "mode 0: high after the terminal count", 1
    call some_time
    OUT_IS "mode 0: and stays so", 1

    OUTB 0x43, 0x92             ; counter 2, low byte alone, mode 1
    OUT_IS "mode 1: high after the control word", 1
    OUTB 0x42, 200
    call some_time
    OUT_IS "mode 1: high until the gate rises", 1
    call gate_low
    call gate_high
    mov ecx, PATIENCE           ; with the next clock
.trigger:
    in al, 0x61
    test al, 0x20
    loopnz .trigger
    OUT_IS "mode 1: low then", 0
    mov ecx, PATIENCE
.mode1:
    in al, 0x61
    test al, 0x20
    loopz .mode1
    OUT_IS "mode 1: high when it has expired", 1
    call status
    BYTE_IS "read-back: mode 1, low byte alone", 0x92

    OUTB 0x43, 0xb4             ; counter 2, both bytes, mode 2
    OUTB 0x42, 0xe8
    OUTB 0x42, 0x03
    mov dword [worst], 0
    mov ebp, 1000
.mode2:
    call count
    dec eax                     ; from 1 to 1000
    cmp eax, 1000
    jb .in_range
    inc dword [worst]
.in_range:
    dec ebp
    jnz .mode2
    IS "mode 2: counts from N to 1", [worst], 0

    OUTB 0x43, 0xb6             ; counter 2, both bytes, mode 3
    OUTB 0x42, 0xe8
    OUTB 0x42, 0x03
    mov dword [worst], 0
    mov dword [seen], 0
    mov ebp, 20000
.mode3:
    call count
    test al, 1
    jz .even
    inc dword [worst]
.even:
    in al, 0x61
    shr al, 5
    and eax, 1
    bts [seen], eax
    dec ebp
    jnz .mode3
    IS "mode 3: an even count goes by twos", [worst], 0
    IS "mode 3: the output is high and low", [seen], 3
    OUTB 0x43, 0xb8             ; counter 2, both bytes, mode 4
    OUT_IS "mode 4: high after the control word", 1
    OUTB 0x43, 0xb1             ; counter 2, both bytes, mode 0, BCD
    OUTB 0x42, 0x99
    OUTB 0x42, 0x99
    mov dword [worst], 0
    mov ebp, 1000
.bcd:
    call count
    lea edx, [eax + 0x66666666] ; carries out of digits above 9
    xor edx, eax
    xor edx, 0x66666666
    test edx, 0x11110
    jz .digits
    inc dword [worst]
.digits:
    dec ebp
    jnz .bcd
    IS "BCD: digits", [worst], 0
    OUTB 0x43, 0xb0
    OUTB 0x42, 0xff
    OUTB 0x42, 0xff
    OUTB 0x43, 0x80             ; latch the count
    call some_time
    OUTB 0x43, 0x80             ; again, which does nothing
    in al, 0x42
    mov bl, al
    in al, 0x42
    mov bh, al
    movzx ebx, bx
    call count
    cmp eax, ebx
    setb al
    BYTE_IS "a latched count stays until it is read", 1

    ; 8259A: initialisation, masks, requests, service, priorities. Interrupts stay off; the poll command acknowledges.
    call init_pic
    in al, 0x21
    BYTE_IS "8259A: ICW1 clears the mask", 0
    OUTB 0x21, 0xa5
    in al, 0x21
    BYTE_IS "8259A: the mask can be read", 0xa5
    OUTB 0x21, 0xff
    call raise0
    OUTB 0x20, 0x0a             ; read IRR
    in al, 0x20
    and al, 1
    BYTE_IS "8259A: a masked request is seen in IRR", 1
    POLL_IS "8259A: but not by a poll", 0
    OUTB 0x21, 0
    call raise4
    POLL_IS "8259A: a poll takes the highest priority", 0x80
    ISR_IS "8259A: which is in service then", 1
    OUTB 0x20, 0x0c
    in al, 0x20
    and al, 0x80
    BYTE_IS "8259A: and holds back what is lower", 0
    OUTB 0x21, 1
    OUTB 0x20, 0x68             ; special mask mode
    POLL_IS "8259A: special mask mode lets it through when that is masked", 0x84
    ISR_IS "8259A: both are in service", 0x11
    OUTB 0x20, 0x48
    OUTB 0x20, 0x60             ; specific EOI of 0
    ISR_IS "8259A: specific EOI", 0x10
    OUTB 0x20, 0x20
    ISR_IS "8259A: EOI", 0
    OUTB 0x21, 0
    OUTB 0x20, 0xc3             ; 3 has the lowest priority, 4 the highest
    call raise0
    call raise4
    POLL_IS "8259A: set priority", 0x84
    OUTB 0x20, 0xa0             ; EOI, and what was served has the lowest priority
    ISR_IS "8259A: rotation on EOI: the bit goes", 0
    call raise4
    POLL_IS "8259A: and the priority", 0x80
    OUTB 0x20, 0x20
    POLL_IS "8259A: the other one comes last", 0x84
    OUTB 0x20, 0x20
    OUTB 0x20, 0xc7             ; as after initialisation
    OUTB 0x21, 0xff
    mov dx, 0x4d0
    mov al, 0xff
    out dx, al
    in al, dx
    BYTE_IS "ELCR: 0, 1 and 2 are always edges", 0xf8
    mov al, 0
    out dx, al
    mov dx, 0x4d1
    mov al, 0xff
    out dx, al
    in al, dx
    BYTE_IS "ELCR: so are 8 and 13", 0xde
    mov al, 0
    out dx, al

    ; MC146818.
    mov ax, 0x0d
    call cmos_read
    BYTE_IS "RTC: register D says that time is valid, and nothing else", 0x80
    mov ax, 0x820b              ; SET, 24 hours, BCD
    call cmos_write
    mov ax, 0x5900
    call cmos_write
    mov ax, 0x00
    call cmos_read
    BYTE_IS "RTC: seconds while SET", 0x59
    mov ax, 0x0a
    call cmos_read
    and al, 0x80
    BYTE_IS "RTC: no update in progress while SET", 0
    mov ax, 0x020b
    call cmos_write
    mov ax, 0x260a              ; 976.5 us
    call cmos_write
    mov ax, 0x0c
    call cmos_read
    mov ecx, PATIENCE
.periodic:
    mov ax, 0x0c
    call cmos_read
    test al, 0x40
    loopz .periodic
    and al, 0xc0
    BYTE_IS "RTC: the periodic flag comes without its interrupt", 0x40
    mov ax, 0x0c
    call cmos_read
    and al, 0x40
    BYTE_IS "RTC: reading register C clears it", 0

    ; 82093AA.
    mov ebx, 1
    call ioapic_read
    shr eax, 16
    and eax, 0xff
    IS "I/O APIC: 24 entries", eax, 23
    mov ebx, 0x10 + 2*5
    mov eax, 0xffffffff
    call ioapic_write
    call ioapic_read
    IS "I/O APIC: delivery status and remote IRR cannot be written", eax, 0x1afff
    inc ebx
    mov eax, 0xffffffff
    call ioapic_write
    call ioapic_read
    and eax, 0xff000000
    IS "I/O APIC: the destination can", eax, 0xff000000
    mov ebx, 0x10 + 2*5
    mov eax, 0x10000
    call ioapic_write

    ; Local APIC.
    mov eax, [APIC + 0x30]
    and eax, 0xf0
    IS "APIC: version 1Xh", eax, 0x10
    mov dword [APIC + 0xf0], 0xff
    mov dword [APIC + 0x320], 0x51
    mov eax, [APIC + 0x320]
    IS "APIC: disabled, the mask of an LVT entry stays", eax, 0x10051
    mov dword [APIC + 0xf0], 0x1ff
    mov dword [APIC + 0x320], 0x51
    mov eax, [APIC + 0x320]
    IS "APIC: enabled, it can be cleared", eax, 0x51
    mov dword [APIC + 0x320], 0x10051
    mov dword [APIC + 0x80], 0x5a
    mov eax, [APIC + 0x80]
    IS "APIC: task priority", eax, 0x5a
    mov eax, [APIC + 0xa0]
    IS "APIC: processor priority follows", eax, 0x5a
    mov dword [APIC + 0x300], 0x40050           ; to itself
    mov eax, [APIC + 0x220]
    shr eax, 16
    and eax, 1
    IS "APIC: requested", eax, 1
    mov dword [locals], 0
    sti
    nop
    nop
    cli
    IS "APIC: its class is not above the task priority", [locals], 0
    mov dword [APIC + 0x80], 0x4f
    sti
    nop
    nop
    cli
    IS "APIC: it is above a lower one", [locals], 1
    mov eax, [APIC + 0x120]
    IS "APIC: EOI has ended its service", eax, 0
    mov dword [APIC + 0x80], 0
    mov dword [APIC + 0x3e0], 0xffffffff
    mov eax, [APIC + 0x3e0]
    IS "APIC: bits of the divide configuration", eax, 0xb
    mov dword [APIC + 0x380], 1000
    mov ecx, PATIENCE
.one_shot:
    mov eax, [APIC + 0x390]
    test eax, eax
    loopnz .one_shot
    IS "APIC: one shot counts down", eax, 0
    call some_time
    mov eax, [APIC + 0x390]
    IS "APIC: and stays 0", eax, 0
    mov dword [APIC + 0x320], 0x30051           ; periodic, masked
    mov dword [APIC + 0x380], 1000
    mov dword [worst], 0
    mov dword [seen], 0
    mov ebp, 100000
    mov ebx, 1000
.period:
    mov eax, [APIC + 0x390]
    cmp eax, 1000
    jbe .below
    inc dword [worst]
.below:
    cmp eax, ebx
    jbe .down
    mov dword [seen], 1
.down:
    mov ebx, eax
    dec ebp
    jnz .period
    IS "APIC: periodic, it never exceeds the initial count", [worst], 0
    IS "APIC: and starts again", [seen], 1
    mov dword [APIC + 0x380], 0
    mov eax, [APIC + 0x390]
    IS "APIC: an initial count of 0 stops it", eax, 0

    END

; The gate of counter 2; the speaker is off.
gate_low:
    mov bl, 0
    jmp gate
gate_high:
    mov bl, 1
gate:
    in al, 0x61
    and al, 0x0c
    or al, bl
    out 0x61, al
    ret

; status is counter 2's, by the read-back command: AL.
status:
    OUTB 0x43, 0xe8
    in al, 0x42
    ret

; count is counter 2's, latched: EAX.
count:
    OUTB 0x43, 0x80
    in al, 0x42
    mov ah, al
    in al, 0x42
    xchg al, ah
    movzx eax, ax
    ret

; some_time passes: port accesses take some on a real bus, instructions here.
some_time:
    mov ecx, 3000
.next:
    in al, 0x61
    loop .next
    ret

init_pic:
    OUTB 0x20, 0x11
    OUTB 0x21, 0x20
    OUTB 0x21, 0x04
    OUTB 0x21, 0x01
    OUTB 0xa0, 0x11
    OUTB 0xa1, 0x28
    OUTB 0xa1, 0x02
    OUTB 0xa1, 0x01
    OUTB 0xa1, 0xff
    ret

; raise0 makes the PIT's line rise, raise4 that of the UART: its transmitter is empty. Both stay up: a line that falls
; before it is acknowledged is no request any more. What is said meanwhile makes the UART's rise again.
raise0:
    OUTB 0x43, 0x30             ; counter 0, both bytes, mode 0
    OUTB 0x40, 10
    OUTB 0x40, 0
    mov ecx, PATIENCE
.wait:
    OUTB 0x43, 0xe2
    in al, 0x40
    test al, 0x80
    loopz .wait
    ret
raise4:
    mov dx, 0x3fc
    mov al, 8                   ; OUT2 enables the line
    out dx, al
    mov dx, 0x3f9
    mov al, 0
    out dx, al
    mov al, 2
    out dx, al
    ret

; quiet is when the UART's line is up again: everything has been said.
quiet:
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x40
    jz .wait
    ret

; cmos_read reads register AL into AL, cmos_write writes AH to it.
cmos_read:
    out 0x70, al
    in al, 0x71
    ret
cmos_write:
    out 0x70, al
    mov al, ah
    out 0x71, al
    ret

; ioapic_read and ioapic_write: register EBX, value EAX.
ioapic_read:
    mov [IOAPIC], ebx
    mov eax, [IOAPIC + 0x10]
    ret
ioapic_write:
    mov [IOAPIC], ebx
    mov [IOAPIC + 0x10], eax
    ret

align 4
value: dd 0
worst: dd 0
seen: dd 0

    FINISH
