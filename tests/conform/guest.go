package conform

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"g86/devices/debugexit"
	"g86/firmware/multiboot"
	"g86/machine"
)

// maxOutput bounds what is kept of a guest's text.
const maxOutput = 1 << 20

// text keeps what a guest says.
type text struct{ b bytes.Buffer }

func (t *text) Write(p []byte) (int, error) {
	if room := maxOutput - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// tail is the last lines of s.
func tail(s string, lines int) string {
	l := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r", ""), "\n"), "\n")
	return strings.Join(l[max(0, len(l)-lines):], "\n")
}

// failLines are the lines in which a test kernel reports a failure.
var failLines = regexp.MustCompile(`(?m)^\s*(FAIL|not ok)\b.*$`)

// sliceInsns is how many instructions a guest runs between two looks at the
// time left.
const sliceInsns = 1 << 22

// runGuest runs a machine until it ends by itself, until says so, or time is up.
// It never looks at the wall clock, so that the same guest always ends the same.
func runGuest(ctx context.Context, m *machine.Machine, until func() bool) (res machine.Result, timeout bool) {
	for {
		r, ended := m.RunUntil(m.Count() + sliceInsns)
		switch {
		case ended:
			return r, false
		case until():
			return machine.Result{Reason: "done"}, false
		case ctx.Err() != nil:
			return machine.Result{Reason: "timeout"}, true
		}
	}
}

// withTimeout bounds ctx, unless d is 0.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// KernelOptions say how test kernels run and when they have passed.
type KernelOptions struct {
	Config  machine.Config // memory, processors, model, command line, modules, debug-exit port
	Pass    []uint32       // values written to the debug-exit port that mean success
	Expect  *regexp.Regexp // what the serial text must hold; nil: anything
	Timeout time.Duration  // of wall time for each, 0: none
}

// Kernels runs Multiboot test kernels: each must end with a write of a passing
// value to the debug-exit port.
func Kernels(ctx context.Context, o Options, k KernelOptions, paths []string) (*Report, error) {
	start := time.Now()
	if err := o.check("kernel"); err != nil {
		return nil, err
	}
	var units []unit
	for _, path := range paths {
		if !o.wants(path) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if !multiboot.HasHeader(b) {
			return nil, fmt.Errorf("%s: not a Multiboot kernel: no header of that kind in its first 8 KiB", path)
		}
		units = append(units, unit{path, func(ctx context.Context) (l []Result) {
			for _, a := range o.Accels {
				l = append(l, k.run(ctx, a, path))
			}
			return l
		}})
	}
	r := &Report{Suite: "kernel", Results: o.each(ctx, units)}
	return r.finish(start), nil
}

func (k *KernelOptions) run(ctx context.Context, accel, path string) Result {
	start := time.Now()
	r := Result{Name: path, Accel: accel}
	var out text
	why := k.judge(ctx, accel, path, &out)
	r.Output = out.b.String()
	if why == "" {
		r.Passed = 1
	} else {
		r.Failed = 1
		r.Details = []string{why}
		if l := failLines.FindAllString(r.Output, maxTold); l != nil {
			r.Details = append(r.Details, l...)
		} else if r.Output != "" {
			r.Details = append(r.Details, "the last it said:", tail(r.Output, 5))
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

// judge runs the kernel and says why it has failed, or "".
func (k *KernelOptions) judge(ctx context.Context, accel, path string, out *text) string {
	cfg := k.Config
	cfg.Kernel, cfg.Accel, cfg.NoReboot, cfg.ClockMode = path, accel, true, "warp"
	cfg.Serial[0].Out = out
	m, err := machine.New(cfg)
	if err != nil {
		return err.Error()
	}
	defer m.Close()
	ctx, cancel := withTimeout(ctx, k.Timeout)
	defer cancel()
	res, timeout := runGuest(ctx, m, func() bool { return false })
	switch {
	case timeout:
		return fmt.Sprintf("no end after %d instructions", m.Count())
	case res.PostMortem != "":
		return res.Reason + "\n" + res.PostMortem
	case res.Reason != "debug exit":
		return "ended without an exit value: " + res.Reason
	}
	passed := false
	for _, v := range k.Pass {
		passed = passed || debugexit.Status(v) == res.Status
	}
	switch {
	case !passed:
		return fmt.Sprintf("exit value %#x", res.Status>>1)
	case k.Expect != nil && !k.Expect.Match(out.b.Bytes()):
		return fmt.Sprintf("its text does not match %q", k.Expect)
	}
	return ""
}

// ROMOptions say how a test ROM runs and when it has passed.
type ROMOptions struct {
	Config    machine.Config // memory, model, what is left off the board
	PostPort  uint16         // POST codes come here
	PostPass  uint8          // the last one of success
	TextPort  uint16         // text comes here; 0: COM1
	Reference []byte         // what the text must be; nil: anything
	Timeout   time.Duration  // of wall time, 0: none
}

// ROM runs a test ROM in place of the BIOS. It has passed when the passing POST
// code was the last before it halted, or before a while without another.
func ROM(ctx context.Context, o Options, k ROMOptions, path string) (*Report, error) {
	start := time.Now()
	if err := o.check("rom"); err != nil {
		return nil, err
	}
	r := &Report{Suite: "rom"}
	for _, a := range o.Accels {
		if !o.wants(path) {
			continue
		}
		x, err := k.run(ctx, a, path)
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, x)
	}
	return r.finish(start), nil
}

func (k *ROMOptions) run(ctx context.Context, accel, path string) (Result, error) {
	start := time.Now()
	r := Result{Name: path, Accel: accel}
	var out text
	why, err := k.judge(ctx, accel, path, &out)
	if err != nil {
		return r, err
	}
	r.Output = out.b.String()
	if why == "" {
		r.Passed = 1
	} else {
		r.Failed = 1
		r.Details = []string{why}
		if r.Output != "" {
			r.Details = append(r.Details, "the last it said:", tail(r.Output, 5))
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// judge runs the ROM and says why it has failed, or "".
func (k *ROMOptions) judge(ctx context.Context, accel, path string, out *text) (string, error) {
	cfg := k.Config
	cfg.BIOS, cfg.Accel, cfg.NoReboot, cfg.ClockMode = path, accel, true, "warp"
	if k.TextPort == 0 {
		cfg.Serial[0].Out = out
	}
	m, err := machine.New(cfg)
	if err != nil {
		return "", err
	}
	defer m.Close()
	post := -1
	m.Bus().Tap(k.PostPort, func(_ int, v uint32) { post = int(uint8(v)) })
	if k.TextPort != 0 {
		m.Bus().Tap(k.TextPort, func(_ int, v uint32) { _, _ = out.Write([]byte{byte(v)}) })
	}
	ctx, cancel := withTimeout(ctx, k.Timeout)
	defer cancel()
	seen := -1
	res, timeout := runGuest(ctx, m, func() bool { // it may go on for a while, and even loop, after its last code
		was := seen
		seen = post
		return was == post && post == int(k.PostPass)
	})
	last := "no POST code"
	if post >= 0 {
		last = fmt.Sprintf("last POST code %02x", post)
	}
	at := fmt.Sprintf("; it stands at %s", m.CPU(0))
	switch {
	case timeout:
		return fmt.Sprintf("%s: no end after %d instructions%s", last, m.Count(), at), nil
	case res.PostMortem != "":
		return last + ": " + res.Reason + "\n" + res.PostMortem, nil
	case post != int(k.PostPass):
		return last + ": " + res.Reason + at, nil
	case k.Reference != nil:
		if err := m.Close(); err != nil { // lets the last characters out
			return "", err
		}
		return compareText(out.b.String(), string(k.Reference)), nil
	}
	return "", nil
}

// compareText tells the first line in which two texts differ, or "". Line ends
// may be of either kind.
func compareText(got, want string) string {
	lines := func(s string) []string {
		return strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r", ""), "\n"), "\n")
	}
	g, w := lines(got), lines(want)
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("the text ends after %d lines, the reference has %d", len(g), len(w))
		case i >= len(w):
			return fmt.Sprintf("the text goes on after the reference's %d lines: %q", len(w), g[i])
		case g[i] != w[i]:
			return fmt.Sprintf("line %d is %q, the reference has %q", i+1, g[i], w[i])
		}
	}
	return ""
}
