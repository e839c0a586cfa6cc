package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Jumps runs programs on two engines whose blocks jump, call and return from page to page, while
// the pages behind the linear ones change, the TLB is told or not, address spaces change and code is
// overwritten.
type Jumps struct {
	a, b   *rig
	start  [2]State // in rings 0 and 3
	memory string
	events uint64 // changes of what jumps rely on

	windows bool // the second machine uses them
}

const (
	jumpsAt      = 0x180000 // the linear pages
	jumpsCode    = 0xb0000  // the physical ones, jumpsKinds for each
	jumpsPages   = 6
	jumpsKinds   = 3
	jumpsTables  = 0xe0000 // four for each address space
	jumpsSpaces  = 5
	jumpsBlocks  = 8 // in a page
	jumpsPitch   = 0x40
	jumpsPointer = 0x38            // in a block: where its indirect jump leads
	jumpsCount   = 4000            // instructions of a case
	jumpsReturns = rigData + 0x800 // where a call leaves its return address, and a return looks for one
)

// NewJumps makes the machines. attach gives the processors of a cache their engine.
func NewJumps(t *testing.T, attach func(*CodeCache)) *Jumps {
	s := &Jumps{}
	for _, g := range []**rig{&s.a, &s.b} {
		m := newSysRig(t, 64)
		*g = m.rig
		m.OnException = nil
		m.CPU.board = &pins{m.rig.board, -1}
		m.rig.smallPages(64)
		m.CR4 |= CR4PCIDE | CR4PGE
		m.code.trustAge = 0
		m.GPR[RBX] = jumpsReturns + 8
		m.GPR[RDI] = rigData
		s.start[0] = *m.Pull()
		m.ring(3)
		s.start[1] = *m.Pull()
	}
	s.memory = string(s.a.board.ram)
	attach(s.b.code)
	return s
}

// Run runs the case of a seed.
func (s *Jumps) Run(t *testing.T, seed uint64) {
	t.Helper()
	alike(t, s.a, s.b, jumpsCount, fmt.Sprintf("seed %d", seed), func(n uint64) bool { return s.run(seed, n) })
}

// Opened is how often the second machine has opened a window.
func (s *Jumps) Opened() uint64 { return s.b.code.Windows.Opened }

func (s *Jumps) run(seed, count uint64) bool {
	for _, g := range []*rig{s.a, s.b} {
		r := rand.New(rand.NewPCG(seed, 5))
		g.code.Flush()
		copy(g.board.ram, s.memory)
		for i := range jumpsPages * jumpsKinds {
			copy(g.board.ram[jumpsCode+i*pageSize:], jumpsPage(r, i/jumpsKinds, i))
		}
		for space := range jumpsSpaces {
			g.makeSpace(r, space)
		}
		st := s.start[r.IntN(2)]
		st.CR3 = jumpsTables
		if r.IntN(2) == 0 && st.Seg[CS].Sel&3 == 0 {
			st.CR4 |= CR4SMAP // data and stack are the user's: without AC a program ends soon
			st.RFLAGS |= FlagAC
		}
		st.RIP = jumpsAt
		g.put(jumpsReturns, jumpsAt)
		g.State = st
		g.Refresh()
		g.runSlices(count, func() uint64 { return 1 + r.Uint64N(jumpsCount/20) }, func() {
			if g == s.b && g.code.translator != nil {
				s.events++
				g.code.translator.Review(s.events << 32) // each a long time after the one before
			}
			g.change(r)
			if open := r.IntN(2) == 0; open && g == s.b && s.windows && g.tlbIndex != tlbSuperAC {
				g.openWindow()
			}
		})
	}
	return *s.a.Pull() == *s.b.Pull() && string(s.a.board.ram) == string(s.b.board.ram)
}

// makeSpace writes the tables of an address space: all of memory, and the pages of code.
func (r *rig) makeSpace(rand *rand.Rand, space int) {
	r.makeTables(space)
	for page := range jumpsPages {
		r.mapCode(rand, space, page)
	}
}

// makeTables writes the tables of an address space that has all of memory.
func (r *rig) makeTables(space int) {
	at := uint64(jumpsTables + 4*pageSize*space)
	for level := range uint64(3) {
		r.put(at+level*pageSize, at+(level+1)*pageSize|pteP|pteW|pteU)
	}
	r.put(at+pageSize+8*4, at+2*pageSize|pteP|pteW|pteU) // once more at 4 GiB, in the same sets of the TLB
	copy(r.board.ram[at+3*pageSize:][:pageSize], r.board.ram[sequenceTable:])
}

// mapCode maps one of the physical pages for a linear one, seldom none.
func (r *rig) mapCode(rand *rand.Rand, space, page int) {
	flags := uint64(pteP | pteA | pteU)
	if rand.IntN(32) == 0 {
		flags &^= pteP
	}
	if rand.IntN(4) == 0 {
		flags |= pteG
	}
	if rand.IntN(3) == 0 {
		flags &^= pteA
	}
	pa := uint64(jumpsCode + (page*jumpsKinds+rand.IntN(jumpsKinds))*pageSize)
	r.put(jumpsEntry(space, page), pa|flags)
}

