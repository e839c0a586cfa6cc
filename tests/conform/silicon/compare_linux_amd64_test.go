package silicon

import (
	"bytes"
	"flag"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/jit"
)

// openHost makes the host available, or skips the test.
func openHost(t *testing.T) *Host {
	t.Helper()
	h, err := Open()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(h.Close)
	return h
}

// TestInterpreterAgainstHost runs a slice of what `g86 test host` runs: every
// user-mode form, in 64-bit and in 32-bit code, beside the host's processor.
func TestInterpreterAgainstHost(t *testing.T) {
	h := openHost(t)
	g, err := NewGuest("max", h.Base())
	require.NoError(t, err)
	c := New(h, g, 1, func(string) bool { return true })
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		c.Round()
	}
	for _, f := range c.Forms {
		if f.Failures > 0 {
			t.Errorf("%s: %d of %d: %s", f.Name, f.Failures, f.Runs, f.First)
		}
		require.True(t, testing.Short() || f.Runs > 0, "no instruction was made of %s", f.Name)
	}
	require.Greater(t, len(c.Forms), 1000)
	t.Logf("%d cases of %d forms; left out %v, refused %v", c.Cases(), len(c.Forms), c.LeftOut, c.Refused)
}

// TestTranslatorAgainstHost: the same for what the translator has, each instruction a
// block of its own, most of them in host code alone.
func TestTranslatorAgainstHost(t *testing.T) {
	h := openHost(t)
	if err := jit.Supported(); err != nil {
		t.Skip("no translator: ", err)
	}
	g, err := NewTranslated("max", h.Base())
	require.NoError(t, err)
	defer func() { require.NoError(t, g.Close()) }()
	c := New(h, g, 2, func(string) bool { return true })
	c.KeepTranslated()
	for range 30 {
		c.Round()
	}
	for _, f := range c.Forms {
		if f.Failures > 0 {
			t.Errorf("%s: %d of %d: %s", f.Name, f.Failures, f.Runs, f.First)
		}
	}
	require.Greater(t, len(c.Forms), 1000)
	require.Greater(t, g.Native(), c.Cases()*4/5)
	t.Logf("%d cases of %d forms, %d in host code alone; left out %v", c.Cases(), len(c.Forms), g.Native(), c.LeftOut)
}

// TestHostExceptions: signals give vector, error code and address as the
// processor pushed them, and leave the state of before the instruction.
func TestHostExceptions(t *testing.T) {
	h := openHost(t)
	base := uint64(h.Base())
	for _, x := range []struct {
		name   string
		code   []byte
		rax    uint64
		vector int
		errno  uint32
		cr2    uint64
	}{
		{"DIV by zero", []byte{0xf7, 0xf1}, 5, 0, 0, 0},
		{"INT3", []byte{0xcc}, 0, 3, 0, 0},
		{"UD2", []byte{0x0f, 0x0b}, 0, 6, 0, 0},
		{"HLT", []byte{0xf4}, 0, 13, 0, 0},
		{"INT 20h", []byte{0xcd, 0x20}, 0, 13, 0x20<<3 | 2, 0},
		{"read of nothing", []byte{0x8a, 0x08}, base + offHole + 7, 14, 4, base + offHole + 7},
		{"write of nothing", []byte{0x88, 0x08}, base + offHole + 7, 14, 6, base + offHole + 7},
		{"write of a constant", []byte{0x88, 0x08}, base + offConst, 14, 7, base + offConst},
		{"not canonical", []byte{0x8a, 0x08}, 1 << 50, 13, 0, 0},
		{"MOVAPS unaligned", []byte{0x0f, 0x28, 0x00}, base + offData + 1, 13, 0, 0},
	} {
		copyCode(h, x.code)
		s := State{RIP: base + offCode + codeAt}
		s.GPR[0] = x.rax
		copy(s.FX[:], h.plainFX())
		o := h.Step(&s, 64)
		require.Equal(t, x.vector, o.Vector, x.name)
		if pushesCode(x.vector) {
			require.Equal(t, x.errno, o.Code, x.name)
		}
		if x.vector == 14 {
			require.Equal(t, x.cr2, o.CR2, x.name)
		}
		if x.vector != 3 {
			require.Equal(t, s.RIP, o.RIP, x.name)
		}
		require.Equal(t, s.GPR, o.GPR, x.name)
	}
}

