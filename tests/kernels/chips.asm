; The chips that make and carry interrupts, from their datasheets: Intel 8254 (231164), 8259A (231468), Motorola
; MC146818A, Intel 82093AA (290566), and the local APIC from the manual (SDM volume 3A, chapter 11). A Multiboot kernel
; that says PASS or FAIL on COM1 for each check and ends through the debug-exit port: 0, or the number of failures.
; How long something takes is nowhere asked, only what comes of it.
%include "env.inc"

IOAPIC equ 0xfec00000
BIT51 equ 1 << (0x51 & 31)      ; vector 51h in the third doubleword of IRR, ISR and TMR

%macro OUTB 2
    mov al, %2
    out %1, al
%endmacro
%macro INB 1
    in al, %1
    movzx eax, al
%endmacro
%macro CMOS 2
    OUTB 0x70, %1
    OUTB 0x71, %2
%endmacro
; CLOCKS n: let n input clocks of the 8254 go by. EBX stays.
%macro CLOCKS 1
    mov ecx, %1
    call clocks
%endmacro
; COUNT control word, count: programs counter 2
%macro COUNT 2
    OUTB 0x43, %1
    OUTB 0x42, %2 & 0xff
    OUTB 0x42, %2 >> 8
%endmacro
%macro GATE 1
    OUTB 0x61, %1
%endmacro
; READ_BACK: the status of counter 2 in EAX
%macro READ_BACK 0
    OUTB 0x43, 0xe8
    INB 0x42
%endmacro
; OPEN: interrupts for a moment
%macro OPEN 0
    sti
    nop
    nop
    cli
%endmacro
; POLL, ISR, IRR port: a poll word or a register in EAX
%macro POLL 1
    OUTB %1, 0x0c
    INB %1
%endmacro
%macro ISR 1
    OUTB %1, 0x0b
    INB %1
%endmacro
%macro IRR 1
    OUTB %1, 0x0a
    INB %1
%endmacro
; SELF vector: an interrupt for this processor
%macro SELF 1
    mov dword [APIC + 0x300], 0x44000 | %1
%endmacro
%macro EOI 0
    mov dword [APIC + 0xb0], 0
%endmacro
; IOAPIC_WRITE index, value; IOAPIC_READ index: EAX
%macro IOAPIC_WRITE 2
    mov dword [IOAPIC], %1
    mov dword [IOAPIC + 0x10], %2
%endmacro
%macro IOAPIC_READ 1
    mov dword [IOAPIC], %1
    mov eax, [IOAPIC + 0x10]
%endmacro
; NOTES vector: a handler that only remembers that it was called; VECTOR vector: its gate
%macro NOTES 1
noted_ %+ %1:
    shl dword [noted], 8
    or dword [noted], %1
    iret
%endmacro
%macro VECTOR 1
    mov edi, idt + 8*%1
    mov eax, noted_ %+ %1
    mov ebx, 0x8e00
    call set_gate
%endmacro
; WRMSR number, low, high; RDMSR number
%macro WRMSR 3
    mov ecx, %1
    mov eax, %2
    mov edx, %3
    wrmsr
%endmacro
%macro RDMSR 1
    mov ecx, %1
    rdmsr
%endmacro
; DAY register B, hour, minute, second, day of week, day, month, year: sets the clock and waits for the next second
%macro DAY 8
    mov esi, %%day
    call day
    jmp %%over
%%day: db %1, %2, %3, %4, %5, %6, %7, %8
%%over:
%endmacro

    BEGIN

    VECTOR 0x21
    VECTOR 0x27
    VECTOR 0x48
    VECTOR 0x49
    VECTOR 0x51
    VECTOR 0x52
    VECTOR 0x61
    VECTOR 0x71
    mov edi, idt + 8*0x28
    mov eax, clock
    call set_gate
    OUTB 0x21, 0xff
    OUTB 0xa1, 0xff
    OUTB 0x43, 0x74             ; counter 1 runs freely
    OUTB 0x41, 0
    OUTB 0x41, 0
    OUTB 0x43, 0x30             ; counter 0 is quiet

    ; 8254, mode 0. Port 61h has the gate of counter 2 in bit 0 and its output in bit 5.
    GATE 0
    OUTB 0x43, 0xb2
    OUTB 0x43, 0xb0
    call out2
    IS "8254 mode 0: the control word lowers OUT", eax, 0
    READ_BACK
    IS "status: null count from the control word on", eax, 0x70
    OUTB 0x42, 0x40
    OUTB 0x42, 0
    CLOCKS 4
    READ_BACK
    IS "status: the count is loaded, gate or not", eax, 0x30
    CLOCKS 8
    call count2
    IS "mode 0: the gate holds counting", eax, 0x40
    GATE 1
    call high2
    IS "mode 0: OUT rises at the end", eax, 1
    READ_BACK
    IS "status: OUT", eax, 0xb0
    call count2
    cmp eax, 0x41
    sbb eax, eax
    IS "mode 0: counting goes on below zero", eax, 0
    OUTB 0x42, 5
    call out2
    IS "mode 0: the first byte of a count lowers OUT", eax, 0
    call count2
    mov ebx, eax
    CLOCKS 8
    call count2
    sub eax, ebx
    IS "mode 0: and stops counting", eax, 0
    READ_BACK
    IS "status: null count is for the second byte", eax, 0x30 ; "Null Count Operation", note 2
    OUTB 0x42, 0

    ; Mode 1: retriggerable one-shot.
    GATE 0
    OUTB 0x43, 0xb2
    call out2
    IS "mode 1: the control word raises OUT", eax, 1
    OUTB 0x42, 0
    OUTB 0x42, 0x40
    CLOCKS 8
    READ_BACK
    IS "mode 1: the count waits for a trigger", eax, 0xf2
    GATE 1
    CLOCKS 4
    READ_BACK
    IS "mode 1: the trigger loads it and lowers OUT", eax, 0x32
    CLOCKS 64
    GATE 0
    call out2
    IS "mode 1: the gate's fall has no effect on OUT", eax, 0
    call count2
    mov ebx, eax
    GATE 1
    CLOCKS 4
    call count2
    cmp ebx, eax
    sbb eax, eax
    IS "mode 1: retriggered, it begins anew", eax, -1
    OUTB 0x42, 0x20
    OUTB 0x42, 0
    CLOCKS 4
    READ_BACK
    IS "mode 1: a new count waits too", eax, 0x72
    GATE 0
    COUNT 0xb2, 0x4000
    GATE 1
    CLOCKS 4
    OUTB 0x42, 0
    OUTB 0x42, 0x40
    CLOCKS 4
    READ_BACK
    IS "mode 1: even if it is the old one", eax, 0x72
    OUTB 0x42, 0x20
    OUTB 0x42, 0
    GATE 0
    GATE 1
    CLOCKS 4
    call high2
    IS "mode 1: OUT rises at the end", eax, 1

    ; Mode 2: rate generator.
    GATE 0
    COUNT 0xb4, 0x1000
    CLOCKS 8
    call count2
    IS "mode 2: the gate holds counting", eax, 0x1000
    GATE 1
    call period
    IS "mode 2: counts from N to 1, over and over", eax, 0
    COUNT 0xb4, 0x8000
    CLOCKS 4
    OUTB 0x42, 0
    OUTB 0x42, 8
    CLOCKS 4
    READ_BACK
    IS "mode 2: a new count waits for the period's end", eax, 0xf4
    GATE 0
    GATE 1
    CLOCKS 4
    READ_BACK
    and eax, 0x7f
    IS "mode 2: or for the gate to rise", eax, 0x34
    call count2
    cmp eax, 0x801
    sbb eax, eax
    IS "mode 2: then that is counted", eax, -1
    COUNT 0xb4, 2
    CLOCKS 8
    GATE 0
    mov ecx, 16
    mov ebx, 1
