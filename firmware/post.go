package firmware

import "encoding/binary"

// Interrupt controller and timer ports.
const (
	pic1, pic2   = 0x20, 0xa0
	pitCtl       = 0x43
	pitCh0       = 0x40
	pitCh1       = 0x41
	kbcData      = 0x60
	kbcCtl       = 0x64
	portB        = 0x61
	cmosIndex    = 0x70
	cmosData     = 0x71
	port92       = 0x92
	elcr1, elcr2 = 0x4d0, 0x4d1
	ocwEOI       = 0x20
)

// CMOS addresses beyond the clock (IBM PC AT Technical Reference, and the
// customary use of the rest).
const (
	cmosStatusA   = 0x0a
	cmosStatusB   = 0x0b
	cmosStatusC   = 0x0c
	cmosStatusD   = 0x0d
	cmosShutdown  = 0x0f
	cmosFloppies  = 0x10
	cmosDisks     = 0x12
	cmosEquipment = 0x14
	cmosBaseKB    = 0x15
	cmosExtKB     = 0x17
	cmosDisk0     = 0x19
	cmosSum       = 0x2e
	cmosExtKB2    = 0x30
	cmosCentury   = 0x32
	cmosExt64K    = 0x34 // 64 KiB units above 16 MiB
	cmosHigh64K   = 0x5b // 64 KiB units above 4 GiB, three bytes
)

func (f *frame) cmos(i byte) byte { f.out(cmosIndex, i); return f.in(cmosData) }

func (f *frame) setCMOS(i, v byte) { f.out(cmosIndex, i); f.out(cmosData, v) }

// shutdown answers whether this reset was a program's way out of protected mode
// on the 80286: CMOS 0Fh holds 05h (end the interrupt first) or 0Ah (just jump),
// and 40:67 the address to continue at.
func (f *frame) shutdown() {
	code := f.cmos(cmosShutdown)
	f.setCMOS(cmosShutdown, 0)
	if code == 0x05 {
		f.in(kbcData)
		f.out(pic2, ocwEOI)
		f.out(pic1, ocwEOI)
	}
	f.set(flagCF, code == 0x05 || code == 0x0a)
}

// post sets the machine up.
func (f *frame) post() {
	b := f.b
	b.state = state{}
	warm := f.rd16(bdaWarmBoot)
	resume := f.rd32(bdaResumeIP)
	f.write(0, make([]byte, 0x500))
	f.wr16(bdaWarmBoot, warm)
	f.wr32(bdaResumeIP, resume)

	f.vectors()
	f.initChips()
	f.write(lin(ebdaSeg, 0), make([]byte, ebdaSizeKB<<10))
	f.wr16(bdaEBDA, ebdaSeg)
	f.wr8(f.ebda(0), ebdaSizeKB)
	f.wr16(bdaMemory, 640-ebdaSizeKB)
	f.detectPorts()
	f.initKeyboard()
	f.initDrives()
	f.initCMOS()
	f.initPCI()
	if len(b.acpi.Blob) > 0 {
		b.hw.Bus.WritePhys(b.acpiBase, b.acpi.Blob)
	}
	f.setTicks()
	f.wr32(bdaSavePtr, uint32(VideoROMBase>>4)<<16|uint32(b.vidEntry["saveptr"]))
	f.setMode(3)
	f.banner()
}

// vectors fills the interrupt vector table.
func (f *frame) vectors() {
	rom := func(n byte, label string) { f.wr32(uint64(n)*4, ROMBase>>4<<16|uint32(f.b.entry[label])) }
	at := func(n byte, off uint32) { f.wr32(uint64(n)*4, ROMBase>>4<<16|off) }
	vid := func(n byte, label string) {
		f.wr32(uint64(n)*4, VideoROMBase>>4<<16|uint32(f.b.vidEntry[label]))
	}
	for n := range byte(0x60) { // 60h-67h are for programs and start as zero
		rom(n, "iret")
	}
	for n := byte(0x08); n <= 0x0f; n++ {
		rom(n, "irq")
	}
	for n := byte(0x70); n <= 0x77; n++ {
		rom(n, "irq")
	}
	at(0x05, atPrintScr)
	at(0x08, atTick)
	at(0x09, atKbdIRQ)
	at(0x0e, atFloppyIRQ)
	vid(0x10, "int10")
	at(0x11, atEquipment)
	at(0x12, atMemory)
	at(0x13, atDisk)
	at(0x14, atSerial)
	at(0x15, atSystem)
	at(0x16, atKbdSvc)
	at(0x17, atPrinter)
	rom(0x18, "int18")
	at(0x19, atBoot)
	at(0x1a, atTime)
	at(0x1d, atVideoTab)
	at(0x1e, atFloppyTab)
	vid(0x1f, "font8hi")
	at(0x40, atFloppySvc)
	at(0x42, atVideo)
	vid(0x43, "font16")
	rom(0x70, "int70")
	rom(0x71, "int71")
	rom(0x74, "int74")
	rom(0x75, "int75")
	rom(0x76, "int76")
	rom(0x77, "int76")
}

