package tests

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"g86/machine"
	"g86/tests/guests"
)

// guest is a machine under test: it is driven by instruction counts, so a slow
// host changes nothing.
type guest struct {
	t      *testing.T
	m      *machine.Machine
	serial strings.Builder
	ended  *machine.Result
}

// step is how many instructions run between looks at the guest.
const step = 5_000_000

func boot(t *testing.T, c machine.Config) *guest {
	t.Helper()
	t.Parallel()
	g := &guest{t: t}
	c.Serial[0].Out = &g.serial
	c.RTC = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.ClockMode, c.NoReboot = "warp", true
	m, err := machine.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	g.m = m
	return g
}

// run runs until cond holds; it fails after limit million instructions or when
// the guest ends.
func (g *guest) run(limit uint64, what string, cond func() bool) {
	g.t.Helper()
	for end := g.m.Count() + limit*1_000_000; !cond(); {
		require.Less(g.t, g.m.Count(), end, "no %s after %d million instructions; %s", what, limit, g)
		r, ended := g.m.RunUntil(g.m.Count() + step)
		if ended {
			g.ended = &r
			require.True(g.t, cond(), "ended before %s: %+v; %s", what, r, g)
			return
		}
	}
}

func (g *guest) String() string {
	s := g.serial.String()
	return "screen:\n" + g.screen() + "\nserial:\n" + s[max(0, len(s)-1000):]
}

func (g *guest) screen() string {
	lines, _ := g.m.VGA().Text()
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (g *guest) waitSerial(limit uint64, text string) {
	g.t.Helper()
	g.run(limit, text, func() bool { return strings.Contains(g.serial.String(), text) })
}

func (g *guest) waitScreen(limit uint64, text string) {
	g.t.Helper()
	g.run(limit, text, func() bool { return strings.Contains(g.screen(), text) })
}

func (g *guest) waitEnd(limit uint64) machine.Result {
	g.t.Helper()
	g.run(limit, "end", func() bool { return g.ended != nil })
	return *g.ended
}

func (g *guest) command(s string) {
	g.serial.Reset()
	g.m.SerialInput(0, []byte(s+"\n"))
}

func cloud(t *testing.T, cpus int) *guest {
	t.Helper()
	g := boot(t, machine.Config{Kernel: guests.Need(t, "cloud-kernel"), Initrd: guests.Need(t, "busybox-initrd"),
		Append: "console=ttyS0 quiet", CPUs: cpus})
	g.waitSerial(4000, "g86# ")
	return g
}

func TestCloudKernelShell(t *testing.T) {
	g := cloud(t, 1)
	g.command("echo $((6*7)) $(uname -m)")
	g.waitSerial(200, "42 x86_64")
	g.command("poweroff -f")
	require.Equal(t, machine.Result{Reason: "power off"}, g.waitEnd(500))
}

func TestCloudKernelTwoProcessors(t *testing.T) {
	g := cloud(t, 2)
	g.command("echo there are $(nproc)")
	g.waitSerial(300, "there are 2")
	g.command("reboot -f")
	require.Equal(t, machine.Result{Reason: "reset"}, g.waitEnd(500))
}

func TestInstallers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the installers take minutes")
	}
	for _, arch := range []string{"amd64", "i386"} {
		t.Run(arch, func(t *testing.T) {
			g := boot(t, machine.Config{Kernel: guests.Need(t, "installer-"+arch+"-kernel"), Initrd: guests.Need(t, "installer-"+arch+"-initrd"),
				Append: "console=ttyS0 DEBIAN_FRONTEND=text"})
			g.waitSerial(40_000, "Select a language")
		})
	}
}

func TestGRUB(t *testing.T) {
	for _, image := range []string{"grub-floppy", "grub-cdrom", "grub-usb"} {
		for _, bios := range []string{"", "seabios", "seabios-128k"} {
			name := image + "/" + bios
			if bios == "" {
				name = image + "/embedded"
			}
			t.Run(name, func(t *testing.T) {
				c := machine.Config{Image: guests.Need(t, image)}
				if image != "grub-cdrom" { // several machines at once
					path := c.Image + ",snapshot=on"
					if c.Image = ""; image == "grub-floppy" {
						c.Floppies, c.Boot = []string{path}, "a"
					} else {
						c.Disks, c.Boot = []string{path}, "c"
					}
				}
				if bios != "" {
					c.BIOS = guests.Need(t, bios)
					c.VGABIOS = guests.Need(t, "vgabios-stdvga")
				}
				g := boot(t, c)
				g.waitScreen(1500, "GNU GRUB  version 2.06")
			})
		}
	}
}

// TestMemtest runs the first tests of memtest86+ to their end.
func TestMemtest(t *testing.T) {
	for _, c := range []machine.Config{{Image: "memtest-ia32-iso"}, {Image: "memtest-x64-iso"}, {Kernel: "memtest-ia32-bin"}, {Kernel: "memtest-x64-bin"}} {
		t.Run(c.Image+c.Kernel, func(t *testing.T) {
			c.Memory = 16 << 20
			if c.Image != "" {
				c.Image = guests.Need(t, c.Image)
			} else {
				c.Kernel = guests.Need(t, c.Kernel)
			}
			g := boot(t, c)
			g.waitScreen(8000, "Test #3")
			require.Contains(t, g.screen(), "Errors: 0")
		})
	}
}

// TestSoakMemtest runs a whole pass.
func TestSoakMemtest(t *testing.T) {
	needSoak(t)
	for _, image := range []string{"memtest-ia32-iso", "memtest-x64-iso"} {
		t.Run(image, func(t *testing.T) {
			g := boot(t, machine.Config{Image: guests.Need(t, image), Memory: 16 << 20})
			g.waitScreen(500_000, "Pass:  1")
			require.Contains(t, g.screen(), "Errors: 0")
		})
	}
}

func TestGNUMachBanner(t *testing.T) {
	g := boot(t, machine.Config{Kernel: guests.Need(t, "gnumach"), Append: "console=com0", Model: "pentium3"}) // its compiler was told i686
	g.waitSerial(500, "GNU Mach 1.8")
}

func needSoak(t *testing.T) {
	t.Helper()
	if os.Getenv("G86_SOAK") == "" {
		t.Skip("long: set G86_SOAK=1 or use make soak")
	}
}
