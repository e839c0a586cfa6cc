package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"g86/cpu/internal/hostcpu"
	"g86/cpu/isa"
)

// The host's processor as the oracle: the same bytes run natively and on the
// interpreter, between an FXRSTOR64 of a random state and an FXSAVE64, and the
// two images, the memory operand and the general registers must be the same.

// Offsets in the block that RDI points to.
const (
	fpHostIn   = 0x000 // FXSAVE image before
	fpHostOut  = 0x200 // and after
	fpHostMem  = 0x400 // memory operand
	fpHostRegs = 0x600 // RCX, RDX, RAX before; RCX, RDX, RAX, LAHF, SETO after
	fpHostKeep = 0x800 // what Go had in the registers
	fpHostSize = 0xa00
)

// fpHostProgram wraps op, which may use [rdi+disp32], RCX, RDX, RAX and the flags
// of AH.
func fpHostProgram(op []byte) []byte {
	d := func(b []byte, at uint32) []byte { return binary.LittleEndian.AppendUint32(b, at) }
	p := []byte{0x48, 0x89, 0xc7}                           // mov rdi, rax
	p = d(append(p, 0x48, 0x0f, 0xae, 0x87), fpHostKeep)    // fxsave64
	p = d(append(p, 0x48, 0x0f, 0xae, 0x8f), fpHostIn)      // fxrstor64
	p = d(append(p, 0x48, 0x8b, 0x8f), fpHostRegs)          // mov rcx
	p = d(append(p, 0x48, 0x8b, 0x97), fpHostRegs+8)        // mov rdx
	p = d(append(p, 0x48, 0x8b, 0x87), fpHostRegs+16)       // mov rax
	p = append(p, 0x9e)                                     // sahf
	p = append(p, op...)                                    //
	p = d(append(p, 0x48, 0x89, 0x8f), fpHostRegs+32)       // mov rcx
	p = d(append(p, 0x48, 0x89, 0x97), fpHostRegs+40)       // mov rdx
	p = d(append(p, 0x48, 0x89, 0x87), fpHostRegs+48)       // mov rax
	p = d(append(p, 0x9f, 0x48, 0x89, 0x87), fpHostRegs+56) // lahf; mov rax
	p = d(append(p, 0x0f, 0x90, 0x87), fpHostRegs+64)       // seto
	p = d(append(p, 0x48, 0x0f, 0xae, 0x87), fpHostOut)     // fxsave64
	return d(append(p, 0x48, 0x0f, 0xae, 0x8f), fpHostKeep) // fxrstor64
}

type fpHostBlock []byte

// newFPHostBlock is a block aligned as FXSAVE wants it.
func newFPHostBlock() fpHostBlock {
	b := make([]byte, fpHostSize+64)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[skip : skip+fpHostSize]
}

// fpHostF80 are values that x87 arithmetic finds interesting.
var fpHostF80 = [][10]byte{
	{},
	{9: 0x80},
	{7: 0x80, 8: 0xff, 9: 0x3f},                   // 1
	{7: 0x80, 8: 0xff, 9: 0xbf},                   // -1
	{7: 0xc0, 8: 0x00, 9: 0x40},                   // 3
	{7: 0x80, 8: 0xff, 9: 0x7f},                   // infinity
	{7: 0x80, 8: 0xff, 9: 0xff},                   // -infinity
	{7: 0xc0, 8: 0xff, 9: 0xff},                   // indefinite
	{0: 5, 7: 0xd0, 8: 0xff, 9: 0x7f},             // QNaN
	{0: 5, 7: 0x90, 8: 0xff, 9: 0x7f},             // SNaN
	{0: 1},                                        // denormal
	{0: 7, 7: 0x80, 8: 0x00, 9: 0x00},             // pseudo-denormal
	{0: 1, 7: 0x70, 8: 0x10, 9: 0x40},             // unnormal
	{0: 0xff, 1: 0xff, 7: 0xff, 8: 0xfe, 9: 0x7f}, // huge
	{0: 0x21, 7: 0x80, 8: 0x01, 9: 0x80},          // tiny
	{3: 0x10, 6: 0x80, 7: 0xff, 8: 0x0e, 9: 0x40}, // needs rounding
	{0: 0xff, 1: 0xff, 2: 0xff, 3: 0xff, 6: 0xff, 7: 0xff, 8: 0x3d, 9: 0x40}, // nearly 2^63
}

