package cpu

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
	"g86/cpu/softfloat"
)

// Sequences runs short random instruction sequences from random states on two engines that
// stay from one to the next, so that a case costs little more than its translation.
type Sequences struct {
	bits   int
	pool   [][][]byte
	a, b   *rig
	start  [2]State // in ring 0 and in ring 3
	memory string
	last   State   // before the last case
	pages  [4]byte // low flags of the entries of the pages at rigData

	windows bool // the second machine uses them, and some addresses are in their high part

	interrupt uint64 // after how many instructions one comes in, if not 0
}

const (
	sequenceTable     = 0xa0000 // page table of the first 2 or 4 MiB
	sequenceDirectory = 0xa1000 // 32-bit page directory
	// sequenceBatch is how many cases run on the memory that those before have left.
	sequenceBatch = 256
	sequencePitch = 0x100 // from one case's code to the next one's
	// longestCase is how many instructions a case runs, jumps to itself at its end included.
	longestCase = 40
)

// NewSequences makes the machines. attach gives the processors of a cache their engine.
func NewSequences(t *testing.T, bits int, pool [][][]byte, attach func(*CodeCache)) *Sequences {
	s := &Sequences{bits: bits, pool: near(pool, isa.Mode(bits))}
	s.start[1] = *randomMachine(t, bits, pool, 1).Pull()
	s.a, s.b = randomMachine(t, bits, pool, 0), randomMachine(t, bits, pool, 0)
	s.start[0] = *s.a.Pull()
	for _, g := range []*rig{s.a, s.b} {
		g.smallPages(bits)
	}
	s.memory = string(s.a.board.ram)
	for _, g := range []*rig{s.a, s.b} {
		g.OnException = nil
	}
	attach(s.b.code)
	return s
}

// smallPages maps the first MiBs by pages of 4 KiB.
func (r *rig) smallPages(bits int) {
	const flags = pteP | pteW | pteU
	if bits == 64 {
		for i := range uint64(512) {
			r.put(sequenceTable+8*i, i<<12|flags)
		}
		r.put(rigPages+0x2000, sequenceTable|flags)
		return
	}
	for i := range uint32(1024) {
		binary.LittleEndian.PutUint32(r.board.ram[sequenceTable+4*i:], i<<12|flags)
		if i < 1023 { // nothing is mapped at the end of all addresses
			binary.LittleEndian.PutUint32(r.board.ram[sequenceDirectory+4*i:], i<<22|ptePS|flags)
		}
	}
	binary.LittleEndian.PutUint32(r.board.ram[sequenceDirectory:], sequenceTable|flags)
}

// near leaves most of the far displacements of a pool out, if a form has others: each new page
// that is addressed takes pages of the host's for the TLB, which costs more than a case.
func near(pool [][][]byte, mode isa.Mode) (l [][][]byte) {
	n := 0
	for _, form := range pool {
		var kept [][]byte
		for _, b := range form {
			var in isa.Inst
			if isa.Decode(b, mode, &in) == nil && in.Mem() && (in.Disp < -0x4000 || in.Disp > 0x4000) {
				if n++; n%32 != 0 {
					continue
				}
			}
			kept = append(kept, b)
		}
		if len(kept) == 0 {
			kept = form[:1]
		}
		l = append(l, kept)
	}
	return l
}

// Batch runs the cases of a seed and returns how many. Where the machines differ it looks for
// the first instruction after which they do.
func (s *Sequences) Batch(t *testing.T, seed uint64) int {
	t.Helper()
	if s.batch(seed, sequenceBatch-1, longestCase) {
		return sequenceBatch
	}
	last := 0
	for s.batch(seed, last, longestCase) {
		last++
	}
	for n := uint64(1); n <= longestCase; n++ {
		s.batch(seed, last, n-1)
		at := s.a.String() + ": " + s.a.disasm()
		s.batch(seed, last, n)
		s.a.sameAs(t, s.b, fmt.Sprintf("%d bits, seed %d, case %d at CPL %d, CR0 %x, RFLAGS %x, RAX and so on %x: %s; instruction %d, %s", s.bits, seed, last,
			s.last.Seg[CS].Sel&3, s.last.CR0, s.last.RFLAGS, s.last.GPR[:s.bits/4-8*(s.bits/64)], s.listing(last), n, at))
	}
	t.Fatalf("%d bits, seed %d, case %d: the engines differ, but not once more", s.bits, seed, last)
	return 0
}

// batch runs the cases of a seed up to the last, of that count instructions, and reports
// whether both machines come to the same.
func (s *Sequences) batch(seed uint64, last int, count uint64) bool {
	for _, g := range []*rig{s.a, s.b} {
		g.code.Flush()
		copy(g.board.ram, s.memory)
	}
	r := rand.New(rand.NewPCG(seed, uint64(s.bits)))
	for i := range last + 1 {
		st, code := s.random(r, i)
		if i < last {
			s.step(&st, code, longestCase)
		} else {
			s.step(&st, code, count)
		}
		if *s.a.Pull() != *s.b.Pull() {
			return false
		}
	}
	return string(s.a.board.ram) == string(s.b.board.ram)
}

