package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// pageMode is a paging mode with the page tables' places for one test page.
type pageMode struct {
	name  string
	cr4   uint64
	efer  uint64
	wide  int    // bytes of an entry
	lin   uint64 // the test page
	large uint64 // entry bits of the leaf
}

var pageModes = []pageMode{
	{"32-bit", 0, 0, 4, 0x00801000, 0},
	{"PSE", CR4PSE, 0, 4, 0x00800000, ptePS},
	{"PAE", CR4PAE, 0, 8, 0x00801000, 0},
	{"PAE 2M", CR4PAE, 0, 8, 0x00800000, ptePS},
	{"4-level", CR4PAE, EFERLME | EFERLMA, 8, 0x7fff12345000, 0},
	{"4-level 2M", CR4PAE, EFERLME | EFERLMA, 8, 0x7fff12200000, ptePS},
	{"4-level 1G", CR4PAE, EFERLME | EFERLMA, 8, 0x7fff00000000, ptePS},
}

// Places of the page tables; the test page maps to physical 0 (large) or pgFrame.
const (
	pgRoot  = 0x30000
	pgFrame = 0x40000
)

// pagedRig has the test page mapped by a chain of entries, which are returned
// from the root down to the leaf (physical addresses).
func pagedRig(t testing.TB, m pageMode) (*rig, []uint64) {
	r := newRig(t, "max", 32)
	r.CR4 |= m.cr4
	r.EFER = m.efer
	r.CR3 = pgRoot
	r.CR0 |= CR0PG
	if m.efer != 0 {
		r.Seg[CS].Attr = r.Seg[CS].Attr&^attrDB | attrL
	}
	var shifts []uint
	switch {
	case m.efer != 0:
		shifts = []uint{39, 30, 21, 12}
	case m.wide == 8:
		shifts = []uint{30, 21, 12}
	default:
		shifts = []uint{22, 12}
	}
	switch m.name {
	case "PSE", "PAE 2M", "4-level 2M":
		shifts = shifts[:len(shifts)-1]
	case "4-level 1G":
		shifts = shifts[:2]
	}
	var chain []uint64
	mask := uint64(0x1ff)
	if m.wide == 4 {
		mask = 0x3ff
	}
	table := uint64(pgRoot)
	for i, s := range shifts {
		at := table + m.lin>>s&mask*uint64(m.wide)
		if m.efer == 0 && m.wide == 8 && i == 0 {
			at = table + m.lin>>30&3*8
		}
		chain = append(chain, at)
		table += 0x1000
		v := table | pteP | pteW | pteU
		if i == len(shifts)-1 {
			v = pgFrame | pteP | pteW | pteU
			if m.large != 0 {
				v = pteP | pteW | pteU | ptePS
			}
		}
		if m.efer == 0 && m.wide == 8 && i == 0 {
			v = table | pteP // a PDPTE has no rights
		}
		r.entry(at, m.wide, v)
	}
	r.readPDPTEs(r.CR3)
	r.Refresh()
	return r, chain
}

func (r *rig) entry(at uint64, wide int, v uint64) {
	if wide == 4 {
		v = r.get(at)&^0xffffffff | v&0xffffffff
	}
	r.put(at, v)
}

// caught is the fault that fn raises, or nil.
func (r *rig) caught(fn func()) (f *fault) {
	defer func() {
		if e := recover(); e != nil {
			c := *e.(*fault)
			f = &c
			r.implicit = false
		}
	}()
	fn()
	return nil
}

func (r *rig) access(acc access, lin uint64) *fault {
	return r.caught(func() {
		switch acc {
		case accRead:
			r.load8(DS, lin)
		case accWrite:
			r.store8(DS, lin, 1)
		default:
			r.execPage(lin)
		}
	})
}

