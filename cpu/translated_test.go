//go:build linux && amd64

package cpu_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"g86/cpu"
	"g86/jit"
)

// TestSoakTranslated goes on with other programs for an hour, or for G86_SOAK as a
// duration (10m); `make soak` runs it. A failure names its seed: add that to
// pastSeeds.
func TestSoakTranslated(t *testing.T) {
	soak := os.Getenv("G86_SOAK")
	if soak == "" {
		t.Skip("an hour long: make soak runs it")
	}
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	span, err := time.ParseDuration(soak)
	if err != nil {
		span = time.Hour
	}
	start, said := time.Now(), time.Now()
	seed := uint64(start.UnixNano())
	ran := uint64(0)
	pools := map[int][][][][]byte{32: {cpu.Samples(32), cpu.Clustered(32)}, 64: {cpu.Samples(64), cpu.Clustered(64)}}
	for ; time.Since(start) < span; seed++ {
		for bits, pools := range pools {
			for _, pool := range pools {
				ran += lockstep(t, bits, pool, seed)
			}
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			t.Logf("seed %d: %.1f million instructions a minute", seed, float64(ran)/1e6/time.Since(start).Minutes())
		}
	}
}

// pastSequences are sequences on which the engines differed once.
var pastSequences = []struct {
	name string
	bits int
	code string
	gpr  map[int]uint64
	fs   uint64 // base
	at   uint64 // not 0: where the code is
}{
	{"32-bit addresses do not wrap inside a group of accesses", 32, // inc [esp+3]; sub esp,28h; movups xmm0,[esp+1Ah]; mov [esp+0Fh],eax
		"ff442403 83ec28 0f1044241a 8944240f", map[int]uint64{cpu.RSP: 0x1b}, 0, 0},
	{"nor through an index alone", 32, // mov eax,[ecx*1+8]; add ecx,-20h; mov edx,[ecx*1+24h]
		"8b040d08000000 83c1e0 8b140d24000000", map[int]uint64{cpu.RCX: 8}, 0, 0},
	{"sums with an index do", 32, // mov eax,[ebx+ecx+8]; add ecx,-20h; mov edx,[ebx+ecx+24h]
		"8b440b08 83c1e0 8b540b24", map[int]uint64{cpu.RBX: 0x8100, cpu.RCX: 8}, 0, 0},
	{"an access that reaches over the edge of canonical addresses is no page fault", 64, // mov rax,[rcx]
		"488b01", map[int]uint64{cpu.RCX: 1<<47 - 7}, 0, 0},
	{"likewise a group", 64, // mov rax,[rcx]; mov rdx,[rcx+8]
		"488b01 488b5108", map[int]uint64{cpu.RCX: 1<<47 - 12}, 0, 0},
	{"an offset that wraps is beyond the limit, whatever the base", 32, // mov eax,fs:[ebx-1]
		"648b43ff", map[int]uint64{cpu.RBX: 0}, 0x9010, 0},
	{"likewise a constant", 32, // mov eax,fs:[fffffffeh]
		"64a1feffffff", nil, 0x9010, 0},
	{"but not the last one", 32, // mov eax,fs:[ebx-4]; mov al,fs:[ebx-1]
		"648b43fc 648a43ff", map[int]uint64{cpu.RBX: 0}, 0x9010, 0},
	{"a walk sets the accessed bit in the block that runs, for an access that is the interpreter's", 64,
		inTable, map[int]uint64{cpu.RBX: 0x105000}, 0, 0xa0800},
	{"what is mapped elsewhere leaves the window", 64, // 1: mov rax,[rbx]; add rsi,rax; mov [rbx],ecx; xor dword [rdx],3000h; invlpg [rbx]; dec ecx; jnz 1b
		"488b03 4801c6 890b 813200300000 0f013b ffc9 75eb", map[int]uint64{cpu.RBX: 0x85010, cpu.RDX: 0xa0428, cpu.RCX: 6}, 0, 0},
	{"a shift by 0 accesses its operand", 64, // 1: shl dword [rbx],cl; mov edx,[rbx]; add rbx,1000h; dec eax; jnz 1b
		"d323 8b13 4881c300100000 ffc8 75f1", map[int]uint64{cpu.RBX: 0x85010, cpu.RCX: 0, cpu.RAX: 8}, 0, 0},
	{"an access above the window's high part", 64, // 1: mov rax,[rbx]; add rbx,4; dec ecx; jnz 1b
		"488b03 4883c304 ffc9 75f5", map[int]uint64{cpu.RBX: 1<<47 - 16, cpu.RCX: 9}, 0, 0},
	{"an access that reaches over that edge is no page fault", 64, // 1: fstp tbyte [rax]; dec ecx; jnz 1b
		"db38 ffc9 75fa", map[int]uint64{cpu.RAX: 1<<47 - 9, cpu.RCX: 9}, 0, 0},
	{"the last byte of memory is moved alone", 32, // movsb
		"a4", map[int]uint64{cpu.RSI: 0xfffff, cpu.RDI: 0x9000}, 0, 0},
	{"a stack frame that reaches over the end of all addresses is no page fault", 32, // 1: leave; inc edx; dec ecx; jnz 1b
		"c9 42 49 75fb", map[int]uint64{cpu.RBP: 1<<32 - 2, cpu.RCX: 9}, 0, 0},
	{"accesses that go from one part of the window to the other", 64, // 1: add [rbx],eax; xor rbx,rdx; dec ecx; jnz 1b
		"0103 4831d3 ffc9 75f7", map[int]uint64{cpu.RBX: 0x9010, cpu.RDX: 1 << 46, cpu.RCX: 12}, 0, 0},
	{"or beyond the end of the low one", 64, // the same
		"0103 4831d3 ffc9 75f7", map[int]uint64{cpu.RBX: cpu.LowEnd - 1<<30 + 0x9010, cpu.RDX: 1<<37 - 1<<30, cpu.RCX: 12}, 0, 0},
}

