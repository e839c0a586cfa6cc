// Package proof counts, for each form of the instruction table, what has shown that it
// is right: cases compared with the host's own processor, vectors captured from
// hardware, and executions in test kernels that check what comes of them. docs/ISA.md
// is made of it, and a form without proof fails the tests.
package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit"
	"g86/machine"
	"g86/tests/conform/silicon"
	"g86/tests/moo"
	"g86/tests/vectors"
)

// Count is the proof of a form.
type Count struct {
	Host    int `json:"host,omitempty"`    // cases that the host's processor agreed with
	Vectors int `json:"vectors,omitempty"` // captured vectors that passed
	JIT     int `json:"jit,omitempty"`     // those of them that the translator ran
	Kernels int `json:"kernels,omitempty"` // executions in test kernels
	// Translated tells that the translator makes host code of it.
	Translated bool `json:"translated,omitempty"`
}

// Any reports whether there is any proof.
func (c Count) Any() bool { return c.Host+c.Vectors+c.Kernels > 0 }

// Counts are by the name of the form, see Name.
type Counts map[string]Count

// Name is the name of a form, the same as long as its row is.
func Name(f *isa.Form) string {
	return fmt.Sprintf("%s [%s] %s", strings.TrimSpace(f.Mnemonic+" "+f.Args), f.Enc, f.Feature)
}

// File is where counts are kept, beside this package's source.
const File = "proof.json"

// Load reads counts.
func Load(path string) (Counts, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := Counts{}
	return c, json.Unmarshal(b, &c)
}

// Save writes counts, one a line.
func (c Counts) Save(path string) error {
	var b bytes.Buffer
	b.WriteString("{\n")
	first := true
	for i := 1; i < len(isa.Forms); i++ {
		name := Name(&isa.Forms[i])
		n, ok := c[name]
		if !ok {
			continue
		}
		if !first {
			b.WriteString(",\n")
		}
		first = false
		k, err := json.Marshal(name)
		if err != nil {
			return err
		}
		v, err := json.Marshal(n)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s: %s", k, v)
	}
	b.WriteString("\n}\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func (c Counts) add(id isa.ID, n Count) {
	name := Name(&isa.Forms[id])
	o := c[name]
	c[name] = Count{o.Host + n.Host, o.Vectors + n.Vectors, o.JIT + n.JIT, o.Kernels + n.Kernels, o.Translated || n.Translated}
}

// Translator notes which forms the translator has.
func (c Counts) Translator() {
	for i := 1; i < len(isa.Forms); i++ {
		if id := isa.ID(i); jit.Translates(id) {
			c.add(id, Count{Translated: true})
		}
	}
}

// Host compares each form with this computer's processor, rounds times in code of each
// size, under the interpreter and again under the translator.
func (c Counts) Host(rounds int) error {
	h, err := silicon.Open()
	if err != nil {
		return err
	}
	defer h.Close()
	for _, translated := range []bool{false, true} {
		build := silicon.NewGuest
		if translated {
			build = silicon.NewTranslated
		}
		g, err := build("max", h.Base())
		if err != nil {
			return err
		}
		cmp := silicon.New(h, g, 1, func(string) bool { return true })
		if translated {
			cmp.KeepTranslated()
		}
		for range rounds {
			cmp.Round()
		}
		for _, f := range cmp.Forms {
			switch {
			case f.Failures != 0:
				return fmt.Errorf("%s: %s", f.Name, f.First)
			case translated:
				c.add(f.ID(), Count{JIT: f.Runs})
			default:
				c.add(f.ID(), Count{Host: f.Runs})
			}
		}
		if err := g.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Kernels runs the test kernels under the interpreter and counts what they execute. A
// kernel must end well.
func (c Counts) Kernels(dir string) error {
	for _, k := range []struct {
		name, model string
	}{{"system", "max"}, {"engines", "max"}, {"relay", "max"}, {"forms", "max"}, {"paging", "max"}} {
		var out bytes.Buffer
		cfg := machine.Config{Kernel: filepath.Join(dir, k.name+".bin"), Accel: "interp", Model: k.model, Memory: 64 << 20,
			ClockMode: "warp", DebugExitPort: 0xf4, NoReboot: true}
		cfg.Serial[0].Out = &out
		m, err := machine.New(cfg)
		if err != nil {
			return err
		}
		executed := make([]int, len(isa.Forms))
		m.CPU(0).Trace = func(_ *cpu.CPU, in *cpu.Op) { executed[in.Form]++ }
		r, ended := m.RunUntil(1_000_000_000)
		if err := m.Close(); err != nil {
			return err
		}
		if !ended || r.Status != 1 || bytes.Contains(out.Bytes(), []byte("FAIL")) {
			return fmt.Errorf("kernel %s did not pass: %s\n%s", k.name, r.Reason, out.String())
		}
		for id, n := range executed {
			if n > 0 {
				c.add(isa.ID(id), Count{Kernels: n})
			}
		}
	}
	return nil
}

// Vectors runs the captures of an 80286 in a folder and counts those that pass by the
// form of their instruction.
func (c Counts) Vectors(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.MOO.gz"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no vectors in %s", dir)
	}
	meta, err := vectors.ReadMetadata(dir)
	if err != nil {
		return err
	}
	revoked, err := vectors.ReadRevoked(dir)
	if err != nil {
		return err
	}
	r, err := vectors.NewRunner("max")
	if err != nil {
		return err
	}
	r.OnPass = func(t *moo.Test) {
		var in isa.Inst
		if isa.Decode(t.Bytes, 16, &in) == nil {
			c.add(in.Form, Count{Vectors: 1})
		}
	}
	for _, path := range files {
		if _, err := r.RunFile(path, meta, revoked, vectors.Rules80286); err != nil {
			return err
		}
	}
	return nil
}
