package pit

// channel is one counter. Times are input clocks since power-on. A count written
// at tick t enters the counting element with the next clock, t+1 (datasheet,
// "Operation common to all modes").
type channel struct {
	Word uint8 // bits 5-0 of the control word
	Mode uint8
	RW   uint8 // 1 LSB only, 2 MSB only, 3 LSB then MSB
	BCD  bool
	Gate bool

	CR      uint32 // count register: 1 to 65536; 0 before the first count
	Null    bool   // it waits for something other than PendAt to reach the element
	N       uint32 // count the element was last loaded with
	Run     bool   // the element was loaded since the control word
	Start   int64  // tick of that load, shifted by the time the gate held counting
	Paused  bool   // the gate holds the element
	Elapsed int64  // clocks counted when Paused
	PendAt  int64  // modes 2 and 3: tick at which CR replaces N; 0: none
	Hold    uint16 // what an element that is not loaded reads as

	LSB       uint8
	WriteMSB  bool // RW 3: the second byte is awaited
	ReadMSB   bool
	Latch     uint16
	LatchLeft uint8 // latched bytes still to be read
	Status    uint8
	HasStatus bool
}

func (c *channel) periodic() bool { return c.Mode == 2 || c.Mode == 3 }

// strobe reports whether output pulses low for a single clock, which arm and
// fire treat as one event. Merged short square waves count as such.
func (c *channel) strobe() bool {
	return c.Mode == 2 || c.Mode == 4 || c.Mode == 5 || c.Mode == 3 && c.period() < minPeriod
}

// period of modes 2 and 3. A count of 1 is illegal there; it acts as 2.
func (c *channel) period() int64 { return max(int64(c.N), 2) }

// elapsed is the number of clocks counted since the element was loaded, negative
// before the load.
func (c *channel) elapsed(now int64) int64 {
	if c.Paused {
		return c.Elapsed
	}
	return now - c.Start
}

// high is how long mode 3 keeps its output high each period.
func (c *channel) high() int64 { return (c.period() + 1) / 2 }

// sync lets a count that waited for the end of a (half) period take effect.
func (c *channel) sync(now int64) {
	if c.PendAt == 0 || c.Paused || now < c.PendAt {
		return
	}
	low := c.Mode == 3 && c.elapsed(c.PendAt)%c.period() >= c.high()
	c.N, c.Start = c.CR, c.PendAt
	if low {
		c.Start -= c.high() // the new count begins with its low half
	}
	c.PendAt = 0
}

// count is the value of the counting element as the guest reads it.
func (c *channel) count(now int64) uint16 {
	if !c.Run {
		return c.Hold
	}
	d := max(c.elapsed(now), 0)
	var v int64
	switch c.Mode {
	case 2:
		v = c.period() - d%c.period()
	case 3: // counts by two; an odd count is loaded less one
		d %= c.period()
		if d >= c.high() {
			d -= c.high()
		}
		v = c.period()&^1 - 2*d
	default:
		v = int64(c.N) - d // goes on below zero
	}
	if c.BCD {
		v = (v%10000 + 10000) % 10000
		return uint16(v/1000<<12 | v/100%10<<8 | v/10%10<<4 | v%10)
	}
	return uint16(v)
}

// out is the level of OUT.
func (c *channel) out(now int64) bool {
	if !c.Run {
		return c.Mode != 0
	}
	d := c.elapsed(now)
	switch c.Mode {
	case 0:
		return d >= int64(c.N)
	case 1:
		return d < 0 || d >= int64(c.N)
	case 2:
		return !c.Gate || d < 0 || d%c.period() != c.period()-1
	case 3:
		return !c.Gate || d < 0 || d%c.period() < c.high()
	}
	return d != int64(c.N) // modes 4 and 5: low for one clock
}

// nextEvent is the first tick after now at which OUT has an edge worth telling
// (a strobe counts once, when it ends).
func (c *channel) nextEvent(now int64) (int64, bool) {
	if !c.Run || c.Paused {
		return 0, false
	}
	d := c.elapsed(now)
	var next int64
	switch p := c.period(); {
	case !c.periodic():
		next = int64(c.N)
		if c.strobe() {
			next++
		}
		if d >= next {
			return 0, false
		}
	case c.strobe():
		p *= (minPeriod + p - 1) / p // merge what is too fast
		next = (max(d, 0)/p + 1) * p
	case d < 0:
		next = c.high()
	default:
		next = d / p * p
		if d%p < c.high() {
			next += c.high()
		} else {
			next += p
		}
	}
	next += c.Start
	if c.PendAt != 0 && c.PendAt > now {
		next = min(next, c.PendAt)
	}
	return next, true
}

