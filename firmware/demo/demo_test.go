package demo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/firmware/demo"
	"g86/firmware/direct"
	"g86/firmware/direct/directtest"
	"g86/firmware/multiboot"
)

func TestBinaryIsWhatTheSourceGives(t *testing.T) {
	nasm, err := exec.LookPath("nasm")
	if err != nil {
		t.Skip("nasm is not installed: the demonstration guest is not rebuilt")
	}
	out := filepath.Join(t.TempDir(), "demo.bin")
	msg, err := exec.Command(nasm, "-Werror", "-f", "bin", "-o", out, "demo.asm").CombinedOutput()
	require.NoError(t, err, string(msg))
	built, err := os.ReadFile(out)
	require.NoError(t, err)
	require.True(t, string(built) == string(demo.Kernel), "demo.bin is not what demo.asm gives: run `make demo`")
}

func TestLoadsAsMultiboot(t *testing.T) {
	k, err := multiboot.Parse(demo.Name, demo.Kernel)
	require.NoError(t, err)
	ram := make(directtest.RAM, 4<<20)
	e, err := k.Load(ram, multiboot.Params{E820: directtest.E820(4 << 20)})
	require.NoError(t, err)
	require.Equal(t, direct.Prot32, e.Mode)
	require.Equal(t, demo.Kernel, []byte(ram[0x100000:0x100000+len(demo.Kernel)]))
}

// story is what the guest must tell, in this order.
var story = []string{
	"I am a monitor in ring 0.",
	"IN from port 03FDh in ring 1",
	"CLI in ring 1",
	"LGDT, base",
	"LIDT, base",
	"LTR 0028",
	"MOV to CR3 of 00009000",
	"MOV to CR0 of 80010013",
	"kernel> SGDT:",
	"kernel> STR: I loaded the task register with 0028: 00000090",
	"kernel> SMSW: I set MP (2h) in CR0; here it is clear: 00000011",
	"kernel> PUSH CS: I jumped to 0008, so ring 0; it says ring 1: 00000009",
	"kernel> PUSHF: I cleared IF (200h) with CLI; it is set: 000002",
	"kernel> POPF: I clear IF again, it stays set and nothing faults: 000002",
	"kernel> LAR 0008: ring 0 would be 9A00; it says ring 1, BA00: 0040BA00",
	"kernel> VERR 0023: ring 3 can read that segment (1); it says no (0): 00000000",
	"STI in ring 1",
	"HLT in ring 1",
	"kernel> Tick",
	"IRET in ring 1, to what the kernel calls ring 3",
	"INT 80h in ring 2",
	"app>    Hello from the application",
	"where I was promised 1B, ring 3: 0000001A",
	"a privileged instruction in ring 2",
	"kernel> The application broke the rules.",
	demo.Goodbye,
}

// TestPeer runs the guest on another implementation of the PC.
func TestPeer(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-i386")
	if err != nil {
		t.Skip("qemu-system-i386 is not installed: no peer to run the demonstration guest on")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, qemu, "-kernel", "demo.bin", "-m", "16", "-display", "none", "-serial", "stdio", "-no-reboot").Output()
	require.NoError(t, err, "it powers off by itself")
	rest := string(out)
	for _, line := range strings.Split(rest, "\r\n") {
		require.Less(t, len(line), 80, "wider than the screen: %q", line)
	}
	for _, line := range story {
		_, after, found := strings.Cut(rest, line)
		require.True(t, found, "not told, or not in this place: %q", line)
		rest = after
	}
}
