// Command record counts the proof of every form anew, on a host with Linux on x86-64
// and beside the vectors, into tests/proof/proof.json.
package main

import (
	"fmt"
	"os"

	"g86/cpu/isa"
	"g86/tests/proof"
)

// rounds is how many cases of each form and code size the host's processor judges.
const rounds = 100

func main() {
	c := proof.Counts{}
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "record:", err)
			os.Exit(1)
		}
	}
	fail(c.Host(rounds))
	fail(c.Kernels("tests/kernels"))
	fail(c.Vectors("../shared/vectors/80286"))
	c.Translator()
	fail(c.Save("tests/proof/" + proof.File))
	for i := 1; i < len(isa.Forms); i++ {
		if f := &isa.Forms[i]; !c[proof.Name(f)].Any() {
			fmt.Println("no proof:", proof.Name(f), f.Feature)
		}
	}
}
