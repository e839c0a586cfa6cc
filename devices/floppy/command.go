package floppy

import "log/slog"

// Bits of CONFIGURE's second byte.
const (
	eis   = 0x40 // implied seek
	efifo = 0x20 // FIFO off
	poll  = 0x10 // polling off
)

// Status register 0 (data sheet, 5.3).
const (
	st0Abnormal  = 0x40
	st0Invalid   = 0x80
	st0Ready     = 0xc0 // ready line changed: what reset leaves
	st0SeekEnd   = 0x20
	st0Equipment = 0x10
)

// command is a row of the command table (data sheet, table 5-1).
type command struct {
	len  int // bytes of the command phase
	run  func(c *Controller)
	data dataMode // or what startData does
}

// commands is indexed by the whole first byte, for most have modifier bits.
var commands = func() (t [256]*command) {
	const mt, mfm, sk = 0x80, 0x40, 0x20
	for _, r := range []struct {
		code, modifiers byte
		command
	}{
		{0x02, mfm | sk, command{9, nil, readTrack}},           // READ TRACK
		{0x03, 0, command{3, (*Controller).specify, 0}},        // SPECIFY
		{0x04, 0, command{2, (*Controller).senseDrive, 0}},     // SENSE DRIVE STATUS
		{0x05, mt | mfm, command{9, nil, writeData}},           // WRITE DATA
		{0x06, mt | mfm | sk, command{9, nil, readData}},       // READ DATA
		{0x07, 0, command{2, (*Controller).recalibrate, 0}},    // RECALIBRATE
		{0x08, 0, command{1, (*Controller).senseInterrupt, 0}}, // SENSE INTERRUPT STATUS
		{0x09, mt | mfm, command{9, nil, writeData}},           // WRITE DELETED DATA
		{0x0a, mfm, command{2, nil, readID}},                   // READ ID
		{0x0c, mt | mfm | sk, command{9, nil, readDeleted}},    // READ DELETED DATA
		{0x0d, mfm, command{6, nil, format}},                   // FORMAT TRACK
		{0x0e, 0, command{1, (*Controller).dumpreg, 0}},        // DUMPREG
		{0x0f, 0, command{3, (*Controller).seek, 0}},           // SEEK
		{0x10, 0, command{1, (*Controller).version, 0}},        // VERSION
		{0x11, mt | mfm | sk, command{9, nil, scan}},           // SCAN EQUAL
		{0x12, 0, command{2, (*Controller).perpendicular, 0}},  // PERPENDICULAR MODE
		{0x13, 0, command{4, (*Controller).configure, 0}},      // CONFIGURE
		{0x14, mt, command{1, (*Controller).lock, 0}},          // LOCK
		{0x16, mt | mfm | sk, command{9, nil, verify}},         // VERIFY
		{0x19, mt | mfm | sk, command{9, nil, scan}},           // SCAN LOW OR EQUAL
		{0x1d, mt | mfm | sk, command{9, nil, scan}},           // SCAN HIGH OR EQUAL
		{0x8f, mfm, command{3, (*Controller).relativeSeek, 0}}, // RELATIVE SEEK
	} {
		for i := range 256 { // PART ID (18h) came with the 82078: this chip calls it invalid
			if byte(i)&^r.modifiers == r.code {
				t[i] = &r.command
			}
		}
	}
	return t
}()

func (c *Controller) writeFIFO(b byte) {
	s := &c.state
	if s.DOR&dorReset == 0 {
		return
	}
	switch s.Phase {
	case phaseIdle:
		s.CmdPos, s.CmdLen = 0, 1
		if cmd := commands[b]; cmd != nil {
			s.CmdLen = cmd.len
		}
		s.Phase = phaseCommand
		fallthrough
	case phaseCommand:
		s.Cmd[s.CmdPos] = b
		s.CmdPos++
		if s.CmdPos < s.CmdLen {
			return
		}
		s.CmdPos = 0
		s.Phase = phaseIdle
		switch cmd := commands[s.Cmd[0]]; {
		case cmd == nil:
			slog.Debug("invalid floppy command", "chip", c.name, "byte", s.Cmd[0])
			c.result(st0Invalid)
		case cmd.data != 0:
			c.startData(cmd.data)
		default:
			cmd.run(c)
		}
	case phaseExecution:
		if x := &s.Xfer; c.nonDMA() && x.Ready && !x.ToHost {
			x.Buf[x.Pos] = b
			c.pioNext()
		}
	}
}

func (c *Controller) readFIFO() byte {
	s := &c.state
	switch x := &s.Xfer; {
	case s.DOR&dorReset == 0:
	case s.Phase == phaseExecution && c.nonDMA() && x.Ready && x.ToHost:
		b := x.Buf[x.Pos]
		c.pioNext()
		return b
	case s.Phase == phaseResult:
		b := s.Res[s.ResPos]
		if s.ResPos == 0 && s.ResetSense == 0 && !c.sensePending() {
			c.setInt(false)
		}
		s.ResPos++
		if s.ResPos == s.ResLen {
			s.ResPos, s.Phase = 0, phaseIdle
		}
		return b
	}
	return 0xff
}

