package ide

import (
	"encoding/binary"
	"errors"

	"g86/devices/clock"
	"g86/devices/disk"
)

// Kind says what is on the cable.
type Kind int

const (
	Disk  Kind = iota // ATA
	CDROM             // ATAPI, removable
)

// Guest time in ns that the drives take: enough that no driver sees its command
// complete before it looks, little enough that nobody waits.
const (
	commandDelay = 20_000
	blockDelay   = 2_000 // from one PIO block to the next
	resetDelay   = 50_000
)

// bufSize holds the largest PIO block: 65534 bytes of an ATAPI transfer.
const bufSize = 0x10000

// What a busy drive does when its timer fires.
const (
	stepNone      = iota
	stepReset     // SRST is over
	stepDiagnosed // EXECUTE DEVICE DIAGNOSTIC is over
	stepFinish    // post the result in EndStatus and EndError
	stepRead      // fetch the next PIO block from the medium
	stepWrite     // put the PIO block onto the medium
	stepDMA       // move data between medium and memory
	stepPacket    // execute the packet
	stepFlush     // make writes durable
)

// drive is one ATA or ATAPI drive. Data moves through Off and Remain, which
// count bytes, whatever the command: to or from the medium, or out of buf.
type drive struct {
	ch    *Channel
	unit  int          `snap:"-"`
	kind  Kind         `snap:"-"`
	media disk.Backend // nil: a CD drive without a medium
	geo   disk.CHS     `snap:"-"` // default translation
	timer *clock.Timer
	buf   []byte
	s     driveState
}

type driveState struct {
	Reg                   [6][2]byte // current and previous content of +1..+5
	Device, Error, Status byte
	IntRQ                 bool

	Step                byte
	EndStatus, EndError byte

	Pos, RdEnd, WrEnd int   // PIO window in buf; one of the ends is 0
	Off               int64 // next byte of the medium
	Remain            int64 // bytes not yet in a block or moved by DMA
	Block             int64 // bytes of a PIO block
	FromBuf           bool  // the data lies in buf at Pos, not on the medium
	Write             bool  // host to drive
	Ext               bool  // the command's address has 48 bits
	DMAWait           bool  // ready to move data, waiting for the bus master

	Heads, Sectors int  // current translation
	Multiple       byte // sectors per block of READ/WRITE MULTIPLE, 0: off
	XferMode       byte // as in SET FEATURES 03h
	NoCache        bool // write cache switched off
	Standby        bool // not spinning

	atapiState
}

func newDrive(kind Kind, media disk.Backend) *drive {
	d := &drive{kind: kind, media: media, buf: make([]byte, bufSize)}
	if kind == Disk {
		d.geo, _ = disk.Geometry(media)
	}
	return d
}

func (d *drive) powerOn() {
	d.s = driveState{Heads: d.geo.Heads, Sectors: d.geo.Sectors, XferMode: 0x0c,
		atapiState: atapiState{TrayOpen: d.s.TrayOpen}}
	d.reset()
}

// reset is what hardware reset, SRST, DEVICE RESET and the diagnostic share: the
// command is given up and the signature shows (ATA/ATAPI-6, 9.12). Translation,
// multiple and transfer modes stay.
func (d *drive) reset() {
	d.timer.Stop()
	s := &d.s
	s.Step, s.DMAWait, s.InPacket = stepNone, false, false
	s.Pos, s.RdEnd, s.WrEnd, s.Remain = 0, 0, 0, 0
	s.Error, s.Status = 1, stIdle // 1: diagnostic passed
	s.Device = 0
	s.Reg = [6][2]byte{rCount: {1}, rLow: {1}}
	if d.kind == CDROM {
		s.Reg[rMid][0], s.Reg[rHigh][0] = 0x14, 0xeb
		s.Status = 0 // DRDY comes with the first command
	}
	d.setIntRQ(false)
}

func (d *drive) setIntRQ(on bool) {
	if d.s.IntRQ != on {
		d.s.IntRQ = on
		d.ch.drive()
	}
}

// busy sets BSY and does step after a while.
func (d *drive) busy(step byte, delay uint64) {
	d.s.Step, d.s.Status = step, stBSY
	d.timer.After(delay)
}

func (d *drive) step() {
	step := d.s.Step
	d.s.Step = stepNone
	switch step {
	case stepReset, stepDiagnosed:
		d.s.Status = stIdle
		if d.kind == CDROM {
			d.s.Status = 0
		}
		if step == stepDiagnosed && d.unit == 0 {
			d.setIntRQ(true)
		}
	case stepFinish:
		d.post(d.s.EndStatus, d.s.EndError)
	case stepFlush:
		if d.media.Flush() != nil {
			d.post(stIdle|stDF|stERR, erABRT)
			return
		}
		d.post(stIdle, 0)
	case stepRead:
		d.readBlock()
	case stepWrite:
		d.writeBlock()
	case stepDMA:
		d.s.DMAWait = true
		d.ch.bm.run()
	case stepPacket:
		d.packet()
	}
}

// post ends a command and asks for an interrupt.
func (d *drive) post(status, err byte) {
	d.s.Status, d.s.Error = status, err
	d.s.RdEnd, d.s.WrEnd, d.s.Remain, d.s.DMAWait = 0, 0, 0, false
	d.setIntRQ(true)
}

// finish posts the result after the usual delay.
func (d *drive) finish(status, err byte) {
	d.s.EndStatus, d.s.EndError = status, err
	d.busy(stepFinish, commandDelay)
}

