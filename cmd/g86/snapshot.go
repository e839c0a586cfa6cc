package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"g86/machine"
)

type snapshotOpts struct{ json bool }

func init() {
	register(&verb{
		name: "snapshot", usage: "snapshot info|verify FILE [--json]", short: "look into a snapshot, or check it",
		long: "info shows the machine that is in FILE and where its bytes went; verify reads all of it and\n" +
			"fails with status 4 when a byte is not as it was written.",
		example: "  g86 snapshot info booted.snap\n  g86 snapshot info booted.snap --json\n  g86 snapshot verify booted.snap",
		flags: func(fs *pflag.FlagSet) any {
			o := &snapshotOpts{}
			fs.BoolVar(&o.json, "json", false, "print JSON")
			return o
		},
		run: func(c *cli, opts any, args []string) error {
			o := opts.(*snapshotOpts)
			if len(args) != 2 || args[0] != "info" && args[0] != "verify" {
				return usagef("write `g86 snapshot info FILE` or `g86 snapshot verify FILE`")
			}
			s, err := machine.OpenSnapshot(args[1])
			if err != nil {
				return err
			}
			defer s.Close()
			if args[0] == "verify" {
				return verifySnapshot(c, o, s, args[1])
			}
			return describeSnapshot(c, o, s, args[1])
		},
	})
}

func verifySnapshot(c *cli, o *snapshotOpts, s *machine.Snapshot, path string) error {
	if err := s.Verify(); err != nil {
		return err
	}
	sections := 0
	for _, x := range s.Sections() {
		sections += x.Sections
	}
	return c.print(func(w io.Writer) error {
		if o.json {
			return encode(w, struct {
				OK       bool  `json:"ok"`
				Sections int   `json:"sections"`
				Bytes    int64 `json:"bytes"`
			}{true, sections, s.Size()})
		}
		_, err := fmt.Fprintf(w, "%s: %d sections in %d bytes, all as they were written\n", path, sections, s.Size())
		return err
	})
}

// snapshotReport is `snapshot info --json`.
type snapshotReport struct {
	machine.SnapshotInfo
	Bytes    int64                 `json:"bytes"`
	Written  time.Time             `json:"written"`
	Sections []machine.SectionInfo `json:"sections"`
}

func describeSnapshot(c *cli, o *snapshotOpts, s *machine.Snapshot, path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return configf("snapshot %s: %w", path, pathless(err))
	}
	r := snapshotReport{s.Info(), s.Size(), st.ModTime().UTC(), s.Sections()}
	return c.print(func(w io.Writer) error {
		if o.json {
			return encode(w, r)
		}
		m := &r.Machine
		line := func(name, format string, a ...any) {
			if text := fmt.Sprintf(format, a...); text != "" {
				fmt.Fprintf(w, "%-14s%s\n", name, text)
			}
		}
		line("written", "%s by g86 %s (%s)", r.Written.Format(time.RFC3339), r.Version, r.Accel)
		line("guest time", "%v, %d instructions", time.Duration(r.GuestNS), r.Instructions)
		line("machine", "%d MiB, %d x %s, clock %s", m.Memory>>20, m.CPUs, m.Model, m.ClockMode)
		line("kernel", "%s", strings.TrimSpace(m.Kernel+" "+m.Append))
		line("initrd", "%s", m.Initrd)
		line("firmware", "%s", m.BIOS)
		for _, d := range r.Drives {
			kind := "image as it was"
			if d.Snapshot {
				kind = "writes are in the snapshot"
			}
			line("drive", "%s, %d bytes, %s", d.Path, d.Size, kind)
		}
		line("file", "%d bytes", r.Bytes)
		sort.SliceStable(r.Sections, func(i, j int) bool { return r.Sections[i].Stored > r.Sections[j].Stored })
		fmt.Fprintf(w, "\n%-16s %9s %12s %12s\n", "SECTION", "COUNT", "BYTES", "STORED")
		for _, x := range r.Sections {
			fmt.Fprintf(w, "%-16s %9d %12d %12d\n", x.Name, x.Sections, x.Bytes, x.Stored)
		}
		return nil
	})
}
