package cpu

import (
	"g86/cpu/isa"
	"g86/cpu/sem"
)

// Implemented reports whether the interpreter has semantics or a method for a
// form of the instruction table.
func Implemented(id isa.ID) bool {
	f := &isa.Forms[id]
	return sem.Lookup(f) != nil || execs[f.Mnemonic+" "+f.Args] != nil || execs[f.Mnemonic] != nil
}

// Generated reports whether the interpreter's functions for a form are printed from its
// semantics; otherwise it is a method.
func Generated(id isa.ID) bool {
	f := &isa.Forms[id]
	return sem.Lookup(f) != nil && execs[f.Mnemonic+" "+f.Args] == nil && execs[f.Mnemonic] == nil
}