// inTable is code in the page table, which is an entry too: MOV AL,[RBX]; NOPs; MOV RCX,(entry of 105000h).
var inTable = "8a03" + strings.Repeat("90", 0x24) + "48b9 0750100000000000"

func TestPastSequences(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	for _, c := range pastSequences {
		t.Run(c.name, func(t *testing.T) {
			for _, windows := range []bool{false, true} {
				var e *jit.Engine
				s := cpu.NewSequences(t, c.bits, cpu.Clustered(c.bits), attaching(t, &e))
				if windows && e.Windows() {
					s.UseWindows(t)
				}
				s.Run(t, c.code, c.gpr, c.fs, c.at)
				require.NoError(t, e.Close())
			}
		})
	}
}

// TestReloadedCode: code that was overwritten comes back with its host code, in its page or in
// another, but not if an instruction is another now.
func TestReloadedCode(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	const (
		sum   = "4801d8 ffc9 75f9 eb00 4801d0 eb00 4889c6" // 1: add rax,rbx; dec ecx; jnz 1b; jmp +0; add rax,rdx; jmp +0; mov rsi,rax
		other = "4829d8 ffc9 75f9 eb00 4829d0 eb00 4889c7" // sub ..., mov rdi,rax
		mixed = "4801d8 ffc9 75f9 eb00 4831d0 eb00 4889c6" // the second block has xor rax,rdx
		home  = 0x4000
		away  = 0x50000
	)
	for _, windows := range []bool{false, true} {
		s, e := clustered64(t)
		if windows && e.Windows() {
			s.UseWindows(t)
		}
		gpr := map[int]uint64{cpu.RAX: 1, cpu.RBX: 2, cpu.RCX: 5, cpu.RDX: 7}
		run := func(code string, page uint64) (translated, found uint64) {
			translated, found = e.Stats.Blocks, s.Found()
			s.RunFrom(t, code, gpr, page)
			return e.Stats.Blocks - translated, s.Found() - found
		}
		blocks, found := run(sum, home)
		require.NotZero(t, blocks)
		require.Zero(t, found)
		all := blocks
		run(other, home)
		blocks, found = run(sum, home)
		require.Equal(t, [2]uint64{0, all}, [2]uint64{blocks, found}, "in its place")
		run(mixed, home)
		run(other, home)
		blocks, found = run(sum, away)
		require.LessOrEqual(t, blocks, uint64(1), "jmp to itself is still where it was")
		require.GreaterOrEqual(t, found, all-1, "elsewhere")
		require.NoError(t, e.Close())
	}
}

// clustered64 are the machines of 64-bit sequences, the second of which translates all code at once.
func clustered64(t *testing.T) (s *cpu.Sequences, e *jit.Engine) {
	s = cpu.NewSequences(t, 64, cpu.Clustered(64), attaching(t, &e))
	return s, e
}

