package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddressSpaces: what a switch between numbered address spaces, INVLPG and INVPCID keep and drop
// of what ring 3 has used (SDM volume 3A, 4.10.4.1 and volume 2, INVPCID). A page that is dropped shows
// what the table says now.
func TestAddressSpaces(t *testing.T) {
	const (
		lin  = 0x181000
		leaf = jumpsTables + 3*pageSize + 8*(lin>>12)
		was  = 0x42000
		is   = 0x43000
		keep = 1 << 63
	)
	space := func(n uint64) uint64 { return jumpsTables + 4*pageSize*n | n }
	for _, c := range []struct {
		name    string
		global  bool
		do      func(r *rig)
		dropped bool
	}{
		{"there and back", false, func(r *rig) { r.setCR3(space(1)); r.setCR3(space(0) | keep) }, false},
		{"flushed on the way back", false, func(r *rig) { r.setCR3(space(1)); r.setCR3(space(0)) }, true},
		{"flushed on the way back, global", true, func(r *rig) { r.setCR3(space(1)); r.setCR3(space(0)) }, false},
		{"another is flushed", false, func(r *rig) {
			r.setCR3(space(1))
			r.setCR3(space(2) | keep)
			r.setCR3(space(1))
			r.setCR3(space(0) | keep)
		}, false},
		{"INVLPG elsewhere", false, func(r *rig) { r.setCR3(space(1)); r.flushPage(lin); r.setCR3(space(0) | keep) }, false},
		{"INVLPG elsewhere, global", true, func(r *rig) { r.setCR3(space(1)); r.flushPage(lin); r.setCR3(space(0) | keep) }, true},
		{"CR4.PGE elsewhere", false, func(r *rig) { r.setCR3(space(1)); r.setCR4(r.CR4 ^ CR4PGE); r.setCR3(space(0) | keep) }, true},
		{"the page of its number", false, func(r *rig) { r.setCR3(space(1)); r.invalidate(0, 0, lin); r.setCR3(space(0) | keep) }, true},
		{"the page of another number", false, func(r *rig) { r.setCR3(space(1)); r.invalidate(0, 1, lin); r.setCR3(space(0) | keep) }, false},
		{"its number", false, func(r *rig) { r.setCR3(space(1)); r.invalidate(1, 0, 0); r.setCR3(space(0) | keep) }, true},
		{"another number", false, func(r *rig) { r.setCR3(space(1)); r.invalidate(1, 1, 0); r.setCR3(space(0) | keep) }, false},
		{"all numbers", true, func(r *rig) { r.setCR3(space(1)); r.invalidate(2, 0, 0); r.setCR3(space(0) | keep) }, true},
		{"all numbers but global pages", false, func(r *rig) { r.setCR3(space(1)); r.invalidate(3, 0, 0); r.setCR3(space(0) | keep) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newSysRig(t, 64)
			m.smallPages(64)
			for n := range uint64(jumpsSpaces) {
				m.makeTables(int(n))
				m.put(leaf+4*pageSize*n, 0x50000|pteP|pteU)
			}
			m.put(leaf, was|pteP|pteU)
			if c.global {
				m.put(leaf, was|pteP|pteU|pteG)
			}
			m.board.ram[was], m.board.ram[is] = 1, 2
			m.CR4 |= CR4PCIDE | CR4PGE
			m.CR3 = space(0)
			m.ring(3)
			require.EqualValues(t, 1, m.load8(DS, lin))
			m.put(leaf, m.get(leaf)&0xfff|is)
			require.EqualValues(t, 1, m.load8(DS, lin), "before")
			c.do(m.rig)
			want := uint8(1)
			if c.dropped {
				want = 2
			}
			require.Equal(t, want, m.load8(DS, lin))
		})
	}
}

// invalidate does what INVPCID does, in any ring.
func (r *rig) invalidate(typ, pcid, lin uint64) {
	r.put(rigData, pcid)
	r.put(rigData+8, lin)
	r.GPR[RAX], r.GPR[RDI] = typ, rigData
	b, err := NewBlock(r.Model, []byte{0x66, 0x0f, 0x38, 0x82, 0x07}, rigCode, 64, false) // INVPCID RAX,[RDI]
	require.NoError(r.t, err)
	r.invpcid(&b.ops[0])
}
