package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"
	"time"

	"g86/cmd/g86/term"
	"g86/machine"
	xterm "golang.org/x/term"
)

func init() {
	register(&verb{
		name: "run", usage: "run [flags] [IMAGE]", short: "start a guest",
		long: "IMAGE is recognised by its content: a Linux bzImage, a Multiboot ELF, a disk, CD or floppy\n" +
			"image; a disk's name may carry options (disk.img,snapshot=on). Without anything to boot, the\n" +
			"embedded demonstration runs. On a terminal the guest's screen or serial console is there\n" +
			"without a flag; Ctrl-A h shows the keys, Ctrl-A x quits, Ctrl-A c is the monitor.\n\n" +
			"Exit status: 0 the guest powered off or you quit; odd: the guest wrote (status-1)/2 to\n" +
			"--debug-exit; 2 usage, 4 configuration, 6 host, 8 triple fault with --no-reboot, 10 timeout,\n" +
			"12 with --lockstep: the engines differ; 14 a bug in g86.",
		example: "  g86 run\n  g86 run debian.iso\n  g86 run disk.img,snapshot=on -m 1G --smp 2\n" +
			"  g86 run --kernel vmlinuz --initrd initrd.gz --append 'console=ttyS0'\n" +
			"  g86 run kernel.elf --display none --serial file:log.txt --debug-exit 0xf4 --timeout 60s",
		flags: runFlags,
		run:   func(c *cli, opts any, args []string) error { return startGuest(c, opts.(*runOpts), args) },
	})
}

// Ways out of a run that are not the guest's doing; causes of the context.
var errQuit = errors.New("quit")

type signalled struct{ os.Signal }

func (s signalled) Error() string { return "ended by signal: " + s.String() }

// session is one run of a guest with everything around it.
type session struct {
	c       *cli
	o       *runOpts
	plan    plan
	tty     terminals
	m       *machine.Machine
	ctx     context.Context
	end     context.CancelCauseFunc
	notes   *notices
	cache   *bootCache // nil: not asked for
	stdout  *pump      // what the guest says on standard output
	monOut  *pump      // what the monitor says there
	console *console
	shell   *promptLine
	screen  *term.Term
	sockets []*socket
	monSock *socket
	pumps   []*pump
	files   []*outFile
	ports   [4]*socket
	failure error // of a monitor command in a script
	stuck   bool  // the machine's thread does not come back
}

func startGuest(c *cli, o *runOpts, args []string) error {
	s := &session{c: c, o: o, tty: terminals{isTerminal(c.in), isTerminal(c.out), isTerminal(c.err)}}
	var err error
	if s.plan, err = o.plan(args, s.tty); err != nil {
		return err
	}
	if o.lockstep.on {
		return runLockstep(c, o, s.plan)
	}
	if o.cfg.Accel == "" {
		o.cfg.Accel = "auto"
	}
	signal.Ignore(syscall.SIGPIPE)            // a closed output is an error to report, not a death with a raw terminal
	s.notes = &notices{to: c.err, held: true} // what goes without saying if it comes to nothing
	slog.SetDefault(slog.New(warnings{s.notes}))
	ctx, end := context.WithCancelCause(context.Background())
	s.ctx, s.end = ctx, end
	defer end(nil)
	signals := make(chan os.Signal, 4) // from now on there is something to clean up
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() { end(signalled{<-signals}) }()
	if o.bootCache {
		if s.cache, err = newBootCache(o, s.notes); err != nil {
			return err
		}
		if o.snapshot = s.cache.open(); o.snapshot != nil {
			defer o.snapshot.Close()
			o.cfg = o.snapshot.Config(o.cfg)
		}
	}
	if err := s.open(); err != nil {
		s.abandon()
		return err
	}
	s.notes.set(false, false)
	return s.finish(s.run())
}

