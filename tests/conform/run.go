package conform

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"g86/cpu/kvm"
	"g86/jit"
)

// Options are common to all suites.
type Options struct {
	Accels   []string       // engines, each in turn
	Filter   *regexp.Regexp // which units run, by name; nil: all
	Jobs     int            // units at a time
	Progress func(done, total int, name string)
}

func (o *Options) wants(name string) bool { return o.Filter == nil || o.Filter.MatchString(name) }

// Refused says why an engine cannot run a suite, or "".
func Refused(suite, accel string) string {
	switch accel {
	case "interp":
		return ""
	case "jit":
		switch suite {
		case "vectors":
			return "real mode is the interpreter's alone"
		case "lockstep":
			return "it compares the two engines; leave the flag out"
		}
		if err := jit.Supported(); err != nil {
			return err.Error()
		}
		return ""
	case "kvm":
		if suite != "kernel" && suite != "rom" {
			return "it runs guests, not single instructions"
		}
		h, err := kvm.Open()
		if err != nil {
			return err.Error()
		}
		_ = h.Close()
		return ""
	}
	return "there is no such engine; choose from interp, jit, kvm"
}

func (o *Options) check(suite string) error {
	for _, a := range o.Accels {
		if why := Refused(suite, a); why != "" {
			return fmt.Errorf("engine %q: %s", a, why)
		}
	}
	return nil
}

// unit is one thing to run.
type unit struct {
	name string
	run  func(ctx context.Context) []Result
}

// each runs the units, Jobs at a time, and collects what comes of them. When ctx
// ends, what has not begun is left out.
func (o *Options) each(ctx context.Context, units []unit) (all []Result) {
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		done int
		work = make(chan unit)
	)
	for range max(1, min(o.Jobs, len(units))) {
		wg.Go(func() {
			for u := range work {
				l := u.run(ctx)
				mu.Lock()
				all = append(all, l...)
				done++
				if o.Progress != nil {
					o.Progress(done, len(units), u.name)
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, u := range units {
		select {
		case work <- u:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	wg.Wait()
	return all
}
