package firmware

import (
	"encoding/binary"

	"g86/firmware/mp"
	"g86/firmware/smbios"
)

// The IBM entry points (IBM PC AT Technical Reference, BIOS listing) that
// programs jump to or read without going through the interrupt vectors.
const (
	atPOST      = 0xe05b
	atNMI       = 0xe2c3
	atDisk      = 0xe3fe
	atBoot      = 0xe6f2
	atConfig    = 0xe6f5 // INT 15h AH=C0h table
	atSerial    = 0xe739
	atKbdSvc    = 0xe82e
	atKbdIRQ    = 0xe987
	atFloppySvc = 0xec59
	atFloppyIRQ = 0xef57
	atFloppyTab = 0xefc7
	atPrinter   = 0xefd2
	atVideoFn   = 0xf045
	atVideo     = 0xf065
	atVideoTab  = 0xf0a4
	atMemory    = 0xf841
	atEquipment = 0xf84d
	atSystem    = 0xf859
	atFont8     = 0xfa6e
	atTime      = 0xfe6e
	atTick      = 0xfea5
	atVectors   = 0xfef3
	atIRET      = 0xff53
	atPrintScr  = 0xff54
	atReset     = 0xfff0
	atDate      = 0xfff5
	atModel     = 0xfffe

	modelAT = 0xfc
)

// biosDate is what software finds at F000:FFF5.
const biosDate = "01/01/26"

func (b *BIOS) buildROM() {
	a := newAsm(ROMSize)
	b.tables(a)
	a.align(16)
	b.handlers(a)
	b.postCode(a)
	b.fixedEntries(a)
	a.link()
	b.entry = a.labels
	b.rom = a.image
	b.romLines = a.lines
	dir := b.rom[b.bios32At : b.bios32At+16]
	binary.LittleEndian.PutUint32(dir[4:], uint32(ROMBase+a.addr("bios32")))
	dir[10] = -sum(dir)
	b.rom[ROMSize-1] = -sum(b.rom)
}

func sum(p []byte) (s byte) {
	for _, x := range p {
		s += x
	}
	return s
}

// trap places the inline trap: AX and DX come back as Go leaves them, the flags
// CF and ZF carry its answer.
func (a *asm) trap(svc byte) {
	a.op("push dx", 0x52)
	a.op("push ax", 0x50)
	a.op("mov dx, 0xf4c", 0xba, TrapPort&0xff, TrapPort>>8)
	a.op("mov al, N", 0xb0, svc)
	a.op("out dx, al", 0xee)
	a.op("pop ax", 0x58)
	a.op("pop dx", 0x5a)
}

// service places an interrupt handler that is a Go service. Go asks for
// another round with carry (see waiting); the CLI closes the gap in which an
// interrupt between the trap and the HLT would be slept through.
func (a *asm) service(name string, svc byte) {
	a.label(name)
	a.trap(svc)
	a.rel8("jc", name+".wait", 0x72)
	a.op("iret", 0xcf)
	a.label(name + ".wait")
	a.op("sti", 0xfb)
	a.rel8("jz", name+".spin", 0x74)
	a.op("hlt", 0xf4)
	a.label(name + ".spin")
	a.op("nop", 0x90)
	a.op("cli", 0xfa)
	a.rel8("jmp", name, 0xeb)
}

// eoi ends an interrupt at the first or at both interrupt controllers.
func (a *asm) eoi(both bool) {
	a.op("cli", 0xfa)
	a.op("mov al, 0x20", 0xb0, 0x20)
	if both {
		a.op("out 0xa0, al", 0xe6, 0xa0)
	}
	a.op("out 0x20, al", 0xe6, 0x20)
}

