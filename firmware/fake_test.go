package firmware

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/bus"
	"g86/devices/vga"
	realfont "g86/devices/vga/font"
)

// fakeCPU executes, in real-address mode, just the instructions that the ROM's
// stubs are made of; anything else fails the test.
type fakeCPU struct {
	t     *testing.T
	bus   *bus.Bus
	bios  *BIOS
	r     [8]uint32
	s     [4]uint16
	ip    uint16
	flags uint32
	halts int
	prot  bool // pretends to be in protected mode
	// onHLT stands for what interrupts do while the CPU sleeps.
	onHLT func()
	// after, if set, runs after every instruction: the rest of the board. halted
	// tells that it was HLT.
	after func(halted bool)
}

func (c *fakeCPU) Reg(i int) uint64                  { return uint64(c.r[i]) }
func (c *fakeCPU) SetReg(i int, v uint64)            { c.r[i] = uint32(v) }
func (c *fakeCPU) Seg(i int) uint16                  { return c.s[i] }
func (c *fakeCPU) SegBase(i int) uint64              { return uint64(c.s[i]) << 4 }
func (c *fakeCPU) SetSeg(i int, v uint16)            { c.s[i] = v }
func (c *fakeCPU) IP() uint64                        { return uint64(c.ip) }
func (c *fakeCPU) Flags() uint32                     { return c.flags }
func (c *fakeCPU) SetFlags(v uint32)                 { c.flags = v }
func (c *fakeCPU) Protected() bool                   { return c.prot }
func (c *fakeCPU) Translate(l uint64) (uint64, bool) { return l, true }

func (c *fakeCPU) rd(at uint64, n int) uint32 { return uint32(c.bus.Read(at, n)) }
func (c *fakeCPU) push(v uint16) {
	c.r[rSP] = c.r[rSP]&^0xffff | uint32(uint16(c.r[rSP])-2)
	c.bus.Write(lin(c.s[sSS], uint16(c.r[rSP])), 2, uint64(v))
}
func (c *fakeCPU) pop() uint16 {
	v := c.rd(lin(c.s[sSS], uint16(c.r[rSP])), 2)
	c.r[rSP] = c.r[rSP]&^0xffff | uint32(uint16(c.r[rSP])+2)
	return uint16(v)
}
func (c *fakeCPU) set16(i int, v uint16) { c.r[i] = c.r[i]&^0xffff | uint32(v) }

// interrupt enters vector n.
func (c *fakeCPU) interrupt(n byte) {
	c.push(uint16(c.flags))
	c.push(c.s[sCS])
	c.push(c.ip)
	c.flags &^= flagIF
	v := c.rd(uint64(n)*4, 4)
	c.ip, c.s[sCS] = uint16(v), uint16(v>>16)
}