// TestPageRights: every combination of rights in the entries, privilege, and
// CR0.WP, SMEP, SMAP, NXE and AC, against the rules of SDM volume 3A, 4.6, and
// the error codes of 4.7.
func TestPageRights(t *testing.T) {
	for _, m := range pageModes {
		r, chain := pagedRig(t, m)
		first := 0
		if m.efer == 0 && m.wide == 8 {
			first = 1 // not the PDPTE
		}
		top, leaf := chain[first], chain[len(chain)-1]
		topV, leafV := r.get(top), r.get(leaf)
		for bits := range 1 << 10 {
			on := func(n int) bool { return bits>>n&1 != 0 }
			w, u, nx := on(0), on(1), on(2)
			if nx && m.wide == 4 {
				continue
			}
			user, wp, smep, smap, ac, nxe, upper := on(3), on(4), on(5), on(6), on(7), on(8), on(9)
			// The restriction stands in the leaf or in the topmost entry.
			restrict := func(v uint64) uint64 {
				if !w {
					v &^= pteW
				}
				if !u {
					v &^= pteU
				}
				if nx {
					v |= pteNX
				}
				return v
			}
			r.entry(top, m.wide, topV)
			r.entry(leaf, m.wide, leafV)
			if upper {
				r.entry(top, m.wide, restrict(topV))
			} else {
				r.entry(leaf, m.wide, restrict(leafV))
			}
			set := func(v *uint64, b bool, mask uint64) {
				*v &^= mask
				if b {
					*v |= mask
				}
			}
			set(&r.CR0, wp, CR0WP)
			set(&r.CR4, smep, CR4SMEP)
			set(&r.CR4, smap, CR4SMAP)
			set(&r.RFLAGS, ac, FlagAC)
			set(&r.EFER, nxe, EFERNXE)
			r.Seg[SS].Attr &^= 3 << 5
			if user {
				r.Seg[SS].Attr |= 3 << 5
			}
			r.Refresh()
			for _, acc := range []access{accRead, accWrite, accExec} {
				reserved := nx && !nxe
				ok := !reserved
				switch {
				case user:
					ok = ok && u && (acc != accWrite || w)
				case acc == accExec:
					ok = ok && !(u && smep)
				default:
					ok = ok && !(u && smap && !ac) && (acc != accWrite || w || !wp)
				}
				if acc == accExec && nx {
					ok = false
				}
				var want *fault
				if !ok {
					code := uint32(pfP)
					if acc == accWrite {
						code |= pfW
					}
					if user {
						code |= pfU
					}
					if reserved {
						code |= pfRSVD
					}
					if acc == accExec && (smep || nxe && m.wide == 8) {
						code |= pfI
					}
					want = &fault{vector: vecPF, hasCode: true, code: code, cr2: m.lin}
				}
				got := r.access(acc, m.lin)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s: W=%v U=%v NX=%v upper=%v: access %d user=%v WP=%v SMEP=%v SMAP=%v AC=%v NXE=%v: got %v want %v",
						m.name, w, u, nx, upper, acc, user, wp, smep, smap, ac, nxe, got, want)
				}
				if got != nil {
					require.Equal(t, m.lin, got.cr2)
				} else { // and again from the TLB
					require.Nil(t, r.access(acc, m.lin), "%s: cached", m.name)
				}
			}
		}
	}
}

// TestPageAccessedDirty: A on the way down, D on the leaf by writes only, also by
// the first write after a read.
func TestPageAccessedDirty(t *testing.T) {
	for _, m := range pageModes {
		r, chain := pagedRig(t, m)
		first := 0
		if m.efer == 0 && m.wide == 8 {
			first = 1
		}
		leaf := chain[len(chain)-1]
		require.Nil(t, r.access(accRead, m.lin))
		for _, at := range chain[first:] {
			require.EqualValues(t, pteA, r.get(at)&(pteA|pteD), m.name)
		}
		require.Nil(t, r.access(accWrite, m.lin))
		for _, at := range chain[first : len(chain)-1] {
			require.EqualValues(t, pteA, r.get(at)&(pteA|pteD), m.name)
		}
		require.EqualValues(t, pteA|pteD, r.get(leaf)&(pteA|pteD), m.name)
		if first == 1 {
			require.Zero(t, r.get(chain[0])&(pteA|pteD), "a PDPTE has no accessed bit")
		}
		// A write that is refused leaves the page clean.
		r.entry(leaf, m.wide, r.get(leaf)&^(pteD|pteW))
		r.CR0 |= CR0WP
		r.Refresh()
		require.NotNil(t, r.access(accWrite, m.lin))
		require.Zero(t, r.get(leaf)&pteD, m.name)
	}
}