func (b *BIOS) handlers(a *asm) {
	for _, s := range []struct {
		name string
		svc  byte
	}{
		{"int0e", svcFloppy}, {"int11", 0x11}, {"int12", 0x12}, {"int13", 0x13},
		{"int14", 0x14}, {"int15", 0x15}, {"int16", 0x16}, {"int17", 0x17}, {"int18", svcNoBoot},
		{"int19", svcBoot}, {"int1a", 0x1a}, {"int76", svcDiskIRQ}, {"irq", svcIRQ},
	} {
		a.service(s.name, s.svc)
	}

	// Timer tick. DS is 40h while INT 1Ch runs, as on the AT; some hooks rely on it.
	a.label("int08")
	a.op("push ds", 0x1e)
	a.op("push ax", 0x50)
	a.op("push dx", 0x52)
	a.op("mov ax, 0x40", 0xb8, 0x40, 0x00)
	a.op("mov ds, ax", 0x8e, 0xd8)
	a.trap(svcTick)
	a.op("int 0x1c", 0xcd, 0x1c)
	a.eoi(false)
	a.op("pop dx", 0x5a)
	a.op("pop ax", 0x58)
	a.op("pop ds", 0x1f)
	a.op("iret", 0xcf)

	// Keyboard: INT 15h AH=4Fh may change or swallow the scan code; the service
	// answers with carry for Ctrl-Break and zero for Print Screen.
	a.label("int09")
	a.op("push ax", 0x50)
	a.trap(svcScancode)
	a.rel8("jc", "int09.done", 0x72)
	a.op("mov ah, 0x4f", 0xb4, 0x4f)
	a.op("stc", 0xf9)
	a.op("int 0x15", 0xcd, 0x15)
	a.rel8("jnc", "int09.done", 0x73)
	a.trap(svcKeyboard)
	a.rel8("jnz", "int09.noprint", 0x75)
	a.op("int 0x5", 0xcd, 0x05)
	a.rel8("jmp", "int09.done", 0xeb)
	a.label("int09.noprint")
	a.rel8("jnc", "int09.done", 0x73)
	a.op("int 0x1b", 0xcd, 0x1b)
	a.label("int09.done")
	a.eoi(false)
	a.op("pop ax", 0x58)
	a.op("iret", 0xcf)

	// Real-time clock: carry means that the alarm went off.
	a.label("int70")
	a.op("push ax", 0x50)
	a.trap(svcRTC)
	a.rel8("jnc", "int70.done", 0x73)
	a.op("int 0x4a", 0xcd, 0x4a)
	a.label("int70.done")
	a.eoi(true)
	a.op("pop ax", 0x58)
	a.op("iret", 0xcf)

	// IRQ9 arrives on the vector that was IRQ2's on the PC.
	a.label("int71")
	a.op("push ax", 0x50)
	a.op("mov al, 0x20", 0xb0, 0x20)
	a.op("out 0xa0, al", 0xe6, 0xa0)
	a.op("pop ax", 0x58)
	a.op("int 0xa", 0xcd, 0x0a)
	a.op("iret", 0xcf)

	// PS/2 mouse: carry means that a packet is complete. Go has put its four
	// words into AX, BX, CX, DX and the EBDA's segment into ES.
	a.label("int74")
	a.op("pusha", 0x60)
	a.op("push ds", 0x1e)
	a.op("push es", 0x06)
	a.trap(svcMouse)
	a.rel8("jnc", "int74.done", 0x73)
	a.op("push ax", 0x50)
	a.op("push bx", 0x53)
	a.op("push cx", 0x51)
	a.op("push dx", 0x52)
	a.op("call far [es:0x22]", 0x26, 0xff, 0x1e, ebdaMouseCall, 0x00)
	a.op("add sp, 8", 0x83, 0xc4, 0x08)
	a.label("int74.done")
	a.eoi(true)
	a.op("pop es", 0x07)
	a.op("pop ds", 0x1f)
	a.op("popa", 0x61)
	a.op("iret", 0xcf)

	// Coprocessor error: IRQ13 becomes the NMI that it was on the PC.
	a.label("int75")
	a.op("push ax", 0x50)
	a.op("xor al, al", 0x30, 0xc0)
	a.op("out 0xf0, al", 0xe6, 0xf0)
	a.eoi(true)
	a.op("pop ax", 0x58)
	a.op("int 0x2", 0xcd, 0x02)
	a.op("iret", 0xcf)

	a.align(16)
	a.far32("bios32", svcBIOS32)
	a.align(16)
	a.far32("pci32", svcPCI32)
}

// far32 places a 32-bit entry point that is called far.
func (a *asm) far32(name string, svc byte) {
	a.label(name)
	for _, x := range [][]byte{{0x52}, {0x50}, {0xba, TrapPort & 0xff, TrapPort >> 8, 0, 0}, {0xb0, svc}, {0xee}, {0x58}, {0x5a}, {0xcb}} {
		a.data(x...)
	}
}

