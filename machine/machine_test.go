package machine

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bootFloppy is a floppy image whose boot sector is code, at 0:7C00.
func bootFloppy(t *testing.T, code ...byte) string {
	t.Helper()
	require.LessOrEqual(t, len(code), 510)
	img := make([]byte, 1440<<10)
	copy(img, code)
	img[510], img[511] = 0x55, 0xaa
	return file(t, "boot.img", img)
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// output is a serial port's other end.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// small is a machine for tests that runs as fast as it can.
func small(c Config) Config {
	c.Memory, c.ClockMode, c.RTC = 4<<20, "warp", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return c
}

func build(t *testing.T, c Config) *Machine {
	t.Helper()
	m, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// run runs to the end; a test that does not end fails after a minute.
func run(t *testing.T, m *Machine) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := m.Run(ctx)
	require.NoError(t, err)
	return r
}

// Pieces of 16-bit code.
func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func put(c byte) []byte { // MOV DX,3F8h; MOV AL,c; OUT DX,AL
	return []byte{0xba, 0xf8, 0x03, 0xb0, c, 0xee}
}

var (
	powerOff  = []byte{0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4} // MOV DX,604h; MOV AX,2000h; OUT DX,AX; HLT
	haltEver  = []byte{0xfa, 0xf4, 0xeb, 0xfd}                         // CLI; HLT; JMP to the HLT
	spin      = []byte{0xeb, 0xfe}                                     // JMP $
	debugExit = []byte{0xb0, 0x15, 0xe6, 0xf4}                         // MOV AL,15h; OUT F4h,AL
)

func TestBootSectorPrintsAndPowersOff(t *testing.T) {
	for _, model := range ModelNames() {
		t.Run(model, func(t *testing.T) {
			var out output
			c := small(Config{Image: bootFloppy(t, cat(put('O'), put('K'), powerOff)...), Model: model})
			c.Serial[0].Out = &out
			require.Equal(t, Result{Reason: "power off"}, run(t, build(t, c)))
			require.Equal(t, "OK", out.String())
		})
	}
}

func TestDebugExitStatus(t *testing.T) {
	c := small(Config{Image: bootFloppy(t, cat(debugExit, spin)...), DebugExitPort: 0xf4})
	require.Equal(t, Result{Status: 0x15<<1 | 1, Reason: "debug exit"}, run(t, build(t, c)))
}

func TestHaltWithoutInterruptsEndsWarp(t *testing.T) {
	r := run(t, build(t, small(Config{Image: bootFloppy(t, haltEver...)})))
	require.Equal(t, Result{Status: StatusTimeout, Reason: "halted with interrupts disabled"}, r)
}

// TestHaltWithMaskedTimers: a guest that hears none of the timers that go on is given up.
func TestHaltWithMaskedTimers(t *testing.T) {
	m := build(t, small(Config{Image: bootFloppy(t, 0xb0, 0xff, 0xe6, 0x21, 0xe6, 0xa1, 0xfb, 0xf4)})) // MOV AL,FFh; OUT 21h,AL; OUT A1h,AL; STI; HLT
	r, ended := m.RunUntil(1_000_000_000)
	require.True(t, ended)
	require.Equal(t, Result{Status: StatusTimeout, Reason: "halted, and no interrupt came in a day of its time"}, r)
}

func TestDeadline(t *testing.T) {
	m := build(t, small(Config{Image: bootFloppy(t, spin...)}))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	r, err := m.Run(ctx)
	require.NoError(t, err)
	require.Equal(t, Result{Status: StatusTimeout, Reason: "timeout"}, r)
}

// resetOnce is a boot sector that remembers in memory that it has run: the first
// time it prints 1 and does what how says, the second time 2 and powers off.
func resetOnce(how ...byte) []byte {
	first := cat(put('1'), []byte{0xc6, 0x06, 0x00, 0x90, 0x55}, how, spin) // MOV BYTE [9000h],55h
	return cat([]byte{0x31, 0xc0, 0x8e, 0xd8,                               // XOR AX,AX; MOV DS,AX
		0x80, 0x3e, 0x00, 0x90, 0x55, // CMP BYTE [9000h],55h
		0x74, byte(len(first))}, // JE
		first, put('2'), powerOff)
}

func TestReset(t *testing.T) {
	zeroIDT := []byte{0x0f, 0x01, 0x1e, 0x04, 0x90, 0xcc} // LIDT [9004h]: limit 0; INT3
	for name, how := range map[string][]byte{
		"keyboard controller": {0xb0, 0xfe, 0xe6, 0x64},
		"port 92h":            {0xb0, 0x01, 0xe6, 0x92},
		"port CF9h":           {0xba, 0xf9, 0x0c, 0xb0, 0x02, 0xee, 0xb0, 0x06, 0xee},
		"triple fault":        zeroIDT,
	} {
		t.Run(name, func(t *testing.T) {
			var out output
			c := small(Config{Image: bootFloppy(t, resetOnce(how...)...)})
			c.Serial[0].Out = &out
			require.Equal(t, Result{Reason: "power off"}, run(t, build(t, c)))
			require.Equal(t, "12", out.String(), "memory survives a reset")

			c.NoReboot, c.Image = true, bootFloppy(t, resetOnce(how...)...)
			r := run(t, build(t, c))
			if name != "triple fault" {
				require.Equal(t, Result{Reason: "reset"}, r)
				return
			}
			require.Equal(t, StatusTripleFault, r.Status)
			for _, text := range []string{"#GP", "int3", "IDT entries", "beyond the limit", "CS =0000", "last branches went to:\n"} {
				require.Contains(t, r.PostMortem, text)
			}
		})
	}
}

func TestShutdownCodeContinuesProgram(t *testing.T) {
	// CMOS 0Fh = 0Ah: after the reset the BIOS jumps to 40:67 (here 0000:7D00).
	code := make([]byte, 0x120)
	copy(code, cat([]byte{0x31, 0xc0, 0x8e, 0xd8,
		0xc7, 0x06, 0x67, 0x04, 0x00, 0x7d, 0xc7, 0x06, 0x69, 0x04, 0x00, 0x00,
		0xb0, 0x0f, 0xe6, 0x70, 0xb0, 0x0a, 0xe6, 0x71, 0xb0, 0xfe, 0xe6, 0x64}, spin))
	copy(code[0x100:], cat(put('R'), powerOff))
	var out output
	c := small(Config{Image: bootFloppy(t, code...)})
	c.Serial[0].Out = &out
	require.Equal(t, Result{Reason: "power off"}, run(t, build(t, c)))
	require.Equal(t, "R", out.String())
}

func TestSameSeedSameHash(t *testing.T) {
	hashes := func(seed uint64) (l [][32]byte) {
		m := build(t, small(Config{Seed: seed}))
		for _, n := range []uint64{0, 1, 12345, 400_000, 1_000_000} {
			_, ended := m.RunUntil(n)
			require.False(t, ended)
			require.Equal(t, n, m.Count())
			l = append(l, m.StateHash())
		}
		return l
	}
	a := hashes(1)
	require.Equal(t, a, hashes(1))
	require.NotEqual(t, a[0], hashes(2)[0], "the seed is part of the state")
	seen := map[[32]byte]bool{}
	for _, h := range a {
		require.False(t, seen[h], "the hash does not notice that the guest ran")
		seen[h] = true
	}
}

func TestHashDoesNotDependOnSlices(t *testing.T) {
	one, many := build(t, small(Config{})), build(t, small(Config{}))
	one.RunUntil(300_000)
	for n := uint64(0); n < 300_000; n += 777 {
		many.RunUntil(n)
	}
	many.RunUntil(300_000)
	require.Equal(t, one.StateHash(), many.StateHash())
}

func TestTimersFireAtExactCounts(t *testing.T) {
	m := build(t, small(Config{Image: bootFloppy(t, cat([]byte{0xfa}, spin)...)}))
	var got, want []uint64
	timer := m.clk.NewTimer("test", func(uint64) { got = append(got, m.Count()) })
	for i := range uint64(50) {
		at := m.clk.Now() + 1 + i*i*977
		timer.At(at)
		want = append(want, m.clk.CountAt(at))
		_, ended := m.RunUntil(m.clk.CountAt(at) + i%3)
		require.False(t, ended)
	}
	require.Equal(t, want, got)
}

// armer arms a timer from inside an instruction: the debug console's OUT.
type armer struct{ f func() }

func (a *armer) Write(p []byte) (int, error) { a.f(); return len(p), nil }

func TestTimerArmedByInstructionShortensSlice(t *testing.T) {
	var got, want uint64
	a := &armer{}
	c := small(Config{Image: bootFloppy(t, cat([]byte{0xfa, 0xe6, 0xe9}, spin)...)}) // CLI; OUT E9h,AL
	c.DebugCon = map[uint16]io.Writer{0xe9: a}
	m := build(t, c)
	timer := m.clk.NewTimer("test", func(uint64) { got = m.Count() })
	a.f = func() {
		timer.After(100 * psPerInsn / 1000)
		want = m.Count() + 100
	}
	_, ended := m.RunUntil(2_000_000)
	require.False(t, ended)
	require.NotZero(t, got)
	require.Equal(t, want, got)
}

// wrmsr is MOV ECX,n; MOV EAX,lo; MOV EDX,hi; WRMSR in 16-bit code.
func wrmsr(n, lo, hi uint32) []byte {
	b := le.AppendUint32([]byte{0x66, 0xb9}, n)
	b = le.AppendUint32(append(b, 0x66, 0xb8), lo)
	b = le.AppendUint32(append(b, 0x66, 0xba), hi)
	return append(b, 0x0f, 0x30)
}

func TestDeadlineTimerFollowsTSC(t *testing.T) {
	code := make([]byte, 0x180)
	copy(code, cat(
		[]byte{0x31, 0xc0, 0x8e, 0xd8, // XOR AX,AX; MOV DS,AX
			0xc7, 0x06, 0x00, 0x01, 0x00, 0x7d, 0xc7, 0x06, 0x02, 0x01, 0x00, 0x00}, // vector 40h at 0:7D00
		wrmsr(0x1b, 0xfee00d00, 0),  // x2APIC on the bootstrap processor
		wrmsr(0x80f, 0x1ff, 0),      // SVR: enable
		wrmsr(0x832, 2<<17|0x40, 0), // LVT timer: TSC-deadline, vector 40h
		wrmsr(0x6e0, 0, 0x100),      // in 18 minutes
		[]byte{0xfb},                // STI
		wrmsr(0x10, 0, 0x200),       // the TSC is set beyond that
		[]byte{0xf4, 0xeb, 0xfd},    // HLT; JMP
	))
	copy(code[0x100:], cat(put('T'), powerOff))
	var out output
	c := small(Config{Image: bootFloppy(t, code...)})
	c.Serial[0].Out = &out
	m := build(t, c)
	require.Equal(t, Result{Reason: "power off"}, run(t, m))
	require.Equal(t, "T", out.String())
	require.Less(t, m.Clock().Now(), uint64(time.Second))
}

// apKernel is a Multiboot kernel that starts processor 1 at 8000h with INIT and
// SIPI and waits for it to write to 9000h.
func apKernel() []byte {
	var k []byte
	for _, v := range []uint32{0x1badb002, 0x10000, -(0x1badb002 + 0x10000) & 0xffffffff, 0x100000, 0x100000, 0, 0, 0x100020} {
		k = le.AppendUint32(k, v)
	}
	store := func(at, v uint32) []byte { // MOV DWORD [at],v
		return le.AppendUint32(le.AppendUint32([]byte{0xc7, 0x05}, at), v)
	}
	ap := []byte{0x31, 0xc0, 0x8e, 0xd8, // XOR AX,AX; MOV DS,AX
		0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, // MOV DX,3F8h; MOV AL,'A'; OUT DX,AL
		0xc6, 0x06, 0x00, 0x90, 0x01, 0xf4} // MOV BYTE [9000h],1; HLT
	k = append(k, store(0x9000, 0)...)
	for len(ap)%4 != 0 {
		ap = append(ap, 0xf4)
	}
	for i := 0; i < len(ap); i += 4 {
		k = append(k, store(uint32(0x8000+i), le.Uint32(ap[i:]))...)
	}
	k = append(k, store(0xfee000f0, 0x1ff)...)
	k = append(k, store(0xfee00310, 1<<24)...)
	k = append(k, store(0xfee00300, 0x4500)...)                // INIT
	k = append(k, store(0xfee00300, 0x4608)...)                // SIPI 08h
	k = append(k, 0x80, 0x3d, 0x00, 0x90, 0, 0, 1, 0x75, 0xf7) // CMP BYTE [9000h],1; JNE
	k = append(k, 0x66, 0xba, 0xf8, 0x03, 0xb0, 'B', 0xee)
	k = append(k, 0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef, 0xf4)
	return k
}

func TestStartupIPI(t *testing.T) {
	k := file(t, "ap", apKernel())
	var first [32]byte
	for i := range 2 {
		var out output
		c := small(Config{Kernel: k, CPUs: 2})
		c.Serial[0].Out = &out
		m := build(t, c)
		require.Equal(t, Result{Reason: "power off"}, run(t, m))
		require.Equal(t, "AB", out.String())
		require.True(t, m.CPU(1).Halted)
		if i == 0 {
			first = m.StateHash()
		} else {
			require.Equal(t, first, m.StateHash(), "processors take turns deterministically")
		}
	}
}

func TestDoPauseAndSerialInput(t *testing.T) {
	// Echoes COM1 until it gets '.', then powers off.
	echo := cat([]byte{
		0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, // wait for LSR.DR
		0xba, 0xf8, 0x03, 0xec, 0x3c, '.', 0x74, 0x03, // IN AL,DX; CMP AL,'.'; JE
		0xee, 0xeb, 0xed}, powerOff) // OUT DX,AL; JMP to the start
	var out output
	c := small(Config{Image: bootFloppy(t, echo...)})
	c.ClockMode = "virtual"
	c.Serial[0].Out = &out
	m := build(t, c)
	done := make(chan Result)
	go func() { done <- run(t, m) }()
	m.Pause()
	require.True(t, m.Paused())
	var before, after uint64
	m.Do(func() { before = m.Count() })
	m.Do(func() { after = m.Count() })
	require.Equal(t, before, after, "a paused machine does not run")
	m.Resume()
	long := strings.Repeat("0123456789", 20) // more than the FIFO holds
	m.SerialInput(0, []byte(long))
	m.SerialInput(0, []byte("."))
	require.Equal(t, "power off", (<-done).Reason)
	require.Equal(t, long, out.String())
	ran := false
	m.Do(func() { ran = true })
	require.True(t, ran, "Do works when nobody runs the machine")
}

func TestConfigErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg    Config
		status int
		text   string
	}{
		"little memory": {Config{Memory: 4096}, StatusUsage, "too little"},
		"odd memory":    {Config{Memory: 1<<20 + 1}, StatusUsage, "whole 4 KiB pages"},
		"processors":    {Config{CPUs: 9}, StatusUsage, "choose 1 to 8"},
		"model":         {Config{Model: "z80"}, StatusUsage, "unknown CPU model"},
		"no APIC":       {Config{Model: "486", CPUs: 2}, StatusConfig, "has no APIC"},
		"accelerator":   {Config{Accel: "hax"}, StatusUsage, "unknown accelerator"},
		"kvm and log":   {Config{Accel: "kvm", LogItems: []string{"int"}, LogWriter: io.Discard}, StatusHost, "-d int looks at every instruction"},
		"features":      {Config{Model: "max,sha-ni"}, StatusUsage, "write features to be left out"},
		"no feature":    {Config{Model: "486,-sse2"}, StatusUsage, `has no feature "sse2"`},
		"switch":        {Config{Switches: []Switch{{5, "hax"}}}, StatusUsage, `no engine "hax"`},
		"clock":         {Config{ClockMode: "fast"}, StatusUsage, "unknown clock mode"},
		"boot order":    {Config{Boot: "x"}, StatusUsage, "boot order"},
		"log item":      {Config{LogItems: []string{"x"}}, StatusUsage, "unknown log item"},
		"no file":       {Config{Kernel: "/nonexistent"}, StatusConfig, "no such file"},
		"directory":     {Config{Kernel: "/"}, StatusConfig, "is a directory"},
		"no kernel":     {Config{Initrd: "x"}, StatusUsage, "--initrd needs a kernel"},
		"disk":          {Config{Disks: []string{"/nonexistent"}}, StatusConfig, "/nonexistent"},
		"disk option":   {Config{Disks: []string{"x,y=z"}}, StatusUsage, "unknown option"},
		"firmware":      {Config{BIOS: "/nonexistent"}, StatusConfig, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(tc.cfg)
			require.True(t, m == nil)
			var ce *ConfigError
			require.ErrorAs(t, err, &ce)
			require.Equal(t, tc.status, ce.Status)
			require.Contains(t, err.Error(), tc.text)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTypingReachesBIOS(t *testing.T) {
	// Reads keys with INT 16h and sends them to COM1 until Enter.
	code := cat([]byte{0x31, 0xc0, 0xcd, 0x16, // XOR AX,AX; INT 16h
		0x3c, 0x0d, 0x74, 0x06, // CMP AL,13; JE
		0xba, 0xf8, 0x03, 0xee, // MOV DX,3F8h; OUT DX,AL
		0xeb, 0xf2}, powerOff)
	const text = "Hello, 8042! A line longer than the keyboard's queue."
	var out output
	c := small(Config{Image: bootFloppy(t, code...)})
	c.Serial[0].Out = &out
	m := build(t, c)
	_, ended := m.RunUntil(3_000_000)
	require.False(t, ended)
	m.TypeKeys(text + "\n")
	require.Equal(t, "power off", run(t, m).Reason)
	require.Equal(t, text, out.String())
	require.NoError(t, m.SendKey("ctrl-alt-delete"))
	require.ErrorContains(t, m.SendKey("ctrl-nonsense"), "unknown key")
	require.ErrorContains(t, m.Key("nonsense", true), "unknown key")
}
