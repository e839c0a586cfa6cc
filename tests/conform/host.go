package conform

import (
	"context"
	"fmt"
	"time"

	"g86/cpu/isa"
	"g86/tests/conform/silicon"
)

// HostOptions say how long to compare with the host's processor.
type HostOptions struct {
	Duration  time.Duration
	Rounds    int // of one case for each form; 0: as many as Duration allows
	Seed      uint64
	Undefined bool // tell where the host's undefined flags are not g86's
}

// Host executes random user-mode instructions natively and on the engines. The
// cases of a seed are always the same; only how many there are depends on the
// time.
func Host(ctx context.Context, o Options, k HostOptions) (*Report, error) {
	start := time.Now()
	if err := o.check("host"); err != nil {
		return nil, err
	}
	h, err := silicon.Open()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	r := &Report{Suite: "host", Skipped: map[string]int{}}
	r.Notes = append(r.Notes, fmt.Sprintf("seed %d", k.Seed))
	for _, a := range o.Accels {
		build := silicon.NewGuest
		if a == "jit" {
			build = silicon.NewTranslated
		}
		g, err := build("max", h.Base())
		if err != nil {
			return nil, err
		}
		c := silicon.New(h, g, k.Seed, o.wants)
		if a == "jit" {
			c.KeepTranslated()
		}
		k.compare(ctx, o, c)
		if a == "jit" {
			r.Notes = append(r.Notes, fmt.Sprintf("%d of %d cases ran as host code alone", g.Native(), c.Cases()))
		}
		if err := g.Close(); err != nil {
			return nil, err
		}
		for _, f := range c.Forms {
			x := Result{Name: f.Name, Accel: a, Passed: f.Runs - f.Failures, Failed: f.Failures}
			if f.First != "" {
				x.Details = []string{f.First}
			}
			r.Results = append(r.Results, x)
			if k.Undefined && f.Undefined != 0 {
				r.Notes = append(r.Notes, fmt.Sprintf("undefined flags that the host sets otherwise: %s in %s", isa.FlagString(f.Undefined), f.Name))
			}
		}
		for why, n := range c.LeftOut {
			r.Skipped["form: "+why] += n
		}
		for why, n := range c.Refused {
			r.Skipped["instruction: "+why] += n
		}
	}
	return r.finish(start), nil
}

// compare runs rounds until there are enough.
func (k *HostOptions) compare(ctx context.Context, o Options, c *silicon.Comparison) {
	end := time.Now().Add(k.Duration)
	for round := 0; len(c.Forms) > 0; round++ {
		switch {
		case ctx.Err() != nil, k.Rounds > 0 && round >= k.Rounds, k.Rounds == 0 && round > 0 && time.Now().After(end):
			return
		}
		c.Round()
		if o.Progress != nil {
			o.Progress(round+1, k.Rounds, fmt.Sprintf("%d cases", c.Cases()))
		}
	}
}
