package vectors

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g86/cpu/isa"
	"g86/tests/moo"
)

// Rule is a difference between the 286 of the capture and a later processor.
// A rule applies to a test that did not pass; the narrower, the better.
type Rule struct {
	Name string
	Why  string
	// Skip reports whether this rule explains outcome o of t.
	Skip func(r *Runner, t *moo.Test, defined *Defined, o *Outcome) bool
}

// Rules80286 are the differences from the 80286, the first that applies counts.
var Rules80286 = []Rule{
	{"lock", "LOCK before an instruction that cannot be locked is #UD since the 386",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			p, _ := split(t.Bytes)
			return slices.Contains(p, 0xf0) && o.Fault == 6
		}},
	{"length", "an instruction may have 15 bytes, not 10, since the 386",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			return len(t.Bytes)-1 > 10 && t.Exception != nil && t.Exception.Vector == 13 // the last byte is the HLT
		}},
	{"stack", "a stack access beyond the segment limit is #SS (12), not 13, since the 386; all else is as captured",
		func(r *Runner, t *moo.Test, defined *Defined, o *Outcome) bool {
			return stackFault(t, o) && r.again(t, defined).Pass()
		}},
	{"string", "the 286 moves SI, DI and CX although the access of a string instruction faults",
		func(r *Runner, t *moo.Test, defined *Defined, o *Outcome) bool {
			if stackFault(t, o) {
				o = r.again(t, defined)
			}
			_, op := split(t.Bytes)
			if !(op >= 0x6c && op <= 0x6f || op >= 0xa4 && op <= 0xa7 || op >= 0xaa && op <= 0xaf) || t.Exception == nil || o.Endless {
				return false
			}
			return !slices.ContainsFunc(o.Diffs, func(d Diff) bool { return d.What != "si" && d.What != "di" && d.What != "cx" })
		}},
	{"pop", "the 286 has moved SP when the store of POP to memory faults",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			_, op := split(t.Bytes)
			return op == 0x8f && t.Exception != nil && t.Exception.Vector == 13 && o.Fault == 13 &&
				slices.ContainsFunc(o.Diffs, func(d Diff) bool { return d.What == "sp" && d.Want == d.Got+2 })
		}},
	{"fsgs", "the 386 has segment registers FS and GS: MOV names them where the 286 raises #UD",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			p, op := split(t.Bytes)
			modrm := t.Bytes[len(p)+1]
			return (op == 0x8c || op == 0x8e) && modrm>>3&6 == 4 && t.Exception != nil && t.Exception.Vector == 6
		}},
}

// Rules80386 are the differences of later processors from the 80386.
var Rules80386 = []Rule{
	{"msw", "bits of CR0 that are reserved on the 386 read as ones there",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			f := form(t)
			return o.resultOnly() && f != nil && (f.Mnemonic == "SMSW" || f.Mnemonic == "MOV" && strings.HasSuffix(f.Args, ",Cy"))
		}},
	{"test", "the test registers went after the 486: MOV to and from them is #UD",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			p, op := split(t.Bytes)
			return op == 0x0f && len(t.Bytes) > len(p)+1 && t.Bytes[len(p)+1]&^2 == 0x24 && o.Fault == 6
		}},
	{"shld", "SHLD and SHRD of 16 bits by more than 16 leave the result and the flags undefined",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			f := form(t)
			if f == nil || f.Mnemonic != "SHLD" && f.Mnemonic != "SHRD" || slices.Contains(prefixes(t), 0x66) {
				return false
			}
			count := t.Initial.Regs[moo.CX]
			if strings.HasSuffix(f.Args, ",Ib") {
				count = uint32(t.Bytes[len(t.Bytes)-2]) // ahead of the HLT
			}
			return count&31 > 16 && o.resultOnly("eflags")
		}},
	{"bsf", "BSF and BSR of 0 leave the destination undefined",
		func(_ *Runner, t *moo.Test, _ *Defined, o *Outcome) bool {
			f := form(t)
			return o.resultOnly() && f != nil && (f.Mnemonic == "BSF" || f.Mnemonic == "BSR") && final(t, moo.Flags)>>6&1 != 0
		}},
}

// RulesFor are the rules for a capture of a processor, by the name that its file has; a file
// in JSON has none, but a 386's registers if it is one.
func RulesFor(name string, wide bool) ([]Rule, error) {
	switch name {
	case "286", "80286", "C286":
		return Rules80286, nil
	case "386", "80386", "386E":
		return Rules80386, nil
	case "":
		if wide {
			return Rules80386, nil
		}
		return Rules80286, nil
	}
	return nil, fmt.Errorf("vectors of a %s: those of the 80286 and the 80386 can be judged", name)
}

