package machine

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/devices/clock"
	"g86/jit"
)

// atBootSector is a machine that is about to execute code at 0:7C00, the BIOS's work not done.
func atBootSector(t testing.TB, accel string, code []byte) *Machine {
	m, err := New(Config{Memory: 4 << 20, Accel: accel, ClockMode: "warp", NoReboot: true, RTC: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	require.NoError(t, err)
	copy(m.ram[0x7c00:], code)
	c := m.cpus[0]
	s := c.Pull()
	s.RIP, s.GPR[cpu.RSP] = 0x7c00, 0x7000
	s.Seg[cpu.CS].Sel, s.Seg[cpu.CS].Base = 0, 0
	c.Refresh()
	return m
}

// Bounds of a fuzzed run: a guest that halts may wait for ever.
const (
	fuzzInsns = 50_000
	fuzzIdle  = 100 // times that it is idle
)

// runBounded runs to an instruction count, or until the guest has ended or been idle too
// often. It reports whether it may go on.
func runBounded(m *Machine, until uint64) bool {
	for idles := 0; m.retired < until; {
		idle, res := m.slice(until)
		if res != nil {
			return false
		}
		if idle {
			next := m.clk.Next()
			if idles++; next == clock.Never || idles > fuzzIdle {
				return false
			}
			m.clk.Advance(next - m.clk.Now())
		}
	}
	return true
}

// FuzzBootSector: whatever a boot sector holds, the machine neither panics nor hangs, and
// both engines do the same.
func FuzzBootSector(f *testing.F) {
	for _, code := range []string{
		"\xfa\xf4", "\xfb\xf4\xeb\xfd", "\xeb\xfe", "\xcd\x13", "\xf3\xa4\xeb\xfc", "\xe4\x60\xe6\x80\xeb\xfa", "\x0f\x20\xc0\x0c\x01\x0f\x22\xc0",
		"\x66\x0f\x01\x16\x20\x7c\x0f\x20\xc0\x0c\x01\x0f\x22\xc0\x66\xea\x18\x7c\x00\x00\x08\x00\x90\x90\x40\xeb\xfd", // to 32-bit code
	} {
		f.Add([]byte(code))
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 512 {
			return
		}
		a := atBootSector(t, "interp", code)
		defer a.Close()
		runBounded(a, fuzzInsns)
		if jit.Supported() != nil {
			return
		}
		b := atBootSector(t, "jit", code)
		defer b.Close()
		runBounded(b, fuzzInsns)
		require.Equal(t, a.Count(), b.Count())
		require.Equal(t, *a.cpus[0].Pull(), *b.cpus[0].Pull())
		require.Equal(t, a.StateHash(), b.StateHash())
	})
}

// FuzzDevices: whatever is written to ports and registers in whatever order, no device
// panics or hangs. Eight bytes are an access: kind and size, place, value.
func FuzzDevices(f *testing.F) {
	access := func(kind byte, at uint32, v uint16) []byte {
		b := binary.LittleEndian.AppendUint32([]byte{kind, 0}, at)
		return binary.LittleEndian.AppendUint16(b, v)
	}
	for _, port := range []uint32{0x20, 0x40, 0x43, 0x60, 0x64, 0x70, 0x92, 0x1f0, 0x1f7, 0x3c0, 0x3c4, 0x3d4, 0x3f2, 0x3f5, 0x3f8, 0xcf8, 0xcfc, 0x510} {
		f.Add(append(access(0, port, 0xff), access(4, port, 0)...))
	}
	for _, at := range []uint32{0xa0000, 0xb8000, 0xfec00000, 0xfee00300, 0xfed00010, 0xfffffff0} {
		f.Add(append(access(10, at, 1), access(14, at, 0)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 8*512 {
			return
		}
		m := atBootSector(t, "interp", []byte{0xfa, 0xeb, 0xfe})
		defer m.Close()
		runBounded(m, 10)
		for ; len(p) >= 8; p = p[8:] {
			size := [4]int{1, 2, 4, 4}[p[0]&3]
			at, v := binary.LittleEndian.Uint32(p[2:]), uint32(binary.LittleEndian.Uint16(p[6:]))*0x10001
			m.Do(func() {
				b := m.boards[0]
				switch p[0] >> 2 & 3 {
				case 0:
					b.Out(uint16(at), size, v)
				case 1:
					b.In(uint16(at), size)
				case 2:
					b.Write(uint64(at), size, uint64(v))
				default:
					b.Read(uint64(at), size)
				}
			})
			if p[1]&7 == 0 { // let time pass
				if !runBounded(m, m.Count()+100) {
					return
				}
			}
		}
		runBounded(m, m.Count()+1000)
	})
}
