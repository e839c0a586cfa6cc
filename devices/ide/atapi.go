package ide

import "g86/devices/disk"

// ATAPI interrupt reasons, in the Sector Count register (ATA/ATAPI-6, 8.21.3).
const (
	irCoD = 1 // command packet, not data
	irIO  = 2 // to the host
)

// Sense keys (MMC-3, table A.1).
const (
	senseNone     = 0
	senseNotReady = 2
	senseMedium   = 3
	senseIllegal  = 5
	senseUnitAttn = 6
)

// Additional sense codes: ASC in the high byte, ASCQ in the low.
const (
	ascUnrecovered    = 0x1100
	ascBadOpcode      = 0x2000
	ascLBARange       = 0x2100
	ascBadField       = 0x2400
	ascMediumChanged  = 0x2800
	ascNoMediumClosed = 0x3a01
	ascNoMediumOpen   = 0x3a02
	ascRemovalBarred  = 0x5302
	ascWrongTrackMode = 0x6400
)

// atapiState is what a CD drive has beyond an ATA drive.
type atapiState struct {
	InPacket bool // a PACKET command is under way
	DMA      bool // which moves its data by DMA
	Sense    byte
	ASC      uint16
	Changed  bool // unit attention is due: the medium may have changed
	TrayOpen bool
	Locked   bool // PREVENT ALLOW MEDIUM REMOVAL
	Event    byte // media event to report
}

// atapiCommand is the ATA side of a CD drive. An ATAPI drive aborts ATA
// commands; IDENTIFY DEVICE and READ SECTORS also show the signature.
func (d *drive) atapiCommand(cmd byte) {
	const identifyPacket, packet, identify, readSectors = 0xa1, 0xa0, 0xec, 0x20
	switch cmd {
	case packet:
		d.s.InPacket = true
		d.s.DMA = d.s.Reg[rFeature][0]&1 != 0
		d.s.Block = byteLimit(d.s.Reg[rMid][0], d.s.Reg[rHigh][0])
		d.s.Reg[rCount][0] = irCoD
		d.demand(12)
	case identifyPacket:
		d.identifyPacket()
	case identify, readSectors:
		d.s.Reg[rCount], d.s.Reg[rLow] = [2]byte{1}, [2]byte{1}
		d.s.Reg[rMid], d.s.Reg[rHigh] = [2]byte{0x14}, [2]byte{0xeb}
		d.abort()
	default:
		if c := ataCommands[cmd]; c != nil && c.cd {
			c.run(d, c)
			return
		}
		d.abort()
	}
}

// byteLimit is the most that the host takes per DRQ. It is even, for all but
// the last block must be (ATA/ATAPI-6, 8.21.4).
func byteLimit(low, high byte) int64 {
	n := int64(low) | int64(high)<<8
	if n < 2 || n == 0xffff {
		return 0xfffe
	}
	return n &^ 1
}

func (d *drive) setByteCount(n int) {
	d.s.Reg[rCount][0] = irIO
	d.s.Reg[rMid][0], d.s.Reg[rHigh][0] = byte(n), byte(n>>8)
}

// identifyPacket is IDENTIFY PACKET DEVICE (ATA/ATAPI-6, 8.16).
func (d *drive) identifyPacket() {
	w := d.words()
	w(0, 0x85c0) // ATAPI, CD-ROM, removable, DRQ within 50 us, 12-byte packets
	d.text(10, 10, d.serial())
	d.text(23, 4, "1.0")
	d.text(27, 20, "G86 CD-ROM")
	w(49, 0x0f00)
	w(50, 0x4000)
	w(53, 6)
	d.modes(w)
	w(80, 0x0070)
	w(82, 1<<14|1<<9|1<<4|1<<3) // NOP, DEVICE RESET, PACKET, power management
	w(83, 1<<14)
	w(84, 1<<14)
	w(85, 1<<14|1<<9|1<<4|1<<3)
	w(87, 1<<14)
	w(93, d.resetResult())
	d.reply(512)
}

// packetDone ends a packet command with good status.
func (d *drive) packetDone(delay uint64) {
	d.s.InPacket = false
	d.s.Reg[rCount][0] = irCoD | irIO
	if delay == 0 {
		d.post(stIdle, 0)
		return
	}
	d.s.EndStatus, d.s.EndError = stIdle, 0
	d.busy(stepFinish, delay)
}

// check ends a packet command with CHECK CONDITION.
func (d *drive) check(key byte, asc uint16) {
	d.s.Sense, d.s.ASC = key, asc
	d.s.InPacket = false
	d.s.Reg[rCount][0] = irCoD | irIO
	d.post(stIdle|stERR, key<<4|erABRT)
}

// dataIn starts the data phase of a packet command.
func (d *drive) dataIn(n int64) {
	if n == 0 {
		d.packetDone(0)
		return
	}
	d.s.Remain = n
	if d.s.DMA {
		d.busy(stepDMA, blockDelay+uint64(n))
		return
	}
	d.readBlock()
}

// replyIn sends the first n bytes of buf, but no more than the command's
// allocation length.
func (d *drive) replyIn(n, alloc int) {
	d.s.FromBuf, d.s.Pos = true, 0
	d.dataIn(int64(min(n, alloc)))
}

// loaded says whether there is a medium in the closed drive.
func (d *drive) loaded() bool { return d.media != nil && !d.s.TrayOpen }

func (d *drive) insert(media disk.Backend, force bool) error {
	const ejectRequest, newMedia, mediaRemoval = 1, 2, 3
	s := &d.s
	if s.Locked && d.media != nil && !force {
		s.Event = ejectRequest
		return ErrLocked
	}
	d.media, s.TrayOpen, s.Locked = media, false, false
	s.Event = mediaRemoval
	if media != nil {
		s.Event, s.Changed = newMedia, true
	}
	return nil
}
