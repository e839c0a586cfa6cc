package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Crossings runs random walks between rings on two engines: blocks of code that lead to one another
// by INT n, IRET, SYSCALL and its relatives, through tables of descriptors in which something is
// mostly as it should be, and sometimes not.
type Crossings struct {
	bits   int
	a, b   *rig
	start  State
	memory string

	r *rand.Rand // of the case under way
}

// Selectors, in the order that fast system calls rely on.
const (
	crossCode0  = 0x08
	crossData0  = 0x10
	crossUser32 = 0x18 | 3 // SYSEXIT's, and what STAR has for SYSRET
	crossData3  = 0x20 | 3
	crossUser64 = 0x28 | 3
	crossData3b = 0x30 | 3
	crossTSS    = 0x38 // and 0x40
	crossCode1  = 0x48 | 1
	crossData1  = 0x50 | 1
	crossCode2  = 0x58 | 2
	crossData2  = 0x60 | 2
	crossConf   = 0x68 | 3
	crossSmall  = 0x70 | 3 // code with a limit or a base
	crossOther  = 0x78 | 3 // data that is not flat
	crossLast   = 0x7f
)

const (
	crossBlocks = 10
	crossPitch  = 0x80
	crossVector = 0x20 // the first of the blocks' gates
	crossStack3 = 0x68000
)

// NewCrossings makes the machines. attach gives the processors of a cache their engine.
func NewCrossings(t *testing.T, bits int, attach func(*CodeCache)) *Crossings {
	s := &Crossings{bits: bits}
	for _, g := range []**rig{&s.a, &s.b} {
		m := newSysRig(t, bits)
		*g = m.rig
		m.OnException = nil
		m.CPU.board = &pins{m.rig.board, -1}
		m.rig.smallPages(bits)
		if bits == 32 {
			m.CR3, m.CR4 = sequenceDirectory, m.CR4|CR4PSE
		}
		m.EFER |= EFERSCE
	}
	s.start, s.memory = *s.a.Pull(), string(s.a.board.ram)
	attach(s.b.code)
	return s
}

// Run runs the case of a seed, of that many instructions.
func (s *Crossings) Run(t *testing.T, seed, count uint64) {
	t.Helper()
	alike(t, s.a, s.b, count, fmt.Sprintf("%d bits, seed %d", s.bits, seed), func(n uint64) bool { return s.run(seed, n) })
}

// alike asks for two machines that are the same after a case of that many instructions, which run
// runs on both. Where they differ it looks for the first instruction after which they do.
func alike(t *testing.T, a, b *rig, count uint64, what string, run func(count uint64) bool) {
	t.Helper()
	if run(count) {
		return
	}
	for n := uint64(1); n <= count; n++ {
		run(n - 1)
		at := a.String() + ": " + a.disasm()
		run(n)
		a.sameAs(t, b, fmt.Sprintf("%s, instruction %d, %s", what, n, at))
	}
	t.Fatalf("%s: the engines differ, but not once more", what)
}

// Inside is how many crossings did not leave host code.
func (s *Crossings) Inside() uint64 { return s.b.native.Crossing.Count }

func (s *Crossings) run(seed, count uint64) bool {
	s.r = rand.New(rand.NewPCG(seed, uint64(s.bits)))
	copy(s.a.board.ram, s.memory)
	st := s.random(s.a.board.ram)
	copy(s.b.board.ram, s.a.board.ram)
	interrupt, slice, windows := count, count, s.r.IntN(2) == 0
	if s.r.IntN(4) == 0 {
		interrupt = s.r.Uint64N(count + 1)
	}
	if s.r.IntN(2) == 0 {
		slice = 1 + s.r.Uint64N(50)
	}
	aside := rand.New(rand.NewPCG(seed, 3)) // what the guest does not notice
	for _, g := range []*rig{s.a, s.b} {
		g.code.Flush()
		g.State = st
		g.Refresh()
		between := func() {
			if g == s.b {
				g.disturb(aside, windows)
			}
		}
		between()
		g.runSlices(interrupt, func() uint64 { return slice }, between)
		switch {
		case interrupt == count:
		case seed%3 == 0:
			g.NMI()
		default:
			g.CPU.board.(*pins).vector = crossVector + int(seed%crossBlocks)
			g.Kick()
		}
		g.runSlices(count, func() uint64 { return slice }, between)
		g.CPU.board.(*pins).vector = -1
	}
	return *s.a.Pull() == *s.b.Pull() && string(s.a.board.ram) == string(s.b.board.ram)
}

