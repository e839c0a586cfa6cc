package firmware

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/bus"
)

// uartFake is a UART whose transmitter gets ready after some looks at it.
type uartFake struct {
	reg  [8]byte
	dl   [2]byte
	busy int
	sent []byte
	got  []byte
}

func (u *uartFake) ReadPort(off uint16, _ int) uint32 {
	switch off {
	case 0:
		if len(u.got) > 0 {
			v := u.got[0]
			u.got = u.got[1:]
			return uint32(v)
		}
	case 5:
		lsr := uint32(0)
		if u.busy > 0 {
			u.busy--
		} else {
			lsr = 0x60
		}
		if len(u.got) > 0 {
			lsr |= 1
		}
		return lsr
	case 6:
		return 0xb0
	}
	return uint32(u.reg[off])
}

func (u *uartFake) WritePort(off uint16, _ int, v uint32) {
	switch {
	case off < 2 && u.reg[3]&0x80 != 0:
		u.dl[off] = byte(v)
	case off == 0:
		u.sent = append(u.sent, byte(v))
	default:
		u.reg[off] = byte(v)
	}
}

func TestSerialPort(t *testing.T) {
	b := newBoard(t, Config{})
	u := &uartFake{}
	_, err := b.bus.MapPorts("uart", 0x3f8, 8, bus.Byte, u)
	require.NoError(t, err)
	b.post()
	require.EqualValues(t, 0x3f8, b.u16(0x400))
	require.Zero(t, b.u16(0x402))
	require.EqualValues(t, 1, b.u16(0x410)>>9&7)

	b.regs(0x00e3, 0, 0, 0) // 9600 8N1
	b.call(0x14)
	require.EqualValues(t, 0x60b0, uint16(b.r[rAX]))
	require.Equal(t, [2]byte{12, 0}, u.dl)
	require.EqualValues(t, 3, u.reg[3])

	u.busy = 5
	b.regs(0x0141, 0, 0, 0)
	b.call(0x14)
	require.Equal(t, []byte("A"), u.sent)
	require.EqualValues(t, 0x60, b.ah())

	u.got = []byte("z")
	b.regs(0x0200, 0, 0, 0)
	b.call(0x14)
	require.EqualValues(t, 'z', uint16(b.r[rAX]))

	b.ram[0x47c] = 0 // the shortest time-out
	before := b.now
	b.bios.hw.Now = func() uint64 { b.now += 10_000_000; return b.now }
	b.regs(0x0200, 0, 0, 0)
	b.call(0x14)
	require.EqualValues(t, 0x80, b.ah()&0x80)
	require.InDelta(t, 1e9, float64(b.now-before), 1e8)

	b.regs(0x0300, 0, 0, 1)
	b.call(0x14)
	require.EqualValues(t, 0x80, b.ah(), "there is no COM2")
}

func TestPrinter(t *testing.T) {
	b := newBoard(t, Config{})
	p := &portRAM{}
	_, err := b.bus.MapPorts("lpt", 0x378, 3, bus.Byte, p)
	require.NoError(t, err)
	b.post()
	require.EqualValues(t, 0x378, b.u16(0x408))
	p.v[1] = 0xdf // not busy, selected
	b.regs(0x0041, 0, 0, 0)
	b.call(0x17)
	require.EqualValues(t, 'A', p.v[0])
	require.EqualValues(t, 0x90, b.ah())
	b.regs(0x0200, 0, 0, 2)
	b.call(0x17)
	require.EqualValues(t, 0x01, b.ah())
}
