package firmware

// Hardware interrupt handlers.

const (
	pitHz       = 1193182
	ticksPerDay = 0x1800b0
)

// tick counts the 18.2 Hz interrupt and switches floppy motors off.
func (f *frame) tick() {
	n := f.rd32(bdaTicks) + 1
	if n >= ticksPerDay {
		n = 0
		f.wr8(bdaMidnight, f.rd8(bdaMidnight)+1)
	}
	f.wr32(bdaTicks, n)
	if t := f.rd8(bdaFloppyTime); t > 0 {
		f.wr8(bdaFloppyTime, t-1)
		if t == 1 {
			f.orBDA(bdaFloppyMot, 0, 0x0f)
			f.out(0x3f2, 0x0c)
		}
	}
}

func (f *frame) eoi(both bool) {
	if both {
		f.out(pic2, ocwEOI)
	}
	f.out(pic1, ocwEOI)
}

func (f *frame) floppyIRQ() {
	f.orBDA(bdaFloppyCal, 0x80, 0)
	f.eoi(false)
}

func (f *frame) diskIRQ() {
	f.wr8(bdaDiskCtl, 0xff)
	f.eoi(true)
}

// anyIRQ ends an interrupt that nobody handles and masks it, so that a level
// that nobody will lower does not starve the machine. Spurious interrupts have
// no bit in service and get no EOI.
func (f *frame) anyIRQ() {
	inService := func(port uint16) byte {
		f.out(port, 0x0b)
		isr := f.in(port)
		f.out(port, 0x0a)
		return isr & -isr // the highest priority in service
	}
	isr := inService(pic1)
	if isr == 1<<2 {
		if s := inService(pic2); s != 0 {
			f.out(pic2+1, f.in(pic2+1)|s)
			f.out(pic2, ocwEOI)
		}
		f.out(pic1, ocwEOI)
	} else if isr != 0 {
		f.out(pic1+1, f.in(pic1+1)|isr)
		f.out(pic1, ocwEOI)
	}
}

// rtcIRQ handles the clock's interrupt: the periodic one counts down the wait
// of INT 15h AH=83h, the alarm is reported to the stub with carry.
func (f *frame) rtcIRQ() {
	c := f.cmos(cmosStatusC)
	if c&0x40 != 0 && f.rd8(bdaWaitActive)&1 != 0 {
		const period = 976 // microseconds at 1024 Hz
		left := f.rd32(bdaWaitCount)
		if left > period {
			f.wr32(bdaWaitCount, left-period)
		} else {
			f.endEventWait()
			p := f.rd32(bdaWaitFlagP)
			at := lin(uint16(p>>16), uint16(p))
			f.wr8(at, f.rd8(at)|0x80)
		}
	}
	f.set(flagCF, c&0x20 != 0)
}

// endEventWait stops the periodic interrupt of INT 15h AH=83h.
func (f *frame) endEventWait() {
	f.setCMOS(cmosStatusB, f.cmos(cmosStatusB)&^0x40)
	f.wr8(bdaWaitActive, 0)
	f.wr32(bdaWaitCount, 0)
}