// disturb changes what host code relies on and the guest does not notice.
func (r *rig) disturb(rand *rand.Rand, windows bool) {
	other := &r.returns[rand.IntN(2)]
	switch rand.IntN(8) {
	case 0:
		other.sp = 0
	case 1:
		other.sp = other.least // no room for the calls of a budget
	case 2:
		if i := rand.IntN(2); r.windows[i].open {
			r.closeWindow(i, 1)
			r.newEpoch()
		}
	default:
		if windows && r.code.sharedFile != nil && r.tlbIndex != tlbSuperAC {
			r.openWindow()
		}
	}
}

// one is one in n.
func (s *Crossings) one(n int) bool { return s.r.IntN(n) == 0 }

func pick[T any](r *rand.Rand, l ...T) T { return l[r.IntN(len(l))] }

func (s *Crossings) block() uint64 { return rigCode + uint64(s.r.IntN(crossBlocks))*crossPitch }

// random fills memory and chooses a state.
func (s *Crossings) random(ram []byte) State {
	put := func(at, v uint64) { binary.LittleEndian.PutUint64(ram[at:], v) }
	code := func(dpl, long int) uint64 {
		if s.bits == 64 {
			return segDesc(0, 0xfffff, dCode|dpl<<5|dGran|long)
		}
		return segDesc(0, 0xfffff, dCode|dpl<<5|flat)
	}
	data := func(dpl int) uint64 { return segDesc(0, 0xfffff, dData|dpl<<5|flat) }
	for sel, d := range map[uint64]uint64{
		crossCode0: code(0, dLong), crossData0: data(0), crossUser32: segDesc(0, 0xfffff, dCode|dDPL3|flat), crossData3: data(3),
		crossUser64: code(3, dLong), crossData3b: data(3), crossTSS: segDesc(rigTSS, 0x2100, dTSS32|2), crossTSS + 8: 0,
		crossCode1: code(1, dLong), crossData1: data(1), crossCode2: code(2, dLong), crossData2: data(2),
		crossConf:  segDesc(0, 0xfffff, dConf|dLong|dGran),
		crossOther: segDesc(pick[uint32](s.r, 0, 0x100), pick[uint32](s.r, 0xfffff, 0xff), pick(s.r, dData, dData&^1, dData&^2, dData|4)|dDPL3|pick(s.r, flat, flat, dBig)),
		crossSmall: pick(s.r, segDesc(0, rigCode+crossBlocks/2*crossPitch, dCode|dDPL3|dBig), segDesc(crossPitch, 0xfffff, dCode|dDPL3|flat)),
	} {
		switch s.r.IntN(80) {
		case 0:
			d ^= 1 << (40 + s.r.IntN(24))
		case 1:
			d ^= 1 << s.r.IntN(64)
		case 2:
			d &^= 1 << 41 // readable, writable
		}
		put(rigGDT+sel&^7, d)
	}
	put(rigGDT, pick(s.r, code(0, dLong), code(3, dLong), data(0), data(3))) // the null selector is null whatever is there
	size := uint64(8)
	if s.bits == 64 {
		size = 16
	}
	gate := func(vector, to uint64) {
		attr := gInt32 + s.r.IntN(2) | dDPL3
		if s.one(10) {
			attr ^= 1 << s.r.IntN(8)
		}
		sel := uint16(crossCode0)
		if s.one(6) {
			sel = pick[uint16](s.r, crossCode1, crossCode2, crossConf, crossUser64, crossUser32, crossSmall, 0, crossCode0|4, 0x100, crossData0)
		}
		ist := 0
		if s.one(20) {
			ist = s.r.IntN(3)
		}
		put(rigIDT+vector*size, gateDesc(sel, uint32(to), attr, ist))
		if size == 16 {
			upper := uint64(0)
			if s.one(40) {
				upper = s.r.Uint64()
			}
			put(rigIDT+vector*size+8, upper)
		}
	}
	for i := range uint64(32) { // where exceptions end
		put(rigIDT+i*size, gateDesc(crossCode0, rigHandler, gInt32, 0))
		if size == 16 {
			put(rigIDT+i*size+8, 0)
		}
	}
	copy(ram[rigHandler:], "\xeb\xfe")
	gate(2, s.block())
	gate(3, s.block())
	for i := range uint64(crossBlocks) {
		gate(crossVector+i, s.block())
		copy(ram[rigCode+i*crossPitch:], s.code())
	}
	for i, sp := range []uint64{rigStack0, rigStack1, rigStack1 + 0x1000} {
		if s.one(8) {
			sp += s.r.Uint64N(64) - 48 // also across the edge of a page
		}
		if s.bits == 64 {
			put(rigTSS+4+8*uint64(i), sp)
			put(rigTSS+0x24+8*uint64(i), sp-0x400)
		} else {
			ss := []uint64{crossData0, crossData1, crossData2}[i]
			if s.one(16) {
				ss = pick[uint64](s.r, crossData0, crossData0|3, crossData1, crossData3, crossData3&^3, crossCode0, 0)
			}
			put(rigTSS+4+8*uint64(i), sp|ss<<32)
		}
	}
	entry := uint64(8)
	if s.bits == 32 {
		entry = 4
	}
	for at := uint64(rigIDT); at < rigStack1+0x2000; at += 0x1000 {
		if at >= crossStack3-0x1000 && at < crossStack3+0x1000 {
			continue
		}
		ram[sequenceTable+at>>12*entry] &^= pteU
	}

	st := s.start
	st.GDTR = Table{Base: rigGDT, Limit: crossLast}
	st.IDTR = Table{Base: rigIDT, Limit: uint16(0x40*size - 1)}
	if s.one(20) {
		st.IDTR.Limit = uint16(size * (crossVector + s.r.Uint64N(crossBlocks)))
		st.GDTR.Limit = uint16(crossData3b + s.r.Uint64N(0x40))
	}
	st.STAR = crossCode0<<32 | crossUser32<<48
	if s.one(30) {
		st.STAR = s.r.Uint64()
	}
	st.LSTAR, st.SysenterEIP, st.SysenterCS = s.block(), s.block(), crossCode0
	st.SysenterESP = rigStack0 - 0x800
	if s.one(20) {
		st.SysenterCS = s.r.Uint64N(4)
	}
	st.FMASK = pick[uint64](s.r, 0x47700, 0, 0x257fd5, FlagIF, FlagCF|FlagZF|FlagDF, FlagAC|FlagTF)
	load := func(i int, sel uint16) {
		v := binary.LittleEndian.Uint64(ram[rigGDT+uint64(sel&^7):])
		d := descriptor{lo: uint32(v), hi: uint32(v >> 32)}
		st.Seg[i] = d.segment(sel)
	}
	user := uint16(crossUser64)
	if s.bits == 32 {
		user = crossUser32
		st.CR0 &^= CR0PG
		if s.one(2) {
			st.CR0 |= CR0PG
		}
	}
	load(CS, crossCode0)
	load(SS, crossData0)
	st.GPR[RSP] = rigStack0 - 0x100
	if s.one(2) {
		load(CS, user)
		load(SS, crossData3)
		st.GPR[RSP] = crossStack3
	}
	for _, i := range []int{ES, DS, FS, GS} {
		st.Seg[i] = Segment{}
		if !s.one(3) {
			load(i, crossData3)
		} else if s.one(4) {
			load(i, pick[uint16](s.r, crossData0, crossConf, crossCode0, crossUser32))
		}
	}
	if st.Seg[CS].Attr&attrL == 0 == (s.bits == 64) { // the mutation of a bit
		load(CS, crossCode0)
		st.Seg[CS].Attr = FlatCode64
		if s.bits == 32 {
			st.Seg[CS].Attr = FlatCode32
		}
	}
	st.Seg[TR] = Segment{Sel: crossTSS, Base: rigTSS, Limit: 0x2100, Attr: attrP | 11}
	switch s.r.IntN(12) {
	case 0:
		st.Seg[TR].Attr = attrP | 3
	case 1:
		st.Seg[TR].Limit = uint32(s.r.IntN(32))
	}
	if s.one(10) {
		st.EFER &^= EFERSCE
	}
	st.NMIBlocked = s.one(12)
	if s.bits == 32 && st.Seg[SS].DPL() == 0 && s.one(20) {
		st.CR0 &^= CR0PE | CR0PG
	}
	st.CR0 |= uint64(s.r.IntN(2)) * CR0WP
	if st.CR0&CR0PG != 0 && s.one(4) {
		st.CR4 |= CR4SMAP
	}
	if s.one(8) {
		st.CR0 |= CR0AM
	}
	if s.one(10) {
		st.DR[7] |= 2
		if st.DR[0] = s.block(); s.one(2) { // a port
			st.DR[7] |= 2 << 16
			st.CR4 |= CR4DE
		}
	}
	st.RFLAGS = s.flags() &^ FlagVM
	st.RIP = s.block()
	for i := range s.bits/4 - 8*(s.bits/64) {
		if i != RSP {
			st.GPR[i] = s.r.Uint64() & (^uint64(0) >> (64 - s.bits))
		}
	}
	return st
}

