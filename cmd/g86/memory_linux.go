package main

import (
	"os"
	"strconv"
	"strings"
)

// hostMemory is how much memory guests can have, in MiB: what the host has available,
// or less where the control group has a limit. limit says which.
func hostMemory() (mib uint64, limit string) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, ""
	}
	for _, l := range strings.Split(string(b), "\n") {
		if f := strings.Fields(l); len(f) >= 2 && f[0] == "MemAvailable:" {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			mib = n >> 10
		}
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && n>>20 < mib {
			return n >> 20, " by the limit in " + path
		}
	}
	return mib, ""
}