// TestHandlersShareTheProcess: while guest instructions fault on one thread, Go's
// own faults on others, its preemption signals and its collector work as ever.
func TestHandlersShareTheProcess(t *testing.T) {
	h := openHost(t)
	stop := make(chan struct{})
	caught := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				caught <- n
				return
			default:
			}
			func() {
				defer func() {
					if recover() != nil {
						n++
					}
				}()
				var p *[512]byte
				p[n&511]++
			}()
			runtime.GC()
		}
	}()
	copyCode(h, []byte{0x8a, 0x08}) // MOV CL,[RAX]
	for i := range 3000 {
		s := State{RIP: uint64(h.Base()) + offCode + codeAt}
		want := None
		s.GPR[0] = uint64(h.Base()) + offData
		if i%2 == 0 {
			s.GPR[0], want = uint64(h.Base())+offHole, 14
		}
		copy(s.FX[:], h.plainFX())
		o := h.Step(&s, 64)
		require.Equal(t, want, o.Vector)
	}
	close(stop)
	require.NotZero(t, <-caught)
}

var update = flag.Bool("update", false, "record from this host's processor")

// TestRecordFromHost makes testdata/recorded.txt anew, with -update.
func TestRecordFromHost(t *testing.T) {
	if !*update {
		t.Skip("records only with -update")
	}
	h := openHost(t)
	var b bytes.Buffer
	require.NoError(t, Record(&b, h, 8))
	require.NoError(t, os.WriteFile(recorded, b.Bytes(), 0o644))
}

// broken is a machine that gets one instruction wrong.
type broken struct{ *Guest }

func (b broken) Step(s *State, bits int) Outcome {
	o := b.Guest.Step(s, bits)
	o.GPR[0] ^= 1 << 31
	return o
}

// TestDifferencesAreSeen: a wrong register is a failure, with the instruction
// and both values; the same seed gives the same one.
func TestDifferencesAreSeen(t *testing.T) {
	h := openHost(t)
	first := ""
	for range 2 {
		g, err := NewGuest("max", h.Base())
		require.NoError(t, err)
		c := New(h, broken{g}, 3, func(name string) bool { return name == "ADD rAX,Iz [05 iz] 32-bit" })
		require.Len(t, c.Forms, 1)
		for range 3 {
			c.Round()
		}
		f := c.Forms[0]
		require.NotZero(t, f.Runs)
		require.Equal(t, f.Runs, f.Failures)
		require.Regexp(t, `^case \d+: .*add e?ax, 0x[0-9a-f]+ \(.*rax 0x[0-9a-f]+, host 0x`, f.First)
		require.True(t, first == "" || first == f.First)
		first = f.First
	}
}

// TestSoakAgainstHost is an hour of other cases; `make soak` runs it.
func TestSoakAgainstHost(t *testing.T) {
	if os.Getenv("G86_SOAK") == "" {
		t.Skip("an hour long: make soak runs it")
	}
	h := openHost(t)
	g, err := NewGuest("max", h.Base())
	require.NoError(t, err)
	c := New(h, g, uint64(time.Now().UnixNano()), func(string) bool { return true })
	for end := time.Now().Add(time.Hour); time.Now().Before(end); {
		c.Round()
	}
	for _, f := range c.Forms {
		if f.Failures > 0 {
			t.Errorf("%s: %d of %d: %s", f.Name, f.Failures, f.Runs, f.First)
		}
	}
	t.Logf("seed %d: %d cases", c.Seed(), c.Cases())
}