// TestReloadedTwin: a block and the one beside it that uses a window come back each with its own instructions.
func TestReloadedTwin(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	s, e := clustered64(t)
	if !e.Windows() {
		t.Skip("this host has no windows")
	}
	s.UseWindows(t)
	const code, other = "c8100000", "c8200000" // enter 10h,0, which is the interpreter's; enter 20h,0
	for _, run := range []struct {
		code    string
		windows bool
	}{{code, false}, {code, true}, {other, true}, {code, false}, {code, true}} {
		s.SetWindows(run.windows)
		s.RunFrom(t, run.code, nil, 0x4000)
	}
	require.NotZero(t, s.Found())
	require.NoError(t, e.Close())
}

// TestParkedWithoutTranslator: host code that waits goes with the translator.
func TestParkedWithoutTranslator(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	var e *jit.Engine
	var code *cpu.CodeCache
	s := cpu.NewSequences(t, 64, cpu.Clustered(64), func(k *cpu.CodeCache) {
		var err error
		code = k
		e, err = jit.Attach(k, 0)
		require.NoError(t, err)
	})
	s.RunFrom(t, "4801d8", nil, 0x4000) // add rax,rbx
	code.Flush()
	require.NoError(t, e.Close())
	code.SetTranslator(nil, 0)
	s.RunFrom(t, "4801d8", nil, 0x4000)
	require.Zero(t, s.Found())
}

// TestProbes: no address leads out of the part of the window that an instruction is thought to use.
func TestProbes(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	const code = "8b06 014500 ffc9 480f44ea 79f5" // mov eax,[rsi]; 1: add [rbp],eax; dec ecx; cmovz rbp,rdx; jns 1b
	for _, tc := range []struct {
		part         cpu.Region
		first, other uint64
	}{{cpu.High, cpu.HighStart + 0x85010, 0x85020}, {cpu.Low, 0x85010, cpu.HighStart + 0x85020}, {cpu.Mixed, 0x85010, cpu.HighStart + 0x85020}} {
		s, e := clustered64(t)
		if !e.Windows() {
			t.Skip("this host has no windows")
		}
		s.UseWindows(t)
		gpr := map[int]uint64{cpu.RSI: tc.other, cpu.RBP: tc.first, cpu.RDX: tc.first, cpu.RCX: 6}
		s.Run(t, code, gpr, 0, 0)
		astray := []uint64{cpu.LowEnd + 0x85020, 1 << 45, 1 << 47, 1<<48 + 1<<44, 1<<60 + 0x85020, ^uint64(1<<47 - 1), ^uint64(1 << 47), ^uint64(0xfff)}
		if tc.part == cpu.Mixed { // once it has been in both parts
			gpr[cpu.RBP], gpr[cpu.RDX] = tc.other, tc.other
			s.Run(t, code, gpr, 0, 0)
		} else {
			astray = append(astray, s.Astray(t, tc.part, 0x85020))
		}
		for _, a := range astray {
			require.NotEqual(t, tc.part, cpu.RegionOf(a))
			gpr[cpu.RDX] = a
			s.Run(t, code, gpr, 0, 0)
		}
		require.NoError(t, e.Close())
	}
}

// TestAlignedOperands: the host looks at the alignment of operands in a window. #GP comes before #PF
// where both are due, so that CR2 stays. Handlers go on one byte into the instruction, which must not be another
// that accesses memory.
func TestAlignedOperands(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	// 1: mulps xmm0,[rsi]; dec edx; cmovz rsi,rbx; jns 1b
	for bits, code := range map[int]string{32: "0f5906 ffca 0f44f3 79f6", 64: "0f5906 ffca 480f44f3 79f5"} {
		var e *jit.Engine
		s := cpu.NewSequences(t, bits, cpu.Clustered(bits), attaching(t, &e))
		if !e.Windows() {
			t.Skip("this host has no windows")
		}
		s.UseWindows(t)
		missing := uint64(0xfffff000) // smallPages
		if bits == 64 {
			missing = cpu.HighStart + 1<<40
		}
		for _, at := range []uint64{0x85020, 0x85018, missing, missing + 8, 0x85ff8} {
			s.Run(t, code, map[int]uint64{cpu.RSI: 0x85010, cpu.RBX: at, cpu.RDX: 3}, 0, 0)
		}
		require.NoError(t, e.Close())
	}
}

// TestFaultsOfGo: where no host code is to blame, what the host finds unmapped is Go's to deal with.
func TestFaultsOfGo(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	e, err := jit.Attach(cpu.NewCodeCache(), 0)
	require.NoError(t, err)
	var nowhere *uint64
	require.PanicsWithError(t, "runtime error: invalid memory address or nil pointer dereference", func() { *nowhere = 1 })
	require.NoError(t, e.Close())
	require.Panics(t, func() { *nowhere = 1 })
}

