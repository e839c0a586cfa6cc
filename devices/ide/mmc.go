package ide

import "encoding/binary"

// Packet commands of a CD-ROM drive (MMC-3, clause 6; SPC-2 for the common ones).

// packetCommand is a row of the command table.
type packetCommand struct {
	run    func(d *drive, cdb []byte)
	medium bool // needs one
	always bool // runs in spite of a pending unit attention
}

var packetCommands = map[byte]packetCommand{
	0x00: {run: (*drive).testUnitReady, medium: true},
	0x03: {run: (*drive).requestSense, always: true},
	0x12: {run: (*drive).inquiry, always: true},
	0x1a: {run: (*drive).modeSense6},
	0x1b: {run: (*drive).startStop},
	0x1e: {run: (*drive).preventAllow},
	0x25: {run: (*drive).readCapacity, medium: true},
	0x28: {run: (*drive).read10, medium: true},
	0x2b: {run: (*drive).seek10, medium: true},
	0x43: {run: (*drive).readTOC, medium: true},
	0x46: {run: (*drive).getConfiguration, always: true},
	0x4a: {run: (*drive).getEventStatus, always: true},
	0x51: {run: (*drive).readDiscInfo, medium: true},
	0x52: {run: (*drive).readTrackInfo, medium: true},
	0x5a: {run: (*drive).modeSense10},
	0xa8: {run: (*drive).read12, medium: true},
	0xbb: {run: (*drive).testUnitReady}, // SET CD SPEED: any speed will do
	0xbd: {run: (*drive).mechanismStatus},
	0xbe: {run: (*drive).readCD, medium: true},
}

// packet executes the packet in buf.
func (d *drive) packet() {
	s := &d.s
	var cdb [12]byte
	copy(cdb[:], d.buf)
	c, known := packetCommands[cdb[0]]
	switch {
	case s.Changed && !c.always:
		s.Changed = false
		d.check(senseUnitAttn, ascMediumChanged)
		return
	case !known:
		d.check(senseIllegal, ascBadOpcode)
		return
	case c.medium && !d.loaded():
		d.notReady()
		return
	}
	if cdb[0] != 0x03 {
		s.Sense, s.ASC = senseNone, 0
	}
	clear(d.buf[:512])
	c.run(d, cdb[:])
}

func (d *drive) notReady() {
	if d.s.TrayOpen {
		d.check(senseNotReady, ascNoMediumOpen)
		return
	}
	d.check(senseNotReady, ascNoMediumClosed)
}

