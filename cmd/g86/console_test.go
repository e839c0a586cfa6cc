package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "  ": nil, "a b\tc": {"a", "b", "c"}, `type "two words\n"`: {"type", `two words\n`}, `x""y ""`: {"xy", ""},
	} {
		got, err := words(in)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", in)
	}
	_, err := words(`a "b`)
	require.Error(t, err)
}

func TestComplete(t *testing.T) {
	for in, want := range map[string]string{"scr": "screendump ", "info reg": "info registers ", "h": "help ", "s": "", "info zz": "", "": ""} {
		got, pos, ok := complete(in, len(in), '\t')
		require.Equal(t, want != "", ok, in)
		require.Equal(t, want, got)
		require.Equal(t, len(want), pos)
	}
	_, _, ok := complete("scr", 3, 'e')
	require.False(t, ok, "only Tab completes")
}

// A held pump keeps the newest output and lets it go at the end.
func TestPumpHold(t *testing.T) {
	var out bytes.Buffer
	p := newPump(&out, nil)
	p.hold(true)
	old, recent := strings.Repeat("o", heldLimit), strings.Repeat("n", heldLimit)
	for _, s := range []string{old, recent} {
		n, err := io.WriteString(p, s)
		require.NoError(t, err)
		require.Equal(t, len(s), n)
	}
	require.Zero(t, out.Len())
	p.close()
	require.Equal(t, recent, out.String())
	require.True(t, p.midLine())
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// The host's error is reported once; the writer is never held up by it.
func TestPumpFails(t *testing.T) {
	var got []error
	p := newPump(failing{errors.New("disk full")}, func(err error) { got = append(got, err) })
	for range 100 {
		_, err := p.Write(make([]byte, pumpLimit))
		require.NoError(t, err)
	}
	p.close()
	require.Equal(t, []error{errors.New("disk full")}, got)
}

func TestNotices(t *testing.T) {
	var out bytes.Buffer
	n := &notices{to: &out, held: true}
	log := slog.New(warnings{n})
	log.Warn("odd\nimage", "file", "x.img")
	log.Info("not shown")
	require.Zero(t, out.Len(), "the screen is the guest's")
	n.set(true, false)
	log.Error("disk gone")
	n.set(false, false)
	log.Error("again")
	require.Equal(t, "g86: warning: odd?image (file=x.img)\r\ng86: error: disk gone\r\ng86: error: again\n", out.String())
}