func (c *fakeCPU) step() {
	at := lin(c.s[sCS], c.ip)
	op := byte(c.rd(at, 1))
	b1, w1 := byte(c.rd(at+1, 1)), uint16(c.rd(at+1, 2))
	branch := func(taken bool) {
		c.ip += 2
		if taken {
			c.ip += uint16(int8(b1))
		}
	}
	segs := map[byte]int{0x06: sES, 0x16: sSS, 0x1e: sDS, 0x07: sES, 0x17: sSS, 0x1f: sDS}
	switch {
	case op >= 0x50 && op <= 0x57:
		c.push(uint16(c.r[op&7]))
		c.ip++
	case op >= 0x58 && op <= 0x5f:
		v := c.pop()
		c.set16(int(op&7), v)
		c.ip++
	case op == 0x06 || op == 0x16 || op == 0x1e:
		c.push(c.s[segs[op]])
		c.ip++
	case op == 0x07 || op == 0x17 || op == 0x1f:
		c.s[segs[op]] = c.pop()
		c.ip++
	case op == 0x60:
		sp := uint16(c.r[rSP])
		for i := range 8 {
			if i == rSP {
				c.push(sp)
			} else {
				c.push(uint16(c.r[i]))
			}
		}
		c.ip++
	case op == 0x61:
		for i := 7; i >= 0; i-- {
			if v := c.pop(); i != rSP {
				c.set16(i, v)
			}
		}
		c.ip++
	case op == 0x30 && b1 == 0xc0:
		c.r[rAX] &^= 0xff
		c.ip += 2
	case op == 0xb0:
		c.r[rAX] = c.r[rAX]&^0xff | uint32(b1)
		c.ip += 2
	case op == 0xb4:
		c.r[rAX] = c.r[rAX]&^0xff00 | uint32(b1)<<8
		c.ip += 2
	case op >= 0xb8 && op <= 0xbf:
		c.set16(int(op&7), w1)
		c.ip += 3
	case op == 0x8e:
		c.s[b1>>3&3] = uint16(c.r[b1&7])
		c.ip += 2
	case op == 0x83 && b1 == 0xc4:
		c.set16(rSP, uint16(c.r[rSP])+uint16(c.rd(at+2, 1)))
		c.ip += 3
	case op == 0xe6:
		c.bus.Out(uint16(b1), 1, c.r[rAX]&0xff)
		c.ip += 2
	case op == 0xee:
		require.EqualValues(c.t, TrapPort, uint16(c.r[rDX]))
		c.ip++
		c.bios.Trap(byte(c.r[rAX]), c)
	case op == 0x72:
		branch(c.flags&flagCF != 0)
	case op == 0x73:
		branch(c.flags&flagCF == 0)
	case op == 0x74:
		branch(c.flags&flagZF != 0)
	case op == 0x75:
		branch(c.flags&flagZF == 0)
	case op == 0xeb:
		branch(true)
	case op == 0xe9:
		c.ip += 3 + w1
	case op == 0xea:
		c.ip, c.s[sCS] = w1, uint16(c.rd(at+3, 2))
	case op == 0xf9:
		c.flags |= flagCF
		c.ip++
	case op == 0xfa:
		c.flags &^= flagIF
		c.ip++
	case op == 0xfb:
		c.flags |= flagIF
		c.ip++
	case op == 0xfc, op == 0x90:
		c.ip++
	case op == 0xf4:
		c.halts++
		c.ip++
		require.Less(c.t, c.halts, 100, "halts for ever")
		require.NotZero(c.t, c.flags&flagIF, "HLT with interrupts disabled")
		if c.after != nil {
			c.after(true)
			return
		}
		require.NotNil(c.t, c.onHLT, "HLT")
		c.onHLT()
	case op == 0xcd:
		c.ip += 2
		c.interrupt(b1)
	case op == 0xcf:
		c.ip = c.pop()
		c.s[sCS] = c.pop()
		c.flags = uint32(c.pop())
	case op == 0xcb:
		c.ip = c.pop()
		c.s[sCS] = c.pop()
	case op == 0x26 && w1 == 0x1eff: // call far [es:disp16]
		p := c.rd(lin(c.s[sES], uint16(c.rd(at+3, 2))), 4)
		c.push(c.s[sCS])
		c.push(c.ip + 5)
		c.ip, c.s[sCS] = uint16(p), uint16(p>>16)
	default:
		require.Fail(c.t, "unexpected instruction", "%02x %02x at %04x:%04x", op, b1, c.s[sCS], c.ip)
	}
	if c.after != nil && op != 0xfb { // STI holds interrupts off for one instruction
		c.after(false)
	}
}

// Where tests run from: an address outside of everything else.
const (
	testCS = 0x2000
	testIP = 0x0100
)

// run executes until the CPU is back at testCS:testIP.
func (c *fakeCPU) run() {
	for i := 0; c.s[sCS] != testCS || c.ip != testIP; i++ {
		require.Less(c.t, i, 1_000_000, "does not return")
		c.step()
	}
}

// call issues a software interrupt as a program would and returns after IRET.
func (c *fakeCPU) call(n byte) {
	c.s[sCS], c.ip = testCS, testIP
	c.s[sSS], c.r[rSP] = 0x3000, 0x1000
	c.flags = flagIF | 2
	c.interrupt(n)
	c.run()
	require.EqualValues(c.t, 0x1000, c.r[rSP], "INT %02Xh leaves the stack unbalanced", n)
	require.NotZero(c.t, c.flags&flagIF, "INT %02Xh leaves interrupts disabled", n)
}

func (c *fakeCPU) carry() bool { return c.flags&flagCF != 0 }
func (c *fakeCPU) ah() byte    { return byte(c.r[rAX] >> 8) }

// mem is a Disk in memory.
type mem struct {
	b  []byte
	ro bool
}

