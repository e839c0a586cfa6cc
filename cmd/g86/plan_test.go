package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// parse reads flags as `g86 run` does.
func parse(t *testing.T, args ...string) (*runOpts, []string) {
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o := runFlags(fs).(*runOpts)
	require.NoError(t, fs.Parse(args))
	return o, fs.Args()
}

// Who gets the terminal, with and without flags.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	disk := write(t, dir, "disk", bootSector(sleep...))
	kernel := write(t, dir, "kernel", bzImage())
	all, none, pipeIn, pipeOut := terminals{true, true, true}, terminals{}, terminals{false, true, true}, terminals{true, false, true}
	for _, c := range []struct {
		args string
		tty  terminals
		want plan
	}{
		// On a terminal: the screen, or the serial console where that is used.
		{"DISK", all, plan{true, -1, true, true}},
		{"KERNEL", all, plan{true, -1, true, true}},
		{"KERNEL --append console=ttyS0,115200", all, plan{false, 0, true, true}},
		{"--kernel KERNEL --append console=ttyS0", all, plan{false, 0, true, true}},
		{"", all, plan{false, 0, true, true}}, // the demonstration scrolls
		{"DISK --serial stdio", all, plan{false, 0, true, true}},
		{"DISK --serial none --serial stdio", all, plan{false, 1, true, true}},
		{"DISK --serial none", all, plan{true, -1, true, true}},
		{"DISK --display none", all, plan{false, 0, true, true}},
		{"DISK --display term", all, plan{true, -1, true, true}},
		{"DISK --monitor none", all, plan{true, -1, false, true}},
		{"DISK --monitor unix:m", all, plan{true, -1, false, true}},
		{"DISK --monitor stdio", all, plan{false, -1, true, true}},
		{"DISK --monitor stdio --serial stdio", all, plan{false, 0, true, true}},
		{"DISK --monitor stdio --display term", all, plan{true, -1, true, true}},
		{"DISK --monitor stdio --display none", all, plan{false, -1, true, true}},
		{"DISK --serial none --display none", all, plan{false, -1, false, true}},

		// In a pipe: the serial port, byte for byte.
		{"DISK", none, plan{false, 0, false, false}},
		{"DISK", pipeIn, plan{false, 0, false, false}},
		{"DISK", pipeOut, plan{false, 0, true, true}},
		{"DISK --monitor stdio", none, plan{false, -1, true, false}},
		{"DISK --monitor stdio --serial stdio", none, plan{false, 0, true, true}},
		{"DISK --serial none", none, plan{false, -1, false, false}},
		{"DISK --serial file:LOG", none, plan{false, -1, false, false}},
	} {
		o, rest := parse(t, strings.Fields(strings.NewReplacer("DISK", disk, "KERNEL", kernel, "LOG", dir+"/log").Replace(c.args))...)
		p, err := o.plan(rest, c.tty)
		require.NoError(t, err, c.args)
		require.Equal(t, c.want, p, "%s on %+v", c.args, c.tty)
	}
}

// Conflicts about the terminal.
func TestPlanConflicts(t *testing.T) {
	disk := write(t, t.TempDir(), "disk", bootSector(sleep...))
	all := terminals{true, true, true}
	for args, says := range map[string]string{
		"--display term --serial stdio":            "--display none",
		"--display term -d int":                    "-D FILE",
		"-d int":                                   "-D FILE",
		"--display term --debugcon 0xe9=stdio":     "--display none",
		"--display term --serial none -d int,exec": "-D FILE",
	} {
		o, rest := parse(t, append(strings.Fields(args), disk)...)
		_, err := o.plan(rest, all)
		status, show := statusOf(err)
		require.Equal(t, 2, status, args)
		require.True(t, show)
		require.ErrorContains(t, err, says, args)
	}
	o, rest := parse(t, "--display", "term", disk)
	_, err := o.plan(rest, terminals{true, false, true})
	require.ErrorContains(t, err, "--display none")
}

// IMAGE with drive options goes to the drive of its kind and is booted first.
func TestPlanImageOptions(t *testing.T) {
	dir := t.TempDir()
	disk, floppy := write(t, dir, "disk", bootSector(sleep...)), write(t, dir, "floppy", bootSector(sleep...))
	comma := write(t, dir, "a,snapshot=on", bootSector(sleep...))
	o, rest := parse(t, floppy+",snapshot=on")
	_, err := o.plan(rest, terminals{})
	require.NoError(t, err)
	require.Equal(t, []string{floppy + ",snapshot=on"}, o.cfg.Floppies)
	require.Equal(t, "acd", o.cfg.Boot)

	o, rest = parse(t, comma) // a file of that very name comes first
	_, err = o.plan(rest, terminals{})
	require.NoError(t, err)
	require.Equal(t, comma, o.cfg.Image)

	o, rest = parse(t, "--boot", "d,menu=on", disk+",readonly=on")
	_, err = o.plan(rest, terminals{})
	require.NoError(t, err)
	require.Equal(t, "d,menu=on", o.cfg.Boot) // as the user said
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]uint64{
		"1": 1 << 20, "512": 512 << 20, "64M": 64 << 20, "64m": 64 << 20, "2G": 2 << 30, "2GiB": 2 << 30, "2048K": 2 << 20,
		"0x10": 16 << 20, "64G": 64 << 30, "65536": 64 << 30,
	} {
		got, err := parseSize(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "M", "1.5G", "-1", "0", "0G", "1T", "G1", "1GM", "65G", "100K", "18446744073709551615K"} {
		_, err := parseSize(in)
		require.Error(t, err, in)
	}
}
