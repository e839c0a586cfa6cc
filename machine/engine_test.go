package machine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu/kvm"
	"g86/jit"
)

// engines are the engines that this host has, and a model that all of them can give.
func engines(t *testing.T) (names []string, model string) {
	names, model = []string{"interp"}, "x86-64"
	if err := jit.Supported(); err != nil {
		t.Log("no translator: ", err)
	} else {
		names = append(names, "jit")
	}
	if h, err := kvm.Open(); err != nil {
		t.Log("no KVM: ", err)
	} else {
		_ = h.Close()
		names = append(names, "kvm")
	}
	return names, model
}

// forEngines runs a test under each engine.
func forEngines(t *testing.T, f func(t *testing.T, c Config)) {
	names, model := engines(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) { f(t, Config{Accel: name, Model: model}) })
	}
}

func with(c Config, image string) Config {
	c.Image = image
	return small(c)
}

// TestEveryEngineBoots: BIOS services from Go, ports, power-off and a debug exit.
func TestEveryEngineBoots(t *testing.T) {
	code := cat([]byte{0xb8, 'Z', 0x0e, 0xcd, 0x10}, put('O'), put('K'), debugExit, spin) // INT 10h writes Z
	forEngines(t, func(t *testing.T, c Config) {
		var out output
		c = with(c, bootFloppy(t, code...))
		c.DebugExitPort = 0xf4
		c.Serial[0].Out = &out
		m := build(t, c)
		require.Equal(t, Result{Status: 0x15<<1 | 1, Reason: "debug exit"}, run(t, m))
		require.Equal(t, "OK", out.String())
		lines, _ := m.VGA().Text()
		require.Contains(t, strings.Join(lines, "\n"), "Z")
		name, _ := m.Accel()
		require.Equal(t, c.Accel, name)
	})
}

// TestEveryEngineWaits: HLT ends with the timer interrupt, in every clock mode.
func TestEveryEngineWaits(t *testing.T) {
	code := cat([]byte{0xfb, 0xb9, 3, 0, 0xf4, 0xe2, 0xfd}, put('T'), powerOff) // STI; MOV CX,3; HLT; LOOP
	forEngines(t, func(t *testing.T, c Config) {
		for _, mode := range ClockModes() {
			var out output
			c := with(c, bootFloppy(t, code...))
			c.ClockMode = mode
			c.Serial[0].Out = &out
			require.Equal(t, Result{Reason: "power off"}, run(t, build(t, c)), mode)
			require.Equal(t, "T", out.String())
		}
	})
}

// TestEveryEngineEchoes: input from outside reaches a guest that polls for it, also after
// a pause.
func TestEveryEngineEchoes(t *testing.T) {
	echo := cat([]byte{
		0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, // wait for LSR.DR
		0xba, 0xf8, 0x03, 0xec, 0x3c, '.', 0x74, 0x03, // IN AL,DX; CMP AL,'.'; JE
		0xee, 0xeb, 0xed}, powerOff) // OUT DX,AL; JMP to the start
	forEngines(t, func(t *testing.T, c Config) {
		var out output
		c = with(c, bootFloppy(t, echo...))
		c.ClockMode = "virtual"
		c.Serial[0].Out = &out
		m := build(t, c)
		done := make(chan Result)
		go func() { done <- run(t, m) }()
		m.Pause()
		var before, after, rip uint64
		m.Do(func() { before = m.Count() })
		m.Do(func() { after, rip = m.Count(), m.CPU(0).RIP })
		require.Equal(t, before, after, "a paused machine does not run")
		require.Less(t, rip, uint64(0x10000), "its state can be looked at")
		m.Resume()
		m.SerialInput(0, []byte("some text."))
		require.Equal(t, "power off", (<-done).Reason)
		require.Equal(t, "some text", out.String())
	})
}

func TestEveryEngineStartsProcessors(t *testing.T) {
	forEngines(t, func(t *testing.T, c Config) {
		var out output
		c.Kernel, c.CPUs = file(t, "ap", apKernel()), 2
		c.Serial[0].Out = &out
		require.Equal(t, Result{Reason: "power off"}, run(t, build(t, small(c))))
		require.Equal(t, "AB", out.String())
	})
}

func TestEveryEngineSeesTripleFaults(t *testing.T) {
	code := []byte{0xfa, 0x0f, 0x01, 0x1e, 0x20, 0x7c, // CLI; LIDT [7C20h], which holds zeros
		0x0f, 0x20, 0xc0, 0x0c, 1, 0x0f, 0x22, 0xc0, 0x0f, 0x0b} // MOV EAX,CR0; OR AL,1; MOV CR0,EAX; UD2
	forEngines(t, func(t *testing.T, c Config) {
		c = with(c, bootFloppy(t, code...))
		c.NoReboot = true
		r := run(t, build(t, c))
		require.Equal(t, StatusTripleFault, r.Status, "%+v", r)
	})
}

// TestEveryEngineMasksA20: with A20 low, 1 MiB and up is 0 and up.
func TestEveryEngineMasksA20(t *testing.T) {
	code := cat([]byte{0xfa, 0xe4, 0x92, 0x24, 0xfd, 0xe6, 0x92, // CLI; IN AL,92h; AND AL,FDh; OUT 92h,AL
		0x31, 0xc0, 0x8e, 0xd8, 0x48, 0x8e, 0xc0, // DS 0, ES FFFFh
		0xc6, 0x06, 0x00, 0x05, 'L', // MOV BYTE [500h],'L'
		0x26, 0xa0, 0x10, 0x05, // MOV AL,ES:[510h], which is 100500h
		0xba, 0xf8, 0x03, 0xee}, powerOff)
	forEngines(t, func(t *testing.T, c Config) {
		var out output
		c = with(c, bootFloppy(t, code...))
		c.Serial[0].Out = &out
		require.Equal(t, "power off", run(t, build(t, c)).Reason)
		require.Equal(t, "L", out.String())
	})
}