// result enters the result phase without an interrupt.
func (c *Controller) result(b ...byte) {
	s := &c.state
	s.ResPos, s.ResLen = 0, copy(s.Res[:], b)
	s.Phase = phaseResult
}

func (c *Controller) sensePending() bool {
	for _, u := range c.state.Units {
		if u.Done {
			return true
		}
	}
	return false
}

func (c *Controller) nonDMA() bool { return c.state.Specify[1]&1 != 0 }

func (c *Controller) specify() { copy(c.state.Specify[:], c.state.Cmd[1:3]) }

func (c *Controller) version() { c.result(0x90) } // enhanced controller

func (c *Controller) configure() { copy(c.state.Configure[:], c.state.Cmd[2:4]) }

// perpendicular: bit 7 (OW) lets the drive bits 5:2 be written.
func (c *Controller) perpendicular() {
	s, v := &c.state, c.state.Cmd[1]
	if v&0x80 != 0 {
		s.Perp = v & 0x3f
	} else {
		s.Perp = s.Perp&0x3c | v&3
	}
}

func (c *Controller) lock() {
	c.state.Lock = c.state.Cmd[0]&0x80 != 0
	c.result(c.lockBit() << 4)
}

func (c *Controller) lockBit() byte {
	if c.state.Lock {
		return 1
	}
	return 0
}

func (c *Controller) dumpreg() {
	s := &c.state
	c.result(s.Units[0].PCN, s.Units[1].PCN, s.Units[2].PCN, s.Units[3].PCN,
		s.Specify[0], s.Specify[1], s.Xfer.EOT, c.lockBit()<<7|s.Perp, s.Configure[0], s.Configure[1])
}

// senseDrive returns status register 3.
func (c *Controller) senseDrive() {
	v := c.state.Cmd[1]
	st3 := 0x28 | v&7 // ready and two-sided read as 1
	if d := c.at(v & 3); d != nil {
		if c.state.Units[v&3].Track == 0 {
			st3 |= 0x10
		}
		if d.media != nil && d.media.ReadOnly() {
			st3 |= 0x40
		}
	}
	c.result(st3)
}

// at is the drive on drive select n, or nil.
func (c *Controller) at(n byte) *drive {
	if n > 1 {
		return nil
	}
	return c.drives[n]
}

// resetDone leaves four ready-changed conditions, unless polling is off.
func (c *Controller) resetDone() {
	s := &c.state
	s.Phase = phaseIdle
	if s.Configure[0]&poll == 0 {
		s.ResetSense = 4
		c.setInt(true)
	}
}

func (c *Controller) senseInterrupt() {
	s := &c.state
	if s.ResetSense > 0 {
		n := 4 - s.ResetSense
		s.ResetSense--
		c.setInt(c.sensePending())
		c.result(st0Ready|byte(n), s.Units[n].PCN)
		return
	}
	for i := range s.Units {
		if u := &s.Units[i]; u.Done {
			u.Done = false
			c.setInt(c.sensePending())
			c.result(u.ST0, u.PCN)
			return
		}
	}
	c.result(st0Invalid)
}

func (c *Controller) recalibrate() {
	const pulses = 79
	n := c.state.Cmd[1] & 3
	u := &c.state.Units[n]
	st0 := st0SeekEnd | n
	to := byte(0)
	if u.Track > pulses {
		to = u.Track - pulses
	}
	if c.at(n) == nil || to != 0 { // no track 0 signal
		st0 |= st0Abnormal | st0Equipment
	}
	c.move(n, to, 0, st0)
}

func (c *Controller) seek() {
	n := c.state.Cmd[1] & 3
	c.move(n, c.state.Cmd[2], c.state.Cmd[2], st0SeekEnd|c.state.Cmd[1]&7)
}

// relativeSeek moves the heads by RCN, inwards with DIR (bit 6) set.
func (c *Controller) relativeSeek() {
	n, by := c.state.Cmd[1]&3, c.state.Cmd[2]
	u := &c.state.Units[n]
	st0 := st0SeekEnd | c.state.Cmd[1]&7
	if c.state.Cmd[0]&0x40 != 0 {
		c.move(n, byte(min(255, int(u.Track)+int(by))), u.PCN+by, st0)
		return
	}
	c.move(n, u.Track-min(u.Track, by), u.PCN-by, st0)
}

// maxTrack is where the heads hit the stop.
const maxTrack = 84

// move starts a seek of drive n's heads. A step resets its disk change line if
// there is a disk.
func (c *Controller) move(n, track, pcn, st0 byte) {
	u := &c.state.Units[n]
	track = min(track, maxTrack)
	steps := max(track, u.Track) - min(track, u.Track)
	if d := c.at(n); d != nil {
		u.Track = track
		if d.media != nil {
			u.Changed = false
		}
	}
	u.PCN, u.ST0, u.Seeking, u.Done = pcn, st0, true, false
	c.seeks[n].After(sectorDelay + stepDelay*uint64(steps))
}

func (c *Controller) seekDone(n int) {
	u := &c.state.Units[n]
	u.Seeking, u.Done = false, true
	c.setInt(true)
}
