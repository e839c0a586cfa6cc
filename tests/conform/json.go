package conform

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"g86/tests/moo"
)

// The JSON form of the vectors: what the project's converter makes of a MOO
// file. An array of tests; registers by name, memory as [address, byte] pairs.
type jsonTest struct {
	Index     uint32     `json:"idx"`
	Name      string     `json:"name"`
	Bytes     []uint16   `json:"bytes"`
	Initial   *jsonState `json:"initial"`
	Final     *jsonState `json:"final"`
	Hash      string     `json:"hash"`
	Exception *struct {
		Number      uint8  `json:"number"`
		FlagAddress uint32 `json:"flag_address"`
	} `json:"exception"`
}

type jsonState struct {
	Regs map[string]uint32 `json:"regs"`
	RAM  [][2]uint32       `json:"ram"`
}

// maxJSON bounds a decompressed file.
const maxJSON = 1 << 30

// gunzip returns what is in b, gzipped or not.
func gunzip(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("damaged gzip: %w", err)
	}
	if b, err = io.ReadAll(io.LimitReader(z, maxJSON)); err != nil {
		return nil, fmt.Errorf("damaged gzip: %w", err)
	}
	return b, nil
}

// parseJSON reads tests. The form does not name the processor: its register
// names tell the generation.
func parseJSON(b []byte) (*moo.File, error) {
	var l []jsonTest
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("not vectors in JSON: %w", err)
	}
	f := &moo.File{}
	for i := range l {
		t, err := l[i].convert()
		if err != nil {
			return nil, fmt.Errorf("test %d: %w", i, err)
		}
		f.Tests = append(f.Tests, *t)
	}
	return f, nil
}

func (j *jsonTest) convert() (*moo.Test, error) {
	if j.Initial == nil || j.Final == nil || len(j.Bytes) == 0 {
		return nil, fmt.Errorf("it lacks \"bytes\", \"initial\" or \"final\"")
	}
	t := &moo.Test{Index: j.Index, Name: j.Name, Hash: j.Hash}
	for _, b := range j.Bytes {
		if b > 0xff {
			return nil, fmt.Errorf("%d among \"bytes\" is no byte", b)
		}
		t.Bytes = append(t.Bytes, byte(b))
	}
	const hlt = 0xf4
	if j.Exception == nil && t.Bytes[len(t.Bytes)-1] != hlt {
		return nil, fmt.Errorf("no HLT ends its code: vectors of the 8086 and its kin cannot be judged")
	}
	if j.Exception != nil {
		t.Exception = &moo.Exception{Vector: j.Exception.Number, FlagsAddr: j.Exception.FlagAddress}
	}
	var err error
	if t.Initial, err = j.Initial.convert(); err != nil {
		return nil, err
	}
	t.Final, err = j.Final.convert()
	return t, err
}

func (j *jsonState) convert() (s moo.State, err error) {
	names := slices.Clone(moo.RegNames[:])
	for name := range j.Regs {
		if slices.Contains(moo.RegNames32[:], name) && !slices.Contains(moo.RegNames[:], name) {
			s.Wide, names = true, moo.RegNames32[:]
		}
	}
	for name, v := range j.Regs {
		i := slices.Index(names, name)
		if i < 0 {
			return s, fmt.Errorf("register %q is none of an 80286 or an 80386", name)
		}
		if v > 0xffff && !s.Wide {
			return s, fmt.Errorf("register %s is %#x, which has no room in 16 bits", name, v)
		}
		s.Mask |= 1 << i
		s.Regs[i] = v
	}
	for _, c := range j.RAM {
		if c[1] > 0xff {
			return s, fmt.Errorf("%d at %#x is no byte", c[1], c[0])
		}
		s.RAM = append(s.RAM, moo.Cell{Addr: c[0], Data: byte(c[1])})
	}
	return s, nil
}