// open connects the guest's ends and builds the machine. Files are not changed
// before everything is in place.
func (s *session) open() error {
	o, cfg := s.o, &s.o.cfg
	if s.plan.port >= 0 || hasStdio(o.debugcon) {
		s.stdout = s.pump(s.c.out, func(err error) {
			s.end(hostf("standard output: %w; the guest's output has nowhere to go", pathless(err)))
		})
	}
	for i, e := range o.serial {
		switch e.kind {
		case "stdio":
			cfg.Serial[i].Out = s.stdout
		case "file":
			w, err := s.file(fmt.Sprintf("serial port %d: file", i+1), e.path)
			if err != nil {
				return err
			}
			cfg.Serial[i].Out = w
		case "unix":
			k, err := s.listen(fmt.Sprintf("serial port %d:", i+1), e.path)
			if err != nil {
				return err
			}
			s.ports[i] = k
			cfg.Serial[i].Out = s.pump(k, nil)
		}
	}
	if s.cache != nil && o.snapshot == nil && cfg.Serial[0].Out != nil {
		cfg.Serial[0].Out = s.cache.tap(cfg.Serial[0].Out)
	}
	cfg.DebugCon = map[uint16]io.Writer{}
	for _, port := range ports(o.debugcon) {
		if e := o.debugcon[port]; e.kind == "stdio" {
			cfg.DebugCon[port] = s.stdout
		} else {
			w, err := s.file(fmt.Sprintf("debug console %#x: file", port), e.path)
			if err != nil {
				return err
			}
			cfg.DebugCon[port] = w
		}
	}
	cfg.LogWriter = s.notes
	if o.logFile != "" {
		w, err := s.file("log file", o.logFile)
		if err != nil {
			return err
		}
		cfg.LogWriter = w
	}
	if o.monitor.kind == "unix" {
		k, err := s.listen("monitor", o.monitor.path)
		if err != nil {
			return err
		}
		s.monSock = k
	}
	build := machine.New
	if o.snapshot != nil {
		build = func(cfg machine.Config) (*machine.Machine, error) { return machine.Restore(o.snapshot, cfg) }
	}
	m, err := build(*cfg)
	if err != nil {
		return err
	}
	s.m = m
	if o.perfMap {
		if m.JIT() == nil {
			s.notes.Write([]byte("g86: --perf-map has nothing to tell: the translator does not run\n"))
		} else if path, err := m.JIT().PerfMap(o.symbols.name); err != nil {
			return hostf("--perf-map: %s: %w", path, err)
		}
	}
	for _, f := range s.files {
		if err := f.commit(); err != nil {
			return err
		}
	}
	return nil
}

func hasStdio(l map[uint16]endpoint) bool {
	for _, e := range l {
		if e.kind == "stdio" {
			return true
		}
	}
	return false
}

// ports are the debug consoles' ports in order.
func ports(l map[uint16]endpoint) (p []uint16) {
	for n := range l {
		p = append(p, n)
	}
	sort.Slice(p, func(i, j int) bool { return p[i] < p[j] })
	return p
}

func (s *session) pump(to io.Writer, fail func(error)) *pump {
	p := newPump(to, fail)
	s.pumps = append(s.pumps, p)
	return p
}

// file opens an output file; the run ends when the host refuses to write to it.
func (s *session) file(what, path string) (io.Writer, error) {
	f, err := openOut(what, path)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	return s.pump(f.file, func(err error) { s.end(f.error(err)) }), nil
}

func (s *session) listen(what, path string) (*socket, error) {
	k, err := listen(what, path)
	if err == nil {
		s.sockets = append(s.sockets, k)
	}
	return k, err
}

// abandon takes everything back that open did.
func (s *session) abandon() {
	if s.m != nil {
		_ = s.m.Close()
	}
	for _, p := range s.pumps {
		p.close()
	}
	for _, k := range s.sockets {
		k.close()
	}
	for _, f := range s.files {
		f.abandon()
	}
}

// outcome is how the machine's goroutine ended.
type outcome struct {
	res machine.Result
	err error
}

