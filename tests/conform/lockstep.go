package conform

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"g86/machine"
	"g86/machine/lockstep"
)

// LockstepOptions say how guests run in Lockstep.
type LockstepOptions struct {
	Config  machine.Config
	Step    uint64        // instructions between two comparisons; 0: the default
	Until   uint64        // instruction count at which to end; 0: with the guest
	Timeout time.Duration // wall time for each guest; 0: none
}

// Lockstep runs each guest on the interpreter and the translator, which must agree.
func Lockstep(ctx context.Context, o Options, k LockstepOptions, files []string) (*Report, error) {
	start := time.Now()
	if err := o.check("lockstep"); err != nil {
		return nil, err
	}
	r := &Report{Suite: "lockstep"}
	for _, f := range files {
		name := filepath.Base(f)
		if !o.wants(name) || ctx.Err() != nil {
			continue
		}
		x, err := k.run(ctx, o, f, name)
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, x)
	}
	return r.finish(start), nil
}

func (k *LockstepOptions) run(ctx context.Context, o Options, path, name string) (Result, error) {
	if k.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, k.Timeout)
		defer cancel()
	}
	cfg := k.Config
	cfg.Image, cfg.NoReboot = path, true
	begin := time.Now()
	rep, err := lockstep.Run(ctx, cfg, lockstep.Options{Step: k.Step, Until: k.Until, Progress: func(s string) {
		if o.Progress != nil {
			o.Progress(0, 0, name+": "+s)
		}
	}})
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	x := Result{Name: path, Accel: "interp,jit", Passed: 1, Seconds: time.Since(begin).Seconds(),
		Output: fmt.Sprintf("%d instructions agree: %s", rep.Instructions, rep.Ended)}
	if rep.Divergence != nil {
		var text strings.Builder
		rep.WriteText(&text)
		x.Passed, x.Failed, x.Details = 0, 1, []string{text.String()}
	}
	return x, nil
}
