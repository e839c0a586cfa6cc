package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/tests/moo"
)

const dir80286 = "../../../shared/vectors/80286"

// TestHardwareVectors runs the captures of a real 80286 on the interpreter:
// each passes, or is skipped by a named rule after it was seen to differ.
func TestHardwareVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dir80286, "*.MOO.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no vectors: %s is not there (it lies beside the repository, see README)", dir80286)
	}
	meta, err := ReadMetadata(dir80286)
	require.NoError(t, err)
	revoked, err := ReadRevoked(dir80286)
	require.NoError(t, err)

	total := Count{Skipped: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			r, err := NewRunner("max")
			for path := range work {
				var n Count
				if err == nil {
					n, err = r.RunFile(path, meta, revoked, Rules80286)
				}
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				total.Add(n)
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		work <- f
	}
	close(work)
	wg.Wait()

	var table strings.Builder
	row := func(n int, name, why string) { fmt.Fprintf(&table, "%8d  %-8s %s\n", n, name, why) }
	row(total.Passed, "passed", fmt.Sprintf("of %d in %d files", total.Tests, len(files)))
	skipped := 0
	for _, r := range Rules80286 {
		row(total.Skipped[r.Name], r.Name, r.Why)
		skipped += total.Skipped[r.Name]
		require.NotZero(t, total.Skipped[r.Name], "rule %q skips nothing: remove it", r.Name)
	}
	row(total.Revoked, "revoked", "withdrawn by the suite")
	if testing.Verbose() {
		fmt.Fprint(os.Stdout, table.String())
	}
	t.Logf("vectors by rule:\n%s", &table)
	for _, f := range total.Failed {
		t.Error(f)
	}
	require.Zero(t, total.Failures, "vectors that neither pass nor fall under a rule")
	require.Equal(t, total.Tests, total.Passed+skipped+total.Revoked)
}

// TestFlagsMask: the metadata's masks by opcode and ModRM.reg.
func TestFlagsMask(t *testing.T) {
	mask := uint16(0xffef)
	m := &Metadata{Opcodes: map[string]*Opcode{"20": {FlagsMask: &mask}, "C0": {Reg: map[string]*Opcode{"4": {FlagsMask: &mask}}}}}
	for file, want := range map[string]uint16{"00.MOO.gz": 0xffff, "20.MOO.gz": 0xffef, "C0.4.MOO.gz": 0xffef, "C0.0.MOO.gz": 0xffff} {
		require.Equal(t, want, m.FlagsMask(file), file)
	}
}

// test386 is a test of code at 1000:0100 with all registers of a 386, and what changes.
func test386(code []byte, before, after map[int]uint32, ram, written []moo.Cell) *moo.Test {
	t := &moo.Test{Bytes: code}
	t.Initial.Wide, t.Initial.Mask = true, 1<<moo.NumRegs-1
	t.Initial.Regs = [moo.NumRegs]uint32{moo.CS: 0x1000, moo.SS: 0x2000, moo.DS: 0x3000, moo.ES: 0x4000, moo.FS: 0x5000, moo.GS: 0x6000,
		moo.SP: 0x800, moo.IP: 0x100, moo.Flags: 0xfffc0002, moo.CR0: 0x7ffefff0, moo.DR6: 0xffff0ff0, moo.DR7: 0}
	for reg, v := range before {
		t.Initial.Regs[reg] = v
	}
	for reg, v := range after {
		t.Final.Mask |= 1 << reg
		t.Final.Regs[reg] = v
	}
	for i, b := range code {
		t.Initial.RAM = append(t.Initial.RAM, moo.Cell{Addr: 0x10100 + uint32(i), Data: b})
	}
	t.Initial.RAM = append(t.Initial.RAM, ram...)
	t.Final.RAM = written
	return t
}