// control is a control word for this counter.
func (c *channel) control(v uint8, now int64) {
	hold := c.count(now)
	mode := v >> 1 & 7
	if mode > 5 {
		mode -= 4 // M2 is "don't care" in modes 2 and 3
	}
	*c = channel{Word: v & 0x3f, Mode: mode, RW: v >> 4 & 3, BCD: v&1 != 0, Gate: c.Gate, Hold: hold}
}

// write is a byte of the count; it reports whether OUT may have changed.
func (c *channel) write(v uint8, now int64) bool {
	count := uint16(v)
	switch c.RW {
	case 2:
		count <<= 8
	case 3:
		if !c.WriteMSB {
			c.LSB, c.WriteMSB = v, true
			if c.Mode != 0 {
				return false
			}
			// Mode 0: the first byte stops counting and OUT is low at once.
			c.Hold, c.Run = c.count(now), false
			return true
		}
		c.WriteMSB = false
		count = count<<8 | uint16(c.LSB)
	}
	c.setCount(count, now)
	return true
}

func (c *channel) setCount(v uint16, now int64) {
	n, full := uint32(v), uint32(0x10000)
	if c.BCD {
		full = 10000
		n = uint32(v>>12)*1000 + uint32(v>>8&15)*100 + uint32(v>>4&15)*10 + uint32(v&15)
		n %= full
	}
	if n == 0 {
		n = full
	}
	c.CR, c.Null = n, true
	switch {
	case c.Mode == 1 || c.Mode == 5: // waits for the trigger
	case !c.periodic():
		c.load(now)
	case !c.Run:
		c.load(now)
	case !c.Paused: // at the end of the period; in mode 3 of the half period
		p, d := c.period(), c.elapsed(now)
		c.Null = false
		if d < 0 {
			c.N = n
			break
		}
		end := (d/p + 1) * p
		if c.Mode == 3 && d%p < c.high() {
			end = d/p*p + c.high()
		}
		c.PendAt = c.Start + end
	}
}

// load moves CR into the counting element with the next clock.
func (c *channel) load(now int64) {
	c.N, c.Run, c.Start, c.PendAt, c.Null = c.CR, true, now+1, 0, false
	c.Paused, c.Elapsed = false, 0
	if !c.Gate && c.Mode != 1 && c.Mode != 5 {
		c.Paused = true
	}
}

// setGate is GATE's effect by mode (datasheet, figure 21).
func (c *channel) setGate(level bool, now int64) {
	c.sync(now)
	if level == c.Gate {
		return
	}
	c.Gate = level
	switch {
	case c.Mode == 1 || c.Mode == 5:
		if level && c.CR != 0 {
			c.load(now)
		}
	case !c.Run:
	case !level:
		c.Elapsed, c.Paused = max(c.elapsed(now), 0), true
	case c.periodic():
		c.load(now)
	default:
		c.Start, c.Paused = now-c.Elapsed, false
	}
}

func (c *channel) latchCount(now int64) {
	if c.LatchLeft != 0 {
		return // "if a counter is latched and then latched again before it is read, the second is ignored"
	}
	c.Latch = c.count(now)
	c.LatchLeft = 1
	if c.RW == 3 {
		c.LatchLeft = 2
	}
}

// nullCount is set while the last count written, both bytes of it, is not yet in the
// element (datasheet, figure 10).
func (c *channel) nullCount(now int64) bool {
	return c.CR == 0 || c.Null || c.PendAt != 0 || c.Run && !c.Paused && now < c.Start
}

func (c *channel) latchStatus(now int64) {
	if c.HasStatus {
		return
	}
	s := c.Word // "exactly as written"
	if c.nullCount(now) {
		s |= 0x40
	}
	if c.out(now) {
		s |= 0x80
	}
	c.Status, c.HasStatus = s, true
}

func (c *channel) read(now int64) uint8 {
	if c.HasStatus {
		c.HasStatus = false
		return c.Status
	}
	v := c.Latch
	if c.LatchLeft != 0 {
		c.LatchLeft--
	} else {
		v = c.count(now)
	}
	msb := c.RW == 2
	if c.RW == 3 {
		msb = c.ReadMSB
		c.ReadMSB = !msb
	}
	if msb {
		return uint8(v >> 8)
	}
	return uint8(v)
}
