// Command fetch fills tests/guests/cache with the guests of package guests:
// `make guests`. It downloads Debian packages with apt's own tools, never
// touching the host's package state, unpacks the files the catalog names and
// makes the busybox ramdisk. What is there already is left alone; what cannot
// be had is named in the summary and in cache/MISSING, and the tests that want
// it are skipped with that reason. The status is 0 unless nothing at all is
// there at the end.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"g86/tests/guests"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "guests:", err)
		os.Exit(1)
	}
}

func run() error {
	cache, err := guests.CacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	f := &fetcher{cache: cache, failed: map[string]error{}}
	want := f.wanted()
	if len(want) > 0 {
		if why := notDebian(); why != nil {
			for _, g := range guests.Catalog {
				f.failed[g.Name] = why
			}
			fmt.Println("guests:", why)
		} else if err := f.fetch(ctx, want); err != nil {
			return err
		}
	}
	if err := f.ramdisk(); err != nil {
		f.failed["busybox-initrd"] = err
	}
	return f.summary()
}

// notDebian says why this host cannot fetch, or nil.
func notDebian() error {
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return errors.New("not a Debian host (no /etc/debian_version): guests come from Debian's packages, tests that need them are skipped")
	}
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("no %s on this host: guests are unpacked from Debian's packages, tests that need them are skipped", tool)
		}
	}
	return nil
}

type fetcher struct {
	cache  string
	failed map[string]error // guest name -> why it is missing
}

// wanted lists the packages that still have a file to give, in catalog order.
func (f *fetcher) wanted() (pkgs []guests.Guest) {
	seen := map[string]bool{}
	for _, g := range guests.Catalog {
		if g.Package != "" && !seen[g.Package] && !f.have(g) {
			seen[g.Package] = true
			pkgs = append(pkgs, g)
		}
	}
	return pkgs
}

func (f *fetcher) have(g guests.Guest) bool {
	st, err := os.Stat(filepath.Join(f.cache, g.File))
	return err == nil && st.Mode().IsRegular() && st.Size() > 0
}

func (f *fetcher) fetch(ctx context.Context, want []guests.Guest) error {
	work, err := os.MkdirTemp(f.cache, "work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	apts := newApts(work)
	for i, g := range want {
		fmt.Printf("guests: [%d/%d] %s\n", i+1, len(want), g.Package)
		root := filepath.Join(work, fmt.Sprintf("pkg%d", i))
		if err := apts.get(ctx, g.Package, g.Arch, root); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// The host may have the package installed.
			fmt.Printf("guests:   %v\n", err)
			f.take(g.Package, "/", err)
			continue
		}
		f.take(g.Package, root, nil)
		os.RemoveAll(root)
	}
	return nil
}

// take copies a package's files from where it is unpacked into the cache.
// why, if set, is the reason reported for files that are not there.
func (f *fetcher) take(pkg, root string, why error) {
	for _, g := range guests.Catalog {
		if g.Package != pkg || f.have(g) {
			continue
		}
		err := f.install(g, root)
		switch {
		case err == nil:
			fmt.Printf("guests:   %s\n", g.File)
		case why != nil:
			f.failed[g.Name] = why
		default:
			f.failed[g.Name] = err
		}
	}
}

func (f *fetcher) install(g guests.Guest, root string) error {
	found, err := filepath.Glob(filepath.Join(root, g.Path))
	if err != nil || len(found) == 0 {
		return fmt.Errorf("package %s has no %s", g.Package, g.Path)
	}
	src, err := os.Open(found[len(found)-1])
	if err != nil {
		return err
	}
	defer src.Close()
	var r io.Reader = src
	if g.Gunzip {
		if r, err = gzip.NewReader(src); err != nil {
			return fmt.Errorf("%s: %w", g.Path, err)
		}
	}
	return f.write(g.File, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// write replaces a cache file in one step: tests may be running.
func (f *fetcher) write(name string, fill func(io.Writer) error) error {
	tmp, err := os.CreateTemp(f.cache, "."+name+"-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	err = errors.Join(fill(tmp), tmp.Chmod(0o644), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(f.cache, name))
}

// ramdisk makes the initrd again each time: it is quick, and /init may have
// changed.
func (f *fetcher) ramdisk() error {
	bb, err := os.ReadFile(filepath.Join(f.cache, "busybox"))
	if err != nil {
		return errors.New("made from busybox, which is missing")
	}
	var buf bytes.Buffer
	if err := guests.WriteRamdisk(&buf, bb); err != nil {
		return err
	}
	const name = "busybox-initrd.gz"
	if old, err := os.ReadFile(filepath.Join(f.cache, name)); err == nil && bytes.Equal(old, buf.Bytes()) {
		return nil
	}
	fmt.Printf("guests: making %s\n", name)
	return f.write(name, func(w io.Writer) error {
		_, err := w.Write(buf.Bytes())
		return err
	})
}

// summary says what is there, notes what is not for the tests' skip messages,
// and fails if the cache is empty on a host that could have filled it.
func (f *fetcher) summary() error {
	var note strings.Builder
	have := 0
	for _, g := range guests.Catalog {
		if f.have(g) {
			have++
			continue
		}
		why := f.failed[g.Name]
		if why == nil {
			why = errors.New("not fetched")
		}
		fmt.Fprintf(&note, "%s: %s\n", g.Name, strings.ReplaceAll(why.Error(), "\n", " "))
	}
	if err := os.WriteFile(filepath.Join(f.cache, guests.MissingFile), []byte(note.String()), 0o644); err != nil {
		return err
	}
	fmt.Printf("guests: %d of %d in %s\n", have, len(guests.Catalog), f.cache)
	for _, line := range strings.Split(strings.TrimSpace(note.String()), "\n") {
		if line != "" {
			fmt.Println("guests: missing", line)
		}
	}
	if have == 0 && notDebian() == nil {
		return errors.New("nothing could be fetched: is there a network, and a Debian entry in the package sources?")
	}
	return nil
}
