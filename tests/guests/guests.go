// Package guests finds the real operating systems and firmware that the tests
// boot. They come from Debian's packages: `make guests` (the program in
// guests/fetch) downloads and unpacks them into tests/guests/cache, which git
// ignores. Tests ask for them by name and are skipped, with the reason, when
// one is not there.
package guests

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Guest is one file of the cache.
type Guest struct {
	Name    string // how tests ask for it
	File    string // file name in the cache
	Package string // Debian package it comes from; "" for what we make ourselves
	Arch    string // that package's architecture, "all" where it has none
	Path    string // glob inside the unpacked package
	Gunzip  bool   // stored compressed in the package
	What    string // one line for people
}

const (
	installer = "usr/lib/debian-installer/images/12/"
	d12i386   = "debian-installer-12-netboot-i386"
	d12amd64  = "debian-installer-12-netboot-amd64"
)

// Catalog lists every guest, grouped by package.
var Catalog = []Guest{
	{"cloud-kernel", "cloud-kernel", "linux-image-cloud-amd64", "amd64", "boot/vmlinuz-*-cloud-amd64", false, "Debian's cloud kernel, x86-64 bzImage"},
	{"busybox", "busybox", "busybox-static", "amd64", "bin/busybox", false, "static busybox, x86-64"},
	{"busybox-initrd", "busybox-initrd.gz", "", "", "", false, "our ramdisk of it: a shell on the console"},
	{"installer-i386-kernel", "installer-i386-linux", d12i386, "all", installer + "i386/text/debian-installer/i386/linux", false, "Debian 12 installer, i386 bzImage"},
	{"installer-i386-initrd", "installer-i386-initrd.gz", d12i386, "all", installer + "i386/text/debian-installer/i386/initrd.gz", false, "Debian 12 installer, i386 ramdisk"},
	{"installer-amd64-kernel", "installer-amd64-linux", d12amd64, "all", installer + "amd64/text/debian-installer/amd64/linux", false, "Debian 12 installer, x86-64 bzImage"},
	{"installer-amd64-initrd", "installer-amd64-initrd.gz", d12amd64, "all", installer + "amd64/text/debian-installer/amd64/initrd.gz", false, "Debian 12 installer, x86-64 ramdisk"},
	{"grub-floppy", "grub-floppy.img", "grub-rescue-pc", "amd64", "usr/lib/grub-rescue/grub-rescue-floppy.img", false, "GRUB rescue floppy"},
	{"grub-cdrom", "grub-cdrom.iso", "grub-rescue-pc", "amd64", "usr/lib/grub-rescue/grub-rescue-cdrom.iso", false, "GRUB rescue CD"},
	{"grub-usb", "grub-usb.img", "grub-rescue-pc", "amd64", "usr/lib/grub-rescue/grub-rescue-usb.img", false, "GRUB rescue disk image"},
	{"memtest-ia32-iso", "memtest-ia32.iso", "memtest86+", "amd64", "usr/lib/memtest86+/memtest86+ia32.iso", false, "memtest86+ CD, 32-bit"},
	{"memtest-x64-iso", "memtest-x64.iso", "memtest86+", "amd64", "usr/lib/memtest86+/memtest86+x64.iso", false, "memtest86+ CD, 64-bit"},
	{"memtest-ia32-bin", "memtest-ia32.bin", "memtest86+", "amd64", "boot/memtest86+ia32.bin", false, "memtest86+ as a Linux-protocol kernel, 32-bit"},
	{"memtest-x64-bin", "memtest-x64.bin", "memtest86+", "amd64", "boot/memtest86+x64.bin", false, "memtest86+ as a Linux-protocol kernel, 64-bit"},
	{"seabios", "seabios-256k.bin", "seabios", "all", "usr/share/seabios/bios-256k.bin", false, "SeaBIOS, 256 KiB"},
	{"seabios-128k", "seabios-128k.bin", "seabios", "all", "usr/share/seabios/bios.bin", false, "SeaBIOS, 128 KiB"},
	{"vgabios-stdvga", "vgabios-stdvga.bin", "seabios", "all", "usr/share/seabios/vgabios-stdvga.bin", false, "SeaBIOS VGA BIOS for the Bochs/standard VGA"},
	{"vgabios-isavga", "vgabios-isavga.bin", "seabios", "all", "usr/share/seabios/vgabios-isavga.bin", false, "SeaBIOS VGA BIOS for a plain VGA"},
	{"gnumach", "gnumach", "gnumach-image-1.8-486", "i386", "boot/gnumach-1.8-486.gz", true, "GNU Mach, Multiboot ELF"},
}

// MissingFile is the note in the cache where the fetcher says what it could
// not get: one "name: reason" per line.
const MissingFile = "MISSING"

// Lookup returns the catalog's entry of that name.
func Lookup(name string) (Guest, bool) {
	for _, g := range Catalog {
		if g.Name == name {
			return g, true
		}
	}
	return Guest{}, false
}

// CacheDir is tests/guests/cache of the module the working directory is in.
func CacheDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "tests", "guests", "cache"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("guests: no go.mod above the working directory: run inside the g86 repository")
		}
		dir = parent
	}
}

// Path returns where a guest's file is, or an error that says why it is not
// there. It panics on a name the catalog does not have: that is a typo.
func Path(name string) (string, error) {
	g, ok := Lookup(name)
	if !ok {
		panic(fmt.Sprintf("guests: no guest %q in the catalog", name))
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	return g.in(cache)
}

func (g Guest) in(cache string) (string, error) {
	p := filepath.Join(cache, g.File)
	if st, err := os.Stat(p); err == nil && st.Size() > 0 {
		return p, nil
	}
	why := "run `make guests` on a Debian host to fetch it"
	if said := missing(cache)[g.Name]; said != "" {
		why = "`make guests` could not fetch it: " + said
	}
	return "", fmt.Errorf("guest %s (%s) is not in tests/guests/cache: %s", g.Name, g.What, why)
}

func missing(cache string) map[string]string {
	m := map[string]string{}
	f, err := os.Open(filepath.Join(cache, MissingFile))
	if err != nil {
		return m
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, why, ok := strings.Cut(s.Text(), ": "); ok {
			m[name] = why
		}
	}
	return m
}

// Need returns the guest's path or skips the test with the reason.
func Need(t testing.TB, name string) string {
	t.Helper()
	p, err := Path(name)
	if err != nil {
		t.Skip(err)
	}
	return p
}
