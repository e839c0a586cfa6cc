package isa

import (
	"encoding/binary"
	"errors"
)

// Decoding errors.
var (
	// ErrTruncated: the bytes are the beginning of an instruction.
	ErrTruncated = errors.New("isa: truncated instruction")
	// ErrInvalid: no such instruction (#UD). Inst.Len is what was consumed.
	ErrInvalid = errors.New("isa: invalid instruction")
	// ErrTooLong: more than 15 bytes (#GP(0)).
	ErrTooLong = errors.New("isa: instruction longer than 15 bytes")
)

// MaxLen is the architectural limit on the length of an instruction.
const MaxLen = 15

// Kinds of bytes ahead of the opcode, by value; 0 is an opcode.
const (
	pkSeg = 1 + iota // 26 2E 36 3E 64 65
	pk66
	pk67
	pkLock
	pkRepne
	pkRep
	pkREX
)

var prefixKinds = [2][256]uint8{}

func init() {
	for long := range prefixKinds {
		k := &prefixKinds[long]
		for _, b := range []int{0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65} {
			k[b] = pkSeg
		}
		k[0x66], k[0x67], k[0xF0], k[0xF2], k[0xF3] = pk66, pk67, pkLock, pkRepne, pkRep
	}
	for b := 0x40; b <= 0x4F; b++ {
		prefixKinds[1][b] = pkREX
	}
}

// REX bits.
const (
	rexB = 1 << iota
	rexX
	rexR
	rexW
)

// ea16 are the 16-bit addressing forms by ModRM.rm (SDM vol. 2, table 2-1).
var ea16 = [8]struct{ base, index, seg uint8 }{
	{RBX, RSI, DS}, {RBX, RDI, DS}, {RBP, RSI, SS}, {RBP, RDI, SS},
	{RSI, NoReg, DS}, {RDI, NoReg, DS}, {RBP, NoReg, SS}, {RBX, NoReg, DS},
}

// nopForm and xchgForm: 90 is NOP only without REX.B.
var nopForm, pauseForm, xchgForm = find("NOP", "90"), find("PAUSE", "F3 90"), find("XCHG", "90+r")

func find(mnemonic, enc string) ID {
	for _, id := range ByMnemonic[mnemonic] {
		if Forms[id].Enc == enc {
			return id
		}
	}
	panic("isa: no form " + mnemonic + " " + enc)
}

// decoder is the state of one Decode call.
type decoder struct {
	buf [40]byte // the instruction, zero-padded so that reads need no checks
	n   int      // bytes that are real
	pos int
}

// fail decides between the errors: what lies beyond the given bytes cannot be
// called invalid.
func (d *decoder) fail(in *Inst) error {
	in.Form = 0
	if d.pos > d.n {
		if d.n == MaxLen {
			in.Len = MaxLen
			return ErrTooLong
		}
		in.Len = uint8(d.n)
		return ErrTruncated
	}
	in.Len = uint8(d.pos)
	return ErrInvalid
}

