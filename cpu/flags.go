package cpu

// The status flags are kept lazily: most instructions write flags that nobody
// reads. fRes is the sign-extended result (ZF, SF and PF come from it); fAux
// holds what the result does not tell:
//
//	bit 31     CF
//	bit 30     CF ^ OF, the carry into the sign bit
//	bits 15-8  xor correction of the byte whose parity is PF
//	bit 3      AF
//	bit 0      xor correction of SF
//
// The corrections are zero but after POPF, SAHF and the like.
const (
	auxCF = 1 << 31
	auxPO = 1 << 30
	auxAF = 1 << 3
	auxSD = 1 << 0
)

var parityEven [256]bool

func init() {
	for i := range parityEven {
		x := i ^ i>>4
		x ^= x >> 2
		x ^= x >> 1
		parityEven[i] = x&1 == 0
	}
}

func (c *CPU) cf() bool { return c.fAux&auxCF != 0 }
func (c *CPU) zf() bool { return c.fRes == 0 }
func (c *CPU) of() bool { return (c.fAux^c.fAux<<1)&auxCF != 0 }
func (c *CPU) af() bool { return c.fAux&auxAF != 0 }
func (c *CPU) sf() bool { return uint32(c.fRes>>63)^c.fAux&auxSD != 0 }
func (c *CPU) pf() bool { return parityEven[uint8(c.fRes)^uint8(c.fAux>>8)] }

// cf1 is CF as a number, for carries.
func (c *CPU) cf1() uint8 { return uint8(c.fAux >> 31) }

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// cond evaluates condition code cc (SDM volume 1, appendix B).
func (c *CPU) cond(cc uint8) bool {
	var r bool
	switch cc >> 1 {
	case 0:
		r = c.of()
	case 1:
		r = c.cf()
	case 2:
		r = c.zf()
	case 3:
		r = c.cf() || c.zf()
	case 4:
		r = c.sf()
	case 5:
		r = c.pf()
	case 6:
		r = c.sf() != c.of()
	case 7:
		r = c.zf() || c.sf() != c.of()
	}
	return r != (cc&1 != 0)
}

// statusBits are the six status flags laid out as in RFLAGS.
func (c *CPU) statusBits() uint32 {
	f := c.fAux >> 31
	if c.pf() {
		f |= FlagPF
	}
	f |= c.fAux & auxAF << 1
	if c.fRes == 0 {
		f |= FlagZF
	}
	if c.sf() {
		f |= FlagSF
	}
	if c.of() {
		f |= FlagOF
	}
	return f
}

// setStatus sets all six status flags from f.
func (c *CPU) setStatus(f uint32) {
	aux := f & FlagCF << 31
	aux |= (f&FlagCF ^ f>>11&1) << 30
	aux |= f & FlagAF >> 1
	c.fRes = 1
	if f&FlagZF != 0 {
		c.fRes = 0
	}
	aux |= f >> 7 & 1                 // the result is never negative: SF is its correction
	pb := uint32(c.fRes) ^ f>>2&1 ^ 1 // the byte's parity must be even exactly when PF is set
	c.fAux = aux | pb&1<<8
}

// setStatusMasked sets the status flags in mask.
func (c *CPU) setStatusMasked(mask, f uint32) {
	c.setStatus(c.statusBits()&^mask | f&mask)
}

// setCFOF sets CF and OF and keeps the other flags.
func (c *CPU) setCFOF(cf, of bool) {
	c.fAux = c.fAux&^(auxCF|auxPO) | uint32(bit(cf))<<31 | uint32(bit(cf != of))<<30
}

// setCF sets CF and keeps the other flags.
func (c *CPU) setCF(cf bool) { c.setCFOF(cf, c.of()) }

// Flags is the complete RFLAGS.
func (c *CPU) Flags() uint64 {
	return c.RFLAGS&^statusFlags | uint64(c.statusBits()) | Flag1
}

// putFlags replaces the whole of RFLAGS and recomputes what depends on it.
func (c *CPU) putFlags(f uint64) {
	old := c.RFLAGS
	c.RFLAGS = f&^statusFlags | Flag1
	c.setStatus(uint32(f))
	if (old^f)&(FlagVM|FlagAC) != 0 {
		c.privilegeChanged()
	}
	changed := old ^ f
	if changed&f&FlagIF != 0 && c.held {
		c.post(evINTR)
	}
	if changed&(FlagTF|FlagRF) == 0 {
		return
	}
	switch {
	case f&(FlagTF|FlagRF) == FlagRF && c.DR[7]&0xff == 0 && (c.events == 0 || c.events == evINTR && !c.board.Interrupt()):
		c.RFLAGS &^= FlagRF // lasts one instruction, and nothing will look at it
	case f&(FlagTF|FlagRF) != 0:
		c.post(evDebug)
	}
}

// Flags of addition, subtraction and logic. carries is the vector of carries
// out of each bit; its two top bits and bit 3 are all that flags need.

func (c *CPU) flagsAdd(sext uint64, carries uint64, bits uint) {
	c.fRes = sext
	c.fAux = uint32(carries>>(bits-2))<<30 | uint32(carries)&auxAF
}

func (c *CPU) flagsLogic(sext uint64) {
	c.fRes = sext
	c.fAux = 0
}

// flagsInc sets the flags of INC and DEC: CF is kept.
func (c *CPU) flagsInc(sext uint64, carries uint64, bits uint) {
	top := uint32(carries>>(bits-2)) << 30
	of := (top ^ top<<1) & auxCF
	cf := c.fAux & auxCF
	c.fRes = sext
	c.fAux = cf | (cf^of)>>1 | uint32(carries)&auxAF
}

func carriesAdd(a, b, r uint64) uint64 { return a&b | (a|b)&^r }
func carriesSub(a, b, r uint64) uint64 { return ^a&b | (^a|b)&r }
