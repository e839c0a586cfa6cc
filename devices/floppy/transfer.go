package floppy

const sectorSize = 512

// Status registers 1 and 2 (data sheet, 5.3).
const (
	st1EndOfCylinder = 0x80
	st1DataError     = 0x20
	st1Overrun       = 0x10
	st1NoData        = 0x04
	st1NotWritable   = 0x02
	st1NoAddress     = 0x01

	st2ControlMark   = 0x40
	st2WrongCylinder = 0x10
	st2ScanFailed    = 0x04
)

// dataMode is what a data command does with the sectors it meets.
type dataMode byte

const (
	readData dataMode = iota + 1
	readDeleted
	readTrack
	readID
	writeData
	format
	verify
	scan
)

// transfer is the data command under way.
type transfer struct {
	Mode            dataMode
	MT, SK          bool
	Unit, Head      byte
	C, H, R, N, EOT byte
	ST1, ST2        byte
	Count           int  // sectors left, for the commands that count
	ToHost          bool // direction
	Ready           bool // non-DMA: a byte can be moved
	TC              bool
	Fill            byte // FORMAT TRACK
	Pos, Len        int  // window in Buf
	Buf             [sectorSize]byte
	Finished        bool // the last sector is being moved
}

// startData begins every command that reads or writes the medium.
func (c *Controller) startData(mode dataMode) {
	s := &c.state
	cmd := &s.Cmd
	eot := s.Xfer.EOT
	s.Xfer = transfer{Mode: mode, MT: cmd[0]&0x80 != 0, SK: cmd[0]&0x20 != 0, Unit: cmd[1] & 3, Head: cmd[1] >> 2 & 1}
	x := &s.Xfer
	switch x.Mode {
	case readID:
		x.EOT = eot
	case format:
		x.N, x.Count, x.Fill, x.EOT = cmd[2], int(cmd[3]), cmd[5], cmd[3]
	default:
		x.C, x.H, x.R, x.N, x.EOT = cmd[2], cmd[3], cmd[4], cmd[5], cmd[6]
		if x.Mode == verify && cmd[1]&0x80 != 0 { // EC: as many sectors as DTL says
			x.Count = int(cmd[8])
		}
		if s.Configure[0]&eis != 0 {
			c.impliedSeek(x)
		}
	}
	x.ToHost = x.Mode == readData || x.Mode == readDeleted || x.Mode == readTrack
	s.Phase = phaseExecution
	c.timer.After(sectorDelay)
}

// impliedSeek moves the heads to the cylinder of a data command (CONFIGURE EIS).
func (c *Controller) impliedSeek(x *transfer) {
	d, u := c.at(x.Unit), &c.state.Units[x.Unit]
	if d != nil && u.Track != x.C {
		u.Track, u.PCN = min(x.C, maxTrack), x.C
		u.Changed = u.Changed && d.media == nil
	}
}

// execute is the timer: the head has come to the next sector, or reset is over.
func (c *Controller) execute() {
	s := &c.state
	switch s.Phase {
	case phaseReset:
		c.resetDone()
		return
	case phaseExecution:
	default:
		return
	}
	x := &s.Xfer
	if st1 := c.cannot(x); st1 != 0 {
		c.end(st0Abnormal, st1, 0)
		return
	}
	switch x.Mode {
	case readID:
		c.readID(x)
	case scan:
		c.end(st0Abnormal, 0, st2ScanFailed)
	case format:
		c.formatSector(x)
	default:
		c.sector(x)
	}
}

// cannot says, as status register 1, why nothing on this drive can be read or
// written: no drive, no disk, another data rate or density, write protection.
func (c *Controller) cannot(x *transfer) byte {
	d := c.at(x.Unit)
	switch {
	case d == nil || d.media == nil, c.state.Cmd[0]&0x40 == 0: // FM: no such disks
		return st1NoAddress
	case int(c.state.Units[x.Unit].Track) >= d.format.Cylinders, int(x.Head) >= d.format.Heads:
		return st1NoAddress
	case c.state.Rate != d.format.Rate && !(d.format.Rate == 2 && c.state.Rate == 1): // 360K disks turn faster in 1.2M drives
		return st1NoAddress
	case (x.Mode == writeData || x.Mode == format) && d.media.ReadOnly():
		return st1NotWritable
	}
	return 0
}

// offset is where on the medium the sector under the head lies.
func (c *Controller) offset(x *transfer, r byte) int64 {
	f := c.at(x.Unit).format
	track := int64(c.state.Units[x.Unit].Track)
	return ((track*int64(f.Heads)+int64(x.Head))*int64(f.Sectors) + int64(r) - 1) * sectorSize
}