func (d *drive) ok()    { d.finish(stIdle, 0) }
func (d *drive) abort() { d.finish(stIdle|stERR, erABRT) }

// offer opens the PIO window on buf[Pos:Pos+n] for the host to read.
func (d *drive) offer(n int) {
	d.s.RdEnd, d.s.WrEnd = d.s.Pos+n, 0
	d.s.Status = stIdle | stDRQ
	d.setIntRQ(true)
}

// demand opens the PIO window for the next block that the host writes.
func (d *drive) demand(n int) {
	d.s.Pos, d.s.RdEnd, d.s.WrEnd = 0, 0, n
	d.s.Status = stIdle | stDRQ
}

// readData is the Data register. It is the hot path of PIO.
func (d *drive) readData(size int) uint32 {
	p := d.s.Pos
	if p+size > d.s.RdEnd {
		return d.readTail(size)
	}
	d.s.Pos = p + size
	var v uint32
	switch size {
	case 2:
		v = uint32(binary.LittleEndian.Uint16(d.buf[p:]))
	case 4:
		v = binary.LittleEndian.Uint32(d.buf[p:])
	default:
		v = uint32(d.buf[p])
	}
	if d.s.Pos == d.s.RdEnd {
		d.drained()
	}
	return v
}

// readTail reads past the end of the window: what there is, zeros behind.
func (d *drive) readTail(size int) (v uint32) {
	if d.s.RdEnd == 0 {
		return 1<<(8*size) - 1
	}
	for i := 0; d.s.Pos < d.s.RdEnd; i++ {
		v |= uint32(d.buf[d.s.Pos]) << (8 * i)
		d.s.Pos++
	}
	d.drained()
	return v
}

func (d *drive) writeData(size int, v uint32) {
	p := d.s.Pos
	switch {
	case d.s.WrEnd == 0:
		return
	case size == 2 && p+2 <= d.s.WrEnd:
		binary.LittleEndian.PutUint16(d.buf[p:], uint16(v))
	case size == 4 && p+4 <= d.s.WrEnd:
		binary.LittleEndian.PutUint32(d.buf[p:], v)
	default:
		for i := 0; i < size && p+i < d.s.WrEnd; i++ {
			d.buf[p+i] = byte(v >> (8 * i))
		}
	}
	if d.s.Pos = min(p+size, d.s.WrEnd); d.s.Pos < d.s.WrEnd {
		return
	}
	d.s.WrEnd = 0
	if d.s.Write {
		d.busy(stepWrite, blockDelay)
	} else {
		d.busy(stepPacket, commandDelay)
	}
}

// drained is called when the host took the last byte of a block.
func (d *drive) drained() {
	d.s.RdEnd = 0
	switch {
	case d.s.Remain > 0:
		d.busy(stepRead, blockDelay)
	case d.kind == CDROM && d.s.InPacket:
		d.packetDone(blockDelay)
	default:
		d.s.Status = stIdle
	}
}

// readBlock fills the PIO window with the next block.
func (d *drive) readBlock() {
	s := &d.s
	n := min(s.Remain, s.Block)
	if !s.FromBuf {
		s.Pos = 0
		if d.readMedia(d.buf[:n]) != nil {
			d.mediaError()
			return
		}
		s.Off += n
	}
	s.Remain -= n
	if d.kind == CDROM {
		d.setByteCount(int(n))
		n += n & 1 // the bus moves words
	} else {
		d.setAddress(s.Off/512 - 1)
	}
	d.offer(int(n))
}

var errNoMedium = errors.New("the medium was taken out")

// readMedia reads at Off; the user may take a CD out in the middle of a command.
func (d *drive) readMedia(p []byte) error {
	if d.media == nil {
		return errNoMedium
	}
	_, err := d.media.ReadAt(p, d.s.Off)
	return err
}

// writeBlock stores the PIO block that the host completed.
func (d *drive) writeBlock() {
	s := &d.s
	n := int64(s.Pos)
	if _, err := d.media.WriteAt(d.buf[:n], s.Off); err != nil {
		d.mediaError()
		return
	}
	s.Off += n
	s.Remain -= n
	d.setAddress(s.Off/512 - 1)
	if s.Remain == 0 {
		d.post(stIdle, 0)
		return
	}
	d.demand(int(min(s.Remain, s.Block)))
	d.setIntRQ(true)
}

// dmaChunk moves len(p) bytes between the medium, or the reply, and p. On
// false the command has ended with an error.
func (d *drive) dmaChunk(p []byte) bool {
	s := &d.s
	var err error
	switch {
	case s.FromBuf:
		s.Pos += copy(p, d.buf[s.Pos:])
	case s.Write:
		_, err = d.media.WriteAt(p, s.Off)
	default:
		err = d.readMedia(p)
	}
	if err != nil {
		d.mediaError()
		return false
	}
	s.Off += int64(len(p))
	s.Remain -= int64(len(p))
	return true
}

// dmaDone ends a command whose last byte was moved.
func (d *drive) dmaDone() {
	if d.kind == CDROM {
		d.s.DMAWait = false
		d.packetDone(0)
		return
	}
	d.setAddress(d.s.Off/512 - 1)
	d.post(stIdle, 0)
}

// mediaError ends a command because the host could not read or write the image.
func (d *drive) mediaError() {
	switch {
	case d.kind == CDROM:
		d.check(senseMedium, ascUnrecovered)
	case d.s.Write:
		d.setAddress(d.s.Off / 512)
		d.post(stIdle|stDF|stERR, erABRT)
	default:
		d.setAddress(d.s.Off / 512)
		d.post(stIdle|stERR, erUNC)
	}
}
