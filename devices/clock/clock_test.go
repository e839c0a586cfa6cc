package clock

import (
	"testing"

	"github.com/stretchr/testify/require"

	"g86/devices/snap"
)

// bench is a clock whose instruction count the test moves.
type bench struct {
	*Clock
	count uint64
	fired []string
}

func newBench() *bench {
	b := &bench{}
	b.Clock = New(func() uint64 { return b.count }, 2000)
	return b
}

func (b *bench) timer(name string) *Timer {
	return b.NewTimer(name, func(uint64) { b.fired = append(b.fired, name) })
}

func TestTimeIsInstructions(t *testing.T) {
	b := newBench()
	require.Zero(t, b.Now())
	b.count = 500
	require.EqualValues(t, 1000, b.Now())
	b.Advance(7) // idle
	require.EqualValues(t, 1007, b.Now())
	require.EqualValues(t, 500, b.CountAt(1007))
	require.EqualValues(t, 501, b.CountAt(1008), "the first instruction at which it is at least that late")
	require.EqualValues(t, 501, b.CountAt(1009))
	require.EqualValues(t, 502, b.CountAt(1010))
}

func TestRetuneDoesNotJump(t *testing.T) {
	b := newBench()
	b.count = 1001
	before := b.Now()
	b.Retune(333)
	require.Equal(t, before, b.Now())
	b.count += 1000
	require.EqualValues(t, before+333, b.Now())
	require.EqualValues(t, 333, b.PsPerInsn())
}

// TestTicksDoNotDrift: a counter's ticks are a function of the time alone, and
// TicksToNS is the first time of a tick.
func TestTicksDoNotDrift(t *testing.T) {
	const hz = 1193182
	b := newBench()
	for n := uint64(1); n < 5000; n += 7 {
		at := TicksToNS(n, hz)
		b.count, b.state.BaseNS = 0, at
		require.EqualValues(t, n, b.Ticks(hz))
		b.state.BaseNS = at - 1
		require.EqualValues(t, n-1, b.Ticks(hz))
	}
	require.EqualValues(t, uint64(Never), TicksToNS(1<<63, 1), "no overflow")
}

func TestTimersFireInOrderOfDeadline(t *testing.T) {
	b := newBench()
	x, y, z := b.timer("x"), b.timer("y"), b.timer("z")
	z.At(10)
	y.At(20)
	x.At(10)
	require.EqualValues(t, 10, b.Next())
	b.RunDue()
	require.Empty(t, b.fired)
	b.count = 10 // 20 ns
	b.RunDue()
	require.Equal(t, []string{"x", "z", "y"}, b.fired, "ties in order of creation")
	require.EqualValues(t, uint64(Never), b.Next())
	require.False(t, x.Armed())
}

func TestCallbackMayRearm(t *testing.T) {
	b := newBench()
	var at []uint64
	var p *Timer
	p = b.NewTimer("periodic", func(now uint64) {
		at = append(at, now)
		p.At(now + 100)
	})
	p.At(100)
	b.count = 175 // 350 ns
	b.RunDue()
	require.Equal(t, []uint64{100, 200, 300}, at, "relative to the deadline, not to when it was noticed")
	require.EqualValues(t, 400, p.Deadline())
}

func TestStopAndEarlier(t *testing.T) {
	b := newBench()
	told := 0
	b.OnEarlier = func() { told++ }
	x, y := b.timer("x"), b.timer("y")
	x.At(100)
	y.At(200)
	require.Equal(t, 1, told, "only what becomes the earliest is news")
	y.At(50)
	require.Equal(t, 2, told)
	y.Stop()
	require.EqualValues(t, 100, b.Next())
	x.After(7)
	require.EqualValues(t, 7, b.Next())
	require.Len(t, b.List(), 1)
	require.Equal(t, "x", b.List()[0].Name)
}

func TestNamesAreUnique(t *testing.T) {
	b := newBench()
	b.timer("x")
	require.PanicsWithValue(t, `clock: two timers named "x"`, func() { b.timer("x") })
}

func TestSaveLoad(t *testing.T) {
	b := newBench()
	b.timer("x").At(123)
	b.timer("y")
	b.count = 5
	b.Advance(1)
	b.Retune(700)
	var w snap.Writer
	b.Save(&w)

	c := newBench()
	c.count = b.count
	y := c.timer("y")
	y.At(1)
	x := c.timer("x")
	require.NoError(t, c.Load(snap.NewReader(w.Bytes())))
	require.Equal(t, b.Now(), c.Now())
	require.EqualValues(t, 123, x.Deadline())
	require.False(t, y.Armed(), "what was not armed when saved is not armed")
	require.EqualValues(t, 123, c.Next())

	d := newBench()
	d.timer("other")
	require.ErrorContains(t, d.Load(snap.NewReader(w.Bytes())), `"x" does not exist`)
}