// Test80386: captures of a 386 in real mode: 32-bit registers, FS and GS, exceptions, what the
// suite and what the manual leave undefined. The expectations are the manual's.
func Test80386(t *testing.T) {
	r, err := NewRunner("max")
	require.NoError(t, err)
	run := func(x *moo.Test, set *moo.File) *Outcome {
		o := r.Run(x, (&Metadata{}).Defined("66.MOO", set, x), false)
		return &o
	}
	plain := &moo.File{CPU: "386E"}

	// ADD EAX,EBX; HLT
	add := []byte{0x66, 0x01, 0xd8, 0xf4}
	regs := map[int]uint32{moo.AX: 0x7fffffff, moo.BX: 1}
	sum := test386(add, regs, map[int]uint32{moo.AX: 0x80000000, moo.IP: 0x104, moo.Flags: 0xfffc0896}, nil, nil)
	require.True(t, run(sum, plain).Pass(), "%v", run(sum, plain))
	bad := test386(add, regs, map[int]uint32{moo.AX: 0x80000000, moo.IP: 0x104, moo.Flags: 0xfffc0897}, nil, nil)
	require.Equal(t, []Diff{{"eflags", 0x896 - 2, 0x897 - 2}}, run(bad, plain).Diffs)
	bad.Defined = &moo.Registers{Mask: 1 << moo.Flags}
	bad.Defined.Regs[moo.Flags] = ^uint32(1)
	require.True(t, run(bad, plain).Pass(), "the test says that CF is undefined")
	bad.Defined = nil
	require.True(t, run(bad, &moo.File{Defined: &moo.Registers{Mask: 1 << moo.Flags, Regs: [moo.NumRegs]uint32{moo.Flags: ^uint32(1)}}}).Pass(), "the file does")
	upper := test386(add, regs, map[int]uint32{moo.AX: 0x80010000, moo.IP: 0x104, moo.Flags: 0xfffc0896}, nil, nil)
	require.Equal(t, []Diff{{"eax", 0x80000000, 0x80010000}}, run(upper, plain).Diffs)

	// AND EAX,EBX leaves AF undefined; MOV FS,AX; PUSHF pushes IOPL and NT.
	and := test386([]byte{0x66, 0x21, 0xd8, 0xf4}, map[int]uint32{moo.AX: 3, moo.BX: 1}, map[int]uint32{moo.AX: 1, moo.IP: 0x104, moo.Flags: 0xfffc0012}, nil, nil)
	require.True(t, run(and, plain).Pass())
	fs := test386([]byte{0x8e, 0xe0, 0xf4}, map[int]uint32{moo.AX: 0x1234}, map[int]uint32{moo.FS: 0x1234, moo.IP: 0x103}, nil, nil)
	require.True(t, run(fs, plain).Pass())
	pushf := test386([]byte{0x9c, 0xf4}, map[int]uint32{moo.Flags: 0xfffc7002}, map[int]uint32{moo.SP: 0x7fe, moo.IP: 0x102}, nil,
		[]moo.Cell{{Addr: 0x207fe, Data: 2}, {Addr: 0x207ff, Data: 0x70}})
	require.True(t, run(pushf, plain).Pass(), "%v", run(pushf, plain))

	// MOV EAX,[FFFDh]: 13, at 7000:0010
	fault := test386([]byte{0x66, 0xa1, 0xfd, 0xff, 0xf4}, nil, map[int]uint32{moo.SP: 0x7fa, moo.CS: 0x7000, moo.IP: 0x11},
		[]moo.Cell{{Addr: 52, Data: 0x10}, {Addr: 53, Data: 0}, {Addr: 54, Data: 0}, {Addr: 55, Data: 0x70}, {Addr: 0x70010, Data: 0xf4}},
		[]moo.Cell{{Addr: 0x207fa, Data: 0}, {Addr: 0x207fb, Data: 1}, {Addr: 0x207fc, Data: 0}, {Addr: 0x207fd, Data: 0x10}, {Addr: 0x207fe, Data: 2}, {Addr: 0x207ff, Data: 0}})
	fault.Exception = &moo.Exception{Vector: 13, FlagsAddr: 0x207fe}
	require.True(t, run(fault, plain).Pass(), "%v", run(fault, plain))
	require.Equal(t, 13, run(fault, plain).Fault)

	// What differs by generation: SMSW AX, MOV TR6,EAX
	skipped := func(x *moo.Test) string {
		o := run(x, plain)
		require.False(t, o.Pass())
		for _, rule := range Rules80386 {
			if rule.Skip(r, x, (&Metadata{}).Defined("66.MOO", plain, x), o) {
				return rule.Name
			}
		}
		return ""
	}
	require.Equal(t, "msw", skipped(test386([]byte{0x0f, 0x01, 0xe0, 0xf4}, nil, map[int]uint32{moo.AX: 0xfff0, moo.IP: 0x104}, nil, nil)))
	require.Equal(t, "test", skipped(test386([]byte{0x0f, 0x26, 0xf0, 0xf4}, nil, map[int]uint32{moo.IP: 0x104}, nil, nil)))
	require.Equal(t, "shld", skipped(test386([]byte{0x0f, 0xa4, 0xd8, 20, 0xf4}, map[int]uint32{moo.AX: 0x1234}, map[int]uint32{moo.AX: 0xdead, moo.IP: 0x105}, nil, nil)))
	require.Empty(t, skipped(test386([]byte{0x0f, 0xa4, 0xd8, 16, 0xf4}, map[int]uint32{moo.AX: 0x1234}, map[int]uint32{moo.AX: 0xdead, moo.IP: 0x105}, nil, nil)), "16 is defined")
	require.Equal(t, "shld", skipped(test386([]byte{0x0f, 0xad, 0xd8, 0xf4}, map[int]uint32{moo.CX: 31}, map[int]uint32{moo.AX: 0xdead, moo.IP: 0x104}, nil, nil)), "by CL")
	bsf := []byte{0x0f, 0xbc, 0xc3, 0xf4} // AX,BX
	require.Equal(t, "bsf", skipped(test386(bsf, nil, map[int]uint32{moo.AX: 0xdead, moo.IP: 0x104, moo.Flags: 0xfffc0042}, nil, nil)))
	require.Empty(t, skipped(test386(bsf, map[int]uint32{moo.BX: 8}, map[int]uint32{moo.AX: 4, moo.IP: 0x104}, nil, nil)), "3 it is")
	require.Empty(t, skipped(test386(bsf, nil, map[int]uint32{moo.DS: 1, moo.IP: 0x104, moo.Flags: 0xfffc0042}, nil, nil)), "DS is no result")
	require.Empty(t, skipped(upper))
}

// TestRulesFor: which captures can be judged.
func TestRulesFor(t *testing.T) {
	for name, want := range map[string]int{"C286": len(Rules80286), "386E": len(Rules80386)} {
		l, err := RulesFor(name, false)
		require.NoError(t, err)
		require.Len(t, l, want)
	}
	l, err := RulesFor("", true)
	require.NoError(t, err)
	require.Len(t, l, len(Rules80386))
	_, err = RulesFor("V20", false)
	require.ErrorContains(t, err, "V20")
}