// randomize fills the input with a random state: some of it interesting values.
func (b fpHostBlock) randomize(rng *rand.Rand, mxcsr uint32) {
	rng.Read(b)
	in := b[fpHostIn:]
	cw := uint16(0x7f)
	if rng.Intn(3) == 0 {
		cw = 0x40 | uint16(rng.Intn(64))
	}
	cw |= []uint16{0, 0x200, 0x300, 0x300}[rng.Intn(4)] | uint16(rng.Intn(4))<<10
	binary.LittleEndian.PutUint16(in, cw)
	binary.LittleEndian.PutUint16(in[2:], uint16(rng.Uint32())&0x7f00|uint16(rng.Uint32())&cw&0x3f)
	in[4] = uint8(rng.Uint32() | rng.Uint32())
	for i := range 8 {
		r := in[32+16*i:]
		clear(r[10:16])
		if rng.Intn(3) == 0 {
			copy(r, fpHostF80[rng.Intn(len(fpHostF80))][:])
		} else if rng.Intn(4) != 0 {
			r[7] |= 0x80
			binary.LittleEndian.PutUint16(r[8:], 0x3fff+uint16(rng.Intn(150))-75|uint16(rng.Uint32())&0x8000)
		}
	}
	binary.LittleEndian.PutUint32(in[24:], mxcsr)
	for i := range 16 {
		fpHostVector(rng, in[160+16*i:][:16])
	}
	m := b[fpHostMem : fpHostMem+256]
	for i := 0; i < 256; i += 16 {
		fpHostVector(rng, m[i:i+16])
	}
	if rng.Intn(3) == 0 {
		copy(m, fpHostF80[rng.Intn(len(fpHostF80))][:])
	}
	clear(b[fpHostOut:fpHostMem])
	clear(b[fpHostKeep:])
}

// fpHostVector fills 16 bytes with integers, singles or doubles.
func fpHostVector(rng *rand.Rand, v []byte) {
	switch rng.Intn(5) {
	case 0:
		for i := 0; i < 16; i += 4 {
			f := []uint32{0, 1 << 31, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001, 1, 0x7fffff,
				0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x3f000000, 0x40490fdb}[rng.Intn(16)]
			binary.LittleEndian.PutUint32(v[i:], f)
		}
	case 1:
		for i := 0; i < 16; i += 8 {
			f := []uint64{0, 1 << 63, 0x3ff << 52, 0xbff << 52, 0x7ff << 52, 0xfff << 52, 0x7ff8<<48 | 1, 0x7ff<<52 | 1, 1,
				1<<52 - 1, 1 << 52, 0x7ff<<52 - 1, 0x41e << 52, 0x43e << 52, 0x3fe << 52, 0x400921fb54442d18}[rng.Intn(16)]
			binary.LittleEndian.PutUint64(v[i:], f)
		}
	case 2:
		for i := 0; i < 16; i += 4 {
			binary.LittleEndian.PutUint32(v[i:], rng.Uint32()&0x80ffffff|uint32(rng.Intn(40)+107)<<23)
		}
	case 3:
		for i := 0; i < 16; i += 8 {
			binary.LittleEndian.PutUint64(v[i:], rng.Uint64()&(1<<63|1<<52-1)|uint64(rng.Intn(80)+983)<<52)
		}
	}
}

// fpHostCase is one instruction and what is compared.
type fpHostCase struct {
	name string
	code []byte
	sw   uint16 // bits of the status word that processors differ in
	env  bool   // the memory operand begins with the environment
	mask bool   // x87 exceptions are masked and none is pending
}