// flags is an image of RFLAGS.
func (s *Crossings) flags() uint64 {
	f := s.r.Uint64()&statusFlags | Flag1 | FlagIF
	if s.one(2) {
		f = f&^FlagIF | s.r.Uint64()&(FlagIF|FlagDF|FlagIOPL|FlagID)
	}
	switch s.r.IntN(24) {
	case 0:
		f |= 1 << s.r.IntN(22)
	case 1:
		f |= FlagNT
	case 2, 3, 4:
		f |= FlagRF
	}
	return f
}

// selector is one for a data segment, mostly.
func (s *Crossings) selector() uint64 {
	if !s.one(3) {
		return crossData3
	}
	return pick[uint64](s.r, 0, 3, crossOther, crossOther, crossOther, crossData3b, crossData3&^3, crossData0, crossData1, crossCode0, crossConf, crossUser32, crossTSS, crossData3|4, crossLast+1, 0xdead0000|crossData3)
}

// code is a block.
func (s *Crossings) code() (b []byte) {
	add := func(p ...byte) { b = append(b, p...) }
	imm := func(v uint64) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	for range s.r.IntN(3) {
		switch s.r.IntN(14) {
		case 0:
			add(0xff, 0xc3) // INC EBX
		case 1:
			add(0x05) // ADD EAX,imm32
			imm(s.r.Uint64())
		case 2:
			add(0x9c, 0x5e) // PUSHF; POP RSI
		case 3:
			add(pick[byte](s.r, 0xfa, 0xfb, 0xfc, 0xf8, 0xf9)) // CLI STI CLD CLC STC
		case 4:
			add(0x50, 0x5f) // PUSH RAX; POP RDI
		case 5:
			add(0xe8, 0, 0, 0, 0, 0x5e) // CALL to the next instruction; POP RSI
		case 6:
			if s.one(4) {
				add(0x0f, 0x01, pick[byte](s.r, 0xca, 0xcb)) // CLAC STAC
			}
		case 7:
			if s.one(4) {
				add(0x66)
			}
			add(0x8c, pick[byte](s.r, 0xc8, 0xd0, 0xd8, 0xe0, 0xf8)) // MOV EAX,CS SS DS FS; MOV EAX,DI
		case 8:
			add(0x31, 0x44, 0x24, 0xf0) // XOR [RSP-16],EAX
		case 9:
			add(0x2e, 0x8b, 0x04, 0x24) // MOV EAX,CS:[RSP]
		case 10:
			if s.one(2) {
				add(0xd9, 0xe8) // FLD1: the unit notes CS
			} else {
				add(pick[byte](s.r, 0x26, 0x3e, 0x64), 0xd9, 0x04, 0x24) // FLD dword ES DS FS:[RSP]: it notes that, too
			}
			add(0xdd, 0xd8) // FSTP ST0
		case 11:
			add(0x68) // PUSH imm32
			imm(s.selector())
			switch i := s.r.IntN(6); {
			case i == 0:
				add(0x0f, 0xa1) // POP FS
			case i == 1:
				add(0x0f, 0xa9) // POP GS
			case i == 2 && s.bits == 32:
				add(pick[byte](s.r, 0x07, 0x1f)) // POP ES DS
			default:
				add(0x8e, pick[byte](s.r, 0, 3, 3, 4, 4, 5)<<3|4, 0x24, 0x5e) // MOV ES DS FS GS,[RSP]; POP RSI
			}
			if s.one(2) {
				add(pick[byte](s.r, 0x26, 0x3e, 0x64, 0x65), 0x8b, 0x04, 0x24) // MOV EAX,ES DS FS GS:[RSP]
			}
		case 12:
			add(0xb8) // MOV EAX,imm32
			imm(s.selector())
			add(0x8e, pick[byte](s.r, 0, 3, 4, 5)<<3|0xc0) // MOV ES DS FS GS,EAX
			if s.bits == 32 && s.one(2) {
				add(pick[byte](s.r, 0x06, 0x0e, 0x16, 0x1e), 0x5e) // PUSH ES CS SS DS; POP ESI
			} else {
				add(0x0f, pick[byte](s.r, 0xa0, 0xa8), 0x5e) // PUSH FS GS; POP RSI
			}
		case 13:
			if s.one(2) {
				add(0x68) // PUSH imm32
				imm(s.flags())
			} else {
				add(0x9c, pick[byte](s.r, 0xfa, 0xfb, 0xf9)) // PUSHF; CLI STI STC
			}
			add(0x9d) // POPF
		}
	}
	push := func(v uint64) {
		add(0x68)
		imm(v)
	}
	rex := func() {
		if s.bits == 64 {
			add(0x48)
		}
	}
	target := s.block()
	odd := s.bits == 64 && s.one(40)
	user := uint64(crossUser64)
	if s.bits == 32 {
		user = crossUser32
	}
	switch s.r.IntN(12) {
	case 10, 11:
		push(target)
		add(0xc3) // RET
	case 0, 1, 2:
		add(0xcd, byte(crossVector+s.r.IntN(crossBlocks+1)))
	case 3, 4: // IRET to anywhere
		cs, ss, sp := user, uint64(crossData3), uint64(crossStack3)
		switch s.r.IntN(10) {
		case 0, 1, 2:
			cs, ss, sp = crossCode0, crossData0, rigStack0-0x200
			if s.bits == 64 && s.one(2) {
				ss = 0
			}
		case 3:
			cs, ss, sp = crossCode1, crossData1, rigStack1-0x200
		case 4:
			cs = pick[uint64](s.r, crossUser32, crossSmall)
		case 5:
			cs = pick[uint64](s.r, crossConf, crossSmall, crossUser32, crossUser64, crossCode2, crossData3, 0, 7, crossUser64|4, crossCode0|3, user&^3)
		}
		if s.one(8) {
			ss = pick[uint64](s.r, crossData3, crossData3b, crossData3&^3, crossData0|3, crossData0, 0, 3, crossUser64, crossData1)
		}
		if s.bits == 64 && s.one(5) {
			cs = crossUser32
		}
		if s.one(12) {
			sp += s.r.Uint64N(64) - 32
		}
		push(ss)
		push(sp)
		push(s.flags())
		push(cs)
		push(target)
		rex()
		add(0xcf)
	case 5: // back
		rex()
		add(0xcf)
	case 6:
		if s.bits == 64 && !s.one(3) {
			add(0x0f, 0x05) // SYSCALL
		} else {
			add(0x0f, 0x34) // SYSENTER
		}
	case 7:
		if s.bits == 64 && !s.one(3) { // SYSRET
			add(0x49, 0xc7, 0xc3) // MOV R11,imm32
			imm(s.flags())
			if odd {
				add(0x48, 0xb9) // MOV RCX,imm64
				b = binary.LittleEndian.AppendUint64(b, 1<<47|target)
			} else {
				add(0xb9) // MOV ECX,imm32
				imm(target)
			}
			if s.one(4) {
				add(0xbc) // MOV ESP,imm32
				imm(crossStack3)
			}
			rex()
			add(0x0f, 0x07)
			break
		}
		add(0xb9) // MOV ECX,imm32
		imm(crossStack3)
		add(0xba) // MOV EDX,imm32
		imm(target)
		rex()
		add(0x0f, 0x35) // SYSEXIT
	case 8:
		add(0xcc)
	case 9:
		add(0xb8) // MOV EAX,imm32; JMP RAX
		imm(target)
		add(0xff, 0xe0)
	}
	if len(b) > crossPitch {
		panic("a block is too long")
	}
	return b
}