// sector handles one sector of the reading, writing and verifying commands.
func (c *Controller) sector(x *transfer) {
	d := c.at(x.Unit)
	track := c.state.Units[x.Unit].Track
	r := x.R
	switch {
	case x.Mode == readTrack: // from the index on, whatever the ID fields say
		x.Count++
		if r = byte(x.Count); x.C != track || x.H != x.Head || x.N != 2 {
			x.ST1 |= st1NoData
		}
		x.Finished = r >= x.EOT
		if int(r) > d.format.Sectors {
			c.end(st0Abnormal, x.ST1|st1EndOfCylinder, 0)
			return
		}
	case x.C != track:
		c.end(st0Abnormal, st1NoData, st2WrongCylinder)
		return
	case x.H != x.Head || x.N != 2 || r == 0 || int(r) > d.format.Sectors:
		c.end(st0Abnormal, st1NoData, 0)
		return
	}
	x.Pos, x.Len = 0, sectorSize
	switch x.Mode {
	case writeData:
		c.moveSector(x)
		return
	case readDeleted: // no sector here has the deleted mark
		if x.SK {
			c.nextSector(x)
			return
		}
		x.ST2 |= st2ControlMark
		x.Finished = true
	}
	if _, err := d.media.ReadAt(x.Buf[:], c.offset(x, r)); err != nil {
		c.end(st0Abnormal, st1DataError, 0)
		return
	}
	if x.Mode == verify {
		if x.Count--; x.Count == 0 || x.Count < 0 && x.R == x.EOT && (!x.MT || x.Head == 1) {
			x.TC = true // as if: VERIFY has no other end
		}
		c.nextSector(x)
		return
	}
	c.moveSector(x)
}

// moveSector moves Buf to or from the host, at once by DMA or by bytes.
func (c *Controller) moveSector(x *transfer) {
	if c.nonDMA() {
		x.Ready = true
		c.setInt(true)
		return
	}
	for x.Pos < x.Len && !x.TC {
		n, tc := c.dma.Transfer(x.Buf[x.Pos:x.Len], x.ToHost)
		if n <= 0 && !tc {
			c.end(st0Abnormal, st1Overrun, 0)
			return
		}
		x.Pos, x.TC = min(x.Len, x.Pos+max(n, 0)), tc
	}
	c.sectorMoved(x)
}

// pioNext counts a byte that the CPU moved through the FIFO.
func (c *Controller) pioNext() {
	x := &c.state.Xfer
	if x.Pos++; x.Pos < x.Len {
		return
	}
	x.Ready = false
	c.setInt(false)
	c.sectorMoved(x)
}

// sectorMoved stores what the host sent and goes on to the next sector. After
// terminal count in the middle of a sector the rest is written as zeros.
func (c *Controller) sectorMoved(x *transfer) {
	if x.Mode == format {
		c.formatted(x)
		return
	}
	if x.Mode == writeData {
		clear(x.Buf[x.Pos:])
		d := c.at(x.Unit)
		if d == nil || d.media == nil { // taken out meanwhile
			c.end(st0Abnormal, st1NoAddress, 0)
			return
		}
		if _, err := d.media.WriteAt(x.Buf[:], c.offset(x, x.R)); err != nil {
			c.end(st0Abnormal, st1DataError, 0)
			return
		}
	}
	x.Pos = 0
	c.nextSector(x)
}

// nextSector advances the ID (data sheet, table 5-7) and ends the command at
// terminal count or behind the last sector.
func (c *Controller) nextSector(x *transfer) {
	last := x.R == x.EOT
	switch {
	case !last:
		x.R++
	case x.MT && x.Head == 0:
		x.Head, x.H, x.R = 1, x.H^1, 1
		last = false
	case x.MT:
		x.C, x.H, x.R = x.C+1, x.H^1, 1
	default:
		x.C, x.R = x.C+1, 1
	}
	switch {
	case x.TC, x.Finished && x.Mode == readDeleted:
		c.end(0, x.ST1, x.ST2)
	case x.Mode == readTrack && !x.Finished:
		c.timer.After(sectorDelay)
	case last || x.Finished: // the host wanted more than there is
		c.end(st0Abnormal, x.ST1|st1EndOfCylinder, x.ST2)
	default:
		c.timer.After(sectorDelay)
	}
}

// readID reports the next sector that comes by.
func (c *Controller) readID(x *transfer) {
	u := &c.state.Units[x.Unit]
	if u.NextID == 0 || int(u.NextID) > c.at(x.Unit).format.Sectors {
		u.NextID = 1
	}
	x.C, x.H, x.R, x.N = u.Track, x.Head, u.NextID, 2
	u.NextID++
	c.end(0, 0, 0)
}

// formatSector asks the host for the next sector's ID.
func (c *Controller) formatSector(x *transfer) {
	if x.Count == 0 {
		c.end(0, 0, 0)
		return
	}
	if x.N != 2 || x.Count > c.at(x.Unit).format.Sectors {
		c.end(st0Abnormal, st1NotWritable, 0) // a raw image has one layout
		return
	}
	x.Count--
	x.Pos, x.Len = 0, 4
	c.moveSector(x)
}

// formatted fills the sector whose ID has come.
func (c *Controller) formatted(x *transfer) {
	d := c.at(x.Unit)
	if d == nil || d.media == nil {
		c.end(st0Abnormal, st1NoAddress, 0)
		return
	}
	x.C, x.H, x.R = x.Buf[0], x.Buf[1], x.Buf[2]
	if x.R >= 1 && int(x.R) <= d.format.Sectors {
		for i := range x.Buf {
			x.Buf[i] = x.Fill
		}
		if _, err := d.media.WriteAt(x.Buf[:], c.offset(x, x.R)); err != nil {
			c.end(st0Abnormal, st1NotWritable, 0)
			return
		}
	}
	if x.TC {
		x.Count = 0
	}
	c.timer.After(sectorDelay)
}

// end enters the result phase of a data command and interrupts.
func (c *Controller) end(st0, st1, st2 byte) {
	x := &c.state.Xfer
	x.Ready = false
	c.result(st0|x.Head<<2|x.Unit, st1, st2, x.C, x.H, x.R, x.N)
	c.setInt(true)
}