func (h *fpHostCase) run(t *testing.T, r *rig, rng *rand.Rand, rounds int, mxcsr func() uint32) {
	program := fpHostProgram(h.code)
	native := hostcpu.Load(program)
	b := newFPHostBlock()
	for range rounds {
		b.randomize(rng, mxcsr())
		if h.mask {
			b[0] |= 0x3f
		}
		guest := r.board.ram[rigData : rigData+fpHostSize]
		copy(guest, b)
		before := append([]byte(nil), b...)
		native.Run(unsafe.Pointer(unsafe.SliceData(b)))
		r.GPR[RAX] = rigData
		require.Equal(t, -1, r.Exec(fmt.Sprintf("%x", program)), h.name)
		for _, img := range [][]byte{b[fpHostOut:], guest[fpHostOut:]} {
			clear(img[5:24]) // pointers: not every processor keeps them
			clear(img[28:32])
			clear(img[416:512])
			sw := binary.LittleEndian.Uint16(img[2:])
			binary.LittleEndian.PutUint16(img[2:], sw&^h.sw)
		}
		if h.env {
			clear(b[fpHostMem+12 : fpHostMem+28])
			clear(guest[fpHostMem+12 : fpHostMem+28])
		}
		same := string(b[:fpHostKeep]) == string(guest[:fpHostKeep])
		if !same {
			t.Fatalf("%s (% x):\n%s", h.name, h.code, fpHostDiff(before, b, guest))
		}
	}
}

// fpHostDiff shows where the two differ.
func fpHostDiff(before, host, guest fpHostBlock) string {
	s := fmt.Sprintf("before: cw %x sw %x tag %02x mxcsr %x\n", before[0:2], before[2:4], before[4], before[24:28])
	top := int(before[3]>>3) & 7
	for i := range 8 {
		s += fmt.Sprintf("  st%d/mm%d %x (tag %d)\n", i, i, before[32+16*i:][:10], before[4]>>((top+i)&7)&1)
	}
	for i := range 3 {
		s += fmt.Sprintf("  xmm%d %x\n", i, before[160+16*i:][:16])
	}
	s += fmt.Sprintf("  mem %x regs %x\n", before[fpHostMem:fpHostMem+16], before[fpHostRegs:fpHostRegs+24])
	for i := 0; i < fpHostKeep; i += 2 {
		if host[i] != guest[i] || host[i+1] != guest[i+1] {
			s += fmt.Sprintf("  +%#x: host %02x%02x guest %02x%02x\n", i, host[i+1], host[i], guest[i+1], guest[i])
		}
	}
	return s
}

// TestX87MatchesHost runs every x87 instruction whose results are defined to the
// last bit.
func TestX87MatchesHost(t *testing.T) {
	skip := map[string]bool{}
	for _, op := range []string{"d9f0", "d9f1", "d9f2", "d9f3", "d9f9", "d9fb", "d9fe", "d9ff"} { // transcendental
		skip[op] = true
	}
	r := newRig(t, "max", 64)
	rng := rand.New(rand.NewSource(1))
	for op := 0xd8; op <= 0xdf; op++ {
		for modrm := 0; modrm < 256; modrm++ {
			h := fpHostCase{code: []byte{byte(op), byte(modrm)}}
			h.name = fmt.Sprintf("%x", h.code)
			switch {
			case modrm >= 0xc0:
			case modrm&0xc7 == 0x87: // [rdi+disp32]
				h.code = binary.LittleEndian.AppendUint32(h.code, fpHostMem)
			default:
				continue
			}
			if skip[h.name] {
				continue
			}
			in, err := decode64(h.code)
			if err != nil {
				continue
			}
			h.name += " " + in
			switch name, _, _ := strings.Cut(in, " "); name {
			case "FCOMI", "FCOMIP", "FUCOMI", "FUCOMIP": // the manual clears C1, AMD's processors do not
				h.sw = swC1
			case "FNSTENV", "FNSAVE":
				h.env = true
			}
			t.Run(h.name, func(t *testing.T) { h.run(t, r, rng, 200, func() uint32 { return 0x1f80 }) })
		}
	}
}

