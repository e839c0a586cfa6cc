package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"g86/machine"
	"g86/machine/lockstep"
)

// lockstepOpts are the flags of `g86 run --lockstep`.
type lockstepOpts struct {
	on    bool
	until uint64
	step  uint64
	json  bool
}

// runLockstep runs the guest on two engines and compares them.
func runLockstep(c *cli, o *runOpts, p plan) error {
	for i, e := range o.serial {
		switch {
		case e.kind == "stdio":
			o.cfg.Serial[i].Out = c.out
		case e.kind != "none":
			return usagef("--lockstep has serial ports on stdio or none, not on %s", e.kind)
		}
	}
	switch {
	case o.cfg.Accel != "" && o.cfg.Accel != "auto":
		return usagef("--lockstep compares two engines: leave out --accel %s", o.cfg.Accel)
	case o.cfg.Switches != nil:
		return usagef("--lockstep compares two engines from beginning to end: leave out --accel-switch-after")
	case p.display:
		return usagef("--lockstep shows no screen: add --display none")
	case len(o.debugcon) > 0 || o.monitor.kind == "unix":
		return usagef("--lockstep has neither a monitor nor debug consoles: leave them out")
	case len(o.cfg.LogItems) > 0:
		return usagef("--lockstep keeps no log: leave out -d")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	show := &progress{to: c.err, line: isTerminal(c.err), start: time.Now()}
	r, err := lockstep.Run(ctx, o.cfg, lockstep.Options{Step: o.lockstep.step, Until: o.lockstep.until, Progress: show.say})
	show.clear()
	switch {
	case err != nil:
		var ce *machine.ConfigError
		if errors.As(err, &ce) {
			return err
		}
		return hostf("%w", err)
	case o.lockstep.json:
		err = c.print(func(w io.Writer) error { return json.NewEncoder(w).Encode(r) })
	default:
		err = c.print(func(w io.Writer) error { r.WriteText(w); return nil })
	}
	switch {
	case err != nil:
		return err
	case r.Divergence != nil:
		return &statusError{statusDivergence, fmt.Errorf("the engines part at instruction %d", r.Divergence.At)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &statusError{machine.StatusTimeout, errors.New("timeout: the engines agreed until then")}
	}
	return nil
}
