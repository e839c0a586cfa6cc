//go:build !unix

package main

import "io/fs"

// fileID is not known on this host.
func fileID(fs.FileInfo) string { return "" }
