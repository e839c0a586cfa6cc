package proof

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu/isa"
	"g86/jit"
)

func load(t *testing.T) Counts {
	c, err := Load(File)
	require.NoError(t, err)
	return c
}

// TestEveryFormIsProven: each row of the instruction table was judged by something that
// is not us.
func TestEveryFormIsProven(t *testing.T) {
	c := load(t)
	names := map[string]bool{}
	for i := 1; i < len(isa.Forms); i++ {
		name := Name(&isa.Forms[i])
		require.False(t, names[name], "two rows are called %s", name)
		names[name] = true
		require.True(t, c[name].Any(), "no proof of %s: add it to a kernel of tests/kernels, or a case to tests/conform/silicon; then go run ./tests/proof/record", name)
	}
	for name := range c {
		require.True(t, names[name], "%s is proven and not in the table: go run ./tests/proof/record", name)
	}
}

// TestProofIsTrue: what was recorded of kernels and the translator is what comes of them.
func TestProofIsTrue(t *testing.T) {
	c, now := load(t), Counts{}
	require.NoError(t, now.Kernels("../kernels"))
	for i := 1; i < len(isa.Forms); i++ {
		name := Name(&isa.Forms[i])
		require.Equal(t, now[name].Kernels, c[name].Kernels, "%s: go run ./tests/proof/record", name)
	}
	if err := jit.Supported(); err != nil {
		t.Skip("no translator: ", err)
	}
	now.Translator()
	for i := 1; i < len(isa.Forms); i++ {
		switch f := &isa.Forms[i]; f.Feature {
		case isa.AES, isa.PCLMUL, isa.SHA: // where the host has it
		default:
			require.Equal(t, now[Name(f)].Translated, c[Name(f)].Translated, "%s: go run ./tests/proof/record", Name(f))
		}
	}
}

// TestListingIsFresh: docs/ISA.md is what table and proof give.
func TestListingIsFresh(t *testing.T) {
	b, err := os.ReadFile("../../docs/ISA.md")
	require.NoError(t, err)
	require.Equal(t, load(t).Markdown(), string(b), "make generate")
}
