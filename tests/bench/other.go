//go:build !linux

// Bench measures on Linux hosts.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: it measures processes as Linux tells about them; run it there")
	os.Exit(1)
}
