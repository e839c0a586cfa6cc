// Command isadoc writes docs/ISA.md from the instruction table and the recorded proof.
package main

import (
	"fmt"
	"os"

	"g86/tests/proof"
)

//go:generate go run . ../proof.json ../../../docs/ISA.md

func main() {
	c, err := proof.Load(os.Args[1])
	if err == nil {
		err = os.WriteFile(os.Args[2], []byte(c.Markdown()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "isadoc:", err)
		os.Exit(1)
	}
}
