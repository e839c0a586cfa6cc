package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// debianSources copies the entries of the host's package sources that are
// Debian's own (a release's suite with the component "main") into dir, so that
// a broken or slow third-party source cannot get in the way.
func debianSources(dir string) error {
	suites := []string{"stable", "oldstable", "testing", "unstable", "sid"}
	if rel, err := os.ReadFile("/etc/os-release"); err == nil {
		for _, line := range strings.Split(string(rel), "\n") {
			if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
				suites = append(suites, strings.Trim(name, `"`))
			}
		}
	}
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*.list")
	var oneline, deb822 strings.Builder
	for _, p := range append([]string{"/etc/apt/sources.list"}, lists...) {
		if text, err := os.ReadFile(p); err == nil {
			oneline.WriteString(debianLines(string(text), suites))
		}
	}
	stanzas, _ := filepath.Glob("/etc/apt/sources.list.d/*.sources")
	for _, p := range stanzas {
		if text, err := os.ReadFile(p); err == nil {
			deb822.WriteString(debianStanzas(string(text), suites))
		}
	}
	if oneline.Len() == 0 && deb822.Len() == 0 {
		return errors.New("the host's package sources name no Debian suite with component main")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "debian.list"), []byte(oneline.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "debian.sources"), []byte(deb822.String()), 0o644))
}

// isDebian tells whether a suite ("bookworm-security", "stable/updates") with
// these components is one of Debian's.
func isDebian(suite string, components, suites []string) bool {
	main := false
	for _, c := range components {
		main = main || c == "main"
	}
	base, _, _ := strings.Cut(suite, "/")
	base, _, _ = strings.Cut(base, "-")
	for _, s := range suites {
		if main && base == s {
			return true
		}
	}
	return false
}

// debianLines filters the one-line format: deb [options] uri suite component...
func debianLines(text string, suites []string) string {
	var keep strings.Builder
	for _, line := range strings.Split(text, "\n") {
		rest := line
		if open, after, ok := strings.Cut(line, "["); ok {
			if _, tail, ok := strings.Cut(after, "]"); ok {
				rest = open + tail
			}
		}
		f := strings.Fields(rest)
		if len(f) >= 4 && f[0] == "deb" && isDebian(f[2], f[3:], suites) {
			keep.WriteString(line + "\n")
		}
	}
	return keep.String()
}

// debianStanzas filters the deb822 format. Architectures lines go: the private
// apt asks for architectures the host may not have.
func debianStanzas(text string, suites []string) string {
	var keep strings.Builder
	for _, stanza := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n\n") {
		var lines, components, names []string
		enabled, binary := true, false
		for _, line := range strings.Split(stanza, "\n") {
			key, value, _ := strings.Cut(line, ":")
			switch key {
			case "Architectures":
				continue
			case "Components":
				components = strings.Fields(value)
			case "Suites":
				names = strings.Fields(value)
			case "Types":
				binary = strings.Contains(" "+value+" ", " deb ")
			case "Enabled":
				enabled = strings.TrimSpace(value) != "no"
			}
			lines = append(lines, line)
		}
		if binary && enabled && len(names) > 0 && isDebian(names[0], components, suites) {
			keep.WriteString(strings.Join(lines, "\n") + "\n\n")
		}
	}
	return keep.String()
}