// pastBatches are seeds of sequences on which the engines differed once; they mean something else
// when what makes sequences or the pools changes.
var pastBatches = []uint64{
	1796006578351508780, 1796006580466470178, 1796006585007253187, // PUSHA whose first push faults
	1796025197390795854, 1796025197390799646, // a block at address 0 whose page has gone: its code key was that of an empty set
	1796025197390801369, // with windows: FSTP over the edge of canonical addresses
}

// soak is how long a test that makes up cases goes on, and the first seed.
func soak() (span time.Duration, seed uint64) {
	s := os.Getenv("G86_SOAK")
	if s == "" {
		return 3 * time.Second, 1
	}
	span, err := time.ParseDuration(s)
	if err != nil {
		span = 3 * time.Second
	}
	return span, uint64(time.Now().UnixNano())
}

// TestSequences: short random sequences of all forms, and of accesses that lie close together,
// in 32- and 64-bit mode, rings 0 and 3. With G86_SOAK it goes on for so long and says how
// many it runs.
func TestSequences(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	span, seed := soak()
	for _, bits := range []int{32, 64} {
		for name, pool := range map[string][][][]byte{"all forms": cpu.Samples(bits), "clustered": cpu.Clustered(bits)} {
			t.Run(fmt.Sprintf("%d bits, %s", bits, name), func(t *testing.T) {
				t.Parallel()
				runSequences(t, bits, pool, seed, span, false)
			})
			t.Run(fmt.Sprintf("%d bits, %s, windows", bits, name), func(t *testing.T) {
				t.Parallel()
				runSequences(t, bits, pool, seed, span, true)
			})
		}
	}
}

// attaching attaches an engine to a cache, which is *e from then on.
func attaching(t *testing.T, e **jit.Engine) func(*cpu.CodeCache) {
	return func(k *cpu.CodeCache) {
		var err error
		*e, err = jit.Attach(k, 0)
		require.NoError(t, err)
	}
}

// useWindows makes machines use windows, where the host has them.
func useWindows(t *testing.T, e *jit.Engine, machines interface{ UseWindows(*testing.T) }) {
	if !e.Windows() {
		t.Skip("this host has no windows")
	}
	machines.UseWindows(t)
}

// runSequences runs batches from seed on for a span of time.
func runSequences(t *testing.T, bits int, pool [][][]byte, seed uint64, span time.Duration, windows bool) {
	var e *jit.Engine
	s := cpu.NewSequences(t, bits, pool, attaching(t, &e))
	defer func() { require.NoError(t, e.Close()) }()
	if windows {
		useWindows(t, e, s)
	}
	e.Hold()
	defer e.Release()
	cases := 0
	batch := func(seed uint64) {
		e.Checks = jit.Checks(seed % uint64(jit.NumChecks))
		cases += s.Batch(t, seed)
	}
	for _, seed := range pastBatches {
		batch(seed)
	}
	start, said := time.Now(), time.Now()
	for ; time.Since(start) < span; seed++ {
		batch(seed)
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			t.Logf("seed %d: %.2f million sequences a minute", seed, float64(cases)/1e6/time.Since(start).Minutes())
		}
	}
	t.Logf("%d sequences, %.2f million a minute", cases, float64(cases)/1e6/time.Since(start).Minutes())
}

// TestCrossings: random walks between rings, by way of host code for the most part.
func TestCrossings(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	span, seed := soak()
	for _, bits := range []int{32, 64} {
		for _, windows := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bits, windows %t", bits, windows), func(t *testing.T) {
				t.Parallel()
				var e *jit.Engine
				s := cpu.NewCrossings(t, bits, attaching(t, &e))
				defer func() { require.NoError(t, e.Close()) }()
				if windows {
					useWindows(t, e, s)
				}
				e.Hold()
				defer e.Release()
				run := func(seed uint64) {
					e.Checks = jit.Checks(seed % uint64(jit.NumChecks))
					s.Run(t, seed, walkInsns)
				}
				walks := uint64(0)
				for start := time.Now(); time.Since(start) < span; walks++ {
					run(seed + walks)
				}
				t.Logf("%d walks, %.1f crossings of each inside host code", walks, float64(s.Inside())/float64(walks))
				require.Greater(t, s.Inside(), 3*walks, "crossings that did not leave host code")
			})
		}
	}
}

// walkInsns is how many instructions a walk between rings runs.
const walkInsns = 150

const programInsns = 400

// pastSeeds are programs on which the engines differed once.
var pastSeeds = []uint64{
	1795715598749598169, // SSE with unmasked exceptions, after the interpreter had begun the block
}

