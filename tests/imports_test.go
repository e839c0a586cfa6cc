// Package tests holds the checks that look at the whole repository.
package tests

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers says what each part of the repository may import of the others. The
// longest matching prefix counts; a package may always import its own part.
// This is the graph of DESIGN.md: imports only point down, and processors and
// chips meet in package machine alone.
var layers = map[string][]string{
	"cmd":                {"cmd", "machine", "jit", "cpu", "devices", "firmware", "tests/guests", "tests/conform"},
	"machine":            {"machine", "jit", "cpu", "devices", "firmware"},
	"machine/image":      {"firmware"},
	"jit":                {"jit", "cpu"},
	"cpu":                {"cpu"},
	"cpu/isa":            {},
	"cpu/ir":             {},
	"cpu/softfloat":      {},
	"cpu/sem":            {"cpu/ir", "cpu/isa"},
	"devices":            {"devices"},
	"devices/bus":        {},
	"devices/clock":      {"devices/snap"},
	"devices/irq":        {},
	"devices/snap":       {},
	"firmware":           {"firmware", "devices"},
	"firmware/linux":     {"firmware/direct"},
	"firmware/multiboot": {"firmware/direct"},
	"tests":              {"tests", "machine", "jit", "cpu", "devices", "firmware"},
}

func layer(pkg string) string {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, ok := layers[p]; ok {
			return p
		}
	}
	return ""
}

func allowed(from, to string) bool {
	l := layer(from)
	if to == l || strings.HasPrefix(to, l+"/") {
		return true
	}
	for _, a := range layers[l] {
		if to == a || strings.HasPrefix(to, a+"/") {
			return true
		}
	}
	return false
}

func TestImportsPointDown(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	seen := 0
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || name == "cache" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		require.NotEmpty(t, layer(pkg), "%s belongs to no layer of this test", pkg)
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if to, ok := strings.CutPrefix(p, "g86/"); ok {
				seen++
				require.True(t, allowed(pkg, to), "%s imports %s, which is not below it", file, p)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 50)
}

func TestLayersForbid(t *testing.T) {
	for _, pair := range [][2]string{{"cpu", "devices/bus"}, {"devices/pic", "cpu"}, {"firmware", "machine"}, {"cpu/isa", "cpu"},
		{"devices/bus", "devices/pic"}, {"machine", "cmd/g86"}} {
		require.False(t, allowed(pair[0], pair[1]), "%s -> %s", pair[0], pair[1])
	}
}