// Decode decodes the instruction at the start of code. in is overwritten; after
// an error its Form is 0 and its Len the number of bytes the processor would have
// consumed. Whether the CPU model has the form's Feature is the caller's question.
func Decode(code []byte, mode Mode, in *Inst) error {
	var d decoder
	d.n = copy(d.buf[:MaxLen], code)
	*in = Inst{Base: NoReg, Index: NoReg, Seg: DS}

	long := 0
	opSize, opToggled := uint8(2), uint8(4)
	addrSize, addrToggled := uint8(2), uint8(4)
	switch mode {
	case 32:
		opSize, opToggled, addrSize, addrToggled = 4, 2, 4, 2
	case 64:
		long = 1
		opSize, opToggled, addrSize, addrToggled = 4, 2, 8, 4
	}

	var prefix Prefix
	var rex uint8
	mandatory := 0
	override := uint8(0xFF)
	pos := 0
	b := d.buf[0]
	kinds := &prefixKinds[long]
	if kinds[b] != 0 {
		for {
			k := kinds[b]
			if k == 0 {
				break
			}
			if k != pkREX {
				rex = 0 // a REX prefix counts only right before the opcode
			}
			switch k {
			case pkSeg:
				// In 64-bit mode only FS and GS count.
				if b >= 0x64 {
					override = b - 0x60
				} else if long == 0 {
					override = b >> 3 & 3
				}
			case pk66:
				prefix |= Prefix66
			case pk67:
				addrSize = addrToggled
			case pkLock:
				prefix |= PrefixLock
			case pkRepne:
				prefix = prefix&^PrefixRep | PrefixRepne
			case pkRep:
				prefix = prefix&^PrefixRepne | PrefixRep
			case pkREX:
				rex = b
			}
			pos++
			b = d.buf[pos]
		}
		if override != 0xFF {
			prefix |= PrefixSeg
			in.Seg = override
		}
		if rex != 0 {
			prefix |= PrefixREX
		}
		switch {
		case prefix&PrefixRep != 0:
			mandatory = pfxF3
		case prefix&PrefixRepne != 0:
			mandatory = pfxF2
		case prefix&Prefix66 != 0:
			mandatory = pfx66
		}
	}
	if prefix&Prefix66 != 0 {
		opSize = opToggled
	}

	// Opcode.
	page := map1
	vexL := 0
	pos++
	switch b {
	case 0x0F:
		page = map0F
		b = d.buf[pos]
		pos++
		if b == 0x38 || b == 0x3A {
			page = map0F38
			if b == 0x3A {
				page = map0F3A
			}
			b = d.buf[pos]
			pos++
		}
	case 0xC4, 0xC5:
		if m := d.buf[pos]; long == 1 || m >= 0xC0 {
			bad := prefix&(PrefixLock|PrefixRep|PrefixRepne|PrefixREX|Prefix66) != 0
			last := m // the byte with vvvv, L and pp
			rex = ^m >> 5 & rexR
			page = mapVEX0F
			pos++
			if b == 0xC4 {
				rex = ^m >> 5 & 7
				last = d.buf[pos]
				pos++
				rex |= last >> 4 & rexW
				bad = bad || m&31 == 0 || m&31 > 3
				page = mapVEX0F + opcodeMap(m&31-1)&3
			}
			in.Vvvv = ^last >> 3 & 15
			vexL = int(last >> 2 & 1)
			mandatory = [4]int{pfxNone, pfx66, pfxF3, pfxF2}[last&3]
			if long == 0 {
				// There are eight registers, and no W.
				rex = 0
				in.Vvvv &= 7
			}
			b = d.buf[pos]
			pos++
			if bad {
				d.pos = pos
				return d.fail(in)
			}
		}
	}

	// Form.
	e := &opcodes[long][page][b]
	sel := uint8(0)
	var modrm uint8
	if e.modrm {
		modrm = d.buf[pos]
		pos++
		sel = selector[e.sel&3][modrm]
	}
	id := cells[int(e.base)+mandatory*int(e.pMul)+int(rex>>3&1)*int(e.wMul)+vexL*int(e.lMul)+int(sel)]
	d.pos = pos
	if id == 0 {
		return d.fail(in)
	}
	if rex&rexB != 0 && (id == nopForm || id == pauseForm) {
		id = xchgForm
	}
	inf := &infos[id]
	flags := inf.flags

	// Operand size.
	if flags&infMandW != 0 {
		opSize = 4
	}
	if long == 1 {
		if rex&rexW != 0 {
			opSize = 8
		}
		if flags&(infDef64|infForce64) != 0 && (opSize == 4 || flags&infForce64 != 0) {
			opSize = 8
		}
	}

	// Operands.
	in.Form = id
	in.OpSize = opSize
	in.AddrSize = addrSize
	if e.modrm {
		in.ModRM = modrm
		in.Reg = modrm>>3&7 | rex<<1&8
		if flags&infRegB != 0 && in.Reg&^3 == 4 && prefix&PrefixREX == 0 {
			in.Reg += AH - 4
		}
		if modrm >= 0xC0 || flags&infRegRM != 0 {
			in.RM = modrm&7 | rex<<3&8
			if flags&infRMB != 0 && in.RM&^3 == 4 && prefix&PrefixREX == 0 {
				in.RM += AH - 4
			}
		} else {
			prefix |= PrefixMem
			in.RM = modrm & 7
			seg := uint8(DS)
			if addrSize == 2 {
				ea := &ea16[modrm&7]
				in.Base, in.Index, seg = ea.base, ea.index, ea.seg
				switch {
				case modrm >= 0x80:
					in.Disp = int64(int16(binary.LittleEndian.Uint16(d.buf[pos:])))
					pos += 2
				case modrm >= 0x40:
					in.Disp = int64(int8(d.buf[pos]))
					pos++
				case modrm&7 == 6:
					in.Base, seg = NoReg, DS
					in.Disp = int64(binary.LittleEndian.Uint16(d.buf[pos:]))
					pos += 2
				}
			} else {
				base := modrm & 7
				if base == 4 {
					sib := d.buf[pos]
					pos++
					base = sib & 7
					in.Scale = sib >> 6
					in.Index = sib>>3&7 | rex<<2&8
					if in.Index == 4 {
						in.Index, in.Scale = NoReg, 0
					}
				}
				if base == 5 && modrm < 0x40 {
					if long == 1 && modrm&7 == 5 {
						prefix |= PrefixRIP
					}
					in.Disp = int64(int32(binary.LittleEndian.Uint32(d.buf[pos:])))
					pos += 4
				} else {
					in.Base = base | rex<<3&8
					if in.Base == RSP || in.Base == RBP {
						seg = SS
					}
					if modrm >= 0x80 {
						in.Disp = int64(int32(binary.LittleEndian.Uint32(d.buf[pos:])))
						pos += 4
					} else if modrm >= 0x40 {
						in.Disp = int64(int8(d.buf[pos]))
						pos++
					}
				}
			}
			if prefix&PrefixSeg == 0 {
				in.Seg = seg
			}
		}
	} else if flags&(infRM|infX|infY) != 0 {
		if flags&infRM != 0 {
			in.RM = b&7 | rex<<3&8
			if flags&infRMB != 0 && in.RM&^3 == 4 && prefix&PrefixREX == 0 {
				in.RM += AH - 4
			}
		} else {
			prefix |= PrefixMem
			in.Base = RSI
			if flags&infX == 0 {
				in.Base, in.Seg = RDI, ES
			}
		}
	}

	switch inf.imm {
	case immNone:
	case imm8:
		in.Imm = uint64(d.buf[pos])
		pos++
	case imm8s:
		in.Imm = uint64(int8(d.buf[pos]))
		pos++
	case imm16:
		in.Imm = uint64(binary.LittleEndian.Uint16(d.buf[pos:]))
		pos += 2
	case immZ:
		if opSize == 2 {
			in.Imm = uint64(int16(binary.LittleEndian.Uint16(d.buf[pos:])))
			pos += 2
		} else {
			in.Imm = uint64(int32(binary.LittleEndian.Uint32(d.buf[pos:])))
			pos += 4
		}
	case immV:
		in.Imm = readUint(d.buf[pos:], opSize)
		pos += int(opSize)
	case immFar:
		in.Imm = readUint(d.buf[pos:], opSize)
		pos += int(opSize)
		in.Imm2 = binary.LittleEndian.Uint16(d.buf[pos:])
		pos += 2
	case immEnter:
		in.Imm = uint64(binary.LittleEndian.Uint16(d.buf[pos:]))
		in.Imm2 = uint16(d.buf[pos+2])
		pos += 3
	case immOffset:
		prefix |= PrefixMem
		in.Disp = int64(readUint(d.buf[pos:], addrSize))
		pos += int(addrSize)
	}

	in.Prefix = prefix
	d.pos = pos
	if pos > d.n {
		return d.fail(in)
	}
	in.Len = uint8(pos)
	if prefix&PrefixLock != 0 && (flags&infLock == 0 || prefix&PrefixMem == 0) {
		return d.fail(in)
	}
	if flags&infCheck != 0 && !checkFields(in, long == 1) {
		return d.fail(in)
	}
	return nil
}

// readUint reads size (2, 4 or 8) bytes.
func readUint(b []byte, size uint8) uint64 {
	switch size {
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	default:
		return binary.LittleEndian.Uint64(b)
	}
}

// checkFields applies the rules on register numbers, and drops the REX bits
// that do not extend a register file of eight.
func checkFields(in *Inst, long bool) bool {
	f := &Forms[in.Form]
	vvvv := in.Vvvv == 0
	for i := range f.ops {
		switch f.ops[i].Method {
		case 'S':
			in.Reg &= 7
			if in.Reg > GS || i == 0 && in.Reg == CS {
				return false
			}
		case 'C':
			switch in.Reg {
			case 0, 2, 3, 4:
			case 8:
				if !long {
					return false
				}
			default:
				return false
			}
		case 'D':
			if in.Reg > 7 {
				return false
			}
		case 'P':
			in.Reg &= 7
		case 'Q', 'N':
			if !in.Mem() {
				in.RM &= 7
			}
		case 'B':
			vvvv = true
		}
	}
	return vvvv
}
