package machine

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"g86/devices"
	"g86/devices/snap"
)

// extremes are values that a field of a forged snapshot may have.
func extremes(v reflect.Value) []any {
	switch v.Kind() {
	case reflect.Bool:
		return []any{!writable(v).Bool()}
	case reflect.String, reflect.Float64:
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		top := int64(1)<<(v.Type().Bits()-1) - 1
		return []any{int64(0), int64(-1), top, -top - 1, int64(5)}
	}
	top := ^uint64(0) >> (64 - v.Type().Bits())
	return []any{uint64(0), top, top >> 1, uint64(7)}
}

// TestForgedStatesHurtNobody: a state that a chip accepts from a snapshot, be it
// ever so unlikely, neither panics nor hangs when the guest goes on and touches
// every port.
func TestForgedStatesHurtNobody(t *testing.T) {
	img := file(t, "a.img", make([]byte, 1440<<10)) + ",snapshot=on"
	c := Config{CPUs: 2, Disks: []string{img}, Floppies: []string{img}, CDROMs: []string{file(t, "cd.iso", make([]byte, 1<<20))}}
	a, b := build(t, small(c)), build(t, small(c))
	a.RunUntil(200_000)
	b.RunUntil(200_000)
	sound := map[string]string{}
	for _, d := range a.devs {
		sound[d.Name()] = pull(d)
	}
	clock := &snap.Writer{}
	a.clk.Save(clock)
	state := b.state
	try := func(i int, saved, what string) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("%s: %v\n%s", what, r, debug.Stack())
			}
		}()
		if b.devs[i].Load(snap.NewReader([]byte(saved))) != nil {
			return
		}
		for port := range 0x400 {
			if port&0xfff0 != 0xcf0 {
				b.bus.In(uint16(port), 1)
			}
		}
		for range 3 {
			b.clk.Advance(50_000_000)
			b.clk.RunDue()
			for _, c := range b.boards {
				if c.Interrupt() {
					c.Ack()
				}
			}
		}
		for _, port := range []uint16{0x1f0, 0x170, 0x3f5, 0x60, 0x3f8, 0x510} {
			for range 600 {
				b.bus.In(port, 1)
				b.bus.Out(port, 1, 0x5a)
			}
		}
		if b.devs[i] == devices.Device(b.vga) {
			_, _ = b.vga.Text()
			_ = b.vga.PNG(io.Discard)
		}
	}
	for i, from := range a.devs {
		v := reflect.ValueOf(from)
		pkg := v.Elem().Type().PkgPath()
		fill(v, pkg, map[unsafe.Pointer]bool{})
		for _, f := range leaves(v, "", pkg, map[unsafe.Pointer]bool{}) {
			if repeated.MatchString(f.path) {
				continue
			}
			old := reflect.New(f.v.Type()).Elem()
			old.Set(writable(f.v))
			for _, x := range extremes(f.v) {
				assign(f.v, x)
				what := fmt.Sprintf("%s%s = %v", from.Name(), f.path, x)
				done := make(chan struct{})
				go func() {
					select {
					case <-done:
					case <-time.After(20 * time.Second):
						panic("hangs with " + what)
					}
				}()
				try(i, pull(from), what)
				close(done)
			}
			writable(f.v).Set(old)
			b.stop, b.state = stopReason{}, state
			require.NoError(t, b.devs[i].Load(snap.NewReader([]byte(sound[from.Name()]))))
			require.NoError(t, b.clk.Load(snap.NewReader(clock.Bytes())))
		}
	}
}

// repeated are elements of arrays that are like the ones before.
var repeated = regexp.MustCompile(`\[([4-9]|\d\d+)\]`)