// lockstep runs a random program on both engines, every block translated before it first
// runs, and returns how many instructions that were. Seeds take turns with
// the kinds of checks.
func lockstep(t *testing.T, bits int, pool [][][]byte, seed uint64) uint64 {
	var e *jit.Engine
	n := cpu.Lockstep(t, bits, pool, seed, programInsns, func(k *cpu.CodeCache) {
		if e != nil {
			require.NoError(t, e.Close())
		}
		var err error
		e, err = jit.Attach(k, 0)
		require.NoError(t, err)
		e.Checks = jit.Checks(seed % uint64(jit.NumChecks))
		if seed%8 != 0 { // a run loop holds it
			e.Hold()
		}
	})
	require.NoError(t, e.Close())
	return n
}

// mdwe in the environment makes the test's process one that gets no memory that is both
// writable and executable.
const mdwe = "G86_TEST_MDWE"

func init() {
	if os.Getenv(mdwe) != "" && unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != nil {
		jit.ForceDual = true // a kernel before 6.3
	}
}

// TestWriteOrExecute: where memory is either writable or executable, host code runs in
// pages that are mapped twice.
func TestWriteOrExecute(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	if os.Getenv(mdwe) == "" {
		child := exec.Command(os.Args[0], "-test.run", "^(TestWriteOrExecute|TestClusteredAccesses)$")
		child.Env = append(os.Environ(), mdwe+"=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	e, err := jit.Attach(cpu.NewCodeCache(), 0)
	require.NoError(t, err)
	require.True(t, e.Dual())
	require.NoError(t, e.Close())
}

// TestGSBySystemCall: kernels before Linux 5.9 do not let programs write the base of GS.
func TestGSBySystemCall(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	jit.ForceSyscallGS = true
	defer func() { jit.ForceSyscallGS = false }()
	e, err := jit.Attach(cpu.NewCodeCache(), 0)
	require.NoError(t, err)
	require.True(t, e.SyscallGS())
	require.NoError(t, e.Close())
	for _, bits := range []int{32, 64} {
		for seed := range uint64(30) {
			lockstep(t, bits, cpu.Samples(bits), seed)
			lockstep(t, bits, cpu.Clustered(bits), seed)
		}
		w := cpu.NewCrossings(t, bits, attaching(t, &e))
		e.Hold()
		for seed := range uint64(200) {
			w.Run(t, seed, walkInsns)
		}
		require.Greater(t, w.Inside(), uint64(600))
		e.Release()
		require.NoError(t, e.Close())
	}
}

// TestClusteredAccesses: programs in which many accesses share a search of the TLB, on
// and across the ends of pages, in memory and out of it.
func TestClusteredAccesses(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	for _, bits := range []int{32, 64} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			pool := cpu.Clustered(bits)
			for seed := range uint64(250) {
				lockstep(t, bits, pool, seed)
			}
		})
	}
}

// TestTranslatedLikeInterpreted: random programs over all forms reach the same
// state on translated code, every block of which is translated before it first
// runs, as on the interpreter.
func TestTranslatedLikeInterpreted(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	const seeds = 300
	for _, bits := range []int{32, 64} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			pool := cpu.Samples(bits)
			for seed := range uint64(seeds) {
				lockstep(t, bits, pool, seed)
			}
			for _, seed := range pastSeeds {
				lockstep(t, bits, pool, seed)
			}
		})
	}
}

// TestJumps: jumps between pages of which one is mapped elsewhere, or dropped from the TLB, while
// they look at that and while they do not.
func TestJumps(t *testing.T) {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	span, seed := soak()
	for _, windows := range []bool{false, true} {
		t.Run(fmt.Sprintf("windows %t", windows), func(t *testing.T) {
			t.Parallel()
			var e *jit.Engine
			s := cpu.NewJumps(t, attaching(t, &e))
			defer func() { require.NoError(t, e.Close()) }()
			if windows {
				useWindows(t, e, s)
			}
			e.Hold()
			defer e.Release()
			n := uint64(0)
			for start := time.Now(); time.Since(start) < span; n++ {
				e.Checks = jit.Checks(n % uint64(jit.NumChecks))
				s.Run(t, seed+n)
			}
			t.Logf("%d programs, %d jumps trusted, %d not any more, %d windows", n, e.Stats.Trusted, e.Stats.Distrusted, s.Opened())
			require.Greater(t, e.Stats.Trusted, 4*n)
			require.Greater(t, e.Stats.Distrusted, 2*n)
			if windows {
				require.Greater(t, s.Opened(), n)
			}
		})
	}
}
