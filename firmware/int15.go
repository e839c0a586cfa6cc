package firmware

import (
	"encoding/binary"

	"g86/firmware/e820"
)

func (f *frame) int11() { f.setAX(f.rd16(bdaEquipment)) }

func (f *frame) int12() { f.setAX(f.rd16(bdaMemory)) }

const (
	unsupported = 0x86
	signSMAP    = 0x534d4150
)

// lowHigh are the bytes of RAM below and above 4 GiB, as the memory map splits
// them; what the map sets aside at the top of low memory does not count.
func (b *BIOS) lowHigh() (low, high uint64) {
	low, high = e820.Split(b.cfg.Memory)
	if b.acpiBase != 0 {
		low = b.acpiBase
	}
	return low, high
}

// int15 holds system services.
func (f *frame) int15() {
	switch f.ah() {
	case 0x24:
		f.a20()
	case 0x4f: // keyboard intercept: carry, set by INT 09h, lets the key pass
	case 0x52, 0x80, 0x81, 0x82, 0x85, 0x90, 0x91: // hooks for operating systems
		f.ok()
	case 0x83:
		f.eventWait()
	case 0x86:
		f.delay()
	case 0x87:
		f.blockMove()
	case 0x88:
		low, _ := f.b.lowHigh()
		f.set(flagCF, false)
		f.setAX(uint16(min(extendedKB(low), 63<<10)))
	case 0xc0:
		f.es = ROMBase >> 4
		f.setLo(rBX, atConfig)
		f.ok()
	case 0xc1:
		f.es = f.rd16(bdaEBDA)
		f.set(flagCF, false)
	case 0xc2:
		f.mouseBIOS()
	case 0xe8:
		f.memoryMap()
	default: // includes 53h, APM: not installed
		f.fail(unsupported)
	}
}

func extendedKB(low uint64) uint64 {
	if low <= 1<<20 {
		return 0
	}
	return (low - 1<<20) >> 10
}

// a20 is AX=2400h-2403h.
func (f *frame) a20() {
	v := f.in(port92)
	switch f.al() {
	case 0x00:
		f.out(port92, v&^0x03)
	case 0x01:
		f.out(port92, v&^1|2)
	case 0x02:
		f.setAX(uint16(v >> 1 & 1))
		f.set(flagCF, false)
		return
	case 0x03:
		f.setLo(rBX, 0x0003) // keyboard controller and port 92h
	default:
		f.fail(unsupported)
		return
	}
	f.ok()
}

// memoryMap is AX=E820h, E801h and E881h.
func (f *frame) memoryMap() {
	switch f.al() {
	case 0x20:
		m := e820.Map(f.b.cfg.Memory)
		i := f.r[rBX]
		if f.r[rDX] != signSMAP || f.r[rCX] < 20 || i >= uint32(len(m)) {
			f.fail(unsupported)
			return
		}
		t := make([]byte, 20)
		binary.LittleEndian.PutUint64(t, m[i].Base)
		binary.LittleEndian.PutUint64(t[8:], m[i].Size)
		binary.LittleEndian.PutUint32(t[16:], uint32(m[i].Type))
		f.write(lin(f.es, f.di()), t)
		f.r[rAX], f.r[rCX] = signSMAP, 20
		if f.r[rBX]++; f.r[rBX] == uint32(len(m)) {
			f.r[rBX] = 0
		}
		f.set(flagCF, false)
	case 0x01, 0x81:
		low, _ := f.b.lowHigh()
		kb := min(extendedKB(low), 15<<10)
		blocks := uint64(0)
		if low > 16<<20 {
			blocks = (low - 16<<20) >> 16
		}
		if f.al() == 0x81 {
			f.r[rAX], f.r[rCX], f.r[rBX], f.r[rDX] = uint32(kb), uint32(kb), uint32(blocks), uint32(blocks)
		} else {
			f.setAX(uint16(kb))
			f.setLo(rCX, uint16(kb))
			f.setLo(rBX, uint16(blocks))
			f.setLo(rDX, uint16(blocks))
		}
		f.set(flagCF, false)
	default:
		f.fail(unsupported)
	}
}

// delay is AH=86h: wait CX:DX microseconds.
func (f *frame) delay() {
	d := &f.b.state.Deadline[waitINT15]
	now := f.b.hw.Now()
	if *d == 0 {
		*d = now + (uint64(f.cx())<<16|uint64(f.dx()))*1000
	}
	if f.pause(*d) {
		return
	}
	*d = 0
	f.ok()
}

// pause makes the stub wait while the deadline lies ahead: halted if the timer
// tick will wake it well before, else spinning.
func (f *frame) pause(deadline uint64) bool {
	const tick = 1_000_000_000 * 65536 / pitHz
	now := f.b.hw.Now()
	if now >= deadline {
		return false
	}
	f.wait = waitSpin
	if deadline-now > tick && f.in(pic1+1)&1 == 0 {
		f.wait = waitIdle
	}
	return true
}

// eventWait is AH=83h: set bit 7 of the byte at ES:BX after CX:DX microseconds.
func (f *frame) eventWait() {
	switch f.al() {
	case 0:
		if f.rd8(bdaWaitActive)&1 != 0 {
			f.fail(0)
			return
		}
		f.wr32(bdaWaitFlagP, uint32(f.es)<<16|uint32(f.bx()))
		f.wr32(bdaWaitCount, uint32(f.cx())<<16|uint32(f.dx()))
		f.wr8(bdaWaitActive, 1)
		f.setCMOS(cmosStatusA, f.cmos(cmosStatusA)&0xf0|6) // 1024 Hz
		f.out(pic2+1, f.in(pic2+1)&^1)
		f.setCMOS(cmosStatusB, f.cmos(cmosStatusB)|0x40)
		f.ok()
	case 1:
		f.endEventWait()
		f.ok()
	default:
		f.fail(unsupported)
	}
}

// blockMove is AH=87h: copy CX words as the descriptors 10h (source) and 18h
// (target) of the table at ES:SI say.
func (f *frame) blockMove() {
	if f.cx() > 0x8000 {
		f.fail(0x02)
		return
	}
	d := f.bytes(lin(f.es, f.si()), 0x20)
	base := func(d []byte) uint64 {
		return uint64(d[2]) | uint64(d[3])<<8 | uint64(d[4])<<16 | uint64(d[7])<<24
	}
	p := make([]byte, 2*int(f.cx()))
	f.b.hw.Bus.ReadPhys(base(d[0x10:]), p)
	f.b.hw.Bus.WritePhys(base(d[0x18:]), p)
	f.ok()
	f.set(flagZF, true)
}