// fixedEntries places what must lie at well-known offsets.
func (b *BIOS) fixedEntries(a *asm) {
	for _, e := range []struct {
		at    int
		label string
	}{
		{atPOST, "post"}, {atNMI, "iret"}, {atDisk, "int13"}, {atBoot, "int19"},
		{atSerial, "int14"}, {atKbdSvc, "int16"}, {atKbdIRQ, "int09"}, {atFloppySvc, "int13"},
		{atFloppyIRQ, "int0e"}, {atPrinter, "int17"}, {atMemory, "int12"},
		{atEquipment, "int11"}, {atSystem, "int15"}, {atTime, "int1a"}, {atTick, "int08"},
	} {
		a.org(e.at)
		a.rel16("jmp", e.label, 0xe9)
	}
	vid := b.vidEntry["int10"]
	for _, at := range []int{atVideoFn, atVideo} {
		a.org(at)
		a.op("jmp far 0xc000:int10", 0xea, byte(vid), byte(vid>>8), VideoROMBase>>4&0xff, VideoROMBase>>12)
	}
	a.org(0xe000)
	a.data([]byte("g86 BIOS " + b.cfg.Version)...)

	// INT 15h AH=C0h: model FC, submodel 01; second 8259, RTC, INT 15h AH=4Fh,
	// EBDA; INT 16h AH=09h.
	a.org(atConfig)
	a.data(8, 0, modelAT, 0x01, 0x00, 0x74, 0x40, 0, 0, 0)

	// Diskette parameters (INT 1Eh) of a 1.44 MB drive.
	a.org(atFloppyTab)
	a.data(0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08)

	// Video parameters (INT 1Dh): 6845 registers of the CGA and MDA, page
	// lengths, columns and mode register values.
	a.org(atVideoTab)
	a.data(
		0x38, 0x28, 0x2d, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0,
		0x71, 0x50, 0x5a, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0,
		0x38, 0x28, 0x2d, 0x0a, 0x7f, 0x06, 0x64, 0x70, 0x02, 0x01, 0x06, 0x07, 0, 0, 0, 0,
		0x61, 0x50, 0x52, 0x0f, 0x19, 0x06, 0x19, 0x19, 0x02, 0x0d, 0x0b, 0x0c, 0, 0, 0, 0,
		0x00, 0x08, 0x00, 0x10, 0x00, 0x40, 0x00, 0x40,
		40, 40, 80, 80, 40, 40, 80, 80,
		0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29)

	a.org(atFont8)
	a.data(b.hw.Font8[:128*8]...)

	a.org(atVectors) // offsets that the AT's POST copied into the vectors 08h-1Fh
	for _, v := range []int{atTick, atKbdIRQ, atIRET, atIRET, atIRET, atIRET, atFloppyIRQ, atIRET,
		atVideo, atEquipment, atMemory, atDisk, atSerial, atSystem, atKbdSvc, atPrinter,
		atIRET, atBoot, atTime, atIRET, atIRET, atVideoTab, atFloppyTab, 0} {
		a.data(byte(v), byte(v>>8))
	}
	a.org(atIRET)
	a.label("iret")
	a.op("iret", 0xcf)
	a.org(atPrintScr)
	a.op("iret", 0xcf)
	a.org(atReset)
	a.op("jmp far 0xf000:post", 0xea, atPOST&0xff, atPOST>>8, 0x00, 0xf0)
	a.org(atDate)
	a.data([]byte(biosDate)...)
	a.org(atModel)
	a.data(modelAT)
}

