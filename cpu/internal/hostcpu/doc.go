// Package hostcpu runs a few bytes of machine code on the host's processor, so that tests can take it as the oracle for
// arithmetic. Only tests import it; it is empty but on linux/amd64.
package hostcpu