.steady:
    call out2
    and ebx, eax
    loop .steady
    IS "mode 2: OUT is high while the gate is low", ebx, 1

    ; Mode 3: square wave.
    OUTB 0x43, 0xb6
    call out2
    IS "mode 3: the control word raises OUT", eax, 1
    GATE 1
    OUTB 0x42, 0
    OUTB 0x42, 0x20
    CLOCKS 4
    call parity
    IS "mode 3: counts by two", eax, 0
    call low2
    IS "mode 3: OUT is low half of the time", eax, 0
    call high2
    IS "mode 3: and high the other half", eax, 1
    call low2
    GATE 0
    call out2
    IS "mode 3: OUT rises when the gate falls", eax, 1
    GATE 1
    COUNT 0xb6, 0x2001
    CLOCKS 4
    call parity
    IS "mode 3: an odd count is loaded less one", eax, 0

    ; Modes 4 and 5: strobes.
    GATE 0
    COUNT 0xb8, 0x40
    CLOCKS 8
    READ_BACK
    IS "mode 4: OUT is high, the count is loaded", eax, 0xb8
    call count2
    IS "mode 4: the gate holds counting", eax, 0x40
    GATE 1
    CLOCKS 0x60
    READ_BACK
    IS "mode 4: after the strobe OUT is high", eax, 0xb8
    call count2
    cmp eax, 0x41
    sbb eax, eax
    IS "mode 4: counting goes on below zero", eax, 0
    GATE 0
    COUNT 0xba, 0x4000
    CLOCKS 8
    READ_BACK
    IS "mode 5: OUT is high, the count waits for a trigger", eax, 0xfa
    GATE 1
    CLOCKS 4
    READ_BACK
    IS "mode 5: the trigger loads it", eax, 0xba
    GATE 0
    call count2
    mov ebx, eax
    CLOCKS 8
    call count2
    cmp eax, ebx
    sbb eax, eax
    IS "mode 5: the gate does not hold counting", eax, -1

    ; BCD, bytes, latches.
    COUNT 0xb1, 0x1000
    CLOCKS 4
    GATE 1
    CLOCKS 8
    GATE 0
    call count2
    lea ecx, [eax + 0x666]      ; carries out of digits above 9
    xor ecx, 0x666
    xor ecx, eax
    and ecx, 0x1110
    IS "BCD: decimal digits", ecx, 0
    READ_BACK
    IS "BCD: status", eax, 0x31
    OUTB 0x43, 0x90
    OUTB 0x42, 0x34
    CLOCKS 4
    call count2
    IS "a counter of LSB only", eax, 0x3434
    OUTB 0x43, 0xa0
    OUTB 0x42, 0x12
    CLOCKS 4
    call count2
    IS "a counter of MSB only", eax, 0x1212
    READ_BACK
    IS "and its status", eax, 0x20
    COUNT 0xb0, 0x1234
    CLOCKS 4
    INB 0x42
    mov ebx, eax
    OUTB 0x42, 0x78
    INB 0x42
    mov bh, al
    OUTB 0x42, 0x56
    CLOCKS 4
    IS "reading and writing a counter may alternate", ebx, 0x1234
    call count2
    IS "byte by byte", eax, 0x5678
    OUTB 0x43, 0x80             ; latch
    OUTB 0x42, 0x21
    OUTB 0x42, 0x43
    CLOCKS 4
    OUTB 0x43, 0x80
    call both2
    IS "a latched count stays, a second latch is ignored", eax, 0x5678
    call both2
    IS "once read, the counter is seen again", eax, 0x4321
    OUTB 0x43, 0xc8
    INB 0x42
    mov ebx, eax
    call both2
    shl ebx, 16
    or eax, ebx
    IS "read-back: status, then the count", eax, 0x304321
    OUTB 0x43, 0xb0
    OUTB 0x43, 0xe8
    OUTB 0x42, 1
    OUTB 0x42, 1
    CLOCKS 4
    READ_BACK
    IS "read-back: a second status latch is ignored", eax, 0x70
    OUTB 0x43, 0xee
    INB 0x40
    mov ebx, eax
    INB 0x41
    shl ebx, 8
    mov bl, al
    INB 0x42
    shl ebx, 8
    mov bl, al
    and ebx, 0x3f3f3f
    IS "read-back of all three counters", ebx, 0x303430
    OUTB 0x43, 0xbc
    READ_BACK
    and eax, 0x3f
    IS "status: the mode exactly as written", eax, 0x3c

    ; 8259A. Requests are made by the 8254 (0), by the keyboard controller (1) and by the clock (8).
    mov dword [APIC + 0xf0], 0x1ff
    mov dword [APIC + 0x350], 0x700 ; virtual wire
    mov bx, 0x2001
    call pics
    INB 0x21
    IS "8259A: ICW1 clears the IMR", eax, 0
    OUTB 0x21, 0xa5
    OUTB 0xa1, 0x5a
    INB 0x21
    mov ebx, eax
    INB 0xa1
    mov bh, al
    IS "the IMR can be read", ebx, 0x5aa5
    OUTB 0x21, 0xff
    OUTB 0xa1, 0xff
    mov ah, 0x60                ; the keyboard's interrupt is on
    call controller
    OUTB 0x60, 0x61
    call lower1
    call lower0
    call raise0
    IRR 0x20
    and eax, 1
    IS "IRR: a masked request", eax, 1
    POLL 0x20
    and eax, 0x80
    IS "poll: but none to serve", eax, 0
    mov bx, 0x2001
    call pics
    IRR 0x20
    and eax, 1
    IS "ICW1: a line that is high must rise again", eax, 0
    OUTB 0x21, 0xfc
    call lower0
    call raise0
    call lower0
    IRR 0x20
    and eax, 1
    IS "IRR: a request that is withdrawn is gone", eax, 0 ; "Edge and Level Triggered Modes", figure 9
    call raise0
    call raise1
    IRR 0x20
    and eax, 3
    IS "IRR: two requests", eax, 3
    POLL 0x20
    IS "priority: 0 before 1", eax, 0x80
    ISR 0x20
    mov ebx, eax
    IRR 0x20
    and eax, 3
    mov bh, al
    IS "poll: acknowledges, from IRR to ISR", ebx, 0x201
    POLL 0x20
    and eax, 0x80
    IS "priority: 0 in service holds 1 back", eax, 0
    OUTB 0x20, 0x20
    POLL 0x20
    IS "until its EOI", eax, 0x81
    call lower0
    call raise0
    POLL 0x20
    IS "priority: 0 may nest in 1", eax, 0x80
    ISR 0x20
    IS "ISR: both", eax, 3
    INB 0x20
    IS "the choice of ISR stays", eax, 3
    OUTB 0x20, 0x61
    INB 0x20
    IS "specific EOI", eax, 1
    OUTB 0x20, 0x61
    INB 0x20
    IS "of one that is not in service", eax, 1
    OUTB 0x20, 0xa0
    INB 0x20
    IS "rotate on EOI: it is one", eax, 0
    call again
    POLL 0x20
    IS "rotate on EOI: 0 comes last", eax, 0x81
    OUTB 0x20, 0xe1
    ISR 0x20
    mov ebx, eax
    call again
    POLL 0x20
    mov bh, al
    IS "rotate on specific EOI: 1 comes last", ebx, 0x8000
    OUTB 0x20, 0x20
    OUTB 0x20, 0xc0
    call again
    POLL 0x20
    IS "set priority: 0 lowest makes 1 highest", eax, 0x81
    OUTB 0x20, 0x20
    OUTB 0x20, 0xc7
    call again
    POLL 0x20
    IS "set priority: 7 lowest is the usual order", eax, 0x80
    OUTB 0x21, 0xfd
    POLL 0x20
    and eax, 0x80
    IS "masking what is in service does not help the others", eax, 0
    OUTB 0x20, 0x68
    POLL 0x20
    IS "but in special mask mode it does", eax, 0x81
    OUTB 0x20, 0x20
    ISR 0x20
    IS "and EOI leaves what is masked alone", eax, 1
    OUTB 0x20, 0x48
    OUTB 0x20, 0x20
    ISR 0x20
    IS "unlike without that mode", eax, 0
    mov dword [noted], 0
    call again
    OPEN
    ISR 0x20
    IS "an interrupt is in service", eax, 2
    IS "ICW2: its vector", [noted], 0x21
    mov bx, 0x4f03
    call pics
    OUTB 0x21, 0xfd
    mov dword [noted], 0
    call again
    OPEN
    ISR 0x20
    IS "automatic EOI", eax, 0
    IS "ICW2: the low bits are ignored", [noted], 0x49
    OUTB 0x20, 0x80             ; rotate
    OUTB 0x21, 0xfc
    call lower1
    call lower0
    call raise0
    OPEN
    call again
    POLL 0x20
    mov ebx, eax
    OUTB 0x20, 0                ; do not
    IS "rotate on automatic EOI: 0 comes last", ebx, 0x81
    mov bx, 0x2001
    call pics
    OUTB 0x21, 0xfb
    OUTB 0xa1, 0xfe
    call raise8
    POLL 0x20
    mov ebx, eax
    POLL 0xa0
    mov bh, al
    IS "cascade: the poll words of master and slave", ebx, 0x8082
    ISR 0x20
    mov ebx, eax
    ISR 0xa0
    mov bh, al
    IS "cascade: the ISRs of both", ebx, 0x0104
    call lower8
    OUTB 0xa0, 0x20
    OUTB 0x20, 0x20
    call lower1
    call lower0
    OUTB 0x21, 0xff
    OUTB 0xa1, 0xff

    ; I/O APIC: 82093AA, 3.1 and 3.2. Its ExtINT asks the 8259As for a vector when they have none.
    mov dword [IOAPIC], 0x10
    mov eax, [IOAPIC]
    IS "I/O APIC: the index can be read", eax, 0x10
    IOAPIC_READ 1
    shr eax, 8
    IS "I/O APIC: 24 entries", eax, 0x1700
    IOAPIC_READ 0
    mov [buffer], eax
    IOAPIC_WRITE 0, 0xffffffff
    IOAPIC_READ 0
    IS "I/O APIC: its ID has four bits", eax, 0x0f000000
    IOAPIC_READ 2
    IS "I/O APIC: the arbitration ID follows", eax, 0x0f000000
    mov eax, [buffer]
    IOAPIC_WRITE 0, eax
    IOAPIC_WRITE 0x15, 0xffffffff
    IOAPIC_WRITE 0x14, 0xffffffff
    IOAPIC_READ 0x14
    and eax, 0x1ffff
    IS "entry: delivery status and remote IRR are read-only", eax, 0x1afff
    IOAPIC_READ 0x15
    and eax, 0xff000000
    IS "entry: the destination", eax, 0xff000000
    mov eax, [APIC + 0x20]
    IOAPIC_WRITE 0x15, eax
    IOAPIC_WRITE 0x14, 0x700    ; ExtINT
    mov dword [APIC + 0x350], 0x10700
    mov dword [noted], 0
    call raise0
    OPEN
    IS "spurious interrupt: the vector of IRQ 7", [noted], 0x27
    ISR 0x20
    IS "spurious interrupt: not in service", eax, 0
    IOAPIC_WRITE 0x14, 0x10051
    call lower0
    call raise0
    IOAPIC_WRITE 0x14, 0x51
    mov eax, [APIC + 0x220]
    IS "entry: an edge at a masked pin is lost", eax, 0
    call lower0
    call raise0
    mov eax, [APIC + 0x220]
    IS "entry: an edge is an interrupt", eax, BIT51
    call lower0
    mov eax, [APIC + 0x220]
    IS "entry: that stays when the line falls", eax, BIT51
    mov eax, [APIC + 0x1a0]
    IS "TMR: edge", eax, 0
    OPEN
    EOI
    IOAPIC_WRITE 0x14, 0x8051
    IOAPIC_READ 0x14
    IS "entry: level, nothing yet", eax, 0x8051
    call raise0
    IOAPIC_READ 0x14
    and eax, ~0x1000
    IS "entry: remote IRR", eax, 0xc051
    mov eax, [APIC + 0x1a0]
    IS "TMR: level", eax, BIT51
    OPEN
    mov eax, [APIC + 0x220]
    IS "no second interrupt before EOI", eax, 0
    EOI
    mov eax, [APIC + 0x220]
    IS "but after it, while the line is high", eax, BIT51
    OPEN
    call lower0
    IOAPIC_READ 0x14
    IS "remote IRR outlives the line", eax, 0xc051
    EOI
    IOAPIC_READ 0x14
    IS "and ends with EOI", eax, 0x8051
    mov eax, [APIC + 0x220]
    IS "a line that is low does not interrupt", eax, 0
    SELF 0x51
    mov eax, [APIC + 0x1a0]
    IS "TMR: edge again", eax, 0
    OPEN
    EOI
    IOAPIC_WRITE 0x14, 0x10000

    ; Local APIC: 11.4.8 of the manual, then 11.8.3 and 11.8.4.
    mov eax, [APIC + 0x30]
    and eax, 0xfe00fff0
    IS "local APIC: version 1Xh", eax, 0x10
    mov dword [noted], 0
    SELF 0x51
    mov eax, [APIC + 0x220]
    IS "IRR: an interrupt waits", eax, BIT51
    SELF 0x51
    OPEN
    IS "it comes, and two were one", [noted], 0x51
    mov eax, [APIC + 0x220]
    IS "IRR: it waits no longer", eax, 0
    mov eax, [APIC + 0x120]
    IS "ISR: it is in service", eax, BIT51
    mov eax, [APIC + 0xa0]
    IS "PPR: that of what is in service", eax, 0x50
    mov dword [APIC + 0x80], 0x45
    mov eax, [APIC + 0xa0]
    IS "PPR: a lower TPR does not count", eax, 0x50
    mov dword [APIC + 0x80], 0x67
    mov eax, [APIC + 0xa0]
    IS "PPR: a higher one does", eax, 0x67
    mov dword [APIC + 0x80], 0
    mov dword [noted], 0
    SELF 0x51
    OPEN
    mov eax, [APIC + 0x220]
    IS "the same again waits in IRR", eax, BIT51
    SELF 0x52
    OPEN
    IS "so does one of the same class", [noted], 0
    SELF 0x61
    OPEN
    IS "one of a higher class does not", [noted], 0x61
    EOI
    mov eax, [APIC + 0x130]
    IS "EOI: ends the highest", eax, 0
    mov eax, [APIC + 0x120]
    IS "EOI: and no other", eax, BIT51
    EOI
    OPEN
    IS "then comes the higher of the two", [noted], 0x6152
    EOI
    OPEN
    EOI
    IS "and then the other", [noted], 0x615251
    EOI                         ; of nothing
    mov dword [noted], 0
    SELF 0x51
    SELF 0x71
    SELF 0x61
    OPEN
    EOI
    OPEN
    EOI
    OPEN
    EOI
    IS "priority is the vector's", [noted], 0x716151
    mov dword [noted], 0
    mov dword [APIC + 0x80], 0x50
    SELF 0x52
    OPEN
    IS "TPR: holds its own class back", [noted], 0
    mov dword [APIC + 0x80], 0x4f
    OPEN
    EOI
    IS "TPR: not a higher one", [noted], 0x52
    mov dword [APIC + 0x80], 0

    ; 11.6.2.2
    mov eax, [APIC + 0xd0]
    mov [buffer], eax
    mov dword [APIC + 0xe0], 0xf0000000
    mov eax, [APIC + 0xe0]
    IS "DFR: the low bits are ones", eax, 0xffffffff
    mov dword [APIC + 0xd0], 0x02000000
    mov dword [APIC + 0x310], 0x05000000
    mov dword [APIC + 0x300], 0x4851
    mov eax, [APIC + 0x220]
    IS "logical destination: not this processor", eax, 0
    mov dword [APIC + 0x310], 0x06000000
    mov dword [APIC + 0x300], 0x4851
    mov eax, [APIC + 0x220]
    IS "logical destination: this one among others", eax, BIT51
    mov eax, [buffer]
    mov [APIC + 0xd0], eax
    OPEN
    EOI

    ; 11.5.3
    mov dword [APIC + 0x280], 0
    mov dword [APIC + 0x280], 0
    mov eax, [APIC + 0x280]
    IS "ESR: no errors", eax, 0
    TRY
    SELF 5
    OPEN
    END_TRY
    cli
    EOI
    IS "vectors below 16 do not interrupt", [vector], -1
    mov eax, [APIC + 0x280]
    IS "ESR: changes only when written", eax, 0
    mov dword [APIC + 0x280], 0
    mov eax, [APIC + 0x280]
    and eax, 0x20
    IS "ESR: send illegal vector", eax, 0x20
    mov dword [APIC + 0x280], 0
    mov eax, [APIC + 0x280]
    IS "ESR: a write clears what was read", eax, 0

    ; 11.5.1: delivery status and remote IRR are read-only.
    mov dword [APIC + 0x320], 0x310ff
    mov eax, [APIC + 0x320]
    IS "LVT timer", eax, 0x300ff
    mov dword [APIC + 0x350], 0x1f7ff
    mov eax, [APIC + 0x350]
    IS "LVT LINT0", eax, 0x1a7ff
    mov dword [APIC + 0x370], 0x110ff
    mov eax, [APIC + 0x370]
    IS "LVT error", eax, 0x100ff
    mov dword [APIC + 0x350], 0x10000

    ; 11.4.7.2
    mov dword [APIC + 0x320], 0x51
    SELF 0x51
    mov dword [APIC + 0xf0], 0xff
    mov eax, [APIC + 0x320]
    IS "disabled: LVT entries are masked", eax, 0x10051
    mov dword [APIC + 0x320], 0x51
    mov eax, [APIC + 0x320]
    IS "disabled: and stay so", eax, 0x10051
    mov eax, [APIC + 0x220]
    IS "disabled: IRR is kept", eax, BIT51
    mov dword [APIC + 0xf0], 0x1ff
    mov eax, [APIC + 0x320]
    IS "enabled: LVT entries are still masked", eax, 0x10051
    mov dword [APIC + 0x320], 0x10051
    OPEN
    EOI

    ; 11.5.4
    mov dword [APIC + 0x3e0], 0xb
    mov dword [APIC + 0x380], 5000
    call expired
    IS "timer: counts to zero", eax, 0
    CLOCKS 0x400
    mov eax, [APIC + 0x220]
    IS "timer: masked, it does not interrupt", eax, 0
    mov dword [APIC + 0x320], 0x51
    CLOCKS 0x400
    mov eax, [APIC + 0x220]
    IS "timer: not even later", eax, 0
    mov dword [APIC + 0x380], 5000
    call expired
    CLOCKS 0x400
    mov eax, [APIC + 0x220]
    IS "timer: once", eax, BIT51
    OPEN
    EOI
    CLOCKS 0x400
    mov eax, [APIC + 0x220]
    or eax, [APIC + 0x390]
    IS "timer: and no more", eax, 0
    mov dword [APIC + 0x320], 0x20050
    mov dword [locals], 0
    mov dword [APIC + 0x380], 200000
    mov ecx, 1000000
