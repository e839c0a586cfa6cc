package conform

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/jit"
	"g86/machine"
	"g86/tests/moo"
)

const dir80286 = "../../../shared/vectors/80286"

func options(filter string) Options {
	return Options{Accels: []string{"interp"}, Filter: regexp.MustCompile(filter), Jobs: 2}
}

// addTest is a vector made by hand: add al,1 at 0000:1000.
const addTest = `{"idx": 7, "name": "add al,1", "bytes": [4, 1, 244],
 "initial": {"regs": {"ax":65535,"bx":0,"cx":0,"dx":0,"cs":0,"ss":0,"ds":0,"es":0,"sp":256,"bp":0,"si":0,"di":0,"ip":4096,"flags":2},
  "ram": [[4096,4],[4097,1],[4098,244]], "queue": []},
 "final": {"regs": {"ax": RESULT, "ip": 4099, "flags": 87}, "ram": [], "queue": []}, "cycles": [], "hash": "ab"}`

func TestVectorsInJSON(t *testing.T) {
	dir := t.TempDir()
	good := strings.ReplaceAll(addTest, "RESULT", "65280")
	bad := strings.ReplaceAll(addTest, "RESULT", "1")
	path := filepath.Join(dir, "04.json")
	require.NoError(t, os.WriteFile(path, []byte("["+good+","+bad+"]"), 0o644))
	r, err := Vectors(t.Context(), options(""), "max", []string{dir})
	require.NoError(t, err)
	require.Equal(t, 1, r.Passed)
	require.Equal(t, 1, r.Failed)
	require.Regexp(t, `^#7 add al, 0x1 \(04 01 f4\): .*ax ff00 want 0001`, r.Results[0].Details[0])

	require.NoError(t, os.WriteFile(filepath.Join(dir, "revocation_list.txt"), []byte("# withdrawn\nAB\n"), 0o644))
	r, err = Vectors(t.Context(), options(""), "max", []string{path})
	require.NoError(t, err)
	require.False(t, r.Ran())
	require.Equal(t, 2, r.Skipped[revokedReason])
}

// TestJSONIsMOO: a captured file written as JSON is read back as the same tests.
func TestJSONIsMOO(t *testing.T) {
	want, err := moo.Open(filepath.Join(dir80286, "F6.6.MOO.gz"))
	if os.IsNotExist(err) {
		t.Skipf("no vectors: %s is not there", dir80286)
	}
	require.NoError(t, err)
	var l []map[string]any
	for _, x := range want.Tests {
		state := func(s moo.State) map[string]any {
			regs, ram := map[string]uint32{}, [][2]uint32{}
			for i, name := range moo.RegNames {
				if s.Mask>>i&1 != 0 {
					regs[name] = s.Regs[i]
				}
			}
			for _, c := range s.RAM {
				ram = append(ram, [2]uint32{c.Addr, uint32(c.Data)})
			}
			return map[string]any{"regs": regs, "ram": ram, "queue": []int{}}
		}
		var code []int
		for _, b := range x.Bytes {
			code = append(code, int(b))
		}
		m := map[string]any{"idx": x.Index, "name": x.Name, "bytes": code, "initial": state(x.Initial), "final": state(x.Final), "hash": x.Hash}
		if x.Exception != nil {
			m["exception"] = map[string]any{"number": x.Exception.Vector, "flag_address": x.Exception.FlagsAddr}
		}
		l = append(l, m)
	}
	b, err := json.Marshal(l)
	require.NoError(t, err)
	got, err := parseJSON(b)
	require.NoError(t, err)
	require.Equal(t, len(want.Tests), len(got.Tests))
	for i := range got.Tests {
		require.Equal(t, want.Tests[i], got.Tests[i])
	}
}

