package machine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/devices/piix"
	"g86/devices/vmgenid"
)

// restored saves m, restores it in a new machine and returns that.
func restored(t *testing.T, m *Machine, host Config) *Machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "machine.snap")
	require.NoError(t, m.SaveSnapshot(path))
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	r, err := Restore(s, host)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// TestRestoredMachineGoesOnAlike is the promise of snapshots: to count N, saved,
// restored, to M gives the same machine as straight to M.
func TestRestoredMachineGoesOnAlike(t *testing.T) {
	for name, c := range map[string]Config{
		"demo":           {Seed: 3},
		"demo x2":        {CPUs: 2},
		"486":            {Model: "486"},
		"two processors": {Kernel: file(t, "ap", apKernel()), CPUs: 2},
		"floppy":         {Floppies: []string{bootFloppy(t, cat([]byte{0xfb, 0xf4}, spin)...) + ",readonly=on"}},
	} {
		t.Run(name, func(t *testing.T) {
			straight, split := build(t, small(c)), build(t, small(c))
			for i, n := range []uint64{1, 5000, 60_001, 200_000, 400_003, 1_000_000} {
				_, e1 := split.RunUntil(n)
				before := split.StateHash()
				next := restored(t, split, Config{})
				require.Equal(t, before, next.StateHash(), "at %d", n)
				require.Equal(t, before, split.StateHash(), "saving changes nothing")
				split = next
				_, e2 := straight.RunUntil(n)
				require.Equal(t, e2, e1)
				require.Equal(t, straight.StateHash(), split.StateHash(), fmt.Sprintf("at %d, restored %d times", n, i))
				if e1 {
					break
				}
			}
		})
	}
}

func TestRestoreNeedsNoKernelFile(t *testing.T) {
	k := file(t, "ap", apKernel())
	m := build(t, small(Config{Kernel: k, CPUs: 2}))
	require.NoError(t, os.Remove(k))
	var out output
	host := Config{ClockMode: "warp"}
	host.Serial[0].Out = &out
	r := restored(t, m, host)
	require.Equal(t, Result{Reason: "power off"}, run(t, r))
	require.Equal(t, "AB", out.String())
}

// TestHostSideOfRestore: ports to the host are the guest's hardware and stay,
// what listens behind them is the host's to say.
func TestHostSideOfRestore(t *testing.T) {
	code := cat([]byte{0xfa, 0xb9, 0xff, 0x7f, 0xe2, 0xfe, 0xb0, 'D', 0xe6, 0xe9}, put('S'), debugExit, spin) // CLI; wait; OUT E9h,'D'
	c := small(Config{Floppies: []string{bootFloppy(t, code...) + ",readonly=on"}, Boot: "a", DebugCon: map[uint16]io.Writer{0xe9: nil}, DebugExitPort: 0xf4})
	m := build(t, c)
	for m.cpus[0].IP() < 0x7c00 || m.cpus[0].IP() > 0x7c10 {
		_, ended := m.RunUntil(m.Count() + 1000)
		require.False(t, ended)
	}
	end := Result{Status: 0x15<<1 | 1, Reason: "debug exit"}
	require.Equal(t, end, run(t, restored(t, m, Config{})), "nobody listens")
	var con, com output
	host := Config{DebugCon: map[uint16]io.Writer{0xe9: &con}}
	host.Serial[0].Out = &com
	require.Equal(t, end, run(t, restored(t, m, host)))
	require.Equal(t, "DS", con.String()+com.String())

	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	host.DebugCon[0x402] = &con
	_, err = Restore(s, host)
	require.ErrorContains(t, err, "no debug console at 0x402")
}

// TestWiresSurvive: an interrupt line that is high when the snapshot is taken
// falls in the restored machine as it would have in the old one.
func TestWiresSurvive(t *testing.T) {
	// COM1 interrupts on received data; the guest polls with interrupts off, reads
	// the byte when its wait is over, and then takes the next one as an interrupt.
	code := cat([]byte{0xfa,
		0xba, 0xfc, 0x03, 0xb0, 0x08, 0xee, // MCR: OUT2
		0xba, 0xf9, 0x03, 0xb0, 0x01, 0xee, // IER: data
		0xe4, 0x21, 0x24, 0xef, 0xe6, 0x21, // IMR: IRQ 4
		0xb9, 0x00, 0x80, 0xe2, 0xfe, // wait
		0xba, 0xf8, 0x03, 0xec, // read
		0xfb}, spin)
	image := bootFloppy(t, code...) + ",readonly=on"
	for _, model := range []string{"max", "486"} {
		t.Run(model, func(t *testing.T) {
			at := func() *Machine {
				m := build(t, small(Config{Floppies: []string{image}, Model: model}))
				m.RunUntil(1_600_000)
				for m.lines[irqCOM1].Levels() == 0 {
					m.SerialInput(0, []byte("ab"))
					_, ended := m.RunUntil(m.Count() + 100)
					require.False(t, ended)
					require.Less(t, m.Count(), uint64(4_000_000))
				}
				return m
			}
			straight, split := at(), at()
			require.Equal(t, straight.StateHash(), split.StateHash())
			split = restored(t, split, Config{})
			require.Equal(t, straight.lines[irqCOM1].Levels(), split.lines[irqCOM1].Levels())
			end := straight.Count() + 300_000
			for n := straight.Count(); n < end; n += 10_000 {
				straight.RunUntil(n)
				split.RunUntil(n)
				require.Equal(t, straight.StateHash(), split.StateHash(), "at %d", n)
			}
		})
	}
}

