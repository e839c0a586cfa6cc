//go:build linux && amd64

package jit

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/cpu/isa"
)

var update = flag.Bool("update", false, "write testdata anew from what is emitted")

// TestHostCode shows the host code of small loops as testdata/*.txt have it
// (-update writes them), and that it has the shape it should have: what a file has to
// hold and must not hold is said here.
func TestHostCode(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	defer func(of, gs bool, checks Checks) { hostStepsOF, hostFSGSBASE, hostChecks = of, gs, checks }(hostStepsOF, hostFSGSBASE, hostChecks)
	hostStepsOF = true // the same on every maker's processors
	for _, tc := range []struct {
		name    string
		mode    isa.Mode
		code    []byte
		lookups int // TLB searches
		checks  Checks
		window  uint64 // not 0: it uses one, and is here
	}{
		// 1: add rax,rbx; dec rdx; jnz 1b
		{"add", 64, []byte{0x48, 0x01, 0xd8, 0x48, 0xff, 0xca, 0x75, 0xf8}, 0, ChecksLoop, 0},
		// 1: add eax,[esi]; add esi,4; cmp esi,edi; jne 1b
		{"sum32", 32, []byte{0x03, 0x06, 0x83, 0xc6, 0x04, 0x39, 0xfe, 0x75, 0xf7}, 1, ChecksLoop, 0},
		// 1: mov al,[rsi]; mov [rdi],al; inc rsi; inc rdi; test al,al; jnz 1b
		{"copy", 64, []byte{0x8a, 0x06, 0x88, 0x07, 0x48, 0xff, 0xc6, 0x48, 0xff, 0xc7, 0x84, 0xc0, 0x75, 0xf2}, 2, ChecksLoop, 0},
		// 1: shl rax,3; xor rax,rbx; rol rax,7; adc rdx,0; sub rsi,1; jnz 1b
		{"bits", 64, []byte{0x48, 0xc1, 0xe0, 0x03, 0x48, 0x31, 0xd8, 0x48, 0xc1, 0xc0, 0x07, 0x48, 0x83, 0xd2, 0x00, 0x48, 0x83, 0xee, 0x01, 0x75, 0xeb}, 0, ChecksLoop, 0},
		// push rbx; mov rbx,rax; call +5
		{"call", 64, []byte{0x53, 0x48, 0x89, 0xc3, 0xe8, 0x05, 0, 0, 0}, 0, ChecksLoop, 0},
		// push rbp; push rbx; push rsi; mov rax,[rdi+8]; add rax,[rdi+16]; mov [rdi+24],rax; movups xmm0,[rdi+32]; ret
		{"fields", 64, []byte{0x55, 0x53, 0x56, 0x48, 0x8b, 0x47, 0x08, 0x48, 0x03, 0x47, 0x10, 0x48, 0x89, 0x47, 0x18, 0x0f, 0x10, 0x47, 0x20, 0xc3}, 2, ChecksLoop, 0},
		// pop rbx; ret
		{"ret", 64, []byte{0x5b, 0xc3}, 0, ChecksLoop, 0},
		// 1: movsd xmm0,[rsi]; mulsd xmm0,xmm1; addsd xmm2,xmm0; add rsi,8; dec rdx; jnz 1b
		{"sse", 64, []byte{0xf2, 0x0f, 0x10, 0x06, 0xf2, 0x0f, 0x59, 0xc1, 0xf2, 0x0f, 0x58, 0xd0, 0x48, 0x83, 0xc6, 0x08, 0x48, 0xff, 0xca, 0x75, 0xeb}, 1, ChecksLoop, 0},
		// 1: fld qword [esi]; fmul st0,st1; faddp st2; add esi,8; dec edx; jnz 1b
		{"x87", 32, []byte{0xdd, 0x06, 0xd8, 0xc9, 0xde, 0xc2, 0x83, 0xc6, 0x08, 0x4a, 0x75, 0xf4}, 1, ChecksLoop, 0},
		// The same on other makers' processors: sum32, and pop rbx; ret
		{"sum32-sign", 32, []byte{0x03, 0x06, 0x83, 0xc6, 0x04, 0x39, 0xfe, 0x75, 0xf7}, 1, ChecksSign, 0},
		{"ret-sign", 64, []byte{0x5b, 0xc3}, 0, ChecksSign, 0},
		// rep stosd
		{"stos", 32, []byte{0xf3, 0xab}, 1, ChecksLoop, 0},
		// With windows: sum32, copy and fields
		{"sum32-window", 32, []byte{0x03, 0x06, 0x83, 0xc6, 0x04, 0x39, 0xfe, 0x75, 0xf7}, 0, ChecksLoop, 0x401000},
		{"copy-window", 64, []byte{0x8a, 0x06, 0x88, 0x07, 0x48, 0xff, 0xc6, 0x48, 0xff, 0xc7, 0x84, 0xc0, 0x75, 0xf2}, 0, ChecksLoop, 0x401000},
		{"fields-window", 64, []byte{0x55, 0x53, 0x56, 0x48, 0x8b, 0x47, 0x08, 0x48, 0x03, 0x47, 0x10, 0x48, 0x89, 0x47, 0x18, 0x0f, 0x10, 0x47, 0x20, 0xc3}, 0, ChecksLoop, 0x7f0000401000},
		// 1: movaps xmm0,[rsi]; addps xmm0,xmm1; movaps [rsi],xmm0; add rsi,16; dec rdx; jnz 1b: the host looks at the alignment
		{"sse-window", 64, []byte{0x0f, 0x28, 0x06, 0x0f, 0x58, 0xc1, 0x0f, 0x29, 0x06, 0x48, 0x83, 0xc6, 0x10, 0x48, 0xff, 0xca, 0x75, 0xee}, 0, ChecksLoop, 0x401000},
		// 1: imul rdx,rax; shr rdx,35; dec rcx; jnz 1b: IMUL's flags are nobody's
		{"imul-shr", 64, []byte{0x48, 0x0f, 0xaf, 0xd0, 0x48, 0xc1, 0xea, 0x23, 0x48, 0xff, 0xc9, 0x75, 0xf3}, 0, ChecksLoop, 0},
		{"push-window", 64, []byte{0x48, 0x8b, 0x05, 0, 1, 0, 0, 0x50}, 0, ChecksLoop, 0x401000}, // mov rax,[rip+100h]; push rax
		{"push-memory-window", 64, []byte{0xff, 0x35, 0, 1, 0, 0}, 0, ChecksLoop, 0x401000},      // push [rip+100h]: RSP is checked
	} {
		t.Run(tc.name, func(t *testing.T) {
			hostChecks, hostFSGSBASE = tc.checks, true // it is not run
			m, err := cpu.NewModel("max")
			require.NoError(t, err)
			at := uint64(0x401000)
			if tc.window != 0 {
				at = tc.window
			}
			text, err := Explain(tc.code, at, tc.mode, m, tc.window != 0)
			require.NoError(t, err)
			got := golden(text)
			path := filepath.Join("testdata", tc.name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "make it with -update")
			require.Equal(t, string(want), got)

			inline, _, _ := strings.Cut(got, "out of line:")
			require.NotContains(t, inline, "lahf", "the flags stay in the host's")
			require.NotContains(t, inline, "interpreter's):")
			require.Equal(t, tc.lookups, strings.Count(inline, "tlb.read+")+strings.Count(inline, "tlb.write+"))
		})
	}
}

var places = regexp.MustCompile(`(?m)^    [0-9a-f]{7}  [0-9a-f]+ +`)

// golden is the host code without addresses and bytes, which change with every field of
// the processor.
func golden(text string) string {
	_, code, _ := strings.Cut(text, "host code, ")
	_, code, _ = strings.Cut(code, "\n")
	code = places.ReplaceAllString(code, "    ")
	return jumps.ReplaceAllString(code, "$1 .")
}

var jumps = regexp.MustCompile(`(?m)(j[a-z]+|loop|call) 0x[0-9a-f]+$`)