// run starts the front ends and the guest, and waits for the end.
func (s *session) run() error {
	ctx := s.ctx
	if s.o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.o.timeout)
		defer cancel()
	}

	for i, k := range s.ports {
		if k != nil {
			go k.serve(func(c net.Conn) { readTo(c, s.serialFeed(i)) })
		}
	}
	if s.monSock != nil {
		go s.monSock.serve(func(c net.Conn) { talk(s.newMonitor(), c, s.monSock) })
	}
	if s.plan.monitor {
		s.monOut = s.pump(s.c.out, func(err error) { s.end(hostf("standard output: %w", pathless(err))) })
		s.shell = &promptLine{mon: s.newMonitor(), in: newFeeder(), out: s.monOut, raw: s.tty.in && s.tty.out, size: s.size}
		defer s.shell.in.close()
		if !s.tty.in {
			s.shell.mon.failed = func(err error) {
				if s.failure == nil {
					s.failure = err
				}
			}
		}
	}

	if s.cache != nil {
		if o := s.o; o.snapshot != nil {
			s.cache.resumed(o.cfg.Serial[0].Out)
		} else {
			over := make(chan struct{})
			defer close(over)
			go s.cache.keep(s.m, over)
		}
	}
	done := make(chan outcome, 1)
	restore, err := s.attach(done)
	if err != nil {
		return err
	}
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- outcome{err: &statusError{statusInternal, fmt.Errorf("internal error: %v; this is a bug in g86, please report it\n%s", r, debug.Stack())}}
			}
		}()
		res, err := s.m.Run(ctx)
		done <- outcome{res, err}
	}()

	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		if s.stdout != nil {
			s.stdout.hold(false)
		}
		select {
		case out = <-done:
		case <-time.After(drainTime): // it waits for the host: somebody does not read its output
			s.stuck = true
			out.res = machine.Result{Status: machine.StatusTimeout, Reason: "timeout"}
		}
	}
	restore()
	return s.verdict(out)
}

// attach gives the terminal, or what stands in for it, to the front end. The
// machine has not started yet.
func (s *session) attach(done chan outcome) (restore func(), err error) {
	quit := func() { s.end(errQuit) }
	if s.plan.display {
		tty, err := term.OpenTTY(s.c.in, s.c.out)
		if err != nil {
			return nil, configf("%w", err)
		}
		cfg := term.Config{Display: s.m.VGA(), Sync: s.m.Do, SendKey: func(k string) { _ = s.m.SendKey(k) }, TTY: tty}
		if s.shell != nil {
			s.shell.out.hold(true)
			cfg.Monitor = s.shell.in.feed
			cfg.Shown = func(on bool) {
				s.shell.show(on)
				s.notes.set(on, !on)
			}
		}
		s.screen = term.New(cfg)
		s.notes.set(true, true)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			switch err := s.screen.Run(); {
			case err == nil, errors.Is(err, io.EOF) && s.ctx.Err() != nil:
			case errors.Is(err, term.ErrQuit):
				quit()
			case errors.As(err, &term.SignalError{}):
				var se term.SignalError
				errors.As(err, &se)
				s.end(signalled{se.Signal})
			default:
				s.end(hostf("terminal: %w", err))
			}
		}()
		return func() {
			if s.shell != nil {
				s.shell.out.close()
			}
			s.screen.Stop()
			<-ended
			s.notes.set(false, false)
		}, nil
	}

	restore = func() {}
	if s.tty.in && s.plan.keys && (s.plan.port >= 0 || s.shell != nil) {
		old, err := xterm.MakeRaw(int(s.c.in.Fd()))
		if err != nil {
			return nil, hostf("terminal: %w; use --serial file:F", err)
		}
		restore = func() {
			_ = xterm.Restore(int(s.c.in.Fd()), old)
			s.notes.set(false, false)
		}
		if s.tty.err {
			fmt.Fprintln(s.c.err, "g86: Ctrl-A h shows the keys, Ctrl-A x quits")
		}
		s.notes.set(s.tty.err, false)
	}
	c := &console{serial: s.stdout, mon: s.shell, keys: s.plan.keys, quit: quit, eol: "\n"}
	if s.tty.in {
		c.eol = "\r\n"
	}
	if s.plan.port >= 0 {
		c.toPort = newFeeder()
		go readTo(c.toPort, s.serialFeed(s.plan.port))
	}
	s.console = c
	if s.shell != nil {
		c.show(s.plan.port < 0)
	}
	go func() {
		readTo(s.c.in, c.input)
		if s.tty.in {
			s.end(hostf("the terminal is gone"))
		}
		if c.toPort != nil {
			c.toPort.close()
		}
		if s.shell != nil {
			s.shell.in.close()
		}
	}()
	return restore, nil
}

