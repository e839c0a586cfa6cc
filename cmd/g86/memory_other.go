//go:build !linux

package main

// hostMemory is not known on this host.
func hostMemory() (mib uint64, limit string) { return 0, "" }
