package firmware

// buildVideoROM makes the ROM at C0000h: the INT 10h stub, fonts and the tables
// that INT 10h functions return pointers to. Its initialization entry just
// returns: the system BIOS sets video up itself.
func (b *BIOS) buildVideoROM() {
	a := newAsm(VideoROMSize)
	a.data(0x55, 0xaa, VideoROMSize/512)
	a.op("retf", 0xcb)
	a.org(0x1e)
	a.data([]byte("IBM VGA compatible g86 video BIOS")...)
	a.align(16)
	a.service("int10", svcVideo)
	place := func(label string, p []byte) {
		a.align(16)
		a.label(label)
		a.data(p...)
	}
	place("font8", b.hw.Font8[:256*8])
	a.labels["font8hi"] = a.addr("font8") + 128*8
	place("font14", b.hw.Font14[:256*14])
	place("font16", b.hw.Font16[:256*16])
	place("font9", []byte{0}) // no characters differ in 9-dot modes

	// Static functionality table (INT 10h AH=1Bh): all modes, 200/350/400 lines.
	place("static", []byte{0xff, 0xff, 0x0f, 0, 0, 0, 0, 0x07, 2, 8, 0xff, 0x0e, 0, 0, 0x3f, 0})

	// Video save pointer table: parameter table, then nothing that programs
	// have overridden; the seventh entry is unused.
	place("params", make([]byte, 64))
	params := a.addr("params")
	save := make([]byte, 28)
	save[0], save[1], save[2], save[3] = byte(params), byte(params>>8), VideoROMBase>>4&0xff, VideoROMBase>>12
	place("saveptr", save)

	place("vbeoem", []byte("g86 VBE\x00"))
	a.link()
	b.vidEntry, b.video, b.vidLines = a.labels, a.image, a.lines
	b.video[VideoROMSize-1] = -sum(b.video)
}
