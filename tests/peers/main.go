// Command peers runs our test kernels on the peers that are installed, QEMU's TCG and
// Bochs, and shows how many checks each passes and fails, or which:
//
//	go run ./tests/peers [-timeout 2m] [-failures] [KERNEL...]
//
// A kernel is a file of tests/kernels without .bin; without any all are run that report
// checks. Bochs boots them from a CD made by grub-mkrescue (packages bochs, bochsbios,
// vgabios, grub-pc-bin, xorriso and mtools).
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

var kernels = []string{"system", "paging", "debug", "tasks", "segments", "fpu", "chips", "calls"}

// peer runs the kernel in a file and returns what it wrote to COM1. dir is a folder of its own.
type peer struct {
	name  string
	needs []string // programs
	run   func(ctx context.Context, kernel, dir string) ([]byte, error)
}

var peers = []peer{
	{"qemu-tcg", []string{"qemu-system-x86_64"}, runQEMU},
	{"bochs", []string{"bochs", "grub-mkrescue", "xorriso", "mformat"}, runBochs},
}

func runQEMU(ctx context.Context, kernel, dir string) ([]byte, error) {
	serial := filepath.Join(dir, "com1")
	err := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "64", "-display", "none", "-no-reboot", "-monitor", "none",
		"-kernel", kernel, "-serial", "file:"+serial, "-device", "isa-debug-exit,iobase=0xf4,iosize=4").Run()
	var status *exec.ExitError
	if errors.As(err, &status) { // the debug-exit port's, or it stopped itself
		err = nil
	}
	return output(serial, err)
}

// bochsConfig is for a machine with a CD alone; Bochs' remote screen waits for nobody.
const bochsConfig = `megs: 64
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: count=1, model=corei7_icelake_u, reset_on_triple_fault=0
ata0-master: type=cdrom, path=%[1]s/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=%[1]s/com1
log: %[1]s/log
display_library: rfb, options="timeout=0"
panic: action=fatal
error: action=report
info: action=ignore
clock: sync=none
`

func runBochs(ctx context.Context, kernel, dir string) ([]byte, error) {
	image, err := os.ReadFile(kernel)
	if err != nil {
		return nil, err
	}
	grub := filepath.Join(dir, "cd", "boot", "grub")
	if err := os.MkdirAll(grub, 0o755); err != nil {
		return nil, err
	}
	for path, b := range map[string][]byte{
		filepath.Join(dir, "cd", "boot", "kernel"): image,
		filepath.Join(grub, "grub.cfg"):            []byte("set timeout=0\nmenuentry kernel {\n multiboot /boot/kernel\n boot\n}\n"),
		filepath.Join(dir, "rc"):                   fmt.Appendf(nil, bochsConfig, dir),
		filepath.Join(dir, "go"):                   []byte("c\n"), // Debian's is built with the debugger
	} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return nil, err
		}
	}
	if out, err := exec.CommandContext(ctx, "grub-mkrescue", "-o", filepath.Join(dir, "cd.iso"), filepath.Join(dir, "cd")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("grub-mkrescue: %w\n%s", err, out)
	}
	// It never ends by itself: the kernels halt.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	serial := filepath.Join(dir, "com1")
	c := exec.CommandContext(ctx, "bochs", "-q", "-f", filepath.Join(dir, "rc"), "-rc", filepath.Join(dir, "go"))
	if err := c.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for last, since := -1, time.Now(); ; {
		select {
		case <-done:
			return output(serial, nil)
		case <-time.After(time.Second):
		}
		b, _ := os.ReadFile(serial) // not there yet
		if len(b) != last {
			last, since = len(b), time.Now()
		} else if last > 0 && time.Since(since) > quiet {
			stop()
			<-done
			return b, nil
		}
	}
}

// quiet is how long a kernel may say nothing before it is taken to have ended.
const quiet = 25 * time.Second

// output is what a kernel said, unless its machine could not be started.
func output(serial string, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return os.ReadFile(serial)
}

func (p *peer) missing() string {
	for _, program := range p.needs {
		if _, err := exec.LookPath(program); err != nil {
			return program
		}
	}
	return ""
}

func main() {
	timeout := flag.Duration("timeout", 3*time.Minute, "of one kernel on one peer")
	failures := flag.Bool("failures", false, "show the checks that fail")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 {
		names = kernels
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kernel\tpeer\tpassed\tfailed")
	ok := true
	for _, p := range peers {
		if program := p.missing(); program != "" {
			fmt.Fprintf(os.Stderr, "peers: without %s: there is no %s\n", p.name, program)
			continue
		}
		for _, name := range names {
			fmt.Fprintf(os.Stderr, "peers: %s on %s\n", name, p.name)
			said, err := p.try(name, *timeout)
			if err != nil {
				fmt.Fprintf(os.Stderr, "peers: %s on %s: %v\n", name, p.name, err)
				ok = false
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", name, p.name, bytes.Count(said, []byte("PASS: ")), bytes.Count(said, []byte("FAIL: ")))
			if *failures {
				for line := range strings.Lines(string(said)) {
					if strings.HasPrefix(line, "FAIL: ") {
						fmt.Fprint(os.Stderr, line)
					}
				}
			}
		}
	}
	w.Flush()
	if !ok {
		os.Exit(1)
	}
}

// try runs a kernel; one that does not end in time has said what it has said.
func (p *peer) try(name string, timeout time.Duration) ([]byte, error) {
	kernel, err := filepath.Abs(filepath.Join("tests", "kernels", name+".bin"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(kernel); err != nil {
		return nil, fmt.Errorf("%w: run it in the repository's top folder", err)
	}
	dir, err := os.MkdirTemp("", "g86-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return p.run(ctx, kernel, dir)
}
