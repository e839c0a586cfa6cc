//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileID tells a file from another that took its name.
func fileID(st fs.FileInfo) string {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprint(s.Dev, s.Ino)
	}
	return ""
}
