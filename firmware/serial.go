package firmware

// INT 14h (serial ports) and INT 17h (printers).

const (
	lsrData  = 0x01
	lsrTHRE  = 0x20
	timedOut = 0x80
)

// within makes the stub wait for ready, at most seconds; it reports whether the
// wait is over and whether ready came.
func (f *frame) within(slot int, seconds byte, ready bool) (over, ok bool) {
	d := &f.b.state.Deadline[slot]
	if !ready {
		now := f.b.hw.Now()
		if *d == 0 {
			*d = now + uint64(max(seconds, 1))*1_000_000_000
		}
		if now < *d {
			f.wait = waitSpin
			return false, false
		}
	}
	*d = 0
	return true, ready
}

// int14 serves port DX.
func (f *frame) int14() {
	n := f.dx()
	base := uint16(0)
	if n < 4 {
		base = f.rd16(bdaCOM + 2*uint64(n))
	}
	if base == 0 {
		f.setAH(timedOut)
		return
	}
	limit := f.rd8(bdaCOMTimeout + uint64(n))
	switch f.ah() {
	case 0x00:
		al := f.al()
		divisor := [...]uint16{1047, 768, 384, 192, 96, 48, 24, 12}[al>>5]
		f.out(base+3, 0x80|al&0x1f)
		f.out(base, byte(divisor))
		f.out(base+1, byte(divisor>>8))
		f.out(base+3, al&0x1f)
		f.out(base+1, 0)
	case 0x01:
		f.out(base+4, 0x03) // DTR, RTS
		over, ok := f.within(waitSerial, limit, f.in(base+5)&lsrTHRE != 0)
		if !over {
			return
		}
		if ok {
			f.out(base, f.al())
			f.setAH(f.in(base + 5))
		} else {
			f.setAH(f.in(base+5) | timedOut)
		}
		return
	case 0x02:
		f.out(base+4, 0x01)
		lsr := f.in(base + 5)
		over, ok := f.within(waitSerial, limit, lsr&lsrData != 0)
		if !over {
			return
		}
		if ok {
			f.setAL(f.in(base))
			f.setAH(lsr & 0x1e)
		} else {
			f.setAH(lsr | timedOut)
		}
		return
	case 0x03:
	default:
		return
	}
	f.setAX(uint16(f.in(base+5))<<8 | uint16(f.in(base+6)))
}

// int17 serves printer DX.
func (f *frame) int17() {
	n := f.dx()
	base := uint16(0)
	if n < 3 {
		base = f.rd16(bdaLPT + 2*uint64(n))
	}
	if base == 0 {
		f.setAH(0x01)
		return
	}
	status := func() byte { return f.in(base+1)&0xf8 ^ 0x48 } // ACK# and ERROR# are active low
	switch f.ah() {
	case 0x00:
		over, ok := f.within(waitPrinter, f.rd8(bdaLPTTimeout+uint64(n)), f.in(base+1)&0x80 != 0)
		if !over {
			return
		}
		if !ok {
			f.setAH(status() | 1)
			return
		}
		f.out(base, f.al())
		ctl := f.in(base + 2)
		f.out(base+2, ctl|1) // strobe
		f.out(base+2, ctl&^1)
	case 0x01:
		f.out(base+2, 0x08) // INIT#
		f.out(base+2, 0x0c)
	case 0x02:
	default:
		return
	}
	f.setAH(status())
}