func (f *frame) initChips() {
	for _, p := range []struct {
		port       uint16
		base, icw3 byte
		mask       byte
	}{
		{pic1, 0x08, 0x04, 0xb8}, // timer, keyboard, cascade, floppy
		{pic2, 0x70, 0x02, 0x8f}, // mouse, coprocessor, primary IDE
	} {
		f.out(p.port, 0x11)
		f.out(p.port+1, p.base)
		f.out(p.port+1, p.icw3)
		f.out(p.port+1, 0x01)
		f.out(p.port+1, p.mask)
	}
	f.out(0x0d, 0) // DMA master clear; channel 4 cascades the first controller
	f.out(0xda, 0)
	f.out(0xd6, 0xc0)
	f.out(0xd4, 0x00)
	f.out(pitCtl, 0x36) // channel 0: mode 3, 65536
	f.out(pitCh0, 0)
	f.out(pitCh0, 0)
	f.out(pitCtl, 0x54) // channel 1: memory refresh
	f.out(pitCh1, 0x12)
	f.out(portB, 0x00)
	f.out(port92, f.in(port92)|0x02) // A20 on
	f.setCMOS(cmosStatusA, 0x26)
	f.setCMOS(cmosStatusB, 0x02) // 24 hours, BCD, no interrupts
	f.cmos(cmosStatusC)
	f.cmos(cmosStatusD)
}

// detectPorts finds UARTs (their scratch register keeps a value) and parallel
// ports (so does the data register) and lists them.
func (f *frame) detectPorts() {
	probe := func(port uint16) bool {
		f.out(port, 0x5a)
		a := f.in(port)
		f.out(port, 0xa5)
		return a == 0x5a && f.in(port) == 0xa5
	}
	com, lpt := uint16(0), uint16(0)
	for _, base := range []uint16{0x3f8, 0x2f8, 0x3e8, 0x2e8} {
		if probe(base + 7) {
			f.wr16(bdaCOM+uint64(2*com), base)
			f.wr8(bdaCOMTimeout+uint64(com), 10)
			com++
		}
	}
	for _, base := range []uint16{0x3bc, 0x378, 0x278} {
		if probe(base) {
			f.wr16(bdaLPT+uint64(2*lpt), base)
			f.wr8(bdaLPTTimeout+uint64(lpt), 20)
			f.out(base+2, 0x0c) // selected, not in reset
			lpt++
		}
	}
	f.wr16(bdaEquipment, 1<<1|1<<2|2<<4|com<<9|lpt<<14) // coprocessor, mouse, 80x25 colour
}

func (f *frame) initKeyboard() {
	f.wr16(bdaKbdHead, kbdBufStart)
	f.wr16(bdaKbdTail, kbdBufStart)
	f.wr16(bdaKbdStart, kbdBufStart)
	f.wr16(bdaKbdEnd, kbdBufEnd)
	f.wr8(bdaKbdMode, 0x10) // 101-key keyboard
	f.wr16(bdaBreak, 0)
	for range 16 { // whatever was typed before
		if f.in(kbcCtl)&1 == 0 {
			break
		}
		f.in(kbcData)
	}
	f.out(kbcCtl, 0xaa) // self-test: answers 55h
	f.in(kbcData)
	f.out(kbcCtl, 0x60) // command byte: translate, no mouse yet, keyboard interrupt
	f.out(kbcData, kbcCommand)
	f.out(kbcCtl, 0xae)  // enable the keyboard
	f.out(kbcData, 0xf4) // and its scanning; INT 9 ignores the answer if it comes late
	if f.in(kbcCtl)&1 != 0 {
		f.in(kbcData)
	}
}