.periodic:
    OPEN
    cmp dword [locals], 3
    jae .enough
    loop .periodic
.enough:
    mov dword [APIC + 0x320], 0x30050
    cmp dword [locals], 3
    sbb eax, eax
    IS "timer: again and again", eax, 0
    mov eax, [APIC + 0x390]
    cmp eax, 200001
    sbb eax, eax
    IS "timer: the count is at most the initial one", eax, -1
    mov eax, [APIC + 0x380]
    IS "timer: the initial count can be read", eax, 200000
    mov dword [APIC + 0x380], 0
    CLOCKS 4
    mov eax, [APIC + 0x390]
    IS "timer: an initial count of 0 stops it", eax, 0
    OPEN
    mov dword [APIC + 0x320], 0x10051
    mov dword [APIC + 0x3e0], 0xa
    mov eax, [APIC + 0x3e0]
    IS "timer: the divide value can be read", eax, 0xa
    xor ebp, ebp                ; what is counted with each divide value
.divide:
    movzx eax, byte [divides + ebp]
    mov [APIC + 0x3e0], eax
    mov dword [APIC + 0x380], -1
    CLOCKS 8192
    mov eax, [APIC + 0x390]
    not eax
    mov [counted + 4*ebp], eax
    inc ebp
    cmp ebp, 8
    jb .divide
    mov dword [APIC + 0x380], 0
    xor ebx, ebx
    mov ecx, 1