// encodings returns byte strings of form f for 64-bit mode: with operands in
// registers 1 (ModRM.reg) and 2, and with [rdi+disp32], where it has them.
func encodings(f *isa.Form, imm byte) (l [][]byte) {
	mods := []byte{0xca, 0x8f} // reg 1, rm 2; reg 1, [rdi+disp32]
	var b []byte
	var w, hasModRM, hasImm bool
	reg, opcode := byte(0xff), false
	for _, tok := range strings.Fields(f.Enc) {
		switch {
		case tok == "NP":
		case tok == "66" && !opcode, tok == "F2" && !opcode, tok == "F3" && !opcode:
			v, _ := strconv.ParseUint(tok, 16, 8)
			b = append(b, byte(v))
		case tok == "REX.W":
			w = true
		case tok == "/r":
			hasModRM = true
		case tok[0] == '/':
			hasModRM, reg = true, tok[1]-'0'
		case tok == "mem":
			mods = mods[1:]
		case tok == "mod3":
			mods = mods[:1]
		case tok == "ib":
			hasImm = true
		default:
			v, err := strconv.ParseUint(tok, 16, 8)
			if err != nil {
				return nil
			}
			if !opcode && w {
				b = append(b, 0x48)
			}
			opcode = true
			b = append(b, byte(v))
		}
	}
	if !hasModRM {
		return [][]byte{b}
	}
	for _, m := range mods {
		if reg != 0xff {
			m = m&^0x38 | reg<<3
		}
		code := append(append([]byte(nil), b...), m)
		if m < 0xc0 {
			code = binary.LittleEndian.AppendUint32(code, fpHostMem)
		}
		if hasImm {
			code = append(code, imm)
		}
		var in isa.Inst
		if isa.Decode(code, 64, &in) == nil && isa.Forms[in.Form].Mnemonic == f.Mnemonic {
			l = append(l, code)
		}
	}
	return l
}

// hostFeatures are the CPUID.1:ECX bits of what not every host has.
var hostFeatures = map[isa.Feature]uint{isa.SSE3: 0, isa.PCLMUL: 1, isa.SSSE3: 9, isa.SSE41: 19, isa.SSE42: 20, isa.AES: 25}

func hostHas(f isa.Feature) bool {
	if f == isa.SHA {
		_, b, _, _ := hostcpu.CPUID(7)
		return b>>29&1 != 0
	}
	bit, ok := hostFeatures[f]
	_, _, c, _ := hostcpu.CPUID(1)
	return !ok || c>>bit&1 != 0
}

// TestSSEMatchesHost runs every MMX and SSE form, registers and memory, but for
// the approximations, which each processor makes its own.
func TestSSEMatchesHost(t *testing.T) {
	r := newRig(t, "max", 64)
	rng := rand.New(rand.NewSource(2))
	for i := range isa.Forms {
		f := &isa.Forms[i]
		if f.Attr&(isa.SSECheck|isa.MMXCheck) == 0 || strings.HasPrefix(f.Mnemonic, "RCP") || strings.HasPrefix(f.Mnemonic, "RSQRT") ||
			f.Mnemonic == "LDMXCSR" || !hostHas(f.Feature) {
			continue
		}
		t.Run(f.Mnemonic+" "+f.Args, func(t *testing.T) {
			if strings.HasPrefix(f.Mnemonic, "DPP") && hostcpu.Intel() {
				t.Skip("which NaN of several a dot product is differs between makers; g86 has AMD's")
			}
			ran := 0
			for range 8 {
				for n, code := range encodings(f, byte(rng.Uint32())) {
					if f.Mnemonic == "CVTPI2PS" && n == 1 {
						continue // from memory: the manual says that it enters MMX state, AMD's processors do not
					}
					h := fpHostCase{name: f.Mnemonic, code: code, mask: true}
					h.run(t, r, rng, 20, func() uint32 { return 0x1f80 | rng.Uint32()&0xe040 })
					ran++
				}
			}
			require.NotZero(t, ran)
		})
	}
}