// reservedBit reports whether a bit of an entry must be zero in the given mode
// with NXE off (SDM volume 3A, tables 4-4 to 4-20).
func reservedBit(m pageMode, level int, leaf bool, bit uint) bool {
	large := leaf && m.large != 0
	switch {
	case bit == 7:
		return m.efer != 0 && level == 0
	case m.wide == 4:
		return large && bit == 21
	case m.name == "4-level 1G" && large && bit > 12 && bit < 30, large && bit > 12 && bit < 21:
		return true
	}
	return bit >= 40 && bit < 52 || bit >= 52 && bit < 63 && m.efer == 0 || bit == 63
}

// TestPageReserved: each reserved bit of every entry faults when the entry is
// present, and only then.
func TestPageReserved(t *testing.T) {
	for _, m := range pageModes {
		r, chain := pagedRig(t, m)
		for level, at := range chain {
			if m.efer == 0 && m.wide == 8 && level == 0 {
				continue // PDPTEs are checked when CR3 is loaded
			}
			v := r.get(at)
			for bit := uint(7); bit < uint(8*m.wide); bit++ {
				if !reservedBit(m, level, level == len(chain)-1, bit) {
					continue
				}
				r.entry(at, m.wide, v|1<<bit)
				r.Refresh()
				f := r.access(accRead, m.lin)
				require.NotNil(t, f, "%s level %d bit %d", m.name, level, bit)
				require.EqualValues(t, pfP|pfRSVD, f.code, "%s level %d bit %d", m.name, level, bit)
				r.entry(at, m.wide, (v|1<<bit)&^pteP)
				r.Refresh()
				require.EqualValues(t, 0, r.access(accRead, m.lin).code, "not present comes first")
			}
			r.entry(at, m.wide, v)
		}
		r.Refresh()
		require.Nil(t, r.access(accRead, m.lin))
		// Ignored bits of the leaf: 9-11, and 52-62 in 4-level paging.
		leaf := chain[len(chain)-1]
		for _, bit := range []uint{9, 10, 11, 52, 58, 62} {
			if bit > 31 && m.efer == 0 {
				continue
			}
			r.entry(leaf, m.wide, r.get(leaf)|1<<bit)
		}
		r.Refresh()
		require.Nil(t, r.access(accRead, m.lin), m.name)
	}
}

// TestPDPTELoad: MOV to CR3 in PAE paging checks the four PDPTEs (SDM volume 3A, 4.4.1).
func TestPDPTELoad(t *testing.T) {
	for bit := range uint(64) {
		r := newSysRig(t, 32)
		r.CR4 |= CR4PAE
		r.CR0 |= CR0PG
		r.CR3 = pgRoot
		r.put(pgRoot, pgRoot+0x1000|1)
		r.put(pgRoot+0x1000, 0xe3) // 2 MiB, identity
		r.readPDPTEs(pgRoot)
		r.put(pgRoot+0x20, pgRoot+0x1000|1)
		r.put(pgRoot+0x20+8, pgRoot+0x1000|1|1<<bit)
		reserved := bit == 1 || bit == 2 || bit >= 5 && bit <= 8 || bit >= 40
		r.GPR[RAX] = pgRoot + 0x20
		if reserved {
			r.faults(fmt.Sprint(bit), "0f22d8", vecGP, 0)
			require.EqualValues(t, pgRoot, r.CR3)
			continue
		}
		r.passes(fmt.Sprint(bit), "0f22d8")
		require.EqualValues(t, pgRoot+0x20, r.CR3)
	}
}