.ratio:
    mov eax, [counted + 4*ecx]
    lea eax, [eax + 2*eax]
    mov edx, [counted + 4*ecx - 4]
    cmp edx, eax
    ja .wrong                   ; more than three times as much
    add edx, edx
    cmp edx, eax
    jae .right                  ; at least one and a half times
.wrong:
    bts ebx, ecx
.right:
    inc ecx
    cmp ecx, 8
    jb .ratio
    IS "timer: divides by 1 to 128", ebx, 0

    ; 11.5.4.1
    mov eax, 1
    cpuid
    bt ecx, 24
    jnc .no_deadline
    WRMSR 0x6e0, -1, 0x7fffffff
    RDMSR 0x6e0
    or eax, edx
    IS "IA32_TSC_DEADLINE: 0 in another mode", eax, 0
    mov dword [APIC + 0x320], 0x40051
    mov dword [APIC + 0x380], 1000000
    mov eax, [APIC + 0x390]
    IS "TSC-deadline mode: the current count is 0", eax, 0
    mfence
    WRMSR 0x6e0, 1, 0
    CLOCKS 0x400
    mov eax, [APIC + 0x220]
    IS "TSC-deadline mode: a deadline in the past", eax, BIT51
    RDMSR 0x6e0
    or eax, edx
    IS "TSC-deadline mode: disarmed when it is over", eax, 0
    OPEN
    EOI
    mov dword [APIC + 0x320], 0x10051
