// Package cpio writes initramfs archives in the "new ASCII" (newc) format the
// Linux kernel unpacks (Documentation/driver-api/early-userspace/
// buffer-format.rst): a 110-byte header of eight-digit hexadecimal fields, the
// name, the data, each padded to four bytes, and a last entry TRAILER!!!.
//
// Archives are reproducible: owner root, time zero, inode numbers in order.
package cpio

import (
	"fmt"
	"io"
)

// File type bits of c_mode, as stat(2) defines them.
const (
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeSymlink = 0o120000
	modeChar    = 0o020000
)

// Writer appends entries to an archive. The first error sticks: check only
// what Close returns.
type Writer struct {
	w   io.Writer
	pos int64
	ino uint32
	err error
}

// NewWriter starts an archive on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Dir adds a directory. Parents must be added before their children, without
// leading slashes.
func (c *Writer) Dir(name string, perm uint32) { c.entry(name, modeDir|perm&0o7777, 2, 0, 0, nil) }

// File adds a regular file.
func (c *Writer) File(name string, perm uint32, data []byte) {
	c.entry(name, modeFile|perm&0o7777, 1, 0, 0, data)
}

// Symlink adds a symbolic link.
func (c *Writer) Symlink(name, target string) {
	c.entry(name, modeSymlink|0o777, 1, 0, 0, []byte(target))
}

// CharDev adds a character device node.
func (c *Writer) CharDev(name string, perm, major, minor uint32) {
	c.entry(name, modeChar|perm&0o7777, 1, major, minor, nil)
}

// Close writes the trailer and reports the first error of any call.
func (c *Writer) Close() error {
	c.ino = 0xFFFFFFFF // the trailer is entry 0
	c.entry("TRAILER!!!", 0, 1, 0, 0, nil)
	return c.err
}

func (c *Writer) entry(name string, mode, nlink, major, minor uint32, data []byte) {
	if c.err == nil && (name == "" || name[0] == '/') {
		c.err = fmt.Errorf("cpio: bad entry name %q: want a relative path", name)
	}
	c.ino++
	// c_magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor,
	// rdevmajor, rdevminor, namesize (with its NUL), check.
	c.write([]byte(fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, nlink, 0, uint32(len(data)), 0, 0, major, minor, uint32(len(name)+1), 0)))
	c.write([]byte(name + "\x00"))
	c.pad()
	c.write(data)
	c.pad()
}

func (c *Writer) pad() { c.write(make([]byte, -c.pos&3)) }

func (c *Writer) write(p []byte) {
	if c.err != nil || len(p) == 0 {
		return
	}
	n, err := c.w.Write(p)
	c.pos += int64(n)
	c.err = err
}
