package cpu

import (
	"encoding/binary"
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// UseWindows gives the second machine memory that windows can show, and maps all of it at
// addresses in their high part, at the end of the low one and behind it, too.
func (s *Sequences) UseWindows(t *testing.T) {
	s.b.share(t)
	s.windows = true
	if s.bits == 64 {
		g := s.a
		g.put(rigPages+8*(HighStart>>39), g.get(rigPages))
		g.put(rigPages+8*(HighEnd>>39-1), g.get(rigPages))
		g.put(rigPages+0x1000+8*(LowEnd>>30-1), g.get(rigPages+0x1000))
		g.put(rigPages+0x1000+8*(LowEnd>>30), g.get(rigPages+0x1000))
		s.memory = string(s.a.board.ram)
	}
	copy(s.b.board.ram, s.memory)
	s.b.Refresh()
}

// Astray is the address that by way of one part of ring 3's window, High or Low, leads to where lin
// is shown in the other.
func (s *Sequences) Astray(t *testing.T, part Region, lin uint64) uint64 {
	w := &s.b.tlbs[tlbUser].window
	require.NotZero(t, w.low)
	if w.high == 0 { // one start in a hundred, where Go's heap, whose place is random, lies in the middle
		t.Skip("the host's addresses have no room for a high part")
	}
	if part == High {
		return uint64(w.low-w.high) + lin
	}
	return uint64(w.high-w.low) + HighStart + lin
}

// UseWindows gives the second machine memory that windows can show.
func (s *Crossings) UseWindows(t *testing.T) {
	s.b.share(t)
	s.b.Refresh()
}

// UseWindows gives the second machine memory that windows can show.
func (s *Jumps) UseWindows(t *testing.T) {
	s.b.share(t)
	s.b.Refresh()
	s.windows = true
}

// share makes the machine's memory one that windows can show, with nothing in front of it and
// behind it: reading more than is asked for does not go unnoticed.
func (r *rig) share(t *testing.T) {
	fd, err := unix.MemfdCreate("test-ram", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "test-ram")
	t.Cleanup(func() { f.Close() })
	require.NoError(t, f.Truncate(int64(len(r.board.ram))))
	n := len(r.board.ram)
	room := reserve(uint64(n) + 2*pageSize)
	require.NotZero(t, room)
	t.Cleanup(func() { unreserve(room, uint64(n)+2*pageSize) })
	require.True(t, showPages(room+pageSize, uintptr(n), f, 0, true))
	ram := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), room+pageSize)), n)
	copy(ram, r.board.ram)
	r.board.ram = ram
	r.code.Share(ram, f)
}

// openWindow opens the window of the TLB in use at once.
func (c *CPU) openWindow() {
	w := &c.windows[c.tlbIndex]
	w.next, w.patience = 0, 1
	c.considerWindow()
}

// TestDropWindows: a window that rests has its pages still when it is given back.
func TestDropWindows(t *testing.T) {
	s := NewSequences(t, 32, Samples(32), func(k *CodeCache) { k.translator = windowed{} })
	s.UseWindows(t)
	c := s.b.CPU
	c.State = s.start[0]
	c.Refresh()
	c.load32(DS, rigData)
	c.openWindow()
	win := &c.tlb.window
	require.Equal(t, 1, win.n, "the page that the TLB held")
	require.NotZero(t, win.low)
	shown := *(*uint32)(unsafe.Add(unsafe.Pointer(nil), win.low+rigData))
	require.Equal(t, binary.LittleEndian.Uint32(s.b.board.ram[rigData:]), shown)
	c.windows[c.tlbIndex].open = false
	s.b.code.DropWindows()
	require.Zero(t, win.n)
	require.Zero(t, win.low)
	c.flushTLB(true)
}

// windowed can use windows.
type windowed struct{ untranslated }

func (windowed) Windows() bool { return true }

// TestNoHigh: without a high part nothing of the host's is within reach of a displacement.
func TestNoHigh(t *testing.T) {
	require.True(t, canonical(noHigh))
	for _, lin := range []uint64{HighStart - 1<<31, HighStart, HighEnd - 1, HighEnd + 1<<31} {
		require.False(t, canonical(noHigh+lin), "%#x", lin)
	}
}

// TestTwinBeyondLimit: a block that is hot in a flat code segment is not taken over where the
// segment ends inside it.
func TestTwinBeyondLimit(t *testing.T) {
	s := NewSequences(t, 32, Samples(32), func(k *CodeCache) { k.translator = windowed{} })
	c := s.b.CPU
	c.State = s.start[0]
	copy(s.b.board.ram[rigCode:], "\xb8\x01\x00\x00\x00\xeb\xfe") // MOV EAX,1; JMP to itself
	c.Refresh()
	c.RIP = rigCode
	c.findBlock().native = &Native{}
	c.windowed = true
	c.Seg[CS].Limit = rigCode + 2
	require.Panics(t, func() { c.findBlock() }, "#GP: the first instruction is not whole")
}
