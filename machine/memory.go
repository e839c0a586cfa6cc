package machine

import (
	"bytes"

	"g86/devices/bus"
	"g86/firmware/e820"
)

const (
	shadowBase = 0xc0000
	shadowSize = 0x40000
	fourGiB    = 1 << 32
	isaBIOSMax = 128 << 10 // of a firmware file, this much also shows below 1 MiB
)

// buildMemory maps RAM and ROM. What lies at C0000h-FFFFFh is the host bridge's
// to show.
func (m *Machine) buildMemory() error {
	var err error
	if s := m.cfg.saved; s != nil && s.shared != nil {
		m.ram, err = mapPrivate(s.shared, m.cfg.Memory)
	} else {
		m.ram, m.ramFile, err = allocate(m.cfg.Memory)
	}
	if err != nil {
		return err
	}
	low, high := e820.Split(m.cfg.Memory)
	var w wiring
	_, err = m.bus.MapRAM("ram", 0, m.ram[:low:low], false, bus.PrioRAM)
	w.do(err)
	if high > 0 {
		_, err = m.bus.MapRAM("ram.high", e820.HighBase, m.ram[low:], false, bus.PrioRAM)
		w.do(err)
	}
	m.rom = bytes.Repeat([]byte{0xff}, shadowSize)
	big := m.boot.biosFile
	if big == nil {
		if err := m.buildBIOS(); err != nil {
			return err
		}
		copy(m.rom, m.bios.VideoROM())
		big = m.bios.ROM()
	}
	m.big = big
	tail := big[max(0, len(big)-isaBIOSMax):]
	copy(m.rom[len(m.rom)-len(tail):], tail)
	_, err = m.bus.MapRAM("rom", fourGiB-uint64(len(big)), big, true, bus.PrioROM)
	w.do(err)
	return w.err
}

// zeroes is what empty memory is compared with.
var zeroes [4096]byte

// zeroPage reports whether p is all zero.
func zeroPage(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(zeroes))
		if !bytes.Equal(p[:n], zeroes[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}