.no_deadline:

    ; x2APIC: 11.12.
    TRY
    WRMSR 0x1b, APIC | 0xb00, 0 ; bit 9
    END_TRY
    FAULTS "IA32_APIC_BASE: a reserved bit", 13, 0
    mov eax, 1
    cpuid
    bt ecx, 21
    jnc .no_x2apic
    mov eax, [APIC + 0x30]
    mov [buffer], eax
    TRY
    WRMSR 0x1b, APIC | 0x500, 0
    END_TRY
    FAULTS "x2APIC: EXTD without EN", 13, 0
    TRY
    RDMSR 0x803
    END_TRY
    FAULTS "x2APIC: its MSRs in xAPIC mode", 13, 0
    TRY
    WRMSR 0x1b, APIC | 0xd00, 0
    END_TRY
    IS "x2APIC: from xAPIC", [vector], -1
    TRY
    WRMSR 0x1b, APIC | 0x900, 0
    END_TRY
    FAULTS "x2APIC: not back to xAPIC", 13, 0
    RDMSR 0x803
    sub eax, [buffer]
    IS "MSR 803h: version", eax, 0
    mov eax, 1
    cpuid
    shr ebx, 24
    RDMSR 0x802
    sub eax, ebx
    IS "MSR 802h: the initial ID", eax, 0
    RDMSR 0x802
    mov ebx, eax
    mov ecx, eax
    and ecx, 15
    mov edi, 1
    shl edi, cl
    shr ebx, 4
    shl ebx, 16
    or edi, ebx
    RDMSR 0x80d
    sub eax, edi
    IS "MSR 80Dh: the logical ID is made from it", eax, 0
    mov ebp, unreadable
    call forbidden
    IS "x2APIC: what cannot be read", eax, 0
    mov ebp, unwritable
    call forbidden
    IS "x2APIC: what cannot be written, or not so", eax, 0
    mov dword [noted], 0
    WRMSR 0x83f, 0x51, 0
    RDMSR 0x822
    IS "MSR 83Fh: an IPI to itself", eax, BIT51
    OPEN
    RDMSR 0x812
    IS "MSR 812h: in service", eax, BIT51
    WRMSR 0x80b, 0, 0
    RDMSR 0x812
    IS "MSR 80Bh: EOI", eax, 0
    RDMSR 0x802
    mov edx, eax
    mov ecx, 0x830
    mov eax, 0x4061
    wrmsr
    RDMSR 0x823
    IS "MSR 830h: an IPI in one write", eax, 1 << (0x61 & 31)
    OPEN
    WRMSR 0x80b, 0, 0
    WRMSR 0x808, 0x45, 0
    TRY
    WRMSR 0x1b, APIC | 0x100, 0
    END_TRY
    IS "x2APIC: to disabled", [vector], -1
    TRY
    WRMSR 0x1b, APIC | 0xd00, 0
    END_TRY
    FAULTS "x2APIC: not from disabled", 13, 0
    jmp .disabled