// postCode is what runs at reset.
func (b *BIOS) postCode(a *asm) {
	a.align(8)
	a.label("gdt")
	a.data(0, 0, 0, 0, 0, 0, 0, 0)
	a.data(0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0) // 08: 4 GiB data
	a.data(0xff, 0xff, 0, 0, 0, 0x93, 0x00, 0) // 10: 64 KiB data
	a.label("gdtr")
	gdt := ROMBase + a.addr("gdt")
	a.data(23, 0, byte(gdt), byte(gdt>>8), byte(gdt>>16), 0)
	a.label("mtrrs")
	for _, m := range mtrrs {
		a.data(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, m.msr), m.value)...)
	}
	a.data(0, 0, 0, 0)

	a.label("post")
	a.op("cli", 0xfa)
	a.op("cld", 0xfc)
	a.op("xor ax, ax", 0x31, 0xc0)
	a.op("mov ds, ax", 0x8e, 0xd8)
	a.op("mov es, ax", 0x8e, 0xc0)
	a.op("mov ss, ax", 0x8e, 0xd0)
	a.op("mov sp, 0x400", 0xbc, 0x00, 0x04) // unused vectors, as on the AT: memory survives a reset
	a.trap(svcShutdown)
	a.rel8("jnc", "post.cold", 0x73)
	a.op("jmp far [0x467]", 0xff, 0x2e, 0x67, 0x04)

	// Local APIC: virtual wire mode (Intel MultiProcessor Specification 3.6.2.2):
	// software enabled, LINT0 ExtINT, LINT1 NMI.
	a.label("post.cold")
	a.op("lgdt [cs:gdtr]", 0x2e, 0x66, 0x0f, 0x01, 0x16)
	a.word("gdtr")
	a.op("mov eax, cr0", 0x0f, 0x20, 0xc0)
	a.op("and eax, 0x9fffffff", 0x66, 0x25, 0xff, 0xff, 0xff, 0x9f) // caches on: clear CD and NW
	a.op("or al, 1", 0x0c, 0x01)
	a.op("mov cr0, eax", 0x0f, 0x22, 0xc0)
	a.op("mov bx, 8", 0xbb, 0x08, 0x00)
	a.op("mov ds, bx", 0x8e, 0xdb)
	a.op("mov dword [0xfee000f0], 0x1ff", 0x66, 0x67, 0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0, 0)
	a.op("mov dword [0xfee00350], 0x700", 0x66, 0x67, 0xc7, 0x05, 0x50, 0x03, 0xe0, 0xfe, 0x00, 0x07, 0, 0)
	a.op("mov dword [0xfee00360], 0x400", 0x66, 0x67, 0xc7, 0x05, 0x60, 0x03, 0xe0, 0xfe, 0x00, 0x04, 0, 0)
	a.op("mov bx, 16", 0xbb, 0x10, 0x00)
	a.op("mov ds, bx", 0x8e, 0xdb)
	a.op("and al, 0xfe", 0x24, 0xfe)
	a.op("mov cr0, eax", 0x0f, 0x22, 0xc0)
	a.op("xor ax, ax", 0x31, 0xc0)
	a.op("mov ds, ax", 0x8e, 0xd8)
	a.op("fninit", 0xdb, 0xe3)
	a.trap(svcPOST)
	a.op("mov sp, 0x7000", 0xbc, 0x00, 0x70)

	// Memory types, if CPUID exists (EFLAGS.ID can be toggled) and claims MTRRs.
	a.op("pushfd", 0x66, 0x9c)
	a.op("pop eax", 0x66, 0x58)
	a.op("mov ecx, eax", 0x66, 0x89, 0xc1)
	a.op("xor eax, 0x200000", 0x66, 0x35, 0x00, 0x00, 0x20, 0x00)
	a.op("push eax", 0x66, 0x50)
	a.op("popfd", 0x66, 0x9d)
	a.op("pushfd", 0x66, 0x9c)
	a.op("pop eax", 0x66, 0x58)
	a.op("xor eax, ecx", 0x66, 0x31, 0xc8)
	a.rel8("jz", "post.boot", 0x74)
	a.op("mov eax, 1", 0x66, 0xb8, 1, 0, 0, 0)
	a.op("cpuid", 0x0f, 0xa2)
	a.op("test edx, 0x1000", 0x66, 0xf7, 0xc2, 0x00, 0x10, 0x00, 0x00)
	a.rel8("jz", "post.boot", 0x74)
	a.op("mov si, mtrrs", 0xbe)
	a.word("mtrrs")
	a.label("post.mtrr")
	a.op("mov ecx, [cs:si]", 0x2e, 0x66, 0x8b, 0x0c)
	a.op("test ecx, ecx", 0x66, 0x85, 0xc9)
	a.rel8("jz", "post.boot", 0x74)
	a.op("mov eax, [cs:si+4]", 0x2e, 0x66, 0x8b, 0x44, 0x04)
	a.op("mov edx, [cs:si+8]", 0x2e, 0x66, 0x8b, 0x54, 0x08)
	a.op("wrmsr", 0x0f, 0x30)
	a.op("add si, 12", 0x83, 0xc6, 0x0c)
	a.rel8("jmp", "post.mtrr", 0xeb)
	a.label("post.boot")
	a.op("int 0x19", 0xcd, 0x19)
	a.label("post.hang")
	a.op("hlt", 0xf4)
	a.rel8("jmp", "post.hang", 0xeb)
}

// mtrrs are the memory types (Intel SDM vol. 3, 12.11): write-back by default,
// uncached video window and PCI hole, write-protected ROM.
var mtrrs = []struct {
	msr   uint32
	value uint64
}{
	{0x250, 0x0606060606060606}, {0x258, 0x0606060606060606}, {0x259, 0},
	{0x268, wp8}, {0x269, wp8}, {0x26a, wp8}, {0x26b, wp8}, {0x26c, wp8}, {0x26d, wp8}, {0x26e, wp8}, {0x26f, wp8},
	{0x200, 0xe0000000}, {0x201, 0xfe0000800},
	{0x2ff, 0xc06},
}

const wp8 = 0x0505050505050505

// tables places what guests search for in the BIOS segment on 16-byte boundaries.
func (b *BIOS) tables(a *asm) {
	if b.acpi.RSDP != nil {
		a.data(b.acpi.RSDP...)
	}
	a.align(16)
	a.data(pirTable()...)
	a.align(16)
	bios32 := []byte{'_', '3', '2', '_', 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	b.bios32At = a.data(bios32...)
	a.align(16)
	at := ROMBase + a.pc
	a.data(mp.Build(b.cfg.CPUs, uint32(at))...)
	a.align(16)
	at = ROMBase + a.pc
	a.data(smbios.Build(smbios.Config{
		Base: uint32(at), Memory: b.cfg.Memory, CPUs: b.cfg.CPUs, Version: b.cfg.Version, Date: "01/01/2026", UUID: b.cfg.UUID,
	})...)
}
