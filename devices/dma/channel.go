package dma

import "fmt"

// pageOf is the page register of each channel.
var pageOf = [8]uint8{7, 3, 1, 2, 15, 11, 9, 10}

// Channel is a device's connection to one DREQ/DACK pair.
type Channel struct {
	d    *DMA
	ctl  *controller
	n    uint8 // within the controller
	page uint8
	wide bool // 16 bits a transfer
}

// Channel returns channel n, 0 to 7.
func (d *DMA) Channel(n int) Channel {
	if n < 0 || n > 7 {
		panic(fmt.Sprintf("dma: no channel %d", n))
	}
	return Channel{d: d, ctl: &d.ctl[n/4], n: uint8(n % 4), page: pageOf[n], wide: n >= 4}
}

func (c Channel) regs() *regs { return &c.ctl.Ch[c.n] }

// Ready reports whether the controller would answer this channel's DREQ: it is
// enabled, unmasked and not in cascade mode, and so is the way through channel 4.
func (c Channel) Ready() bool {
	second := &c.d.ctl[1]
	if !c.wide && (second.Command&cmdDisable != 0 || second.Mask&1 != 0 || second.Ch[0].Mode&modeCascade != modeCascade) {
		return false
	}
	return c.ctl.Command&cmdDisable == 0 && c.ctl.Mask>>c.n&1 == 0 && c.regs().Mode&modeCascade != modeCascade
}

// Remaining is the number of bytes up to terminal count.
func (c Channel) Remaining() int {
	n := int(c.regs().Count) + 1
	if c.wide {
		n *= 2
	}
	return n
}

// Transfer lets the device move up to len(buf) bytes: into memory (toMemory) or
// out of it. It returns the number moved and whether terminal count was reached;
// 0 and false while the guest keeps the channel from answering. A channel
// programmed for verify, or for the other direction, counts without touching
// memory. 16-bit channels move whole words only.
func (c Channel) Transfer(buf []byte, toMemory bool) (n int, tc bool) {
	if !c.Ready() {
		return 0, false
	}
	n = min(len(buf), c.Remaining())
	unit := 1
	if c.wide {
		unit = 2
		n &^= 1
	}
	r := c.regs()
	kind := r.Mode & modeType
	if toMemory && kind == modeWrite || !toMemory && kind == modeRead {
		c.move(buf[:n], toMemory, unit)
	}
	if n == 0 {
		return 0, false
	}
	units := uint16(n / unit) // 65536 wraps to 0, which is right for both registers
	if r.Mode&modeDec != 0 {
		r.Addr -= units
	} else {
		r.Addr += units
	}
	r.Count -= units
	if tc = r.Count == 0xffff; tc {
		c.terminate()
	}
	return n, tc
}

// terminate is terminal count: autoinitialize or mask.
func (c Channel) terminate() {
	r, bit := c.regs(), uint8(1)<<c.n
	c.ctl.TC |= bit
	c.ctl.Request &^= bit
	if r.Mode&modeAuto != 0 {
		r.Addr, r.Count = r.BaseAddr, r.BaseCount
	} else {
		c.ctl.Mask |= bit
	}
}

// physical is the address of a: the page registers do not take part in carries.
func (c Channel) physical(a uint16) uint64 {
	high, page := uint64(c.d.state.High[c.page])<<24, uint64(c.d.state.Page[c.page])
	if c.wide { // A0 is 0, A16 comes from the address register
		return high | page&0xfe<<16 | uint64(a)<<1
	}
	return high | page<<16 | uint64(a)
}

// move copies buf from or to memory in the longest runs that do not wrap.
func (c Channel) move(buf []byte, toMemory bool, unit int) {
	r := c.regs()
	a, step := r.Addr, unit
	for len(buf) > 0 {
		if r.Mode&modeDec == 0 {
			step = min(len(buf), (0x10000-int(a))*unit)
		}
		if toMemory {
			c.d.bus.WritePhys(c.physical(a), buf[:step])
		} else {
			c.d.bus.ReadPhys(c.physical(a), buf[:step])
		}
		buf = buf[step:]
		if r.Mode&modeDec == 0 {
			a += uint16(step / unit)
		} else {
			a--
		}
	}
}