// TestLoadingLooksAtNothing: what a chip brings up to date when the guest looks
// stays as it was, though much time has passed.
func TestLoadingLooksAtNothing(t *testing.T) {
	m := build(t, small(Config{}))
	m.RunUntil(400_000)
	for range 20 {
		m.clk.Advance(1_234_567_890)
		before := m.StateHash()
		r := restored(t, m, Config{})
		require.Equal(t, before, r.StateHash())
		m.RunUntil(m.Count() + 1)
		r.RunUntil(r.Count() + 1)
		require.Equal(t, m.StateHash(), r.StateHash())
	}
}

// TestLoadIntoRunningMachine goes back in time in the same machine.
func TestLoadIntoRunningMachine(t *testing.T) {
	disk := file(t, "disk.img", make([]byte, 1<<20)) + ",snapshot=on"
	m := build(t, small(Config{CPUs: 2, Disks: []string{disk}}))
	m.RunUntil(100_000)
	_, err := m.images[0].WriteAt([]byte("before"), 5000)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	saved := m.StateHash()
	m.RunUntil(150_000)
	ahead := m.StateHash()
	_, err = m.images[0].WriteAt([]byte("after"), 9000)
	require.NoError(t, err)
	m.RunUntil(1_500_000)
	require.NoError(t, m.LoadSnapshot(path))
	require.Equal(t, saved, m.StateHash())
	m.RunUntil(150_000)
	require.Equal(t, ahead, m.StateHash())

	other := build(t, small(Config{CPUs: 1}))
	require.ErrorContains(t, other.LoadSnapshot(path), "of another machine (cpus 2, here 1)")
}

// TestChangedDisks: a snapshot knows the images it belongs to.
func TestChangedDisks(t *testing.T) {
	img := file(t, "disk.img", make([]byte, 1<<20))
	m := build(t, small(Config{Disks: []string{img}}))
	m.RunUntil(1000)
	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	require.NoError(t, m.Close())
	restore := func(accept bool) error {
		s, err := OpenSnapshot(path)
		require.NoError(t, err)
		defer s.Close()
		s.AcceptChangedDisks = accept
		r, err := Restore(s, Config{})
		if err == nil {
			require.NoError(t, r.Close())
		}
		return err
	}
	require.NoError(t, restore(false))
	then := time.Unix(1_700_000_000, 0)
	require.NoError(t, os.Chtimes(img, then, then))
	require.ErrorContains(t, restore(false), "was written after the snapshot")
	require.NoError(t, restore(true))
	require.NoError(t, os.Truncate(img, 512<<10))
	require.ErrorContains(t, restore(true), "has 524288 bytes; the snapshot was taken with one of 1048576")
	require.NoError(t, os.Remove(img))
	require.ErrorContains(t, restore(true), "does not exist")
}

// TestClones: machines that share a snapshot's memory go on alike, each by
// itself, but for their random numbers.
func TestClones(t *testing.T) {
	m := build(t, small(Config{CPUs: 2, Kernel: file(t, "ap", apKernel())}))
	m.RunUntil(20_000)
	noise(m)
	path := filepath.Join(t.TempDir(), "m.snap")
	require.NoError(t, m.SaveSnapshot(path))
	s, err := OpenSnapshot(path)
	require.NoError(t, err)
	defer s.Close()
	clones, err := s.Clones()
	if runtime.GOOS == "windows" {
		require.Error(t, err)
		t.Skip("this host cannot share memory")
	}
	require.NoError(t, err)
	var list []*Machine
	for i := range 3 {
		c, err := clones.New(i, Config{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		list = append(list, c)
	}
	require.NoError(t, clones.Close(), "the machines keep what they share")
	require.Equal(t, m.StateHash(), list[0].StateHash(), "the first is the machine itself")
	require.NotEqual(t, list[0].random(), list[1].random())
	require.NotEqual(t, list[1].random(), list[2].random())
	for i, c := range list {
		var id [16]byte
		c.ReadPhys(vmgenid.Base, id[:])
		require.Equal(t, c.GenerationID(), id, "guests see it")
		require.EqualValues(t, []byte{0x40, 0x80}, []byte{id[7] & 0xf0, id[8] & 0xc0}, "a random UUID")
		require.Equal(t, i == 0, id == m.GenerationID(), "clones have an identity of their own")
		require.Equal(t, i > 0, c.Bus().In(piix.GPEBase, 2)>>vmgenid.GPE&1 != 0, "and are told")
	}
	require.NotEqual(t, list[1].GenerationID(), list[2].GenerationID())
	require.Equal(t, m.ram, list[1].ram)
	list[1].bus.WritePhys(2<<20, []byte("written by one"))
	require.Equal(t, m.ram, list[2].ram, "a write is the writer's own")
	list[2].random()
	for _, c := range list {
		require.Equal(t, "power off", run(t, c).Reason)
	}
}
