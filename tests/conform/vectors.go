package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"g86/cpu/isa"
	"g86/tests/moo"
	"g86/tests/vectors"
)

// revokedReason is what withdrawn vectors count as.
const revokedReason = "withdrawn by the suite"

// maxTold is how many failures of a file are told in words.
const maxTold = 3

// vectorFile is one file of vectors with what its folder says about them.
type vectorFile struct {
	path    string
	meta    *vectors.Metadata
	revoked map[string]bool
}

// isVectorFile tells by the name.
func isVectorFile(path string) bool {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	return (strings.HasSuffix(name, ".moo") || strings.HasSuffix(name, ".json")) && filepath.Base(name) != "metadata.json"
}

// findVectors lists the vector files of the arguments.
func findVectors(paths []string) (l []vectorFile, err error) {
	folders := map[string]*vectorFile{}
	add := func(path string) error {
		dir := filepath.Dir(path)
		about := folders[dir]
		if about == nil {
			about = &vectorFile{meta: &vectors.Metadata{}}
			var err error
			if about.meta, err = vectors.ReadMetadata(dir); errors.Is(err, fs.ErrNotExist) {
				about.meta = &vectors.Metadata{}
			} else if err != nil {
				return err
			}
			if about.revoked, err = vectors.ReadRevoked(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			folders[dir] = about
		}
		l = append(l, vectorFile{path, about.meta, about.revoked})
		return nil
	}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			if err := add(p); err != nil {
				return nil, err
			}
			continue
		}
		n := len(l)
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !isVectorFile(path) {
				return err
			}
			return add(path)
		})
		if err != nil {
			return nil, err
		}
		if len(l) == n {
			return nil, fmt.Errorf("%s: no vectors in it: they are files named *.MOO, *.MOO.gz, *.json or *.json.gz", p)
		}
	}
	return l, nil
}

// Vectors runs files, and folders of files, of single-instruction tests on the
// processor model of that name.
func Vectors(ctx context.Context, o Options, model string, paths []string) (*Report, error) {
	start := time.Now()
	if err := o.check("vectors"); err != nil {
		return nil, err
	}
	files, err := findVectors(paths)
	if err != nil {
		return nil, err
	}
	var units []unit
	for _, f := range files {
		if !o.wants(filepath.Base(f.path)) {
			continue
		}
		units = append(units, unit{filepath.Base(f.path), func(ctx context.Context) (l []Result) {
			for _, a := range o.Accels {
				l = append(l, f.run(ctx, a, model))
			}
			return l
		}})
	}
	r := (&Report{Suite: "vectors", Results: o.each(ctx, units)}).finish(start)
	return r, r.unfit()
}

// run runs all tests of a file.
func (f *vectorFile) run(ctx context.Context, accel, model string) Result {
	start := time.Now()
	r := Result{Name: f.path, Accel: accel}
	if err := f.runTests(ctx, model, &r); err != nil {
		r.Failed++
		r.Details = append(r.Details, err.Error())
		r.unfit = fmt.Errorf("%s: %w", f.path, err)
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

func (f *vectorFile) runTests(ctx context.Context, model string, r *Result) error {
	set, err := openVectors(f.path)
	if err != nil {
		return err
	}
	rules, err := vectors.RulesFor(set.CPU, len(set.Tests) > 0 && set.Tests[0].Initial.Wide)
	if err != nil {
		return err
	}
	if set.Mode != 0 {
		return fmt.Errorf("vectors of the processor's mode %d: only those of real mode (0) can be judged", set.Mode)
	}
	runner, err := vectors.NewRunner(model)
	if err != nil {
		return err
	}
	for i := range set.Tests {
		if ctx.Err() != nil {
			r.skip("interrupted", len(set.Tests)-i)
			return nil
		}
		t := &set.Tests[i]
		var in isa.Inst
		if isa.Decode(t.Bytes, 16, &in) == isa.ErrTruncated {
			return fmt.Errorf("test %d: its code % x is cut short", i, t.Bytes)
		}
		if f.revoked[t.Hash] {
			r.skip(revokedReason, 1)
			continue
		}
		defined := f.meta.Defined(f.path, set, t)
		out := runner.Run(t, defined, false)
		if out.Pass() {
			r.Passed++
			continue
		}
		if k := slices.IndexFunc(rules, func(x vectors.Rule) bool { return x.Skip(runner, t, defined, &out) }); k >= 0 {
			r.skip(rules[k].Name+": "+rules[k].Why, 1)
			continue
		}
		r.Failed++
		if len(r.Details) < maxTold {
			r.Details = append(r.Details, fmt.Sprintf("#%d %s (% x): %v", t.Index, disasm16(t), t.Bytes, &out))
		}
	}
	return nil
}

// disasm16 is our disassembly of the instruction under test, or the suite's name
// where we have none.
func disasm16(t *moo.Test) string {
	var in isa.Inst
	if isa.Decode(t.Bytes, 16, &in) != nil {
		return t.Name
	}
	return isa.Disasm(&in, uint64(t.Initial.Regs[moo.IP]), 16)
}

// openVectors reads a file of either form, told apart by its content.
func openVectors(path string) (*moo.File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if b, err = gunzip(b); err != nil {
		return nil, err
	}
	if s := bytes.TrimLeft(b, " \t\r\n\ufeff"); len(s) > 0 && s[0] == '[' {
		return parseJSON(s)
	}
	return moo.Parse(b)
}
