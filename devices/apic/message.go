package apic

// Delivery modes of ICR, LVT, I/O redirection entries and MSIs (SDM 11.5.1, 11.6.1).
const (
	dmFixed   = 0
	dmLowest  = 1
	dmSMI     = 2
	dmNMI     = 4
	dmINIT    = 5
	dmStartup = 6
	dmExtINT  = 7
)

// message is one interrupt message on the bus.
type message struct {
	vector  uint8
	mode    uint8
	level   bool // level triggered: sets TMR, EOI is broadcast
	logical bool
	wide    bool // dest is a 32-bit x2APIC destination
	dest    uint32
}

// send delivers m to the APICs it addresses and reports whether any took it.
func (s *System) send(m message) bool {
	var to []*Local
	for _, l := range s.cpus {
		if l.matches(m) {
			to = append(to, l)
		}
	}
	return s.sendTo(to, m)
}

func (s *System) sendTo(to []*Local, m message) bool {
	if m.mode == dmLowest {
		if l := arbitrate(to, m.vector); l != nil {
			return l.accept(m)
		}
		return false
	}
	taken := false
	for _, l := range to {
		taken = l.accept(m) || taken
	}
	return taken
}

// arbitrate picks the receiver of a lowest-priority message: the focus processor
// if there is one, else the one with the lowest arbitration priority, the first
// of equals (SDM 11.6.2.4).
func arbitrate(to []*Local, vector uint8) *Local {
	var best *Local
	for _, l := range to {
		if !l.swEnabled() {
			continue
		}
		if l.state.SVR&svrNoFocus == 0 && (l.state.IRR.has(vector) || l.state.ISR.has(vector)) {
			return l
		}
		if best == nil || l.apr() < best.apr() {
			best = l
		}
	}
	return best
}

// matches reports whether m is addressed to l (SDM 11.6.2).
func (l *Local) matches(m message) bool {
	if l.mode() == modeOff {
		return false
	}
	broadcast := uint32(0xff)
	if m.wide {
		broadcast = 0xffffffff
	}
	if m.dest == broadcast {
		return true
	}
	x2 := l.mode() == modeX2APIC
	if !m.logical {
		if x2 {
			return m.dest == uint32(l.index)
		}
		return m.dest == l.state.ID>>24
	}
	if x2 {
		ldr := l.x2LDR()
		return m.dest>>16 == ldr>>16 && m.dest&ldr&0xffff != 0
	}
	ldr := l.state.LDR >> 24
	if l.state.DFR>>28 == 0 { // cluster model
		return (m.dest>>4 == ldr>>4 || m.dest>>4 == 15) && m.dest&ldr&15 != 0
	}
	return m.dest <= 0xff && m.dest&ldr != 0
}

// DeliverMSI carries out a device's write of data to addr, FEExxxxxh (SDM
// 11.11). Other addresses are not interrupts and are ignored.
func (s *System) DeliverMSI(addr uint64, data uint32) {
	if addr>>20 != LocalBase>>20 {
		return
	}
	m := message{
		vector:  uint8(data),
		mode:    uint8(data >> 8 & 7),
		level:   data>>15&1 != 0,
		dest:    uint32(addr >> 12 & 0xff),
		logical: addr>>2&1 != 0,
	}
	if m.level && data>>14&1 == 0 {
		return // deassert
	}
	if addr>>3&1 != 0 && m.mode == dmFixed { // redirection hint
		m.mode = dmLowest
	}
	s.send(m)
}

// eoi tells the I/O APIC that a level-triggered interrupt has been serviced.
func (s *System) eoi(vector uint8) { s.io.eoi(vector) }
