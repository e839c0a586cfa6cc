//go:build linux

// Bench runs small guests under g86 and its peers side by side, and natively where that
// means something, and compares the time they take: the host's clock and the processor
// time of the emulator, between the words START and STOP on the guest's serial port.
//
//	go run ./tests/bench [-rounds 3] [-run REGEXP] [-json FILE] [-g86 FILE]
//
// Every round runs every peer once, one after the other; ratios are taken within a round,
// and medians of them are told. docs/benchmarks.md says how to read them.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// shortest is how many seconds the slower one has to take for a ratio to mean something: the
// boot job does nothing between START and STOP.
const shortest = 0.02

// base is the peer that ratios are taken against.
const base = "qemu-tcg"

// run is one run of a guest.
type run struct {
	Job   string  `json:"job"`
	Set   string  `json:"set"`
	Peer  string  `json:"peer"`
	Round int     `json:"round"`
	Up    float64 `json:"up_s,omitempty"`    // process start to the first byte
	Boot  float64 `json:"boot_s,omitempty"`  // process start to START
	Wall  float64 `json:"wall_s"`            // START to STOP
	CPU   float64 `json:"cpu_s"`             // processor time of the process in that span
	RSS   float64 `json:"rss_mib,omitempty"` // most memory it had
	Sum   string  `json:"sum,omitempty"`     // what the guest computed
	Error string  `json:"error,omitempty"`
}

func bench() error {
	rounds := flag.Int("rounds", 3, "how often every guest runs under every peer")
	filter := flag.String("run", "", "only jobs whose name matches this `REGEXP`")
	out := flag.String("json", "", "write every run to this `FILE`")
	g86 := flag.String("g86", "bin/g86", "the g86 to measure")
	timeout := flag.Duration("timeout", 5*time.Minute, "for one run")
	flag.Parse()
	want, err := regexp.Compile(*filter)
	if err != nil {
		return err
	}
	if _, err := os.Stat(*g86); err != nil {
		return fmt.Errorf("%w: build it with `make build`", err)
	}
	dir, err := os.MkdirTemp("", "g86-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	jobs, left, err := allJobs(dir)
	if err != nil {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(j job) bool { return !want.MatchString(j.name) })
	peers, absent := allPeers(*g86)
	for _, why := range append(left, absent...) {
		fmt.Fprintln(os.Stderr, "left out:", why)
	}
	if len(jobs) == 0 {
		return errors.New("no job is left to run")
	}
	var runs []run
	total := *rounds * len(jobs) * len(peers)
	for round := range *rounds {
		for _, j := range jobs {
			for _, p := range peers {
				cmd := p.command(j)
				if cmd == nil {
					total--
					continue
				}
				r := measure(cmd, *timeout)
				r.Job, r.Set, r.Peer, r.Round = j.name, j.set, p.name, round
				runs = append(runs, r)
				fmt.Fprintf(os.Stderr, "%3d of %d  %-14s %-9s %s\n", len(runs), total, j.name, p.name, r.short())
			}
		}
	}
	report(os.Stdout, jobs, peers, runs)
	if *out == "" {
		return nil
	}
	b, err := json.MarshalIndent(runs, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(b, '\n'), 0o644)
}

func (r *run) short() string {
	if r.Error != "" {
		return r.Error
	}
	return fmt.Sprintf("%6.2f s, CPU %.2f s", r.Wall, r.CPU)
}

// measure runs a guest until it has said all, and ends it.
func measure(cmd *exec.Cmd, timeout time.Duration) (r run) {
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return run{Error: err.Error()}
	}
	var said strings.Builder
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return run{Error: err.Error()}
	}
	end := time.AfterFunc(timeout, func() { kill(cmd) })
	defer end.Stop()
	var from time.Time
	var fromCPU time.Duration
	in := bufio.NewReader(pipe)
	if _, err := in.Peek(1); err == nil {
		r.Up = time.Since(start).Seconds()
	}
	for done := false; !done; {
		line, err := in.ReadString('\n')
		switch line = strings.TrimSpace(line); {
		case line == "START":
			from, fromCPU = time.Now(), cpuTime(cmd.Process.Pid)
			r.Boot = from.Sub(start).Seconds()
		case line == "STOP" && !from.IsZero():
			r.Wall, r.CPU = time.Since(from).Seconds(), (cpuTime(cmd.Process.Pid) - fromCPU).Seconds()
			r.RSS = peak(cmd.Process.Pid)
		case strings.HasPrefix(line, "SUM "):
			r.Sum, done = line[4:], true
		}
		done = done || err != nil
	}
	kill(cmd)
	_ = cmd.Wait() // it was killed
	if r.Sum == "" {
		r.Error = "it did not come to its end: " + lastLines(said.String())
	}
	return r
}

// lastLines is the end of what a peer said on standard error.
func lastLines(s string) string {
	s = strings.TrimSpace(s)
	return strings.ReplaceAll(s[max(0, len(s)-300):], "\n", " | ")
}

// kill ends the process and its children.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// cpuTime is the processor time of a process and of its children that have ended.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	ticks := func(f []string) (n int) {
		for _, s := range f {
			x := 0
			_, _ = fmt.Sscan(s, &x)
			n += x
		}
		return n
	}
	children := time.Duration(ticks(f[13:15])) * time.Second / 100
	var own unix.Timespec // its own finer than that: the process's clock, see clock_getcpuclockid(3)
	if unix.ClockGettime(int32(^pid)<<3|2, &own) != nil {
		return children + time.Duration(ticks(f[11:13]))*time.Second/100
	}
	return children + time.Duration(own.Nano())
}