func TestJSONRefused(t *testing.T) {
	good := strings.ReplaceAll(addTest, "RESULT", "65280")
	for _, x := range []struct{ from, to, want string }{
		{`244],`, `244`, "not vectors in JSON"},
		{`"bytes"`, `"octets"`, "lacks"},
		{`[4, 1, 244]`, `[4, 1, 999]`, "no byte"},
		{`[4, 1, 244]`, `[4, 1]`, "no HLT"},
		{`"bx":0`, `"ebx":0`, "none of an 80286 or an 80386"},
		{`"bx":0`, `"bx":65536`, "16 bits"},
		{`[4097,1]`, `[4097,256]`, "no byte"},
	} {
		_, err := parseJSON([]byte("[" + strings.Replace(good, x.from, x.to, 1) + "]"))
		require.ErrorContains(t, err, x.want)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte("[" + strings.ReplaceAll(addTest, "RESULT", "65280") + "]"))
	f.Add([]byte(`[{"bytes":[142],"initial":{},"final":{},"exception":{"number":6}}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parseJSON(b)
		if err == nil && len(file.Tests) > 0 {
			require.NotEmpty(t, file.Tests[0].Bytes)
		}
	})
}

func TestCapturedVectors(t *testing.T) {
	if _, err := os.Stat(dir80286); err != nil {
		t.Skipf("no vectors: %s is not there", dir80286)
	}
	seen := 0
	o := options(`^(04|F6\.6)\.`)
	o.Progress = func(done, total int, _ string) {
		seen = done
		require.Equal(t, 2, total)
	}
	r, err := Vectors(t.Context(), o, "max", []string{dir80286})
	require.NoError(t, err)
	require.Equal(t, 2, seen)
	require.Zero(t, r.Failed)
	skipped := 0
	for _, n := range r.Skipped {
		skipped += n
	}
	require.Equal(t, 1000, r.Passed+skipped)
}

// testKernel is a Multiboot kernel that says text on COM1 and ends with value.
func testKernel(t *testing.T, text string, end ...byte) string {
	t.Helper()
	const base, magic, flags = 0x100000, 0x1badb002, 0x10000
	code := []byte{0x66, 0xba, 0xf8, 0x03} // mov dx,3f8h
	for _, c := range []byte(text) {
		code = append(code, 0xb0, c, 0xee) // mov al,c; out dx,al
	}
	code = append(code, end...)
	var b bytes.Buffer
	size := uint32(32 + len(code))
	sum := uint32(magic + flags)
	for _, v := range []uint32{magic, flags, -sum, base, base, base + size, base + size, base + 32} {
		b.Write([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
	}
	b.Write(code)
	path := filepath.Join(t.TempDir(), "kernel")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

func exitWith(v byte) []byte { return []byte{0xb0, v, 0xe6, 0xf4} } // mov al,v; out 0f4h,al

func TestKernels(t *testing.T) {
	k := KernelOptions{Config: machine.Config{Memory: 16 << 20, DebugExitPort: 0xf4}, Pass: []uint32{0, 5}, Timeout: time.Minute}
	expecting := k
	expecting.Expect = regexp.MustCompile("all well")
	for _, x := range []struct {
		k    KernelOptions
		path string
		want string // "" for success
	}{
		{k, testKernel(t, "", exitWith(0)...), ""},
		{k, testKernel(t, "", exitWith(5)...), ""},
		{k, testKernel(t, "PASS: a\nFAIL: b is 3\n", exitWith(1)...), "exit value 0x1\nFAIL: b is 3"},
		{k, testKernel(t, "hm\n", 0xfa, 0xf4), "halted with interrupts disabled\nthe last it said:\nhm"},
		{k, testKernel(t, "", 0x0f, 0x0b), "triple fault"},
		{expecting, testKernel(t, "all well", exitWith(0)...), ""},
		{expecting, testKernel(t, "oh no", exitWith(0)...), "does not match"},
	} {
		r, err := Kernels(t.Context(), options(""), x.k, []string{x.path})
		require.NoError(t, err)
		require.True(t, r.Ran())
		require.Equal(t, x.want == "", r.Failed == 0, "%v", r.Results)
		require.Contains(t, strings.Join(r.Results[0].Details, "\n"), x.want)
	}
	_, err := Kernels(t.Context(), options(""), k, []string{"conform_test.go"})
	require.ErrorContains(t, err, "not a Multiboot kernel")
	endless := k
	endless.Timeout = time.Millisecond
	r, err := Kernels(t.Context(), options(""), endless, []string{testKernel(t, "", 0xeb, 0xfe)})
	require.NoError(t, err)
	require.Contains(t, r.Results[0].Details[0], "no end after")
}

// TestSystemKernels runs our own test kernels of system behaviour, which make a number
// of checks each.
func TestSystemKernels(t *testing.T) {
	for _, tc := range []struct {
		kernel string
		checks int
	}{{"system", 50}, {"paging", 51}, {"chips", 201}, {"debug", 49}, {"tasks", 215}, {"segments", 203}, {"fpu", 375}, {"calls", 40}} {
		for _, accel := range accels() {
			t.Run(tc.kernel+"/"+accel, func(t *testing.T) {
				k := KernelOptions{Config: machine.Config{Memory: 16 << 20, DebugExitPort: 0xf4, Accel: accel}, Pass: []uint32{0}, Timeout: 2 * time.Minute}
				r, err := Kernels(t.Context(), options(""), k, []string{"../kernels/" + tc.kernel + ".bin"})
				require.NoError(t, err)
				out := r.Results[0].Output
				require.Zero(t, r.Failed, "%v\n%s", r.Results[0].Details, out)
				require.GreaterOrEqual(t, strings.Count(out, "PASS: "), tc.checks, "%s", out)
				require.NotContains(t, out, "FAIL: ")
			})
		}
	}
}

// accels are the emulating engines that this host has.
func accels() []string {
	if jit.Supported() != nil {
		return []string{"interp"}
	}
	return []string{"interp", "jit"}
}

// TestKernelsAreTheirSources: the committed kernels are what their sources assemble to.
func TestKernelsAreTheirSources(t *testing.T) {
	nasm, err := exec.LookPath("nasm")
	if err != nil {
		t.Skip("nasm is not installed")
	}
	sources, err := filepath.Glob("../kernels/*.asm")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".asm")
		out := filepath.Join(t.TempDir(), name)
		cmd := exec.Command(nasm, "-Werror", "-f", "bin", "-o", out, name+".asm")
		cmd.Dir = "../kernels"
		b, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", b)
		got, err := os.ReadFile(out)
		require.NoError(t, err)
		want, err := os.ReadFile("../kernels/" + name + ".bin")
		require.NoError(t, err)
		require.Equal(t, want, got, "run make kernels")
	}
}

// testROM is 64 KiB that run code from F000:0000 and then halt.
func testROM(t *testing.T, code ...byte) string {
	t.Helper()
	b := make([]byte, 0x10000)
	copy(b, append(code, 0xfa, 0xf4))
	copy(b[0xfff0:], []byte{0xea, 0, 0, 0, 0xf0})
	path := filepath.Join(t.TempDir(), "rom")
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return path
}

func TestROM(t *testing.T) {
	post := func(v byte) []byte { return []byte{0xb0, v, 0xe6, 0x80} } // mov al,v; out 80h,al
	say := []byte{0xba, 0xf8, 0x03, 0xb0, 'O', 0xee, 0xb0, 'K', 0xee}  // to COM1
	k := ROMOptions{PostPort: 0x80, PostPass: 0xff, Timeout: time.Minute, Config: machine.Config{Memory: 16 << 20}}
	reference := k
	reference.Reference = []byte("OK\r\n")
	port := k
	port.PostPort, port.TextPort, port.Reference = 0x190, 0x80, []byte("\x07\xff")
	bare := k
	bare.Config.Without = []string{"pit", "rtc", "hpet"}
	// in al,40h; cmp al,0ffh; jne to the halt: a PIT that was never there reads as all ones
	noPIT := append([]byte{0xe4, 0x40, 0x3c, 0xff, 0x75, 0x04}, post(0xff)...)
	for _, x := range []struct {
		name string
		k    ROMOptions
		code []byte
		want string
	}{
		{"passes", k, append(post(7), post(0xff)...), ""},
		{"passes and loops", k, append(post(0xff), 0xeb, 0xfe), ""},
		{"stops early", k, post(7), "last POST code 07: halted"},
		{"silent", k, nil, "no POST code: halted"},
		{"goes on after it", k, append(post(0xff), post(8)...), "last POST code 08"},
		{"text", reference, append(say, post(0xff)...), ""},
		{"other text", reference, append(say[:6:6], post(0xff)...), `line 1 is "O", the reference has "OK"`},
		{"other ports", port, append(append(post(7), post(0xff)...), 0xba, 0x90, 0x01, 0xee), ""},
		{"without PIT", bare, noPIT, ""},
	} {
		r, err := ROM(t.Context(), options(""), x.k, testROM(t, x.code...))
		require.NoError(t, err, x.name)
		require.Equal(t, x.want == "", r.Failed == 0, "%s: %v", x.name, r.Results)
		require.Contains(t, strings.Join(r.Results[0].Details, "\n"), x.want, x.name)
	}
	_, err := ROM(t.Context(), options(""), k, "conform_test.go")
	require.ErrorContains(t, err, "64 KiB")
}

func TestReport(t *testing.T) {
	r := (&Report{Suite: "s", Results: []Result{
		{Name: "b", Accel: "interp", Passed: 2, Failed: 1, Details: []string{"x < y\x01"}},
		{Name: "a", Accel: "interp", Skipped: map[string]int{"why": 3}},
	}}).finish(time.Now())
	require.Equal(t, "a", r.Results[0].Name)
	require.Equal(t, []int{2, 1, 3}, []int{r.Passed, r.Failed, r.Skipped["why"]})

	var w bytes.Buffer
	r.WriteText(&w)
	require.Contains(t, w.String(), "FAIL b (interp): 1 of 3\n     x < y")
	require.Contains(t, w.String(), "        3  skipped: why\n")

	w.Reset()
	require.NoError(t, r.WriteJUnit(&w))
	var s junitSuite
	require.NoError(t, xml.Unmarshal(w.Bytes(), &s))
	require.Equal(t, []int{2, 1, 1}, []int{s.Tests, s.Failures, s.Skipped})
	require.Equal(t, "why", s.Cases[0].Skipped.Message)
	require.Equal(t, "x < y", s.Cases[1].Failure.Text)

	w.Reset()
	require.NoError(t, r.WriteJSON(&w))
	var back Report
	require.NoError(t, json.Unmarshal(w.Bytes(), &back))
	require.Equal(t, r.Results, back.Results)
}

func TestEnginesRefused(t *testing.T) {
	for _, a := range []string{"jit", "kvm", "warp9"} {
		o := Options{Accels: []string{a}}
		_, err := Vectors(t.Context(), o, "max", []string{"."})
		require.ErrorContains(t, err, a)
	}
}
