// Package silicon takes the host's own processor as the oracle: it runs single
// user-mode instructions natively, with every register, flag and the x87, MMX
// and SSE state chosen, and tells what came of them, exceptions included. The
// same instructions run on an engine of g86, and the two are compared.
//
// Natively an instruction is entered with IRETQ and the trap flag set, so that
// the processor stops after it wherever it leads; the trap and all exceptions
// arrive as signals in a handler of our own (native_linux_amd64.go). That needs
// linux/amd64; elsewhere Open says so.
package silicon
