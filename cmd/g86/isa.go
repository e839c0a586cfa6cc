package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"github.com/spf13/pflag"
)

type isaOpts struct {
	json, coverage bool
	feature        string
	mode, at       string
}

func init() {
	register(&verb{
		name: "isa", usage: "isa [flags] [MNEMONIC...] | isa decode [flags] HEX...",
		short: "list the instruction table, or decode bytes with it",
		long: "Without arguments every row of the table is listed: one per encoding, with the flags it\n" +
			"tests, writes and leaves undefined. MNEMONICs and --feature choose rows; --coverage counts\n" +
			"rows and what of them the engine runs. decode disassembles bytes and shows their rows.",
		example: "  g86 isa add\n  g86 isa --feature SSE2 --json\n  g86 isa --coverage\n  g86 isa decode 0f 01 f8\n" +
			"  g86 isa decode --mode 16 --at 0x7c00 ea05c0000000",
		flags: func(fs *pflag.FlagSet) any {
			o := &isaOpts{}
			fs.BoolVar(&o.json, "json", false, "print JSON")
			fs.BoolVar(&o.coverage, "coverage", false, "count rows by feature")
			fs.StringVar(&o.feature, "feature", "", "only rows of this `NAME` (see the FEATURE column)")
			fs.StringVar(&o.mode, "mode", "64", "decode: code size `BITS`, 16, 32 or 64")
			fs.StringVar(&o.at, "at", "0", "decode: `ADDRESS` of the first byte")
			return o
		},
		run: func(c *cli, opts any, args []string) error {
			o := opts.(*isaOpts)
			switch {
			case len(args) > 0 && args[0] == "decode":
				return o.decode(c, args[1:])
			case o.coverage:
				return o.cover(c, args)
			}
			return o.list(c, args)
		},
	})
}

// list prints the rows that the arguments choose.
func (o *isaOpts) list(c *cli, names []string) error {
	want := map[string]bool{}
	for _, n := range names {
		n = strings.ToUpper(n)
		if _, ok := isa.ByMnemonic[n]; !ok {
			return usagef("no instruction is called %q; `g86 isa` lists them all", n)
		}
		want[n] = true
	}
	if o.feature != "" && !knownFeature(o.feature) {
		return usagef("no instruction belongs to feature %q; `g86 isa --coverage` lists the features", o.feature)
	}
	rows := isa.Rows(func(f *isa.Form) bool {
		return (len(want) == 0 || want[f.Mnemonic]) && (o.feature == "" || strings.EqualFold(f.Feature.String(), o.feature))
	})
	return c.print(func(w io.Writer) error {
		if o.json {
			return encode(w, rows)
		}
		return isa.WriteRows(w, rows)
	})
}

func knownFeature(name string) bool {
	for _, f := range isa.Coverage(func(isa.ID) bool { return true }) {
		if strings.EqualFold(f.Feature, name) {
			return true
		}
	}
	return false
}

// cover prints how much of the table the engine runs.
func (o *isaOpts) cover(c *cli, args []string) error {
	if len(args) > 0 {
		return usagef("--coverage counts the whole table: leave out %q", args[0])
	}
	l := isa.Coverage(cpu.Implemented)
	return c.print(func(w io.Writer) error {
		if o.json {
			return encode(w, l)
		}
		var forms, done int
		fmt.Fprintf(w, "%-12s %6s %12s\n", "FEATURE", "FORMS", "IMPLEMENTED")
		for _, f := range l {
			fmt.Fprintf(w, "%-12s %6d %12d\n", f.Feature, f.Forms, f.Done)
			forms, done = forms+f.Forms, done+f.Done
		}
		fmt.Fprintf(w, "%-12s %6d %12d\n", "total", forms, done)
		for _, f := range l {
			for _, m := range f.Missing {
				fmt.Fprintf(w, "missing: %s %s\n", f.Feature, m)
			}
		}
		return nil
	})
}

// decoded is one instruction of `isa decode`.
type decoded struct {
	Address uint64  `json:"address"`
	Bytes   string  `json:"bytes"`
	Text    string  `json:"text"`
	Row     isa.Row `json:"row"`
}

func (o *isaOpts) decode(c *cli, args []string) error {
	bits, err := strconv.Atoi(o.mode)
	if err != nil || bits != 16 && bits != 32 && bits != 64 {
		return usagef("--mode %s: choose 16, 32 or 64", o.mode)
	}
	at, err := strconv.ParseUint(o.at, 0, 64)
	if err != nil {
		return usagef("--at %s: not an address; write for example 0x7c00", o.at)
	}
	text := strings.NewReplacer(" ", "", ",", "", "0x", "", "0X", "", "\t", "", "\n", "").Replace(strings.Join(args, " "))
	code, err := hex.DecodeString(text)
	switch {
	case errors.Is(err, hex.ErrLength):
		return usagef("%q has an odd number of hexadecimal digits: write two for each byte", text)
	case err != nil:
		return usagef("%q: not hexadecimal; write for example 0f 01 f8", text)
	case len(code) == 0:
		return usagef("decode needs the instruction's bytes, for example `g86 isa decode 0f 01 f8`")
	}
	var list []decoded
	for len(code) > 0 {
		var in isa.Inst
		if err := isa.Decode(code, isa.Mode(bits), &in); err != nil {
			why := strings.TrimPrefix(err.Error(), "isa: ")
			if len(list) == 0 {
				return configf("%x: %s in %d-bit mode; check the bytes and --mode", code, why, bits)
			}
			return configf("%x at %#x, after %q: %s in %d-bit mode; check the bytes and --mode", code, at, list[len(list)-1].Text, why, bits)
		}
		n := int(in.Len)
		list = append(list, decoded{at, hex.EncodeToString(code[:n]), isa.Disasm(&in, at, isa.Mode(bits)), isa.Forms[in.Form].Row()})
		code, at = code[n:], at+uint64(n)
	}
	return c.print(func(w io.Writer) error {
		if o.json {
			return encode(w, list)
		}
		for _, d := range list {
			fmt.Fprintf(w, "%08x  %-20s  %s\n", d.Address, d.Bytes, d.Text)
			fmt.Fprintf(w, "          %s  [%s]  %s%s\n", strings.TrimSpace(d.Row.Mnemonic+" "+d.Row.Operands), d.Row.Encoding, d.Row.Feature, effects(d.Row))
		}
		return nil
	})
}

// effects lists a row's flags and attributes, as far as it has any.
func effects(r isa.Row) (s string) {
	for _, e := range []struct{ name, v string }{
		{"tests", r.Tested}, {"writes", r.Written}, {"undefined", r.Undefined}, {"attributes", strings.Join(r.Attrs, ",")},
	} {
		if e.v != "" {
			s += "  " + e.name + " " + e.v
		}
	}
	return s
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