.no_x2apic:
    WRMSR 0x1b, APIC | 0x100, 0
.disabled:
    ; 11.4.3, 11.4.7.1. LINT0 was masked, and whether that is kept or reset makes no difference.
    mov eax, 1
    cpuid
    mov eax, edx
    and eax, 0x200
    IS "disabled by IA32_APIC_BASE: CPUID tells", eax, 0
    WRMSR 0x1b, APIC | 0x900, 0
    mov eax, 1
    cpuid
    mov eax, edx
    and eax, 0x200
    IS "enabled again", eax, 0x200
    mov eax, [APIC + 0x80]
    IS "then: TPR", eax, 0
    mov eax, [APIC + 0x320]
    and eax, 0x10000
    IS "then: the timer is masked", eax, 0x10000
    mov eax, [APIC + 0x350]
    IS "then: LINT0 is masked", eax, 0x10000
    mov dword [APIC + 0xf0], 0x1ff
    mov dword [APIC + 0x350], 0x700

    ; MC146818A.
    CMOS 10, 0xa0               ; 32768 Hz, no periodic interrupts
    CMOS 11, 0x92               ; SET, UIE
    mov al, 10
    call cmos
    IS "clock: UIP is read-only, and 0 while SET is 1", eax, 0x20
    mov al, 11
    call cmos
    IS "clock: SET clears UIE", eax, 0x82
    CMOS 13, 0
    mov al, 13
    call cmos
    IS "clock: register D", eax, 0x80
    CMOS 0, 0x59
    CMOS 11, 0x86
    mov al, 0
    call cmos
    IS "clock: DM does not convert", eax, 0x59
    CMOS 1, 0x58                ; alarm
    CMOS 3, 0x59
    CMOS 5, 0xff
    DAY 2, 0x23, 0x59, 0x59, 7, 0x31, 0x12, 0x99
    IS "clock: register C after an update", [reg_c], 0x90
    mov al, 12
    call cmos
    IS "clock: register C is cleared when read", eax, 0
    call time
    IS "BCD: midnight", eax, 0
    call date
    IS "BCD: new year", eax, 0x01000101
    DAY 2, 0x23, 0x59, 0x59, 4, 0x28, 0x02, 0x24
    call date
    IS "BCD: leap year", eax, 0x05240229
    DAY 2, 0x09, 0x59, 0x57, 5, 0x30, 0x04, 0x25
    IS "alarm: minutes and seconds match, hours are don't care", [reg_c], 0xb0
    call time
    IS "BCD: seconds", eax, 0x095958
    call update
    IS "alarm: no match", [reg_c], 0x90
    CMOS 3, 0xc0
    CMOS 1, 0
    call update
    IS "alarm: don't care minutes, too", [reg_c], 0xb0
    call time
    IS "BCD: hours", eax, 0x100000
    DAY 6, 9, 59, 59, 3, 31, 1, 23
    call time
    IS "binary: hours", eax, 0x0a0000
    DAY 6, 23, 59, 59, 3, 28, 2, 23
    call date
    IS "binary: end of February", eax, 0x04170301
    DAY 0, 0x11, 0x59, 0x59, 1, 1, 1, 0x20
    call time
    IS "12 hours: noon", eax, 0x920000
    DAY 0, 0x92, 0x59, 0x59, 1, 1, 1, 0x20
    call time
    IS "12 hours: one in the afternoon", eax, 0x810000
    DAY 0, 0x91, 0x59, 0x59, 1, 1, 1, 0x20
    call time
    IS "12 hours: midnight", eax, 0x120000
    call date
    IS "12 hours: a new day", eax, 0x02200102
    DAY 4, 0x8b, 59, 59, 1, 1, 1, 20
    call time
    IS "12 hours, binary: midnight", eax, 0x0c0000
    CMOS 11, 2
    mov al, 12
    call cmos
    CMOS 10, 0x26               ; 1024 Hz
    call flagged
    and eax, 0xc0
    IS "PF without PIE, and no IRQF", eax, 0x40
    CMOS 11, 0x42
    call flagged
    and eax, 0xc0
    IS "PF with PIE, and IRQF", eax, 0xc0
    CMOS 10, 0x20
    CMOS 11, 2
    mov al, 12
    call cmos
    OUTB 0x21, 0xfe             ; look often
    OUTB 0x43, 0x34
    OUTB 0x40, 100
    OUTB 0x40, 0
    xor ebx, ebx
    mov ecx, 30000
