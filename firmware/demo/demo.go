// Package demo embeds the demonstration guest: a Multiboot kernel that shows
// how a CPU without virtualisation support was shared. A tiny monitor in ring 0
// runs a guest kernel in ring 1 and an application in ring 2, emulates the
// privileged instructions that fault, lets the guest find the sensitive ones
// that do not, narrates each step on the VGA text screen and COM1, and powers
// off through ACPI. Its source is demo.asm; `make demo` rebuilds it with NASM.
package demo

import _ "embed"

// Kernel is the guest, to be loaded by package multiboot. It needs 3 MiB.
//
//go:embed demo.bin
var Kernel []byte

// Name is what the guest is called where an image's path would stand.
const Name = "demo"

// Goodbye is the last line it prints before it powers off.
const Goodbye = "I power off the real machine. Goodbye."