func (f *frame) initCMOS() {
	b := f.b
	types := byte(0)
	for i, d := range b.drives(Floppy) {
		if i < 2 {
			types |= d.drive.Type << (4 - 4*i)
		}
	}
	disks := b.drives(HardDisk)
	f.setCMOS(cmosFloppies, types)
	diskTypes := byte(0)
	for i := range min(2, len(disks)) {
		diskTypes |= 0xf0 >> (4 * i)
		f.setCMOS(cmosDisk0+byte(i), 47)
	}
	f.setCMOS(cmosDisks, diskTypes)
	f.setCMOS(cmosEquipment, f.rd8(bdaEquipment))
	word := func(i byte, v uint64) {
		f.setCMOS(i, byte(v))
		f.setCMOS(i+1, byte(v>>8))
	}
	low, high := b.lowHigh()
	ext := uint64(0)
	if low > 1<<20 {
		ext = low - 1<<20
	}
	word(cmosBaseKB, 640)
	word(cmosExtKB, min(ext>>10, 0xffff))
	word(cmosExtKB2, min(ext>>10, 0xffff))
	above16 := uint64(0)
	if low > 16<<20 {
		above16 = min((low-16<<20)>>16, 0xffff)
	}
	word(cmosExt64K, above16)
	word(cmosHigh64K, high>>16)
	f.setCMOS(cmosHigh64K+2, byte(high>>32))
	var s uint16
	for i := byte(0x10); i < cmosSum; i++ {
		s += uint16(f.cmos(i))
	}
	f.setCMOS(cmosSum, byte(s>>8))
	f.setCMOS(cmosSum+1, byte(s))
}

// initDrives fills in what the BIOS data areas tell about drives.
func (f *frame) initDrives() {
	floppies := f.b.drives(Floppy)
	eq := f.rd16(bdaEquipment)
	if n := min(2, len(floppies)); n > 0 {
		eq |= 1 | uint16(n-1)<<6
	}
	f.wr16(bdaEquipment, eq)
	state := [...]byte{0, 0x93, 0x15, 0x97, 0x17, 0xd7} // media established, by drive type
	for i, d := range floppies {
		if t := d.drive.Type; i < 2 && int(t) < len(state) {
			f.wr8(bdaMedia0+uint64(i), state[t])
		}
	}
	disks := f.b.drives(HardDisk)
	f.wr8(bdaDiskCount, byte(len(disks)))
	for i, off := range []uint16{ebdaHD0, ebdaHD1} {
		if i < len(disks) {
			f.diskTable(f.ebda(off), disks[i])
			f.wr32(uint64(0x41+5*i)*4, uint32(ebdaSeg)<<16|uint32(off))
		}
	}
}

// diskTable writes a fixed disk parameter table; when the geometry is
// translated it is the Phoenix form with both geometries.
func (f *frame) diskTable(at uint64, d *unit) {
	t := make([]byte, 16)
	binary.LittleEndian.PutUint16(t, uint16(min(d.cyls, 1024)))
	t[2] = byte(d.heads)
	binary.LittleEndian.PutUint16(t[5:], 0xffff) // no precompensation
	t[8] = 0xc0
	if d.heads > 8 {
		t[8] |= 0x08
	}
	binary.LittleEndian.PutUint16(t[12:], uint16(min(d.cyls, 1024))) // landing zone
	t[14] = byte(d.sectors)
	if phys := d.physical(); phys.heads != d.heads {
		t[3], t[4] = 0xa0, byte(phys.sectors)
		binary.LittleEndian.PutUint16(t[9:], uint16(phys.cyls))
		t[11] = byte(phys.heads)
		t[15] = -sum(t)
	}
	f.write(at, t)
}

// setTicks starts the tick count from the clock.
func (f *frame) setTicks() {
	h, m, s := unBCD(f.cmos(4)), unBCD(f.cmos(2)), unBCD(f.cmos(0))
	sec := uint64(h)*3600 + uint64(m)*60 + uint64(s)
	f.wr32(bdaTicks, uint32(min(sec*pitHz/65536, ticksPerDay-1)))
}

func unBCD(v byte) byte { return v>>4*10 + v&0xf }
