package ide

import "encoding/binary"

// reply hands the host the first n bytes of buf as the data of a PIO command.
func (d *drive) reply(n int) {
	d.s.FromBuf, d.s.Pos = true, 0
	d.s.Remain, d.s.Block = int64(n), int64(n)
	d.busy(stepRead, commandDelay)
}

// words starts a block of 256 words in buf.
func (d *drive) words() func(i int, v uint16) {
	clear(d.buf[:512])
	return func(i int, v uint16) { binary.LittleEndian.PutUint16(d.buf[2*i:], v) }
}

// text puts an ATA string, whose bytes are swapped in each word.
func (d *drive) text(word, words int, s string) {
	for i := range 2 * words {
		c := byte(' ')
		if i < len(s) {
			c = s[i]
		}
		d.buf[2*word+i^1] = c
	}
}

func (d *drive) serial() string {
	return "G86" + string(rune('0'+d.unit)) + d.ch.name[len(d.ch.name)-1:]
}

// identify is IDENTIFY DEVICE (ATA/ATAPI-6, 8.15).
func (d *drive) identify(*ataCommand) {
	w := d.words()
	s := &d.s
	total := d.sectors()
	dword := func(i int, v int64) { w(i, uint16(v)); w(i+1, uint16(v>>16)) }
	w(0, 0x0040) // fixed drive
	w(1, uint16(d.geo.Cylinders))
	w(3, uint16(d.geo.Heads))
	w(6, uint16(d.geo.Sectors))
	d.text(10, 10, d.serial())
	d.text(23, 4, "1.0")
	d.text(27, 20, "G86 HARDDISK")
	w(47, 0x8000|maxMultiple)
	w(48, 1)      // 32-bit Data register
	w(49, 0x0f00) // IORDY, LBA, DMA
	w(50, 0x4000)
	w(51, 0x0200)
	w(52, 0x0200)
	w(53, 7) // words 54-58, 64-70 and 88 are valid
	cyls := min(0xffff, total/int64(s.Heads*s.Sectors))
	w(54, uint16(cyls))
	w(55, uint16(s.Heads))
	w(56, uint16(s.Sectors))
	dword(57, cyls*int64(s.Heads*s.Sectors))
	if s.Multiple != 0 {
		w(59, 0x100|uint16(s.Multiple))
	}
	dword(60, min(total, 0x0fffffff))
	d.modes(w)
	w(80, 0x0070)        // ATA/ATAPI-4 to -6
	w(82, 1<<5|1<<3)     // write cache, power management
	w(83, 1<<14|0x3400)  // FLUSH CACHE EXT, FLUSH CACHE, 48-bit
	w(84, 1<<14)         // nothing
	w(85, cache(s)|1<<3) // of which enabled
	w(86, 0x3400)
	w(87, 1<<14)
	w(93, d.resetResult())
	dword(100, total)
	dword(102, total>>32)
	d.reply(512)
}

func cache(s *driveState) uint16 {
	if s.NoCache {
		return 0
	}
	return 1 << 5
}

// modes fills in what identify and identify packet say about transfer modes.
func (d *drive) modes(w func(int, uint16)) {
	mw, ud := uint16(0x0007), uint16(0x003f)
	switch m := d.s.XferMode; m >> 3 {
	case 0x20 >> 3:
		mw |= 0x100 << (m & 7)
	case 0x40 >> 3:
		ud |= 0x100 << (m & 7)
	}
	w(63, mw)
	w(64, 3) // PIO 3 and 4
	for i := 65; i <= 68; i++ {
		w(i, 120) // ns per transfer
	}
	w(88, ud)
}

// resetResult is word 93: 80-conductor cable, and which device passed.
func (d *drive) resetResult() uint16 {
	if d.unit == 0 {
		return 0x600b
	}
	return 0x6b00
}
