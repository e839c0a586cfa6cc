package silicon

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"g86/cpu/isa"
)

// A record holds what a host's processor did, so that hosts of other
// architectures test against silicon too. Cases come from a seed, so a record
// needs no more than a digest of each outcome: a line for each form, its name,
// a tab, and the digests of cases 0, 1, ... in hexadecimal, "-" where none was
// made.

// recordSeed is the seed of records, recordBase the arena's address.
const (
	recordSeed = 0x86
	recordBase = 0x50000000
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// digest sums up everything that is compared of an outcome.
func digest(o *Outcome, m Machine, f *Form, k *testCase) uint32 {
	le := binary.LittleEndian
	n := 16
	mask := ^uint64(0)
	if f.bits == 32 {
		n, mask = 8, 0xffffffff
	}
	words := []uint64{uint64(o.Vector), 0, 0, o.RIP & mask, o.Flags & f.flags(o.Vector)}
	if pushesCode(o.Vector) {
		words[1] = uint64(o.Code)
	}
	if o.Vector == 14 {
		words[2] = o.CR2
		if k.loose.page {
			words[2] &^= pageSize - 1
		}
	}
	for _, v := range o.GPR[:n] {
		words = append(words, v&mask)
	}
	var b []byte
	for _, v := range words {
		b = le.AppendUint64(b, v)
	}
	fx := o.FX
	clear(fx[5:fxMXCSR])
	clear(fx[fxMask:fxST])
	sw := le.Uint16(o.FX[fxSW:]) &^ k.loose.sw
	if k.loose.stack && o.Vector != None {
		sw &^= 0x3800
		clear(fx[fxTag:fxMXCSR])
		clear(fx[fxST:fxXMM])
	}
	le.PutUint16(fx[fxSW:], sw)
	for i := range 8 { // what lies between the registers
		clear(fx[fxST+16*i+10 : fxST+16*i+16])
	}
	sum := crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, fx[:fxXMM+16*n])
	k.blank(m, recordBase)
	for _, w := range windows {
		sum = crc32.Update(sum, castagnoli, m.Mem()[w.off:w.off+w.size])
	}
	return sum
}

// Record writes what the host does in so many cases of each form.
func Record(w io.Writer, host Oracle, rounds uint64) error {
	if host.Base() != recordBase {
		return fmt.Errorf("the arena is at %#x, and records need it at %#x: try again", host.Base(), recordBase)
	}
	c := New(host, discard{make([]byte, arenaSize)}, recordSeed, func(string) bool { return true })
	for _, f := range c.Forms {
		line := []string{}
		for n := range rounds {
			k, ok := c.prepare(f, n)
			if !ok {
				line = append(line, "-")
				continue
			}
			o := host.Step(&k.state, f.bits)
			line = append(line, fmt.Sprintf("%08x", digest(&o, host, f, &k)))
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", f.Name, strings.Join(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// discard is the other side while only the host runs.
type discard struct{ mem []byte }

func (discard) Step(*State, int) (o Outcome) { return o }
func (d discard) Mem() []byte                { return d.mem }
func (discard) Written(int, int)             {}

// Replay runs a record's cases on guest, whose arena must be at recordBase. It
// returns a line for each case that went otherwise than on the host, and for
// each form that the record or the table lacks.
func Replay(r io.Reader, guest Machine) (cases int, failures []string, err error) {
	c := &Comparison{LeftOut: map[string]int{}, Refused: map[string]int{}, guest: guest, base: recordBase, seed: recordSeed}
	c.list(func(isa.Feature) bool { return true }, func(string) bool { return true })
	forms := map[string]*Form{}
	for _, f := range c.Forms {
		forms[f.Name] = f
	}
	s := bufio.NewScanner(r)
	for s.Scan() {
		name, sums, ok := strings.Cut(s.Text(), "\t")
		if !ok {
			return cases, failures, fmt.Errorf("not a line of a record: %q", s.Text())
		}
		f := forms[name]
		if f == nil {
			failures = append(failures, name+": recorded, but not in the table")
			continue
		}
		delete(forms, name)
		for n, sum := range strings.Fields(sums) {
			k, ok := c.prepare(f, uint64(n))
			if !ok || sum == "-" {
				if ok || sum != "-" {
					failures = append(failures, fmt.Sprintf("%s: case %d is not the recorded one", name, n))
				}
				continue
			}
			want, err := strconv.ParseUint(sum, 16, 32)
			if err != nil {
				return cases, failures, fmt.Errorf("%s: %q is no digest", name, sum)
			}
			cases++
			o := guest.Step(&k.state, f.bits)
			if digest(&o, guest, f, &k) != uint32(want) {
				failures = append(failures, fmt.Sprintf("%s: case %d: %s (% x): %s, otherwise than recorded", name, n,
					isa.Disasm(&k.in, k.state.RIP, isa.Mode(f.bits)), k.code, vectorName(&o)))
			}
		}
	}
	for name := range forms {
		failures = append(failures, name+": in the table, but not recorded")
	}
	return cases, failures, s.Err()
}
