package isa

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Row is a Form as people and scripts read it.
type Row struct {
	ID        ID       `json:"id"`
	Mnemonic  string   `json:"mnemonic"`
	Encoding  string   `json:"encoding"`
	Operands  string   `json:"operands"`
	Feature   string   `json:"feature"`
	Attrs     []string `json:"attributes,omitempty"`
	Tested    string   `json:"flags_tested,omitempty"`
	Written   string   `json:"flags_written,omitempty"`
	Undefined string   `json:"flags_undefined,omitempty"`
}

var attrNames = []string{
	"lock", "no64", "only64", "def64", "force64", "rep", "repcond", "endsblock", "prot", "cpl0",
	"fpu", "sse", "align16", "undocumented", "fpunowait", "mmx",
}

// Names lists the attributes.
func (a Attr) Names() []string {
	var names []string
	for i, n := range attrNames {
		if a>>i&1 != 0 {
			names = append(names, n)
		}
	}
	return names
}

var flagNames = []struct {
	mask uint32
	name string
}{
	{OF, "O"}, {SF, "S"}, {ZF, "Z"}, {AF, "A"}, {PF, "P"}, {CF, "C"}, {DF, "D"}, {IF, "I"}, {TF, "T"},
	{IOPL, "iopl"}, {NT, "nt"}, {RF, "rf"}, {VM, "vm"}, {AC, "ac"}, {VIF, "vif"}, {VIP, "vip"}, {IDF, "id"},
}

// FlagString names RFLAGS bits: "OSZAPC", "ZPC", "D+iopl".
func FlagString(mask uint32) string {
	var b strings.Builder
	for _, f := range flagNames {
		if mask&f.mask == 0 {
			continue
		}
		if len(f.name) > 1 && b.Len() > 0 {
			b.WriteByte('+')
		}
		b.WriteString(f.name)
	}
	return b.String()
}

// Row describes the form.
func (f *Form) Row() Row {
	return Row{
		ID: f.ID, Mnemonic: f.Mnemonic, Encoding: f.Enc, Operands: f.Args, Feature: f.Feature.String(), Attrs: f.Attr.Names(),
		Tested: FlagString(f.Flags.Tested), Written: FlagString(f.Flags.Written), Undefined: FlagString(f.Flags.Undefined),
	}
}

// Rows lists the forms for which keep holds (all of them if it is nil).
func Rows(keep func(*Form) bool) []Row {
	var rows []Row
	for i := 1; i < len(Forms); i++ {
		if keep == nil || keep(&Forms[i]) {
			rows = append(rows, Forms[i].Row())
		}
	}
	return rows
}

// WriteRows prints rows as an aligned table.
func WriteRows(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "MNEMONIC\tOPERANDS\tENCODING\tFEATURE\tTESTED\tWRITTEN\tUNDEFINED\tATTRIBUTES")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Mnemonic, r.Operands, r.Encoding, r.Feature, r.Tested, r.Written, r.Undefined, strings.Join(r.Attrs, ","))
	}
	return t.Flush()
}

// FeatureCoverage counts, for one feature, the forms in the table and those an
// engine implements.
type FeatureCoverage struct {
	Feature string   `json:"feature"`
	Forms   int      `json:"forms"`
	Done    int      `json:"implemented"`
	Missing []string `json:"missing,omitempty"` // "MNEMONIC OPERANDS (ENCODING)"
}

// Coverage sums up by feature which forms implemented reports as done.
func Coverage(implemented func(ID) bool) []FeatureCoverage {
	all := make([]FeatureCoverage, NumFeatures)
	for i := 1; i < len(Forms); i++ {
		f := &Forms[i]
		c := &all[f.Feature]
		c.Forms++
		if implemented(f.ID) {
			c.Done++
		} else {
			c.Missing = append(c.Missing, strings.TrimSpace(f.Mnemonic+" "+f.Args)+" ("+f.Enc+")")
		}
	}
	out := all[:0]
	for i, c := range all {
		if c.Forms > 0 {
			c.Feature = Feature(i).String()
			out = append(out, c)
		}
	}
	return out
}
