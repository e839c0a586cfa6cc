//go:build linux && amd64

package jit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu"
)

// TestTrial: all cases run to their end, on the interpreter and on the host.
func TestTrial(t *testing.T) {
	if err := hostLacks(); err != nil {
		t.Skip(err)
	}
	code, names := trialProgram()
	require.Len(t, names, len(trialCode)*len(trialValues)*len(trialFlags))
	require.Less(t, len(code), 1<<16)
	began := time.Now()
	err := Trial()
	t.Log(time.Since(began), err)
	if hostKnown() { // others may differ, and run the interpreter then
		require.NoError(t, err)
	}
}

// TestTrialNoticesOtherProcessors: a processor that leaves OF otherwise after shifts is found out.
func TestTrialNoticesOtherProcessors(t *testing.T) {
	if err := Trial(); err != nil {
		t.Skip(err)
	}
	code, names := trialProgram()
	run := func() string {
		var e *Engine
		got, err := trialRun(code, func(k *cpu.CodeCache) (err error) {
			e, err = attach(k, 0)
			return err
		})
		require.NoError(t, err)
		require.NoError(t, e.Close())
		return string(got)
	}
	was := hostStepsOF
	defer func() { hostStepsOF = was }()
	want := run()
	hostStepsOF = !was
	if got := run(); !was {
		require.NotEqual(t, want, got, "its single steps are needed")
	} else {
		require.Equal(t, want, got, "making them is never wrong")
	}
	require.True(t, strings.HasPrefix(names[0], "and eax, ecx with 0xdeadbeefcafe8001"), names[0])
}
