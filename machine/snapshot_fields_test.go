package machine

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"g86/cpu"
	"g86/devices"
	"g86/devices/snap"
)

// leaf is one field of a chip that holds a plain value.
type leaf struct {
	path string
	v    reflect.Value
}

// leaves lists the plain values that belong to v: of the structs, arrays and
// slices in it and of the structs of its own package that it points to. What is
// tagged `snap:"-"` is derived or wiring and left out, as are functions,
// interfaces and what belongs to other packages: those are wires.
func leaves(v reflect.Value, path, pkg string, seen map[unsafe.Pointer]bool) (l []leaf) {
	switch v.Kind() {
	case reflect.Func, reflect.Interface, reflect.Chan, reflect.Map, reflect.UnsafePointer:
		return nil
	case reflect.Pointer:
		t := v.Type().Elem()
		if v.IsNil() || t.Kind() != reflect.Struct || t.PkgPath() != pkg || seen[v.UnsafePointer()] {
			return nil
		}
		seen[v.UnsafePointer()] = true
		return leaves(v.Elem(), path, pkg, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("snap") != "-" {
				l = append(l, leaves(v.Field(i), path+"."+f.Name, pkg, seen)...)
			}
		}
		return l
	case reflect.Array, reflect.Slice:
		n := v.Len()
		step := max(1, n/40) // of large ones a sample
		for i := 0; i < n; i += step {
			l = append(l, leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), pkg, seen)...)
		}
		return l
	}
	return []leaf{{path, v}}
}

// fill gives every empty slice of a chip's own one element, so that it has
// something to lose.
func fill(v reflect.Value, pkg string, seen map[unsafe.Pointer]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		t := v.Type().Elem()
		if !v.IsNil() && t.Kind() == reflect.Struct && t.PkgPath() == pkg && !seen[v.UnsafePointer()] {
			seen[v.UnsafePointer()] = true
			fill(v.Elem(), pkg, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				fill(v.Field(i), pkg, seen)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), pkg, seen)
		}
	case reflect.Slice:
		switch v.Type().Elem().Kind() {
		case reflect.Pointer, reflect.Func, reflect.Interface:
		default:
			if v.Len() == 0 {
				writable(v).Set(reflect.MakeSlice(v.Type(), 1, 1))
			}
		}
	}
}

// writable lifts the protection of unexported fields.
func writable(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// candidates are other values of a field; not all of them are possible states.
func candidates(v reflect.Value) []any {
	old := writable(v)
	switch v.Kind() {
	case reflect.Bool:
		return []any{!old.Bool()}
	case reflect.String:
		return []any{old.String() + "x"}
	case reflect.Float64:
		return []any{old.Float() + 1}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return []any{old.Int() ^ 1, old.Int() + 1, old.Int() + 2, old.Int() - 1}
	}
	return []any{old.Uint() ^ 1, old.Uint() ^ 2, old.Uint() + 1, old.Uint() - 1, old.Uint() ^ 0x10, old.Uint() ^ 0x80}
}

func assign(v reflect.Value, x any) {
	writable(v).Set(reflect.ValueOf(x).Convert(v.Type()))
}

// pull is what a chip saves.
func pull(d devices.Device) string {
	w := &snap.Writer{}
	d.Save(w)
	return string(w.Bytes())
}

// TestEveryFieldSurvives changes every field of every chip: the change shows in
// what the chip saves, and another chip that loads this has it. A chip may refuse
// a state that cannot be, but only after it has read it.
func TestEveryFieldSurvives(t *testing.T) {
	img := file(t, "a.img", make([]byte, 1440<<10)) + ",snapshot=on"
	c := Config{CPUs: 2, Disks: []string{img}, Floppies: []string{img}, CDROMs: []string{file(t, "cd.iso", make([]byte, 1<<20))}}
	a, b := build(t, small(c)), build(t, small(c))
	a.RunUntil(200_000)
	b.RunUntil(200_000)
	total := 0
	for i, from := range a.devs {
		t.Run(from.Name(), func(t *testing.T) {
			to := b.devs[i]
			v, u := reflect.ValueOf(from), reflect.ValueOf(to)
			pkg := v.Elem().Type().PkgPath()
			fill(v, pkg, map[unsafe.Pointer]bool{})
			base := pull(from)
			fields := leaves(v, "", pkg, map[unsafe.Pointer]bool{})
			require.NotEmpty(t, fields)
			for _, f := range fields {
				require.NoError(t, survives(f, from, to, base, func() []leaf { return leaves(u, "", pkg, map[unsafe.Pointer]bool{}) }), from.Name()+f.path)
				total++
			}
		})
	}
	require.Greater(t, total, 1000)
}

func survives(f leaf, from, to devices.Device, base string, theirs func() []leaf) error {
	old := reflect.New(f.v.Type()).Elem()
	old.Set(writable(f.v))
	defer func() { writable(f.v).Set(old) }()
	shown := false
	for _, x := range candidates(f.v) {
		assign(f.v, x)
		saved := pull(from)
		if saved == base {
			continue
		}
		shown = true
		err := to.Load(snap.NewReader([]byte(saved)))
		for _, g := range theirs() {
			if g.path == f.path && writable(g.v).Equal(writable(f.v)) {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
	if !shown {
		return errors.New("is not saved: save it, or tag it `snap:\"-\"` if it is derived or wiring")
	}
	return errors.New("does not come back")
}

// TestEveryFieldOfProcessorsSurvives does it for the processors and for what the
// machine itself keeps.
func TestEveryFieldOfProcessorsSurvives(t *testing.T) {
	m := build(t, small(Config{CPUs: 2}))
	for name, p := range map[string][2]any{
		"cpu.State":    {m.cpus[0].Pull(), &cpu.State{}},
		"runState":     {&m.state, &runState{}},
		"stopReason":   {&m.stop, &stopReason{}},
		"savedMachine": {&savedMachine{Typing: []rune("x"), Serial: [4][]byte{{1}, {2}, {3}, {4}}}, &savedMachine{}},
	} {
		from, to := reflect.ValueOf(p[0]), reflect.ValueOf(p[1])
		pkg := from.Elem().Type().PkgPath()
		for _, f := range leaves(from, "", pkg, map[unsafe.Pointer]bool{}) {
			assign(f.v, candidates(f.v)[0])
			w := &snap.Writer{}
			w.Struct(p[0])
			require.NoError(t, snap.NewReader(w.Bytes()).Struct(p[1]))
			for _, g := range leaves(to, "", pkg, map[unsafe.Pointer]bool{}) {
				if g.path == f.path {
					require.True(t, writable(g.v).Equal(writable(f.v)), "%s%s", name, f.path)
				}
			}
		}
	}
}

// TestEveryFieldOfConfigIsSavedOrTheHosts fails for a new setting that a
// snapshot would forget.
func TestEveryFieldOfConfigIsSavedOrTheHosts(t *testing.T) {
	host := " Accel Switches Image Serial Parallel LogItems LogWriter saved "
	saved := reflect.TypeFor[SnapshotConfig]()
	c := reflect.TypeFor[Config]()
	for i := range c.NumField() {
		name := c.Field(i).Name
		_, ok := saved.FieldByName(name)
		require.True(t, ok != strings.Contains(host, " "+name+" "), "Config.%s", name)
	}
}