.until_update:
    sti
    hlt
    cli
    mov al, 10
    call cmos
    shr eax, 7
    or ebx, eax
    mov al, 12
    call cmos
    test al, 0x10
    loopz .until_update
    OUTB 0x43, 0x30
    OUTB 0x21, 0xff
    mov al, 10
    call cmos
    and eax, 0x80
    or eax, ebx
    IS "clock: UIP before the update, not after", eax, 1

    END

; clocks: ECX input clocks of the 8254
clocks:
    push ebx
    call count1
    mov ebx, eax
.again:
    call count1
    neg ax
    add ax, bx
    cmp ax, cx
    jb .again
    pop ebx
    ret

count1:
    OUTB 0x43, 0x40
    in al, 0x41
    mov ah, al
    in al, 0x41
    xchg al, ah
    movzx eax, ax
    ret

count2:
    OUTB 0x43, 0x80
both2:
    in al, 0x42
    mov ah, al
    in al, 0x42
    xchg al, ah
    movzx eax, ax
    ret

out2:
    in al, 0x61
    shr al, 5
    and eax, 1
    ret

; high2 waits for counter 2's output to be high, low2 to be low; EAX is what it is.
high2:
    mov ecx, 1000000
.again:
    call out2
    test eax, eax
    loopz .again
    ret
low2:
    mov ecx, 1000000
.again:
    call out2
    test eax, eax
    loopnz .again
    ret

; period follows counter 2 over three ends of its period: EAX is 0 if all counts were 1 to 1000h.
period:
    mov ecx, 3
    call count2
.next:
    mov ebx, eax
    call count2
    dec eax
    cmp eax, 0x1000
    jae .bad
    inc eax
    cmp eax, ebx
    jbe .next
    loop .next
    xor eax, eax
    ret
.bad:
    or eax, -1
    ret

; parity: what is ever set in bit 0 of counter 2
parity:
    xor ebx, ebx
    mov ecx, 64
.again:
    call count2
    or ebx, eax
    push ecx
    CLOCKS 3
    pop ecx
    loop .again
    mov eax, ebx
    and eax, 1
    ret

; pics initialises both: ICW4 in BL, the master's ICW2 in BH
pics:
    OUTB 0x20, 0x11
    OUTB 0xa0, 0x11
    OUTB 0x21, bh
    OUTB 0xa1, 0x28
    OUTB 0x21, 4
    OUTB 0xa1, 2
    OUTB 0x21, bl
    OUTB 0xa1, bl
    ret

