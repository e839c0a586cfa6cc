package cpio

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// field reads one eight-digit field of the header at the front of b.
func field(t *testing.T, b []byte, n int) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(string(b[6+8*n:14+8*n]), 16, 32)
	require.NoError(t, err)
	return v
}

func TestArchiveLayout(t *testing.T) {
	var buf bytes.Buffer
	c := NewWriter(&buf)
	c.Dir("dev", 0o755)
	c.CharDev("dev/console", 0o600, 5, 1)
	c.File("init", 0o755, []byte("hello"))
	c.Symlink("sh", "init")
	require.NoError(t, c.Close())

	type entry struct {
		name         string
		mode         uint64
		major, minor uint64
		data         string
	}
	var got []entry
	b := buf.Bytes()
	require.Zero(t, len(b)%4)
	for len(b) > 0 {
		require.Equal(t, "070701", string(b[:6]))
		nameSize, size := field(t, b, 11), field(t, b, 6)
		name := b[110 : 110+nameSize]
		require.Zero(t, name[nameSize-1])
		start := (110 + nameSize + 3) &^ 3
		got = append(got, entry{string(name[:nameSize-1]), field(t, b, 1), field(t, b, 9), field(t, b, 10), string(b[start : start+size])})
		b = b[(start+size+3)&^3:]
	}
	require.Equal(t, []entry{
		{"dev", 0o040755, 0, 0, ""},
		{"dev/console", 0o020600, 5, 1, ""},
		{"init", 0o100755, 0, 0, "hello"},
		{"sh", 0o120777, 0, 0, "init"},
		{"TRAILER!!!", 0, 0, 0, ""},
	}, got)
}

func TestAbsoluteNamesAreRefused(t *testing.T) {
	c := NewWriter(&bytes.Buffer{})
	c.Dir("/dev", 0o755)
	require.ErrorContains(t, c.Close(), `"/dev"`)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorSticks(t *testing.T) {
	c := NewWriter(failing{})
	c.Dir("dev", 0o755)
	require.ErrorContains(t, c.Close(), "disk full")
}