// chain is a program whose output depends on all it did: a sum over many rounds with
// memory, and the timer's ticks in between. It prints the sum's low byte as a letter.
func chain(t *testing.T) string {
	return bootFloppy(t, cat([]byte{0xfb, 0x31, 0xc0, 0x8e, 0xd8, // STI; XOR AX,AX; MOV DS,AX
		0x66, 0xb9, 0x00, 0x40, 0x00, 0x00, // MOV ECX,4000h
		0x66, 0xbb, 1, 0, 0, 0, // MOV EBX,1
		0x66, 0x69, 0xdb, 0x0d, 0x66, 0x19, 0x00, // IMUL EBX,EBX,19660Dh
		0x66, 0x81, 0xc3, 0x5f, 0xf3, 0x6e, 0x3c, // ADD EBX,3C6EF35Fh
		0x66, 0x01, 0x1e, 0x00, 0x05, // ADD [500h],EBX
		0x66, 0x49, 0x75, 0xe9, // DEC ECX; JNZ
		0xa0, 0x02, 0x05, 0x24, 0x0f, 0x04, 'A', // MOV AL,[502h]; AND AL,15; ADD AL,'A'
		0xba, 0xf8, 0x03, 0xee}, powerOff)...)
}

// TestMachineMovesBetweenEngines: interpreter and translator hand a machine to each other
// at many counts, and it is the same machine as one that stayed.
func TestMachineMovesBetweenEngines(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip("no translator: ", err)
	}
	image := chain(t)
	straight := build(t, small(Config{Accel: "interp", Floppies: []string{image + ",snapshot=on"}}))
	c := small(Config{Accel: "jit", Floppies: []string{image + ",snapshot=on"}})
	for n := uint64(1000); n < 80_000; n += 1 + n/11 {
		c.Switches = append(c.Switches, Switch{Count: n})
	}
	require.Greater(t, len(c.Switches), 30)
	moved := build(t, c)
	for n := uint64(5000); ; n += 5003 {
		_, ended := straight.RunUntil(n)
		_, ended2 := moved.RunUntil(n)
		require.Equal(t, ended, ended2)
		require.Equal(t, straight.StateHash(), moved.StateHash(), "at %d", n)
		if ended {
			break
		}
	}
	require.Empty(t, moved.cfg.Switches, "all moves were made")
}

// TestSnapshotsMoveBetweenEngines: what one engine saved goes on under every other, by
// way of a file, and ends alike.
func TestSnapshotsMoveBetweenEngines(t *testing.T) {
	names, model := engines(t)
	image := chain(t)
	var want string
	for _, from := range names {
		for _, to := range names {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				var out output
				c := small(Config{Accel: from, Model: model, Floppies: []string{image + ",snapshot=on"}})
				c.Serial[0].Out = &out
				m := build(t, c)
				_, ended := m.RunUntil(60_000)
				require.False(t, ended)
				path := filepath.Join(t.TempDir(), "guest.snap")
				require.NoError(t, m.SaveSnapshot(path))
				require.NoError(t, m.Close())
				s, err := OpenSnapshot(path)
				require.NoError(t, err)
				defer s.Close()
				host := Config{Accel: to}
				host.Serial[0].Out = &out
				m, err = Restore(s, host)
				require.NoError(t, err)
				defer m.Close()
				require.Equal(t, "power off", run(t, m).Reason)
				require.Len(t, out.String(), 1)
				if want == "" {
					want = out.String()
				}
				require.Equal(t, want, out.String())
			})
		}
	}
}

// TestSetAccelWhileRunning moves a running guest from outside, round and round.
func TestSetAccelWhileRunning(t *testing.T) {
	names, model := engines(t)
	m := build(t, with(Config{Model: model}, bootFloppy(t, cat([]byte{0xfb}, spin)...)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := m.Run(ctx)
		done <- err
	}()
	last := uint64(0)
	for range 5 {
		for _, name := range names {
			require.NoError(t, m.SetAccel(name))
			var now string
			m.Do(func() { now, _ = m.Accel() })
			require.Equal(t, name, now)
			for start := time.Now(); ; { // it goes on
				var n uint64
				m.Do(func() { n = m.Count() })
				if n > last {
					last = n
					break
				}
				require.Less(t, time.Since(start), time.Minute)
			}
		}
	}
	require.ErrorContains(t, m.SetAccel("hax"), "choose from interp, jit, kvm")
	cancel()
	require.NoError(t, <-done)
}

// TestRefusedEngineChangesNothing: the guest goes on where it was.
func TestRefusedEngineChangesNothing(t *testing.T) {
	c := with(Config{Accel: "interp"}, chain(t))
	c.LogItems, c.LogWriter = []string{"int"}, &output{}
	m := build(t, c)
	_, ended := m.RunUntil(20_000)
	require.False(t, ended)
	before := m.StateHash()
	require.ErrorContains(t, m.SetAccel("kvm"), "the guest goes on under interp")
	require.Equal(t, before, m.StateHash())
	require.Equal(t, "power off", run(t, m).Reason)
}