func jumpsEntry(space, page int) uint64 {
	return uint64(jumpsTables + 4*pageSize*space + 3*pageSize + 8*(jumpsAt>>12+page))
}

// change changes something that jumps between pages rely on.
func (r *rig) change(rand *rand.Rand) {
	space, page := rand.IntN(jumpsSpaces), rand.IntN(jumpsPages)
	lin := uint64(jumpsAt + page*pageSize)
	cr3 := uint64(jumpsTables+4*pageSize*space) | uint64(space)
	switch rand.IntN(14) {
	case 0: // a stale translation may stay
		r.mapCode(rand, space, page)
	case 1:
		r.mapCode(rand, int(r.CR3&0xfff), page)
		r.flushPage(lin)
	case 2:
		r.setCR3(cr3)
	case 3, 4:
		r.setCR3(cr3 | 1<<63)
	case 5:
		r.flushSpace(cr3 & 0xfff)
	case 6:
		r.flushTLB(rand.IntN(2) == 0)
	case 7: // something else takes the place of a page of code
		r.touch(lin+uint64(rand.IntN(2))<<32, false)
	case 8:
		r.board.ram[jumpsEntry(space, page)] &^= pteA
	case 9: // two pages are loaded again, each where the other was
		var code [2][]byte
		for i := range code {
			at := jumpsCode + (page*jumpsKinds+i)*pageSize
			code[i] = r.board.ram[at : at+pageSize]
		}
		was := string(code[0])
		copy(code[0], code[1])
		copy(code[1], was)
		r.code.Written(uint64(jumpsCode+page*jumpsKinds*pageSize), pageSize)
		r.code.Written(uint64(jumpsCode+(page*jumpsKinds+1)*pageSize), pageSize)
	case 10: // where an indirect jump leads
		at := uint64(jumpsCode + rand.IntN(jumpsPages*jumpsKinds)*pageSize + rand.IntN(jumpsBlocks)*jumpsPitch + jumpsPointer)
		binary.LittleEndian.PutUint64(r.board.ram[at:], jumpsTarget(rand))
		r.code.Written(at, 8)
	case 11: // blocks lose their host code
		if p := r.code.page(uint64(jumpsCode + rand.IntN(jumpsPages*jumpsKinds)*pageSize)); p != nil {
			for _, b := range p.blocks {
				r.code.forget(b)
			}
		}
	case 12: // the number that a block adds
		at := uint64(jumpsCode + rand.IntN(jumpsPages*jumpsKinds)*pageSize + rand.IntN(jumpsBlocks)*jumpsPitch + 8)
		was := r.board.ram[at]
		r.board.ram[at] = byte(rand.Uint32())
		r.code.Written(at, 1)
		if rand.IntN(2) == 0 {
			r.board.ram[at] = was
			r.code.Written(at, 1)
		}
	}
}

// jumpsTarget is where a block begins.
func jumpsTarget(r *rand.Rand) uint64 {
	return jumpsAt + r.Uint64N(jumpsPages)*pageSize + r.Uint64N(jumpsBlocks)*jumpsPitch
}

// jumpsPage is a page of blocks, to be mapped for a linear page.
func jumpsPage(r *rand.Rand, page, kind int) []byte {
	code := make([]byte, pageSize)
	for i := range jumpsBlocks {
		b := code[:i*jumpsPitch]
		b = append(b, 0x48, 0x89, 0xdc)                               // MOV RSP,RBX
		b = append(b, 0x48, 0xc1, 0xc0, byte(7+i))                    // ROL RAX
		b = append(b, 0x05, byte(kind), byte(kind), byte(i), byte(i)) // ADD EAX
		switch r.IntN(6) {
		case 0:
			b = append(b, 0x48, 0x31, 0x07) // XOR [RDI],RAX
		case 1:
			b = append(b, 0x0f, 0x01, 0xca+byte(r.IntN(2))) // CLAC or STAC, #UD in ring 3
			if r.IntN(3) != 0 {
				b = b[:len(b)-3]
			}
		}
		jump := func(op ...byte) {
			b = append(b, op...)
			b = binary.LittleEndian.AppendUint32(b, uint32(int(jumpsTarget(r))-jumpsAt-page*pageSize-len(b)-4))
		}
		pointer := i*jumpsPitch + jumpsPointer
		binary.LittleEndian.PutUint64(code[pointer:], jumpsTarget(r))
		by := func(op ...byte) { // way of the pointer
			b = append(b, op...)
			b = binary.LittleEndian.AppendUint32(b, uint32(pointer-len(b)-4))
		}
		switch r.IntN(7) {
		case 0:
			b = append(b, 0x48, 0x8d, 0x63, 0xf8, 0xc3) // LEA RSP,[RBX-8]; RET
		case 1:
			jump(0xe8) // CALL, and behind it JMP
			jump(0xe9)
		case 2:
			by(0xff, 0x15)
			jump(0xe9)
		case 3:
			by(0xff, 0x25)
		default:
			jump(0x0f, 0x82+byte(r.IntN(4)))
			jump(0xe9)
		}
	}
	return code
}
