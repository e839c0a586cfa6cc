package lockstep

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/jit"
	"g86/machine"
)

// adder adds up, draws a random number, keeps it and goes on adding up for ever.
var adder = []byte{
	0xb9, 0x40, 0x0d, 0x03, 0x00, // mov ecx,200000
	0x01, 0xc8, // 1: add eax,ecx
	0x49,       // dec ecx
	0x75, 0xfb, // jnz 1b
	0x0f, 0xc7, 0xf3, // rdrand ebx
	0x89, 0x1d, 0x00, 0x00, 0x20, 0x00, // mov [200000h],ebx
	0x01, 0xd8, // 2: add eax,ebx
	0xeb, 0xfc, // jmp 2b
}

// kernel is a Multiboot kernel at 1 MiB.
func kernel(t *testing.T, code []byte) string {
	const base = 0x100000
	head := make([]byte, 32)
	for i, v := range []uint32{0x1badb002, 1 << 16, 0xe4514ffe - 1<<16, base, base, 0, 0, base + 32} {
		binary.LittleEndian.PutUint32(head[4*i:], v)
	}
	binary.LittleEndian.PutUint32(head[8:], ^uint32(0x1badb002+1<<16)+1) // checksum
	path := filepath.Join(t.TempDir(), "kernel")
	require.NoError(t, os.WriteFile(path, append(head, code...), 0o600))
	return path
}

func config(t *testing.T) machine.Config {
	if err := jit.Supported(); err != nil {
		t.Skip(err)
	}
	return machine.Config{Memory: 4 << 20, Kernel: kernel(t, adder), NoReboot: true}
}

func TestEnginesAgree(t *testing.T) {
	said := 0
	r, err := Run(t.Context(), config(t), Options{Until: 3e6, Progress: func(string) { said++ }})
	require.NoError(t, err)
	require.Nil(t, r.Divergence)
	require.EqualValues(t, 3e6, r.Instructions)
	require.NotZero(t, said)
}

// TestAccessesOfOneSet: an instruction with two accesses that the TLB keeps in the same
// place gets on.
func TestAccessesOfOneSet(t *testing.T) {
	cfg := config(t)
	cfg.Memory = 300 << 20
	cfg.Kernel = kernel(t, []byte{
		0xbc, 0x08, 0x00, 0x80, 0x10, // mov esp,10800008h
		0xbb, 0x00, 0x00, 0x80, 0x00, // mov ebx,800000h
		0xc7, 0x03, 0x3c, 0x00, 0x10, 0x00, // mov dword [ebx],2f
		0x31, 0xc0, // xor eax,eax
		0xff, 0x13, // 1: call [ebx]
		0x40,                   // inc eax
		0xff, 0x33, 0x58, 0x50, // push dword [ebx]; pop eax; push eax
		0x58,       // pop eax
		0xeb, 0xf6, // jmp 1b
		0xc3, // 2: ret
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, cfg, Options{Until: 1e6})
	require.NoError(t, err)
	require.Nil(t, r.Divergence)
	require.EqualValues(t, 1e6, r.Instructions)
}

// TestDivergenceIsNarrowedDown: an engine that adds one to what RDRAND gave.
func TestDivergenceIsNarrowedDown(t *testing.T) {
	r, err := Run(t.Context(), config(t), Options{Until: 3e6, spoil: func(m *machine.Machine) {
		drawn := false
		m.CPU(0).Trace = func(c *cpu.CPU, in *cpu.Op) {
			if drawn {
				c.GPR[cpu.RBX]++
			}
			drawn = isa.Forms[in.Form].Mnemonic == "RDRAND"
		}
	}})
	require.NoError(t, err)
	d := r.Divergence
	require.NotNil(t, d)
	require.Equal(t, d.After+1, d.At)
	require.Equal(t, r.Instructions, d.After)
	require.Contains(t, d.Trace[len(d.Trace)-1], "mov dword ptr [0x200000], ebx")
	require.Contains(t, strings.Join(d.Differ, "\n"), "RBX")
	var text strings.Builder
	r.WriteText(&text)
	require.Contains(t, text.String(), "differ at")
}

func TestDisksAreNotWrittenTo(t *testing.T) {
	require.Equal(t, []string{"a,snapshot=on", "b,snapshot=on", "c,readonly=on"}, overlaid([]string{"a", "b,snapshot=on", "c,readonly=on"}))
}
