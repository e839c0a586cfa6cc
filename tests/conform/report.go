// Package conform runs conformance suites on g86's engines: captured vectors,
// test kernels, test ROMs, and the host's own processor as the oracle. It is the
// library behind `g86 test`.
package conform

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// Result is what came of one unit of a suite: a file of vectors, a kernel, a
// form of the instruction table.
type Result struct {
	Name    string         `json:"name"`
	Accel   string         `json:"accel"`
	Passed  int            `json:"passed"`
	Failed  int            `json:"failed"`
	Skipped map[string]int `json:"skipped,omitempty"` // by reason
	Details []string       `json:"details,omitempty"` // of the first failures
	Output  string         `json:"output,omitempty"`  // what a guest said
	Seconds float64        `json:"seconds"`

	unfit error // why its file could not be run at all
}

func (r *Result) skip(reason string, n int) {
	if n == 0 {
		return
	}
	if r.Skipped == nil {
		r.Skipped = map[string]int{}
	}
	r.Skipped[reason] += n
}

func (r *Result) skips() (n int) {
	for _, k := range r.Skipped {
		n += k
	}
	return n
}

// Report is what came of a suite.
type Report struct {
	Suite   string         `json:"suite"`
	Results []Result       `json:"results"`
	Passed  int            `json:"passed"`
	Failed  int            `json:"failed"`
	Skipped map[string]int `json:"skipped"`
	Notes   []string       `json:"notes,omitempty"`
	Seconds float64        `json:"seconds"`
}

// finish sums up and puts the results in order.
func (r *Report) finish(start time.Time) *Report {
	sort.SliceStable(r.Results, func(i, j int) bool {
		a, b := &r.Results[i], &r.Results[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.Accel < b.Accel
	})
	r.Passed, r.Failed = 0, 0
	if r.Skipped == nil {
		r.Skipped = map[string]int{}
	}
	for i := range r.Results {
		x := &r.Results[i]
		r.Passed += x.Passed
		r.Failed += x.Failed
		for why, n := range x.Skipped {
			r.Skipped[why] += n
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

// unfit is why none of the files could be run, or nil.
func (r *Report) unfit() error {
	for i := range r.Results {
		if r.Results[i].unfit == nil {
			return nil
		}
	}
	if len(r.Results) == 0 {
		return nil
	}
	return r.Results[0].unfit
}

// Ran reports whether anything was decided.
func (r *Report) Ran() bool { return r.Passed+r.Failed > 0 }

// maxShown is how many failures the summary tells.
const maxShown = 20

// WriteText prints the first failures and the summary table.
func (r *Report) WriteText(w io.Writer) {
	shown := 0
	for i := range r.Results {
		x := &r.Results[i]
		if x.Failed == 0 {
			continue
		}
		if shown++; shown > maxShown {
			continue
		}
		fmt.Fprintf(w, "FAIL %s (%s): %d of %d\n", x.Name, x.Accel, x.Failed, x.Failed+x.Passed)
		for _, d := range x.Details {
			fmt.Fprintf(w, "     %s\n", strings.ReplaceAll(strings.TrimRight(d, "\n"), "\n", "\n     "))
		}
	}
	if shown > maxShown {
		fmt.Fprintf(w, "FAIL %d more; --json and --junit have them all\n", shown-maxShown)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	fmt.Fprintf(w, "%9d  passed\n%9d  failed\n", r.Passed, r.Failed)
	for _, why := range sortedKeys(r.Skipped) {
		fmt.Fprintf(w, "%9d  skipped: %s\n", r.Skipped[why], why)
	}
	fmt.Fprintf(w, "%s: %d in %.1f s\n", r.Suite, r.Passed+r.Failed, r.Seconds)
}

func sortedKeys(m map[string]int) []string {
	l := make([]string, 0, len(m))
	for k := range m {
		l = append(l, k)
	}
	sort.Strings(l)
	return l
}

// WriteJSON prints the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// The elements of a JUnit file as CI services read them.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit prints the report as JUnit XML: one test case for each result.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{Name: "g86 " + r.Suite, Tests: len(r.Results), Time: fmt.Sprintf("%.3f", r.Seconds)}
	for i := range r.Results {
		x := &r.Results[i]
		c := junitCase{Class: r.Suite + "." + x.Accel, Name: x.Name, Time: fmt.Sprintf("%.3f", x.Seconds), Output: printable(x.Output)}
		switch {
		case x.Failed > 0:
			s.Failures++
			c.Failure = &junitMessage{fmt.Sprintf("%d of %d failed", x.Failed, x.Failed+x.Passed), printable(strings.Join(x.Details, "\n"))}
		case x.Passed == 0 && x.skips() > 0:
			s.Skipped++
			c.Skipped = &junitMessage{Message: strings.Join(sortedKeys(x.Skipped), "; ")}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// printable drops the control characters that XML cannot hold.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}