// Run runs one sequence, in hexadecimal, with some registers and a base of FS, in both rings, and
// with paging and without in 32-bit code; at is where it is, if not 0.
func (s *Sequences) Run(t *testing.T, code string, gpr map[int]uint64, fs, at uint64) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	require.NoError(t, err)
	b = append(b, 0xeb, 0xfe)
	for ring, st := range s.start {
		st.RFLAGS = Flag1
		st.Seg[FS] = st.Seg[DS]
		st.Seg[FS].Base = fs
		if at != 0 {
			st.RIP = at
		}
		for i, v := range gpr {
			st.GPR[i] = v
		}
		s.step(&st, b, longestCase)
		s.a.sameAs(t, s.b, fmt.Sprintf("start %d", ring))
		require.True(t, string(s.a.board.ram) == string(s.b.board.ram), "memory differs, start %d", ring)
		if s.bits == 32 {
			st.page32()
			s.step(&st, b, longestCase)
			s.a.sameAs(t, s.b, fmt.Sprintf("start %d, with paging", ring))
		}
	}
}

// RunFrom is Run of code that lies in another physical page, in ring 0 and 64-bit mode, some of whose
// code may be the same as before. What was there goes.
func (s *Sequences) RunFrom(t *testing.T, code string, gpr map[int]uint64, page uint64) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	require.NoError(t, err)
	b = append(b, 0xeb, 0xfe)
	st := s.start[0]
	st.RFLAGS = Flag1
	for i, v := range gpr {
		st.GPR[i] = v
	}
	for _, g := range []*rig{s.a, s.b} {
		if at := page + st.RIP&0xfff; string(g.board.ram[at:at+uint64(len(b))]) != string(b) {
			copy(g.board.ram[at:], b)
			g.code.Written(at, len(b))
		}
		g.put(sequenceTable+st.RIP>>12*8, page|pteP|pteW|pteU)
		g.State = st
		g.Refresh()
		if s.windows && g == s.b {
			g.openWindow()
		}
		g.runSlices(longestCase, func() uint64 { return longestCase }, func() {})
	}
	s.a.sameAs(t, s.b, fmt.Sprintf("page %#x", page))
}

// SetWindows says whether the next runs use windows.
func (s *Sequences) SetWindows(on bool) { s.windows = on }

// Found is how many blocks of the second machine came back with their host code.
func (s *Sequences) Found() uint64 { return s.b.code.Found() }

// step runs count instructions of code from a state on both.
func (s *Sequences) step(st *State, code []byte, count uint64) {
	s.last = *st
	for _, g := range []*rig{s.a, s.b} {
		for i, flags := range s.pages {
			page := uint64(rigData>>12 + i)
			g.board.ram[sequenceTable+page*uint64(s.bits/8)] = flags
		}
		copy(g.board.ram[st.RIP:], code)
		g.code.Written(st.RIP, len(code))
		g.State = *st
		g.Refresh()
		if s.windows && g == s.b {
			g.openWindow()
		}
		if s.interrupt > 0 && s.interrupt < count {
			g.runSlices(s.interrupt, func() uint64 { return count }, func() {})
			g.CPU.board.(*pins).vector = 0x50
			g.Kick()
		}
		g.runSlices(count, func() uint64 { return count }, func() {})
		g.CPU.board.(*pins).vector = -1
	}
}

// randomF80 is any number, or a common one, or the like of 1.
func randomF80(r *rand.Rand) softfloat.F80 {
	switch r.IntN(4) {
	case 0:
		return softfloat.F80{Sig: r.Uint64(), SE: uint16(r.Uint32())}
	case 1:
		return softfloat.F80{Sig: []uint64{0, 1 << 63, 1<<63 | 1, 3 << 62, ^uint64(0)}[r.IntN(5)], SE: uint16([]int{0, 1, 0x3ffe, 0x3fff, 0x7ffe, 0x7fff, 0xbfff, 0xffff}[r.IntN(8)])}
	}
	return softfloat.F80{Sig: r.Uint64() | 1<<63, SE: uint16(0x3fff + r.IntN(128) - 64)}
}

// windowParts are places of memory beside and in the parts of windows.
var windowParts = []uint64{HighStart, HighStart, LowEnd - 1<<30, LowEnd}

// edges are numbers and addresses beside which something changes.
var edges = []uint64{0, 1 << 7, 1 << 15, 1 << 31, 1 << 32, 1 << 47, 1 << 63, ^uint64(1<<47 - 1), rigData + 0x1000, rigRAM}