// peak is the most memory a process has had, in MiB.
func peak(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	kib := 0.0
	_, _ = fmt.Sscan(after, &kib)
	return kib / 1024
}

// report prints the table.
func report(w io.Writer, jobs []job, peers []peer, runs []run) {
	find := func(j, p string, round int) *run {
		for i := range runs {
			if r := &runs[i]; r.Job == j && r.Peer == p && r.Round == round {
				return r
			}
		}
		return nil
	}
	// ratios are those of one peer to another in each round.
	ratios := func(j, a, b string, of func(*run) float64) (l []float64) {
		for i := range runs {
			r := &runs[i]
			if r.Job != j || r.Peer != a || r.Error != "" {
				continue
			}
			if o := find(j, b, r.Round); o != nil && o.Error == "" && of(o) > 0 && max(of(r), of(o)) >= shortest {
				l = append(l, of(r)/of(o))
			}
		}
		return l
	}
	cpu := func(r *run) float64 { return r.CPU }
	wall := func(r *run) float64 { return r.Wall }
	fmt.Fprintf(w, "%s, %d processors, %s\n\n", hostName(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(w, "| job |")
	for _, p := range peers {
		fmt.Fprintf(w, " %s CPU s |", p.name)
	}
	fmt.Fprintf(w, " %s / g86, CPU | wall | g86 / native, CPU |\n|---|", base)
	fmt.Fprintln(w, strings.Repeat("---|", len(peers)+3))
	means := map[string][]float64{}
	for _, j := range jobs {
		fmt.Fprintf(w, "| %s |", j.name)
		sums := map[string]bool{}
		for _, p := range peers {
			var l []float64
			for i := range runs {
				if r := &runs[i]; r.Job == j.name && r.Peer == p.name && r.Error == "" {
					l = append(l, r.CPU)
					sums[r.Sum] = true
				}
			}
			fmt.Fprintf(w, " %s |", figure(median(l), "%.2f"))
		}
		speed := median(ratios(j.name, base, "g86", cpu))
		fmt.Fprintf(w, " %s | %s | %s |", figure(speed, "%.2f"), figure(median(ratios(j.name, base, "g86", wall)), "%.2f"),
			figure(median(ratios(j.name, "g86", "native", cpu)), "%.2f"))
		if len(sums) > 1 {
			fmt.Fprintf(w, " the sums differ: %d kinds", len(sums))
		}
		fmt.Fprintln(w)
		if !math.IsNaN(speed) {
			means[j.set] = append(means[j.set], speed)
		}
	}
	fmt.Fprintf(w, "\n| set | geometric mean of %s / g86, CPU |\n|---|---|\n", base)
	for _, set := range []string{"bare-32", "bare-64", "linux"} {
		if l := means[set]; len(l) > 0 {
			fmt.Fprintf(w, "| %s | %.2f |\n", set, geometric(l))
		}
	}
	fmt.Fprintln(w, "\n| peer | first byte s | START s | memory MiB (Linux guests) |\n|---|---|---|---|")
	for _, p := range peers {
		var up, boot, rss []float64
		for i := range runs {
			if r := &runs[i]; r.Peer == p.name && r.Set == "linux" && r.Error == "" && r.Boot > 0 {
				up, boot, rss = append(up, r.Up), append(boot, r.Boot), append(rss, r.RSS)
			}
		}
		if p.name != "native" && len(up) > 0 {
			fmt.Fprintf(w, "| %s | %.2f | %.2f | %.0f |\n", p.name, median(up), median(boot), slices.Max(rss))
		}
	}
}

func figure(v float64, format string) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func median(l []float64) float64 {
	if len(l) == 0 {
		return math.NaN()
	}
	l = slices.Sorted(slices.Values(l))
	if n := len(l) / 2; len(l)%2 == 0 {
		return (l[n-1] + l[n]) / 2
	} else {
		return l[n]
	}
}

func geometric(l []float64) float64 {
	s := 0.0
	for _, v := range l {
		s += math.Log(v)
	}
	return math.Exp(s / float64(len(l)))
}

// hostName is the host's processor.
func hostName() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	_, after, _ := strings.Cut(string(b), "model name\t: ")
	name, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(name)
}

// allPeers are those that are here, and why others are not.
func allPeers(g86 string) (l []peer, absent []string) {
	self, err := filepath.Abs(g86)
	if err != nil {
		self = g86
	}
	l = append(l, peer{"g86", func(j job) *exec.Cmd {
		args := []string{"run", "--clock", "warp", "-m", j.memory, "--kernel", j.kernel, "--append", j.append, "--display", "none",
			"--serial", "stdio", "--monitor", "none", "--debug-exit", "0xf4"}
		if j.initrd != "" {
			args = append(args, "--initrd", j.initrd)
		}
		return exec.Command(self, args...)
	}})
	if qemu, err := exec.LookPath("qemu-system-x86_64"); err == nil {
		l = append(l, peer{base, func(j job) *exec.Cmd {
			args := []string{"-accel", "tcg", "-m", j.memory, "-kernel", j.kernel, "-append", j.append, "-display", "none", "-monitor", "none",
				"-serial", "stdio", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"}
			if j.initrd != "" {
				args = append(args, "-initrd", j.initrd)
			}
			return exec.Command(qemu, args...)
		}})
	} else {
		absent = append(absent, base+": there is no qemu-system-x86_64; Debian's package is qemu-system-x86")
	}
	l = append(l, peer{"native", func(j job) *exec.Cmd {
		if len(j.native) == 0 {
			return nil
		}
		return exec.Command(j.native[0], j.native[1:]...)
	}})
	return l, absent
}

// peer is something that runs guests; command is nil for what it cannot run.
type peer struct {
	name    string
	command func(job) *exec.Cmd
}
