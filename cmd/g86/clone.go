package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"g86/machine"
)

// maxClones bounds -n against slips.
const maxClones = 1000

type cloneOpts struct {
	*runOpts
	n int
}

func init() {
	register(&verb{
		name: "clone", usage: "clone FILE -n N [flags]", short: "start several guests from one snapshot",
		long: "Each guest goes on from FILE by itself; they share its memory, each has pages of its own only\n" +
			"where it writes. A %d in the name after --serial file: is the guest's number, from 0; without\n" +
			"--serial their serial ports lead nowhere. One line tells how each guest ended; the exit status\n" +
			"is the highest of theirs. Disk images need snapshot=on or readonly=on. Each guest draws random\n" +
			"numbers of its own.",
		example: "  g86 clone booted.snap -n 10 --serial file:guest-%d.log --timeout 60s",
		flags: func(fs *pflag.FlagSet) any {
			all := pflag.NewFlagSet("clone", pflag.ContinueOnError)
			o := &cloneOpts{runOpts: runFlags(all).(*runOpts)}
			fs.VarP(&setter{kind: "N", set: func(v string) (err error) {
				if o.n, err = strconv.Atoi(v); err != nil || o.n < 1 || o.n > maxClones {
					return fmt.Errorf("give a number from 1 to %d", maxClones)
				}
				return nil
			}}, "number", "n", "how many guests")
			for _, name := range []string{"accel", "serial", "clock", "no-reboot", "timeout"} {
				fs.AddFlag(all.Lookup(name))
			}
			return o
		},
		run: func(c *cli, opts any, args []string) error { return opts.(*cloneOpts).run(c, args) },
	})
}

func (o *cloneOpts) run(c *cli, args []string) error {
	if len(args) != 1 || o.n == 0 {
		return usagef("clone takes one snapshot and a number: write `g86 clone FILE -n N`")
	}
	for i, e := range o.serial {
		switch {
		case i >= len(o.cfg.Serial):
			return usagef("--serial is there %d times: a PC has %d serial ports", len(o.serial), len(o.cfg.Serial))
		case e.kind != "file" && e.kind != "none":
			return usagef("--serial %v: several guests cannot share it; give file:NAME-%%d", e)
		case e.kind == "file" && o.n > 1 && strings.Count(e.path, "%d") != 1:
			return usagef("--serial %v: several guests cannot share a file; put %%d into its name, once", e)
		}
	}
	s, err := machine.OpenSnapshot(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	clones, err := s.Clones()
	if err != nil {
		return err
	}
	defer clones.Close()

	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() { end(signalled{<-signals}) }()
	guests := make([]*clone, o.n)
	for i := range guests {
		if guests[i], err = o.build(clones, i); err != nil {
			break
		}
	}
	if err == nil {
		err = runClones(ctx, c.out, guests, o.timeout)
	}
	for _, g := range guests {
		if g != nil {
			if e := g.close(); err == nil {
				err = e
			}
		}
	}
	var sig signalled
	if errors.As(context.Cause(ctx), &sig) {
		os.Exit(dieOf(sig.Signal))
	}
	return err
}

// clone is one of the guests.
type clone struct {
	m     *machine.Machine
	pumps []*pump
	files []*outFile
	mu    sync.Mutex
	err   error // of its files
}

// build makes guest i with its files.
func (o *cloneOpts) build(clones *machine.Clones, i int) (*clone, error) {
	g := &clone{}
	if err := o.connect(g, clones, i); err != nil {
		_ = g.close()
		return nil, err
	}
	return g, nil
}

func (o *cloneOpts) connect(g *clone, clones *machine.Clones, i int) (err error) {
	cfg := o.cfg
	for port, e := range o.serial {
		if e.kind != "file" {
			continue
		}
		f, err := openOut(fmt.Sprintf("serial port %d: file", port+1), strings.Replace(e.path, "%d", strconv.Itoa(i), 1))
		if err != nil {
			return err
		}
		g.files = append(g.files, f)
		if err := f.commit(); err != nil {
			return err
		}
		p := newPump(f.file, func(err error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.err = f.error(err)
		})
		g.pumps = append(g.pumps, p)
		cfg.Serial[port].Out = p
	}
	g.m, err = clones.New(i, cfg)
	return err
}

func (g *clone) close() error {
	if g.m != nil {
		_ = g.m.Close()
	}
	for _, p := range g.pumps {
		p.close()
	}
	for _, f := range g.files {
		if err := f.file.Close(); err != nil && g.err == nil {
			g.err = f.error(err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// runClones runs all guests to their ends and reports each.
func runClones(ctx context.Context, out io.Writer, guests []*clone, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		worst int
		first error
	)
	for i, g := range guests {
		wg.Go(func() {
			res, err := g.m.Run(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = err
			}
			worst = max(worst, res.Status)
			if _, err := fmt.Fprintf(out, "clone %d: %s, status %d\n", i, res.Reason, res.Status); err != nil && first == nil {
				first = hostf("standard output: %w", pathless(err))
			}
		})
	}
	wg.Wait()
	if first == nil && worst != 0 {
		first = &statusError{status: worst}
	}
	return first
}