// random is the state before case i, and its code, which ends in a jump to itself. It
// chooses the pages, too.
func (s *Sequences) random(r *rand.Rand, i int) (st State, code []byte) {
	st = s.start[r.IntN(2)]
	st.RIP = rigCode + uint64(i)*sequencePitch%0x1000
	for range 1 + r.IntN(12) {
		p := s.pool[r.IntN(len(s.pool))]
		code = append(code, p[r.IntN(len(p))]...)
	}
	if n := len(code); r.IntN(4) == 0 && n < 0x70 { // a loop: DEC ECX; JNZ
		code = append(code, 0xff, 0xc9, 0x75, byte(-n-4))
	}
	code = append(code, 0xeb, 0xfe)
	if s.interrupt = 0; r.IntN(8) == 0 {
		s.interrupt = r.Uint64N(longestCase)
	}
	for i := range 8 * s.bits / 32 {
		if i == RSP && r.IntN(8) != 0 {
			continue
		}
		switch r.IntN(16) {
		case 0: // seldom: each such address that is used takes a page of the host's for the TLB
			st.GPR[i] = r.Uint64() >> (64 - s.bits)
		case 1:
			st.GPR[i] = rigCode + r.Uint64N(0x1000)
		case 2, 3:
			st.GPR[i] = edges[r.IntN(len(edges))] + r.Uint64N(32) - 16
		case 4, 5, 6, 7:
			st.GPR[i] = r.Uint64N(64)
		default:
			st.GPR[i] = rigData + r.Uint64N(0x3000)
		}
		if s.windows && s.bits == 64 && r.IntN(3) == 0 {
			st.GPR[i] |= windowParts[r.IntN(len(windowParts))]
		}
		st.GPR[i] &= ^uint64(0) >> (64 - s.bits)
	}
	for i := range st.XMM {
		st.XMM[i] = [2]uint64{r.Uint64(), r.Uint64()}
	}
	if r.IntN(4) == 0 {
		st.MXCSR = 0x1f80 | r.Uint32()&0xe040
	}
	if r.IntN(16) == 0 {
		st.MXCSR &^= r.Uint32() & 0x1f80
	}
	if r.IntN(2) == 0 {
		for i := range st.FPU.Reg {
			st.FPU.Reg[i] = randomF80(r)
		}
		st.FPU.Tag, st.FPU.SW = uint8(r.Uint32()), uint16(r.Uint32())&0x7f00
		st.FPU.CW = 0x37f&^0x300 | uint16(r.IntN(3)+1)%3<<8 | uint16(r.IntN(4))<<10
	}
	for _, i := range []int{FS, GS} {
		if st.Seg[i] = st.Seg[DS]; r.IntN(2) == 0 {
			st.Seg[i].Base = rigData + r.Uint64N(64)
		}
	}
	if st.Seg[CS].Sel&3 != 0 && r.IntN(8) == 0 {
		st.CR0 |= CR0AM
	}
	if s.bits == 32 && r.IntN(2) == 0 {
		st.page32()
	}
	st.CR0 |= r.Uint64() & 1 * CR0WP
	for i := range s.pages {
		if s.pages[i] = pteP | pteW | pteU; r.IntN(4) == 0 {
			s.pages[i] = byte(r.IntN(8))
		}
	}
	st.RFLAGS = r.Uint64()&statusFlags | Flag1 | r.Uint64()&1*FlagDF | r.Uint64()&1*FlagIF | r.Uint64()&1*FlagAC
	if r.IntN(16) == 0 {
		st.RFLAGS |= FlagTF
	}
	return st, code
}

// page32 switches paging on, by the tables of smallPages.
func (st *State) page32() {
	st.CR0 |= CR0PG
	st.CR3 = sequenceDirectory
	st.CR4 |= CR4PSE
}

// listing is the code of case i.
func (s *Sequences) listing(i int) string {
	at := rigCode + uint64(i)*sequencePitch%0x1000
	var l []string
	for end := at + sequencePitch; at < end && s.a.board.ram[at] != 0xeb; {
		var in isa.Inst
		if isa.Decode(s.a.board.ram[at:end], s.a.mode, &in) != nil {
			break
		}
		l = append(l, hex.EncodeToString(s.a.board.ram[at:at+uint64(in.Len)])+" "+isa.Disasm(&in, at, s.a.mode))
		at += uint64(in.Len)
	}
	return strings.Join(l, "; ")
}

// TestSequencesNoticeDifferences: machines with other memory do not come to the same.
func TestSequencesNoticeDifferences(t *testing.T) {
	s := NewSequences(t, 64, Samples(64), func(*CodeCache) {})
	require.True(t, s.batch(1, 0, longestCase))
	s.b.board.rom = [2]uint64{rigStack0, rigStack3}
	require.False(t, s.batch(1, sequenceBatch-1, longestCase))
}