// maxBacklog is how much serial input waits for the guest before its source
// does.
const maxBacklog = 64 << 10

// serialFeed sends bytes to a serial port, no faster than the guest takes them.
func (s *session) serialFeed(port int) func([]byte) {
	return func(p []byte) {
		s.m.SerialInput(port, p)
		for s.m.SerialBacklog(port) > maxBacklog && s.ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (s *session) newMonitor() *monitor {
	return &monitor{m: s.m, symbols: s.o.symbols, quit: func() { s.end(errQuit) }}
}

func (s *session) size() (w, h int) {
	w, h, err := xterm.GetSize(int(s.c.out.Fd()))
	if err != nil {
		return 0, 0
	}
	return w, h
}

// verdict turns the end of the run into the process's status.
func (s *session) verdict(out outcome) error {
	cause := context.Cause(s.ctx)
	switch {
	case out.err != nil:
		return out.err
	case errors.Is(cause, errQuit):
		return s.failure
	case cause != nil:
		return cause
	}
	res := out.res
	switch res.Status {
	case machine.StatusTripleFault:
		fmt.Fprint(s.notes, strings.TrimRight(res.PostMortem, "\n")+"\n")
		return &statusError{res.Status, fmt.Errorf("the guest caused a triple fault; above is what led to it")}
	case machine.StatusTimeout:
		if s.o.timeout > 0 && res.Reason == "timeout" {
			return &statusError{res.Status, fmt.Errorf("the guest did not end within %v; give it more with --timeout", s.o.timeout)}
		}
		return &statusError{res.Status, fmt.Errorf("the guest %s: nothing can wake it", res.Reason)}
	case statusOK:
		return s.failure
	case machine.StatusConfig, machine.StatusHost:
		return &statusError{res.Status, errors.New(res.Reason)}
	}
	return &statusError{status: res.Status}
}

// finish closes everything, says the last words and returns err.
func (s *session) finish(err error) error {
	if !s.stuck {
		s.m.Do(s.lastWords)
	}
	for _, p := range s.pumps {
		p.close()
	}
	if s.stdout != nil && s.tty.out && s.stdout.midLine() {
		fmt.Fprintln(s.c.out)
	}
	for _, k := range s.sockets {
		k.close()
	}
	for _, f := range s.files {
		if e := f.file.Close(); e != nil && err == nil {
			err = f.error(e)
		}
	}
	if cause := context.Cause(s.ctx); err == nil && cause != nil && !errors.Is(cause, errQuit) {
		err = cause // an output failed while it was being emptied
	}
	if !s.stuck {
		_ = s.m.Close()
	}
	var sig signalled
	if errors.As(err, &sig) {
		os.Exit(dieOf(sig.Signal))
	}
	return err
}

// lastWords sends what is still in the serial ports, and leaves the guest's
// screen on the terminal after it is gone.
func (s *session) lastWords() {
	for i := range s.ports {
		s.m.UART(i).Flush()
	}
	if !s.plan.display {
		return
	}
	lines, ok := s.m.VGA().Text()
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if ok && strings.TrimSpace(text) != "" {
		fmt.Fprintln(s.c.out, text)
	}
}