// TestPageCrossing: both pages are checked before anything is written.
func TestPageCrossing(t *testing.T) {
	m := pageModes[4]
	m.lin = 0x7fff12345000
	r, chain := pagedRig(t, m)
	leaf := chain[3]
	r.put(leaf+8, 0x42000|pteP|pteU) // the next page, read-only
	r.CR0 |= CR0WP
	r.Refresh()
	r.put(pgFrame+0xff8, 0x1122334455667788)
	r.put(0x42000, 0xffeeddccbbaa9988)
	at := m.lin + 0xffc
	require.Equal(t, uint64(0xbbaa998811223344), r.load64(DS, at))
	f := r.caught(func() { r.store64(DS, at, 1) })
	require.Equal(t, &fault{vector: vecPF, hasCode: true, code: pfP | pfW, cr2: m.lin + 0x1000}, f)
	require.EqualValues(t, 0x1122334455667788, r.get(pgFrame+0xff8))
	f = r.caught(func() { r.rmw32(DS, m.lin+0xffe) })
	require.Equal(t, m.lin+0x1000, f.cr2)
	r.put(leaf+8, 0x42000|pteP|pteU|pteW)
	r.Refresh()
	r.store64(DS, at, 0x0102030405060708)
	require.EqualValues(t, 0x0506070855667788, r.get(pgFrame+0xff8))
	require.Equal(t, uint64(0xffeeddcc01020304), r.get(0x42000))
	require.EqualValues(t, 0x03040506, r.rmw32(DS, m.lin+0xffe))
	r.put32(0xa1a2a3a4)
	require.Equal(t, uint64(0xa3a4070855667788), r.get(pgFrame+0xff8))
	require.Equal(t, uint64(0xffeeddcc0102a1a2), r.get(0x42000))
}

// TestTLBInvalidation: what INVLPG, CR3, CR4.PGE and INVPCID forget.
func TestTLBInvalidation(t *testing.T) {
	for _, c := range []struct {
		name   string
		global bool
		do     func(r *rig)
		fresh  bool // the new translation is seen
	}{
		{"nothing", false, func(*rig) {}, false},
		{"INVLPG", false, func(r *rig) { r.flushPage(pageModes[4].lin + 123) }, true},
		{"INVLPG of a global page", true, func(r *rig) { r.flushPage(pageModes[4].lin) }, true},
		{"INVLPG elsewhere", false, func(r *rig) { r.flushPage(pageModes[4].lin + 0x1000) }, false},
		{"CR3", false, func(r *rig) { r.setCR3(r.CR3) }, true},
		{"CR3 keeps global pages", true, func(r *rig) { r.setCR3(r.CR3) }, false},
		{"CR4.PGE drops global pages", true, func(r *rig) { r.setCR4(r.CR4 &^ CR4PGE) }, true},
		{"CR0.WP", true, func(r *rig) { r.setCR0(r.CR0 ^ CR0WP) }, true},
		{"CR3 with PCID and bit 63", false, func(r *rig) { r.setCR3(r.CR3 | 1<<63) }, false},
	} {
		r, chain := pagedRig(t, pageModes[4])
		lin, leaf := pageModes[4].lin, chain[3]
		r.CR4 |= CR4PGE
		if c.global {
			r.put(leaf, r.get(leaf)|pteG)
		}
		r.Refresh()
		r.board.ram[pgFrame], r.board.ram[0x42000] = 1, 2
		require.EqualValues(t, 1, r.load8(DS, lin))
		if c.name == "CR3 with PCID and bit 63" {
			r.setCR4(r.CR4 | CR4PCIDE) // flushes
			require.EqualValues(t, 1, r.load8(DS, lin))
		}
		r.put(leaf, r.get(leaf)&^0xff000|0x42000)
		c.do(r)
		want := uint8(1)
		if c.fresh {
			want = 2
		}
		require.Equal(t, want, r.load8(DS, lin), c.name)
	}
}

// TestCodeKeys: no page has the key of a set that holds no code.
func TestCodeKeys(t *testing.T) {
	for _, page := range []uint64{0, 0x1000, ^uint64(0xfff)} {
		require.NotZero(t, codeKey(page, 0))
		require.NotZero(t, codeKey(0, page))
	}
}