func (m *mem) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > int64(len(m.b)) {
		return 0, fmt.Errorf("read of %d bytes at %d", len(p), off)
	}
	return copy(p, m.b[off:]), nil
}

func (m *mem) WriteAt(p []byte, off int64) (int, error) {
	if m.ro || off < 0 || off+int64(len(p)) > int64(len(m.b)) {
		return 0, fmt.Errorf("write of %d bytes at %d", len(p), off)
	}
	return copy(m.b[off:], p), nil
}

func (m *mem) Size() int64    { return int64(len(m.b)) }
func (m *mem) ReadOnly() bool { return m.ro }

// in wraps a medium in a drive.
func in(k Kind, name string, m *mem) Drive {
	d := Drive{Kind: k, Name: name, Media: func() Disk {
		if m == nil {
			return nil
		}
		return m
	}}
	if k == Floppy {
		d.Type = 4
	}
	return d
}

// portRAM answers ports with what was written to them.
type portRAM struct{ v [16]byte }

func (p *portRAM) ReadPort(off uint16, _ int) uint32     { return uint32(p.v[off]) }
func (p *portRAM) WritePort(off uint16, _ int, v uint32) { p.v[off] = byte(v) }

// cmosRAM is a clock chip that does not tick.
type cmosRAM struct {
	i byte
	v [128]byte
}

func (c *cmosRAM) ReadPort(off uint16, _ int) uint32 { return uint32(c.v[c.i&0x7f]) }
func (c *cmosRAM) WritePort(off uint16, _ int, v uint32) {
	if off == 0 {
		c.i = byte(v)
	} else {
		c.v[c.i&0x7f] = byte(v)
	}
}

// board is a machine of RAM, ROMs, CMOS and whatever a test adds.
type board struct {
	*fakeCPU
	now       uint64
	cmos      cmosRAM
	cmosRange *bus.PortRange
	ram       []byte
	kbc       *kbcFake
	vga       *vga.VGA
}

const testMemory = 8 << 20

func font(h int) []byte {
	p := make([]byte, 256*h)
	for i := range p {
		p[i] = byte(i/h) ^ byte(i%h)<<5
	}
	return p
}

func newBoard(t *testing.T, cfg Config, drives ...Drive) *board {
	t.Helper()
	b := &board{fakeCPU: &fakeCPU{t: t, bus: bus.New()}, ram: make([]byte, testMemory)}
	if cfg.Memory == 0 {
		cfg.Memory = testMemory
	}
	cfg.CPUs = max(cfg.CPUs, 1)
	_, err := b.bus.MapRAM("ram", 0, b.ram, false, bus.PrioRAM)
	require.NoError(t, err)
	b.cmosRange, err = b.bus.MapPorts("cmos", 0x70, 2, bus.Byte, &b.cmos)
	require.NoError(t, err)
	b.bios, err = New(cfg, Hardware{Bus: b.bus, Font8: realfont.Font8x8(), Font14: realfont.Font8x14(), Font16: realfont.Font8x16(), Drives: drives,
		Now: func() uint64 { b.now += 1000; return b.now }})
	require.NoError(t, err)
	_, err = b.bus.MapRAM("rom", ROMBase, b.bios.ROM(), true, bus.PrioROM)
	require.NoError(t, err)
	_, err = b.bus.MapRAM("video rom", VideoROMBase, b.bios.VideoROM(), true, bus.PrioROM)
	require.NoError(t, err)
	return b
}

// powered is a board after POST, called as the ROM calls it.
func powered(t *testing.T, cfg Config, drives ...Drive) *board {
	t.Helper()
	b := newBoard(t, cfg, drives...)
	b.post()
	return b
}

func (b *board) post() {
	f := &frame{b: b.bios, cpu: b.fakeCPU}
	f.post()
}

// screen is the text on the screen, without trailing blanks.
func (b *board) screen() string {
	var out []byte
	for row := range 25 {
		line := make([]byte, 80)
		for col := range 80 {
			line[col] = max(b.ram[0xb8000+2*(row*80+col)], ' ')
		}
		n := 80
		for n > 0 && line[n-1] == ' ' {
			n--
		}
		out = append(append(out, line[:n]...), '\n')
	}
	return string(out)
}

func (b *board) u16(at int) uint16 { return binary.LittleEndian.Uint16(b.ram[at:]) }
func (b *board) u32(at int) uint32 { return binary.LittleEndian.Uint32(b.ram[at:]) }