// resultOnly reports that the test came to its end without an exception, and differs in general
// registers, memory and the other registers named alone.
func (o *Outcome) resultOnly(others ...string) bool {
	return !o.Endless && o.Fault < 0 && !slices.ContainsFunc(o.Diffs, func(d Diff) bool {
		reg := slices.Index(moo.RegNames32[:], d.What)
		_, general := gprs[reg]
		return reg >= 0 && !general && !slices.Contains(others, d.What)
	})
}

// form is the instruction table's row of the instruction under test, nil if it has none.
func form(t *moo.Test) *isa.Form {
	var in isa.Inst
	if isa.Decode(t.Bytes, 16, &in) != nil {
		return nil
	}
	return &isa.Forms[in.Form]
}

func prefixes(t *moo.Test) []byte {
	p, _ := split(t.Bytes)
	return p
}

// stackFault reports whether #SS was raised where the capture has vector 13.
func stackFault(t *moo.Test, o *Outcome) bool {
	return o.Fault == 12 && t.Exception != nil && t.Exception.Vector == 13
}

// again runs t with vector 12 leading to where vector 13 does.
func (r *Runner) again(t *moo.Test, defined *Defined) *Outcome {
	o := r.Run(t, defined, true)
	return &o
}

// split separates the prefixes of an instruction from its first opcode byte.
func split(code []byte) (prefixes []byte, opcode byte) {
	for i, b := range code {
		switch b {
		case 0x26, 0x2e, 0x36, 0x3e, 0xf0, 0xf2, 0xf3:
		case 0x64, 0x65, 0x66, 0x67: // the 286 has no such prefixes, nor instructions
		default:
			return code[:i], b
		}
	}
	return code, 0
}

// rotations by an immediate of more than 1 leave OF undefined, which the
// metadata does not say of C0.2 and C0.3.
func immediateRotate(file string) bool {
	name := filepath.Base(file)
	return strings.HasPrefix(name, "C0.2.") || strings.HasPrefix(name, "C0.3.")
}

// Defined are the masks of what is defined after test t of a file: those of the file and
// of the test, or for flags the folder's. A 386's that have neither get the instruction table's.
func (m *Metadata) Defined(file string, set *moo.File, t *moo.Test) *Defined {
	d := &Defined{}
	for i := range d {
		d[i] = 0xffffffff
	}
	d[moo.Flags] &= 0xffff0000 | uint32(m.FlagsMask(file))
	if immediateRotate(file) && t.Bytes[len(t.Bytes)-2]&31 > 1 {
		d[moo.Flags] &^= 1 << 11
	}
	d.define(set.Defined)
	d.define(t.Defined)
	if f := form(t); t.Initial.Wide && len(m.Opcodes) == 0 && set.Defined == nil && t.Defined == nil && f != nil {
		d[moo.Flags] &^= f.Flags.Undefined
	}
	return d
}

// ReadRevoked reads the hashes of withdrawn tests.
func ReadRevoked(dir string) (map[string]bool, error) {
	f, err := os.Open(filepath.Join(dir, "revocation_list.txt"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := map[string]bool{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		if l := strings.TrimSpace(s.Text()); l != "" && l[0] != '#' {
			m[strings.ToLower(l)] = true
		}
	}
	return m, s.Err()
}

// Count is the result of one or more files.
type Count struct {
	Tests, Passed, Revoked int
	Skipped                map[string]int // by rule
	Failed                 []string       // the first few, in words
	Failures               int
}

// maxTold is how many failures of a file are told in words.
const maxTold = 3

// RunFile runs all tests of a file.
func (r *Runner) RunFile(path string, meta *Metadata, revoked map[string]bool, rules []Rule) (Count, error) {
	n := Count{Skipped: map[string]int{}}
	f, err := moo.Open(path)
	if err != nil {
		return n, err
	}
	for i := range f.Tests {
		t := &f.Tests[i]
		n.Tests++
		if revoked[t.Hash] {
			n.Revoked++
			continue
		}
		defined := meta.Defined(path, f, t)
		o := r.Run(t, defined, false)
		if o.Pass() {
			n.Passed++
			if r.OnPass != nil {
				r.OnPass(t)
			}
			continue
		}
		rule := slices.IndexFunc(rules, func(x Rule) bool { return x.Skip(r, t, defined, &o) })
		if rule >= 0 {
			n.Skipped[rules[rule].Name]++
			continue
		}
		n.Failures++
		if len(n.Failed) < maxTold {
			n.Failed = append(n.Failed, fmt.Sprintf("%s #%d %s (% x): %v", filepath.Base(path), i, t.Name, t.Bytes, &o))
		}
	}
	return n, nil
}

// Add adds the counts of another file.
func (n *Count) Add(m Count) {
	n.Tests, n.Passed, n.Revoked, n.Failures = n.Tests+m.Tests, n.Passed+m.Passed, n.Revoked+m.Revoked, n.Failures+m.Failures
	n.Failed = append(n.Failed, m.Failed...)
	for k, v := range m.Skipped {
		n.Skipped[k] += v
	}
}