func be16(b []byte) int    { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func (d *drive) put16(i int, v int)    { binary.BigEndian.PutUint16(d.buf[i:], uint16(v)) }
func (d *drive) put32(i int, v uint32) { binary.BigEndian.PutUint32(d.buf[i:], v) }

// blocks is the number of 2048-byte blocks.
func (d *drive) blocks() int64 { return d.media.Size() / 2048 }

func (d *drive) testUnitReady([]byte) { d.packetDone(0) }

// requestSense hands out and clears the sense, or the pending unit attention.
func (d *drive) requestSense(cdb []byte) {
	s := &d.s
	if s.Sense == senseNone && s.Changed {
		s.Sense, s.ASC, s.Changed = senseUnitAttn, ascMediumChanged, false
	}
	d.buf[0], d.buf[2], d.buf[7] = 0x70, s.Sense, 10
	d.put16(12, int(s.ASC))
	s.Sense, s.ASC = senseNone, 0
	d.replyIn(18, int(cdb[4]))
}

func (d *drive) inquiry(cdb []byte) {
	if cdb[1]&3 != 0 || cdb[2] != 0 { // no vital product data
		d.check(senseIllegal, ascBadField)
		return
	}
	copy(d.buf, []byte{0x05, 0x80, 0, 0x21, 31}) // CD-ROM, removable, ATAPI
	copy(d.buf[8:], "G86     CD-ROM          1.0 ")
	d.replyIn(36, be16(cdb[3:]))
}

func (d *drive) readCapacity([]byte) {
	d.put32(0, uint32(d.blocks()-1))
	d.put32(4, 2048)
	d.replyIn(8, 8)
}

func (d *drive) read10(cdb []byte) { d.readBlocks(int64(be32(cdb[2:])), int64(be16(cdb[7:]))) }
func (d *drive) read12(cdb []byte) { d.readBlocks(int64(be32(cdb[2:])), int64(be32(cdb[6:]))) }

func (d *drive) readBlocks(lba, n int64) {
	if lba+n > d.blocks() {
		d.check(senseIllegal, ascLBARange)
		return
	}
	d.s.FromBuf, d.s.Off = false, lba*2048
	d.dataIn(n * 2048)
}

// readCD reads the user data of data sectors; there is nothing else on an image.
func (d *drive) readCD(cdb []byte) {
	n := int64(cdb[6])<<16 | int64(be16(cdb[7:]))
	switch kind := cdb[1] >> 2 & 7; {
	case kind == 1: // CD-DA
		d.check(senseIllegal, ascWrongTrackMode)
	case cdb[9]&0xf8 == 0:
		d.packetDone(0)
	case cdb[9]&0xf8 != 0x10 || cdb[10]&7 != 0:
		d.check(senseIllegal, ascBadField)
	default:
		d.readBlocks(int64(be32(cdb[2:])), n)
	}
}

func (d *drive) seek10(cdb []byte) {
	if int64(be32(cdb[2:])) >= d.blocks() {
		d.check(senseIllegal, ascLBARange)
		return
	}
	d.packetDone(0)
}

func (d *drive) startStop(cdb []byte) {
	s := &d.s
	switch cdb[4] & 3 {
	case 2: // eject
		if s.Locked {
			d.check(senseIllegal, ascRemovalBarred)
			return
		}
		s.TrayOpen = true
	case 3: // load
		if s.TrayOpen && d.media != nil {
			s.Changed = true
		}
		s.TrayOpen = false
	}
	d.packetDone(0)
}

func (d *drive) preventAllow(cdb []byte) {
	d.s.Locked = cdb[4]&1 != 0
	d.packetDone(0)
}

// putAddress puts a block address, as it is or as minute:second:frame.
func (d *drive) putAddress(i int, lba int64, msf bool) {
	if !msf {
		d.put32(i, uint32(lba))
		return
	}
	lba += 150
	d.put32(i, uint32(min(lba/75/60, 255)<<16|lba/75%60<<8|lba%75))
}

// readTOC: one data track in one session.
func (d *drive) readTOC(cdb []byte) {
	msf := cdb[1]&2 != 0
	format := cdb[2] & 0x0f
	if format == 0 {
		format = cdb[9] >> 6 // where SFF-8020 has it
	}
	const dataTrack, leadOut = 0x14, 0xaa
	d.buf[2], d.buf[3] = 1, 1
	n := 4
	switch format {
	case 0:
		switch start := cdb[6]; {
		case start > 1 && start != leadOut:
			d.check(senseIllegal, ascBadField)
			return
		case start <= 1:
			d.buf[n+1], d.buf[n+2] = dataTrack, 1
			d.putAddress(n+4, 0, msf)
			n += 8
		}
		d.buf[n+1], d.buf[n+2] = dataTrack, leadOut
		d.putAddress(n+4, d.blocks(), msf)
		n += 8
	case 1:
		d.buf[n+1], d.buf[n+2] = dataTrack, 1
		d.putAddress(n+4, 0, msf)
		n += 8
	case 2: // raw: points A0, A1, A2 and track 1, always as MSF
		for _, p := range []struct {
			point byte
			lba   int64
		}{{0xa0, -1}, {0xa1, -1}, {0xa2, d.blocks()}, {1, 0}} {
			d.buf[n], d.buf[n+1], d.buf[n+3] = 1, dataTrack, p.point
			if p.lba < 0 {
				d.buf[n+8] = 1 // first or last track
			} else {
				d.putAddress(n+7, p.lba, true)
			}
			n += 11
		}
	default:
		d.check(senseIllegal, ascBadField)
		return
	}
	d.put16(0, n-2)
	d.replyIn(n, be16(cdb[7:]))
}

// profile is CD-ROM or, beyond what a CD holds, DVD-ROM.
func (d *drive) profile() int {
	switch {
	case !d.loaded():
		return 0
	case d.blocks() > 450_000:
		return 0x10
	}
	return 0x08
}

func (d *drive) getConfiguration(cdb []byte) {
	const current, persistent, v0 = 1, 2, 0
	profile := d.profile()
	is := func(p int) byte {
		if p == profile {
			return current
		}
		return 0
	}
	n := 8
	feature := func(code int, flags byte, data ...byte) {
		start := be16(cdb[2:])
		switch cdb[1] & 3 {
		case 1:
			if flags&current == 0 || code < start {
				return
			}
		case 2:
			if code != start {
				return
			}
		default:
			if code < start {
				return
			}
		}
		d.put16(n, code)
		d.buf[n+2], d.buf[n+3] = v0|flags, byte(len(data))
		n += 4 + copy(d.buf[n+4:], data)
	}
	feature(0x0000, persistent|current, 0, 0x10, is(0x10), 0, 0, 0x08, is(0x08), 0) // profile list
	feature(0x0001, persistent|current, 0, 0, 0, 2)                                 // core: ATAPI
	feature(0x0003, persistent|current, 0x29, 0, 0, 0)                              // removable medium: tray, eject, lock
	feature(0x0010, is(0x08)|is(0x10), 0, 0, 8, 0, 0, 1, 0, 0)                      // random readable, 2048 bytes
	feature(0x001e, is(0x08), 0, 0, 0, 0)                                           // CD read
	feature(0x001f, is(0x10))                                                       // DVD read
	d.put32(0, uint32(n-4))
	d.put16(6, profile)
	d.replyIn(n, be16(cdb[7:]))
}

func (d *drive) getEventStatus(cdb []byte) {
	const mediaClass, noEvent = 4, 0x80
	if cdb[1]&1 == 0 { // asynchronous operation
		d.check(senseIllegal, ascBadField)
		return
	}
	d.buf[3] = 1 << mediaClass
	if cdb[4]&(1<<mediaClass) == 0 {
		d.put16(0, 2)
		d.buf[2] = noEvent
		d.replyIn(4, be16(cdb[7:]))
		return
	}
	d.put16(0, 6)
	d.buf[2] = mediaClass
	d.buf[4] = d.s.Event
	d.s.Event = 0
	if d.s.TrayOpen {
		d.buf[5] |= 1
	}
	if d.media != nil {
		d.buf[5] |= 2
	}
	d.replyIn(8, be16(cdb[7:]))
}

func (d *drive) readDiscInfo(cdb []byte) {
	d.put16(0, 32)
	d.buf[2] = 0x0e // last session complete, disc finalized
	d.buf[3], d.buf[4], d.buf[5], d.buf[6] = 1, 1, 1, 1
	d.buf[7] = 0x20 // unrestricted use
	d.put32(16, 0xffffffff)
	d.put32(20, 0xffffffff)
	d.replyIn(34, be16(cdb[7:]))
}

func (d *drive) readTrackInfo(cdb []byte) {
	d.put16(0, 26)
	d.buf[2], d.buf[3], d.buf[5], d.buf[6] = 1, 1, 4, 1 // track 1, session 1, data, mode 1
	d.put32(24, uint32(d.blocks()))
	d.replyIn(28, be16(cdb[7:]))
}

func (d *drive) mechanismStatus(cdb []byte) {
	if d.s.TrayOpen {
		d.buf[1] |= 0x10
	}
	d.buf[5] = 1 // one slot
	d.replyIn(8, be16(cdb[8:]))
}

// modePages appends the pages asked for at buf[n:].
func (d *drive) modePages(n int, cdb []byte) (int, bool) {
	const errorRecovery, capabilities, all = 0x01, 0x2a, 0x3f
	page, control := cdb[2]&0x3f, cdb[2]>>6
	if control == 3 { // saved values
		return n, false
	}
	start := n
	if page == errorRecovery || page == all {
		n += copy(d.buf[n:], []byte{errorRecovery, 6, 0, 5, 0, 0, 0, 0})
	}
	if page == capabilities || page == all {
		p := d.buf[n : n+20]
		copy(p, []byte{capabilities, 18, 0, 0, 0x70, 0x60, 0x29}) // mode 2 and multi-session; tray, eject, lock
		if d.s.Locked {
			p[6] |= 2
		}
		binary.BigEndian.PutUint16(p[8:], 706) // 4x in kB/s
		binary.BigEndian.PutUint16(p[12:], 128)
		binary.BigEndian.PutUint16(p[14:], 706)
		if control == 1 { // changeable values: none
			clear(p[2:])
		}
		n += 20
	}
	if control == 1 && (page == errorRecovery || page == all) {
		clear(d.buf[start+2 : start+8])
	}
	return n, n > start
}

// mediumType is byte 1 or 2 of the mode header (SFF-8020i, table 52).
func (d *drive) mediumType() byte {
	switch {
	case d.s.TrayOpen:
		return 0x71
	case d.media == nil:
		return 0x70
	}
	return 0x01
}

func (d *drive) modeSense6(cdb []byte) {
	n, ok := d.modePages(4, cdb)
	if !ok {
		d.check(senseIllegal, ascBadField)
		return
	}
	d.buf[0], d.buf[1] = byte(n-1), d.mediumType()
	d.replyIn(n, int(cdb[4]))
}

func (d *drive) modeSense10(cdb []byte) {
	n, ok := d.modePages(8, cdb)
	if !ok {
		d.check(senseIllegal, ascBadField)
		return
	}
	d.put16(0, n-2)
	d.buf[2] = d.mediumType()
	d.replyIn(n, be16(cdb[7:]))
}