; raise and lower drive a request line.
raise0:
    OUTB 0x43, 0x30
    OUTB 0x40, 0x20
    OUTB 0x40, 0
    mov ecx, 1000000
.wait:
    OUTB 0x43, 0xe2
    in al, 0x40
    test al, 0x80
    loopz .wait
    mov ah, 1
    jmp requested
lower0:
    OUTB 0x43, 0x30
    OUTB 0x40, 0
    OUTB 0x40, 0
    OUTB 0x43, 0x30
    ret

raise1:
    mov ah, 0xd2                ; a byte as if from the keyboard
    call controller
    OUTB 0x60, 0
    mov ah, 2
; requested waits for bit AH of the master's IRR.
requested:
    mov ecx, 1000000
    OUTB 0x20, 0x0a
.wait:
    in al, 0x20
    test al, ah
    loopz .wait
    CLOCKS 64
    ret
lower1:
    in al, 0x64
    test al, 1
    jz .empty
    in al, 0x60
    jmp lower1
.empty:
    ret

; controller sends command AH to the keyboard controller.
controller:
    in al, 0x64
    test al, 2
    jnz controller
    OUTB 0x64, ah
.wait:
    in al, 0x64
    test al, 2
    jnz .wait
    ret

; again: new edges of both
again:
    call lower0
    call lower1
    call raise0
    jmp raise1

raise8:
    CMOS 10, 0x23               ; 8192 Hz
    CMOS 11, 0x42
    mov ecx, 1000000
.wait:
    IRR 0xa0
    test al, 1
    loopz .wait
    ret
lower8:
    CMOS 11, 2
    mov al, 12
; cmos: AL an index, EAX what is there
cmos:
    out 0x70, al
    INB 0x71
    ret

; expired waits for the APIC's timer: EAX is its count.
expired:
    mov ecx, 1000000
.wait:
    mov eax, [APIC + 0x390]
    test eax, eax
    loopnz .wait
    ret

; forbidden accesses the MSRs of the list at EBP: EAX is 0 if each is #GP, or else one that is not.
forbidden:
    mov ecx, [ebp]
    test ecx, ecx
    jz .all
    TRY
    mov eax, [ebp + 4]
    xor edx, edx
    btr ecx, 31
    jc .write
    rdmsr
    jmp .done
.write:
    wrmsr
.done:
    END_TRY
    cmp dword [vector], 13
    mov eax, [ebp]
    jne .found
    add ebp, 8
    jmp forbidden
.all:
    xor eax, eax
.found:
    ret

; day: ESI has register B and the time
day:
    lodsb
    mov bl, al
    mov bh, al
    or bh, 0x80
    CMOS 11, bh
    mov edi, registers
.register:
    OUTB 0x70, [edi]
    lodsb
    out 0x71, al
    inc edi
    cmp edi, registers_end
    jb .register
    mov ah, 0x20                ; a PC's century
    test bl, 4
    jz .bcd
    mov ah, 20
.bcd:
    CMOS 0x32, ah
    CMOS 11, bl
; update waits for the end of an update cycle: [reg_c] is register C then.
update:
    mov al, 12
    call cmos
    mov dword [reg_c], 0
    mov al, 11
    call cmos
    mov bl, al
    or al, 0x10
    out 0x71, al
    OUTB 0x21, 0xfb
    OUTB 0xa1, 0xfe
    WAIT_FOR reg_c
    OUTB 0x21, 0xff
    OUTB 0xa1, 0xff
    CMOS 11, bl
    ret

clock:
    push eax
    mov al, 12
    call cmos
    mov [reg_c], eax
    OUTB 0xa0, 0x20
    OUTB 0x20, 0x20
    pop eax
    iret

; time: hours, minutes, seconds. date: day of week, year, month, day.
time:
    mov esi, hms
    jmp fields
date:
    mov esi, ymd
fields:
    xor ebx, ebx
.next:
    lodsb
    cmp al, -1
    je .end
    call cmos
    shl ebx, 8
    mov bl, al
    jmp .next
.end:
    mov eax, ebx
    ret

; flagged waits for register C to be other than 0.
flagged:
    mov ecx, 1000000
.again:
    mov al, 12
    call cmos
    test eax, eax
    loopz .again
    ret

    NOTES 0x21
    NOTES 0x27
    NOTES 0x48
    NOTES 0x49
    NOTES 0x51
    NOTES 0x52
    NOTES 0x61
    NOTES 0x71

registers: db 4, 2, 0, 6, 7, 8, 9
registers_end:
hms: db 4, 2, 0, -1
ymd: db 6, 9, 8, 7, -1
divides: db 0xb, 0, 1, 2, 3, 8, 9, 0xa

align 4
W equ 1 << 31
unreadable:                     ; table 11-6: reserved or write-only
    dd 0x800, 0, 0x809, 0, 0x80b, 0, 0x80c, 0, 0x80e, 0, 0x829, 0, 0x831, 0, 0x83f, 0, 0
unwritable:                     ; read-only registers, reserved bits, what must be 0
    dd W | 0x802, 0, W | 0x803, 0, W | 0x80a, 0, W | 0x80d, 0, W | 0x810, 0, W | 0x818, 0, W | 0x820, 0, W | 0x839, 0
    dd W | 0x80e, 0, W | 0x831, 0, W | 0x808, 0x100, W | 0x80b, 1, W | 0x828, 1, W | 0x830, 0x1051, W | 0x83e, 4
    dd W | 0x83f, 0x151, 0

noted: dd 0
reg_c: dd 0
counted: times 8 dd 0

    FINISH
