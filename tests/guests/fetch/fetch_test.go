package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var suites = []string{"bookworm", "stable"}

func TestKernelDependency(t *testing.T) {
	require.Equal(t, "linux-image-6.1.0-56-cloud-amd64",
		kernelDependency("linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n"))
	require.Equal(t, "", kernelDependency("linux-image-cloud-amd64\n  Depends: libc6\n"))
}

func TestOnlyDebiansOwnSourcesAreKept(t *testing.T) {
	require.Equal(t,
		"deb http://mirror.example/debian bookworm main contrib\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.example/s bookworm-security main\n",
		debianLines(`# comment
deb http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/s bookworm-security main
deb http://other.example/apt vendor-bookworm main
deb http://other.example/apt bookworm vendor
`, suites))

	stanza := "Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg"
	text := stanza + "\nArchitectures: amd64\n\n" +
		"Types: deb\nURIs: http://other.example\nSuites: nodistro\nComponents: main\n\n" +
		"Types: deb\nEnabled: no\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"
	require.Equal(t, stanza+"\n\n", debianStanzas(text, suites))
}
