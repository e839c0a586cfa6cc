package cpu

import (
	"encoding/binary"

	"g86/cpu/softfloat"
)

// x87 control instructions and the images of its state in memory (SDM volume 1,
// 8.1.9 to 8.1.11).

func init() {
	exec(func(c *CPU, in *Op) { c.fninit() }, "FNINIT")
	exec(func(c *CPU, in *Op) { // TOP and the condition codes stay (the manual leaves the codes open)
		c.FPU.SW &= swTOP | swCC
		c.driveFERR()
	}, "FNCLEX")
	exec(func(c *CPU, in *Op) {}, "FNENI", "FNDISI", "FNSETPM")
	exec(func(c *CPU, in *Op) { c.store16(in.Seg, c.ea(in), c.FPU.CW) }, "FNSTCW")
	exec(func(c *CPU, in *Op) { c.store16(in.Seg, c.ea(in), c.FPU.SW) }, "FNSTSW Mw")
	exec(func(c *CPU, in *Op) { c.setReg16(RAX, c.FPU.SW) }, "FNSTSW AX")
	exec(func(c *CPU, in *Op) { c.setCW(c.load16(in.Seg, c.ea(in))) }, "FLDCW")
	exec((*CPU).fnstenv, "FNSTENV")
	exec((*CPU).fldenv, "FLDENV")
	exec((*CPU).fnsave, "FNSAVE")
	exec((*CPU).frstor, "FRSTOR")
	exec((*CPU).fwait, "FWAIT")
}

// fninit puts the unit into its initial state; register contents stay.
func (c *CPU) fninit() {
	c.FPU = FPU{Reg: c.FPU.Reg, CW: cwInit}
	c.driveFERR()
}

func (c *CPU) setCW(v uint16) {
	c.FPU.CW = v&cwWritable | cwReserved
	c.fpuSummary()
}

func getF80(b []byte) f80 {
	return f80{Sig: binary.LittleEndian.Uint64(b), SE: binary.LittleEndian.Uint16(b[8:])}
}

func putF80(b []byte, v f80) {
	binary.LittleEndian.PutUint64(b, v.Sig)
	binary.LittleEndian.PutUint16(b[8:], v.SE)
}

// fullTags are the two-bit tags: valid 0, zero 1, special 2, empty 3.
func (c *CPU) fullTags() uint16 {
	var t uint16
	for i := range 8 {
		k := uint16(3)
		if c.FPU.Tag>>i&1 != 0 {
			switch c.FPU.Reg[i].Class() {
			case softfloat.Normal:
				k = 0
			case softfloat.Zero:
				k = 1
			default:
				k = 2
			}
		}
		t |= k << (2 * i)
	}
	return t
}

func (c *CPU) setFullTags(t uint16) {
	c.FPU.Tag = 0
	for i := range 8 {
		if t>>(2*i)&3 != 3 {
			c.FPU.Tag |= 1 << i
		}
	}
}

// envReal reports the formats of real and virtual-8086 mode, whose pointers are
// linear addresses.
func (c *CPU) envReal() bool { return c.CR0&CR0PE == 0 || c.RFLAGS&FlagVM != 0 }

// envSize is the size of the environment: seven words or doublewords.
func envSize(in *Op) int {
	if in.OpSize == 2 {
		return 14
	}
	return 28
}

// envAlign is what its address should be a multiple of (SDM volume 3A, table 6-7).
func envAlign(in *Op) int { return min(int(in.OpSize), 4) }

// putEnv writes the environment. Reserved upper halves are all ones.
func (c *CPU) putEnv(in *Op, b []byte) {
	f := &c.FPU
	op := f.Op & 0x7ff
	var w [7]uint32
	w[0], w[1], w[2] = uint32(f.CW), uint32(f.SW), uint32(c.fullTags())
	if c.envReal() {
		ip := uint32(uint64(f.CSs)<<4 + f.IP)
		dp := uint32(uint64(f.DSs)<<4 + f.DP)
		w[3], w[5] = ip&0xffff, dp&0xffff
		w[4], w[6] = ip>>16<<12|uint32(op), dp>>16<<12
	} else {
		w[3], w[5] = uint32(f.IP), uint32(f.DP)
		w[4], w[6] = uint32(f.CSs), uint32(f.DSs)
		if in.OpSize != 2 {
			w[4] |= uint32(op) << 16
		}
	}
	if in.OpSize == 2 {
		for i, v := range w {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
		}
		return
	}
	for _, i := range [...]int{0, 1, 2, 6} {
		if i != 6 || !c.envReal() {
			w[i] |= 0xffff0000
		}
	}
	if c.envReal() {
		w[3] |= 0xffff0000
		w[5] |= 0xffff0000
	}
	for i, v := range w {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
}

// getEnv is the inverse of putEnv.
func (c *CPU) getEnv(in *Op, b []byte) {
	var w [7]uint32
	for i := range w {
		if in.OpSize == 2 {
			w[i] = uint32(binary.LittleEndian.Uint16(b[2*i:]))
		} else {
			w[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
	}
	f := &c.FPU
	switch {
	case c.envReal():
		f.Op = uint16(w[4]) & 0x7ff
		f.IP = uint64(w[3]&0xffff | w[4]&0x0ffff000<<4)
		f.DP = uint64(w[5]&0xffff | w[6]&0x0ffff000<<4)
		f.CSs, f.DSs = 0, 0
	case in.OpSize == 2:
		f.Op = 0
		f.IP, f.CSs, f.DP, f.DSs = uint64(w[3]), uint16(w[4]), uint64(w[5]), uint16(w[6])
	default:
		f.Op = uint16(w[4]>>16) & 0x7ff
		f.IP, f.CSs, f.DP, f.DSs = uint64(w[3]), uint16(w[4]), uint64(w[5]), uint16(w[6])
	}
	f.CW = uint16(w[0])&cwWritable | cwReserved
	f.SW = uint16(w[1])
	c.setFullTags(uint16(w[2]))
	c.fpuSummary()
}

// fnstenv stores the environment and then masks all exceptions.
func (c *CPU) fnstenv(in *Op) {
	var b [28]byte
	n := envSize(in)
	c.putEnv(in, b[:n])
	c.storeAligned(in.Seg, c.ea(in), b[:n], envAlign(in))
	c.setCW(c.FPU.CW | softfloat.AllExceptions)
}

func (c *CPU) fldenv(in *Op) {
	var b [28]byte
	n := envSize(in)
	c.loadAligned(in.Seg, c.ea(in), b[:n], envAlign(in))
	c.getEnv(in, b[:n])
}

// fnsave stores the environment and ST(0) to ST(7), then initializes the unit.
func (c *CPU) fnsave(in *Op) {
	var b [28 + 80]byte
	n := envSize(in)
	c.putEnv(in, b[:n])
	for i := range uint8(8) {
		putF80(b[n+10*int(i):], c.st(i))
	}
	c.storeAligned(in.Seg, c.ea(in), b[:n+80], envAlign(in))
	c.fninit()
}

func (c *CPU) frstor(in *Op) {
	var b [28 + 80]byte
	n := envSize(in)
	c.loadAligned(in.Seg, c.ea(in), b[:n+80], envAlign(in))
	c.getEnv(in, b[:n])
	for i := range uint8(8) {
		c.FPU.Reg[c.phys(i)] = getF80(b[n+10*int(i):])
	}
}
